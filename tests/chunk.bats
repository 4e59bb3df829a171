# c1v-chunk: documents in, chunk records out. What the splitters do is in
# tests/unit/test_chunk.c.

load helper

lines_are() { # the output, line by line
	assert_output "$(printf '%s\n' "$@")"
}

contents() { # of the chunks that c1v-chunk makes with these arguments
	c1v-chunk "$@" | jq -r .content
}

# --- records ------------------------------------------------------------------

@test "a record becomes chunk records with places" {
	run c1v-chunk -s 12 -o 0 <<<'{"id":"d","content":"first line\nsecond line"}'
	assert_success
	lines_are \
	    '{"id":"d#0","content":"first line","doc":"d","chunk":{"index":0,"of":2,"start":0,"end":10,"line":1,"end_line":1}}' \
	    '{"id":"d#1","content":"second line","doc":"d","chunk":{"index":1,"of":2,"start":11,"end":22,"line":2,"end_line":2}}'
}

@test "unknown members pass byte for byte, in their places" {
	run c1v-chunk <<<'{"big":9007199254740993,"content":"a","f":1.0,"id":"x","o":{ "k" : [1e3] },"u":"\u00e9\/"}'
	assert_success
	assert_output '{"big":9007199254740993,"content":"a","f":1.0,"id":"x#0","o":{ "k" : [1e3] },"u":"\u00e9\/","doc":"x","chunk":{"index":0,"of":1,"start":0,"end":1,"line":1,"end_line":1}}'
}

@test "the id is the source, else the hash of the content" {
	run bash -c 'printf "%s\n" "{\"source\":\"s\",\"content\":\"abc\"}" "{\"content\":\"abc\"}" "{\"id\":7,\"content\":\"abc\"}" | c1v-chunk | jq -r .id'
	lines_are 's#0' "$(printf abc | sha256sum | cut -d' ' -f1)#0" '7#0'
}

@test "offsets are bytes of the content, escapes decoded" {
	printf '{"id":"d","content":"h\\u00e9llo w\\u00f6rld \\ud83d\\ude00 and more\\n\\nnext \\"part\\" here"}\n' >in.ndjson
	jq -j .content in.ndjson >text
	run c1v-chunk -s 10 -o 3 in.ndjson
	assert_success
	c1v-chunk -s 10 -o 3 in.ndjson | while IFS= read -r line; do
		start=$(jq .chunk.start <<<"$line")
		end=$(jq .chunk.end <<<"$line")
		[ "$(tail -c +$((start + 1)) text | head -c $((end - start)))" = "$(jq -r .content <<<"$line")" ]
	done
}

@test "an embedding of the whole document is not its chunks'" {
	run c1v-chunk <<<'{"id":"a","content":"x","embedding":[1,2],"model":"m","dims":2,"error":{"code":65},"other":1}'
	assert_success
	assert_equal "$(jq -c keys_unsorted <<<"$output")" '["id","content","other","doc","chunk"]'
	run c1v-chunk <<<'{"id":"a","content":"x","model":"T-34"}'
	assert_equal "$(jq -r .model <<<"$output")" T-34
}

@test "chunks can be chunked again" {
	run bash -c 'echo "{\"id\":\"a\",\"content\":\"one two\"}" | c1v-chunk | c1v-chunk -s 4 -o 0 | jq -c "[.id,.doc,.chunk.of]"'
	lines_are '["a#0#0","a#0",2]' '["a#0#1","a#0",2]'
}

@test "a document without text says that it has no chunks" {
	run c1v-chunk <<'END'
{"id":"a","content":""}
{"source":"s","content":" \n\t "}
{"doc":"gone","chunk":{"of":0},"x":1.0}
END
	assert_success
	lines_are '{"doc":"a","chunk":{"of":0}}' '{"doc":"s","source":"s","chunk":{"of":0}}' \
	    '{"doc":"gone","chunk":{"of":0},"x":1.0}'
}

@test "no input is no output" {
	run c1v-chunk </dev/null
	assert_success
	assert_output ''
}

# --- metadata -----------------------------------------------------------------

@test "the command line's metadata goes before the document's" {
	run bash -c 'echo "{\"content\":\"x\",\"metadata\":{\"a\":1.0,\"b\":2,\"c\":3}}" |
	    c1v-chunk --metadata "{\"b\":20,\"d\":[9007199254740993]}" -M c=new -M e=a=b | jq -c .metadata'
	assert_success
	assert_output '{"a":1.0,"b":20,"c":"new","d":[9007199254740993],"e":"a=b"}'
}

@test "metadata is added where there was none" {
	run bash -c 'printf "%s\n" "{\"content\":\"x\"}" "{\"content\":\"x\",\"metadata\":null}" | c1v-chunk -M k=v | jq -c .metadata'
	lines_are '{"k":"v"}' '{"k":"v"}'
	printf x >a.txt
	run bash -c 'c1v-chunk -M "k=\"q\"\\" a.txt | jq -c .metadata'
	assert_output '{"k":"\"q\"\\"}'
}

@test "wrong metadata options are refused" {
	for bad in '--metadata [1]' '--metadata {' '-M novalue' '-M =x'; do
		# shellcheck disable=SC2086
		run c1v-chunk $bad </dev/null
		assert_failure 64
		assert_output --partial 'c1v-chunk: --meta'
	done
}

# --- files --------------------------------------------------------------------

@test "a file is a document named as it was given" {
	mkdir -p d
	printf 'hello\nworld\n' >d/a.txt
	run c1v-chunk ./d/a.txt
	assert_success
	assert_output '{"id":"./d/a.txt#0","doc":"./d/a.txt","source":"./d/a.txt","content":"hello\nworld","chunk":{"index":0,"of":1,"start":0,"end":11,"line":1,"end_line":2}}'
}

@test "the ending or -t says what a file is" {
	echo '{"id":"r","content":"one"}' >a.jsonl
	cp a.jsonl a.ndjson
	cp a.jsonl a.txt
	run bash -c 'c1v-chunk a.jsonl a.ndjson a.txt - <<<"{\"id\":\"stdin\",\"content\":\"x\"}" | jq -r .id'
	lines_are 'r#0' 'r#0' 'a.txt#0' 'stdin#0'
	run bash -c 'c1v-chunk -t ndjson a.txt | jq -r .id'
	assert_output 'r#0'
	run bash -c 'printf "just text" | c1v-chunk -t text | jq -c "[.content,has(\"source\"),.doc]"'
	assert_output "[\"just text\",false,\"$(printf 'just text' | sha256sum | cut -d' ' -f1)\"]"
}

@test "a BOM is dropped and offsets begin behind it" {
	printf '\357\273\277text' >a.txt
	run bash -c 'c1v-chunk a.txt | jq -c "[.content,.chunk.start,.chunk.end]"'
	assert_output '["text",0,4]'
	printf '\357\273\277{"id":"a","content":"x"}\n' >a.ndjson
	run c1v-chunk a.ndjson
	assert_success
}

@test "an empty file has no chunks" {
	: >empty.md
	run c1v-chunk empty.md
	assert_success
	assert_output '{"doc":"empty.md","source":"empty.md","chunk":{"of":0}}'
}

@test "--files0-from names files, odd names included" {
	printf one >'a b.txt'
	printf two >$'new\nline.txt'
	run bash -c 'find . -name "*.txt" -print0 | sort -z | c1v-chunk --files0-from - | jq -c .source'
	assert_success
	lines_are '"./a b.txt"' '"./new\nline.txt"'
	printf 'a b.txt' >list
	run bash -c 'c1v-chunk --files0-from list | jq -r .content'
	assert_output one
	: >none
	run c1v-chunk --files0-from none
	assert_success
	assert_output ''
	run c1v-chunk --files0-from list 'a b.txt'
	assert_failure 64
}

@test "a file that is not there ends the run" {
	printf x >a.txt
	run c1v-chunk a.txt missing.txt b.txt
	assert_failure 74
	assert_output --partial 'c1v-chunk: cannot read missing.txt: No such file or directory'
	run c1v-chunk .
	assert_failure 74
}

# --- bad input ----------------------------------------------------------------

@test "a bad record is named, rejected, and the run goes on" {
	printf '%s\n' '{"id":"a","content":"x"}' '{"id":"b"}' '[1]' '{"id":"c","content":7}' \
	    '{"id":"d","content":"\u0000"}' '{"id":"e","id":"f","content":"x"}' '{"content":"x","metadata":[]}' \
	    '{"id":"z","content":"y"}' >in.ndjson
	run --separate-stderr c1v-chunk --rejects bad.ndjson in.ndjson
	assert_failure 3
	assert_equal "$(jq -r .id <<<"$output" | tr '\n' ' ')" 'a#0 z#0 '
	for n in 2 3 4 5 6 7; do
		[[ $stderr == *"in.ndjson:$n"* ]]
	done
	assert_equal "$(wc -l <bad.ndjson)" 6
	assert_equal "$(jq -r '.error.line' bad.ndjson | tr '\n' ' ')" '2 3 4 5 6 7 '
	assert_equal "$(head -n 1 bad.ndjson | jq -r .id)" b
}

@test "--strict stops at the first bad record" {
	run c1v-chunk --strict <<<$'{"id":"a","content":"x"}\n{"id":"b"}\n{"id":"c","content":"x"}'
	assert_failure 65
	assert_output --partial '-:2'
	refute_output --partial 'c#0'
}

@test "input without one good record is 65" {
	run c1v-chunk <<<'nonsense'
	assert_failure 65
}

@test "text that is not UTF-8 or holds a NUL is named with its byte" {
	printf 'abc\nd\377e' >a.txt
	printf 'a\0b' >b.txt
	printf fine >c.txt
	run --separate-stderr c1v-chunk --rejects bad.ndjson a.txt b.txt c.txt
	assert_failure 3
	assert_equal "$(jq -r .id <<<"$output")" 'c.txt#0'
	[[ $stderr == *'a.txt:2'*'not valid UTF-8 at byte 6'* ]]
	[[ $stderr == *'b.txt:1'*'a NUL at byte 2'* ]]
	assert_equal "$(jq -c '[.id,.source,.error.code]' bad.ndjson)" $'["a.txt","a.txt",65]\n["b.txt","b.txt",65]'
}

@test "what is too long is passed over" {
	head -c 3000 /dev/zero | tr '\0' a >big.txt
	{
		printf '{"id":"a","content":"%s"}\n' "$(cat big.txt)"
		echo '{"id":"b","content":"x"}'
	} >in.ndjson
	run --separate-stderr c1v-chunk --max-record 2k in.ndjson
	assert_failure 3
	assert_equal "$(jq -r .id <<<"$output")" 'b#0'
	[[ $stderr == *'in.ndjson:1'* ]]
	run c1v-chunk --max-record 2k big.txt
	assert_failure 65
	assert_output --partial 'big.txt'
}

# --- options ------------------------------------------------------------------

@test "wrong options are refused" {
	for bad in '-s 0' '-s x' '-s -1' '-o -1' '-s 5 -o 6' '-s 5 -o 5 --compat js' '--by word' '--unit words' \
	    '--keep-separator both' '--separator \q' '--separator \xff' '--separator \ud800' '-t pdf' '--no-such'; do
		# shellcheck disable=SC2086
		run c1v-chunk $bad </dev/null
		assert_failure 64
		assert_output --partial 'c1v-chunk: '
	done
}

@test "a small size alone has an overlap in proportion" {
	run bash -c 'printf abcdefghijklmno | c1v-chunk -t text -s 10 | jq -r .content'
	lines_are abcdefghij ijklmno
	run bash -c 'printf "%01500d" 0 | c1v-chunk -t text | jq -c "[.chunk.start,.chunk.end]"'
	lines_are '[0,1000]' '[800,1500]'
}

@test "settings come from the environment and the file" {
	C1V_CHUNK_SIZE=5 C1V_CHUNK_OVERLAP=0 run contents -t text - <<<abcdefgh
	lines_are abcde fgh
	mkdir -p "$XDG_CONFIG_HOME/c1v"
	printf 'size = 4\noverlap = 1\n' >"$XDG_CONFIG_HOME/c1v/config"
	run contents -t text - <<<abcdefgh
	lines_are abcd defg gh
	C1V_CHUNK_SIZE=0 run c1v-chunk </dev/null
	assert_failure 78
}

@test "separators are taken in order, with C escapes" {
	printf 'aaa\tbbb|ccc\tddd' >a.txt
	run contents -s 8 -o 0 --separator '|' --separator '\t' a.txt
	lines_are $'aaa\tbbb' $'|ccc\tddd'
	run contents -s 9 -o 0 --separator '|' --keep-separator end a.txt
	lines_are $'aaa\tbbb|' $'ccc\tddd'
	run contents -s 8 -o 0 --separator '\x7c' --separator '' a.txt
	lines_are $'aaa\tbbb' $'|ccc\tddd'
	printf 'a\342\200\250b' >b.txt
	run bash -c "c1v-chunk -s 3 -o 0 --separator '\\u2028' b.txt | jq -c .content"
	assert_output $'"a\u2028b"'
	run bash -c "c1v-chunk -s 2 -o 0 --no-strip --separator '\\u2028' b.txt | jq .content | wc -l"
	assert_output 2
}

@test "units: characters, UTF-16, bytes" {
	printf '\303\251\303\251\303\251\303\251' >a.txt
	run contents -s 4 -o 0 a.txt
	lines_are éééé
	run contents -s 4 -o 0 --unit bytes a.txt
	lines_are éé éé
	printf '\360\237\230\200\360\237\230\200' >b.txt
	run contents -s 2 -o 0 b.txt
	lines_are 😀😀
	run contents -s 2 -o 0 --compat js b.txt
	lines_are 😀 😀
}

@test "the two editions of LangChain" {
	printf '\n\n\na\na' >a.txt
	run contents -s 5 -o 0 a.txt
	lines_are a a
	run contents -s 5 -o 0 --compat js a.txt
	lines_are $'a\na'
	# Golden vectors of the JavaScript edition.
	run contents -s 10 -o 5 --compat js -t text - <<<'aaaa bbbb cccc dddd'
	lines_are 'aaaa bbbb' 'bbbb cccc' 'cccc dddd'
	printf 'one two\n\nthreefourfive' >b.txt
	run contents -s 8 -o 3 --compat js b.txt
	lines_are 'one two' threefo efourfiv five
}

@test "markdown: headings, and code that is kept whole" {
	cat >a.md <<'END'
intro

# Top

## Part *one*

Words before.

```sh
# not a heading

echo hello
```

Setext
heading
===

last
END
	run bash -c 'c1v-chunk --by markdown -s 50 -o 0 a.md | jq -c "[.chunk.headings,.chunk.line,.chunk.end_line]"'
	assert_success
	assert_line --index 0 '[null,1,1]'
	assert_line --index 1 '[["Top","Part *one*"],3,7]'
	assert_line --index 2 '[["Top","Part *one*"],9,13]'
	assert_line --index 3 '[["Setext heading"],15,19]'
}

@test "sentences are packed and overlap whole" {
	run contents --by sentence -s 20 -o 9 -t text - <<<'One two. Three. Four five. Six.'
	lines_are 'One two. Three.' 'Three. Four five.' 'Six.'
}

@test "none gives each document whole" {
	printf ' one\n\ntwo \n' >a.txt
	run bash -c 'c1v-chunk --by none -s 1 a.txt | jq -c "[.content,.chunk]"'
	assert_output '[" one\n\ntwo \n",{"index":0,"of":1,"start":0,"end":11,"line":1,"end_line":3}]'
}

# --- --inspect ----------------------------------------------------------------

@test "--inspect shows chunks, edges and what is shared" {
	printf 'abcdefghij\033klmno' >a.txt
	run c1v-chunk --inspect -s 10 -o 2 --separator '' a.txt
	assert_success
	assert_line --index 0 'a.txt: 16 bytes, 2 chunks (recursive, 10/2 characters)'
	assert_line --index 1 '#0  lines 1-1  bytes 0-10  10 characters'
	assert_line --index 2 '  [ abcdefghij'
	assert_line --index 4 '#1  lines 1-1  bytes 8-16  8 characters, 2 of them shared'
	assert_line --index 5 '  ~ ij'
	assert_line --partial '\x1bklmno'
	refute_output --partial $'\033'
}

@test "--inspect in colour only where it is wanted" {
	printf 'text' >a.txt
	CLICOLOR_FORCE=1 run c1v-chunk --inspect a.txt
	assert_output --partial $'\033[1m'
	NO_COLOR=1 CLICOLOR_FORCE=1 run c1v-chunk --inspect a.txt
	refute_output --partial $'\033'
}

# --- streams ------------------------------------------------------------------

@test "standard output that is full is 74" {
	printf '{"id":"a","content":"x"}\n' >in.ndjson
	run bash -c 'c1v-chunk in.ndjson >/dev/full'
	assert_failure 74
	assert_output --partial 'standard output'
	yes '{"id":"a","content":"some words"}' | head -n 100000 >many.ndjson
	run bash -c 'c1v-chunk many.ndjson >/dev/full'
	assert_failure 74
	printf text >a.txt
	run bash -c 'c1v-chunk --inspect a.txt >/dev/full'
	assert_failure 74
}

@test "standard output that is closed ends the run quietly" {
	run bash -c 'yes "{\"id\":\"a\",\"content\":\"some words\"}" | head -n 200000 | c1v-chunk | head -n 1 >/dev/null; echo "${PIPESTATUS[2]}"'
	assert_output 141
}

@test "an answer comes before the next question is asked" {
	coproc CHUNK { c1v-chunk; }
	for i in 1 2 3; do
		printf '{"id":"%s","content":"x"}\n' $i >&"${CHUNK[1]}"
		IFS= read -r -t 10 line <&"${CHUNK[0]}"
		assert_equal "$(jq -r .id <<<"$line")" "$i#0"
	done
}

# bats test_tags=fault
@test "memory is that of one document" {
	need prlimit
	for i in $(seq 40); do
		jq -nc --arg i "$i" '{id: $i, content: ([range(20000)] | map("word \(.). ") | add)}'
	done >in.ndjson
	assert [ "$(stat -c %s in.ndjson)" -gt 8000000 ]
	run bash -c 'prlimit --as=16000000 c1v-chunk in.ndjson | tail -n 1 | jq -r .doc'
	assert_output 40
}

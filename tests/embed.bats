# c1v-embed and c1v-model: records in, the same records with vectors out. What
# the tokenizer and the file do is in tests/unit/test_embed.c and test_model.c.

load helper

model=c1v-embed-en-256

lines_are() { # the output, line by line
	assert_output "$(printf '%s\n' "$@")"
}

# The golden records, but for one with a NUL, which no record may hold (it is in
# the unit test), and their texts as records.
golden() {
	jq -c 'select(.content | contains("\u0000") | not)' "$root/tests/data/embed-golden.ndjson"
}

golden_texts() {
	golden | jq -c '{content}'
}

# A model of three words in 2 dimensions: FILE NAME.
tiny_model() {
	local header='{"embeddings":{"dtype":"I8","shape":[3,2],"data_offsets":[0,6]}}'

	mkdir -p tiny
	printf '%s\n' '[UNK]' cat dog >tiny/vocab.txt
	# Rows (0,0), (1,0), (0,1).
	printf '\100\0\0\0\0\0\0\0%s\0\0\1\0\0\1' "$header" >tiny/model.safetensors
	c1v-model convert --name "$2" tiny "$1" >/dev/null
}

# --- the golden texts -----------------------------------------------------------

@test "golden texts: every vector is within 5e-6, null where no word is known" {
	need jq

	golden_texts | c1v-embed >got
	# Both as base64, to be read in one way.
	golden_texts | c1v-embed --encoding base64 >got64
	run jq -s 'map(select(.model == "c1v-embed-en-256" and .dims == 256)) | length' got
	assert_output 499
	golden | jq -c '.embedding == null' >wanted
	jq -c '.embedding == null' got | cmp - wanted
	golden | jq -c 'select(.embedding != null) | .embedding' >wanted
	jq -c 'select(.embedding != null) | .embedding' got64 >have
	assert [ "$(wc -l <have)" -gt 460 ]
	floats() { # the floats of base64 strings, a line each
		jq -r . "$1" | while read -r v; do printf %s "$v" | base64 -d; done | od -An -v -t f4 -w4
	}
	paste <(floats wanted) <(floats have) | awk '
		{ d = $1 - $2; if (d < 0) d = -d; if (d > most) most = d }
		END { print "numbers:", NR, "most:", most; exit !(NR == '"$(wc -l <wanted)"' * 256 && most <= 5e-6) }'
	# The array says the same, to the last bit.
	jq -c 'select(.embedding != null) | {embedding,model,dims,content}' got |
	    c1v-embed --force --encoding base64 | jq -c .embedding | cmp - have
}

@test "golden ids: c1v-model tokens" {
	need jq
	jq -c 'select(.content | test("[\u0000-\u001f]") | not) | select(.content != "" and (.content | test("^ +$") | not))' \
	    "$root/tests/data/embed-golden.ndjson" >golden
	jq -r .content golden | c1v-model tokens | jq -c .ids >have
	jq -c .ids golden | cmp - have
	assert [ "$(wc -l <have)" -gt 400 ]
}

@test "every code path gives the same bytes" {
	need jq
	golden_texts >in
	c1v-embed --encoding base64 <in >best
	for simd in scalar avx2 avx512 neon; do
		C1V_SIMD=$simd c1v-embed --encoding base64 <in | cmp - best
	done
}

# --- records --------------------------------------------------------------------

@test "a record gets embedding, model and dims, and is else the same bytes" {
	tiny_model m.c1vm tiny-1
	run c1v-embed -m local:m.c1vm <<'END'
{"big":9007199254740993, "content":"cat","o":{ "k" : [1e3] },"u":"\u00e9\/"}
{"content":"cat dog cat dog dog cat"}
{"dims":7,"model":"old","content":"Dog","embedding":null,"f":1.0}
END
	assert_success
	lines_are \
	    '{"big":9007199254740993, "content":"cat","o":{ "k" : [1e3] },"u":"\u00e9\/","embedding":[1,0],"model":"tiny-1","dims":2}' \
	    '{"content":"cat dog cat dog dog cat","embedding":[0.70710677,0.70710677],"model":"tiny-1","dims":2}' \
	    '{"dims":2,"model":"tiny-1","content":"Dog","embedding":[0,1],"f":1.0}'
}

@test "base64 is little-endian float32" {
	tiny_model m.c1vm tiny-1
	run c1v-embed -m local:m.c1vm --encoding base64 <<<'{"content":"cat"}'
	assert_output '{"content":"cat","embedding":"AACAPwAAAAA=","model":"tiny-1","dims":2}'
	C1V_EMBED_ENCODING=base64 run c1v-embed -m local:m.c1vm <<<'{"content":"cat"}'
	assert_output --partial '"AACAPwAAAAA="'
}

@test "a text without a known word has no vector, and is counted" {
	tiny_model m.c1vm tiny-1
	run --separate-stderr c1v-embed -m local:m.c1vm --log-level info <<'END'
{"content":"zebra"}
{"content":""}
{"content":"cat"}
{"doc":"d","chunk":{"of":0}}
END
	assert_success
	lines_are '{"content":"zebra","embedding":null,"model":"tiny-1","dims":2}' \
	    '{"content":"","embedding":null,"model":"tiny-1","dims":2}' \
	    '{"content":"cat","embedding":[1,0],"model":"tiny-1","dims":2}' \
	    '{"doc":"d","chunk":{"of":0}}'
	[[ $stderr == *'embedded=1'*'passed=1'*'wordless=2'*'rejected=0'* ]]
	run --separate-stderr c1v-embed -m local:m.c1vm --log-level info --log-format json <<<'{"content":"zebra"}'
	assert_equal "$(jq -c '[.type,.embedded,.wordless]' <<<"$stderr")" '["embed",0,1]'
}

@test "with headings, these are embedded before the content, which stays what it is" {
	tiny_model m.c1vm tiny-1
	run c1v-embed -m local:m.c1vm --with headings <<'END'
{"content":"dog","chunk":{"index":0,"of":1,"headings":["zebra","cat"]}}
{"content":"dog","chunk":{"headings":[]}}
{"content":"dog","chunk":{"headings":["",null]}}
{"content":"dog","chunk":null}
{"content":"dog"}
END
	assert_success
	lines_are \
	    '{"content":"dog","chunk":{"index":0,"of":1,"headings":["zebra","cat"]},"embedding":[0.70710677,0.70710677],"model":"tiny-1","dims":2}' \
	    '{"content":"dog","chunk":{"headings":[]},"embedding":[0,1],"model":"tiny-1","dims":2}' \
	    '{"content":"dog","chunk":{"headings":["",null]},"embedding":[0,1],"model":"tiny-1","dims":2}' \
	    '{"content":"dog","chunk":null,"embedding":[0,1],"model":"tiny-1","dims":2}' \
	    '{"content":"dog","embedding":[0,1],"model":"tiny-1","dims":2}'
	# The same vector as of the text that the manual describes.
	echo '{"content":"Text.","chunk":{"headings":["A \"title\"","Part\u0020two"]}}' |
	    c1v-embed --with headings | jq -c .embedding >have
	jq -nc '{content: "A \"title\" > Part two\nText."}' | c1v-embed | jq -c .embedding | cmp - have
	C1V_EMBED_WITH=headings run c1v-embed -m local:m.c1vm <<<'{"content":"dog","chunk":{"headings":["cat"]}}'
	assert_output --partial '[0.70710677,0.70710677]'
	run c1v-embed -m local:m.c1vm <<<'{"content":"dog","chunk":{"headings":["cat"]}}'
	assert_output --partial '"embedding":[0,1]'
	run --separate-stderr c1v-embed --with headings <<<'{"content":"dog","chunk":{"headings":["cat",7]}}'
	assert_equal "$status" 65
	[[ $stderr == *chunk.headings* ]]
	# A query has none.
	run c1v-embed -m local:m.c1vm --with headings --role query <<<'{"query":"cat","chunk":{"headings":["dog"]}}'
	assert_output --partial '"embedding":[1,0]'
}

@test "a record with a vector of the same model passes as it is" {
	tiny_model m.c1vm tiny-1
	local line='{"embedding" : [ 6e-1, 0.8 ], "model":"tiny-1","content":"cat", "dims":2}'

	run c1v-embed -m local:m.c1vm <<<"$line"
	assert_output "$line"
	run c1v-embed -m local:m.c1vm <<<'{"embedding":"AACAPwAAAAA=","model":"tiny-1"}'
	assert_output '{"embedding":"AACAPwAAAAA=","model":"tiny-1"}'
	run c1v-embed -m local:m.c1vm --force <<<"$line"
	assert_output '{"embedding" : [1,0], "model":"tiny-1","content":"cat", "dims":2}'
	# Twice is as once.
	c1v-chunk "$root/share/prd-templates/one-pager.md" | c1v-embed >once
	c1v-embed <once | cmp - once
}

@test "a vector of another model is refused, with both names" {
	run --separate-stderr c1v-embed --rejects bad.ndjson <<'END'
{"content":"a","embedding":[1,2],"model":"other-3"}
{"content":"b","embedding":[1,2]}
{"content":"c","embedding":[1,2],"model":"c1v-embed-en-256"}
{"content":"d","embedding":[0,0],"model":"c1v-embed-en-256"}
{"content":"e"}
END
	assert_equal "$status" 3
	assert_equal "$(jq -r .content <<<"$output")" e
	[[ $stderr == *"-:1: "*other-3*"$model"* ]]
	[[ $stderr == *"-:2: "*"$model"* ]]
	[[ $stderr == *--force* ]]
	assert_equal "$(jq -r '.error.line' bad.ndjson | tr '\n' ' ')" '1 2 3 4 '
	# Mended, they go in again; what was said of them is gone.
	run bash -c 'c1v-embed --force bad.ndjson | jq -c "[.content,.model,(.embedding|length),.error]"'
	assert_success
	lines_are '["a","c1v-embed-en-256",256,null]' '["b","c1v-embed-en-256",256,null]' \
	    '["c","c1v-embed-en-256",256,null]' '["d","c1v-embed-en-256",256,null]'
}

@test "what is no record, or has no text, is refused, and the rest goes on" {
	run --separate-stderr c1v-embed --rejects bad.ndjson <<'END'
{"content":"one"}
not json
{"id":"x"}
{"content":7}
{"content":"nul \u0000"}
{"content":"a","content":"b"}
{"query":"who"}
{"content":"two"}
END
	assert_equal "$status" 3
	assert_equal "$(jq -r .content <<<"$output" | tr '\n' ' ')" 'one two '
	assert_equal "$(jq -r .error.line bad.ndjson | tr '\n' ' ')" '2 3 4 5 6 7 '
	assert_equal "$(jq -r .raw bad.ndjson | head -n 1)" 'not json'
	[[ $stderr == *"-:7: "*content*'--role query'* ]]
	run bash -c 'printf "{\"content\":\"\377\"}\n" | c1v-embed'
	assert_equal "$status" 65
	run --separate-stderr c1v-embed --max-record 1k <<<"{\"content\":\"$(printf '%2000s' x)\"}"
	assert_equal "$status" 65
	assert_equal "$output" ''
}

@test "--strict stops at the first bad record, with what came before it" {
	run --separate-stderr c1v-embed --strict <<<$'{"content":"one"}\n{"content":"two"}\n{}\n{"content":"three"}'
	assert_equal "$status" 65
	assert_equal "$(jq -r .content <<<"$output" | tr '\n' ' ')" 'one two '
	[[ $stderr == *"-:3: "* ]]
}

@test "no input is no output" {
	run c1v-embed </dev/null
	assert_success
	assert_output ''
}

@test "queries, with their context" {
	tiny_model m.c1vm tiny-1
	run c1v-embed -m local:m.c1vm --role query <<'END'
{"id":"q","query":"dog"}
{"query":"dog","context":"cat cat"}
{"query":"dog","context":""}
{"query":"dog","content":"cat","context":null}
END
	assert_success
	assert_equal "$(jq -c .embedding <<<"$output")" $'[0,1]\n[0.8944272,0.4472136]\n[0,1]\n[0,1]'
	run c1v-embed --role query <<<'{"content":"cat"}'
	assert_equal "$status" 65
	assert_output --partial '`query`'
	# As c1v-search and anybody else would write it.
	run bash -c "printf '%s\n' '{\"query\":\"who decides\",\"context\":\"the price\"}' | c1v-embed --role query | jq -c .embedding"
	with=$output
	run bash -c "printf '%s\n' '{\"content\":\"who decides\\n\\nCurrent context: the price\"}' | c1v-embed | jq -c .embedding"
	assert_output "$with"
}

@test "plain text, a record a line" {
	tiny_model m.c1vm tiny-1
	run c1v-embed -m local:m.c1vm -t text <<<$'a "cat"\n\n\xff\ndog'
	assert_equal "$status" 3
	assert_line --index 0 --partial '-:3: not valid UTF-8'
	assert_line '{"content":"a \"cat\"","embedding":[1,0],"model":"tiny-1","dims":2}'
	assert_line '{"content":"dog","embedding":[0,1],"model":"tiny-1","dims":2}'
	run c1v-embed -m local:m.c1vm -t text --role query <<<'dog'
	assert_output '{"query":"dog","embedding":[0,1],"model":"tiny-1","dims":2}'
}

@test "files, in order, and - among them" {
	echo '{"content":"one"}' >a
	echo '{"content":"three"}' >b
	run bash -c 'echo "{\"content\":\"two\"}" | c1v-embed a - b | jq -r .content'
	lines_are one two three
	run c1v-embed a missing
	assert_equal "$status" 74
	assert_output --partial missing
	run c1v-embed --rejects a a
	assert_equal "$status" 64
	assert_equal "$(cat a)" '{"content":"one"}'
}

@test "the size of batches makes no difference" {
	c1v-chunk "$root"/share/prd-templates/*.md >chunks
	c1v-embed <chunks >wanted
	for n in 1 3 4096; do
		c1v-embed --batch-size $n <chunks | cmp - wanted
	done
	# Equal texts, in one batch and in several.
	for _ in 1 2 3; do cat chunks; done | c1v-embed --batch-size 50 | sort -u | cmp - <(sort -u wanted)
	run c1v-embed --batch-size 0 </dev/null
	assert_equal "$status" 64
}

# --- at its ends ----------------------------------------------------------------

@test "what is ready is written before input that does not come" {
	coproc embed { c1v-embed --encoding base64; }
	local pid=$embed_PID # bash forgets it when the coprocess ends
	for text in one two; do
		echo "{\"content\":\"$text\"}" >&"${embed[1]}"
		read -r -t 10 line <&"${embed[0]}"
		assert_equal "$(jq -r '[.content,.dims] | @csv' <<<"$line")" "\"$text\",256"
	done
	eval "exec ${embed[1]}>&-"
	wait "$pid"
}

@test "standard output that is full, or closed, is 74; a reader that left is quiet" {
	run bash -c 'echo "{\"content\":\"a\"}" | c1v-embed >/dev/full'
	assert_equal "$status" 74
	run bash -c 'echo "{\"content\":\"a\"}" | c1v-embed >&-'
	assert_equal "$status" 74
	c1v-chunk "$root"/share/prd-templates/*.md >chunks
	run bash -c 'c1v-embed chunks | head -n 1 | wc -l; echo "${PIPESTATUS[0]}"'
	lines_are 1 141
}

@test "models that are not there, or are none" {
	C1V_LIB=/nowhere run c1v-embed -m text-embedding-3-small </dev/null
	assert_equal "$status" 78
	assert_line 'c1v-embed: embed_http.so: not found'
	assert_line --partial 'hint: it belongs into /nowhere'
	run c1v-embed -m local:none.c1vm </dev/null
	assert_equal "$status" 78
	C1V_SHARE=$PWD run c1v-embed </dev/null
	assert_equal "$status" 78
	assert_output --partial C1V_SHARE
	echo '{"content":"a"}' >no.c1vm
	run c1v-embed -m local:no.c1vm </dev/null
	assert_equal "$status" 65
	head -c 100000 "$C1V_SHARE/model/$model.c1vm" >short.c1vm
	C1V_MODEL=local:short.c1vm run c1v-embed </dev/null
	assert_equal "$status" 65
	assert_output --partial 'cut short'
}

# bats test_tags=fault
@test "memory is that of a batch, not of the input" {
	c1v-chunk "$root"/share/prd-templates/*.md >chunks
	for _ in {1..40}; do cat chunks; done >many
	run bash -c 'ulimit -v 120000; c1v-embed --encoding base64 many | wc -l'
	assert_output "$(wc -l <many)"
}

# --- c1v-model ------------------------------------------------------------------

@test "convert says what it made, and info what it is" {
	mkdir tiny
	tiny_model m.c1vm tiny-1
	run c1v-model convert tiny again.c1vm
	assert_success
	assert_equal "$(jq -c 'del(.bytes)' <<<"$output")" \
	    '{"file":"again.c1vm","model":"tiny","dims":2,"pieces":3,"cased":false,"unicode":"utf8proc","rounded":false}'
	run c1v-model info m.c1vm
	assert_success
	assert_equal "$(jq -c '[.model,.format,.dims,.pieces,.word_limit,.cased,.weight_vector,.weight_keyword,.notice]' <<<"$output")" \
	    '["tiny-1",1,2,3,100,false,0.4,0.6,null]'
	assert_equal "$(jq .bytes <<<"$output")" "$(stat -c %s m.c1vm)"
	c1v-model convert --cased --weights 1,0.25 tiny cased.c1vm
	run c1v-model info cased.c1vm
	assert_equal "$(jq -c '[.cased,.weight_vector,.weight_keyword]' <<<"$output")" '[true,1,0.25]'
	run c1v-model tokens -m local:cased.c1vm 'cat Cat'
	assert_output '{"text":"cat Cat","ids":[1,0],"pieces":["cat","[UNK]"]}'
	assert [ -z "$(find . -name '*.new')" ]
}

@test "the shipped model is as it was made, and has its licence with it" {
	run c1v-model info --verify "$C1V_SHARE/model/$model.c1vm"
	assert_success
	assert_equal "$(jq -r '[.model,.dims,.pieces,.verified] | @csv' <<<"$output")" "\"$model\",256,39277,true"
	assert_equal "$(jq -r .sha256 <<<"$output")" "$(sha256sum <"$C1V_SHARE/model/$model.c1vm" | cut -d' ' -f1)"
	jq -j .notice <<<"$output" | cmp - "$C1V_SHARE/model/NOTICE"
	assert [ -s "$C1V_SHARE/model/LICENSE" ]
}

@test "--verify finds a changed byte" {
	tiny_model m.c1vm tiny-1
	printf '\377' | dd of=m.c1vm bs=1 seek=20000 conv=notrunc 2>/dev/null
	run --separate-stderr c1v-model info --verify m.c1vm
	assert_equal "$status" 1
	assert_equal "$(jq .verified <<<"$output")" false
	[[ $stderr == *damaged* ]]
	printf '\377' | dd of=m.c1vm bs=1 seek=50 conv=notrunc 2>/dev/null
	run c1v-model info m.c1vm
	assert_equal "$status" 65
}

@test "tokens: texts as arguments, or a line each" {
	run c1v-model tokens 'Hello, naïve tokenizers' ''
	assert_success
	assert_line --index 0 '{"text":"Hello, naïve tokenizers","ids":[7592,1010,15743,33516,2015],"pieces":["hello",",","naive","tokenizer","##s"]}'
	assert_line --index 1 '{"text":"","ids":[],"pieces":[]}'
	run bash -c 'printf "one\ntwo\n" | c1v-model tokens | jq -r .text'
	lines_are one two
	run bash -c 'printf "one\n\377\n" | c1v-model tokens'
	assert_equal "$status" 65
	assert_output --partial '-:2: '
}

@test "c1v-model: what it cannot do" {
	run c1v-model
	assert_equal "$status" 64
	run c1v-model covnert
	assert_equal "$status" 64
	assert_output --partial convert
	run c1v-model convert tiny
	assert_equal "$status" 64
	run c1v-model info --cased x
	assert_equal "$status" 64
	run c1v-model convert nowhere x.c1vm
	assert_equal "$status" 74
	tiny_model m.c1vm tiny-1
	before=$(sha256sum <m.c1vm)
	run c1v-model convert --name 'no name' tiny m.c1vm
	assert_equal "$status" 64
	run c1v-model convert --weights 1 tiny m.c1vm
	assert_equal "$status" 64
	run c1v-model convert tiny /nowhere/m.c1vm
	assert_equal "$status" 74
	printf x >>tiny/vocab.txt
	run c1v-model convert tiny m.c1vm
	assert_equal "$status" 65
	assert_output --partial 'rows for'
	assert_equal "$(sha256sum <m.c1vm)" "$before"
	assert [ -z "$(find . -name '*.new')" ]
}

# c1v-cost tokens: texts in, their tokens out. What the tokens are is tested in
# unit/test_bpe.c, against tiktoken's.

load helper

@test "a text, several, and their total" {
	printf 'hello world' >a.txt
	printf 'two' >b.txt
	run -0 c1v-cost tokens a.txt
	assert_output '{"source":"a.txt","tokens":2,"bytes":11,"model":"text-embedding-3-small","encoding":"cl100k_base"}'
	run -0 c1v-cost tokens a.txt b.txt
	assert_line -n 1 --partial '"tokens":1,'
	assert_line -n 2 '{"total":true,"tokens":3,"bytes":14,"model":"text-embedding-3-small","encoding":"cl100k_base"}'
	run -0 c1v-cost tokens --pretty a.txt b.txt
	assert_output "        2 a.txt
        1 b.txt
        3 total"
	run -0 bash -c 'c1v-cost tokens <a.txt'
	assert_output --partial '{"tokens":2,'
	run -0 bash -c 'c1v-cost tokens --encoding o200k_base - <a.txt'
	assert_output '{"source":"-","tokens":2,"bytes":11,"encoding":"o200k_base"}'
	run -0 bash -c 'c1v-cost tokens </dev/null'
	assert_output --partial '{"tokens":0,"bytes":0'
}

@test "records keep all that they have" {
	echo '{"content":"hello world","big":12345678901234567890,"tokens":1.0}' >r.ndjson
	run -0 c1v-cost tokens r.ndjson
	assert_output '{"content":"hello world","big":12345678901234567890,"tokens":2}'
	run -0 bash -c 'c1v-cost tokens -t ndjson -m gpt-4o --ids <r.ndjson'
	assert_output '[24912,2375]'
	printf '%s\n' '{"content":"a"}' '{"id":1}' 'no' '{"content":"b"}' >mixed.jsonl
	run -3 --separate-stderr c1v-cost tokens --rejects bad mixed.jsonl
	[ "${#lines[@]}" = 2 ]
	[ "$(wc -l <bad)" = 2 ]
	assert [ "$(jq -r .error.line bad | head -1)" = 2 ]
	run -65 c1v-cost tokens --strict mixed.jsonl
}

@test "a model that is not known is estimated, and says so" {
	printf 'hello world' >a.txt
	run -0 --separate-stderr c1v-cost tokens -m claude-x a.txt
	assert_output '{"source":"a.txt","tokens":4,"bytes":11,"model":"claude-x","estimated":true}'
	[[ $stderr == *"model claude-x is not known: its tokens are estimated"* ]]
	run -0 --separate-stderr bash -c "echo '{\"content\":\"hello\"}' | c1v-cost tokens -t ndjson -m claude-x"
	assert_output '{"content":"hello","tokens":2,"estimated":true}'
	run -78 c1v-cost tokens -m claude-x --ids a.txt
	assert_output --partial 'its tokens are not known'
}

@test "tokens and back, through files and pipes of any kind" {
	{
		seq 1 30000
		printf 'caf\303\251 \377\376 \360\237\230\200\r\n\r\n  '
		head -c 3000000 /dev/zero | tr '\0' x
		echo ' end <|endoftext|>'
	} >all
	c1v-cost tokens --ids all >ids
	c1v-cost tokens --ids <all >ids-2
	cmp ids ids-2
	c1v-cost tokens --decode ids | cmp - all
	run -0 bash -c 'c1v-cost tokens <all | jq .tokens'
	assert_output "$(jq length ids)"
	run -0 bash -c 'echo "15339 1917" | c1v-cost tokens --decode'
	assert_output 'hello world'
	run -65 bash -c 'echo "[100256]" | c1v-cost tokens --decode'
	assert_output --partial 'cl100k_base has no token 100256'
	run -65 bash -c 'echo "[1.5]" | c1v-cost tokens --decode'
}

@test "special tokens are text unless asked for" {
	run -0 bash -c 'printf "<|endoftext|>" | c1v-cost tokens --ids'
	assert_output '[27,91,8862,728,428,91,29]'
	run -0 bash -c 'printf "<|endoftext|>" | c1v-cost tokens --ids --special'
	assert_output '[100257]'
	run -0 bash -c 'echo "[100257]" | c1v-cost tokens --decode'
	assert_output '<|endoftext|>'
}

# By hand: system 1, You are helpful. 4, user 1, bob 1 and 1 for being a name, Hi
# 1, 3 for each of two messages, 3 for the answer: 18.
@test "chats" {
	echo '[{"role":"system","content":"You are helpful."},{"role":"user","name":"bob","content":"Hi"}]' >chat
	run -0 c1v-cost tokens --chat -m gpt-4 chat
	assert_output '{"tokens":18,"messages":2,"model":"gpt-4","encoding":"cl100k_base"}'
	jq . chat >pretty
	jq -c '.[]' chat >lines
	jq -c '{messages: .}' chat >request
	for f in pretty lines request; do
		run -0 c1v-cost tokens --chat -m gpt-4 "$f"
		assert_output '{"tokens":18,"messages":2,"model":"gpt-4","encoding":"cl100k_base"}'
	done
	cat chat chat >two
	run -0 c1v-cost tokens --chat -m gpt-4 two
	[ "${#lines[@]}" = 2 ]
	echo '[{"role":"user","content":[{"type":"text","text":"Hi"},{"type":"image_url"}]}]' >parts
	run -0 c1v-cost tokens --chat -m gpt-4o parts
	assert_output '{"tokens":8,"messages":1,"model":"gpt-4o","encoding":"o200k_base","estimated":true}'
	run -65 bash -c 'echo "[1]" | c1v-cost tokens --chat'
	run -65 bash -c 'echo "no" | c1v-cost tokens --chat'
}

@test "what it cannot do" {
	run -64 c1v-cost
	run -64 c1v-cost tokns
	assert_output --partial 'tokens'
	run -64 c1v-cost tokens -m gpt-4 --encoding o200k_base
	run -64 c1v-cost tokens --encoding p50k_base
	run -64 c1v-cost tokens --ids --decode
	run -64 c1v-cost tokens --json --pretty
	run -74 c1v-cost tokens nowhere
	C1V_SHARE=/nowhere run -78 c1v-cost tokens /dev/null
	run -74 bash -c 'echo a | c1v-cost tokens >/dev/full'
}

@test "a damaged table gives an error, never a crash" {
	mkdir -p share/bpe
	cp "$C1V_SHARE/bpe/cl100k_base.c1vb" share/bpe/
	printf 'x' | dd of=share/bpe/cl100k_base.c1vb bs=1 seek=40 conv=notrunc status=none
	C1V_SHARE=$PWD/share run -65 bash -c 'echo hello | c1v-cost tokens'
	assert_output --partial 'damaged'
	cp "$C1V_SHARE/bpe/cl100k_base.c1vb" share/bpe/
	head -c 2000000 /dev/urandom | dd of=share/bpe/cl100k_base.c1vb bs=4096 seek=1 conv=notrunc status=none
	C1V_SHARE=$PWD/share run -0 bash -c 'seq 1 20000 | c1v-cost tokens'
	run -1 c1v-model info --verify share/bpe/cl100k_base.c1vb
	assert_output --partial '"verified":false'
	head -c 100000 "$C1V_SHARE/bpe/cl100k_base.c1vb" >share/bpe/cl100k_base.c1vb
	C1V_SHARE=$PWD/share run -65 bash -c 'echo hello | c1v-cost tokens'
	run -0 c1v-model info --verify "$C1V_SHARE/bpe/o200k_base.c1vb"
	assert_output --partial '"verified":true'
}

@test "c1v-model bpe makes a table of ranks" {
	i=0
	while [ $i -lt 256 ]; do
		printf '%s %d\n' "$(printf %b "\\0$(printf %03o $i)" | base64)" $i
		i=$((i + 1))
	done >ranks
	echo "$(printf he | base64) 256" >>ranks
	run -0 c1v-model bpe ranks cl100k_base made.c1vb
	assert_output --partial '"encoding":"cl100k_base","tokens":257,"unreached":0'
	mkdir -p share/bpe
	mv made.c1vb share/bpe/cl100k_base.c1vb
	C1V_SHARE=$PWD/share run -0 bash -c 'printf hehe | c1v-cost tokens --ids'
	assert_output '[256,256]'
	run -64 c1v-model bpe ranks r50k_base x
	run -64 c1v-model bpe ranks
	echo nonsense >ranks
	run -65 c1v-model bpe ranks cl100k_base x
	assert_output --partial 'line 1'
}

# The recursive ones are those of LangChain's splitter with tiktoken's lengths (1.1.3).
@test "c1v-chunk --unit tokens" {
	for i in $(seq 1 400); do
		printf 'Sentence number %d stands here, as d%de5 would. The divergence. ' "$i" "$((i * 7919))"
		[ $((i % 7)) = 0 ] && printf '\n\n'
	done >text
	for by in markdown sentence; do
		for size in 3 5 17 60; do
			c1v-chunk --by "$by" --unit tokens:text-embedding-3-small -s "$size" -o 0 text >chunks
			run -0 bash -c 'c1v-cost tokens -t ndjson <chunks | jq -s "map(.tokens) | max"'
			assert [ "$output" -le "$size" ]
			run -0 bash -c 'jq -r .content chunks | tr -d " \n" | cksum'
			assert_output "$(tr -d ' \n' <text | cksum)"
		done
	done
	run -0 bash -c 'printf "one two three four five" | c1v-chunk -t text --unit tokens:gpt-4o -s 2 -o 0 | jq -r .content'
	assert_output 'one two
three four
five'
	run -0 bash -c 'printf "\344\275\240\345\245\275 \360\237\230\200x. one" | c1v-chunk -t text --unit tokens:cl100k_base -s 2 -o 0 | jq -r .content'
	assert_output "$(printf '\344\275\240\345\245\275\n\360\237\230\200\nx\n. one')"
	run -64 c1v-chunk --unit tokens:claude-x text
	run -64 c1v-chunk --unit words text
	run -64 c1v-chunk --unit tokens:gpt-4 --compat js text
	run -0 c1v-chunk --unit tokens:gpt-4 --inspect text
	assert_output --partial 'tokens'
}

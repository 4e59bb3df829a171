#!/usr/bin/env bats
# c1v-ingest: records into a store, whatever its kind.
# drivers: sqlite postgres

load contract

@test "documents, chunks and vectors are stored; a second time nothing is touched" {
	{
		chunk a 0 2 one "$(vector)"
		chunk a 1 2 two "$(vector)"
		echo '{"id":"b","content":"three","source":"s","metadata":{"k":1}}'
	} >in
	run -0 c1v-ingest in
	[ "$(sum '[.documents,.chunks,.added,.updated,.skipped,.deleted,.failed,.without_vector,.model,.collection] | join(" ")')" = \
	    '2 3 3 0 0 0 0 1 m documents' ]
	sound
	generation=$(c1v-store info | jq .collections[0].generation)
	run -0 c1v-ingest in
	[ "$(sum '[.added,.updated,.skipped,.deleted] | join(" ")')" = '0 0 3 0' ]
	[ "$(c1v-store info | jq .collections[0].generation)" = "$generation" ]
}

@test "ids: the source, else a hash of the content; DOC#INDEX for a chunk" {
	{
		echo '{"content":"one","source":"x.md"}'
		echo '{"content":"two"}'
		echo '{"doc":"d","content":"three","chunk":{"index":0,"of":1}}'
		echo '{"id":7,"content":"four"}'
	} >in
	run -0 c1v-ingest in
	run -0 bash -c 'c1v-store export | jq -r .id'
	assert_output "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3
7
d#0
x.md"
}

@test "a changed document: changed chunks are updated, vanished ones deleted" {
	{ chunk a 0 3 one "$(vector)"; chunk a 1 3 two "$(vector)"; chunk a 2 3 three "$(vector)"; } | c1v-ingest
	{ chunk a 0 2 one "$(vector)"; chunk a 1 2 other "$(vector m 9,9,9)"; } >in
	run -0 c1v-ingest in
	[ "$(sum '[.added,.updated,.skipped,.deleted] | join(" ")')" = '0 2 0 1' ]
	run -0 bash -c 'c1v-store export --encoding array | jq -c "[.id,.content,.embedding]"'
	assert_output '["a#0","one",[1,2,3]]
["a#1","other",[9,9,9]]'
	sound
	run -0 c1v-ingest in
	[ "$(sum .skipped)" = 2 ]
}

@test "only metadata or position changed: the vector is kept, even if none comes" {
	{ chunk a 0 2 one "$(vector)"; chunk a 1 2 two "$(vector m 4,5,6)"; } | c1v-ingest
	{
		echo '{"doc":"a","id":"a#1","content":"two","chunk":{"index":0,"of":2},"metadata":{"k":1}}'
		echo '{"doc":"a","id":"a#0","content":"one","chunk":{"index":1,"of":2},"metadata":{"k":2}}'
	} >in
	run -0 c1v-ingest in
	[ "$(sum '[.added,.updated,.skipped,.deleted] | join(" ")')" = '0 2 0 0' ]
	run -0 bash -c 'c1v-store export --encoding array | jq -c "[.id,.chunk.index,.metadata.k,.embedding]"'
	assert_output '["a#1",0,1,[4,5,6]]
["a#0",1,2,[1,2,3]]'
	sound
}

@test "the same content under other headings takes the vector that comes" {
	under() { # HEADINGS VECTOR
		printf '{"doc":"a","id":"a#0","content":"one","chunk":{"index":0,"of":1,"headings":%s}%s}\n' "$1" "$2"
	}
	under '["A"]' "$(vector)" | c1v-ingest
	under '["A"]' "$(vector m 4,5,6)" >same
	run -0 c1v-ingest same
	[ "$(sum '[.updated,.skipped] | join(" ")')" = '0 1' ]
	under '["B"]' '' >without
	run -0 c1v-ingest without
	[ "$(sum '[.updated,.skipped] | join(" ")')" = '1 0' ]
	run -0 bash -c 'c1v-store export --encoding array | jq -c "[.chunk.headings,.embedding]"'
	assert_output '[["B"],[1,2,3]]'
	under '["B","C"]' "$(vector m 7,8,9)" >other
	run -0 c1v-ingest other
	[ "$(sum '[.updated,.skipped] | join(" ")')" = '1 0' ]
	run -0 bash -c 'c1v-store export --encoding array | jq -c "[.chunk.headings,.embedding]"'
	assert_output '[["B","C"],[7,8,9]]'
	[ "$(c1v-store info | jq -c '.collections[0] | [.chunks,.vectors]')" = '[1,1]' ]
	sound
}

@test "ingested_at alone is no change; order and numbers of metadata neither" {
	echo '{"id":"a","content":"x","metadata":{"ingested_at":"1","n":1,"o":{"p":2}}}' | c1v-ingest
	run -0 c1v-ingest <<<'{"id":"a","content":"x","metadata":{"o":{"p":2},"n":1,"ingested_at":"2"}}'
	[ "$(sum .skipped)" = 1 ]
	run -0 c1v-ingest <<<'{"id":"a","content":"x","metadata":{"o":{"p":3},"n":1,"ingested_at":"2"}}'
	[ "$(sum .updated)" = 1 ]
	run -0 c1v-ingest <<<'{"id":"a","content":"x"}'
	[ "$(sum .updated)" = 1 ]
	sound
}

@test "chunks of one document with and without metadata and source of their own" {
	{
		chunk a 0 3 one ',"metadata":{"k":1},"source":"s"'
		chunk a 1 3 two
		chunk a 2 3 three ',"metadata":{"k":1},"source":"t"'
	} >in
	c1v-ingest in
	run -0 bash -c 'c1v-store export | jq -c "[.source,.metadata]"'
	assert_output '["s",{"k":1}]
[null,null]
["t",{"k":1}]'
	# What is shared changes for two, what is not stays.
	{
		chunk a 0 3 one ',"metadata":{"k":2},"source":"s"'
		chunk a 1 3 two ',"metadata":{"k":1},"source":"s"'
		chunk a 2 3 three ',"metadata":{"k":1},"source":"t"'
	} >in
	run -0 c1v-ingest in
	[ "$(sum '[.updated,.skipped] | join(" ")')" = '2 1' ]
	run -0 bash -c 'c1v-store export | jq -c "[.source,.metadata.k]"'
	assert_output '["s",2]
["s",1]
["t",1]'
	run -0 c1v-ingest in
	[ "$(sum .skipped)" = 3 ]
	sound
}

@test "a vector that comes later is added; --no-vectors stores text only" {
	{ chunk a 0 1 one "$(vector)"; } >with
	run -0 c1v-ingest --no-vectors with
	[ "$(c1v-store info | jq -c '.collections[0] | [.vectors,.model]')" = '[0,null]' ]
	run -0 c1v-ingest with
	[ "$(sum .updated)" = 1 ]
	[ "$(c1v-store info | jq -c '.collections[0] | [.vectors,.model,.dims]')" = '[1,"m",3]' ]
	sound
}

@test "a document that is not whole fails as a whole, and the old one stays" {
	{ chunk a 0 2 one; chunk a 1 2 two; } | c1v-ingest
	{ chunk a 0 3 new; chunk a 2 3 newer; chunk b 0 1 other; chunk a 1 3 late; } >in
	run --separate-stderr -3 c1v-ingest --rejects bad in
	[ "$(sum '[.documents,.added,.failed] | join(" ")')" = '1 1 3' ]
	[ "$(jq -r .id bad | sort | xargs)" = 'a#0 a#1 a#2' ]
	[ "$(jq -r .error.code bad | sort -u)" = 65 ]
	assert_regex "$stderr" '2 of 3 chunks have come'
	run -0 bash -c 'c1v-store export | jq -r .content'
	assert_output 'one
two
other'
	# Rejects can be fed in again, together with what was missing.
	{ jq -c 'select(.id != "a#1")' bad; jq -c 'select(.id == "a#1")' bad; } >again
	run -0 c1v-ingest again
	[ "$(sum '[.added,.updated] | join(" ")')" = '1 2' ]
	sound
}

@test "chunks of a document in any order, each once" {
	{ chunk a 2 3 c; chunk a 0 3 a; chunk a 1 3 b; } | c1v-ingest
	run -0 bash -c 'c1v-store export | jq -r .content | xargs'
	assert_output 'a b c'
	{ chunk b 0 3 c; chunk b 0 3 a; chunk b 1 3 b; chunk c 0 1 d; } >in
	run -3 c1v-ingest in
	[ "$(jq .failed <<<"${lines[-1]}")" = 3 ]
}

@test "an emptied document goes; one that was never there is nothing" {
	{ chunk a 0 1 one; chunk b 0 1 two; } | c1v-ingest
	run -0 c1v-ingest <<<'{"doc":"a","chunk":{"of":0}}'
	[ "$(sum '[.documents,.chunks,.deleted] | join(" ")')" = '1 0 1' ]
	run -0 c1v-ingest <<<'{"doc":"nobody","chunk":{"of":0}}'
	[ "$(sum '[.documents,.deleted] | join(" ")')" = '1 0' ]
	run -0 bash -c 'c1v-store export | jq -r .doc'
	assert_output b
	sound
}

@test "--on-conflict skip and fail leave what is there" {
	chunk a 0 1 one | c1v-ingest
	chunk a 0 1 two >in
	run -0 c1v-ingest --on-conflict skip in
	[ "$(sum '[.updated,.skipped] | join(" ")')" = '0 1' ]
	run -65 c1v-ingest --on-conflict fail in
	run -0 bash -c 'c1v-store export | jq -r .content'
	assert_output one
	chunk a 0 1 one >in
	run -0 c1v-ingest --on-conflict fail in
}

@test "--dry-run tells each chunk and changes nothing, not even makes a store" {
	{ chunk a 0 2 one; chunk a 1 2 two; } >in
	run -0 c1v-ingest --dry-run in
	[ ! -e "$store" ] # of PostgreSQL the collection is there: init makes it
	[ "$(jq -c 'select(.action) | [.action,.id]' <<<"$output" | xargs)" = '[add,a#0] [add,a#1]' ]
	c1v-ingest in
	{ chunk a 0 1 three; chunk b 0 1 four; } >in
	run -0 c1v-ingest --dry-run in
	[ "$(jq -c 'select(.action) | [.action,.id]' <<<"$output" | xargs)" = '[update,a#0] [delete,a#1] [add,b#0]' ]
	[ "$(jq 'select(.dry_run) | .deleted' <<<"$output")" = 1 ]
	[ "$(c1v-store info | jq .collections[0].chunks)" = 2 ]
}

@test "another model or dimension is refused with both names" {
	chunk a 0 1 one "$(vector m)" | c1v-ingest
	{ chunk b 0 1 two "$(vector other)"; chunk c 0 1 three "$(vector m)"; } >in
	run --separate-stderr -3 c1v-ingest in
	assert_regex "$stderr" 'other.*of m'
	run --separate-stderr -65 c1v-ingest <<<'{"id":"d","content":"x","model":"m","embedding":[1,2]}'
	assert_regex "$stderr" '2 dimensions.*3'
	run --separate-stderr -65 c1v-ingest <<<'{"id":"d","content":"x","embedding":[1,2,3]}'
	assert_regex "$stderr" 'model: missing'
	{ chunk e 0 2 x "$(vector m)"; chunk e 1 2 y "$(vector n)"; } >in
	run --separate-stderr -65 c1v-ingest in
	assert_regex "$stderr" 'more than one model'
	sound
}

@test "a chunk id of another document is refused" {
	chunk a 0 1 one | c1v-ingest
	run --separate-stderr -65 c1v-ingest <<<'{"doc":"b","id":"a#0","content":"x","chunk":{"index":0,"of":1}}'
	assert_regex "$stderr" 'a#0 belongs to another document'
	printf '{"doc":"b","id":"same","content":"x","chunk":{"index":%d,"of":2}}\n' 0 1 >in
	run --separate-stderr -65 c1v-ingest in
	assert_regex "$stderr" 'same stands twice'
}

@test "duplicates are counted and stored" {
	{ chunk a 0 2 same; chunk a 1 2 same; chunk b 0 1 same; chunk c 0 1 other; } >in
	run -0 c1v-ingest in
	[ "$(sum '[.added,.duplicates] | join(" ")')" = '4 2' ]
	run -0 c1v-ingest in
	[ "$(sum .duplicates)" = 0 ]
}

@test "bad records: each with its reason" {
	reject 'no json' '-:1: '
	reject '[1]' '-:1: '
	reject '{"id":"a"}' 'content: missing'
	reject '{"id":"a","content":""}' 'content: empty'
	reject '{"id":"a","content":1}' 'content'
	reject '{"id":"a","content":"x\u0000y"}' 'content'
	reject '{"id":"","content":"x"}' 'id'
	reject '{"id":"a","id":"b","content":"x"}' 'id'
	reject '{"id":"a","content":"x","metadata":[]}' 'metadata: not an object'
	reject '{"id":"a","content":"x","metadata":{"k":"\u0000"}}' 'metadata: U\+0000'
	reject '{"id":"a","content":"x","chunk":{"index":0,"of":1}}' 'doc: missing'
	reject '{"doc":"a","content":"x","chunk":{"index":1,"of":1}}' 'chunk.index'
	reject '{"doc":"a","content":"x","chunk":{"index":0}}' 'chunk.of'
	reject '{"id":"a","content":"x","model":"m","embedding":[0,0]}' 'embedding'
	reject '{"id":"a","content":"x","model":"m","embedding":[1,1e999]}' 'embedding'
	reject '{"id":"a","content":"x","model":"m","dims":3,"embedding":[1,2]}' 'dims'
	reject '{"id":"a","content":"x","model":"m","embedding":"!!"}' 'embedding'
	run -0 bash -c 'c1v-store info | jq "[.collections[].chunks] | add // 0"'
	assert_output 0
}

@test "one bad record among good ones: 3; --strict: 65; no good one: 65; nothing: 0" {
	{ chunk a 0 1 one; echo bad; chunk b 0 1 two; } >in
	run --separate-stderr -3 c1v-ingest --rejects r in
	[ "$(sum .added)" = 2 ]
	[ "$(jq -r .raw r)" = bad ]
	c1v-store drop --yes
	collection documents
	run -65 c1v-ingest --strict in
	run -0 c1v-ingest </dev/null
	[ "$(sum .documents)" = 0 ]
}

@test "small batches give the same store as one" {
	for i in $(seq 40); do chunk "d$i" 0 2 "text $i" "$(vector m "$i,1,1")"; chunk "d$i" 1 2 "more $i"; done >in
	c1v-ingest in
	c1v-ingest --store one.db --batch-size 1 in
	c1v-store export >a
	c1v-store export --store one.db | cmp - a
	run -0 c1v-store verify --store one.db
}

@test "what arrives slowly is committed while it waits" {
	mkfifo pipe
	c1v-ingest <pipe >out &
	exec 9>pipe
	chunk a 0 1 one >&9
	chunk b 0 2 half >&9
	for _ in $(seq 200); do
		[ "$(c1v-store info 2>/dev/null | jq '.collections[0].chunks // 0')" = 1 ] && break
		sleep 0.05
	done
	[ "$(c1v-store info | jq '.collections[0].chunks')" = 1 ]
	chunk b 1 2 whole >&9
	exec 9>&-
	wait $!
	[ "$(jq -c '[.documents,.chunks]' out)" = '[2,3]' ]
}

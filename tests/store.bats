#!/usr/bin/env bats
# c1v-store: administer stores.

load helper

# A store with two documents of two chunks, one without chunks, one vector missing.
fill() {
	cat >in.ndjson <<-'END'
	{"doc":"a.md","id":"a.md#0","source":"a.md","content":"alpha \"one\"\n\u00e9","metadata":{"type":"t","n":9007199254740993,"f":1.0},"chunk":{"index":0,"of":2,"start":0,"end":5},"model":"m","dims":3,"embedding":[0.1,1e-3,3]}
	{"doc":"a.md","id":"a.md#1","source":"a.md","content":"alpha two","metadata":{"type":"t","n":2},"chunk":{"index":1,"of":2,"headings":["H"]},"model":"m","dims":3,"embedding":[1,2,3]}
	{"doc":"b.md","id":"b.md#0","source":"b.md","content":"beta one","metadata":{"type":"u"},"chunk":{"index":0,"of":2},"model":"m","dims":3,"embedding":[-1,2,3]}
	{"doc":"b.md","id":"b.md#1","source":"b.md","content":"beta two","metadata":{"type":"t"},"chunk":{"index":1,"of":2}}
	{"id":"c","content":"gamma","metadata":{}}
	{"doc":"dd","id":"d","content":"delta"}
	END
	c1v-ingest in.ndjson >/dev/null
}

sound() {
	run -0 c1v-store verify "$@"
	assert_output --partial '"findings":0'
}

@test "export and ingest give an identical store" {
	fill
	c1v-store export >one
	c1v-store export --encoding array >arrays
	c1v-ingest --store two.db one
	c1v-store export --store two.db | cmp - one
	c1v-ingest --store three.db arrays
	c1v-store export --store three.db | cmp - one
	sound --store two.db
	# Every key as it came.
	diff <(jq -cS 'del(.embedding)' in.ndjson | sort) <(jq -cS 'del(.embedding)' one | sort)
	grep -q '"n":9007199254740993,"f":1.0' one
	run -0 bash -c 'c1v-store export --encoding none | jq -s "map(has(\"embedding\")) | any"'
	assert_output false
}

@test "export after changes gives an identical store too" {
	fill
	c1v-store delete --yes --filter type=t
	jq -c 'select(.doc == "b.md") | .metadata.type = "v"' in.ndjson | c1v-ingest
	c1v-store export >one
	c1v-ingest --store two.db one
	c1v-store export --store two.db | cmp - one
	sound
}

@test "info: JSON in a pipe, a table for people" {
	fill
	run -0 c1v-store info
	[ "$(jq -c '.collections[0] | [.name,.documents,.chunks,.vectors,.dims,.model,.tokenizer,.free_slots]' <<<"$output")" = \
	    '["documents",4,6,3,3,"m","porter",0]' ]
	run -0 c1v-store --pretty info
	assert_line --index 0 --partial "store: sqlite:$store"
	assert_line --index 2 --regexp '^documents +4 +6 +3'
	run -1 c1v-store info --store nothing.db
	[ ! -e nothing.db ]
}

@test "init: tokenizer, model and dims; again is nothing, otherwise is refused" {
	run -0 c1v-store init -c x --tokenizer trigram --model m --dims 2
	run -0 c1v-store init -c x
	run -78 c1v-store init -c x --tokenizer porter
	run -78 c1v-store init -c x --model n --dims 2
	run -64 c1v-store init -c y --model n
	run -64 c1v-store init -c y --tokenizer "porter', x"
	[ "$(c1v-store info | jq -c '.collections[] | [.name,.tokenizer,.model,.dims]')" = '["x","trigram","m",2]' ]
	run -65 c1v-ingest -c x <<<'{"id":"a","content":"b","model":"m","embedding":[1,2,3]}'
	run -0 c1v-ingest -c x <<<'{"id":"a","content":"b","model":"m","embedding":[1,2]}'
	sound -c x
}

@test "get: chunks and documents by id; 1 when one is missing" {
	fill
	run -0 c1v-store get 'b.md#1'
	[ "$(jq -r .content <<<"$output")" = 'beta two' ]
	run -0 c1v-store get a.md c
	[ "$(jq -r .id <<<"$output" | xargs)" = 'a.md#0 a.md#1 c' ]
	run --separate-stderr -1 c1v-store get nobody c
	[ "$(jq -r .id <<<"$output")" = c ]
	assert_regex "$stderr" nobody
	run -64 c1v-store get
	run -1 c1v-store get -c nowhere c
}

@test "delete by id: a document goes whole, a chunk alone, and the rest is numbered anew" {
	fill
	run -0 c1v-store delete --yes --id a.md --id 'b.md#0' --id 'b.md#0'
	[ "$(jq -c '[.documents,.deleted]' <<<"$output")" = '[1,3]' ]
	run -0 bash -c 'c1v-store export | jq -c "[.id,.chunk]"'
	assert_output '["b.md#1",{"index":0,"of":1}]
["c",null]
["d",null]'
	sound
	run -1 c1v-store delete --yes --id a.md
}

@test "delete by source and by filter; --dry-run only counts" {
	fill
	run -0 c1v-store delete --filter '{"type":"t"}' --dry-run
	[ "$(jq -c '[.documents,.deleted,.dry_run]' <<<"$output")" = '[1,3,true]' ]
	[ "$(c1v-store info | jq .collections[0].chunks)" = 6 ]
	run -0 c1v-store --yes delete --source b.md
	[ "$(jq -c '[.documents,.deleted]' <<<"$output")" = '[1,2]' ]
	run -0 c1v-store delete --filter type=t --yes
	[ "$(jq -c '[.documents,.deleted]' <<<"$output")" = '[1,2]' ]
	run -0 bash -c 'c1v-store export | jq -r .id | xargs'
	assert_output 'c d'
	sound
}

@test "what cannot be taken back needs --yes in a script" {
	fill
	run -64 c1v-store delete --id c
	run -64 c1v-store drop
	run -64 c1v-store delete
	[ "$(c1v-store info | jq .collections[0].chunks)" = 6 ]
	run -64 c1v-store drop --yes --id c
	run -0 c1v-store drop --yes
	[ "$(c1v-store info | jq '.collections | length')" = 0 ]
	run -1 c1v-store drop --yes
	c1v-ingest in.ndjson
	sound
}

@test "on a terminal it asks" {
	need script
	script -qec true /dev/null >/dev/null 2>&1 || skip "no pseudo-terminal here"
	fill
	run script -qec 'c1v-store delete --id c' /dev/null <<<n
	assert_output --partial 'delete 1 chunks (1 whole documents)'
	[ "$(c1v-store info | jq .collections[0].chunks)" = 6 ]
	script -qec 'c1v-store delete --id c' /dev/null <<<y
	[ "$(c1v-store info | jq .collections[0].chunks)" = 5 ]
}

@test "two collections in one store do not meet" {
	fill
	c1v-ingest -c other in.ndjson
	c1v-store export >one
	c1v-store export -c other | cmp - one
	c1v-store drop --yes
	c1v-store export -c other | cmp - one
	sound -c other
	run -1 c1v-store verify
}

@test "vacuum shrinks the file" {
	for i in $(seq 600); do
		printf '{"id":"%d","content":"%s %d"}\n' "$i" "$(head -c 600 /dev/zero | tr '\0' x)" "$i"
	done | c1v-ingest >/dev/null
	c1v-store delete --yes --filter '{"$id":{"$ne":"5"}}' >/dev/null
	before=$(stat -c %s "$store")
	run -0 c1v-store vacuum
	after=$(stat -c %s "$store")
	[ "$after" -lt $((before / 2)) ]
	[ "$(jq .after <<<"$output")" = "$after" ]
	sound
	c1v-ingest <<<'{"id":"new","content":"again"}' >/dev/null
	sound
}

# broken SQL: what verify says when this is done to the store behind its back
broken() {
	cp whole.db "$store"
	sqlite3 "$store" "PRAGMA writable_schema = off; $1"
	run -1 c1v-store verify
	assert_output --partial "$2"
	[ "$(tail -1 <<<"$output" | jq .findings)" -gt 0 ]
}

@test "verify finds what does not fit" {
	need sqlite3
	fill
	rm -f "$store"-*
	cp "$store" whole.db
	broken "UPDATE documents_document SET chunks = 5 WHERE key = 'a.md'" 'the manifest says 5 chunks, there are 2'
	broken "DELETE FROM documents_chunk WHERE key = 'b.md#1'" 'the manifest says 2 chunks, there are 1'
	broken "UPDATE documents_chunk SET position = 7 WHERE key = 'b.md#1'" 'not numbered'
	broken "UPDATE documents_chunk SET content = 'else' WHERE key = 'c'" 'content check'
	broken "UPDATE documents_vector SET vector = x'00000000' WHERE id = 1" 'not 12'
	broken "UPDATE documents_vector SET vector = x'000080bf000080bf000080bf' WHERE id = 1" 'other codes'
	broken "DELETE FROM documents_size" 'block 0 is missing'
	broken "DELETE FROM documents_block" 'other codes'
	broken "UPDATE documents_size SET sizes = x'00'" 'wrong size'
	broken "UPDATE documents_block SET codes = x'00'" 'wrong size'
	broken "INSERT INTO documents_free VALUES (2)" 'a free slot that holds a chunk'
	broken "UPDATE collection SET chunks = 3" 'the collection counts'
	broken "UPDATE documents_document SET metadata = 'x' WHERE key = 'b.md'" 'no JSON object'
	broken "INSERT INTO documents_fts (documents_fts, rowid, content) VALUES ('delete', 5, 'gamma')" 'full-text index'
	broken "INSERT INTO documents_vector VALUES (99, x'000080bf000080bf000080bf')" 'without its parent'
	cp whole.db "$store"
	sound
}

@test "options before and after the verb; those of other verbs are refused" {
	fill
	run -0 c1v-store --encoding none export
	run -0 c1v-store export --encoding=none
	run -64 c1v-store info --encoding none
	run -64 c1v-store export extra
	run --separate-stderr -64 c1v-store exprt
	assert_regex "$stderr" 'export'
	run -64 c1v-store
}

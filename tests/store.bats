#!/usr/bin/env bats
# c1v-store: administer stores.
# What holds for every kind of store is in tests/contract.

load helper
load contract/records

# broken SQL: what verify says when this is done to the store behind its back
broken() {
	cp whole.db "$store"
	sqlite3 "$store" "PRAGMA writable_schema = off; $1"
	run -1 c1v-store verify
	assert_output --partial "$2"
	[ "$(tail -1 <<<"$output" | jq .findings)" -gt 0 ]
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

@test "on a terminal it asks" {
	need script
	script -qec true /dev/null >/dev/null 2>&1 || skip "no pseudo-terminal here"
	fill_store
	run script -qec 'c1v-store delete --id c' /dev/null <<<n
	assert_output --partial 'delete 1 chunks (1 whole documents)'
	[ "$(c1v-store info | jq .collections[0].chunks)" = 6 ]
	script -qec 'c1v-store delete --id c' /dev/null <<<y
	[ "$(c1v-store info | jq .collections[0].chunks)" = 5 ]
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

@test "verify finds what does not fit" {
	need sqlite3
	fill_store
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
	fill_store
	run -0 c1v-store --encoding none export
	run -0 c1v-store export --encoding=none
	run -64 c1v-store info --encoding none
	run -64 c1v-store export extra
	run --separate-stderr -64 c1v-store exprt
	assert_regex "$stderr" 'export'
	run -64 c1v-store
}

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
	broken "UPDATE documents_vector SET vector = x'000080bf000080bf000080bf' WHERE id = 1" 'vector check'
	broken "UPDATE documents_vector SET vector = x'000080bf000080bf000080bf', sum = NULL WHERE id = 1" 'other codes'
	broken "DELETE FROM documents_size" 'block 0 is missing'
	broken "DELETE FROM documents_block" 'other codes'
	broken "UPDATE documents_size SET sizes = x'00'" 'wrong size'
	broken "UPDATE documents_block SET codes = x'00'" 'wrong size'
	broken "INSERT INTO documents_free VALUES (2)" 'a free slot that holds a chunk'
	broken "UPDATE collection SET chunks = 3" 'the collection counts'
	broken "UPDATE documents_document SET metadata = 'x' WHERE key = 'b.md'" 'no JSON object'
	broken "INSERT INTO documents_fts (documents_fts, rowid, content) VALUES ('delete', 5, 'gamma')" 'full-text index'
	broken "INSERT INTO documents_vector (id, vector) VALUES (99, x'000080bf000080bf000080bf')" 'without its parent'
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

@test "a store of format 1 is read as it is, and gets checksums of its vectors when it is written" {
	need sqlite3
	fill_store
	c1v-ingest -c other in.ndjson >/dev/null
	c1v-store export >want
	sqlite3 "$store" 'ALTER TABLE documents_vector DROP COLUMN sum; ALTER TABLE other_vector DROP COLUMN sum; PRAGMA user_version = 1'
	assert_equal "$(c1v-store info | jq .format)" 1
	run -0 diff <(c1v-store export) want
	run -0 c1v-search -n 1 --json --mode vector --similar-to a.md#0
	sound
	run -0 c1v-ingest <<<'{"id":"new","content":"b","model":"m","embedding":[1,2,3]}'
	assert_equal "$(c1v-store info | jq .format)" 2
	run -0 sqlite3 "$store" 'SELECT count(*), count(sum) FROM documents_vector; SELECT count(sum) FROM other_vector'
	assert_equal "${lines[0]#*|}|${lines[1]}" '1|0'
	sound
	sound -c other
	c1v-store delete --yes --id new >/dev/null
	run -0 diff <(c1v-store export) want
}

@test "verify of a collection that is being dropped: there is none, or it is sound" {
	fill_store
	(while [ ! -e over ]; do
		c1v-store drop --yes >/dev/null 2>&1
		c1v-ingest in.ndjson >/dev/null 2>&1
	done) &
	for _ in $(seq 60); do
		c1v-store verify 2>/dev/null || true
	done >verified
	touch over
	wait
	run grep -c '"finding"' verified
	assert_output 0
}

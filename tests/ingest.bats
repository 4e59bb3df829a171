#!/usr/bin/env bats
# c1v-ingest: records into a store.
# What holds for every kind of store is in tests/contract.

load helper
load contract/records

@test "slots of deleted chunks are used again" {
	for i in $(seq 30); do chunk "d$i" 0 1 "text $i" "$(vector)"; done | c1v-ingest
	c1v-store delete --id d3 --id d7 --yes
	[ "$(c1v-store info | jq .collections[0].free_slots)" = 2 ]
	{ chunk x 0 1 new; chunk y 0 1 newer; chunk z 0 1 newest; } | c1v-ingest
	[ "$(c1v-store info | jq .collections[0].free_slots)" = 0 ]
	sound
}

@test "documents that swap contents back and forth keep the index right" {
	chunk a 0 1 apple | c1v-ingest
	{ chunk a 0 1 pear; chunk a 0 1 plum; chunk a 0 1 apple; chunk b 0 1 fig; chunk b 0 1 apple; } >in
	run -0 c1v-ingest in
	sound
	[ "$(sum .findings)" = 0 ]
	for word in apple pear plum fig; do
		sqlite3 "$store" "SELECT count(*) FROM documents_fts WHERE documents_fts MATCH '$word'"
	done >counts
	[ "$(xargs <counts)" = '2 0 0 0' ]
}

segments() {
	sqlite3 "$store" "SELECT count(DISTINCT segid) FROM documents_fts_idx"
}

@test "the text index of a collection that grew is one segment, of one that grew little it is left" {
	jq -nc 'range(3000) | {id: "r\(.)", content: "common word\(. % 7) number\(.)"}' |
	    c1v-ingest --batch-size 300
	[ "$(segments)" = 1 ]
	c1v-ingest <<<'{"id":"one","content":"common and more"}'
	[ "$(segments)" = 2 ]
	jq -nc 'range(1600) | {id: "s\(.)", content: "common other\(.)"}' | c1v-ingest
	[ "$(segments)" = 1 ]
	[ "$(sqlite3 "$store" "SELECT count(*) FROM documents_fts WHERE documents_fts MATCH 'common'")" = 4601 ]
	[ "$(sqlite3 "$store" "SELECT count(*) FROM documents_fts WHERE documents_fts MATCH 'number2999 OR other1599'")" = 2 ]
	sound
}

@test "stores: default place, collections, names that are refused" {
	unset C1V_STORE
	run -0 c1v-ingest -c other <<<'{"id":"a","content":"x"}'
	[ "$(stat -c %a "$XDG_DATA_HOME/c1v/c1v.db")" = 600 ]
	[ "$(stat -c %a "$XDG_DATA_HOME/c1v")" = 700 ]
	[ "$(c1v-store info | jq -r .collections[0].name)" = other ]
	run -78 c1v-ingest -c OTHER <<<'{"id":"a","content":"x"}'
	run -64 c1v-ingest -c 'a b' <<<'{"id":"a","content":"x"}'
	run -64 c1v-ingest -c sqlite_x <<<'{"id":"a","content":"x"}'
	run --separate-stderr -64 c1v-ingest --store postgres://u:secret@h/d <<<'{"id":"a","content":"x"}'
	refute_regex "$stderr" secret
	run -78 c1v-ingest --store foo:bar <<<'{"id":"a","content":"x"}'
	run -78 c1v-ingest --store env:NOT_SET_HERE <<<'{"id":"a","content":"x"}'
	SOME_URL=sqlite:e.db run -0 c1v-ingest --store env:SOME_URL <<<'{"id":"a","content":"x"}'
	[ -e e.db ]
	run -64 c1v-ingest --json --pretty </dev/null
	run -0 c1v-ingest --pretty <<<'{"id":"a","content":"x"}'
	assert_output --partial '1 documents'
}

@test "sixteen that begin one store at once: each finds it empty or made, and nothing is lost" {
	for round in $(seq 12); do
		export C1V_STORE=sqlite:$round.db
		for i in $(seq 16); do
			echo "{\"id\":\"d$i\",\"content\":\"x $i\",\"model\":\"m\",\"embedding\":[1,$i]}" |
			    c1v-ingest 2>>bad >/dev/null &
		done
		wait
		c1v-store info | jq .collections[0].chunks >>counts
	done
	run -0 cat bad
	assert_output ''
	assert_equal "$(sort counts | uniq -c | xargs)" '12 16'
}

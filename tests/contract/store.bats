#!/usr/bin/env bats
# c1v-store: administering, whatever the kind of store.
# drivers: sqlite postgres

load contract

@test "export and ingest give an identical store" {
	fill_store
	c1v-store export >one
	c1v-store export --encoding array >arrays
	c1v-ingest --store two.db one
	c1v-store export --store two.db | cmp - one
	c1v-ingest --store three.db arrays
	c1v-store export --store three.db | cmp - one
	sound --store two.db
	# Every key as it came.
	diff <(jq -cS 'del(.embedding)' in.ndjson | sort) <(jq -cS 'del(.embedding)' one | sort)
	# jsonb keeps numbers as they are, but orders the keys of metadata.
	[ "$driver" = postgres ] || grep -q '"n":9007199254740993,"f":1.0' one
	[ "$driver" = sqlite ] || grep -q '"f": *1.0, *"n": *9007199254740993' one
	run -0 bash -c 'c1v-store export --encoding none | jq -s "map(has(\"embedding\")) | any"'
	assert_output false
}

@test "export after changes gives an identical store too" {
	fill_store
	c1v-store delete --yes --filter type=t
	jq -c 'select(.doc == "b.md") | .metadata.type = "v"' in.ndjson | c1v-ingest
	c1v-store export >one
	c1v-ingest --store two.db one
	c1v-store export --store two.db | cmp - one
	sound
}

@test "info: JSON in a pipe, a table for people" {
	fill_store
	run -0 c1v-store info
	[ "$(jq -c '.collections[0] | [.name,.documents,.chunks,.vectors,.dims,.model]' <<<"$output")" = \
	    '["documents",4,6,3,3,"m"]' ]
	run -0 c1v-store --pretty info
	assert_line --index 0 --partial "store: ${C1V_STORE%%&user*}"
	assert_line --index 2 --regexp '^documents +4 +6 +3'
	run -1 c1v-store info --store nothing.db
	[ ! -e nothing.db ]
}

@test "info lists every collection of the store, or the one that is named" {
	collection zebra documents alpha
	# What is made with its first record in one kind of store is empty in the other: so each has some.
	for name in zebra documents alpha; do
		chunk "$name" 0 1 "of $name" "$(vector)" | c1v-ingest -c "$name"
	done
	chunk zebra-two 0 1 two | c1v-ingest -c zebra
	run -0 c1v-store info
	assert_equal "$(jq -c '[.collections[] | [.name, .documents, .chunks, .vectors, .model]]' <<<"$output")" \
	    '[["alpha",1,1,1,"m"],["documents",1,1,1,"m"],["zebra",2,2,1,"m"]]'
	# What a file or the environment names does not narrow the list.
	C1V_COLLECTION=zebra run -0 c1v-store info
	assert_equal "$(jq -c '[.collections[].name]' <<<"$output")" '["alpha","documents","zebra"]'
	run -0 c1v-store info -c zebra
	assert_equal "$(jq -c '[.collections[] | [.name, .documents]]' <<<"$output")" '[["zebra",2]]'
	run -0 c1v-store --pretty info
	assert_equal "$(grep -cE '^(alpha|documents|zebra) +[12] ' <<<"$output")" 3
	run -1 c1v-store info -c nowhere
	assert_output --partial 'no collection nowhere'
	c1v-store drop --yes -c zebra
	run -0 c1v-store info
	assert_equal "$(jq -c '[.collections[].name]' <<<"$output")" '["alpha","documents"]'
}

@test "get: chunks and documents by id; 1 when one is missing" {
	fill_store
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
	fill_store
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
	fill_store
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
	fill_store
	run -64 c1v-store delete --id c
	run -64 c1v-store drop
	run -64 c1v-store delete
	[ "$(c1v-store info | jq .collections[0].chunks)" = 6 ]
	run -64 c1v-store drop --yes --id c
	run -0 c1v-store drop --yes
	[ "$(c1v-store info | jq '.collections | length')" = 0 ]
	run -1 c1v-store drop --yes
	collection documents
	c1v-ingest in.ndjson
	sound
}

@test "two collections in one store do not meet" {
	fill_store
	collection other
	c1v-ingest -c other in.ndjson
	c1v-store export >one
	c1v-store export -c other | cmp - one
	c1v-store drop --yes
	c1v-store export -c other | cmp - one
	sound -c other
	run -1 c1v-store verify
}

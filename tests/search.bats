# c1v-search: what it finds, how it shows it, what it refuses.
# What holds for every kind of store is in tests/contract.

load helper
load contract/records

@test "no store, no collection, no words" {
	run c1v-search words
	assert_failure 1
	assert_output --partial "there is no store"
	assert_output --partial "hint: "
	assert [ ! -e "$store" ]
	fill_toy
	run c1v-search -c other words
	assert_failure 1
	assert_output --partial "no collection other"
	run words ""
	assert_failure 1
}

# 400 chunks of one content and document, and a few others behind them.
@test "results are as many as there are, however alike the candidates" {
	{
		jq -nc 'range(400) | {id: "same\(.)", document: {id: "d"}, content: "many words alike"}'
		jq -nc 'range(30) | {id: "other\(.)", document: {id: "o\(.)"}, content: "many words unlike \(.) and longer than the others"}'
	} | c1v-ingest >/dev/null
	run -0 --separate-stderr c1v-search --mode keyword --fields id 'many words'
	assert_equal "${#lines[@]}" 10
	run -0 --separate-stderr c1v-search --mode keyword --no-collapse --per-document 1 --fields id 'many words'
	assert_equal "${#lines[@]}" 10
	run -0 --separate-stderr c1v-search --mode keyword -n 100 --fields id 'many words'
	assert_equal "${#lines[@]}" 31
	run -0 --separate-stderr c1v-search --mode keyword --candidates 50 --fields id 'many words'
	assert_equal "${#lines[@]}" 1
}

@test "wrong options" {
	fill_toy
	for o in "--weights 1" "--weights a,b" "--weights 0,0" "-n 0" "--mode none" "--fuse x" "--min-score 2" \
	    "--json --pretty" "--candidates 0" "--nonsense"; do
		# shellcheck disable=SC2086
		run c1v-search $o words
		[ "$status" = 64 ] || { echo "$o: $status"; return 1; }
	done
}

@test "stdout full is 74; a closed pipe is quiet" {
	fill_toy
	run bash -c 'c1v-search --mode keyword logs >/dev/full'
	assert_failure 74
	run --separate-stderr bash -c 'c1v-search --mode keyword -n 1000 "the customers" | head -n 1 >/dev/null; echo "${PIPESTATUS[0]}"'
	[ "$output" = 0 ] || [ "$output" = 141 ]
	[ -z "$stderr" ]
}

@test "a damaged store is noticed, never written to" {
	fill_toy
	sqlite3 "$store" "PRAGMA wal_checkpoint(TRUNCATE); UPDATE documents_chunk SET content = 'changed' WHERE key = 'c'" >/dev/null
	sqlite3 "$store" "PRAGMA wal_checkpoint(TRUNCATE)" >/dev/null
	before=$(sha256sum <"$store")
	run words logs
	assert_failure 65
	assert_equal "$(sha256sum <"$store")" "$before"
}

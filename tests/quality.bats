# How well the golden questions are answered from the product templates
# (tests/bench/quality.sh says how that is judged). The values are measured:
# a change that makes one worse by more than the tolerance has to say why here.

load helper

measured() {
	C1V_BUILD=$build TMPDIR=$BATS_TEST_TMPDIR "$root/tests/bench/quality.sh" "$@"
}

# at_least MODE MEASURE VALUE: not below VALUE by more than 0.02.
at_least() {
	local is
	is=$(jq -r --arg mode "$1" --arg m "$2" 'select(.mode == $mode)[$m]' <<<"$output")
	awk -v is="$is" -v want="$3" 'BEGIN { exit !(is != "" && is >= want - 0.02) }' ||
	    { echo "$1 $2: $is, was $3"; return 1; }
}

@test "vector, keyword and hybrid search are as good as they were" {
	run measured
	assert_success
	at_least vector precision@1 0.41
	at_least vector precision@3 0.31
	at_least vector ndcg@10 0.33
	at_least vector mrr 0.56
	at_least keyword precision@1 0.57
	at_least keyword precision@3 0.41
	at_least keyword ndcg@10 0.44
	at_least keyword mrr 0.68
	at_least hybrid precision@1 0.59
	at_least hybrid precision@3 0.46
	at_least hybrid recall@5 0.36
	at_least hybrid ndcg@10 0.466
	at_least hybrid mrr 0.71
}

@test "fused by rank, too, both together are better than either" {
	run measured --fuse rrf
	assert_success
	hybrid=$(jq -r 'select(.mode == "hybrid")["ndcg@10"]' <<<"$output")
	best=$(jq -s 'map(select(.mode != "hybrid")["ndcg@10"]) | max' <<<"$output")
	assert [ "$(jq -n "$hybrid > $best")" = true ]
}

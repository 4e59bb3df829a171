# How well the golden questions are answered from the product templates, stored
# as share/seed-prd does it (tests/bench/quality.sh says how that is judged). The
# values are measured: a change that makes one worse by more than the tolerance
# has to say why here.

load helper

measured() {
	C1V_BUILD=$build TMPDIR=$BATS_TEST_TMPDIR "$root/tests/bench/quality.sh" "$@"
}

# value MODE JUDGED MEASURE
value() {
	jq -r --arg mode "$1" --arg by "$2" --arg m "$3" \
	    'select(.mode == $mode and .judged == $by)[$m]' <<<"$output"
}

# as_good MODE JUDGED P@1 P@3 R@5 NDCG@10 MRR: not below them by more than 0.02.
as_good() {
	local mode=$1 by=$2 m is bad=0

	shift 2
	for m in precision@1 precision@3 recall@5 ndcg@10 mrr; do
		is=$(value "$mode" "$by" "$m")
		awk -v is="$is" -v want="$1" 'BEGIN { exit !(is != "" && is >= want - 0.02) }' ||
		    { echo "$mode $by $m: $is, was $1"; bad=1; }
		shift
	done
	return $bad
}

@test "vector, keyword and hybrid search are as good as they were, by either reading" {
	run measured
	assert_success
	as_good vector first 0.582 0.372 0.279 0.394 0.675
	as_good vector pool 0.589 0.377 0.276 0.396 0.680
	as_good keyword first 0.575 0.443 0.329 0.429 0.674
	as_good keyword pool 0.575 0.450 0.325 0.430 0.674
	as_good hybrid first 0.671 0.493 0.362 0.475 0.747
	as_good hybrid pool 0.671 0.498 0.357 0.476 0.747
}

@test "sections with their headings are answered better than pieces of 1,000 characters" {
	run measured
	assert_success
	sections=$(value hybrid first precision@1)
	C1V_QUALITY_CHUNK='' run measured
	assert_success
	as_good hybrid first 0.596 0.459 0.359 0.466 0.710
	assert [ "$(jq -n "$sections > $(value hybrid first precision@1)")" = true ]
}

@test "fused by rank, too, both together are better than either" {
	run measured --fuse rrf
	assert_success
	hybrid=$(value hybrid first ndcg@10)
	assert [ "$(jq -n "$hybrid > $(value vector first ndcg@10) and $hybrid > $(value keyword first ndcg@10)")" = true ]
}

@test "each passage stands once in its document" {
	jq -r '.relevant[] | [.doc, .text] | @tsv' "$root/share/prd-templates/golden.ndjson" | sort -u |
	    while IFS=$'\t' read -r doc text; do
		n=$(grep -cF -- "$text" "$root/share/prd-templates/$doc") || true
		[ "$n" = 1 ] || echo "$doc: $text: $n"
	done >wrong
	run cat wrong
	assert_output ''
	run jq -s 'map(.relevant[] | .pool // false) | [length, (map(select(.)) | length)] | join(" ")' -r \
	    "$root/share/prd-templates/golden.ndjson"
	assert_output '971 33'
}

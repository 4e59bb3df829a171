# shellcheck shell=bash disable=SC2154  # sourced by run
# A large store: BENCH_MILLION (1000000) chunks with BENCH_DIMS (256) dimensions,
# clustered, 640 characters each. It takes minutes and gigabytes, so it is
# measured only when it is asked for by name.

count=${BENCH_MILLION:-1000000}
dims=${BENCH_DIMS:-256}
store=$work/million-$count-$dims.db
gen queries 100 "$dims" >"$work/million.ndjson"
rm -f "$store"*
# shellcheck disable=SC2016
sum=$(measure -n 1 -w 0 -- bash -c 'gen records "$1" "$2" 640 | c1v-ingest --store "$3"' - "$count" "$dims" "$store")
figure "ingest, $count x $dims" "$(jq "$count * 1000 / .p50_ms" <<<"$sum")" rows/s 'wanted' 0 ''
figure 'its largest resident set' "$(jq .rss_kib <<<"$sum")" KiB 'wanted' 204800 '<=1'
figure 'its store' "$(($(stat -c %s "$store") >> 20))" MiB 'vectors alone' $((count * dims * 4 >> 20)) ''
base=$(took p95_ms -n 200 -- "$empty")
wanted=60
if [ "$dims" -gt 256 ]; then
	wanted=200
fi
for mode in hybrid vector keyword; do
	p95=$(took p95_ms -n 100 -w 5 -q "$work/million.ndjson" -- c1v-search --store "$store" --mode "$mode")
	figure "one search, $mode, p95" "$(awk "BEGIN {print $p95 - $base}")" ms 'wanted' "$wanted" '<=1'
done
if [ -z "${BENCH_KEEP-}" ]; then
	rm -f "$store"*
fi

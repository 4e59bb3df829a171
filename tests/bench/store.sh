# shellcheck shell=bash disable=SC2154  # sourced by run
# Ingest and search: $rows chunk records with 256 dimensions.

records=$work/records-$rows.ndjson
queries=$work/queries.ndjson
if [ ! -s "$records" ]; then
	# As if the shipped model had made them, so that words can be searched for.
	gen records "$rows" 256 640 | sed 's/"bench-256"/"c1v-embed-en-256"/' >"$records"
	gen queries 200 256 | sed 's/"bench-256"/"c1v-embed-en-256"/' >"$queries"
	jq -r .query "$queries" >"$work/queries.txt"
fi
large=sqlite:$work/large.db

rm -f "$work"/large.db* "$work"/fts5.db*
sum=$(measure -n 1 -w 0 -i "$records" -- c1v-ingest --store "$large")
alone=$(fts5 build "$work/fts5.db" <"$records" | jq .rows_per_s)
figure 'ingest' "$(jq "$rows * 1000 / .p50_ms" <<<"$sum")" rows/s 'FTS5 alone' "$alone" '>=0.7'
figure 'ingest, largest resident set' "$(jq .rss_kib <<<"$sum")" KiB 'wanted' 204800 '<=1'

base=$(took p95_ms -n 200 -- "$empty")
for mode in hybrid vector keyword; do
	p95=$(took p95_ms -n 200 -l "$work/queries.txt" -- c1v-search --store "$large" --mode "$mode")
	figure "one search, $mode, p95" "$(awk "BEGIN {print $p95 - $base}")" ms 'wanted' 15 '<=1'
done

many=$(measure -n 3 -i "$queries" -- c1v-search --store "$large" --mode vector |
    jq "(.p50_ms - $base) / 200")
figure 'vector leg, many queries, each' "$many" ms 'wanted' 4 '<=1'
many=$(measure -n 3 -i "$queries" -- c1v-search --store "$large" --mode keyword |
    jq "(.p50_ms - $base) / 200")
figure 'keyword leg, many queries, each' "$many" ms 'FTS5 any-term, p50' \
    "$(fts5 query "$work/fts5.db" <"$queries" | jq .p50_ms)" ''
ratio=$(TMPDIR=$work keyword | sed -n "s/^p95 against FTS5's any term: \([0-9.]*\).*/\1/p")
figure 'keyword leg, p95, same index' "$ratio" times 'FTS5 any-term, p95' 1 '<=0.5'
for peer in search-sqlite-vec search-numpy search-hnswlib search-chromadb search-lancedb; do
	if have "$peer"; then
		figure "one search, vector, p50" \
		    "$(took p50_ms -n 100 -l "$work/queries.txt" -- c1v-search --store "$large" --mode vector)" ms \
		    "$peer" "$("$peer" "$records" "$queries")" '<=0.1667'
	fi
done

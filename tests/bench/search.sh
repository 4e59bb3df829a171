# shellcheck shell=bash disable=SC2154  # sourced by run
# Search in $rows chunks with 256 dimensions: as one process for one query, and
# as one for many.

large_records
if [ ! -s "$large" ]; then
	c1v-ingest --store "$large" <"$records" >/dev/null
fi
if [ ! -s "$work/fts5.db" ]; then
	fts5 build "$work/fts5.db" <"$records" >/dev/null
fi
head -n 1 "$queries" >"$work/one.ndjson"
count=$(wc -l <"$queries")

# each ONE MANY: milliseconds for a query among many, without what starting costs.
each() {
	awk -v one="$1" -v many="$2" -v n="$count" 'BEGIN {print (many - one) / (n - 1)}'
}

# ours MODE: the same of ours.
ours() {
	each "$(took p50_ms -n 20 -i "$work/one.ndjson" -- c1v-search --store "$large" --mode "$1")" \
	    "$(took p50_ms -n 5 -i "$queries" -- c1v-search --store "$large" --mode "$1")"
}

base=$(took p95_ms -n 200 -- "$empty")
for mode in hybrid vector keyword; do
	p95=$(took p95_ms -n 200 -l "$work/queries.txt" -- c1v-search --store "$large" --mode "$mode")
	figure "one search, $mode, p95" "$(awk "BEGIN {print $p95 - $base}")" ms 'wanted' 15 '<=1'
done

vector=$(ours vector)
keyword=$(ours keyword)
figure 'vector leg, many queries, each' "$vector" ms 'wanted' 4 '<=1'
figure 'keyword leg, many queries, each' "$keyword" ms 'FTS5 any-term, p50' \
    "$(fts5 query "$work/fts5.db" <"$queries" | jq .p50_ms)" ''
ratio=$(TMPDIR=$work keyword | sed -n "s/^p95 against FTS5's any term: \([0-9.]*\).*/\1/p")
figure 'keyword leg, p95, same index' "$ratio" times 'FTS5 any-term, p95' 1 '<=0.5'

# The ten best of each query, and how many of the exact ten are among them.
best() {
	c1v-search --store "$large" --mode vector -n 10 "$@" <"$queries" | jq -r '[.qid, .id] | @tsv' | sort
}
figure 'recall@10, vector leg' \
    "$(comm -12 <(best) <(best --exact) | wc -l | jq ". / (10 * $count)")" '' 'an exact scan' 1 '>=0.99'

# built PEER: its folder, with the same records.
built() {
	if [ ! -d "$work/$1" ]; then
		mkdir "$work/$1"
		"$1" build "$work/$1" <"$records" >&2
	fi
	echo "$work/$1"
}

one=$(took p50_ms -n 100 -l "$work/queries.txt" -- c1v-search --store "$large")
if peer store-sqlite-vec && have sqlite3; then
	folder=$(built store-sqlite-vec)
	store-sqlite-vec sql <"$work/one.ndjson" >"$work/one.sql"
	store-sqlite-vec sql <"$queries" >"$work/many.sql"
	shell_one=$(took p50_ms -n 10 -i "$work/one.sql" -- sqlite3 "$folder/s.db")
	shell_many=$(took p50_ms -n 1 -i "$work/many.sql" -- sqlite3 "$folder/s.db")
	figure 'one search, hybrid, p50' "$one" ms 'sqlite3 + sqlite-vec' "$shell_one" '<=0.1667'
	figure 'vector leg, many queries, each' "$vector" ms 'sqlite3 + sqlite-vec' \
	    "$(each "$shell_one" "$shell_many")" '<=1'
fi
for peer in store-numpy store-hnswlib store-usearch store-faiss store-duckdb store-lancedb store-chromadb; do
	if peer "$peer"; then
		folder=$(built "$peer")
		theirs=$(took p50_ms -n 5 -i "$work/one.ndjson" -- "$peer" query "$folder")
		figure 'one search, hybrid, p50' "$one" ms "$peer" "$theirs" '<=0.1667'
		figure 'vector leg, many queries, each' "$vector" ms "$peer" \
		    "$(each "$theirs" "$(took p50_ms -n 1 -i "$queries" -- "$peer" query "$folder")")" ''
	fi
done
for peer in store-sqlite-fts5 store-tantivy; do
	if peer "$peer"; then
		folder=$(built "$peer")
		theirs=$(took p50_ms -n 5 -i "$work/one.ndjson" -- "$peer" query "$folder")
		figure 'keyword leg, many queries, each' "$keyword" ms "$peer" \
		    "$(each "$theirs" "$(took p50_ms -n 1 -i "$queries" -- "$peer" query "$folder")")" ''
	fi
done

# shellcheck shell=bash disable=SC2154  # sourced by run
# Ingest: $rows chunk records with 256 dimensions into an empty store.

large_records
rm -f "$large"* "$work"/fts5.db*
sum=$(measure -n 1 -w 0 -i "$records" -- c1v-ingest --store "$large")
ingested=$(jq "$rows * 1000 / .p50_ms" <<<"$sum")
alone=$(fts5 build "$work/fts5.db" <"$records" | jq .rows_per_s)
figure 'ingest' "$ingested" rows/s 'FTS5 alone' "$alone" '>=0.7'
figure 'ingest, largest resident set' "$(jq .rss_kib <<<"$sum")" KiB 'wanted' 204800 '<=1'
for peer in store-sqlite-fts5 store-sqlite-vec store-lancedb store-chromadb; do
	if peer "$peer"; then
		rm -rf "${work:?}/$peer"
		mkdir "$work/$peer"
		figure 'ingest' "$ingested" rows/s "$peer" \
		    "$(measure -n 1 -w 0 -i "$records" -- "$peer" build "$work/$peer" | jq "$rows * 1000 / .p50_ms")" ''
	fi
done

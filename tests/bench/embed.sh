# shellcheck shell=bash disable=SC2154  # sourced by run
# c1v-embed with the local model, chunk records in, vectors as base64 out.

c1v-chunk -t ndjson <"$corpus" >"$work/chunks.ndjson"
ours=$(rate "$work/chunks.ndjson" c1v-embed --encoding base64)
figure 'local embedding' "$ours" MB/s 'wanted' 60 '>=1'
alone=$(embed "$C1V_SHARE/model/c1v-embed-en-256.c1vm" <"$work/chunks.ndjson" | jq '[to_entries[] | select(.key | endswith("_mb_s") and . != "ids_mb_s") | .value] | max')
figure 'text to vector, in memory' "$alone" MB/s 'wanted' 60 '>=1'
for peer in embed-model2vec-rs embed-model2vec; do
	if peer "$peer"; then
		figure 'local embedding' "$ours" MB/s "$peer" "$(runs=2 rate "$work/chunks.ndjson" "$peer")" '>=3'
	fi
done

# shellcheck shell=bash disable=SC2154  # sourced by run
# c1v-embed with the local model, chunk records in, vectors as base64 out.

c1v-chunk -t ndjson <"$corpus" >"$work/chunks.ndjson"
ours=$(rate "$work/chunks.ndjson" c1v-embed --encoding base64)
figure 'local embedding' "$ours" MB/s 'wanted' 60 '>=1'
for peer in embed-model2vec-rs embed-model2vec; do
	if have "$peer"; then
		figure 'local embedding' "$ours" MB/s "$peer" "$(rate "$work/chunks.ndjson" "$peer")" '>=3'
	fi
done

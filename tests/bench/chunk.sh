# shellcheck shell=bash disable=SC2154  # sourced by run
# c1v-chunk: NDJSON in, NDJSON out, 1000 characters with 200 of overlap.

ours=$(rate "$corpus" c1v-chunk -t ndjson)
figure 'chunk, whole process' "$ours" MB/s 'cat' "$(rate "$corpus" cat)" ''
if have jq; then
	figure 'chunk, whole process' "$ours" MB/s 'jq -c .' "$(rate "$corpus" jq -c .)" '>=6'
fi
for peer in chunk-langchain-js:10 chunk-langchain-python:10 chunk-text-splitter:6 chunk-chonkie:6 \
    chunk-chonkie-core:6; do
	if peer "${peer%:*}"; then
		figure 'chunk, whole process' "$ours" MB/s "${peer%:*}" "$(runs=2 rate "$corpus" "${peer%:*}")" ">=${peer#*:}"
	fi
done
figure 'chunk, largest resident set' "$(took rss_kib -n 1 -i "$corpus" -- c1v-chunk -t ndjson)" KiB \
    'cat' "$(took rss_kib -n 1 -i "$corpus" -- cat)" ''

jq -j .content "$corpus" >"$work/text.txt"
figure 'the splitter alone, ASCII' "$(split <"$work/text.txt" | jq .mb_per_s)" MB/s 'wanted' 800 '>=1'
figure 'record scan' "$(scan "$corpus" | jq .mb_per_s)" MB/s 'wanted' 800 '>=1'

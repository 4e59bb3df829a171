# shellcheck shell=bash disable=SC2154  # sourced by run
# Tokens: a text whole, pieces of a megabyte, and one line as a whole process.

jq -rj .content <"$corpus" | head -c 20000000 >"$work/tokens.txt"
head -c 1000000 /dev/zero | tr '\0' a >"$work/tokens-a"
head -c 1000000 /dev/zero | tr '\0' ' ' >"$work/tokens-spaces"
awk 'BEGIN { srand(5); for (i = 0; i < 1000000; i++) printf "%c", 97 + int(rand() * 26) }' >"$work/tokens-letters"
echo 'how do we roll back a release?' >"$work/tokens-line"

alone() { # alone ENCODING FILE FIELD
	tokens "$C1V_SHARE/bpe/$1.c1vb" <"$2" | jq ".$3"
}

for encoding in cl100k_base o200k_base; do
	wanted=100
	[ $encoding = o200k_base ] && wanted=70
	ours=$(alone $encoding "$work/tokens.txt" encode_mb_s)
	figure "$encoding" "$ours" MB/s 'wanted' "$wanted" '>=1'
	figure "$encoding, counted" "$(alone $encoding "$work/tokens.txt" count_mb_s)" MB/s 'wanted' "$wanted" '>=1'
	for other in tokens-tokie tokens-bpe-openai tokens-tiktoken; do
		if peer $other; then
			figure "$encoding" "$ours" MB/s "$other" \
			    "$(cd "$work" && $other $encoding <"$work/tokens.txt" | jq .encode_mb_s)" '>=1.2'
		fi
	done
	figure "$encoding, 1 MB of a" "$(alone $encoding "$work/tokens-a" count_ms)" ms 'wanted' 6 '<=1'
	figure "$encoding, 1 MB of spaces" "$(alone $encoding "$work/tokens-spaces" count_ms)" ms 'wanted' 8 '<=1'
	figure "$encoding, 1 MB of letters" "$(alone $encoding "$work/tokens-letters" count_ms)" ms 'wanted' 80 '<=1'
done
one=$(took min_ms -n 50 -i "$work/tokens-line" -- c1v-cost tokens)
figure 'tokens of a line, whole process' "$one" ms 'wanted' 3 '<=1'
figure 'tokens of a line, whole process' "$one" ms 'empty program' "$(took min_ms -n 50 -- "$empty")" ''

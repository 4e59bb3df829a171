# shellcheck shell=bash disable=SC2154  # sourced by run
# What the cache is worth: 20,000 questions about 5,000 texts, the k-th of which is asked 1/k times as often as
# the first (Zipf, s = 1), every tenth one changed a little. They come twenty at a time, each twenty in a
# process of their own, as scripts ask. What was found and what it saved is what c1v-cache stats and
# c1v-cost report say.
(
place=$(mktemp -d)
trap 'exec 7>&-; rm -rf "$place"' EXIT
cd "$place" || exit
export XDG_STATE_HOME=$place C1V_CACHE=sqlite:$place/cache.db OPENAI_API_KEY=none
awk 'BEGIN {
	srand(11)
	for (k = 1; k <= 5000; k++) upto[k] = upto[k - 1] + 1 / k
	for (i = 0; i < 20000; i++) {
		at = rand() * upto[5000]
		low = 1
		high = 5000
		while (low < high) {
			k = int((low + high) / 2)
			if (upto[k] < at) low = k + 1
			else high = k
		}
		if (i % 20 == 0) {
			close(part)
			part = sprintf("part.%04d", i / 20)
		}
		printf "how does part %d of the product decide about case %d%s\n", low % 97, low,
		    (rand() < 0.1 ? " in version " i : "") >part
	}
}'
mkfifo hold
# The server says of each text that it has as many tokens as they have on the average.
tokens=$(cat part.* | c1v-cost tokens -m text-embedding-3-small | jq '.tokens / 20000 | round')
"$build/fake/http" serve dims=1536 tokens="$tokens" <hold >port 3>&- &
exec 7>hold
while [ ! -s port ]; do sleep 0.01; done
export OPENAI_BASE_URL
OPENAI_BASE_URL=http://127.0.0.1:$(cat port)/v1

for part in part.*; do
	c1v-embed -m text-embedding-3-small --role query -t text --encoding base64 "$part" >/dev/null
done
c1v-cache stats --json >found.json
c1v-cost report --json >spent.json
figure 'worth: questions found' "$(jq '.hitRate / 100' found.json)" share 'wanted' 0.70 '>=1'
figure 'worth: dollars saved' "$(jq '(.saved | tonumber) / ((.cost | tonumber) + (.saved | tonumber))' spent.json)" share \
    'wanted' 0.40 '>=1'
)

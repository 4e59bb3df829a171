# shellcheck shell=bash disable=SC2154  # sourced by run
# c1v-cost: prices for usage records, a report over a large ledger, the gate.

usage=$work/usage.ndjson ledger=$work/ledger.db
if [ ! -s "$usage" ]; then
	awk 'BEGIN {
		srand(1)
		split("gpt-4o-2024-11-20 gpt-4o-mini text-embedding-3-small claude-haiku-4-5 gpt-5.4", models, " ")
		for (i = 0; i < 1000000; i++)
			printf "{\"model\":\"%s\",\"input_tokens\":%d,\"output_tokens\":0,\"user\":\"u%d\",\"request_id\":\"r%d\",\"time\":\"2026-%02d-%02dT%02d:00:00Z\"}\n",
			    models[1 + int(rand() * 5)], 1 + int(rand() * 5000), int(rand() * 50), i,
			    1 + int(rand() * 10), 1 + int(rand() * 28), int(rand() * 24)
	}' >"$usage"
fi
head -n 100000 "$usage" >"$work/usage.100k"
if [ ! -s "$ledger" ]; then
	c1v-cost add --ledger "$ledger" "$usage" >/dev/null
fi

ms() { # ms RUNS COMMAND…: the best of so many, as a whole process
	local n=$1
	shift
	took min_ms -n "$n" -- "$@"
}

ours=$(ms 5 c1v-cost price "$work/usage.100k")
figure 'price 100,000 usage records' "$ours" ms 'wanted' 250 '<=1'
figure 'price 100,000 usage records' "$ours" ms 'jq -c .' "$(ms 3 jq -c . "$work/usage.100k")"  ''
for by in '' "--tz Europe/Berlin"; do
	# shellcheck disable=SC2086  # an option and its value, or nothing
	ours=$(ms 5 c1v-cost report --ledger "$ledger" --by day,user,model $by)
	figure "report of 1,000,000 calls ${by:-UTC}" "$ours" ms 'wanted' 500 '<=1'
done
if have sqlite3; then
	ours=$(ms 5 c1v-cost report --ledger "$ledger" --by day,user,model)
	theirs=$(ms 3 sqlite3 "$ledger" \
	    "SELECT time / 86400000, user, model, sum(cost), sum(input), count(*) FROM usage GROUP BY 1, 2, 3")
	figure 'report of 1,000,000 calls' "$ours" ms 'sqlite3, the same GROUP BY' "$theirs" '<=0.3'
fi
figure 'check, whole process' "$(ms 20 c1v-cost check --ledger "$ledger" --estimate 1)" ms \
    'an empty program' "$(ms 20 "$empty")" ''

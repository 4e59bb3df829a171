# c1v-cost report in every zone: what it sums up, another program sums up row by row.

load helper

# 2,000 calls of three models over 300 days, at any time of day; some at the edges of hours.
fill() {
	awk 'BEGIN {
		srand(7)
		split("gpt-4o gpt-4o-mini gpt-4.1", models, " ")
		for (i = 0; i < 2000; i++)
			printf "{\"model\":\"%s\",\"input_tokens\":%d,\"output_tokens\":%d,\"user\":\"u%d\",\"request_id\":\"r%d\",\"time\":\"2026-%02d-%02dT%02d:%02d:%02d.%03dZ\"}\n",
			    models[1 + int(rand() * 3)], 1 + int(rand() * 5000), int(rand() * 100), int(rand() * 3), i,
			    1 + int(rand() * 10), 1 + int(rand() * 28), int(rand() * 24), (i % 4) * 15 + int(rand() * 2) * 14,
			    i % 3 ? 0 : 59, i % 3 ? 0 : 999
	}' | c1v-cost add --ledger ledger.db >/dev/null
}

# ZONE FORMAT SINCE UNTIL: rows of a period and a user, by SQLite's own calendar
by_rows() {
	TZ=$1 sqlite3 -cmd ".timeout 10000" -separator ' ' ledger.db "
		SELECT strftime('$2', time / 1000, 'unixepoch', 'localtime') AS period, t.text, count(*),
		    sum(input + cached + write + write_1h), sum(output), sum(cost)
		FROM usage u JOIN name t ON t.id = u.user WHERE time >= $3 AND time < $4 GROUP BY 1, 2 ORDER BY 1, 2"
}

by_report() { # OPTION…
	c1v-cost report --ledger ledger.db --json "$@" | jq -r 'select(.user) |
	    "\(.when) \(.user) \(.calls) \(.input_tokens) \(.output_tokens) \(.cost | tonumber * 1e9 | round)"' | sort
}

@test "days and months of zones on both sides of UTC, with halves and quarters of hours, are exact" {
	need sqlite3
	fill
	for zone in UTC Europe/Berlin America/New_York America/Los_Angeles Asia/Kolkata Asia/Kathmandu Asia/Tokyo \
	    Australia/Lord_Howe Pacific/Auckland Pacific/Kiritimati Pacific/Pago_Pago America/Havana; do
		[ -e "/usr/share/zoneinfo/$zone" ] || skip "there is no $zone here"
		diff <(by_report --tz "$zone" --by day,user) <(by_rows "$zone" %Y-%m-%d 0 9e15) ||
		    fail "$zone by day"
		diff <(by_report --tz "$zone" --by month,user) <(by_rows "$zone" %Y-%m 0 9e15) ||
		    fail "$zone by month"
		# From and to the middle of days.
		diff <(by_report --tz "$zone" --by day,user --since 2026-03-03T04:05:06Z --until 2026-03-29T13:00:00Z) \
		    <(by_rows "$zone" %Y-%m-%d 1772510706000 1774789200000) || fail "$zone within days"
		diff <(by_report --tz "$zone" --by day,user --since 2026-03-03T04:05:06Z --until 2026-03-03T20:00:00Z) \
		    <(by_rows "$zone" %Y-%m-%d 1772510706000 1772568000000) || fail "$zone within a day"
	done
}

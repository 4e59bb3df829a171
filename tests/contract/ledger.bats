#!/usr/bin/env bats
# c1v-cost: what holds for every kind of ledger.
# drivers: sqlite redis cluster upstash

load ../helper
load ../servers/redis
load ../servers/upstash
load ../fake

driver=${C1V_TEST_STORE:-sqlite}

setup_file() {
	case $driver in
	redis | upstash) redis_start main ;;
	cluster) redis_cluster 3 ;;
	esac
}

teardown_file() {
	redis_stop
}

setup() {
	local n

	c1v_setup
	redis_need
	export C1V_NOW=2026-11-23T12:00:00Z C1V_LEDGER
	case $driver in
	sqlite) C1V_LEDGER=sqlite:$BATS_TEST_TMPDIR/ledger.db ;;
	redis) C1V_LEDGER=$(redis_url main) && rcli main flushall ;;
	cluster)
		C1V_LEDGER=$(redis_url n2)
		for n in 1 2 3; do rcli "n$n" flushall; done ;;
	upstash) C1V_LEDGER=upstash: && rcli main flushall && upstash_start main ;;
	esac
	cat >usage.ndjson <<-'X'
	{"model":"gpt-4o","input_tokens":1000,"output_tokens":100,"user":"u1","request_id":"a","time":"2026-11-22T10:00:00Z"}
	{"model":"text-embedding-3-small","input_tokens":5000,"user":"u2","request_id":"b"}
	X
}

teardown() {
	upstash_stop
}

@test "the ledger knows a request that it has seen" {
	run c1v-cost add usage.ndjson
	assert_success
	assert_output --partial '"entered":2,"known_before":0,"unpriced":0,"failed":0,"cost":"0.0036"'
	run c1v-cost add usage.ndjson
	assert_output --partial '"entered":0,"known_before":2,"unpriced":0,"failed":0,"cost":"0"'
	run c1v-cost report
	assert_output '{"calls":2,"unpriced":0,"input_tokens":6000,"cached_input_tokens":0,"output_tokens":100,"cost":"0.0036","saved":"0"}'
}

@test "two writers at once enter each call once" {
	for i in $(seq 200); do
		echo '{"model":"gpt-4o","input_tokens":1,"request_id":"r'"$i"'"}'
	done >many.ndjson
	for i in 1 2 3 4 5 6 7 8; do
		c1v-cost add many.ndjson >/dev/null &
	done
	wait
	run c1v-cost report
	assert_output --partial '"calls":200,'
	assert_output --partial '"cost":"0.0005"'
}

@test "reports: the costs of a day and of a user, as the seed asks for them" {
	c1v-cost add usage.ndjson
	run c1v-cost report --by day
	assert_line --index 0 --partial '"when":"2026-11-22","calls":1'
	assert_line --index 1 --partial '"when":"2026-11-23","calls":1'
	run bash -c 'c1v-cost report --since yesterday --until yesterday | jq -r .cost'
	assert_output 0.0035
	run bash -c 'c1v-cost report --since today --user u2 | jq -r .cost'
	assert_output 0.0001
	run c1v-cost report --by day,model --csv
	assert_line --index 0 'when,model,calls,unpriced,input_tokens,cached_input_tokens,output_tokens,cost,saved'
	assert_line --index 1 '2026-11-22,gpt-4o,1,0,1000,0,100,0.0035,0'
	run c1v-cost report --by user --pretty
	assert_line --index 1 --regexp '^u1 .* 0.0035 .*█'
	run c1v-cost report --by hour
	assert_failure 64
	run c1v-cost report --since soon
	assert_failure 64
}

@test "days are those of a time zone when asked for" {
	echo '{"model":"gpt-4o","input_tokens":1000,"time":"2026-11-22T23:30:00Z"}' | c1v-cost add
	run bash -c 'c1v-cost report --by day | jq -r .when'
	assert_output 2026-11-22
	run bash -c 'c1v-cost report --by day --tz CET-1 | jq -r .when'
	assert_output 2026-11-23
	run c1v-cost report --tz No/Where
	assert_failure 64
}

@test "savings of a cache are beside the costs" {
	echo '{"model":"gpt-4o","input_tokens":1000,"cached_input_tokens":400,"output_tokens":0}' | c1v-cost add
	run c1v-cost report
	# 600 * 2.5 + 400 * 1.25 = 2000 millionths, 2500 without the cache.
	assert_output --partial '"cost":"0.002","saved":"0.0005"'
}

@test "a budget is a gate" {
	c1v-cost add usage.ndjson
	run c1v-cost check --estimate 1000
	assert_success
	c1v-cost budget set --per day --user u2 0.001
	run c1v-cost check --user u2 --estimate 0.0009
	assert_success
	run c1v-cost check --user u2 --estimate 0.000900001
	assert_failure 1
	assert_output --partial 'spent 0.0001'
	run c1v-cost check --user u1 --estimate 5
	assert_success
	run bash -c 'c1v-cost budget | jq -c "[.per,.period,.user,.amount,.spent,.left]"'
	assert_output '["day","2026-11-23","u2","0.001","0.0001","0.0009"]'
	C1V_NOW=2026-11-24T00:00:00Z run c1v-cost check --user u2 --estimate 0.001
	assert_success
	run c1v-cost budget unset --per day --user u2
	assert_success
	run c1v-cost budget unset --per day --user u2
	assert_failure 1
	run c1v-cost check --estimate -1
	assert_failure 64
	run c1v-cost check
	assert_failure 64
}

@test "a reservation holds until it is settled, released or old" {
	c1v-cost budget set --per day 0.01
	id=$(c1v-cost reserve --estimate 0.006 | jq -r .reservation)
	run c1v-cost reserve --estimate 0.006
	assert_failure 1
	run c1v-cost settle "$id" usage.ndjson
	assert_success
	assert_output --partial '"entered":2'
	run bash -c 'c1v-cost budget | jq -c "[.spent,.reserved,.left]"'
	assert_output '["0.0001","0","0.0099"]' # the other call was yesterday's
	run c1v-cost release "$id"
	assert_failure 1
	id=$(c1v-cost reserve --estimate 0.006 --ttl 10 | jq -r .reservation)
	C1V_NOW=2026-11-23T12:00:09Z run c1v-cost check --estimate 0.004
	assert_failure 1
	C1V_NOW=2026-11-23T12:00:11Z run c1v-cost check --estimate 0.004
	assert_success
}

@test "two hundred processes never overspend by a cent" {
	c1v-cost budget set --per total 1.00
	seq 200 | xargs -P 16 -I{} sh -c 'c1v-cost reserve --estimate 0.07 >>held.ndjson 2>/dev/null || true'
	# 14 times 0.07 is 0.98; once more would be 1.05.
	run grep -c reservation held.ndjson
	assert_output 14
	run bash -c 'c1v-cost budget | jq -r .left'
	assert_output 0.02
}

@test "nobody has written yet: no report, and no budget to exceed" {
	run c1v-cost report
	assert_failure 1
	run c1v-cost check --estimate 5
	assert_success
}

@test "whatever is asked, the answer is that of a file" {
	awk 'BEGIN {
		srand(7)
		for (i = 0; i < 1500; i++) {
			printf "{\"model\":\"%s\",\"input_tokens\":%d,\"output_tokens\":%d,\"cached_input_tokens\":%d",
			    rand() < 0.1 ? "nobody-knows" : rand() < 0.5 ? "gpt-4o" : "gpt-4o-mini",
			    1000 + rand() * 1000, rand() * 1000, rand() * 1000
			if (rand() < 0.8) printf ",\"user\":\"u%d \\\"ä\\\"\"", rand() * 5
			if (rand() < 0.5) printf ",\"project\":\"p%d\"", rand() * 3
			if (rand() < 0.5) printf ",\"tool\":\"t%d\"", rand() * 3
			if (rand() < 0.7) printf ",\"request_id\":\"r%d\"", rand() * 900
			printf ",\"time\":\"2026-%02d-%02dT%02d:%02d:%02d.%03dZ\"}\n", 10 + rand() * 2, 1 + rand() * 28,
			    rand() * 24, rand() * 60, rand() * 60, rand() * 1000
		}
	}' >many.ndjson
	run c1v-cost add --ledger file.db many.ndjson
	run c1v-cost add many.ndjson
	assert_failure 3
	for options in '' '--by day' '--by week,model' '--by month,user,project' '--by tool,user' '--by day --tz Europe/Berlin' \
	    '--by month,model --tz Asia/Kathmandu' '--since 2026-10-10 --until 2026-10-20 --by user' \
	    '--since 2026-10-10T11:22:33.444Z --by model' '--by day --project p1' '--by day --model gpt-4o --tool t2' \
	    '--user nobody'; do
		# shellcheck disable=SC2086
		run c1v-cost report --ledger file.db --log-level error $options
		printf '%s\n' "$output" >want
		# shellcheck disable=SC2086
		run c1v-cost report --log-level error $options
		assert_output "$(cat want)"
	done
	for budget in '--per day' '--per week' '--per month' '--per total' '--per month --project p1' '--per total --user u1'; do
		# shellcheck disable=SC2086
		c1v-cost budget set $budget 100
		# shellcheck disable=SC2086
		c1v-cost budget set $budget --ledger file.db 100
	done
	for zone in UTC America/New_York Asia/Kathmandu Pacific/Auckland; do
		C1V_NOW=2026-11-01T05:00:00Z run c1v-cost budget --tz $zone
		printf '%s\n' "$output" | sort >got
		C1V_NOW=2026-11-01T05:00:00Z c1v-cost budget --tz $zone --ledger file.db | sort | cmp - got
	done
}

@test "a writer that is killed leaves nothing half" {
	seq 4000 | sed 's/.*/{"model":"gpt-4o","input_tokens":1000,"user":"u1","request_id":"r&"}/' >many.ndjson
	c1v-cost budget set --per total --user u1 100
	for ms in 005 010 015 020 030 050 080; do
		timeout -s KILL 0.$ms c1v-cost add many.ndjson >/dev/null || true
		run bash -c 'c1v-cost report | jq -r "[.calls * 0.0025, (.cost | tonumber)] | map(. * 10000 | round) | .[0] == .[1]"'
		[ "$status" != 0 ] || [ -z "$output" ] || assert_output true
	done
	run c1v-cost add many.ndjson
	assert_success
	run bash -c 'c1v-cost report | jq -c "[.calls,.cost]"'
	assert_output '[4000,"10"]'
	run bash -c 'c1v-cost budget | jq -r .spent'
	assert_output 10
}

# --- c1v-embed --------------------------------------------------------------------------

@test "c1v-embed enters what it spends and what a cache spared it, for whom it was" {
	fake_setup
	server tokens=1000
	export C1V_CACHE=sqlite:$BATS_TEST_TMPDIR/cache.db
	run -0 c1v-embed -m text-embedding-3-small --encoding base64 --batch-inputs 5 --user u7 ten
	run -0 c1v-embed -m text-embedding-3-small --encoding base64 --batch-inputs 5 --user u7 ten
	run -0 c1v-cost report --user u7
	assert_output --partial '"calls":3,'
	assert_output --partial '"input_tokens":10000,'
	# 10,000 tokens at two cents a million; what was spared is counted, not answered: 20 tokens.
	assert_equal "$(jq -r '.cost' <<<"$output")" 0.0002
	[ "$(jq -r '.saved | tonumber > 0' <<<"$output")" = true ]
	exec 7>&-
}

# Ten texts of 3 tokens at 20 nano-dollars, by each of six: 8 texts of them all fit.
@test "c1v-embed --budget: many at once never spend more than there is" {
	local i embedding=()

	fake_setup
	server tokens=3 latency=20
	c1v-cost budget set --per day 0.0000005 >/dev/null
	for i in 1 2 3 4 5 6; do
		# A pipe: what it holds is not known before.
		cat ten | c1v-embed -m text-embedding-3-small --encoding base64 --batch-inputs 1 --concurrency 2 \
		    --budget >"out$i" 2>/dev/null 3>&- 7>&- &
		embedding+=($!)
	done
	for i in "${embedding[@]}"; do
		wait "$i" && fail 'all of them found room'
	done
	run -0 c1v-cost report
	assert_equal "$(jq -r '.cost' <<<"$output")" 0.00000048
	assert_equal "$(cat out? | wc -l)" 8
	exec 7>&-
}

#!/usr/bin/env bats
# c1v-cost: prices, the ledger, reports and budgets. The unit tests have the
# prices that were computed by hand; here the tool is seen at work.

load helper

setup() {
	c1v_setup
	export C1V_NOW=2026-11-23T12:00:00Z
	cat >usage.ndjson <<-'X'
	{"model":"gpt-4o","input_tokens":1000,"output_tokens":100,"user":"u1","request_id":"a","time":"2026-11-22T10:00:00Z"}
	{"model":"text-embedding-3-small","input_tokens":5000,"user":"u2","request_id":"b"}
	X
}

@test "price adds the cost and the price that was used, and touches nothing else" {
	run c1v-cost price usage.ndjson
	assert_success
	# 1000 * 2.5 + 100 * 10 = 3500 millionths; 5000 * 0.02 = 100 millionths.
	assert_line --index 0 '{"model":"gpt-4o","input_tokens":1000,"output_tokens":100,"user":"u1","request_id":"a","time":"2026-11-22T10:00:00Z","cost":"0.0035","price":{"model":"gpt-4o","version":"2026-11-22"}}'
	assert_line --index 1 --partial '"cost":"0.0001"'
}

@test "an unknown model has no price, never zero, and the exit code says so" {
	echo '{"model":"nobody-knows","input_tokens":5}' >unknown.ndjson
	run --separate-stderr c1v-cost price unknown.ndjson
	assert_failure 3
	assert_output '{"model":"nobody-knows","input_tokens":5,"cost":null,"price":null}'
	[[ $stderr == *'without a known price, the first of model nobody-knows'* ]]
	run c1v-cost price --unknown-as gpt-4-turbo unknown.ndjson
	assert_success
	assert_output --partial '"cost":"0.00005","price":{"model":"gpt-4-turbo"'
	run c1v-cost add unknown.ndjson
	assert_failure 3
	run --separate-stderr c1v-cost report
	assert_failure 3
	assert_output --partial '"calls":1,"unpriced":1'
	assert_output --partial '"cost":null'
}

@test "a bad record goes to the rejects and the others on" {
	echo '{"model":"gpt-4o","input_tokens":-5}' >>usage.ndjson
	echo '{"model":"gpt-4o"}' >>usage.ndjson
	run c1v-cost price --rejects bad.ndjson usage.ndjson
	assert_failure 3
	run jq -r .error.message bad.ndjson
	assert_line --index 0 '`input_tokens` is not a count'
	assert_line --index 1 'it tells no usage'
	run c1v-cost price --strict usage.ndjson
	assert_failure 65
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
	need python3
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

@test "prices: the list, a model, another list over it" {
	run bash -c 'c1v-cost prices | jq -s length'
	assert_success
	[ "$output" -ge 60 ]
	run c1v-cost prices openai/gpt-4o-2024-11-20 no-such
	assert_failure 1
	assert_line --partial '"model":"gpt-4o","provider":"openai","input":"2.5","cached_input":"1.25","output":"10","batch":"0.5"'
	echo '{"version":"mine","models":[{"model":"gpt-4o","prices":[{"input":"1"}]}]}' >mine.json
	run bash -c 'c1v-cost prices --prices mine.json gpt-4o | jq -r .input'
	assert_output 1
	run c1v-cost prices --date 2026-08-31 claude-sonnet-5
	assert_output --partial '"input":"2"'
	echo '{' >broken.json
	run c1v-cost prices --prices broken.json
	assert_failure 78
}

@test "the price lists of LiteLLM and genai-prices become ours" {
	cat >litellm.json <<-'X'
	{"sample_spec":{"mode":"chat"},
	 "gpt-x":{"litellm_provider":"openai","input_cost_per_token":2.5e-06,"output_cost_per_token":1e-05,
	   "cache_read_input_token_cost":1.25e-06,"input_cost_per_token_batches":1.25e-06,
	   "input_cost_per_token_above_200k_tokens":5e-06},
	 "rank":{"mode":"rerank","input_cost_per_query":0.002},
	 "image":{"mode":"image_generation"}}
	X
	c1v-cost prices import --format litellm litellm.json >ours.json
	run c1v-cost prices --prices ours.json gpt-x rank
	assert_success
	assert_line --index 0 --partial '"input":"2.5","cached_input":"1.25","output":"10","batch":"0.5","above":{"tokens":200000,"input":"5"'
	assert_line --index 1 --partial '"per_1000_searches":"2"'
	cat >genai.json <<-'X'
	[{"id":"acme","models":[
	 {"id":"m1","match":{"or":[{"equals":"m1"},{"equals":"m-one"},{"starts_with":"m1-"}]},
	  "prices":[{"prices":{"input_mtok":2}},{"constraint":{"start_date":"2026-09-01"},"prices":{"input_mtok":3,"output_mtok":15}}]},
	 {"id":"m2","match":{"equals":"m2"},"prices":{"input_mtok":{"base":1.25,"tiers":[{"start":200000,"price":2.5}]},"output_mtok":10}}]}]
	X
	c1v-cost prices import --format genai-prices genai.json >ours.json
	run c1v-cost prices --prices ours.json m-one m2
	assert_success
	assert_line --index 0 --partial '"from":"2026-09-01","input":"3","output":"15"'
	assert_line --index 1 --partial '"input":"1.25","output":"10","above":{"tokens":200000,"input":"2.5","output":"10"}'
	run c1v-cost prices import --format litellm genai.json
	assert_failure 65
	run c1v-cost prices import genai.json
	assert_failure 64
}

@test "a ledger that is damaged or none is refused" {
	echo nonsense >ledger.db
	run c1v-cost add --ledger ledger.db usage.ndjson
	assert_failure 65
	run c1v-cost report --ledger nowhere.db
	assert_failure 1
	run c1v-cost report --ledger mongodb://x
	assert_failure 78
	run c1v-cost check --ledger nowhere.db --estimate 5
	assert_success
}

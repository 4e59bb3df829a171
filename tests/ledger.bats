#!/usr/bin/env bats
# c1v-cost: prices and bad ledgers. The unit tests have the prices that were computed
# by hand; here the tool is seen at work. contract/ledger.bats has what holds for every kind of
# ledger, ledger-redis.bats what only Redis has.

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

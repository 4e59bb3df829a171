#!/usr/bin/env bats
# c1v-cost with a ledger in Redis or Upstash: what can go wrong there, and the keys of the seed.

load helper
load servers/redis
load servers/tls
load servers/upstash

setup_file() {
	redis_start main
}

teardown_file() {
	redis_stop
}

setup() {
	c1v_setup
	redis_need
	rcli main flushall
	rcli main config set maxmemory 0
	export C1V_NOW=2026-11-23T12:00:00Z C1V_LEDGER
	C1V_LEDGER=$(redis_url main)
	canary='canary-4711'
	echo '{"model":"gpt-4o","input_tokens":1000,"output_tokens":100,"user":"u1","request_id":"a"}' >usage.ndjson
	cat >more.ndjson <<-'X'
	{"model":"gpt-4o","input_tokens":1000,"user":"u1","request_id":"b"}
	{"model":"gpt-4o","input_tokens":1000,"user":"u:2","request_id":"c","time":"2026-11-20T23:59:59Z"}
	{"model":"gpt-4o","input_tokens":1000,"request_id":"d"}
	{"model":"nobody-knows","input_tokens":1000,"user":"u1","request_id":"e"}
	X
}

teardown() {
	upstash_stop
	rcli main replicaof no one
	# Neither password nor token is in anything that was written.
	run grep -rlE "$canary|canary-token" "$BATS_TEST_TMPDIR"
	assert_output ''
}

every_verb() { # STATUS: none of them passes over a ledger that is not there
	local verb

	for verb in 'add usage.ndjson' report budget 'budget set --per day 5' 'check --estimate 1' 'reserve --estimate 1' \
	    'settle x usage.ndjson' 'release x'; do
		# shellcheck disable=SC2086
		run --separate-stderr c1v-cost $verb
		assert_equal "$verb: $status" "$verb: $1"
		assert_equal "$output" ''
		[ -n "$stderr" ]
	done
}

@test "a server that is not there is 75, whatever is asked" {
	C1V_LEDGER=redis://127.0.0.1:1
	every_verb 75
	C1V_LEDGER=unix://$BATS_TEST_TMPDIR/nothing
	every_verb 75
	C1V_LEDGER=upstash:http://127.0.0.1:1
	export UPSTASH_REDIS_REST_TOKEN=x
	every_verb 75
}

@test "a server that hangs is 75" {
	redis_pause main
	run c1v-cost report
	redis_resume main
	assert_failure 75
}

@test "a password in a URL on the command line is refused, one in a variable is not" {
	run c1v-cost report --ledger "redis://:$canary@127.0.0.1:$(redis_port main)"
	assert_failure 64
	refute_output --partial "$canary"
	rcli main acl setuser writer on ">$canary" '~{c1v:ledger}:*' '~costs:*' +@all -@dangerous
	LEDGER_URL=redis://writer:$canary@127.0.0.1:$(redis_port main) run c1v-cost add --ledger env:LEDGER_URL usage.ndjson
	assert_success
	refute_output --partial "$canary"
	LEDGER_URL=redis://writer:wrong@127.0.0.1:$(redis_port main) run c1v-cost add --ledger env:LEDGER_URL usage.ndjson
	assert_failure 77
	run c1v-cost report --ledger env:LEDGER_URL
	assert_failure 78
	rcli main acl setuser writer -eval
	LEDGER_URL=redis://writer:$canary@127.0.0.1:$(redis_port main) run c1v-cost add --ledger env:LEDGER_URL usage.ndjson
	assert_failure 77
	rcli main acl deluser writer
}

@test "no memory, read only: 75, and nothing is entered by halves" {
	run c1v-cost add usage.ndjson
	rcli main config set maxmemory 1
	run c1v-cost add more.ndjson
	assert_failure 75
	run c1v-cost reserve --estimate 1
	assert_failure 75
	rcli main config set maxmemory 0
	rcli main replicaof 127.0.0.1 1
	run c1v-cost add more.ndjson
	assert_failure 75
	rcli main replicaof no one
	run bash -c 'c1v-cost report | jq -r .calls'
	assert_output 1
}

@test "what is there and is no ledger is left alone" {
	rcli main set '{c1v:ledger}:version' 7
	run c1v-cost add usage.ndjson
	assert_failure 65
	rcli main del '{c1v:ledger}:version'
	rcli main lpush '{c1v:ledger}:ids' x
	run c1v-cost add usage.ndjson
	assert_failure 76
}

@test "no key has a time to live, and all are in one slot" {
	c1v-cost add usage.ndjson
	c1v-cost budget set --per day 5
	c1v-cost reserve --estimate 1
	run rcli main --scan
	assert_equal "${#lines[@]}" 10
	for key in "${lines[@]}"; do
		assert_regex "$key" '^\{c1v:ledger\}:'
		assert_equal "$(rcli main ttl "$key")" -1
	done
}

@test "the keys of the seed go up with what is entered, once" {
	run c1v-cost add --seed-keys usage.ndjson
	assert_success
	run c1v-cost add --seed-keys usage.ndjson more.ndjson
	assert_failure 3
	# 0.0035 + 0.0025 + 0.0025 on the 23rd, 0.0035 + 0.0025 of them by u1.
	assert_equal "$(rcli main get costs:2026-11-23)" 0.0085
	assert_equal "$(rcli main get costs:user:u1:2026-11-23)" 0.006
	assert_equal "$(rcli main get costs:2026-11-20)" 0.0025
	assert_equal "$(rcli main get costs:user:u:2:2026-11-20)" 0.0025
	assert_equal "$(rcli main keys 'costs:*' | wc -l)" 4
	id=$(c1v-cost reserve --estimate 1 | jq -r .reservation)
	echo '{"model":"gpt-4o","input_tokens":1000}' | c1v-cost settle "$id" --seed-keys
	assert_equal "$(rcli main get costs:2026-11-23)" 0.011
	echo '{"model":"gpt-4o","input_tokens":1000}' | c1v-cost add
	assert_equal "$(rcli main get costs:2026-11-23)" 0.011
	run c1v-cost add --seed-keys --ledger file.db usage.ndjson
	assert_failure 64
	run c1v-cost report --seed-keys
	assert_failure 64
}

@test "a key of the seed that is no number is said, and the call is entered" {
	rcli main set costs:2026-11-23 lots
	run c1v-cost add --seed-keys usage.ndjson
	assert_failure 76
	assert_output --partial 'the calls are entered'
	run bash -c 'c1v-cost report | jq -r .calls'
	assert_output 1
}

# --- Upstash ------------------------------------------------------------------------------

@test "Upstash: what it answers decides" {
	upstash_plan status=401 status=429 status=500 fault=html fault=few fault=reset:0 fault=reset:60
	upstash_start main
	for status in 77 75 75 76 76 75 75; do
		run c1v-cost add --ledger upstash: usage.ndjson
		assert_failure "$status"
		refute_output --partial canary-token
	done
	run c1v-cost add --ledger upstash: usage.ndjson
	assert_success
	unset UPSTASH_REDIS_REST_TOKEN
	run c1v-cost report --ledger upstash:
	assert_failure 78
}

@test "Upstash: an answer that is lost is 75, and the same records again are the same calls" {
	upstash_plan '' fault=reset:0
	upstash_start main
	run c1v-cost add --ledger upstash: usage.ndjson
	assert_failure 75
	run c1v-cost add --ledger upstash: usage.ndjson
	assert_success
	assert_output --partial '"entered":0,"known_before":1'
	run bash -c 'c1v-cost report | jq -r .calls'
	assert_output 1
}

@test "Upstash without base64 answers the same" {
	upstash_start main plain=1
	c1v-cost add --ledger upstash: usage.ndjson
	run c1v-cost report --ledger upstash: --by model,user
	assert_output "$(c1v-cost report --by model,user)"
}

@test "Upstash: behind a certificate that does not hold nobody gets the token" {
	need openssl
	upstash_start main
	port=${UPSTASH_REDIS_REST_URL##*:}
	tls_make "$BATS_TEST_TMPDIR/tls"
	mkfifo hold
	for certificate in wrong expired right; do
		rm -f front
		"$build/fake/front" tls "$port" tls-log "$BATS_TEST_TMPDIR/tls/$certificate.pem" \
		    "$BATS_TEST_TMPDIR/tls/$certificate.key" <hold >front 3>&- &
		exec 9>hold
		until [ -s front ]; do sleep 0.01; done
		url=https://localhost:$(cat front)
		# The right one is of an authority that is not known, too.
		authority=$BATS_TEST_TMPDIR/tls/ca.pem
		[ "$certificate" != right ] || authority=$BATS_TEST_TMPDIR/tls/stranger.pem
		SSL_CERT_FILE=$authority run c1v-cost add --ledger "upstash:$url" usage.ndjson
		assert_failure 77
		run grep -c bytes tls-log
		assert_output 0
		if [ "$certificate" = right ]; then # with its own it is trusted
			SSL_CERT_FILE=$BATS_TEST_TMPDIR/tls/ca.pem run c1v-cost add --ledger "upstash:$url" usage.ndjson
			assert_success
		fi
		exec 9>&-
	done
}

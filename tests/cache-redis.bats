#!/usr/bin/env bats
# The cache in Redis, and a file before it: what the contract (contract/cache.bats) does not ask of every kind.

load helper
load fake
load servers/redis

setup_file() {
	redis_start main
}

teardown_file() {
	redis_stop
}

setup() {
	c1v_setup
	fake_setup
	redis_need
	rcli main flushall >/dev/null
	near=sqlite:$BATS_TEST_TMPDIR/near.db
	far=$(redis_url main)
	export C1V_CACHE=$far C1V_CACHE_TIMEOUT=10 C1V_CACHE_CONNECT_TIMEOUT=5
}

teardown() {
	fake_teardown
}

# --- statistics ----------------------------------------------------------------

@test "what was spared is counted, by model" {
	server tokens=1000
	embed -m text-embedding-3-small ten
	embed -m text-embedding-3-small ten
	embed -m text-embedding-3-large ten
	embed -m text-embedding-3-large ten
	run -0 c1v-cache stats --json
	assert_equal "$(jq -c '.namespaces[] | [.namespace, .hits, .misses, .saved_tokens > 0]' <<<"$output")" \
	    '["embedding",20,20,true]'
	run -0 c1v-cache --namespace other stats --json
	assert_equal "$(jq -c .namespaces <<<"$output")" '[]'
}

@test "a user who may not ask how the server is: what is ours is told" {
	c1v-cache set llm:a 1
	c1v-cache get llm:a
	rcli main acl setuser plain on '>canary-plain' '~*' +@all -info >/dev/null
	CACHE_URL=redis://plain:canary-plain@127.0.0.1:$(redis_port main) run -0 c1v-cache --cache env:CACHE_URL stats --json
	assert_equal "$(jq -c '[.totalKeys > 0, .namespaces[0].hits, .namespaces[0].entries]' <<<"$output")" '[true,1,1]'
	refute_output --partial canary
}

@test "what another program keeps under a key is no value, and is not taken for one" {
	rcli main lpush list a b >/dev/null
	rcli main set forever '"v"' >/dev/null
	run -1 c1v-cache get list
	run -1 c1v-cache get list forever
	assert_output $'null\n"v"'
	run -0 c1v-cache ttl forever
	assert_output -- -1
	c1v-cache set list 1
	run -0 c1v-cache get list
	assert_output 1
	# A set that is no set of a tag.
	rcli main set c1v:tag:t x >/dev/null
	run -76 c1v-cache invalidate --tag t
	assert_output --partial WRONGTYPE
}

# --- one at a time ----------------------------------------------------------------

@test "run: the lock is held on to for as long as the command works" {
	local cache pids=() i=0

	printf '%s\n' '#!/bin/sh' 'echo ran >>runs-$1' 'sleep 7.5' 'echo done' >slow
	chmod +x slow
	for cache in "$far" "tiered:$near,$far"; do
		i=$((i + 1))
		c1v-cache --cache "$cache" --namespace "n$i" run -- ./slow $i </dev/null >first$i 3>&- 9>&- &
		pids+=($!)
	done
	sleep 6.6 # longer than a lock that nobody renews
	for i in 1 2; do
		cache=$far
		[ $i = 1 ] || cache=tiered:$near,$far
		run -0 c1v-cache --cache "$cache" --namespace "n$i" run -- ./slow $i </dev/null
		assert_output 'done'
		assert_equal "$(cat runs-$i)" ran
	done
	wait "${pids[@]}"
	assert_equal "$(cat first1 first2)" $'done\ndone'
}

# --- a file before it -----------------------------------------------------------------

@test "what the first does not have comes from the second, and is kept near" {
	C1V_CACHE=$far
	printf '{"key":"llm:%s","value":%s}\n' a 1 b 2 c 3 d 4 | c1v-cache mset >/dev/null
	c1v-cache set --ttl 2h plain 5
	c1v-cache --namespace acme set llm:x 6
	rcli main set forever 7 >/dev/null
	C1V_CACHE=tiered:$near,$far
	run -0 c1v-cache get llm:b
	assert_output 2
	run -1 c1v-cache get llm:a llm:none llm:b llm:c llm:a
	assert_output $'1\nnull\n2\n3\n1'
	run -0 c1v-cache get plain forever
	assert_output $'5\n7'
	run -0 c1v-cache --namespace acme get llm:x
	assert_output 6
	run -0 c1v-cache ttl plain forever
	assert_output $'7200\n-1'
	# What is named by all that it depends on lives near for its time, other things a minute.
	run -0 c1v-cache --cache "$near" ttl llm:a acme:llm:x
	assert_output $'604800\n604800'
	run -0 c1v-cache --cache "$near" ttl plain forever
	assert_output $'60\n60'
	rcli main flushall >/dev/null
	run -1 c1v-cache get llm:c llm:d
	assert_output $'3\nnull'
	c1v-cache touch --ttl 1m llm:c
	run -0 c1v-cache --cache "$near" ttl llm:c
	assert_output 60
}

@test "one of the two is not there: asked alone it is an error, otherwise the other goes on" {
	local cache

	for cache in "tiered:$near,redis://127.0.0.1:1" "tiered:sqlite:/dev/null/x.db,$far"; do
		C1V_CACHE=$cache
		run c1v-cache set k 1
		[ "$status" = 75 ] || [ "$status" = 74 ]
		assert_equal "$(wc -l <<<"$output")" 1
		run c1v-cache purge --prefix k
		[ "$status" = 75 ] || [ "$status" = 74 ]
		run c1v-cache get nothing
		[ "$status" = 75 ] || [ "$status" = 74 ]
		server
		embed --batch-inputs 2 ten
		all_ten
		assert_equal "$(grep -c 'going on without the cache' err)" 1
		embed --batch-inputs 2 ten
		all_ten
		asked 5 # the second time nobody but the other cache
		printf '%s\n' '#!/bin/sh' 'echo ran >>runs' 'echo out' >counted
		chmod +x counted
		: >runs
		run -0 --separate-stderr c1v-cache run -- ./counted "$cache" </dev/null
		run -0 --separate-stderr c1v-cache run -- ./counted "$cache" </dev/null
		assert_output out
		assert_equal "$(cat runs)" ran
	done
	run -64 c1v-cache --cache "tiered:$near,redis://127.0.0.1:x" get k
	run -78 c1v-cache --cache "tiered:nothing:x,$far" get k
}

@test "none before it, or behind it: the other is the cache" {
	local cache

	for cache in "tiered:none,$far" "tiered:$near,none"; do
		C1V_CACHE=$cache
		c1v-cache set --tag t k 1
		c1v-cache set l 2
		run -0 c1v-cache get k l
		assert_output $'1\n2'
		run -0 c1v-cache exists k
		run -0 c1v-cache ttl k
		[ "$cache" = "tiered:$near,none" ] || assert_output 3600
		c1v-cache touch --ttl 30s k
		run -0 c1v-cache ttl k
		[ "$output" -le 60 ]
		run -0 c1v-cache invalidate --tag t
		assert_output '{"removed":1}'
		run -1 c1v-cache get k
		run -0 c1v-cache purge --prefix l
		assert_output '{"removed":1}'
		run -0 c1v-cache keys
		run -0 c1v-cache stats
		run -0 c1v-cache run -- echo hello </dev/null
		assert_output hello
		c1v-cache del l
	done
}

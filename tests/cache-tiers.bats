# A cache in two tiers when one of them is none or fails, and how long one that fails is asked.

load helper
load fake
load servers/tls
load servers/redis

setup_file() {
	redis_start main
}

teardown_file() {
	redis_stop
}

setup() {
	c1v_setup
	redis_need
	fake_setup
	unset C1V_CACHE
}

teardown() {
	exec 8>&-
	fake_teardown
}

# says LINE…: a server of tests/fake/resp.c; $liar is its URL, said its log.
says() {
	exec 8>&-
	rm -f liar-in liar-port
	mkfifo liar-in
	"$build/fake/resp" log=said "$@" <liar-in >liar-port 3>&- 7>&- 8>&- 9>&- &
	exec 8>liar-in
	while [ ! -s liar-port ]; do sleep 0.01; done
	liar=redis://127.0.0.1:$(cat liar-port)
}

@test "after three failures it is not asked again" {
	server
	says hang
	jq -nc 'range(4000) | {id: "r\(.)", content: "text \(.)"}' >many
	C1V_CACHE=$liar embed many
	assert_equal "$status" 0
	assert_equal "$("$fake" check 8 <out)" 4000
	assert_equal "$(grep -c ^c1v-embed: err)" 1
	[ "$(grep -c . said)" -le 4 ] || fail "$(cat said)"
}

# What each verb says about one entry and another that is not there.
every_verb() {
	c1v-cache set a '{"v":1}' && c1v-cache set --tag t b 2
	for words in 'get a' 'get b' 'get none' 'exists a b' 'ttl none' 'touch --ttl 1h a' 'del b' 'get b' 'keys' \
	    'invalidate --tag t' 'purge --prefix x' 'stats --json' 'mget keys'; do
		# shellcheck disable=SC2086 # words
		printf '%s: %s\n' "$words" "$(c1v-cache $words 2>&1 | sed 's/"cache":"[^"]*"//; s/"memoryUsed.*//'
		    echo "${PIPESTATUS[0]}")"
	done
}

@test "a tier that is none is done without" {
	echo '{"key":"a"}' >keys
	rcli main flushall >/dev/null
	C1V_CACHE=sqlite:$PWD/one.db every_verb >want
	C1V_CACHE=tiered:none,sqlite:$PWD/two.db every_verb >got
	diff want got
	C1V_CACHE=tiered:sqlite:$PWD/three.db,none every_verb >got
	diff want got
	C1V_CACHE=none every_verb >want
	C1V_CACHE=tiered:none,none every_verb >got
	diff want got
	C1V_CACHE=tiered:none,none run -0 c1v-cache run -- echo fine
	assert_output fine
}

@test "a tier that fails costs one warning, and the other one serves" {
	server
	export C1V_CACHE
	rcli main flushall >/dev/null
	for C1V_CACHE in "tiered:sqlite:$PWD/near.db,redis://127.0.0.1:1" "tiered:sqlite:/dev/null/x,$(redis_url main)"; do
		: >log
		for i in 1 2; do
			embed --cache-connect-timeout 5 --cache-timeout 10 ten
			all_ten
			[ "$(grep -c ^c1v-embed: err)" = 1 ] || { [ $i = 2 ] && ! grep -q . err; } || fail "$(cat err)"
		done
		[ "$(wc -l <log)" = 1 ] || fail "$C1V_CACHE: asked again"
	done
	# What is far comes near, for as long as it is far.
	C1V_CACHE="tiered:sqlite:$PWD/nearer.db,$(redis_url main)"
	c1v-cache --cache "$(redis_url main)" set --ttl 40s k 1
	c1v-cache --cache "$(redis_url main)" set --ttl 40s llm:k 2
	rcli main set forever '"x"' >/dev/null
	run -0 c1v-cache get k llm:k forever
	left=$(c1v-cache --cache "sqlite:$PWD/nearer.db" ttl llm:k)
	[ "${left%.*}" -le 40 ]
	[ "${left%.*}" -ge 30 ]
	run -0 c1v-cache --cache "sqlite:$PWD/nearer.db" get k llm:k forever
}

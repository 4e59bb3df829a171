# cache: what holds for every kind of cache. tests/run runs the suite once for each driver of its line
# "# drivers:", named by C1V_TEST_STORE.
#
#     sqlite    a file of each test's own
#     redis     a server; cluster: three of them; each test has another namespace of keys by being flushed
#     upstash   its REST, by a stand-in before a real server
#     tiered    a file before a server

load ../helper
load ../servers/tls
load ../servers/redis
load ../servers/upstash

driver=${C1V_TEST_STORE:-sqlite}

setup_file() {
	case $driver in
	redis | upstash | tiered) redis_start main ;;
	cluster) redis_cluster 3 ;;
	esac
}

teardown_file() {
	redis_stop
}

setup() {
	c1v_setup
	case $driver in
	sqlite) export C1V_CACHE=sqlite:$BATS_TEST_TMPDIR/cache.db ;;
	redis) export C1V_CACHE; C1V_CACHE=$(redis_url main) ;;
	cluster) export C1V_CACHE; C1V_CACHE=$(redis_url n2) ;;
	tiered) export C1V_CACHE; C1V_CACHE=tiered:sqlite:$BATS_TEST_TMPDIR/cache.db,$(redis_url main) ;;
	upstash) export C1V_CACHE=upstash: && upstash_start main ;;
	esac
	# Other processes of the tests must not be what a time-out is about.
	export C1V_CACHE_TIMEOUT=10 C1V_CACHE_CONNECT_TIMEOUT=5
	flush
}

teardown() {
	upstash_stop
}

flush() {
	local n

	case $driver in
	redis | upstash | tiered) rcli main flushall >/dev/null ;;
	cluster) for n in 1 2 3; do rcli n$n flushall >/dev/null; done ;;
	esac
}

# What is kept, as far as bytes can be looked for in it.
at_rest() {
	local n

	case $driver in
	sqlite) cat "$BATS_TEST_TMPDIR"/cache.db* ;;
	cluster) for n in 1 2 3; do rcli n$n --scan | while read -r k; do rcli n$n dump "$k"; done; done ;;
	*) rcli main --scan | while read -r k; do rcli main get "$k"; done ;;
	esac 2>/dev/null
}

# What a cache that fails does to those who use it: nothing but a warning; and to c1v-cache, whose work it is,
# the right exit code. A SQLite cache is killed, filled up, cut and flipped: never a wrong value.
#
#     C1V_TEST_SCALE   so many times the usual number of cuts and flips (1)

# bats file_tags=long
load helper
load fault
load fake
load servers/tls
load servers/redis
load servers/upstash

setup_file() {
	redis_start main
	redis_start acl --user default off --user reader on '>canary-reader' '~*' +get +ping +mget
	redis_start replica --replicaof 127.0.0.1 1
	redis_start full --maxmemory 1
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
	upstash_stop
	fake_teardown
	if [ -n "${memory-}" ]; then rm -rf "$memory"; fi
	# No password or token is in anything that was written.
	run grep -rl canary- "$BATS_TEST_TMPDIR"
	assert_output ''
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

# sick CODE URL: get says CODE in one message; run and c1v-embed do their work, with one warning.
sick() {
	local code=$1

	export C1V_CACHE=$2
	run --separate-stderr c1v-cache get some:key
	[ "$status" = "$code" ] || fail "$C1V_CACHE get: $status $stderr"
	if [ "$code" -ge 64 ]; then
		assert_equal "$(grep -c ^c1v-cache: <<<"$stderr")" 1
		assert_equal "$output" ''
	fi
	unharmed
}

unharmed() {
	run --separate-stderr c1v-cache run -- echo "$C1V_CACHE" finished
	[ "$status" = 0 ] || fail "$C1V_CACHE run: $status $stderr"
	assert_equal "$output" "$C1V_CACHE finished"
	[ "$(grep -c ^c1v-cache: <<<"$stderr")" = 1 ] || fail "$C1V_CACHE run: $stderr"
	embed --batch-inputs 2 ten
	all_ten
	[ "$(grep -c ^c1v-embed: err)" = 1 ] || fail "$C1V_CACHE embed: $(cat err)"
	assert_regex "$(cat err)" 'without the cache'
}

# --- a server that fails ------------------------------------------------------------

@test "Redis: nobody there, loading, hanging, refusing: the right code, and the work is done" {
	server
	sick 75 redis://127.0.0.1:1
	PASSWORD_URL="redis://reader:canary-wrong@127.0.0.1:$(redis_port acl)" sick 77 env:PASSWORD_URL
	PASSWORD_URL="redis://reader:canary-reader@127.0.0.1:$(redis_port acl)" sick 1 env:PASSWORD_URL
	sick 77 "redis://127.0.0.1:$(redis_port acl)"
	# These say no only to who writes.
	sick 1 "$(redis_url replica)"
	run -75 --separate-stderr c1v-cache set k 1
	assert_regex "$stderr" READONLY
	sick 1 "$(redis_url full)"
	run -75 --separate-stderr c1v-cache set k 1
	assert_regex "$stderr" OOM
	redis_pause main
	sick 75 "$(redis_url main)"
	redis_resume main
	redis_start slow
	rcli slow debug populate 3000 >/dev/null
	rcli slow save >/dev/null
	redis_kill slow
	printf '%s\n' --key-load-delay 2000 --loading-process-events-interval-bytes 1024 >>"$redis_dir/slow/settings"
	redis_ready='Loading RDB' redis_again slow
	sick 75 "$(redis_url slow)"
	redis_kill slow
}

@test "Redis: what is cut, hangs or is nonsense: the right code, and the work is done" {
	local line

	server
	for line in close reset hang 'tail $5%0d%0aab' 'endless x' 'say $99999999999%0d%0a' 'say :1%0d%0a' \
	    'say *1000000000%0d%0a' 'drip 60 $20%0d%0a' 'say HTTP/1.1 200 OK%0d%0a%0d%0a'; do
		says "$line"
		case $line in
		say* | endless*) sick 76 "$liar" ;;
		*) sick 75 "$liar" ;;
		esac
	done
}

# bats test_tags=fault
@test "Redis: hostile amounts are refused in little memory" {
	local line

	need prlimit
	for line in 'endless x' 'endless +x' 'endless *1%0d%0a' 'say *4000000000%0d%0a' 'say $4000000000%0d%0a'; do
		says "$line"
		C1V_CACHE=$liar run -76 --separate-stderr prlimit --as=$((120 << 20)) c1v-cache get k
		C1V_CACHE=$liar run -0 --separate-stderr prlimit --as=$((120 << 20)) c1v-cache run -- echo fine
		assert_equal "$output" fine
	done
}

@test "a late answer is nobody else's" {
	local i

	export C1V_CACHE
	C1V_CACHE=$(redis_url main)
	rcli main flushall >/dev/null
	seq 5000 | sed 's/.*/{"key":"k&","value":&}/' | c1v-cache --cache-timeout 10 mset >/dev/null
	seq 5000 | sed 's/.*/{"key":"k&"}/' >keys
	for i in 1 2 3; do
		rcli main client pause 250 all >/dev/null
		run -75 --separate-stderr c1v-cache mget keys
		# Each is its own value or none.
		assert_equal "$(jq -c 'select(.hit and (.key != "k\(.value)"))' <<<"$output")" ''
		assert_equal "$(wc -l <<<"$output")" 5000
	done
	rcli main client unpause >/dev/null
	run -0 c1v-cache --cache-timeout 10 mget keys
	assert_equal "$(jq -s 'map(select(.hit)) | length' <<<"$output")" 5000
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

@test "Upstash: what its REST says wrong: the right code, and the work is done" {
	local plan code

	server
	export C1V_CACHE=upstash:
	while read -r code plan; do
		upstash_plan
		upstash_start main "$plan" 2>/dev/null
		sick "$code" upstash:
	done <<-'END'
		77 status=401
		77 status=403
		75 status=429
		75 status=500
		75 status=503
		76 fault=html
		76 fault=cut
		76 fault=shape
		76 fault=few
		75 fault=reset:40
		75 fault=hang
	END
}

# --- two tiers -------------------------------------------------------------------------

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

# --- a file that fails ----------------------------------------------------------------

# A cache with 400 values of 1 kB; what they are is said by their keys.
filled() {
	C1V_CACHE=sqlite:$PWD/cache.db
	export C1V_CACHE
	values 0 400 >first
	c1v-cache mset <first >/dev/null
}

values() { # FROM TO [WHICH]
	awk -v from="$1" -v to="$2" -v which="${3-first}" 'BEGIN {
		for (i = from; i < to; i++) {
			v = sprintf("%s-%d-", which, i)
			while (length(v) < 1000) v = v v
			printf "{\"key\":\"k%d\",\"value\":\"%s\",\"tags\":[\"t%d\"]}\n", i, substr(v, 1, 1000), i % 7
		}
	}'
}

# Each key has what was put first or second, or nothing. Prints how many have something.
check_values() {
	local rc=0

	seq 0 499 | sed 's/.*/{"key":"k&"}/' | c1v-cache mget >got 2>got-err || rc=$?
	[ "$rc" = 0 ] || [ "$rc" = 75 ] || { echo "mget: $rc"; cat got-err; return 1; }
	jq -r 'select(.hit) | .value as $v | .key[1:] as $n | select(($v | length) != 1000 or
	    ([$v | startswith("first-\($n)-first-\($n)-"), startswith("second-\($n)-second-\($n)-")] | any | not)) | .key' got >wrong
	[ ! -s wrong ] || { echo "wrong: $(cat wrong)"; return 1; }
	jq -s 'map(select(.hit)) | length' got
}

usable() { # something can be put and found again
	c1v-cache set "again:$1" '"yes"' && [ "$(c1v-cache get "again:$1")" = '"yes"' ]
}

# bats test_tags=fault
@test "kill -9 at every write: a value is the old one, the new one or a miss" {
	local what syscall n rc points=0

	can_trace
	in_memory
	filled
	values 300 500 second >second
	c1v-cache get k1 >/dev/null
	cp -r . "$BATS_TEST_TMPDIR/start"
	for what in 'mset second' 'purge --prefix k1' 'invalidate --tag t3' 'touch --ttl 2h k1 k2 k3' 'del k5 k6' \
	    '--max-size 1M mset second' 'stats' 'get k1 k2 k3 k4 k5'; do
		for syscall in pwrite64 write fdatasync ftruncate unlink rename; do
			for ((n = 1; ; n++)); do
				rm -f cache.db*
				cp "$BATS_TEST_TMPDIR"/start/cache.db* .
				rc=0
				# shellcheck disable=SC2086 # words
				traced -e "inject=$syscall:signal=KILL:when=$n" c1v-cache $what >out 2>err || rc=$?
				[ "$rc" = 137 ] || break
				points=$((points + 1))
				check_values >count || fail "$what, $syscall $n: $(cat count)"
				usable "$n" || fail "$what, $syscall $n: not usable"
				[ $((n % 5)) = 1 ] || n=$((n + 3)) # the first, and then some
			done
		done
	done
	echo "# $points points" >&3
	[ "$points" -ge 40 ]
}

# bats test_tags=fault
@test "a disk that is full: 74 where it matters, and nothing is lost" {
	local n

	can_trace
	filled
	values 300 500 second >second
	for n in 1 3 9 27; do
		run --separate-stderr traced -e "inject=pwrite64:error=ENOSPC:when=$n+" c1v-cache mset second
		[ "$n" = 1 ] || [ "$status" = 75 ] || [ "$status" = 74 ] || fail "$n: $status $stderr"
		run check_values
		assert_success
		[ "$output" -ge 400 ]
	done
	usable full
	server
	run --separate-stderr traced -e inject=pwrite64:error=ENOSPC:when=1+ c1v-embed -m fake-model --encoding base64 \
	    --ledger none ten
	assert_equal "$status" 0
	assert_equal "$("$fake" check 8 <<<"$output")" 10
	assert_regex "$stderr" 'without the cache'
}

@test "a file that is cut at any length: no wrong value, and it is usable again" {
	local size n

	filled
	size=$(stat -c %s cache.db)
	cp cache.db clean.db
	for ((n = 0; n < 24 * ${C1V_TEST_SCALE:-1}; n++)); do
		rm -f cache.db*
		head -c $((size * n / (24 * ${C1V_TEST_SCALE:-1}))) clean.db >cache.db
		run check_values
		[ "$status" = 0 ] || fail "$n: $output"
		usable "$n" || fail "$n: not usable"
		# What was used meanwhile is not older than it says.
		run check_values
		assert_success
	done
}

@test "a file with flipped bytes: no wrong value, and it is usable again" {
	local size n at

	filled
	size=$(stat -c %s cache.db)
	cp cache.db clean.db
	for ((n = 0; n < 60 * ${C1V_TEST_SCALE:-1}; n++)); do
		rm -f cache.db*
		cp clean.db cache.db
		if ((n < 20)); then at=$((n * 5)); else at=$((RANDOM * 32768 % size + RANDOM)); fi
		((at < size)) || continue
		printf "\\x$(printf %x $((RANDOM % 255 + 1)))" | dd of=cache.db bs=1 seek=$at conv=notrunc status=none
		run check_values
		[ "$status" = 0 ] || fail "byte $at: $output"
		# Whether it is ours at all is told by the first hundred bytes: somebody else's is left alone.
		usable "$n" 2>said || { ((at < 100)) && grep -q 'not a c1v cache' said; } || fail "byte $at: not usable"
	done
}

@test "files that are no cache stay as they are" {
	export C1V_CACHE=sqlite:$PWD/other.db
	echo 'a text of somebody' >other.db
	cp other.db before
	run -65 c1v-cache set k 1
	run -1 c1v-cache get k
	cmp other.db before
	server
	unharmed
	cmp other.db before
}

@test "where nothing can be written there are hits, and sets fail" {
	[ "$(id -u)" != 0 ] || skip 'root may write anywhere'
	filled
	mkdir place
	mv cache.db* place
	export C1V_CACHE=sqlite:$PWD/place/cache.db
	chmod 500 place
	chmod 400 place/*
	run check_values
	assert_output 400
	run --separate-stderr c1v-cache set k 1
	assert_equal "$status" 74
	chmod 700 place
}

@test "another writer is waited for; then 75, and the work is done" {
	need sqlite3 flock
	filled
	server
	exec 6<>cache.db.lock
	sqlite3 cache.db >/dev/null 2>&1 < <(echo 'BEGIN IMMEDIATE;'; sleep 30) 3>&- 7>&- 9>&- &
	holder=$!
	for _ in $(seq 100); do
		c1v-cache --cache-wait 0 set probe 1 2>/dev/null || break
		sleep 0.05
	done
	run -75 --separate-stderr c1v-cache --cache-wait 0.2 set k 1
	run -0 c1v-cache get k1
	run -0 --separate-stderr c1v-cache --cache-wait 0.1 run -- echo fine
	assert_equal "$output" fine
	embed --cache-wait 0.1 ten
	all_ten
	kill $holder
	exec 6>&-
}

# bats test_tags=fault
@test "memory runs out: 71, or the right answer" {
	local what n rc happened=0

	filled
	for what in 'get k1' 'set k1 2' 'mget keys' 'mset two' 'run -- echo fine' 'stats --json' 'keys --prefix k1'; do
		printf '{"key":"k%d"}\n' 1 2 3 >keys
		values 1 3 second >two
		for ((n = 1; n < 400; n += n / 12 + 1)); do
			rc=0
			rm -f failed
			# shellcheck disable=SC2086 # words
			LD_PRELOAD=$build/test/failmalloc.so FAIL_AT=$n FAIL_LOG=failed c1v-cache $what >out 2>err </dev/null || rc=$?
			[ -e failed ] || break
			happened=$((happened + 1))
			case $rc in
			0 | 71) ;;
			1 | 74 | 75) ;; # SQLite's own allocations: it could not be read, which is a miss or said
			*) fail "$what, allocation $n: $rc $(cat err)" ;;
			esac
		done
	done
	run check_values
	assert_success
	[ $happened -gt 60 ]
}

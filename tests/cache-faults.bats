#!/usr/bin/env bats
# The cache under faults: a server that is sick or hostile, files that are cut, full or damaged, processes that
# die. What asks the cache alone says so by its exit code; what can do without goes on, with one warning and the
# right result; and whatever happens, no value is another's or another than was put.

# bats file_tags=long
load helper
load fake
load fault
load servers/tls
load servers/redis
load servers/upstash

setup_file() {
	redis_start main
	[ -n "${redis_missing-}" ] || rcli main acl setuser limited on '>canary-limited' '~*' +ping +select >/dev/null
}

teardown_file() {
	redis_stop
}

setup() {
	c1v_setup
	fake_setup
	canary=canary-
	export C1V_CACHE=sqlite:$BATS_TEST_TMPDIR/cache.db
	case $BATS_TEST_DESCRIPTION in
	*Redis* | *Upstash*)
		redis_need
		printf '%s\n' 'replicaof no one' 'config set maxmemory 0' 'client unpause' flushall | rcli main >/dev/null
		C1V_CACHE=$(redis_url main)
		# Other processes of the tests must not be what a time-out is about.
		export C1V_CACHE_TIMEOUT=10 C1V_CACHE_CONNECT_TIMEOUT=5
		;;
	esac
	printf '%s\n' '#!/bin/sh' 'echo ran >>runs' 'echo hello' >hello
	chmod +x hello
}

teardown() {
	exec 8>&-
	upstash_stop
	cd / || return
	if [ "${memory-}" ]; then rm -rf "$memory"; fi
	if [ "${small-}" ] && grep -qF " $small " /proc/mounts; then
		if [ "$(id -u)" = 0 ]; then umount -l "$small"; else sudo -n umount -l "$small"; fi
	fi
	fake_teardown
}

# liar LINE…: a server that says what it is told (tests/fake/resp.c), as long as the test lives, or until the next.
liar() {
	exec 8>&-
	rm -f liar-fifo liar-port
	mkfifo liar-fifo
	"$build/fake/resp" log=liar-log "$@" <liar-fifo >liar-port 3>&- 7>&- 8>&- 9>&- &
	exec 8>liar-fifo
	while [ ! -s liar-port ]; do sleep 0.01; done
	C1V_CACHE=redis://127.0.0.1:$(cat liar-port)
}

# failed STATUS PATTERN COMMAND…: nothing is written but one message.
failed() {
	local want=$1 pattern=$2

	shift 2
	run --separate-stderr "$@" </dev/null
	assert_equal "$*: $status: $output" "$*: $want: "
	assert_equal "$*: $(grep -c '^c1v-cache: ' <<<"$stderr") $(grep -cv '^c1v-cache: \|^hint: ' <<<"$stderr")" "$*: 1 0"
	assert_regex "$stderr" "$pattern"
	[[ $stderr != *$canary* ]]
}

# every_verb STATUS PATTERN
every_verb() {
	failed "$1" "$2" c1v-cache get k
	failed "$1" "$2" c1v-cache get k l
	failed "$1" "$2" c1v-cache ttl k
	failed "$1" "$2" c1v-cache exists k
	failed "$1" "$2" c1v-cache keys
	failed "$1" "$2" c1v-cache stats
	every_change "$1" "$2"
}

every_change() {
	failed "$1" "$2" c1v-cache set k 1
	failed "$1" "$2" c1v-cache set --tag t k 1
	failed "$1" "$2" c1v-cache del k
	failed "$1" "$2" c1v-cache touch k
	failed "$1" "$2" c1v-cache purge --prefix k
	failed "$1" "$2" c1v-cache invalidate --tag t
}

# warned PATTERN FILE: one line says that it goes on without the cache, no other says anything.
warned() {
	assert_equal "$(grep -c 'going on without the cache' "$2")" 1
	assert_regex "$(cat "$2")" "$1"
	run -1 grep "$canary" "$2"
}

# goes_on PATTERN: who can do without the cache does, and is right.
goes_on() {
	run -0 --separate-stderr c1v-cache run -- ./hello </dev/null
	assert_output hello
	printf '%s\n' "$stderr" >err
	warned "$1" err
	assert_equal "$(grep -vc '^hint: ' err)" 1
	printf '%s\n' '#!/bin/sh' 'echo half' 'exit 3' >fails
	chmod +x fails
	run -3 --separate-stderr c1v-cache run -- ./fails </dev/null
	assert_output half
	printf '%s\n' "$stderr" >err
	[ "$(grep -c 'going on without the cache' err)" -le 1 ]
	server
	embed --batch-inputs 2 ten
	all_ten
	warned "$1" err
	printf '{"key":"k","n":1}\n{"key":"l","n":2}\n' >asked
	run -75 --separate-stderr c1v-cache mget asked
	assert_output '{"key":"k","n":1,"value":null,"hit":false}
{"key":"l","n":2,"value":null,"hit":false}'
	printf '%s\n' "$stderr" >err
	warned "$1" err
	assert_regex "$(tail -n 1 err)" 'not every key was looked up'
}

# --- servers that are sick ---------------------------------------------------------

@test "Redis is not there" {
	C1V_CACHE=redis://127.0.0.1:1
	every_verb 75 'Connection refused'
	goes_on 'Connection refused'
	C1V_CACHE=unix://$BATS_TEST_TMPDIR/nothing
	every_verb 75 'No such file'
	goes_on 'No such file'
}

@test "Redis is still loading its data" {
	local dir=$redis_dir/slow

	redis_start slow
	rcli slow debug populate 8000 >/dev/null
	rcli slow save >/dev/null
	redis_kill slow
	printf '%s\n' --key-load-delay 1000 --loading-process-events-interval-bytes 1024 >>"$dir/settings"
	redis_ready='Loading RDB' redis_again slow
	C1V_CACHE=$(redis_url slow)
	every_verb 75 LOADING
	goes_on LOADING
	run -0 grep -c 'Ready to accept' "$dir/log" || assert_equal "$output" 0
	redis_kill slow
}

@test "Redis is out of memory: what is there is read, nothing is put" {
	c1v-cache set k 1
	rcli main config set maxmemory 1 >/dev/null
	run -0 c1v-cache get k
	assert_output 1
	failed 75 OOM c1v-cache set l 1
	failed 75 OOM c1v-cache set --tag t l 1
	run -1 c1v-cache get l
	printf '{"key":"m","value":1}\n' >put
	run -75 --separate-stderr c1v-cache mset put
	assert_output '{"key":"m","value":1}'
	assert_regex "$stderr" 'not every value was put'
	run -0 --separate-stderr c1v-cache run -- ./hello </dev/null
	assert_output hello
	assert_equal "$(grep -c 'going on without the cache' <<<"$stderr")" 1
	server
	embed --batch-inputs 2 ten
	all_ten
	warned OOM err
	rcli main config set maxmemory 0 >/dev/null
	run -0 c1v-cache keys
	assert_output k
}

@test "Redis is a replica that only reads" {
	c1v-cache set --tag t k 1
	rcli main replicaof 127.0.0.1 1 >/dev/null
	run -0 c1v-cache get k
	assert_output 1
	run -0 c1v-cache stats
	every_change 75 READONLY
	server
	embed --batch-inputs 2 ten
	all_ten
	warned READONLY err
	run -0 --separate-stderr c1v-cache run -- ./hello </dev/null
	assert_output hello
	assert_equal "$(grep -c 'going on without the cache' <<<"$stderr")" 1
	rcli main replicaof no one >/dev/null
	run -0 c1v-cache get k
	assert_output 1
}

@test "Redis does not permit it, or does not know the password" {
	local at

	at=127.0.0.1:$(redis_port main)
	export CACHE_URL C1V_CACHE=env:CACHE_URL
	CACHE_URL=redis://limited:canary-limited@$at
	every_verb 77 NOPERM
	goes_on NOPERM
	CACHE_URL=redis://limited:canary-wrong@$at/1
	every_verb 77 WRONGPASS
	goes_on WRONGPASS
	CACHE_URL=redis://nobody:canary-wrong@$at
	failed 77 WRONGPASS c1v-cache get k
	# Seen by everybody who lists processes: refused, also by who could do without a cache.
	failed 64 'can be seen by others' c1v-cache --cache "redis://:canary-seen@$at" get k
	failed 64 'can be seen by others' c1v-cache --cache "redis://:canary-seen@$at" run -- ./hello
	assert_equal "$(wc -l <runs)" 2
}

@test "Redis may be read, but its statistics may not be written: nobody hears of it" {
	rcli main acl setuser reader on '>canary-reader' '~*' +get +mget +pttl >/dev/null
	c1v-cache set k 1
	export CACHE_URL C1V_CACHE=env:CACHE_URL
	CACHE_URL=redis://reader:canary-reader@127.0.0.1:$(redis_port main)
	run -0 --separate-stderr c1v-cache get k
	assert_output 1
	assert_equal "$stderr" ''
	failed 77 NOPERM c1v-cache set k 2
	rcli main acl deluser reader >/dev/null
}

@test "Redis hangs: it is given up in time, and what it says later is nobody's answer" {
	local key

	c1v-cache set a '"A"'
	c1v-cache set b '"B"'
	server
	embed ten
	asked 1
	export C1V_CACHE_TIMEOUT=0.3
	mkfifo in
	c1v-cache mget <in >answers 2>err 3>&- 9>&- &
	exec {hold}>in
	echo '{"key":"a"}' >&$hold
	until [ "$(wc -l <answers)" = 1 ]; do sleep 0.02; done
	rcli main client pause 1000 >/dev/null
	echo '{"key":"a"}' >&$hold
	until [ "$(wc -l <answers)" = 2 ]; do sleep 0.02; done
	sleep 1
	for key in b a b; do echo "{\"key\":\"$key\"}" >&$hold; done
	exec {hold}>&-
	rc=0
	wait $! || rc=$?
	assert_equal $rc 75
	assert_equal "$(jq -c '[.key, .value]' answers)" '["a","A"]
["a",null]
["b","B"]
["a","A"]
["b","B"]'
	warned 'no answer within 300 ms' err
	redis_pause main
	failed 75 'no answer within 300 ms' c1v-cache get a
	failed 75 'no answer within 300 ms' c1v-cache set c 1
	goes_on 'no answer within 300 ms'
	redis_resume main
	run -0 c1v-cache get a b
	assert_output $'"A"\n"B"'
	# In the middle of a run: some vectors are asked for anew, none is another's.
	: >log
	rcli main client pause 700 >/dev/null
	embed --batch-inputs 1 ten
	all_ten
}

@test "Redis is stopped in the middle of a run" {
	redis_start victim
	C1V_CACHE=$(redis_url victim)
	mkfifo in
	server
	c1v-embed -m fake-model --encoding base64 <in >out 2>err 3>&- 7>&- 9>&- &
	exec {hold}>in
	head -n 3 ten >&$hold
	until [ "$(wc -l <out)" = 3 ]; do sleep 0.02; done
	redis_kill victim
	tail -n +4 ten >&$hold
	exec {hold}>&-
	wait $!
	status=0
	all_ten
	warned 'redis://' err
}

@test "Redis cuts its connection at any byte of a reply" {
	local reply=$'$3\r\nabc\r\n' n

	for ((n = 0; n < ${#reply}; n++)); do
		liar "tail $(printf %s "${reply:0:n}" | od -An -v -tx1 | tr -d '\n' | tr ' ' %)"
		failed 75 'the connection was lost' c1v-cache --raw get k
	done
	liar 'say $3%0d%0aabc%0d%0a'
	run -0 c1v-cache get --raw k
	assert_output abc
	liar 'tail *2%0d%0a$3%0d%0aabc%0d%0a$3%0d%0aa'
	failed 75 'the connection was lost' c1v-cache get k l
	goes_on 'the connection was lost'
}

@test "Redis answers something else than was asked" {
	local text

	# Of two keys three values, one, a number, a text; of a key an array.
	for text in '*3%0d%0a$1%0d%0aa%0d%0a$1%0d%0ab%0d%0a$1%0d%0ac%0d%0a' '*1%0d%0a$1%0d%0aa%0d%0a' ':1%0d%0a' \
	    '$1%0d%0a1%0d%0a' '-ERR no such thing%0d%0a' 'HTTP/1.1 400 Bad Request%0d%0a%0d%0a'; do
		liar "say $text"
		failed 76 . c1v-cache get k l
	done
	for text in '*1%0d%0a$1%0d%0aa%0d%0a' ':1%0d%0a'; do
		liar "say $text"
		failed 76 . c1v-cache get k
	done
	for text in '$1%0d%0a1%0d%0a' '*0%0d%0a' '+OK%0d%0a' '$-1%0d%0a'; do
		liar "say $text"
		failed 76 . c1v-cache exists k
		failed 76 . c1v-cache del k
		failed 76 . c1v-cache touch k
		failed 76 . c1v-cache ttl k
	done
	liar 'say :1%0d%0a'
	failed 76 . c1v-cache set k 1
	liar 'say *3%0d%0a$1%0d%0aa%0d%0a$1%0d%0ab%0d%0a$1%0d%0ac%0d%0a'
	goes_on 'redis://'
	for text in ':1%0d%0a' '*1%0d%0a:1%0d%0a' '*2%0d%0a:1%0d%0a:1%0d%0a' '$-1%0d%0a'; do
		liar 'say -ERR unknown command%0d%0a' "say $text"
		failed 76 . c1v-cache keys
		liar "say $text"
		failed 76 . c1v-cache invalidate --tag t
	done
}

# bats test_tags=fault
@test "Redis says more than there is memory: 76, and little is used" {
	local line

	need prlimit
	for line in 'endless x' 'endless *1%0d%0a' 'endless *1000000000%0d%0a' 'say *4000000000%0d%0a' \
	    'say $4000000000%0d%0a' 'say $99999999999999999999%0d%0a' 'endless $-7%0d%0a' 'say %00%ff%00%0d%0a'; do
		liar "$line"
		failed 76 'redis://' prlimit --as=$((200 << 20)) c1v-cache get k
		failed 76 'redis://' prlimit --as=$((200 << 20)) c1v-cache get k l
	done
	liar 'endless *1%0d%0a'
	goes_on 'redis://'
	# Announced, and never sent.
	export C1V_CACHE_TIMEOUT=0.2
	liar 'say $500000000%0d%0aabc'
	failed 75 'no answer' prlimit --as=$((200 << 20)) c1v-cache get k
}

# --- Upstash ------------------------------------------------------------------------

@test "Upstash refuses, is busy, is broken, or is no Upstash" {
	local how

	C1V_CACHE=upstash:
	export C1V_CACHE_TIMEOUT=0.5
	for how in '77 WRONGPASS|401 status=401' '75 429 status=429' '75 500 status=500' '76 . fault=html' \
	    '76 . fault=empty' '76 . fault=shape' '76 . fault=object' '75 . fault=cut' '75 . fault=hang' \
	    '75 . fault=reset:0' '75 . fault=reset:40'; do
		# shellcheck disable=SC2086
		set -- $how
		upstash_start main "$3"
		failed "$1" "$2" c1v-cache get k
		failed "$1" "$2" c1v-cache get k l
		failed "$1" "$2" c1v-cache set k 1
		case $3 in
		status=[45]?[09] | *html | *object | *cut) goes_on "$2" ;;
		esac
	done
	# One who refuses is asked no more; who was slow once is asked again, and the answer is to that.
	upstash_plan fault=hang ''
	upstash_start main
	printf '{"key":"a"}\n{"key":"b"}\n' >asked
	run -0 c1v-cache --cache "$(redis_url main)" set b 2
	mkfifo in
	c1v-cache mget <in >answers 2>err 3>&- 7>&- 9>&- &
	exec {hold}>in
	head -n 1 asked >&$hold
	until [ "$(wc -l <answers)" = 1 ]; do sleep 0.02; done
	tail -n 1 asked >&$hold
	exec {hold}>&-
	rc=0
	wait $! || rc=$?
	assert_equal $rc 75
	assert_equal "$(jq -c .value answers)" $'null\n2'
	warned . err
	rm "$BATS_TEST_TMPDIR/upstash-plan"
	upstash_start main
	run -0 c1v-cache set k 1
	export UPSTASH_REDIS_REST_TOKEN=canary-wrong
	every_verb 77 'WRONGPASS|401'
	goes_on 'WRONGPASS|401'
	unset UPSTASH_REDIS_REST_TOKEN
	failed 78 UPSTASH_REDIS_REST_TOKEN c1v-cache get k
}

# --- processes that die -------------------------------------------------------------

# entries FROM TO WORD [BYTES]: lines for mset; the value of a key tells the key, and WORD.
entries() {
	seq "$1" "$2" | awk -v word="$3" -v bytes="${4-20}" '{
		s = sprintf("%s of k%d ", word, $1)
		while (length(s) < bytes)
			s = s $1 " "
		printf "{\"key\":\"g%d:k%d\",\"value\":\"%s\"}\n", $1 % 3, $1, s
	}'
}

# killed_everywhere SYSCALLS COMMAND…: COMMAND is killed at the N-th of each of these calls, for every N that
# there is, each time with ./start anew; input is ./input. `survived` then looks at what is left.
killed_everywhere() {
	local w jobs pids=() points

	jobs=$(getconf _NPROCESSORS_ONLN)
	for ((w = 1; w <= jobs; w++)); do
		mkdir "part$w"
		(cd "part$w" && kill_share "$w" "$jobs" "$@" >log 2>&1) 3>&- &
		pids+=($!)
	done
	for w in "${!pids[@]}"; do
		wait "${pids[w]}" || { cat "part$((w + 1))/log"; return 1; }
	done
	points=$(cat part*/points | wc -l)
	rm -r part*
	echo "# $points points" >&3
	[ "$points" -ge "$least" ]
}

kill_share() { # FIRST STEP SYSCALLS COMMAND…
	local syscall n rc calls=$3 first=$1 step=$2

	shift 3
	C1V_CACHE=sqlite:$PWD/cache.db
	for syscall in $calls; do
		for ((n = first; ; n += step)); do
			rm -f cache.db*
			cp ../start/* .
			rc=0
			traced -e "inject=$syscall:signal=KILL:when=$n" "$@" <../input >out 2>&1 || rc=$?
			[ "$rc" = 0 ] && break
			[ "$rc" = 137 ] || { echo "$syscall $n: rc $rc"; cat out; return 1; }
			echo "$syscall $n" >>points
			survived || { echo "$syscall $n: $*"; return 1; }
			"$@" <../input >out 2>&1 || { echo "$syscall $n: again: $?"; cat out; return 1; }
			done_then || { echo "$syscall $n: not done: $*"; return 1; }
		done
	done
}

# now: what the cache holds of ../keys, as mset takes it.
now() {
	c1v-cache mget ../keys >found || { echo "mget: $?"; return 1; }
	jq -c 'select(.hit) | {key, value}' found | LC_ALL=C sort >now
}

begin_kills() {
	can_trace
	in_memory
	C1V_CACHE=sqlite:$PWD/cache.db
	export C1V_CACHE_MAX_SIZE=1M
	: >input
	mkdir start
}

end_start() { # the cache as it is now is where each run begins
	mv cache.db* start/
	rm -f start/*-shm
}

# bats test_tags=fault
@test "kill -9 at every write of a set: the old value or the new one, and all others" {
	begin_kills
	entries 1 40 old >old
	c1v-cache mset <old >/dev/null
	c1v-cache mget <old >/dev/null # hits, to be folded in
	end_start
	entries 7 7 new 9000 >input
	cat old input | jq -c '{key}' | sort -u >keys
	cat old input | LC_ALL=C sort -u >either
	survived() {
		now || return
		[ -z "$(LC_ALL=C comm -23 now ../either)" ] || { LC_ALL=C comm -23 now ../either; return 1; }
		[ "$(wc -l <now)" = 40 ]
	}
	done_then() { now && [ "$(wc -l <now)" = 40 ] && grep -qxFf ../input now; }
	least=20 killed_everywhere 'pwrite64 write ftruncate fdatasync rename unlink' c1v-cache mset
	least=10 killed_everywhere 'openat' c1v-cache mset
}

# bats test_tags=fault
@test "kill -9 at every write while a cache is made" {
	begin_kills
	: >start/nothing
	entries 1 10 new >input
	cp input either
	jq -c '{key}' input >keys
	survived() { now && [ -z "$(LC_ALL=C comm -23 now <(LC_ALL=C sort ../either))" ]; }
	done_then() { now && [ "$(wc -l <now)" = 10 ]; }
	least=40 killed_everywhere 'pwrite64 write ftruncate fdatasync rename unlink fchmod mkdir link' c1v-cache mset
}

# bats test_tags=fault
@test "kill -9 at every write of an mset that evicts: never a wrong value, and the size is kept" {
	begin_kills
	entries 1 850 old 1000 >old
	c1v-cache mset <old >/dev/null
	[ "$(c1v-cache stats --json | jq .evictions)" = 0 ]
	end_start
	entries 830 960 new 1000 >input
	cat old input | jq -c '{key}' | sort -u >keys
	cat old input | LC_ALL=C sort -u >either
	survived() { now && [ -z "$(LC_ALL=C comm -23 now ../either)" ]; }
	done_then() {
		now && [ -z "$(LC_ALL=C comm -23 now ../either)" ] &&
		    [ "$(LC_ALL=C comm -12 now <(LC_ALL=C sort ../input) | wc -l)" -gt 100 ] &&
		    [ "$(c1v-cache stats --json | jq .evictions)" -gt 0 ] && [ "$(stat -c %s cache.db)" -lt 2097152 ]
	}
	least=100 killed_everywhere 'pwrite64 ftruncate fdatasync' c1v-cache mset
}

# bats test_tags=fault
@test "kill -9 at every write of a purge: what was to go comes back whole or not, the rest stays" {
	begin_kills
	entries 1 60 old 300 >old
	c1v-cache mset <old >/dev/null
	sqlite3 cache.db 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
	# What is newest is in the WAL alone.
	entries 10 20 newer 300 >input
	c1v-cache mset <input >/dev/null
	end_start
	{
		grep -vFf <(cut -d , -f 1 input) old
		cat input
	} | LC_ALL=C sort >either
	jq -c '{key}' either >keys
	: >input
	survived() {
		now && [ -z "$(LC_ALL=C comm -23 now ../either)" ] || { LC_ALL=C comm -23 now ../either; return 1; }
		[ "$all" ] || [ "$(grep -vc '"g1:' now)" = 40 ]
	}
	done_then() {
		now && [ "$(wc -l <now)" = "$((all ? 0 : 40))" ] || return
		# What is made in its place has nothing of it.
		c1v-cache set g9:k1 1 && now && [ "$(wc -l <now)" = "$((all ? 0 : 40))" ]
	}
	all='' least=20 killed_everywhere 'pwrite64 write ftruncate fdatasync unlink' c1v-cache purge --prefix g1:
	all=1 least=5 killed_everywhere 'pwrite64 write ftruncate fdatasync unlink' c1v-cache purge --all
}

# bats test_tags=fault
@test "kill -9 while a damaged cache is begun anew: nothing older comes back" {
	need sqlite3
	begin_kills
	entries 1 30 old 300 >old
	c1v-cache mset <old >/dev/null
	sqlite3 cache.db 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
	entries 1 30 newer 300 >newer
	c1v-cache mset <newer >/dev/null
	sqlite3 cache.db '.dbconfig no_ckpt_on_close on' 'UPDATE state SET sum = sum + 1' >/dev/null
	end_start
	[ -s start/cache.db-wal ]
	entries 31 40 new >input
	cat newer input | LC_ALL=C sort >either
	jq -c '{key}' either >keys
	survived() { now && [ -z "$(LC_ALL=C comm -23 now ../either)" ] || { head -n 2 now; return 1; }; }
	done_then() { now && [ "$(LC_ALL=C comm -12 now <(LC_ALL=C sort ../input) | wc -l)" = 10 ] && survived; }
	least=30 killed_everywhere 'pwrite64 write ftruncate fdatasync unlink rename openat' c1v-cache mset
}

# bats test_tags=fault
@test "kill -9 at every write of a fold-in: every hit is counted once" {
	local i

	begin_kills
	unset C1V_CACHE_MAX_SIZE
	entries 1 20 old >old
	c1v-cache mset <old >/dev/null
	for ((i = 0; i < 7000; i++)); do cat old; done | c1v-cache mget >/dev/null
	[ "$(stat -c %s cache.db.hits)" -gt 1048576 ]
	# Parts of it are folded in, until the next one retires the file.
	until [ "$(stat -c %s cache.db.hits)" -lt 1048576 ]; do
		cp cache.db* start/
		c1v-cache set g0:k0 0
	done
	rm -f start/*-shm
	jq -c '{key}' old >keys
	LC_ALL=C sort old >either
	survived() {
		hits=$(c1v-cache stats --json | jq -c '[.namespaces[].hits] | add')
		[ "$hits" = 140000 ] || { echo "hits: $hits"; return 1; }
	}
	done_then() {
		[ "$(stat -c %s cache.db.hits)" -lt 1048576 ] && survived && now && [ "$(grep -vc g0:k0 now)" = 20 ] && [ -z "$(LC_ALL=C comm -23 now ../either)" ]
	}
	calls='pwrite64 write ftruncate fdatasync link rename unlink openat'
	least=30 killed_everywhere "$calls" c1v-cache set g0:k0 1
	# With what was killed left behind, until the file has been replaced.
	C1V_CACHE=sqlite:$PWD/start/cache.db
	c1v-cache set g0:k0 2
	rm -f start/*-shm
	least=20 killed_everywhere "$calls" c1v-cache set g0:k0 1
}

@test "purge --all while somebody reads: all is gone, for him what he has begun to read" {
	need sqlite3
	entries 1 30 old 200 | c1v-cache mset >/dev/null
	coproc HOLD { sqlite3 "$BATS_TEST_TMPDIR/cache.db"; }
	echo 'BEGIN; SELECT count(*) FROM entry;' >&"${HOLD[1]}"
	read -r -u "${HOLD[0]}" count
	assert_equal "$count" 30
	c1v-cache set g0:k31 1
	run -0 c1v-cache purge --all
	assert_output '{"removed":31}'
	run -0 c1v-cache keys
	assert_output ''
	echo 'SELECT count(*) FROM entry;' >&"${HOLD[1]}"
	read -r -u "${HOLD[0]}" count
	assert_equal "$count" 30
	eval "exec ${HOLD[1]}>&-"
	wait "$HOLD_PID" || true
	c1v-cache set a 1
	run -0 c1v-cache keys
	assert_output a
}

# --- damage ---------------------------------------------------------------------------

spoil() { # FILE AT MASK
	local byte

	byte=$(od -An -tu1 -j "$2" -N1 "$1")
	printf "\\x$(printf %x $((byte ^ $3)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# usable WHAT: whatever is left is right, and the cache can be used.
usable() {
	c1v-cache mget keys >found 2>err || { echo "$1: mget: $?"; cat err; return 1; }
	jq -c 'select(.hit) | {key, value}' found | LC_ALL=C sort >now
	[ -z "$(LC_ALL=C comm -23 now either)" ] || { echo "$1: wrong"; LC_ALL=C comm -23 now either; return 1; }
	c1v-cache stats >/dev/null || { echo "$1: stats: $?"; return 1; }
	c1v-cache mset new >/dev/null 2>err || { echo "$1: mset: $?"; cat err; return 1; }
	c1v-cache mget new 2>&1 | jq -c '{key, value}' | cmp - new || { echo "$1: what was put is not there"; return 1; }
	[ ! -s err ] || cat err >>warnings
}

damaged_cache() {
	in_memory
	C1V_CACHE=sqlite:$PWD/cache.db
	entries 1 30 old 200 >old
	entries 5 9 new 900 >new
	c1v-cache mset <old >/dev/null
	sqlite3 cache.db 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
	entries 20 30 newer 300 >newer
	c1v-cache mset <newer >/dev/null
	c1v-cache mget <old >/dev/null
	cat old newer new | jq -c '{key}' | sort -u >keys
	cat old newer new | LC_ALL=C sort -u >either
	mkdir start
	mv cache.db* start/
	rm -f start/*-shm
}

anew() {
	rm -f cache.db*
	cp start/* .
}

@test "a cache that is cut anywhere: never a wrong value, and it can be used" {
	local file size n

	damaged_cache
	for file in cache.db cache.db-wal cache.db.hits; do
		size=$(stat -c %s start/$file)
		for ((n = 0; n < size; n += size / 23 + 1)); do
			anew
			truncate -s "$n" "$file"
			usable "$file cut at $n"
		done
	done
	for file in cache.db-wal cache.db.hits; do
		anew
		rm "$file"
		usable "$file is gone"
	done
	# Who begins anew says so.
	anew
	truncate -s 5000 cache.db
	rm cache.db-wal
	run -0 --separate-stderr c1v-cache mset new
	assert_equal "$(grep -c 'begun anew' <<<"$stderr")" 1
	assert_equal "$(wc -l <<<"$stderr")" 1
	run -0 --separate-stderr c1v-cache mset new
	assert_equal "$stderr" ''
}

@test "a byte is flipped anywhere in its files: never a wrong value" {
	local file size n

	damaged_cache
	for file in cache.db-wal cache.db.hits cache.db; do
		size=$(stat -c %s start/$file)
		for ((n = 3; n < size; n += size / 37 + 1)); do
			anew
			spoil "$file" "$n" $((1 << n % 8))
			usable "$file flipped at $n"
		done
	done
	touch warnings
	run -1 grep -v 'begun anew' warnings
}

@test "a corrupted entry is a miss, and is removed" {
	need sqlite3
	c1v-cache set a '"value of a"'
	c1v-cache set b '"value of b"'
	sqlite3 "$BATS_TEST_TMPDIR/cache.db" "UPDATE value SET value = CAST('\"value of c\"' AS BLOB) WHERE key = CAST('a' AS BLOB)"
	run -1 --separate-stderr c1v-cache get a
	assert_output ''
	run -0 c1v-cache get b
	c1v-cache set c 1
	run -0 c1v-cache keys
	assert_output $'b\nc'
	# An entry that tells of another's value.
	sqlite3 "$BATS_TEST_TMPDIR/cache.db" 'UPDATE entry SET id = (SELECT max(id) FROM entry)'
	run -1 c1v-cache get b
	run -0 c1v-cache get c
	assert_output 1
}

@test "what is no cache of ours is left alone" {
	need sqlite3
	sqlite3 mine.db 'CREATE TABLE t (a); INSERT INTO t VALUES (1)'
	cp mine.db before
	failed 65 'not a c1v cache' c1v-cache --cache sqlite:mine.db set k 1
	run -1 c1v-cache --cache sqlite:mine.db get k
	cmp mine.db before
	run -0 --separate-stderr c1v-cache --cache sqlite:mine.db run -- ./hello </dev/null
	assert_output hello
	assert_equal "$(grep -c 'going on without the cache' <<<"$stderr")" 1
	cmp mine.db before
}

# --- disks ----------------------------------------------------------------------------

# bats test_tags=fault
@test "the disk is full at any write: 74, and what was there is right" {
	local n rc

	can_trace
	damaged_cache
	for n in 1 2 3 4 5 6 7 8 10 13 17 22; do
		anew
		rc=0
		traced -e "inject=pwrite64,write:error=ENOSPC:when=$n+" c1v-cache set g2:k5 '"x"' >out 2>err || rc=$?
		# The pid in the lock file and what counts hits may fail without harm.
		case $rc in
		0) c1v-cache get g2:k5 >out; echo '"x"' | cmp out - ;;
		74) ;;
		*) echo "$n: $rc"; cat err; return 1 ;;
		esac
		c1v-cache del g2:k5
		usable "full at $n"
	done
	anew
	server
	for n in 3 5 9; do
		run --separate-stderr traced -e "inject=pwrite64:error=ENOSPC:when=$n+" \
		    c1v-embed -m fake-model --encoding base64 --ledger none "$BATS_TEST_TMPDIR/work/ten"
		printf '%s\n' "$output" >out
		printf '%s\n' "$stderr" >err
		all_ten
		warned 'No space|full' err
		run --separate-stderr traced -e "inject=pwrite64:error=ENOSPC:when=$n+" \
		    c1v-cache run -- "$BATS_TEST_TMPDIR/work/hello" "$n"
		assert_equal "$status $output" '0 hello'
		assert_equal "$(grep -c 'going on without the cache' <<<"$stderr")" 1
	done
	usable 'full in a run'
}

@test "a directory that cannot be written to: what is there is read" {
	[ "$(id -u)" != 0 ] || skip "root writes everywhere"
	mkdir ro
	C1V_CACHE=sqlite:$PWD/ro/cache.db
	c1v-cache set k 1
	chmod 500 ro
	chmod 400 ro/*
	run -0 --separate-stderr c1v-cache get k
	assert_output 1
	assert_equal "$stderr" ''
	failed 74 'ermission denied' c1v-cache set k 2
	failed 74 'ermission denied' c1v-cache del k
	run -0 c1v-cache stats
	server
	embed ten
	all_ten
	warned 'ermission denied' err
	run -0 --separate-stderr c1v-cache run -- ./hello </dev/null
	assert_output hello
	assert_equal "$(grep -c 'going on without the cache' <<<"$stderr")" 1
	run -0 c1v-cache get k
	assert_output 1
	chmod 700 ro
}

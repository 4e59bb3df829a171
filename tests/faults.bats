#!/usr/bin/env bats
# What must hold under faults: nothing acknowledged is lost, nothing is half
# there, running again converges, and the exit code says what happened. Faults
# are injected; a fault that did not happen fails its test.

load helper

setup() {
	c1v_setup
	shim=$build/test/failmalloc.so
}

# records COUNT [TEXT [COLLECTION-WIDE PREFIX]]: documents of one or two chunks.
records() {
	local i

	for ((i = 0; i < $1; i++)); do
		if ((i % 3)); then
			printf '{"id":"%sd%d","content":"document %d %s","source":"s%d","metadata":{"n":%d}}\n' \
			    "${3-}" "$i" "$i" "${2-first}" "$i" "$i"
		else
			printf '{"doc":"%sd%d","id":"%sd%d#%d","content":"part %d of %d %s","chunk":{"index":%d,"of":2},"model":"m","dims":3,"embedding":[%d,1,0.5]}\n' \
			    "${3-}" "$i" "${3-}" "$i" 0 0 "$i" "${2-first}" 0 "$i" \
			    "${3-}" "$i" "${3-}" "$i" 1 1 "$i" "${2-first}" 1 "$i"
		fi
	done
}

# quiet strace: as it is where it may trace
traced() {
	strace -qq -f -o /dev/null "$@"
}

can_trace() {
	need strace
	strace -qq -o /dev/null true 2>/dev/null || skip "strace may not trace here"
}

sound() {
	run -0 c1v-store verify
	assert_output --partial '"findings":0'
}

# --- kill -9 ----------------------------------------------------------------------

# kill_everywhere SYSCALLS: kill an ingest that changes a store at the N-th of
# each of these calls, for every N that there is. Before it, documents d0 … d9
# were acknowledged with other content.
kill_everywhere() {
	local syscall n points=0 rc

	records 10 before >before.ndjson
	records 20 after >after.ndjson
	C1V_STORE=sqlite:$PWD/start.db c1v-ingest before.ndjson >/dev/null
	C1V_STORE=sqlite:$PWD/want.db c1v-ingest before.ndjson >/dev/null
	C1V_STORE=sqlite:$PWD/want.db c1v-ingest after.ndjson >/dev/null
	c1v-store export --store want.db >want.ndjson
	c1v-store export --store start.db >start.ndjson
	for syscall; do
		for ((n = 1; ; n++)); do
			rm -f "$store"*
			[ "$fresh" ] || cp start.db "$store"
			rc=0
			traced -e "inject=$syscall:signal=KILL:when=$n" \
			    c1v-ingest --batch-size 6 after.ndjson >out 2>&1 || rc=$?
			[ "$rc" = 0 ] && break
			[ "$rc" = 137 ] || { echo "$syscall $n: rc $rc"; cat out; return 1; }
			points=$((points + 1))
			check_survivor "$syscall $n" || return 1
		done
	done
	echo "# $points points" >&3
	[ "$points" -ge "$least" ]
}

check_survivor() {
	local rc=0

	c1v-store verify >out 2>&1 || rc=$?
	# Killed before there was a store: 1, there is none.
	if [ "$rc" != 0 ] && ! { [ "$fresh" ] && grep -q 'there is no store\|no collection' out; }; then
		echo "$1: verify: $rc"; cat out
		return 1
	fi
	if [ -z "$fresh" ]; then
		# Every acknowledged document is there, as it was or as it shall be.
		c1v-store export | sort >now.ndjson
		sort start.ndjson want.ndjson | sort -m - <(sort want.ndjson) | sort -u >either.ndjson
		[ -z "$(comm -23 now.ndjson either.ndjson)" ] || { echo "$1: something else"; return 1; }
		[ "$(jq -r '.doc // .id' now.ndjson | sort -u | grep -cE '^d[0-9]$')" = 10 ] ||
		    { echo "$1: lost"; return 1; }
	fi
	c1v-ingest after.ndjson >/dev/null || { echo "$1: again: $?"; return 1; }
	c1v-store export | cmp - want.ndjson || { echo "$1: does not converge"; return 1; }
}

# bats test_tags=fault
@test "kill -9 at every write of an ingest into a store: nothing is lost" {
	can_trace
	fresh='' least=150
	kill_everywhere pwrite64 fdatasync ftruncate
}

# bats test_tags=fault
@test "kill -9 at every write while a store is made: running again makes it" {
	can_trace
	fresh=1 least=100
	kill_everywhere pwrite64 fdatasync ftruncate unlink fchmod mkdir
}

# --- disks ------------------------------------------------------------------------

# bats test_tags=fault
@test "disk full at any write: 74, and the store is sound" {
	can_trace
	records 10 before | c1v-ingest >/dev/null
	cp "$store" start.db
	records 30 after >after.ndjson
	for n in 1 2 3 5 8 13 21 34; do
		rm -f "$store"*; cp start.db "$store"
		run traced -e "inject=pwrite64:error=ENOSPC:when=$n+" c1v-ingest --batch-size 10 after.ndjson
		# Only the pid in the lock file may fail without harm.
		[ "$n" = 1 ] || assert_failure 74
		sound
		c1v-ingest after.ndjson >/dev/null
		sound
	done
}

# bats test_tags=fault
@test "a file that may not grow: 74, cut at any size" {
	need prlimit
	records 40 text >in.ndjson
	for n in 1000 16384 20000 50000 100000 200000; do
		rm -f "$store"*
		run prlimit --fsize=$n c1v-ingest in.ndjson
		assert_failure 74
		c1v-ingest in.ndjson >/dev/null
		sound
	done
}

# bats test_tags=fault
@test "fdatasync fails: 74, nothing is acknowledged" {
	can_trace
	records 10 before | c1v-ingest >/dev/null
	c1v-store export >before.ndjson
	records 10 after >after.ndjson
	run traced -e "inject=fdatasync:error=EIO:when=1+" c1v-ingest after.ndjson
	assert_failure 74
	sound
	c1v-ingest after.ndjson >/dev/null
	sound
}

@test "stdout full: 74, and the rows are there" {
	[ -c /dev/full ] || skip "no /dev/full"
	records 5 >in.ndjson
	run -74 bash -c 'c1v-ingest in.ndjson >/dev/full'
	sound
	run -74 bash -c 'c1v-store export >/dev/full'
	run -74 bash -c 'c1v-store info >/dev/full'
	run -74 bash -c 'c1v-ingest --dry-run in.ndjson >/dev/full'
}

@test "stdout closed: 74; a reader that goes away: the transaction is finished" {
	records 5 >in.ndjson
	run -74 bash -c 'c1v-ingest in.ndjson >&-'
	sound
	# Warnings into a pipe that nobody reads, while a transaction is open.
	echo '{"id":"bad"}' | cat in.ndjson - >bad.ndjson
	rm "$store"
	bash -c 'c1v-ingest --batch-size 1 bad.ndjson 2>&1 >out | true'
	sound
	[ "$(c1v-store info | jq .collections[0].chunks)" = 7 ]
}

# --- others ------------------------------------------------------------------------

@test "eight writers at once: everything is there once" {
	local i pids=()

	for i in 1 2 3 4 5 6 7 8; do
		records 375 text "w$i-" >"in$i.ndjson"
		c1v-ingest --batch-size 50 "in$i.ndjson" >"out$i" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i"
	done
	[ "$(jq -s 'map(.added) | add' out?)" = 4000 ]
	[ "$(c1v-store info | jq .collections[0].chunks)" = 4000 ]
	sound
}

@test "another program holds the file: a bounded wait, then 75" {
	need sqlite3
	records 3 | c1v-ingest >/dev/null
	coproc HOLD { sqlite3 "$store"; }
	echo 'BEGIN EXCLUSIVE; SELECT 1;' >&"${HOLD[1]}"
	read -r -u "${HOLD[0]}"
	run --separate-stderr -75 bash -c 'c1v-ingest --wait 0.2 <<<"{\"id\":\"x\",\"content\":\"y\"}"'
	assert_regex "$stderr" 'held by another program'
	eval "exec ${HOLD[1]}>&-"
	wait "$HOLD_PID" || true
	sound
}

@test "another writer holds the lock: 75, locked by its pid" {
	local pid

	records 3 | c1v-ingest >/dev/null
	need flock python3
	python3 - "$store.lock" <<-'END' &
	import fcntl, os, struct, sys, time
	f = open(sys.argv[1], "r+")
	fcntl.fcntl(f, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
	f.write(str(os.getpid()) + "\n"); f.flush()
	open("held", "w")
	time.sleep(20)
	END
	pid=$!
	until [ -e held ]; do sleep 0.02; done
	run --separate-stderr -75 bash -c 'c1v-ingest --wait 0.1 <<<"{\"id\":\"x\",\"content\":\"y\"}"'
	kill "$pid"
	assert_regex "$stderr" "locked by pid $pid"
}

# --- damage -------------------------------------------------------------------------

# Flip a byte (XOR with a mask) and look: 65, or the right answer; the file stays as it is.
flip() {
	local at=$1 mask=$2 rc=0 byte

	cp clean.db "$store"
	byte=$(od -An -tu1 -j "$at" -N1 "$store")
	printf "\\x$(printf %x $((byte ^ mask)))" | dd of="$store" bs=1 seek="$at" conv=notrunc status=none
	cp "$store" flipped.db
	c1v-store export >out.ndjson 2>err || rc=$?
	rm -f "$store-wal" "$store-shm"
	cmp -s "$store" flipped.db || { echo "byte $at: the file was changed"; return 1; }
	case $rc in
	0) cmp -s out.ndjson clean.ndjson || { echo "byte $at: another answer"; return 1; } ;;
	65) ;;
	*) echo "byte $at mask $mask: $rc"; cat err; return 1 ;;
	esac
}

@test "flipped bytes in the header and the schema: 65 or the right answer, never a write" {
	local at

	records 12 | c1v-ingest >/dev/null
	c1v-store export >clean.ndjson
	rm -f "$store-wal" "$store-shm"
	mv "$store" clean.db
	for ((at = 0; at < 112; at++)); do
		flip "$at" 255
		flip "$at" 1
	done
	# The schema lies at the end of page 1.
	for ((at = 112; at < 16384; at += 61)); do
		flip "$at" 255
	done
}

@test "flipped bytes elsewhere: 65, or the right answer" {
	local at size

	records 12 | c1v-ingest >/dev/null
	c1v-store export >clean.ndjson
	rm -f "$store-wal" "$store-shm"
	mv "$store" clean.db
	size=$(stat -c %s clean.db)
	for ((at = 16384; at < size; at += 4093)); do
		flip "$at" 255
	done
}

@test "a cut file: 65, and it stays as it is" {
	records 12 | c1v-ingest >/dev/null
	rm -f "$store-wal" "$store-shm"
	cp "$store" clean.db
	for n in 1 15 16 99 100 4096 16384 40000; do
		head -c "$n" clean.db >"$store"
		run -65 c1v-store export
		run -65 c1v-ingest <<<'{"id":"x","content":"y"}'
		[ "$(stat -c %s "$store")" = "$n" ]
		cmp -n "$n" clean.db "$store"
	done
}

@test "not ours: 65; newer: 78; neither is written to" {
	need sqlite3
	sqlite3 "$store" 'CREATE TABLE t (a); INSERT INTO t VALUES (1);'
	cp "$store" before
	run --separate-stderr -65 c1v-ingest <<<'{"id":"x","content":"y"}'
	assert_regex "$stderr" 'not a c1v store'
	run -65 c1v-store info
	cmp "$store" before
	printf 'some text\n' >"$store"
	run -65 c1v-ingest <<<'{"id":"x","content":"y"}'
	[ "$(cat "$store")" = 'some text' ]
	rm "$store"*
	records 3 | c1v-ingest >/dev/null
	# A newer version changes the schema, and says so.
	sqlite3 "$store" 'CREATE TABLE later (a); PRAGMA user_version = 9;' >/dev/null
	cp "$store" before
	run --separate-stderr -78 c1v-ingest <<<'{"id":"x","content":"y"}'
	assert_regex "$stderr" 'newer version'
	cmp "$store" before
}

@test "another program may add to the schema and vacuum" {
	need sqlite3
	records 9 | c1v-ingest >/dev/null
	c1v-store export >before.ndjson
	sqlite3 "$store" 'CREATE INDEX mine ON documents_chunk (source); VACUUM;'
	c1v-store export | cmp - before.ndjson
	records 9 changed | c1v-ingest >/dev/null
	sound
}

# --- memory, signals, input ------------------------------------------------------------

# bats test_tags=fault
@test "every allocation fails once, and for ever: 71 or done, never a crash" {
	local n rc step=1

	[ -e "$shim" ] || skip "no shim in this build"
	records 4 before | c1v-ingest >/dev/null
	cp "$store" start.db
	records 6 after >in.ndjson
	for ever in '' 1; do
		for ((n = 1; n < 4000; n += step)); do
			rm -f "$store"* happened; cp start.db "$store"
			rc=0
			env LD_PRELOAD="$shim" FAIL_AT=$n ${ever:+FAIL_EVER=1} FAIL_LOG=happened \
			    c1v-ingest in.ndjson >out 2>err || rc=$?
			[ -e happened ] || break
			case $rc in
			0 | 71) ;;
			*) echo "allocation $n${ever:+ and after}: $rc"; cat err; return 1 ;;
			esac
			if ((n % 25 == 1)); then
				sound
			fi
			# Every one of the first, then samples.
			((n < 150)) || step=7
		done
		step=1
		[ "$n" -gt 100 ]
	done
}

# bats test_tags=fault
@test "SIGTERM at a write: committed or rolled back, and the signal is kept" {
	can_trace
	records 10 before | c1v-ingest >/dev/null
	cp "$store" start.db
	records 30 after >after.ndjson
	for n in 2 3 10 30 60; do
		rm -f "$store"*; cp start.db "$store"
		run traced -e "inject=pwrite64:signal=TERM:when=$n" c1v-ingest --batch-size 10 after.ndjson
		assert_failure 143
		sound
	done
}

@test "SIGTERM while it waits for input: within a second, and what was whole is there" {
	local pid started rc

	mkfifo pipe
	c1v-ingest <pipe >out &
	pid=$!
	exec 9>pipe
	records 3 >&9
	for _ in $(seq 100); do
		[ "$(c1v-store info 2>/dev/null | jq '.collections[0].chunks // 0')" = 4 ] && break
		sleep 0.05
	done
	started=$SECONDS
	kill -TERM "$pid"
	rc=0
	wait "$pid" || rc=$?
	[ "$rc" = 143 ]
	[ $((SECONDS - started)) -le 2 ]
	exec 9>&-
	[ "$(c1v-store info | jq '.collections[0].chunks')" = 4 ]
	sound
}

# bats test_tags=fault
@test "a line of 100 MB: passed over in bounded memory, the rest is stored" {
	need prlimit
	{
		records 3
		printf '{"id":"long","content":"'
		head -c 100000000 /dev/zero | tr '\0' x
		printf '"}\n'
		records 1 other x
	} >in.ndjson
	run --separate-stderr -3 prlimit --as=200000000 c1v-ingest --max-record 1M in.ndjson
	assert_regex "$stderr" 'in.ndjson:5'
	[ "$(jq .failed <<<"$output")" = 1 ]
	[ "$(jq .chunks <<<"$output")" = 6 ]
	sound
}

@test "a directory that cannot be written to is read" {
	[ "$(id -u)" != 0 ] || skip "root writes everywhere"
	records 5 | c1v-ingest >/dev/null
	mkdir ro
	cp "$store" ro/s.db
	chmod 500 ro
	run -0 c1v-store export --store ro/s.db
	run -0 c1v-store verify --store ro/s.db
	run -74 c1v-ingest --store ro/s.db <<<'{"id":"x","content":"y"}'
	chmod 700 ro
}

#!/usr/bin/env bats
# What must hold under faults: nothing acknowledged is lost, nothing is half
# there, running again converges, and the exit code says what happened. Faults
# are injected; a fault that did not happen fails its test.
#
#     C1V_TEST_SCALE   so many times the usual number of documents, cuts and
#                      flips (1), here and in test_cut and test_damage

# bats file_tags=long
load helper
load fault

# --- kill -9 ----------------------------------------------------------------------

# kill_everywhere SYSCALLS: kill an ingest that changes a store at the N-th of
# each of these calls, for every N that there is; as many at a time as there are
# processors. Before it, documents d0 … d9 were acknowledged with other content.
kill_everywhere() {
	local w jobs points pids=()

	jobs=$(getconf _NPROCESSORS_ONLN)
	in_memory
	records 10 before >before.ndjson
	records $((20 * ${C1V_TEST_SCALE:-1})) after >after.ndjson
	C1V_STORE=sqlite:$PWD/start.db c1v-ingest before.ndjson >/dev/null
	C1V_STORE=sqlite:$PWD/want.db c1v-ingest before.ndjson >/dev/null
	C1V_STORE=sqlite:$PWD/want.db c1v-ingest after.ndjson >/dev/null
	c1v-store export --store want.db >want.ndjson
	c1v-store export --store start.db >start.ndjson
	sort -u start.ndjson want.ndjson >either.ndjson
	for ((w = 1; w <= jobs; w++)); do
		mkdir "$w"
		(cd "$w" && kill_share "$w" "$jobs" "$@" >log 2>&1) &
		pids+=($!)
	done
	for w in "${!pids[@]}"; do
		wait "${pids[w]}" || { cat "$((w + 1))/log"; return 1; }
	done
	points=$(cat ./*/points | wc -l)
	echo "# $points points" >&3
	[ "$points" -ge "$least" ]
}

# kill_share FIRST STEP SYSCALLS: every STEP-th of these points, from FIRST.
kill_share() {
	local syscall n rc

	store=$PWD/store.db
	C1V_STORE=sqlite:$store
	for syscall in "${@:3}"; do
		for ((n = $1; ; n += $2)); do
			rm -f "$store"*
			[ "$fresh" ] || cp ../start.db "$store"
			rc=0
			traced -e "inject=$syscall:signal=KILL:when=$n" \
			    c1v-ingest --batch-size "$batch" ../after.ndjson >out 2>&1 || rc=$?
			[ "$rc" = 0 ] && break
			[ "$rc" = 137 ] || { echo "$syscall $n: rc $rc"; cat out; return 1; }
			echo "$syscall $n" >>points
			check_survivor "$syscall $n" || return 1
		done
	done
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
		[ -z "$(comm -23 now.ndjson ../either.ndjson)" ] || { echo "$1: something else"; return 1; }
		[ "$(jq -r '.doc // .id' now.ndjson | sort -u | grep -cE '^d[0-9]$')" = 10 ] ||
		    { echo "$1: lost"; return 1; }
	fi
	c1v-ingest ../after.ndjson >/dev/null || { echo "$1: again: $?"; return 1; }
	c1v-store export | cmp - ../want.ndjson || { echo "$1: does not converge"; return 1; }
}

# bats test_tags=fault
@test "kill -9 at every write of an ingest into a store: nothing is lost" {
	can_trace
	fresh='' batch=2 least=220
	kill_everywhere pwrite64 fdatasync ftruncate
}

# bats test_tags=fault
@test "kill -9 at every write while a store is made: running again makes it" {
	can_trace
	fresh=1 batch=3 least=200
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

# on_small_disk SIZE FUNCTION: run it in ./small, a file system of its own, made
# in a user namespace of ours or, where there are none (a chroot), by sudo.
# "$grow" in it gives it more room.
on_small_disk() {
	local as='' small_disk="mount -t tmpfs -o size=$1,mode=777 tmpfs small"

	shift
	need mount unshare
	mkdir -p small
	export grow='mount -o remount,size=64m tmpfs small'
	if [ "$(id -u)" != 0 ] && unshare -rm $small_disk 2>/dev/null; then
		export -f "${1?}"
		unshare -rm bash -c "$small_disk && $1"
		return
	fi
	if [ "$(id -u)" != 0 ]; then
		as='sudo -n'
		sudo -n true 2>/dev/null || skip "no user namespaces and no sudo here"
	fi
	grow="$as $grow"
	$as $small_disk || skip "no file system can be mounted here"
	small=$PWD/small
	"$1"
}

# It does not fit: 74 each time, and nothing in the way of trying again.
made_on_small_disk() {
	local rc

	for batch in 1 5 100; do
		rc=0
		c1v-ingest --store small/s.db --batch-size "$batch" in.ndjson >out 2>err || rc=$?
		[ "$rc" = 74 ] || { echo "made: $rc"; cat err; return 1; }
		grep -qE 'No space left on device|disk is full' err || { cat err; return 1; }
		rc=0
		c1v-store verify --store small/s.db >out 2>&1 || rc=$?
		[ "$rc" = 0 ] || grep -q 'there is no store\|no collection\|No space left\|is full' out ||
		    { echo "verify: $rc"; cat out; return 1; }
	done
	$grow || return
	c1v-ingest --store small/s.db in.ndjson >/dev/null && c1v-store verify --store small/s.db >/dev/null &&
	    c1v-store export --store small/s.db | cmp - want.ndjson
}

# It fits at first: what was acknowledged stays, through every later failure.
filled_small_disk() {
	local rc n=0

	cp start.db small/s.db
	while [ "$n" -lt 20 ]; do
		rc=0
		c1v-ingest --store small/s.db --batch-size 7 in.ndjson >out 2>err || rc=$?
		[ "$rc" = 74 ] || { echo "filled $n: $rc"; cat err; return 1; }
		c1v-store verify --store small/s.db >out 2>&1 || { echo "verify $n: $?"; cat out; return 1; }
		c1v-store export --store small/s.db | sort >now.ndjson
		[ -z "$(comm -23 now.ndjson either.ndjson)" ] || { echo "something else"; return 1; }
		[ "$(jq -r '.doc // .id' now.ndjson | sort -u | grep -cE '^d[0-9]$')" = 10 ] ||
		    { echo "lost"; return 1; }
		# A little less room each time: another write is the first to fail.
		head -c 4096 /dev/zero >"small/filler$n" 2>/dev/null || true
		n=$((n + 1))
	done
	$grow || return
	c1v-ingest --store small/s.db in.ndjson >/dev/null && c1v-store verify --store small/s.db >/dev/null &&
	    c1v-store export --store small/s.db | cmp - want.ndjson
}

# bats test_tags=fault
@test "a file system of 256 KiB: 74, and with more room it goes on" {
	records 200 "$(seq -s ' ' 150)" >in.ndjson
	c1v-ingest --store want.db in.ndjson >/dev/null
	c1v-store export --store want.db >want.ndjson
	on_small_disk 256k made_on_small_disk
}

# bats test_tags=fault
@test "a file system that fills up: 74, the store is sound and nothing is lost" {
	records 10 before >before.ndjson
	records 400 "$(seq -s ' ' 150)" >in.ndjson
	c1v-ingest --store start.db before.ndjson >/dev/null
	c1v-store export --store start.db >start.ndjson
	cp start.db want.db
	c1v-ingest --store want.db in.ndjson >/dev/null
	c1v-store export --store want.db >want.ndjson
	sort -u start.ndjson want.ndjson >either.ndjson
	on_small_disk 1m filled_small_disk
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

# For each cut K: documents K-d0 … in an old edition (old.ndjson), the same in a
# new one cut behind byte K (cut/K), and those of it that are whole (whole.ndjson).
cut_inputs() { # cut_inputs CUTS
	need awk
	mkdir cut
	LC_ALL=C awk -v cuts="$1" '
	function line(i, c, of, edition) {
		return sprintf("{\"doc\":\"@d%d\",\"id\":\"@d%d#%d\",\"content\":\"%s, d\303\251j\303\240 %d.%d\",\"chunk\":{\"index\":%d,\"of\":%d}}", \
		    i, i, c, edition, i, c, c, of)
	}
	function document(i, edition,   c, of, text) {
		of = 1 + i % 3
		for (c = 0; c < of; c++)
			text = text line(i, c, of, edition) "\n"
		return text
	}
	function named(text, k) {
		gsub("@", k "-", text)
		return text
	}
	BEGIN {
		for (i = 0; length(all) < cuts; i++) {
			all = all document(i, "new")
			end[i] = length(all) - 1 # the last line feed may be missing
		}
		for (k = 0; k < cuts; k++) {
			file = "cut/" k
			printf "%s", named(substr(all, 1, k), k) >file
			close(file)
			for (j = 0; j < i; j++) {
				printf "%s", named(document(j, "old"), k) >"old.ndjson"
				if (end[j] <= k)
					printf "%s", named(document(j, "new"), k) >"whole.ndjson"
			}
		}
	}'
}

@test "an input cut at any of 1,024 bytes: whole documents are new, the others as they were" {
	cut_inputs 1024
	c1v-ingest old.ndjson >/dev/null
	cp "$store" want.db
	c1v-ingest --store want.db whole.ndjson >/dev/null
	run -3 --separate-stderr c1v-ingest cut/*
	[ "$(jq .failed <<<"$output")" -gt 800 ]
	c1v-store export >now.ndjson
	c1v-store export --store want.db | cmp - now.ndjson
	sound
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

# A collection so large that both legs of a search run side by side, each on a
# connection of its own, and a document that a query finds by words and by
# vector. Another commit changes which one that is.
moving_target() {
	need awk
	awk 'BEGIN {
		for (i = 0; i < 24000; i++)
			printf "{\"id\":\"f%d\",\"content\":\"filler %d\",\"model\":\"m\",\"dims\":3,\"embedding\":[%d,%d,5]}\n", \
			    i, i, i % 3 - 1, i % 5 - 2
	}' | c1v-ingest >/dev/null
	target one two >a.ndjson
	target two one >b.ndjson
	echo '{"query":"zebra","embedding":[1,0,0],"model":"m"}' >query.ndjson
	c1v-ingest b.ndjson >/dev/null
	c1v-search -n 1 <query.ndjson >b.want
	c1v-ingest a.ndjson >/dev/null
	c1v-search -n 1 <query.ndjson >a.want
	[ "$(jq -r .id a.want)" = one ]
	[ "$(jq -r .id b.want)" = two ]
}

target() {
	printf '{"id":"%s","content":"a zebra","model":"m","dims":3,"embedding":[1,0,0]}\n' "$1"
	printf '{"id":"%s","content":"a quagga","model":"m","dims":3,"embedding":[0,1,0]}\n' "$2"
}

# bats test_tags=fault
@test "a commit between the two connections of a search: one state or the other" {
	[ -e "$build/test/between.so" ] || skip "no shim in this build"
	moving_target
	cat query.ndjson query.ndjson >twice.ndjson
	BETWEEN='c1v-ingest b.ndjson >happened' LD_PRELOAD=$build/test/between.so c1v-search -n 1 <twice.ndjson >out
	[ "$(jq .updated happened)" = 2 ]
	[ "$(wc -l <out)" = 2 ]
	head -n 1 out >first
	cmp -s first a.want || cmp first b.want
	tail -n 1 out | cmp - b.want
}

@test "thousands of searches while another process commits: each sees one state" {
	local pid

	moving_target
	for _ in $(seq 2000); do
		cat query.ndjson
	done >many.ndjson
	(while [ ! -e over ]; do
		c1v-ingest b.ndjson >/dev/null && c1v-ingest a.ndjson >/dev/null && echo >>commits
	done) &
	pid=$!
	c1v-search -n 1 <many.ndjson >out
	touch over
	wait "$pid"
	[ "$(wc -l <out)" = 2000 ]
	sort -u out >states
	echo "# $((2 * $(wc -l <commits))) commits" >&3
	sort a.want b.want | cmp - states
}

# --- damage -------------------------------------------------------------------------

# Search a damaged store: an answer or 65, soon; codes and the index of words
# are not checked, so it need not be the best answer.
look() {
	local rc=0

	timeout 20 c1v-search <look.ndjson >found.ndjson 2>err || rc=$?
	case $rc in
	0 | 1 | 65) ;;
	*) echo "byte $1: search: $rc"; cat err; return 1 ;;
	esac
}

# Flip a byte (XOR with a mask) and look: 65, or the right answer; the file stays as it is.
flip() {
	local at=$1 mask=$2 rc=0 byte

	cp clean.db "$store"
	byte=$(od -An -tu1 -j "$at" -N1 "$store")
	printf "\\x$(printf %x $((byte ^ mask)))" | dd of="$store" bs=1 seek="$at" conv=notrunc status=none
	cp "$store" flipped.db
	c1v-store export >out.ndjson 2>err || rc=$?
	look "$at" || return 1
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
	echo '{"query":"part of document 3","embedding":[1,0,1],"model":"m"}' >look.ndjson
	run -0 c1v-search <look.ndjson
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
	echo '{"query":"part of document 3","embedding":[1,0,1],"model":"m"}' >look.ndjson
	run -0 c1v-search <look.ndjson
	rm -f "$store-wal" "$store-shm"
	mv "$store" clean.db
	size=$(stat -c %s clean.db)
	for ((at = 16384; at < size; at += 4093)); do
		flip "$at" 255
	done
}

@test "a flipped bit of a vector that is compared: 65, by search, export and verify" {
	local at bit

	c1v-ingest >/dev/null <<<'{"id":"a","content":"b","model":"m","embedding":[0.1,1e-3,3]}'
	c1v-ingest >/dev/null <<<'{"id":"b","content":"b","model":"m","embedding":[0.2,1e-3,3]}'
	echo '{"query":"b","embedding":[1,0,1],"model":"m"}' >look.ndjson
	run -0 c1v-search --mode vector <look.ndjson
	rm -f "$store-wal" "$store-shm"
	mv "$store" clean.db
	at=$(LC_ALL=C grep -obUaP '\xcd\xcc\xcc\x3d\x6f\x12\x83\x3a' clean.db | cut -d: -f1)
	for ((bit = 0; bit < 96; bit += 5)); do
		cp clean.db "$store"
		byte=$(od -An -tu1 -j $((at + bit / 8)) -N1 "$store")
		printf "\\x$(printf %x $((byte ^ 1 << bit % 8)))" |
		    dd of="$store" bs=1 seek=$((at + bit / 8)) conv=notrunc status=none
		run -65 c1v-search --mode vector <look.ndjson
		run -65 c1v-search --exact <look.ndjson
		run -65 c1v-store export
		run -1 c1v-store verify
		rm -f "$store-wal" "$store-shm"
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

@test "the row of a collection is gone: 65, and it is not made anew" {
	need sqlite3
	records 3 | c1v-ingest >/dev/null
	sqlite3 "$store" 'DELETE FROM collection;'
	run --separate-stderr -65 c1v-store export
	assert_regex "$stderr" 'damaged file: row of collection documents'
	run -65 c1v-search document
	run -65 c1v-ingest <<<'{"id":"x","content":"y"}'
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

# --- signals, permissions ------------------------------------------------------------

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

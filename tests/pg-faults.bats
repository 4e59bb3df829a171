#!/usr/bin/env bats
# PostgreSQL under faults: a connection, a server or a tool that dies at any stage
# of an ingest. Nothing acknowledged is lost, nothing is doubled, a document is
# whole or absent, and running again converges.

# bats file_tags=long
load helper
load servers/postgres
load servers/relay

setup_file() {
	postgres_start
}

teardown_file() {
	postgres_stop
}

setup() {
	c1v_setup
	postgres_database
	c1v-store init --model m --dims 3 --index none >/dev/null
	twenty >records.ndjson
}

teardown() {
	relay_stop
}

# Twenty documents of three chunks each, with vectors.
twenty() {
	awk 'BEGIN {
		for (i = 1; i <= 20; i++)
			for (k = 0; k < 3; k++)
				printf "{\"id\":\"d%d#%d\",\"doc\":\"d%d\",\"content\":\"document %d part %d\",\"chunk\":{\"index\":%d,\"of\":3},\"embedding\":[%d,%d,1],\"model\":\"m\"}\n",
				    i, k, i, i, k, k, i, k
	}'
}

# All that is stored, as one word.
stored() {
	sql "SELECT count(*), count(DISTINCT key), md5(string_agg(key || document || position || content || embedding::text, ','
	    ORDER BY key)), (SELECT sum(chunks) FROM c1v_document) FROM documents"
}

# Every document that is there is whole, and so many of them are there.
whole() { # whole DOCUMENTS
	[ "$(sql "SELECT count(*) FROM (SELECT document FROM documents GROUP BY 1 HAVING count(*) <> 3) x")" = 0 ] &&
	    [ "$(sql "SELECT count(DISTINCT document) FROM documents")" = "$1" ]
}

# every_stage SIDE STEP ACTION [CODE…]: let that happen at every STEP-th message of an ingest.
# The tool's exit code is 0, or one of CODE; then it was asked again.
every_stage() {
	local side=$1 step=$2 action=$3 n points=0 rc
	shift 3
	c1v-ingest records.ndjson >/dev/null
	want=$(stored)
	for ((n = 1; ; n += step)); do
		sql "TRUNCATE documents, c1v_document"
		relay_start "$side" "$n" "$action"
		rc=0
		c1v-ingest --batch-size 7 --wait 20 --store "$relayed" records.ndjson >out 2>err 3>&- || rc=$?
		relay_stop
		relay_fired || break
		points=$((points + 1))
		if [ "$rc" = 0 ]; then
			[ "$(jq -c '[.documents,.added,.updated,.skipped,.deleted]' out)" = '[20,60,0,0,0]' ] ||
			    { echo "$side $n: counts"; cat out err; return 1; }
		else
			case " $* " in *" $rc "*) ;; *) echo "$side $n: $rc"; cat out err; return 1 ;; esac
			whole "$(jq -s "map(.documents) | add // 0" out)" || { echo "$side $n: not what was acknowledged"; cat out; return 1; }
			c1v-ingest records.ndjson >/dev/null
		fi
		[ "$(stored)" = "$want" ] || { echo "$side $n: something else"; stored; return 1; }
		((points % 3)) && continue
		again=$(c1v-ingest records.ndjson | jq .skipped)
		[ "$again" = 60 ] || { echo "$side $n: again: $again"; return 1; }
	done
	[ "$rc" = 0 ] || { cat err; return 1; }
	echo "# $points points" >&3
	[ "$points" -ge "$least" ]
}

@test "a connection cut before any message of the client: done again" {
	least=15
	every_stage client 13 before
}

@test "a connection cut after any message of the client arrived: done once" {
	least=15
	every_stage client 13 after
}

@test "a connection cut before any message of the server: done once" {
	least=8
	# While it connects there is no server to wait for yet: 69.
	every_stage server 23 before 69
}

@test "the session is terminated at every stage" {
	least=10
	every_stage client 19 "psql -X -q -d postgres -c \"SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	    WHERE datname = '$PGDATABASE' AND application_name = 'c1v-ingest'\" >/dev/null"
}

@test "the server crashes and comes back at every stage" {
	least=3
	every_stage client 61 "'$postgres_bin/pg_ctl' -D '$postgres_dir/data' -l '$postgres_dir/log' -m immediate -w -t 60 \
	    -o '-p $PGPORT' restart >/dev/null 2>&1"
}

@test "COMMIT is cut off: whether it was carried out is found out" {
	c1v-ingest records.ndjson >/dev/null
	want=$(stored)
	for action in before after; do
		sql "TRUNCATE documents, c1v_document"
		relay_start client =COMMIT "$action"
		run -0 c1v-ingest --batch-size 12 --log-level info --store "$relayed" records.ndjson
		relay_stop
		relay_fired
		assert_equal "$(jq -c '[.documents,.added,.skipped]' <<<"${lines[-1]}")" '[20,60,0]'
		# What was committed is not done again.
		if [ "$action" = before ]; then
			assert_output --partial 'trying again'
		else
			refute_output --partial 'trying again'
		fi
		assert_equal "$(stored)" "$want"
	done
}

@test "a server that crashes at COMMIT is asked when it is back" {
	relay_start client =COMMIT "'$postgres_bin/pg_ctl' -D '$postgres_dir/data' -l '$postgres_dir/log' -m immediate -w -t 60 \
	    -o '-p $PGPORT' restart >/dev/null 2>&1"
	run -0 c1v-ingest --batch-size 12 --wait 30 --store "$relayed" records.ndjson
	relay_fired
	assert_equal "$(jq -c '[.documents,.added,.skipped]' <<<"${lines[-1]}")" '[20,60,0]'
	whole 20
}

@test "a tool that is killed at every stage: whole documents, and again completes" {
	points=0
	c1v-ingest records.ndjson >/dev/null
	want=$(stored)
	for ((n = 1; ; n += 29)); do
		sql "TRUNCATE documents, c1v_document"
		rm -f pid
		relay_start client "$n" 'kill -9 $(cat pid)'
		rc=0
		bash -c 'echo $$ >pid; exec c1v-ingest --batch-size 7 --store "$1" records.ndjson' - "$relayed" \
		    >out 2>err 3>&- || rc=$?
		relay_stop
		relay_fired || break
		[ "$rc" = 137 ] || { echo "$n: $rc"; cat err; return 1; }
		points=$((points + 1))
		[ "$(sql 'SELECT count(*) FROM (SELECT document FROM documents GROUP BY 1 HAVING count(*) <> 3) x')" = 0 ]
		c1v-ingest records.ndjson >/dev/null
		[ "$(stored)" = "$want" ] || { echo "$n: something else"; return 1; }
	done
	echo "# $points points" >&3
	[ "$points" -ge 6 ]
}

@test "a server that says nothing any more is given up in time, and done again on a new connection" {
	relay_start client 60 hang
	run -0 c1v-ingest --batch-size 12 --statement-timeout 1 --log-level info --store "$relayed" records.ndjson
	relay_fired
	assert_output --partial 'trying again'
	assert_equal "$(jq -c '[.documents,.added,.skipped]' <<<"${lines[-1]}")" '[20,60,0]'
	whole 20
}

@test "SIGTERM while the server says nothing: the tool ends by it, soon" {
	relay_start client 60 hang
	c1v-ingest --batch-size 12 --store "$relayed" records.ndjson >out 2>err 3>&- &
	pid=$!
	for _ in $(seq 200); do
		relay_fired && break
		sleep 0.05
	done
	started=$SECONDS
	kill -TERM "$pid"
	rc=0
	wait "$pid" || rc=$?
	[ "$rc" = 143 ]
	[ $((SECONDS - started)) -le 5 ]
	run -0 c1v-ingest records.ndjson
	whole 20
}

@test "SIGTERM while it waits for a lock: rolled back, by the signal" {
	psql -X -q -c "BEGIN; LOCK TABLE documents; SELECT pg_sleep(30)" >/dev/null 2>&1 3>&- &
	holder=$!
	for _ in $(seq 100); do
		[ "$(sql "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'documents'::regclass")" = 1 ] && break
		sleep 0.05
	done
	c1v-ingest records.ndjson >out 2>err 3>&- &
	pid=$!
	for _ in $(seq 100); do
		[ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE datname = '$PGDATABASE' AND wait_event_type = 'Lock'")" != 0 ] && break
		sleep 0.05
	done
	started=$SECONDS
	kill -TERM "$pid"
	rc=0
	wait "$pid" || rc=$?
	kill "$holder"
	[ "$rc" = 143 ]
	[ $((SECONDS - started)) -le 5 ]
	sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK%'" >/dev/null
	whole 0
}

@test "a server that is starting or going down refuses at first: asked again, a little later each time" {
	for state in 57P03 57P01; do
		relay_start refuse 4 "$state"
		run -0 c1v-store info --store "$relayed"
		assert_equal "$(relay_refused)" 4
		relay_stop
		# For as long as connecting may take, and not as fast as it can.
		relay_start refuse 1000000 "$state"
		started=$SECONDS
		run -75 c1v-ingest --connect-timeout 2 --store "$relayed" records.ndjson
		assert_output --partial 'not now'
		[ $((SECONDS - started)) -le 10 ]
		[ "$(relay_refused)" -ge 3 ]
		[ "$(relay_refused)" -le 60 ]
		run -75 c1v-search --wait 0 --mode keyword --store "$relayed" word
		relay_stop
	done
	# What will not pass by itself is not asked again.
	relay_start refuse 1000000 28000
	run -77 c1v-store info --store "$relayed"
	assert_equal "$(relay_refused)" 1
}

@test "a server that starts slowly, and one that waits for its sessions to end" {
	# A standby that takes no readers says what a server says that is still recovering.
	postgres_kill
	touch "$postgres_dir/data/standby.signal"
	"$postgres_bin/pg_ctl" -D "$postgres_dir/data" -l "$postgres_dir/log" -W -o "-p $PGPORT -c hot_standby=off" start \
	    >/dev/null 3>&-
	for _ in $(seq 200); do
		psql -X -q -c '' 2>&1 | grep -q 'not accepting\|starting up' && break
		sleep 0.05
	done
	run -75 c1v-store info --connect-timeout 1
	c1v-store info --connect-timeout 60 --wait 60 >out 3>&- &
	tool=$!
	sleep 0.5
	"$postgres_bin/pg_ctl" -D "$postgres_dir/data" -w promote >/dev/null 3>&-
	wait "$tool"
	assert_equal "$(jq -c '.collections[].name' out)" '"documents"'
	c1v-ingest records.ndjson >/dev/null
	# No new sessions while an old one goes on.
	psql -X -q -c 'SELECT pg_sleep(600)' >/dev/null 2>&1 3>&- &
	until [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'")" = 1 ]; do sleep 0.05; done
	"$postgres_bin/pg_ctl" -D "$postgres_dir/data" -m smart -W stop >/dev/null 3>&-
	run -75 c1v-search --connect-timeout 1 --mode keyword document
	assert_output --partial 'shutting down'
	postgres_kill
	postgres_again
	run -0 c1v-search --connect-timeout 1 --mode keyword document
}

@test "one whose server stays away ends with 75, and running it again completes" {
	mkfifo pipe
	c1v-ingest --batch-size 3 --wait 1 pipe >out 2>err 3>&- &
	ingest=$!
	exec 9>pipe
	head -30 records.ndjson >&9
	for _ in $(seq 100); do
		[ "$(sql 'SELECT count(*) FROM documents')" -ge 24 ] && break
		sleep 0.05
	done
	postgres_kill
	tail -30 records.ndjson >&9
	exec 9>&-
	status=0
	wait "$ingest" || status=$?
	postgres_again
	assert_equal "$status" 75
	acknowledged=$(jq .added out)
	[ "$acknowledged" -ge 24 ]
	assert_equal "$(sql 'SELECT count(*) FROM documents')" "$acknowledged"
	run -0 c1v-ingest records.ndjson
	assert_equal "$(jq -c '[.added,.skipped]' <<<"$output")" "[$((60 - acknowledged)),$acknowledged]"
}

@test "the server's disk is full: 74, what was acknowledged is there, and it goes on when there is room" {
	[ -e "$build/test/nospace.so" ] || skip "no shim in this build"
	c1v-ingest records.ndjson >/dev/null
	before=$(stored)
	for i in $(seq 40); do sed "s/\"d\([0-9]\)/\"r$i-\1/g; s/part/$(head -c 300 /dev/zero | tr '\0' x) part/" records.ndjson; done >many.ndjson
	postgres_kill
	NOSPACE=$BATS_TEST_TMPDIR/full LD_PRELOAD=$build/test/nospace.so postgres_again
	: >"$BATS_TEST_TMPDIR/full"
	run --separate-stderr -74 c1v-ingest --batch-size 100 many.ndjson
	assert_regex "$stderr" 'space|extend file'
	acknowledged=$(jq .documents <<<"${lines[-1]}")
	whole $((20 + acknowledged))
	[ "$acknowledged" -lt 800 ]
	rm "$BATS_TEST_TMPDIR/full"
	run -0 c1v-ingest many.ndjson
	whole 820
	sql "DELETE FROM documents WHERE document LIKE 'r%'"
	sql "DELETE FROM c1v_document WHERE key LIKE 'r%'"
	[ "$(stored)" = "$before" ]
	postgres_kill
	postgres_again
}

@test "sessions that are terminated again and again do not stop an ingest" {
	for i in $(seq 30); do sed "s/\"d\([0-9]\)/\"r$i-\1/g" records.ndjson; done >many.ndjson
	(while :; do
		psql -X -q -d postgres -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		    WHERE datname = '$PGDATABASE' AND application_name LIKE 'c1v%'" >/dev/null 2>&1
		sleep 0.15
	done) 3>&- &
	killer=$!
	run c1v-ingest --batch-size 30 --wait 60 many.ndjson
	kill "$killer"
	assert_success
	assert_equal "$(jq -c '[.documents,.added,.updated]' <<<"$output")" '[600,1800,0]'
	whole 600
	run -0 c1v-store verify
}

@test "a search and an export whose connection is cut are asked again, or say so" {
	c1v-ingest records.ndjson >/dev/null
	c1v-store export >want
	for n in 1 6 11 16 21 26 31; do
		relay_start client "$n" before
		run --separate-stderr -0 c1v-search --mode keyword -n 3 --store "$relayed" 'part document'
		[ "${#lines[@]}" = 3 ]
		relay_stop
		relay_start server "$((n + 40))" before
		rc=0
		c1v-store export --store "$relayed" >out 2>err || rc=$?
		relay_stop
		case $rc in
		0) cmp out want ;;
		75) cmp -n "$(stat -c %s out)" out want ;; # rows that went out are not sent twice
		*) cat err; return 1 ;;
		esac
	done
}

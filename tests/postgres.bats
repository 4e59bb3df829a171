#!/usr/bin/env bats
# PostgreSQL: connecting, TLS, poolers, lost servers, secrets.

load helper
load servers/postgres
load servers/pgbouncer
load servers/tls

setup_file() {
	postgres_start "log_line_prefix = '%d %a '" "log_statement = all"
}

teardown_file() {
	postgres_stop
}

setup() {
	c1v_setup
	postgres_database
}

teardown() {
	pgbouncer_stop
}

# Twenty documents of three chunks each, with vectors.
twenty() {
	local i k

	for i in $(seq 20); do
		for k in 0 1 2; do
			printf '{"id":"d%d#%d","doc":"d%d","content":"document %d part %d","chunk":{"index":%d,"of":3},"embedding":[%d,%d,1],"model":"m"}\n' \
			    "$i" "$k" "$i" "$i" "$k" "$k" "$i" "$k"
		done
	done
}

init() {
	c1v-store init --model m --dims 3 >/dev/null
}

# --- where --------------------------------------------------------------------------

@test "a URI, key=value, PG variables, a service, a variable: all lead there" {
	init
	for url in "$C1V_STORE" "$(tcp)" "postgresql://$PGUSER@127.0.0.1:$PGPORT/$PGDATABASE" \
	    "postgres:host=$PGHOST port=$PGPORT dbname=$PGDATABASE user=$PGUSER" 'postgres://' postgres: \
	    'postgres://?service=here'; do
		printf '[here]\nhost=%s\nport=%s\ndbname=%s\nuser=%s\n' "$PGHOST" "$PGPORT" "$PGDATABASE" "$PGUSER" >services
		PGSERVICEFILE=$PWD/services run c1v-store verify --store "$url"
		assert_success
	done
	DATABASE_URL=$(tcp) run c1v-store verify --store env:DATABASE_URL
	assert_success
	run c1v-store verify --store env:NO_SUCH_VARIABLE
	assert_failure 78
	for url in 'postgres://%zz' 'postgres:no equals sign' "$C1V_STORE&sslmode=no-such" "$C1V_STORE&no_such_setting=1" \
	    'postgres://?service=no-such'; do
		run c1v-store verify --store "$url"
		assert_failure 78
	done
}

@test "the server sees which tool it is" {
	init
	twenty | c1v-ingest >/dev/null
	C1V_STORE="$C1V_STORE&application_name=mine" run c1v-store verify
	assert_success
	for name in c1v-store c1v-ingest mine; do
		grep -q "^$PGDATABASE $name " "$postgres_dir/log"
	done
}

@test "a server that is not there, refuses, has no such database: each has its code" {
	run c1v-store verify --store postgres://127.0.0.1:1/x
	assert_failure 69
	run c1v-store verify --store postgres://no-such-host.invalid/x
	assert_failure 69
	run c1v-store verify --store "postgres:///no_such_db?host=$PGHOST&port=$PGPORT"
	assert_failure 78
	assert_output --partial 'hint: '
	echo "host all strict 127.0.0.1/32 scram-sha-256" >"$BATS_TEST_TMPDIR/hba"
	cat "$postgres_dir/data/pg_hba.conf" >>"$BATS_TEST_TMPDIR/hba"
	cp "$BATS_TEST_TMPDIR/hba" "$postgres_dir/data/pg_hba.conf"
	sql "SELECT pg_reload_conf()"
	sql "DO \$\$ BEGIN CREATE ROLE strict LOGIN PASSWORD 'canary-right'; EXCEPTION WHEN duplicate_object THEN NULL; END \$\$"
	sleep 0.3
	run c1v-store verify --store "postgres://strict@127.0.0.1:$PGPORT/$PGDATABASE"
	assert_failure 77
	URL="postgres://strict:canary-wrong@127.0.0.1:$PGPORT/$PGDATABASE" run c1v-store verify --store env:URL
	assert_failure 77
	refute_output --partial canary
	echo "127.0.0.1:$PGPORT:*:strict:canary-right" >pass
	chmod 600 pass
	PGPASSFILE=$PWD/pass run c1v-store verify --store "postgres://strict@127.0.0.1:$PGPORT/$PGDATABASE"
	assert_failure 1 # in: there is only no collection
	URL="postgres://strict:canary-right@127.0.0.1:$PGPORT/$PGDATABASE" run c1v-store verify --log-level debug --store env:URL
	assert_failure 1
	refute_output --partial canary
}

@test "a server that is full says so, and what helps; one that only reads, too" {
	init
	sql "DO \$\$ BEGIN CREATE ROLE few LOGIN CONNECTION LIMIT 0; EXCEPTION WHEN duplicate_object THEN NULL; END \$\$"
	run c1v-store verify --wait 0.3 --store "postgres:///$PGDATABASE?host=$PGHOST&port=$PGPORT&user=few"
	assert_failure 75
	assert_output --partial 'hint: a pooler'
	sql "ALTER DATABASE \"$PGDATABASE\" SET default_transaction_read_only = on"
	run bash -c 'echo "{\"id\":\"x\",\"content\":\"x\"}" | c1v-ingest'
	assert_failure 77
	assert_output --partial 'read-only'
	run c1v-store verify
	assert_success
}

@test "a server that does not answer is given up in time" {
	need python3
	python3 -c 'import socket,time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(5)
print(s.getsockname()[1], flush=True); time.sleep(60)' >port 3>&- &
	mute=$!
	for i in $(seq 50); do [ -s port ] && break; sleep 0.1; done
	started=$SECONDS
	for url in "postgres://127.0.0.1:$(cat port)/x?connect_timeout=1" "postgres://127.0.0.1:$(cat port)/x"; do
		PGCONNECT_TIMEOUT=1 run c1v-store verify --store "$url"
		assert_failure 75
		assert_output --partial 'no answer for 1 seconds'
	done
	run c1v-store verify --connect-timeout 1 --store "postgres://127.0.0.1:$(cat port)/x"
	kill "$mute"
	assert_failure 75
	assert_output --partial 'no answer for 1 seconds'
	[ $((SECONDS - started)) -lt 20 ]
}

@test "a statement that takes too long is given up" {
	init
	twenty | c1v-ingest >/dev/null
	psql -X -q -c "BEGIN; LOCK TABLE documents; SELECT pg_sleep(20)" >/dev/null 2>&1 3>&- &
	holder=$!
	for i in $(seq 50); do
		[ "$(sql "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'documents'::regclass")" = 1 ] && break
		sleep 0.1
	done
	run c1v-store get d1 --statement-timeout 0.3
	assert_failure 75
	run c1v-store get d1 --wait 0.3 --statement-timeout 0
	assert_failure 75
	kill "$holder"
}

# --- secrets --------------------------------------------------------------------------

@test "a password is in no command line, no error, no setting that is shown" {
	run c1v-search --store "postgres://u:canary-pw@127.0.0.1:1/x" word
	assert_failure 64
	refute_output --partial canary
	run c1v-search --store "postgres:host=127.0.0.1 password=canary-pw" word
	assert_failure 64
	refute_output --partial canary
	export URL="postgres://u:canary-pw@127.0.0.1:1/x?sslmode=no-such" C1V_LOG_LEVEL=debug
	for tool in c1v-ingest 'c1v-search word' 'c1v-store info' 'c1v-store verify --log-format json' c1v-doctor; do
		run bash -c "$tool --store env:URL </dev/null"
		assert_failure
		refute_output --partial canary
	done
	C1V_STORE=$URL run c1v-store --show-config
	assert_success
	refute_output --partial canary
	# What a password tears apart when its @, / or : are not quoted is shown no more than a whole one.
	for url in 'postgres://u:canary-pw@[::1/x?bad' 'postgres://u:pass/canary-pw@127.0.0.1/x' 'postgres://u:p@canary-pw@127.0.0.1/x' \
	    'postgres://u:p/canary-pw@h:5432/x' 'postgres:host=127.0.0.1 port=canary-pw' "postgres:host=u:p@canary-pw dbname=x"; do
		URL=$url run c1v-store info --store env:URL
		assert_failure 78
		refute_output --partial canary
	done
	for url in 'postgres://u:pass/canary-pw@127.0.0.1/x' 'postgres://u:p@canary-pw@127.0.0.1/x' 'postgres://u:p?canary-pw@h/x' \
	    'postgres://h/x?user=u&password=canary-pw' 'postgresql:user=u password=canary-pw'; do
		run c1v-store info --store "$url"
		assert_failure 64
		refute_output --partial canary
	done
	# An @ elsewhere is none of a password.
	run c1v-store info --store 'postgres://127.0.0.1:1/x?user=a@b'
	assert_failure 69
}

# --- TLS ----------------------------------------------------------------------------------

tls_server() { # tls_server NAME: with that certificate from now on
	cp "$tls/$1.pem" "$postgres_dir/data/server.crt"
	cp "$tls/$1.key" "$postgres_dir/data/server.key"
	chmod 600 "$postgres_dir/data/server.key"
	sql "ALTER SYSTEM SET ssl = on"
	sql "SELECT pg_reload_conf()"
	sleep 0.5
}

@test "TLS: the right host is trusted, the wrong, the expired and a stranger's are not" {
	need openssl
	init
	tls=$BATS_TEST_TMPDIR/tls
	tls_make "$tls"
	url="postgres://$PGUSER@localhost:$PGPORT/$PGDATABASE?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert=$tls"
	tls_server right
	run c1v-store verify --store "$url/ca.pem"
	assert_success
	run c1v-store verify --store "$url/stranger.pem"
	assert_failure 77
	run c1v-store verify --store "$url/none.pem"
	assert_failure 77
	# The server takes nobody without TLS.
	cp "$postgres_dir/data/pg_hba.conf" hba
	{ echo 'hostnossl all all all reject'; cat hba; } >"$postgres_dir/data/pg_hba.conf"
	sql "SELECT pg_reload_conf()"
	sleep 0.3
	run c1v-store verify --store "$url/ca.pem"
	assert_success
	run c1v-store verify --store "$(tcp)?sslmode=disable"
	assert_failure 77
	assert_output --partial 'sslmode=require'
	cp hba "$postgres_dir/data/pg_hba.conf"
	tls_server wrong
	run c1v-store verify --store "$url/ca.pem"
	assert_failure 77
	assert_output --partial 'hint: '
	tls_server expired
	run c1v-store verify --store "$url/ca.pem"
	assert_failure 77
	sql "ALTER SYSTEM RESET ssl"
	sql "SELECT pg_reload_conf()"
	sleep 0.3
	run c1v-store verify --store "$url/ca.pem"
	assert_failure 77
	assert_output --partial 'does not support SSL'
}

# --- rights -------------------------------------------------------------------------------

@test "a role without rights is told so" {
	init
	twenty | c1v-ingest >/dev/null
	sql "DO \$\$ BEGIN CREATE ROLE guest LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END \$\$"
	guest="postgres:///$PGDATABASE?host=$PGHOST&port=$PGPORT&user=guest"
	run c1v-store get d1 --store "$guest"
	assert_failure 77
	run bash -c "printf '{\"id\":\"x\",\"content\":\"x\"}\n' | c1v-ingest --store '$guest'"
	assert_failure 77
	sql "GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest"
	run c1v-store get d1 --store "$guest"
	assert_success
	run bash -c "printf '{\"id\":\"x\",\"content\":\"x\"}\n' | c1v-ingest --store '$guest'"
	assert_failure 77
}

@test "row-level security sees the variables of --pg-set" {
	init
	twenty | c1v-ingest >/dev/null
	sql "DO \$\$ BEGIN CREATE ROLE tenant LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END \$\$"
	sql "GRANT SELECT ON ALL TABLES IN SCHEMA public TO tenant"
	sql "ALTER TABLE documents ENABLE ROW LEVEL SECURITY"
	sql "CREATE POLICY own ON documents FOR SELECT TO tenant USING (document = current_setting('app.doc', true))"
	tenant="postgres:///$PGDATABASE?host=$PGHOST&port=$PGPORT&user=tenant"
	run bash -c "c1v-store export --store '$tenant' | wc -l"
	assert_output 0
	run bash -c "c1v-store export --store '$tenant' --pg-set app.doc=d7 | jq -r .doc | sort -u"
	assert_output d7
	run bash -c "c1v-search --mode keyword -n 100 part --store '$tenant' --pg-set app.doc=d7 | jq -r .doc | sort -u"
	assert_output d7
	run c1v-store export --store "$tenant" --pg-set nonsense
	assert_failure 64
	run bash -c "c1v-store export --store '$tenant' --pg-set \"app.doc=d7' OR 1=1 --\" | wc -l"
	assert_output 0
	run c1v-store export --store sqlite:x.db --pg-set a.b=c
	assert_failure 64
}

# --- a pooler -------------------------------------------------------------------------------

@test "everything works through a pooler in transaction mode, also side by side" {
	need pgbouncer
	pgbouncer_start
	export C1V_STORE=$pooler
	run c1v-store init --model m --dims 3
	assert_success
	twenty >records.ndjson
	for i in 1 2 3 4; do
		c1v-ingest --batch-size 7 records.ndjson >"out.$i" 2>"err.$i" &
		c1v-search --mode keyword -n 1 part >/dev/null 2>&1 &
	done
	wait
	cat err.*
	run bash -c 'cat out.* | jq -s "map(.added) | add"'
	assert_output 60
	run c1v-store verify
	assert_success
	run c1v-store index rebuild
	assert_success
	for i in 1 2 3 4 5; do
		run bash -c 'echo "{\"query\":\"document 7 part\",\"embedding\":[7,1,1],\"model\":\"m\"}" | c1v-search -n 3 --pg-set app.tenant=7 --filter "\$doc=d7" | jq -r .doc | sort -u'
		assert_output d7
	done
	run c1v-store delete --id d7 --yes
	assert_success
	run c1v-store info --json
	assert_success
	run c1v-store drop --yes
	assert_success
	# Nothing of ours is left behind in a session that others will use.
	for i in 1 2 3 4 5; do
		run psql -X -q -A -t "$pooler" -c "SELECT (SELECT count(*) FROM pg_prepared_statements),
		    (SELECT count(*) FROM pg_class WHERE relpersistence = 't'), (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'),
		    (SELECT count(*) FROM pg_settings WHERE source = 'session' AND name ~ 'timeout|jit|hnsw|read_only|gin'),
		    current_setting('app.tenant', true)"
		assert_output '0|0|0|0|'
	done
}

@test "a pooler with a single connection to the server will do, also for an index" {
	need pgbouncer
	pgbouncer_start 1
	export C1V_STORE=$pooler
	run -0 c1v-store init --dims 3 --index ivfflat
	twenty >records.ndjson
	run -0 timeout 60 c1v-ingest --log-level info records.ndjson
	assert_output --partial 'building its ivfflat index'
	run -0 timeout 60 c1v-store index rebuild --index hnsw
	assert_equal "$(jq -r .kind <<<"$output")" hnsw
}

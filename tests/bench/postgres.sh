# shellcheck shell=bash disable=SC2016,SC2154  # sourced by run
# PostgreSQL as the store, on a server of this run's own: ingest and search,
# each beside what the server does by itself with the same rows and statements.
#
#     BENCH_WIDE   rows of the collection with 1536 dimensions (BENCH_ROWS; 0: leave it out)

# shellcheck source=/dev/null
. tests/servers/postgres.bash

pg_work=$work/postgres
wide=${BENCH_WIDE:-$rows}
mkdir -p "$pg_work"

pg_database() { # pg_database NAME
	psql -X -q -d postgres -c "CREATE DATABASE $1"
	export PGDATABASE=$1
	export C1V_STORE="postgres:///$1?host=$PGHOST&port=$PGPORT&user=$PGUSER"
}

pg_records() { # pg_records FILE COUNT DIMS CHARS
	[ -s "$1" ] || gen records "$2" "$3" "$4" | sed 's/"model":"bench-[0-9]*"/"model":"bench"/' >"$1"
}

# The statement that a search sends, with its settings, taken from the server's own log:
# $pg_work/statement.sql, $pg_work/settings.sql and, as options, in $pg_options.
pg_capture() { # pg_capture QUERY COMMAND…
	local query=$1
	shift
	: >"$postgres_dir/log"
	PGOPTIONS='-c log_min_duration_statement=0' "$@" <"$query" >/dev/null
	awk '/execute <unnamed>: WITH (indexed|lexemes) / { on = 1; sub(/.*execute <unnamed>: /, ""); text = $0; next }
		on && /^\t/ { sub(/^\t/, ""); text = text "\n" $0; next }
		{ on = 0 }
		END { print text }' "$postgres_dir/log" >"$pg_work/statement.sql"
	grep -o 'execute <unnamed>: SELECT pg_catalog.set_config.*' "$postgres_dir/log" | tail -n 1 |
	    sed 's/execute <unnamed>: //' >"$pg_work/settings.sql"
	pg_options=$(grep -oE "set_config\('[^']*', '[^']*'" "$pg_work/settings.sql" |
	    sed -E "s/set_config\('([^']*)', '([^']*)'/-c \1=\2/" | grep -v transaction_read_only | xargs)
}

# The same for psql: one file, the query's vector in its place.
pg_for_psql() { # pg_for_psql QUERY
	local vector
	vector=$(jq -rc '.embedding' "$1" | base64 -d | od -An -v -w4 -tf4 | xargs | tr ' ' ',')
	{
		cat "$pg_work/settings.sql"
		echo ';'
		sed "s/\\\$1/'[$vector]'/g" "$pg_work/statement.sql"
		echo ';'
	} >"$pg_work/psql.sql"
}

# Milliseconds of one query among many: what N take less what one takes.
pg_warm() { # pg_warm QUERIES N COMMAND…
	local queries=$1 n=$2 many one
	shift 2
	head -n 1 "$queries" >"$pg_work/one.ndjson"
	head -n "$n" "$queries" >"$pg_work/many.ndjson"
	many=$(took min_ms -n 5 -i "$pg_work/many.ndjson" -- "$@")
	one=$(took min_ms -n 5 -i "$pg_work/one.ndjson" -- "$@")
	awk "BEGIN { print ($many - $one) / ($n - 1) }"
}

pg_ingest() {
	local file=$pg_work/records-10000.ndjson ours again theirs one eight
	pg_records "$file" 10000 1536 1000
	pg_database ingest
	c1v-store init --dims 1536 --index none >/dev/null
	psql -X -q -c 'CREATE TABLE bare (LIKE documents INCLUDING ALL)' -c CHECKPOINT
	ours=$(took p50_ms -n 1 -w 0 -i "$file" -- c1v-ingest)
	psql -X -q -c CHECKPOINT
	theirs=$(pgcopy "host=$PGHOST port=$PGPORT user=$PGUSER dbname=ingest" bare <"$file" | jq .rows_per_s)
	figure 'ingest, 1000 bytes + 1536-d' "$(awk "BEGIN { print 1e7 / $ours }")" rows/s 'COPY BINARY alone' "$theirs" '>=0.7'
	again=$(took p50_ms -n 3 -i "$file" -- c1v-ingest)
	figure 'the same again, unchanged' "$(awk "BEGIN { print 1e7 / $again }")" rows/s 'the first time' \
	    "$(awk "BEGIN { print 1e7 / $ours }")" '>=5'
	pg_records "$pg_work/records-writers.ndjson" 160000 64 300
	split -n r/8 "$pg_work/records-writers.ndjson" "$pg_work/writer-" 2>/dev/null || true
	# Whole documents to each writer: ten lines are one.
	awk -v to="$pg_work/writer." '{ print > (to int((NR - 1) / 10) % 8) }' "$pg_work/records-writers.ndjson"
	c1v-store init -c one --dims 64 --index none >/dev/null
	c1v-store init -c eight --dims 64 --index none >/dev/null
	psql -X -q -c CHECKPOINT
	one=$(took p50_ms -n 1 -w 0 -i "$pg_work/records-writers.ndjson" -- c1v-ingest -c one)
	psql -X -q -c CHECKPOINT
	eight=$(took p50_ms -n 1 -w 0 -- bash -c "for i in 0 1 2 3 4 5 6 7; do c1v-ingest -c eight <'$pg_work/writer.'\$i & done; wait")
	[ "$(c1v-store info -c eight | jq .collections[0].chunks)" = 160000 ] || echo 'eight writers: rows are missing' >&2
	figure '8 writers x 2000 documents' "$(awk "BEGIN { print 1.6e7 / $eight }")" docs/s 'one writer' \
	    "$(awk "BEGIN { print 1.6e7 / $one }")" '>=1.3'
	rm -f "$pg_work"/writer[-.]*
}

pg_search() {
	local file=$work/records-$rows.ndjson queries=$work/queries.ndjson one ours theirs conn
	if [ ! -s "$file" ]; then
		gen records "$rows" 256 640 | sed 's/"bench-256"/"c1v-embed-en-256"/' >"$file"
		gen queries 200 256 | sed 's/"bench-256"/"c1v-embed-en-256"/' >"$queries"
	fi
	pg_database search
	conn="host=$PGHOST port=$PGPORT user=$PGUSER dbname=search"
	c1v-store init --dims 256 --index none >/dev/null
	c1v-ingest "$file" >/dev/null
	c1v-store index build >/dev/null
	psql -X -q -c 'VACUUM ANALYZE documents'
	one=$pg_work/one.ndjson
	head -n 1 "$queries" >"$one"
	pg_capture "$one" c1v-search --mode vector
	pg_for_psql "$one"
	psql -X -q -1 -o /dev/null -f "$pg_work/psql.sql"
	theirs=$(took p50_ms -n 50 -- psql -X -q -A -t -1 -o /dev/null -f "$pg_work/psql.sql")
	ours=$(took p50_ms -n 50 -i "$one" -- c1v-search --mode vector)
	figure 'one search process, HNSW' "$ours" ms 'psql, the same statement' "$theirs" '<=0.6'
	theirs=$(PGOPTIONS=$pg_options pgquery "$conn" "$pg_work/statement.sql" "$queries" | jq .mean_ms)
	ours=$(pg_warm "$queries" 200 c1v-search --mode vector)
	figure 'a warm query, HNSW' "$ours" ms 'PQexecParams, the same' "$theirs" '<=1.15'
	figure 'recall@10, HNSW' "$(c1v-store recall --sample 100 | jq .recall)" '' 'an exact scan' 1 '>=0.9'
	pg_hybrid "$queries" "$rows x 256" ''
}

# Both legs at once, each query in a process of its own.
pg_hybrid() { # pg_hybrid QUERIES NAME WANTED
	local p95
	head -n 100 "$1" | awk -v to="$pg_work/query." '{ f = to NR; print > f; close(f) }'
	for i in $(seq 100); do echo "$pg_work/query.$i"; done >"$pg_work/list"
	p95=$(took p95_ms -n 100 -l "$pg_work/list" -- bash -c 'exec c1v-search --log-level error <"$1"' -)
	figure "one hybrid search, $2, p95" "$p95" ms 'wanted' 200 "$3"
	figure 'a warm hybrid query' "$(pg_warm "$1" 100 c1v-search --log-level error)" ms 'aimed at' 50 ''
	rm -f "$pg_work"/query.*
}

pg_wide() {
	local queries=$pg_work/queries-1536.ndjson
	[ "$wide" -gt 0 ] || return 0
	gen queries 200 1536 | sed 's/"model":"bench-[0-9]*"/"model":"bench"/' >"$queries"
	pg_database wide
	c1v-store init --dims 1536 --index none >/dev/null
	gen records "$wide" 1536 640 | sed 's/"model":"bench-[0-9]*"/"model":"bench"/' | c1v-ingest >/dev/null
	c1v-store index build >/dev/null
	psql -X -q -c 'VACUUM ANALYZE documents'
	figure 'recall@10, HNSW, 1536-d' "$(c1v-store recall --sample 100 | jq .recall)" '' 'an exact scan' 1 '>=0.9'
	pg_hybrid "$queries" "$wide x 1536" '<=1'
}

if [ "$(id -u)" = 0 ]; then
	echo 'postgres: left out, for PostgreSQL does not run as root'
else
	trap postgres_stop EXIT
	postgres_start 'shared_buffers = 2GB' 'maintenance_work_mem = 1GB' 'max_wal_size = 8GB' \
	    'max_parallel_maintenance_workers = 1' 'autovacuum = off'
	pg_ingest
	pg_search
	pg_wide
	postgres_stop
	trap - EXIT
fi

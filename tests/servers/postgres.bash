# postgres: servers for the suites that need them. A suite starts one in
# setup_file and stops it in teardown_file; each test has a database of its own.
#
#     postgres_start [SETTING…]   a server with pgvector, on a Unix socket and on
#                                 loopback; settings as in postgresql.conf
#     postgres_stop, postgres_kill (as a crash is), postgres_again (start the same)
#     postgres_database           an empty database: PGDATABASE and C1V_STORE name it
#     sql [SQL…]                  psql on it, from the arguments or standard input
#     tcp                         its URL over TCP
#
# PGHOST, PGPORT and PGUSER (c1v) are exported. As its server PostgreSQL wants
# an ordinary user.

postgres_bin() {
	local d

	for d in $(pg_config --bindir 2>/dev/null) /usr/lib/postgresql/*/bin /usr/libexec/postgresql* \
	    /usr/local/bin /opt/homebrew/bin /usr/bin; do
		if [ -x "$d/initdb" ]; then
			echo "$d"
			return
		fi
	done
	return 1
}

# Ports of loopback that nobody listens on are found by trying.
postgres_up() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		PGPORT=$((10240 + RANDOM % 22000)) # below what the system gives to clients
		if "$postgres_bin/pg_ctl" -D "$postgres_dir/data" -l "$postgres_dir/log" -w -t 60 -o "-p $PGPORT" \
		    start >"$postgres_dir/start" 2>&1 3>&-; then
			export PGPORT
			return
		fi
		grep -q 'could not bind' "$postgres_dir/log" || break
	done
	tail -n 20 "$postgres_dir/log" >&2
	return 1
}

postgres_start() {
	if [ "$(id -u)" = 0 ]; then
		export postgres_missing='PostgreSQL does not run as root'
		return
	fi
	if ! postgres_bin=$(postgres_bin); then
		export postgres_missing='PostgreSQL is not installed'
		return
	fi
	unset "${!PG@}"
	# The path of a socket is short.
	postgres_dir=$(mktemp -d /tmp/c1v-pg.XXXXXX)
	export postgres_bin postgres_dir
	export PGHOST=$postgres_dir PGUSER=c1v PGPASSFILE=$postgres_dir/pgpass PGCONNECT_TIMEOUT=20
	"$postgres_bin/initdb" -D "$postgres_dir/data" -U c1v -A trust --no-sync --locale=C.UTF-8 \
	    >"$postgres_dir/initdb" 2>&1 || { cat "$postgres_dir/initdb" >&2; return 1; }
	{
		echo "unix_socket_directories = '$postgres_dir'"
		echo "listen_addresses = '127.0.0.1'"
		echo 'shared_buffers = 32MB'
		echo 'max_connections = 60'
		echo 'fsync = off'
		printf '%s\n' "$@"
	} >>"$postgres_dir/data/postgresql.conf"
	postgres_up
}

postgres_again() {
	"$postgres_bin/pg_ctl" -D "$postgres_dir/data" -l "$postgres_dir/log" -w -t 60 -o "-p $PGPORT" start \
	    >"$postgres_dir/start" 2>&1 3>&-
}

postgres_kill() {
	"$postgres_bin/pg_ctl" -D "$postgres_dir/data" -m immediate -w stop >/dev/null 2>&1
}

postgres_stop() {
	[ -n "${postgres_dir-}" ] || return 0
	postgres_kill || true
	postgres_no_vector_stop
	rm -rf "$postgres_dir"
}

postgres_database() {
	[ -z "${postgres_missing-}" ] || skip "$postgres_missing"
	PGDATABASE=t${BATS_TEST_NUMBER}_$$_$RANDOM
	psql -X -q -d postgres -c "CREATE DATABASE \"$PGDATABASE\"" || return
	export PGDATABASE
	export C1V_STORE="postgres:///$PGDATABASE?host=$PGHOST&port=$PGPORT&user=$PGUSER"
}

# Ubuntu 24.04 has a pgvector from before halfvec.
need_halfvec() {
	[ "$(sql "SELECT string_to_array(default_version, '.')::int[] >= '{0,7}' FROM pg_available_extensions
		WHERE name = 'vector'")" = t ] || skip 'this pgvector has no halfvec'
}

sql() {
	if [ $# -gt 0 ]; then
		psql -X -q -A -t -v ON_ERROR_STOP=1 -c "$*"
	else
		psql -X -q -A -t -v ON_ERROR_STOP=1 -f -
	fi
}

tcp() {
	echo "postgres://$PGUSER@127.0.0.1:$PGPORT/$PGDATABASE"
}

# A server without pgvector, for one test: PGHOST, PGPORT and C1V_STORE name it.
# postgres_stop stops it, too.
# PostgreSQL looks for its files where it stands, so a copy of the program sees a share of its own.
postgres_no_vector() {
	local root=$postgres_dir/bare bin share lib

	[ -z "${postgres_missing-}" ] || skip "$postgres_missing"
	bin=$postgres_bin
	share=$("$bin/pg_config" --sharedir)
	lib=$("$bin/pg_config" --pkglibdir)
	mkdir -p "$root$bin" "$root$share/extension" "$root/socket" "$(dirname "$root$lib")"
	cp "$bin/postgres" "$root$bin/"
	ln -s "$share"/* "$root$share/" 2>/dev/null || true
	ln -s "$share"/extension/plpgsql* "$root$share/extension/"
	ln -s "$lib" "$root$lib"
	"$bin/initdb" -D "$root/data" -U c1v -A trust --no-sync --locale=C.UTF-8 >"$root/initdb" 2>&1 || return
	printf '%s\n' "unix_socket_directories = '$root/socket'" "listen_addresses = ''" 'port = 5432' 'fsync = off' \
	    >>"$root/data/postgresql.conf"
	"$bin/pg_ctl" -D "$root/data" -p "$root$bin/postgres" -l "$root/log" -w start >/dev/null 3>&- || return
	export PGHOST=$root/socket PGPORT=5432 PGDATABASE=postgres
	export C1V_STORE="postgres:///postgres?host=$PGHOST&user=$PGUSER"
}

postgres_no_vector_stop() {
	"$postgres_bin/pg_ctl" -D "$postgres_dir/bare/data" -m immediate -w stop >/dev/null 2>&1 || true
}

# pgbouncer: a pooler before the server of postgres.bash, in transaction mode,
# as Supabase's is: what is kept in a session is lost or found by another.
#
#     pgbouncer_start [N]  $pooler is its URL for the test's database; N (2) connections to the server
#     pgbouncer_stop

# Where an ordinary user does not look.
PATH=$PATH:/usr/sbin

pgbouncer_start() {
	local port

	pgbouncer_dir=$(mktemp -d /tmp/c1v-pb.XXXXXX)
	export pgbouncer_dir
	echo "\"$PGUSER\" \"\"" >"$pgbouncer_dir/users"
	for _ in 1 2 3 4 5; do
		port=$((10240 + RANDOM % 22000))
		cat >"$pgbouncer_dir/ini" <<-END
			[databases]
			* = host=$PGHOST port=$PGPORT
			[pgbouncer]
			listen_addr = 127.0.0.1
			listen_port = $port
			unix_socket_dir =
			auth_type = trust
			auth_file = $pgbouncer_dir/users
			pool_mode = transaction
			max_prepared_statements = 0
			default_pool_size = ${1:-2}
			server_reset_query =
			logfile = $pgbouncer_dir/log
			pidfile = $pgbouncer_dir/pid
		END
		rm -f "$pgbouncer_dir/log"
		pgbouncer -q -d "$pgbouncer_dir/ini" 3>&- >/dev/null 2>&1
		pooler=postgres://$PGUSER@127.0.0.1:$port/$PGDATABASE
		pgbouncer_answers && return
	done
	cat "$pgbouncer_dir/log" >&2
	return 1
}

# It finds out that a port is taken only behind our back: then there is no pid.
pgbouncer_answers() {
	for _ in $(seq 50); do
		psql -X -q -c '' "$pooler" 2>/dev/null && return
		[ -e "$pgbouncer_dir/pid" ] || grep -q FATAL "$pgbouncer_dir/log" && return 1
		sleep 0.1
	done
	return 1
}

pgbouncer_stop() {
	[ -n "${pgbouncer_dir-}" ] || return 0
	kill "$(cat "$pgbouncer_dir/pid")" 2>/dev/null || true
	rm -rf "$pgbouncer_dir"
}

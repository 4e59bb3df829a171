# relay: a relay (tests/fake/relay.c) before the server of postgres.bash, that
# lets something happen to a connection at a message of the protocol.
#
#     relay_start client|server N|=TEXT before|after|hang|COMMAND
#                        $relayed is its URL for the test's database
#     relay_start refuse N SQLSTATE
#                        the first N connections are refused
#     relay_fired        has it happened?
#     relay_refused      how many were refused
#     relay_stop

relay_start() {
	relay_out=$BATS_TEST_TMPDIR/relay
	rm -f "$relay_out"
	"$build/fake/relay" "$PGHOST/.s.PGSQL.$PGPORT" "$@" >"$relay_out" 2>&1 3>&- &
	relay_pid=$!
	for _ in $(seq 500); do
		[ -s "$relay_out" ] && break
		sleep 0.01
	done
	relayed="postgres://$PGUSER@127.0.0.1:$(head -n 1 "$relay_out")/$PGDATABASE?sslmode=disable&gssencmode=disable"
}

relay_fired() {
	grep -qx fired "$relay_out"
}

relay_refused() {
	grep -cx refused "$relay_out" || true
}

relay_stop() {
	[ -n "${relay_pid-}" ] || return 0
	kill "$relay_pid" 2>/dev/null || true
	wait "$relay_pid" 2>/dev/null || true
	relay_pid=
}

# redis: Redis (or Valkey) servers for the suites that need them, each with a name.
#
#     redis_start NAME [SETTING…]   on a port of loopback and a Unix socket, nothing kept on disk;
#                                   settings as on the command line of redis-server
#     redis_tls NAME CERT [SETTING…]     with TLS alone; the certificate CERT of $redis_dir/tls (tls.bash)
#     redis_cluster N               servers n1 … nN in a cluster that serves every slot
#     redis_kill NAME (as a crash is), redis_again NAME (start the same), redis_pause NAME (it hangs), redis_resume
#     redis_stop                    all of them
#     redis_port NAME, redis_url NAME, redis_unix NAME
#     rcli NAME COMMAND…            redis-cli, by the Unix socket
#
# A suite starts them in setup_file and stops them in teardown_file; redis_need in setup.

redis_program() { # redis_program server|cli
	command -v "redis-$1" || command -v "valkey-$1"
}

redis_need() {
	[ -z "${redis_missing-}" ] || skip "$redis_missing"
}

redis_begin() {
	if ! redis_server=$(redis_program server) || ! redis_cli=$(redis_program cli); then
		export redis_missing='neither redis-server nor valkey-server is installed'
		return 1
	fi
	# The path of a socket is short.
	: "${redis_dir:=$(mktemp -d /tmp/c1v-redis.XXXXXX)}"
	export redis_dir redis_server redis_cli
	unset REDISCLI_AUTH
}

# Ports of loopback that nobody listens on are found by trying; a cluster's node takes one 10000 higher, too.
redis_start() {
	local name=$1 dir
	shift
	redis_begin || return 0
	dir=$redis_dir/$name
	mkdir -p "$dir"
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		echo $((10240 + RANDOM % 12000)) >"$dir/port"
		printf '%s\n' "${@//@PORT@/$(cat "$dir/port")}" >"$dir/settings"
		[ "${*-}" != "${*//@PORT@/}" ] || printf '%s\n' --port "$(cat "$dir/port")" "$@" >"$dir/settings"
		redis_again "$name" && return
		grep -q 'already in use\|Failed listening' "$dir/log" || break
	done
	tail -n 20 "$dir/log" >&2
	return 1
}

redis_again() {
	local dir=$redis_dir/$1 settings
	mapfile -t settings <"$dir/settings"
	: >"$dir/log"
	"$redis_server" --bind 127.0.0.1 --save '' --appendonly no --dir "$dir" --unixsocket "$dir/socket" \
	    --io-threads 1 --loglevel notice --logfile "$dir/log" --enable-debug-command yes "${settings[@]}" \
	    >>"$dir/log" 2>&1 3>&- 7>&- &
	echo $! >"$dir/pid"
	disown
	until grep -q "${redis_ready:-Ready to accept}" "$dir/log"; do
		kill -0 "$(cat "$dir/pid")" 2>/dev/null || return
		sleep 0.005
	done
}

redis_tls() {
	local name=$1 certificate=$2
	shift 2
	redis_begin || return 0
	[ -d "$redis_dir/tls" ] || tls_make "$redis_dir/tls"
	redis_start "$name" --port 0 --tls-port @PORT@ --tls-cert-file "$redis_dir/tls/$certificate.pem" \
	    --tls-key-file "$redis_dir/tls/$certificate.key" --tls-ca-cert-file "$redis_dir/tls/ca.pem" \
	    --tls-auth-clients no "$@"
}

redis_cluster() {
	local count=$1 n from=0 to
	redis_begin || return 0
	for ((n = 1; n <= count; n++)); do
		redis_start "n$n" --cluster-enabled yes --cluster-config-file nodes.conf --cluster-node-timeout 1000 \
		    --cluster-require-full-coverage no --cluster-allow-reads-when-down no || return
		to=$((16384 * n / count - 1))
		rcli "n$n" cluster addslotsrange "$from" "$to" >/dev/null
		rcli "n$n" cluster set-config-epoch "$n" >/dev/null
		[ "$n" = 1 ] || rcli "n$n" cluster meet 127.0.0.1 "$(redis_port n1)" >/dev/null
		from=$((to + 1))
	done
	for ((n = 1; n <= count; n++)); do
		until [ "$(rcli "n$n" cluster slots | grep -cx 127.0.0.1)" = "$count" ] &&
		    rcli "n$n" cluster info | grep -q 'cluster_state:ok'; do
			sleep 0.05
		done
	done
}

redis_signal() {
	kill "-$2" "$(cat "$redis_dir/$1/pid")" 2>/dev/null
}

redis_kill() {
	redis_signal "$1" KILL
	while rcli "$1" ping >/dev/null 2>&1; do sleep 0.005; done
}

redis_pause() {
	redis_signal "$1" STOP
}

redis_resume() {
	redis_signal "$1" CONT
}

redis_stop() {
	local pid
	[ -n "${redis_dir-}" ] || return 0
	for pid in "$redis_dir"/*/pid; do
		[ -e "$pid" ] && kill -KILL "$(cat "$pid")" 2>/dev/null
	done
	rm -rf "$redis_dir"
}

redis_port() {
	cat "$redis_dir/$1/port"
}

redis_url() {
	echo "redis://127.0.0.1:$(redis_port "$1")"
}

redis_unix() {
	echo "unix://$redis_dir/$1/socket"
}

rcli() {
	local name=$1
	shift
	"$redis_cli" -s "$redis_dir/$name/socket" "$@"
}

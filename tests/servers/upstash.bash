# upstash: Upstash's REST API (tests/fake/upstash.c) before a server of redis.bash.
#
#     upstash_start NAME [DIRECTIVE=VALUE]…   $UPSTASH_REDIS_REST_URL and _TOKEN name it; plan lines come
#                                             by upstash_plan LINE…
#     upstash_stop                            in teardown

upstash_plan() {
	printf '%s\n' "$@" >"$BATS_TEST_TMPDIR/upstash-plan"
}

upstash_start() {
	local name=$1 files=$BATS_TEST_TMPDIR/upstash
	shift
	export UPSTASH_REDIS_REST_TOKEN=canary-token-4711 UPSTASH_REDIS_REST_URL
	unset HTTPS_PROXY https_proxy http_proxy KV_REST_API_URL KV_REST_API_TOKEN
	upstash_stop
	rm -f "$files-in" "$files-port"
	mkfifo "$files-in"
	[ ! -e "$files-plan" ] || set -- "$@" "plan=$files-plan"
	"$build/fake/upstash" "$redis_dir/$name/socket" "$UPSTASH_REDIS_REST_TOKEN" "$@" \
	    <"$files-in" >"$files-port" 3>&- &
	disown
	exec {upstash_in}>"$files-in"
	until [ -s "$files-port" ]; do sleep 0.005; done
	UPSTASH_REDIS_REST_URL=http://127.0.0.1:$(cat "$files-port")
}

upstash_stop() {
	if [ -n "${upstash_in-}" ]; then
		exec {upstash_in}>&-
	fi
	upstash_in=
}

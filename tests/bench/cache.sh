# shellcheck shell=bash disable=SC2154  # sourced by run
# The cache: 100,000 entries of 1 kB, one process for one of them and one for
# all; in a file beside the shell of SQLite doing the same with a table of keys
# and values, in Redis beside Redis' own tools. And a command whose output is kept.

entries=$work/cache.ndjson
if [ ! -s "$entries" ]; then
	awk 'function hex(n,    s) {
		for (s = ""; length(s) < n;)
			s = s sprintf("%06x", int(rand() * 16777216))
		return substr(s, 1, n)
	}
	BEGIN {
		srand(1)
		for (i = 0; i < 100000; i++)
			printf "{\"key\":\"embedding:%s\",\"value\":\"%s\"}\n", hex(64), hex(1000)
	}' >"$entries"
fi
cut -d , -f 1 "$entries" | sed 's/$/}/' >"$work/cache.keys"

# best RUNS A B: the shortest times of two commands (names of functions that
# print a measurement), in turns, so that a busy moment does not decide.
cache_best() {
	local i a b x
	for ((i = 0; i < $1; i++)); do
		x=$($2)
		a=$(jq -n "[$x, ${a:-$x}] | min")
		x=$($3)
		b=$(jq -n "[$x, ${b:-$x}] | min")
	done
	echo "$a $b"
}
cache_us() { # milliseconds for 100,000 keys as microseconds for one
	jq -n "$1 / 100"
}

# --- in a file ----------------------------------------------------------------

# shellcheck disable=SC2317  # by way of cache_best
cache_sqlite() {
	local db=$work/cache.db peer=$work/cache-peer.db ours theirs
	cache_key=$(jq -r .key <(sed -n 5000p "$entries"))

	jq -r '"SELECT value FROM kv WHERE key = '\''\(.key)'\'';"' "$entries" >"$work/cache-select.sql"
	{
		echo 'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -32768;'
		echo 'CREATE TABLE kv (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID; BEGIN;'
		jq -r '"INSERT INTO kv VALUES ('\''\(.key)'\'', '\''\(.value)'\'');"' "$entries" |
		    sed '0~4096s/$/ COMMIT; BEGIN;/'
		echo 'COMMIT;'
	} >"$work/cache-insert.sql"

	ours_put() { rm -f "$db"*; took min_ms -n 1 -w 0 -- c1v-cache --cache "$db" mset "$entries"; }
	theirs_put() { rm -f "$peer"*; took min_ms -n 1 -w 0 -i "$work/cache-insert.sql" -- sqlite3 "$peer"; }
	ours_all() { took min_ms -n 1 -w 0 -i "$work/cache.keys" -- c1v-cache --cache "$db" mget; }
	theirs_all() { took min_ms -n 1 -w 0 -i "$work/cache-select.sql" -- sqlite3 "$peer"; }
	ours_one() { took min_ms -n 50 -- c1v-cache --cache "$db" get "$cache_key"; }
	theirs_one() { took min_ms -n 50 -- sqlite3 "$peer" "SELECT value FROM kv WHERE key = '$cache_key'"; }
	read -r ours theirs < <(cache_best 3 ours_put theirs_put)
	figure 'mset of 100,000, SQLite, a key' "$(cache_us "$ours")" us 'wanted' 15 '<=1'
	figure 'mset of 100,000, SQLite, a key' "$(cache_us "$ours")" us 'sqlite3, 4096 a transaction' "$(cache_us "$theirs")" ''
	figure 'its file' "$(($(stat -c %s "$db") >> 20))" MiB 'keys and values' \
	    "$(($(stat -c %s "$entries") >> 20))" '<=1.6'
	read -r ours theirs < <(cache_best 5 ours_all theirs_all)
	figure 'mget of 100,000, SQLite, a key' "$(cache_us "$ours")" us 'wanted' 5 '<=1'
	figure 'mget of 100,000, SQLite, a key' "$(cache_us "$ours")" us 'sqlite3' "$(cache_us "$theirs")" ''
	read -r ours theirs < <(cache_best 8 ours_one theirs_one)
	figure 'one get, SQLite, whole process' "$ours" ms 'sqlite3' "$theirs" '<=1'
	rm -f "$db"*
	c1v-cache --cache "$db" --max-size 32M mset "$entries" >/dev/null
	figure 'the file of a cache of 32 MiB' "$(($(stat -c %s "$db") >> 10))" KiB 'its budget' 32768 '<=1.2'
	rm -f "$db"* "$peer"*
}

# --- in Redis -----------------------------------------------------------------

# A server of the run's own, by a Unix socket, with nothing kept on disk.
# shellcheck disable=SC2317
cache_redis() {
	local url ours theirs raw
	cache_key=$(jq -r .key <(sed -n 5000p "$entries"))
	url=$(redis_url bench)
	jq -r '"GET \(.key)"' "$entries" >"$work/cache-get.txt"

	ours_put() { took min_ms -n 1 -w 0 -i "$entries" -- c1v-cache --cache "$url" --cache-timeout 10 mset; }
	theirs_put() { took min_ms -n 1 -w 0 -i "$work/cache-set.txt" -- "$redis_cli" -p "$(redis_port bench)" --pipe; }
	ours_all() { took min_ms -n 1 -w 0 -i "$work/cache.keys" -- c1v-cache --cache "$url" --cache-timeout 10 mget; }
	theirs_all() { took min_ms -n 1 -w 0 -i "$work/cache-get.txt" -- "$redis_cli" -p "$(redis_port bench)"; }
	ours_one() { took min_ms -n 50 -- c1v-cache --cache "$url" --cache-timeout 10 get "$cache_key"; }
	theirs_one() { took min_ms -n 50 -- "$redis_cli" -p "$(redis_port bench)" get "$cache_key"; }
	# redis-cli --pipe wants the protocol itself.
	jq -r '"*5\r\n$3\r\nSET\r\n$\(.key | length)\r\n\(.key)\r\n$\(.value | length)\r\n\(.value)\r\n$2\r\nPX\r\n$7\r\n3600000\r"' \
	    "$entries" >"$work/cache-set.txt"
	read -r ours theirs < <(cache_best 3 ours_put theirs_put)
	figure 'mset of 100,000, Redis, a key' "$(cache_us "$ours")" us 'redis-cli --pipe' "$(cache_us "$theirs")" ''
	c1v-cache --cache "$url" --cache-timeout 10 mset "$entries" >/dev/null
	read -r ours theirs < <(cache_best 5 ours_all theirs_all)
	figure 'mget of 100,000, Redis, a key' "$(cache_us "$ours")" us 'wanted' 4 '<=1'
	figure 'mget of 100,000, Redis, a key' "$(cache_us "$ours")" us 'redis-cli, one by one' "$(cache_us "$theirs")" ''
	if raw=$(redis_program benchmark); then
		# GETs of a value of 1 kB, a hundred in flight, on one connection.
		theirs=$("$raw" -p "$(redis_port bench)" -c 1 -P 100 -n 100000 -d 1000 -r 100000 --csv get "$cache_key" |
		    awk -F '"' 'NR == 2 {print 1e6 / $4}')
		figure 'mget of 100,000, Redis, a key' "$(cache_us "$ours")" us 'redis-benchmark -P 100' "$theirs" ''
	fi
	read -r ours theirs < <(cache_best 8 ours_one theirs_one)
	figure 'one get, Redis, whole process' "$ours" ms 'redis-cli' "$theirs" '<=1'
}

# --- a command ------------------------------------------------------------------

# shellcheck disable=SC2317
cache_run() {
	local db=$work/cache-run.db ours theirs
	rm -f "$db"*
	c1v-cache --cache "$db" run -- true
	ours_hit() { took min_ms -n 50 -- c1v-cache --cache "$db" run -- true; }
	theirs_hit() { took min_ms -n 50 -- "$empty"; }
	read -r ours theirs < <(cache_best 5 ours_hit theirs_hit)
	figure 'run -- true that hits, whole process' "$ours" ms 'wanted' 5 '<=1'
	figure 'run -- true that hits, whole process' "$ours" ms 'an empty program' "$theirs" ''
	rm -f "$db"*
}

if have sqlite3; then
	cache_sqlite
fi
cache_run
# shellcheck source=/dev/null
. tests/servers/redis.bash
if redis_program server >/dev/null && redis_program cli >/dev/null; then
	trap redis_stop EXIT
	redis_start bench
	cache_redis
	redis_stop
	trap - EXIT
fi

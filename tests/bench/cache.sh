# shellcheck shell=bash disable=SC2154  # sourced by run
# The cache: 100,000 entries of 1 kB, one process for one of them and one for
# all; beside the shell of SQLite doing the same with a table of keys and values.

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
	ours_all() { took min_ms -n 1 -w 0 -- c1v-cache --cache "$db" mget "$work/cache.keys"; }
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

if have sqlite3; then
	cache_sqlite
fi

# c1v-cache on every kind of cache.
# drivers: sqlite redis cluster upstash tiered

load cache

cache() {
	c1v-cache "$@"
}

# Seconds to the next ten: what they were, however busy the machine is.
tens() {
	awk '{print $1 < 0 ? $1 : int(($1 + 9) / 10) * 10}' <<<"$output"
}

# --- one entry ---------------------------------------------------------------

@test "a value comes back as it was put" {
	local v

	for v in '{"a":[1,2.50,"é\u0041\n"],"b":null}' '"text"' 0 12345678901234567890 '""' '[]' null; do
		cache set k "$v"
		run -0 cache get k
		assert_output "$v"
	done
}

@test "white space around a value is dropped, within it it stays; output is one line" {
	printf '\n {"a": 1,\n "b": [ ]}\n\n' | cache set k -
	run -0 cache get k
	assert_output '{"a": 1,  "b": [ ]}'
}

@test "a miss is 1 and writes nothing" {
	run -1 cache get nothing
	assert_output ''
	cache set other 1
	run -1 cache get nothing
	assert_output ''
}

@test "of several keys each has a line" {
	cache set a 1
	cache set c '{"x":3}'
	run -1 cache get a b c a
	assert_output $'1\nnull\n{"x":3}\n1'
	run -0 cache get c a
	assert_output $'{"x":3}\n1'
}

@test "what is not JSON is refused, unless it is raw" {
	run -65 cache set k hello
	assert_output --partial 'not JSON'
	run -65 cache set k ''
	run -1 cache get k
	cache set --raw k hello
	run -0 cache get --raw k
	assert_output hello
	run -0 cache get k # as an application's own reader would have it
	assert_output '"hello"'
}

@test "raw bytes: every one of them, and none" {
	local i

	for ((i = 0; i < 256; i++)); do printf "\\x$(printf %x "$i")"; done >all
	cache set --raw k - <all
	cache get --raw k | cmp - all
	cache set --raw empty - </dev/null
	run -0 cache get --raw empty
	assert_output ''
	run -65 cache get k
	assert_output --partial 'not JSON'
}

@test "a large value" {
	head -c 3000000 /dev/urandom | base64 -w0 | sed 's/.*/"&"/' >large
	cache set k - <large
	echo >>large
	cache get k | cmp - large
}

@test "a second value replaces the first, and its time" {
	cache set --ttl 1h k 1
	cache set --ttl 5m k 2
	run -0 cache get k
	assert_output 2
	run -0 cache ttl k
	assert_equal "$(tens)" 300
}

@test "del: what was there, what was not; exists" {
	cache set a 1
	cache set b 2
	run -0 cache exists a b
	assert_output ''
	cache del a nothing
	run -1 cache exists a
	run -1 cache exists a b
	run -0 cache exists b
	cache del a
}

@test "keys: what is none is 64" {
	run -64 cache set '' 1
	run -64 cache set "$(printf 'a\tb')" 1
	run -64 cache set "$(printf 'a\xff')" 1
	run -64 cache set "$(printf '%01025d' 0)" 1
	cache set "$(printf '%01024d' 0)" 1
	cache set 'é {x} *?[a-z]\ "k"' 2
	run -0 cache get 'é {x} *?[a-z]\ "k"'
	assert_output 2
}

# --- time ----------------------------------------------------------------------

@test "time to live: an hour, and what kinds of keys have" {
	cache set k 1
	cache set llm:abc 1
	cache set embedding:abc 1
	cache set validation:project:1 1
	cache set --ttl 90s timed 1
	run -1 cache ttl k llm:abc embedding:abc validation:project:1 timed nothing
	assert_equal "$(tens)" $'3600\n604800\n2592000\n3600\n90\n-2'
}

@test "an entry whose time is over is a miss" {
	cache set --ttl 1h other 1
	cache set --ttl 1500ms k 1
	run -0 cache get k
	sleep 1.55
	run -1 cache get k
	run -1 cache exists k
	run -1 cache ttl k
	assert_output -- -2
	run -0 cache get other
}

@test "touch lets it live anew" {
	cache set --ttl 60s k 1
	cache touch --ttl 2h k
	run -0 cache ttl k
	assert_equal "$(tens)" 7200
	run -1 cache touch nothing k
	run -0 cache ttl k
	assert_equal "$(tens)" 3600
	run -64 cache touch --ttl 0 k
	run -64 cache set --ttl soon k 1
	run -64 cache set --ttl 100000d k 1
}

# --- many ------------------------------------------------------------------------

@test "mget and mset: five thousand" {
	seq 5000 | jq -c '{key: "k\(.)", value: {n: .}, more: "é"}' >records
	cache mset <records >passed
	cmp records passed
	(seq 4990 5010; echo 7; echo 7) | jq -c '{key: "k\(.)", x: 1}' | cache mget >got
	run -0 jq -rc '[.key, .hit, .value.n, .x] | @tsv' got
	assert_line --index 0 $'k4990\ttrue\t4990\t1'
	assert_line --index 10 $'k5000\ttrue\t5000\t1'
	assert_line --index 11 $'k5001\tfalse\t\t1'
	assert_line --index 21 $'k7\ttrue\t7\t1'
	assert_line --index 22 $'k7\ttrue\t7\t1'
	seq 5000 | jq -c '{key: "k\(.)"}' | cache mget | jq -c 'select(.hit and (.key == "k\(.value.n)"))' >hits
	run -0 wc -l <hits
	assert_output 5000
}

@test "mset: its own times and tags; the last of equal keys counts" {
	printf '%s\n' '{"key":"a","value":1,"ttl":60}' '{"key":"b","value":2,"ttl":"2h","tags":["t","u"]}' \
	    '{"key":"c","value":3}' '{"key":"c","value":4}' | cache mset --ttl 5m >/dev/null
	run -0 cache ttl a b c
	assert_equal "$(tens)" $'60\n7200\n300'
	run -0 cache get c
	assert_output 4
	run -0 cache invalidate --tag u
	assert_output '{"removed":1}'
	run -1 cache get b
}

@test "mset: bad records are listed, the others are put" {
	printf '%s\n' '{"key":"a","value":1}' 'nonsense' '{"key":"b"}' '{"value":1}' '{"key":"","value":1}' \
	    '{"key":"d","value":1,"ttl":-1}' '{"key":"e","value":1,"tags":"t"}' '{"key":"z","value":2}' >records
	run -3 --separate-stderr cache mset --rejects bad <records
	assert_output $'{"key":"a","value":1}\n{"key":"z","value":2}'
	run -0 cache get a z
	run -0 jq -r '.error.line' bad
	assert_output $'2\n3\n4\n5\n6\n7'
	run -65 cache mset --strict <records
}

@test "mget --raw: text, and bytes as base64" {
	cache set --raw text 'a "b"'
	printf '\xff\x00\x01' | cache set --raw bytes -
	printf '{"key":"text"}\n{"key":"bytes"}\n' | cache mget --raw >got
	cache mget --raw got | cmp - got
	run -0 cat got
	assert_output $'{"key":"text","value":"a \\"b\\"","hit":true}\n{"key":"bytes","value":null,"base64":"/wAB","hit":true}'
	cache purge --prefix b >/dev/null
	jq -c 'select(.base64)' got | cache mset --raw >/dev/null
	cache get --raw bytes | od -An -tx1 >hex
	run -0 cat hex
	assert_output ' ff 00 01'
}

# --- listing and removing ----------------------------------------------------------

@test "keys: by prefix, whatever is in it" {
	local k

	for k in 'a*1' 'a*2' ab1 'a[1' 'a\1' 'a?1' 'a-1' 'é1'; do cache set "$k" 1; done
	run -0 cache keys --prefix 'a*'
	assert_output $'a*1\na*2'
	run -0 cache keys --prefix 'a['
	assert_output 'a[1'
	run -0 cache keys --prefix 'a\'
	assert_output 'a\1'
	run -0 cache keys --prefix 'a?'
	assert_output 'a?1'
	run -0 cache keys --prefix é
	assert_output é1
	run -0 cache keys --prefix nothing
	assert_output ''
	cache keys | sort >all
	run -0 wc -l <all
	assert_output 8
	cache keys --json --prefix ab | cache mget >got
	run -0 cat got
	assert_output '{"key":"ab1","value":1,"hit":true}'
}

@test "purge: by prefix, and everything" {
	seq 1500 | jq -c '{key: "p:\(.)", value: .}' | cache mset >/dev/null
	cache set q:1 1
	run -0 cache purge --prefix p:
	assert_output '{"removed":1500}'
	run -0 cache keys
	assert_output q:1
	run -64 cache purge
	run -64 cache purge --prefix ''
	run -0 cache purge --all --yes
	run -0 cache keys
	assert_output ''
}

@test "purge --expired leaves what is alive" {
	cache set --ttl 50ms old 1
	cache set alive 1
	sleep 0.1
	run -0 cache purge --expired
	run -0 cache keys
	assert_output alive
}

@test "tags: what hangs on them goes, and nothing else" {
	cache set --tag p1 --tag p2 a 1
	cache set --tag p1 b 1
	cache set --tag p2 c 1
	cache set d 1
	run -0 cache invalidate --tag p1
	assert_output '{"removed":2}'
	run -0 cache keys
	assert_output $'c\nd'
	cache set a 2
	run -0 cache invalidate --tag p1 --tag nothing
	assert_output '{"removed":0}'
	run -0 cache get a
	seq 1200 | jq -c '{key: "t\(.)", value: .}' | cache mset --tag many >/dev/null
	run -0 cache invalidate --tag many
	assert_output '{"removed":1200}'
	run -64 cache invalidate
}

@test "a project's data changed" {
	cache set "$(cache key validation 12)" '{"score":1}'
	cache set project:12:extracted-data 1
	cache set validation:project:13 1
	run -0 cache project-updated 12
	assert_output '{"removed":2}'
	run -0 cache keys
	assert_output validation:project:13
	run -0 cache project-updated 12
	assert_output '{"removed":0}'
}

# --- namespaces, seals ------------------------------------------------------------------

@test "a namespace is a tenant's own, and can be forgotten" {
	cache set k '"everybody"'
	cache --namespace acme set k '"acme"'
	cache --namespace acme set --tag t other 1
	C1V_CACHE_NAMESPACE=umbrella cache set --tag t k '"umbrella"'
	run -0 cache --namespace acme get k
	assert_output '"acme"'
	run -0 cache --namespace acme keys
	assert_output $'k\nother'
	run -0 cache get acme:k
	assert_output '"acme"'
	run -0 cache --namespace acme invalidate --tag t
	assert_output '{"removed":1}'
	run -0 cache purge --namespace acme
	run -0 cache keys
	assert_output $'k\numbrella:k'
	run -64 cache --namespace llm set k 1
	run -64 cache --namespace 'a:b' set k 1
}

@test "sealed values: read with the key alone, and not at rest" {
	openssl rand -hex 32 >key
	openssl rand -hex 32 >other
	chmod 600 key other
	C1V_CACHE_KEY_FILE=key cache set k '"very secret words"'
	cache set plain '"very open words"'
	run -0 cache --cache-key-file key get k plain
	assert_output $'"very secret words"\n"very open words"'
	run -1 cache get k
	run -1 cache --cache-key-file other get k
	run -0 cache --cache-key-file key get k # nobody removed it
	at_rest >rest
	run -1 grep -qa 'secret words' rest
	run -0 grep -qa 'open words' rest
	chmod 644 key
	run -78 cache --cache-key-file key get k
	assert_output --partial 'others can read'
}

@test "a sealed value that was changed is a miss, and removed" {
	openssl rand -hex 32 >key
	chmod 600 key
	cache --cache-key-file key set a '"value of a"'
	cache --cache-key-file key set b '"value of b"'
	cache get --raw a >sealed || true
	# Without the key nothing of it is handed out, so another's is made to stand in its place.
	printf 'c1vSxxxx' | cache set --raw short -
	run -1 cache --cache-key-file key get short
	run -1 cache exists short
	run -0 cache --cache-key-file key get a b
}

# --- run ----------------------------------------------------------------------------------

counted() { # a command that says how often it has run
	printf '%s\n' '#!/bin/bash' 'echo $$ >>runs' 'sleep "${1:-0}"' 'printf "out %s\n" "$*"' 'cat' >counted
	chmod +x counted
}

@test "run: the second time it is not run" {
	counted
	run -0 cache run -- ./counted 0 a b </dev/null
	assert_output 'out 0 a b'
	run -0 cache run -- ./counted 0 a b </dev/null
	assert_output 'out 0 a b'
	run -0 wc -l <runs
	assert_output 1
	run -0 cache run -- ./counted 0 'a b' </dev/null
	run -0 wc -l <runs
	assert_output 2
}

@test "run: its input, the variables that are named and the directory are part of the key" {
	counted
	echo one | cache run -- ./counted >/dev/null
	echo two | cache run -- ./counted >out
	run -0 wc -l <runs
	assert_output 2
	echo two | cache run -- ./counted | cmp - out
	V=1 cache run --key-env V -- ./counted </dev/null
	V=2 cache run --key-env V -- ./counted </dev/null
	cache run --key-env V -- ./counted </dev/null
	V=2 W=1 cache run --key-env V -- ./counted </dev/null
	run -0 wc -l <runs
	assert_output 5
	mkdir d
	(cd d && cache run --cwd -- ../counted </dev/null >/dev/null)
	cp -r d e
	rm e/runs
	(cd e && cache run --cwd -- ../counted </dev/null >/dev/null)
	run -0 wc -l <e/runs
	assert_output 1
}

@test "run: failures are passed on and not kept; bytes come back as they were" {
	printf '%s\n' '#!/bin/bash' 'echo $$ >>runs' 'echo half' 'exit 65' >fails
	chmod +x fails
	run -65 --separate-stderr cache run -- ./fails </dev/null
	assert_output half
	assert [ -z "$stderr" ]
	run -65 cache run -- ./fails </dev/null
	run -0 wc -l <runs
	assert_output 2
	run -127 cache run -- ./nothing-here </dev/null
	run -143 cache run -- bash -c 'kill -TERM $$' </dev/null
	head -c 100000 /dev/urandom >bytes
	cache run -- cat bytes </dev/null | cmp - bytes
	cp bytes same
	rm bytes
	cache run -- cat bytes </dev/null | cmp - same
}

@test "run: --refresh, --no-store, --ttl, --tag" {
	counted
	cache run --no-store -- ./counted </dev/null >/dev/null
	cache run --ttl 50ms -- ./counted </dev/null >/dev/null
	run -0 wc -l <runs
	assert_output 2
	sleep 0.1
	cache run --tag p -- ./counted </dev/null >/dev/null
	cache run --refresh --tag p -- ./counted </dev/null >/dev/null
	cache run -- ./counted </dev/null >/dev/null
	run -0 wc -l <runs
	assert_output 4
	cache invalidate --tag p >/dev/null
	cache run -- ./counted </dev/null >/dev/null
	run -0 wc -l <runs
	assert_output 5
}

@test "run: of many at once one runs it" {
	local i pids=()

	counted
	for i in 1 2 3 4 5 6 7 8 9 10; do
		cache run -- ./counted 0.5 </dev/null >out$i 2>err$i 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}"
	run -0 wc -l <runs
	assert_output 1
	for i in 1 2 3 4 5 6 7 8 9 10; do
		run -0 cat out$i err$i
		assert_output 'out 0.5'
	done
}

@test "run: one who died is not waited for" {
	counted
	c1v-cache run -- ./counted 30 </dev/null >/dev/null 2>&1 3>&- &
	until [ -s runs ]; do sleep 0.02; done
	kill -9 $! "$(cat runs)"
	sed -i 's/sleep .*/sleep 0/' counted
	run -0 timeout 20 c1v-cache run -- ./counted 30 </dev/null
	assert_output 'out 30'
}

@test "run: what is stale is written at once, and made anew behind it" {
	counted
	cache run --ttl 100ms --stale-while-revalidate 1h -- ./counted </dev/null >/dev/null
	sleep 0.15
	sed -i 's/printf "out/printf "new/' counted
	run -0 cache run --ttl 1h --stale-while-revalidate 1h -- ./counted </dev/null
	assert_output 'out '
	for _ in $(seq 100); do
		[ "$(wc -l <runs)" = 2 ] && [ "$(cache run --ttl 1h -- ./counted </dev/null)" = 'new ' ] && break
		sleep 0.05
	done
	run -0 cache run -- ./counted </dev/null
	assert_output 'new '
	run -0 wc -l <runs
	assert_output 2
}

# --- counting -------------------------------------------------------------------------------

@test "stats: hits, misses, their rate, by the beginnings of keys" {
	cache set llm:a 1
	cache set plain 1
	cache get llm:a plain llm:a
	run -1 cache get llm:b
	run -1 cache get other
	cache --namespace acme set llm:x 1
	cache --namespace acme get llm:x
	cache stats >stats
	run -0 jq -c '.namespaces[] | select(.namespace == "llm") | [.hits, .misses, .hitRate, .entries]' stats
	assert_output '[2,1,66.67,1]'
	run -0 jq -c '.namespaces[] | select(.namespace == "") | [.hits, .misses, .entries]' stats
	assert_output '[1,1,1]'
	run -0 jq -e '.totalKeys >= 3 and .hits >= 4 and .misses >= 2 and (.memoryUsed | test("^[0-9.]+[BKMG]$"))
	    and all(.namespaces[]; .bytes >= 0 and .p50_ms >= 0 and .p95_ms >= .p50_ms)' stats
	run -0 cache --namespace acme stats --json
	run -0 jq -c '[.namespaces[] | [.namespace, .hits, .entries]]' <<<"$output"
	assert_output '[["llm",1,1]]'
	run -0 cache stats --prometheus
	assert_line 'c1v_cache_hits_total{namespace="llm"} 2'
	assert_line 'c1v_cache_lookup_seconds_count{namespace="llm"} 2'
	run -0 cache stats --pretty
	assert_line --regexp '^llm +2 +1 +66.67%'
}

@test "sixty-four at once: nothing is lost, and every answer is right" {
	local i

	seq 64 | xargs -P 64 -I{} bash -c '
	    seq 20 | jq -c "{key: \"w{}:\(.)\", value: [{}, .]}" | c1v-cache mset >/dev/null || echo "mset {} failed" >>bad
	    c1v-cache set "shared" {} || echo "set {} failed" >>bad
	    seq 20 | jq -c "{key: \"w{}:\(.)\"}" | c1v-cache mget |
	        jq -c "select(.hit and .value[0] == {} and .key == \"w{}:\(.value[1])\")" | wc -l >>counts
	    c1v-cache get shared >>shared'
	[ ! -s bad ]
	run -0 sort -u counts
	assert_output 20
	run -0 wc -l <shared
	assert_output 64
	for i in $(seq 64); do seq 20 | jq -c "{key: \"w$i:\\(.)\"}"; done | cache mget | jq -c 'select(.hit)' >hits
	run -0 wc -l <hits
	assert_output 1280
	[ "$driver" = sqlite ] || return 0
	run -0 jq '[.namespaces[].hits] | add' <(cache stats)
	assert_output "$((64 * 21 + 1280))"
}

# --- none, usage ------------------------------------------------------------------------------

@test "none holds nothing" {
	export C1V_CACHE=none
	cache set k 1
	run -1 cache get k
	run -0 cache keys
	assert_output ''
	counted
	cache run -- ./counted </dev/null >/dev/null
	run -0 cache run -- ./counted </dev/null
	assert_output 'out '
	run -0 wc -l <runs
	assert_output 2
}

@test "what is no cache is refused" {
	run -78 cache --cache nothing:here get k
	assert_output --partial 'no such kind of cache'
	run -64 cache --cache redis://u:secret-4711@localhost get k
	refute_output --partial 4711
	run -78 cache --cache env:NOT_SET get k
	run -64 cache --cache tiered:sqlite:x get k
}

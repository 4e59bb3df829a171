# Vectors that were made before: what c1v-embed and c1v-search take from a cache instead of asking for it,
# against a scripted server (tests/fake/http.c).

load helper
load fake

setup() {
	c1v_setup
	fake_setup
	export C1V_CACHE=sqlite:$BATS_TEST_TMPDIR/cache.db
}

teardown() {
	fake_teardown
}

counts() { # FIELD…: of the summary of the last run
	jq -r "[$(printf '.%s,' "$@" | sed 's/,$//')] | map(tostring) | join(\" \")" err
}

sent() { # texts
	awk '{n += $1} END {print n + 0}' log
}

@test "what was embedded before is not asked for again, and is the same" {
	server
	embed --log-format json --log-level info ten
	all_ten
	cp out first
	assert_equal "$(counts embedded hits requests saved_tokens)" '10 0 1 0'
	asked 1
	embed --log-format json --log-level info ten
	all_ten
	cmp out first
	asked 1
	assert_equal "$(counts embedded hits requests input_tokens)" '10 10 0 0'
	[ "$(counts saved_tokens)" -ge 10 ]
}

@test "only what is new is asked for, and the records stay in order" {
	server
	embed ten
	seq 5 14 | sed 's/.*/{"id":"r&","content":"text &"}/' >mixed
	: >log
	embed mixed
	assert_equal "$status" 0
	assert_equal "$("$fake" check 8 <out)" 10
	assert_equal "$(jq -r .id out | paste -sd' ')" 'r5 r6 r7 r8 r9 r10 r11 r12 r13 r14'
	assert_equal "$(cut -d' ' -f1 log)" 4
}

@test "equal texts are sent once, in one request and over many" {
	for i in 1 2 3 4 5 6; do sed "s/\"id\":\"r/\"id\":\"$i-/" ten; done >sixty
	for cache in none "$C1V_CACHE"; do
		server latency=50
		C1V_CACHE=$cache embed --batch-inputs 3 --concurrency 4 sixty
		assert_equal "$status" 0
		assert_equal "$("$fake" check 8 <out)" 60
		assert_equal "$(jq -r .id out | head -12 | paste -sd' ')" \
		    '1-1 1-2 1-3 1-4 1-5 1-6 1-7 1-8 1-9 1-10 2-1 2-2'
		# With a cache what is known is known for good; without, while it is under way.
		[ "$cache" = none ] || assert_equal "$(sent)" 10
		[ "$(sent)" -le 60 ]
		exec 7>&-
	done
	server
	C1V_CACHE=none embed sixty
	assert_equal "$(cut -d' ' -f1 log)" 10
}

@test "a text that is refused is refused wherever it stands, and is not kept" {
	{
		cat ten
		printf '{"id":"b%s","content":"BADTEXT"}\n' 1 2 3
		cat ten
	} >in
	server
	embed --batch-inputs 4 in
	assert_equal "$status" 3
	assert_equal "$(wc -l <out)" 20
	assert_equal "$(wc -l <rejects)" 3
	: >log
	embed in
	assert_equal "$(wc -l <rejects)" 3
	[ -s log ]
}

@test "--refresh asks for all and keeps what it hears, --no-cache does neither" {
	server
	embed ten
	asked 1
	embed --refresh ten
	asked 2
	embed --no-cache ten
	asked 3
	embed ten
	asked 3
	C1V_CACHE=sqlite:$BATS_TEST_TMPDIR/other.db embed --no-cache ten
	[ ! -e "$BATS_TEST_TMPDIR/other.db" ]
	C1V_CACHE=none embed ten
	asked 5
}

@test "another model, API, role or number of dimensions has other entries" {
	server
	embed ten
	asked 1
	embed --dims 5 ten
	all_ten 5
	asked 2
	embed --dims 5 ten
	all_ten 5
	asked 2
	embed -m other-model ten
	asked 3
	sed 's/content/query/' ten >asking
	embed --role query asking
	asked 4
	embed --api-base "$OPENAI_BASE_URL/" ten
	asked 4
	embed --api-base "http://127.0.0.1:$port/other/v1" ten
	asked 5
	embed --namespace tenant ten
	asked 6
	embed --namespace tenant ten
	asked 6
}

@test "the key is the one that c1v-cache names, the value float32, its life thirty days" {
	server
	embed ten
	run -0 c1v-cache keys
	assert_equal "$(wc -l <<<"$output")" 10
	key=$(c1v-cache key embedding -m fake-model --api-base "$OPENAI_BASE_URL" 'text 7')
	grep -qxF "$key" <<<"$output"
	c1v-cache get --raw "$key" >value
	assert_equal "$(head -c 4 value)" f32
	assert_equal "$(wc -c <value)" $((4 + 8 * 4))
	ttl=$(c1v-cache ttl "$key" | jq -r .ttl_ms 2>/dev/null || c1v-cache ttl "$key")
	[ "${ttl%.*}" -gt $((29 * 86400)) ]
}

@test "the seed's applications and c1v read each other's entries" {
	server
	embed --key-template seed ten
	key=embedding:$(printf 'text 7' | sha256sum | cut -d' ' -f1)
	run -0 c1v-cache get "$key"
	assert_equal "$(jq -r 'type + " " + (length | tostring) + " " + (.[0] | type)' <<<"$output")" 'array 8 number'
	# What an application wrote: not of unit length, as models answer that are no good at it.
	printf '[3,4,0,0,0,0,0,0]' | c1v-cache set "embedding:$(printf 'by hand' | sha256sum | cut -d' ' -f1)" --ttl 30d -
	echo '{"id":"h","content":"by hand"}' >hand
	: >log
	run --separate-stderr c1v-embed -m fake-model --key-template seed hand
	assert_equal "$status" 0
	assert_equal "$(jq -c '[.embedding[] * 1000 | round]' <<<"$output")" '[600,800,0,0,0,0,0,0]'
	[ ! -s log ]
}

@test "an entry that is no vector is a miss and is replaced; one of the seed's of other dimensions stays" {
	server
	embed ten
	key=$(c1v-cache key embedding -m fake-model --api-base "$OPENAI_BASE_URL" 'text 3')
	for bad in '"nonsense"' '[1,2]' '[0,0,0,0,0,0,0,0]' '{"a":1}' '[9,9,9,9,9,9,9,9]'; do
		: >log
		printf %s "$bad" | c1v-cache set "$key" -
		embed ten
		all_ten
		assert_equal "$(cut -d' ' -f1 log)" 1
		: >log
		embed ten
		[ ! -s log ]
	done
	# The first entry that is found says how long they are; no other is taken.
	seed=embedding:$(printf 'text 2' | sha256sum | cut -d' ' -f1)
	echo '[1,0,0]' | c1v-cache set "$seed" -
	head -2 ten >two
	embed --key-template seed --dims 5 two
	assert_equal "$("$fake" check 5 <out)" 2
	embed --key-template seed --dims 8 two
	assert_equal "$("$fake" check 8 <out)" 2
}

@test "a model that has become another is not mixed with what was kept: 76, and --refresh" {
	plan dims=8 'rest dims=6'
	embed ten
	seq 5 14 | sed 's/.*/{"id":"r&","content":"text &"}/' >mixed
	embed mixed
	assert_equal "$status" 76
	assert_regex "$stderr" 'a vector of 6 dimensions, not of 8'
	assert_regex "$stderr" '--refresh'
	embed --refresh mixed
	assert_equal "$status" 0
	assert_equal "$("$fake" check 6 <out)" 10
}

@test "a dry run says what is known, asks nobody and counts nothing" {
	server
	embed ten
	before=$(c1v-cache stats --json | jq -c '.groups // .namespaces')
	seq 12 | sed 's/.*/{"id":"r&","content":"text &"}/' >twelve
	run -0 c1v-embed -m fake-model --dry-run twelve
	assert_equal "$(jq -c '[.records, .hits, .requests]' <<<"$output")" '[12,10,1]'
	run -0 c1v-embed -m fake-model --dry-run ten
	assert_equal "$(jq -c '[.records, .hits, .tokens, .requests]' <<<"$output")" '[10,10,0,0]'
	asked 1
	assert_equal "$(c1v-cache stats --json | jq -c '.groups // .namespaces')" "$before"
	# A cache elsewhere is not asked either.
	C1V_CACHE=redis://127.0.0.1:1 run -0 --separate-stderr c1v-embed -m fake-model --dry-run ten
	assert_equal "$(jq -c .hits <<<"$output")" null
	assert_equal "$stderr" ''
}

@test "what was spared is in the ledger and in the statistics" {
	server tokens=1000
	embed -m text-embedding-3-small --ledger ledger.db ten
	embed -m text-embedding-3-small --ledger ledger.db ten
	run -0 c1v-cost report --ledger ledger.db --json
	[ "$(jq -rs 'map(.saved | select(. != null) | tonumber) | add > 0' <<<"$output")" = true ]
	run -0 c1v-cache stats --json
	[ "$(jq -rs 'tostring | test("saved")' <<<"$output")" = true ]
	[ "$(c1v-cache stats --json | jq -s '.[0].hits')" -eq 10 ]
}

@test "a cache that fails costs one warning and nothing else" {
	server
	C1V_CACHE=redis://127.0.0.1:1 embed --batch-inputs 2 ten
	all_ten
	assert_equal "$(grep -c "without the cache" err)" 1
	asked 5
	echo garbage >broken.db
	chmod 400 broken.db
	C1V_CACHE=sqlite:/dev/null/cache.db embed ten
	all_ten
	assert_equal "$(grep -c "without the cache" err)" 1
}

@test "a text that was cut or divided is not kept as if it were whole" {
	jq -nc '{id: "long", content: ([range(3000)] | map("word") | join(" "))}' >long
	server
	embed --max-tokens 100 --long truncate long
	assert_equal "$status" 0
	run -0 c1v-cache keys
	assert_output ''
	embed --max-tokens 100 --long split-mean long
	assert_equal "$status" 0
	run -0 c1v-cache keys
	assert_output ''
}

@test "encrypted vectors are read with their key alone" {
	head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >key
	head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >other
	chmod 600 key other
	server
	embed --cache-key-file key ten
	asked 1
	embed --cache-key-file key ten
	all_ten
	asked 1
	embed --cache-key-file other ten
	all_ten
	asked 2
}

@test "a question of c1v-search is looked up and paid for as well" {
	server tokens=4
	embed -m text-embedding-3-small --dims 8 --ledger none ten
	jq -c '.doc = .id | .id += "#0" | .chunk = {index: 0, of: 1}' out | c1v-ingest >/dev/null
	: >log
	for how in '' '' --no-cache; do
		# shellcheck disable=SC2086 # no option is none
		run -0 --separate-stderr c1v-search $how --user u1 --json --mode vector -n 1 'text 7'
		assert_equal "$(jq -r .id <<<"$output")" 'r7#0'
		assert_equal "$stderr" ''
	done
	assert_equal "$(wc -l <log)" 2
	# Two calls of 4 tokens; the one between them was spared 3 ("text", " ", "7").
	run -0 c1v-cost report --user u1
	assert_equal "$(jq -r '[.input_tokens, .cost, .saved] | join(" ")' <<<"$output")" '8 0.00000016 0.00000006'
	# A ledger that cannot be written holds no search up.
	run -0 --separate-stderr c1v-search --ledger sqlite:/dev/null/x --no-cache --json --mode vector -n 1 'text 7'
	assert_equal "$(jq -r .id <<<"$output")" 'r7#0'
	assert_regex "$stderr" 'what this costs is not entered'
	# Words alone, and a local model, cost nothing and touch no ledger.
	rm -r "$XDG_STATE_HOME"
	run -0 c1v-search --mode keyword 'text 7'
	assert [ ! -e "$XDG_STATE_HOME" ]
}

@test "it is not slower for a reader at the other end: lines go on while the input waits" {
	server
	embed ten
	mkfifo in
	c1v-embed -m fake-model --encoding base64 <in >out &
	exec {hold}>in
	head -3 ten >&$hold
	for _ in $(seq 200); do
		[ "$(wc -l <out)" -eq 3 ] && break
		sleep 0.02
	done
	assert_equal "$(wc -l <out)" 3
	exec {hold}>&-
	wait $!
}

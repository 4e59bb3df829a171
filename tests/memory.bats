#!/usr/bin/env bats
# When memory runs out: 71 or the right answer, whichever allocation fails; and
# large input in little memory.

# bats file_tags=long
load helper
load fault

setup() {
	c1v_setup
	shim=$build/test/failmalloc.so
}

# starve EVER LEAST COMMAND…: one allocation after the other fails, as many as
# COMMAND makes. It ends with 71, or does its work; what it writes then is the
# `same` as it wrote to ./want. before and after are called around each run. With
# EVER every later allocation fails too, and behind the first 200 only every fifth
# is tried, all of them with C1V_TEST_SCALE.
starve() {
	local ever=$1 least=$2 happened=$PWD/happened n rc step=1 runs=0

	shift 2
	mkdir "$happened"
	for ((n = 1; ; n += step)); do
		if [ "$ever" ] && [ -z "${C1V_TEST_SCALE-}" ] && [ "$n" = 200 ]; then
			step=5
		fi
		runs=$((runs + 1))
		before
		rc=0
		LD_PRELOAD=$shim FAIL_AT=$n FAIL_EVER=$ever FAIL_LOG=$happened/$n "$@" >out 2>err || rc=$?
		[ -e "$happened/$n" ] || break
		case $rc in
		71) ;;
		0) same || { echo "allocation $n: another answer: $*"; diff out want; return 1; } ;;
		*) echo "allocation $n${ever:+ and after}: $rc: $*"; cat err; return 1 ;;
		esac
		after || return
	done
	find "$happened" -type f | wc -l >starved
	[ "$rc" = 0 ] && [ "$n" -gt "$least" ]
}

# starve_twice LEAST COMMAND…: once, and for ever; side by side.
starve_twice() {
	local pid

	[ -e "$shim" ] || skip "no shim in this build"
	mkdir once ever
	tee once/want ever/want <want >/dev/null
	(cd ever && starve 1 "$@" >log 2>&1) &
	pid=$!
	(cd once && starve '' "$@") || { kill "$pid"; return 1; }
	wait "$pid" || { cat ever/log; return 1; }
	awk '{n += $1} END {print "# " n " allocations"}' once/starved ever/starved >&3
}

before() { :; }
after() { :; }
same() { cmp -s out want; }

some_documents() {
	local i

	in_memory
	for i in 1 2 3 4; do
		printf '# Title %d\n\nSome text about going back, number %d. And more of it.\n\n## Sub\n\nWords.\n' \
		    "$i" "$i" >"doc$i.md"
	done
	docs=("$PWD"/doc?.md)
}

# bats test_tags=fault
@test "every allocation of c1v-chunk fails: 71 or the right answer" {
	some_documents
	c1v-chunk --by markdown "${docs[@]}" >want
	starve_twice 20 c1v-chunk --by markdown "${docs[@]}"
}

# bats test_tags=fault
@test "every allocation of c1v-embed fails: 71 or the right answer" {
	some_documents
	c1v-chunk "${docs[@]}" >chunks.ndjson
	c1v-embed chunks.ndjson >want
	starve_twice 20 c1v-embed "$PWD/chunks.ndjson"
}

# bats test_tags=fault
@test "every allocation of c1v-ingest fails: 71 or done, and the store is sound" {
	in_memory
	records 4 before | c1v-ingest >/dev/null
	cp "$store" start.db
	records 6 after >in.ndjson
	c1v-store export >before.export
	tidy() { sed 's/"seconds":[0-9.]*,//; s/"store":"[^"]*"//'; }
	c1v-ingest in.ndjson | tidy >want
	c1v-store export >after.export
	before() { cp ../start.db s.db; : >s.db-wal; }
	same() { tidy <out | cmp -s - want; }
	after() {
		((runs % 25 == 1)) || return 0
		c1v-store verify --store s.db >verified || { cat verified; return 1; }
		c1v-store export --store s.db >now
		cmp -s now ../before.export || cmp -s now ../after.export ||
		    { echo "allocation $n: half is there"; return 1; }
	}
	starve_twice 500 c1v-ingest --store s.db "$PWD/in.ndjson"
}

# bats test_tags=fault
@test "every allocation of c1v-search fails: 71 or the right answer" {
	some_documents
	c1v-chunk "${docs[@]}" | c1v-embed | c1v-ingest >/dev/null
	c1v-search 'how do we go back' >want
	starve_twice 500 c1v-search 'how do we go back'
}

# bats test_tags=fault
@test "every allocation of a search for what is alike fails once: 71 or the right answer" {
	some_documents
	c1v-chunk "${docs[@]}" | c1v-embed | c1v-ingest >/dev/null
	c1v-search --similar-to "${docs[0]}" --exact --neighbors 1 >want
	starve '' 500 c1v-search --similar-to "${docs[0]}" --exact --neighbors 1
	echo "# $(cat starved) allocations" >&3
}

# bats test_tags=fault
@test "a line of 100 MB: passed over in bounded memory, the rest is stored" {
	need prlimit
	{
		records 3
		printf '{"id":"long","content":"'
		head -c 100000000 /dev/zero | tr '\0' x
		printf '"}\n'
		records 1 other x
	} >in.ndjson
	run --separate-stderr -3 prlimit --as=200000000 c1v-ingest --max-record 1M in.ndjson
	assert_regex "$stderr" 'in.ndjson:5'
	[ "$(jq .failed <<<"$output")" = 1 ]
	[ "$(jq .chunks <<<"$output")" = 6 ]
	sound
}

# bats test_tags=fault
@test "every allocation of c1v-cache fails: 71 or the right answer, and never a wrong value" {
	in_memory
	export C1V_CACHE=sqlite:c.db
	printf '{"key":"g:%s","value":"value of %s"}\n' a a b b c c >in.ndjson
	c1v-cache --cache sqlite:start.db mset in.ndjson >/dev/null
	before() { rm -f c.db*; cp ../start.db c.db; cp ../start.db-wal c.db-wal; }
	after() {
		((runs % 25 == 1)) || return 0
		run c1v-cache get g:a
		[ "$status $output" = '0 "value of a"' ] || [ "$status $output" = '0 "new"' ] ||
		    { echo "allocation $n: $output"; return 1; }
	}
	printf '"value of a"\n"value of b"\n' >want
	starve_twice 20 c1v-cache get g:a g:b
	rm -r once ever
	: >want
	starve_twice 20 c1v-cache set --tag t g:a '"new"'
}

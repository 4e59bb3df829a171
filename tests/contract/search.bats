#!/usr/bin/env bats
# c1v-search: what it finds and how it shows it, whatever the kind of store.
# drivers: sqlite postgres

load contract

@test "a word finds the chunks that hold it in any form" {
	fill_toy
	assert_equal "$(words customer | ids)" "a#1 b#0 "
	assert_equal "$(words "rolling release" | ids)" "a#0 "
	run words xylophone
	assert_failure 1
	assert_output ""
}

@test "any of the words is enough, and rare ones count most" {
	fill_toy
	run words "how long are the logs of a customer kept?"
	assert_success
	assert_equal "$(jq -r .id <<<"$output" | head -n 1)" c
	# english takes "on" and "the" for no words at all
	assert_equal "$(jq -s length <<<"$output")" "$([ "$driver" = sqlite ] && echo 4 || echo 3)"
}

@test "a result has all that was ingested, its rank and its scores" {
	fill_toy
	run words -n 1 "rolled back"
	assert_success
	assert_equal "$(jq -Sc 'del(.score, .scores.keyword)' <<<"$output")" "$(toy | head -n 1 |
	    jq -Sc '. + {rank: 1, query: "rolled back", scores: {keyword_rank: 1}} | del(.embedding, .model)')"
	assert [ "$(jq '.score > 0 and .score == .scores.keyword' <<<"$output")" = true ]
}

@test "a chunk that is a whole document names no other" {
	fill_toy
	assert_equal "$(words logs | jq -c 'has("doc"), has("chunk")' | tr '\n' ' ')" "false false "
}

@test "vectors rank by cosine" {
	fill_toy
	run near "[2,0.1,0]"
	assert_success
	assert_equal "$(ids <<<"$output")" "a#0 a#1 b#0 c "
	assert_equal "$(jq -s 'map(.scores.vector * 1000 | round) | tostring' <<<"$output")" '"[999,829,50,0]"'
	assert_equal "$(near "[2,0.1,0]" --exact | jq -c '[.id, .score]')" "$(jq -c '[.id, .score]' <<<"$output")"
}

@test "--min-score drops what is less similar from the vector ranking" {
	fill_toy
	assert_equal "$(near "[2,0.1,0]" --min-score 0.5 | ids)" "a#0 a#1 "
	run near "[0,-1,0]" --min-score 0.5
	assert_failure 1
}

@test "both rankings are fused: rrf by ranks" {
	fill_toy
	run hybrid --fuse rrf --rrf-k 60 --weights 0.5,0.5 -n 4
	assert_success
	assert_equal "$(jq -s 'length' <<<"$output")" 4
	# weight/(k+rank): a chunk that both have goes before one that is first in one
	assert_equal "$(jq -c 'select(.id == "c") | [(.score * 1e6 | round), .scores.vector_rank, .scores.keyword_rank]' \
	    <<<"$output")" "[8197,1,null]"
	assert_equal "$(jq -r .id <<<"$output" | head -n 1)" "a#1"
	run hybrid --fuse rrf --rrf-k 0 --weights 3,1 -n 1
	assert_equal "$(jq -c '[.id, .score]' <<<"$output")" '["c",3]'
}

@test "both rankings are fused: zscore scores what one of them missed" {
	fill_toy
	run hybrid --fuse zscore --weights 1,1 -n 4
	assert_success
	assert_equal "$(jq -s 'map(select(.scores.vector == null or .id == "c")) | length' <<<"$output")" 1
	run bash -c 'printf "%s\n" "$1" | jq -s "map(.score) | . == (sort | reverse)"' - "$output"
	assert_output true
}

@test "equal scores are ordered by id" {
	for i in 3 1 2; do
		echo "{\"id\":\"x$i\",\"content\":\"equal words here $i$i$i\",\"embedding\":[1,0],\"model\":\"toy\"}"
	done | c1v-ingest >/dev/null
	assert_equal "$(words equal | ids)" "x1 x2 x3 "
	assert_equal "$(near "[1,0]" | ids)" "x1 x2 x3 "
	assert_equal "$(words -n 2 equal | ids)" "x1 x2 "
}

@test "identical content is shown once, with the other ids" {
	for i in 3 1 2; do
		echo "{\"id\":\"x$i\",\"content\":\"the same words\",\"metadata\":{\"n\":$i}}"
	done | c1v-ingest >/dev/null
	assert_equal "$(words words | jq -c '[.id, .also]')" '["x1",["x2","x3"]]'
	assert_equal "$(words --filter '{"n":{"$gt":1}}' words | jq -c '[.id, .also]')" '["x2",["x3"]]'
	assert_equal "$(words --no-collapse words | jq -c '[.id, .also]' | tr '\n' ' ')" \
	    '["x1",null] ["x2",null] ["x3",null] '
}

@test "filters act inside both rankings" {
	fill_toy
	assert_equal "$(words --filter type=note customers | ids)" "b#0 "
	assert_equal "$(near "[1,0,0]" --filter type=note | ids)" "b#0 c "
	assert_equal "$(near "[1,0,0]" --filter '{"year":{"$lt":2025}}' --filter type=note | ids)" "c "
	assert_equal "$(near "[1,0,0]" --filter '{"$source":"b.md"}' | ids)" "b#0 "
	assert_equal "$(near "[1,0,0]" --filter '{"$id":"a#1"}' | ids)" "a#1 "
	run words --filter type=none customers
	assert_failure 1
	run words --filter '{"type":' customers
	assert_failure 64
}

@test "a chunk's own metadata go before its document's" {
	{
		echo '{"id":"d#0","doc":"d","content":"alpha one","metadata":{"k":"x"},"chunk":{"index":0,"of":2}}'
		echo '{"id":"d#1","doc":"d","content":"alpha two","metadata":{"k":"y"},"chunk":{"index":1,"of":2}}'
	} | c1v-ingest >/dev/null
	assert_equal "$(words --filter k=x alpha | ids)" "d#0 "
	assert_equal "$(words --filter k=y alpha | ids)" "d#1 "
}

@test "a query record brings a filter, an id and a context" {
	fill_toy
	run bash -c 'printf "%s\n" \
	    "{\"query\":\"customers\",\"filter\":{\"type\":\"note\"},\"id\":7}" \
	    "{\"query\":\"customers\",\"id\":\"second\"}" \
	    "{\"query\":\"zzz\",\"context\":\"logs\"}" | c1v-search --mode keyword --fields id,qid,query'
	assert_success
	assert_output - <<-'EOF'
	{"id":"b#0","qid":7}
	{"id":"a#1","qid":"second"}
	{"id":"b#0","qid":"second"}
	{"id":"c","query":"zzz"}
	EOF
}

@test "a bad query is passed over and named, the others are answered" {
	fill_toy
	run --separate-stderr bash -c 'printf "%s\n" "{\"query\":5}" "{\"query\":\"customers\",\"id\":1}" \
	    "{\"q\":1}" "nonsense" "{\"query\":\"a\",\"filter\":3}" |
	    c1v-search --mode keyword --fields id --rejects bad.ndjson'
	assert_equal "$status" 3
	assert_output - <<-'EOF'
	{"id":"a#1"}
	{"id":"b#0"}
	EOF
	assert_equal "$(grep -c '^c1v-search: -:[0-9]*:' <<<"$stderr")" 4
	assert_equal "$(wc -l <bad.ndjson)" 4
	run bash -c 'echo "{\"query\":5}" | c1v-search --mode keyword'
	assert_failure 65
	run bash -c 'printf "{\"query\":5}\n{\"query\":\"customers\"}\n" | c1v-search --mode keyword --strict'
	assert_failure 65
}

@test "text lines are queries; empty input is no error" {
	fill_toy
	run bash -c 'printf "logs\n\ncustomers\n" | c1v-search -t text --mode keyword --fields id,query -n 1'
	assert_success
	assert_output - <<-'EOF'
	{"id":"c","query":"logs"}
	{"id":"a#1","query":"customers"}
	EOF
	run bash -c 'c1v-search -t text --mode keyword </dev/null'
	assert_success
	run bash -c 'printf "zzz\nlogs\n" | c1v-search -t text --mode keyword --fields id'
	assert_success
	run bash -c 'printf "zzz\nyyy\n" | c1v-search -t text --mode keyword'
	assert_failure 1
}

@test "a coprocess gets each answer before it asks again" {
	fill_toy
	coproc C1V { c1v-search -t text --mode keyword --fields id -n 1; }
	local line q pid=$C1V_PID # bash forgets it when the coprocess ends
	for q in logs customers logs; do
		echo "$q" >&"${C1V[1]}"
		read -r -t 20 line <&"${C1V[0]}"
		[ -n "$line" ]
	done
	eval "exec ${C1V[1]}>&-"
	wait "$pid"
}

@test "a query is never syntax" {
	fill_toy
	for q in 'multi-agent' 'a"b' 'NEAR(' "o'k" '' ' ' '...' '*' '^' 'a AND b' 'NOT' 'content:logs' '{a b}: c' \
	    '-' '""' '"' '(' ')' 'a*' '%' "';--" '🎉' 'ÄÖÜ İ ß' "$(printf '\033[31m')" \
	    "$(printf 'word%d ' {1..2000})" "$(head -c 20000 /dev/zero | tr '\0' 'a')"; do
		for o in --mode=keyword --web; do
			run c1v-search --log-level error --mode keyword "$o" -- "$q"
			[ "$status" -le 1 ] || { echo "$o $q: $status $output"; return 1; }
			refute_output --partial "c1v-search:"
		done
	done
	assert_equal "$(words multi-agent | ids)" "c "
	assert_equal "$(words 'NEAR(logs' | ids)" "c "
	run bash -c 'printf "a\0b\n" | c1v-search -t text --mode keyword'
	assert_failure 65
	run words "$(printf 'caf\351')"
	assert_failure 65
}

@test "--web: phrases, either, and what must not be there" {
	fill_toy
	assert_equal "$(words --web '"customers are"' | ids)" "a#1 b#0 "
	assert_equal "$(words --web '"told customers"' | ids)" ""
	assert_equal "$(words --web 'customers -december' | ids)" "a#1 "
	assert_equal "$(words --web 'customers -"in december"' | ids)" "a#1 "
	assert_equal "$(words --web 'customers hour' | ids)" "a#1 "
	assert_equal "$(words --web 'logs OR hour' | ids)" "a#1 c "
	assert_equal "$(words --web '-customers' | ids)" ""
	# without it these are words like others
	assert_equal "$(words 'customers -december' | ids)" "b#0 a#1 "
	# and excluded words are kept out of the ranking by vector as well
	run bash -c 'echo "{\"query\":\"-customers\",\"embedding\":[1,1,1],\"model\":\"toy\"}" |
	    c1v-search --mode vector --web --fields id'
	assert_output - <<-'EOF'
	{"id":"a#0"}
	{"id":"c"}
	EOF
}

@test "--similar-to: like a chunk, like a document, never itself" {
	fill_toy
	assert_equal "$(c1v-search --similar-to a#0 | ids)" "a#1 b#0 c "
	assert_equal "$(c1v-search --similar-to a | ids)" "b#0 c "
	assert_equal "$(c1v-search --similar-to a#0 --filter type=note -n 1 | ids)" "b#0 "
	run c1v-search --similar-to nobody
	assert_failure 1
	assert_output --partial "no chunk or document nobody"
	run c1v-search --similar-to a#0 words
	assert_failure 64
}

@test "--neighbors joins the chunks around a result by their offsets" {
	fill_toy
	run words --neighbors 1 -n 1 rolled
	assert_success
	assert_equal "$(jq -r .content <<<"$output")" \
	    "The release is rolled back by the engineer on duty. Customers are told within an hour."
	assert_equal "$(jq -c '.chunk | [.index, .start, .end, .line, .end_line, .from, .to]' <<<"$output")" \
	    "[0,0,86,1,2,0,1]"
	assert_equal "$(jq -c '.chunk.headings' <<<"$output")" '["Release","Rolling back"]'
	assert_equal "$(words --neighbors 3 logs | jq -r .content)" \
	    "Logs are kept for ninety days in the multi-agent archive."
}

@test "--per-document and --mmr spread the results" {
	fill_toy
	assert_equal "$(near "[1,0,0]" --per-document 1 | ids)" "a#0 b#0 c "
	assert_equal "$(near "[1,0.9,0.1]" -n 2 | ids)" "a#1 a#0 "
	assert_equal "$(near "[1,0.9,0.1]" -n 2 --mmr 0.3 | ids)" "a#1 c "
	assert_equal "$(near "[1,0.9,0.1]" -n 2 --mmr 1 | ids)" "a#1 a#0 "
	run words --mmr 2 logs
	assert_failure 64
}

@test "--fields picks members, and refuses unknown ones" {
	fill_toy
	assert_equal "$(words --fields id,rank logs)" '{"rank":1,"id":"c"}'
	run words --fields id,nothing logs
	assert_failure 64
	assert_output --partial "there is no field 'nothing'"
}

@test "--explain says what was looked at, also when nothing was found" {
	fill_toy
	run --separate-stderr words --explain customers
	assert_equal "$(jq -c '.explain.rows | [.chunks, .allowed, .keyword_entries]' <<<"${lines[0]}")" "[4,4,2]"
	assert_equal "$(jq -c '.explain.ms.total > 0' <<<"${lines[0]}")" true
	[[ $stderr == *results=2* ]]
	run --separate-stderr words --explain --filter type=guide customers
	[[ $stderr == *"because of the filter"* ]]
	[[ $stderr == *allowed=2* ]]
	run --separate-stderr words --explain zzz
	assert_equal "$status" 1
	[[ $stderr == *results=0* ]]
	run --separate-stderr words --explain --log-format json zzz
	assert_equal "$(jq 'select(.type == "search") | .allowed' <<<"$stderr")" 4
}

@test "for people: place, headings, score, and the words marked" {
	fill_toy
	run words --pretty "who is rolling back"
	assert_success
	assert_line --partial "1. a.md:1  Release > Rolling back  ("
	assert_line --partial "is *rolled* *back* by the engineer"
	assert_line --regexp '^[0-9]+ results? of 4 chunks in [0-9.]+ ms$'
	CLICOLOR_FORCE=1 run words --pretty back
	assert_output --partial $'\033[1mback\033[0m'
	NO_COLOR=1 CLICOLOR_FORCE=1 run words --pretty back
	refute_output --partial $'\033'
	run words --pretty zzz
	assert_failure 1
	assert_output --partial "0 results of 4 chunks"
}

@test "for people: the place in a long text where the words are" {
	{
		printf '{"id":"long","content":"%s needle in it %s"}\n' "$(printf 'hay%03d ' {1..300})" \
		    "$(printf 'straw%03d ' {1..300})"
	} | c1v-ingest >/dev/null
	COLUMNS=60 run words --pretty needle
	assert_line --partial "*needle*"
	refute_output --partial hay001
	for line in "${lines[@]}"; do
		[ ${#line} -le 70 ]
	done
}

@test "for people: control characters are shown, not sent" {
	printf '%s\n' '{"id":"evil\u001b[2J","content":"bad \u001b]0;title\u0007 text \u202e x","source":"s\u001b[0m"}' |
	    c1v-ingest >/dev/null
	run words --pretty bad
	assert_success
	refute_output --partial $'\033'
	refute_output --partial $'\007'
	refute_output --partial $'\u202e'
	assert_output --partial '\x1b'
	# and in a pipe it is valid JSON, as it came
	assert_equal "$(words bad | jq -r .id)" "evil"$'\033'"[2J"
}

@test "another model's vectors are refused, with both names" {
	fill_toy
	run c1v-search --mode vector words
	assert_failure 78
	assert_output --partial "toy"
	assert_output --partial "c1v-embed-en-256"
	run bash -c 'echo "{\"query\":\"q\",\"embedding\":[1,0,0],\"model\":\"other\"}" | c1v-search'
	assert_failure 65
	assert_output --partial "toy"
	assert_output --partial "other"
	run bash -c 'echo "{\"query\":\"q\",\"embedding\":[1,0],\"model\":\"toy\"}" | c1v-search'
	assert_failure 65
	assert_output --partial "2 dimensions"
}

@test "a collection without vectors is searched by words, whatever the mode's default" {
	echo '{"id":"x","content":"only words here"}' | c1v-ingest >/dev/null
	run c1v-search words
	assert_success
	assert_equal "$(jq -r .id <<<"$output")" x
	assert_equal "$(jq -c .scores.keyword_rank <<<"$output")" 1
	run c1v-search --mode vector words
	assert_failure 1
}

@test "a store that grows is searched as it is then" {
	fill_toy
	coproc C1V { c1v-search -t text --mode keyword --fields id -n 9; }
	local line pid=$C1V_PID
	echo logs >&"${C1V[1]}"
	read -r -t 20 line <&"${C1V[0]}"
	[ "$line" = '{"id":"c"}' ]
	echo '{"id":"b2","content":"logs logs logs","embedding":[1,1,1],"model":"toy"}' | c1v-ingest >/dev/null
	echo logs >&"${C1V[1]}"
	read -r -t 20 line <&"${C1V[0]}"
	[ "$line" = '{"id":"b2"}' ]
	read -r -t 20 line <&"${C1V[0]}"
	[ "$line" = '{"id":"c"}' ]
	eval "exec ${C1V[1]}>&-"
	wait "$pid"
}

@test "with the local model: meaning and words, end to end" {
	cp "$root"/share/prd-templates/{feature-prd,launch-plan,incident-review}.md .
	c1v-chunk -M team=product ./*.md | c1v-embed | c1v-ingest >/dev/null
	run c1v-search -n 3 "who decides to roll back a release"
	assert_success
	assert_equal "$(jq -s length <<<"$output")" 3
	assert_equal "$(jq -r '.scores | has("vector") and has("keyword")' <<<"$output" | sort -u)" true
	# the same twice, and the same as one of many
	assert_equal "$(c1v-search -n 3 "who decides to roll back a release")" "$output"
	assert_equal "$(echo "who decides to roll back a release" | c1v-search -t text -n 3)" "$output"
	# words that no model knows are found all the same
	assert_equal "$(c1v-search --mode hybrid -n 1 "zqxv" | wc -l)" "$(c1v-search --mode vector -n 1 "zqxv" | wc -l)"
	run c1v-search --context "an incident at night" -n 1 "who is called first"
	assert_success
}

@test "no cosine is beyond 1: each vector is nearest to itself, at 1" {
	local i

	# Of some of these the quotient of rounded numbers is 1.0000001.
	jq -nc 'range(40) as $i | {doc: "d\($i)", id: "d\($i)#0", content: "x\($i)", chunk: {index: 0, of: 1}, model: "m", dims: 7,
	    embedding: [range(7) | ((. * 37 + $i * 101) % 97 + 1) / 3]}' >in
	c1v-ingest in >/dev/null
	jq -c '{id, query: "x", embedding, model, dims}' in | c1v-search --mode vector -n 1 >out
	assert_equal "$(jq -s 'map(select(.score > 1 or .score < 0.99999)) | length' out)" 0
	assert_equal "$(wc -l <out)" 40
}

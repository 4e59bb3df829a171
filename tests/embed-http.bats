# c1v-embed with a model behind an API, against a scripted server (tests/fake/http.c).

load helper
load fake

setup() {
	c1v_setup
	fake_setup
}

teardown() {
	fake_teardown
}

@test "every record gets its own vector, in order" {
	server
	embed --batch-inputs 3 ten
	all_ten
	asked 4
	assert_equal "$(jq -r .id out | paste -sd' ')" 'r1 r2 r3 r4 r5 r6 r7 r8 r9 r10'
	assert_equal "$(jq -c '[.model,.dims]' out | sort -u)" '["fake-model",8]'
}

@test "arrays are understood as well as base64, and a refusal of base64" {
	server arrays=1
	embed ten
	all_ten
	exec 7>&-
	server nobase64=1
	embed ten
	all_ten
	asked 2
}

@test "records say where their model was asked, without what does not matter or is secret" {
	server
	for base in "http://127.0.0.1:$port/v1/" "HTTP://127.0.0.1:$port/v1/embeddings?api-version=1&key=hidden" \
	    "http://127.0.0.1:$port/v1#x"; do
		embed --api-base "$base" ten
		all_ten
		assert_equal "$(jq -r .api_base out | sort -u)" "http://127.0.0.1:$port/v1"
	done
	# A local model takes it away.
	run -0 bash -c 'c1v-embed --force out | jq "has(\"api_base\")" | sort -u'
	assert_output false
	jq -c '.doc = .id | .id += "#0" | .chunk = {index: 0, of: 1} | del(.dims)' out | c1v-ingest >/dev/null
	for base in 'https://u:p@Api.Example.com:443/v1/,https://api.example.com/v1' 'http://api.example.com:80,http://api.example.com' \
	    'http://api.example.com:443/V1,http://api.example.com:443/V1' 'https://[::1]:8443/,https://[::1]:8443'; do
		OPENAI_BASE_URL=${base%,*} run --separate-stderr c1v-search -m fake-model text
		assert_equal "$status" 78
		assert_equal "$(sed -n '1s/.* would go to //p' <<<"$stderr")" "${base#*,}"
	done
}

@test "--dims is sent, and the answer measured by it" {
	server
	embed --dims 5 ten
	all_ten 5
	exec 7>&-
	plan 'fault=dim'
	embed --dims 5 ten
	fatal 76 'vector of 6 dimensions, not of 5'
}

@test "batches fill by inputs and by tokens" {
	server
	embed --batch-inputs 4 ten
	all_ten
	assert_equal "$(cut -d' ' -f1 log | sort -n | paste -sd' ')" '2 4 4'
	: >log
	# Each text has 2 tokens by the estimate; exactly, in another test.
	embed --batch-tokens 7 ten
	all_ten
	assert_equal "$(cut -d' ' -f1 log | sort -n | paste -sd' ')" '1 3 3 3'
}

@test "order is kept while some answers are late" {
	plan latency=200 latency=0 latency=100 latency=0 latency=50
	embed --batch-inputs 2 ten
	all_ten
	assert_equal "$(jq -r .id out | paste -sd' ')" 'r1 r2 r3 r4 r5 r6 r7 r8 r9 r10'
}

@test "equal texts are asked for once; blank ones never" {
	server
	printf '%s\n' '{"content":"a"}' '{"content":" "}' '{"content":"a"}' '{"content":""}' >in
	embed in
	assert_equal "$status" 0
	assert_equal "$(jq -c '.embedding == null' out | paste -sd' ')" 'false true false true'
	assert_equal "$(cut -d' ' -f1 log)" 1
}

@test "--long: fail, truncate, split-mean" {
	server
	printf '{"content":"%s"}\n' short "$(printf 'word %.0s' $(seq 20))" >in
	embed --max-tokens 10 in
	assert_equal "$status" 3
	assert_equal "$(wc -l <out)" 1
	assert_regex "$(jq -r .error.message rejects)" 'about 21 tokens, the model takes 10'
	for how in truncate split-mean; do
		embed --max-tokens 10 --long "$how" in
		assert_equal "$status" 0
		assert_equal "$(wc -l <out)" 2
	done
	assert_equal "$(cut -d' ' -f1 log | paste -sd' ')" '1 2 3'
}

@test "what passes is tried again: 408, 409, 429, 5xx, lost connections" {
	for s in 408 409 429 500 502 503 529; do
		plan "status=$s header=retry-after-ms:1" "status=$s header=retry-after-ms:1"
		embed ten
		all_ten
		asked 3
		exec 7>&-
	done
	plan fault=reset
	embed ten
	all_ten
	asked 2
	exec 7>&-
	plan fault=cut
	embed ten
	all_ten
}

@test "x-should-retry wins" {
	plan 'status=418 header=x-should-retry:true'
	embed ten
	all_ten
	exec 7>&-
	plan 'status=503 header=x-should-retry:false'
	embed ten
	fatal 69 'status 503'
	asked 1
}

@test "a wait of more than two minutes is not waited for: 75" {
	plan 'status=429 header=Retry-After:121'
	embed ten
	fatal 75 'longer than 120 s'
	asked 1
}

@test "it goes on failing: 75, what was embedded is written, the rest listed" {
	{
		printf '\n\n'
		for i in $(seq 9); do echo "status=503 header=retry-after-ms:1"; done
	} >plan
	server plan=plan
	embed --concurrency 1 --batch-inputs 2 ten
	assert_equal "$status" 75
	assert_equal "$("$fake" check 8 <out)" 4
	assert_equal "$(jq -r .id rejects | paste -sd' ')" 'r5 r6 r7 r8 r9 r10'
	assert_regex "$stderr" '4 records embedded, from ten:5 on 6 not'
	# Two more groups may have been tried while the third one waited.
	assert [ "$(wc -l <log)" -ge 5 ]
	assert [ "$(wc -l <log)" -le 9 ]
	# The rejects can be fed in again.
	exec 7>&-
	server
	mv rejects again
	embed again
	assert_equal "$status" 0
	assert_equal "$("$fake" check 8 <out)" 6
}

@test "for good: key, quota, model, other" {
	while read -r status code fault text; do
		plan "status=$status fault=$fault"
		embed ten
		fatal "$code" "$text"
		asked 1
		exec 7>&-
	done <<-'END'
		401 77 x does not accept the key
		403 77 x does not accept the key
		429 69 quota quota is used up
		402 69 x quota is used up
		404 78 x does not know the model
		418 69 x status 418
		302 76 x redirects
	END
}

@test "error shapes: nested, flat, a string" {
	for shape in nested flat string; do
		plan "status=401 fault=$shape message=secret_${canary}_shown"
		embed ten
		fatal 77 'not shown'
		exec 7>&-
		rm plan
	done
}

@test "answers that are wrong: 76, and nothing of them is passed on" {
	for f in few more dup nan inf zero html error shape empty; do
		plan "fault=$f"
		embed ten
		fatal 76 "the API's answer"
		asked 1
		exec 7>&-
	done
	for f in nan inf zero dup; do
		plan "fault=$f arrays=1"
		embed ten
		fatal 76 "the API's answer"
		exec 7>&-
	done
}

@test "reordered answers and those without an index find their records" {
	plan fault=reorder
	embed ten
	all_ten
	exec 7>&-
	plan fault=noindex
	embed ten
	all_ten
}

@test "a bad text is found by halves and stands alone in the rejects" {
	server
	sed 's/text 7/BADTEXT/; s/text 3/HUGETEXT/' ten >in
	embed in
	assert_equal "$status" 3
	assert_equal "$("$fake" check 8 <out)" 8
	assert_equal "$(jq -r .id rejects | paste -sd' ')" 'r3 r7'
	assert_regex "$(jq -r .error.message rejects | tail -1)" 'status 400: bad text'
}

@test "a server that refuses everything is not asked for ever" {
	server
	seq 200 | sed 's/.*/{"content":"BADTEXT &"}/' >in
	embed in
	assert_equal "$status" 65
	assert_equal "$(wc -l <rejects)" 200
	assert [ "$(wc -l <log)" -lt 60 ]
}

@test "a slow drip meets the deadline" {
	server fault=drip
	embed --timeout 0.3 --retries 1 ten
	assert_equal "$status" 76
	assert_equal "$(wc -l <rejects)" 10
}

@test "where the key may go" {
	for base in http://169.254.169.254/v1 https://169.254.169.254/v1 'https://[fe80::1]/v1' \
	    https://100.100.100.200/v1 'https://[::ffff:169.254.1.1]/v1' http://10.1.2.3/v1 'https://[fd00:ec2::254]/v1'; do
		embed --api-base "$base" ten
		fatal 78 'may not be asked'
	done
	embed --insecure-http --api-base http://169.254.169.254/v1 ten
	fatal 78 'may not be asked'
	for base in http://u:p@127.0.0.1/v1 ftp://127.0.0.1/v1 file:///etc/passwd; do
		embed --api-base "$base" ten
		fatal 64 'API base'
	done
	run env -u OPENAI_API_KEY -u OPENAI_BASE_URL c1v-embed -m text-embedding-3-small ten
	assert_equal "$status" 77
}

@test "Azure: api-key and the version behind the path" {
	server
	AZURE_OPENAI_API_KEY=$canary OPENAI_API_KEY='' embed \
	    --api-base "http://127.0.0.1:$port/openai/deployments/d?api-version=2024-02-01" ten
	all_ten
	assert_regex "$(cat log)" 'POST /openai/deployments/d/embeddings\?api-version=2024-02-01'
}

@test "--usage is what c1v-cost reads; the summary says the totals" {
	server
	embed --usage used --log-level info --log-format json --batch-inputs 5 ten
	all_ten
	assert_equal "$(jq -r '.model, .input_tokens, .tool' used | paste -sd' ')" \
	    'fake-model 35 c1v-embed fake-model 35 c1v-embed'
	assert_equal "$(jq -c 'select(.type == "embed") | [.embedded, .input_tokens, .requests, .retries]' err)" \
	    '[10,70,2,0]'
}

@test "--dry-run counts, prices and asks nobody" {
	server
	run c1v-embed -m text-embedding-3-small --dry-run --batch-inputs 4 ten
	assert_success
	# 10 texts of 3 tokens ("text", " ", a number) at 0.02 dollars a million.
	assert_output '{"model":"text-embedding-3-small","records":10,"hits":null,"tokens":30,"estimated":false,"requests":3,"cost":"0.0000006","seconds":null}'
	run c1v-embed -m unheard-of --dry-run ten
	assert_regex "$output" '"estimated":true.*"cost":null'
	run c1v-embed --dry-run ten
	assert_output '{"model":"c1v-embed-en-256","records":10,"hits":null,"tokens":0,"estimated":false,"requests":0,"cost":"0","seconds":null}'
	assert [ ! -s log ]
	assert [ ! -e "$XDG_STATE_HOME/c1v/ledger.db" ]
}

@test "--dry-run: what is not sent does not count; the time that the rates allow" {
	server
	{
		printf '{"content":"%s"}\n' same same ' ' ''
		jq -nc '{content: ("word " * 30)}'
		echo 'no record'
	} >in
	run --separate-stderr c1v-embed -m text-embedding-3-small --dry-run --max-tokens 10 in
	assert_equal "$status" 3
	assert_equal "$(jq -c '[.records,.tokens,.requests,.cost]' <<<"$output")" '[4,1,1,"0.00000002"]'
	assert_regex "$stderr" 'the text has 31 tokens, the model takes 10'
	run --separate-stderr c1v-embed -m text-embedding-3-small --dry-run --max-tokens 10 --long truncate in
	assert_equal "$(jq -c '[.records,.tokens]' <<<"$output")" '[5,11]'
	run --separate-stderr c1v-embed -m text-embedding-3-small --dry-run --max-tokens 10 --long split-mean in
	# The last of 31 is a space, which would be a part of its own: it is not sent.
	assert_equal "$(jq -c '[.records,.tokens]' <<<"$output")" '[5,31]'
	# 30 tokens in 5 requests: 3 s at 100 requests a minute, 18 s at 100 tokens a minute.
	run c1v-embed -m text-embedding-3-small --dry-run --batch-inputs 2 --rate-requests 100 ten
	assert_regex "$output" '"seconds":3.0'
	run c1v-embed -m text-embedding-3-small --dry-run --batch-inputs 2 --rate-requests 100 --rate-tokens 100 ten
	assert_regex "$output" '"seconds":18.0'
	assert [ ! -s log ]
}

@test "a coprocess gets its answer at once" {
	server
	coproc E { c1v-embed -m m 3>&- 7>&-; }
	echo '{"content":"x"}' >&"${E[1]}"
	read -r -t 10 line <&"${E[0]}"
	assert_regex "$line" '"dims":8'
	kill "$E_PID"
}

@test "c1v-search asks the same model" {
	server
	sed 's/"id"/"doc"/' ten | sed 's/"doc":"\(r[0-9]*\)"/"id":"\1"/' >in
	c1v-embed -m fake-model in | c1v-ingest >/dev/null
	run --separate-stderr c1v-search -m fake-model --mode vector --json -n 1 'text 7'
	assert_equal "$status" 0
	assert_equal "$(jq -r .content <<<"$output")" 'text 7'
	exec 7>&-
	server dims=9
	run c1v-search -m fake-model --api-base "$OPENAI_BASE_URL" --mode vector --json -n 1 'text 7'
	assert_equal "$status" 76
}

# --- tokens ---------------------------------------------------------------------------

small() { # …: text-embedding-3-small, whose tokens and price are known, at the scripted server
	run --separate-stderr c1v-embed -m text-embedding-3-small --encoding base64 --retries 2 --rejects rejects "$@"
	printf '%s\n' "$output" >out
	printf '%s\n' "$stderr" >err
}

@test "tokens of known models are counted: batches fill to the last one" {
	server
	# 3 tokens a text.
	small --batch-tokens 9 ten
	all_ten
	assert_equal "$(cut -d' ' -f1 log | sort -n | paste -sd' ')" '1 3 3 3'
	: >log
	small --batch-tokens 8 ten
	all_ten
	assert_equal "$(cut -d' ' -f1 log | sort -n | paste -sd' ')" '2 2 2 2 2'
	: >log
	# " word" is a token: of 100 texts with 8191 each, 36 fit into 300,000.
	jq -nc 'range(100) | {content: ("\(.)" + " word" * 8190)}' >in
	small in
	assert_equal "$status" 0
	assert_equal "$(cut -d' ' -f1 log | sort -n | paste -sd' ')" '28 36 36'
	: >log
	# And of short ones 2,048.
	seq 5000 | sed 's/.*/{"content":"&"}/' >in
	small in
	assert_equal "$status" 0
	assert_equal "$(cut -d' ' -f1 log | sort -n | paste -sd' ')" '904 2048 2048'
}

@test "a text of 8,191 tokens is sent, one of 8,192 is not, or cut behind a token and a character" {
	server bodies=bodies
	jq -nc '{id: "fits", content: ("x" + " word" * 8190)}, {id: "long", content: ("x" + " word" * 8191)}' >in
	small in
	assert_equal "$status" 3
	assert_equal "$(jq -r .id out)" fits
	assert_regex "$(jq -r .error.message rejects)" 'the text has 8192 tokens, the model takes 8191'
	for text in ' word' '\ud83e\uddd1\u200d\ud83d\ude80' '\u6f22' 'x \n \t' 'zq'; do
		printf '{"content":"%s"}\n' "$text" | jq -c '{content: (.content * 60000)}' >in
		for how in truncate split-mean; do
			: >bodies
			small --long "$how" in
			assert_equal "$status" 0
			jq -c '.input[] | {content: .}' bodies >sent
			run -0 bash -c "c1v-cost tokens -m text-embedding-3-small -t ndjson sent | jq -s 'map(.tokens) | max <= 8191'"
			assert_output true
			# What is sent is how the text begins; in parts, all of it.
			run -0 jq -n --arg how "$how" '[inputs] as $all | $all[0].content as $text |
			    ($all[1:] | map(.content) | add) as $sent |
			    if $how == "truncate" then ($text | startswith($sent)) and $sent != $text
			    else $sent == $text or ($text | ltrimstr($sent) | test("^\\s*$")) end' in sent
			assert_output true
		done
	done
}

# --- the ledger -----------------------------------------------------------------------

ledger() { # SQL
	sqlite3 "$XDG_STATE_HOME/c1v/ledger.db" "$1"
}

@test "each answer is entered in the ledger, with its price, for whom it was" {
	server
	small --batch-inputs 5 --user u1 --project p1 --usage used ten
	all_ten
	# Twice 35 tokens at 20 nano-dollars.
	assert_equal "$(ledger 'SELECT count(*), sum(input), sum(cost), sum(request IS NOT NULL) FROM usage')" '2|70|1400|2'
	run -0 c1v-cost report --by user,project,tool,model --json
	assert_equal "$(jq -c 'select(.user) | [.user,.project,.tool,.model,.cost]' <<<"$output")" \
	    '["u1","p1","c1v-embed","text-embedding-3-small","0.0000014"]'
	assert_equal "$(jq -c '[.user,.project]' used | sort -u)" '["u1","p1"]'
	# The same calls once more, from --usage: they are known.
	run -0 c1v-cost add used
	assert_equal "$(jq -c '[.entered,.known_before]' <<<"$output")" '[0,2]'
}

@test "calls without an id get one, the same in --usage" {
	server noid=1
	small --batch-inputs 2 --usage used ten
	all_ten
	assert_equal "$(ledger 'SELECT count(DISTINCT request) FROM usage')" 5
	run -0 c1v-cost add used
	assert_equal "$(jq -c '[.entered,.known_before]' <<<"$output")" '[0,5]'
}

@test "the summary has the cost, null where the price is not known" {
	server
	small --log-level info --log-format json ten
	assert_equal "$(jq -c 'select(.type == "embed") | .cost' err)" '"0.0000014"'
	embed --log-level info --log-format json ten
	assert_equal "$(jq -c 'select(.type == "embed") | .cost' err)" null
	assert_equal "$(ledger 'SELECT count(*) FROM usage WHERE cost IS NULL')" 1
	echo '{"version":"x","models":[{"model":"fake-model","prices":[{"input":"1"}]}]}' >list
	embed --log-level info --log-format json --prices list ten
	assert_equal "$(jq -c 'select(.type == "embed") | .cost' err)" '"0.00007"'
}

@test "--ledger none, and another one; local models touch none" {
	server
	small --ledger none ten
	all_ten
	c1v-embed ten >/dev/null
	assert [ ! -e "$XDG_STATE_HOME" ]
	C1V_LEDGER=sqlite:$PWD/other small ten
	assert_equal "$(sqlite3 other 'SELECT count(*) FROM usage')" 1
	assert [ ! -e "$XDG_STATE_HOME" ]
	# A ledger that cannot be opened stops the run before anything is spent.
	: >log
	small --ledger sqlite:/dev/null/x ten
	assert_equal "$status" 74
	assert_regex "$stderr" '--ledger none'
	assert [ ! -s log ]
}

@test "a ledger that fails later loses no record: one warning, and 3" {
	server
	c1v-cost budget set --per day 1 >/dev/null
	# Somebody else writes, and does not end.
	mkfifo lock
	sqlite3 "$XDG_STATE_HOME/c1v/ledger.db" >/dev/null 2>&1 <lock 3>&- 7>&- &
	holder=$!
	exec 8>lock
	echo 'BEGIN IMMEDIATE; CREATE TABLE held (a);' >&8
	for i in $(seq 100); do
		run sqlite3 "$XDG_STATE_HOME/c1v/ledger.db" 'BEGIN IMMEDIATE'
		[ "$status" -eq 0 ] || break
		sleep 0.02
	done
	small --batch-inputs 4 --wait 0.1 ten
	exec 8>&-
	wait "$holder" || true
	assert_equal "$status" 3
	assert_equal "$("$fake" check 8 <out)" 10
	assert_equal "$(grep -c 'what is used cannot be entered now' err)" 1
	assert_equal "$(grep -c '3 calls are not entered into the ledger' err)" 1
	assert_equal "$(ledger 'SELECT count(*) FROM usage')" 0
	# The next time it is as ever.
	small ten
	assert_equal "$status" 0
	assert_equal "$(ledger 'SELECT count(*) FROM usage')" 1
}

# --- budgets --------------------------------------------------------------------------

spent() { # nano-dollars that are spent, and reserved
	ledger 'SELECT (SELECT coalesce(sum(cost), 0) FROM usage) || " " || (SELECT coalesce(sum(amount), 0) FROM reservation)'
}

# Ten texts of 3 tokens at 20 nano-dollars: 600.
@test "--budget: what would overspend does not start; what fits does" {
	server tokens=3
	c1v-cost budget set --per day 0.000000599
	small --budget ten
	fatal_budget() {
		assert_equal "$status" 1
		assert_equal "$output" ''
		assert_regex "$stderr" '0.0000006 does not fit into the budget of 0.000000599 dollars'
		assert [ ! -s log ]
	}
	fatal_budget
	small --budget <ten # a file, too, though it is standard input
	fatal_budget
	c1v-cost budget set --per day 0.0000006
	small --budget --batch-inputs 3 ten
	all_ten
	assert_equal "$(spent)" '600 0'
	small --budget --batch-inputs 3 ten
	assert_equal "$status" 1
}

@test "--budget: only those of the user and project" {
	server tokens=3
	c1v-cost budget set --per day --user u1 0.0000001
	small --budget ten
	all_ten
	small --budget --user u2 ten
	all_ten
	small --budget --user u1 ten
	assert_equal "$status" 1
	assert_regex "$stderr" 'user u1'
}

@test "--budget: a pipe is reserved batch by batch, and the run stops between them" {
	server tokens=3
	c1v-cost budget set --per day 0.0000005
	# Not "small": its input would be a file.
	run --separate-stderr bash -c 'cat ten | c1v-embed -m text-embedding-3-small --encoding base64 \
	    --batch-inputs 2 --concurrency 2 --rejects rejects --budget'
	assert_equal "$status" 1
	assert_equal "$("$fake" check 8 <<<"$output")" 8
	assert_regex "$stderr" '8 records embedded, from -:9 on 2 not: .*does not fit into the budget'
	assert_equal "$(jq -r .id rejects | paste -sd' ')" 'r9 r10'
	assert_equal "$(spent)" '480 0'
	asked 4
	c1v-cost budget set --per day 1
	mv rejects again
	small --budget again
	assert_equal "$status" 0
	assert_equal "$("$fake" check 8 <out)" 2
}

@test "--budget: what was held and not used is there for the next batch" {
	# A token a text is said to have been used, where 3 were held: 180 for three texts.
	server tokens=1
	c1v-cost budget set --per day 0.00000036
	run --separate-stderr bash -c 'cat ten | c1v-embed -m text-embedding-3-small --encoding base64 \
	    --batch-inputs 3 --rejects rejects --budget'
	assert_equal "$status" 0
	assert_equal "$(spent)" '200 0'
}

@test "--budget: a run that ends badly gives back what it held" {
	plan '' status=401
	c1v-cost budget set --per day 1
	small --budget --concurrency 1 --batch-inputs 5 ten
	assert_equal "$status" 77
	assert_equal "$(spent)" '700 0'
	exec 7>&-
	server
	sed 's/text 7/BADTEXT/' ten >in
	small --budget in
	assert_equal "$status" 3
	assert_regex "$(spent)" ' 0$'
	run -3 bash -c 'cat in | c1v-embed -m text-embedding-3-small --budget'
	assert_regex "$(spent)" ' 0$'
}

@test "--budget: a run that is interrupted gives back what it held" {
	server latency=300
	c1v-cost budget set --per day 1
	c1v-embed -m text-embedding-3-small --budget --concurrency 1 --batch-inputs 1 --rejects rejects ten \
	    >out 2>err 3>&- 7>&- &
	pid=$!
	while [ "$(ledger 'SELECT count(*) FROM usage' 2>/dev/null || echo 0)" -lt 2 ]; do sleep 0.02; done
	assert_regex "$(spent)" ' [1-9][0-9]*$'
	kill -TERM "$pid"
	wait "$pid" || status=$?
	assert_equal "$status" 143
	assert_regex "$(spent)" ' 0$'
	assert_equal "$(ledger 'SELECT count(*) FROM usage')" "$(wc -l <out)"
	assert_equal "$(cat out rejects | jq -r .id | sort -u | wc -l)" "$(cat out rejects | wc -l)"
}

@test "--budget needs a price and a ledger; local models cost nothing" {
	server
	embed --budget ten
	assert_equal "$status" 78
	assert_regex "$stderr" 'the price of fake-model is not known'
	small --budget --ledger none ten
	assert_equal "$status" 64
	c1v-cost budget set --per day 0
	run -0 c1v-embed --budget ten
	assert [ ! -s log ]
}

@test "--budget: sixteen at once spend all that there is and not a nano-dollar more" {
	server tokens=3
	# 16 * 10 texts of 60 nano-dollars are wanted, there is enough for 101.
	c1v-cost budget set --per day 0.00000606
	one() {
		sed "s/\"r/\"$1-/" ten | c1v-embed -m text-embedding-3-small --encoding base64 --batch-inputs 1 --budget \
		    --log-level silent --rejects "bad$1" >"out$1" 3>&- 7>&-
		echo $?
	}
	export -f one
	run -0 bash -c "seq 16 | xargs -P 16 -I{} bash -c 'one {}' | sort | uniq -c"
	assert_equal "$(spent)" '6060 0'
	assert_equal "$(cat out* | "$fake" check 8)" 101
	assert_equal "$(cat out* bad* | jq -r .id | sort -u | wc -l)" 160
	asked 101
	# The same with files, each of which is reserved as a whole: ten of them fit.
	ledger 'DELETE FROM usage; DELETE FROM day'
	: >log
	whole() {
		c1v-embed -m text-embedding-3-small --batch-inputs 1 --budget --log-level silent ten >/dev/null 3>&- 7>&-
		echo $?
	}
	export -f whole
	run -0 bash -c "seq 16 | xargs -P 16 -I{} bash -c 'whole {}' | sort | uniq -c | tr -s ' '"
	assert_output $' 10 0\n 6 1'
	assert_equal "$(spent)" '6000 0'
}

@test "--rate-requests and --rate-tokens hold a run back" {
	server
	# 5 requests, one each 0.1 s.
	run -0 bash -c 'TIMEFORMAT=%R; { time c1v-embed -m text-embedding-3-small --batch-inputs 2 --rate-requests 600 ten >out; } 2>&1'
	assert [ "${output/./}" -ge 400 ]
	# 10 requests of 3 tokens, 1800 of them a minute.
	run -0 bash -c 'TIMEFORMAT=%R; { time c1v-embed -m text-embedding-3-small --batch-inputs 1 --rate-tokens 1800 ten >out; } 2>&1'
	assert [ "${output/./}" -ge 900 ]
}

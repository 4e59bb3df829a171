# c1v-embed with a model behind an API, against a scripted server (tests/fake/http.c).

load helper

setup() {
	c1v_setup
	fake=$build/fake/http
	canary='canary-key-4711'
	export OPENAI_API_KEY=$canary
	unset http_proxy https_proxy HTTPS_PROXY ALL_PROXY all_proxy SSL_CERT_FILE CURL_CA_BUNDLE AZURE_OPENAI_API_KEY
	seq 10 | sed 's/.*/{"id":"r&","content":"text &"}/' >ten
}

teardown() {
	exec 7>&-
	# The key is in nothing that was written.
	run grep -rl "$canary" "$BATS_TEST_TMPDIR"
	assert_output ''
}

server() { # DIRECTIVE…: one that lives as long as the test
	rm -f fifo port
	mkfifo fifo
	"$fake" serve "$@" log=log <fifo >port 3>&- 7>&- &
	exec 7>fifo
	while [ ! -s port ]; do sleep 0.01; done
	port=$(cat port)
	export OPENAI_BASE_URL=http://127.0.0.1:$port/v1
}

plan() { # a line for each request
	printf '%s\n' "$@" >plan
	server plan=plan
}

embed() {
	run --separate-stderr c1v-embed -m fake-model --encoding base64 --retries 2 --rejects rejects "$@"
	printf '%s\n' "$output" >out
	printf '%s\n' "$stderr" >err
}

all_ten() {
	assert_equal "$status" 0
	assert_equal "$("$fake" check "${1:-8}" <out)" 10
}

asked() { # requests that the server saw
	assert_equal "$(wc -l <log)" "$1"
}

fatal() { # STATUS TEXT: nothing was passed on, every record is listed
	assert_equal "$status" "$1"
	assert_equal "$output" ''
	assert_regex "$stderr" "$2"
	assert_equal "$(wc -l <rejects)" 10
	assert_regex "$stderr" 'from ten:1 on 10 not'
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
	embed --batch-tokens 20 ten
	all_ten
	assert [ "$(wc -l <log)" -gt 2 ]
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
	assert_regex "$(jq -r .error.message rejects)" 'about 50 tokens, the model takes 10'
	for how in truncate split-mean; do
		embed --max-tokens 10 --long "$how" in
		assert_equal "$status" 0
		assert_equal "$(wc -l <out)" 2
	done
	assert_equal "$(cut -d' ' -f1 log | paste -sd' ')" '1 2 6'
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

# bats test_tags=fault
@test "a gzip bomb: 76 in bounded memory" {
	head -c 2000000000 /dev/zero | gzip -1 >bomb
	server "body=$PWD/bomb" header=Content-Encoding:gzip
	run --separate-stderr prlimit --as=400000000 c1v-embed -m m --batch-inputs 10 ten
	assert_equal "$status" 76
	assert_regex "$stderr" 'too large'
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

@test "TLS: a certificate that is not trusted is 77; with its authority it would go on" {
	need openssl
	openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
	    -keyout key.pem -out cert.pem 2>/dev/null
	mkfifo hold
	port=$((20000 + RANDOM % 20000))
	openssl s_server -quiet -accept "$port" -key key.pem -cert cert.pem <hold >seen 2>&1 3>&- &
	tls=$!
	exec 7>hold
	for i in $(seq 100); do (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break; sleep 0.05; done
	embed --api-base "https://localhost:$port/v1" ten
	fatal 77 'certificate is not trusted'
	SSL_CERT_FILE=$PWD/cert.pem embed --api-base "https://127.0.0.1:$port/v1" ten # another name
	fatal 77 'certificate is not trusted'
	run grep -c POST seen
	assert_output 0
	kill "$tls"
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
	# 10 texts of 6 bytes and one of 7: 9 * 3 + 4 = 31 tokens at 0.02 dollars a million.
	assert_output '{"model":"text-embedding-3-small","records":10,"tokens":31,"estimated":true,"requests":3,"cost":"0.00000062"}'
	run c1v-embed -m unheard-of --dry-run ten
	assert_regex "$output" '"cost":null'
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
	run c1v-search -m fake-model --mode vector --json -n 1 'text 7'
	assert_equal "$status" 76
}

@test "a thousand random fault plans: each record is embedded rightly or listed" {
	server random=8
	mkdir outs bads
	one() {
		seq 40 | sed "s/.*/{\"id\":\"$1-&\",\"content\":\"run $1 text &\"}/" |
		    timeout 30 c1v-embed -m m --encoding base64 --dims 8 --batch-inputs 4 --retries 3 --timeout 5 \
			--api-base "http://127.0.0.1:$port/$1/v1" --log-level silent --rejects "bads/$1" >"outs/$1" 3>&- 7>&-
		echo $?
	}
	export -f one
	export port
	seq 1000 | xargs -P 8 -I{} bash -c 'one {}' | sort | uniq -c >codes
	cat codes
	run awk '$2 != 0 && $2 != 75 && $2 != 76 { print }' codes
	assert_output ''
	assert_equal "$(cat outs/* | "$fake" check 8)" "$(cat outs/* | wc -l)"
	assert_equal "$(cat outs/* bads/* | wc -l)" 40000
	assert_equal "$(cat outs/* bads/* | grep -o '"id":"[^"]*"' | sort -u | wc -l)" 40000
}

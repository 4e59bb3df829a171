# c1v-embed and what can go wrong between it and an API: fault plans at random, crowds, TLS, HTTP/2, proxies,
# redirects, addresses, memory. What each answer means is in embed-http.bats.

load helper
load fake
load servers/tls

setup() {
	c1v_setup
	fake_setup
}

teardown() {
	fake_teardown
}

# --- at random ----------------------------------------------------------------------

@test "a thousand random fault plans" {
	local count=1000 jobs=48

	case $build in
	*-san) count=100 jobs=8 ;;
	esac
	mkdir storm
	cd storm
	run "$build/fake/storm" "$build/bin/c1v-embed" "$fake" "${C1V_TEST_SEED:-1}" \
	    $((count * ${C1V_TEST_SCALE:-1})) "$jobs"
	echo "# ${lines[-1]}" >&3
	assert_success
	# Nothing is in the ledger twice, however often it is told.
	cat run/*/usage | grep request_id >all
	c1v-cost add all >/dev/null || [ $? = 3 ] # the price is not known
	c1v-cost add all >/dev/null || [ $? = 3 ]
	assert_equal "$(c1v-cost report --json --by model | jq -s 'map(.calls) | add')" "$(wc -l <all)"
}

# --- crowds -------------------------------------------------------------------------

numbered() { # numbered N [TEXT…]: records whose texts are TEXT 1, TEXT 2, …
	seq "$1" | sed "s/.*/{\"id\":&,\"content\":\"${2-text} &\"}/"
}

flying() { # of each request in order: how many were in flight
	sed -n 's/.* f=\([0-9]*\) .*/\1/p' log
}

@test "429: the number in flight falls to what the server takes, and stays near it" {
	server limit=3 latency=8
	numbered 300 >in
	embed --concurrency 16 --batch-inputs 1 --retries 20 in
	assert_equal "$status" 0
	assert_equal "$("$fake" check 8 <out)" 300
	# At first all that may, at once; later never far above the three that are answered.
	assert [ "$(flying | head -n 16 | sort -n | tail -n 1)" -ge 8 ]
	assert [ "$(flying | tail -n 200 | sort -n | tail -n 1)" -le 6 ]
	assert [ "$(wc -l <log)" -lt 450 ]
}

@test "a crowd that is refused together is one reason to slow down, not sixteen" {
	plan "status=429 hold=1" "status=429 hold=1" "status=429 hold=1" "status=429 hold=1" "rest latency=20"
	numbered 60 >in
	embed --concurrency 16 --batch-inputs 1 in
	assert_equal "$status" 0
	assert [ "$(flying | tail -n 30 | sort -n | tail -n 1)" -ge 8 ]
}

@test "x-ratelimit: no more is sent than is left, and then not before the limit is new" {
	server quota=6 window=150
	numbered 24 >in
	embed --concurrency 4 --batch-inputs 1 in
	assert_equal "$status" 0
	assert_equal "$("$fake" check 8 <out)" 24
	# Of those that were in flight together one may be too many; without heed it is more than half.
	assert [ "$(wc -l <log)" -le 27 ]
}

@test "answers with one thing wrong: 76, each with its reason" {
	printf '{"id":1,"content":"a"}\n' >one
	while IFS='|' read -r answer text; do
		printf '%s' "$answer" >body
		server body=body
		embed one
		[ "$status" = 76 ] || fail "$answer: $status $stderr"
		assert_regex "$stderr" "the API's answer: $text"
		assert_equal "$output" ''
		assert_equal "$(wc -l <rejects)" 1
	done <<-'END'
		{"data":[{"index":0}]}|an item without a vector
		{"data":[{"index":0,"embedding":null}]}|an item without a vector
		{"data":[{"index":0,"embedding":{"a":1}}]}|an item without a vector
		{"data":[{"index":0,"embedding":[]}]}|a vector without numbers
		{"data":[{"index":0,"embedding":""}]}|a vector of a wrong length
		{"data":[{"index":0,"embedding":"AAAA"}]}|a vector that is no base64 of floats
		{"data":[{"index":0,"embedding":"AACA!w=="}]}|a vector that is no base64 of floats
		{"data":[{"index":0,"embedding":["1",2]}]}|a vector of other than numbers
		{"data":[{"index":0,"embedding":[1,[2]]}]}|a vector of other than numbers
		{"data":[{"index":-1,"embedding":[1,2]}]}|an .index. out of range
		{"data":[{"index":0.5,"embedding":[1,2]}]}|an .index. that is no number
		{"data":[{"index":18446744073709551616,"embedding":[1,2]}]}|an .index. that is no number
		{"data":[]}|0 vectors for 1 texts
		{"data":{}}|no .data.
		{"data":"x"}|no .data.
		[1,2]|no JSON object
		"x"|no JSON object
		{"data":[{"index":0,"embedding":[1,2]}]|no JSON object
		{"data":[{"index":0,"embedding":[1,2]}]}{}|no JSON object
		{"data":[{"index":0,"embedding":[01,2]}]}|no JSON object
		{"error":"overloaded"}|an error inside
		{"detail":"x"}|an error inside
	END
	# Nested deeper than anybody needs.
	{
		printf '{"data":'
		printf '[%.0s' $(seq 100000)
	} >body
	server body=body
	embed one
	assert_equal "$status" 76
	{ printf '{"data":[{"index":0,"embedding":['; seq -s, 70000 | tr -d '\n'; printf ']}]}'; } >body
	server body=body
	embed one
	assert_equal "$status" 76
	assert_regex "$stderr" 'a vector of a wrong length'
}

@test "usage that is told otherwise, or not at all" {
	printf '{"id":1,"content":"a"}\n' >one
	while IFS='|' read -r usage tokens; do
		printf '{"data":[{"index":0,"embedding":[3,4]}]%s}' "$usage" >body
		server body=body
		rm -f used
		embed --usage used one
		assert_equal "$status" 0
		assert_regex "$(cat used)" "\"input_tokens\":$tokens,"
		# Of unit length, as c1v-ingest wants them.
		assert_equal "$(c1v-embed -m m one | jq -c '.embedding')" '[0.6,0.8]'
	done <<-'END'
		,"usage":{"prompt_tokens":9}|9
		,"usage":{"total_tokens":8}|8
		,"usage":{"prompt_tokens":-1}|1
		,"usage":{"prompt_tokens":"7"}|1
		,"usage":{}|1
		,"usage":[5]|1
		|1
	END
}

@test "reasons of every shape are shown" {
	while IFS='|' read -r body text; do
		printf '%s' "$body" >body
		server status=403 body=body
		embed ten
		fatal 77 "status 403.: $text"
	done <<-'END'
		{"error":{"message":"nested"}}|nested
		{"error":{"code":"only_code"}}|only_code
		{"error":{"type":"only_type"}}|only_type
		{"error":{"message":7}}|7
		{"error":"a string"}|a string
		{"message":"flat"}|flat
		{"detail":"of a framework"}|of a framework
		{"error":{}}|no reason given
		{"error":null}|no reason given
		[]|no reason given
		<html>|no reason given
		|no reason given
	END
	# Nothing that a terminal would take for more than text.
	printf '{"error":{"message":"a\\u001b[31m\\u0007b\\nc"}}' >body
	server status=403 body=body
	embed ten
	fatal 77 'a .31m b c|a .\[31m b c'
	run grep -c $'\033' err
	assert_output 0
}

@test "a query that the API refuses, or that nobody answers" {
	server
	c1v-embed -m fake-model ten | c1v-ingest >/dev/null
	run --separate-stderr c1v-search -m fake-model --mode vector 'a BADTEXT'
	assert_equal "$status" 65
	assert_regex "$stderr" 'the API refuses the text: status 400'
	server status=401
	run --separate-stderr c1v-search -m fake-model --api-base "$OPENAI_BASE_URL" --mode vector 'text 7'
	assert_equal "$status" 77
}

@test "keys and bases that are none" {
	server
	OPENAI_API_KEY=$'two\nlines' embed ten
	fatal 77 'holds a line break'
	embed --api-base "http://127.0.0.1:$port/v1///" ten
	all_ten
	embed --api-base "http://127.0.0.1:$port/v1/embeddings" ten
	all_ten
	assert_equal "$(grep -c 'POST /v1/embeddings HTTP' log)" 2
	OPENAI_API_KEY='' embed ten # servers of one's own need none
	all_ten
	asked 3
}

@test "a text that always fails is found, while others are answered, and stands alone in the rejects" {
	server
	numbered 40 | sed 's/text 23"/SICKTEXT 23"/' >in
	embed --concurrency 2 --batch-inputs 8 in
	assert_equal "$status" 3
	assert_equal "$("$fake" check 8 <out)" 39
	assert_equal "$(jq .id rejects)" 23
	assert_regex "$(jq -r .error.message rejects)" 'status 503'
}

@test "when more fails than is answered, the circuit opens: 75, what was done is written" {
	server
	{
		numbered 6
		numbered 40 | sed 's/"id":/"id":1/; s/text \([0-9]*[1-9]\)"/SICKTEXT \1"/'
	} >in
	embed --concurrency 2 --batch-inputs 1 in
	assert_equal "$status" 75
	assert_regex "$stderr" 'records embedded, from in:[0-9]* on [0-9]* not'
	assert [ "$("$fake" check 8 <out)" -ge 6 ]
	assert_equal "$(cat out rejects | wc -l)" 46
	assert [ "$(wc -l <log)" -lt 100 ]
}

@test "a server that goes away in the middle: what was done is written, the rest is stated" {
	{
		printf '\n\n\n'
		echo 'rest fault=reset'
	} >plan
	server plan=plan
	embed --concurrency 1 --batch-inputs 2 --retries 1 ten
	assert_equal "$status" 75
	assert_equal "$("$fake" check 8 <out)" 6
	assert_regex "$stderr" '6 records embedded, from ten:7 on 4 not'
	assert_equal "$(jq -r .id rejects | paste -sd' ')" 'r7 r8 r9 r10'
}

@test "what has nothing to do with the texts, said with status 400: no halving" {
	while read -r code words text; do
		# shellcheck disable=SC2086  # words
		server status=400 ${words//,/ }
		embed --dims 8 ten
		fatal "$code" "$text"
		asked 1
	done <<-'END'
		77 code=no_db_connection does not accept the key
		77 code=invalid_api_key does not accept the key
		78 code=model_not_found does not know the model
		78 message=dimensions refuses --dims
	END
}

@test "a long reason is shown, unless it is cut within the key" {
	server status=401 "message=$(printf 'x%.0s' $(seq 250))"
	embed ten
	fatal 77 'xxxxxxxxxx'
	for n in $(seq 165 5 198); do
		server status=401 "message=$(printf 'x%.0s' $(seq "$n")):" echo=1
		embed ten
		fatal 77 'does not accept the key'
		run grep -c cana err
		assert_output 0
	done
}

@test "a key that is a common word hides a reason, but not from us" {
	server
	sed 's/text 7/HUGETEXT/' ten >in
	OPENAI_API_KEY=large embed in # as in "input is too large to process"
	assert_equal "$status" 3
	assert_equal "$(jq -r .id rejects)" r7
	assert_regex "$(jq -r .error.message rejects)" 'not shown'
	OPENAI_API_KEY=x embed in
	assert_equal "$status" 3
	assert_regex "$(jq -r .error.message rejects)" 'input is too large'
}

# --- time ---------------------------------------------------------------------------

@test "a server that never answers, or stops in the middle: the deadline" {
	for wire in mute stall drip; do
		server wire=$wire
		embed --timeout 0.2 --retries 0 ten
		assert [ "$status" = 75 ] || [ "$status" = 76 ]
		assert_regex "$stderr" 'imed out|imeout'
		assert_equal "$(wc -l <rejects)" 10
	done
}

@test "connections that are refused for a while" {
	server late=150
	embed --batch-inputs 4 ten
	all_ten
	plan '' 'shut=150'
	embed --batch-inputs 4 --concurrency 1 ten
	all_ten
}

# --- connections --------------------------------------------------------------------

@test "connections are used again: as many as are in flight, no more" {
	server latency=2
	numbered 80 >in
	embed --concurrency 3 --batch-inputs 2 in
	assert_equal "$status" 0
	asked 40
	assert [ "$(grep -o 'c=[0-9]*' log | sort -u | wc -l)" -le 3 ]
}

@test "gzip and chunked answers; encodings that are unknown or broken are 76" {
	for wire in gzip chunked nolength; do
		server wire=$wire
		embed --batch-inputs 4 ten
		all_ten
	done
	for wire in encoding badgzip gzipcut garbage; do
		server wire=$wire
		embed ten
		fatal 76 "the API's answer"
		asked 1
	done
}

@test "redirects are not followed, to the same host or another one" {
	server
	other=$port
	mv log log-other
	for s in 301 302 303 307 308; do
		for to in "http://127.0.0.1:$other/v1/embeddings" /v1/embeddings "//127.0.0.1:$other/"; do
			rm -f log
			mkfifo fifo2
			"$fake" serve "status=$s" "header=Location:$to" log=log <fifo2 >port2 3>&- 7>&- 9>&- &
			exec 6>fifo2
			while [ ! -s port2 ]; do sleep 0.01; done
			embed --api-base "http://127.0.0.1:$(cat port2)/v1" ten
			fatal 76 "redirects .status $s., which is not followed"
			asked 1
			exec 6>&-
			rm fifo2 port2
		done
	done
	assert [ ! -s log-other ]
}

# --- TLS ----------------------------------------------------------------------------

certificates() {
	need openssl
	tls_make "$PWD/tls"
	for name in right wrong expired; do # with its authority: a chain, as servers send it
		cat "tls/$name.pem" tls/ca.pem >"tls/$name.chain"
	done
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=localhost \
	    -addext subjectAltName=DNS:localhost -keyout tls/self.key -out tls/self.chain 2>/dev/null
	export SSL_CERT_FILE=$PWD/tls/ca.pem
}

secure() { # secure NAME [VERSION]: a server with that certificate before the scripted one
	front tls tls "$port" tls-log "tls/$1.chain" "tls/$1.key" ${2:+"$2"}
	export OPENAI_BASE_URL=https://localhost:$port_tls/v1
}

@test "TLS 1.2 and 1.3 with a private authority" {
	server
	certificates
	for version in 1.2 1.3; do
		secure right "$version"
		embed --batch-inputs 2 --concurrency 1 ten
		all_ten
		assert_equal "$(sort tls-log | paste -sd' ')" "TLSv$version bytes" # one connection for all
	done
	asked 10
	SSL_CERT_FILE='' CURL_CA_BUNDLE=$PWD/tls/ca.pem embed ten
	all_ten
}

@test "a certificate that is expired, another host's, self-signed or of a stranger: 77, and nothing was sent" {
	server
	certificates
	until ! openssl verify -CAfile tls/ca.pem tls/expired.pem >/dev/null 2>&1; do sleep 0.05; done
	for name in wrong expired self; do
		secure $name
		embed ten
		fatal 77 'certificate is not trusted'
		assert_equal "$(grep -cv bytes tls-log)" 1 # once, and not a byte inside
	done
	secure right
	for authorities in "$PWD/tls/stranger.pem" ''; do
		SSL_CERT_FILE=$authorities embed ten
		fatal 77 'certificate is not trusted'
	done
	embed --api-base "https://127.0.0.1:$port_tls/v1" ten # not the name in it
	fatal 77 'certificate is not trusted'
	SSL_CERT_FILE=$PWD/nowhere.pem embed ten
	fatal 77 'certificate is not trusted'
	assert_equal "$(grep -c bytes tls-log || true)" 0
	assert [ ! -s log ]
}

@test "no TLS where TLS was asked for: 77, and nothing was sent" {
	certificates
	server
	OPENAI_BASE_URL=https://127.0.0.1:$port/v1 embed --retries 0 ten
	fatal 77 'failed'
	assert_equal "$(grep -c ten: err)" 1 # not a message for each record
	assert [ ! -s log ]
}

@test "HTTP/2 where it is offered: one connection for all" {
	PATH=$PATH:/usr/sbin # where Debian has it
	need nghttpd
	certificates
	numbered 10 >again
	server wire=close
	# What it says to these ten texts, kept as a file of a server that knows nothing but files.
	mkdir -p root/v1
	exec 5<>"/dev/tcp/127.0.0.1/$port"
	body=$(jq -sc '{model: "fake-model", input: map(.content), encoding_format: "base64"}' again)
	printf 'POST /v1/embeddings HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s' ${#body} "$body" >&5
	sed '1,/^\r$/d' <&5 >root/v1/embeddings
	exec 5>&-
	for _ in $(seq 20); do
		p=$((20000 + RANDOM % 12000))
		nghttpd -v -d root "$p" tls/right.key tls/right.chain >h2-log 2>&1 3>&- 7>&- 9>&- &
		h2=$!
		for _ in $(seq 100); do
			(: <"/dev/tcp/127.0.0.1/$p") 2>/dev/null && break 2
			kill -0 $h2 2>/dev/null || break
			sleep 0.02
		done
		kill $h2 2>/dev/null || true
	done
	# It says the same to three times ten others, which equal texts would not be sent for.
	for i in 1 2 3; do sed "s/text/other $i/" again; done | cat again - >in
	embed --batch-inputs 10 --api-base "https://localhost:$p/v1" in
	kill $h2
	wait $h2 || true
	# The log shows headers, and so the key.
	posts=$(grep -c ':method: POST' h2-log)
	peers=$(grep -o '^\[id=[0-9]*\].*:method: POST' h2-log | cut -d']' -f1 | sort -u | wc -l)
	rm h2-log
	assert_equal "$status" 0
	assert_equal "$(wc -l <out)" 40
	assert_equal "$(head -10 out | "$fake" check 8)" 10
	assert_equal "$posts $peers" '4 1'
}

# --- proxies ------------------------------------------------------------------------

@test "HTTPS_PROXY: the proxy connects, and sees neither key nor texts" {
	server
	certificates
	secure right
	front proxy proxy proxy-log
	HTTPS_PROXY=http://127.0.0.1:$port_proxy embed --usage used ten
	all_ten
	assert_equal "$(head -n 1 proxy-log)" "CONNECT localhost:$port_tls HTTP/1.1"
	assert_equal "$(grep -ciE 'authorization|api-key|text' proxy-log || true)" 0
	# What the proxy says is not what the server says.
	assert_regex "$(jq -r .request_id used)" '^req-'
	: >proxy-log
	HTTPS_PROXY=http://127.0.0.1:$port_proxy NO_PROXY=localhost embed ten
	all_ten
	assert [ ! -s proxy-log ]
}

@test "HTTP_PROXY is used for nothing; plain http asks no proxy at all" {
	server
	certificates
	plain=$OPENAI_BASE_URL
	secure right
	front proxy proxy proxy-log
	p=http://127.0.0.1:$port_proxy
	HTTP_PROXY=$p http_proxy=$p embed ten
	all_ten
	HTTP_PROXY=$p http_proxy=$p HTTPS_PROXY=$p https_proxy=$p ALL_PROXY=$p embed --api-base "$plain" ten
	all_ten
	assert [ ! -s proxy-log ]
}

@test "a proxy that refuses, is not there, or is asked for a forbidden address" {
	certificates
	front proxy proxy proxy-log 407
	export HTTPS_PROXY=http://127.0.0.1:$port_proxy
	embed --api-base https://localhost/v1 ten
	fatal 78 'the proxy refuses with status 407'
	assert_equal "$(grep -c CONNECT proxy-log)" 1
	: >proxy-log
	embed --api-base https://169.254.169.254/v1 ten
	fatal 78 'may not be asked'
	assert [ ! -s proxy-log ]
	HTTPS_PROXY=http://169.254.169.254:80 embed --api-base https://localhost/v1 ten
	fatal 78 'may not be asked'
	server late=100000 # nobody listens there
	HTTPS_PROXY=http://127.0.0.1:$port embed --retries 0 --api-base https://localhost/v1 ten
	fatal 75 'failed'
}

# --- addresses ----------------------------------------------------------------------

@test "addresses in every form: metadata and link-local ones are refused" {
	for host in 169.254.169.254 2852039166 0xa9fea9fe 0xa9.0xfe.0xa9.0xfe 0251.0376.0251.0376 169.254.43518 \
	    169.16689662 169.254.0.1 0.0.0.0 0 100.100.100.200 224.0.0.1 255.255.255.255 \
	    '[::ffff:169.254.169.254]' '[::ffff:a9fe:a9fe]' '[0:0:0:0:0:ffff:a9fe:a9fe]' '[::a9fe:a9fe]' \
	    '[64:ff9b::a9fe:a9fe]' '[2002:a9fe:a9fe::]' '[fe80::1]' '[fe80::1%25lo]' '[fd00:ec2::254]' '[::]' '[ff02::1]'; do
		for scheme in http https; do
			run --separate-stderr c1v-embed -m m --insecure-http --retries 0 --connect-timeout 0.5 \
			    --api-base "$scheme://$host/v1" ten
			[ "$status" = 78 ] || fail "$scheme://$host: $status $stderr"
			assert_regex "$stderr" 'may not be asked'
		done
	done
}

@test "addresses in every form: this machine may be asked in plain http, others not" {
	server
	for host in localhost LOCALHOST 127.0.0.1 127.1 2130706433 0x7f000001 0177.0.0.1; do
		embed --api-base "http://$host:$port/v1" ten
		[ "$status" = 0 ] || fail "$host: $stderr"
	done
	for host in 10.0.0.1 192.168.0.1 8.8.8.8 134744072 '[2001:db8::1]' '[::ffff:8.8.8.8]'; do
		embed --retries 0 --connect-timeout 0.5 --api-base "http://$host:$port/v1" ten
		fatal 78 'may not be asked'
	done
}

# bats test_tags=fault
@test "names are judged by what they mean" {
	shim=$build/test/resolve.so
	server
	export LD_PRELOAD=$shim
	RESOLVE=127.0.0.1 embed --api-base "http://models.example:$port/v1" ten
	all_ten
	for means in 169.254.169.254 ::ffff:169.254.169.254 fe80::1 0.0.0.0; do
		RESOLVE=$means embed --insecure-http --api-base http://models.example/v1 ten
		fatal 78 'may not be asked'
		RESOLVE=$means embed --api-base https://models.example/v1 ten
		fatal 78 'may not be asked'
	done
	RESOLVE=10.0.0.1 embed --api-base http://models.example/v1 ten
	fatal 78 'may not be asked'
}

# --- what a server repeats, and memory ----------------------------------------------

@test "a server that repeats the key gets it into no file" {
	for words in 'echo=1' 'echo=1 status=401' 'echo=1 fault=html' 'echo=1 status=400' 'echo=1 status=503'; do
		# shellcheck disable=SC2086  # words
		server $words
		embed --retries 0 --usage used --log-level debug --log-format json ten
		assert [ "$(wc -l <log)" -gt 0 ]
		run grep -l "$canary" out err rejects used
		assert_output ''
	done
}

# bats test_tags=fault
@test "a gzip bomb, and an answer that is too large: 76 in bounded memory" {
	need prlimit
	server wire=bomb
	run --separate-stderr prlimit --as=300000000 c1v-embed -m m --batch-inputs 10 ten
	assert_equal "$status" 76
	assert_regex "$stderr" 'too large'
	truncate -s 200M large
	server body=large
	run --separate-stderr prlimit --as=300000000 c1v-embed -m m --batch-inputs 10 ten
	assert_equal "$status" 76
	assert_regex "$stderr" 'too large'
}

@test "as much as an answer may need: numbers in full, one a line, indented" {
	server
	numbered 10 >in
	jq -nc '[range(10) | {index: ., embedding: [range(2000) | -1.2345678901234567e-05]}] | {data: .}' |
	    jq --indent 7 . >body
	server body=body dims=2000
	embed --dims 2000 in
	assert_equal "$status" 0
	assert_equal "$(wc -l <out)" 10
}

largest() { # largest COMMAND…: its largest resident set, KiB
	python3 -c 'import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' "$@"
}

# bats test_tags=fault
@test "memory does not grow with the number of records" {
	need python3
	server dims=64
	numbered 3000 'some text that is a little longer than a number, of record' >few
	numbered 30000 'some text that is a little longer than a number, of record' >many
	few=$(largest c1v-embed -m m --batch-inputs 100 few)
	many=$(largest c1v-embed -m m --batch-inputs 100 many)
	echo "# $few KiB for 3,000 records, $many KiB for 30,000" >&3
	assert [ "$many" -lt $((few + few / 5)) ]
}

# fake: a scripted embeddings server (tests/fake/http.c) for a test, `load fake` after `load helper`.
#
#     fake_setup         after c1v_setup: a key that must be in nothing that is written, ten records
#     server DIRECTIVE…  one that lives as long as the test, or until the next; log is its log
#     plan LINE…         the same with a line for each request
#     embed ARGUMENT…    c1v-embed; its output is in out, its messages in err, what it refused in rejects
#     front NAME WORD…   something before a server (tests/fake/front.c): its port is in port_NAME
#     fake_teardown      the servers end, and the key is looked for

fake_setup() {
	fake=$build/fake/http
	canary='canary-key-4711'
	export OPENAI_API_KEY=$canary
	unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy NO_PROXY no_proxy
	unset SSL_CERT_FILE CURL_CA_BUNDLE AZURE_OPENAI_API_KEY
	export C1V_CACHE=none # what a test is asked for anew is to be asked for
	seq 10 | sed 's/.*/{"id":"r&","content":"text &"}/' >ten
	mkfifo forever
	exec 9<>forever
}

fake_teardown() {
	exec 7>&- 9>&-
	run grep -rl "$canary" "$BATS_TEST_TMPDIR"
	assert_output ''
}

server() {
	exec 7>&-
	rm -f fifo port
	mkfifo fifo
	"$fake" serve "$@" log=log <fifo >port 3>&- 7>&- 9>&- &
	exec 7>fifo
	while [ ! -s port ]; do sleep 0.01; done
	port=$(cat port)
	export OPENAI_BASE_URL=http://127.0.0.1:$port/v1
}

plan() {
	printf '%s\n' "$@" >plan
	server plan=plan
}

front() {
	local name=$1

	shift
	rm -f "front-$name"
	# It ends when nobody holds the other end of its input, which only this test does.
	"$build/fake/front" "$@" <forever >"front-$name" 3>&- 7>&- 9>&- &
	while [ ! -s "front-$name" ]; do sleep 0.01; done
	printf -v "port_$name" %s "$(cat "front-$name")"
}

embed() {
	run --separate-stderr c1v-embed -m fake-model --encoding base64 --retries 2 --rejects rejects "$@"
	printf '%s\n' "$output" >out
	printf '%s\n' "$stderr" >err
}

all_ten() { # every record with its own vector
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

#!/usr/bin/env bats
# The way to Redis (net/redis.h), by a small program of scripts (tests/fake/redis.c): against servers, and
# against one that says what it is told (tests/fake/resp.c).

load helper
load servers/tls
load servers/redis

setup_file() {
	redis_start plain
	[ -n "${redis_missing-}" ] || redis_accounts
}

redis_accounts() {
	redis_start secret --requirepass 'canary pw/4711@x'
	redis_start acl --user default off \
	    --user reader on '>canary-reader' '~*' +get +ping --user two@words on '>canary-a:b/c@d?e#f%g' '~*' +@all
	redis_tls tls right --requirepass canary-tls
	redis_tls wrong wrong --requirepass canary-tls
	redis_tls expired expired --requirepass canary-tls
}

teardown_file() {
	redis_stop
}

setup() {
	c1v_setup
	redis_need
	export C1V_LIB=$build/lib/c1v
	unset SSL_CERT_FILE
	rcli plain flushall >/dev/null
}

teardown() {
	exec 7>&-
	# No password is in anything that was written.
	run grep -rl canary- "$BATS_TEST_TMPDIR"
	assert_output ''
}

# sick URL [OPTION…]: as redis, with the limits that there are by default.
sick() {
	status=0
	"$build/fake/redis" "$@" >out 2>err || status=$?
	output=$(cat out)
	cat err >&2
}

# redis URL [OPTION…]: the lines of stdin; the limits are those of a busy machine.
redis() {
	status=0
	"$build/fake/redis" "$1" connect=10 timeout=10 "${@:2}" >out 2>err || status=$?
	output=$(cat out)
	cat err >&2
}

# fake LINE…: a scripted server, as long as the test lives; $fake is its URL.
fake() {
	rm -f fifo port
	mkfifo fifo
	"$build/fake/resp" log=log "$@" <fifo >port 3>&- 7>&- &
	exec 7>fifo
	while [ ! -s port ]; do sleep 0.01; done
	fake=redis://127.0.0.1:$(cat port)
}

@test "commands and their replies, by TCP and by a Unix socket" {
	for url in "$(redis_url plain)" "$(redis_unix plain)" "redis://localhost:$(redis_port plain)/"; do
		rcli plain flushall >/dev/null
		redis "$url" <<-'END'
			PING
			SET k a%00%ff%0d%0ab ; GET k ; GET none
			INCR n ; INCR k ; LPUSH l x y ; MGET k n l none
			=0 EVAL return{{1,{'a'}},{}} 0
		END
		assert_output - <<-'END'
			+PONG
			+OK
			"a%00%ff%0d%0ab"
			nil
			:1
			-ERR value is not an integer or out of range
			:2
			["a%00%ff%0d%0ab" "1" nil nil]
			[[:1 ["a"]] []]
		END
	done
}

# times N TEXT
times() {
	printf "%.0s$2" $(seq "$1")
}

# every_line PATTERN: a pattern that each line of the output matches.
every_line() {
	assert_equal "$(grep -cE "$1" out)/$(wc -l <out)" "$(wc -l <out)/$(wc -l <out)"
}

@test "a pipeline that fills the sockets both ways does not lock up" {
	for url in "$(redis_url plain)" "$(redis_unix plain)"; do
		redis "$url" <<<"*20000 =0 ECHO $(times 2000 x)# => $(times 2000 x)#"
		assert_output '20000 right, 0 errors'
	done
}

@test "large values go there and come back" {
	{
		echo "*1 SET big $(times 40000 "$(times 100 v)") => OK"
		echo "*3 GET big => $(times 40000 "$(times 100 v)")"
		echo 'SETRANGE huge 100000000 x ; STRLEN huge'
		echo 'MGET big huge ; PING'
	} >script
	redis "$(redis_url plain)" <script
	assert_output --partial '1 right, 0 errors
3 right, 0 errors'
	assert_output --partial '(4000000)" "%00%00'
	assert_output --partial '(100000001)"'
	assert_output --partial '+PONG'
}

@test "an array may be long, and nested" {
	redis "$(redis_url plain)" <<-'END'
		=0 EVAL local%20t={}%20for%20i=1,300000%20do%20t[i]=i%20end%20return%20t 0
		=0 EVAL local%20t={}%20for%20i=1,100%20do%20t[i]={{i,'x'},i}%20end%20return%20t 0
	END
	assert_output --partial ':100 … 300000]'
	assert_output --partial '[[:99 "x"] :99] [[:100 "x"] :100]]'
}

# --- URLs, users, databases --------------------------------------------------

@test "a database, and the name of the connection" {
	redis "$(redis_url plain)/3" <<<$'SET k three\n?name\n?cluster\n?nodes'
	assert_output "+OK
$(redis_url plain)/3
cluster 0
nodes 1"
	assert_equal "$(rcli plain -n 3 get k)" three
	redis "$(redis_unix plain)?db=3" <<<$'GET k\n?name'
	assert_output "\"three\"
$(redis_unix plain)?db=3"
	redis "unix://$redis_dir/%70lain/socket" <<<'GET k'
	assert_output nil
	redis "$(redis_url plain)/99" <<<'GET k'
	assert_output --regexp '^error 78 .*DB index is out of range'
}

@test "a password, and a user with one" {
	local port acl
	port=$(redis_port secret) acl=$(redis_port acl)
	redis "redis://:canary%20pw%2F4711%40x@127.0.0.1:$port/2" <<<$'SET a 1\n?name'
	assert_output "+OK
redis://127.0.0.1:$port/2"
	redis "redis://default:canary%20pw%2f4711%40x@127.0.0.1:$port" <<<'GET a'
	assert_output nil
	redis "unix://:canary%20pw%2F4711%40x@$redis_dir/secret/socket?db=2" <<<'GET a'
	assert_output '"1"'
	redis "redis://two%40words:canary-a%3Ab%2Fc%40d%3Fe%23f%25g@127.0.0.1:$acl" <<<'SET k v'
	assert_output '+OK'
	redis "redis://reader:canary-reader@127.0.0.1:$acl" <<<'GET k ; PING'
	assert_output '"v"
+PONG'
}

@test "a user that may not: each refusal is told from a failure" {
	local port acl
	port=$(redis_port secret) acl=$(redis_port acl)
	redis "redis://:canary-wrong@127.0.0.1:$port" <<<'PING'
	assert_output --regexp '^error 77 .*WRONGPASS'
	redis "redis://nobody:canary-wrong@127.0.0.1:$acl/1" <<<'PING'
	assert_output --regexp '^error 77 .*WRONGPASS'
	redis "redis://127.0.0.1:$port" <<<$'PING\n?refusal PING'
	assert_output --regexp $'^-NOAUTH .*\nerror 77 '
	redis "redis://127.0.0.1:$port/1" <<<'PING'
	assert_output --regexp '^error 77 .*NOAUTH'
	redis "redis://reader:canary-reader@127.0.0.1:$acl" <<<$'SET k v ; PING\n?refusal SET k v\n?nodes'
	assert_output --regexp $'^-NOPERM [^\n]*\n\+PONG\nerror 77 [^\n]*\nnodes 1$'
	redis "redis://reader:canary-reader@127.0.0.1:$acl/1" <<<'PING'
	assert_output --regexp '^error 77 .*NOPERM'
	redis "redis://:canary-none@127.0.0.1:$(redis_port plain)" <<<'PING'
	assert_output --regexp '^error 77 .*without any password'
}

@test "a URL that is malformed is refused without being shown" {
	for url in redis: redis:/x redis:// redis://:1/2 'redis://canary-user@h' 'redis://:canary-%zz@h' 'redis://:canary-%00@h' \
	    'redis://:canary-/pw@h' redis://h:0 redis://h:65536 redis://h:1x redis://h/x redis://h/-1 'redis://h?x=canary-y' \
	    'redis://h?db=z' 'redis://h#canary-f' 'redis://[::1' 'redis://[::1]x' 'redis://[]' 'redis://a b' 'redis://a%20b' \
	    unix:// unix://host/path 'unix:///a%0' "redis://$(times 256 a)" http://h; do
		redis "$url" </dev/null
		assert_equal "$url $status" "$url 64"
		refute_output --partial canary
	done
	for url in redis://h redis://h/ redis://h:1/2 'redis://:p@h' 'redis://u:@h' 'redis://:@h' 'redis://u:p@h' 'REDIS://h' \
	    'redis://[::1]:1/2' 'rediss://h?db=2' 'unix:///a%20b?db=2' unix:///a 'redis://:a:b@c@h'; do
		redis "$url" </dev/null
		assert_equal "$url $status" "$url 0"
	done
}

@test "an address that may not be asked is refused, wherever it comes from" {
	redis redis://169.254.169.254 <<<'PING'
	assert_output --regexp '^error 78 .*may not be asked'
	redis 'redis://[fe80::1]:1' <<<'PING'
	assert_output --regexp '^error 78 redis://\[fe80::1\]:1/0'
	fake 'say -MOVED 1 169.254.169.254:6379%0d%0a'
	redis "$fake" <<<'GET a'
	assert_output --regexp '^error 78 .*may not be asked'
}

@test "IPv6, by number and where localhost has it" {
	redis_start six --bind 127.0.0.1 ::1 || skip 'there is no IPv6 here'
	redis "redis://[::1]:$(redis_port six)/1" <<<$'PING\n?name'
	assert_output "+PONG
redis://[::1]:$(redis_port six)/1"
}

# --- connections that fail ------------------------------------------------------

@test "nobody there: one line that says so" {
	redis redis://127.0.0.1:1 <<<'PING'
	assert_output 'error 75 redis://127.0.0.1:1/0: Connection refused'
	redis redis://no-such-host.invalid <<<'PING'
	assert_output --regexp '^error 75 redis://no-such-host.invalid:6379/0: '
	redis unix:///nowhere/socket <<<'PING'
	assert_output 'error 75 unix:///nowhere/socket?db=0: No such file or directory'
	redis "unix:///$(times 120 a)" <<<'PING'
	assert_output --regexp '^error 78 .*at most 107 bytes'
}

# bats test_tags=fault
@test "a name that takes long to be found is not waited for" {
	LD_PRELOAD=$build/test/slowname.so "$build/fake/redis" redis://localhost:1 >out <<<$'PING\nPING'
	every_line '^error 75 redis://localhost:1/0: no connection within 50 ms$'
	assert_equal "$(wc -l <out)" 2
}

@test "a server that hangs is given up, and a late reply is nobody's" {
	rcli plain mset a A b B >/dev/null
	sick "$(redis_url plain)" connect=10 <<-END
		GET a
		!$redis_cli -s $redis_dir/plain/socket client pause 400 >pause
		GET a ; GET a
		GET a
		!sleep 0.5
		GET b
		GET a ; GET b
	END
	assert_output "\"A\"
error 75 $(redis_url plain)/0: no answer within 100 ms
error 75 $(redis_url plain)/0: no answer within 100 ms
\"B\"
\"A\"
\"B\""
}

@test "a fake that answers late: the next command gets its own answer" {
	fake 'late 300 say%0d%0a' 'say $5%0d%0aright%0d%0a'
	sick "$fake" connect=10 <<<$'GET a\nGET b'
	assert_output "error 75 $fake/0: no answer within 100 ms
\"right\""
}

@test "a slow drip has an end" {
	fake "drip 40 \$60%0d%0a$(times 60 x)%0d%0a" 'say +OK%0d%0a'
	sick "$fake" connect=10 <<<$'GET a\nGET b'
	assert_output "error 75 $fake/0: not done within 1000 ms
+OK"
}

@test "a server that stops in the middle of a pipeline" {
	redis_start victim
	sick "$(redis_url victim)" connect=10 timeout=5 <<-END
		SET a 1
		SET b 2 ; =0 DEBUG SLEEP 0.2 ; GET a
		!(sleep 0.1; kill -9 $(cat "$redis_dir/victim/pid")) &
		GET a ; =0 DEBUG SLEEP 5 ; GET b
		GET a
	END
	assert_output --regexp "^\\+OK
\\+OK
\\+OK
\"1\"
error 75 $(redis_url victim)/0: the connection was lost[^
]*
error 75 $(redis_url victim)/0: [^
]*$"
	redis_again victim
}

@test "a server that went and came between two calls is not noticed" {
	redis_start phoenix
	cat >again <<-END
		source $root/tests/servers/redis.bash
		redis_kill phoenix
		redis_again phoenix
	END
	redis "$(redis_url phoenix)/1" <<-'END'
		SET a 1
		!bash ./again
		SET a 2 ; GET a
		!bash ./again
		GET a
	END
	assert_output '+OK
+OK
"2"
nil'
}

@test "a connection that was closed while nothing was asked is renewed" {
	redis "$(redis_url plain)" <<-END
		SET a 1
		!$redis_cli -s $redis_dir/plain/socket client kill type normal >kill
		GET a
	END
	assert_output '+OK
"1"'
	fake 'say +OK%0d%0a' 'say +OK%0d%0a+STRAY%0d%0a' 'say +RIGHT%0d%0a'
	redis "$fake" <<<$'GET a\nGET b\nGET c'
	assert_output "+OK
error 76 $fake/0: an answer that is not taken: more than was asked for
+RIGHT"
}

@test "closed and reset connections, also while much is being sent" {
	fake close reset 'tail +OK%0d%0a$10%0d%0ahalf' close reset 'say +OK%0d%0a'
	redis "$fake" <<-END
		GET a
		GET a
		GET a ; GET b
		*20000 SET k $(times 2000 x)
		*20000 SET k $(times 2000 x)
		GET a
	END
	assert_equal "$status" 0 # not the end by SIGPIPE
	assert_equal "$(grep -c '^error 75 .*the connection was lost' out)" 5
	assert_equal "$(tail -n 1 out)" +OK
}

@test "asked to stop while waiting" {
	fake hang
	"$build/fake/redis" "$fake" timeout=20 >out <<<'GET a' &
	while ! [ -s log ]; do sleep 0.01; done
	kill -TERM $!
	wait $!
	assert_equal "$(cat out)" "error 75 $fake/0: interrupted"
	exec 7>&-
	fake 'greet hang'
	"$build/fake/redis" "rediss${fake#redis}" connect=20 >out <<<'GET a' &
	sleep 0.2 # TLS has begun: nothing tells
	kill -TERM $!
	wait $!
	assert_equal "$(cat out)" "error 75 rediss${fake#redis}/0: interrupted"
}

@test "a queue of connections that is full" {
	local i jobs
	redis_start narrow --tcp-backlog 1
	redis_pause narrow
	for i in 1 2 3 4 5; do
		"$build/fake/redis" "$(redis_unix narrow)" timeout=0.5 <<<'GET a' >out$i &
		jobs[i]=$!
	done
	wait "${jobs[@]}"
	redis_resume narrow
	assert_regex "$(cat out?)" 'no answer within 500 ms'
	assert_regex "$(cat out?)" 'no connection within 50 ms'
}

# bats test_tags=fault
@test "no files can be opened any more" {
	need prlimit
	few() { # N URL
		exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
		prlimit --nofile="$1" "$build/fake/redis" "$2" <<<'GET a'
	}
	for n in 4 5; do
		run few $n "$(redis_url plain)"
		assert_output "error 75 $(redis_url plain)/0: Too many open files"
	done
	run few 4 "$(redis_unix plain)"
	assert_output nil
}

# --- hostile replies --------------------------------------------------------------

@test "what no Redis server says is refused, and the next call begins anew" {
	local junk=('HTTP/1.1 400 Bad Request%0d%0a' '$-5%0d%0a' '$99999999999999999999%0d%0a' '$x%0d%0a' "\$$(times 40 1)"
	    ':abc%0d%0a' ':99999999999999999999%0d%0a' '*-2%0d%0a' '*x%0d%0a' '*4294967296%0d%0a' '*99999999999999%0d%0a'
	    '%25%31%0d%0a+a%0d%0a+b%0d%0a' '~1%0d%0a+a%0d%0a' '>1%0d%0a+a%0d%0a' ',1.5%0d%0a' '#t%0d%0a' '(123%0d%0a'
	    '=5%0d%0atxt:a%0d%0a' '%00%00%00' '%15%03%03%00%02%02%28' '+OK%0d%0a+OK%0d%0a' "$(times 9 '*1%%0d%%0a')+x%0d%0a"
	    '+a%0db%0d%0a' '*2%0d%0a+a%0d%0a,1%0d%0a')
	for text in "${junk[@]}"; do
		fake "say $text" 'say +OK%0d%0a'
		redis "$fake" <<<$'GET a\nGET b'
		assert_equal "$text $(grep -c '^error 76 ' out) $(tail -n 1 out)" "$text 1 +OK"
		exec 7>&-
	done
	fake "say $(times 8 '*1%%0d%%0a')+x%0d%0a" 'say *-1%0d%0a' 'say *0%0d%0a' 'say *2%0d%0a*-1%0d%0a*0%0d%0a' 'say _%0d%0a'
	redis "$fake" <<<$'GET a\nGET a\nGET a\nGET a\nGET a'
	assert_output '[[[[[[[[+x]]]]]]]]
nil
[]
[nil []]
nil'
}

# bats test_tags=fault
@test "endless and announced amounts are refused in little memory" {
	need prlimit
	for line in 'endless x' 'endless +x' 'endless *1%0d%0a' 'endless *1000000000%0d%0a' 'say *4000000000%0d%0a' \
	    'say $4000000000%0d%0a' 'say $536870913%0d%0a' 'endless +a%0d%0a' 'endless :1%0d%0a' 'endless -'; do
		fake "$line" 'say +OK%0d%0a'
		prlimit --as=$((100 << 20)) "$build/fake/redis" "$fake" connect=10 timeout=10 max=$((16 << 20)) >out <<<$'GET a\nGET b'
		assert_equal "$line $(grep -c '^error 76 ' out) $(tail -n 1 out)" "$line 1 +OK"
		exec 7>&-
	done
	# A long array that goes on and on, and a text that is announced just small enough.
	fake "say *2000000%0d%0a" 'say +OK%0d%0a'
	prlimit --as=$((100 << 20)) "$build/fake/redis" "$fake" connect=10 timeout=10 max=$((16 << 20)) >out <<<$'GET a\nGET b'
	assert_equal "$(sed 's/ redis.*: / /' out)" 'error 76 a reply is too large
+OK'
	exec 7>&-
	fake 'greet say *300000%0d%0a' 'endless :1%0d%0a'
	prlimit --as=$((100 << 20)) "$build/fake/redis" "$fake" connect=10 timeout=10 max=$((16 << 20)) >out <<<'GET a'
	assert_equal "$(grep -c '^error 76 .*too large' out)" 1
	exec 7>&-
	fake 'greet say *300000%0d%0a' "endless \$$(times 4 0)1000%0d%0a$(times 1000 x)%0d%0a"
	prlimit --as=$((100 << 20)) "$build/fake/redis" "$fake" connect=10 timeout=10 max=$((16 << 20)) >out <<<'GET a'
	assert_equal "$(grep -c '^error 76 ' out)" 1
	exec 7>&-
	fake 'greet say *300000%0d%0a' "endless \$1000%0d%0a$(times 1000 x)%0d%0a"
	prlimit --as=$((100 << 20)) "$build/fake/redis" "$fake" connect=10 timeout=10 max=$((16 << 20)) >out <<<'GET a'
	assert_equal "$(grep -c '^error 76 .*too large' out)" 1
}

@test "the cap holds for each reply, not for all of them" {
	rcli plain setrange a 900000 x >/dev/null
	redis "$(redis_url plain)" max=1000000 <<-'END'
		*50 STRLEN a => #
		GET a ; GET a ; GET a ; PING
		SETRANGE a 1000000 x
		GET a
		PING
	END
	assert_equal "$(grep -c '(900001)"$' out)" 3
	assert_output --regexp $'\nerror 76 [^\n]*: a reply is too large[^\n]*\n\+PONG$'
}

@test "a reply that is cut at any byte is no reply" {
	local text=$'*3\r\n$3\r\nabc\r\n*1\r\n:12\r\n$-1\r\n' lines=() n
	for ((n = 0; n < ${#text}; n++)); do
		lines+=("tail $(printf %s "${text:0:n}" | od -An -v -tx1 | tr -d '\n' | tr ' ' %)")
	done
	fake "${lines[@]}" "say $(printf %s "$text" | od -An -v -tx1 | tr -d '\n' | tr ' ' %)"
	redis "$fake" < <(times $((${#text} + 1)) 'GET a\n')
	assert_equal "$(grep -c '^error 75 .*the connection was lost$' out)" "${#text}"
	assert_equal "$(tail -n 1 out)" '["abc" [:12] nil]'
}

@test "a reply that comes in pieces is the same" {
	local whole='%2a3%0d%0a$3%0d%0aabc%0d%0a*2%0d%0a:-12%0d%0a+x%0d%0a$-1%0d%0a'
	fake "drip 1 $whole" "drip 1 *-1%0d%0a" 'drip 1 $0%0d%0a%0d%0a' 'drip 1 -ERR x%0d%0a' 'drip 1 *0%0d%0a'
	redis "$fake" <<<$'GET a\nGET a\nGET a\nGET a\nGET a'
	assert_output $'["abc" [:-12 +x] nil]\nnil\n""\n-ERR x\n[]'
}

# bats test_tags=fault
@test "memory runs out: 71, or the right answer" {
	local ever n rc happened=0
	printf '%s\n' 'SET a 1 ; GET a ; =0 EVAL return{1,{2,3}} 0' '?nodes' >script
	for ever in '' 1; do
		for ((n = 1; ; n++)); do
			rc=0
			rm -f failed
			LD_PRELOAD=$build/test/failmalloc.so FAIL_AT=$n FAIL_EVER=$ever FAIL_LOG=failed \
			    "$build/fake/redis" "unix://:canary%20pw%2F4711%40x@$redis_dir/secret/socket" connect=10 timeout=10 \
			    <script >out 2>err || rc=$?
			[ -e failed ] || break
			happened=$((happened + 1))
			case $rc$(head -n 1 out) in
			71*) ;;
			78*'loading a driver'*) ;;
			0+OK) assert_equal "$(cat out)" $'+OK\n"1"\n[:1 [:2 :3]]\nnodes 1' ;;
			0) ;; # the script itself could not be read
			139+OK) [[ $build = *-cov ]] ;; # what counts the lines does not stand it
			*) fail "allocation $n $ever: $rc $(cat out err)" ;;
			esac
		done
	done
	[ $happened -gt 50 ]
}

# --- a server that says no ---------------------------------------------------------

@test "full, read-only, without its master, too many clients: try again later" {
	redis_start full --maxmemory 1
	redis "$(redis_url full)" <<<$'GET a ; SET a 1\n?refusal SET a 1'
	assert_output --regexp $'^nil\n-OOM [^\n]*\nerror 75 '
	redis_start replica --replicaof 127.0.0.1 1
	redis "$(redis_url replica)" <<<$'GET a\n?refusal SET a 1'
	assert_output --regexp $'^nil\nerror 75 [^\n]*READONLY'
	redis_start stale --replicaof 127.0.0.1 1 --replica-serve-stale-data no
	redis "$(redis_url stale)" <<<'?refusal GET a'
	assert_output --regexp '^error 75 .*MASTERDOWN'
	fake 'greet say -ERR max number of clients reached%0d%0a' hang
	redis "$fake" <<<'?refusal GET a'
	assert_output --regexp '^error 75 '
}

@test "a server that loads its data answers later" {
	local dir=$redis_dir/slow
	redis_start slow
	rcli slow debug populate 4000 >/dev/null
	rcli slow save >/dev/null
	redis_kill slow
	printf '%s\n' --key-load-delay 100 --loading-process-events-interval-bytes 1024 >>"$dir/settings"
	redis_ready='Loading RDB' redis_again slow
	redis "$(redis_url slow)/1" <<<'?refusal GET a'
	assert_output --regexp '^error 75 .*LOADING'
	until grep -q 'Ready to accept' "$dir/log"; do sleep 0.05; done
	redis "$(redis_url slow)" <<<'=0 DBSIZE'
	assert_output ':4000'
}

# --- TLS ----------------------------------------------------------------------------

tls_url() { # NAME [HOST]
	echo "rediss://:canary-tls@${2-localhost}:$(redis_port "$1")"
}

@test "TLS, with the server's name verified" {
	export SSL_CERT_FILE=$redis_dir/tls/ca.pem
	{
		echo "*3 SET big $(times 40000 "$(times 100 v)") => OK"
		echo '*20000 SET k# v# => OK'
		echo '*20000 GET k# => v#'
	} >script
	redis "$(tls_url tls)/1" <script
	assert_output '3 right, 0 errors
20000 right, 0 errors
20000 right, 0 errors'
	redis "$(tls_url tls)/2" <<-END
		SET a 1
		*20000 =0 ECHO $(times 2000 x)# => $(times 2000 x)#
		SETRANGE huge 20000000 x ; STRLEN huge ; GET huge
		GET a
		?name
		!sleep 0.05
		GET a
	END
	assert_output --partial '20000 right, 0 errors'
	assert_output --partial '(20000001)"'
	assert_output --regexp "
\"1\"
rediss://localhost:$(redis_port tls)/2
\"1\"\$"
}

@test "TLS is a part of its own, which may be missing" {
	mkdir lib
	ln -s "$C1V_LIB/net_redis.so" lib/
	C1V_LIB=$PWD/lib redis "$(tls_url tls)" </dev/null
	assert_equal "$status" 78
	assert_output --regexp '^error 78 net_redis_tls.so: not found'
	C1V_LIB=$PWD/lib redis "$(redis_url plain)" <<<'GET a'
	assert_output nil
}

@test "a certificate that is not trusted: the password was never sent" {
	local before
	signs() { REDISCLI_AUTH=canary-tls rcli "$1" info commandstats | grep -c cmdstat_auth:calls=1,; }
	for name in wrong expired; do
		SSL_CERT_FILE=$redis_dir/tls/ca.pem redis "$(tls_url $name)" <<<'GET a'
		assert_output --regexp "^error 77 rediss://localhost:[0-9]*/0: the server's certificate is not trusted: "
		assert_equal "$(signs $name)" 1 # ours, just now
		redis_kill $name
		redis_again $name
	done
	before=$(REDISCLI_AUTH=canary-tls rcli tls info commandstats | grep -o 'cmdstat_auth:calls=[0-9]*')
	SSL_CERT_FILE=$redis_dir/tls/stranger.pem redis "$(tls_url tls)" <<<'GET a'
	assert_output --regexp '^error 77 .*not trusted: '
	redis "$(tls_url tls)" <<<'GET a'
	assert_output --regexp '^error 77 .*not trusted: '
	mkdir authorities
	SSL_CERT_DIR=$PWD/authorities redis "$(tls_url tls)" <<<'GET a'
	assert_output --regexp '^error 77 .*not trusted: '
	ln -s "$redis_dir/tls/ca.pem" "authorities/$(openssl x509 -noout -hash -in "$redis_dir/tls/ca.pem").0"
	SSL_CERT_DIR=$PWD/authorities redis "$(tls_url tls)" <<<'PING'
	assert_output +PONG
	SSL_CERT_FILE=$redis_dir/tls/ca.pem redis "$(tls_url tls 127.0.0.1)" <<<'GET a'
	assert_output --regexp '^error 77 .*not trusted: IP address mismatch'
	SSL_CERT_FILE=/nowhere.pem redis "$(tls_url tls)" <<<'GET a'
	assert_output --regexp '^error 78 /nowhere.pem: '
	[ "$before" = "cmdstat_auth:calls=$(($(REDISCLI_AUTH=canary-tls rcli tls info commandstats |
	    grep -o 'cmdstat_auth:calls=[0-9]*' | cut -d= -f2) - 2))" ] # the one that was trusted, and ours
}

@test "TLS on one side alone" {
	export SSL_CERT_FILE=$redis_dir/tls/ca.pem
	fake 'say -ERR%0d%0a'
	sick "rediss://localhost:$(redis_port plain)" <<<'GET a'
	assert_output --regexp '^error 7[56] '
	redis "redis://localhost:$(redis_port tls)" timeout=0.2 <<<'GET a'
	assert_output --regexp '^error 7[56] '
	fake 'say %15%03%03%00%02%02%28'
	redis "$fake" <<<'GET a'
	assert_output --regexp '^error 76 .* \| rediss:// is for a server with TLS$'
	fake 'greet say HTTP/1.1 400 Bad Request%0d%0a%0d%0a' hang
	redis "rediss${fake#redis}" <<<'GET a'
	assert_output --regexp '^error 76 .*no TLS connection: .* \| redis:// is for a server without TLS$'
	fake 'greet tail' close
	redis "rediss${fake#redis}" <<<'GET a'
	assert_output --regexp '^error 7[56] '
}

@test "a server that wants a certificate of its client" {
	redis_tls strict right --tls-auth-clients yes
	SSL_CERT_FILE=$redis_dir/tls/ca.pem redis "rediss://localhost:$(redis_port strict)" <<<'GET a'
	assert_output --regexp '^error 77 .*wants a certificate of its client'
}

@test "TLS: hung, killed, restarted" {
	export SSL_CERT_FILE=$redis_dir/tls/ca.pem
	redis_tls frail right
	cat >again <<-END
		source $root/tests/servers/redis.bash
		redis_kill frail
		redis_again frail
	END
	{
		echo 'SET a 1'
		echo '!bash ./again'
		echo 'GET a'
		echo "!$redis_cli -s $redis_dir/frail/socket client kill type normal >kill"
		echo 'GET a'
		echo "!(sleep 0.1; kill -9 \$(cat $redis_dir/frail/pid)) & kill -STOP \$(cat $redis_dir/frail/pid)"
		echo "*20000 SET k $(times 2000 x)"
	} >script
	redis "rediss://localhost:$(redis_port frail)" <script
	assert_equal "$status" 0
	assert_output --regexp $'^\+OK\nnil\nnil\nerror 75 .*the connection was lost'
	redis_again frail
	redis_pause frail
	sick "rediss://localhost:$(redis_port frail)" connect=0.1 <<<'GET a'
	assert_output "error 75 rediss://localhost:$(redis_port frail)/0: no connection within 100 ms"
	redis_resume frail
}

# --- many --------------------------------------------------------------------------------

@test "64 processes at once" {
	seq 64 | xargs -P 64 -I@ sh -c "printf '*100 INCR n\n*50 SET @:# @-#\n*50 GET @:# => @-#\n' |
	    $build/fake/redis $(redis_url plain) connect=20 timeout=20" | sort | uniq -c | awk '{$1 = $1} 1' >out
	assert_equal "$(cat out)" '64 0 right, 0 errors
64 100 right, 0 errors
64 50 right, 0 errors'
	assert_equal "$(rcli plain get n) $(rcli plain dbsize)" '6400 3201'
	seq 64 | xargs -P 64 -I@ sh -c "echo 'INCR n' | $build/fake/redis $(redis_unix plain) connect=20 timeout=20" >out
	assert_equal "$(sort -u out | wc -l)" 64
}

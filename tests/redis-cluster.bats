#!/usr/bin/env bats
# The way to Redis (net/redis.h) when it is a cluster: three servers on loopback, and scripted ones.

load helper
load servers/tls
load servers/redis

setup_file() {
	redis_cluster 3
}

teardown_file() {
	redis_stop
}

setup() {
	c1v_setup
	redis_need
	export C1V_LIB=$build/lib/c1v
	for n in 1 2 3; do
		rcli n$n flushall >/dev/null || revive n$n
	done
}

# What a test that failed has left.
revive() {
	redis_resume "$1"
	redis_signal "$1" 0 || redis_again "$1"
	until rcli "$1" cluster info | grep -q 'cluster_state:ok'; do sleep 0.05; done
}

teardown() {
	exec 7>&- 8>&-
}

redis() { # URL [OPTION…]
	status=0
	"$build/fake/redis" "$1" connect=10 timeout=10 "${@:2}" >out 2>err || status=$?
	output=$(cat out)
	cat err >&2
}

# A scripted server, as long as the test lives; $fake is its URL.
fake() {
	rm -f fifo port
	mkfifo fifo
	"$build/fake/resp" log=log "$@" <fifo >port 3>&- 7>&- 8>&- &
	exec 7>fifo
	while [ ! -s port ]; do sleep 0.01; done
	port=$(cat port)
	fake=redis://127.0.0.1:$port
}

# A second one, which the first may name; $other is its port.
other() {
	rm -f fifo2 port2
	mkfifo fifo2
	"$build/fake/resp" log=log2 "$@" <fifo2 >port2 3>&- 7>&- 8>&- &
	exec 8>fifo2
	while [ ! -s port2 ]; do sleep 0.01; done
	other=$(cat port2)
}

moved() { # keys so far that were sent to the wrong server: of all, by their own count
	local n sum=0
	for n in 1 2 3; do
		sum=$((sum + $(rcli n$n info errorstats | sed -n 's/.*_MOVED:count=\([0-9]*\).*/\1/p' | grep . || echo 0)))
	done
	echo $sum
}

calls() { # SERVER COMMAND
	rcli "$1" info commandstats | sed -n "s/^cmdstat_$2:calls=\([0-9]*\).*/\1/p" | grep . || echo 0
}

@test "keys go to where their slots are, whatever server is named" {
	for n in 1 2 3; do
		redis "$(redis_url n$n)" <<-'END'
			*1000 SET k# v# => OK
			*1000 GET k# => v#
			?cluster
			?nodes
			@1 DBSIZE ; @2 DBSIZE ; @3 DBSIZE
			@4 DBSIZE
		END
		assert_output --regexp '^1000 right, 0 errors
1000 right, 0 errors
cluster 1
nodes 3
:3[0-9]*
:3[0-9]*
:3[0-9]*
error 75 '
		assert_equal "$(sed -n 's/^:\([0-9]*\)$/\1/p' out | awk '{n += $1} END {print n}')" 1000
	done
	redis "$(redis_unix n1)" <<<'*1000 GET k# => v#'
	assert_output '1000 right, 0 errors'
}

@test "the map is learnt once, and a single command needs none" {
	local before slots
	before=$(moved) slots=$(calls n1 'cluster|slots')
	redis "$(redis_url n1)" <<-'END'
		SET foo 1
		GET foo
		?cluster
	END
	assert_output $'+OK\n"1"\ncluster 1'
	assert_equal "$(moved)" "$((before + 1))"
	assert_equal "$(calls n1 'cluster|slots')" "$slots"
	before=$(moved)
	redis "$(redis_url n1)" <<-'END'
		?nodes
		*1000 SET k# v# => OK
		*1000 GET k# => v#
	END
	assert_output --partial '1000 right, 0 errors'
	assert_equal "$(moved)" "$before"
}

@test "keys with a tag share a slot; those that do not are refused" {
	redis "$(redis_url n1)" <<-'END'
		MSET {t}a 1 {t}b 2 ; MGET {t}a {t}b
		MGET a b c
		=3 EVAL return{KEYS[1],ARGV[1]} 1 foo arg
		=0 PING
	END
	assert_output --regexp $'^\+OK\n\["1" "2"\]\n-CROSSSLOT [^\n]*\n\["foo" "arg"\]\n\+PONG$'
}

@test "slots that are on their way, and that went" {
	local slot from to key=moving id1 id2
	slot=$(rcli n1 cluster keyslot $key)
	from=n$((slot * 3 / 16384 + 1))
	to=n$(((slot * 3 / 16384 + 1) % 3 + 1))
	id1=$(rcli $from cluster myid) id2=$(rcli $to cluster myid)
	rcli $from set "{$key}here" 1 >/dev/null
	rcli $to cluster setslot "$slot" importing "$id1" >/dev/null
	rcli $from cluster setslot "$slot" migrating "$id2" >/dev/null
	cat >finish <<-END
		for n in n1 n2 n3; do
			$redis_cli -s $redis_dir/$from/socket migrate 127.0.0.1 $(redis_port $to) {$key}here 0 1000
			$redis_cli -s $redis_dir/\$n/socket cluster setslot $slot node $id2
		done
	END
	redis "$(redis_url n1)" <<-END
		?nodes
		GET {$key}here ; GET {$key}gone ; SET {$key}new 2 ; GET {$key}new ; GET {$key}here
		?refusal MGET {$key}here {$key}gone
		!sh finish >finished
		GET {$key}here ; GET {$key}new
	END
	assert_output --regexp '^nodes 3
"1"
nil
\+OK
"2"
"1"
error 75 [^
]*TRYAGAIN[^
]*
"1"
"2"$'
	redis "$(redis_url n1)" <<<"GET {$key}here"
	assert_output '"1"'
	for n in n1 n2 n3; do # and back
		rcli "$to" migrate 127.0.0.1 "$(redis_port "$from")" "" 0 1000 keys "{$key}here" "{$key}new" >/dev/null
		rcli $n cluster setslot "$slot" node "$id1" >/dev/null
	done
}

@test "a cluster has no other database" {
	redis "$(redis_url n1)/1" <<<'GET a'
	assert_output --regexp '^error 78 .*SELECT is not allowed.* \| a cluster has database 0 alone$'
}

@test "a master that was replaced is found anew" {
	redis_start spare --cluster-enabled yes --cluster-config-file nodes.conf --cluster-node-timeout 1000
	rcli spare cluster meet 127.0.0.1 "$(redis_port n1)" >/dev/null
	until rcli spare cluster replicate "$(rcli n3 cluster myid)" 2>/dev/null | grep -q OK; do sleep 0.05; done
	redis "$(redis_url n1)" <<<'*1000 SET k# v# => OK'
	assert_output '1000 right, 0 errors'
	until [ "$(rcli spare dbsize)" = "$(rcli n3 dbsize)" ] && [ "$(rcli spare dbsize)" != 0 ]; do sleep 0.05; done
	cat >takeover <<-END
		source $root/tests/servers/redis.bash
		redis_kill n3
		rcli spare cluster failover takeover
		until rcli n1 cluster slots | grep -qx $(redis_port spare) && ! rcli n1 cluster slots | grep -qx $(redis_port n3); do
			sleep 0.05
		done
	END
	redis "$(redis_url n1)" <<-'END'
		*1000 GET k# => v#
		!bash ./takeover >/dev/null
		*1000 GET k# => v#
		?nodes
		@1 PING ; @2 PING ; @3 PING
	END
	assert_output '1000 right, 0 errors
1000 right, 0 errors
nodes 3
+PONG
+PONG
+PONG'
	# The one that is named may be the one that went.
	redis_again n3
	until rcli n3 role | grep -q slave; do sleep 0.05; done
	redis "$(redis_url n3)" <<<'*1000 GET k# => v#'
	assert_output '1000 right, 0 errors'
	until rcli n3 cluster failover takeover | grep -q OK && rcli n1 cluster slots | grep -qx "$(redis_port n3)"; do
		sleep 0.05
	done
	redis_kill spare
}

@test "a server of the cluster that hangs or is gone" {
	local id
	redis "$(redis_url n1)" <<<'*1000 SET k# v# => OK'
	"$build/fake/redis" "$(redis_url n1)" connect=5 timeout=1 >out <<-END
		*1000 GET k# => v#
		!kill -STOP $(cat "$redis_dir/n2/pid")
		*1000 GET k# => v#
		!kill -CONT $(cat "$redis_dir/n2/pid")
		*1000 GET k# => v#
		!kill -9 $(cat "$redis_dir/n2/pid")
		*1000 GET k# => v#
		@1 PING
	END
	assert_equal "$(sed 's/127.0.0.1:[0-9]*/HOST/; s/: Conn.*refused$\|: the connection was lost.*/: gone/' out)" \
	    '1000 right, 0 errors
error 75 HOST: no answer within 1000 ms
1000 right, 0 errors
error 75 HOST: gone
+PONG'
	redis_again n2
	until rcli n2 cluster info | grep -q 'cluster_state:ok' && rcli n1 cluster info | grep -q 'cluster_state:ok'; do
		sleep 0.05
	done
}

@test "a cluster over TLS, by the names of its servers" {
	redis_tls lone right --cluster-enabled yes --cluster-config-file nodes.conf --tls-cluster yes \
	    --cluster-announce-hostname localhost --cluster-preferred-endpoint-type hostname --requirepass canary-tls
	REDISCLI_AUTH=canary-tls rcli lone cluster addslotsrange 0 16383 >/dev/null
	until REDISCLI_AUTH=canary-tls rcli lone cluster info | grep -q 'cluster_state:ok'; do sleep 0.05; done
	export SSL_CERT_FILE=$redis_dir/tls/ca.pem
	redis "rediss://:canary-tls@localhost:$(redis_port lone)" <<-'END'
		?nodes
		*1000 SET k# v# => OK
		*1000 GET k# => v#
	END
	assert_output 'nodes 1
1000 right, 0 errors
1000 right, 0 errors'
}

# --- scripted -----------------------------------------------------------------------

@test "an answer that sends on for ever has an end" {
	fake 'say -MOVED 1 :%P%0d%0a'
	redis "$fake" <<<$'GET a\nGET a ; GET b'
	assert_output "error 75 $fake/0: sent from server to server without an end
error 75 $fake/0: sent from server to server without an end"
	fake 'say -ASK 1 :%P%0d%0a'
	redis "$fake" <<<'GET a'
	assert_output "error 75 $fake/0: sent from server to server without an end"
}

@test "ASK is for once, and says ASKING first" {
	other 'say +OK%0d%0a' 'say +THERE%0d%0a'
	fake "say -ASK 15495 127.0.0.1:$other%0d%0a" 'say +HERE%0d%0a'
	redis "$fake" <<<$'GET a\nGET a'
	assert_output $'+THERE\n+HERE'
	assert_equal "$(cat log2)" $'ASKING\nGET a'
}

@test "an empty host is the same one" {
	fake 'say -MOVED 15495 :%P%0d%0a' 'say +OK%0d%0a'
	redis "$fake" <<<$'GET a\n?cluster'
	assert_output $'+OK\ncluster 1'
	fake 'say *1%0d%0a*3%0d%0a:0%0d%0a:16383%0d%0a*2%0d%0a$-1%0d%0a:%P%0d%0a' 'say +OK%0d%0a'
	redis "$fake" <<<$'?nodes\n@1 GET a'
	assert_output $'nodes 1\n+OK'
}

@test "a way that is none is refused" {
	local way
	for way in 'MOVED x 127.0.0.1:1' 'MOVED 16384 127.0.0.1:1' 'MOVED 1 127.0.0.1' 'MOVED 1 127.0.0.1:0' 'MOVED 1 ?:6379' \
	    'MOVED 1 a b:1' 'MOVED 1 ' 'ASK 1' 'ASK 1 %1b[2J:1'; do
		fake "say -$way%0d%0a"
		redis "$fake" <<<'GET a'
		assert_equal "$way ${output%%redis*}" "$way error 76 "
		exec 7>&-
	done
}

@test "a map that is none is refused" {
	local map node='*2%0d%0a$1%0d%0ah%0d%0a:1%0d%0a'
	for map in '+OK%0d%0a' '*1%0d%0a:1%0d%0a' "*1%0d%0a*3%0d%0a:5%0d%0a:4%0d%0a$node" \
	    "*1%0d%0a*3%0d%0a:0%0d%0a:16384%0d%0a$node" "*1%0d%0a*3%0d%0a:-1%0d%0a:4%0d%0a$node" \
	    "*1%0d%0a*3%0d%0a+x%0d%0a:4%0d%0a$node" '*1%0d%0a*3%0d%0a:0%0d%0a:4%0d%0a+x%0d%0a' '*1%0d%0a*1%0d%0a:0%0d%0a' \
	    '*1%0d%0a*3%0d%0a:0%0d%0a:4%0d%0a*2%0d%0a$1%0d%0ah%0d%0a:0%0d%0a' \
	    '*1%0d%0a*3%0d%0a:0%0d%0a:4%0d%0a*2%0d%0a$3%0d%0aa b%0d%0a:1%0d%0a' \
	    '*1%0d%0a*3%0d%0a:0%0d%0a:4%0d%0a*2%0d%0a:1%0d%0a:1%0d%0a'; do
		fake "say $map"
		redis "$fake" <<<'?nodes'
		assert_equal "$map ${output%%redis*}" "$map error 76 "
		exec 7>&-
	done
	fake 'say *0%0d%0a'
	redis "$fake" <<<'?nodes'
	assert_output "error 75 $fake/0: the cluster has no servers for its keys"
}

@test "a cluster that does not give its map still answers" {
	fake 'say -MOVED 15495 127.0.0.1:%P%0d%0a' 'say +OK%0d%0a' "say -NOPERM no permissions%0d%0a"
	redis "$fake" <<<$'GET a\n?nodes\nGET a'
	assert_output --regexp $'^\+OK\nerror 77 [^\n]*NOPERM[^\n]*\n-NOPERM'
	fake 'say -LOADING Redis is loading%0d%0a'
	redis "$fake" <<<'?nodes'
	assert_output --regexp '^error 75 .*LOADING'
	fake 'say -ERR unknown command%0d%0a'
	redis "$fake" <<<$'?nodes\n?cluster'
	assert_output $'nodes 1\ncluster 0'
	fake close
	redis "$fake" <<<'?nodes'
	assert_output --regexp '^error 75 .*connection was lost'
}

@test "a map with too many servers is refused" {
	local map='' i
	for ((i = 1; i <= 1001; i++)); do
		map+="*3%0d%0a:$i%0d%0a:$i%0d%0a*2%0d%0a\$1%0d%0ah%0d%0a:$i%0d%0a"
	done
	fake "say *1001%0d%0a$map"
	redis "$fake" <<<'?nodes'
	assert_output --regexp '^error 76 .*too many servers'
}

@test "the servers that are known are asked when one does not connect" {
	# The map names one that is not there; the second time it names the one that is.
	fake 'say *1%0d%0a*3%0d%0a:0%0d%0a:16383%0d%0a*2%0d%0a$9%0d%0a127.0.0.1%0d%0a:1%0d%0a' \
	    'say *1%0d%0a*3%0d%0a:0%0d%0a:16383%0d%0a*2%0d%0a$9%0d%0a127.0.0.1%0d%0a:%P%0d%0a' 'say +OK%0d%0a'
	redis "$fake" <<<$'?nodes\nGET a'
	assert_output $'nodes 1\n+OK'
	assert_equal "$(cat log)" $'CLUSTER SLOTS\nCLUSTER SLOTS\nGET a'
	rm log
	# ASK to one that is not there: back to the map.
	fake 'say -ASK 15495 127.0.0.1:1%0d%0a' 'say *1%0d%0a*3%0d%0a:0%0d%0a:16383%0d%0a*2%0d%0a$-1%0d%0a:%P%0d%0a' 'say +OK%0d%0a'
	redis "$fake" <<<'GET a'
	assert_output '+OK'
	fake 'say *1%0d%0a*3%0d%0a:0%0d%0a:16383%0d%0a*2%0d%0a$9%0d%0a127.0.0.1%0d%0a:1%0d%0a' 'say -ERR no%0d%0a'
	redis "$fake" <<<$'?nodes\nGET a'
	assert_output $'nodes 1\nerror 75 127.0.0.1:1: Connection refused'
}

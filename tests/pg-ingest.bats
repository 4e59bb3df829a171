#!/usr/bin/env bats
# Rows in PostgreSQL: ingesting, reading, deleting and verifying them.

load helper
load servers/postgres

setup_file() {
	postgres_start
}

teardown_file() {
	postgres_stop
}

setup() {
	c1v_setup
	postgres_database
}

# A chunk record: DOC INDEX OF CONTENT [EXTRA MEMBERS]
chunk() {
	printf '{"doc":"%s","id":"%s#%d","content":"%s","chunk":{"index":%d,"of":%d}%s}\n' \
	    "$1" "$1" "$2" "$4" "$2" "$3" "${5-}"
}

vector() {
	printf ',"model":"%s","dims":3,"embedding":[%s]' "${1-m}" "${2-1,2,3}"
}

# sum FILTER: of the summary in $output
sum() {
	jq -r "$1" <<<"${lines[-1]}"
}

counts() {
	sum '[.documents,.added,.updated,.skipped,.deleted,.failed] | join(" ")'
}

sound() {
	run -0 c1v-store verify "$@"
}

init() {
	c1v-store init --index none "$@" >/dev/null
}

@test "documents, chunks and vectors are stored; a second time no row is touched" {
	init
	{
		chunk a 0 2 one "$(vector)"
		chunk a 1 2 two "$(vector)"
		echo '{"id":"b","content":"three","source":"s","metadata":{"k":1}}'
	} >in
	run -0 c1v-ingest in
	[ "$(sum '[.documents,.chunks,.added,.updated,.skipped,.deleted,.failed,.without_vector,.model,.collection] | join(" ")')" = \
	    '2 3 3 0 0 0 0 1 m documents' ]
	sound
	before=$(sql 'SELECT ctid, xmin, xmax FROM documents ORDER BY id; SELECT ctid, xmin, xmax FROM c1v_document ORDER BY key')
	sql 'SELECT pg_stat_force_next_flush()'
	tuples=$(sql "SELECT sum(n_tup_ins), sum(n_tup_upd), sum(n_tup_del) FROM pg_stat_user_tables")
	run -0 c1v-ingest in
	[ "$(counts)" = '2 0 0 3 0 0' ]
	[ "$(sql 'SELECT ctid, xmin, xmax FROM documents ORDER BY id; SELECT ctid, xmin, xmax FROM c1v_document ORDER BY key')" = "$before" ]
	[ "$(sql "SELECT sum(n_tup_ins), sum(n_tup_upd), sum(n_tup_del) FROM pg_stat_user_tables")" = "$tuples" ]
}

@test "the rows are as other clients expect them" {
	init
	{ chunk a 1 2 two ',"metadata":{"big":9007199254740993123,"f":1.0,"b":1},"source":"s.md"'; chunk a 0 2 one "$(vector)"; } | c1v-ingest
	run -0 sql "SELECT content, metadata, embedding, key, document, position, source, place, model, fts, created_at IS NOT NULL
		FROM documents ORDER BY position"
	assert_output 'one||[1,2,3]|a#0|a|0||{"index":0,"of":2}|m|'"'one':1"'|t
two|{"b": 1, "f": 1.0, "big": 9007199254740993123}||a#1|a|1|s.md|{"index":1,"of":2}||'"'two':1"'|t'
	run -0 sql 'SELECT collection, key, chunks FROM c1v_document; SELECT model, dims FROM c1v_collection'
	assert_output 'documents|a|2
m|3'
}

@test "a changed document: changed chunks are updated, vanished ones deleted, the others stay" {
	init
	{ chunk a 0 3 one "$(vector)"; chunk a 1 3 two "$(vector)"; chunk a 2 3 three "$(vector)"; } | c1v-ingest
	{ chunk a 0 2 one "$(vector)"; chunk a 1 2 other "$(vector m 9,9,9)"; } >in
	run -0 c1v-ingest in
	[ "$(counts)" = '1 0 2 0 1 0' ]
	run -0 bash -c 'c1v-store export --encoding array | jq -c "[.id,.content,.embedding]"'
	assert_output '["a#0","one",[1,2,3]]
["a#1","other",[9,9,9]]'
	sound
	run -0 c1v-ingest in
	[ "$(sum .skipped)" = 2 ]
}

@test "only metadata or position changed: the vector is kept, even if none comes" {
	init
	{ chunk a 0 2 one "$(vector)"; chunk a 1 2 two "$(vector m 4,5,6)"; } | c1v-ingest
	{
		echo '{"doc":"a","id":"a#1","content":"two","chunk":{"index":0,"of":2},"metadata":{"k":1}}'
		echo '{"doc":"a","id":"a#0","content":"one","chunk":{"index":1,"of":2},"metadata":{"k":2}}'
	} >in
	run -0 c1v-ingest in
	[ "$(counts)" = '1 0 2 0 0 0' ]
	run -0 bash -c 'c1v-store export --encoding array | jq -c "[.id,.chunk.index,.metadata.k,.embedding]"'
	assert_output '["a#1",0,1,[4,5,6]]
["a#0",1,2,[1,2,3]]'
	sound
	# With other headings there may be another vector: one that comes is taken.
	echo '{"doc":"b","id":"b","content":"x","chunk":{"index":0,"of":1,"headings":["A"]}'"$(vector)}" | c1v-ingest
	run -0 c1v-ingest <<<'{"doc":"b","id":"b","content":"x","chunk":{"index":0,"of":1,"headings":["B"]}'"$(vector m 3,3,3)}"
	run -0 c1v-ingest <<<'{"doc":"b","id":"b","content":"x","chunk":{"index":0,"of":1,"headings":["C"]}}'
	[ "$(c1v-store get --encoding array b | jq -c '[.chunk.headings[0],.embedding]')" = '["C",[3,3,3]]' ]
}

@test "ingested_at alone is no change; order and numbers of metadata neither" {
	init
	echo '{"id":"a","content":"x","metadata":{"ingested_at":"1","n":1,"o":{"p":2}}}' | c1v-ingest
	run -0 c1v-ingest <<<'{"id":"a","content":"x","metadata":{"o":{"p":2},"n":1.0,"ingested_at":"2"}}'
	[ "$(sum .skipped)" = 1 ]
	# What stands, stands, also when something else of the row changes.
	run -0 c1v-ingest <<<'{"id":"a","content":"x","source":"s","metadata":{"o":{"p":2},"n":1,"ingested_at":"2"}}'
	[ "$(sum .updated)" = 1 ]
	[ "$(c1v-store get a | jq -r .metadata.ingested_at)" = 1 ]
	run -0 c1v-ingest <<<'{"id":"a","content":"x","metadata":{"o":{"p":3},"n":1,"ingested_at":"2"}}'
	[ "$(sum .updated)" = 1 ]
	run -0 c1v-ingest <<<'{"id":"a","content":"x"}'
	[ "$(sum .updated)" = 1 ]
	sound
}

@test "a vector that comes later is added; --no-vectors stores text only" {
	init
	chunk a 0 1 one "$(vector)" >with
	run -0 c1v-ingest --no-vectors with
	[ "$(sql 'SELECT count(embedding) FROM documents; SELECT model FROM c1v_collection')" = '0' ]
	run -0 c1v-ingest with
	[ "$(sum .updated)" = 1 ]
	[ "$(sql 'SELECT embedding, model FROM documents; SELECT model, dims FROM c1v_collection')" = '[1,2,3]|m
m|3' ]
	sound
}

@test "an emptied document goes; one that was never there is nothing" {
	init
	{ chunk a 0 1 one; chunk b 0 1 two; } | c1v-ingest
	run -0 c1v-ingest <<<'{"doc":"a","chunk":{"of":0}}'
	[ "$(sum '[.documents,.chunks,.deleted] | join(" ")')" = '1 0 1' ]
	run -0 c1v-ingest <<<'{"doc":"nobody","chunk":{"of":0}}'
	[ "$(sum '[.documents,.deleted] | join(" ")')" = '1 0' ]
	[ "$(sql 'SELECT key FROM documents UNION ALL SELECT key FROM c1v_document')" = 'b#0
b' ]
	sound
}

@test "a batch is done as if its documents came one after the other" {
	init
	{ chunk a 0 1 apple; chunk a 0 1 pear; chunk a 0 2 plum; chunk a 1 2 fig; chunk a 0 1 apple; } >in
	run -0 c1v-ingest in
	[ "$(counts)" = '4 2 3 0 1 0' ]
	sound
	# An id that one document gives up can be taken by the next, but not before.
	{
		echo '{"doc":"a","id":"other","content":"x","chunk":{"index":0,"of":1}}'
		echo '{"doc":"b","id":"a#0","content":"y","chunk":{"index":0,"of":1}}'
	} >in
	run -0 c1v-ingest in
	[ "$(counts)" = '2 2 0 0 1 0' ]
	{
		echo '{"doc":"c","id":"a#0","content":"z","chunk":{"index":0,"of":1}}'
		echo '{"doc":"b","chunk":{"of":0}}'
	} >in
	run --separate-stderr -3 c1v-ingest in
	assert_regex "$stderr" 'document c: the chunk id a#0 belongs to another document'
	[ "$(sql 'SELECT document FROM documents')" = a ]
	sound
}

@test "--on-conflict skip and fail leave what is there" {
	init
	chunk a 0 1 one | c1v-ingest
	chunk a 0 1 two >in
	run -0 c1v-ingest --on-conflict skip in
	[ "$(sum '[.updated,.skipped] | join(" ")')" = '0 1' ]
	run --separate-stderr -65 c1v-ingest --on-conflict fail in
	assert_regex "$stderr" 'it is there already, and differs'
	[ "$(sql 'SELECT content FROM documents')" = one ]
	chunk a 0 1 one >in
	run -0 c1v-ingest --on-conflict fail in
}

@test "--dry-run tells each chunk, changes nothing, and needs no right to" {
	{ chunk a 0 2 one; chunk a 1 2 two; } >in
	run -78 c1v-ingest --dry-run in
	init
	c1v-ingest in
	{ chunk a 0 1 three; chunk b 0 1 four; } >in
	sql "CREATE ROLE \"reader_$PGDATABASE\" LOGIN; GRANT USAGE ON SCHEMA public TO PUBLIC;
		GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC"
	run -0 env C1V_STORE="${C1V_STORE/user=$PGUSER/user=reader_$PGDATABASE}" c1v-ingest --dry-run in
	[ "$(jq -c 'select(.action) | [.action,.id]' <<<"$output" | xargs)" = '[update,a#0] [delete,a#1] [add,b#0]' ]
	[ "$(jq 'select(.dry_run) | .deleted' <<<"$output")" = 1 ]
	[ "$(sql 'SELECT count(*) FROM documents')" = 2 ]
	run -77 env C1V_STORE="${C1V_STORE/user=$PGUSER/user=reader_$PGDATABASE}" c1v-ingest in
	sql "DROP OWNED BY \"reader_$PGDATABASE\"; DROP ROLE \"reader_$PGDATABASE\""
}

@test "another model or dimension is refused with both names" {
	init
	chunk a 0 1 one "$(vector m)" | c1v-ingest
	{ chunk b 0 1 two "$(vector other)"; chunk c 0 1 three "$(vector m)"; } >in
	run --separate-stderr -3 c1v-ingest in
	assert_regex "$stderr" 'other.*of m'
	run --separate-stderr -65 c1v-ingest <<<'{"id":"d","content":"x","model":"m","embedding":[1,2]}'
	assert_regex "$stderr" '2 dimensions.*3'
	sound
}

@test "the model is that of the first document that goes in" {
	init
	{ printf '{"doc":"x","id":"same","content":"x","chunk":{"index":%d,"of":2},"model":"bad","embedding":[1,2]}\n' 0 1
		chunk a 0 1 one "$(vector good)"; } >in
	run -3 c1v-ingest in
	[ "$(sql 'SELECT model, dims FROM c1v_collection')" = 'good|3' ]
	sound
	init -c second
	chunk a 0 1 text | c1v-ingest -c second
	run -65 c1v-ingest -c second <<<'{"doc":"b","id":"a#0","content":"x","chunk":{"index":0,"of":1}'"$(vector bad 1,2)}"
	[ "$(sql "SELECT model IS NULL FROM c1v_collection WHERE name = 'second'")" = t ]
	run -0 c1v-ingest -c second <<<"$(chunk b 0 1 x "$(vector good)")"
	sound -c second
}

@test "of two writers that both find the collection empty, the second takes the first one's model" {
	local name
	for name in m other; do
		init -c "$name" --dims 3
		mkfifo "rows.$name"
		c1v-ingest -c "$name" <"rows.$name" >"out.$name" 2>"err.$name" &
		exec {late}>"rows.$name"
		until [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'c1v-ingest' AND state = 'idle'")" = 1 ]; do
			sleep 0.02
		done
		chunk first 0 1 one "$(vector m)" | c1v-ingest -c "$name" >/dev/null
		chunk second 0 1 two "$(vector "$name")" >&"$late"
		exec {late}>&-
		status=0
		wait $! || status=$?
		echo "$status" >>ends
		sound -c "$name"
	done
	assert_equal "$(cat ends)" $'0\n65'
	assert_regex "$(cat err.other)" 'other.*of m'
	assert_equal "$(sql 'SELECT count(*) FROM m')" 2
}

@test "a chunk id of another document is refused" {
	init
	chunk a 0 1 one | c1v-ingest
	run --separate-stderr -65 c1v-ingest <<<'{"doc":"b","id":"a#0","content":"x","chunk":{"index":0,"of":1}}'
	assert_regex "$stderr" 'a#0 belongs to another document'
	printf '{"doc":"b","id":"same","content":"x","chunk":{"index":%d,"of":2}}\n' 0 1 >in
	run --separate-stderr -65 c1v-ingest in
	assert_regex "$stderr" 'same stands twice'
}

@test "an id that somebody else is just taking: waited for, then refused" {
	init
	chunk first 0 1 x | c1v-ingest
	sql "BEGIN; INSERT INTO documents (content, key, document, position) VALUES ('y', 'taken#0', 'theirs', 0);
		SELECT pg_sleep(1); COMMIT" >/dev/null &
	for _ in $(seq 50); do
		[ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'")" = 1 ] && break
		sleep 0.05
	done
	{ chunk taken 0 1 mine; chunk other 0 1 z; } >in
	run --separate-stderr -3 c1v-ingest in
	wait
	assert_regex "$stderr" 'document taken: the chunk id taken#0 belongs to another document'
	[ "$(sum '[.added,.failed] | join(" ")')" = '1 1' ]
	[ "$(sql "SELECT content FROM documents WHERE key = 'taken#0'; SELECT count(*) FROM c1v_document WHERE key = 'taken'")" = 'y
0' ]
}

@test "rows that policies hide are not touched, and --pg-set opens them" {
	init
	sql "CREATE ROLE \"tenant_$PGDATABASE\" LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO \"tenant_$PGDATABASE\";
		GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO \"tenant_$PGDATABASE\";
		ALTER TABLE documents ENABLE ROW LEVEL SECURITY;
		CREATE POLICY own ON documents USING (metadata->>'tenant' = current_setting('app.tenant', true))"
	C1V_STORE=${C1V_STORE/user=$PGUSER/user=tenant_$PGDATABASE}
	for t in 1 2; do
		echo '{"id":"'$t'","content":"of '$t'","metadata":{"tenant":"'$t'"}}' >in
		run -0 c1v-ingest --pg-set app.tenant=$t in
		[ "$(sum .added)" = 1 ]
	done
	run -0 bash -c 'c1v-store export --pg-set app.tenant=2 | jq -r .content'
	assert_output 'of 2'
	run -77 c1v-ingest --pg-set app.tenant=1 <<<'{"id":"3","content":"x","metadata":{"tenant":"2"}}'
	run -1 c1v-store delete --id 2 --yes --pg-set app.tenant=1
	[ "$(sql 'SELECT count(*) FROM documents')" = 2 ]
	sql "DROP OWNED BY \"tenant_$PGDATABASE\"; DROP ROLE \"tenant_$PGDATABASE\""
}

@test "duplicates are counted and stored" {
	init
	{ chunk a 0 2 same; chunk a 1 2 same; chunk b 0 1 same; chunk c 0 1 other; } >in
	run -0 c1v-ingest in
	[ "$(sum '[.added,.duplicates] | join(" ")')" = '4 2' ]
	run -0 c1v-ingest in
	[ "$(sum .duplicates)" = 0 ]
	run -0 c1v-ingest <<<"$(chunk d 0 1 other)"
	[ "$(sum .duplicates)" = 1 ]
}

# refused_alone RECORD PATTERN: it is refused, its neighbours in the batch go in
refused_alone() {
	{ chunk "before$BATS_TEST_NUMBER" 0 1 "$RANDOM"; printf '%s\n' "$1"; chunk after 0 1 "$RANDOM"; } >in
	run --separate-stderr -3 c1v-ingest --rejects bad in
	assert_regex "$stderr" "$2"
	[ "$(sum .documents)" = 2 ]
	[ "$(wc -l <bad)" = 1 ]
}

@test "a document that PostgreSQL cannot keep is refused alone" {
	init
	long=$(head -c 4000 /dev/urandom | od -An -v -tx1 | tr -d ' \n')
	refused_alone '{"id":"'"$long"'","content":"x"}' 'more than 2600 bytes'
	refused_alone '{"id":"n","content":"x","metadata":{"n":1e999999}}' 'more digits'
	refused_alone '{"id":"n","content":"x","metadata":{"a":[{"n":-0.1e-16383}]}}' 'more digits'
	run -0 c1v-ingest <<<'{"id":"n","content":"x","metadata":{"n":1e131071,"s":"1e999999 \" 1e999999"}}'
	# Too many words for full text: the server finds out.
	words=$(seq 100000 260000 | tr '\n' ' ')
	refused_alone '{"id":"w","content":"'"$words"'"}' 'document w: .*tsvector'
	sql "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN
			IF NEW.content LIKE 'secret%' THEN RAISE 'not allowed'; END IF; RETURN NEW; END \$\$;
		CREATE TRIGGER no BEFORE INSERT OR UPDATE ON documents FOR EACH ROW EXECUTE FUNCTION no()"
	refused_alone '{"id":"t","content":"secret text"}' 'document t: .*not allowed'
	refute_regex "$stderr" 'secret'
	sound
}

@test "a large batch with three bad documents: only they are missing" {
	init
	for i in $(seq 60); do chunk "d$i" 0 1 "text $i"; done >in
	sql "ALTER TABLE documents ADD CHECK (content !~ ' (7|31|60)\$')"
	run --separate-stderr -3 c1v-ingest in
	[ "$(sum '[.documents,.added,.failed] | join(" ")')" = '57 57 3' ]
	[ "$(sql 'SELECT count(*) FROM documents')" = 57 ]
	sound
}

@test "small batches give the same store as one" {
	init
	init -c one
	for i in $(seq 40); do chunk "d$i" 0 2 "text $i" "$(vector m "$i,1,1")"; chunk "d$i" 1 2 "more $i"; done >in
	c1v-ingest in
	c1v-ingest -c one --batch-size 1 in
	c1v-store export >a
	c1v-store export -c one | cmp - a
	sound -c one
}

@test "with a vector index: large batches and large documents" {
	c1v-store init --model m --dims 3 >/dev/null
	for i in $(seq 0 1199); do chunk big "$i" 1200 "text $i" "$(vector m "$i,1,$((i % 7))")"; done >in
	for i in $(seq 700); do chunk "d$i" 0 1 "text $i" "$(vector m "1,$i,1")"; done >>in
	run -0 c1v-ingest in
	[ "$(counts)" = '701 1900 0 0 0 0' ]
	run -0 c1v-ingest in
	[ "$(counts)" = '701 0 0 1900 0 0' ]
	sound
	[ "$(sql "SELECT count(*) FROM c1v_document")" = 701 ]
}

@test "random batches: the same rows and counts as in SQLite" {
	init
	for round in $(seq 12); do
		awk -v seed="$round" '
		function any(n) { return int(rand() * n) }
		BEGIN {
			srand(seed * 7919)
			for (n = 1 + any(8); n > 0; n--) {
				d = "d" any(5)
				if (rand() < 0.15) { printf "{\"doc\":\"%s\",\"chunk\":{\"of\":0}}\n", d; continue }
				of = 1 + any(4)
				for (i = 0; i < of; i++) {
					printf "{\"doc\":\"%s\",\"id\":\"%s#%d\",\"content\":\"w%d\",\"chunk\":{\"index\":%d,\"of\":%d}", \
					    d, rand() < 0.1 ? "d" any(5) : d, rand() < 0.8 ? i : i + 1, any(6), i, of
					if (rand() < 0.4) printf ",\"metadata\":{\"k\":%d}", any(2)
					if (rand() < 0.4) printf ",\"source\":\"s%d\"", any(2)
					if (rand() < 0.5) printf ",\"model\":\"m\",\"embedding\":[%d,1,0.5]", 1 + any(2)
					print "}"
				}
			}
		}' >in
		case $((round % 4)) in 0) how=skip ;; 1) how=fail ;; *) how=update ;; esac
		for s in "$C1V_STORE" "$store"; do
			c1v-ingest --store "$s" --on-conflict $how in 2>/dev/null |
			    jq -c 'del(.seconds,.store,.duplicates)'
			c1v-store export --store "$s" | jq -cS .
		done >both
		total=$(wc -l <both)
		cmp <(head -n $((total / 2)) both) <(tail -n $((total / 2)) both)
	done
	sound
}

@test "several writers at once, on overlapping documents: no deadlock, no duplicate" {
	init --model m --dims 3
	for w in 1 2 3 4 5 6; do
		for i in $(seq 150 | shuf); do
			chunk "d$i" 0 2 "writer $w text $i" "$(vector m "$i,$w,1")"
			chunk "d$i" 1 2 "common $i"
		done >"in$w"
	done
	for w in 1 2 3 4 5 6; do
		c1v-ingest --batch-size 40 "in$w" >"out$w" 2>"err$w" &
		pids[w]=$!
	done
	for w in 1 2 3 4 5 6; do
		wait "${pids[w]}"
		[ "$(jq .documents "out$w")" = 150 ]
	done
	[ "$(sql 'SELECT count(*), count(DISTINCT key), count(DISTINCT document) FROM documents')" = '300|300|150' ]
	# Each document is of one writer, whichever was the last.
	[ "$(sql "SELECT sum(added) FROM (VALUES $(jq -r '"(\(.added))"' out? | paste -sd,)) v (added)")" = 300 ]
	run ! grep -i deadlock "$postgres_dir/log"
	sound
}

@test "several writers, of which each could say the first model" {
	init
	for w in 1 2 3 4; do
		c1v-ingest <<<"$(chunk "d$w" 0 1 "text $w" "$(vector m "$w,1,1")")" >"out$w" &
		pids[w]=$!
	done
	for w in 1 2 3 4; do wait "${pids[w]}"; done
	[ "$(sql 'SELECT count(embedding) FROM documents; SELECT model, dims FROM c1v_collection')" = '4
m|3' ]
	sound
}

@test "a connection that is cut is made again, and nothing is lost or doubled" {
	init
	for i in $(seq 400); do chunk "d$i" 0 1 "text $i"; done >in
	c1v-ingest --batch-size 5 in >out 2>err &
	pid=$!
	for _ in 1 2 3 4 5; do
		sleep 0.1
		sql "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid()"
	done
	wait "$pid"
	[ "$(jq -c '[.documents,.added]' out)" = '[400,400]' ]
	[ "$(sql 'SELECT count(*) FROM documents')" = 400 ]
	sound
}

@test "export goes into SQLite and back, and is the same" {
	init
	{
		chunk a 0 2 one ',"metadata":{"b":1,"a":[1.50,1e2,9007199254740993],"o":{"z":1,"y":null}},"source":"s"'
		chunk a 1 2 "tw\\u00f6 \\\\ \\\" ☃ 𝄞" "$(vector m 0.1,-2.5e-7,3e8)"
		echo '{"id":"b","content":"x","metadata":{},"source":"t"}'
		echo '{"doc":"c","id":"c","content":"y","chunk":{"of":1,"index":0,"x":{"b":1.0,"a":12345678901234567890}}}'
	} >in
	c1v-ingest in
	c1v-store export >first
	c1v-ingest --store "$store" first
	c1v-store export --store "$store" >second
	cmp first second
	init -c back
	c1v-ingest -c back second
	c1v-store export -c back | cmp - first
	# `chunk` is kept as it came, numbers of the metadata too.
	run -0 grep -c '"chunk":{"of":1,"index":0,"x":{"b":1.0,"a":12345678901234567890}}' first
	run -0 grep -c '"a": \[1.50, 100, 9007199254740993\]' first
	# Documents come in order of their ids, as bytes.
	for d in B a Ä b; do chunk "$d" 0 1 x; done | c1v-ingest -c back
	[ "$(c1v-store export -c back | jq -r '.doc // .id' | uniq | xargs)" = 'B a b c Ä' ]
	run -0 c1v-ingest first
	[ "$(sum .skipped)" = 4 ]
}

@test "get: a chunk, a document, neither" {
	init
	{ chunk a 0 2 one; chunk a 1 2 two; echo '{"id":"b","content":"three"}'; } | c1v-ingest
	[ "$(c1v-store get a#1 | jq -r .content)" = two ]
	[ "$(c1v-store get a | jq -r .content | xargs)" = 'one two' ]
	run --separate-stderr -1 c1v-store get nobody "o'k" '{x}' 'a"b\c'
	assert_regex "$stderr" 'no chunk or document nobody'
}

@test "delete: chunks, documents, sources; what is left is whole" {
	init
	{
		chunk a 0 3 one; chunk a 1 3 two; chunk a 2 3 three
		chunk b 0 1 x ',"source":"s"'
		chunk c 0 2 x ',"source":"s"'; chunk c 1 2 y
		chunk d 0 2 y; chunk d 1 2 z
	} | c1v-ingest
	run -0 c1v-store delete --id a#1 --dry-run
	[ "$(sum '[.documents,.deleted] | join(" ")')" = '0 1' ]
	run -0 c1v-store delete --id a#1 --yes
	[ "$(c1v-store get a | jq -c '[.id,.chunk]' | xargs)" = '[a#0,{index:0,of:2}] [a#2,{index:1,of:2}]' ]
	sound
	run -1 c1v-store delete --id a#1 --yes
	run -0 c1v-store delete --source s --dry-run
	[ "$(sum '[.documents,.deleted] | join(" ")')" = '2 3' ]
	run -0 c1v-store delete --source s --yes
	[ "$(sum '[.documents,.deleted] | join(" ")')" = '2 3' ]
	run -0 c1v-store delete --id d#0 --id d#1 --id a --yes
	[ "$(sum '[.documents,.deleted] | join(" ")')" = '2 4' ]
	[ "$(sql 'SELECT count(*) FROM documents; SELECT count(*) FROM c1v_document')" = '0
0' ]
	sound
}

@test "delete by filter" {
	init
	for i in 1 2 3 4; do
		chunk "d$i" 0 2 one ',"metadata":{"k":'"$i"'}'
		chunk "d$i" 1 2 two ',"metadata":{"k":'$((i % 2))'}'
	done | c1v-ingest
	run -0 c1v-store delete --filter '{"k":{"$lte":1}}' --dry-run
	[ "$(sum '[.documents,.deleted] | join(" ")')" = '1 5' ]
	run -0 c1v-store delete --filter '{"k":{"$lte":1}}' --yes
	[ "$(sum '[.documents,.deleted] | join(" ")')" = '1 5' ]
	[ "$(c1v-store export | jq -c '[.id,.chunk]' | xargs)" = \
	    '[d2#0,{index:0,of:1}] [d3#0,{index:0,of:1}] [d4#0,{index:0,of:1}]' ]
	sound
}

@test "verify finds what others have broken" {
	init
	{ chunk a 0 2 one "$(vector)"; chunk a 1 2 two "$(vector)"; chunk b 0 1 x; chunk c 0 1 x "$(vector)"; } | c1v-ingest
	sound
	sql "DELETE FROM documents WHERE key = 'a#0';
		UPDATE documents SET content = 'changed' WHERE key = 'b#0';
		UPDATE documents SET model = 'other', embedding = '[0,0,0]' WHERE key = 'c#0';
		INSERT INTO documents (content, key, document, position, hash) VALUES ('x', 'z', 'z', 0, 0)"
	run -1 c1v-store verify
	for finding in 'document a: the manifest says 2 chunks, there are 1' 'document a: its chunks are not numbered' \
	    'chunk b#0: its content is not' 'chunk c#0: its vector is of model other' 'row c#0: its vector is zero' \
	    'document z: it has chunks, but is not in the manifest'; do
		assert_output --partial "$finding"
	done
}

@test "drop takes the table and all that c1v knows of it; vacuum gives its size" {
	init
	init -c kept
	{ chunk a 0 1 one "$(vector)"; } | tee >(c1v-ingest -c kept >/dev/null) | c1v-ingest
	run -0 c1v-store vacuum
	[ "$(sum .before)" -gt 0 ]
	[ "$(sum .after)" -gt 0 ]
	run -0 c1v-store drop --yes
	[ "$(sql "SELECT to_regclass('documents') IS NULL; SELECT name FROM c1v_collection;
		SELECT DISTINCT collection FROM c1v_document; SELECT count(*) FROM pg_proc WHERE proname IN ('match_documents', 'hybrid_search')")" = 't
kept
kept
0' ]
	run -1 c1v-store drop --yes
	sound -c kept
	sql "CREATE TABLE theirs (id bigserial PRIMARY KEY, content text, metadata jsonb, embedding vector(3))"
	run -0 c1v-store init -c theirs --index none
	run --separate-stderr -64 c1v-store drop -c theirs --yes
	assert_regex "$stderr" 'was there before'
	[ "$(sql "SELECT to_regclass('theirs')")" = theirs ]
}

@test "an adopted table: rows that were there are read, kept, and taken over when they change" {
	sql "CREATE EXTENSION vector; CREATE TABLE docs (id bigserial PRIMARY KEY, content text, metadata jsonb, embedding vector(3));
		INSERT INTO docs (content, metadata, embedding) VALUES ('first', '{\"source\":\"s\",\"k\":1}', '[1,2,3]'), ('second', NULL, NULL)"
	run -0 c1v-store init -c docs --model m --dims 3 --index none
	run -0 bash -c 'c1v-store export -c docs --encoding array | jq -c "[.id,.content,.source,.model]"'
	assert_output '["1","first","s","m"]
["2","second",null,null]'
	before=$(sql 'SELECT ctid, xmin FROM docs ORDER BY id')
	c1v-store export -c docs >all
	run -0 c1v-ingest -c docs all
	[ "$(counts)" = '2 0 0 2 0 0' ]
	[ "$(sql 'SELECT ctid, xmin FROM docs ORDER BY id')" = "$before" ]
	sound -c docs
	run -0 c1v-ingest -c docs <<<'{"id":"1","content":"first","metadata":{"source":"s","k":2},"source":"s"}'
	[ "$(counts)" = '1 0 1 0 0 0' ]
	[ "$(sql 'SELECT id, key, embedding FROM docs ORDER BY id')" = '1|1|[1,2,3]
2||' ]
	run -0 c1v-ingest -c docs <<<'{"doc":"2","chunk":{"of":0}}'
	[ "$(sum .deleted)" = 1 ]
	sound -c docs
}

@test "halfvec: vectors of 16 bits" {
	need_halfvec
	init --model m --dims 3 --vector-type halfvec
	run -0 c1v-ingest <<<"$(chunk a 0 1 one "$(vector m 1,-0.333333,65504)"; chunk b 0 1 two "$(vector m 6e-8,0.00001,2049)")"
	# As the server itself rounds them, in both directions.
	[ "$(sql 'SELECT embedding FROM documents ORDER BY key')" = "$(sql "SELECT '[1,-0.333333,65504]'::halfvec; SELECT '[6e-8,0.00001,2049]'::halfvec")" ]
	[ "$(c1v-store export --encoding array | jq -c .embedding)" = "$(sql "SELECT embedding::vector::real[] FROM documents ORDER BY key" |
	    sed 's/{/[/; s/}/]/' | jq -c .)" ]
	run --separate-stderr -65 c1v-ingest <<<"$(chunk c 0 1 x "$(vector m 1,70000,1)")"
	assert_regex "$stderr" 'beyond what halfvec can hold'
	sound
}

# The tables that LangChain's editions make: NAME COLUMNS… of --columns
foreign_tables() {
	sql "CREATE EXTENSION vector;
		CREATE TABLE js (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), text text, metadata jsonb, embedding vector(3));
		CREATE TABLE supabase (id bigserial PRIMARY KEY, content text, metadata jsonb, embedding vector(3));
		CREATE TABLE v2 (langchain_id uuid PRIMARY KEY, content text NOT NULL, embedding vector(3), langchain_metadata json);
		CREATE TABLE langchain_pg_collection (uuid uuid PRIMARY KEY DEFAULT gen_random_uuid(), name varchar NOT NULL UNIQUE, cmetadata json);
		CREATE TABLE langchain_pg_embedding (id varchar PRIMARY KEY, collection_id uuid REFERENCES langchain_pg_collection,
			embedding vector, document varchar, cmetadata jsonb);
		INSERT INTO langchain_pg_collection (name) VALUES ('pair'), ('another');
		INSERT INTO langchain_pg_embedding SELECT 'theirs', uuid, '[1,1,1]', 'not ours', '{}' FROM langchain_pg_collection WHERE name = 'another'"
}

@test "tables that are not ours: rows go in, come back, change and go" {
	foreign_tables
	id=0b0e3a3c-2d2f-4a0c-9a53-2f63e2a8e0a7
	{
		chunk a 0 2 one "$(vector),\"metadata\":{\"k\":1},\"source\":\"s\""
		chunk a 1 2 two "$(vector)"
		echo '{"id":"'$id'","content":"three","metadata":{"chunk":7}'"$(vector)}"
	} >in
	for t in js supabase v2 pair; do
		columns=()
		[ $t = js ] && columns=(--columns "id=id,content=text,metadata=metadata,embedding=embedding")
		[ $t = supabase ] && columns=(--columns "id=id,content=content,metadata=metadata,embedding=embedding")
		run -0 c1v-ingest -c $t "${columns[@]}" in
		[ "$(counts)" = '2 3 0 0 0 0' ]
		run -0 c1v-ingest -c $t "${columns[@]}" in
		[ "$(counts)" = '2 0 0 3 0 0' ]
		run -0 bash -c 'c1v-store export "$@" --encoding array | jq -cS "[.id,.doc,.content,.source,.metadata,.chunk,.embedding]"' _ -c $t "${columns[@]}"
		assert_output '["'$id'",null,"three",null,{"chunk":7},null,[1,2,3]]
["a#0","a","one","s",{"k":1,"source":"s"},{"index":0,"of":2},[1,2,3]]
["a#1","a","two",null,{},{"index":1,"of":2},[1,2,3]]'
		run -0 c1v-ingest -c $t "${columns[@]}" <<<"$(chunk a 0 1 changed "$(vector)")"
		[ "$(counts)" = '1 0 1 0 1 0' ]
		[ "$(c1v-store get -c $t "${columns[@]}" a | jq -r .content)" = changed ]
		run -0 c1v-store verify -c $t "${columns[@]}"
		run -0 c1v-store delete -c $t "${columns[@]}" --id a --yes
		run -0 c1v-ingest -c $t "${columns[@]}" <<<'{"doc":"'$id'","chunk":{"of":0}}'
		[ "$(sum .deleted)" = 1 ]
		run -64 c1v-store drop -c $t "${columns[@]}" --yes
	done
	[ "$(sql 'SELECT count(*) FROM js; SELECT count(*) FROM supabase; SELECT count(*) FROM v2; SELECT count(*) FROM langchain_pg_embedding')" = '0
0
0
1' ]
}

@test "tables that are not ours: rows of others are theirs" {
	foreign_tables
	sql "INSERT INTO supabase (content, metadata) VALUES ('x', '{\"doc\":\"a\",\"chunk\":1}'), ('y', '{\"source\":\"f\"}')"
	c=(-c supabase --columns "id=id,content=content,metadata=metadata,embedding=embedding")
	run -0 bash -c 'c1v-store export "$@" | jq -c "[.id,.doc,.source]"' _ "${c[@]}"
	assert_output '["1",null,null]
["2",null,"f"]'
	c1v-store export "${c[@]}" >all
	run -0 c1v-ingest "${c[@]}" all
	[ "$(counts)" = '2 0 0 2 0 0' ]
	# A document of the same name as their `doc` does not replace their row.
	run -0 c1v-ingest "${c[@]}" <<<"$(chunk a 0 1 new)"
	[ "$(counts)" = '1 1 0 0 0 0' ]
	[ "$(sql 'SELECT count(*) FROM supabase')" = 3 ]
	# Names of ids follow from the chunk's, for everybody.
	c1v-ingest -c v2 <<<"$(chunk a 0 1 new "$(vector)")"
	[ "$(sql 'SELECT langchain_id FROM v2')" = 57b7c2f4-eb2f-522b-8be9-17370260c923 ]
}

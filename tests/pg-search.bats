# Searching PostgreSQL: what its planner, its indexes and its policies do to a
# search. What holds for every kind of store is in contract/search.bats.

load helper
load servers/postgres

setup_file() {
	postgres_start "shared_preload_libraries = 'pg_stat_statements'"
}

teardown_file() {
	postgres_stop
}

setup() {
	c1v_setup
	postgres_database
}

# rows COUNT: chunks of their own, with vectors all around a circle, half of a type each.
rows() {
	jq -nc --argjson n "$1" 'range(0; $n) | (. * 6.283185307179586 / $n) as $a | {id: "r\(.)", content: "row number\(.) among many",
	    metadata: {type: (if . % 2 == 0 then "even" else "odd" end), n: .}, embedding: [($a | cos), ($a | sin), 0.5], model: "toy"}'
}

# near VECTOR [OPTION…]
near() {
	local vector=$1
	shift
	c1v-search --mode vector --json "$@" <<<"{\"query\":\"q\",\"embedding\":$vector,\"model\":\"toy\"}"
}

ids() {
	jq -r .id | tr '\n' ' '
}

# What the server did for a command: the plans, by auto_explain.
plans() {
	: >"$postgres_dir/log"
	PGOPTIONS="-c session_preload_libraries=auto_explain -c auto_explain.log_min_duration=0 ${options-}" "$@" >/dev/null
	grep -E 'Index Scan|Seq Scan|Bitmap|Gather' "$postgres_dir/log"
}

@test "filters mean what they mean in SQLite: made-up filters over made-up rows" {
	made() {
		jq -nr --argjson seed "$1" --argjson count "$2" --arg what "$3" -f "$root/tests/data/filters.jq"
	}
	found() {
		c1v-search --log-level error --store "$1" --mode keyword -n 1000 --no-collapse --fields qid,id | sort
	}
	made 3 60 rows >rows
	made 3 400 filters >filters
	c1v-ingest --store s.db rows >/dev/null
	c1v-store init --index none >/dev/null
	c1v-ingest rows >/dev/null
	found s.db <filters >expected
	[ "$(wc -l <expected)" -gt 1000 ]
	found "$C1V_STORE" <filters | cmp - expected
	# a number's text is as PostgreSQL writes it: 1e1 is 10 there
	made 3 20 pairs | grep -v '=[0-9]' | while read -r pair; do
		c1v-search --store s.db --mode keyword -n 100 --filter "$pair" --fields id --json word >expected || [ $? = 1 ]
		c1v-search --log-level error --mode keyword -n 100 --filter "$pair" --fields id --json word >got || [ $? = 1 ]
		diff <(sort got) <(sort expected) || { echo "$pair"; exit 1; }
	done
}

@test "a filter's texts are never SQL" {
	c1v-store init --index none >/dev/null
	c1v-ingest <<<'{"id":"a","content":"word","metadata":{"it'\''s":"x'\''; DROP TABLE documents; --","a\\b":"$1"}}' >/dev/null
	run -0 c1v-search --json --mode keyword --filter "it's=x'; DROP TABLE documents; --" word
	run -0 c1v-search --json --mode keyword --filter '{"a\\b":"$1"}' word
	run -1 c1v-search --json --mode keyword --filter "{\"x' OR true --\":1}" word
	run -0 c1v-search --json --mode keyword --filter '{"$or":[{"{table}":1},{"$id":{"$eq":"a"}}]}' word
	run c1v-search --mode keyword --filter '{"a":"\u0000"}' word
	[ "$status" -ne 0 ] && [ "$status" -ne 70 ]
}

@test "a containment is served by the index on the metadata" {
	c1v-store init --index none >/dev/null
	rows 2000 | c1v-ingest >/dev/null
	sql 'VACUUM ANALYZE documents'
	run plans c1v-search --mode vector --filter '{"n":77}' <<<'{"query":"q","embedding":[1,0,0.5],"model":"toy"}'
	assert_output --partial 'documents_c1v_metadata'
}

@test "HNSW is used, and gives what an exact search gives" {
	c1v-store init --dims 3 >/dev/null
	rows 3000 | c1v-ingest >/dev/null
	sql 'VACUUM ANALYZE documents'
	options='-c enable_seqscan=off' # so small a table is scanned as fast
	run plans near '[1,0,0.5]' -n 10
	assert_output --partial 'Index Scan using documents_embedding_idx'
	near '[0.3,0.7,0.5]' -n 20 --fields id,score >fast
	near '[0.3,0.7,0.5]' -n 20 --fields id,score --exact >exact
	diff fast exact
	run plans near '[1,0,0.5]' -n 10 --exact
	refute_output --partial 'documents_embedding_idx'
}

@test "a filter does not lose rows behind an HNSW index" {
	c1v-store init --dims 3 >/dev/null
	rows 3000 | c1v-ingest >/dev/null
	sql 'VACUUM ANALYZE documents'
	# all that pass lie on the far side
	run near '[1,0,0.5]' -n 40 --ef-search 10 --filter '{"n":{"$gte":1480,"$lt":1520}}'
	assert_equal "$(jq -r .id <<<"$output" | sort -u | wc -l)" 40
	near '[1,0,0.5]' -n 40 --exact --filter '{"n":{"$gte":1480,"$lt":1520}}' | jq -r .id >exact
	jq -r .id <<<"$output" | diff - exact
	run --separate-stderr near '[1,0,0.5]' -n 10 --filter '{"n":{"$lt":3}}' --explain
	assert_equal "$(jq -r .id <<<"$output" | wc -l)" 3
	assert_regex "$stderr" 'because of the filter'
}

@test "the seed's index, built on an empty table, loses nothing" {
	sql <<-'EOF'
	CREATE EXTENSION vector;
	CREATE TABLE documents (id bigserial PRIMARY KEY, content text NOT NULL, metadata jsonb, embedding vector(3),
		created_at timestamptz DEFAULT now());
	CREATE INDEX ON documents USING ivfflat (embedding vector_cosine_ops) WITH (lists = 100);
	INSERT INTO documents (content, metadata, embedding)
	SELECT 'row ' || n, jsonb_build_object('n', n), ARRAY[cos(n / 80.0), sin(n / 80.0), 0.5]::vector
	FROM generate_series(1, 500) n;
	EOF
	# the table as it is
	near '[1,0,0.5]' -n 30 --fields id,score >fast
	[ "$(wc -l <fast)" = 30 ]
	near '[1,0,0.5]' -n 30 --fields id,score --exact | diff - fast
	# and adopted
	c1v-store init --model toy >/dev/null
	near '[1,0,0.5]' -n 30 --fields id,score | diff - fast
	run -0 c1v-store --pretty info
	assert_output --partial 'index rebuild'
}

@test "vectors of more than 2,000 dimensions: the index on halfvec is used" {
	need_halfvec
	c1v-store init --dims 2100 >/dev/null
	jq -nc 'range(0; 60) as $i | {id: "r\($i)", content: "row \($i)", model: "toy",
	    embedding: [range(0; 2100) | if . % 60 == $i then 1 else 0.01 end]}' | c1v-ingest >/dev/null
	sql 'VACUUM ANALYZE documents; ' >/dev/null
	jq -nc '{query: "q", model: "toy", embedding: [range(0; 2100) | if . % 60 == 7 then 1 else 0.01 end]}' >query
	options='-c enable_seqscan=off'
	run plans c1v-search --mode vector <query
	assert_output --partial 'Index Scan using documents_embedding_idx'
	c1v-search --mode vector --json -n 3 <query >fast
	[ "$(head -n 1 fast | jq -r .id)" = r7 ]
	c1v-search --mode vector --json -n 3 --exact <query | diff - fast
}

@test "tables that others made are searched: columns named, texts as ids, metadata as json" {
	sql <<-'EOF'
	CREATE EXTENSION vector;
	CREATE TABLE notes (langchain_id uuid PRIMARY KEY, body text, meta json, vec vector(3));
	INSERT INTO notes SELECT md5(n::text)::uuid, 'Release number ' || n || ' of the product',
		json_build_object('n', n, 'source', 'f' || n), ARRAY[1, n, 0]::vector FROM generate_series(0, 20) n;
	INSERT INTO notes VALUES (md5('twin')::uuid, 'Release number 3 of the product', '{"n":3}', '[1,3,0]');
	EOF
	columns=(--columns 'id=langchain_id,content=body,metadata=meta,embedding=vec' -c notes)
	run -0 near '[1,0,0]' -n 2 "${columns[@]}"
	assert_equal "$(jq -c '[.content, .metadata.n, .source]' <<<"${lines[0]}")" '["Release number 0 of the product",0,"f0"]'
	run -0 near '[1,3,0]' -n 1 "${columns[@]}"
	assert_equal "$(jq -c '.also | length' <<<"$output")" 1
	run -0 near '[1,0,0]' -n 1 "${columns[@]}" --filter '{"n":{"$gt":10}}'
	assert_equal "$(jq .metadata.n <<<"$output")" 11
	run -0 c1v-search --mode keyword --json -n 1 "${columns[@]}" 'product 7'
	assert_equal "$(jq .metadata.n <<<"$output")" 7
	run -0 c1v-search --json -n 3 "${columns[@]}" --mmr 0.5 <<<'{"query":"release 5","embedding":[1,5,0]}'
	assert_equal "$(jq -s length <<<"$output")" 3
	# a view
	sql 'CREATE VIEW seen AS SELECT langchain_id, body, meta, vec FROM notes'
	run -0 near '[1,0,0]' -n 1 --columns 'id=langchain_id,content=body,metadata=meta,embedding=vec' -c seen
	assert_equal "$(jq .metadata.n <<<"$output")" 0
}

@test "vectors of several dimensions in one table: only those that fit are compared" {
	sql <<-'EOF'
	CREATE EXTENSION vector;
	CREATE TABLE mixed (id text PRIMARY KEY, content text, metadata jsonb, embedding vector);
	INSERT INTO mixed VALUES ('a', 'one', NULL, '[1,0]'), ('b', 'two', NULL, '[1,0,0]'), ('c', 'three', NULL, NULL),
		('d', 'four', NULL, '[0,0,0]'), ('e', 'five', NULL, '[0,1,0]');
	EOF
	run -0 bash -c 'c1v-search -c mixed --mode vector --json <<<"{\"query\":\"q\",\"embedding\":[1,0.1,0]}"'
	assert_equal "$(ids <<<"$output")" 'b e '
}

@test "row-level security: --pg-set says who asks" {
	c1v-store init --dims 3 >/dev/null
	rows 1000 | c1v-ingest >/dev/null
	sql <<-'EOF'
	ALTER TABLE documents ENABLE ROW LEVEL SECURITY;
	CREATE POLICY mine ON documents USING (metadata->>'type' = current_setting('app.tenant', true));
	DROP ROLE IF EXISTS reader;
	CREATE ROLE reader LOGIN;
	GRANT USAGE ON SCHEMA public TO reader;
	GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;
	EOF
	export C1V_STORE=${C1V_STORE/user=$PGUSER/user=reader}
	run -0 near '[1,0,0.5]' -n 150 --pg-set app.tenant=even
	assert_equal "$(jq -r .metadata.type <<<"$output" | sort | uniq -c | xargs)" '150 even'
	run -0 c1v-search --json -n 5 --mode keyword --pg-set app.tenant=odd number7 number8
	assert_equal "$(ids <<<"$output")" 'r7 '
	run -1 near '[1,0,0.5]'
	assert_output ''
	run -64 near '[1,0,0.5]' --pg-set nonsense
}

@test "a search that many share is one round trip, and only reads" {
	c1v-store init --dims 3 >/dev/null
	rows 2500 | c1v-ingest >/dev/null
	sql 'VACUUM ANALYZE documents' # fewer rows are counted by a statement more
	: >"$postgres_dir/log"
	PGOPTIONS='-c log_statement=all' c1v-search --json <<<'{"query":"row number5","embedding":[1,0,0.5],"model":"toy"}' >/dev/null
	# the catalog and the search, each with its settings before it
	assert_equal "$(grep -c 'execute <unnamed>' "$postgres_dir/log")" 4
	assert_equal "$(grep -c 'LOG:  statement:' "$postgres_dir/log" || true)" 0
	grep -q "transaction_read_only" "$postgres_dir/log"
}

@test "every query is logged: its name and time, slow ones, and errors with SQLSTATE" {
	c1v-store init --dims 3 >/dev/null
	rows 10 | c1v-ingest >/dev/null
	run --separate-stderr near '[1,0,0.5]' --log-level info --log-format json
	assert_equal "$(jq -c 'select(.type == "db_query") | [.queryName, .duration > 0, .rows]' <<<"$stderr")" \
	    '["search_vector",true,10]'
	sql 'CREATE FUNCTION late(vector) RETURNS vector LANGUAGE sql VOLATILE AS $$ SELECT $1 FROM pg_sleep(0.02) $$'
	sql 'CREATE VIEW slow AS SELECT id, content, metadata, late(embedding)::vector(3) AS embedding FROM documents'
	run --separate-stderr near '[1,0,0.5]' -c slow --log-format json
	assert_equal "$(jq -r 'select(.type == "slow_db_query") | .level' <<<"$stderr")" warn
	sql 'CREATE VIEW broken AS SELECT id, (1 / (id - 5))::text AS content, metadata, embedding FROM documents'
	run --separate-stderr near '[1,0,0.5]' -c broken --log-format json
	assert_equal "$status" 65
	assert_equal "$(jq -r 'select(.type == "db_query_error") | .sqlstate' <<<"$stderr")" 22012
	# What else is asked for, and what is written.
	watched() {
		run -"$1" --separate-stderr "${@:2}" --log-level info --log-format json
		jq -r 'select(.queryName) | "\(.type) \(.queryName) \(.rows // .sqlstate)"' <<<"$stderr"
	}
	rows 12 >twelve
	assert_equal "$(watched 0 c1v-ingest twelve)" 'db_query put 12'
	assert_equal "$(watched 0 c1v-store get r2)" 'db_query get_chunk 1'
	assert_equal "$(watched 1 c1v-store get none)" $'db_query get_chunk 0\ndb_query get_document 0'
	assert_equal "$(watched 0 c1v-store export)" 'db_query export 12'
	assert_equal "$(watched 0 c1v-store delete --id r2 --yes | sort -u)" 'db_query delete 1'
	assert_equal "$(watched 0 c1v-search --mode keyword --neighbors 1 -n 1 row | cut -d' ' -f1,2 | sort -u)" \
	    $'db_query get_document\ndb_query search_keyword'
	sql "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION USING ERRCODE = ''P0009''; END';
		CREATE TRIGGER no BEFORE DELETE ON documents FOR EACH ROW EXECUTE FUNCTION no()"
	assert_equal "$(watched 70 c1v-store delete --id r3 --yes)" $'db_query delete 1\ndb_query_error delete P0009'
}

@test "info: counts, sizes, indexes, versions, warnings; for people too" {
	c1v-store init --dims 3 >/dev/null
	rows 50 | c1v-ingest >/dev/null
	run -0 c1v-store info
	assert_equal "$(jq -c '.collections[0] | [.documents, .chunks, .vectors, .dims, .model, .tokenizer, .index.kind]' <<<"$output")" \
	    '[50,50,50,3,"toy","english","hnsw"]'
	assert_equal "$(jq -c '.collections[0] | [.bytes, .table_bytes, .index_bytes] | map(. > 0) | all' <<<"$output")" true
	assert_equal "$(jq -c '.collections[0].indexes | map(.name) | contains(["documents_pkey"])' <<<"$output")" true
	assert_equal "$(jq -r '.server' <<<"$output" | cut -d. -f1)" "$(psql --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')"
	assert_regex "$(jq -r .pgvector <<<"$output")" '^[0-9]+\.[0-9]+\.[0-9]+$'
	if [ "$(jq -r .pgvector <<<"$output")" = 0.8.0 ]; then
		assert_regex "$(jq -r '.warnings[]' <<<"$output")" '0\.8\.3'
	fi
	run -0 c1v-store --pretty info
	assert_line --regexp '^documents +50 +50 +50'
	assert_line --partial 'table '
	assert_line --partial 'pgvector'
	run -1 c1v-store info -c nothing
	assert_output --partial 'no collection nothing'
}

@test "info of all: tables of others when they are open, what is gone or forbidden is said" {
	c1v-store init --dims 3 --index none >/dev/null
	c1v-store init -c gone --dims 3 --index none >/dev/null
	c1v-store init -c secret --dims 3 --index none >/dev/null
	c1v-store init -c elsewhere --schema far --dims 3 --index none >/dev/null
	sql 'DROP TABLE gone CASCADE; CREATE TABLE theirs (uid text PRIMARY KEY, words text, vec vector(3))'
	run -0 c1v-store info
	assert_equal "$(jq -c '[.collections[].name]' <<<"$output")" '["documents","secret"]'
	assert_equal "$(jq -r '.warnings[] | select(startswith("gone: "))' <<<"$output")" \
	    'gone: its table is not there any more, or has no vectors'
	run -0 c1v-store info --schema far
	assert_equal "$(jq -c '[.collections[].name]' <<<"$output")" '["elsewhere"]'
	run -0 env C1V_COLLECTION=theirs c1v-store info --columns id=uid,content=words,embedding=vec
	assert_equal "$(jq -c '[.collections[] | [.name,.layout]]' <<<"$output")" \
	    '[["documents","c1v"],["secret","c1v"],["theirs","columns"]]'
	sql 'CREATE ROLE half LOGIN; GRANT SELECT ON documents, c1v_collection, c1v_migration, c1v_document TO half'
	run -0 c1v-store info --store "$C1V_STORE&user=half"
	assert_equal "$(jq -c '[.collections[].name]' <<<"$output")" '["documents"]'
	assert_equal "$(jq -r '.warnings[] | select(startswith("secret: "))' <<<"$output")" \
	    'secret: the role half may not read secret'
}

@test "slow: what pg_stat_statements has of the collection's table, and what to do without it" {
	c1v-store init --dims 3 >/dev/null
	rows 20 | c1v-ingest >/dev/null
	run -78 c1v-store slow
	assert_output --partial 'CREATE EXTENSION'
	sql 'CREATE EXTENSION pg_stat_statements; CREATE TABLE other (documents_too int)'
	near '[1,0,0.5]' >/dev/null
	sql 'SELECT documents_too FROM other' >/dev/null
	run -0 c1v-store slow -n 50
	assert_equal "$(jq -r '.calls >= 1 and .total_ms >= 0' <<<"$output" | sort -u)" true
	assert_equal "$(jq -r .query <<<"$output" | grep -c documents_too || true)" 0
	assert_output --partial 'WITH indexed'
	run -0 c1v-store --pretty slow -n 2
	assert_line --index 0 --partial total_ms
	assert_equal "${#lines[@]}" 3
}

@test "recall: the index beside an exact scan" {
	c1v-store init --dims 3 >/dev/null
	run -1 c1v-store recall
	rows 500 | c1v-ingest >/dev/null
	run -0 c1v-store recall --sample 20 -k 5
	assert_equal "$(jq -c '[.sample, .k, .kind, .recall > 0.9, .p50_ms > 0, .exact_p95_ms > 0, .collection]' <<<"$output")" \
	    '[20,5,"hnsw",true,true,true,"documents"]'
	run -0 c1v-store --pretty recall --sample 3
	assert_line --regexp '^recall +1\.0000$'
	rows 1 | c1v-ingest --store s.db >/dev/null
	run -64 c1v-store recall --store s.db
}

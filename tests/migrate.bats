#!/usr/bin/env bats
# PostgreSQL: the schema, its migrations, the vector index, and tables that others made.

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

# --- helpers ------------------------------------------------------------------

init() {
	c1v-store init "$@"
}

# The value of one member of an object on stdin.
member() {
	jq -r ".$1"
}

# A vector of $2 dimensions as SQL, made from the number $1.
vector_sql() {
	echo "(SELECT array_agg(sin($1 * 12.9898 + d * 78.233)) FROM generate_series(1, $2) d)::vector($2)"
}

# The seed's migration, and rows 1 to $1 in it, of 8 dimensions.
seed_table() {
	sql <<-END
		CREATE EXTENSION IF NOT EXISTS vector;
		CREATE TABLE documents (
		  id BIGSERIAL PRIMARY KEY,
		  content TEXT NOT NULL,
		  metadata JSONB,
		  embedding VECTOR(8),
		  created_at TIMESTAMP WITH TIME ZONE DEFAULT NOW()
		);
		CREATE INDEX ON documents USING ivfflat (embedding vector_cosine_ops) WITH (lists = 100);
		CREATE OR REPLACE FUNCTION match_documents(query_embedding VECTOR(8), match_threshold FLOAT, match_count INT)
		RETURNS TABLE (id BIGINT, content TEXT, metadata JSONB, similarity FLOAT)
		LANGUAGE SQL STABLE AS \$\$
		  SELECT id, content, metadata, 1 - (embedding <=> query_embedding) AS similarity
		  FROM documents
		  WHERE 1 - (embedding <=> query_embedding) > match_threshold
		  ORDER BY embedding <=> query_embedding
		  LIMIT match_count;
		\$\$;
		INSERT INTO documents (content, metadata, embedding)
		SELECT 'content ' || i, jsonb_build_object('n', i, 'source', 'seed.md'), $(vector_sql i 8)
		FROM generate_series(1, $1) i;
	END
}

# What a rewrite of the table would change: the file, and each row's place and writer.
places() {
	sql <<-END
		SELECT pg_relation_filenode('$1');
		SELECT ctid, xmin, ${2:-id} FROM $1 ORDER BY ctid;
	END
}

# The dump without what differs between two databases of the same schema.
schema_of() {
	PGDATABASE=$1 pg_dump --restrict-key=c1v 2>/dev/null | sed -E 's/[0-9-]{10} [0-9:.]+\+00/TIME/g' ||
	    PGDATABASE=$1 pg_dump | sed -E 's/[0-9-]{10} [0-9:.]+\+00/TIME/g; /^.(un)?restrict /d'
}

# --- init ------------------------------------------------------------------------

@test "init makes the seed's table and what c1v needs beside it" {
	run -0 init --dims 8
	assert_output --partial '"action":"init"'
	run -0 sql <<<"SELECT column_name || ' ' || udt_name FROM information_schema.columns
		WHERE table_name = 'documents' ORDER BY ordinal_position LIMIT 5"
	assert_output "id int8
content text
metadata jsonb
embedding vector
created_at timestamptz"
	run -0 sql <<<"SELECT string_agg(column_name, ' ' ORDER BY ordinal_position) FROM information_schema.columns
		WHERE table_name = 'documents' AND ordinal_position > 5"
	assert_output "key document position source hash place model fts"
	run -0 sql <<<"SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'documents'::regclass ORDER BY 1"
	assert_output --partial 'USING gin (fts)'
	assert_output --partial 'USING gin (metadata jsonb_path_ops)'
	assert_output --partial 'USING hnsw (embedding vector_cosine_ops)'
	assert_output --partial 'UNIQUE INDEX documents_c1v_key ON public.documents USING btree (key)'
	run -0 sql <<<"SELECT format_type(atttypid, atttypmod) FROM pg_attribute
		WHERE attrelid = 'documents'::regclass AND attname = 'embedding'"
	assert_output 'vector(8)'
	run -0 sql <<<"TABLE c1v_document"
	assert_output ''
}

@test "init is idempotent and keeps to what was said first" {
	init --dims 8 --model m --splitter one
	before=$(schema_of "$PGDATABASE")
	init --dims 8 --model m
	init
	[ "$(schema_of "$PGDATABASE")" = "$before" ]
	run -78 init --dims 9
	assert_output --partial 'with 8 dimensions'
	run -78 init --dims 8 --model other
	assert_output --partial 'with the model m'
	run -78 init --tokenizer simple
	assert_output --partial 'with the tokenizer english'
	run -78 init --vector-type halfvec
	assert_output --partial 'is of the type vector already'
}

@test "dimension, type and index are options" {
	need_halfvec
	init -c wide --dims 3072
	init -c forced --dims 3072 --vector-type vector
	init -c small --dims 4 --vector-type halfvec
	init -c tuned --dims 4 --m 8 --ef-construction 32
	init -c bare --dims 4 --index none
	init -c lists --dims 4 --index ivfflat --lists 7
	run -0 sql <<<"SELECT attrelid::regclass || ' ' || format_type(atttypid, atttypmod) FROM pg_attribute
		WHERE attname = 'embedding' AND attrelid IN (SELECT oid FROM pg_class WHERE relkind = 'r') ORDER BY 1"
	assert_output "bare vector(4)
forced vector(3072)
lists vector(4)
small halfvec(4)
tuned vector(4)
wide halfvec(3072)"
	run -0 sql <<<"SELECT replace(indexdef, 'public.', '') FROM pg_indexes WHERE indexname LIKE '%embedding_idx' ORDER BY 1"
	assert_output "CREATE INDEX forced_embedding_idx ON forced USING hnsw (((embedding)::halfvec(3072)) halfvec_cosine_ops)
CREATE INDEX small_embedding_idx ON small USING hnsw (embedding halfvec_cosine_ops)
CREATE INDEX tuned_embedding_idx ON tuned USING hnsw (embedding vector_cosine_ops) WITH (m='8', ef_construction='32')
CREATE INDEX wide_embedding_idx ON wide USING hnsw (embedding halfvec_cosine_ops)"
	# The functions take the type of their table, and use its index.
	run -0 sql <<<"INSERT INTO forced (content, embedding) VALUES ('x', $(vector_sql 1 3072)); SET enable_seqscan = off;
		SELECT content FROM match_forced((SELECT embedding FROM forced), 0.5, 1)"
	assert_output --partial x
}

@test "wrong options of the index are refused" {
	run -64 init --dims 4 --index btree
	run -64 init --dims 4 --index none --m 8
	run -64 init --dims 4 --index ivfflat --m 8
	run -64 init --dims 4 --lists 8
	run -64 init --dims 4 --m 50 --ef-construction 60
	assert_output --partial 'twice'
	run -64 init --dims 4001 --index hnsw
	assert_output --partial '4000 dimensions'
	run -64 init --dims 16001
	need_halfvec
	init -c widest --dims 4001
	[ "$(sql <<<"SELECT index_kind FROM c1v_collection WHERE name = 'widest'")" = none ]
}

@test "the text-search configuration is the collection's" {
	init -c a --dims 4 --tokenizer simple
	init -c b --dims 4 --tokenizer porter
	init -c c --dims 4 --tokenizer unicode61
	run -0 sql <<<"SELECT name || ' ' || config FROM c1v_collection ORDER BY 1"
	assert_output "a simple
b english
c simple"
	run -0 sql <<<"INSERT INTO a (content) VALUES ('the cats'); INSERT INTO b (content) VALUES ('the cats');
		SELECT fts FROM a UNION ALL SELECT fts FROM b"
	assert_line "'cats':2 'the':1"
	assert_line "'cat':2"
	run -64 init -c d --dims 4 --tokenizer trigram
	run ! init -c d --dims 4 --tokenizer "klingon"
	assert_output --partial 'klingon'
	run -0 sql <<<"SELECT count(*) FROM pg_class WHERE relname = 'd'"
	assert_output 0
}

@test "several collections in several schemas do not meet" {
	sql <<<"CREATE SCHEMA other"
	init --dims 4
	init --dims 5 --schema other
	init --dims 6 --schema "New \"one\""
	run -0 sql <<<"SELECT attrelid::regclass || ' ' || format_type(atttypid, atttypmod) FROM pg_attribute
		WHERE attname = 'embedding' AND attrelid IN (SELECT oid FROM pg_class WHERE relkind = 'r') ORDER BY 1"
	assert_output '"New ""one""".documents vector(6)
documents vector(4)
other.documents vector(5)'
	run -0 sql <<<"SELECT count(*) FROM other.match_documents('[1,2,3,4,5]', 0, 1)"
	assert_output 0
	run -1 c1v-store migrations --schema nowhere
	assert_output --partial "no collection documents"
}

@test "a hostile name is just a name, or a clear error" {
	run -64 init -c 'x"; drop table y; --' --dims 4
	sql <<<"CREATE TABLE y ()"
	init --schema "x\"'; drop table y; --" --dims 4
	run -0 sql <<<"SELECT count(*) FROM pg_class WHERE relname IN ('y', 'documents')"
	assert_output 2
	run -78 init --schema 'a$do$' --dims 4
	run ! init -c z --tokenizer "english'; drop table y; --" --dims 4
	run -78 init -c z --columns "content=\"'; drop table y; --" --dims 4
	sql <<<"TABLE y"
}

@test "the longest names, and capitals and hyphens, are names like others" {
	long=$(printf 'L%.0s' {1..48})
	for name in "$long" My-Notes_1; do
		init -c "$name" --dims 3
		c1v-ingest -c "$name" <<<'{"content":"a text","embedding":[1,2,3],"model":"m"}' >/dev/null
		run -0 sql <<<"SELECT content FROM \"match_$name\"('[1,2,3]', 0.5, 1)"
		assert_output 'a text'
		run -0 sql <<<"SELECT content FROM \"hybrid_search_$name\"('text', '[1,2,3]', 1)"
		assert_output 'a text'
		c1v-store index rebuild -c "$name" >/dev/null
		assert_equal "$(c1v-store index -c "$name" | member index)" "${name}_embedding_idx"
		c1v-store drop -c "$name" --yes >/dev/null
	done
	run -0 sql <<<"SELECT count(*) FROM pg_proc WHERE proname ~ '^(match|hybrid_search)_'"
	assert_output 0
}

@test "without pgvector on the server init names the package" {
	postgres_no_vector
	run -78 init --dims 4
	assert_output --partial 'has no pgvector'
	assert_output --regexp 'postgresql-[0-9]+-pgvector'
	postgres_no_vector_stop
}

@test "pgvector is used in the schema where it is" {
	sql <<<"CREATE SCHEMA extensions; CREATE EXTENSION vector SCHEMA extensions"
	init --dims 4
	sql <<<"INSERT INTO documents (content, metadata, embedding) VALUES ('x', '{}', '[1,2,3,4]')"
	for call in "match_documents('[1,2,3,4]', 0.5, 3)" "match_documents(query_embedding => '[1,2,3,4]')" \
	    "hybrid_search('x', '[1,2,3,4]', 3)"; do
		run -0 sql <<<"SELECT content FROM $call"
		assert_output x
	done
	postgres_database
	sql <<<"CREATE SCHEMA extensions"
	init --dims 4
	run -0 sql <<<"SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = 'vector'"
	assert_output extensions
}

# --- migrate, migrations -----------------------------------------------------------

@test "migrations are numbered, and each is applied once" {
	c1v-store migrate --to 1 --dims 4
	run -0 bash -c 'c1v-store migrations | jq -r "[.version, .name, .state] | join(\" \")"'
	assert_output "1 documents applied
2 keys due
3 search due
4 functions due"
	run -0 sql <<<"SELECT count(*) FROM information_schema.columns WHERE table_name = 'documents'"
	assert_output 5
	c1v-store migrate --to 3
	c1v-store migrate
	c1v-store migrate
	run -0 bash -c 'c1v-store migrations | jq -r "select(.state == \"applied\" and .applied_at) | .version"'
	assert_output "1
2
3
4"
	run -64 c1v-store migrate --to 99
	assert_output --partial 'the last migration is 4'
}

@test "a dry run changes nothing and says what is due" {
	run -0 c1v-store migrate --dry-run --dims 4
	assert_line --index 0 --partial '"version":1,"name":"documents","state":"due"'
	assert_equal "${#lines[@]}" 4
	run -0 sql <<<"SELECT count(*) FROM pg_class WHERE relname IN ('documents', 'c1v_collection')"
	assert_output 0
	init --dims 4
	run -0 c1v-store migrate --dry-run
	assert_output ''
}

@test "checksums are those of the files" {
	init --dims 4
	for f in "$root"/share/migrations/00[1-4]_*.sql; do
		n=$(basename "$f" .sql)
		run -0 sql <<<"SELECT checksum FROM c1v_migration WHERE version = ${n%%_*} AND name = '${n#*_}'"
		assert_output "$(sha256sum <"$f" | cut -d' ' -f1)"
	done
}

@test "a changed migration is shown and refused, as is one of a newer c1v" {
	init --dims 4
	sql <<<"UPDATE c1v_migration SET checksum = repeat('0', 64) WHERE version = 2"
	run -0 bash -c 'c1v-store migrations | jq -r "select(.version == 2) | .state"'
	assert_output changed
	run -78 c1v-store migrate
	assert_output --partial 'migration 002_keys is not the one that was applied'
	run -78 init
	sql <<<"DELETE FROM c1v_migration; INSERT INTO c1v_migration VALUES ('documents', 7, 'later', 'x', now());
		UPDATE c1v_collection SET version = 7"
	run -0 bash -c 'c1v-store migrations | jq -r "select(.version == 7) | .state"'
	assert_output unknown
	run -78 c1v-store migrate
	assert_output --partial 'a newer c1v made it'
}

@test "print needs no server, and psql makes of it what migrate makes" {
	c1v-store migrate --store postgres://nobody@nowhere.invalid/x --print --dims 4 --model m --m 8 >printed.sql
	init --dims 4 --model m --m 8
	first=$PGDATABASE
	postgres_database
	psql -q -v ON_ERROR_STOP=1 -f printed.sql >/dev/null
	diff <(schema_of "$first") <(schema_of "$PGDATABASE")
	run -0 bash -c 'c1v-store migrations | jq -r .state | sort -u'
	assert_output applied
	# A second time it does no harm, in one transaction or, as some tools do it, inside another.
	psql -q -v ON_ERROR_STOP=1 -f printed.sql >/dev/null
	psql -q -v ON_ERROR_STOP=1 -1 -f printed.sql >/dev/null
	diff <(schema_of "$first") <(schema_of "$PGDATABASE")
}

@test "print in parts, in another schema, and for a table that is there" {
	c1v-store migrate --print --schema docs --dims 4 --to 2 >one.sql
	psql -q -v ON_ERROR_STOP=1 -f one.sql >/dev/null
	c1v-store migrate --schema docs
	run -0 bash -c 'c1v-store migrations --schema docs | jq -r .state | sort -u'
	assert_output applied
	sql <<<"CREATE TABLE notes (nr uuid PRIMARY KEY DEFAULT gen_random_uuid(), body text, extra jsonb, v vector(4));
		INSERT INTO notes (body, v) VALUES ('kept', '[1,2,3,4]')"
	c1v-store migrate --print -c notes --columns id=nr,content=body,metadata=extra,embedding=v --dims 4 >two.sql
	psql -q -v ON_ERROR_STOP=1 -f two.sql >/dev/null
	run -0 sql <<<"SELECT content FROM match_notes('[1,2,3,4]', 0.5, 5)"
	assert_output kept
}

@test "two that migrate at once take turns" {
	for i in 1 2 3 4 5 6; do
		init --dims 4 >"out.$i" 2>&1 &
		pids+=($!)
	done
	for p in "${pids[@]}"; do
		wait "$p"
	done
	run -0 sql <<<"SELECT count(*) FROM c1v_migration"
	assert_output 4
}

@test "a migration that fails leaves nothing behind" {
	# A function of the table's own row type cannot be made where a table c1v_document is something else.
	sql <<<"CREATE VIEW c1v_document AS SELECT 1 AS x; CREATE VIEW c1v_migration AS SELECT 1 AS y"
	run ! init --dims 4
	run -0 sql <<<"SELECT count(*) FROM pg_class WHERE relname IN ('documents', 'c1v_collection')"
	assert_output 0
}

@test "writing where migrations are due says so" {
	c1v-store migrate --to 3 --dims 2
	run -78 c1v-ingest <<<'{"content":"x","embedding":[1,2],"model":"m"}'
	assert_output --partial '1 migrations are due'
	assert_output --partial 'c1v-store migrate'
}

# --- functions -----------------------------------------------------------------------

@test "the seed's and LangChain's calls of match_documents both resolve" {
	init --dims 3
	sql <<<"INSERT INTO documents (content, metadata, embedding) VALUES
		('near', '{\"t\": 1}', '[1,0,0]'), ('far', '{\"t\": 2}', '[0,1,0]'), ('bare', NULL, '[0,0,1]')"
	# The seed's: by position with and without types, prepared, and by name.
	for call in "match_documents('[1,0,0]', 0.5, 10)" "match_documents('[1,0,0]', '0.5', '10')" \
	    "match_documents('[1,0,0]'::vector, 0.5::float8, 10)" "match_documents('[1,0,0]', 0, 1)" \
	    "match_documents(match_count => 10, match_threshold => 0.5, query_embedding => '[1,0,0]')"; do
		run -0 sql <<<"SELECT content FROM $call"
		assert_output near
	done
	run -0 sql <<<'PREPARE p AS SELECT content FROM match_documents($1, $2, $3);'"EXECUTE p('[1,0,0]', 0.5, 5)"
	assert_output near
	# LangChain's, as PostgREST makes it of the names in a request.
	run -0 sql <<<"SELECT content FROM match_documents(query_embedding => '[1,0,0]', match_count => 1, filter => '{}')"
	assert_output near
	run -0 sql <<<"SELECT content FROM match_documents(query_embedding => '[1,0,0]', match_count => 5, filter => '{\"t\": 2}')"
	assert_output far
	run -0 sql <<<"SELECT content FROM match_documents(query_embedding => '[1,0,0]') ORDER BY 1"
	assert_output "bare
far
near"
	# No argument name of one is of the other, so that nobody who goes by names can take the wrong one.
	run -0 sql <<<"SELECT string_agg(array_to_string(proargnames[1:pronargs], ' '), E'\n' ORDER BY pronargs)
		FROM pg_proc WHERE proname = 'match_documents'"
	assert_output "query_embedding match_threshold match_count
query_embedding match_count match_offset filter"
}

@test "hybrid_search joins both lists" {
	init --dims 3
	sql <<<"INSERT INTO documents (content, embedding) VALUES
		('the cat sat', '[1,0,0]'), ('dogs run', '[0,1,0]'), ('a cat and a dog', '[0,0.9,0.1]'), ('nothing', NULL)"
	run -0 sql <<<"SELECT content FROM hybrid_search('cats', '[1,0,0]', 2)"
	assert_line --index 0 'the cat sat'
	run -0 sql <<<"SELECT content FROM hybrid_search(query_text => 'dogs', query_embedding => '[1,0,0]', match_count => 10,
		full_text_weight => 1, semantic_weight => 0, rrf_k => 50) LIMIT 2"
	assert_line 'dogs run'
	assert_line 'a cat and a dog'
	init -c other --dims 3
	run -0 sql <<<"SELECT count(*) FROM hybrid_search_other('x', '[1,0,0]', 2)"
	assert_output 0
}

# --- adopting ---------------------------------------------------------------------------

@test "a seed-schema table is adopted without a row being rewritten" {
	seed_table 200
	before=$(places documents)
	function=$(sql <<<"SELECT pg_get_functiondef('match_documents(vector, float, int)'::regprocedure)")
	init --model text-embedding-3-small
	[ "$(places documents)" = "$before" ]
	[ "$(sql <<<"SELECT pg_get_functiondef('match_documents(vector, float, int)'::regprocedure)")" = "$function" ]
	run -0 sql <<<"SELECT count(*) || ' ' || count(key) || ' ' || min(id) || ' ' || max(id) FROM documents"
	assert_output '200 0 1 200'
	run -0 sql <<<"SELECT model || ' ' || dims || ' ' || columns FROM c1v_collection"
	assert_output 'text-embedding-3-small 8 id=id,content=content,metadata=metadata,embedding=embedding'
	# What a generated column would have rewritten is an index on the same expression.
	run -0 sql <<<"SELECT indexdef FROM pg_indexes WHERE indexname = 'documents_c1v_fts'"
	assert_output --partial "gin (to_tsvector('english'::regconfig, content))"
	run -0 sql <<<"SET enable_seqscan = off; EXPLAIN SELECT * FROM documents k
		WHERE to_tsvector('english', k.\"content\") @@ 'x'::tsquery"
	assert_output --partial documents_c1v_fts
	run -0 sql <<<"SELECT count(*) FROM hybrid_search('content 7', (SELECT embedding FROM documents WHERE id = 7), 5)"
	assert_output 5
}

@test "the readers and writers of an adopted table go on as they did" {
	seed_table 20
	init --model m
	for call in "match_documents('[1,0,0,0,0,0,0,0]', -2, 30)" "match_documents('[1,0,0,0,0,0,0,0]', '-2', '30')" \
	    "match_documents(query_embedding => '[1,0,0,0,0,0,0,0]', match_threshold => -2, match_count => 30)" \
	    "match_documents(query_embedding => '[1,0,0,0,0,0,0,0]', match_count => 30, filter => '{\"source\": \"seed.md\"}')"; do
		run -0 sql <<<"SET ivfflat.probes = 100; SELECT count(*) FROM $call"
		assert_output 20
	done
	sql <<<"INSERT INTO documents (content, metadata, embedding) VALUES ('new', '{}', '[1,2,3,4,5,6,7,8]');
		UPDATE documents SET content = 'newer' WHERE content = 'new'; DELETE FROM documents WHERE id = 3"
	run -0 sql <<<"SELECT count(*) FROM documents"
	assert_output 20
}

@test "a table with LangChain's function keeps it, and nothing that would make its calls ambiguous" {
	sql <<-'SQL'
		CREATE EXTENSION vector;
		CREATE TABLE documents (id bigserial PRIMARY KEY, content text, metadata jsonb, embedding vector(3));
		CREATE FUNCTION match_documents (query_embedding vector(3), match_count int DEFAULT null, filter jsonb DEFAULT '{}')
		RETURNS TABLE (id bigint, content text, metadata jsonb, similarity float) LANGUAGE plpgsql AS $$
		#variable_conflict use_column
		BEGIN
		  RETURN query SELECT id, content, metadata, 1 - (documents.embedding <=> query_embedding) AS similarity
		  FROM documents WHERE metadata @> filter
		  ORDER BY documents.embedding <=> query_embedding LIMIT match_count;
		END; $$;
		INSERT INTO documents (content, metadata, embedding) VALUES ('one', '{"a": 1}', '[1,0,0]'), ('two', '{"a": 2}', '[0,1,0]');
	SQL
	init --model m
	run -0 sql <<<"SELECT count(*) FROM pg_proc WHERE proname = 'match_documents'"
	assert_output 1
	run -0 sql <<<'PREPARE p AS SELECT content FROM match_documents($1, $2, $3);'"EXECUTE p('[1,0,0]', 1, '{}')"
	assert_output one
	run -0 sql <<<"SELECT content FROM match_documents(filter => '{\"a\": 2}', match_count => 1, query_embedding => '[1,0,0]')"
	assert_output two
}

@test "a table of LangChain JS's PGVectorStore is adopted with its columns" {
	sql <<-END
		CREATE EXTENSION vector;
		CREATE TABLE js (id uuid NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY, text text, metadata jsonb, embedding vector);
		INSERT INTO js (text, metadata, embedding) SELECT 'text ' || i, jsonb_build_object('n', i), $(vector_sql i 5)
		FROM generate_series(1, 30) i;
	END
	before=$(places js)
	run -0 init -c js --model m
	assert_output --partial 'no vector index'
	[ "$(places js)" = "$before" ]
	run -0 sql <<<"SELECT dims || ' ' || columns FROM c1v_collection"
	assert_output '5 id=id,content=text,metadata=metadata,embedding=embedding'
	run -0 sql <<<"SELECT content, pg_typeof(id) FROM match_js((SELECT embedding FROM js WHERE text = 'text 9'), 0.9, 1)"
	assert_output 'text 9|uuid'
	# The column has no dimension, so the index is on a cast, and used by c1v's functions.
	run -0 c1v-store index build -c js
	run -0 sql <<<"SELECT pg_get_indexdef('js_embedding_idx'::regclass)"
	assert_output --partial 'hnsw (((embedding)::vector(5)) vector_cosine_ops)'
	[ "$(places js)" = "$before" ]
}

@test "a table of langchain_postgres is adopted with its columns" {
	sql <<-END
		CREATE EXTENSION vector;
		CREATE TABLE lc (langchain_id uuid PRIMARY KEY, content text NOT NULL, embedding vector(5) NOT NULL,
		  topic text, langchain_metadata json);
		INSERT INTO lc SELECT gen_random_uuid(), 'text ' || i, $(vector_sql i 5), 'topic ' || i % 3, json_build_object('n', i)
		FROM generate_series(1, 30) i;
	END
	before=$(places lc langchain_id)
	init -c lc --model m
	[ "$(places lc langchain_id)" = "$before" ]
	run -0 sql <<<"SELECT columns FROM c1v_collection"
	assert_output 'id=langchain_id,content=content,metadata=langchain_metadata,embedding=embedding'
	# Its ids came from the client; rows of c1v get theirs from the server.
	run -0 sql <<<"INSERT INTO lc (content, embedding) VALUES ('new', '[1,2,3,4,5]') RETURNING langchain_id IS NOT NULL"
	assert_output t
	run -0 sql <<<"SELECT metadata FROM match_lc(query_embedding => (SELECT embedding FROM lc WHERE content = 'text 9'),
		match_count => 1, filter => '{\"n\": 9}')"
	assert_output '{"n": 9}'
}

@test "a table with columns of any name is adopted with --columns" {
	sql <<-END
		CREATE EXTENSION vector;
		CREATE TABLE notes ("Nr." int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "the, text" varchar(200), v vector(3), w vector(3));
		INSERT INTO notes ("the, text", v) VALUES ('first', '[1,0,0]');
	END
	run -78 init -c notes
	assert_output --partial '--columns'
	run -78 init -c notes --columns 'content=nothing'
	assert_output --partial 'has no column nothing'
	run -78 init -c notes --columns 'content=v'
	assert_output --partial 'cannot be the content'
	run -64 init -c notes --columns 'text=x'
	run -64 init -c notes --columns 'content=a,content=b'
	init -c notes --model m --columns 'id=Nr.,content="the, text",embedding=v'
	run -0 sql <<<"SELECT content, metadata FROM match_notes('[1,0,0]', 0.5, 1)"
	assert_output 'first|'
	# From then on it is known.
	init -c notes
	init -c notes --columns 'id=Nr.,content="the, text",embedding=v'
	run -78 init -c notes --columns 'id=Nr.,content="the, text",embedding=w'
	assert_output --partial 'with other columns'
}

@test "what cannot be adopted is refused with the reason" {
	sql <<-'END'
		CREATE EXTENSION vector;
		CREATE TABLE a (id bigserial PRIMARY KEY, content text, embedding vector(3), key int);
		CREATE VIEW b AS SELECT id, content, embedding FROM a;
		CREATE TABLE c (id int PRIMARY KEY, content text, embedding vector(3));
		CREATE TABLE d (id bigserial PRIMARY KEY, content text);
		CREATE TABLE e (id bigserial PRIMARY KEY, content text, embedding vector(3));
		CREATE TABLE f (id bigserial PRIMARY KEY, "con$tent" text, embedding vector(3));
		INSERT INTO e (content, embedding) VALUES ('x', '[1,2,3]');
	END
	run -78 init -c a
	assert_output --partial 'has a column key'
	run -78 init -c b
	assert_output --partial 'is not an ordinary table'
	run -78 init -c c
	assert_output --partial 'has no default'
	run -78 init -c d
	run -78 init -c e --dims 4
	assert_output --partial 'with 3 dimensions'
	run -78 init -c f --columns 'content=con$tent'
	run -0 sql <<<"SELECT count(*) FROM pg_class WHERE relname = 'c1v_collection'"
	assert_output 0
	run -0 sql <<<"INSERT INTO e (content) VALUES ('y'); SELECT count(*) FROM e"
	assert_output 2
}

@test "a table with a source column and an fts column of its own is shared" {
	sql <<-'END'
		CREATE EXTENSION vector;
		CREATE TABLE documents (id bigserial PRIMARY KEY, content text, source text, embedding vector(3),
		  fts tsvector GENERATED ALWAYS AS (to_tsvector('simple', content)) STORED);
		INSERT INTO documents (content, source, embedding) VALUES ('x', 'here', '[1,2,3]');
	END
	before=$(places documents)
	init --model m
	[ "$(places documents)" = "$before" ]
	run -0 sql <<<"SELECT source, content FROM hybrid_search('x', '[1,2,3]', 1)"
	assert_output 'here|x'
}

# --- the vector index --------------------------------------------------------------------

fill() { # fill NAME ROWS DIMS
	sql <<<"INSERT INTO $1 (content, embedding) SELECT 'content ' || i, $(vector_sql i "$3") FROM generate_series(1, $2) i"
}

@test "index status says what there is" {
	init --dims 5 --m 8
	fill documents 50 5
	run -0 c1v-store index
	assert_equal "$(member index <<<"$output")" documents_embedding_idx
	assert_equal "$(member kind <<<"$output")" hnsw
	assert_equal "$(member m <<<"$output")" 8
	assert_equal "$(member rows <<<"$output")" 50
	assert_equal "$(jq '.bytes > 0' <<<"$output")" true
	run -1 c1v-store index status -c nothing
	run -64 c1v-store index mend
}

@test "an index is built, rebuilt with other settings, and dropped" {
	init --dims 5 --index none
	fill documents 300 5
	assert_equal "$(c1v-store index | member kind)" none
	run -0 c1v-store index build
	assert_equal "$(member kind <<<"$output")" hnsw
	assert_equal "$(c1v-store index build | member action)" none
	run -78 c1v-store index build --m 10
	assert_output --partial rebuild
	run -0 c1v-store index rebuild --m 10 --ef-construction 40
	assert_equal "$(member m <<<"$output")" 10
	assert_equal "$(member index <<<"$output")" documents_embedding_idx
	run -0 c1v-store index rebuild
	assert_equal "$(member ef_construction <<<"$output")" 40
	run -0 c1v-store index rebuild --index ivfflat --lists 3
	assert_equal "$(member kind <<<"$output")" ivfflat
	assert_equal "$(member lists <<<"$output")" 3
	run -0 c1v-store index drop
	assert_equal "$(member kind <<<"$output")" none
	assert_equal "$(member wanted <<<"$output")" none
	assert_equal "$(c1v-store index drop | member action)" none
	run -0 sql <<<"SELECT count(*) FROM pg_indexes WHERE indexdef ~ 'hnsw|ivfflat'"
	assert_output 0
}

@test "an ivfflat index is not built before there are rows, then with lists that fit" {
	init --dims 3 --index ivfflat
	run -0 sql <<<"SELECT count(*) FROM pg_indexes WHERE indexdef ~ 'ivfflat'"
	assert_output 0
	run -78 c1v-store index build
	assert_output --partial 'after loading'
	fill documents 5000 3
	run -0 c1v-store index build
	assert_equal "$(member lists <<<"$output")" 5
}

@test "the seed's index is recognised as built too early, and mended for every client" {
	seed_table 24
	count="SET enable_seqscan = off; SELECT count(*) FROM match_documents((SELECT embedding FROM documents WHERE id = 1), -2, 24)"
	[ "$(sql <<<"$count")" -lt 24 ]
	init --model m
	run -0 c1v-store index status
	assert_equal "$(member stale <<<"$output")" 'most rows came after it was built'
	run -1 c1v-store verify
	assert_output --partial 'documents_embedding_idx misses rows: most rows came after it was built'
	assert_output --partial '"findings":1'
	run -0 c1v-store info
	assert_output --partial 'most rows came after it was built'
	# Until it is mended, c1v's own searches are not fooled by it.
	run -0 c1v-search --mode vector --model m -n 30 --similar-to 1
	assert_equal "${#lines[@]}" 23
	run -0 c1v-store index rebuild
	assert_equal "$(member lists <<<"$output")" 1
	assert_equal "$(member stale <<<"$output")" null
	assert_equal "$(member index <<<"$output")" documents_embedding_idx
	assert_equal "$(sql <<<"$count")" 24
	run -0 c1v-store verify
	assert_output --partial '"findings":0'
	# One that was built after its rows is in order, with the seed's lists too where there are rows enough.
	sql <<<"INSERT INTO documents (content, embedding) SELECT 'more', $(vector_sql i 8) FROM generate_series(25, 20000) i;
		DROP INDEX documents_embedding_idx;
		CREATE INDEX ON documents USING ivfflat (embedding vector_cosine_ops) WITH (lists = 100)"
	run -0 c1v-store index status
	assert_equal "$(member stale <<<"$output")" null
}

@test "what a failed build left is removed by the next" {
	init --dims 3 --index none
	fill documents 10 3
	# A statement that is cancelled while it builds leaves an invalid index.
	sql <<<"BEGIN; LOCK TABLE documents IN ROW EXCLUSIVE MODE; SELECT pg_sleep(20)" >/dev/null 2>&1 3>&- &
	holder=$!
	until [ "$(sql <<<"SELECT count(*) FROM pg_locks WHERE relation = 'documents'::regclass AND mode = 'RowExclusiveLock'")" = 1 ]; do
		sleep 0.05
	done
	run ! sql <<<"SET statement_timeout = 300;
		CREATE INDEX CONCURRENTLY documents_embedding_idx ON documents USING hnsw (embedding vector_cosine_ops)"
	sql <<<"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(20)%' AND pid <> pg_backend_pid()"
	wait "$holder" || true
	run -0 c1v-store index status
	assert_equal "$(jq -c .invalid <<<"$output")" '["documents_embedding_idx"]'
	assert_equal "$(member kind <<<"$output")" none
	run -0 c1v-store index build
	assert_equal "$(jq -c .invalid <<<"$output")" null
	assert_equal "$(member kind <<<"$output")" hnsw
}

@test "a rebuild lets readers and writers in, and a second one is told" {
	init --dims 3
	fill documents 10 3
	# A transaction that has seen the table holds a concurrent build up, so that there is time to look at it.
	sql <<<"BEGIN ISOLATION LEVEL REPEATABLE READ; INSERT INTO documents (content) VALUES ('x'); SELECT pg_sleep(20)" >/dev/null 2>&1 3>&- &
	until [ "$(sql <<<"SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(20)%' AND pid <> pg_backend_pid()")" = 1 ]; do
		sleep 0.05
	done
	c1v-store index rebuild --m 5 >rebuilt 3>&- &
	builder=$!
	until c1v-store index status | jq -e '.building.pid' >/dev/null; do
		sleep 0.05
	done
	run -0 c1v-store index status
	assert_equal "$(member kind <<<"$output")" hnsw
	sql <<<"INSERT INTO documents (content, embedding) VALUES ('while', '[1,2,3]')"
	run -75 c1v-store index rebuild
	assert_output --partial 'is being built already'
	sql <<<"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(20)%' AND pid <> pg_backend_pid()"
	wait "$builder"
	assert_equal "$(member m <rebuilt)" 5
}

@test "progress is shown on a terminal, from a second connection" {
	need script
	script -qec true /dev/null >/dev/null 2>&1 || skip "no pseudo-terminal here"
	init --dims 3 --index none
	fill documents 10 3
	sql <<<"BEGIN; INSERT INTO documents (content) VALUES ('x'); SELECT pg_sleep(3); COMMIT" >/dev/null 2>&1 3>&- &
	until [ "$(sql <<<"SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3)%' AND pid <> pg_backend_pid()")" = 1 ]; do
		sleep 0.05
	done
	run -0 script -qec 'c1v-store index build' /dev/null
	assert_output --regexp '[0-9]+ rows, '
	wait
}

@test "an index above 2,000 dimensions is on halfvec" {
	need_halfvec
	init --dims 2500 --index none --vector-type vector
	fill documents 3 2500
	run -0 c1v-store index build
	assert_equal "$(member definition <<<"$output" | grep -c 'halfvec(2500)')" 1
	run -0 sql <<<"SET enable_seqscan = off; EXPLAIN SELECT * FROM documents
		ORDER BY embedding::halfvec(2500) <=> (SELECT embedding FROM documents LIMIT 1)::halfvec(2500) LIMIT 1"
	assert_output --partial documents_embedding_idx
}

# --- what the first vector decides -----------------------------------------------------------

@test "without --dims the first vector decides, also when several writers bring one" {
	init
	c1v-ingest <<<'{"id":"w","content":"words only"}' >/dev/null
	for i in 1 2 3 4 5 6; do
		seq $((i * 100)) $((i * 100 + 50)) |
		    jq -c '{id: "d\(.)", content: "text \(.)", embedding: [., 1, 2], model: "m"}' |
		    c1v-ingest >/dev/null 2>"err.$i" &
		pids+=($!)
	done
	for p in "${pids[@]}"; do
		wait "$p"
	done
	run -0 sql <<<"SELECT model || ' ' || dims FROM c1v_collection; SELECT count(*) FROM documents"
	assert_output "m 3
307"
	run -65 c1v-ingest --strict <<<'{"content":"x","embedding":[1,2],"model":"m"}'
	run -65 c1v-ingest --strict <<<'{"content":"x","embedding":[1,2,3],"model":"other"}'
	assert_equal "$(c1v-store index | member kind)" hnsw
	# In a table that is still empty the column gets the dimension itself.
	init -c other
	c1v-ingest -c other <<<'{"content":"x","embedding":[1,2,3,4],"model":"m"}' >/dev/null
	run -0 sql <<<"SELECT format_type(atttypid, atttypmod) FROM pg_attribute
		WHERE attrelid = 'other'::regclass AND attname = 'embedding'"
	assert_output 'vector(4)'
}

@test "more than 2,000 dimensions that come with the first vector are indexed as halfvec" {
	need_halfvec
	init
	jq -nc '{content: "x", model: "m", embedding: [range(2100)]}' | c1v-ingest >/dev/null
	run -0 c1v-store index
	assert_output --partial 'halfvec(2100)'
	run -0 sql <<<"SELECT prosrc FROM pg_proc WHERE proname = 'match_documents' AND pronargs = 3"
	assert_output --partial 'public.halfvec(2100)'
	run -0 sql <<<"SELECT content FROM match_documents((SELECT embedding FROM documents), 0.5, 1)"
	assert_output x
}

@test "init says later what was not said first" {
	init
	init --dims 3
	run -0 sql <<<"SELECT format_type(atttypid, atttypmod) FROM pg_attribute
		WHERE attrelid = 'documents'::regclass AND attname = 'embedding'"
	assert_output 'vector(3)'
	assert_equal "$(c1v-store index | member kind)" hnsw
}

@test "vectors of an unknown model are not mixed with others" {
	seed_table 5
	init
	run -78 c1v-ingest <<<'{"content":"x","embedding":[1,2,3,4,5,6,7,8],"model":"m"}'
	assert_output --partial 'unknown model'
	assert_output --partial 'init --model'
	init --model m
	c1v-ingest <<<'{"content":"x","embedding":[1,2,3,4,5,6,7,8],"model":"m"}' >/dev/null
	run -0 sql <<<"SELECT count(*) FROM documents"
	assert_output 6
}

@test "ingest builds an ivfflat index when the rows are there, and again when they have outgrown it" {
	init --dims 3 --index ivfflat
	load() {
		seq "$1" "$2" | awk '{printf "{\"id\":\"d%d\",\"content\":\"t %d\",\"embedding\":[%f,%f,1],\"model\":\"m\"}\n", $1, $1, sin($1), cos($1)}' |
		    c1v-ingest "${@:3}"
	}
	load 1 1000 >/dev/null
	first=$(c1v-store index)
	assert_equal "$(member lists <<<"$first")" 1
	# A little more is no reason.
	load 1001 1300 >/dev/null
	assert_equal "$(c1v-store index | jq -c '[.index, .lists]')" "$(jq -c '[.index, .lists]' <<<"$first")"
	run -0 --separate-stderr load 1301 6000 --log-level info
	assert_regex "$stderr" 'building its ivfflat index: '
	run -0 c1v-store index
	assert_equal "$(member lists <<<"$output")" 6
	assert_equal "$(member stale <<<"$output")" null
	# The seed's index on an adopted table is mended in the same way.
	sql <<<"CREATE TABLE seed (LIKE documents INCLUDING ALL); DROP TABLE documents CASCADE; TRUNCATE c1v_collection, c1v_migration"
	sql <<<"DROP FUNCTION match_documents; DROP TABLE seed" || true
	seed_table 500
	init --model m
	c1v-ingest <<<'{"content":"x","embedding":[1,2,3,4,5,6,7,8],"model":"m"}' >/dev/null
	assert_equal "$(c1v-store index | member stale)" null
}

@test "writers that end together leave one ivfflat index" {
	init --dims 3 --index ivfflat
	for i in 1 2 3 4; do
		seq $((i * 1000)) $((i * 1000 + 999)) |
		    awk '{printf "{\"id\":\"d%d\",\"content\":\"t %d\",\"embedding\":[%f,%f,1],\"model\":\"m\"}\n", $1, $1, sin($1), cos($1)}' |
		    c1v-ingest >/dev/null 2>"err.$i" &
		pids+=($!)
	done
	for p in "${pids[@]}"; do
		wait "$p"
	done
	run -0 sql <<<"SELECT count(*) || ' ' || bool_and(indisvalid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
		JOIN pg_am a ON a.oid = c.relam WHERE amname = 'ivfflat'"
	assert_output '1 true'
	run -0 c1v-ingest <<<'{"id":"d1000","content":"t 1000 again","embedding":[1,2,3],"model":"m"}'
	assert_equal "$(c1v-store index | member stale)" null
	run -0 sql <<<"SELECT count(*) FROM documents"
	assert_output 4000
}

@test "whoever changes an index does it alone: 75 for the others, and loading leaves it" {
	init --dims 3 --index ivfflat
	rows() {
		seq "$1" "$2" | awk '{printf "{\"id\":\"d%d\",\"content\":\"t\",\"embedding\":[%f,%f,1],\"model\":\"m\"}\n", $1, sin($1), cos($1)}'
	}
	rows 1 100 | c1v-ingest >/dev/null
	# Somebody else is at it, between two of its statements.
	sql >/dev/null <<<"BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('c1v index \"public\".\"documents\"', 0)); SELECT pg_sleep(600)" &
	until [ "$(sql <<<"SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")" = 1 ]; do sleep 0.02; done
	for action in build rebuild drop; do
		run -75 --separate-stderr c1v-store index "$action"
		assert_equal "${stderr_lines[0]}" "c1v-store: index: somebody else is changing it"
	done
	run -0 --separate-stderr c1v-ingest --log-level info < <(rows 101 1000)
	assert_equal "$(grep -c building <<<"$stderr")" 0
	run -0 c1v-store index
	assert_regex "$(member stale <<<"$output")" 'most rows came after'
	sql >/dev/null <<<"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
	run -0 --separate-stderr c1v-ingest --log-level info < <(rows 1001 1002)
	assert_regex "$stderr" 'building its ivfflat index: most rows'
	assert_equal "$(c1v-store index | member stale)" null
}

# --- tables as others made them -----------------------------------------------------------------

found() { # found WORD ID…: a search by the word finds the first id, one by the first id's vector the rest
	local word=$1 id=$2
	shift 2
	run -0 bash -c 'c1v-search "$@" | jq -r .id' - --mode keyword "${where[@]}" "$word"
	assert_output "$id"
	run -0 bash -c 'c1v-search "$@" | jq -r .id' - --mode vector "${where[@]}" --similar-to "$id"
	assert_output "$(printf '%s\n' "$@")"
}

records() { # of the open collection, as [id, content, metadata] in order
	c1v-store export --encoding none "$@" | jq -c '[.id, .content, .metadata]' | sort
}

@test "LangChain JS's table is read as it is, and written to with --columns" {
	sql <<-'END'
		CREATE EXTENSION vector;
		CREATE TABLE js (id uuid NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY, text text, metadata jsonb, embedding vector);
		INSERT INTO js VALUES ('11111111-1111-1111-1111-111111111111', 'one', '{"n": 1}', '[1,2,3]'),
		  ('22222222-2222-2222-2222-222222222222', 'two', NULL, '[2,2,3]');
	END
	run -0 records -c js
	assert_output '["11111111-1111-1111-1111-111111111111","one",{"n":1}]
["22222222-2222-2222-2222-222222222222","two",null]'
	where=(-c js)
	found one 11111111-1111-1111-1111-111111111111 22222222-2222-2222-2222-222222222222
	run -0 c1v-store get -c js 22222222-2222-2222-2222-222222222222
	assert_equal "$(member content <<<"$output")" two
	run -78 c1v-ingest -c js <<<'{"id":"33333333-3333-3333-3333-333333333333","content":"three","embedding":[3,2,3],"model":"m"}'
	assert_output --partial '--columns'
	run -0 c1v-ingest -c js --columns content=text <<<'{"id":"33333333-3333-3333-3333-333333333333","content":"three","metadata":{"n":3},"embedding":[3,2,3],"model":"m"}'
	assert_output --partial '"added":1'
	run -0 sql <<<"SELECT text, metadata, embedding FROM js WHERE id = '33333333-3333-3333-3333-333333333333'"
	assert_output 'three|{"n": 3}|[3,2,3]'
	run -0 sql <<<"SELECT count(*) FROM information_schema.columns WHERE table_name = 'js'"
	assert_output 4
}

@test "SupabaseVectorStore's table is read as it is" {
	sql <<-'END'
		CREATE EXTENSION vector;
		CREATE TABLE documents (id bigserial PRIMARY KEY, content text, metadata jsonb, embedding vector(3));
		INSERT INTO documents (content, metadata, embedding) VALUES ('one', '{"n": 1}', '[1,2,3]');
	END
	run -0 records
	assert_output '["1","one",{"n":1}]'
	run -78 c1v-ingest <<<'{"content":"x"}'
	assert_output --partial 'c1v-store init adopts it'
}

@test "langchain_postgres's table is read and written to as it is" {
	sql <<-'END'
		CREATE EXTENSION vector;
		CREATE TABLE lc (langchain_id uuid PRIMARY KEY, content text NOT NULL, embedding vector(3) NOT NULL, topic text, langchain_metadata json);
		INSERT INTO lc VALUES ('11111111-1111-1111-1111-111111111111', 'one', '[1,2,3]', 't', '{"n": 1}');
	END
	run -0 records -c lc
	assert_output '["11111111-1111-1111-1111-111111111111","one",{"n":1}]'
	sql <<<"INSERT INTO lc VALUES ('22222222-2222-2222-2222-222222222222', 'two', '[3,2,1]', 't', NULL)"
	where=(-c lc)
	found one 11111111-1111-1111-1111-111111111111 22222222-2222-2222-2222-222222222222
	run -0 c1v-ingest -c lc <<<'{"id":"33333333-3333-3333-3333-333333333333","content":"three","metadata":{"n":3},"embedding":[3,2,3],"model":"m"}'
	run -0 sql <<<"SELECT content, langchain_metadata, embedding FROM lc WHERE content = 'three'"
	assert_output 'three|{"n":3}|[3,2,3]'
}

@test "of LangChain's shared table a collection is the rows of its name" {
	sql <<-'END'
		CREATE EXTENSION vector;
		CREATE TABLE langchain_pg_collection (uuid uuid PRIMARY KEY, name varchar NOT NULL UNIQUE, cmetadata json);
		CREATE TABLE langchain_pg_embedding (id varchar PRIMARY KEY, collection_id uuid REFERENCES langchain_pg_collection ON DELETE CASCADE,
		  embedding vector, document varchar, cmetadata jsonb);
		INSERT INTO langchain_pg_collection VALUES ('aaaaaaaa-0000-0000-0000-000000000001', 'one'), ('aaaaaaaa-0000-0000-0000-000000000002', 'two');
		INSERT INTO langchain_pg_embedding VALUES
		  ('a', 'aaaaaaaa-0000-0000-0000-000000000001', '[1,2,3]', 'first', '{"n": 1}'),
		  ('b', 'aaaaaaaa-0000-0000-0000-000000000002', '[1,2,3,4]', 'second', '{"n": 2}');
	END
	run -0 records -c one
	assert_output '["a","first",{"n":1}]'
	run -0 records -c two
	assert_output '["b","second",{"n":2}]'
	sql <<<"INSERT INTO langchain_pg_embedding VALUES ('z', 'aaaaaaaa-0000-0000-0000-000000000001', '[3,2,1]', 'zeta', '{}')"
	where=(-c one)
	found first a z
	run -1 c1v-store export -c three
	run -0 c1v-ingest -c one <<<'{"id":"c","content":"third","metadata":{"n":3},"embedding":[3,2,3],"model":"m"}'
	run -0 sql <<<"SELECT right(collection_id::text, 1), document, cmetadata, embedding FROM langchain_pg_embedding WHERE id = 'c'"
	assert_output '1|third|{"n": 3}|[3,2,3]'
	run -78 init -c one
	assert_output --partial 'shares its table with others'
}

@test "the shared table of older editions is read, too" {
	sql <<-'END'
		CREATE EXTENSION vector;
		CREATE TABLE langchain_pg_collection (name varchar, cmetadata json, uuid uuid PRIMARY KEY);
		CREATE TABLE langchain_pg_embedding (collection_id uuid, embedding vector, document varchar, cmetadata json,
		  custom_id varchar, uuid uuid PRIMARY KEY);
		INSERT INTO langchain_pg_collection VALUES ('old', NULL, 'aaaaaaaa-0000-0000-0000-000000000001');
		INSERT INTO langchain_pg_embedding VALUES ('aaaaaaaa-0000-0000-0000-000000000001', '[1,2,3]', 'first', '{"n": 1}',
		  'c', '11111111-1111-1111-1111-111111111111');
	END
	run -0 records -c old
	assert_output '["11111111-1111-1111-1111-111111111111","first",{"n":1}]'
	run -0 c1v-store info -c old
	assert_output --partial '"layout":"langchain_pg_embedding"'
	assert_output --partial 'id=uuid,content=document,metadata=cmetadata,embedding=embedding'
}

@test "what other programs write into an adopted table is found" {
	seed_table 3
	init --model m
	c1v-ingest <<<'{"id":"mine","content":"by c1v","embedding":[1,2,3,4,5,6,7,8],"model":"m"}' >/dev/null
	sql <<<"INSERT INTO documents (content, metadata, embedding) VALUES ('by others', '{\"source\": \"o.md\"}', '[8,7,6,5,4,3,2,1]')"
	run -0 bash -c 'c1v-store export --encoding none | jq -c "[.id, .content, .source]" | sort'
	assert_output '["1","content 1","seed.md"]
["2","content 2","seed.md"]
["3","content 3","seed.md"]
["5","by others","o.md"]
["mine","by c1v",null]'
}

@test "drop takes what c1v made and leaves what others made" {
	init --dims 3
	init -c other --dims 3
	sql <<<"CREATE FUNCTION match_documents(x int) RETURNS int LANGUAGE sql AS 'SELECT x'"
	c1v-store drop --yes >/dev/null
	run -0 sql <<<"SELECT string_agg(proname || ' ' || pronargs, ', ' ORDER BY proname, pronargs) FROM pg_proc
		WHERE proname ~ '^(match|hybrid_search)(_|\$)'"
	assert_output 'hybrid_search_other 6, match_documents 1, match_other 3, match_other 4'
	run -0 sql <<<"SELECT name FROM c1v_collection; SELECT DISTINCT collection FROM c1v_migration; SELECT count(*) FROM pg_class WHERE relname = 'documents'"
	assert_output 'other
other
0'
	init --dims 4
	run -0 c1v-store migrations
	refute_output --partial due
}

@test "a role that may not create is told so" {
	sql <<<"CREATE EXTENSION vector; CREATE ROLE poor$$ LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC"
	run -77 init --store "${C1V_STORE/user=$PGUSER/user=poor$$}" --dims 3
	assert_output --partial 'permission denied'
	init --dims 3
	sql <<<"GRANT SELECT ON documents, c1v_collection TO poor$$"
	run -77 c1v-store export --store "${C1V_STORE/user=$PGUSER/user=poor$$}" -c c1v_document
	assert_output --partial "the role poor$$ may not read c1v_document"
	assert_output --partial "GRANT SELECT ON c1v_document TO poor$$"
	run -77 c1v-store index rebuild --store "${C1V_STORE/user=$PGUSER/user=poor$$}"
	run -77 c1v-store migrations --store "${C1V_STORE/user=$PGUSER/user=poor$$}"
	sql <<<"DROP OWNED BY poor$$; DROP ROLE poor$$"
}

@test "migrate adopts nothing, and only PostgreSQL has migrations" {
	seed_table 1
	run -78 c1v-store migrate
	assert_output --partial 'c1v-store init adopts it'
	run -64 c1v-store migrate --store sqlite:x.db
	run -64 c1v-store migrations --store sqlite:x.db
	run -64 c1v-store index --store sqlite:x.db
	run -64 c1v-store migrate --print --dry-run
}

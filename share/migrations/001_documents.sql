-- Documents with their vectors, and a function to find them: what applications that use
-- pgvector directly expect. A table that is there already stays as it is.

CREATE TABLE IF NOT EXISTS {table} (
	id bigserial PRIMARY KEY,
	content text NOT NULL,
	metadata jsonb,
	embedding {type},
	created_at timestamptz DEFAULT now()
);

ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {metadata} jsonb;

-- if hnsw
-- An HNSW index can be built before there is a vector. For a table that has some there is
-- `c1v-store index build`, which locks nobody out.
DO $do$
BEGIN
	IF NOT EXISTS (SELECT FROM {table} WHERE {embedding} IS NOT NULL) AND NOT EXISTS (
		SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
		WHERE i.indrelid = {table_text}::regclass AND a.amname IN ('hnsw', 'ivfflat'))
	THEN
		CREATE INDEX {index_name} ON {table} USING hnsw ({index_on} {index_class}){index_with};
	END IF;
END
$do$;
-- end
-- if ivfflat
-- An IVFFlat index that is built before the rows are there finds next to none of them: it
-- is built after loading.
-- end

-- match_documents(query_embedding, match_threshold, match_count), unless there is a function
-- of this name: a second one could make calls of the first ambiguous. In the text of the
-- function, pgvector stands for the schema that the extension is in.
DO $do$
BEGIN
	IF NOT EXISTS (
		SELECT FROM pg_proc
		WHERE proname = {match_text} AND pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = {schema_text}))
	THEN
		EXECUTE replace($sql$
			CREATE FUNCTION {match} (
				query_embedding {table}.{embedding}%TYPE,
				match_threshold double precision,
				match_count integer
			)
			RETURNS TABLE (id {table}.{id}%TYPE, content text, metadata jsonb, similarity double precision)
			LANGUAGE sql STABLE
			AS $function$
				SELECT k.{id}, k.{content}, k.{metadata}::jsonb,
					1 - (k.{embedding} OPERATOR(pgvector.<=>) query_embedding)
				FROM {table} k
				WHERE 1 - (k.{embedding} OPERATOR(pgvector.<=>) query_embedding) > match_threshold
				ORDER BY {order}
				LIMIT match_count
			$function$;
			COMMENT ON FUNCTION {match} IS 'c1v: the most similar rows above a threshold';
		$sql$, 'pgvector.', (
			SELECT quote_ident(nspname) || '.'
			FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace
			WHERE extname = 'vector'));
	END IF;
END
$do$;

-- Functions that applications call by their arguments' names.

-- match_documents as LangChain's SupabaseVectorStore calls it: query_embedding, match_count,
-- filter, the last two being optional. match_offset is there for its type: with it, calls of
-- the other match_documents by position stay unambiguous, also when no argument has a type.
-- A function that takes a filter already is left alone.
DO $do$
BEGIN
	IF NOT EXISTS (
		SELECT FROM pg_proc
		WHERE proname = {match_text} AND pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = {schema_text})
		AND 'filter' = ANY (proargnames))
	THEN
		EXECUTE replace($sql$
			CREATE FUNCTION {match} (
				query_embedding {table}.{embedding}%TYPE,
				match_count integer DEFAULT NULL,
				match_offset smallint DEFAULT 0,
				filter jsonb DEFAULT '{{}'
			)
			RETURNS TABLE (id {table}.{id}%TYPE, content text, metadata jsonb, similarity double precision)
			LANGUAGE sql STABLE
			AS $function$
				SELECT k.{id}, k.{content}, k.{metadata}::jsonb,
					1 - (k.{embedding} OPERATOR(pgvector.<=>) query_embedding)
				FROM {table} k
				WHERE k.{metadata}::jsonb @> filter OR filter = '{{}'
				ORDER BY {order}
				LIMIT match_count OFFSET match_offset
			$function$;
			COMMENT ON FUNCTION {match} ({table}.{embedding}%TYPE, integer, smallint, jsonb)
				IS 'c1v: the most similar rows whose metadata contains a filter';
		$sql$, 'pgvector.', (
			SELECT quote_ident(nspname) || '.'
			FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace
			WHERE extname = 'vector'));
	END IF;
END
$do$;

-- hybrid_search as Supabase documents it: two lists, joined by reciprocal ranks. k.fts is the
-- column, or where there is none what its index is on.
DO $do$
BEGIN
	IF NOT EXISTS (
		SELECT FROM pg_proc
		WHERE proname = {hybrid_text} AND pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = {schema_text}))
	THEN
		EXECUTE replace(replace($sql$
			CREATE FUNCTION {hybrid} (
				query_text text,
				query_embedding {table}.{embedding}%TYPE,
				match_count integer,
				full_text_weight double precision DEFAULT 1,
				semantic_weight double precision DEFAULT 1,
				rrf_k integer DEFAULT 50
			)
			RETURNS SETOF {table}
			LANGUAGE sql STABLE
			AS $function$
				WITH words AS (
					SELECT k.{id} AS id, row_number() OVER (
						ORDER BY ts_rank_cd(k.fts, websearch_to_tsquery({config}, query_text)) DESC, k.{id}) AS rank
					FROM {table} k
					WHERE k.fts @@ websearch_to_tsquery({config}, query_text)
					ORDER BY rank
					LIMIT least(match_count, 30) * 2
				), nearest AS (
					SELECT k.{id} AS id, k.{embedding} OPERATOR(pgvector.<=>) query_embedding AS distance
					FROM {table} k
					ORDER BY {order}
					LIMIT least(match_count, 30) * 2
				), meanings AS (
					SELECT id, row_number() OVER (ORDER BY distance, id) AS rank
					FROM nearest
					WHERE distance IS NOT NULL
				), found AS (
					SELECT id, coalesce(full_text_weight / (rrf_k + words.rank), 0)
						+ coalesce(semantic_weight / (rrf_k + meanings.rank), 0) AS score
					FROM words FULL JOIN meanings USING (id)
				)
				SELECT k.*
				FROM found f JOIN {table} k ON k.{id} = f.id
				ORDER BY f.score DESC, k.{id}
				LIMIT least(match_count, 30)
			$function$;
			COMMENT ON FUNCTION {hybrid} IS 'c1v: full text and vectors, joined by reciprocal ranks';
		$sql$, 'pgvector.', (
			SELECT quote_ident(nspname) || '.'
			FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace
			WHERE extname = 'vector')),
			'k.fts', CASE WHEN EXISTS (
				SELECT FROM pg_attribute
				WHERE attrelid = {table_text}::regclass AND attname = 'fts' AND NOT attisdropped)
			THEN 'k.fts' ELSE $sql$to_tsvector({config}, k.{content})$sql$ END);
	END IF;
END
$do$;

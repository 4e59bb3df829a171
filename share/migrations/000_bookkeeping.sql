-- What c1v knows of its collections. It stands in the schema of their tables, is run before
-- the migrations each time, and changes nothing that is there already.

SET LOCAL client_min_messages = warning;
-- if schema
CREATE SCHEMA IF NOT EXISTS {schema};
-- end

-- pgvector is used where it is; a new one goes where Supabase has its extensions, else to public.
DO $do$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'vector') THEN
		EXECUTE format('CREATE EXTENSION vector SCHEMA %I', (
			SELECT nspname FROM pg_namespace
			WHERE nspname IN ('extensions', 'public', {schema_text})
			ORDER BY nspname <> 'extensions', nspname <> 'public'
			LIMIT 1));
	END IF;
END
$do$;

-- So that its types and operator classes are found below, until this transaction ends.
SELECT set_config('search_path', format('%I, %I', {schema_text}, nspname), true)
FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace
WHERE extname = 'vector';

CREATE TABLE IF NOT EXISTS {schema}.c1v_collection (
	name text PRIMARY KEY,           -- the table's
	model text,                      -- the identity of the vector space; null: no vector yet
	api_base text,                   -- where the model was asked for
	digest text,                     -- of a local model's file
	dims integer,
	metric text NOT NULL DEFAULT 'cosine',
	splitter text,                   -- a note on how documents were split
	config text NOT NULL,            -- of full-text search
	vector_type text NOT NULL,       -- vector or halfvec
	columns text,                    -- of an adopted table: id=…,content=…,metadata=…,embedding=…
	index_kind text NOT NULL,        -- as it was asked for: hnsw, ivfflat or none
	index_m integer,
	index_ef_construction integer,
	index_lists integer,
	version integer NOT NULL DEFAULT 0, -- of the last migration
	created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS {schema}.c1v_migration (
	collection text NOT NULL,
	version integer NOT NULL,
	name text NOT NULL,
	checksum text NOT NULL,          -- SHA-256 of the migration's file
	applied_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (collection, version)
);

INSERT INTO {schema}.c1v_collection
	(name, model, dims, splitter, config, vector_type, columns,
	 index_kind, index_m, index_ef_construction, index_lists)
VALUES
	({collection}, {set_model}, {set_dims}, {set_splitter}, {config}, {set_vector_type}, {set_columns},
	 {set_index}, {set_m}, {set_ef_construction}, {set_lists})
ON CONFLICT (name) DO NOTHING;

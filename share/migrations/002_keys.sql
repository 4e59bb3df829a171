-- What makes a row a chunk of a document. Rows that were there before have none of it: they
-- are shown with their id as the key. Nothing here rewrites a row.

ALTER TABLE {table}
	ADD COLUMN IF NOT EXISTS key text COLLATE "C",       -- the chunk's id
	ADD COLUMN IF NOT EXISTS document text COLLATE "C",  -- its document's id
	ADD COLUMN IF NOT EXISTS position integer,           -- in its document, from 0
	ADD COLUMN IF NOT EXISTS source text,
	ADD COLUMN IF NOT EXISTS hash bigint,                -- the first 8 bytes of SHA-256 of the content, little-endian
	ADD COLUMN IF NOT EXISTS place json,                 -- the record's `chunk`, as it came
	ADD COLUMN IF NOT EXISTS model text;                 -- that the vector is of
-- if uuid
ALTER TABLE {table} ALTER COLUMN {id} SET DEFAULT gen_random_uuid();
-- end

CREATE UNIQUE INDEX IF NOT EXISTS {name_key} ON {table} (key);
CREATE INDEX IF NOT EXISTS {name_document} ON {table} (document, position);
CREATE INDEX IF NOT EXISTS {name_hash} ON {table} (hash);

-- The manifest: a document is here when all its chunks are.
CREATE TABLE IF NOT EXISTS {schema}.c1v_document (
	collection text NOT NULL,
	key text COLLATE "C" NOT NULL,
	chunks integer NOT NULL,
	updated_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (collection, key)
);

-- Full-text search and filters.

-- A generated column is made for an empty table only, for it would rewrite every row; a table
-- with rows gets an index on the same expression. A column of this name that is there is taken.
DO $do$
BEGIN
	IF EXISTS (
		SELECT FROM pg_attribute
		WHERE attrelid = {table_text}::regclass AND attname = 'fts' AND NOT attisdropped)
	THEN
		NULL;
	ELSIF NOT EXISTS (SELECT FROM {table}) THEN
		ALTER TABLE {table} ADD COLUMN fts tsvector
			GENERATED ALWAYS AS (to_tsvector({config}, {content})) STORED;
		-- Compressing it costs more than it saves: a quarter of the time of an insert.
		ALTER TABLE {table} ALTER COLUMN fts SET STORAGE EXTERNAL;
		CREATE INDEX {name_fts} ON {table} USING gin (fts);
	ELSE
		CREATE INDEX IF NOT EXISTS {name_fts} ON {table} USING gin (to_tsvector({config}, {content}));
	END IF;
END
$do$;

CREATE INDEX IF NOT EXISTS {name_metadata} ON {table} USING gin ({metadata_jsonb} jsonb_path_ops);

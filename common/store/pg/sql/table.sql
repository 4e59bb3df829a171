-- What a collection is: rows of a tag and up to six texts. Every process asks this first, so
-- it takes what the catalog has at hand: names are looked up rather than joined.
-- $1 the schema (null: the first of the search path), $2 the table.
WITH n AS (
	SELECT coalesce($1::text, current_schema()) AS schema
), t AS MATERIALIZED (
	SELECT n.schema, c.oid, c.relname, c.relkind, c.reltuples, pg_relation_size(c.oid) AS size,
		has_table_privilege(c.oid, 'SELECT') AS readable,
		to_regclass(format('%I.c1v_collection', n.schema)) AS own
	FROM n LEFT JOIN pg_class c ON c.oid = to_regclass(format('%I.%I', n.schema, $2::text))
		AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
)
-- The table, and which of the two tables this role may not read.
SELECT 'table' AS tag, schema AS a, relname AS b, relkind::text AS c, reltuples::text AS d, size::text AS e,
	CASE WHEN NOT readable THEN relname::text
		WHEN NOT has_table_privilege(own, 'SELECT') THEN 'c1v_collection' END AS f, 0 AS n
FROM t
UNION ALL
SELECT 'extension', extnamespace::regnamespace::text, extversion, NULL, NULL, NULL, NULL, 0
FROM pg_extension
WHERE extname = 'vector'
UNION ALL
-- Columns: name, type, its modifier, NOT NULL, whether it has a default.
SELECT 'column', a.attname, a.atttypid::regtype::text, a.atttypmod::text, a.attnotnull::text,
	(a.atthasdef OR a.attidentity <> '')::text, NULL, a.attnum
FROM t JOIN pg_attribute a ON a.attrelid = t.oid
WHERE a.attnum > 0 AND NOT a.attisdropped
UNION ALL
-- The primary key, and vector indexes: name, method, numbers of its columns, expression, options, operator class.
SELECT 'index', c.relname, m.amname, i.indkey::text, pg_get_expr(i.indexprs, i.indrelid),
	array_to_string(c.reloptions, ','), o.opcname, 9999
FROM t JOIN pg_index i ON i.indrelid = t.oid AND i.indisvalid AND i.indpred IS NULL
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_am m ON m.oid = c.relam AND (i.indisprimary OR m.amname IN ('hnsw', 'ivfflat'))
JOIN pg_opclass o ON o.oid = i.indclass[0]
UNION ALL
-- The collection's own row, KEY=VALUE. The table may not be there, so its statement is a text, and
-- ts_stat() is what runs a text in every PostgreSQL, in read-only transactions too.
SELECT 'collection', w.word, NULL, NULL, NULL, NULL, NULL, 0
FROM t, ts_stat(CASE
	WHEN has_table_privilege(own, 'SELECT') THEN 'SELECT array_to_tsvector(array_remove(ARRAY['
		'''model='' || left(model, 500), ''api_base='' || left(api_base, 500), ''digest='' || left(digest, 500),'
		'''dims='' || dims, ''metric='' || metric, ''splitter='' || left(splitter, 500), ''config='' || config,'
		'''vector_type='' || vector_type, ''columns='' || columns, ''index='' || index_kind, ''m='' || index_m,'
		'''ef_construction='' || index_ef_construction, ''lists='' || index_lists,'
		'''version='' || version], NULL)) FROM ' || own::text || format(' WHERE name = %L', $2::text)
	ELSE 'SELECT NULL::tsvector' END) w
ORDER BY n

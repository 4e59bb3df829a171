-- LangChain's Python edition keeps all its collections in one table: the id of $2, if schema $1 has that
-- table and may be read.
SELECT w.word
FROM (SELECT to_regclass(format('%I.langchain_pg_collection', coalesce($1::text, current_schema()))) AS names) t,
	ts_stat(CASE
	WHEN has_table_privilege(t.names, 'SELECT')
	THEN 'SELECT array_to_tsvector(ARRAY[uuid::text]) FROM ' || t.names::text || format(' WHERE name = %L', $2::text)
	ELSE 'SELECT NULL::tsvector' END) w

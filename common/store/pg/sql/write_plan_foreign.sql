-- The same of a table that is not ours. $1 to $7 are the chunks: number, document, id, SHA-256 of the content,
-- id of the row (null where it cannot be told), metadata as it is stored, whether it has a vector; $8 the documents,
-- $9 ids of rows for them; $10 those ids of either kind that could be ids of rows, $11 metadata as a row has it whose
-- own id is the chunk's.
WITH p AS (
	SELECT u.n, u.document, u.key, u.sum, u.rid, u.metadata::jsonb AS metadata, u.vector, u.plain::jsonb AS plain
	FROM unnest($1::int4[], $2::text[], $3::text[], $4::bytea[], $5::text[], $6::text[], $7::bool[],
		$11::text[]) AS u (n, document, key, sum, rid, metadata, vector, plain)
), d AS (
	SELECT u.n::int4 - 1 AS n, u.key, u.rid
	FROM unnest($8::text[], $9::text[]) WITH ORDINALITY AS u (key, rid, n)
), k AS (
	SELECT p.n, k.{id}, {k_data} AS {k_data_name}, k.{content}, k.{embedding} IS NOT NULL AS has_vector
	FROM p JOIN {table} k ON {k_row_of_p}
	WHERE true {where}
	UNION ALL
	SELECT p.n, k.{id}, {k_data}, k.{content}, k.{embedding} IS NOT NULL
	FROM unnest($10::text[]) i (id) JOIN p ON p.key = i.id JOIN {table} k ON k.{id} = i.id::{id_type}
	WHERE {k_id} = i.id {where}
)
SELECT p.n, w.what, k.{id}::text,
	CASE WHEN w.what = 'o' THEN (SELECT d.n FROM d WHERE d.key = {k_document}) END,
	NULL::text, false
FROM p LEFT JOIN k ON k.n = p.n CROSS JOIN LATERAL (
	SELECT CASE WHEN k.{id}::text = p.key THEN coalesce(p.plain, p.metadata) ELSE p.metadata END AS metadata
) m CROSS JOIN LATERAL (
	SELECT CASE
		WHEN k.n IS NULL THEN 'n'
		WHEN {k_document} <> p.document THEN 'o'
		WHEN sha256(convert_to(k.{content}, 'UTF8')) <> p.sum THEN 'c'
		WHEN p.vector AND (NOT k.has_vector
			OR {k_data_jsonb}->'chunk'->'headings' IS DISTINCT FROM p.metadata->'chunk'->'headings') THEN 'v'
		WHEN coalesce({k_data_jsonb}, '{{}') <> m.metadata
			AND CASE WHEN jsonb_typeof({k_data_jsonb}) = 'object' THEN {k_data_jsonb} - '{{ingested_at,c1v_id}'::text[] ELSE {k_data_jsonb} END
			IS DISTINCT FROM m.metadata - '{{ingested_at,c1v_id}'::text[] THEN 'm'
		ELSE '=' END AS what
	OFFSET 0
) w
WHERE w.what <> '='
UNION ALL
SELECT d.n, 'd', k.{id}::text, NULL, {k_id}, false
FROM d JOIN {table} k ON {k_doc} = d.key
WHERE {k_document} = d.key AND NOT EXISTS (SELECT FROM p WHERE p.key = {k_id} AND p.document = d.key) {where}
UNION ALL
SELECT d.n, 'd', k.{id}::text, NULL, {k_id}, false
FROM d JOIN {table} k ON {k_row_of_d}
WHERE {k_doc} IS DISTINCT FROM d.key AND {k_document} = d.key
	AND NOT EXISTS (SELECT FROM p WHERE p.key = {k_id} AND p.document = d.key) {where}
UNION ALL
SELECT d.n, 'd', k.{id}::text, NULL, {k_id}, false
FROM unnest($10::text[]) i (id) JOIN d ON d.key = i.id JOIN {table} k ON k.{id} = i.id::{id_type}
WHERE {k_doc} IS DISTINCT FROM d.key AND {k_id} = i.id AND {k_document} = i.id
	AND NOT EXISTS (SELECT FROM p WHERE p.key = {k_id} AND p.document = d.key) {where}

-- What is there of a batch. $1 to $10 are its chunks: number, document, id, SHA-256 of the content,
-- hash, position, source, metadata, place, whether it has a vector; $11 its documents; $12 those ids of
-- either kind that could be ids of rows. Answered are the chunks that are not the same: new, of another
-- document (and which of $11), with another content, without their vector or with one made of other
-- headings, or moved; and the rows of
-- the documents that no chunk has the id of any more.
WITH p AS (
	SELECT u.n, u.document, u.key, u.sum, u.hash, u.position, u.source, u.metadata::jsonb AS metadata, u.place, u.vector
	FROM unnest($1::int4[], $2::text[], $3::text[], $4::bytea[], $5::int8[], $6::int4[], $7::text[],
		$8::text[], $9::text[], $10::bool[])
		AS u (n, document, key, sum, hash, position, source, metadata, place, vector)
), d AS (
	SELECT u.n::int4 - 1 AS n, u.document
	FROM unnest($11::text[]) WITH ORDINALITY AS u (document, n)
), k AS (
	SELECT p.n, k.{id}, k."key", k."document", k."position", k."source", k."place", k.{metadata}, k.{content},
		k.{embedding} IS NOT NULL AS has_vector
	FROM p JOIN {table} k ON k."key" = p.key
	UNION ALL
	SELECT p.n, k.{id}, k."key", k."document", k."position", k."source", k."place", k.{metadata}, k.{content},
		k.{embedding} IS NOT NULL
	FROM unnest($12::text[]) i (id) JOIN p ON p.key = i.id JOIN {table} k ON k.{id} = i.id::{id_type}
	WHERE k."key" IS NULL AND NOT EXISTS (SELECT FROM {table} x WHERE x."key" = p.key)
)
SELECT p.n, w.what, k.{id}::text,
	CASE WHEN w.what = 'o' THEN (SELECT d.n FROM d WHERE d.document = {k_document}) END,
	NULL::text,
	CASE WHEN w.what IN ('n', 'c')
		THEN EXISTS (SELECT FROM {table} x WHERE x."hash" = p.hash AND x."key" IS DISTINCT FROM p.key)
		ELSE false END
FROM p LEFT JOIN k ON k.n = p.n CROSS JOIN LATERAL (
	SELECT CASE
		WHEN k.n IS NULL THEN 'n'
		WHEN {k_document} <> p.document THEN 'o'
		WHEN sha256(convert_to(k.{content}, 'UTF8')) <> p.sum THEN 'c'
		WHEN p.vector AND (NOT k.has_vector OR (k."place"::text IS DISTINCT FROM p.place
			AND k."place"::jsonb->'headings' IS DISTINCT FROM p.place::jsonb->'headings')) THEN 'v'
		WHEN {k_position} <> p.position OR {k_source} IS DISTINCT FROM p.source
			OR ({k_metadata} IS DISTINCT FROM p.metadata
				AND CASE WHEN jsonb_typeof({k_metadata}) = 'object' THEN {k_metadata} - 'ingested_at' ELSE {k_metadata} END
				IS DISTINCT FROM p.metadata - 'ingested_at')
			OR (k."place"::text IS DISTINCT FROM p.place AND k."place"::jsonb IS DISTINCT FROM p.place::jsonb) THEN 'm'
		ELSE '=' END AS what
	OFFSET 0
) w
WHERE w.what <> '='
UNION ALL
SELECT d.n, 'd', k.{id}::text, NULL, {k_id}, false
FROM d JOIN {table} k ON k."document" = d.document
WHERE NOT EXISTS (SELECT FROM p WHERE p.key = k."key" AND p.document = k."document")
UNION ALL
SELECT d.n, 'd', k.{id}::text, NULL, {k_id}, false
FROM unnest($12::text[]) i (id) JOIN d ON d.document = i.id JOIN {table} k ON k.{id} = i.id::{id_type}
WHERE k."key" IS NULL AND NOT EXISTS (SELECT FROM p WHERE p.key = i.id AND p.document = i.id)

-- What must hold of a collection of ours: each statement gives a sentence for everything that does not.
SELECT format('document %s: the manifest says %s chunks, there are %s', d.key, d.chunks, coalesce(t.n, 0))
FROM {schema}.c1v_document d LEFT JOIN (
	SELECT k."document" AS key, count(*) AS n FROM {table} k WHERE k."key" IS NOT NULL GROUP BY 1
) t ON t.key = d.key
WHERE d.collection = {collection} AND d.chunks <> coalesce(t.n, 0)
LIMIT 20;

SELECT format('document %s: it has chunks, but is not in the manifest', t.key)
FROM (SELECT DISTINCT k."document" AS key FROM {table} k WHERE k."key" IS NOT NULL) t
WHERE NOT EXISTS (SELECT FROM {schema}.c1v_document d WHERE d.collection = {collection} AND d.key = t.key)
LIMIT 20;

SELECT format('document %s: its chunks are not numbered from 0 without a gap', k."document")
FROM {table} k WHERE k."key" IS NOT NULL
GROUP BY k."document"
HAVING min(k."position") <> 0 OR max(k."position") <> count(*) - 1 OR count(DISTINCT k."position") <> count(*)
LIMIT 20;

SELECT format('chunk %s: its content is not what its hash was made of', k."key")
FROM {table} k CROSS JOIN LATERAL (SELECT sha256(convert_to(k.{content}, 'UTF8')) AS h OFFSET 0) s
WHERE k."key" IS NOT NULL AND k."hash" IS DISTINCT FROM (
	get_byte(h, 0)::bigint | (get_byte(h, 1)::bigint << 8) | (get_byte(h, 2)::bigint << 16)
	| (get_byte(h, 3)::bigint << 24) | (get_byte(h, 4)::bigint << 32) | (get_byte(h, 5)::bigint << 40)
	| (get_byte(h, 6)::bigint << 48) | (get_byte(h, 7)::bigint << 56))
LIMIT 20;

SELECT format('chunk %s: its metadata or place is no JSON object', k."key")
FROM {table} k
WHERE k."key" IS NOT NULL AND (jsonb_typeof({k_metadata}) <> 'object' OR json_typeof(k."place") <> 'object')
LIMIT 20;

SELECT format('chunk %s: it is at position %s, but was cut as %s', k."key", k."position", k."place"->>'index')
FROM {table} k
WHERE k."key" IS NOT NULL AND json_typeof(k."place") = 'object'
	AND k."place"->>'index' IS DISTINCT FROM k."position"::text
LIMIT 20;

SELECT format('chunk %s: its vector is of model %s, the collection''s of %s', k."key", coalesce(k."model", 'none'),
	coalesce(c.model, 'none'))
FROM {table} k JOIN {schema}.c1v_collection c ON c.name = {collection}
WHERE k."key" IS NOT NULL AND k.{embedding} IS NOT NULL AND k."model" IS DISTINCT FROM c.model
LIMIT 20;

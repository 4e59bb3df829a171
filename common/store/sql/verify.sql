-- What must hold between the rows of the collection {c}. Each statement gives
-- a sentence for everything that does not.

SELECT 'document ' || d.key || ': the manifest says ' || d.chunks || ' chunks, there are ' || count(k.id)
FROM "{c}_document" d LEFT JOIN "{c}_chunk" k ON k.document = d.id
GROUP BY d.id HAVING count(k.id) <> d.chunks;

SELECT 'document ' || d.key || ': it has no chunks'
FROM "{c}_document" d WHERE d.chunks = 0;

SELECT 'document ' || d.key || ': its chunks are not numbered from 0 without a gap'
FROM "{c}_document" d JOIN "{c}_chunk" k ON k.document = d.id
GROUP BY d.id HAVING min(k.position) <> 0 OR max(k.position) <> count(*) - 1;

SELECT 'chunk ' || k.key || ': it has no document'
FROM "{c}_chunk" k LEFT JOIN "{c}_document" d ON d.id = k.document WHERE d.id IS NULL;

SELECT 'row ' || v.id || ': a vector without a chunk'
FROM "{c}_vector" v LEFT JOIN "{c}_chunk" k ON k.id = v.id WHERE k.id IS NULL;

SELECT 'row ' || v.id || ': a vector of ' || length(v.vector) || ' bytes, not ' || (4 * c.dims)
FROM "{c}_vector" v, collection c WHERE c.name = '{c}' AND length(v.vector) <> 4 * c.dims;

SELECT 'row ' || f.id || ': a free slot that holds a chunk'
FROM "{c}_free" f JOIN "{c}_chunk" k ON k.id = f.id;

SELECT 'document ' || key || ': its metadata is no JSON object'
FROM "{c}_document" WHERE metadata IS NOT NULL AND (NOT json_valid(metadata) OR json_type(metadata) <> 'object');

SELECT 'chunk ' || key || ': its metadata or place is no JSON object'
FROM "{c}_chunk" WHERE (metadata IS NOT NULL AND (NOT json_valid(metadata) OR json_type(metadata) <> 'object'))
   OR (place IS NOT NULL AND (NOT json_valid(place) OR json_type(place) <> 'object'));

SELECT 'the collection counts ' || c.documents || ' documents, ' || c.chunks || ' chunks, '
    || c.vectors || ' vectors, ' || c.bytes || ' bytes; there are ' || t.documents || ', '
    || t.chunks || ', ' || t.vectors || ', ' || t.bytes
FROM collection c, (
    SELECT (SELECT count(*) FROM "{c}_document") AS documents,
           (SELECT count(*) FROM "{c}_chunk") AS chunks,
           (SELECT count(*) FROM "{c}_vector") AS vectors,
           (SELECT coalesce(sum(octet_length(content)), 0) FROM "{c}_chunk") AS bytes
) t
WHERE c.name = '{c}' AND (c.documents, c.chunks, c.vectors, c.bytes)
    <> (t.documents, t.chunks, t.vectors, t.bytes);

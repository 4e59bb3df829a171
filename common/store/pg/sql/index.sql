-- The indexes on vectors of table $1, those that are being built and those that failed included:
-- name, method, valid, for the cosine, bytes, definition, lists, m, ef_construction, scans, transactions
-- since it was built or rebuilt, whether it is on expression or column $2.
SELECT c.relname, m.amname, i.indisvalid, o.opcname LIKE '%cosine_ops', pg_relation_size(c.oid),
	pg_get_indexdef(c.oid),
	(SELECT option_value FROM pg_options_to_table(c.reloptions) WHERE option_name = 'lists'),
	(SELECT option_value FROM pg_options_to_table(c.reloptions) WHERE option_name = 'm'),
	(SELECT option_value FROM pg_options_to_table(c.reloptions) WHERE option_name = 'ef_construction'),
	coalesce(u.idx_scan, 0),
	-- The row of pg_class is new after REINDEX, that of pg_index after a concurrent build.
	least(age(c.xmin), age(i.xmin))
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
JOIN pg_opclass o ON o.oid = i.indclass[0]
LEFT JOIN pg_stat_all_indexes u ON u.indexrelid = c.oid
WHERE i.indrelid = $1::text::regclass AND m.amname IN ('hnsw', 'ivfflat')
ORDER BY i.indisvalid DESC, m.amname, c.relname

-- Every index of the table $1: name, method, valid, bytes, scans.
SELECT c.relname, m.amname, i.indisvalid, pg_relation_size(c.oid), coalesce(u.idx_scan, 0)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
LEFT JOIN pg_stat_all_indexes u ON u.indexrelid = c.oid
WHERE i.indrelid = to_regclass($1::text)
ORDER BY c.relname

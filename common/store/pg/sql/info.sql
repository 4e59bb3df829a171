-- Sizes and use of the table $1 and its server: a row of names and texts each.
SELECT 'server' AS name, current_setting('server_version') AS value
UNION ALL SELECT 'database_bytes', pg_database_size(current_database())::text
UNION ALL SELECT 'bytes', pg_total_relation_size(c.oid)::text FROM pg_class c WHERE c.oid = to_regclass($1::text)
UNION ALL SELECT 'table_bytes', pg_relation_size(c.oid)::text FROM pg_class c WHERE c.oid = to_regclass($1::text)
UNION ALL SELECT 'toast_bytes', coalesce(pg_total_relation_size(nullif(c.reltoastrelid, 0)), 0)::text
	FROM pg_class c WHERE c.oid = to_regclass($1::text)
UNION ALL SELECT 'index_bytes', pg_indexes_size(c.oid)::text FROM pg_class c WHERE c.oid = to_regclass($1::text)
UNION ALL SELECT 'dead_rows', n_dead_tup::text FROM pg_stat_all_tables WHERE relid = to_regclass($1::text)
UNION ALL SELECT 'scans', seq_scan::text FROM pg_stat_all_tables WHERE relid = to_regclass($1::text)
UNION ALL SELECT 'index_scans', idx_scan::text FROM pg_stat_all_tables WHERE relid = to_regclass($1::text)
UNION ALL SELECT 'last_vacuum', to_char(greatest(last_vacuum, last_autovacuum) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
	FROM pg_stat_all_tables WHERE relid = to_regclass($1::text)
UNION ALL SELECT 'last_analyze', to_char(greatest(last_analyze, last_autoanalyze) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
	FROM pg_stat_all_tables WHERE relid = to_regclass($1::text)
-- Pages that were found in the server's memory, of all that were read since its counters began.
UNION ALL SELECT 'cache_hit_ratio', round((heap_blks_hit + coalesce(idx_blks_hit, 0) + coalesce(toast_blks_hit, 0))::numeric
	/ nullif(heap_blks_hit + heap_blks_read + coalesce(idx_blks_hit + idx_blks_read, 0)
		+ coalesce(toast_blks_hit + toast_blks_read, 0), 0), 4)::text
	FROM pg_statio_all_tables WHERE relid = to_regclass($1::text)

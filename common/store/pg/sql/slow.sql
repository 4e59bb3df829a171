-- The statements that took longest in all, of those that name the table $1 in the open database; $2 of them.
SELECT json_build_object(
	'query', left(regexp_replace(query, '\s+', ' ', 'g'), 2000),
	'calls', calls,
	'total_ms', round(total_exec_time::numeric, 3),
	'mean_ms', round(mean_exec_time::numeric, 3),
	'max_ms', round(max_exec_time::numeric, 3),
	'rows', rows,
	'cache_hit_ratio', round(shared_blks_hit::numeric / nullif(shared_blks_hit + shared_blks_read, 0), 4),
	'temp_pages', temp_blks_read + temp_blks_written)::text
FROM {s_view}
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
AND query ~ ('(^|[^A-Za-z0-9_])' || regexp_replace($1::text, '([^A-Za-z0-9_])', '\\\1', 'g') || '([^A-Za-z0-9_]|$)')
AND query ~* '^\s*(SELECT|WITH|INSERT|UPDATE|DELETE|MERGE|COPY)\M'
ORDER BY total_exec_time DESC
LIMIT $2

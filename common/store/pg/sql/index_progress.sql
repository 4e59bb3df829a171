-- What is being built on table $1 at this moment. Of another role's build the view shows no table, but
-- its locks do.
SELECT p.pid, p.phase, coalesce(p.blocks_done, 0), coalesce(p.blocks_total, 0), coalesce(p.tuples_done, 0),
	coalesce(p.tuples_total, 0)
FROM pg_stat_progress_create_index p
WHERE p.datname = current_database() AND (
	p.relid = $1::text::regclass
	OR p.relid IS NULL AND EXISTS (SELECT FROM pg_locks l WHERE l.pid = p.pid AND l.relation = $1::text::regclass))

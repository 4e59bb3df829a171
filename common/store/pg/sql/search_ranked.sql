words AS MATERIALIZED (
	SELECT f.c, f.o, {s_worth} AS score
	FROM matched f JOIN {table} k ON {s_same}
	ORDER BY score DESC, {k_id} COLLATE "C"
	LIMIT {s_candidates}
)

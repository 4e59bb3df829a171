-- The keyword leg: rows with any of the rarest terms, in the order of what the terms they have are worth.
-- What only has common terms is looked at when those are too few. The best are then ranked in full.
rare AS MATERIALIZED (
	SELECT x.c, x.o, x.size, t.worth
	FROM terms t, LATERAL (
		SELECT {s_row}, octet_length(k.{content}) AS size
		FROM {table} k
		WHERE {fts} @@ t.term {s_only}) x
	WHERE t.together <= {s_postings} OR t.together = t.rows OR t.together - t.rows < {s_candidates}
), frequent AS MATERIALIZED (
	SELECT x.c, x.o, x.size, t.worth
	FROM terms t, LATERAL (
		SELECT {s_row}, octet_length(k.{content}) AS size
		FROM {table} k
		WHERE {fts} @@ t.term {s_only}) x
	WHERE NOT (t.together <= {s_postings} OR t.together = t.rows OR t.together - t.rows < {s_candidates})
	AND (SELECT count(DISTINCT c) FROM rare) < {s_candidates}
), matched AS MATERIALIZED (
	SELECT c, o
	FROM (SELECT * FROM rare UNION ALL SELECT * FROM frequent) x
	GROUP BY c, o
	ORDER BY sum(worth) DESC, min(size), c
	LIMIT {s_ranked}
)

found AS MATERIALIZED (
	SELECT c, o, bool_or(near) AS near, max(score) AS score
	FROM (
		SELECT c, o, true AS near, NULL::float8 AS score FROM near
		UNION ALL
		SELECT c, o, false, score FROM words) x
	GROUP BY c, o
)

-- The vector leg: the nearest rows as the index has them. Where it gives too few (a filter, an
-- index that does not know all rows) every row that may be found is compared.
indexed AS MATERIALIZED (
	SELECT {s_row}
	FROM {table} k
	WHERE k.{embedding} IS NOT NULL {s_dims} {s_only}
	ORDER BY {indexed} {distance} {s_vector}::{query}
	LIMIT {s_candidates}
), scanned AS MATERIALIZED (
	SELECT {s_row}
	FROM {table} k
	WHERE (SELECT count(*) FROM indexed) < {s_candidates} AND k.{embedding} IS NOT NULL {s_dims} {s_only}
	ORDER BY (k.{embedding} {distance} {s_vector}::{vector}) + 0
	LIMIT {s_candidates}
), near AS (
	SELECT c, o FROM indexed WHERE NOT EXISTS (SELECT FROM scanned)
	UNION ALL
	SELECT c, o FROM scanned
)

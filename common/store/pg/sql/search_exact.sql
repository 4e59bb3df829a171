-- The vector leg without an index: no index is on the distance and a number.
near AS (
	SELECT {s_row}
	FROM {table} k
	WHERE k.{embedding} IS NOT NULL {s_dims} {s_only}
	ORDER BY (k.{embedding} {distance} {s_vector}::{vector}) + 0
	LIMIT {s_candidates}
)

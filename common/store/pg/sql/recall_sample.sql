-- The ids and vectors of $1 rows, evenly taken from all by a number that their ids give.
SELECT k.{id}::text, k.{embedding}
FROM {table} k
WHERE k.{embedding} IS NOT NULL {where}
ORDER BY hashtextextended(k.{id}::text, 0)
LIMIT $1

-- The query's lexemes, each with the number of rows that have it (of the common ones as the planner's
-- statistics know it) and what it is worth, as in BM25: the rarer, the more.
lexemes AS MATERIALIZED (
	SELECT lexeme, ('''' || replace(replace(lexeme, E'\\', E'\\\\'), '''', '''''') || '''')::tsquery AS term
	FROM unnest(to_tsvector({config}, {s_text}))
), common AS MATERIALIZED (
	SELECT most_common_elems::text::text[] AS lexemes, most_common_elem_freqs AS shares
	FROM pg_catalog.pg_stats
	WHERE {s_statistics}
), counted AS MATERIALIZED (
	SELECT l.lexeme, l.term, coalesce(
		ceil((c.shares)[array_position(c.lexemes, l.lexeme)] * {s_rows}::float8),
		nullif((SELECT count(*) FROM (SELECT FROM {table} k WHERE {fts} @@ l.term {where} LIMIT 2001) x), 2001),
		(SELECT count(*) FROM {table} k WHERE {fts} @@ l.term {where}))::float8 AS rows
	FROM lexemes l LEFT JOIN common c ON true
), terms AS MATERIALIZED (
	SELECT term, rows, ln(1 + (total - rows + 0.5) / (rows + 0.5)) AS worth, sum(rows) OVER rarest AS together
	FROM (
		SELECT lexeme, term, rows, greatest(max(rows) OVER (), {s_rows}::float8,
			(SELECT count(*) FROM (SELECT FROM {table} k WHERE true {where} LIMIT 1000) x)) AS total
		FROM counted
		WHERE rows > 0) x
	WINDOW rarest AS (ORDER BY rows, lexeme COLLATE "C")
	ORDER BY rows, lexeme COLLATE "C"
	LIMIT 128
)

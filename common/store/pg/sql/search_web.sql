-- The keyword leg of a query in web syntax: rows that have all that must be there.
matched AS MATERIALIZED (
	SELECT {s_row}
	FROM {table} k
	WHERE {fts} @@ ({s_required}) {s_only}
	ORDER BY octet_length(k.{content}), 1
	LIMIT {s_ranked}
)

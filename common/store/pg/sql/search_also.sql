ARRAY(
		SELECT {k_id}
		FROM {table} k
		WHERE k.{hash} = h.hash AND k.{id} <> h.row AND k.{content} = h.content {s_only}
		ORDER BY {k_id} COLLATE "C"
		LIMIT 100)

-- What is found, with both scores and, of those that are likely to be shown, all that is shown.
SELECT h.near, h.word, h.cosine, h.score, h.hash, CASE WHEN h.shown THEN {s_also} END,
	h.id, h.document, CASE WHEN h.shown THEN h.content END, CASE WHEN h.shown THEN h.source END,
	CASE WHEN h.shown THEN h.metadata::text END, CASE WHEN h.shown THEN h.place::text END,
	h.position, NULL::text, h.embedding, h.row::text, h.shown
FROM (
	SELECT y.*, rank() OVER (ORDER BY {s_order} DESC NULLS LAST) <= {s_shown} AS shown
	FROM (
		SELECT x.* {s_measures}
		FROM (
			SELECT f.near, f.score IS NOT NULL AS word, {s_cosine} AS cosine, {s_score} AS score, {s_hash} AS hash,
				{k_id} AS id, {k_document} AS document, k.{content} AS content, {k_source} AS source,
				{k_metadata} AS metadata, {k_place} AS place, {k_position} AS position, {s_embedding} AS embedding,
				k.{id} AS row
			FROM found f JOIN {table} k ON {s_same}) x) y) h

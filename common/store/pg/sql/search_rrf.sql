, CASE WHEN x.near THEN rank() OVER (ORDER BY x.near DESC, x.cosine DESC NULLS LAST) END AS near_rank,
	CASE WHEN x.word THEN rank() OVER (ORDER BY x.word DESC, x.score DESC NULLS LAST) END AS word_rank

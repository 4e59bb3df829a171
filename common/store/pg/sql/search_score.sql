(SELECT coalesce(sum(t.worth * ts_rank_cd('{{1,1,1,1}', d.fts, t.term, 32)), 0)
	-- Taken out of its storage once, not for each term.
	FROM (SELECT {fts} || ''::tsvector AS fts OFFSET 0) d, terms t)

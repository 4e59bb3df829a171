, avg(x.cosine) OVER () AS cosine_mean, stddev_pop(x.cosine) OVER () AS cosine_deviation,
	min(x.cosine) OVER () AS cosine_least, avg(x.score) OVER () AS score_mean,
	stddev_pop(x.score) OVER () AS score_deviation

#include "store/fuse.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

/* What a leg says about one item. */
struct vote {
	int64_t key;
	int keyword; /* the leg: 0 vector, 1 keyword */
	struct leg_item item;
	double share; /* of the fused score */
};

struct leg {
	const struct leg_item *items;
	size_t count;
	double weight;
	double mean, deviation, missing; /* missing: share of an item that it did not score */
};

/* zscore: the share of an item is weight * (score - mean) / deviation, where
 * mean and (population) deviation are those of all items that the leg scored,
 * rank 0 included. One that it did not score is taken for its worst. A leg
 * that finds all items alike says nothing: deviation 0 stands for that. */
static void
leg_standard(struct leg *leg)
{
	double sum = 0, squares = 0, least = INFINITY, most = -INFINITY;

	leg->mean = leg->deviation = leg->missing = 0;
	for (size_t i = 0; i < leg->count; i++) {
		sum += leg->items[i].score;
		least = fmin(least, leg->items[i].score);
		most = fmax(most, leg->items[i].score);
	}
	if (!(most > least))
		return;
	leg->mean = sum / (double)leg->count;
	for (size_t i = 0; i < leg->count; i++) {
		double off = leg->items[i].score - leg->mean;
		off *= off;
		squares += off;
	}
	leg->deviation = sqrt(squares / (double)leg->count);
	leg->missing = leg->weight * ((least - leg->mean) / leg->deviation);
}

static double
share(enum search_fuse how, double k, const struct leg *leg, const struct leg_item *item)
{
	if (how == FUSE_RRF)
		return item->rank ? leg->weight / (k + item->rank) : 0;
	return leg->deviation > 0 ? leg->weight * ((item->score - leg->mean) / leg->deviation) : 0;
}

static int
by_key(const void *a, const void *b)
{
	const struct vote *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->keyword - y->keyword;
}

static int
by_score(const void *a, const void *b)
{
	const struct fused *x = a, *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return x->key < y->key ? -1 : x->key > y->key;
}

/* Votes of one key, which are n (1 or 2), into one item. */
static struct fused
merge(const struct vote *v, size_t n, const struct leg legs[2])
{
	struct fused f = {.key = v->key};
	double shares[2] = {legs[0].missing, legs[1].missing};

	for (size_t i = 0; i < n; i++) {
		shares[v[i].keyword] = v[i].share;
		if (v[i].keyword) {
			f.keyword_score = v[i].item.score;
			f.keyword_rank = v[i].item.rank;
		} else {
			f.vector_score = v[i].item.score;
			f.vector_rank = v[i].item.rank;
		}
	}
	f.score = shares[0] + shares[1];
	return f;
}

size_t
fuse_legs(enum search_fuse how, double k, double weight_vector, double weight_keyword,
    const struct leg_item *vector, size_t vector_count,
    const struct leg_item *keyword, size_t keyword_count, struct fused *out)
{
	struct leg legs[2] = {
		{.items = vector, .count = vector_count, .weight = weight_vector},
		{.items = keyword, .count = keyword_count, .weight = weight_keyword},
	};
	size_t total = vector_count + keyword_count, at = 0, count = 0;
	struct vote *votes = mem_alloc(total * sizeof(*votes));

	for (int l = 0; l < 2; l++) {
		if (how == FUSE_ZSCORE)
			leg_standard(&legs[l]);
		for (size_t i = 0; i < legs[l].count; i++) {
			const struct leg_item *item = &legs[l].items[i];
			votes[at++] = (struct vote){item->key, l, *item, share(how, k, &legs[l], item)};
		}
	}
	qsort(votes, total, sizeof(*votes), by_key);
	for (size_t i = 0, n; i < total; i += n) {
		n = i + 1 < total && votes[i + 1].key == votes[i].key ? 2 : 1;
		out[count++] = merge(&votes[i], n, legs);
	}
	free(votes);
	if (count > 1)
		qsort(out, count, sizeof(*out), by_score);
	return count;
}

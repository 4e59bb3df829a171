/* fuse: two ranked lists into one.
 *
 * rrf: sum over the legs of weight / (k + rank), rank from 1 (Cormack, Clarke,
 * Buettcher 2009); k = 0 is weight / rank; nothing for a leg that does not list
 * the item (rank 0).
 *
 * zscore: sum over the legs of weight * (score - mean) / deviation, where mean
 * and deviation (of the population) are over all items that the leg scored, those with
 * rank 0 included. An item that a leg did not score at all counts as that leg's
 * worst; a leg whose scores are all the same adds nothing. */
#ifndef C1V_STORE_FUSE_H
#define C1V_STORE_FUSE_H

#include "store/store.h"

struct fused {
	int64_t key;
	double score;
	double vector_score, keyword_score;
	uint32_t vector_rank, keyword_rank; /* 0: not in that list */
};

struct leg_item { int64_t key; double score; uint32_t rank; /* 0: scored, but not in the leg's list */ };

/* Fuse the legs (each sorted best first; may also hold scored items of the
 * other list with rank 0, for zscore; keys once in a leg, scores finite). out has room
 * for both counts; returns how many. Sorted by score, ties by key. Leg NULL with
 * count 0: absent. An item that a leg did not score has 0 as its score there. */
size_t fuse_legs(enum search_fuse how, double k, double weight_vector, double weight_keyword,
    const struct leg_item *vector, size_t vector_count,
    const struct leg_item *keyword, size_t keyword_count, struct fused *out);

#endif

/* search: what a search does with chunks that are ranked already, whatever the
 * store: which of them become hits, and how a hit grows by its neighbours.
 *
 * Pure functions over arrays: a driver reads what they need to know into the
 * arrays, and afterwards the chosen rows. Nothing here is kept or freed. */
#ifndef C1V_STORE_SEARCH_H
#define C1V_STORE_SEARCH_H

#include <stdint.h>

#include "base/buf.h"

/* --- choosing ----------------------------------------------------------- */

/* A chunk that may become a hit. */
struct search_candidate {
	double score;
	struct slice id;
	int64_t content;   /* equal for identical content: a hash of 64 bits */
	int64_t document;  /* equal for chunks of one document */
	const float *unit; /* for mmr: its vector, scaled to length 1, or NULL */
	int64_t key;       /* the caller's own */
};

struct search_rules {
	size_t limit;        /* hits wanted */
	size_t per_document; /* at most so many of one document; 0: no limit */
	int collapse;        /* identical content once, the best ranked */
	double mmr;          /* lambda in [0,1]; negative: off */
	int cosines;         /* the scores are cosines with the query */
	size_t dims;         /* of the vectors */
};

/* Sort by rank: greater score first, ties by the bytes of id. */
void search_rank(struct search_candidate *items, size_t count);

/* The items (ranked) that become hits, as their indexes in order of the hits;
 * chosen has room for the lesser of limit and count. Returns how many.
 *
 * Without mmr they keep their order. With it the next hit is always the item
 * with the greatest
 *     mmr * relevance(d) - (1 - mmr) * max over hits h of cosine(d, h)
 * (maximal marginal relevance, Carbonell and Goldstein 1998), ties by rank.
 * Relevance is the score where that is a cosine, else the score scaled to 0..1
 * over the items; the cosine is 0 where a vector is missing, the maximum over
 * no hits likewise. So mmr 1 is the plain order. */
size_t search_choose(const struct search_rules *rules, const struct search_candidate *items,
    size_t count, size_t *chosen);

/* --- neighbours --------------------------------------------------------- */

/* A chunk of a document. */
struct search_piece {
	struct slice content;
	int64_t index;      /* in its document */
	int64_t start, end; /* bytes of the document that content is; -1: not known */
};

/* What was joined. */
struct search_span {
	size_t first, count; /* the pieces */
	int64_t start, end;  /* bytes of the document; -1: not known */
};

/* Join pieces[hit] with the pieces before and behind it (in order of index,
 * as far as the indexes have no hole) and append the text to out. What two
 * pieces share by their offsets is written once; white space that the splitter
 * left out between two comes back as so many bytes of white space (line feeds
 * where two or more are missing, else a blank), so that byte i of the text is
 * byte start + i of the document. Pieces whose offsets are not known, do not fit
 * their length or tell of different bytes are put on lines of their own, and the
 * span's offsets are then -1. */
struct search_span search_join(const struct search_piece *pieces, size_t count, size_t hit,
    struct buf *out);

#endif

/* sqlite_search: what the parts of the search on SQLite share.
 *
 * sqlite_search.c   the search as a whole: legs, fusion, hits
 * sqlite_reader.c   what is kept from search to search
 * sqlite_keyword.c  the keyword leg: bm25 over FTS5's index
 * sqlite_count.c    how often terms are in a text
 * sqlite_terms.c    a query's terms
 * sqlite_vector.c   the vector leg: scan of codes, then float32
 * sqlite_allow.c    filters and web syntax as sets of slots
 *
 * Legs speak of chunks by their slots (sqlite.h). */
#ifndef C1V_STORE_SQLITE_SEARCH_H
#define C1V_STORE_SQLITE_SEARCH_H

#include "store/fuse.h"
#include "store/sqlite.h"

/* --- sets of slots ------------------------------------------------------ */

struct slot_set {
	uint64_t *words; /* NULL: every slot */
	size_t slots;    /* a multiple of BLOCK_SLOTS */
	uint64_t count;  /* members, when words is not NULL */
};

static inline int
slot_in(const struct slot_set *set, int64_t slot)
{
	return set->words == NULL ||
	    ((uint64_t)slot < set->slots && set->words[slot >> 6] >> (slot & 63) & 1);
}

void slot_set_free(struct slot_set *set);
/* Chunks that pass a filter. */
int sqlite_allow_filter(struct sqlite_store *s, const struct filter *f, size_t slots,
    struct slot_set *out, struct err *e);
/* Chunks that an FTS5 expression matches. */
int sqlite_allow_match(struct sqlite_store *s, const char *expression, size_t slots,
    struct slot_set *out, struct err *e);
/* set becomes what is in both, or what is in set and not in other. */
void slot_set_both(struct slot_set *set, const struct slot_set *other);
void slot_set_without(struct slot_set *set, const struct slot_set *other);

struct slot_at {
	int64_t slot;
	size_t at; /* its index in what was given */
};

/* Slots in the order of the file: chunks of a document lie together there and are
 * often alike, so that a page serves several. To be freed. */
struct slot_at *slots_in_order(const int64_t *slots, size_t count);

/* --- terms -------------------------------------------------------------- */

enum {
	TERMS_MAX = 128,       /* of a query, the rarest first; the rest is not looked for */
	TERMS_COUNTED_FROM = 2048, /* chunks: a smaller collection keeps no counts */
	TERMS_COMMON = 128     /* a term is common in more than one chunk of so many */
};

struct term {
	struct slice text;     /* as written in the query */
	struct slice stem;     /* as FTS5 indexes it; a phrase: SLICE_NONE */
	int64_t documents;     /* chunks that hold it as last counted; 0: not a common one */
};

struct terms {
	struct term *items;    /* rarest first; equals in the order of the query */
	size_t count;
	const char *required;  /* an FTS5 expression that chunks must match, or NULL */
	const char *excluded;  /* one that they must not, or NULL */
	struct arena arena;    /* owns the above; stems and texts too */
};

struct keyword; /* sqlite_keyword.c: one connection's keyword leg */

/* The terms of a query: its words, once each (web: as in web.h). */
int keyword_terms(struct keyword *k, struct slice text, int web, struct terms *out, struct err *e);
void terms_free(struct terms *t);
/* Append text as an FTS5 string. */
void terms_add_quoted(struct buf *b, struct slice text);

/* --- the keyword leg ---------------------------------------------------- */

struct keyword_query {
	const struct terms *terms;
	const struct slot_set *allowed;
	const uint32_t *sizes; /* bytes of each slot's content */
	size_t slots;
	double mean;           /* bytes of a chunk on average */
	int64_t chunks;
	size_t limit;          /* the best so many */
};

int keyword_open(struct sqlite_store *s, struct keyword **out, struct err *e);
/* The best chunks, best first, ranks from 1. items has room for q->limit.
 * *seen grows by the index entries that were looked at. */
int keyword_run(struct keyword *k, const struct keyword_query *q, struct leg_item *items,
    size_t *count, uint64_t *seen, struct err *e);
/* What the last run's query gives other chunks (greater is better, 0: no term). */
int keyword_score(struct keyword *k, const int64_t *slots, size_t count, double *scores,
    struct err *e);
void keyword_close(struct keyword *k);

/* Tokenise as the collection's index does: fn as FTS5 calls it. */
int keyword_tokenize(struct keyword *k, struct slice text, int flags, void *arg,
    int (*fn)(void *arg, int flags, const char *token, int n, int start, int end), struct err *e);
/* How often each of count terms is in text, as the collection's index would have
 * it: tf[i] of terms[i]. A term without a stem is in none. */
int keyword_count(struct keyword *k, struct slice text, const struct term *terms, size_t count,
    int *tf, struct err *e);
/* Words are looked for as phrases, not as tokens (trigram). */
int keyword_by_phrase(const struct keyword *k);
/* Chunks that hold a stem as last counted; 0: not a common one. */
int keyword_common(struct keyword *k, struct slice stem, int64_t *documents, struct err *e);

/* --- the vector leg ----------------------------------------------------- */

enum { VECTOR_CACHE_MAX = 256 << 20 }; /* bytes of codes kept between queries */

struct vector_leg; /* one connection's vector leg */

struct vector_query {
	const float *unit;     /* of length 1 */
	size_t dims;
	const struct slot_set *allowed;
	size_t slots;
	size_t limit;          /* candidates wanted, not 0 */
	size_t sure;           /* the best so many shall be the true ones */
	double min_score;
	int keep;              /* more queries follow: keep the codes in memory */
	int64_t generation;    /* of the state that is searched */
};

/* db and collection are borrowed. */
int vector_open(struct db *db, const char *collection, struct vector_leg **out, struct err *e);
void vector_close(struct vector_leg *v);

/* One query's scan of the codes. The legs of several connections, each in a
 * thread of its own, can work on it at once; a block is taken by one of them,
 * so it takes as long as all of them together need. */
struct vector_scan;
struct vector_scan *vector_scan_new(void);
void vector_scan_free(struct vector_scan *s);
/* A new query, which must stay until vector_finish(). */
void vector_start(struct vector_scan *s, const struct vector_query *q);
/* Scan blocks until none is left. */
int vector_work(struct vector_leg *v, struct vector_scan *s, struct err *e);
/* The best chunks by cosine of what both legs found (other may be NULL), best
 * first, ranks from 1; items has room for limit. Nobody works any more. */
int vector_finish(struct vector_leg *v, struct vector_scan *s, const struct vector_leg *other,
    struct leg_item *items, size_t *count, uint64_t *scanned, uint64_t *rescored, struct err *e);
/* The same from every vector in float32, without codes. */
int vector_exact(struct vector_leg *v, const struct vector_query *q, struct leg_item *items,
    size_t *count, uint64_t *scanned, struct err *e);

/* Cosines of some chunks; -2 for one without a vector. */
int vector_score(struct vector_leg *v, const float *unit, size_t dims, const int64_t *slots,
    size_t count, double *scores, struct err *e);
/* A chunk's vector, scaled to length 1: 1, 0 without one, -1 on error. */
int vector_fetch(struct vector_leg *v, int64_t slot, size_t dims, float *unit, struct err *e);

/* --- what is kept from search to search --------------------------------- */

struct sqlite_reader {
	uint64_t searches;
	int64_t generation;          /* of the state below */
	char *tokenizer;             /* that keyword was opened with */
	struct keyword *keyword;
	struct vector_leg *vector;
	size_t slots;
	uint32_t *sizes;             /* NULL: not read yet */
	const struct filter *filter; /* that allowed is for */
	struct slot_set allowed;
	struct db second;            /* a connection for the vector leg's own thread */
	struct vector_leg *side;     /* on it; NULL: not opened */
	struct vector_scan *scan;
};

/* Bring s->reader up to the state that this transaction sees; it is made on first use. */
int reader_refresh(struct sqlite_store *s, struct err *e);
/* Read the sizes unless they are there. */
int reader_sizes(struct sqlite_store *s, struct err *e);

#endif

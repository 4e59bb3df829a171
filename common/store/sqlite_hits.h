/* sqlite_hits: from ranked slots to the hits that a search returns. */
#ifndef C1V_STORE_SQLITE_HITS_H
#define C1V_STORE_SQLITE_HITS_H

#include "store/sqlite_search.h"

/* Choose q->limit of the ranked chunks (ties by id, identical content once, at
 * most so many of a document, diversity) and read them into out->items. allowed
 * says which chunks may be named in `also`. */
int sqlite_hits(struct sqlite_store *s, struct vector_leg *v, const struct search_query *q,
    const struct slot_set *allowed, const struct fused *ranked, size_t count,
    struct search_hits *out, struct err *e);

#endif

/* sqlite_put: one document on its way into the store. Private to
 * sqlite_plan.c (what is there, what shall become of it) and sqlite_put.c
 * (doing it). */
#ifndef C1V_STORE_SQLITE_PUT_H
#define C1V_STORE_SQLITE_PUT_H

#include "store/sqlite_batch.h"

/* A chunk as it is stored. */
struct old_chunk {
	int64_t slot, position;
	struct slice id, source, metadata, place, content; /* own values: NULL is the document's */
	int has_vector, matched;
};

enum what { ADD, UPDATE, SKIP };

/* What shall become of an incoming chunk. */
struct plan {
	struct old_chunk *old;          /* NULL: new */
	enum what what;
	struct slice source, metadata;  /* own values to be stored */
	int content_changed, vector_wanted;
};

/* One document on its way in. */
struct work {
	const struct document_row *d;
	const struct put_options *o;
	int64_t document;               /* 0: new */
	struct slice old_source, old_metadata, source, metadata; /* the document's */
	struct old_chunk *old;
	size_t old_count;
	struct old_chunk **by_id;       /* old, sorted by id */
	struct plan *plans;
	size_t deleted;
	int changed;
};

/* Is one text or NULL the other? */
int put_same_text(struct slice a, struct slice b);
/* Compare the document with what is there; texts live in the batch's scratch.
 * 0, C1V_PARTIAL (it is refused, e says why), or an error. */
int put_plan(struct sqlite_store *s, struct work *w, struct err *e);
void put_work_free(struct work *w);

#endif

/* sqlite_batch: a write transaction's statements and what it has not written
 * yet. Private to the sqlite driver's writing side.
 *
 * Rows are written at once. The full-text index and the blocks are written at
 * the end (or when much has gathered), in order of slots: FTS5 starts a new
 * segment whenever a smaller rowid follows, and a block is then touched once. */
#ifndef C1V_STORE_SQLITE_BATCH_H
#define C1V_STORE_SQLITE_BATCH_H

#include "store/sqlite.h"

enum batch_statement {
	FIND_DOCUMENT, ADD_DOCUMENT, SET_DOCUMENT, COUNT_DOCUMENT, DROP_DOCUMENT,
	LIST_CHUNKS, FIND_CHUNK, ADD_CHUNK, SET_CHUNK, PLACE_CHUNK, PARK_CHUNK, DROP_CHUNK,
	SAME_CONTENT, CONTENT, HAS_VECTOR, ADD_VECTOR, SET_VECTOR, DROP_VECTOR,
	FIRST_FREE, ADD_FREE, DROP_FREE, LAST_SLOT,
	ADD_TEXT, DROP_TEXT,
	ADD_SIZES, ADD_CODES,
	SET_COLLECTION,
	STATEMENT_COUNT
};

/* What a slot shall hold once the batch is written. */
struct batch_change {
	int64_t slot;
	uint64_t order;           /* of changes to the same slot */
	int text_changed;         /* old and fresh go to the full-text index */
	struct slice old, fresh;  /* SLICE_NONE: nothing to take out, to put in */
	uint32_t size;            /* bytes of content; 0: the slot is empty */
	float step;               /* 0: no vector */
	const uint8_t *codes;
};

struct sqlite_batch {
	sqlite3_stmt *statements[STATEMENT_COUNT];
	int touched;              /* something differs from the committed state */
	int no_free;              /* {c}_free is known to be empty */
	int64_t last_slot;
	struct batch_change *changes;
	size_t count, room, bytes;
	struct arena held;        /* what changes point to */
	struct arena scratch;     /* for one document */
	float *unit;
	size_t unit_room;
};

/* The statement, prepared on first use. NULL: e is filled. */
sqlite3_stmt *batch_statement(struct sqlite_store *s, enum batch_statement which, struct err *e);
/* Run a statement that takes one integer and returns nothing. */
int batch_run_id(struct sqlite_store *s, enum batch_statement which, int64_t id, struct err *e);
/* The next slot to use: the lowest free one, else a new one. */
int batch_slot(struct sqlite_store *s, int64_t *slot, struct err *e);
/* Note a change; slices and vector are copied. vector NULL: none. */
int batch_change(struct sqlite_store *s, int64_t slot, const struct slice *old,
    struct slice fresh, struct slice content, const float *vector, struct err *e);
/* Write what is noted. */
int batch_flush(struct sqlite_store *s, struct err *e);
/* sqlite_block.c: write the blocks' part of sorted changes, one a slot. */
int batch_write_blocks(struct sqlite_store *s, const struct batch_change *changes, size_t count,
    struct err *e);
/* Forget everything noted. */
void batch_reset(struct sqlite_batch *b);

#endif

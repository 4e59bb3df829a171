/* sqlite: the embedded driver's own struct, shared by the sqlite_*.c files.
 * Private to the room.
 *
 * Tables: sql/schema.sql, sql/collection.sql. A chunk's rowid is its slot:
 * place id & 1023 of row id >> 10 in {c}_size and {c}_block. Slot 0 is never used.
 * `sizes` is 1,024 uint32 (bytes of content; 0: empty slot, so content is never
 * empty), `codes` 1,024 float32 steps and then 1,024 × vec_code_size(dims) bytes,
 * all little-endian, in the machine's order. A chunk without a vector has step 0. */
#ifndef C1V_STORE_SQLITE_H
#define C1V_STORE_SQLITE_H

#include "base/mem.h"
#include "db/db.h"
#include "store/store_driver.h"

enum {
	SQLITE_APPLICATION = 0x63317653, /* "c1vS" */
	SQLITE_VERSION_SUMS = 2,         /* user_version from which {c}_vector.sum is there */
	SQLITE_VERSION_KNOWN = 2,
	BLOCK_BITS = 10,
	BLOCK_SLOTS = 1 << BLOCK_BITS
};

struct sqlite_batch;  /* sqlite_batch.h: statements and pending changes */
struct sqlite_reader; /* sqlite_search.h: what searching keeps from call to call */

struct sqlite_store {
	struct store base;
	struct db db;
	int exists;               /* the collection does */
	struct collection info;   /* as last read; strings in names */
	int64_t generation;       /* of the state that info shows */
	uint64_t bytes;           /* of all contents */
	struct arena names;
	struct buf vector;        /* of the chunk read last: aligned, unlike SQLite's own */
	struct sqlite_batch *batch;
	struct sqlite_reader *reader; /* NULL at first; freed by sqlite_search_close() */
};

static inline struct sqlite_store *
sqlite_of(struct store *s)
{
	return (struct sqlite_store *)(void *)s;
}

/* --- sqlite.c ----------------------------------------------------------- */

/* Prepare a template in which {c} stands for the collection's name (inside
 * double quotes: "{c}_chunk"), and {sum} for the checksum of the vector v (NULL
 * in a file of format 1). Finalise before the store is closed. */
int sqlite_prepare(struct sqlite_store *s, const char *sql, sqlite3_stmt **out, struct err *e);
/* The same for several statements, run at once. */
int sqlite_exec(struct sqlite_store *s, const char *sql, struct err *e);
/* Read the collection's row again (within the caller's transaction, so that it
 * fits what the caller reads next). 0, also when there is none (s->exists). */
int sqlite_refresh(struct sqlite_store *s, struct err *e);
/* C1V_NO "no collection X in STORE" unless it exists. */
int sqlite_must_exist(struct sqlite_store *s, struct err *e);
/* Another reading connection to the same file, for a thread of its own. */
int sqlite_second(struct sqlite_store *s, struct db *out, struct err *e);

/* --- sqlite_chunk.c ----------------------------------------------------- */

/* What to select for sqlite_chunk(), to be followed by WHERE or ORDER BY:
 * chunk rows are k, their documents d, their vectors v. */
#define SQLITE_CHUNK_COLUMNS                                                   \
	"SELECT k.id, k.key, d.key, k.content, coalesce(k.source, d.source),"  \
	" coalesce(k.metadata, d.metadata), k.place, k.position, d.chunks,"    \
	" k.hash, v.vector, {sum} FROM \"{c}_chunk\" k"                               \
	" JOIN \"{c}_document\" d ON d.id = k.document"                        \
	" LEFT JOIN \"{c}_vector\" v ON v.id = k.id "
/* The row on which st stands; slices are valid until the next step. C1V_DATA
 * when types, the content's hash or the vector's size are wrong: a damaged file
 * is noticed rather than shown. slot may be NULL. */
int sqlite_chunk(struct sqlite_store *s, sqlite3_stmt *st, struct stored_chunk *out,
    int64_t *slot, struct err *e);
/* Is the vector's checksum, as column i has it, right? One that has none (an earlier format) is. */
int sqlite_vector_right(sqlite3_stmt *st, int i, struct slice vector);
/* The hash that {c}_chunk keeps: the first 8 bytes of SHA-256, little-endian. */
int64_t sqlite_hash(struct slice content);

/* --- sqlite_write.c, sqlite_put.c, sqlite_plan.c ------------------------ */

int sqlite_write(struct store *s, const struct document_row *const *rows, size_t count,
    const struct put_options *o, struct put_counts *counts, struct err *e);
/* Begin takes the lock and a transaction, put adds documents to it, commit makes
 * them durable and gives the lock back. C1V_PARTIAL from put: the document was
 * refused, e says why, and the batch is as before; any other failure ends it. */
int sqlite_begin(struct store *s, struct err *e);
int sqlite_put(struct store *s, const struct document_row *d, const struct put_options *o,
    struct put_counts *counts, struct err *e);
int sqlite_commit(struct store *s, struct err *e);
void sqlite_rollback(struct store *s);
void sqlite_batch_free(struct sqlite_store *s);
/* As sqlite_begin, but C1V_NO when there is no such collection. */
int sqlite_begin_existing(struct sqlite_store *s, struct err *e);
/* Note in the manifest how many chunks a document has now. */
int sqlite_count_document(struct sqlite_store *s, int64_t document, size_t chunks, struct err *e);
/* Within a batch: take one chunk out, or a whole document with all its chunks. */
int sqlite_remove_chunk(struct sqlite_store *s, int64_t slot, struct err *e);
int sqlite_remove_document(struct sqlite_store *s, int64_t document, struct err *e);
/* Make the collection's tables; within a write transaction. */
int sqlite_create(struct sqlite_store *s, const struct init_options *o, struct err *e);

/* --- sqlite_admin.c ----------------------------------------------------- */

int sqlite_init(struct store *s, const struct init_options *o, struct err *e);
int sqlite_info(struct store *s, int all, struct buf *json, struct err *e);
int sqlite_export(struct store *s, stored_chunk_fn *fn, void *arg, struct err *e);
int sqlite_get(struct store *s, struct slice id, stored_chunk_fn *fn, void *arg, struct err *e);
int sqlite_drop(struct store *s, struct err *e);
int sqlite_vacuum(struct store *s, uint64_t *before, uint64_t *after, struct err *e);

/* --- sqlite_delete.c ---------------------------------------------------- */

int sqlite_delete(struct store *s, const struct delete_options *o, uint64_t *documents,
    uint64_t *chunks, struct err *e);

/* --- sqlite_verify.c ---------------------------------------------------- */

int sqlite_verify(struct store *s, void (*finding)(void *arg, const char *text), void *arg,
    struct err *e);

/* --- sqlite_search.c, sqlite_keyword.c, sqlite_vector.c ------------------ */

/* A search is one read transaction (db_read_begin) and begins with
 * sqlite_refresh(), so that counts, dims and rows belong together. */
int sqlite_search(struct store *s, const struct search_query *q, struct search_hits *out, struct err *e);
int sqlite_neighbors(struct store *s, struct slice document, int64_t first, int64_t last,
    stored_chunk_fn *fn, void *arg, struct err *e);
/* When the collection has grown or shrunk by half since it was last done, merge its text
 * index into one segment and count the common terms ({c}_term) again, else do nothing. In
 * transactions of its own, at the end of a run that wrote; half a second per 100,000 chunks.
 * It only makes searches faster: an error may be ignored. */
int sqlite_upkeep(struct sqlite_store *s, struct err *e);
/* Free s->reader; called on closing, NULL is fine. */
void sqlite_search_close(struct sqlite_store *s);

#endif

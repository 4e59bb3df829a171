/* store_driver: what a driver of the store room provides. Private to the room.
 *
 * A driver's own struct begins with struct store. The slots' contracts are
 * those of the store_… functions of the same name in store.h, which are thin
 * calls through this table (store.c). All must be set but the last group. */
#ifndef C1V_STORE_DRIVER_H
#define C1V_STORE_DRIVER_H

#include "store/store.h"

struct store_driver {
	const char *scheme; /* "sqlite" */
	/* rest: NULL for the driver's default; of sqlite what stood behind the scheme, of
	 * others the whole URL. The collection's name is valid. On failure *out stays untouched. */
	int (*open)(const struct store_options *o, const char *rest, struct store **out, struct err *e);
	int (*close)(struct store *s, struct err *e);
	int (*collection)(struct store *s, struct collection *out, struct err *e);

	int (*write)(struct store *s, const struct document_row *const *rows, size_t count,
	    const struct put_options *o, struct put_counts *counts, struct err *e);

	int (*init)(struct store *s, const struct init_options *o, struct err *e);
	int (*info)(struct store *s, int all, struct buf *json, struct err *e);
	int (*verify)(struct store *s, void (*finding)(void *arg, const char *text), void *arg, struct err *e);
	int (*export)(struct store *s, stored_chunk_fn *fn, void *arg, struct err *e);
	int (*get)(struct store *s, struct slice id, stored_chunk_fn *fn, void *arg, struct err *e);
	int (*delete)(struct store *s, const struct delete_options *o, uint64_t *documents,
	    uint64_t *chunks, struct err *e);
	int (*drop)(struct store *s, struct err *e);
	int (*vacuum)(struct store *s, uint64_t *before, uint64_t *after, struct err *e);

	int (*search)(struct store *s, const struct search_query *q, struct search_hits *out, struct err *e);
	int (*neighbors)(struct store *s, struct slice document, int64_t first, int64_t last,
	    stored_chunk_fn *fn, void *arg, struct err *e);

	/* NULL: this kind of store has no such thing. */
	int (*migrate)(struct store *s, const struct migrate_options *o, struct err *e);
	int (*migrations)(struct store *s, store_json_fn *fn, void *arg, struct err *e);
	int (*index)(struct store *s, const struct index_options *o, store_json_fn *fn, void *arg, struct err *e);
	int (*slow)(struct store *s, size_t limit, store_json_fn *fn, void *arg, struct err *e);
	int (*recall)(struct store *s, const struct recall_options *o, struct buf *json, struct err *e);
};

/* The base of every driver's struct. */
struct store {
	const struct store_driver *driver;
	char *name;       /* "sqlite:/path", no secret; freed by store_close() */
	char *collection; /* freed by store_close() */
	enum store_mode mode;
	struct log *log;
};

extern const struct store_driver sqlite_driver;

/* May vectors that were made at api_base (SLICE_NONE: nobody says) stand beside those of base? 0, or
 * C1V_DATA. */
int store_check_base(struct slice base, struct slice api_base, struct err *e);

#endif

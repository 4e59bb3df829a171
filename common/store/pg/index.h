/* index: what the vector index is like, and building it. */
#ifndef C1V_STORE_PG_INDEX_H
#define C1V_STORE_PG_INDEX_H

#include "store/pg/plan.h"

struct pg_index {
	const char *name;       /* as in pg_class */
	const char *kind;       /* "hnsw", "ivfflat" */
	const char *definition;
	int valid, cosine;
	int64_t bytes, scans;
	int64_t lists, m, ef_construction; /* 0: not said */
	int64_t age;            /* transactions since it was built */
};

struct pg_index_state {
	struct pg_index *items;
	int count;
	const struct pg_index *used; /* the one that searches use, or NULL */
	double rows;            /* an estimate, exact for a small table */
	double younger;         /* the part of the rows that came after `used` was built, 0 to 1 */
	int64_t fit;            /* lists that fit the rows, or that were asked for */
	int pid;                /* of the backend that builds one now; 0: none */
	const char *phase;      /* of it, as the server calls it, or NULL */
	int64_t done, total;
	struct arena arena;
};

/* Read it: outside or inside a transaction. Free it with pg_index_free(). */
int pg_index_read(struct pg_store *s, struct pg_index_state *out, struct err *e);
/* Only pid, phase, done and total, over the given connection. */
int pg_index_progress(struct pg_store *s, struct pg_link *l, struct pg_index_state *x, struct err *e);
void pg_index_free(struct pg_index_state *x);
/* Lists for so many rows, as pgvector advises: rows / 1000 up to a million, their root above. */
int64_t pg_index_lists(double rows);
/* An IVFFlat index finds rows only near the centres that it was built with. Why it should be
 * rebuilt, as a clause ("most rows came after it was built"), or NULL: it fits. */
const char *pg_index_stale(const struct pg_index_state *x);

/* Take the turn to change the vector index of the collection's table, on `turn`, a second connection: its
 * transaction has an advisory lock, as what builds concurrently can be in no transaction. *mine: 0 when somebody
 * else has it. pg_link_close(turn) gives it back, and so does the end of the process. */
int pg_index_turn(struct pg_store *s, struct pg_link *turn, int *mine, struct err *e);
/* Run one statement that takes long, outside a transaction, showing how far it is. */
int pg_index_run(struct pg_store *s, const char *sql, struct progress *progress, struct err *e);

#endif

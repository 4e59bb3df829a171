/* steps: the migrations as files (share/migrations), and which of them a
 * collection has. */
#ifndef C1V_STORE_PG_STEPS_H
#define C1V_STORE_PG_STEPS_H

#include "base/sha.h"
#include "store/pg/plan.h"

/* The last migration. Number 0 has no version: it is run before the others, each time. */
enum { PG_STEPS = 4 };

const char *pg_step_name(int version); /* "documents" */
const char *pg_step_sql(int version);  /* the file's text, a template */
void pg_step_checksum(int version, char out[2 * SHA_SIZE + 1]);
/* Append the migration, filled, and what notes that it was applied. */
void pg_step_add(const struct pg_plan *p, int version, struct buf *out);

struct pg_applied {
	PGresult *rows;   /* version, name, checksum, applied_at; PQclear() it; NULL: none */
	int count;
};
int pg_applied_read(struct pg_store *s, struct pg_applied *out, struct err *e);
/* The row of a version, -1 when it was not applied. */
int pg_applied_row(const struct pg_applied *a, int version);
/* "applied", "due", "changed", "unknown". */
const char *pg_applied_state(const struct pg_applied *a, int version);
/* C1V_CONFIG when one was changed or is not known. */
int pg_applied_check(struct pg_store *s, const struct pg_applied *a, struct err *e);

/* --- settle.c ---------------------------------------------------------------------- */

/* Write down what was said again later, as of which model the vectors are. */
int pg_collection_update(struct pg_store *s, const struct pg_plan *p, struct err *e);
/* The dimension has become known: of the column's type, when that is ours and empty; in others the
 * index is on a cast. Then what could not be made without: the index, and functions that use it. */
int pg_dims_settle(struct pg_store *s, struct pg_plan *p, struct err *e);

#endif

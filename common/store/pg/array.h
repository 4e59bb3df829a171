/* array: arrays as parameters of a statement, in binary form, and numbers of binary results. */
#ifndef C1V_STORE_PG_ARRAY_H
#define C1V_STORE_PG_ARRAY_H

#include "store/pg/pg.h"

struct pg_array {
	struct buf b;
	uint32_t type; /* of an item: enum pg_item */
	uint32_t count;
	int nulls;
};
enum pg_item { PG_BOOL = 16, PG_BYTEA = 17, PG_INT8 = 20, PG_INT4 = 23, PG_TEXT = 25 }; /* pg_type.oid */
void pg_array_start(struct pg_array *a, enum pg_item type);
void pg_array_bytes(struct pg_array *a, struct slice s); /* text, bytea; p NULL: null */
void pg_array_text(struct pg_array *a, const char *s);
void pg_array_int(struct pg_array *a, int64_t n);        /* bool, int4, int8 */
/* The next parameter; a is borrowed until the statement has run. */
void pg_array_param(struct pg_array *a, struct pg_params *p);
void pg_array_free(struct pg_array *a);
void pg_add_number(struct buf *b, uint64_t n, int bytes); /* big-endian */
uint32_t pg_number(const PGresult *r, int row, int column); /* a binary int4 */

#endif

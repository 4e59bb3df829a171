/* find: rows by the ids that readers know. */
#ifndef C1V_STORE_PG_FIND_H
#define C1V_STORE_PG_FIND_H

#include "store/pg/pg.h"

/* Could a row that has no id of ours have this one as its own? (If so it is valid as the text of one.) */
int pg_could_be_row(const struct pg_table *t, struct slice id);

/* Ids as parameters of a statement: which numbers they have. */
struct pg_ids {
	int texts;  /* the ids */
	int rows;   /* ids of rows that follow from them, for foreign tables */
	int own;    /* those of them that could be ids of rows */
};
struct pg_ids pg_ids_add(struct pg_store *s, struct pg_params *p, const struct slice *ids, size_t count);
/* Append a condition over alias k, served by the indexes that there are: it is the chunk with one of
 * these ids; it is of a document with one of them. */
void pg_find_chunks(struct pg_store *s, struct buf *sql, const struct pg_ids *ids);
void pg_find_documents(struct pg_store *s, struct buf *sql, const struct pg_ids *ids);
/* Append a template with its names filled in. */
void pg_sql_add(struct pg_store *s, struct buf *sql, const char *template);

#endif

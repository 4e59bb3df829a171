/* search_sql: the one statement that a search is.
 *
 * search.c       a search as a whole: legs, fusion, hits
 * search_sql.c   its statement, put together of sql/search_*.sql
 * search_rows.c  its rows
 * search_once.c  settings and a statement in one round trip */
#ifndef C1V_STORE_PG_SEARCH_SQL_H
#define C1V_STORE_PG_SEARCH_SQL_H

#include "store/pg/pg.h"

struct pg_ask {
	const struct search_query *q;
	int near, words;     /* legs that take part */
	size_t candidates;   /* of each */
	const float *unit;   /* the query's vector, of length 1 */
};

/* Columns of the result, which is binary; from ROW on those of pg_row_columns. */
enum { HIT_NEAR, HIT_WORD, HIT_COSINE, HIT_SCORE, HIT_HASH, HIT_ALSO, HIT_ROW, HIT_SHOWN = HIT_ROW + PG_ROW_COLUMNS };
enum { ALSO_MAX = 100, TEXT_MAX = 200000 /* bytes of a query that are looked for as words */ };

/* Append the statement; its values become parameters. */
int pg_search_sql(struct pg_store *s, const struct pg_ask *a, struct buf *sql, struct pg_params *p, struct err *e);
/* The statement that reads rows which the first one did not show in full; $1 are their ids. */
int pg_search_fetch_sql(struct pg_store *s, const struct pg_ask *a, struct buf *sql, struct pg_params *p, struct err *e);
/* How many rows pass the filter, and whether one does not. */
int pg_search_count_sql(struct pg_store *s, const struct search_query *q, struct buf *sql, struct pg_params *p,
    struct err *e);
/* Of each leg, where a query does not say how many: 10 a result, at least 100. */
size_t pg_search_candidates(size_t limit);
/* Append ", set_config(…)" for what the vector index needs to give so many rows. */
void pg_search_index_settings(const struct pg_table *t, size_t candidates, int64_t ef_search, int64_t probes,
    struct buf *sql);

/* A vector in binary form, as the type `vector`. */
void pg_param_floats(struct pg_params *p, const float *v, size_t dims);

/* --- search_rows.c ---------------------------------------------------------- */

/* A row that was found by a leg or two. */
struct pg_found {
	int row;             /* in the result */
	int near, word;      /* the leg listed it */
	double cosine, score; /* NAN: not scored */
	int64_t hash;        /* of its content */
	struct slice id, document;
	int shown;           /* the result has all of it */
};
/* All rows, by the bytes of id; freed by the caller. */
struct pg_found *pg_found_read(const PGresult *r, size_t *count);
/* The text array in a field, as slices of the result: how many were read. */
size_t pg_found_also(const PGresult *r, int row, struct slice *out, size_t room);

#endif

#include "store/pg/pg.h"

#include <stdlib.h>

/* --- drop ---------------------------------------------------------------------------- */

/* A table that somebody else made keeps its rows, whatever c1v has added to it. */
static int
check_own(struct pg_store *s, struct err *e)
{
	PGresult *r = NULL;
	int rc, foreign;

	if (s->table.kind != PG_OURS) {
		err_set(e, C1V_USAGE, "drop: %s is not a table of c1v's own", s->table.table);
		return err_hint(e, "DROP TABLE in psql drops it");
	}
	rc = pg_link_query(&s->link, pg_sql(s, "SELECT columns FROM {schema}.c1v_collection WHERE name = {collection}"),
	    NULL, 0, &r, e);
	if (rc != 0)
		return rc;
	foreign = PQntuples(r) == 1 && !PQgetisnull(r, 0, 0);
	PQclear(r);
	if (!foreign)
		return 0;
	err_set(e, C1V_USAGE, "drop: %s was there before c1v adopted it", s->table.table);
	return err_hint(e, "c1v-store delete takes rows out of it; DROP TABLE in psql drops it");
}

static int
drop(void *arg, struct err *e)
{
	struct pg_store *s = arg;
	int rc = pg_link_begin(&s->link, PG_WRITE, NULL, e);

	if (rc == 0)
		rc = check_own(s, e);
	if (rc == 0)
		rc = pg_forget(s, e);
	if (rc == 0)
		rc = pg_link_exec(&s->link, pg_sql(s, "DROP TABLE {table}"), e);
	if (rc == 0)
		return pg_link_commit(&s->link, e);
	pg_link_rollback(&s->link);
	return rc;
}

int
pg_drop(struct store *base, struct err *e)
{
	struct pg_store *s = pg_of(base);
	struct err ignored;
	int rc = pg_must_exist(s, e);

	if (rc == 0)
		rc = pg_link_retry(&s->link, drop, s, e);
	if (rc == 0)
		pg_table_read(s, &ignored);
	return rc;
}

/* --- vacuum --------------------------------------------------------------------------- */

static int
read_size(struct pg_store *s, uint64_t *size, struct err *e)
{
	struct pg_params p = {0};
	PGresult *r = NULL;
	int rc;

	pg_param_text(&p, slice_of(s->table.table));
	rc = pg_link_query(&s->link, "SELECT pg_total_relation_size($1::text::regclass)", &p, 0, &r, e);
	if (rc == 0)
		*size = strtoull(PQgetvalue(r, 0, 0), NULL, 10);
	PQclear(r);
	pg_params_free(&p);
	return rc;
}

/* None of this can run in a transaction. An HNSW index is rebuilt first: vacuuming one that has
 * many dead rows takes much longer than building it anew. */
int
pg_vacuum(struct store *base, uint64_t *before, uint64_t *after, struct err *e)
{
	struct pg_store *s = pg_of(base);
	struct buf sql = {0};
	int rc = pg_must_exist(s, e);

	if (rc == 0)
		rc = read_size(s, before, e);
	if (rc == 0 && s->table.index_name != NULL) {
		buf_format(&sql, "REINDEX INDEX CONCURRENTLY %s.", s->table.schema);
		pg_quote_name(&sql, s->table.index_name);
		rc = pg_link_exec(&s->link, buf_cstr(&sql), e);
	}
	if (rc == 0)
		rc = pg_link_exec(&s->link, pg_sql(s, "VACUUM (ANALYZE) {table}"), e);
	if (rc == 0 && s->table.kind == PG_OURS)
		rc = pg_link_exec(&s->link, pg_sql(s, "VACUUM (ANALYZE) {schema}.c1v_document"), e);
	if (rc == 0)
		rc = read_size(s, after, e);
	buf_free(&sql);
	return rc;
}

/* The statements that the server remembers as slow. */
#include "store/pg/pg.h"

#include <string.h>

#include "gen/pg_sql.h"

static int
not_there(struct err *e)
{
	err_set(e, C1V_CONFIG, "slow: this database has no pg_stat_statements");
	return err_hint(e, "shared_preload_libraries = 'pg_stat_statements' in postgresql.conf, a restart, and"
	    " CREATE EXTENSION pg_stat_statements");
}

/* Append the statement, over the extension's view wherever it is. */
static int
add_statement(struct pg_store *s, struct buf *sql, struct err *e)
{
	const char *mark = strstr(sql_slow, "{s_view}");
	PGresult *r = NULL;
	int rc = pg_link_query(&s->link, sql_slow_where, NULL, 0, &r, e);

	if (rc != 0)
		return rc;
	if (PQntuples(r) == 0) {
		rc = not_there(e);
	} else {
		buf_add(sql, sql_slow, (size_t)(mark - sql_slow));
		buf_format(sql, "%s.pg_stat_statements", PQgetvalue(r, 0, 0));
		buf_string(sql, mark + strlen("{s_view}"));
	}
	PQclear(r);
	return rc;
}

static int
run(struct pg_store *s, size_t limit, store_json_fn *fn, void *arg, struct err *e)
{
	struct buf sql = {0};
	struct pg_params p = {0};
	PGresult *r = NULL;
	int rc = add_statement(s, &sql, e);

	pg_param_text(&p, slice_of(s->table.name));
	pg_param_int(&p, (int64_t)limit);
	if (rc == 0)
		rc = pg_link_query(&s->link, buf_cstr(&sql), &p, 0, &r, e);
	/* The extension is there, but not its library. */
	if (rc != 0 && strcmp(pg_link_sqlstate(&s->link), "55000") == 0)
		rc = not_there(e);
	for (int i = 0; rc == 0 && i < PQntuples(r); i++)
		rc = fn(arg, (struct slice){PQgetvalue(r, i, 0), (size_t)PQgetlength(r, i, 0)}, e);
	PQclear(r);
	pg_params_free(&p);
	buf_free(&sql);
	return rc;
}

int
pg_slow(struct store *base, size_t limit, store_json_fn *fn, void *arg, struct err *e)
{
	struct pg_store *s = pg_of(base);
	int rc = pg_must_exist(s, e);

	if (rc == 0)
		rc = pg_link_begin(&s->link, PG_READ, NULL, e);
	if (rc != 0)
		return rc;
	rc = run(s, limit, fn, arg, e);
	if (rc == 0)
		return pg_link_commit(&s->link, e);
	pg_link_rollback(&s->link);
	return rc;
}

#include "store/pg/index.h"

#include "gen/pg_sql.h"

struct check {
	struct pg_store *s;
	void (*finding)(void *arg, const char *text);
	void *arg;
	uint64_t findings;
};

static void
found(struct check *c, const char *text)
{
	struct buf b = {0};

	buf_format(&b, "%s: %s", c->s->base.collection, text);
	c->findings++;
	c->finding(c->arg, buf_cstr(&b));
	buf_free(&b);
}

/* One statement, which gives a sentence for each thing that is wrong. */
static int
check_one(struct check *c, const char *sql, struct err *e)
{
	struct pg_store *s = c->s;
	struct pg_params p = {0};
	PGresult *r = NULL;
	int rc;

	pg_param_int(&p, (int64_t)s->info.dims);
	pg_param_text(&p, slice_of(s->table.table));
	p.types[1] = 25; /* text, also where it is not used */
	rc = pg_link_query(&s->link, sql, &p, 0, &r, e);
	pg_params_free(&p);
	for (int i = 0; rc == 0 && i < PQntuples(r); i++)
		found(c, PQgetvalue(r, i, 0));
	PQclear(r);
	return rc;
}

/* Statements are separated by a semicolon at the end of a line. */
static int
check_all(struct check *c, const char *statements, struct err *e)
{
	struct buf all = {0};
	const char *end;
	char *sql;
	int rc = 0;

	buf_string(&all, pg_sql(c->s, statements));
	for (sql = buf_cstr(&all); rc == 0 && (end = strstr(sql, ";\n")) != NULL; sql += end - sql + 2) {
		all.data[end - all.data] = '\0';
		rc = check_one(c, sql, e);
	}
	buf_free(&all);
	return rc;
}

/* Of both kinds of tables. */
static int
check_vectors(struct check *c, struct err *e)
{
	const char *norm = c->s->table.half ? "{ext}.l2_norm" : "{ext}.vector_norm", *rest = sql_verify_any, *mark;
	struct buf b = {0};
	int rc;

	for (; (mark = strstr(rest, "{norm}")) != NULL; rest = mark + strlen("{norm}")) {
		buf_add(&b, rest, (size_t)(mark - rest));
		buf_string(&b, norm);
	}
	buf_string(&b, rest);
	rc = check_all(c, buf_cstr(&b), e);
	buf_free(&b);
	return rc;
}

static int
check_index(struct check *c, struct err *e)
{
	struct pg_index_state x = {0};
	const char *why;
	int rc = pg_index_read(c->s, &x, e);

	if (rc == 0 && (why = pg_index_stale(&x)) != NULL) {
		struct buf b = {0};
		buf_format(&b, "the vector index %s misses rows: %s (c1v-store index rebuild mends it)",
		    x.used ? x.used->name : "", why);
		found(c, buf_cstr(&b));
		buf_free(&b);
	}
	pg_index_free(&x);
	return rc;
}

int
pg_verify(struct store *base, void (*finding)(void *arg, const char *text), void *arg, struct err *e)
{
	struct check c = {.s = pg_of(base), .finding = finding, .arg = arg};
	int rc = pg_must_exist(c.s, e);

	if (rc == 0)
		rc = pg_link_begin(&c.s->link, PG_READ | PG_LONG, NULL, e);
	if (rc != 0)
		return rc;
	if (c.s->table.kind == PG_OURS)
		rc = check_all(&c, sql_verify, e);
	if (rc == 0)
		rc = check_vectors(&c, e);
	if (rc == 0)
		rc = check_index(&c, e);
	pg_link_rollback(&c.s->link);
	return rc == 0 && c.findings > 0 ? C1V_NO : rc;
}

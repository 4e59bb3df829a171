#include "store/pg/steps.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/num.h"

/* Migrations may take as long as they need, one at a time in the whole database. */
static const char alone[] =
    "SELECT pg_advisory_xact_lock(hashtextextended('c1v', 0))";

int
pg_migrations_done(struct pg_store *s, struct err *e)
{
	const struct pg_table *t = &s->table;

	if (!t->adopted || t->version == PG_STEPS)
		return 0;
	if (t->version > PG_STEPS) {
		err_set(e, C1V_CONFIG, "collection %s: is of version %d, this c1v knows %d", s->base.collection,
		    t->version, (int)PG_STEPS);
		return err_hint(e, "a newer c1v made it: use that one");
	}
	err_set(e, C1V_CONFIG, "collection %s: %d migrations are due", s->base.collection, PG_STEPS - t->version);
	return err_hint(e, "c1v-store migrate applies them");
}

static void
add_print(const struct pg_plan *p, int to, struct buf *out)
{
	buf_format(out, "-- The collection %s, as c1v-store migrate makes it.\n\nBEGIN;\n%s;\n", p->collection, alone);
	for (int v = 0; v <= to; v++) {
		buf_format(out, "\n-- %03d_%s\n\n", v, pg_step_name(v));
		pg_step_add(p, v, out);
	}
	buf_string(out, "\nCOMMIT;\n");
}

/* --- running ---------------------------------------------------------------------- */

/* pgvector must be installed on the server's machine. */
static int
check_extension(struct pg_store *s, struct err *e)
{
	PGresult *r = NULL;
	int rc, there;

	if (s->table.vector_version != 0)
		return 0;
	rc = pg_link_query(&s->link, "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'", NULL, 0, &r, e);
	if (rc != 0)
		return rc;
	there = *PQgetvalue(r, 0, 0) != '0';
	PQclear(r);
	if (there)
		return 0;
	err_set(e, C1V_CONFIG, "%s: the server has no pgvector", s->link.name);
	return err_hint(e, "on Debian it is the package postgresql-%d-pgvector",
	    PQserverVersion(s->link.conn) / 10000);
}

/* The schema, when there is none; the dimensions of vectors in a column without. */
static int
look_around(struct pg_store *s, struct pg_plan *p, struct err *e)
{
	PGresult *r = NULL;
	struct pg_params params = {0};
	int rc;

	pg_param_text(&params, slice_of(p->schema));
	rc = pg_link_query(&s->link, "SELECT count(*) FROM pg_namespace WHERE nspname = $1", &params, 0, &r, e);
	pg_params_free(&params);
	if (rc != 0)
		return rc;
	p->make_schema = *PQgetvalue(r, 0, 0) == '0';
	PQclear(r);
	if (!s->table.described || p->dims != 0)
		return 0;
	rc = pg_vector_dims(s, &p->dims, e);
	p->cast = p->dims != 0;
	return rc;
}

/* One run of pg_migrate(), tried again when the connection is lost. */
struct run {
	struct pg_store *s;
	const struct init_options *init;
	int to;
	int adopting;     /* it has become c1v's own now */
	int64_t started;
};

static int
apply(struct run *x, const struct pg_plan *p, const struct pg_applied *done, struct err *e)
{
	struct buf sql = {0};
	int rc;

	pg_step_add(p, 0, &sql);
	rc = pg_link_exec(&x->s->link, buf_cstr(&sql), e);
	for (int v = 1; v <= x->to && rc == 0; v++) {
		if (pg_applied_row(done, v) >= 0)
			continue;
		sql.len = 0;
		pg_step_add(p, v, &sql);
		rc = pg_link_exec(&x->s->link, buf_cstr(&sql), e);
		if (rc != 0)
			err_prefix(e, "migration %03d_%s", v, pg_step_name(v));
	}
	buf_free(&sql);
	return rc;
}

static int
migrate_within(struct run *x, struct err *e)
{
	struct pg_store *s = x->s;
	struct pg_applied done = {0};
	struct pg_plan p;
	int rc = pg_table_read(s, e);

	if (rc == 0)
		rc = pg_applied_read(s, &done, e);
	if (rc == 0)
		rc = pg_applied_check(s, &done, e);
	if (rc == 0)
		rc = pg_plan(s, x->init, &p, e);
	if (rc == 0)
		rc = look_around(s, &p, e);
	x->adopting = s->table.kind != PG_ABSENT && !s->table.adopted;
	if (rc == 0)
		rc = apply(x, &p, &done, e);
	/* Said only now, of a collection that was made without. */
	if (rc == 0 && s->table.adopted && s->info.dims == 0)
		rc = pg_dims_settle(s, &p, e);
	if (rc == 0)
		rc = pg_collection_update(s, &p, e);
	PQclear(done.rows);
	return rc;
}

static int
migrate_once(void *arg, struct err *e)
{
	struct run *x = arg;
	int rc = pg_link_begin(&x->s->link, PG_WRITE | PG_LONG, alone, e);

	if (rc == 0)
		rc = migrate_within(x, e);
	if (rc == 0)
		return pg_link_commit(&x->s->link, e);
	pg_link_rollback(&x->s->link);
	return rc;
}

/* Rows that were there may want two things that nobody can know or should wait for. */
static void
advise(struct pg_store *s, const struct run *x)
{
	const struct pg_table *t = &s->table;

	if (!x->adopting || t->rows <= 0)
		return;
	if (s->info.model == NULL)
		log_say(s->base.log, LOG_WARN, "%s: its vectors are of an unknown model; init --model NAME says which",
		    s->base.collection);
	if (t->index == 0 && strcmp(t->index_kind, "none") != 0)
		log_say(s->base.log, LOG_WARN, "%s: has no vector index; c1v-store index build makes one",
		    s->base.collection);
}

static int
run_migrations(struct pg_store *s, const struct init_options *init, int to, struct err *e)
{
	struct run x = {.s = s, .init = init, .to = to};
	int rc = check_extension(s, e);

	if (rc == 0)
		rc = pg_link_retry(&s->link, migrate_once, &x, e);
	if (rc == 0)
		rc = pg_table_read(s, e);
	if (rc == 0)
		advise(s, &x);
	return rc;
}

int
pg_init(struct store *base, const struct init_options *o, struct err *e)
{
	return run_migrations(pg_of(base), o, PG_STEPS, e);
}

/* --- migrate, migrations ------------------------------------------------------------ */

static void
add_state(struct buf *b, const struct pg_applied *a, int version)
{
	int row = pg_applied_row(a, version);
	const char *name = row >= 0 ? PQgetvalue(a->rows, row, 1) : pg_step_name(version);
	char sum[2 * SHA_SIZE + 1] = "";

	if (version <= PG_STEPS)
		pg_step_checksum(version, sum);
	buf_byte(b, '{');
	json_add_key(b, "version");
	num_add_int(b, version);
	json_add_key(b, "name");
	json_add_string(b, slice_of(name));
	json_add_key(b, "state");
	json_add_string(b, slice_of(pg_applied_state(a, version)));
	json_add_key(b, "checksum");
	json_add_string(b, slice_of(row >= 0 ? PQgetvalue(a->rows, row, 2) : sum));
	if (row >= 0 && strcmp(pg_applied_state(a, version), "changed") == 0) {
		json_add_key(b, "file_checksum");
		json_add_string(b, slice_of(sum));
	}
	json_add_key(b, "applied_at");
	if (row >= 0)
		json_add_string(b, slice_of(PQgetvalue(a->rows, row, 3)));
	else
		buf_string(b, "null");
	buf_byte(b, '}');
}

/* All that would be checked and nothing that would be changed. */
static int
dry_run(struct pg_store *s, const struct migrate_options *o, int to, struct err *e)
{
	struct pg_applied done;
	struct pg_plan p;
	int rc = check_extension(s, e);

	if (rc != 0)
		return rc;
	rc = pg_applied_read(s, &done, e);
	if (rc == 0)
		rc = pg_applied_check(s, &done, e);
	if (rc == 0)
		rc = pg_plan(s, o->init, &p, e);
	for (int v = 1; v <= to && rc == 0; v++) {
		if (pg_applied_row(&done, v) >= 0)
			continue;
		add_state(o->out, &done, v);
		buf_byte(o->out, '\n');
	}
	PQclear(done.rows);
	return rc;
}

int
pg_migrate(struct store *base, const struct migrate_options *o, struct err *e)
{
	struct pg_store *s = pg_of(base);
	int to = o->to < 0 ? PG_STEPS : (int)o->to;
	struct pg_plan p;
	int rc;

	if (to > PG_STEPS)
		return err_set(e, C1V_USAGE, "--to %d: the last migration is %d", to, (int)PG_STEPS);
	if (!o->print && !o->dry_run && s->table.kind != PG_ABSENT && !s->table.adopted) {
		err_set(e, C1V_CONFIG, "table %s: is not c1v's", s->base.collection);
		return err_hint(e, "c1v-store init adopts it");
	}
	if (!o->print)
		return o->dry_run ? dry_run(s, o, to, e) : run_migrations(s, o->init, to, e);
	rc = pg_plan(s, o->init, &p, e);
	if (rc == 0)
		add_print(&p, to, o->out);
	return rc;
}

int
pg_migrations(struct store *base, store_json_fn *fn, void *arg, struct err *e)
{
	struct pg_store *s = pg_of(base);
	struct buf line = {0};
	struct pg_applied done = {0};
	int last = PG_STEPS, rc = s->table.kind == PG_ABSENT ? pg_must_exist(s, e) : pg_applied_read(s, &done, e);

	if (rc == 0 && done.count > 0 && atoi(PQgetvalue(done.rows, done.count - 1, 0)) > last)
		last = atoi(PQgetvalue(done.rows, done.count - 1, 0));
	for (int v = 1; v <= last && rc == 0; v++) {
		if (v > PG_STEPS && pg_applied_row(&done, v) < 0)
			continue;
		line.len = 0;
		add_state(&line, &done, v);
		rc = fn(arg, buf_as_slice(&line), e);
	}
	PQclear(done.rows);
	buf_free(&line);
	return rc;
}

#include "store/pg/pg.h"

#include <stdlib.h>

#include "base/module.h"

enum { COUNT_BELOW = 2000 };

static int
pg_close(struct store *base, struct err *e)
{
	struct pg_store *s = pg_of(base);
	int rc = s->wrote ? pg_index_after_load(s, e) : 0;

	pg_link_close(&s->link);
	arena_free(&s->names);
	arena_free(&s->scratch);
	buf_free(&s->sql);
	free(s->base.name);
	free(s->base.collection);
	free(s);
	return rc;
}

static int
look(void *arg, struct err *e)
{
	struct pg_store *s = arg;
	int rc = s->link.conn == NULL ? pg_link_again(&s->link, e) : 0;

	return rc ? rc : pg_table_read(s, e);
}

/* A server that is full is waited for, and one that is just starting or shutting down for as long as
 * connecting may take; one that is not there is not. */
static int
first_look(struct pg_store *s, const char *url, struct err *e)
{
	int rc = pg_link_open(&s->link, &s->options, url, e);
	const char *state = pg_link_sqlstate(&s->link);
	double wait = s->options.wait;

	if (rc != 0 && (rc != C1V_AGAIN || *state == '\0'))
		return rc;
	if (rc != 0 && strncmp(state, "57P", 3) == 0 && s->link.patience < wait)
		wait = s->link.patience;
	return pg_link_retry_for(&s->link, wait, look, s, e);
}

static int
pg_open(const struct store_options *o, const char *url, struct store **out, struct err *e)
{
	struct pg_store *s = mem_zero(1, sizeof(*s));
	int rc = 0;

	s->options = *o;
	s->base.driver = &c1v_module_store_postgres;
	s->base.collection = mem_string(o->collection);
	s->base.mode = o->mode;
	s->base.log = o->log;
	if (!o->offline)
		rc = first_look(s, url, e);
	s->base.name = mem_string(s->link.name ? s->link.name : "postgres:");
	if (rc != 0)
		pg_close(&s->base, NULL);
	else
		*out = &s->base;
	return rc;
}

int
pg_must_exist(struct pg_store *s, struct err *e)
{
	if (s->table.kind == PG_OURS || s->table.kind == PG_FOREIGN)
		return 0;
	err_set(e, C1V_NO, "no collection %s in %s", s->base.collection, s->base.name);
	return err_hint(e, s->table.kind == PG_BARE
	    ? "there is a table of that name: c1v-store init adopts it, --columns describes it"
	    : "c1v-store init makes it");
}

int
pg_must_write(struct pg_store *s, struct err *e)
{
	if (pg_must_exist(s, e) == 0)
		return pg_migrations_done(s, e);
	e->code = C1V_CONFIG;
	return e->code;
}

/* The planner's estimate is nothing for a table that was never analyzed, and little for a
 * small one; there the rows are counted, up to where an estimate will do. A column that holds
 * vectors of any dimensions does not say how many there are: the vectors do. */
static int
look_at_rows(void *arg, struct err *e)
{
	struct pg_store *s = arg;
	PGresult *r = NULL;
	struct pg_params none = {0};
	int rc = pg_link_once(&s->link, "",
	    pg_sql(s, "SELECT count(*), count(x.vector), count(DISTINCT x.document), max({ext}.vector_dims(x.vector)) FROM"
	    " (SELECT k.{embedding} AS vector, {k_document} AS document FROM {table} k WHERE true {where}"
	    " LIMIT 2000) x"), &none, 0, &r, e);

	if (rc != 0)
		return rc;
	if (s->table.rows < COUNT_BELOW) {
		s->info.chunks = strtoull(PQgetvalue(r, 0, 0), NULL, 10);
		s->info.vectors = strtoull(PQgetvalue(r, 0, 1), NULL, 10);
		s->info.documents = strtoull(PQgetvalue(r, 0, 2), NULL, 10);
	}
	if (s->info.dims == 0)
		s->info.dims = strtoull(PQgetvalue(r, 0, 3), NULL, 10);
	PQclear(r);
	return 0;
}

static int
pg_collection(struct store *base, struct collection *out, struct err *e)
{
	struct pg_store *s = pg_of(base);
	int rc = pg_must_exist(s, e);

	if (rc == 0 && (s->table.rows < COUNT_BELOW || s->info.dims == 0))
		rc = pg_link_retry(&s->link, look_at_rows, s, e);
	if (rc == 0)
		*out = s->info;
	return rc;
}

/* Remember that rows came, for the index. */
static int
pg_write_and_note(struct store *base, const struct document_row *const *rows, size_t count,
    const struct put_options *o, struct put_counts *counts, struct err *e)
{
	uint64_t before = counts->added + counts->updated;
	int rc = pg_write(base, rows, count, o, counts, e);

	if (rc == 0 && !o->dry_run)
		pg_of(base)->wrote |= counts->added + counts->updated > before;
	return rc;
}

C1V_MODULE(struct store_driver, store_postgres) = {
	.scheme = "postgres",
	.open = pg_open,
	.close = pg_close,
	.collection = pg_collection,
	.write = pg_write_and_note,
	.init = pg_init,
	.info = pg_info,
	.verify = pg_verify,
	.export = pg_export,
	.get = pg_get,
	.delete = pg_delete,
	.drop = pg_drop,
	.vacuum = pg_vacuum,
	.search = pg_search,
	.neighbors = pg_neighbors,
	.migrate = pg_migrate,
	.migrations = pg_migrations,
	.index = pg_index,
	.slow = pg_slow,
	.recall = pg_recall,
};

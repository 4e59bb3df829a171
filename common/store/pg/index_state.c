#include "store/pg/index.h"

#include <math.h>
#include <stdlib.h>

#include "gen/pg_sql.h"

/* Pages that are sampled for the age of rows: enough for a share, soon read. */
enum { SAMPLE_PAGES = 300 };

int64_t
pg_index_lists(double rows)
{
	double lists = rows <= 1e6 ? rows / 1000 : sqrt(rows);

	return lists < 1 ? 1 : lists > 32768 ? 32768 : (int64_t)lists;
}

static int64_t
whole(const PGresult *r, int row, int column)
{
	return PQgetisnull(r, row, column) ? 0 : atoll(PQgetvalue(r, row, column));
}

static const char *
kept(struct pg_index_state *x, const PGresult *r, int row, int column)
{
	const char *p = PQgetvalue(r, row, column);

	return arena_bytes(&x->arena, p, strlen(p));
}

static int
read_indexes(struct pg_store *s, struct pg_index_state *x, struct err *e)
{
	struct pg_params p = {0};
	PGresult *r = NULL;
	int rc;

	pg_param_text(&p, slice_of(s->table.table));
	rc = pg_link_query(&s->link, sql_index, &p, 0, &r, e);
	pg_params_free(&p);
	if (rc != 0)
		return rc;
	x->count = PQntuples(r);
	x->items = arena_alloc(&x->arena, (size_t)x->count * sizeof(*x->items));
	for (int i = 0; i < x->count; i++) {
		x->items[i] = (struct pg_index){
			.name = kept(x, r, i, 0),
			.kind = kept(x, r, i, 1),
			.valid = *PQgetvalue(r, i, 2) == 't',
			.cosine = *PQgetvalue(r, i, 3) == 't',
			.bytes = whole(r, i, 4),
			.definition = kept(x, r, i, 5),
			.lists = whole(r, i, 6),
			.m = whole(r, i, 7),
			.ef_construction = whole(r, i, 8),
			.scans = whole(r, i, 9),
			.age = whole(r, i, 10),
		};
		if (strcmp(x->items[i].kind, "ivfflat") == 0 && x->items[i].lists == 0)
			x->items[i].lists = 100;
		if (s->table.index_name != NULL && strcmp(x->items[i].name, s->table.index_name) == 0)
			x->used = &x->items[i];
	}
	PQclear(r);
	return 0;
}

/* How many rows there are, and which part of them is younger than the index: a row keeps the
 * number of the transaction that wrote it. */
static int
read_rows(struct pg_store *s, struct pg_index_state *x, struct err *e)
{
	struct pg_params p = {0};
	PGresult *r = NULL;
	double percent;
	int rc;

	pg_param_text(&p, slice_of(s->table.table));
	rc = pg_link_query(&s->link,
	    "SELECT pg_relation_size($1::text::regclass) / current_setting('block_size')::bigint", &p, 0, &r, e);
	pg_params_free(&p);
	p = (struct pg_params){0};
	if (rc != 0)
		return rc;
	percent = 100.0 * SAMPLE_PAGES / (double)(whole(r, 0, 0) + 1);
	percent = percent > 100 ? 100 : percent;
	PQclear(r);
	pg_param_real(&p, percent);
	pg_param_int(&p, x->used ? x->used->age : 0);
	rc = pg_link_query(&s->link, pg_sql(s, "SELECT count(*), count(*) FILTER (WHERE age(k.xmin) < $2)"
	    " FROM {table} k TABLESAMPLE SYSTEM ($1::real) WHERE k.{embedding} IS NOT NULL"), &p, 0, &r, e);
	pg_params_free(&p);
	if (rc != 0)
		return rc;
	x->rows = (double)whole(r, 0, 0) * 100 / percent;
	if (whole(r, 0, 0) > 0 && x->used != NULL)
		x->younger = (double)whole(r, 0, 1) / (double)whole(r, 0, 0);
	x->fit = s->table.index_lists ? s->table.index_lists : pg_index_lists(x->rows);
	PQclear(r);
	return 0;
}

int
pg_index_progress(struct pg_store *s, struct pg_link *l, struct pg_index_state *x, struct err *e)
{
	struct pg_params p = {0};
	PGresult *r = NULL;
	int rc;

	pg_param_text(&p, slice_of(s->table.table));
	rc = pg_link_query(l, sql_index_progress, &p, 0, &r, e);
	pg_params_free(&p);
	if (rc == 0 && PQntuples(r) > 0) {
		int tuples = whole(r, 0, 5) > 0;
		x->pid = (int)whole(r, 0, 0);
		x->phase = kept(x, r, 0, 1);
		x->done = whole(r, 0, tuples ? 4 : 2);
		x->total = whole(r, 0, tuples ? 5 : 3);
	}
	PQclear(r);
	return rc;
}

int
pg_index_read(struct pg_store *s, struct pg_index_state *out, struct err *e)
{
	int rc;

	*out = (struct pg_index_state){0};
	rc = read_indexes(s, out, e);
	/* A view or a foreign table has neither pages nor an index. */
	if (rc == 0 && (s->table.relkind == 'r' || s->table.relkind == 'm'))
		rc = read_rows(s, out, e);
	if (rc == 0)
		rc = pg_index_progress(s, &s->link, out, e);
	if (rc != 0)
		pg_index_free(out);
	return rc;
}

void
pg_index_free(struct pg_index_state *x)
{
	arena_free(&x->arena);
	x->items = NULL;
	x->used = NULL;
	x->count = 0;
}

const char *
pg_index_stale(const struct pg_index_state *x)
{
	if (x->used == NULL || strcmp(x->used->kind, "ivfflat") != 0 || x->rows < 1)
		return NULL;
	if (x->younger > 0.5)
		return "most rows came after it was built";
	if (x->used->lists > 10 * x->fit)
		return "it has too many lists for the rows";
	if (x->used->lists * 4 < x->fit)
		return "it has too few lists for the rows";
	return NULL;
}

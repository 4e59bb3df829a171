/* How much of what an exact scan finds the index finds, and how fast each is. */
#include "store/search.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/num.h"
#include "gen/pg_sql.h"
#include "store/pg/search_sql.h"

struct work {
	struct pg_store *s;
	const struct recall_options *o;
	PGresult *sample;
	size_t count;         /* vectors in it */
	double *fast, *exact; /* milliseconds of each */
	uint64_t found, wanted;
	struct buf fast_sql, exact_sql;
};

/* The vectors go back as they came, in binary form. */
static int
read_sample(struct work *w, struct err *e)
{
	struct pg_params p = {0};
	int rc;

	pg_param_int(&p, (int64_t)w->o->sample);
	rc = pg_link_query(&w->s->link, pg_sql(w->s, sql_recall_sample), &p, 1, &w->sample, e);
	pg_params_free(&p);
	if (rc != 0)
		return rc;
	w->count = (size_t)PQntuples(w->sample);
	if (w->count == 0)
		return err_set(e, C1V_NO, "recall: there are no vectors in collection %s", w->s->base.collection);
	w->fast = mem_zero(w->count, sizeof(*w->fast));
	w->exact = mem_zero(w->count, sizeof(*w->exact));
	return 0;
}

static int
ask(struct work *w, const struct buf *sql, size_t i, double *ms, PGresult **out, struct err *e)
{
	struct pg_params p = {0};
	int64_t start = clock_mono_ns();
	int rc;

	p.values[0] = PQgetvalue(w->sample, (int)i, 1);
	p.lengths[0] = PQgetlength(w->sample, (int)i, 1);
	p.formats[0] = 1;
	p.count = 1;
	rc = pg_link_query(&w->s->link, sql->data, &p, 0, out, e);
	*ms = (double)(clock_mono_ns() - start) / 1e6;
	return rc;
}

/* Of the exact list, as many as are in the other. Equal distances are equally good. */
static uint64_t
shared(const PGresult *fast, const PGresult *exact)
{
	uint64_t n = 0;
	int last = PQntuples(exact) - 1;
	double worst = last >= 0 ? atof(PQgetvalue(exact, last, 1)) : 0;

	for (int i = 0; i < PQntuples(fast); i++)
		n += atof(PQgetvalue(fast, i, 1)) <= worst;
	return n > (uint64_t)(last + 1) ? (uint64_t)(last + 1) : n;
}

static int
compare(struct work *w, size_t i, struct err *e)
{
	PGresult *fast = NULL, *exact = NULL;
	int rc = ask(w, &w->exact_sql, i, &w->exact[i], &exact, e);

	if (rc == 0)
		rc = ask(w, &w->fast_sql, i, &w->fast[i], &fast, e);
	if (rc == 0) {
		w->found += shared(fast, exact);
		w->wanted += (uint64_t)PQntuples(exact);
	}
	PQclear(fast);
	PQclear(exact);
	return rc;
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
add_times(struct buf *b, const char *prefix, double *ms, size_t n)
{
	qsort(ms, n, sizeof(*ms), by_size);
	buf_format(b, ",\"%sp50_ms\":%.3f,\"%sp95_ms\":%.3f", prefix, ms[n / 2], prefix, ms[n * 95 / 100]);
}

static void
tell(struct work *w, struct buf *b)
{
	const struct pg_table *t = &w->s->table;

	buf_format(b, "{\"sample\":%zu,\"k\":%zu,\"recall\":%.4f", w->count, w->o->k,
	    w->wanted ? (double)w->found / (double)w->wanted : 1);
	add_times(b, "", w->fast, w->count);
	add_times(b, "exact_", w->exact, w->count);
	json_add_key(b, "index");
	if (t->index == 0)
		buf_string(b, "null");
	else
		json_add_string(b, slice_of(t->index_name));
	json_add_key(b, "kind");
	buf_string(b, t->index == 'h' ? "\"hnsw\"" : t->index == 'i' ? "\"ivfflat\"" : "null");
	buf_byte(b, '}');
}

/* Both statements give ids and distances as the stored vectors have them; only the first may use the index. */
static void
make_statements(struct work *w)
{
	static const char fast[] = "SELECT id, (x {distance} $1::{vector})::float8 AS d FROM (SELECT k.{id} AS id,"
	    " k.{embedding} AS x FROM {table} k WHERE k.{embedding} IS NOT NULL {where}"
	    " ORDER BY {indexed} {distance} $1::{vector}::{query} LIMIT ";
	static const char exact[] = "SELECT id, (x {distance} $1::{vector})::float8 AS d FROM (SELECT k.{id} AS id,"
	    " k.{embedding} AS x FROM {table} k WHERE k.{embedding} IS NOT NULL {where}"
	    " ORDER BY (k.{embedding} {distance} $1::{vector}) + 0 LIMIT ";

	buf_string(&w->fast_sql, pg_sql(w->s, fast));
	buf_string(&w->exact_sql, pg_sql(w->s, exact));
	buf_format(&w->fast_sql, "%zu) x ORDER BY d", w->o->k);
	buf_format(&w->exact_sql, "%zu) x ORDER BY d", w->o->k);
	buf_byte(&w->fast_sql, '\0');
	buf_byte(&w->exact_sql, '\0');
}

/* Unless told otherwise the index is asked as a search with its usual number of candidates asks it. */
static int
begin(struct work *w, struct err *e)
{
	struct buf settings = {0}, more = {0};
	int rc;

	pg_search_index_settings(&w->s->table, pg_search_candidates(w->o->k), w->o->ef_search, w->o->probes, &settings);
	if (settings.len > 0) {
		buf_string(&more, "SELECT");
		buf_string(&more, buf_cstr(&settings) + 1);
	}
	rc = pg_link_begin(&w->s->link, PG_READ, more.len ? buf_cstr(&more) : NULL, e);
	buf_free(&settings);
	buf_free(&more);
	return rc;
}

int
pg_recall(struct store *base, const struct recall_options *o, struct buf *json, struct err *e)
{
	struct work w = {.s = pg_of(base), .o = o};
	int rc = pg_must_exist(w.s, e);

	if (rc == 0)
		rc = begin(&w, e);
	if (rc != 0)
		return rc;
	make_statements(&w);
	rc = read_sample(&w, e);
	for (size_t i = 0; rc == 0 && i < w.count; i++)
		rc = compare(&w, i, e);
	if (rc == 0)
		rc = pg_link_commit(&w.s->link, e);
	else
		pg_link_rollback(&w.s->link);
	if (rc == 0)
		tell(&w, json);
	PQclear(w.sample);
	free(w.fast);
	free(w.exact);
	buf_free(&w.fast_sql);
	buf_free(&w.exact_sql);
	return rc;
}

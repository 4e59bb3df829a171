#include "store/search.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "store/fuse.h"
#include "store/pg/search_sql.h"
#include "store/vec.h"

/* One search. */
struct run {
	struct pg_store *s;
	struct pg_ask ask;
	struct search_hits *out;
	float *unit;                 /* of ask */
	PGresult *rows, *more;       /* what was found; what was read later */
	struct pg_found *found;      /* by id */
	size_t count;
	int64_t *documents;          /* of each, a number */
	struct fused *ranked;        /* key: index in found */
	size_t ranked_count;
	struct search_candidate *candidates;
	size_t *chosen;              /* indexes in candidates */
	size_t chosen_count;
	struct arena arena;          /* vectors, for mmr */
};

static double
ms_since(int64_t start)
{
	return (double)(clock_mono_ns() - start) / 1e6;
}

/* --- asking ------------------------------------------------------------------- */

struct statement {
	struct pg_store *s;
	const char *settings, *sql;
	const struct pg_params *p;
	PGresult **out;
};

static int
once(void *arg, struct err *e)
{
	struct statement *t = arg;

	return pg_link_once(&t->s->link, t->settings, t->sql, t->p, 1, t->out, e);
}

static int
send(struct pg_store *s, const char *name, const char *settings, const char *sql, const struct pg_params *p,
    PGresult **out, struct err *e)
{
	struct statement t = {s, settings, sql, p, out};
	int64_t start = clock_mono_ns();
	int rc = pg_link_retry(&s->link, once, &t, e);

	pg_watch(s, name, PG_QUERY, start, rc == 0 ? PQntuples(*out) : 0, rc == 0 ? NULL : e);
	return rc;
}

/* Which legs take part, and whether the query's vector fits. */
static int
choose_legs(struct run *x, const struct search_query *q, struct err *e)
{
	size_t dims = x->s->info.dims;

	x->ask.near = q->mode != SEARCH_KEYWORD && q->vector != NULL;
	x->ask.words = q->mode != SEARCH_VECTOR && q->text.n > 0;
	if (x->ask.near && dims != 0 && q->dims != dims)
		return err_set(e, C1V_DATA, "searching %s: the query's vector has %zu dimensions,"
		    " the collection's have %zu", x->s->base.collection, q->dims, dims);
	if (x->ask.near) {
		x->unit = mem_alloc((q->dims + 1) * sizeof(*x->unit));
		x->ask.unit = x->unit;
		if (!vec_unit(q->vector, q->dims, x->unit))
			return err_set(e, C1V_DATA, "searching %s: the query's vector is zero or not finite",
			    x->s->base.collection);
	}
	x->ask.candidates = q->candidates > 0 ? q->candidates : pg_search_candidates(q->limit);
	if (x->ask.candidates < q->limit)
		x->ask.candidates = q->limit;
	x->ask.candidates += q->exclude_id != NULL;
	return 0;
}

static int
find(struct run *x, struct err *e)
{
	const struct search_query *q = x->ask.q;
	struct buf sql = {0}, settings = {0};
	struct pg_params p = {0};
	int64_t start = clock_mono_ns();
	int rc;

	rc = pg_search_sql(x->s, &x->ask, &sql, &p, e);
	if (x->ask.near && !q->exact)
		pg_search_index_settings(&x->s->table, x->ask.candidates, q->ef_search, q->probes, &settings);
	if (!q->exact) /* workers would be started for the scan that is hardly ever needed */
		buf_string(&settings, ", set_config('max_parallel_workers_per_gather', '0', true)");
	if (x->ask.words) /* entries are gathered by row */
		buf_string(&settings, ", set_config('work_mem', '32MB', true)");
	if (rc == 0)
		rc = send(x->s, x->ask.near && x->ask.words ? "search_hybrid" : x->ask.near ? "search_vector" : "search_keyword",
		    buf_cstr(&settings), buf_cstr(&sql), &p, &x->rows, e);
	if (x->ask.near && !x->ask.words)
		x->out->trace.vector_ms = ms_since(start);
	else if (!x->ask.near)
		x->out->trace.keyword_ms = ms_since(start);
	pg_params_free(&p);
	buf_free(&settings);
	buf_free(&sql);
	return rc;
}

/* --- ranking -------------------------------------------------------------------- */

static int
by_leg(const void *a, const void *b)
{
	const struct leg_item *x = a, *y = b;

	if ((x->rank == 0) != (y->rank == 0))
		return x->rank == 0 ? 1 : -1;
	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return x->key < y->key ? -1 : x->key > y->key;
}

/* One leg's list, best first, and behind it what it only scored. */
static size_t
make_leg(const struct run *x, int near, struct leg_item *items)
{
	const struct search_query *q = x->ask.q;
	int both = x->ask.near && x->ask.words && q->fuse == FUSE_ZSCORE;
	size_t n = 0, rank = 0;

	for (size_t i = 0; i < x->count; i++) {
		const struct pg_found *f = &x->found[i];
		double score = near ? f->cosine : f->score;
		int listed = near ? f->near && score >= q->min_score : f->word;

		/* A row that is in no list has no say. */
		if (isfinite(score) && (listed || (both && (near ? f->word : f->near && f->cosine >= q->min_score))))
			items[n++] = (struct leg_item){.key = (int64_t)i, .score = score, .rank = listed != 0};
	}
	qsort(items, n, sizeof(*items), by_leg);
	for (size_t i = 0; i < n && items[i].rank; i++)
		items[i].rank = (uint32_t)++rank;
	return n;
}

static void
fuse(struct run *x)
{
	const struct search_query *q = x->ask.q;
	struct leg_item *near = mem_alloc((x->count + 1) * sizeof(*near));
	struct leg_item *words = mem_alloc((x->count + 1) * sizeof(*words));
	size_t near_count = x->ask.near ? make_leg(x, 1, near) : 0;
	size_t words_count = x->ask.words ? make_leg(x, 0, words) : 0;

	x->ranked = mem_alloc((near_count + words_count + 1) * sizeof(*x->ranked));
	if (x->ask.near && x->ask.words) {
		x->ranked_count = fuse_legs(q->fuse, q->rrf_k, q->weight_vector, q->weight_keyword, near, near_count,
		    words, words_count, x->ranked);
	} else {
		for (size_t i = 0; i < near_count + words_count; i++) {
			const struct leg_item *it = x->ask.near ? &near[i] : &words[i];
			struct fused *f = &x->ranked[i];

			*f = (struct fused){.key = it->key, .score = it->score};
			*(x->ask.near ? &f->vector_score : &f->keyword_score) = it->score;
			*(x->ask.near ? &f->vector_rank : &f->keyword_rank) = it->rank;
		}
		x->ranked_count = near_count + words_count;
	}
	free(near);
	free(words);
}

/* --- choosing ---------------------------------------------------------------------- */

struct named {
	struct slice name;
	size_t at;
};

static int
by_name(const void *a, const void *b)
{
	struct slice x = ((const struct named *)a)->name, y = ((const struct named *)b)->name;
	size_t n = x.n < y.n ? x.n : y.n;
	int order = n ? memcmp(x.p, y.p, n) : 0;

	return order ? order : (x.n > y.n) - (x.n < y.n);
}

static void
number_documents(struct run *x)
{
	struct named *n = mem_alloc((x->count + 1) * sizeof(*n));
	int64_t number = 0;

	x->documents = mem_alloc((x->count + 1) * sizeof(*x->documents));
	for (size_t i = 0; i < x->count; i++)
		n[i] = (struct named){x->found[i].document, i};
	qsort(n, x->count, sizeof(*n), by_name);
	for (size_t i = 0; i < x->count; i++) {
		number += i > 0 && !slice_equal(n[i].name, n[i - 1].name);
		x->documents[n[i].at] = number;
	}
	free(n);
}

static int
add_unit(struct run *x, struct search_candidate *c, const struct pg_found *f, struct err *e)
{
	struct stored_chunk chunk;
	float *unit;
	int rc = pg_row(x->s, x->rows, f->row, HIT_ROW, &x->arena, &chunk, e);

	if (rc != 0 || chunk.vector == NULL || (x->ask.near && chunk.dims != x->ask.q->dims))
		return rc;
	unit = arena_alloc(&x->arena, chunk.dims * sizeof(*unit));
	if (vec_unit(chunk.vector, chunk.dims, unit))
		c->unit = unit;
	return 0;
}

static int
choose(struct run *x, struct err *e)
{
	const struct search_query *q = x->ask.q;
	struct search_rules rules = {
		.limit = q->limit, .per_document = q->per_document, .collapse = !q->no_collapse, .mmr = q->mmr,
		.cosines = q->mode == SEARCH_VECTOR, .dims = x->ask.near ? q->dims : x->s->info.dims,
	};
	size_t n = 0, most = q->limit < x->ranked_count ? q->limit : x->ranked_count;
	int rc = 0;

	number_documents(x);
	x->candidates = mem_alloc((x->ranked_count + 1) * sizeof(*x->candidates));
	x->chosen = mem_alloc((most + 1) * sizeof(*x->chosen));
	for (size_t i = 0; rc == 0 && i < x->ranked_count; i++) {
		const struct pg_found *f = &x->found[x->ranked[i].key];

		if (q->exclude_id != NULL && slice_is(f->id, q->exclude_id))
			continue;
		x->candidates[n] = (struct search_candidate){
			.score = x->ranked[i].score, .id = f->id, .content = f->hash,
			.document = x->documents[x->ranked[i].key], .key = (int64_t)i,
		};
		if (q->mmr >= 0)
			rc = add_unit(x, &x->candidates[n], f, e);
		n++;
	}
	if (rc != 0)
		return rc;
	search_rank(x->candidates, n);
	x->chosen_count = search_choose(&rules, x->candidates, n, x->chosen);
	return 0;
}

/* --- hits --------------------------------------------------------------------------- */

static const struct pg_found *
found_of(const struct run *x, size_t chosen)
{
	return &x->found[x->ranked[x->candidates[x->chosen[chosen]].key].key];
}

/* Read those of the chosen rows that did not come in full. */
static int
read_more(struct run *x, struct err *e)
{
	struct slice *ids = mem_alloc((x->chosen_count + 1) * sizeof(*ids));
	struct buf sql = {0};
	struct pg_params p = {0};
	int64_t start = clock_mono_ns();
	size_t n = 0;
	int rc = 0;

	for (size_t i = 0; i < x->chosen_count; i++) {
		const struct pg_found *f = found_of(x, i);
		int column = HIT_ROW + PG_ROW_COLUMNS - 1;

		if (!f->shown)
			ids[n++] = (struct slice){PQgetvalue(x->rows, f->row, column), (size_t)PQgetlength(x->rows, f->row, column)};
	}
	if (n > 0) {
		pg_param_texts(&p, ids, n);
		rc = pg_search_fetch_sql(x->s, &x->ask, &sql, &p, e);
		if (rc == 0)
			rc = send(x->s, "search_rows", "", buf_cstr(&sql), &p, &x->more, e);
		x->out->trace.fetch_ms = ms_since(start);
	}
	pg_params_free(&p);
	buf_free(&sql);
	free(ids);
	return rc;
}

static struct slice
keep(struct run *x, struct slice s)
{
	return s.p ? (struct slice){arena_bytes(&x->out->arena, s.p, s.n), s.n} : SLICE_NONE;
}

/* The row of the later result, -1: it went away meanwhile. */
static int
row_of(const struct run *x, const struct pg_found *f)
{
	int column = HIT_ROW + PG_ROW_COLUMNS - 1;

	for (int i = 0; x->more != NULL && i < PQntuples(x->more); i++)
		if (strcmp(PQgetvalue(x->more, i, column), PQgetvalue(x->rows, f->row, column)) == 0)
			return i;
	return -1;
}

/* Ids of other chunks with the same content: as the statement read them, or (tables of others have no
 * index for that) those that were found. */
static size_t
also_of(const struct run *x, const struct pg_found *f, const PGresult *r, int row, struct slice *out)
{
	const char *exclude = x->ask.q->exclude_id;
	size_t n = 0;

	if (x->ask.q->no_collapse)
		return 0;
	if (x->s->table.kind == PG_OURS)
		return pg_found_also(r, row, out, ALSO_MAX);
	for (size_t i = 0; i < x->count && n < ALSO_MAX; i++) {
		const struct pg_found *other = &x->found[i];
		if (other != f && other->hash == f->hash && (exclude == NULL || !slice_is(other->id, exclude)))
			out[n++] = other->id;
	}
	return n;
}

static int
add_hit(struct run *x, size_t i, struct err *e)
{
	const struct fused *r = &x->ranked[x->candidates[x->chosen[i]].key];
	const struct pg_found *f = found_of(x, i);
	const PGresult *from = f->shown ? x->rows : x->more;
	int row = f->shown ? f->row : row_of(x, f), rc;
	struct slice also[ALSO_MAX], *kept;
	struct search_hit *hit = &x->out->items[x->out->count];
	struct stored_chunk c;

	if (row < 0)
		return 0;
	rc = pg_row(x->s, from, row, HIT_ROW, &x->arena, &c, e);
	if (rc != 0)
		return rc;
	*hit = (struct search_hit){
		.id = keep(x, c.id), .document = keep(x, c.document), .content = keep(x, c.content),
		.source = keep(x, c.source), .metadata = keep(x, c.metadata), .place = keep(x, c.place),
		.index = c.index, .of = c.of, .score = r->score,
		.vector_score = r->vector_score, .keyword_score = r->keyword_score,
		.vector_rank = r->vector_rank, .keyword_rank = r->keyword_rank,
	};
	hit->also_count = also_of(x, f, from, row, also);
	if (hit->also_count > 0) {
		hit->also = kept = arena_alloc(&x->out->arena, hit->also_count * sizeof(*kept));
		for (size_t k = 0; k < hit->also_count; k++)
			kept[k] = keep(x, also[k]);
	}
	x->out->count++;
	return 0;
}

/* Were it more without the filter? Asked only when there are too few. */
static int
count_allowed(struct run *x, struct err *e)
{
	struct buf sql = {0};
	struct pg_params p = {0};
	PGresult *r = NULL;
	int rc = pg_search_count_sql(x->s, x->ask.q, &sql, &p, e);

	if (rc == 0)
		rc = send(x->s, "search_count", "", buf_cstr(&sql), &p, &r, e);
	if (rc == 0 && PQgetlength(r, 0, 0) == 8) {
		const unsigned char *b = (const unsigned char *)PQgetvalue(r, 0, 0);
		uint64_t n = 0;

		for (int i = 0; i < 8; i++)
			n = n << 8 | b[i];
		x->out->trace.allowed = n;
		x->out->trace.short_by_filter = *PQgetvalue(r, 0, 1) != 0;
	}
	PQclear(r);
	pg_params_free(&p);
	buf_free(&sql);
	return rc;
}

static int
make_hits(struct run *x, struct err *e)
{
	int rc = read_more(x, e);

	x->out->items = arena_alloc(&x->out->arena, (x->chosen_count + 1) * sizeof(*x->out->items));
	for (size_t i = 0; rc == 0 && i < x->chosen_count; i++)
		rc = add_hit(x, i, e);
	if (rc == 0 && x->ask.q->filter != NULL && x->out->count < x->ask.q->limit)
		rc = count_allowed(x, e);
	return rc;
}

static void
free_run(struct run *x)
{
	PQclear(x->rows);
	PQclear(x->more);
	free(x->found);
	free(x->documents);
	free(x->ranked);
	free(x->candidates);
	free(x->chosen);
	free(x->unit);
	arena_free(&x->arena);
}

int
pg_search(struct store *base, const struct search_query *q, struct search_hits *out, struct err *e)
{
	struct run x = {.s = pg_of(base), .ask = {.q = q}, .out = out};
	int64_t start = clock_mono_ns(), stage;
	int rc;

	arena_reset(&out->arena);
	out->items = NULL;
	out->count = 0;
	memset(&out->trace, 0, sizeof(out->trace));
	rc = pg_must_exist(x.s, e);
	if (rc == 0)
		rc = choose_legs(&x, q, e);
	out->trace.allowed = x.s->info.chunks;
	if (rc == 0 && (x.ask.near || x.ask.words))
		rc = find(&x, e);
	stage = clock_mono_ns();
	if (rc == 0 && x.rows != NULL) {
		x.found = pg_found_read(x.rows, &x.count);
		for (size_t i = 0; i < x.count; i++) {
			out->trace.vectors_scanned += x.found[i].near != 0;
			out->trace.keyword_rows += x.found[i].word != 0;
		}
		fuse(&x);
		rc = choose(&x, e);
		out->trace.fuse_ms = ms_since(stage);
		if (rc == 0)
			rc = make_hits(&x, e);
	}
	out->trace.total_ms = ms_since(start);
	free_run(&x);
	return rc;
}

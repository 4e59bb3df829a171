#include "store/sqlite_search.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/thread.h"
#include "store/sqlite_hits.h"
#include "store/vec.h"

/* A second thread, with a connection of its own, costs half a millisecond. */
enum {
	THREAD_FROM = 20000,         /* vectors, when words are looked for as well */
	THREAD_FROM_BYTES = 32 << 20 /* of codes, when only they are scanned */
};

/* Of each leg, unless the query says how many. */
enum {
	CANDIDATES_PER_RESULT = 5,
	CANDIDATES_LEAST = 50,
	VARIETY = 2, /* so many times as many to choose different ones from */
	WIDER = 8    /* so many times as many when there are too few hits */
};

/* One search. */
struct run {
	struct sqlite_store *s;
	struct sqlite_reader *r;
	const struct search_query *q;
	struct search_trace *trace;
	int keyword, vector;              /* legs that take part */
	float *unit;                      /* the query's vector */
	size_t candidates;
	struct terms terms;
	struct slot_set allowed;          /* owned when own_allowed */
	struct slot_set keyword_allowed;
	struct leg_item *keyword_items, *vector_items;
	size_t keyword_count, vector_count;
	double *cosines;                  /* of keyword_items, for zscore */
	struct fused *ranked;
	size_t ranked_count;
};

/* --- which chunks --------------------------------------------------------------- */

static int
allow(struct run *x, struct err *e)
{
	struct sqlite_reader *r = x->r;
	struct slot_set set = {0};
	int rc = 0;

	if (x->q->filter != NULL && (!x->q->same_filter || r->filter != x->q->filter)) {
		slot_set_free(&r->allowed);
		r->filter = NULL;
		rc = sqlite_allow_filter(x->s, x->q->filter, r->slots, &r->allowed, e);
		if (rc != 0)
			return rc;
		r->filter = x->q->filter;
	}
	if (x->q->filter != NULL)
		slot_set_both(&x->allowed, &r->allowed);
	if (x->terms.excluded != NULL) {
		rc = sqlite_allow_match(x->s, x->terms.excluded, r->slots, &set, e);
		if (rc == 0)
			slot_set_without(&x->allowed, &set);
		slot_set_free(&set);
	}
	slot_set_both(&x->keyword_allowed, &x->allowed);
	if (rc == 0 && x->terms.required != NULL) {
		rc = sqlite_allow_match(x->s, x->terms.required, r->slots, &set, e);
		if (rc == 0)
			slot_set_both(&x->keyword_allowed, &set);
		slot_set_free(&set);
	}
	x->trace->allowed = x->allowed.words != NULL ? x->allowed.count : x->s->info.chunks;
	return rc;
}

/* --- the legs ---------------------------------------------------------------------- */

static double
ms_since(int64_t start)
{
	return clock_seconds_since(start) * 1e3;
}

static int
keyword_leg(struct run *x, struct err *e)
{
	int64_t start = clock_mono_ns();
	struct keyword_query q = {
		.terms = &x->terms,
		.allowed = &x->keyword_allowed,
		.slots = x->r->slots,
		.chunks = (int64_t)x->s->info.chunks,
		.mean = x->s->info.chunks ? (double)x->s->bytes / (double)x->s->info.chunks : 0,
		.limit = x->candidates,
	};
	int rc = reader_sizes(x->s, e);

	q.sizes = x->r->sizes;
	if (rc == 0)
		rc = keyword_run(x->r->keyword, &q, x->keyword_items, &x->keyword_count,
		    &x->trace->keyword_rows, e);
	x->trace->keyword_ms += ms_since(start);
	return rc;
}

/* What the other leg will have to say about the chunks that this one found: it
 * is asked early, for then another thread scans. */
static int
keyword_cosines(struct run *x, struct err *e)
{
	int64_t *slots = mem_alloc((x->keyword_count + 1) * sizeof(*slots));
	int rc;

	for (size_t i = 0; i < x->keyword_count; i++)
		slots[i] = x->keyword_items[i].key;
	rc = vector_score(x->r->vector, x->unit, x->q->dims, slots, x->keyword_count, x->cosines, e);
	free(slots);
	return rc;
}

static int
by_keyword(struct run *x, struct err *e)
{
	int rc = x->keyword ? keyword_leg(x, e) : 0;

	if (rc == 0 && x->vector && x->q->fuse == FUSE_ZSCORE)
		rc = keyword_cosines(x, e);
	return rc;
}

static struct vector_query
vector_query(const struct run *x)
{
	return (struct vector_query){
		.unit = x->unit,
		.dims = x->q->dims,
		.allowed = &x->allowed,
		.slots = x->r->slots,
		.limit = x->candidates,
		.sure = x->q->limit,
		.min_score = x->q->min_score,
		.keep = x->r->searches > 1,
		.generation = x->r->generation,
	};
}

static int
vector_leg(struct run *x, struct err *e)
{
	struct sqlite_reader *r = x->r;
	int64_t start = clock_mono_ns();
	struct vector_query q = vector_query(x);
	int rc;

	if (x->q->exact) {
		rc = vector_exact(r->vector, &q, x->vector_items, &x->vector_count,
		    &x->trace->vectors_scanned, e);
	} else {
		vector_start(r->scan, &q);
		rc = vector_work(r->vector, r->scan, e);
		if (rc == 0)
			rc = vector_finish(r->vector, r->scan, NULL, x->vector_items, &x->vector_count,
			    &x->trace->vectors_scanned, &x->trace->rescored, e);
	}
	x->trace->vector_ms += ms_since(start);
	return rc;
}

/* --- in two threads ------------------------------------------------------------------ */

/* What the second thread does: it scans on a connection of its own. */
struct side {
	struct run *x;
	struct err err;
	int rc;
	int changed; /* that connection sees another state */
};

/* Does the second connection see the same state as the first? */
static int
same_state(struct run *x, int *same, struct err *e)
{
	struct db *db = &x->r->second;
	sqlite3_stmt *st;
	int rc = db_prepare(db, "SELECT generation FROM collection WHERE name = ?1", &st, e);

	*same = 0;
	if (rc != 0)
		return rc;
	db_bind_text(st, 1, slice_of(x->s->base.collection));
	rc = db_step(db, st, e);
	*same = rc > 0 && sqlite3_column_int64(st, 0) == x->s->generation;
	sqlite3_finalize(st);
	return rc < 0 ? e->code : 0;
}

static void *
side_thread(void *arg)
{
	struct side *t = arg;
	struct sqlite_reader *r = t->x->r;
	struct db *db = &r->second;
	int same = 0;

	if (db->handle == NULL)
		t->rc = sqlite_second(t->x->s, db, &t->err);
	if (t->rc == 0 && r->side == NULL)
		t->rc = vector_open(db, t->x->s->base.collection, &r->side, &t->err);
	if (t->rc == 0)
		t->rc = db_read_begin(db, &t->err);
	if (t->rc != 0)
		return NULL;
	t->rc = same_state(t->x, &same, &t->err);
	t->changed = !same;
	if (t->rc == 0 && same)
		t->rc = vector_work(r->side, r->scan, &t->err);
	db_read_end(db);
	return NULL;
}

/* The second thread scans codes from the start, this one looks for words first
 * and then helps with what is left. */
static int
legs_in_parallel(struct run *x, struct thread *thread, struct side *side, struct err *e)
{
	struct sqlite_reader *r = x->r;
	int64_t start = clock_mono_ns();
	int rc = by_keyword(x, e);

	if (rc == 0)
		rc = vector_work(r->vector, r->scan, e);
	thread_join(thread);
	if (rc == 0 && side->rc != 0) {
		*e = side->err;
		rc = side->rc;
	}
	if (rc != 0)
		return rc;
	if (side->changed)
		return vector_leg(x, e);
	rc = vector_finish(r->vector, r->scan, r->side, x->vector_items, &x->vector_count,
	    &x->trace->vectors_scanned, &x->trace->rescored, e);
	x->trace->vector_ms += ms_since(start);
	return rc;
}

static int
worth_a_thread(const struct run *x)
{
	uint64_t vectors = x->s->info.vectors;

	if (!x->vector || x->q->exact || vectors < THREAD_FROM)
		return 0;
	if (!x->keyword && vectors * vec_code_size(x->q->dims) < THREAD_FROM_BYTES)
		return 0;
	return thread_cpus() > 1;
}

static int
legs(struct run *x, struct err *e)
{
	struct side side = {.x = x};
	struct vector_query q = vector_query(x);
	struct thread *thread;
	int rc;

	if (worth_a_thread(x)) {
		vector_start(x->r->scan, &q);
		thread = thread_start(side_thread, &side);
		if (thread != NULL)
			return legs_in_parallel(x, thread, &side, e);
	}
	rc = by_keyword(x, e);
	return rc == 0 && x->vector ? vector_leg(x, e) : rc;
}

/* --- fusion ------------------------------------------------------------------------- */

static int
by_key(const void *a, const void *b)
{
	int64_t x = ((const struct leg_item *)a)->key, y = ((const struct leg_item *)b)->key;

	return x < y ? -1 : x > y;
}

/* Where in a there are keys that are not in b. */
static size_t
only_in(const struct leg_item *a, size_t a_count, const struct leg_item *b, size_t b_count,
    size_t *out)
{
	struct leg_item *sorted = mem_alloc((b_count + 1) * sizeof(*sorted));
	size_t n = 0;

	memcpy(sorted, b, b_count * sizeof(*sorted));
	qsort(sorted, b_count, sizeof(*sorted), by_key);
	for (size_t i = 0; i < a_count; i++)
		if (bsearch(&a[i], sorted, b_count, sizeof(*sorted), by_key) == NULL)
			out[n++] = i;
	free(sorted);
	return n;
}

static void
add_scored(struct leg_item *items, size_t *count, int64_t key, double score, double least)
{
	if (score > least)
		items[(*count)++] = (struct leg_item){.key = key, .score = score};
}

/* Let the keyword leg score what only the vector leg found. */
static int
score_by_keyword(struct run *x, const size_t *at, size_t n, size_t *keywords, struct err *e)
{
	int64_t *keys = mem_alloc((n + 1) * sizeof(*keys));
	double *scores = mem_alloc((n + 1) * sizeof(*scores));
	int rc;

	for (size_t i = 0; i < n; i++)
		keys[i] = x->vector_items[at[i]].key;
	rc = keyword_score(x->r->keyword, keys, n, scores, e);
	for (size_t i = 0; i < n && rc == 0; i++)
		add_scored(x->keyword_items, keywords, keys[i], scores[i], -1);
	free(keys);
	free(scores);
	return rc;
}

/* Let each leg score what only the other one found. */
static int
score_each_other(struct run *x, size_t *vectors, size_t *keywords, struct err *e)
{
	size_t most = x->vector_count > x->keyword_count ? x->vector_count : x->keyword_count;
	size_t *at = mem_alloc((most + 1) * sizeof(*at)), n;
	int rc;

	n = only_in(x->vector_items, x->vector_count, x->keyword_items, x->keyword_count, at);
	rc = score_by_keyword(x, at, n, keywords, e);
	n = only_in(x->keyword_items, x->keyword_count, x->vector_items, x->vector_count, at);
	for (size_t i = 0; i < n; i++)
		add_scored(x->vector_items, vectors, x->keyword_items[at[i]].key, x->cosines[at[i]], -2);
	free(at);
	return rc;
}

static void
rank_one_leg(struct run *x)
{
	const struct leg_item *items = x->vector ? x->vector_items : x->keyword_items;

	x->ranked_count = x->vector ? x->vector_count : x->keyword_count;
	for (size_t i = 0; i < x->ranked_count; i++) {
		struct fused *f = &x->ranked[i];

		*f = (struct fused){.key = items[i].key, .score = items[i].score};
		if (x->vector) {
			f->vector_score = items[i].score;
			f->vector_rank = items[i].rank;
		} else {
			f->keyword_score = items[i].score;
			f->keyword_rank = items[i].rank;
		}
	}
}

static int
fuse(struct run *x, struct err *e)
{
	size_t vectors = x->vector_count, keywords = x->keyword_count;
	int rc = 0;

	if (!x->vector || !x->keyword) {
		rank_one_leg(x);
		return 0;
	}
	if (x->q->fuse == FUSE_ZSCORE)
		rc = score_each_other(x, &vectors, &keywords, e);
	if (rc == 0)
		x->ranked_count = fuse_legs(x->q->fuse, x->q->rrf_k, x->q->weight_vector,
		    x->q->weight_keyword, x->vector_items, vectors, x->keyword_items, keywords, x->ranked);
	return rc;
}

/* --- a search ------------------------------------------------------------------------- */

/* Which legs take part, and whether the query's vector fits. */
static int
choose_legs(struct run *x, struct err *e)
{
	const struct search_query *q = x->q;
	size_t dims = x->s->info.dims;

	x->vector = q->mode != SEARCH_KEYWORD && q->vector != NULL && x->s->info.vectors > 0;
	x->keyword = q->mode != SEARCH_VECTOR && q->text.n > 0;
	if (x->vector && q->dims != dims)
		return err_set(e, C1V_DATA, "searching %s: the query's vector has %zu dimensions,"
		    " the collection's have %zu", x->s->base.collection, q->dims, dims);
	if (x->vector) {
		x->unit = mem_alloc(dims * sizeof(*x->unit));
		if (!vec_unit(q->vector, dims, x->unit))
			return err_set(e, C1V_DATA, "searching %s: the query's vector is zero or not finite",
			    x->s->base.collection);
	}
	return 0;
}

/* How many of each leg to begin with. Fewer than the 10 a result that other
 * stores take cost no quality with zscore, for each leg scores what it missed. */
static size_t
usual_candidates(const struct search_query *q)
{
	size_t n = q->limit * CANDIDATES_PER_RESULT;

	n = n > CANDIDATES_LEAST ? n : CANDIDATES_LEAST;
	return q->mmr >= 0 || q->per_document > 0 ? n * VARIETY : n;
}

static void
make_room(struct run *x, size_t n)
{
	n = (n > x->q->limit ? n : x->q->limit) + (x->q->exclude_id != NULL);
	if (n > x->s->info.chunks)
		n = x->s->info.chunks;
	x->candidates = n;
	x->keyword_items = mem_alloc((2 * n + 1) * sizeof(struct leg_item));
	x->vector_items = mem_alloc((2 * n + 1) * sizeof(struct leg_item));
	x->cosines = mem_alloc((n + 1) * sizeof(*x->cosines));
	x->ranked = mem_alloc((4 * n + 1) * sizeof(struct fused));
}

static void
free_run(struct run *x)
{
	terms_free(&x->terms);
	slot_set_free(&x->allowed);
	slot_set_free(&x->keyword_allowed);
	free(x->unit);
	free(x->keyword_items);
	free(x->vector_items);
	free(x->cosines);
	free(x->ranked);
}

static int
run_legs(struct run *x, struct err *e)
{
	int rc = 0;

	if (x->q->text.n > 0 && (x->keyword || x->q->web)) /* the web syntax excludes for both legs */
		rc = keyword_terms(x->r->keyword, x->q->text, x->q->web, &x->terms, e);
	if (rc == 0)
		rc = allow(x, e);
	return rc == 0 ? legs(x, e) : rc;
}

/* Search among so many candidates. *more: there are others, and too few hits. */
static int
attempt(struct sqlite_store *s, const struct search_query *q, size_t candidates,
    struct search_hits *out, int *more, struct err *e)
{
	struct run x = {.s = s, .r = s->reader, .q = q, .trace = &out->trace};
	int64_t stage;
	int rc;

	make_room(&x, candidates);
	rc = choose_legs(&x, e);
	if (rc == 0)
		rc = run_legs(&x, e);
	stage = clock_mono_ns();
	if (rc == 0)
		rc = fuse(&x, e);
	out->trace.fuse_ms += ms_since(stage);
	stage = clock_mono_ns();
	out->count = 0;
	if (rc == 0)
		rc = sqlite_hits(s, x.r->vector, q, &x.allowed, x.ranked, x.ranked_count, out, e);
	out->trace.fetch_ms += ms_since(stage);
	out->trace.short_by_filter = rc == 0 && out->count < q->limit && x.allowed.words != NULL &&
	    x.trace->allowed < s->info.chunks;
	*more = out->count < q->limit && x.candidates < s->info.chunks &&
	    (x.keyword_count == x.candidates || x.vector_count == x.candidates);
	free_run(&x);
	return rc;
}

/* Where too many candidates are of one document or of one content, there are
 * too few hits: then among more of them. */
static int
search(struct sqlite_store *s, const struct search_query *q, struct search_hits *out, struct err *e)
{
	size_t candidates = q->candidates > 0 ? q->candidates : usual_candidates(q);
	int64_t start = clock_mono_ns();
	int rc = sqlite_refresh(s, e), more = 1;

	if (rc == 0)
		rc = sqlite_must_exist(s, e);
	if (rc == 0)
		rc = reader_refresh(s, e);
	if (rc != 0)
		return rc;
	s->reader->searches++;
	for (; rc == 0 && more; candidates *= WIDER) {
		rc = attempt(s, q, candidates, out, &more, e);
		more = more && q->candidates == 0;
	}
	out->trace.total_ms = ms_since(start);
	return rc;
}

int
sqlite_search(struct store *base, const struct search_query *q, struct search_hits *out,
    struct err *e)
{
	struct sqlite_store *s = sqlite_of(base);
	int rc = db_read_begin(&s->db, e);

	arena_reset(&out->arena);
	out->items = NULL;
	out->count = 0;
	memset(&out->trace, 0, sizeof(out->trace));
	if (rc == 0) {
		rc = search(s, q, out, e);
		db_read_end(&s->db);
	}
	return rc;
}

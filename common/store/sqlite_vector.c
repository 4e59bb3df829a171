#include "store/sqlite_search.h"

#include <math.h>
#include <stdlib.h>

#include "store/topk.h"
#include "store/vec.h"

/* How far the search for the true best widens: so many times the candidates. */
enum { WIDEN = 8 };

struct vector_leg {
	struct db *db;
	char *collection, *table; /* {c}_block */
	sqlite3_stmt *next, *one, *all;
	sqlite3_blob *blob;       /* open during a scan */
	struct buf block;         /* the one read last */
	float *vector;
	size_t dims;              /* that vector has room for */

	/* Of the blocks that this leg took. */
	struct topk best;
	float widest;             /* step */
	uint64_t scanned;
};

struct vector_scan {
	const struct vector_query *q;
	struct vec_query *query;
	int64_t next, end;        /* blocks that nobody took yet */

	/* Blocks that are kept from query to query, by number; NULL: not read yet. */
	uint8_t **kept;
	size_t kept_count, kept_dims;
	int64_t generation;
};

static int
damaged(struct vector_leg *v, const char *what, int64_t row, const char *check, struct err *e)
{
	err_set(e, C1V_DATA, "searching %s: damaged file: %s %lld of %s: %s check", v->db->path, what,
	    (long long)row, v->collection, check);
	return err_hint(e, "c1v-store verify lists what is damaged");
}

static int
prepare(struct vector_leg *v, const char *before, const char *table, const char *after,
    sqlite3_stmt **out, struct err *e)
{
	struct buf sql = {0};
	int rc;

	buf_format(&sql, "%s \"%s_%s\" %s", before, v->collection, table, after);
	rc = db_prepare(v->db, buf_cstr(&sql), out, e);
	buf_free(&sql);
	return rc;
}

int
vector_open(struct db *db, const char *collection, struct vector_leg **out, struct err *e)
{
	struct vector_leg *v = mem_zero(1, sizeof(*v));
	const char *columns = db->version < SQLITE_VERSION_SUMS ? "SELECT vector, NULL, id FROM"
	    : "SELECT vector, sum, id FROM";
	struct buf table = {0};
	int rc;

	v->db = db;
	v->collection = mem_string(collection);
	buf_format(&table, "%s_block", collection);
	v->table = buf_cstr(&table);
	rc = prepare(v, "SELECT min(id) FROM", "block", "WHERE id >= ?1", &v->next, e);
	if (rc == 0)
		rc = prepare(v, columns, "vector", "WHERE id = ?1", &v->one, e);
	if (rc == 0)
		rc = prepare(v, columns, "vector", "ORDER BY id", &v->all, e);
	if (rc == 0)
		*out = v;
	else
		vector_close(v);
	return rc;
}

void
vector_close(struct vector_leg *v)
{
	if (v == NULL)
		return;
	sqlite3_finalize(v->next);
	sqlite3_finalize(v->one);
	sqlite3_finalize(v->all);
	topk_free(&v->best);
	buf_free(&v->block);
	free(v->vector);
	free(v->table);
	free(v->collection);
	free(v);
}

/* --- float32 ---------------------------------------------------------------- */

static int
take_vector(struct vector_leg *v, sqlite3_stmt *st, int64_t slot, size_t dims, struct err *e)
{
	struct slice blob = db_text(st, 0);

	if (blob.n != dims * sizeof(float))
		return damaged(v, "vector", slot, "size", e);
	if (!sqlite_vector_right(st, 1, blob))
		return damaged(v, "vector", slot, "content", e);
	if (v->dims < dims) {
		free(v->vector);
		v->vector = mem_alloc(dims * sizeof(float));
		v->dims = dims;
	}
	memcpy(v->vector, blob.p, blob.n); /* SQLite's bytes are not aligned */
	return 0;
}

/* The cosine of the vector that was taken; rounding may put it a little beyond 1. */
static float
cosine(const struct vector_leg *v, const float *unit, size_t dims)
{
	float norm = vec_norm(v->vector, dims), dot = vec_dot(unit, v->vector, dims);

	return norm > 0 && isfinite(dot) ? fmaxf(-1, fminf(1, dot / norm)) : -2;
}

/* 1 and v->vector, 0 when the chunk has none, -1 on error. */
static int
read_vector(struct vector_leg *v, int64_t slot, size_t dims, struct err *e)
{
	int rc;

	sqlite3_bind_int64(v->one, 1, slot);
	rc = db_step(v->db, v->one, e);
	if (rc > 0 && take_vector(v, v->one, slot, dims, e) != 0)
		rc = -1;
	sqlite3_reset(v->one);
	return rc;
}

int
vector_score(struct vector_leg *v, const float *unit, size_t dims, const int64_t *slots,
    size_t count, double *scores, struct err *e)
{
	struct slot_at *order = slots_in_order(slots, count);
	int rc = 0;

	for (size_t i = 0; i < count && rc >= 0; i++) {
		rc = read_vector(v, order[i].slot, dims, e);
		scores[order[i].at] = rc > 0 ? (double)cosine(v, unit, dims) : -2;
	}
	free(order);
	return rc < 0 ? e->code : 0;
}

int
vector_fetch(struct vector_leg *v, int64_t slot, size_t dims, float *unit, struct err *e)
{
	int rc = read_vector(v, slot, dims, e);

	return rc > 0 ? vec_unit(v->vector, dims, unit) : rc;
}

/* --- the scan of codes -------------------------------------------------------- */

struct vector_scan *
vector_scan_new(void)
{
	return mem_zero(1, sizeof(struct vector_scan));
}

static void
forget(struct vector_scan *s)
{
	for (size_t i = 0; i < s->kept_count; i++)
		free(s->kept[i]);
	free(s->kept);
	s->kept = NULL;
	s->kept_count = 0;
}

void
vector_scan_free(struct vector_scan *s)
{
	if (s == NULL)
		return;
	forget(s);
	vec_query_free(s->query);
	free(s);
}

static size_t
block_size(size_t dims)
{
	return BLOCK_SLOTS * (sizeof(float) + vec_code_size(dims));
}

void
vector_start(struct vector_scan *s, const struct vector_query *q)
{
	size_t blocks = q->slots >> BLOCK_BITS;

	s->q = q;
	vec_query_free(s->query);
	s->query = vec_query_new(q->unit, q->dims);
	s->next = 0;
	s->end = (int64_t)blocks;
	if (s->generation != q->generation || s->kept_dims != q->dims)
		forget(s);
	s->generation = q->generation;
	s->kept_dims = q->dims;
	if (q->keep && s->kept == NULL && blocks * block_size(q->dims) <= VECTOR_CACHE_MAX) {
		s->kept = mem_zero(blocks, sizeof(*s->kept));
		s->kept_count = blocks;
	}
}

static int64_t /* a block for this leg alone, -1 when there are no more */
take_block(struct vector_scan *s)
{
	int64_t id = __atomic_fetch_add(&s->next, 1, __ATOMIC_RELAXED);

	return id < s->end ? id : -1;
}

/* There is no block `id`: go on with the first one behind it. */
static int
pass_gap(struct vector_leg *v, struct vector_scan *s, int64_t id, struct err *e)
{
	int64_t first = s->end, next = __atomic_load_n(&s->next, __ATOMIC_RELAXED);
	int rc;

	sqlite3_bind_int64(v->next, 1, id);
	rc = db_step(v->db, v->next, e);
	if (rc > 0 && sqlite3_column_type(v->next, 0) != SQLITE_NULL)
		first = sqlite3_column_int64(v->next, 0);
	sqlite3_reset(v->next);
	if (rc < 0)
		return e->code;
	if (first <= id) /* it is there, but no blob could be opened */
		return damaged(v, "block", id, "type", e);
	while (next < first && !__atomic_compare_exchange_n(&s->next, &next, first, 0,
	    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	return 0;
}

/* 1 and the block's bytes in *to, 0 when there is no such block, -1 on error.
 * A blob is read straight into our own memory; as a column each one would be
 * allocated and freed again. */
static int
read_block(struct vector_leg *v, int64_t id, uint8_t *to, size_t size, struct err *e)
{
	int rc = v->blob != NULL ? sqlite3_blob_reopen(v->blob, id)
	    : sqlite3_blob_open(v->db->handle, "main", v->table, "codes", id, 0, &v->blob);

	if (rc == SQLITE_OK && (size_t)sqlite3_blob_bytes(v->blob) != size)
		return -damaged(v, "block", id, "size", e);
	if (rc == SQLITE_OK)
		rc = sqlite3_blob_read(v->blob, to, (int)size, 0);
	if (rc == SQLITE_OK)
		return 1;
	if ((rc & 0xff) != SQLITE_ERROR)
		return -db_error(v->db, "reading", e);
	sqlite3_blob_close(v->blob); /* it is of no use any more */
	v->blob = NULL;
	return 0;
}

/* The bytes of a block, kept or read; *out is NULL when there is no such block. */
static int
get_block(struct vector_leg *v, struct vector_scan *s, int64_t id, const uint8_t **out,
    struct err *e)
{
	size_t size = block_size(s->q->dims);
	uint8_t *to;
	int rc;

	*out = s->kept != NULL ? s->kept[id] : NULL;
	if (*out != NULL)
		return 0;
	v->block.len = 0;
	to = s->kept != NULL ? mem_alloc(size) : (uint8_t *)buf_reserve(&v->block, size);
	rc = read_block(v, id, to, size, e);
	if (rc > 0)
		*out = to;
	if (s->kept != NULL && rc > 0)
		s->kept[id] = to;
	else if (s->kept != NULL)
		free(to);
	return rc < 0 ? e->code : 0;
}

static void
scan_block(struct vector_leg *v, const struct vector_scan *s, int64_t block, const uint8_t *bytes)
{
	float floor = topk_floor(&v->best), estimates[BLOCK_SLOTS], steps[BLOCK_SLOTS], widest = 0;
	int64_t first = block << BLOCK_BITS;
	uint32_t scanned = 0;

	memcpy(steps, bytes, sizeof(steps));
	vec_scan(s->query, bytes + sizeof(steps), steps, BLOCK_SLOTS, estimates);
	for (size_t i = 0; i < BLOCK_SLOTS; i++) {
		widest = steps[i] > widest ? steps[i] : widest;
		scanned += steps[i] > 0;
		if (estimates[i] > floor && steps[i] > 0 && slot_in(s->q->allowed, first + (int64_t)i)) {
			topk_offer(&v->best, estimates[i], first + (int64_t)i);
			floor = topk_floor(&v->best);
		}
	}
	v->widest = widest > v->widest ? widest : v->widest;
	v->scanned += scanned;
}

int
vector_work(struct vector_leg *v, struct vector_scan *s, struct err *e)
{
	int64_t id;
	int rc = 0;

	topk_free(&v->best);
	topk_init(&v->best, s->q->limit * WIDEN);
	v->widest = 0;
	v->scanned = 0;
	while (rc == 0 && (id = take_block(s)) >= 0) {
		const uint8_t *bytes;

		rc = get_block(v, s, id, &bytes, e);
		if (rc == 0 && bytes == NULL)
			rc = pass_gap(v, s, id, e);
		else if (rc == 0)
			scan_block(v, s, id, bytes);
	}
	sqlite3_blob_close(v->blob);
	v->blob = NULL;
	return rc;
}

static void
offer_true(const struct vector_query *q, double score, int64_t slot, struct topk *sure,
    struct topk *out, uint64_t *rescored)
{
	if (score <= -2)
		return; /* no vector, or none of any length */
	++*rescored;
	topk_offer(sure, (float)score, slot);
	if (score >= q->min_score)
		topk_offer(out, (float)score, slot);
}

/* Score the candidates in float32, the likeliest first, until no estimate
 * behind them could, with its error, be among the best q->sure. */
static int
rescore(struct vector_leg *v, const struct vector_scan *s, struct topk *out, uint64_t *rescored,
    struct err *e)
{
	const struct vector_query *q = s->q;
	/* A third of the bound is still two standard deviations. */
	float error = vec_error(s->query, v->widest) / 3;
	size_t count = v->best.count, least = q->limit < count ? q->limit : count;
	int64_t *slots = mem_alloc(count * sizeof(*slots));
	double *scores = mem_alloc(count * sizeof(*scores));
	struct topk sure;
	int rc = 0;

	topk_init(&sure, q->sure);
	topk_sort(&v->best);
	for (size_t i = 0; i < count; i++)
		slots[i] = v->best.heap[i].key;
	for (size_t from = 0, n = least; from < count && rc == 0; from += n, n = 1) {
		if (from > 0 && v->best.heap[from].score + error < topk_floor(&sure))
			break;
		rc = vector_score(v, q->unit, q->dims, slots + from, n, scores + from, e);
		for (size_t i = from; i < from + n && rc == 0; i++)
			offer_true(q, scores[i], slots[i], &sure, out, rescored);
	}
	topk_free(&sure);
	free(slots);
	free(scores);
	return rc;
}

static void
give_items(struct topk *best, struct leg_item *items, size_t *count)
{
	topk_sort(best);
	for (size_t i = 0; i < best->count; i++)
		items[i] = (struct leg_item){best->heap[i].key, (double)best->heap[i].score,
		    (uint32_t)i + 1};
	*count = best->count;
}

int
vector_finish(struct vector_leg *v, struct vector_scan *s, const struct vector_leg *other,
    struct leg_item *items, size_t *count, uint64_t *scanned, uint64_t *rescored, struct err *e)
{
	struct topk best;
	int rc;

	if (other != NULL) {
		for (size_t i = 0; i < other->best.count; i++)
			topk_offer(&v->best, other->best.heap[i].score, other->best.heap[i].key);
		v->widest = fmaxf(v->widest, other->widest);
		v->scanned += other->scanned;
	}
	*scanned += v->scanned;
	topk_init(&best, s->q->limit);
	rc = rescore(v, s, &best, rescored, e);
	if (rc == 0)
		give_items(&best, items, count);
	topk_free(&best);
	return rc;
}

int
vector_exact(struct vector_leg *v, const struct vector_query *q, struct leg_item *items,
    size_t *count, uint64_t *scanned, struct err *e)
{
	struct topk best;
	int rc;

	topk_init(&best, q->limit);
	while ((rc = db_step(v->db, v->all, e)) > 0) {
		int64_t slot = sqlite3_column_int64(v->all, 2);
		float score;

		++*scanned;
		if (!slot_in(q->allowed, slot))
			continue;
		if (take_vector(v, v->all, slot, q->dims, e) != 0) {
			sqlite3_reset(v->all);
			rc = -1;
			break;
		}
		score = cosine(v, q->unit, q->dims);
		if ((double)score >= q->min_score && score > -2)
			topk_offer(&best, score, slot);
	}
	if (rc == 0)
		give_items(&best, items, count);
	topk_free(&best);
	return rc < 0 ? e->code : 0;
}

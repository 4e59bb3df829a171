#include "store/sqlite_search.h"

#include <math.h>
#include <stdlib.h>

#include "store/topk.h"
#include "store/vec.h"

/* How far the search for the true best widens: so many times the candidates. */
enum { WIDEN = 8 };

struct vector_leg {
	struct db *db;
	char *collection;
	sqlite3_stmt *blocks, *one, *all;
	struct vec_query *query; /* of the run at hand */
	float *estimates, *steps, *vector;
	size_t dims;             /* that vector has room for */

	/* Codes that are kept, in the order of blocks; NULL: none. */
	int64_t generation;
	int64_t *ids;
	float *kept_steps;
	uint8_t *kept_codes;
	size_t kept, room, kept_dims;
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
	int rc;

	v->db = db;
	v->collection = mem_string(collection);
	v->estimates = mem_alloc(BLOCK_SLOTS * sizeof(float));
	v->steps = mem_alloc(BLOCK_SLOTS * sizeof(float));
	rc = prepare(v, "SELECT id, steps, codes FROM", "block", "WHERE steps IS NOT NULL ORDER BY id",
	    &v->blocks, e);
	if (rc == 0)
		rc = prepare(v, "SELECT vector FROM", "vector", "WHERE id = ?1", &v->one, e);
	if (rc == 0)
		rc = prepare(v, "SELECT id, vector FROM", "vector", "ORDER BY id", &v->all, e);
	if (rc == 0)
		*out = v;
	else
		vector_close(v);
	return rc;
}

static void
forget(struct vector_leg *v)
{
	free(v->ids);
	free(v->kept_steps);
	free(v->kept_codes);
	v->ids = NULL;
	v->kept_steps = NULL;
	v->kept_codes = NULL;
	v->kept = v->room = 0;
}

void
vector_close(struct vector_leg *v)
{
	if (v == NULL)
		return;
	forget(v);
	sqlite3_finalize(v->blocks);
	sqlite3_finalize(v->one);
	sqlite3_finalize(v->all);
	free(v->estimates);
	free(v->steps);
	free(v->vector);
	free(v->collection);
	free(v);
}

/* --- float32 ---------------------------------------------------------------- */

static int
take_vector(struct vector_leg *v, struct slice blob, int64_t slot, size_t dims, struct err *e)
{
	if (blob.n != dims * sizeof(float))
		return damaged(v, "vector", slot, "size", e);
	if (v->dims < dims) {
		free(v->vector);
		v->vector = mem_alloc(dims * sizeof(float));
		v->dims = dims;
	}
	memcpy(v->vector, blob.p, blob.n); /* SQLite's bytes are not aligned */
	return 0;
}

/* The cosine of the vector that was taken. */
static float
cosine(const struct vector_leg *v, const float *unit, size_t dims)
{
	float norm = vec_norm(v->vector, dims), dot = vec_dot(unit, v->vector, dims);

	return norm > 0 && isfinite(dot) ? dot / norm : -2;
}

/* 1 and v->vector, 0 when the chunk has none, -1 on error. */
static int
read_vector(struct vector_leg *v, int64_t slot, size_t dims, struct err *e)
{
	int rc;

	sqlite3_bind_int64(v->one, 1, slot);
	rc = db_step(v->db, v->one, e);
	if (rc > 0 && take_vector(v, db_text(v->one, 0), slot, dims, e) != 0)
		rc = -1;
	sqlite3_reset(v->one);
	return rc;
}

int
vector_score(struct vector_leg *v, const float *unit, size_t dims, const int64_t *slots,
    size_t count, double *scores, struct err *e)
{
	for (size_t i = 0; i < count; i++) {
		int rc = read_vector(v, slots[i], dims, e);

		if (rc < 0)
			return e->code;
		scores[i] = rc > 0 ? (double)cosine(v, unit, dims) : -2;
	}
	return 0;
}

int
vector_fetch(struct vector_leg *v, int64_t slot, size_t dims, float *unit, struct err *e)
{
	int rc = read_vector(v, slot, dims, e);

	return rc > 0 ? vec_unit(v->vector, dims, unit) : rc;
}

/* --- the scan of codes -------------------------------------------------------- */

struct scan {
	const struct vector_query *q;
	struct topk best;
	float widest;      /* step */
	uint64_t scanned;
};

static void
scan_block(struct vector_leg *v, struct scan *scan, int64_t block, const float *steps,
    const uint8_t *codes)
{
	int64_t first = block << BLOCK_BITS;
	float floor = topk_floor(&scan->best);

	vec_scan(v->query, codes, steps, BLOCK_SLOTS, v->estimates);
	for (size_t i = 0; i < BLOCK_SLOTS; i++) {
		if (steps[i] > scan->widest)
			scan->widest = steps[i];
		scan->scanned += steps[i] > 0;
		if (v->estimates[i] > floor && steps[i] > 0 &&
		    slot_in(scan->q->allowed, first + (int64_t)i)) {
			topk_offer(&scan->best, v->estimates[i], first + (int64_t)i);
			floor = topk_floor(&scan->best);
		}
	}
}

static void
keep_block(struct vector_leg *v, int64_t id, const uint8_t *codes, size_t code_bytes)
{
	size_t room = v->room;

	if (v->kept == v->room) {
		room = v->room ? v->room * 2 : 64;
		v->ids = mem_resize(v->ids, room, sizeof(*v->ids));
		v->kept_steps = mem_resize(v->kept_steps, room * BLOCK_SLOTS, sizeof(float));
		v->kept_codes = mem_resize(v->kept_codes, room * BLOCK_SLOTS, code_bytes);
		v->room = room;
	}
	v->ids[v->kept] = id;
	memcpy(v->kept_steps + v->kept * BLOCK_SLOTS, v->steps, BLOCK_SLOTS * sizeof(float));
	memcpy(v->kept_codes + v->kept * BLOCK_SLOTS * code_bytes, codes, BLOCK_SLOTS * code_bytes);
	v->kept++;
}

static int
scan_file(struct vector_leg *v, struct scan *scan, int keep, struct err *e)
{
	size_t code_bytes = vec_code_size(scan->q->dims);
	int rc;

	while ((rc = db_step(v->db, v->blocks, e)) > 0) {
		int64_t id = sqlite3_column_int64(v->blocks, 0);
		struct slice steps = db_text(v->blocks, 1), codes;

		codes = db_text(v->blocks, 2);
		if (id < 0 || id > INT32_MAX || steps.n != BLOCK_SLOTS * sizeof(float) ||
		    codes.n != BLOCK_SLOTS * code_bytes) {
			sqlite3_reset(v->blocks);
			return damaged(v, "block", id, "size", e);
		}
		memcpy(v->steps, steps.p, steps.n);
		scan_block(v, scan, id, v->steps, (const uint8_t *)codes.p);
		if (keep)
			keep_block(v, id, (const uint8_t *)codes.p, code_bytes);
	}
	return rc < 0 ? e->code : 0;
}

static void
scan_kept(struct vector_leg *v, struct scan *scan)
{
	size_t code_bytes = vec_code_size(scan->q->dims);

	for (size_t i = 0; i < v->kept; i++)
		scan_block(v, scan, v->ids[i], v->kept_steps + i * BLOCK_SLOTS,
		    v->kept_codes + i * BLOCK_SLOTS * code_bytes);
}

static int
scan_codes(struct vector_leg *v, struct scan *scan, struct err *e)
{
	const struct vector_query *q = scan->q;
	size_t bytes = q->slots * (vec_code_size(q->dims) + sizeof(float));
	int keep = q->keep && bytes <= VECTOR_CACHE_MAX, rc;

	if (v->kept > 0 && v->generation == q->generation && v->kept_dims == q->dims) {
		scan_kept(v, scan);
		return 0;
	}
	forget(v);
	rc = scan_file(v, scan, keep, e);
	v->generation = q->generation;
	v->kept_dims = q->dims;
	if (rc != 0)
		forget(v);
	return rc;
}

/* Score the candidates in float32, the likeliest first, until no estimate
 * behind them could, with its error, be among the best q->sure. */
static int
rescore(struct vector_leg *v, const struct scan *scan, struct topk *out, uint64_t *rescored,
    struct err *e)
{
	const struct vector_query *q = scan->q;
	/* Half of the bound is still three standard deviations. */
	float error = vec_error(v->query, scan->widest) / 2;
	struct topk sure;
	int rc = 0;

	topk_init(&sure, q->sure);
	for (size_t i = 0; i < scan->best.count; i++) {
		const struct scored *c = &scan->best.heap[i];
		float score;

		if (i >= q->limit && c->score + error < topk_floor(&sure))
			break;
		rc = read_vector(v, c->key, q->dims, e);
		if (rc < 0)
			break;
		if (rc == 0)
			continue;
		++*rescored;
		score = cosine(v, q->unit, q->dims);
		topk_offer(&sure, score, c->key);
		if ((double)score >= q->min_score)
			topk_offer(out, score, c->key);
	}
	topk_free(&sure);
	return rc < 0 ? e->code : 0;
}

static int
run_codes(struct vector_leg *v, const struct vector_query *q, struct topk *out,
    uint64_t *scanned, uint64_t *rescored, struct err *e)
{
	struct scan scan = {.q = q};
	int rc;

	topk_init(&scan.best, q->limit * WIDEN);
	v->query = vec_query_new(q->unit, q->dims);
	rc = scan_codes(v, &scan, e);
	*scanned += scan.scanned;
	if (rc == 0) {
		topk_sort(&scan.best);
		rc = rescore(v, &scan, out, rescored, e);
	}
	vec_query_free(v->query);
	v->query = NULL;
	topk_free(&scan.best);
	return rc;
}

static int
run_exact(struct vector_leg *v, const struct vector_query *q, struct topk *out,
    uint64_t *scanned, struct err *e)
{
	int rc;

	while ((rc = db_step(v->db, v->all, e)) > 0) {
		int64_t slot = sqlite3_column_int64(v->all, 0);
		float score;

		++*scanned;
		if (!slot_in(q->allowed, slot))
			continue;
		if (take_vector(v, db_text(v->all, 1), slot, q->dims, e) != 0) {
			sqlite3_reset(v->all);
			return e->code;
		}
		score = cosine(v, q->unit, q->dims);
		if ((double)score >= q->min_score && score > -2)
			topk_offer(out, score, slot);
	}
	return rc < 0 ? e->code : 0;
}

int
vector_run(struct vector_leg *v, const struct vector_query *q, struct leg_item *items,
    size_t *count, uint64_t *scanned, uint64_t *rescored, struct err *e)
{
	struct topk best;
	int rc;

	*count = 0;
	if (q->limit == 0)
		return 0;
	topk_init(&best, q->limit);
	rc = q->exact ? run_exact(v, q, &best, scanned, e) : run_codes(v, q, &best, scanned, rescored, e);
	if (rc == 0) {
		topk_sort(&best);
		for (size_t i = 0; i < best.count; i++)
			items[i] = (struct leg_item){best.heap[i].key, (double)best.heap[i].score,
			    (uint32_t)i + 1};
		*count = best.count;
	}
	topk_free(&best);
	return rc;
}

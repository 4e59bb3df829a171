#include "store/sqlite_hits.h"

#include <stdlib.h>

#include "store/search.h"

enum { ALSO_MAX = 100 }; /* ids of identical content that are named */

struct choice {
	struct search_candidate *items; /* key: an index in ranked */
	size_t count;                   /* as many as were needed */
	struct arena arena;             /* owns ids and vectors */
	size_t *chosen;
	size_t chosen_count;
};

/* Add what there is to know of one ranked chunk. */
static int
read_candidate(struct sqlite_store *s, sqlite3_stmt *st, const struct search_query *q,
    const struct fused *ranked, size_t i, struct choice *c, struct err *e)
{
	struct slice key;
	int rc;

	sqlite3_bind_int64(st, 1, ranked[i].key);
	rc = db_step(&s->db, st, e);
	if (rc < 0)
		return e->code;
	if (rc == 0)
		return err_set(e, C1V_DATA, "searching %s: damaged file: row %lld of %s is missing",
		    s->db.path, (long long)ranked[i].key, s->base.collection);
	key = db_text(st, 0);
	if (q->exclude_id == NULL || !slice_is(key, q->exclude_id))
		c->items[c->count++] = (struct search_candidate){
			.score = ranked[i].score,
			.id = {arena_bytes(&c->arena, key.p, key.n), key.n},
			.content = sqlite3_column_int64(st, 1),
			.document = sqlite3_column_int64(st, 2),
			.key = (int64_t)i,
		};
	sqlite3_reset(st);
	return 0;
}

static int
read_vectors(struct sqlite_store *s, struct vector_leg *v, const struct fused *ranked,
    struct choice *c, struct err *e)
{
	size_t dims = s->info.dims;

	for (size_t i = 0; i < c->count && dims > 0; i++) {
		float *unit = arena_alloc(&c->arena, dims * sizeof(*unit));
		int rc = vector_fetch(v, ranked[c->items[i].key].key, dims, unit, e);

		if (rc < 0)
			return e->code;
		if (rc > 0)
			c->items[i].unit = unit;
	}
	return 0;
}

/* Read ranked chunks, equals together, and choose from them, until there are
 * enough; what is behind cannot change the choice. Diversity weighs all. */
static int
read_and_choose(struct sqlite_store *s, struct vector_leg *v, const struct search_query *q,
    const struct fused *ranked, size_t count, struct choice *c, struct err *e)
{
	struct search_rules rules = {
		.limit = q->limit, .per_document = q->per_document, .collapse = !q->no_collapse,
		.mmr = q->mmr, .cosines = q->mode == SEARCH_VECTOR, .dims = s->info.dims,
	};
	size_t i = 0, want = q->mmr >= 0 ? count : q->limit;
	sqlite3_stmt *st;
	int rc = sqlite_prepare(s, "SELECT key, hash, document FROM \"{c}_chunk\" WHERE id = ?1", &st, e);

	while (rc == 0 && i < count && c->chosen_count < q->limit) {
		while (rc == 0 && i < count && (i < want || ranked[i].score >= ranked[i - 1].score))
			rc = read_candidate(s, st, q, ranked, i++, c, e);
		if (rc == 0 && q->mmr >= 0)
			rc = read_vectors(s, v, ranked, c, e);
		if (rc != 0)
			break;
		search_rank(c->items, c->count);
		c->chosen_count = search_choose(&rules, c->items, c->count, c->chosen);
		want = 2 * i;
	}
	sqlite3_finalize(st);
	return rc;
}

/* --- reading the hits ------------------------------------------------------------- */

static struct slice
keep(struct search_hits *out, struct slice s)
{
	return s.p ? (struct slice){arena_bytes(&out->arena, s.p, s.n), s.n} : SLICE_NONE;
}

static int
read_hit(struct sqlite_store *s, sqlite3_stmt *st, const struct fused *f, struct search_hits *out,
    struct search_hit *hit, struct err *e)
{
	struct stored_chunk c;
	int rc;

	sqlite3_bind_int64(st, 1, f->key);
	rc = db_step(&s->db, st, e);
	if (rc == 0)
		return err_set(e, C1V_DATA, "searching %s: damaged file: row %lld of %s has no document",
		    s->db.path, (long long)f->key, s->base.collection);
	if (rc > 0)
		rc = sqlite_chunk(s, st, &c, NULL, e);
	if (rc == 0)
		*hit = (struct search_hit){
			.id = keep(out, c.id), .document = keep(out, c.document),
			.content = keep(out, c.content), .source = keep(out, c.source),
			.metadata = keep(out, c.metadata), .place = keep(out, c.place),
			.index = c.index, .of = c.of, .score = f->score,
			.vector_score = f->vector_score, .keyword_score = f->keyword_score,
			.vector_rank = f->vector_rank, .keyword_rank = f->keyword_rank,
		};
	sqlite3_reset(st);
	return rc == 0 ? 0 : e->code;
}

/* Ids of the other chunks with the same content. */
static int
read_also(struct sqlite_store *s, sqlite3_stmt *st, int64_t slot, int64_t hash,
    const struct slot_set *allowed, struct search_hits *out, struct search_hit *hit, struct err *e)
{
	struct slice also[ALSO_MAX], *kept;
	size_t n = 0;
	int rc;

	sqlite3_bind_int64(st, 1, hash);
	sqlite3_bind_int64(st, 2, slot);
	db_bind_text(st, 3, hit->content);
	while ((rc = db_step(&s->db, st, e)) > 0)
		if (n < ALSO_MAX && slot_in(allowed, sqlite3_column_int64(st, 0)))
			also[n++] = keep(out, db_text(st, 1));
	if (rc == 0 && n > 0) {
		kept = arena_alloc(&out->arena, n * sizeof(*kept));
		memcpy(kept, also, n * sizeof(*kept));
		hit->also = kept;
		hit->also_count = n;
	}
	return rc < 0 ? e->code : 0;
}

static int
read_hits(struct sqlite_store *s, const struct search_query *q, const struct slot_set *allowed,
    const struct fused *ranked, const struct choice *c, struct search_hits *out, struct err *e)
{
	sqlite3_stmt *chunk = NULL, *also = NULL;
	int rc = sqlite_prepare(s, SQLITE_CHUNK_COLUMNS "WHERE k.id = ?1", &chunk, e);

	if (rc == 0)
		rc = sqlite_prepare(s, "SELECT id, key FROM \"{c}_chunk\" WHERE hash = ?1 AND id <> ?2"
		    " AND content = ?3 ORDER BY key", &also, e);
	out->items = arena_alloc(&out->arena, (c->chosen_count + 1) * sizeof(*out->items));
	for (size_t i = 0; rc == 0 && i < c->chosen_count; i++) {
		const struct search_candidate *it = &c->items[c->chosen[i]];
		const struct fused *f = &ranked[it->key];
		struct search_hit *hit = &out->items[i];

		rc = read_hit(s, chunk, f, out, hit, e);
		if (rc == 0 && !q->no_collapse)
			rc = read_also(s, also, f->key, it->content, allowed, out, hit, e);
		out->count += rc == 0;
	}
	sqlite3_finalize(chunk);
	sqlite3_finalize(also);
	return rc;
}

int
sqlite_hits(struct sqlite_store *s, struct vector_leg *v, const struct search_query *q,
    const struct slot_set *allowed, const struct fused *ranked, size_t count,
    struct search_hits *out, struct err *e)
{
	size_t most = q->limit < count ? q->limit : count;
	struct choice c = {0};
	int rc;

	c.items = mem_alloc((count + 1) * sizeof(*c.items));
	c.chosen = mem_alloc((most + 1) * sizeof(*c.chosen));
	rc = read_and_choose(s, v, q, ranked, count, &c, e);
	if (rc == 0)
		rc = read_hits(s, q, allowed, ranked, &c, out, e);
	free(c.items);
	free(c.chosen);
	arena_free(&c.arena);
	return rc;
}

int
sqlite_neighbors(struct store *base, struct slice document, int64_t first, int64_t last,
    stored_chunk_fn *fn, void *arg, struct err *e)
{
	struct sqlite_store *s = sqlite_of(base);
	sqlite3_stmt *st;
	int rc = sqlite_prepare(s, SQLITE_CHUNK_COLUMNS "WHERE d.key = ?1 AND k.position BETWEEN ?2 AND ?3"
	    " ORDER BY k.position", &st, e);

	if (rc != 0)
		return rc;
	db_bind_text(st, 1, document);
	sqlite3_bind_int64(st, 2, first);
	sqlite3_bind_int64(st, 3, last);
	while ((rc = db_step(&s->db, st, e)) > 0) {
		struct stored_chunk c;

		rc = sqlite_chunk(s, st, &c, NULL, e);
		if (rc == 0)
			rc = fn(arg, &c, e);
		if (rc != 0)
			break;
	}
	sqlite3_finalize(st);
	return rc < 0 ? e->code : rc;
}

#include "cache/sqlite.h"

#include <stdlib.h>

enum { ATTEMPTS = 5 };
/* Below that part of its budget a cache does not care who was used when. */
enum { CAREFREE = 4 };

int
cache_file_count(struct cache_base *b, const struct cache_count *counts, size_t n, struct err *e)
{
	(void)e;
	for (size_t i = 0; i < n; i++)
		cache_hits_count(cache_file(b), &counts[i]);
	return 0;
}

/* --- into the database ---------------------------------------------------------------------- */

static int
fold_used(void *arg, int64_t id, int64_t when, struct err *e)
{
	struct cache_file *c = arg;

	if (c->state.bytes < c->max_size / CAREFREE)
		return 0;
	return cache_run(c, USE_LIFE, SLICE_NONE, (int64_t[]){id, when}, 2, e);
}

static int
fold_damaged(void *arg, int64_t id, struct slice key, struct err *e)
{
	int damaged, rc = cache_is_damaged(arg, key, id, &damaged, e);

	return rc == 0 && damaged ? cache_remove(arg, key, NULL, e) : rc;
}

static void
add_latency(int64_t to[CACHE_LATENCIES], struct slice stored)
{
	int64_t more[CACHE_LATENCIES];

	if (stored.n != sizeof(more))
		return;
	memcpy(more, stored.p, sizeof(more));
	for (int i = 0; i < CACHE_LATENCIES; i++)
		to[i] += more[i];
}

static int
fold_count(void *arg, const struct cache_count *count, struct err *e)
{
	struct cache_file *c = arg;
	int64_t area, latency[CACHE_LATENCIES];
	const struct slice blob = {(const char *)latency, sizeof(latency)};
	sqlite3_stmt *st;
	int rc = cache_area(c, count->group, &area, e) ? -1 : cache_ask(c, READ_COUNTS, SLICE_NONE, &area, 1, &st, e);

	memcpy(latency, count->latency, sizeof(latency));
	if (rc > 0) {
		add_latency(latency, db_text(st, 0));
		sqlite3_reset(st);
	}
	rc = rc < 0 ? e->code : cache_run(c, ADD_COUNTS, blob, (int64_t[]){area, count->hits, count->misses}, 3, e);
	for (size_t i = 0; i < count->saving_count && rc == 0; i++) {
		const struct cache_saving *s = &count->savings[i];

		rc = cache_run(c, ADD_SAVING, s->model, (int64_t[]){area, s->tokens}, 2, e);
	}
	return rc;
}

int
cache_stats_fold(struct cache_file *c, struct err *e)
{
	const struct cache_sink sink = {c, fold_used, fold_damaged, fold_count};

	return cache_hits_fold(c, &sink, e);
}

/* --- out of it ------------------------------------------------------------------------------ */

struct gathered {
	struct cache_group group;
	struct cache_saving *savings;
	size_t room;
};

struct gathering {
	struct cache_stats *out;
	struct slice prefix;
	struct gathered *groups;
	size_t count, room;
};

/* The group of that whole name, without the prefix; NULL when it does not begin with it. */
static struct gathered *
group_named(struct gathering *g, struct slice name)
{
	struct gathered *new;

	if (name.n < g->prefix.n || (g->prefix.n > 0 && memcmp(name.p, g->prefix.p, g->prefix.n) != 0))
		return NULL;
	name = (struct slice){name.p + g->prefix.n, name.n - g->prefix.n};
	for (size_t i = 0; i < g->count; i++) {
		if (slice_equal(g->groups[i].group.name, name))
			return &g->groups[i];
	}
	mem_grow(&g->groups, &g->room, g->count + 1, sizeof(*g->groups));
	new = &g->groups[g->count++];
	memset(new, 0, sizeof(*new));
	new->group.name = (struct slice){arena_bytes(&g->out->arena, name.p, name.n), name.n};
	return new;
}

static void
add_saving(struct gathering *g, struct gathered *to, struct slice model, int64_t tokens)
{
	for (size_t i = 0; i < to->group.saving_count; i++) {
		if (slice_equal(to->savings[i].model, model)) {
			to->savings[i].tokens += tokens;
			return;
		}
	}
	mem_grow(&to->savings, &to->room, to->group.saving_count + 1, sizeof(*to->savings));
	to->savings[to->group.saving_count++] = (struct cache_saving){
		{arena_bytes(&g->out->arena, model.p, model.n), model.n}, tokens
	};
}

/* What is not folded in yet. */
static int
gather_count(void *arg, const struct cache_count *count, struct err *e)
{
	struct gathering *g = arg;
	struct gathered *to = group_named(g, count->group);

	(void)e;
	g->out->hits += count->hits;
	g->out->misses += count->misses;
	if (to == NULL)
		return 0;
	to->group.hits += count->hits;
	to->group.misses += count->misses;
	for (int i = 0; i < CACHE_LATENCIES; i++)
		to->group.latency[i] += count->latency[i];
	for (size_t i = 0; i < count->saving_count; i++)
		add_saving(g, to, count->savings[i].model, count->savings[i].tokens);
	return 0;
}

static void
gather_area(struct gathering *g, sqlite3_stmt *st)
{
	struct gathered *to = group_named(g, db_text(st, 0));
	struct cache_group row = {
		.entries = sqlite3_column_int64(st, 1), .bytes = sqlite3_column_int64(st, 2),
		.evictions = sqlite3_column_int64(st, 3), .hits = sqlite3_column_int64(st, 4),
		.misses = sqlite3_column_int64(st, 5),
	};

	g->out->keys += row.entries;
	g->out->evictions += row.evictions;
	g->out->hits += row.hits;
	g->out->misses += row.misses;
	if (to == NULL)
		return;
	to->group.entries = row.entries;
	to->group.bytes = row.bytes;
	to->group.evictions = row.evictions;
	to->group.hits = row.hits;
	to->group.misses = row.misses;
	add_latency(to->group.latency, db_text(st, 6));
}

static int
gather_database(struct cache_file *c, struct gathering *g, struct err *e)
{
	sqlite3_stmt *st;
	int rc = db_prepare(&c->db, "SELECT name, entries, bytes, evictions, hits, misses, latency FROM area", &st, e);

	if (rc != 0)
		return rc;
	while ((rc = db_step(&c->db, st, e)) > 0)
		gather_area(g, st);
	sqlite3_finalize(st);
	if (rc == 0)
		rc = db_prepare(&c->db, "SELECT name, model, tokens FROM saving JOIN area ON area.id = saving.area",
		    &st, e) ? -1 : 0;
	if (rc < 0)
		return e->code;
	while ((rc = db_step(&c->db, st, e)) > 0) {
		struct gathered *to = group_named(g, db_text(st, 0));

		if (to != NULL)
			add_saving(g, to, db_text(st, 1), sqlite3_column_int64(st, 2));
	}
	sqlite3_finalize(st);
	return rc < 0 ? e->code : 0;
}

static void
begin_gathering(struct gathering *g)
{
	struct arena arena = g->out->arena;

	for (size_t i = 0; i < g->count; i++)
		free(g->groups[i].savings);
	g->count = 0;
	arena_reset(&arena);
	*g->out = (struct cache_stats){.arena = arena};
}

/* One state of the database, and what lies beside it. *same: it was still that state afterwards, so nothing is
 * in both or in neither. */
static int
gather(struct cache_file *c, struct gathering *g, int *same, struct err *e)
{
	const struct cache_sink sink = {g, NULL, NULL, gather_count};
	struct cache_state before;
	int rc, there;

	begin_gathering(g);
	rc = db_read_begin(&c->db, e);
	if (rc == 0)
		rc = cache_read_state(c, &there, e);
	before = c->state;
	if (rc == 0)
		rc = gather_database(c, g, e);
	db_read_end(&c->db);
	if (rc == 0)
		rc = cache_hits_rest(c, &sink, e);
	if (rc == 0)
		rc = cache_read_state(c, &there, e);
	*same = before.hits == c->state.hits && before.folded == c->state.folded && before.done == c->state.done;
	g->out->expired = before.expired;
	g->out->bytes = db_size(&c->db);
	return rc;
}

static int
by_name(const void *a, const void *b)
{
	return slice_order(((const struct cache_group *)a)->name, ((const struct cache_group *)b)->name);
}

static void
hand_over(struct gathering *g)
{
	struct arena *a = &g->out->arena;
	struct cache_group *groups = arena_alloc(a, g->count * sizeof(*groups));

	for (size_t i = 0; i < g->count; i++) {
		size_t n = g->groups[i].group.saving_count * sizeof(struct cache_saving);

		groups[i] = g->groups[i].group;
		groups[i].savings = n ? memcpy(arena_alloc(a, n), g->groups[i].savings, n) : NULL;
	}
	if (g->count > 0)
		qsort(groups, g->count, sizeof(*groups), by_name);
	g->out->groups = groups;
	g->out->group_count = g->count;
}

int
cache_file_stats(struct cache_base *b, struct slice prefix, struct cache_stats *out, struct err *e)
{
	struct cache_file *c = cache_file(b);
	struct gathering g = {.out = out, .prefix = prefix};
	int rc, same = 0;

	cache_hits_write(c);
	rc = cache_connect(c, DB_READ, e);
	for (int i = 0; i < ATTEMPTS && rc == 0 && !same; i++)
		rc = gather(c, &g, &same, e);
	/* No cache, or none that can be read, is an empty one. */
	if (rc == C1V_NO || rc == C1V_DATA) {
		begin_gathering(&g);
		rc = 0;
	}
	if (rc == 0)
		hand_over(&g);
	for (size_t i = 0; i < g.count; i++)
		free(g.groups[i].savings);
	free(g.groups);
	return rc;
}

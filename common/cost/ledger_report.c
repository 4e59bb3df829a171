#include "cost/ledger_private.h"

#include <stdlib.h>

/* Sums by groups, in a hash table with open addressing. */

enum { KEYS = 5 }; /* first day of the period, model, user, project, tool */

struct group {
	int64_t keys[KEYS]; /* 0 where it is not grouped by */
	int64_t calls, unknown, input, cached, output, cost, saved;
	int used;
};

struct groups {
	struct group *items;
	size_t count, room; /* room is a power of two */
};

static size_t
place_of(const struct groups *g, const int64_t keys[KEYS])
{
	uint64_t h = 0;
	size_t i;

	for (int k = 0; k < KEYS; k++)
		h = (h ^ (uint64_t)keys[k]) * UINT64_C(0x9e3779b97f4a7c15);
	i = (size_t)(h >> 32) & (g->room - 1);
	while (g->items[i].used && memcmp(g->items[i].keys, keys, sizeof(g->items[i].keys)) != 0)
		i = (i + 1) & (g->room - 1);
	return i;
}

static void
widen(struct groups *g)
{
	struct groups wider = {.room = g->room ? g->room * 2 : 1024};

	wider.items = mem_zero(wider.room, sizeof(*wider.items));
	for (size_t i = 0; i < g->room; i++)
		if (g->items[i].used)
			wider.items[place_of(&wider, g->items[i].keys)] = g->items[i];
	wider.count = g->count;
	free(g->items);
	*g = wider;
}

static struct group *
group_of(struct groups *g, const int64_t keys[KEYS])
{
	struct group *x;

	if (g->count * 2 >= g->room)
		widen(g);
	x = &g->items[place_of(g, keys)];
	if (!x->used) {
		memcpy(x->keys, keys, sizeof(x->keys));
		x->used = 1;
		g->count++;
	}
	return x;
}

enum { QUARTER_MS = 900000, QUARTERS = 65536 };

/* --- reading ------------------------------------------------------------------- */

struct report {
	struct ledger *l;
	const struct ledger_query *q;
	int64_t only[KEYS];         /* the ids that pass, by key; 0: all, -1: none */
	struct quarter { int64_t number, day; } *quarters; /* the days of quarters of an hour */
	struct groups groups;
};

static enum budget_per
period_of(const struct ledger_query *q)
{
	return q->by & BY_WEEK ? PER_WEEK : q->by & BY_MONTH ? PER_MONTH : PER_DAY;
}

/* All of a quarter of an hour is of one day, in every zone that is in use; asking
 * the C library for each row would take most of the time. */
static int64_t
local_day(struct report *r, int64_t ms)
{
	int64_t number = ms / QUARTER_MS;
	struct quarter *q;

	if (r->quarters == NULL)
		r->quarters = mem_zero(QUARTERS, sizeof(*r->quarters));
	q = &r->quarters[(uint64_t)number % QUARTERS];
	if (q->number != number || number == 0)
		*q = (struct quarter){number, ledger_day(ms, r->q->local)};
	return q->day;
}

/* The sums of whole days of UTC answer, or the rows themselves must. */
static int
by_days(const struct ledger_query *q)
{
	return !q->local && q->since % MS_OF_DAY == 0 && (q->until % MS_OF_DAY == 0 || q->until == INT64_MAX);
}

static int
take(struct report *r, sqlite3_stmt *st, int days)
{
	static const unsigned masks[KEYS] = {BY_DAY | BY_WEEK | BY_MONTH, BY_MODEL, BY_USER, BY_PROJECT, BY_TOOL};
	int64_t keys[KEYS];
	struct group *g;
	int overflow = 0;

	for (int i = 0; i < KEYS; i++) {
		keys[i] = sqlite3_column_int64(st, i);
		if (r->only[i] != 0 && r->only[i] != keys[i])
			return 0;
		if (!(r->q->by & masks[i]))
			keys[i] = 0;
	}
	if (r->q->by & masks[0])
		keys[0] = period_first(days ? keys[0] : local_day(r, keys[0]), period_of(r->q));
	g = group_of(&r->groups, keys);
	g->calls += sqlite3_column_int64(st, 5);
	g->unknown += sqlite3_column_int64(st, 6);
	overflow |= __builtin_add_overflow(g->input, sqlite3_column_int64(st, 7), &g->input);
	overflow |= __builtin_add_overflow(g->cached, sqlite3_column_int64(st, 8), &g->cached);
	overflow |= __builtin_add_overflow(g->output, sqlite3_column_int64(st, 9), &g->output);
	overflow |= __builtin_add_overflow(g->cost, sqlite3_column_int64(st, 10), &g->cost);
	overflow |= __builtin_add_overflow(g->saved, sqlite3_column_int64(st, 11), &g->saved);
	return overflow;
}

static int
read_rows(struct report *r, struct err *e)
{
	static const char *const sql[] = {
		/* Of all rows the table is read in its own order: much faster than by the index. */
		"SELECT time, model, user, project, tool, 1, cost IS NULL, input + cached + write + write_1h,"
		" cached, output, coalesce(cost, 0), saved FROM usage NOT INDEXED WHERE time >= ?1 AND time < ?2",
		"SELECT day, model, user, project, tool, calls, unknown, input, cached, output, cost, saved"
		" FROM day WHERE day >= ?1 AND day < ?2",
		"SELECT time, model, user, project, tool, 1, cost IS NULL, input + cached + write + write_1h,"
		" cached, output, coalesce(cost, 0), saved FROM usage WHERE time >= ?1 AND time < ?2",
	};
	int days = by_days(r->q), rc;
	int64_t unit = days ? MS_OF_DAY : 1;
	sqlite3_stmt *st;

	rc = db_prepare(&r->l->db, sql[days ? 1 : r->q->since > 0 ? 2 : 0], &st, e);
	if (rc != 0)
		return rc;
	sqlite3_bind_int64(st, 1, r->q->since / unit);
	sqlite3_bind_int64(st, 2, r->q->until == INT64_MAX ? INT64_MAX : r->q->until / unit);
	while ((rc = db_step(&r->l->db, st, e)) > 0) {
		if (take(r, st, days)) {
			rc = -err_set(e, C1V_DATA, "%s: a sum does not fit into 63 bits", r->l->name);
			break;
		}
	}
	sqlite3_finalize(st);
	return rc < 0 ? e->code : 0;
}

/* --- showing ------------------------------------------------------------------- */

static int
texts_of(struct report *r, const struct group *g, struct ledger_sum *s, struct err *e)
{
	struct slice *const to[] = {&s->model, &s->user, &s->project, &s->tool};

	for (int i = 0; i < 4; i++)
		if (ledger_text(r->l, g->keys[i + 1], to[i], e) != 0)
			return e->code;
	return 0;
}

static int
sums_of(struct report *r, struct ledger_sum *sums, struct err *e)
{
	size_t n = 0;

	for (size_t i = 0; i < r->groups.room; i++) {
		const struct group *g = &r->groups.items[i];
		struct ledger_sum *s = &sums[n];

		if (!g->used)
			continue;
		*s = (struct ledger_sum){.calls = g->calls, .unknown = g->unknown, .input = g->input,
		    .cached = g->cached, .output = g->output, .cost = g->cost, .saved = g->saved};
		if (r->q->by & (BY_DAY | BY_WEEK | BY_MONTH))
			period_name(g->keys[0], period_of(r->q), s->when);
		if (texts_of(r, g, s, e) != 0)
			return e->code;
		n++;
	}
	return 0;
}

static int
in_order(const void *x, const void *y)
{
	const struct ledger_sum *a = x, *b = y;
	const struct slice left[] = {a->model, a->user, a->project, a->tool};
	const struct slice right[] = {b->model, b->user, b->project, b->tool};
	int c = strcmp(a->when, b->when);

	if (c == 0)
		c = (a->cost < b->cost) - (a->cost > b->cost);
	for (int i = 0; i < 4 && c == 0; i++)
		c = slice_order(left[i], right[i]);
	return c;
}

static int
give(struct report *r, ledger_sum_fn *fn, void *arg, struct err *e)
{
	size_t n = r->groups.count;
	struct ledger_sum *sums = mem_zero(n, sizeof(*sums));
	int rc = sums_of(r, sums, e);

	if (rc == 0)
		qsort(sums, n, sizeof(*sums), in_order);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = fn(arg, &sums[i], e);
	free(sums);
	return rc;
}

static int
find_filters(struct report *r, struct err *e)
{
	const struct slice texts[KEYS] = {SLICE_NONE, r->q->model, r->q->user, r->q->project, r->q->tool};

	for (int i = 1; i < KEYS; i++)
		if (ledger_id(r->l, texts[i], 0, &r->only[i], e) != 0)
			return e->code;
	return 0;
}

int
ledger_report(struct ledger *l, const struct ledger_query *q, ledger_sum_fn *fn, void *arg, struct err *e)
{
	struct report r = {.l = l, .q = q};
	int rc = db_read_begin(&l->db, e);

	if (rc != 0)
		return rc;
	rc = find_filters(&r, e);
	if (rc == 0)
		rc = read_rows(&r, e);
	if (rc == 0)
		rc = give(&r, fn, arg, e);
	db_read_end(&l->db);
	free(r.groups.items);
	free(r.quarters);
	return rc;
}

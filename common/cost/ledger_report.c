#include "cost/ledger_driver.h"

#include <stdlib.h>

/* Sums by groups, in a hash table with open addressing. */

struct group {
	int64_t keys[PART_KEYS]; /* as of a part, but the first day of the period; 0 where it is not grouped by */
	int64_t sums[PART_SUMS];
	int used;
};

struct groups {
	struct group *items;
	size_t count, room; /* room is a power of two */
};

static size_t
place_of(const struct groups *g, const int64_t keys[PART_KEYS])
{
	uint64_t h = 0;
	size_t i;

	for (int k = 0; k < PART_KEYS; k++)
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
group_of(struct groups *g, const int64_t keys[PART_KEYS])
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
	int days;                   /* parts are sums of days of UTC */
	int moving;                 /* parts are rows that are in the sums already */
	int64_t still_from, still_to; /* while moving: the time of day when none is in the wrong day */
	struct known { int64_t *items; size_t count, room; } known; /* days that have sums; some may stand twice */
	int64_t only[PART_KEYS];    /* the ids that pass, by key; 0: all, -1: none */
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

enum { BY_TIME = BY_DAY | BY_WEEK | BY_MONTH };

/* The day that the sums of a day of UTC are put into. */
static int64_t
main_day(struct report *r, int64_t day)
{
	return r->q->local ? local_day(r, day * MS_OF_DAY + MS_OF_DAY / 2) : day;
}

/* The first day of the period that a part is counted in. */
static int64_t
part_period(struct report *r, int64_t when)
{
	return period_first(r->days ? main_day(r, when) : local_day(r, when), period_of(r->q));
}

static void
note_day(struct known *k, int64_t day)
{
	if (k->count && k->items[k->count - 1] == day)
		return;
	mem_grow(&k->items, &k->room, k->count + 1, sizeof(*k->items));
	k->items[k->count++] = day;
}

static int
add_sums(struct report *r, const int64_t keys[PART_KEYS], const struct ledger_part *p, int take_out, struct err *e)
{
	struct group *g = group_of(&r->groups, keys);
	int overflow = 0;

	for (int i = 0; i < PART_SUMS; i++)
		overflow |= take_out ? __builtin_sub_overflow(g->sums[i], p->sums[i], &g->sums[i])
		    : __builtin_add_overflow(g->sums[i], p->sums[i], &g->sums[i]);
	return overflow ? err_set(e, C1V_DATA, "%s: a sum does not fit into 63 bits", r->l->name) : 0;
}

/* A row from the period that the sums of its day are in to its own. */
static int
move(struct report *r, int64_t keys[PART_KEYS], const struct ledger_part *p, struct err *e)
{
	int64_t own = keys[0];

	keys[0] = period_first(main_day(r, ledger_day(p->keys[0], 0)), period_of(r->q));
	if (keys[0] == own)
		return 0;
	if (add_sums(r, keys, p, 1, e) != 0)
		return e->code;
	keys[0] = own;
	return add_sums(r, keys, p, 0, e);
}

int
report_take(struct report *r, const struct ledger_part *p, struct err *e)
{
	static const unsigned masks[PART_KEYS] = {BY_TIME, BY_MODEL, BY_USER, BY_PROJECT, BY_TOOL};
	int64_t keys[PART_KEYS];

	if (r->days)
		note_day(&r->known, p->keys[0]);
	for (int i = 0; i < PART_KEYS; i++) {
		keys[i] = p->keys[i];
		if (r->only[i] != 0 && r->only[i] != keys[i])
			return 0;
		if (!(r->q->by & masks[i]))
			keys[i] = 0;
	}
	if (r->q->by & BY_TIME)
		keys[0] = part_period(r, p->keys[0]);
	return r->moving ? move(r, keys, p, e) : add_sums(r, keys, p, 0, e);
}

/* --- days that are not those of UTC ---------------------------------------------- */

/* The sums of whole days of UTC answer most of a report. Beside them are read only the rows of the
 * days that the report begins and ends within, and those between the midnight of UTC and the local one,
 * which the sums have put into the wrong day. */

static int
read_part(struct report *r, int64_t since, int64_t until, int days, struct err *e)
{
	struct ledger_query q = *r->q;

	if (since >= until)
		return 0;
	q.since = since;
	q.until = until;
	r->days = days;
	return r->l->driver->read(r->l, r, &q, days, e);
}

/* The time of day, by quarters of an hour, from and to which the local day is that of noon. */
static void
find_still(struct report *r, int64_t day, int64_t *from, int64_t *to)
{
	int64_t start = day * MS_OF_DAY, noon = main_day(r, day);

	while (*from < MS_OF_DAY && local_day(r, start + *from) != noon)
		*from += QUARTER_MS;
	while (*to > *from && local_day(r, start + *to - 1) != noon)
		*to -= QUARTER_MS;
}

void
report_still(const struct report *r, int64_t *from, int64_t *to)
{
	*from = r->moving ? r->still_from : 0;
	*to = r->moving ? r->still_to : 0;
}

static int
move_rows(struct report *r, int64_t since, int64_t until, struct err *e)
{
	int rc;

	r->still_from = 0;
	r->still_to = MS_OF_DAY;
	for (size_t i = 0; i < r->known.count; i++)
		find_still(r, r->known.items[i], &r->still_from, &r->still_to);
	r->moving = 1;
	rc = r->still_to - r->still_from < MS_OF_DAY ? read_part(r, since, until, 0, e) : 0;
	r->moving = 0;
	return rc;
}

static int
read_all(struct report *r, struct err *e)
{
	const struct ledger_query *q = r->q;
	int64_t first = ledger_day(q->since + MS_OF_DAY - 1, 0) * MS_OF_DAY, last = q->until;
	int rc;

	if (last != INT64_MAX)
		last = ledger_day(last, 0) * MS_OF_DAY;
	/* Where rows come while the report is made, those that are moved might be in no sum. */
	if (first >= last || (q->local && !r->l->driver->one_moment))
		return read_part(r, q->since, q->until, 0, e);
	rc = read_part(r, first, last, 1, e);
	if (rc == 0)
		rc = read_part(r, q->since, first, 0, e);
	if (rc == 0)
		rc = read_part(r, last, q->until, 0, e);
	return rc == 0 && q->local && q->by & BY_TIME ? move_rows(r, first, last, e) : rc;
}

/* --- showing ------------------------------------------------------------------- */

static int
texts_of(struct report *r, const struct group *g, struct ledger_sum *s, struct err *e)
{
	struct slice *const to[] = {&s->model, &s->user, &s->project, &s->tool};

	for (int i = 0; i < 4; i++)
		if (r->l->driver->text(r->l, g->keys[i + 1], to[i], e) != 0)
			return e->code;
	return 0;
}

/* A group of which all was moved away is none. */
static int
sums_of(struct report *r, struct ledger_sum *sums, size_t *count, struct err *e)
{
	size_t n = 0;

	for (size_t i = 0; i < r->groups.room; i++) {
		const struct group *g = &r->groups.items[i];
		struct ledger_sum *s = &sums[n];

		if (!g->used || g->sums[0] == 0)
			continue;
		*s = (struct ledger_sum){.calls = g->sums[0], .unknown = g->sums[1], .input = g->sums[2],
		    .cached = g->sums[3], .output = g->sums[4], .cost = g->sums[5], .saved = g->sums[6]};
		if (r->q->by & (BY_DAY | BY_WEEK | BY_MONTH))
			period_name(g->keys[0], period_of(r->q), s->when);
		if (texts_of(r, g, s, e) != 0)
			return e->code;
		n++;
	}
	*count = n;
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
	size_t n = 0;
	struct ledger_sum *sums = mem_zero(r->groups.count, sizeof(*sums));
	int rc = sums_of(r, sums, &n, e);

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
	const struct slice texts[PART_KEYS] = {SLICE_NONE, r->q->model, r->q->user, r->q->project, r->q->tool};

	for (int i = 1; i < PART_KEYS; i++)
		if (r->l->driver->id(r->l, texts[i], &r->only[i], e) != 0)
			return e->code;
	return 0;
}

int
ledger_report(struct ledger *l, const struct ledger_query *q, ledger_sum_fn *fn, void *arg, struct err *e)
{
	struct report r = {.l = l, .q = q};
	int rc = l->driver->read_begin(l, e);

	if (rc != 0)
		return rc;
	rc = find_filters(&r, e);
	if (rc == 0)
		rc = read_all(&r, e);
	if (rc == 0)
		rc = give(&r, fn, arg, e);
	l->driver->read_end(l);
	free(r.groups.items);
	free(r.quarters);
	free(r.known.items);
	return rc;
}

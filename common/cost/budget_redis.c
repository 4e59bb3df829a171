#include "cost/ledger_redis.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/num.h"
#include "cost/money.h"
#include "gen/sql.h"

enum { PIECES = 34 }; /* a month of a time zone touches 32 days of UTC */
#define EXACT ((INT64_C(1) << 53) - 1) /* what a script counts exactly */

static const char *const period_numbers[] = {"1", "2", "3", "4"};

/* --- budgets and who they concern --------------------------------------------------------- */

/* [user,project] */
static struct slice
whose(struct redis_ledger *l, struct slice user, struct slice project)
{
	return slice_of(arena_format(&l->scratch, "[%.*s,%.*s]", (int)user.n, user.p, (int)project.n, project.p));
}

static struct slice
field_of(struct redis_ledger *l, enum budget_per per, struct slice user, struct slice project)
{
	return slice_of(arena_format(&l->scratch, "[\"%s\",%.*s,%.*s]", budget_pers[per], (int)user.n, user.p,
	    (int)project.n, project.p));
}

int
redis_budget_set(struct ledger *base, const struct budget *b, struct err *e)
{
	struct redis_ledger *l = (struct redis_ledger *)base;
	struct slice user, project;
	struct redis_reply reply;
	struct words w = {0};
	int rc;

	arena_reset(&l->scratch);
	if (b->amount > EXACT)
		return err_set(e, C1V_USAGE, "%s: a budget there is at most 9007199 dollars", l->base.name);
	if (quote_name(l, b->user, &user, e) != 0 || quote_name(l, b->project, &project, e) != 0)
		return C1V_USAGE;
	words_add(&w, b->amount < 0 ? SLICE("HDEL") : SLICE("HSET"));
	words_add(&w, SLICE(LEDGER_KEY("budgets")));
	words_add(&w, field_of(l, b->per, user, project));
	if (b->amount >= 0)
		words_int(l, &w, b->amount);
	rc = ledger_ask_one(l, &w, 1, &reply, e);
	free(w.items);
	if (rc == 0 && b->amount < 0 && reply.integer == 0)
		rc = err_set(e, C1V_NO, "there is no such budget");
	return rc;
}

/* --- what is spent ---------------------------------------------------------------------------- */

/* A part of a day of UTC, in quarters of an hour. */
struct piece {
	int64_t day;
	int first, last; /* first -1: all of it */
};

static size_t
pieces_of(enum budget_per per, int64_t now, int local, struct piece *out, char name[16])
{
	int64_t from, to;
	size_t n = 0;

	period_span(now, per, local, &from, &to, name);
	for (int64_t day = ledger_day(from, 0); per != PER_TOTAL && day * MS_OF_DAY < to && n < PIECES; day++) {
		int64_t begin = day * MS_OF_DAY, end = begin + MS_OF_DAY;
		int first = from > begin ? (int)((from - begin) / QUARTER_OF_HOUR) : 0;
		int last = (int)(((to < end ? to : end) - begin - 1) / QUARTER_OF_HOUR);

		if (first == 0 && last == QUARTERS_OF_DAY - 1)
			first = -1;
		out[n++] = (struct piece){day, first, last};
	}
	return n;
}

static struct redis_command
ask_piece(struct redis_ledger *l, const struct piece *p, struct slice field, struct words *w)
{
	w->count = 0;
	words_add(w, SLICE("HMGET"));
	words_add(w, key_of_day(l, "spent", p->day));
	if (p->first < 0)
		words_add(w, field);
	for (int q = p->first; p->first >= 0 && q <= p->last; q++)
		words_add(w, slice_of(arena_format(&l->scratch, "%d%.*s", q, (int)field.n, field.p)));
	return (struct redis_command){.args = w->items, .count = w->count, .key = 1};
}

static int
add_up(struct redis_ledger *l, const struct redis_reply *replies, size_t n, int64_t *sum, struct err *e)
{
	int64_t part;

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < replies[i].count; k++) {
			if (read_number(l, &replies[i].items[k], &part, e) != 0)
				return e->code;
			*sum += part;
		}
	}
	return 0;
}

/* Fill spent and period. */
static int
measure(struct redis_ledger *l, struct budget *b, int64_t now, int local, struct err *e)
{
	struct piece pieces[PIECES];
	struct redis_command commands[PIECES];
	struct redis_reply replies[PIECES];
	struct words words[PIECES] = {{0}};
	struct slice user, project, field;
	size_t n = pieces_of(b->per, now, local, pieces, b->period);
	int rc = quote_name(l, b->user, &user, e);

	if (rc == 0)
		rc = quote_name(l, b->project, &project, e);
	if (rc != 0)
		return rc;
	field = whose(l, user, project);
	for (size_t i = 0; i < n; i++)
		commands[i] = ask_piece(l, &pieces[i], field, &words[i]);
	if (b->per == PER_TOTAL) {
		words_add(&words[0], SLICE("HMGET"));
		words_add(&words[0], SLICE(LEDGER_KEY("spent")));
		words_add(&words[0], field);
		commands[n++] = (struct redis_command){.args = words[0].items, .count = 3, .key = 1};
	}
	b->spent = 0;
	rc = ledger_ask(l, commands, n, replies, e);
	if (rc == 0)
		rc = add_up(l, replies, n, &b->spent, e);
	for (size_t i = 0; i < PIECES; i++)
		free(words[i].items);
	return rc;
}

/* --- all of them -------------------------------------------------------------------------------- */

struct hold {
	int64_t expires, amount;
	struct slice user, project; /* as JSON */
};

struct list {
	struct budget *budgets;
	struct hold *holds;
	size_t budget_count, hold_count;
};

static struct slice
name_at(struct redis_ledger *l, struct json_walk *w)
{
	struct buf b = {0};
	struct slice item, text = SLICE_NONE;

	if (json_item(w, &item) && json_type(item) == JSON_STRING) {
		text = json_text(item, &b);
		text.p = arena_bytes(&l->scratch, text.p, text.n);
	}
	buf_free(&b);
	return text;
}

static int
read_budget(struct redis_ledger *l, struct slice field, const struct redis_reply *amount, struct budget *b, struct err *e)
{
	struct json_walk w;
	struct slice per;

	memset(b, 0, sizeof(*b));
	if (json_check(field, &field, NULL) != 0 || json_type(field) != JSON_ARRAY)
		return ledger_damaged(l, "a budget of nobody", e);
	w = json_walk(field);
	per = name_at(l, &w);
	while (b->per < PER_TOTAL && !slice_is(per, budget_pers[b->per]))
		b->per++;
	b->user = name_at(l, &w);
	b->project = name_at(l, &w);
	return read_number(l, amount, &b->amount, e);
}

/* Expiry, amount, user, project: a line each. */
static int
read_hold(struct redis_ledger *l, struct slice text, struct hold *h, struct err *e)
{
	struct slice lines[4];
	const char *p = text.p, *end = text.p + text.n;

	for (int i = 0; i < 4; i++) {
		const char *stop = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;

		stop = stop ? stop : end;
		lines[i] = (struct slice){arena_bytes(&l->scratch, p, (size_t)(stop - p)), (size_t)(stop - p)};
		p = stop < end ? stop + 1 : end;
	}
	*h = (struct hold){.user = lines[2], .project = lines[3]};
	if (num_int(lines[0], 0, INT64_MAX, &h->expires, "", NULL) != 0 ||
	    num_int(lines[1], 0, INT64_MAX, &h->amount, "", NULL) != 0)
		return ledger_damaged(l, "a reservation of nothing", e);
	return 0;
}

static int
in_order(const void *x, const void *y)
{
	const struct budget *a = x, *b = y;
	int c = (a->per > b->per) - (a->per < b->per);

	if (c == 0)
		c = slice_order(a->user, b->user);
	return c ? c : slice_order(a->project, b->project);
}

static int
read_all(struct redis_ledger *l, struct list *list, struct err *e)
{
	const struct slice budgets[] = {SLICE("HGETALL"), SLICE(LEDGER_KEY("budgets"))};
	const struct slice held[] = {SLICE("HVALS"), SLICE(LEDGER_KEY("held"))};
	const struct redis_command commands[] = {{.args = budgets, .count = 2, .key = 1}, {.args = held, .count = 2, .key = 1}};
	struct redis_reply replies[2];
	int rc = ledger_ask(l, commands, 2, replies, e);

	if (rc != 0)
		return rc;
	list->budget_count = replies[0].count / 2;
	list->budgets = mem_zero(list->budget_count, sizeof(*list->budgets));
	list->hold_count = replies[1].count;
	list->holds = mem_zero(list->hold_count, sizeof(*list->holds));
	for (size_t i = 0; i < list->budget_count && rc == 0; i++)
		rc = read_budget(l, replies[0].items[2 * i].text, &replies[0].items[2 * i + 1], &list->budgets[i], e);
	for (size_t i = 0; i < list->hold_count && rc == 0; i++)
		rc = read_hold(l, replies[1].items[i].text, &list->holds[i], e);
	qsort(list->budgets, list->budget_count, sizeof(*list->budgets), in_order);
	return rc;
}

static int
concerns(struct redis_ledger *l, struct slice name, struct slice quoted)
{
	struct slice own;

	return name.p == NULL || (quote_name(l, name, &own, NULL) == 0 && slice_equal(own, quoted));
}

static void
reserved_now(struct redis_ledger *l, const struct list *list, struct budget *b, int64_t now)
{
	for (size_t i = 0; i < list->hold_count; i++) {
		const struct hold *h = &list->holds[i];

		if (h->expires > now && concerns(l, b->user, h->user) && concerns(l, b->project, h->project))
			b->reserved += h->amount;
	}
}

int
redis_budget_each(struct ledger *base, int64_t now, int local, budget_fn *fn, void *arg, struct err *e)
{
	struct redis_ledger *l = (struct redis_ledger *)base;
	struct list list = {0};
	int rc;

	arena_reset(&l->scratch);
	rc = read_all(l, &list, e);
	for (size_t i = 0; i < list.budget_count && rc == 0; i++) {
		rc = measure(l, &list.budgets[i], now, local, e);
		reserved_now(l, &list, &list.budgets[i], now);
		if (rc == 0)
			rc = fn(arg, &list.budgets[i], e);
	}
	free(list.budgets);
	free(list.holds);
	return rc;
}

/* --- the gate ---------------------------------------------------------------------------------------- */

static int
fits(void *arg, const struct budget *b, struct err *e)
{
	const struct spend *s = arg;

	if ((b->user.p != NULL && !slice_equal(b->user, s->user)) ||
	    (b->project.p != NULL && !slice_equal(b->project, s->project)))
		return 0;
	return budget_exceeded(b, s->amount) ? budget_refuse(b, s->amount, e) : 0;
}

int
redis_budget_check(struct ledger *l, const struct spend *s, struct err *e)
{
	struct spend copy = *s;

	return redis_budget_each(l, s->now, s->local, fits, &copy, e);
}

/* A budget that may be there and would concern this spending. */
struct candidate {
	struct budget b;
	struct slice field, whose, user, project; /* as they stand in keys */
};
enum { CANDIDATES = 16 };

static size_t
candidates_of(struct redis_ledger *l, const struct spend *s, struct slice user, struct slice project,
    struct candidate *out)
{
	size_t n = 0;

	for (unsigned i = 0; i < CANDIDATES; i++) {
		struct candidate *c = &out[n];
		enum budget_per per = i / 4;
		int of_user = i / 2 % 2 != 0, of_project = i % 2 != 0;

		if ((of_user && s->user.p == NULL) || (of_project && s->project.p == NULL))
			continue;
		c->b = (struct budget){.per = per, .user = of_user ? s->user : SLICE_NONE,
		    .project = of_project ? s->project : SLICE_NONE};
		c->user = of_user ? user : SLICE("null");
		c->project = of_project ? project : SLICE("null");
		c->field = field_of(l, per, c->user, c->project);
		c->whose = whose(l, c->user, c->project);
		n++;
	}
	return n;
}

/* Where in keys the day's sums are, from 1, behind the three others. */
static int64_t
place_of_day(struct redis_ledger *l, struct words *keys, int64_t day)
{
	struct slice key = key_of_day(l, "spent", day);
	size_t i = 3;

	while (i < keys->count && !slice_equal(keys->items[i], key))
		i++;
	if (i == keys->count)
		words_add(keys, key);
	return (int64_t)i - 2;
}

static size_t
add_pieces(struct redis_ledger *l, const struct spend *s, struct words *keys, struct words *args)
{
	struct piece pieces[PIECES];
	char name[16];
	size_t all = 0;

	for (enum budget_per per = PER_DAY; per < PER_TOTAL; per++) {
		size_t n = pieces_of(per, s->now, s->local, pieces, name);

		for (size_t i = 0; i < n; i++) {
			words_add(args, slice_of(period_numbers[per]));
			words_int(l, args, place_of_day(l, keys, pieces[i].day));
			words_int(l, args, pieces[i].first);
			words_int(l, args, pieces[i].last);
		}
		all += n;
	}
	return all;
}

static int
refused(struct redis_ledger *l, const struct spend *s, const struct candidate *all, size_t n,
    const struct redis_reply *reply, struct err *e)
{
	int64_t from, to, numbers[4];
	struct budget b;

	for (size_t i = 0; i < 4; i++)
		if (reply->count != 5 || read_number(l, &reply->items[i + 1], &numbers[i], e) != 0)
			return ledger_damaged(l, "an answer without numbers", e);
	if (numbers[0] < 0 || (size_t)numbers[0] >= n)
		return ledger_damaged(l, "an answer of no budget", e);
	b = all[numbers[0]].b;
	period_span(s->now, b.per, s->local, &from, &to, b.period);
	b.amount = numbers[1];
	b.spent = numbers[2];
	b.reserved = numbers[3];
	return budget_refuse(&b, s->amount, e);
}

static int
reserve(struct redis_ledger *l, const struct spend *s, int64_t expires, const char *id, struct slice user,
    struct slice project, struct words *keys, struct words *args, struct err *e)
{
	struct candidate candidates[CANDIDATES];
	size_t n = candidates_of(l, s, user, project, candidates), pieces;
	struct redis_reply reply;
	int rc;

	words_add(keys, SLICE(LEDGER_KEY("budgets")));
	words_add(keys, SLICE(LEDGER_KEY("held")));
	words_add(keys, SLICE(LEDGER_KEY("spent")));
	words_int(l, args, s->now);
	words_add(args, slice_of(id));
	words_int(l, args, s->amount);
	words_int(l, args, expires);
	words_add(args, user);
	words_add(args, project);
	words_add(args, SLICE_NONE);
	words_int(l, args, (int64_t)n);
	pieces = add_pieces(l, s, keys, args);
	args->items[6] = slice_of(arena_format(&l->scratch, "%zu", pieces));
	for (size_t i = 0; i < n; i++) {
		words_add(args, candidates[i].field);
		words_add(args, slice_of(period_numbers[candidates[i].b.per]));
		words_add(args, candidates[i].whose);
		words_add(args, candidates[i].user);
		words_add(args, candidates[i].project);
	}
	rc = ledger_script(l, lua_ledger_reserve, keys, args, &reply, e);
	if (rc == 0 && slice_is(reply.items[0].text, "full"))
		rc = refused(l, s, candidates, n, &reply, e);
	return rc;
}

int
redis_budget_reserve(struct ledger *base, const struct spend *s, double seconds, const char *id, struct err *e)
{
	struct redis_ledger *l = (struct redis_ledger *)base;
	struct words keys = {0}, args = {0};
	struct slice user, project;
	int rc;

	arena_reset(&l->scratch);
	if (quote_name(l, s->user, &user, e) != 0 || quote_name(l, s->project, &project, e) != 0)
		return C1V_USAGE;
	rc = reserve(l, s, s->now + (int64_t)(seconds * 1000), id, user, project, &keys, &args, e);
	free(keys.items);
	free(args.items);
	return rc;
}

int
redis_budget_release(struct ledger *base, struct slice id, struct err *e)
{
	struct redis_ledger *l = (struct redis_ledger *)base;
	const struct slice args[] = {SLICE("HDEL"), SLICE(LEDGER_KEY("held")), id};
	const struct redis_command c = {.args = args, .count = 3, .key = 1};
	struct redis_reply reply;
	int rc = ledger_ask(l, &c, 1, &reply, e);

	if (rc == 0 && reply.integer == 0)
		rc = err_set(e, C1V_NO, "there is no reservation %.*s", id.n > 60 ? 60 : (int)id.n, id.p);
	return rc;
}

#include "cost/ledger_redis.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/num.h"
#include "base/utf8.h"
#include "cost/money.h"
#include "gen/sql.h"

enum {
	TIMEOUT = 5,  /* seconds */
	BATCH = 500   /* calls in a script: the server does nothing else for so long */
};

/* --- commands -------------------------------------------------------------------- */

void
words_add(struct words *w, struct slice s)
{
	mem_grow(&w->items, &w->room, w->count + 1, sizeof(*w->items));
	w->items[w->count++] = s;
}

void
words_int(struct redis_ledger *l, struct words *w, int64_t n)
{
	words_add(w, slice_of(arena_format(&l->scratch, "%lld", (long long)n)));
}

struct slice
key_of_day(struct redis_ledger *l, const char *name, int64_t day)
{
	return slice_of(arena_format(&l->scratch, LEDGER_KEY("%s:%lld"), name, (long long)day));
}

/* Three texts, the second of which may hold anything. */
static struct slice
joined(struct redis_ledger *l, const char *before, struct slice text, const char *behind)
{
	size_t b = strlen(before), n = strlen(behind);
	char *p = arena_alloc(&l->scratch, b + text.n + n);

	memcpy(p, before, b);
	memcpy(p + b, text.p, text.n);
	memcpy(p + b + text.n, behind, n);
	return (struct slice){p, b + text.n + n};
}

int
quote_name(struct redis_ledger *l, struct slice text, struct slice *out, struct err *e)
{
	struct buf b = {0};

	*out = SLICE("null");
	if (text.p == NULL)
		return 0;
	if (utf8_valid(text.p, text.n) != text.n)
		return err_set(e, C1V_USAGE, "a name is not UTF-8 text");
	json_add_string(&b, text);
	*out = (struct slice){arena_bytes(&l->scratch, b.data, b.len), b.len};
	buf_free(&b);
	return 0;
}

int
ledger_ask(struct redis_ledger *l, const struct redis_command *commands, size_t n,
    struct redis_reply *replies, struct err *e)
{
	int rc = redis_run(l->redis, commands, n, replies, e);

	for (size_t i = 0; i < n && rc == 0; i++)
		if (replies[i].type == REDIS_ERROR)
			rc = redis_refusal(l->redis, &replies[i], e);
	return rc;
}

int
ledger_ask_one(struct redis_ledger *l, const struct words *w, size_t key, struct redis_reply *reply, struct err *e)
{
	const struct redis_command c = {.args = w->items, .count = w->count, .key = key};

	return ledger_ask(l, &c, 1, reply, e);
}

int
ledger_damaged(const struct redis_ledger *l, const char *what, struct err *e)
{
	return err_set(e, C1V_DATA, "%s: damaged: %s", l->base.name, what);
}

int
ledger_script(struct redis_ledger *l, const char *script, const struct words *keys, const struct words *args,
    struct redis_reply *reply, struct err *e)
{
	struct words all = {0};
	int rc;

	words_add(&all, SLICE("EVAL"));
	words_add(&all, slice_of(script));
	words_int(l, &all, (int64_t)keys->count);
	for (size_t i = 0; i < keys->count; i++)
		words_add(&all, keys->items[i]);
	for (size_t i = 0; i < args->count; i++)
		words_add(&all, args->items[i]);
	rc = ledger_ask_one(l, &all, 3, reply, e);
	free(all.items);
	if (rc == 0 && (reply->type != REDIS_ARRAY || reply->count == 0))
		rc = err_set(e, C1V_PROTOCOL, "%s: answered nonsense to a script", l->base.name);
	return rc;
}

int
read_number(const struct redis_ledger *l, const struct redis_reply *r, int64_t *out, struct err *e)
{
	*out = r->integer;
	if (r->type == REDIS_INTEGER)
		return 0;
	*out = 0;
	if (r->type == REDIS_NIL)
		return 0;
	if (r->type != REDIS_STRING || num_int(r->text, INT64_MIN, INT64_MAX, out, "", NULL) != 0)
		return ledger_damaged(l, "a sum that is no number", e);
	return 0;
}

/* --- opening ----------------------------------------------------------------------- */

/* Is there a ledger that we understand? To write, make it one. */
static int
meet(struct redis_ledger *l, enum ledger_mode mode, struct err *e)
{
	const struct slice key = SLICE(LEDGER_KEY("version"));
	const struct slice set[] = {SLICE("SET"), key, SLICE("1"), SLICE("NX")}, get[] = {SLICE("GET"), key};
	const struct redis_command commands[] = {{.args = set, .count = 4, .key = 1}, {.args = get, .count = 2, .key = 1}};
	struct redis_reply replies[2];
	size_t from = mode == LEDGER_WRITE ? 0 : 1;
	int rc = ledger_ask(l, commands + from, 2 - from, replies + from, e);

	if (rc != 0)
		return rc;
	if (replies[1].type == REDIS_NIL)
		return err_set(e, C1V_NO, "%s: there is no ledger yet", l->base.name);
	if (replies[1].type != REDIS_STRING || !slice_is(replies[1].text, "1"))
		return err_set(e, C1V_DATA, "%s: the ledger is not of the version that this tool knows", l->base.name);
	return 0;
}

static void
redis_ledger_close(struct ledger *base)
{
	struct redis_ledger *l = (struct redis_ledger *)base;

	redis_close(l->redis);
	arena_free(&l->scratch);
	arena_free(&l->texts);
	free(l->rows);
	free(l->calls.items);
	free(l->changes.items);
	free(l->days);
	free(l->names.texts);
	free(l->names.slots);
	free(l);
}

static int
redis_ledger_open(const char *url, const struct ledger_options *o, struct ledger **out, struct err *e)
{
	const struct redis_options how = {.url = url, .connect_timeout = TIMEOUT, .command_timeout = TIMEOUT,
	    .stop = o->stop};
	struct redis_ledger *l;
	struct redis *r;
	int rc = redis_open(&how, &r, e);

	if (rc != 0)
		return rc;
	l = mem_zero(1, sizeof(*l));
	l->redis = r;
	l->base.name = mem_string(redis_name(r));
	rc = meet(l, o->mode, e);
	if (rc == 0) {
		*out = &l->base;
		return 0;
	}
	free(l->base.name);
	redis_ledger_close(&l->base);
	return rc;
}

/* --- a transaction -------------------------------------------------------------------- */

static void
forget(struct redis_ledger *l)
{
	l->row_count = l->calls.count = l->changes.count = l->day_count = 0;
	arena_reset(&l->scratch);
}

static int
redis_ledger_begin(struct ledger *base, struct err *e)
{
	(void)e;
	forget((struct redis_ledger *)base);
	return 0;
}

static void
redis_ledger_rollback(struct ledger *base)
{
	forget((struct redis_ledger *)base);
}

/* Which of the days of this transaction is it? From 1. */
static int64_t
place_of_day(struct redis_ledger *l, int64_t day)
{
	size_t i = 0;

	while (i < l->day_count && l->days[i] != day)
		i++;
	if (i == l->day_count) {
		mem_grow(&l->days, &l->day_room, i + 1, sizeof(*l->days));
		l->days[l->day_count++] = day;
	}
	return (int64_t)i + 1;
}

/* [time,input,cached,write,write_1h,output,searches,batch,cost,saved,model,user,project,tool,priced as,price from,
 * price list,request id], and the part of it by which reports group. */
static int
add_row(struct redis_ledger *l, const struct ledger_row *row, struct slice *text, struct slice *group,
    struct slice names[4], struct err *e)
{
	const struct usage *u = row->usage;
	const struct price *p = row->price;
	const int64_t numbers[] = {row->time, u->input, u->cached, u->write, u->write_1h, u->output, u->searches, u->batch};
	const struct slice texts[] = {u->model, u->user, u->project, u->tool, slice_of(p ? p->model : NULL),
	    slice_of(p ? p->from : NULL), slice_of(p ? p->version : NULL), u->request_id};
	struct buf b = {0}, g = {0};
	struct slice quoted;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		buf_format(&b, "%c%lld", i ? ',' : '[', (long long)numbers[i]);
	if (row->cost == LEDGER_UNKNOWN)
		buf_format(&b, ",null,%lld", (long long)row->saved);
	else
		buf_format(&b, ",%lld,%lld", (long long)row->cost, (long long)row->saved);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts) && quote_name(l, texts[i], &quoted, e) == 0; i++) {
		buf_byte(&b, ',');
		buf_slice(&b, quoted);
		if (i < 4) {
			names[i] = quoted;
			buf_byte(&g, i ? ',' : '[');
			buf_slice(&g, quoted);
		}
		if (i + 1 == sizeof(texts) / sizeof(*texts)) {
			buf_byte(&b, ']');
			buf_byte(&g, ']');
			*text = (struct slice){arena_bytes(&l->scratch, b.data, b.len), b.len};
			*group = (struct slice){arena_bytes(&l->scratch, g.data, g.len), g.len};
			e = NULL;
		}
	}
	buf_free(&b);
	buf_free(&g);
	return e == NULL ? 0 : C1V_USAGE;
}

static int
redis_ledger_add(struct ledger *base, const struct ledger_row *row, int *fresh, struct err *e)
{
	struct redis_ledger *l = (struct redis_ledger *)base;
	const struct usage *u = row->usage;
	int64_t day = ledger_day(row->time, 0);
	struct slice text, group, names[4];
	struct words *w = &l->calls;
	int unknown = row->cost == LEDGER_UNKNOWN;

	*fresh = -1;
	if (add_row(l, row, &text, &group, names, e) != 0)
		return C1V_USAGE;
	words_int(l, w, place_of_day(l, day));
	words_int(l, w, day);
	words_int(l, w, (row->time - day * MS_OF_DAY) / QUARTER_OF_HOUR);
	words_add(w, u->request_id.p == NULL ? SLICE("") : joined(l, "=", u->request_id, ""));
	words_add(w, text);
	words_add(w, group);
	words_add(w, names[1]);
	words_add(w, names[2]);
	words_int(l, w, unknown);
	words_int(l, w, usage_input(u));
	words_int(l, w, u->cached);
	words_int(l, w, u->output);
	if (unknown)
		words_add(w, SLICE(""));
	else
		words_int(l, w, row->cost);
	words_int(l, w, row->saved);
	mem_grow(&l->rows, &l->row_room, l->row_count + 1, sizeof(*l->rows));
	l->rows[l->row_count++] = (struct pending){.day = day, .cost = row->cost,
	    .user = u->user.p ? (struct slice){arena_bytes(&l->scratch, u->user.p, u->user.n), u->user.n} : SLICE_NONE};
	return 0;
}

static int
redis_budget_settle(struct ledger *base, struct slice id, struct err *e)
{
	struct redis_ledger *l = (struct redis_ledger *)base;

	(void)e;
	words_add(&l->changes, (struct slice){arena_bytes(&l->scratch, id.p, id.n), id.n});
	words_add(&l->changes, SLICE(""));
	words_add(&l->changes, SLICE(""));
	return 0;
}

static int
redis_budget_lower(struct ledger *base, struct slice id, int64_t nano, int64_t expires, struct err *e)
{
	struct redis_ledger *l = (struct redis_ledger *)base;

	(void)e;
	words_add(&l->changes, (struct slice){arena_bytes(&l->scratch, id.p, id.n), id.n});
	words_int(l, &l->changes, nano);
	words_int(l, &l->changes, expires);
	return 0;
}

/* --- the seed's keys --------------------------------------------------------------------- */

struct seed_sum {
	struct slice key;
	int64_t nano;
};

/* Few keys: a day's and its users'. */
static void
add_seed(struct seed_sum *sums, size_t *count, struct slice key, int64_t nano)
{
	size_t i = 0;

	while (i < *count && !slice_equal(sums[i].key, key))
		i++;
	if (i == *count)
		sums[(*count)++] = (struct seed_sum){.key = key};
	sums[i].nano += nano;
}

static size_t
seed_sums(struct redis_ledger *l, struct slice fresh, struct seed_sum *sums)
{
	size_t count = 0;
	char date[17] = ":";

	for (size_t i = 0; i < l->row_count; i++) {
		const struct pending *p = &l->rows[i];

		if (fresh.p[i] != '1' || p->cost <= 0)
			continue;
		period_name(p->day, PER_DAY, date + 1);
		add_seed(sums, &count, joined(l, "costs", SLICE(""), date), p->cost);
		if (p->user.p != NULL)
			add_seed(sums, &count, joined(l, "costs:user:", p->user, date), p->cost);
	}
	return count;
}

static int
keep_seed_keys(struct redis_ledger *l, struct slice fresh, struct err *e)
{
	struct seed_sum *sums = mem_zero(2 * l->row_count, sizeof(*sums));
	size_t n = seed_sums(l, fresh, sums);
	struct redis_command *commands = mem_zero(n, sizeof(*commands));
	struct redis_reply *replies = mem_zero(n, sizeof(*replies));
	struct slice *args = mem_zero(n * 3, sizeof(*args));
	struct buf money = {0};
	int rc;

	for (size_t i = 0; i < n; i++) {
		money.len = 0;
		money_add(&money, sums[i].nano);
		args[3 * i] = SLICE("INCRBYFLOAT");
		args[3 * i + 1] = sums[i].key;
		args[3 * i + 2] = (struct slice){arena_bytes(&l->scratch, money.data, money.len), money.len};
		commands[i] = (struct redis_command){.args = args + 3 * i, .count = 3, .key = 1};
	}
	rc = ledger_ask(l, commands, n, replies, e);
	if (rc != 0)
		err_prefix(e, "the calls are entered, but not all of costs:DATE is");
	buf_free(&money);
	free(args);
	free(replies);
	free(commands);
	free(sums);
	return rc;
}

static int
redis_ledger_seed_keys(struct ledger *l, struct err *e)
{
	(void)e;
	((struct redis_ledger *)l)->seed = 1;
	return 0;
}

/* --- the end of a transaction ---------------------------------------------------------------- */

static int
enter(struct redis_ledger *l, struct redis_reply *reply, struct err *e)
{
	struct words keys = {0}, args = {0};
	int rc;

	words_add(&keys, SLICE(LEDGER_KEY("ids")));
	words_add(&keys, SLICE(LEDGER_KEY("days")));
	words_add(&keys, SLICE(LEDGER_KEY("guard")));
	words_add(&keys, SLICE(LEDGER_KEY("spent")));
	words_add(&keys, SLICE(LEDGER_KEY("held")));
	for (size_t i = 0; i < l->day_count; i++) {
		words_add(&keys, key_of_day(l, "rows", l->days[i]));
		words_add(&keys, key_of_day(l, "sums", l->days[i]));
		words_add(&keys, key_of_day(l, "spent", l->days[i]));
	}
	words_int(l, &args, (int64_t)l->row_count);
	words_int(l, &args, (int64_t)(l->changes.count / 3));
	for (size_t i = 0; i < l->calls.count; i++)
		words_add(&args, l->calls.items[i]);
	for (size_t i = 0; i < l->changes.count; i++)
		words_add(&args, l->changes.items[i]);
	rc = ledger_script(l, lua_ledger_enter, &keys, &args, reply, e);
	free(keys.items);
	free(args.items);
	return rc;
}

static int
judge(struct redis_ledger *l, const struct redis_reply *reply, struct slice *fresh, struct err *e)
{
	const struct slice *word = &reply->items[0].text;

	*fresh = reply->count > 1 ? reply->items[1].text : SLICE("");
	if (slice_is(*word, "none"))
		return err_set(e, C1V_NO, "there is no reservation %.*s", fresh->n > 60 ? 60 : (int)fresh->n, fresh->p);
	if (slice_is(*word, "full"))
		return err_set(e, C1V_DATA, "%s: a sum does not fit into 62 bits", l->base.name);
	if (fresh->n != l->row_count)
		return err_set(e, C1V_PROTOCOL, "%s: answered nonsense to a script", l->base.name);
	return 0;
}

static int
redis_ledger_commit(struct ledger *base, struct err *e)
{
	struct redis_ledger *l = (struct redis_ledger *)base;
	struct redis_reply reply;
	struct slice fresh;
	int rc = 0;

	if (l->row_count + l->changes.count > 0) {
		rc = enter(l, &reply, e);
		if (rc == 0)
			rc = judge(l, &reply, &fresh, e);
		if (rc == 0)
			fresh.p = arena_bytes(&l->scratch, fresh.p, fresh.n);
		for (size_t i = 0; i < l->row_count && rc == 0; i++)
			ledger_count(base, fresh.p[i] == '1', l->rows[i].cost);
		if (rc == 0 && l->seed)
			rc = keep_seed_keys(l, fresh, e);
	}
	forget(l);
	return rc;
}

static int
redis_ledger_read_begin(struct ledger *base, struct err *e)
{
	(void)e;
	arena_reset(&((struct redis_ledger *)base)->scratch);
	return 0;
}

static void
redis_ledger_read_end(struct ledger *base)
{
	(void)base;
}

const struct ledger_driver ledger_redis = {
	.batch = BATCH, .open = redis_ledger_open, .close = redis_ledger_close, .begin = redis_ledger_begin,
	.add = redis_ledger_add, .commit = redis_ledger_commit, .rollback = redis_ledger_rollback,
	.seed_keys = redis_ledger_seed_keys, .read_begin = redis_ledger_read_begin,
	.read_end = redis_ledger_read_end, .read = redis_ledger_read, .id = redis_ledger_id, .text = redis_ledger_text,
	.budget_set = redis_budget_set, .budget_each = redis_budget_each, .budget_check = redis_budget_check,
	.budget_reserve = redis_budget_reserve, .budget_release = redis_budget_release,
	.budget_settle = redis_budget_settle, .budget_lower = redis_budget_lower,
};

#include "cost_tool.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/num.h"
#include "cost/money.h"

/* One run over usage records. */
struct run {
	struct tool *t;
	int enter;              /* into the ledger */
	const char *reservation; /* to be given back, or NULL */
	int open;               /* a transaction is */
	unsigned waiting;       /* records in it */
	struct rejects rejects;
	struct buf scratch, edit;
	int64_t now;
	uint64_t unknown;
	char unknown_name[80];  /* the first of them */
};

/* --- one record ------------------------------------------------------------------ */

static int64_t
time_of(const struct run *r, const struct usage *u)
{
	char text[64];
	int64_t ms;

	if (u->time.p != NULL && u->time.n < sizeof(text)) {
		memcpy(text, u->time.p, u->time.n);
		text[u->time.n] = '\0';
		if (clock_read(text, &ms))
			return ms;
	}
	return u->created > 0 && u->created < INT64_MAX / 1000 ? u->created * 1000 : r->now;
}

/* What a record does not say, the options may. */
static void
fill_in(const struct settings *s, struct usage *u)
{
	if (u->model.p == NULL)
		u->model = slice_of(s->model);
	if (u->user.p == NULL)
		u->user = slice_of(s->user);
	if (u->project.p == NULL)
		u->project = slice_of(s->project);
	if (u->tool.p == NULL)
		u->tool = slice_of(s->tool);
}

static void
find_price(struct run *r, struct ledger_row *row)
{
	const struct usage *u = row->usage;
	char day[32];
	int64_t plain;

	clock_iso(row->time, day);
	day[10] = '\0';
	row->price = price_find(r->t->prices, u->model, day);
	if (row->price == NULL && r->t->s->unknown_as != NULL)
		row->price = price_find(r->t->prices, slice_of(r->t->s->unknown_as), day);
	row->cost = LEDGER_UNKNOWN;
	row->saved = 0;
	if (row->price == NULL || !price_cost(row->price, u, &row->cost)) {
		row->cost = LEDGER_UNKNOWN;
		if (r->unknown++ == 0)
			snprintf(r->unknown_name, sizeof(r->unknown_name), "%.*s",
			    (int)(u->model.n < 79 ? u->model.n : 79), u->model.p ? u->model.p : "no model");
		return;
	}
	if (price_uncached(row->price, u, &plain))
		row->saved = plain - row->cost;
}

static void
write_record(struct run *r, const struct record *record, const struct ledger_row *row)
{
	struct buf *b = &r->edit;
	struct edit edits[2] = {{"cost", SLICE("null")}, {"price", SLICE("null")}};
	size_t split;

	b->len = 0;
	if (row->cost != LEDGER_UNKNOWN) {
		buf_byte(b, '"');
		money_add(b, row->cost);
		buf_byte(b, '"');
		split = b->len;
		buf_string(b, "{\"model\":");
		json_add_string(b, slice_of(row->price->model));
		if (*row->price->from) {
			json_add_key(b, "from");
			json_add_string(b, slice_of(row->price->from));
		}
		json_add_key(b, "version");
		json_add_string(b, slice_of(row->price->version));
		buf_byte(b, '}');
		edits[0].value = (struct slice){b->data, split};
		edits[1].value = (struct slice){b->data + split, b->len - split};
	}
	record_add_edited(&r->t->cli->out.buf, record, edits, 2);
	out_line(&r->t->cli->out);
}

/* The lock is held for a batch, and never while the input lets us wait. */
static int
commit(struct run *r, struct err *e)
{
	int rc = r->open ? ledger_commit(r->t->ledger, e) : 0;

	r->open = 0;
	r->waiting = 0;
	return rc;
}

static int
on_idle(void *arg, struct err *e)
{
	return cli_interrupted(e) != 0 ? e->code : commit(arg, e);
}

static int
begin(struct run *r, struct err *e)
{
	int rc = r->open ? 0 : ledger_begin(r->t->ledger, e);

	r->open = rc == 0;
	return rc;
}

static int
enter(struct run *r, const struct ledger_row *row, struct err *e)
{
	int fresh, rc = begin(r, e);

	if (rc == 0)
		rc = ledger_add(r->t->ledger, row, &fresh, e);
	if (rc != 0)
		return rc;
	return ++r->waiting < ledger_batch(r->t->ledger) ? 0 : commit(r, e);
}

/* 0, or an error; a bad record is noted. */
static int
take(struct run *r, const struct line *line, struct err *e)
{
	struct record record;
	struct usage usage;
	struct ledger_row row = {.usage = &usage};
	struct err why = {0};

	if (line->too_long)
		err_set(&why, C1V_DATA, "the record is longer than --max-record");
	else if (record_scan(line->text, &record, &why) == 0)
		usage_read(record.line, &usage, &r->scratch, &why);
	if (why.code != 0)
		return rejects_add(&r->rejects, line, &why, e);
	r->rejects.good++;
	fill_in(r->t->s, &usage);
	row.time = time_of(r, &usage);
	find_price(r, &row);
	if (r->enter)
		return enter(r, &row, e);
	write_record(r, &record, &row);
	return 0;
}

/* --- all of them ------------------------------------------------------------------ */

static int
read_all(struct run *r, struct input *in, struct err *e)
{
	struct line line;
	int more, rc = 0;

	while ((more = input_line(in, &line, e)) > 0) {
		rc = cli_interrupted(e);
		if (rc == 0)
			rc = take(r, &line, e);
		if (rc != 0)
			return rc;
	}
	return more < 0 ? e->code : 0;
}

static void
summary(struct run *r)
{
	const struct ledger_tally *tally = ledger_tally(r->t->ledger);
	struct buf *b = &r->t->cli->out.buf;

	buf_string(b, "{\"entered\":");
	num_add_int(b, (int64_t)tally->entered);
	json_add_key(b, "known_before");
	num_add_int(b, (int64_t)tally->known_before);
	json_add_key(b, "unpriced");
	num_add_int(b, (int64_t)r->unknown);
	json_add_key(b, "failed");
	num_add_int(b, (int64_t)r->rejects.bad);
	json_add_key(b, "cost");
	buf_byte(b, '"');
	money_add(b, tally->cost);
	buf_byte(b, '"');
	json_add_key(b, "ledger");
	json_add_string(b, slice_of(ledger_name(r->t->ledger)));
	buf_byte(b, '}');
	out_line(&r->t->cli->out);
}

/* What could not be priced is said once, and in the exit code. */
static int
say_unknown(struct run *r)
{
	if (r->unknown == 0)
		return 0;
	log_say(&r->t->cli->log, LOG_WARN, "%llu record%s without a known price, the first of model %s",
	    (unsigned long long)r->unknown, r->unknown == 1 ? "" : "s", r->unknown_name);
	return C1V_PARTIAL;
}

/* A reservation goes in the transaction of the last rows. */
static int
enter_all(struct run *r, struct input *in, struct err *e)
{
	int rc;

	input_on_idle(in, on_idle, r);
	rc = read_all(r, in, e);
	if (rc == 0 && r->reservation != NULL) {
		rc = begin(r, e);
		if (rc == 0)
			rc = budget_settle(r->t->ledger, slice_of(r->reservation), e);
	}
	if (rc == 0)
		return commit(r, e);
	if (r->open)
		ledger_rollback(r->t->ledger);
	return rc;
}

int
cost_records(struct tool *t, const char *const *paths, size_t count, int entering, const char *reservation)
{
	const struct settings *s = t->s;
	struct input_options o = {.paths = paths, .path_count = count, .max_line = (size_t)s->max_record};
	struct run r = {.t = t, .enter = entering, .reservation = reservation, .now = clock_wall_ms()};
	struct err *e = &t->cli->err;
	struct input *in;
	int rc = rejects_apart(s->rejects, paths, count, e), closing;

	if (rc == 0 && entering && s->seed_keys)
		rc = ledger_seed_keys(t->ledger, e);
	if (rc == 0)
		rc = tool_prices(t);
	if (rc == 0)
		rc = rejects_open(&r.rejects, &t->cli->log, s->rejects, s->strict, e);
	if (rc != 0)
		return rc;
	in = input_open(&o);
	rc = entering ? enter_all(&r, in, e) : read_all(&r, in, e);
	input_close(in);
	if (rc == 0 && entering)
		summary(&r);
	closing = rejects_close(&r.rejects, rc == 0 ? e : NULL);
	if (rc == 0)
		rc = closing;
	if (rc == 0 || rc == C1V_PARTIAL)
		rc = say_unknown(&r) ? C1V_PARTIAL : rc;
	buf_free(&r.scratch);
	buf_free(&r.edit);
	return rc;
}

int
cost_verb_price(struct tool *t)
{
	return cost_records(t, t->words, t->word_count, 0, NULL);
}

int
cost_verb_add(struct tool *t)
{
	int rc = tool_ledger(t, LEDGER_WRITE);

	return rc ? rc : cost_records(t, t->words, t->word_count, 1, t->s->reservation);
}

#include "cost_tool.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/num.h"
#include "base/utf8.h"
#include "cost/money.h"

/* --- what is asked for ---------------------------------------------------------- */

static const struct { const char *name; unsigned bit; } words[] = {
	{"day", BY_DAY}, {"week", BY_WEEK}, {"month", BY_MONTH}, {"model", BY_MODEL}, {"user", BY_USER},
	{"project", BY_PROJECT}, {"tool", BY_TOOL},
};

/* --by day,model --by user */
static int
read_by(struct tool *t, unsigned *by)
{
	*by = 0;
	for (size_t i = 0; i < t->s->by.count; i++) {
		const char *p = t->s->by.items[i];
		while (*p) {
			size_t n = strcspn(p, ","), k = 0;
			while (k < sizeof(words) / sizeof(*words) &&
			    !slice_is((struct slice){p, n}, words[k].name))
				k++;
			if (k == sizeof(words) / sizeof(*words))
				return cli_usage(t->cli, "--by: '%.*s' is not one of day, week, month, model, user, project, tool",
				    (int)n, p);
			*by |= words[k].bit;
			p += n + (p[n] == ',');
		}
	}
	if (__builtin_popcount(*by & (BY_DAY | BY_WEEK | BY_MONTH)) > 1)
		return cli_usage(t->cli, "--by: only one of day, week and month");
	return 0;
}

static int
read_query(struct tool *t, struct ledger_query *q)
{
	const struct settings *s = t->s;

	*q = (struct ledger_query){.since = 0, .until = INT64_MAX, .local = t->local, .user = slice_of(s->user),
	    .project = slice_of(s->project), .model = slice_of(s->model), .tool = slice_of(s->tool)};
	if (read_by(t, &q->by) != 0)
		return C1V_USAGE;
	if (s->since != NULL && tool_moment(t, s->since, "--since", 0, &q->since) != 0)
		return C1V_USAGE;
	if (s->until != NULL && tool_moment(t, s->until, "--until", 1, &q->until) != 0)
		return C1V_USAGE;
	return 0;
}

/* --- columns ---------------------------------------------------------------------- */

enum column { WHEN, MODEL, USER, PROJECT, TOOL, CALLS, UNPRICED, INPUT, CACHED, OUTPUT, COST, SAVED, COLUMNS };
static const char *const names[COLUMNS] = {
	"when", "model", "user", "project", "tool", "calls", "unpriced", "input_tokens",
	"cached_input_tokens", "output_tokens", "cost", "saved",
};

struct view {
	struct tool *t;
	unsigned by;
	struct ledger_sum *sums;    /* kept, for a table needs all of them first */
	size_t count, room;
	uint64_t unpriced;
};

static int
is_shown(const struct view *v, enum column c)
{
	static const unsigned bits[] = {BY_DAY | BY_WEEK | BY_MONTH, BY_MODEL, BY_USER, BY_PROJECT, BY_TOOL};

	return c >= CALLS || (v->by & bits[c]) != 0;
}

static struct slice
text_of(const struct ledger_sum *s, enum column c)
{
	switch (c) {
	case WHEN: return slice_of(s->when);
	case MODEL: return s->model;
	case USER: return s->user;
	case PROJECT: return s->project;
	default: return s->tool;
	}
}

static int64_t
number_of(const struct ledger_sum *s, enum column c)
{
	switch (c) {
	case CALLS: return s->calls;
	case UNPRICED: return s->unknown;
	case INPUT: return s->input;
	case CACHED: return s->cached;
	case OUTPUT: return s->output;
	case COST: return s->cost;
	default: return s->saved;
	}
}

/* Where no call has a price, the cost is not known: it is not 0. */
static int
is_known(const struct ledger_sum *s, enum column c)
{
	return c < COST || s->unknown < s->calls;
}

static void
add_value(struct buf *b, const struct ledger_sum *s, enum column c)
{
	if (c >= COST)
		money_add(b, number_of(s, c));
	else
		num_add_int(b, number_of(s, c));
}

/* --- as records and as CSV ----------------------------------------------------------- */

static void
write_json(struct view *v, const struct ledger_sum *s)
{
	struct buf *b = &v->t->cli->out.buf;

	buf_byte(b, '{');
	for (enum column c = 0; c < COLUMNS; c++) {
		if (!is_shown(v, c))
			continue;
		json_add_key(b, names[c]);
		if (c < CALLS ? text_of(s, c).p == NULL : !is_known(s, c)) {
			buf_string(b, "null");
		} else if (c < CALLS) {
			json_add_string(b, text_of(s, c));
		} else {
			buf_string(b, c >= COST ? "\"" : "");
			add_value(b, s, c);
			buf_string(b, c >= COST ? "\"" : "");
		}
	}
	buf_byte(b, '}');
	out_line(&v->t->cli->out);
}

/* RFC 4180. */
static void
add_csv_text(struct buf *b, struct slice text)
{
	int plain = 1;

	for (size_t i = 0; i < text.n; i++)
		plain &= strchr("\",\r\n", text.p[i]) == NULL;
	if (plain) {
		buf_slice(b, text);
		return;
	}
	buf_byte(b, '"');
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '"')
			buf_byte(b, '"');
		buf_byte(b, text.p[i]);
	}
	buf_byte(b, '"');
}

static void
write_csv(struct view *v, const struct ledger_sum *s)
{
	struct buf *b = &v->t->cli->out.buf;
	const char *between = "";

	for (enum column c = 0; c < COLUMNS; c++) {
		if (!is_shown(v, c))
			continue;
		buf_string(b, between);
		between = ",";
		if (s == NULL)
			buf_string(b, names[c]);
		else if (c < CALLS)
			add_csv_text(b, text_of(s, c));
		else if (is_known(s, c))
			add_value(b, s, c);
	}
	out_line(&v->t->cli->out);
}

/* --- for people ------------------------------------------------------------------------ */

enum { BAR = 20 };

static void
cell_text(struct buf *b, const struct ledger_sum *s, enum column c)
{
	struct slice text = c < CALLS ? text_of(s, c) : SLICE_NONE;

	b->len = 0;
	if (c >= CALLS && is_known(s, c))
		add_value(b, s, c);
	else if (text.p == NULL)
		buf_string(b, "-");
	else
		utf8_add_visible(b, text);
}

static void
add_bar(struct buf *b, int64_t cost, int64_t most)
{
	int64_t n = most > 0 ? (int64_t)((double)cost / (double)most * BAR + 0.5) : 0;

	buf_string(b, "  ");
	for (int64_t i = 0; i < n; i++)
		buf_string(b, "█");
}

static void
add_padded(struct buf *b, struct slice text, size_t width, int right)
{
	size_t n = utf8_width(text.p, text.n);

	for (size_t i = n; right && i < width; i++)
		buf_byte(b, ' ');
	buf_slice(b, text);
	for (size_t i = n; !right && i < width; i++)
		buf_byte(b, ' ');
	buf_string(b, "  ");
}

static void
write_table(struct view *v)
{
	struct out *o = &v->t->cli->out;
	size_t widths[COLUMNS];
	struct buf text = {0};
	int64_t most = 0;

	for (enum column c = 0; c < COLUMNS; c++) {
		widths[c] = strlen(names[c]);
		for (size_t i = 0; i < v->count; i++) {
			cell_text(&text, &v->sums[i], c);
			if (utf8_width(text.data, text.len) > widths[c])
				widths[c] = utf8_width(text.data, text.len);
			most = v->sums[i].cost > most ? v->sums[i].cost : most;
		}
		if (is_shown(v, c))
			add_padded(&o->buf, slice_of(names[c]), widths[c], c >= CALLS);
	}
	out_line(o);
	for (size_t i = 0; i < v->count; i++, out_line(o)) {
		for (enum column c = 0; c < COLUMNS; c++) {
			cell_text(&text, &v->sums[i], c);
			if (is_shown(v, c))
				add_padded(&o->buf, buf_as_slice(&text), widths[c], c >= CALLS);
		}
		add_bar(&o->buf, v->sums[i].cost, most);
	}
	buf_free(&text);
}

/* --- all of it ---------------------------------------------------------------------------- */

static int
keep(void *arg, const struct ledger_sum *s, struct err *e)
{
	struct view *v = arg;

	(void)e;
	mem_grow(&v->sums, &v->room, v->count + 1, sizeof(*v->sums));
	v->sums[v->count++] = *s;
	v->unpriced += (uint64_t)s->unknown;
	return 0;
}

static int
show_budget(void *arg, const struct budget *b, struct err *e)
{
	struct out *o = arg;

	(void)e;
	cost_add_budget(&o->buf, b, 1);
	return out_line(o);
}

static void
write_all(struct view *v)
{
	const struct settings *s = v->t->s;

	if (v->t->pretty && v->count > 0)
		write_table(v);
	if (s->csv)
		write_csv(v, NULL);
	for (size_t i = 0; i < v->count && !v->t->pretty; i++) {
		if (s->csv)
			write_csv(v, &v->sums[i]);
		else
			write_json(v, &v->sums[i]);
	}
}

int
cost_verb_report(struct tool *t)
{
	struct view v = {.t = t};
	struct ledger_query q;
	struct err *e = &t->cli->err;
	int rc = read_query(t, &q);

	if (rc == 0)
		rc = tool_ledger(t, LEDGER_READ);
	if (rc == 0) {
		v.by = q.by;
		rc = ledger_report(t->ledger, &q, keep, &v, e);
	}
	if (rc == 0) {
		write_all(&v);
		if (t->pretty)
			rc = budget_each(t->ledger, clock_wall_ms(), t->local, show_budget, &t->cli->out, e);
	}
	free(v.sums);
	if (rc == 0 && v.unpriced > 0) {
		log_say(&t->cli->log, LOG_WARN, "%llu call%s without a known price: the cost is that of the others",
		    (unsigned long long)v.unpriced, v.unpriced == 1 ? "" : "s");
		return C1V_PARTIAL;
	}
	return rc;
}

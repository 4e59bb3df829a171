#include "cost_tool.h"

#include "base/clock.h"
#include "base/json.h"
#include "cost/money.h"

static const char *const pers[] = {"day", "week", "month", "total"};

/* --- showing ------------------------------------------------------------------- */

static void
add_money(struct buf *b, const char *key, int64_t nano)
{
	json_add_key(b, key);
	buf_byte(b, '"');
	money_add(b, nano);
	buf_byte(b, '"');
}

static void
add_name(struct buf *b, const char *key, struct slice text)
{
	json_add_key(b, key);
	if (text.p == NULL)
		buf_string(b, "null");
	else
		json_add_string(b, text);
}

static void
add_sentence(struct buf *b, const struct budget *x)
{
	buf_format(b, "budget per %s%s%s", pers[x->per], *x->period ? " " : "", x->period);
	if (x->user.p != NULL)
		buf_format(b, ", user %.*s", (int)x->user.n, x->user.p);
	if (x->project.p != NULL)
		buf_format(b, ", project %.*s", (int)x->project.n, x->project.p);
	buf_string(b, ": ");
	money_add(b, x->spent);
	buf_string(b, " spent, ");
	money_add(b, x->reserved);
	buf_string(b, " reserved of ");
	money_add(b, x->amount);
}

void
cost_add_budget(struct buf *b, const struct budget *x, int people)
{
	if (people) {
		add_sentence(b, x);
		return;
	}
	buf_string(b, "{\"per\":\"");
	buf_string(b, pers[x->per]);
	buf_byte(b, '"');
	add_name(b, "period", x->per == PER_TOTAL ? SLICE_NONE : slice_of(x->period));
	add_name(b, "user", x->user);
	add_name(b, "project", x->project);
	add_money(b, "amount", x->amount);
	add_money(b, "spent", x->spent);
	add_money(b, "reserved", x->reserved);
	add_money(b, "left", x->amount - x->spent - x->reserved);
	buf_byte(b, '}');
}

static int
show(void *arg, const struct budget *x, struct err *e)
{
	struct tool *t = arg;

	(void)e;
	cost_add_budget(&t->cli->out.buf, x, t->pretty);
	return out_line(&t->cli->out);
}

/* --- budget [list | set AMOUNT | unset] ------------------------------------------ */

static int
change(struct tool *t, int64_t amount)
{
	struct budget b = {.user = slice_of(t->s->user), .project = slice_of(t->s->project), .amount = amount};
	int rc;

	if (t->s->per == NULL)
		return cli_usage(t->cli, "budget: per what? --per day, week, month or total says it");
	while (b.per < PER_TOTAL && strcmp(pers[b.per], t->s->per) != 0)
		b.per++;
	if (strcmp(pers[b.per], t->s->per) != 0)
		return cli_usage(t->cli, "--per: '%s' is not one of day, week, month, total", t->s->per);
	rc = tool_ledger(t, LEDGER_WRITE);
	return rc ? rc : budget_set(t->ledger, &b, &t->cli->err);
}

int
cost_verb_budget(struct tool *t)
{
	const char *what = t->word_count > 0 ? t->words[0] : "list";
	int64_t amount;
	int rc;

	if (strcmp(what, "set") == 0 && t->word_count == 2) {
		rc = tool_money(t, t->words[1], "budget set", &amount);
		return rc ? rc : change(t, amount);
	}
	if (strcmp(what, "unset") == 0 && t->word_count == 1)
		return change(t, -1);
	if (strcmp(what, "list") != 0 || t->word_count > 1)
		return cli_usage(t->cli, "budget: wanted is list, set AMOUNT or unset");
	rc = tool_ledger(t, LEDGER_READ);
	return rc ? rc : budget_each(t->ledger, clock_wall_ms(), t->local, show, t, &t->cli->err);
}

/* --- the gate ----------------------------------------------------------------------- */

static int
read_spend(struct tool *t, struct spend *s)
{
	*s = (struct spend){.user = slice_of(t->s->user), .project = slice_of(t->s->project),
	    .now = clock_wall_ms(), .local = t->local};
	if (t->s->estimate == NULL)
		return cli_usage(t->cli, "how much? --estimate DOLLARS says it");
	return tool_money(t, t->s->estimate, "--estimate", &s->amount);
}

int
cost_verb_check(struct tool *t)
{
	struct spend s;
	int rc = read_spend(t, &s);

	if (rc == 0)
		rc = tool_ledger(t, LEDGER_READ);
	/* Where there is no ledger there is no budget. */
	if (rc == C1V_NO && t->ledger == NULL)
		return 0;
	return rc ? rc : budget_check(t->ledger, &s, &t->cli->err);
}

int
cost_verb_reserve(struct tool *t)
{
	struct buf *b = &t->cli->out.buf;
	struct spend s;
	char id[40];
	int rc = read_spend(t, &s);

	if (rc == 0)
		rc = tool_ledger(t, LEDGER_WRITE);
	if (rc == 0)
		rc = budget_reserve(t->ledger, &s, t->s->ttl, id, &t->cli->err);
	if (rc != 0)
		return rc;
	if (t->pretty) {
		buf_string(b, id);
	} else {
		buf_string(b, "{\"reservation\":\"");
		buf_string(b, id);
		buf_byte(b, '"');
		add_money(b, "amount", s.amount);
		buf_byte(b, '}');
	}
	out_line(&t->cli->out);
	return 0;
}

/* What was really spent comes as usage records, on standard input or from files. */
int
cost_verb_settle(struct tool *t)
{
	int rc;

	if (t->word_count < 1)
		return cli_usage(t->cli, "settle: which reservation?");
	rc = tool_ledger(t, LEDGER_WRITE);
	return rc ? rc : cost_records(t, t->words + 1, t->word_count - 1, 1, t->words[0]);
}

int
cost_verb_release(struct tool *t)
{
	int rc;

	if (t->word_count != 1)
		return cli_usage(t->cli, "release: which reservation?");
	rc = tool_ledger(t, LEDGER_WRITE);
	return rc ? rc : budget_release(t->ledger, slice_of(t->words[0]), &t->cli->err);
}

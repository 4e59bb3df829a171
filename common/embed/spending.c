#include "embed/spending.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "cost/money.h"

/* --- prices ----------------------------------------------------------------- */

int
spending_prices(struct spending *p, const struct spending_options *o, struct err *e)
{
	int rc;

	p->options = *o;
	p->prices = prices_new();
	rc = prices_add_file(p->prices, o->shipped, e);
	for (size_t i = 0; rc == 0 && i < o->list_count; i++)
		rc = prices_add_file(p->prices, o->lists[i], e);
	return rc;
}

/* The price of today, and by it what a call costs: LEDGER_UNKNOWN where there is none. */
static int64_t
cost_of(const struct spending *p, int64_t tokens, const struct price **price)
{
	struct usage u = {.model = slice_of(p->options.model), .input = tokens};
	int64_t nano;
	char day[32];

	clock_iso(clock_wall_ms(), day);
	day[10] = '\0';
	*price = price_find(p->prices, u.model, day);
	return *price != NULL && price_cost(*price, &u, &nano) ? nano : LEDGER_UNKNOWN;
}

static int64_t
add_call(struct spending *p, int64_t tokens, const struct price **price)
{
	int64_t nano = cost_of(p, tokens, price);

	p->unpriced += nano == LEDGER_UNKNOWN;
	p->nano += nano == LEDGER_UNKNOWN ? 0 : nano;
	return nano;
}

void
spending_add(const struct spending *p, struct buf *b)
{
	if (p->unpriced) {
		buf_string(b, "null");
		return;
	}
	buf_byte(b, '"');
	money_add(b, p->nano);
	buf_byte(b, '"');
}

/* --- opening ---------------------------------------------------------------- */

static int
open_usage(struct spending *p, const char *path, struct err *e)
{
	int fd;

	if (path == NULL)
		return 0;
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (fd < 0)
		return err_sys(e, C1V_IO, "cannot write %s", path);
	out_open(&p->usage, fd, path);
	p->usage_open = 1;
	return 0;
}

/* What must be known where there is a budget. */
static int
known_cost(const struct spending *p, int64_t tokens, int64_t *nano, struct err *e)
{
	const struct price *price;

	*nano = cost_of(p, tokens, &price);
	if (*nano != LEDGER_UNKNOWN)
		return 0;
	err_set(e, C1V_CONFIG, "--budget: the price of %s is not known", p->options.model);
	return err_hint(e, "--prices names a list that has it");
}

static int
check_budget(const struct spending *p, int none, struct err *e)
{
	int64_t nano;

	if (none)
		return err_set(e, C1V_USAGE, "--budget needs the ledger, but --ledger is none");
	return known_cost(p, 1, &nano, e);
}

int
spending_open(struct spending *p, struct err *e)
{
	const struct spending_options *o = &p->options;
	struct account_options a = {
		.ledger = o->ledger, .wait = o->wait, .user = o->user, .project = o->project, .tool = o->tool
	};
	int none = o->ledger != NULL && strcmp(o->ledger, "none") == 0;
	int rc = o->budget ? check_budget(p, none, e) : 0;

	if (rc == 0)
		rc = open_usage(p, o->usage, e);
	if (rc != 0 || none)
		return rc;
	rc = account_open(&a, &p->account, e);
	if (rc != 0 && e->hint[0] == '\0')
		err_hint(e, "--ledger none goes without");
	return rc;
}

/* --- opening when it is needed -------------------------------------------------- */

void
spending_later(struct spending *p, const struct spending_options *o)
{
	p->options = *o;
	p->later = 1;
}

static void
open_now(struct spending *p)
{
	const struct spending_options o = p->options;
	struct err why;

	if (!p->later)
		return;
	p->later = 0;
	if (spending_prices(p, &o, &why) == 0 && spending_open(p, &why) == 0)
		return;
	err_prefix(&why, "what this costs is not entered");
	log_warn_err(o.log, &why);
}

/* --- calls ------------------------------------------------------------------ */

/* The server's id, else one that no other call has: it makes the entry the same call wherever it
 * is entered. */
static const char *
name_call(const char *given, char own[40])
{
	unsigned char bytes[16];

	if (*given)
		return given;
	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return "";
	snprintf(own, 40, "c1v-");
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(own + 4 + 2 * i, 3, "%02x", bytes[i]);
	return own;
}

static void
add_text(struct buf *b, const char *key, struct slice text)
{
	if (text.n == 0)
		return;
	json_add_key(b, key);
	json_add_string(b, text);
}

/* A usage record (c1v-record(5)). */
static void
write_usage(struct spending *p, const struct account_call *call)
{
	struct buf *b = &p->usage.buf;
	char now[32];

	clock_iso(clock_wall_ms(), now);
	buf_string(b, "{\"model\":");
	json_add_string(b, call->model);
	buf_format(b, ",\"input_tokens\":%lld,\"time\":\"%s\",\"tool\":\"%s\"",
	    (long long)call->input, now, p->options.tool);
	add_text(b, "user", slice_of(p->options.user));
	add_text(b, "project", slice_of(p->options.project));
	add_text(b, "request_id", call->request_id);
	buf_byte(b, '}');
	out_line(&p->usage);
	out_flush(&p->usage, NULL);
}

/* A ledger that fails costs no record: the calls are tried again at the end. */
static void
warn(struct spending *p, struct err *why)
{
	err_prefix(why, "what is used cannot be entered now");
	log_warn_err(p->options.log, why);
}

static void
on_answer(struct spending *p, struct account_hold *hold, const struct embed_usage *u)
{
	struct account_call call = {.model = slice_of(p->options.model), .input = u->tokens};
	struct err why;
	char own[40];

	call.cost = add_call(p, u->tokens, &call.price);
	call.request_id = slice_of(name_call(u->request_id, own));
	if (call.request_id.n == 0)
		call.request_id = SLICE_NONE;
	if (p->usage_open)
		write_usage(p, &call);
	if (p->account != NULL && account_spent(p->account, hold, &call, &why) != 0)
		warn(p, &why);
}

void
spending_spared(struct spending *p, int64_t tokens)
{
	struct account_call call = {.model = slice_of(p->options.model)};
	struct err why;
	char own[40];

	open_now(p);
	if (tokens == 0 || p->account == NULL)
		return;
	call.saved = cost_of(p, tokens, &call.price);
	call.request_id = slice_of(name_call("", own));
	if (call.saved == LEDGER_UNKNOWN || call.request_id.n == 0)
		return;
	if (account_spent(p->account, NULL, &call, &why) != 0)
		warn(p, &why);
}

static int
on_reserve(void *arg, int64_t tokens, void **hold, struct err *e)
{
	struct spending *p = arg;
	struct account_hold *h = NULL;
	int64_t nano;
	int rc = 0;

	open_now(p);
	if (p->options.budget)
		rc = known_cost(p, tokens, &nano, e);
	if (p->options.budget && rc == 0)
		rc = account_reserve(p->account, nano, &h, e);
	*hold = h;
	return rc;
}

static void
on_spent(void *arg, void *hold, const struct embed_usage *u)
{
	struct spending *p = arg;

	if (u != NULL)
		on_answer(p, hold, u);
	else if (p->account != NULL)
		account_release(p->account, hold);
}

struct embed_spend
spending_of(struct spending *p)
{
	return (struct embed_spend){on_reserve, on_spent, p};
}

static void
on_count(void *arg, void *hold, const struct embed_usage *u)
{
	const struct price *price;

	(void)hold;
	add_call(arg, u->tokens, &price);
}

struct embed_spend
spending_count(struct spending *p)
{
	return (struct embed_spend){.spent = on_count, .arg = p};
}

/* --- the end ---------------------------------------------------------------- */

int
spending_close(struct spending *p, struct err *e)
{
	struct err why;
	uint64_t lost;
	int rc = 0;

	if (account_close(p->account, &lost, &why) != 0) {
		err_prefix(&why, "%llu call%s not entered into the ledger", (unsigned long long)lost,
		    lost == 1 ? " is" : "s are");
		log_warn_err(p->options.log, &why);
		rc = C1V_PARTIAL;
	}
	if (p->prices != NULL)
		prices_free(p->prices);
	if (p->usage_open && out_close(&p->usage, e) != 0)
		rc = C1V_IO;
	return rc;
}

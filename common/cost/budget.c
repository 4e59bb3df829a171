#include "cost/ledger_driver.h"

#include <stdio.h>
#include <sys/random.h>

#include "cost/money.h"

const char *const budget_pers[4] = {"day", "week", "month", "total"};

int
budget_exceeded(const struct budget *b, int64_t amount)
{
	return (__int128)b->spent + b->reserved + amount > b->amount;
}

int
budget_refuse(const struct budget *b, int64_t amount, struct err *e)
{
	struct buf text = {0};

	money_add(&text, amount);
	buf_string(&text, " does not fit into the budget of ");
	money_add(&text, b->amount);
	buf_format(&text, " dollars%s%s", b->per == PER_TOTAL ? " in all" : " for ", b->period);
	if (b->user.p != NULL)
		buf_format(&text, ", user %.*s", (int)b->user.n, b->user.p);
	if (b->project.p != NULL)
		buf_format(&text, ", project %.*s", (int)b->project.n, b->project.p);
	buf_string(&text, ": spent ");
	money_add(&text, b->spent);
	buf_string(&text, ", reserved ");
	money_add(&text, b->reserved);
	err_set(e, C1V_NO, "%s", buf_cstr(&text));
	buf_free(&text);
	return C1V_NO;
}

/* A name that nobody can guess: another's reservation is not released by mistake. */
static int
make_id(char id[40], struct err *e)
{
	unsigned char bytes[16];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return err_sys(e, C1V_IO, "reading random bytes");
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(id + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

int
budget_set(struct ledger *l, const struct budget *b, struct err *e)
{
	return l->driver->budget_set(l, b, e);
}

int
budget_each(struct ledger *l, int64_t now, int local, budget_fn *fn, void *arg, struct err *e)
{
	return l->driver->budget_each(l, now, local, fn, arg, e);
}

int
budget_check(struct ledger *l, const struct spend *s, struct err *e)
{
	return l->driver->budget_check(l, s, e);
}

int
budget_reserve(struct ledger *l, const struct spend *s, double seconds, char id[40], struct err *e)
{
	int rc = make_id(id, e);

	return rc ? rc : l->driver->budget_reserve(l, s, seconds, id, e);
}

int
budget_release(struct ledger *l, struct slice id, struct err *e)
{
	return l->driver->budget_release(l, id, e);
}

int
budget_settle(struct ledger *l, struct slice id, struct err *e)
{
	return l->driver->budget_settle(l, id, e);
}

int
budget_lower(struct ledger *l, struct slice id, int64_t nano, int64_t now, double seconds, struct err *e)
{
	return l->driver->budget_lower(l, id, nano, now + (int64_t)(seconds * 1000), e);
}

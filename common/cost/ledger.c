#include "cost/ledger_driver.h"

#include <stdlib.h>
#include <strings.h>

#include "net/redis.h"
#include "net/url.h"

int
ledger_open(const char *url, enum ledger_mode mode, double wait, int (*stop)(void),
    struct ledger **out, struct err *e)
{
	const struct ledger_options o = {.mode = mode, .wait = wait, .stop = stop};
	const struct ledger_driver *driver = &ledger_sqlite;
	size_t scheme;
	int rc = url_resolve("ledger", url, &url, e);

	if (rc != 0)
		return rc;
	scheme = url ? url_scheme(url) : 0;
	if (url != NULL && redis_url(url))
		driver = &ledger_redis;
	else if (scheme > 0 && !(scheme == 6 && strncasecmp(url, "sqlite", 6) == 0))
		return err_set(e, C1V_CONFIG, "ledger %.*s:…: no such kind of ledger", (int)scheme, url);
	rc = driver->open(url, &o, out, e);
	if (rc == 0)
		(*out)->driver = driver;
	return rc;
}

void
ledger_close(struct ledger *l)
{
	char *name;

	if (l == NULL)
		return;
	name = l->name;
	l->driver->close(l);
	free(name);
}

const char *
ledger_name(const struct ledger *l)
{
	return l->name;
}

/* --- entering ------------------------------------------------------------------ */

int
ledger_begin(struct ledger *l, struct err *e)
{
	memset(&l->waiting, 0, sizeof(l->waiting));
	return l->driver->begin(l, e);
}

void
ledger_count(struct ledger *l, int fresh, int64_t cost)
{
	l->waiting.entered += fresh != 0;
	l->waiting.known_before += fresh == 0;
	if (fresh && cost != LEDGER_UNKNOWN)
		l->waiting.cost += cost;
}

int
ledger_add(struct ledger *l, const struct ledger_row *row, int *fresh, struct err *e)
{
	int rc = l->driver->add(l, row, fresh, e);

	if (rc == 0 && *fresh >= 0)
		ledger_count(l, *fresh, row->cost);
	return rc;
}

int
ledger_commit(struct ledger *l, struct err *e)
{
	int rc = l->driver->commit(l, e);

	if (rc == 0) {
		l->tally.entered += l->waiting.entered;
		l->tally.known_before += l->waiting.known_before;
		l->tally.cost += l->waiting.cost;
	}
	return rc;
}

void
ledger_rollback(struct ledger *l)
{
	l->driver->rollback(l);
}

unsigned
ledger_batch(const struct ledger *l)
{
	return l->driver->batch;
}

const struct ledger_tally *
ledger_tally(const struct ledger *l)
{
	return &l->tally;
}

int
ledger_seed_keys(struct ledger *l, struct err *e)
{
	if (l->driver->seed_keys != NULL)
		return l->driver->seed_keys(l, e);
	return err_set(e, C1V_USAGE, "%s: costs:DATE and its like are kept in Redis only", l->name);
}

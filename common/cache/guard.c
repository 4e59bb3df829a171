#include "cache/guard.h"

enum { PATIENCE = 3 };

int
guard_pass(struct guard *g, int rc, struct err *e)
{
	if (rc == 0)
		g->failures = 0;
	/* A caller's own mistake is not a failure of the cache. */
	if (rc == 0 || rc == C1V_USAGE || rc == C1V_BUG || !g->forgiving)
		return rc;
	g->failures++;
	if (!g->warned && !(g->stop != NULL && g->stop())) {
		err_prefix(e, "going on without the cache");
		if (g->log != NULL)
			log_warn_err(g->log, e);
		g->warned = 1;
	}
	return 0;
}

int
guard_closed(const struct guard *g)
{
	return g->forgiving && g->failures >= PATIENCE;
}

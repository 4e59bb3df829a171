/* guard: what becomes of the failures of a cache that must not stop the work. Private to this room. */
#ifndef C1V_CACHE_GUARD_H
#define C1V_CACHE_GUARD_H

#include "cache/cache.h"

struct guard {
	int forgiving;
	struct log *log;
	int (*stop)(void);
	int failures; /* in a row */
	int warned;
};

/* rc of a call and its error: 0 where it is forgiven, with the one warning; else rc. */
int guard_pass(struct guard *g, int rc, struct err *e);
/* After too many failures: nothing more is to be asked. */
int guard_closed(const struct guard *g);

#endif

/* count: what a process sees of hits and misses, until it is written. Private to this room. */
#ifndef C1V_CACHE_COUNT_H
#define C1V_CACHE_COUNT_H

#include "cache/cache_driver.h"

struct counts {
	struct cache_count *items;
	size_t count, room;
	struct cache_count *last; /* of the key before: most keys are of one group */
	uint64_t calls;           /* since they were written */
	struct arena names;
};

/* The lookup of n keys took ns; values as cache_get() gives them. space: bytes of the namespace in keys. */
void counts_lookup(struct counts *c, const struct slice *keys, size_t n, const struct slice *values,
    size_t space, int64_t ns);
void counts_saved(struct counts *c, struct slice group, size_t space, struct slice model, int64_t tokens);
/* They were written: begin anew. */
void counts_reset(struct counts *c);
void counts_free(struct counts *c);

/* The class of a time in microseconds (cache.h). */
int latency_class(double us);

#endif

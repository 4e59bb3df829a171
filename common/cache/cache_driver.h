/* cache_driver: what a kind of cache offers to cache.c. Private to this room.
 *
 * The slots' contracts are those of the functions of cache.h, except that keys are whole (the namespace
 * is in them), were checked, and that nothing is forgiven or counted here. */
#ifndef C1V_CACHE_DRIVER_H
#define C1V_CACHE_DRIVER_H

#include "cache/cache.h"

/* What was counted since it was last written: for one group of one namespace. The name of the group is
 * whole too ("acme:llm"). */
struct cache_count {
	struct slice group;
	size_t space; /* bytes of the namespace in it, with the colon */
	int64_t hits, misses;
	int64_t latency[CACHE_LATENCIES];
	struct cache_saving *savings;
	size_t saving_count, saving_room;
	uint64_t call; /* count.c's: the last that looked for a key of the group */
};

struct cache_base;

struct cache_driver {
	/* rest: what stood behind "sqlite:", else the whole URL; NULL: the default. Fills struct cache_base
	 * but `driver`. */
	int (*open)(const struct cache_options *o, const char *rest, struct cache_base **out, struct err *e);
	void (*close)(struct cache_base *b);

	int (*get)(struct cache_base *b, const struct slice *keys, size_t n, struct slice *values, struct err *e);
	int (*set)(struct cache_base *b, const struct cache_entry *entries, size_t n, struct err *e);
	int (*delete)(struct cache_base *b, const struct slice *keys, size_t n, uint8_t *there, struct err *e);
	int (*exists)(struct cache_base *b, const struct slice *keys, size_t n, uint8_t *there, struct err *e);
	int (*touch)(struct cache_base *b, const struct slice *keys, size_t n, int64_t ttl_ms, uint8_t *there,
	    struct err *e);
	int (*ttl)(struct cache_base *b, const struct slice *keys, size_t n, int64_t *ms, struct err *e);
	int (*keys)(struct cache_base *b, struct slice prefix, cache_key_fn *fn, void *arg, struct err *e);
	int (*purge)(struct cache_base *b, struct slice prefix, int expired, uint64_t *removed, struct err *e);
	int (*invalidate)(struct cache_base *b, struct slice tag, uint64_t *removed, struct err *e);

	/* Of the names of locks only one is held by a process at a time. hold, unlock: of that. */
	int (*lock)(struct cache_base *b, struct slice name, int *got, struct err *e);
	int (*hold)(struct cache_base *b, struct err *e);
	void (*unlock)(struct cache_base *b);

	/* Add what was counted to what is kept. */
	int (*count)(struct cache_base *b, const struct cache_count *counts, size_t n, struct err *e);
	/* Groups whose whole name begins with prefix (the namespace and its colon, or ""); their names come
	 * out without it. */
	int (*stats)(struct cache_base *b, struct slice prefix, struct cache_stats *out, struct err *e);
};

/* The first member of each driver's own struct. */
struct cache_base {
	const struct cache_driver *driver;
	char *name;     /* freed by cache.c, after the driver's close */
};

extern const struct cache_driver cache_none, cache_sqlite, cache_redis, cache_tiered;

/* What the toolkit itself keeps in a cache, behind the namespace if there is one. */
#define CACHE_TAG "c1v:tag:"
#define CACHE_LOCK "c1v:lock:"
#define CACHE_STATS "c1v:stats:"
/* Is this whole key such, and no entry? */
int cache_own(struct slice key);

/* A driver by its URL, opened; NULL: the default. For cache.c and cache_tiered. */
int cache_base_open(const struct cache_options *o, const char *url, struct cache_base **out, struct err *e);
void cache_base_close(struct cache_base *b);

#endif

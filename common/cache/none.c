/* none: a cache that holds nothing. */
#include <stdlib.h>
#include <string.h>

#include "cache/cache_driver.h"
#include "base/mem.h"

static int
open_none(const struct cache_options *o, const char *rest, struct cache_base **out, struct err *e)
{
	(void)o, (void)rest, (void)e;
	*out = mem_zero(1, sizeof(**out));
	(*out)->name = mem_string("none");
	return 0;
}

static void
close_none(struct cache_base *b)
{
	free(b);
}

static int
get(struct cache_base *b, const struct slice *keys, size_t n, struct slice *values, struct err *e)
{
	(void)b, (void)keys, (void)e;
	for (size_t i = 0; i < n; i++)
		values[i] = SLICE_NONE;
	return 0;
}

static int
set(struct cache_base *b, const struct cache_entry *entries, size_t n, struct err *e)
{
	(void)b, (void)entries, (void)n, (void)e;
	return 0;
}

static int
nowhere(struct cache_base *b, const struct slice *keys, size_t n, uint8_t *there, struct err *e)
{
	(void)b, (void)keys, (void)e;
	memset(there, 0, n);
	return 0;
}

static int
touch(struct cache_base *b, const struct slice *keys, size_t n, int64_t ttl_ms, uint8_t *there, struct err *e)
{
	(void)ttl_ms;
	return nowhere(b, keys, n, there, e);
}

static int
ttl(struct cache_base *b, const struct slice *keys, size_t n, int64_t *ms, struct err *e)
{
	(void)b, (void)keys, (void)e;
	for (size_t i = 0; i < n; i++)
		ms[i] = CACHE_ABSENT;
	return 0;
}

static int
keys_of(struct cache_base *b, struct slice prefix, cache_key_fn *fn, void *arg, struct err *e)
{
	(void)b, (void)prefix, (void)fn, (void)arg, (void)e;
	return 0;
}

static int
purge(struct cache_base *b, struct slice prefix, int expired, uint64_t *removed, struct err *e)
{
	(void)b, (void)prefix, (void)expired, (void)e;
	*removed = 0;
	return 0;
}

static int
invalidate(struct cache_base *b, struct slice tag, uint64_t *removed, struct err *e)
{
	return purge(b, tag, 0, removed, e);
}

static int
lock(struct cache_base *b, struct slice name, int *got, struct err *e)
{
	(void)b, (void)name, (void)e;
	*got = 1;
	return 0;
}

static int
hold(struct cache_base *b, struct err *e)
{
	(void)b, (void)e;
	return 0;
}

static void
unlock(struct cache_base *b)
{
	(void)b;
}

static int
count(struct cache_base *b, const struct cache_count *counts, size_t n, struct err *e)
{
	(void)b, (void)counts, (void)n, (void)e;
	return 0;
}

static int
stats(struct cache_base *b, struct slice prefix, struct cache_stats *out, struct err *e)
{
	(void)b, (void)prefix, (void)out, (void)e;
	return 0;
}

const struct cache_driver cache_none = {
	.open = open_none, .close = close_none, .get = get, .set = set, .delete = nowhere, .exists = nowhere,
	.touch = touch, .ttl = ttl, .keys = keys_of, .purge = purge, .invalidate = invalidate,
	.lock = lock, .hold = hold, .unlock = unlock, .count = count, .stats = stats,
};

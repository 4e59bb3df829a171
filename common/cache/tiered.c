/* tiered: a near cache before a far one. "tiered:FIRST,SECOND", such as a file before a server.
 *
 * What the first does not have is asked of the second, and kept in the first from then on. Everything
 * is put into both. Where one of them fails the other goes on alone, if failures are forgiven. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cache/cache_driver.h"
#include "cache/guard.h"

/* Another host's deletion does not reach this host's first level. What is not named by all that it
 * depends on is therefore kept there for a minute only. */
enum { NEAR_TTL = 60 * 1000 };

struct level {
	struct cache_base *base;
	struct guard guard;
};

struct tiered {
	struct cache_base base;
	struct level near, far;
	struct arena arena;   /* of a call */
	struct level *locked; /* the one that holds the lock: far, unless it failed */
};

static struct tiered *
of(struct cache_base *b)
{
	return (struct tiered *)b;
}

static int
works(const struct level *l)
{
	return l->base->driver != &cache_none && !guard_closed(&l->guard);
}

/* --- opening -------------------------------------------------------------------------- */

static int
open_level(const struct cache_options *o, const char *url, struct level *l, struct err *e)
{
	int rc;

	l->guard = (struct guard){.forgiving = o->forgiving, .log = o->log, .stop = o->stop};
	rc = cache_base_open(o, url, &l->base, e);
	if (rc == 0 || rc == C1V_USAGE || rc == C1V_CONFIG)
		return rc;
	rc = guard_pass(&l->guard, rc, e);
	return rc != 0 ? rc : cache_base_open(o, "none", &l->base, e);
}

static void
close_tiered(struct cache_base *b)
{
	cache_base_close(of(b)->near.base);
	cache_base_close(of(b)->far.base);
	arena_free(&of(b)->arena);
	free(b);
}

static int
open_tiered(const struct cache_options *o, const char *rest, struct cache_base **out, struct err *e)
{
	const char *urls = rest + strlen("tiered:"), *comma = strchr(urls, ',');
	struct tiered *t;
	struct buf name = {0};
	char *first;
	int rc;

	if (comma == NULL || comma == urls || comma[1] == '\0') {
		err_set(e, C1V_USAGE, "cache: tiered:… needs two caches");
		return err_hint(e, "tiered:sqlite:PATH,redis://HOST");
	}
	t = mem_zero(1, sizeof(*t));
	first = mem_bytes(urls, (size_t)(comma - urls));
	rc = open_level(o, first, &t->near, e);
	if (rc == 0)
		rc = open_level(o, comma + 1, &t->far, e);
	free(first);
	if (rc != 0) {
		close_tiered(&t->base);
		return rc;
	}
	buf_format(&name, "tiered:%s,%s", t->near.base->name, t->far.base->name);
	t->base.name = mem_string(buf_cstr(&name));
	buf_free(&name);
	*out = &t->base;
	return 0;
}

/* --- lookups -------------------------------------------------------------------------- */

static int
named_by_content(struct slice key)
{
	return slice_begins(key, SLICE("embedding:")) || slice_begins(key, SLICE("llm:"));
}

static int64_t
near_ttl(struct slice key, int64_t left)
{
	const char *colon = memchr(key.p, ':', key.n);

	/* Perhaps behind a namespace. */
	if (named_by_content(key) ||
	    (colon != NULL && named_by_content(slice_after(key, (size_t)(colon - key.p) + 1))))
		return left;
	return left < NEAR_TTL ? left : NEAR_TTL;
}

/* Values outlast the next call of the level that gave them. */
static void
keep_values(struct tiered *t, struct slice *values, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (values[i].p != NULL)
			values[i].p = arena_bytes(&t->arena, values[i].p, values[i].n);
	}
}

/* Keep near what the far cache gave, for as long as that has it. */
static int
bring_near(struct tiered *t, const struct slice *keys, const struct slice *values, size_t n, struct err *e)
{
	struct cache_entry *entries = arena_alloc(&t->arena, n * sizeof(*entries));
	int64_t *left = arena_alloc(&t->arena, n * sizeof(*left));
	size_t count = 0;
	int rc = t->far.base->driver->ttl(t->far.base, keys, n, left, e);

	if (rc != 0)
		return guard_pass(&t->far.guard, rc, e);
	for (size_t i = 0; i < n; i++) {
		if (left[i] == CACHE_FOREVER)
			left[i] = CACHE_TTL;
		if (left[i] > 0)
			entries[count++] = (struct cache_entry){
				.key = keys[i], .value = values[i], .ttl_ms = near_ttl(keys[i], left[i])
			};
	}
	if (count == 0 || !works(&t->near))
		return 0;
	return guard_pass(&t->near.guard, t->near.base->driver->set(t->near.base, entries, count, e), e);
}

/* Ask the far cache for the keys that have no value yet. */
static int
get_far(struct tiered *t, const struct slice *keys, size_t n, struct slice *values, struct err *e)
{
	struct slice *wanted = arena_alloc(&t->arena, n * sizeof(*wanted));
	struct slice *found = arena_alloc(&t->arena, n * sizeof(*found));
	size_t *where = arena_alloc(&t->arena, n * sizeof(*where)), count = 0, got = 0;
	int rc;

	for (size_t i = 0; i < n; i++) {
		if (values[i].p == NULL) {
			found[count] = SLICE_NONE;
			where[count] = i;
			wanted[count++] = keys[i];
		}
	}
	if (count == 0)
		return 0;
	rc = t->far.base->driver->get(t->far.base, wanted, count, found, e);
	if (rc != 0)
		return guard_pass(&t->far.guard, rc, e);
	for (size_t i = 0; i < count; i++) {
		values[where[i]] = found[i];
		if (found[i].p != NULL) {
			where[got] = where[i];
			wanted[got++] = wanted[i];
		}
	}
	if (got == 0)
		return 0;
	keep_values(t, values, n);
	for (size_t i = 0; i < got; i++)
		found[i] = values[where[i]];
	return bring_near(t, wanted, found, got, e);
}

static int
get(struct cache_base *b, const struct slice *keys, size_t n, struct slice *values, struct err *e)
{
	struct tiered *t = of(b);
	int rc = 0;

	arena_reset(&t->arena);
	for (size_t i = 0; i < n; i++)
		values[i] = SLICE_NONE;
	if (works(&t->near))
		rc = guard_pass(&t->near.guard, t->near.base->driver->get(t->near.base, keys, n, values, e), e);
	return rc != 0 || !works(&t->far) ? rc : get_far(t, keys, n, values, e);
}

/* The far cache knows how long an entry lives. */
static int
ttl(struct cache_base *b, const struct slice *keys, size_t n, int64_t *ms, struct err *e)
{
	struct tiered *t = of(b);
	int64_t *near;
	int rc = 0;

	arena_reset(&t->arena);
	near = arena_alloc(&t->arena, n * sizeof(*near));
	for (size_t i = 0; i < n; i++)
		ms[i] = near[i] = CACHE_ABSENT;
	if (works(&t->far))
		rc = guard_pass(&t->far.guard, t->far.base->driver->ttl(t->far.base, keys, n, ms, e), e);
	if (rc == 0 && works(&t->near))
		rc = guard_pass(&t->near.guard, t->near.base->driver->ttl(t->near.base, keys, n, near, e), e);
	for (size_t i = 0; i < n && rc == 0; i++) {
		if (ms[i] == CACHE_ABSENT)
			ms[i] = near[i];
	}
	return rc;
}

/* --- what concerns both ---------------------------------------------------------------- */

enum ask { ASK_EXISTS, ASK_DELETE, ASK_TOUCH };

static int
ask(struct level *l, enum ask what, const struct slice *keys, size_t n, int64_t ttl_ms, uint8_t *there,
    struct err *e)
{
	const struct cache_driver *d = l->base->driver;
	int rc;

	memset(there, 0, n);
	if (!works(l))
		return 0;
	if (what == ASK_TOUCH)
		rc = d->touch(l->base, keys, n, ttl_ms, there, e);
	else
		rc = (what == ASK_EXISTS ? d->exists : d->delete)(l->base, keys, n, there, e);
	return guard_pass(&l->guard, rc, e);
}

/* Ask both, also when one failed: what is deleted is gone at least there. */
static int
ask_both(struct tiered *t, enum ask what, const struct slice *keys, size_t n, int64_t ttl_ms, uint8_t *there,
    struct err *e)
{
	struct err other;
	uint8_t *far;
	int rc, more;

	arena_reset(&t->arena);
	far = arena_alloc(&t->arena, n);
	rc = ask(&t->far, what, keys, n, ttl_ms, far, e);
	more = ask(&t->near, what, keys, n, ttl_ms, there, rc == 0 ? e : &other);
	for (size_t i = 0; i < n; i++)
		there[i] |= far[i];
	return rc != 0 ? rc : more;
}

static int
exists(struct cache_base *b, const struct slice *keys, size_t n, uint8_t *there, struct err *e)
{
	return ask_both(of(b), ASK_EXISTS, keys, n, 0, there, e);
}

static int
delete(struct cache_base *b, const struct slice *keys, size_t n, uint8_t *there, struct err *e)
{
	return ask_both(of(b), ASK_DELETE, keys, n, 0, there, e);
}

static int
touch(struct cache_base *b, const struct slice *keys, size_t n, int64_t ttl_ms, uint8_t *there, struct err *e)
{
	return ask_both(of(b), ASK_TOUCH, keys, n, ttl_ms, there, e);
}

static int
set_level(struct level *l, const struct cache_entry *entries, size_t n, struct err *e)
{
	return works(l) ? guard_pass(&l->guard, l->base->driver->set(l->base, entries, n, e), e) : 0;
}

static int
set(struct cache_base *b, const struct cache_entry *entries, size_t n, struct err *e)
{
	struct tiered *t = of(b);
	struct cache_entry *near;
	struct err other;
	int rc, more;

	arena_reset(&t->arena);
	near = arena_alloc(&t->arena, n * sizeof(*near));
	for (size_t i = 0; i < n; i++) {
		near[i] = entries[i];
		near[i].ttl_ms = near_ttl(entries[i].key, entries[i].ttl_ms);
	}
	rc = set_level(&t->far, entries, n, e);
	more = set_level(&t->near, near, n, rc == 0 ? e : &other);
	return rc != 0 ? rc : more;
}

/* Remove from both what begins with a prefix, or has a tag; *removed: of the one that had more. */
static int
remove_both(struct tiered *t, struct slice prefix, int expired, struct slice tag, uint64_t *removed, struct err *e)
{
	struct level *levels[] = {&t->far, &t->near};
	int rc = 0;

	*removed = 0;
	for (int i = 0; i < 2; i++) {
		struct cache_base *base = levels[i]->base;
		uint64_t some = 0;
		struct err why;
		int failed = 0;

		if (works(levels[i]))
			failed = tag.p != NULL ? base->driver->invalidate(base, tag, &some, &why) :
			    base->driver->purge(base, prefix, expired, &some, &why);
		failed = guard_pass(&levels[i]->guard, failed, &why);
		if (failed != 0 && rc == 0) {
			*e = why;
			rc = failed;
		}
		*removed = some > *removed ? some : *removed;
	}
	return rc;
}

static int
purge(struct cache_base *b, struct slice prefix, int expired, uint64_t *removed, struct err *e)
{
	return remove_both(of(b), prefix, expired, SLICE_NONE, removed, e);
}

static int
invalidate(struct cache_base *b, struct slice tag, uint64_t *removed, struct err *e)
{
	return remove_both(of(b), SLICE_NONE, 0, tag, removed, e);
}

/* What is near is far too, or is on its way out. */
static struct level *
main_level(struct tiered *t)
{
	return works(&t->far) ? &t->far : &t->near;
}

static int
keys_of(struct cache_base *b, struct slice prefix, cache_key_fn *fn, void *arg, struct err *e)
{
	struct level *l = main_level(of(b));

	return works(l) ? l->base->driver->keys(l->base, prefix, fn, arg, e) : 0;
}

/* --- locks, counts ---------------------------------------------------------------------- */

static int
lock(struct cache_base *b, struct slice name, int *got, struct err *e)
{
	struct level *l = main_level(of(b));

	of(b)->locked = works(l) ? l : NULL;
	return works(l) ? l->base->driver->lock(l->base, name, got, e) : 0;
}

static int
hold(struct cache_base *b, struct err *e)
{
	struct level *l = of(b)->locked;

	return l != NULL ? l->base->driver->hold(l->base, e) : 0;
}

static void
unlock(struct cache_base *b)
{
	struct level *l = of(b)->locked;

	if (l != NULL)
		l->base->driver->unlock(l->base);
}

/* Hits of both levels together are counted where looking is cheap. */
static struct level *
counting_level(struct tiered *t)
{
	return works(&t->near) ? &t->near : &t->far;
}

static int
count(struct cache_base *b, const struct cache_count *counts, size_t n, struct err *e)
{
	struct level *l = counting_level(of(b));

	return works(l) ? guard_pass(&l->guard, l->base->driver->count(l->base, counts, n, e), e) : 0;
}

static int
stats(struct cache_base *b, struct slice prefix, struct cache_stats *out, struct err *e)
{
	struct level *l = counting_level(of(b));

	return works(l) ? l->base->driver->stats(l->base, prefix, out, e) : 0;
}

const struct cache_driver cache_tiered = {
	.open = open_tiered, .close = close_tiered, .get = get, .set = set, .delete = delete, .exists = exists,
	.touch = touch, .ttl = ttl, .keys = keys_of, .purge = purge, .invalidate = invalidate,
	.lock = lock, .hold = hold, .unlock = unlock, .count = count, .stats = stats,
};

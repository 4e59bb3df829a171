#include "cache/cache.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "cache/cache_driver.h"
#include "cache/count.h"
#include "cache/guard.h"
#include "cache/seal.h"
#include "net/redis.h"
#include "net/url.h"

enum { SPACE_MAX = 64, COUNT_CALLS = 4096 };

struct cache {
	struct cache_base *base;
	struct guard guard;
	struct slice space;     /* "acme:", or "" */
	struct seal *seal;
	struct counts counts;
	struct arena arena;     /* of one call: whole keys */
	struct buf opened;      /* of one call: values that were sealed */
	struct slice *whole;
	struct cache_entry *entries;
	size_t whole_room, entry_room;
	struct slice *damaged;
	size_t damaged_count, damaged_room;
	struct arena damaged_keys;
	int locked, uncounted;
};

/* --- opening -------------------------------------------------------------------------- */

static const struct cache_driver *
driver_for(const char *url, const char **rest, struct err *e)
{
	size_t n = url ? url_scheme(url) : 0;

	*rest = url;
	if (url == NULL || n == 0)
		return url != NULL && strcmp(url, "none") == 0 ? &cache_none : &cache_sqlite;
	if (redis_url(url))
		return &cache_redis;
	if (n == 6 && strncasecmp(url, "tiered", n) == 0)
		return &cache_tiered;
	if (n == 6 && strncasecmp(url, "sqlite", n) == 0) {
		*rest = url[n + 1] ? url + n + 1 : NULL;
		return &cache_sqlite;
	}
	err_set(e, C1V_CONFIG, "cache %.*s:…: no such kind of cache", (int)n, url);
	err_hint(e, "kinds: sqlite:PATH, redis://…, rediss://…, unix://…, upstash:, tiered:FIRST,SECOND, none");
	return NULL;
}

int
cache_base_open(const struct cache_options *o, const char *url, struct cache_base **out, struct err *e)
{
	const struct cache_driver *driver;
	const char *rest;
	int rc;

	*out = NULL;
	driver = driver_for(url, &rest, e);
	if (driver == NULL)
		return e->code;
	rc = driver->open(o, rest, out, e);
	if (rc == 0)
		(*out)->driver = driver;
	return rc;
}

void
cache_base_close(struct cache_base *b)
{
	char *name;

	if (b == NULL)
		return;
	name = b->name;
	b->driver->close(b);
	free(name);
}

static int
check_space(const char *space, struct err *e)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
	static const char *const kinds[] = {"embedding", "llm", "validation", "run", "project", "c1v"};
	size_t n = strlen(space);

	if (n > SPACE_MAX || strspn(space, allowed) != n)
		return err_set(e, C1V_USAGE, "namespace '%.80s': wanted are 1 to %d of A-Z a-z 0-9 _ . -", space, SPACE_MAX);
	/* Its keys could not be told from those of everybody. */
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(space, kinds[i]) == 0)
			return err_set(e, C1V_USAGE, "namespace '%s': keys of this kind begin so", space);
	}
	return 0;
}

static int
open_base(struct cache *c, const struct cache_options *o, struct err *e)
{
	const char *url = NULL;
	int rc = url_resolve("cache", o->url, &url, e);

	if (rc == 0 && o->key_file != NULL && *o->key_file)
		rc = seal_open(o->key_file, &c->seal, e);
	if (rc == 0)
		rc = cache_base_open(o, url != NULL && *url ? url : NULL, &c->base, e);
	/* A setting that cannot be meant is the user's to hear of; the rest must not stop the work. */
	if (rc != 0 && rc != C1V_USAGE && rc != C1V_CONFIG)
		rc = guard_pass(&c->guard, rc, e);
	return rc != 0 || c->base != NULL ? rc : cache_base_open(o, "none", &c->base, e);
}

int
cache_open(const struct cache_options *o, struct cache **out, struct err *e)
{
	struct cache *c;
	int rc = o->space != NULL ? check_space(o->space, e) : 0;

	*out = NULL;
	if (rc != 0)
		return rc;
	c = mem_zero(1, sizeof(*c));
	c->guard = (struct guard){.forgiving = o->forgiving, .log = o->log, .stop = o->stop};
	c->space = SLICE("");
	c->uncounted = o->uncounted;
	rc = open_base(c, o, e);
	if (rc != 0) {
		cache_close(c);
		return rc;
	}
	if (o->space != NULL && *o->space) {
		char *space = mem_alloc(strlen(o->space) + 2);

		strcat(strcpy(space, o->space), ":");
		c->space = slice_of(space);
	}
	*out = c;
	return 0;
}

const char *
cache_name(const struct cache *c)
{
	return c->base->name;
}

int
cache_works(const struct cache *c)
{
	return c->base->driver != &cache_none && !guard_closed(&c->guard);
}

int
cache_failed(const struct cache *c)
{
	return c->guard.warned;
}

/* --- what every call does ------------------------------------------------------------- */

static int
passed(struct cache *c, int rc, struct err *e)
{
	return guard_pass(&c->guard, rc, e);
}

int
cache_check_key(const struct cache *c, struct slice key, struct err *e)
{
	if (key.n == 0)
		return err_set(e, C1V_USAGE, "a key is empty");
	if (c->space.n + key.n > CACHE_KEY_MAX)
		return err_set(e, C1V_USAGE, "a key is longer than %d bytes", CACHE_KEY_MAX);
	for (size_t i = 0; i < key.n; i++) {
		if ((unsigned char)key.p[i] < 0x20 || key.p[i] == 0x7f)
			return err_set(e, C1V_USAGE, "a key holds a control character");
	}
	if (utf8_valid(key.p, key.n) != key.n)
		return err_set(e, C1V_USAGE, "a key is not valid UTF-8");
	return 0;
}

/* A key, tag or name with the namespace before it, and `between` (or ""). */
static int
make_whole(struct cache *c, const char *between, struct slice key, struct slice *out, struct err *e)
{
	size_t middle = strlen(between), n = c->space.n + middle + key.n;
	int rc = cache_check_key(c, key, e);
	char *p;

	if (rc != 0)
		return rc;
	*out = key;
	if (c->space.n + middle == 0)
		return 0;
	p = arena_alloc(&c->arena, n);
	memcpy(p, c->space.p, c->space.n);
	memcpy(p + c->space.n, between, middle);
	memcpy(p + c->space.n + middle, key.p, key.n);
	*out = (struct slice){p, n};
	return 0;
}

/* --- damaged entries: found while values are being looked at, removed by the next call --- */

static void
note_damaged(struct cache *c, struct slice whole)
{
	mem_grow(&c->damaged, &c->damaged_room, c->damaged_count + 1, sizeof(*c->damaged));
	c->damaged[c->damaged_count++] = (struct slice){arena_bytes(&c->damaged_keys, whole.p, whole.n), whole.n};
}

/* One that cannot be removed is found damaged again. */
static void
remove_damaged(struct cache *c)
{
	struct err why;
	uint8_t *there;

	if (c->damaged_count == 0)
		return;
	there = arena_alloc(&c->arena, c->damaged_count);
	if (cache_works(c))
		c->base->driver->delete(c->base, c->damaged, c->damaged_count, there, &why);
	c->damaged_count = 0;
	arena_reset(&c->damaged_keys);
}

static void write_counts(struct cache *c);

/* The whole keys of a call, in c->whole. What the call before gave is gone. */
static int
begin(struct cache *c, const struct slice *keys, size_t n, struct err *e)
{
	int rc = 0;

	arena_reset(&c->arena);
	remove_damaged(c);
	if (c->counts.calls >= COUNT_CALLS)
		write_counts(c);
	c->opened.len = 0;
	mem_grow(&c->whole, &c->whole_room, n, sizeof(*c->whole));
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = make_whole(c, "", keys[i], &c->whole[i], e);
	return rc;
}

/* Every entry and tag of a namespace begins with this. */
static struct slice
whole_prefix(struct cache *c, struct slice prefix)
{
	char *p = arena_alloc(&c->arena, c->space.n + prefix.n);

	memcpy(p, c->space.p, c->space.n);
	if (prefix.n)
		memcpy(p + c->space.n, prefix.p, prefix.n);
	return (struct slice){p, c->space.n + prefix.n};
}

/* Counting is no reason for a call to fail. */
static void
write_counts(struct cache *c)
{
	struct err why;

	if (c->counts.count > 0 && cache_works(c))
		c->base->driver->count(c->base, c->counts.items, c->counts.count, &why);
	counts_reset(&c->counts);
}

void
cache_close(struct cache *c)
{
	if (c == NULL)
		return;
	if (c->base != NULL) {
		cache_unlock(c);
		remove_damaged(c);
		write_counts(c);
	}
	cache_base_close(c->base);
	seal_close(c->seal);
	counts_free(&c->counts);
	arena_free(&c->arena);
	arena_free(&c->damaged_keys);
	buf_free(&c->opened);
	if (c->space.n)
		free((char *)c->space.p);
	free(c->whole);
	free(c->entries);
	free(c->damaged);
	free(c);
}

/* --- lookups -------------------------------------------------------------------------- */

/* Open what is sealed, and note what was damaged. */
static void
open_seals(struct cache *c, size_t n, struct slice *values)
{
	size_t room = 0;

	for (size_t i = 0; i < n && c->seal != NULL; i++)
		room += values[i].n;
	buf_reserve(&c->opened, room); /* so that what was opened stays where it is */
	for (size_t i = 0; i < n; i++) {
		size_t at = c->opened.len;
		enum seal_state state;

		if (values[i].p == NULL)
			continue;
		state = seal_read(c->seal, c->whole[i], values[i], &c->opened);
		if (state == SEAL_READ)
			values[i] = (struct slice){c->opened.data + at, c->opened.len - at};
		else if (state != SEAL_NONE)
			values[i] = SLICE_NONE;
		if (state == SEAL_DAMAGED)
			note_damaged(c, c->whole[i]);
	}
}

int
cache_get(struct cache *c, const struct slice *keys, size_t n, struct slice *values, struct err *e)
{
	int64_t start = clock_mono_ns();
	int rc;

	for (size_t i = 0; i < n; i++)
		values[i] = SLICE_NONE;
	rc = begin(c, keys, n, e);
	if (rc != 0 || n == 0 || !cache_works(c))
		return rc;
	rc = passed(c, c->base->driver->get(c->base, c->whole, n, values, e), e);
	if (rc != 0)
		return rc;
	open_seals(c, n, values);
	if (!c->uncounted)
		counts_lookup(&c->counts, c->whole, n, values, c->space.n, clock_mono_ns() - start);
	return 0;
}

int
cache_exists(struct cache *c, const struct slice *keys, size_t n, uint8_t *there, struct err *e)
{
	int rc = begin(c, keys, n, e);

	memset(there, 0, n);
	if (rc != 0 || n == 0 || !cache_works(c))
		return rc;
	return passed(c, c->base->driver->exists(c->base, c->whole, n, there, e), e);
}

int
cache_ttl(struct cache *c, const struct slice *keys, size_t n, int64_t *ms, struct err *e)
{
	int rc = begin(c, keys, n, e);

	for (size_t i = 0; i < n; i++)
		ms[i] = CACHE_ABSENT;
	if (rc != 0 || n == 0 || !cache_works(c))
		return rc;
	return passed(c, c->base->driver->ttl(c->base, c->whole, n, ms, e), e);
}

/* --- changes -------------------------------------------------------------------------- */

static int
check_ttl(int64_t ttl_ms, struct err *e)
{
	if (ttl_ms < 1 || ttl_ms > CACHE_TTL_MAX)
		return err_set(e, C1V_USAGE, "a time to live is 1 ms to 10 years");
	return 0;
}

static int
make_tags(struct cache *c, struct cache_entry *entry, struct err *e)
{
	struct slice *tags = arena_alloc(&c->arena, entry->tag_count * sizeof(*tags));
	int rc = 0;

	for (size_t i = 0; i < entry->tag_count && rc == 0; i++)
		rc = make_whole(c, CACHE_TAG, entry->tags[i], &tags[i], e);
	entry->tags = tags;
	return rc;
}

/* The entry as the driver gets it. Of a sealed value *at is where it begins in c->opened, whose
 * place is not settled yet. */
static int
make_entry(struct cache *c, const struct cache_entry *from, struct cache_entry *to, struct err *e)
{
	int rc;

	*to = *from;
	to->ttl_ms = from->ttl_ms ? from->ttl_ms : CACHE_TTL;
	rc = check_ttl(to->ttl_ms, e);
	if (rc == 0 && from->value.n > CACHE_VALUE_MAX)
		rc = err_set(e, C1V_USAGE, "a value is longer than %d bytes", CACHE_VALUE_MAX);
	if (rc == 0)
		rc = make_whole(c, "", from->key, &to->key, e);
	if (rc == 0 && from->tag_count > 0)
		rc = make_tags(c, to, e);
	if (rc == 0 && c->seal != NULL) {
		size_t at = c->opened.len;

		rc = seal_add(c->seal, to->key, from->value, &c->opened, e);
		to->value = (struct slice){c->opened.data + at, c->opened.len - at};
	}
	return rc;
}

int
cache_set(struct cache *c, const struct cache_entry *entries, size_t n, struct err *e)
{
	size_t room = 0;
	int rc = begin(c, NULL, 0, e);

	mem_grow(&c->entries, &c->entry_room, n, sizeof(*c->entries));
	for (size_t i = 0; i < n && c->seal != NULL; i++)
		room += entries[i].value.n + SEAL_OVERHEAD;
	buf_reserve(&c->opened, room); /* so that what was sealed stays where it is */
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = make_entry(c, &entries[i], &c->entries[i], e);
	if (rc != 0 || n == 0 || !cache_works(c))
		return rc;
	return passed(c, c->base->driver->set(c->base, c->entries, n, e), e);
}

int
cache_delete(struct cache *c, const struct slice *keys, size_t n, uint8_t *there, struct err *e)
{
	int rc = begin(c, keys, n, e);

	memset(there, 0, n);
	if (rc != 0 || n == 0 || !cache_works(c))
		return rc;
	return passed(c, c->base->driver->delete(c->base, c->whole, n, there, e), e);
}

int
cache_touch(struct cache *c, const struct slice *keys, size_t n, int64_t ttl_ms, uint8_t *there, struct err *e)
{
	int rc = begin(c, keys, n, e);

	memset(there, 0, n);
	if (rc == 0)
		rc = check_ttl(ttl_ms, e);
	if (rc != 0 || n == 0 || !cache_works(c))
		return rc;
	return passed(c, c->base->driver->touch(c->base, c->whole, n, ttl_ms, there, e), e);
}

/* --- many ------------------------------------------------------------------------------ */

static int
begins_own(struct slice key)
{
	return slice_begins(key, SLICE(CACHE_TAG)) || slice_begins(key, SLICE(CACHE_LOCK)) ||
	    slice_begins(key, SLICE(CACHE_STATS));
}

int
cache_own(struct slice key)
{
	const char *colon = memchr(key.p, ':', key.n);

	return begins_own(key) ||
	    (colon != NULL && begins_own(slice_after(key, (size_t)(colon - key.p) + 1)));
}

struct shortened {
	size_t space;
	cache_key_fn *fn;
	void *arg;
};

/* Keys without the namespace. */
static int
shorten(void *arg, struct slice key, struct err *e)
{
	const struct shortened *s = arg;

	return cache_own(key) ? 0 : s->fn(s->arg, slice_after(key, s->space), e);
}

int
cache_keys(struct cache *c, struct slice prefix, cache_key_fn *fn, void *arg, struct err *e)
{
	struct shortened s = {c->space.n, fn, arg};
	int rc = begin(c, NULL, 0, e);

	if (rc != 0 || !cache_works(c))
		return rc;
	return passed(c, c->base->driver->keys(c->base, whole_prefix(c, prefix), shorten, &s, e), e);
}

int
cache_purge(struct cache *c, struct slice prefix, int expired, uint64_t *removed, struct err *e)
{
	int rc = begin(c, NULL, 0, e);

	*removed = 0;
	if (rc != 0 || !cache_works(c))
		return rc;
	return passed(c, c->base->driver->purge(c->base, whole_prefix(c, prefix), expired, removed, e), e);
}

int
cache_invalidate(struct cache *c, struct slice tag, uint64_t *removed, struct err *e)
{
	struct slice whole;
	int rc = begin(c, NULL, 0, e);

	*removed = 0;
	if (rc == 0)
		rc = make_whole(c, CACHE_TAG, tag, &whole, e);
	if (rc != 0 || !cache_works(c))
		return rc;
	return passed(c, c->base->driver->invalidate(c->base, whole, removed, e), e);
}

/* --- locks ----------------------------------------------------------------------------- */

int
cache_lock(struct cache *c, struct slice name, int *got, struct err *e)
{
	struct slice whole;
	int rc = begin(c, NULL, 0, e);

	*got = 1;
	if (rc == 0)
		rc = make_whole(c, CACHE_LOCK, name, &whole, e);
	if (rc != 0 || !cache_works(c))
		return rc;
	rc = c->base->driver->lock(c->base, whole, got, e);
	if (rc != 0)
		*got = 1;
	c->locked = rc == 0 && *got;
	return passed(c, rc, e);
}

int
cache_hold(struct cache *c, struct err *e)
{
	if (!c->locked || !cache_works(c))
		return 0;
	return passed(c, c->base->driver->hold(c->base, e), e);
}

void
cache_unlock(struct cache *c)
{
	if (c->locked && cache_works(c))
		c->base->driver->unlock(c->base);
	c->locked = 0;
}

/* --- statistics ------------------------------------------------------------------------ */

void
cache_saved(struct cache *c, struct slice group, struct slice model, int64_t tokens)
{
	if (tokens > 0)
		counts_saved(&c->counts, whole_prefix(c, group), c->space.n, model, tokens);
}

int
cache_stats(struct cache *c, struct cache_stats *out, struct err *e)
{
	int rc = begin(c, NULL, 0, e);

	memset(out, 0, sizeof(*out));
	write_counts(c);
	if (rc != 0 || !cache_works(c))
		return rc;
	return passed(c, c->base->driver->stats(c->base, whole_prefix(c, SLICE("")), out, e), e);
}

void
cache_stats_free(struct cache_stats *s)
{
	arena_free(&s->arena);
	memset(s, 0, sizeof(*s));
}

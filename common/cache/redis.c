#include "cache/redis.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"

static struct redis_cache *
of(struct cache_base *b)
{
	return (struct redis_cache *)b;
}

/* --- commands ------------------------------------------------------------------------- */

void
redis_begin(struct redis_cache *r)
{
	r->count = 0;
	arena_reset(&r->arena);
}

void
redis_add(struct redis_cache *r, size_t key, size_t count, ...)
{
	struct slice *args = arena_alloc(&r->arena, count * sizeof(*args));
	va_list ap;

	va_start(ap, count);
	for (size_t i = 0; i < count; i++)
		args[i] = va_arg(ap, struct slice);
	va_end(ap);
	mem_grow(&r->commands, &r->room, r->count + 1, sizeof(*r->commands));
	r->commands[r->count++] = (struct redis_command){.args = args, .count = count, .key = key};
}

/* Many keys as one command: NAME KEY… */
static void
add_many(struct redis_cache *r, struct slice name, const struct slice *keys, size_t n)
{
	struct slice *args = arena_alloc(&r->arena, (n + 1) * sizeof(*args));

	args[0] = name;
	memcpy(args + 1, keys, n * sizeof(*args));
	mem_grow(&r->commands, &r->room, r->count + 1, sizeof(*r->commands));
	r->commands[r->count++] = (struct redis_command){.args = args, .count = n + 1, .key = 1};
}

int
redis_send(struct redis_cache *r, struct err *e)
{
	mem_grow(&r->replies, &r->reply_room, r->count + 1, sizeof(*r->replies));
	return redis_run(r->link, r->commands, r->count, r->replies, e);
}

int
redis_good(const struct redis_cache *r, const struct redis_reply *reply, struct err *e)
{
	return reply->type == REDIS_ERROR ? redis_refusal(r->link, reply, e) : 0;
}

struct slice
redis_number(struct redis_cache *r, int64_t n)
{
	return slice_of(arena_format(&r->arena, "%lld", (long long)n));
}

/* What no server that was asked this says. */
static int
nonsense(const struct redis_cache *r, size_t i, struct err *e)
{
	struct slice name = r->commands[i].args[0];

	return err_set(e, C1V_PROTOCOL, "%s: %.*s answered something else", redis_name(r->link), (int)name.n, name.p);
}

/* Commands of which none may be refused. */
static int
ask_each(struct redis_cache *r, struct err *e)
{
	int rc = redis_send(r, e);

	for (size_t i = 0; i < r->count && rc == 0; i++)
		rc = redis_good(r, &r->replies[i], e);
	return rc;
}

/* Commands of which each has a number for a reply. */
static int
ask_numbers(struct redis_cache *r, struct err *e)
{
	int rc = ask_each(r, e);

	for (size_t i = 0; i < r->count && rc == 0; i++) {
		if (r->replies[i].type != REDIS_INTEGER)
			rc = nonsense(r, i, e);
	}
	return rc;
}

static int
flag_each(struct redis_cache *r, uint8_t *there, struct err *e)
{
	int rc = ask_numbers(r, e);

	for (size_t i = 0; i < r->count && rc == 0; i++)
		there[i] = r->replies[i].integer > 0;
	return rc;
}

/* --- opening -------------------------------------------------------------------------- */

static int
open_redis(const struct cache_options *o, const char *rest, struct cache_base **out, struct err *e)
{
	struct redis_options options = {
		.url = rest, .connect_timeout = o->connect_timeout, .command_timeout = o->command_timeout, .stop = o->stop
	};
	struct redis_cache *r = mem_zero(1, sizeof(*r));
	int rc = redis_open(&options, &r->link, e);

	if (rc != 0) {
		free(r);
		return rc;
	}
	r->base.name = mem_string(redis_name(r->link));
	*out = &r->base;
	return 0;
}

static void
close_redis(struct cache_base *b)
{
	struct redis_cache *r = of(b);

	redis_close(r->link);
	arena_free(&r->arena);
	free(r->commands);
	free(r->replies);
	free(r->lock);
	free(r);
}

/* --- entries -------------------------------------------------------------------------- */

/* What is no string is not one of our entries: MGET gives nothing for it, GET an error. */
static int
take_value(const struct redis_cache *r, const struct redis_reply *reply, struct slice *value, struct err *e)
{
	if (reply->type == REDIS_STRING || reply->type == REDIS_STATUS)
		*value = (struct slice){reply->text.n ? reply->text.p : "", reply->text.n};
	else if (reply->type == REDIS_ERROR && !slice_begins(reply->text, SLICE("WRONGTYPE")))
		return redis_refusal(r->link, reply, e);
	else if (reply->type == REDIS_INTEGER || reply->type == REDIS_ARRAY)
		return err_set(e, C1V_PROTOCOL, "%s: the value of a key is none", redis_name(r->link));
	return 0;
}

/* Of one MGET as many values as it had keys, or of a GET one. */
static int
take_reply(const struct redis_cache *r, size_t i, struct slice *values, struct err *e)
{
	const struct redis_reply *reply = &r->replies[i];
	size_t n = r->commands[i].count - 1;
	int rc = 0;

	if (slice_is(r->commands[i].args[0], "GET") || reply->type == REDIS_ERROR)
		return take_value(r, reply, values, e);
	if (reply->type != REDIS_ARRAY || reply->count != n)
		return nonsense(r, i, e);
	for (size_t k = 0; k < n && rc == 0; k++)
		rc = take_value(r, &reply->items[k], &values[k], e);
	return rc;
}

static int
take_values(const struct redis_cache *r, struct slice *values, struct err *e)
{
	size_t at = 0;
	int rc = 0;

	for (size_t i = 0; i < r->count && rc == 0; i++) {
		rc = take_reply(r, i, values + at, e);
		at += r->commands[i].count - 1;
	}
	return rc;
}

static int
get_many(struct redis_cache *r, const struct slice *keys, size_t n, struct err *e)
{
	redis_begin(r);
	for (size_t i = 0; i < n; i += REDIS_BATCH)
		add_many(r, SLICE("MGET"), keys + i, n - i < REDIS_BATCH ? n - i : REDIS_BATCH);
	return redis_send(r, e);
}

/* Keys of a cluster need not be in one slot. */
static int
get_each(struct redis_cache *r, const struct slice *keys, size_t n, struct err *e)
{
	redis_begin(r);
	for (size_t i = 0; i < n; i++)
		redis_add(r, 1, 2, SLICE("GET"), keys[i]);
	return redis_send(r, e);
}

/* A first MGET may be how a cluster is found out. */
static int
crossed_slots(const struct redis_cache *r)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct redis_reply *reply = &r->replies[i];

		if (reply->type == REDIS_ERROR && slice_begins(reply->text, SLICE("CROSSSLOT")))
			return 1;
	}
	return 0;
}

static int
get(struct cache_base *b, const struct slice *keys, size_t n, struct slice *values, struct err *e)
{
	struct redis_cache *r = of(b);
	int many = n > 1 && !redis_cluster(r->link);
	int rc = many ? get_many(r, keys, n, e) : get_each(r, keys, n, e);

	if (rc == 0 && many && (redis_cluster(r->link) || crossed_slots(r)))
		rc = get_each(r, keys, n, e);
	for (size_t i = 0; i < n; i++)
		values[i] = SLICE_NONE;
	return rc == 0 ? take_values(r, values, e) : rc;
}

/* The set of a tag's keys lives as long as the longest of them. The key is noted before the entry is
 * there, and again behind it, for the tag may have been invalidated in between. */
static void
add_tagged(struct redis_cache *r, const struct cache_entry *entry, struct slice ttl)
{
	for (size_t i = 0; i < entry->tag_count; i++) {
		struct slice tag = entry->tags[i];

		redis_add(r, 1, 3, SLICE("SADD"), tag, entry->key);
		redis_add(r, 1, 4, SLICE("PEXPIRE"), tag, ttl, SLICE("NX"));
		redis_add(r, 1, 4, SLICE("PEXPIRE"), tag, ttl, SLICE("GT"));
	}
}

static int
set(struct cache_base *b, const struct cache_entry *entries, size_t n, struct err *e)
{
	struct redis_cache *r = of(b);
	int rc;

	redis_begin(r);
	for (size_t i = 0; i < n; i++) {
		struct slice ttl = redis_number(r, entries[i].ttl_ms);

		add_tagged(r, &entries[i], ttl);
		redis_add(r, 1, 5, SLICE("SET"), entries[i].key, entries[i].value, SLICE("PX"), ttl);
		add_tagged(r, &entries[i], ttl);
	}
	rc = ask_each(r, e);
	/* SADD and PEXPIRE answer numbers, SET does not. */
	for (size_t i = 0; i < r->count && rc == 0; i++) {
		if ((r->replies[i].type != REDIS_INTEGER) != slice_is(r->commands[i].args[0], "SET"))
			rc = nonsense(r, i, e);
	}
	return rc;
}

static int
each(struct redis_cache *r, struct slice name, const struct slice *keys, size_t n, uint8_t *there, struct err *e)
{
	redis_begin(r);
	for (size_t i = 0; i < n; i++)
		redis_add(r, 1, 2, name, keys[i]);
	return flag_each(r, there, e);
}

static int
delete(struct cache_base *b, const struct slice *keys, size_t n, uint8_t *there, struct err *e)
{
	return each(of(b), SLICE("UNLINK"), keys, n, there, e);
}

static int
exists(struct cache_base *b, const struct slice *keys, size_t n, uint8_t *there, struct err *e)
{
	return each(of(b), SLICE("EXISTS"), keys, n, there, e);
}

static int
touch(struct cache_base *b, const struct slice *keys, size_t n, int64_t ttl_ms, uint8_t *there, struct err *e)
{
	struct redis_cache *r = of(b);

	redis_begin(r);
	for (size_t i = 0; i < n; i++)
		redis_add(r, 1, 3, SLICE("PEXPIRE"), keys[i], redis_number(r, ttl_ms));
	return flag_each(r, there, e);
}

static int
ttl(struct cache_base *b, const struct slice *keys, size_t n, int64_t *ms, struct err *e)
{
	struct redis_cache *r = of(b);
	int rc;

	redis_begin(r);
	for (size_t i = 0; i < n; i++)
		redis_add(r, 1, 2, SLICE("PTTL"), keys[i]);
	rc = ask_numbers(r, e);
	/* PTTL's own -1 and -2 are CACHE_FOREVER and CACHE_ABSENT. */
	for (size_t i = 0; i < n && rc == 0; i++)
		ms[i] = r->replies[i].integer;
	return rc;
}

/* --- many ------------------------------------------------------------------------------ */

static int
keys_of(struct cache_base *b, struct slice prefix, cache_key_fn *fn, void *arg, struct err *e)
{
	struct redis_keys keys = {0};
	int rc = redis_scan(of(b), prefix, &keys, e);

	for (size_t i = 0; i < keys.count && rc == 0; i++)
		rc = fn(arg, keys.items[i], e);
	redis_keys_free(&keys);
	return rc;
}

static int
unlink_all(struct redis_cache *r, const struct slice *keys, size_t n, uint64_t *removed, struct err *e)
{
	uint8_t there[REDIS_BATCH];
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i += REDIS_BATCH) {
		size_t some = n - i < REDIS_BATCH ? n - i : REDIS_BATCH;

		rc = each(r, SLICE("UNLINK"), keys + i, some, there, e);
		for (size_t k = 0; k < some && rc == 0; k++)
			*removed += there[k];
	}
	return rc;
}

/* A ledger in the same database is not a cache's to forget. */
static void
spare_ledgers(struct redis_keys *keys)
{
	static const char *const ledgers[] = {"costs:", "{c1v:ledger}"};
	size_t kept = 0;

	for (size_t i = 0; i < keys->count; i++) {
		int spared = 0;

		for (size_t k = 0; k < sizeof(ledgers) / sizeof(*ledgers); k++)
			spared |= slice_begins(keys->items[i], slice_of(ledgers[k]));
		if (!spared)
			keys->items[kept++] = keys->items[i];
	}
	keys->count = kept;
}

/* The server itself removes what has expired. */
static int
purge(struct cache_base *b, struct slice prefix, int expired, uint64_t *removed, struct err *e)
{
	struct redis_keys keys = {0};
	int rc = expired ? 0 : redis_scan(of(b), prefix, &keys, e);

	*removed = 0;
	if (prefix.n == 0)
		spare_ledgers(&keys);
	if (rc == 0)
		rc = unlink_all(of(b), keys.items, keys.count, removed, e);
	redis_keys_free(&keys);
	return rc;
}

/* Keys leave the set only when their entries are gone: a process that dies in between leaves
 * nothing that a second invalidation would not find. */
static int
drop_members(struct redis_cache *r, struct slice tag, const struct redis_reply *page, uint64_t *removed,
    struct err *e)
{
	struct arena kept = {0};
	struct slice *members = arena_alloc(&kept, (page->count + 1) * sizeof(*members));
	size_t n = page->count;
	int rc;

	for (size_t i = 0; i < n; i++)
		members[i] = (struct slice){arena_bytes(&kept, page->items[i].text.p, page->items[i].text.n),
		    page->items[i].text.n};
	rc = unlink_all(r, members, n, removed, e);
	redis_begin(r);
	for (size_t i = 0; i < n; i++)
		redis_add(r, 1, 3, SLICE("SREM"), tag, members[i]);
	if (rc == 0)
		rc = ask_each(r, e);
	arena_free(&kept);
	return rc;
}

static int
invalidate(struct cache_base *b, struct slice tag, uint64_t *removed, struct err *e)
{
	struct redis_cache *r = of(b);
	char cursor[32] = "0";
	int rc = 0;

	*removed = 0;
	do {
		const struct redis_reply *page;

		redis_begin(r);
		redis_add(r, 1, 5, SLICE("SSCAN"), tag, slice_of(cursor), SLICE("COUNT"), SLICE("512"));
		rc = ask_each(r, e);
		page = r->replies;
		if (rc == 0 && (page->type != REDIS_ARRAY || page->count != 2 || page->items[1].type != REDIS_ARRAY))
			rc = nonsense(r, 0, e);
		if (rc == 0) {
			snprintf(cursor, sizeof(cursor), "%.*s", (int)page->items[0].text.n, page->items[0].text.p);
			rc = drop_members(r, tag, &page->items[1], removed, e);
		}
	} while (rc == 0 && strcmp(cursor, "0") != 0);
	return rc;
}

/* --- locks ----------------------------------------------------------------------------- */

static int
make_token(char token[40], struct err *e)
{
	uint64_t random[2];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return err_sys(e, C1V_IO, "random numbers");
	snprintf(token, 40, "%016llx%016llx", (unsigned long long)random[0], (unsigned long long)random[1]);
	return 0;
}

static int
lock(struct cache_base *b, struct slice name, int *got, struct err *e)
{
	struct redis_cache *r = of(b);
	int rc = make_token(r->token, e);

	*got = 0;
	if (rc != 0)
		return rc;
	redis_begin(r);
	redis_add(r, 1, 6, SLICE("SET"), name, slice_of(r->token), SLICE("NX"), SLICE("PX"),
	    redis_number(r, CACHE_HOLD_MS));
	rc = ask_each(r, e);
	*got = rc == 0 && r->replies->type != REDIS_NIL;
	if (*got) {
		free(r->lock);
		r->lock = mem_bytes(name.p, name.n);
	}
	return rc;
}

/* Only the holder's own lock is touched: it may have expired and be another's by now. */
static int
if_ours(struct redis_cache *r, struct slice then, struct err *e)
{
	static const char script[] = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end ";

	redis_begin(r);
	redis_add(r, 3, 6, SLICE("EVAL"), slice_of(arena_format(&r->arena, "%s%.*s", script, (int)then.n, then.p)),
	    SLICE("1"), slice_of(r->lock), slice_of(r->token), redis_number(r, CACHE_HOLD_MS));
	return ask_each(r, e);
}

static int
hold(struct cache_base *b, struct err *e)
{
	return if_ours(of(b), SLICE("return redis.call('PEXPIRE', KEYS[1], ARGV[2])"), e);
}

static void
unlock(struct cache_base *b)
{
	struct redis_cache *r = of(b);
	struct err why; /* it expires by itself */

	if_ours(r, SLICE("return redis.call('DEL', KEYS[1])"), &why);
	free(r->lock);
	r->lock = NULL;
}

const struct cache_driver cache_redis = {
	.open = open_redis, .close = close_redis, .get = get, .set = set, .delete = delete, .exists = exists,
	.touch = touch, .ttl = ttl, .keys = keys_of, .purge = purge, .invalidate = invalidate,
	.lock = lock, .hold = hold, .unlock = unlock, .count = redis_count, .stats = redis_stats,
};

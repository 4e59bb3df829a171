#include "cache/redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"

#define STATS_TTL_MS "7776000000" /* 90 days since the last use */

/* --- listing --------------------------------------------------------------------------- */

/* What means something to MATCH is taken as itself. */
static struct slice
pattern_of(struct redis_cache *r, struct slice prefix)
{
	char *p = arena_alloc(&r->arena, 2 * prefix.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < prefix.n; i++) {
		if (strchr("*?[]\\^-", prefix.p[i]) != NULL)
			p[n++] = '\\';
		p[n++] = prefix.p[i];
	}
	p[n++] = '*';
	return (struct slice){p, n};
}

static void
keep_keys(struct redis_keys *out, const struct redis_reply *page)
{
	for (size_t i = 0; i < page->count; i++) {
		struct slice key = page->items[i].text;

		mem_grow(&out->items, &out->room, out->count + 1, sizeof(*out->items));
		out->items[out->count++] = (struct slice){arena_bytes(&out->arena, key.p, key.n), key.n};
	}
}

/* One page of one node. cursor goes on. */
static int
scan_page(struct redis_cache *r, size_t node, struct slice prefix, char cursor[32], struct redis_keys *out,
    struct err *e)
{
	const struct redis_reply *reply;
	int rc;

	redis_begin(r);
	redis_add(r, 0, 6, SLICE("SCAN"), slice_of(cursor), SLICE("MATCH"), pattern_of(r, prefix), SLICE("COUNT"),
	    SLICE("1000"));
	r->commands->node = node;
	rc = redis_send(r, e);
	reply = r->replies;
	if (rc == 0)
		rc = redis_good(r, reply, e);
	if (rc != 0)
		return rc;
	if (reply->type != REDIS_ARRAY || reply->count != 2 || reply->items[1].type != REDIS_ARRAY)
		return err_set(e, C1V_PROTOCOL, "%s: SCAN answered something else", redis_name(r->link));
	if (reply->items[0].type == REDIS_INTEGER)
		snprintf(cursor, 32, "%lld", (long long)reply->items[0].integer);
	else
		snprintf(cursor, 32, "%.*s", (int)reply->items[0].text.n, reply->items[0].text.p);
	keep_keys(out, &reply->items[1]);
	return 0;
}

static int
by_bytes(const void *a, const void *b)
{
	return slice_order(*(const struct slice *)a, *(const struct slice *)b);
}

int
redis_scan(struct redis_cache *r, struct slice prefix, struct redis_keys *out, struct err *e)
{
	size_t nodes = redis_nodes(r->link, e), kept = 0;
	int rc = nodes ? 0 : e->code;

	for (size_t node = 1; node <= nodes && rc == 0; node++) {
		char cursor[32] = "0";

		do
			rc = scan_page(r, redis_cluster(r->link) ? node : 0, prefix, cursor, out, e);
		while (rc == 0 && strcmp(cursor, "0") != 0);
	}
	/* A server that is rehashing says keys twice. */
	if (out->count > 0)
		qsort(out->items, out->count, sizeof(*out->items), by_bytes);
	for (size_t i = 0; i < out->count; i++) {
		if (kept == 0 || !slice_equal(out->items[kept - 1], out->items[i]))
			out->items[kept++] = out->items[i];
	}
	out->count = kept;
	return rc;
}

void
redis_keys_free(struct redis_keys *k)
{
	arena_free(&k->arena);
	free(k->items);
	memset(k, 0, sizeof(*k));
}

/* --- counting -------------------------------------------------------------------------- */

static void
add_to(struct redis_cache *r, struct slice hash, const char *field, int64_t n)
{
	if (n != 0)
		redis_add(r, 1, 4, SLICE("HINCRBY"), hash, slice_of(arena_format(&r->arena, "%s", field)),
		    redis_number(r, n));
}

int
redis_count(struct cache_base *b, const struct cache_count *counts, size_t n, struct err *e)
{
	struct redis_cache *r = (struct redis_cache *)b;
	char field[128];
	int rc;

	redis_begin(r);
	for (size_t i = 0; i < n; i++) {
		const struct cache_count *c = &counts[i];
		size_t group = c->group.n - c->space;
		struct slice hash = slice_of(arena_format(&r->arena, "%.*s" CACHE_STATS "%.*s", (int)c->space, c->group.p,
		    (int)group, c->group.p + c->space));

		add_to(r, hash, "hits", c->hits);
		add_to(r, hash, "misses", c->misses);
		for (int k = 0; k < CACHE_LATENCIES; k++) {
			snprintf(field, sizeof(field), "latency:%d", k);
			add_to(r, hash, field, c->latency[k]);
		}
		for (size_t k = 0; k < c->saving_count; k++) {
			snprintf(field, sizeof(field), "saved:%.*s", (int)c->savings[k].model.n, c->savings[k].model.p);
			add_to(r, hash, field, c->savings[k].tokens);
		}
		redis_add(r, 1, 3, SLICE("PEXPIRE"), hash, SLICE(STATS_TTL_MS));
	}
	rc = redis_send(r, e);
	for (size_t i = 0; i < r->count && rc == 0; i++)
		rc = redis_good(r, &r->replies[i], e);
	return rc;
}

/* --- statistics ------------------------------------------------------------------------ */

static int64_t
as_integer(const struct redis_reply *reply)
{
	int64_t n = 0;

	if (reply->type == REDIS_INTEGER)
		return reply->integer;
	return num_int(reply->text, INT64_MIN, INT64_MAX, &n, "", NULL) == 0 ? n : 0;
}

static void
add_saving(struct cache_group *g, struct arena *a, struct slice model, int64_t tokens)
{
	struct cache_saving *more = arena_alloc(a, (g->saving_count + 1) * sizeof(*more));

	if (g->saving_count > 0)
		memcpy(more, g->savings, g->saving_count * sizeof(*more));
	more[g->saving_count++] = (struct cache_saving){{arena_bytes(a, model.p, model.n), model.n}, tokens};
	g->savings = more;
}

/* A field of a group's hash. */
static void
take_field(struct cache_group *g, struct arena *a, struct slice name, int64_t value)
{
	const struct slice latency = SLICE("latency:"), saved = SLICE("saved:");
	int64_t class;

	if (slice_is(name, "hits"))
		g->hits = value;
	else if (slice_is(name, "misses"))
		g->misses = value;
	else if (slice_begins(name, saved))
		add_saving(g, a, slice_after(name, saved.n), value);
	else if (slice_begins(name, latency) &&
	    num_int(slice_after(name, latency.n), 0, CACHE_LATENCIES - 1, &class, "", NULL) == 0)
		g->latency[class] = value;
}

static int
read_group(struct redis_cache *r, struct slice hash, struct arena *a, struct cache_group *g, struct err *e)
{
	const struct redis_reply *reply;
	int rc;

	redis_begin(r);
	redis_add(r, 1, 2, SLICE("HGETALL"), hash);
	rc = redis_send(r, e);
	reply = r->replies;
	if (rc == 0)
		rc = redis_good(r, reply, e);
	for (size_t i = 0; rc == 0 && reply->type == REDIS_ARRAY && i + 1 < reply->count; i += 2)
		take_field(g, a, reply->items[i].text, as_integer(&reply->items[i + 1]));
	return rc;
}

/* The group of a name, made where there is none; groups are few. */
static struct cache_group *
group_named(struct cache_stats *s, struct cache_group **items, size_t *room, struct slice name)
{
	for (size_t i = 0; i < s->group_count; i++) {
		if (slice_equal((*items)[i].name, name))
			return &(*items)[i];
	}
	mem_grow(items, room, s->group_count + 1, sizeof(**items));
	(*items)[s->group_count] = (struct cache_group){
		.name = {arena_bytes(&s->arena, name.p, name.n), name.n}, .evictions = -1
	};
	return &(*items)[s->group_count++];
}

/* Bytes of values and keys, as far as they are strings. */
static int
measure(struct redis_cache *r, const struct slice *keys, struct cache_group *const *groups, size_t n, struct err *e)
{
	int rc;

	redis_begin(r);
	for (size_t i = 0; i < n; i++)
		redis_add(r, 1, 2, SLICE("STRLEN"), keys[i]);
	rc = redis_send(r, e);
	for (size_t i = 0; i < n && rc == 0; i++) {
		if (r->replies[i].type == REDIS_INTEGER)
			groups[i]->bytes += r->replies[i].integer + (int64_t)keys[i].n;
	}
	return rc;
}

/* The groups of all keys: first what was counted of them, then what is there. */
static int
read_groups(struct redis_cache *r, const struct redis_keys *keys, size_t space, struct cache_stats *s,
    struct cache_group **items, struct err *e)
{
	size_t room = 0, *which = mem_alloc((keys->count + 1) * sizeof(*which)), entries = 0;
	struct slice *kept = mem_alloc((keys->count + 1) * sizeof(*kept));
	int rc = 0;

	for (size_t i = 0; i < keys->count && rc == 0; i++) {
		struct slice key = keys->items[i], rest = slice_after(key, space);
		const char *colon = memchr(rest.p, ':', rest.n);
		struct slice name = {rest.p, colon ? (size_t)(colon - rest.p) : 0};

		if (slice_begins(rest, SLICE(CACHE_STATS))) {
			name = slice_after(rest, sizeof(CACHE_STATS) - 1);
			rc = read_group(r, key, &s->arena, group_named(s, items, &room, name), e);
		} else if (!cache_own(key)) {
			struct cache_group *g = group_named(s, items, &room, name);

			g->entries++;
			which[entries] = (size_t)(g - *items);
			kept[entries++] = key;
		}
	}
	for (size_t i = 0; i < entries && rc == 0; i += REDIS_BATCH) {
		struct cache_group *of[REDIS_BATCH];
		size_t n = entries - i < REDIS_BATCH ? entries - i : REDIS_BATCH;

		for (size_t k = 0; k < n; k++)
			of[k] = *items + which[i + k];
		rc = measure(r, kept + i, of, n, e);
	}
	free(which);
	free(kept);
	return rc;
}

/* A number of INFO's text: "name:123". */
static int64_t
info_number(struct slice text, const char *name, int64_t fallback)
{
	size_t n = strlen(name);

	for (const char *p = text.p, *end = text.p + text.n; p != NULL && p < end;) {
		const char *next = memchr(p, '\n', (size_t)(end - p));

		if ((size_t)(end - p) > n && memcmp(p, name, n) == 0 && p[n] == ':')
			return strtoll(p + n + 1, NULL, 10);
		p = next ? next + 1 : NULL;
	}
	return fallback;
}

/* What the servers count. Some answer no INFO: then it is what we counted. */
static int
read_servers(struct redis_cache *r, struct cache_stats *s, struct err *e)
{
	size_t nodes = redis_nodes(r->link, e);
	int rc = nodes ? 0 : e->code;

	for (size_t node = 1; node <= nodes && rc == 0; node++) {
		redis_begin(r);
		redis_add(r, 0, 1, SLICE("INFO"));
		redis_add(r, 0, 1, SLICE("DBSIZE"));
		r->commands[0].node = r->commands[1].node = redis_cluster(r->link) ? node : 0;
		rc = redis_send(r, e);
		if (rc == 0)
			rc = redis_good(r, &r->replies[1], e);
		if (rc != 0)
			return rc;
		s->keys += as_integer(&r->replies[1]);
		if (r->replies[0].type == REDIS_ERROR)
			continue;
		s->hits += info_number(r->replies[0].text, "keyspace_hits", 0);
		s->misses += info_number(r->replies[0].text, "keyspace_misses", 0);
		s->bytes += info_number(r->replies[0].text, "used_memory", 0);
		s->evictions += info_number(r->replies[0].text, "evicted_keys", 0);
		s->expired += info_number(r->replies[0].text, "expired_keys", 0);
	}
	return rc;
}

static int
by_name(const void *a, const void *b)
{
	return slice_order(((const struct cache_group *)a)->name, ((const struct cache_group *)b)->name);
}

int
redis_stats(struct cache_base *b, struct slice prefix, struct cache_stats *out, struct err *e)
{
	struct redis_cache *r = (struct redis_cache *)b;
	struct redis_keys keys = {0};
	struct cache_group *items = NULL, *kept;
	int rc = read_servers(r, out, e);

	if (rc == 0)
		rc = redis_scan(r, prefix, &keys, e);
	if (rc == 0)
		rc = read_groups(r, &keys, prefix.n, out, &items, e);
	if (rc == 0 && out->group_count > 0) {
		kept = arena_alloc(&out->arena, out->group_count * sizeof(*kept));
		memcpy(kept, items, out->group_count * sizeof(*kept));
		qsort(kept, out->group_count, sizeof(*kept), by_name);
		out->groups = kept;
	}
	free(items);
	redis_keys_free(&keys);
	return rc;
}

/* cache: what was expensive to make, kept for a while, under a key.
 *
 * One interface for every kind: sqlite:PATH (the default, $XDG_CACHE_HOME/c1v/cache.db), redis://,
 * rediss://, unix://, upstash: (net/redis.h), none, and tiered:FIRST,SECOND. Values are bytes.
 * Every entry has a time to live. Drivers are known only inside this room.
 *
 * A cache is there to save work, never to stop it: opened with `forgiving`, whatever fails counts
 * as a miss; the first failure is one warning, and after three in a row nothing
 * more is asked. */
#ifndef C1V_CACHE_CACHE_H
#define C1V_CACHE_CACHE_H

#include <stdint.h>

#include "base/buf.h"
#include "watch/log.h"

struct cache;

enum { CACHE_TTL = 3600 * 1000 };     /* the default, ms */
enum { CACHE_KEY_MAX = 1024 };        /* bytes of a key, its namespace included */
enum { CACHE_VALUE_MAX = 256 << 20 }; /* bytes of a value */
#define CACHE_TTL_MAX ((int64_t)10 * 365 * 86400 * 1000)

struct cache_options {
	const char *url;       /* NULL: the default; env:NAME names a variable */
	const char *space;     /* namespace: what is before the keys of a tenant, with a colon; NULL or "": none */
	const char *key_file;  /* values are sealed (seal.h) with the key in this file; NULL or "": not */
	int64_t max_size;      /* sqlite: bytes of the file, as good as it goes; 0: 1 GiB */
	double wait;           /* sqlite: seconds to wait for another writer */
	double connect_timeout, command_timeout; /* redis: seconds; 0: as net/redis.h */
	int forgiving;
	int uncounted;         /* lookups are no hits or misses: they only ask what would be */
	struct log *log;
	int (*stop)(void);     /* asked while waiting */
};

/* 0, or C1V_USAGE, C1V_CONFIG, C1V_DATA, C1V_IO, C1V_CREDENTIALS. A forgiving cache that cannot be opened
 * is one that holds nothing, except after C1V_USAGE and C1V_CONFIG. A sqlite file is made with the first entry. */
int cache_open(const struct cache_options *o, struct cache **out, struct err *e);
/* What was counted is written, if it can be: counting never fails a call. c may be NULL. */
void cache_close(struct cache *c);
const char *cache_name(const struct cache *c); /* no secret */
/* Is there a cache at all? 0 of "none", and once a forgiving one was given up. */
int cache_works(const struct cache *c);
/* Was something forgiven? */
int cache_failed(const struct cache *c);

/* --- entries ----------------------------------------------------------------------------
 * Keys are valid UTF-8 without control characters, 1 to CACHE_KEY_MAX bytes with the namespace, else C1V_USAGE;
 * several in one call may be equal. Slices that come out are valid until the next
 * call for the same cache. Errors besides: C1V_AGAIN, C1V_CREDENTIALS, C1V_PROTOCOL, C1V_IO, C1V_DATA. */

/* Is this a key? 0, or C1V_USAGE. */
int cache_check_key(const struct cache *c, struct slice key, struct err *e);

/* values[i]: SLICE_NONE is a miss. An entry that turns out damaged is a miss, and is removed. */
int cache_get(struct cache *c, const struct slice *keys, size_t n, struct slice *values, struct err *e);

struct cache_entry {
	struct slice key, value;
	int64_t ttl_ms;             /* 1 … CACHE_TTL_MAX; 0: CACHE_TTL */
	const struct slice *tags;   /* as keys; for cache_invalidate() */
	size_t tag_count;
};
/* Put entries, replacing those that are there, with their tags. */
int cache_set(struct cache *c, const struct cache_entry *entries, size_t n, struct err *e);
/* there[i]: was it there? */
int cache_delete(struct cache *c, const struct slice *keys, size_t n, uint8_t *there, struct err *e);
int cache_exists(struct cache *c, const struct slice *keys, size_t n, uint8_t *there, struct err *e);
/* Let entries live for so long from now on. */
int cache_touch(struct cache *c, const struct slice *keys, size_t n, int64_t ttl_ms, uint8_t *there, struct err *e);

enum { CACHE_ABSENT = -2, CACHE_FOREVER = -1 };
/* ms[i]: what is left, or CACHE_ABSENT, CACHE_FOREVER (another program put it so). */
int cache_ttl(struct cache *c, const struct slice *keys, size_t n, int64_t *ms, struct err *e);

/* Each key that begins with prefix, once, in no order, without the namespace; not a snapshot. fn
 * ends it by returning other than 0. */
typedef int cache_key_fn(void *arg, struct slice key, struct err *e);
int cache_keys(struct cache *c, struct slice prefix, cache_key_fn *fn, void *arg, struct err *e);

/* Remove entries: all of the namespace that begin with prefix ("" : all of it; without a namespace the
 * whole cache), or of those the expired ones. Redis removes what is expired by itself: 0. */
int cache_purge(struct cache *c, struct slice prefix, int expired, uint64_t *removed, struct err *e);
/* Remove the entries that were put with this tag. */
int cache_invalidate(struct cache *c, struct slice tag, uint64_t *removed, struct err *e);

/* --- one at a time ----------------------------------------------------------------------
 * A name that one process holds at a time, everywhere where this cache is used. It is given back when
 * the holder dies; the holder of one over a network calls cache_hold() at least once in
 * CACHE_HOLD_MS / 3. *got 0: another has it. A cache that does not work lets everybody have it. */
enum { CACHE_HOLD_MS = 6000 };
int cache_lock(struct cache *c, struct slice name, int *got, struct err *e);
int cache_hold(struct cache *c, struct err *e);
void cache_unlock(struct cache *c);

/* --- statistics -------------------------------------------------------------------------
 * Hits, misses, how long they took and what hits saved are counted by groups: a key's part before its
 * first colon ("embedding", "llm"; "" without one), within the namespace. Counting is done
 * in memory and written now and then, and by cache_close(). */

/* Hits of this group saved tokens that would have been paid for. */
void cache_saved(struct cache *c, struct slice group, struct slice model, int64_t tokens);

enum { CACHE_LATENCIES = 48 }; /* class i: under 2^((i+1)/2) microseconds; the last: all longer ones */

struct cache_saving {
	struct slice model;
	int64_t tokens;
};
struct cache_group {
	struct slice name;
	int64_t hits, misses, entries, bytes; /* entries, bytes: -1: not known */
	int64_t evictions;                    /* -1: not known by group */
	int64_t latency[CACHE_LATENCIES];     /* of lookups, in calls */
	const struct cache_saving *savings;
	size_t saving_count;
};
struct cache_stats {
	int64_t hits, misses;      /* of the whole cache, by its own count (Redis: of the server, other programs included) */
	int64_t keys, bytes;       /* of the whole cache; bytes: of memory or of disk */
	int64_t evictions, expired; /* -1: not known */
	const struct cache_group *groups; /* of the namespace; by name */
	size_t group_count;
	struct arena arena;        /* of all these; free with cache_stats_free() */
};
int cache_stats(struct cache *c, struct cache_stats *out, struct err *e);
void cache_stats_free(struct cache_stats *s);
/* The longest of the shortest `part` (0 … 1) of the lookups, in microseconds; 0 when there were none. */
double cache_latency(const int64_t latency[CACHE_LATENCIES], double part);

#endif

/* redis: a cache in Redis, a cluster of it, or Upstash, over net/redis.h. Private to this room.
 *
 * An entry is a string under its own key, as applications write them (SET … PX). Beside them, behind
 * the namespace: c1v:tag:TAG (a set of keys), c1v:lock:NAME, c1v:stats:GROUP (a hash). */
#ifndef C1V_CACHE_REDIS_H
#define C1V_CACHE_REDIS_H

#include "cache/cache_driver.h"
#include "net/redis.h"

enum { REDIS_BATCH = 512 }; /* keys in a command, or commands of a purge */

struct redis_cache {
	struct cache_base base;
	struct redis *link;
	struct arena arena;            /* of the commands of a call */
	struct redis_command *commands;
	size_t count, room;
	struct redis_reply *replies;
	size_t reply_room;
	char token[40];                /* of the lock that is held */
	char *lock;                    /* its name, or NULL */
};

/* Begin a call, add commands, run them: replies[i] is of the i-th. key: which of the args, counted from 0 with
 * the name, says where it goes in a cluster. */
void redis_begin(struct redis_cache *r);
void redis_add(struct redis_cache *r, size_t key, size_t count, ... /* struct slice */);
int redis_send(struct redis_cache *r, struct err *e);
/* The reply is not an error: 0, else its code. */
int redis_good(const struct redis_cache *r, const struct redis_reply *reply, struct err *e);
/* 12 as text, in the arena of the call. */
struct slice redis_number(struct redis_cache *r, int64_t n);

/* Every key that begins with prefix, once, in order; the slices last until the next call of this. */
struct redis_keys {
	struct arena arena;
	struct slice *items;
	size_t count, room;
};
int redis_scan(struct redis_cache *r, struct slice prefix, struct redis_keys *out, struct err *e);
void redis_keys_free(struct redis_keys *k);

/* As the slots of struct cache_driver. */
int redis_count(struct cache_base *b, const struct cache_count *counts, size_t n, struct err *e);
int redis_stats(struct cache_base *b, struct slice prefix, struct cache_stats *out, struct err *e);

#endif

/* settings: the options by which tools say which cache they mean. */
#ifndef C1V_CACHE_SETTINGS_H
#define C1V_CACHE_SETTINGS_H

#include "base/opt.h"
#include "cache/cache.h"

/* Member `cache` of a tool's settings. */
struct cache_settings {
	const char *url, *space, *key_file;
	int64_t max_size;
	double wait, connect_timeout, command_timeout;
};

#define CACHE_OPTIONS(T)                                                                             \
	{ .name = "cache", .kind = OPT_STRING, .offset = offsetof(T, cache.url), .argument = "URL",  \
	  .env = "C1V_CACHE", .help = "the cache: sqlite:PATH, redis://…, upstash:, tiered:A,B, none; env:NAME" }, \
	{ .name = "namespace", .kind = OPT_STRING, .offset = offsetof(T, cache.space),               \
	  .argument = "NAME", .env = "C1V_CACHE_NAMESPACE", .help = "whose entries: keys get NAME: before them" }, \
	{ .name = "cache-key-file", .kind = OPT_STRING, .offset = offsetof(T, cache.key_file),       \
	  .argument = "FILE", .env = "C1V_CACHE_KEY_FILE", .flags = OPT_FILES,                       \
	  .help = "encrypt values with the key in FILE" },                                           \
	{ .name = "max-size", .kind = OPT_SIZE, .offset = offsetof(T, cache.max_size),               \
	  .argument = "BYTES", .fallback = "1G", .min = 1048576, .max = 1e15, .env = "C1V_CACHE_MAX_SIZE", \
	  .help = "what the file of a sqlite cache may grow to" },                                   \
	{ .name = "cache-wait", .kind = OPT_REAL, .offset = offsetof(T, cache.wait),                 \
	  .argument = "SECONDS", .fallback = "5", .max = 86400,                                      \
	  .help = "how long to wait for another writer of a sqlite cache" },                         \
	{ .name = "cache-connect-timeout", .kind = OPT_REAL, .offset = offsetof(T, cache.connect_timeout), \
	  .argument = "SECONDS", .min = 0.001, .max = 3600, .env = "C1V_CACHE_CONNECT_TIMEOUT",      \
	  .help = "for a connection (default: 0.05; upstash: 1)" },                                  \
	{ .name = "cache-timeout", .kind = OPT_REAL, .offset = offsetof(T, cache.command_timeout),   \
	  .argument = "SECONDS", .min = 0.001, .max = 3600, .env = "C1V_CACHE_TIMEOUT",              \
	  .help = "for an answer (default: 0.1; upstash: 2)" }

static inline struct cache_options
cache_options_from(const struct cache_settings *s, int forgiving, struct log *log, int (*stop)(void))
{
	return (struct cache_options){
		.url = s->url, .space = s->space, .key_file = s->key_file, .max_size = s->max_size, .wait = s->wait,
		.connect_timeout = s->connect_timeout, .command_timeout = s->command_timeout,
		.forgiving = forgiving, .log = log, .stop = stop,
	};
}

#endif

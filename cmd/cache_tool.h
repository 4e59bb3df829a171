/* cache_tool: what the parts of c1v-cache share.
 *
 * c1v-cache.c      options, which verb takes which
 * cache_entry.c    get, set, del, exists, touch, ttl
 * cache_many.c     mget, mset
 * cache_admin.c    keys, purge, invalidate, project-updated
 * cache_key.c      key
 * cache_stats.c    stats
 * cache_run.c      run; cache_child.c: the command itself */
#ifndef C1V_CACHE_TOOL_H
#define C1V_CACHE_TOOL_H

#include "cache/cache.h"
#include "cache/settings.h"
#include "cli/cli.h"

struct settings {
	struct cli_common common;
	struct cache_settings cache;
	const char *ttl, *prefix, *stale;
	struct opt_list tags, key_env;
	int raw, expired, all, yes, json, pretty, prometheus;
	int refresh, no_store, cwd;
	const char *rejects;              /* mget, mset */
	int strict;
	int64_t max_record;
	int key_template;                 /* key */
	const char *model, *role, *temperature, *system, *max_tokens, *tools, *seed, *response_format, *api_base;
	int64_t dims;
};
enum { TEMPLATE_C1V, TEMPLATE_SEED };

struct tool {
	struct cli *cli;
	const struct settings *s;
	const char *const *words; /* operands behind the verb */
	size_t word_count;
	struct cache *cache;
	struct arena arena;
};

/* Open the cache, forgiving or not. */
int tool_cache(struct tool *t, int forgiving);
/* At least `least` operands and at most `most` (0: any number), or C1V_USAGE. */
int tool_words(struct tool *t, size_t least, size_t most, const char *what);
/* --ttl, or 0 when it was not given. */
int tool_ttl(struct tool *t, int64_t *ms);
/* The operands behind the verb as keys, in the arena. */
struct slice *tool_keys(struct tool *t);
/* {"removed":N} */
int tool_removed(struct tool *t, uint64_t removed);
/* Append JSON with every line end made a blank, so that it fits into a line. */
void tool_add_line(struct buf *b, struct slice json);

int cache_verb_get(struct tool *t);
int cache_verb_set(struct tool *t);
int cache_verb_del(struct tool *t);
int cache_verb_exists(struct tool *t);
int cache_verb_touch(struct tool *t);
int cache_verb_ttl(struct tool *t);
int cache_verb_mget(struct tool *t);
int cache_verb_mset(struct tool *t);
int cache_verb_keys(struct tool *t);
int cache_verb_purge(struct tool *t);
int cache_verb_invalidate(struct tool *t);
int cache_verb_project_updated(struct tool *t);
int cache_verb_key(struct tool *t);
int cache_verb_stats(struct tool *t);
int cache_verb_run(struct tool *t);

#endif

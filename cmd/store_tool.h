/* store_tool: what the parts of c1v-store share.
 *
 * c1v-store.c     options, which verb takes which
 * store_read.c    info, verify, export, get
 * store_change.c  init, delete, drop, vacuum
 * store_schema.c  migrate, migrations, index
 * store_watch.c   slow, recall */
#ifndef C1V_STORE_TOOL_H
#define C1V_STORE_TOOL_H

#include "cli/cli.h"
#include "store/settings.h"

struct settings {
	struct cli_common common;
	struct store_settings where;
	int json, pretty;
	const char *tokenizer, *model, *splitter; /* init, migrate */
	int64_t dims;
	const char *vector_type, *index;          /* init, migrate; index: as index */
	int64_t m, ef_construction, lists;
	int64_t to;                               /* migrate; 0: the latest */
	int print;
	int64_t limit;                            /* slow */
	int64_t sample, top, ef_search, probes;   /* recall */
	int encoding;                             /* export, get: 0 base64, 1 array, 2 none */
	struct opt_list ids, filters;             /* delete */
	const char *source;
	int dry_run, yes;                         /* dry_run: migrate, too */
};

struct tool {
	struct cli *cli;
	const struct settings *s;
	const char *const *words; /* operands behind the verb */
	size_t word_count;
	struct store *store;
	int pretty;               /* for people */
	int named;                /* the collection was named on the command line */
	uint64_t findings;
};

/* Open the store into t->store. 0 or an exit code in t->cli->err. */
int tool_open(struct tool *t, enum store_mode mode);
/* The keys that every answer ends with: store and collection. */
void tool_add_names(struct tool *t, struct buf *b);

int store_verb_info(struct tool *t);
int store_verb_verify(struct tool *t);
int store_verb_export(struct tool *t);
int store_verb_get(struct tool *t);

int store_verb_init(struct tool *t);
int store_verb_delete(struct tool *t);
int store_verb_drop(struct tool *t);
int store_verb_vacuum(struct tool *t);

/* What init and migrate make: from the settings. */
struct init_options tool_init_options(const struct tool *t);
int store_verb_migrate(struct tool *t);
int store_verb_migrations(struct tool *t);
int store_verb_index(struct tool *t);

int store_verb_slow(struct tool *t);
int store_verb_recall(struct tool *t);

#endif

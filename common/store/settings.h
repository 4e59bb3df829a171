/* settings: the options by which every tool names a store. */
#ifndef C1V_STORE_SETTINGS_H
#define C1V_STORE_SETTINGS_H

#include "base/opt.h"
#include "store/store.h"

/* Member `where` of a tool's settings. */
struct store_settings {
	const char *url, *collection, *schema, *columns;
	struct opt_list set;
	double wait, connect_timeout, statement_timeout;
};

/* The rows for a settings struct T with a member `where`, in a table of the tool's own. */
#define STORE_OPTIONS(T)                                                                     \
	{ .name = "store", .kind = OPT_STRING, .offset = offsetof(T, where.url),             \
	  .argument = "URL", .help = "the store: sqlite:PATH, postgres://… or env:NAME",     \
	  .env = "C1V_STORE" },                                                              \
	{ .letter = 'c', .name = "collection", .kind = OPT_STRING,                           \
	  .offset = offsetof(T, where.collection), .argument = "NAME",                       \
	  .help = "the collection in it", .fallback = "documents", .env = "C1V_COLLECTION" }, \
	{ .name = "wait", .kind = OPT_REAL, .offset = offsetof(T, where.wait),               \
	  .argument = "SECONDS", .help = "how long to wait for another writer or a lost server", \
	  .fallback = "30", .max = 86400 }

/* The same for a table under the heading "PostgreSQL". */
#define STORE_POSTGRES_OPTIONS(T)                                                            \
	{ .name = "schema", .kind = OPT_STRING, .offset = offsetof(T, where.schema),         \
	  .argument = "NAME", .help = "the schema of the table (default: the first of the search path)" }, \
	{ .name = "columns", .kind = OPT_STRING, .offset = offsetof(T, where.columns),       \
	  .argument = "LIST", .help = "the columns of a table that others made: id=…,content=…,embedding=…" }, \
	{ .name = "pg-set", .kind = OPT_LIST, .offset = offsetof(T, where.set),              \
	  .argument = "NAME=VALUE", .help = "a variable within each transaction, as for row-level security" }, \
	{ .name = "connect-timeout", .kind = OPT_REAL, .offset = offsetof(T, where.connect_timeout), \
	  .argument = "SECONDS", .help = "for the server to answer (default: as the URL has it, or 10)", \
	  .min = 1, .max = 3600 }, \
	{ .name = "statement-timeout", .kind = OPT_REAL, .offset = offsetof(T, where.statement_timeout), \
	  .argument = "SECONDS", .help = "for each statement; 0: as the server has it",      \
	  .fallback = "60", .max = 86400 }

/* Ready for store_open(). Strings are those of the settings. */
struct store_options store_options_from(const struct store_settings *s, enum store_mode mode,
    struct log *log, int (*stop)(void));

#endif

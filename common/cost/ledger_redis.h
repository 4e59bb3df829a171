/* ledger_redis: the ledger in Redis or Upstash; shared by ledger_redis.c, ledger_redis_read.c and
 * budget_redis.c. Private to them.
 *
 * Keys, all in one slot of a cluster, none with a time to live ("{c1v:ledger}:" is before each; DAY counts
 * from 1970 in UTC; names stand as JSON, null where there is none):
 *     version        1
 *     ids            set of the request ids that were entered
 *     days           sorted set of the days on which there are calls
 *     rows:DAY       list of the calls, as arrays of JSON (see add_row())
 *     sums:DAY       hash: a letter and [model,user,project,tool] → a sum. n calls, u of unknown price,
 *                    i input, c cached, o output tokens, $ nano-dollars, s nano-dollars saved
 *     spent          hash: [user,project], with null for all → nano-dollars
 *     spent:DAY      the same of a day, and with a quarter of an hour (0 … 95) before it of that
 *     guard          hash: about how much was ever entered, so that no sum can overflow
 *     budgets        hash: [per,user,project] → nano-dollars
 *     held           hash: reservation → expiry, nano-dollars, user, project, a line each
 * A call changes all of them in one script (lua/). */
#ifndef C1V_COST_LEDGER_REDIS_H
#define C1V_COST_LEDGER_REDIS_H

#include "cost/ledger_driver.h"
#include "net/redis.h"

#define LEDGER_KEY(name) "{c1v:ledger}:" name

enum {
	QUARTER_OF_HOUR = 900000,     /* ms; every zone's day begins at one */
	QUARTERS_OF_DAY = 96
};

/* The arguments of a command. */
struct words {
	struct slice *items;
	size_t count, room;
};

/* A call that waits for the commit. */
struct pending {
	int64_t day, cost;
	struct slice user;
};

/* Names and their numbers. */
struct name_table {
	struct slice *texts;   /* number n at n - 1 */
	size_t count, room;
	uint32_t *slots;       /* numbers, 0: free; a power of two of them */
	size_t slot_count;
};

struct redis_ledger {
	struct ledger base;
	struct redis *redis;
	int seed;              /* costs:DATE and its like are kept */
	struct arena scratch;  /* of one transaction, of one question */
	struct pending *rows;
	size_t row_count, row_room;
	struct words calls, changes;  /* of the script */
	int64_t *days;         /* those of the calls */
	size_t day_count, day_room;
	struct name_table names;
	struct arena texts;    /* of names */
};

/* --- ledger_redis.c --- */

void words_add(struct words *w, struct slice s);
void words_int(struct redis_ledger *l, struct words *w, int64_t n);
/* A key with a number behind it. */
struct slice key_of_day(struct redis_ledger *l, const char *name, int64_t day);
/* A name as JSON: 0, or C1V_USAGE: it is no text. */
int quote_name(struct redis_ledger *l, struct slice text, struct slice *out, struct err *e);

/* As redis_run(), but replies that are errors are errors. */
int ledger_ask(struct redis_ledger *l, const struct redis_command *commands, size_t n,
    struct redis_reply *replies, struct err *e);
/* One command, its key at `key`. */
int ledger_ask_one(struct redis_ledger *l, const struct words *w, size_t key, struct redis_reply *reply, struct err *e);
/* A script with these keys and arguments: its reply, an array that begins with a text. */
int ledger_script(struct redis_ledger *l, const char *script, const struct words *keys, const struct words *args,
    struct redis_reply *reply, struct err *e);
/* C1V_DATA: what is there was not put there by a ledger. */
int ledger_damaged(const struct redis_ledger *l, const char *what, struct err *e);
/* The number that stands in a string, or is an integer, or 0 where there is none. */
int read_number(const struct redis_ledger *l, const struct redis_reply *r, int64_t *out, struct err *e);

/* --- ledger_redis_read.c --- */

int redis_ledger_read(struct ledger *l, struct report *r, const struct ledger_query *q, int days, struct err *e);
int redis_ledger_id(struct ledger *l, struct slice text, int64_t *id, struct err *e);
int redis_ledger_text(struct ledger *l, int64_t id, struct slice *out, struct err *e);

/* --- budget_redis.c: as the functions of ledger_driver.h --- */

int redis_budget_set(struct ledger *l, const struct budget *b, struct err *e);
int redis_budget_each(struct ledger *l, int64_t now, int local, budget_fn *fn, void *arg, struct err *e);
int redis_budget_check(struct ledger *l, const struct spend *s, struct err *e);
int redis_budget_reserve(struct ledger *l, const struct spend *s, double seconds, const char *id, struct err *e);
int redis_budget_release(struct ledger *l, struct slice id, struct err *e);

#endif

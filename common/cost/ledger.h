/* ledger: what calls to models cost, kept for good, and budgets over it.
 *
 * One row a call, with the sums of each day kept in the same transaction. A call that has a request id
 * is entered once, however often it comes. The price that was used is in its row.
 *
 *     sqlite:PATH, PATH                     a SQLite file; the default is $XDG_STATE_HOME/c1v/ledger.db
 *     redis://, rediss://, unix://, upstash:  net/redis.h: shared by many hosts. All keys begin with
 *                                           {c1v:ledger}: and have no time to live */
#ifndef C1V_COST_LEDGER_H
#define C1V_COST_LEDGER_H

#include "cost/price.h"

struct ledger;

enum ledger_mode { LEDGER_READ, LEDGER_WRITE };

/* url: one of the above, NULL for the default, or env:NAME. 0, or C1V_NO (reading: there is no file), C1V_USAGE
 * (a password in the URL), C1V_CONFIG, C1V_DATA, C1V_IO, C1V_AGAIN (locked for `wait` seconds; nobody is there),
 * C1V_CREDENTIALS, C1V_PROTOCOL. */
int ledger_open(const char *url, enum ledger_mode mode, double wait, int (*stop)(void),
    struct ledger **out, struct err *e);
void ledger_close(struct ledger *l);
const char *ledger_name(const struct ledger *l); /* "sqlite:PATH", without secrets */

/* --- entering ----------------------------------------------------------- */

#define LEDGER_UNKNOWN (-1) /* a cost that is not known */

struct ledger_row {
	const struct usage *usage;
	int64_t time;              /* milliseconds since 1970 */
	int64_t cost;              /* nano-dollars, or LEDGER_UNKNOWN */
	int64_t saved;             /* by caches */
	const struct price *price; /* by which it was priced, or NULL */
};

/* A transaction for as many rows as there are. add: *fresh is 0 when a row with the same request id
 * is there already (it stays as it is), else 1, or -1 where only the commit finds that out. commit makes
 * them durable; on its failure none is (but after C1V_AGAIN from a server they may be). */
int ledger_begin(struct ledger *l, struct err *e);
int ledger_add(struct ledger *l, const struct ledger_row *row, int *fresh, struct err *e);
int ledger_commit(struct ledger *l, struct err *e);
void ledger_rollback(struct ledger *l);
/* How many rows a transaction should have at most: others wait for it. */
unsigned ledger_batch(const struct ledger *l);

/* What was committed since the ledger was opened. */
struct ledger_tally {
	uint64_t entered, known_before; /* rows */
	int64_t cost;                   /* nano-dollars of those that were entered and have a price */
};
const struct ledger_tally *ledger_tally(const struct ledger *l);

/* Redis: add what is entered to costs:DATE and costs:user:USER:DATE as well (dollars, INCRBYFLOAT; the date is of
 * UTC), right after each commit: a process that dies in between leaves them behind. C1V_USAGE: it is no
 * Redis. */
int ledger_seed_keys(struct ledger *l, struct err *e);

/* Days since 1970, of UTC or (local) of the process's time zone; the moment at which one begins. */
int64_t ledger_day(int64_t ms, int local);
int64_t ledger_day_start(int64_t day, int local);

/* --- reporting ---------------------------------------------------------- */

enum { BY_DAY = 1, BY_WEEK = 2, BY_MONTH = 4, BY_MODEL = 8, BY_USER = 16, BY_PROJECT = 32, BY_TOOL = 64 };

struct ledger_query {
	unsigned by;               /* at most one of day, week, month */
	int64_t since, until;      /* milliseconds since 1970, [since, until) */
	int local;                 /* days are those of the process's time zone, not of UTC */
	struct slice user, project, model, tool; /* only these; SLICE_NONE: all */
};

struct ledger_sum {
	char when[16];             /* "2026-11-23", "2026-W48", "2026-11", or "" */
	struct slice model, user, project, tool; /* SLICE_NONE: none, or not asked for */
	int64_t calls, unknown, input, cached, output;
	int64_t cost, saved;       /* nano-dollars; of the calls whose price is known */
};

/* The groups, in order of when, then of cost, greatest first, then of names. Slices are valid as
 * long as the ledger is open. */
typedef int ledger_sum_fn(void *arg, const struct ledger_sum *s, struct err *e);
int ledger_report(struct ledger *l, const struct ledger_query *q, ledger_sum_fn *fn, void *arg, struct err *e);

/* --- budgets ------------------------------------------------------------ */

enum budget_per { PER_DAY, PER_WEEK, PER_MONTH, PER_TOTAL };

struct budget {
	enum budget_per per;
	struct slice user, project; /* SLICE_NONE: all together */
	int64_t amount;
	int64_t spent, reserved;    /* in the present period */
	char period[16];            /* "2026-11-23", "2026-W48", "2026-11", "" */
};
typedef int budget_fn(void *arg, const struct budget *b, struct err *e);

/* Periods are those of the process's time zone when local, else of UTC. */
int budget_set(struct ledger *l, const struct budget *b, struct err *e); /* amount < 0: forget it */
int budget_each(struct ledger *l, int64_t now, int local, budget_fn *fn, void *arg, struct err *e);

/* Would `amount` more fit into every budget that concerns this user and project? 0, or C1V_NO with
 * the first that it would not fit into. */
struct spend {
	struct slice user, project;
	int64_t amount;
	int64_t now;               /* milliseconds since 1970 */
	int local;
};
int budget_check(struct ledger *l, const struct spend *s, struct err *e);
/* Check and hold the amount, in one step, for `seconds`. id gets the reservation's name. */
int budget_reserve(struct ledger *l, const struct spend *s, double seconds, char id[40], struct err *e);
/* Give a reservation back. C1V_NO: there is none of that name (it may have expired). */
int budget_release(struct ledger *l, struct slice id, struct err *e);
/* The same within ledger_begin … ledger_commit, beside the rows that were really spent. The C1V_NO may come
 * from the commit, which then has entered nothing. */
int budget_settle(struct ledger *l, struct slice id, struct err *e);
/* Likewise: make a reservation smaller by what was spent of it, and hold the rest for `seconds` from
 * now on. */
int budget_lower(struct ledger *l, struct slice id, int64_t nano, int64_t now, double seconds, struct err *e);

#endif

/* ledger_driver: what a kind of ledger offers to ledger.c, ledger_report.c and budget.c. Private to this
 * room. */
#ifndef C1V_COST_LEDGER_DRIVER_H
#define C1V_COST_LEDGER_DRIVER_H

#include "cost/ledger.h"

enum { MS_OF_DAY = 86400000 };

struct report;

struct ledger_options {
	enum ledger_mode mode;
	double wait;         /* seconds */
	int (*stop)(void);
};

/* As the functions of ledger.h, where nothing else is said. */
struct ledger_driver {
	unsigned batch;      /* ledger_batch() */
	int one_moment;      /* between read_begin and read_end nothing changes */
	/* url: resolved; NULL: the default. Fills struct ledger but `driver`. */
	int (*open)(const char *url, const struct ledger_options *o, struct ledger **out, struct err *e);
	void (*close)(struct ledger *l);

	/* Where *fresh is -1, commit counts into l->waiting what is entered. */
	int (*begin)(struct ledger *l, struct err *e);
	int (*add)(struct ledger *l, const struct ledger_row *row, int *fresh, struct err *e);
	int (*commit)(struct ledger *l, struct err *e);
	void (*rollback)(struct ledger *l);
	int (*seed_keys)(struct ledger *l, struct err *e); /* NULL: there are none */

	/* What a report reads between these two is of one moment, as far as the driver can. */
	int (*read_begin)(struct ledger *l, struct err *e);
	void (*read_end)(struct ledger *l);
	/* Give report_take() the rows of [q->since, q->until), or (days) the sums of the days there. */
	int (*read)(struct ledger *l, struct report *r, const struct ledger_query *q, int days, struct err *e);
	/* Names have numbers here, from 1; 0 is that of SLICE_NONE, -1 of a name that is in no row. */
	int (*id)(struct ledger *l, struct slice text, int64_t *id, struct err *e);
	int (*text)(struct ledger *l, int64_t id, struct slice *out, struct err *e);

	int (*budget_set)(struct ledger *l, const struct budget *b, struct err *e);
	int (*budget_each)(struct ledger *l, int64_t now, int local, budget_fn *fn, void *arg, struct err *e);
	int (*budget_check)(struct ledger *l, const struct spend *s, struct err *e);
	int (*budget_reserve)(struct ledger *l, const struct spend *s, double seconds, const char *id, struct err *e);
	int (*budget_release)(struct ledger *l, struct slice id, struct err *e);
	int (*budget_settle)(struct ledger *l, struct slice id, struct err *e);
	int (*budget_lower)(struct ledger *l, struct slice id, int64_t nano, int64_t expires, struct err *e);
};

/* The first member of each driver's own struct. */
struct ledger {
	const struct ledger_driver *driver;
	char *name;                   /* freed by ledger_close(), after the driver's close */
	struct ledger_tally tally;
	struct ledger_tally waiting;  /* of the transaction */
};

extern const struct ledger_driver ledger_sqlite, ledger_redis;

/* --- ledger.c --- */

/* Count a row of the transaction. */
void ledger_count(struct ledger *l, int fresh, int64_t cost);

/* --- ledger_report.c --- */

enum { PART_KEYS = 5, PART_SUMS = 7 };

/* A row, or the sums of a day. */
struct ledger_part {
	int64_t keys[PART_KEYS]; /* milliseconds since 1970 (of a row) or a day of UTC; ids of model, user, project, tool */
	int64_t sums[PART_SUMS]; /* calls, unknown, input, cached, output, cost, saved */
};
/* 0, or C1V_DATA: a sum does not fit. */
int report_take(struct report *r, const struct ledger_part *p, struct err *e);
/* Rows with a time of day (UTC, milliseconds) from *from up to before *to need not be given; 0, 0: all are
 * wanted. */
void report_still(const struct report *r, int64_t *from, int64_t *to);

/* --- budget.c --- */

extern const char *const budget_pers[4]; /* "day" … "total" */
/* C1V_NO, and why: it has been spent or reserved. */
int budget_refuse(const struct budget *b, int64_t amount, struct err *e);
/* Does amount not fit? */
int budget_exceeded(const struct budget *b, int64_t amount);

/* --- calendar (ledger_day.c): days since 1970 --- */

/* The first day of the period that a day lies in, and of the one behind it. */
int64_t period_first(int64_t day, enum budget_per per);
int64_t period_next(int64_t day, enum budget_per per);
/* "2026-11-23", "2026-W48" (ISO 8601), "2026-11", "" */
void period_name(int64_t day, enum budget_per per, char out[16]);
/* [*from, *to) of the period that now lies in, in milliseconds since 1970, and its name. PER_TOTAL: all there
 * is. */
void period_span(int64_t now, enum budget_per per, int local, int64_t *from, int64_t *to, char name[16]);

#endif

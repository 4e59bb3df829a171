/* ledger_sqlite: the ledger in a SQLite file; shared by ledger_sqlite.c and budget_sqlite.c. Private to
 * them. */
#ifndef C1V_COST_LEDGER_SQLITE_H
#define C1V_COST_LEDGER_SQLITE_H

#include "cost/ledger_driver.h"
#include "db/db.h"

enum ledger_statement { FIND_NAME, ADD_NAME, ADD_USAGE, ADD_SUM, LEDGER_STATEMENTS };

struct sqlite_ledger {
	struct ledger base;
	struct db db;
	sqlite3_stmt *statements[LEDGER_STATEMENTS];
	struct arena names;       /* of the texts below */
	struct slice *texts;      /* by their ids, as far as they were read */
	size_t text_room;
};

/* The id of a text, 0 of SLICE_NONE. When it is not there: made (within a transaction), or *id is -1. */
int sqlite_ledger_id(struct sqlite_ledger *l, struct slice text, int make, int64_t *id, struct err *e);
/* The text of an id; SLICE_NONE of 0. Valid as long as the ledger is open. */
int sqlite_ledger_text(struct sqlite_ledger *l, int64_t id, struct slice *out, struct err *e);

/* --- budget_sqlite.c: as the functions of ledger.h --- */

int sqlite_budget_set(struct ledger *l, const struct budget *b, struct err *e);
int sqlite_budget_each(struct ledger *l, int64_t now, int local, budget_fn *fn, void *arg, struct err *e);
int sqlite_budget_check(struct ledger *l, const struct spend *s, struct err *e);
int sqlite_budget_reserve(struct ledger *l, const struct spend *s, double seconds, const char *id, struct err *e);
int sqlite_budget_release(struct ledger *l, struct slice id, struct err *e);
int sqlite_budget_settle(struct ledger *l, struct slice id, struct err *e);
int sqlite_budget_lower(struct ledger *l, struct slice id, int64_t nano, int64_t expires, struct err *e);

#endif

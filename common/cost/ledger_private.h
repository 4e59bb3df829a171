/* ledger_private: the ledger's own struct, shared by ledger.c, ledger_report.c
 * and budget.c. Private to them. */
#ifndef C1V_COST_LEDGER_PRIVATE_H
#define C1V_COST_LEDGER_PRIVATE_H

#include "cost/ledger.h"
#include "db/db.h"

enum { MS_OF_DAY = 86400000 };

enum ledger_statement { FIND_NAME, ADD_NAME, ADD_USAGE, ADD_SUM, LEDGER_STATEMENTS };

struct ledger {
	struct db db;
	char *name;
	sqlite3_stmt *statements[LEDGER_STATEMENTS];
	struct arena names;       /* of the texts below */
	struct slice *texts;      /* by their ids, as far as they were read */
	size_t text_room;
};

/* The id of a text, 0 of SLICE_NONE. When it is not there: made (within a transaction), or *id is -1. */
int ledger_id(struct ledger *l, struct slice text, int make, int64_t *id, struct err *e);
/* The text of an id; SLICE_NONE of 0. Valid as long as the ledger is open. */
int ledger_text(struct ledger *l, int64_t id, struct slice *out, struct err *e);

/* --- calendar (ledger_day.c): days since 1970 --- */

/* The first day of the period that a day lies in, and of the one behind it. */
int64_t period_first(int64_t day, enum budget_per per);
int64_t period_next(int64_t day, enum budget_per per);
/* "2026-11-23", "2026-W48" (ISO 8601), "2026-11", "" */
void period_name(int64_t day, enum budget_per per, char out[16]);

#endif

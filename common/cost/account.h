/* account: what a tool spends while it works, entered into the ledger as it goes, and with a
 * budget reserved before.
 *
 * Each call to a model is a transaction: its row, and what was held for it given back. Where the
 * whole of a run is known it is reserved at once; calls then draw on that, and what was spent
 * is taken off it together with the row, so that spent and reserved are never counted twice, nor
 * too low. Reservations of a process that was killed expire after an hour. */
#ifndef C1V_COST_ACCOUNT_H
#define C1V_COST_ACCOUNT_H

#include "cost/ledger.h"

struct account;
struct account_hold; /* what is held for one call */

struct account_options {
	const char *ledger;              /* as ledger_open() */
	double wait;                     /* seconds for another writer */
	const char *user, *project, *tool; /* NULL: none */
};

/* 0, or an error of module_load() and ledger_open(). Strings are borrowed. */
int account_open(const struct account_options *o, struct account **out, struct err *e);

/* Hold the cost of the whole run. 0, or C1V_NO with the budget that it does not fit into. */
int account_reserve_run(struct account *a, int64_t nano, struct err *e);
/* Hold the cost of a call. 0 and *hold, or C1V_NO. */
int account_reserve(struct account *a, int64_t nano, struct account_hold **hold, struct err *e);

struct account_call {
	struct slice model, request_id;
	int64_t input;             /* tokens */
	int64_t cost;              /* nano-dollars, or LEDGER_UNKNOWN */
	int64_t saved;             /* by a cache */
	const struct price *price; /* or NULL; borrowed until account_close() */
};
/* A call was made: enter it, and give back what was held for it (or NULL). Where that fails, which is told
 * once, this call and those after it are kept and tried again when the account is closed: waiting for a
 * ledger that is locked shall not hold every call up. */
int account_spent(struct account *a, struct account_hold *hold, const struct account_call *call, struct err *e);
/* A call was not made. */
void account_release(struct account *a, struct account_hold *hold);

/* What is left of reservations goes back. 0, or an error when calls are not entered: *lost of them. */
int account_close(struct account *a, uint64_t *lost, struct err *e);

#endif

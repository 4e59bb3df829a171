/* ledger_module: the functions of ledger.h as a module (cost_ledger.so), for tools that
 * write into the ledger beside their work: linking SQLite costs start-up time also when
 * nothing is entered. */
#ifndef C1V_COST_LEDGER_MODULE_H
#define C1V_COST_LEDGER_MODULE_H

#include "cost/ledger.h"

struct ledger_functions {
	int (*open)(const char *url, enum ledger_mode mode, double wait, int (*stop)(void),
	    struct ledger **out, struct err *e);
	void (*close)(struct ledger *l);
	const char *(*name)(const struct ledger *l);
	int (*begin)(struct ledger *l, struct err *e);
	int (*add)(struct ledger *l, const struct ledger_row *row, int *fresh, struct err *e);
	int (*commit)(struct ledger *l, struct err *e);
	void (*rollback)(struct ledger *l);
	int (*reserve)(struct ledger *l, const struct spend *s, double seconds, char id[40], struct err *e);
	int (*release)(struct ledger *l, struct slice id, struct err *e);
	int (*settle)(struct ledger *l, struct slice id, struct err *e);
	int (*lower)(struct ledger *l, struct slice id, int64_t nano, int64_t now, double seconds, struct err *e);
};

#endif

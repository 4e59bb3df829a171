#include "cost/ledger_module.h"

#include "base/module.h"

C1V_MODULE(struct ledger_functions, cost_ledger) = {
	.open = ledger_open, .close = ledger_close, .name = ledger_name, .begin = ledger_begin, .add = ledger_add,
	.commit = ledger_commit, .rollback = ledger_rollback, .reserve = budget_reserve, .release = budget_release,
	.settle = budget_settle, .lower = budget_lower
};

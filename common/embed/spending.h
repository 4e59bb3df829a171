/* spending: what a remote model costs while a tool asks it: prices, the ledger, budgets, usage records. */
#ifndef C1V_EMBED_SPENDING_H
#define C1V_EMBED_SPENDING_H

#include "cost/account.h"
#include "cost/price.h"
#include "embed/embed.h"
#include "base/out.h"
#include "watch/log.h"

struct spending_options {
	const char *model;
	const char *shipped;          /* the price list that comes along */
	const char *const *lists;     /* those that lie over it */
	size_t list_count;
	const char *ledger;           /* as ledger_open(); "none": nothing is entered */
	double wait;                  /* seconds for another writer of it */
	const char *user, *project;   /* NULL: nobody's */
	const char *tool;             /* "c1v-embed" */
	const char *usage;            /* append usage records to this file; NULL: no */
	int budget;                   /* calls are reserved before */
	struct log *log;
};

/* All zero to begin with; must stay where it is while a model has it. */
struct spending {
	struct spending_options options; /* borrowed */
	struct price_list *prices;
	struct account *account;      /* NULL: nothing is entered */
	struct out usage;             /* when … */
	int usage_open;               /* … it is open */
	int later;                    /* opened by the first call */
	int64_t nano;                 /* nano-dollars of the calls that have a price */
	uint64_t unpriced;            /* calls that have none */
};

/* The prices. 0 or C1V_CONFIG. */
int spending_prices(struct spending *p, const struct spending_options *o, struct err *e);
/* Then the ledger and the file of usage. 0, or an error of theirs; C1V_CONFIG when there is a budget, but no
 * price to go by. */
int spending_open(struct spending *p, struct err *e);
/* Instead of both: open them when the first call is made. A failure is a warning, and nothing is entered. */
void spending_later(struct spending *p, const struct spending_options *o);

/* For a model: calls are reserved, priced and entered. */
struct embed_spend spending_of(struct spending *p);
/* The same, but they are counted only. */
struct embed_spend spending_count(struct spending *p);
/* What vectors that were made before did not cost goes into the ledger too. */
void spending_spared(struct spending *p, int64_t tokens);
/* Append dollars as a JSON string, or null when a price is not known. */
void spending_add(const struct spending *p, struct buf *b);
/* 0; C1V_PARTIAL when calls could not be entered, which is said; C1V_IO. */
int spending_close(struct spending *p, struct err *e);

#endif

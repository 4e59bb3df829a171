/* embed_tool: what the parts of c1v-embed share.
 *
 * c1v-embed.c     options, one run over the input
 * embed_batch.c   records gathered until their texts are embedded together
 * embed_window.c  before that: which of them were embedded before
 * embed_spend.c   what remote models cost: prices, the ledger, --usage
 * embed_plan.c    what a run would come to: --dry-run, and what --budget reserves */
#ifndef C1V_CMD_EMBED_TOOL_H
#define C1V_CMD_EMBED_TOOL_H

#include "cache/settings.h"
#include "cli/cli.h"
#include "cost/account.h"
#include "embed_batch.h"

struct settings {
	struct cli_common common;
	const char *model, *rejects, *api_base, *usage;
	int encoding, role, with, force, strict, type;
	int longer, insecure_http, dry_run, budget;
	int64_t batch_size, max_record;
	int64_t dims, concurrency, batch_inputs, batch_tokens, input_tokens, retries;
	double timeout, connect_timeout, rate_requests, rate_tokens, wait;
	const char *ledger, *user, *project;
	struct opt_list prices;
	struct cache_settings cache;
	int no_cache, refresh, key_template;
};

/* What a run spends, or in a dry run would. */
struct spending {
	const char *model, *user, *project;
	struct price_list *prices;
	struct account *account;  /* NULL: nothing is entered */
	int budget;               /* calls are reserved in it before */
	struct log *log;
	struct out usage;         /* --usage, when … */
	int usage_open;           /* … it is open */
	int64_t nano;             /* nano-dollars of the calls that have a price */
	uint64_t unpriced;        /* calls that have none */
};

struct tool {
	struct cli *cli;
	const struct settings *s;
	struct arena arena;
	struct batch batch;
	struct spending spending;
};

/* --- c1v-embed.c --- */

/* A batch with the settings' model. dry: what would be sent is told to spend->spent, nobody is asked. */
int tool_open(struct tool *t, struct batch *b, int dry, const struct embed_spend *spend);
/* The whole input through a batch that is open and has its rejects. */
int tool_run(struct tool *t, struct batch *b);

/* --- embed_spend.c --- */

/* The prices. 0 or C1V_CONFIG. */
int spending_prices(struct tool *t, struct spending *p);
/* The ledger and --usage. 0, or an error of theirs; C1V_CONFIG when --budget has no price to go by. */
int spending_open(struct tool *t, struct spending *p);
/* For a model: calls are reserved, priced and entered. p must stay where it is. */
struct embed_spend spending_of(struct spending *p);
/* The same, but they are counted only. */
struct embed_spend spending_count(struct spending *p);
/* What vectors that were made before did not cost goes into the ledger too. */
void spending_spared(struct spending *p, int64_t tokens);
/* Append dollars as a JSON string, or null when a price is not known. */
void spending_add(const struct spending *p, struct buf *b);
/* 0; C1V_PARTIAL when calls could not be entered, which is said; C1V_IO. */
int spending_close(struct spending *p, struct err *e);

/* --- embed_plan.c --- */

/* The answer to --dry-run, of the batch that has run. */
int plan_say(struct tool *t);
/* Reserve the whole run where the input can be read twice; otherwise nothing, for then each call is
 * reserved by itself. 0, or C1V_NO with the budget that it does not fit into. */
int plan_reserve(struct tool *t);

#endif

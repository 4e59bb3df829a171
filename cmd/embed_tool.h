/* embed_tool: what the parts of c1v-embed share.
 *
 * c1v-embed.c     options, one run over the input
 * embed_batch.c   records gathered until their texts are embedded together
 * embed_window.c  before that: which of them were embedded before
 * embed_plan.c    what a run would come to: --dry-run, and what --budget reserves */
#ifndef C1V_CMD_EMBED_TOOL_H
#define C1V_CMD_EMBED_TOOL_H

#include "cache/settings.h"
#include "cli/cli.h"
#include "cost/settings.h"
#include "embed/spending.h"
#include "embed_batch.h"

struct settings {
	struct cli_common common;
	const char *model, *rejects, *api_base, *usage;
	int encoding, role, with, force, strict, type;
	int longer, insecure_http, dry_run, budget;
	int64_t batch_size, max_record;
	int64_t dims, concurrency, batch_inputs, batch_tokens, input_tokens, retries;
	double timeout, connect_timeout, rate_requests, rate_tokens;
	struct cost_settings cost;
	struct cache_settings cache;
	int no_cache, refresh, key_template;
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

/* --- embed_plan.c --- */

/* The answer to --dry-run, of the batch that has run. */
int plan_say(struct tool *t);
/* Reserve the whole run where the input can be read twice; otherwise nothing, for then each call is
 * reserved by itself. 0, or C1V_NO with the budget that it does not fit into. */
int plan_reserve(struct tool *t);

#endif

/* cost_tool: what the parts of c1v-cost share.
 *
 * c1v-cost.c      options, which verb takes which
 * cost_tokens.c   tokens: counting, ids, decoding
 * cost_chat.c     tokens --chat
 * cost_price.c    price, add: usage records
 * cost_prices.c   prices: the list, and lists of others
 * cost_report.c   report
 * cost_budget.c   budget, check, reserve, settle, release */
#ifndef C1V_COST_TOOL_H
#define C1V_COST_TOOL_H

#include "cli/cli.h"
#include "cost/ledger.h"
#include "record/record.h"
#include "text/bpe.h"

enum { PRICES_OURS, PRICES_LITELLM, PRICES_GENAI };

struct settings {
	struct cli_common common;
	const char *ledger, *user, *project, *tool; /* of records that do not say, or only these */
	const char *model;               /* the same; tokens: whose they are */
	double wait;
	int json, pretty, csv;
	struct opt_list prices;          /* files that lie over the shipped list */
	const char *unknown_as, *date;
	int format;                      /* prices import */
	struct opt_list by;              /* report */
	const char *since, *until, *tz;
	const char *per, *estimate, *reservation, *cost;
	double ttl;
	int seed_keys;
	const char *encoding;            /* tokens */
	int type, ids, decode, chat, special;
	const char *rejects;
	int strict;
	int64_t max_record;
};

/* How tokens are counted. */
struct counter {
	struct bpe *bpe;      /* NULL: they are estimated */
	const char *model;    /* NULL: an encoding was named */
	const char *encoding; /* NULL: estimated */
	int special;          /* the texts of special tokens are special tokens */
	struct bpe_ids ids;   /* of the text last encoded */
};

struct tool {
	struct cli *cli;
	const struct settings *s;
	const char *const *words;        /* operands behind the verb */
	size_t word_count;
	int pretty;                      /* for people */
	int local;                       /* days are those of --tz, which is set, not of UTC */
	struct price_list *prices;
	struct ledger *ledger;
	struct arena arena;
	struct counter counter;
};

/* The shipped list and every --prices over it, into t->prices. */
int tool_prices(struct tool *t);
int tool_ledger(struct tool *t, enum ledger_mode mode);
/* Dollars from an option or operand, exactly, not negative. */
int tool_money(struct tool *t, const char *text, const char *what, int64_t *nano);
/* --since and --until: a day, an RFC 3339 time, today, yesterday, or 7d, 12h before now. end: the
 * moment at which a day ends. */
int tool_moment(struct tool *t, const char *text, const char *what, int end, int64_t *ms);

/* Usage records, one after the other: priced and written, or entered into the ledger; then the
 * reservation, when there is one, is given back with the last of them. */
int cost_records(struct tool *t, const char *const *paths, size_t count, int enter, const char *reservation);

/* The tokens of a text, counted or estimated. */
size_t counter_count(struct counter *c, struct slice text);
/* Append the keys that say how it was counted: model, encoding, estimated. */
void counter_add_names(const struct counter *c, struct buf *b);
/* One input of --chat; path NULL: stdin. */
int cost_chat(struct tool *t, const char *path, struct rejects *rejects);

/* A budget as a JSON object, or as a sentence for people. */
void cost_add_budget(struct buf *b, const struct budget *x, int people);

int cost_verb_tokens(struct tool *t);
int cost_verb_price(struct tool *t);
int cost_verb_add(struct tool *t);
int cost_verb_prices(struct tool *t);
int cost_verb_report(struct tool *t);
int cost_verb_budget(struct tool *t);
int cost_verb_check(struct tool *t);
int cost_verb_reserve(struct tool *t);
int cost_verb_settle(struct tool *t);
int cost_verb_release(struct tool *t);

#endif

/* price: what models cost, and what a call did.
 *
 * A price list is JSON (share/prices.json; c1v-cost(1) describes it): for each model the
 * prices from a date on, as decimal strings of dollars per million tokens. Later lists lie
 * over earlier ones, model by model. Prices are kept as whole nano-dollars per million
 * units, costs are whole nano-dollars. */
#ifndef C1V_COST_PRICE_H
#define C1V_COST_PRICE_H

#include "cost/usage.h"

enum price_kind {
	PRICE_INPUT, PRICE_OUTPUT, PRICE_CACHED, PRICE_WRITE, PRICE_WRITE_1H,
	PRICE_REQUEST, PRICE_SEARCH, /* of a call, of a search */
	PRICE_KINDS
};
#define PRICE_NONE (-1)

struct price {
	const char *model, *provider;
	const char *from;            /* "YYYY-MM-DD", or "": always */
	const char *source, *checked; /* where it stands, and when that was seen; or "" */
	const char *version;         /* of its list */
	int64_t rates[PRICE_KINDS];  /* nano-dollars per million tokens, calls, searches; PRICE_NONE */
	int64_t above;               /* with more input tokens than that … */
	int64_t tier[PRICE_KINDS];   /* … all tokens have these prices; above 0: there is no tier */
	int64_t batch;               /* millionths of the price that a batch costs; PRICE_NONE: no batch price */
};

struct price_list;

/* An empty list; prices_free() frees it and all prices that came from it. */
struct price_list *prices_new(void);
void prices_free(struct price_list *l);
/* Lay the prices of a file (its text) over those that are there. name is for messages. 0, or C1V_CONFIG
 * with what is wrong and where. */
int prices_add(struct price_list *l, struct slice text, const char *name, struct err *e);
int prices_add_file(struct price_list *l, const char *path, struct err *e);

/* The price of a model on a day (YYYY-MM-DD): by its name, else by the longest name that it begins
 * with, up to a `-`, `@` or `:` (gpt-4o-2024-11-20); each also without "provider/" before it.
 * NULL: not known, or not yet on that day. */
const struct price *price_find(const struct price_list *l, struct slice model, const char *day);

/* All prices, by model and date. */
size_t prices_count(const struct price_list *l);
const struct price *prices_at(const struct price_list *l, size_t i);

/* What it costs:
 *     input * in + cached * cached_in + write * cache_write + write_1h * cache_write_1h
 *       + output * out + call + searches * search,
 * all at the tier's prices when the whole input is above it, times the batch discount, rounded
 * once, half up. Cached input and cache writes without a price of their own cost what input does. 1 and
 * *nano, or 0 when a price that is needed is not known or the sum does not fit. */
int price_cost(const struct price *p, const struct usage *u, int64_t *nano);
/* What the same would have cost without a cache. */
int price_uncached(const struct price *p, const struct usage *u, int64_t *nano);

#endif

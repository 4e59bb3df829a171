#include "cost/price_import.h"

#include <stdio.h>

#include "base/json.h"
#include "base/num.h"
#include "cost/money.h"

enum { KINDS = 5 };
static const char *const ours[KINDS] = {"input", "output", "cached_input", "cache_write", "cache_write_1h"};

/* Nano-dollars a million tokens; -1: not said. */
struct rates {
	int64_t base[KINDS], tier[KINDS];
	int64_t above, search, batch; /* search: a thousand of them; batch: millionths */
};

static struct rates
no_rates(void)
{
	struct rates r = {.search = -1, .batch = -1};

	for (int i = 0; i < KINDS; i++)
		r.base[i] = r.tier[i] = -1;
	return r;
}

/* --- writing ------------------------------------------------------------------- */

static void
add_money(struct buf *b, const char *key, int64_t nano)
{
	if (nano < 0)
		return;
	json_add_key(b, key);
	buf_byte(b, '"');
	money_add(b, nano);
	buf_byte(b, '"');
}

static void
add_rates(struct buf *b, const int64_t *rates)
{
	for (int i = 0; i < KINDS; i++)
		add_money(b, ours[i], rates[i]);
}

static void
add_prices(struct buf *b, struct slice from, const struct rates *r)
{
	buf_byte(b, '{');
	if (from.p != NULL) {
		json_add_key(b, "from");
		buf_slice(b, from);
	}
	add_rates(b, r->base);
	add_money(b, "per_1000_searches", r->search);
	if (r->batch >= 0)
		add_money(b, "batch", r->batch * 1000);
	if (r->above > 0) {
		json_add_key(b, "above");
		buf_string(b, "{\"tokens\":");
		num_add_int(b, r->above);
		add_rates(b, r->tier);
		buf_byte(b, '}');
	}
	buf_byte(b, '}');
}

/* {"model":…,"provider":…,"source":…,"prices":[ */
static void
add_head(struct buf *b, size_t models, struct slice model, struct slice provider, const char *source)
{
	buf_string(b, models ? ",\n{\"model\":" : "\n{\"model\":");
	buf_slice(b, model);
	if (provider.p != NULL && json_type(provider) == JSON_STRING) {
		json_add_key(b, "provider");
		buf_slice(b, provider);
	}
	json_add_key(b, "source");
	json_add_string(b, slice_of(source));
}

/* --- LiteLLM -------------------------------------------------------------------- */

/* A number of the object times 10^scale, or -1. */
static int64_t
number(struct slice object, const char *key, int scale)
{
	struct slice v = json_get(object, key);
	int64_t n;

	if (v.p == NULL || json_type(v) != JSON_NUMBER || money_scaled(v, scale, &n, NULL) != 0)
		return -1;
	return n;
}

static void
litellm_tier(struct slice model, struct rates *r)
{
	static const struct { const char *suffix; int64_t tokens; } tiers[] = {
		{"_above_128k_tokens", 128000}, {"_above_200k_tokens", 200000}, {"_above_272k_tokens", 272000},
	};
	static const char *const keys[] = {"input_cost_per_token", "output_cost_per_token",
	    "cache_read_input_token_cost", "cache_creation_input_token_cost"};
	char key[80];

	for (size_t i = 0; i < sizeof(tiers) / sizeof(*tiers); i++) {
		for (int k = 0; k < 4; k++) {
			int64_t n;
			snprintf(key, sizeof(key), "%s%s", keys[k], tiers[i].suffix);
			n = number(model, key, 15);
			if (n < 0)
				continue;
			r->tier[k] = n;
			r->above = tiers[i].tokens;
		}
	}
	/* What a tier does not say stays as it is. */
	for (int k = 0; k < KINDS; k++)
		r->tier[k] = r->above > 0 && r->tier[k] < 0 ? r->base[k] : r->tier[k];
}

static int
litellm_rates(struct slice model, struct rates *r)
{
	static const char *const keys[KINDS] = {"input_cost_per_token", "output_cost_per_token",
	    "cache_read_input_token_cost", "cache_creation_input_token_cost",
	    "cache_creation_input_token_cost_above_1hr"};
	int64_t batch = number(model, "input_cost_per_token_batches", 15);

	*r = no_rates();
	for (int i = 0; i < KINDS; i++)
		r->base[i] = number(model, keys[i], 15);
	r->search = number(model, "input_cost_per_query", 12);
	litellm_tier(model, r);
	if (batch >= 0 && r->base[0] > 0)
		r->batch = (int64_t)((__int128)batch * 1000000 / r->base[0]);
	return r->base[0] >= 0 || r->search > 0;
}

static int
litellm(struct slice list, const char *name, struct buf *out, struct price_import_counts *n, struct err *e)
{
	struct json_walk w = json_walk(list);
	struct slice key, model;

	(void)e;
	while (json_member(&w, &key, &model)) {
		struct rates r;
		if (json_key_is(key, "sample_spec"))
			continue;
		if (json_type(model) != JSON_OBJECT || !litellm_rates(model, &r)) {
			n->passed_over++;
			continue;
		}
		add_head(out, n->models++, (struct slice){key.p - 1, key.n + 2}, json_get(model, "litellm_provider"), name);
		buf_string(out, ",\"prices\":[");
		add_prices(out, SLICE_NONE, &r);
		buf_string(out, "]}");
	}
	return 0;
}

/* --- genai-prices ------------------------------------------------------------------ */

/* A price: a number, or {"base":…,"tiers":[{"start":…,"price":…}]}, of which one tier is taken over. */
static int
genai_price(struct slice prices, const char *key, int64_t *base, int64_t *tier, int64_t *above)
{
	struct slice v = json_get(prices, key), tiers, item;
	struct json_walk w;
	size_t count = 0;

	if (v.p == NULL || json_type(v) == JSON_NULL)
		return 1;
	if (json_type(v) != JSON_OBJECT) {
		*base = number(prices, key, 9);
		return *base >= 0;
	}
	*base = number(v, "base", 9);
	tiers = json_get(v, "tiers");
	if (*base < 0 || tiers.p == NULL || json_type(tiers) != JSON_ARRAY)
		return 0;
	for (w = json_walk(tiers); json_item(&w, &item); count++) {
		int64_t start = json_type(item) == JSON_OBJECT ? number(item, "start", 0) : -1;
		if (start < 1 || (*above > 0 && *above != start))
			return 0;
		*above = start;
		*tier = number(item, "price", 9);
	}
	return count == 1 && *tier >= 0;
}

static int
genai_rates(struct slice prices, struct rates *r)
{
	static const char *const keys[KINDS] = {"input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok",
	    "cache_write_1h_mtok"};

	*r = no_rates();
	for (int i = 0; i < KINDS; i++)
		if (!genai_price(prices, keys[i], &r->base[i], &r->tier[i], &r->above))
			return 0;
	for (int i = 0; i < KINDS; i++)
		r->tier[i] = r->above > 0 && r->tier[i] < 0 ? r->base[i] : r->tier[i];
	return r->base[0] >= 0;
}

/* `prices` is one set, or a list of sets from a day on. Those of some hours of the day cannot be told. */
static int
genai_prices(struct slice prices, struct buf *out)
{
	struct json_walk w;
	struct slice item;
	struct rates r;
	size_t count = 0;

	if (prices.p == NULL)
		return 0;
	if (json_type(prices) == JSON_OBJECT) {
		if (!genai_rates(prices, &r))
			return 0;
		add_prices(out, SLICE_NONE, &r);
		return 1;
	}
	if (json_type(prices) != JSON_ARRAY)
		return 0;
	for (w = json_walk(prices); json_item(&w, &item);) {
		struct slice constraint, from = SLICE_NONE, inner;
		if (json_type(item) != JSON_OBJECT)
			return 0;
		constraint = json_get(item, "constraint");
		inner = json_get(item, "prices");
		if (constraint.p != NULL && json_type(constraint) == JSON_OBJECT) {
			from = json_get(constraint, "start_date");
			if (from.p == NULL)
				continue;
		}
		if (inner.p == NULL || json_type(inner) != JSON_OBJECT || !genai_rates(inner, &r))
			return 0;
		if (count++ > 0)
			buf_byte(out, ',');
		add_prices(out, from, &r);
	}
	return count > 0;
}

/* The other names that a rule names in full. */
static void
genai_aliases(struct slice match, struct slice id, struct buf *out, size_t *count)
{
	struct slice equals = json_get(match, "equals"), any = json_get(match, "or"), item;
	struct json_walk w;

	if (equals.p != NULL && json_type(equals) == JSON_STRING && !slice_equal(equals, id)) {
		buf_string(out, (*count)++ ? "," : ",\"aliases\":[");
		buf_slice(out, equals);
	}
	if (any.p == NULL || json_type(any) != JSON_ARRAY)
		return;
	for (w = json_walk(any); json_item(&w, &item);)
		if (json_type(item) == JSON_OBJECT && json_get(item, "or").p == NULL)
			genai_aliases(item, id, out, count);
}

static void
genai_model(struct slice model, struct slice provider, const char *name, struct buf *out,
    struct price_import_counts *n)
{
	struct slice id = json_get(model, "id"), match = json_get(model, "match");
	size_t start = out->len, aliases = 0;

	if (id.p == NULL || json_type(id) != JSON_STRING) {
		n->passed_over++;
		return;
	}
	add_head(out, n->models, id, provider, name);
	if (match.p != NULL && json_type(match) == JSON_OBJECT)
		genai_aliases(match, id, out, &aliases);
	buf_string(out, aliases ? "],\"prices\":[" : ",\"prices\":[");
	if (genai_prices(json_get(model, "prices"), out)) {
		buf_string(out, "]}");
		n->models++;
	} else {
		out->len = start;
		n->passed_over++;
	}
}

static int
genai(struct slice list, const char *name, struct buf *out, struct price_import_counts *n, struct err *e)
{
	struct json_walk providers = json_walk(list), w;
	struct slice provider, models, model;

	while (json_item(&providers, &provider)) {
		models = json_type(provider) == JSON_OBJECT ? json_get(provider, "models") : SLICE_NONE;
		if (models.p == NULL || json_type(models) != JSON_ARRAY)
			return err_set(e, C1V_DATA, "%s: it is no list of genai-prices: a provider without models", name);
		for (w = json_walk(models); json_item(&w, &model);)
			if (json_type(model) == JSON_OBJECT)
				genai_model(model, json_get(provider, "id"), name, out, n);
	}
	return 0;
}

/* --- the door ------------------------------------------------------------------------ */

int
price_import(struct slice text, int is_litellm, const char *name, struct buf *out,
    struct price_import_counts *counts, struct err *e)
{
	enum json_type wanted = is_litellm ? JSON_OBJECT : JSON_ARRAY;
	struct slice list;
	int rc = json_check(text, &list, e);

	if (rc != 0) {
		err_prefix(e, "%s", name);
		return rc;
	}
	if (json_type(list) != wanted)
		return err_set(e, C1V_DATA, "%s: it is no list of %s: wanted is %s", name,
		    is_litellm ? "litellm" : "genai-prices", is_litellm ? "an object" : "an array");
	buf_string(out, "{\"version\":");
	json_add_string(out, slice_of(name));
	buf_string(out, ",\"currency\":\"USD\",\"models\":[");
	rc = is_litellm ? litellm(list, name, out, counts, e) : genai(list, name, out, counts, e);
	buf_string(out, "\n]}");
	return rc;
}

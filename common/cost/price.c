#include "cost/price.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/num.h"
#include "cost/money.h"
#include "record/record.h"

enum { MILLION = 1000000, NAME_MAX_BYTES = 256, LIST_MAX = 64 << 20 };

struct price_list {
	struct arena arena;
	struct price *items; /* by model, then by date */
	size_t count, room;
};

struct price_list *
prices_new(void)
{
	return mem_zero(1, sizeof(struct price_list));
}

void
prices_free(struct price_list *l)
{
	if (l == NULL)
		return;
	arena_free(&l->arena);
	free(l->items);
	free(l);
}

size_t
prices_count(const struct price_list *l)
{
	return l->count;
}

const struct price *
prices_at(const struct price_list *l, size_t i)
{
	return &l->items[i];
}

/* --- reading ----------------------------------------------------------------- */

/* What is being read, for messages. */
struct place {
	struct price_list *list;
	const char *file, *version;
	struct slice model;
};

static int
wrong(const struct place *at, struct err *e, const char *what, const char *key)
{
	return err_set(e, C1V_CONFIG, "%s: %.*s: `%s` %s", at->file, (int)(at->model.n > 80 ? 80 : at->model.n),
	    at->model.p ? at->model.p : "", key, what);
}

/* A text of the object, "" when it is not there. */
static int
read_text(const struct place *at, struct slice object, const char *key, const char **out, struct err *e)
{
	struct slice v = json_get(object, key), text;
	struct buf scratch = {0};

	*out = "";
	if (v.p == NULL || json_type(v) == JSON_NULL)
		return 0;
	if (json_type(v) != JSON_STRING)
		return wrong(at, e, "is not a string", key);
	text = json_text(v, &scratch);
	*out = arena_bytes(&at->list->arena, text.p, text.n);
	buf_free(&scratch);
	return 0;
}

/* A price: a decimal string (or a number), times 10^scale. */
static int
read_price(const struct place *at, struct slice object, const char *key, int scale, int64_t *out,
    struct err *e)
{
	struct slice v = json_get(object, key);

	if (v.p == NULL || json_type(v) == JSON_NULL)
		return 0;
	if (json_type(v) == JSON_STRING)
		v = (struct slice){v.p + 1, v.n - 2};
	else if (json_type(v) != JSON_NUMBER)
		return wrong(at, e, "is not a decimal number", key);
	if (money_scaled(v, scale, out, NULL) != 0 || *out < 0)
		return wrong(at, e, "is not a price", key);
	return 0;
}

static int
read_rates(const struct place *at, struct slice object, int64_t *rates, struct err *e)
{
	static const struct { const char *key; int scale; } keys[PRICE_KINDS] = {
		{"input", 9}, {"output", 9}, {"cached_input", 9}, {"cache_write", 9}, {"cache_write_1h", 9},
		{"per_request", 9 + 6}, {"per_1000_searches", 9 + 3},
	};

	for (int i = 0; i < PRICE_KINDS; i++) {
		rates[i] = PRICE_NONE;
		if (read_price(at, object, keys[i].key, keys[i].scale, &rates[i], e) != 0)
			return e->code;
	}
	return 0;
}

static int
is_day(const char *s)
{
	static const char form[] = "0000-00-00";

	for (size_t i = 0; i < sizeof(form); i++)
		if (form[i] == '0' ? s[i] < '0' || s[i] > '9' : s[i] != form[i])
			return 0;
	return 1;
}

/* One entry of a model's `prices`. */
static int
read_entry(const struct place *at, struct slice object, struct price *p, struct err *e)
{
	struct slice above = json_get(object, "above");

	if (read_text(at, object, "from", &p->from, e) != 0 || read_rates(at, object, p->rates, e) != 0)
		return e->code;
	if (*p->from && !is_day(p->from))
		return wrong(at, e, "is not a day (YYYY-MM-DD)", "from");
	p->batch = PRICE_NONE;
	if (read_price(at, object, "batch", 6, &p->batch, e) != 0)
		return e->code;
	if (above.p == NULL)
		return 0;
	if (json_type(above) != JSON_OBJECT || !num_json_int(json_get(above, "tokens"), &p->above) || p->above < 1)
		return wrong(at, e, "has no count of `tokens`", "above");
	return read_rates(at, above, p->tier, e);
}

static void
add(struct price_list *l, const struct price *p)
{
	mem_grow(&l->items, &l->room, l->count + 1, sizeof(*l->items));
	l->items[l->count++] = *p;
}

/* The prices from `first` on, again under each of the model's other names. */
static int
add_aliases(const struct place *at, struct slice object, size_t first, struct err *e)
{
	struct slice aliases = json_get(object, "aliases"), item;
	size_t last = at->list->count;
	struct json_walk w;

	if (aliases.p == NULL)
		return 0;
	if (json_type(aliases) != JSON_ARRAY)
		return wrong(at, e, "is not an array", "aliases");
	w = json_walk(aliases);
	while (json_item(&w, &item)) {
		struct buf scratch = {0};
		struct slice text;

		if (json_type(item) != JSON_STRING)
			return wrong(at, e, "holds what is not a string", "aliases");
		text = json_text(item, &scratch);
		for (size_t i = first; i < last; i++) {
			struct price other = at->list->items[i];
			other.model = arena_bytes(&at->list->arena, text.p, text.n);
			add(at->list, &other);
		}
		buf_free(&scratch);
	}
	return 0;
}

static int
read_model(struct place *at, struct slice object, struct err *e)
{
	struct slice entries, item;
	struct price p = {.version = at->version};
	size_t first = at->list->count;
	struct json_walk w;

	at->model = SLICE_NONE;
	if (json_type(object) != JSON_OBJECT)
		return wrong(at, e, "holds what is not an object", "models");
	if (read_text(at, object, "model", &p.model, e) != 0)
		return e->code;
	at->model = slice_of(p.model);
	if (at->model.n == 0 || at->model.n > NAME_MAX_BYTES)
		return wrong(at, e, "is missing or too long", "model");
	if (read_text(at, object, "provider", &p.provider, e) != 0 ||
	    read_text(at, object, "source", &p.source, e) != 0 ||
	    read_text(at, object, "checked", &p.checked, e) != 0)
		return e->code;
	entries = json_get(object, "prices");
	if (entries.p == NULL || json_type(entries) != JSON_ARRAY)
		return wrong(at, e, "is not an array", "prices");
	w = json_walk(entries);
	while (json_item(&w, &item)) {
		if (json_type(item) != JSON_OBJECT)
			return wrong(at, e, "holds what is not an object", "prices");
		p.above = 0;
		if (read_entry(at, item, &p, e) != 0)
			return e->code;
		add(at->list, &p);
	}
	return add_aliases(at, object, first, e);
}

static int
read_list(struct place *at, struct slice text, struct err *e)
{
	struct slice list, models, item;
	struct json_walk w;

	if (json_check(text, &list, e) != 0) {
		e->code = C1V_CONFIG;
		return err_prefix(e, "%s", at->file);
	}
	if (json_type(list) != JSON_OBJECT || (models = json_get(list, "models")).p == NULL ||
	    json_type(models) != JSON_ARRAY)
		return err_set(e, C1V_CONFIG, "%s: it is no price list: `models` is missing", at->file);
	if (read_text(at, list, "version", &at->version, e) != 0)
		return e->code;
	w = json_walk(models);
	while (json_item(&w, &item))
		if (read_model(at, item, e) != 0)
			return e->code;
	return 0;
}

/* --- in order ---------------------------------------------------------------- */

static int
by_model(const void *a, const void *b)
{
	const struct price *x = a, *y = b;
	int c = strcmp(x->model, y->model);

	return c ? c : strcmp(x->from, y->from);
}

static int
order_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A model that is priced anew, from `first` on, loses the prices it had. */
static void
replace(struct price_list *l, size_t first)
{
	size_t fresh = l->count - first, kept = 0;
	const char **names = mem_alloc(fresh * sizeof(*names));

	for (size_t i = 0; i < fresh; i++)
		names[i] = l->items[first + i].model;
	qsort(names, fresh, sizeof(*names), order_name);
	for (size_t i = 0; i < l->count; i++)
		if (i >= first || bsearch(&l->items[i].model, names, fresh, sizeof(*names), order_name) == NULL)
			l->items[kept++] = l->items[i];
	l->count = kept;
	free(names);
}

int
prices_add(struct price_list *l, struct slice text, const char *name, struct err *e)
{
	struct place at = {.list = l, .file = name, .version = ""};
	size_t first = l->count;

	if (read_list(&at, text, e) != 0) {
		l->count = first;
		return e->code;
	}
	replace(l, first);
	if (l->count > 0)
		qsort(l->items, l->count, sizeof(*l->items), by_model);
	return 0;
}

int
prices_add_file(struct price_list *l, const char *path, struct err *e)
{
	struct file f;
	int rc = file_open(&f, path, LIST_MAX, e);

	if (rc != 0)
		return rc;
	rc = prices_add(l, f.text, path, e);
	file_close(&f);
	return rc;
}

/* --- finding ----------------------------------------------------------------- */

/* The first price that is not below the name. */
static size_t
lower_bound(const struct price_list *l, struct slice name)
{
	size_t low = 0, high = l->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const char *m = l->items[middle].model;
		int c = strncmp(m, name.p, name.n);
		if (c < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Of the prices of exactly this model the last that holds on the day. *known: there is one at all. */
static const struct price *
exactly(const struct price_list *l, struct slice name, const char *day, int *known)
{
	const struct price *found = NULL;

	*known = 0;
	for (size_t i = lower_bound(l, name); i < l->count; i++) {
		const struct price *p = &l->items[i];
		if (strncmp(p->model, name.p, name.n) != 0 || p->model[name.n] != '\0')
			break;
		*known = 1;
		if (strcmp(p->from, day) <= 0)
			found = p;
	}
	return found;
}

static const struct price *
by_name(const struct price_list *l, struct slice name, const char *day)
{
	for (;;) {
		int known;
		const struct price *p = exactly(l, name, day, &known);

		if (known)
			return p;
		do {
			if (name.n == 0)
				return NULL;
			name.n--;
		} while (strchr("-@:", name.p[name.n]) == NULL);
	}
}

const struct price *
price_find(const struct price_list *l, struct slice model, const char *day)
{
	while (model.n > 0) {
		const struct price *p = by_name(l, model, day);
		const char *slash = memchr(model.p, '/', model.n);

		if (p != NULL || slash == NULL)
			return p;
		model.n -= (size_t)(slash + 1 - model.p);
		model.p = slash + 1;
	}
	return NULL;
}

/* --- what it costs ----------------------------------------------------------- */

/* sum += count * rate; 0 when the rate is needed and not known. */
static int
charge(__int128 *sum, int64_t count, int64_t rate)
{
	if (count == 0)
		return 1;
	if (rate == PRICE_NONE)
		return 0;
	*sum += (__int128)count * rate;
	return 1;
}

static int64_t
rate_or(const int64_t *rates, enum price_kind kind, enum price_kind other)
{
	return rates[kind] != PRICE_NONE ? rates[kind] : rates[other];
}

/* Nano-dollars a million units, to nano-dollars; with the discount of a batch. */
static int
settle(__int128 sum, int64_t batch, int64_t *nano)
{
	__int128 unit = (__int128)MILLION * MILLION;

	sum = (sum * batch + unit / 2) / unit;
	if (sum > INT64_MAX)
		return 0;
	*nano = (int64_t)sum;
	return 1;
}

int
price_cost(const struct price *p, const struct usage *u, int64_t *nano)
{
	const int64_t *r = p->above > 0 && usage_input(u) > p->above ? p->tier : p->rates;
	__int128 sum = 0;

	if (u->batch && p->batch == PRICE_NONE)
		return 0;
	if (!charge(&sum, u->input, r[PRICE_INPUT]) ||
	    !charge(&sum, u->cached, rate_or(r, PRICE_CACHED, PRICE_INPUT)) ||
	    !charge(&sum, u->write, rate_or(r, PRICE_WRITE, PRICE_INPUT)) ||
	    !charge(&sum, u->write_1h, r[PRICE_WRITE_1H] != PRICE_NONE ? r[PRICE_WRITE_1H]
	                                                              : rate_or(r, PRICE_WRITE, PRICE_INPUT)) ||
	    !charge(&sum, u->output, r[PRICE_OUTPUT]) || !charge(&sum, u->searches, r[PRICE_SEARCH]))
		return 0;
	if (r[PRICE_REQUEST] != PRICE_NONE)
		sum += r[PRICE_REQUEST];
	return settle(sum, u->batch ? p->batch : MILLION, nano);
}

int
price_uncached(const struct price *p, const struct usage *u, int64_t *nano)
{
	struct usage plain = *u;

	plain.input = usage_input(u);
	plain.cached = plain.write = plain.write_1h = 0;
	return price_cost(p, &plain, nano);
}

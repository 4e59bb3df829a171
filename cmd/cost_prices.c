#include "cost_tool.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/num.h"
#include "cost/money.h"
#include "cost/price_import.h"

enum { IMPORT_MAX = 64 << 20 };

/* --- showing ------------------------------------------------------------------- */

static const struct { const char *key; enum price_kind kind; int64_t per; } rates[] = {
	{"input", PRICE_INPUT, 1}, {"cached_input", PRICE_CACHED, 1}, {"cache_write", PRICE_WRITE, 1},
	{"cache_write_1h", PRICE_WRITE_1H, 1}, {"output", PRICE_OUTPUT, 1},
	{"per_request", PRICE_REQUEST, 1000000}, {"per_1000_searches", PRICE_SEARCH, 1000},
};
enum { RATES = sizeof(rates) / sizeof(*rates) };

static void
add_rates(struct buf *b, const int64_t *from)
{
	for (int i = 0; i < RATES; i++) {
		if (from[rates[i].kind] == PRICE_NONE)
			continue;
		json_add_key(b, rates[i].key);
		buf_byte(b, '"');
		money_add(b, from[rates[i].kind] / rates[i].per);
		buf_byte(b, '"');
	}
}

static void
add_text(struct buf *b, const char *key, const char *text)
{
	if (*text == '\0')
		return;
	json_add_key(b, key);
	json_add_string(b, slice_of(text));
}

static void
write_json(struct out *o, const struct price *p)
{
	struct buf *b = &o->buf;

	buf_string(b, "{\"model\":");
	json_add_string(b, slice_of(p->model));
	add_text(b, "provider", p->provider);
	add_text(b, "from", p->from);
	add_rates(b, p->rates);
	if (p->batch != PRICE_NONE) {
		json_add_key(b, "batch");
		buf_byte(b, '"');
		money_add(b, p->batch * 1000);
		buf_byte(b, '"');
	}
	if (p->above > 0) {
		buf_string(b, ",\"above\":{\"tokens\":");
		num_add_int(b, p->above);
		add_rates(b, p->tier);
		buf_byte(b, '}');
	}
	add_text(b, "source", p->source);
	add_text(b, "checked", p->checked);
	add_text(b, "version", p->version);
	buf_byte(b, '}');
	out_line(o);
}

static void
write_row(struct out *o, const struct price *p)
{
	static const enum price_kind shown[] = {PRICE_INPUT, PRICE_CACHED, PRICE_OUTPUT};
	struct buf cell = {0};

	buf_format(&o->buf, "%-28s %-10s", p->model, p->from);
	for (size_t i = 0; i < sizeof(shown) / sizeof(*shown); i++) {
		cell.len = 0;
		if (p->rates[shown[i]] == PRICE_NONE)
			buf_byte(&cell, '-');
		else
			money_add(&cell, p->rates[shown[i]]);
		buf_format(&o->buf, " %9s", buf_cstr(&cell));
	}
	if (p->rates[PRICE_SEARCH] != PRICE_NONE) {
		buf_string(&o->buf, "  ");
		money_add(&o->buf, p->rates[PRICE_SEARCH] / 1000);
		buf_string(&o->buf, " per 1000 searches");
	}
	if (p->above > 0)
		buf_format(&o->buf, "  more above %lld tokens", (long long)p->above);
	out_line(o);
	buf_free(&cell);
}

static void
write_price(struct tool *t, const struct price *p)
{
	if (t->pretty)
		write_row(&t->cli->out, p);
	else
		write_json(&t->cli->out, p);
}

static int
show_named(struct tool *t, const char *day)
{
	int missing = 0;

	for (size_t i = 0; i < t->word_count; i++) {
		const struct price *p = price_find(t->prices, slice_of(t->words[i]), day);

		if (p != NULL) {
			write_price(t, p);
		} else {
			log_say(&t->cli->log, LOG_WARN, "no price is known of %s on %s", t->words[i], day);
			missing = 1;
		}
	}
	return missing ? C1V_NO : 0;
}

static int
show(struct tool *t)
{
	char day[32];
	int64_t ms = clock_wall_ms();
	int rc = t->s->date ? tool_moment(t, t->s->date, "--date", 0, &ms) : 0;

	if (rc == 0)
		rc = tool_prices(t);
	if (rc != 0)
		return rc;
	clock_iso(ms, day);
	day[10] = '\0';
	if (t->pretty) {
		buf_format(&t->cli->out.buf, "%-28s %-10s %9s %9s %9s  dollars per million tokens", "model", "from", "input",
		    "cached", "output");
		out_line(&t->cli->out);
	}
	if (t->word_count > 0)
		return show_named(t, day);
	for (size_t i = 0; i < prices_count(t->prices); i++)
		write_price(t, prices_at(t->prices, i));
	return 0;
}

/* --- the lists of others ---------------------------------------------------------- */

static int
import(struct tool *t, const char *path)
{
	struct buf *b = &t->cli->out.buf;
	struct err *e = &t->cli->err;
	struct price_import_counts n = {0};
	struct file f;
	int rc = file_open(&f, path, IMPORT_MAX, e);

	if (rc != 0)
		return rc;
	if (t->s->format == PRICES_OURS)
		rc = cli_usage(t->cli, "prices import: whose list is it? --format litellm or genai-prices says it");
	else
		rc = price_import(f.text, t->s->format == PRICES_LITELLM, path, b, &n, e);
	file_close(&f);
	if (rc != 0)
		return rc;
	out_line(&t->cli->out);
	log_say(&t->cli->log, LOG_INFO, "%zu models, %zu passed over", n.models, n.passed_over);
	return 0;
}

int
cost_verb_prices(struct tool *t)
{
	if (t->word_count > 0 && strcmp(t->words[0], "import") == 0) {
		if (t->word_count != 2)
			return cli_usage(t->cli, "prices import: one FILE (or -) is wanted");
		return import(t, t->words[1]);
	}
	return show(t);
}

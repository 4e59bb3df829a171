/* cache_stats: stats, as JSON, as a table, or for Prometheus. */
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/num.h"
#include "base/utf8.h"
#include "cache_tool.h"
#include "cost/money.h"
#include "cost/price.h"

struct view {
	struct tool *t;
	struct cache_stats stats;
	struct price_list *prices;
	char today[32];
};

/* --- what is shown ------------------------------------------------------------------------ */

/* Percent with two places, as the seed's dashboard has it; 0 without lookups. */
static double
hit_rate(int64_t hits, int64_t misses)
{
	return hits + misses > 0 ? round((double)hits / (double)(hits + misses) * 10000) / 100 : 0;
}

/* As Redis writes used_memory_human. */
static void
add_size(struct buf *b, int64_t bytes)
{
	static const char units[] = "BKMGTP";
	double v = (double)bytes;
	int unit = 0;

	for (; v >= 1024 && units[unit + 1]; unit++)
		v /= 1024;
	if (unit == 0)
		buf_format(b, "%lldB", (long long)bytes);
	else
		buf_format(b, "%.2f%c", v, units[unit]);
}

/* Nano-dollars that the tokens would have cost today as input; *unknown counts models without a
 * price. */
static int64_t
saved(struct view *v, const struct cache_group *g, int64_t *tokens, int *unknown)
{
	int64_t sum = 0;

	*tokens = 0;
	*unknown = 0;
	for (size_t i = 0; i < g->saving_count; i++) {
		struct usage u = {.model = g->savings[i].model, .input = g->savings[i].tokens};
		const struct price *p = price_find(v->prices, u.model, v->today);
		int64_t nano;

		*tokens += u.input;
		if (p != NULL && price_cost(p, &u, &nano))
			sum += nano;
		else
			++*unknown;
	}
	return sum;
}

/* --- JSON ----------------------------------------------------------------------------------- */

static void
add_count(struct buf *b, const char *name, int64_t n)
{
	if (n >= 0)
		buf_format(b, ",\"%s\":%lld", name, (long long)n);
	else
		buf_format(b, ",\"%s\":null", name);
}

static void
add_group(struct view *v, const struct cache_group *g)
{
	struct buf *b = &v->t->cli->out.buf;
	int64_t tokens, nano;
	int unknown;

	buf_string(b, "{\"namespace\":");
	json_add_string(b, g->name);
	add_count(b, "hits", g->hits);
	add_count(b, "misses", g->misses);
	buf_string(b, ",\"hitRate\":");
	num_add_double(b, hit_rate(g->hits, g->misses));
	add_count(b, "entries", g->entries);
	add_count(b, "bytes", g->bytes);
	add_count(b, "evictions", g->evictions);
	buf_format(b, ",\"p50_ms\":%.3f,\"p95_ms\":%.3f", cache_latency(g->latency, 0.5) / 1000,
	    cache_latency(g->latency, 0.95) / 1000);
	nano = saved(v, g, &tokens, &unknown);
	buf_format(b, ",\"saved_tokens\":%lld,\"saved\":\"", (long long)tokens);
	money_add(b, nano);
	buf_format(b, "\",\"unpriced_models\":%d}", unknown);
}

static int
write_json(struct view *v)
{
	struct buf *b = &v->t->cli->out.buf;
	const struct cache_stats *s = &v->stats;

	buf_string(b, "{\"cache\":");
	json_add_string(b, slice_of(cache_name(v->t->cache)));
	add_count(b, "hits", s->hits);
	add_count(b, "misses", s->misses);
	buf_string(b, ",\"hitRate\":");
	num_add_double(b, hit_rate(s->hits, s->misses));
	add_count(b, "totalKeys", s->keys);
	buf_string(b, ",\"memoryUsed\":\"");
	add_size(b, s->bytes);
	buf_byte(b, '"');
	add_count(b, "bytes", s->bytes);
	add_count(b, "evictions", s->evictions);
	add_count(b, "expired", s->expired);
	buf_string(b, ",\"namespaces\":[");
	for (size_t i = 0; i < s->group_count; i++) {
		if (i > 0)
			buf_byte(b, ',');
		add_group(v, &s->groups[i]);
	}
	buf_string(b, "]}");
	return out_line(&v->t->cli->out);
}

/* --- for people ------------------------------------------------------------------------------ */

static int
write_table(struct view *v)
{
	struct out *o = &v->t->cli->out;
	struct buf name = {0};
	const struct cache_stats *s = &v->stats;

	buf_format(&o->buf, "%s: %lld keys, ", cache_name(v->t->cache), (long long)s->keys);
	add_size(&o->buf, s->bytes);
	buf_format(&o->buf, ", %lld hits, %lld misses, hit rate %.2f %%", (long long)s->hits, (long long)s->misses,
	    hit_rate(s->hits, s->misses));
	out_line(o);
	if (s->group_count > 0) {
		buf_format(&o->buf, "%-20s %10s %10s %7s %9s %9s %9s %9s %10s", "namespace", "hits", "misses", "rate",
		    "entries", "size", "p50 ms", "p95 ms", "saved $");
		out_line(o);
	}
	for (size_t i = 0; i < s->group_count; i++) {
		const struct cache_group *g = &s->groups[i];
		int64_t tokens;
		int unknown;

		name.len = 0;
		utf8_add_visible(&name, g->name.n ? g->name : SLICE("-"));
		buf_format(&o->buf, "%-20s %10lld %10lld %6.2f%% %9lld ", buf_cstr(&name), (long long)g->hits,
		    (long long)g->misses, hit_rate(g->hits, g->misses), (long long)g->entries);
		name.len = 0;
		add_size(&name, g->bytes);
		buf_format(&o->buf, "%9s %9.3f %9.3f ", buf_cstr(&name), cache_latency(g->latency, 0.5) / 1000,
		    cache_latency(g->latency, 0.95) / 1000);
		name.len = 0;
		money_add(&name, saved(v, g, &tokens, &unknown));
		buf_format(&o->buf, "%10s%s", buf_cstr(&name), unknown ? "+" : "");
		out_line(o);
	}
	buf_free(&name);
	return out_flush(o, &v->t->cli->err);
}

/* --- for Prometheus -------------------------------------------------------------------------- */

static void
add_label(struct buf *b, struct slice text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\\' || text.p[i] == '"')
			buf_byte(b, '\\');
		buf_byte(b, text.p[i]);
	}
}

static int64_t
of_hits(const struct cache_group *g)
{
	return g->hits;
}
static int64_t
of_misses(const struct cache_group *g)
{
	return g->misses;
}
static int64_t
of_entries(const struct cache_group *g)
{
	return g->entries;
}
static int64_t
of_bytes(const struct cache_group *g)
{
	return g->bytes;
}
static int64_t
of_evictions(const struct cache_group *g)
{
	return g->evictions;
}

/* A family of samples, one for each group of which it is known. */
static void
add_family(struct view *v, const char *name, const char *type, const char *help,
    int64_t (*of)(const struct cache_group *g))
{
	struct buf *b = &v->t->cli->out.buf;
	int begun = 0;

	for (size_t i = 0; i < v->stats.group_count; i++) {
		const struct cache_group *g = &v->stats.groups[i];

		if (of(g) < 0)
			continue;
		if (!begun++)
			buf_format(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
		buf_format(b, "%s{namespace=\"", name);
		add_label(b, g->name);
		buf_format(b, "\"} %lld\n", (long long)of(g));
	}
}

static void
add_latencies(struct view *v)
{
	struct buf *b = &v->t->cli->out.buf;
	static const char name[] = "c1v_cache_lookup_seconds";

	buf_format(b, "# HELP %s Time of a lookup.\n# TYPE %s histogram\n", name, name);
	for (size_t i = 0; i < v->stats.group_count; i++) {
		const struct cache_group *g = &v->stats.groups[i];
		int64_t all = 0;
		double sum = 0;

		for (int k = 0; k < CACHE_LATENCIES; k++) {
			double bound = pow(2, (k + 1) / 2.0) / 1e6;

			all += g->latency[k];
			sum += (double)g->latency[k] * bound;
			if (k % 4 != 3)
				continue; /* fewer buckets: powers of four */
			buf_format(b, "%s_bucket{namespace=\"", name);
			add_label(b, g->name);
			if (k == CACHE_LATENCIES - 1)
				buf_format(b, "\",le=\"+Inf\"} %lld\n", (long long)all);
			else
				buf_format(b, "\",le=\"%.9g\"} %lld\n", bound, (long long)all);
		}
		buf_format(b, "%s_sum{namespace=\"", name);
		add_label(b, g->name);
		buf_format(b, "\"} %.9g\n%s_count{namespace=\"", sum, name);
		add_label(b, g->name);
		buf_format(b, "\"} %lld\n", (long long)all);
	}
}

static void
add_savings(struct view *v)
{
	struct buf *b = &v->t->cli->out.buf;

	buf_string(b, "# HELP c1v_cache_saved_dollars_total What hits would have cost at today's prices.\n"
	    "# TYPE c1v_cache_saved_dollars_total counter\n");
	for (size_t i = 0; i < v->stats.group_count; i++) {
		int64_t tokens, nano = saved(v, &v->stats.groups[i], &tokens, &(int){0});

		buf_string(b, "c1v_cache_saved_dollars_total{namespace=\"");
		add_label(b, v->stats.groups[i].name);
		buf_string(b, "\"} ");
		money_add(b, nano);
		buf_byte(b, '\n');
	}
}

static int
write_prometheus(struct view *v)
{
	struct out *o = &v->t->cli->out;

	add_family(v, "c1v_cache_hits_total", "counter", "Lookups that found a value.", of_hits);
	add_family(v, "c1v_cache_misses_total", "counter", "Lookups that found none.", of_misses);
	add_family(v, "c1v_cache_entries", "gauge", "Entries.", of_entries);
	add_family(v, "c1v_cache_bytes", "gauge", "Bytes of keys and values.", of_bytes);
	add_family(v, "c1v_cache_evictions_total", "counter", "Entries removed for want of room.", of_evictions);
	add_latencies(v);
	add_savings(v);
	return out_flush(o, &v->t->cli->err);
}

/* --- all of it -------------------------------------------------------------------------------- */

int
cache_verb_stats(struct tool *t)
{
	const struct settings *s = t->s;
	struct view v = {.t = t};
	struct err *e = &t->cli->err;
	int rc = t->word_count ? cli_usage(t->cli, "stats: takes no operands") : tool_cache(t, 0);

	if (rc == 0)
		rc = cache_stats(t->cache, &v.stats, e);
	v.prices = prices_new();
	if (rc == 0)
		rc = prices_add_file(v.prices, cli_share(&t->arena, "prices.json"), e);
	clock_iso(clock_wall_ms(), v.today);
	v.today[10] = '\0';
	if (rc == 0)
		rc = s->prometheus ? write_prometheus(&v) :
		    s->pretty || (!s->json && isatty(STDOUT_FILENO)) ? write_table(&v) : write_json(&v);
	prices_free(v.prices);
	cache_stats_free(&v.stats);
	return rc;
}

#include "cache/count.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* "acme:llm:0a1b" is of the group "acme:llm". */
static struct slice
group_of(struct slice key, size_t space)
{
	const char *rest = key.p + space, *colon = memchr(rest, ':', key.n - space);

	return (struct slice){key.p, colon ? (size_t)(colon - key.p) : space};
}

static struct cache_count *
find(struct counts *c, struct slice group, size_t space)
{
	struct cache_count *g;

	if (c->last != NULL && slice_equal(c->last->group, group))
		return c->last;
	for (size_t i = 0; i < c->count; i++) {
		if (slice_equal(c->items[i].group, group))
			return c->last = &c->items[i];
	}
	mem_grow(&c->items, &c->room, c->count + 1, sizeof(*c->items));
	g = &c->items[c->count++];
	*g = (struct cache_count){.group = {arena_bytes(&c->names, group.p, group.n), group.n}, .space = space};
	return c->last = g;
}

/* Half octaves: 1, 1.4, 2, 2.8, 4 … microseconds. */
int
latency_class(double us)
{
	int i = us > 1 ? (int)floor(2 * log2(us)) : 0;

	return i < CACHE_LATENCIES ? i : CACHE_LATENCIES - 1;
}

double
cache_latency(const int64_t latency[CACHE_LATENCIES], double part)
{
	int64_t all = 0, some = 0;

	for (int i = 0; i < CACHE_LATENCIES; i++)
		all += latency[i];
	for (int i = 0; i < CACHE_LATENCIES; i++) {
		some += latency[i];
		if (some > 0 && (double)some >= part * (double)all)
			return pow(2, (i + 1) / 2.0);
	}
	return 0;
}

/* Every group of a call has waited as long as the call took. */
void
counts_lookup(struct counts *c, const struct slice *keys, size_t n, const struct slice *values,
    size_t space, int64_t ns)
{
	int class = latency_class((double)ns / 1000);
	struct cache_count *g;

	c->calls++;
	for (size_t i = 0; i < n; i++) {
		g = find(c, group_of(keys[i], space), space);
		if (values[i].p != NULL)
			g->hits++;
		else
			g->misses++;
		if (g->call != c->calls)
			g->latency[class]++;
		g->call = c->calls;
	}
}

void
counts_saved(struct counts *c, struct slice group, size_t space, struct slice model, int64_t tokens)
{
	struct cache_count *g = find(c, group, space);

	for (size_t i = 0; i < g->saving_count; i++) {
		if (slice_equal(g->savings[i].model, model)) {
			g->savings[i].tokens += tokens;
			return;
		}
	}
	mem_grow(&g->savings, &g->saving_room, g->saving_count + 1, sizeof(*g->savings));
	g->savings[g->saving_count++] = (struct cache_saving){
		{arena_bytes(&c->names, model.p, model.n), model.n}, tokens
	};
}

void
counts_reset(struct counts *c)
{
	for (size_t i = 0; i < c->count; i++)
		free(c->items[i].savings);
	c->count = 0;
	c->calls = 0;
	c->last = NULL;
	arena_reset(&c->names);
}

void
counts_free(struct counts *c)
{
	counts_reset(c);
	free(c->items);
	arena_free(&c->names);
}

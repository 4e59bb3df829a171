#include "net/redis/hub.h"

#include <stdlib.h>
#include <strings.h>

#include "base/clock.h"
#include "base/module.h"

enum { ROUNDS = 8, MAX_REPLY = 512 << 20 };

static const struct redis_command asking = {.args = &SLICE("ASKING"), .count = 1};

/* --- opening ---------------------------------------------------------------------------- */

static void
hub_close(struct redis *base)
{
	struct hub *h = (struct hub *)base;

	for (size_t i = 0; i < h->count; i++)
		link_free(&h->links, h->nodes[i]);
	if (h->links.trusted != NULL)
		h->links.tls->close(h->links.trusted);
	target_free(&h->target);
	arena_free(&h->links.arena);
	free(h->nodes);
	free(h->owner);
	free(h->masters);
	free(h->pending);
	free(h);
}

static int
hub_open(const struct redis_options *o, struct redis **out, struct err *e)
{
	struct hub *h = mem_zero(1, sizeof(*h));
	int rc = target_read(o->url, &h->target, e);

	if (rc == 0 && h->target.tls && (h->links.tls = module_load("net_redis_tls", e)) == NULL)
		rc = C1V_CONFIG;
	if (rc != 0) {
		hub_close(&h->base);
		return rc;
	}
	h->links.target = &h->target;
	h->links.connect_timeout = o->connect_timeout > 0 ? o->connect_timeout : 0.05;
	h->links.silence = o->command_timeout > 0 ? o->command_timeout : 0.1;
	h->links.total = h->links.silence * 10;
	h->links.stop = o->stop;
	h->links.max_reply = o->max_reply ? o->max_reply : MAX_REPLY;
	h->base.name = target_name(&h->target);
	mem_grow(&h->nodes, &h->room, 1, sizeof(*h->nodes));
	h->nodes[h->count++] = link_new(&h->links, h->target.host, h->target.port, mem_string(h->base.name));
	*out = &h->base;
	return 0;
}

/* --- commands --------------------------------------------------------------------------- */

/* Where every pending command goes, and connections to there. */
static int
prepare(struct hub *h, const struct redis_command *commands, size_t n, struct link **failed, struct err *e)
{
	int rc;

	*failed = NULL;
	for (size_t i = 0; i < h->count; i++)
		h->nodes[i]->wanted = 0;
	for (size_t i = 0; i < n; i++) {
		struct pending *p = &h->pending[i];

		rc = p->fixed ? 0 : cluster_route(h, &commands[p->index], &p->to, e);
		if (rc != 0)
			return rc;
		p->to->wanted = 1;
	}
	for (size_t i = 0; i < h->count; i++) {
		*failed = h->nodes[i];
		rc = h->nodes[i]->wanted ? link_open(&h->links, h->nodes[i], e) : 0;
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* A master that cannot be reached may have been replaced: nothing was sent, so ask the others. */
static int
prepare_again(struct hub *h, const struct redis_command *commands, size_t n, struct link *failed, struct err *e)
{
	struct err other;

	if (cluster_load(h, NULL, failed, &other) != 0)
		return e ? e->code : C1V_AGAIN;
	for (size_t i = 0; i < n; i++)
		if (h->pending[i].to == failed)
			h->pending[i].fixed = h->pending[i].asking = 0;
	return prepare(h, commands, n, &failed, e);
}

static int
carry_out(struct hub *h, const struct redis_command *commands, size_t n, struct redis_reply *replies, int64_t until,
    struct err *e)
{
	struct link **links = mem_alloc(h->count * sizeof(struct link *));
	struct redis_reply ignored;
	size_t count = 0;
	int rc;

	for (size_t i = 0; i < n; i++) {
		const struct pending *p = &h->pending[i];

		if (p->asking)
			exchange_add(p->to, &asking, &ignored);
		exchange_add(p->to, &commands[p->index], &replies[p->index]);
	}
	for (size_t i = 0; i < h->count; i++)
		if (h->nodes[i]->wanted)
			links[count++] = h->nodes[i];
	rc = exchange(&h->links, links, count, until, &h->suspect, e);
	h->stale |= rc != 0;
	free(links);
	return rc;
}

/* Those that have to go elsewhere: how many, now first in h->pending; -1: an error. */
static ssize_t
redirected(struct hub *h, size_t n, const struct redis_reply *replies, struct link **from, struct err *e)
{
	size_t left = 0;

	for (size_t i = 0; i < n; i++) {
		struct pending *p = &h->pending[i];
		struct link *to = p->to;
		int way = replies[p->index].type == REDIS_ERROR ?
		    cluster_redirect(h, to, &replies[p->index], p, e) : 0;

		if (way < 0)
			return -1;
		if (way == 0)
			continue;
		if (!p->asking)
			*from = to;
		h->pending[left++] = *p;
	}
	return (ssize_t)left;
}

static int
hub_run(struct redis *base, const struct redis_command *commands, size_t n, struct redis_reply *replies,
    struct err *e)
{
	struct hub *h = (struct hub *)base;
	struct link *failed, *from;
	int64_t until = 0;
	ssize_t left = (ssize_t)n;
	int rc;

	arena_reset(&h->links.arena);
	mem_grow(&h->pending, &h->pending_room, n, sizeof(*h->pending));
	for (size_t i = 0; i < n; i++)
		h->pending[i] = (struct pending){.index = i};
	if (h->stale && h->base.cluster)
		cluster_load(h, NULL, h->suspect, NULL);
	for (int round = 0; round < ROUNDS; round++) {
		rc = prepare(h, commands, (size_t)left, &failed, e);
		if (rc == C1V_AGAIN && failed != NULL && h->base.cluster)
			rc = prepare_again(h, commands, (size_t)left, failed, e);
		if (rc != 0)
			return rc;
		if (until == 0)
			until = clock_mono_ns() + (int64_t)(h->links.total * 1e9);
		rc = carry_out(h, commands, (size_t)left, replies, until, e);
		if (rc != 0)
			return rc;
		from = NULL;
		left = redirected(h, (size_t)left, replies, &from, e);
		if (left <= 0)
			return left ? C1V_PROTOCOL : 0;
		/* One is no reason to learn it all. */
		if (from != NULL && left > 1)
			cluster_load(h, from, NULL, NULL);
	}
	return err_set(e, C1V_AGAIN, "%s: sent from server to server without an end", h->base.name);
}

static size_t
hub_nodes(struct redis *base, struct err *e)
{
	struct hub *h = (struct hub *)base;

	arena_reset(&h->links.arena);
	if (!h->single && (h->master_count == 0 || h->stale) && cluster_load(h, NULL, h->suspect, e) != 0)
		return 0;
	return h->single ? 1 : h->master_count;
}

C1V_MODULE(struct redis_driver, net_redis) = {
	.open = hub_open,
	.run = hub_run,
	.nodes = hub_nodes,
	.close = hub_close,
};

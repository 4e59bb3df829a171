#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/clock.h"
#include "base/num.h"
#include "net/redis/hub.h"

enum { LOAD_TRIES = 3 };

/* --- nodes ------------------------------------------------------------------------------ */

/* The node of this address, new when there is none. */
static struct link *
find(struct hub *h, struct slice host, int port, const char **why)
{
	char *text, *name;

	for (size_t i = 0; i < h->count; i++) {
		const struct link *l = h->nodes[i];

		if (l->host != NULL && l->port == port && strlen(l->host) == host.n && strncasecmp(l->host, host.p, host.n) == 0)
			return h->nodes[i];
	}
	*why = "a host that cannot be";
	if (!target_host(host))
		return NULL;
	*why = "too many servers";
	if (h->count == NODES_MAX)
		return NULL;
	text = mem_bytes(host.p, host.n);
	name = mem_alloc(host.n + 16);
	snprintf(name, host.n + 16, strchr(text, ':') ? "[%s]:%d" : "%s:%d", text, port);
	mem_grow(&h->nodes, &h->room, h->count + 1, sizeof(*h->nodes));
	h->nodes[h->count] = link_new(&h->links, text, port, name);
	free(text);
	return h->nodes[h->count++];
}

/* A host that is not said is that of the server that speaks. */
static struct slice
host_of(struct slice said, const struct link *from)
{
	return said.n ? said : slice_of(from->host ? from->host : "127.0.0.1");
}

static void
own(struct hub *h, size_t from, size_t to, const struct link *l)
{
	size_t node = 0;

	if (h->owner == NULL)
		h->owner = mem_zero(SLOTS, sizeof(*h->owner));
	while (h->nodes[node] != l)
		node++;
	while (from <= to)
		h->owner[from++] = (uint16_t)(node + 1);
}

/* --- the map ---------------------------------------------------------------------------- */

static int
strange(const struct link *l, const char *why, struct err *e)
{
	return err_set(e, C1V_PROTOCOL, "%s: the map of the cluster: %s", l->name, why);
}

static void
add_master(struct hub *h, struct link *l)
{
	for (size_t i = 0; i < h->master_count; i++)
		if (h->masters[i] == l)
			return;
	h->masters[h->master_count++] = l;
}

/* [first slot, last slot, [host, port, …], …] */
static int
read_range(struct hub *h, const struct redis_reply *r, const struct link *from, struct err *e)
{
	const struct redis_reply *i = r->items;
	const char *why = "a range that is none";
	struct link *l;

	if (r->type != REDIS_ARRAY || r->count < 3 || i[0].type != REDIS_INTEGER || i[1].type != REDIS_INTEGER ||
	    i[0].integer < 0 || i[0].integer > i[1].integer || i[1].integer >= SLOTS || i[2].type != REDIS_ARRAY ||
	    i[2].count < 2 || (i[2].items[0].type != REDIS_STRING && i[2].items[0].type != REDIS_NIL) ||
	    i[2].items[1].type != REDIS_INTEGER || i[2].items[1].integer < 1 || i[2].items[1].integer > 65535)
		return strange(from, why, e);
	l = find(h, host_of(i[2].items[0].text, from), (int)i[2].items[1].integer, &why);
	if (l == NULL)
		return strange(from, why, e);
	own(h, (size_t)i[0].integer, (size_t)i[1].integer, l);
	add_master(h, l);
	return 0;
}

/* Connections to those that hold nothing any more are not kept. */
static void
retire(struct hub *h)
{
	for (size_t i = 0; i < h->count; i++) {
		size_t k = 0;

		while (k < h->master_count && h->masters[k] != h->nodes[i])
			k++;
		if (k == h->master_count)
			link_close(&h->links, h->nodes[i]);
	}
}

static int
read_map(struct hub *h, const struct redis_reply *r, const struct link *from, struct err *e)
{
	int rc = 0;

	if (r->type != REDIS_ARRAY || r->count > SLOTS)
		return strange(from, "no list", e);
	if (r->count == 0)
		return err_set(e, C1V_AGAIN, "%s: the cluster has no servers for its keys", from->name);
	if (h->masters == NULL)
		h->masters = mem_alloc(NODES_MAX * sizeof(struct link *));
	if (h->owner != NULL)
		memset(h->owner, 0, SLOTS * sizeof(*h->owner));
	h->master_count = 0;
	for (size_t i = 0; i < r->count && rc == 0; i++)
		rc = read_range(h, &r->items[i], from, e);
	if (rc == 0)
		retire(h);
	return rc;
}

static int
refused(struct hub *h, const struct redis_reply *r, const struct link *from, struct err *e)
{
	struct redis named = {.name = from->name};
	int code = redis_refusal(&named, r, e), disabled = r->text.n > 13 && memcmp(r->text.p, "ERR This inst", 13) == 0;

	/* One that does not know or permit the question, and never spoke of other servers, is taken for one
	 * server. */
	if (disabled || (!h->base.cluster && (code == C1V_PROTOCOL ||
	    (r->text.n > 6 && memcmp(r->text.p, "NOPERM", 6) == 0)))) {
		h->single = 1;
		h->base.cluster = 0;
		return 0;
	}
	return code;
}

static int
load_from(struct hub *h, struct link *l, struct err *e)
{
	const struct slice words[] = {SLICE("CLUSTER"), SLICE("SLOTS")};
	struct redis_command command = {.args = words, .count = 2};
	struct redis_reply reply;
	int rc = link_open(&h->links, l, e);

	if (rc != 0)
		return rc;
	exchange_add(l, &command, &reply);
	rc = exchange(&h->links, &l, 1, clock_mono_ns() + (int64_t)(h->links.total * 1e9), NULL, e);
	if (rc != 0)
		return rc;
	if (reply.type == REDIS_ERROR)
		return refused(h, &reply, l, e);
	rc = read_map(h, &reply, l, e);
	if (rc == 0)
		h->base.cluster = 1;
	return rc;
}

int
cluster_load(struct hub *h, struct link *first, struct link *avoid, struct err *e)
{
	size_t n = h->count, tries = 0;
	int rc = C1V_AGAIN;

	if (first != NULL)
		rc = load_from(h, first, e);
	for (size_t i = 0; i < n && rc == C1V_AGAIN && tries < LOAD_TRIES; i++) {
		if (h->nodes[i] == first || h->nodes[i] == avoid)
			continue;
		rc = load_from(h, h->nodes[i], e);
		tries++;
	}
	if (rc == C1V_AGAIN && tries == 0 && first == NULL) /* there is no other */
		rc = load_from(h, avoid, e);
	if (rc == 0) {
		h->stale = 0;
		h->suspect = NULL;
	}
	return rc;
}

/* --- ways ------------------------------------------------------------------------------- */

int
cluster_route(const struct hub *h, const struct redis_command *c, struct link **to, struct err *e)
{
	size_t node = 0;

	*to = h->base.cluster && h->master_count ? h->masters[0] : h->nodes[0];
	if (c->node && h->base.cluster) {
		if (c->node > h->master_count)
			return err_set(e, C1V_AGAIN, "%s: the cluster has fewer servers by now", h->base.name);
		*to = h->masters[c->node - 1];
	} else if (c->key && c->key < c->count && h->base.cluster && h->owner != NULL) {
		node = h->owner[redis_slot(c->args[c->key])];
		if (node)
			*to = h->nodes[node - 1];
	}
	return 0;
}

/* "MOVED 3999 127.0.0.1:6381" */
int
cluster_redirect(struct hub *h, const struct link *from, const struct redis_reply *reply, struct pending *p,
    struct err *e)
{
	int moved = reply->text.n > 6 && memcmp(reply->text.p, "MOVED ", 6) == 0;
	int ask = reply->text.n > 4 && memcmp(reply->text.p, "ASK ", 4) == 0;
	const char *start, *space, *colon, *end, *why = "no address";
	int64_t slot, port;

	if (reply->type != REDIS_ERROR || (!moved && !ask))
		return 0;
	end = reply->text.p + reply->text.n;
	start = reply->text.p + (moved ? 6 : 4);
	space = memchr(start, ' ', (size_t)(end - start));
	colon = space ? memrchr(space, ':', (size_t)(end - space)) : NULL;
	p->to = NULL;
	if (colon != NULL &&
	    num_int((struct slice){start, (size_t)(space - start)}, 0, SLOTS - 1, &slot, "slot", NULL) == 0 &&
	    num_int((struct slice){colon + 1, (size_t)(end - colon - 1)}, 1, 65535, &port, "port", NULL) == 0)
		p->to = find(h, host_of((struct slice){space + 1, (size_t)(colon - space - 1)}, from), (int)port, &why);
	if (p->to == NULL) {
		err_set(e, C1V_PROTOCOL, "%s: a way to another server that cannot be followed: %s", from->name, why);
		return -1;
	}
	h->base.cluster = 1;
	h->single = 0;
	p->fixed = 1;
	p->asking = ask;
	if (moved)
		own(h, (size_t)slot, (size_t)slot, p->to);
	return 1;
}

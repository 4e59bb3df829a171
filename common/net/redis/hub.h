/* hub: one server, or the servers of a cluster. Private to this module. */
#ifndef C1V_NET_REDIS_HUB_H
#define C1V_NET_REDIS_HUB_H

#include "net/redis/link.h"

enum { SLOTS = 16384, NODES_MAX = 1000 };

/* A command that has no reply yet. */
struct pending {
	size_t index;
	struct link *to;
	int fixed;  /* the server has said where to */
	int asking; /* for this once */
};

struct hub {
	struct redis base;
	struct links links;
	struct target target;
	struct link **nodes;     /* the first is the URL's */
	size_t count, room;
	uint16_t *owner;         /* by slot: which node, from 1; 0: not known. NULL: nothing is */
	struct link **masters;   /* NULL: the map was never loaded */
	size_t master_count;
	int single;              /* it has said that it is no cluster */
	int stale;               /* the map may not hold any more, for this one failed: */
	struct link *suspect;
	struct pending *pending;
	size_t pending_room;
};

/* Ask for the map: `first` before others, `avoid` not at all (both may be NULL). Of no cluster: 0. */
int cluster_load(struct hub *h, struct link *first, struct link *avoid, struct err *e);
/* Where a command goes. */
int cluster_route(const struct hub *h, const struct redis_command *c, struct link **to, struct err *e);
/* Is this reply of `from` MOVED or ASK? 1: p says where to go, and the map knows. -1 and e: it cannot be
 * followed. */
int cluster_redirect(struct hub *h, const struct link *from, const struct redis_reply *reply, struct pending *p,
    struct err *e);

#endif

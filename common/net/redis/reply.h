/* reply: what a server answers, from bytes to struct redis_reply. Private to this module.
 *
 * hiredis reads the protocol; the objects are made here, in an arena, so that no text is copied
 * twice and that a hostile server is held to a number of bytes. */
#ifndef C1V_NET_REDIS_REPLY_H
#define C1V_NET_REDIS_REPLY_H

#include <hiredis/read.h>

#include "net/redis.h"

enum { REPLY_DEPTH = 8 }; /* arrays in arrays */

/* One reply that is being read. The reader holds a pointer to it: it must stay where it is. */
struct reading {
	struct arena *arena;
	size_t max;          /* bytes that a reply may take */
	size_t bytes;        /* that it takes so far */
	struct redis_reply root;
	struct redis_reply *items[REPLY_DEPTH]; /* of the arrays that are open, outermost first */
	size_t room[REPLY_DEPTH];
	const char *refused; /* why it was not taken */
};

redisReader *reply_reader(struct reading *g);
/* 1: a reply is complete, and in *out; 0: more bytes are wanted; -1: *why it is none that can be. */
int reply_next(redisReader *reader, struct reading *g, struct redis_reply *out, const char **why);

#endif

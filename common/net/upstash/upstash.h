/* upstash: commands to Upstash Redis (or Vercel KV) by its REST API. Private to the files of this
 * directory.
 *
 * upstash.c   URL and token, redis_run(): what is sent when
 * request.c   commands as the bodies and paths of requests
 * answer.c    statuses and answers as replies
 *
 * Commands go as `POST /pipeline` with [["SET","k","v"],…]. JSON holds text only, so a SET whose value is
 * not UTF-8 goes as `POST /set/KEY?PX=…` with the value as the body. Replies are asked for in base64
 * (Upstash-Encoding), for bytes that are not UTF-8 would come as U+FFFD otherwise. A server
 * may pass over that wish, and "abcd" is base64 as well as text: where a reply
 * may be a string, an ECHO goes before the commands, and how it comes back decides. */
#ifndef C1V_NET_UPSTASH_H
#define C1V_NET_UPSTASH_H

#include "net/http.h"
#include "net/redis_driver.h"

enum {
	PIPELINE_BYTES = 8 << 20,  /* of a request; Upstash takes 10 MB */
	PIPELINE_COMMANDS = 4096,
	ANSWER_BYTES = 128 << 20,
	ANSWER_ITEMS = 4 << 20,    /* replies in all, those in arrays included */
	FLYING = 8                 /* requests at once, where their order does not matter */
};

/* Its base64 is another text, and it is no base64. */
#define UPSTASH_PROBE "is this base64?"

struct upstash {
	struct redis base;
	struct http *http;
	char *token;
	double connect_timeout, command_timeout; /* seconds */
	int (*stop)(void);
	int met;                   /* there is a connection, as far as we know */
	struct arena arena;        /* of the last replies */
	size_t items;              /* of them */
};

/* One request. */
struct part {
	size_t first, count;       /* its commands */
	int probed;                /* the first answer is that of the ECHO */
	struct buf body, path;
	struct http_call call;
	int started;
	int64_t late;              /* clock_mono_ns(): when it is too late, */
	size_t seen;               /* unless more than so many bytes of the answer have come */
};

/* --- request.c --- */

/* Can all of it be sent? 0, or C1V_USAGE naming what cannot. */
int request_check(const struct redis_command *commands, size_t n, struct err *e);
/* Is it a SET whose value is not text? */
int request_is_raw(const struct redis_command *c);
/* Fill a part with the commands from `first` on, as many as fit. */
void request_pipeline(struct part *p, const struct redis_command *commands, size_t first, size_t n);
void request_raw(struct part *p, const struct redis_command *commands, size_t first);

/* --- answer.c --- */

/* What a part's answer says, into replies[p->first …]. 0, or the code of redis_run(). */
int answer_read(struct upstash *u, const struct part *p, const struct redis_command *commands,
    struct redis_reply *replies, struct err *e);

#endif

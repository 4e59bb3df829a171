/* remote: the parts of the driver of remote models. Private to the module.
 *
 * remote.c   opening, jobs, the calls in flight
 * place.c    the API base as it is recorded
 * work.c     the texts of a job as what is sent: equal ones once, long ones cut
 * judge.c    what becomes of a request that ended
 * recall.c   vectors that were made before
 * answer.c   the bodies of answers */
#ifndef C1V_EMBED_HTTP_REMOTE_H
#define C1V_EMBED_HTTP_REMOTE_H

#include "embed/embed_driver.h"
#include "embed/memo.h"
#include "net/http.h"

/* A piece of text that is sent. */
struct unit {
	struct slice text;
	int64_t tokens;
	uint8_t done;      /* enum embed_outcome; EMBED_UNDONE at first */
	const char *why;   /* refused: the job's arena */
};

/* What a job comes to. */
struct embed_work {
	struct remote *remote;
	struct embed_job *job;
	struct unit *units;
	size_t count, room, left; /* left: not yet done */
	uint32_t *first, *parts;  /* of each text: its units; parts 0: none is needed */
	uint32_t *slots;
};

/* Units [first, first + count) on their way. */
struct request {
	struct http_call call;
	struct embed_work *work;
	size_t first, count;
	int64_t tokens;
	int tries;            /* that were answered badly */
	int64_t not_before;   /* monotonic ns */
	int64_t sent_at;      /* the same, of the last try */
	int64_t since;        /* remote.successes when it failed first */
	int base64;           /* asked for */
	int reserved;         /* the payer was asked, and holds … */
	void *hold;           /* … this for it */
	struct buf body;
	struct request *next; /* of those that wait */
};

struct remote {
	struct embedder base;
	struct embed_options o;
	struct http *http;
	char *name, *url, *key, *place;
	struct tokens *tokens;
	int azure, base64;
	struct request *waiting; /* in order */
	struct request *sent;    /* in flight, in no order */
	size_t flying;
	double window;           /* how many may fly: adapts to refusals */
	int64_t slowed;          /* when that became less; monotonic ns */
	int64_t pause;           /* nothing is sent before; monotonic ns */
	int64_t pace;            /* the same, for the rates that were asked for */
	struct err unpaid;       /* why nothing new is sent; code 0: nothing has been refused */
	int64_t successes;       /* answers that were used */
	int64_t answers;         /* good ones, and requests that failed at first; … */
	uint32_t lately;         /* … of the last 32 a bit each, 1: failed */
	int64_t refused_in_vain; /* single texts, while nothing succeeded */
	uint32_t random;
	struct err failed;       /* code 0: none */
	struct memo *memo;       /* NULL: nothing is kept */
};

/* work.c */
struct embed_work *work_new(struct remote *m, struct embed_job *job);
void work_finish(struct remote *m, struct embed_work *w); /* outcomes to the job; frees */

/* recall.c */
int recall_open(struct remote *m, struct err *e);
size_t recall_vectors(struct embedder *base, enum embed_role role, const struct slice *texts, size_t n,
    const float **out);
void recall_spared(struct embedder *base, int64_t tokens);
void recall_keep(struct remote *m, const struct embed_work *w); /* what is finished */

/* judge.c: a request that ended: done, to be sent again, split, or the end of the run. */
int judge(struct remote *m, struct request *r, struct err *e);

/* place.c: the base without what does not tell where it is (a query, a user, /embeddings, the
 * scheme's own port); the caller frees it. */
char *place_make(const char *base);

/* remote.c */
struct request *request_new(struct embed_work *w, size_t first, size_t count);
void request_free(struct request *r); /* what is still held for it is given back */
void request_queue(struct remote *m, struct request *r); /* behind those that wait, which have their turn first */
void request_queue_first(struct remote *m, struct request *r);

#endif

/* link: connections to servers, and pipelines on them. Private to this module. */
#ifndef C1V_NET_REDIS_LINK_H
#define C1V_NET_REDIS_LINK_H

#include "net/redis/reply.h"
#include "net/redis/target.h"
#include "net/redis/tls.h"
#include "net/redis_driver.h"

/* What is common to the connections of one struct redis. */
struct links {
	const struct target *target;  /* user, password, database, TLS; the socket's path */
	const struct tls_driver *tls; /* NULL: without */
	struct tls *trusted;          /* made with the first connection */
	double connect_timeout, silence, total; /* seconds */
	int (*stop)(void);
	struct arena arena;           /* of the replies */
	size_t max_reply;
};

/* A command that is under way. Both are borrowed. */
struct turn {
	const struct redis_command *command;
	struct redis_reply *reply;
};

struct link {
	char *host;   /* NULL: the Unix socket */
	int port;
	char *name;   /* for messages */
	int fd;       /* -1: not connected */
	struct tls_session *session;
	redisReader *reader;
	struct reading reading;
	struct buf out;        /* formatted; sent: of these */
	size_t sent;
	struct turn *turns;    /* written, answered: of these */
	size_t count, room, written, answered;
	size_t received;       /* bytes, of this exchange */
	int wanted;            /* a command of this round goes here */
	int blocked;           /* events without which it cannot be written to */
	int more;              /* there may be bytes to read that poll does not see */
	int64_t moved;         /* when bytes last went over it, clock_mono_ns() */
};

/* host NULL: the Unix socket of the target. name: taken over. */
struct link *link_new(struct links *s, const char *host, int port, char *name);
void link_free(struct links *s, struct link *l);
/* Be connected and signed in; a connection that turns out closed is made anew. Nothing of the caller's was
 * sent when it fails. */
int link_open(struct links *s, struct link *l, struct err *e);
void link_close(struct links *s, struct link *l);
/* Bytes, or 0, IO_…; as struct tls_driver. */
ssize_t link_read(const struct links *s, const struct link *l, void *p, size_t n);
ssize_t link_write(const struct links *s, const struct link *l, const void *p, size_t n);

/* Connect a socket within `until`, and to nowhere where nothing may be sent; its number in *fd. */
int connect_host(const struct links *s, const struct link *l, int64_t until, int *fd, struct err *e);
int connect_path(const struct links *s, const struct link *l, int64_t until, int *fd, struct err *e);
/* 0: there are such events; C1V_AGAIN: too late, or asked to stop. */
int connect_wait(const struct links *s, const struct link *l, int fd, int events, int64_t until, struct err *e);

/* Add a command to what a link has to do. */
void exchange_add(struct link *l, const struct redis_command *c, struct redis_reply *reply);
/* Do it, on all links at once, until clock_mono_ns() is `until`. On failure every link that was not done
 * is closed, *lost (which may be NULL) is the one that failed. The links have nothing to do afterwards. */
int exchange(struct links *s, struct link *const *links, size_t n, int64_t until, struct link **lost, struct err *e);

#endif

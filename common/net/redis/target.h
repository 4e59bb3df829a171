/* target: where the URL of a Redis server points to. Private to this module. */
#ifndef C1V_NET_REDIS_TARGET_H
#define C1V_NET_REDIS_TARGET_H

#include "base/buf.h"

struct target {
	char *host;            /* without brackets; NULL: a Unix socket */
	char *path;            /* of that */
	char *user, *password; /* NULL: none; wiped by target_free() */
	int port, db, tls;
};

/* 0 or C1V_USAGE; no message holds anything of a user or password. Free it in either case. */
int target_read(const char *url, struct target *t, struct err *e);
void target_free(struct target *t);
/* "redis://host:6379/0", to be freed. */
char *target_name(const struct target *t);
/* A name or address that may be connected to, and be shown: letters, digits, "._-", for IPv6 colons. */
int target_host(struct slice host);

#endif

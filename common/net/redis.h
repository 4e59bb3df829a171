/* redis: commands to a Redis server (or Valkey), to a cluster of them, or to Upstash by REST.
 *
 * What carries the commands is a module: net_redis (hiredis) or net_upstash (libcurl).
 * A failed connection is thrown away at once, for a reused one could hand over
 * somebody else's reply; the next call connects anew.
 *
 *     redis://[[USER]:PASSWORD@]HOST[:PORT][/DB]     rediss:// the same over TLS, the host's name verified
 *     unix://[[USER]:PASSWORD@]/PATH[?db=N]
 *     upstash:[https://HOST]                         without a URL $UPSTASH_REDIS_REST_URL or $KV_REST_API_URL;
 *                                                    the token is $UPSTASH_REDIS_REST_TOKEN or $KV_REST_API_TOKEN
 *
 * $SSL_CERT_FILE names another file of certificate authorities. Whether a server is part of a
 * cluster is found out from what it answers. */
#ifndef C1V_NET_REDIS_H
#define C1V_NET_REDIS_H

#include <stdint.h>

#include "base/buf.h"

struct redis;

struct redis_options {
	const char *url;        /* one of the above, secrets included; borrowed during redis_open() */
	double connect_timeout; /* seconds; 0: 0.05, for upstash 1 */
	double command_timeout; /* seconds without a byte; 0: 0.1, for upstash 2. A whole redis_run() may take
	                           ten times as long */
	size_t max_reply;       /* bytes that one reply may take in memory; 0: 512 MiB */
	int (*stop)(void);      /* asked while waiting: other than 0 gives up with C1V_AGAIN; NULL: never */
};

enum redis_type { REDIS_NIL, REDIS_INTEGER, REDIS_STATUS, REDIS_STRING, REDIS_ERROR, REDIS_ARRAY };

struct redis_reply {
	enum redis_type type;
	int64_t integer;                 /* INTEGER */
	struct slice text;               /* STATUS, STRING, ERROR; a STRING may hold any bytes */
	const struct redis_reply *items; /* ARRAY */
	size_t count;
};

struct redis_command {
	const struct slice *args; /* the command's name first; any bytes */
	size_t count;
	size_t key;               /* which argument is the key that says where in a cluster it goes; 0: anywhere */
	size_t node;              /* in a cluster: 1 … redis_nodes(), that one; 0: by key */
};

/* Is this a URL for redis_open()? By its scheme only. */
int redis_url(const char *url);

/* 0, or C1V_USAGE (the URL is malformed), C1V_CONFIG (the module, the token or the REST URL is
 * missing). Nothing is sent yet. */
int redis_open(const struct redis_options *o, struct redis **out, struct err *e);

/* Send n commands at once (as a pipeline) and collect their replies, in order. Valid until the next
 * call. 0: every command has its reply, which may be a REDIS_ERROR; MOVED and ASK were followed. Else
 * none has: C1V_AGAIN (no connection, lost, too late, interrupted), C1V_CREDENTIALS (password,
 * certificate), C1V_PROTOCOL, C1V_CONFIG (such an address is refused, there is no such database). Commands may
 * have been carried out all the same, and are not repeated. Several commands, one key slot
 * each, need not be on one node; a command with several keys needs them in one slot. */
int redis_run(struct redis *r, const struct redis_command *commands, size_t n,
    struct redis_reply *replies, struct err *e);

/* How many servers hold keys: 1, or the masters of a cluster; 1 also when the user may not ask for the
 * map and nothing has spoken of other servers. 0 and e on failure, as redis_run(). Replies end here, too. */
size_t redis_nodes(struct redis *r, struct err *e);
/* Is it a cluster, as far as is known by now? */
int redis_cluster(const struct redis *r);
/* "redis://host:6379/0": no secret. */
const char *redis_name(const struct redis *r);
void redis_close(struct redis *r);

/* The hash slot of a key: CRC-16/XMODEM of the part in the first {…} that is not empty, else of
 * all, modulo 16384 (Redis Cluster specification). */
unsigned redis_slot(struct slice key);

/* Error replies by what may be done: C1V_AGAIN (LOADING, OOM, READONLY, BUSY, CLUSTERDOWN, MASTERDOWN,
 * TRYAGAIN, too many clients …), C1V_CREDENTIALS (NOAUTH, WRONGPASS, NOPERM, DENIED), else C1V_PROTOCOL; fills e with
 * "name: the server's words". */
int redis_refusal(const struct redis *r, const struct redis_reply *reply, struct err *e);

#endif

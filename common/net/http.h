/* http: calls to a server over libcurl, several at a time on one thread.
 *
 * In modules only (common/net/http/): libcurl is not linked into tools. Redirects
 * are never followed. After a name was resolved, link-local and metadata addresses
 * are refused, and with plain http every address that is not loopback, unless it is
 * allowed. TLS is always verified; $SSL_CERT_FILE (or $CURL_CA_BUNDLE) names another
 * file of authorities. $HTTPS_PROXY is used for https alone; names are then resolved by the
 * proxy, and only addresses given as numbers are judged here. */
#ifndef C1V_NET_HTTP_H
#define C1V_NET_HTTP_H

#include "base/buf.h"
#include "net/retry.h"

struct http;

struct http_options {
	double connect_timeout, timeout; /* seconds; of the connection, of a whole call */
	size_t max_body;                 /* bytes of an answer, decompressed */
	int insecure;                    /* plain http to anywhere */
	int once;                        /* a call on a kept connection that turns out broken fails, instead of
	                                    being sent again by libcurl: it may have been carried out */
};

enum http_failure {
	HTTP_ANSWERED,   /* there is a status and a whole body */
	HTTP_LOST,       /* no connection, it broke, or time ran out: may work again */
	HTTP_HANDSHAKE,  /* no TLS connection; may work again */
	HTTP_TLS,        /* the server's certificate is not trusted; nothing was sent */
	HTTP_FORBIDDEN,  /* the address is refused (see above), or a proxy refuses; nothing was sent */
	HTTP_LARGE,      /* the answer is over max_body */
	HTTP_BROKEN      /* not HTTP, or not what its encoding says */
};

struct http_call {
	struct slice body;       /* posted; borrowed until the call is done */
	const char *path;        /* what comes behind the URL; NULL: nothing. Borrowed during http_start() */
	const char *type;        /* Content-Type, where the headers have none; NULL: not said */
	size_t max_body;         /* of this answer; 0: that of the options */
	void *owner;             /* the caller's */
	/* the answer */
	enum http_failure failure;
	int status;              /* 0: none came */
	struct buf answer;
	struct retry_hints hints;
	char request_id[96];     /* x-request-id, or "" */
	char why[256];           /* of a failure */
	struct http_wire *wire;  /* http.c's */
};

/* All calls go to url with these headers ("name: value"), which may hold secrets and
 * are kept out of every message. 0, or C1V_USAGE, C1V_CONFIG: not such a URL, or one
 * that may not be asked. */
int http_open(const struct http_options *o, const char *url, const char *const *headers, size_t count,
    struct http **out, struct err *e);
/* Begin a call. Zero-initialise it; it must stay where it is. */
int http_start(struct http *h, struct http_call *c, struct err *e);
/* Wait, at most ms (0: only look), for a call to end. *done NULL: none did. */
int http_wait(struct http *h, int64_t ms, struct http_call **done, struct err *e);
/* End a call, done or not; its answer stays, and is the caller's to free. */
void http_end(struct http *h, struct http_call *c);
void http_close(struct http *h);

#endif

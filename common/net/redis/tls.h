/* tls: what a connection to Redis needs of OpenSSL. Private to net_redis and net_redis_tls.
 *
 * A module of its own: to load OpenSSL takes a millisecond, which is a third of what a whole
 * look-up may take, and most connections do without. */
#ifndef C1V_NET_REDIS_TLS_H
#define C1V_NET_REDIS_TLS_H

#include <sys/types.h>

#include "base/err.h"

/* What reading and writing give beside bytes; 0: the peer has closed. */
enum { IO_READ = -1, IO_WRITE = -2, IO_FAILED = -3 }; /* wait until it can be read, written; errno says why */

struct tls;         /* the authorities that are trusted */
struct tls_session; /* one connection */

struct tls_driver {
	/* The authorities of $SSL_CERT_FILE, else the system's. C1V_CONFIG: they cannot be read. Reading
	 * all of the system's takes longer than everything else; where they are in a directory, only
	 * those that are wanted are read. */
	int (*open)(struct tls **out, struct err *e);
	/* After a certificate was not trusted: 1 when there are others, which are read now. */
	int (*more)(struct tls *t);
	void (*close)(struct tls *t);
	/* On a connected, non-blocking socket, which stays the caller's. host: the name or address that the
	 * server's certificate must be for. */
	struct tls_session *(*start)(struct tls *t, int fd, const char *host);
	/* 0: done; IO_READ, IO_WRITE: wait and call again; else C1V_CREDENTIALS (the certificate is not
	 * trusted; nothing was sent), C1V_PROTOCOL (no TLS is spoken there), C1V_AGAIN (lost). */
	int (*handshake)(struct tls_session *s, struct err *e);
	ssize_t (*read)(struct tls_session *s, void *p, size_t n);
	ssize_t (*write)(struct tls_session *s, const void *p, size_t n);
	/* As reading, but nothing is taken. */
	ssize_t (*peek)(struct tls_session *s);
	void (*end)(struct tls_session *s);
};

#endif

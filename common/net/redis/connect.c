#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/address.h"
#include "net/redis/link.h"

static int
too_late(const struct links *s, const struct link *l, struct err *e)
{
	return err_set(e, C1V_AGAIN, "%s: no connection within %g ms", l->name, s->connect_timeout * 1000);
}

int
connect_wait(const struct links *s, const struct link *l, int fd, int events, int64_t until, struct err *e)
{
	struct pollfd p = {.fd = fd, .events = (short)events};

	for (;;) {
		int64_t left = until - clock_mono_ns();

		if (poll(&p, 1, left > 0 ? (int)(left / 1000000) + 1 : 0) > 0)
			return 0;
		if (s->stop != NULL && s->stop())
			return err_set(e, C1V_AGAIN, "%s: interrupted", l->name);
		if (left <= 0)
			return too_late(s, l, e);
	}
}

/* --- names ------------------------------------------------------------------------------
 * A look-up cannot be told to hurry: it has a thread of its own, which is left
 * to itself when it takes too long. */

struct lookup {
	atomic_int owners; /* the last one frees it */
	int ends[2];       /* of a pipe: a byte comes when it is done */
	char *host;
	char port[8];
	struct addrinfo *found;
	int rc;
};

static void
lookup_leave(struct lookup *k)
{
	if (atomic_fetch_sub(&k->owners, 1) > 1)
		return;
	if (k->found != NULL)
		freeaddrinfo(k->found);
	close(k->ends[0]);
	close(k->ends[1]);
	free(k->host);
	free(k);
}

static void
lookup_now(struct lookup *k, int flags)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};

	k->rc = getaddrinfo(k->host, k->port, &hints, &k->found);
	if (k->rc == EAI_MEMORY)
		mem_exhausted();
}

static void *
lookup_thread(void *arg)
{
	struct lookup *k = arg;
	ssize_t n;

	lookup_now(k, 0);
	n = write(k->ends[1], "", 1);
	(void)n; /* nobody waits any more */
	lookup_leave(k);
	return NULL;
}

static int
lookup_start(struct lookup *k)
{
	pthread_attr_t a;
	pthread_t thread;
	sigset_t all, before;
	int rc;

	/* Signals are for the one who waits. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	pthread_attr_init(&a);
	pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED);
	rc = pthread_create(&thread, &a, lookup_thread, k);
	pthread_attr_destroy(&a);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

static int
look_up(const struct links *s, const struct link *l, int64_t until, struct lookup **out, struct err *e)
{
	struct lookup *k = *out = mem_zero(1, sizeof(*k));
	int rc = 0;

	atomic_init(&k->owners, 1);
	k->host = mem_string(l->host);
	snprintf(k->port, sizeof(k->port), "%d", l->port);
	if (pipe2(k->ends, O_CLOEXEC) != 0) {
		k->ends[0] = k->ends[1] = -1;
		return err_sys(e, C1V_AGAIN, "%s", l->name);
	}
	lookup_now(k, AI_NUMERICHOST);
	if (k->rc == 0)
		return 0;
	atomic_store(&k->owners, 2);
	if (lookup_start(k) == 0) {
		rc = connect_wait(s, l, k->ends[0], POLLIN, until, e);
	} else {
		atomic_store(&k->owners, 1);
		lookup_now(k, 0);
	}
	if (rc == 0 && k->rc != 0)
		rc = err_set(e, C1V_AGAIN, "%s: %s", l->name, gai_strerror(k->rc));
	return rc;
}

/* --- sockets ---------------------------------------------------------------------------- */

static int
finish(const struct links *s, const struct link *l, int fd, int64_t until, struct err *e)
{
	int failed = 0, rc = connect_wait(s, l, fd, POLLOUT, until, e);
	socklen_t n = sizeof(failed);

	if (rc == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &n) == 0 && failed) {
		errno = failed;
		rc = err_sys(e, C1V_AGAIN, "%s", l->name);
	}
	return rc;
}

static void
close_socket(int *fd)
{
	close(*fd);
	*fd = -1;
}

static int
try_address(const struct links *s, const struct link *l, const struct addrinfo *a, int64_t until, int *fd,
    struct err *e)
{
	int on = 1, rc = 0;

	if (address_kind(a->ai_addr) == ADDRESS_METADATA)
		return err_set(e, C1V_CONFIG, "%s: the host's address may not be asked", l->name);
	*fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return err_sys(e, C1V_AGAIN, "%s", l->name);
	setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(*fd, a->ai_addr, a->ai_addrlen) != 0)
		rc = errno == EINPROGRESS || errno == EINTR ? finish(s, l, *fd, until, e) :
		    err_sys(e, C1V_AGAIN, "%s", l->name);
	if (rc != 0)
		close_socket(fd);
	return rc;
}

int
connect_host(const struct links *s, const struct link *l, int64_t until, int *fd, struct err *e)
{
	struct lookup *k;
	int rc = look_up(s, l, until, &k, e);

	if (rc == 0) {
		for (const struct addrinfo *a = k->found; a != NULL; a = a->ai_next) {
			int64_t now = clock_mono_ns();

			/* One that is silent leaves time for the next. */
			rc = try_address(s, l, a, a->ai_next ? now + (until - now) / 2 : until, fd, e);
			if (rc == 0 || (s->stop != NULL && s->stop()))
				break;
		}
	}
	lookup_leave(k);
	return rc;
}

int
connect_path(const struct links *s, const struct link *l, int64_t until, int *fd, struct err *e)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int rc;

	if (strlen(s->target->path) >= sizeof(a.sun_path))
		return err_set(e, C1V_CONFIG, "%s: the path of a socket is at most %zu bytes long", l->name,
		    sizeof(a.sun_path) - 1);
	memcpy(a.sun_path, s->target->path, strlen(s->target->path));
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return err_sys(e, C1V_AGAIN, "%s", l->name);
	/* EAGAIN: its queue is full, and poll does not tell when it is no more. */
	while ((rc = connect(*fd, (const struct sockaddr *)&a, sizeof(a))) != 0 && errno == EAGAIN) {
		if (s->stop != NULL && s->stop())
			break;
		if (clock_mono_ns() >= until) {
			close_socket(fd);
			return too_late(s, l, e);
		}
		clock_sleep_ms(1);
	}
	if (rc != 0) {
		rc = err_sys(e, C1V_AGAIN, "%s", l->name);
		close_socket(fd);
	}
	return rc;
}

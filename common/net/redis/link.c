#include "net/redis/link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

struct link *
link_new(struct links *s, const char *host, int port, char *name)
{
	struct link *l = mem_zero(1, sizeof(*l));

	l->host = mem_string(host);
	l->port = port;
	l->name = name;
	l->fd = -1;
	l->reading.arena = &s->arena;
	l->reading.max = s->max_reply;
	return l;
}

void
link_free(struct links *s, struct link *l)
{
	link_close(s, l);
	buf_free(&l->out);
	free(l->turns);
	free(l->host);
	free(l->name);
	free(l);
}

void
link_close(struct links *s, struct link *l)
{
	if (l->session != NULL)
		s->tls->end(l->session);
	l->session = NULL;
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	redisReaderFree(l->reader);
	l->reader = NULL;
}

/* --- bytes ------------------------------------------------------------------------------ */

static ssize_t
plain(ssize_t n, int wait)
{
	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? wait : IO_FAILED;
}

ssize_t
link_read(const struct links *s, const struct link *l, void *p, size_t n)
{
	return l->session ? s->tls->read(l->session, p, n) : plain(recv(l->fd, p, n, 0), IO_READ);
}

ssize_t
link_write(const struct links *s, const struct link *l, const void *p, size_t n)
{
	return l->session ? s->tls->write(l->session, p, n) : plain(send(l->fd, p, n, MSG_NOSIGNAL), IO_WRITE);
}

/* Nothing is to be read from a connection that nobody asked anything: else the server has closed it, or it
 * is out of step. */
static int
alive(const struct links *s, const struct link *l)
{
	char c;

	if (l->fd < 0)
		return 0;
	return (l->session ? s->tls->peek(l->session) : plain(recv(l->fd, &c, 1, MSG_PEEK), IO_READ)) == IO_READ;
}

/* --- beginning -------------------------------------------------------------------------- */

static int
begin_tls(struct links *s, struct link *l, int64_t until, struct err *e)
{
	int rc = s->trusted ? 0 : s->tls->open(&s->trusted, e);

	if (rc != 0)
		return rc;
	l->session = s->tls->start(s->trusted, l->fd, l->host);
	for (;;) {
		rc = s->tls->handshake(l->session, e);
		if (rc == 0)
			return 0;
		if (rc > 0)
			break;
		rc = connect_wait(s, l, l->fd, rc == IO_READ ? POLLIN : POLLOUT, until, e);
		if (rc != 0)
			return rc;
	}
	err_prefix(e, "%s", l->name);
	if (rc == C1V_PROTOCOL)
		err_hint(e, "redis:// is for a server without TLS");
	return rc;
}

/* What a server says to AUTH and SELECT. */
static int
refused(const struct link *l, const struct redis_reply *reply, int database, struct err *e)
{
	struct redis named = {.name = l->name};
	int code;

	if (reply->type != REDIS_ERROR)
		return 0;
	code = redis_refusal(&named, reply, e);
	if (code != C1V_PROTOCOL)
		return code;
	code = database ? C1V_CONFIG : C1V_CREDENTIALS;
	err_set(e, code, "%s: %.*s", l->name, (int)(reply->text.n < 200 ? reply->text.n : 200), reply->text.p);
	if (database)
		err_hint(e, "a cluster has database 0 alone");
	return code;
}

static int
sign_in(struct links *s, struct link *l, struct err *e)
{
	const struct target *t = s->target;
	struct slice auth[3] = {SLICE("AUTH")}, base[2] = {SLICE("SELECT")};
	struct redis_command commands[2] = {{.args = auth, .count = 1}, {.args = base, .count = 2}};
	struct redis_reply replies[2] = {{0}};
	char number[16];
	int rc;

	if (t->password != NULL && (*t->password || *t->user)) {
		if (*t->user)
			auth[commands[0].count++] = slice_of(t->user);
		auth[commands[0].count++] = slice_of(t->password);
		exchange_add(l, &commands[0], &replies[0]);
	}
	if (t->db != 0) {
		base[1] = (struct slice){number, (size_t)snprintf(number, sizeof(number), "%d", t->db)};
		exchange_add(l, &commands[1], &replies[1]);
	}
	if (l->count == 0)
		return 0;
	rc = exchange(s, &l, 1, clock_mono_ns() + (int64_t)(s->total * 1e9), NULL, e);
	explicit_bzero(l->out.data, l->out.room);
	if (rc == 0)
		rc = refused(l, &replies[0], 0, e);
	if (rc == 0)
		rc = refused(l, &replies[1], 1, e);
	return rc;
}

static int
reach(struct links *s, struct link *l, struct err *e)
{
	int64_t until = clock_mono_ns() + (int64_t)(s->connect_timeout * 1e9);
	int rc = l->host ? connect_host(s, l, until, &l->fd, e) : connect_path(s, l, until, &l->fd, e);

	if (rc == 0 && s->tls != NULL && l->host != NULL)
		rc = begin_tls(s, l, until, e);
	return rc;
}

int
link_open(struct links *s, struct link *l, struct err *e)
{
	int rc;

	if (alive(s, l))
		return 0;
	link_close(s, l);
	rc = reach(s, l, e);
	if (rc == C1V_CREDENTIALS && s->tls->more(s->trusted)) {
		link_close(s, l);
		rc = reach(s, l, e);
	}
	if (rc == 0) {
		l->reading.refused = NULL;
		l->reader = reply_reader(&l->reading);
		rc = sign_in(s, l, e);
	}
	if (rc != 0)
		link_close(s, l);
	return rc;
}

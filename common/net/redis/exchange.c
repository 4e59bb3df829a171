#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "base/clock.h"
#include "net/redis/link.h"

enum { OUT_BYTES = 64 * 1024, OUT_KEPT = 1 << 20, IN_BYTES = 16 * 1024, READS = 64 };
enum { TLS_OUT_BYTES = 8 * 1024, SMALL_ANSWER = 64 };

/* --- writing ---------------------------------------------------------------------------- */

static void
add_number(struct buf *b, char kind, size_t n)
{
	char text[24], *p = text + sizeof(text);

	*--p = '\n';
	*--p = '\r';
	do
		*--p = (char)('0' + n % 10);
	while ((n /= 10) != 0);
	*--p = kind;
	buf_add(b, p, (size_t)(text + sizeof(text) - p));
}

static void
add_command(struct buf *b, const struct redis_command *c)
{
	add_number(b, '*', c->count);
	for (size_t i = 0; i < c->count; i++) {
		add_number(b, '$', c->args[i].n);
		buf_slice(b, c->args[i]);
		buf_add(b, "\r\n", 2);
	}
}

static int
unsent(const struct link *l)
{
	return l->sent < l->out.len || l->written < l->count;
}

static int
lost(const struct link *l, int closed, struct err *e)
{
	if (closed)
		return err_set(e, C1V_AGAIN, "%s: the connection was lost", l->name);
	if (errno != EACCES)
		return err_sys(e, C1V_AGAIN, "%s: the connection was lost", l->name);
	return err_set(e, C1V_CREDENTIALS, "%s: the server wants a certificate of its client", l->name);
}

/* A Redis whose answers wait to be read closes a TLS connection when further commands make them longer
 * ("SSL routines::bad length"): there commands wait for the answers, unless those are small. */
static int
held(const struct link *l)
{
	return l->session != NULL && l->answered < l->written &&
	    (l->answered == 0 || l->received / l->answered > SMALL_ANSWER);
}

/* As many bytes as it takes now. Commands are formatted a few at a time: there is never a copy of
 * all of them. */
static int
push(const struct links *s, struct link *l, struct err *e)
{
	size_t most = l->session ? TLS_OUT_BYTES : OUT_BYTES;
	ssize_t n;

	l->blocked = 0;
	while (unsent(l)) {
		if (l->sent == l->out.len) {
			if (held(l))
				return 0;
			l->sent = l->out.len = 0;
			while (l->out.len < most && l->written < l->count)
				add_command(&l->out, l->turns[l->written++].command);
		}
		n = link_write(s, l, l->out.data + l->sent, l->out.len - l->sent);
		if (n == IO_READ || n == IO_WRITE) {
			l->blocked = n == IO_READ ? POLLIN : POLLOUT;
			return 0;
		}
		if (n <= 0)
			return lost(l, n == 0, e);
		l->sent += (size_t)n;
		l->moved = clock_mono_ns();
	}
	return 0;
}

/* --- reading ---------------------------------------------------------------------------- */

static int
nonsense(const struct link *l, const char *why, struct err *e)
{
	err_set(e, C1V_PROTOCOL, "%s: an answer that is not taken: %s", l->name, why);
	if (why == l->reader->errstr)
		err_hint(e, "rediss:// is for a server with TLS");
	return C1V_PROTOCOL;
}

static int
take(struct link *l, const char *p, size_t n, struct err *e)
{
	struct redis_reply reply;
	const char *why;
	int got;

	if (redisReaderFeed(l->reader, p, n) != REDIS_OK)
		mem_exhausted();
	while (l->answered < l->written && (got = reply_next(l->reader, &l->reading, &reply, &why)) != 0) {
		if (got < 0)
			return nonsense(l, why, e);
		*l->turns[l->answered++].reply = reply;
	}
	if (l->answered == l->written && l->reader->pos < l->reader->len)
		return nonsense(l, "more than was asked for", e);
	return 0;
}

static int
pull(const struct links *s, struct link *l, struct err *e)
{
	char bytes[IN_BYTES];

	l->more = 0;
	for (int i = 0; i < READS && l->answered < l->count; i++) {
		ssize_t n = link_read(s, l, bytes, sizeof(bytes));
		int rc;

		if (n == IO_READ)
			return 0;
		if (n == IO_WRITE) {
			l->blocked = POLLOUT;
			return 0;
		}
		if (n <= 0)
			return lost(l, n == 0, e);
		l->moved = clock_mono_ns();
		l->received += (size_t)n;
		rc = take(l, bytes, (size_t)n, e);
		if (rc != 0 || (size_t)n < sizeof(bytes))
			return rc;
	}
	l->more = 1;
	return 0;
}

/* What is written to a server that has closed fails, but it may have said why. */
static int
push_or_hear(const struct links *s, struct link *l, struct err *e)
{
	struct err said;
	int rc = push(s, l, e);

	if (rc != 0 && pull(s, l, &said) == C1V_CREDENTIALS)
		rc = err_set(e, C1V_CREDENTIALS, "%s", said.text);
	return rc;
}

/* --- both ------------------------------------------------------------------------------- */

void
exchange_add(struct link *l, const struct redis_command *c, struct redis_reply *reply)
{
	mem_grow(&l->turns, &l->room, l->count + 1, sizeof(*l->turns));
	l->turns[l->count++] = (struct turn){c, reply};
}

static int
busy(const struct link *l)
{
	return l->answered < l->count;
}

/* Milliseconds until one of the limits is reached; polls[i] is for links[i], fd -1: it has nothing to do. */
static int
prepare(const struct links *s, struct link *const *links, size_t n, int64_t until, struct pollfd *polls)
{
	int64_t first = until, now = clock_mono_ns();
	int more = 0;

	for (size_t i = 0; i < n; i++) {
		struct link *l = links[i];
		int64_t silent = l->moved + (int64_t)(s->silence * 1e9);

		polls[i] = (struct pollfd){.fd = busy(l) ? l->fd : -1, .events = (short)(POLLIN | l->blocked)};
		if (busy(l) && silent < first)
			first = silent;
		more |= busy(l) && l->more;
	}
	return more || first <= now ? 0 : (int)((first - now) / 1000000) + 1;
}

static int
look(const struct links *s, struct link *l, int ready, int64_t until, struct err *e)
{
	int rc = ready || l->more ? pull(s, l, e) : 0;
	int64_t now = clock_mono_ns();

	if (rc == 0 && busy(l) && unsent(l))
		rc = push_or_hear(s, l, e);
	if (rc != 0 || !busy(l))
		return rc;
	if (!ready && now - l->moved > (int64_t)(s->silence * 1e9))
		return err_set(e, C1V_AGAIN, "%s: no answer within %g ms", l->name, s->silence * 1000);
	if (now > until)
		return err_set(e, C1V_AGAIN, "%s: not done within %g ms", l->name, s->total * 1000);
	return 0;
}

static int
round_trip(const struct links *s, struct link *const *links, size_t n, struct pollfd *polls, int64_t until,
    struct link **failed, struct err *e)
{
	int rc, wait;

	for (;;) {
		size_t left = 0;

		for (size_t i = 0; i < n; i++)
			left += (size_t)busy(links[i]);
		if (left == 0)
			return 0;
		wait = prepare(s, links, n, until, polls);
		if (poll(polls, (nfds_t)n, wait) < 0)
			for (size_t i = 0; i < n; i++)
				polls[i].revents = 0;
		for (size_t i = 0; i < n; i++) {
			*failed = links[i];
			rc = busy(links[i]) ? look(s, links[i], polls[i].revents != 0, until, e) : 0;
			if (rc == 0 && busy(links[i]) && s->stop != NULL && s->stop())
				rc = err_set(e, C1V_AGAIN, "%s: interrupted", links[i]->name);
			if (rc != 0)
				return rc;
		}
	}
}

int
exchange(struct links *s, struct link *const *links, size_t n, int64_t until, struct link **lost_link, struct err *e)
{
	struct pollfd *polls = mem_alloc(n * sizeof(*polls));
	struct link *failed = NULL;
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		failed = links[i];
		links[i]->moved = clock_mono_ns();
		rc = push_or_hear(s, links[i], e);
	}
	if (rc == 0)
		rc = round_trip(s, links, n, polls, until, &failed, e);
	for (size_t i = 0; i < n; i++) {
		struct link *l = links[i];

		if (busy(l) || (rc != 0 && l == failed))
			link_close(s, l);
		l->count = l->written = l->answered = 0;
		l->sent = l->out.len = l->received = 0;
		l->blocked = l->more = 0;
		if (l->out.room > OUT_KEPT)
			buf_free(&l->out);
	}
	if (rc != 0 && lost_link != NULL)
		*lost_link = failed;
	free(polls);
	return rc;
}

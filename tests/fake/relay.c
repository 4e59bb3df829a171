/* relay: stands between a PostgreSQL client and its server, and lets something
 * happen to a connection at a message that the test chose.
 *
 *     relay SOCKET client|server N|=TEXT before|after|hang|COMMAND
 *
 * listens on a free port of 127.0.0.1, which it prints, and passes everything on
 * to the server's Unix socket. Messages of the protocol that come from that side
 * are counted over all connections; at the N-th, or at the first statement that
 * is the text ("=COMMIT"; of the client only), once:
 *
 *     before   the connection is cut, and the message is lost
 *     after    the message arrives, then the connection is cut: its answer is lost
 *     hang     the client hears nothing any more, and nobody hangs up on it
 *     COMMAND  is run by sh, to its end, before the message is passed on
 *
 * It prints "fired" then. As
 *
 *     relay SOCKET refuse N SQLSTATE
 *
 * it refuses the first N connections with that, as a server does which is just starting, and
 * prints "refused" each time. It ends by a signal, or after ten minutes. No TLS: the
 * client must ask for none. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PAIRS = 64, ROOM = 1 << 16, CLIENT = 0, SERVER = 1 };

/* One direction of a connection. A message is a type byte, a length of four
 * bytes that counts itself, and the rest; the client's first has no type. */
struct stream {
	unsigned char head[5];
	size_t have;    /* of head */
	size_t rest;    /* bytes of the message still to come */
	int started;    /* the message without type is through */
	char text[64];  /* the beginning of its body */
	size_t text_len;
	int armed;      /* the statement is the chosen one: it runs when the client syncs */
};

struct pair {
	int fd[2];      /* client, server; -1: the place is free */
	struct stream stream[2];
	int hangs;
};

struct relay {
	const char *socket, *action, *text;
	int side, fired;
	long at, seen;
	long refusals;  /* still to come */
	struct pair pairs[PAIRS];
};

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

/* --- sockets ----------------------------------------------------------------- */

static int
listen_somewhere(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) != 0 || listen(fd, 64) != 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) != 0)
		die("relay: listen");
	printf("%d\n", ntohs(a.sin_port));
	fflush(stdout);
	return fd;
}

static int
connect_server(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	close(fd);
	return -1;
}

static int
send_all(int fd, const unsigned char *p, size_t n)
{
	while (n > 0) {
		ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
		if (k <= 0)
			return -1;
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

static void
cut(struct pair *p)
{
	close(p->fd[CLIENT]);
	close(p->fd[SERVER]);
	p->fd[CLIENT] = p->fd[SERVER] = -1;
}

/* Let the server finish what it was sent, and take its answers to the grave. */
static void
drain(struct pair *p)
{
	unsigned char b[ROOM];

	close(p->fd[CLIENT]);
	shutdown(p->fd[SERVER], SHUT_WR);
	while (read(p->fd[SERVER], b, sizeof(b)) > 0)
		continue;
	close(p->fd[SERVER]);
	p->fd[CLIENT] = p->fd[SERVER] = -1;
}

/* --- messages ------------------------------------------------------------------ */

static int
is_before(const struct relay *r)
{
	return strcmp(r->action, "before") == 0;
}

/* Is the text of a Query or Parse that is complete the chosen one? */
static int
is_text(const struct relay *r, const struct stream *s)
{
	size_t name = s->head[0] == 'P' ? 1 : 0, n = strlen(r->text);

	return s->rest == 0 && (s->head[0] == 'Q' || s->head[0] == 'P') && s->text_len > name + n &&
	    memcmp(s->text + name, r->text, n + 1) == 0;
}

/* Does it happen at this message, of which the beginning has come? To be lost, it
 * must not have been passed on; to arrive, it must be whole. */
static int
is_it(struct relay *r, int side, struct stream *s)
{
	if (r->fired || side != r->side || (!is_before(r) && s->rest > 0))
		return 0;
	if (r->text == NULL)
		return r->seen == r->at;
	if (is_text(r, s)) {
		s->armed = s->head[0] == 'P';
		return is_before(r) || !s->armed;
	}
	return s->armed && s->head[0] == 'S';
}

/* Take bytes of one message into account: how many of n belong to it. *at is 1
 * when with them it is known what it is, and it is the chosen one. */
static size_t
take(struct relay *r, int side, struct stream *s, const unsigned char *p, size_t n, int *at)
{
	size_t first = s->started ? 5 : 4, used = 0, k;
	int before = s->have == first;

	*at = 0;
	while (used < n && s->have < first)
		s->head[s->have++] = p[used++];
	if (s->have < first)
		return used;
	if (!before) {
		const unsigned char *l = s->head + first - 4;

		s->rest = ((size_t)l[0] << 24 | (size_t)l[1] << 16 | (size_t)l[2] << 8 | l[3]) - 4;
		s->text_len = 0;
		r->seen += s->started && side == r->side;
	}
	k = n - used < s->rest ? n - used : s->rest;
	if (s->started && s->text_len < sizeof(s->text)) {
		size_t part = sizeof(s->text) - s->text_len;

		part = k < part ? k : part;
		memcpy(s->text + s->text_len, p + used, part);
		s->text_len += part;
	}
	s->rest -= k;
	if (s->started)
		*at = is_it(r, side, s);
	if (s->rest == 0) {
		s->have = 0;
		s->started = 1;
	}
	return used + k;
}

/* To its end, even if we are told to go meanwhile: the test goes on when we are gone. */
static void
run(const char *command)
{
	sigset_t term, old;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, &old);
	if (system(command) == -1)
		die("relay: sh");
	sigprocmask(SIG_SETMASK, &old, NULL);
}

/* What was chosen happens. 1 when the connection goes on. */
static int
fire(struct relay *r, struct pair *p, int side, const unsigned char *b, size_t n)
{
	r->fired = 1;
	printf("fired\n");
	fflush(stdout);
	if (is_before(r)) {
		cut(p);
		return 0;
	}
	if (strcmp(r->action, "after") == 0) {
		if (send_all(p->fd[!side], b, n) == 0 && side == CLIENT)
			drain(p);
		else
			cut(p);
		return 0;
	}
	if (strcmp(r->action, "hang") == 0) {
		p->hangs = 1;
		shutdown(p->fd[SERVER], SHUT_RDWR);
		return 0;
	}
	run(r->action);
	return 1;
}

static void
pass(struct relay *r, struct pair *p, int side)
{
	unsigned char b[ROOM];
	ssize_t n = read(p->fd[side], b, sizeof(b));
	size_t sent = 0;

	if (n <= 0) {
		cut(p);
		return;
	}
	for (size_t done = 0; done < (size_t)n;) {
		int at;
		size_t k = take(r, side, &p->stream[side], b + done, (size_t)n - done, &at);

		if (at) {
			/* Messages before it arrive in any case. */
			if (send_all(p->fd[!side], b + sent, done - sent) != 0 ||
			    !fire(r, p, side, b + done, k)) {
				if (!p->hangs && p->fd[CLIENT] >= 0)
					cut(p);
				return;
			}
			sent = done;
		}
		done += k;
	}
	if (send_all(p->fd[!side], b + sent, (size_t)n - sent) != 0)
		cut(p);
}

/* Whatever the client's first message is. The text's own end is the end of the fields. */
static void
refuse(struct relay *r, int fd)
{
	unsigned char b[ROOM];
	int n = snprintf((char *)b + 5, sizeof(b) - 5, "SFATAL%cVFATAL%cC%s%cMnot now%c", 0, 0, r->action, 0, 0) + 6;

	b[0] = 'E';
	for (int i = 0; i < 4; i++)
		b[1 + i] = (unsigned char)((n - 1) >> (24 - 8 * i));
	if (read(fd, b + n, sizeof(b) - (size_t)n) > 0)
		send_all(fd, b, (size_t)n);
	close(fd);
	r->refusals--;
	printf("refused\n");
	fflush(stdout);
}

static void
take_client(struct relay *r, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), server;

	if (fd < 0)
		return;
	if (r->refusals > 0) {
		refuse(r, fd);
		return;
	}
	server = connect_server(r->socket);
	for (size_t i = 0; server >= 0 && i < PAIRS; i++) {
		if (r->pairs[i].fd[CLIENT] >= 0)
			continue;
		memset(&r->pairs[i], 0, sizeof(r->pairs[i]));
		r->pairs[i].fd[CLIENT] = fd;
		r->pairs[i].fd[SERVER] = server;
		r->pairs[i].stream[SERVER].started = 1;
		return;
	}
	close(fd);
	close(server);
}

int
main(int argc, char **argv)
{
	static struct relay r;
	struct pollfd polls[1 + 2 * PAIRS];
	int listener;

	if (argc != 5) {
		fprintf(stderr, "usage: relay SOCKET client|server N|=TEXT before|after|hang|COMMAND\n"
		    "       relay SOCKET refuse N SQLSTATE\n");
		return 64;
	}
	r.socket = argv[1];
	r.side = strcmp(argv[2], "server") == 0 ? SERVER : CLIENT;
	r.text = argv[3][0] == '=' ? argv[3] + 1 : NULL;
	r.at = r.text ? 0 : strtol(argv[3], NULL, 10);
	r.action = argv[4];
	if (strcmp(argv[2], "refuse") == 0) {
		r.refusals = r.at;
		r.fired = 1;
	}
	for (size_t i = 0; i < PAIRS; i++)
		r.pairs[i].fd[CLIENT] = r.pairs[i].fd[SERVER] = -1;
	listener = listen_somewhere();
	alarm(600);
	for (;;) {
		polls[0] = (struct pollfd){listener, POLLIN, 0};
		for (size_t i = 0; i < 2 * PAIRS; i++)
			polls[1 + i] = (struct pollfd){r.pairs[i / 2].hangs ? -1 : r.pairs[i / 2].fd[i % 2], POLLIN, 0};
		if (poll(polls, 1 + 2 * PAIRS, -1) < 0 && errno != EINTR)
			die("relay: poll");
		for (size_t i = 0; i < 2 * PAIRS; i++)
			if (polls[1 + i].revents != 0 && r.pairs[i / 2].fd[i % 2] == polls[1 + i].fd)
				pass(&r, &r.pairs[i / 2], (int)(i % 2));
		if (polls[0].revents != 0)
			take_client(&r, listener);
	}
}

/* A server for tests that speaks the protocol of Redis as badly as it is told, on 127.0.0.1.
 *
 *     resp [log=FILE] LINE…    prints its port, serves until its stdin ends
 *
 * LINE N is what becomes of the N-th command that comes, of whatever connection; the last line holds
 * for all that follow:
 *     say TEXT         sends it; %XX is a byte, %P its own port
 *     drip MS TEXT     sends a byte each MS milliseconds
 *     late MS TEXT     waits before
 *     endless TEXT     sends it again and again
 *     tail TEXT        ends with it, the connection is closed
 *     hang, close, reset
 * "greet LINE" is what becomes of whoever connects, and is none of these. */
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

enum { LINES = 256 };

struct server {
	const char *lines[LINES];
	size_t count;
	const char *greeting;
	FILE *log;
	pthread_mutex_t lock;
	size_t commands;
	int port;
};

struct peer {
	struct server *server;
	int fd;
	FILE *in;
};

static int
send_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t done = send(fd, p, n, MSG_NOSIGNAL);

		if (done <= 0)
			return -1;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

static void
add_text(struct buf *b, const struct server *s, const char *text)
{
	for (; *text; text++) {
		unsigned byte;

		if (text[0] == '%' && text[1] == 'P') {
			buf_format(b, "%d", s->port);
			text++;
		} else if (text[0] == '%' && sscanf(text + 1, "%2x", &byte) == 1) {
			buf_byte(b, (char)byte);
			text += 2;
		} else {
			buf_byte(b, *text);
		}
	}
}

/* 1: go on; 0: close. */
static int
act(struct peer *p, const char *line)
{
	struct linger now = {1, 0};
	struct buf b = {0};
	char word[16] = "";
	int skip = 0, ms = 0, open = 1;

	sscanf(line, "%15s %n", word, &skip);
	line += skip;
	if (strcmp(word, "drip") == 0 || strcmp(word, "late") == 0)
		ms = (int)strtol(line, (char **)&line, 10), line++;
	add_text(&b, p->server, line);
	if (strcmp(word, "reset") == 0)
		setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	if (strcmp(word, "hang") == 0)
		pause();
	if (strcmp(word, "late") == 0)
		clock_sleep_ms(ms);
	if (strcmp(word, "drip") == 0) {
		for (size_t i = 0; i < b.len && open; i++) {
			open = send_all(p->fd, b.data + i, 1) == 0;
			clock_sleep_ms(ms);
		}
	} else if (strcmp(word, "endless") == 0) {
		while (b.len < 65536)
			add_text(&b, p->server, line);
		while (send_all(p->fd, b.data, b.len) == 0)
			continue;
		open = 0;
	} else if (b.len) {
		open = send_all(p->fd, b.data, b.len) == 0;
	}
	buf_free(&b);
	return open && strcmp(word, "close") != 0 && strcmp(word, "reset") != 0 && strcmp(word, "tail") != 0;
}

/* One command into b, its words with a blank between. */
static int
next_command(FILE *in, struct buf *b)
{
	unsigned long words, n;

	b->len = 0;
	if (fscanf(in, "*%lu\r\n", &words) != 1)
		return 0;
	while (words--) {
		if (fscanf(in, "$%lu", &n) != 1 || getc(in) != '\r' || getc(in) != '\n')
			return 0;
		b->len += fread(buf_reserve(b, n), 1, n, in);
		if (getc(in) != '\r' || getc(in) != '\n')
			return 0;
		buf_byte(b, words ? ' ' : '\n');
	}
	return 1;
}

static void *
serve(void *arg)
{
	struct peer *p = arg;
	struct server *s = p->server;
	struct buf b = {0};
	int open = s->greeting ? act(p, s->greeting) : 1;
	size_t i;

	while (open && next_command(p->in, &b)) {
		pthread_mutex_lock(&s->lock);
		i = s->commands++;
		if (s->log != NULL) {
			fwrite(b.data, 1, b.len, s->log);
			fflush(s->log);
		}
		pthread_mutex_unlock(&s->lock);
		open = act(p, s->lines[i < s->count ? i : s->count - 1]);
	}
	fclose(p->in);
	free(p);
	buf_free(&b);
	return NULL;
}

static void *
until_end_of_input(void *arg)
{
	char c;

	(void)arg;
	while (read(STDIN_FILENO, &c, 1) > 0)
		continue;
	_exit(0);
}

int
main(int argc, char **argv)
{
	static struct server s = {.lock = PTHREAD_MUTEX_INITIALIZER};
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	pthread_t thread;

	for (int i = 1; i < argc && s.count < LINES; i++) {
		if (strncmp(argv[i], "log=", 4) == 0)
			s.log = fopen(argv[i] + 4, "a");
		else if (strncmp(argv[i], "greet ", 6) == 0)
			s.greeting = argv[i] + 6;
		else
			s.lines[s.count++] = argv[i];
	}
	if (s.count == 0)
		s.lines[s.count++] = "say +OK%0d%0a";
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(fd, 100) != 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) != 0)
		return 1;
	s.port = ntohs(a.sin_port);
	printf("%d\n", s.port);
	fflush(stdout);
	pthread_create(&thread, NULL, until_end_of_input, NULL);
	for (;;) {
		struct peer *p = calloc(1, sizeof(*p));

		p->server = &s;
		p->fd = accept(fd, NULL, NULL);
		if (p->fd < 0)
			return 1;
		p->in = fdopen(p->fd, "r");
		pthread_create(&thread, NULL, serve, p);
		pthread_detach(thread);
	}
}

/* For upstash.c: what a real Redis says, as JSON. */
#ifndef C1V_FAKE_UPSTASH_REDIS_H
#define C1V_FAKE_UPSTASH_REDIS_H

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/utf8.h"

struct server;

struct peer {
	struct server *server;
	int fd, redis;
	struct buf in, from;       /* from the client, from Redis */
	size_t at;                 /* read of `from` */
	int encode, failed;        /* of this request: base64 is wanted; an error was answered */
	struct buf out;
};

static int
connect_redis(const char *where)
{
	struct sockaddr_un u = {.sun_family = AF_UNIX};
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int unix_socket = where[0] == '/', fd = socket(unix_socket ? AF_UNIX : AF_INET, SOCK_STREAM, 0);

	snprintf(u.sun_path, sizeof(u.sun_path), "%s", where);
	a.sin_port = htons((uint16_t)atoi(where));
	if (connect(fd, unix_socket ? (void *)&u : (void *)&a, unix_socket ? sizeof(u) : sizeof(a)) != 0)
		perror("redis");
	return fd;
}

static void
write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t done = send(fd, p, n, MSG_NOSIGNAL);

		if (done <= 0)
			return;
		p += done;
		n -= (size_t)done;
	}
}

/* n bytes at c->at of what Redis says. */
static char *
need(struct peer *c, size_t n)
{
	while (c->from.len - c->at < n) {
		ssize_t got = read(c->redis, buf_reserve(&c->from, 65536), 65536);

		if (got <= 0) {
			fprintf(stderr, "redis has gone\n");
			_exit(1);
		}
		c->from.len += (size_t)got;
	}
	return c->from.data + c->at;
}

static char *
need_line(struct peer *c, size_t *n)
{
	for (size_t i = 0;; i++) {
		char *p = need(c, i + 2);

		if (p[i] == '\r' && p[i + 1] == '\n') {
			*n = i;
			c->at += i + 2;
			return p;
		}
	}
}

static void
add_text(struct peer *c, const char *p, size_t n)
{
	struct buf *b = &c->out;

	buf_byte(b, '"');
	if (c->encode && !(n == 2 && memcmp(p, "OK", 2) == 0 && p[-1] == '+')) {
		base64_add(b, p, n);
	} else {
		while (n) {
			size_t good = utf8_valid(p, n);

			json_add_escaped(b, (struct slice){p, good});
			if (good < n)
				buf_string(b, "\xef\xbf\xbd");
			p += good + (good < n);
			n -= good + (good < n);
		}
	}
	buf_byte(b, '"');
}

/* A reply as JSON; an error ends up as {"error":…} where whole, else as its text. */
static void
relay_reply(struct peer *c, int whole)
{
	size_t n, length;
	char *line = need_line(c, &n), text[32];
	long count;

	snprintf(text, sizeof(text), "%.*s", (int)(n < 31 ? n : 31), line);
	count = atol(text + 1);
	if (whole)
		buf_string(&c->out, *line == '-' ? "{\"error\":" : "{\"result\":");
	switch (*line) {
	case '-':
		c->failed = 1;
		buf_byte(&c->out, '"');
		json_add_escaped(&c->out, (struct slice){line + 1, n - 1});
		buf_byte(&c->out, '"');
		break;
	case '+':
		add_text(c, line + 1, n - 1);
		break;
	case ':':
		buf_add(&c->out, line + 1, n - 1);
		break;
	case '$':
		length = (size_t)count;
		if (count >= 0) {
			char *p = need(c, length + 2);

			add_text(c, p, length);
			c->at += length + 2;
		} else {
			buf_string(&c->out, "null");
		}
		break;
	default:
		buf_string(&c->out, count < 0 ? "null" : "[");
		for (long i = 0; i < count; i++) {
			if (i)
				buf_byte(&c->out, ',');
			relay_reply(c, 0);
		}
		if (count >= 0)
			buf_byte(&c->out, ']');
	}
	if (whole)
		buf_byte(&c->out, '}');
}

static void
send_command(struct peer *c, const struct slice *args, size_t n)
{
	struct buf b = {0};

	buf_format(&b, "*%zu\r\n", n);
	for (size_t i = 0; i < n; i++) {
		buf_format(&b, "$%zu\r\n", args[i].n);
		buf_slice(&b, args[i]);
		buf_string(&b, "\r\n");
	}
	write_all(c->redis, b.data, b.len);
	buf_free(&b);
	c->from.len = c->at = 0;
}

#endif

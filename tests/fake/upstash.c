/* Upstash's REST API for tests, on 127.0.0.1, in front of a real Redis.
 *
 *     upstash REDIS TOKEN [DIRECTIVE=VALUE]…    prints its port, serves until its stdin ends
 *
 * REDIS is a port or the path of a socket. plan=FILE: line N is what becomes of request N (the
 * rest: directives of the command line); log=FILE gets a line for each request. Directives:
 *     status=N header=NAME:VALUE message=TEXT_WITH_UNDERSCORES latency=MS plain=1 (no base64)
 *     body=FILE (the whole answer)
 *     fault=html|cut|drip|empty|shape|few|more|echo|object|hang, fault=reset:N (at byte N) */
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "upstash_redis.h"

struct plan {
	int status, latency, plain;
	char header[200], fault[40], message[200], body[200];
};

struct server {
	const char *redis, *token;
	struct plan fallback;
	struct plan *plans;
	size_t count;
	FILE *log;
	pthread_mutex_t lock;
	atomic_ulong requests;
};

/* --- commands --------------------------------------------------------------- */

enum { ARGS = 20000 };

static size_t
args_of(struct slice command, struct slice *args, struct buf *scratch)
{
	struct json_walk w = json_walk(command);
	struct slice item;
	size_t n = 0;

	scratch->len = 0;
	buf_reserve(scratch, command.n + 1);
	while (n < ARGS && json_item(&w, &item))
		args[n++] = json_type(item) == JSON_STRING ? json_text(item, scratch) : item;
	return n;
}

static void
one_command(struct peer *c, struct slice command)
{
	struct slice *args = malloc(ARGS * sizeof(*args));
	struct buf scratch = {0};
	size_t n = json_type(command) == JSON_ARRAY ? args_of(command, args, &scratch) : 0;

	if (n > 0) {
		send_command(c, args, n);
		relay_reply(c, 1);
	} else {
		c->failed = 1;
		buf_string(&c->out, "{\"error\":\"ERR failed to parse command\"}");
	}
	buf_free(&scratch);
	free(args);
}

static void
many_commands(struct peer *c, struct slice commands, const struct plan *p)
{
	struct json_walk w = json_walk(commands);
	struct slice command, last = SLICE_NONE;
	size_t n = 0, end = 0;

	buf_byte(&c->out, '[');
	for (; json_item(&w, &command); n++) {
		last = command;
		end = c->out.len;
		if (n)
			buf_byte(&c->out, ',');
		one_command(c, command);
	}
	if (strcmp(p->fault, "few") == 0)
		c->out.len = end;
	if (strcmp(p->fault, "more") == 0 && n) {
		buf_byte(&c->out, ',');
		one_command(c, last);
	}
	if (strcmp(p->fault, "echo") == 0)
		memcpy(c->out.data + 12, "XXXX", 4);
	buf_byte(&c->out, ']');
	c->failed = 0;
}

static void
plain_command(struct peer *c, const char *name)
{
	const struct slice arg = slice_of(name);

	send_command(c, &arg, 1);
}

static void
transaction(struct peer *c, struct slice commands)
{
	struct json_walk w = json_walk(commands);
	struct slice *args = malloc(ARGS * sizeof(*args)), command;
	struct buf scratch = {0};
	size_t n;

	plain_command(c, "MULTI");
	need_line(c, &n);
	while (json_item(&w, &command)) {
		send_command(c, args, args_of(command, args, &scratch));
		need_line(c, &n);
	}
	plain_command(c, "EXEC");
	if (*need(c, 1) == '*') {
		size_t count = (size_t)atol(need_line(c, &n) + 1);

		buf_byte(&c->out, '[');
		for (size_t i = 0; i < count; i++) {
			if (i)
				buf_byte(&c->out, ',');
			relay_reply(c, 1);
		}
		buf_byte(&c->out, ']');
		c->failed = 0;
	} else {
		relay_reply(c, 1);
	}
	buf_free(&scratch);
	free(args);
}

static int
hex(char c)
{
	return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

static struct slice
decoded(const char *p, const char *end, struct buf *b)
{
	size_t from = b->len;

	for (; p < end; p++) {
		if (*p == '%' && end - p > 2) {
			buf_byte(b, (char)(hex(p[1]) << 4 | hex(p[2])));
			p += 2;
		} else {
			buf_byte(b, *p);
		}
	}
	return (struct slice){b->data + from, b->len - from};
}

/* /set/KEY/…?EX=100, the body behind the path, the query behind the body. */
static void
path_command(struct peer *c, struct slice path, struct slice body)
{
	struct slice args[64];
	struct buf text = {0};
	const char *p = path.p + 1, *end = path.p + path.n, *query = memchr(p, '?', (size_t)(end - p));
	size_t n = 0;

	buf_reserve(&text, path.n + 1);
	while (n < 60 && p < (query ? query : end)) {
		const char *stop = memchr(p, '/', (size_t)((query ? query : end) - p));

		stop = stop ? stop : query ? query : end;
		args[n++] = decoded(p, stop, &text);
		p = stop + 1;
	}
	if (body.n > 0)
		args[n++] = body;
	for (p = query ? query + 1 : end; n < 60 && p < end; p++) {
		size_t length = strcspn(p, "&= ");

		args[n++] = decoded(p, p + length, &text);
		p += length;
		if (*p == '=') {
			length = strcspn(++p, "& ");
			args[n++] = decoded(p, p + length, &text);
			p += length;
		}
	}
	send_command(c, args, n);
	relay_reply(c, 1);
	buf_free(&text);
}

/* --- answers ---------------------------------------------------------------- */

static void
pause_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

/* 0: close the connection. */
static int
send_answer(struct peer *c, const struct plan *p, int status)
{
	int cut = strcmp(p->fault, "cut") == 0, reset = strncmp(p->fault, "reset:", 6) == 0;
	struct linger now = {1, 0};
	struct buf all = {0};
	size_t head, n;

	buf_format(&all, "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n", status,
	    c->out.len + (cut ? 100 : 0));
	if (p->header[0])
		buf_format(&all, "%s\r\n", p->header);
	buf_string(&all, "\r\n");
	head = all.len;
	buf_slice(&all, buf_as_slice(&c->out));
	n = all.len;
	if (reset) {
		n = (size_t)atol(p->fault + 6) < n ? (size_t)atol(p->fault + 6) : n;
		write_all(c->fd, all.data, n);
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	} else if (strcmp(p->fault, "drip") == 0) {
		write_all(c->fd, all.data, head);
		for (size_t i = head; i < n; i++, pause_ms(30))
			if (send(c->fd, all.data + i, 1, MSG_NOSIGNAL) != 1)
				break;
	} else {
		write_all(c->fd, all.data, n);
	}
	buf_free(&all);
	return !cut && !reset;
}

static void
say_error(struct peer *c, const char *message)
{
	c->out.len = 0;
	buf_format(&c->out, "{\"error\":\"%s\"}", message);
}

/* The status. */
static int
carry_out(struct peer *c, const struct plan *p, struct slice path, struct slice body)
{
	struct slice value = SLICE_NONE;
	int single = slice_is(path, "/"), many = slice_is(path, "/pipeline") || slice_is(path, "/multi-exec");

	c->out.len = 0;
	c->failed = 0;
	if ((single || many) && (json_check(body, &value, NULL) != 0 || json_type(value) != JSON_ARRAY)) {
		say_error(c, "ERR failed to parse the request");
		return 400;
	}
	if (slice_is(path, "/pipeline"))
		many_commands(c, value, p);
	else if (many)
		transaction(c, value);
	else if (single)
		one_command(c, value);
	else
		path_command(c, path, body);
	return c->failed ? 400 : 200;
}

static int
has_header(struct slice head, const char *line)
{
	size_t n = strlen(line);

	for (const char *p = head.p; (p = memchr(p, '\n', (size_t)(head.p + head.n - p))) != NULL;) {
		p++;
		if ((size_t)(head.p + head.n - p) > n && strncasecmp(p, line, n) == 0 && p[n] == '\r')
			return 1;
	}
	return 0;
}

static void
spoil(struct peer *c, const struct plan *p)
{
	if (strcmp(p->fault, "html") == 0) {
		c->out.len = 0;
		buf_string(&c->out, "<html>It works</html>");
	} else if (strcmp(p->fault, "empty") == 0) {
		c->out.len = 0;
	} else if (strcmp(p->fault, "shape") == 0) {
		c->out.len = 0;
		buf_string(&c->out, "[{\"result\":{}},{\"result\":{}},7,[]]");
	} else if (strcmp(p->fault, "object") == 0) {
		say_error(c, "ERR something else");
	} else if (p->body[0]) {
		FILE *f = fopen(p->body, "rb");
		size_t n;

		c->out.len = 0;
		while (f != NULL && (n = fread(buf_reserve(&c->out, 65536), 1, 65536, f)) > 0)
			c->out.len += n;
		if (f != NULL)
			fclose(f);
	}
}

static void
note(struct server *s, struct slice path, size_t body, int status)
{
	if (s->log == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	fprintf(s->log, "%.*s %zu %d\n", (int)path.n, path.p, body, status);
	fflush(s->log);
	pthread_mutex_unlock(&s->lock);
}

/* 0: close. */
static int
answer(struct peer *c, struct slice head, struct slice body)
{
	struct server *s = c->server;
	unsigned long number = atomic_fetch_add(&s->requests, 1);
	struct plan p = number < s->count ? s->plans[number] : s->fallback;
	const char *from = head.p + strcspn(head.p, " ") + 1;
	struct slice path = {from, strcspn(from, " \r")};
	char bearer[300];
	int status = p.status;

	snprintf(bearer, sizeof(bearer), "Authorization: Bearer %s", s->token);
	c->encode = has_header(head, "Upstash-Encoding: base64") && !p.plain;
	if (p.latency)
		pause_ms(p.latency);
	if (!has_header(head, bearer)) {
		status = 401;
		say_error(c, "WRONGPASS invalid or missing auth token");
	} else if (status != 200) {
		say_error(c, p.message);
	} else {
		status = carry_out(c, &p, path, body);
	}
	note(s, path, body.n, status);
	if (strcmp(p.fault, "hang") == 0)
		pause_ms(60000);
	spoil(c, &p);
	return send_answer(c, &p, status);
}

/* --- connections ------------------------------------------------------------ */

static int
fill(struct peer *c)
{
	ssize_t n = read(c->fd, buf_reserve(&c->in, 262144), 262144);

	if (n <= 0)
		return 0;
	c->in.len += (size_t)n;
	return 1;
}

static void *
serve(void *arg)
{
	struct peer *c = arg;
	int go = 1;

	c->redis = connect_redis(c->server->redis);
	while (go) {
		char *end = NULL;
		size_t head, length = 0;

		while ((end = c->in.len ? memmem(c->in.data, c->in.len, "\r\n\r\n", 4) : NULL) == NULL)
			if (!fill(c))
				goto done;
		head = (size_t)(end - c->in.data) + 4;
		for (char *p = c->in.data; p < c->in.data + head; p = strchr(p, '\n') + 1)
			if (strncasecmp(p, "content-length:", 15) == 0)
				length = strtoul(p + 15, NULL, 10);
		while (c->in.len < head + length)
			if (!fill(c))
				goto done;
		go = answer(c, (struct slice){c->in.data, head}, (struct slice){c->in.data + head, length});
		memmove(c->in.data, c->in.data + head + length, c->in.len - head - length);
		c->in.len -= head + length;
	}
done:
	close(c->fd);
	close(c->redis);
	buf_free(&c->in);
	buf_free(&c->from);
	buf_free(&c->out);
	free(c);
	return NULL;
}

static void
directive(struct plan *p, char *word, struct server *s)
{
	char *value = strchr(word, '=');

	if (value == NULL)
		return;
	*value++ = '\0';
	if (strcmp(word, "status") == 0)
		p->status = atoi(value);
	else if (strcmp(word, "latency") == 0)
		p->latency = atoi(value);
	else if (strcmp(word, "plain") == 0)
		p->plain = 1;
	else if (strcmp(word, "header") == 0)
		snprintf(p->header, sizeof(p->header), "%s", value);
	else if (strcmp(word, "fault") == 0)
		snprintf(p->fault, sizeof(p->fault), "%s", value);
	else if (strcmp(word, "message") == 0)
		snprintf(p->message, sizeof(p->message), "%s", value);
	else if (strcmp(word, "body") == 0)
		snprintf(p->body, sizeof(p->body), "%s", value);
	else if (strcmp(word, "log") == 0)
		s->log = fopen(value, "w");
	for (char *c = p->message; *c; c++)
		if (*c == '_')
			*c = ' ';
}

static void
read_plan(struct server *s, const char *path)
{
	FILE *f = fopen(path, "r");
	char line[1024];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		s->plans = realloc(s->plans, (s->count + 1) * sizeof(*s->plans));
		s->plans[s->count] = s->fallback;
		for (char *word = strtok(line, " \n"); word != NULL; word = strtok(NULL, " \n"))
			directive(&s->plans[s->count], word, s);
		s->count++;
	}
	if (f != NULL)
		fclose(f);
}

static void *
until_end(void *arg)
{
	char c;

	(void)arg;
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	_exit(0);
}

int
main(int argc, char **argv)
{
	struct server s = {.fallback = {.status = 200, .message = "ERR a reason"}, .lock = PTHREAD_MUTEX_INITIALIZER};
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int fd, one = 1;
	pthread_t t;

	signal(SIGPIPE, SIG_IGN);
	if (argc < 3)
		return 2;
	s.redis = argv[1];
	s.token = argv[2];
	for (int i = 3; i < argc; i++)
		if (strncmp(argv[i], "plan=", 5) != 0)
			directive(&s.fallback, argv[i], &s);
	for (int i = 3; i < argc; i++)
		if (strncmp(argv[i], "plan=", 5) == 0)
			read_plan(&s, argv[i] + 5);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(fd, 256) != 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) != 0)
		return 1;
	printf("%d\n", ntohs(a.sin_port));
	fflush(stdout);
	pthread_create(&t, NULL, until_end, NULL);
	for (;;) {
		struct peer *c = calloc(1, sizeof(*c));

		c->server = &s;
		c->fd = accept(fd, NULL, NULL);
		setsockopt(c->fd, IPPROTO_TCP, 1, &one, sizeof(one)); /* TCP_NODELAY */
		pthread_create(&t, NULL, serve, c);
		pthread_detach(t);
	}
}

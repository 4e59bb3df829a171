/* A scripted embeddings server for tests, on 127.0.0.1.
 *
 *     http serve [DIRECTIVE=VALUE]…    prints its port, serves until its stdin ends
 *     http check DIMS                  are the records on stdin (--encoding base64) each
 *                                      with the vector of its own content? counts them
 *
 * plan=FILE: line N is what becomes of request N, the directives of the command line, or of a line
 * "rest …", what becomes of all others. plans=DIR: the same for each number N in the path, /N/v1/…,
 * by the file DIR/N. bodies=FILE gets the body of each request, log=FILE a line for each: texts, base64 asked for, dimensions,
 * request line, f=requests in flight, c=number of the connection. late=MS: connections are refused
 * until then. Directives, several in a line:
 *
 *     status=N header=NAME:VALUE (~ for a space; several) body=FILE message=TEXT code=NAME
 *     latency=MS dims=N arrays=1 nobase64=1 noid=1 (no x-request-id) tokens=N (of each text)
 *     echo=1 (the key is repeated in the message, the id and a header)
 *     fault=NAME    few more reorder dup range word noindex someindex nan inf null zero dim odd html error
 *                   shape empty; of errors: quota (code=insufficient_quota) flat string; reset (no answer)
 *     wire=NAME     gzip gzipcut badgzip bomb encoding chunked chunkcut nolength close cut half garbage
 *                   resetat (at=BYTES) drip (at=PIECE) stall mute (never answers)
 *     shut=MS       the answer is a reset, and connections are refused for so long
 *     hold=MS       say retry-after-ms; with status 429, 503 or 529 and most=1 a request
 *                   that comes earlier is complained of
 *     most=N        more in flight than this is complained of: "complaint …" in the log
 *     limit=N       with more in flight than N: status 429
 *     quota=N window=MS   so many requests in each window, told by x-ratelimit-…, then status 429
 *
 * A text with BADTEXT in it makes its whole request a 400; one with HUGETEXT a 500, for good; one with
 * SICKTEXT a 503 that asks to come again. */
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>

#include "base/clock.h"
#include "base/json.h"
#include "body.h"
#include "wire.h"

enum { SCRIPTS = 1 << 16 };

/* Who is served by one plan. */
struct script {
	struct plan rest, *plans;
	size_t count, requests;
	int flying;
	int64_t window, used; /* of a quota: its start; ms */
	int64_t not_before;   /* ns */
};

struct server {
	struct plan base;
	const char *dir;
	struct script only, *scripts[SCRIPTS];
	FILE *log, *bodies;
	pthread_mutex_t lock;
	unsigned long connections, requests;
	int fd, late;
	volatile int shut;
	struct sockaddr_in address;
};

struct peer {
	struct server *server;
	int fd;
	unsigned long number;
	struct buf in;
};

/* A request that was understood. */
struct asked {
	struct slice *texts;
	size_t n, dims;
	int base64, bad, huge, sick;
	struct slice line, key, body;
	unsigned long number;
};

static int
check(size_t dims)
{
	struct buf scratch = {0};
	char *line = NULL;
	size_t room = 0, good = 0;
	ssize_t length;

	while ((length = getline(&line, &room, stdin)) > 0) {
		struct slice record, text;

		if (json_check((struct slice){line, (size_t)length}, &record, NULL) != 0)
			return 2;
		scratch.len = 0;
		text = json_text(json_get(record, "content"), &scratch);
		if (!vector_fits(json_get(record, "embedding"), text, dims)) {
			printf("wrong vector: %.60s\n", line);
			return 1;
		}
		good++;
	}
	printf("%zu\n", good);
	free(line);
	buf_free(&scratch);
	return 0;
}

/* --- requests --------------------------------------------------------------- */

static struct slice
header_of(struct slice head, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = head.p; p < head.p + head.n; p = strchr(p, '\n') + 1)
		if (strncasecmp(p, name, n) == 0 && p[n] == ':')
			return (struct slice){p + n + 1 + strspn(p + n + 1, " "),
			    strcspn(p + n + 1 + strspn(p + n + 1, " "), "\r\n")};
	return (struct slice){"", 0};
}

static int
understand(struct asked *a, struct slice head, struct slice body, struct buf *scratch)
{
	struct slice object, input, item;
	struct json_walk w;
	int64_t said;

	if (json_check(body, &object, NULL) != 0)
		return 0;
	a->body = body;
	a->line = (struct slice){head.p, strcspn(head.p, "\r")};
	a->key = header_of(head, "authorization");
	input = json_get(object, "input");
	for (w = json_walk(input); json_item(&w, &item); a->n++)
		;
	a->texts = malloc((a->n + 1) * sizeof(*a->texts));
	buf_reserve(scratch, body.n + 1);
	a->n = 0;
	for (w = json_walk(input); json_item(&w, &item); a->n++) {
		struct slice t = a->texts[a->n] = json_text(item, scratch);

		a->bad |= memmem(t.p, t.n, "BADTEXT", 7) != NULL;
		a->huge |= memmem(t.p, t.n, "HUGETEXT", 8) != NULL;
		a->sick |= memmem(t.p, t.n, "SICKTEXT", 8) != NULL;
	}
	a->base64 = json_get(object, "encoding_format").p != NULL;
	if (json_get(object, "dimensions").p != NULL && num_json_int(json_get(object, "dimensions"), &said))
		a->dims = (size_t)said;
	return 1;
}

/* The script that a request belongs to, by the number in its path. Under the lock. */
static struct script *
script_of(struct server *s, struct slice head)
{
	unsigned long n = strtoul(strchr(head.p, '/') + 1, NULL, 10);
	struct script *t;
	char path[300];

	if (s->dir == NULL)
		return &s->only;
	n %= SCRIPTS;
	if (s->scripts[n] != NULL)
		return s->scripts[n];
	t = s->scripts[n] = calloc(1, sizeof(*t));
	t->rest = s->base;
	snprintf(path, sizeof(path), "%s/%lu", s->dir, n);
	t->plans = plan_file(path, &t->rest, &t->count);
	return t;
}

static void
complain(struct server *s, struct slice line, const char *what)
{
	if (s->log != NULL)
		fprintf(s->log, "complaint %s: %.*s\n", what, (int)line.n, line.p);
}

/* Whether the server is too busy for this one: then *p says so. Under the lock. */
static void
ration(struct script *t, struct plan *p, char *extra, size_t room)
{
	int64_t now = clock_mono_ns() / 1000000;

	if (p->limit && t->flying > p->limit) {
		p->status = 429;
		snprintf(extra, room, "retry-after-ms: 5\r\n");
	}
	if (p->quota == 0)
		return;
	if (now >= t->window + p->window) {
		t->window = now;
		t->used = 0;
	}
	if (t->used++ >= p->quota)
		p->status = 429;
	snprintf(extra, room, "x-ratelimit-remaining-requests: %d\r\nx-ratelimit-reset-requests: %dms\r\n",
	    t->used < p->quota ? p->quota - (int)t->used : 0, (int)(t->window + p->window - now));
}

/* Its plan, and the headers that the plan needs. */
static struct script *
enter(struct peer *c, struct asked *a, struct slice head, struct plan *p, char *extra, size_t room)
{
	struct server *s = c->server;
	struct script *t;

	pthread_mutex_lock(&s->lock);
	t = script_of(s, head);
	*p = t->requests < t->count ? t->plans[t->requests] : t->rest;
	if (a->dims == 0)
		a->dims = (size_t)p->dims;
	t->requests++;
	t->flying++;
	a->number = s->requests++;
	if (p->most && t->flying > p->most)
		complain(s, a->line, "more in flight than allowed");
	if (p->most == 1 && clock_mono_ns() < t->not_before)
		complain(s, a->line, "earlier than was asked");
	if (a->sick) {
		p->status = 503;
		p->hold = 20;
	}
	ration(t, p, extra, room);
	if (p->hold)
		snprintf(extra, room, "retry-after-ms: %d\r\n", p->hold);
	if (p->hold && !a->bad && !a->huge && (p->status == 429 || p->status == 503 || p->status == 529)) {
		t->not_before = clock_mono_ns() + ((int64_t)p->hold - 1) * 1000000;
	}
	if (s->log != NULL)
		fprintf(s->log, "%zu %d %zu %.*s f=%d c=%lu\n", a->n, a->base64, a->dims, (int)a->line.n, a->line.p,
		    t->flying, c->number);
	if (s->log != NULL)
		fflush(s->log);
	if (s->bodies != NULL) {
		fprintf(s->bodies, "%.*s\n", (int)a->body.n, a->body.p);
		fflush(s->bodies);
	}
	pthread_mutex_unlock(&s->lock);
	return t;
}

/* --- answers ---------------------------------------------------------------- */

static int
make_body(const struct asked *a, struct plan *p, struct buf *out, const char **type)
{
	char message[600];

	snprintf(message, sizeof(message), "%s%.*s", p->message, p->echo ? (int)a->key.n : 0, a->key.p);
	*type = "application/json";
	if (p->nobase64 && a->base64) {
		body_error(out, p, "unknown field encoding_format");
		return 400;
	}
	if (a->bad || a->huge) {
		body_error(out, p, a->huge ? "input is too large to process" : "bad text in the input");
		return a->huge ? 500 : 400;
	}
	if (p->body[0]) {
		body_file(out, p->body);
	} else if (plan_is(p->fault, "html")) {
		buf_format(out, "<html>%s</html>", message);
		*type = "text/html";
	} else if (p->status != 200 || plan_is(p->fault, "error")) {
		body_error(out, p, message);
	} else if (plan_is(p->fault, "shape")) {
		buf_string(out, "{\"data\":[1,2,3]}");
	} else if (!plan_is(p->fault, "empty")) {
		body_data(out, p, a->texts, a->n, a->dims, a->base64 && !p->arrays);
	}
	return p->status;
}

static int
send_answer(struct peer *c, const struct asked *a, struct plan *p, const char *more)
{
	struct buf out = {0}, extra = {0};
	const char *type;
	int status = make_body(a, p, &out, &type), keep;

	if (!p->noid)
		buf_format(&extra, "x-request-id: req-%d-%lu%.*s\r\n", (int)getpid(), a->number,
		    p->echo ? (int)a->key.n : 0, a->key.p);
	if (p->echo)
		buf_format(&extra, "x-seen: %.*s\r\n", (int)a->key.n, a->key.p);
	buf_string(&extra, more);
	keep = wire_send(c->fd, p, buf_cstr(&extra), status, &out, type);
	buf_free(&out);
	buf_free(&extra);
	return keep;
}

/* 0: close. */
static int
answer(struct peer *c, struct slice head, struct slice body)
{
	struct server *s = c->server;
	struct asked a = {0};
	struct buf scratch = {0};
	struct plan p;
	char extra[200] = "";
	int keep = 0;
	struct script *t;

	if (!understand(&a, head, body, &scratch))
		return 0;
	t = enter(c, &a, head, &p, extra, sizeof(extra));
	if (p.latency)
		wire_pause(p.latency);
	pthread_mutex_lock(&s->lock); /* before the answer, which may bring the next request at once */
	t->flying--;
	pthread_mutex_unlock(&s->lock);
	if (p.shut) {
		s->shut = p.shut;
		shutdown(s->fd, SHUT_RDWR);
	}
	if (wire_has(&p, "mute"))
		wire_stall(c->fd);
	else if (plan_is(p.fault, "reset") || p.shut)
		wire_reset(c->fd);
	else
		keep = send_answer(c, &a, &p, extra);
	free(a.texts);
	buf_free(&scratch);
	return keep;
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

/* Somebody speaks TLS, which we do not. */
static int
is_tls(const struct peer *c)
{
	return c->in.data[0] == 0x16 && wire_write(c->fd, "HTTP/1.1 400 X\r\n\r\n", 18);
}

static void *
serve(void *arg)
{
	struct peer *c = arg;
	int go = 1;

	while (go) {
		char *end;
		size_t head, length;

		while ((end = c->in.len ? memmem(c->in.data, c->in.len, "\r\n\r\n", 4) : NULL) == NULL)
			if (!fill(c) || is_tls(c))
				goto done;
		head = (size_t)(end - c->in.data) + 4;
		length = strtoul(header_of((struct slice){c->in.data, head}, "content-length").p, NULL, 10);
		while (c->in.len < head + length)
			if (!fill(c))
				goto done;
		go = answer(c, (struct slice){c->in.data, head}, (struct slice){c->in.data + head, length});
		memmove(c->in.data, c->in.data + head + length, c->in.len - head - length);
		c->in.len -= head + length;
	}
done:
	close(c->fd);
	buf_free(&c->in);
	free(c);
	return NULL;
}

/* --- the whole -------------------------------------------------------------- */

static void *
until_end(void *arg)
{
	char c;

	(void)arg;
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	_exit(0);
}

/* A socket of the server's port that refuses connections; the first has any port. */
static int
bind_it(struct server *s)
{
	socklen_t n = sizeof(s->address);
	int one = 1;

	s->fd = socket(AF_INET, SOCK_STREAM, 0);
	return s->fd >= 0 && setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
	    bind(s->fd, (struct sockaddr *)&s->address, n) == 0 &&
	    getsockname(s->fd, (struct sockaddr *)&s->address, &n) == 0;
}

static void
accept_all(struct server *s)
{
	struct peer *c;
	pthread_t t;
	int fd, one = 1;

	while ((fd = accept(s->fd, NULL, NULL)) >= 0) {
		c = calloc(1, sizeof(*c));
		c->server = s;
		c->fd = fd;
		c->number = ++s->connections;
		setsockopt(c->fd, IPPROTO_TCP, 1, &one, sizeof(one)); /* TCP_NODELAY */
		pthread_create(&t, NULL, serve, c);
		pthread_detach(t);
	}
}

/* Emptied now, and written where its end is, should the test empty it again. */
static FILE *
new_file(const char *path)
{
	FILE *f = fopen(path, "w");

	return f != NULL ? freopen(path, "a", f) : NULL;
}

static void
read_arguments(struct server *s, char **words, int count)
{
	const char *plan = NULL;

	for (int i = 0; i < count; i++) {
		if (plan_word(&s->base, words[i]) == 0)
			continue;
		if (strncmp(words[i], "plan=", 5) == 0)
			plan = words[i] + 5;
		else if (strncmp(words[i], "plans=", 6) == 0)
			s->dir = words[i] + 6;
		else if (strncmp(words[i], "log=", 4) == 0)
			s->log = new_file(words[i] + 4);
		else if (strncmp(words[i], "bodies=", 7) == 0)
			s->bodies = new_file(words[i] + 7);
		else if (strncmp(words[i], "late=", 5) == 0)
			s->late = atoi(words[i] + 5);
	}
	s->only.rest = s->base;
	if (plan != NULL)
		s->only.plans = plan_file(plan, &s->only.rest, &s->only.count);
}

int
main(int argc, char **argv)
{
	static struct server s = {
		.base = {.status = 200, .dims = 8, .tokens = 7, .message = "a reason"},
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.address = {.sin_family = AF_INET}
	};
	pthread_t t;

	signal(SIGPIPE, SIG_IGN);
	if (argc > 2 && strcmp(argv[1], "check") == 0)
		return check((size_t)atoi(argv[2]));
	s.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	read_arguments(&s, argv + 2, argc > 2 ? argc - 2 : 0);
	if (!bind_it(&s) || (s.late == 0 && listen(s.fd, 256) != 0))
		return 1;
	printf("%d\n", ntohs(s.address.sin_port));
	fflush(stdout);
	pthread_create(&t, NULL, until_end, NULL);
	wire_pause(s.late);
	for (;;) {
		if (listen(s.fd, 256) != 0)
			return 1;
		accept_all(&s);
		close(s.fd);
		if (s.shut)
			wire_pause(s.shut);
		for (int i = 0; i < 100 && !bind_it(&s); i++)
			wire_pause(10);
	}
}

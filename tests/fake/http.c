/* A scripted embeddings server for tests, on 127.0.0.1.
 *
 *     http serve [DIRECTIVE=VALUE]…    prints its port, serves until its stdin ends
 *     http check DIMS                  are the records on stdin (--encoding base64) each
 *                                      with the vector of its own content? counts them
 *
 * plan=FILE: line N is what becomes of request N (the rest: directives of the command line);
 * log=FILE gets a line for each request. Directives, several in a line:
 *     status=N header=NAME:VALUE body=FILE fault=NAME message=TEXT_WITH_UNDERSCORES latency=MS
 *     dims=N arrays=1 nobase64=1 random=PERCENT (with a /SEED/ in the path)
 *     tokens=N (each text is said to have) noid=1 (no x-request-id) bodies=FILE (gets what is asked)
 * A text with BADTEXT in it makes its whole request a 400; one with HUGETEXT a 500. */
#include <arpa/inet.h>
#include <math.h>
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

#include "base/base64.h"
#include "base/json.h"
#include "base/num.h"

struct plan {
	int status, latency, dims, arrays, nobase64, random, noid;
	size_t tokens;
	char header[200], body[200], fault[40], message[200];
};

struct server {
	struct plan fallback;
	struct plan *plans;
	size_t count;
	FILE *log, *bodies;
	pthread_mutex_t lock;
	atomic_ulong requests;
	atomic_int flying, most;
};

struct peer {
	struct server *server;
	int fd;
	struct buf in;
};

static const char *const faults[] = {
	"few", "more", "reorder", "dup", "nan", "inf", "zero", "dim", "html", "cut", "error", "reset", "noindex", "429",
	"500", "503", "408", "shape", "empty", "plain"
};

/* --- vectors ---------------------------------------------------------------- */

static void
vector_of(struct slice text, float *v, size_t dims)
{
	uint64_t h = 0xcbf29ce484222325u;
	double square = 0;

	for (size_t i = 0; i < text.n; i++)
		h = (h ^ (unsigned char)text.p[i]) * 0x100000001b3u;
	for (size_t i = 0; i < dims; i++) {
		h = h * 6364136223846793005u + 1442695040888963407u;
		v[i] = (float)((double)(h >> 40) / 8388608.0 - 1);
		square += (double)v[i] * (double)v[i];
	}
	for (size_t i = 0; i < dims; i++)
		v[i] = (float)((double)v[i] / sqrt(square));
}

static int
check(size_t dims)
{
	float *want = malloc(dims * sizeof(float)), *got = malloc(dims * sizeof(float) + 8);
	struct buf scratch = {0};
	char *line = NULL;
	size_t room = 0, n, good = 0;
	ssize_t length;

	while ((length = getline(&line, &room, stdin)) > 0) {
		struct slice record, value, text;

		if (json_check((struct slice){line, (size_t)length}, &record, NULL) != 0)
			return 2;
		scratch.len = 0;
		text = json_text(json_get(record, "content"), &scratch);
		value = json_get(record, "embedding");
		vector_of(text, want, dims);
		if (value.n - 2 > (dims * 4 + 2) / 3 * 4 ||
		    !base64_decode((struct slice){value.p + 1, value.n - 2}, (unsigned char *)got, &n) ||
		    n != dims * 4 || memcmp(got, want, n) != 0) {
			printf("wrong vector: %.60s\n", line);
			return 1;
		}
		good++;
	}
	printf("%zu\n", good);
	free(line);
	free(want);
	free(got);
	buf_free(&scratch);
	return 0;
}

/* --- answers ---------------------------------------------------------------- */

static void
add_vector(struct buf *b, const struct plan *p, struct slice text, size_t dims, int base64)
{
	float *v = malloc((dims + 1) * sizeof(float));

	if (strcmp(p->fault, "dim") == 0)
		dims++;
	vector_of(text, v, dims);
	if (strcmp(p->fault, "zero") == 0)
		memset(v, 0, dims * sizeof(float));
	if (base64 && strcmp(p->fault, "nan") == 0)
		v[dims / 2] = NAN;
	if (base64 && strcmp(p->fault, "inf") == 0)
		v[dims / 2] = INFINITY;
	if (base64) {
		buf_byte(b, '"');
		base64_add(b, v, dims * sizeof(float));
		buf_byte(b, '"');
	} else {
		for (size_t i = 0; i < dims; i++) {
			buf_byte(b, i ? ',' : '[');
			if (i == dims / 2 && strcmp(p->fault, "nan") == 0)
				buf_string(b, "NaN");
			else if (i == dims / 2 && strcmp(p->fault, "inf") == 0)
				buf_string(b, "1e999");
			else
				num_add_float(b, v[i]);
		}
		buf_byte(b, ']');
	}
	free(v);
}

static void
add_data(struct buf *b, const struct plan *p, struct slice *texts, size_t n, size_t dims, int base64)
{
	size_t items = n;

	if (strcmp(p->fault, "few") == 0)
		items = n - 1;
	if (strcmp(p->fault, "more") == 0)
		items = n + 1;
	buf_string(b, "{\"object\":\"list\",\"data\":[");
	for (size_t k = 0; k < items; k++) {
		size_t i = strcmp(p->fault, "reorder") == 0 ? items - 1 - k : k;

		if (k)
			buf_byte(b, ',');
		buf_string(b, "{\"object\":\"embedding\",");
		if (strcmp(p->fault, "noindex") != 0)
			buf_format(b, "\"index\":%zu,", strcmp(p->fault, "dup") == 0 ? 0 : i);
		buf_string(b, "\"embedding\":");
		add_vector(b, p, texts[i % n], dims, base64);
		buf_byte(b, '}');
	}
	buf_format(b, "],\"model\":\"fake\",\"usage\":{\"prompt_tokens\":%zu,\"total_tokens\":%zu}}",
	    n * p->tokens, n * p->tokens);
}

static void
write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t done = write(fd, p, n);

		if (done <= 0)
			return;
		p += done;
		n -= (size_t)done;
	}
}

static void
pause_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

/* 0: close the connection. */
static int
send_answer(int fd, const struct plan *p, unsigned long number, int status, const struct buf *body, const char *type)
{
	struct buf head = {0};
	size_t said = body->len + (strcmp(p->fault, "cut") == 0 ? 100 : 0), half = body->len / 2;
	int keep = 1;

	buf_format(&head, "HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %zu\r\n", status, type, said);
	if (!p->noid)
		buf_format(&head, "x-request-id: req-%d-%lu\r\n", (int)getpid(), number);
	if (p->header[0])
		buf_format(&head, "%s\r\n", p->header);
	buf_string(&head, "\r\n");
	write_all(fd, head.data, head.len);
	if (strcmp(p->fault, "drip") == 0) {
		for (size_t i = 0; i < body->len; i++) {
			if (send(fd, body->data + i, 1, MSG_NOSIGNAL) != 1)
				break;
			pause_ms(50);
		}
	} else if (strcmp(p->fault, "half") == 0) {
		write_all(fd, body->data, half);
		keep = 0;
	} else {
		write_all(fd, body->data, body->len);
	}
	if (strcmp(p->fault, "cut") == 0)
		keep = 0;
	buf_free(&head);
	return keep;
}

static void
file_body(struct buf *b, const char *path)
{
	FILE *f = fopen(path, "rb");
	size_t n;

	while (f != NULL && (n = fread(buf_reserve(b, 65536), 1, 65536, f)) > 0)
		b->len += n;
	if (f != NULL)
		fclose(f);
}

static void
add_error(struct buf *b, const struct plan *p, const char *message)
{
	if (strcmp(p->fault, "flat") == 0)
		buf_format(b, "{\"object\":\"error\",\"message\":\"%s\",\"code\":400}", message);
	else if (strcmp(p->fault, "string") == 0)
		buf_format(b, "{\"error\":\"%s\"}", message);
	else
		buf_format(b, "{\"error\":{\"message\":\"%s\",\"type\":\"%s\",\"code\":%s}}", message,
		    strcmp(p->fault, "quota") == 0 ? "insufficient_quota" : "some_type",
		    strcmp(p->fault, "quota") == 0 ? "\"insufficient_quota\"" : "null");
}

/* A random fault becomes what the directives would say. */
static void
draw(struct plan *p, uint64_t seed)
{
	uint64_t r = (seed + 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u;
	int status;

	r ^= r >> 31;
	r *= 0x94d049bb133111ebu;
	r ^= r >> 29;
	if ((int)(r % 100) >= p->random)
		return;
	snprintf(p->fault, sizeof(p->fault), "%s", faults[(r >> 8) % (sizeof(faults) / sizeof(faults[0]))]);
	status = atoi(p->fault);
	if (status) {
		p->status = status;
		snprintf(p->header, sizeof(p->header), "retry-after-ms: %d", (int)(r >> 40) % 5);
	}
}

/* 0: close. */
static int
answer(struct peer *c, struct slice body, struct slice head)
{
	struct server *s = c->server;
	unsigned long number = atomic_fetch_add(&s->requests, 1);
	struct plan p = number < s->count ? s->plans[number] : s->fallback;
	struct slice object, input, item, *texts;
	size_t n = 0, dims = (size_t)p.dims;
	struct buf out = {0}, scratch = {0};
	int64_t asked;
	struct json_walk w;
	int base64, keep, bad = 0, huge = 0, now = atomic_fetch_add(&s->flying, 1) + 1;

	if (now > atomic_load(&s->most))
		atomic_store(&s->most, now);
	if (p.random)
		draw(&p, number * 7919 + strtoul(strchr(head.p, '/') + 1, NULL, 10) * 104729);
	if (json_check(body, &object, NULL) != 0)
		return 0;
	input = json_get(object, "input");
	for (w = json_walk(input); json_item(&w, &item); n++)
		;
	texts = malloc((n + 1) * sizeof(*texts));
	buf_reserve(&scratch, body.n + 1);
	n = 0;
	for (w = json_walk(input); json_item(&w, &item);) {
		texts[n] = json_text(item, &scratch);
		bad |= memmem(texts[n].p, texts[n].n, "BADTEXT", 7) != NULL;
		huge |= memmem(texts[n].p, texts[n].n, "HUGETEXT", 8) != NULL;
		n++;
	}
	base64 = json_get(object, "encoding_format").p != NULL;
	if (json_get(object, "dimensions").p != NULL && num_json_int(json_get(object, "dimensions"), &asked))
		dims = (size_t)asked;
	if (s->bodies != NULL) {
		pthread_mutex_lock(&s->lock);
		fprintf(s->bodies, "%.*s\n", (int)body.n, body.p);
		fflush(s->bodies);
		pthread_mutex_unlock(&s->lock);
	}
	if (s->log != NULL) {
		pthread_mutex_lock(&s->lock);
		fprintf(s->log, "%zu %d %zu %.*s\n", n, base64, dims, (int)strcspn(head.p, "\r"), head.p);
		fflush(s->log);
		pthread_mutex_unlock(&s->lock);
	}
	if (p.latency)
		pause_ms(p.latency);
	keep = 1;
	if (strcmp(p.fault, "reset") == 0) {
		keep = 0;
	} else if (p.nobase64 && base64) {
		add_error(&out, &p, "unknown field encoding_format");
		keep = send_answer(c->fd, &p, number, 400, &out, "application/json");
	} else if (bad || huge) {
		add_error(&out, &p, huge ? "input is too large to process" : "bad text in the input");
		keep = send_answer(c->fd, &p, number, huge ? 500 : 400, &out, "application/json");
	} else if (p.body[0]) {
		file_body(&out, p.body);
		keep = send_answer(c->fd, &p, number, p.status, &out, "application/json");
	} else if (strcmp(p.fault, "html") == 0) {
		buf_string(&out, "<html>It works</html>");
		keep = send_answer(c->fd, &p, number, 200, &out, "text/html");
	} else if (p.status != 200 || strcmp(p.fault, "error") == 0) {
		add_error(&out, &p, p.message);
		keep = send_answer(c->fd, &p, number, p.status, &out, "application/json");
	} else {
		if (strcmp(p.fault, "shape") == 0)
			buf_string(&out, "{\"data\":[1,2,3]}");
		else if (strcmp(p.fault, "empty") != 0)
			add_data(&out, &p, texts, n, dims, base64 && !p.arrays);
		keep = send_answer(c->fd, &p, number, 200, &out, "application/json");
	}
	atomic_fetch_sub(&s->flying, 1);
	free(texts);
	buf_free(&out);
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

static void *
serve(void *arg)
{
	struct peer *c = arg;
	int go = 1;

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
		go = answer(c, (struct slice){c->in.data + head, length}, (struct slice){c->in.data, head});
		memmove(c->in.data, c->in.data + head + length, c->in.len - head - length);
		c->in.len -= head + length;
	}
done:
	close(c->fd);
	buf_free(&c->in);
	free(c);
	return NULL;
}

/* Emptied now, and written where its end is, should the test empty it again. */
static FILE *
new_file(const char *path)
{
	FILE *f = fopen(path, "w");

	return f != NULL ? freopen(path, "a", f) : NULL;
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
	else if (strcmp(word, "dims") == 0)
		p->dims = atoi(value);
	else if (strcmp(word, "arrays") == 0)
		p->arrays = 1;
	else if (strcmp(word, "nobase64") == 0)
		p->nobase64 = 1;
	else if (strcmp(word, "tokens") == 0)
		p->tokens = (size_t)atoi(value);
	else if (strcmp(word, "noid") == 0)
		p->noid = 1;
	else if (strcmp(word, "random") == 0)
		p->random = atoi(value);
	else if (strcmp(word, "header") == 0)
		snprintf(p->header, sizeof(p->header), "%s", value);
	else if (strcmp(word, "body") == 0)
		snprintf(p->body, sizeof(p->body), "%s", value);
	else if (strcmp(word, "fault") == 0)
		snprintf(p->fault, sizeof(p->fault), "%s", value);
	else if (strcmp(word, "message") == 0)
		snprintf(p->message, sizeof(p->message), "%s", value);
	else if (strcmp(word, "log") == 0)
		s->log = new_file(value);
	else if (strcmp(word, "bodies") == 0)
		s->bodies = new_file(value);
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
	struct server s = {.fallback = {.status = 200, .dims = 8, .tokens = 7, .message = "a reason"},
	    .lock = PTHREAD_MUTEX_INITIALIZER};
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int fd, one = 1;
	pthread_t t;

	signal(SIGPIPE, SIG_IGN);
	if (argc > 2 && strcmp(argv[1], "check") == 0)
		return check((size_t)atoi(argv[2]));
	for (int i = 2; i < argc; i++)
		if (strncmp(argv[i], "plan=", 5) != 0)
			directive(&s.fallback, argv[i], &s);
	for (int i = 2; i < argc; i++)
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

/* Commands to a Redis server by way of net/redis.h, as a script on stdin says.
 *
 *     redis URL [connect=SECONDS] [timeout=SECONDS] [max=BYTES]
 *
 * A line is one call of redis_run(): words, with %XX for a byte; commands are separated by ";".
 * The key of a command is its first argument, or what "=N" before it says (0: none); "@N" before it
 * names a node. Replies are printed a line each, failures as "error CODE text".
 *     *N COMMAND [=> TEXT]   N times in one call, "#" being the number; prints how many replies were TEXT
 *     !COMMAND               for the shell
 *     ?nodes ?cluster ?name  what redis_…() says
 *     ?refusal COMMAND       what redis_refusal() says to its reply
 * SIGTERM is the question to stop. With C1V_TEST_TIME set, stderr has the time of each "*". */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/redis.h"

enum { WORDS = 64, COMMANDS = 64 };

static volatile sig_atomic_t stopped;

static void
on_signal(int number)
{
	(void)number;
	stopped = 1;
}

static int
is_stopped(void)
{
	return stopped;
}

/* --- words ------------------------------------------------------------------ */

struct line {
	struct slice words[WORDS];
	struct redis_command commands[COMMANDS];
	size_t count;
	struct arena arena;
};

static struct slice
decoded(struct arena *a, const char *word)
{
	char *out = arena_bytes(a, word, strlen(word));
	size_t n = 0;

	for (const char *p = word; *p; p++) {
		unsigned byte;

		if (*p == '%' && sscanf(p + 1, "%2x", &byte) == 1) {
			out[n++] = (char)byte;
			p += 2;
		} else {
			out[n++] = *p;
		}
	}
	return (struct slice){out, n};
}

static void
parse(struct line *l, char *text)
{
	struct redis_command *c = NULL;
	size_t n = 0;

	l->count = 0;
	arena_reset(&l->arena);
	for (char *word = strtok(text, " "); word != NULL && n < WORDS; word = strtok(NULL, " ")) {
		if (strcmp(word, ";") == 0) {
			c = NULL;
			continue;
		}
		if (c == NULL) {
			c = &l->commands[l->count++];
			*c = (struct redis_command){.args = &l->words[n], .key = 1};
		}
		if (c->count == 0 && *word == '=')
			c->key = (size_t)atoi(word + 1);
		else if (c->count == 0 && *word == '@')
			c->node = (size_t)atoi(word + 1);
		else {
			l->words[n++] = decoded(&l->arena, word);
			c->count++;
		}
	}
	for (size_t i = 0; i < l->count; i++)
		if (l->commands[i].key >= l->commands[i].count)
			l->commands[i].key = 0;
}

/* --- replies ---------------------------------------------------------------- */

static void
show_text(struct slice s)
{
	for (size_t i = 0; i < s.n && i < 200; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < ' ' || c > '~' || c == '"' || c == '%')
			printf("%%%02x", c);
		else
			putchar(c);
	}
	if (s.n > 200)
		printf("… (%zu)", s.n);
}

static void
show(const struct redis_reply *r)
{
	switch (r->type) {
	case REDIS_NIL:
		printf("nil");
		break;
	case REDIS_INTEGER:
		printf(":%lld", (long long)r->integer);
		break;
	case REDIS_ARRAY:
		printf("[");
		for (size_t i = 0; i < r->count && i < 100; i++) {
			printf("%s", i ? " " : "");
			show(&r->items[i]);
		}
		printf(r->count > 100 ? " … %zu]" : "]", r->count);
		break;
	default:
		printf("%s", r->type == REDIS_STATUS ? "+" : r->type == REDIS_ERROR ? "-" : "\"");
		show_text(r->text);
		if (r->type == REDIS_STRING)
			printf("\"");
	}
}

static void
show_error(const struct err *e)
{
	printf("error %d %s%s%s\n", e->code, e->text, *e->hint ? " | " : "", e->hint);
}

/* --- runs ------------------------------------------------------------------- */

static void
run_line(struct redis *r, char *text, int judge)
{
	static struct line l;
	struct redis_reply replies[COMMANDS];
	struct err e = {0};

	parse(&l, text);
	if (redis_run(r, l.commands, l.count, replies, &e) != 0) {
		show_error(&e);
		return;
	}
	for (size_t i = 0; i < l.count; i++) {
		if (judge && replies[i].type == REDIS_ERROR) {
			redis_refusal(r, &replies[i], &e);
			show_error(&e);
			continue;
		}
		show(&replies[i]);
		putchar('\n');
	}
}

static struct slice
numbered(struct arena *a, struct slice word, size_t number)
{
	char text[24];
	size_t digits = (size_t)snprintf(text, sizeof(text), "%zu", number), n = 0;
	char *out;

	if (word.n == 0 || memchr(word.p, '#', word.n) == NULL)
		return word;
	out = arena_alloc(a, word.n * 24 + 1);
	for (size_t i = 0; i < word.n; i++) {
		if (word.p[i] == '#') {
			memcpy(out + n, text, digits);
			n += digits;
		} else {
			out[n++] = word.p[i];
		}
	}
	return (struct slice){out, n};
}

static void
run_many(struct redis *r, char *text)
{
	static struct line l;
	size_t n = strtoul(text, &text, 10), right = 0, errors = 0;
	char *want = strstr(text, " => ");
	struct redis_command *commands = calloc(n, sizeof(*commands));
	struct redis_reply *replies = calloc(n, sizeof(*replies));
	struct slice *words, expected;
	struct err e = {0};
	int64_t start;

	if (want != NULL)
		*want = '\0';
	parse(&l, text);
	expected = want ? decoded(&l.arena, want + 4) : SLICE_NONE;
	words = calloc(n * l.commands[0].count, sizeof(*words));
	for (size_t i = 0; i < n; i++) {
		commands[i] = l.commands[0];
		commands[i].args = words + i * commands[i].count;
		for (size_t k = 0; k < commands[i].count; k++)
			words[i * commands[i].count + k] = numbered(&l.arena, l.words[k], i);
	}
	start = clock_mono_ns();
	if (redis_run(r, commands, n, replies, &e) != 0)
		show_error(&e);
	else {
		if (getenv("C1V_TEST_TIME"))
			fprintf(stderr, "%zu commands: %.2f us each\n", n, clock_seconds_since(start) * 1e6 / (double)n);
		for (size_t i = 0; i < n; i++) {
			right += slice_equal(replies[i].text, numbered(&l.arena, expected, i));
			errors += replies[i].type == REDIS_ERROR;
		}
		printf("%zu right, %zu errors\n", right, errors);
	}
	free(words);
	free(commands);
	free(replies);
}

static void
ask(struct redis *r, char *what)
{
	struct err e = {0};
	size_t n;

	if (strcmp(what, "name") == 0) {
		printf("%s\n", redis_name(r));
	} else if (strcmp(what, "cluster") == 0) {
		printf("cluster %d\n", redis_cluster(r));
	} else if (strcmp(what, "nodes") == 0) {
		n = redis_nodes(r, &e);
		if (n)
			printf("nodes %zu\n", n);
		else
			show_error(&e);
	} else if (strncmp(what, "refusal ", 8) == 0) {
		run_line(r, what + 8, 1);
	}
}

int
main(int argc, char **argv)
{
	struct redis_options o = {.url = argc > 1 ? argv[1] : "", .stop = is_stopped};
	struct sigaction a = {.sa_handler = on_signal};
	struct redis *r;
	struct err e = {0};
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	for (int i = 2; i < argc; i++) {
		const char *value = strchr(argv[i], '=') + 1;

		if (*argv[i] == 'c')
			o.connect_timeout = atof(value);
		else if (*argv[i] == 't')
			o.command_timeout = atof(value);
		else
			o.max_reply = strtoul(value, NULL, 10);
	}
	sigaction(SIGTERM, &a, NULL);
	if (redis_open(&o, &r, &e) != 0) {
		show_error(&e);
		return e.code;
	}
	while ((n = getline(&line, &room, stdin)) > 0) {
		line[n - (line[n - 1] == '\n')] = '\0';
		if (*line == '!' && system(line + 1) != 0)
			printf("failed: %s\n", line);
		else if (*line == '*')
			run_many(r, line + 1);
		else if (*line == '?')
			ask(r, line + 1);
		else if (*line && *line != '!')
			run_line(r, line, 0);
		fflush(stdout);
	}
	free(line);
	redis_close(r);
	return 0;
}

/* cache_run: run a command, or write what it wrote last time. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/num.h"
#include "base/sha.h"
#include "cache_run.h"
#include "cache_tool.h"
#include "record/record.h"

enum { KEY_ROOM = 80, WAIT_FIRST_MS = 5, WAIT_MOST_MS = 100 };

struct run {
	struct tool *t;
	struct file input;       /* of the command, read first, for it is part of the key */
	int has_input;
	char key[KEY_ROOM];
	int64_t ttl_ms, stale_ms;
	int64_t beaten;          /* when the lock was last held on to, monotonic ns */
};

/* --- the key ------------------------------------------------------------------------------ */

/* A terminal is nobody's input; everything else is read to its end. */
static int
read_input(struct run *r)
{
	if (isatty(STDIN_FILENO))
		return 0;
	r->has_input = 1;
	return file_open(&r->input, "-", CACHE_VALUE_MAX, &r->t->cli->err);
}

/* Fields: "run", the directory (absent without --cwd), the number of arguments, each, each variable
 * NAME and its value (absent when not set), the input (absent of a terminal). */
static void
make_key(struct run *r)
{
	const struct settings *s = r->t->s;
	uint8_t sum[SHA_SIZE];
	char count[24], *cwd = s->cwd ? getcwd(NULL, 0) : NULL;
	struct sha h;

	snprintf(count, sizeof(count), "%zu", r->t->word_count);
	sha_start(&h);
	sha_field(&h, SLICE("run"));
	sha_field(&h, slice_of(cwd));
	sha_field(&h, slice_of(count));
	for (size_t i = 0; i < r->t->word_count; i++)
		sha_field(&h, slice_of(r->t->words[i]));
	for (size_t i = 0; i < s->key_env.count; i++) {
		sha_field(&h, slice_of(s->key_env.items[i]));
		sha_field(&h, slice_of(getenv(s->key_env.items[i])));
	}
	sha_field(&h, r->has_input ? r->input.text : SLICE_NONE);
	sha_end(&h, sum);
	memcpy(r->key, "run:", 4);
	sha_hex(sum, r->key + 4);
	free(cwd);
}

/* --- what is kept ---------------------------------------------------------------------------
 * A line of JSON, {"status":0,"until":MS}, and the output as it was. `until`: fresh. */

enum state { MISSING, FRESH, STALE };

/* Write a kept output. */
static enum state
look(struct run *r, int *status, int *rc)
{
	struct slice key = slice_of(r->key), value = SLICE_NONE, head, field;
	struct out *o = &r->t->cli->out;
	const char *end;
	int64_t until, code;

	*rc = cache_get(r->t->cache, &key, 1, &value, &r->t->cli->err);
	end = value.p ? memchr(value.p, '\n', value.n) : NULL;
	if (*rc != 0 || end == NULL ||
	    json_check((struct slice){value.p, (size_t)(end - value.p)}, &head, NULL) != 0 ||
	    json_type(head) != JSON_OBJECT)
		return MISSING;
	field = json_get(head, "until");
	if (field.p == NULL || !num_json_int(field, &until))
		return MISSING;
	field = json_get(head, "status");
	if (field.p == NULL || !num_json_int(field, &code))
		return MISSING;
	if (clock_wall_ms() >= until && clock_wall_ms() >= until + r->stale_ms)
		return MISSING;
	*status = (int)code;
	buf_add(&o->buf, end + 1, (size_t)(value.p + value.n - end - 1));
	*rc = out_flush(o, &r->t->cli->err);
	return clock_wall_ms() < until ? FRESH : STALE;
}

static int
keep(struct run *r, const struct child *c)
{
	size_t tag_count = r->t->s->tags.count;
	struct slice *tags = arena_alloc(&r->t->arena, (tag_count + 1) * sizeof(*tags));
	struct cache_entry entry = {
		.key = slice_of(r->key), .ttl_ms = r->ttl_ms + r->stale_ms, .tags = tags, .tag_count = tag_count
	};
	struct buf value = {0};
	struct err *e = &r->t->cli->err;
	int rc;

	for (size_t i = 0; i < tag_count; i++)
		tags[i] = slice_of(r->t->s->tags.items[i]);
	if (entry.ttl_ms > CACHE_TTL_MAX)
		entry.ttl_ms = CACHE_TTL_MAX;
	buf_format(&value, "{\"status\":%d,\"until\":%lld}\n", c->status, (long long)(clock_wall_ms() + r->ttl_ms));
	buf_add(&value, c->output.data, c->output.len);
	entry.value = buf_as_slice(&value);
	rc = cache_set(r->t->cache, &entry, 1, e);
	buf_free(&value);
	return rc;
}

/* --- running -------------------------------------------------------------------------------- */

static int
pass(void *arg, const char *p, size_t n, struct err *e)
{
	struct run *r = arg;

	buf_add(&r->t->cli->out.buf, p, n);
	return out_flush(&r->t->cli->out, e);
}

/* Hold on to the lock while the command works. */
static int
beat(void *arg, struct err *e)
{
	struct run *r = arg;

	if (clock_seconds_since(r->beaten) * 1000 >= CACHE_HOLD_MS / 4.0) {
		r->beaten = clock_mono_ns();
		cache_hold(r->t->cache, e);
	}
	return cli_interrupted(e);
}

static int
run_command(struct run *r, int silent, int *status)
{
	const char **argv = arena_alloc(&r->t->arena, (r->t->word_count + 1) * sizeof(*argv));
	struct child c = {
		.argv = argv, .input = r->has_input ? r->input.text : SLICE_NONE,
		.most = CACHE_VALUE_MAX / 2, .pass = silent ? NULL : pass, .beat = beat, .arg = r
	};
	int rc;

	memcpy(argv, r->t->words, r->t->word_count * sizeof(*argv));
	argv[r->t->word_count] = NULL;
	r->beaten = clock_mono_ns();
	rc = child_run(&c, &r->t->cli->err);
	*status = c.status;
	if (rc == 0 && c.status == 0 && c.kept && !r->t->s->no_store)
		rc = keep(r, &c);
	buf_free(&c.output);
	return rc;
}

/* The old output has been written: a process of its own makes a new one, if nobody does so already. */
static int
revalidate(struct run *r)
{
	int null, status;

	/* An open cache cannot be shared with a child. */
	cache_close(r->t->cache);
	r->t->cache = NULL;
	if (fork() != 0)
		return 0; /* when it could not be made, the next call tries again */
	setsid();
	null = open("/dev/null", O_RDWR);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	if (tool_cache(r->t, 1) == 0) {
		int got = 0;

		if (cache_lock(r->t->cache, slice_of(r->key), &got, &r->t->cli->err) == 0 && got)
			run_command(r, 1, &status);
		cache_close(r->t->cache);
	}
	_exit(0);
}

/* Be the one who runs the command, or write what the one who does has made. */
static int
run_once(struct run *r, int *status)
{
	int64_t wait = WAIT_FIRST_MS;
	struct err *e = &r->t->cli->err;

	for (;;) {
		int got = 0, rc = cache_lock(r->t->cache, slice_of(r->key), &got, e);

		/* Whoever had the lock before may have made it. */
		if (rc == 0 && !r->t->s->refresh && look(r, status, &rc) != MISSING)
			return rc;
		if (rc != 0 || got)
			return rc != 0 ? rc : run_command(r, 0, status);
		clock_sleep_ms(wait);
		wait = wait * 2 < WAIT_MOST_MS ? wait * 2 : WAIT_MOST_MS;
		rc = cli_interrupted(e);
		if (rc != 0)
			return rc;
	}
}

static int
answer(struct run *r, int *status)
{
	enum state found = MISSING;
	int rc = 0;

	if (!r->t->s->refresh)
		found = look(r, status, &rc);
	if (rc != 0 || found == FRESH)
		return rc;
	return found == STALE ? revalidate(r) : run_once(r, status);
}

int
cache_verb_run(struct tool *t)
{
	struct run r = {.t = t};
	int status = 0, rc = tool_words(t, 1, 0, "run [OPTION]… -- COMMAND [ARGUMENT]…");

	if (rc == 0)
		rc = tool_ttl(t, &r.ttl_ms);
	if (rc == 0 && t->s->stale != NULL)
		rc = num_duration(slice_of(t->s->stale), 0, CACHE_TTL_MAX, &r.stale_ms, "--stale-while-revalidate",
		    &t->cli->err);
	if (r.ttl_ms == 0)
		r.ttl_ms = CACHE_TTL;
	if (rc == 0)
		rc = read_input(&r);
	if (rc == 0)
		rc = tool_cache(t, 1);
	if (rc == 0) {
		make_key(&r);
		rc = answer(&r, &status);
	}
	file_close(&r.input);
	if (rc == 0)
		t->cli->err = (struct err){0}; /* the status is the command's to explain */
	return rc != 0 ? rc : status;
}

#include "net/redis/reply.h"

#include <stdlib.h>

enum { FIRST_ITEMS = 64, LINE_MAX_BYTES = 64 * 1024, NUMBER_MAX = 24 };

/* --- objects ---------------------------------------------------------------------------- */

static void *
refuse(struct reading *g, const char *why)
{
	g->refused = why;
	return NULL;
}

static int
claim(struct reading *g, size_t bytes)
{
	if (bytes > g->max - g->bytes) {
		refuse(g, "a reply is too large");
		return 0;
	}
	g->bytes += bytes;
	return 1;
}

static size_t
depth(const redisReadTask *t)
{
	size_t n = 0;

	while ((t = t->parent) != NULL)
		n++;
	return n;
}

/* Where the object goes: an array grows as its items arrive, however many were announced. */
static struct redis_reply *
place(const redisReadTask *t)
{
	struct reading *g = t->privdata;
	struct redis_reply *array, *items;
	size_t level, at, room;

	if (t->parent == NULL) {
		g->bytes = 0;
		return &g->root;
	}
	array = t->parent->obj;
	level = depth(t) - 1;
	at = (size_t)t->idx;
	if (at == g->room[level]) {
		room = at ? at * 2 : FIRST_ITEMS;
		if (room > array->count)
			room = array->count;
		if (!claim(g, room * sizeof(*items)))
			return NULL;
		items = arena_alloc(g->arena, room * sizeof(*items));
		if (at)
			memcpy(items, g->items[level], at * sizeof(*items));
		array->items = g->items[level] = items;
		g->room[level] = room;
	}
	return &g->items[level][at];
}

static void *
make(const redisReadTask *t, struct redis_reply value)
{
	struct redis_reply *r = place(t);

	if (r != NULL)
		*r = value;
	return r;
}

static void *
make_string(const redisReadTask *t, char *p, size_t n)
{
	struct redis_reply *r = place(t), value = {.type = REDIS_STRING};
	struct reading *g = t->privdata;

	if (t->type == REDIS_REPLY_STATUS)
		value.type = REDIS_STATUS;
	else if (t->type == REDIS_REPLY_ERROR)
		value.type = REDIS_ERROR;
	else if (t->type != REDIS_REPLY_STRING)
		return refuse(g, "a reply of a kind that was not asked for");
	if (r == NULL || !claim(g, n + 1))
		return NULL;
	value.text = (struct slice){arena_bytes(g->arena, p, n), n};
	*r = value;
	return r;
}

static void *
make_array(const redisReadTask *t, size_t n)
{
	struct reading *g = t->privdata;
	size_t level = depth(t);
	void *r = make(t, (struct redis_reply){.type = REDIS_ARRAY, .count = n});

	if (t->type != REDIS_REPLY_ARRAY)
		return refuse(g, "a reply of a kind that was not asked for");
	if (level == REPLY_DEPTH)
		return refuse(g, "a reply is nested too deeply");
	if (n > g->max / sizeof(struct redis_reply))
		return refuse(g, "a reply is too large");
	g->room[level] = 0;
	return r;
}

static void *
make_integer(const redisReadTask *t, long long v)
{
	return make(t, (struct redis_reply){.type = REDIS_INTEGER, .integer = v});
}

static void *
make_nil(const redisReadTask *t)
{
	return make(t, (struct redis_reply){.type = REDIS_NIL});
}

static void *
make_double(const redisReadTask *t, double v, char *p, size_t n)
{
	(void)v;
	(void)p;
	(void)n;
	return refuse(t->privdata, "a reply of a kind that was not asked for");
}

static void *
make_bool(const redisReadTask *t, int v)
{
	(void)v;
	return refuse(t->privdata, "a reply of a kind that was not asked for");
}

redisReader *
reply_reader(struct reading *g)
{
	static redisReplyObjectFunctions functions = {
		make_string, make_array, make_integer, make_double, make_nil, make_bool, NULL
	};
	redisReader *reader = redisReaderCreateWithFunctions(&functions);

	if (reader != NULL)
		reader->privdata = g;
	else
		mem_exhausted();
	return reader;
}

/* --- reading ---------------------------------------------------------------------------- */

/* Of a reply that is not complete: can it become one that is taken? */
static const char *
hopeless(const redisReader *reader, const struct reading *g)
{
	const char *p = reader->buf + reader->pos;
	size_t n = reader->len - reader->pos;
	char number[NUMBER_MAX + 1];
	long long announced;

	if (reader->ridx < 0 || n == 0)
		return NULL;
	switch (reader->task[reader->ridx]->type) {
	case REDIS_REPLY_STRING:
		n = n < NUMBER_MAX ? n : NUMBER_MAX;
		memcpy(number, p, n);
		number[n] = '\0';
		if (strchr(number, '\r') == NULL)
			return n == NUMBER_MAX ? "the length of a reply is no number" : NULL;
		announced = strtoll(number, NULL, 10);
		return announced > 0 && (unsigned long long)announced > g->max ? "a reply is too large" : NULL;
	default:
		return n > LINE_MAX_BYTES ? "a line does not end" : NULL;
	}
}

int
reply_next(redisReader *reader, struct reading *g, struct redis_reply *out, const char **why)
{
	void *reply;

	if (redisReaderGetReply(reader, &reply) != REDIS_OK) {
		if (reader->err == REDIS_ERR_OOM && g->refused == NULL)
			mem_exhausted();
		*why = g->refused ? g->refused : reader->errstr;
		return -1;
	}
	if (reply != NULL) {
		*out = g->root;
		return 1;
	}
	*why = hopeless(reader, g);
	return *why ? -1 : 0;
}

#include "upstash.h"

#include <strings.h>

#include "base/json.h"
#include "base/utf8.h"

static int
is(struct slice s, const char *word)
{
	return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0;
}

static int
is_text(struct slice s)
{
	return utf8_valid(s.p, s.n) == s.n;
}

/* --- bytes -------------------------------------------------------------------------- */

/* The options of SET that can stand in a URL; GET would answer with a string of unknown encoding. */
static const struct {
	const char *name;
	int value;
} set_options[] = {
	{"EX", 1}, {"PX", 1}, {"EXAT", 1}, {"PXAT", 1}, {"NX", 0}, {"XX", 0}, {"KEEPTTL", 0},
};

/* Which option is it? NULL: none of them. */
static const char *
option_at(const struct redis_command *c, size_t *i, struct slice *value)
{
	for (size_t k = 0; k < sizeof(set_options) / sizeof(*set_options); k++) {
		if (!is(c->args[*i], set_options[k].name))
			continue;
		*value = SLICE_NONE;
		if (set_options[k].value && ++*i >= c->count)
			return NULL;
		if (set_options[k].value)
			*value = c->args[*i];
		++*i;
		return set_options[k].name;
	}
	return NULL;
}

static int
check_raw(const struct redis_command *c)
{
	struct slice value;
	size_t i = 3;

	if (c->count < 3 || !is(c->args[0], "SET") || !is_text(c->args[1]))
		return 0;
	while (i < c->count) {
		if (option_at(c, &i, &value) == NULL || (value.p != NULL && !is_text(value)))
			return 0;
	}
	return 1;
}

int
request_is_raw(const struct redis_command *c)
{
	return c->count >= 3 && is(c->args[0], "SET") && !is_text(c->args[2]);
}

int
request_check(const struct redis_command *commands, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		const struct redis_command *c = &commands[i];

		if (request_is_raw(c) && check_raw(c))
			continue;
		for (size_t k = 0; k < c->count; k++) {
			if (is_text(c->args[k]))
				continue;
			err_set(e, C1V_USAGE, "upstash: argument %zu of %.*s is not UTF-8 text", k,
			    k && c->args[0].n < 40 ? (int)c->args[0].n : 0, c->args[0].p);
			return err_hint(e, "over REST only the value of a plain SET can be any bytes");
		}
	}
	return 0;
}

static void
add_percent(struct buf *b, struct slice s)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_~";

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '\0' && strchr(plain, s.p[i]) != NULL)
			buf_byte(b, s.p[i]);
		else
			buf_format(b, "%%%02X", (unsigned char)s.p[i]);
	}
}

void
request_raw(struct part *p, const struct redis_command *commands, size_t first)
{
	const struct redis_command *c = &commands[first];
	const char *between = "?", *name;
	struct slice value;

	p->first = first;
	p->count = 1;
	buf_string(&p->path, "/set/");
	add_percent(&p->path, c->args[1]);
	for (size_t i = 3; i < c->count && (name = option_at(c, &i, &value)) != NULL; between = "&") {
		buf_format(&p->path, "%s%s", between, name);
		if (value.p != NULL) {
			buf_byte(&p->path, '=');
			add_percent(&p->path, value);
		}
	}
	p->call.body = c->args[2];
	p->call.path = buf_cstr(&p->path);
	p->call.type = "application/octet-stream";
}

/* --- text --------------------------------------------------------------------------- */

/* Does it answer with an integer, nil or OK only? Every command is paid for, and so is an ECHO. */
static int
answers_no_text(const struct redis_command *c)
{
	static const char *const names[] = {
		"DEL", "UNLINK", "EXISTS", "EXPIRE", "PEXPIRE", "PEXPIREAT", "PERSIST", "TTL", "PTTL", "SETEX", "PSETEX",
		"SETNX", "MSET", "INCR", "INCRBY", "DECR", "DECRBY", "STRLEN", "TOUCH", "SADD", "SREM", "SCARD",
		"SISMEMBER", "HSET", "HDEL", "HINCRBY", "HLEN", "ZADD", "ZREM", "ZCARD", "LPUSH", "RPUSH", "LLEN",
		"DBSIZE", "FLUSHDB",
	};

	if (is(c->args[0], "SET")) {
		for (size_t i = 3; i < c->count; i++)
			if (is(c->args[i], "GET"))
				return 0;
		return 1;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (is(c->args[0], names[i]))
			return 1;
	return 0;
}

static void
add_command(struct buf *b, const struct redis_command *c)
{
	for (size_t i = 0; i < c->count; i++) {
		buf_byte(b, i ? ',' : '[');
		json_add_string(b, c->args[i]);
	}
	buf_byte(b, ']');
}

/* The probe stands first: commands that answer with text may come late in a pipeline. */
static void
probe(struct part *p)
{
	struct buf whole = {0};

	buf_string(&whole, "[[\"ECHO\",\"" UPSTASH_PROBE "\"],");
	buf_add(&whole, p->body.data + 1, p->body.len - 1);
	buf_free(&p->body);
	p->body = whole;
	p->probed = 1;
}

void
request_pipeline(struct part *p, const struct redis_command *commands, size_t first, size_t n)
{
	int text = 0;
	size_t i;

	for (i = first; i < n && i - first < PIPELINE_COMMANDS && !request_is_raw(&commands[i]); i++) {
		size_t before = p->body.len;

		buf_byte(&p->body, i > first ? ',' : '[');
		add_command(&p->body, &commands[i]);
		if (p->body.len > PIPELINE_BYTES && i > first) {
			p->body.len = before;
			break;
		}
		text |= !answers_no_text(&commands[i]);
	}
	buf_byte(&p->body, ']');
	if (text)
		probe(p);
	p->first = first;
	p->count = i - first;
	p->call.body = buf_as_slice(&p->body);
	p->call.path = "/pipeline";
	p->call.type = "application/json";
}

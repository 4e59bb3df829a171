/* Reading of values that json.c has validated. */
#include "base/json.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/json_scan.h"
#include "base/num.h"
#include "base/utf8.h"
#include "base/wide.h"

enum json_type
json_type(struct slice value)
{
	switch (value.n ? value.p[0] : 'n') {
	case '{':
		return JSON_OBJECT;
	case '[':
		return JSON_ARRAY;
	case '"':
		return JSON_STRING;
	case 't':
		return JSON_TRUE;
	case 'f':
		return JSON_FALSE;
	case 'n':
		return JSON_NULL;
	default:
		return JSON_NUMBER;
	}
}

struct json_walk
json_walk(struct slice value)
{
	if (value.n < 2 || (value.p[0] != '{' && value.p[0] != '['))
		return (struct json_walk){.p = NULL};
	return (struct json_walk){.p = value.p + 1, .end = value.p + value.n - 1};
}

/* The next value from p, or 0: the walk is over. */
static int
walk_value(struct json_walk *w, struct json_scan *s, const char *p, struct slice *value)
{
	const char *first = p ? json_scan_space(s, p) : w->end;

	if (first == w->known.p)
		p = first + w->known.n;
	else
		p = first < w->end ? json_scan_value(s, first, 0) : NULL;
	if (p == NULL) {
		w->p = w->end;
		return 0;
	}
	*value = (struct slice){first, (size_t)(p - first)};
	p = json_scan_space(s, p);
	w->p = p < w->end && *p == ',' ? p + 1 : p;
	return 1;
}

int
json_member(struct json_walk *w, struct slice *key, struct slice *value)
{
	struct json_scan s = {.end = w->end};

	if (w->p == w->end)
		return 0;
	return walk_value(w, &s, json_scan_key(&s, w->p, key), value);
}

int
json_item(struct json_walk *w, struct slice *value)
{
	struct json_scan s = {.end = w->end};

	if (w->p == w->end)
		return 0;
	return walk_value(w, &s, w->p, value);
}

static unsigned /* the four hexadecimal digits at p */
hex4(const char *p)
{
	unsigned v = 0;

	for (int i = 0; i < 4; i++) {
		unsigned c = (unsigned char)p[i];
		v = v << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return v;
}

/* Decode the escape at *p into out (room for 4); returns its bytes there. */
static size_t
decode_escape(const char **p, char *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at = *p + 1;
	uint32_t c;

	if (*at != 'u') {
		const char *f = memchr(from, *at, sizeof(from) - 1);
		out[0] = f ? to[f - from] : *at;
		*p = at + 1;
		return 1;
	}
	c = hex4(at + 1);
	at += 5;
	if (c >= 0xd800 && c <= 0xdbff) { /* its other half follows: "\uDC00" */
		c = 0x10000 + ((c - 0xd800) << 10) + (hex4(at + 2) - 0xdc00);
		at += 6;
	}
	*p = at;
	return utf8_encode(out, c);
}

static inline char *
decode_one(const char **p, char *out)
{
	if ((*p)[1] != 'n')
		return out + decode_escape(p, out);
	*p += 2; /* by far the most of them */
	*out = '\n';
	return out + 1;
}

/* Decode [p, end) to out, which has room for as much and a block more: no escape
 * is shorter than its text. Returns the end of what was written. A run up to an
 * escape is copied as a block, whatever counts of it. */
WIDE_INLINE char *
decode(const struct wide *w, const char *p, const char *end, char *out)
{
	while (end - p >= 2 * WIDE_SIZE) {
		const char *block = p, *next = p + WIDE_SIZE, *run;
		uint64_t slashes = w->equal(p, '\\');

		while (slashes) {
			run = p;
			p = block + simd_first(slashes);
			memcpy(out, run, WIDE_SIZE);
			out = decode_one(&p, out + (p - run));
			slashes = p < next ? slashes & ~(uint64_t)0 << (p - block) : 0;
		}
		if (p < next) {
			memcpy(out, p, WIDE_SIZE);
			out += next - p;
			p = next;
		}
	}
	while (p < end) {
		if (*p == '\\')
			out = decode_one(&p, out);
		else
			*out++ = *p++;
	}
	return out;
}

WIDE_EACH(char *, decode, (const char *p, const char *end, char *out), p, end, out)

struct slice
json_key_text(struct slice key, struct buf *scratch)
{
	const char *p = key.p;
	size_t first = scratch->len;
	char *out;

	if (key.n == 0 || memchr(p, '\\', key.n) == NULL)
		return key;
	out = buf_reserve(scratch, key.n + WIDE_SIZE);
	out = WIDE_CALL(key.n >= WIDE_LONG ? wide_level() : WIDE_PLAIN, decode, p, p + key.n, out);
	scratch->len = (size_t)(out - scratch->data);
	return (struct slice){scratch->data + first, scratch->len - first};
}

static struct slice
unquoted(struct slice string)
{
	return string.n < 2 ? SLICE("") : (struct slice){string.p + 1, string.n - 2};
}

struct slice
json_text(struct slice string, struct buf *scratch)
{
	return json_key_text(unquoted(string), scratch);
}

static int
key_equal(struct slice key, struct slice s)
{
	const char *p = key.p, *end;
	size_t at = 0, n;
	char out[4];

	if (key.n == s.n && (s.n == 0 || memcmp(p, s.p, s.n) == 0))
		return s.n == 0 || memchr(p, '\\', key.n) == NULL;
	if (key.n <= s.n) /* escapes only make it longer */
		return 0;
	end = p + key.n;
	while (p < end) {
		if (*p != '\\') {
			out[0] = *p++;
			n = 1;
		} else {
			n = decode_escape(&p, out);
		}
		if (s.n - at < n || memcmp(out, s.p + at, n) != 0)
			return 0;
		at += n;
	}
	return at == s.n;
}

int
json_key_is(struct slice key, const char *s)
{
	return key_equal(key, slice_of(s));
}

int
json_string_is(struct slice string, const char *s)
{
	return string.n >= 2 && string.p[0] == '"' && key_equal(unquoted(string), slice_of(s));
}

struct slice
json_get_n(struct slice object, struct slice key)
{
	struct json_walk w = json_walk(object);
	struct slice k, value;

	if (json_type(object) != JSON_OBJECT)
		return SLICE_NONE;
	while (json_member(&w, &k, &value))
		if (key_equal(k, key))
			return value;
	return SLICE_NONE;
}

struct slice
json_get(struct slice object, const char *key)
{
	return json_get_n(object, slice_of(key));
}

/* A member with the text of its key; at keeps those of one name in order. */
struct member {
	struct slice key, value;
	size_t at;
};

struct members {
	struct member *v;
	size_t count, room;
	struct arena keys;
};

static int
member_order(const void *x, const void *y)
{
	const struct member *a = x, *b = y;
	int order = memcmp(a->key.p, b->key.p, a->key.n < b->key.n ? a->key.n : b->key.n);

	if (order != 0)
		return order;
	if (a->key.n != b->key.n)
		return a->key.n < b->key.n ? -1 : 1;
	return a->at < b->at ? -1 : 1;
}

static void
members_load(struct members *m, struct slice object)
{
	struct json_walk w = json_walk(object);
	struct buf scratch = {0};
	struct slice key, value;

	*m = (struct members){0};
	while (json_member(&w, &key, &value)) {
		scratch.len = 0;
		key = json_key_text(key, &scratch);
		if (scratch.len)
			key.p = arena_bytes(&m->keys, key.p, key.n);
		mem_grow(&m->v, &m->room, m->count + 1, sizeof(*m->v));
		m->v[m->count] = (struct member){key, value, m->count};
		m->count++;
	}
	buf_free(&scratch);
	if (m->count > 1)
		qsort(m->v, m->count, sizeof(*m->v), member_order);
}

static void
members_free(struct members *m)
{
	free(m->v);
	arena_free(&m->keys);
}

/* Sorted, not looked up one by one: objects may be large. */
static int
object_equal(struct slice a, struct slice b)
{
	struct members x, y;
	int equal;

	members_load(&x, a);
	members_load(&y, b);
	equal = x.count == y.count;
	for (size_t i = 0; equal && i < x.count; i++)
		equal = slice_equal(x.v[i].key, y.v[i].key) && json_equal(x.v[i].value, y.v[i].value);
	members_free(&x);
	members_free(&y);
	return equal;
}

static int
array_equal(struct slice a, struct slice b)
{
	struct json_walk x = json_walk(a), y = json_walk(b);
	struct slice v, w;

	while (json_item(&x, &v))
		if (!json_item(&y, &w) || !json_equal(v, w))
			return 0;
	return !json_item(&y, &w);
}

static int
string_equal(struct slice a, struct slice b)
{
	struct buf scratch = {0};
	struct slice text;
	int equal;

	if (slice_equal(a, b))
		return 1;
	text = json_text(a, &scratch);
	equal = key_equal(unquoted(b), text);
	buf_free(&scratch);
	return equal;
}

int
json_equal(struct slice a, struct slice b)
{
	enum json_type type = json_type(a);

	if (type != json_type(b))
		return 0;
	switch (type) {
	case JSON_OBJECT:
		return object_equal(a, b);
	case JSON_ARRAY:
		return array_equal(a, b);
	case JSON_STRING:
		return string_equal(a, b);
	case JSON_NUMBER:
		return num_json_equal(a, b);
	default:
		return 1;
	}
}

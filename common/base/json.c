#include "base/json.h"

#include <stdint.h>

#include "base/json_scan.h"
#include "base/simd.h"
#include "base/utf8.h"
#include "base/wide.h"

/* The functions here take the place to read from and return the place behind
 * what they read, or NULL with the reason in the scan. */

static const char *
refuse(struct json_scan *s, const char *at, const char *why)
{
	s->at = at;
	s->why = why;
	return NULL;
}

static const char *
refuse_end(struct json_scan *s)
{
	return refuse(s, s->end, "unexpected end");
}

static int /* the value of a hexadecimal digit, or -1 */
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int32_t /* the four digits at p (of \uXXXX), or -1 */
hex4(const char *p, const char *end)
{
	int32_t v = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int d = hex(p[i]);
		if (d < 0)
			return -1;
		v = v << 4 | d;
	}
	return v;
}

static const char *
scan_unicode(struct json_scan *s, const char *p) /* p: behind \u */
{
	int32_t c = hex4(p, s->end);

	if (c < 0)
		return refuse(s, p - 2, "invalid \\u escape");
	if (c >= 0xdc00 && c <= 0xdfff)
		return refuse(s, p - 2, "lone surrogate in an escape");
	if (c < 0xd800 || c > 0xdbff)
		return p + 4;
	if (s->end - p < 10 || p[4] != '\\' || p[5] != 'u')
		return refuse(s, p - 2, "lone surrogate in an escape");
	c = hex4(p + 6, s->end);
	if (c < 0xdc00 || c > 0xdfff)
		return refuse(s, p - 2, "lone surrogate in an escape");
	return p + 10;
}

static inline const char *
scan_escape(struct json_scan *s, const char *p) /* p: at the backslash */
{
	static const char simple[256] = {
		['"'] = 1, ['\\'] = 1, ['/'] = 1, ['b'] = 1, ['f'] = 1, ['n'] = 1, ['r'] = 1, ['t'] = 1
	};

	if (s->end - p < 2)
		return refuse_end(s);
	if (simple[(unsigned char)p[1]])
		return p + 2;
	if (p[1] == 'u')
		return scan_unicode(s, p + 2);
	return refuse(s, p, "invalid escape");
}

/* A string to its end with blocks as long as there are any. */
static const char *
scan_string_end(struct json_scan *s, const char *p)
{
	for (;;) {
		for (; s->end - p >= SIMD_SIZE; p += SIMD_SIZE) {
			uint32_t stops = simd_escapes(simd_load(p));
			if (stops) {
				p += simd_first(stops);
				break;
			}
		}
		while (p < s->end && (unsigned char)*p >= 0x20 && *p != '"' && *p != '\\')
			p++;
		if (p == s->end)
			return refuse(s, p, "string without its end");
		if (*p == '"')
			return p + 1;
		if (*p != '\\')
			return refuse(s, p, "control character in a string");
		p = scan_escape(s, p);
		if (p == NULL)
			return NULL;
	}
}

/* The text of documents has escapes in most lines. Sixty-four bytes at a time are
 * classified at once, so that the loop over what was found in them costs one
 * wrong guess of the processor, not one for each. */
WIDE_INLINE const char *
scan_blocks(const struct wide *w, struct json_scan *s, const char *p)
{
	const char *q = p, *next;
	uint64_t stops;

	for (; s->end - p >= WIDE_SIZE; p = q > next ? q : next) {
		next = p + WIDE_SIZE;
		for (stops = w->escapes(p); stops; stops &= ~(uint64_t)0 << (q - p)) {
			q = p + simd_first(stops);
			if (*q == '"')
				return q + 1;
			if (*q != '\\')
				return refuse(s, q, "control character in a string");
			q = scan_escape(s, q);
			if (q == NULL)
				return NULL;
			if (q >= next)
				break;
		}
	}
	return scan_string_end(s, p);
}

WIDE_EACH(const char *, scan_blocks, (struct json_scan *s, const char *p), s, p)

const char *
json_scan_string(struct json_scan *s, const char *p)
{
	uint32_t stops;

	if (s->end - p >= SIMD_SIZE) { /* keys and names end in the first block */
		stops = simd_escapes(simd_load(p));
		if (stops && p[simd_first(stops)] == '"')
			return p + simd_first(stops) + 1;
	}
	return WIDE_CALL(s->end - p >= WIDE_LONG ? wide_level() : WIDE_PLAIN, scan_blocks, s, p);
}

static inline int
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Behind the digits at p, of which there must be one. Vectors are long arrays
 * of numbers: their fractions are measured by a mask, not digit by digit. */
static inline const char *
scan_digits(struct json_scan *s, const char *p)
{
	const char *first = p;

	while (s->end - p >= SIMD_SIZE) {
		uint32_t others = SIMD_FULL ^ simd_digits(simd_load(p));
		if (others) {
			p += simd_first(others);
			return p > first ? p : refuse(s, p, "invalid number");
		}
		p += SIMD_SIZE;
	}
	while (p < s->end && is_digit(*p))
		p++;
	if (p > first)
		return p;
	return p == s->end ? refuse_end(s) : refuse(s, p, "invalid number");
}

static inline const char *
scan_number(struct json_scan *s, const char *p)
{
	p += *p == '-';
	if (p < s->end && *p == '0') {
		p++;
		if (p < s->end && is_digit(*p))
			return refuse(s, p - 1, "number with a leading zero");
	} else {
		p = scan_digits(s, p);
	}
	if (p != NULL && p < s->end && *p == '.')
		p = scan_digits(s, p + 1);
	if (p != NULL && p < s->end && (*p | 0x20) == 'e') {
		p++;
		if (p < s->end && (*p == '-' || *p == '+'))
			p++;
		p = scan_digits(s, p);
	}
	return p;
}

/* A digit or a minus. The first test holds for both: the sign of a number is
 * not to be guessed, and it would be, for "is it a digit, or else a minus". */
static inline int
starts_number(char c)
{
	return c >= '-' && c <= '9' && c != '.' && c != '/';
}

/* The numbers of an array from p on, as long as nothing else comes. */
static const char *
scan_numbers(struct json_scan *s, const char *p)
{
	const char *next;

	for (;;) {
		p = scan_number(s, p);
		if (p == NULL || p == s->end || *p != ',')
			return p;
		next = json_scan_space(s, p + 1);
		if (next == s->end || !starts_number(*next))
			return p;
		p = next;
	}
}

static const char *
scan_word(struct json_scan *s, const char *p, const char *word, size_t n)
{
	if ((size_t)(s->end - p) < n || memcmp(p, word, n) != 0)
		return refuse(s, p, "unexpected character");
	return p + n;
}

static inline const char *
scan_scalar(struct json_scan *s, const char *p)
{
	if (*p == '"')
		return json_scan_string(s, p + 1);
	if (starts_number(*p))
		return scan_number(s, p);
	switch (*p) {
	case 't':
		return scan_word(s, p, "true", 4);
	case 'f':
		return scan_word(s, p, "false", 5);
	case 'n':
		return scan_word(s, p, "null", 4);
	default:
		return refuse(s, p, "unexpected character");
	}
}

const char *
json_scan_key(struct json_scan *s, const char *p, struct slice *key)
{
	const char *first;

	p = json_scan_space(s, p);
	if (p == s->end)
		return refuse_end(s);
	if (*p != '"')
		return refuse(s, p, "expected a key in quotes");
	first = p + 1;
	p = json_scan_string(s, first);
	if (p == NULL)
		return NULL;
	*key = (struct slice){first, (size_t)(p - 1 - first)};
	p = json_scan_space(s, p);
	if (p == s->end)
		return refuse_end(s);
	if (*p != ':')
		return refuse(s, p, "expected a colon");
	return json_scan_space(s, p + 1);
}

/* The containers that are open: a bit a level, set for an object. */
struct levels {
	uint64_t bits[JSON_DEPTH / 64];
	unsigned depth;
};

static int
in_object(const struct levels *l)
{
	return (int)(l->bits[(l->depth - 1) / 64] >> ((l->depth - 1) % 64) & 1);
}

/* Open the container at p, and close it again when it is empty: *empty. Else
 * p comes out where a value has to stand. */
static const char *
scan_open(struct json_scan *s, const char *p, struct levels *l, int *empty)
{
	struct slice key;
	int object = *p == '{';
	uint64_t bit;

	if (l->depth == JSON_DEPTH)
		return refuse(s, p, "nested too deeply");
	bit = (uint64_t)1 << (l->depth % 64);
	if (object)
		l->bits[l->depth / 64] |= bit;
	else
		l->bits[l->depth / 64] &= ~bit;
	p = json_scan_space(s, p + 1);
	*empty = p < s->end && *p == (object ? '}' : ']');
	if (*empty)
		return p + 1;
	l->depth++;
	return object ? json_scan_key(s, p, &key) : p;
}

/* Behind a value: close what ends here, down to base levels, or stop where the
 * next value has to stand. */
static const char *
scan_close(struct json_scan *s, const char *p, struct levels *l, unsigned base)
{
	struct slice key;
	int object;

	while (l->depth > base) {
		object = in_object(l);
		p = json_scan_space(s, p);
		if (p == s->end)
			return refuse_end(s);
		if (*p == ',')
			return object ? json_scan_key(s, p + 1, &key) : p + 1;
		if (*p != (object ? '}' : ']'))
			return refuse(s, p, object ? "expected a comma or }" : "expected a comma or ]");
		p++;
		l->depth--;
	}
	return p;
}

/* The container at p, and all in it. */
static const char *
scan_container(struct json_scan *s, const char *p, unsigned base)
{
	struct levels l = {.depth = base};
	int empty;

	do {
		p = json_scan_space(s, p);
		if (p == s->end)
			return refuse_end(s);
		if (*p == '{' || *p == '[') {
			p = scan_open(s, p, &l, &empty);
			if (p != NULL && !empty)
				continue;
		} else if (starts_number(*p) && !in_object(&l)) {
			p = scan_numbers(s, p);
		} else {
			p = scan_scalar(s, p);
		}
		if (p == NULL)
			return NULL;
		p = scan_close(s, p, &l, base);
		if (p == NULL)
			return NULL;
	} while (l.depth > base);
	return p;
}

const char *
json_scan_value(struct json_scan *s, const char *p, unsigned base)
{
	p = json_scan_space(s, p);
	if (p == s->end)
		return refuse_end(s);
	return *p == '{' || *p == '[' ? scan_container(s, p, base) : scan_scalar(s, p);
}

static int
report(const struct json_scan *s, const char *start, struct err *e)
{
	return err_set(e, C1V_DATA, "invalid JSON: %s at byte %zu", s->why, (size_t)(s->at - start) + 1);
}

/* Prepare to scan text; all of its UTF-8 is checked first, at once, so that
 * the scanner need not look at bytes from 80 up. */
static int
begin(struct json_scan *s, struct slice text)
{
	size_t valid = utf8_valid(text.p, text.n);

	s->end = text.p + text.n;
	if (valid == text.n)
		return 0;
	refuse(s, text.p + valid, "invalid UTF-8");
	return -1;
}

static const char * /* nothing but white space may follow */
scan_end(struct json_scan *s, const char *p)
{
	p = json_scan_space(s, p);
	return p == s->end ? p : refuse(s, p, "text behind the value");
}

int
json_check(struct slice text, struct slice *value, struct err *e)
{
	struct json_scan s;
	const char *first, *p;

	if (text.p == NULL)
		text = SLICE("");
	if (begin(&s, text) != 0)
		return report(&s, text.p, e);
	first = json_scan_space(&s, text.p);
	p = json_scan_value(&s, first, 0);
	if (p == NULL || scan_end(&s, p) == NULL)
		return report(&s, text.p, e);
	*value = (struct slice){first, (size_t)(p - first)};
	return 0;
}

int
json_scan_object(struct slice text, json_member_fn *member, void *arg, struct err *e)
{
	struct json_scan s;
	const char *p, *first;
	struct slice key;
	int code;

	if (text.p == NULL)
		text = SLICE("");
	if (begin(&s, text) != 0)
		return report(&s, text.p, e);
	p = json_scan_space(&s, text.p);
	if (p == s.end || *p != '{') {
		refuse(&s, p, p == s.end ? "no object" : "expected an object");
		return report(&s, text.p, e);
	}
	p = json_scan_space(&s, p + 1);
	if (p < s.end && *p == '}') {
		if (scan_end(&s, p + 1) == NULL)
			return report(&s, text.p, e);
		return 0;
	}
	for (;;) {
		first = json_scan_key(&s, p, &key);
		p = first ? json_scan_value(&s, first, 1) : NULL;
		if (p == NULL)
			return report(&s, text.p, e);
		code = member(arg, key, (struct slice){first, (size_t)(p - first)}, e);
		if (code != 0)
			return code;
		p = json_scan_space(&s, p);
		if (p < s.end && *p == ',') {
			p++;
			continue;
		}
		if (p == s.end)
			refuse_end(&s);
		else if (*p != '}')
			refuse(&s, p, "expected a comma or }");
		else if (scan_end(&s, p + 1) != NULL)
			return 0;
		return report(&s, text.p, e);
	}
}

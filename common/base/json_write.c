#include "base/json.h"

#include <stdint.h>

#include "base/wide.h"

/* A block whose every byte becomes an escape, and what is stored behind it. */
enum { SLACK = 6 * WIDE_SIZE + WIDE_SIZE };

/* Write an escape to out, which has room for 6; returns its bytes. */
static size_t
add_escape(char *out, char c)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	static const char digits[] = "0123456789abcdef";
	const char *f = memchr(from, c, sizeof(from) - 1);

	out[0] = '\\';
	if (f != NULL) {
		out[1] = to[f - from];
		return 2;
	}
	memcpy(out + 1, "u00", 3);
	out[4] = digits[(unsigned char)c >> 4];
	out[5] = digits[(unsigned char)c & 15];
	return 6;
}

/* The byte at p to out, as an escape where it has to be one; returns the end. */
static inline char *
add_byte(const char *p, char *out)
{
	if (*p == '\n') { /* by far the most of the escapes */
		memcpy(out, "\\n", 2);
		return out + 2;
	}
	if ((unsigned char)*p < 0x20 || *p == '"' || *p == '\\')
		return out + add_escape(out, *p);
	*out = *p;
	return out + 1;
}

/* Room for n bytes and a block of escapes behind out, which lies in b. */
static inline char *
make_room(struct buf *b, char *out, size_t n)
{
	if ((size_t)(b->data + b->room - out) >= n + SLACK)
		return out;
	b->len = (size_t)(out - b->data);
	return buf_reserve(b, n + 2 * SLACK);
}

/* Write [p, end), which is a block or longer, behind what b holds; returns the end.
 * A run up to an escape is copied as a block, whatever counts of it; the last
 * bytes are classified as part of the last block that there is. */
WIDE_INLINE char *
add_blocks(const struct wide *w, struct buf *b, const char *p, const char *end)
{
	char *out = buf_reserve(b, (size_t)(end - p) + SLACK);
	uint64_t odd;

	while (end - p >= 2 * WIDE_SIZE) {
		const char *block = p, *next = p + WIDE_SIZE, *run;

		out = make_room(b, out, (size_t)(end - p));
		for (odd = w->escapes(p); odd; odd &= odd - 1) {
			run = p;
			p = block + simd_first(odd);
			memcpy(out, run, WIDE_SIZE);
			out = add_byte(p, out + (p - run));
			p++;
		}
		memcpy(out, p, WIDE_SIZE);
		out += next - p;
		p = next;
	}
	while (p < end) {
		size_t n = end - p < WIDE_SIZE ? (size_t)(end - p) : WIDE_SIZE, plain;

		out = make_room(b, out, (size_t)(end - p));
		odd = w->escapes(p + n - WIDE_SIZE) >> (WIDE_SIZE - n);
		plain = odd ? simd_first(odd) : n;
		memcpy(out, p, plain);
		p += plain;
		out += plain;
		if (odd)
			out = add_byte(p++, out);
	}
	return out;
}

WIDE_EACH(char *, add_blocks, (struct buf *b, const char *p, const char *end), b, p, end)

/* The same of what is shorter than a block. */
static char *
add_short(struct buf *b, const char *p, const char *end)
{
	char *out = buf_reserve(b, 6 * (size_t)(end - p) + SIMD_SIZE);

	while (p < end) {
		if (end - p >= SIMD_SIZE) {
			simd_block x = simd_load(p);
			uint32_t odd = simd_escapes(x);
			unsigned n = odd ? simd_first(odd) : SIMD_SIZE;

			simd_store(out, x);
			p += n;
			out += n;
			if (odd == 0)
				continue;
		}
		out = add_byte(p++, out);
	}
	return out;
}

void
json_add_escaped(struct buf *b, struct slice s)
{
	enum wide_level level = s.n >= WIDE_LONG ? wide_level() : WIDE_PLAIN;
	char *end;

	if (s.n == 0)
		return;
	end = s.n < WIDE_SIZE ? add_short(b, s.p, s.p + s.n) : WIDE_CALL(level, add_blocks, b, s.p, s.p + s.n);
	b->len = (size_t)(end - b->data);
}

void
json_add_string(struct buf *b, struct slice s)
{
	buf_byte(b, '"');
	json_add_escaped(b, s);
	buf_byte(b, '"');
}

void
json_add_key(struct buf *b, const char *key)
{
	if (b->len && b->data[b->len - 1] != '{')
		buf_byte(b, ',');
	buf_byte(b, '"');
	buf_string(b, key);
	buf_add(b, "\":", 2);
}

#include "base/json.h"

#include <stdint.h>

#include "base/simd.h"

/* Append the bytes of [p, end) that stand as they are; returns their end. */
static const char *
add_plain(struct buf *b, const char *p, const char *end)
{
	/* Whole blocks are stored before it is known how much of them counts. */
	char *out = buf_reserve(b, (size_t)(end - p) + SIMD_SIZE);
	uint32_t odd = 0;

	for (; end - p >= SIMD_SIZE; p += SIMD_SIZE, out += SIMD_SIZE) {
		simd_block x = simd_load(p);
		simd_store(out, x);
		odd = simd_escapes(x);
		if (odd)
			break;
	}
	if (odd) {
		p += simd_first(odd);
		out += simd_first(odd);
	} else {
		while (p < end && (unsigned char)*p >= 0x20 && *p != '"' && *p != '\\')
			*out++ = *p++;
	}
	b->len = (size_t)(out - b->data);
	return p;
}

static void
add_escape(struct buf *b, char c)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	static const char digits[] = "0123456789abcdef";
	const char *f = memchr(from, c, sizeof(from) - 1);
	char *out = buf_reserve(b, 6);

	out[0] = '\\';
	if (f != NULL) {
		out[1] = to[f - from];
		b->len += 2;
		return;
	}
	memcpy(out + 1, "u00", 3);
	out[4] = digits[(unsigned char)c >> 4];
	out[5] = digits[(unsigned char)c & 15];
	b->len += 6;
}

void
json_add_escaped(struct buf *b, struct slice s)
{
	const char *p = s.p, *end;

	if (s.n == 0)
		return;
	end = p + s.n;
	while (p < end) {
		p = add_plain(b, p, end);
		if (p < end)
			add_escape(b, *p++);
	}
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

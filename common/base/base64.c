#include "base/base64.h"

#include <stdint.h>

/* Values of the characters; 0x80 and up: not one of the alphabet. */
static const uint8_t values[256] = {
	128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
	128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
	128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 62, 128, 128, 128, 63,
	52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 128, 128, 128, 128, 128, 128,
	128, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 128, 128, 128, 128, 128,
	128, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
	41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 128, 128, 128, 128, 128,
	128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
	128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
	128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
	128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
	128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
	128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
	128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
	128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
};

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The two or three characters behind the last group of four. */
static int
decode_rest(const unsigned char *p, size_t n, unsigned char **out)
{
	uint32_t a, b, c;

	if (n == 0)
		return 1;
	if (n == 1)
		return 0;
	a = values[p[0]];
	b = values[p[1]];
	c = n == 3 ? values[p[2]] : 0;
	if ((a | b | c) & 0x80 || (n == 2 ? b & 15 : c & 3))
		return 0;
	*(*out)++ = (unsigned char)(a << 2 | b >> 4);
	if (n == 3)
		*(*out)++ = (unsigned char)(b << 4 | c >> 2);
	return 1;
}

int
base64_decode(struct slice text, unsigned char *out, size_t *n)
{
	const unsigned char *p = (const unsigned char *)text.p;
	unsigned char *start = out;
	size_t left = text.n;
	uint32_t bad = 0;

	if (left && left % 4 == 0 && p[left - 1] == '=')
		left -= p[left - 2] == '=' ? 2 : 1;
	/* Errors are gathered and looked at once: no branch in the loop. */
	for (; left >= 4; left -= 4, p += 4, out += 3) {
		uint32_t a = values[p[0]], b = values[p[1]], c = values[p[2]], d = values[p[3]];
		uint32_t v = a << 18 | b << 12 | c << 6 | d;

		bad |= a | b | c | d;
		out[0] = (unsigned char)(v >> 16);
		out[1] = (unsigned char)(v >> 8);
		out[2] = (unsigned char)v;
	}
	if (bad & 0x80 || !decode_rest(p, left, &out))
		return 0;
	*n = (size_t)(out - start);
	return 1;
}

void
base64_add(struct buf *b, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;
	char *out;

	if (n > SIZE_MAX / 2)
		mem_exhausted();
	out = buf_reserve(b, (n + 2) / 3 * 4);
	b->len += (n + 2) / 3 * 4;
	for (; n >= 3; n -= 3, p += 3, out += 4) {
		out[0] = letters[p[0] >> 2];
		out[1] = letters[(p[0] << 4 | p[1] >> 4) & 63];
		out[2] = letters[(p[1] << 2 | p[2] >> 6) & 63];
		out[3] = letters[p[2] & 63];
	}
	if (n) {
		unsigned second = n == 2 ? p[1] : 0;

		out[0] = letters[p[0] >> 2];
		out[1] = letters[((unsigned)p[0] << 4 | second >> 4) & 63];
		out[2] = n == 2 ? letters[second << 2 & 63] : '=';
		out[3] = '=';
	}
}

/* utf8: validity, code points, display width. Tables come from utf8proc. */
#ifndef C1V_BASE_UTF8_H
#define C1V_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Length of the longest valid prefix of p[0..n); == n: all valid. */
size_t utf8_valid(const char *p, size_t n);

/* Bytes of the valid sequence at p[0..n), 1 to 4, or 0: none stands there. */
static inline size_t
utf8_step(const char *p, size_t n)
{
	const unsigned char *u = (const unsigned char *)p;

	if (n == 0)
		return 0;
	if (u[0] < 0x80)
		return 1;
	if (n < 2 || (u[1] & 0xc0) != 0x80 || u[0] < 0xc2)
		return 0;
	if (u[0] < 0xe0)
		return 2;
	if (n < 3 || (u[2] & 0xc0) != 0x80)
		return 0;
	if (u[0] < 0xf0) /* E0 80-9F is overlong, ED A0-BF a surrogate */
		return (u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xed && u[1] >= 0xa0) ? 0 : 3;
	if (n < 4 || (u[3] & 0xc0) != 0x80 || u[0] > 0xf4)
		return 0;
	return (u[0] == 0xf0 && u[1] < 0x90) || (u[0] == 0xf4 && u[1] >= 0x90) ? 0 : 4;
}

/* Length of the longest prefix of bytes below 0x80. */
size_t utf8_ascii(const char *p, size_t n);

/* Code points in valid text. */
size_t utf8_count(const char *p, size_t n);

/* UTF-16 units in valid text. */
size_t utf8_units(const char *p, size_t n);

/* The code point at p (valid text, p < end); *len is its bytes, 1 to 4. */
static inline uint32_t
utf8_decode(const char *p, size_t *len)
{
	const unsigned char *u = (const unsigned char *)p;

	if (u[0] < 0x80)
		return *len = 1, u[0];
	if (u[0] < 0xe0)
		return *len = 2, (uint32_t)(u[0] & 0x1f) << 6 | (u[1] & 0x3f);
	if (u[0] < 0xf0)
		return *len = 3, (uint32_t)(u[0] & 0x0f) << 12 | (uint32_t)(u[1] & 0x3f) << 6 | (u[2] & 0x3f);
	return *len = 4, (uint32_t)(u[0] & 0x07) << 18 | (uint32_t)(u[1] & 0x3f) << 12 |
	    (uint32_t)(u[2] & 0x3f) << 6 | (u[3] & 0x3f);
}

/* Write c at p (room for 4); returns its bytes. c must be a scalar value. */
size_t utf8_encode(char *p, uint32_t c);

/* Append s made harmless for a terminal: C0, C1, DEL, escape sequences and
 * bidirectional controls are shown as \xNN or \u{NNNN}; invalid bytes likewise.
 * Newlines and tabs become one space. */
void utf8_add_visible(struct buf *b, struct slice s);

/* Columns that valid text takes on a terminal. */
size_t utf8_width(const char *p, size_t n);

#endif

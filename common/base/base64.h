/* base64: RFC 4648 section 4, the alphabet with + and /. */
#ifndef C1V_BASE_BASE64_H
#define C1V_BASE_BASE64_H

#include "base/buf.h"

/* The most bytes that n characters can stand for. */
static inline size_t
base64_room(size_t n)
{
	return n / 4 * 3 + 3;
}

/* Decode text to out, which has base64_room(text.n) bytes. Padding may be left
 * out, but not be wrong, and the bits behind the last byte must be zero, so that
 * bytes have one text only. 1 and *n, or 0 when text is not base64. */
int base64_decode(struct slice text, unsigned char *out, size_t *n);

/* Append n bytes with padding. */
void base64_add(struct buf *b, const void *bytes, size_t n);

#endif

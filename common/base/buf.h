/* buf: growable bytes, and slices of bytes owned by somebody else.
 *
 * Zero-initialise a buf; free it with buf_free(). data is NULL until the first
 * write and not NUL-terminated unless buf_cstr() is asked. */
#ifndef C1V_BASE_BUF_H
#define C1V_BASE_BUF_H

#include <stddef.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

/* Bytes that are borrowed, valid as long as their owner says. p NULL: absent. */
struct slice {
	const char *p;
	size_t n;
};

#define SLICE_NONE ((struct slice){NULL, 0})
#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})

static inline struct slice
slice_of(const char *s) /* of a string; NULL gives SLICE_NONE */
{
	return (struct slice){s, s ? strlen(s) : 0};
}

static inline int
slice_equal(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline int
slice_is(struct slice a, const char *s)
{
	return slice_equal(a, slice_of(s));
}

static inline int
slice_begins(struct slice s, struct slice with)
{
	return s.n >= with.n && (with.n == 0 || memcmp(s.p, with.p, with.n) == 0);
}

static inline struct slice /* without its first n bytes */
slice_after(struct slice s, size_t n)
{
	return (struct slice){s.p + n, s.n - n};
}

/* Order by bytes, as memcmp() has it; a text before what it begins. */
static inline int
slice_order(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;

	return c ? c : (a.n > b.n) - (a.n < b.n);
}

struct buf {
	char *data;
	size_t len, room;
};

static inline char * /* room for n more bytes, to be claimed by b->len += n */
buf_reserve(struct buf *b, size_t n)
{
	if (b->room - b->len < n) {
		if (n > (size_t)-1 - b->len)
			mem_exhausted();
		mem_grow(&b->data, &b->room, b->len + n, 1);
	}
	return b->data + b->len;
}

static inline void
buf_add(struct buf *b, const void *p, size_t n)
{
	if (n) {
		memcpy(buf_reserve(b, n), p, n);
		b->len += n;
	}
}

static inline void
buf_byte(struct buf *b, char c)
{
	*buf_reserve(b, 1) = c;
	b->len++;
}

static inline void
buf_slice(struct buf *b, struct slice s)
{
	buf_add(b, s.p, s.n);
}

static inline void
buf_string(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

static inline struct slice
buf_as_slice(const struct buf *b)
{
	return (struct slice){b->len ? b->data : "", b->len};
}

void buf_format(struct buf *b, const char *fmt, ...) C1V_PRINTF(2, 3);
char *buf_cstr(struct buf *b); /* NUL-terminated; valid until the next change */
void buf_free(struct buf *b);

#endif

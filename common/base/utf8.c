#include "base/utf8.h"

#include <utf8proc.h>

#include "base/wide.h"

WIDE_INLINE size_t
ascii_blocks(const struct wide *w, const char *p, size_t n)
{
	size_t i = 0;
	uint64_t high;

	for (; n - i >= WIDE_SIZE; i += WIDE_SIZE) {
		high = w->high(p + i);
		if (high)
			return i + simd_first(high);
	}
	return i;
}

WIDE_EACH(size_t, ascii_blocks, (const char *p, size_t n), p, n)

size_t
utf8_ascii(const char *p, size_t n)
{
	size_t i = WIDE_CALL(n >= WIDE_LONG ? wide_level() : WIDE_PLAIN, ascii_blocks, p, n);

	while (i < n && (unsigned char)p[i] < 0x80)
		i++;
	return i;
}

/* Does a lead byte of the block at p stand before a second byte that it must not
 * have, or is it one that never stands? */
WIDE_INLINE int
has_bad_lead(const struct wide *w, const char *p)
{
	uint64_t from90 = w->from(p + 1, 0x90), froma0 = w->from(p + 1, 0xa0);
	uint64_t bad = w->equal(p, (char)0xe0) & ~froma0; /* overlong */

	bad |= w->equal(p, (char)0xf0) & ~from90;
	bad |= w->equal(p, (char)0xed) & froma0; /* surrogate */
	bad |= w->equal(p, (char)0xf4) & from90; /* above U+10FFFF */
	bad |= w->from(p, 0xf5);
	return bad != 0;
}

/* The bytes 80-BF of a block must be those that the lead bytes before them ask
 * for. What a block asks of the next one is in wanted. Ends before the first
 * block that is found wrong, and before the last one. */
WIDE_INLINE size_t
valid_blocks(const struct wide *w, const char *p, size_t n)
{
	uint64_t wanted = 0, leads, three, four;
	size_t i = 0;

	for (; n - i > WIDE_SIZE; i += WIDE_SIZE) {
		if ((w->high(p + i) | wanted) == 0)
			continue;
		leads = w->from(p + i, 0xc0);
		three = w->from(p + i, 0xe0);
		four = w->from(p + i, 0xf0);
		wanted |= leads << 1 | three << 2 | four << 3;
		if (wanted != w->tails(p + i) || leads != w->from(p + i, 0xc2))
			break;
		if (three && has_bad_lead(w, p + i))
			break;
		wanted = leads >> 63 | three >> 62 | four >> 61;
	}
	return i;
}

WIDE_EACH(size_t, valid_blocks, (const char *p, size_t n), p, n)

size_t
utf8_valid(const char *p, size_t n)
{
	size_t i = WIDE_CALL(n >= WIDE_LONG ? wide_level() : WIDE_PLAIN, valid_blocks, p, n), step;

	if (i > 0) /* from the last sequence, which may be open */
		for (i--; i > 0 && ((unsigned char)p[i] & 0xc0) == 0x80;)
			i--;
	for (; i < n; i += step) {
		step = utf8_step(p + i, n - i);
		if (step == 0)
			break;
	}
	return i;
}

size_t
utf8_count(const char *p, size_t n)
{
	size_t i = 0, tails = 0;

	for (; n - i >= SIMD_SIZE; i += SIMD_SIZE)
		tails += (size_t)__builtin_popcount(simd_tails(simd_load(p + i)));
	for (; i < n; i++)
		tails += ((unsigned char)p[i] & 0xc0) == 0x80;
	return n - tails;
}

size_t
utf8_units(const char *p, size_t n)
{
	size_t i = 0, pairs = 0;

	for (; n - i >= SIMD_SIZE; i += SIMD_SIZE)
		pairs += (size_t)__builtin_popcount(simd_from(simd_load(p + i), 0xf0));
	for (; i < n; i++)
		pairs += (unsigned char)p[i] >= 0xf0;
	return utf8_count(p, n) + pairs;
}

size_t
utf8_encode(char *p, uint32_t c)
{
	if (c < 0x80) {
		p[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		p[0] = (char)(0xc0 | c >> 6);
		p[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		p[0] = (char)(0xe0 | c >> 12);
		p[1] = (char)(0x80 | (c >> 6 & 0x3f));
		p[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	p[0] = (char)(0xf0 | c >> 18);
	p[1] = (char)(0x80 | (c >> 12 & 0x3f));
	p[2] = (char)(0x80 | (c >> 6 & 0x3f));
	p[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* Code points that change the order or the lines of what stands around them. */
static int
is_layout(uint32_t c)
{
	return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
	    (c >= 0x2066 && c <= 0x2069);
}

static size_t /* bytes of the newlines and tabs that lead p[0..n) */
blanks(const char *p, size_t n)
{
	size_t i = 0;

	for (; i < n; i++)
		if (p[i] != '\n' && p[i] != '\t' && !(p[i] == '\r' && i + 1 < n && p[i + 1] == '\n'))
			break;
	return i;
}

void
utf8_add_visible(struct buf *b, struct slice s)
{
	size_t i = 0, n, len;
	uint32_t c;

	while (i < s.n) {
		n = blanks(s.p + i, s.n - i);
		if (n) {
			buf_byte(b, ' ');
			i += n;
			continue;
		}
		n = utf8_step(s.p + i, s.n - i);
		c = n ? utf8_decode(s.p + i, &len) : 0;
		if (n == 0 || c < 0x20 || c == 0x7f)
			buf_format(b, "\\x%02x", (unsigned)(unsigned char)s.p[i]);
		else if ((c >= 0x80 && c < 0xa0) || is_layout(c))
			buf_format(b, "\\u{%04x}", (unsigned)c);
		else
			buf_add(b, s.p + i, n);
		i += n ? n : 1;
	}
}

size_t
utf8_width(const char *p, size_t n)
{
	size_t i = 0, width = 0, len;
	int w;

	while (i < n) {
		uint32_t c = utf8_decode(p + i, &len);
		w = c < 0x80 ? c >= 0x20 && c != 0x7f : utf8proc_charwidth((utf8proc_int32_t)c);
		width += (size_t)(w > 0 ? w : 0);
		i += len;
	}
	return width;
}

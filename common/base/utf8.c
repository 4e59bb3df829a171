#include "base/utf8.h"

#include <utf8proc.h>

#include "base/simd.h"

size_t
utf8_ascii(const char *p, size_t n)
{
	size_t i = 0;
	uint32_t high;

	for (; n - i >= SIMD_SIZE; i += SIMD_SIZE) {
		high = simd_high(simd_load(p + i));
		if (high)
			return i + simd_first(high);
	}
	while (i < n && (unsigned char)p[i] < 0x80)
		i++;
	return i;
}

/* Does a lead byte in x stand before a second byte (in next, the bytes one
 * further) that it must not have, or is it one that never stands? */
static int
has_bad_lead(simd_block x, simd_block next)
{
	uint32_t from90 = simd_from(next, 0x90), froma0 = simd_from(next, 0xa0);
	uint32_t bad = simd_equal(x, (char)0xe0) & ~froma0; /* overlong */

	bad |= simd_equal(x, (char)0xf0) & ~from90;
	bad |= simd_equal(x, (char)0xed) & froma0; /* surrogate */
	bad |= simd_equal(x, (char)0xf4) & from90; /* above U+10FFFF */
	bad |= simd_from(x, 0xf5);
	return bad != 0;
}

/* The bytes 80-BF of a block must be those that the lead bytes before them ask
 * for. What a block has asked of the next one is in wanted. A block that is
 * found wrong, and the last one, are looked at again, sequence by sequence. */
size_t
utf8_valid(const char *p, size_t n)
{
	size_t i = 0, step;
	uint32_t wanted = 0, leads, longer;

	for (; n - i > SIMD_SIZE; i += SIMD_SIZE) {
		simd_block x = simd_load(p + i);
		if ((simd_high(x) | wanted) == 0)
			continue;
		leads = simd_from(x, 0xc0);
		longer = simd_from(x, 0xe0);
		wanted |= leads << 1 | longer << 2 | simd_from(x, 0xf0) << 3;
		if ((wanted & SIMD_FULL) != simd_tails(x) || leads != simd_from(x, 0xc2))
			break;
		if (longer && has_bad_lead(x, simd_load(p + i + 1)))
			break;
		wanted >>= SIMD_SIZE;
	}
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

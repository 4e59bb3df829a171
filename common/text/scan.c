#include "text/scan.h"

#include <string.h>

#include "base/simd.h"

enum { BLOCK = 64 }; /* four of simd.h; a mask has bit i for byte i */

#define EACH(classify)                                                         \
	((uint64_t)(classify(simd_load(p))) | (uint64_t)(classify(simd_load(p + 16))) << 16 | \
	    (uint64_t)(classify(simd_load(p + 32))) << 32 | (uint64_t)(classify(simd_load(p + 48))) << 48)

static inline uint64_t
block_equal(const char *p, char byte)
{
#define IS_BYTE(x) simd_equal(x, byte)
	return EACH(IS_BYTE);
#undef IS_BYTE
}

static inline uint64_t
block_starts(const char *p) /* all but 80-BF */
{
	return ~EACH(simd_tails);
}

static inline uint64_t
block_wide(const char *p) /* first bytes of four-byte characters */
{
#define IS_WIDE(x) simd_from(x, 0xf0)
	return EACH(IS_WIDE);
#undef IS_WIDE
}

/* The masks of characters for the bytes at `at`, as far as there are any. */
static inline void
characters(const struct scan_text *t, size_t at, uint64_t *starts, uint64_t *wide)
{
	const char *p = t->p + at;
	char padded[BLOCK];

	if (t->n - at < BLOCK) {
		memset(padded, '\x80', sizeof(padded)); /* counts as nothing */
		memcpy(padded, p, t->n - at);
		p = padded;
	}
	*starts = block_starts(p);
	*wide = t->measure == MEASURE_UTF16 ? block_wide(p) : 0;
}

/* How many tokens end in the first `at` bytes. */
static size_t
tokens_before(const struct scan_text *t, size_t at)
{
	size_t low = 0, high = t->end_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (t->ends[middle] <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* A token may end within a character: the place is then behind that. */
static struct mark
advance_tokens(const struct scan_text *t, struct mark from, size_t unit, struct mark end)
{
	size_t at = unit > from.unit ? t->ends[unit - 1] : from.byte;

	while (at < end.byte && ((unsigned char)t->p[at] & 0xc0) == 0x80) {
		at++;
	}
	return at >= end.byte ? end : (struct mark){at, tokens_before(t, at)};
}

size_t
scan_units(const struct scan_text *t, size_t from, size_t to)
{
	uint64_t starts, wide;
	size_t units = 0;

	if (t->measure == MEASURE_BYTES)
		return to - from;
	if (t->measure == MEASURE_TOKENS)
		return tokens_before(t, to) - tokens_before(t, from);
	for (; from < to; from += BLOCK) {
		characters(t, from, &starts, &wide);
		if (to - from < BLOCK) {
			starts &= scan_below((unsigned)(to - from));
			wide &= scan_below((unsigned)(to - from));
		}
		units += scan_bits(starts) + scan_bits(wide);
	}
	return units;
}

struct mark
scan_advance(const struct scan_text *t, struct mark from, size_t unit, struct mark end)
{
	uint64_t starts, wide;

	if (unit >= end.unit)
		return end;
	if (t->measure == MEASURE_BYTES)
		return unit > from.unit ? (struct mark){from.byte + (unit - from.unit), unit} : from;
	if (t->measure == MEASURE_TOKENS)
		return advance_tokens(t, from, unit, end);
	while (from.byte < end.byte) {
		characters(t, from.byte, &starts, &wide);
		if (from.unit + scan_bits(starts) + scan_bits(wide) <= unit) {
			from.unit += scan_bits(starts) + scan_bits(wide);
			from.byte += BLOCK;
			continue;
		}
		for (; starts; starts &= starts - 1) {
			unsigned bit = (unsigned)__builtin_ctzll(starts);

			if (from.unit >= unit)
				return (struct mark){from.byte + bit, from.unit};
			from.unit += 1 + (wide >> bit & 1);
		}
		from.byte += BLOCK;
	}
	return end;
}

size_t
scan_newlines(const char *p, size_t n)
{
	size_t count = 0;

	for (; n >= BLOCK; p += BLOCK, n -= BLOCK) {
		count += scan_bits(block_equal(p, '\n'));
	}
	for (; n > 0; p++, n--) {
		count += *p == '\n';
	}
	return count;
}

/* Near the end of the text, where a block would be read past it. */
static uint64_t
find_tail(const struct scan_find *f)
{
	const char *p = f->t->p + f->base;
	size_t n = f->sep.n, left = f->end - f->base;
	uint64_t m = 0;

	for (unsigned i = 0; i < BLOCK && i + n <= left; i++) {
		m |= (uint64_t)(p[i] == f->sep.p[0] && p[i + n - 1] == f->sep.p[n - 1]) << i;
	}
	return m;
}

static int
find_block(struct scan_find *f)
{
	const char *p = f->t->p + f->base, *sep = f->sep.p;
	size_t n = f->sep.n;

	if (f->base >= f->end || f->end - f->base < n)
		return 0;
	if (f->t->n - f->base < BLOCK + n - 1) {
		f->matches = find_tail(f);
	} else {
		f->matches = block_equal(p, sep[0]);
		if (n > 1 && f->matches)
			f->matches &= block_equal(p + n - 1, sep[n - 1]);
		if (f->end - f->base - (n - 1) < BLOCK)
			f->matches &= scan_below((unsigned)(f->end - f->base - (n - 1)));
	}
	if (f->t->measure != MEASURE_BYTES)
		characters(f->t, f->base, &f->starts, &f->wide);
	return 1;
}

void
scan_find_start(struct scan_find *f, const struct scan_text *t, struct slice sep,
    struct mark from, size_t end, int overlapping)
{
	f->t = t;
	f->sep = sep;
	f->end = end;
	f->base = f->allowed = from.byte;
	f->unit = from.unit;
	f->matches = f->starts = f->wide = 0;
	f->overlapping = overlapping;
	if (!find_block(f))
		f->base = f->end;
}

int
scan_find_more(struct scan_find *f)
{
	while (f->base < f->end) {
		f->unit += f->t->measure == MEASURE_BYTES ? BLOCK : scan_bits(f->starts) + scan_bits(f->wide);
		f->base += BLOCK;
		if (!find_block(f))
			f->base = f->end;
		else if (f->matches)
			return 1;
	}
	return 0;
}

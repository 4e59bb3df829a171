#include "text/scan.h"

#include <string.h>

#include "base/wide.h"

/* The first bytes of the characters in a block, and of those that are two UTF-16
 * units, where these count. */
WIDE_INLINE void
characters(const struct wide *w, enum measure measure, const char *p, uint64_t *starts, uint64_t *wide)
{
	*starts = ~w->tails(p);
	*wide = measure == MEASURE_UTF16 ? w->from(p, 0xf0) : 0;
}

/* The same for the bytes at `at`, as far as there are any. */
static void
characters_at(const struct scan_text *t, size_t at, uint64_t *starts, uint64_t *wide)
{
	const char *p = t->p + at;
	char padded[WIDE_SIZE];

	if (t->n - at < WIDE_SIZE) {
		memset(padded, '\x80', sizeof(padded)); /* counts as nothing */
		memcpy(padded, p, t->n - at);
		p = padded;
	}
	characters(&wide_plain, t->measure, p, starts, wide);
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

WIDE_INLINE size_t
units(const struct wide *w, const struct scan_text *t, size_t from, size_t to)
{
	uint64_t starts, wide;
	size_t count = 0;

	for (; from < to; from += WIDE_SIZE) {
		if (t->n - from >= WIDE_SIZE)
			characters(w, t->measure, t->p + from, &starts, &wide);
		else
			characters_at(t, from, &starts, &wide);
		if (to - from < WIDE_SIZE) {
			starts &= scan_below((unsigned)(to - from));
			wide &= scan_below((unsigned)(to - from));
		}
		count += scan_bits(starts) + scan_bits(wide);
	}
	return count;
}

WIDE_EACH(size_t, units, (const struct scan_text *t, size_t from, size_t to), t, from, to)

size_t
scan_units(const struct scan_text *t, size_t from, size_t to)
{
	if (t->measure == MEASURE_BYTES)
		return to - from;
	if (t->measure == MEASURE_TOKENS)
		return tokens_before(t, to) - tokens_before(t, from);
	return WIDE_CALL(t->level, units, t, from, to);
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
		characters_at(t, from.byte, &starts, &wide);
		if (from.unit + scan_bits(starts) + scan_bits(wide) <= unit) {
			from.unit += scan_bits(starts) + scan_bits(wide);
			from.byte += WIDE_SIZE;
			continue;
		}
		for (; starts; starts &= starts - 1) {
			unsigned bit = (unsigned)__builtin_ctzll(starts);

			if (from.unit >= unit)
				return (struct mark){from.byte + bit, from.unit};
			from.unit += 1 + (wide >> bit & 1);
		}
		from.byte += WIDE_SIZE;
	}
	return end;
}

/* The newlines of the whole blocks of p[0..n). */
WIDE_INLINE size_t
newlines(const struct wide *w, const char *p, size_t n)
{
	size_t count = 0;

	for (; n >= WIDE_SIZE; p += WIDE_SIZE, n -= WIDE_SIZE)
		count += scan_bits(w->equal(p, '\n'));
	return count;
}

WIDE_EACH(size_t, newlines, (const char *p, size_t n), p, n)

size_t
scan_newlines(const struct scan_text *t, size_t from, size_t to)
{
	const char *p = t->p + from;
	size_t n = to - from, rest = n % WIDE_SIZE, count = 0;

	if (n >= WIDE_SIZE) { /* the rest as part of the last block there is */
		count = WIDE_CALL(t->level, newlines, p, n);
		if (rest)
			count += scan_bits(wide_equal_plain(p + n - WIDE_SIZE, '\n') >> (WIDE_SIZE - rest));
		return count;
	}
	for (; n > 0; p++, n--)
		count += *p == '\n';
	return count;
}

/* Near the end of the text, where a block would be read past it. */
static uint64_t
find_tail(const struct scan_find *f)
{
	const char *p = f->t->p + f->base;
	size_t n = f->sep.n, left = f->end - f->base;
	uint64_t m = 0;

	for (unsigned i = 0; i < WIDE_SIZE && i + n <= left; i++) {
		m |= (uint64_t)(p[i] == f->sep.p[0] && p[i + n - 1] == f->sep.p[n - 1]) << i;
	}
	return m;
}

/* The block at f->base, which may reach over the end. */
static void
find_block(struct scan_find *f)
{
	const char *p = f->t->p + f->base, *sep = f->sep.p;
	size_t n = f->sep.n;

	if (f->t->n - f->base < WIDE_SIZE + n - 1) {
		f->matches = find_tail(f);
	} else {
		f->matches = wide_equal_plain(p, sep[0]) & wide_equal_plain(p + n - 1, sep[n - 1]);
		if (f->end - f->base - (n - 1) < WIDE_SIZE)
			f->matches &= scan_below((unsigned)(f->end - f->base - (n - 1)));
	}
	if (f->t->measure != MEASURE_BYTES)
		characters_at(f->t, f->base, &f->starts, &f->wide);
}

/* On to the next block that has matches, or to the last one that is whole. Where
 * bytes are units nothing is counted on the way. */
WIDE_INLINE int
find_whole(const struct wide *w, struct scan_find *f)
{
	size_t behind = f->sep.n - 1, reach = WIDE_SIZE + behind;
	char first = f->sep.p[0], last = f->sep.p[behind];
	const char *from, *p, *end = f->t->p + f->end;
	enum measure measure = f->t->measure;
	uint64_t matches = 0;

	f->matches = 0;
	if (f->next > f->end || f->end - f->next < reach)
		return 0;
	for (p = from = f->t->p + f->next; matches == 0 && (size_t)(end - p) >= reach; p += WIDE_SIZE) {
		matches = w->equal(p, first) & w->equal(p + behind, last);
		if (measure != MEASURE_BYTES) {
			f->unit = f->ahead;
			characters(w, measure, p, &f->starts, &f->wide);
			f->ahead += scan_bits(f->starts) + scan_bits(f->wide);
		}
	}
	if (measure == MEASURE_BYTES) {
		f->ahead += (size_t)(p - from);
		f->unit = f->ahead - WIDE_SIZE;
	}
	f->next += (size_t)(p - from);
	f->base = f->next - WIDE_SIZE;
	f->matches = matches;
	return matches != 0;
}

WIDE_EACH(int, find_whole, (struct scan_find *f), f)

int
scan_find_more(struct scan_find *f)
{
	if (WIDE_CALL(f->t->level, find_whole, f))
		return 1;
	while (f->next < f->end && f->end - f->next >= f->sep.n) {
		f->base = f->next;
		f->unit = f->ahead;
		find_block(f);
		f->next += WIDE_SIZE;
		f->ahead += f->t->measure == MEASURE_BYTES ? WIDE_SIZE : scan_bits(f->starts) + scan_bits(f->wide);
		if (f->matches)
			return 1;
	}
	f->next = f->end;
	return 0;
}

void
scan_find_start(struct scan_find *f, const struct scan_text *t, struct slice sep,
    struct mark from, size_t end, int overlapping)
{
	*f = (struct scan_find){.t = t, .sep = sep, .end = end, .next = from.byte, .ahead = from.unit,
	    .allowed = from.byte, .overlapping = overlapping};
}

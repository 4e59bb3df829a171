/* scan: positions in a text, counted in bytes and in the unit of length at the
 * same time, 64 bytes a step. Private to the room. */
#ifndef C1V_TEXT_SCAN_H
#define C1V_TEXT_SCAN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/wide.h"

/* What a unit is. For ASCII text the first three are bytes. */
enum measure { MEASURE_BYTES, MEASURE_POINTS, MEASURE_UTF16, MEASURE_TOKENS };

struct scan_text {
	const char *p;
	size_t n;
	enum measure measure;
	enum wide_level level; /* how to scan it; what is not known is plain */
	const uint32_t *ends; /* MEASURE_TOKENS: where each token ends, in order */
	size_t end_count;
};

/* A place between two characters: its offset in bytes and in units. */
struct mark {
	size_t byte, unit;
};

/* Units in bytes [from, to), both between characters. */
size_t scan_units(const struct scan_text *t, size_t from, size_t to);

/* The first place at or behind `from` that is `unit` or more units into the
 * text, at most `end`. Not for MEASURE_BYTES of text that is not ASCII. With
 * MEASURE_TOKENS units are counted from the beginning of the text. */
struct mark scan_advance(const struct scan_text *t, struct mark from, size_t unit, struct mark end);

/* Newlines in bytes [from, to). */
size_t scan_newlines(const struct scan_text *t, size_t from, size_t to);

/* Occurrences of a separator in [from, end) of a text, in order: those that
 * begin behind the one before, or behind its end. Not for MEASURE_TOKENS. */
struct scan_find {
	const struct scan_text *t;
	struct slice sep;
	size_t end;
	size_t base, unit; /* the block of 64 bytes that the masks describe; units before it */
	size_t next, ahead; /* the same of the block behind it */
	size_t allowed;   /* no occurrence begins before this byte */
	uint64_t matches; /* places where the first and the last byte agree */
	uint64_t starts;  /* first bytes of characters */
	uint64_t wide;    /* first bytes of characters of two UTF-16 units */
	int overlapping;
};
void scan_find_start(struct scan_find *f, const struct scan_text *t, struct slice sep,
    struct mark from, size_t end, int overlapping);
int scan_find_more(struct scan_find *f); /* on to a block with matches; 0: there is none */

/* The compiler's own is a call unless the processor is known to have it. */
static inline unsigned
scan_bits(uint64_t v)
{
	v -= v >> 1 & 0x5555555555555555u;
	v = (v & 0x3333333333333333u) + (v >> 2 & 0x3333333333333333u);
	v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0fu;
	return (unsigned)(v * 0x0101010101010101u >> 56);
}

static inline uint64_t
scan_below(unsigned bit) /* the bits before this one; bit < 64 */
{
	return ((uint64_t)1 << bit) - 1;
}

/* The next occurrence; 0 at the end. */
static inline int
scan_find_next(struct scan_find *f, struct mark *at)
{
	do {
		while (f->matches) {
			unsigned bit = (unsigned)__builtin_ctzll(f->matches);
			size_t byte = f->base + bit;

			f->matches &= f->matches - 1;
			if (byte < f->allowed || (f->sep.n > 2 &&
			    memcmp(f->t->p + byte + 1, f->sep.p + 1, f->sep.n - 2) != 0))
				continue;
			f->allowed = byte + (f->overlapping ? 1 : f->sep.n);
			at->byte = byte;
			at->unit = f->t->measure == MEASURE_BYTES ? f->unit + bit :
			    f->unit + scan_bits(f->starts & scan_below(bit)) +
			    scan_bits(f->wide & scan_below(bit));
			return 1;
		}
	} while (scan_find_more(f));
	return 0;
}

#endif

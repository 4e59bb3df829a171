/* Places to cut at where the text itself offers none: in a block or sentence
 * that is longer than the size, and for an overlap that is part of one. */
#include "text/chunk_private.h"

#include <string.h>

#include "base/utf8.h"

static int
inside_character(const struct chunker *c, size_t at)
{
	return at < c->text.n && ((unsigned char)c->text.p[at] & 0xc0) == 0x80;
}

struct mark
chunk_place_after(const struct chunker *c, struct mark from, size_t unit, struct mark end)
{
	if (c->text.measure != MEASURE_BYTES)
		return scan_advance(&c->text, from, unit, end);
	if (unit >= end.unit)
		return end;
	while (inside_character(c, unit)) {
		unit++;
	}
	return unit > from.unit ? (struct mark){unit, unit} : from;
}

struct mark
chunk_place_before(const struct chunker *c, struct mark from, size_t unit, struct mark end)
{
	struct mark at = chunk_place_after(c, from, unit, end);

	while (at.unit > unit && at.byte > from.byte) {
		size_t byte = at.byte - 1;

		while (inside_character(c, byte)) {
			byte--;
		}
		at.unit -= scan_units(&c->text, byte, at.byte);
		at.byte = byte;
	}
	return at;
}

static size_t /* end of the last sep that ends in (from, to]; 0: none */
last_end(const char *p, struct slice sep, size_t begin, size_t from, size_t to)
{
	for (size_t at = to; at > from && at - begin >= sep.n; at--) {
		if (p[at - 1] == sep.p[sep.n - 1] && memcmp(p + at - sep.n, sep.p, sep.n) == 0)
			return at;
	}
	return 0;
}

static size_t /* of the first separator in the list that has one */
last_cut(const struct chunker *c, size_t begin, size_t from, size_t to)
{
	size_t at;

	for (size_t i = 0; i < c->o.separator_count; i++) {
		if (c->separators[i].n == 0)
			break;
		at = last_end(c->text.p, c->separators[i], begin, from, to);
		if (at)
			return at;
	}
	return 0;
}

struct mark
chunk_cut(const struct chunker *c, struct mark start, size_t least, struct mark end)
{
	struct mark limit = chunk_place_before(c, start, start.unit + c->o.size, end);
	size_t half, at, len;

	if (limit.byte == start.byte) { /* a character is longer than the size */
		utf8_decode(c->text.p + start.byte, &len);
		limit.byte += len;
		limit.unit += scan_units(&c->text, start.byte, limit.byte);
		return limit;
	}
	if (least < start.byte || least >= limit.byte)
		least = start.byte;
	half = start.byte + (limit.byte - start.byte) / 2;
	at = last_cut(c, start.byte, half > least ? half : least, limit.byte);
	if (!at)
		at = last_cut(c, start.byte, least, limit.byte);
	if (!at)
		return limit;
	return (struct mark){at, start.unit + scan_units(&c->text, start.byte, at)};
}

size_t
chunk_first_cut(const struct chunker *c, size_t from, size_t to)
{
	for (size_t i = 0; i < c->o.separator_count; i++) {
		struct slice sep = c->separators[i];
		const char *found;

		if (sep.n == 0)
			break;
		found = memmem(c->text.p + from, to - from, sep.p, sep.n);
		if (found != NULL && (size_t)(found - c->text.p) + sep.n < to)
			return (size_t)(found - c->text.p) + sep.n;
	}
	return to;
}

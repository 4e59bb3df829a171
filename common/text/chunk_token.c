/* Lengths in tokens. */
#include "text/chunk_private.h"

#include "base/utf8.h"

size_t
chunk_tokens(const struct chunker *c, size_t from, size_t to)
{
	return bpe_count(c->o.bpe, (struct slice){c->text.p + from, to - from});
}

void
chunk_find_tokens(struct chunker *c)
{
	size_t at = 0;

	c->ids.count = 0;
	bpe_encode(c->o.bpe, (struct slice){c->text.p, c->text.n}, &c->ids);
	mem_grow(&c->ends, &c->end_room, c->ids.count + 1, sizeof(*c->ends));
	for (size_t i = 0; i < c->ids.count; i++) {
		at += bpe_token(c->o.bpe, c->ids.items[i]).n;
		c->ends[i] = (uint32_t)chunk_min(at, c->text.n); /* unless the table is damaged */
	}
	c->text.measure = MEASURE_TOKENS;
	c->text.ends = c->ends;
	c->text.end_count = c->ids.count;
}

/* Where to end a range that has too many tokens: the last place that leaves as
 * many as may be, found from how many the text has there. */
static size_t
cut_tokens(const struct chunker *c, size_t start, size_t end)
{
	struct mark from = {start, scan_units(&c->text, 0, start)}, to = {end, scan_units(&c->text, 0, end)}, at;
	size_t s, e, len;

	for (size_t want = c->limit; want > 0; want--) {
		at = chunk_place_before(c, from, from.unit + want, to);
		s = start;
		e = at.byte;
		if (!c->o.no_strip)
			chunk_trim(c, &s, &e);
		if (at.byte > start && at.byte < end && chunk_tokens(c, s, e) <= c->limit)
			return at.byte;
	}
	utf8_decode(c->text.p + start, &len); /* one character has more */
	return start + len;
}

void
chunk_emit_tokens(struct chunker *c, struct chunk *k, void (*emit)(struct chunker *c, struct chunk *k))
{
	struct chunk part = *k;
	size_t next;

	/* Where the last chunk was cut, its last part may begin behind this one. */
	if (part.start < c->first.at)
		part.start = c->first.at;
	for (;;) {
		/* Without its outer white space a part can have more tokens. */
		part.end = k->end;
		if (!c->o.no_strip)
			chunk_trim(c, &part.start, &part.end);
		if (part.start == part.end)
			return;
		if (chunk_tokens(c, part.start, part.end) <= c->limit)
			break;
		next = cut_tokens(c, part.start, part.end);
		if (next >= part.end) /* one character */
			break;
		part.end = next;
		if (!c->o.no_strip)
			chunk_trim(c, &part.start, &part.end);
		if (part.end > c->emitted) /* else it is in the chunk before */
			emit(c, &part);
		part.start = next;
	}
	if (part.end > c->emitted)
		emit(c, &part);
}

/* Sentences by the rules of UAX #29 (Unicode Standard Annex 29, section 5.1),
 * SB1 to SB998, with the property table of the Unicode data. */
#include "text/chunk_private.h"

#include "base/utf8.h"
#include "text/sentence_table.h"

static enum sentence_prop
property(uint32_t ch)
{
	uint32_t block = ch / 64;

	if (block >= SENTENCE_INDEX) {
		for (size_t i = 0; i < sizeof(sentence_ranges) / sizeof(sentence_ranges[0]); i++) {
			if (ch >= sentence_ranges[i].first && ch <= sentence_ranges[i].last)
				return sentence_ranges[i].prop;
		}
		return SB_OTHER;
	}
	return (enum sentence_prop)(sentence_blocks[sentence_index[block]][ch % 64 / 2] >> ch % 2 * 4 & 15);
}

static int
is_separator(enum sentence_prop p)
{
	return p == SB_SEP || p == SB_CR || p == SB_LF;
}

static int
is_ignored(enum sentence_prop p) /* by SB5 */
{
	return p == SB_EXTEND || p == SB_FORMAT;
}

/* The property of the character at *at, which moves behind it. */
static enum sentence_prop
take(struct slice text, size_t *at)
{
	size_t len;
	uint32_t ch = utf8_decode(text.p + *at, &len);

	*at += len;
	return property(ch);
}

/* The same, and behind what SB5 ignores, unless it is a separator. */
static enum sentence_prop
take_cluster(struct slice text, size_t *at)
{
	enum sentence_prop p = take(text, at);
	size_t next = *at;

	while (!is_separator(p) && next < text.n && is_ignored(take(text, &next))) {
		*at = next;
	}
	return p;
}

static enum sentence_prop
peek(struct slice text, size_t at)
{
	return at < text.n ? take(text, &at) : SB_OTHER;
}

/* SB8: behind a full stop, does a lower-case letter come before anything that
 * could begin or end a sentence? */
static int
lower_follows(struct slice text, size_t at)
{
	while (at < text.n) {
		switch (take(text, &at)) {
		case SB_LOWER:
			return 1;
		case SB_OLETTER:
		case SB_UPPER:
		case SB_SEP:
		case SB_CR:
		case SB_LF:
		case SB_STERM:
		case SB_ATERM:
			return 0;
		default:
			break;
		}
	}
	return 0;
}

/* Behind a terminator: over Close* Sp* ParaSep? (SB9, SB10). 1 and *at behind
 * them when a sentence ends there (SB11), else 0 and *at where to go on. */
static int
ends_behind(struct slice text, size_t *at, enum sentence_prop before, enum sentence_prop term)
{
	size_t i = *at;
	enum sentence_prop next = peek(text, i);

	if (term == SB_ATERM && (next == SB_NUMERIC || /* SB6, SB7 */
	    ((before == SB_UPPER || before == SB_LOWER) && next == SB_UPPER)))
		return 0;
	while (i < text.n && next == SB_CLOSE) {
		take_cluster(text, &i);
		next = peek(text, i);
	}
	while (i < text.n && next == SB_SP) {
		take_cluster(text, &i);
		next = peek(text, i);
	}
	*at = i;
	if (i < text.n && is_separator(next)) {
		if (take(text, &i) == SB_CR && peek(text, i) == SB_LF)
			take(text, &i);
		*at = i;
		return 1;
	}
	if (i == text.n)
		return 1;
	if (term == SB_ATERM && lower_follows(text, i))
		return 0;
	return next != SB_SCONTINUE && next != SB_STERM && next != SB_ATERM; /* SB8a */
}

/* Past characters of one byte that end nothing and are not the last before
 * one that may: most of a text. */
static size_t
skip_plain(struct slice text, size_t at)
{
	size_t from = at;

	for (; at < text.n; at++) {
		unsigned char c = (unsigned char)text.p[at];

		if (c >= 0x80 || c < ' ' || c == '.' || c == '!' || c == '?')
			break;
	}
	return at > from ? at - 1 : from;
}

size_t
chunk_sentence_end(struct slice text, size_t from)
{
	enum sentence_prop before = SB_OTHER, p = SB_OTHER;
	size_t at = from;

	while (at < text.n) {
		before = p;
		at = skip_plain(text, at);
		p = take_cluster(text, &at);
		if (p == SB_CR && peek(text, at) == SB_LF)
			take(text, &at);
		if (is_separator(p)) /* SB4 */
			return at;
		if ((p == SB_ATERM || p == SB_STERM) && ends_behind(text, &at, before, p))
			return at;
	}
	return text.n;
}

void
chunk_sentence(struct chunker *c)
{
	struct slice text = {c->text.p, c->text.n};
	struct mark from = {0, 0}, to, cut;

	while (from.byte < text.n) {
		to.byte = chunk_sentence_end(text, from.byte);
		to.unit = from.unit + scan_units(&c->text, from.byte, to.byte);
		while (to.unit - from.unit > c->o.size) {
			chunk_window_flush(c);
			cut = chunk_cut(c, from, from.byte, to);
			chunk_emit(c, from.byte, cut.byte, !c->o.no_strip);
			from = cut;
		}
		if (from.byte < to.byte)
			chunk_window_add(c, from, to);
		from = to;
	}
	chunk_window_flush(c);
}

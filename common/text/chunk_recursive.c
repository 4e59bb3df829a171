/* The recursive splitter. A text is cut at the first separator of the list
 * that it has; neighbouring pieces shorter than the size are merged, a piece
 * that is not is cut at the separators that are left. Pieces keep their
 * separators, so they tile the text, and a merge is a range of it.
 *
 * With CHUNK_TOKENS separators are found in bytes, and the lengths of pieces are
 * counted as they come: the units of marks in the window are the tokens of all
 * pieces so far. */
#include "text/chunk_private.h"

#include "base/utf8.h"

/* The length of a piece as it comes, where the text is not measured as a whole. */
static void
count_piece(struct chunker *c, struct mark *from, struct mark *to)
{
	from->unit = c->token_unit;
	to->unit = c->token_unit += chunk_tokens(c, from->byte, to->byte);
}

/* A character at a time: for sizes that a character can have by itself. Those
 * of at least the size go out as they are, as LangChain's pieces do. */
static void
split_each(struct chunker *c, struct mark from, struct mark to)
{
	while (from.byte < to.byte) {
		struct mark next;
		size_t len;

		utf8_decode(c->text.p + from.byte, &len);
		next.byte = from.byte + len;
		next.unit = from.unit + scan_units(&c->text, from.byte, next.byte);
		if (c->o.unit == CHUNK_TOKENS)
			count_piece(c, &from, &next);
		if (next.unit - from.unit < c->o.size) {
			chunk_window_add(c, from, next);
		} else {
			chunk_window_flush(c);
			chunk_emit(c, from.byte, next.byte, 0);
		}
		from = next;
	}
	chunk_window_flush(c);
}

static size_t
character_start(const struct scan_text *t, size_t at, int step)
{
	while (at < t->n && ((unsigned char)t->p[at] & 0xc0) == 0x80) {
		at += (size_t)step;
	}
	return at;
}

/* Bytes as the unit, several bytes a character: windows of whole characters. */
static void
split_bytes(struct chunker *c, size_t from, size_t to)
{
	size_t size = c->o.size, end, least, len;

	while (to - from > size) {
		end = character_start(&c->text, from + size, -1);
		chunk_emit(c, from, end, !c->o.no_strip);
		utf8_decode(c->text.p + end, &len);
		least = end + len - size; /* where the next window may begin at all */
		if (end - c->o.overlap > least && c->o.overlap < end)
			least = end - c->o.overlap;
		from = character_start(&c->text, least, 1);
	}
	chunk_emit(c, from, to, !c->o.no_strip);
}

/* At the separator "" every piece is one unit, so what merging would do is
 * known: windows of the size, each beginning `keep` before the end of the last.
 * A UTF-16 unit in the middle of a character stands for the place behind it. */
static void
split_units(struct chunker *c, struct mark from, struct mark to)
{
	size_t size = c->o.size, keep = chunk_min(c->o.overlap, size - 1), start = from.unit;
	struct mark head = from, tail = from;

	for (; to.unit - start > size; start += size - keep) {
		head = scan_advance(&c->text, head, start, to);
		tail = scan_advance(&c->text, tail, start + size, to);
		chunk_emit(c, head.byte, tail.byte, !c->o.no_strip);
	}
	head = scan_advance(&c->text, head, start, to);
	chunk_emit(c, head.byte, to.byte, !c->o.no_strip);
}

static void
split_characters(struct chunker *c, struct mark from, struct mark to)
{
	int bytes = c->o.unit == CHUNK_BYTES;

	if (c->o.unit == CHUNK_TOKENS || c->o.size <= (bytes ? 4 : 1))
		split_each(c, from, to);
	else if (bytes)
		split_bytes(c, from.byte, to.byte);
	else
		split_units(c, from, to);
}

/* Cut a range at the first separator from number `next` on that it has. A
 * range that has none of them is one piece. */
static void
descend(struct chunker *c, struct mark from, struct mark to, size_t next)
{
	int js = c->o.compat == CHUNK_JS;
	struct level *l;

	for (size_t i = next; i < c->o.separator_count; i++) {
		struct slice sep = c->separators[i];

		if (sep.n == 0) {
			split_characters(c, from, to);
			return;
		}
		mem_grow(&c->levels, &c->level_room, c->level_count + 1, sizeof(*c->levels));
		l = &c->levels[c->level_count];
		scan_find_start(&l->find, &c->text, sep, from, to.byte, js);
		if (scan_find_next(&l->find, &l->found)) {
			struct scan_text s = {.p = sep.p, .n = sep.n, .measure = c->text.measure};

			l->has_found = 1;
			l->piece = from;
			l->end = to;
			l->next = i + 1;
			l->sep_units = scan_units(&s, 0, sep.n);
			c->level_count++;
			return;
		}
	}
	if (c->o.unit == CHUNK_TOKENS)
		count_piece(c, &from, &to);
	if (js && next == c->o.separator_count) {
		split_characters(c, from, to); /* the JavaScript edition never gives up */
	} else if (to.unit - from.unit < c->o.size) {
		chunk_window_add(c, from, to);
		chunk_window_flush(c);
	} else {
		chunk_emit(c, from.byte, to.byte, 0);
	}
}

/* The next piece of a level, in *from and *to. */
static int
next_piece(const struct chunker *c, struct level *l, struct mark *from, struct mark *to)
{
	while (l->has_found || scan_find_next(&l->find, &l->found)) {
		struct mark at = l->found;

		l->has_found = 0;
		if (c->o.keep_end) {
			at.byte += l->find.sep.n;
			at.unit += l->sep_units;
		}
		if (at.byte == l->piece.byte)
			continue;
		*from = l->piece;
		*to = l->piece = at;
		return 1;
	}
	*from = l->piece;
	*to = l->piece = l->end;
	return from->byte < to->byte;
}

void
chunk_recursive(struct chunker *c)
{
	struct mark from = {0, 0}, to = c->text_end;

	if (to.byte == 0)
		return;
	descend(c, from, to, 0);
	while (c->level_count) {
		struct level *l = &c->levels[c->level_count - 1];

		if (!next_piece(c, l, &from, &to)) {
			chunk_window_flush(c);
			c->level_count--;
			continue;
		}
		if (c->o.unit == CHUNK_TOKENS)
			count_piece(c, &from, &to);
		if (to.unit - from.unit < c->o.size) {
			chunk_window_add(c, from, to);
		} else {
			chunk_window_flush(c);
			descend(c, from, to, l->next);
		}
	}
}

/* chunk_private: what the splitters of the room share. */
#ifndef C1V_TEXT_CHUNK_PRIVATE_H
#define C1V_TEXT_CHUNK_PRIVATE_H

#include "text/bpe.h"
#include "text/chunk.h"
#include "text/scan.h"

/* A split at one separator that is under way (chunk_recursive.c). */
struct level {
	struct scan_find find;
	struct mark found;   /* an occurrence that is still to be looked at */
	struct mark piece;   /* where the piece at hand begins */
	struct mark end;
	size_t next;         /* the separators left for pieces that are too long */
	size_t sep_units;    /* length of the separator */
	int has_found;
};

/* A block of Markdown within a section (chunk_markdown.c). */
struct block {
	struct mark start;
	struct mark content_end; /* without the blank lines that follow */
	struct mark end;
	int whole;               /* fenced code or a table: not to be cut */
	int heading;
};

struct line_cursor {
	size_t at, newlines; /* newlines in [0, at) */
};

struct chunker {
	struct chunk_options o; /* separators point into memory of our own */
	struct slice *separators;
	struct buf separator_bytes;

	/* The text at hand. */
	struct scan_text text;
	struct mark text_end;
	chunk_fn *fn;
	void *arg;
	size_t heading;              /* id for the chunks to come */
	struct line_cursor first, last;
	size_t emitted;              /* end of the last chunk */
	size_t blank_from, blank_to; /* known to be white space */

	/* With CHUNK_TOKENS: o.size is less than the limit by what a chunk's edges
	 * may add. */
	size_t limit;
	size_t token_unit;           /* tokens in all the pieces so far */
	struct bpe_ids ids;
	uint32_t *ends;              /* of the text's tokens */
	size_t end_room;

	/* Pieces that are being merged: where each begins, in a ring whose room is
	 * a power of two, and where the last one ends. */
	struct mark *ring;
	size_t ring_room, ring_head, ring_count;
	struct mark window_end;

	struct level *levels;
	size_t level_count, level_room;

	struct chunk_heading *headings;
	size_t heading_count, heading_room;
	struct block *blocks;
	size_t block_count, block_room;
};

/* Hand out text[start..end), trimmed where strip is set; nothing when empty, or
 * when the last chunk held it (LangChain's splitter alone repeats itself). */
void chunk_emit(struct chunker *c, size_t start, size_t end, int strip);
/* The same range without its outer white space. */
void chunk_trim(const struct chunker *c, size_t *start, size_t *end);

/* chunk_token.c: the tokens of text[from..to) by itself; and for splitters that
 * look at the text as a whole, where its tokens end, in c->text. */
size_t chunk_tokens(const struct chunker *c, size_t from, size_t to);
void chunk_find_tokens(struct chunker *c);
/* Hand out a trimmed range, in parts where it has more tokens than the limit. */
void chunk_emit_tokens(struct chunker *c, struct chunk *k, void (*emit)(struct chunker *c, struct chunk *k));

void chunk_recursive(struct chunker *c);
void chunk_markdown(struct chunker *c);
void chunk_sentence(struct chunker *c);

/* The place `unit` units into the text, in [from, end]: the last one at most,
 * or the first one at least so far in. */
struct mark chunk_place_before(const struct chunker *c, struct mark from, size_t unit, struct mark end);
struct mark chunk_place_after(const struct chunker *c, struct mark from, size_t unit, struct mark end);

/* Where to cut a range that is longer than the size: behind the last separator
 * that leaves at most size units from start, those of the second half tried
 * first, in the order of the list; else behind the last character that leaves
 * so many. The cut lies behind `least` where that is less than size units away,
 * and always behind start. */
struct mark chunk_cut(const struct chunker *c, struct mark start, size_t least, struct mark end);

/* Behind the first separator, in the order of the list, that ends within
 * (from, to); `to` when there is none. */
size_t chunk_first_cut(const struct chunker *c, size_t from, size_t to);

void chunk_ring_grow(struct chunker *c);

static inline struct mark
chunk_window_start(const struct chunker *c)
{
	return c->ring[c->ring_head & (c->ring_room - 1)];
}

/* Give out the pieces in the window and empty it. */
static inline void
chunk_window_flush(struct chunker *c)
{
	if (c->ring_count) {
		chunk_emit(c, chunk_window_start(c).byte, c->window_end.byte, !c->o.no_strip);
		c->ring_count = 0;
	}
}

/* Merge a piece, at most of the size, into the window as LangChain does: a
 * piece that does not fit gives the window out and lets pieces go from its
 * front until what is left is an overlap and the new one fits. The piece must
 * begin where the window ends, unless that is empty. */
static inline void
chunk_window_add(struct chunker *c, struct mark start, struct mark end)
{
	size_t size = c->o.size, keep;

	if (c->ring_count && end.unit - chunk_window_start(c).unit > size) {
		chunk_emit(c, chunk_window_start(c).byte, c->window_end.byte, !c->o.no_strip);
		keep = size - (end.unit - start.unit);
		if (keep > c->o.overlap)
			keep = c->o.overlap;
		while (c->ring_count && start.unit - chunk_window_start(c).unit > keep) {
			c->ring_head++;
			c->ring_count--;
		}
	}
	if (c->ring_count == c->ring_room)
		chunk_ring_grow(c);
	c->ring[(c->ring_head + c->ring_count++) & (c->ring_room - 1)] = start;
	c->window_end = end;
}

static inline size_t
chunk_min(size_t a, size_t b)
{
	return a < b ? a : b;
}

#endif

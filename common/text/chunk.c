#include "text/chunk.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "text/chunk_private.h"

enum {
	RING_ROOM = 256,
	TOKEN_EDGES = 2, TOKEN_ROOM = 16 /* left free, of sizes from that */
};

static const struct slice default_separators[] = {
	SLICE("\n\n"), SLICE("\n"), SLICE(". "), SLICE(" "), SLICE("")
};

static int
check(const struct chunk_options *o, struct err *e)
{
	if (o->size < 1)
		return err_set(e, C1V_USAGE, "--size: 0 is not in the range from 1");
	if (o->overlap > o->size)
		return err_set(e, C1V_USAGE, "--overlap: %zu is more than the size (%zu)", o->overlap, o->size);
	if (o->overlap == o->size && (o->compat == CHUNK_JS || o->by == CHUNK_MARKDOWN))
		return err_set(e, C1V_USAGE, "--overlap: %zu is not less than the size", o->overlap);
	if (o->unit == CHUNK_TOKENS && o->compat == CHUNK_JS)
		return err_set(e, C1V_USAGE, "--unit: tokens go with --compat python only");
	for (size_t i = 0; i < o->separator_count; i++) {
		if (utf8_valid(o->separators[i].p, o->separators[i].n) != o->separators[i].n)
			return err_set(e, C1V_USAGE, "--separator: number %zu is not valid UTF-8", i + 1);
	}
	return 0;
}

static void
copy_separators(struct chunker *c)
{
	const struct slice *from = c->o.separators;
	size_t at = 0;

	if (c->o.separator_count == 0) {
		from = default_separators;
		c->o.separator_count = sizeof(default_separators) / sizeof(default_separators[0]);
	}
	for (size_t i = 0; i < c->o.separator_count; i++) {
		buf_slice(&c->separator_bytes, from[i]);
	}
	c->separators = mem_zero(c->o.separator_count, sizeof(*c->separators));
	for (size_t i = 0; i < c->o.separator_count; i++) {
		c->separators[i] = (struct slice){from[i].n ? c->separator_bytes.data + at : "", from[i].n};
		at += from[i].n;
	}
	c->o.separators = c->separators;
}

/* A chunk that is cut out of a text can have a token more than there, where a
 * word loses the space before it: little enough is left that this is seldom. */
static void
set_limit(struct chunker *c)
{
	c->limit = c->o.size;
	if (c->o.unit != CHUNK_TOKENS || c->o.by == CHUNK_RECURSIVE || c->o.size < TOKEN_ROOM)
		return;
	c->o.size -= TOKEN_EDGES;
	if (c->o.overlap >= c->o.size)
		c->o.overlap = c->o.size - 1;
}

int
chunk_open(struct chunker **out, const struct chunk_options *o, struct err *e)
{
	struct chunker *c;
	int rc = check(o, e);

	if (rc != 0)
		return rc;
	c = mem_zero(1, sizeof(*c));
	c->o = *o;
	copy_separators(c);
	set_limit(c);
	c->ring = mem_zero(RING_ROOM, sizeof(*c->ring));
	c->ring_room = RING_ROOM;
	*out = c;
	return 0;
}

void
chunk_close(struct chunker *c)
{
	if (c == NULL)
		return;
	buf_free(&c->separator_bytes);
	free(c->separators);
	free(c->ring);
	free(c->levels);
	free(c->headings);
	free(c->blocks);
	free(c->ids.items);
	free(c->ends);
	free(c);
}

static enum measure
measure_of(const struct chunk_options *o, struct slice text)
{
	if (o->unit == CHUNK_BYTES || o->unit == CHUNK_TOKENS || utf8_ascii(text.p, text.n) == text.n)
		return MEASURE_BYTES;
	return o->compat == CHUNK_JS ? MEASURE_UTF16 : MEASURE_POINTS;
}

void
chunk_split(struct chunker *c, struct slice text, chunk_fn *fn, void *arg)
{
	c->text = (struct scan_text){.p = text.p, .n = text.n, .measure = measure_of(&c->o, text),
	    .level = wide_level()};
	c->token_unit = 0;
	if (c->o.unit == CHUNK_TOKENS && (c->o.by == CHUNK_MARKDOWN || c->o.by == CHUNK_SENTENCE))
		chunk_find_tokens(c);
	c->text_end = (struct mark){text.n, scan_units(&c->text, 0, text.n)};
	c->fn = fn;
	c->arg = arg;
	c->heading = 0;
	c->first = c->last = (struct line_cursor){0, 0};
	c->blank_from = c->blank_to = c->emitted = 0;
	c->ring_head = c->ring_count = c->level_count = c->heading_count = 0;
	switch (c->o.by) {
	case CHUNK_RECURSIVE:
		chunk_recursive(c);
		break;
	case CHUNK_MARKDOWN:
		chunk_markdown(c);
		break;
	case CHUNK_SENTENCE:
		chunk_sentence(c);
		break;
	case CHUNK_NONE: {
		size_t start = 0, end = text.n;

		chunk_trim(c, &start, &end);
		if (start < end)
			chunk_emit(c, 0, text.n, 0);
		break;
	}
	}
}

const struct chunk_heading *
chunk_heading(const struct chunker *c, size_t id)
{
	return &c->headings[id - 1];
}

void
chunk_ring_grow(struct chunker *c)
{
	struct mark *ring = mem_zero(2 * c->ring_room, sizeof(*ring));

	for (size_t i = 0; i < c->ring_count; i++) {
		ring[i] = c->ring[(c->ring_head + i) & (c->ring_room - 1)];
	}
	free(c->ring);
	c->ring = ring;
	c->ring_room *= 2;
	c->ring_head = 0;
}

/* --- trimming ---------------------------------------------------------- */

/* What Python's str.strip() and JavaScript's trim() take away: the same but
 * for U+001C to U+001F and U+0085 (Python only) and U+FEFF (JavaScript only). */
static int
is_space(uint32_t ch, enum chunk_compat compat)
{
	if (ch < 0x80)
		return ch == ' ' || (ch >= '\t' && ch <= '\r') ||
		    (compat == CHUNK_PYTHON && ch >= 0x1c && ch <= 0x1f);
	switch (ch) {
	case 0x85:
		return compat == CHUNK_PYTHON;
	case 0xfeff:
		return compat == CHUNK_JS;
	case 0xa0:
	case 0x1680:
	case 0x2028:
	case 0x2029:
	case 0x202f:
	case 0x205f:
	case 0x3000:
		return 1;
	default:
		return ch >= 0x2000 && ch <= 0x200a;
	}
}

void
chunk_trim(const struct chunker *c, size_t *start, size_t *end)
{
	const char *p = c->text.p;
	size_t s = *start, e = *end, len, back;

	if (s >= c->blank_from && s < c->blank_to)
		s = chunk_min(c->blank_to, e);
	while (s < e && is_space(utf8_decode(p + s, &len), c->o.compat)) {
		s += len;
	}
	while (e > s) {
		for (back = e - 1; ((unsigned char)p[back] & 0xc0) == 0x80; back--) {
		}
		if (!is_space(utf8_decode(p + back, &len), c->o.compat))
			break;
		e = back;
	}
	*start = s;
	*end = e;
}

/* --- handing out ------------------------------------------------------- */

/* Both edges of chunks only move forward, so each newline is counted once, or
 * twice within an overlap. */
static void
count_lines(struct chunker *c, struct chunk *k)
{
	struct line_cursor *first = &c->first, *last = &c->last;

	if (last->at > first->at && last->at <= k->start)
		*first = *last;
	first->newlines += scan_newlines(&c->text, first->at, k->start);
	first->at = k->start;
	if (last->at < k->start)
		*last = *first;
	last->newlines += scan_newlines(&c->text, last->at, k->end - 1);
	last->at = k->end - 1;
	k->line = first->newlines + 1;
	k->end_line = last->newlines + 1;
}

static void
hand_out(struct chunker *c, struct chunk *k)
{
	c->emitted = k->end;
	count_lines(c, k);
	c->fn(c->arg, k);
}

void
chunk_emit(struct chunker *c, size_t start, size_t end, int strip)
{
	struct chunk k = {.start = start, .end = end, .heading = c->heading};

	if (strip) {
		chunk_trim(c, &k.start, &k.end);
		if (k.start == k.end) {
			/* A long run of white space in large windows that overlap
			 * is looked at once. */
			if (start > c->blank_to || start < c->blank_from)
				c->blank_from = start;
			c->blank_to = end;
		}
	}
	if (k.start == k.end || (c->o.by != CHUNK_RECURSIVE && k.end <= c->emitted))
		return;
	if (c->text.measure == MEASURE_TOKENS)
		chunk_emit_tokens(c, &k, hand_out);
	else
		hand_out(c, &k);
}

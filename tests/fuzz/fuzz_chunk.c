/* The splitters on any text and options: chunks lie in the text and in order,
 * between characters, on the lines they say, within the size where that is
 * promised, share no more than the overlap, and leave nothing out but white
 * space; and a chunk reads back from JSON as the bytes of the text that it is. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/utf8.h"
#include "text/bpe.h"
#include "text/chunk.h"

enum { OPTIONS = 6 };

struct seen {
	struct chunk_options o;
	struct slice text;
	size_t start, end, counted, newlines;
};

#define MUST(cond)                                                             \
	do {                                                                   \
		if (!(cond))                                                   \
			abort();                                               \
	} while (0)

/* With the tables of the checkout, or those in C1V_SHARE. */
static struct bpe *
table(int which)
{
	static struct bpe *open_tables[2];
	const char *share = getenv("C1V_SHARE");

	if (open_tables[which] == NULL)
		MUST(bpe_open_encoding(&open_tables[which], which ? "o200k_base" : "cl100k_base",
		    share != NULL ? share : "share", NULL) == 0);
	return open_tables[which];
}

static int
between_characters(struct slice t, size_t at)
{
	return at == t.n || ((unsigned char)t.p[at] & 0xc0) != 0x80;
}

static size_t
length(const struct chunk_options *o, const char *p, size_t n)
{
	if (o->unit == CHUNK_TOKENS)
		return bpe_count(o->bpe, (struct slice){p, n});
	if (o->unit == CHUNK_BYTES)
		return n;
	return o->compat == CHUNK_JS ? utf8_units(p, n) : utf8_count(p, n);
}

static int /* nothing but what Python or JavaScript trims? ASCII of it is enough */
is_blank(struct slice t, size_t from, size_t to)
{
	for (; from < to; from++) {
		unsigned char c = (unsigned char)t.p[from];

		if (c > ' ' && c < 0x7f)
			return 0;
	}
	return 1;
}

/* Is the size a maximum? The recursive splitters give up where no separator is
 * left, and add up the tokens of pieces; JavaScript's may cut a pair in half, which
 * stands here for the place behind it. */
static size_t
most(const struct chunk_options *o)
{
	size_t n = o->separator_count;
	int always = n == 0 || o->separators[n - 1].n == 0;

	if (o->by == CHUNK_NONE || (o->by == CHUNK_RECURSIVE && (!always || o->unit == CHUNK_TOKENS)))
		return (size_t)-1;
	return o->by == CHUNK_RECURSIVE && o->compat == CHUNK_JS ? o->size + 1 : o->size;
}

static void
check_size(const struct seen *s, const struct chunk *c)
{
	const char *p = s->text.p;
	size_t len;

	utf8_decode(p + c->start, &len);
	MUST(length(&s->o, p + c->start, c->end - c->start) <= most(&s->o) || len == c->end - c->start);
	if (s->o.unit != CHUNK_TOKENS && c->start < s->end)
		MUST(length(&s->o, p + c->start, s->end - c->start) <= s->o.overlap + (s->o.compat == CHUNK_JS));
}

static void
check_json(struct slice text)
{
	struct buf b = {0}, scratch = {0};
	struct slice value, back;

	json_add_string(&b, text);
	MUST(json_check(buf_as_slice(&b), &value, NULL) == 0);
	back = json_text(value, &scratch);
	MUST(slice_equal(back, text));
	buf_free(&b);
	buf_free(&scratch);
}

static void
look(void *arg, const struct chunk *c)
{
	struct seen *s = arg;
	const char *p = s->text.p;
	size_t lines = s->newlines;

	MUST(c->start >= s->start && c->end >= s->end && c->start < c->end && c->end <= s->text.n);
	MUST(between_characters(s->text, c->start) && between_characters(s->text, c->end));
	MUST(c->start <= s->end || is_blank(s->text, s->end, c->start));
	if (s->o.no_strip && s->o.by != CHUNK_NONE)
		MUST(c->start <= s->end);
	if (s->o.by == CHUNK_NONE)
		MUST(c->start == 0 && c->end == s->text.n);
	if (s->o.by != CHUNK_RECURSIVE)
		MUST(c->end > s->end);
	check_size(s, c);
	check_json((struct slice){p + c->start, c->end - c->start});
	for (size_t i = s->counted; i < c->start; i++) {
		lines += p[i] == '\n';
	}
	s->counted = c->start;
	s->newlines = lines;
	MUST(c->line == lines + 1);
	for (size_t i = c->start; i + 1 < c->end; i++) {
		lines += p[i] == '\n';
	}
	MUST(c->end_line == lines + 1);
	s->start = c->start;
	s->end = c->end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice separators[3];
	struct seen s = {0};
	struct chunker *c;
	char *text;
	size_t n;

	if (size < OPTIONS)
		return 0;
	n = utf8_valid((const char *)data + OPTIONS, size - OPTIONS);
	text = mem_bytes(data + OPTIONS, n); /* so that a read past its end is seen */
	text = mem_resize(text, n ? n : 1, 1);
	s.text = (struct slice){text, n};
	s.o = (struct chunk_options){
		.by = (enum chunk_by)(data[0] & 3), .unit = (enum chunk_unit)(data[0] >> 2 & 1),
		.compat = (enum chunk_compat)(data[0] >> 3 & 1), .keep_end = data[0] >> 4 & 1,
		.no_strip = data[0] >> 5 & 1, .size = data[1] + 1u, .overlap = data[2],
		.separators = separators
	};
	if (data[0] >> 7) {
		s.o.bpe = table(s.o.unit == CHUNK_BYTES);
		s.o.unit = CHUNK_TOKENS;
	}
	for (size_t i = 3; i < OPTIONS && data[0] >> 6 & 1; i++) { /* of the text itself */
		size_t from = data[i] & 15, len = data[i] >> 4;

		if (from + len <= n && utf8_valid(text + from, len) == len)
			separators[s.o.separator_count++] = (struct slice){text + from, len};
	}
	if (chunk_open(&c, &s.o, NULL) == 0) {
		chunk_split(c, s.text, look, &s);
		MUST(is_blank(s.text, s.end, n));
		chunk_close(c);
	}
	free(text);
	return 0;
}

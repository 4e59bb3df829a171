/* c1v-chunk --inspect: each chunk's number, place and size, and its two edges,
 * where the text that it shares with the chunk before is told apart. */
#include "chunk_document.h"

#include "base/num.h"
#include "base/utf8.h"
#include "text/bpe.h"

enum { EDGE = 72 }; /* characters of the text shown at an edge */

#define DIM "\033[2m"
#define BOLD "\033[1m"
#define CYAN "\033[36m"
#define YELLOW "\033[33m"
#define PLAIN "\033[0m"

static void
paint(struct buf *b, const struct inspect *in, const char *colour)
{
	if (in->colour)
		buf_string(b, colour);
}

static const char *const unit[] = {
	[CHUNK_CHARS] = "characters", [CHUNK_BYTES] = "bytes", [CHUNK_TOKENS] = "tokens"
};

static size_t
length(const struct inspect *in, struct slice s)
{
	if (in->options->unit == CHUNK_TOKENS)
		return bpe_count(in->options->bpe, s);
	if (in->options->unit == CHUNK_BYTES)
		return s.n;
	return in->options->compat == CHUNK_JS ? utf8_units(s.p, s.n) : utf8_count(s.p, s.n);
}

static struct slice /* the first characters */
head_of(struct slice s)
{
	size_t at = 0, len;

	for (size_t n = 0; n < EDGE && at < s.n; n++) {
		utf8_decode(s.p + at, &len);
		at += len;
	}
	return (struct slice){s.p, at};
}

static struct slice /* the last characters */
tail_of(struct slice s)
{
	size_t at = s.n;

	for (size_t n = 0; n < EDGE && at > 0; n++) {
		do {
			at--;
		} while (at > 0 && ((unsigned char)s.p[at] & 0xc0) == 0x80);
	}
	return (struct slice){s.p + at, s.n - at};
}

static void
add_title(struct buf *b, const struct document *d, const struct inspect *in)
{
	if (in->documents > 1)
		buf_byte(b, '\n');
	paint(b, in, BOLD);
	utf8_add_visible(b, d->id);
	paint(b, in, PLAIN);
	buf_format(b, ": %zu bytes, %zu chunk%s (%s)\n", d->content.n, d->chunk_count,
	    d->chunk_count == 1 ? "" : "s", in->settings);
}

static void
add_path(struct buf *b, const struct document *d, const struct chunker *c, size_t id)
{
	const struct chunk_heading *h;

	if (id == 0)
		return;
	h = chunk_heading(c, id);
	add_path(b, d, c, h->parent); /* six levels at most */
	buf_string(b, h->parent ? " > " : "  ");
	utf8_add_visible(b, (struct slice){d->content.p + h->start, h->end - h->start});
}

/* One line: a mark, the text with its control characters shown. */
static void
add_edge(struct buf *b, const struct inspect *in, const char *mark, const char *colour, struct slice s)
{
	buf_string(b, mark);
	paint(b, in, colour);
	utf8_add_visible(b, s);
	paint(b, in, PLAIN);
	buf_byte(b, '\n');
}

static void
add_chunk(struct buf *b, const struct document *d, const struct chunker *c, const struct inspect *in, size_t i)
{
	const struct chunk *k = &d->chunks[i];
	struct slice text = {d->content.p + k->start, k->end - k->start}, fresh;
	size_t shared = i > 0 && k[-1].end > k->start ? k[-1].end - k->start : 0;

	if (shared > text.n)
		shared = text.n;
	paint(b, in, CYAN);
	buf_format(b, "#%zu", i);
	paint(b, in, PLAIN);
	buf_format(b, "  lines %zu-%zu  bytes %zu-%zu  %zu %s", k->line, k->end_line, k->start, k->end,
	    length(in, text), unit[in->options->unit]);
	if (shared)
		buf_format(b, ", %zu of them shared", length(in, (struct slice){text.p, shared}));
	add_path(b, d, c, k->heading);
	buf_byte(b, '\n');
	if (shared)
		add_edge(b, in, "  ~ ", DIM, head_of((struct slice){text.p, shared}));
	fresh = (struct slice){text.p + shared, text.n - shared};
	add_edge(b, in, "  [ ", YELLOW, head_of(fresh));
	add_edge(b, in, "  ] ", YELLOW, tail_of(text));
}

int
document_inspect(const struct document *d, const struct chunker *c, struct inspect *in, struct out *out)
{
	int rc;

	if (d->passes)
		return 0;
	in->documents++;
	add_title(&out->buf, d, in);
	for (size_t i = 0; i < d->chunk_count; i++) {
		add_chunk(&out->buf, d, c, in, i);
		if ((rc = out_more(out)) != 0)
			return rc;
	}
	return out_more(out);
}

#include "search_tool.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utf8proc.h>

#include "base/json.h"
#include "base/num.h"
#include "base/utf8.h"

enum { WIDTH_LEAST = 40, WIDTH_MOST = 100, INDENT = 3, LINES = 3, LEAD = 30, WORDS_MAX = 64 };

/* Words that are in every text: marking them helps nobody. */
static const char *const dull[] = {
	"a", "an", "and", "any", "are", "as", "at", "be", "by", "can", "do", "does", "for", "from", "has",
	"have", "how", "i", "if", "in", "is", "it", "its", "me", "my", "no", "not", "of", "on", "or",
	"our", "should", "so", "that", "the", "their", "there", "they", "this", "to", "was", "we", "what",
	"when", "where", "which", "who", "why", "will", "with", "you", "your", NULL,
};

struct words {
	struct slice items[WORDS_MAX]; /* folded, of arena `one` */
	size_t count;
};

struct look {
	struct buf *out;
	size_t width;
	int colour;
	struct words query;
};

/* --- words ---------------------------------------------------------------------- */

static int
is_word(uint32_t c)
{
	utf8proc_category_t k;

	if (c < 0x80)
		return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
	k = utf8proc_category((utf8proc_int32_t)c);
	return (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_MC) ||
	    (k >= UTF8PROC_CATEGORY_ND && k <= UTF8PROC_CATEGORY_NO);
}

/* The next word of s from *at on: 1 and its place. */
static int
next_word(struct slice s, size_t *at, struct slice *word)
{
	size_t len, start;

	while (*at < s.n && !is_word(utf8_decode(s.p + *at, &len)))
		*at += len;
	start = *at;
	while (*at < s.n && is_word(utf8_decode(s.p + *at, &len)))
		*at += len;
	*word = (struct slice){s.p + start, *at - start};
	return *at > start;
}

static struct slice
fold(struct slice word, struct buf *b)
{
	size_t start = b->len, len;

	for (size_t i = 0; i < word.n; i += len) {
		uint32_t c = utf8_decode(word.p + i, &len);

		c = (uint32_t)utf8proc_tolower((utf8proc_int32_t)c);
		buf_reserve(b, 4);
		b->len += utf8_encode(b->data + b->len, c);
	}
	return (struct slice){b->data + start, b->len - start};
}

static int
is_dull(struct slice folded)
{
	for (size_t i = 0; dull[i] != NULL; i++)
		if (slice_is(folded, dull[i]))
			return 1;
	return 0;
}

static void
query_words(struct tool *t, struct slice text, struct words *out)
{
	struct buf b = {0};
	struct slice word;
	size_t at = 0;

	out->count = 0;
	while (out->count < WORDS_MAX && next_word(text, &at, &word)) {
		struct slice f;

		b.len = 0;
		f = fold(word, &b);
		if (!is_dull(f))
			out->items[out->count++] = (struct slice){arena_bytes(&t->one, f.p, f.n), f.n};
	}
	buf_free(&b);
}

/* Words match when they are equal or look like forms of one word: a common
 * beginning of four letters or more, and short endings. Returns the index of
 * the query's word, or -1. */
static int
match(const struct words *q, struct slice word, struct buf *scratch)
{
	struct slice f;

	scratch->len = 0;
	f = fold(word, scratch);
	for (size_t i = 0; i < q->count; i++) {
		struct slice w = q->items[i];
		size_t n = 0, shorter = w.n < f.n ? w.n : f.n, longer = w.n < f.n ? f.n : w.n;

		while (n < shorter && w.p[n] == f.p[n])
			n++;
		if (n == longer || (n >= 4 && shorter - n <= 3 && longer - n <= 4))
			return (int)i;
	}
	return -1;
}

/* --- the snippet ------------------------------------------------------------------ */

/* A text made harmless, with single blanks. */
static struct slice
clean(struct tool *t, struct slice s)
{
	struct buf visible = {0}, b = {0};
	struct slice out;

	utf8_add_visible(&visible, s);
	for (size_t i = 0; i < visible.len; i++)
		if (visible.data[i] != ' ' || (b.len > 0 && b.data[b.len - 1] != ' '))
			buf_byte(&b, visible.data[i]);
	out = (struct slice){arena_bytes(&t->one, b.data, b.len), b.len};
	buf_free(&visible);
	buf_free(&b);
	return out;
}

/* Where to begin, so that most of the query's words are in the next n bytes. */
static size_t
best_start(const struct look *l, struct slice text, size_t n)
{
	struct buf scratch = {0};
	size_t best = 0, best_count = 0, at = 0, places = 0;
	struct { size_t at; int word; } found[256];
	struct slice word;

	while (places < 256 && next_word(text, &at, &word)) {
		int w = match(&l->query, word, &scratch);

		if (w >= 0) {
			found[places].at = (size_t)(word.p - text.p);
			found[places++].word = w;
		}
	}
	for (size_t i = 0; i < places; i++) {
		size_t start = found[i].at > LEAD ? found[i].at - LEAD : 0, count = 0;
		uint64_t seen = 0;

		for (size_t j = i; j < places && found[j].at < start + n; j++) {
			count += !(seen >> found[j].word & 1);
			seen |= (uint64_t)1 << found[j].word;
		}
		if (count > best_count) {
			best_count = count;
			best = start;
		}
	}
	buf_free(&scratch);
	while (best > 0 && text.p[best - 1] != ' ')
		best--;
	return text.n <= n ? 0 : best;
}

static void
add_marked(const struct look *l, struct slice s)
{
	struct buf scratch = {0};
	struct slice word;
	size_t at = 0, done = 0;

	while (next_word(s, &at, &word)) {
		size_t start = (size_t)(word.p - s.p);

		buf_add(l->out, s.p + done, start - done);
		if (match(&l->query, word, &scratch) >= 0) {
			buf_string(l->out, l->colour ? "\033[1m" : "*");
			buf_slice(l->out, word);
			buf_string(l->out, l->colour ? "\033[0m" : "*");
		} else {
			buf_slice(l->out, word);
		}
		done = at;
	}
	buf_add(l->out, s.p + done, s.n - done);
	buf_free(&scratch);
}

/* How many bytes of s fit into a line, cut at a blank if there is one. */
static size_t
fitting(struct slice s, size_t columns)
{
	size_t at = 0, used = 0, blank = 0, len;

	while (at < s.n) {
		utf8_decode(s.p + at, &len);
		used += utf8_width(s.p + at, len);
		if (used > columns)
			return blank ? blank : at ? at : len;
		if (s.p[at] == ' ')
			blank = at;
		at += len;
	}
	return at;
}

static void
add_snippet(const struct look *l, struct slice text)
{
	size_t columns = l->width - INDENT - 1;
	size_t start = best_start(l, text, columns * LINES);
	struct slice rest = {text.p + start, text.n - start};

	for (int i = 0; i < LINES && rest.n > 0; i++) {
		size_t n = fitting(rest, columns - (i == 0 && start > 0) - (i == LINES - 1));

		buf_string(l->out, "   ");
		if (i == 0 && start > 0)
			buf_string(l->out, "…");
		add_marked(l, (struct slice){rest.p, n});
		while (n < rest.n && rest.p[n] == ' ')
			n++;
		rest = (struct slice){rest.p + n, rest.n - n};
		buf_string(l->out, i == LINES - 1 && rest.n > 0 ? "…\n" : "\n");
	}
}

/* --- a hit --------------------------------------------------------------------------- */

static void
add_headings(const struct look *l, struct slice place)
{
	struct slice headings = place.p ? json_get(place, "headings") : SLICE_NONE, item;
	struct buf scratch = {0};
	struct json_walk w;
	int first = 1;

	if (headings.p == NULL || json_type(headings) != JSON_ARRAY)
		return;
	w = json_walk(headings);
	while (json_item(&w, &item)) {
		if (json_type(item) != JSON_STRING)
			continue;
		scratch.len = 0;
		buf_string(l->out, first ? "  " : " > ");
		utf8_add_visible(l->out, json_text(item, &scratch));
		first = 0;
	}
	buf_free(&scratch);
}

static void
add_place(const struct look *l, const struct search_hit *h)
{
	struct slice line = h->place.p ? json_get(h->place, "line") : SLICE_NONE;

	utf8_add_visible(l->out, h->source.p ? h->source : h->id);
	if (h->source.p != NULL && line.p != NULL && json_type(line) == JSON_NUMBER) {
		buf_byte(l->out, ':');
		buf_slice(l->out, line);
	}
}

static void
add_explanation(const struct look *l, const struct search_hit *h)
{
	buf_string(l->out, "   vector ");
	if (h->vector_rank)
		buf_format(l->out, "rank %u, %.4f", (unsigned)h->vector_rank, h->vector_score);
	else
		buf_string(l->out, "not ranked");
	buf_string(l->out, "; keyword ");
	if (h->keyword_rank)
		buf_format(l->out, "rank %u, %.4f\n", (unsigned)h->keyword_rank, h->keyword_score);
	else
		buf_string(l->out, "not ranked\n");
}

static int
show_hit(struct tool *t, const struct look *l, size_t i)
{
	const struct search_hit *h = &t->hits.items[i];

	buf_format(l->out, "%s%zu. ", l->colour ? "\033[1m" : "", i + 1);
	add_place(l, h);
	buf_string(l->out, l->colour ? "\033[0m" : "");
	add_headings(l, h->place);
	buf_format(l->out, "  (%.3f)\n", h->score);
	add_snippet(l, clean(t, h->content));
	if (h->also_count > 0) {
		buf_string(l->out, "   also:");
		for (size_t k = 0; k < h->also_count; k++) {
			buf_byte(l->out, ' ');
			utf8_add_visible(l->out, h->also[k]);
		}
		buf_byte(l->out, '\n');
	}
	if (t->set->explain)
		add_explanation(l, h);
	return out_line(&t->cli->out); /* and an empty line */
}

/* --- all of them --------------------------------------------------------------------- */

static size_t
terminal_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize w;
	long n = columns ? strtol(columns, NULL, 10) : 0;

	if (n <= 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0)
		n = w.ws_col;
	if (n <= 0)
		n = 80;
	return (size_t)(n < WIDTH_LEAST ? WIDTH_LEAST : n > WIDTH_MOST ? WIDTH_MOST : n);
}

static int
wants_colour(void)
{
	const char *no = getenv("NO_COLOR"), *force = getenv("CLICOLOR_FORCE"), *term = getenv("TERM");

	if (no != NULL && *no != '\0')
		return 0;
	if (force != NULL && *force != '\0' && strcmp(force, "0") != 0)
		return 1;
	force = getenv("CLICOLOR");
	return isatty(STDOUT_FILENO) && (force == NULL || strcmp(force, "0") != 0) &&
	    term != NULL && strcmp(term, "dumb") != 0;
}

int
show_write(struct tool *t, const struct ask *a)
{
	struct look l = {.out = &t->cli->out.buf, .width = terminal_width(), .colour = wants_colour()};
	int rc = 0;

	query_words(t, a->text, &l.query);
	if (a->numbered) {
		buf_string(l.out, "== ");
		buf_slice(l.out, clean(t, a->text));
		rc = out_line(&t->cli->out);
	}
	for (size_t i = 0; rc == 0 && i < t->hits.count; i++)
		rc = show_hit(t, &l, i);
	if (rc != 0)
		return rc;
	buf_format(l.out, "%zu result%s of %llu chunks in %.1f ms", t->hits.count,
	    t->hits.count == 1 ? "" : "s", (unsigned long long)t->collection.chunks,
	    t->hits.trace.total_ms);
	if (t->hits.trace.short_by_filter)
		buf_format(l.out, " (%llu pass the filter)", (unsigned long long)t->hits.trace.allowed);
	if (a->numbered)
		buf_byte(l.out, '\n');
	return out_line(&t->cli->out);
}

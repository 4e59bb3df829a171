#include "store/sqlite_search.h"

/* To tokenise and stem a text takes far longer than to look over its words. A
 * word of ASCII letters and digits can only have a term's stem when it begins as
 * that does: unicode61 makes capitals small, and Porter's rules shorten a word
 * and change no more than the two last letters of what is left ("ability":
 * "able"). Only such words are tokenised, and runs with other letters whole. */

enum { STEM_VARIES = 2 };

struct count {
	const struct term *terms;
	size_t n;
	int *tf;
	unsigned char first[256]; /* does a term's stem begin with this byte? */
};

/* What ends a word ends it for both tokenizers, whatever is around it. */
enum { BETWEEN, PLAIN, OTHER };

static inline unsigned
kind(unsigned char c)
{
	return c >= 0x80 ? OTHER : (unsigned)((unsigned char)((c | 0x20) - 'a') < 26 ||
	    (unsigned char)(c - '0') < 10);
}

static int
on_token(void *arg, int flags, const char *token, int n, int start, int end)
{
	struct count *c = arg;
	struct slice stem = {token, (size_t)n};

	(void)flags;
	(void)start;
	(void)end;
	for (size_t i = 0; i < c->n; i++)
		if (slice_equal(stem, c->terms[i].stem))
			c->tf[i]++;
	return SQLITE_OK;
}

static int
begins_as(const char *word, size_t n, struct slice stem)
{
	size_t same = stem.n > STEM_VARIES ? stem.n - STEM_VARIES : stem.n > 0;

	if (n < stem.n)
		return 0;
	for (size_t i = 0; i < same; i++)
		if ((word[i] | 0x20) != stem.p[i])
			return 0;
	return same > 0;
}

static int
may_count(const struct count *c, const char *word, size_t n)
{
	if (!c->first[(unsigned char)(*word | 0x20)])
		return 0;
	for (size_t i = 0; i < c->n; i++)
		if (begins_as(word, n, c->terms[i].stem))
			return 1;
	return 0;
}

static int
count_words(struct keyword *k, struct slice text, struct count *c, struct err *e)
{
	const char *p = text.p, *end = p + text.n;
	int rc = 0;

	while (rc == 0 && p < end) {
		const char *word = p;
		unsigned kinds = kind((unsigned char)*p++), next;

		if (kinds == BETWEEN)
			continue;
		for (; p < end && (next = kind((unsigned char)*p)) != BETWEEN; p++)
			kinds |= next;
		if (kinds != PLAIN || may_count(c, word, (size_t)(p - word)))
			rc = keyword_tokenize(k, (struct slice){word, (size_t)(p - word)},
			    FTS5_TOKENIZE_DOCUMENT, c, on_token, e);
	}
	return rc;
}

int
keyword_count(struct keyword *k, struct slice text, const struct term *terms, size_t count,
    int *tf, struct err *e)
{
	struct count c = {.terms = terms, .n = count, .tf = tf};

	memset(tf, 0, count * sizeof(*tf));
	for (size_t i = 0; i < count; i++)
		if (terms[i].stem.n > 0)
			c.first[(unsigned char)terms[i].stem.p[0]] = 1;
	if (keyword_by_phrase(k)) /* trigram: its tokens are no words */
		return keyword_tokenize(k, text, FTS5_TOKENIZE_DOCUMENT, &c, on_token, e);
	return count_words(k, text, &c, e);
}

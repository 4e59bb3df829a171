#include "embed/tokens.h"

#include <stdlib.h>

#include "text/bpe.h"

enum { WINDOW = 8 }; /* bytes for each token that is wanted, at first */

struct tokens {
	struct bpe *bpe; /* NULL: estimated */
	struct bpe_ids ids;
};

int
tokens_open(struct tokens **out, const char *model, const char *share, struct err *e)
{
	const char *encoding = bpe_encoding_of_model(model);
	struct tokens *t = mem_zero(1, sizeof(*t));
	int rc = encoding ? bpe_open_encoding(&t->bpe, encoding, share, e) : 0;

	if (rc == 0)
		*out = t;
	else
		free(t);
	return rc;
}

void
tokens_close(struct tokens *t)
{
	if (t == NULL)
		return;
	bpe_close(t->bpe);
	free(t->ids.items);
	free(t);
}

int
tokens_exact(const struct tokens *t)
{
	return t->bpe != NULL;
}

int64_t
tokens_count(struct tokens *t, struct slice text)
{
	return (int64_t)(t->bpe ? bpe_count(t->bpe, text) : bpe_estimate(text));
}

/* --- cutting ---------------------------------------------------------------- */

static int
inside_character(struct slice text, size_t at)
{
	return at < text.n && ((unsigned char)text.p[at] & 0xc0) == 0x80;
}

static size_t
whole_characters(struct slice text, size_t n)
{
	while (n > 0 && inside_character(text, n))
		n--;
	return n;
}

/* A beginning that has more than twice the limit, so that what stands at its end has no part in
 * the tokens that count, or all of the text. */
static struct slice
window(struct tokens *t, struct slice text, int64_t limit)
{
	struct slice part = {text.p, 0};

	for (size_t n = (size_t)limit * WINDOW; part.n < text.n; n *= 2) {
		part.n = n < text.n ? whole_characters(text, n) : text.n;
		if (tokens_count(t, part) > 2 * limit)
			break;
	}
	return part;
}

/* Where the first n tokens end, of those that also end a character. */
static size_t
end_of_tokens(struct tokens *t, struct slice part, int64_t n)
{
	size_t end = 0, best = 0;

	for (int64_t i = 0; i < n; i++) {
		end += bpe_token(t->bpe, t->ids.items[i]).n;
		if (!inside_character(part, end))
			best = end;
	}
	return best;
}

/* The tokens of a beginning can be others than those that the whole begins with, and more: then
 * it is shortened by as many. */
static size_t
cut_exactly(struct tokens *t, struct slice part, int64_t limit)
{
	int64_t n = limit, over = 0;
	size_t end;

	t->ids.count = 0;
	bpe_encode(t->bpe, part, &t->ids);
	do {
		n -= over;
		end = end_of_tokens(t, part, n);
		over = tokens_count(t, (struct slice){part.p, end}) - limit;
	} while (over > 0 && over < n);
	return end;
}

/* The estimate never falls as a text grows. */
static size_t
cut_by_estimate(struct tokens *t, struct slice part, int64_t limit)
{
	size_t fits = 0, beyond = part.n;

	while (beyond - fits > 1) {
		size_t middle = fits + (beyond - fits) / 2;

		if (tokens_count(t, (struct slice){part.p, middle}) <= limit)
			fits = middle;
		else
			beyond = middle;
	}
	return whole_characters(part, fits);
}

struct slice
tokens_cut(struct tokens *t, struct slice text, int64_t limit)
{
	struct slice part = window(t, text, limit);

	if (part.n == text.n && tokens_count(t, text) <= limit)
		return text;
	part.n = t->bpe ? cut_exactly(t, part, limit) : cut_by_estimate(t, part, limit);
	return part;
}

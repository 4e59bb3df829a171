#include "embed/tokens.h"

#include <stdlib.h>

#include "base/utf8.h"
#include "test.h"
#include "text/bpe.h"

static const char *
share(void)
{
	const char *dir = getenv("C1V_SHARE");

	return dir != NULL ? dir : "share";
}

static struct tokens *
counter(const char *model)
{
	struct tokens *t = NULL;
	struct err e;

	CHECK_INT(tokens_open(&t, model, share(), &e), 0);
	return t;
}

/* The parts of a text, each of at most limit tokens and of whole characters, are the text. */
static size_t
parts(struct tokens *t, struct slice text, int64_t limit)
{
	size_t n = 0;

	while (text.n) {
		struct slice part = tokens_cut(t, text, limit);

		CHECK(part.p == text.p && part.n > 0 && part.n <= text.n);
		CHECK(tokens_count(t, part) <= limit);
		CHECK_INT(utf8_valid(part.p, part.n), part.n);
		if (part.n == 0)
			break;
		text = (struct slice){text.p + part.n, text.n - part.n};
		n++;
	}
	return n;
}

static struct slice
repeated(struct buf *b, const char *text, size_t times)
{
	b->len = 0;
	while (times--)
		buf_string(b, text);
	return buf_as_slice(b);
}

TEST(known_models_are_counted_others_estimated)
{
	struct tokens *small = counter("text-embedding-3-small"), *other = counter("nomic-embed-text");
	struct slice text = SLICE("Die Donaudampfschifffahrt");

	CHECK(tokens_exact(small));
	CHECK(!tokens_exact(other));
	CHECK_INT(tokens_count(small, SLICE("hello world")), 2);
	CHECK_INT(tokens_count(other, text), bpe_estimate(text));
	tokens_close(small);
	tokens_close(other);
	tokens_close(NULL);
}

TEST(a_cut_is_behind_a_token_of_the_text)
{
	struct tokens *t = counter("text-embedding-3-small");
	struct buf b = {0};
	struct slice text = repeated(&b, "The quick brown fox. ", 50), part;

	/* A token each: The, quick, brown, fox, the full stop, and again. */
	part = tokens_cut(t, text, 8);
	CHECK_MEM(part.p, part.n, "The quick brown fox. The quick brown");
	CHECK_INT(tokens_count(t, part), 8);
	part = tokens_cut(t, SLICE("as it is"), 8);
	CHECK_MEM(part.p, part.n, "as it is");
	part = tokens_cut(t, SLICE(""), 8);
	CHECK_INT(part.n, 0);
	buf_free(&b);
	tokens_close(t);
}

TEST(every_text_has_parts_within_the_limit)
{
	static const char *const texts[] = {
		"a", " ", "\n", " \n \n   x", "it's we'll ", "\xf0\x9f\xa7\x91\xe2\x80\x8d\xf0\x9f\x9a\x80",
		"\xe6\xbc\xa2\xe5\xad\x97", "<|endoftext|>", "12345 ", "\xe2\x80\x83", "x9!? \t", "\xcc\x81",
	};
	static const char *const models[] = {"text-embedding-3-large", "gpt-4o", "unknown"};
	struct buf b = {0};

	for (size_t m = 0; m < sizeof(models) / sizeof(*models); m++) {
		struct tokens *t = counter(models[m]);

		for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
			for (int64_t limit = 8; limit < 12; limit++)
				CHECK(parts(t, repeated(&b, texts[i], 3001), limit) > 0);
		tokens_close(t);
	}
	buf_free(&b);
}

TEST(random_texts_too)
{
	static const char *const atoms[] = {
		"a", "B", " ", "  ", "\n", "\r\n", "'s", "7", "-", "word", " word", "\xc3\xa9", "\xe6\x97\xa5",
		"\xf0\x9f\x98\x80", "\xcc\x81", "\t", "\xc2\xa0", "ing", "//", "\xd8\xb9",
	};
	struct tokens *t = counter("text-embedding-3-small");
	struct buf b = {0};
	uint32_t random = 1;

	for (int round = 0; round < 2000; round++) {
		b.len = 0;
		for (int i = 0; i < 120; i++) {
			random = random * 1664525u + 1013904223u;
			buf_string(&b, atoms[(random >> 16) % (sizeof(atoms) / sizeof(*atoms))]);
		}
		parts(t, buf_as_slice(&b), 8 + round % 9);
	}
	buf_free(&b);
	tokens_close(t);
}

TEST(long_texts_are_cut_in_linear_time)
{
	static const char *const texts[] = {"a", " ", "sentence after sentence. "};
	struct tokens *t = counter("text-embedding-3-small");
	struct buf b = {0};

	/* A way that looks at the whole rest for each part would take minutes. */
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		size_t times = (8 << 20) / strlen(texts[i]);
		CHECK(parts(t, repeated(&b, texts[i], times), 64) > 100);
	}
	buf_free(&b);
	tokens_close(t);
}

int
main(void)
{
	return test_run();
}

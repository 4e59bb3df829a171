/* small_model: a model of a few pieces, for tests of the embed room. */
#ifndef C1V_SMALL_MODEL_H
#define C1V_SMALL_MODEL_H

#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "embed/model_write.h"
#include "embed/wordpiece.h"
#include "test.h"

#define SHARE "share"

static uint64_t seed = 1;

static uint32_t
draw(uint32_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % below;
}

enum { SMALL_DIMS = 5 };
static const char *const small_pieces[] = {
	"[UNK]", "cat", "##s", "dog", "do", "##gs", ",", ".", "##a", "a", "Cat", "\xe4\xb8\xad", "##\xc3\xa9", "caf",
	"i", "##i", "", "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", "zero"
};
enum { SMALL = sizeof(small_pieces) / sizeof(*small_pieces) };

static void
small_image(struct buf *b, const struct unicode_rules *rules)
{
	struct slice pieces[SMALL];
	int8_t rows[SMALL * SMALL_DIMS];
	float scales[SMALL];
	struct unicode u;
	struct err e = {0};
	struct model_source s = {
		.name = "small", .prefix = "##", .dims = SMALL_DIMS, .word_limit = 100, .weight_vector = 400,
		.weight_keyword = 600, .pieces = pieces, .count = SMALL, .rows = rows, .scales = scales,
		.unicode = &u, .notice = SLICE("mine")
	};

	for (size_t i = 0; i < SMALL; i++) {
		pieces[i] = slice_of(small_pieces[i]);
		scales[i] = strcmp(small_pieces[i], "zero") == 0 ? 0 : 0.25f * (float)(i + 1);
		for (size_t d = 0; d < SMALL_DIMS; d++)
			rows[i * SMALL_DIMS + d] = (int8_t)((i * 37 + d * 11) % 255 - 127);
	}
	unicode_derive(&u, rules);
	CHECK_INT(model_image(b, &s, &e), 0);
	unicode_free(&u);
}

static const struct unicode_rules uncased = {1, 1, 1, 1}, cased = {1, 1, 0, 0};

static char *
temporary(void)
{
	static char path[] = "/tmp/test_embed.XXXXXX";
	static char name[sizeof(path)];
	int fd;

	memcpy(name, path, sizeof(path));
	fd = mkstemp(name);
	CHECK(fd >= 0);
	close(fd);
	return name;
}

static int
open_image(struct model *m, const struct buf *image)
{
	char *path = temporary();
	struct err e = {0};
	int rc;

	CHECK_INT(model_write(path, buf_as_slice(image), &e), 0);
	rc = model_open(m, path, &e);
	CHECK(rc == 0 || e.text[0] != '\0');
	unlink(path);
	return rc;
}

/* The ids of a text, in words. */
static const char *
ids_of(const struct model *m, struct slice text)
{
	static struct buf out;
	uint32_t ids[WORDPIECE_ROOM];
	struct wordpiece w;

	out.len = 0;
	wordpiece_open(&w, m);
	while (text.n) {
		size_t n = wordpiece_ids(&w, &text, ids, WORDPIECE_ROOM);
		for (size_t i = 0; i < n; i++) {
			if (out.len)
				buf_byte(&out, ' ');
			buf_slice(&out, model_piece(m, ids[i]));
		}
	}
	wordpiece_close(&w);
	return buf_cstr(&out);
}

/* A text of all that is dangerous, at the end of its memory. */
static struct slice
random_text(struct buf *b)
{
	static const char *const parts[] = {
		"a", "cat", "Cats", "DOG", "dogs", " ", "  ", "\n", ",", ".", "x", "0", "9z", "\x7f", "\xc3\xa9", "\xc3\x89",
		"\xe4\xb8\xad", "\xcc\x81", "\xed\x95\x9c", "\xef\xa4\x80", "\xf0\x9f\x98\x80", "\xe2\x80\xa8",
		"aaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaa", "\x01", "[", "{", "@", "`", "AZ", "az", "/", ":"
	};
	uint32_t n = draw(40);

	b->len = 0;
	for (uint32_t i = 0; i < n; i++)
		buf_string(b, parts[draw(sizeof(parts) / sizeof(*parts))]);
	return (struct slice){memcpy(mem_alloc(b->len), buf_as_slice(b).p, b->len), b->len};
}

#endif

#include "embed/embed.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/num.h"
#include "embed/accumulate.h"
#include "record/record.h"
#include "small_model.h"

/* Texts with the ids of tokenizers 0.23.3 and the vectors of model2vec 0.10.0. */
#define GOLDEN "tests/data/embed-golden.ndjson"

#define IDS(text) ids_of(&m, SLICE(text))

static void
open_small(struct model *m, const struct unicode_rules *rules)
{
	struct buf image = {0};

	small_image(&image, rules);
	CHECK_INT(open_image(m, &image), 0);
	buf_free(&image);
}

/* --- the tokenizer ------------------------------------------------------------ */

TEST(words_are_taken_apart)
{
	struct model m;

	open_small(&m, &uncased);
	CHECK_STR(IDS(""), "");
	CHECK_STR(IDS("cat cats, Dogs."), "cat cat ##s , dog ##s .");
	CHECK_STR(IDS("  dog\n\tdogs  "), "dog dog ##s");
	CHECK_STR(IDS("catx cat dogsa dogx dogga"), "[UNK] cat dog ##s ##a [UNK] [UNK]");
	CHECK_STR(IDS("aaaa"), "a ##a ##a ##a");
	/* Accents vanish, controls vanish, an ideograph is a word. */
	CHECK_STR(IDS("c\xc3\xa1t ca\x01t \xe4\xb8\xad\xe4\xb8\xad" "a"), "cat cat \xe4\xb8\xad \xe4\xb8\xad a");
	CHECK_STR(IDS("\xed\x95\x9c"), "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab");
	CHECK_STR(IDS("\xc4\xb0\xc4\xb0"), "i ##i");
	CHECK_STR(IDS("cat\xe3\x80\x80" "dog\xc2\xa0" "cat\xe2\x80\x94" "cat"), "cat dog cat [UNK] cat");
	CHECK_STR(IDS("a\0cat"), "[UNK]");
	CHECK_STR(IDS("c\0at"), "cat");
	model_close(&m);
}

TEST(a_cased_model_keeps_case_and_accents)
{
	struct model m;

	open_small(&m, &cased);
	CHECK_STR(IDS("cat Cat CAT cats"), "cat Cat [UNK] cat ##s");
	CHECK_STR(IDS("caf\xc3\xa9"), "caf ##\xc3\xa9");
	CHECK_STR(IDS("caf\x65\xcc\x81"), "[UNK]");
	model_close(&m);
}

TEST(a_word_of_more_than_100_characters_is_unknown)
{
	struct model m;
	char text[600];

	open_small(&m, &uncased);
	memset(text, 'a', sizeof(text));
	CHECK_INT(strlen(ids_of(&m, (struct slice){text, 100})), 1 + 99 * 4);
	CHECK_STR(ids_of(&m, (struct slice){text, 101}), "[UNK]");
	CHECK_STR(ids_of(&m, (struct slice){text, 600}), "[UNK]");
	/* Characters are counted, not bytes. */
	text[0] = 'a';
	for (int i = 0; i < 99; i++)
		memcpy(text + 1 + 2 * i, "\xc3\xa1", 2);
	CHECK_INT(strlen(ids_of(&m, (struct slice){text, 199})), 1 + 99 * 4);
	model_close(&m);
}

static size_t
count_ids(const struct model *m, struct slice text)
{
	uint32_t ids[WORDPIECE_ROOM];
	struct wordpiece w;
	size_t count = 0;

	wordpiece_open(&w, m);
	while (text.n)
		count += wordpiece_ids(&w, &text, ids, WORDPIECE_ROOM);
	wordpiece_close(&w);
	return count;
}

TEST(long_texts_go_in_parts)
{
	struct model m;
	struct buf b = {0};

	open_small(&m, &uncased);
	for (int i = 0; i < 300000; i++)
		buf_string(&b, "a,");
	CHECK_INT(count_ids(&m, buf_as_slice(&b)), 600000);
	memset(b.data, 'a', b.len);
	CHECK_INT(count_ids(&m, buf_as_slice(&b)), 1);
	/* Nothing but words that fail at their last byte. */
	for (size_t i = 0; i + 101 <= b.len; i += 101)
		memcpy(b.data + i + 99, "x ", 2);
	CHECK(count_ids(&m, buf_as_slice(&b)) >= b.len / 101);
	buf_free(&b);
	model_close(&m);
}

TEST(the_quick_way_gives_what_the_slow_way_gives)
{
	static const struct unicode_rules rules[] = {{1, 1, 1, 1}, {1, 1, 0, 0}, {0, 0, 1, 0}, {1, 0, 0, 1}};
	uint32_t quick_ids[WORDPIECE_ROOM], slow_ids[WORDPIECE_ROOM];
	struct buf scratch = {0};

	for (size_t k = 0; k < sizeof(rules) / sizeof(*rules); k++) {
		struct wordpiece quick, slow;
		struct model m;

		open_small(&m, &rules[k]);
		wordpiece_open(&quick, &m);
		wordpiece_open(&slow, &m);
		memset(slow.kind, 0xff, sizeof(slow.kind));
		for (int i = 0; i < 3000; i++) {
			struct slice text = random_text(&scratch), a = text, b = text;
			size_t n = wordpiece_ids(&quick, &a, quick_ids, WORDPIECE_ROOM);
			size_t slow_n = wordpiece_ids(&slow, &b, slow_ids, WORDPIECE_ROOM);
			int same = n == slow_n && memcmp(quick_ids, slow_ids, n * sizeof(*quick_ids)) == 0;

			CHECK(same && a.n == 0 && b.n == 0);
			if (!same)
				printf("# %.*s\n", (int)text.n, text.p);
			free((void *)(uintptr_t)text.p);
		}
		wordpiece_close(&quick);
		wordpiece_close(&slow);
		model_close(&m);
	}
	buf_free(&scratch);
}

/* --- the golden texts --------------------------------------------------------- */

struct golden {
	struct slice text, ids, vector; /* raw JSON but text */
};

static void
check_ids(struct wordpiece *w, const struct golden *g)
{
	uint32_t ids[WORDPIECE_ROOM];
	struct slice text = g->text, item;
	size_t n = wordpiece_ids(w, &text, ids, WORDPIECE_ROOM), i = 0;
	struct json_walk walk = json_walk(g->ids);
	int64_t id;

	CHECK_INT(text.n, 0);
	while (json_item(&walk, &item)) {
		CHECK(i < n && num_json_int(item, &id) && ids[i] == (uint32_t)id);
		i++;
	}
	CHECK_INT(i, n);
}

static double /* the greatest difference */
check_vector(struct embedder *m, const struct golden *g)
{
	float got[256], wanted[256 + 1] = {0};
	uint8_t known;
	double most = 0, square = 0;
	size_t n = 0;
	struct err e;

	CHECK_INT(embed_texts(m, EMBED_DOCUMENT, &g->text, 1, got, &known, &e), 0);
	CHECK_INT(known, json_type(g->vector) != JSON_NULL);
	if (known)
		CHECK(base64_decode((struct slice){g->vector.p + 1, g->vector.n - 2}, (unsigned char *)wanted, &n));
	CHECK_INT(n, known ? sizeof(got) : 0);
	for (int d = 0; d < 256; d++) {
		double difference = fabs((double)got[d] - (double)wanted[d]);
		most = difference > most ? difference : most;
		square += (double)got[d] * (double)got[d];
	}
	CHECK(fabs(square - known) < 1e-6);
	return most;
}

TEST(all_golden_texts_have_their_ids_and_vectors)
{
	struct file f;
	struct err e = {0};
	struct embedder *m;
	struct model file;
	struct wordpiece w;
	double most = 0;
	int count = 0;

	CHECK_INT(embed_open("local", SHARE, &m, &e), 0);
	CHECK_INT(model_open(&file, SHARE "/" MODEL_SHIPPED, &e), 0);
	CHECK_INT(file_open(&f, GOLDEN, 1 << 24, &e), 0);
	if (e.code)
		return;
	wordpiece_open(&w, &file);
	for (const char *p = f.text.p, *end = p + f.text.n, *next; p < end; p = next + 1, count++) {
		struct buf scratch = {0};
		struct golden g;
		struct slice line;

		next = memchr(p, '\n', (size_t)(end - p));
		line = (struct slice){p, (size_t)(next - p)};
		g.text = json_text(json_get(line, "content"), &scratch);
		g.ids = json_get(line, "ids");
		g.vector = json_get(line, "embedding");
		check_ids(&w, &g);
		most = fmax(most, check_vector(m, &g));
		buf_free(&scratch);
	}
	CHECK_INT(count, 500);
	CHECK(most <= 5e-6);
	printf("# greatest difference %.3g\n", most);
	file_close(&f);
	wordpiece_close(&w);
	model_close(&file);
	embed_close(m);
}

/* --- vectors ------------------------------------------------------------------ */

TEST(all_code_paths_give_the_same_bits)
{
	static const char *const names[] = {"avx512", "avx2", "neon"};
	enum { ROWS = 40, STRIDE = 256 + 64 + 64, IDS_COUNT = 100 };
	int8_t *row = aligned_alloc(64, ROWS * STRIDE);
	float scale[ROWS], *one = aligned_alloc(64, STRIDE * sizeof(float));
	float *other = aligned_alloc(64, STRIDE * sizeof(float));
	uint32_t ids[IDS_COUNT];
	struct rows r = {row, scale, STRIDE};

	for (int i = 0; i < ROWS * STRIDE; i++)
		row[i] = (int8_t)draw(256);
	for (int i = 0; i < ROWS; i++)
		scale[i] = (float)draw(1000) / 7777;
	for (int i = 0; i < IDS_COUNT; i++)
		ids[i] = draw(ROWS);
	memset(one, 0, STRIDE * sizeof(float));
	accumulate_find("scalar")(&r, ids, IDS_COUNT, one);
	for (size_t k = 0; k < sizeof(names) / sizeof(*names); k++) {
		accumulate_fn *fn = accumulate_find(names[k]);
		if (fn == NULL)
			continue;
		/* In two parts, as a long text comes. */
		memset(other, 0, STRIDE * sizeof(float));
		fn(&r, ids, 33, other);
		fn(&r, ids + 33, IDS_COUNT - 33, other);
		CHECK(memcmp(one, other, STRIDE * sizeof(float)) == 0);
	}
	CHECK(accumulate_find(NULL) != NULL);
	CHECK(accumulate_find("abacus") == NULL);
	free(row);
	free(one);
	free(other);
}

static struct embedder *
open_embedder(const struct unicode_rules *rules)
{
	char *path = temporary(), name[64];
	struct buf image = {0};
	struct embedder *m;
	struct err e = {0};

	small_image(&image, rules);
	CHECK_INT(model_write(path, buf_as_slice(&image), &e), 0);
	snprintf(name, sizeof(name), "local:%s", path);
	CHECK_INT(embed_open(name, "/nowhere", &m, &e), 0);
	unlink(path);
	buf_free(&image);
	return m;
}

TEST(equal_texts_have_equal_vectors_in_their_places)
{
	struct slice texts[] = {
		SLICE("cat"), SLICE("dog"), SLICE("cat"), SLICE("nothing known"), SLICE(""), SLICE("cat"), SLICE("dogs"),
		SLICE("nothing known"), SLICE("zero")
	};
	enum { COUNT = sizeof(texts) / sizeof(*texts) };
	static const uint8_t wanted[COUNT] = {1, 1, 1, 0, 0, 1, 1, 0, 0};
	struct embedder *m = open_embedder(&uncased);
	float out[COUNT * SMALL_DIMS], one[SMALL_DIMS];
	uint8_t known[COUNT], one_known;
	double vector, keyword;
	struct err e;

	CHECK_STR(embed_model(m), "small");
	CHECK_INT(embed_dims(m), SMALL_DIMS);
	embed_weights(m, &vector, &keyword);
	CHECK(vector == 0.4 && keyword == 0.6);
	for (int round = 0; round < 2; round++) {
		memset(out, 0xff, sizeof(out));
		CHECK_INT(embed_texts(m, EMBED_QUERY, texts, COUNT, out, known, &e), 0);
		CHECK(memcmp(known, wanted, COUNT) == 0);
		for (size_t i = 0; i < COUNT; i++) {
			CHECK_INT(embed_texts(m, EMBED_DOCUMENT, &texts[i], 1, one, &one_known, &e), 0);
			CHECK(memcmp(one, out + i * SMALL_DIMS, sizeof(one)) == 0);
			CHECK_INT(one_known, known[i]);
			CHECK(known[i] || (one[0] == 0 && one[SMALL_DIMS - 1] == 0));
		}
	}
	CHECK_INT(embed_texts(m, EMBED_DOCUMENT, texts, 0, out, known, &e), 0);
	embed_close(m);
	embed_close(NULL);
}

TEST(names_of_models)
{
	struct embedder *m;
	struct err e = {0};

	setenv("C1V_LIB", "/nowhere", 1); /* any other name needs a module */
	CHECK_INT(embed_open("text-embedding-3-small", SHARE, &m, &e), C1V_CONFIG);
	CHECK_STR(e.text, "embed_http.so: not found");
	CHECK(e.hint[0] != '\0' && m == NULL);
	CHECK_INT(embed_open("localhost", SHARE, &m, &e), C1V_CONFIG);
	CHECK_INT(embed_open("", SHARE, &m, &e), C1V_CONFIG);
	CHECK_INT(embed_open("local:", SHARE, &m, &e), C1V_CONFIG);
	CHECK_INT(embed_open("local", "/nowhere", &m, &e), C1V_CONFIG);
	CHECK_INT(embed_open("local:/nowhere/x", SHARE, &m, &e), C1V_CONFIG);
	CHECK_INT(embed_open("local:/dev/null", SHARE, &m, &e), C1V_DATA);
	CHECK_INT(embed_open("local:tests", SHARE, &m, &e), C1V_DATA);
}

int
main(void)
{
	return test_run();
}

#include "embed/model.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "embed/model2vec.h"
#include "embed/trie.h"
#include "small_model.h"

/* --- damage ------------------------------------------------------------------- */

TEST(a_damaged_header_is_refused)
{
	struct buf image = {0};
	struct model m;

	small_image(&image, &uncased);
	for (size_t i = 0; i < sizeof(struct model_header); i += i < 64 ? 1 : 3) {
		image.data[i] ^= (char)(1 << (i % 8));
		CHECK_INT(open_image(&m, &image), C1V_DATA);
		image.data[i] ^= (char)(1 << (i % 8));
	}
	for (size_t keep = image.len; keep > 0; keep = keep * 2 / 3) {
		struct buf part = {image.data, keep - 1, keep - 1};
		CHECK_INT(open_image(&m, &part), C1V_DATA);
	}
	buf_byte(&image, 0);
	CHECK_INT(open_image(&m, &image), C1V_DATA);
	buf_free(&image);
}

/* A header that lies, with a digest that is right. */
static int
open_with(const struct buf *image, const struct model_header *h)
{
	struct buf copy = {0};
	struct model_header changed = *h;
	struct model m;
	int rc;

	model_header_digest(&changed, changed.check);
	buf_slice(&copy, buf_as_slice(image));
	memcpy(copy.data, &changed, sizeof(changed));
	rc = open_image(&m, &copy);
	if (rc == 0)
		model_close(&m);
	buf_free(&copy);
	return rc;
}

TEST(a_header_that_lies_is_refused)
{
	struct buf image = {0};
	struct model_header good, h;

	small_image(&image, &uncased);
	memcpy(&good, image.data, sizeof(good));
	CHECK_INT(open_with(&image, &good), 0);
#define LIE(change)                                                            \
	do {                                                                   \
		h = good;                                                      \
		change;                                                        \
		CHECK_INT(open_with(&image, &h), C1V_DATA);                    \
	} while (0)
	LIE(h.version++);
	LIE(h.dims = 0);
	LIE(h.dims = 65);
	LIE(h.stride = 128);
	LIE(h.pieces++);
	LIE(h.pieces = 0);
	LIE(h.unknown = h.pieces);
	LIE(h.word_limit = 0);
	LIE(h.word_limit = 1 << 20);
	LIE(h.continuation = 1 << 30);
	LIE(h.weight_vector = h.weight_keyword = 0);
	LIE(h.name[0] = '\0');
	LIE(h.name[1] = '"');
	LIE(memset(h.name, 'x', sizeof(h.name)));
	for (int i = 0; i < MODEL_PARTS; i++) {
		LIE(h.parts[i].at = 0);
		LIE(h.parts[i].at += 1);
		LIE(h.parts[i].at = UINT64_MAX - 4095);
		LIE(h.parts[i].size = UINT64_MAX);
		if (i != MODEL_PIECES && i != MODEL_NOTICE)
			LIE(h.parts[i].size += 1);
	}
#undef LIE
	buf_free(&image);
}

TEST(damaged_content_gives_wrong_vectors_at_worst)
{
	struct buf image = {0}, scratch = {0};
	struct model m;
	uint8_t sum[SHA_SIZE];
	struct err e;

	small_image(&image, &uncased);
	CHECK_INT(open_image(&m, &image), 0);
	CHECK_INT(model_verify(&m, sum, &e), 0);
	model_close(&m);
	for (int round = 0; round < 60; round++) {
		struct buf copy = {0};

		buf_slice(&copy, buf_as_slice(&image));
		for (uint32_t k = 0; k < 1 + draw(3000); k++)
			copy.data[MODEL_PAGE + draw((uint32_t)copy.len - MODEL_PAGE)] = (char)draw(256);
		CHECK_INT(open_image(&m, &copy), 0);
		CHECK_INT(model_verify(&m, sum, &e), C1V_DATA);
		for (int i = 0; i < 30; i++) {
			struct slice text = random_text(&scratch);
			ids_of(&m, text);
			free((void *)(uintptr_t)text.p);
		}
		model_close(&m);
		buf_free(&copy);
	}
	buf_free(&image);
	buf_free(&scratch);
}

/* --- making models ------------------------------------------------------------ */

TEST(a_trie_holds_what_was_put_in)
{
	enum { COUNT = 3000 };
	struct arena a = {0};
	struct slice pieces[COUNT];
	struct trie t;
	struct err e = {0};

	for (int i = 0; i < COUNT; i++) {
		char *s = arena_format(&a, "%x%c%x", (unsigned)i * 2654435761u, (char)(1 + i % 255), (unsigned)i);
		pieces[i] = slice_of(s);
	}
	CHECK_INT(trie_build(&t, pieces, COUNT, &e), 0);
	for (uint32_t i = 0; i < COUNT; i++) {
		uint32_t cell = trie_find(&t, pieces[i]);
		CHECK(cell != MODEL_NO_CELL && (t.cells[cell].base & MODEL_CELL_PIECE));
		CHECK_INT(t.cells[t.cells[cell].base & MODEL_CELL_MASK].base, i);
	}
	CHECK_INT(trie_find(&t, SLICE("none such")), MODEL_NO_CELL);
	trie_free(&t);
	pieces[7] = pieces[9];
	CHECK_INT(trie_build(&t, pieces, COUNT, &e), C1V_DATA);
	pieces[7] = (struct slice){"a\0b", 3};
	CHECK_INT(trie_build(&t, pieces, COUNT, &e), C1V_DATA);
	CHECK_INT(trie_build(&t, pieces, 0, &e), 0);
	trie_free(&t);
	arena_free(&a);
}

/* A folder with files. */
static void
put(const char *folder, const char *name, const void *content, size_t n)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "wb");
	CHECK(f != NULL && fwrite(content, 1, n, f) == n && fclose(f) == 0);
}

static void
put_tensors(const char *folder, const char *header, const void *data, size_t n)
{
	struct buf b = {0};
	uint64_t size = strlen(header);

	buf_add(&b, &size, sizeof(size));
	buf_string(&b, header);
	buf_add(&b, data, n);
	put(folder, "model.safetensors", b.data, b.len);
	buf_free(&b);
}

static void
remove_folder(const char *folder)
{
	static const char *const names[] = {
		"model.safetensors", "tokenizer.json", "vocab.txt", "NOTICE", "unicode_tables.json"
	};
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	rmdir(folder);
}

#define TOKENIZER(normalizer, more)                                                                  \
	"{\"normalizer\":{\"type\":\"BertNormalizer\"" normalizer "},\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"}," \
	"\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"?\",\"continuing_subword_prefix\":\"@@\"" more           \
	",\"vocab\":{\"?\":0,\"ab\":1,\"@@c\":3}}}"

static int
read_folder(struct model2vec *m, const char *folder, int is_cased)
{
	struct err e = {0};
	int rc = model2vec_read(m, folder, is_cased, &e);

	CHECK_INT(rc, e.code);
	return rc;
}

TEST(a_folder_becomes_a_model)
{
	char folder[] = "/tmp/test_embed_dir.XXXXXX";
	static const float values[] = {0, 0, 1, -2, 0.5f, 0.25f, 3, 3, 10, 20, 30, 40};
	struct model2vec m;
	struct buf image = {0};
	struct err e = {0};
	struct model made;

	CHECK(mkdtemp(folder) != NULL);
	put(folder, "tokenizer.json", TOKENIZER(",\"lowercase\":false", ",\"max_input_chars_per_word\":50"),
	    sizeof(TOKENIZER(",\"lowercase\":false", ",\"max_input_chars_per_word\":50")) - 1);
	put(folder, "NOTICE", "be kind", 7);
	put_tensors(folder, "{\"__metadata__\":{},\"weights\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[32,48]},"
	    "\"embeddings\":{\"dtype\":\"F32\",\"shape\":[4,2],\"data_offsets\":[0,32]}}", values, sizeof(values));
	CHECK_INT(read_folder(&m, folder, 0), 0);
	CHECK_INT(m.rounded, 1);
	CHECK(!m.rules.lower && !m.rules.strip && m.rules.clean && m.rules.pad);
	CHECK_INT(m.source.count, 4);
	CHECK_INT(m.source.dims, 2);
	CHECK_INT(m.source.word_limit, 50);
	CHECK_INT(m.row[2], 64); /* 1 of 2, in 127ths */
	CHECK_INT(m.row[3], -127);
	CHECK(fabsf(m.scale[1] - 2.0f / 127 * 20) < 1e-6f);
	m.source.name = "tiny";
	m.source.weight_vector = 1;
	CHECK_INT(model_image(&image, &m.source, &e), 0);
	CHECK_INT(open_image(&made, &image), 0);
	CHECK_STR(ids_of(&made, SLICE("abc AB abb ab")), "ab @@c ? ? ab");
	CHECK_MEM(model_part(&made, MODEL_NOTICE).p, model_part(&made, MODEL_NOTICE).n, "be kind");
	CHECK(model_piece(&made, 2).n == 0 && model_piece(&made, 4).p == NULL);
	model_close(&made);
	m.source.name = "not a name";
	CHECK_INT(model_image(&image, &m.source, &e), C1V_USAGE);
	buf_free(&image);
	model2vec_free(&m);
	remove_folder(folder);
}

TEST(vocab_txt_and_the_types_of_tensors)
{
	static const struct { const char *header; size_t n; unsigned char data[64]; int row[4]; double scale[2]; } cases[] = {
		{"{\"embeddings\":{\"dtype\":\"I8\",\"shape\":[2,2],\"data_offsets\":[0,4]}}", 4,
		 {1, 0xff, 0x80, 127}, {1, -1, -128, 127}, {1, 1}},
		{"{\"embeddings\":{\"dtype\":\"F16\",\"shape\":[2,2],\"data_offsets\":[0,8]}}", 8,
		 {0x00, 0x3c, 0x00, 0xc0, 0x00, 0x00, 0x01, 0x00}, {64, -127, 0, 127}, {2.0 / 127, 5.9604644775390625e-08 / 127}},
		{"{\"embeddings\":{\"dtype\":\"F64\",\"shape\":[1,2],\"data_offsets\":[0,16]},"
		 "\"mapping\":{\"dtype\":\"I64\",\"shape\":[2],\"data_offsets\":[16,32]}}", 32,
		 {0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 0xf0, 0xbf}, {127, -127, 127, -127}, {1.0 / 127, 1.0 / 127}},
		{"{\"embeddings\":{\"dtype\":\"I8\",\"shape\":[2,2],\"data_offsets\":[8,12]},"
		 "\"mapping\":{\"dtype\":\"I32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 12,
		 {1, 0, 0, 0, 0, 0, 0, 0, 5, 6, 7, 8}, {7, 8, 5, 6}, {1, 1}},
	};
	char folder[] = "/tmp/test_embed_dir.XXXXXX";
	struct model2vec m;

	CHECK(mkdtemp(folder) != NULL);
	put(folder, "vocab.txt", "[UNK]\r\nword\n", 12);
	for (size_t k = 0; k < sizeof(cases) / sizeof(*cases); k++) {
		put_tensors(folder, cases[k].header, cases[k].data, cases[k].n);
		CHECK_INT(read_folder(&m, folder, (int)k % 2), 0);
		CHECK_INT(m.rules.lower, k % 2 == 0);
		CHECK_MEM(m.source.pieces[0].p, m.source.pieces[0].n, "[UNK]");
		for (int i = 0; i < 4 && m.row != NULL; i++)
			CHECK_INT(m.row[i], cases[k].row[i]);
		for (int i = 0; i < 2 && m.row != NULL; i++)
			CHECK(fabs((double)m.scale[i] - cases[k].scale[i]) < 1e-9);
		model2vec_free(&m);
	}
	remove_folder(folder);
}

TEST(folders_that_are_no_models)
{
	static const char *const headers[] = {
		"{", "[]", "{}", "{\"embeddings\":{}}",
		"{\"embeddings\":{\"dtype\":\"BF16\",\"shape\":[2,2],\"data_offsets\":[0,8]}}",
		"{\"embeddings\":{\"dtype\":\"I8\",\"shape\":[2,2],\"data_offsets\":[0,5]}}",
		"{\"embeddings\":{\"dtype\":\"I8\",\"shape\":[2,2],\"data_offsets\":[-1,3]}}",
		"{\"embeddings\":{\"dtype\":\"I8\",\"shape\":[2,2],\"data_offsets\":[60,64]}}",
		"{\"embeddings\":{\"dtype\":\"I8\",\"shape\":[4294967295,4294967295],\"data_offsets\":[0,4]}}",
		"{\"embeddings\":{\"dtype\":\"I8\",\"shape\":[1,2],\"data_offsets\":[0,2]}}",
		"{\"embeddings\":{\"dtype\":\"I8\",\"shape\":[2,0],\"data_offsets\":[0,0]}}",
		"{\"embeddings\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[0,8]}}",
		"{\"embeddings\":{\"dtype\":\"I8\",\"shape\":[2,2],\"data_offsets\":[0,4]},"
		"\"mapping\":{\"dtype\":\"I32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
		"{\"embeddings\":{\"dtype\":\"I8\",\"shape\":[2,2],\"data_offsets\":[0,4]},"
		"\"weights\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
	};
	static const char *const tokenizers[] = {
		"{}", "[1]", "{", "{\"normalizer\":{\"type\":\"Lowercase\"}}",
		"{\"normalizer\":{\"type\":\"BertNormalizer\"},\"pre_tokenizer\":{\"type\":\"Whitespace\"}}",
		"{\"normalizer\":{\"type\":\"BertNormalizer\"},\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},"
		"\"model\":{\"type\":\"Unigram\"}}",
		"{\"normalizer\":{\"type\":\"BertNormalizer\"},\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},"
		"\"model\":{\"type\":\"WordPiece\",\"vocab\":{}}}",
		"{\"normalizer\":{\"type\":\"BertNormalizer\"},\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},"
		"\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"a\":0,\"b\":0}}}",
		"{\"normalizer\":{\"type\":\"BertNormalizer\"},\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},"
		"\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"a\":-1}}}",
		"{\"normalizer\":{\"type\":\"BertNormalizer\"},\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},"
		"\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"a\":0}}}",
	};
	char folder[] = "/tmp/test_embed_dir.XXXXXX";
	unsigned char data[8];
	struct model2vec m;

	memset(data, 0xff, sizeof(data)); /* as float32: NaN; as int32: -1 */
	CHECK(mkdtemp(folder) != NULL);
	CHECK_INT(read_folder(&m, folder, 0), C1V_IO);
	model2vec_free(&m);
	put(folder, "vocab.txt", "[UNK]\nword\n", 11);
	for (size_t k = 0; k < sizeof(headers) / sizeof(*headers); k++) {
		put_tensors(folder, headers[k], data, sizeof(data));
		CHECK_INT(read_folder(&m, folder, 0), C1V_DATA);
		model2vec_free(&m);
	}
	put(folder, "model.safetensors", "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10);
	CHECK_INT(read_folder(&m, folder, 0), C1V_DATA);
	model2vec_free(&m);
	for (size_t k = 0; k < sizeof(tokenizers) / sizeof(*tokenizers); k++) {
		put(folder, "tokenizer.json", tokenizers[k], strlen(tokenizers[k]));
		CHECK_INT(read_folder(&m, folder, 0), C1V_DATA);
		model2vec_free(&m);
	}
	remove_folder(folder);
}

/* --- code points -------------------------------------------------------------- */

TEST(a_table_of_code_points)
{
	static const char table[] = "{\"deleted_ranges\":[[0,8]],\"to_space_ranges\":[[9,10]],\"cjk_padded_ranges\":[[19968,19970]],"
	    "\"punct_ranges\":[[33,33]],\"map\":{\"41\":[97],\"C6\":[97,101],\"37E\":[33],\"F900\":[32,35912,32],\"300\":[]}}";
	struct unicode u;
	struct err e = {0};

	CHECK_INT(unicode_read(&u, SLICE(table), &e), 0);
	CHECK_INT(u.codes[3], MODEL_DELETE);
	CHECK_INT(u.codes[9], MODEL_SPACE);
	CHECK_INT(u.codes[' '], MODEL_SPACE);
	CHECK_INT(u.codes['!'], MODEL_ALONE);
	CHECK_INT(u.codes[19968], MODEL_ALONE);
	CHECK_INT(u.codes['A'], 'a' << MODEL_CODE_BITS | MODEL_TO);
	CHECK_INT(u.codes['a'], MODEL_SELF);
	CHECK_INT(u.codes[0x300], MODEL_DELETE);
	CHECK_INT(u.codes[0xac00], MODEL_HANGUL);
	CHECK_INT(u.codes[0xc6] & 7, MODEL_SEQ);
	CHECK_INT(u.pool[u.codes[0xc6] >> MODEL_CODE_BITS], 2);
	CHECK_INT(u.pool[(u.codes[0x37e] >> MODEL_CODE_BITS) + 1], '!' << MODEL_CODE_BITS | MODEL_ALONE);
	CHECK_INT(u.pool[(u.codes[0xf900] >> MODEL_CODE_BITS) + 1] & 7, MODEL_SPACE);
	unicode_free(&u);
	CHECK_INT(unicode_read(&u, SLICE("{}"), &e), C1V_DATA);
	unicode_free(&u);
	CHECK_INT(unicode_read(&u, SLICE("[1"), &e), C1V_DATA);
	unicode_free(&u);
}

/* What the shipped table says holds for what is derived, of characters that are
 * as old as the table (Latin to Thai, CJK). */
TEST(derived_code_points_agree_with_the_table)
{
	struct unicode u;
	struct model m;
	struct err e = {0};
	int differ = 0;

	CHECK_INT(model_open(&m, SHARE "/" MODEL_SHIPPED, &e), 0);
	unicode_derive(&u, &uncased);
	for (uint32_t c = 0; c < 0xac00; c++) {
		uint32_t code = model_code(&m, c), kind = code & 7;
		if (kind != (u.codes[c] & 7) || (kind == MODEL_TO && code != u.codes[c]))
			differ++;
	}
	printf("# %d differ\n", differ);
	CHECK(differ < 150);
	unicode_free(&u);
	model_close(&m);
}

int
main(void)
{
	return test_run();
}

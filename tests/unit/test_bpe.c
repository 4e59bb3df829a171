/* Tokens: exactly those of tiktoken, on golden texts that it encoded; whatever
 * comes is encoded and decoded; damaged tables give errors or wrong tokens. */
#include "text/bpe.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "base/num.h"
#include "record/record.h"
#include "text/bpe_write.h"
#include "test.h"

static const char *
share(void)
{
	const char *dir = getenv("C1V_SHARE");

	return dir != NULL ? dir : "share";
}

static struct bpe *
table(const char *name)
{
	struct bpe *b = NULL;
	struct err e = {0};

	CHECK_INT(bpe_open_encoding(&b, name, share(), &e), 0);
	return b;
}

static uint64_t
digest(const struct bpe_ids *ids)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < ids->count; i++) {
		for (int shift = 0; shift < 32; shift += 8)
			h = (h ^ (ids->items[i] >> shift & 0xff)) * 0x100000001b3u;
	}
	return h;
}

static void
check_round(struct bpe *b, struct slice text, const struct bpe_ids *ids)
{
	size_t at = 0;

	for (size_t i = 0; i < ids->count; i++) {
		struct slice s = bpe_token(b, ids->items[i]);

		CHECK(s.p != NULL && at + s.n <= text.n && memcmp(text.p + at, s.p, s.n) == 0);
		at += s.n;
	}
	CHECK_INT(at, text.n);
}

static void
check_golden(const char *name)
{
	const char *path = "tests/data/bpe-golden.ndjson";
	struct input *in = input_open(&(struct input_options){.paths = &path, .path_count = 1});
	struct bpe *b = table(name);
	struct buf scratch = {0}, count = {0};
	struct bpe_ids ids = {0};
	struct line line;
	struct err e;
	int lines = 0;
	char hex[20];

	buf_format(&count, "%s_tokens", name);
	for (; b != NULL && input_line(in, &line, &e) == 1; lines++) {
		struct slice text;
		int64_t tokens = -1;

		scratch.len = ids.count = 0;
		text = json_text(json_get(line.text, "content"), &scratch);
		bpe_encode(b, text, &ids);
		snprintf(hex, sizeof(hex), "\"%016llx\"", (unsigned long long)digest(&ids));
		CHECK(slice_is(json_get(line.text, name), hex));
		CHECK(num_json_int(json_get(line.text, buf_cstr(&count)), &tokens));
		CHECK_INT(ids.count, tokens);
		CHECK_INT(bpe_count(b, text), tokens);
		check_round(b, text, &ids);
	}
	CHECK_INT(lines, 2400);
	input_close(in);
	buf_free(&scratch);
	buf_free(&count);
	free(ids.items);
	bpe_close(b);
}

TEST(golden_cl100k) { check_golden("cl100k_base"); }
TEST(golden_o200k) { check_golden("o200k_base"); }

static void
check_ids(struct bpe *b, const char *text, int special, const uint32_t *want, size_t n)
{
	struct bpe_ids ids = {0};

	if (special)
		bpe_encode_special(b, slice_of(text), &ids);
	else
		bpe_encode(b, slice_of(text), &ids);
	CHECK_INT(ids.count, n);
	CHECK(ids.count == n && memcmp(ids.items, want, n * sizeof(*want)) == 0);
	free(ids.items);
}

#define IDS(...) (const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t)

TEST(well_known)
{
	struct bpe *b = table("cl100k_base"), *o = table("o200k_base");

	if (b == NULL || o == NULL)
		return;
	check_ids(b, "hello world", 0, IDS(15339, 1917));
	check_ids(b, "a\n  ", 0, IDS(64, 198, 256));
	check_ids(b, "Hello's world", 0, IDS(9906, 596, 1917));
	check_ids(o, "Hello's world", 0, IDS(13225, 885, 2375));
	check_ids(b, "<|endoftext|>", 0, IDS(27, 91, 8862, 728, 428, 91, 29));
	CHECK_INT(bpe_count(b, slice_of("")), 0);
	bpe_close(b);
	bpe_close(o);
}

TEST(special_tokens)
{
	struct bpe *b = table("cl100k_base"), *h = table("o200k_harmony");

	if (b == NULL || h == NULL)
		return;
	check_ids(b, "<|endoftext|>", 1, IDS(100257));
	check_ids(b, "hello world<|endofprompt|><|fim_prefix|>", 1, IDS(15339, 1917, 100276, 100258));
	check_ids(h, "<|start|><|reserved_201087|><|reserved_200012|>", 1,
	    IDS(200006, 201087, 27, 91, 116758, 62, 1179, 19267, 91, 29));
	CHECK_STR(bpe_name(h), "o200k_harmony");
	CHECK_MEM(bpe_token(h, 201000).p, bpe_token(h, 201000).n, "<|reserved_201000|>");
	CHECK(bpe_token(b, 100256).p == NULL);
	CHECK(bpe_token(b, 100300).p == NULL);
	bpe_close(b);
	bpe_close(h);
}

/* Not UTF-8: every byte string has tokens, which decode to it. */
TEST(any_bytes)
{
	struct bpe *tables[] = {table("cl100k_base"), table("o200k_base")};
	struct bpe_ids ids = {0};
	unsigned char text[300];
	uint32_t seed = 7;

	for (int round = 0; round < 2000 && tables[0] != NULL && tables[1] != NULL; round++) {
		size_t n = (seed >> 8) % sizeof(text);

		for (size_t i = 0; i < n; i++) {
			seed = seed * 1664525u + 1013904223u;
			text[i] = (unsigned char)(seed >> 24);
		}
		ids.count = 0;
		bpe_encode(tables[round % 2], (struct slice){(char *)text, n}, &ids);
		check_round(tables[round % 2], (struct slice){(char *)text, n}, &ids);
	}
	free(ids.items);
	bpe_close(tables[0]);
	bpe_close(tables[1]);
}

/* Pieces of a million bytes, whose tokens tiktoken found. */
TEST(long_pieces)
{
	struct bpe *b = table("cl100k_base"), *o = table("o200k_base");
	size_t n = 1000000;
	char *text = mem_alloc(n);

	if (b != NULL && o != NULL) {
		memset(text, 'a', n);
		CHECK_INT(bpe_count(b, (struct slice){text, n}), 125000);
		CHECK_INT(bpe_count(o, (struct slice){text, n}), 125000);
		memset(text, ' ', n);
		CHECK_INT(bpe_count(b, (struct slice){text, n}), 7813);
		CHECK_INT(bpe_count(o, (struct slice){text, n}), 7813);
	}
	free(text);
	bpe_close(b);
	bpe_close(o);
}

/* The tokens of a text are those of its two parts. */
TEST(safe_end)
{
	static const char *const texts[] = {
		"one two three", "end.\nNext it's", "x  y \n\n 1", "caf\xc3\xa9 \xe4\xbd\xa0 ok go\n", "  ", "a", "", "don't /\n/a b"
	};
	struct bpe *tables[] = {table("cl100k_base"), table("o200k_base")};

	CHECK_INT(bpe_safe_end(slice_of("one two")), 3);
	CHECK_INT(bpe_safe_end(slice_of("onetwo")), 0);
	CHECK_INT(bpe_safe_end(slice_of(" .\n1")), 3);
	for (size_t i = 0; i < 2 * sizeof(texts) / sizeof(*texts) && tables[i % 2] != NULL; i++) {
		struct slice t = slice_of(texts[i / 2]);
		size_t at = bpe_safe_end(t);

		CHECK_INT(bpe_count(tables[i % 2], t), bpe_count(tables[i % 2], (struct slice){t.p, at}) +
		    bpe_count(tables[i % 2], (struct slice){t.p + at, t.n - at}));
	}
	bpe_close(tables[0]);
	bpe_close(tables[1]);
}

TEST(models)
{
	CHECK_STR(bpe_encoding_of_model("text-embedding-3-small"), "cl100k_base");
	CHECK_STR(bpe_encoding_of_model("openai/gpt-4o-2024-05-13"), "o200k_base");
	CHECK_STR(bpe_encoding_of_model("gpt-4-0613"), "cl100k_base");
	CHECK_STR(bpe_encoding_of_model("gpt-4.1-mini"), "o200k_base");
	CHECK_STR(bpe_encoding_of_model("gpt-5-nano"), "o200k_base");
	CHECK_STR(bpe_encoding_of_model("ft:gpt-4o-mini:org::id"), "o200k_base");
	CHECK_STR(bpe_encoding_of_model("ft:gpt-4:x"), "cl100k_base");
	CHECK_STR(bpe_encoding_of_model("gpt-oss-20b"), "o200k_harmony");
	CHECK(bpe_encoding_of_model("gpt-4x") == NULL);
	CHECK(bpe_encoding_of_model("gpt2") == NULL);
	CHECK(bpe_encoding_of_model("claude-3") == NULL);
	CHECK(bpe_encoding_of_model("") == NULL);
	CHECK_INT(bpe_chat_of_model("gpt-4o").name, 1);
	CHECK_INT(bpe_chat_of_model("gpt-3.5-turbo-0301").name, -1);
}

/* By hand: hello is 2 begun fours, world 2, "." 1, 12345 is 2 begun threes, and
 * each space goes with its word. */
TEST(estimate)
{
	CHECK_INT(bpe_estimate(slice_of("hello world. 12345")), 7);
	CHECK_INT(bpe_estimate(slice_of("\xe4\xbd\xa0\xe5\xa5\xbd")), 2);
	CHECK_INT(bpe_estimate(slice_of("a\n\n  b")), 3);
	CHECK_INT(bpe_estimate(slice_of("")), 0);
}

/* --- files ------------------------------------------------------------------------ */

static const char *
write_temporary(struct buf *path, struct slice content)
{
	int fd;

	path->len = 0;
	buf_format(path, "%s/c1v-bpe-%ld", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", (long)getpid());
	fd = open(buf_cstr(path), O_WRONLY | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0 && write(fd, content.p, content.n) == (ssize_t)content.n);
	close(fd);
	return path->data;
}

/* All bytes, and "ab", "abc", "aa". */
static void
small_ranks(struct buf *b)
{
	static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (int i = 0; i < 256; i++) {
		buf_format(b, "%c%c== %d\n", base64[i >> 2], base64[(i & 3) << 4], i);
	}
	buf_string(b, "YWI= 256\nYWJj 257\nYWE= 258\n");
}

TEST(made_and_damaged)
{
	struct buf ranks = {0}, image = {0}, path = {0};
	uint8_t sum[SHA_SIZE];
	struct bpe *b = NULL;
	struct err e = {0};
	size_t unreached;

	small_ranks(&ranks);
	CHECK_INT(bpe_image(&image, buf_as_slice(&ranks), "small", BPE_CL100K, &unreached, &e), 0);
	CHECK_INT(unreached, 0);
	CHECK_INT(bpe_open(&b, write_temporary(&path, buf_as_slice(&image)), &e), 0);
	check_ids(b, "abcaab aaa", 0, IDS(257, 97, 256, 32, 258, 97));
	CHECK_INT(bpe_verify(b, sum, &e), 0);
	bpe_close(b);
	/* Any change of the header is seen. */
	for (size_t at = 0; at < sizeof(struct bpe_header); at += 3) {
		image.data[at] ^= 1;
		CHECK_INT(bpe_open(&b, write_temporary(&path, buf_as_slice(&image)), &e), C1V_DATA);
		image.data[at] ^= 1;
	}
	/* Any of the content by verification, and it does no harm before. */
	for (size_t at = BPE_PAGE; at < image.len; at += 397) {
		char old = image.data[at];

		image.data[at] = (char)0xff;
		if (bpe_open(&b, write_temporary(&path, buf_as_slice(&image)), &e) == 0) {
			if (old != (char)0xff)
				CHECK_INT(bpe_verify(b, sum, &e), C1V_DATA);
			bpe_count(b, slice_of("abcaab aaa abababababababababababababababababababababababababababababababab"));
			bpe_close(b);
		}
		image.data[at] = old;
	}
	CHECK_INT(bpe_open(&b, write_temporary(&path, (struct slice){image.data, image.len - 1}), &e), C1V_DATA);
	CHECK_INT(bpe_open(&b, write_temporary(&path, (struct slice){image.data, 100}), &e), C1V_DATA);
	unlink(buf_cstr(&path));
	CHECK_INT(bpe_open(&b, buf_cstr(&path), &e), C1V_CONFIG);
	CHECK_INT(bpe_open_encoding(&b, "r50k_base", share(), &e), C1V_USAGE);
	buf_free(&ranks);
	buf_free(&image);
	buf_free(&path);
}

TEST(bad_ranks)
{
	static const char *const bad[] = {"", "YQ== 1\n", "YQ==\n", "!! 0\n", "YQ== x\n", "YQ== 0\n"};
	struct buf image = {0};
	size_t unreached;
	struct err e = {0};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CHECK_INT(bpe_image(&image, slice_of(bad[i]), "small", BPE_CL100K, &unreached, &e), C1V_DATA);
	}
	buf_free(&image);
}

int
main(void)
{
	return test_run();
}

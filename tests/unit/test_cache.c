#include "test.h"

#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"
#include "cache/cache.h"
#include "cache/cache_driver.h"
#include "cache/count.h"
#include "cache/guard.h"
#include "cache/key.h"
#include "cache/seal.h"
#include "embed/memo.h"

/* --- keys ----------------------------------------------------------------------------- */

/* Computed by hashlib over the fields as key.h says. */
TEST(keys_cover_all_that_a_value_depends_on)
{
	struct key_embedding k = {SLICE("https://api.openai.com/v1"), SLICE("text-embedding-3-small"), 512, 1};
	struct key_embedding bare = {.model = SLICE("m")};
	struct key_llm l = {.model = SLICE("gpt-4o"), .prompt = SLICE("hi"), .temperature = SLICE("0")};
	char key[KEY_SIZE];

	key_embedding(&k, SLICE("hello"), key);
	CHECK_STR(key, "embedding:00ea78b3edb6efde4c02c7d97b7bff2b6925ba790cac8407ca0ad61aa7af33bc");
	key_embedding(&bare, SLICE(""), key);
	CHECK_STR(key, "embedding:7e446b394af42c778523aa3cca45061cbf6c818acc9e100959a65d46e6a48017");
	key_llm(&l, key);
	CHECK_STR(key, "llm:3175dbff626421b9a5c98dfbd0387f983cf23312edf102eb9605a4b921c704d0");
	l.system = SLICE("be brief");
	l.max_tokens = SLICE("100");
	l.tools = SLICE("[]");
	l.seed = SLICE("7");
	l.response_format = SLICE("{\"type\":\"json_object\"}");
	key_llm(&l, key);
	CHECK_STR(key, "llm:a105224deb85d7e850e2166419b11da3d97852e3b2af95a968d10de975f0f62e");
}

/* printf hello | sha256sum; printf hi:gpt-4:0 | sha256sum */
TEST(keys_of_the_seed)
{
	struct key_llm l = {.model = SLICE("gpt-4"), .prompt = SLICE("hi"), .temperature = SLICE("0")};
	char key[KEY_SIZE];

	key_embedding_seed(SLICE("hello"), key);
	CHECK_STR(key, "embedding:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
	key_llm_seed(&l, key);
	CHECK_STR(key, "llm:94397ccc5e37712c5cb6223c5003033eea092cb8152579b7d5e7f099f99ea426");
	key_validation(SLICE("12"), key);
	CHECK_STR(key, "validation:project:12");
}

TEST(kinds_of_keys_live_as_long_as_they_are_good_for)
{
	CHECK_INT(key_ttl(SLICE("embedding:a")), 30LL * 86400 * 1000);
	CHECK_INT(key_ttl(SLICE("llm:a")), 7LL * 86400 * 1000);
	CHECK_INT(key_ttl(SLICE("validation:project:1")), 3600 * 1000);
	CHECK_INT(key_ttl(SLICE("llm")), 3600 * 1000);
}

/* --- durations ------------------------------------------------------------------------ */

TEST(durations)
{
	static const struct { const char *text; int64_t ms; } good[] = {
		{"1", 1000}, {"90s", 90000}, {"500ms", 500}, {"15m", 900000}, {"2h", 7200000}, {"7d", 604800000},
		{"4w", 2419200000}, {"0", 0}
	};
	static const char *const bad[] = {"", "s", "1x", "1 s", "-1", "1.5h", "ms", "9999999999999999w", "1sm", "h1"};
	int64_t ms;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		CHECK_INT(num_duration(slice_of(good[i].text), 0, INT64_MAX, &ms, "--ttl", NULL), 0);
		CHECK_INT(ms, good[i].ms);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK_INT(num_duration(slice_of(bad[i]), 0, INT64_MAX, &ms, "--ttl", NULL), C1V_USAGE);
	CHECK_INT(num_duration(SLICE("1s"), 2000, 3000, &ms, "--ttl", NULL), C1V_USAGE);
}

/* --- seals ---------------------------------------------------------------------------- */

static void
write_file(const char *path, const void *p, size_t n, mode_t mode)
{
	FILE *f = fopen(path, "wb");

	fwrite(p, 1, n, f);
	fclose(f);
	chmod(path, mode);
}

static struct seal *
open_key(const char *path, const void *p, size_t n)
{
	struct seal *s;
	struct err e;

	write_file(path, p, n, 0600);
	return seal_open(path, &s, &e) == 0 ? s : NULL;
}

/* AES-256-GCM of a key of zeros: the ciphertext must be what the standard's cipher makes of our nonce, so the
 * check is the tag: one bit anywhere changes it. */
TEST(a_sealed_value_is_read_by_its_key_for_its_key_alone)
{
	char path[] = "/tmp/c1v-test-key.XXXXXX", zeros[32] = {0};
	int fd = mkstemp(path);
	struct seal *s = open_key(path, zeros, sizeof(zeros)), *other;
	struct buf sealed = {0}, out = {0};
	struct slice key = SLICE("acme:llm:1"), value = SLICE("a value of some length");
	struct err e;

	CHECK(s != NULL);
	CHECK_INT(seal_add(s, key, value, &sealed, &e), 0);
	CHECK_INT(sealed.len, value.n + SEAL_OVERHEAD);
	CHECK(memmem(sealed.data, sealed.len, "value", 5) == NULL);
	CHECK_INT(seal_read(s, key, buf_as_slice(&sealed), &out), SEAL_READ);
	CHECK(slice_equal(buf_as_slice(&out), value));
	CHECK_INT(seal_read(s, SLICE("acme:llm:2"), buf_as_slice(&sealed), &out), SEAL_DAMAGED);
	CHECK_INT(seal_read(NULL, key, buf_as_slice(&sealed), &out), SEAL_FOREIGN);
	zeros[0] = 1;
	other = open_key(path, zeros, sizeof(zeros));
	CHECK_INT(seal_read(other, key, buf_as_slice(&sealed), &out), SEAL_FOREIGN);
	CHECK_INT(seal_read(s, key, value, &out), SEAL_NONE);
	CHECK_INT(out.len, value.n); /* nothing of a failure is handed out */
	for (size_t i = 0; i < sealed.len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			sealed.data[i] = (char)(sealed.data[i] ^ 1 << bit);
			CHECK(seal_read(s, key, buf_as_slice(&sealed), &out) != SEAL_READ);
			sealed.data[i] = (char)(sealed.data[i] ^ 1 << bit);
		}
	}
	for (size_t n = 4; n < sealed.len; n++)
		CHECK_INT(seal_read(s, key, (struct slice){sealed.data, n}, &out), SEAL_DAMAGED);
	seal_close(s);
	seal_close(other);
	buf_free(&sealed);
	buf_free(&out);
	close(fd);
	unlink(path);
}

TEST(keys_of_seals)
{
	char path[] = "/tmp/c1v-test-key.XXXXXX";
	static const char hex[] = "00112233445566778899aabbccddeeffFFEEDDCCBBAA99887766554433221100\n";
	int fd = mkstemp(path);
	struct seal *s = open_key(path, hex, 65);
	struct err e;

	CHECK(s != NULL);
	seal_close(s);
	s = open_key(path, hex, 64);
	CHECK(s != NULL);
	seal_close(s);
	CHECK(open_key(path, hex, 63) == NULL);
	CHECK(open_key(path, hex, 31) == NULL);
	CHECK(open_key(path, "x0112233445566778899aabbccddeeffFFEEDDCCBBAA99887766554433221100", 64) == NULL);
	write_file(path, hex, 64, 0640);
	CHECK_INT(seal_open(path, &s, &e), C1V_CONFIG);
	CHECK(strstr(e.text, "others can read") != NULL);
	CHECK(strstr(e.text, "0011") == NULL);
	CHECK_INT(seal_open("/nonexistent/key", &s, &e), C1V_CONFIG);
	close(fd);
	unlink(path);
}

/* --- counting ------------------------------------------------------------------------- */

TEST(latencies_are_in_half_octaves)
{
	int64_t latency[CACHE_LATENCIES] = {0};

	CHECK_INT(latency_class(0), 0);
	CHECK_INT(latency_class(1.3), 0);
	CHECK_INT(latency_class(1.5), 1);
	CHECK_INT(latency_class(1000), 19);
	CHECK_INT(latency_class(1e300), CACHE_LATENCIES - 1);
	CHECK(cache_latency(latency, 0.5) == 0);
	latency[2] = 94;
	latency[10] = 5;
	latency[20] = 1;
	CHECK(fabs(cache_latency(latency, 0.5) - pow(2, 1.5)) < 1e-9);
	CHECK(fabs(cache_latency(latency, 0.95) - pow(2, 5.5)) < 1e-9);
	CHECK(fabs(cache_latency(latency, 1) - pow(2, 10.5)) < 1e-9);
}

TEST(lookups_are_counted_by_group)
{
	struct slice keys[] = {SLICE("acme:llm:1"), SLICE("acme:llm:2"), SLICE("acme:plain"), SLICE("acme:llm:3")};
	struct slice values[] = {SLICE("x"), SLICE_NONE, SLICE("y"), SLICE("z")};
	struct counts c = {0};

	counts_lookup(&c, keys, 4, values, 5, 3000);
	counts_saved(&c, SLICE("acme:llm"), 5, SLICE("gpt-4o"), 7);
	counts_saved(&c, SLICE("acme:llm"), 5, SLICE("gpt-4o"), 8);
	counts_saved(&c, SLICE("acme:llm"), 5, SLICE("o3"), 1);
	CHECK_INT(c.count, 2);
	CHECK(slice_is(c.items[0].group, "acme:llm"));
	CHECK_INT(c.items[0].hits, 2);
	CHECK_INT(c.items[0].misses, 1);
	CHECK_INT(c.items[0].latency[latency_class(3)], 1);
	CHECK_INT(c.items[0].saving_count, 2);
	CHECK_INT(c.items[0].savings[0].tokens, 15);
	CHECK(slice_is(c.items[1].group, "acme:"));
	CHECK_INT(c.items[1].hits, 1);
	counts_reset(&c);
	CHECK_INT(c.count, 0);
	counts_free(&c);
}

/* --- failures ------------------------------------------------------------------------- */

TEST(three_failures_in_a_row_close_a_forgiving_cache)
{
	struct guard g = {.forgiving = 1}, strict = {0};
	struct err e;

	err_set(&e, C1V_AGAIN, "not now");
	CHECK_INT(guard_pass(&g, C1V_AGAIN, &e), 0);
	CHECK_INT(guard_pass(&g, C1V_AGAIN, &e), 0);
	CHECK(!guard_closed(&g));
	CHECK_INT(guard_pass(&g, 0, &e), 0); /* one that works begins the count anew */
	CHECK_INT(guard_pass(&g, C1V_IO, &e), 0);
	CHECK_INT(guard_pass(&g, C1V_PROTOCOL, &e), 0);
	CHECK(!guard_closed(&g));
	CHECK_INT(guard_pass(&g, C1V_AGAIN, &e), 0);
	CHECK(guard_closed(&g));
	CHECK_INT(guard_pass(&g, C1V_USAGE, &e), C1V_USAGE);
	CHECK_INT(guard_pass(&strict, C1V_AGAIN, &e), C1V_AGAIN);
	CHECK(!guard_closed(&strict));
}

/* --- vectors that were made before -------------------------------------------------------- */

static struct memo *
open_memo(const struct cache_options *cache, int seed)
{
	struct memo_options o = {.cache = cache, .base = "https://a/v1", .model = "m", .seed = seed};
	struct memo *m;
	struct err e;

	CHECK_INT(memo_open(&o, &m, &e), 0);
	return m;
}

TEST(vectors_are_kept_and_damaged_ones_are_not_handed_out)
{
	char dir[] = "/tmp/c1v-test-memo.XXXXXX", url[128];
	float a[3] = {0.6f, 0.8f, 0}, b[3] = {0, 0, 1};
	const float *in[2] = {a, b}, *out[3];
	struct slice texts[] = {SLICE("one"), SLICE("two"), SLICE("three")};
	struct cache_options o = {.url = url, .forgiving = 1, .wait = 5};
	size_t dims = 0;

	CHECK(mkdtemp(dir) != NULL);
	snprintf(url, sizeof(url), "sqlite:%s/cache.db", dir);
	for (int seed = 0; seed < 2; seed++) {
		struct memo *m = open_memo(&o, seed);
		struct key_embedding k = {SLICE("https://a/v1"), SLICE("m"), 0, 0};
		struct cache_entry entry = {.value = SLICE("f32\nxxxxyyyyzzzz")};
		struct cache *c;
		char key[KEY_SIZE];
		struct err e;

		CHECK_INT(memo_get(m, EMBED_DOCUMENT, texts, 3, &dims, out), 0);
		memo_put(m, EMBED_DOCUMENT, texts, 2, 3, in);
		dims = 0;
		CHECK_INT(memo_get(m, EMBED_DOCUMENT, texts, 3, &dims, out), 2);
		CHECK_INT(dims, 3);
		CHECK(out[2] == NULL && out[0] != NULL && fabsf(out[0][1] - 0.8f) < 1e-6f && out[1][2] == 1);
		dims = 4; /* of another length: none of ours */
		CHECK_INT(memo_get(m, EMBED_DOCUMENT, texts, 2, &dims, out), 0);
		dims = 0;
		memo_put(m, EMBED_DOCUMENT, texts, 2, 3, in);
		if (!seed)
			CHECK_INT(memo_get(m, EMBED_QUERY, texts, 3, &dims, out), 0);
		memo_close(m);

		CHECK_INT(cache_open(&o, &c, &e), 0);
		if (seed)
			key_embedding_seed(texts[0], key);
		else
			key_embedding(&k, texts[0], key);
		entry.key = slice_of(key);
		CHECK_INT(cache_set(c, &entry, 1, &e), 0);
		cache_close(c);
		m = open_memo(&o, seed);
		dims = 0;
		CHECK_INT(memo_get(m, EMBED_DOCUMENT, texts, 2, &dims, out), 1);
		CHECK(out[0] == NULL && out[1] != NULL);
		memo_close(m);
	}
	snprintf(url, sizeof(url), "rm -r %s", dir);
	CHECK_INT(system(url), 0);
}

int
main(void)
{
	return test_run();
}

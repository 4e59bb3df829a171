/* Prices and usage, with cases that were computed by hand. */
#include "test.h"

#include "base/json.h"
#include "cost/money.h"
#include "cost/price.h"

static struct usage
usage_of(const char *body)
{
	static struct buf scratch;
	struct slice value;
	struct usage u = {0};
	struct err e = {0};

	CHECK_INT(json_check(slice_of(body), &value, &e), 0);
	CHECK_INT(usage_read(value, &u, &scratch, &e), 0);
	return u;
}

static int
refused(const char *body)
{
	struct buf scratch = {0};
	struct slice value;
	struct usage u;
	struct err e = {0};
	int rc;

	CHECK_INT(json_check(slice_of(body), &value, &e), 0);
	rc = usage_read(value, &u, &scratch, &e);
	buf_free(&scratch);
	return rc == C1V_DATA;
}

static const char *
money(int64_t nano)
{
	static char out[40];
	struct buf b = {0};

	money_add(&b, nano);
	snprintf(out, sizeof(out), "%s", buf_cstr(&b));
	buf_free(&b);
	return out;
}

/* What the shipped list makes of a body on a day; "null" when it is not known. */
static const char *
cost(const char *body, const char *day)
{
	static char out[40];
	struct price_list *l = prices_new();
	struct usage u = usage_of(body);
	const struct price *p;
	struct err e = {0};
	int64_t nano;

	CHECK_INT(prices_add_file(l, "share/prices.json", &e), 0);
	p = price_find(l, u.model, day);
	snprintf(out, sizeof(out), "%s", p != NULL && price_cost(p, &u, &nano) ? money(nano) : "null");
	prices_free(l);
	return out;
}

TEST(money_reads_and_writes_decimals)
{
	static const struct { const char *text; int64_t nano; const char *back; } rows[] = {
		{"0", 0, "0"}, {"5", 5000000000, "5"}, {"0.02", 20000000, "0.02"}, {"-0.5", -500000000, "-0.5"},
		{"2.5e-06", 2500, "0.0000025"}, {"1e3", 1000000000000, "1000"}, {"0.0000000004", 0, "0"},
		{"0.0000000005", 1, "0.000000001"}, {"1.50", 1500000000, "1.5"}, {"12345678.123456789", 12345678123456789, "12345678.123456789"},
		{"0.1e1", 1000000000, "1"}, {"9223372036.854775807", INT64_MAX, "9223372036.854775807"},
	};
	static const char *const bad[] = {"", "-", ".", "1e", "abc", "1x", "99999999999", "1e400", "--1"};
	struct err e;
	int64_t n;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		CHECK_INT(money_parse(slice_of(rows[i].text), &n, &e), 0);
		CHECK_INT(n, rows[i].nano);
		CHECK_STR(money(n), rows[i].back);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK_INT(money_parse(slice_of(bad[i]), &n, &e), C1V_DATA);
	CHECK_INT(money_parse(SLICE("1e-999999999999"), &n, &e), 0);
	CHECK_INT(n, 0);
}

TEST(the_seed_s_prices)
{
	/* The seed's table: 1,000,000 in and 1,000,000 out of gpt-4-turbo are 10 + 30, of
	 * gpt-3.5-turbo 0.5 + 1.5; a million tokens of text-embedding-3-small are 0.02. */
	CHECK_STR(cost("{\"model\":\"gpt-4-turbo\",\"input_tokens\":1000000,\"output_tokens\":1000000}", "2026-11-22"), "40");
	CHECK_STR(cost("{\"model\":\"gpt-3.5-turbo\",\"input_tokens\":1000000,\"output_tokens\":1000000}", "2026-11-22"), "2");
	CHECK_STR(cost("{\"model\":\"text-embedding-3-small\",\"input_tokens\":1000000}", "2026-11-22"), "0.02");
	/* One token of it is 20 nano-dollars. */
	CHECK_STR(cost("{\"model\":\"text-embedding-3-small\",\"input_tokens\":1}", "2026-11-22"), "0.00000002");
}

TEST(bodies_are_told_apart)
{
	/* OpenAI: 1000 in, of them 400 cached; 50 out, of them 20 reasoning. gpt-4o: 600 * 2.5 + 400 * 1.25 + 50 * 10
	 * = 1500 + 500 + 500 = 2500 millionths. */
	CHECK_STR(cost("{\"id\":\"c1\",\"model\":\"gpt-4o-2024-11-20\",\"created\":1750000000,\"usage\":{\"prompt_tokens\":1000,"
	    "\"completion_tokens\":50,\"total_tokens\":1050,\"prompt_tokens_details\":{\"cached_tokens\":400},"
	    "\"completion_tokens_details\":{\"reasoning_tokens\":20}}}", "2026-11-22"), "0.0025");
	/* Its responses: the same counts by other names. */
	CHECK_STR(cost("{\"id\":\"r1\",\"model\":\"gpt-4o\",\"usage\":{\"input_tokens\":1000,\"input_tokens_details\":"
	    "{\"cached_tokens\":400},\"output_tokens\":50}}", "2026-11-22"), "0.0025");
	/* A line of a batch's output: half. */
	CHECK_STR(cost("{\"id\":\"b\",\"custom_id\":\"x\",\"response\":{\"status_code\":200,\"body\":{\"model\":\"gpt-4o\",\"usage\":"
	    "{\"prompt_tokens\":1000,\"completion_tokens\":50,\"prompt_tokens_details\":{\"cached_tokens\":400}}}}}",
	    "2026-11-22"), "0.00125");
	/* Anthropic: 100 read, 1000 from the cache, 2000 written of which 500 for an hour, 10 out.
	 * claude-haiku-4-5: 100 * 1 + 1000 * 0.1 + 1500 * 1.25 + 500 * 2 + 10 * 5 = 3125 millionths. */
	CHECK_STR(cost("{\"id\":\"m\",\"type\":\"message\",\"model\":\"claude-haiku-4-5-20251001\",\"usage\":{\"input_tokens\":100,"
	    "\"cache_read_input_tokens\":1000,\"cache_creation_input_tokens\":2000,\"cache_creation\":"
	    "{\"ephemeral_5m_input_tokens\":1500,\"ephemeral_1h_input_tokens\":500},\"output_tokens\":10}}",
	    "2026-11-22"), "0.003125");
	/* Gemini: 1000 in, of them 200 cached, 10 out and 90 thought. 2.5-flash: 800 * 0.3 + 200 * 0.03 + 100 * 2.5 = 496. */
	CHECK_STR(cost("{\"modelVersion\":\"gemini-2.5-flash\",\"usageMetadata\":{\"promptTokenCount\":1000,"
	    "\"cachedContentTokenCount\":200,\"candidatesTokenCount\":10,\"thoughtsTokenCount\":90}}", "2026-11-22"), "0.000496");
	/* Cohere: 3 searches at 2 dollars a thousand; 1000 tokens of embed-v4.0 at 0.12 a million. */
	CHECK_STR(cost("{\"id\":\"x\",\"model\":\"rerank-v3.5\",\"meta\":{\"billed_units\":{\"search_units\":3}}}", "2026-11-22"), "0.006");
	CHECK_STR(cost("{\"model\":\"embed-v4.0\",\"meta\":{\"billed_units\":{\"input_tokens\":1000}}}", "2026-11-22"), "0.00012");
	/* Our own, with writes inside the input: 100 + 20 * 0.1 + 30 * 1.25 = 139.5 millionths. */
	CHECK_STR(cost("{\"model\":\"claude-haiku-4-5\",\"input_tokens\":150,\"cached_input_tokens\":20,\"cache_write_tokens\":30}",
	    "2026-11-22"), "0.0001395");
	CHECK(refused("{\"model\":\"gpt-4o\"}"));
	CHECK(refused("{\"model\":\"gpt-4o\",\"usage\":{}}"));
	CHECK(refused("{\"model\":\"gpt-4o\",\"input_tokens\":-1}"));
	CHECK(refused("{\"model\":\"gpt-4o\",\"input_tokens\":\"7\"}"));
	CHECK(refused("{\"model\":\"gpt-4o\",\"input_tokens\":1.5}"));
	CHECK(refused("{\"model\":\"gpt-4o\",\"input_tokens\":10,\"cached_input_tokens\":11}"));
}

TEST(texts_with_escapes)
{
	struct usage u = usage_of("{\"model\":\"gpt\\u002d4o\",\"input_tokens\":1,\"user\":\"o\\\"k\",\"request_id\":\"r\",\"tool\":\"\\u00e4\"}");

	CHECK_MEM(u.model.p, u.model.n, "gpt-4o");
	CHECK_MEM(u.user.p, u.user.n, "o\"k");
	CHECK_MEM(u.request_id.p, u.request_id.n, "r");
	CHECK_MEM(u.tool.p, u.tool.n, "ä");
	CHECK(u.project.p == NULL);
}

TEST(dates_tiers_and_what_is_not_known)
{
	/* claude-sonnet-5 costs 2 and 10, from September 2026 on 3 and 15. */
	static const char sonnet[] = "{\"model\":\"claude-sonnet-5\",\"input_tokens\":1000000,\"output_tokens\":100000}";
	static const char o3[] = "{\"model\":\"o3\",\"input_tokens\":1000000}";
	/* gpt-5.4 doubles above 272,000 tokens of input, for all of them; what it says costs half more. */
	static const char at[] = "{\"model\":\"gpt-5.4\",\"input_tokens\":272000,\"output_tokens\":1000}";
	static const char above[] = "{\"model\":\"gpt-5.4\",\"input_tokens\":272001,\"output_tokens\":1000}";

	CHECK_STR(cost(sonnet, "2026-08-31"), "3");
	CHECK_STR(cost(sonnet, "2026-09-01"), "4.5");
	CHECK_STR(cost(o3, "2025-06-10"), "2");
	CHECK_STR(cost(o3, "2025-06-09"), "null");
	CHECK_STR(cost(at, "2026-11-22"), "0.695");         /* 0.272 * 2.5 + 0.001 * 15 */
	CHECK_STR(cost(above, "2026-11-22"), "1.382505");   /* 0.272001 * 5 + 0.001 * 22.5 */
	CHECK_STR(cost("{\"model\":\"no-such-model\",\"input_tokens\":5}", "2026-11-22"), "null");
	CHECK_STR(cost("{\"model\":\"text-embedding-3-small\",\"input_tokens\":5,\"output_tokens\":1}", "2026-11-22"), "null");
	CHECK_STR(cost("{\"model\":\"grok-4.3\",\"input_tokens\":5,\"batch\":true}", "2026-11-22"), "null");
	CHECK_STR(cost("{\"model\":\"gpt-4\",\"input_tokens\":1000000,\"cached_input_tokens\":500000}", "2026-11-22"), "30");
	CHECK_STR(cost("{\"model\":\"gpt-4o\",\"input_tokens\":9000000000000000000,\"output_tokens\":9000000000000000000}",
	    "2026-11-22"), "null");
}

TEST(names)
{
	static const struct { const char *asked, *found; } rows[] = {
		{"gpt-4o", "gpt-4o"}, {"gpt-4o-2024-11-20", "gpt-4o"}, {"gpt-4o-mini-2024-07-18", "gpt-4o-mini"},
		{"openai/gpt-4o-mini", "gpt-4o-mini"}, {"openrouter/openai/gpt-4o:free", "gpt-4o"},
		{"gpt-35-turbo", "gpt-35-turbo"}, {"claude-opus-4-20250514", "claude-opus-4-20250514"},
		{"claude-3-5-haiku@20241022", "claude-3-5-haiku"}, {"gpt-4x", NULL}, {"gpt", NULL}, {"", NULL},
		{"gpt-4.2", NULL}, {"gpt-5.4.1", NULL}, {"/", NULL}, {"x/", NULL},
	};
	struct price_list *l = prices_new();
	struct err e = {0};

	CHECK_INT(prices_add_file(l, "share/prices.json", &e), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct price *p = price_find(l, slice_of(rows[i].asked), "2026-11-22");
		if (rows[i].found == NULL)
			CHECK(p == NULL);
		else
			CHECK_STR(p ? p->model : NULL, rows[i].found);
	}
	prices_free(l);
}

TEST(a_list_lies_over_another)
{
	struct price_list *l = prices_new();
	struct err e = {0};
	const struct price *p;

	CHECK_INT(prices_add_file(l, "share/prices.json", &e), 0);
	CHECK_INT(prices_add(l, SLICE("{\"version\":\"mine\",\"models\":[{\"model\":\"gpt-4o\",\"prices\":[{\"input\":1,"
	    "\"output\":\"2e0\"}]},{\"model\":\"own\",\"aliases\":[\"mine\"],\"prices\":[{\"per_request\":\"0.01\"}]}]}"), "own.json", &e), 0);
	p = price_find(l, SLICE("gpt-4o"), "2026-11-22");
	CHECK_INT(p->rates[PRICE_INPUT], 1000000000);
	CHECK_INT(p->rates[PRICE_OUTPUT], 2000000000);
	CHECK_INT(p->rates[PRICE_CACHED], PRICE_NONE);
	CHECK_STR(p->version, "mine");
	p = price_find(l, SLICE("mine"), "2026-11-22");
	CHECK_INT(p->rates[PRICE_REQUEST], 10000000000000);
	CHECK(price_find(l, SLICE("gpt-4o-mini"), "2026-11-22") != NULL);
	prices_free(l);
}

TEST(a_wrong_list_changes_nothing)
{
	static const char *const bad[] = {
		"", "[]", "{}", "{\"models\":{}}", "{\"models\":[1]}", "{\"models\":[{}]}",
		"{\"models\":[{\"model\":\"x\"}]}", "{\"models\":[{\"model\":\"x\",\"prices\":[{\"input\":\"-1\"}]}]}",
		"{\"models\":[{\"model\":\"x\",\"prices\":[{\"input\":\"abc\"}]}]}",
		"{\"models\":[{\"model\":\"x\",\"prices\":[{\"input\":true}]}]}",
		"{\"models\":[{\"model\":\"x\",\"prices\":[{\"from\":\"soon\"}]}]}",
		"{\"models\":[{\"model\":\"x\",\"prices\":[{\"above\":{}}]}]}",
		"{\"models\":[{\"model\":\"x\",\"aliases\":[1],\"prices\":[]}]}",
	};
	struct price_list *l = prices_new();
	struct err e = {0};

	CHECK_INT(prices_add(l, SLICE("{\"models\":[{\"model\":\"x\",\"prices\":[{\"input\":\"1\"}]}]}"), "good", &e), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CHECK_INT(prices_add(l, slice_of(bad[i]), "bad.json", &e), C1V_CONFIG);
		CHECK(strncmp(e.text, "bad.json: ", 10) == 0);
	}
	CHECK_INT(prices_count(l), 1);
	CHECK(price_find(l, SLICE("x"), "2026-11-22") != NULL);
	prices_free(l);
}

int
main(void)
{
	return test_run();
}

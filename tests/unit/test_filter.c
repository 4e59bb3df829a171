#include "store/filter.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/json.h"
#include "store/filter_private.h"
#include "test.h"

/* Does one filter let a row with this metadata pass? -1: it is refused. */
static int
passes(const char *text, const char *metadata)
{
	struct filter *f = NULL;
	struct err e = {0};
	struct filter_row row = {slice_of(metadata), SLICE("doc#1"), SLICE("doc"), SLICE("docs/a.md")};
	int yes;

	if (filter_add(&f, text, &e) != 0) {
		printf("# %s: %s\n", text, e.text);
		return -1;
	}
	yes = filter_match(f, &row);
	filter_free(f);
	return yes;
}

#define YES(text, metadata) CHECK_INT(passes(text, metadata), 1)
#define NO(text, metadata) CHECK_INT(passes(text, metadata), 0)

static void
refused(const char *text, const char *why, const char *hint)
{
	struct filter *f = NULL;
	struct err e = {0};

	CHECK_INT(filter_add(&f, text, &e), C1V_USAGE);
	CHECK_INT(e.code, C1V_USAGE);
	CHECK(f == NULL);
	if (strstr(e.text, why) == NULL || strstr(e.hint, hint) == NULL)
		printf("# %s: %s (%s)\n", text, e.text, e.hint);
	CHECK(strstr(e.text, why) != NULL);
	CHECK(strstr(e.hint, hint) != NULL);
}

TEST(scalars_are_contained_when_equal)
{
	YES("{\"type\":\"prd\"}", "{\"type\":\"prd\",\"n\":1}");
	NO("{\"type\":\"prd\"}", "{\"type\":\"srs\"}");
	NO("{\"type\":\"prd\"}", "{\"kind\":\"prd\"}");
	YES("{\"n\":1}", "{\"n\":1.0}");
	YES("{\"n\":100}", "{\"n\":1e2}");
	NO("{\"n\":1}", "{\"n\":\"1\"}");
	NO("{\"n\":1}", "{\"n\":true}");
	YES("{\"n\":null}", "{\"n\":null}");
	NO("{\"n\":null}", "{}");
	NO("{\"n\":false}", "{\"n\":true}");
	YES("{\"t\":\"\\u00e4\"}", "{\"t\":\"ä\"}");
	YES("{\"\\u0074\":\"ä\"}", "{\"t\":\"\\u00E4\"}");
	YES("{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}");
	NO("{\"a\":1,\"b\":2}", "{\"b\":3,\"a\":1}");
	YES("{}", "{\"a\":1}");
	YES(" { } ", NULL);
	NO("{\"a\":1}", NULL);
}

TEST(containment_is_that_of_postgresql)
{
	YES("{\"a\":{\"b\":1}}", "{\"a\":{\"b\":1,\"c\":2}}");
	NO("{\"a\":{\"b\":1,\"c\":2}}", "{\"a\":{\"b\":1}}");
	YES("{\"a\":{}}", "{\"a\":{\"b\":1}}");
	NO("{\"a\":{}}", "{\"a\":[]}");
	NO("{\"a\":{}}", "{\"a\":1}");
	YES("{\"a\":{\"b\":{\"c\":[1]}}}", "{\"a\":{\"b\":{\"c\":[2,1],\"d\":0}}}");
	YES("{\"t\":[1,2]}", "{\"t\":[2,3,1]}");
	YES("{\"t\":[1,1]}", "{\"t\":[1]}");
	NO("{\"t\":[1,4]}", "{\"t\":[2,3,1]}");
	YES("{\"t\":[]}", "{\"t\":[1]}");
	NO("{\"t\":1}", "{\"t\":[1]}");
	NO("{\"t\":[1]}", "{\"t\":1}");
	YES("{\"t\":[{\"a\":1}]}", "{\"t\":[{\"b\":1},{\"a\":1,\"b\":2}]}");
	NO("{\"t\":[{\"a\":1,\"b\":1}]}", "{\"t\":[{\"b\":1},{\"a\":1,\"b\":2}]}");
	YES("{\"t\":[[1]]}", "{\"t\":[[1,2]]}");
	NO("{\"t\":[[1,3]]}", "{\"t\":[[1,2],[3]]}");
	NO("{\"a\":{\"b.c\":1}}", "{\"a\":{\"b\":{\"c\":1}}}");
}

TEST(equality_is_of_the_whole)
{
	YES("{\"n\":{\"$eq\":2}}", "{\"n\":2.0}");
	NO("{\"n\":{\"$eq\":{\"a\":1}}}", "{\"n\":{\"a\":1,\"b\":2}}");
	YES("{\"n\":{\"$eq\":{\"b\":2,\"a\":1}}}", "{\"n\":{\"a\":1.0,\"b\":2}}");
	NO("{\"n\":{\"$eq\":[1]}}", "{\"n\":[1,2]}");
	YES("{\"n\":{\"$eq\":{\"$x\":1}}}", "{\"n\":{\"$x\":1}}");
	NO("{\"n\":{\"$ne\":2}}", "{\"n\":2}");
	YES("{\"n\":{\"$ne\":2}}", "{\"n\":\"2\"}");
	YES("{\"n\":{\"$ne\":2}}", "{}");
	YES("{\"n\":{\"$ne\":null}}", "{}");
	NO("{\"n\":{\"$ne\":null}}", "{\"n\":null}");
	NO("{\"n\":{\"$eq\":null}}", "{}");
}

TEST(lists)
{
	YES("{\"t\":{\"$in\":[\"a\",\"b\"]}}", "{\"t\":\"b\"}");
	NO("{\"t\":{\"$in\":[\"a\",\"b\"]}}", "{\"t\":\"c\"}");
	NO("{\"t\":{\"$in\":[\"a\",\"b\"]}}", "{\"t\":[\"a\"]}");
	NO("{\"t\":{\"$in\":[]}}", "{\"t\":1}");
	YES("{\"t\":{\"$nin\":[]}}", "{\"t\":1}");
	YES("{\"t\":{\"$nin\":[1]}}", "{}");
	NO("{\"t\":{\"$nin\":[2,1]}}", "{\"t\":1}");
	YES("{\"t\":{\"$in\":[null]}}", "{\"t\":null}");
	NO("{\"t\":{\"$in\":[null]}}", "{}");
	YES("{\"t\":{\"$in\":[[1,2]]}}", "{\"t\":[1,2]}");
}

TEST(order)
{
	YES("{\"y\":{\"$gt\":2023}}", "{\"y\":2024}");
	NO("{\"y\":{\"$gt\":2024}}", "{\"y\":2024}");
	YES("{\"y\":{\"$gte\":2024}}", "{\"y\":2024.0}");
	YES("{\"y\":{\"$lt\":-1}}", "{\"y\":-1.5}");
	NO("{\"y\":{\"$lt\":-1.5}}", "{\"y\":-1}");
	YES("{\"y\":{\"$lte\":0}}", "{\"y\":-0.0}");
	NO("{\"y\":{\"$lte\":0}}", "{\"y\":1e-9}");
	NO("{\"y\":{\"$lte\":-5}}", "{\"y\":5}");
	NO("{\"y\":{\"$gt\":2023}}", "{\"y\":\"2024\"}");
	NO("{\"y\":{\"$gt\":2023}}", "{}");
	NO("{\"y\":{\"$lt\":2023}}", "{\"y\":null}");
	NO("{\"y\":{\"$lte\":1}}", "{\"y\":true}");
	YES("{\"d\":{\"$gte\":\"2026-01-01\",\"$lt\":\"2026-02\"}}", "{\"d\":\"2026-01-31\"}");
	NO("{\"d\":{\"$gte\":\"2026-01-01\",\"$lt\":\"2026-02\"}}", "{\"d\":\"2026-02-01\"}");
	YES("{\"d\":{\"$gt\":\"a\"}}", "{\"d\":\"aa\"}");
	YES("{\"d\":{\"$gt\":\"\\uffff\"}}", "{\"d\":\"\\ud83d\\ude00\"}"); /* by code point, not UTF-16 */
}

TEST(numbers_compare_exactly)
{
	static const struct { const char *a, *b; int order; } cases[] = {
		{"9007199254740993", "9007199254740992", 1}, {"0.1", "0.10000000000000000001", -1},
		{"1e400", "1e401", -1}, {"-1e400", "-1e401", 1}, {"1e400", "10e399", 0},
		{"0", "-0.0e5", 0}, {"0.00120", "12e-4", 0}, {"123.456", "1.23456E+2", 0},
		{"1e-400", "0", 1}, {"-1", "1", -1}, {"1", "-1", 1}, {"99", "100", -1}, {"0.9", "0.09", 1},
		{"1e99999999999999999999", "1e99", 1}, {"1e-99999999999999999999", "1e-99", -1},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CHECK_INT(filter_number_order(slice_of(cases[i].a), slice_of(cases[i].b)), cases[i].order);
		CHECK_INT(filter_number_order(slice_of(cases[i].b), slice_of(cases[i].a)), -cases[i].order);
	}
}

TEST(existence)
{
	YES("{\"a\":{\"$exists\":true}}", "{\"a\":null}");
	NO("{\"a\":{\"$exists\":true}}", "{\"b\":1}");
	NO("{\"a\":{\"$exists\":false}}", "{\"a\":0}");
	YES("{\"a\":{\"$exists\":false}}", NULL);
}

TEST(combinations)
{
	const char *row = "{\"a\":1,\"b\":\"x\",\"c\":[1,2]}";

	YES("{\"$or\":[{\"a\":2},{\"b\":\"x\"}]}", row);
	NO("{\"$or\":[{\"a\":2},{\"b\":\"y\"}]}", row);
	YES("{\"$and\":[{\"a\":1},{\"b\":\"x\"}]}", row);
	NO("{\"$and\":[{\"a\":1},{\"b\":\"y\"}]}", row);
	NO("{\"$not\":{\"a\":1}}", row);
	YES("{\"$not\":{\"a\":1,\"b\":\"y\"}}", row);
	NO("{\"$not\":{}}", row);
	YES("{\"a\":{\"$not\":{\"$gt\":1}}}", row);
	NO("{\"a\":{\"$not\":{\"$gte\":1,\"$lte\":1}}}", row);
	YES("{\"z\":{\"$not\":{\"$gt\":1}}}", row);
	YES("{\"a\":{\"$gte\":1,\"$not\":{\"$in\":[2,3]}}}", row);
	YES("{\"$or\":[{\"$and\":[{\"a\":1},{\"$not\":{\"b\":\"y\"}}]},{\"q\":1}],\"c\":[2]}", row);
	NO("{\"$or\":[{\"a\":1}],\"$and\":[{\"a\":2}]}", row);
}

TEST(dots)
{
	YES("{\"a.b\":1}", "{\"a.b\":1}");
	YES("{\"a.b\":1}", "{\"a\":{\"b\":1}}");
	NO("{\"a.b\":1}", "{\"a.b\":2,\"a\":{\"b\":1}}"); /* as it is goes first */
	YES("{\"a.b.c\":{\"$gt\":1}}", "{\"a\":{\"b\":{\"c\":2}}}");
	NO("{\"a.b.c\":{\"$gt\":1}}", "{\"a\":{\"b\":2}}");
	YES("{\"a.b\":{\"$exists\":false}}", "{\"a\":[1]}");
	NO("{\".\":1}", "{\"\":1}");
	YES("{\".\":1}", "{\"\":{\"\":1}}");
	YES("a.b=x", "{\"a\":{\"b\":\"x\"}}");
}

TEST(key_equals_value)
{
	YES("type=prd", "{\"type\":\"prd\"}");
	NO("type=prd", "{\"type\":\"prd \"}");
	YES("year=2024", "{\"year\":2024}");
	YES("year=2024", "{\"year\":\"2024\"}");
	NO("year=2024", "{\"year\":2024.0}");
	YES("draft=true", "{\"draft\":true}");
	YES("draft=null", "{\"draft\":null}");
	NO("draft=null", "{}");
	YES("q=", "{\"q\":\"\"}");
	YES("q=a=b", "{\"q\":\"a=b\"}");
	YES("q=a\"b", "{\"q\":\"a\\\"b\"}");
	NO("q=[1]", "{\"q\":[1]}");
	NO("q={}", "{\"q\":{}}");
	YES("café=ü", "{\"caf\\u00e9\":\"\\u00fc\"}");
}

TEST(fields_beside_metadata)
{
	YES("$source=docs/a.md", NULL);
	YES("$id=doc#1", NULL);
	YES("$doc=doc", "{\"doc\":\"other\"}");
	NO("$doc=doc#1", NULL);
	YES("{\"$source\":\"docs/a.md\"}", NULL);
	YES("{\"$source\":{\"$gte\":\"docs/\",\"$lt\":\"docs0\"}}", NULL);
	YES("{\"$id\":{\"$in\":[\"x\",\"doc#1\"]}}", NULL);
	NO("{\"$id\":1}", NULL);
	NO("{\"$id\":[\"doc#1\"]}", NULL);
	YES("{\"$not\":{\"$doc\":\"x\"}}", NULL);
	YES("{\"$source\":{\"$exists\":true}}", NULL);
}

TEST(absent_fields)
{
	struct filter *f = NULL;
	struct filter_row row = {SLICE_NONE, SLICE("1"), SLICE("1"), SLICE_NONE};

	CHECK_INT(filter_add(&f, "{\"$source\":{\"$exists\":false}}", NULL), 0);
	CHECK_INT(filter_match(f, &row), 1);
	CHECK_INT(filter_add(&f, "$source=", NULL), 0);
	CHECK_INT(filter_match(f, &row), 0);
	filter_free(f);
}

TEST(all_conditions_must_hold)
{
	struct filter *f = NULL;
	struct filter_row row = {SLICE("{\"a\":1,\"b\":2}"), SLICE("1"), SLICE("1"), SLICE_NONE};
	struct err e;

	CHECK_INT(filter_match(NULL, &row), 1);
	CHECK_INT(filter_metadata_only(NULL), 1);
	CHECK_INT(filter_add(&f, "a=1", &e), 0);
	CHECK_INT(filter_add(&f, "{\"b\":2}", &e), 0);
	CHECK_INT(filter_match(f, &row), 1);
	CHECK_INT(filter_metadata_only(f), 1);
	CHECK_INT(filter_add(&f, "{\"$id\":{\"$oops\":2}}", &e), C1V_USAGE);
	CHECK_INT(filter_metadata_only(f), 1);
	CHECK_INT(filter_match(f, &row), 1);
	CHECK_INT(filter_add(&f, "{\"b\":3}", &e), 0);
	CHECK_INT(filter_match(f, &row), 0);
	CHECK_INT(filter_add(&f, "{\"$or\":[{\"a\":1},{\"$doc\":\"x\"}]}", &e), 0);
	CHECK_INT(filter_metadata_only(f), 0);
	filter_free(f);
	filter_free(NULL);
}

TEST(what_is_refused)
{
	refused("", "neither a JSON object nor key=value", "type=prd");
	refused("type", "neither", "type=prd");
	refused("=x", "neither", "");
	refused("[1]", "neither", "");
	refused("{\"a\":", "not valid JSON", "");
	refused("{\"a\":1} x", "not valid JSON", "");
	refused("{\"a\":{\"$regex\":\"x\"}}", "unknown operator \"$regex\"", "$exists");
	refused("{\"$nor\":[{}]}", "unknown operator \"$nor\"", "$eq $ne $in $nin $gt $gte $lt $lte $exists $and $or $not");
	refused("$foo=1", "unknown operator \"$foo\"", "$source");
	refused("{\"$gt\":1}", "\"$gt\" where a filter has none", "KEY");
	refused("{\"a\":{\"b\":{\"$gt\":1}}}", "\"$gt\" where", "KEY.INNER");
	refused("{\"a\":[{\"$gt\":1}]}", "\"$gt\" where", "");
	refused("{\"a\":{\"$and\":[]}}", "\"$and\" where", "");
	refused("{\"a\":{\"$gt\":1,\"b\":2}}", "key \"b\" among the operators", "");
	refused("{\"a\":{\"b\":2,\"$gt\":1}}", "\"$gt\" where", "");
	refused("{\"a\":{\"$in\":1}}", "$in in a filter takes an array", "");
	refused("{\"a\":{\"$gt\":null}}", "$gt in a filter takes a number or a string", "");
	refused("{\"a\":{\"$exists\":1}}", "$exists in a filter takes true or false", "");
	refused("{\"a\":{\"$not\":1}}", "$not in a filter takes", "");
	refused("{\"a\":{\"$not\":{}}}", "$not in a filter takes", "");
	refused("{\"a\":{\"$not\":{\"b\":1}}}", "key \"b\" among", "");
	refused("{\"$not\":[]}", "$not in a filter takes a filter", "");
	refused("{\"$or\":[]}", "$or in a filter takes an array of filters", "");
	refused("{\"$or\":{}}", "$or in a filter takes an array of filters", "");
	refused("{\"$and\":[1]}", "$and in a filter takes an array of filters", "");
	refused("a=\xff", "UTF-8", "");
	refused("{\"a\":\"\xff\"}", "not valid JSON", "");
}

TEST(depth_is_bounded)
{
	struct filter *f = NULL;
	struct buf b = {0};
	struct err e;

	for (int depth = FILTER_DEPTH; depth <= FILTER_DEPTH + 1; depth++) {
		b.len = 0;
		for (int i = 0; i < depth; i++)
			buf_string(&b, "{\"$not\":");
		buf_string(&b, "{\"a\":1}");
		for (int i = 0; i < depth; i++)
			buf_byte(&b, '}');
		CHECK_INT(filter_add(&f, buf_cstr(&b), &e), depth > FILTER_DEPTH ? C1V_USAGE : 0);
	}
	CHECK(strstr(e.text, "nested deeper than 32") != NULL);
	filter_free(f);
	f = NULL;
	b.len = 0;
	for (int i = 0; i < 400; i++)
		buf_string(&b, "{\"a\":[");
	for (int i = 0; i < 400; i++)
		buf_string(&b, "]}");
	CHECK_INT(filter_add(&f, buf_cstr(&b), &e), C1V_USAGE); /* too deep for JSON */
	buf_free(&b);
}

/* --- against a naive containment ------------------------------------------- */

static uint64_t seed = 5;

static unsigned
draw(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

static void
random_value(struct buf *b, int depth)
{
	unsigned kind = draw(depth > 0 ? 6 : 3), n = draw(3);

	if (kind < 3) {
		buf_string(b, (const char *const[]){"1", "\"x\"", "null"}[kind]);
		return;
	}
	buf_byte(b, kind == 3 ? '[' : '{');
	for (unsigned i = 0; i < n; i++) {
		if (i)
			buf_byte(b, ',');
		if (kind != 3)
			buf_format(b, "\"%c\":", "ab"[i]);
		random_value(b, depth - 1);
	}
	buf_byte(b, kind == 3 ? ']' : '}');
}

/* Contained by definition: every path of b, with each array item taken to
 * some item of a. */
static int
naive(struct slice a, struct slice b)
{
	struct json_walk w = json_walk(b);
	struct slice key, value;
	char name[8];

	if (json_type(a) != json_type(b))
		return 0;
	if (json_type(b) == JSON_OBJECT) {
		while (json_member(&w, &key, &value)) {
			snprintf(name, sizeof(name), "%.*s", (int)key.n, key.p);
			if (json_get(a, name).p == NULL || !naive(json_get(a, name), value))
				return 0;
		}
		return 1;
	}
	if (json_type(b) != JSON_ARRAY)
		return json_equal(a, b);
	while (json_item(&w, &value)) {
		struct json_walk v = json_walk(a);
		struct slice item;
		int any = 0;

		while (json_item(&v, &item))
			any |= naive(item, value);
		if (!any)
			return 0;
	}
	return 1;
}

TEST(containment_equals_its_definition)
{
	struct buf a = {0}, b = {0};
	int yes = 0, agree = 1;

	for (int i = 0; i < 20000; i++) {
		int expected;

		a.len = b.len = 0;
		buf_string(&a, "{\"k\":");
		buf_string(&b, "{\"k\":");
		random_value(&a, 4);
		random_value(&b, 3);
		buf_byte(&a, '}');
		buf_byte(&b, '}');
		expected = naive(buf_as_slice(&a), buf_as_slice(&b));
		agree &= passes(buf_cstr(&b), buf_cstr(&a)) == expected;
		yes += expected;
	}
	CHECK(agree);
	CHECK(yes > 500);
	buf_free(&a);
	buf_free(&b);
}

int
main(void)
{
	return test_run();
}

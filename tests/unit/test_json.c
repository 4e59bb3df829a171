#include "test.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/json.h"

#define TEXT(literal) ((struct slice){(literal), sizeof(literal) - 1})

static const struct slice accepted[] = {
	TEXT("null"), TEXT("true"), TEXT("false"), TEXT("0"), TEXT("-0"), TEXT("1"), TEXT("-1"),
	TEXT("10"), TEXT("1234567890123456789012345678901234567890"), TEXT("0.5"), TEXT("-0.0"),
	TEXT("1e5"), TEXT("1E5"), TEXT("1e+5"), TEXT("1e-5"), TEXT("0e0"), TEXT("0E+0"),
	TEXT("1.5e10"), TEXT("123.456E-789"), TEXT("1e99999999999999999999"),
	TEXT("0.00000000000000000000000000000000000001"), TEXT("0.1234567890123456"),
	TEXT("\"\""), TEXT("\"a\""), TEXT("\"\x7f\""), TEXT("\"/\""), TEXT("\"'\""),
	TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), TEXT("\"\\u0000\""), TEXT("\"\\u12aF\""),
	TEXT("\"\\ud834\\udd1e\""), TEXT("\"\\uDBFF\\uDFFF\""), TEXT("\"\\uD800\\uDC00x\""),
	TEXT("\"\\uFFFE\\uFFFF\""), TEXT("\"\\ue000\""), TEXT("\"\\\\u12\""),
	TEXT("\"\xc2\x80\""), TEXT("\"\xdf\xbf\""), TEXT("\"\xe0\xa0\x80\""), TEXT("\"\xed\x9f\xbf\""),
	TEXT("\"\xee\x80\x80\""), TEXT("\"\xef\xbf\xbf\""), TEXT("\"\xf0\x90\x80\x80\""),
	TEXT("\"\xf4\x8f\xbf\xbf\""), TEXT("\"\xe2\x80\xa8\""), TEXT("\"\xef\xbb\xbf\""),
	TEXT("[]"), TEXT("{}"), TEXT("[ ]"), TEXT("{ }"), TEXT("[[]]"), TEXT("[{}]"), TEXT("{\"\":0}"),
	TEXT("[1]"), TEXT("[1,2]"), TEXT("[1 , 2]"), TEXT("[1,\n-2.5e1 ,\"x\",3]"), TEXT("[null,[],{}]"),
	TEXT("{\"a\":1}"), TEXT("{\"a\":1,\"a\":2}"), TEXT("{\"a\" : {\"b\":[{\"c\":[1]},2]} , \"d\":\"e\"}"),
	TEXT(" \t\r\n1 \t\r\n"), TEXT(" {\"a\\u0062\":[] } "), TEXT("[\"a\",1,true]"),
};

static const struct slice refused[] = {
	TEXT(""), TEXT(" "), TEXT("\n"), TEXT("\0"), TEXT("\xef\xbb\xbf{}"), TEXT("nul"), TEXT("nulll"),
	TEXT("NULL"), TEXT("True"), TEXT("tru"), TEXT("fals"), TEXT("falsey"), TEXT("undefined"),
	TEXT("NaN"), TEXT("Infinity"), TEXT("-Infinity"), TEXT("+1"), TEXT("-"), TEXT("--1"), TEXT("- 1"),
	TEXT("01"), TEXT("-01"), TEXT("00"), TEXT("0x10"), TEXT("1."), TEXT(".5"), TEXT("-.5"), TEXT("1.e5"),
	TEXT("1e"), TEXT("1e+"), TEXT("1e-"), TEXT("1e1.5"), TEXT("1.2.3"), TEXT("1e5e5"), TEXT("1a"),
	TEXT("0e"), TEXT("1 2"), TEXT("1,2"), TEXT("1/"), TEXT("1-2"), TEXT("\xd9\xa1"),
	TEXT("0.12345678901234567890."), TEXT("1234567890123456789x"),
	TEXT("\""), TEXT("\"a"), TEXT("a\""), TEXT("'a'"), TEXT("\"\\\""), TEXT("\"\\"), TEXT("\"\\a\""),
	TEXT("\"\\v\""), TEXT("\"\\'\""), TEXT("\"\\0\""), TEXT("\"\\x41\""), TEXT("\"\\U0041\""),
	TEXT("\"\\u\""), TEXT("\"\\u1\""), TEXT("\"\\u12\""), TEXT("\"\\u123\""), TEXT("\"\\u123"),
	TEXT("\"\\u12g4\""), TEXT("\"\\u 123\""), TEXT("\"\\u-123\""), TEXT("\"\\u00\x41\""),
	TEXT("\"\\ud800\""), TEXT("\"\\udc00\""), TEXT("\"\\ud800\\ud800\""), TEXT("\"\\ud800\\u0041\""),
	TEXT("\"\\udfff\\ud800\""), TEXT("\"\\ud800x\\udc00\""), TEXT("\"\\ud800\\n\""),
	TEXT("\"\\ud800\\udc0\""), TEXT("\"\\ud800\\udc0"), TEXT("\"\\ud800\\"), TEXT("\"\\ud800\\u"),
	TEXT("\"\n\""), TEXT("\"\t\""), TEXT("\"\0\""), TEXT("\"\x1f\""), TEXT("\"aaaaaaaaaaaaaaaaaaa\x01\""),
	TEXT("\"\x80\""), TEXT("\"\xbf\""), TEXT("\"\xc0\x80\""), TEXT("\"\xc1\xbf\""), TEXT("\"\xc2\""),
	TEXT("\"\xc2\x41\""), TEXT("\"\xe0\x80\x80\""), TEXT("\"\xe0\x9f\xbf\""), TEXT("\"\xe2\x82\""),
	TEXT("\"\xed\xa0\x80\""), TEXT("\"\xed\xbf\xbf\""), TEXT("\"\xf0\x80\x80\x80\""),
	TEXT("\"\xf0\x8f\xbf\xbf\""), TEXT("\"\xf0\x9f\x98\""), TEXT("\"\xf4\x90\x80\x80\""),
	TEXT("\"\xf5\x80\x80\x80\""), TEXT("\"\xf8\x88\x80\x80\x80\""), TEXT("\"\xfe\""), TEXT("\"\xff\""),
	TEXT("\"\xc3\xa9\x80\""), TEXT("\"\xe9\""), TEXT("\xc3\xa9"), TEXT("[\"\xe2\x82\"]"),
	TEXT("["), TEXT("]"), TEXT("[1"), TEXT("[1,"), TEXT("[1,]"), TEXT("[,1]"), TEXT("[,]"), TEXT("[1,,2]"),
	TEXT("[1 2]"), TEXT("[1}"), TEXT("[[]"), TEXT("[]]"), TEXT("[1:2]"), TEXT("[1,-]"), TEXT("[1,/2]"),
	TEXT("[1,.5]"), TEXT("[\"a\":1]"), TEXT("[1;2]"), TEXT("[1, 2 3]"), TEXT("[1,2"), TEXT("[1, "),
	TEXT("{"), TEXT("}"), TEXT("{]"), TEXT("{1:1}"), TEXT("{a:1}"), TEXT("{'a':1}"), TEXT("{\"a\"}"),
	TEXT("{\"a\":}"), TEXT("{\"a\":1,}"), TEXT("{,\"a\":1}"), TEXT("{\"a\" 1}"), TEXT("{\"a\":1 \"b\":2}"),
	TEXT("{\"a\":1,2}"), TEXT("{\"a\":1]"), TEXT("{\"a\"::1}"), TEXT("{\"a\":1"), TEXT("{\"a\":"),
	TEXT("{\"a\""), TEXT("{\"a"), TEXT("{\"a\":1,"), TEXT("{null:1}"), TEXT("{\"a\":1}}"),
	TEXT("{}{}"), TEXT("[]x"), TEXT("[1]//"), TEXT("/**/1"), TEXT("#1"), TEXT("\f1"), TEXT("1\v"),
	TEXT("\xc2\xa0" "1"), TEXT("1\0"), TEXT("{\"a\\ud800\":1}"), TEXT("{\"\n\":1}"),
};

/* A copy whose last byte is the last of its page, with nothing mapped behind. */
static struct slice
edge_copy(struct slice s)
{
	enum { BODY = 1 << 16 };
	static char *body;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (body == NULL) {
		body = mmap(NULL, BODY + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (body == MAP_FAILED || mprotect(body + BODY, page, PROT_NONE) != 0)
			abort();
	}
	if (s.n > BODY)
		abort();
	if (s.n)
		memcpy(body + BODY - s.n, s.p, s.n);
	return (struct slice){body + BODY - s.n, s.n};
}

static int
check_at_edge(struct slice s)
{
	struct slice value;
	struct err e = {0};
	int code = json_check(edge_copy(s), &value, &e);

	CHECK(code == 0 || (code == C1V_DATA && e.code == C1V_DATA && e.text[0]));
	return code;
}

static int
ignore_member(void *arg, struct slice key, struct slice value, struct err *e)
{
	(void)key, (void)value, (void)e;
	if (arg)
		++*(int *)arg;
	return 0;
}

static int /* as a member of an object, by the other way in */
check_as_member(struct slice s)
{
	struct buf b = {0};
	struct err e;
	int code;

	buf_string(&b, " {\"k\": ");
	buf_slice(&b, s);
	buf_string(&b, " }");
	code = json_scan_object(edge_copy(buf_as_slice(&b)), ignore_member, NULL, &e);
	buf_free(&b);
	return code;
}

TEST(accepts_what_rfc_8259_has)
{
	for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
		int ok = check_at_edge(accepted[i]) == 0 && check_as_member(accepted[i]) == 0;
		if (!ok)
			printf("# refused: %.*s\n", (int)accepted[i].n, accepted[i].p);
		CHECK(ok);
	}
}

TEST(refuses_the_rest)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		int ok = check_at_edge(refused[i]) != 0;
		if (!ok)
			printf("# accepted: %.*s\n", (int)refused[i].n, refused[i].p);
		CHECK(ok);
	}
}

TEST(absent_text_is_refused)
{
	struct slice value;
	struct err e;

	CHECK_INT(json_check(SLICE_NONE, &value, &e), C1V_DATA);
	CHECK_INT(json_scan_object(SLICE_NONE, ignore_member, NULL, &e), C1V_DATA);
	CHECK_INT(json_check(SLICE("x"), &value, NULL), C1V_DATA);
}

TEST(value_comes_without_its_space)
{
	struct slice value;
	struct err e;

	CHECK_INT(json_check(SLICE(" \n [1, 2] \t"), &value, &e), 0);
	CHECK_MEM(value.p, value.n, "[1, 2]");
	CHECK_INT(json_type(value), JSON_ARRAY);
}

static const struct {
	const char *text, *error;
} messages[] = {
	{"[1,2", "invalid JSON: unexpected end at byte 5"},
	{"", "invalid JSON: unexpected end at byte 1"},
	{"{\"a\" 1}", "invalid JSON: expected a colon at byte 6"},
	{"{\"a\":1 2}", "invalid JSON: expected a comma or } at byte 8"},
	{"[1}", "invalid JSON: expected a comma or ] at byte 3"},
	{"{1:2}", "invalid JSON: expected a key in quotes at byte 2"},
	{"\"ab\ncd\"", "invalid JSON: control character in a string at byte 4"},
	{"\"ab\\qcd\"", "invalid JSON: invalid escape at byte 4"},
	{"\"ab\\u00x0\"", "invalid JSON: invalid \\u escape at byte 4"},
	{"\"\\ud800\"", "invalid JSON: lone surrogate in an escape at byte 2"},
	{"[\"\xc3\xa9\xff\"]", "invalid JSON: invalid UTF-8 at byte 5"},
	{"\"abc", "invalid JSON: string without its end at byte 5"},
	{"[012]", "invalid JSON: number with a leading zero at byte 2"},
	{"[1.x]", "invalid JSON: invalid number at byte 4"},
	{"[nulx]", "invalid JSON: unexpected character at byte 2"},
	{"[] x", "invalid JSON: text behind the value at byte 4"},
};

TEST(errors_say_what_and_where)
{
	struct slice value;
	struct err e;

	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		CHECK_INT(json_check(slice_of(messages[i].text), &value, &e), C1V_DATA);
		CHECK_STR(e.text, messages[i].error);
	}
	CHECK_INT(json_scan_object(SLICE(" [1]"), ignore_member, NULL, &e), C1V_DATA);
	CHECK_STR(e.text, "invalid JSON: expected an object at byte 2");
	CHECK_INT(json_scan_object(SLICE("  "), ignore_member, NULL, &e), C1V_DATA);
	CHECK_STR(e.text, "invalid JSON: no object at byte 3");
}

static int /* the code for depth levels of brackets, mixed when object is set */
check_depth(size_t depth, int object, int close)
{
	struct buf b = {0};
	struct slice value;
	struct err e;
	int code;

	for (size_t i = 0; i < depth; i++)
		buf_string(&b, object && i % 2 ? "{\"k\":" : "[");
	if (close) {
		buf_string(&b, object && depth % 2 == 0 ? "1" : "");
		for (size_t i = depth; i-- > 0;)
			buf_byte(&b, object && i % 2 ? '}' : ']');
	}
	code = json_check(buf_as_slice(&b), &value, &e);
	if (code && close)
		CHECK(strstr(e.text, "nested too deeply at byte ") != NULL);
	buf_free(&b);
	return code;
}

TEST(depth_is_limited)
{
	struct buf b = {0};
	struct err e;

	for (int object = 0; object < 2; object++) {
		CHECK_INT(check_depth(JSON_DEPTH - 1, object, 1), 0);
		CHECK_INT(check_depth(JSON_DEPTH, object, 1), 0);
		CHECK_INT(check_depth(JSON_DEPTH + 1, object, 1), C1V_DATA);
		CHECK_INT(check_depth(64, object, 1), 0);
		CHECK_INT(check_depth(64, object, 0), C1V_DATA);
		CHECK_INT(check_depth(50000000, object, 0), C1V_DATA);
	}
	/* The object of a scan counts as a level. */
	for (int levels = JSON_DEPTH - 1; levels <= JSON_DEPTH; levels++) {
		b.len = 0;
		buf_string(&b, "{\"k\":");
		for (int i = 0; i < levels; i++)
			buf_byte(&b, '[');
		for (int i = 0; i < levels; i++)
			buf_byte(&b, ']');
		buf_byte(&b, '}');
		CHECK_INT(json_scan_object(buf_as_slice(&b), ignore_member, NULL, &e),
		    levels < JSON_DEPTH ? 0 : C1V_DATA);
	}
	buf_free(&b);
}

/* Every kind of stop at every place of strings around the size of a block. */
static const struct {
	const char *text; /* in the string */
	int good;
} stops[] = {
	{"\\n", 1}, {"\\\"", 1}, {"\\\\", 1}, {"\\u00e9", 1}, {"\\ud83d\\ude00", 1}, {"\xc3\xa9", 1},
	{"\xe2\x82\xac", 1}, {"\xf0\x9f\x98\x80", 1}, {"\\\\\\\"", 1}, {"\n", 0}, {"\x1f", 0},
	{"\\x", 0}, {"\\u00g0", 0}, {"\\ud83d", 0}, {"\\ude00", 0}, {"\x80", 0}, {"\xc3", 0},
	{"\xe2\x82", 0}, {"\xf0\x9f\x98", 0}, {"\xe0\x80\x80", 0}, {"\xed\xa0\x80", 0}, {"\xc0\xaf", 0},
	{"\xf4\x90\x80\x80", 0}, {"\xf0\x80\x80\x80", 0}, {"\"", 0}, {"\xf5\x80\x80\x80", 0},
};

TEST(stops_at_every_place)
{
	struct buf b = {0};

	for (size_t k = 0; k < sizeof(stops) / sizeof(stops[0]); k++)
		for (size_t before = 0; before < 150; before++)
			for (size_t behind = 0; behind < 130; behind += behind < 20 ? 1 : 37) {
				b.len = 0;
				buf_byte(&b, '"');
				for (size_t i = 0; i < before; i++)
					buf_byte(&b, 'a');
				buf_string(&b, stops[k].text);
				for (size_t i = 0; i < behind; i++)
					buf_byte(&b, 'z');
				buf_byte(&b, '"');
				if ((check_at_edge(buf_as_slice(&b)) == 0) == stops[k].good)
					continue;
				printf("# stop %zu, %zu before, %zu behind\n", k, before, behind);
				CHECK(0);
				before = behind = 1000;
			}
	buf_free(&b);
}

TEST(numbers_of_every_length)
{
	struct buf b = {0};

	for (int whole = 1; whole < 40; whole++)
		for (int part = 0; part < 40; part++)
			for (int power = 0; power < 3; power++) {
				b.len = 0;
				buf_string(&b, "[-");
				for (int i = 0; i < whole; i++)
					buf_byte(&b, '7');
				if (part)
					buf_byte(&b, '.');
				for (int i = 0; i < part; i++)
					buf_byte(&b, '0');
				buf_string(&b, power == 0 ? "" : power == 1 ? "e7" : "E-77");
				buf_string(&b, ",5 , -6.5]");
				CHECK_INT(check_at_edge(buf_as_slice(&b)), 0);
				b.len -= 10; /* the number at the end of the text */
				CHECK_INT(check_at_edge((struct slice){b.data + 1, b.len - 1}), 0);
				buf_string(&b, "-]");
				CHECK_INT(check_at_edge(buf_as_slice(&b)), C1V_DATA);
			}
	buf_free(&b);
}

static int
collect_member(void *arg, struct slice key, struct slice value, struct err *e)
{
	struct buf *b = arg;

	if (slice_is(key, "stop"))
		return err_set(e, 42, "stopped");
	buf_slice(b, key);
	buf_byte(b, '=');
	buf_slice(b, value);
	buf_byte(b, '|');
	return 0;
}

TEST(scan_object_calls_for_each_member)
{
	struct buf b = {0};
	struct err e;

	CHECK_INT(json_scan_object(SLICE(" { \"a\" : 1 ,\"b\":\"x\\\"y\", \"c\\u0031\" :[1, {\"d\":2} ] , \"\":{} } "),
	    collect_member, &b, &e), 0);
	CHECK_MEM(b.data, b.len, "a=1|b=\"x\\\"y\"|c\\u0031=[1, {\"d\":2} ]|={}|");
	b.len = 0;
	CHECK_INT(json_scan_object(SLICE("{}"), collect_member, &b, &e), 0);
	CHECK_INT(b.len, 0);
	CHECK_INT(json_scan_object(SLICE("{\"a\":1,\"stop\":2,\"c\":3}"), collect_member, &b, &e), 42);
	CHECK_MEM(b.data, b.len, "a=1|");
	buf_free(&b);
}

TEST(scan_object_refuses)
{
	static const char *const bad[] = {
		"{\"a\":1,}", "{\"a\":1", "{\"a\":1]", "{\"a\":1}x", "{}x", "{", "{\"a\":1,", "{\"a\"", "[]",
		"{,}", "{\"a\":1 \"b\":2}", "{\"a\":01}", "{\"a\":1}{}", "1", "\"{}\"", "{\"a\":[}", "{\"a\":1,2}",
	};
	struct err e;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_INT(json_scan_object(slice_of(bad[i]), ignore_member, NULL, &e), C1V_DATA);
}

TEST(walks)
{
	struct json_walk w = json_walk(SLICE("{ \"a\" : [1,2] ,\"b\\n\":{\"c\":null}, \"d\":\"e\" }"));
	struct slice key, value;
	int count = 0;

	CHECK_INT(json_member(&w, &key, &value), 1);
	CHECK_MEM(key.p, key.n, "a");
	CHECK_MEM(value.p, value.n, "[1,2]");
	CHECK_INT(json_member(&w, &key, &value), 1);
	CHECK_MEM(key.p, key.n, "b\\n");
	CHECK_MEM(value.p, value.n, "{\"c\":null}");
	CHECK_INT(json_member(&w, &key, &value), 1);
	CHECK_MEM(value.p, value.n, "\"e\"");
	CHECK_INT(json_member(&w, &key, &value), 0);
	CHECK_INT(json_member(&w, &key, &value), 0);
	w = json_walk(SLICE("[ 1 , \"x]\" ,[ ], -2.5e3 ]"));
	while (json_item(&w, &value))
		count++;
	CHECK_INT(count, 4);
	CHECK_MEM(value.p, value.n, "-2.5e3");
	w = json_walk(SLICE("[]"));
	CHECK_INT(json_item(&w, &value), 0);
	w = json_walk(SLICE("[ ]"));
	CHECK_INT(json_item(&w, &value), 0);
	w = json_walk(SLICE("{ }"));
	CHECK_INT(json_member(&w, &key, &value), 0);
	w = json_walk(SLICE("12"));
	CHECK_INT(json_item(&w, &value), 0);
	w = json_walk(SLICE_NONE);
	CHECK_INT(json_member(&w, &key, &value), 0);
}

TEST(what_is_known_is_passed_over)
{
	struct slice object = SLICE("{\"a\" : [1, ?] , \"b\" : \"x\", \"c\":3}"), key, value;
	struct json_walk w = json_walk(object);

	w.known = (struct slice){object.p + 7, 6}; /* it would be refused */
	CHECK(json_member(&w, &key, &value));
	CHECK_MEM(value.p, value.n, "[1, ?]");
	CHECK(json_member(&w, &key, &value));
	CHECK_MEM(value.p, value.n, "\"x\"");
	CHECK(json_member(&w, &key, &value));
	CHECK_MEM(value.p, value.n, "3");
	CHECK(!json_member(&w, &key, &value));
}

TEST(types)
{
	CHECK_INT(json_type(SLICE("null")), JSON_NULL);
	CHECK_INT(json_type(SLICE("true")), JSON_TRUE);
	CHECK_INT(json_type(SLICE("false")), JSON_FALSE);
	CHECK_INT(json_type(SLICE("-1")), JSON_NUMBER);
	CHECK_INT(json_type(SLICE("0")), JSON_NUMBER);
	CHECK_INT(json_type(SLICE("\"\"")), JSON_STRING);
	CHECK_INT(json_type(SLICE("[]")), JSON_ARRAY);
	CHECK_INT(json_type(SLICE("{}")), JSON_OBJECT);
}

TEST(text_without_escapes_is_not_copied)
{
	struct buf scratch = {0};
	struct slice s = SLICE("\"plain caf\xc3\xa9\""), text = json_text(s, &scratch);

	CHECK(text.p == s.p + 1);
	CHECK_INT(text.n, s.n - 2);
	CHECK_INT(scratch.len, 0);
	CHECK(scratch.data == NULL);
}

TEST(text_is_decoded)
{
	struct buf scratch = {0};
	struct slice text;

	text = json_text(SLICE("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), &scratch);
	CHECK_MEM(text.p, text.n, "\"\\/\b\f\n\r\t");
	text = json_text(SLICE("\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\\uDBFF\\udfff\\uFFff\""), &scratch);
	CHECK_MEM(text.p, text.n, "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf\xef\xbf\xbf");
	scratch.len = 3; /* what stands in scratch stays */
	text = json_text(SLICE("\"a\\u0000b\""), &scratch);
	CHECK_INT(text.n, 3);
	CHECK(text.n == 3 && memcmp(text.p, "a\0b", 3) == 0);
	CHECK(text.p == scratch.data + 3 && scratch.len == 6);
	text = json_key_text(SLICE("k\\u0065y"), &scratch);
	CHECK_MEM(text.p, text.n, "key");
	text = json_text(SLICE("\"\""), &scratch);
	CHECK(text.p != NULL && text.n == 0);
	buf_free(&scratch);
}

TEST(strings_come_back)
{
	static const char *const special[] = {"\n", "\"", "\\", "\x01", "\x1f", "\xf0\x9f\x98\x80", "\b", "/"};
	struct buf plain = {0}, json = {0}, scratch = {0};
	struct slice text, value;
	struct err e;

	for (size_t k = 0; k < sizeof(special) / sizeof(special[0]); k++)
		for (size_t before = 0; before < 70; before++)
			for (size_t behind = 0; behind < 70; behind += 3) {
				plain.len = json.len = scratch.len = 0;
				for (size_t i = 0; i < before; i++)
					buf_byte(&plain, (char)('a' + i % 26));
				buf_string(&plain, special[k]);
				for (size_t i = 0; i < behind; i++)
					buf_byte(&plain, (char)('A' + i % 26));
				buf_string(&plain, special[(k + behind) % 8]);
				json_add_string(&json, buf_as_slice(&plain));
				CHECK_INT(json_check(buf_as_slice(&json), &value, &e), 0);
				text = json_text(value, &scratch);
				CHECK(slice_equal(text, buf_as_slice(&plain)));
			}
	buf_free(&plain);
	buf_free(&json);
	buf_free(&scratch);
}

TEST(escaping_is_minimal)
{
	struct buf b = {0};

	json_add_string(&b, (struct slice){"\0\x01\b\t\n\v\f\r\x1f \"\\/\x7f\xc3\xa9", 16});
	CHECK_MEM(b.data, b.len,
	    "\"\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f \\\"\\\\/\x7f\xc3\xa9\"");
	b.len = 0;
	json_add_string(&b, SLICE_NONE);
	CHECK_MEM(b.data, b.len, "\"\"");
	b.len = 0;
	json_add_escaped(&b, SLICE("a\"b"));
	CHECK_MEM(b.data, b.len, "a\\\"b");
	buf_free(&b);
}

TEST(keys_are_joined)
{
	struct buf b = {0};

	buf_byte(&b, '{');
	json_add_key(&b, "a");
	buf_string(&b, "{}");
	json_add_key(&b, "b");
	buf_string(&b, "{");
	json_add_key(&b, "c");
	buf_string(&b, "1}}");
	CHECK_MEM(b.data, b.len, "{\"a\":{},\"b\":{\"c\":1}}");
	buf_free(&b);
}

TEST(names_are_compared_by_their_text)
{
	CHECK(json_key_is(SLICE("id"), "id"));
	CHECK(json_key_is(SLICE("\\u0069d"), "id"));
	CHECK(json_key_is(SLICE("i\\u0064"), "id"));
	CHECK(json_key_is(SLICE(""), ""));
	CHECK(!json_key_is(SLICE("id"), "ids"));
	CHECK(!json_key_is(SLICE("ids"), "id"));
	CHECK(!json_key_is(SLICE("\\n"), "\\n"));
	CHECK(json_key_is(SLICE("\\\\n"), "\\n"));
	CHECK(!json_key_is(SLICE("a\\u0000b"), "a"));
	CHECK(!json_key_is(SLICE("i\\u0064x"), "id"));
	CHECK(json_string_is(SLICE("\"a\\/b\""), "a/b"));
	CHECK(json_string_is(SLICE("\"\""), ""));
	CHECK(!json_string_is(SLICE("\"1\""), "12"));
	CHECK(!json_string_is(SLICE("1"), "1"));
	CHECK(!json_string_is(SLICE("[1]"), "1"));
	CHECK(json_string_is(SLICE("\"\\ud83d\\ude00\""), "\xf0\x9f\x98\x80"));
}

TEST(members_are_found)
{
	struct slice object = SLICE("{\"a\":1,\"b\":{\"a\":2},\"\\u0063\":\"x\",\"a\":3,\"n\\u0000\":4}");
	struct slice v = json_get(object, "a");

	CHECK_MEM(v.p, v.n, "1");
	v = json_get(object, "b");
	CHECK_MEM(v.p, v.n, "{\"a\":2}");
	v = json_get(object, "c");
	CHECK_MEM(v.p, v.n, "\"x\"");
	v = json_get_n(object, (struct slice){"n\0", 2});
	CHECK_MEM(v.p, v.n, "4");
	CHECK(json_get(object, "d").p == NULL);
	CHECK(json_get(SLICE("[1]"), "a").p == NULL);
	CHECK(json_get(SLICE("{}"), "").p == NULL);
}

static const struct {
	const char *a, *b;
	int equal;
} pairs[] = {
	{"1", "1.0", 1}, {"100", "1e2", 1}, {"0", "-0.0", 1}, {"0.1", "1e-1", 1}, {"1", "2", 0}, {"1", "-1", 0},
	{"9007199254740993", "9007199254740992", 0}, {"1e400", "1e401", 0}, {"1e400", "10e399", 1},
	{"1", "\"1\"", 0}, {"true", "true", 1}, {"true", "false", 0}, {"null", "null", 1}, {"null", "false", 0},
	{"\"a\"", "\"\\u0061\"", 1}, {"\"\\u0061b\"", "\"a\\u0062\"", 1}, {"\"a\"", "\"b\"", 0}, {"\"\"", "\"\"", 1},
	{"[]", "[ ]", 1}, {"[1,2]", "[ 1.0 , 2 ]", 1}, {"[1,2]", "[2,1]", 0}, {"[1]", "[1,2]", 0}, {"[1,2]", "[1]", 0},
	{"{}", "{ }", 1}, {"{\"a\":1,\"b\":[2]}", "{\"b\":[2],\"\\u0061\":1}", 1}, {"{\"a\":1}", "{\"a\":2}", 0},
	{"{\"a\":1}", "{\"a\":1,\"b\":2}", 0}, {"{\"a\":1,\"a\":1}", "{\"a\":1,\"b\":1}", 0}, {"{}", "[]", 0},
	{"{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":2}", 1}, {"{\"a\":1,\"a\":2}", "{\"a\":2,\"a\":1}", 0},
	{"{\"a\":{\"x\":[{\"y\":null}]}}", "{ \"a\" : { \"x\" : [ { \"y\" : null } ] } }", 1},
};

TEST(values_are_compared)
{
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		int ab = json_equal(slice_of(pairs[i].a), slice_of(pairs[i].b));
		int ba = json_equal(slice_of(pairs[i].b), slice_of(pairs[i].a));
		if (ab != pairs[i].equal || ba != pairs[i].equal)
			printf("# %s and %s\n", pairs[i].a, pairs[i].b);
		CHECK_INT(ab, pairs[i].equal);
		CHECK_INT(ba, pairs[i].equal);
	}
}

TEST(large_objects_are_compared_fast)
{
	enum { COUNT = 100000 };
	struct buf a = {0}, b = {0};

	buf_byte(&a, '{');
	buf_byte(&b, '{');
	for (int i = 0; i < COUNT; i++) {
		buf_format(&a, "%s\"k%d\":%d", i ? "," : "", i, i);
		buf_format(&b, "%s\"k%d\":%d.0", i ? "," : "", COUNT - 1 - i, COUNT - 1 - i);
	}
	buf_byte(&a, '}');
	buf_byte(&b, '}');
	CHECK(json_equal(buf_as_slice(&a), buf_as_slice(&b)));
	buf_free(&a);
	buf_free(&b);
}

/* One changed byte at a time: both ways in agree, and what is valid can be walked. */
TEST(both_scans_agree_on_damage)
{
	static const char text[] = "{\"id\":\"a\\u00e9\\n\",\"v\":[0.5,-1e-3,7],\"m\":{\"t\":true,\"n\":null},\"e\":\"\xe2\x82\xac\"}";
	static const char bytes[] = "\"\\{}[]:,0-.eu \n\x01\x80\xff" "a";
	char copy[sizeof(text)];
	struct slice s = {copy, sizeof(text) - 1}, value, key, item;
	struct err e;

	for (size_t i = 0; i < s.n; i++)
		for (size_t k = 0; k < sizeof(bytes) - 1; k++) {
			int members = 0, walked = 0, checked, scanned;
			memcpy(copy, text, sizeof(text));
			copy[i] = bytes[k];
			checked = json_check(s, &value, &e);
			scanned = json_scan_object(s, ignore_member, &members, &e);
			CHECK(scanned == 0 ? checked == 0 : checked != 0 || json_type(value) != JSON_OBJECT);
			if (scanned != 0)
				continue;
			struct json_walk w = json_walk(value);
			while (json_member(&w, &key, &item))
				walked++;
			CHECK_INT(walked, members);
			CHECK(json_equal(value, value));
		}
}

int
main(void)
{
	return test_run();
}

/* fuzz_json: what is accepted and what is refused, and the text of what is
 * accepted, against jansson. A libFuzzer target. */

/* Both libraries have these names: jansson's go by others in this file. */
#define json_type jansson_type
#define json_equal jansson_equal
#define JSON_OBJECT JANSSON_OBJECT
#define JSON_ARRAY JANSSON_ARRAY
#define JSON_STRING JANSSON_STRING
#define JSON_TRUE JANSSON_TRUE
#define JSON_FALSE JANSSON_FALSE
#define JSON_NULL JANSSON_NULL
#include <jansson.h>
#undef json_type
#undef json_equal
#undef JSON_OBJECT
#undef JSON_ARRAY
#undef JSON_STRING
#undef JSON_TRUE
#undef JSON_FALSE
#undef JSON_NULL

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The deepest nesting of brackets outside strings, whatever else is wrong. */
static size_t
depth_of(const char *p, size_t n)
{
	size_t depth = 0, deepest = 0;
	int quoted = 0;

	for (size_t i = 0; i < n; i++) {
		if (quoted) {
			if (p[i] == '\\')
				i++;
			else
				quoted = p[i] != '"';
		} else if (p[i] == '"') {
			quoted = 1;
		} else if (p[i] == '[' || p[i] == '{') {
			deepest = ++depth > deepest ? depth : deepest;
		} else if ((p[i] == ']' || p[i] == '}') && depth) {
			depth--;
		}
	}
	return deepest;
}

/* Refused by jansson alone: numbers beyond long long or double, and keys that
 * hold U+0000. */
static int
jansson_is_narrower(const json_error_t *e)
{
	return strstr(e->text, "too big") != NULL || strstr(e->text, "overflow") != NULL ||
	    strstr(e->text, "NUL byte in object key") != NULL;
}

static void
expect(int ok)
{
	if (!ok)
		abort();
}

static void compare(struct slice value, const json_t *j);

static void
compare_string(struct slice value, const json_t *j)
{
	struct buf text = {0}, again = {0}, twice = {0};
	struct slice s = json_text(value, &text), plain, checked;

	expect(s.n == json_string_length(j) && (s.n == 0 || memcmp(s.p, json_string_value(j), s.n) == 0));
	json_add_string(&again, s);
	expect(json_check(buf_as_slice(&again), &checked, NULL) == 0);
	plain = json_text(checked, &twice);
	expect(slice_equal(plain, s));
	expect(json_equal(checked, value));
	if (memchr(s.p, 0, s.n) == NULL)
		expect(json_string_is(value, json_string_value(j)));
	buf_free(&text);
	buf_free(&again);
	buf_free(&twice);
}

static void
compare_number(struct slice value, const json_t *j)
{
	double d = num_json_double(value);
	float f = num_json_float(value);
	int64_t i;

	if (json_typeof(j) == JSON_INTEGER) {
		expect(num_json_int(value, &i) && i == json_integer_value(j));
		expect(d == (double)json_integer_value(j) && f == (float)json_integer_value(j));
	} else {
		char *copy = mem_bytes(value.p, value.n);
		expect(d == json_real_value(j));
		expect(f == strtof(copy, NULL));
		expect(!num_json_int(value, &i) || (double)i == d);
		free(copy);
	}
}

static size_t
members_in(struct slice object)
{
	struct json_walk w = json_walk(object);
	struct slice key, value;
	size_t n = 0;

	while (json_member(&w, &key, &value))
		n++;
	return n;
}

static void
compare_object(struct slice value, const json_t *j)
{
	struct json_walk w = json_walk(value);
	struct slice key, member, first;
	struct buf text = {0};
	size_t members = members_in(value), names = json_object_size(j);

	expect(members >= names && (members > 0) == (names > 0));
	while (json_member(&w, &key, &member)) {
		struct slice name = json_key_text(key, &text);
		const json_t *found = json_object_getn(j, name.p, name.n);
		expect(found != NULL);
		first = json_get_n(value, name);
		expect(first.p != NULL && first.p <= member.p);
		/* Of members with one name jansson keeps the last. */
		if (members == names)
			compare(member, found);
		text.len = 0;
	}
	buf_free(&text);
}

static void
compare(struct slice value, const json_t *j)
{
	struct json_walk w;
	struct slice item;
	size_t i = 0;

	switch (json_type(value)) {
	case JSON_OBJECT:
		expect(json_typeof(j) == JANSSON_OBJECT);
		compare_object(value, j);
		break;
	case JSON_ARRAY:
		expect(json_typeof(j) == JANSSON_ARRAY);
		for (w = json_walk(value); json_item(&w, &item); i++)
			compare(item, json_array_get(j, i));
		expect(i == json_array_size(j));
		break;
	case JSON_STRING:
		expect(json_typeof(j) == JANSSON_STRING);
		compare_string(value, j);
		break;
	case JSON_NUMBER:
		expect(json_typeof(j) == JSON_INTEGER || json_typeof(j) == JSON_REAL);
		compare_number(value, j);
		break;
	default:
		expect(json_type(value) == (json_typeof(j) == JANSSON_TRUE ? JSON_TRUE :
		    json_typeof(j) == JANSSON_FALSE ? JSON_FALSE : JSON_NULL));
	}
}

static int
count_member(void *arg, struct slice key, struct slice value, struct err *e)
{
	struct slice again;

	(void)key;
	++*(size_t *)arg;
	return json_check(value, &again, e);
}

/* The scan of objects says the same as the check, and finds the same members. */
static void
compare_scans(struct slice text, int checked, struct slice value)
{
	size_t scanned = 0;
	int code = json_scan_object(text, count_member, &scanned, NULL);

	expect((code == 0) == (checked == 0 && json_type(value) == JSON_OBJECT));
	if (code == 0)
		expect(members_in(value) == scanned);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of its own size, so that a read past its end is seen. */
	char *copy = mem_alloc(size);
	struct slice text = {copy, size}, value = SLICE_NONE;
	struct err err;
	json_error_t why;
	json_t *j;
	int code;

	if (size)
		memcpy(copy, data, size);
	code = json_check(text, &value, &err);
	compare_scans(text, code, value);
	j = json_loadb(copy, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
	if (j != NULL && code == 0) {
		compare(value, j);
		if (size < 4096)
			expect(json_equal(value, value));
	} else if (j != NULL) {
		/* It has another limit of depth, and passes over a NUL behind a number. */
		expect(depth_of(copy, size) > JSON_DEPTH || memchr(copy, 0, size) != NULL);
	} else if (code == 0) {
		expect(jansson_is_narrower(&why));
	}
	json_decref(j);
	free(copy);
	return 0;
}

#include "embed/unicode.h"

#include <ctype.h>
#include <stdlib.h>

#include <jansson.h>
#include <utf8proc.h>

enum { HANGUL_FIRST = 0xac00, HANGUL_LAST = 0xd7a3 };

static uint32_t
code_of(enum model_code kind, uint32_t value)
{
	return value << MODEL_CODE_BITS | (uint32_t)kind;
}

/* What code point c becomes: n items as in the pool. */
static void
set_code(struct unicode *u, uint32_t c, const uint32_t *items, uint32_t n)
{
	uint32_t value = n ? items[0] >> MODEL_CODE_BITS : 0;
	enum model_code kind = n ? (enum model_code)(items[0] & ((1 << MODEL_CODE_BITS) - 1)) : MODEL_DELETE;

	if (n == 0)
		u->codes[c] = MODEL_DELETE;
	else if (n == 1 && (kind == MODEL_SPACE || value == c))
		u->codes[c] = kind;
	else if (n == 1 && kind == MODEL_SELF)
		u->codes[c] = code_of(MODEL_TO, value);
	else {
		u->codes[c] = code_of(MODEL_SEQ, (uint32_t)u->pool_count);
		mem_grow(&u->pool, &u->pool_room, u->pool_count + n + 1, sizeof(*u->pool));
		u->pool[u->pool_count++] = n;
		memcpy(u->pool + u->pool_count, items, n * sizeof(*items));
		u->pool_count += n;
	}
}

static void
start(struct unicode *u)
{
	*u = (struct unicode){.codes = mem_alloc(UNICODE_COUNT * sizeof(*u->codes))};
	for (uint32_t c = 0; c < UNICODE_COUNT; c++)
		u->codes[c] = MODEL_SELF;
}

/* --- from the properties of characters --------------------------------------- */

static int /* White_Space, PropList.txt */
is_space(uint32_t c)
{
	return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
	    (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
	    c == 0x205f || c == 0x3000;
}

static int /* what clean_text removes; unassigned characters stay */
is_removed(uint32_t c)
{
	utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);

	if (c == '\t' || c == '\n' || c == '\r')
		return 0;
	return c == 0 || c == 0xfffd || k == UTF8PROC_CATEGORY_CC || k == UTF8PROC_CATEGORY_CF ||
	    k == UTF8PROC_CATEGORY_CO;
}

static int
is_mark(uint32_t c)
{
	utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);

	if (c < 0x80)
		return ispunct((int)c) != 0;
	return k == UTF8PROC_CATEGORY_PC || k == UTF8PROC_CATEGORY_PD || k == UTF8PROC_CATEGORY_PS ||
	    k == UTF8PROC_CATEGORY_PE || k == UTF8PROC_CATEGORY_PI || k == UTF8PROC_CATEGORY_PF ||
	    k == UTF8PROC_CATEGORY_PO;
}

/* The blocks of ideographs that the reference knows (to U+2B920, where BERT's
 * own list ends at U+2B820). */
static int
is_ideograph(uint32_t c)
{
	static const uint32_t ranges[][2] = {
		{0x4e00, 0x9fff}, {0x3400, 0x4dbf}, {0x20000, 0x2a6df}, {0x2a700, 0x2b73f},
		{0x2b740, 0x2b81f}, {0x2b920, 0x2ceaf}, {0xf900, 0xfaff}, {0x2f800, 0x2fa1f}
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if (c >= ranges[i][0] && c <= ranges[i][1])
			return 1;
	}
	return 0;
}

static int /* NFD without Mn, or the character itself: how many, in out */
decompose(uint32_t c, int strip, uint32_t out[MODEL_POOL_MOST])
{
	utf8proc_int32_t parts[MODEL_POOL_MOST];
	int boundary = 0, n = 0;
	utf8proc_ssize_t count;

	out[0] = c;
	if (!strip)
		return 1;
	count = utf8proc_decompose_char((utf8proc_int32_t)c, parts, MODEL_POOL_MOST,
	    UTF8PROC_DECOMPOSE, &boundary);
	if (count < 0 || count > MODEL_POOL_MOST)
		return 1;
	for (utf8proc_ssize_t i = 0; i < count; i++) {
		if (utf8proc_category(parts[i]) != UTF8PROC_CATEGORY_MN)
			out[n++] = (uint32_t)parts[i];
	}
	return n;
}

static uint32_t
item_of(uint32_t c, int alone)
{
	if (is_space(c))
		return code_of(MODEL_SPACE, ' ');
	return code_of(alone || is_mark(c) ? MODEL_ALONE : MODEL_SELF, c);
}

static void
derive_one(struct unicode *u, const struct unicode_rules *rules, uint32_t c)
{
	uint32_t parts[MODEL_POOL_MOST], items[MODEL_POOL_MOST];
	int alone = rules->pad && is_ideograph(c), n, used = 0;

	if (rules->clean && is_removed(c)) {
		u->codes[c] = MODEL_DELETE;
		return;
	}
	if (rules->strip && c >= HANGUL_FIRST && c <= HANGUL_LAST) {
		u->codes[c] = MODEL_HANGUL;
		return;
	}
	n = decompose(c, rules->strip, parts);
	for (int i = 0; i < n; i++) {
		uint32_t part = parts[i];
		if (rules->lower)
			part = (uint32_t)utf8proc_tolower((utf8proc_int32_t)part);
		items[used++] = item_of(part, alone);
		/* The one character whose small form is two. */
		if (rules->lower && parts[i] == 0x130 && used < MODEL_POOL_MOST) {
			items[used - 1] = item_of('i', alone);
			items[used++] = item_of(0x307, alone);
		}
	}
	set_code(u, c, items, (uint32_t)used);
}

void
unicode_derive(struct unicode *u, const struct unicode_rules *rules)
{
	start(u);
	for (uint32_t c = 0; c < UNICODE_COUNT; c++) {
		if (c < 0xd800 || c > 0xdfff)
			derive_one(u, rules, c);
	}
}

/* --- from a table ------------------------------------------------------------- */

static int
bad_table(const char *what, struct err *e)
{
	return err_set(e, C1V_DATA, "the table of code points: `%s` is missing or wrong", what);
}

static int
is_point(const json_t *v)
{
	return json_is_integer(v) && json_integer_value(v) >= 0 && json_integer_value(v) < UNICODE_COUNT;
}

/* Every code point of the ranges named key becomes code. */
static int
read_ranges(struct unicode *u, const json_t *table, const char *key, uint32_t code, struct err *e)
{
	const json_t *ranges = json_object_get(table, key), *range;
	size_t i;

	if (!json_is_array(ranges))
		return bad_table(key, e);
	json_array_foreach(ranges, i, range) {
		const json_t *from = json_array_get(range, 0), *to = json_array_get(range, 1);

		if (!is_point(from) || !is_point(to))
			return bad_table(key, e);
		for (json_int_t c = json_integer_value(from); c <= json_integer_value(to); c++)
			u->codes[c] = code;
	}
	return 0;
}

/* What a code point in a replacement is: the replacement is done with, so a mark
 * stands for itself in u->codes. */
static uint32_t
item_by_table(const struct unicode *u, uint32_t c)
{
	if (c == ' ')
		return code_of(MODEL_SPACE, ' ');
	return code_of(u->codes[c] == MODEL_ALONE ? MODEL_ALONE : MODEL_SELF, c);
}

static int
read_map(struct unicode *u, const struct unicode *marks, const json_t *map, struct err *e)
{
	const char *key;
	json_t *list, *part;
	size_t i;

	json_object_foreach((json_t *)map, key, list) {
		uint32_t items[MODEL_POOL_MOST], n = 0;
		char *end;
		unsigned long c = strtoul(key, &end, 16);

		if (*end != '\0' || c >= UNICODE_COUNT || json_array_size(list) > MODEL_POOL_MOST)
			return bad_table("map", e);
		json_array_foreach(list, i, part) {
			if (!is_point(part))
				return bad_table("map", e);
			items[n++] = item_by_table(marks, (uint32_t)json_integer_value(part));
		}
		set_code(u, (uint32_t)c, items, n);
	}
	return json_is_object(map) ? 0 : bad_table("map", e);
}

static int
read_table(struct unicode *u, const json_t *table, struct err *e)
{
	struct unicode marks;
	int rc;

	/* Marks first: a replacement may hold some. */
	start(&marks);
	rc = read_ranges(&marks, table, "punct_ranges", MODEL_ALONE, e);
	if (rc == 0)
		memcpy(u->codes, marks.codes, UNICODE_COUNT * sizeof(*u->codes));
	for (uint32_t c = HANGUL_FIRST; c <= HANGUL_LAST; c++)
		u->codes[c] = MODEL_HANGUL;
	u->codes[' '] = MODEL_SPACE;
	if (rc == 0 &&
	    (rc = read_map(u, &marks, json_object_get(table, "map"), e)) == 0 &&
	    (rc = read_ranges(u, table, "cjk_padded_ranges", MODEL_ALONE, e)) == 0 &&
	    (rc = read_ranges(u, table, "to_space_ranges", MODEL_SPACE, e)) == 0)
		rc = read_ranges(u, table, "deleted_ranges", MODEL_DELETE, e);
	unicode_free(&marks);
	return rc;
}

int
unicode_read(struct unicode *u, struct slice text, struct err *e)
{
	json_error_t why;
	json_t *table = json_loadb(text.p, text.n, 0, &why);
	int rc;

	start(u);
	if (table == NULL)
		return err_set(e, C1V_DATA, "the table of code points: %s", why.text);
	rc = read_table(u, table, e);
	json_decref(table);
	return rc;
}

void
unicode_free(struct unicode *u)
{
	free(u->codes);
	free(u->pool);
	*u = (struct unicode){0};
}

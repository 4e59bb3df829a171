#include "test.h"

#include <stdlib.h>

#include "base/utf8.h"

TEST(code_points_come_back)
{
	char bytes[4];
	size_t n, len;

	for (uint32_t c = 0; c < 0x110000; c++) {
		if (c >= 0xd800 && c < 0xe000)
			continue;
		n = utf8_encode(bytes, c);
		if (utf8_decode(bytes, &len) != c || len != n || utf8_step(bytes, n) != n ||
		    utf8_step(bytes, n - 1) != 0 || utf8_valid(bytes, n) != n)
			CHECK_INT(c, -1);
	}
}

/* Validity by the table of Unicode (3-7), written out again as a check. */
static int
valid_by_table(const unsigned char *u, size_t n)
{
	static const unsigned char rows[][5] = {
		/* lead from, to, second from, to, length */
		{0x00, 0x7f, 0, 0, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
		{0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
		{0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const unsigned char *r = rows[i];
		if (u[0] < r[0] || u[0] > r[1])
			continue;
		if (n != r[4] || (n > 1 && (u[1] < r[2] || u[1] > r[3])))
			return 0;
		for (size_t k = 2; k < n; k++)
			if ((u[k] & 0xc0) != 0x80)
				return 0;
		return 1;
	}
	return 0;
}

/* All leads with all second bytes, and third and fourth bytes from both sides
 * of their borders, at each place in a block and over the end of it. */
TEST(validity_of_all_sequences)
{
	static const unsigned char ends[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xe1, 0xf1, 0xff};
	char text[64];
	size_t before = 0;

	for (unsigned lead = 0x80; lead < 0x100; lead++)
		for (unsigned second = 0; second < 0x100; second++)
			for (size_t k = 0; k < sizeof(ends); k++) {
				size_t n = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
				unsigned char seq[4] = {(unsigned char)lead, (unsigned char)second, ends[k], 0x9a};
				int good = valid_by_table(seq, n);
				before = (before + 1) % 40;
				memset(text, 'a', sizeof(text));
				memcpy(text + before, seq, n);
				if (utf8_valid(text, sizeof(text)) != (good ? sizeof(text) : before)) {
					printf("# %02x %02x %02x at %zu\n", lead, second, ends[k], before);
					CHECK(0);
					return;
				}
			}
}

TEST(validity_in_running_text)
{
	static const char *const pieces[] = {
		"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xe0\xa4\x85", "\xed\x95\x9c", "\xd0\x96",
		"plain ascii text of some length ", "\xf4\x8f\xbf\xbf", "\xef\xbf\xbd",
	};
	static const char *const broken[] = {
		"\x80", "\xc3", "\xe2\x82", "\xf0\x9f\x98", "\xe0\x80\x80", "\xed\xa0\x80", "\xc1\x81", "\xff",
		"\xf4\x90\x80\x80", "\xbf\xbf", "\xf0\x82\x82\xac",
	};
	unsigned long seed = 1;

	for (int round = 0; round < 20000; round++) {
		struct buf b = {0};
		size_t at = 0, points = 0, units = 0, count, bad;
		char *copy;

		seed = seed * 6364136223846793005UL + 1442695040888963407UL;
		count = seed >> 33 & 31;
		bad = seed >> 40 & 63;
		for (size_t i = 0; i < count; i++) {
			const char *s = pieces[(seed >> (i % 30)) % 10];
			if (i == bad) {
				at = b.len;
				s = broken[(seed >> 20) % 11];
			}
			points += strlen(s) < 5 ? 1 : strlen(s);
			units += strlen(s) < 4 ? 1 : strlen(s) == 4 ? 2 : strlen(s);
			buf_string(&b, s);
		}
		copy = malloc(b.len + 1); /* of its own, so that a sanitizer sees its end */
		if (b.len)
			memcpy(copy, b.data, b.len);
		if (bad < count) {
			CHECK_INT(utf8_valid(copy, b.len), at);
		} else {
			CHECK_INT(utf8_valid(copy, b.len), b.len);
			CHECK_INT(utf8_count(copy, b.len), points);
			CHECK_INT(utf8_units(copy, b.len), units);
		}
		free(copy);
		buf_free(&b);
	}
}

TEST(ascii_prefix)
{
	char text[100];

	for (size_t n = 0; n <= sizeof(text); n++)
		for (size_t at = 0; at <= n; at++) {
			memset(text, 'x', sizeof(text));
			if (at < sizeof(text))
				text[at] = (char)0xc3;
			CHECK_INT(utf8_ascii(text, n), at);
		}
	CHECK_INT(utf8_ascii(NULL, 0), 0);
	CHECK_INT(utf8_valid(NULL, 0), 0);
	CHECK_INT(utf8_count(NULL, 0), 0);
}

static const struct {
	const char *text, *shown;
} visible[] = {
	{"plain caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "plain caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
	{"a\nb\tc", "a b c"}, {"a\r\n\r\n\t\tb", "a b"}, {"a\rb", "a\\x0db"}, {"end\r", "end\\x0d"},
	{"\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"}, {"bell\x07", "bell\\x07"}, {"\x7f", "\\x7f"},
	{"\xc2\x9b" "31m", "\\u{009b}31m"}, {"\xc2\x80\xc2\x9f\xc2\xa0", "\\u{0080}\\u{009f}\xc2\xa0"},
	{"\xe2\x80\xae" "abc", "\\u{202e}abc"}, {"\xd8\x9c", "\\u{061c}"}, {"\xe2\x81\xa6\xe2\x81\xa9", "\\u{2066}\\u{2069}"},
	{"\xe2\x80\xa8", "\\u{2028}"}, {"\xff\xc3", "\\xff\\xc3"}, {"\xed\xa0\x80", "\\xed\\xa0\\x80"}, {"", ""},
};

TEST(made_harmless)
{
	struct buf b = {0};

	for (size_t i = 0; i < sizeof(visible) / sizeof(visible[0]); i++) {
		b.len = 0;
		utf8_add_visible(&b, slice_of(visible[i].text));
		CHECK_MEM(b.data, b.len, visible[i].shown);
	}
	b.len = 0;
	utf8_add_visible(&b, (struct slice){"a\0b", 3});
	CHECK_MEM(b.data, b.len, "a\\x00b");
	buf_free(&b);
}

static size_t
width(const char *s)
{
	return utf8_width(s, strlen(s));
}

TEST(display_width)
{
	CHECK_INT(width(""), 0);
	CHECK_INT(width("abc"), 3);
	CHECK_INT(width("caf\xc3\xa9"), 4);
	CHECK_INT(width("cafe\xcc\x81"), 4); /* a combining accent */
	CHECK_INT(width("\xe6\x97\xa5\xe6\x9c\xac"), 4); /* wide */
	CHECK_INT(width("\xf0\x9f\x98\x80"), 2);
	CHECK_INT(width("a\x01" "b"), 2);
	CHECK_INT(width("\xe2\x80\x8b"), 0);
}

int
main(void)
{
	return test_run();
}

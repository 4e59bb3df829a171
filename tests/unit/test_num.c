#include "test.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/num.h"

static uint64_t
next_random(uint64_t *state) /* splitmix64 */
{
	uint64_t z = *state += 0x9e3779b97f4a7c15U;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
	z = (z ^ z >> 27) * 0x94d049bb133111ebU;
	return z ^ z >> 31;
}

static float
float_of(uint32_t bits)
{
	float v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

static uint32_t
bits_of(float v)
{
	uint32_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

static int
same_double(double a, double b)
{
	return memcmp(&a, &b, sizeof(a)) == 0;
}

TEST(whole_numbers)
{
	struct err e;
	int64_t v = -1;

	CHECK_INT(num_int(SLICE("0"), 0, 10, &v, "--size", &e), 0);
	CHECK_INT(v, 0);
	CHECK_INT(num_int(SLICE("-7"), -10, 10, &v, "--size", &e), 0);
	CHECK_INT(v, -7);
	CHECK_INT(num_int(SLICE("9223372036854775807"), 0, INT64_MAX, &v, "x", &e), 0);
	CHECK(v == INT64_MAX);
	CHECK_INT(num_int(SLICE("-9223372036854775808"), INT64_MIN, 0, &v, "x", &e), 0);
	CHECK(v == INT64_MIN);
	CHECK_INT(num_int(SLICE("007"), 0, 10, &v, "x", &e), 0);
	CHECK_INT(v, 7);
	CHECK_INT(num_int(SLICE("11"), 0, 10, &v, "--size", &e), C1V_USAGE);
	CHECK_STR(e.text, "--size '11': not a whole number from 0 to 10");
	CHECK_INT(v, 7);
}

TEST(whole_numbers_refused)
{
	static const char *const bad[] = {
		"", "-", "+1", " 1", "1 ", "1.0", "1e3", "0x10", "--1", "a", "9223372036854775808",
		"-9223372036854775809", "99999999999999999999999", "1\n", "\xd9\xa1",
	};
	struct err e;
	int64_t v = 5;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_INT(num_int(slice_of(bad[i]), INT64_MIN, INT64_MAX, &v, "x", &e), C1V_USAGE);
	CHECK_INT(num_int(SLICE_NONE, 0, 1, &v, "x", &e), C1V_USAGE);
	CHECK_INT(v, 5);
}

TEST(sizes)
{
	struct err e;
	int64_t v = 0;

	CHECK_INT(num_size(SLICE("64"), 1, INT64_MAX, &v, "x", &e), 0);
	CHECK_INT(v, 64);
	CHECK_INT(num_size(SLICE("64k"), 1, INT64_MAX, &v, "x", &e), 0);
	CHECK_INT(v, 65536);
	CHECK_INT(num_size(SLICE("64M"), 1, INT64_MAX, &v, "x", &e), 0);
	CHECK_INT(v, 64 << 20);
	CHECK_INT(num_size(SLICE("3G"), 1, INT64_MAX, &v, "x", &e), 0);
	CHECK_INT(v, (int64_t)3 << 30);
	CHECK_INT(num_size(SLICE("9G"), 1, INT64_C(8) << 30, &v, "--max", &e), C1V_USAGE);
	CHECK_INT(num_size(SLICE("k"), 0, 100, &v, "x", &e), C1V_USAGE);
	CHECK_INT(num_size(SLICE(""), 0, 100, &v, "x", &e), C1V_USAGE);
	CHECK_INT(num_size(SLICE("1K"), 0, 10000, &v, "x", &e), C1V_USAGE);
	CHECK_INT(num_size(SLICE("1kk"), 0, INT64_MAX, &v, "x", &e), C1V_USAGE);
	CHECK_INT(num_size(SLICE("9223372036854775807G"), 0, INT64_MAX, &v, "x", &e), C1V_USAGE);
}

TEST(real_numbers)
{
	static const char *const bad[] = {
		"", "-", ".", "1.", "e5", "1e", "1e+", "nan", "inf", "Infinity", "0x1p3", " 1", "1 ", "1e999",
		"1,5", "1.5.2", "+1", "--1", "1e5.0",
	};
	struct err e;
	double v = 0;

	CHECK_INT(num_real(SLICE("0.7"), 0, 1, &v, "x", &e), 0);
	CHECK(same_double(v, 0.7));
	CHECK_INT(num_real(SLICE(".25"), 0, 1, &v, "x", &e), 0);
	CHECK(same_double(v, 0.25));
	CHECK_INT(num_real(SLICE("-1.5e-3"), -1, 1, &v, "x", &e), 0);
	CHECK(same_double(v, -1.5e-3));
	CHECK_INT(num_real(SLICE("2"), 0, 1, &v, "--weight", &e), C1V_USAGE);
	CHECK_STR(e.text, "--weight '2': not a number from 0 to 1");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_INT(num_real(slice_of(bad[i]), -INFINITY, INFINITY, &v, "x", &e), C1V_USAGE);
}

static const struct {
	const char *text;
	int is_int;
	int64_t value;
} ints[] = {
	{"0", 1, 0}, {"-0", 1, 0}, {"0.000", 1, 0}, {"0e99999999999", 1, 0}, {"-0.0e-5", 1, 0}, {"1.0", 1, 1},
	{"1e3", 1, 1000}, {"1E+3", 1, 1000}, {"1.5e1", 1, 15}, {"10e-1", 1, 1}, {"1200e-2", 1, 12},
	{"-12.340e2", 1, -1234}, {"0.0012e4", 1, 12}, {"100.00", 1, 100}, {"1000000000000000000000e-20", 1, 10},
	{"9007199254740993", 1, 9007199254740993}, {"9007199254740993.0", 1, 9007199254740993},
	{"9223372036854775807", 1, INT64_MAX}, {"-9223372036854775808", 1, INT64_MIN},
	{"922337203685477580.7e1", 1, INT64_MAX}, {"9223372036854775808", 0, 0}, {"-9223372036854775809", 0, 0},
	{"1e18", 1, 1000000000000000000}, {"1e19", 0, 0}, {"9e18", 1, 9000000000000000000}, {"1e400", 0, 0},
	{"1e99999999999999999999", 0, 0}, {"1e-99999999999999999999", 0, 0}, {"1.5", 0, 0}, {"1e-1", 0, 0},
	{"0.1", 0, 0}, {"12345e-4", 0, 0}, {"18446744073709551616", 0, 0}, {"99999999999999999999", 0, 0},
	{"9007199254740993.5", 0, 0}, {"0.000000000000000000000000000001e30", 1, 1}, {"99e17", 0, 0},
};

TEST(json_integers)
{
	for (size_t i = 0; i < sizeof(ints) / sizeof(ints[0]); i++) {
		int64_t v = 0;
		int is_int = num_json_int(slice_of(ints[i].text), &v);
		if (is_int != ints[i].is_int || v != ints[i].value)
			printf("# %s\n", ints[i].text);
		CHECK_INT(is_int, ints[i].is_int);
		CHECK_INT(v, ints[i].value);
	}
}

static const char *const hard[] = {
	"0", "-0", "0.0", "0e5", "1", "-1", "0.1", "16777217", "16777217.000000000000000000000000000001",
	"16777216.999999999999999999999999999999", "16777219", "3.4028235e38", "3.40282356e38", "3.4028236e38",
	"3.40282346638528859811704183484516925440e+38", "3.4028235677973366e38", "3.4028235677973367e38",
	"340282356779733661637539395458142568447.9", "340282356779733661637539395458142568448", "1e39", "-1e39",
	"1e400", "-1e999999999999", "1e-999999999999", "1.17549435e-38", "1.17549429e-38", "1.1754943e-38",
	"1.1754942106924411e-38", "1e-45", "7.006492321624085e-46", "7.006492321624086e-46", "7.1e-46", "7e-46",
	"0.7006492321624085354618647916449580656401309709382578858785341419448955413429303e-45",
	"1e-46", "2.2250738585072011e-308", "2.2250738585072014e-308", "4.9e-324", "2.5e-324", "2.4e-324",
	"1.7976931348623157e308", "1.7976931348623159e308", "9007199254740993", "9007199254740992.5",
	"9007199254740993.0000000000000000000000000000000001", "0.500000029802322387695312500000000000001",
	"0.5000000298023223876953125", "0.500000029802322387695312499999999999999", "1.00000005960464477539062500001",
	"1.000000059604644775390625", "8589973504", "8589973505", "1090544144181609348835077142190",
	"7.2057594037927933e16", "123456789012345678901234567890", "0.000000000000000000000000000000000000001",
	"0.00000000000000000000000000000000000000000000000000000000000000000000000000000001e80",
	"1000000000000000000000000000000000000000000000000000000000000000000000000000e-75", "1e23", "8.5e22",
	"100000000000000000000000", "4.35", "0.30000000000000004", "5e-324", "6.02214076e23", "1.5e-10", "9e9",
};

TEST(json_to_float_and_double)
{
	for (size_t i = 0; i < sizeof(hard) / sizeof(hard[0]); i++) {
		float f = num_json_float(slice_of(hard[i]));
		double d = num_json_double(slice_of(hard[i]));
		if (bits_of(f) != bits_of(strtof(hard[i], NULL)) || !same_double(d, strtod(hard[i], NULL)))
			printf("# %s\n", hard[i]);
		CHECK_INT(bits_of(f), bits_of(strtof(hard[i], NULL)));
		CHECK(same_double(d, strtod(hard[i], NULL)));
	}
}

/* Points half-way between two floats are exact in a double; written in full,
 * with a digit more, and cut short, they show every kind of wrong rounding. */
TEST(halves_are_rounded_right)
{
	uint64_t seed = 7;
	char text[1400];

	for (int i = 0; i < 20000; i++) {
		uint32_t bits = (uint32_t)next_random(&seed) % 0x7f7fffffU;
		double half = ((double)float_of(bits) + (double)float_of(bits + 1)) / 2;
		int n = snprintf(text, sizeof(text), "%.*e", i % 3 == 0 ? 16 : i % 3 == 1 ? 18 : 120, half);
		if (n < 0 || bits_of(num_json_float((struct slice){text, (size_t)n})) != bits_of(strtof(text, NULL))) {
			printf("# %s\n", text);
			CHECK(0);
			return;
		}
	}
}

TEST(random_texts_are_read_right)
{
	uint64_t seed = 3, r;
	char text[100];

	for (int i = 0; i < 300000; i++) {
		int n;
		r = next_random(&seed);
		switch (i % 4) {
		case 0:
			n = snprintf(text, sizeof(text), "0.0%0*llu", 1 + (int)(r >> 60), (unsigned long long)(r % 10000000000));
			break;
		case 1:
			n = snprintf(text, sizeof(text), "%llu.%llue%d", (unsigned long long)(r % 1000),
			    (unsigned long long)(r >> 20), (int)(r >> 50) % 90 - 50);
			break;
		case 2:
			n = snprintf(text, sizeof(text), "-%.17g", ldexp((double)(r >> 11), -60 - (int)(r % 60)));
			break;
		default:
			n = snprintf(text, sizeof(text), "%llu%llu", (unsigned long long)r, (unsigned long long)~r);
			break;
		}
		struct slice s = {text, (size_t)n};
		if (bits_of(num_json_float(s)) != bits_of(strtof(text, NULL)) ||
		    !same_double(num_json_double(s), strtod(text, NULL))) {
			printf("# %s\n", text);
			CHECK(0);
			return;
		}
	}
}

TEST(long_numbers_are_read)
{
	struct buf b = {0};

	buf_string(&b, "0.");
	for (int i = 0; i < 100000; i++)
		buf_byte(&b, '0');
	buf_string(&b, "123e100003");
	CHECK_INT(num_json_float(buf_as_slice(&b)), 123);
	CHECK(same_double(num_json_double(buf_as_slice(&b)), 123));
	b.len = 0;
	buf_byte(&b, '5');
	for (int i = 0; i < 100000; i++)
		buf_byte(&b, '0');
	buf_string(&b, "e-100000");
	CHECK_INT(num_json_float(buf_as_slice(&b)), 5);
	b.len = 0;
	buf_string(&b, "16777217."); /* half-way, and a digit very far behind tips it */
	for (int i = 0; i < 5000; i++)
		buf_byte(&b, '0');
	CHECK_INT(num_json_float(buf_as_slice(&b)), 16777216);
	buf_byte(&b, '1');
	CHECK_INT(num_json_float(buf_as_slice(&b)), 16777218);
	buf_free(&b);
}

TEST(json_numbers_are_compared)
{
	static const struct { const char *a, *b; int equal; } pairs[] = {
		{"1", "1", 1}, {"1", "1.000", 1}, {"1", "10e-1", 1}, {"0", "-0e7", 1}, {"1.10", "1.1", 1},
		{"123.456", "123456e-3", 1}, {"0.00120", "12e-4", 1}, {"1e5", "100000.0", 1}, {"1", "-1", 0},
		{"12", "1.2", 0}, {"1e400", "1e401", 0}, {"0.1", "0.10000000000000000000001", 0},
		{"12.3", "1.23", 0}, {"9007199254740993", "9007199254740992", 0}, {"10", "1", 0}, {"0", "1", 0},
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		CHECK_INT(num_json_equal(slice_of(pairs[i].a), slice_of(pairs[i].b)), pairs[i].equal);
		CHECK_INT(num_json_equal(slice_of(pairs[i].b), slice_of(pairs[i].a)), pairs[i].equal);
	}
}

static const struct {
	float v;
	const char *text;
} floats[] = {
	{0, "0"}, {-0.0F, "-0"}, {1, "1"}, {-1, "-1"}, {0.5F, "0.5"}, {0.1F, "0.1"}, {100, "100"}, {1.5F, "1.5"},
	{0.3F, "0.3"}, {16777216, "16777216"}, {123456792, "123456790"}, {1e9F, "1e9"}, {1e10F, "1e10"},
	{0.001F, "0.001"}, {0.0001F, "0.0001"}, {0.00001F, "1e-5"}, {-1.25e-7F, "-1.25e-7"}, {3.14159274F, "3.1415927"},
	{FLT_MAX, "3.4028235e38"}, {-FLT_MAX, "-3.4028235e38"}, {FLT_MIN, "1.1754944e-38"}, {1e-45F, "1e-45"},
	{FLT_EPSILON, "1.1920929e-7"}, {0.000123F, "0.000123"}, {12345.678F, "12345.678"}, {99999992, "99999990"},
	{1e23F, "1e23"}, {0.99999994F, "0.99999994"}, {8388608.5F, "8388608"}, {33554432, "33554432"},
};

TEST(floats_are_written)
{
	struct buf b = {0};

	for (size_t i = 0; i < sizeof(floats) / sizeof(floats[0]); i++) {
		b.len = 0;
		num_add_float(&b, floats[i].v);
		CHECK_MEM(b.data, b.len, floats[i].text);
	}
	buf_free(&b);
}

static int /* significant digits in a number as it is written */
digits_in(struct slice s)
{
	int n = 0, zeros = 0, point = 0;

	for (size_t i = 0; i < s.n && s.p[i] != 'e'; i++) {
		if (s.p[i] == '.')
			point = 1;
		if (s.p[i] < '0' || s.p[i] > '9' || (n == 0 && s.p[i] == '0'))
			continue;
		n++;
		zeros = s.p[i] == '0' ? zeros + 1 : 0;
	}
	return point ? n : n - zeros;
}

static int /* the digits that %.*g needs */
digits_needed(float v)
{
	char text[40];
	int n = 0;

	do {
		snprintf(text, sizeof(text), "%.*e", n++, (double)v);
	} while (strtof(text, NULL) != v);
	return n;
}

/* Text that reads back and, where it is looked at, is no longer than %g's. */
static void
check_float(struct buf *b, float v, int look)
{
	int needed = 0, n;

	b->len = 0;
	num_add_float(b, v);
	n = digits_in(buf_as_slice(b));
	if (look)
		needed = digits_needed(v);
	if (bits_of(strtof(buf_cstr(b), NULL)) == bits_of(v) && (!look || n <= needed) && n <= 9)
		return;
	printf("# %.9g is written %s (%d digits, %d needed)\n", (double)v, buf_cstr(b), n, needed);
	CHECK(0);
}

TEST(floats_of_every_exponent_come_back)
{
	struct buf b = {0};
	uint64_t seed = 11;

	for (uint32_t exponent = 0; exponent < 255; exponent++)
		for (uint32_t i = 0; i < 1200 && !test_failures; i++) {
			uint32_t mantissa = i < 8 ? i : i < 16 ? 0x800000 - (i - 7) : (uint32_t)next_random(&seed) & 0x7fffff;
			check_float(&b, float_of((i & 1) << 31 | exponent << 23 | mantissa), 1);
		}
	buf_free(&b);
}

TEST(a_million_floats_come_back)
{
	struct buf b = {0};
	uint64_t seed = 12;

	for (int i = 0; i < 1000000 && !test_failures; i++) {
		uint64_t r = next_random(&seed);
		float v = (float)((double)(int64_t)r * 0x1p-63 * (i % 2 ? 0.1 : 1)); /* as embeddings are */
		b.len = 0;
		num_add_float(&b, v);
		if (bits_of(num_json_float(buf_as_slice(&b))) != bits_of(v) || (i & 15) == 0)
			check_float(&b, v, 1);
	}
	buf_free(&b);
}

/* Decimals of few digits are written as they are. */
TEST(short_decimals_stay_short)
{
	struct buf b = {0};
	char text[40];

	for (int power = -20; power <= 20; power++)
		for (int digits = 1; digits < 100000 && !test_failures; digits += digits < 1000 ? 1 : 97) {
			snprintf(text, sizeof(text), "%de%d", digits, power);
			check_float(&b, strtof(text, NULL), 1);
			CHECK(num_json_equal(buf_as_slice(&b), slice_of(text)));
		}
	buf_free(&b);
}

static const struct {
	double v;
	const char *text;
} doubles[] = {
	{0, "0"}, {-0.0, "-0"}, {1, "1"}, {-42, "-42"}, {0.1, "0.1"}, {0.1 + 0.2, "0.30000000000000004"},
	{1e15, "1000000000000000"}, {1e17, "1e17"}, {123456789012345680.0, "1.2345678901234568e17"}, {1e-5, "1e-5"},
	{0.0001, "0.0001"}, {DBL_MAX, "1.7976931348623157e308"}, {DBL_MIN, "2.2250738585072014e-308"},
	{5e-324, "4.94065645841247e-324"}, {1.0 / 3, "0.3333333333333333"}, {2.5, "2.5"}, {1e100, "1e100"},
	{9007199254740993.0, "9007199254740992"}, {-1.5e-9, "-1.5e-9"}, {0.7, "0.7"},
};

TEST(doubles_are_written)
{
	struct buf b = {0};
	uint64_t seed = 5, r;
	double v;

	for (size_t i = 0; i < sizeof(doubles) / sizeof(doubles[0]); i++) {
		b.len = 0;
		num_add_double(&b, doubles[i].v);
		CHECK_MEM(b.data, b.len, doubles[i].text);
	}
	for (int i = 0; i < 20000; i++) {
		r = next_random(&seed);
		memcpy(&v, &r, sizeof(v));
		if (!isfinite(v))
			continue;
		b.len = 0;
		num_add_double(&b, v);
		CHECK(same_double(num_json_double(buf_as_slice(&b)), v));
	}
	buf_free(&b);
}

TEST(ints_are_written)
{
	static const struct { int64_t v; const char *text; } cases[] = {
		{0, "0"}, {7, "7"}, {-7, "-7"}, {10, "10"}, {INT64_MAX, "9223372036854775807"},
		{INT64_MIN, "-9223372036854775808"}, {1000000, "1000000"},
	};
	struct buf b = {0};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		b.len = 0;
		num_add_int(&b, cases[i].v);
		CHECK_MEM(b.data, b.len, cases[i].text);
	}
	buf_free(&b);
}

/* Around each power of ten, and each number of four digits with others before and
 * behind it. */
TEST(ints_of_every_length)
{
	struct buf b = {0};
	char text[32];

	for (int64_t power = 1; power <= INT64_MAX / 10; power *= 10)
		for (int64_t v = power - 2; v <= power + 2; v++) {
			b.len = 0;
			num_add_int(&b, v);
			snprintf(text, sizeof(text), "%lld", (long long)v);
			CHECK_MEM(b.data, b.len, text);
		}
	for (int64_t v = 0; v < 10000; v++) {
		b.len = 0;
		num_add_int(&b, v * 10000 + 9999 - v);
		buf_byte(&b, ' ');
		num_add_int(&b, v);
		snprintf(text, sizeof(text), "%lld %lld", (long long)(v * 10000 + 9999 - v), (long long)v);
		CHECK_MEM(b.data, b.len, text);
	}
	buf_free(&b);
}

/* The last test: what a locale with a decimal comma has to say. Where none is
 * installed, only the C locale is tried. */
TEST(no_locale_has_a_say)
{
	static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "C.UTF-8", "C"};
	struct buf b = {0};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (setlocale(LC_ALL, names[i]) != NULL)
			break;
	num_add_float(&b, 1.17549435e-38F);
	buf_byte(&b, ' ');
	num_add_float(&b, 8.40779079e-45F);
	buf_byte(&b, ' ');
	num_add_double(&b, 0.125);
	CHECK_MEM(b.data, b.len, "1.1754944e-38 8e-45 0.125");
	CHECK(num_json_float(SLICE("1.5e-42")) == 1.5e-42F);
	CHECK(num_json_double(SLICE("1.5000000000000000000000001")) == 1.5);
	setlocale(LC_ALL, "C");
	buf_free(&b);
}

int
main(void)
{
	return test_run();
}

/* Numbers to text. */
#include "base/num.h"

#include <endian.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num_power.h"

enum { PLAIN_LOW = -4 }; /* below this power of ten: with an exponent, as %g has it */

/* The eight digits of u < 10^8, the first in the lowest byte: halves, quarters and
 * digits are each divided at once (x * 10486 >> 20 is x / 100 below 10^4,
 * x * 103 >> 10 is x / 10 below 100). */
static inline uint64_t
eight_digits(uint64_t u)
{
	uint64_t two = u / 10000 | (u % 10000) << 32;
	uint64_t high = two * 10486 >> 20 & 0x0000007f0000007fu;
	uint64_t four = high | (two - high * 100) << 16;
	uint64_t tens = four * 103 >> 10 & 0x000f000f000f000fu;

	return tens | (four - tens * 10) << 8;
}

/* Without a loop: how many digits there are is different each time. */
static inline void
add_small(struct buf *b, uint64_t u)
{
	uint64_t digits = eight_digits(u), text;
	unsigned zeros = u ? (unsigned)__builtin_ctzll(digits) / 8 : 7;

	text = htole64((digits | 0x3030303030303030u) >> 8 * zeros);
	memcpy(buf_reserve(b, sizeof(text)), &text, sizeof(text));
	b->len += sizeof(text) - zeros;
}

void
num_add_int(struct buf *b, int64_t v)
{
	char text[24], *p = text + sizeof(text);
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	if (v >= 0 && u < 100000000) {
		add_small(b, u);
		return;
	}
	do {
		*--p = (char)('0' + u % 10);
		u /= 10;
	} while (u);
	if (v < 0)
		*--p = '-';
	buf_add(b, p, (size_t)(text + sizeof(text) - p));
}

static size_t /* write an exponent of at most three digits */
put_exponent(char *out, int x)
{
	size_t n = 0;

	out[n++] = 'e';
	if (x < 0) {
		out[n++] = '-';
		x = -x;
	}
	if (x >= 100)
		out[n++] = (char)('0' + x / 100);
	if (x >= 10)
		out[n++] = (char)('0' + x / 10 % 10);
	out[n++] = (char)('0' + x % 10);
	return n;
}

/* Append d.ddd * 10^x of n digits (the last not 0, unless it is the only one);
 * from 10^high on with an exponent. */
static void
add_decimal(struct buf *b, int negative, const char *digits, int n, int x, int high)
{
	char *first = buf_reserve(b, 64), *out = first;

	if (negative)
		*out++ = '-';
	if (x < PLAIN_LOW || x >= high) {
		*out++ = digits[0];
		if (n > 1) {
			*out++ = '.';
			memcpy(out, digits + 1, (size_t)n - 1);
			out += n - 1;
		}
		out += put_exponent(out, x);
	} else if (x < 0) {
		memcpy(out, "0.000", 5);
		out += 1 - x;
		memcpy(out, digits, (size_t)n);
		out += n;
	} else if (n <= x + 1) {
		memset(out, '0', (size_t)x + 1);
		memcpy(out, digits, (size_t)n);
		out += x + 1;
	} else {
		memcpy(out, digits, (size_t)x + 1);
		out += x + 1;
		*out++ = '.';
		memcpy(out, digits + x + 1, (size_t)(n - x - 1));
		out += n - x - 1;
	}
	b->len += (size_t)(out - first);
}

/* The digits of %.*e, whatever the locale takes for a point, and its exponent. */
static int
split_exponent(const char *text, char *digits, int *x)
{
	int n = 0;

	for (; *text != 'e'; text++)
		if (*text >= '0' && *text <= '9')
			digits[n++] = *text;
	*x = atoi(text + 1);
	while (n > 1 && digits[n - 1] == '0')
		n--;
	return n;
}

static void
add_float_slowly(struct buf *b, float v)
{
	char text[40], digits[40];
	int n, x;

	for (n = 0; n < FLT_DECIMAL_DIG - 1; n++) {
		snprintf(text, sizeof(text), "%.*e", n, (double)v);
		if (strtof(text, NULL) == v)
			break;
	}
	if (n == FLT_DECIMAL_DIG - 1)
		snprintf(text, sizeof(text), "%.*e", n, (double)v);
	n = split_exponent(text, digits, &x);
	add_decimal(b, signbit(v) != 0, digits, n, x, FLT_DECIMAL_DIG);
}

void
num_add_double(struct buf *b, double v)
{
	char text[40], digits[40];
	int n, x;

	if (v > -1e15 && v < 1e15 && (double)(int64_t)v == v && (v != 0 || !signbit(v))) {
		num_add_int(b, (int64_t)v);
		return;
	}
	for (n = DBL_DIG; n < DBL_DECIMAL_DIG; n++) {
		snprintf(text, sizeof(text), "%.*e", n - 1, v);
		if (strtod(text, NULL) == v)
			break;
	}
	if (n == DBL_DECIMAL_DIG)
		snprintf(text, sizeof(text), "%.*e", n - 1, v);
	n = split_exponent(text, digits, &x);
	add_decimal(b, signbit(v) != 0, digits, n, x, DBL_DECIMAL_DIG);
}

/* v > 0 is scaled to nine digits before the point: p, with an error below 2^-21
 * (roundings to 2^-53 of less than 2^30). Every decimal nearer to p than half
 * the gap to the next float, h, reads back as v. h is at least 2.9, so that
 * nine digits always do. Decisions nearer to a border than UNSURE are left to
 * the slow way. */
struct scaled {
	double p, h;
	int x; /* the power of ten of p's first digit */
	int power_of_two;
};

static const double UNSURE = 0x1p-18;

static struct scaled
scale(float v)
{
	union { float f; uint32_t u; } bits = {.f = v};
	union { double d; uint64_t u; } half;
	int two = (int)(bits.u >> 23) - 127, over;
	struct scaled s;

	/* log10(2) is 1233 / 4096 but for 6e-6. */
	s.x = (two * 1233) >> 12;
	over = (double)v * num_power(8 - s.x) >= 1e9;
	s.x += over;
	s.p = (double)v * num_power(8 - s.x);
	half.u = (uint64_t)(two - 24 + 1023) << 52;
	s.h = half.d * num_power(8 - s.x);
	s.power_of_two = (bits.u & 0x7fffff) == 0;
	return s;
}

/* The multiple of unit that is nearest to p, when it is nearer than h: 1; 0
 * when it is not, -1 when undecided. */
static inline int
try_multiple(double p, double h, uint32_t unit, uint32_t *digits)
{
	uint32_t whole = (uint32_t)p, base = whole - whole % unit;
	double above = p - (double)base, below = (double)unit - above;
	double away = above < below ? above : below;

	*digits = above < below ? base : base + unit;
	if (fabs(above - below) < UNSURE || fabs(away - h) < UNSURE)
		return -1;
	return away < h;
}

/* At most six digits (no two such decimals are read as one float), or seven. */
static uint32_t
few_digits(const struct scaled *s)
{
	uint32_t digits;
	int hit = try_multiple(s->p, s->h, 1000, &digits);

	if (hit == 0)
		hit = try_multiple(s->p, s->h, 100, &digits);
	return hit > 0 ? digits : 0;
}

/* p to as many digits as are needed, zeros behind them; 0 when undecided. */
static uint32_t
needed_digits(const struct scaled *s)
{
	uint32_t seven, eight, nine;
	int hit;

	/* A power of two has a nearer neighbour below than above. */
	if (s->power_of_two)
		return try_multiple(s->p, s->h / 2, 1000, &nine) > 0 ? nine : 0;
	if (try_multiple(s->p, s->h, 100, &seven) != 0)
		return few_digits(s);
	hit = try_multiple(s->p, s->h, 10, &eight);
	if (hit < 0 || try_multiple(s->p, s->h, 1, &nine) < 0)
		return 0;
	return hit ? eight : nine;
}

/* Write u < 10^9 as nine digits into out (room for 16) and return how many of
 * them are left without the zeros at the end, at least 1. The last eight are
 * split by halves, all parts at once in one word: 4 + 4, 2 + 2 + 2 + 2, ones. */
static int
put_nine(char *out, uint32_t u)
{
	uint32_t last = u % 100000000;
	uint64_t x = last / 10000 | (uint64_t)(last % 10000) << 32, q;

	q = ((x * 10486) >> 20) & 0x0000007f0000007fU; /* by 100 */
	x = q | (x - q * 100) << 16;
	q = ((x * 103) >> 10) & 0x000f000f000f000fU; /* by 10 */
	x = q | (x - q * 10) << 8;
	out[0] = (char)('0' + u / 100000000);
	q = htole64(x | 0x3030303030303030U); /* the first digit is the lowest byte */
	memcpy(out + 1, &q, sizeof(q));
	return x ? 9 - __builtin_clzll(x) / 8 : 1;
}

void
num_add_float(struct buf *b, float v)
{
	struct scaled s;
	char digits[16] = {0}, *out;
	uint32_t u = 0;
	int n, negative = v < 0;

	if (v == 0) {
		buf_string(b, signbit(v) ? "-0" : "0");
		return;
	}
	if (FLT_EVAL_METHOD == 0 && fabsf(v) >= FLT_MIN) {
		s = scale(fabsf(v));
		u = needed_digits(&s);
	}
	if (u == 0) {
		add_float_slowly(b, v);
		return;
	}
	if (u >= 1000000000) {
		u /= 10;
		s.x++;
	}
	n = put_nine(digits, u);
	if (s.x < PLAIN_LOW || s.x >= 0) {
		add_decimal(b, negative, digits, n, s.x, FLT_DECIMAL_DIG);
		return;
	}
	/* As add_decimal does, but with no branch on signs and lengths, which
	 * are not to be guessed: components of vectors are of this form. */
	out = buf_reserve(b, 32);
	*out = '-';
	memcpy(out + negative, "0.000000", 8);
	memcpy(out + negative + 1 - s.x, digits, sizeof(digits));
	b->len += (size_t)(negative + 1 - s.x + n);
}

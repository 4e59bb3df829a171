/* Numbers of JSON, whose grammar has been checked. */
#include "base/num.h"

#include <endian.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/num_power.h"

enum {
	KEPT = 19,          /* digits that fit uint64_t */
	EXPONENT_MAX = 1000000000, /* where exponents are cut off: far beyond any type and any text */
	HALF_ERROR = 4      /* see num_json_float */
};

static const uint32_t HALF = 0x10000000; /* the bit behind a float's last, in a double */

/* digits * 10^exponent, digits as text without zeros at either end. */
struct decimal {
	int negative;
	const char *first, *last; /* the digits lie in [first, last), perhaps around a point */
	size_t count;             /* 0: the number is 0 */
	int64_t exponent;
};

/* The value of the exponent at p ("+12"), cut off at EXPONENT_MAX. */
static int64_t
read_exponent(const char *p, const char *end)
{
	int negative = p < end && *p == '-';
	int64_t v = 0;

	if (p < end && (*p == '-' || *p == '+'))
		p++;
	for (; p < end && v < EXPONENT_MAX; p++)
		v = v * 10 + (*p - '0');
	v = v < EXPONENT_MAX ? v : EXPONENT_MAX;
	return negative ? -v : v;
}

static struct decimal
read_decimal(struct slice s)
{
	struct decimal d = {0};
	const char *p = s.p, *end = s.p + s.n, *point = NULL, *stop;
	int64_t behind;

	d.negative = p < end && *p == '-';
	p += d.negative;
	for (stop = p; stop < end && (*stop | 0x20) != 'e'; stop++)
		if (*stop == '.')
			point = stop;
	while (p < stop && (*p == '0' || *p == '.'))
		p++;
	d.first = d.last = p;
	for (; p < stop; p++)
		if (*p != '0' && *p != '.')
			d.last = p + 1;
	if (d.first == d.last)
		return d;
	d.count = (size_t)(d.last - d.first) - (point != NULL && point > d.first && point < d.last);
	/* Digits between the last one and the point count as powers of ten. */
	if (point == NULL)
		behind = stop - d.last;
	else
		behind = point >= d.last ? point - d.last : point - d.last + 1;
	d.exponent = behind + (stop < end ? read_exponent(stop + 1, end) : 0);
	return d;
}

/* The number with no point and a bounded count of digits, for strtod(): no
 * locale has a say in that form. 770 digits decide every rounding of a double;
 * a 1 behind them stands for all that follow. */
struct plain {
	char text[800];
};

static const char *
plain_text(struct slice s, struct plain *out)
{
	struct decimal d = read_decimal(s);
	char *q = out->text;
	size_t kept = 0;

	if (d.negative)
		*q++ = '-';
	if (d.count == 0)
		*q++ = '0';
	for (const char *p = d.first; p < d.last && kept < 770; p++)
		if (*p != '.') {
			*q++ = *p;
			kept++;
		}
	if (kept < d.count) {
		*q++ = '1';
		d.exponent += (int64_t)(d.count - kept) - 1;
	}
	if (d.exponent > 99999)
		d.exponent = 99999;
	if (d.exponent < -99999)
		d.exponent = -99999;
	*q++ = 'e';
	if (d.exponent < 0) {
		*q++ = '-';
		d.exponent = -d.exponent;
	}
	for (int64_t unit = 10000; unit; unit /= 10)
		*q++ = (char)('0' + d.exponent / unit % 10);
	*q = '\0';
	return out->text;
}

static float
float_slowly(struct slice s)
{
	struct plain plain;

	return strtof(plain_text(s, &plain), NULL);
}

static double
double_slowly(struct slice s)
{
	struct plain plain;

	return strtod(plain_text(s, &plain), NULL);
}

/* The first KEPT significant digits as an integer, and its power of ten. */
struct digits {
	uint64_t value;
	int64_t exponent;
	int negative, cut; /* cut: there were more digits */
};

/* The number in the last n (1 to 8) of the eight characters at p; 0 when they
 * are not all digits. Sums of pairs, of fours and of eights, by multiplication. */
static int
eight_digits(const char *p, unsigned n, uint64_t *out)
{
	const uint64_t zeros = 0x3030303030303030U;
	uint64_t x, taken = ~(uint64_t)0 << (64 - 8 * n);

	memcpy(&x, p, sizeof(x));
	x = le64toh(x); /* the first digit is the lowest byte */
	x = (x & taken) | (zeros & ~taken);
	if (((x & 0xf0f0f0f0f0f0f0f0U) ^ zeros) | (((x + 0x0606060606060606U) & 0xf0f0f0f0f0f0f0f0U) ^ zeros))
		return 0;
	x -= zeros;
	x = (x * 10 + (x >> 8)) & 0x00ff00ff00ff00ffU;
	x = (x * 100 + (x >> 16)) & 0x0000ffff0000ffffU;
	*out = (x * 10000 + (x >> 32)) & 0xffffffffU;
	return 1;
}

/* The usual form of a component of a vector, D.DDDD with at most 19 digits
 * behind the point, without a loop over them. s has at least 9 bytes (so that
 * 8 can be loaded). 0 when the number has another form. */
static int
read_fraction(struct slice s, struct digits *d)
{
	static const unsigned scale[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
	const char *end = s.p + s.n, *p;
	uint64_t part;
	size_t n;

	d->negative = s.p[0] == '-';
	p = s.p + d->negative;
	if (p[1] != '.' || (n = (size_t)(end - p) - 2) > (*p == '0' ? 19 : 18))
		return 0;
	d->value = (uint64_t)(*p - '0');
	d->exponent = -(int64_t)n;
	d->cut = 0;
	for (p += 2; n > 8; n -= 8, p += 8) {
		if (!eight_digits(p, 8, &part))
			return 0;
		d->value = d->value * 100000000 + part;
	}
	if (!eight_digits(end - 8, (unsigned)n, &part))
		return 0;
	d->value = d->value * scale[n] + part;
	return 1;
}

static struct digits
read_digits(struct slice s)
{
	struct digits d = {0};
	const char *p = s.p, *end = s.p + s.n;
	int64_t point = 0; /* powers of ten that the digits not kept, or behind the point, make */
	int kept = 0, behind = 0;

	if (s.n >= 9 && read_fraction(s, &d))
		return d;
	d = (struct digits){.negative = p < end && *p == '-'};
	for (p += d.negative; p < end; p++) {
		unsigned c = (unsigned)(unsigned char)*p - '0';
		if (c > 9) {
			if (*p != '.')
				break;
			behind = 1;
		} else if (kept < KEPT) {
			d.value = d.value * 10 + c;
			kept += d.value != 0;
			point -= behind;
		} else {
			d.cut = 1;
			point += !behind;
		}
	}
	d.exponent = point + (p < end ? read_exponent(p + 1, end) : 0);
	return d;
}

/* The product below has three roundings to 2^-53 (the digits as a double, the
 * power, the product; a cut adds less than a tenth of one), so it is within
 * 4 units in the last place of the true value. Rounding it to float is then
 * right unless a point half-way between two floats lies that near. */
float
num_json_float(struct slice number)
{
	struct digits d = read_digits(number);
	union { double d; uint64_t u; } v;
	uint32_t low;

	if (d.value == 0)
		return d.negative ? -0.0F : 0.0F;
	if (FLT_EVAL_METHOD != 0 || d.exponent < -NUM_POWER_MAX || d.exponent > NUM_POWER_MAX)
		return float_slowly(number);
	v.d = (double)d.value * num_power((int)d.exponent);
	low = (uint32_t)v.u & (2 * HALF - 1);
	if (low - (HALF - HALF_ERROR) <= 2 * HALF_ERROR || v.d < (double)FLT_MIN || v.d > (double)FLT_MAX)
		return float_slowly(number);
	v.u |= (uint64_t)d.negative << 63;
	return (float)v.d;
}

/* Both operands exact: one rounding, so the result is the nearest (Clinger,
 * How to read floating point numbers accurately, 1990). */
double
num_json_double(struct slice number)
{
	struct digits d = read_digits(number);
	double v;

	if (d.value == 0)
		return d.negative ? -0.0 : 0.0;
	if (FLT_EVAL_METHOD != 0 || d.cut || d.value > (uint64_t)1 << 53 ||
	    d.exponent < -NUM_POWER_EXACT || d.exponent > NUM_POWER_EXACT)
		return double_slowly(number);
	v = (double)d.value;
	v = d.exponent < 0 ? v / num_power((int)-d.exponent) : v * num_power((int)d.exponent);
	return d.negative ? -v : v;
}

int
num_json_int(struct slice number, int64_t *out)
{
	struct decimal d = read_decimal(number);
	uint64_t v = 0, limit = (uint64_t)INT64_MAX + (uint64_t)d.negative;

	if (d.count && (d.exponent < 0 || d.exponent > 18 || d.count > KEPT))
		return 0;
	for (const char *p = d.first; p < d.last; p++)
		if (*p != '.')
			v = v * 10 + (uint64_t)(*p - '0');
	for (int64_t i = 0; i < d.exponent; i++) {
		if (v > limit / 10)
			return 0;
		v *= 10;
	}
	if (v > limit)
		return 0;
	*out = d.negative ? (int64_t)(0 - v) : (int64_t)v;
	return 1;
}

int
num_json_equal(struct slice a, struct slice b)
{
	struct decimal x = read_decimal(a), y = read_decimal(b);
	const char *p = x.first, *q = y.first;

	if (x.count != y.count)
		return 0;
	if (x.count == 0) /* -0 is 0 */
		return 1;
	if (x.negative != y.negative || x.exponent != y.exponent)
		return 0;
	for (size_t i = 0; i < x.count; i++) {
		p += *p == '.';
		q += *q == '.';
		if (*p++ != *q++)
			return 0;
	}
	return 1;
}

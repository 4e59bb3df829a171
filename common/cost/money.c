#include "cost/money.h"

#include <ctype.h>

static int
not_a_number(struct slice s, struct err *e)
{
	return err_set(e, C1V_DATA, "'%.*s' is not a decimal number that fits", s.n > 40 ? 40 : (int)s.n,
	    s.p ? s.p : "");
}

/* Digits with at most one point; *point is how many stand behind it. */
static const char *
read_digits(const char *p, const char *end, const char **first, size_t *digits, int64_t *point)
{
	int seen = 0;

	*first = p;
	*digits = 0;
	*point = 0;
	for (; p < end && (isdigit((unsigned char)*p) || (*p == '.' && !seen)); p++) {
		if (*p == '.') {
			seen = 1;
			continue;
		}
		++*digits;
		*point += seen;
	}
	return p;
}

static const char *
read_exponent(const char *p, const char *end, int64_t *exponent)
{
	int negative = 0;
	const char *digits;

	*exponent = 0;
	if (p == end || (*p != 'e' && *p != 'E'))
		return p;
	if (++p < end && (*p == '+' || *p == '-'))
		negative = *p++ == '-';
	for (digits = p; p < end && isdigit((unsigned char)*p); p++)
		*exponent = *exponent < 10000 ? *exponent * 10 + (*p - '0') : *exponent;
	if (negative)
		*exponent = -*exponent;
	return p == digits ? NULL : p;
}

/* The first `keep` digits as a number, rounded by the one behind them, and
 * `zeros` more. 0 when it does not fit. */
static int
take(const char *p, size_t digits, int64_t keep, int64_t *out)
{
	int64_t n = 0;
	size_t i = 0;

	for (; i < digits && (int64_t)i < keep; p++) {
		if (*p == '.')
			continue;
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *p - '0', &n))
			return 0;
		i++;
	}
	for (int64_t k = (int64_t)digits; k < keep && n != 0; k++)
		if (__builtin_mul_overflow(n, 10, &n))
			return 0;
	if (i < digits && keep >= 0) {
		while (*p == '.')
			p++;
		if (*p >= '5' && __builtin_add_overflow(n, 1, &n))
			return 0;
	}
	*out = n;
	return 1;
}

int
money_scaled(struct slice number, int scale, int64_t *out, struct err *e)
{
	const char *p = number.p, *end = p + number.n, *first;
	int negative = number.n > 0 && *p == '-';
	int64_t point, exponent;
	size_t digits;

	p = read_digits(p + negative, end, &first, &digits, &point);
	if (digits == 0)
		return not_a_number(number, e);
	p = read_exponent(p, end, &exponent);
	if (p != end || !take(first, digits, (int64_t)digits - point + exponent + scale, out))
		return not_a_number(number, e);
	if (negative)
		*out = -*out;
	return 0;
}

int
money_parse(struct slice dollars, int64_t *nano, struct err *e)
{
	return money_scaled(dollars, 9, nano, e);
}

void
money_add(struct buf *b, int64_t nano)
{
	uint64_t n = nano < 0 ? -(uint64_t)nano : (uint64_t)nano;
	uint64_t rest = n % (uint64_t)MONEY_DOLLAR;
	int width = 9;

	buf_format(b, "%s%llu", nano < 0 ? "-" : "", (unsigned long long)(n / (uint64_t)MONEY_DOLLAR));
	if (rest == 0)
		return;
	for (; rest % 10 == 0; rest /= 10)
		width--;
	buf_format(b, ".%0*llu", width, (unsigned long long)rest);
}

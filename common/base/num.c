#include "base/num.h"

#include <math.h>

/* Sign and digits of a whole number; 0 when s is none or beyond int64_t. */
static int
read_int(struct slice s, int64_t *out)
{
	int negative = s.n > 0 && s.p[0] == '-';
	uint64_t limit = (uint64_t)INT64_MAX + (uint64_t)negative, v = 0;

	if (s.n == (size_t)negative)
		return 0;
	for (size_t i = (size_t)negative; i < s.n; i++) {
		unsigned c = (unsigned)(unsigned char)s.p[i] - '0';
		if (c > 9 || v > (limit - c) / 10)
			return 0;
		v = v * 10 + c;
	}
	*out = negative ? (int64_t)(0 - v) : (int64_t)v;
	return 1;
}

static int /* as much of the text as a message needs */
shown(struct slice s)
{
	return s.n < 60 ? (int)s.n : 60;
}

int
num_int(struct slice s, int64_t min, int64_t max, int64_t *out, const char *what, struct err *e)
{
	int64_t v;

	if (!read_int(s, &v) || v < min || v > max)
		return err_set(e, C1V_USAGE, "%s '%.*s': not a whole number from %lld to %lld", what,
		    shown(s), s.n ? s.p : "", (long long)min, (long long)max);
	*out = v;
	return 0;
}

int
num_size(struct slice s, int64_t min, int64_t max, int64_t *out, const char *what, struct err *e)
{
	struct slice digits = s;
	int64_t v, unit = 1;

	if (s.n) {
		char last = s.p[s.n - 1];
		unit = last == 'k' ? 1 << 10 : last == 'M' ? 1 << 20 : last == 'G' ? 1 << 30 : 1;
		digits.n -= unit != 1;
	}
	if (!read_int(digits, &v) || v > INT64_MAX / unit || v < INT64_MIN / unit ||
	    v * unit < min || v * unit > max)
		return err_set(e, C1V_USAGE, "%s '%.*s': not a size from %lld to %lld bytes (k, M, G)",
		    what, shown(s), s.n ? s.p : "", (long long)min, (long long)max);
	*out = v * unit;
	return 0;
}

int
num_duration(struct slice s, int64_t min, int64_t max, int64_t *out, const char *what, struct err *e)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {
		{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {"w", 604800000}
	};
	size_t n = s.n;
	int64_t v, unit = 0;

	while (n && s.p[n - 1] >= 'a')
		n--;
	if (n == s.n)
		unit = 1000;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (slice_is(slice_after(s, n), units[i].name))
			unit = units[i].ms;
	}
	if (unit == 0 || !read_int((struct slice){s.p, n}, &v) || v < 0 || v > INT64_MAX / unit ||
	    v * unit < min || v * unit > max)
		return err_set(e, C1V_USAGE, "%s '%.*s': not a time such as 90s, 15m, 2h or 7d", what, shown(s),
		    s.n ? s.p : "");
	*out = v * unit;
	return 0;
}

static size_t /* the digits that lead s from i on */
digits_at(struct slice s, size_t i)
{
	size_t first = i;

	while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
		i++;
	return i - first;
}

static int /* [-] digits [. digits] [e [+-] digits], or no digits before the point */
is_real(struct slice s)
{
	size_t i = s.n > 0 && s.p[0] == '-', whole, part = 0, n;

	i += whole = digits_at(s, i);
	if (i < s.n && s.p[i] == '.') {
		part = digits_at(s, i + 1);
		if (part == 0)
			return 0;
		i += 1 + part;
	}
	if (whole + part == 0)
		return 0;
	if (i < s.n && (s.p[i] | 0x20) == 'e') {
		i++;
		if (i < s.n && (s.p[i] == '-' || s.p[i] == '+'))
			i++;
		n = digits_at(s, i);
		if (n == 0)
			return 0;
		i += n;
	}
	return i == s.n;
}

int
num_real(struct slice s, double min, double max, double *out, const char *what, struct err *e)
{
	double v = is_real(s) ? num_json_double(s) : NAN;

	if (!(v >= min && v <= max && isfinite(v)))
		return err_set(e, C1V_USAGE, "%s '%.*s': not a number from %g to %g", what, shown(s),
		    s.n ? s.p : "", min, max);
	*out = v;
	return 0;
}

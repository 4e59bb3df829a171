#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/num.h"

int64_t
clock_mono_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Years are counted from March, so that the leap day is the last of its year;
 * 400 years have 146097 days. */
int64_t
clock_days(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void
clock_date(int64_t days, int64_t *year, int *month, int *day)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t of_era = z - era * 146097;
	int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
	int64_t m = (5 * of_year + 2) / 153;

	*day = (int)(of_year - (153 * m + 2) / 5 + 1);
	*month = (int)(m < 10 ? m + 3 : m - 9);
	*year = y + era * 400 + (*month <= 2);
}

/* Exactly n digits at *s, which moves on. 1, or 0 when they are not there. */
static int
digits(const char **s, int n, int64_t *out)
{
	*out = 0;
	for (; n > 0; n--, (*s)++) {
		if (**s < '0' || **s > '9')
			return 0;
		*out = *out * 10 + (**s - '0');
	}
	return 1;
}

static int
literal(const char **s, const char *any)
{
	if (**s == '\0' || strchr(any, **s) == NULL)
		return 0;
	(*s)++;
	return 1;
}

/* "Z", "+02:00" as minutes east of Greenwich, at the end of the text. */
static int
zone(const char *s, int64_t *east)
{
	int64_t hour, minute;
	int west = *s == '-';

	*east = 0;
	if ((*s == 'Z' || *s == 'z') && s[1] == '\0')
		return 1;
	if (!literal(&s, "+-") || !digits(&s, 2, &hour) || !literal(&s, ":") ||
	    !digits(&s, 2, &minute) || *s != '\0' || hour > 23 || minute > 59)
		return 0;
	*east = (hour * 60 + minute) * (west ? -1 : 1);
	return 1;
}

int
clock_read(const char *s, int64_t *out)
{
	int64_t year, month, day, hour, minute, second, east, ms = 0;

	if (!digits(&s, 4, &year) || !literal(&s, "-") || !digits(&s, 2, &month) ||
	    !literal(&s, "-") || !digits(&s, 2, &day) || !literal(&s, "Tt ") ||
	    !digits(&s, 2, &hour) || !literal(&s, ":") || !digits(&s, 2, &minute) ||
	    !literal(&s, ":") || !digits(&s, 2, &second))
		return 0;
	if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60)
		return 0;
	if (literal(&s, ".")) {
		int64_t unit = 100;

		if (*s < '0' || *s > '9')
			return 0;
		for (; *s >= '0' && *s <= '9'; s++, unit /= 10)
			ms += unit * (*s - '0');
	}
	if (!zone(s, &east))
		return 0;
	*out = ((clock_days(year, month, day) * 24 + hour) * 60 + minute - east) * 60000 +
	    second * 1000 + ms;
	return 1;
}

/* What C1V_NOW says; 0 when it is not set or is no time. */
static int
fixed_now(int64_t *ms)
{
	const char *s = getenv("C1V_NOW");
	double seconds;

	if (s == NULL || *s == '\0')
		return 0;
	if (clock_read(s, ms))
		return 1;
	if (num_real(slice_of(s), 0, 253402300799.0, &seconds, "C1V_NOW", NULL) != 0)
		return 0;
	*ms = (int64_t)(seconds * 1000 + 0.5);
	return 1;
}

int64_t
clock_wall_ms(void)
{
	struct timespec t;
	int64_t ms;

	if (fixed_now(&ms))
		return ms;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void
clock_iso(int64_t wall_ms, char out[32])
{
	int64_t ms = wall_ms % 86400000, days = wall_ms / 86400000, year;
	int month, day;

	if (ms < 0) {
		ms += 86400000;
		days--;
	}
	clock_date(days, &year, &month, &day);
	snprintf(out, 32, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", (int)year, month, day,
	    (int)(ms / 3600000), (int)(ms / 60000 % 60), (int)(ms / 1000 % 60), (int)(ms % 1000));
}

void
clock_sleep_ms(int64_t ms)
{
	struct timespec t;

	if (ms <= 0)
		return;
	t.tv_sec = (time_t)(ms / 1000);
	t.tv_nsec = (long)(ms % 1000) * 1000000;
	nanosleep(&t, NULL);
}

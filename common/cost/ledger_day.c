#include "cost/ledger_driver.h"

#include <stdio.h>
#include <time.h>

#include "base/clock.h"

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

int64_t
ledger_day(int64_t ms, int local)
{
	time_t t = (time_t)floor_div(ms, 1000);
	struct tm tm;

	if (!local || localtime_r(&t, &tm) == NULL)
		return floor_div(ms, MS_OF_DAY);
	return clock_days(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
}

int64_t
ledger_day_start(int64_t day, int local)
{
	struct tm tm = {.tm_isdst = -1};
	int64_t y;

	if (!local)
		return day * MS_OF_DAY;
	clock_date(day, &y, &tm.tm_mon, &tm.tm_mday);
	tm.tm_year = (int)(y - 1900);
	tm.tm_mon--;
	return (int64_t)mktime(&tm) * 1000;
}

/* 0 is Monday; 1970-01-01 was a Thursday. */
static int64_t
weekday(int64_t day)
{
	int64_t n = (day + 3) % 7;

	return n < 0 ? n + 7 : n;
}

int64_t
period_first(int64_t day, enum budget_per per)
{
	int64_t y;
	int m, d;

	switch (per) {
	case PER_WEEK:
		return day - weekday(day);
	case PER_MONTH:
		clock_date(day, &y, &m, &d);
		return day - d + 1;
	default:
		return day;
	}
}

int64_t
period_next(int64_t day, enum budget_per per)
{
	int64_t first = period_first(day, per);

	if (per == PER_WEEK)
		return first + 7;
	/* No month has more than 31 days, and 31 more never reach the one after next. */
	return per == PER_MONTH ? period_first(first + 31, PER_MONTH) : first + 1;
}

void
period_name(int64_t day, enum budget_per per, char out[16])
{
	int64_t y, thursday;
	int m, d;

	clock_date(day, &y, &m, &d);
	switch (per) {
	case PER_DAY:
		snprintf(out, 16, "%04d-%02d-%02d", (int)y, m, d);
		break;
	case PER_WEEK: /* a week is of the year that its Thursday is of */
		thursday = day - weekday(day) + 3;
		clock_date(thursday, &y, &m, &d);
		snprintf(out, 16, "%04d-W%02d", (int)y, (int)((thursday - clock_days(y, 1, 1)) / 7 + 1));
		break;
	case PER_MONTH:
		snprintf(out, 16, "%04d-%02d", (int)y, m);
		break;
	case PER_TOTAL:
		out[0] = '\0';
		break;
	}
}

void
period_span(int64_t now, enum budget_per per, int local, int64_t *from, int64_t *to, char name[16])
{
	int64_t day = ledger_day(now, local);

	*from = 0;
	*to = INT64_MAX / 2;
	if (per != PER_TOTAL) {
		*from = ledger_day_start(period_first(day, per), local);
		*to = ledger_day_start(period_next(day, per), local);
	}
	period_name(period_first(day, per), per, name);
}

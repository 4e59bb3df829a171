/* clock: the only place that asks what time it is.
 *
 * Durations are monotonic; C1V_NOW (RFC 3339 or seconds since 1970) fixes wall
 * time, for tests; anything else in it is passed over. */
#ifndef C1V_BASE_CLOCK_H
#define C1V_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

int64_t clock_mono_ns(void);  /* monotonic nanoseconds, for durations */
int64_t clock_wall_ms(void);  /* milliseconds since 1970, UTC */
/* "2026-11-23T04:05:06.789Z" */
void clock_iso(int64_t wall_ms, char out[32]);
void clock_sleep_ms(int64_t ms); /* returns early when a signal arrives */

/* Days since 1970-01-01 of a date of the Gregorian calendar, and back. */
int64_t clock_days(int64_t year, int64_t month, int64_t day);
void clock_date(int64_t days, int64_t *year, int *month, int *day);
/* 1 and milliseconds since 1970 of an RFC 3339 time, or 0 when it is none. */
int clock_read(const char *text, int64_t *wall_ms);

static inline double
clock_seconds_since(int64_t mono_ns)
{
	return (double)(clock_mono_ns() - mono_ns) / 1e9;
}

#endif

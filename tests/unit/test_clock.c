#include "test.h"

#include <stdlib.h>

#include "base/clock.h"

static void
reads(const char *now, int64_t ms, const char *iso)
{
	char text[32];

	setenv("C1V_NOW", now, 1);
	CHECK_INT(clock_wall_ms(), ms);
	clock_iso(clock_wall_ms(), text);
	CHECK_STR(text, iso);
	unsetenv("C1V_NOW");
}

TEST(fixed_time)
{
	reads("0", 0, "1970-01-01T00:00:00.000Z");
	reads("1.5", 1500, "1970-01-01T00:00:01.500Z");
	reads("1795406706.789", 1795406706789, "2026-11-23T04:05:06.789Z");
	reads("2026-11-23T04:05:06.789Z", 1795406706789, "2026-11-23T04:05:06.789Z");
	reads("2026-11-23t04:05:06.7891234z", 1795406706789, "2026-11-23T04:05:06.789Z");
	reads("2026-11-23 04:05:06+00:00", 1795406706000, "2026-11-23T04:05:06.000Z");
	reads("2026-11-23T06:05:06+02:00", 1795406706000, "2026-11-23T04:05:06.000Z");
	reads("2026-11-22T22:35:06-05:30", 1795406706000, "2026-11-23T04:05:06.000Z");
	reads("2000-02-29T23:59:59Z", 951868799000, "2000-02-29T23:59:59.000Z");
	reads("1900-03-01T00:00:00Z", -2203891200000, "1900-03-01T00:00:00.000Z");
	reads("1969-12-31T23:59:59.999Z", -1, "1969-12-31T23:59:59.999Z");
	reads("9999-12-31T23:59:59Z", 253402300799000, "9999-12-31T23:59:59.000Z");
}

TEST(no_time)
{
	static const char *const texts[] = {"", "soon", "2026-11-23", "2026-11-23T04:05Z", "2026-13-01T00:00:00Z",
	    "2026-11-23T24:00:00Z", "2026-11-23T04:05:06", "2026-11-23T04:05:06.Z", "2026-11-23T04:05:06ZZ",
	    "2026-11-23T04:05:06+2:00", " 2026-11-23T04:05:06Z", "-1"};
	int64_t before, now;

	unsetenv("C1V_NOW");
	before = clock_wall_ms();
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		setenv("C1V_NOW", texts[i], 1);
		now = clock_wall_ms();
		CHECK(now >= before && now < before + 3600000);
	}
	unsetenv("C1V_NOW");
}

/* Each day of four hundred years follows the one before. */
TEST(every_day)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year = 1900, month = 1, day = 1;
	int64_t ms = -2208988800000;
	char text[32], expected[64];

	for (; year < 2300; ms += 86400000) {
		int leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
		int last = lengths[month - 1] + (month == 2 && leap);

		clock_iso(ms, text);
		snprintf(expected, sizeof(expected), "%04d-%02d-%02dT00:00:00.000Z", year, month, day);
		if (strcmp(text, expected) != 0) {
			CHECK_STR(text, expected);
			return;
		}
		if (++day > last) {
			day = 1;
			month++;
		}
		if (month > 12) {
			month = 1;
			year++;
		}
	}
}

TEST(monotonic)
{
	int64_t start = clock_mono_ns();

	clock_sleep_ms(20);
	CHECK(clock_mono_ns() - start >= 20000000);
	CHECK(clock_seconds_since(start) >= 0.02);
	clock_sleep_ms(0);
	clock_sleep_ms(-5);
}

int
main(void)
{
	return test_run();
}

#include "net/retry.h"

#include <math.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/num.h"

static const double LONGEST = 1e12; /* ms; nothing is read as longer */

void
retry_none(struct retry_hints *h)
{
	*h = (struct retry_hints){-1, -1, -1, -1, -1, -1, -1};
}

/* A number of units of `scale` ms, or -1. */
static int64_t
scaled(struct slice text, double scale)
{
	double v;

	if (num_real(text, 0, LONGEST / scale, &v, "", NULL) != 0)
		return -1;
	return (int64_t)ceil(v * scale);
}

int64_t
retry_duration(struct slice text)
{
	static const struct { const char *name; double ms; } units[] = {
		{"ms", 1}, {"us", 1e-3}, {"ns", 1e-6}, {"h", 3600000}, {"m", 60000}, {"s", 1000}
	};
	double sum = 0, v;

	if (text.n == 0)
		return -1;
	while (text.n) {
		size_t n = 0, u = 0;

		while (n < text.n && ((text.p[n] >= '0' && text.p[n] <= '9') || text.p[n] == '.'))
			n++;
		if (num_real((struct slice){text.p, n}, 0, 1e9, &v, "", NULL) != 0)
			return -1;
		text = (struct slice){text.p + n, text.n - n};
		while (u < 6 && (text.n < strlen(units[u].name) ||
		    memcmp(text.p, units[u].name, strlen(units[u].name)) != 0))
			u++;
		if (u == 6)
			return -1;
		sum += v * units[u].ms;
		n = strlen(units[u].name);
		text = (struct slice){text.p + n, text.n - n};
	}
	return sum <= LONGEST ? (int64_t)ceil(sum) : -1;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" as milliseconds since 1970, or -1. */
static int64_t
http_date(struct slice text)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	char day[40], name[4] = "";
	int d, y, h, m, s, at = 0;
	const char *found;

	if (text.n >= sizeof(day))
		return -1;
	memcpy(day, text.p, text.n);
	day[text.n] = '\0';
	if (sscanf(day, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", &d, name, &y, &h, &m, &s, &at) != 6 ||
	    (size_t)at != text.n || strlen(name) != 3)
		return -1;
	found = strstr(months, name);
	if (found == NULL || (found - months) % 3 != 0 || d < 1 || d > 31 || h > 23 || m > 59 || s > 60)
		return -1;
	return ((clock_days(y, (found - months) / 3 + 1, d) * 24 + h) * 60 + m) * 60000 + s * 1000;
}

static int
is(struct slice name, const char *wanted)
{
	return name.n == strlen(wanted) && strncasecmp(name.p, wanted, name.n) == 0;
}

static void
retry_after(struct retry_hints *h, struct slice value, int64_t wall_ms)
{
	int64_t ms = scaled(value, 1000), date;

	if (ms < 0 && (date = http_date(value)) >= 0)
		ms = date > wall_ms ? date - wall_ms : 0;
	h->after_ms = ms;
}

void
retry_header(struct retry_hints *h, struct slice name, struct slice value, int64_t wall_ms)
{
	if (is(name, "x-should-retry"))
		h->should = is(value, "true") ? 1 : is(value, "false") ? 0 : -1;
	else if (is(name, "retry-after-ms"))
		h->wait_ms = scaled(value, 1);
	else if (is(name, "retry-after"))
		retry_after(h, value, wall_ms);
	else if (is(name, "x-ratelimit-remaining-requests"))
		h->remaining_requests = scaled(value, 1);
	else if (is(name, "x-ratelimit-remaining-tokens"))
		h->remaining_tokens = scaled(value, 1);
	else if (is(name, "x-ratelimit-reset-requests"))
		h->reset_requests_ms = retry_duration(value);
	else if (is(name, "x-ratelimit-reset-tokens"))
		h->reset_tokens_ms = retry_duration(value);
}

int
retry_status(int status, const struct retry_hints *h)
{
	if (h->should >= 0)
		return h->should;
	return status == 408 || status == 409 || status == 429 || status >= 500;
}

int64_t
retry_wait_ms(const struct retry_hints *h, int n, uint32_t random)
{
	int64_t said = h->wait_ms >= 0 ? h->wait_ms : h->after_ms;
	double ms = n > 5 ? 8000 : 500.0 * (1 << (n > 1 ? n - 1 : 0));

	if (said > RETRY_WAIT_MAX)
		return -1;
	if (said >= 0)
		return said;
	if (ms > 8000)
		ms = 8000;
	return (int64_t)(ms * (1 - 0.25 * random / 4294967296.0));
}

/* net: addresses that are refused, and when a server is asked again. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "net/address.h"
#include "net/retry.h"
#include "net/url.h"
#include "test.h"

static int
kind(const char *text)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		return (int)address_kind((const struct sockaddr *)&v4);
	return inet_pton(AF_INET6, text, &v6.sin6_addr) == 1 ? (int)address_kind((const struct sockaddr *)&v6) : -1;
}

TEST(addresses)
{
	static const char *const refused[] = {
		"169.254.169.254", "169.254.0.1", "100.100.100.200", "168.63.129.16", "0.0.0.0", "0.1.2.3",
		"224.0.0.1", "255.255.255.255", "192.0.0.192", "fe80::1", "febf::1", "fd00:ec2::254", "ff02::1", "::",
		"::ffff:169.254.169.254", "::169.254.169.254", "64:ff9b::169.254.169.254", "2002:a9fe:a9fe::1",
		"::ffff:0:169.254.169.254", "64:ff9b:1::169.254.169.254",
		/* The loopback of somebody else. */
		"::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b:1::127.0.0.1", "2002:7f00:1::"
	};
	static const char *const loopback[] = {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"};
	static const char *const fine[] = {"8.8.8.8", "10.0.0.1", "192.168.1.1", "169.253.1.1", "100.100.100.201",
	    "2606:4700::1", "fec0::1", "fd00:ec2::253", "64:ff9b::8.8.8.8", "2002:808:808::1"};
	struct sockaddr other = {.sa_family = AF_UNIX};

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		CHECK_INT(kind(refused[i]), ADDRESS_METADATA);
	for (size_t i = 0; i < sizeof(loopback) / sizeof(loopback[0]); i++)
		CHECK_INT(kind(loopback[i]), ADDRESS_LOOPBACK);
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
		CHECK_INT(kind(fine[i]), ADDRESS_PUBLIC);
	CHECK_INT(address_kind(&other), ADDRESS_METADATA);
}

TEST(durations)
{
	CHECK_INT(retry_duration(SLICE("1s")), 1000);
	CHECK_INT(retry_duration(SLICE("6m0s")), 360000);
	CHECK_INT(retry_duration(SLICE("12ms")), 12);
	CHECK_INT(retry_duration(SLICE("1.5s")), 1500);
	CHECK_INT(retry_duration(SLICE("2h3m")), 7380000);
	CHECK_INT(retry_duration(SLICE("")), -1);
	CHECK_INT(retry_duration(SLICE("5")), -1);
	CHECK_INT(retry_duration(SLICE("5x")), -1);
	CHECK_INT(retry_duration(SLICE("-1s")), -1);
}

static struct retry_hints
header(const char *name, const char *value)
{
	struct retry_hints h;

	retry_none(&h);
	retry_header(&h, slice_of(name), slice_of(value), INT64_C(784111777000) - 5000);
	return h;
}

TEST(waits)
{
	struct retry_hints h = header("Retry-After", "3");

	CHECK_INT(retry_wait_ms(&h, 1, 0), 3000);
	h = header("retry-after", "0.25");
	CHECK_INT(retry_wait_ms(&h, 1, 0), 250);
	h = header("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"); /* five seconds from then */
	CHECK_INT(retry_wait_ms(&h, 1, 0), 5000);
	retry_header(&h, SLICE("Retry-After-Ms"), SLICE("7"), 0);
	CHECK_INT(retry_wait_ms(&h, 1, 0), 7);
	h = header("retry-after", "120");
	CHECK_INT(retry_wait_ms(&h, 1, 0), 120000);
	h = header("retry-after", "121");
	CHECK_INT(retry_wait_ms(&h, 1, 0), -1);
	h = header("retry-after", "soon");
	CHECK_INT(retry_wait_ms(&h, 1, 0), 500);
	CHECK_INT(retry_wait_ms(&h, 2, 0), 1000);
	CHECK_INT(retry_wait_ms(&h, 5, 0), 8000);
	CHECK_INT(retry_wait_ms(&h, 50, 0), 8000);
	CHECK(retry_wait_ms(&h, 1, 0xffffffffu) >= 374 && retry_wait_ms(&h, 1, 0xffffffffu) <= 375);
}

TEST(dates)
{
	/* None of these is a date, and so no wait is told. */
	static const char *const none[] = {
		"", "Sun, 06 Nov 1994", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 GMT+1",
		"Sun, 06 Xyz 1994 08:49:37 GMT", "Sun, 06 anF 1994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
		"Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:00 GMT",
		"Sun, 06 Nov 1994 08:49:61 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
		"Sun, 06 Nov 1994 08:49:37 GMT and then a good deal more of it", "-1", "1e400", "0x10", "1,5"
	};
	struct retry_hints h;

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		h = header("Retry-After", none[i]);
		CHECK_INT(h.after_ms, -1);
		CHECK_INT(retry_wait_ms(&h, 1, 0), 500);
	}
	h = header("Retry-After", "Sun, 06 Nov 1994 08:49:32 GMT"); /* now */
	CHECK_INT(h.after_ms, 0);
	h = header("Retry-After", "Sat, 05 Nov 1994 08:49:37 GMT"); /* yesterday */
	CHECK_INT(h.after_ms, 0);
	h = header("Retry-After", "Sun, 06 Nov 1994 08:51:32 GMT"); /* just within what is waited for */
	CHECK_INT(retry_wait_ms(&h, 1, 0), 120000);
	h = header("Retry-After", "Sun, 06 Nov 1994 08:51:33 GMT");
	CHECK_INT(retry_wait_ms(&h, 1, 0), -1);
}

TEST(limits)
{
	struct retry_hints h = header("X-RateLimit-Remaining-Requests", "59");

	CHECK_INT(h.remaining_requests, 59);
	CHECK_INT(header("x-ratelimit-remaining-tokens", "149984").remaining_tokens, 149984);
	CHECK_INT(header("x-ratelimit-reset-requests", "1s").reset_requests_ms, 1000);
	CHECK_INT(header("x-ratelimit-reset-tokens", "6m0s").reset_tokens_ms, 360000);
	CHECK_INT(header("x-ratelimit-remaining-requests", "many").remaining_requests, -1);
	CHECK_INT(header("x-ratelimit-remaining-requests", "-5").remaining_requests, -1);
	CHECK_INT(header("x-ratelimit-reset-tokens", "soon").reset_tokens_ms, -1);
	CHECK_INT(header("x-should-retry", "perhaps").should, -1);
	CHECK_INT(retry_duration(SLICE("999999999h")), -1); /* past all reason */
	CHECK_INT(retry_duration(SLICE("1us")), 1);
	CHECK_INT(retry_duration(SLICE("1.2.3s")), -1);
	CHECK_INT(retry_duration(SLICE("s")), -1);
}

TEST(urls)
{
	static const char *const with[] = {"redis://u:p@h", "postgres://:p@h/d", "postgres://h/d?password=x",
	    "postgresql: host=h password=x"};
	static const char *const without[] = {"redis://h:6379", "redis://u@h:1", "sqlite:/a:b@c", "a", "redis://u@h/x:y",
	    "redis://h:1/x@y"};
	const char *out;
	struct err e;

	CHECK_INT(url_scheme("redis://h"), 5);
	CHECK_INT(url_scheme("c:/path"), 0); /* a letter is a drive, not a scheme */
	CHECK_INT(url_scheme("/path"), 0);
	CHECK_INT(url_scheme("path"), 0);
	for (size_t i = 0; i < sizeof(with) / sizeof(with[0]); i++)
		CHECK(url_has_password(with[i]));
	for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++)
		CHECK(!url_has_password(without[i]));
	setenv("TEST_NET_URL", "redis://u:p@h", 1);
	unsetenv("TEST_NET_NONE");
	CHECK_INT(url_resolve("cache", "env:TEST_NET_URL", &out, &e), 0);
	CHECK_STR(out, "redis://u:p@h");
	CHECK_INT(url_resolve("cache", "env:TEST_NET_NONE", &out, &e), C1V_CONFIG);
	CHECK_INT(url_resolve("cache", "redis://u:p@h", &out, &e), C1V_USAGE);
	CHECK_INT(url_resolve("cache", "redis://h", &out, &e), 0);
	CHECK_STR(out, "redis://h");
	CHECK_INT(url_resolve("cache", NULL, &out, &e), 0);
	CHECK(out == NULL);
}

TEST(statuses)
{
	struct retry_hints none, yes = header("X-Should-Retry", "true"), no = header("x-should-retry", "false");
	static const int again[] = {408, 409, 429, 500, 502, 503, 529}, never[] = {400, 401, 403, 404, 413, 422, 424};

	retry_none(&none);
	for (size_t i = 0; i < sizeof(again) / sizeof(again[0]); i++) {
		CHECK(retry_status(again[i], &none));
		CHECK(!retry_status(again[i], &no));
	}
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		CHECK(!retry_status(never[i], &none));
		CHECK(retry_status(never[i], &yes));
	}
}

int
main(void)
{
	return test_run();
}

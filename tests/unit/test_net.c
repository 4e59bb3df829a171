/* net: addresses that are refused, and when a server is asked again. */
#include <arpa/inet.h>
#include <string.h>

#include "net/address.h"
#include "net/retry.h"
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
		"::ffff:169.254.169.254", "::169.254.169.254", "64:ff9b::169.254.169.254", "2002:a9fe:a9fe::1"
	};
	static const char *const loopback[] = {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"};
	static const char *const fine[] = {"8.8.8.8", "10.0.0.1", "192.168.1.1", "169.253.1.1", "100.100.100.201",
	    "2606:4700::1", "fec0::1", "fd00:ec2::253"};
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

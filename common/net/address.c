#include "net/address.h"

#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

static enum address_kind
kind_v4(const uint8_t a[4])
{
	static const uint8_t metadata[][4] = {
		{100, 100, 100, 200}, {168, 63, 129, 16}, {192, 0, 0, 192}
	};

	if (a[0] == 127)
		return ADDRESS_LOOPBACK;
	if (a[0] == 0 || a[0] >= 224 || (a[0] == 169 && a[1] == 254))
		return ADDRESS_METADATA;
	for (size_t i = 0; i < sizeof(metadata) / sizeof(metadata[0]); i++)
		if (memcmp(a, metadata[i], 4) == 0)
			return ADDRESS_METADATA;
	return ADDRESS_PUBLIC;
}

/* An IPv4 address inside another: somebody on the way takes it out again. Loopback is not
 * reached like this, so that it is no reason to trust it. */
static enum address_kind
kind_inside(const uint8_t a[4])
{
	enum address_kind kind = kind_v4(a);

	return kind == ADDRESS_LOOPBACK ? ADDRESS_METADATA : kind;
}

static enum address_kind
kind_v6(const uint8_t a[16])
{
	static const uint8_t zero[12], loopback[16] = {[15] = 1}, mapped[12] = {[10] = 0xff, [11] = 0xff};
	static const uint8_t translated[12] = {[8] = 0xff, [9] = 0xff};
	static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b}, nat64_local[12] = {0, 0x64, 0xff, 0x9b, 0, 1};
	static const uint8_t ec2[16] = {0xfd, 0, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54};

	if (memcmp(a, loopback, 16) == 0)
		return ADDRESS_LOOPBACK;
	if (memcmp(a, mapped, 12) == 0)
		return kind_v4(a + 12);
	if (memcmp(a, zero, 12) == 0 || memcmp(a, translated, 12) == 0 || memcmp(a, nat64, 12) == 0 ||
	    memcmp(a, nat64_local, 12) == 0)
		return kind_inside(a + 12);
	if (a[0] == 0x20 && a[1] == 0x02)
		return kind_inside(a + 2);
	if ((a[0] == 0xfe && (a[1] & 0xc0) == 0x80) || a[0] == 0xff || memcmp(a, ec2, 16) == 0)
		return ADDRESS_METADATA;
	return ADDRESS_PUBLIC;
}

enum address_kind
address_kind(const struct sockaddr *a)
{
	uint8_t bytes[16];

	if (a->sa_family == AF_INET) {
		memcpy(bytes, &((const struct sockaddr_in *)(const void *)a)->sin_addr, 4);
		return kind_v4(bytes);
	}
	if (a->sa_family == AF_INET6) {
		memcpy(bytes, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, 16);
		return kind_v6(bytes);
	}
	return ADDRESS_METADATA;
}

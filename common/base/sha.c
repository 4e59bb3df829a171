#include "base/sha.h"

#include <nettle/version.h>

void
sha_start(struct sha *h)
{
	sha256_init(&h->ctx);
}

void
sha_add(struct sha *h, const void *p, size_t n)
{
	if (n)
		sha256_update(&h->ctx, n, p);
}

void
sha_field(struct sha *h, struct slice s)
{
	uint64_t n = s.p ? (uint64_t)s.n : UINT64_MAX; /* no text is that long */
	uint8_t head[8];

	for (unsigned i = 0; i < sizeof(head); i++)
		head[i] = (uint8_t)(n >> (8 * i));
	sha_add(h, head, sizeof(head));
	if (s.p)
		sha_add(h, s.p, s.n);
}

void
sha_end(struct sha *h, uint8_t out[SHA_SIZE])
{
#if NETTLE_VERSION_MAJOR >= 4
	sha256_digest(&h->ctx, out);
#else
	sha256_digest(&h->ctx, SHA_SIZE, out);
#endif
}

void
sha_of(struct slice s, uint8_t out[SHA_SIZE])
{
	struct sha h;

	sha_start(&h);
	sha_add(&h, s.p, s.n);
	sha_end(&h, out);
}

void
sha_hex(const uint8_t sum[SHA_SIZE], char out[2 * SHA_SIZE + 1])
{
	static const char digits[] = "0123456789abcdef";

	for (unsigned i = 0; i < SHA_SIZE; i++) {
		out[2 * i] = digits[sum[i] >> 4];
		out[2 * i + 1] = digits[sum[i] & 15];
	}
	out[2 * SHA_SIZE] = '\0';
}

#include "base/sum.h"

#include <string.h>

#define PRIME_1 UINT64_C(0x9e3779b185ebca87)
#define PRIME_2 UINT64_C(0xc2b2ae3d27d4eb4f)
#define PRIME_3 UINT64_C(0x165667b19e3779f9)
#define PRIME_4 UINT64_C(0x85ebca77c2b2ae63)
#define PRIME_5 UINT64_C(0x27d4eb2f165667c5)

static uint64_t
turn(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static uint64_t
word(const unsigned char *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

static uint64_t
mix(uint64_t sum, uint64_t w)
{
	return turn(sum + w * PRIME_2, 31) * PRIME_1;
}

/* Stripes of 32 bytes, four lanes side by side. */
static uint64_t
stripes(const unsigned char **p, const unsigned char *end, uint64_t seed)
{
	uint64_t lane[4] = {seed + PRIME_1 + PRIME_2, seed + PRIME_2, seed, seed - PRIME_1}, h;

	for (; end - *p >= 32; *p += 32) {
		lane[0] = mix(lane[0], word(*p));
		lane[1] = mix(lane[1], word(*p + 8));
		lane[2] = mix(lane[2], word(*p + 16));
		lane[3] = mix(lane[3], word(*p + 24));
	}
	h = turn(lane[0], 1) + turn(lane[1], 7) + turn(lane[2], 12) + turn(lane[3], 18);
	for (int i = 0; i < 4; i++)
		h = (h ^ mix(0, lane[i])) * PRIME_1 + PRIME_4;
	return h;
}

uint64_t
sum64(const void *data, size_t n, uint64_t seed)
{
	const unsigned char *p = data, *end = p + n;
	uint64_t h = n >= 32 ? stripes(&p, end, seed) : seed + PRIME_5;

	h += n;
	for (; end - p >= 8; p += 8)
		h = turn(h ^ mix(0, word(p)), 27) * PRIME_1 + PRIME_4;
	if (end - p >= 4) {
		uint32_t half;
		memcpy(&half, p, sizeof(half));
		h = turn(h ^ half * PRIME_1, 23) * PRIME_2 + PRIME_3;
		p += 4;
	}
	for (; p < end; p++)
		h = turn(h ^ *p * PRIME_5, 11) * PRIME_1;
	h = (h ^ h >> 33) * PRIME_2;
	h = (h ^ h >> 29) * PRIME_3;
	return h ^ h >> 32;
}

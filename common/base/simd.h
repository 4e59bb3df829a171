/* simd: sixteen bytes at a time, for the scanners of base/.
 *
 * A block is classified into a mask of 16 bits, bit i for byte i. SSE2 is part
 * of x86-64 and NEON of arm64, so nothing is asked of the processor at run
 * time; other machines (or -DC1V_NO_SIMD) take the plain loops. simd_load()
 * reads exactly SIMD_SIZE bytes: callers check that they are there. */
#ifndef C1V_BASE_SIMD_H
#define C1V_BASE_SIMD_H

#include <stdint.h>
#include <string.h>

enum { SIMD_SIZE = 16, SIMD_FULL = 0xffff };

#if defined(__SSE2__) && !defined(C1V_NO_SIMD)

#include <emmintrin.h>

typedef __m128i simd_block;

static inline simd_block
simd_load(const char *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline void
simd_store(char *p, simd_block x)
{
	_mm_storeu_si128((__m128i *)(void *)p, x);
}

/* Bytes that end a plain run in a JSON string: the quote, the backslash,
 * controls and, as they are negative, those from 80 up. */
static inline uint32_t
simd_stops(simd_block x)
{
	__m128i odd = _mm_cmplt_epi8(x, _mm_set1_epi8(0x20));

	odd = _mm_or_si128(odd, _mm_cmpeq_epi8(x, _mm_set1_epi8('"')));
	odd = _mm_or_si128(odd, _mm_cmpeq_epi8(x, _mm_set1_epi8('\\')));
	return (uint32_t)_mm_movemask_epi8(odd);
}

/* Bytes that a JSON string cannot hold as they are. */
static inline uint32_t
simd_escapes(simd_block x)
{
	__m128i odd = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(0x1f)), x);

	odd = _mm_or_si128(odd, _mm_cmpeq_epi8(x, _mm_set1_epi8('"')));
	odd = _mm_or_si128(odd, _mm_cmpeq_epi8(x, _mm_set1_epi8('\\')));
	return (uint32_t)_mm_movemask_epi8(odd);
}

static inline uint32_t
simd_equal(simd_block x, char c)
{
	return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(x, _mm_set1_epi8(c)));
}

static inline uint32_t /* bytes from 80 up */
simd_high(simd_block x)
{
	return (uint32_t)_mm_movemask_epi8(x);
}

static inline uint32_t /* bytes from c up, unsigned */
simd_from(simd_block x, unsigned char c)
{
	__m128i low = _mm_set1_epi8((char)c);

	return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_max_epu8(x, low), x));
}

static inline uint32_t /* bytes 80-BF */
simd_tails(simd_block x)
{
	return (uint32_t)_mm_movemask_epi8(_mm_cmplt_epi8(x, _mm_set1_epi8(-64)));
}

static inline uint32_t /* 0-9 */
simd_digits(simd_block x)
{
	__m128i d = _mm_sub_epi8(x, _mm_set1_epi8('0'));

	return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(d, _mm_set1_epi8(9)), d));
}

#elif defined(__aarch64__) && defined(__ARM_NEON) && !defined(C1V_NO_SIMD)

#include <arm_neon.h>

typedef uint8x16_t simd_block;

static inline simd_block
simd_load(const char *p)
{
	return vld1q_u8((const uint8_t *)p);
}

static inline void
simd_store(char *p, simd_block x)
{
	vst1q_u8((uint8_t *)p, x);
}

static inline uint32_t /* the top bit of each byte, as _mm_movemask_epi8 */
simd_mask(uint8x16_t hit)
{
	static const uint8_t weight[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
	uint8x16_t bits = vandq_u8(hit, vld1q_u8(weight));

	return (uint32_t)vaddv_u8(vget_low_u8(bits)) | (uint32_t)vaddv_u8(vget_high_u8(bits)) << 8;
}

static inline uint32_t
simd_stops(simd_block x)
{
	uint8x16_t odd = vcltq_s8(vreinterpretq_s8_u8(x), vdupq_n_s8(0x20));

	odd = vorrq_u8(odd, vceqq_u8(x, vdupq_n_u8('"')));
	odd = vorrq_u8(odd, vceqq_u8(x, vdupq_n_u8('\\')));
	return simd_mask(odd);
}

static inline uint32_t
simd_escapes(simd_block x)
{
	uint8x16_t odd = vcltq_u8(x, vdupq_n_u8(0x20));

	odd = vorrq_u8(odd, vceqq_u8(x, vdupq_n_u8('"')));
	odd = vorrq_u8(odd, vceqq_u8(x, vdupq_n_u8('\\')));
	return simd_mask(odd);
}

static inline uint32_t
simd_equal(simd_block x, char c)
{
	return simd_mask(vceqq_u8(x, vdupq_n_u8((uint8_t)c)));
}

static inline uint32_t
simd_high(simd_block x)
{
	return simd_mask(vcgeq_u8(x, vdupq_n_u8(0x80)));
}

static inline uint32_t
simd_from(simd_block x, unsigned char c)
{
	return simd_mask(vcgeq_u8(x, vdupq_n_u8(c)));
}

static inline uint32_t
simd_tails(simd_block x)
{
	return simd_mask(vcltq_s8(vreinterpretq_s8_u8(x), vdupq_n_s8(-64)));
}

static inline uint32_t
simd_digits(simd_block x)
{
	return simd_mask(vcleq_u8(vsubq_u8(x, vdupq_n_u8('0')), vdupq_n_u8(9)));
}

#else

typedef struct simd_block {
	unsigned char b[SIMD_SIZE];
} simd_block;

static inline simd_block
simd_load(const char *p)
{
	simd_block x;

	memcpy(x.b, p, SIMD_SIZE);
	return x;
}

static inline void
simd_store(char *p, simd_block x)
{
	memcpy(p, x.b, SIMD_SIZE);
}

#define SIMD_EACH(name, test)                                                  \
	static inline uint32_t name(simd_block x)                              \
	{                                                                      \
		uint32_t mask = 0;                                             \
		for (unsigned i = 0; i < SIMD_SIZE; i++) {                     \
			unsigned c = x.b[i];                                   \
			mask |= (uint32_t)(test) << i;                         \
		}                                                              \
		return mask;                                                   \
	}

SIMD_EACH(simd_stops, (c < 0x20) | (c >= 0x80) | (c == '"') | (c == '\\'))
SIMD_EACH(simd_escapes, (c < 0x20) | (c == '"') | (c == '\\'))
SIMD_EACH(simd_high, c >= 0x80)
SIMD_EACH(simd_tails, (c & 0xc0) == 0x80)
SIMD_EACH(simd_digits, c - '0' <= 9)

static inline uint32_t
simd_from(simd_block x, unsigned char low)
{
	uint32_t mask = 0;

	for (unsigned i = 0; i < SIMD_SIZE; i++)
		mask |= (uint32_t)(x.b[i] >= low) << i;
	return mask;
}

static inline uint32_t
simd_equal(simd_block x, char c)
{
	uint32_t mask = 0;

	for (unsigned i = 0; i < SIMD_SIZE; i++)
		mask |= (uint32_t)(x.b[i] == (unsigned char)c) << i;
	return mask;
}

#endif

static inline unsigned /* the index of the first byte in a mask that is not 0 */
simd_first(uint64_t mask)
{
	return (unsigned)__builtin_ctzll(mask);
}

#endif

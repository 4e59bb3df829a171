/* wide: sixty-four bytes at a time, for the long loops of base/ and text/.
 *
 * A block is classified into a mask of 64 bits, bit i for byte i. AVX2 is not on
 * every x86-64, so it is chosen when the program runs, once for a text or a long
 * string; all else takes simd.h's sixteen bytes four times. (AVX-512 gains two
 * hundredths more in the whole of c1v-chunk: not worth its code.) A loop is
 * written once, and inlined for each set of instructions:
 *
 *     WIDE_INLINE size_t find(const struct wide *w, const char *p, size_t n) { … w->equal(p, 'x') … }
 *     WIDE_EACH(size_t, find, (const char *p, size_t n), p, n)
 *     … WIDE_CALL(wide_level(), find, p, n) …
 *
 * All read exactly WIDE_SIZE bytes: callers check that they are there. */
#ifndef C1V_BASE_WIDE_H
#define C1V_BASE_WIDE_H

#include <stdint.h>
#include <string.h>

#include "base/cpu.h"
#include "base/simd.h"

/* WIDE_LONG: from so many bytes on it pays to ask for the level. */
enum { WIDE_SIZE = 64, WIDE_LONG = 4 * WIDE_SIZE };

enum wide_level { WIDE_PLAIN, WIDE_AVX2 };
static inline enum wide_level wide_level(void); /* the best that runs here */

struct wide {
	uint64_t (*equal)(const char *p, char c);         /* c */
	uint64_t (*from)(const char *p, unsigned char c); /* c and above, unsigned */
	uint64_t (*high)(const char *p);                  /* 80-FF */
	uint64_t (*tails)(const char *p);                 /* 80-BF */
	uint64_t (*escapes)(const char *p);               /* what a JSON string escapes */
};

#define WIDE_INLINE static inline __attribute__((always_inline))

#define WIDE_QUARTERS(classify, ...)                                           \
	((uint64_t)classify(simd_load(p)__VA_ARGS__) |                         \
	    (uint64_t)classify(simd_load(p + 16)__VA_ARGS__) << 16 |           \
	    (uint64_t)classify(simd_load(p + 32)__VA_ARGS__) << 32 |           \
	    (uint64_t)classify(simd_load(p + 48)__VA_ARGS__) << 48)

static inline uint64_t
wide_equal_plain(const char *p, char c)
{
	return WIDE_QUARTERS(simd_equal, , c);
}

static inline uint64_t
wide_from_plain(const char *p, unsigned char c)
{
	return WIDE_QUARTERS(simd_from, , c);
}

static inline uint64_t
wide_high_plain(const char *p)
{
	return WIDE_QUARTERS(simd_high, );
}

static inline uint64_t
wide_tails_plain(const char *p)
{
	return WIDE_QUARTERS(simd_tails, );
}

static inline uint64_t
wide_escapes_plain(const char *p)
{
	return WIDE_QUARTERS(simd_escapes, );
}

#define WIDE_TABLE(level)                                                      \
	static const struct wide wide_##level = {                              \
		wide_equal_##level, wide_from_##level, wide_high_##level,      \
		wide_tails_##level, wide_escapes_##level                       \
	}
#define WIDE_ONE(target, level, type, name, parameters, ...)                   \
	target static type name##_##level parameters                           \
	{                                                                      \
		return name(&wide_##level, __VA_ARGS__);                       \
	}

WIDE_TABLE(plain);

#if !defined(__x86_64__) || defined(C1V_NO_SIMD)

#define WIDE_EACH(type, name, parameters, ...) WIDE_ONE(, plain, type, name, parameters, __VA_ARGS__)
#define WIDE_CALL(level, name, ...) ((void)(level), name##_plain(__VA_ARGS__))

static inline enum wide_level
wide_level(void)
{
	return WIDE_PLAIN;
}

#else

#define WIDE_X86
#define WIDE_TARGET __attribute__((target("avx2,popcnt")))
#define WIDE_EACH(type, name, parameters, ...)                                 \
	WIDE_ONE(, plain, type, name, parameters, __VA_ARGS__)                 \
	WIDE_ONE(WIDE_TARGET, avx2, type, name, parameters, __VA_ARGS__)
#define WIDE_CALL(level, name, ...)                                            \
	((level) == WIDE_AVX2 ? name##_avx2(__VA_ARGS__) : name##_plain(__VA_ARGS__))

static inline enum wide_level
wide_level(void)
{
	return cpu_has(CPU_AVX2) ? WIDE_AVX2 : WIDE_PLAIN;
}

#include <immintrin.h>

WIDE_TARGET static inline __m256i
wide_half(const char *p)
{
	return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

WIDE_TARGET static inline uint64_t
wide_join(__m256i low, __m256i high)
{
	return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
}

WIDE_TARGET static inline uint64_t
wide_equal_avx2(const char *p, char c)
{
	__m256i x = _mm256_set1_epi8(c);

	return wide_join(_mm256_cmpeq_epi8(wide_half(p), x), _mm256_cmpeq_epi8(wide_half(p + 32), x));
}

WIDE_TARGET static inline uint64_t
wide_from_avx2(const char *p, unsigned char c)
{
	__m256i x = _mm256_set1_epi8((char)c), low = wide_half(p), high = wide_half(p + 32);

	return wide_join(_mm256_cmpeq_epi8(_mm256_max_epu8(low, x), low),
	    _mm256_cmpeq_epi8(_mm256_max_epu8(high, x), high));
}

WIDE_TARGET static inline uint64_t
wide_high_avx2(const char *p)
{
	return wide_join(wide_half(p), wide_half(p + 32));
}

WIDE_TARGET static inline uint64_t
wide_tails_avx2(const char *p)
{
	__m256i x = _mm256_set1_epi8(-64);

	return wide_join(_mm256_cmpgt_epi8(x, wide_half(p)), _mm256_cmpgt_epi8(x, wide_half(p + 32)));
}

WIDE_TARGET static inline __m256i
wide_odd(__m256i x)
{
	__m256i odd = _mm256_cmpeq_epi8(_mm256_min_epu8(x, _mm256_set1_epi8(0x1f)), x);

	odd = _mm256_or_si256(odd, _mm256_cmpeq_epi8(x, _mm256_set1_epi8('"')));
	return _mm256_or_si256(odd, _mm256_cmpeq_epi8(x, _mm256_set1_epi8('\\')));
}

WIDE_TARGET static inline uint64_t
wide_escapes_avx2(const char *p)
{
	return wide_join(wide_odd(wide_half(p)), wide_odd(wide_half(p + 32)));
}

WIDE_TABLE(avx2);

#endif
#endif

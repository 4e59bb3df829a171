#include "embed/accumulate.h"

#ifdef ACCUMULATE_X86

#include <immintrin.h>

/* The sums stay in registers while all rows go by: sixteen of them, which is a
 * row of 256, or four. */

enum { WIDE = 256, LANES512 = 16, LANES256 = 8 };

__attribute__((target("avx512f,avx512bw"))) static inline __m512
add16(__m512 sum, const int8_t *row, __m512 scale)
{
	__m128i bytes = _mm_load_si128((const __m128i *)(const void *)row);
	__m512 value = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));

	return _mm512_add_ps(sum, _mm512_mul_ps(value, scale));
}

#define EACH_OF_4(DO) DO(0) DO(1) DO(2) DO(3)
#define EACH_OF_8(DO) EACH_OF_4(DO) DO(4) DO(5) DO(6) DO(7)
#define EACH_OF_16(DO) EACH_OF_8(DO) DO(8) DO(9) DO(10) DO(11) DO(12) DO(13) DO(14) DO(15)

#define LOAD512(k) __m512 s##k = _mm512_load_ps(sums + at + (k) * LANES512);
#define ADD512(k) s##k = add16(s##k, row + (k) * LANES512, scale);
#define STORE512(k) _mm512_store_ps(sums + at + (k) * LANES512, s##k);

__attribute__((target("avx512f,avx512bw"))) static void
wide_avx512(const struct rows *r, const uint32_t *ids, size_t n, float *sums, size_t at)
{
	EACH_OF_16(LOAD512)
	for (size_t i = 0; i < n; i++) {
		const int8_t *row = r->row + (size_t)ids[i] * r->stride + at;
		__m512 scale = _mm512_set1_ps(r->scale[ids[i]]);

		accumulate_prefetch(r, ids, i, n, at, WIDE);
		EACH_OF_16(ADD512)
	}
	EACH_OF_16(STORE512)
}

__attribute__((target("avx512f,avx512bw"))) static void
step_avx512(const struct rows *r, const uint32_t *ids, size_t n, float *sums, size_t at)
{
	EACH_OF_4(LOAD512)
	for (size_t i = 0; i < n; i++) {
		const int8_t *row = r->row + (size_t)ids[i] * r->stride + at;
		__m512 scale = _mm512_set1_ps(r->scale[ids[i]]);

		accumulate_prefetch(r, ids, i, n, at, ACCUMULATE_STEP);
		EACH_OF_4(ADD512)
	}
	EACH_OF_4(STORE512)
}

void
accumulate_avx512(const struct rows *r, const uint32_t *ids, size_t n, float *sums)
{
	size_t at = 0;

	for (; r->stride - at >= WIDE; at += WIDE)
		wide_avx512(r, ids, n, sums, at);
	for (; at < r->stride; at += ACCUMULATE_STEP)
		step_avx512(r, ids, n, sums, at);
}

__attribute__((target("avx2"))) static inline __m256
add8(__m256 sum, const int8_t *row, __m256 scale)
{
	__m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)row);
	__m256 value = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));

	return _mm256_add_ps(sum, _mm256_mul_ps(value, scale));
}

#define LOAD256(k) __m256 s##k = _mm256_load_ps(sums + at + (k) * LANES256);
#define ADD256(k) s##k = add8(s##k, row + (k) * LANES256, scale);
#define STORE256(k) _mm256_store_ps(sums + at + (k) * LANES256, s##k);

__attribute__((target("avx2"))) void
accumulate_avx2(const struct rows *r, const uint32_t *ids, size_t n, float *sums)
{
	for (size_t at = 0; at < r->stride; at += ACCUMULATE_STEP) {
		EACH_OF_8(LOAD256)
		for (size_t i = 0; i < n; i++) {
			const int8_t *row = r->row + (size_t)ids[i] * r->stride + at;
			__m256 scale = _mm256_set1_ps(r->scale[ids[i]]);

			accumulate_prefetch(r, ids, i, n, at, ACCUMULATE_STEP);
			EACH_OF_8(ADD256)
		}
		EACH_OF_8(STORE256)
	}
}

#endif

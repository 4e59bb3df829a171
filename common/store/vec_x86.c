/* The loops of vec for x86-64: SSSE3, AVX2, and AVX-512 with byte operations and
 * VNNI (a processor with AVX-512 but without VNNI is no faster with it than with
 * AVX2, and takes AVX2).
 *
 * Codes are unsigned, the query signed, which is what pmaddubsw multiplies: two
 * products a 16-bit lane, at most 2 * 15 * 127 = 3810. Eight of them fit. */
#include "store/vec_path.h"

#if defined(VEC_X86)

#include <immintrin.h>

#include "base/cpu.h"

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vnni")))
#define AVX2 __attribute__((target("avx2")))
#define SSE __attribute__((target("ssse3")))

int
vec_here_avx512(void)
{
	return cpu_has(CPU_AVX512) && cpu_has(CPU_VNNI);
}

int
vec_here_avx2(void)
{
	return cpu_has(CPU_AVX2);
}

int
vec_here_sse(void)
{
	return cpu_has(CPU_SSSE3);
}

/* Four sums of four lanes each, into one. */
SSE static inline __m128i
sum_of_four(__m128i a, __m128i b, __m128i c, __m128i d)
{
	return _mm_hadd_epi32(_mm_hadd_epi32(a, b), _mm_hadd_epi32(c, d));
}

/* --- AVX-512 ---------------------------------------------------------------- */

/* The codes of a block, both nibbles of each byte, meet the query. The high
 * nibbles stay where they are, times 16, in a sum of their own. */
AVX512 static inline void
add_avx512(const uint8_t *codes, __m512i even, __m512i odd, __m512i *low, __m512i *high)
{
	__m512i x = _mm512_loadu_si512(codes), mask = _mm512_set1_epi8(15);

	*low = _mm512_dpbusd_epi32(*low, _mm512_and_si512(x, mask), even);
	*high = _mm512_dpbusd_epi32(*high, _mm512_andnot_si512(mask, x), odd);
}

AVX512 static inline __m128i
fold_avx512(__m512i low, __m512i high)
{
	__m512i x = _mm512_add_epi32(low, _mm512_srai_epi32(high, 4));
	__m256i y = _mm256_add_epi32(_mm512_castsi512_si256(x), _mm512_extracti64x4_epi64(x, 1));

	return _mm_add_epi32(_mm256_castsi256_si128(y), _mm256_extracti128_si256(y, 1));
}

AVX512 void
vec_sums_avx512(const struct vec_query *q, const uint8_t *codes, size_t n, int32_t *out)
{
	size_t size = q->size;

	for (; n >= 4; n -= 4, codes += 4 * size, out += 4) {
		__m512i low[4] = {0}, high[4] = {0};
		__m128i sums;

		for (size_t b = 0; b < q->count; b++) {
			__m512i even = _mm512_loadu_si512(q->blocks[b].even);
			__m512i odd = _mm512_loadu_si512(q->blocks[b].odd);
			const uint8_t *at = codes + b * VEC_BLOCK;
			add_avx512(at, even, odd, &low[0], &high[0]);
			add_avx512(at + size, even, odd, &low[1], &high[1]);
			add_avx512(at + 2 * size, even, odd, &low[2], &high[2]);
			add_avx512(at + 3 * size, even, odd, &low[3], &high[3]);
		}
		sums = sum_of_four(fold_avx512(low[0], high[0]), fold_avx512(low[1], high[1]),
		    fold_avx512(low[2], high[2]), fold_avx512(low[3], high[3]));
		_mm_storeu_si128((__m128i *)(void *)out, sums);
	}
	for (; n > 0; n--, codes += size, out++) {
		__m512i low = _mm512_setzero_si512(), high = low;

		for (size_t b = 0; b < q->count; b++)
			add_avx512(codes + b * VEC_BLOCK, _mm512_loadu_si512(q->blocks[b].even),
			    _mm512_loadu_si512(q->blocks[b].odd), &low, &high);
		*out = _mm512_reduce_add_epi32(_mm512_add_epi32(low, _mm512_srai_epi32(high, 4)));
	}
}

AVX512 float
vec_dot_avx512(const float *a, const float *b, size_t d)
{
	__m512 x = _mm512_setzero_ps(), y = x;
	float lanes[VEC_LANES];
	size_t i = 0;

	for (; d - i >= VEC_LANES; i += VEC_LANES) {
		x = _mm512_add_ps(x, _mm512_mul_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i)));
		y = _mm512_add_ps(y, _mm512_mul_ps(_mm512_loadu_ps(a + i + 16), _mm512_loadu_ps(b + i + 16)));
	}
	_mm512_storeu_ps(lanes, x);
	_mm512_storeu_ps(lanes + 16, y);
	return vec_dot_finish(lanes, a, b, i, d);
}

/* --- AVX2 ------------------------------------------------------------------- */

AVX2 static inline __m256i /* half a block: 16-bit sums of four products */
half_avx2(const uint8_t *codes, const int8_t *even, const int8_t *odd)
{
	__m256i x = _mm256_loadu_si256((const __m256i *)(const void *)codes);
	__m256i mask = _mm256_set1_epi8(15);
	__m256i low = _mm256_and_si256(x, mask), high = _mm256_and_si256(_mm256_srli_epi16(x, 4), mask);

	low = _mm256_maddubs_epi16(low, _mm256_loadu_si256((const __m256i *)(const void *)even));
	high = _mm256_maddubs_epi16(high, _mm256_loadu_si256((const __m256i *)(const void *)odd));
	return _mm256_add_epi16(low, high);
}

AVX2 static inline __m256i
add_avx2(__m256i sum, const uint8_t *codes, const struct vec_block *b)
{
	__m256i x = _mm256_add_epi16(half_avx2(codes, b->even, b->odd),
	    half_avx2(codes + 32, b->even + 32, b->odd + 32));

	return _mm256_add_epi32(sum, _mm256_madd_epi16(x, _mm256_set1_epi16(1)));
}

AVX2 static inline __m128i
fold_avx2(__m256i x)
{
	return _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
}

AVX2 void
vec_sums_avx2(const struct vec_query *q, const uint8_t *codes, size_t n, int32_t *out)
{
	size_t size = q->size;

	for (; n >= 4; n -= 4, codes += 4 * size, out += 4) {
		__m256i s0 = _mm256_setzero_si256(), s1 = s0, s2 = s0, s3 = s0;
		__m128i sums;

		for (size_t b = 0; b < q->count; b++) {
			const uint8_t *at = codes + b * VEC_BLOCK;
			s0 = add_avx2(s0, at, &q->blocks[b]);
			s1 = add_avx2(s1, at + size, &q->blocks[b]);
			s2 = add_avx2(s2, at + 2 * size, &q->blocks[b]);
			s3 = add_avx2(s3, at + 3 * size, &q->blocks[b]);
		}
		sums = sum_of_four(fold_avx2(s0), fold_avx2(s1), fold_avx2(s2), fold_avx2(s3));
		_mm_storeu_si128((__m128i *)(void *)out, sums);
	}
	for (; n > 0; n--, codes += size, out++) {
		__m256i sum = _mm256_setzero_si256();
		__m128i x;

		for (size_t b = 0; b < q->count; b++)
			sum = add_avx2(sum, codes + b * VEC_BLOCK, &q->blocks[b]);
		x = fold_avx2(sum);
		*out = _mm_cvtsi128_si32(sum_of_four(x, x, x, x));
	}
}

AVX2 static inline __m256
product_avx2(const float *a, const float *b)
{
	return _mm256_mul_ps(_mm256_loadu_ps(a), _mm256_loadu_ps(b));
}

AVX2 float
vec_dot_avx2(const float *a, const float *b, size_t d)
{
	__m256 x[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
	float lanes[VEC_LANES];
	size_t i = 0;

	for (; d - i >= VEC_LANES; i += VEC_LANES) {
		x[0] = _mm256_add_ps(x[0], product_avx2(a + i, b + i));
		x[1] = _mm256_add_ps(x[1], product_avx2(a + i + 8, b + i + 8));
		x[2] = _mm256_add_ps(x[2], product_avx2(a + i + 16, b + i + 16));
		x[3] = _mm256_add_ps(x[3], product_avx2(a + i + 24, b + i + 24));
	}
	for (size_t j = 0; j < 4; j++)
		_mm256_storeu_ps(lanes + 8 * j, x[j]);
	return vec_dot_finish(lanes, a, b, i, d);
}

/* --- SSSE3 ------------------------------------------------------------------ */

SSE static inline __m128i /* a quarter of a block */
quarter_sse(const uint8_t *codes, const int8_t *even, const int8_t *odd)
{
	__m128i x = _mm_loadu_si128((const __m128i *)(const void *)codes), mask = _mm_set1_epi8(15);
	__m128i low = _mm_and_si128(x, mask), high = _mm_and_si128(_mm_srli_epi16(x, 4), mask);

	low = _mm_maddubs_epi16(low, _mm_loadu_si128((const __m128i *)(const void *)even));
	high = _mm_maddubs_epi16(high, _mm_loadu_si128((const __m128i *)(const void *)odd));
	return _mm_add_epi16(low, high);
}

SSE static inline __m128i
add_sse(__m128i sum, const uint8_t *codes, const struct vec_block *b)
{
	__m128i x = quarter_sse(codes, b->even, b->odd);

	for (int i = 16; i < VEC_BLOCK; i += 16)
		x = _mm_add_epi16(x, quarter_sse(codes + i, b->even + i, b->odd + i));
	return _mm_add_epi32(sum, _mm_madd_epi16(x, _mm_set1_epi16(1)));
}

SSE void
vec_sums_sse(const struct vec_query *q, const uint8_t *codes, size_t n, int32_t *out)
{
	for (; n > 0; n--, codes += q->size, out++) {
		__m128i sum = _mm_setzero_si128();

		for (size_t b = 0; b < q->count; b++)
			sum = add_sse(sum, codes + b * VEC_BLOCK, &q->blocks[b]);
		*out = _mm_cvtsi128_si32(sum_of_four(sum, sum, sum, sum));
	}
}

SSE float
vec_dot_sse(const float *a, const float *b, size_t d)
{
	__m128 x[VEC_LANES / 4];
	float lanes[VEC_LANES];
	size_t i = 0;

	for (size_t j = 0; j < VEC_LANES / 4; j++)
		x[j] = _mm_setzero_ps();
	for (; d - i >= VEC_LANES; i += VEC_LANES)
		for (size_t j = 0; j < VEC_LANES / 4; j++)
			x[j] = _mm_add_ps(x[j], _mm_mul_ps(_mm_loadu_ps(a + i + 4 * j), _mm_loadu_ps(b + i + 4 * j)));
	for (size_t j = 0; j < VEC_LANES / 4; j++)
		_mm_storeu_ps(lanes + 4 * j, x[j]);
	return vec_dot_finish(lanes, a, b, i, d);
}

#else
typedef int vec_x86_not_here; /* a file must not be empty */
#endif

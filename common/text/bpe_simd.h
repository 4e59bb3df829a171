/* bpe_simd: classes of sixteen ASCII bytes, as masks (see base/simd.h). Bytes
 * from 80 up are in none of them. */
#ifndef C1V_TEXT_BPE_SIMD_H
#define C1V_TEXT_BPE_SIMD_H

#include "base/simd.h"

#if defined(__SSE2__) && !defined(C1V_NO_SIMD)

static inline uint32_t /* bytes from low to low + span */
bpe_range(simd_block x, unsigned char low, unsigned char span)
{
	__m128i d = _mm_sub_epi8(x, _mm_set1_epi8((char)low));

	return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(d, _mm_set1_epi8((char)span)), d));
}

static inline uint32_t
bpe_letters(simd_block x)
{
	return bpe_range(_mm_or_si128(x, _mm_set1_epi8(0x20)), 'a', 25);
}

#elif defined(__aarch64__) && defined(__ARM_NEON) && !defined(C1V_NO_SIMD)

static inline uint32_t
bpe_range(simd_block x, unsigned char low, unsigned char span)
{
	return simd_mask(vcleq_u8(vsubq_u8(x, vdupq_n_u8(low)), vdupq_n_u8(span)));
}

static inline uint32_t
bpe_letters(simd_block x)
{
	return bpe_range(vorrq_u8(x, vdupq_n_u8(0x20)), 'a', 25);
}

#else

static inline uint32_t
bpe_range(simd_block x, unsigned char low, unsigned char span)
{
	uint32_t mask = 0;

	for (unsigned i = 0; i < SIMD_SIZE; i++)
		mask |= (uint32_t)((unsigned char)(x.b[i] - low) <= span) << i;
	return mask;
}

static inline uint32_t
bpe_letters(simd_block x)
{
	return bpe_range(x, 'a', 25) | bpe_range(x, 'A', 25);
}

#endif

static inline uint32_t /* white space, newlines among it */
bpe_spaces(simd_block x)
{
	return bpe_range(x, '\t', '\r' - '\t') | simd_equal(x, ' ');
}

static inline uint32_t /* ASCII that is neither letter, digit nor white space */
bpe_signs(simd_block x)
{
	return SIMD_FULL & ~(bpe_letters(x) | bpe_range(x, '0', 9) | bpe_spaces(x) | simd_high(x));
}

static inline unsigned /* how many bytes the mask begins with; SIMD_SIZE: all */
bpe_run(uint32_t mask)
{
	return (unsigned)__builtin_ctz(~mask | 1u << SIMD_SIZE);
}

#endif

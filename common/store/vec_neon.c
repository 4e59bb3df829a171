/* The loops of vec for arm64. Codes fit signed bytes: products with the query
 * are at most 15 * 127 = 1905, and a 16-bit lane takes the sixteen of a block. */
#include "store/vec_path.h"

#if defined(VEC_NEON)

#include <arm_neon.h>

static inline int16x8_t /* a quarter of a block: four products a lane */
add_quarter(int16x8_t sum, const uint8_t *codes, const int8_t *even, const int8_t *odd)
{
	uint8x16_t x = vld1q_u8(codes);
	int8x16_t low = vreinterpretq_s8_u8(vandq_u8(x, vdupq_n_u8(15)));
	int8x16_t high = vreinterpretq_s8_u8(vshrq_n_u8(x, 4));
	int8x16_t e = vld1q_s8(even), o = vld1q_s8(odd);

	sum = vmlal_s8(sum, vget_low_s8(low), vget_low_s8(e));
	sum = vmlal_s8(sum, vget_high_s8(low), vget_high_s8(e));
	sum = vmlal_s8(sum, vget_low_s8(high), vget_low_s8(o));
	return vmlal_s8(sum, vget_high_s8(high), vget_high_s8(o));
}

static inline int32x4_t
add_block(int32x4_t sum, const uint8_t *codes, const struct vec_block *b)
{
	int16x8_t x = vdupq_n_s16(0);

	for (int i = 0; i < VEC_BLOCK; i += 16)
		x = add_quarter(x, codes + i, b->even + i, b->odd + i);
	return vpadalq_s16(sum, x);
}

void
vec_sums_neon(const struct vec_query *q, const uint8_t *codes, size_t n, int32_t *out)
{
	for (; n > 0; n--, codes += q->size, out++) {
		int32x4_t sum = vdupq_n_s32(0);

		for (size_t b = 0; b < q->count; b++)
			sum = add_block(sum, codes + b * VEC_BLOCK, &q->blocks[b]);
		*out = vaddvq_s32(sum);
	}
}

float
vec_dot_neon(const float *a, const float *b, size_t d)
{
	float32x4_t x[VEC_LANES / 4];
	float lanes[VEC_LANES];
	size_t i = 0;

	for (size_t j = 0; j < VEC_LANES / 4; j++)
		x[j] = vdupq_n_f32(0);
	for (; d - i >= VEC_LANES; i += VEC_LANES)
		for (size_t j = 0; j < VEC_LANES / 4; j++) {
			float32x4_t product = vmulq_f32(vld1q_f32(a + i + 4 * j), vld1q_f32(b + i + 4 * j));
			x[j] = vaddq_f32(x[j], product);
		}
	for (size_t j = 0; j < VEC_LANES / 4; j++)
		vst1q_f32(lanes + 4 * j, x[j]);
	return vec_dot_finish(lanes, a, b, i, d);
}

#else
typedef int vec_neon_not_here; /* a file must not be empty */
#endif

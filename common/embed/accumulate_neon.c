#include "embed/accumulate.h"

#ifdef ACCUMULATE_NEON

#include <arm_neon.h>

enum { LANES = 4, STEP_SUMS = ACCUMULATE_STEP / LANES };

/* Sixteen bytes to four sums. */
static inline void
add16(float32x4_t *sum, const int8_t *row, float scale)
{
	int8x16_t bytes = vld1q_s8(row);
	int16x8_t low = vmovl_s8(vget_low_s8(bytes)), high = vmovl_s8(vget_high_s8(bytes));
	int32x4_t value[4] = {
		vmovl_s16(vget_low_s16(low)), vmovl_s16(vget_high_s16(low)),
		vmovl_s16(vget_low_s16(high)), vmovl_s16(vget_high_s16(high))
	};

	for (int k = 0; k < 4; k++) {
		float32x4_t product = vmulq_n_f32(vcvtq_f32_s32(value[k]), scale);
		sum[k] = vaddq_f32(sum[k], product);
	}
}

void
accumulate_neon(const struct rows *r, const uint32_t *ids, size_t n, float *sums)
{
	for (size_t at = 0; at < r->stride; at += ACCUMULATE_STEP) {
		float32x4_t s[STEP_SUMS];

		for (int k = 0; k < STEP_SUMS; k++)
			s[k] = vld1q_f32(sums + at + k * LANES);
		for (size_t i = 0; i < n; i++) {
			const int8_t *row = r->row + (size_t)ids[i] * r->stride + at;

			accumulate_prefetch(r, ids, i, n, at, ACCUMULATE_STEP);
			for (int k = 0; k < STEP_SUMS; k += 4)
				add16(s + k, row + k * LANES, r->scale[ids[i]]);
		}
		for (int k = 0; k < STEP_SUMS; k++)
			vst1q_f32(sums + at + k * LANES, s[k]);
	}
}

#endif

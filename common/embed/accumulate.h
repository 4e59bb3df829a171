/* accumulate: the sum of rows, one set of loops for each kind of processor.
 *
 * All give the same bits: each component is a sum of its own, in the order of
 * the ids, and a product is rounded before it is added (no fused operation). */
#ifndef C1V_EMBED_ACCUMULATE_H
#define C1V_EMBED_ACCUMULATE_H

#include <stddef.h>
#include <stdint.h>

/* Rows of int8 with a scale each. stride is a multiple of 64; rows are aligned
 * to 64 bytes. */
struct rows {
	const int8_t *row;
	const float *scale;
	size_t stride;
};

/* Add scale * row of each id to sums (stride floats, aligned to 64 bytes). The
 * ids are in range. */
typedef void accumulate_fn(const struct rows *r, const uint32_t *ids, size_t n, float *sums);

/* The loops of this name (scalar, avx2, avx512, neon), or NULL when they are not
 * compiled in or cannot run here; NULL as name: the best. */
accumulate_fn *accumulate_find(const char *name);

enum {
	ACCUMULATE_STEP = 64, /* components that the loops take at a time, at least */
	ACCUMULATE_AHEAD = 6  /* rows that are asked of memory before they are needed */
};

/* Ask memory for the part of a row that will be added soon. */
static inline void
accumulate_prefetch(const struct rows *r, const uint32_t *ids, size_t i, size_t n, size_t at, size_t bytes)
{
	const char *p;

	if (i + ACCUMULATE_AHEAD >= n)
		return;
	p = (const char *)r->row + (size_t)ids[i + ACCUMULATE_AHEAD] * r->stride + at;
	for (size_t line = 0; line < bytes; line += 64)
		__builtin_prefetch(p + line);
}

#if defined(__x86_64__) || defined(__i386__)
#define ACCUMULATE_X86
accumulate_fn accumulate_avx512, accumulate_avx2;
#elif defined(__aarch64__) && defined(__ARM_NEON)
#define ACCUMULATE_NEON
accumulate_fn accumulate_neon;
#endif

#endif

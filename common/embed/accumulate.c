#include "embed/accumulate.h"

#include <string.h>

#include "base/cpu.h"

static inline void /* of a length that compilers know */
add_step(const int8_t *restrict row, float scale, float *restrict sums)
{
	for (int k = 0; k < ACCUMULATE_STEP; k++) {
		float product = (float)row[k] * scale;
		sums[k] += product;
	}
}

static void
accumulate_scalar(const struct rows *r, const uint32_t *ids, size_t n, float *sums)
{
	for (size_t i = 0; i < n; i++) {
		const int8_t *row = r->row + (size_t)ids[i] * r->stride;
		float scale = r->scale[ids[i]];

		accumulate_prefetch(r, ids, i, n, 0, r->stride);
		for (size_t d = 0; d < r->stride; d += ACCUMULATE_STEP) {
			add_step(row + d, scale, sums + d);
		}
	}
}

static int
always(void)
{
	return 1;
}

#ifdef ACCUMULATE_X86
static int
here_avx512(void)
{
	return cpu_has(CPU_AVX512);
}

static int
here_avx2(void)
{
	return cpu_has(CPU_AVX2);
}
#endif

/* Best first. */
static const struct path {
	const char *name;
	int (*here)(void);
	accumulate_fn *fn;
} paths[] = {
#if defined(ACCUMULATE_X86)
	{"avx512", here_avx512, accumulate_avx512},
	{"avx2", here_avx2, accumulate_avx2},
#elif defined(ACCUMULATE_NEON)
	{"neon", always, accumulate_neon},
#endif
	{"scalar", always, accumulate_scalar},
};

accumulate_fn *
accumulate_find(const char *name)
{
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if ((name == NULL || strcmp(name, paths[i].name) == 0) && paths[i].here())
			return paths[i].fn;
	}
	return NULL;
}

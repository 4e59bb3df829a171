#include "store/vec.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/vec_path.h"

/* --- the plain loops, which the others must equal ------------------------- */

static void
scalar_sums(const struct vec_query *q, const uint8_t *codes, size_t n, int32_t *out)
{
	for (size_t i = 0; i < n; i++, codes += q->size) {
		int32_t sum = 0;

		for (size_t at = 0; at < q->size; at++) {
			const struct vec_block *b = &q->blocks[at / VEC_BLOCK];
			sum += (codes[at] & 15) * b->even[at % VEC_BLOCK] +
			    (codes[at] >> 4) * b->odd[at % VEC_BLOCK];
		}
		out[i] = sum;
	}
}

static float
scalar_dot(const float *a, const float *b, size_t d)
{
	float lanes[VEC_LANES] = {0};
	size_t i = 0;

	for (; d - i >= VEC_LANES; i += VEC_LANES)
		for (size_t j = 0; j < VEC_LANES; j++) {
			float product = vec_at(a, i + j) * vec_at(b, i + j);
			lanes[j] += product;
		}
	return vec_dot_finish(lanes, a, b, i, d);
}

static int
always(void)
{
	return 1;
}

/* --- the choice ----------------------------------------------------------- */

/* Best first. */
static const struct vec_path paths[] = {
#if defined(VEC_X86)
	{"avx512", vec_here_avx512, vec_sums_avx512, vec_dot_avx512},
	{"avx2", vec_here_avx2, vec_sums_avx2, vec_dot_avx2},
	{"sse", vec_here_sse, vec_sums_sse, vec_dot_sse},
#elif defined(VEC_NEON)
	{"neon", always, vec_sums_neon, vec_dot_neon},
#endif
	{"scalar", always, scalar_sums, scalar_dot},
};

const struct vec_path *
vec_path_find(const char *name)
{
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if ((name == NULL || strcmp(name, paths[i].name) == 0) && paths[i].here())
			return &paths[i];
	return NULL;
}

/* Looked up once: a dot product takes less time than asking the environment.
 * Threads that race here find the same. */
static const struct vec_path *
chosen(void)
{
	static const struct vec_path *known;
	const struct vec_path *p = __atomic_load_n(&known, __ATOMIC_RELAXED);
	const char *name;

	if (p != NULL)
		return p;
	name = getenv("C1V_SIMD");
	p = vec_path_find(name && *name ? name : NULL);
	if (p == NULL)
		p = vec_path_find(NULL);
	__atomic_store_n(&known, p, __ATOMIC_RELAXED);
	return p;
}

const char *
vec_simd(void)
{
	return chosen()->name;
}

/* --- floats --------------------------------------------------------------- */

float
vec_dot(const float *a, const float *b, size_t d)
{
	return chosen()->dot(a, b, d);
}

/* In double where the squares leave the range in which float32 is precise. */
static double
norm(const float *a, size_t d)
{
	float fast = chosen()->dot(a, a, d);
	double sum = 0;

	if (fast > 1e-20f && fast < 1e30f)
		return sqrt((double)fast);
	for (size_t i = 0; i < d; i++) {
		double square = (double)vec_at(a, i) * (double)vec_at(a, i);
		sum += square;
	}
	return sqrt(sum);
}

float
vec_norm(const float *a, size_t d)
{
	return (float)norm(a, d);
}

int
vec_unit(const float *a, size_t d, float *out)
{
	double length = norm(a, d);

	if (!(length > 0) || !isfinite(length))
		return 0;
	for (size_t i = 0; i < d; i++) {
		float v = (float)((double)vec_at(a, i) / length);
		memcpy((char *)out + i * sizeof(v), &v, sizeof(v));
	}
	return 1;
}

/* --- queries -------------------------------------------------------------- */

struct vec_query *
vec_query_new(const float *unit, size_t d)
{
	size_t size = vec_code_size(d), count = (size + VEC_BLOCK - 1) / VEC_BLOCK;
	struct vec_query *q = mem_zero(1, sizeof(*q) + count * sizeof(q->blocks[0]));
	float *x = mem_alloc(d * sizeof(*x)), most = 0;
	int32_t sum = 0;

	vec_rotate(unit, d, x);
	for (size_t i = 0; i < d; i++)
		most = fmaxf(most, fabsf(x[i]));
	*q = (struct vec_query){.path = chosen(), .size = size, .count = count, .unit = most / 127};
	for (size_t i = 0; i < d && most > 0; i++) {
		struct vec_block *b = &q->blocks[i / 2 / VEC_BLOCK];
		int8_t v = (int8_t)lrintf(x[i] / most * 127);
		(i % 2 ? b->odd : b->even)[i / 2 % VEC_BLOCK] = v;
		sum += v;
	}
	q->scale = q->unit / 2; /* the codes lie at 2 * code - 15 halves of a step */
	q->bias = 15 * sum;
	free(x);
	return q;
}

void
vec_query_free(struct vec_query *q)
{
	free(q);
}

/* --- scanning ------------------------------------------------------------- */

enum { BATCH = 256 };

static void
estimates(const struct vec_query *q, const int32_t *sums, const float *steps, size_t n, float *out)
{
	for (size_t i = 0; i < n; i++) {
		float step = vec_at(steps, i), scaled = (float)(2 * sums[i] - q->bias) * q->scale;
		out[i] = step == 0 ? -2 : scaled * step;
	}
}

static void
scan(const struct vec_query *q, vec_sums_fn *fn, const uint8_t *codes, const float *steps,
    size_t n, float *out)
{
	int32_t sums[BATCH];

	for (size_t i = 0; i < n; i += BATCH) {
		size_t some = n - i < BATCH ? n - i : BATCH;
		fn(q, codes + i * q->size, some, sums);
		estimates(q, sums, steps + i, some, out + i);
	}
}

/* The loops read whole blocks: fine as long as these lie inside the codes. What
 * is behind a vector meets zeros. The plain loop, which reads no more than the
 * codes, takes the last few. */
void
vec_scan(const struct vec_query *q, const uint8_t *codes, const float *steps, size_t n, float *out)
{
	size_t wide = q->count * VEC_BLOCK, whole = 0;

	if (n * q->size >= wide)
		whole = (n * q->size - wide) / q->size + 1;
	scan(q, q->path->sums, codes, steps, whole, out);
	scan(q, scalar_sums, codes + whole * q->size, steps + whole, n - whole, out + whole);
}

/* An error of 0.32 steps a component (evenly spread it would be 1/sqrt(12); the
 * rest is clipping, see vec_encode.c) adds up to 0.32 * step * |q|, for the
 * rotation makes the components' errors independent of the query; the query's
 * own rounding likewise. Six of these, with |q| = 1. */
float
vec_error(const struct vec_query *q, float step)
{
	return 6 * 0.32f * (step + q->unit);
}

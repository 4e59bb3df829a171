/* vec_path: the inner loops of vec, one set for each kind of processor. Private
 * to vec*.c and their tests.
 *
 * All sets give the same bits: dot products of codes are sums of integers, and
 * those of floats follow one order, VEC_LANES sums side by side that are added
 * up as a tree. A product is rounded before it is added (no fused operation). */
#ifndef C1V_STORE_VEC_PATH_H
#define C1V_STORE_VEC_PATH_H

#include <string.h>

#include "store/vec.h"

enum {
	VEC_BLOCK = 64, /* bytes of codes that a step of the loops takes */
	VEC_LANES = 32
};

/* One block of a query: what meets the low and the high nibbles. */
struct vec_block {
	int8_t even[VEC_BLOCK], odd[VEC_BLOCK];
};

struct vec_query {
	const struct vec_path *path;
	size_t size;         /* bytes of the codes of a vector */
	float unit;          /* component ~ unit * its int8 */
	float scale;         /* of 2 * sum - bias, to be multiplied with the step */
	int32_t bias;        /* 15 * sum of the query's int8 */
	size_t count;        /* blocks; zeros beyond the last component */
	struct vec_block blocks[];
};

/* For each of n vectors, q->size bytes apart: the sum of code * query. Reads
 * whole blocks, that is, up to VEC_BLOCK - 1 bytes behind the vector (the
 * scalar loop: nothing behind it). |sum| <= 15 * 127 * d. */
typedef void vec_sums_fn(const struct vec_query *q, const uint8_t *codes, size_t n, int32_t *out);
typedef float vec_dot_fn(const float *a, const float *b, size_t d);

struct vec_path {
	const char *name;
	int (*here)(void); /* can this processor run it? */
	vec_sums_fn *sums;
	vec_dot_fn *dot;
};

/* The path of this name, or NULL when it is not compiled in or cannot run here;
 * NULL as name: the best. */
const struct vec_path *vec_path_find(const char *name);

#if defined(__x86_64__)
#define VEC_X86
vec_sums_fn vec_sums_avx512, vec_sums_avx2, vec_sums_sse;
vec_dot_fn vec_dot_avx512, vec_dot_avx2, vec_dot_sse;
int vec_here_avx512(void), vec_here_avx2(void), vec_here_sse(void);
#elif defined(__aarch64__) && defined(__ARM_NEON)
#define VEC_NEON
vec_sums_fn vec_sums_neon;
vec_dot_fn vec_dot_neon;
#endif

/* The turned vector, into out (room for d): vec_encode.c. */
void vec_rotate(const float *unit, size_t d, float *out);

static inline float /* p[i], aligned or not */
vec_at(const float *p, size_t i)
{
	float v;

	memcpy(&v, (const char *)p + i * sizeof(v), sizeof(v));
	return v;
}

/* The end of every dot: components from `from` on (fewer than VEC_LANES) into
 * their lanes, then the tree. */
static inline float
vec_dot_finish(float lanes[VEC_LANES], const float *a, const float *b, size_t from, size_t d)
{
	for (size_t i = from; i < d; i++) {
		float product = vec_at(a, i) * vec_at(b, i);
		lanes[i - from] += product;
	}
	for (int i = 0; i < 16; i++)
		lanes[i] += lanes[i + 16];
	for (int i = 0; i < 8; i++)
		lanes[i] += lanes[i + 8];
	for (int i = 0; i < 4; i++)
		lanes[i] += lanes[i + 4];
	lanes[0] += lanes[2];
	lanes[1] += lanes[3];
	return lanes[0] + lanes[1];
}

#endif

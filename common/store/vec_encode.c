/* Encoding: the rotation and the choice of the step. What is here decides what
 * stands in the store: a change is a change of the store's format. */
#include "store/vec.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/vec_path.h"

/* --- the rotation --------------------------------------------------------- */

typedef float four __attribute__((vector_size(16)));

static inline four
load4(const float *p)
{
	four v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline void
store4(float *p, four v)
{
	memcpy(p, &v, sizeof(v));
}

/* The n-th word of a fixed sequence of random bits (splitmix64). */
static uint64_t
random_bits(uint64_t n)
{
	uint64_t z = (n + 1) * 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* What four random bits do to four signs. */
static const float signs[16][4] = {
	{1, 1, 1, 1}, {-1, 1, 1, 1}, {1, -1, 1, 1}, {-1, -1, 1, 1},
	{1, 1, -1, 1}, {-1, 1, -1, 1}, {1, -1, -1, 1}, {-1, -1, -1, 1},
	{1, 1, 1, -1}, {-1, 1, 1, -1}, {1, -1, 1, -1}, {-1, -1, 1, -1},
	{1, 1, -1, -1}, {-1, 1, -1, -1}, {1, -1, -1, -1}, {-1, -1, -1, -1},
};

/* Turn the signs of x at random, the same in every call of this round. */
static void
flip_signs(float *x, size_t n, unsigned round)
{
	uint64_t bits = 0;
	size_t i = 0;

	for (; n - i >= 4; i += 4, bits >>= 4) {
		if (i % 64 == 0)
			bits = random_bits((uint64_t)round << 32 | i / 64);
		store4(x + i, load4(x + i) * load4(signs[bits & 15]));
	}
	if (i < n && i % 64 == 0)
		bits = random_bits((uint64_t)round << 32 | i / 64);
	for (; i < n; i++, bits >>= 1)
		x[i] *= bits & 1 ? -1 : 1;
}

/* The Walsh-Hadamard transform of n = 2^k floats, scaled so that it keeps
 * lengths. */
static void
hadamard(float *x, size_t n)
{
	float scale = (float)(1 / sqrt((double)n));
	size_t h = 1;

	for (; h < 4 && h < n; h *= 2)
		for (size_t i = 0; i < n; i += 2 * h)
			for (size_t j = i; j < i + h; j++) {
				float a = x[j], b = x[j + h];
				x[j] = a + b;
				x[j + h] = a - b;
			}
	for (; h < n; h *= 2)
		for (size_t i = 0; i < n; i += 2 * h)
			for (size_t j = i; j < i + h; j += 4) {
				four a = load4(x + j), b = load4(x + j + h);
				store4(x + j, a + b);
				store4(x + j + h, a - b);
			}
	for (size_t i = 0; i < n; i++)
		x[i] *= scale;
}

/* Random signs, then Hadamard, spread every component over all others, and a
 * vector with a few great components becomes one with many even ones
 * (Ailon and Chazelle 2009). A d that is no power of two is covered by two
 * overlapping windows, twice. */
void
vec_rotate(const float *unit, size_t d, float *out)
{
	size_t window = 1;

	memcpy(out, unit, d * sizeof(*out));
	while (window * 2 <= d)
		window *= 2;
	for (unsigned round = 0; round < (window == d ? 1 : 4); round++) {
		flip_signs(out, d, round);
		hadamard(round % 2 ? out + d - window : out, window);
	}
}

/* --- the codes ------------------------------------------------------------ */

enum { LANES = 16 };

/* A vector, padded with zeros to whole lanes, and one try of a step. The codes
 * lie in the direction of l = 2 * code - 15 (odd, -15..15; half steps). */
struct encoding {
	const float *x;
	size_t padded, pads;
	float xl;   /* x · l */
	double fit; /* (x · l)² / l · l: the better, the nearer l's direction is to x */
};

/* Loops of a fixed length are those that compilers make use of vectors for. */
static inline void
round_lanes(const float *x, float inverse, int32_t code[LANES])
{
	float at[LANES];

	for (int j = 0; j < LANES; j++) {
		at[j] = x[j] * inverse;
		at[j] += 8;
		at[j] = at[j] > 0 ? at[j] : 0;
		at[j] = at[j] < 15 ? at[j] : 15;
	}
	for (int j = 0; j < LANES; j++)
		code[j] = (int32_t)at[j];
}

static float
sum_lanes(float lanes[LANES])
{
	for (size_t n = LANES / 2; n; n /= 2)
		for (size_t j = 0; j < n; j++)
			lanes[j] += lanes[j + n];
	return lanes[0];
}

static void
try_step(struct encoding *e, float step)
{
	float products[LANES] = {0}, squares[LANES] = {0}, inverse = 1 / step;
	int32_t code[LANES];

	for (size_t i = 0; i < e->padded; i += LANES) {
		round_lanes(e->x + i, inverse, code);
		for (int j = 0; j < LANES; j++) {
			float l = (float)(2 * code[j] - 15), product = e->x[i + (size_t)j] * l;
			products[j] += product;
			l *= l;
			squares[j] += l;
		}
	}
	e->xl = sum_lanes(products);
	/* A zero of the padding has code 8, l = 1. */
	e->fit = (double)e->xl * e->xl / (sum_lanes(squares) - (float)e->pads);
}

/* Steps from "nothing is clipped" down, as long as it gets better. For the bell
 * curve that a turned vector has, the best is about a third of its deviation. */
static float
choose_step(struct encoding *e, float most)
{
	float step = most / 7.5f, best = step, xl = 0;
	double fit = -1;

	for (int i = 0; i < 12; i++, step *= 0.92f) {
		try_step(e, step);
		if (e->fit <= fit)
			break;
		fit = e->fit;
		xl = e->xl;
		best = step;
	}
	e->xl = xl;
	return best;
}

static void
write_codes(const float *x, size_t d, float inverse, uint8_t *codes)
{
	int32_t code[LANES];

	for (size_t i = 0; i < d; i += LANES) {
		round_lanes(x + i, inverse, code);
		for (size_t j = 0; j < LANES && i + j < d; j += 2)
			codes[(i + j) / 2] = (uint8_t)(code[j] | (i + j + 1 < d ? code[j + 1] << 4 : 0));
	}
}

/* The step that is returned makes the estimate of x with itself exact, and
 * others unbiased: the error x - step * l / 2 is then at right angles to x
 * (Gao and Long 2024). */
float
vec_encode(const float *unit, size_t d, uint8_t *codes)
{
	size_t padded = (d + LANES - 1) / LANES * LANES;
	float *x = mem_zero(padded, sizeof(*x)), most = 0, step = 0;
	struct encoding e = {x, padded, padded - d, 0, 0};

	vec_rotate(unit, d, x);
	for (size_t i = 0; i < d; i++)
		most = fabsf(x[i]) > most ? fabsf(x[i]) : most;
	if (most > 0 && isfinite(most)) {
		write_codes(x, d, 1 / choose_step(&e, most), codes);
		step = 2 * vec_dot(x, x, d) / e.xl;
	} else {
		memset(codes, 0, vec_code_size(d));
	}
	free(x);
	return step;
}

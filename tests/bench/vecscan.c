/* vecscan [NxD…]: how long one core takes to scan N vectors of D components, as
 * 4-bit codes on every code path, and as float32. One NDJSON line each; the
 * yardstick is to read the same bytes. */
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/vec.h"
#include "store/vec_path.h"

enum { RUNS = 15, BLOCK = 1024 };

struct bench {
	size_t n, d;
	uint8_t *codes;
	float *steps, *out, *floats;
	float *unit;
	struct vec_query *query;
};

static uint64_t kept; /* so that no loop is taken for useless */

static void
read_bytes(struct bench *b)
{
	uint64_t sums[8] = {0}, words[8];

	for (size_t i = 0; i + sizeof(words) <= b->n * vec_code_size(b->d); i += sizeof(words)) {
		memcpy(words, b->codes + i, sizeof(words));
		for (int j = 0; j < 8; j++)
			sums[j] += words[j];
	}
	for (int j = 0; j < 8; j++)
		kept += sums[j];
}

static void
scan_codes(struct bench *b)
{
	for (size_t i = 0; i < b->n; i += BLOCK) {
		size_t some = b->n - i < BLOCK ? b->n - i : BLOCK;
		vec_scan(b->query, b->codes + i * vec_code_size(b->d), b->steps + i, some, b->out);
		kept += b->out[0] > 0;
	}
}

static void
scan_floats(struct bench *b)
{
	for (size_t i = 0; i < b->n; i++)
		kept += vec_dot(b->unit, b->floats + i * b->d, b->d) > 0;
}

static void
encode(struct bench *b)
{
	for (size_t i = 0; i < b->n; i++)
		b->steps[i] = vec_encode(b->floats + i * b->d, b->d, b->codes + i * vec_code_size(b->d));
}

static void
report(struct bench *b, const char *what, const char *path, void (*run)(struct bench *), int runs)
{
	int64_t best = INT64_MAX;

	for (int i = 0; i < runs; i++) {
		int64_t from = clock_mono_ns(), took;
		run(b);
		took = clock_mono_ns() - from;
		best = took < best ? took : best;
	}
	printf("{\"name\":\"%s\",\"path\":\"%s\",\"vectors\":%zu,\"dims\":%zu,\"ms\":%.3f}\n",
	    what, path, b->n, b->d, (double)best / 1e6);
}

static void
measure(size_t n, size_t d)
{
	static const char *const names[] = {"avx512", "avx2", "sse", "neon", "scalar"};
	struct bench b = {.n = n, .d = d};
	uint64_t seed = 1;

	b.codes = mem_alloc(n * vec_code_size(d));
	b.steps = mem_alloc(n * sizeof(float));
	b.out = mem_alloc(BLOCK * sizeof(float));
	b.unit = mem_alloc(d * sizeof(float));
	for (size_t i = 0; i < n * vec_code_size(d); i++)
		b.codes[i] = (uint8_t)((seed = seed * 6364136223846793005u + 1442695040888963407u) >> 56);
	for (size_t i = 0; i < n; i++)
		b.steps[i] = 0.02f;
	for (size_t i = 0; i < d; i++)
		b.unit[i] = (float)(i * 31 % 17) - 8;
	vec_unit(b.unit, d, b.unit);
	b.query = vec_query_new(b.unit, d);
	report(&b, "read the codes", "-", read_bytes, RUNS);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		b.query->path = vec_path_find(names[i]);
		if (b.query->path != NULL)
			report(&b, "scan the codes", names[i], scan_codes, RUNS);
	}
	if (n * d <= 30000000) { /* float32 of more may not fit */
		b.floats = mem_alloc(n * d * sizeof(float));
		for (size_t i = 0; i < n * d; i++)
			b.floats[i] = (float)((seed = seed * 6364136223846793005u + 1442695040888963407u) >> 56) - 128;
		report(&b, "scan float32", vec_simd(), scan_floats, RUNS);
		report(&b, "encode", "-", encode, 1);
	}
	vec_query_free(b.query);
	free(b.codes);
	free(b.steps);
	free(b.out);
	free(b.unit);
	free(b.floats);
}

int
main(int argc, char **argv)
{
	size_t n, d;

	if (argc < 2) {
		measure(100000, 256);
		measure(1000000, 256);
		measure(20000, 1536);
	}
	for (int i = 1; i < argc; i++) {
		if (sscanf(argv[i], "%zux%zu", &n, &d) != 2 || n == 0 || d == 0) {
			fprintf(stderr, "usage: vecscan [NxD…]\n");
			return 64;
		}
		measure(n, d);
	}
	return kept == 1; /* it never is */
}

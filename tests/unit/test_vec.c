#include "store/vec.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/topk.h"
#include "store/vec_path.h"
#include "test.h"

static const char *const names[] = {"avx512", "avx2", "sse", "neon", "scalar"};
enum { NAMES = sizeof(names) / sizeof(names[0]) };

static uint64_t seed = 1;

static uint32_t
draw(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33);
}

static float /* a bell curve, near enough */
bell(void)
{
	double sum = 0;

	for (int i = 0; i < 6; i++)
		sum += (double)draw() / 2147483648.0 - 0.5;
	return (float)(sum * 1.4142135623730951);
}

static void
random_unit(float *x, size_t d)
{
	do {
		for (size_t i = 0; i < d; i++)
			x[i] = bell();
	} while (!vec_unit(x, d, x));
}

static double
true_dot(const float *a, const float *b, size_t d)
{
	double sum = 0;

	for (size_t i = 0; i < d; i++)
		sum += (double)a[i] * (double)b[i];
	return sum;
}

/* --- the choice ------------------------------------------------------------- */

static void
said_with(const char *name, char out[32])
{
	int fd[2];
	ssize_t n = 0;

	CHECK_INT(pipe(fd), 0);
	if (fork() == 0) {
		setenv("C1V_SIMD", name, 1);
		n = write(fd[1], vec_simd(), strlen(vec_simd()));
		_exit(n <= 0);
	}
	close(fd[1]);
	n = read(fd[0], out, 31);
	out[n > 0 ? n : 0] = '\0';
	close(fd[0]);
	wait(NULL);
}

/* The first of the tests: once a path is chosen, it stays. */
TEST(setting_names_the_path)
{
	char said[32];

	for (size_t i = 0; i < NAMES; i++) {
		const struct vec_path *path = vec_path_find(names[i]);

		said_with(names[i], said);
		CHECK_STR(said, path ? path->name : vec_path_find(NULL)->name);
	}
	said_with("nonsense", said);
	CHECK_STR(said, vec_path_find(NULL)->name);
	said_with("", said);
	CHECK_STR(said, vec_path_find(NULL)->name);
}

/* --- floats ----------------------------------------------------------------- */

TEST(dot_and_norm_by_hand)
{
	const float a[] = {1, 2, 3, -4}, b[] = {0.5f, -1, 2, 0.25f};
	float out[4];

	CHECK(vec_dot(a, b, 4) == 3.5f);
	CHECK(vec_dot(a, b, 1) == 0.5f);
	CHECK(vec_norm(a, 4) == sqrtf(30));
	CHECK_INT(vec_unit(a, 2, out), 1);
	CHECK(out[0] == (float)(1 / sqrt(5)) && out[1] == (float)(2 / sqrt(5)));
}

TEST(unit_of_extremes)
{
	float zero[3] = {0}, huge[2] = {3e38f, 3e38f}, tiny[2] = {3e-45f, 0}, bad[2] = {1, NAN};
	float inf[2] = {1, INFINITY}, out[3] = {7, 7, 7};

	CHECK_INT(vec_unit(zero, 3, out), 0);
	CHECK_INT(vec_unit(bad, 2, out), 0);
	CHECK_INT(vec_unit(inf, 2, out), 0);
	CHECK(out[0] == 7);
	CHECK_INT(vec_unit(huge, 2, out), 1);
	CHECK(fabsf(out[0] - 0.70710678f) < 1e-7f);
	CHECK_INT(vec_unit(tiny, 2, out), 1);
	CHECK(out[0] == 1 && out[1] == 0);
	CHECK(isnan(vec_norm(bad, 2)));
}

TEST(dot_has_the_same_bits_on_every_path)
{
	const struct vec_path *plain = vec_path_find("scalar");
	static float a[2100], b[2100];
	char *raw = mem_alloc(sizeof(a) + 1);

	for (size_t d = 1; d <= 2050; d += d < 140 ? 1 : 37) {
		float expected, got;

		for (size_t i = 0; i < d; i++) {
			a[i] = bell() * (draw() % 5 ? 1 : 1000);
			b[i] = bell();
		}
		memcpy(raw + 1, a, d * sizeof(*a)); /* not aligned */
		expected = plain->dot(a, b, d);
		CHECK(fabs(expected - true_dot(a, b, d)) < 0.05);
		for (size_t i = 0; i < NAMES; i++) {
			const struct vec_path *p = vec_path_find(names[i]);
			if (p == NULL)
				continue;
			got = p->dot((const float *)(void *)(raw + 1), b, d);
			if (memcmp(&got, &expected, sizeof(got)) != 0)
				printf("# %s, %zu components: %a, not %a\n", names[i], d, (double)got, (double)expected);
			CHECK(memcmp(&got, &expected, sizeof(got)) == 0);
		}
	}
	free(raw);
}

/* --- codes ------------------------------------------------------------------ */

TEST(rotation_keeps_lengths_and_angles)
{
	static float a[1000], b[1000], x[1000], y[1000];

	for (size_t d = 1; d <= 1000; d += 1 + d / 9) {
		random_unit(a, d);
		random_unit(b, d);
		vec_rotate(a, d, x);
		vec_rotate(b, d, y);
		CHECK(fabs(true_dot(x, x, d) - 1) < 1e-5);
		CHECK(fabs(true_dot(x, y, d) - true_dot(a, b, d)) < 1e-5);
	}
}

TEST(rotation_and_codes_are_pinned)
{
	/* They stand in stores: these must never change. */
	static const uint8_t expected[] = {155, 101, 55, 154, 139, 135, 136, 127, 86, 117, 9};
	float x[21], step;
	uint8_t codes[11];

	for (int i = 0; i < 21; i++)
		x[i] = (float)((i * 7 + 3) % 11 - 5);
	CHECK_INT(vec_unit(x, 21, x), 1);
	step = vec_encode(x, 21, codes);
	if (memcmp(codes, expected, sizeof(codes)) != 0 || step != 0x1.5e0e4cp-4f) {
		printf("# step %a, codes", (double)step);
		for (int i = 0; i < 11; i++)
			printf(" %d,", codes[i]);
		printf("\n");
	}
	CHECK(step == 0x1.5e0e4cp-4f);
	CHECK(memcmp(codes, expected, sizeof(codes)) == 0);
}

TEST(codes_of_many_lengths_are_pinned)
{
	static float x[1536];
	static uint8_t codes[768 + sizeof(float)];
	uint64_t hash = 14695981039346656037u; /* FNV-1a */

	seed = 42;
	for (size_t d = 1; d <= 1536; d += 1 + d / 3) {
		size_t size = vec_code_size(d);
		float step;

		random_unit(x, d);
		step = vec_encode(x, d, codes);
		memcpy(codes + size, &step, sizeof(step));
		for (size_t i = 0; i < size + sizeof(step); i++)
			hash = (hash ^ codes[i]) * 1099511628211u;
	}
	if (hash != 0xacb2b28a19445524u)
		printf("# %llx\n", (unsigned long long)hash);
	CHECK(hash == 0xacb2b28a19445524u);
}

TEST(codes_of_a_vector_estimate_itself)
{
	static float x[16384];
	static uint8_t codes[8192];

	for (size_t d = 1; d <= 16384; d += 1 + d / 7) {
		struct vec_query *q;
		float step, out;

		random_unit(x, d);
		step = vec_encode(x, d, codes);
		q = vec_query_new(x, d);
		vec_scan(q, codes, &step, 1, &out);
		CHECK(fabsf(out - 1) < 0.01f);
		CHECK(d % 2 == 0 || codes[d / 2] < 16);
		vec_query_free(q);
	}
}

TEST(zero_vectors_are_empty_slots)
{
	float zero[5] = {0}, steps[3] = {0, 0.1f, 0}, out[3];
	uint8_t codes[9] = {255, 255, 255, 255, 255, 15, 255, 255, 255};
	struct vec_query *q;

	steps[0] = vec_encode(zero, 5, codes);
	CHECK(steps[0] == 0);
	CHECK_INT(codes[0] | codes[1] | codes[2], 0);
	q = vec_query_new((const float[]){1, 0, 0, 0, 0}, 5);
	vec_scan(q, codes, steps, 3, out);
	CHECK(out[0] == -2 && out[2] == -2);
	CHECK(out[1] > -2);
	vec_query_free(q);
	q = vec_query_new(zero, 5);
	vec_scan(q, codes, steps, 3, out);
	CHECK(out[0] == -2 && out[1] == 0);
	vec_query_free(q);
}

TEST(scan_has_the_same_bits_on_every_path)
{
	enum { N = 300, D = 16384 };
	static float x[D], steps[N], expected[N], out[N];

	for (size_t d = 1; d <= D; d += d < 270 ? 1 : d / 2 + 13) {
		size_t size = vec_code_size(d), n = d > 1000 ? 21 : N - d % 7;
		uint8_t *codes = mem_alloc(n * size); /* of its very size: a read behind it is noticed */
		struct vec_query *q;

		random_unit(x, d);
		q = vec_query_new(x, d);
		for (size_t i = 0; i < n; i++)
			steps[i] = draw() % 9 ? (float)(draw() % 100) / 100 : 0;
		for (size_t i = 0; i < n * size; i++)
			codes[i] = d % 5 ? (uint8_t)draw() : 255;
		q->path = vec_path_find("scalar");
		vec_scan(q, codes, steps, n, expected);
		for (size_t i = 0; i < NAMES; i++) {
			q->path = vec_path_find(names[i]);
			if (q->path == NULL)
				continue;
			memset(out, 0, sizeof(out));
			vec_scan(q, codes, steps, n, out);
			if (memcmp(out, expected, n * sizeof(*out)) != 0)
				printf("# %s differs, %zu components\n", names[i], d);
			CHECK(memcmp(out, expected, n * sizeof(*out)) == 0);
		}
		vec_query_free(q);
		free(codes);
	}
}

TEST(sums_do_not_overflow)
{
	enum { D = 16384 };
	static float x[D];
	static uint8_t codes[D / 2];
	float step = 1, expected = 0, out;
	struct vec_query *q;

	for (size_t i = 0; i < D; i++)
		x[i] = 1;
	CHECK_INT(vec_unit(x, D, x), 1);
	memset(codes, 255, sizeof(codes));
	q = vec_query_new(x, D);
	for (size_t b = 0; b < q->count; b++) {
		memset(q->blocks[b].even, 127, VEC_BLOCK);
		memset(q->blocks[b].odd, -127, VEC_BLOCK);
	}
	q->bias = 0;
	for (size_t i = 0; i < NAMES; i++) {
		if ((q->path = vec_path_find(names[i])) == NULL)
			continue;
		vec_scan(q, codes, &step, 1, &out);
		CHECK(out == expected);
	}
	for (size_t b = 0; b < q->count; b++)
		memset(q->blocks[b].odd, 127, VEC_BLOCK);
	expected = 2.f * 15 * 127 * D * q->scale;
	for (size_t i = 0; i < NAMES; i++) {
		if ((q->path = vec_path_find(names[i])) == NULL)
			continue;
		vec_scan(q, codes, &step, 1, &out);
		CHECK(out == expected);
	}
	vec_query_free(q);
}

/* --- quality ---------------------------------------------------------------- */

/* Vectors around centres, of which some components are far greater than
 * others, as those of real models are. */
static float *
clustered(size_t n, size_t d, size_t centres)
{
	float *x = mem_alloc(n * d * sizeof(*x)), *c = mem_alloc(centres * d * sizeof(*c));

	for (size_t i = 0; i < centres * d; i++)
		c[i] = bell() * (float)(1 / (0.2 + (double)(i % d) / (double)d));
	for (size_t i = 0; i < n; i++) {
		const float *centre = c + draw() % centres * d;
		for (size_t j = 0; j < d; j++)
			x[i * d + j] = centre[j] + bell() * (j == 3 ? 5 : 0.7f);
		vec_unit(x + i * d, d, x + i * d);
	}
	free(c);
	return x;
}

/* How many of the true best ten are among the best eighty by estimate, of 100;
 * and no estimate may be off by more than vec_error. */
static double
recall(size_t n, size_t d)
{
	enum { QUERIES = 50, BEST = 10, WIDE = 80 };
	float *x = clustered(n + QUERIES, d, n / 100), *out = mem_alloc(n * sizeof(*out)), *steps = mem_alloc(n * sizeof(*steps));
	uint8_t *codes = mem_alloc(n * vec_code_size(d));
	size_t found = 0, beyond = 0;

	for (size_t i = 0; i < n; i++)
		steps[i] = vec_encode(x + i * d, d, codes + i * vec_code_size(d));
	for (size_t k = 0; k < QUERIES; k++) {
		const float *unit = x + (n + k) * d;
		struct vec_query *q = vec_query_new(unit, d);
		struct topk best, wide;

		topk_init(&best, BEST);
		topk_init(&wide, WIDE);
		vec_scan(q, codes, steps, n, out);
		for (size_t i = 0; i < n; i++) {
			float dot = vec_dot(unit, x + i * d, d);
			topk_offer(&best, dot, (int64_t)i);
			topk_offer(&wide, out[i], (int64_t)i);
			beyond += fabsf(dot - out[i]) > vec_error(q, steps[i]);
		}
		for (size_t i = 0; i < BEST; i++)
			for (size_t j = 0; j < WIDE; j++)
				found += best.heap[i].key == wide.heap[j].key;
		topk_free(&best);
		topk_free(&wide);
		vec_query_free(q);
	}
	CHECK_INT(beyond, 0);
	free(x);
	free(out);
	free(steps);
	free(codes);
	return (double)found / (QUERIES * BEST);
}

TEST(the_best_are_among_the_candidates)
{
	double r256 = recall(20000, 256), r1536 = recall(2000, 1536), r100 = recall(5000, 100);

	printf("# recall of the best 10 within 80 candidates: 256 %.4f, 1536 %.4f, 100 %.4f\n", r256, r1536, r100);
	CHECK(r256 >= 0.99);
	CHECK(r1536 >= 0.99);
	CHECK(r100 >= 0.99);
}

int
main(void)
{
	return test_run();
}

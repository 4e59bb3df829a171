#include "store/fuse.h"

#include <math.h>
#include <stdlib.h>

#include "test.h"

#define NEAR(a, b) CHECK(fabs((a) - (b)) < 1e-12)

enum { MOST = 64 };

TEST(rrf_by_hand)
{
	const struct leg_item v[] = {{10, 0.9, 1}, {20, 0.8, 2}, {30, 0.7, 3}};
	const struct leg_item k[] = {{30, 12, 1}, {40, 11, 2}, {10, 10, 3}};
	struct fused out[6];
	size_t n = fuse_legs(FUSE_RRF, 60, 0.7, 0.3, v, 3, k, 3, out);

	CHECK_INT(n, 4);
	CHECK_INT(out[0].key, 10); /* 0.7/61 + 0.3/63 */
	NEAR(out[0].score, 0.7 / 61 + 0.3 / 63);
	CHECK_INT(out[1].key, 30); /* 0.7/63 + 0.3/61 */
	NEAR(out[1].score, 0.7 / 63 + 0.3 / 61);
	CHECK_INT(out[2].key, 20);
	NEAR(out[2].score, 0.7 / 62);
	CHECK_INT(out[3].key, 40);
	NEAR(out[3].score, 0.3 / 62);
	CHECK_INT(out[0].vector_rank, 1);
	CHECK_INT(out[0].keyword_rank, 3);
	NEAR(out[0].vector_score, 0.9);
	NEAR(out[0].keyword_score, 10);
	CHECK_INT(out[2].keyword_rank, 0);
	CHECK_INT(out[3].vector_rank, 0);
}

TEST(k_of_zero_is_weight_by_rank)
{
	const struct leg_item v[] = {{1, 0.9, 1}, {2, 0.8, 2}};
	const struct leg_item k[] = {{2, 5, 1}};
	struct fused out[3];
	size_t n = fuse_legs(FUSE_RRF, 0, 0.7, 0.3, v, 2, k, 1, out);

	CHECK_INT(n, 2);
	CHECK_INT(out[0].key, 1);
	NEAR(out[0].score, 0.7);
	CHECK_INT(out[1].key, 2);
	NEAR(out[1].score, 0.35 + 0.3);
}

TEST(rank_zero_adds_nothing_to_rrf)
{
	const struct leg_item v[] = {{1, 0.9, 1}, {2, 0.1, 0}};
	const struct leg_item k[] = {{2, 5, 1}};
	struct fused out[3];
	size_t n = fuse_legs(FUSE_RRF, 60, 0.5, 0.5, v, 2, k, 1, out);

	CHECK_INT(n, 2);
	NEAR(out[0].score, 0.5 / 61);
	NEAR(out[1].score, 0.5 / 61);
	CHECK_INT(out[0].key, 1); /* a tie goes to the smaller key */
	CHECK_INT(out[1].key, 2);
	NEAR(out[1].vector_score, 0.1);
	CHECK_INT(out[1].vector_rank, 0);
}

TEST(zscore_by_hand)
{
	/* Vector: mean 0.6, deviation sqrt((0.09 + 0 + 0.09)/3). Keyword: scores 8
	 * and 2, mean 5, deviation 3; key 3 has none and takes the worst, -1. */
	const struct leg_item v[] = {{1, 0.9, 1}, {2, 0.6, 2}, {3, 0.3, 0}};
	const struct leg_item k[] = {{2, 8, 1}, {1, 2, 2}};
	struct fused out[5];
	double z = 0.3 / sqrt(0.06);
	size_t n = fuse_legs(FUSE_ZSCORE, 60, 0.4, 0.6, v, 3, k, 2, out);

	CHECK_INT(n, 3);
	CHECK_INT(out[0].key, 2);
	NEAR(out[0].score, 0.6);
	CHECK_INT(out[1].key, 1);
	NEAR(out[1].score, 0.4 * z - 0.6);
	CHECK_INT(out[2].key, 3);
	NEAR(out[2].score, -0.4 * z - 0.6);
}

TEST(a_leg_without_differences_says_nothing)
{
	const struct leg_item v[] = {{1, 0.1, 1}, {2, 0.1, 2}, {3, 0.1, 3}};
	const struct leg_item k[] = {{3, 4, 1}, {2, 3, 2}};
	struct fused out[5];

	CHECK_INT(fuse_legs(FUSE_ZSCORE, 60, 1, 1, v, 3, k, 2, out), 3);
	CHECK_INT(out[0].key, 3);
	NEAR(out[0].score, 1);
	CHECK_INT(out[1].key, 1); /* not scored: as the worst, ties by key */
	NEAR(out[1].score, -1);
	CHECK_INT(out[2].key, 2);
	NEAR(out[2].score, -1);
}

TEST(one_leg_or_none)
{
	const struct leg_item v[] = {{5, 0.9, 1}, {4, 0.8, 2}};
	struct fused out[2];

	CHECK_INT(fuse_legs(FUSE_ZSCORE, 60, 1, 1, v, 2, NULL, 0, out), 2);
	CHECK_INT(out[0].key, 5);
	NEAR(out[0].score, 1);
	NEAR(out[1].score, -1);
	CHECK_INT(fuse_legs(FUSE_RRF, 60, 1, 1, NULL, 0, v, 2, out), 2);
	CHECK_INT(out[0].keyword_rank, 1);
	CHECK_INT(out[0].vector_rank, 0);
	CHECK_INT(fuse_legs(FUSE_RRF, 60, 1, 1, NULL, 0, NULL, 0, NULL), 0);
	CHECK_INT(fuse_legs(FUSE_ZSCORE, 60, 1, 1, v, 1, NULL, 0, out), 1);
	NEAR(out[0].score, 0);
}

/* The same by looking everything up. */
static double
naive_share(enum search_fuse how, double k, double weight, const struct leg_item *leg, size_t n, int64_t key)
{
	double mean = 0, squares = 0, least = INFINITY, score = 0;
	const struct leg_item *found = NULL;

	for (size_t i = 0; i < n; i++) {
		if (leg[i].key == key)
			found = &leg[i];
		mean += leg[i].score / (double)n;
		least = fmin(least, leg[i].score);
	}
	if (how == FUSE_RRF)
		return found && found->rank ? weight / (k + found->rank) : 0;
	for (size_t i = 0; i < n; i++)
		squares += (leg[i].score - mean) * (leg[i].score - mean) / (double)n;
	score = found ? found->score : least;
	return n && squares > 1e-20 ? weight * (score - mean) / sqrt(squares) : 0;
}

static size_t
random_leg(struct leg_item *leg)
{
	size_t n = (size_t)rand() % (MOST / 2);

	for (size_t i = 0; i < n; i++)
		leg[i] = (struct leg_item){(int64_t)i * 3 % 31 + rand() % 2 * 31, rand() % 8, rand() % 4 ? (uint32_t)i + 1 : 0};
	return n;
}

TEST(equals_looking_everything_up)
{
	struct leg_item v[MOST], k[MOST];
	struct fused out[2 * MOST];

	srand(3);
	for (int round = 0; round < 2000; round++) {
		enum search_fuse how = rand() % 2 ? FUSE_RRF : FUSE_ZSCORE;
		size_t nv = random_leg(v), nk = random_leg(k), n = fuse_legs(how, 7, 0.4, 0.6, v, nv, k, nk, out);
		int good = n <= nv + nk;

		for (size_t i = 0; i < n; i++) {
			double score = naive_share(how, 7, 0.4, v, nv, out[i].key) +
			    naive_share(how, 7, 0.6, k, nk, out[i].key);
			good &= fabs(score - out[i].score) < 1e-9;
			good &= i == 0 || out[i - 1].score > out[i].score ||
			    (out[i - 1].score == out[i].score && out[i - 1].key < out[i].key);
		}
		CHECK(good);
	}
}

int
main(void)
{
	return test_run();
}

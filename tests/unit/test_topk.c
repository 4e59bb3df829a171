#include "store/topk.h"

#include <math.h>
#include <stdlib.h>

#include "test.h"

static struct topk
collect(size_t limit, const struct scored *items, size_t n)
{
	struct topk t;

	topk_init(&t, limit);
	for (size_t i = 0; i < n; i++)
		topk_offer(&t, items[i].score, items[i].key);
	return t;
}

TEST(keeps_the_best_in_order)
{
	const struct scored items[] = {{0.5f, 1}, {0.9f, 2}, {0.1f, 3}, {0.7f, 4}, {-1, 5}};
	struct topk t = collect(3, items, 5);

	topk_sort(&t);
	CHECK_INT(t.count, 3);
	CHECK_INT(t.heap[0].key, 2);
	CHECK_INT(t.heap[1].key, 4);
	CHECK_INT(t.heap[2].key, 1);
	topk_free(&t);
	CHECK(t.heap == NULL && t.count == 0);
}

TEST(equal_scores_go_by_key)
{
	const struct scored items[] = {{1, 9}, {1, 3}, {1, 7}, {1, 1}, {1, 5}};
	struct topk t = collect(2, items, 5);

	topk_sort(&t);
	CHECK_INT(t.heap[0].key, 1);
	CHECK_INT(t.heap[1].key, 3);
	topk_free(&t);
}

TEST(floor_is_what_must_be_passed)
{
	struct topk t;

	topk_init(&t, 2);
	CHECK(topk_floor(&t) == -INFINITY);
	topk_offer(&t, 5, 1);
	CHECK(topk_floor(&t) == -INFINITY);
	topk_offer(&t, 3, 2);
	CHECK(topk_floor(&t) == 3);
	topk_offer(&t, 3, 3);
	CHECK_INT(t.heap[0].key, 2);
	topk_offer(&t, 3, 1);
	CHECK_INT(t.heap[0].key, 1);
	topk_offer(&t, 4, 9);
	CHECK(topk_floor(&t) == 4);
	topk_free(&t);
}

TEST(limits_of_nothing_and_of_everything)
{
	struct topk t;

	topk_init(&t, 0);
	topk_offer(&t, 1, 1);
	CHECK_INT(t.count, 0);
	CHECK(topk_floor(&t) == INFINITY);
	topk_sort(&t);
	topk_free(&t);

	topk_init(&t, (size_t)-1);
	for (int i = 0; i < 100; i++)
		topk_offer(&t, (float)i, i);
	topk_sort(&t);
	CHECK_INT(t.count, 100);
	CHECK_INT(t.heap[0].key, 99);
	CHECK_INT(t.heap[99].key, 0);
	topk_free(&t);
}

TEST(no_number_is_no_score)
{
	const struct scored items[] = {{NAN, 1}, {-INFINITY, 2}, {INFINITY, 3}};
	struct topk t = collect(3, items, 3);

	topk_sort(&t);
	CHECK_INT(t.count, 2);
	CHECK_INT(t.heap[0].key, 3);
	CHECK_INT(t.heap[1].key, 2);
	topk_free(&t);
}

static int
by_score(const void *a, const void *b)
{
	const struct scored *x = a, *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return x->key < y->key ? -1 : x->key > y->key;
}

TEST(equals_a_full_sort)
{
	static struct scored items[3000], sorted[3000];

	srand(7);
	for (int round = 0; round < 300; round++) {
		size_t n = (size_t)rand() % 3000, limit = (size_t)rand() % 100;
		struct topk t;
		int same = 1;

		for (size_t i = 0; i < n; i++)
			items[i] = (struct scored){(float)(rand() % 200) / 10, (int64_t)(i * 7919 % 3001)};
		memcpy(sorted, items, sizeof(items));
		qsort(sorted, n, sizeof(*sorted), by_score);
		t = collect(limit, items, n);
		topk_sort(&t);
		CHECK_INT(t.count, n < limit ? n : limit);
		for (size_t i = 0; i < t.count; i++)
			same &= t.heap[i].key == sorted[i].key && t.heap[i].score == sorted[i].score;
		CHECK(same);
		topk_free(&t);
	}
}

int
main(void)
{
	return test_run();
}

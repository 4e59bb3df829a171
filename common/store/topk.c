#include "store/topk.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

static int /* is a better than b? */
better(struct scored a, struct scored b)
{
	return a.score > b.score || (a.score == b.score && a.key < b.key);
}

void
topk_init(struct topk *t, size_t limit)
{
	*t = (struct topk){NULL, 0, limit};
}

float
topk_floor(const struct topk *t)
{
	if (t->count < t->limit)
		return -INFINITY;
	return t->limit ? t->heap[0].score : INFINITY;
}

/* Room comes as it is needed, in powers of two: a limit may be far greater
 * than what there is. */
static void
make_room(struct topk *t)
{
	size_t n = t->count;

	if (n == 0)
		t->heap = mem_alloc(16 * sizeof(*t->heap));
	else if (n >= 16 && (n & (n - 1)) == 0)
		t->heap = mem_resize(t->heap, 2 * n, sizeof(*t->heap));
}

static void /* x into the hole at i, which moves up past what is better */
sift_up(struct scored *heap, size_t i, struct scored x)
{
	for (; i > 0 && better(heap[(i - 1) / 2], x); i = (i - 1) / 2)
		heap[i] = heap[(i - 1) / 2];
	heap[i] = x;
}

static void /* x into the hole on top of n, which moves down past what is worse */
sift_down(struct scored *heap, size_t n, struct scored x)
{
	size_t i = 0, child;

	while ((child = 2 * i + 1) < n) {
		if (child + 1 < n && better(heap[child], heap[child + 1]))
			child++;
		if (!better(x, heap[child]))
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = x;
}

void
topk_offer(struct topk *t, float score, int64_t key)
{
	struct scored x = {score, key};

	if (isnan(score))
		return;
	if (t->count < t->limit) {
		make_room(t);
		sift_up(t->heap, t->count++, x);
	} else if (t->limit && better(x, t->heap[0])) {
		sift_down(t->heap, t->count, x);
	}
}

static int
best_first(const void *a, const void *b)
{
	const struct scored *x = a, *y = b;

	return better(*x, *y) ? -1 : better(*y, *x);
}

void
topk_sort(struct topk *t)
{
	if (t->count > 1)
		qsort(t->heap, t->count, sizeof(*t->heap), best_first);
}

void
topk_free(struct topk *t)
{
	free(t->heap);
	*t = (struct topk){0};
}

/* topk: the k best of many scored items, deterministic: greater score first,
 * smaller key first among equals. */
#ifndef C1V_STORE_TOPK_H
#define C1V_STORE_TOPK_H

#include <stddef.h>
#include <stdint.h>

struct scored { float score; int64_t key; };

struct topk {
	struct scored *heap; /* least on top while collecting */
	size_t count, limit;
};
void topk_init(struct topk *t, size_t limit);
/* The score that an item must exceed (or equal with a smaller key) to get in;
 * -INFINITY while there is room. */
float topk_floor(const struct topk *t);
void topk_offer(struct topk *t, float score, int64_t key);
void topk_sort(struct topk *t); /* best first; no more offers */
void topk_free(struct topk *t);

#endif

#include "record/keys.h"

#include <stdlib.h>

void
keys_start(struct keys *k)
{
	k->few_count = 0;
	k->more = NULL;
	k->more_count = k->more_room = 0;
}

void
keys_free(struct keys *k)
{
	free(k->more);
	keys_start(k);
}

/* Length, first and last bytes: cheap, and seldom equal for different names. */
static uint64_t
tag_of(struct slice s)
{
	uint64_t head = 0, tail = 0;

	if (s.n >= 8) {
		memcpy(&head, s.p, 8);
		memcpy(&tail, s.p + s.n - 8, 8);
	} else if (s.n) {
		memcpy(&head, s.p, s.n);
	}
	return head ^ tail << 1 ^ (uint64_t)s.n << 56;
}

int
keys_add(struct keys *k, struct slice name)
{
	uint64_t tag = tag_of(name);

	for (size_t i = 0; i < k->few_count; i++) {
		if (k->tags[i] == tag && slice_equal(k->few[i], name))
			return 0;
	}
	if (k->few_count < KEYS_FEW) {
		k->tags[k->few_count] = tag;
		k->few[k->few_count++] = name;
	} else {
		mem_grow(&k->more, &k->more_room, k->more_count + 1, sizeof(*k->more));
		k->more[k->more_count++] = name;
	}
	return 1;
}

static int
compare(const void *a, const void *b)
{
	const struct slice *x = a, *y = b;

	if (x->n != y->n)
		return x->n < y->n ? -1 : 1;
	return x->n ? memcmp(x->p, y->p, x->n) : 0;
}

int
keys_end(struct keys *k, struct slice *twice)
{
	if (k->more_count > 1)
		qsort(k->more, k->more_count, sizeof(*k->more), compare);
	for (size_t i = 1; i < k->more_count; i++) {
		if (compare(&k->more[i - 1], &k->more[i]) == 0) {
			*twice = k->more[i];
			return 0;
		}
	}
	return 1;
}

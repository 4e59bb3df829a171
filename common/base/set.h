/* set: texts, each once, numbered in order of appearance. The texts are borrowed. */
#ifndef C1V_BASE_SET_H
#define C1V_BASE_SET_H

#include <stdint.h>

#include "base/buf.h"

#define SET_NONE ((size_t)-1)

/* Zero-initialise it; set_free() frees it, set_clear() keeps its memory. */
struct set {
	struct slice *items;
	size_t count, room;
	uint64_t *hashes;  /* of the items */
	size_t hash_room;
	uint32_t *slots;   /* number of an item + 1, or 0 */
	size_t slot_count; /* a power of two, or 0 */
};

/* The number of a text, added where it is new (then it is count - 1). At most UINT32_MAX - 1. */
size_t set_add(struct set *s, struct slice text);
/* The same, or SET_NONE. */
size_t set_find(const struct set *s, struct slice text);
void set_clear(struct set *s);
void set_free(struct set *s);

#endif

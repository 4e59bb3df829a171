#include "base/set.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { SLOTS_FIRST = 64 };

/* A few multiplications for each eight bytes; nobody who chooses the texts gains by collisions but
 * waiting longer for his own. */
static uint64_t
hash(struct slice s)
{
	uint64_t h = s.n * 0x9e3779b97f4a7c15u, x;
	size_t i;

	for (i = 0; i + sizeof(x) <= s.n; i += sizeof(x)) {
		memcpy(&x, s.p + i, sizeof(x));
		h = (h ^ x) * 0xd6e8feb86659fd93u;
		h ^= h >> 32;
	}
	for (; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3u;
	h ^= h >> 29;
	return h * 0x9e3779b97f4a7c15u;
}

/* The slot of the text, or the free one where it belongs. */
static uint32_t *
slot_of(const struct set *s, struct slice text, uint64_t h)
{
	size_t at = (size_t)h & (s->slot_count - 1);
	uint32_t k;

	while ((k = s->slots[at]) != 0 && (s->hashes[k - 1] != h || !slice_equal(s->items[k - 1], text)))
		at = (at + 1) & (s->slot_count - 1);
	return &s->slots[at];
}

static void
grow(struct set *s)
{
	free(s->slots);
	s->slot_count = s->slot_count ? 2 * s->slot_count : SLOTS_FIRST;
	s->slots = mem_zero(s->slot_count, sizeof(*s->slots));
	for (size_t i = 0; i < s->count; i++)
		*slot_of(s, s->items[i], s->hashes[i]) = (uint32_t)i + 1;
}

size_t
set_add(struct set *s, struct slice text)
{
	uint64_t h = hash(text);
	uint32_t *slot;

	if (2 * (s->count + 1) > s->slot_count)
		grow(s);
	slot = slot_of(s, text, h);
	if (*slot != 0)
		return *slot - 1;
	mem_grow(&s->items, &s->room, s->count + 1, sizeof(*s->items));
	mem_grow(&s->hashes, &s->hash_room, s->count + 1, sizeof(*s->hashes));
	s->items[s->count] = text;
	s->hashes[s->count] = h;
	*slot = (uint32_t)++s->count;
	return s->count - 1;
}

size_t
set_find(const struct set *s, struct slice text)
{
	uint32_t k = s->count ? *slot_of(s, text, hash(text)) : 0;

	return k ? k - 1 : SET_NONE;
}

void
set_clear(struct set *s)
{
	if (s->count > 0)
		memset(s->slots, 0, s->slot_count * sizeof(*s->slots));
	s->count = 0;
}

void
set_free(struct set *s)
{
	free(s->items);
	free(s->hashes);
	free(s->slots);
	memset(s, 0, sizeof(*s));
}

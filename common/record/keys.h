/* keys: were all of these names different? Private to the room.
 *
 * A few names are compared with each other at once; more are gathered and
 * sorted at the end, which no choice of names makes slow. */
#ifndef C1V_RECORD_KEYS_H
#define C1V_RECORD_KEYS_H

#include <stdint.h>

#include "base/buf.h"

enum { KEYS_FEW = 32 };

struct keys {
	struct slice few[KEYS_FEW];
	uint64_t tags[KEYS_FEW]; /* equal names have equal tags */
	size_t few_count;
	struct slice *more; /* behind the few; NULL: none */
	size_t more_count, more_room;
};

void keys_start(struct keys *k); /* the arrays are not cleared: that costs */
/* 1, or 0 when name was there before. name stays borrowed. */
int keys_add(struct keys *k, struct slice name);
/* 1, or 0 and *twice when two of those that were added are equal. */
int keys_end(struct keys *k, struct slice *twice);
void keys_free(struct keys *k);

#endif

/* nearest: the known name that a mistyped one most probably stands for. */
#ifndef C1V_BASE_NEAREST_H
#define C1V_BASE_NEAREST_H

#include <stddef.h>

#include "base/buf.h"

struct nearest {
	struct slice word;  /* what was typed */
	struct slice best;  /* the best name so far, SLICE_NONE: none is near */
	size_t distance;    /* in edits; only less than this is nearer */
};

/* Offer the names one by one; best is then the first of the nearest. Near are
 * at most n / 3 + 1 edits in a word of n letters (insert, delete, replace, swap
 * of two neighbours), or a name that begins with the word. */
struct nearest nearest_to(struct slice word);
void nearest_try(struct nearest *n, struct slice name);

#endif

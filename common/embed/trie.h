/* trie: a vocabulary as the double array of model.h. */
#ifndef C1V_EMBED_TRIE_H
#define C1V_EMBED_TRIE_H

#include "embed/model.h"

enum { TRIE_MAX_PIECE = 1000 }; /* bytes */

struct trie {
	struct model_cell *cells;
	size_t count;
};

/* The pieces with their index as id; empty ones have none. 0, or C1V_DATA: a
 * piece stands twice, is too long or holds a NUL. Free with trie_free(). */
int trie_build(struct trie *t, const struct slice *pieces, size_t count, struct err *e);
/* The cell behind a text, or MODEL_NO_CELL when no piece begins with it. */
uint32_t trie_find(const struct trie *t, struct slice text);
void trie_free(struct trie *t);

#endif

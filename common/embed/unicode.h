/* unicode: what BERT's normalizer and pre-tokenizer make of each code point, as
 * the codes and the pool of model.h. */
#ifndef C1V_EMBED_UNICODE_H
#define C1V_EMBED_UNICODE_H

#include "embed/model.h"

enum { UNICODE_COUNT = 0x110000 };

/* The switches of a BertNormalizer. */
struct unicode_rules {
	int clean;  /* controls vanish */
	int pad;    /* ideographs are words of their own */
	int strip;  /* accents vanish: NFD without Mn */
	int lower;
};

struct unicode {
	uint32_t *codes; /* UNICODE_COUNT */
	uint32_t *pool;
	size_t pool_count, pool_room;
};

/* Of utf8proc's Unicode. */
void unicode_derive(struct unicode *u, const struct unicode_rules *rules);

/* From the text of a table (JSON) with deleted_ranges, to_space_ranges,
 * cjk_padded_ranges, punct_ranges and map, Hangul being decomposed: what a
 * reference was seen to do. 0 or C1V_DATA. */
int unicode_read(struct unicode *u, struct slice table, struct err *e);
void unicode_free(struct unicode *u);

#endif

/* model_write: makes the file that model.h describes. */
#ifndef C1V_EMBED_MODEL_WRITE_H
#define C1V_EMBED_MODEL_WRITE_H

#include "embed/model.h"
#include "embed/unicode.h"

struct model_source {
	const char *name;           /* of the vector space; see model_write() */
	const char *prefix;         /* of pieces that continue a word: "##" */
	uint32_t dims, unknown, word_limit;
	uint32_t weight_vector, weight_keyword; /* thousandths */
	const struct slice *pieces; /* count of them; empty: no text has this id */
	size_t count;
	const int8_t *rows;         /* count * dims */
	const float *scales;
	const struct unicode *unicode;
	struct slice notice;
};

/* Append the file. C1V_DATA: a piece or a number that cannot be; C1V_USAGE: the
 * name is empty, too long, or holds a space, quote, backslash or control. */
int model_image(struct buf *b, const struct model_source *s, struct err *e);

/* Replace the file at path by content, at once: it is written beside it and
 * moved there. 0 or C1V_IO. */
int model_write(const char *path, struct slice content, struct err *e);

#endif

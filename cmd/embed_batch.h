/* embed_batch: records gathered until their texts are embedded together. */
#ifndef C1V_CMD_EMBED_BATCH_H
#define C1V_CMD_EMBED_BATCH_H

#include "embed/embed.h"
#include "record/record.h"

struct batch_item;

struct batch {
	struct out *out;
	struct embedder *model;
	struct rejects rejects;
	enum embed_role role;
	int base64, force;
	int headings;             /* embed those of a chunk before its content */
	size_t limit;             /* texts in one call */
	struct batch_item *items; /* in order of the input */
	size_t count, room;
	size_t texts, text_room;  /* items that wait for a vector */
	struct slice *wanted;     /* their texts */
	float *vectors;
	uint8_t *known;
	size_t bytes;             /* of the lines that were taken, which bounds the memory */
	struct arena arena;       /* owns the lines and texts of the items */
	struct buf scratch, value, identity;
	struct floats stored;
	uint64_t embedded, passed, wordless;
};

/* Take a line; embeds and writes when the batch is full. A bad record goes to
 * rejects. 0, or an error that ends the run. */
int batch_line(struct batch *b, const struct line *line, struct err *e);
/* Embed and write what there is, in the order in which it came. */
int batch_flush(struct batch *b, struct err *e);
/* JSON members for the log: what was done. */
const char *batch_summary(const struct batch *b, struct arena *a);
void batch_free(struct batch *b);

#endif

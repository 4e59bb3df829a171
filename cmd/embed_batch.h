/* embed_batch: records gathered until their texts are embedded together. */
#ifndef C1V_CMD_EMBED_BATCH_H
#define C1V_CMD_EMBED_BATCH_H

#include "base/set.h"
#include "embed/embed.h"
#include "record/record.h"

struct batch_item;
struct window;

/* Records whose texts are one job. */
struct group {
	struct batch_item *items; /* in order of the input */
	size_t count, room;
	struct set wanted;        /* texts that are to be embedded, each once */
	int64_t *counts;          /* tokens of each, when the model has a use for them */
	size_t count_room;
	int64_t tokens;           /* of these, as far as they are sent */
	size_t lent;              /* items of later groups that wait for these texts */
	size_t bytes;             /* of the lines and vectors that were taken, which bounds the memory */
	struct arena arena;       /* owns the lines and texts of the items */
	struct embed_job job;
};

struct batch {
	struct out *out;
	struct embedder *model;
	struct rejects rejects;
	enum embed_role role;
	int base64, force;
	int headings;             /* embed those of a chunk before its content */
	int dry;                  /* count only */
	size_t limit;             /* texts in one job */
	int64_t token_limit;      /* 0: none */
	int64_t text_limit;       /* tokens of a text that count */
	struct group *groups;     /* a ring: from `oldest` on `busy` of them are on their way, */
	size_t ring, oldest, busy;
	struct group *now;        /* … and this one is being filled */
	struct window *window;    /* lines whose vectors may have been made before; NULL: none may */
	struct arena *arena;      /* where texts that are decoded are kept */
	struct slice api_base;    /* ready JSON; SLICE_NONE: the model is local */
	struct buf scratch, value, identity, base;
	struct floats stored;
	uint64_t embedded, passed, wordless, undone;
	uint64_t recalled;        /* records whose vector had been made before, */
	int64_t spared;           /* and the tokens that need not be sent for them */
	const char *undone_source; /* the first that was not */
	uint64_t undone_line;
	struct err stopped;       /* why no more can be embedded; code 0: it can */
};

/* Before the first line: as many groups as the model has use for. */
void batch_start(struct batch *b);
/* Take a line; embeds and writes when the batch is full. A bad record goes to
 * rejects. 0, or an error that ends the run. */
int batch_line(struct batch *b, const struct line *line, struct err *e);
/* Embed and write all that there is, in the order in which it came. When the model gives up,
 * what has a vector is written, the rest goes to rejects, and so does what comes later; the
 * run's error is in b->stopped. */
int batch_flush(struct batch *b, struct err *e);
/* One line whose vector was made before (NULL: it was not) into the group that is being filled. For the
 * window. */
int batch_take(struct batch *b, const struct line *line, const float *vector, struct err *e);
/* The text of a line, when it waits for a vector: 1 and *text, which lives as long as line and arena. */
int batch_text(struct batch *b, struct slice line, struct arena *arena, struct slice *text);
/* JSON members for the log: what was done. */
const char *batch_summary(const struct batch *b, struct arena *a);
/* Is the model behind an API? */
static inline int
batch_is_remote(const struct batch *b)
{
	return b->api_base.p != NULL;
}
void batch_free(struct batch *b);

#endif

/* usage: what a call to a model used, out of whatever tells it.
 *
 * Understood are, in this order: our own records (c1v-record(5): input_tokens and
 * its like at the top), and the bodies of OpenAI (chat, responses, embeddings; a line of
 * a batch's output), Anthropic, Gemini and Cohere. They count differently:
 *   OpenAI     cached input and cache writes lie inside prompt_tokens, reasoning inside
 *              completion_tokens; our own records likewise
 *   Anthropic  input_tokens excludes cache reads and writes
 *   Gemini     cachedContentTokenCount lies inside promptTokenCount, thoughtsTokenCount is
 *              beside candidatesTokenCount
 *   Cohere     meta.billed_units; a rerank has search_units
 * Here all are told apart once. */
#ifndef C1V_COST_USAGE_H
#define C1V_COST_USAGE_H

#include <stdint.h>

#include "base/buf.h"

struct usage {
	struct slice model;      /* text; SLICE_NONE: not said */
	int64_t input;           /* tokens read in full, without the next three */
	int64_t cached;          /* read from a cache */
	int64_t write, write_1h; /* written to a cache, for 5 minutes (or as the provider has it), an hour */
	int64_t output;          /* reasoning included */
	int64_t reasoning;       /* of output */
	int64_t searches;        /* of a rerank */
	int batch;               /* at the batch price */
	struct slice time;       /* RFC 3339 text, or SLICE_NONE */
	int64_t created;         /* seconds since 1970, where the body has that; 0: not said */
	struct slice request_id, user, project, tool; /* text, or SLICE_NONE */
};

/* The whole input, as the prompt's length decides on a tier. */
static inline int64_t
usage_input(const struct usage *u)
{
	return u->input + u->cached + u->write + u->write_1h;
}

/* Read a validated JSON object. Texts are slices of it or, where they had escapes, of scratch,
 * which is emptied first. 0, or C1V_DATA: it tells no usage, or a count is negative or no
 * integer. */
int usage_read(struct slice object, struct usage *out, struct buf *scratch, struct err *e);

#endif

/* tokens: how many tokens a text has for a model, and where it must be cut. The one place
 * that remote models ask. */
#ifndef C1V_EMBED_TOKENS_H
#define C1V_EMBED_TOKENS_H

#include <stdint.h>

#include "base/buf.h"

struct tokens;

/* Counts as the model does where its encoding is known, else estimates (bpe_estimate). share: the
 * directory of the data files. 0, or an error of bpe_open_encoding(). */
int tokens_open(struct tokens **out, const char *model, const char *share, struct err *e);
void tokens_close(struct tokens *t);

int tokens_exact(const struct tokens *t); /* 0: they are estimates */
int64_t tokens_count(struct tokens *t, struct slice text);
/* A beginning of text (valid UTF-8) that has at most limit tokens (from 8), as long as may be, ended
 * behind a whole character and, where tokens are counted, behind a token of the text. Not empty
 * unless text is. */
struct slice tokens_cut(struct tokens *t, struct slice text, int64_t limit);

#endif

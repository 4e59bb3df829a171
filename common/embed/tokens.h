/* tokens: how many tokens a text has for a model, and where it must be cut. The one place
 * that remote models ask. */
#ifndef C1V_EMBED_TOKENS_H
#define C1V_EMBED_TOKENS_H

#include <stdint.h>

#include "base/buf.h"

/* An estimate that ordinary text does not exceed: half its bytes, rounded up. */
int64_t count_tokens(const char *model, struct slice text);
/* The longest beginning of text (valid UTF-8) that has at most limit tokens, ended
 * behind a whole character; at least one character. */
struct slice cut_tokens(const char *model, struct slice text, int64_t limit);

#endif

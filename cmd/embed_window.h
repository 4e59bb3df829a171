/* embed_window: lines that wait until it is known which of their vectors were made before, so that
 * requests are filled with the others alone. Private to c1v-embed. */
#ifndef C1V_CMD_EMBED_WINDOW_H
#define C1V_CMD_EMBED_WINDOW_H

#include "embed_batch.h"

struct window *window_new(void);
/* Take a line; when there are enough they are looked up, and go on to the batch. */
int window_line(struct window *w, struct batch *b, const struct line *line, struct err *e);
/* The same with those that there are. */
int window_flush(struct window *w, struct batch *b, struct err *e);
void window_free(struct window *w); /* w may be NULL */

#endif

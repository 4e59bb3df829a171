/* web: the query syntax that people know from the web, on request only.
 *
 * `word` and `"some words"` must be found, `a OR b` means either, `-word` and
 * `-"some words"` must not be found. Nothing is an error: a quote that is not
 * closed ends with the text, a lone `-` or `OR` is passed over. */
#ifndef C1V_STORE_WEB_H
#define C1V_STORE_WEB_H

#include "base/buf.h"

struct web_part {
	struct slice text; /* borrowed from the query, never empty */
	int phrase;        /* it stood in quotes */
	int exclude;
	size_t group;      /* parts of one group are alternatives; from 0 */
};

struct web_query {
	struct web_part *parts; /* owned by the arena, in the order of the text */
	size_t count;
	size_t groups;          /* of parts that are not excluded */
};

void web_parse(struct slice text, struct arena *a, struct web_query *out);

/* Append the parts that are wanted, as plain text: what is to be embedded. */
void web_plain(const struct web_query *q, struct buf *out);

#endif

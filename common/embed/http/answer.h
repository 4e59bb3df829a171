/* answer: what an OpenAI-compatible server says. Private to the module. */
#ifndef C1V_EMBED_HTTP_ANSWER_H
#define C1V_EMBED_HTTP_ANSWER_H

#include <stdint.h>

#include "base/buf.h"

/* Read the vectors of an answer: exactly count of them, each `index` from 0 once, finite, of one length,
 * which is *dims unless that is 0 (then it is set), none zero. They go, by index and of unit length, to
 * *out, which is made large enough for count * *dims floats from `at` rows on. total: rows that it
 * shall have room for. 0 or C1V_PROTOCOL: then out holds nothing of use from there on. */
struct answer_place {
	float **rows;
	size_t *room;
	size_t first, count, total;
};
int answer_vectors(struct slice body, const struct answer_place *to, size_t *dims, int64_t *tokens,
    struct err *e);

/* What an error says: error.{message,code,type}, flat, or a string; texts in lower case
 * where they are compared. Anything may be missing. */
struct answer_error {
	char message[200], code[64], type[64];
};
void answer_error(struct slice body, struct answer_error *out);

#endif

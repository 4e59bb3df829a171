/* key: what the entries of the toolkit and of its users' applications are called.
 *
 *     embedding:HASH              of a text by a model          30 days
 *     llm:HASH                    of a model's answer            7 days
 *     validation:project:ID       of a project's validation      1 hour
 *     run:HASH                    of a command's output          1 hour
 *
 * HASH is SHA-256 in hexadecimal. Ours covers all that the answer depends on: each field is
 * preceded by its length as 8 little-endian bytes, an absent one is 2^64-1 alone (sha_field). The
 * `seed` forms are those of applications that have only this: SHA-256 of the text;
 * SHA-256 of "PROMPT:MODEL:TEMPERATURE". They know no model, and no system prompt. */
#ifndef C1V_CACHE_KEY_H
#define C1V_CACHE_KEY_H

#include <stdint.h>

#include "base/buf.h"

enum { KEY_SIZE = 96, KEY_ID_MAX = 64 }; /* the longest of these and a NUL */

struct key_embedding {
	struct slice base;  /* where the API is; SLICE_NONE: not known */
	struct slice model;
	int64_t dims;       /* asked for; 0: the model's own */
	int query;          /* role: 1 query, 0 document */
};
/* Fields: "embedding", base, model, dims in decimal, "query" or "document", text. */
void key_embedding(const struct key_embedding *k, struct slice text, char out[KEY_SIZE]);
void key_embedding_seed(struct slice text, char out[KEY_SIZE]);

/* Raw texts; SLICE_NONE where a request does not have them. */
struct key_llm {
	struct slice model, prompt, temperature, system, max_tokens, tools, seed, response_format;
};
/* Fields: "llm", then these in this order. */
void key_llm(const struct key_llm *k, char out[KEY_SIZE]);
void key_llm_seed(const struct key_llm *k, char out[KEY_SIZE]);

/* id: 1 to KEY_ID_MAX bytes. */
void key_validation(struct slice id, char out[KEY_SIZE]);

/* How long entries of this key's kind live when nothing else is said, ms. */
int64_t key_ttl(struct slice key);

#endif

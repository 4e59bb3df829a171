/* embed: text to vectors, behind one interface for every kind of model.
 *
 * A model is opened by name: "local" (the shipped static model), "local:FILE"
 * (another of the same form); other names will be remote models. Drivers are
 * const tables of functions, known only inside this room. */
#ifndef C1V_EMBED_EMBED_H
#define C1V_EMBED_EMBED_H

#include <stdint.h>

#include "base/buf.h"

struct embedder;

enum embed_role { EMBED_DOCUMENT, EMBED_QUERY };

/* Open a model. share is the directory of the shipped data files. 0 or
 * C1V_CONFIG (no such model), C1V_DATA (damaged file), C1V_IO. */
int embed_open(const char *model, const char *share, struct embedder **out, struct err *e);

/* The identity of the vector space, as written to records ("c1v-embed-en-256"). */
const char *embed_model(const struct embedder *m);
size_t embed_dims(const struct embedder *m);
/* Weights that suit the model in a fused search (data/model/README.md). */
void embed_weights(const struct embedder *m, double *vector, double *keyword);

/* Embed count texts (valid UTF-8). out holds count × dims floats, row-major;
 * rows are of unit length, or all zero with known[i] = 0 where the model knows
 * no word of the text. Equal texts within one call are computed once. */
int embed_texts(struct embedder *m, enum embed_role role, const struct slice *texts,
    size_t count, float *out, uint8_t *known, struct err *e);

/* Is the model as it was made? Reads it through. 0 and the SHA-256 of its file
 * in hexadecimal, or C1V_DATA. */
enum { EMBED_DIGEST = 65 };
int embed_verify(struct embedder *m, char digest[EMBED_DIGEST], struct err *e);

void embed_close(struct embedder *m);

#endif

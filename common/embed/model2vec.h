/* model2vec: a model in the form that Model2Vec keeps, as the source of a model
 * file.
 *
 * A folder with model.safetensors (tensors `embeddings`, of int8, float16,
 * float32 or float64, and perhaps `weights` and `mapping`), tokenizer.json (a
 * WordPiece vocabulary behind BERT's normalizer and pre-tokenizer) or, without
 * it, vocab.txt, and perhaps unicode_tables.json and NOTICE. Rows of floats are
 * rounded to 8 bits, each by its own greatest component. */
#ifndef C1V_EMBED_MODEL2VEC_H
#define C1V_EMBED_MODEL2VEC_H

#include "embed/model_write.h"

struct model2vec {
	struct model_source source; /* name and weights are left to the caller */
	struct unicode_rules rules;
	struct unicode unicode;
	int tables;                 /* the code points are those of unicode_tables.json */
	int rounded;                /* the rows were not of int8 */
	struct arena arena;
	size_t rows, dims;
	int8_t *row;
	float *scale;
};

/* cased: the case of a model with vocab.txt alone: 1 when capitals matter. 0, or
 * C1V_DATA for a folder that is not such a model, C1V_IO. Free in any case. */
int model2vec_read(struct model2vec *m, const char *folder, int cased, struct err *e);
void model2vec_free(struct model2vec *m);

#endif

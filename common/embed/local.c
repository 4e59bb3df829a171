#include "embed/embed_driver.h"

#include <math.h>
#include <stdlib.h>

#include "embed/accumulate.h"
#include "embed/model.h"
#include "embed/wordpiece.h"

struct local {
	struct embedder base;
	struct model model;
	struct wordpiece words;
	struct rows rows;
	accumulate_fn *accumulate;
	float *sums; /* stride of them */
	uint32_t ids[WORDPIECE_ROOM];
};

static int
open_file(struct model *m, const char *name, const char *share, struct err *e)
{
	struct arena a = {0};
	const char *path;
	int rc = model_path(name, share, &a, &path, e);

	if (rc == 0)
		rc = model_open(m, path, e);
	arena_free(&a);
	return rc;
}

static int
local_open(const char *name, const struct embed_options *o, struct embedder **out, struct err *e)
{
	struct local *m = mem_zero(1, sizeof(*m));
	const struct model_header *h = &m->model.head;
	const char *simd = getenv("C1V_SIMD");
	int rc = open_file(&m->model, name, o->share, e);

	if (rc != 0) {
		free(m);
		return rc;
	}
	wordpiece_open(&m->words, &m->model);
	m->accumulate = accumulate_find(simd);
	if (m->accumulate == NULL)
		m->accumulate = accumulate_find(NULL);
	m->rows = (struct rows){m->model.rows, m->model.scales, h->stride};
	m->sums = aligned_alloc(MODEL_ROW_ALIGN, h->stride * sizeof(*m->sums));
	if (m->sums == NULL)
		mem_exhausted();
	m->base.model = h->name;
	m->base.dims = h->dims;
	m->base.weight_vector = h->weight_vector / 1000.0;
	m->base.weight_keyword = h->weight_keyword / 1000.0;
	*out = &m->base;
	return 0;
}

static size_t /* how many of the ids are known; these, in order */
drop_unknown(uint32_t *ids, size_t n, uint32_t unknown)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		ids[kept] = ids[i];
		kept += ids[i] != unknown;
	}
	return kept;
}

/* sums to unit length, in out. Squares are added in a fixed order, eight sums
 * side by side, in double: the same on every machine. 0: there is no length. */
static int
unit(const float *sums, size_t d, float *out)
{
	double lanes[8] = {0}, square = 0, length;
	size_t i;

	for (i = 0; i + 8 <= d; i += 8) {
		for (size_t k = 0; k < 8; k++) {
			double product = (double)sums[i + k] * (double)sums[i + k];
			lanes[k] += product;
		}
	}
	for (; i < d; i++) {
		double product = (double)sums[i] * (double)sums[i];
		lanes[i % 8] += product;
	}
	for (size_t k = 0; k < 8; k++)
		square += lanes[k];
	if (!(square > 0) || !isfinite(square)) {
		memset(out, 0, d * sizeof(*out));
		return 0;
	}
	length = sqrt(square); /* behind the test compilers need no libm for it */
	for (i = 0; i < d; i++)
		out[i] = (float)((double)sums[i] * (1 / length));
	return 1;
}

static int
one_text(struct local *m, struct slice text, float *out)
{
	memset(m->sums, 0, m->rows.stride * sizeof(*m->sums));
	while (text.n) {
		size_t n = wordpiece_ids(&m->words, &text, m->ids, WORDPIECE_ROOM);

		n = drop_unknown(m->ids, n, m->model.head.unknown);
		m->accumulate(&m->rows, m->ids, n, m->sums);
	}
	return unit(m->sums, m->base.dims, out);
}

/* A static model treats documents and queries alike. */
static int
local_texts(struct embedder *base, enum embed_role role, const struct slice *texts,
    size_t count, float *out, uint8_t *known, struct err *e)
{
	struct local *m = (struct local *)base;

	(void)role;
	(void)e;
	for (size_t i = 0; i < count; i++)
		known[i] = (uint8_t)one_text(m, texts[i], out + i * base->dims);
	return 0;
}

static int
local_verify(struct embedder *base, char digest[EMBED_DIGEST], struct err *e)
{
	uint8_t sum[SHA_SIZE];
	int rc = model_verify(&((struct local *)base)->model, sum, e);

	sha_hex(sum, digest);
	return rc;
}

static void
local_close(struct embedder *base)
{
	struct local *m = (struct local *)base;

	wordpiece_close(&m->words);
	model_close(&m->model);
	free(m->sums);
	free(m);
}

const struct embed_driver embed_local = {
	.name = "local", .open = local_open, .texts = local_texts, .verify = local_verify, .close = local_close
};

/* embed: text to vectors, behind one interface for every kind of model.
 *
 * A model is opened by name: "local" (the shipped static model), "local:FILE"
 * (another of the same form); any other name is a model behind an OpenAI-compatible
 * API, whose driver is a module. Drivers are const tables of functions, known only
 * inside this room. */
#ifndef C1V_EMBED_EMBED_H
#define C1V_EMBED_EMBED_H

#include <stdint.h>

#include "base/buf.h"

struct embedder;
struct cache_options; /* cache/cache.h */

enum embed_role { EMBED_DOCUMENT, EMBED_QUERY };

enum embed_long { EMBED_LONG_FAIL, EMBED_LONG_TRUNCATE, EMBED_LONG_SPLIT };

/* What one answer of a remote model used; request_id may be "". */
struct embed_usage {
	const char *request_id;
	int64_t tokens, inputs;
};

/* Who pays for a remote model. Zero: nobody asks. */
struct embed_spend {
	/* Before a request is sent for the first time; *hold is the payer's own. Other than 0: it is not
	 * sent. C1V_NO is asked again while other requests are on their way, which may come to less
	 * than was held for them; then, and with every other error, the model gives up. */
	int (*reserve)(void *arg, int64_t tokens, void **hold, struct err *e);
	/* A request was answered, or (u NULL) is not going to be. In a dry run: would have been. */
	void (*spent)(void *arg, void *hold, const struct embed_usage *u);
	void *arg;
};

/* What a remote model needs; local ones look at share alone. 0 and NULL stand for the
 * defaults that are named. The key comes from the environment only: OPENAI_API_KEY,
 * for a base with api-version AZURE_OPENAI_API_KEY. */
struct embed_options {
	const char *share;           /* directory of the shipped data files */
	const char *base;            /* NULL: $OPENAI_BASE_URL, else OpenAI's */
	int64_t dims;                /* the model's own */
	int64_t expect;              /* not asked for, but an answer of another length is refused: any */
	int64_t concurrency;         /* requests in flight: 4 */
	int64_t batch_inputs;        /* texts in a request: 2048 */
	int64_t batch_tokens;        /* tokens in a request: 300000 */
	int64_t input_tokens;        /* tokens in a text: 8191 */
	int64_t retries;             /* -1: none; 5 */
	enum embed_long long_policy; /* what becomes of longer texts */
	double timeout, connect_timeout; /* seconds: 120, 10 */
	int insecure_http;           /* plain http also to other machines */
	double rate_requests, rate_tokens; /* a minute, at most: any */
	int dry_run;                 /* count what would be sent, in embed_totals(); ask nobody */
	struct embed_spend spend;
	const struct cache_options *cache; /* where vectors are kept; NULL: nowhere. Borrowed while it is opened */
	int refresh;                 /* nothing is looked up there */
	int seed_keys;               /* keys and values are the seed's (cache/key.h) */
	int (*stop)(void);           /* asked while waiting: other than 0 ends it with C1V_AGAIN; NULL: never */
};

/* Open a model. 0 or C1V_CONFIG (no such model, or its driver is missing), C1V_DATA
 * (damaged file), C1V_IO, C1V_USAGE (a base that is none). Nothing is sent yet. */
int embed_open_with(const char *model, const struct embed_options *o, struct embedder **out, struct err *e);
/* The same with the defaults. */
int embed_open(const char *model, const char *share, struct embedder **out, struct err *e);

/* The identity of the vector space, as written to records ("c1v-embed-en-256"). */
const char *embed_model(const struct embedder *m);
/* Where a remote model is asked, as it is recorded and compared: scheme, host, port and path, small
 * letters where they are the same, nothing secret. NULL: the model is local. */
const char *embed_api_base(const struct embedder *m);
/* 0: not known before the first answer. */
size_t embed_dims(const struct embedder *m);
/* Weights that suit the model in a fused search (data/model/README.md). */
void embed_weights(const struct embedder *m, double *vector, double *keyword);

/* Embed count texts (valid UTF-8). The model's dims must be known (embed_options: dims or expect,
 * for remote models). C1V_DATA: a remote model refuses one. out holds count × dims floats, row-major;
 * rows are of unit length, or all zero with known[i] = 0 where the model knows
 * no word of the text. Equal texts within one call are computed once. */
int embed_texts(struct embedder *m, enum embed_role role, const struct slice *texts,
    size_t count, float *out, uint8_t *known, struct err *e);

/* --- what was made before ----------------------------------------------------- */

/* Has the model a cache of vectors that may be asked? What it makes is kept there by itself. */
int embed_recalls(const struct embedder *m);
/* out[i]: the vector of texts[i], embed_dims() long (known from the first on), valid until the next call for
 * the model; or NULL. How many there are. Only where embed_recalls(). */
size_t embed_recall(struct embedder *m, enum embed_role role, const struct slice *texts, size_t n, const float **out);
/* Count what vectors that were recalled and used did not cost. */
void embed_spared(struct embedder *m, int64_t tokens);

/* --- several calls at once -------------------------------------------------- */

/* How many jobs are worth having at a time (1: the model is local), and what fits into
 * one: texts, and tokens as embed_tokens() counts them (0: they do not matter). */
struct embed_shape {
	size_t jobs, texts;
	int64_t tokens;
	int64_t most; /* of a text: more of it is never sent */
	int exact;    /* they are counted, not estimated */
};
struct embed_shape embed_shape(const struct embedder *m);
int64_t embed_tokens(struct embedder *m, struct slice text);

enum embed_outcome {
	EMBED_UNDONE,  /* the run ended before */
	EMBED_VECTOR,
	EMBED_UNKNOWN, /* no text to speak of: no vector, no error */
	EMBED_REFUSED  /* this text for itself: why[i] */
};

/* Texts, and what becomes of them. Zero-initialise it; fill the first four members, which
 * are borrowed until embed_wait() returns. The rest is kept for the next use. */
struct embed_job {
	enum embed_role role;
	const struct slice *texts;
	const int64_t *tokens;     /* of each, as embed_tokens() has them; NULL: the driver counts */
	size_t count;
	uint8_t *outcome;          /* enum embed_outcome for each text */
	const char **why;          /* for a refused text: "what failed: why" */
	float *vectors;
	uint32_t *row;             /* of each text, in vectors */
	size_t room, vector_room;
	uint8_t *known;
	struct arena arena;
	struct embed_work *work;   /* the driver's */
};

/* Begin a job; it goes on in calls of embed_wait(), for any job. Local models do it at once. */
int embed_submit(struct embedder *m, struct embed_job *job, struct err *e);
/* Until the job is done. Other than 0: no more is possible, the model answers nothing from now
 * on; what had been done has its outcome. C1V_AGAIN, C1V_PROTOCOL, C1V_CREDENTIALS,
 * C1V_UNAVAILABLE, C1V_CONFIG. */
int embed_wait(struct embedder *m, struct embed_job *job, struct err *e);
void embed_job_free(struct embed_job *job);

static inline const float *
embed_vector(const struct embedder *m, const struct embed_job *job, size_t i)
{
	return job->vectors + job->row[i] * embed_dims(m);
}

/* What was used so far. */
struct embed_totals {
	int64_t requests, retries, tokens, refused;
	int64_t spared; /* tokens, by what was recalled */
};
struct embed_totals embed_totals(const struct embedder *m);

/* Is the model as it was made? Reads it through. 0 and the SHA-256 of its file
 * in hexadecimal, or C1V_DATA. */
enum { EMBED_DIGEST = 65 };
int embed_verify(struct embedder *m, char digest[EMBED_DIGEST], struct err *e);

void embed_close(struct embedder *m);

#endif

/* embed_driver: what a kind of model offers to embed.c. Private to this room. */
#ifndef C1V_EMBED_DRIVER_H
#define C1V_EMBED_DRIVER_H

#include "embed/embed.h"

struct embed_driver {
	const char *name; /* the model's name up to a colon: "local" */

	/* As embed_open(), for a model of this kind. Fills all members of struct
	 * embedder but `driver`. */
	int (*open)(const char *model, const struct embed_options *o, struct embedder **out, struct err *e);

	/* As embed_texts(), the texts being different from each other. */
	int (*texts)(struct embedder *m, enum embed_role role, const struct slice *texts,
	    size_t count, float *out, uint8_t *known, struct err *e);

	/* As embed_verify(). */
	int (*verify)(struct embedder *m, char digest[EMBED_DIGEST], struct err *e);

	void (*close)(struct embedder *m);

	/* As the functions of embed.h; NULL where texts() is all there is. */
	struct embed_shape (*shape)(const struct embedder *m);
	int64_t (*tokens)(struct embedder *m, struct slice text);
	int (*submit)(struct embedder *m, struct embed_job *job, struct err *e);
	int (*wait)(struct embedder *m, struct embed_job *job, struct err *e);
	size_t (*recall)(struct embedder *m, enum embed_role role, const struct slice *texts, size_t n,
	    const float **out);
	void (*spared)(struct embedder *m, int64_t tokens);
};

/* The first member of each driver's own struct. */
struct embedder {
	const struct embed_driver *driver;
	const char *model;
	const char *api_base; /* NULL: local */
	size_t dims;
	int recalls;          /* there is a cache to ask */
	double weight_vector, weight_keyword;
	struct same *same; /* embed.c's, for equal texts */
	struct embed_totals totals;
};

extern const struct embed_driver embed_local;

/* Room for job->count texts in what belongs to the job. */
void embed_job_room(struct embed_job *job);

#endif

/* embed_driver: what a kind of model offers to embed.c. Private to this room. */
#ifndef C1V_EMBED_DRIVER_H
#define C1V_EMBED_DRIVER_H

#include "embed/embed.h"

struct embed_driver {
	const char *name; /* the model's name up to a colon: "local" */

	/* As embed_open(), for a model of this kind. Fills all members of struct
	 * embedder but `driver`. */
	int (*open)(const char *model, const char *share, struct embedder **out, struct err *e);

	/* As embed_texts(), the texts being different from each other. */
	int (*texts)(struct embedder *m, enum embed_role role, const struct slice *texts,
	    size_t count, float *out, uint8_t *known, struct err *e);

	/* As embed_verify(). */
	int (*verify)(struct embedder *m, char digest[EMBED_DIGEST], struct err *e);

	void (*close)(struct embedder *m);
};

/* The first member of each driver's own struct. */
struct embedder {
	const struct embed_driver *driver;
	const char *model;
	size_t dims;
	double weight_vector, weight_keyword;
	struct same *same; /* embed.c's, for equal texts */
};

extern const struct embed_driver embed_local;

#endif

/* memo: vectors that were made before, kept in a cache.
 *
 * Under our own keys (cache/key.h) a value is "f32\n" and little-endian float32, or, in a cache that
 * is no good at bytes, a JSON string of their base64. Under the seed's keys it is an array of
 * numbers, as applications write it. A value that is none of these is a miss, and is removed. */
#ifndef C1V_EMBED_MEMO_H
#define C1V_EMBED_MEMO_H

#include "cache/cache.h"
#include "embed/embed.h"

struct memo;

struct memo_options {
	const struct cache_options *cache;
	const char *base, *model; /* of the keys */
	int64_t dims;             /* as asked for; 0: the model's own */
	int seed;                 /* the seed's keys and values */
	int refresh;              /* look nothing up */
	int local;                /* only a cache in a file is asked */
};

/* As cache_open(), forgiving. */
int memo_open(const struct memo_options *o, struct memo **out, struct err *e);
void memo_close(struct memo *m); /* m may be NULL */

/* vectors[i]: of texts[i], of unit length, valid until the next call; or NULL. *dims: their length; 0: it is
 * that of the first that is found. How many there are. */
size_t memo_get(struct memo *m, enum embed_role role, const struct slice *texts, size_t n, size_t *dims,
    const float **vectors);
/* Keep them, for 30 days. Failures are the cache's, which warns once. */
void memo_put(struct memo *m, enum embed_role role, const struct slice *texts, size_t n, size_t dims,
    const float *const *vectors);
/* What was found did not cost this much. */
void memo_saved(struct memo *m, int64_t tokens);
/* Is anything looked up? */
int memo_asks(const struct memo *m);

#endif

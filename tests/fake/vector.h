/* vector: what the scripted server says is the vector of a text, so that a test can tell
 * whose vector a record has. */
#ifndef C1V_FAKE_VECTOR_H
#define C1V_FAKE_VECTOR_H

#include <math.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/buf.h"

static void
vector_of(struct slice text, float *v, size_t dims)
{
	uint64_t h = 0xcbf29ce484222325u;
	double square = 0;

	for (size_t i = 0; i < text.n; i++)
		h = (h ^ (unsigned char)text.p[i]) * 0x100000001b3u;
	for (size_t i = 0; i < dims; i++) {
		h = h * 6364136223846793005u + 1442695040888963407u;
		v[i] = (float)((double)(h >> 40) / 8388608.0 - 1);
		square += (double)v[i] * (double)v[i];
	}
	for (size_t i = 0; i < dims; i++)
		v[i] = (float)((double)v[i] / sqrt(square));
}

/* Is a JSON string the base64 of a text's vector? */
static inline int
vector_fits(struct slice value, struct slice text, size_t dims)
{
	float *want = malloc(dims * sizeof(float)), *got = malloc(dims * sizeof(float) + 8);
	size_t n = 0;
	int fits;

	vector_of(text, want, dims);
	fits = value.n > 2 && value.p[0] == '"' && value.n - 2 <= (dims * sizeof(float) + 2) / 3 * 4 &&
	    base64_decode((struct slice){value.p + 1, value.n - 2}, (unsigned char *)got, &n) &&
	    n == dims * sizeof(float) && memcmp(got, want, n) == 0;
	free(want);
	free(got);
	return fits;
}

#endif

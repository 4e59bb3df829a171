/* vec: vectors as 4-bit codes, scanned with SIMD chosen at run time.
 *
 * A unit vector of d floats is turned by a fixed pseudo-random rotation (so
 * that no component stands out, whatever the model), then becomes d codes of
 * 4 bits (0..15, two a byte, even component in the low nibble) and one float32
 * step: component i of the turned vector ~ step*(code[i]-7.5). A query is
 * turned likewise, and dot products stay what they were. An odd d is padded.
 * Estimates are good enough to choose candidates; the caller scores these
 * again in float32. Step 0 marks an empty slot.
 *
 * Rotation and codes are part of the store's format. Every function gives the
 * same bits on every machine and code path. d is 1 or more; pointers to floats
 * need no alignment. */
#ifndef C1V_STORE_VEC_H
#define C1V_STORE_VEC_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the codes of one vector of d components. */
static inline size_t vec_code_size(size_t d) { return (d + 1) / 2; }

float vec_dot(const float *a, const float *b, size_t d);
float vec_norm(const float *a, size_t d); /* not finite when a component is not */
/* Scale to unit length into out (may be a). 0 when the norm is 0 or not finite
 * (out is then untouched), else 1. */
int vec_unit(const float *a, size_t d, float *out);

/* Encode a unit vector. Returns the step; 0 for a zero vector. */
float vec_encode(const float *unit, size_t d, uint8_t *codes);

/* A query prepared for scanning codes; not changed by a scan, so that threads
 * may share it. Free with vec_query_free. */
struct vec_query;
struct vec_query *vec_query_new(const float *unit, size_t d);
void vec_query_free(struct vec_query *q);

/* Estimated dot products of the query with n consecutive vectors: out[i] for
 * codes[i * vec_code_size(d)], steps[i]; -2 for an empty slot. */
void vec_scan(const struct vec_query *q, const uint8_t *codes, const float *steps,
    size_t n, float *out);

/* An upper bound, by far not reached in practice (six standard deviations of the
 * quantisation error), of |estimate - dot| for vectors with this step. */
float vec_error(const struct vec_query *q, float step);

/* The code path in use: "avx512", "avx2", "sse", "neon", "scalar". C1V_SIMD,
 * read once, names one to force it, for tests; one that is not here is not used. */
const char *vec_simd(void);

#endif

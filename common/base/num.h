/* num: numbers from text, strictly, and numbers to text, shortest.
 *
 * Parsers take the whole slice or refuse it; no locale, no leading space. */
#ifndef C1V_BASE_NUM_H
#define C1V_BASE_NUM_H

#include <stdint.h>

#include "base/buf.h"

/* A decimal integer within [min, max]. 0, or C1V_USAGE with what ("--size")
 * and the range in the error. */
int num_int(struct slice s, int64_t min, int64_t max, int64_t *out,
    const char *what, struct err *e);

/* A finite decimal number within [min, max]; errors as num_int. */
int num_real(struct slice s, double min, double max, double *out,
    const char *what, struct err *e);

/* Bytes with an optional suffix k, M, G (powers of 1024); errors as num_int. */
int num_size(struct slice s, int64_t min, int64_t max, int64_t *out,
    const char *what, struct err *e);

/* A time as 500ms, 90s (or 90), 15m, 2h, 7d, 4w, in milliseconds; errors as num_int. */
int num_duration(struct slice s, int64_t min, int64_t max, int64_t *out,
    const char *what, struct err *e);

/* A JSON number (RFC 8259 grammar, already validated) to the nearest float32:
 * correctly rounded, huge values become infinite. */
float num_json_float(struct slice number);
double num_json_double(struct slice number);

/* 1 and *out when a JSON number is an integer (also written 1.0 or 1e3) that
 * fits int64_t exactly, else 0. */
int num_json_int(struct slice number, int64_t *out);

/* Are two JSON numbers the same, exactly (1 and 1.0, 0.1 and 10e-2)? */
int num_json_equal(struct slice a, struct slice b);

/* The shortest decimal that reads back as the same float32, as JSON writes it:
 * the first of v rounded to 1, 2, … 9 digits that does. (Of all float32 only
 * 2^-96, 2^87 and 2^90 have a shorter one that is not v rounded.) v must be
 * finite. Appends to b. */
void num_add_float(struct buf *b, float v);

/* The shortest of %.15g, %.16g, %.17g that reads back as v (finite). */
void num_add_double(struct buf *b, double v);

void num_add_int(struct buf *b, int64_t v);

#endif

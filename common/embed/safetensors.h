/* safetensors: tensors in a file: a length, a JSON header, the data. */
#ifndef C1V_EMBED_SAFETENSORS_H
#define C1V_EMBED_SAFETENSORS_H

#include <stdint.h>

#include "base/buf.h"

struct tensor {
	char type[8];     /* "I8", "F16", "F32", "F64", "I32", "I64" */
	size_t rows, columns; /* a vector has one column */
	const char *data; /* inside the file, not aligned */
};

/* The tensor named name of a file's text. 1; 0: there is none; -1: C1V_DATA. */
int tensor_find(struct slice file, const char *name, struct tensor *t, struct err *e);

/* Item i, of any type. */
double tensor_value(const struct tensor *t, size_t i);

#endif

#include "embed/safetensors.h"

#include <math.h>

#include <jansson.h>

enum { LENGTH = 8 }; /* bytes of the header's length */

static int
wrong(const char *name, const char *what, struct err *e)
{
	err_set(e, C1V_DATA, "tensor `%s`: %s", name, what);
	return -1;
}

static size_t
size_of(const char *type)
{
	static const struct { const char *name; size_t size; } types[] = {
		{"I8", 1}, {"F16", 2}, {"F32", 4}, {"F64", 8}, {"I32", 4}, {"I64", 8}
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(type, types[i].name) == 0)
			return types[i].size;
	}
	return 0;
}

static int
read_shape(const json_t *shape, struct tensor *t)
{
	json_int_t n[2] = {0, 1};
	size_t count = json_array_size(shape);

	if (count < 1 || count > 2)
		return 0;
	for (size_t i = 0; i < count; i++) {
		const json_t *v = json_array_get(shape, i);
		if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > UINT32_MAX)
			return 0;
		n[i] = json_integer_value(v);
	}
	t->rows = (size_t)n[0];
	t->columns = (size_t)n[1];
	return 1;
}

/* One entry of the header; data is what follows it. */
static int
read_entry(const json_t *entry, const char *name, struct slice data, struct tensor *t, struct err *e)
{
	const char *type = json_string_value(json_object_get(entry, "dtype"));
	const json_t *offsets = json_object_get(entry, "data_offsets");
	const json_t *from = json_array_get(offsets, 0), *to = json_array_get(offsets, 1);
	size_t size = type != NULL ? size_of(type) : 0;
	json_int_t low = json_integer_value(from), high = json_integer_value(to);

	if (size == 0)
		return wrong(name, "its type is not known", e);
	if (!read_shape(json_object_get(entry, "shape"), t))
		return wrong(name, "its shape is neither a vector nor a matrix", e);
	if (!json_is_integer(from) || !json_is_integer(to) || low < 0 || high < low ||
	    (uint64_t)high > data.n || (uint64_t)(high - low) / size != (uint64_t)t->rows * t->columns ||
	    (uint64_t)(high - low) % size != 0)
		return wrong(name, "its data do not have the size of its shape", e);
	memcpy(t->type, type, strlen(type) + 1);
	t->data = data.p + low;
	return 1;
}

int
tensor_find(struct slice file, const char *name, struct tensor *t, struct err *e)
{
	uint64_t n = 0;
	json_error_t why;
	json_t *header;
	const json_t *entry;
	int rc = 0;

	for (int i = LENGTH; i-- > 0 && file.n >= LENGTH;)
		n = n << 8 | (unsigned char)file.p[i];
	if (file.n < LENGTH || n > file.n - LENGTH)
		return wrong(name, "the file is no safetensors file", e);
	header = json_loadb(file.p + LENGTH, (size_t)n, 0, &why);
	if (header == NULL)
		return wrong(name, "the file's header is not JSON", e);
	entry = json_object_get(header, name);
	if (entry != NULL)
		rc = read_entry(entry, name,
		    (struct slice){file.p + LENGTH + n, file.n - LENGTH - (size_t)n}, t, e);
	json_decref(header);
	return rc;
}

static double /* IEEE 754 binary16 */
half(uint16_t bits)
{
	int exponent = bits >> 10 & 31, fraction = bits & 1023;
	double value = exponent == 31 ? (fraction ? (double)NAN : (double)INFINITY) :
	    exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);

	return bits & 0x8000 ? -value : value;
}

double
tensor_value(const struct tensor *t, size_t i)
{
	union { int8_t i8; uint16_t u16; int32_t i32; int64_t i64; float f32; double f64; } v;
	size_t size = size_of(t->type);

	memcpy(&v, t->data + i * size, size);
	if (t->type[0] == 'I')
		return size == 1 ? v.i8 : size == 4 ? v.i32 : (double)v.i64;
	return size == 2 ? half(v.u16) : size == 4 ? (double)v.f32 : v.f64;
}

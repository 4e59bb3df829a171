#include "record/record.h"

#include <math.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/num.h"

static int
wrong(struct err *e, const char *why)
{
	err_set(e, C1V_DATA, "`embedding` %s", why);
	return -1;
}

static int
too_many(struct err *e)
{
	err_set(e, C1V_DATA, "`embedding` has more than %d numbers", RECORD_MAX_DIMS);
	return -1;
}

static int
number_byte(char c)
{
	return (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E';
}

/* The array was validated, so a run of these bytes is a number, and whatever
 * does not begin with one is a value of another type. */
static int
read_array(struct slice value, struct floats *out, struct err *e)
{
	const char *p = value.p + 1, *end = value.p + value.n - 1;

	for (;;) {
		const char *number;

		while (p < end && !number_byte(*p)) {
			if (*p != ',' && *p != ' ' && *p != '\t' && *p != '\n' && *p != '\r')
				return wrong(e, "holds something other than numbers");
			p++;
		}
		if (p == end)
			return 0;
		for (number = p; p < end && number_byte(*p); p++)
			;
		if (out->count == RECORD_MAX_DIMS)
			return too_many(e);
		mem_grow(&out->v, &out->room, out->count + 1, sizeof(*out->v));
		out->v[out->count++] = num_json_float((struct slice){number, (size_t)(p - number)});
	}
}

/* Little-endian bytes, in place, to the floats of this machine. */
static void
from_little_endian(float *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char b[4];
		uint32_t bits;

		memcpy(b, &v[i], 4);
		bits = b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
		memcpy(&v[i], &bits, 4);
	}
}

static int
read_base64(struct slice value, struct floats *out, struct err *e)
{
	struct buf scratch = {0};
	struct slice text = json_text(value, &scratch);
	size_t n = 0;
	int good;

	/* Four characters are three bytes; up to here it is one float too few. */
	if (text.n > (RECORD_MAX_DIMS + (size_t)1) * sizeof(float) * 4 / 3) {
		buf_free(&scratch);
		return too_many(e);
	}
	mem_grow(&out->v, &out->room, base64_room(text.n) / sizeof(float) + 1, sizeof(*out->v));
	good = base64_decode(text, (unsigned char *)out->v, &n);
	buf_free(&scratch);
	if (!good)
		return wrong(e, "is not base64");
	if (n % sizeof(float) != 0)
		return wrong(e, "is not base64 of a multiple of 4 bytes");
	out->count = n / sizeof(float);
	from_little_endian(out->v, out->count);
	return 0;
}

static int
check_numbers(const struct floats *f, struct err *e)
{
	int zero = 1, finite = 1;

	if (f->count == 0)
		return wrong(e, "is empty");
	for (size_t i = 0; i < f->count; i++) {
		zero &= f->v[i] == 0;
		finite &= isfinite(f->v[i]) != 0;
	}
	if (!finite)
		return wrong(e, "holds a number that is not finite as float32");
	return zero ? wrong(e, "is a zero vector") : 0;
}

static int
check_dims(struct slice dims, size_t count, struct err *e)
{
	int64_t n;

	if (dims.p == NULL || json_type(dims) == JSON_NULL)
		return 0;
	if (json_type(dims) != JSON_NUMBER || !num_json_int(dims, &n) || n < 0) {
		err_set(e, C1V_DATA, "`dims` is not a whole number");
		return -1;
	}
	if ((uint64_t)n == count)
		return 0;
	err_set(e, C1V_DATA, "`dims` is %lld, but `embedding` has %zu numbers", (long long)n, count);
	return -1;
}

int
record_vector(const struct record *r, struct floats *out, struct err *e)
{
	struct slice value = r->embedding;
	int rc;

	out->count = 0;
	if (value.p == NULL || json_type(value) == JSON_NULL)
		return 0;
	if (json_type(value) == JSON_ARRAY)
		rc = read_array(value, out, e);
	else if (json_type(value) == JSON_STRING)
		rc = read_base64(value, out, e);
	else
		rc = wrong(e, "is neither an array nor a string");
	if (rc != 0 || check_numbers(out, e) != 0 || check_dims(r->dims, out->count, e) != 0)
		return -1;
	return 1;
}

static void
add_base64(struct buf *b, const float *v, size_t n)
{
	struct floats little = {0};

	mem_grow(&little.v, &little.room, n, sizeof(*v));
	if (n)
		memcpy(little.v, v, n * sizeof(*v));
	from_little_endian(little.v, n); /* the same in both directions */
	buf_byte(b, '"');
	base64_add(b, little.v, n * sizeof(*v));
	buf_byte(b, '"');
	free(little.v);
}

void
record_add_vector(struct buf *b, const float *v, size_t n, int base64)
{
	if (base64) {
		add_base64(b, v, n);
		return;
	}
	buf_byte(b, '[');
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_byte(b, ',');
		num_add_float(b, v[i]);
	}
	buf_byte(b, ']');
}

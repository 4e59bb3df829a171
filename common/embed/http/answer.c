#include "answer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/num.h"
#include "base/utf8.h"

enum { DIMS_MAX = 65536 };

static int
nonsense(struct err *e, const char *what)
{
	return err_set(e, C1V_PROTOCOL, "the API's answer: %s", what);
}

/* --- a vector --------------------------------------------------------------- */

static int
read_base64(struct slice text, float *out, size_t room, size_t *n, struct err *e)
{
	size_t bytes;

	text = (struct slice){text.p + 1, text.n - 2};
	if (text.n / 4 * 3 > room * sizeof(float) || text.n == 0)
		return nonsense(e, "a vector of a wrong length");
	if (!base64_decode(text, (unsigned char *)out, &bytes) || bytes % sizeof(float) != 0)
		return nonsense(e, "a vector that is no base64 of floats");
	*n = bytes / sizeof(float);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	for (size_t i = 0; i < *n; i++) {
		uint32_t bits;
		memcpy(&bits, out + i, sizeof(bits));
		bits = __builtin_bswap32(bits);
		memcpy(out + i, &bits, sizeof(bits));
	}
#endif
	return 0;
}

static int
read_array(struct slice array, float *out, size_t room, size_t *n, struct err *e)
{
	struct json_walk w = json_walk(array);
	struct slice item;

	for (*n = 0; json_item(&w, &item); ++*n) {
		if (*n == room || json_type(item) != JSON_NUMBER)
			return nonsense(e, *n == room ? "a vector of a wrong length" : "a vector of other than numbers");
		out[*n] = num_json_float(item);
	}
	return 0;
}

/* Finite, not zero; made of unit length where it is not nearly so already, which leaves
 * the bits of those that are. */
static int
settle(float *v, size_t n, struct err *e)
{
	double square = 0, length;

	for (size_t i = 0; i < n; i++)
		square += (double)v[i] * (double)v[i];
	if (!isfinite(square))
		return nonsense(e, "a vector with a number that is not finite");
	if (!(square > 0))
		return nonsense(e, "a vector of zeros");
	length = sqrt(square);
	if (fabs(length - 1) > 1e-3)
		for (size_t i = 0; i < n; i++)
			v[i] = (float)((double)v[i] / length);
	return 0;
}

/* The vector into scratch, which has room for DIMS_MAX floats and base64's slack. */
static int
read_vector(struct slice value, float *scratch, size_t *n, struct err *e)
{
	int rc;

	if (value.p != NULL && json_type(value) == JSON_STRING)
		rc = read_base64(value, scratch, DIMS_MAX, n, e);
	else if (value.p != NULL && json_type(value) == JSON_ARRAY)
		rc = read_array(value, scratch, DIMS_MAX, n, e);
	else
		return nonsense(e, "an item without a vector");
	if (rc == 0 && *n == 0)
		return nonsense(e, "a vector without numbers");
	return rc != 0 ? rc : settle(scratch, *n, e);
}

/* --- all of them ------------------------------------------------------------ */

struct reader {
	const struct answer_place *to;
	size_t dims, items;
	uint8_t *seen;
	float *scratch;
};

static int
read_item(struct reader *r, struct slice item, struct err *e)
{
	const struct answer_place *to = r->to;
	struct slice key, value, vector = SLICE_NONE, index = SLICE_NONE;
	struct json_walk w;
	int64_t at = (int64_t)r->items;
	size_t n = 0;

	if (json_type(item) != JSON_OBJECT)
		return nonsense(e, "an item that is no object");
	w = json_walk(item);
	while (json_member(&w, &key, &value)) {
		if (json_key_is(key, "embedding"))
			vector = value;
		else if (json_key_is(key, "index"))
			index = value;
	}
	if (index.p != NULL && (json_type(index) != JSON_NUMBER || !num_json_int(index, &at)))
		return nonsense(e, "an `index` that is no number");
	if (at < 0 || (uint64_t)at >= to->count)
		return nonsense(e, r->items >= to->count ? "more vectors than texts" : "an `index` out of range");
	if (r->seen[at])
		return nonsense(e, "an `index` that stands twice");
	r->seen[at] = 1;
	if (read_vector(vector, r->scratch, &n, e) != 0)
		return e->code;
	if (r->dims == 0)
		r->dims = n;
	if (n != r->dims)
		return err_set(e, C1V_PROTOCOL, "the API's answer: a vector of %zu dimensions, not of %zu", n, r->dims);
	mem_grow(to->rows, to->room, to->total * n, sizeof(float));
	memcpy(*to->rows + (to->first + (size_t)at) * n, r->scratch, n * sizeof(float));
	r->items++;
	return 0;
}

static int
read_data(struct slice data, const struct answer_place *to, size_t *dims, struct err *e)
{
	struct reader r = {.to = to, .dims = *dims};
	struct json_walk w = json_walk(data);
	struct slice item;
	int rc = 0;

	r.seen = mem_zero(to->count, 1);
	r.scratch = mem_alloc((DIMS_MAX + 4) * sizeof(float));
	while (rc == 0 && json_item(&w, &item))
		rc = read_item(&r, item, e);
	if (rc == 0 && r.items != to->count)
		rc = err_set(e, C1V_PROTOCOL, "the API's answer: %zu vectors for %zu texts", r.items, to->count);
	if (rc == 0)
		*dims = r.dims;
	free(r.seen);
	free(r.scratch);
	return rc;
}

int
answer_vectors(struct slice body, const struct answer_place *to, size_t *dims, int64_t *tokens,
    struct err *e)
{
	struct slice object, key, value, data = SLICE_NONE, usage = SLICE_NONE;
	struct json_walk w;

	if (json_check(body, &object, NULL) != 0 || json_type(object) != JSON_OBJECT)
		return nonsense(e, "no JSON object");
	w = json_walk(object);
	while (json_member(&w, &key, &value)) {
		if (json_key_is(key, "data"))
			data = value;
		else if (json_key_is(key, "usage"))
			usage = value;
	}
	if (data.p == NULL || json_type(data) != JSON_ARRAY) {
		struct answer_error error;

		answer_error(body, &error);
		return nonsense(e, error.message[0] ? "an error inside" : "no `data`");
	}
	*tokens = -1;
	if (usage.p != NULL && json_type(usage) == JSON_OBJECT) {
		value = json_get(usage, "prompt_tokens");
		if (value.p == NULL)
			value = json_get(usage, "total_tokens");
		if (value.p == NULL || json_type(value) != JSON_NUMBER || !num_json_int(value, tokens) || *tokens < 0)
			*tokens = -1;
	}
	return read_data(data, to, dims, e);
}

/* --- errors ----------------------------------------------------------------- */

static void
keep(char *out, size_t room, struct slice value)
{
	struct buf scratch = {0};
	struct slice text = value;

	if (value.p == NULL)
		return;
	if (json_type(value) == JSON_STRING)
		text = json_text(value, &scratch);
	else if (json_type(value) != JSON_NUMBER)
		return;
	if (text.n >= room)
		text.n = room - 1;
	text.n = utf8_valid(text.p, text.n);
	for (size_t i = 0; i < text.n; i++)
		out[i] = (unsigned char)text.p[i] < ' ' ? ' ' : text.p[i];
	out[text.n] = '\0';
	buf_free(&scratch);
}

void
answer_error(struct slice body, struct answer_error *out)
{
	struct slice object, error;

	memset(out, 0, sizeof(*out));
	if (json_check(body, &object, NULL) != 0 || json_type(object) != JSON_OBJECT)
		return;
	error = json_get(object, "error");
	if (error.p != NULL && json_type(error) == JSON_OBJECT)
		object = error;
	else if (error.p != NULL && json_type(error) == JSON_STRING)
		keep(out->message, sizeof(out->message), error);
	if (out->message[0] == '\0')
		keep(out->message, sizeof(out->message), json_get(object, "message"));
	if (out->message[0] == '\0')
		keep(out->message, sizeof(out->message), json_get(object, "detail"));
	keep(out->code, sizeof(out->code), json_get(object, "code"));
	keep(out->type, sizeof(out->type), json_get(object, "type"));
}

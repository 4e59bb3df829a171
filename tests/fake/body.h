/* body: what the scripted server says, right or wrong. */
#ifndef C1V_FAKE_BODY_H
#define C1V_FAKE_BODY_H

#include "base/num.h"
#include "plan.h"
#include "vector.h"

static void
body_array(struct buf *b, const struct plan *p, const float *v, size_t dims)
{
	for (size_t i = 0; i < dims; i++) {
		buf_byte(b, i ? ',' : '[');
		if (i == dims / 2 && plan_is(p->fault, "nan"))
			buf_string(b, "NaN");
		else if (i == dims / 2 && plan_is(p->fault, "inf"))
			buf_string(b, "1e999");
		else if (i == dims / 2 && plan_is(p->fault, "null"))
			buf_string(b, "null");
		else
			num_add_float(b, v[i]);
	}
	buf_byte(b, ']');
}

static void
body_vector(struct buf *b, const struct plan *p, struct slice text, size_t dims, int base64)
{
	float *v = malloc((dims + 1) * sizeof(float));

	if (plan_is(p->fault, "dim"))
		dims++;
	vector_of(text, v, dims);
	if (plan_is(p->fault, "zero"))
		memset(v, 0, dims * sizeof(float));
	if (base64 && plan_is(p->fault, "nan"))
		v[dims / 2] = NAN;
	if (base64 && plan_is(p->fault, "inf"))
		v[dims / 2] = INFINITY;
	if (base64) {
		buf_byte(b, '"');
		base64_add(b, v, dims * sizeof(float) - (plan_is(p->fault, "odd") ? 1 : 0));
		buf_byte(b, '"');
	} else {
		body_array(b, p, v, dims);
	}
	free(v);
}

/* {"data":[…],…} for n texts. */
static void
body_data(struct buf *b, const struct plan *p, const struct slice *texts, size_t n, size_t dims, int base64)
{
	size_t items = n;

	if (plan_is(p->fault, "few"))
		items = n - 1;
	if (plan_is(p->fault, "more"))
		items = n + 1;
	buf_string(b, "{\"object\":\"list\",\"data\":[");
	for (size_t k = 0; k < items; k++) {
		size_t i = plan_is(p->fault, "reorder") ? items - 1 - k : k, said = i;

		if (k)
			buf_byte(b, ',');
		buf_string(b, "{\"object\":\"embedding\",");
		if (plan_is(p->fault, "dup"))
			said = 0;
		if (plan_is(p->fault, "range") && k + 1 == items)
			said = items;
		if (plan_is(p->fault, "word"))
			buf_format(b, "\"index\":\"%zu\",", said);
		else if (!plan_is(p->fault, "noindex") && !(plan_is(p->fault, "someindex") && k % 2))
			buf_format(b, "\"index\":%zu,", said);
		buf_string(b, "\"embedding\":");
		body_vector(b, p, texts[i % n], dims, base64);
		buf_byte(b, '}');
	}
	buf_format(b, "],\"model\":\"fake\",\"usage\":{\"prompt_tokens\":%zu,\"total_tokens\":%zu}}",
	    n * p->tokens, n * p->tokens);
}

static void
body_error(struct buf *b, const struct plan *p, const char *message)
{
	const char *code = plan_is(p->fault, "quota") ? "insufficient_quota" : p->code;

	if (plan_is(p->fault, "flat"))
		buf_format(b, "{\"object\":\"error\",\"message\":\"%s\",\"code\":400}", message);
	else if (plan_is(p->fault, "string"))
		buf_format(b, "{\"error\":\"%s\"}", message);
	else
		buf_format(b, "{\"error\":{\"message\":\"%s\",\"type\":\"%s\",\"code\":%s%s%s}}", message,
		    *code ? code : "some_type", *code ? "\"" : "", *code ? code : "null", *code ? "\"" : "");
}

static inline void
body_file(struct buf *b, const char *path)
{
	FILE *f = fopen(path, "rb");
	size_t n;

	while (f != NULL && (n = fread(buf_reserve(b, 65536), 1, 65536, f)) > 0)
		b->len += n;
	if (f != NULL)
		fclose(f);
}

#endif

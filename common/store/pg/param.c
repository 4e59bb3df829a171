#include "store/pg/link.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"

/* Oids of pg_type that never change. */
enum { OID_BYTEA = 17, OID_INT8 = 20, OID_FLOAT8 = 701, OID_TEXT_ARRAY = 1009 };

static void
add(struct pg_params *p, const char *value, size_t n, int binary, Oid type)
{
	if (p->count == PG_PARAMS)
		abort(); /* a statement of ours has too many: found by its first test */
	p->values[p->count] = value;
	p->lengths[p->count] = (int)n;
	p->formats[p->count] = binary;
	p->types[p->count++] = type;
}

/* Text parameters are given by their length only in binary form, and text's
 * binary form is its bytes; but then the type must be known. So they are
 * copied with a NUL behind them. */
void
pg_param_text(struct pg_params *p, struct slice text)
{
	add(p, text.p ? arena_bytes(&p->arena, text.p, text.n) : NULL, text.n, 0, 0);
}

void
pg_param_int(struct pg_params *p, int64_t n)
{
	add(p, arena_format(&p->arena, "%lld", (long long)n), 0, 0, OID_INT8);
}

void
pg_param_real(struct pg_params *p, double x)
{
	add(p, arena_format(&p->arena, "%.17g", x), 0, 0, OID_FLOAT8);
}

void
pg_param_bytes(struct pg_params *p, struct slice bytes)
{
	add(p, bytes.p, bytes.n, 1, OID_BYTEA);
}

void
pg_param_vector(struct pg_params *p, const float *v, size_t dims)
{
	struct buf b = {0};

	buf_byte(&b, '[');
	for (size_t i = 0; i < dims; i++) {
		if (i > 0)
			buf_byte(&b, ',');
		num_add_float(&b, v[i]);
	}
	buf_byte(&b, ']');
	add(p, arena_bytes(&p->arena, b.data, b.len), b.len, 0, 0);
	buf_free(&b);
}

void
pg_param_texts(struct pg_params *p, const struct slice *texts, size_t count)
{
	struct buf b = {0};

	buf_byte(&b, '{');
	for (size_t i = 0; i < count; i++) {
		buf_string(&b, i ? ",\"" : "\"");
		for (size_t k = 0; k < texts[i].n; k++) {
			if (texts[i].p[k] == '"' || texts[i].p[k] == '\\')
				buf_byte(&b, '\\');
			buf_byte(&b, texts[i].p[k]);
		}
		buf_byte(&b, '"');
	}
	buf_byte(&b, '}');
	add(p, arena_bytes(&p->arena, b.data, b.len), b.len, 0, OID_TEXT_ARRAY);
	buf_free(&b);
}

void
pg_params_free(struct pg_params *p)
{
	arena_free(&p->arena);
	p->count = 0;
}

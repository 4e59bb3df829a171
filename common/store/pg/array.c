#include "store/pg/array.h"

enum { HEADER = 20 }; /* dimensions, has nulls, type of items; length and lower bound of the only dimension */

void
pg_add_number(struct buf *b, uint64_t n, int bytes)
{
	char *p = buf_reserve(b, (size_t)bytes);

	for (int i = bytes - 1; i >= 0; i--, n >>= 8)
		p[i] = (char)(n & 0xff);
	b->len += (size_t)bytes;
}

uint32_t
pg_number(const PGresult *r, int row, int column)
{
	const unsigned char *p = (const unsigned char *)PQgetvalue(r, row, column);

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

void
pg_array_start(struct pg_array *a, enum pg_item type)
{
	a->b.len = 0;
	a->type = type;
	a->count = 0;
	a->nulls = 0;
	buf_reserve(&a->b, HEADER);
	a->b.len = HEADER;
}

void
pg_array_bytes(struct pg_array *a, struct slice s)
{
	a->count++;
	a->nulls |= s.p == NULL;
	pg_add_number(&a->b, s.p == NULL ? UINT32_MAX : s.n, 4);
	buf_slice(&a->b, s);
}

void
pg_array_text(struct pg_array *a, const char *s)
{
	pg_array_bytes(a, slice_of(s));
}

void
pg_array_int(struct pg_array *a, int64_t n)
{
	int size = a->type == PG_BOOL ? 1 : a->type == PG_INT4 ? 4 : 8;

	a->count++;
	pg_add_number(&a->b, (uint64_t)size, 4);
	pg_add_number(&a->b, (uint64_t)n, size);
}

static uint32_t
array_type(uint32_t item)
{
	switch (item) {
	case PG_BOOL: return 1000;
	case PG_BYTEA: return 1001;
	case PG_INT8: return 1016;
	case PG_INT4: return 1007;
	default: return 1009;
	}
}

void
pg_array_param(struct pg_array *a, struct pg_params *p)
{
	size_t len = a->b.len;

	a->b.len = 0;
	pg_add_number(&a->b, a->count > 0, 4);
	pg_add_number(&a->b, (uint64_t)a->nulls, 4);
	pg_add_number(&a->b, a->type, 4);
	pg_add_number(&a->b, a->count, 4);
	pg_add_number(&a->b, 1, 4);
	a->b.len = a->count > 0 ? len : 12;
	p->values[p->count] = a->b.data;
	p->lengths[p->count] = (int)a->b.len;
	p->formats[p->count] = 1;
	p->types[p->count] = array_type(a->type);
	p->count++;
}

void
pg_array_free(struct pg_array *a)
{
	buf_free(&a->b);
}

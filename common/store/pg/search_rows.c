#include <math.h>
#include <stdlib.h>

#include "store/pg/search_sql.h"

static uint64_t
number(const char *p, int bytes)
{
	uint64_t n = 0;

	for (int i = 0; i < bytes; i++)
		n = n << 8 | (unsigned char)p[i];
	return n;
}

static double
real(const PGresult *r, int row, int column)
{
	union { uint64_t bits; double value; } u;

	if (PQgetisnull(r, row, column) || PQgetlength(r, row, column) != 8)
		return NAN;
	u.bits = number(PQgetvalue(r, row, column), 8);
	return u.value;
}

static int
truth(const PGresult *r, int row, int column)
{
	return !PQgetisnull(r, row, column) && *PQgetvalue(r, row, column) != 0;
}

static struct slice
text(const PGresult *r, int row, int column)
{
	if (PQgetisnull(r, row, column))
		return SLICE("");
	return (struct slice){PQgetvalue(r, row, column), (size_t)PQgetlength(r, row, column)};
}

static int
by_id(const void *a, const void *b)
{
	struct slice x = ((const struct pg_found *)a)->id, y = ((const struct pg_found *)b)->id;
	size_t n = x.n < y.n ? x.n : y.n;
	int order = n ? memcmp(x.p, y.p, n) : 0;

	if (order == 0)
		order = (x.n > y.n) - (x.n < y.n);
	/* Rows of others may share an id of ours; which is first must not be left to chance. */
	return order ? order : ((const struct pg_found *)a)->row - ((const struct pg_found *)b)->row;
}

struct pg_found *
pg_found_read(const PGresult *r, size_t *count)
{
	size_t n = (size_t)PQntuples(r);
	struct pg_found *out = mem_alloc((n + 1) * sizeof(*out));

	for (size_t i = 0; i < n; i++) {
		int row = (int)i;

		out[i] = (struct pg_found){
			.row = row,
			.near = truth(r, row, HIT_NEAR),
			.word = truth(r, row, HIT_WORD),
			.cosine = real(r, row, HIT_COSINE),
			.score = real(r, row, HIT_SCORE),
			.hash = PQgetlength(r, row, HIT_HASH) == 8 ? (int64_t)number(PQgetvalue(r, row, HIT_HASH), 8) : 0,
			.id = text(r, row, HIT_ROW),
			.document = text(r, row, HIT_ROW + 1),
			.shown = truth(r, row, HIT_SHOWN),
		};
	}
	qsort(out, n, sizeof(*out), by_id);
	*count = n;
	return out;
}

/* An array in binary form: dimensions, whether there are nulls, the type of an item, then for each
 * dimension its length and first index, then each item's length (-1: null) and bytes. */
size_t
pg_found_also(const PGresult *r, int row, struct slice *out, size_t room)
{
	const char *p = PQgetvalue(r, row, HIT_ALSO), *end;
	size_t count, n = 0;

	if (PQgetisnull(r, row, HIT_ALSO) || PQgetlength(r, row, HIT_ALSO) < 20 || number(p, 4) != 1)
		return 0;
	end = p + PQgetlength(r, row, HIT_ALSO);
	count = (size_t)number(p + 12, 4);
	for (p += 20; n < count && n < room && end - p >= 4; n++) {
		int32_t length = (int32_t)number(p, 4);

		p += 4;
		if (length < 0 || length > end - p)
			break;
		out[n] = (struct slice){p, (size_t)length};
		p += length;
	}
	return n;
}

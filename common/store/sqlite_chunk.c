#include "store/sqlite.h"

#include "base/sha.h"
#include "base/sum.h"

int64_t
sqlite_hash(struct slice content)
{
	uint8_t sum[SHA_SIZE];
	uint64_t h = 0;

	sha_of(content, sum);
	for (int i = 7; i >= 0; i--)
		h = h << 8 | sum[i];
	return (int64_t)h;
}

int
sqlite_vector_right(sqlite3_stmt *st, int i, struct slice vector)
{
	return sqlite3_column_type(st, i) == SQLITE_NULL ||
	    sqlite3_column_int64(st, i) == (int64_t)sum64(vector.p, vector.n, 0);
}

static int
damaged(struct sqlite_store *s, int64_t slot, const char *check, struct err *e)
{
	err_set(e, C1V_DATA, "reading %s: damaged file: row %lld of %s: %s check", s->db.path,
	    (long long)slot, s->base.collection, check);
	return err_hint(e, "c1v-store verify lists what is damaged");
}

static int
is_text(sqlite3_stmt *st, int i, int null_too)
{
	int type = sqlite3_column_type(st, i);

	return type == SQLITE_TEXT || (null_too && type == SQLITE_NULL);
}

int
sqlite_chunk(struct sqlite_store *s, sqlite3_stmt *st, struct stored_chunk *out,
    int64_t *slot, struct err *e)
{
	int64_t id = sqlite3_column_int64(st, 0);
	struct slice vector;

	if (!is_text(st, 1, 0) || !is_text(st, 2, 0) || !is_text(st, 3, 0) || !is_text(st, 4, 1) ||
	    !is_text(st, 5, 1) || !is_text(st, 6, 1))
		return damaged(s, id, "type", e);
	out->id = db_text(st, 1);
	out->document = db_text(st, 2);
	out->content = db_text(st, 3);
	out->source = db_text(st, 4);
	out->metadata = db_text(st, 5);
	out->place = db_text(st, 6);
	out->index = sqlite3_column_int64(st, 7);
	out->of = sqlite3_column_int64(st, 8);
	if (sqlite_hash(out->content) != sqlite3_column_int64(st, 9))
		return damaged(s, id, "content", e);
	vector = db_text(st, 10);
	out->vector = NULL;
	out->dims = 0;
	out->model = out->api_base = NULL;
	if (vector.p != NULL) {
		if (vector.n != s->info.dims * sizeof(float) || vector.n == 0 || !sqlite_vector_right(st, 11, vector))
			return damaged(s, id, "vector", e);
		s->vector.len = 0;
		buf_slice(&s->vector, vector);
		out->vector = (const float *)(const void *)s->vector.data;
		out->dims = s->info.dims;
		out->model = s->info.model;
		out->api_base = s->info.api_base;
	}
	if (slot != NULL)
		*slot = id;
	return 0;
}

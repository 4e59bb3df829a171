#include "store/sqlite_batch.h"

#include "store/vec.h"

/* A block's two blobs, open for writing in place. */
struct open_block {
	int64_t id; /* -1: none */
	sqlite3_blob *sizes, *codes; /* codes is NULL while the collection has no vectors */
};

static void
close_block(struct open_block *o)
{
	sqlite3_blob_close(o->sizes);
	sqlite3_blob_close(o->codes);
	*o = (struct open_block){.id = -1};
}

/* Open a blob of this size; the row is made unless it is there. */
static int
open_blob(struct sqlite_store *s, enum batch_statement add, const char *table, const char *column,
    int64_t id, size_t size, sqlite3_blob **out, struct err *e)
{
	sqlite3_stmt *st = batch_statement(s, add, e);
	int rc;

	if (st == NULL)
		return e->code;
	sqlite3_bind_int64(st, 1, id);
	sqlite3_bind_int64(st, 2, (sqlite3_int64)size);
	rc = db_run(&s->db, st, e);
	if (rc != 0)
		return rc;
	table = arena_format(&s->batch->held, "%s_%s", s->base.collection, table);
	if (sqlite3_blob_open(s->db.handle, "main", table, column, id, 1, out) != SQLITE_OK)
		return db_error(&s->db, "writing", e);
	if ((size_t)sqlite3_blob_bytes(*out) == size)
		return 0;
	return err_set(e, C1V_DATA, "writing %s: damaged file: block %lld of %s: size check",
	    s->db.path, (long long)id, s->base.collection);
}

static int
open_block(struct sqlite_store *s, int64_t id, struct open_block *o, struct err *e)
{
	size_t codes = BLOCK_SLOTS * (sizeof(float) + vec_code_size(s->info.dims));
	int rc;

	close_block(o);
	o->id = id;
	rc = open_blob(s, ADD_SIZES, "size", "sizes", id, BLOCK_SLOTS * sizeof(uint32_t), &o->sizes, e);
	if (rc == 0 && s->info.dims > 0)
		rc = open_blob(s, ADD_CODES, "block", "codes", id, codes, &o->codes, e);
	return rc;
}

/* Write a run of neighbouring slots of one block. */
static int
write_run(struct sqlite_store *s, struct open_block *o, const struct batch_change *c, size_t n,
    struct err *e)
{
	size_t first = (size_t)(c->slot & (BLOCK_SLOTS - 1)), width = vec_code_size(s->info.dims);
	uint32_t sizes[BLOCK_SLOTS];
	float steps[BLOCK_SLOTS];
	uint8_t *codes = arena_alloc(&s->batch->held, n * width);
	int rc;

	for (size_t i = 0; i < n; i++) {
		sizes[i] = c[i].size;
		steps[i] = c[i].step;
		if (c[i].codes != NULL)
			memcpy(codes + i * width, c[i].codes, width);
		else if (width > 0)
			memset(codes + i * width, 0, width);
	}
	rc = sqlite3_blob_write(o->sizes, sizes, (int)(n * sizeof(*sizes)), (int)(first * sizeof(*sizes)));
	if (rc == SQLITE_OK && o->codes != NULL)
		rc = sqlite3_blob_write(o->codes, steps, (int)(n * sizeof(*steps)), (int)(first * sizeof(*steps)));
	if (rc == SQLITE_OK && o->codes != NULL)
		rc = sqlite3_blob_write(o->codes, codes, (int)(n * width), (int)(sizeof(steps) + first * width));
	return rc == SQLITE_OK ? 0 : db_error(&s->db, "writing", e);
}

int
batch_write_blocks(struct sqlite_store *s, const struct batch_change *changes, size_t count,
    struct err *e)
{
	struct open_block o = {.id = -1};
	int rc = 0;

	for (size_t i = 0, n; i < count && rc == 0; i += n) {
		int64_t id = changes[i].slot >> BLOCK_BITS;

		for (n = 1; i + n < count && changes[i + n].slot == changes[i].slot + (int64_t)n &&
		    changes[i + n].slot >> BLOCK_BITS == id; n++)
			;
		if (o.id != id)
			rc = open_block(s, id, &o, e);
		if (rc == 0)
			rc = write_run(s, &o, changes + i, n, e);
	}
	close_block(&o);
	return rc;
}

#include "store/sqlite_batch.h"

#include <stdlib.h>

#include "store/vec.h"

enum {
	HELD_CHANGES = 1 << 15,
	HELD_BYTES = 48 << 20
};

static const char *const texts[STATEMENT_COUNT] = {
	[FIND_DOCUMENT] = "SELECT id, source, metadata FROM \"{c}_document\" WHERE key = ?1",
	[ADD_DOCUMENT] = "INSERT INTO \"{c}_document\" (key, chunks, source, metadata, updated_at)"
	    " VALUES (?1, ?2, ?3, ?4, ?5)",
	[SET_DOCUMENT] = "UPDATE \"{c}_document\" SET chunks = ?2, source = ?3, metadata = ?4,"
	    " updated_at = ?5 WHERE id = ?1",
	[COUNT_DOCUMENT] = "UPDATE \"{c}_document\" SET chunks = ?2, updated_at = ?3 WHERE id = ?1",
	[DROP_DOCUMENT] = "DELETE FROM \"{c}_document\" WHERE id = ?1",
	[LIST_CHUNKS] = "SELECT k.id, k.key, k.position, k.source, k.metadata, k.place, k.content,"
	    " v.id IS NOT NULL FROM \"{c}_chunk\" k LEFT JOIN \"{c}_vector\" v ON v.id = k.id"
	    " WHERE k.document = ?1 ORDER BY k.position",
	[FIND_CHUNK] = "SELECT document, id FROM \"{c}_chunk\" WHERE key = ?1",
	[ADD_CHUNK] = "INSERT INTO \"{c}_chunk\" (id, key, document, position, hash, source,"
	    " metadata, place, content) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
	[SET_CHUNK] = "UPDATE \"{c}_chunk\" SET position = ?2, hash = ?3, source = ?4,"
	    " metadata = ?5, place = ?6, content = ?7 WHERE id = ?1",
	[PLACE_CHUNK] = "UPDATE \"{c}_chunk\" SET position = ?2, source = ?3, metadata = ?4,"
	    " place = ?5 WHERE id = ?1",
	[PARK_CHUNK] = "UPDATE \"{c}_chunk\" SET position = -1 - position WHERE id = ?1",
	[DROP_CHUNK] = "DELETE FROM \"{c}_chunk\" WHERE id = ?1",
	[SAME_CONTENT] = "SELECT 1 FROM \"{c}_chunk\" WHERE hash = ?1 AND id <> ?2 AND content = ?3",
	[CONTENT] = "SELECT content FROM \"{c}_chunk\" WHERE id = ?1",
	[HAS_VECTOR] = "SELECT 1 FROM \"{c}_vector\" WHERE id = ?1",
	[ADD_VECTOR] = "INSERT INTO \"{c}_vector\" (id, vector, sum) VALUES (?1, ?2, ?3)",
	[SET_VECTOR] = "UPDATE \"{c}_vector\" SET vector = ?2, sum = ?3 WHERE id = ?1",
	[DROP_VECTOR] = "DELETE FROM \"{c}_vector\" WHERE id = ?1",
	[FIRST_FREE] = "SELECT min(id) FROM \"{c}_free\"",
	[ADD_FREE] = "INSERT OR IGNORE INTO \"{c}_free\" (id) VALUES (?1)",
	[DROP_FREE] = "DELETE FROM \"{c}_free\" WHERE id = ?1",
	[LAST_SLOT] = "SELECT max(coalesce((SELECT max(id) FROM \"{c}_chunk\"), 0),"
	    " coalesce((SELECT max(id) FROM \"{c}_free\"), 0))",
	[ADD_TEXT] = "INSERT INTO \"{c}_fts\" (rowid, content) VALUES (?1, ?2)",
	[DROP_TEXT] = "INSERT INTO \"{c}_fts\" (\"{c}_fts\", rowid, content) VALUES ('delete', ?1, ?2)",
	[ADD_SIZES] = "INSERT OR IGNORE INTO \"{c}_size\" (id, sizes) VALUES (?1, zeroblob(?2))",
	[ADD_CODES] = "INSERT OR IGNORE INTO \"{c}_block\" (id, codes) VALUES (?1, zeroblob(?2))",
	[SET_COLLECTION] = "UPDATE collection SET model = ?2, dims = ?3, documents = ?4, chunks = ?5,"
	    " vectors = ?6, bytes = ?7, generation = ?8, api_base = ?9 WHERE name = ?1",
};

sqlite3_stmt *
batch_statement(struct sqlite_store *s, enum batch_statement which, struct err *e)
{
	sqlite3_stmt **st = &s->batch->statements[which];

	if (*st == NULL)
		sqlite_prepare(s, texts[which], st, e);
	return *st;
}

int
batch_run_id(struct sqlite_store *s, enum batch_statement which, int64_t id, struct err *e)
{
	sqlite3_stmt *st = batch_statement(s, which, e);

	if (st == NULL)
		return e->code;
	sqlite3_bind_int64(st, 1, id);
	return db_run(&s->db, st, e);
}

int
batch_slot(struct sqlite_store *s, int64_t *slot, struct err *e)
{
	struct sqlite_batch *b = s->batch;
	sqlite3_stmt *st;
	int rc;

	if (!b->no_free) {
		st = batch_statement(s, FIRST_FREE, e);
		rc = st ? db_step(&s->db, st, e) : -1;
		if (rc < 0)
			return e->code;
		b->no_free = rc == 0 || sqlite3_column_type(st, 0) == SQLITE_NULL;
		*slot = b->no_free ? 0 : sqlite3_column_int64(st, 0);
		sqlite3_reset(st);
		if (!b->no_free)
			return batch_run_id(s, DROP_FREE, *slot, e);
	}
	if (b->last_slot < 0) {
		st = batch_statement(s, LAST_SLOT, e);
		rc = st ? db_step(&s->db, st, e) : -1;
		if (rc < 0)
			return e->code;
		b->last_slot = sqlite3_column_int64(st, 0);
		sqlite3_reset(st);
	}
	*slot = ++b->last_slot;
	return 0;
}

static struct slice
hold(struct sqlite_batch *b, struct slice s)
{
	if (s.p == NULL)
		return s;
	b->bytes += s.n;
	return (struct slice){arena_bytes(&b->held, s.p, s.n), s.n};
}

int
batch_change(struct sqlite_store *s, int64_t slot, const struct slice *old,
    struct slice fresh, struct slice content, const float *vector, struct err *e)
{
	struct sqlite_batch *b = s->batch;
	struct batch_change c = {.slot = slot, .order = b->count, .size = (uint32_t)content.n};
	size_t dims = s->info.dims;
	uint8_t *codes;

	if (old != NULL) {
		c.text_changed = 1;
		c.old = hold(b, *old);
		c.fresh = hold(b, fresh);
	}
	if (vector != NULL) {
		mem_grow(&b->unit, &b->unit_room, dims, sizeof(*b->unit));
		vec_unit(vector, dims, b->unit);
		codes = arena_alloc(&b->held, vec_code_size(dims));
		c.step = vec_encode(b->unit, dims, codes);
		c.codes = codes;
		b->bytes += vec_code_size(dims);
	}
	mem_grow(&b->changes, &b->room, b->count + 1, sizeof(*b->changes));
	b->changes[b->count++] = c;
	b->touched = 1;
	return b->count >= HELD_CHANGES || b->bytes >= HELD_BYTES ? batch_flush(s, e) : 0;
}

static int
by_slot(const void *a, const void *b)
{
	const struct batch_change *x = a, *y = b;

	if (x->slot != y->slot)
		return x->slot < y->slot ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

/* Several changes to one slot become one: from the first old text to the last
 * fresh one, with the last vector. */
static size_t
merge(struct batch_change *c, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		struct batch_change *last = n ? &c[n - 1] : NULL;
		if (last == NULL || last->slot != c[i].slot) {
			c[n++] = c[i];
			continue;
		}
		if (c[i].text_changed) {
			last->old = last->text_changed ? last->old : c[i].old;
			last->fresh = c[i].fresh;
			last->text_changed = 1;
		}
		last->size = c[i].size;
		last->step = c[i].step;
		last->codes = c[i].codes;
	}
	return n;
}

static int
write_text(struct sqlite_store *s, enum batch_statement which, int64_t slot, struct slice text,
    struct err *e)
{
	sqlite3_stmt *st = batch_statement(s, which, e);

	if (st == NULL)
		return e->code;
	sqlite3_bind_int64(st, 1, slot);
	db_bind_text(st, 2, text);
	return db_run(&s->db, st, e);
}

int
batch_flush(struct sqlite_store *s, struct err *e)
{
	struct sqlite_batch *b = s->batch;
	size_t n;
	int rc = 0;

	if (b->count == 0)
		return 0;
	qsort(b->changes, b->count, sizeof(*b->changes), by_slot);
	n = merge(b->changes, b->count);
	for (size_t i = 0; i < n && rc == 0; i++) {
		const struct batch_change *c = &b->changes[i];
		if (!c->text_changed || slice_equal(c->old, c->fresh))
			continue;
		if (c->old.p != NULL)
			rc = write_text(s, DROP_TEXT, c->slot, c->old, e);
		if (rc == 0 && c->fresh.p != NULL)
			rc = write_text(s, ADD_TEXT, c->slot, c->fresh, e);
	}
	if (rc == 0)
		rc = batch_write_blocks(s, b->changes, n, e);
	b->count = b->bytes = 0;
	arena_reset(&b->held);
	return rc;
}

void
batch_reset(struct sqlite_batch *b)
{
	b->count = b->bytes = 0;
	b->touched = b->no_free = 0;
	b->last_slot = -1;
	arena_reset(&b->held);
	arena_reset(&b->scratch);
}

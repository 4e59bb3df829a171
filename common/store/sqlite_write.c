#include "store/sqlite_batch.h"

#include <stdlib.h>

#include "base/clock.h"
#include "gen/sql.h"

int
sqlite_create(struct sqlite_store *s, const struct init_options *o, struct err *e)
{
	const char *tokenizer = o->tokenizer ? o->tokenizer : "porter";
	const char *mark, *rest = sql_collection;
	struct buf b = {0};
	sqlite3_stmt *st;
	char now[32];
	int rc;

	while ((mark = strstr(rest, "{tokenizer}")) != NULL) {
		buf_add(&b, rest, (size_t)(mark - rest));
		buf_string(&b, tokenizer);
		rest = mark + strlen("{tokenizer}");
	}
	buf_string(&b, rest);
	rc = sqlite_exec(s, buf_cstr(&b), e);
	buf_free(&b);
	if (rc == 0)
		rc = db_prepare(&s->db, "INSERT INTO collection (name, model, dims, splitter, tokenizer,"
		    " created_at, generation) VALUES (?1, ?2, ?3, ?4, ?5, ?6, abs(random() >> 12))", &st, e);
	if (rc != 0)
		return rc;
	clock_iso(clock_wall_ms(), now);
	db_bind_text(st, 1, slice_of(s->base.collection));
	db_bind_text(st, 2, slice_of(o->model));
	sqlite3_bind_int64(st, 3, (sqlite3_int64)o->dims);
	db_bind_text(st, 4, slice_of(o->splitter));
	db_bind_text(st, 5, slice_of(tokenizer));
	db_bind_text(st, 6, slice_of(now));
	rc = db_run(&s->db, st, e);
	sqlite3_finalize(st);
	s->db.schema_changed = 1;
	return rc == 0 ? sqlite_refresh(s, e) : rc;
}

/* Names that differ only in case would share their tables. */
static int
check_case(struct sqlite_store *s, struct err *e)
{
	sqlite3_stmt *st;
	int rc = db_prepare(&s->db, "SELECT name FROM collection WHERE name = ?1 COLLATE NOCASE", &st, e);

	if (rc != 0)
		return rc;
	db_bind_text(st, 1, slice_of(s->base.collection));
	rc = db_step(&s->db, st, e);
	if (rc > 0) {
		err_set(e, C1V_CONFIG, "collection %s: there is one named %s", s->base.collection,
		    (const char *)sqlite3_column_text(st, 0));
		err_hint(e, "names must differ in more than case");
	}
	sqlite3_finalize(st);
	return rc == 0 ? 0 : e->code;
}

static int
begin(struct sqlite_store *s, struct err *e)
{
	int rc = s->base.mode == STORE_WRITE ? db_begin(&s->db, e) : db_read_begin(&s->db, e);

	if (rc != 0)
		return rc;
	if (s->batch == NULL)
		s->batch = mem_zero(1, sizeof(*s->batch));
	batch_reset(s->batch);
	return sqlite_refresh(s, e);
}

int
sqlite_begin(struct store *base, struct err *e)
{
	static const struct init_options defaults = {0};
	struct sqlite_store *s = sqlite_of(base);
	int rc = begin(s, e);

	if (rc == 0 && !s->exists && base->mode == STORE_WRITE) {
		rc = check_case(s, e);
		if (rc == 0)
			rc = sqlite_create(s, &defaults, e);
		s->batch->touched = 1;
	}
	if (rc != 0)
		sqlite_rollback(base);
	return rc;
}

int
sqlite_begin_existing(struct sqlite_store *s, struct err *e)
{
	int rc = begin(s, e);

	if (rc == 0)
		rc = sqlite_must_exist(s, e);
	if (rc != 0)
		sqlite_rollback(&s->base);
	return rc;
}

static int
save_collection(struct sqlite_store *s, struct err *e)
{
	const struct collection *c = &s->info;
	sqlite3_stmt *st = batch_statement(s, SET_COLLECTION, e);
	int rc;

	if (st == NULL)
		return e->code;
	db_bind_text(st, 1, slice_of(s->base.collection));
	db_bind_text(st, 2, slice_of(c->model));
	sqlite3_bind_int64(st, 3, (sqlite3_int64)c->dims);
	sqlite3_bind_int64(st, 4, (sqlite3_int64)c->documents);
	sqlite3_bind_int64(st, 5, (sqlite3_int64)c->chunks);
	sqlite3_bind_int64(st, 6, (sqlite3_int64)c->vectors);
	sqlite3_bind_int64(st, 7, (sqlite3_int64)s->bytes);
	sqlite3_bind_int64(st, 8, s->generation + 1);
	db_bind_text(st, 9, slice_of(c->api_base));
	rc = db_run(&s->db, st, e);
	if (rc == 0)
		s->generation++;
	return rc;
}

int
sqlite_commit(struct store *base, struct err *e)
{
	struct sqlite_store *s = sqlite_of(base);
	int rc;

	if (base->mode == STORE_READ) {
		db_read_end(&s->db);
		return 0;
	}
	/* Where nothing changed, nothing is written, not even a counter. */
	if (!s->batch->touched) {
		db_rollback(&s->db);
		return 0;
	}
	rc = batch_flush(s, e);
	if (rc == 0)
		rc = save_collection(s, e);
	if (rc == 0)
		rc = db_commit(&s->db, e);
	if (rc != 0)
		sqlite_rollback(base);
	return rc;
}

/* The documents, one after the other. */
static int
put_all(struct store *base, const struct document_row *const *rows, size_t count,
    const struct put_options *o, struct put_counts *counts, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < count && rc == 0; i++) {
		struct err why;

		if (db_stopped(&sqlite_of(base)->db))
			return err_set(e, C1V_AGAIN, "writing to %s: interrupted", base->name);
		rc = sqlite_put(base, rows[i], o, counts, &why);
		if (rc == C1V_PARTIAL)
			rc = o->refused(o->arg, i, &why, e);
		else if (rc != 0)
			*e = why;
	}
	return rc;
}

static void
add_counts(struct put_counts *to, const struct put_counts *more)
{
	to->documents += more->documents;
	to->chunks += more->chunks;
	to->added += more->added;
	to->updated += more->updated;
	to->skipped += more->skipped;
	to->deleted += more->deleted;
	to->duplicates += more->duplicates;
}

int
sqlite_write(struct store *base, const struct document_row *const *rows, size_t count,
    const struct put_options *o, struct put_counts *counts, struct err *e)
{
	struct put_counts fresh = {0};
	int rc = sqlite_begin(base, e);

	if (rc != 0)
		return rc;
	rc = put_all(base, rows, count, o, &fresh, e);
	if (rc == 0)
		rc = sqlite_commit(base, e);
	else
		sqlite_rollback(base);
	if (rc == 0)
		add_counts(counts, &fresh);
	return rc;
}

void
sqlite_rollback(struct store *base)
{
	struct sqlite_store *s = sqlite_of(base);

	if (s->batch != NULL)
		batch_reset(s->batch);
	db_rollback(&s->db);
	db_read_end(&s->db);
	/* What was counted is to be read again. */
	s->exists = 0;
	memset(&s->info, 0, sizeof(s->info));
	s->generation = 0;
}

void
sqlite_batch_free(struct sqlite_store *s)
{
	struct sqlite_batch *b = s->batch;

	if (b == NULL)
		return;
	for (size_t i = 0; i < STATEMENT_COUNT; i++)
		sqlite3_finalize(b->statements[i]);
	free(b->changes);
	free(b->unit);
	arena_free(&b->held);
	arena_free(&b->scratch);
	free(b);
	s->batch = NULL;
}

/* The chunk's own rows; its content as it was goes to *content (held). */
static int
drop_rows(struct sqlite_store *s, int64_t slot, struct slice *content, struct err *e)
{
	sqlite3_stmt *st = batch_statement(s, CONTENT, e);
	int rc = 0, had_vector;

	if (st == NULL)
		return e->code;
	sqlite3_bind_int64(st, 1, slot);
	rc = db_step(&s->db, st, e);
	if (rc < 0)
		return e->code;
	*content = rc > 0 ? db_text(st, 0) : SLICE_NONE;
	if (content->p != NULL)
		content->p = arena_bytes(&s->batch->held, content->p, content->n);
	sqlite3_reset(st);
	rc = batch_run_id(s, DROP_VECTOR, slot, e);
	had_vector = sqlite3_changes(s->db.handle) > 0;
	if (rc == 0)
		rc = batch_run_id(s, DROP_CHUNK, slot, e);
	if (rc == 0)
		rc = batch_run_id(s, ADD_FREE, slot, e);
	s->batch->no_free = 0;
	s->info.vectors -= had_vector;
	s->info.chunks--;
	s->bytes -= content->n;
	return rc;
}

int
sqlite_remove_chunk(struct sqlite_store *s, int64_t slot, struct err *e)
{
	struct slice content;
	int rc = drop_rows(s, slot, &content, e);

	return rc ? rc : batch_change(s, slot, &content, SLICE_NONE, SLICE_NONE, NULL, e);
}

int
sqlite_count_document(struct sqlite_store *s, int64_t document, size_t chunks, struct err *e)
{
	sqlite3_stmt *st = batch_statement(s, COUNT_DOCUMENT, e);
	char now[32];

	if (st == NULL)
		return e->code;
	clock_iso(clock_wall_ms(), now);
	sqlite3_bind_int64(st, 1, document);
	sqlite3_bind_int64(st, 2, (sqlite3_int64)chunks);
	db_bind_text(st, 3, slice_of(now));
	return db_run(&s->db, st, e);
}

int
sqlite_remove_document(struct sqlite_store *s, int64_t document, struct err *e)
{
	sqlite3_stmt *st;
	int64_t *slots = NULL;
	size_t count = 0, room = 0;
	int rc = sqlite_prepare(s, "SELECT id FROM \"{c}_chunk\" WHERE document = ?1", &st, e);

	if (rc != 0)
		return rc;
	sqlite3_bind_int64(st, 1, document);
	while ((rc = db_step(&s->db, st, e)) > 0) {
		mem_grow(&slots, &room, count + 1, sizeof(*slots));
		slots[count++] = sqlite3_column_int64(st, 0);
	}
	sqlite3_finalize(st);
	rc = rc < 0 ? e->code : 0;
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = sqlite_remove_chunk(s, slots[i], e);
	free(slots);
	if (rc == 0)
		rc = batch_run_id(s, DROP_DOCUMENT, document, e);
	if (rc == 0)
		s->info.documents--;
	return rc;
}

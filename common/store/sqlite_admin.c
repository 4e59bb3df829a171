#include "store/sqlite_batch.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/num.h"

/* --- init ----------------------------------------------------------------- */

static int
check_tokenizer(const char *name, struct err *e)
{
	static const char *const known[] = {"porter", "unicode61", "trigram"};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (name == NULL || strcmp(name, known[i]) == 0)
			return 0;
	}
	err_set(e, C1V_USAGE, "tokenizer '%s': no such tokenizer", name);
	return err_hint(e, "tokenizers: porter, unicode61, trigram");
}

static int
already_there(const struct sqlite_store *s, const struct init_options *o, struct err *e)
{
	const struct collection *c = &s->info;

	if (o->tokenizer != NULL && strcmp(o->tokenizer, c->tokenizer) != 0)
		err_set(e, C1V_CONFIG, "collection %s is there already, with the tokenizer %s", c->name, c->tokenizer);
	else if (o->model != NULL && c->model != NULL && strcmp(o->model, c->model) != 0)
		err_set(e, C1V_CONFIG, "collection %s is there already, with the model %s", c->name, c->model);
	else if (o->dims != 0 && c->dims != 0 && o->dims != c->dims)
		err_set(e, C1V_CONFIG, "collection %s is there already, with %zu dimensions", c->name, c->dims);
	else
		return 0;
	return err_hint(e, "use another collection, or drop this one first");
}

/* What only PostgreSQL has, or can do without. */
static int
check_kind(const struct init_options *o, struct err *e)
{
	if ((o->model != NULL) != (o->dims > 0))
		return err_set(e, C1V_USAGE, "init: --model and --dims go together");
	if (o->vector_type == NULL && o->index.kind == NULL && o->index.m == 0 &&
	    o->index.ef_construction == 0 && o->index.lists == 0)
		return 0;
	return err_set(e, C1V_USAGE, "init: sqlite stores have neither a vector type nor a vector index to choose");
}

int
sqlite_init(struct store *base, const struct init_options *o, struct err *e)
{
	struct sqlite_store *s = sqlite_of(base);
	int rc = check_tokenizer(o->tokenizer, e), there;

	if (rc == 0)
		rc = check_kind(o, e);
	if (rc == 0)
		rc = db_begin(&s->db, e);
	if (rc != 0)
		return rc;
	rc = sqlite_refresh(s, e);
	there = s->exists;
	if (rc == 0)
		rc = there ? already_there(s, o, e) : sqlite_create(s, o, e);
	if (rc == 0 && !there)
		return db_commit(&s->db, e);
	db_rollback(&s->db);
	return rc;
}

/* --- info ------------------------------------------------------------------ */

static void
add_text_or_null(struct buf *b, const char *key, struct slice value)
{
	json_add_key(b, key);
	if (value.p == NULL)
		buf_string(b, "null");
	else
		json_add_string(b, value);
}

static void
add_number(struct buf *b, const char *key, int64_t value)
{
	json_add_key(b, key);
	num_add_int(b, value);
}

/* Things that only the collection's own tables know. */
static int
add_state(struct sqlite_store *s, struct buf *b, struct err *e)
{
	static const char *const names[] = {"free_slots", "blocks", "text_segments"};
	sqlite3_stmt *st;
	int rc = sqlite_prepare(s, "SELECT (SELECT count(*) FROM \"{c}_free\"),"
	    " (SELECT count(*) FROM \"{c}_size\"),"
	    " (SELECT count(DISTINCT segid) FROM \"{c}_fts_idx\")", &st, e);

	if (rc != 0)
		return rc;
	rc = db_step(&s->db, st, e);
	for (int i = 0; i < 3 && rc > 0; i++)
		add_number(b, names[i], sqlite3_column_int64(st, i));
	sqlite3_finalize(st);
	return rc < 0 ? e->code : 0;
}

static int
add_collection(struct sqlite_store *s, sqlite3_stmt *st, struct buf *b, struct err *e)
{
	static const char *const texts[] = {"name", "model", "api_base", "digest", "metric", "splitter",
	    "tokenizer", "created_at"};
	static const char *const numbers[] = {"dims", "documents", "chunks", "vectors", "bytes", "generation"};
	char *mine = s->base.collection;
	struct slice name = db_text(st, 0);
	int rc;

	buf_byte(b, '{');
	for (int i = 0; i < 8; i++)
		add_text_or_null(b, texts[i], db_text(st, i));
	for (int i = 0; i < 6; i++)
		add_number(b, numbers[i], sqlite3_column_int64(st, 8 + i));
	s->base.collection = mem_bytes(name.p ? name.p : "", name.n);
	rc = add_state(s, b, e);
	free(s->base.collection);
	s->base.collection = mine;
	buf_byte(b, '}');
	return rc;
}

int
sqlite_info(struct store *base, int all, struct buf *b, struct err *e)
{
	struct sqlite_store *s = sqlite_of(base);
	sqlite3_stmt *st = NULL;
	int rc = db_read_begin(&s->db, e), first = 1;

	if (rc == 0)
		rc = sqlite_refresh(s, e);
	if (rc == 0 && !all)
		rc = sqlite_must_exist(s, e);
	if (rc == 0)
		rc = db_prepare(&s->db, "SELECT name, model, api_base, digest, metric, splitter, tokenizer,"
		    " created_at, dims, documents, chunks, vectors, bytes, generation"
		    " FROM collection WHERE ?1 IS NULL OR name = ?1 ORDER BY name", &st, e);
	if (rc != 0) {
		db_read_end(&s->db);
		return rc;
	}
	db_bind_text(st, 1, all ? SLICE_NONE : slice_of(base->collection));
	buf_byte(b, '{');
	add_text_or_null(b, "store", slice_of(base->name));
	add_text_or_null(b, "driver", SLICE("sqlite"));
	add_text_or_null(b, "sqlite", slice_of(sqlite3_libversion()));
	add_number(b, "format", s->db.version);
	add_number(b, "size", db_size(&s->db));
	add_number(b, "page_size", s->db.options.page_size);
	json_add_key(b, "collections");
	buf_byte(b, '[');
	while (rc == 0 && (rc = db_step(&s->db, st, e)) > 0) {
		if (!first)
			buf_byte(b, ',');
		first = 0;
		rc = add_collection(s, st, b, e);
	}
	buf_string(b, "]}");
	sqlite3_finalize(st);
	db_read_end(&s->db);
	return rc < 0 ? e->code : rc;
}

/* --- export, get ------------------------------------------------------------ */

/* Hand over what a statement of SQLITE_CHUNK_COLUMNS gives; *count may be NULL. */
static int
each_chunk(struct sqlite_store *s, sqlite3_stmt *st, stored_chunk_fn *fn, void *arg,
    uint64_t *count, struct err *e)
{
	struct stored_chunk c;
	int rc;

	while ((rc = db_step(&s->db, st, e)) > 0) {
		rc = sqlite_chunk(s, st, &c, NULL, e);
		if (rc == 0)
			rc = fn(arg, &c, e);
		if (rc != 0)
			return rc;
		++*count;
	}
	return rc < 0 ? e->code : 0;
}

static int
start_reading(struct sqlite_store *s, struct err *e)
{
	int rc = db_read_begin(&s->db, e);

	if (rc == 0)
		rc = sqlite_refresh(s, e);
	if (rc == 0)
		rc = sqlite_must_exist(s, e);
	return rc;
}

int
sqlite_export(struct store *base, stored_chunk_fn *fn, void *arg, struct err *e)
{
	struct sqlite_store *s = sqlite_of(base);
	sqlite3_stmt *st = NULL;
	uint64_t count = 0;
	int rc = start_reading(s, e);

	if (rc == 0)
		rc = sqlite_prepare(s, SQLITE_CHUNK_COLUMNS "ORDER BY d.key, k.position", &st, e);
	if (rc == 0)
		rc = each_chunk(s, st, fn, arg, &count, e);
	sqlite3_finalize(st);
	db_read_end(&s->db);
	return rc;
}

int
sqlite_get(struct store *base, struct slice id, stored_chunk_fn *fn, void *arg, struct err *e)
{
	static const char *const queries[] = {
		SQLITE_CHUNK_COLUMNS "WHERE k.key = ?1",
		SQLITE_CHUNK_COLUMNS "WHERE d.key = ?1 ORDER BY k.position",
	};
	struct sqlite_store *s = sqlite_of(base);
	uint64_t count = 0;
	int rc = start_reading(s, e);

	for (int i = 0; i < 2 && rc == 0 && count == 0; i++) {
		sqlite3_stmt *st;
		rc = sqlite_prepare(s, queries[i], &st, e);
		if (rc != 0)
			break;
		db_bind_text(st, 1, id);
		rc = each_chunk(s, st, fn, arg, &count, e);
		sqlite3_finalize(st);
	}
	db_read_end(&s->db);
	if (rc == 0 && count == 0)
		return err_set(e, C1V_NO, "no chunk or document %.*s", id.n > 200 ? 200 : (int)id.n, id.p);
	return rc;
}

/* --- drop, vacuum ------------------------------------------------------------ */

int
sqlite_drop(struct store *base, struct err *e)
{
	struct sqlite_store *s = sqlite_of(base);
	sqlite3_stmt *st;
	int rc = db_begin(&s->db, e);

	if (rc != 0)
		return rc;
	rc = sqlite_refresh(s, e);
	if (rc == 0)
		rc = sqlite_must_exist(s, e);
	if (rc == 0)
		rc = sqlite_exec(s, "DROP TABLE \"{c}_fts\"; DROP TABLE \"{c}_term\";"
		    " DROP TABLE \"{c}_free\"; DROP TABLE \"{c}_size\"; DROP TABLE \"{c}_block\";"
		    " DROP TABLE \"{c}_vector\";"
		    " DROP TABLE \"{c}_chunk\"; DROP TABLE \"{c}_document\";", e);
	if (rc == 0)
		rc = db_prepare(&s->db, "DELETE FROM collection WHERE name = ?1", &st, e);
	if (rc == 0) {
		db_bind_text(st, 1, slice_of(base->collection));
		rc = db_run(&s->db, st, e);
		sqlite3_finalize(st);
	}
	s->db.schema_changed = 1;
	s->exists = 0;
	if (rc == 0)
		return db_commit(&s->db, e);
	db_rollback(&s->db);
	return rc;
}

/* Every collection's text index becomes one segment; blocks and free slots
 * behind the last chunk, and blocks without a chunk, go. */
static int
tidy(struct sqlite_store *s, struct err *e)
{
	return sqlite_exec(s,
	    "INSERT INTO \"{c}_fts\" (\"{c}_fts\") VALUES ('optimize');"
	    "DELETE FROM \"{c}_free\" WHERE id > (SELECT coalesce(max(id), 0) FROM \"{c}_chunk\");"
	    "DELETE FROM \"{c}_size\" WHERE NOT EXISTS (SELECT 1 FROM \"{c}_chunk\" k"
	    " WHERE k.id BETWEEN \"{c}_size\".id << 10 AND (\"{c}_size\".id << 10) + 1023);"
	    "DELETE FROM \"{c}_block\" WHERE id NOT IN (SELECT id FROM \"{c}_size\");", e);
}

static int
tidy_all(struct sqlite_store *s, struct err *e)
{
	char *mine = s->base.collection;
	struct arena names = {0};
	const char **list = NULL;
	size_t count = 0, room = 0;
	sqlite3_stmt *st;
	int rc = db_prepare(&s->db, "SELECT name FROM collection", &st, e);

	if (rc != 0)
		return rc;
	while ((rc = db_step(&s->db, st, e)) > 0) {
		struct slice name = db_text(st, 0);
		mem_grow(&list, &room, count + 1, sizeof(*list));
		list[count++] = arena_bytes(&names, name.p ? name.p : "", name.n);
	}
	sqlite3_finalize(st);
	rc = rc < 0 ? e->code : 0;
	for (size_t i = 0; i < count && rc == 0; i++) {
		s->base.collection = mem_string(list[i]);
		rc = tidy(s, e);
		free(s->base.collection);
	}
	s->base.collection = mine;
	free(list);
	arena_free(&names);
	return rc;
}

int
sqlite_vacuum(struct store *base, uint64_t *before, uint64_t *after, struct err *e)
{
	struct sqlite_store *s = sqlite_of(base);
	int rc;

	*before = (uint64_t)db_size(&s->db);
	rc = db_begin(&s->db, e);
	if (rc != 0)
		return rc;
	rc = tidy_all(s, e);
	if (rc == 0)
		rc = db_commit(&s->db, e);
	else
		db_rollback(&s->db);
	if (rc == 0)
		rc = db_vacuum(&s->db, e);
	*after = (uint64_t)db_size(&s->db);
	return rc;
}

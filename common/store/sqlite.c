#include "store/sqlite.h"

#include <stdlib.h>

#include "gen/sql.h"

enum {
	/* Measured from 4 to 64 KiB: larger pages ingest and scan a little faster and
	 * waste less room behind vectors, but a small change writes more. */
	PAGE_SIZE = 16384,
	CACHE_WRITING_KIB = 16384,
	/* A search reads most pages once. Memory for them costs more than it saves:
	 * the first use of each page of it is a page fault. */
	CACHE_READING_KIB = 512
};

/* $XDG_DATA_HOME/c1v/c1v.db; a relative value is to be ignored, says its specification. */
static int
default_path(struct buf *b, struct err *e)
{
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");

	if (data != NULL && data[0] == '/') {
		buf_string(b, data);
	} else if (home != NULL && home[0] != '\0') {
		buf_string(b, home);
		buf_string(b, "/.local/share");
	} else {
		err_set(e, C1V_CONFIG, "store: HOME is not set, so there is no default place");
		return err_hint(e, "name one with --store sqlite:PATH");
	}
	buf_string(b, "/c1v/c1v.db");
	return 0;
}

static int
open_file(struct sqlite_store *s, const char *path, const struct store_options *o, struct err *e)
{
	struct db_options d = {
		.path = path,
		.what = "store",
		.application_id = SQLITE_APPLICATION,
		.version = SQLITE_VERSION_KNOWN,
		.schema = sql_schema,
		.mode = o->mode == STORE_WRITE ? DB_WRITE : DB_READ,
		.sync = DB_SYNC_FULL,
		.page_size = PAGE_SIZE,
		.cache = o->mode == STORE_WRITE ? CACHE_WRITING_KIB : CACHE_READING_KIB,
		.wait = o->wait,
		.stop = o->stop,
	};

	return db_open(&s->db, &d, e);
}

/* Make a file of an earlier format one of ours. Checksums come with the vectors that are written. */
static int
upgrade(struct sqlite_store *s, struct err *e)
{
	struct buf sql = {0};
	sqlite3_stmt *st = NULL;
	int64_t version;
	int rc = db_begin(&s->db, e);

	if (rc != 0)
		return rc;
	rc = db_integer(&s->db, "PRAGMA user_version", 0, &version, e);
	if (rc == 0 && version < SQLITE_VERSION_SUMS)
		rc = db_prepare(&s->db, "SELECT name FROM collection", &st, e);
	while (st != NULL && rc == 0 && (rc = db_step(&s->db, st, e)) > 0) {
		struct slice name = db_text(st, 0);
		buf_format(&sql, "ALTER TABLE \"%.*s_vector\" ADD COLUMN sum INTEGER;", (int)name.n, name.p);
		rc = 0;
	}
	sqlite3_finalize(st);
	buf_format(&sql, "PRAGMA user_version = %d", SQLITE_VERSION_KNOWN);
	rc = rc < 0 ? e->code : rc ? rc : db_exec(&s->db, buf_cstr(&sql), e);
	buf_free(&sql);
	s->db.schema_changed = 1;
	s->db.version = SQLITE_VERSION_KNOWN;
	if (rc == 0)
		return db_commit(&s->db, e);
	db_rollback(&s->db);
	return rc;
}

static int
sqlite_open(const struct store_options *o, const char *rest, struct store **out, struct err *e)
{
	struct sqlite_store *s = mem_zero(1, sizeof(*s));
	struct buf path = {0}, name = {0};
	int rc = 0;

	/* sqlite:///a/b is /a/b, as other programs write it. */
	if (rest != NULL && strncmp(rest, "///", 3) == 0)
		rest += 2;
	if (rest != NULL)
		buf_string(&path, rest);
	else
		rc = default_path(&path, e);
	s->base.driver = &sqlite_driver;
	s->base.collection = mem_string(o->collection);
	s->base.mode = o->mode;
	s->base.log = o->log;
	s->db.lock_fd = -1;
	if (rc == 0)
		rc = open_file(s, buf_cstr(&path), o, e);
	if (rc == 0 && o->mode == STORE_WRITE && s->db.version < SQLITE_VERSION_KNOWN)
		rc = upgrade(s, e);
	if (rc == 0)
		rc = sqlite_refresh(s, e);
	buf_format(&name, "sqlite:%s", buf_cstr(&path));
	s->base.name = mem_string(buf_cstr(&name));
	buf_free(&name);
	buf_free(&path);
	if (rc == 0) {
		*out = &s->base;
	} else {
		struct err ignored;
		store_close(&s->base, &ignored);
	}
	return rc;
}

static int
sqlite_close(struct store *base, struct err *e)
{
	struct sqlite_store *s = sqlite_of(base);
	int rc = 0;

	sqlite_search_close(s);
	sqlite_batch_free(s);
	if (s->db.handle != NULL) {
		db_rollback(&s->db);
		if (s->db.committed) {
			struct err ignored; /* searches are slower without it, no worse */
			sqlite_upkeep(s, &ignored);
			rc = db_checkpoint(&s->db, e);
		}
		db_close(&s->db);
	}
	arena_free(&s->names);
	buf_free(&s->vector);
	free(base->name);
	free(base->collection);
	free(s);
	return rc;
}

int
sqlite_second(struct sqlite_store *s, struct db *out, struct err *e)
{
	return db_open_again(out, &s->db, DB_READ, e);
}

static void
add_template(struct sqlite_store *s, struct buf *b, const char *sql)
{
	const char *mark;

	while ((mark = strchr(sql, '{')) != NULL) {
		buf_add(b, sql, (size_t)(mark - sql));
		if (strncmp(mark, "{c}", 3) == 0) {
			buf_string(b, s->base.collection);
			sql = mark + 3;
		} else if (strncmp(mark, "{sum}", 5) == 0) {
			buf_string(b, s->db.version < SQLITE_VERSION_SUMS ? "NULL" : "v.sum");
			sql = mark + 5;
		} else {
			buf_byte(b, '{');
			sql = mark + 1;
		}
	}
	buf_string(b, sql);
}

int
sqlite_prepare(struct sqlite_store *s, const char *sql, sqlite3_stmt **out, struct err *e)
{
	struct buf b = {0};
	int rc;

	add_template(s, &b, sql);
	rc = db_prepare(&s->db, buf_cstr(&b), out, e);
	buf_free(&b);
	return rc;
}

int
sqlite_exec(struct sqlite_store *s, const char *sql, struct err *e)
{
	struct buf b = {0};
	int rc;

	add_template(s, &b, sql);
	rc = db_exec(&s->db, buf_cstr(&b), e);
	buf_free(&b);
	return rc;
}

static const char *
kept(struct sqlite_store *s, sqlite3_stmt *st, int i)
{
	struct slice t = db_text(st, i);

	return t.p ? arena_bytes(&s->names, t.p, t.n) : NULL;
}

static void
read_collection(struct sqlite_store *s, sqlite3_stmt *st)
{
	struct collection *c = &s->info;

	c->name = s->base.collection;
	c->model = kept(s, st, 0);
	c->api_base = kept(s, st, 1);
	c->digest = kept(s, st, 2);
	c->metric = kept(s, st, 3);
	c->splitter = kept(s, st, 4);
	c->tokenizer = kept(s, st, 5);
	c->dims = (size_t)sqlite3_column_int64(st, 6);
	c->documents = (uint64_t)sqlite3_column_int64(st, 7);
	c->chunks = (uint64_t)sqlite3_column_int64(st, 8);
	c->vectors = (uint64_t)sqlite3_column_int64(st, 9);
	s->bytes = (uint64_t)sqlite3_column_int64(st, 10);
	s->generation = sqlite3_column_int64(st, 11);
}

/* A collection without a row has no tables either. Asked at once: somebody may have made it meanwhile. */
static int
check_absent(struct sqlite_store *s, struct err *e)
{
	sqlite3_stmt *st;
	int rc = db_prepare(&s->db, "SELECT 1 FROM sqlite_schema WHERE name = ?1 || '_chunk'"
	    " AND NOT EXISTS (SELECT 1 FROM collection WHERE name = ?1)", &st, e);

	if (rc != 0)
		return rc;
	db_bind_text(st, 1, slice_of(s->base.collection));
	rc = db_step(&s->db, st, e);
	sqlite3_finalize(st);
	if (rc < 0)
		return e->code;
	if (rc == 0)
		return 0;
	err_set(e, C1V_DATA, "opening %s: damaged file: row of collection %s check", s->db.path,
	    s->base.collection);
	return err_hint(e, "restore the file from a copy, or make it again from the documents");
}

int
sqlite_refresh(struct sqlite_store *s, struct err *e)
{
	sqlite3_stmt *st;
	int rc = db_prepare(&s->db, "SELECT model, api_base, digest, metric, splitter, tokenizer, dims,"
	    " documents, chunks, vectors, bytes, generation FROM collection WHERE name = ?1", &st, e);

	if (rc != 0)
		return rc;
	db_bind_text(st, 1, slice_of(s->base.collection));
	rc = db_step(&s->db, st, e);
	s->exists = rc > 0;
	/* Strings that were handed out stay as long as nothing has changed. */
	if (rc > 0 && (s->info.name == NULL || s->generation != sqlite3_column_int64(st, 11))) {
		arena_reset(&s->names);
		read_collection(s, st);
	}
	if (rc == 0) {
		memset(&s->info, 0, sizeof(s->info));
		s->generation = 0;
		s->bytes = 0;
	}
	sqlite3_finalize(st);
	if (s->info.dims > 65536)
		return err_set(e, C1V_DATA, "opening %s: damaged file: dims check", s->db.path);
	if (rc == 0)
		return check_absent(s, e);
	return rc < 0 ? e->code : 0;
}

int
sqlite_must_exist(struct sqlite_store *s, struct err *e)
{
	if (s->exists)
		return 0;
	err_set(e, C1V_NO, "no collection %s in %s", s->base.collection, s->base.name);
	return err_hint(e, "c1v-store info lists the collections");
}

static int
sqlite_collection(struct store *base, struct collection *out, struct err *e)
{
	struct sqlite_store *s = sqlite_of(base);
	int rc = sqlite_refresh(s, e);

	if (rc == 0)
		rc = sqlite_must_exist(s, e);
	if (rc == 0)
		*out = s->info;
	return rc;
}

const struct store_driver sqlite_driver = {
	.scheme = "sqlite",
	.open = sqlite_open,
	.close = sqlite_close,
	.collection = sqlite_collection,
	.write = sqlite_write,
	.init = sqlite_init,
	.info = sqlite_info,
	.verify = sqlite_verify,
	.export = sqlite_export,
	.get = sqlite_get,
	.delete = sqlite_delete,
	.drop = sqlite_drop,
	.vacuum = sqlite_vacuum,
	.search = sqlite_search,
	.neighbors = sqlite_neighbors,
};

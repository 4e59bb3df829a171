#include "store/sqlite_batch.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "gen/sql.h"
#include "store/vec.h"

enum { FINDINGS_EACH = 20 };

/* Where findings go, and what is compared. */
struct check {
	struct sqlite_store *s;
	void (*finding)(void *arg, const char *text);
	void *arg;
	uint64_t findings;
	struct buf text;
	int64_t block;            /* the one below; -1: none */
	uint32_t sizes[BLOCK_SLOTS];
	float steps[BLOCK_SLOTS];
	struct buf codes;
	int coded;
};

static void found(struct check *c, const char *fmt, ...) C1V_PRINTF(2, 3);

static void
found(struct check *c, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	c->text.len = 0;
	buf_format(&c->text, "%s: %s", c->s->base.collection, text);
	c->findings++;
	c->finding(c->arg, buf_cstr(&c->text));
}

static void
found_by_sqlite(void *arg, const char *text)
{
	struct check *c = arg;

	c->findings++;
	c->finding(c->arg, text);
}

/* Each statement of sql/verify.sql gives a sentence for each thing wrong. */
static int
check_rows(struct check *c, struct err *e)
{
	struct buf all = {0};
	const char *sql, *mark;
	int rc = 0;

	for (sql = sql_verify; (mark = strstr(sql, "{c}")) != NULL; sql = mark + 3) {
		buf_add(&all, sql, (size_t)(mark - sql));
		buf_string(&all, c->s->base.collection);
	}
	buf_string(&all, sql);
	for (sql = buf_cstr(&all); *sql != '\0' && rc == 0;) {
		sqlite3_stmt *st = NULL;
		int more = 0, count = 0;
		if (sqlite3_prepare_v2(c->s->db.handle, sql, -1, &st, &sql) != SQLITE_OK) {
			rc = db_error(&c->s->db, "verifying", e);
			break;
		}
		while (st != NULL && count++ < FINDINGS_EACH && (more = db_step(&c->s->db, st, e)) > 0)
			found(c, "%s", (const char *)sqlite3_column_text(st, 0));
		sqlite3_finalize(st);
		if (more < 0)
			rc = e->code;
	}
	buf_free(&all);
	return rc;
}

static int
load_block(struct check *c, sqlite3_stmt *st, int64_t id, struct err *e)
{
	size_t width = vec_code_size(c->s->info.dims);
	struct slice sizes, codes;
	int rc;

	c->block = id;
	c->coded = 0;
	memset(c->sizes, 0, sizeof(c->sizes));
	memset(c->steps, 0, sizeof(c->steps));
	sqlite3_bind_int64(st, 1, id);
	rc = db_step(&c->s->db, st, e);
	if (rc < 0)
		return e->code;
	if (rc == 0) {
		found(c, "block %lld is missing", (long long)id);
		return 0;
	}
	sizes = db_text(st, 0);
	codes = db_text(st, 1);
	if (sizes.n != sizeof(c->sizes) ||
	    (codes.p != NULL && codes.n != sizeof(c->steps) + width * BLOCK_SLOTS)) {
		found(c, "block %lld has a wrong size", (long long)id);
	} else {
		memcpy(c->sizes, sizes.p, sizes.n);
		c->coded = codes.p != NULL;
		if (c->coded) {
			memcpy(c->steps, codes.p, sizeof(c->steps));
			c->codes.len = 0;
			buf_add(&c->codes, codes.p + sizeof(c->steps), width * BLOCK_SLOTS);
		}
	}
	sqlite3_reset(st);
	return 0;
}

/* A chunk against its own hash, and against what the search scans. */
static void
check_chunk(struct check *c, const struct stored_chunk *k, int64_t slot)
{
	size_t dims = c->s->info.dims, width = vec_code_size(dims), i = (size_t)(slot & (BLOCK_SLOTS - 1));
	float *unit, step;
	uint8_t *codes;

	if (c->sizes[i] != k->content.n)
		found(c, "row %lld: its block knows another size", (long long)slot);
	if (k->vector == NULL) {
		if (c->coded && c->steps[i] != 0)
			found(c, "row %lld: its block has a vector, the row has none", (long long)slot);
		return;
	}
	unit = mem_alloc(dims * sizeof(*unit));
	codes = mem_alloc(width);
	if (!vec_unit(k->vector, dims, unit)) {
		found(c, "row %lld: its vector is zero or not finite", (long long)slot);
	} else {
		step = vec_encode(unit, dims, codes);
		if (!c->coded || c->steps[i] != step || memcmp(c->codes.data + i * width, codes, width) != 0)
			found(c, "row %lld: its block has other codes than its vector gives", (long long)slot);
	}
	free(unit);
	free(codes);
}

/* What is left of the block at hand when its chunks have been taken out. */
static void
check_rest(struct check *c)
{
	for (int i = 0; c->block >= 0 && i < BLOCK_SLOTS; i++)
		if (c->sizes[i] != 0 || c->steps[i] != 0) {
			found(c, "block %lld: place %d is not empty, and no row is there", (long long)c->block, i);
			break;
		}
}

static int
check_chunks(struct check *c, struct err *e)
{
	struct sqlite_store *s = c->s;
	sqlite3_stmt *st = NULL, *block = NULL;
	struct stored_chunk k;
	int64_t slot;
	int rc = sqlite_prepare(s, SQLITE_CHUNK_COLUMNS "ORDER BY k.id", &st, e), more = 0;

	if (rc == 0)
		rc = sqlite_prepare(s, "SELECT z.sizes, b.codes FROM \"{c}_size\" z"
		    " LEFT JOIN \"{c}_block\" b ON b.id = z.id WHERE z.id = ?1", &block, e);
	while (rc == 0 && c->findings < 100 && (more = db_step(&s->db, st, e)) > 0) {
		if (sqlite_chunk(s, st, &k, &slot, e) != 0) {
			found(c, "%s", e->text);
			continue;
		}
		if (slot >> BLOCK_BITS != c->block) {
			check_rest(c);
			rc = load_block(c, block, slot >> BLOCK_BITS, e);
		}
		if (rc == 0) {
			check_chunk(c, &k, slot);
			c->sizes[slot & (BLOCK_SLOTS - 1)] = 0;
			c->steps[slot & (BLOCK_SLOTS - 1)] = 0;
		}
	}
	if (rc == 0 && more == 0)
		check_rest(c);
	sqlite3_finalize(st);
	sqlite3_finalize(block);
	return more < 0 ? e->code : rc;
}

/* The full-text index against the contents. FTS5 takes this question as an
 * INSERT, though it writes nothing: it needs a connection that could. */
static int
check_text(struct check *c, struct err *e)
{
	struct sqlite_store writer = {.base = {.name = c->s->base.name, .collection = c->s->base.collection}};
	int rc = db_open_again(&writer.db, &c->s->db, DB_WRITE, e);

	if (rc == 0)
		rc = db_begin(&writer.db, e);
	/* It may have been dropped since the rows were checked. */
	if (rc == 0)
		rc = sqlite_refresh(&writer, e);
	if (rc == 0)
		rc = sqlite_must_exist(&writer, e);
	if (rc == C1V_IO)
		rc = 0; /* a file that cannot be written to: SQLite's own check has to do */
	else if (rc == 0)
		rc = sqlite_exec(&writer, "INSERT INTO \"{c}_fts\" (\"{c}_fts\", rank) VALUES ('integrity-check', 1)", e);
	if (rc == C1V_DATA) {
		found(c, "the full-text index does not fit the contents: %s", e->text);
		rc = 0;
	}
	db_close(&writer.db);
	arena_free(&writer.names);
	return rc;
}

static int
check_collection(struct check *c, struct err *e)
{
	struct sqlite_store *s = c->s;
	int rc = sqlite_refresh(s, e);

	c->block = -1;
	if (rc == 0 && s->exists)
		rc = check_rows(c, e);
	if (rc == 0 && s->exists)
		rc = check_chunks(c, e);
	return rc;
}

int
sqlite_verify(struct store *base, void (*finding)(void *arg, const char *text), void *arg,
    struct err *e)
{
	struct sqlite_store *s = sqlite_of(base);
	struct check *c = mem_zero(1, sizeof(*c));
	int rc;

	*c = (struct check){.s = s, .finding = finding, .arg = arg, .block = -1};
	rc = db_check(&s->db, found_by_sqlite, c, e);
	/* Where SQLite itself has found damage, nothing more can be trusted. */
	if (rc == 0 && c->findings == 0)
		rc = db_read_begin(&s->db, e);
	if (rc == 0 && c->findings == 0) {
		rc = check_collection(c, e);
		db_read_end(&s->db);
		if (rc == 0)
			rc = sqlite_must_exist(s, e);
		if (rc == 0)
			rc = check_text(c, e);
		if (rc == C1V_DATA) {
			found_by_sqlite(c, e->text);
			rc = 0;
		}
	}
	if (rc == 0 && c->findings > 0)
		rc = C1V_NO;
	buf_free(&c->text);
	buf_free(&c->codes);
	free(c);
	return rc;
}

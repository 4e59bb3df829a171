#include "db/db.h"

#include <errno.h>
#include <string.h>

int
db_prepare(struct db *d, const char *sql, sqlite3_stmt **out, struct err *e)
{
	*out = NULL;
	if (sqlite3_prepare_v3(d->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL) != SQLITE_OK)
		return db_error(d, "preparing a statement", e);
	return 0;
}

int
db_step(struct db *d, sqlite3_stmt *st, struct err *e)
{
	int rc = sqlite3_step(st);

	if (rc == SQLITE_ROW)
		return 1;
	if (rc == SQLITE_DONE) {
		sqlite3_reset(st);
		return 0;
	}
	db_error(d, d->writing ? "writing" : "reading", e);
	sqlite3_reset(st);
	return -1;
}

int
db_run(struct db *d, sqlite3_stmt *st, struct err *e)
{
	int rc;

	while ((rc = db_step(d, st, e)) > 0)
		;
	return rc < 0 ? e->code : 0;
}

int
db_exec(struct db *d, const char *sql, struct err *e)
{
	struct err ignored;

	if (e == NULL)
		e = &ignored;
	while (*sql != '\0') {
		sqlite3_stmt *st = NULL;
		const char *tail = sql;
		int rc = 0;

		if (sqlite3_prepare_v2(d->handle, sql, -1, &st, &tail) != SQLITE_OK)
			return db_error(d, "preparing a statement", e);
		if (st != NULL)
			rc = db_run(d, st, e);
		sqlite3_finalize(st);
		if (rc != 0)
			return rc;
		sql = tail;
	}
	return 0;
}

int
db_integer(struct db *d, const char *sql, int64_t fallback, int64_t *out, struct err *e)
{
	sqlite3_stmt *st;
	int rc = db_prepare(d, sql, &st, e);

	*out = fallback;
	if (rc != 0)
		return rc;
	rc = db_step(d, st, e);
	if (rc > 0 && sqlite3_column_type(st, 0) != SQLITE_NULL)
		*out = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return rc < 0 ? e->code : 0;
}

void
db_bind_text(sqlite3_stmt *st, int i, struct slice s)
{
	if (s.p == NULL)
		sqlite3_bind_null(st, i);
	else
		sqlite3_bind_text64(st, i, s.p, s.n, SQLITE_STATIC, SQLITE_UTF8);
}

void
db_bind_blob(sqlite3_stmt *st, int i, const void *p, size_t n)
{
	if (p == NULL)
		sqlite3_bind_null(st, i);
	else
		sqlite3_bind_blob64(st, i, p, n, SQLITE_STATIC);
}

struct slice
db_text(sqlite3_stmt *st, int i)
{
	const void *p;

	if (sqlite3_column_type(st, i) == SQLITE_NULL)
		return SLICE_NONE;
	p = sqlite3_column_type(st, i) == SQLITE_BLOB ? sqlite3_column_blob(st, i)
	                                              : sqlite3_column_text(st, i);
	return (struct slice){p ? p : "", (size_t)sqlite3_column_bytes(st, i)};
}

static int
error_code(int primary, int extended)
{
	switch (primary) {
	case SQLITE_NOMEM:
		return C1V_MEMORY;
	case SQLITE_IOERR:
		return extended == SQLITE_IOERR_NOMEM ? C1V_MEMORY
		    : extended == SQLITE_IOERR_SHORT_READ ? C1V_DATA : C1V_IO;
	case SQLITE_FULL:
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_READONLY:
	case SQLITE_AUTH:
	case SQLITE_NOLFS:
		return C1V_IO;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
	case SQLITE_INTERRUPT:
		return C1V_AGAIN;
	case SQLITE_MISUSE:
	case SQLITE_RANGE:
		return C1V_BUG;
	default:
		return C1V_DATA;
	}
}

int
db_error(struct db *d, const char *doing, struct err *e)
{
	int extended = d->handle ? sqlite3_extended_errcode(d->handle) : SQLITE_NOMEM;
	int primary = extended & 0xff, code = error_code(primary, extended);
	int number = d->handle ? sqlite3_system_errno(d->handle) : 0;
	const char *why = d->handle ? sqlite3_errmsg(d->handle) : "out of memory";

	if (code == C1V_IO && number != 0) {
		err_set(e, code, "%s %s: %s", doing, d->path, strerror(number));
	} else if (code == C1V_DATA) {
		err_set(e, code, "%s %s: damaged file: %s", doing, d->path, why);
		err_hint(e, "restore the file from a copy, or make it again from the documents");
	} else if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED) {
		err_set(e, code, "%s %s: held by another program", doing, d->path);
		err_hint(e, "try again when the other program has ended");
	} else {
		err_set(e, code, "%s %s: %s", doing, d->path, why);
	}
	if (code == C1V_IO && d->options.mode == DB_WRITE)
		d->broken = 1;
	return code;
}

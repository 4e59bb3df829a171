#include "db/db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "db/db_file.h"

enum { STEPS_BETWEEN_QUESTIONS = 100000 };

int
db_stopped(const struct db *d)
{
	return d->options.stop != NULL && d->options.stop() != 0;
}

static char *
path_beside(const char *path, const char *ending)
{
	struct buf b = {0};

	buf_string(&b, path);
	buf_string(&b, ending);
	return buf_cstr(&b);
}

int64_t
db_size_beside(const char *path, const char *ending)
{
	char *beside = path_beside(path, ending);
	struct stat st;
	int64_t size = stat(beside, &st) == 0 ? (int64_t)st.st_size : 0;

	free(beside);
	return size;
}

int64_t
db_size(const struct db *d)
{
	struct stat st;

	return db_size_beside(d->path, "-wal") + (stat(d->path, &st) == 0 ? (int64_t)st.st_size : 0);
}

int
db_make_parents(const char *path, struct err *e)
{
	char *p = mem_string(path);
	int rc = 0;

	for (char *slash = p + 1; rc == 0 && (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		if (mkdir(p, 0700) != 0 && errno != EEXIST)
			rc = err_sys(e, C1V_IO, "making the directory %s", p);
		*slash = '/';
	}
	free(p);
	return rc;
}

/* A file of our own mode; SQLite gives its WAL the same. */
static int
make_file(const char *path, struct err *e)
{
	int fd;

	if (access(path, F_OK) == 0)
		return 0;
	if (db_make_parents(path, e) != 0)
		return e->code;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, C1V_IO, "making %s", path);
	close(fd);
	return 0;
}

/* A WAL needs files beside the database. Where none can be made and none
 * holds anything, the file is read as it stands. */
static int
must_be_immutable(const char *path)
{
	char *directory = mem_string(path), *slash = strrchr(directory, '/');
	int writable;

	if (slash == directory)
		slash++;
	*slash = '\0';
	writable = access(directory, W_OK) == 0;
	free(directory);
	return !writable && db_size_beside(path, "-wal") == 0;
}

static int
open_handle(struct db *d, struct err *e)
{
	int flags = d->options.mode == DB_WRITE ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
	struct buf uri = {0};
	int rc;

	buf_string(&uri, "file:");
	for (const char *p = d->path; *p != '\0'; p++) {
		if (*p == '%' || *p == '?' || *p == '#')
			buf_format(&uri, "%%%02X", (unsigned)*p);
		else
			buf_byte(&uri, *p);
	}
	if (d->immutable)
		buf_string(&uri, "?immutable=1");
	rc = sqlite3_open_v2(buf_cstr(&uri), &d->handle,
	    flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	buf_free(&uri);
	return rc == SQLITE_OK ? 0 : db_error(d, "opening", e);
}

static int
on_busy(void *arg, int count)
{
	struct db *d = arg;

	if (count == 0)
		d->waiting = clock_mono_ns();
	if (db_stopped(d) || clock_seconds_since(d->waiting) >= d->options.wait)
		return 0;
	clock_sleep_ms(count < 5 ? 1 << count : 25);
	return 1;
}

void
db_patience(struct db *d, int patient)
{
	sqlite3_busy_handler(d->handle, patient ? on_busy : NULL, d);
}

static int
on_progress(void *arg)
{
	return db_stopped(arg);
}

static int
on_commit(void *arg, sqlite3 *handle, const char *name, int pages)
{
	struct db *d = arg;

	(void)handle;
	(void)name;
	d->wal_pages = pages;
	return SQLITE_OK;
}

static int
configure(struct db *d, struct err *e)
{
	static const struct { int what, value; } settings[] = {
		{SQLITE_DBCONFIG_DEFENSIVE, 1}, {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
		{SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1}, {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
		{SQLITE_DBCONFIG_ENABLE_VIEW, 0}, {SQLITE_DBCONFIG_DQS_DML, 0},
		{SQLITE_DBCONFIG_DQS_DDL, 0}, {SQLITE_DBCONFIG_ENABLE_FKEY, 0},
	};
	struct buf sql = {0};
	int rc;

	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++)
		sqlite3_db_config(d->handle, settings[i].what, settings[i].value, NULL);
	sqlite3_wal_hook(d->handle, on_commit, d); /* this also ends automatic checkpoints */
	db_patience(d, 1);
	if (d->options.stop != NULL)
		sqlite3_progress_handler(d->handle, STEPS_BETWEEN_QUESTIONS, on_progress, d);
	buf_string(&sql, "PRAGMA temp_store = MEMORY;");
	/* A writer must not build on a damaged page. A reader comes to no harm by one:
	 * SQLite checks each cell that it uses. To check all of each page takes a fifth
	 * of a search's time. */
	if (d->options.mode == DB_WRITE)
		buf_format(&sql, "PRAGMA cell_size_check = ON; PRAGMA synchronous = %s;",
		    d->options.sync == DB_SYNC_FULL ? "FULL" : "NORMAL");
	if (d->options.cache > 0)
		buf_format(&sql, " PRAGMA cache_size = -%d;", d->options.cache);
	rc = db_exec(d, buf_cstr(&sql), e);
	buf_free(&sql);
	return rc;
}

/* An SQLite file without a name and without tables is one that was not finished: *fresh. */
static int
read_identity(struct db *d, int64_t *application, int64_t *version, int *fresh, struct err *e)
{
	int64_t tables = 1;
	int rc = db_integer(d, "PRAGMA application_id", 0, application, e);

	if (rc == 0)
		rc = db_integer(d, "PRAGMA user_version", 0, version, e);
	if (rc == 0 && *application == 0 && *version == 0)
		rc = db_integer(d, "SELECT count(*) FROM sqlite_schema", 0, &tables, e);
	*fresh = rc == 0 && *application == 0 && *version == 0 && tables == 0;
	return rc;
}

/* What the file says it is. */
static int
identify(struct db *d, int *fresh, struct err *e)
{
	int64_t application, version, page_size;
	int rc = read_identity(d, &application, &version, fresh, e);

	/* Somebody may have made it between our questions. */
	if (rc == 0 && application == 0 && !*fresh)
		rc = read_identity(d, &application, &version, fresh, e);
	if (rc != 0 || *fresh)
		return rc;
	if ((int32_t)application != d->options.application_id) {
		err_set(e, C1V_DATA, "opening %s: not a c1v %s: its application id is %lld",
		    d->path, d->options.what, (long long)application);
		return err_hint(e, "name another file");
	}
	if (!d->options.rows_checked || d->options.mode == DB_WRITE || version > d->options.version)
		rc = db_seal_check(d, e);
	if (rc != 0)
		return rc;
	if (version < 1)
		return err_set(e, C1V_DATA, "opening %s: damaged file: its version is %lld", d->path,
		    (long long)version);
	if (version > d->options.version) {
		err_set(e, C1V_CONFIG, "opening %s: made by a newer version (format %lld, known is %d)",
		    d->path, (long long)version, (int)d->options.version);
		return err_hint(e, "install the newer version");
	}
	d->version = (int32_t)version;
	rc = db_integer(d, "PRAGMA page_size", 4096, &page_size, e);
	if (rc == 0)
		d->options.page_size = (int)page_size;
	return rc;
}

/* Turn an empty file into one of ours, under the lock: another process may
 * have been faster. */
static int
make_ours(struct db *d, struct err *e)
{
	struct buf sql = {0};
	int fresh, rc = db_lock(d, e);

	if (rc != 0)
		return rc;
	rc = identify(d, &fresh, e);
	if (rc != 0 || !fresh) {
		db_unlock(d);
		return rc;
	}
	buf_format(&sql, "PRAGMA page_size = %d; PRAGMA journal_mode = WAL; BEGIN IMMEDIATE;",
	    d->options.page_size);
	rc = db_exec(d, buf_cstr(&sql), e);
	d->writing = d->schema_changed = 1;
	d->version = d->options.version;
	if (rc == 0) {
		sql.len = 0;
		buf_format(&sql, "PRAGMA application_id = %d; PRAGMA user_version = %d;"
		    " CREATE TABLE c1v_schema (id INTEGER PRIMARY KEY, cookie INTEGER NOT NULL,"
		    " sum INTEGER NOT NULL) STRICT; %s",
		    (int)d->options.application_id, (int)d->options.version, d->options.schema);
		rc = db_exec(d, buf_cstr(&sql), e);
	}
	buf_free(&sql);
	if (rc == 0)
		return db_commit(d, e);
	db_rollback(d);
	return rc;
}

static int
no_file(struct db *d, struct err *e)
{
	err_set(e, C1V_NO, "opening %s: there is no %s", d->path, d->options.what);
	return err_hint(e, "c1v-ingest makes it");
}

static void
start(struct db *d, const struct db_options *o)
{
	memset(d, 0, sizeof(*d));
	d->options = *o;
	/* "./" keeps SQLite's own names (":memory:") out of it. */
	d->path = path_beside(o->path[0] == '/' ? "" : "./", o->path);
	d->options.path = d->path;
	d->lock_fd = -1;
}

static int
open_it(struct db *d, struct err *e)
{
	int empty = 0, fresh = 0, rc;

	if (d->options.mode == DB_WRITE)
		rc = make_file(d->path, e);
	else
		rc = access(d->path, F_OK) == 0 || errno != ENOENT ? 0 : no_file(d, e);
	if (rc == 0)
		rc = db_header_check(d->path, d->options.what, &empty, e);
	/* A journal stands beside it only while it is made: its maker has died. */
	if (rc == 0 && d->options.mode == DB_READ && (empty || db_size_beside(d->path, "-journal") > 0))
		rc = no_file(d, e);
	if (rc != 0)
		return rc;
	d->immutable = d->options.mode == DB_READ && must_be_immutable(d->path);
	rc = open_handle(d, e);
	if (rc == 0)
		rc = configure(d, e);
	if (rc == 0)
		rc = identify(d, &fresh, e);
	if (rc == 0 && fresh)
		rc = d->options.mode == DB_WRITE ? make_ours(d, e) : no_file(d, e);
	return rc;
}

int
db_open(struct db *d, const struct db_options *o, struct err *e)
{
	int rc;

	/* Each allocation would be counted under a lock that all connections share.
	 * Only before SQLite's first use is there anything to be said. */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	start(d, o);
	rc = open_it(d, e);
	if (rc != 0)
		db_close(d);
	return rc;
}

int
db_open_again(struct db *d, const struct db *first, enum db_mode mode, struct err *e)
{
	int rc;

	start(d, &first->options);
	d->options.mode = mode;
	d->immutable = mode == DB_READ && first->immutable;
	d->version = first->version;
	rc = open_handle(d, e);
	if (rc == 0)
		rc = configure(d, e);
	if (rc != 0)
		db_close(d);
	return rc;
}

/* Is it the damaged one that stands there? */
static int
still_damaged(const struct db_options *o, int fd)
{
	struct db_options again = *o;
	struct stat mine, now;
	struct err why;
	struct db d;
	int rc;

	if (fd >= 0)
		return fstat(fd, &mine) == 0 && stat(o->path, &now) == 0 &&
		    mine.st_dev == now.st_dev && mine.st_ino == now.st_ino;
	again.mode = DB_WRITE;
	again.wait = 0;
	rc = db_open(&d, &again, &why);
	if (rc == 0)
		db_close(&d);
	return rc == C1V_DATA;
}

int
db_discard(const struct db_options *o, int fd, struct err *e)
{
	/* The file last: a WAL without its file would be taken for that of the next. */
	static const char *const endings[] = {"-journal", "-wal", "-shm", ""};
	struct db d;
	int rc;

	start(&d, o);
	rc = db_lock(&d, e);
	for (size_t i = 0; rc == 0 && i < 4 && (i > 0 || still_damaged(&d.options, fd)); i++) {
		char *path = path_beside(d.path, endings[i]);

		if (unlink(path) != 0 && errno != ENOENT)
			rc = err_sys(e, C1V_IO, "removing %s", path);
		free(path);
	}
	db_close(&d);
	return rc;
}

void
db_close(struct db *d)
{
	if (d->handle != NULL) {
		db_rollback(d);
		db_read_end(d);
		sqlite3_close_v2(d->handle);
	}
	if (d->lock_fd >= 0)
		close(d->lock_fd);
	free(d->path);
	memset(d, 0, sizeof(*d));
	d->lock_fd = -1;
}

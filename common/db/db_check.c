#include "db/db_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

enum { HEADER = 100 };

static uint32_t
big(const unsigned char *p, int bytes)
{
	uint32_t v = 0;

	for (int i = 0; i < bytes; i++)
		v = v << 8 | p[i];
	return v;
}

static int
all_zero(const unsigned char *p, size_t n)
{
	while (n > 0 && p[n - 1] == 0)
		n--;
	return n == 0;
}

/* The first field that no file of ours can have, or NULL. The offsets are
 * those of the file format's table of the database header. */
static const char *
header_fault(const unsigned char *h, int64_t size)
{
	uint32_t page = big(h + 16, 2), pages = big(h + 28, 4);
	uint32_t trunk = big(h + 32, 4), unused = big(h + 36, 4);

	if (page == 1)
		page = 65536;
	if (page < 512 || (page & (page - 1)) != 0)
		return "page size";
	if (h[18] != h[19] || (h[18] != 1 && h[18] != 2))
		return "file format version";
	if (h[20] != 0 || h[21] != 64 || h[22] != 32 || h[23] != 32)
		return "payload fractions";
	if (big(h + 24, 4) != big(h + 92, 4))
		return "change counter";
	if ((int64_t)pages * page != size)
		return "file size";
	if ((trunk == 0) != (unused == 0) || trunk > pages || unused >= pages)
		return "list of free pages";
	if (big(h + 44, 4) > 4)
		return "schema format";
	if (big(h + 48, 4) != 0 || big(h + 52, 4) != 0 || big(h + 64, 4) != 0)
		return "vacuum mode";
	if (big(h + 56, 4) > 1)
		return "text encoding";
	if (!all_zero(h + 72, 20))
		return "reserved bytes";
	return NULL;
}

static int
header_check(const char *path, const char *what, int *empty, struct err *e)
{
	unsigned char h[HEADER];
	const char *fault;
	struct stat st;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	*empty = 0;
	if (fd < 0)
		return err_sys(e, C1V_IO, "opening %s", path);
	n = fstat(fd, &st) != 0 ? -1 : S_ISREG(st.st_mode) ? pread(fd, h, sizeof(h), 0) : 0;
	if (n < 0)
		err_sys(e, C1V_IO, "reading %s", path);
	close(fd);
	if (n < 0)
		return e->code;
	if (!S_ISREG(st.st_mode))
		return err_set(e, C1V_DATA, "opening %s: not a c1v %s: no plain file", path, what);
	*empty = st.st_size == 0;
	/* What stands beside the file may replace this page, which may then be torn. */
	if (*empty || db_size_beside(path, "-wal") > 0 || db_size_beside(path, "-journal") > 0)
		return 0;
	if (n < HEADER || memcmp(h, "SQLite format 3", 16) != 0)
		return err_set(e, C1V_DATA, "opening %s: not a c1v %s: no SQLite file", path, what);
	fault = header_fault(h, (int64_t)st.st_size);
	if (fault == NULL)
		return 0;
	err_set(e, C1V_DATA, "opening %s: damaged file: header check: %s", path, fault);
	return err_hint(e, "restore the file from a copy, or make it again from the documents");
}

int
db_header_check(const char *path, const char *what, int *empty, struct err *e)
{
	int rc = 0;

	/* The size and the header are not read at one instant: while somebody
	 * checkpoints they may disagree, but not five times. */
	for (int i = 0; i < 5; i++) {
		rc = header_check(path, what, empty, e);
		if (rc != C1V_DATA)
			break;
		clock_sleep_ms(5);
	}
	return rc;
}

/* FNV-1a (Fowler, Noll, Vo), 64 bits: against accidents, not against forgers. */
static uint64_t
fnv(uint64_t h, struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * UINT64_C(0x100000001b3);
	return (h ^ 0xff) * UINT64_C(0x100000001b3);
}

/* Over the version and every row of the schema, where its root page is included. */
static int
schema_sum(struct db *d, int64_t *cookie, int64_t *sum, struct err *e)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	int64_t version = 0;
	sqlite3_stmt *st;
	int rc = db_integer(d, "PRAGMA schema_version", 0, cookie, e);

	if (rc == 0)
		rc = db_integer(d, "PRAGMA user_version", 0, &version, e);
	if (rc == 0)
		rc = db_prepare(d, "SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema"
		    " ORDER BY rowid", &st, e);
	if (rc != 0)
		return rc;
	h = fnv(h, (struct slice){(const char *)&version, sizeof(version)});
	while ((rc = db_step(d, st, e)) > 0) {
		for (int i = 0; i < 5; i++)
			h = fnv(h, db_text(st, i));
	}
	sqlite3_finalize(st);
	*sum = (int64_t)h;
	return rc < 0 ? e->code : 0;
}

int
db_seal(struct db *d, struct err *e)
{
	int64_t cookie, sum;
	sqlite3_stmt *st;
	int rc = schema_sum(d, &cookie, &sum, e);

	if (rc == 0)
		rc = db_prepare(d, "INSERT OR REPLACE INTO c1v_schema VALUES (1, ?1, ?2)", &st, e);
	if (rc != 0)
		return rc;
	sqlite3_bind_int64(st, 1, cookie);
	sqlite3_bind_int64(st, 2, sum);
	rc = db_run(d, st, e);
	sqlite3_finalize(st);
	return rc;
}

int
db_seal_check(struct db *d, struct err *e)
{
	int64_t cookie, sum;
	sqlite3_stmt *st;
	int rc = db_prepare(d, "SELECT cookie, sum FROM c1v_schema WHERE id = 1", &st, e), damaged;

	if (rc != 0)
		return rc;
	rc = db_step(d, st, e);
	if (rc >= 0)
		damaged = rc == 0;
	if (rc > 0) {
		rc = schema_sum(d, &cookie, &sum, e) ? -1 : 1;
		damaged = rc > 0 && cookie == sqlite3_column_int64(st, 0) && sum != sqlite3_column_int64(st, 1);
	}
	sqlite3_finalize(st);
	if (rc < 0)
		return e->code;
	if (!damaged)
		return 0;
	err_set(e, C1V_DATA, "opening %s: damaged file: schema check", d->path);
	return err_hint(e, "restore the file from a copy, or make it again from the documents");
}

int
db_check(struct db *d, void (*finding)(void *arg, const char *text), void *arg, struct err *e)
{
	static const char *const checks[] = {"PRAGMA integrity_check(100)", "PRAGMA foreign_key_check"};
	struct buf b = {0};
	int rc = 0;

	for (size_t i = 0; i < 2 && rc == 0; i++) {
		sqlite3_stmt *st;
		int count = 0, more = 0;

		rc = db_prepare(d, checks[i], &st, e);
		while (rc == 0 && count++ < 100 && (more = db_step(d, st, e)) > 0) {
			struct slice s = db_text(st, 0);
			if (i == 0 && slice_is(s, "ok"))
				continue;
			b.len = 0;
			buf_string(&b, i == 0 ? "integrity check: " : "a row without its parent in ");
			buf_slice(&b, s);
			finding(arg, buf_cstr(&b));
		}
		sqlite3_finalize(st);
		if (more < 0)
			rc = e->code;
	}
	buf_free(&b);
	/* A file so damaged that the check itself fails: that is the finding. */
	if (rc == C1V_DATA) {
		finding(arg, e->text);
		rc = 0;
	}
	return rc;
}

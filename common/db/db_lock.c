#include "db/db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "db/db_file.h"

enum { CHECKPOINT_BYTES = 16 << 20 };

static int
lock_open(struct db *d, struct err *e)
{
	char *path;
	size_t n = strlen(d->path);

	if (d->lock_fd >= 0)
		return 0;
	path = mem_alloc(n + sizeof(".lock"));
	memcpy(path, d->path, n);
	memcpy(path + n, ".lock", sizeof(".lock"));
	d->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (d->lock_fd < 0)
		err_sys(e, C1V_IO, "opening %s", path);
	free(path);
	return d->lock_fd < 0 ? e->code : 0;
}

static int
lock_set(int fd, short type)
{
	struct flock f = {.l_type = type, .l_whence = SEEK_SET};

	return fcntl(fd, F_OFD_SETLK, &f);
}

/* Whoever holds the lock has written its pid into the file. */
static int
lock_busy(struct db *d, struct err *e)
{
	char pid[24] = "";
	ssize_t n = pread(d->lock_fd, pid, sizeof(pid) - 1, 0);
	long holder;

	pid[n > 0 ? n : 0] = '\0';
	holder = strtol(pid, NULL, 10);
	if (holder > 0)
		err_set(e, C1V_AGAIN, "writing %s: locked by pid %ld", d->path, holder);
	else
		err_set(e, C1V_AGAIN, "writing %s: locked by another process", d->path);
	return err_hint(e, "try again later, or wait longer with --wait");
}

static void
lock_sign(struct db *d)
{
	char pid[24];
	int n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	int told;

	/* For people only: a failure takes nothing from the lock. */
	told = ftruncate(d->lock_fd, 0) == 0 && pwrite(d->lock_fd, pid, (size_t)n, 0) == n;
	if (!told)
		told = ftruncate(d->lock_fd, 0) == 0;
	(void)told;
}

int
db_lock(struct db *d, struct err *e)
{
	int64_t start = clock_mono_ns(), pause = 1;
	int rc = lock_open(d, e);

	if (rc != 0)
		return rc;
	while (lock_set(d->lock_fd, F_WRLCK) != 0) {
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			return err_sys(e, C1V_IO, "locking %s.lock", d->path);
		if (db_stopped(d))
			return err_set(e, C1V_AGAIN, "waiting for %s: interrupted", d->path);
		if (clock_seconds_since(start) >= d->options.wait)
			return lock_busy(d, e);
		clock_sleep_ms(pause);
		pause = pause < 20 ? pause * 2 : 20;
	}
	d->locked = 1;
	lock_sign(d);
	return 0;
}

void
db_unlock(struct db *d)
{
	if (d->locked)
		lock_set(d->lock_fd, F_UNLCK);
	d->locked = 0;
}

int
db_begin(struct db *d, struct err *e)
{
	int rc;

	if (d->broken)
		return err_set(e, C1V_IO, "writing %s: an earlier write failed", d->path);
	rc = db_lock(d, e);
	if (rc != 0)
		return rc;
	rc = db_exec(d, "BEGIN IMMEDIATE", e);
	if (rc != 0)
		db_unlock(d);
	else
		d->writing = 1;
	return rc;
}

/* Move what is in the WAL into the file, without waiting for anybody. */
static int
checkpoint(struct db *d, int mode, struct err *e)
{
	int rc;

	db_patience(d, 0);
	rc = sqlite3_wal_checkpoint_v2(d->handle, NULL, mode, NULL, NULL);
	db_patience(d, 1);
	if (rc == SQLITE_OK)
		d->wal_pages = 0;
	if (rc != SQLITE_OK && rc != SQLITE_BUSY && rc != SQLITE_LOCKED)
		return db_error(d, "checkpointing", e);
	return 0;
}

int
db_commit(struct db *d, struct err *e)
{
	int rc = 0;

	if (d->schema_changed)
		rc = db_seal(d, e);
	if (rc == 0)
		rc = db_exec(d, "COMMIT", e);
	if (rc != 0) {
		db_rollback(d);
		return rc;
	}
	d->committed = 1;
	d->writing = 0;
	d->schema_changed = 0;
	if ((int64_t)d->wal_pages * d->options.page_size > (d->options.wal ? d->options.wal : CHECKPOINT_BYTES))
		rc = checkpoint(d, SQLITE_CHECKPOINT_PASSIVE, e);
	db_unlock(d);
	return rc;
}

void
db_rollback(struct db *d)
{
	struct err ignored;

	/* SQLite may have rolled back by itself. */
	if (d->writing && !sqlite3_get_autocommit(d->handle))
		db_exec(d, "ROLLBACK", &ignored);
	d->writing = 0;
	d->schema_changed = 0;
	db_unlock(d);
}

int
db_checkpoint(struct db *d, struct err *e)
{
	double wait = d->options.wait;
	int rc;

	if (d->options.mode != DB_WRITE || d->broken || db_stopped(d))
		return 0;
	d->options.wait = 0;
	rc = db_lock(d, e);
	d->options.wait = wait;
	if (rc == C1V_AGAIN)
		return 0;
	if (rc == 0)
		rc = checkpoint(d, SQLITE_CHECKPOINT_TRUNCATE, e);
	db_unlock(d);
	return rc;
}

int
db_vacuum(struct db *d, struct err *e)
{
	int rc = db_lock(d, e);

	if (rc != 0)
		return rc;
	rc = db_exec(d, "VACUUM", e);
	/* Root pages have moved. */
	if (rc == 0)
		rc = db_exec(d, "BEGIN IMMEDIATE", e);
	if (rc == 0) {
		d->writing = d->schema_changed = 1;
		rc = db_commit(d, e);
	}
	if (rc != 0)
		db_rollback(d);
	return rc ? rc : db_checkpoint(d, e);
}

int
db_read_begin(struct db *d, struct err *e)
{
	int rc = 0;

	/* Ending the transaction before may have failed for want of memory. */
	if (!d->writing && !sqlite3_get_autocommit(d->handle))
		rc = db_exec(d, "ROLLBACK", e);
	if (rc == 0)
		rc = db_exec(d, "BEGIN", e);
	d->reading = rc == 0;
	return rc;
}

void
db_read_end(struct db *d)
{
	struct err ignored;

	if (d->reading && !sqlite3_get_autocommit(d->handle))
		db_exec(d, "ROLLBACK", &ignored);
	d->reading = 0;
}

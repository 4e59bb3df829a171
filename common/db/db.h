/* db: the one way in which SQLite files are opened, locked, written,
 * checkpointed and checked; for the store, the cache and the ledger alike.
 *
 * A file is in WAL mode. One writer at a time holds an OFD lock on PATH.lock
 * (its pid inside), taken for a transaction and given back after it. Only the
 * holder of that lock checkpoints: automatic checkpoints and the one on close
 * are off on every connection. A file is ours when its application_id is, and
 * its user_version is one that we know; nothing else is ever written to.
 *
 * A checksum over the schema is kept in the file (table `c1v_schema`), bound
 * to SQLite's own schema counter: a damaged schema page is found on opening,
 * a schema that another program changed on purpose is not called damage. */
#ifndef C1V_DB_DB_H
#define C1V_DB_DB_H

#include <stdint.h>

#include <sqlite3.h>

#include "base/buf.h"

enum db_mode { DB_READ, DB_WRITE };
enum db_sync { DB_SYNC_FULL, DB_SYNC_NORMAL };

struct db_options {
	const char *path;
	const char *what;        /* "store": for messages, "not a c1v store" */
	int32_t application_id;  /* not 0 */
	int32_t version;         /* the newest user_version that is known, from 1 */
	const char *schema;      /* SQL that makes an empty file ours; idempotent */
	enum db_mode mode;       /* DB_WRITE makes the file and its directories (0600, 0700) */
	enum db_sync sync;
	int page_size;           /* of a new file */
	int cache;               /* KiB of pages kept in memory; 0: SQLite's default */
	int64_t wal;             /* bytes of WAL from which on db_commit() empties it; 0: 16 MiB */
	int rows_checked;        /* each row has a checksum of its own: a reader does without that of the schema */
	double wait;             /* seconds to wait for the lock or a busy file, then C1V_AGAIN */
	int (*stop)(void);       /* asked while waiting or working long: other than 0 gives up with C1V_AGAIN; NULL: never */
};

struct db {
	sqlite3 *handle;         /* use with the functions below or SQLite's own */
	char *path;
	struct db_options options; /* path is the one above */
	int32_t version;         /* the user_version that was found */
	int lock_fd;             /* -1: never opened */
	int locked, writing, reading;
	int immutable;           /* read as it stands: its directory cannot be written to */
	int schema_changed;      /* set after changing the schema: db_commit() renews the checksum */
	int broken;              /* a write failed: nothing more is written through this connection */
	int committed;           /* something was: the WAL is worth emptying at the end */
	int wal_pages;           /* in the WAL after the last commit */
	int64_t waiting;         /* clock_mono_ns() when SQLite found the file busy, or 0 */
};

/* 0, or C1V_NO (DB_READ: there is no such file, or it is still empty), C1V_DATA (damaged, or not
 * ours: names the check), C1V_CONFIG (a newer version), C1V_IO, C1V_AGAIN,
 * C1V_MEMORY. A file in a directory that cannot be written to is read as it
 * stands. After a failure *d is closed. */
int db_open(struct db *d, const struct db_options *o, struct err *e);
/* Another connection to a file that is open, for a thread or a task of its own. */
int db_open_again(struct db *d, const struct db *first, enum db_mode mode, struct err *e);
/* Rolls back what is open. Statements must be finalised before. */
void db_close(struct db *d);

/* The directories above path, 0700. */
int db_make_parents(const char *path, struct err *e);
/* Remove a file that is damaged and can be made again, under the lock; a file of ours, that is for
 * the caller to know. fd: the damaged file, nothing is done when another
 * stands there by now; -1: the one that cannot be opened, nothing is done when
 * it can. No connection of this process to it may be open. */
int db_discard(const struct db_options *o, int fd, struct err *e);

/* A write transaction under the lock. On an error of db_begin nothing is held;
 * db_commit always ends the transaction (rolled back on error) and gives the
 * lock back; it checkpoints when the WAL has grown past options.wal. */
int db_begin(struct db *d, struct err *e);
int db_commit(struct db *d, struct err *e);
void db_rollback(struct db *d);

/* One consistent state over several statements. */
int db_read_begin(struct db *d, struct err *e);
void db_read_end(struct db *d);

/* Move the WAL into the file and cut it to nothing; never waits for readers
 * (then a part stays for the next time). Takes the lock, or does nothing when
 * another process holds it: that one will. Nothing either when it is to stop. */
int db_checkpoint(struct db *d, struct err *e);

/* Rewrite the file without its free pages, under the lock. Needs as much room
 * again until it is done. */
int db_vacuum(struct db *d, struct err *e);

/* --- statements --------------------------------------------------------- */

int db_prepare(struct db *d, const char *sql, sqlite3_stmt **out, struct err *e);
/* 1: a row, 0: done (and reset), -1: an error (reset, e filled). */
int db_step(struct db *d, sqlite3_stmt *st, struct err *e);
/* Step to the end, ignoring rows, and reset. 0 or an exit code. */
int db_run(struct db *d, sqlite3_stmt *st, struct err *e);
/* One or more statements without parameters. e may be NULL. */
int db_exec(struct db *d, const char *sql, struct err *e);
/* The first column of the first row as an integer; 0 rows or NULL: fallback. */
int db_integer(struct db *d, const char *sql, int64_t fallback, int64_t *out, struct err *e);

/* Bind borrowed bytes; SLICE_NONE binds NULL. */
void db_bind_text(sqlite3_stmt *st, int i, struct slice s);
void db_bind_blob(sqlite3_stmt *st, int i, const void *p, size_t n);
/* A column's bytes, valid until the next step; SQL NULL gives SLICE_NONE. */
struct slice db_text(sqlite3_stmt *st, int i);

/* The error that SQLite has just reported, as an exit code with "doing: why".
 * Every failure of a statement of ours that is no fault of the machine is a
 * damaged file, C1V_DATA. */
int db_error(struct db *d, const char *doing, struct err *e);

/* --- integrity ---------------------------------------------------------- */

/* SQLite's own checks (integrity_check, foreign_key_check), at most 100
 * findings. 0 or an error; findings are no error. */
int db_check(struct db *d, void (*finding)(void *arg, const char *text), void *arg, struct err *e);

/* Bytes on disk: the file and its WAL. */
int64_t db_size(const struct db *d);

/* 1 when the owner of the connection wants to stop. */
int db_stopped(const struct db *d);

#endif

/* db_file: what the files of the db room share. Private to the room. */
#ifndef C1V_DB_FILE_H
#define C1V_DB_FILE_H

#include "db/db.h"

/* Look at the header of a file whose WAL is empty (https://sqlite.org/fileformat2.html, 1.3).
 * 0 and *empty for a file of no bytes; C1V_DATA names the first field that
 * cannot be. Only before the first connection of the process to this file:
 * closing a descriptor drops the locks that SQLite holds. */
int db_header_check(const char *path, const char *what, int *empty, struct err *e);

/* Write the schema's checksum (within a write transaction), or compare it. */
int db_seal(struct db *d, struct err *e);
int db_seal_check(struct db *d, struct err *e);

/* Bytes of the file with that ending ("-wal") beside path; 0 when there is none. */
int64_t db_size_beside(const char *path, const char *ending);

/* The lock alone: C1V_AGAIN "locked by pid N" when it cannot be had in time. */
int db_lock(struct db *d, struct err *e);
void db_unlock(struct db *d);

/* Let SQLite wait for a busy file as long as options.wait says, or not at all. */
void db_patience(struct db *d, int patient);

#endif

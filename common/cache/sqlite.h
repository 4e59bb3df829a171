/* sqlite: the cache in a file, for any number of processes on one machine. Private to sqlite*.c.
 *
 * PATH            an SQLite file (db/db.h); every row of a value has a checksum over it, its key and
 *                 its time, so that a damaged one is a miss, never a wrong answer
 * PATH.hits       what lookups have to say (sqlite_hits.c): appended, folded in by the next writer
 * PATH.run        locks by name, ranges of no bytes
 *
 * A lookup holds a read transaction of SQLite for its length and no lock that anybody waits for.
 * Every change is one short transaction under the lock of db_begin(). A file that turns out damaged is
 * removed under that lock, and the next change begins a new one. */
#ifndef C1V_CACHE_SQLITE_H
#define C1V_CACHE_SQLITE_H

#include "cache/cache_driver.h"
#include "db/db.h"

enum cache_statement {
	READ_VALUE, READ_ENTRY, LIST_ENTRIES,
	READ_STATE, KEEP_STATE,
	ADD_ENTRY, CHANGE_ENTRY, ADD_VALUE, ADD_LIFE, ADD_TAG,
	KEY_OF, READ_LIFE, DROP_ENTRY, DROP_VALUE, DROP_LIFE, DROP_TAGS, TOUCH_ENTRY, TOUCH_LIFE,
	FIND_EXPIRED, FIND_UNUSED, FIND_TAGGED,
	USE_LIFE, FIND_AREA, ADD_AREA, CHANGE_AREA, READ_COUNTS, ADD_COUNTS, ADD_SAVING, DROP_SAVINGS, DROP_AREAS,
	CACHE_STATEMENTS
};

/* The row of that name, as the transaction has it. */
struct cache_state {
	int64_t next, bytes, used, expired, hits, folded, done;
};

/* What the entries of a group become more, until it is written. */
struct cache_change {
	int64_t area, entries, bytes, evictions;
};
enum { CACHE_CHANGES = 16 };

struct cache_file {
	struct cache_base base;
	struct db_options options;
	char *path, *hits_path, *old_path, *new_path;
	struct slice space;             /* of this process's keys, with the colon */
	struct log *log;                /* or NULL */
	int64_t max_size;

	struct db db;
	int connected;
	int64_t unreadable;             /* clock_mono_ns() when it was found so, or 0 */
	sqlite3_stmt *statements[CACHE_STATEMENTS];
	struct arena values;            /* what the last call gave */
	size_t values_size;

	struct cache_state state;
	struct cache_change changes[CACHE_CHANGES];
	size_t change_count;
	struct { char name[CACHE_KEY_MAX]; size_t n; int64_t id; } area; /* the last one asked for; id 0: none */
	int retired;                    /* old_path is folded in: to be removed after the commit */

	int64_t *used;                 /* ids of entries that were read, to be appended */
	size_t used_count, used_room;
	struct buf counts;              /* the same of counts and damaged entries */
	int hits_large;                 /* the file has grown past its bound */

	int run_fd;                     /* its only lock is held; -1: none */
};

/* An entry as it is found by its key. */
struct cache_found {
	int64_t id, made, expires, hash;
};

/* --- sqlite.c --------------------------------------------------------------------------- */

/* A connection that can do that much, to the file that is there now. C1V_NO: there is none (DB_READ). */
int cache_connect(struct cache_file *c, enum db_mode mode, struct err *e);
void cache_disconnect(struct cache_file *c);
/* Bytes of the WAL beside the file; 0: there is none. */
int64_t cache_wal_size(const struct cache_file *c);
/* NULL after an error. */
sqlite3_stmt *cache_statement(struct cache_file *c, enum cache_statement which, struct err *e);
/* Bind the text as the first parameter, unless it is SLICE_NONE, and the numbers as those that follow, and make a
 * step: 1, a row, to be read from *st, which is then to be reset; 0, done; -1, an error. */
int cache_ask(struct cache_file *c, enum cache_statement which, struct slice text, const int64_t *numbers,
    size_t n, sqlite3_stmt **st, struct err *e);
/* The same to the end, whatever rows there are. 0 or an error. */
int cache_run(struct cache_file *c, enum cache_statement which, struct slice text, const int64_t *numbers,
    size_t n, struct err *e);
/* 1 found (also when its time is over), 0 not, or damaged; -1 an error. */
int cache_find(struct cache_file *c, struct slice key, struct cache_found *out, struct err *e);
int64_t cache_row_sum(struct slice key, const struct cache_found *f);
/* Is its time over? Also when it was made later than it lives: the clock was wrong then. */
int cache_is_over(const struct cache_found *f, int64_t now);
/* Is the entry of that key still there under that id, and damaged? */
int cache_is_damaged(struct cache_file *c, struct slice key, int64_t id, int *damaged, struct err *e);

/* At most CACHE_LISTED entries in the order of their keys, of those that begin with prefix and are not
 * before `from`, into a; what is damaged comes as over. */
struct cache_listed {
	struct slice key;
	struct cache_found found;
};
enum { CACHE_LISTED = 1000 };
int cache_list(struct cache_file *c, struct slice prefix, struct slice from, struct arena *a,
    struct cache_listed **out, size_t *n, struct err *e);
/* `from` of the next call. */
void cache_list_next(struct buf *from, struct slice last);
/* What is behind all that begins with prefix, in the order of bytes. */
void cache_list_end(struct buf *end, struct slice prefix);

/* --- sqlite_write.c ---------------------------------------------------------------------- */

/* Work within one write transaction; done again from the beginning when the file was found damaged and
 * was begun anew. */
typedef int cache_work(struct cache_file *c, void *arg, struct err *e);
int cache_change(struct cache_file *c, cache_work *work, void *arg, struct err *e);
/* There is no file: nothing to change, and none is made for that. */
int cache_absent(const struct cache_file *c);
/* Into c->state; *there 0: there is none yet, and it is as it begins. */
int cache_read_state(struct cache_file *c, int *there, struct err *e);
/* Within it: remove an entry and all that belongs to it. *there (or NULL): was there one, of which the
 * time is not over? */
int cache_remove(struct cache_file *c, struct slice key, int *there, struct err *e);
/* The same by id. *area, *size: of what was removed, 0 when nothing was. */
struct cache_removed {
	int64_t area, size;
};
int cache_remove_id(struct cache_file *c, int64_t id, struct cache_removed *r, struct err *e);
/* The id alone, damaged or not. 0: there is none. */
int cache_id_of(struct cache_file *c, struct slice key, int64_t *id, struct err *e);
/* Remove the value of that id and what hangs on it, if it is the key's own: a damaged entry may name another's. */
int cache_remove_value(struct cache_file *c, struct slice key, int64_t id, struct err *e);
/* Entries and bytes of an area have become so many more. */
int cache_account(struct cache_file *c, struct cache_change change, struct err *e);

int cache_file_delete(struct cache_base *b, const struct slice *keys, size_t n, uint8_t *there, struct err *e);
int cache_file_touch(struct cache_base *b, const struct slice *keys, size_t n, int64_t ttl_ms,
    uint8_t *there, struct err *e);

/* --- sqlite_put.c ------------------------------------------------------------------------- */

/* The group's number; it is made when it is not there. */
int cache_area(struct cache_file *c, struct slice name, int64_t *id, struct err *e);
int cache_file_set(struct cache_base *b, const struct cache_entry *entries, size_t n, struct err *e);

/* --- sqlite_purge.c ----------------------------------------------------------------------- */

/* Within a transaction: remove what is over, then what was not used for the longest time, until the
 * entries take 9/10 of the budget; so much of it at once that it stays short. */
int cache_evict(struct cache_file *c, struct err *e);
int cache_file_purge(struct cache_base *b, struct slice prefix, int expired, uint64_t *removed, struct err *e);
int cache_file_invalidate(struct cache_base *b, struct slice tag, uint64_t *removed, struct err *e);

/* --- sqlite_hits.c ------------------------------------------------------------------------ */

/* Remember that; written by the next cache_hits_write(). */
void cache_hits_used(struct cache_file *c, int64_t id);
void cache_hits_damaged(struct cache_file *c, struct slice key, int64_t id);
void cache_hits_count(struct cache_file *c, const struct cache_count *count);
/* Is it time to write? */
int cache_hits_full(const struct cache_file *c);
/* Append all that; c->hits_large. What cannot be written is forgotten: it is about statistics. */
void cache_hits_write(struct cache_file *c);

/* What is done with each thing found in the files. */
struct cache_sink {
	void *arg;
	int (*used)(void *arg, int64_t id, int64_t when, struct err *e);
	int (*damaged)(void *arg, int64_t id, struct slice key, struct err *e);
	int (*count)(void *arg, const struct cache_count *count, struct err *e);
};
/* Within a write transaction: fold in a bounded part of what was not yet; the state says up to where. */
int cache_hits_fold(struct cache_file *c, const struct cache_sink *sink, struct err *e);
/* After the commit. */
void cache_hits_retire(struct cache_file *c);
/* Beside a database that was just made: begin a new file. */
void cache_hits_begin(struct cache_file *c);
/* All that is not folded in by c->state, without changing anything. */
int cache_hits_rest(struct cache_file *c, const struct cache_sink *sink, struct err *e);
/* Is there a file of hits of ours beside the path? Then so is the database. */
int cache_hits_ours(const struct cache_file *c);

/* --- sqlite_stats.c ----------------------------------------------------------------------- */

/* For cache_hits_fold(): into the database. */
int cache_stats_fold(struct cache_file *c, struct err *e);
int cache_file_count(struct cache_base *b, const struct cache_count *counts, size_t n, struct err *e);
int cache_file_stats(struct cache_base *b, struct slice prefix, struct cache_stats *out, struct err *e);

static inline struct cache_file *
cache_file(struct cache_base *b)
{
	return (struct cache_file *)b;
}

#endif

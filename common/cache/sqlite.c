#include "cache/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sum.h"
#include "gen/sql.h"

enum { APPLICATION = 0x63317643, VERSION_KNOWN = 1 }; /* "c1vC" */
enum { WAL_PART = 8, WAL_MOST = 64 << 20, CHECKPOINT_PAGES = 128, WAL_LEFT = 32 << 20 };
enum { VALUES_KEPT = 64 << 20, UNREADABLE_SECONDS = 1 };

/* --- opening and closing ------------------------------------------------------------------ */

/* $XDG_CACHE_HOME/c1v/cache.db */
static int
default_path(struct buf *b, struct err *e)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

	if (cache != NULL && cache[0] == '/') {
		buf_string(b, cache);
	} else if (home != NULL && home[0] != '\0') {
		buf_string(b, home);
		buf_string(b, "/.cache");
	} else {
		err_set(e, C1V_CONFIG, "cache: HOME is not set, so there is no default place");
		return err_hint(e, "name one with --cache sqlite:PATH");
	}
	buf_string(b, "/c1v/cache.db");
	return 0;
}

static char *
beside(const char *path, const char *ending)
{
	struct buf b = {0};

	buf_string(&b, path);
	buf_string(&b, ending);
	return buf_cstr(&b);
}

static int
file_open(const struct cache_options *o, const char *rest, struct cache_base **out, struct err *e)
{
	struct cache_file *c;
	struct buf path = {0};
	int rc = 0;

	if (rest == NULL || *rest == '\0')
		rc = default_path(&path, e);
	else
		buf_string(&path, strncmp(rest, "///", 3) == 0 ? rest + 2 : rest);
	if (rc != 0)
		return rc;
	c = mem_zero(1, sizeof(*c));
	c->path = buf_cstr(&path);
	c->base.name = beside("sqlite:", c->path);
	c->hits_path = beside(c->path, ".hits");
	c->old_path = beside(c->path, ".hits.old");
	c->new_path = beside(c->path, ".hits.new");
	c->max_size = o->max_size > 0 ? o->max_size : INT64_C(1) << 30;
	c->run_fd = -1;
	c->log = o->log;
	c->space = SLICE_NONE;
	if (o->space != NULL && *o->space)
		c->space = slice_of(beside(o->space, ":"));
	c->options = (struct db_options){
		.path = c->path,
		.what = "cache",
		.application_id = APPLICATION,
		.version = VERSION_KNOWN,
		.schema = sql_cache_schema,
		.sync = DB_SYNC_NORMAL,
		.page_size = 4096,
		.cache = 32768,
		.wal = c->max_size / WAL_PART < WAL_MOST ? c->max_size / WAL_PART : WAL_MOST,
		.rows_checked = 1,
		.wait = o->wait,
		.stop = o->stop,
	};
	*out = &c->base;
	return 0;
}

void
cache_disconnect(struct cache_file *c)
{
	for (size_t i = 0; i < CACHE_STATEMENTS; i++) {
		sqlite3_finalize(c->statements[i]);
		c->statements[i] = NULL;
	}
	if (c->connected)
		db_close(&c->db);
	c->connected = 0;
	c->area.id = 0;
}

/* Another file stands there by now, or none: somebody began the cache anew. */
static int
has_moved(struct cache_file *c)
{
	int moved = 0;

	sqlite3_file_control(c->db.handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
	return moved;
}

int
cache_connect(struct cache_file *c, enum db_mode mode, struct err *e)
{
	struct db_options o = c->options;
	int rc;

	if (c->connected && !has_moved(c) && (mode == DB_READ || c->db.options.mode == DB_WRITE))
		return 0;
	cache_disconnect(c);
	o.mode = mode;
	rc = db_open(&c->db, &o, e);
	c->connected = rc == 0;
	c->unreadable = rc == C1V_DATA ? clock_mono_ns() : 0;
	return rc;
}

int64_t
cache_wal_size(const struct cache_file *c)
{
	char *wal = beside(c->path, "-wal");
	struct stat st;
	int64_t size = stat(wal, &st) == 0 ? (int64_t)st.st_size : 0;

	free(wal);
	return size;
}

/* Whoever opens the file next reads the WAL from its beginning, so it is kept short. */
static void
tidy(struct cache_file *c)
{
	struct err ignored;

	if (!c->connected || !c->db.committed)
		return;
	if (c->db.wal_pages > CHECKPOINT_PAGES || cache_wal_size(c) > WAL_LEFT)
		db_checkpoint(&c->db, &ignored);
}

static int
nothing(struct cache_file *c, void *arg, struct err *e)
{
	(void)c, (void)arg, (void)e;
	return 0;
}

/* A file of hits that nobody but lookups sees would grow for ever: whoever finds it large folds a part
 * of it in, if that can be done at once. */
static void
fold_large(struct cache_file *c)
{
	struct err ignored;
	double wait = c->options.wait;

	if (!c->hits_large)
		return;
	c->hits_large = 0;
	c->options.wait = 0;
	cache_disconnect(c);
	cache_change(c, nothing, NULL, &ignored);
	cache_disconnect(c);
	c->options.wait = wait;
}

static void
file_unlock(struct cache_base *b)
{
	struct cache_file *c = cache_file(b);

	if (c->run_fd >= 0)
		close(c->run_fd);
	c->run_fd = -1;
}

static void
file_close(struct cache_base *b)
{
	struct cache_file *c = cache_file(b);

	cache_hits_write(c);
	fold_large(c);
	file_unlock(b);
	tidy(c);
	cache_disconnect(c);
	arena_free(&c->values);
	buf_free(&c->counts);
	free(c->used);
	free((char *)c->space.p);
	free(c->path);
	free(c->hits_path);
	free(c->old_path);
	free(c->new_path);
	free(c);
}

sqlite3_stmt *
cache_statement(struct cache_file *c, enum cache_statement which, struct err *e)
{
	static const char *const sql[CACHE_STATEMENTS] = {
		[READ_VALUE] = "SELECT id, made, expires, hash, sum,"
		    " (SELECT value FROM value WHERE value.id = entry.id) FROM entry WHERE key = ?1",
		[READ_ENTRY] = "SELECT id, made, expires, hash, sum FROM entry WHERE key = ?1",
		[LIST_ENTRIES] = "SELECT id, made, expires, hash, sum, key FROM entry"
		    " WHERE key >= ?1 AND key < ?3 ORDER BY key LIMIT ?2",
		[READ_STATE] = "SELECT next, bytes, used, expired, hits, folded, done, sum FROM state WHERE id = 1",
		[KEEP_STATE] = "INSERT OR REPLACE INTO state VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
		[ADD_ENTRY] = "INSERT INTO entry VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
		[CHANGE_ENTRY] = "UPDATE entry SET id = ?2, made = ?3, expires = ?4, hash = ?5, sum = ?6 WHERE key = ?1",
		[ADD_VALUE] = "INSERT INTO value (key, id, value) VALUES (?1, ?2, ?3)",
		[ADD_LIFE] = "INSERT INTO life VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
		[ADD_TAG] = "INSERT OR IGNORE INTO tag VALUES (?1, ?2)",
		[KEY_OF] = "SELECT key FROM value WHERE id = ?1",
		[READ_LIFE] = "SELECT area, size, tags FROM life WHERE id = ?1",
		[DROP_ENTRY] = "DELETE FROM entry WHERE key = ?1 AND id = ?2",
		[DROP_VALUE] = "DELETE FROM value WHERE id = ?1",
		[DROP_LIFE] = "DELETE FROM life WHERE id = ?1",
		[DROP_TAGS] = "DELETE FROM tag WHERE id = ?1",
		[TOUCH_ENTRY] = "UPDATE entry SET made = ?2, expires = ?3, sum = ?4 WHERE key = ?1",
		[TOUCH_LIFE] = "UPDATE life SET expires = ?2 WHERE id = ?1",
		[FIND_EXPIRED] = "SELECT id FROM life WHERE expires <= ?1 ORDER BY expires LIMIT ?2",
		[FIND_UNUSED] = "SELECT id FROM life ORDER BY used, id LIMIT ?2",
		[FIND_TAGGED] = "SELECT id FROM tag WHERE tag = ?1 LIMIT ?2",
		[USE_LIFE] = "UPDATE life SET used = ?2 WHERE id = ?1 AND used < ?2",
		[FIND_AREA] = "SELECT id FROM area WHERE name = ?1",
		[ADD_AREA] = "INSERT INTO area (name) VALUES (?1) RETURNING id",
		[CHANGE_AREA] = "UPDATE area SET entries = entries + ?2, bytes = bytes + ?3,"
		    " evictions = evictions + ?4 WHERE id = ?1",
		[READ_COUNTS] = "SELECT latency FROM area WHERE id = ?1",
		[ADD_COUNTS] = "UPDATE area SET latency = ?1, hits = hits + ?3, misses = misses + ?4 WHERE id = ?2",
		[ADD_SAVING] = "INSERT INTO saving (model, area, tokens) VALUES (?1, ?2, ?3)"
		    " ON CONFLICT DO UPDATE SET tokens = tokens + ?3",
		[DROP_SAVINGS] = "DELETE FROM saving WHERE area IN"
		    " (SELECT id FROM area WHERE entries = 0 AND name >= ?1 AND name < ?2)",
		[DROP_AREAS] = "DELETE FROM area WHERE entries = 0 AND name >= ?1 AND name < ?2",
	};

	if (c->statements[which] == NULL)
		db_prepare(&c->db, sql[which], &c->statements[which], e);
	return c->statements[which];
}

int
cache_ask(struct cache_file *c, enum cache_statement which, struct slice text, const int64_t *numbers, size_t n,
    sqlite3_stmt **st, struct err *e)
{
	int next = 1;

	*st = cache_statement(c, which, e);
	if (*st == NULL)
		return -1;
	if (text.p != NULL)
		db_bind_blob(*st, next++, text.p, text.n);
	for (size_t i = 0; i < n; i++)
		sqlite3_bind_int64(*st, next++, numbers[i]);
	return db_step(&c->db, *st, e);
}

int
cache_run(struct cache_file *c, enum cache_statement which, struct slice text, const int64_t *numbers, size_t n,
    struct err *e)
{
	sqlite3_stmt *st;
	int rc = cache_ask(c, which, text, numbers, n, &st, e);

	return rc < 0 ? e->code : rc > 0 ? db_run(&c->db, st, e) : 0;
}

/* --- entries ------------------------------------------------------------------------------ */

int64_t
cache_row_sum(struct slice key, const struct cache_found *f)
{
	return (int64_t)sum64(f, sizeof(*f), sum64(key.p, key.n, 0));
}

int
cache_is_over(const struct cache_found *f, int64_t now)
{
	return f->expires <= now || f->made - now > f->expires - f->made;
}

/* The first five columns. 0: the row is damaged. */
static int
read_row(sqlite3_stmt *st, struct slice key, struct cache_found *out)
{
	out->id = sqlite3_column_int64(st, 0);
	out->made = sqlite3_column_int64(st, 1);
	out->expires = sqlite3_column_int64(st, 2);
	out->hash = sqlite3_column_int64(st, 3);
	return cache_row_sum(key, out) == sqlite3_column_int64(st, 4);
}

/* In the middle of a damaged file: what it was to tell is not there. */
static int
missing(struct err *e)
{
	return e->code == C1V_DATA ? 0 : -1;
}

int
cache_find(struct cache_file *c, struct slice key, struct cache_found *out, struct err *e)
{
	sqlite3_stmt *st;
	int rc = cache_ask(c, READ_ENTRY, key, NULL, 0, &st, e);

	if (rc <= 0)
		return rc;
	rc = read_row(st, key, out);
	/* Whoever writes is about to remove it. */
	if (!rc && !c->db.writing)
		cache_hits_damaged(c, key, out->id);
	sqlite3_reset(st);
	return rc;
}

/* 1: the entry and its value, until the statement is reset; 0: there is none; -1: an error; DAMAGED. */
enum { DAMAGED = 2 };

static int
step_value(struct cache_file *c, struct slice key, struct cache_found *f, struct slice *v, sqlite3_stmt **st,
    struct err *e)
{
	int rc = cache_ask(c, READ_VALUE, key, NULL, 0, st, e);

	if (rc <= 0)
		return rc;
	*v = db_text(*st, 5);
	return read_row(*st, key, f) && v->p != NULL && (int64_t)sum64(v->p, v->n, 0) == f->hash ? 1 : DAMAGED;
}

int
cache_is_damaged(struct cache_file *c, struct slice key, int64_t id, int *damaged, struct err *e)
{
	struct cache_found f;
	struct slice v;
	sqlite3_stmt *st;
	int rc = step_value(c, key, &f, &v, &st, e);

	*damaged = rc == DAMAGED && f.id == id;
	if (rc > 0)
		sqlite3_reset(st);
	return rc < 0 ? e->code : 0;
}

/* 0 or an error; *out stays SLICE_NONE for a miss. */
static int
get_one(struct cache_file *c, struct slice key, int64_t now, struct slice *out, struct err *e)
{
	struct cache_found f;
	struct slice v;
	sqlite3_stmt *st;
	int rc = step_value(c, key, &f, &v, &st, e);

	if (rc <= 0)
		return rc < 0 && missing(e) ? e->code : 0;
	if (rc == DAMAGED) {
		cache_hits_damaged(c, key, f.id);
	} else if (!cache_is_over(&f, now)) {
		*out = (struct slice){arena_bytes(&c->values, v.p, v.n), v.n};
		c->values_size += v.n;
		cache_hits_used(c, f.id);
		if (cache_hits_full(c))
			cache_hits_write(c);
	}
	sqlite3_reset(st);
	return 0;
}

/* What the call before gave is not needed any more. */
static void
forget_values(struct cache_file *c)
{
	if (c->values_size > VALUES_KEPT)
		arena_free(&c->values);
	else
		arena_reset(&c->values);
	c->values_size = 0;
}

/* Begin to read: *there 0 when nothing can be found. Several statements see one state. */
static int
begin_reading(struct cache_file *c, size_t n, int *there, struct err *e)
{
	int rc;

	forget_values(c);
	*there = 0;
	/* To find that out takes longer than all else, and it stays so until somebody writes. */
	if (c->unreadable && clock_seconds_since(c->unreadable) < UNREADABLE_SECONDS)
		return 0;
	rc = cache_connect(c, DB_READ, e);
	if (rc == 0 && n > 1)
		rc = db_read_begin(&c->db, e);
	*there = rc == 0;
	return rc == C1V_NO || rc == C1V_DATA ? 0 : rc;
}

static int
end_reading(struct cache_file *c, int rc)
{
	if (c->connected)
		db_read_end(&c->db);
	fold_large(c);
	return rc;
}

static int
file_get(struct cache_base *b, const struct slice *keys, size_t n, struct slice *values, struct err *e)
{
	struct cache_file *c = cache_file(b);
	int64_t now = clock_wall_ms();
	int there, rc = begin_reading(c, n, &there, e);

	for (size_t i = 0; i < n; i++)
		values[i] = SLICE_NONE;
	for (size_t i = 0; i < n && rc == 0 && there; i++)
		rc = get_one(c, keys[i], now, &values[i], e);
	return end_reading(c, rc);
}

static int
file_ttl(struct cache_base *b, const struct slice *keys, size_t n, int64_t *ms, struct err *e)
{
	struct cache_file *c = cache_file(b);
	int64_t now = clock_wall_ms();
	int there, rc = begin_reading(c, n, &there, e);

	for (size_t i = 0; i < n; i++)
		ms[i] = CACHE_ABSENT;
	for (size_t i = 0; i < n && rc == 0 && there; i++) {
		struct cache_found f;
		int found = cache_find(c, keys[i], &f, e);

		if (found < 0)
			rc = missing(e) ? e->code : 0;
		else if (found && !cache_is_over(&f, now))
			ms[i] = f.expires - now;
	}
	return end_reading(c, rc);
}

static int
file_exists(struct cache_base *b, const struct slice *keys, size_t n, uint8_t *there, struct err *e)
{
	int64_t *ms = mem_alloc(n * sizeof(*ms));
	int rc = file_ttl(b, keys, n, ms, e);

	for (size_t i = 0; i < n; i++)
		there[i] = rc == 0 && ms[i] != CACHE_ABSENT;
	free(ms);
	return rc;
}

void
cache_list_end(struct buf *end, struct slice prefix)
{
	/* Keys are UTF-8: none of their bytes is 0xff, so the last one can be made one more. */
	buf_slice(end, prefix);
	if (end->len == 0)
		buf_byte(end, '\xfe');
	end->data[end->len - 1]++;
}

int
cache_list(struct cache_file *c, struct slice prefix, struct slice from, struct arena *a,
    struct cache_listed **out, size_t *n, struct err *e)
{
	static const int64_t most = CACHE_LISTED;
	sqlite3_stmt *st = cache_statement(c, LIST_ENTRIES, e);
	struct buf end = {0};
	int rc;

	*n = 0;
	cache_list_end(&end, prefix);
	if (st != NULL)
		db_bind_blob(st, 3, end.data, end.len);
	*out = arena_alloc(a, CACHE_LISTED * sizeof(**out));
	for (rc = cache_ask(c, LIST_ENTRIES, from, &most, 1, &st, e); rc > 0; rc = db_step(&c->db, st, e)) {
		struct slice key = db_text(st, 5);
		struct cache_listed *l = &(*out)[*n];

		l->key = (struct slice){arena_bytes(a, key.p, key.n), key.n};
		/* Damaged rows come too, as ones whose time is over: they are to be removed as well. */
		if (!read_row(st, key, &l->found))
			l->found.expires = INT64_MIN;
		++*n;
	}
	buf_free(&end);
	return rc < 0 ? e->code : 0;
}

static int
file_keys(struct cache_base *b, struct slice prefix, cache_key_fn *fn, void *arg, struct err *e)
{
	struct cache_file *c = cache_file(b);
	int64_t now = clock_wall_ms();
	struct arena a = {0};
	struct buf from = {0};
	size_t n = CACHE_LISTED;
	int there = 1, rc = 0;

	buf_slice(&from, prefix);
	while (rc == 0 && n == CACHE_LISTED) {
		struct cache_listed *list;

		arena_reset(&a);
		n = 0;
		rc = begin_reading(c, 1, &there, e);
		if (rc == 0 && there && cache_list(c, prefix, buf_as_slice(&from), &a, &list, &n, e) != 0)
			rc = missing(e) ? e->code : 0;
		for (size_t i = 0; i < n && rc == 0; i++) {
			if (!cache_is_over(&list[i].found, now))
				rc = fn(arg, list[i].key, e);
		}
		if (n > 0)
			cache_list_next(&from, list[n - 1].key);
	}
	buf_free(&from);
	arena_free(&a);
	return rc;
}

void
cache_list_next(struct buf *from, struct slice last)
{
	from->len = 0;
	buf_slice(from, last);
	buf_byte(from, '\0');
}

/* --- one at a time ------------------------------------------------------------------------- */

static int
file_lock(struct cache_base *b, struct slice name, int *got, struct err *e)
{
	struct cache_file *c = cache_file(b);
	struct flock f = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
	char *path = beside(c->path, ".run");
	int rc = db_make_parents(path, e);

	*got = 0;
	file_unlock(b);
	if (rc == 0) {
		c->run_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (c->run_fd < 0)
			rc = err_sys(e, C1V_IO, "opening %s", path);
	}
	/* Two names on one byte would only wait for one another. */
	f.l_start = (off_t)(sum64(name.p, name.n, 0) >> 2);
	if (rc == 0) {
		*got = fcntl(c->run_fd, F_OFD_SETLK, &f) == 0;
		if (!*got && errno != EAGAIN && errno != EACCES)
			rc = err_sys(e, C1V_IO, "locking %s", path);
	}
	if (!*got)
		file_unlock(b);
	free(path);
	return rc;
}

/* The kernel gives it back when the holder dies. */
static int
file_hold(struct cache_base *b, struct err *e)
{
	(void)b, (void)e;
	return 0;
}

const struct cache_driver cache_sqlite = {
	.open = file_open,
	.close = file_close,
	.get = file_get,
	.set = cache_file_set,
	.delete = cache_file_delete,
	.exists = file_exists,
	.touch = cache_file_touch,
	.ttl = file_ttl,
	.keys = file_keys,
	.purge = cache_file_purge,
	.invalidate = cache_file_invalidate,
	.lock = file_lock,
	.hold = file_hold,
	.unlock = file_unlock,
	.count = cache_file_count,
	.stats = cache_file_stats,
};

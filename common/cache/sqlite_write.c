#include "cache/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sum.h"

/* --- transactions ------------------------------------------------------------------------- */

static int64_t
state_sum(const struct cache_state *s)
{
	return (int64_t)sum64(s, sizeof(*s), 0);
}

int
cache_read_state(struct cache_file *c, int *there, struct err *e)
{
	struct cache_state *s = &c->state;
	int64_t *const fields[] = {&s->next, &s->bytes, &s->used, &s->expired, &s->hits, &s->folded, &s->done};
	sqlite3_stmt *st;
	int rc = cache_ask(c, READ_STATE, SLICE_NONE, NULL, 0, &st, e);

	*there = rc > 0;
	*s = (struct cache_state){.next = 1};
	if (rc <= 0)
		return rc < 0 ? e->code : 0;
	for (int i = 0; i < 7; i++)
		*fields[i] = sqlite3_column_int64(st, i);
	rc = sqlite3_column_int64(st, 7) == state_sum(s);
	sqlite3_reset(st);
	return rc ? 0 : err_set(e, C1V_DATA, "reading %s: damaged file: state", c->path);
}

static int
keep_state(struct cache_file *c, struct err *e)
{
	const struct cache_state *s = &c->state;
	const int64_t fields[] = {s->next, s->bytes, s->used, s->expired, s->hits, s->folded, s->done, state_sum(s)};

	return cache_run(c, KEEP_STATE, SLICE_NONE, fields, 8, e);
}

static int
write_change(struct cache_file *c, const struct cache_change *change, struct err *e)
{
	const int64_t fields[] = {change->area, change->entries, change->bytes, change->evictions};

	return cache_run(c, CHANGE_AREA, SLICE_NONE, fields, 4, e);
}

int
cache_account(struct cache_file *c, struct cache_change change, struct err *e)
{
	struct cache_change *k = c->changes, *end = k + c->change_count;

	c->state.bytes += change.bytes;
	while (k < end && k->area != change.area)
		k++;
	if (k == c->changes + CACHE_CHANGES) {
		if (write_change(c, --k, e) != 0)
			return e->code;
		*k = (struct cache_change){.area = change.area};
	} else if (k == end) {
		*k = (struct cache_change){.area = change.area};
		c->change_count++;
	}
	k->entries += change.entries;
	k->bytes += change.bytes;
	k->evictions += change.evictions;
	return 0;
}

static int
begin(struct cache_file *c, struct err *e)
{
	int rc, moved = 1, there;

	/* While the lock was waited for, somebody may have begun the file anew. */
	for (int i = 0; i < 3 && moved; i++) {
		rc = cache_connect(c, DB_WRITE, e);
		if (rc == 0)
			rc = db_begin(&c->db, e);
		if (rc != 0)
			return rc;
		sqlite3_file_control(c->db.handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
		if (moved)
			cache_disconnect(c);
	}
	if (moved)
		return err_set(e, C1V_AGAIN, "writing %s: the file is being replaced", c->path);
	c->change_count = 0;
	c->retired = 0;
	c->area.id = 0;
	rc = cache_read_state(c, &there, e);
	/* It was just made: what lies beside it was of another. */
	if (rc == 0 && !there)
		cache_hits_begin(c);
	return rc;
}

static int
finish(struct cache_file *c, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < c->change_count && rc == 0; i++)
		rc = write_change(c, &c->changes[i], e);
	if (rc == 0)
		rc = keep_state(c, e);
	if (rc == 0)
		rc = db_commit(&c->db, e);
	if (rc == 0 && c->retired)
		cache_hits_retire(c);
	return rc;
}

/* A file that cannot be read is ours when its header says so, or when our own file stands beside it:
 * somebody else's is never removed. */
static int
is_ours(const struct cache_file *c)
{
	unsigned char h[100];
	int fd = open(c->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), ours = 0;
	uint32_t id = (uint32_t)c->options.application_id;

	if (fd < 0)
		return 0;
	if (pread(fd, h, sizeof(h), 0) == sizeof(h) && memcmp(h, "SQLite format 3", 16) == 0) {
		uint32_t there = (uint32_t)h[68] << 24 | (uint32_t)h[69] << 16 | (uint32_t)h[70] << 8 | h[71];

		ours = there == id;
	}
	close(fd);
	return ours || cache_hits_ours(c);
}

/* After C1V_DATA: begin anew. The error stays when the file is not ours. */
static int
rebuild(struct cache_file *c, struct err *e)
{
	struct err why;
	int fd = -1, moved = 0, rc;

	if (c->connected) {
		db_rollback(&c->db);
		/* Its WAL goes before it: who is killed then must not leave a file with older values. */
		db_checkpoint(&c->db, &why);
		sqlite3_file_control(c->db.handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
		if (!moved)
			fd = open(c->path, O_RDONLY | O_CLOEXEC);
	} else if (!is_ours(c)) {
		return err_hint(e, "name another file, or remove this one");
	}
	cache_disconnect(c);
	rc = moved ? 0 : db_discard(&c->options, fd, &why);
	if (fd >= 0)
		close(fd);
	if (rc != 0)
		*e = why;
	else if (!moved && c->log != NULL)
		log_say(c->log, LOG_WARN, "%s; the cache is begun anew", e->text);
	return rc;
}

static int
work_once(struct cache_file *c, cache_work *work, void *arg, struct err *e)
{
	int rc = begin(c, e);

	if (rc == 0)
		rc = cache_stats_fold(c, e);
	if (rc == 0)
		rc = work(c, arg, e);
	if (rc == 0 && c->state.bytes > c->max_size)
		rc = cache_evict(c, e);
	if (rc == 0)
		rc = finish(c, e);
	if (rc != 0 && c->connected)
		db_rollback(&c->db);
	/* After a failed write nothing more goes through this connection. */
	if (rc != 0 && rc != C1V_DATA && c->connected && c->db.broken)
		cache_disconnect(c);
	return rc;
}

int
cache_change(struct cache_file *c, cache_work *work, void *arg, struct err *e)
{
	int rc = C1V_DATA;

	/* Damage that was found is to be known to this transaction. */
	cache_hits_write(c);
	for (int i = 0; i < 3 && rc == C1V_DATA; i++) {
		rc = work_once(c, work, arg, e);
		if (rc == C1V_DATA && rebuild(c, e) != 0)
			return e->code;
	}
	return rc;
}

/* --- removing ----------------------------------------------------------------------------- */

/* What hangs on the id: value, life and tags. */
static int
drop_rest(struct cache_file *c, int64_t id, struct cache_removed *r, struct err *e)
{
	sqlite3_stmt *st;
	int64_t tags = 0;
	int rc = cache_ask(c, READ_LIFE, SLICE_NONE, &id, 1, &st, e);

	*r = (struct cache_removed){0, 0};
	if (rc > 0) {
		*r = (struct cache_removed){sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1)};
		tags = sqlite3_column_int64(st, 2);
		sqlite3_reset(st);
	}
	rc = rc < 0 ? e->code : cache_run(c, DROP_VALUE, SLICE_NONE, &id, 1, e);
	if (rc == 0)
		rc = cache_run(c, DROP_LIFE, SLICE_NONE, &id, 1, e);
	if (rc == 0 && tags > 0)
		rc = cache_run(c, DROP_TAGS, SLICE_NONE, &id, 1, e);
	if (rc == 0 && r->area != 0)
		rc = cache_account(c, (struct cache_change){r->area, -1, -r->size, 0}, e);
	return rc;
}

/* Does the value of that id belong to the key? A damaged entry may name another's. */
static int
is_value_of(struct cache_file *c, struct slice key, int64_t id, int *is, struct err *e)
{
	sqlite3_stmt *st;
	int rc = cache_ask(c, KEY_OF, SLICE_NONE, &id, 1, &st, e);

	*is = rc > 0 && slice_equal(db_text(st, 0), key);
	if (rc > 0)
		sqlite3_reset(st);
	return rc < 0 ? e->code : 0;
}

int
cache_id_of(struct cache_file *c, struct slice key, int64_t *id, struct err *e)
{
	sqlite3_stmt *st;
	int rc = cache_ask(c, READ_ENTRY, key, NULL, 0, &st, e);

	*id = rc > 0 ? sqlite3_column_int64(st, 0) : 0;
	if (rc > 0)
		sqlite3_reset(st);
	return rc < 0 ? e->code : 0;
}

int
cache_remove_value(struct cache_file *c, struct slice key, int64_t id, struct err *e)
{
	struct cache_removed r;
	int is, rc = is_value_of(c, key, id, &is, e);

	return rc == 0 && is ? drop_rest(c, id, &r, e) : rc;
}

int
cache_remove(struct cache_file *c, struct slice key, int *there, struct err *e)
{
	struct cache_found f;
	int64_t id;
	int found = cache_find(c, key, &f, e), rc = found < 0 ? e->code : cache_id_of(c, key, &id, e);

	if (there != NULL)
		*there = found > 0 && !cache_is_over(&f, clock_wall_ms());
	if (rc == 0)
		rc = cache_remove_value(c, key, id, e);
	return rc ? rc : cache_run(c, DROP_ENTRY, key, &id, 1, e);
}

int
cache_remove_id(struct cache_file *c, int64_t id, struct cache_removed *r, struct err *e)
{
	char key[CACHE_KEY_MAX];
	size_t n = 0;
	sqlite3_stmt *st;
	int rc = cache_ask(c, KEY_OF, SLICE_NONE, &id, 1, &st, e);

	if (rc > 0) {
		struct slice s = db_text(st, 0);

		n = s.n <= sizeof(key) ? s.n : 0;
		memcpy(key, s.p, n);
		sqlite3_reset(st);
	}
	rc = rc < 0 ? e->code : n > 0 ? cache_run(c, DROP_ENTRY, (struct slice){key, n}, &id, 1, e) : 0;
	return rc ? rc : drop_rest(c, id, r, e);
}

/* --- changing ----------------------------------------------------------------------------- */

struct naming {
	const struct slice *keys;
	size_t n;
	uint8_t *there;
	int64_t ttl;
};

static int
delete_all(struct cache_file *c, void *arg, struct err *e)
{
	const struct naming *d = arg;
	int rc = 0, there = 0;

	for (size_t i = 0; i < d->n && rc == 0; i++) {
		rc = cache_remove(c, d->keys[i], &there, e);
		d->there[i] = (uint8_t)there;
	}
	return rc;
}

int
cache_absent(const struct cache_file *c)
{
	return access(c->path, F_OK) != 0 && errno == ENOENT;
}

static int
change_named(struct cache_file *c, cache_work *work, struct naming *d, struct err *e)
{
	memset(d->there, 0, d->n);
	return cache_absent(c) ? 0 : cache_change(c, work, d, e);
}

int
cache_file_delete(struct cache_base *b, const struct slice *keys, size_t n, uint8_t *there, struct err *e)
{
	struct naming d = {keys, n, there, 0};

	return change_named(cache_file(b), delete_all, &d, e);
}

static int
touch(struct cache_file *c, struct slice key, int64_t ttl, uint8_t *there, struct err *e)
{
	int64_t now = clock_wall_ms();
	struct cache_found f;
	int found = cache_find(c, key, &f, e), rc = found < 0 ? e->code : 0;

	*there = found > 0 && !cache_is_over(&f, now);
	if (!*there)
		return rc;
	f.made = now;
	f.expires = now + ttl;
	rc = cache_run(c, TOUCH_ENTRY, key, (int64_t[]){f.made, f.expires, cache_row_sum(key, &f)}, 3, e);
	return rc ? rc : cache_run(c, TOUCH_LIFE, SLICE_NONE, (int64_t[]){f.id, f.expires}, 2, e);
}

static int
touch_all(struct cache_file *c, void *arg, struct err *e)
{
	const struct naming *d = arg;
	int rc = 0;

	for (size_t i = 0; i < d->n && rc == 0; i++)
		rc = touch(c, d->keys[i], d->ttl, &d->there[i], e);
	return rc;
}

int
cache_file_touch(struct cache_base *b, const struct slice *keys, size_t n, int64_t ttl_ms, uint8_t *there,
    struct err *e)
{
	struct naming d = {keys, n, there, ttl_ms};

	return change_named(cache_file(b), touch_all, &d, e);
}

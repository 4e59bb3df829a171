#include "cache/sqlite.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"

/* Entries evicted in one transaction, so that it stays short; of these, asked for at once. */
enum { EVICTED = 4096, ASKED = 256 };
/* A file of which more than half is free is written anew when it is larger. */
enum { VACUUM_PAGES = 4096 };

/* --- evicting ------------------------------------------------------------------------------- */

static int
ids_by(struct cache_file *c, enum cache_statement which, struct slice text, const int64_t *numbers, size_t count,
    int64_t ids[ASKED], int *n, struct err *e)
{
	sqlite3_stmt *st;
	int rc = cache_ask(c, which, text, numbers, count, &st, e);

	for (*n = 0; rc > 0; rc = db_step(&c->db, st, e))
		ids[(*n)++] = sqlite3_column_int64(st, 0);
	return rc < 0 ? e->code : 0;
}

static int
evict_one(struct cache_file *c, int64_t id, int expired, struct err *e)
{
	struct cache_removed r;
	int rc = cache_remove_id(c, id, &r, e);

	c->state.expired += expired;
	return rc || expired ? rc : cache_account(c, (struct cache_change){r.area, 0, 0, 1}, e);
}

/* Until the target is met, there are no more of them, or it was enough for once. */
static int
evict_by(struct cache_file *c, enum cache_statement which, int64_t now, int *left, struct err *e)
{
	int64_t ids[ASKED], target = c->max_size / 10 * 9;
	int n = ASKED, rc = 0;

	while (rc == 0 && n == ASKED && *left > 0 && c->state.bytes > target) {
		rc = ids_by(c, which, SLICE_NONE, (int64_t[]){now, ASKED}, 2, ids, &n, e);
		for (int i = 0; i < n && rc == 0 && *left > 0 && c->state.bytes > target; i++, --*left)
			rc = evict_one(c, ids[i], which == FIND_EXPIRED, e);
	}
	return rc;
}

int
cache_evict(struct cache_file *c, struct err *e)
{
	int left = EVICTED, rc = evict_by(c, FIND_EXPIRED, clock_wall_ms(), &left, e);

	if (rc == 0)
		rc = evict_by(c, FIND_UNUSED, 0, &left, e);
	/* All are gone, and yet there are bytes: the sum cannot be trusted. */
	if (rc == 0 && (c->state.bytes < 0 || (left > 0 && c->state.bytes > c->max_size)))
		rc = err_set(e, C1V_DATA, "%s: damaged file: sum of sizes", c->path);
	return rc;
}

/* --- purging -------------------------------------------------------------------------------- */

struct purging {
	struct slice prefix;
	struct buf from;
	struct arena arena;
	uint64_t removed;    /* in this transaction */
	int expired, more;
};

static int
purge_some(struct cache_file *c, void *arg, struct err *e)
{
	struct purging *p = arg;
	struct cache_listed *list;
	int64_t now = clock_wall_ms();
	size_t n = 0;
	int rc;

	arena_reset(&p->arena);
	p->removed = 0;
	p->more = 0;
	/* Whose contents are to be forgotten should not be found in free pages. */
	rc = db_exec(&c->db, "PRAGMA secure_delete = ON", e);
	if (rc == 0)
		rc = cache_list(c, p->prefix, buf_as_slice(&p->from), &p->arena, &list, &n, e);
	for (size_t i = 0; i < n && rc == 0; i++) {
		if (p->expired && !cache_is_over(&list[i].found, now))
			continue;
		rc = cache_remove(c, list[i].key, NULL, e);
		p->removed++;
	}
	p->more = n == CACHE_LISTED;
	if (rc == 0 && p->more)
		cache_list_next(&p->from, list[n - 1].key);
	if (p->expired)
		c->state.expired += (int64_t)p->removed;
	return rc;
}

/* Groups with that prefix which hold nothing any more. */
static int
forget_areas(struct cache_file *c, void *arg, struct err *e)
{
	const struct purging *p = arg;
	struct buf end = {0};
	int rc = 0;

	cache_list_end(&end, p->prefix);
	for (enum cache_statement which = DROP_SAVINGS; which <= DROP_AREAS && rc == 0; which++) {
		sqlite3_stmt *st = cache_statement(c, which, e);

		if (st != NULL)
			db_bind_blob(st, 2, end.data, end.len);
		rc = cache_run(c, which, p->prefix, NULL, 0, e);
	}
	buf_free(&end);
	return rc;
}

/* Give back the room, and empty the WAL of what was removed. */
static int
shrink(struct cache_file *c, struct err *e)
{
	int64_t pages, unused;
	int rc = db_integer(&c->db, "PRAGMA page_count", 0, &pages, e);

	if (rc == 0)
		rc = db_integer(&c->db, "PRAGMA freelist_count", 0, &unused, e);
	if (rc == 0)
		rc = db_exec(&c->db, "PRAGMA secure_delete = OFF", e);
	if (rc != 0)
		return rc;
	return pages > VACUUM_PAGES && unused > pages / 2 ? db_vacuum(&c->db, e) : db_checkpoint(&c->db, e);
}

static int
count_all(struct cache_file *c, void *arg, struct err *e)
{
	return db_integer(&c->db, "SELECT sum(entries) FROM area", 0, arg, e);
}

/* Everything: the file itself goes. *whole 0: it cannot, entries are to be removed one by one. What is newest is in
 * the WAL, which goes first: who is killed then must not leave a file with older values. */
static int
purge_all(struct cache_file *c, uint64_t *removed, int *whole, struct err *e)
{
	int64_t entries = 0;
	int rc = cache_change(c, count_all, &entries, e), fd;

	*whole = 0;
	if (rc == 0)
		rc = db_checkpoint(&c->db, e);
	/* A reader may keep it. */
	if (rc != 0 || cache_wal_size(c) > 0)
		return rc;
	*whole = 1;
	fd = open(c->path, O_RDONLY | O_CLOEXEC);
	cache_disconnect(c);
	if (fd < 0)
		return 0;
	rc = db_discard(&c->options, fd, e);
	close(fd);
	if (rc == 0) {
		*removed = (uint64_t)entries;
		unlink(c->hits_path);
		unlink(c->old_path);
	}
	return rc;
}

int
cache_file_purge(struct cache_base *b, struct slice prefix, int expired, uint64_t *removed, struct err *e)
{
	struct cache_file *c = cache_file(b);
	struct purging p = {.prefix = prefix, .expired = expired, .more = 1};
	int rc = 0, whole = 0;

	*removed = 0;
	if (cache_absent(c))
		return 0;
	if (prefix.n == 0 && !expired)
		rc = purge_all(c, removed, &whole, e);
	if (rc != 0 || whole)
		return rc;
	buf_slice(&p.from, prefix);
	while (rc == 0 && p.more) {
		rc = cache_change(c, purge_some, &p, e);
		if (rc == 0)
			*removed += p.removed;
	}
	if (rc == 0 && !expired)
		rc = cache_change(c, forget_areas, &p, e);
	if (rc == 0 && *removed > 0)
		rc = shrink(c, e);
	buf_free(&p.from);
	arena_free(&p.arena);
	return rc;
}

/* --- tags ----------------------------------------------------------------------------------- */

struct invalidating {
	struct slice tag;
	uint64_t removed;
	int more;
};

static int
invalidate_some(struct cache_file *c, void *arg, struct err *e)
{
	struct invalidating *v = arg;
	int64_t ids[ASKED];
	struct cache_removed r;
	int n, rc = ids_by(c, FIND_TAGGED, v->tag, (int64_t[]){ASKED}, 1, ids, &n, e);

	v->removed = 0;
	for (int i = 0; i < n && rc == 0; i++) {
		rc = cache_remove_id(c, ids[i], &r, e);
		v->removed += r.area != 0;
		/* Also of an entry that is gone, or it would be found for ever. */
		if (rc == 0)
			rc = cache_run(c, DROP_TAGS, SLICE_NONE, &ids[i], 1, e);
	}
	v->more = n == ASKED;
	return rc;
}

int
cache_file_invalidate(struct cache_base *b, struct slice tag, uint64_t *removed, struct err *e)
{
	struct cache_file *c = cache_file(b);
	struct invalidating v = {tag, 0, 1};
	int rc = 0;

	*removed = 0;
	while (rc == 0 && v.more && !cache_absent(c)) {
		rc = cache_change(c, invalidate_some, &v, e);
		if (rc == 0)
			*removed += v.removed;
	}
	return rc;
}

#include "cache/sqlite.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/sum.h"

/* One transaction is not to be longer than that, for others wait. What it puts is there before anything
 * is evicted, so neither should it be a large part of the budget. */
enum { ENTRIES_AT_ONCE = 8192, BYTES_AT_ONCE = 32 << 20, PART_AT_ONCE = 16 };

int
cache_area(struct cache_file *c, struct slice name, int64_t *id, struct err *e)
{
	sqlite3_stmt *st;
	int rc = 0;

	if (c->area.id != 0 && slice_equal((struct slice){c->area.name, c->area.n}, name)) {
		*id = c->area.id;
		return 0;
	}
	for (enum cache_statement which = FIND_AREA; which <= ADD_AREA && rc == 0; which++) {
		rc = cache_ask(c, which, name, NULL, 0, &st, e);
		if (rc > 0) {
			*id = sqlite3_column_int64(st, 0);
			sqlite3_reset(st);
		}
	}
	if (rc < 0)
		return e->code;
	c->area.n = name.n < sizeof(c->area.name) ? name.n : sizeof(c->area.name);
	memcpy(c->area.name, name.p, c->area.n);
	c->area.id = *id;
	return 0;
}

/* "acme:llm:0a1b" is of the group "acme:llm", of those that have the namespace "acme". */
static struct slice
group_of(const struct cache_file *c, struct slice key)
{
	size_t space = c->space.n;
	const char *colon;

	if (space > key.n || (space > 0 && memcmp(key.p, c->space.p, space) != 0))
		space = 0;
	colon = memchr(key.p + space, ':', key.n - space);
	return (struct slice){key.p, colon ? (size_t)(colon - key.p) : space};
}

/* Bytes that rows with n bytes of content take on pages of 4096, on which they are whole; what is too
 * long for one goes on in pages of its own (https://sqlite.org/fileformat2.html, 1.6). */
static int64_t
row_size(size_t n)
{
	enum {
		PAGE = 4096, FREE = PAGE - 8, ROW = 10, WHOLE = PAGE - 35, CHAINED = PAGE - 4,
		LEAST = (PAGE - 12) * 32 / 255 - 23
	};
	size_t here = n, chain = 0;

	if (n > WHOLE) {
		here = LEAST + (n - LEAST) % CHAINED;
		if (here > WHOLE)
			here = LEAST;
		chain = (n - here) / CHAINED;
	}
	return (int64_t)(chain * PAGE + PAGE / (FREE / (here + ROW)));
}

/* What an entry takes in the file. Tables that are not written in order are filled to two thirds. */
static int64_t
size_of(const struct cache_entry *entry)
{
	enum { ENTRY = 48, LIFE = 60 };
	int64_t n = row_size(entry->key.n + entry->value.n) + (int64_t)(entry->key.n + ENTRY) * 3 / 2 + LIFE;

	for (size_t i = 0; i < entry->tag_count; i++)
		n += ((int64_t)entry->tags[i].n + 16) * 3;
	return n;
}

static int
add_tags(struct cache_file *c, const struct cache_entry *entry, int64_t id, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < entry->tag_count && rc == 0; i++)
		rc = cache_run(c, ADD_TAG, entry->tags[i], &id, 1, e);
	return rc;
}

/* The row of the key: a new one, or in place of what there was, of which the rest is dropped. */
static int
put_row(struct cache_file *c, struct slice key, const struct cache_found *f, struct err *e)
{
	const int64_t row[] = {f->id, f->made, f->expires, f->hash, cache_row_sum(key, f)};
	int64_t before;
	int rc = cache_run(c, ADD_ENTRY, key, row, 5, e);

	if (rc != 0 || sqlite3_changes(c->db.handle) > 0)
		return rc;
	rc = cache_id_of(c, key, &before, e);
	if (rc == 0)
		rc = cache_remove_value(c, key, before, e);
	return rc ? rc : cache_run(c, CHANGE_ENTRY, key, row, 5, e);
}

static int
put_value(struct cache_file *c, const struct cache_entry *entry, int64_t id, struct err *e)
{
	sqlite3_stmt *st = cache_statement(c, ADD_VALUE, e);

	if (st != NULL)
		db_bind_blob(st, 3, entry->value.p ? entry->value.p : "", entry->value.n);
	return cache_run(c, ADD_VALUE, entry->key, &id, 1, e);
}

static int
put_life(struct cache_file *c, const struct cache_entry *entry, const struct cache_found *f, struct err *e)
{
	int64_t area, size = size_of(entry);
	int rc = cache_area(c, group_of(c, entry->key), &area, e);

	/* Never before what is there: a clock that was put back must not make the newest the oldest. */
	if (c->state.used < f->made)
		c->state.used = f->made;
	if (rc == 0) {
		const int64_t row[] = {f->id, c->state.used, f->expires, size, area, (int64_t)entry->tag_count};

		rc = cache_run(c, ADD_LIFE, SLICE_NONE, row, 6, e);
	}
	return rc ? rc : cache_account(c, (struct cache_change){area, 1, size, 0}, e);
}

static int
put(struct cache_file *c, const struct cache_entry *entry, int64_t now, struct err *e)
{
	struct cache_found f = {
		.id = c->state.next++, .made = now, .expires = now + (entry->ttl_ms ? entry->ttl_ms : CACHE_TTL),
		.hash = (int64_t)sum64(entry->value.p, entry->value.n, 0),
	};
	int64_t area;
	int rc;

	/* All others would go for it, and then itself. */
	if (size_of(entry) > c->max_size) {
		rc = cache_remove(c, entry->key, NULL, e);
		if (rc == 0)
			rc = cache_area(c, group_of(c, entry->key), &area, e);
		return rc ? rc : cache_account(c, (struct cache_change){area, 0, 0, 1}, e);
	}
	rc = put_row(c, entry->key, &f, e);
	if (rc == 0)
		rc = put_value(c, entry, f.id, e);
	if (rc == 0)
		rc = put_life(c, entry, &f, e);
	return rc ? rc : add_tags(c, entry, f.id, e);
}

struct putting {
	const struct cache_entry *entries;
	size_t n;
};

/* Of equal keys the later one comes later: it is the one that stays. */
static int
by_key(const void *a, const void *b)
{
	const struct cache_entry *x = *(const struct cache_entry *const *)a, *y = *(const struct cache_entry *const *)b;
	int order = slice_order(x->key, y->key);

	return order ? order : (x > y) - (x < y);
}

/* In the order of their keys, so that each page is come by once. */
static int
put_all(struct cache_file *c, void *arg, struct err *e)
{
	const struct putting *p = arg;
	const struct cache_entry **sorted = mem_alloc(p->n * sizeof(*sorted));
	int64_t now = clock_wall_ms();
	int rc = 0;

	for (size_t i = 0; i < p->n; i++)
		sorted[i] = &p->entries[i];
	if (p->n > 1)
		qsort(sorted, p->n, sizeof(*sorted), by_key);
	for (size_t i = 0; i < p->n && rc == 0; i++)
		rc = put(c, sorted[i], now, e);
	free(sorted);
	return rc;
}

int
cache_file_set(struct cache_base *b, const struct cache_entry *entries, size_t n, struct err *e)
{
	struct cache_file *c = cache_file(b);
	struct putting p = {entries, 0};
	size_t most = c->max_size / PART_AT_ONCE < BYTES_AT_ONCE ? (size_t)c->max_size / PART_AT_ONCE : BYTES_AT_ONCE;
	int64_t before;
	int rc = 0;

	for (size_t done = 0; done < n && rc == 0; done += p.n) {
		size_t bytes = 0;

		p.entries = entries + done;
		for (p.n = 0; p.n < n - done && p.n < ENTRIES_AT_ONCE && bytes < most; p.n++)
			bytes += p.entries[p.n].value.n;
		rc = cache_change(c, put_all, &p, e);
	}
	/* What could not be evicted within these transactions goes in more. */
	p.n = 0;
	do {
		before = c->state.bytes;
		if (rc == 0 && before > c->max_size)
			rc = cache_change(c, put_all, &p, e);
	} while (rc == 0 && c->state.bytes > c->max_size && c->state.bytes < before);
	return rc;
}

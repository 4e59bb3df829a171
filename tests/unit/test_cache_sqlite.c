/* The cache in a file: entries, times, room, statistics, and what happens to them when files are damaged and
 * processes die. */
#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "cache/cache_driver.h"
#include "base/sum.h"
#include "db/db.h"

enum { LATENCY = 7 };

static char directory[64], path[96];
static struct cache_options options;

/* --- helpers -------------------------------------------------------------------------------- */

static char *
beside(const char *ending)
{
	static char name[4][128];
	static int next;
	char *p = name[next++ % 4];

	snprintf(p, 128, "%s%s", path, ending);
	return p;
}

static void
fresh(void)
{
	static const char *const ends[] = {"", "-wal", "-shm", "-journal", ".lock", ".hits", ".hits.old", ".hits.new", ".run"};

	/* In memory, if there is such a place: what is tested here does not need a disk that is waited for. */
	snprintf(directory, sizeof(directory), "%s/c1v-cache-%d", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp",
	    (int)getpid());
	mkdir(directory, 0700);
	snprintf(path, sizeof(path), "%s/cache.db", directory);
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		unlink(beside(ends[i]));
	options = (struct cache_options){.wait = 60};
	setenv("C1V_NOW", "1000000", 1);
}

static struct cache_base *
open_cache(void)
{
	struct cache_base *b = NULL;
	struct err e = {0};

	CHECK_INT(cache_sqlite.open(&options, path, &b, &e), 0);
	return b;
}

static void
shut(struct cache_base *b)
{
	char *name = b->name;

	cache_sqlite.close(b);
	free(name);
}

static int
put(struct cache_base *b, const char *key, const char *value, int64_t ttl_ms)
{
	struct cache_entry entry = {.key = slice_of(key), .value = slice_of(value), .ttl_ms = ttl_ms};
	struct err e = {0};
	int rc = cache_sqlite.set(b, &entry, 1, &e);

	if (rc != 0)
		printf("# set: %s\n", e.text);
	return rc;
}

/* "-": it is not there. Valid until the next call. */
static const char *
got(struct cache_base *b, const char *key)
{
	static char text[256];
	struct slice k = slice_of(key), v = SLICE_NONE;
	struct err e = {0};
	int rc = cache_sqlite.get(b, &k, 1, &v, &e);

	if (rc != 0)
		snprintf(text, sizeof(text), "error %d: %.200s", rc, e.text);
	else
		snprintf(text, sizeof(text), "%.*s", v.p ? (int)v.n : 1, v.p ? v.p : "-");
	return text;
}

static int
there(struct cache_base *b, const char *key)
{
	struct slice k = slice_of(key);
	uint8_t is = 9;
	struct err e = {0};

	CHECK_INT(cache_sqlite.exists(b, &k, 1, &is, &e), 0);
	return is;
}

static int
removed(struct cache_base *b, const char *key)
{
	struct slice k = slice_of(key);
	uint8_t was = 9;
	struct err e = {0};

	CHECK_INT(cache_sqlite.delete(b, &k, 1, &was, &e), 0);
	return was;
}

static int64_t
left(struct cache_base *b, const char *key)
{
	struct slice k = slice_of(key);
	int64_t ms = 0;
	struct err e = {0};

	CHECK_INT(cache_sqlite.ttl(b, &k, 1, &ms, &e), 0);
	return ms;
}

static int
purged(struct cache_base *b, const char *prefix, int expired)
{
	uint64_t n = 99;
	struct err e = {0};

	CHECK_INT(cache_sqlite.purge(b, slice_of(prefix), expired, &n, &e), 0);
	return (int)n;
}

static void
count(struct cache_base *b, const char *group, int64_t hits, int64_t misses, const char *model, int64_t tokens)
{
	struct cache_saving saving = {slice_of(model), tokens};
	struct cache_count n = {.group = slice_of(group), .hits = hits, .misses = misses,
	    .savings = &saving, .saving_count = model != NULL};
	struct err e = {0};

	n.latency[LATENCY] = 1;
	CHECK_INT(cache_sqlite.count(b, &n, 1, &e), 0);
}

static struct cache_stats
stats(struct cache_base *b, const char *prefix)
{
	struct cache_stats s = {0};
	struct err e = {0};
	int rc = cache_sqlite.stats(b, slice_of(prefix), &s, &e);

	CHECK_INT(rc, 0);
	if (rc != 0)
		printf("# stats: %s\n", e.text);
	return s;
}

static const struct cache_group *
group(const struct cache_stats *s, const char *name)
{
	static const struct cache_group none;

	for (size_t i = 0; i < s->group_count; i++) {
		if (slice_is(s->groups[i].name, name))
			return &s->groups[i];
	}
	return &none;
}

static int64_t
number(const char *sql)
{
	int64_t n = -1;
	sqlite3 *h;
	sqlite3_stmt *st = NULL;

	CHECK_INT(sqlite3_open_v2(path, &h, SQLITE_OPEN_READWRITE, NULL), 0);
	CHECK_INT(sqlite3_prepare_v2(h, sql, -1, &st, NULL), 0);
	if (sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(h);
	return n;
}

/* What the database says of itself must be so. */
static void
check_sums(void)
{
	CHECK_INT(number("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
	CHECK_INT(number("SELECT bytes - (SELECT ifnull(sum(size), 0) FROM life) FROM state"), 0);
	CHECK_INT(number("SELECT sum(bytes) - (SELECT ifnull(sum(size), 0) FROM life) FROM area"), 0);
	CHECK_INT(number("SELECT sum(entries) - (SELECT count(*) FROM entry) FROM area"), 0);
	CHECK_INT(number("SELECT (SELECT count(*) FROM life) - (SELECT count(*) FROM value)"), 0);
	CHECK_INT(number("SELECT count(*) FROM entry WHERE id NOT IN (SELECT id FROM life)"), 0);
	CHECK_INT(number("SELECT count(*) FROM area a WHERE entries <> (SELECT count(*) FROM life WHERE area = a.id)"), 0);
	CHECK_INT(number("SELECT count(*) FROM tag WHERE id NOT IN (SELECT id FROM life)"), 0);
}

static int64_t
size_of(const char *ending)
{
	struct stat st;

	return stat(beside(ending), &st) == 0 ? (int64_t)st.st_size : -1;
}

/* --- the checksum --------------------------------------------------------------------------- */

TEST(the_checksum_is_xxh64)
{
	static const char text[] = "Nobody inspects the spammish repetition";

	CHECK(sum64("", 0, 0) == UINT64_C(0xef46db3751d8e999));
	CHECK(sum64("a", 1, 0) == UINT64_C(0xd24ec4f1a98c6e5b));
	CHECK(sum64("abc", 3, 0) == UINT64_C(0x44bc2cf5ad770999));
	CHECK(sum64(text, sizeof(text) - 1, 0) == UINT64_C(0xfbcea83c8a378bf1));
	CHECK(sum64("abc", 3, 1) != sum64("abc", 3, 0));
}

/* --- entries -------------------------------------------------------------------------------- */

TEST(a_cache_that_is_not_there_is_empty_and_not_made)
{
	struct cache_base *b;
	struct cache_stats s;
	uint64_t n = 9;
	struct err e = {0};

	fresh();
	b = open_cache();
	CHECK_STR(got(b, "k"), "-");
	CHECK_INT(there(b, "k"), 0);
	CHECK_INT(removed(b, "k"), 0);
	CHECK_INT(left(b, "k"), CACHE_ABSENT);
	CHECK_INT(purged(b, "", 0), 0);
	CHECK_INT(purged(b, "", 1), 0);
	CHECK_INT(cache_sqlite.invalidate(b, SLICE("t"), &n, &e), 0);
	CHECK_INT(n, 0);
	count(b, "g", 0, 1, NULL, 0);
	s = stats(b, "");
	CHECK_INT(s.keys + s.bytes + (int64_t)s.group_count, 0);
	arena_free(&s.arena);
	shut(b);
	CHECK_INT(rmdir(directory), 0);
}

TEST(what_was_put_is_got)
{
	struct cache_base *b;
	static const char zeros[3];
	struct cache_entry two[2] = {
		{.key = SLICE("bin"), .value = {zeros, 3}, .ttl_ms = 1000},
		{.key = SLICE("empty"), .value = SLICE(""), .ttl_ms = 1000},
	};
	struct slice keys[4] = {SLICE("empty"), SLICE("bin"), SLICE("none"), SLICE("bin")}, values[4];
	struct err e = {0};

	fresh();
	b = open_cache();
	CHECK_INT(put(b, "a", "1", 1000), 0);
	CHECK_STR(got(b, "a"), "1");
	CHECK_INT(put(b, "a", "another value", 1000), 0);
	CHECK_STR(got(b, "a"), "another value");
	CHECK_INT(cache_sqlite.set(b, two, 2, &e), 0);
	shut(b);
	b = open_cache();
	CHECK_INT(cache_sqlite.get(b, keys, 4, values, &e), 0);
	CHECK(values[0].p != NULL && values[0].n == 0);
	CHECK(values[1].n == 3 && memcmp(values[1].p, zeros, 3) == 0);
	CHECK(values[2].p == NULL);
	CHECK(values[3].n == 3);
	CHECK_STR(got(b, "a"), "another value");
	CHECK_INT(there(b, "a"), 1);
	CHECK_INT(there(b, "A"), 0);
	CHECK_INT(removed(b, "a"), 1);
	CHECK_INT(removed(b, "a"), 0);
	CHECK_STR(got(b, "a"), "-");
	CHECK_INT(there(b, "a"), 0);
	shut(b);
	check_sums();
	CHECK_INT(number("SELECT count(*) FROM entry"), 2);
}

TEST(of_equal_keys_the_last_one_stays)
{
	struct cache_entry many[] = {
		{.key = SLICE("b"), .value = SLICE("1"), .ttl_ms = 9}, {.key = SLICE("a"), .value = SLICE("2"), .ttl_ms = 9},
		{.key = SLICE("b"), .value = SLICE("3"), .ttl_ms = 9}, {.key = SLICE("a"), .value = SLICE("4"), .ttl_ms = 9},
	};
	struct slice twice[2] = {SLICE("a"), SLICE("a")};
	uint8_t was[2];
	struct cache_base *b;
	struct err e = {0};

	fresh();
	b = open_cache();
	CHECK_INT(cache_sqlite.set(b, many, 4, &e), 0);
	CHECK_STR(got(b, "a"), "4");
	CHECK_STR(got(b, "b"), "3");
	CHECK_INT(cache_sqlite.delete(b, twice, 2, was, &e), 0);
	CHECK(was[0] == 1 && was[1] == 0);
	shut(b);
	check_sums();
}

TEST(a_large_value_comes_back_as_it_was)
{
	size_t n = 70 << 20;
	char *large = mem_alloc(n);
	struct cache_entry entry = {.key = SLICE("large"), .value = {large, n}, .ttl_ms = 1000};
	struct slice v;
	struct cache_base *b;
	struct err e = {0};

	fresh();
	for (size_t i = 0; i < n; i++)
		large[i] = (char)(i * 2654435761U >> 24);
	b = open_cache();
	CHECK_INT(cache_sqlite.set(b, &entry, 1, &e), 0);
	CHECK_INT(cache_sqlite.get(b, &entry.key, 1, &v, &e), 0);
	CHECK(v.n == n && memcmp(v.p, large, n) == 0);
	CHECK_STR(got(b, "other"), "-");
	shut(b);
	CHECK_INT(size_of("-wal"), 0);
	free(large);
}

TEST(paths_and_the_default)
{
	struct cache_base *b = NULL;
	struct err e = {0};
	char text[160];

	fresh();
	snprintf(text, sizeof(text), "//%s", path);
	CHECK_INT(cache_sqlite.open(&options, text, &b, &e), 0);
	snprintf(text, sizeof(text), "sqlite:%s", path);
	CHECK_STR(b->name, text);
	shut(b);
	setenv("XDG_CACHE_HOME", directory, 1);
	CHECK_INT(cache_sqlite.open(&options, NULL, &b, &e), 0);
	CHECK_INT(put(b, "a", "1", 1000), 0);
	shut(b);
	snprintf(text, sizeof(text), "%s/c1v/cache.db", directory);
	CHECK_INT(access(text, R_OK), 0);
	unsetenv("XDG_CACHE_HOME");
	setenv("HOME", "/home/x", 1);
	CHECK_INT(cache_sqlite.open(&options, NULL, &b, &e), 0);
	CHECK_STR(b->name, "sqlite:/home/x/.cache/c1v/cache.db");
	shut(b);
	unsetenv("HOME");
	CHECK_INT(cache_sqlite.open(&options, NULL, &b, &e), C1V_CONFIG);
	snprintf(text, sizeof(text), "rm -r %s/c1v", directory);
	CHECK_INT(system(text), 0);
}

/* --- time ----------------------------------------------------------------------------------- */

TEST(entries_end)
{
	struct cache_base *b;
	struct slice k = SLICE("a");
	uint8_t is = 9;
	struct err e = {0};

	fresh();
	b = open_cache();
	CHECK_INT(put(b, "a", "1", 10000), 0);
	CHECK_INT(left(b, "a"), 10000);
	setenv("C1V_NOW", "1000009", 1);
	CHECK_STR(got(b, "a"), "1");
	CHECK_INT(left(b, "a"), 1000);
	CHECK_INT(cache_sqlite.touch(b, &k, 1, 5000, &is, &e), 0);
	CHECK_INT(is, 1);
	CHECK_INT(left(b, "a"), 5000);
	setenv("C1V_NOW", "1000013", 1);
	CHECK_STR(got(b, "a"), "1");
	setenv("C1V_NOW", "1000014", 1);
	CHECK_STR(got(b, "a"), "-");
	CHECK_INT(there(b, "a"), 0);
	CHECK_INT(left(b, "a"), CACHE_ABSENT);
	CHECK_INT(cache_sqlite.touch(b, &k, 1, 5000, &is, &e), 0);
	CHECK_INT(is, 0);
	CHECK_INT(removed(b, "a"), 0);
	CHECK_INT(cache_sqlite.touch(b, &k, 1, 5000, &is, &e), 0);
	CHECK_INT(is, 0);
	shut(b);
	check_sums();
}

TEST(a_clock_put_back_ends_nothing_early_and_keeps_nothing_for_ever)
{
	struct cache_base *b;

	fresh();
	setenv("C1V_NOW", "2000000", 1);
	b = open_cache();
	CHECK_INT(put(b, "a", "1", 10000), 0);
	setenv("C1V_NOW", "1999991", 1);
	CHECK_STR(got(b, "a"), "1");
	setenv("C1V_NOW", "1999989", 1);
	CHECK_STR(got(b, "a"), "-");
	CHECK_INT(purged(b, "", 1), 1);
	CHECK_INT(number("SELECT count(*) FROM value"), 0);
	shut(b);
}

/* --- many ----------------------------------------------------------------------------------- */

static void
put_many(struct cache_base *b, const char *prefix, int from, int to, size_t size)
{
	struct cache_entry *entries = mem_zero((size_t)(to - from), sizeof(*entries));
	char *value = mem_alloc(size + 1);
	struct arena a = {0};
	struct err e = {0};

	memset(value, 'x', size);
	for (int i = from; i < to; i++) {
		struct cache_entry *x = &entries[i - from];

		x->key = slice_of(arena_format(&a, "%s%05d", prefix, i));
		x->value = (struct slice){value, size};
		x->ttl_ms = 100000;
	}
	CHECK_INT(cache_sqlite.set(b, entries, (size_t)(to - from), &e), 0);
	arena_free(&a);
	free(value);
	free(entries);
}

struct listing {
	struct buf text;
	int count, most;
	struct cache_base *remove; /* from within */
};

static int
list_key(void *arg, struct slice key, struct err *e)
{
	struct listing *l = arg;
	uint8_t was;

	buf_slice(&l->text, key);
	buf_byte(&l->text, ' ');
	if (l->remove != NULL)
		CHECK_INT(cache_sqlite.delete(l->remove, &key, 1, &was, e), 0);
	return ++l->count == l->most ? 42 : 0;
}

static const char *
listed(struct cache_base *b, const char *prefix)
{
	static struct listing l;
	struct err e = {0};

	l.text.len = 0;
	CHECK_INT(cache_sqlite.keys(b, slice_of(prefix), list_key, &l, &e), 0);
	return buf_cstr(&l.text);
}

TEST(keys_are_listed_by_their_bytes)
{
	static const char *const keys[] = {"a", "a%", "a%b", "aXb", "a_", "ab", "b", "\xc3\xbc", "\xf4\x8f\xbf\xbf", "A", "old"};
	struct cache_base *b;
	struct listing l = {.most = 3};
	struct err e = {0};

	fresh();
	b = open_cache();
	CHECK_STR(listed(b, ""), "");
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		CHECK_INT(put(b, keys[i], "1", strcmp(keys[i], "old") == 0 ? 1 : 100000), 0);
	setenv("C1V_NOW", "1000001", 1);
	CHECK_STR(listed(b, "a%"), "a% a%b ");
	CHECK_STR(listed(b, "a_"), "a_ ");
	CHECK_STR(listed(b, "\xc3"), "\xc3\xbc ");
	CHECK_STR(listed(b, "\xf4\x8f\xbf\xbf"), "\xf4\x8f\xbf\xbf ");
	CHECK_STR(listed(b, ""), "A a a% a%b aXb a_ ab b \xc3\xbc \xf4\x8f\xbf\xbf ");
	CHECK_INT(cache_sqlite.keys(b, SLICE(""), list_key, &l, &e), 42);
	CHECK_STR(buf_cstr(&l.text), "A a a% ");
	buf_free(&l.text);
	shut(b);
}

TEST(keys_come_in_parts_each_once_also_while_they_go)
{
	struct cache_base *b;
	struct listing l = {0};
	struct err e = {0};

	fresh();
	b = open_cache();
	put_many(b, "k:", 0, 2500, 10);
	CHECK_INT(cache_sqlite.keys(b, SLICE("k:"), list_key, &l, &e), 0);
	CHECK_INT(l.count, 2500);
	CHECK(strncmp(l.text.data, "k:00000 k:00001 ", 16) == 0);
	CHECK(memcmp(l.text.data + l.text.len - 8, "k:02499 ", 8) == 0);
	l.remove = b;
	l.count = 0;
	CHECK_INT(cache_sqlite.keys(b, SLICE("k:01"), list_key, &l, &e), 0);
	CHECK_INT(l.count, 1000);
	CHECK_INT(number("SELECT count(*) FROM entry"), 1500);
	buf_free(&l.text);
	shut(b);
	check_sums();
}

TEST(purge_takes_what_begins_so_or_is_over)
{
	struct cache_base *b;

	fresh();
	b = open_cache();
	put_many(b, "acme:llm:", 0, 2100, 10);
	put_many(b, "acmf:", 0, 10, 10);
	CHECK_INT(put(b, "acme:short", "s", 1), 0);
	CHECK_INT(put(b, "short", "s", 1), 0);
	setenv("C1V_NOW", "1000001", 1);
	CHECK_INT(purged(b, "acme:", 1), 1);
	CHECK_INT(purged(b, "acme:", 0), 2100);
	CHECK_STR(got(b, "acmf:00003"), "xxxxxxxxxx");
	CHECK_INT(number("SELECT expired FROM state"), 1);
	CHECK_INT(number("SELECT count(*) FROM area WHERE name = CAST('acme' AS BLOB)"), 1);
	CHECK_INT(purged(b, "acme", 0), 0);
	CHECK_INT(number("SELECT count(*) FROM area WHERE name = CAST('acme' AS BLOB)"), 0);
	CHECK_INT(purged(b, "", 1), 1);
	check_sums();
	CHECK_INT(purged(b, "", 0), 10);
	CHECK_STR(got(b, "acmf:00003"), "-");
	CHECK_INT(size_of(""), -1);
	CHECK_INT(put(b, "acmf:1", "again", 1000), 0);
	CHECK_STR(got(b, "acmf:1"), "again");
	shut(b);
	check_sums();
}

TEST(what_was_purged_is_not_in_the_files)
{
	struct cache_base *b;
	char command[200];

	fresh();
	b = open_cache();
	CHECK_INT(put(b, "other", "stays", 100000), 0);
	put_many(b, "secret:", 0, 20, 2000);
	put_many(b, "secret:large", 0, 1, 200000);
	snprintf(command, sizeof(command), "cat %s* | grep -qa xxxxxxxxxxxxxxxx", path);
	CHECK_INT(WEXITSTATUS(system(command)), 0);
	CHECK_INT(purged(b, "secret:", 0), 21);
	CHECK_INT(WEXITSTATUS(system(command)), 1);
	CHECK_STR(got(b, "other"), "stays");
	shut(b);
}

TEST(a_file_that_is_mostly_free_is_written_anew)
{
	struct cache_base *b;

	fresh();
	b = open_cache();
	put_many(b, "a:", 0, 2000, 12000);
	put_many(b, "b:", 0, 10, 100);
	CHECK_INT(purged(b, "a:", 0), 2000);
	CHECK(size_of("") < 1 << 20);
	CHECK_STR(got(b, "a:00001"), "-");
	CHECK_INT(there(b, "b:00009"), 1);
	shut(b);
	check_sums();
}

TEST(tags_name_what_is_removed_together)
{
	struct slice tags[2] = {SLICE("project:1"), SLICE("user:2")};
	struct cache_entry entries[600];
	struct arena a = {0};
	struct cache_base *b;
	uint64_t n = 0;
	struct err e = {0};

	fresh();
	b = open_cache();
	for (int i = 0; i < 600; i++) {
		entries[i] = (struct cache_entry){.key = slice_of(arena_format(&a, "k%d", i)), .value = SLICE("v"),
		    .ttl_ms = 100000, .tags = tags, .tag_count = i % 2 ? 2 : 1};
	}
	CHECK_INT(cache_sqlite.set(b, entries, 600, &e), 0);
	CHECK_INT(put(b, "k1", "without tags", 100000), 0);
	CHECK_INT(removed(b, "k3"), 1);
	CHECK_INT(cache_sqlite.invalidate(b, SLICE("user:2"), &n, &e), 0);
	CHECK_INT(n, 298);
	CHECK_STR(got(b, "k1"), "without tags");
	CHECK_STR(got(b, "k5"), "-");
	CHECK_STR(got(b, "k4"), "v");
	CHECK_INT(cache_sqlite.invalidate(b, SLICE("project:"), &n, &e), 0);
	CHECK_INT(n, 0);
	CHECK_INT(cache_sqlite.invalidate(b, SLICE("project:1"), &n, &e), 0);
	CHECK_INT(n, 300);
	CHECK_INT(number("SELECT count(*) FROM tag"), 0);
	shut(b);
	arena_free(&a);
	check_sums();
}

/* --- room ----------------------------------------------------------------------------------- */

TEST(the_least_recently_used_go_first)
{
	struct cache_base *b;
	struct cache_stats s;

	fresh();
	options.max_size = 1 << 20;
	b = open_cache();
	put_many(b, "first:", 0, 400, 1000);
	setenv("C1V_NOW", "1000001", 1);
	put_many(b, "second:", 0, 300, 1000);
	setenv("C1V_NOW", "1000002", 1);
	CHECK(strlen(got(b, "first:00007")) > 200);
	setenv("C1V_NOW", "1000003", 1);
	put_many(b, "third:", 0, 300, 1000);
	CHECK_INT(there(b, "first:00007"), 1);
	CHECK_INT(there(b, "first:00006"), 0);
	CHECK_INT(there(b, "first:00008"), 0);
	CHECK_INT(there(b, "second:00299"), 1);
	CHECK_INT(there(b, "third:00000"), 1);
	s = stats(b, "");
	CHECK(group(&s, "first")->evictions > 0);
	CHECK_INT(group(&s, "third")->evictions, 0);
	CHECK_INT(s.evictions, group(&s, "first")->evictions + group(&s, "second")->evictions);
	CHECK_INT(s.keys, 1000 - s.evictions);
	arena_free(&s.arena);
	CHECK(number("SELECT bytes FROM state") <= 1 << 20);
	CHECK(number("SELECT bytes FROM state") > (1 << 20) / 100 * 88);
	shut(b);
	check_sums();
}

TEST(what_is_over_goes_before_what_is_not)
{
	struct cache_base *b;

	fresh();
	options.max_size = 1 << 20;
	b = open_cache();
	put_many(b, "old:", 0, 10, 1000);
	setenv("C1V_NOW", "1000001", 1);
	put_many(b, "over:", 0, 200, 1000);
	setenv("C1V_NOW", "1000060", 1);
	for (int i = 0; i < 200; i++) {
		struct slice k;
		char key[32];
		uint8_t was;
		struct err e;

		snprintf(key, sizeof(key), "over:%05d", i);
		k = slice_of(key);
		CHECK_INT(cache_sqlite.touch(b, &k, 1, 1, &was, &e), 0);
	}
	setenv("C1V_NOW", "1000061", 1);
	put_many(b, "new:", 0, 720, 1000);
	CHECK_INT(there(b, "old:00000"), 1);
	CHECK(number("SELECT expired FROM state") > 50);
	CHECK_INT(number("SELECT sum(evictions) FROM area"), 0);
	shut(b);
	check_sums();
}

TEST(a_file_stays_near_its_budget)
{
	struct cache_base *b;

	fresh();
	options.max_size = 8 << 20;
	b = open_cache();
	for (int i = 0; i < 60; i++) {
		put_many(b, "small:", i * 500, i * 500 + 500, 1000);
		put_many(b, "large:", i * 50, i * 50 + 50, 6144);
	}
	CHECK(number("SELECT bytes FROM state") <= options.max_size);
	shut(b);
	CHECK(size_of("") < options.max_size / 10 * 13);
	check_sums();
	/* A smaller budget is met by the next entry, in several transactions. */
	options.max_size = 1 << 20;
	b = open_cache();
	CHECK_INT(put(b, "k", "v", 1000), 0);
	CHECK(number("SELECT bytes FROM state") <= options.max_size);
	CHECK_STR(got(b, "k"), "v");
	shut(b);
	check_sums();
}

TEST(what_is_larger_than_the_budget_is_not_kept)
{
	struct cache_base *b;

	fresh();
	options.max_size = 1 << 20;
	b = open_cache();
	CHECK_INT(put(b, "big:00000", "before", 1000), 0);
	CHECK_INT(put(b, "k", "v", 1000), 0);
	put_many(b, "big:", 0, 1, 2 << 20);
	CHECK_INT(there(b, "big:00000"), 0);
	CHECK_STR(got(b, "k"), "v");
	CHECK_INT(number("SELECT evictions FROM area WHERE name = CAST('big' AS BLOB)"), 1);
	shut(b);
	check_sums();
}

TEST(a_clock_put_back_does_not_make_the_newest_the_first_to_go)
{
	struct cache_base *b;

	fresh();
	options.max_size = 1 << 20;
	b = open_cache();
	put_many(b, "a:", 0, 700, 1000);
	setenv("C1V_NOW", "999990", 1);
	put_many(b, "b:", 0, 300, 1000);
	CHECK_INT(there(b, "b:00000"), 1);
	CHECK_INT(there(b, "a:00000"), 0);
	shut(b);
}

/* --- locks ---------------------------------------------------------------------------------- */

static int
locked(struct cache_base *b, const char *name)
{
	struct err e = {0};
	int is = 9;

	CHECK_INT(cache_sqlite.lock(b, slice_of(name), &is, &e), 0);
	return is;
}

TEST(a_name_is_locked_by_one_until_it_dies)
{
	struct cache_base *a, *b;
	int ready[2], status;
	struct err e = {0};
	pid_t child;
	char c;

	fresh();
	a = open_cache();
	b = open_cache();
	CHECK_INT(locked(a, "run:1"), 1);
	CHECK_INT(locked(b, "run:1"), 0);
	CHECK_INT(locked(b, "run:2"), 1);
	CHECK_INT(cache_sqlite.hold(a, &e), 0);
	cache_sqlite.unlock(a);
	CHECK_INT(locked(b, "run:1"), 1);
	CHECK_INT(locked(a, "run:2"), 1);
	cache_sqlite.unlock(a);
	cache_sqlite.unlock(b);
	CHECK_INT(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		c = (char)locked(a, "run:1");
		_exit(write(ready[1], &c, 1) == 1 && pause() ? 0 : 1);
	}
	CHECK_INT(read(ready[0], &c, 1), 1);
	CHECK_INT(c, 1);
	CHECK_INT(locked(b, "run:1"), 0);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	CHECK_INT(locked(b, "run:1"), 1);
	close(ready[0]);
	close(ready[1]);
	shut(a);
	shut(b);
	/* No cache was made by that. */
	CHECK_INT(size_of(""), -1);
}

/* --- statistics ----------------------------------------------------------------------------- */

TEST(counts_are_added_whether_folded_in_or_not)
{
	struct cache_base *a, *b;
	struct cache_stats s;

	fresh();
	options.space = "acme";
	a = open_cache();
	CHECK_INT(put(a, "acme:llm:1", "v", 100000), 0);
	CHECK_INT(put(a, "acme:llm:2", "v", 100000), 0);
	CHECK_INT(put(a, "acme:plain", "v", 100000), 0);
	CHECK_INT(put(a, "acme", "v", 100000), 0);
	options.space = NULL;
	b = open_cache();
	CHECK_INT(put(b, "llm:1", "v", 100000), 0);
	for (int round = 1; round <= 3; round++) {
		count(a, "acme:llm", 3, 1, "m1", 100);
		count(b, "llm", 10, 20, "m2", 5);
		count(b, "acme:llm", 1, 0, "m2", 7);
		s = stats(b, "");
		if (round == 1) /* the other one keeps it to itself yet */
			CHECK_INT(s.hits, 11);
		arena_free(&s.arena);
		s = stats(a, "acme:");
		CHECK_INT(s.hits, 14 * round);
		CHECK_INT(s.misses, 21 * round);
		CHECK_INT(s.keys, 5);
		CHECK(s.bytes > 0);
		CHECK_INT(s.group_count, 2);
		CHECK_MEM(s.groups[0].name.p, s.groups[0].name.n, "");
		CHECK_MEM(s.groups[1].name.p, s.groups[1].name.n, "llm");
		CHECK_INT(s.groups[0].entries, 1);
		CHECK_INT(s.groups[1].entries, 2);
		CHECK_INT(s.groups[1].bytes, number("SELECT bytes FROM area WHERE name = CAST('acme:llm' AS BLOB)"));
		CHECK_INT(s.groups[1].hits, 4 * round);
		CHECK_INT(s.groups[1].misses, round);
		CHECK_INT(s.groups[1].latency[LATENCY], 2 * round);
		CHECK_INT(s.groups[1].saving_count, 2);
		for (size_t i = 0; i < s.groups[1].saving_count; i++) {
			const struct cache_saving *v = &s.groups[1].savings[i];

			CHECK_INT(v->tokens, (slice_is(v->model, "m1") ? 100 : 7) * round);
		}
		arena_free(&s.arena);
		if (round == 2) /* folds in what there is */
			CHECK_INT(put(b, "llm:1", "v", 100000), 0);
	}
	CHECK_INT(number("SELECT sum(hits) FROM area"), 28);
	shut(a);
	shut(b);
	check_sums();
}

TEST(many_groups_at_once_are_counted)
{
	struct cache_entry entries[100];
	struct arena a = {0};
	struct cache_base *b;
	struct cache_stats s;
	struct err e = {0};

	fresh();
	b = open_cache();
	for (int i = 0; i < 100; i++) {
		entries[i] = (struct cache_entry){.key = slice_of(arena_format(&a, "g%d:%d", i % 40, i)),
		    .value = SLICE("v"), .ttl_ms = 1000};
	}
	CHECK_INT(cache_sqlite.set(b, entries, 100, &e), 0);
	CHECK_INT(cache_sqlite.set(b, entries, 60, &e), 0);
	s = stats(b, "g");
	CHECK_INT(s.group_count, 40);
	CHECK_INT(group(&s, "7")->entries, 3);
	CHECK_INT(group(&s, "39")->entries, 2);
	arena_free(&s.arena);
	shut(b);
	arena_free(&a);
	check_sums();
}

TEST(many_savings_and_groups_are_counted)
{
	struct cache_saving savings[3000];
	struct cache_count n = {.group = SLICE("g"), .hits = 1, .savings = savings, .saving_count = 3000};
	struct arena a = {0};
	struct cache_base *b;
	struct cache_stats s;
	struct err e = {0};
	int64_t sum = 0;
	char *longest = mem_zero(1, CACHE_KEY_MAX + 2);

	fresh();
	b = open_cache();
	CHECK_INT(put(b, "g:1", "v", 1000), 0);
	for (int i = 0; i < 3000; i++)
		savings[i] = (struct cache_saving){slice_of(arena_format(&a, "a model with a name that is long %d", i)), 2};
	memset(longest, 'x', CACHE_KEY_MAX + 1);
	savings[7].model = slice_of(longest);
	CHECK_INT(cache_sqlite.count(b, &n, 1, &e), 0);
	for (int i = 0; i < 100; i++)
		count(b, arena_format(&a, "group%d", i), 1, 1, NULL, 0);
	count(b, longest, 1, 1, NULL, 0);
	shut(b);
	b = open_cache();
	for (int i = 0; i < 40; i++) { /* as often as it takes, in parts */
		char key[32];

		snprintf(key, sizeof(key), "group%d:x", i);
		CHECK_INT(put(b, key, "v", 1000), 0);
	}
	s = stats(b, "");
	for (size_t i = 0; i < group(&s, "g")->saving_count; i++)
		sum += group(&s, "g")->savings[i].tokens;
	CHECK_INT(sum, 2 * 2999);
	CHECK_INT(s.hits, 101);
	CHECK_INT(s.group_count, 101);
	CHECK_INT(group(&s, "group99")->misses, 1);
	CHECK_INT(group(&s, "group9")->entries, 1);
	arena_free(&s.arena);
	CHECK_INT(number("SELECT sum(hits) FROM area"), 101);
	arena_free(&a);
	free(longest);
	shut(b);
	check_sums();
}

/* --- the file of hits ----------------------------------------------------------------------- */

/* Lookups until the file beside has grown so far. */
static void
grow_hits(struct cache_base *b, int64_t size)
{
	struct slice keys[1000], values[1000];
	struct err e = {0};

	for (int i = 0; i < 1000; i++)
		keys[i] = SLICE("k:00001");
	while (size_of(".hits") < size)
		CHECK_INT(cache_sqlite.get(b, keys, 1000, values, &e), 0);
}

TEST(a_file_of_hits_that_has_grown_is_replaced)
{
	struct cache_base *b;
	struct cache_stats s;

	fresh();
	options.max_size = 100000;
	b = open_cache();
	put_many(b, "k:", 0, 100, 500);
	count(b, "k", 5, 0, NULL, 0);
	setenv("C1V_NOW", "1000050", 1);
	grow_hits(b, (1 << 20) + 1);
	count(b, "k", 6, 0, NULL, 0);
	for (int i = 0; i < 15; i++) {
		CHECK_INT(put(b, "other", "v", 1000), 0);
		s = stats(b, "");
		CHECK_INT(s.hits, 11);
		arena_free(&s.arena);
	}
	CHECK_INT(size_of(".hits"), 16);
	CHECK_INT(size_of(".hits.old"), -1);
	CHECK_INT(number("SELECT used FROM life JOIN entry USING (id) WHERE key = CAST('k:00001' AS BLOB)"), 1000050000);
	CHECK_INT(number("SELECT hits FROM area WHERE name = CAST('k' AS BLOB)"), 11);
	shut(b);
}

TEST(lookups_alone_fold_in_a_file_that_is_large)
{
	struct cache_base *b;

	fresh();
	b = open_cache();
	put_many(b, "k:", 0, 10, 10);
	shut(b);
	CHECK_INT(number("SELECT folded FROM state"), 16);
	b = open_cache();
	count(b, "k", 7, 0, NULL, 0);
	grow_hits(b, (4 << 20) + 1);
	shut(b);
	CHECK_INT(number("SELECT folded > 100000 FROM state"), 1);
	CHECK_INT(number("SELECT sum(hits) FROM area"), 7);
	/* Nor does it grow for ever where nobody can. */
	CHECK_INT(truncate(beside(".hits"), 65 << 20), 0);
	b = open_cache();
	CHECK_STR(got(b, "k:00001"), "xxxxxxxxxx");
	shut(b);
	CHECK_INT(size_of(".hits"), 65 << 20);
}

static void
append(const char *ending, const void *p, size_t n)
{
	int fd = open(beside(ending), O_WRONLY | O_APPEND);

	CHECK(fd >= 0 && write(fd, p, n) == (ssize_t)n);
	close(fd);
}

TEST(what_is_torn_is_passed_over)
{
	static const char magic[] = "c1vH", garbage[70000];
	struct cache_base *b;
	struct cache_stats s;
	char frame[64];
	int fd;

	fresh();
	b = open_cache();
	CHECK_INT(put(b, "k", "v", 1000), 0);
	count(b, "k", 1, 0, NULL, 0);
	shut(b);
	fd = open(beside(".hits"), O_RDONLY);
	CHECK(pread(fd, frame, 40, 16) == 40);
	close(fd);
	CHECK_MEM(frame, 4, magic);
	for (int i = 0; i < 3; i++) {
		append(".hits", frame, i == 0 ? 40 : i == 1 ? 10 : 4); /* whoever wrote it was killed */
		b = open_cache();
		count(b, "k", 10, 0, NULL, 0);
		shut(b);
		append(".hits", garbage, i == 2 ? sizeof(garbage) : 100);
		b = open_cache();
		count(b, "k", 100, 0, NULL, 0);
		s = stats(b, "");
		CHECK_INT(s.hits, 1 + (i + 1) * 110);
		arena_free(&s.arena);
		CHECK_INT(put(b, "k", "v", 1000), 0);
		CHECK_INT(put(b, "k", "v", 1000), 0);
		shut(b);
	}
	CHECK_INT(number("SELECT sum(hits) FROM area"), 331);
	/* More than any frame is long, and more than is read at once. */
	for (int i = 0; i < 3; i++)
		append(".hits", garbage, sizeof(garbage));
	b = open_cache();
	CHECK_INT(put(b, "k", "v", 1000), 0);
	count(b, "k", 1, 0, NULL, 0);
	CHECK_INT(put(b, "k", "v", 1000), 0);
	CHECK_INT(put(b, "k", "v", 1000), 0);
	CHECK_INT(put(b, "k", "v", 1000), 0);
	shut(b);
	CHECK_INT(number("SELECT sum(hits) FROM area"), 332);
	/* One of which the header is damaged tells nothing; there is a new one. */
	fd = open(beside(".hits"), O_WRONLY);
	CHECK(pwrite(fd, "X", 1, 3) == 1);
	close(fd);
	b = open_cache();
	count(b, "k", 1000, 0, NULL, 0);
	CHECK_INT(put(b, "k", "v", 1000), 0);
	count(b, "k", 1000, 0, NULL, 0);
	CHECK_INT(put(b, "k", "v", 1000), 0);
	CHECK_INT(number("SELECT sum(hits) FROM area"), 1332);
	shut(b);
}

/* A lock on the file of hits, in this process's name. */
static int
hold_hits(short type)
{
	struct flock f = {.l_type = type, .l_whence = SEEK_SET};
	int fd = open(beside(".hits"), O_RDWR);

	CHECK(fd >= 0 && fcntl(fd, F_OFD_SETLK, &f) == 0);
	return fd;
}

TEST(who_appends_waits_for_who_retires_and_does_not_keep_him)
{
	struct cache_base *b;
	pid_t child;
	int fd, status;

	fresh();
	b = open_cache();
	put_many(b, "k:", 0, 10, 10);
	/* For a while. */
	fd = hold_hits(F_WRLCK);
	child = fork();
	if (child == 0) {
		usleep(30000);
		_exit(0);
	}
	close(fd);
	count(b, "k", 1, 0, NULL, 0);
	CHECK_INT(put(b, "k:00001", "v", 1000), 0);
	CHECK_INT(waitpid(child, &status, 0), child);
	CHECK_INT(number("SELECT sum(hits) FROM area"), 1);
	/* For ever: what is said then is not waited for. */
	fd = hold_hits(F_WRLCK);
	count(b, "k", 1, 0, NULL, 0);
	CHECK_INT(put(b, "k:00001", "v", 1000), 0);
	close(fd);
	CHECK_INT(number("SELECT sum(hits) FROM area"), 1);
	/* Somebody who appends: it is replaced the next time. */
	CHECK_INT(put(b, "k:00001", "xxxxxxxxxx", 100000), 0);
	grow_hits(b, (1 << 20) + 1);
	fd = hold_hits(F_RDLCK);
	for (int i = 0; i < 15; i++)
		CHECK_INT(put(b, "other", "v", 1000), 0);
	CHECK(size_of(".hits") > 1 << 20);
	close(fd);
	/* Nor is it when no other can be made; all else goes on. */
	CHECK_INT(mkdir(beside(".hits.new"), 0700), 0);
	CHECK_INT(put(b, "other", "v", 1000), 0);
	CHECK(size_of(".hits") > 1 << 20);
	CHECK_INT(unlink(beside(".hits")), 0);
	count(b, "k", 7, 0, NULL, 0);
	CHECK_INT(put(b, "other", "w", 1000), 0);
	CHECK_STR(got(b, "other"), "w");
	CHECK_INT(rmdir(beside(".hits.new")), 0);
	CHECK_INT(put(b, "other", "v", 1000), 0);
	CHECK_INT(put(b, "other", "v", 1000), 0);
	CHECK_INT(number("SELECT sum(hits) FROM area"), 8);
	shut(b);
}

/* A frame with items that no one writes: whole, yet nonsense. */
static void
append_nonsense(const int64_t *items, size_t n)
{
	struct { uint32_t magic, length; uint64_t sum; } h;

	memcpy(&h.magic, "c1vH", 4);
	h.length = (uint32_t)(n * sizeof(*items));
	h.sum = sum64(items, h.length, h.length);
	append(".hits", &h, sizeof(h));
	append(".hits", items, h.length);
}

TEST(nonsense_in_a_whole_frame_does_no_harm)
{
	static const int64_t unknown[] = {1, 99}, ids[] = {1, 1, INT64_MAX, 1, 1}, text[] = {1, 2, 1, -1},
	    class[] = {1, 3, 0, 5, 0, 1, 99, 7, 1, 1000}, ends[] = {1, 3};
	struct cache_base *b;
	struct cache_stats s;

	fresh();
	b = open_cache();
	CHECK_INT(put(b, "k", "v", 1000), 0);
	append_nonsense(unknown, 2);
	append_nonsense(ids, 5);
	append_nonsense(text, 4);
	append_nonsense(class, 10);
	append_nonsense(ends, 2);
	append_nonsense(NULL, 0);
	count(b, "k", 2, 0, NULL, 0);
	s = stats(b, "");
	CHECK_INT(s.hits, 2);
	arena_free(&s.arena);
	CHECK_INT(put(b, "k2", "v", 1000), 0);
	CHECK_STR(got(b, "k"), "v");
	CHECK_INT(number("SELECT sum(hits) FROM area"), 2);
	shut(b);
}

/* A writer that dies while it replaces the file. */
TEST(a_retired_file_is_folded_in_once)
{
	struct cache_base *b;
	struct cache_stats s;
	char command[300];

	for (int stage = 0; stage < 4; stage++) {
		fresh();
		b = open_cache();
		CHECK_INT(put(b, "k", "v", 1000), 0);
		count(b, "k", 1, 0, NULL, 0);
		CHECK_INT(put(b, "k", "v", 1000), 0);
		count(b, "k", 10, 0, NULL, 0);
		shut(b);
		switch (stage) {
		case 0: /* after link() */
			CHECK_INT(link(beside(".hits"), beside(".hits.old")), 0);
			break;
		case 1: /* after rename(): a new one is there */
			CHECK_INT(rename(beside(".hits"), beside(".hits.old")), 0);
			snprintf(command, sizeof(command), "printf 'c1vhits112345678' >%s", beside(".hits"));
			CHECK_INT(system(command), 0);
			break;
		case 2: /* and somebody has removed the new one */
			CHECK_INT(rename(beside(".hits"), beside(".hits.old")), 0);
			break;
		default: /* after the commit */
			snprintf(command, sizeof(command), "cp %s %s && printf 'c1vhits112345678' >%s", beside(".hits"),
			    beside(".hits.old"), beside(".hits"));
			CHECK_INT(system(command), 0);
			b = open_cache();
			CHECK_INT(put(b, "k", "v", 1000), 0);
			shut(b);
			CHECK_INT(number("SELECT sum(hits) FROM area"), 11);
			CHECK_INT(number("SELECT done <> 0 FROM state"), 1);
		}
		b = open_cache();
		count(b, "k", 100, 0, NULL, 0);
		s = stats(b, "");
		CHECK_INT(s.hits, stage == 2 ? 11 : 111);
		arena_free(&s.arena);
		CHECK_INT(put(b, "k", "v", 1000), 0);
		CHECK_INT(put(b, "k", "v", 1000), 0);
		shut(b);
		/* Where there was no file it was kept until there was one. */
		CHECK_INT(number("SELECT sum(hits) FROM area"), 111);
		CHECK_INT(size_of(".hits.old"), -1);
		check_sums();
	}
}

/* --- damage ---------------------------------------------------------------------------------- */

struct copy {
	char *data;
	size_t n;
};

static struct copy
read_file(const char *ending)
{
	struct copy f = {mem_alloc(4 << 20), 0};
	int fd = open(beside(ending), O_RDONLY);
	ssize_t n = read(fd, f.data, 4 << 20);

	CHECK(fd >= 0 && n >= 0);
	f.n = n > 0 ? (size_t)n : 0;
	close(fd);
	return f;
}

static void
write_file(const char *ending, struct copy f)
{
	int fd = open(beside(ending), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0 && write(fd, f.data, f.n) == (ssize_t)f.n);
	close(fd);
}

enum { KEYS = 8 };

static const char *
nth(int i)
{
	static char key[16][16];
	static int next;

	next = (next + 1) % 16;
	snprintf(key[next], sizeof(key[next]), "g%d:key%d", i % 3, i);
	return key[next];
}

/* A small cache of everything, in one file. */
static struct copy
make_small(void)
{
	struct slice tag = SLICE("tag");
	struct cache_base *b;
	struct err e = {0};

	fresh();
	b = open_cache();
	for (int i = 0; i < KEYS; i++) {
		struct cache_entry entry = {.key = slice_of(nth(i)), .ttl_ms = 100000, .tags = &tag, .tag_count = i == 1};
		char text[6000];

		memset(text, 'a' + i, sizeof(text));
		entry.value = (struct slice){text, i == 2 ? sizeof(text) : 100};
		CHECK_INT(cache_sqlite.set(b, &entry, 1, &e), 0);
	}
	count(b, "g1", 1, 1, "m", 1);
	shut(b);
	CHECK_INT(number("PRAGMA wal_checkpoint(TRUNCATE)"), 0);
	return read_file("");
}

/* Of the small cache: nothing but what was put. Returns how many were there. */
static int
check_small(struct cache_base *b)
{
	struct err e = {0};
	int found = 0;

	for (int i = 0; i < KEYS; i++) {
		struct slice k = slice_of(nth(i)), v;
		int rc = cache_sqlite.get(b, &k, 1, &v, &e);

		CHECK_INT(rc, 0);
		if (rc != 0)
			printf("# %s\n", e.text);
		if (rc != 0 || v.p == NULL)
			continue;
		found++;
		CHECK_INT(v.n, i == 2 ? 6000 : 100);
		for (size_t n = 0; n < v.n; n++) {
			if (v.p[n] != 'a' + i) {
				CHECK_INT(v.p[n], 'a' + i);
				break;
			}
		}
	}
	return found;
}

static void
without_wal(void)
{
	unlink(beside("-wal"));
	unlink(beside("-shm"));
}

/* It is used, and works: with what can be read of it, or anew. */
static void
check_usable(struct cache_base *b)
{
	struct slice k[2] = {slice_of(nth(0)), slice_of(nth(5))};
	struct cache_stats s;
	uint64_t n;
	uint8_t was[2];
	struct err e = {0};

	s = stats(b, "");
	arena_free(&s.arena);
	CHECK(left(b, nth(3)) <= 100000);
	CHECK(there(b, nth(3)) <= 1);
	listed(b, "");
	CHECK_INT(put(b, nth(4), "new", 1000), 0);
	CHECK_STR(got(b, nth(4)), "new");
	CHECK_INT(cache_sqlite.touch(b, k, 2, 5000, was, &e), 0);
	CHECK_INT(cache_sqlite.delete(b, k, 2, was, &e), 0);
	CHECK_INT(cache_sqlite.invalidate(b, SLICE("tag"), &n, &e), 0);
	CHECK_INT(purged(b, "g2", 0) < 5, 1);
	CHECK_STR(got(b, nth(0)), "-");
	/* On the way more damage may have been found. */
	CHECK_INT(put(b, nth(4), "newer", 1000), 0);
	CHECK_STR(got(b, nth(4)), "newer");
}

TEST(a_flipped_byte_is_never_a_wrong_value)
{
	struct copy good = make_small(), bad = good;
	struct cache_base *b;
	const char *scale = getenv("C1V_TEST_SCALE");
	size_t step = scale != NULL && atoi(scale) > 1 ? 1 : 29, lost = 0, tried = 0;

	bad.data = mem_bytes(good.data, good.n);
	for (size_t at = 0; at < good.n && test_failures < 20; at += at < 110 ? 7 : step) {
		int before = test_failures;

		bad.data[at] ^= (char)(1 << (at / step % 8));
		write_file("", bad);
		without_wal();
		b = open_cache();
		lost += (size_t)(KEYS - check_small(b));
		check_usable(b);
		shut(b);
		if (test_failures > before)
			printf("# byte %zu of %zu\n", at, good.n);
		bad.data[at] = good.data[at];
		tried++;
	}
	/* Some do tell. */
	CHECK(lost > 50 && lost < tried * KEYS);
	free(good.data);
	free(bad.data);
}

TEST(a_file_cut_short_is_never_a_wrong_value)
{
	struct copy good = make_small(), bad = good;
	struct cache_base *b;

	for (bad.n = 0; bad.n < good.n && test_failures < 20; bad.n += 1031) {
		write_file("", bad);
		without_wal();
		b = open_cache();
		check_small(b);
		check_usable(b);
		shut(b);
	}
	free(good.data);
}

TEST(a_damaged_entry_is_a_miss_and_removed)
{
	struct copy good = make_small();
	struct cache_base *b;
	char *value = memmem(good.data, good.n, "dddddddd", 8);

	CHECK(value != NULL);
	value[3] = 'X';
	write_file("", good);
	without_wal();
	b = open_cache();
	CHECK_STR(got(b, nth(3)), "-");
	CHECK_INT(check_small(b), KEYS - 1);
	CHECK_INT(put(b, "other", "v", 1000), 0);
	CHECK_INT(number("SELECT count(*) FROM entry WHERE key = CAST('g0:key3' AS BLOB)"), 0);
	check_sums();
	CHECK_INT(check_small(b), KEYS - 1);
	shut(b);
	free(good.data);
	/* The time belongs to what is checked: one that was made longer is damage. */
	good = make_small();
	CHECK_INT(number("UPDATE entry SET expires = expires + 1 WHERE key = CAST('g1:key1' AS BLOB) RETURNING 1"), 1);
	CHECK_INT(number("UPDATE entry SET id = (SELECT id FROM entry WHERE key = CAST('g1:key1' AS BLOB))"
	    " WHERE key = CAST('g1:key4' AS BLOB) RETURNING 1"), 1);
	b = open_cache();
	CHECK_INT(there(b, nth(1)), 0);
	CHECK_STR(got(b, nth(1)), "-");
	CHECK_STR(got(b, nth(4)), "-");
	CHECK_INT(check_small(b), KEYS - 2);
	CHECK_INT(put(b, nth(4), "v", 1000), 0);
	CHECK_INT(number("SELECT count(*) FROM entry WHERE key = CAST('g1:key1' AS BLOB)"), 0);
	CHECK_STR(got(b, nth(4)), "v");
	CHECK_INT(removed(b, nth(4)), 1);
	CHECK_INT(check_small(b), KEYS - 2);
	shut(b);
	free(good.data);
}

TEST(many_damaged_entries_are_removed_by_and_by)
{
	enum { MANY = 300 };
	struct slice keys[MANY], values[MANY];
	struct arena a = {0};
	struct cache_base *b;
	struct err e = {0};
	char longest[900];

	fresh();
	memset(longest, 'k', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	b = open_cache();
	put_many(b, longest, 0, MANY, 10);
	shut(b);
	CHECK_INT(number("UPDATE entry SET sum = sum + 1 RETURNING 1"), 1);
	b = open_cache();
	for (int i = 0; i < MANY; i++)
		keys[i] = slice_of(arena_format(&a, "%s%05d", longest, i));
	for (int i = 0; i < 12 && number("SELECT count(*) FROM entry") > 1; i++) {
		CHECK_INT(cache_sqlite.get(b, keys, MANY, values, &e), 0);
		for (int n = 0; n < MANY; n++)
			CHECK(values[n].p == NULL);
		CHECK_INT(put(b, "other", "v", 1000), 0);
	}
	CHECK_INT(number("SELECT count(*) FROM entry"), 1);
	CHECK_STR(got(b, "other"), "v");
	shut(b);
	arena_free(&a);
	check_sums();
}

TEST(sums_that_cannot_be_are_damage)
{
	struct cache_base *b;

	fresh();
	options.max_size = 1 << 20;
	b = open_cache();
	put_many(b, "k:", 0, 10, 10);
	CHECK_INT(number("UPDATE state SET bytes = bytes + 1 RETURNING 1"), 1);
	CHECK_INT(put(b, "k", "v", 1000), 0);
	CHECK_STR(got(b, "k"), "v");
	CHECK_INT(there(b, "k:00001"), 0);
	put_many(b, "k:", 0, 900, 1000);
	CHECK_INT(number("UPDATE life SET size = 1 RETURNING 1"), 1);
	shut(b);
	options.max_size = 100000;
	b = open_cache();
	put_many(b, "l:", 0, 10, 1000);
	CHECK_INT(there(b, "l:00001"), 1);
	CHECK_INT(there(b, "k:00899"), 0);
	shut(b);
	check_sums();
}

TEST(who_has_it_open_sees_the_one_begun_anew)
{
	struct copy good = make_small(), bad = good;
	struct cache_base *reader, *writer, *other;

	reader = open_cache();
	writer = open_cache();
	CHECK_INT(check_small(reader), KEYS);
	CHECK_INT(put(writer, "w", "before", 1000), 0);
	shut(open_cache());
	/* In place, as a disk does it. */
	memset(good.data + 100, 0xff, 4000);
	CHECK_INT(number("PRAGMA wal_checkpoint(TRUNCATE)"), 0);
	write_file("", bad);
	other = open_cache();
	CHECK_INT(put(other, "o", "after", 1000), 0);
	CHECK_STR(got(reader, "o"), "after");
	CHECK_STR(got(reader, "w"), "-");
	CHECK_INT(put(writer, "w", "again", 1000), 0);
	CHECK_STR(got(other, "w"), "again");
	CHECK_INT(purged(other, "", 0), 2);
	CHECK_STR(got(reader, "w"), "-");
	CHECK_INT(put(writer, "w", "and again", 1000), 0);
	CHECK_STR(got(reader, "w"), "and again");
	shut(reader);
	shut(writer);
	shut(other);
	check_sums();
	free(good.data);
}

TEST(the_file_of_somebody_else_is_left_alone)
{
	static const char text[] = "These are my notes, of more than a hundred bytes, which nobody wants to lose, "
	    "whatever was said on a command line.\n";
	struct copy mine = {(char *)(uintptr_t)text, sizeof(text) - 1}, now;
	struct cache_entry entry = {.key = SLICE("k"), .value = SLICE("v"), .ttl_ms = 1000};
	struct cache_base *b;
	struct err e = {0};

	fresh();
	write_file("", mine);
	b = open_cache();
	CHECK_STR(got(b, "k"), "-");
	CHECK_INT(cache_sqlite.set(b, &entry, 1, &e), C1V_DATA);
	CHECK_STR(e.hint, "name another file, or remove this one");
	now = read_file("");
	CHECK(now.n == mine.n && memcmp(now.data, text, now.n) == 0);
	free(now.data);
	shut(b);

	fresh();
	write_file("", (struct copy){NULL, 0});
	CHECK_INT(number("PRAGMA application_id = 7"), -1);
	CHECK_INT(number("CREATE TABLE t (x)"), -1);
	b = open_cache();
	CHECK_STR(got(b, "k"), "-");
	CHECK_INT(cache_sqlite.set(b, &entry, 1, &e), C1V_DATA);
	CHECK_INT(number("SELECT count(*) FROM sqlite_schema"), 1);
	shut(b);
}

TEST(what_a_newer_version_made_is_left_alone)
{
	struct cache_entry entry = {.key = SLICE("k"), .value = SLICE("v"), .ttl_ms = 1000};
	struct slice v;
	struct cache_base *b;
	struct err e = {0};

	free(make_small().data);
	CHECK_INT(number("DELETE FROM c1v_schema RETURNING 1"), 1);
	CHECK_INT(number("INSERT INTO c1v_schema VALUES (1, -1, 0) RETURNING 1"), 1);
	CHECK_INT(number("PRAGMA user_version = 9"), -1);
	b = open_cache();
	CHECK_INT(cache_sqlite.set(b, &entry, 1, &e), C1V_CONFIG);
	CHECK_INT(cache_sqlite.get(b, &entry.key, 1, &v, &e), C1V_CONFIG);
	shut(b);
	CHECK_INT(number("SELECT count(*) FROM entry"), KEYS);
}

/* --- failures -------------------------------------------------------------------------------- */

TEST(what_cannot_be_made_is_said)
{
	struct cache_entry entry = {.key = SLICE("k"), .value = SLICE("v"), .ttl_ms = 1000};
	struct slice v;
	struct cache_base *b;
	struct err e = {0};
	int is;

	fresh();
	CHECK_INT(cache_sqlite.open(&options, "/dev/null/cache.db", &b, &e), 0);
	CHECK_INT(cache_sqlite.set(b, &entry, 1, &e), C1V_IO);
	CHECK_INT(cache_sqlite.lock(b, SLICE("n"), &is, &e), C1V_IO);
	CHECK_INT(is, 0);
	CHECK_INT(cache_sqlite.get(b, &entry.key, 1, &v, &e), C1V_IO);
	shut(b);
	CHECK_INT(mkdir(beside(".run"), 0700), 0);
	b = open_cache();
	CHECK_INT(cache_sqlite.lock(b, SLICE("n"), &is, &e), C1V_IO);
	CHECK_INT(rmdir(beside(".run")), 0);
	shut(b);
}

TEST(another_writer_is_waited_for_so_long)
{
	struct cache_entry entry = {.key = SLICE("k"), .value = SLICE("v"), .ttl_ms = 1000};
	struct flock f = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct cache_base *b;
	struct err e = {0};
	int fd;

	fresh();
	options.wait = 0.01;
	b = open_cache();
	CHECK_INT(put(b, "a", "1", 1000), 0);
	fd = open(beside(".lock"), O_RDWR);
	CHECK_INT(fcntl(fd, F_OFD_SETLK, &f), 0);
	CHECK_INT(cache_sqlite.set(b, &entry, 1, &e), C1V_AGAIN);
	CHECK_STR(got(b, "a"), "1");
	close(fd);
	CHECK_INT(cache_sqlite.set(b, &entry, 1, &e), 0);
	shut(b);
}

TEST(a_full_disk_is_an_error_and_no_damage)
{
	struct rlimit before, little;
	struct cache_entry entry = {.key = SLICE("large"), .ttl_ms = 1000};
	char *large = mem_zero(1, 1 << 20);
	struct cache_base *b;
	struct err e = {0};

	fresh();
	b = open_cache();
	CHECK_INT(put(b, "a", "1", 1000), 0);
	signal(SIGXFSZ, SIG_IGN);
	CHECK_INT(getrlimit(RLIMIT_FSIZE, &before), 0);
	little = before;
	little.rlim_cur = 500000;
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &little), 0);
	entry.value = (struct slice){large, 1 << 20};
	CHECK_INT(cache_sqlite.set(b, &entry, 1, &e), C1V_IO);
	CHECK_STR(got(b, "a"), "1");
	CHECK_STR(got(b, "large"), "-");
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &before), 0);
	CHECK_INT(cache_sqlite.set(b, &entry, 1, &e), 0);
	CHECK_INT(there(b, "large"), 1);
	shut(b);
	free(large);
	check_sums();
}

/* As a user who may not write there. */
TEST(lookups_work_where_nothing_can_be_written)
{
	int status, before = test_failures;
	pid_t child;

	free(make_small().data);
	CHECK_INT(chmod(path, 0444), 0);
	CHECK_INT(chmod(beside(".hits"), 0444), 0);
	without_wal();
	CHECK_INT(chmod(directory, 0555), 0);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		struct cache_entry entry = {.key = SLICE("k"), .value = SLICE("v"), .ttl_ms = 1000};
		struct cache_base *b;
		struct err e = {0};
		struct cache_stats s;

		if (geteuid() == 0 && setuid(65534) != 0)
			_exit(99);
		b = open_cache();
		CHECK_INT(check_small(b), KEYS);
		CHECK_INT(cache_sqlite.set(b, &entry, 1, &e), C1V_IO);
		CHECK_INT(check_small(b), KEYS);
		s = stats(b, "");
		CHECK_INT(s.keys, KEYS);
		arena_free(&s.arena);
		shut(b);
		fflush(stdout);
		_exit(test_failures != before);
	}
	CHECK_INT(waitpid(child, &status, 0), child);
	CHECK_INT(status, 0);
	CHECK_INT(chmod(directory, 0700), 0);
	CHECK_INT(chmod(path, 0600), 0);
}

/* --- many processes, and dying ones ---------------------------------------------------------- */

enum { PROCESSES = 64, ROUNDS = 10, READS = 1000 };

static void
hammer(int me)
{
	struct cache_base *b = open_cache();
	struct slice keys[READS], values[READS];
	char own[32], value[64];
	struct err e = {0};
	int is;

	for (int round = 0; round < ROUNDS; round++) {
		snprintf(own, sizeof(own), "own:%d:%d", me, round);
		snprintf(value, sizeof(value), "value of %d in %d", me, round);
		CHECK_INT(put(b, own, value, 100000), 0);
		CHECK_STR(got(b, own), value);
		CHECK_INT(put(b, "all:same", value, 100000), 0);
		CHECK(strncmp(got(b, "all:same"), "value of ", 9) == 0);
		for (int i = 0; i < READS; i++)
			keys[i] = i % 2 ? SLICE("read:00001") : SLICE("read:00002");
		CHECK_INT(cache_sqlite.get(b, keys, READS, values, &e), 0);
		for (int i = 0; i < READS; i++)
			CHECK(values[i].n == 100);
		count(b, "read", READS, 1, "m", 3);
		if (round % 4 == me % 4) {
			struct cache_stats s = stats(b, "");

			CHECK(s.hits >= (int64_t)READS * (round + 1) && s.hits <= (int64_t)PROCESSES * ROUNDS * READS);
			CHECK(s.hits % READS == 0);
			arena_free(&s.arena);
		}
		if (round > 0) {
			snprintf(own, sizeof(own), "own:%d:%d", me, round - 1);
			CHECK_INT(removed(b, own), 1);
		}
		if (cache_sqlite.lock(b, SLICE("one"), &is, &e) != 0 || !is)
			continue;
		/* Nobody else is in here. */
		is = open(beside(".one"), O_CREAT | O_EXCL | O_WRONLY, 0600);
		CHECK(is >= 0);
		close(is);
		unlink(beside(".one"));
		cache_sqlite.unlock(b);
	}
	shut(b);
}

TEST(sixty_four_processes_lose_nothing)
{
	struct cache_base *b;
	struct cache_stats s;
	pid_t children[PROCESSES];
	int status;

	fresh();
	b = open_cache();
	put_many(b, "read:", 0, 10, 100);
	shut(b);
	fflush(stdout);
	for (int i = 0; i < PROCESSES; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			test_failures = 0;
			hammer(i);
			fflush(stdout);
			_exit(test_failures != 0);
		}
	}
	for (int i = 0; i < PROCESSES; i++) {
		CHECK_INT(waitpid(children[i], &status, 0), children[i]);
		CHECK_INT(status, 0);
	}
	b = open_cache();
	s = stats(b, "");
	CHECK_INT(s.keys, 10 + 1 + PROCESSES);
	CHECK_INT(s.hits, (int64_t)PROCESSES * ROUNDS * READS);
	CHECK_INT(s.misses, PROCESSES * ROUNDS);
	CHECK_INT(group(&s, "read")->latency[LATENCY], PROCESSES * ROUNDS);
	CHECK_INT(group(&s, "read")->saving_count, 1);
	CHECK_INT(group(&s, "read")->savings[0].tokens, PROCESSES * ROUNDS * 3);
	arena_free(&s.arena);
	for (int i = 0; i < PROCESSES; i++) {
		char own[32], value[64];

		snprintf(own, sizeof(own), "own:%d:%d", i, ROUNDS - 1);
		snprintf(value, sizeof(value), "value of %d in %d", i, ROUNDS - 1);
		CHECK_STR(got(b, own), value);
	}
	/* The file of hits was replaced on the way: it is not as long as what was said. */
	CHECK(size_of(".hits") < (int64_t)PROCESSES * ROUNDS * READS * 8);
	for (int i = 0; i < 100; i++)
		CHECK_INT(put(b, "all:same", "v", 100000), 0);
	shut(b);
	CHECK_INT(number("SELECT sum(hits) FROM area"), PROCESSES * ROUNDS * READS);
	check_sums();
}

/* Value number n of a key; its size changes with n, so that pages are split, joined and chained. */
static struct slice
value_of(int key, int n)
{
	static char text[20000];
	int size = 20 + n * 7919 % (n % 5 == 0 ? 19000 : 900);

	memset(text, 'a' + (key + n) % 26, (size_t)size);
	memcpy(text, &key, sizeof(key));
	memcpy(text + sizeof(key), &n, sizeof(n));
	return (struct slice){text, (size_t)size};
}

struct said {
	int begun[KEYS], done[KEYS]; /* the number of the value that was put last */
};

/* Until it is killed. */
static _Noreturn void
change_for_ever(volatile struct said *said)
{
	struct cache_base *b = open_cache();
	struct slice tag = SLICE("tag");
	struct err e = {0};
	uint64_t n;

	for (;;) {
		for (int i = 0; i < KEYS; i++) {
			struct cache_entry entry = {.key = slice_of(nth(i)), .ttl_ms = 100000, .tags = &tag, .tag_count = i == 1};

			said->begun[i] = said->done[i] + 1;
			entry.value = value_of(i, said->begun[i]);
			if (cache_sqlite.set(b, &entry, 1, &e) != 0)
				_exit(1);
			said->done[i] = said->begun[i];
		}
		if (cache_sqlite.invalidate(b, SLICE("none"), &n, &e) != 0)
			_exit(2);
		got(b, nth(0));
		if (said->done[0] % 20 == 0) {
			shut(b);
			b = open_cache();
		}
	}
}

TEST(killed_at_any_moment_it_is_right)
{
	const char *scale = getenv("C1V_TEST_SCALE");
	int rounds = 60 * (scale != NULL && atoi(scale) > 1 ? atoi(scale) : 1), status;
	volatile struct said *said = mmap(NULL, sizeof(*said), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint32_t seed = (uint32_t)getpid();

	fresh();
	memset((void *)(uintptr_t)said, 0, sizeof(*said));
	for (int round = 0; round < rounds && test_failures == 0; round++) {
		struct cache_base *b;
		pid_t child;

		fflush(stdout);
		child = fork();
		if (child == 0)
			change_for_ever(said);
		seed = seed * 1664525 + 1013904223;
		usleep(1000 + seed / 256 % 30000);
		kill(child, SIGKILL);
		CHECK_INT(waitpid(child, &status, 0), child);
		CHECK(WIFSIGNALED(status));
		b = open_cache();
		for (int i = 0; i < KEYS; i++) {
			struct slice k = slice_of(nth(i)), v, want;
			struct err e = {0};
			int n = 0;

			CHECK_INT(cache_sqlite.get(b, &k, 1, &v, &e), 0);
			if (v.p != NULL && v.n >= 20)
				memcpy(&n, v.p + sizeof(int), sizeof(n));
			CHECK(n == said->done[i] || n == said->begun[i]);
			want = value_of(i, n);
			if (n > 0)
				CHECK(slice_equal(v, want));
			said->done[i] = said->begun[i] = n;
		}
		CHECK_INT(put(b, "k", "v", 1000), 0);
		shut(b);
		if (round % 10 == 9)
			check_sums();
	}
	CHECK(said->done[KEYS - 1] > rounds);
	munmap((void *)(uintptr_t)said, sizeof(*said));
}

int
main(void)
{
	return test_run();
}

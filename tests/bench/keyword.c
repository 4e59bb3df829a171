/* keyword [STORE COLLECTION QUERIES]: the keyword leg beside FTS5's own
 * ranking, on the same index, in the same run.
 *
 * QUERIES is a file with a query a line. Without arguments a collection of
 * 98,000 texts is made in $TMPDIR, of words that are distributed as in English
 * (Zipf), and queries of 3 to 12 words drawn from the texts: as common as words
 * of questions are. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/sqlite_search.h"
#include "store/store.h"

enum { TEXTS = 98000, BATCH = 1000, WORDS = 60000, QUERIES = 100, ROUNDS = 2, LIMIT = 10 };

static uint64_t seed = 88172645463325252u;

static double
uniform(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (double)(seed >> 11) / 9007199254740992.0;
}

/* A word of rank r has a share of about 1/r. */
static int
draw(void)
{
	return (int)pow(WORDS, uniform()) - 1;
}

static void
add_text(struct buf *b, int words)
{
	for (int i = 0; i < words; i++)
		buf_format(b, "%sx%dq", i ? " " : "", draw());
}

static int
fail(const struct err *e)
{
	fprintf(stderr, "keyword: %s\n", e->text);
	return e->code;
}

/* Texts first to first + BATCH, in one transaction. */
static int
add_batch(struct store *s, int first, struct err *e)
{
	struct chunk_row rows[BATCH] = {0};
	struct document_row documents[BATCH];
	const struct document_row *batch[BATCH];
	struct put_options put = {0};
	struct put_counts counts = {0};
	struct arena held = {0};
	int rc;

	for (int i = 0; i < BATCH; i++) {
		struct buf content = {0};

		add_text(&content, 20 + (int)(uniform() * 140));
		rows[i].id = slice_of(arena_format(&held, "t%d", first + i));
		rows[i].content = (struct slice){arena_bytes(&held, content.data, content.len), content.len};
		documents[i] = (struct document_row){.id = rows[i].id, .chunks = &rows[i], .count = 1};
		batch[i] = &documents[i];
		buf_free(&content);
	}
	rc = store_write(s, batch, BATCH, &put, &counts, e);
	arena_free(&held);
	return rc;
}

static int
make_store(const char *path)
{
	struct store_options o = {.url = path, .collection = "documents", .mode = STORE_WRITE, .wait = 5};
	struct err e = {0};
	struct store *s;
	int rc = store_open(&o, &s, &e);

	for (int i = 0; rc == 0 && i < TEXTS; i += BATCH)
		rc = add_batch(s, i, &e);
	if (rc == 0)
		rc = store_close(s, &e);
	return rc ? fail(&e) : 0;
}

static char **
read_queries(const char *path, size_t *count)
{
	char **out = mem_zero(QUERIES, sizeof(*out)), *line = NULL;
	size_t room = 0;
	FILE *f = path ? fopen(path, "r") : NULL;

	*count = 0;
	while (*count < QUERIES) {
		struct buf b = {0};
		ssize_t n = 0;

		if (f == NULL)
			add_text(&b, 3 + (int)(uniform() * 10));
		else if ((n = getline(&line, &room, f)) > 0)
			buf_add(&b, line, (size_t)n - (line[n - 1] == '\n'));
		if (n < 0)
			break;
		out[(*count)++] = buf_cstr(&b);
	}
	free(line);
	if (f != NULL)
		fclose(f);
	return out;
}

static int
ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

struct figures {
	double ms[QUERIES];
};

static void
report(const char *what, struct figures *f, size_t count)
{
	double sum = 0;

	qsort(f->ms, count, sizeof(*f->ms), ascending);
	for (size_t i = 0; i < count; i++)
		sum += f->ms[i];
	printf("%-34s p50 %7.2f ms  p95 %7.2f ms  mean %7.2f ms\n", what, f->ms[count / 2],
	    f->ms[count * 95 / 100], sum / (double)count);
}

/* The query as FTS5 wants it, terms joined by glue. */
static void
expression(struct keyword *k, const char *query, const char *glue, struct buf *b)
{
	struct terms t;
	struct err e;

	b->len = 0;
	if (keyword_terms(k, slice_of(query), 0, &t, &e) != 0)
		exit(fail(&e));
	for (size_t i = 0; i < t.count; i++) {
		buf_string(b, i ? glue : "");
		terms_add_quoted(b, t.items[i].text);
	}
	terms_free(&t);
}

/* FTS5 gets a connection of its own, with a cache that holds everything and
 * without our checks of every page: as fast as it can be. */
static sqlite3 *
open_plain(const char *path)
{
	sqlite3 *db;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
	    sqlite3_exec(db, "PRAGMA cache_size = -1000000", NULL, NULL, NULL) != SQLITE_OK) {
		fprintf(stderr, "keyword: %s\n", sqlite3_errmsg(db));
		exit(1);
	}
	return db;
}

/* Run FTS5's own ranking. out: the ids of each query's best. */
static void
run_fts5(sqlite3 *db, const char *collection, struct keyword *k, char **queries, size_t count,
    const char *glue, struct figures *f, int64_t (*out)[LIMIT])
{
	struct buf b = {0};
	sqlite3_stmt *st;

	buf_format(&b, "SELECT rowid FROM \"%s_fts\" WHERE \"%s_fts\" MATCH ?1 ORDER BY rank LIMIT 10",
	    collection, collection);
	if (sqlite3_prepare_v2(db, buf_cstr(&b), -1, &st, NULL) != SQLITE_OK) {
		fprintf(stderr, "keyword: %s\n", sqlite3_errmsg(db));
		exit(1);
	}
	for (size_t i = 0; i < count; i++) {
		int64_t start;
		int n = 0;

		expression(k, queries[i], glue, &b);
		start = clock_mono_ns();
		db_bind_text(st, 1, buf_as_slice(&b));
		while (sqlite3_step(st) == SQLITE_ROW && n < LIMIT)
			out[i][n++] = sqlite3_column_int64(st, 0);
		sqlite3_reset(st);
		f->ms[i] = fmin(f->ms[i], clock_seconds_since(start) * 1e3);
	}
	sqlite3_finalize(st);
	buf_free(&b);
}

static double
run_ours(struct store *s, struct sqlite_store *q, char **queries, size_t count, struct figures *f,
    int64_t (*theirs)[LIMIT])
{
	double same = 0, all = 0;

	for (size_t i = 0; i < count; i++) {
		struct search_query query = {.text = slice_of(queries[i]), .mode = SEARCH_KEYWORD,
		    .limit = LIMIT, .candidates = 100, .min_score = -2, .mmr = -1, .no_collapse = 1};
		struct search_hits hits = {0};
		struct err e;

		if (store_search(s, &query, &hits, &e) != 0)
			exit(fail(&e));
		f->ms[i] = fmin(f->ms[i], hits.trace.keyword_ms);
		for (size_t h = 0; h < hits.count; h++) {
			sqlite3_stmt *st;
			int64_t slot = 0;

			if (sqlite_prepare(q, "SELECT id FROM \"{c}_chunk\" WHERE key = ?1", &st, &e) != 0)
				exit(fail(&e));
			db_bind_text(st, 1, hits.items[h].id);
			if (sqlite3_step(st) == SQLITE_ROW)
				slot = sqlite3_column_int64(st, 0);
			sqlite3_finalize(st);
			for (int t = 0; t < LIMIT; t++)
				same += theirs[i][t] == slot;
			all++;
		}
		search_hits_free(&hits);
	}
	return all > 0 ? same / all : 1;
}

static void
remove_store(const char *path)
{
	static const char *const endings[] = {"", "-wal", "-shm", ".lock"};

	for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
		struct buf name = {0};

		buf_format(&name, "%s%s", path, endings[i]);
		unlink(buf_cstr(&name));
		buf_free(&name);
	}
}

int
main(int argc, char **argv)
{
	struct store_options o = {.collection = "documents", .mode = STORE_READ, .wait = 5};
	static int64_t best[QUERIES][LIMIT], ignored[QUERIES][LIMIT];
	static struct figures any, all, ours;
	struct buf path = {0};
	struct err e = {0};
	struct keyword *k;
	struct store *s;
	sqlite3 *plain;
	char **queries;
	double same = 0;
	size_t count;

	if (argc == 4) {
		buf_string(&path, argv[1]);
		o.collection = argv[2];
	} else {
		buf_format(&path, "%s/c1v-bench-keyword.db", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
		if (access(buf_cstr(&path), F_OK) != 0 && make_store(buf_cstr(&path)) != 0)
			return 1;
	}
	o.url = buf_cstr(&path);
	if (store_open(&o, &s, &e) != 0 || keyword_open(sqlite_of(s), &k, &e) != 0)
		return fail(&e);
	plain = open_plain(o.url);
	queries = read_queries(argc == 4 ? argv[3] : NULL, &count);
	for (size_t i = 0; i < QUERIES; i++)
		any.ms[i] = all.ms[i] = ours.ms[i] = INFINITY;
	for (int round = 0; round < ROUNDS; round++) {
		run_fts5(plain, o.collection, k, queries, count, " OR ", &any, best);
		run_fts5(plain, o.collection, k, queries, count, " AND ", &all, ignored);
		same = run_ours(s, sqlite_of(s), queries, count, &ours, best);
	}
	report("FTS5, any term, ORDER BY rank", &any, count);
	report("FTS5, all terms, ORDER BY rank", &all, count);
	report("c1v, any term, best 100", &ours, count);
	printf("p95 against FTS5's any term: %.3f; of the best 10, %.1f%% are FTS5's best 10\n",
	    ours.ms[count * 95 / 100] / any.ms[count * 95 / 100], 100 * same);
	sqlite3_close(plain);
	keyword_close(k);
	if (store_close(s, &e) != 0)
		return fail(&e);
	if (argc != 4)
		remove_store(o.url);
	return 0;
}

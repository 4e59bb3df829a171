/* fts5: the yardsticks that SQLite alone sets.
 *
 *     fts5 build FILE <RECORDS     insert each record's content into a plain
 *                                  FTS5 table, one transaction, default settings
 *     fts5 query FILE <QUERIES     any-term queries, ORDER BY rank LIMIT 10
 *
 * Prints one NDJSON line with the rate, or with the percentiles. */
#include <stdio.h>
#include <stdlib.h>

#include <sqlite3.h>

#include "base/clock.h"
#include "base/json.h"
#include "record/record.h"

static void
must(int ok, const char *what, sqlite3 *db)
{
	if (!ok) {
		fprintf(stderr, "fts5: %s: %s\n", what, sqlite3_errmsg(db));
		exit(74);
	}
}

static struct slice
field(const struct line *line, int query, struct buf *scratch)
{
	struct record r;
	struct slice text = SLICE_NONE;
	struct err e;

	scratch->len = 0;
	if (record_scan(line->text, &r, &e) != 0 ||
	    record_text(query ? r.query : r.content, "content", scratch, &text, &e) != 1) {
		fprintf(stderr, "fts5: %s\n", e.text);
		exit(65);
	}
	return text;
}

static void
build(sqlite3 *db, struct input *in)
{
	struct buf scratch = {0};
	sqlite3_stmt *insert;
	struct line line;
	struct err e;
	size_t rows = 0;
	int64_t start = clock_mono_ns();

	must(sqlite3_exec(db, "CREATE VIRTUAL TABLE f USING fts5(content, tokenize='porter unicode61 remove_diacritics 2');"
	    "BEGIN", NULL, NULL, NULL) == SQLITE_OK, "create", db);
	must(sqlite3_prepare_v2(db, "INSERT INTO f(content) VALUES(?1)", -1, &insert, NULL) == SQLITE_OK, "prepare", db);
	for (; input_line(in, &line, &e) == 1; rows++) {
		struct slice s = field(&line, 0, &scratch);
		sqlite3_bind_text(insert, 1, s.p, (int)s.n, SQLITE_STATIC);
		must(sqlite3_step(insert) == SQLITE_DONE, "insert", db);
		sqlite3_reset(insert);
	}
	sqlite3_finalize(insert);
	must(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK, "commit", db);
	printf("{\"name\":\"FTS5 alone, build\",\"rows\":%zu,\"rows_per_s\":%.0f}\n", rows,
	    (double)rows / clock_seconds_since(start));
	buf_free(&scratch);
}

/* The words of a query, each quoted, joined by OR. */
static void
any_term(struct slice text, struct buf *out)
{
	out->len = 0;
	for (size_t i = 0; i < text.n;) {
		size_t start = i;
		while (i < text.n && text.p[i] != ' ' && text.p[i] != '"')
			i++;
		if (i > start) {
			buf_string(out, out->len ? " OR \"" : "\"");
			buf_add(out, text.p + start, i - start);
			buf_byte(out, '"');
		}
		i++;
	}
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
query(sqlite3 *db, struct input *in)
{
	struct buf scratch = {0}, match = {0};
	sqlite3_stmt *select;
	double *ms = NULL;
	size_t n = 0, room = 0;
	struct line line;
	struct err e;

	must(sqlite3_prepare_v2(db, "SELECT rowid, rank FROM f WHERE f MATCH ?1 ORDER BY rank LIMIT 10", -1,
	    &select, NULL) == SQLITE_OK, "prepare", db);
	while (input_line(in, &line, &e) == 1) {
		int64_t start;
		any_term(field(&line, 1, &scratch), &match);
		start = clock_mono_ns();
		sqlite3_bind_text(select, 1, match.data, (int)match.len, SQLITE_STATIC);
		while (sqlite3_step(select) == SQLITE_ROW)
			;
		must(sqlite3_reset(select) == SQLITE_OK, "query", db);
		mem_grow(&ms, &room, n + 1, sizeof(*ms));
		ms[n++] = clock_seconds_since(start) * 1e3;
	}
	sqlite3_finalize(select);
	if (n > 0) {
		qsort(ms, n, sizeof(*ms), by_value);
		printf("{\"name\":\"FTS5 alone, any-term\",\"queries\":%zu,\"p50_ms\":%.3f,\"p95_ms\":%.3f}\n", n,
		    ms[n / 2], ms[n * 95 / 100]);
	}
	free(ms);
	buf_free(&scratch);
	buf_free(&match);
}

int
main(int argc, char **argv)
{
	struct input_options o = {.max_line = 1 << 26};
	struct input *in = input_open(&o);
	sqlite3 *db;

	if (argc != 3 || (strcmp(argv[1], "build") != 0 && strcmp(argv[1], "query") != 0)) {
		fprintf(stderr, "usage: fts5 build|query FILE\n");
		return 64;
	}
	must(sqlite3_open(argv[2], &db) == SQLITE_OK, "open", db);
	if (strcmp(argv[1], "build") == 0)
		build(db, in);
	else
		query(db, in);
	sqlite3_close(db);
	input_close(in);
	return 0;
}

/* pgquery: what a statement costs by itself: sent for each query by an unnamed
 * PQexecParams over one connection, results taken in binary form and thrown away.
 *
 *     pgquery CONNINFO STATEMENT QUERIES
 *
 * STATEMENT is a file with one statement whose $1 is a vector (and $2, if it is
 * there, the query's text), QUERIES a file of query records with embeddings.
 * Settings are given in PGOPTIONS. Prints one line: milliseconds of a query (mean,
 * p50, p95). */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "record/record.h"

enum { QUERIES_MAX = 100000 };

static void
die(const char *what, const char *why)
{
	fprintf(stderr, "pgquery: %s: %s\n", what, why);
	exit(70);
}

static char *
read_file(const char *path)
{
	struct buf b = {0};
	FILE *f = fopen(path, "r");
	size_t n;

	if (f == NULL)
		die(path, "cannot be read");
	while ((n = fread(buf_reserve(&b, 65536), 1, 65536, f)) > 0)
		b.len += n;
	fclose(f);
	return buf_cstr(&b);
}

/* pgvector's binary form. */
static void
pack(const struct floats *v, struct buf *b)
{
	b->len = 0;
	buf_byte(b, (char)(v->count >> 8));
	buf_byte(b, (char)v->count);
	buf_byte(b, 0);
	buf_byte(b, 0);
	for (size_t i = 0; i < v->count; i++) {
		union { float value; uint32_t bits; } u = {.value = v->v[i]};
		for (int shift = 24; shift >= 0; shift -= 8)
			buf_byte(b, (char)(u.bits >> shift));
	}
}

static double
ask(PGconn *conn, const char *sql, const char *line, size_t n, struct floats *vector, struct buf *packed)
{
	struct buf text = {0};
	struct slice query;
	struct record r;
	struct err e;
	int parameters = strstr(sql, "$2") ? 2 : 1;
	int64_t start;
	double ms;
	PGresult *res;

	if (record_scan((struct slice){line, n}, &r, &e) != 0 || record_vector(&r, vector, &e) <= 0 ||
	    record_text(r.query, "query", &text, &query, &e) < 0)
		die("a query", e.text);
	pack(vector, packed);
	buf_cstr(&text);
	{
		char *words = mem_bytes(query.p, query.n);
		const char *values[2] = {packed->data, words};
		int lengths[2] = {(int)packed->len, (int)query.n}, formats[2] = {1, 0};

		start = clock_mono_ns();
		res = PQexecParams(conn, sql, parameters, NULL, values, lengths, formats, 1);
		ms = clock_seconds_since(start) * 1e3;
		free(words);
	}
	if (PQresultStatus(res) != PGRES_TUPLES_OK)
		die("the statement", PQerrorMessage(conn));
	PQclear(res);
	buf_free(&text);
	return ms;
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int
main(int argc, char **argv)
{
	struct floats vector = {0};
	struct buf packed = {0};
	double *ms, sum = 0;
	char *sql, *queries, *p, *end;
	PGconn *conn;
	size_t n = 0;

	if (argc != 4) {
		fprintf(stderr, "usage: pgquery CONNINFO STATEMENT QUERIES\n");
		return 64;
	}
	sql = read_file(argv[2]);
	queries = read_file(argv[3]);
	ms = mem_zero(QUERIES_MAX, sizeof(*ms));
	conn = PQconnectdb(argv[1]);
	if (PQstatus(conn) != CONNECTION_OK)
		die("connecting", PQerrorMessage(conn));
	for (p = queries; n < QUERIES_MAX && (end = strchr(p, '\n')) != NULL; p = end + 1)
		ms[n++] = ask(conn, sql, p, (size_t)(end - p), &vector, &packed);
	PQfinish(conn);
	for (size_t i = 1; i < n; i++) /* the first one is cold */
		sum += ms[i];
	printf("{\"queries\":%zu,\"mean_ms\":%.4f,", n, n > 1 ? sum / (double)(n - 1) : ms[0]);
	qsort(ms, n, sizeof(*ms), by_size);
	printf("\"p50_ms\":%.4f,\"p95_ms\":%.4f}\n", ms[n / 2], ms[n * 95 / 100]);
	return 0;
}

/* pgcopy: the yardstick for ingesting: a bare COPY BINARY of the same rows.
 *
 *     pgcopy CONNINFO TABLE <RECORDS
 *
 * Reads chunk records, keeps the rows in memory as COPY wants them, and then sends them into
 * TABLE (key, document, position, source, hash, place, model, content, metadata, embedding), which
 * should have the columns and indexes of the table that it is compared with
 * (CREATE TABLE … (LIKE documents INCLUDING ALL)). Prints one NDJSON line: the rate of the COPY with
 * its COMMIT alone, and of the whole run, reading included. */
#include <stdio.h>
#include <stdlib.h>

#include <libpq-fe.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/sha.h"
#include "record/record.h"

enum { FIELDS = 10, SEND = 256 << 10 };

static void
must(int ok, const char *what, const char *why)
{
	if (!ok) {
		fprintf(stderr, "pgcopy: %s: %s\n", what, why);
		exit(74);
	}
}

static void
add_number(struct buf *b, uint64_t n, int bytes)
{
	for (int i = bytes - 1; i >= 0; i--)
		buf_byte(b, (char)(n >> 8 * i & 0xff));
}

static void
add_text(struct buf *b, struct slice s)
{
	add_number(b, s.p ? s.n : UINT32_MAX, 4);
	buf_slice(b, s);
}

static void
add_field(struct buf *b, struct slice json, struct buf *scratch)
{
	scratch->len = 0;
	add_text(b, json.p && json_type(json) == JSON_STRING ? json_text(json, scratch) : SLICE_NONE);
}

static void
add_hash(struct buf *b, struct slice content)
{
	uint8_t sum[SHA_SIZE];

	sha_of(content, sum);
	add_number(b, 8, 4);
	for (int i = 7; i >= 0; i--)
		buf_byte(b, (char)sum[i]);
}

static void
add_vector(struct buf *b, const struct floats *v)
{
	add_number(b, 4 + 4 * v->count, 4);
	add_number(b, v->count, 2);
	add_number(b, 0, 2);
	for (size_t i = 0; i < v->count; i++) {
		union { float value; uint32_t bits; } u = {.value = v->v[i]};
		add_number(b, u.bits, 4);
	}
}

static void
add_row(struct buf *b, const struct record *r, struct floats *v, struct buf *scratch)
{
	struct chunk_place place = {0};
	struct err e;

	must(record_vector(r, v, &e) == 1 && record_chunk(r->chunk, &place, &e) == 0, "record", e.text);
	add_number(b, FIELDS, 2);
	add_field(b, r->id, scratch);
	add_field(b, r->doc, scratch);
	add_number(b, 4, 4);
	add_number(b, (uint64_t)place.index, 4);
	add_field(b, r->source, scratch);
	scratch->len = 0;
	add_hash(b, json_text(r->content, scratch));
	add_text(b, r->chunk);
	add_field(b, r->model, scratch);
	add_field(b, r->content, scratch);
	add_number(b, r->metadata.p ? r->metadata.n + 1 : UINT32_MAX, 4);
	if (r->metadata.p != NULL)
		buf_byte(b, 1);
	buf_slice(b, r->metadata);
	add_vector(b, v);
}

static size_t
read_rows(struct buf *b)
{
	struct input_options o = {0};
	struct input *in = input_open(&o);
	struct buf scratch = {0};
	struct floats v = {0};
	struct line line;
	struct err e;
	size_t rows = 0;

	buf_add(b, "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0", 19);
	for (; input_line(in, &line, &e) == 1; rows++) {
		struct record r;
		must(record_scan(line.text, &r, &e) == 0, "record", e.text);
		add_row(b, &r, &v, &scratch);
	}
	add_number(b, 0xffff, 2);
	input_close(in);
	buf_free(&scratch);
	free(v.v);
	return rows;
}

static void
run(PGconn *c, const char *sql, ExecStatusType wanted)
{
	PGresult *r = PQexec(c, sql);

	must(PQresultStatus(r) == wanted, sql, PQerrorMessage(c));
	PQclear(r);
}

int
main(int argc, char **argv)
{
	int64_t start = clock_mono_ns(), sending;
	struct buf b = {0}, sql = {0};
	PGresult *r;
	PGconn *c;
	size_t rows;

	must(argc == 3, "usage", "pgcopy CONNINFO TABLE <RECORDS");
	c = PQconnectdb(argv[1]);
	must(PQstatus(c) == CONNECTION_OK, "connecting", PQerrorMessage(c));
	rows = read_rows(&b);
	sending = clock_mono_ns();
	run(c, "BEGIN", PGRES_COMMAND_OK);
	buf_format(&sql, "COPY %s (key, document, position, source, hash, place, model, content, metadata, embedding)"
	    " FROM STDIN (FORMAT binary)", argv[2]);
	run(c, buf_cstr(&sql), PGRES_COPY_IN);
	for (size_t i = 0; i < b.len; i += SEND)
		must(PQputCopyData(c, b.data + i, (int)(b.len - i < SEND ? b.len - i : SEND)) == 1, "sending", PQerrorMessage(c));
	must(PQputCopyEnd(c, NULL) == 1, "ending", PQerrorMessage(c));
	r = PQgetResult(c);
	must(PQresultStatus(r) == PGRES_COMMAND_OK, "copy", PQerrorMessage(c));
	PQclear(r);
	must(PQgetResult(c) == NULL, "copy", "more results");
	run(c, "COMMIT", PGRES_COMMAND_OK);
	printf("{\"name\":\"COPY BINARY\",\"rows\":%zu,\"rows_per_s\":%.0f,\"whole_rows_per_s\":%.0f}\n", rows,
	    (double)rows / clock_seconds_since(sending), (double)rows / clock_seconds_since(start));
	PQfinish(c);
	buf_free(&b);
	buf_free(&sql);
	return 0;
}

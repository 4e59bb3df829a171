/* Any bytes as a record: what record_scan takes can be edited and is a record
 * again, its vector can be written and read again. The first byte chooses the
 * edits. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/json.h"
#include "record/record.h"

static void
must(int cond)
{
	if (!cond)
		abort();
}

static void
check_edits(const struct record *r, unsigned choice)
{
	static const char *const keys[] = {"embedding", "model", "id", "a", "error", ""};
	struct edit edits[6];
	struct buf b = {0};
	struct record again;
	size_t n = 0;

	record_add_edited(&b, r, NULL, 0);
	must(slice_equal(buf_as_slice(&b), r->line));
	b.len = 0;
	for (size_t i = 0; i < 6; i++) {
		if (choice >> i & 1)
			edits[n++] = (struct edit){keys[i], choice & 64 ? SLICE_NONE : SLICE("[1e0]")};
	}
	record_add_edited(&b, r, edits, n);
	must(record_scan(buf_as_slice(&b), &again, NULL) == 0);
	for (size_t i = 0; i < n; i++) {
		struct slice value = json_get(again.line, edits[i].key);
		must((value.p == NULL) == (edits[i].value.p == NULL) && slice_equal(value, edits[i].value));
	}
	buf_free(&b);
}

static void
check_vector(const struct record *r)
{
	struct floats f = {0}, g = {0};
	struct buf b = {0};
	struct err e;
	int rc = record_vector(r, &f, &e);

	must(rc != -1 || (e.code == C1V_DATA && e.text[0]));
	for (int base64 = 0; rc == 1 && base64 < 2; base64++) {
		struct record again = {0};

		b.len = 0;
		record_add_vector(&b, f.v, f.count, base64);
		again.embedding = buf_as_slice(&b);
		must(record_vector(&again, &g, &e) == 1);
		must(f.count == g.count && memcmp(f.v, g.v, f.count * sizeof(float)) == 0);
	}
	buf_free(&b);
	free(f.v);
	free(g.v);
}

static void
check_fields(const struct record *r)
{
	struct buf scratch = {0};
	struct chunk_place place;
	struct slice out;
	struct err e;

	if (record_text(r->content, "content", &scratch, &out, &e) == 1)
		must(out.n == 0 || memchr(out.p, '\0', out.n) == NULL);
	if (record_id(r->id, "id", &scratch, &out, &e) == 1)
		must(out.n > 0);
	if (record_chunk(r->chunk, &place, &e) == 0)
		must(place.index >= -1 && place.line >= 0);
	buf_free(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record r;
	struct err e;
	char *text;

	if (size < 2)
		return 0;
	/* A copy that ends where the text ends: a read behind it is seen. */
	text = malloc(size - 1);
	must(text != NULL);
	memcpy(text, data + 1, size - 1);
	if (record_scan((struct slice){text, size - 1}, &r, &e) == 0) {
		check_edits(&r, data[0]);
		check_vector(&r);
		check_fields(&r);
	}
	free(text);
	return 0;
}

#include "store/sqlite_batch.h"

#include <stdlib.h>

#include "record/record.h"
#include "store/filter.h"

/* What is to go: whole documents, and single chunks of others. */
struct doomed {
	int64_t *documents;
	size_t document_count, document_room;
	struct doomed_chunk { int64_t document, slot; } *chunks;
	size_t chunk_count, chunk_room;
	uint64_t chunk_total; /* with those of whole documents */
};

static void
doom_document(struct doomed *k, int64_t document)
{
	mem_grow(&k->documents, &k->document_room, k->document_count + 1, sizeof(*k->documents));
	k->documents[k->document_count++] = document;
}

static void
doom_chunk(struct doomed *k, int64_t document, int64_t slot)
{
	mem_grow(&k->chunks, &k->chunk_room, k->chunk_count + 1, sizeof(*k->chunks));
	k->chunks[k->chunk_count++] = (struct doomed_chunk){document, slot};
}

static int
find_ids(struct sqlite_store *s, const struct delete_options *o, struct doomed *k, struct err *e)
{
	sqlite3_stmt *st[2] = {NULL, NULL};
	int rc = sqlite_prepare(s, "SELECT id FROM \"{c}_document\" WHERE key = ?1", &st[0], e);

	if (rc == 0)
		rc = sqlite_prepare(s, "SELECT document, id FROM \"{c}_chunk\" WHERE key = ?1", &st[1], e);
	for (size_t i = 0; i < o->id_count && rc == 0; i++) {
		db_bind_text(st[0], 1, o->ids[i]);
		rc = db_step(&s->db, st[0], e);
		if (rc > 0)
			doom_document(k, sqlite3_column_int64(st[0], 0));
		sqlite3_reset(st[0]);
		if (rc == 0) {
			db_bind_text(st[1], 1, o->ids[i]);
			rc = db_step(&s->db, st[1], e);
			if (rc > 0)
				doom_chunk(k, sqlite3_column_int64(st[1], 0), sqlite3_column_int64(st[1], 1));
			sqlite3_reset(st[1]);
		}
		rc = rc < 0 ? e->code : 0;
	}
	sqlite3_finalize(st[0]);
	sqlite3_finalize(st[1]);
	return rc;
}

static int
find_source(struct sqlite_store *s, const char *source, struct doomed *k, struct err *e)
{
	sqlite3_stmt *st;
	int rc = sqlite_prepare(s, "SELECT DISTINCT d.id FROM \"{c}_document\" d"
	    " JOIN \"{c}_chunk\" k ON k.document = d.id WHERE coalesce(k.source, d.source) = ?1", &st, e);

	if (rc != 0)
		return rc;
	db_bind_text(st, 1, slice_of(source));
	while ((rc = db_step(&s->db, st, e)) > 0)
		doom_document(k, sqlite3_column_int64(st, 0));
	sqlite3_finalize(st);
	return rc < 0 ? e->code : 0;
}

static int
find_filter(struct sqlite_store *s, const struct filter *filter, struct doomed *k, struct err *e)
{
	sqlite3_stmt *st;
	int rc = sqlite_prepare(s, "SELECT k.id, k.document, k.key, d.key, coalesce(k.source, d.source),"
	    " coalesce(k.metadata, d.metadata) FROM \"{c}_chunk\" k"
	    " JOIN \"{c}_document\" d ON d.id = k.document", &st, e);

	if (rc != 0)
		return rc;
	while ((rc = db_step(&s->db, st, e)) > 0) {
		struct filter_row row = {
			.id = db_text(st, 2),
			.document = db_text(st, 3),
			.source = db_text(st, 4),
			.metadata = db_text(st, 5),
		};
		if (filter_match(filter, &row))
			doom_chunk(k, sqlite3_column_int64(st, 1), sqlite3_column_int64(st, 0));
	}
	sqlite3_finalize(st);
	return rc < 0 ? e->code : 0;
}

static int
by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int
by_document(const void *a, const void *b)
{
	const struct doomed_chunk *x = a, *y = b;

	if (x->document != y->document)
		return x->document < y->document ? -1 : 1;
	return (x->slot > y->slot) - (x->slot < y->slot);
}

static size_t
unique_numbers(int64_t *v, size_t count)
{
	size_t n = 0;

	if (count > 0)
		qsort(v, count, sizeof(*v), by_number);
	for (size_t i = 0; i < count; i++) {
		if (n == 0 || v[n - 1] != v[i])
			v[n++] = v[i];
	}
	return n;
}

static int
count_chunks(struct sqlite_store *s, int64_t document, size_t *count, struct err *e)
{
	sqlite3_stmt *st;
	int rc = sqlite_prepare(s, "SELECT count(*) FROM \"{c}_chunk\" WHERE document = ?1", &st, e);

	if (rc != 0)
		return rc;
	sqlite3_bind_int64(st, 1, document);
	rc = db_step(&s->db, st, e);
	*count = rc > 0 ? (size_t)sqlite3_column_int64(st, 0) : 0;
	sqlite3_finalize(st);
	return rc < 0 ? e->code : 0;
}

/* Everything once; a document of which all chunks go, goes as a whole. */
static int
settle(struct sqlite_store *s, struct doomed *k, struct err *e)
{
	size_t n = 0, whole, count;
	int rc = 0;

	whole = k->document_count = unique_numbers(k->documents, k->document_count);
	if (k->chunk_count > 0)
		qsort(k->chunks, k->chunk_count, sizeof(*k->chunks), by_document);
	for (size_t i = 0, run; i < k->chunk_count && rc == 0; i += run) {
		int64_t document = k->chunks[i].document;
		size_t distinct = 0;

		for (run = 0; i + run < k->chunk_count && k->chunks[i + run].document == document; run++) {
			if (run > 0 && k->chunks[i + run].slot == k->chunks[n + distinct - 1].slot)
				continue;
			k->chunks[n + distinct++] = k->chunks[i + run];
		}
		if (whole && bsearch(&document, k->documents, whole, sizeof(document), by_number))
			continue;
		rc = count_chunks(s, document, &count, e);
		if (distinct == count)
			doom_document(k, document);
		else
			n += distinct;
	}
	k->chunk_count = k->chunk_total = n;
	for (size_t i = 0; i < k->document_count && rc == 0; i++) {
		rc = count_chunks(s, k->documents[i], &count, e);
		k->chunk_total += count;
	}
	return rc;
}

/* The chunks that are left of a document are numbered anew, so that it is whole
 * in itself: the manifest holds, and an export can be taken in again. */
static int
close_ranks(struct sqlite_store *s, int64_t document, struct err *e)
{
	struct left { int64_t slot; struct slice place; } *left = NULL;
	struct arena texts = {0};
	struct buf b = {0};
	size_t count = 0, room = 0;
	sqlite3_stmt *st, *set = NULL;
	int rc = sqlite_prepare(s, "SELECT id, place FROM \"{c}_chunk\" WHERE document = ?1"
	    " ORDER BY position", &st, e);

	if (rc != 0)
		return rc;
	sqlite3_bind_int64(st, 1, document);
	while ((rc = db_step(&s->db, st, e)) > 0) {
		struct slice place = db_text(st, 1);
		mem_grow(&left, &room, count + 1, sizeof(*left));
		left[count++] = (struct left){sqlite3_column_int64(st, 0), place.p == NULL ? place
		    : (struct slice){arena_bytes(&texts, place.p, place.n), place.n}};
	}
	sqlite3_finalize(st);
	rc = rc < 0 ? e->code : sqlite_prepare(s, "UPDATE \"{c}_chunk\" SET position = ?2, place = ?3"
	    " WHERE id = ?1", &set, e);
	/* In order, each moves down or stays: no position is ever taken. */
	for (size_t i = 0; i < count && rc == 0; i++) {
		sqlite3_bind_int64(set, 1, left[i].slot);
		sqlite3_bind_int64(set, 2, (sqlite3_int64)i);
		db_bind_text(set, 3, left[i].place.p == NULL ? SLICE_NONE
		    : record_renumber(left[i].place, (int64_t)i, (int64_t)count, &b));
		rc = db_run(&s->db, set, e);
	}
	sqlite3_finalize(set);
	if (rc == 0)
		rc = sqlite_count_document(s, document, count, e);
	buf_free(&b);
	arena_free(&texts);
	free(left);
	return rc;
}

static int
carry_out(struct sqlite_store *s, const struct doomed *k, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < k->document_count && rc == 0; i++)
		rc = sqlite_remove_document(s, k->documents[i], e);
	for (size_t i = 0; i < k->chunk_count && rc == 0; i++) {
		rc = sqlite_remove_chunk(s, k->chunks[i].slot, e);
		if (rc == 0 && (i + 1 == k->chunk_count || k->chunks[i + 1].document != k->chunks[i].document))
			rc = close_ranks(s, k->chunks[i].document, e);
	}
	return rc;
}

int
sqlite_delete(struct store *base, const struct delete_options *o, uint64_t *documents,
    uint64_t *chunks, struct err *e)
{
	struct sqlite_store *s = sqlite_of(base);
	struct doomed k = {0};
	int rc = sqlite_begin_existing(s, e);

	if (rc != 0)
		return rc;
	rc = find_ids(s, o, &k, e);
	if (rc == 0 && o->source != NULL)
		rc = find_source(s, o->source, &k, e);
	if (rc == 0 && o->filter != NULL)
		rc = find_filter(s, o->filter, &k, e);
	if (rc == 0)
		rc = settle(s, &k, e);
	if (rc == 0 && !o->dry_run)
		rc = carry_out(s, &k, e);
	*documents = k.document_count;
	*chunks = k.chunk_total;
	free(k.documents);
	free(k.chunks);
	if (rc == 0)
		return sqlite_commit(base, e);
	sqlite_rollback(base);
	return rc;
}

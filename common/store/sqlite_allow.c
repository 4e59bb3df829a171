#include "store/sqlite_search.h"

#include <stdlib.h>

#include "store/filter.h"

static void
make_set(struct slot_set *set, size_t slots)
{
	set->slots = slots;
	set->count = 0;
	set->words = mem_zero(slots / 64 + 1, sizeof(*set->words));
}

static void
put_in(struct slot_set *set, int64_t slot)
{
	uint64_t bit = (uint64_t)1 << (slot & 63);

	if ((uint64_t)slot >= set->slots || set->words[slot >> 6] & bit)
		return;
	set->words[slot >> 6] |= bit;
	set->count++;
}

static void
take_out(struct slot_set *set, int64_t slot)
{
	uint64_t bit = (uint64_t)1 << (slot & 63);

	if ((uint64_t)slot >= set->slots || !(set->words[slot >> 6] & bit))
		return;
	set->words[slot >> 6] &= ~bit;
	set->count--;
}

void
slot_set_free(struct slot_set *set)
{
	free(set->words);
	memset(set, 0, sizeof(*set));
}

static void
count_again(struct slot_set *set)
{
	set->count = 0;
	for (size_t i = 0; i < set->slots / 64; i++)
		set->count += (uint64_t)__builtin_popcountll(set->words[i]);
}

void
slot_set_both(struct slot_set *set, const struct slot_set *other)
{
	if (other->words == NULL)
		return;
	if (set->words == NULL) {
		make_set(set, other->slots);
		memcpy(set->words, other->words, other->slots / 8);
		set->count = other->count;
		return;
	}
	for (size_t i = 0; i < set->slots / 64; i++)
		set->words[i] &= other->words[i];
	count_again(set);
}

void
slot_set_without(struct slot_set *set, const struct slot_set *other)
{
	if (other->words == NULL)
		return;
	if (set->words == NULL) {
		make_set(set, other->slots);
		memset(set->words, 0xff, set->slots / 8);
	}
	for (size_t i = 0; i < set->slots / 64; i++)
		set->words[i] &= ~other->words[i];
	count_again(set);
}

/* --- filters --------------------------------------------------------------- */

/* A filter sees metadata that many rows share: the answer for the row before
 * is kept. */
struct judge {
	const struct filter *filter;
	int metadata_only, known, answer;
	struct buf metadata;
};

static int
passes(struct judge *j, const struct filter_row *row)
{
	if (!j->metadata_only)
		return filter_match(j->filter, row);
	if (j->known && slice_equal(buf_as_slice(&j->metadata), row->metadata))
		return j->answer;
	j->metadata.len = 0;
	buf_slice(&j->metadata, row->metadata);
	j->known = row->metadata.n > 0;
	return j->answer = filter_match(j->filter, row);
}

/* The documents that pass, as a set of their rowids. */
static int
allowed_documents(struct sqlite_store *s, struct judge *j, struct slot_set *out, struct err *e)
{
	sqlite3_stmt *st;
	int64_t last = 0;
	int rc = sqlite_prepare(s, "SELECT id, key, source, metadata,"
	    " (SELECT max(id) FROM \"{c}_document\") FROM \"{c}_document\"", &st, e);

	if (rc != 0)
		return rc;
	while ((rc = db_step(&s->db, st, e)) > 0) {
		struct filter_row row = {.document = db_text(st, 1), .source = db_text(st, 2),
		    .metadata = db_text(st, 3)};

		if (out->words == NULL) {
			last = sqlite3_column_int64(st, 4);
			make_set(out, ((size_t)last / 64 + 1) * 64);
		}
		if (passes(j, &row))
			put_in(out, sqlite3_column_int64(st, 0));
	}
	sqlite3_finalize(st);
	if (out->words == NULL)
		make_set(out, 64);
	return rc < 0 ? e->code : 0;
}

/* Every chunk of these documents, out of the index alone. */
static int
their_chunks(struct sqlite_store *s, const struct slot_set *documents, struct slot_set *out,
    struct err *e)
{
	sqlite3_stmt *st;
	int rc;

	if (documents->count == 0)
		return 0;
	rc = sqlite_prepare(s, "SELECT id, document FROM \"{c}_chunk\" INDEXED BY \"{c}_place\"", &st, e);
	if (rc != 0)
		return rc;
	while ((rc = db_step(&s->db, st, e)) > 0)
		if (slot_in(documents, sqlite3_column_int64(st, 1)))
			put_in(out, sqlite3_column_int64(st, 0));
	sqlite3_finalize(st);
	return rc < 0 ? e->code : 0;
}

/* Judge single chunks. */
static int
single_chunks(struct sqlite_store *s, struct judge *j, const char *where, struct slot_set *out,
    struct err *e)
{
	struct buf sql = {0};
	sqlite3_stmt *st;
	int rc;

	buf_format(&sql, "SELECT k.id, k.key, d.key, coalesce(k.source, d.source),"
	    " coalesce(k.metadata, d.metadata) FROM \"{c}_chunk\" k"
	    " JOIN \"{c}_document\" d ON d.id = k.document %s", where);
	rc = sqlite_prepare(s, buf_cstr(&sql), &st, e);
	buf_free(&sql);
	if (rc != 0)
		return rc;
	while ((rc = db_step(&s->db, st, e)) > 0) {
		struct filter_row row = {.id = db_text(st, 1), .document = db_text(st, 2),
		    .source = db_text(st, 3), .metadata = db_text(st, 4)};
		int64_t slot = sqlite3_column_int64(st, 0);

		if (passes(j, &row))
			put_in(out, slot);
		else
			take_out(out, slot);
	}
	sqlite3_finalize(st);
	return rc < 0 ? e->code : 0;
}

int
sqlite_allow_filter(struct sqlite_store *s, const struct filter *f, size_t slots,
    struct slot_set *out, struct err *e)
{
	struct judge j = {.filter = f, .metadata_only = filter_metadata_only(f)};
	struct slot_set documents = {0};
	int rc;

	make_set(out, slots);
	if (!j.metadata_only) {
		rc = single_chunks(s, &j, "", out, e);
	} else {
		rc = allowed_documents(s, &j, &documents, e);
		if (rc == 0)
			rc = their_chunks(s, &documents, out, e);
		if (rc == 0)
			rc = single_chunks(s, &j, "WHERE k.metadata IS NOT NULL OR k.source IS NOT NULL", out, e);
	}
	slot_set_free(&documents);
	buf_free(&j.metadata);
	return rc;
}

int
sqlite_allow_match(struct sqlite_store *s, const char *expression, size_t slots,
    struct slot_set *out, struct err *e)
{
	sqlite3_stmt *st;
	int rc = sqlite_prepare(s, "SELECT rowid FROM \"{c}_fts\" WHERE \"{c}_fts\" MATCH ?1", &st, e);

	make_set(out, slots);
	if (rc != 0)
		return rc;
	db_bind_text(st, 1, slice_of(expression));
	while ((rc = db_step(&s->db, st, e)) > 0)
		put_in(out, sqlite3_column_int64(st, 0));
	sqlite3_finalize(st);
	return rc < 0 ? e->code : 0;
}

#include "store/sqlite_search.h"

/* What is done for searches at the end of a run that wrote: the text index is
 * merged into one segment, for each segment is looked at for each term, and the
 * common terms are counted again. Both look at the whole collection, so both
 * wait until it has changed by half. */

enum { MERGE_PAGES = 2048 }; /* of FTS5's, 4 KB each, in one transaction */

static int
counted_at(struct sqlite_store *s, int64_t *chunks, struct err *e)
{
	sqlite3_stmt *st;
	int rc = sqlite_prepare(s, "SELECT documents FROM \"{c}_term\" WHERE term = ''", &st, e);

	*chunks = 0;
	if (rc != 0)
		return rc;
	rc = db_step(&s->db, st, e);
	if (rc > 0)
		*chunks = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return rc < 0 ? e->code : 0;
}

/* Has the collection grown or shrunk by half since its terms were counted? */
static int
is_due(struct sqlite_store *s, int *due, struct err *e)
{
	int64_t chunks = (int64_t)s->info.chunks, before;
	int rc = counted_at(s, &before, e);

	*due = before == 0 ? chunks >= TERMS_COUNTED_FROM
	    : chunks > before + before / 2 || chunks < before / 2;
	return rc;
}

/* Begin a transaction that sees the collection as it is now, if there is one. */
static int
begin(struct sqlite_store *s, struct err *e)
{
	int rc = db_begin(&s->db, e);

	if (rc != 0)
		return rc;
	rc = sqlite_refresh(s, e);
	if (rc != 0)
		db_rollback(&s->db);
	return rc;
}

static int
finish(struct sqlite_store *s, int rc, struct err *e)
{
	if (rc == 0)
		return db_commit(&s->db, e);
	db_rollback(&s->db);
	return rc;
}

/* --- one segment ------------------------------------------------------------- */

/* FTS5 tells by the number of changes whether there was anything to merge. */
static int
merge_some(struct sqlite_store *s, int *more, struct err *e)
{
	sqlite3_int64 before = sqlite3_total_changes64(s->db.handle);
	sqlite3_stmt *st;
	int rc = sqlite_prepare(s, "INSERT INTO \"{c}_fts\" (\"{c}_fts\", rank) VALUES ('merge', ?1)",
	    &st, e);

	if (rc != 0)
		return rc;
	sqlite3_bind_int(st, 1, -MERGE_PAGES); /* negative: all segments, however few */
	rc = db_run(&s->db, st, e);
	sqlite3_finalize(st);
	*more = sqlite3_total_changes64(s->db.handle) - before >= 2;
	return rc;
}

/* In small transactions: other writers get their turn between them. */
static int
merge(struct sqlite_store *s, struct err *e)
{
	int more = 1, rc = 0;

	while (rc == 0 && more) {
		more = 0;
		rc = begin(s, e);
		if (rc == 0)
			rc = finish(s, s->exists ? merge_some(s, &more, e) : 0, e);
	}
	return rc;
}

/* --- the counts of common terms ------------------------------------------ */

static int
count_terms(struct sqlite_store *s, int64_t chunks, struct err *e)
{
	sqlite3_stmt *st;
	int rc = sqlite_exec(s, "CREATE VIRTUAL TABLE temp.c1v_vocabulary"
	    " USING fts5vocab(main, \"{c}_fts\", row)", e);

	if (rc != 0)
		return rc;
	rc = sqlite_prepare(s, "INSERT INTO \"{c}_term\" SELECT term, doc"
	    " FROM temp.c1v_vocabulary WHERE doc > ?1 UNION ALL SELECT '', ?2", &st, e);
	if (rc == 0) {
		sqlite3_bind_int64(st, 1, chunks / TERMS_COMMON);
		sqlite3_bind_int64(st, 2, chunks);
		rc = db_run(&s->db, st, e);
		sqlite3_finalize(st);
	}
	if (rc == 0)
		rc = sqlite_exec(s, "DROP TABLE temp.c1v_vocabulary", e);
	else
		sqlite_exec(s, "DROP TABLE temp.c1v_vocabulary", NULL);
	return rc;
}

static int
count_again(struct sqlite_store *s, struct err *e)
{
	int rc = begin(s, e);

	if (rc != 0)
		return rc;
	if (s->exists)
		rc = sqlite_exec(s, "DELETE FROM \"{c}_term\"", e);
	if (rc == 0 && s->exists && s->info.chunks >= TERMS_COUNTED_FROM)
		rc = count_terms(s, (int64_t)s->info.chunks, e);
	return finish(s, rc, e);
}

int
sqlite_upkeep(struct sqlite_store *s, struct err *e)
{
	int due = 0, rc = s->exists ? is_due(s, &due, e) : 0;

	if (rc == 0 && due)
		rc = merge(s, e);
	if (rc == 0 && due)
		rc = count_again(s, e);
	return rc;
}

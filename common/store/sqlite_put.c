#include "store/sqlite_put.h"

#include "base/clock.h"
#include "base/sum.h"

static int
save_document(struct sqlite_store *s, struct work *w, struct err *e)
{
	sqlite3_stmt *st = batch_statement(s, w->document ? SET_DOCUMENT : ADD_DOCUMENT, e);
	char now[32];
	int rc;

	if (st == NULL)
		return e->code;
	clock_iso(clock_wall_ms(), now);
	if (w->document)
		sqlite3_bind_int64(st, 1, w->document);
	else
		db_bind_text(st, 1, w->d->id);
	sqlite3_bind_int64(st, 2, (sqlite3_int64)w->d->count);
	db_bind_text(st, 3, w->source);
	db_bind_text(st, 4, w->metadata);
	db_bind_text(st, 5, slice_of(now));
	rc = db_run(&s->db, st, e);
	if (rc == 0 && !w->document) {
		w->document = sqlite3_last_insert_rowid(s->db.handle);
		s->info.documents++;
	}
	return rc;
}

/* Is there the same content under another id? */
static int
count_duplicate(struct sqlite_store *s, int64_t hash, int64_t slot, struct slice content,
    struct put_counts *counts, struct err *e)
{
	sqlite3_stmt *st = batch_statement(s, SAME_CONTENT, e);
	int rc;

	if (st == NULL)
		return e->code;
	sqlite3_bind_int64(st, 1, hash);
	sqlite3_bind_int64(st, 2, slot);
	db_bind_text(st, 3, content);
	rc = db_step(&s->db, st, e);
	sqlite3_reset(st);
	counts->duplicates += rc > 0;
	return rc < 0 ? e->code : 0;
}

static int
save_vector(struct sqlite_store *s, enum batch_statement how, int64_t slot, const float *v,
    struct err *e)
{
	sqlite3_stmt *st = batch_statement(s, how, e);
	int rc;

	if (st == NULL)
		return e->code;
	sqlite3_bind_int64(st, 1, slot);
	db_bind_blob(st, 2, v, s->info.dims * sizeof(*v));
	sqlite3_bind_int64(st, 3, (sqlite3_int64)sum64(v, s->info.dims * sizeof(*v), 0));
	rc = db_run(&s->db, st, e);
	s->info.vectors += rc == 0 && how == ADD_VECTOR;
	return rc;
}

static int
add_chunk(struct sqlite_store *s, struct work *w, const struct chunk_row *c, const struct plan *p,
    struct put_counts *counts, struct err *e)
{
	sqlite3_stmt *st = batch_statement(s, ADD_CHUNK, e);
	int64_t slot, hash = sqlite_hash(c->content);
	const struct slice none = SLICE_NONE;
	int rc = st ? batch_slot(s, &slot, e) : e->code;

	if (rc != 0)
		return rc;
	sqlite3_bind_int64(st, 1, slot);
	db_bind_text(st, 2, c->id);
	sqlite3_bind_int64(st, 3, w->document);
	sqlite3_bind_int64(st, 4, c->index);
	sqlite3_bind_int64(st, 5, hash);
	db_bind_text(st, 6, p->source);
	db_bind_text(st, 7, p->metadata);
	db_bind_text(st, 8, c->place);
	db_bind_text(st, 9, c->content);
	rc = db_run(&s->db, st, e);
	if (rc == 0 && p->vector_wanted)
		rc = save_vector(s, ADD_VECTOR, slot, c->vector, e);
	if (rc == 0)
		rc = count_duplicate(s, hash, slot, c->content, counts, e);
	s->info.chunks++;
	s->bytes += c->content.n;
	return rc ? rc : batch_change(s, slot, &none, c->content, c->content,
	    p->vector_wanted ? c->vector : NULL, e);
}

/* The content has changed: its vector goes or is replaced. */
static int
change_content(struct sqlite_store *s, const struct chunk_row *c, const struct plan *p,
    struct put_counts *counts, struct err *e)
{
	const struct old_chunk *old = p->old;
	int64_t hash = sqlite_hash(c->content);
	sqlite3_stmt *st = batch_statement(s, SET_CHUNK, e);
	int rc;

	if (st == NULL)
		return e->code;
	sqlite3_bind_int64(st, 1, old->slot);
	sqlite3_bind_int64(st, 2, c->index);
	sqlite3_bind_int64(st, 3, hash);
	db_bind_text(st, 4, p->source);
	db_bind_text(st, 5, p->metadata);
	db_bind_text(st, 6, c->place);
	db_bind_text(st, 7, c->content);
	rc = db_run(&s->db, st, e);
	if (rc == 0 && old->has_vector && !p->vector_wanted) {
		rc = batch_run_id(s, DROP_VECTOR, old->slot, e);
		s->info.vectors--;
	} else if (rc == 0 && p->vector_wanted) {
		rc = save_vector(s, old->has_vector ? SET_VECTOR : ADD_VECTOR, old->slot, c->vector, e);
	}
	if (rc == 0)
		rc = count_duplicate(s, hash, old->slot, c->content, counts, e);
	s->bytes += c->content.n - old->content.n;
	return rc ? rc : batch_change(s, old->slot, &old->content, c->content, c->content,
	    p->vector_wanted ? c->vector : NULL, e);
}

/* Only what stands around the content has changed, or a vector has come; with
 * other headings there may be another one. */
static int
change_place(struct sqlite_store *s, const struct chunk_row *c, const struct plan *p, struct err *e)
{
	sqlite3_stmt *st = batch_statement(s, PLACE_CHUNK, e);
	int rc;

	if (st == NULL)
		return e->code;
	sqlite3_bind_int64(st, 1, p->old->slot);
	sqlite3_bind_int64(st, 2, c->index);
	db_bind_text(st, 3, p->source);
	db_bind_text(st, 4, p->metadata);
	db_bind_text(st, 5, p->what == SKIP ? p->old->place : c->place);
	rc = db_run(&s->db, st, e);
	if (rc != 0 || !p->vector_wanted)
		return rc;
	rc = save_vector(s, p->old->has_vector ? SET_VECTOR : ADD_VECTOR, p->old->slot, c->vector, e);
	return rc ? rc : batch_change(s, p->old->slot, NULL, SLICE_NONE, c->content, c->vector, e);
}

/* A row that is otherwise unchanged may have to say itself what it took from
 * its document until now, or the other way round. */
static int
own_values_differ(const struct plan *p)
{
	return !put_same_text(p->old->source, p->source) || !put_same_text(p->old->metadata, p->metadata);
}

/* Positions are unique at every moment: those that move step aside first. */
static int
make_way(struct sqlite_store *s, struct work *w, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < w->old_count && rc == 0; i++) {
		if (!w->old[i].matched)
			rc = sqlite_remove_chunk(s, w->old[i].slot, e);
	}
	for (size_t i = 0; i < w->d->count && rc == 0; i++) {
		const struct old_chunk *old = w->plans[i].old;
		if (old != NULL && old->position != w->d->chunks[i].index)
			rc = batch_run_id(s, PARK_CHUNK, old->slot, e);
	}
	return rc;
}

/* The first vectors say what the collection is of. */
static void
learn(struct sqlite_store *s, const struct document_row *d)
{
	struct collection *c = &s->info;

	if (c->dims == 0) {
		c->dims = d->dims;
		c->model = arena_bytes(&s->names, d->model.p, d->model.n);
	}
	if (c->api_base == NULL && d->api_base.p != NULL)
		c->api_base = arena_bytes(&s->names, d->api_base.p, d->api_base.n);
}

static int
apply(struct sqlite_store *s, struct work *w, struct put_counts *counts, struct err *e)
{
	int rc;

	s->batch->touched = 1;
	if (w->d->count == 0)
		return sqlite_remove_document(s, w->document, e);
	for (size_t i = 0; i < w->d->count; i++)
		if (w->plans[i].vector_wanted)
			learn(s, w->d);
	rc = save_document(s, w, e);
	if (rc == 0)
		rc = make_way(s, w, e);
	for (size_t i = 0; i < w->d->count && rc == 0; i++) {
		const struct plan *p = &w->plans[i];
		const struct chunk_row *c = &w->d->chunks[i];
		if (p->old == NULL)
			rc = add_chunk(s, w, c, p, counts, e);
		else if (p->content_changed)
			rc = change_content(s, c, p, counts, e);
		else if (p->what == UPDATE || own_values_differ(p))
			rc = change_place(s, c, p, e);
	}
	return rc;
}

static void
report(const struct work *w, struct put_counts *counts)
{
	static const char *const names[] = {[ADD] = "add", [UPDATE] = "update", [SKIP] = "skip"};
	uint64_t *const totals[] = {[ADD] = &counts->added, [UPDATE] = &counts->updated, [SKIP] = &counts->skipped};
	const struct put_options *o = w->o;

	counts->documents++;
	counts->chunks += w->d->count;
	counts->deleted += w->deleted;
	for (size_t i = 0; i < w->d->count; i++) {
		enum what what = w->plans[i].what;
		++*totals[what];
		if (o->each != NULL)
			o->each(o->arg, names[what], w->d->id, w->d->chunks[i].id);
	}
	for (size_t i = 0; i < w->old_count && o->each != NULL; i++) {
		if (!w->old[i].matched)
			o->each(o->arg, "delete", w->d->id, w->old[i].id);
	}
}

int
sqlite_put(struct store *base, const struct document_row *d, const struct put_options *o,
    struct put_counts *counts, struct err *e)
{
	struct sqlite_store *s = sqlite_of(base);
	struct work w = {.d = d, .o = o};
	int rc = put_plan(s, &w, e);

	if (rc == 0 && w.changed && !o->dry_run)
		rc = apply(s, &w, counts, e);
	if (rc == 0)
		report(&w, counts);
	put_work_free(&w);
	arena_reset(&s->batch->scratch);
	if (rc != 0 && rc != C1V_PARTIAL)
		sqlite_rollback(base);
	return rc;
}

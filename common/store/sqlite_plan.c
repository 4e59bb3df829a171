#include "store/sqlite_put.h"

#include <stdlib.h>

#include "base/json.h"

/* For messages: an id may be long. */
static int
shown(struct slice s)
{
	return s.n > 120 ? 120 : (int)s.n;
}

/* The document is at fault, not the machine: e is filled. */
static int
refuse(const struct work *w, struct err *e)
{
	err_prefix(e, "document %.*s", shown(w->d->id), w->d->id.p);
	return C1V_PARTIAL;
}

static struct slice
copy_text(struct sqlite_store *s, sqlite3_stmt *st, int i)
{
	struct slice t = db_text(st, i);

	if (t.p != NULL)
		t.p = arena_bytes(&s->batch->scratch, t.p, t.n);
	return t;
}

/* --- comparing ----------------------------------------------------------- */

/* Every member of a but `ingested_at` stands equal in b; *count is how many. */
static int
contained(struct slice a, struct slice b, size_t *count)
{
	struct json_walk w = json_walk(a);
	struct slice key, value;

	*count = 0;
	while (json_member(&w, &key, &value)) {
		struct buf scratch = {0};
		struct slice other;
		if (json_key_is(key, "ingested_at"))
			continue;
		other = json_get_n(b, json_key_text(key, &scratch));
		buf_free(&scratch);
		if (other.p == NULL || !json_equal(value, other))
			return 0;
		++*count;
	}
	return 1;
}

static int
same_metadata(struct slice a, struct slice b)
{
	size_t n, m;

	if (a.p == NULL || b.p == NULL)
		return a.p == b.p;
	if (slice_equal(a, b))
		return 1;
	if (json_type(a) != JSON_OBJECT || json_type(b) != JSON_OBJECT)
		return 0;
	return contained(a, b, &n) && contained(b, a, &m) && n == m;
}

int
put_same_text(struct slice a, struct slice b)
{
	return a.p == NULL || b.p == NULL ? a.p == b.p : slice_equal(a, b);
}

static int
same_place(struct slice a, struct slice b)
{
	return put_same_text(a, b) || (a.p != NULL && b.p != NULL && json_equal(a, b));
}

/* A vector may have been made of the headings, too. */
static int
same_headings(struct slice a, struct slice b)
{
	struct slice x = a.p ? json_get(a, "headings") : SLICE_NONE;
	struct slice y = b.p ? json_get(b, "headings") : SLICE_NONE;

	return x.p == NULL || y.p == NULL ? x.p == y.p : json_equal(x, y);
}

/* --- what is there -------------------------------------------------------- */

static int
load_chunks(struct sqlite_store *s, struct work *w, struct err *e)
{
	sqlite3_stmt *st = batch_statement(s, LIST_CHUNKS, e);
	size_t room = 0;
	int rc;

	if (st == NULL)
		return e->code;
	sqlite3_bind_int64(st, 1, w->document);
	while ((rc = db_step(&s->db, st, e)) > 0) {
		mem_grow(&w->old, &room, w->old_count + 1, sizeof(*w->old));
		w->old[w->old_count++] = (struct old_chunk){
			.slot = sqlite3_column_int64(st, 0),
			.id = copy_text(s, st, 1),
			.position = sqlite3_column_int64(st, 2),
			.source = copy_text(s, st, 3),
			.metadata = copy_text(s, st, 4),
			.place = copy_text(s, st, 5),
			.content = copy_text(s, st, 6),
			.has_vector = sqlite3_column_int(st, 7),
		};
	}
	return rc < 0 ? e->code : 0;
}

static int
load_document(struct sqlite_store *s, struct work *w, struct err *e)
{
	sqlite3_stmt *st;
	int rc;

	if (!s->exists)
		return 0;
	st = batch_statement(s, FIND_DOCUMENT, e);
	if (st == NULL)
		return e->code;
	db_bind_text(st, 1, w->d->id);
	rc = db_step(&s->db, st, e);
	if (rc < 0)
		return e->code;
	if (rc > 0) {
		w->document = sqlite3_column_int64(st, 0);
		w->old_source = copy_text(s, st, 1);
		w->old_metadata = copy_text(s, st, 2);
		sqlite3_reset(st);
		return load_chunks(s, w, e);
	}
	return 0;
}

/* --- what shall become of it ---------------------------------------------- */

static int
by_old_id(const void *a, const void *b)
{
	const struct old_chunk *const *x = a, *const *y = b;

	return slice_order((*x)->id, (*y)->id);
}

static int
by_text(const void *a, const void *b)
{
	return slice_order(*(const struct slice *)a, *(const struct slice *)b);
}

static void
sort_old(struct work *w)
{
	w->by_id = mem_alloc((w->old_count + 1) * sizeof(struct old_chunk *));
	for (size_t i = 0; i < w->old_count; i++)
		w->by_id[i] = &w->old[i];
	qsort(w->by_id, w->old_count, sizeof(struct old_chunk *), by_old_id);
}

static struct old_chunk *
find_old(struct work *w, struct slice id)
{
	size_t low = 0, high = w->old_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int c = slice_order(w->by_id[middle]->id, id);
		if (c == 0)
			return w->by_id[middle];
		if (c < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* No id twice in the document, none that another document has. */
static int
check_ids(struct sqlite_store *s, struct work *w, struct err *e)
{
	const struct document_row *d = w->d;
	struct slice *ids = mem_alloc(d->count * sizeof(*ids));
	sqlite3_stmt *st = NULL;
	int rc = 0;

	for (size_t i = 0; i < d->count; i++)
		ids[i] = d->chunks[i].id;
	qsort(ids, d->count, sizeof(*ids), by_text);
	for (size_t i = 1; i < d->count && rc == 0; i++) {
		if (!slice_equal(ids[i - 1], ids[i]))
			continue;
		err_set(e, C1V_DATA, "the id %.*s stands twice", shown(ids[i]), ids[i].p);
		rc = refuse(w, e);
	}
	free(ids);
	if (rc != 0 || !s->exists)
		return rc;
	st = batch_statement(s, FIND_CHUNK, e);
	if (st == NULL)
		return e->code;
	for (size_t i = 0; i < d->count && rc == 0; i++) {
		struct slice id = d->chunks[i].id;
		if (w->plans[i].old != NULL)
			continue;
		db_bind_text(st, 1, id);
		rc = db_step(&s->db, st, e);
		sqlite3_reset(st);
		if (rc < 0)
			return e->code;
		if (rc > 0) {
			err_set(e, C1V_DATA, "the chunk id %.*s belongs to another document", shown(id), id.p);
			return refuse(w, e);
		}
	}
	return 0;
}

static int
check_vectors(const struct sqlite_store *s, const struct work *w, struct err *e)
{
	const struct document_row *d = w->d;
	const struct collection *c = &s->info;
	int any = 0;

	for (size_t i = 0; i < d->count && !any; i++)
		any = d->chunks[i].vector != NULL;
	if (!any || w->o->no_vectors)
		return 0;
	if (c->model != NULL && !slice_is(d->model, c->model)) {
		err_set(e, C1V_DATA, "its vectors are of model %.*s, the collection's of %s",
		    (int)d->model.n, d->model.p ? d->model.p : "", c->model);
		err_hint(e, "embed with %s, or use another collection", c->model);
		return refuse(w, e);
	}
	if (c->dims != 0 && c->dims != d->dims) {
		err_set(e, C1V_DATA, "its vectors have %zu dimensions, the collection's %zu", d->dims, c->dims);
		return refuse(w, e);
	}
	return store_check_base(slice_of(c->api_base), d->api_base, e) ? refuse(w, e) : 0;
}

/* What all chunks have is kept once, with the document: the first chunk's
 * source and metadata, unless a chunk has none (its own NULL would mean the
 * document's). */
static void
share_values(struct work *w)
{
	const struct document_row *d = w->d;
	int all_source = d->count > 0, all_metadata = d->count > 0;

	for (size_t i = 0; i < d->count; i++) {
		all_source &= d->chunks[i].source.p != NULL;
		all_metadata &= d->chunks[i].metadata.p != NULL;
	}
	w->source = all_source ? d->chunks[0].source : SLICE_NONE;
	w->metadata = all_metadata ? d->chunks[0].metadata : SLICE_NONE;
	/* Only the time of ingestion differs: what stands, stands. */
	if (w->document && same_metadata(w->metadata, w->old_metadata))
		w->metadata = w->old_metadata;
}

static void
plan_chunk(struct work *w, size_t i)
{
	const struct chunk_row *c = &w->d->chunks[i];
	struct plan *p = &w->plans[i];
	struct old_chunk *old = p->old;
	struct slice old_source, old_metadata;

	p->source = put_same_text(c->source, w->source) ? SLICE_NONE : c->source;
	p->metadata = same_metadata(c->metadata, w->metadata) ? SLICE_NONE : c->metadata;
	p->vector_wanted = c->vector != NULL && !w->o->no_vectors;
	if (old == NULL) {
		p->what = ADD;
		p->content_changed = 1;
		return;
	}
	old->matched = 1;
	old_source = old->source.p ? old->source : w->old_source;
	old_metadata = old->metadata.p ? old->metadata : w->old_metadata;
	if (old->metadata.p != NULL && same_metadata(old->metadata, p->metadata))
		p->metadata = old->metadata;
	p->content_changed = !slice_equal(old->content, c->content);
	p->what = p->content_changed || (p->vector_wanted && !old->has_vector) ||
	    old->position != c->index || !put_same_text(old_source, c->source) ||
	    !same_metadata(old_metadata, c->metadata) || !same_place(old->place, c->place) ? UPDATE : SKIP;
	if (!p->content_changed && old->has_vector && same_headings(old->place, c->place))
		p->vector_wanted = 0; /* the one that stands is kept */
}

static int
make_plan(struct sqlite_store *s, struct work *w, struct err *e)
{
	int rc;

	share_values(w);
	w->plans = mem_zero(w->d->count, sizeof(*w->plans));
	sort_old(w);
	for (size_t i = 0; i < w->d->count; i++)
		w->plans[i].old = find_old(w, w->d->chunks[i].id);
	rc = check_ids(s, w, e);
	if (rc == 0)
		rc = check_vectors(s, w, e);
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < w->d->count; i++) {
		plan_chunk(w, i);
		w->changed |= w->plans[i].what != SKIP;
	}
	for (size_t i = 0; i < w->old_count; i++)
		w->deleted += !w->old[i].matched;
	w->changed |= w->deleted > 0;
	return 0;
}

/* What --on-conflict says about a document that is there and differs. */
static int
settle_conflict(struct work *w, struct err *e)
{
	if (w->document == 0 || !w->changed || w->o->conflict == STORE_UPDATE)
		return 0;
	if (w->o->conflict == STORE_FAIL) {
		err_set(e, C1V_DATA, "it is there already, and differs");
		err_hint(e, "--on-conflict update replaces it");
		return refuse(w, e);
	}
	for (size_t i = 0; i < w->d->count; i++)
		w->plans[i].what = SKIP;
	for (size_t i = 0; i < w->old_count; i++)
		w->old[i].matched = 1;
	w->deleted = 0;
	w->changed = 0;
	return 0;
}

int
put_plan(struct sqlite_store *s, struct work *w, struct err *e)
{
	int rc = load_document(s, w, e);

	if (rc == 0)
		rc = make_plan(s, w, e);
	return rc ? rc : settle_conflict(w, e);
}

void
put_work_free(struct work *w)
{
	free(w->old);
	free(w->by_id);
	free(w->plans);
}

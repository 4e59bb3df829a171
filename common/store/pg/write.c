#include "store/pg/write.h"

#include <stdlib.h>

#include "base/clock.h"

enum { COLLISIONS_MAX = 5 };

/* --- refusals ---------------------------------------------------------------------- */

void
put_refuse(struct put *p, size_t document, const struct err *why)
{
	struct put_document *d = &p->documents[document];

	if (d->why != NULL)
		return;
	d->why = arena_alloc(&p->kept, sizeof(*d->why));
	*d->why = *why;
	d->why->code = C1V_DATA;
	err_prefix(d->why, "document %.*s", put_shown(d->row->id), d->row->id.p);
}

int
put_collided(struct put *p, const char *why, struct err *e)
{
	p->again = p->collisions++ < COLLISIONS_MAX;
	return err_set(e, C1V_AGAIN, "writing to %s: %s", p->s->base.name, why);
}

/* Once a document is refused in public it stays so, whatever a second attempt would find. */
static int
tell_refused(struct put *p, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < p->count && rc == 0; i++) {
		struct put_document *d = &p->documents[i];
		if (d->why == NULL || d->told)
			continue;
		d->told = 1;
		rc = p->o->refused(p->o->arg, i, d->why, e);
	}
	return rc;
}

/* --- one attempt --------------------------------------------------------------------- */

static void
reset(struct put *p, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++) {
		struct put_document *d = &p->documents[i];
		d->locked = d->inserted = d->changed = 0;
		d->gone = 0;
		if (!d->told)
			d->why = NULL;
	}
}

/* The documents [first, *end) at once; *end becomes what was done of them. */
static int
put_round(struct put *p, size_t first, size_t *end, struct err *e)
{
	int rc = put_plan(p, first, end, 0, e), again = 0;

	if (rc != 0 || p->o->dry_run)
		return rc;
	if (p->s->table.kind == PG_OURS) {
		rc = put_lock(p, first, *end, e);
		for (size_t i = first; i < *end; i++)
			again |= p->documents[i].locked && !p->documents[i].inserted;
		/* What was there may have changed until it was locked. */
		if (rc == 0 && again)
			rc = put_plan(p, first, end, 1, e);
	}
	return rc ? rc : put_apply(p, first, *end, e);
}

static int
put_range(struct put *p, size_t first, size_t end, struct err *e)
{
	size_t most = p->s->table.index ? PUT_ROUND_INDEXED : PUT_ROUND;
	int rc = 0;

	for (size_t i = first, round; i < end && rc == 0; i = round) {
		size_t chunks = p->documents[i].row->count;
		for (round = i + 1; round < end && p->documents[round].after <= i && chunks < most; round++)
			chunks += p->documents[round].row->count;
		rc = put_round(p, i, &round, e);
	}
	return rc;
}

/* Does the server find fault with what was sent? Invalid or too large values, constraints, triggers. */
static int
is_refusal(const struct put *p)
{
	const char *state = pg_link_sqlstate(&p->s->link);

	return strncmp(state, "22", 2) == 0 || strncmp(state, "23", 2) == 0 || strncmp(state, "54", 2) == 0 ||
	    strncmp(state, "P0", 2) == 0;
}

/* The same in halves, down to the documents that the server refuses. */
static int
put_carefully(struct put *p, size_t first, size_t end, struct err *e)
{
	struct pg_link *l = &p->s->link;
	size_t middle = first + (end - first) / 2, vectors = p->vectors;
	int rc = pg_link_exec(l, "SAVEPOINT c1v", e);

	if (rc != 0)
		return rc;
	rc = put_range(p, first, end, e);
	if (rc == 0)
		return pg_link_exec(l, "RELEASE SAVEPOINT c1v", e);
	if (p->again || !is_refusal(p))
		return rc;
	if (end - first == 1)
		put_refuse(p, first, e);
	rc = pg_link_exec(l, "ROLLBACK TO SAVEPOINT c1v; RELEASE SAVEPOINT c1v", e);
	if (rc != 0 || end - first == 1)
		return rc;
	reset(p, first, end);
	p->vectors = vectors;
	put_check_form(p);
	put_check_vectors(p);
	rc = put_carefully(p, first, middle, e);
	return rc ? rc : put_carefully(p, middle, end, e);
}

/* With this document's vector. Who had to wait for another writer begins again, which lets the next
 * one in at once. */
static int
set_model_of(struct put *p, const struct document_row *d, struct err *e)
{
	struct pg_store *s = p->s;
	int other, rc;

	p->model_assumed = s->info.model == NULL && s->table.dims != 0 && s->info.dims == d->dims;
	rc = p->model_assumed ? pg_model_assume(s, d->model, &other, e)
	    : pg_model_set(s, d->model, d->dims, &other, e);
	if (rc == 0 && other) {
		p->again = 1;
		rc = err_set(e, C1V_AGAIN, "writing to %s: another writer was first", s->base.name);
	}
	return rc;
}

/* The first vector says which model the collection is of. */
static int
set_model(struct put *p, struct err *e)
{
	struct pg_store *s = p->s;

	p->model_assumed = 0;
	if (s->table.kind != PG_OURS || p->o->dry_run || (s->info.model != NULL && s->info.dims != 0))
		return 0;
	for (size_t i = p->candidate; i < p->count; i++) {
		if (p->documents[i].why != NULL || !put_has_vector(p, i))
			continue;
		p->candidate = i;
		p->model_set = 1;
		return set_model_of(p, p->documents[i].row, e);
	}
	return 0;
}

static int
record_model(struct put *p, struct err *e)
{
	int other = 0, rc = 0;

	if (p->model_assumed && p->vectors > 0)
		rc = pg_model_record(p->s, &other, e);
	return other ? put_collided(p, "another writer's vectors are of another model", e) : rc;
}

/* And where the model was asked, once a vector of it has been written. */
static int
set_base(struct put *p, struct err *e)
{
	struct pg_store *s = p->s;
	int other = 0, rc;

	if (s->table.kind != PG_OURS || p->vectors == 0 || s->info.api_base != NULL)
		return 0;
	for (size_t i = 0; i < p->count; i++) {
		const struct put_document *d = &p->documents[i];
		if (d->why != NULL || d->row->api_base.p == NULL)
			continue;
		p->model_set = 1;
		rc = pg_base_set(s, d->row->api_base, &other, e);
		if (rc == 0)
			rc = other ? put_collided(p, "another writer's vectors were made elsewhere", e) : pg_table_read(s, e);
		return rc;
	}
	return 0;
}

static int
put_all(struct put *p, struct err *e)
{
	int rc;

	put_check_form(p);
	rc = set_model(p, e);
	if (rc == 0 && p->s->table.kind == PG_FOREIGN && !p->o->dry_run)
		rc = put_lock_table(p, e);
	if (rc != 0)
		return rc;
	put_check_vectors(p);
	rc = p->careful ? put_carefully(p, 0, p->count, e) : put_range(p, 0, p->count, e);
	if (rc == 0)
		rc = record_model(p, e);
	if (rc == 0)
		rc = set_base(p, e);
	if (rc == 0 || p->again)
		return rc;
	if (strcmp(pg_link_sqlstate(&p->s->link), "23505") == 0 && !p->careful)
		put_collided(p, "another writer has one of the ids", NULL);
	if (!p->again && !p->careful && is_refusal(p))
		p->again = p->careful = 1;
	return rc;
}

/* Rows are looked up by their ids: the planner shall not read a large table through for them. */
static const char settings[] = "SET LOCAL random_page_cost = 1.1";

static int
attempt(struct put *p, struct err *e)
{
	struct pg_link *l = &p->s->link;
	int rc;

	reset(p, 0, p->count);
	arena_reset(&p->arena);
	p->gone_count = p->vectors = 0;
	p->wrote = p->again = 0;
	rc = pg_link_begin(l, p->o->dry_run ? PG_READ : PG_WRITE, settings, e);
	/* What an attempt before this one had set was rolled back. */
	if (rc == 0 && p->model_set)
		rc = pg_table_read(p->s, e);
	p->model_set = 0;
	if (rc == 0)
		rc = put_all(p, e);
	if (rc == 0 && p->model_set && p->vectors == 0) {
		/* The document whose model it was did not go in. */
		p->candidate++;
		p->again = 1;
		rc = C1V_AGAIN;
	}
	if (rc == 0)
		rc = tell_refused(p, e);
	if (rc == 0 && p->wrote)
		return pg_link_commit(l, e);
	pg_link_rollback(l);
	return rc;
}

static int
work(void *arg, struct err *e)
{
	struct put *p = arg;
	int rc;

	do
		rc = attempt(p, e);
	while (rc != 0 && p->again);
	return rc;
}

/* --- the report -------------------------------------------------------------------------- */

struct content { int64_t hash; size_t chunk; };

static int
by_hash(const void *a, const void *b)
{
	const struct content *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return (x->chunk > y->chunk) - (x->chunk < y->chunk);
}

/* Contents that were there already, or came before in the batch, under another id. */
static uint64_t
count_duplicates(const struct put *p)
{
	struct content *list = mem_alloc(p->chunk_count * sizeof(*list));
	size_t count = 0;
	uint64_t n = 0;

	for (size_t i = 0; i < p->chunk_count; i++) {
		const struct put_chunk *c = &p->chunks[i];
		if (p->documents[c->document].why == NULL && (c->what == PUT_NEW || c->what == PUT_CONTENT))
			list[count++] = (struct content){c->hash, i};
	}
	if (count > 0)
		qsort(list, count, sizeof(*list), by_hash);
	for (size_t i = 0; i < count; i++)
		n += p->chunks[list[i].chunk].duplicate || (i > 0 && list[i].hash == list[i - 1].hash);
	free(list);
	return n;
}

static int
by_document(const void *a, const void *b)
{
	const struct put_gone *x = a, *y = b;
	size_t n = x->id.n < y->id.n ? x->id.n : y->id.n;

	if (x->document != y->document)
		return x->document < y->document ? -1 : 1;
	return memcmp(x->id.p, y->id.p, n);
}

static void
report_document(const struct put *p, const struct put_document *d, struct put_counts *counts)
{
	const struct put_options *o = p->o;

	counts->documents++;
	counts->chunks += d->row->count;
	counts->deleted += d->gone;
	for (size_t i = d->first; i < d->first + d->row->count; i++) {
		const struct put_chunk *c = &p->chunks[i];
		uint64_t *total = c->what == PUT_NEW ? &counts->added : c->what == PUT_SAME ? &counts->skipped : &counts->updated;
		++*total;
		if (o->each != NULL)
			o->each(o->arg, c->what == PUT_NEW ? "add" : c->what == PUT_SAME ? "skip" : "update", d->row->id, c->row->id);
	}
}

static void
report(struct put *p, struct put_counts *counts)
{
	size_t g = 0;

	if (p->o->each != NULL && p->gone_count > 0)
		qsort(p->gone, p->gone_count, sizeof(*p->gone), by_document);
	for (size_t i = 0; i < p->count; i++) {
		const struct put_document *d = &p->documents[i];
		if (d->why == NULL)
			report_document(p, d, counts);
		for (; g < p->gone_count && p->gone[g].document == i; g++) {
			if (d->why == NULL && d->gone > 0 && p->o->each != NULL)
				p->o->each(p->o->arg, "delete", d->row->id, p->gone[g].id);
		}
	}
	if (!p->o->dry_run && p->s->table.kind == PG_OURS)
		counts->duplicates += count_duplicates(p);
}

/* --- the batch ------------------------------------------------------------------------------ */

static void
take_batch(struct put *p, const struct document_row *const *rows, size_t count)
{
	p->documents = mem_zero(count, sizeof(*p->documents));
	p->count = count;
	for (size_t i = 0; i < count; i++) {
		p->documents[i].row = rows[i];
		p->documents[i].first = p->chunk_count;
		p->chunk_count += rows[i]->count;
	}
	p->chunks = mem_zero(p->chunk_count, sizeof(*p->chunks));
	for (size_t i = 0, n = 0; i < count; i++) {
		for (size_t k = 0; k < rows[i]->count; k++, n++)
			p->chunks[n] = (struct put_chunk){.row = &rows[i]->chunks[k], .document = i, .what = PUT_SAME};
	}
	put_prepare(p);
}

static int
can_write(const struct pg_store *s, struct err *e)
{
	const struct pg_table *t = &s->table;

	if (t->kind == PG_FOREIGN && t->metadata == NULL) {
		err_set(e, C1V_CONFIG, "writing to %s: the table has no column for metadata", s->base.name);
		return err_hint(e, "add one of type jsonb and name it in --columns");
	}
	if (!t->id_default && t->id_type == 'i') {
		err_set(e, C1V_CONFIG, "writing to %s: the column %s has no default", s->base.name, t->id);
		return err_hint(e, "make it an identity column");
	}
	return 0;
}

int
pg_write(struct store *base, const struct document_row *const *rows, size_t count,
    const struct put_options *o, struct put_counts *counts, struct err *e)
{
	struct pg_store *s = pg_of(base);
	struct put p = {.s = s, .o = o};
	int64_t start = clock_mono_ns();
	int rc = pg_must_write(s, e);

	if (rc == 0)
		rc = can_write(s, e);
	if (rc != 0 || count == 0)
		return rc;
	take_batch(&p, rows, count);
	rc = pg_link_retry(&s->link, work, &p, e);
	pg_watch(s, "put", PG_BULK, start, (int64_t)p.chunk_count, rc ? e : NULL);
	if (rc == 0) {
		report(&p, counts);
		s->wrote |= p.wrote;
	} else if (p.model_set) {
		struct err ignored; /* the collection is as it was before */
		pg_table_read(s, &ignored);
	}
	free(p.documents);
	free(p.chunks);
	free(p.gone);
	arena_free(&p.kept);
	arena_free(&p.arena);
	buf_free(&p.bytes);
	return rc;
}

#include "store/pg/write.h"

#include <stdlib.h>

#include "gen/pg_sql.h"
#include "store/pg/find.h"

enum { N, WHAT, STORED, OWNER, KEY, DUPLICATE }; /* columns of the answer */
enum { ARRAYS = 12 };

/* One question to the server. */
struct plan {
	struct put *p;
	size_t *documents; /* that are asked about, in order */
	size_t count;
	struct pg_array a[ARRAYS];
	size_t cut;        /* the first document that must wait for an earlier one */
};

/* --- the question --------------------------------------------------------------- */

static void
forget(struct plan *q, size_t document)
{
	struct put *p = q->p;
	struct put_document *d = &p->documents[document];

	d->gone = 0;
	d->changed = 0;
	for (size_t i = d->first; i < d->first + d->row->count; i++) {
		p->chunks[i].what = PUT_SAME;
		p->chunks[i].stored = NULL;
		p->chunks[i].duplicate = 0;
	}
}

static void
choose(struct plan *q, size_t first, size_t end, int again)
{
	struct put *p = q->p;
	size_t left = 0;

	q->documents = arena_alloc(&p->arena, (end - first) * sizeof(*q->documents));
	for (size_t i = first; i < end; i++) {
		struct put_document *d = &p->documents[i];
		if (d->why != NULL || (again && (!d->changed || d->inserted)))
			continue;
		forget(q, i);
		q->documents[q->count++] = i;
	}
	/* What was to vanish of them is found again. */
	for (size_t i = 0; i < p->gone_count; i++) {
		size_t k = p->gone[i].document;
		if (k < first || k >= end || p->documents[k].gone > 0)
			p->gone[left++] = p->gone[i];
	}
	p->gone_count = left;
}

static void
add_chunk(struct plan *q, size_t n)
{
	const struct put *p = q->p;
	const struct put_chunk *c = &p->chunks[n];
	int foreign = p->s->table.kind == PG_FOREIGN;
	int vector = c->row->vector != NULL && !p->o->no_vectors;

	pg_array_int(&q->a[0], (int64_t)n);
	pg_array_bytes(&q->a[1], p->documents[c->document].row->id);
	pg_array_bytes(&q->a[2], c->row->id);
	pg_array_bytes(&q->a[3], (struct slice){(const char *)c->sum, SHA_SIZE});
	if (foreign) {
		pg_array_bytes(&q->a[4], c->uuid ? slice_of(c->uuid) : c->row->id);
		pg_array_bytes(&q->a[5], c->metadata);
		pg_array_int(&q->a[6], vector);
		pg_array_bytes(&q->a[10], c->plain);
	} else {
		pg_array_int(&q->a[4], c->hash);
		pg_array_int(&q->a[5], c->row->index);
		pg_array_bytes(&q->a[6], c->row->source);
		pg_array_bytes(&q->a[7], c->metadata);
		pg_array_bytes(&q->a[8], c->row->place);
		pg_array_int(&q->a[9], vector);
	}
	if (pg_could_be_row(&p->s->table, c->row->id))
		pg_array_bytes(&q->a[foreign ? 9 : 11], c->row->id);
}

static void
add_document(struct plan *q, const struct put_document *d)
{
	const struct pg_table *t = &q->p->s->table;
	int foreign = t->kind == PG_FOREIGN;

	for (size_t i = d->first; i < d->first + d->row->count; i++)
		add_chunk(q, i);
	pg_array_bytes(&q->a[foreign ? 7 : 10], d->row->id);
	if (foreign)
		pg_array_bytes(&q->a[8], t->id_type == 'u' ? slice_of(put_uuid(&q->p->arena, d->row->id)) : d->row->id);
	if (pg_could_be_row(t, d->row->id) && !(d->row->count == 1 && slice_equal(d->row->id, d->row->chunks[0].id)))
		pg_array_bytes(&q->a[foreign ? 9 : 11], d->row->id);
}

static int
ask(struct plan *q, PGresult **r, struct err *e)
{
	static const enum pg_item ours[] = {PG_INT4, PG_TEXT, PG_TEXT, PG_BYTEA, PG_INT8, PG_INT4, PG_TEXT, PG_TEXT,
	    PG_TEXT, PG_BOOL, PG_TEXT, PG_TEXT};
	static const enum pg_item foreign[] = {PG_INT4, PG_TEXT, PG_TEXT, PG_BYTEA, PG_TEXT, PG_TEXT, PG_BOOL, PG_TEXT,
	    PG_TEXT, PG_TEXT, PG_TEXT};
	struct pg_store *s = q->p->s;
	int is_foreign = s->table.kind == PG_FOREIGN, rc;
	size_t count = is_foreign ? sizeof(foreign) / sizeof(*foreign) : sizeof(ours) / sizeof(*ours);
	struct pg_params params = {0};

	for (size_t i = 0; i < count; i++)
		pg_array_start(&q->a[i], is_foreign ? foreign[i] : ours[i]);
	for (size_t i = 0; i < q->count; i++)
		add_document(q, &q->p->documents[q->documents[i]]);
	for (size_t i = 0; i < count; i++)
		pg_array_param(&q->a[i], &params);
	rc = pg_link_query(&s->link, pg_sql(s, is_foreign ? sql_write_plan_foreign : sql_write_plan), &params, 1, r, e);
	pg_params_free(&params);
	for (size_t i = 0; i < count; i++)
		pg_array_free(&q->a[i]);
	return rc;
}

/* --- the answer ------------------------------------------------------------------ */

static struct slice
kept(struct plan *q, const PGresult *r, int row, int column)
{
	size_t n = (size_t)PQgetlength(r, row, column);

	if (PQgetisnull(r, row, column))
		return SLICE_NONE;
	return (struct slice){arena_bytes(&q->p->arena, PQgetvalue(r, row, column), n), n};
}

/* A chunk's id is taken. By an earlier document of this batch, that may be about to give it up:
 * then ours comes in the next round. */
static void
find_cut(struct plan *q, const PGresult *r, int row)
{
	size_t document = q->p->chunks[pg_number(r, row, N)].document;

	if (!PQgetisnull(r, row, OWNER) && q->documents[pg_number(r, row, OWNER)] < document && document < q->cut)
		q->cut = document;
}

static void
take_gone(struct plan *q, const PGresult *r, int row)
{
	struct put *p = q->p;
	size_t document = q->documents[pg_number(r, row, N)];

	if (document >= q->cut)
		return;
	mem_grow(&p->gone, &p->gone_room, p->gone_count + 1, sizeof(*p->gone));
	p->gone[p->gone_count++] = (struct put_gone){document, kept(q, r, row, STORED).p, kept(q, r, row, KEY)};
	p->documents[document].gone++;
}

static void
take_row(struct plan *q, const PGresult *r, int row)
{
	char what = *PQgetvalue(r, row, WHAT);
	struct put_chunk *c;

	if (what == 'd') {
		take_gone(q, r, row);
		return;
	}
	c = &q->p->chunks[pg_number(r, row, N)];
	if (c->document >= q->cut)
		return;
	c->what = what;
	c->stored = kept(q, r, row, STORED).p;
	c->duplicate = *PQgetvalue(r, row, DUPLICATE);
}

static int
check_taken(struct put *p, size_t document)
{
	const struct put_document *d = &p->documents[document];

	for (size_t i = d->first; i < d->first + d->row->count; i++) {
		struct slice id = p->chunks[i].row->id;
		struct err why;
		if (p->chunks[i].what != PUT_TAKEN)
			continue;
		err_set(&why, C1V_DATA, "the chunk id %.*s belongs to another document", put_shown(id), id.p);
		put_refuse(p, document, &why);
		return 0;
	}
	return 1;
}

/* What --on-conflict says about a document that is there and differs. */
static void
settle(struct plan *q, size_t document)
{
	struct put *p = q->p;
	struct put_document *d = &p->documents[document];
	size_t fresh = 0, same = 0;

	for (size_t i = d->first; i < d->first + d->row->count; i++) {
		fresh += p->chunks[i].what == PUT_NEW;
		same += p->chunks[i].what == PUT_SAME;
	}
	d->changed = same < d->row->count || d->gone > 0;
	if (!d->changed || p->o->conflict == STORE_UPDATE || (fresh == d->row->count && d->gone == 0))
		return;
	if (p->o->conflict == STORE_FAIL) {
		struct err why;
		err_set(&why, C1V_DATA, "it is there already, and differs");
		err_hint(&why, "--on-conflict update replaces it");
		put_refuse(p, document, &why);
		return;
	}
	forget(q, document);
}

int
put_plan(struct put *p, size_t first, size_t *end, int again, struct err *e)
{
	struct plan q = {.p = p, .cut = *end};
	PGresult *r = NULL;
	int rc;

	choose(&q, first, *end, again);
	if (q.count == 0)
		return 0;
	rc = ask(&q, &r, e);
	if (rc != 0)
		return rc;
	for (int i = 0; i < PQntuples(r); i++) {
		if (*PQgetvalue(r, i, WHAT) == PUT_TAKEN)
			find_cut(&q, r, i);
	}
	for (int i = 0; i < PQntuples(r); i++)
		take_row(&q, r, i);
	PQclear(r);
	*end = q.cut;
	for (size_t i = 0; i < q.count && q.documents[i] < q.cut; i++) {
		if (check_taken(p, q.documents[i]))
			settle(&q, q.documents[i]);
	}
	return 0;
}

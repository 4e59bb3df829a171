#include "store/pg/write.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/num.h"

enum {
	KEY_MAX = 2600,      /* bytes of an id: what fits an entry of a B-tree, with a position */
	VECTOR_MAX = 16000,  /* components, of pgvector's types */
	NUMERIC_WHOLE = 131072, NUMERIC_FRACTION = 16383 /* digits of numeric, which jsonb keeps numbers in */
};

/* --- order ------------------------------------------------------------------- */

/* An id, and where it stands. */
struct place {
	struct slice id;
	size_t document;
};

static int
by_id(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	size_t n = x->id.n < y->id.n ? x->id.n : y->id.n;
	int c = n ? memcmp(x->id.p, y->id.p, n) : 0;

	if (c == 0)
		c = (x->id.n > y->id.n) - (x->id.n < y->id.n);
	return c ? c : (x->document > y->document) - (x->document < y->document);
}

static void
depend(struct put *p, struct place *places, size_t count)
{
	if (count > 0)
		qsort(places, count, sizeof(*places), by_id);
	for (size_t i = 1; i < count; i++) {
		struct put_document *d = &p->documents[places[i].document];
		size_t before = places[i - 1].document + 1;
		if (slice_equal(places[i - 1].id, places[i].id) && before <= places[i].document && before > d->after)
			d->after = before;
	}
}

static void
find_order(struct put *p)
{
	struct place *places = mem_alloc((p->chunk_count + p->count + 1) * sizeof(*places));

	for (size_t i = 0; i < p->count; i++)
		places[i] = (struct place){p->documents[i].row->id, i};
	depend(p, places, p->count);
	for (size_t i = 0; i < p->chunk_count; i++)
		places[i] = (struct place){p->chunks[i].row->id, p->chunks[i].document};
	depend(p, places, p->chunk_count);
	free(places);
}

/* --- form ----------------------------------------------------------------------- */

int
put_has_vector(const struct put *p, size_t document)
{
	const struct document_row *d = p->documents[document].row;

	for (size_t i = 0; i < d->count && !p->o->no_vectors; i++) {
		if (d->chunks[i].vector != NULL)
			return 1;
	}
	return 0;
}

/* Can jsonb hold a number of this many digits? The number is valid JSON. */
static int
number_fits(struct slice number)
{
	int64_t whole = 0, fraction = 0, exponent = 0;
	int64_t *digits = &whole;
	size_t i = 0;

	for (; i < number.n && number.p[i] != 'e' && number.p[i] != 'E'; i++) {
		if (number.p[i] == '.')
			digits = &fraction;
		else if (number.p[i] != '-')
			++*digits;
	}
	if (i < number.n) {
		struct slice text = {number.p + i + 1, number.n - i - 1};
		if (*text.p == '+')
			text = (struct slice){text.p + 1, text.n - 1};
		if (num_int(text, -1000000, 1000000, &exponent, "exponent", NULL) != 0)
			return 0;
	}
	return whole + exponent <= NUMERIC_WHOLE && fraction - exponent <= NUMERIC_FRACTION;
}

/* All numbers in valid JSON. */
static int
numbers_fit(struct slice json)
{
	const char *p = json.p, *end = p + json.n;

	while (p < end) {
		if (*p == '"') {
			for (p++; *p != '"'; p++)
				p += *p == '\\';
			p++;
		} else if (*p == '-' || (*p >= '0' && *p <= '9')) {
			const char *start = p;
			while (p < end && strchr("+-.eE0123456789", *p) != NULL)
				p++;
			if (!number_fits((struct slice){start, (size_t)(p - start)}))
				return 0;
		} else {
			p++;
		}
	}
	return 1;
}

static int
ids_differ(const struct put_document *d, struct slice *twice)
{
	struct place *places;
	int differ = 1;

	if (d->row->count < 2)
		return 1;
	places = mem_alloc(d->row->count * sizeof(*places));
	for (size_t i = 0; i < d->row->count; i++)
		places[i] = (struct place){d->row->chunks[i].id, i};
	qsort(places, d->row->count, sizeof(*places), by_id);
	for (size_t i = 1; i < d->row->count && differ; i++) {
		differ = !slice_equal(places[i - 1].id, places[i].id);
		*twice = places[i].id;
	}
	free(places);
	return differ;
}

static void
check_chunk(const struct chunk_row *c, struct err *why)
{
	if (c->id.n > KEY_MAX)
		err_set(why, C1V_DATA, "the id %.*s… has more than %d bytes, which PostgreSQL cannot index",
		    put_shown(c->id), c->id.p, KEY_MAX);
	else if (c->metadata.p != NULL && !numbers_fit(c->metadata))
		err_set(why, C1V_DATA, "the metadata of %.*s: a number has more digits than PostgreSQL can keep",
		    put_shown(c->id), c->id.p);
}

void
put_check_form(struct put *p)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct put_document *d = &p->documents[i];
		struct err why = {0};
		struct slice twice;

		if (d->why != NULL)
			continue;
		if (d->row->id.n > KEY_MAX)
			err_set(&why, C1V_DATA, "its id has more than %d bytes, which PostgreSQL cannot index", KEY_MAX);
		for (size_t k = 0; k < d->row->count && why.code == 0; k++)
			check_chunk(&d->row->chunks[k], &why);
		if (why.code == 0 && !ids_differ(d, &twice))
			err_set(&why, C1V_DATA, "the id %.*s stands twice", put_shown(twice), twice.p);
		if (why.code == 0 && put_has_vector(p, i) && d->row->dims > VECTOR_MAX)
			err_set(&why, C1V_DATA, "its vectors have %zu dimensions, pgvector's at most %d", d->row->dims, VECTOR_MAX);
		if (why.code != 0)
			put_refuse(p, i, &why);
	}
}

/* halfvec holds what binary16 does: not beyond 65504, and one that is all but zero is no direction. */
static int
halves_fit(const float *v, size_t dims)
{
	float most = 0;

	for (size_t i = 0; i < dims; i++) {
		float x = v[i] < 0 ? -v[i] : v[i];
		most = x > most ? x : most;
	}
	return most < 65520 && most > 0x1p-25f;
}

static void
check_vectors(const struct put *p, const struct put_document *d, const char *model, struct err *why)
{
	const struct collection *c = &p->s->info;

	if (model != NULL && !slice_is(d->row->model, model)) {
		err_set(why, C1V_DATA, "its vectors are of model %.*s, the collection's of %s", (int)d->row->model.n,
		    d->row->model.p ? d->row->model.p : "", model);
		err_hint(why, "embed with %s, or use another collection", model);
	} else if (c->dims != 0 && c->dims != d->row->dims) {
		err_set(why, C1V_DATA, "its vectors have %zu dimensions, the collection's %zu", d->row->dims, c->dims);
	}
	for (size_t i = 0; i < d->row->count && p->s->table.half && why->code == 0; i++) {
		const struct chunk_row *k = &d->row->chunks[i];
		if (k->vector != NULL && !halves_fit(k->vector, d->row->dims))
			err_set(why, C1V_DATA, "the vector of %.*s is beyond what halfvec can hold", put_shown(k->id), k->id.p);
	}
}

void
put_check_vectors(struct put *p)
{
	const char *model = p->s->info.model;
	struct slice base = slice_of(p->s->info.api_base);

	for (size_t i = 0; i < p->count; i++) {
		struct slice api_base = p->documents[i].row->api_base;
		struct err why = {0};

		if (p->documents[i].why != NULL || !put_has_vector(p, i))
			continue;
		/* A foreign table does not say which model it is of: one batch at least is of one. */
		if (model == NULL && p->s->table.kind == PG_FOREIGN)
			model = arena_bytes(&p->arena, p->documents[i].row->model.p, p->documents[i].row->model.n);
		check_vectors(p, &p->documents[i], model, &why);
		if (why.code == 0)
			store_check_base(base, api_base, &why);
		if (why.code != 0)
			put_refuse(p, i, &why);
		else if (base.p == NULL)
			base = api_base;
	}
}

/* --- before all ------------------------------------------------------------------- */

void
put_prepare(struct put *p)
{
	for (size_t i = 0; i < p->chunk_count; i++) {
		struct put_chunk *c = &p->chunks[i];
		uint64_t hash = 0;

		sha_of(c->row->content, c->sum);
		for (int k = 7; k >= 0; k--)
			hash = hash << 8 | c->sum[k];
		c->hash = (int64_t)hash;
		c->metadata = c->row->metadata;
		if (p->s->table.kind == PG_FOREIGN)
			put_foreign(p, c);
	}
	find_order(p);
}

#include "store/pg/pg.h"

#include "record/record.h"

/* In this order pg_row() takes them. */
enum { ID, DOCUMENT, CONTENT, SOURCE, METADATA, PLACE, POSITION, MODEL, EMBEDDING, ROW };

const char pg_row_columns[] =
    "{k_id}, {k_document}, k.{content}, {k_source}, {k_metadata}::text, {k_place}::text, {k_position},"
    " {k_model}, k.{embedding}, k.{id}::text";

/* --- what a reader sees ----------------------------------------------------- */

/* @i is the column of the id, @m that of the metadata, @j the metadata as jsonb.
 * A row whose key is NULL was there before the table was adopted. */
static const struct { const char *name, *sql; } ours[] = {
	{"k_id", "coalesce(k.\"key\", @i::text)"},
	{"k_document", "coalesce(k.\"document\", k.\"key\", @i::text)"},
	{"k_source", "CASE WHEN k.\"key\" IS NULL THEN @m->>'source' ELSE k.\"source\" END"},
	{"k_metadata", "@j"},
	{"k_place", "k.\"place\""},
	{"k_position", "coalesce(k.\"position\", 0)"},
	{"k_model", "k.\"model\""},
};

/* A foreign table has but the metadata for what we know of a chunk. `chunk` is a common word, and ours
 * where it is as we write it; `doc` where it stands beside that, or beside c1v_id. */
#define IS_PLACE "(@m->'chunk'->>'index' ~ '^[0-9]{1,9}$' AND @j->'chunk' ? 'of')"
#define IS_OURS "(@j ? 'c1v_id' OR " IS_PLACE ")"

static const struct { const char *name, *sql; } foreign[] = {
	{"k_id", "coalesce(@m->>'c1v_id', @i::text)"},
	{"k_document", "CASE WHEN " IS_OURS " THEN coalesce(@m->>'doc', @m->>'c1v_id', @i::text) ELSE @i::text END"},
	{"k_source", "@m->>'source'"},
	{"k_metadata", "CASE WHEN " IS_PLACE " THEN @j - '{c1v_id,doc,chunk}'::text[]"
	    " WHEN @j ? 'c1v_id' THEN @j - '{c1v_id,doc}'::text[] ELSE @j END"},
	{"k_place", "CASE WHEN " IS_PLACE " THEN @j->'chunk' END"},
	{"k_position", "CASE WHEN " IS_PLACE " THEN (@m->'chunk'->>'index')::int ELSE 0 END"},
	{"k_model", "NULL::text"},
};

/* Parts of statements that only some tables need. */
static const struct { const char *name, *sql; } parts[] = {
	{"k_data", "@m"},
	{"k_data_jsonb", "@j"},
	{"k_doc", "@m->>'doc'"},
};

static void
add_term(const struct pg_table *t, const char *sql, struct buf *b)
{
	for (const char *p = sql; *p; p++) {
		if (*p != '@')
			buf_byte(b, *p);
		else if (*++p == 'i')
			buf_format(b, "k.%s", t->id);
		else if (t->metadata == NULL)
			buf_string(b, "NULL::jsonb");
		else
			buf_format(b, *p == 'j' && t->metadata_is_json ? "k.%s::jsonb" : "k.%s", t->metadata);
	}
}

static const char *
id_type(const struct pg_table *t)
{
	return t->id_type == 'i' ? "bigint" : t->id_type == 'u' ? "uuid" : "text";
}

/* How the row k of a foreign table is found: by its id, as it follows from the chunk's; where ids
 * are numbers, by the id that is kept beside it. */
static void
add_found(const struct pg_table *t, const char *alias, struct buf *b)
{
	if (t->id_type != 'i') {
		buf_format(b, "k.%s = %s.rid::%s", t->id, alias, id_type(t));
	} else {
		add_term(t, "@m->>'c1v_id' = ", b);
		buf_format(b, "%s.key", alias);
	}
}

static int
add_part(const struct pg_table *t, struct slice name, struct buf *b)
{
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		if (slice_is(name, parts[i].name)) {
			add_term(t, parts[i].sql, b);
			return 1;
		}
	}
	if (slice_is(name, "id_type"))
		buf_string(b, id_type(t));
	else if (slice_is(name, "k_group")) /* {k_document} where an index serves it; NULL of adopted rows */
		add_term(t, t->kind == PG_OURS ? "k.\"document\"" : foreign[1].sql, b);
	else if (slice_is(name, "k_data_name"))
		buf_string(b, t->metadata ? t->metadata : "none");
	else if (slice_is(name, "k_row_of_p"))
		add_found(t, "p", b);
	else if (slice_is(name, "k_row_of_d"))
		add_found(t, "d", b);
	else
		return 0;
	return 1;
}

int
pg_row_term(const struct pg_store *s, struct slice name, struct buf *b)
{
	const struct pg_table *t = &s->table;

	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++) {
		if (slice_is(name, ours[i].name)) {
			add_term(t, t->kind == PG_OURS ? ours[i].sql : foreign[i].sql, b);
			return 1;
		}
	}
	return add_part(t, name, b);
}

/* --- one row ------------------------------------------------------------------ */

static struct slice
text(const PGresult *r, int row, int column)
{
	if (PQgetisnull(r, row, column))
		return SLICE_NONE;
	return (struct slice){PQgetvalue(r, row, column), (size_t)PQgetlength(r, row, column)};
}

static uint32_t
number(const unsigned char *p, int bytes)
{
	uint32_t n = 0;

	for (int i = 0; i < bytes; i++)
		n = n << 8 | p[i];
	return n;
}

/* IEEE 754 binary16 to binary32: every value has one. */
static float
from_half(uint32_t h)
{
	uint32_t sign = (h & 0x8000u) << 16, exponent = h >> 10 & 31, fraction = h & 0x3ff;
	union { uint32_t bits; float value; } u;

	if (exponent == 0) {
		u.value = (float)fraction * 0x1p-24f;
		u.bits |= sign;
	} else {
		u.bits = sign | (exponent == 31 ? 0x7f800000u : (exponent + 112) << 23) | fraction << 13;
	}
	return u.value;
}

/* pgvector's binary form: the number of components, a zero, and the components. */
static const float *
vector(const PGresult *r, int row, int column, int half, struct arena *a, size_t *dims)
{
	const unsigned char *p = (const unsigned char *)PQgetvalue(r, row, column);
	size_t n = (size_t)PQgetlength(r, row, column), size = half ? 2 : 4;
	float *v;

	if (n < 4 || n != 4 + number(p, 2) * size)
		return NULL;
	*dims = number(p, 2);
	v = arena_alloc(a, *dims * sizeof(*v));
	p += 4;
	for (size_t i = 0; i < *dims; i++, p += size) {
		union { uint32_t bits; float value; } u = {.bits = number(p, (int)size)};
		v[i] = half ? from_half(u.bits) : u.value;
	}
	return v;
}

int
pg_row(struct pg_store *s, const PGresult *r, int row, int first, struct arena *a,
    struct stored_chunk *out, struct err *e)
{
	struct chunk_place place;

	*out = (struct stored_chunk){
		.id = text(r, row, first + ID),
		.document = text(r, row, first + DOCUMENT),
		.content = text(r, row, first + CONTENT),
		.source = text(r, row, first + SOURCE),
		.metadata = text(r, row, first + METADATA),
		.place = text(r, row, first + PLACE),
		.of = 1,
	};
	if (out->content.p == NULL)
		out->content = SLICE("");
	/* Others may keep something else there; a record has an object or nothing. */
	if (out->metadata.n == 0 || *out->metadata.p != '{')
		out->metadata = SLICE_NONE;
	if (out->place.n == 0 || *out->place.p != '{')
		out->place = SLICE_NONE;
	if (!PQgetisnull(r, row, first + POSITION))
		out->index = (int32_t)number((const unsigned char *)PQgetvalue(r, row, first + POSITION), 4);
	if (out->place.p != NULL && record_chunk(out->place, &place, e) == 0 && place.of > 0)
		out->of = place.of;
	if (PQgetisnull(r, row, first + EMBEDDING))
		return 0;
	out->vector = vector(r, row, first + EMBEDDING, s->table.half, a, &out->dims);
	if (out->vector == NULL)
		return err_set(e, C1V_PROTOCOL, "reading %s: row %s: its vector is not in the form of %s", s->base.name,
		    PQgetvalue(r, row, first + ROW), s->table.half ? "halfvec" : "vector");
	out->api_base = s->info.api_base;
	out->model = PQgetisnull(r, row, first + MODEL) ? s->info.model
	    : arena_bytes(a, PQgetvalue(r, row, first + MODEL), (size_t)PQgetlength(r, row, first + MODEL));
	return 0;
}

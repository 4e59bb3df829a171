#include "store/pg/write.h"

/* Rows go to the server as COPY's binary form: as few bytes as they have, floats as they are. A
 * staging table keeps them until one statement of write_apply.c puts them where they belong;
 * it is temporary, so that it costs no log, and goes with the transaction. */

enum { SEND_BYTES = 256 << 10, FIELDS = 12 };

static const char header[] = "PGCOPY\n\377\r\n"; /* its NUL belongs to it; flags and extension follow */

static void
add_field(struct buf *b, struct slice s)
{
	pg_add_number(b, s.p ? s.n : UINT32_MAX, 4);
	buf_slice(b, s);
}

/* binary32 to the nearest binary16, halves to even. */
static uint32_t
to_half(float f)
{
	union { float value; uint32_t bits; } u = {.value = f};
	uint32_t sign = u.bits >> 16 & 0x8000, magnitude = u.bits & 0x7fffffff;

	if (magnitude >= 0x38800000) { /* 2^-14: from here on normal */
		magnitude += 0xfff + (magnitude >> 13 & 1);
		return sign | (magnitude >= 0x47800000 ? 0x7c00 : (magnitude - 0x38000000) >> 13);
	}
	/* The sum rounds to a multiple of 2^-24, which its last bits then count. */
	u.bits = magnitude;
	u.value += 0.5f;
	return sign | (u.bits - 0x3f000000);
}

static void
add_vector(struct buf *b, const float *v, size_t dims, int half)
{
	size_t size = half ? 2 : 4;
	unsigned char *p;

	pg_add_number(b, 4 + dims * size, 4);
	pg_add_number(b, dims, 2);
	pg_add_number(b, 0, 2);
	p = (unsigned char *)buf_reserve(b, dims * size);
	for (size_t i = 0; i < dims; i++, p += size) {
		union { float value; uint32_t bits; } u = {.value = v[i]};
		uint32_t bits = half ? to_half(v[i]) : u.bits;
		if (!half) {
			p[0] = (unsigned char)(bits >> 24);
			p[1] = (unsigned char)(bits >> 16);
		}
		p[size - 2] = (unsigned char)(bits >> 8);
		p[size - 1] = (unsigned char)bits;
	}
	b->len += dims * size;
}

/* jsonb has the number of its form before its text. */
static void
add_metadata(struct buf *b, struct slice json, int is_json)
{
	if (json.p == NULL || is_json) {
		add_field(b, json);
		return;
	}
	pg_add_number(b, json.n + 1, 4);
	buf_byte(b, 1);
	buf_slice(b, json);
}

static void
add_row(struct put *p, const struct put_chunk *c, struct buf *b)
{
	const struct pg_table *t = &p->s->table;
	const struct document_row *d = p->documents[c->document].row;
	int whole = c->what == PUT_NEW || c->what == PUT_CONTENT;
	int vector = c->row->vector != NULL && !p->o->no_vectors && c->what != PUT_MOVED;
	const char *row = c->stored ? c->stored : c->uuid;
	int own = c->plain.p != NULL && c->stored != NULL && slice_is(c->row->id, c->stored);

	pg_add_number(b, FIELDS, 2);
	add_field(b, (struct slice){&c->what, 1});
	add_field(b, row ? slice_of(row) : c->row->id);
	add_field(b, c->row->id);
	add_field(b, d->id);
	pg_add_number(b, 4, 4);
	pg_add_number(b, (uint64_t)c->row->index, 4);
	add_field(b, c->row->source);
	pg_add_number(b, 8, 4);
	pg_add_number(b, (uint64_t)c->hash, 8);
	add_field(b, c->row->place);
	add_field(b, vector ? d->model : SLICE_NONE);
	add_field(b, whole ? c->row->content : SLICE_NONE);
	add_metadata(b, own ? c->plain : c->metadata, t->metadata_is_json);
	if (vector)
		add_vector(b, c->row->vector, d->dims, t->half);
	else
		add_field(b, SLICE_NONE);
	p->vectors += vector;
}

static int
send_rows(struct put *p, size_t first, size_t end, struct err *e)
{
	struct pg_link *l = &p->s->link;
	struct buf *b = &p->bytes;
	int rc = 0;

	b->len = 0;
	buf_add(b, header, sizeof(header));
	pg_add_number(b, 0, 8);
	for (size_t i = first; i < end && rc == 0; i++) {
		const struct put_document *d = &p->documents[i];
		if (d->why != NULL || !d->changed)
			continue;
		for (size_t k = d->first; k < d->first + d->row->count && rc == 0; k++) {
			if (p->chunks[k].what != PUT_SAME)
				add_row(p, &p->chunks[k], b);
			if (b->len < SEND_BYTES)
				continue;
			rc = pg_link_copy_bytes(l, b->data, b->len, e);
			b->len = 0;
		}
	}
	pg_add_number(b, 0xffff, 2);
	return rc ? rc : pg_link_copy_bytes(l, b->data, b->len, e);
}

/* Rows that fit a page stay in one piece: taking vectors apart and together again costs more. */
int
put_stage(struct put *p, size_t first, size_t end, struct err *e)
{
	struct pg_store *s = p->s;
	struct pg_link *l = &s->link;
	struct buf sql = {0};
	int rc;

	buf_format(&sql, "CREATE TEMPORARY TABLE c1v_stage (op \"char\", row_id text, key text, document text, position int,"
	    " source text, hash bigint, place json, model text, content text, metadata %s, embedding {vector})"
	    " WITH (toast_tuple_target = 8160) ON COMMIT DROP", s->table.metadata_is_json ? "json" : "jsonb");
	rc = pg_link_exec(l, pg_sql(s, buf_cstr(&sql)), e);
	buf_free(&sql);
	if (rc == 0)
		rc = pg_link_copy(l, "COPY pg_temp.c1v_stage FROM STDIN (FORMAT binary)", e);
	if (rc != 0)
		return rc;
	rc = send_rows(p, first, end, e);
	if (rc == 0)
		return pg_link_copy_end(l, NULL, e);
	pg_link_copy_end(l, "interrupted", NULL);
	return rc;
}

#include "store/pg/write.h"

#include <stdlib.h>

/* --- locks ------------------------------------------------------------------------ */

static int
by_id(const void *a, const void *b)
{
	const struct put_document *x = *(struct put_document *const *)a, *y = *(struct put_document *const *)b;
	struct slice i = x->row->id, k = y->row->id;
	int c = memcmp(i.p, k.p, i.n < k.n ? i.n : k.n);

	return c ? c : (i.n > k.n) - (i.n < k.n);
}

static size_t
to_lock(struct put *p, size_t first, size_t end, struct put_document **list)
{
	size_t count = 0;

	for (size_t i = first; i < end; i++) {
		struct put_document *d = &p->documents[i];
		if (d->why == NULL && d->changed && !d->locked)
			list[count++] = d;
	}
	if (count > 0)
		qsort(list, count, sizeof(*list), by_id);
	return count;
}

/* Documents that are not in the manifest get their row there: whoever makes it, has the document. */
static int
insert_documents(struct put *p, struct put_document **list, size_t count, struct err *e)
{
	struct pg_array keys = {0}, chunks = {0};
	struct pg_params params = {0};
	PGresult *r = NULL;
	int rc;

	pg_array_start(&keys, PG_TEXT);
	pg_array_start(&chunks, PG_INT4);
	for (size_t i = 0; i < count; i++) {
		pg_array_bytes(&keys, list[i]->row->id);
		pg_array_int(&chunks, (int64_t)list[i]->row->count);
	}
	pg_array_param(&keys, &params);
	pg_array_param(&chunks, &params);
	rc = pg_link_query(&p->s->link, pg_sql(p->s,
	    "WITH m AS (SELECT * FROM unnest($1::text[], $2::int4[]) WITH ORDINALITY AS u (key, chunks, n)), i AS ("
	    "INSERT INTO {schema}.c1v_document (collection, key, chunks, updated_at)"
	    " SELECT {collection}, m.key, m.chunks, now() FROM m ORDER BY m.n ON CONFLICT DO NOTHING RETURNING key)"
	    " SELECT m.n::int4 - 1 FROM m JOIN i ON i.key = m.key"), &params, 1, &r, e);
	pg_params_free(&params);
	pg_array_free(&keys);
	pg_array_free(&chunks);
	if (rc != 0)
		return rc;
	for (int i = 0; i < PQntuples(r); i++) {
		struct put_document *d = list[pg_number(r, i, 0)];
		d->locked = d->inserted = 1;
	}
	PQclear(r);
	return 0;
}

static int
lock_documents(struct put *p, struct put_document **list, size_t count, struct err *e)
{
	struct pg_array keys = {0};
	struct pg_params params = {0};
	PGresult *r = NULL;
	size_t wanted = 0;
	int rc;

	pg_array_start(&keys, PG_TEXT);
	for (size_t i = 0; i < count; i++) {
		if (!list[i]->locked) {
			pg_array_bytes(&keys, list[i]->row->id);
			wanted++;
		}
	}
	pg_array_param(&keys, &params);
	rc = wanted == 0 ? 0 : pg_link_query(&p->s->link, pg_sql(p->s,
	    "SELECT 1 FROM {schema}.c1v_document d WHERE d.collection = {collection} AND d.key = ANY ($1)"
	    " ORDER BY d.key FOR UPDATE"), &params, 1, &r, e);
	pg_params_free(&params);
	pg_array_free(&keys);
	if (rc == 0 && wanted > 0 && (size_t)PQntuples(r) != wanted)
		rc = put_collided(p, "a document was deleted meanwhile", e);
	PQclear(r);
	for (size_t i = 0; i < count && rc == 0; i++)
		list[i]->locked = 1;
	return rc;
}

/* Tables that are not ours have no manifest: one writer at a time. */
int
put_lock_table(struct put *p, struct err *e)
{
	struct pg_params params = {0};
	PGresult *r = NULL;
	int rc;

	pg_param_text(&params, slice_of(p->s->table.table));
	rc = pg_link_query(&p->s->link, "SELECT pg_advisory_xact_lock(hashtextextended('c1v ' || $1::text, 0))",
	    &params, 0, &r, e);
	pg_params_free(&params);
	PQclear(r);
	return rc;
}

int
put_lock(struct put *p, size_t first, size_t end, struct err *e)
{
	struct put_document **list = mem_alloc((end - first + 1) * sizeof(*list));
	size_t count = to_lock(p, first, end, list);
	int rc = 0;

	if (count > 0)
		rc = insert_documents(p, list, count, e);
	if (rc == 0 && count > 0)
		rc = lock_documents(p, list, count, e);
	free(list);
	return rc;
}

/* --- changes ----------------------------------------------------------------------- */

enum { ROWS, MANIFEST, SIZES, EMPTIED, APPLY_ARRAYS };
enum { APPLY_PARTS = 8 };

/* One statement, put together from the parts that are needed. */
struct apply {
	struct put *p;
	struct buf sql;
	struct pg_array a[APPLY_ARRAYS];
	struct pg_params params;
	uint64_t wanted;  /* rows of the table that it must touch */
	const char *names[APPLY_PARTS]; /* of the parts that touch them */
	int parts, counted;
};

static void
count_chunks(const struct put *p, size_t first, size_t end, size_t counts[128])
{
	for (size_t i = first; i < end; i++) {
		const struct put_document *d = &p->documents[i];
		for (size_t k = d->first; k < d->first + d->row->count && d->why == NULL && d->changed; k++)
			counts[(int)p->chunks[k].what]++;
	}
}

static void
add_part(struct apply *x, const char *name, const char *sql, uint64_t rows)
{
	buf_format(&x->sql, "%s%s AS (%s RETURNING 1)", x->parts++ ? ", " : "WITH ", name, sql);
	x->wanted += rows;
	if (rows > 0)
		x->names[x->counted++] = name;
}

/* Metadata of which only the time of ingestion differs stays as it is. */
#define KEEP_METADATA "{metadata} = CASE WHEN jsonb_typeof({k_metadata}) = 'object'" \
	" AND {k_metadata} - 'ingested_at' IS NOT DISTINCT FROM s.metadata - 'ingested_at'" \
	" THEN k.{metadata} ELSE s.metadata END"
#define OUR_PLACE "\"key\" = s.key, \"document\" = s.document, \"position\" = s.position, \"source\" = s.source," \
	" \"hash\" = s.hash, \"place\" = s.place"
/* A row that was there before has a vector of the collection's model. */
#define OUR_MODEL "\"model\" = CASE WHEN k.{embedding} IS NOT NULL THEN coalesce(k.\"model\"," \
	" (SELECT c.model FROM {schema}.c1v_collection c WHERE c.name = {collection})) END"
#define UPDATE(what, set) "UPDATE {table} k SET " set " FROM pg_temp.c1v_stage s WHERE s.op = '" what "'" \
	" AND k.{id} = s.row_id::{id_type} {where}"

static void
add_ours(struct apply *x, const size_t counts[128])
{
	const struct pg_table *t = &x->p->s->table;

	if (counts[PUT_CONTENT])
		add_part(x, "content", UPDATE("c", OUR_PLACE ", {metadata} = s.metadata, {content} = s.content,"
		    " {embedding} = s.embedding, \"model\" = s.model"), counts[PUT_CONTENT]);
	if (counts[PUT_VECTOR])
		add_part(x, "vector", UPDATE("v", OUR_PLACE ", {metadata} = s.metadata, {embedding} = s.embedding,"
		    " \"model\" = s.model"), counts[PUT_VECTOR]);
	if (counts[PUT_MOVED])
		add_part(x, "moved", t->metadata_is_json ? UPDATE("m", OUR_PLACE ", " OUR_MODEL ", {metadata} = s.metadata")
		    : UPDATE("m", OUR_PLACE ", " OUR_MODEL ", " KEEP_METADATA), counts[PUT_MOVED]);
	if (counts[PUT_NEW])
		add_part(x, "added", t->id_default
		    ? "INSERT INTO {table} (\"key\", \"document\", \"position\", \"source\", \"hash\", \"place\", \"model\","
		      " {content}, {metadata}, {embedding}) SELECT s.key, s.document, s.position, s.source, s.hash, s.place,"
		      " s.model, s.content, s.metadata, s.embedding FROM pg_temp.c1v_stage s WHERE s.op = 'n'"
		    : "INSERT INTO {table} ({id}, \"key\", \"document\", \"position\", \"source\", \"hash\", \"place\", \"model\","
		      " {content}, {metadata}, {embedding}) SELECT s.key::{id_type}, s.key, s.document, s.position, s.source,"
		      " s.hash, s.place, s.model, s.content, s.metadata, s.embedding FROM pg_temp.c1v_stage s WHERE s.op = 'n'",
		    counts[PUT_NEW]);
}

static void
add_foreign(struct apply *x, const size_t counts[128])
{
	const struct pg_table *t = &x->p->s->table;
	struct buf b = {0};

	if (counts[PUT_CONTENT])
		add_part(x, "content", t->metadata ? UPDATE("c", "{metadata} = s.metadata, {content} = s.content,"
		    " {embedding} = s.embedding") : UPDATE("c", "{content} = s.content, {embedding} = s.embedding"),
		    counts[PUT_CONTENT]);
	if (counts[PUT_VECTOR])
		add_part(x, "vector", t->metadata ? UPDATE("v", "{metadata} = s.metadata, {embedding} = s.embedding")
		    : UPDATE("v", "{embedding} = s.embedding"), counts[PUT_VECTOR]);
	if (counts[PUT_MOVED])
		add_part(x, "moved", UPDATE("m", "{metadata} = s.metadata"), counts[PUT_MOVED]);
	if (counts[PUT_NEW] == 0)
		return;
	buf_format(&b, "INSERT INTO {table} (%s{content}%s, {embedding}%s) SELECT %ss.content%s, s.embedding%s%s"
	    " FROM pg_temp.c1v_stage s WHERE s.op = 'n'", t->id_type == 'i' ? "" : "{id}, ", t->metadata ? ", {metadata}" : "",
	    t->collection_id ? ", collection_id" : "", t->id_type == 'i' ? "" : "s.row_id::{id_type}, ",
	    t->metadata ? ", s.metadata" : "", t->collection_id ? ", " : "", t->collection_id ? t->collection_id : "");
	add_part(x, "added", buf_cstr(&b), counts[PUT_NEW]);
	buf_free(&b);
}

/* The parameter that the next part may name. */
static int
add_array(struct apply *x, int which)
{
	pg_array_param(&x->a[which], &x->params);
	return x->params.count;
}

static void
add_gone(struct apply *x, size_t first, size_t end)
{
	struct put *p = x->p;
	char sql[128];

	pg_array_start(&x->a[ROWS], PG_TEXT);
	for (size_t i = 0; i < p->gone_count; i++) {
		const struct put_document *d = &p->documents[p->gone[i].document];
		if (p->gone[i].document >= first && p->gone[i].document < end && d->why == NULL && d->changed)
			pg_array_text(&x->a[ROWS], p->gone[i].stored);
	}
	if (x->a[ROWS].count == 0)
		return;
	snprintf(sql, sizeof(sql), "DELETE FROM {table} k WHERE k.{id} = ANY ($%d::text[]::{id_type}[]) {where}",
	    add_array(x, ROWS));
	add_part(x, "gone", sql, x->a[ROWS].count);
}

/* Documents that were there already get their new size; those that are empty, or whose row was made
 * before they were refused, go. */
static void
add_manifest(struct apply *x, size_t first, size_t end)
{
	struct put *p = x->p;
	char sql[320];
	int n;

	pg_array_start(&x->a[MANIFEST], PG_TEXT);
	pg_array_start(&x->a[SIZES], PG_INT4);
	pg_array_start(&x->a[EMPTIED], PG_TEXT);
	for (size_t i = first; i < end; i++) {
		const struct put_document *d = &p->documents[i];
		if (!d->locked)
			continue;
		if (d->why != NULL ? d->inserted : d->changed && d->row->count == 0) {
			pg_array_bytes(&x->a[EMPTIED], d->row->id);
		} else if (d->why == NULL && d->changed && !d->inserted) {
			pg_array_bytes(&x->a[MANIFEST], d->row->id);
			pg_array_int(&x->a[SIZES], (int64_t)d->row->count);
		}
	}
	if (x->a[MANIFEST].count > 0) {
		n = add_array(x, MANIFEST);
		add_array(x, SIZES);
		snprintf(sql, sizeof(sql), "UPDATE {schema}.c1v_document d SET chunks = m.chunks, updated_at = now()"
		    " FROM unnest($%d::text[], $%d::int4[]) m (key, chunks)"
		    " WHERE d.collection = {collection} AND d.key = m.key", n, n + 1);
		add_part(x, "manifest", sql, 0);
	}
	if (x->a[EMPTIED].count > 0) {
		snprintf(sql, sizeof(sql), "DELETE FROM {schema}.c1v_document d WHERE d.collection = {collection}"
		    " AND d.key = ANY ($%d::text[])", add_array(x, EMPTIED));
		add_part(x, "emptied", sql, 0);
	}
}

/* How many rows of the table were touched comes back, of all parts together. */
static int
carry_out(struct apply *x, struct err *e)
{
	struct pg_store *s = x->p->s;
	PGresult *r = NULL;
	uint64_t touched;
	int rc;

	buf_string(&x->sql, " SELECT (0");
	for (int i = 0; i < x->counted; i++)
		buf_format(&x->sql, " + (SELECT count(*) FROM %s)", x->names[i]);
	buf_string(&x->sql, ")::int4");
	rc = pg_link_query(&s->link, pg_sql(s, buf_cstr(&x->sql)), &x->params, 1, &r, e);
	if (rc != 0)
		return rc;
	touched = pg_number(r, 0, 0);
	PQclear(r);
	return touched == x->wanted ? 0 : put_collided(x->p, "a row was changed by another program meanwhile", e);
}

/* A document of very many chunks is one statement all the same: it gets the time of several. */
static int
allow_time(struct put *p, size_t rows, struct err *e)
{
	struct pg_link *l = &p->s->link;
	double limit = l->o->statement_timeout * (double)(rows / PUT_ROUND_INDEXED);
	struct buf sql = {0};
	int rc;

	if (p->s->table.index == 0 || l->o->statement_timeout <= 0 || rows < 2 * PUT_ROUND_INDEXED)
		return 0;
	limit = limit < 86400 ? limit : 86400;
	buf_format(&sql, "SET LOCAL statement_timeout = '%.0fs'", limit);
	rc = pg_link_exec(l, buf_cstr(&sql), e);
	l->limit = limit;
	buf_free(&sql);
	return rc;
}

int
put_apply(struct put *p, size_t first, size_t end, struct err *e)
{
	struct apply x = {.p = p};
	size_t counts[128] = {0}, staged;
	int rc = 0, ours = p->s->table.kind == PG_OURS;

	count_chunks(p, first, end, counts);
	staged = counts[PUT_NEW] + counts[PUT_CONTENT] + counts[PUT_VECTOR] + counts[PUT_MOVED];
	if (staged > 0)
		rc = put_stage(p, first, end, e);
	add_gone(&x, first, end);
	if (ours)
		add_ours(&x, counts);
	else
		add_foreign(&x, counts);
	if (ours)
		add_manifest(&x, first, end);
	if (rc == 0)
		rc = allow_time(p, staged, e);
	if (rc == 0 && x.parts > 0) {
		p->wrote = 1;
		rc = carry_out(&x, e);
	}
	if (rc == 0 && staged > 0)
		rc = pg_link_exec(&p->s->link, "DROP TABLE pg_temp.c1v_stage", e);
	pg_params_free(&x.params);
	for (int i = 0; i < APPLY_ARRAYS; i++)
		pg_array_free(&x.a[i]);
	buf_free(&x.sql);
	return rc;
}

#include "store/pg/find.h"

#include <stdlib.h>

#include "base/clock.h"
#include "record/record.h"
#include "store/filter.h"
#include "store/pg/array.h"

struct deletion {
	struct pg_store *s;
	const struct delete_options *o;
	uint64_t documents, chunks;
};

/* --- what is to go ---------------------------------------------------------------- */

/* The rows that are chosen, as a query with the columns row_id, document, whole: of whole documents all
 * chunks, else single ones. An id of a document is not looked for among the chunks as well. */
static int
add_choice(struct deletion *x, struct buf *sql, struct pg_params *p, struct err *e)
{
	const struct delete_options *o = x->o;
	struct pg_store *s = x->s;
	struct pg_ids ids = {0};
	int rc = 0;

	if (o->id_count > 0)
		ids = pg_ids_add(s, p, o->ids, o->id_count);
	buf_string(sql, "named AS (SELECT DISTINCT ");
	pg_sql_add(s, sql, "{k_document} AS document FROM {table} k WHERE true {where} AND ");
	if (o->id_count > 0)
		pg_find_documents(s, sql, &ids);
	else
		buf_string(sql, "false");
	buf_string(sql, "), whole AS (SELECT document FROM named");
	if (o->source != NULL) {
		pg_param_text(p, slice_of(o->source));
		pg_sql_add(s, sql, " UNION SELECT {k_document} FROM {table} k WHERE true {where} AND {k_source}");
		buf_format(sql, " = $%d::text", p->count);
	}
	pg_sql_add(s, sql, "), chosen AS (SELECT k.{id} AS row_id, {k_document} AS document, true AS whole"
	    " FROM whole w JOIN {table} k ON {k_group} = w.document WHERE true {where}"
	    " UNION ALL SELECT k.{id}, {k_document}, true FROM {table} k WHERE {k_group} IS NULL"
	    " AND {k_document} IN (SELECT document FROM whole) {where}"
	    " UNION ALL SELECT k.{id}, {k_document}, false FROM {table} k WHERE {k_document} NOT IN (SELECT document FROM whole)"
	    " {where} AND (");
	if (o->id_count > 0) {
		buf_byte(sql, '(');
		pg_find_chunks(s, sql, &ids);
		pg_sql_add(s, sql, " AND {k_id} NOT IN (SELECT document FROM named))");
	} else {
		buf_string(sql, "false");
	}
	if (o->filter != NULL) {
		buf_string(sql, " OR ");
		rc = pg_filter(s, o->filter, sql, p, e);
	}
	buf_string(sql, "))");
	return rc;
}

/* Of a document of which all chunks are chosen, all go: then it goes itself. */
static const char count_chosen[] =
    ", sizes AS (SELECT c.document, bool_or(c.whole) OR count(*) >= (SELECT count(*) FROM {table} k"
    " WHERE {k_group} = c.document {where}) AS whole, count(*) AS n FROM chosen c GROUP BY c.document)"
    " SELECT count(*) FILTER (WHERE whole), coalesce(sum(n), 0)::bigint FROM sizes";

static int
take_counts(struct deletion *x, const PGresult *r)
{
	x->documents = strtoull(PQgetvalue(r, 0, 0), NULL, 10);
	x->chunks = strtoull(PQgetvalue(r, 0, 1), NULL, 10);
	return 0;
}

static int
count(struct deletion *x, struct err *e)
{
	struct pg_params p = {0};
	struct buf sql = {0};
	PGresult *r = NULL;
	int rc;

	buf_string(&sql, "WITH ");
	rc = add_choice(x, &sql, &p, e);
	pg_sql_add(x->s, &sql, count_chosen);
	if (rc == 0)
		rc = pg_link_query(&x->s->link, buf_cstr(&sql), &p, 0, &r, e);
	if (rc == 0)
		rc = take_counts(x, r);
	PQclear(r);
	pg_params_free(&p);
	buf_free(&sql);
	return rc;
}

/* --- doing it ----------------------------------------------------------------------- */

static int
query(struct deletion *x, const char *template, PGresult **r, struct err *e)
{
	PGresult *ignored = NULL;
	int rc = pg_link_query(&x->s->link, pg_sql(x->s, template), NULL, 0, r ? r : &ignored, e);

	PQclear(ignored);
	return rc;
}

/* Fill the list of rows; the second time, when the documents are locked, with no others. */
static int
list_rows(struct deletion *x, int again, struct err *e)
{
	struct pg_params p = {0};
	struct buf sql = {0};
	PGresult *r = NULL;
	int rc;

	buf_string(&sql, "INSERT INTO pg_temp.c1v_doomed (row_id, document, whole, again) WITH ");
	rc = add_choice(x, &sql, &p, e);
	buf_format(&sql, " SELECT c.row_id, c.document, c.whole, %s FROM chosen c%s", again ? "true" : "false",
	    again ? " WHERE c.document IN (SELECT f.document FROM pg_temp.c1v_doomed f)" : "");
	if (rc == 0)
		rc = pg_link_query(&x->s->link, buf_cstr(&sql), &p, 0, &r, e);
	PQclear(r);
	pg_params_free(&p);
	buf_free(&sql);
	if (rc == 0 && again)
		rc = pg_link_exec(&x->s->link, "DELETE FROM pg_temp.c1v_doomed WHERE NOT again; ANALYZE pg_temp.c1v_doomed", e);
	return rc;
}

/* In the order in which all writers lock. */
static int
lock_rows(struct deletion *x, struct err *e)
{
	if (x->s->table.kind == PG_OURS)
		return query(x, "SELECT 1 FROM {schema}.c1v_document d WHERE d.collection = {collection} AND d.key IN"
		    " (SELECT document FROM pg_temp.c1v_doomed) ORDER BY d.key FOR UPDATE", NULL, e);
	return 0;
}

static int
save_places(struct deletion *x, const PGresult *r, struct err *e)
{
	struct pg_array ids = {0}, positions = {0}, places = {0};
	struct pg_params p = {0};
	PGresult *done = NULL;
	struct buf b = {0};
	int rc;

	pg_array_start(&ids, PG_TEXT);
	pg_array_start(&positions, PG_INT4);
	pg_array_start(&places, PG_TEXT);
	for (int i = 0; i < PQntuples(r); i++) {
		int64_t index = atoll(PQgetvalue(r, i, 1)), of = atoll(PQgetvalue(r, i, 2));
		struct slice place = {PQgetvalue(r, i, 3), (size_t)PQgetlength(r, i, 3)};
		pg_array_text(&ids, PQgetvalue(r, i, 0));
		pg_array_int(&positions, index);
		pg_array_bytes(&places, PQgetisnull(r, i, 3) || *place.p != '{' ? SLICE_NONE : record_renumber(place, index, of, &b));
	}
	pg_array_param(&ids, &p);
	pg_array_param(&positions, &p);
	pg_array_param(&places, &p);
	rc = pg_link_query(&x->s->link, pg_sql(x->s, x->s->table.kind == PG_OURS
	    ? "UPDATE {table} k SET \"position\" = u.position, \"place\" = u.place::json"
	      " FROM unnest($1::text[], $2::int4[], $3::text[]) AS u (id, position, place) WHERE k.{id} = u.id::{id_type}"
	    : "UPDATE {table} k SET {metadata} = jsonb_set({k_data_jsonb}, '{{chunk}', u.place::jsonb)"
	      " FROM unnest($1::text[], $2::int4[], $3::text[]) AS u (id, position, place) WHERE k.{id} = u.id::{id_type}"
	      " AND u.place IS NOT NULL {where}"), &p, 0, &done, e);
	PQclear(done);
	pg_params_free(&p);
	pg_array_free(&ids);
	pg_array_free(&positions);
	pg_array_free(&places);
	buf_free(&b);
	return rc;
}

/* The chunks that are left of a document are numbered anew, so that it is whole in itself. */
static int
close_ranks(struct deletion *x, struct err *e)
{
	PGresult *r = NULL;
	int rc = query(x, "SELECT l.id::text, l.position, l.n, l.place FROM (SELECT k.{id} AS id,"
	    " row_number() OVER (PARTITION BY {k_group} ORDER BY {k_position}, {k_id} COLLATE \"C\") - 1 AS position,"
	    " count(*) OVER (PARTITION BY {k_group}) AS n, {k_place}::text AS place FROM {table} k"
	    " WHERE {k_group} IN (SELECT DISTINCT document FROM pg_temp.c1v_doomed WHERE NOT whole) {where}) l", &r, e);

	if (rc == 0 && PQntuples(r) > 0)
		rc = save_places(x, r, e);
	PQclear(r);
	return rc;
}

static int
save_manifest(struct deletion *x, struct err *e)
{
	if (x->s->table.kind != PG_OURS)
		return 0;
	return query(x, "WITH l AS (SELECT d.document, (SELECT count(*) FROM {table} k WHERE k.\"document\" = d.document) AS n"
	    " FROM (SELECT DISTINCT document FROM pg_temp.c1v_doomed) d), gone AS ("
	    "DELETE FROM {schema}.c1v_document m USING l WHERE m.collection = {collection} AND m.key = l.document AND l.n = 0)"
	    " UPDATE {schema}.c1v_document m SET chunks = l.n, updated_at = now() FROM l"
	    " WHERE m.collection = {collection} AND m.key = l.document AND l.n > 0", NULL, e);
}

static int
count_listed(struct deletion *x, struct err *e)
{
	PGresult *r = NULL;
	int rc = query(x, "SELECT count(*) FILTER (WHERE s.whole), coalesce(sum(s.n), 0)::bigint FROM ("
	    "SELECT d.document, count(*) AS n, NOT EXISTS (SELECT FROM {table} k WHERE {k_group} = d.document {where}) AS whole"
	    " FROM pg_temp.c1v_doomed d GROUP BY d.document) s", &r, e);

	if (rc == 0)
		take_counts(x, r);
	PQclear(r);
	return rc;
}

static int
carry_out(struct deletion *x, struct err *e)
{
	int rc = pg_link_exec(&x->s->link, pg_sql(x->s, "CREATE TEMPORARY TABLE c1v_doomed (row_id {id_type},"
	    " document text COLLATE \"C\", whole boolean, again boolean) ON COMMIT DROP"), e);

	if (rc == 0)
		rc = list_rows(x, 0, e);
	if (rc == 0)
		rc = lock_rows(x, e);
	if (rc == 0)
		rc = list_rows(x, 1, e);
	if (rc == 0)
		rc = query(x, "DELETE FROM {table} k USING pg_temp.c1v_doomed d WHERE k.{id} = d.row_id {where}", NULL, e);
	if (rc == 0)
		rc = close_ranks(x, e);
	if (rc == 0)
		rc = save_manifest(x, e);
	if (rc == 0)
		rc = count_listed(x, e);
	return rc;
}

static int
work(void *arg, struct err *e)
{
	struct deletion *x = arg;
	struct pg_link *l = &x->s->link;
	int rc = pg_link_begin(l, x->o->dry_run ? PG_READ : PG_WRITE, NULL, e);

	if (rc == 0)
		rc = x->o->dry_run ? count(x, e) : carry_out(x, e);
	if (rc == 0 && !x->o->dry_run)
		return pg_link_commit(l, e);
	pg_link_rollback(l);
	return rc;
}

int
pg_delete(struct store *base, const struct delete_options *o, uint64_t *documents, uint64_t *chunks, struct err *e)
{
	struct deletion x = {.s = pg_of(base), .o = o};
	int64_t start = clock_mono_ns();
	int rc = o->dry_run ? pg_must_exist(x.s, e) : pg_must_write(x.s, e);

	if (rc == 0) {
		rc = pg_link_retry(&x.s->link, work, &x, e);
		pg_watch(x.s, "delete", PG_BULK, start, rc ? 0 : (int64_t)x.chunks, rc ? e : NULL);
	}
	*documents = rc == 0 ? x.documents : 0;
	*chunks = rc == 0 ? x.chunks : 0;
	return rc;
}

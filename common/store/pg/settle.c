#include "store/pg/steps.h"

#include <stdlib.h>

#include "gen/pg_sql.h"

int
pg_collection_update(struct pg_store *s, const struct pg_plan *p, struct err *e)
{
	struct pg_params params = {0};
	PGresult *r = NULL;
	int rc;

	pg_param_text(&params, slice_of(p->model));
	pg_param_text(&params, slice_of(p->splitter));
	pg_param_text(&params, slice_of(p->index));
	pg_param_int(&params, p->dims);
	rc = pg_link_query(&s->link, pg_sql(s, "UPDATE {schema}.c1v_collection SET model = $1, splitter = $2,"
	    " index_kind = $3, dims = nullif($4, 0) WHERE name = {collection}"
	    " AND (model, splitter, index_kind, dims) IS DISTINCT FROM ($1, $2, $3, nullif($4, 0)::integer)"),
	    &params, 0, &r, e);
	PQclear(r);
	pg_params_free(&params);
	return rc;
}

static int
lock_collection(struct pg_store *s, struct err *e)
{
	PGresult *r = NULL;
	int rc = pg_link_query(&s->link, pg_sql(s,
	    "SELECT 1 FROM {schema}.c1v_collection WHERE name = {collection} FOR UPDATE"), NULL, 0, &r, e);

	PQclear(r);
	return rc == 0 ? pg_table_read(s, e) : rc;
}

static int
forget_functions(struct pg_store *s, const struct pg_plan *p, struct err *e)
{
	struct buf sql = {0};
	int rc;

	pg_plan_fill(p, sql_drop_functions, &sql);
	rc = pg_link_exec(&s->link, buf_cstr(&sql), e);
	buf_free(&sql);
	return rc;
}

/* Does a statement find a row? */
static int
has_rows(struct pg_store *s, const char *sql, int *yes, struct err *e)
{
	PGresult *r = NULL;
	int rc = pg_link_query(&s->link, pg_sql(s, sql), NULL, 0, &r, e);

	*yes = rc == 0 && PQntuples(r) > 0;
	PQclear(r);
	return rc;
}

int
pg_dims_settle(struct pg_store *s, struct pg_plan *p, struct err *e)
{
	struct buf sql = {0};
	int rows = 0, rc;

	if (!s->table.described || s->table.dims != 0 || p->dims == 0)
		return 0;
	rc = has_rows(s, "SELECT FROM {table} LIMIT 1", &rows, e);
	p->cast = rows || s->table.mapped || p->dims > PG_VECTOR_INDEX_DIMS;
	/* Functions of before do not know of the cast. */
	if (rc == 0 && p->cast)
		rc = forget_functions(s, p, e);
	pg_step_add(p, 0, &sql);
	if (!rows && !s->table.mapped)
		pg_plan_fill(p, "ALTER TABLE {table} ALTER COLUMN {embedding} TYPE {type};\n", &sql);
	pg_plan_fill(p, pg_step_sql(1), &sql);
	if (s->table.version >= 4)
		pg_plan_fill(p, pg_step_sql(4), &sql);
	if (rc == 0)
		rc = pg_link_exec(&s->link, buf_cstr(&sql), e);
	buf_free(&sql);
	return rc;
}

static int
set_model(struct pg_store *s, struct slice model, size_t dims, struct err *e)
{
	struct init_options o = {.dims = dims};
	struct pg_plan p;
	char *name = mem_bytes(model.p, model.n);
	int rc;

	o.model = s->info.model ? NULL : name;
	rc = pg_plan(s, &o, &p, e);
	if (rc == 0)
		rc = pg_dims_settle(s, &p, e);
	if (rc == 0)
		rc = pg_collection_update(s, &p, e);
	if (rc == 0)
		rc = pg_table_read(s, e);
	free(name);
	return rc;
}

static int
has_vectors(struct pg_store *s, int *yes, struct err *e)
{
	return has_rows(s, "SELECT FROM {table} WHERE {embedding} IS NOT NULL LIMIT 1", yes, e);
}

/* Vectors that are there already may be of any model. */
static int
unknown_model(struct pg_store *s, struct err *e)
{
	err_set(e, C1V_CONFIG, "collection %s: has vectors of an unknown model", s->base.collection);
	return err_hint(e, "say which: c1v-store init --model NAME");
}

int
pg_model_set(struct pg_store *s, struct slice model, size_t dims, int *other, struct err *e)
{
	int there = 0, rc;

	*other = 0;
	if (!s->table.adopted || (s->info.model != NULL && s->info.dims != 0))
		return 0;
	rc = lock_collection(s, e);
	*other = rc == 0 && s->info.model != NULL && s->info.dims != 0;
	if (rc != 0 || *other)
		return rc;
	if (s->info.model == NULL)
		rc = has_vectors(s, &there, e);
	if (rc == 0 && there)
		return unknown_model(s, e);
	/* A dimension that is known and differs is for the caller to refuse. */
	if (rc != 0 || (s->info.dims != 0 && s->info.dims != dims))
		return rc;
	return set_model(s, model, dims, e);
}

int
pg_model_assume(struct pg_store *s, struct slice model, int *other, struct err *e)
{
	int there, rc = has_vectors(s, &there, e);

	*other = 0;
	if (rc == 0 && !there)
		s->info.model = arena_bytes(&s->names, model.p, model.n);
	if (rc != 0 || !there)
		return rc;
	/* When they have come since the table was read, their writer has said of which model. */
	rc = pg_table_read(s, e);
	*other = rc == 0 && s->info.model != NULL;
	return rc || *other ? rc : unknown_model(s, e);
}

int
pg_model_record(struct pg_store *s, int *other, struct err *e)
{
	struct pg_params params = {0};
	PGresult *r = NULL;
	int rc;

	pg_param_text(&params, slice_of(s->info.model));
	rc = pg_link_query(&s->link, pg_sql(s, "UPDATE {schema}.c1v_collection SET model = $1"
	    " WHERE name = {collection} AND model IS NULL"), &params, 0, &r, e);
	PQclear(r);
	r = NULL;
	if (rc == 0)
		rc = pg_link_query(&s->link, pg_sql(s, "SELECT FROM {schema}.c1v_collection"
		    " WHERE name = {collection} AND model = $1"), &params, 0, &r, e);
	*other = rc == 0 && PQntuples(r) == 0;
	PQclear(r);
	pg_params_free(&params);
	return rc;
}

int
pg_base_set(struct pg_store *s, struct slice api_base, int *other, struct err *e)
{
	struct pg_params params = {0};
	PGresult *r = NULL;
	int rc;

	pg_param_text(&params, api_base);
	rc = pg_link_query(&s->link, pg_sql(s, "UPDATE {schema}.c1v_collection SET api_base = $1"
	    " WHERE name = {collection} AND coalesce(api_base, $1) = $1"), &params, 0, &r, e);
	*other = rc == 0 && strcmp(PQcmdTuples(r), "0") == 0;
	PQclear(r);
	pg_params_free(&params);
	return rc;
}

int
pg_forget(struct pg_store *s, struct err *e)
{
	struct init_options o = {0};
	struct pg_plan p;
	int rc;

	if (!s->table.adopted)
		return 0;
	rc = pg_plan(s, &o, &p, e);
	if (rc == 0)
		rc = forget_functions(s, &p, e);
	if (rc == 0)
		rc = pg_link_exec(&s->link, pg_sql(s, "DELETE FROM {schema}.c1v_collection WHERE name = {collection};"
		    " DELETE FROM {schema}.c1v_migration WHERE collection = {collection}"), e);
	if (rc == 0 && s->table.version >= 2)
		rc = pg_link_exec(&s->link, pg_sql(s, "DELETE FROM {schema}.c1v_document WHERE collection = {collection}"), e);
	return rc;
}

#include "store/pg/plan.h"

#include <stdlib.h>

#include "store/pg/table.h"

static int
one_of(const char *text, const char *a, const char *b, const char *c)
{
	return text == NULL || strcmp(text, a) == 0 || strcmp(text, b) == 0 || strcmp(text, c) == 0;
}

/* The text-search configuration; SQLite's tokenizers have their like. */
static int
choose_config(struct pg_store *s, const struct init_options *o, struct pg_plan *p, struct err *e)
{
	const char *now = s->table.adopted ? s->info.tokenizer : NULL;

	p->config = o->tokenizer ? o->tokenizer : now ? now : "english";
	if (strcmp(p->config, "porter") == 0)
		p->config = "english";
	if (strcmp(p->config, "unicode61") == 0)
		p->config = "simple";
	if (strcmp(p->config, "trigram") == 0) {
		err_set(e, C1V_USAGE, "--tokenizer trigram: PostgreSQL has no such text-search configuration");
		return err_hint(e, "take english, simple or another that \\dF in psql shows");
	}
	if (strchr(p->config, '$') != NULL)
		return err_set(e, C1V_USAGE, "--tokenizer %.60s: a $ cannot stand in it", p->config);
	if (now != NULL && strcmp(now, p->config) != 0) {
		err_set(e, C1V_CONFIG, "collection %s is there already, with the tokenizer %s", p->collection, now);
		return err_hint(e, "use another collection, or drop this one first");
	}
	return 0;
}

static int
choose_model(struct pg_store *s, const struct init_options *o, struct pg_plan *p, struct err *e)
{
	const struct collection *c = &s->info;

	p->model = o->model ? o->model : c->model;
	p->splitter = o->splitter ? o->splitter : c->splitter;
	p->dims = o->dims ? (int64_t)o->dims : (int64_t)c->dims;
	if (c->model != NULL && strcmp(c->model, p->model) != 0)
		err_set(e, C1V_CONFIG, "collection %s is there already, with the model %s", p->collection, c->model);
	else if (c->dims != 0 && (int64_t)c->dims != p->dims)
		err_set(e, C1V_CONFIG, "collection %s is there already, with %zu dimensions", p->collection, c->dims);
	else
		return 0;
	return err_hint(e, "use another collection, or drop this one first");
}

static int
choose_type(struct pg_store *s, const struct init_options *o, struct pg_plan *p, struct err *e)
{
	const struct pg_table *t = &s->table;
	const char *now = t->described ? t->half ? "halfvec" : "vector" : NULL;

	if (!one_of(o->vector_type, "vector", "halfvec", "vector"))
		return err_set(e, C1V_USAGE, "--vector-type %.60s: wanted is vector or halfvec", o->vector_type);
	if (p->dims > PG_COLUMN_DIMS)
		return err_set(e, C1V_USAGE, "--dims %lld: pgvector takes %d at most", (long long)p->dims, PG_COLUMN_DIMS);
	p->vector_type = now ? now : o->vector_type ? o->vector_type : p->dims > PG_VECTOR_INDEX_DIMS ? "halfvec" : "vector";
	if (o->vector_type != NULL && strcmp(p->vector_type, o->vector_type) != 0)
		return err_set(e, C1V_CONFIG, "--vector-type %s: the column %s is of the type %s already", o->vector_type,
		    p->embedding, p->vector_type);
	p->cast = (strcmp(p->vector_type, "vector") == 0 && p->dims > PG_VECTOR_INDEX_DIMS) ||
	    (now != NULL && t->dims == 0 && p->dims > 0);
	return 0;
}

/* An index that is there already is changed by rebuilding it. */
static int
check_index_again(struct pg_store *s, const struct index_options *i, const struct pg_plan *p, struct err *e)
{
	const struct pg_table *t = &s->table;

	if (!t->adopted || t->version == 0 || ((i->kind == NULL || strcmp(i->kind, t->index_kind) == 0) &&
	    (i->m == 0 || i->m == t->index_m) && (i->lists == 0 || i->lists == t->index_lists) &&
	    (i->ef_construction == 0 || i->ef_construction == t->index_ef_construction)))
		return 0;
	err_set(e, C1V_CONFIG, "collection %s is there already, with the index %s as it was asked for then",
	    p->collection, t->index_kind);
	return err_hint(e, "c1v-store index rebuild changes it");
}

static int
choose_index(struct pg_store *s, const struct init_options *o, struct pg_plan *p, struct err *e)
{
	const struct pg_table *t = &s->table;
	const struct index_options *i = &o->index;

	if (!one_of(i->kind, "hnsw", "ivfflat", "none"))
		return err_set(e, C1V_USAGE, "--index %.60s: wanted is hnsw, ivfflat or none", i->kind);
	p->index = i->kind ? i->kind : t->index_kind ? t->index_kind : t->index == 'i' ? "ivfflat" : "hnsw";
	p->m = i->m ? i->m : t->index_m;
	p->ef_construction = i->ef_construction ? i->ef_construction : t->index_ef_construction;
	p->lists = i->lists ? i->lists : t->index_lists;
	if ((i->m || i->ef_construction) && strcmp(p->index, "hnsw") != 0)
		return err_set(e, C1V_USAGE, "--m and --ef-construction are for an hnsw index");
	if (i->lists && strcmp(p->index, "ivfflat") != 0)
		return err_set(e, C1V_USAGE, "--lists is for an ivfflat index");
	if (p->ef_construction && p->ef_construction < 2 * (p->m ? p->m : 16))
		return err_set(e, C1V_USAGE, "--ef-construction: must be at least twice --m, which is %lld",
		    (long long)(p->m ? p->m : 16));
	if (p->dims <= PG_HALFVEC_INDEX_DIMS || strcmp(p->index, "none") == 0)
		return 0;
	if (i->kind != NULL)
		return err_set(e, C1V_USAGE, "--index %s: pgvector indexes %d dimensions at most", i->kind,
		    PG_HALFVEC_INDEX_DIMS);
	p->index = "none";
	return 0;
}

/* A table that others made, and whether it can be ours as well. */
static int
check_adoption(struct pg_store *s, struct pg_plan *p, struct err *e)
{
	const struct pg_table *t = &s->table;

	if (t->kind == PG_ABSENT && s->options.columns != NULL && !s->options.offline)
		return err_set(e, C1V_CONFIG, "--columns: there is no table %s whose columns they could be", p->collection);
	if (t->kind == PG_ABSENT || t->adopted)
		return 0;
	if (t->relkind != 'r')
		return err_set(e, C1V_CONFIG, "%s is not an ordinary table, so it cannot be adopted", p->collection);
	if (!t->described) {
		err_set(e, C1V_CONFIG, "table %s: has no columns for an id, a text and a vector that c1v would recognise",
		    p->collection);
		return err_hint(e, "name them: --columns id=…,content=…,metadata=…,embedding=…");
	}
	if (t->where != NULL || strcmp(t->layout, "langchain_pg_embedding") == 0) {
		err_set(e, C1V_CONFIG, "collection %s: shares its table with others, so it cannot be adopted", p->collection);
		return err_hint(e, "it can be searched and ingested into as it is, without init");
	}
	if (t->conflict != NULL) {
		err_set(e, C1V_CONFIG, "table %s: has a column %s, which c1v's own of that name is not", p->collection,
		    t->conflict);
		return err_hint(e, "it cannot be adopted, but be used as it is: --columns %.200s", t->columns);
	}
	if (t->id_type == 'i' && !t->id_default)
		return err_set(e, C1V_CONFIG, "table %s: its column %s has no default, so no rows can be added", p->collection,
		    t->id);
	return 0;
}

static const char *
unquoted(struct pg_store *s, const char *quoted)
{
	char *out = arena_bytes(&s->names, quoted + 1, strlen(quoted) - 2), *to = out;

	for (const char *p = out; *p; p++) {
		*to++ = *p;
		p += p[0] == '"' && p[1] == '"';
	}
	*to = '\0';
	return out;
}

/* Names stand inside the texts of functions, which end at a $. */
static int
check_names(const struct pg_plan *p, struct err *e)
{
	const char *names[] = {p->schema, p->id, p->content, p->metadata, p->embedding};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strchr(names[i], '$') != NULL || strstr(names[i], "pgvector.") != NULL || strstr(names[i], "k.fts") != NULL)
			return err_set(e, C1V_CONFIG, "%.60s: a schema or column of this name cannot be c1v's", names[i]);
	}
	return 0;
}

static const char *
quoted_or(struct pg_store *s, const char *given, const char *name)
{
	struct buf b = {0};
	const char *out;

	pg_quote_name(&b, given ? given : name);
	out = arena_bytes(&s->names, b.data, b.len);
	buf_free(&b);
	return out;
}

/* The columns' names: the table's, else those that --columns says, else ours. */
static void
choose_columns(struct pg_store *s, struct pg_plan *p)
{
	const struct pg_table *t = &s->table;
	struct pg_layout l;

	pg_mapping_read(s->options.columns, &s->names, &l);
	p->id = t->id ? t->id : quoted_or(s, l.id, "id");
	p->content = t->content ? t->content : quoted_or(s, l.content, "content");
	p->metadata = t->metadata ? t->metadata : quoted_or(s, l.metadata, "metadata");
	p->embedding = t->embedding ? t->embedding : quoted_or(s, l.embedding, "embedding");
	p->columns = t->described ? t->columns : s->options.columns;
}

static void
begin(struct pg_store *s, struct pg_plan *p)
{
	const struct pg_table *t = &s->table;

	*p = (struct pg_plan){
		.collection = s->base.collection,
		.schema = t->schema ? unquoted(s, t->schema) : s->options.schema ? s->options.schema : "public",
		.extension = t->extension,
		.make_schema = s->options.offline && s->options.schema != NULL && strcmp(s->options.schema, "public") != 0,
		.uuid_default = t->id_type == 'u' && !t->id_default,
		.metadata_is_json = t->metadata_is_json,
	};
}

int
pg_plan(struct pg_store *s, const struct init_options *o, struct pg_plan *out, struct err *e)
{
	struct pg_plan p;
	int rc = pg_mapping_check(s->options.columns, e);

	begin(s, &p);
	if (rc == 0)
		rc = check_adoption(s, &p, e);
	if (rc == 0)
		choose_columns(s, &p);
	if (rc == 0)
		rc = check_names(&p, e);
	if (rc == 0)
		rc = choose_model(s, o, &p, e);
	if (rc == 0)
		rc = choose_config(s, o, &p, e);
	if (rc == 0)
		rc = choose_type(s, o, &p, e);
	if (rc == 0)
		rc = choose_index(s, o, &p, e);
	if (rc == 0)
		rc = check_index_again(s, &o->index, &p, e);
	*out = p;
	return rc;
}

int
pg_plan_index(struct pg_store *s, const struct index_options *o, struct pg_plan *out, struct err *e)
{
	struct init_options all = {.index = *o};
	int rc;

	begin(s, out);
	choose_columns(s, out);
	rc = choose_model(s, &all, out, e);
	if (rc == 0)
		rc = choose_type(s, &all, out, e);
	return rc ? rc : choose_index(s, &all, out, e);
}

int
pg_vector_dims(struct pg_store *s, int64_t *dims, struct err *e)
{
	static const char sql[] =
	    "SELECT {ext}.vector_dims(k.{embedding}) FROM {table} k WHERE k.{embedding} IS NOT NULL {where} LIMIT 1";
	struct pg_params none = {0};
	PGresult *r = NULL;
	int rc = s->link.in_transaction ? pg_link_query(&s->link, pg_sql(s, sql), NULL, 0, &r, e)
	    : pg_link_once(&s->link, "", pg_sql(s, sql), &none, 0, &r, e);

	*dims = rc == 0 && PQntuples(r) > 0 ? atoll(PQgetvalue(r, 0, 0)) : 0;
	PQclear(r);
	return rc;
}

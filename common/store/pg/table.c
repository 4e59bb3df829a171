#include "store/pg/table.h"

#include <stdlib.h>

#include "gen/pg_sql.h"
#include "store/pg/plan.h"

/* The table of LangChain's Python edition that holds the rows of all its collections. */
static const char pair_table[] = "langchain_pg_embedding";

/* Of the rows of sql/table.sql. */
enum { TAG, A, B, C, D, E, F, N };

enum { PAGE = 8192 }; /* whatever the server's is: sizes are estimates */

static const char *
text(const PGresult *r, int row, int column)
{
	return PQgetisnull(r, row, column) ? NULL : PQgetvalue(r, row, column);
}

static const char *
kept(struct pg_store *s, const PGresult *r, int row, int column)
{
	const char *p = text(r, row, column);

	return p ? arena_bytes(&s->names, p, strlen(p)) : NULL;
}

static const char *
quoted_name(struct pg_store *s, const char *name)
{
	struct buf b = {0};
	const char *out;

	if (name == NULL)
		return NULL;
	pg_quote_name(&b, name);
	out = arena_bytes(&s->names, b.data, b.len);
	buf_free(&b);
	return out;
}

static const char *
quoted_text(struct pg_store *s, const char *p)
{
	struct buf b = {0};
	const char *out;

	pg_quote_text(&b, slice_of(p));
	out = arena_bytes(&s->names, b.data, b.len);
	buf_free(&b);
	return out;
}

/* "0.8.0" is 80000. */
static int
version_number(const char *p)
{
	int n = 0;

	for (int i = 0; i < 3; i++) {
		char *end;
		n = n * 100 + (int)strtol(p, &end, 10) % 100;
		p = *end == '.' ? end + 1 : "0";
	}
	return n * 100;
}

/* KEY=VALUE of the collection's own row. */
static void
take_setting(struct pg_store *s, struct pg_catalog *c, const char *word)
{
	struct { const char *key; const char **to; } texts[] = {
		{"model", &s->info.model}, {"api_base", &s->info.api_base}, {"digest", &s->info.digest},
		{"metric", &s->info.metric}, {"splitter", &s->info.splitter}, {"config", &s->info.tokenizer},
		{"columns", &c->mapping}, {"index", &s->table.index_kind},
	};
	struct { const char *key; int64_t *to; } numbers[] = {
		{"m", &s->table.index_m}, {"ef_construction", &s->table.index_ef_construction},
		{"lists", &s->table.index_lists},
	};
	const char *value = strchr(word, '=') + 1;
	size_t n = (size_t)(value - word - 1);

	c->adopted = 1;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		if (strlen(texts[i].key) == n && memcmp(word, texts[i].key, n) == 0)
			*texts[i].to = value;
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		if (strlen(numbers[i].key) == n && memcmp(word, numbers[i].key, n) == 0)
			*numbers[i].to = atoll(value);
	}
	if (strncmp(word, "version=", 8) == 0)
		s->table.version = atoi(value);
	if (strncmp(word, "dims=", 5) == 0)
		c->dims = atoi(value);
}

/* regtype's names as the short ones of pg_type, without a schema. */
static const char *
type_name(struct pg_store *s, const char *name)
{
	static const char *const shorter[][2] = {
		{"bigint", "int8"}, {"integer", "int4"}, {"smallint", "int2"}, {"character varying", "varchar"},
		{"character", "bpchar"}, {"timestamp with time zone", "timestamptz"},
		{"timestamp without time zone", "timestamp"},
	};
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; i < sizeof(shorter) / sizeof(*shorter); i++) {
		if (strcmp(name, shorter[i][0]) == 0)
			return shorter[i][1];
	}
	name = dot ? dot + 1 : name;
	return arena_bytes(&s->names, name, strlen(name));
}

static void
take_column(struct pg_store *s, struct pg_catalog *c, const PGresult *r, int row)
{
	c->columns[c->count++] = (struct pg_column){
		.name = kept(s, r, row, A),
		.type = type_name(s, PQgetvalue(r, row, B)),
		.modifier = atoi(PQgetvalue(r, row, C)),
		.needed = *PQgetvalue(r, row, D) == 't',
		.made = *PQgetvalue(r, row, E) == 't',
		.number = atoi(PQgetvalue(r, row, N)),
	};
}

/* A primary key of one column. */
static void
take_key(struct pg_catalog *c, const PGresult *r, int row)
{
	const char *numbers = PQgetvalue(r, row, C);

	for (size_t i = 0; i < c->count && strchr(numbers, ' ') == NULL; i++)
		c->columns[i].primary = c->columns[i].number == atoi(numbers);
}

/* Rows that stand for themselves. Indexes come behind the columns; those on vectors are looked at
 * when it is known which column is which. */
static void
take_row(struct pg_store *s, struct pg_catalog *c, const PGresult *r, int row)
{
	const char *tag = PQgetvalue(r, row, TAG);
	struct pg_table *t = &s->table;

	if (strcmp(tag, "table") == 0) {
		c->schema = kept(s, r, row, A);
		c->table = kept(s, r, row, B);
		t->relkind = *PQgetvalue(r, row, C);
		t->rows = atof(PQgetvalue(r, row, D));
		t->pages = atof(PQgetvalue(r, row, E)) / PAGE;
		c->forbidden = kept(s, r, row, F);
	} else if (strcmp(tag, "extension") == 0) {
		t->extension = kept(s, r, row, A);
		t->vector_version = version_number(PQgetvalue(r, row, B));
	} else if (strcmp(tag, "column") == 0) {
		take_column(s, c, r, row);
	} else if (strcmp(tag, "collection") == 0) {
		take_setting(s, c, kept(s, r, row, A));
	} else if (strcmp(PQgetvalue(r, row, B), "btree") == 0) {
		take_key(c, r, row);
	}
}

/* The index of this row, when it is one on the embedding that we know how to use: on the
 * column, or on a cast of it to a vector type. HNSW is better than IVFFlat. */
static void
take_index(struct pg_store *s, const struct pg_column *embedding, const PGresult *r, int row)
{
	struct pg_table *t = &s->table;
	const char *expression = text(r, row, D), *lists = strstr(PQgetvalue(r, row, E), "lists=");
	const char *half = expression ? strstr(expression, "halfvec(") : NULL;
	const char *full = expression ? strstr(expression, "vector(") : NULL;
	char method = *PQgetvalue(r, row, B);

	if (method == 'b' || t->index == 'h' || strstr(PQgetvalue(r, row, F), "cosine") == NULL)
		return;
	if (expression ? (half == NULL && full == NULL) || strstr(expression, embedding->name) == NULL :
	    atoi(PQgetvalue(r, row, C)) != embedding->number)
		return;
	t->index = method;
	t->index_half = half != NULL;
	t->index_dims = half ? atoll(half + 8) : full ? atoll(full + 7) : 0;
	t->index_name = kept(s, r, row, A);
	t->lists = method != 'i' ? 0 : lists ? atoll(lists + 6) : 100;
}

/* How the index, or one that could be built, sees the embedding. More dimensions than an index
 * on vector takes are indexed as halfvec. */
static void
set_indexed(struct pg_store *s)
{
	struct pg_table *t = &s->table;
	int64_t dims = t->index_dims ? t->index_dims : (int64_t)s->info.dims;
	int half = t->half || t->index_half || (t->index == 0 && dims > PG_VECTOR_INDEX_DIMS);
	const char *type = half ? "halfvec" : "vector";

	s->info.dims = s->info.dims ? s->info.dims : (size_t)dims;
	t->query_type = dims ? arena_format(&s->names, "%s.%s(%lld)", t->extension, type, (long long)dims)
	    : arena_format(&s->names, "%s.%s", t->extension, type);
	if (dims != t->dims || half != t->half)
		t->indexed = arena_format(&s->names, "(k.%s::%s)", t->embedding, t->query_type);
	else
		t->indexed = arena_format(&s->names, "k.%s", t->embedding);
}

static void
set_columns(struct pg_store *s, const struct pg_catalog *c, const struct pg_layout *l)
{
	struct pg_table *t = &s->table;
	const struct pg_column *embedding = pg_column(c, l->embedding), *id = pg_column(c, l->id);
	const struct pg_column *made = pg_column(c, "created_at");
	struct buf b = {0};

	t->id = quoted_name(s, l->id);
	t->content = quoted_name(s, l->content);
	t->metadata = quoted_name(s, l->metadata);
	t->embedding = quoted_name(s, l->embedding);
	t->created_at = pg_column_is(made, "timestamp timestamptz") ? "\"created_at\"" : NULL;
	t->metadata_is_json = l->metadata && pg_column_is(pg_column(c, l->metadata), "json");
	t->id_type = pg_column_is(id, "uuid") ? 'u' : pg_column_is(id, "int2 int4 int8") ? 'i' : 't';
	t->id_default = id->made;
	t->half = pg_column_is(embedding, "halfvec");
	t->dims = embedding->modifier > 0 ? embedding->modifier : 0;
	t->vector_needed = embedding->needed;
	t->layout = c->adopted ? "c1v" : l->name;
	t->adopted = c->adopted;
	t->mapped = c->mapping != NULL;
	t->described = 1;
	pg_mapping_add(&b, l);
	t->columns = arena_bytes(&s->names, b.data, b.len);
	buf_free(&b);
}

static const struct { const char *name, *quoted; size_t offset; } own[] = {
	{"key", "\"key\"", offsetof(struct pg_table, key)},
	{"document", "\"document\"", offsetof(struct pg_table, document)},
	{"position", "\"position\"", offsetof(struct pg_table, position)},
	{"source", "\"source\"", offsetof(struct pg_table, source)},
	{"hash", "\"hash\"", offsetof(struct pg_table, hash)},
	{"place", "\"place\"", offsetof(struct pg_table, place)},
	{"model", "\"model\"", offsetof(struct pg_table, model)},
};

/* A column that migration 002 would take for its own. One named source means the same
 * everywhere, and is shared when it is a text. */
static const char *
conflicting(const struct pg_catalog *c, const struct pg_layout *l)
{
	const struct pg_column *fts = pg_column(c, "fts");

	if (l->metadata == NULL && pg_column(c, "metadata") != NULL)
		return "metadata";

	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++) {
		const struct pg_column *k = pg_column(c, own[i].name);
		if (k != NULL && !(strcmp(k->name, "source") == 0 && pg_column_is(k, "text")))
			return k->name;
	}
	return fts && !pg_column_is(fts, "tsvector") ? fts->name : NULL;
}

/* The columns of migration 002, when all are there. */
static int
set_own_columns(struct pg_table *t, const struct pg_catalog *c)
{
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++) {
		if (pg_column(c, own[i].name) == NULL)
			return 0;
	}
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		*(const char **)((char *)t + own[i].offset) = own[i].quoted;
	return 1;
}

static void
set_search(struct pg_store *s, const struct pg_catalog *c)
{
	struct pg_table *t = &s->table;

	if (s->info.tokenizer == NULL)
		s->info.tokenizer = "english";
	t->config = quoted_text(s, s->info.tokenizer);
	if (pg_column_is(pg_column(c, "fts"), "tsvector"))
		t->fts = "k.\"fts\"";
	else
		t->fts = arena_format(&s->names, "to_tsvector(%s, k.%s)", t->config, t->content);
}

/* Which kind it is. A table that looks like ours but was not adopted is only read: nobody's
 * table is written to because its name happened to fit. LangChain's own names are unmistakable. */
static enum pg_kind
kind_of(struct pg_store *s, const struct pg_catalog *c, const struct pg_layout *l)
{
	if (c->adopted && s->table.version >= 2 && set_own_columns(&s->table, c))
		return PG_OURS;
	if (c->adopted) /* migrations are due; until then it is read like any other */
		return PG_FOREIGN;
	if (s->options.columns == NULL && s->base.mode == STORE_WRITE && strcmp(l->name, "documents") == 0)
		return PG_BARE;
	return PG_FOREIGN;
}

static void
set_pair(struct pg_store *s, const struct pg_catalog *c)
{
	struct pg_table *t = &s->table;

	t->collection_id = quoted_text(s, c->pair);
	t->where = arena_format(&s->names, "k.\"collection_id\" = %s", t->collection_id);
}

/* What the planner believes, or of a table that it never looked at what its pages may hold, so that
 * what has rows never seems to have none. */
static void
set_counts(struct pg_store *s, const struct pg_catalog *c)
{
	enum { ROWS_A_PAGE = 8 };
	struct collection *i = &s->info;
	struct pg_table *t = &s->table;

	if (t->rows <= 0)
		t->rows = t->pages * ROWS_A_PAGE;
	i->chunks = i->vectors = i->documents = (uint64_t)t->rows;
	i->name = s->base.collection;
	if (i->metric == NULL)
		i->metric = "cosine";
	i->dims = c->dims ? (size_t)c->dims : (size_t)t->dims;
}

static int
check_allowed(struct pg_store *s, const struct pg_catalog *c, struct err *e)
{
	if (c->forbidden == NULL)
		return 0;
	err_set(e, C1V_CREDENTIALS, "the role %s may not read %s", PQuser(s->link.conn), c->forbidden);
	return err_hint(e, "GRANT SELECT ON %s TO %s", c->forbidden, PQuser(s->link.conn));
}

/* --columns must say what was adopted, or describe a table that was not. */
static int
mapping_for(struct pg_store *s, const struct pg_catalog *c, const char **mapping, struct err *e)
{
	const char *given = s->options.columns;
	struct pg_layout asked, adopted;
	int rc;

	*mapping = given ? given : c->mapping;
	if (given == NULL || !c->adopted || c->table == NULL)
		return 0;
	rc = pg_layout(c, given, &s->names, &asked, e);
	if (rc == 0)
		rc = pg_layout(c, c->mapping, &s->names, &adopted, e);
	if (rc != 0)
		return rc;
	if (strcmp(asked.id, adopted.id) == 0 && strcmp(asked.content, adopted.content) == 0 &&
	    strcmp(asked.embedding, adopted.embedding) == 0 &&
	    strcmp(asked.metadata ? asked.metadata : "", adopted.metadata ? adopted.metadata : "") == 0)
		return 0;
	err_set(e, C1V_CONFIG, "--columns: %s is c1v's own already, with other columns", c->table);
	return err_hint(e, "leave the option out");
}

static int
resolve(struct pg_store *s, const struct pg_catalog *c, const PGresult *r, struct err *e)
{
	struct pg_table *t = &s->table;
	struct pg_layout l = {0};
	const char *mapping = NULL;
	int rc = check_allowed(s, c, e);

	if (rc == 0)
		rc = mapping_for(s, c, &mapping, e);
	t->schema = quoted_name(s, c->schema);
	t->name = c->table ? c->table : s->base.collection;
	t->table = arena_format(&s->names, "%s.%s", t->schema, quoted_name(s, t->name));
	if (t->extension == NULL)
		t->extension = "\"public\"";
	if (rc == 0 && c->table != NULL)
		rc = pg_layout(c, mapping, &s->names, &l, e);
	if (rc != 0)
		return rc;
	t->kind = c->table == NULL ? PG_ABSENT : PG_BARE;
	set_counts(s, c);
	if (l.embedding == NULL)
		return 0;
	set_columns(s, c, &l);
	set_counts(s, c);
	for (int i = 0; i < PQntuples(r); i++) {
		if (strcmp(PQgetvalue(r, i, TAG), "index") == 0)
			take_index(s, pg_column(c, l.embedding), r, i);
	}
	set_indexed(s);
	set_search(s, c);
	if (c->pair != NULL)
		set_pair(s, c);
	if (t->version < 2)
		t->conflict = conflicting(c, &l);
	t->kind = kind_of(s, c, &l);
	return 0;
}

static int
ask(struct pg_store *s, const char *sql, const char *table, PGresult **out, struct err *e)
{
	struct pg_params p = {0};
	int rc;

	pg_param_text(&p, slice_of(s->options.schema));
	pg_param_text(&p, slice_of(table));
	/* By itself it must not wait for ever for whoever has locked the table. */
	rc = s->link.in_transaction ? pg_link_query(&s->link, sql, &p, 0, out, e)
	    : pg_link_once(&s->link, "", sql, &p, 0, out, e);
	pg_params_free(&p);
	return rc;
}

static void
take_rows(struct pg_store *s, struct pg_catalog *c, const PGresult *r)
{
	const char *pair = c->pair;

	memset(&s->table, 0, sizeof(s->table));
	memset(&s->info, 0, sizeof(s->info));
	*c = (struct pg_catalog){.pair = pair};
	c->columns = arena_alloc(&s->names, (size_t)PQntuples(r) * sizeof(*c->columns));
	for (int i = 0; i < PQntuples(r); i++)
		take_row(s, c, r, i);
}

/* No table has the name: it may be a collection in LangChain's shared one. */
static int
ask_for_pair(struct pg_store *s, struct pg_catalog *c, PGresult **r, struct err *e)
{
	PGresult *pair = NULL;
	int rc = ask(s, sql_pair, s->base.collection, &pair, e);

	if (rc == 0 && PQntuples(pair) > 0) {
		c->pair = kept(s, pair, 0, 0);
		PQclear(*r);
		*r = NULL;
		rc = ask(s, sql_table, pair_table, r, e);
		if (rc == 0)
			take_rows(s, c, *r);
	}
	PQclear(pair);
	return rc;
}

int
pg_table_read(struct pg_store *s, struct err *e)
{
	struct pg_catalog c = {0};
	PGresult *r = NULL;
	int rc = pg_mapping_check(s->options.columns, e);

	if (rc == 0)
		rc = ask(s, sql_table, s->base.collection, &r, e);
	if (rc != 0)
		return rc;
	arena_reset(&s->names);
	take_rows(s, &c, r);
	if (c.schema == NULL) {
		rc = err_set(e, C1V_CONFIG, "%s: no schema of the search path exists", s->link.name);
		err_hint(e, "name one with --schema");
	} else if (c.table == NULL) {
		rc = ask_for_pair(s, &c, &r, e);
	}
	if (rc == 0)
		rc = resolve(s, &c, r, e);
	PQclear(r);
	return rc;
}

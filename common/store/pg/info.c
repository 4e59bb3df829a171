/* What a collection is, how big, and how its server does. */
#include "store/pg/index.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/num.h"
#include "gen/pg_sql.h"

static void
add_text(struct buf *b, const char *key, const char *value)
{
	json_add_key(b, key);
	if (value == NULL)
		buf_string(b, "null");
	else
		json_add_string(b, slice_of(value));
}

static void
add_number(struct buf *b, const char *key, int64_t value)
{
	json_add_key(b, key);
	num_add_int(b, value);
}

/* --- warnings ------------------------------------------------------------------ */

struct warnings {
	struct buf list; /* JSON strings, each behind a comma */
};

static void
warn(struct warnings *w, const char *text)
{
	buf_byte(&w->list, ',');
	json_add_string(&w->list, slice_of(text));
}

/* pgvector's own list of changes has them. */
static void
warn_versions(struct pg_store *s, struct warnings *w)
{
	int version = s->table.vector_version;

	if (version == 0)
		warn(w, "pgvector is not installed in this database");
	else if (version < 80000)
		warn(w, "pgvector before 0.8.0 cannot go on scanning an index: a filtered search may compare every row");
	if (version > 0 && version < 80200)
		warn(w, "pgvector before 0.8.2 may overrun its memory while it builds an HNSW index in parallel: update it,"
		    " or set max_parallel_maintenance_workers to 0");
	if (version > 0 && version < 80300)
		warn(w, "pgvector before 0.8.3 may damage an HNSW index during VACUUM: update it, then c1v-store index rebuild");
}

static void
warn_index(const struct pg_index_state *x, struct warnings *w)
{
	const char *stale = pg_index_stale(x);
	struct buf b = {0};

	for (int i = 0; i < x->count; i++) {
		if (x->items[i].valid)
			continue;
		b.len = 0;
		buf_format(&b, "index %s: is not valid, its building failed; c1v-store index build drops it", x->items[i].name);
		warn(w, buf_cstr(&b));
	}
	if (stale != NULL) {
		b.len = 0;
		buf_format(&b, "index %s: %s; c1v-store index rebuild mends it for every client", x->used->name, stale);
		warn(w, buf_cstr(&b));
	}
	buf_free(&b);
}

static void
warn_of(struct warnings *w, const char *collection, const char *text)
{
	struct buf b = {0};

	buf_format(&b, "%s: %s", collection, text);
	warn(w, buf_cstr(&b));
	buf_free(&b);
}

static void
warn_rows(const char *name, double dead, double rows, const char *analyzed, struct warnings *w)
{
	if (dead > 1000 && dead > rows / 5)
		warn_of(w, name, "more than a fifth of the rows are dead: autovacuum does not keep up,"
		    " or c1v-store vacuum is due");
	if (rows > 1000 && analyzed == NULL)
		warn_of(w, name, "the table was never analyzed: the planner and the worth of words go by guesses until then");
}

/* --- parts of the answer ------------------------------------------------------------ */

static int
ask(struct pg_store *s, const char *sql, PGresult **out, struct err *e)
{
	struct pg_params p = {0};
	int rc;

	pg_param_text(&p, slice_of(s->table.table));
	rc = pg_link_query(&s->link, sql, &p, 0, out, e);
	pg_params_free(&p);
	return rc;
}

static const char *
value_of(const PGresult *r, const char *name)
{
	for (int i = 0; i < PQntuples(r); i++)
		if (strcmp(PQgetvalue(r, i, 0), name) == 0)
			return PQgetisnull(r, i, 1) ? NULL : PQgetvalue(r, i, 1);
	return NULL;
}

static int
add_indexes(struct pg_store *s, struct buf *b, struct err *e)
{
	PGresult *r = NULL;
	int rc = ask(s, sql_info_indexes, &r, e);

	if (rc != 0)
		return rc;
	json_add_key(b, "indexes");
	buf_byte(b, '[');
	for (int i = 0; i < PQntuples(r); i++) {
		buf_string(b, i ? ",{" : "{");
		add_text(b, "name", PQgetvalue(r, i, 0));
		add_text(b, "kind", PQgetvalue(r, i, 1));
		json_add_key(b, "valid");
		buf_string(b, *PQgetvalue(r, i, 2) == 't' ? "true" : "false");
		add_number(b, "bytes", atoll(PQgetvalue(r, i, 3)));
		add_number(b, "scans", atoll(PQgetvalue(r, i, 4)));
		buf_byte(b, '}');
	}
	buf_byte(b, ']');
	PQclear(r);
	return 0;
}

static void
add_vector_index(struct pg_store *s, const struct pg_index_state *x, struct buf *b)
{
	const struct pg_index *used = x->used;

	json_add_key(b, "index");
	if (used == NULL) {
		buf_string(b, "null");
	} else {
		buf_byte(b, '{');
		add_text(b, "name", used->name);
		add_text(b, "kind", used->kind);
		add_number(b, "bytes", used->bytes);
		add_number(b, "scans", used->scans);
		if (used->lists)
			add_number(b, "lists", used->lists);
		if (used->m)
			add_number(b, "m", used->m);
		if (used->ef_construction)
			add_number(b, "ef_construction", used->ef_construction);
		buf_byte(b, '}');
	}
	add_text(b, "index_wanted", s->table.index_kind);
	if (x->pid != 0)
		add_number(b, "index_built_by", x->pid);
}

/* The counts are exact: people compare them. */
static int
count(struct pg_store *s, uint64_t *documents, uint64_t *chunks, uint64_t *vectors, struct err *e)
{
	static const char counted[] = "SELECT count(*), count(k.{embedding}), count(DISTINCT {k_document})"
	    " FROM {table} k WHERE true {where}";
	/* Of our own tables the manifest knows the documents, rows that nobody ingested aside. */
	static const char ours[] = "SELECT count(*), count(k.{embedding}),"
	    " (SELECT count(*) FROM {schema}.c1v_document WHERE collection = {collection})"
	    " + count(*) FILTER (WHERE k.{key} IS NULL)"
	    " FROM {table} k WHERE true {where}";
	PGresult *r = NULL;
	int rc = pg_link_query(&s->link, pg_sql(s, s->table.kind == PG_OURS ? ours : counted), NULL, 0, &r, e);

	if (rc != 0)
		return rc;
	*chunks = strtoull(PQgetvalue(r, 0, 0), NULL, 10);
	*vectors = strtoull(PQgetvalue(r, 0, 1), NULL, 10);
	*documents = strtoull(PQgetvalue(r, 0, 2), NULL, 10);
	PQclear(r);
	return 0;
}

static void
add_measures(const PGresult *r, struct buf *b)
{
	static const char *const names[] = {
		"bytes", "table_bytes", "toast_bytes", "index_bytes", "dead_rows", "scans", "index_scans", "cache_hit_ratio",
	};
	static const char *const texts[] = {"last_vacuum", "last_analyze"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const char *value = value_of(r, names[i]);
		json_add_key(b, names[i]);
		buf_string(b, value ? value : "null");
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		add_text(b, texts[i], value_of(r, texts[i]));
}

static int
describe(struct pg_store *s, const PGresult *r, struct warnings *w, struct buf *b, struct err *e)
{
	const struct collection *c = &s->info;
	struct pg_index_state state = {0};
	uint64_t documents, chunks, vectors;
	const char *dead = value_of(r, "dead_rows");
	int rc = count(s, &documents, &chunks, &vectors, e);

	if (rc == 0)
		rc = pg_index_read(s, &state, e);
	if (rc != 0)
		return rc;
	if (b->data[b->len - 1] == '}')
		buf_byte(b, ',');
	buf_byte(b, '{');
	add_text(b, "name", s->base.collection);
	add_number(b, "documents", (int64_t)documents);
	add_number(b, "chunks", (int64_t)chunks);
	add_number(b, "vectors", (int64_t)vectors);
	add_number(b, "dims", (int64_t)c->dims);
	add_text(b, "model", c->model);
	add_text(b, "api_base", c->api_base);
	add_text(b, "digest", c->digest);
	add_text(b, "metric", c->metric);
	add_text(b, "splitter", c->splitter);
	add_text(b, "tokenizer", c->tokenizer);
	add_text(b, "table", s->table.table);
	add_text(b, "layout", s->table.layout);
	add_text(b, "columns", s->table.columns);
	add_text(b, "vector_type", s->table.half ? "halfvec" : "vector");
	add_number(b, "version", s->table.version);
	add_measures(r, b);
	add_vector_index(s, &state, b);
	rc = add_indexes(s, b, e);
	buf_byte(b, '}');
	warn_index(&state, w);
	warn_rows(s->base.collection, dead ? atof(dead) : 0, (double)chunks, value_of(r, "last_analyze"), w);
	pg_index_free(&state);
	return rc;
}

/* The open collection. */
static int
add_collection(struct pg_store *s, struct warnings *w, struct buf *b, struct err *e)
{
	PGresult *r = NULL;
	int rc = ask(s, sql_info, &r, e);

	if (rc == 0)
		rc = describe(s, r, w, b, e);
	PQclear(r);
	return rc;
}

/* --- all collections of the store ------------------------------------------------------- */

static int
has_table(const struct pg_store *s)
{
	return s->table.kind == PG_OURS || s->table.kind == PG_FOREIGN;
}

/* That one cannot be shown does not hide the others. */
static int
add_listed(struct pg_store *s, struct warnings *w, struct buf *b, struct err *e)
{
	int rc = pg_table_read(s, e);

	if (rc == C1V_CREDENTIALS || rc == C1V_CONFIG) {
		if (*pg_link_sqlstate(&s->link) != '\0')
			return rc; /* the transaction has failed */
		warn_of(w, s->base.collection, e->text);
		return 0;
	}
	if (rc != 0)
		return rc;
	if (has_table(s))
		return add_collection(s, w, b, e);
	warn_of(w, s->base.collection, "its table is not there any more, or has no vectors");
	return 0;
}

/* The names that c1v-store init has given, and the open collection's where it is a table of others. In order,
 * as bytes. */
static int
list(struct pg_store *s, PGresult **out, struct err *e)
{
	static const char own[] = "SELECT to_regclass($1)";
	static const char names[] = "SELECT name FROM (SELECT name FROM {schema}.c1v_collection"
	    " UNION SELECT {collection} WHERE $1) x ORDER BY name COLLATE \"C\"";
	static const char alone[] = "SELECT {collection} WHERE $1";
	struct pg_params p = {0}, there = {0};
	PGresult *r = NULL;
	int rc, known;

	pg_param_text(&p, slice_of(arena_format(&p.arena, "%s.c1v_collection", s->table.schema)));
	rc = pg_link_query(&s->link, own, &p, 0, &r, e);
	known = rc == 0 && !PQgetisnull(r, 0, 0);
	PQclear(r);
	pg_param_text(&there, has_table(s) ? SLICE("true") : SLICE("false"));
	if (rc == 0)
		rc = pg_link_query(&s->link, pg_sql(s, known ? names : alone), &there, 0, out, e);
	pg_params_free(&there);
	pg_params_free(&p);
	return rc;
}

/* Every other collection is taken for the open one for as long as it is looked at. */
static int
add_all(struct pg_store *s, struct warnings *w, struct buf *b, struct err *e)
{
	char *open = s->base.collection;
	const char *columns = s->options.columns;
	PGresult *names = NULL;
	int rc = list(s, &names, e);

	for (int i = 0; rc == 0 && i < PQntuples(names); i++) {
		s->base.collection = PQgetvalue(names, i, 0);
		s->options.columns = strcmp(s->base.collection, open) == 0 ? columns : NULL;
		rc = add_listed(s, w, b, e);
	}
	s->base.collection = open;
	s->options.columns = columns;
	PQclear(names);
	return rc ? rc : pg_table_read(s, e);
}

/* --- the whole ---------------------------------------------------------------------------- */

static void
add_server(struct pg_store *s, const PGresult *r, struct buf *b)
{
	int v = s->table.vector_version;
	const char *size = value_of(r, "database_bytes");

	add_text(b, "store", s->base.name);
	add_text(b, "driver", "postgres");
	add_text(b, "server", value_of(r, "server"));
	json_add_key(b, "pgvector");
	if (v > 0)
		buf_format(b, "\"%d.%d.%d\"", v / 1000000, v / 10000 % 100, v / 100 % 100);
	else
		buf_string(b, "null");
	json_add_key(b, "size");
	buf_string(b, size ? size : "null");
}

static int
make(struct pg_store *s, int all, struct buf *b, struct err *e)
{
	struct warnings w = {0};
	PGresult *r = NULL;
	int rc = ask(s, sql_info, &r, e);

	if (rc != 0)
		return rc;
	buf_byte(b, '{');
	add_server(s, r, b);
	PQclear(r);
	json_add_key(b, "collections");
	buf_byte(b, '[');
	warn_versions(s, &w);
	rc = all ? add_all(s, &w, b, e) : add_collection(s, &w, b, e);
	buf_byte(b, ']');
	json_add_key(b, "warnings");
	buf_byte(b, '[');
	if (w.list.len > 0)
		buf_add(b, w.list.data + 1, w.list.len - 1);
	buf_string(b, "]}");
	buf_free(&w.list);
	return rc;
}

int
pg_info(struct store *base, int all, struct buf *json, struct err *e)
{
	struct pg_store *s = pg_of(base);
	int rc = all ? 0 : pg_must_exist(s, e);

	if (rc == 0)
		rc = pg_link_begin(&s->link, PG_READ, NULL, e);
	if (rc != 0)
		return rc;
	rc = make(s, all, json, e);
	if (rc == 0)
		return pg_link_commit(&s->link, e);
	pg_link_rollback(&s->link);
	return rc;
}

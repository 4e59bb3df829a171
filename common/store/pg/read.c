#include "base/clock.h"
#include "store/pg/find.h"

/* Rows on their way to the caller. */
struct reading {
	struct pg_store *s;
	stored_chunk_fn *fn;
	void *arg;
	struct arena arena;
	uint64_t count;
	int refused; /* what fn returned */
};

static int
take_row(void *arg, const PGresult *r, struct err *e)
{
	struct reading *x = arg;

	for (int i = 0; i < PQntuples(r); i++) {
		struct stored_chunk c;
		int rc;

		arena_reset(&x->arena);
		rc = pg_row(x->s, r, i, 0, &x->arena, &c, e);
		if (rc == 0)
			rc = x->refused = x->fn(x->arg, &c, e);
		if (rc != 0)
			return rc;
		x->count++;
	}
	return 0;
}

/* One statement in a transaction of its own, which sees one state of the table. It lasts as long as
 * the caller takes for the rows: no time limit is right for all of them. */
static int
read_rows(struct reading *x, const char *name, const char *sql, const struct pg_params *p, struct err *e)
{
	int64_t start = clock_mono_ns();
	int rc = pg_link_begin(&x->s->link, p ? PG_READ : PG_READ | PG_LONG, NULL, e);

	if (rc == 0)
		rc = pg_link_rows(&x->s->link, sql, p, 1, take_row, x, e);
	pg_watch(x->s, name, p ? PG_QUERY : PG_BULK, start, (int64_t)x->count, rc && !x->refused ? e : NULL);
	pg_link_rollback(&x->s->link);
	arena_free(&x->arena);
	return rc;
}

/* Rows that were there before the table was adopted have no document: they are few or all, and are
 * merged with the others, which the index has in order already. */
static const char export_ours[] =
    "SELECT * FROM (SELECT {columns}, k.\"document\" AS o_document, k.\"position\" AS o_position FROM {table} k"
    " WHERE k.\"document\" IS NOT NULL UNION ALL"
    " SELECT {columns}, {k_document} COLLATE \"C\", 0 FROM {table} k WHERE k.\"document\" IS NULL) k"
    " ORDER BY o_document, o_position";
static const char export_foreign[] =
    "SELECT {columns} FROM {table} k WHERE true {where}"
    " ORDER BY {k_document} COLLATE \"C\", {k_position}, {k_id} COLLATE \"C\"";

static void
add_columns(struct buf *b, const char *template)
{
	const char *mark;

	while ((mark = strstr(template, "{columns}")) != NULL) {
		buf_add(b, template, (size_t)(mark - template));
		buf_string(b, pg_row_columns);
		template = mark + strlen("{columns}");
	}
	buf_string(b, template);
}

int
pg_export(struct store *base, stored_chunk_fn *fn, void *arg, struct err *e)
{
	struct pg_store *s = pg_of(base);
	struct reading x = {.s = s, .fn = fn, .arg = arg};
	struct buf template = {0}, sql = {0};
	int rc = pg_must_exist(s, e);

	if (rc != 0)
		return rc;
	add_columns(&template, s->table.kind == PG_OURS ? export_ours : export_foreign);
	pg_sql_add(s, &sql, buf_cstr(&template));
	rc = read_rows(&x, "export", buf_cstr(&sql), NULL, e);
	buf_free(&template);
	buf_free(&sql);
	return rc;
}

/* Rows of which a chunk, or a document, has this id; with a range of positions. */
static int
read_id(struct reading *x, struct slice id, int documents, const int64_t *range, struct err *e)
{
	struct pg_params p = {0};
	struct pg_ids ids = pg_ids_add(x->s, &p, &id, 1);
	struct buf sql = {0};
	int rc;

	buf_string(&sql, "SELECT ");
	pg_sql_add(x->s, &sql, pg_row_columns);
	pg_sql_add(x->s, &sql, " FROM {table} k WHERE true {where} AND ");
	if (documents)
		pg_find_documents(x->s, &sql, &ids);
	else
		pg_find_chunks(x->s, &sql, &ids);
	if (range != NULL) {
		pg_param_int(&p, range[0]);
		pg_param_int(&p, range[1]);
		pg_sql_add(x->s, &sql, " AND {k_position}");
		buf_format(&sql, " BETWEEN $%d AND $%d", p.count - 1, p.count);
	}
	pg_sql_add(x->s, &sql, " ORDER BY {k_position}, {k_id} COLLATE \"C\"");
	rc = read_rows(x, documents ? "get_document" : "get_chunk", buf_cstr(&sql), &p, e);
	pg_params_free(&p);
	buf_free(&sql);
	return rc;
}

int
pg_get(struct store *base, struct slice id, stored_chunk_fn *fn, void *arg, struct err *e)
{
	struct pg_store *s = pg_of(base);
	struct reading x = {.s = s, .fn = fn, .arg = arg};
	int rc = pg_must_exist(s, e);

	for (int documents = 0; documents < 2 && rc == 0 && x.count == 0; documents++)
		rc = read_id(&x, id, documents, NULL, e);
	if (rc == 0 && x.count == 0)
		return err_set(e, C1V_NO, "no chunk or document %.*s", id.n > 200 ? 200 : (int)id.n, id.p);
	return rc;
}

int
pg_neighbors(struct store *base, struct slice document, int64_t first, int64_t last, stored_chunk_fn *fn,
    void *arg, struct err *e)
{
	struct reading x = {.s = pg_of(base), .fn = fn, .arg = arg};
	const int64_t range[2] = {first, last};
	int rc = pg_must_exist(x.s, e);

	return rc ? rc : read_id(&x, document, 1, range, e);
}

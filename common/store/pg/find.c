#include "store/pg/find.h"

#include <stdlib.h>

#include "store/pg/write.h"

int
pg_could_be_row(const struct pg_table *t, struct slice id)
{
	size_t i = id.n > 1 && *id.p == '-';

	if (t->id_type == 't')
		return t->kind == PG_OURS;
	if (t->id_type == 'u')
		return t->kind == PG_OURS && put_is_uuid(id);
	if (id.n - i < 1 || id.n - i > 18 || (id.p[i] == '0' && id.n > 1))
		return 0;
	for (; i < id.n; i++) {
		if (id.p[i] < '0' || id.p[i] > '9')
			return 0;
	}
	return 1;
}

struct pg_ids
pg_ids_add(struct pg_store *s, struct pg_params *p, const struct slice *ids, size_t count)
{
	const struct pg_table *t = &s->table;
	struct slice *rows = mem_alloc((count + 1) * sizeof(*rows));
	struct pg_ids out = {0};
	size_t n = 0;

	pg_param_texts(p, ids, count);
	out.texts = p->count;
	for (size_t i = 0; i < count && t->kind == PG_FOREIGN && t->id_type != 'i'; i++)
		rows[n++] = t->id_type == 'u' ? slice_of(put_uuid(&p->arena, ids[i])) : ids[i];
	pg_param_texts(p, rows, n);
	out.rows = p->count;
	n = 0;
	for (size_t i = 0; i < count; i++) {
		if (pg_could_be_row(t, ids[i]))
			rows[n++] = ids[i];
	}
	pg_param_texts(p, rows, n);
	out.own = p->count;
	free(rows);
	return out;
}

void
pg_sql_add(struct pg_store *s, struct buf *sql, const char *template)
{
	buf_string(sql, pg_sql(s, template));
}

/* By the row's own id, where that is what stands for the chunk's. */
static void
add_rows(struct buf *b, int rows, int texts)
{
	buf_format(b, "(k.{id} = ANY ($%d::text[]::{id_type}[]) AND {k_id} = ANY ($%d::text[]))", rows, texts);
}

void
pg_find_chunks(struct pg_store *s, struct buf *sql, const struct pg_ids *ids)
{
	struct buf b = {0};

	buf_string(&b, "((");
	if (s->table.kind == PG_OURS)
		buf_format(&b, "k.\"key\" = ANY ($%d::text[]) OR ", ids->texts);
	else if (s->table.id_type == 'i')
		buf_format(&b, "{k_data}->>'c1v_id' = ANY ($%d::text[]) OR ", ids->texts);
	else
		add_rows(&b, ids->rows, ids->texts);
	if (s->table.kind == PG_FOREIGN && s->table.id_type != 'i')
		buf_string(&b, " OR ");
	add_rows(&b, ids->own, ids->texts);
	/* Every parameter is named somewhere, so that its type is known. */
	buf_format(&b, ") AND $%d::text[] IS NOT NULL)", ids->rows);
	pg_sql_add(s, sql, buf_cstr(&b));
	buf_free(&b);
}

void
pg_find_documents(struct pg_store *s, struct buf *sql, const struct pg_ids *ids)
{
	struct buf b = {0};

	buf_string(&b, "((");
	if (s->table.kind == PG_OURS)
		buf_format(&b, "k.\"document\" = ANY ($%d::text[])) OR ", ids->texts);
	else
		buf_format(&b, "{k_doc} = ANY ($%d::text[]) AND {k_document} = ANY ($%d::text[])) OR ", ids->texts, ids->texts);
	buf_format(&b, "({k_document} = ANY ($%d::text[]) AND ", ids->texts);
	pg_sql_add(s, sql, buf_cstr(&b));
	pg_find_chunks(s, sql, ids);
	buf_string(sql, "))");
	buf_free(&b);
}

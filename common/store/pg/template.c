#include "store/pg/pg.h"

#include "base/num.h"

void
pg_quote_name(struct buf *b, const char *name)
{
	buf_byte(b, '"');
	for (; *name; name++) {
		if (*name == '"')
			buf_byte(b, '"');
		buf_byte(b, *name);
	}
	buf_byte(b, '"');
}

/* The same whatever standard_conforming_strings is: a backslash wants the form E'…'. */
void
pg_quote_text(struct buf *b, struct slice text)
{
	int escaped = text.n && memchr(text.p, '\\', text.n) != NULL;

	buf_string(b, escaped ? " E'" : "'");
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\'' || text.p[i] == '\\')
			buf_byte(b, text.p[i]);
		buf_byte(b, text.p[i]);
	}
	buf_byte(b, '\'');
}

/* Members of struct pg_table that stand as they are. */
static const struct { const char *name; size_t offset; } members[] = {
	{"table", offsetof(struct pg_table, table)},
	{"schema", offsetof(struct pg_table, schema)},
	{"id", offsetof(struct pg_table, id)},
	{"content", offsetof(struct pg_table, content)},
	{"metadata", offsetof(struct pg_table, metadata)},
	{"embedding", offsetof(struct pg_table, embedding)},
	{"created_at", offsetof(struct pg_table, created_at)},
	{"key", offsetof(struct pg_table, key)},
	{"document", offsetof(struct pg_table, document)},
	{"position", offsetof(struct pg_table, position)},
	{"source", offsetof(struct pg_table, source)},
	{"hash", offsetof(struct pg_table, hash)},
	{"place", offsetof(struct pg_table, place)},
	{"model", offsetof(struct pg_table, model)},
	{"fts", offsetof(struct pg_table, fts)},
	{"config", offsetof(struct pg_table, config)},
	{"ext", offsetof(struct pg_table, extension)},
	{"indexed", offsetof(struct pg_table, indexed)},
	{"query", offsetof(struct pg_table, query_type)},
};

static int
is(const char *name, size_t n, const char *wanted)
{
	return strlen(wanted) == n && memcmp(name, wanted, n) == 0;
}

/* What is made of more than one member. */
static void
add_made(struct pg_store *s, const char *name, size_t n)
{
	const struct pg_table *t = &s->table;
	struct buf *b = &s->sql;

	if (is(name, n, "vector")) {
		buf_format(b, "%s.%s", t->extension, t->half ? "halfvec" : "vector");
	} else if (is(name, n, "dims")) {
		num_add_int(b, t->dims);
	} else if (is(name, n, "distance")) {
		buf_format(b, "OPERATOR(%s.<=>)", t->extension);
	} else if (is(name, n, "collection")) {
		pg_quote_text(b, slice_of(s->base.collection));
	} else if (is(name, n, "where")) {
		if (t->where != NULL)
			buf_format(b, "AND %s", t->where);
	} else if (pg_row_term(s, (struct slice){name, n}, b)) {
		; /* one of row.c's */
	} else {
		/* A name that nobody knows is a mistake in a template: the server shall say so. */
		buf_format(b, "{%.*s}", (int)n, name);
	}
}

static void
add_name(struct pg_store *s, const char *name, size_t n)
{
	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
		if (is(name, n, members[i].name)) {
			const char *text = *(const char *const *)((const char *)&s->table + members[i].offset);
			buf_string(&s->sql, text ? text : "NULL");
			return;
		}
	}
	add_made(s, name, n);
}

const char *
pg_sql(struct pg_store *s, const char *template)
{
	const char *mark;

	s->sql.len = 0;
	while ((mark = strchr(template, '{')) != NULL) {
		const char *end = strchr(mark, '}');
		buf_add(&s->sql, template, (size_t)(mark - template));
		if (mark[1] == '{' || end == NULL) {
			buf_byte(&s->sql, '{');
			template = mark + 1 + (mark[1] == '{');
			continue;
		}
		add_name(s, mark + 1, (size_t)(end - mark - 1));
		template = end + 1;
	}
	buf_string(&s->sql, template);
	return buf_cstr(&s->sql);
}

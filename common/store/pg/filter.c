/* A compiled filter as a condition in SQL.
 *
 * All texts of the filter (keys, JSON, plain texts) are one parameter, an array, so that there may
 * be any number. The server knows its items when it plans, and the containments
 * below are what the GIN index on the metadata serves. A condition may be null
 * where filter_match() says 0; $not takes that for false. */
#include "store/pg/pg.h"

#include <stdlib.h>

#include "store/filter_private.h"
#include "store/pg/find.h"

enum { IN_BY_INDEX = 16 }; /* values of $in that are looked for one by one */

struct writer {
	struct pg_store *s;
	struct buf *sql;
	struct slice *texts;
	size_t count, room;
	int parameter;
	int nul;             /* a text holds U+0000 */
	struct arena arena;
};

/* Append what stands for a text, with its cast. */
static void
add_text(struct writer *w, struct slice text, const char *cast)
{
	w->nul |= text.n > 0 && memchr(text.p, '\0', text.n) != NULL;
	mem_grow(&w->texts, &w->room, w->count + 1, sizeof(*w->texts));
	w->texts[w->count++] = (struct slice){text.n ? text.p : "", text.n};
	buf_format(w->sql, "($%d::text[])[%zu]%s", w->parameter, w->count, cast);
}

static void
add(struct writer *w, const char *template)
{
	pg_sql_add(w->s, w->sql, template);
}

/* --- the metadata ---------------------------------------------------------- */

/* Of a foreign table's metadata some members are c1v's own and not shown: they are looked for
 * in what is shown. Everything else is looked for in the column itself, which has the index. */
static const char *
metadata_term(const struct writer *w, struct slice key)
{
	static const char *const own[] = {"c1v_id", "doc", "chunk"};
	const char *dot = key.n ? memchr(key.p, '.', key.n) : NULL;
	struct slice first = {key.p, dot ? (size_t)(dot - key.p) : key.n};

	for (size_t i = 0; w->s->table.kind == PG_FOREIGN && i < sizeof(own) / sizeof(*own); i++)
		if (slice_is(first, own[i]) || slice_is(key, own[i]))
			return "({k_metadata})";
	return "({k_data_jsonb})";
}

static int
has_path(struct slice key)
{
	return key.n > 0 && memchr(key.p, '.', key.n) != NULL;
}

/* {"a":{"b":VALUE}} for the path a.b, {"a.b":VALUE} for a plain key. */
static struct slice
nested(struct writer *w, struct slice key, struct slice value, int path)
{
	struct buf b = {0};
	struct slice out;
	size_t depth = 1;

	w->nul |= key.n > 0 && memchr(key.p, '\0', key.n) != NULL;
	for (;;) {
		const char *dot = path && key.n ? memchr(key.p, '.', key.n) : NULL;
		size_t n = dot ? (size_t)(dot - key.p) : key.n;

		buf_byte(&b, '{');
		json_add_string(&b, (struct slice){n ? key.p : "", n});
		buf_byte(&b, ':');
		if (dot == NULL)
			break;
		key = (struct slice){dot + 1, key.n - n - 1};
		depth++;
	}
	buf_slice(&b, value);
	while (depth-- > 0)
		buf_byte(&b, '}');
	out = (struct slice){arena_bytes(&w->arena, b.data, b.len), b.len};
	buf_free(&b);
	return out;
}

/* The value behind a key: by the key as it is, else as a path through objects. */
static void
add_value(struct writer *w, struct slice key)
{
	const char *metadata = metadata_term(w, key);

	buf_string(w->sql, has_path(key) ? "coalesce(" : "(");
	add(w, metadata);
	buf_string(w->sql, " -> ");
	add_text(w, key, "");
	if (has_path(key)) {
		buf_string(w->sql, ", ");
		add(w, metadata);
		for (int more = 1; more;) {
			const char *dot = key.n ? memchr(key.p, '.', key.n) : NULL;
			size_t n = dot ? (size_t)(dot - key.p) : key.n;

			buf_string(w->sql, " -> ");
			add_text(w, (struct slice){key.p, n}, "");
			more = dot != NULL;
			if (more)
				key = (struct slice){dot + 1, key.n - n - 1};
		}
	}
	buf_byte(w->sql, ')');
}

static void
add_contains_at(struct writer *w, struct slice key, struct slice value, int path)
{
	add(w, metadata_term(w, key));
	buf_string(w->sql, " @> ");
	add_text(w, nested(w, key, value, path), "::jsonb");
}

/* The value behind the key contains (a scalar: is) this one. */
static void
add_contains(struct writer *w, struct slice key, struct slice value)
{
	if (!has_path(key)) {
		add_contains_at(w, key, value, 0);
		return;
	}
	buf_byte(w->sql, '(');
	add_contains_at(w, key, value, 0);
	buf_string(w->sql, " OR (");
	add(w, metadata_term(w, key));
	buf_string(w->sql, " -> ");
	add_text(w, key, "");
	buf_string(w->sql, " IS NULL AND ");
	add_contains_at(w, key, value, 1);
	buf_string(w->sql, "))");
}

static int
is_scalar(const struct filter_value *v)
{
	return v->type != JSON_OBJECT && v->type != JSON_ARRAY;
}

static void
add_equal(struct writer *w, struct slice key, const struct filter_value *v)
{
	if (is_scalar(v)) {
		add_contains(w, key, v->raw);
		return;
	}
	buf_byte(w->sql, '(');
	add_contains(w, key, v->raw);
	buf_string(w->sql, " AND ");
	add_value(w, key);
	buf_string(w->sql, " = ");
	add_text(w, v->raw, "::jsonb");
	buf_byte(w->sql, ')');
}

/* [VALUE,…] */
static struct slice
list_of(struct writer *w, const struct filter_node *node)
{
	struct buf b = {0};
	struct slice out;

	buf_byte(&b, '[');
	for (size_t i = 0; i < node->count; i++) {
		if (i > 0)
			buf_byte(&b, ',');
		buf_slice(&b, node->values[i].raw);
	}
	buf_byte(&b, ']');
	out = (struct slice){arena_bytes(&w->arena, b.data, b.len), b.len};
	buf_free(&b);
	return out;
}

static void
add_in(struct writer *w, const struct filter_node *node)
{
	int scalars = node->count <= IN_BY_INDEX;

	if (node->count == 0) {
		buf_string(w->sql, "false");
		return;
	}
	for (size_t i = 0; i < node->count; i++)
		scalars &= is_scalar(&node->values[i]);
	if (!scalars) {
		add_value(w, node->key);
		buf_string(w->sql, " = ANY (ARRAY(SELECT jsonb_array_elements(");
		add_text(w, list_of(w, node), "::jsonb");
		buf_string(w->sql, ")))");
		return;
	}
	for (size_t i = 0; i < node->count; i++) {
		buf_string(w->sql, i ? " OR " : "(");
		add_contains(w, node->key, node->values[i].raw);
	}
	buf_byte(w->sql, ')');
}

/* key=value: the value's text is this one, be it a string, a number, true, false or null. */
static void
add_text_is(struct writer *w, struct slice key, struct slice text)
{
	struct buf b = {0};
	struct slice string, value;
	int word;

	json_add_string(&b, text);
	string = (struct slice){arena_bytes(&w->arena, b.data, b.len), b.len};
	buf_free(&b);
	buf_byte(w->sql, '(');
	add_contains(w, key, string);
	word = slice_is(text, "true") || slice_is(text, "false") || slice_is(text, "null");
	if (word) {
		buf_string(w->sql, " OR ");
		add_contains(w, key, text);
	} else if (text.n > 0 && json_check(text, &value, NULL) == 0 && json_type(value) == JSON_NUMBER &&
	    value.n == text.n) {
		buf_string(w->sql, " OR (");
		add_contains(w, key, text);
		buf_string(w->sql, " AND ");
		add_value(w, key);
		buf_string(w->sql, " #>> '{}' = ");
		add_text(w, text, "");
		buf_byte(w->sql, ')');
	}
	buf_byte(w->sql, ')');
}

static const char *
operator_of(enum filter_op op)
{
	return op == OP_GT ? ">" : op == OP_GTE ? ">=" : op == OP_LT ? "<" : "<=";
}

/* Numbers with numbers, strings with strings; the cast waits for the type. */
static void
add_order(struct writer *w, const struct filter_node *node)
{
	const struct filter_value *v = node->values;
	int number = v->type == JSON_NUMBER;

	buf_string(w->sql, "CASE WHEN jsonb_typeof(");
	add_value(w, node->key);
	buf_format(w->sql, ") = '%s' THEN (", number ? "number" : "string");
	add_value(w, node->key);
	buf_format(w->sql, "%s %s ", number ? ")::numeric" : " #>> '{}') COLLATE \"C\"", operator_of(node->op));
	add_text(w, number ? v->raw : v->text, number ? "::numeric" : "");
	buf_string(w->sql, " END");
}

static void
write_metadata(struct writer *w, const struct filter_node *node)
{
	switch (node->op) {
	case OP_TEXT:
		add_text_is(w, node->key, node->values->text);
		break;
	case OP_CONTAINS:
		add_contains(w, node->key, node->values->raw);
		break;
	case OP_IN:
		add_in(w, node);
		break;
	case OP_EXISTS:
		add_value(w, node->key);
		buf_string(w->sql, node->values->type == JSON_TRUE ? " IS NOT NULL" : " IS NULL");
		break;
	case OP_EQ:
		add_equal(w, node->key, node->values);
		break;
	default:
		add_order(w, node);
	}
}

/* --- source, id, document -------------------------------------------------------- */

static const char *
field_term(enum filter_field field)
{
	return field == FIELD_SOURCE ? "({k_source})" : field == FIELD_ID ? "({k_id})" : "({k_document})";
}

/* Rows of ours have them in columns with an index; those that were there before have not. */
static void
add_field_is(struct writer *w, enum filter_field field, struct slice text)
{
	const struct pg_table *t = &w->s->table;
	const char *column = field == FIELD_ID ? t->key : field == FIELD_DOCUMENT ? t->document : NULL;

	buf_byte(w->sql, '(');
	if (t->kind == PG_OURS && column != NULL) {
		buf_format(w->sql, "k.%s = ", column);
		add_text(w, text, "");
		buf_format(w->sql, " OR (k.%s IS NULL AND ", column);
	}
	add(w, field_term(field));
	buf_string(w->sql, " COLLATE \"C\" = ");
	add_text(w, text, "");
	buf_string(w->sql, t->kind == PG_OURS && column != NULL ? "))" : ")");
}

static void
write_field(struct writer *w, const struct filter_node *node)
{
	const struct filter_value *v = node->values;
	size_t texts = 0;

	if (node->op == OP_EXISTS) {
		add(w, field_term(node->field));
		buf_string(w->sql, v->type == JSON_TRUE ? " IS NOT NULL" : " IS NULL");
	} else if (node->op == OP_IN) {
		for (size_t i = 0; i < node->count; i++) {
			if (v[i].type != JSON_STRING)
				continue;
			buf_string(w->sql, texts++ ? " OR " : "(");
			add_field_is(w, node->field, v[i].text);
		}
		buf_string(w->sql, texts ? ")" : "false");
	} else if (v->type != JSON_STRING) {
		buf_string(w->sql, "false");
	} else if (node->op < OP_GT) {
		add_field_is(w, node->field, v->text);
	} else {
		add(w, field_term(node->field));
		buf_format(w->sql, " COLLATE \"C\" %s ", operator_of(node->op));
		add_text(w, v->text, "");
	}
}

/* --- the whole --------------------------------------------------------------------- */

static void
write_node(struct writer *w, const struct filter_node *node)
{
	if (node->op > OP_NOT) {
		if (node->field == FIELD_METADATA)
			write_metadata(w, node);
		else
			write_field(w, node);
		return;
	}
	buf_string(w->sql, node->op == OP_NOT ? "NOT coalesce((" : "(");
	if (node->count == 0)
		buf_string(w->sql, node->op == OP_ANY ? "false" : "true");
	for (size_t i = 0; i < node->count; i++) {
		if (i > 0)
			buf_string(w->sql, node->op == OP_ANY ? " OR " : " AND ");
		write_node(w, &node->nodes[i]);
	}
	buf_string(w->sql, node->op == OP_NOT ? "), false)" : ")");
}

int
pg_filter(struct pg_store *s, const struct filter *f, struct buf *sql, struct pg_params *p, struct err *e)
{
	struct writer w = {.s = s, .sql = sql, .parameter = p->count + 1};

	buf_byte(sql, '(');
	if (f == NULL || f->count == 0)
		buf_string(sql, "true");
	for (size_t i = 0; f != NULL && i < f->count; i++) {
		if (i > 0)
			buf_string(sql, " AND ");
		write_node(&w, &f->conditions[i]);
	}
	buf_byte(sql, ')');
	if (w.count > 0)
		pg_param_texts(p, w.texts, w.count);
	free(w.texts);
	arena_free(&w.arena);
	return w.nul ? err_set(e, C1V_USAGE, "a filter holds U+0000, which PostgreSQL cannot store") : 0;
}

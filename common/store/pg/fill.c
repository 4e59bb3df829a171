#include "store/pg/plan.h"

enum { VALUES = 40 };

struct values {
	struct { const char *name, *text; } items[VALUES];
	int count;
	struct arena arena;
};

static void
add(struct values *v, const char *name, const char *text)
{
	v->items[v->count].name = name;
	v->items[v->count++].text = text;
}

/* --- pieces -------------------------------------------------------------------- */

static const char *
kept(struct values *v, struct buf *b)
{
	const char *out = arena_bytes(&v->arena, b->data, b->len);

	buf_free(b);
	return out;
}

static const char *
name(struct values *v, const char *text)
{
	struct buf b = {0};

	pg_quote_name(&b, text);
	return kept(v, &b);
}

static const char *
literal(struct values *v, const char *text)
{
	struct buf b = {0};

	if (text == NULL)
		return "NULL";
	pg_quote_text(&b, slice_of(text));
	return kept(v, &b);
}

static const char *
number(struct values *v, int64_t n)
{
	return n ? arena_format(&v->arena, "%lld", (long long)n) : "NULL";
}

/* The function PREFIX_NAME; but it is hybrid_search for documents, as Supabase documents it. */
static const char *
function(struct values *v, const struct pg_plan *p, const char *prefix)
{
	if (strcmp(prefix, "hybrid_search") == 0 && strcmp(p->collection, "documents") == 0)
		return prefix;
	return arena_format(&v->arena, "%s_%s", prefix, p->collection);
}

static const char *
qualified(struct values *v, const struct pg_plan *p, const char *text)
{
	return arena_format(&v->arena, "%s.%s", name(v, p->schema), name(v, text));
}

static const char *
index_name(struct values *v, const struct pg_plan *p, const char *suffix)
{
	return name(v, arena_format(&v->arena, "%s_c1v_%s", p->collection, suffix));
}

static int
indexed_as_half(const struct pg_plan *p)
{
	return p->dims > PG_VECTOR_INDEX_DIMS || strcmp(p->vector_type, "halfvec") == 0;
}

/* "halfvec(3072)": what the index sees, when that is not the column itself. */
static const char *
index_type(struct values *v, const struct pg_plan *p)
{
	return arena_format(&v->arena, "%s(%lld)", indexed_as_half(p) ? "halfvec" : "vector", (long long)p->dims);
}

static const char *
order(struct values *v, const struct pg_plan *p)
{
	const char *to = p->cast ? arena_format(&v->arena, "::pgvector.%s", index_type(v, p)) : "";

	return arena_format(&v->arena, p->cast ? "(k.%s%s) OPERATOR(pgvector.<=>) query_embedding%s"
	    : "k.%s%s OPERATOR(pgvector.<=>) query_embedding%s", p->embedding, to, to);
}

static const char *
index_with(struct values *v, const struct pg_plan *p)
{
	const char *m = p->m ? arena_format(&v->arena, "m = %lld", (long long)p->m) : "";
	const char *ef = p->ef_construction
	    ? arena_format(&v->arena, "ef_construction = %lld", (long long)p->ef_construction) : "";

	if (p->m == 0 && p->ef_construction == 0)
		return "";
	return arena_format(&v->arena, " WITH (%s%s%s)", m, p->m && p->ef_construction ? ", " : "", ef);
}

/* --- the values ------------------------------------------------------------------ */

static void
add_names(struct values *v, const struct pg_plan *p)
{
	add(v, "schema", name(v, p->schema));
	add(v, "schema_text", literal(v, p->schema));
	add(v, "table", qualified(v, p, p->collection));
	add(v, "table_text", literal(v, qualified(v, p, p->collection)));
	add(v, "collection", literal(v, p->collection));
	add(v, "id", p->id);
	add(v, "content", p->content);
	add(v, "metadata", p->metadata);
	add(v, "metadata_jsonb", p->metadata_is_json ? arena_format(&v->arena, "(%s::jsonb)", p->metadata) : p->metadata);
	add(v, "embedding", p->embedding);
	add(v, "type", p->dims ? arena_format(&v->arena, "%s(%lld)", p->vector_type, (long long)p->dims) : p->vector_type);
	add(v, "config", literal(v, p->config));
	add(v, "match", qualified(v, p, function(v, p, "match")));
	add(v, "match_text", literal(v, function(v, p, "match")));
	add(v, "hybrid", qualified(v, p, function(v, p, "hybrid_search")));
	add(v, "hybrid_text", literal(v, function(v, p, "hybrid_search")));
	add(v, "order", order(v, p));
	add(v, "ext", p->extension);
}

static void
add_indexes(struct values *v, const struct pg_plan *p)
{
	add(v, "index_name", name(v, arena_format(&v->arena, "%s_embedding_idx", p->collection)));
	add(v, "index_type", index_type(v, p));
	add(v, "index_on", p->cast ? arena_format(&v->arena, "(%s::%s)", p->embedding, index_type(v, p)) : p->embedding);
	add(v, "index_class", indexed_as_half(p) ? "halfvec_cosine_ops" : "vector_cosine_ops");
	add(v, "index_with", index_with(v, p));
	add(v, "name_key", index_name(v, p, "key"));
	add(v, "name_document", index_name(v, p, "document"));
	add(v, "name_hash", index_name(v, p, "hash"));
	add(v, "name_fts", index_name(v, p, "fts"));
	add(v, "name_metadata", index_name(v, p, "metadata"));
}

static void
add_settings(struct values *v, const struct pg_plan *p)
{
	add(v, "set_model", literal(v, p->model));
	add(v, "set_dims", number(v, p->dims));
	add(v, "set_splitter", literal(v, p->splitter));
	add(v, "set_vector_type", literal(v, p->vector_type));
	add(v, "set_columns", literal(v, p->columns));
	add(v, "set_index", literal(v, p->index));
	add(v, "set_m", number(v, p->m));
	add(v, "set_ef_construction", number(v, p->ef_construction));
	add(v, "set_lists", number(v, p->lists));
}

/* --- filling ----------------------------------------------------------------------- */

/* The value that a brace at the head of text begins, and how long its name is. */
static const char *
value_at(const struct values *v, const char *text, size_t n, size_t *used)
{
	for (int i = 0; i < v->count; i++) {
		size_t m = strlen(v->items[i].name);
		if (m + 2 <= n && memcmp(text + 1, v->items[i].name, m) == 0 && text[m + 1] == '}') {
			*used = m + 2;
			return v->items[i].text;
		}
	}
	*used = n > 1 && text[1] == '{' ? 2 : 1;
	return "{";
}

static void
fill_line(const struct values *v, const char *line, size_t n, struct buf *out)
{
	for (size_t i = 0, used; i < n; i += used) {
		used = strcspn(line + i, "{");
		used = used < n - i ? used : n - i;
		buf_add(out, line + i, used);
		if (used == 0)
			buf_string(out, value_at(v, line + i, n - i, &used));
	}
}

/* The condition behind "-- if ". */
static int
holds(const struct pg_plan *p, struct slice word)
{
	if (slice_is(word, "schema"))
		return p->make_schema;
	if (slice_is(word, "uuid"))
		return p->uuid_default;
	if (slice_is(word, "hnsw"))
		return strcmp(p->index, "hnsw") == 0 && p->dims > 0;
	return slice_is(word, "ivfflat") && strcmp(p->index, "ivfflat") == 0;
}

void
pg_plan_fill(const struct pg_plan *p, const char *template, struct buf *out)
{
	struct values v = {0};
	int wanted = 1;

	add_names(&v, p);
	add_indexes(&v, p);
	add_settings(&v, p);
	while (*template) {
		size_t n = strcspn(template, "\n");
		int whole = template[n] == '\n';
		if (n > 6 && memcmp(template, "-- if ", 6) == 0) {
			wanted = holds(p, (struct slice){template + 6, n - 6});
		} else if (n == 6 && memcmp(template, "-- end", 6) == 0) {
			wanted = 1;
		} else if (wanted) {
			fill_line(&v, template, n, out);
			if (whole)
				buf_byte(out, '\n');
		}
		template += n + (size_t)whole;
	}
	arena_free(&v.arena);
}

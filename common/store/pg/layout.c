#include "store/pg/table.h"

const struct pg_column *
pg_column(const struct pg_catalog *c, const char *name)
{
	for (size_t i = 0; i < c->count; i++) {
		if (strcmp(c->columns[i].name, name) == 0)
			return &c->columns[i];
	}
	return NULL;
}

/* Is word, of n bytes, among those that stand in list with spaces between? */
static int
among(const char *list, const char *word, size_t n)
{
	while (*list) {
		size_t m = strcspn(list, " ");
		if (m == n && memcmp(list, word, n) == 0)
			return 1;
		list += m + (list[m] == ' ');
	}
	return 0;
}

int
pg_column_is(const struct pg_column *c, const char *types)
{
	return c != NULL && among(types, c->type, strlen(c->type));
}

int
pg_is_vector(const struct pg_column *c)
{
	return pg_column_is(c, "vector halfvec");
}

/* The four parts, the names that are tried for them, and the types that they may have. */
enum { ID, CONTENT, METADATA, EMBEDDING, PARTS };
static const struct { const char *part, *names, *types; } parts[PARTS] = {
	{"id", "id langchain_id uuid", "int2 int4 int8 uuid text varchar bpchar"},
	{"content", "content text document page_content", "text varchar bpchar"},
	{"metadata", "metadata langchain_metadata cmetadata", "json jsonb"},
	{"embedding", "embedding vector", "vector halfvec"},
};

/* The next PART=NAME of a mapping: the part's number, -1 at the end, -2 when it is none. A
 * name with a comma in it stands in double quotes. */
static int
next_part(const char **mapping, struct slice *name)
{
	const char *p = *mapping, *equal;
	int part = -2;

	while (*p == ' ' || *p == ',')
		p++;
	if (*p == '\0')
		return -1;
	equal = strchr(p, '=');
	for (int i = 0; i < PARTS && equal != NULL; i++) {
		if (strlen(parts[i].part) == (size_t)(equal - p) && memcmp(p, parts[i].part, (size_t)(equal - p)) == 0)
			part = i;
	}
	if (part < 0)
		return -2;
	p = equal + 1;
	if (*p == '"') {
		*name = (struct slice){p + 1, strcspn(p + 1, "\"")};
		p += name->n + 1 + (p[1 + name->n] == '"');
	} else {
		*name = (struct slice){p, strcspn(p, ",")};
		p += name->n;
	}
	*mapping = p;
	return name->n ? part : -2;
}

int
pg_mapping_check(const char *mapping, struct err *e)
{
	int part, seen = 0;
	struct slice name;

	for (const char *p = mapping; p != NULL && (part = next_part(&p, &name)) != -1; seen |= 1 << part) {
		if (part < 0 || seen & 1 << part) {
			err_set(e, C1V_USAGE, "--columns: '%.60s' is not understood", p);
			return err_hint(e, "as in id=…,content=…,metadata=…,embedding=…");
		}
	}
	return 0;
}

void
pg_mapping_read(const char *mapping, struct arena *a, struct pg_layout *out)
{
	const char *found[PARTS] = {NULL};
	struct slice name;
	int part;

	while (mapping != NULL && (part = next_part(&mapping, &name)) >= 0)
		found[part] = arena_bytes(a, name.p, name.n);
	*out = (struct pg_layout){
		.id = found[ID],
		.content = found[CONTENT],
		.metadata = found[METADATA],
		.embedding = found[EMBEDDING],
	};
}

static int
named(const struct pg_catalog *c, const char *mapping, struct arena *a, const char **out, struct err *e)
{
	struct slice name;
	int part;

	while (mapping != NULL && (part = next_part(&mapping, &name)) >= 0) {
		const char *text = arena_bytes(a, name.p, name.n);
		const struct pg_column *found = pg_column(c, text);
		if (found == NULL) {
			err_set(e, C1V_CONFIG, "--columns: %s has no column %s", c->table, text);
			return err_hint(e, "psql shows its columns: \\d %s", c->table);
		}
		if (!pg_column_is(found, parts[part].types))
			return err_set(e, C1V_CONFIG, "--columns: %s is of the type %s, which cannot be the %s", text,
			    found->type, parts[part].part);
		out[part] = found->name;
	}
	return 0;
}

/* By the usual names; the key of one column, and the only vector, are good as well. */
static const char *
usual(const struct pg_catalog *c, int part)
{
	const struct pg_column *only = NULL;
	const char *names = parts[part].names;
	size_t fit = 0;

	for (size_t n; *names; names += n + (names[n] == ' ')) {
		n = strcspn(names, " ");
		for (size_t i = 0; i < c->count; i++) {
			const struct pg_column *k = &c->columns[i];
			if (strlen(k->name) == n && memcmp(k->name, names, n) == 0 && pg_column_is(k, parts[part].types))
				return k->name;
		}
	}
	for (size_t i = 0; i < c->count; i++) {
		if ((part == ID && c->columns[i].primary) || (part == EMBEDDING && pg_is_vector(&c->columns[i]))) {
			only = &c->columns[i];
			fit++;
		}
	}
	return fit == 1 && pg_column_is(only, parts[part].types) ? only->name : NULL;
}

/* Whose table it looks like. */
static const char *
layout_name(const struct pg_catalog *c, const char *const *found)
{
	if (pg_column(c, "collection_id") && found[CONTENT] && strcmp(found[CONTENT], "document") == 0)
		return "langchain_pg_embedding";
	if (found[ID] && strcmp(found[ID], "langchain_id") == 0)
		return "langchain_postgres";
	return "documents";
}

int
pg_layout(const struct pg_catalog *c, const char *mapping, struct arena *a, struct pg_layout *out, struct err *e)
{
	const char *found[PARTS] = {NULL};
	int rc = named(c, mapping, a, found, e);

	*out = (struct pg_layout){0};
	if (rc != 0)
		return rc;
	for (int i = 0; i < PARTS; i++) {
		if (found[i] == NULL)
			found[i] = usual(c, i);
	}
	for (int i = 0; i < PARTS; i++) {
		if (found[i] != NULL || i == METADATA)
			continue;
		if (mapping == NULL)
			return 0;
		err_set(e, C1V_CONFIG, "--columns: which column of %s is the %s?", c->table, parts[i].part);
		return err_hint(e, "say %s=NAME", parts[i].part);
	}
	*out = (struct pg_layout){
		.id = found[ID],
		.content = found[CONTENT],
		.metadata = found[METADATA],
		.embedding = found[EMBEDDING],
		.name = mapping ? "columns" : layout_name(c, found),
	};
	return 0;
}

static void
add_part(struct buf *b, const char *part, const char *name)
{
	if (name != NULL)
		buf_format(b, strpbrk(name, ", ") ? "%s%s=\"%s\"" : "%s%s=%s", b->len ? "," : "", part, name);
}

void
pg_mapping_add(struct buf *b, const struct pg_layout *l)
{
	add_part(b, "id", l->id);
	add_part(b, "content", l->content);
	add_part(b, "metadata", l->metadata);
	add_part(b, "embedding", l->embedding);
}

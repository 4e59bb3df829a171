#include "record/record.h"

#include <stddef.h>

#include "base/json.h"
#include "base/num.h"
#include "base/utf8.h"
#include "record/keys.h"

/* --- the record's keys ------------------------------------------------- */

#define FIELD(name) { #name, sizeof(#name) - 1, offsetof(struct record, name) }
static const struct field {
	const char *name;
	size_t n, offset;
} fields[] = {
	FIELD(id), FIELD(doc), FIELD(source), FIELD(content), FIELD(metadata), FIELD(chunk),
	FIELD(embedding), FIELD(model), FIELD(dims), FIELD(query), FIELD(filter), FIELD(context),
	FIELD(error), FIELD(api_base),
};
#undef FIELD

/* The member of r for a key (plain text), or NULL: a key of somebody else. */
static struct slice *
field_of(struct record *r, struct slice key)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		const struct field *f = &fields[i];

		if (key.n == f->n && key.p[0] == f->name[0] && memcmp(key.p, f->name, f->n) == 0)
			return (struct slice *)((char *)r + f->offset);
	}
	return NULL;
}

/* --- scanning ---------------------------------------------------------- */

struct scan {
	struct record *r;
	struct keys others;  /* keys that are no fields of r */
	struct arena names;  /* those that were written with escapes */
};

static int
duplicate(struct slice key, struct err *e)
{
	struct buf shown = {0};

	utf8_add_visible(&shown, (struct slice){key.p, key.n > 64 ? 64 : key.n});
	err_set(e, C1V_DATA, "duplicate key \"%s\"", buf_cstr(&shown));
	buf_free(&shown);
	return C1V_DATA;
}

/* A key without its escapes, living as long as the scan. */
static struct slice
plain_key(struct scan *s, struct slice key)
{
	struct buf text = {0};

	if (key.n == 0 || memchr(key.p, '\\', key.n) == NULL)
		return key;
	key = json_key_text(key, &text);
	key.p = arena_bytes(&s->names, key.p, key.n);
	buf_free(&text);
	return key;
}

static int
scan_member(void *arg, struct slice key, struct slice value, struct err *e)
{
	struct scan *s = arg;
	struct slice *field;

	field = field_of(s->r, key);
	if (field == NULL) {
		key = plain_key(s, key);
		field = field_of(s->r, key);
	}
	if (field != NULL ? field->p != NULL : !keys_add(&s->others, key))
		return duplicate(key, e);
	if (field != NULL)
		*field = value;
	return 0;
}

static int
json_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

int
record_scan(struct slice line, struct record *r, struct err *e)
{
	struct scan s;
	struct slice twice;
	int rc;

	while (line.n && json_space(line.p[0]))
		line = (struct slice){line.p + 1, line.n - 1};
	while (line.n && json_space(line.p[line.n - 1]))
		line.n--;
	*r = (struct record){.line = line};
	s.r = r;
	s.names = (struct arena){0};
	keys_start(&s.others);
	rc = json_scan_object(line, scan_member, &s, e);
	if (rc == 0 && !keys_end(&s.others, &twice))
		rc = duplicate(twice, e);
	keys_free(&s.others);
	arena_free(&s.names);
	return rc;
}

/* --- fields ------------------------------------------------------------ */

static int
absent(struct slice value)
{
	return value.p == NULL || json_type(value) == JSON_NULL;
}

int
record_text(struct slice value, const char *name, struct buf *scratch,
    struct slice *out, struct err *e)
{
	if (absent(value))
		return 0;
	if (json_type(value) != JSON_STRING)
		return err_set(e, C1V_DATA, "`%s` is not a string", name), -1;
	*out = json_text(value, scratch);
	/* Only an escape gives a NUL, and only then the text was copied. */
	if (out->p != value.p + 1 && out->n && memchr(out->p, '\0', out->n) != NULL)
		return err_set(e, C1V_DATA, "`%s` holds U+0000", name), -1;
	return 1;
}

int
record_id(struct slice value, const char *name, struct buf *scratch,
    struct slice *out, struct err *e)
{
	int rc = 1;

	if (value.p != NULL && json_type(value) == JSON_NUMBER)
		*out = value;
	else if (absent(value) || json_type(value) == JSON_STRING)
		rc = record_text(value, name, scratch, out, e);
	else
		return err_set(e, C1V_DATA, "`%s` is neither a string nor a number", name), -1;
	if (rc == 1 && out->n == 0)
		return err_set(e, C1V_DATA, "`%s` is empty", name), -1;
	return rc;
}

/* A count or a position; least is its smallest value. */
static int
place_number(struct slice key, struct slice value, int64_t least, int64_t *out, struct err *e)
{
	if (json_type(value) == JSON_NUMBER && num_json_int(value, out) && *out >= least)
		return 0;
	return err_set(e, C1V_DATA, "`chunk.%.*s` is not a whole number from %d", (int)key.n, key.p,
	    (int)least);
}

static int
place_member(struct slice key, struct slice value, struct chunk_place *out, struct err *e)
{
	if (absent(value))
		return 0;
	if (json_key_is(key, "index"))
		return place_number(key, value, 0, &out->index, e);
	if (json_key_is(key, "of"))
		return place_number(key, value, 0, &out->of, e);
	if (json_key_is(key, "start"))
		return place_number(key, value, 0, &out->start, e);
	if (json_key_is(key, "end"))
		return place_number(key, value, 0, &out->end, e);
	if (json_key_is(key, "line"))
		return place_number(key, value, 1, &out->line, e);
	if (json_key_is(key, "end_line"))
		return place_number(key, value, 1, &out->end_line, e);
	if (json_key_is(key, "headings")) {
		if (json_type(value) != JSON_ARRAY)
			return err_set(e, C1V_DATA, "`chunk.headings` is not an array");
		out->headings = value;
	}
	return 0;
}

int
record_chunk(struct slice value, struct chunk_place *out, struct err *e)
{
	struct slice key, member;
	struct json_walk w;
	int rc = 0;

	*out = (struct chunk_place){-1, -1, -1, -1, 0, 0, SLICE_NONE};
	if (absent(value))
		return 0;
	if (json_type(value) != JSON_OBJECT)
		return err_set(e, C1V_DATA, "`chunk` is not an object");
	w = json_walk(value);
	while (rc == 0 && json_member(&w, &key, &member))
		rc = place_member(key, member, out, e);
	return rc;
}

struct slice
record_renumber(struct slice chunk, int64_t index, int64_t of, struct buf *b)
{
	struct json_walk w = json_walk(chunk);
	struct slice key, value;
	const char *glue = "{";

	b->len = 0;
	while (json_member(&w, &key, &value)) {
		buf_string(b, glue);
		buf_byte(b, '"');
		buf_slice(b, key);
		buf_string(b, "\":");
		if (json_key_is(key, "index"))
			num_add_int(b, index);
		else if (json_key_is(key, "of"))
			num_add_int(b, of);
		else
			buf_slice(b, value);
		glue = ",";
	}
	buf_byte(b, '}');
	return buf_as_slice(b);
}

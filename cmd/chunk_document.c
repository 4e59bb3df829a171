#include "chunk_document.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "base/sha.h"
#include "base/utf8.h"

/* --- metadata from the command line ------------------------------------ */

static void
extra_set(struct extra *x, struct slice key, struct slice value)
{
	size_t i, room = x->room;

	for (i = 0; i < x->count && !slice_equal(x->keys[i], key); i++) {
	}
	if (i == x->count) {
		mem_grow(&x->keys, &room, x->count + 1, sizeof(*x->keys));
		mem_grow(&x->values, &x->room, x->count + 1, sizeof(*x->values));
		x->keys[x->count++] = (struct slice){arena_bytes(&x->arena, key.p, key.n), key.n};
	}
	x->values[i] = (struct slice){arena_bytes(&x->arena, value.p, value.n), value.n};
}

static int
read_pair(struct extra *x, const char *pair, struct err *e)
{
	const char *equals = strchr(pair, '=');
	struct buf value = {0};

	if (equals == NULL || equals == pair)
		return err_set(e, C1V_USAGE, "--meta: \"%s\" is not key=value", pair);
	if (utf8_valid(pair, strlen(pair)) != strlen(pair))
		return err_set(e, C1V_USAGE, "--meta: not valid UTF-8");
	buf_byte(&value, '"');
	json_add_escaped(&value, slice_of(equals + 1));
	buf_byte(&value, '"');
	extra_set(x, (struct slice){pair, (size_t)(equals - pair)}, buf_as_slice(&value));
	buf_free(&value);
	return 0;
}

int
extra_read(struct extra *x, const char *json, const char *const *pairs, size_t n, struct err *e)
{
	struct slice object = SLICE_NONE, key, value;
	struct buf scratch = {0};
	int rc;

	if (json != NULL) {
		if (json_check(slice_of(json), &object, e) != 0) {
			err_prefix(e, "--metadata");
			return e->code = C1V_USAGE;
		}
		if (json_type(object) != JSON_OBJECT)
			return err_set(e, C1V_USAGE, "--metadata: not a JSON object");
		for (struct json_walk w = json_walk(object); json_member(&w, &key, &value);) {
			scratch.len = 0;
			extra_set(x, json_key_text(key, &scratch), value);
		}
	}
	for (size_t i = 0; i < n; i++) {
		if ((rc = read_pair(x, pairs[i], e)) != 0)
			return rc;
	}
	buf_free(&scratch);
	return 0;
}

void
extra_free(struct extra *x)
{
	free(x->keys);
	free(x->values);
	arena_free(&x->arena);
	*x = (struct extra){0};
}

static size_t /* its index, or x->count */
extra_find(const struct extra *x, struct slice key, struct buf *scratch)
{
	struct slice plain;
	size_t i;

	scratch->len = 0;
	plain = json_key_text(key, scratch);
	for (i = 0; i < x->count && !slice_equal(x->keys[i], plain); i++) {
	}
	return i;
}

static void
add_key(struct buf *b, struct slice key)
{
	if (b->data[b->len - 1] != '{')
		buf_byte(b, ',');
	json_add_string(b, key);
	buf_byte(b, ':');
}

/* An object with what the command line has in place of or behind its members,
 * in d->metadata; object may be absent. */
static struct slice
merged(struct document *d, struct slice object, const struct extra *x)
{
	struct buf *b = &d->metadata;
	struct slice key, value;

	if (x->count == 0)
		return object;
	b->len = 0;
	buf_byte(b, '{');
	if (object.p != NULL) {
		for (struct json_walk w = json_walk(object); json_member(&w, &key, &value);) {
			size_t i = extra_find(x, key, &d->text[3]);

			if (b->len > 1)
				buf_byte(b, ',');
			buf_byte(b, '"');
			buf_slice(b, key);
			buf_string(b, "\":");
			buf_slice(b, i < x->count ? x->values[i] : value);
		}
	}
	for (size_t i = 0; i < x->count; i++) {
		if (object.p == NULL || json_get_n(object, x->keys[i]).p == NULL) {
			add_key(b, x->keys[i]);
			buf_slice(b, x->values[i]);
		}
	}
	buf_byte(b, '}');
	return buf_as_slice(b);
}

/* --- the record of a chunk --------------------------------------------- */

static void
begin_record(struct document *d)
{
	d->fixed.len = 0;
	d->hole_count = 0;
	buf_byte(&d->fixed, '{');
	d->id_json.len = 0;
	json_add_escaped(&d->id_json, d->id);
}

static void
add_hole(struct document *d, const char *key, int what)
{
	json_add_key(&d->fixed, key);
	d->holes[d->hole_count].at = d->fixed.len;
	d->holes[d->hole_count++].what = what;
}

static void
add_value(struct document *d, const char *key, struct slice json)
{
	if (json.p != NULL) {
		json_add_key(&d->fixed, key);
		buf_slice(&d->fixed, json);
	}
}

static void
add_text(struct document *d, const char *key, struct slice text)
{
	if (text.p != NULL) {
		json_add_key(&d->fixed, key);
		json_add_string(&d->fixed, text);
	}
}

static int
same(struct slice a, struct slice b)
{
	return a.p != NULL && a.p == b.p;
}

/* A member of the document as the chunks have it: in its place, as it stands,
 * but for what a chunk has of its own. The vector of a whole document is not
 * that of its chunks, and an error that was put right is none. */
static void
add_member(struct document *d, const struct record *r, struct slice key, struct slice value, struct slice metadata)
{
	if (same(value, r->id)) {
		add_hole(d, "id", HOLE_ID);
	} else if (same(value, r->content)) {
		add_hole(d, "content", HOLE_CONTENT);
	} else if (same(value, r->chunk)) {
		add_hole(d, "chunk", HOLE_CHUNK);
	} else if (same(value, r->doc)) {
		add_text(d, "doc", d->id);
	} else if (same(value, r->metadata)) {
		add_value(d, "metadata", metadata);
	} else if (same(value, r->error) || same(value, r->embedding) ||
	    (r->embedding.p != NULL && (same(value, r->model) || same(value, r->dims)))) {
		return;
	} else {
		if (d->fixed.len > 1)
			buf_byte(&d->fixed, ',');
		buf_byte(&d->fixed, '"');
		buf_slice(&d->fixed, key);
		buf_string(&d->fixed, "\":");
		buf_slice(&d->fixed, value);
	}
}

static void
shape_record(struct document *d, const struct record *r, struct slice metadata)
{
	struct json_walk w = json_walk(r->line);
	struct slice key, value;

	w.known = record_longest(r);
	begin_record(d);
	while (json_member(&w, &key, &value)) {
		add_member(d, r, key, value, metadata);
	}
	if (r->id.p == NULL)
		add_hole(d, "id", HOLE_ID);
	if (r->doc.p == NULL)
		add_text(d, "doc", d->id);
	if (r->metadata.p == NULL)
		add_value(d, "metadata", metadata);
	if (r->chunk.p == NULL)
		add_hole(d, "chunk", HOLE_CHUNK);
	buf_byte(&d->fixed, '}');
}

/* --- making ------------------------------------------------------------ */

/* The hash of the content, for a document that nothing else names. */
static struct slice
hash_id(struct document *d)
{
	uint8_t sum[SHA_SIZE];

	d->text[0].len = 0;
	sha_of(d->content, sum);
	sha_hex(sum, buf_reserve(&d->text[0], 2 * SHA_SIZE + 1));
	return (struct slice){d->text[0].data, 2 * SHA_SIZE};
}

/* Without content, chunk:{of:0} says that a document was emptied. */
static int
is_emptied(const struct record *r)
{
	struct chunk_place place;
	struct err e;

	return r->content.p == NULL && r->doc.p != NULL && r->chunk.p != NULL &&
	    record_chunk(r->chunk, &place, &e) == 0 && place.of == 0;
}

static int
read_fields(struct document *d, const struct record *r, struct err *e)
{
	int rc;

	for (size_t i = 0; i < sizeof(d->text) / sizeof(d->text[0]); i++) {
		d->text[i].len = 0;
	}
	d->id = d->source = SLICE_NONE;
	rc = record_text(r->content, "content", &d->text[2], &d->content, e);
	if (rc == 0)
		return err_set(e, C1V_DATA, "content is missing");
	if (rc < 0 || record_text(r->source, "source", &d->text[1], &d->source, e) < 0 ||
	    (rc = record_id(r->id, "id", &d->text[0], &d->id, e)) < 0)
		return C1V_DATA;
	if (rc == 0)
		d->id = d->source.n ? d->source : hash_id(d);
	return 0;
}

int
document_of_record(struct document *d, struct slice line, const struct extra *x, struct err *e)
{
	struct record r;
	struct slice metadata;
	int rc = record_scan(line, &r, e);

	d->passes = 0;
	if (rc != 0)
		return rc;
	if (is_emptied(&r)) {
		d->passes = 1;
		return 0;
	}
	if ((rc = read_fields(d, &r, e)) != 0)
		return rc;
	metadata = r.metadata;
	if (metadata.p != NULL && json_type(metadata) == JSON_NULL && x->count)
		metadata = SLICE_NONE;
	if (metadata.p != NULL && json_type(metadata) != JSON_OBJECT && json_type(metadata) != JSON_NULL)
		return err_set(e, C1V_DATA, "metadata is not an object");
	shape_record(d, &r, merged(d, metadata, x));
	return 0;
}

/* Text that could not be stored: what is wrong with it, and where. */
static int
check_text(struct slice text, uint64_t *line, struct err *e)
{
	size_t valid = utf8_valid(text.p, text.n);
	const char *nul = valid ? memchr(text.p, '\0', valid) : NULL;

	if (nul != NULL)
		valid = (size_t)(nul - text.p);
	else if (valid == text.n)
		return 0;
	*line = 1;
	for (size_t i = 0; i < valid; i++) {
		*line += text.p[i] == '\n';
	}
	return err_set(e, C1V_DATA, "%s at byte %zu", nul != NULL ? "a NUL" : "not valid UTF-8", valid + 1);
}

int
document_of_text(struct document *d, struct slice text, const char *path,
    const struct extra *x, uint64_t *line, struct err *e)
{
	static const char bom[] = "\xef\xbb\xbf";
	int rc = check_text(text, line, e);

	if (rc != 0)
		return rc;
	if (text.n >= 3 && memcmp(text.p, bom, 3) == 0)
		text = (struct slice){text.p + 3, text.n - 3};
	d->passes = 0;
	d->content = text;
	d->source = slice_of(path);
	d->id = path != NULL ? d->source : hash_id(d);
	begin_record(d);
	add_hole(d, "id", HOLE_ID);
	add_text(d, "doc", d->id);
	add_text(d, "source", d->source);
	add_hole(d, "content", HOLE_CONTENT);
	add_value(d, "metadata", merged(d, SLICE_NONE, x));
	add_hole(d, "chunk", HOLE_CHUNK);
	buf_byte(&d->fixed, '}');
	return 0;
}

void
document_free(struct document *d)
{
	free(d->chunks);
	buf_free(&d->fixed);
	buf_free(&d->id_json);
	for (size_t i = 0; i < sizeof(d->text) / sizeof(d->text[0]); i++) {
		buf_free(&d->text[i]);
	}
	buf_free(&d->metadata);
}

/* --- splitting and writing --------------------------------------------- */

static void
keep_chunk(void *arg, const struct chunk *c)
{
	struct document *d = arg;

	mem_grow(&d->chunks, &d->chunk_room, d->chunk_count + 1, sizeof(*d->chunks));
	d->chunks[d->chunk_count++] = *c;
}

void
document_split(struct document *d, struct chunker *c)
{
	d->chunk_count = 0;
	if (!d->passes)
		chunk_split(c, d->content, keep_chunk, d);
}

static void
add_title(struct buf *b, struct slice title)
{
	const char *newline;

	/* A setext heading over several lines reads as one. */
	while ((newline = title.n ? memchr(title.p, '\n', title.n) : NULL) != NULL) {
		size_t n = (size_t)(newline - title.p), end = n;

		while (end > 0 && (title.p[end - 1] == ' ' || title.p[end - 1] == '\r')) {
			end--;
		}
		json_add_escaped(b, (struct slice){title.p, end});
		buf_byte(b, ' ');
		title = (struct slice){newline + 1, title.n - n - 1};
		while (title.n && (*title.p == ' ' || *title.p == '\t')) {
			title = (struct slice){title.p + 1, title.n - 1};
		}
	}
	json_add_escaped(b, title);
}

static void
add_headings(struct buf *b, const struct document *d, const struct chunker *c, size_t id)
{
	const struct chunk_heading *h = chunk_heading(c, id);

	if (h->parent) { /* of a level below this one's, so there are six at most */
		add_headings(b, d, c, h->parent);
		buf_byte(b, ',');
	}
	buf_byte(b, '"');
	add_title(b, (struct slice){d->content.p + h->start, h->end - h->start});
	buf_byte(b, '"');
}

static void
add_number(struct buf *b, const char *before, size_t n)
{
	buf_string(b, before);
	num_add_int(b, (int64_t)n);
}

static void
add_place(struct buf *b, const struct document *d, const struct chunker *c, size_t index)
{
	const struct chunk *k = &d->chunks[index];

	add_number(b, "{\"index\":", index);
	add_number(b, ",\"of\":", d->chunk_count);
	add_number(b, ",\"start\":", k->start);
	add_number(b, ",\"end\":", k->end);
	add_number(b, ",\"line\":", k->line);
	add_number(b, ",\"end_line\":", k->end_line);
	if (k->heading) {
		buf_string(b, ",\"headings\":[");
		add_headings(b, d, c, k->heading);
		buf_byte(b, ']');
	}
	buf_byte(b, '}');
}

static int
write_none(const struct document *d, struct out *out)
{
	buf_string(&out->buf, "{\"doc\":");
	json_add_string(&out->buf, d->id);
	if (d->source.p != NULL) {
		buf_string(&out->buf, ",\"source\":");
		json_add_string(&out->buf, d->source);
	}
	buf_string(&out->buf, ",\"chunk\":{\"of\":0}}");
	return out_line(out);
}

static void
fill_hole(struct buf *b, const struct document *d, const struct chunker *c, int what, size_t index)
{
	const struct chunk *k = &d->chunks[index];

	switch (what) {
	case HOLE_ID:
		buf_byte(b, '"');
		buf_slice(b, buf_as_slice(&d->id_json));
		buf_byte(b, '#');
		num_add_int(b, (int64_t)index);
		buf_byte(b, '"');
		break;
	case HOLE_CONTENT:
		json_add_string(b, (struct slice){d->content.p + k->start, k->end - k->start});
		break;
	default:
		add_place(b, d, c, index);
		break;
	}
}

int
document_write(const struct document *d, const struct chunker *c, struct out *out)
{
	struct buf *b = &out->buf;
	int rc;

	if (d->chunk_count == 0)
		return write_none(d, out);
	for (size_t i = 0; i < d->chunk_count; i++) {
		size_t at = 0;

		for (size_t h = 0; h < d->hole_count; h++) {
			buf_add(b, d->fixed.data + at, d->holes[h].at - at);
			at = d->holes[h].at;
			fill_hole(b, d, c, (int)d->holes[h].what, i);
		}
		buf_add(b, d->fixed.data + at, d->fixed.len - at);
		if ((rc = out_line(out)) != 0)
			return rc;
	}
	return 0;
}

#include "embed_batch.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/num.h"

enum { BYTES_MAX = 8 << 20 };

struct batch_item {
	struct record record; /* of a line that the arena keeps */
	int waits;            /* for a vector */
};

/* --- what is to be done with a record ------------------------------------------ */

/* A decoded text lives in scratch only until the next: keep it. */
static struct slice
kept(struct batch *b, const struct record *r, struct slice text)
{
	if (text.p >= r->line.p && text.p <= r->line.p + r->line.n)
		return text;
	return (struct slice){arena_bytes(&b->arena, text.p, text.n), text.n};
}

static int
missing(const char *what, struct err *e)
{
	return err_set(e, C1V_DATA, "the record has no `%s`", what);
}

/* What a part of a section is about is often said only above it: the headings
 * that a chunk stands under, on a line of their own before its content. */
static int
add_headings(struct batch *b, const struct record *r, struct slice *text, struct err *e)
{
	struct chunk_place place;
	struct slice item, title;
	struct json_walk w;
	int got;

	if (r->chunk.p == NULL || json_type(r->chunk) == JSON_NULL)
		return 0;
	if (record_chunk(r->chunk, &place, e) != 0)
		return e->code;
	if (place.headings.p == NULL)
		return 0;
	b->value.len = 0;
	w = json_walk(place.headings);
	while (json_item(&w, &item)) {
		b->scratch.len = 0;
		got = record_text(item, "chunk.headings", &b->scratch, &title, e);
		if (got < 0)
			return e->code;
		if (got == 0 || title.n == 0)
			continue;
		if (b->value.len)
			buf_string(&b->value, " > ");
		buf_slice(&b->value, title);
	}
	if (b->value.len == 0)
		return 0;
	buf_byte(&b->value, '\n');
	buf_slice(&b->value, *text);
	*text = (struct slice){arena_bytes(&b->arena, b->value.data, b->value.len), b->value.len};
	return 0;
}

static int
document_text(struct batch *b, const struct record *r, struct slice *text, struct err *e)
{
	int got;

	b->scratch.len = 0;
	got = record_text(r->content, "content", &b->scratch, text, e);
	if (got == 0 && r->query.p != NULL) {
		missing("content", e);
		return err_hint(e, "--role query embeds the query");
	}
	if (got != 1)
		return got < 0 ? e->code : missing("content", e);
	*text = kept(b, r, *text);
	return b->headings ? add_headings(b, r, text, e) : 0;
}

/* A query is asked in its context, where it has one. */
static int
query_text(struct batch *b, const struct record *r, struct slice *text, struct err *e)
{
	static const char between[] = "\n\nCurrent context: ";
	struct slice context;
	int got;

	b->scratch.len = 0;
	got = record_text(r->query, "query", &b->scratch, text, e);
	if (got != 1)
		return got < 0 ? e->code : missing("query", e);
	*text = kept(b, r, *text);
	b->scratch.len = 0;
	got = record_text(r->context, "context", &b->scratch, &context, e);
	if (got < 0)
		return e->code;
	if (got == 1 && context.n > 0) {
		size_t n = text->n + sizeof(between) - 1 + context.n;
		char *p = arena_alloc(&b->arena, n);

		memcpy(p, text->p, text->n);
		memcpy(p + text->n, between, sizeof(between) - 1);
		memcpy(p + n - context.n, context.p, context.n);
		*text = (struct slice){p, n};
	}
	return 0;
}

static int
other_model(struct batch *b, struct slice model, struct err *e)
{
	const char *ours = embed_model(b->model);

	if (model.n == 0)
		err_set(e, C1V_DATA, "the record has a vector of a model that it does not name, not of %s", ours);
	else
		err_set(e, C1V_DATA, "the record has a vector of model %.*s, not of %s",
		    (int)(model.n < 80 ? model.n : 80), model.p, ours);
	return err_hint(e, "--force makes a new one");
}

/* *has: will the vector do that the record has? 0, or C1V_DATA when it is one
 * that cannot be. */
static int
has_vector(struct batch *b, const struct record *r, int *has, struct err *e)
{
	struct slice model = SLICE_NONE;

	*has = 0;
	if (b->force || r->embedding.p == NULL || json_type(r->embedding) == JSON_NULL)
		return 0;
	b->scratch.len = 0;
	if (record_text(r->model, "model", &b->scratch, &model, e) < 0)
		return e->code;
	if (!slice_is(model, embed_model(b->model)))
		return other_model(b, model, e);
	if (record_vector(r, &b->stored, e) < 0)
		return e->code;
	if (b->stored.count != embed_dims(b->model))
		return err_set(e, C1V_DATA, "the record's vector has %zu dimensions, those of %s have %zu",
		    b->stored.count, embed_model(b->model), embed_dims(b->model));
	*has = 1;
	return 0;
}

/* A record that says that its document is empty has nothing to embed. */
static int
is_emptied(const struct record *r)
{
	struct chunk_place place;

	return r->content.p == NULL && r->chunk.p != NULL && record_chunk(r->chunk, &place, NULL) == 0 &&
	    place.of == 0;
}

static int
judge(struct batch *b, struct slice line, struct batch_item *item, struct slice *text, struct err *e)
{
	struct record *r = &item->record;
	int rc = record_scan(line, r, e), has;

	item->waits = 0;
	if (rc != 0 || (b->role == EMBED_DOCUMENT && is_emptied(r)))
		return rc;
	rc = has_vector(b, r, &has, e);
	if (rc != 0 || has)
		return rc;
	item->waits = 1;
	return b->role == EMBED_QUERY ? query_text(b, r, text, e) : document_text(b, r, text, e);
}

/* --- gathering ------------------------------------------------------------------ */

static void
add_item(struct batch *b, const struct batch_item *item, struct slice text)
{
	mem_grow(&b->items, &b->room, b->count + 1, sizeof(*b->items));
	b->items[b->count++] = *item;
	b->rejects.good++;
	if (!item->waits)
		return;
	mem_grow(&b->wanted, &b->text_room, b->texts + 1, sizeof(*b->wanted));
	b->wanted[b->texts++] = text;
}

int
batch_line(struct batch *b, const struct line *line, struct err *e)
{
	struct slice text = SLICE_NONE, copy;
	struct batch_item item;
	struct err why;
	int rc;

	copy = (struct slice){arena_bytes(&b->arena, line->text.p, line->text.n), line->text.n};
	b->bytes += copy.n;
	if (line->too_long)
		rc = err_set(&why, C1V_DATA, "the record is longer than --max-record");
	else
		rc = judge(b, copy, &item, &text, &why);
	if (rc != 0)
		rc = rejects_add(&b->rejects, line, &why, e);
	else
		add_item(b, &item, text);
	if (rc == 0 && (b->texts >= b->limit || b->bytes >= BYTES_MAX))
		rc = batch_flush(b, e);
	return rc;
}

/* --- writing -------------------------------------------------------------------- */

/* The values of `model` and `dims`: the same in each record. */
static void
make_identity(struct batch *b, struct edit *model, struct edit *dims)
{
	size_t n;

	b->identity.len = 0;
	json_add_string(&b->identity, slice_of(embed_model(b->model)));
	n = b->identity.len;
	num_add_int(&b->identity, (int64_t)embed_dims(b->model));
	*model = (struct edit){"model", {b->identity.data, n}};
	*dims = (struct edit){"dims", {b->identity.data + n, b->identity.len - n}};
}

/* The i-th text's record with its vector. */
static void
add_embedded(struct batch *b, const struct record *r, size_t i)
{
	size_t n = embed_dims(b->model);
	struct edit edits[4] = {[3] = {"error", SLICE_NONE}}; /* of an earlier refusal */

	b->value.len = 0;
	if (b->known[i])
		record_add_vector(&b->value, b->vectors + i * n, n, b->base64);
	else
		buf_string(&b->value, "null");
	edits[0] = (struct edit){"embedding", buf_as_slice(&b->value)};
	make_identity(b, &edits[1], &edits[2]);
	record_add_edited(&b->out->buf, r, edits, 4);
	b->embedded += b->known[i];
	b->wordless += !b->known[i];
}

static int
write_items(struct batch *b, struct err *e)
{
	size_t text = 0;

	for (size_t i = 0; i < b->count; i++) {
		const struct batch_item *item = &b->items[i];

		if (item->waits) {
			add_embedded(b, &item->record, text++);
		} else {
			buf_slice(&b->out->buf, item->record.line);
			b->passed++;
		}
		if (out_line(b->out) != 0)
			return out_flush(b->out, e);
	}
	return 0;
}

int
batch_flush(struct batch *b, struct err *e)
{
	int rc = 0;

	if (b->texts) {
		b->vectors = mem_resize(b->vectors, b->text_room * embed_dims(b->model), sizeof(*b->vectors));
		b->known = mem_resize(b->known, b->text_room, 1);
		rc = embed_texts(b->model, b->role, b->wanted, b->texts, b->vectors, b->known, e);
	}
	if (rc == 0)
		rc = write_items(b, e);
	b->count = b->texts = b->bytes = 0;
	arena_reset(&b->arena);
	return rc;
}

const char *
batch_summary(const struct batch *b, struct arena *a)
{
	return arena_format(a, "\"embedded\":%" PRIu64 ",\"passed\":%" PRIu64 ",\"wordless\":%" PRIu64
	    ",\"rejected\":%" PRIu64, b->embedded, b->passed, b->wordless, b->rejects.bad);
}

void
batch_free(struct batch *b)
{
	embed_close(b->model);
	free(b->items);
	free(b->wanted);
	free(b->vectors);
	free(b->known);
	free(b->stored.v);
	arena_free(&b->arena);
	buf_free(&b->scratch);
	buf_free(&b->value);
	buf_free(&b->identity);
}

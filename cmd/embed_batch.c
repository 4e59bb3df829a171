#include "embed_batch.h"
#include "embed_window.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/num.h"

enum { BYTES_MAX = 8 << 20 };

struct batch_item {
	struct record record; /* of a line that the arena keeps */
	struct line line;     /* the same, with its place */
	int waits;            /* for a vector */
	struct group *from;   /* whose job makes it; NULL: it is here: */
	size_t text;          /* which of the texts of `from` */
	uint8_t outcome;      /* enum embed_outcome */
	const float *vector;  /* in the arena */
	const char *why;      /* of a refusal; in the arena */
};

/* --- what is to be done with a record ------------------------------------------ */

/* A decoded text lives in scratch only until the next: keep it. */
static struct slice
kept(struct batch *b, const struct record *r, struct slice text)
{
	if (text.p >= r->line.p && text.p <= r->line.p + r->line.n)
		return text;
	return (struct slice){arena_bytes(b->arena, text.p, text.n), text.n};
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
	*text = (struct slice){arena_bytes(b->arena, b->value.data, b->value.len), b->value.len};
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
		char *p = arena_alloc(b->arena, n);

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
	if (embed_dims(b->model) != 0 && b->stored.count != embed_dims(b->model))
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

void
batch_start(struct batch *b)
{
	struct embed_shape shape = embed_shape(b->model);

	b->ring = shape.jobs;
	b->token_limit = shape.tokens;
	b->text_limit = shape.most;
	if (embed_api_base(b->model) != NULL) {
		json_add_string(&b->base, slice_of(embed_api_base(b->model)));
		b->api_base = buf_as_slice(&b->base);
	}
	if (b->limit > shape.texts || shape.jobs > 1)
		b->limit = shape.texts;
	b->groups = mem_zero(b->ring, sizeof(*b->groups));
	b->now = b->groups;
	if (embed_recalls(b->model))
		b->window = window_new();
}

static int send_off(struct batch *b, struct err *e);

static int
is_full(const struct batch *b)
{
	return b->now->wanted.count >= b->limit || b->now->bytes >= BYTES_MAX;
}

static int64_t
counted(const struct batch *b, int64_t tokens)
{
	return tokens < b->text_limit ? tokens : b->text_limit;
}

static void
add_item(struct batch *b, const struct batch_item *item)
{
	struct group *g = b->now;

	mem_grow(&g->items, &g->room, g->count + 1, sizeof(*g->items));
	g->items[g->count++] = *item;
	b->rejects.good++;
}

/* A text that the group's job is to embed. */
static size_t
add_text(struct batch *b, struct slice text, int64_t tokens)
{
	struct group *g = b->now;
	size_t n = set_add(&g->wanted, text);

	mem_grow(&g->counts, &g->count_room, g->wanted.count, sizeof(*g->counts));
	g->counts[n] = tokens;
	g->tokens += counted(b, tokens);
	return n;
}

/* Is the text asked for already, in this group or one that is on its way? */
static int
find_asked(struct batch *b, struct slice text, struct batch_item *item)
{
	for (size_t i = 0; i <= b->busy && i < b->ring; i++) {
		struct group *g = &b->groups[(b->oldest + i) % b->ring];

		item->text = set_find(&g->wanted, text);
		if (item->text != SET_NONE) {
			item->from = g;
			g->lent += g != b->now;
			return 1;
		}
	}
	return 0;
}

int
batch_text(struct batch *b, struct slice line, struct arena *arena, struct slice *text)
{
	struct batch_item item;
	struct err why;

	b->arena = arena;
	return judge(b, line, &item, text, &why) == 0 && item.waits;
}

/* A line into the memory of the group, as an item. 0, or why it is refused. */
static int
read_item(struct batch *b, const struct line *line, struct batch_item *item, struct slice *text, struct err *why)
{
	*item = (struct batch_item){.line = *line};
	item->line.text = (struct slice){arena_bytes(&b->now->arena, line->text.p, line->text.n), line->text.n};
	b->now->bytes += line->text.n;
	b->arena = &b->now->arena;
	if (line->too_long)
		return err_set(why, C1V_DATA, "the record is longer than --max-record");
	return judge(b, item->line.text, item, text, why);
}

/* What has its vector already. */
static void
place_recalled(struct batch *b, struct batch_item *item, struct slice text, const float *vector)
{
	size_t bytes = embed_dims(b->model) * sizeof(*vector);
	float *copy = arena_alloc(&b->now->arena, bytes);

	item->vector = memcpy(copy, vector, bytes);
	item->outcome = EMBED_VECTOR;
	b->now->bytes += bytes;
	b->recalled++;
	b->spared += embed_tokens(b->model, text);
	add_item(b, item);
}

/* An item whose text is too much for the group begins another one. */
static int
place_item(struct batch *b, const struct line *line, struct batch_item *item, struct slice text, struct err *e)
{
	int64_t tokens = batch_is_remote(b) ? embed_tokens(b->model, text) : 0;
	int rc;

	if (b->now->wanted.count && batch_is_remote(b) && b->now->tokens + counted(b, tokens) > b->token_limit) {
		rc = send_off(b, e);
		if (rc == 0)
			rc = read_item(b, line, item, &text, e);
		if (rc != 0)
			return rc;
	}
	item->from = b->now;
	item->text = add_text(b, text, tokens);
	add_item(b, item);
	return 0;
}

int
batch_take(struct batch *b, const struct line *line, const float *vector, struct err *e)
{
	struct slice text = SLICE_NONE;
	struct batch_item item;
	struct err why;
	int rc = 0;

	if (read_item(b, line, &item, &text, &why) != 0)
		rc = rejects_add(&b->rejects, line, &why, e);
	else if (item.waits && vector != NULL)
		place_recalled(b, &item, text, vector);
	else if (!item.waits || find_asked(b, text, &item))
		add_item(b, &item);
	else
		rc = place_item(b, line, &item, text, e);
	if (rc == 0 && is_full(b))
		rc = send_off(b, e);
	return rc;
}

static void
note_undone(struct batch *b, const struct line *line)
{
	if (b->undone++ == 0) {
		b->undone_source = line->source;
		b->undone_line = line->number;
	}
}

int
batch_line(struct batch *b, const struct line *line, struct err *e)
{
	int rc;

	if (b->stopped.code != 0) {
		rc = batch_flush(b, e); /* what came before is listed before */
		if (rc != 0)
			return rc;
		note_undone(b, line);
		return rejects_keep(&b->rejects, line, &b->stopped, e);
	}
	return b->window ? window_line(b->window, b, line, e) : batch_take(b, line, NULL, e);
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

/* The record of a text that has a vector, or for which there is none. */
static int
add_embedded(struct batch *b, const struct record *r, const float *vector)
{
	/* The error is of an earlier refusal. */
	struct edit edits[5] = {[3] = {"api_base", b->api_base}, [4] = {"error", SLICE_NONE}};

	b->value.len = 0;
	if (vector != NULL)
		record_add_vector(&b->value, vector, embed_dims(b->model), b->base64);
	else
		buf_string(&b->value, "null");
	edits[0] = (struct edit){"embedding", buf_as_slice(&b->value)};
	make_identity(b, &edits[1], &edits[2]);
	if (embed_dims(b->model) == 0)
		edits[2].value = SLICE("null");
	record_add_edited(&b->out->buf, r, edits, 5);
	b->embedded += vector != NULL;
	b->wordless += vector == NULL;
	return out_line(b->out);
}

static int
refuse(struct batch *b, const struct batch_item *item, const char *text, struct err *e)
{
	struct err why;

	b->rejects.good--;
	if (text == NULL) {
		note_undone(b, &item->line);
		return rejects_keep(&b->rejects, &item->line, &b->stopped, e);
	}
	err_set(&why, C1V_DATA, "%s", text);
	return rejects_add(&b->rejects, &item->line, &why, e);
}

/* What became of an item. Texts that are recalled or borrowed have it with them. */
static enum embed_outcome
outcome_of(const struct batch *b, const struct batch_item *item, const float **vector, const char **why)
{
	const struct embed_job *job;

	*vector = item->vector;
	*why = item->why;
	if (item->from == NULL)
		return (enum embed_outcome)item->outcome;
	job = &item->from->job;
	if (job->outcome[item->text] == EMBED_VECTOR)
		*vector = embed_vector(b->model, job, item->text);
	*why = job->why[item->text];
	return (enum embed_outcome)job->outcome[item->text];
}

static int
write_item(struct batch *b, const struct batch_item *item, struct err *e)
{
	const float *vector = NULL;
	const char *why = NULL;
	enum embed_outcome outcome = item->waits ? outcome_of(b, item, &vector, &why) : EMBED_UNKNOWN;
	int rc;

	if (item->waits && outcome == EMBED_REFUSED)
		return refuse(b, item, why, e);
	if (b->dry)
		return 0;
	if (!item->waits) {
		buf_slice(&b->out->buf, item->record.line);
		b->passed++;
		rc = out_line(b->out);
	} else if (outcome == EMBED_UNDONE) {
		return refuse(b, item, NULL, e);
	} else {
		rc = add_embedded(b, &item->record, vector);
	}
	return rc != 0 ? out_flush(b->out, e) : 0;
}

static int
write_items(struct batch *b, const struct group *g, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < g->count; i++)
		rc = write_item(b, &g->items[i], e);
	return rc;
}

/* Items of later groups get what they wait for from this one, which is about to be emptied. */
static void
give_back(struct batch *b, struct group *g)
{
	for (size_t i = 0; g->lent > 0 && i < b->ring; i++) {
		struct group *h = &b->groups[i];

		for (size_t k = 0; h != g && k < h->count; k++) {
			struct batch_item *item = &h->items[k];
			const float *vector;
			const char *why;

			if (item->from != g)
				continue;
			item->outcome = (uint8_t)outcome_of(b, item, &vector, &why);
			item->from = NULL;
			if (item->outcome == EMBED_VECTOR)
				item->vector = memcpy(arena_alloc(&h->arena, embed_dims(b->model) * sizeof(*vector)), vector,
				    embed_dims(b->model) * sizeof(*vector));
			if (item->outcome == EMBED_REFUSED)
				item->why = arena_bytes(&h->arena, why, strlen(why));
		}
	}
	g->lent = 0;
}

static void
empty_group(struct group *g)
{
	g->count = g->bytes = 0;
	g->tokens = 0;
	set_clear(&g->wanted);
	arena_reset(&g->arena);
}

/* Wait for the oldest group on its way, and write it. */
static int
bring_in(struct batch *b, struct err *e)
{
	struct group *g = &b->groups[b->oldest];
	struct err why;
	int rc;

	if (g->wanted.count && embed_wait(b->model, &g->job, &why) != 0 && b->stopped.code == 0)
		b->stopped = why;
	give_back(b, g);
	rc = write_items(b, g, e);
	empty_group(g);
	b->oldest = (b->oldest + 1) % b->ring;
	b->busy--;
	return rc;
}

/* The group that was filled goes on its way, and another one is begun. */
static int
send_off(struct batch *b, struct err *e)
{
	struct group *g = b->now;
	int rc = 0;

	if (g->count == 0)
		return 0;
	if (b->dry && !batch_is_remote(b)) {
		empty_group(g);
		return 0;
	}
	g->job.role = b->role;
	g->job.texts = g->wanted.items;
	g->job.tokens = batch_is_remote(b) ? g->counts : NULL;
	g->job.count = g->wanted.count;
	b->busy++;
	if (g->wanted.count)
		rc = embed_submit(b->model, &g->job, e);
	if (rc == 0 && b->busy == b->ring)
		rc = bring_in(b, e);
	b->now = &b->groups[(b->oldest + b->busy) % b->ring];
	return rc;
}

int
batch_flush(struct batch *b, struct err *e)
{
	int rc = b->window ? window_flush(b->window, b, e) : 0;

	if (rc == 0)
		rc = send_off(b, e);

	while (rc == 0 && b->busy > 0)
		rc = bring_in(b, e);
	if (rc == 0)
		b->now = &b->groups[b->oldest];
	return rc;
}

const char *
batch_summary(const struct batch *b, struct arena *a)
{
	struct embed_totals t = embed_totals(b->model);
	const char *done = arena_format(a, "\"embedded\":%" PRIu64 ",\"passed\":%" PRIu64 ",\"wordless\":%" PRIu64
	    ",\"rejected\":%" PRIu64, b->embedded, b->passed, b->wordless, b->rejects.bad);

	if (!batch_is_remote(b))
		return done;
	return arena_format(a, "%s,\"undone\":%" PRIu64 ",\"model\":\"%s\",\"input_tokens\":%" PRId64
	    ",\"requests\":%" PRId64 ",\"retries\":%" PRId64 ",\"hits\":%" PRIu64 ",\"saved_tokens\":%" PRId64, done,
	    b->undone, embed_model(b->model), t.tokens, t.requests, t.retries, b->recalled, b->spared);
}

void
batch_free(struct batch *b)
{
	for (size_t i = 0; b->groups != NULL && i < b->ring; i++) {
		free(b->groups[i].items);
		set_free(&b->groups[i].wanted);
		free(b->groups[i].counts);
		arena_free(&b->groups[i].arena);
		embed_job_free(&b->groups[i].job);
	}
	free(b->groups);
	window_free(b->window);
	embed_close(b->model);
	free(b->stored.v);
	buf_free(&b->scratch);
	buf_free(&b->value);
	buf_free(&b->identity);
	buf_free(&b->base);
}

#include "ingest_gather.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/sha.h"

/* What one line says, before it is known whether it is taken. */
struct said {
	struct chunk_row row;
	struct slice document, model, api_base;
	int64_t of;   /* -1: a document without chunks; 0: an emptied one */
	size_t dims;
};

/* --- one record ------------------------------------------------------------ */

static struct slice
keep(struct gather *g, struct slice s)
{
	if (s.p == NULL)
		return s;
	g->bytes += s.n;
	return (struct slice){arena_bytes(&g->arena, s.p, s.n), s.n};
}

/* A text field; decoded texts are kept, others stay slices of the line. */
static int
read_text(struct gather *g, struct slice value, const char *name, int is_id, struct slice *out,
    struct err *e)
{
	int rc;

	g->scratch.len = 0;
	*out = SLICE_NONE;
	rc = is_id ? record_id(value, name, &g->scratch, out, e)
	           : record_text(value, name, &g->scratch, out, e);
	if (rc > 0 && g->scratch.len > 0)
		*out = keep(g, *out);
	return rc < 0 ? e->code : 0;
}

/* Does raw JSON hold U+0000? Only as an escape: the bytes are valid JSON. */
static int
has_nul(struct slice json)
{
	const char *p = json.p, *end = json.p + json.n;

	while (p < end && (p = memchr(p, '\\', (size_t)(end - p))) != NULL) {
		if (end - p >= 6 && memcmp(p + 1, "u0000", 5) == 0)
			return 1;
		p += 2;
	}
	return 0;
}

static int
read_object(struct slice value, const char *name, struct slice *out, struct err *e)
{
	*out = SLICE_NONE;
	if (value.p == NULL || json_type(value) == JSON_NULL)
		return 0;
	if (json_type(value) != JSON_OBJECT)
		return err_set(e, C1V_DATA, "%s: not an object", name);
	if (has_nul(value))
		return err_set(e, C1V_DATA, "%s: U+0000 cannot be stored", name);
	*out = value;
	return 0;
}

/* `chunk`, or what stands for it in a document that is one chunk. */
static int
read_place(struct slice value, struct said *s, struct err *e)
{
	struct chunk_place place;
	int rc = read_object(value, "chunk", &s->row.place, e);

	s->of = -1;
	s->row.index = 0;
	if (rc != 0 || s->row.place.p == NULL)
		return rc;
	rc = record_chunk(value, &place, e);
	if (rc != 0)
		return rc;
	if (place.of < 0)
		return err_set(e, C1V_DATA, "chunk.of: missing");
	s->of = place.of;
	if (place.of == 0)
		return 0;
	if (place.index < 0 || place.index >= place.of)
		return err_set(e, C1V_DATA, "chunk.index: not from 0 to chunk.of - 1");
	s->row.index = place.index;
	return 0;
}

static int
read_ids(struct gather *g, const struct record *r, struct said *s, struct err *e)
{
	char hex[2 * SHA_SIZE + 1];
	uint8_t sum[SHA_SIZE];
	int rc = read_text(g, r->id, "id", 1, &s->row.id, e);

	if (rc == 0)
		rc = read_text(g, r->doc, "doc", 1, &s->document, e);
	if (rc != 0)
		return rc;
	if (s->of >= 0 && s->document.p == NULL)
		return err_set(e, C1V_DATA, "doc: missing, but the record has a chunk");
	if (s->of == 0)
		return 0;
	if (s->row.id.p == NULL && s->of > 0) {
		s->row.id.p = arena_format(&g->arena, "%.*s#%lld", (int)s->document.n, s->document.p,
		    (long long)s->row.index);
		s->row.id.n = strlen(s->row.id.p);
	} else if (s->row.id.p == NULL && s->row.source.n > 0) {
		s->row.id = s->row.source;
	} else if (s->row.id.p == NULL) {
		sha_of(s->row.content, sum);
		sha_hex(sum, hex);
		s->row.id = keep(g, slice_of(hex));
	}
	if (s->document.p == NULL)
		s->document = s->row.id;
	return 0;
}

static int
read_vector(struct gather *g, const struct record *r, struct said *s, struct err *e)
{
	int rc = read_text(g, r->model, "model", 0, &s->model, e);

	if (rc == 0)
		rc = read_text(g, r->api_base, "api_base", 0, &s->api_base, e);
	if (rc != 0)
		return rc;
	rc = record_vector(r, &g->floats, e);
	if (rc < 0)
		return e->code;
	if (rc == 0) {
		s->model = s->api_base = SLICE_NONE;
		return 0;
	}
	if (s->model.n == 0)
		return err_set(e, C1V_DATA, "model: missing, but the record has an embedding");
	s->dims = g->floats.count;
	s->row.vector = (const float *)(const void *)keep(g, (struct slice){(const char *)g->floats.v,
	    s->dims * sizeof(float)}).p;
	return 0;
}

static int
read_record(struct gather *g, const struct record *r, struct said *s, struct err *e)
{
	int rc = read_place(r->chunk, s, e);

	if (rc == 0)
		rc = read_text(g, r->source, "source", 0, &s->row.source, e);
	if (rc == 0)
		rc = read_object(r->metadata, "metadata", &s->row.metadata, e);
	if (rc == 0 && s->of != 0) {
		rc = read_text(g, r->content, "content", 0, &s->row.content, e);
		if (rc == 0 && s->row.content.n == 0)
			rc = err_set(e, C1V_DATA, s->row.content.p ? "content: empty" : "content: missing");
	}
	if (rc == 0)
		rc = read_ids(g, r, s, e);
	if (rc == 0 && s->of != 0 && !g->no_vectors)
		rc = read_vector(g, r, s, e);
	return rc;
}

/* --- documents --------------------------------------------------------------- */

static int
shown(struct slice id)
{
	return id.n > 120 ? 120 : (int)id.n;
}

/* The document cannot become whole. The first reason counts. */
static void
fail(struct gather *g, const char *fmt, long long a, long long b)
{
	struct gathered *d = &g->now;
	struct err why;

	if (d->why.code != 0)
		return;
	err_set(&why, C1V_DATA, fmt, a, b);
	err_prefix(&why, "document %.*s", shown(d->id), d->id.p);
	d->why = why;
}

static void
start_document(struct gather *g, const struct said *s)
{
	g->gathering = 1;
	g->now = (struct gathered){.first = g->count, .id = s->document, .of = s->of};
	g->now.row.id = s->document;
}

static void
take(struct gather *g, const struct said *s, const struct line *line)
{
	struct gathered *d = &g->now;
	size_t n = g->count - d->first;

	if (d->why.code == 0 && s->of != d->of)
		fail(g, "chunk.of is %lld in one chunk and %lld in another", (long long)d->of, (long long)s->of);
	if (d->bytes + line->text.n > DOCUMENT_MAX)
		fail(g, "its records have more than %lld bytes", DOCUMENT_MAX, 0);
	if (s->row.vector != NULL) {
		if (d->row.model.p == NULL) {
			d->row.model = s->model;
			d->row.dims = s->dims;
			d->row.api_base = s->api_base;
		} else if (!slice_equal(d->row.model, s->model) || d->row.dims != s->dims) {
			fail(g, "its vectors are of more than one model", 0, 0);
		} else if (!slice_equal(d->row.api_base, s->api_base)) {
			fail(g, "its vectors are of more than one API", 0, 0);
		}
	}
	mem_grow(&g->rows, &g->row_room, g->count + 1, sizeof(*g->rows));
	mem_grow(&g->lines, &g->line_room, g->count + 1, sizeof(*g->lines));
	g->rows[g->count] = s->row;
	g->lines[g->count] = *line;
	g->count++;
	d->row.count = s->of == 0 ? 0 : n + 1;
	d->bytes += line->text.n;
}

static int
by_index(const void *a, const void *b)
{
	const struct chunk_row *x = a, *y = b;

	return (x->index > y->index) - (x->index < y->index);
}

/* Chunks may come in any order, each once. */
static void
check_whole(struct gather *g)
{
	struct gathered *d = &g->now;
	struct chunk_row *rows = g->rows + d->first;
	size_t n = d->row.count;

	for (size_t i = 0; i < n; i++) {
		if (rows[i].index == (int64_t)i)
			continue;
		/* Lines are only for rejecting, all of them together: they need no order. */
		qsort(rows, n, sizeof(*rows), by_index);
		break;
	}
	for (size_t i = 1; i < n; i++) {
		if (rows[i].index == rows[i - 1].index)
			fail(g, "chunk %lld of %lld stands twice", (long long)rows[i].index, (long long)d->of);
	}
}

static int
is_full(const struct gathered *d)
{
	return d->of <= 0 || d->row.count >= (size_t)d->of;
}

enum gather_result
gather_line(struct gather *g, const struct line *line, struct err *e)
{
	struct line kept = *line;
	struct said s = {0};
	struct record r;

	if (line->too_long) {
		err_set(e, C1V_DATA, "the line is too long");
		err_hint(e, "--max-record allows longer ones");
		return GATHER_BAD;
	}
	if (g->count == 0 && !g->gathering)
		gather_clear(g);
	kept.text = keep(g, line->text);
	if (record_scan(kept.text, &r, e) != 0 || read_record(g, &r, &s, e) != 0)
		return GATHER_BAD;
	if (g->gathering && !slice_equal(s.document, g->now.id)) {
		fail(g, "%lld of %lld chunks have come", (long long)g->now.row.count, (long long)g->now.of);
		return GATHER_NEXT;
	}
	if (!g->gathering)
		start_document(g, &s);
	take(g, &s, &kept);
	if (is_full(&g->now))
		check_whole(g);
	if (g->now.why.code != 0)
		return GATHER_FAILED;
	if (!is_full(&g->now))
		return GATHER_MORE;
	mem_grow(&g->documents, &g->document_room, g->document_count + 1, sizeof(*g->documents));
	g->documents[g->document_count++] = g->now;
	g->gathering = 0;
	return GATHER_WHOLE;
}

int
gather_end(struct gather *g)
{
	if (g->gathering)
		fail(g, "%lld of %lld chunks have come", (long long)g->now.row.count, (long long)g->now.of);
	return g->gathering;
}

const struct line *
gather_now(const struct gather *g, size_t *count)
{
	*count = g->count - g->now.first;
	return g->lines + g->now.first;
}

void
gather_shed(struct gather *g)
{
	g->count = g->now.first;
	g->now.row.count = 0;
	g->now.bytes = 0;
	/* Its id is all that is left of it; with nothing else held, the rest goes. */
	if (g->document_count == 0) {
		struct slice id = {mem_bytes(g->now.id.p, g->now.id.n), g->now.id.n};
		arena_reset(&g->arena);
		g->now.id = (struct slice){arena_bytes(&g->arena, id.p, id.n), id.n};
		g->bytes = 0;
		free((void *)(uintptr_t)id.p);
	}
}

void
gather_drop(struct gather *g)
{
	g->count = g->now.first;
	g->gathering = 0;
	if (g->document_count == 0)
		gather_clear(g);
}

const struct document_row *
gather_document(struct gather *g, size_t i, const struct line **lines, size_t *count)
{
	struct gathered *d = &g->documents[i];
	size_t next = i + 1 < g->document_count ? g->documents[i + 1].first
	    : g->gathering ? g->now.first : g->count;

	d->row.chunks = g->rows + d->first;
	*lines = g->lines + d->first;
	*count = next - d->first;
	return &d->row;
}

void
gather_clear(struct gather *g)
{
	size_t n = g->gathering ? g->count - g->now.first : 0;

	g->document_count = 0;
	if (g->gathering) {
		memmove(g->rows, g->rows + g->now.first, n * sizeof(*g->rows));
		memmove(g->lines, g->lines + g->now.first, n * sizeof(*g->lines));
	} else {
		arena_reset(&g->arena);
		g->bytes = 0;
	}
	g->now.first = 0;
	g->count = n;
}

void
gather_free(struct gather *g)
{
	arena_free(&g->arena);
	free(g->rows);
	free(g->lines);
	free(g->documents);
	free(g->floats.v);
	buf_free(&g->scratch);
}

#include "search_tool.h"

#include <string.h>

#include "base/json.h"
#include "base/num.h"

static const char *const names[FIELDS] = {
	"rank", "id", "doc", "content", "metadata", "source", "chunk",
	"score", "scores", "also", "query", "qid", "explain",
};

int
fields_parse(const char *list, unsigned *out, struct err *e)
{
	*out = ~0u;
	if (list == NULL)
		return 0;
	*out = 1u << FIELD_EXPLAIN;
	while (*list != '\0') {
		size_t n = strcspn(list, ","), i = 0;

		while (i < FIELDS && (strlen(names[i]) != n || memcmp(names[i], list, n) != 0))
			i++;
		if (i == FIELDS) {
			err_set(e, C1V_USAGE, "--fields: there is no field '%.*s'", n > 40 ? 40 : (int)n, list);
			return err_hint(e, "rank, id, doc, content, metadata, source, chunk, score, scores,"
			    " also, query, qid, explain");
		}
		*out |= 1u << i;
		list += n + (list[n] == ',');
	}
	return 0;
}

static struct buf *
add_key(const struct tool *t, enum field f)
{
	if (!(t->fields & 1u << f))
		return NULL;
	json_add_key(&t->cli->out.buf, names[f]);
	return &t->cli->out.buf;
}

static void
add_text(const struct tool *t, enum field f, struct slice s)
{
	struct buf *b = s.p ? add_key(t, f) : NULL;

	if (b != NULL)
		json_add_string(b, s);
}

static void
add_raw(const struct tool *t, enum field f, struct slice s)
{
	struct buf *b = s.p ? add_key(t, f) : NULL;

	if (b != NULL)
		buf_slice(b, s);
}

static void
add_number(struct buf *b, const char *key, double v)
{
	json_add_key(b, key);
	num_add_float(b, (float)v);
}

static void
add_rank(struct buf *b, const char *key, uint32_t rank)
{
	json_add_key(b, key);
	if (rank)
		num_add_int(b, rank);
	else
		buf_string(b, "null");
}

/* A leg that took no part is not named; one that did not find the hit has the
 * rank null, and its score if it gave one all the same. */
static void
add_scores(const struct tool *t, const struct search_hit *h, const struct search_query *q)
{
	struct buf *b = add_key(t, FIELD_SCORES);
	int vector = q->mode != SEARCH_KEYWORD && q->vector != NULL, keyword = q->mode != SEARCH_VECTOR;

	if (b == NULL)
		return;
	buf_byte(b, '{');
	if (vector) {
		if (h->vector_rank || h->vector_score != 0)
			add_number(b, "vector", h->vector_score);
		add_rank(b, "vector_rank", h->vector_rank);
	}
	if (keyword) {
		if (h->keyword_rank || h->keyword_score > 0)
			add_number(b, "keyword", h->keyword_score);
		add_rank(b, "keyword_rank", h->keyword_rank);
	}
	buf_byte(b, '}');
}

static void
add_also(const struct tool *t, const struct search_hit *h)
{
	struct buf *b = h->also_count ? add_key(t, FIELD_ALSO) : NULL;

	if (b == NULL)
		return;
	buf_byte(b, '[');
	for (size_t i = 0; i < h->also_count; i++) {
		if (i > 0)
			buf_byte(b, ',');
		json_add_string(b, h->also[i]);
	}
	buf_byte(b, ']');
}

static void
add_count(struct buf *b, const char *key, uint64_t n)
{
	json_add_key(b, key);
	num_add_int(b, (int64_t)n);
}

static void
add_ms(struct buf *b, const char *key, double ms)
{
	json_add_key(b, key);
	buf_format(b, "%.3f", ms);
}

static void
add_explain(const struct tool *t)
{
	const struct search_trace *r = &t->hits.trace;
	struct buf *b = t->set->explain ? add_key(t, FIELD_EXPLAIN) : NULL;

	if (b == NULL)
		return;
	buf_string(b, "{\"rows\":{");
	add_count(b, "chunks", t->collection.chunks);
	add_count(b, "allowed", r->allowed);
	add_count(b, "vectors_scanned", r->vectors_scanned);
	add_count(b, "rescored", r->rescored);
	add_count(b, "keyword_entries", r->keyword_rows);
	buf_string(b, "},\"ms\":{");
	add_ms(b, "keyword", r->keyword_ms);
	add_ms(b, "vector", r->vector_ms);
	add_ms(b, "fuse", r->fuse_ms);
	add_ms(b, "fetch", r->fetch_ms);
	add_ms(b, "total", r->total_ms);
	buf_string(b, "},\"short_by_filter\":");
	buf_string(b, r->short_by_filter ? "true}" : "false}");
}

static int
write_hit(struct tool *t, size_t i, const struct ask *a, const struct search_query *q)
{
	const struct search_hit *h = &t->hits.items[i];
	struct buf *b = &t->cli->out.buf;

	buf_byte(b, '{');
	if (add_key(t, FIELD_RANK))
		num_add_int(b, (int64_t)i + 1);
	add_text(t, FIELD_ID, h->id);
	if (h->place.p != NULL || !slice_equal(h->id, h->document))
		add_text(t, FIELD_DOC, h->document);
	add_text(t, FIELD_CONTENT, h->content);
	add_raw(t, FIELD_METADATA, h->metadata);
	add_text(t, FIELD_SOURCE, h->source);
	add_raw(t, FIELD_CHUNK, h->place);
	if (add_key(t, FIELD_SCORE))
		num_add_float(b, (float)h->score);
	add_scores(t, h, q);
	add_also(t, h);
	if (a->id.p != NULL)
		add_raw(t, FIELD_QID, a->id);
	else
		add_text(t, FIELD_QUERY, a->text);
	add_explain(t);
	buf_byte(b, '}');
	return out_line(&t->cli->out);
}

int
json_write(struct tool *t, const struct ask *a, const struct search_query *q)
{
	for (size_t i = 0; i < t->hits.count; i++)
		if (write_hit(t, i, a, q) != 0)
			return C1V_IO;
	return 0;
}

/* cache_many: mget, mset. */
#include <stdlib.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/num.h"
#include "base/utf8.h"
#include "cache/key.h"
#include "cache_tool.h"
#include "record/record.h"

enum { BATCH = 4096, BATCH_BYTES = 8 << 20 };

/* Lines that wait to be looked up, or put, together. */
struct many {
	struct tool *t;
	int put;                  /* mset */
	struct rejects rejects;
	int64_t ttl_ms;           /* --ttl, or 0 */
	struct arena arena;       /* of a batch */
	struct record records[BATCH];
	struct slice keys[BATCH], values[BATCH];
	struct cache_entry entries[BATCH];
	size_t count, bytes;
	struct buf text, value;
};

/* --- reading ------------------------------------------------------------------------------ */

static struct slice
kept(struct many *m, struct slice s)
{
	return (struct slice){arena_bytes(&m->arena, s.p, s.n), s.n};
}

/* A string of the record, by its name. 1, 0: not there, -1: C1V_DATA. */
static int
text_of(struct many *m, const struct record *r, const char *name, struct slice *out, struct err *e)
{
	int got;

	m->text.len = 0;
	got = record_text(json_get(r->line, name), name, &m->text, out, e);
	if (got == 1)
		*out = kept(m, *out);
	return got;
}

/* "tags":["a","b"], and --tag. */
static int
read_tags(struct many *m, const struct record *r, struct cache_entry *entry, struct err *e)
{
	const struct opt_list *common = &m->t->s->tags;
	struct slice list = json_get(r->line, "tags"), item, *tags;
	struct json_walk w;
	size_t n = common->count;

	if (list.p != NULL && json_type(list) != JSON_ARRAY)
		return err_set(e, C1V_DATA, "`tags` is not an array");
	for (w = list.p ? json_walk(list) : (struct json_walk){0}; list.p != NULL && json_item(&w, &item);)
		n++;
	tags = arena_alloc(&m->arena, (n + 1) * sizeof(*tags));
	for (n = 0; n < common->count; n++)
		tags[n] = slice_of(common->items[n]);
	for (w = list.p ? json_walk(list) : (struct json_walk){0}; list.p != NULL && json_item(&w, &item);) {
		m->text.len = 0;
		if (record_text(item, "tags", &m->text, &tags[n], e) != 1)
			return err_set(e, C1V_DATA, "`tags` holds something else than strings");
		tags[n] = kept(m, tags[n]);
		n++;
	}
	entry->tags = tags;
	entry->tag_count = n;
	return 0;
}

/* "ttl": seconds, or as --ttl has it. */
static int
read_ttl(struct many *m, const struct record *r, struct cache_entry *entry, struct err *e)
{
	struct slice ttl = json_get(r->line, "ttl");

	entry->ttl_ms = m->ttl_ms ? m->ttl_ms : key_ttl(entry->key);
	if (ttl.p == NULL || json_type(ttl) == JSON_NULL)
		return 0;
	if (json_type(ttl) == JSON_STRING) {
		m->text.len = 0;
		ttl = json_text(ttl, &m->text);
	}
	if (num_duration(ttl, 1, CACHE_TTL_MAX, &entry->ttl_ms, "`ttl`", e) != 0)
		return e->code = C1V_DATA;
	return 0;
}

/* With --raw a value is a string, or "base64" has its bytes. */
static int
read_value(struct many *m, const struct record *r, struct cache_entry *entry, struct err *e)
{
	struct slice text;
	int got;

	entry->value = json_get(r->line, "value");
	if (m->t->s->raw) {
		got = text_of(m, r, "base64", &text, e);
		if (got == 1) {
			char *bytes = arena_alloc(&m->arena, base64_room(text.n));
			size_t n;

			if (!base64_decode(text, (unsigned char *)bytes, &n))
				return err_set(e, C1V_DATA, "`base64` is none");
			entry->value = (struct slice){bytes, n};
			return 0;
		}
		if (got == 0)
			got = text_of(m, r, "value", &entry->value, e);
		if (got < 0)
			return e->code;
	}
	if (entry->value.p == NULL)
		return err_set(e, C1V_DATA, "the record has no `value`");
	return entry->value.n <= CACHE_VALUE_MAX ? 0 : err_set(e, C1V_DATA, "`value` is too long");
}

static int
read_record(struct many *m, struct slice line, struct err *e)
{
	struct record *r = &m->records[m->count];
	struct cache_entry *entry = &m->entries[m->count];
	int rc = record_scan(line, r, e), got;

	if (rc != 0)
		return rc;
	*entry = (struct cache_entry){0};
	got = text_of(m, r, "key", &entry->key, e);
	if (got != 1)
		return got < 0 ? e->code : err_set(e, C1V_DATA, "the record has no `key`");
	if (cache_check_key(m->t->cache, entry->key, e) != 0)
		return e->code = C1V_DATA;
	m->keys[m->count] = entry->key;
	if (!m->put)
		return 0;
	rc = read_value(m, r, entry, e);
	if (rc == 0)
		rc = read_ttl(m, r, entry, e);
	return rc != 0 ? rc : read_tags(m, r, entry, e);
}

/* --- answering ------------------------------------------------------------------------------ */

/* The value as a member of the record: JSON, or (--raw) a string; bytes that are no text go under
 * "base64". */
static void
add_answer(struct many *m, const struct record *r, struct slice value)
{
	struct edit edits[3] = {{"value", SLICE("null")}, {"base64", SLICE_NONE}, {"hit", SLICE("false")}};
	struct slice json;

	m->value.len = 0;
	if (value.p != NULL) {
		edits[2].value = SLICE("true");
		if (!m->t->s->raw && json_check(value, &json, NULL) == 0) {
			tool_add_line(&m->value, json);
			edits[0].value = buf_as_slice(&m->value);
		} else if (utf8_valid(value.p, value.n) == value.n) {
			json_add_string(&m->value, value);
			edits[0].value = buf_as_slice(&m->value);
		} else {
			buf_byte(&m->value, '"');
			base64_add(&m->value, value.p, value.n);
			buf_byte(&m->value, '"');
			edits[1].value = buf_as_slice(&m->value);
		}
	}
	record_add_edited(&m->t->cli->out.buf, r, edits, 3);
}

static int
flush(struct many *m, struct err *e)
{
	int rc;

	if (m->count == 0)
		return 0;
	rc = m->put ? cache_set(m->t->cache, m->entries, m->count, e) :
	    cache_get(m->t->cache, m->keys, m->count, m->values, e);
	for (size_t i = 0; i < m->count && rc == 0; i++) {
		if (m->put)
			buf_slice(&m->t->cli->out.buf, m->records[i].line);
		else
			add_answer(m, &m->records[i], m->values[i]);
		rc = out_line(&m->t->cli->out);
	}
	m->count = m->bytes = 0;
	arena_reset(&m->arena);
	return rc;
}

static int
flush_when_idle(void *arg, struct err *e)
{
	struct many *m = arg;
	int rc = cli_interrupted(e);

	if (rc == 0)
		rc = flush(m, e);
	return rc != 0 ? rc : out_flush(&m->t->cli->out, e);
}

static int
take_line(struct many *m, const struct line *line, struct err *e)
{
	struct err why;
	int rc;

	if (line->too_long)
		rc = err_set(&why, C1V_DATA, "the record is longer than --max-record");
	else
		rc = read_record(m, kept(m, line->text), &why);
	if (rc != 0) {
		struct err other;

		if (m->rejects.strict)
			flush(m, &other);
		return rejects_add(&m->rejects, line, &why, e);
	}
	m->rejects.good++;
	m->bytes += line->text.n;
	m->count++;
	return m->count == BATCH || m->bytes >= BATCH_BYTES ? flush(m, e) : 0;
}

static int
read_lines(struct many *m)
{
	struct cli *c = m->t->cli;
	struct input_options o = {
		.paths = m->t->words, .path_count = m->t->word_count, .max_line = (size_t)m->t->s->max_record
	};
	struct input *in = input_open(&o);
	struct line line;
	int more = 0, rc = 0, end;

	input_on_idle(in, flush_when_idle, m);
	while (rc == 0 && (more = input_line(in, &line, &c->err)) > 0)
		rc = take_line(m, &line, &c->err);
	if (rc == 0)
		rc = more < 0 ? c->err.code : flush(m, &c->err);
	input_close(in);
	end = rejects_close(&m->rejects, rc == 0 ? &c->err : NULL);
	return rc != 0 ? rc : end;
}

/* A cache that fails is no reason to stop a pipeline, but is told at its end. */
static int
many(struct tool *t, int put)
{
	struct many *m = mem_zero(1, sizeof(*m));
	int rc;

	m->t = t;
	m->put = put;
	rc = rejects_apart(t->s->rejects, t->words, t->word_count, &t->cli->err);
	if (rc == 0)
		rc = tool_ttl(t, &m->ttl_ms);
	if (rc == 0)
		rc = tool_cache(t, 1);
	if (rc == 0)
		rc = rejects_open(&m->rejects, &t->cli->log, t->s->rejects, t->s->strict, &t->cli->err);
	if (rc == 0)
		rc = read_lines(m);
	if ((rc == 0 || rc == C1V_PARTIAL) && cache_failed(t->cache))
		rc = err_set(&t->cli->err, C1V_AGAIN, put ? "not every value was put" : "not every key was looked up");
	arena_free(&m->arena);
	buf_free(&m->text);
	buf_free(&m->value);
	free(m);
	return rc;
}

int
cache_verb_mget(struct tool *t)
{
	return many(t, 0);
}

int
cache_verb_mset(struct tool *t)
{
	return many(t, 1);
}

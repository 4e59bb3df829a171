#include "store_tool.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/num.h"
#include "base/utf8.h"
#include "record/record.h"

/* --- info ------------------------------------------------------------------ */

enum { COLUMNS = 9 };
static const char *const keys[COLUMNS] = {
	"name", "documents", "chunks", "vectors", "dims", "model", "api_base", "tokenizer", "bytes",
};

static void
add_cell(struct buf *b, struct slice value, size_t width, int right)
{
	size_t n = utf8_width(value.p, value.n);

	for (size_t i = n; right && i < width; i++)
		buf_byte(b, ' ');
	buf_slice(b, value);
	for (size_t i = n; !right && i < width; i++)
		buf_byte(b, ' ');
}

/* A member as it is shown: text without quotes, null as nothing. */
static struct slice
cell(struct slice object, const char *key, struct arena *a)
{
	struct slice value = json_get(object, key);
	struct buf scratch = {0}, seen = {0};

	if (value.p == NULL || json_type(value) == JSON_NULL)
		return SLICE("-");
	if (json_type(value) != JSON_STRING)
		return value;
	utf8_add_visible(&seen, json_text(value, &scratch));
	value = (struct slice){arena_bytes(a, seen.data, seen.len), seen.len};
	buf_free(&scratch);
	buf_free(&seen);
	return value;
}

static void
show_info(struct slice info, struct out *o)
{
	struct slice list = json_get(info, "collections"), item;
	size_t widths[COLUMNS];
	struct arena a = {0};
	struct json_walk w;

	buf_string(&o->buf, "store: ");
	buf_slice(&o->buf, cell(info, "store", &a));
	buf_string(&o->buf, ", ");
	buf_slice(&o->buf, cell(info, "size", &a));
	buf_string(&o->buf, " bytes");
	out_line(o);
	for (size_t i = 0; i < COLUMNS; i++) {
		widths[i] = strlen(keys[i]);
		for (w = json_walk(list); json_item(&w, &item);) {
			struct slice text = cell(item, keys[i], &a);
			size_t n = utf8_width(text.p, text.n);
			widths[i] = n > widths[i] ? n : widths[i];
		}
	}
	for (size_t i = 0; i < COLUMNS; i++) {
		add_cell(&o->buf, slice_of(keys[i]), i + 1 < COLUMNS ? widths[i] : 0, 0);
		buf_string(&o->buf, i + 1 < COLUMNS ? "  " : "");
	}
	out_line(o);
	for (w = json_walk(list); json_item(&w, &item); out_line(o)) {
		for (size_t i = 0; i < COLUMNS; i++) {
			struct slice value = json_get(item, keys[i]);
			add_cell(&o->buf, cell(item, keys[i], &a), widths[i], value.p && json_type(value) == JSON_NUMBER);
			buf_string(&o->buf, i + 1 < COLUMNS ? "  " : "");
		}
	}
	arena_free(&a);
}

/* --- what a server tells of a table ------------------------------------------- */

static double
number_of(struct slice object, const char *key)
{
	struct slice value = json_get(object, key);
	char text[32] = "";

	if (value.p != NULL && json_type(value) == JSON_NUMBER && value.n < sizeof(text))
		memcpy(text, value.p, value.n);
	return strtod(text, NULL);
}

static void
add_size(struct buf *b, const char *what, double bytes)
{
	static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
	int unit = 0;

	for (; bytes >= 10000 && unit < 4; unit++)
		bytes /= 1024;
	buf_format(b, "%s %.*f %s", what, unit > 0 && bytes < 100, bytes, units[unit]);
}

static void
show_indexes(struct slice collection, struct out *o, struct arena *a)
{
	struct json_walk w = json_walk(json_get(collection, "indexes"));
	struct slice index, value;

	while (json_item(&w, &index)) {
		buf_string(&o->buf, "index ");
		buf_slice(&o->buf, cell(index, "name", a));
		buf_string(&o->buf, ": ");
		buf_slice(&o->buf, cell(index, "kind", a));
		add_size(&o->buf, ",", number_of(index, "bytes"));
		buf_format(&o->buf, ", %.0f scans", number_of(index, "scans"));
		value = json_get(index, "valid");
		if (value.p != NULL && json_type(value) == JSON_FALSE)
			buf_string(&o->buf, ", not valid");
		out_line(o);
	}
}

static void
show_server(struct slice info, struct out *o)
{
	struct json_walk w = json_walk(json_get(info, "collections")), warnings = json_walk(json_get(info, "warnings"));
	struct slice collection, text;
	struct buf scratch = {0};
	struct arena a = {0};

	buf_string(&o->buf, "server: PostgreSQL ");
	buf_slice(&o->buf, cell(info, "server", &a));
	buf_string(&o->buf, ", pgvector ");
	buf_slice(&o->buf, cell(info, "pgvector", &a));
	out_line(o);
	while (json_item(&w, &collection)) {
		buf_slice(&o->buf, cell(collection, "name", &a));
		add_size(&o->buf, ": table", number_of(collection, "table_bytes"));
		add_size(&o->buf, ", out of line", number_of(collection, "toast_bytes"));
		add_size(&o->buf, ", indexes", number_of(collection, "index_bytes"));
		buf_format(&o->buf, "; %.0f dead rows; %.1f%% of pages found in memory", number_of(collection, "dead_rows"),
		    number_of(collection, "cache_hit_ratio") * 100);
		out_line(o);
		show_indexes(collection, o, &a);
	}
	while (json_item(&warnings, &text)) {
		buf_string(&o->buf, "warning: ");
		utf8_add_visible(&o->buf, json_text(text, &scratch));
		out_line(o);
		scratch.len = 0;
	}
	buf_free(&scratch);
	arena_free(&a);
}

int
store_verb_info(struct tool *t)
{
	struct buf json = {0};
	int rc = tool_open(t, STORE_READ);

	if (rc == 0)
		rc = store_info(t->store, !t->named, &json, &t->cli->err);
	if (rc == 0 && t->pretty) {
		show_info(buf_as_slice(&json), &t->cli->out);
		if (json_get(buf_as_slice(&json), "server").p != NULL)
			show_server(buf_as_slice(&json), &t->cli->out);
	} else if (rc == 0) {
		buf_slice(&t->cli->out.buf, buf_as_slice(&json));
		out_line(&t->cli->out);
	}
	buf_free(&json);
	return rc;
}

/* --- verify ------------------------------------------------------------------ */

static void
show_finding(void *arg, const char *text)
{
	struct tool *t = arg;
	struct buf *b = &t->cli->out.buf;

	t->findings++;
	if (t->pretty) {
		utf8_add_visible(b, slice_of(text));
	} else {
		buf_string(b, "{\"finding\":");
		json_add_string(b, slice_of(text));
		buf_byte(b, '}');
	}
	out_line(&t->cli->out);
}

int
store_verb_verify(struct tool *t)
{
	struct buf *b = &t->cli->out.buf;
	int rc = tool_open(t, STORE_READ);

	if (rc == 0)
		rc = store_verify(t->store, show_finding, t, &t->cli->err);
	if (rc != 0 && (rc != C1V_NO || t->findings == 0))
		return rc;
	if (t->pretty && t->findings == 0) {
		buf_string(b, "sound");
		out_line(&t->cli->out);
	} else if (!t->pretty) {
		buf_string(b, "{\"findings\":");
		num_add_int(b, (int64_t)t->findings);
		tool_add_names(t, b);
		out_line(&t->cli->out);
	}
	t->cli->err.code = 0;
	return rc;
}

/* --- export, get ---------------------------------------------------------------- */

static void
add_text(struct buf *b, const char *key, struct slice text)
{
	if (text.p == NULL)
		return;
	json_add_key(b, key);
	json_add_string(b, text);
}

static void
add_json(struct buf *b, const char *key, struct slice value)
{
	if (value.p == NULL)
		return;
	json_add_key(b, key);
	buf_slice(b, value);
}

/* The record that c1v-ingest takes back to the same row. */
static int
write_chunk(void *arg, const struct stored_chunk *c, struct err *e)
{
	struct tool *t = arg;
	struct out *o = &t->cli->out;
	struct buf *b = &o->buf;

	buf_byte(b, '{');
	add_text(b, "id", c->id);
	if (c->place.p != NULL || !slice_equal(c->document, c->id))
		add_text(b, "doc", c->document);
	add_text(b, "source", c->source);
	add_text(b, "content", c->content);
	add_json(b, "metadata", c->metadata);
	add_json(b, "chunk", c->place);
	if (c->vector != NULL && t->s->encoding != 2) {
		add_text(b, "model", slice_of(c->model));
		add_text(b, "api_base", slice_of(c->api_base));
		json_add_key(b, "dims");
		num_add_int(b, (int64_t)c->dims);
		json_add_key(b, "embedding");
		record_add_vector(b, c->vector, c->dims, t->s->encoding == 0);
	}
	buf_byte(b, '}');
	if (out_line(o) != 0)
		return err_set(e, C1V_IO, "cannot write standard output");
	return 0;
}

int
store_verb_export(struct tool *t)
{
	int rc = tool_open(t, STORE_READ);

	return rc ? rc : store_export(t->store, write_chunk, t, &t->cli->err);
}

int
store_verb_get(struct tool *t)
{
	int rc = tool_open(t, STORE_READ), missing = 0;

	for (size_t i = 0; i < t->word_count && rc == 0; i++) {
		rc = store_get(t->store, slice_of(t->words[i]), write_chunk, t, &t->cli->err);
		if (rc == C1V_NO) {
			log_err(&t->cli->log, &t->cli->err);
			t->cli->err.code = 0;
			missing = 1;
			rc = 0;
		}
	}
	return rc == 0 && missing ? C1V_NO : rc;
}

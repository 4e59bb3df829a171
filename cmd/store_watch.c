#include "store_tool.h"

#include "base/json.h"
#include "base/utf8.h"

/* --- slow ------------------------------------------------------------------ */

static void
show_number(struct buf *b, struct slice object, const char *key)
{
	struct slice value = json_get(object, key);

	buf_format(b, "%12.*s  ", (int)value.n, value.p ? value.p : "");
}

/* A line of numbers, and the statement cut to the rest of the line. */
static int
show_statement(void *arg, struct slice object, struct err *e)
{
	static const char *const keys[] = {"calls", "total_ms", "mean_ms", "max_ms", "rows"};
	enum { KEYS = sizeof(keys) / sizeof(*keys), SHOWN = 120 };
	struct tool *t = arg;
	struct buf *b = &t->cli->out.buf, scratch = {0};
	struct slice text;

	(void)e;
	if (!t->pretty) {
		buf_slice(b, object);
		out_line(&t->cli->out);
		return 0;
	}
	if (t->findings++ == 0) {
		for (size_t i = 0; i < KEYS; i++)
			buf_format(b, "%12s  ", keys[i]);
		buf_string(b, "query");
		out_line(&t->cli->out);
	}
	for (size_t i = 0; i < KEYS; i++)
		show_number(b, object, keys[i]);
	text = json_text(json_get(object, "query"), &scratch);
	for (size_t n = text.n = text.n < SHOWN ? text.n : SHOWN; n > 0 && (text.p[n - 1] & 0xc0) == 0x80; n--)
		text.n = n - 1;
	utf8_add_visible(b, text);
	buf_free(&scratch);
	out_line(&t->cli->out);
	return 0;
}

int
store_verb_slow(struct tool *t)
{
	int rc = tool_open(t, STORE_READ);

	return rc ? rc : store_slow(t->store, (size_t)t->s->limit, show_statement, t, &t->cli->err);
}

/* --- recall ---------------------------------------------------------------- */

static void
show_recall(struct slice object, struct buf *b)
{
	static const struct { const char *key, *text; } lines[] = {
		{"sample", "searches"}, {"k", "results of each"}, {"recall", "recall"}, {"kind", "index"},
		{"p50_ms", "with the index, p50 ms"}, {"p95_ms", "with the index, p95 ms"},
		{"exact_p50_ms", "exact, p50 ms"}, {"exact_p95_ms", "exact, p95 ms"},
	};
	size_t n = sizeof(lines) / sizeof(*lines);

	for (size_t i = 0; i < n; i++) {
		struct slice value = json_get(object, lines[i].key);
		buf_format(b, "%-24s%.*s", lines[i].text, (int)value.n, value.p ? value.p : "-");
		if (i + 1 < n)
			buf_byte(b, '\n');
	}
}

int
store_verb_recall(struct tool *t)
{
	struct recall_options o = {
		.sample = (size_t)t->s->sample, .k = (size_t)t->s->top,
		.ef_search = t->s->ef_search, .probes = t->s->probes,
	};
	struct buf json = {0}, *b = &t->cli->out.buf;
	int rc = tool_open(t, STORE_READ);

	if (rc == 0)
		rc = store_recall(t->store, &o, &json, &t->cli->err);
	if (rc == 0 && t->pretty) {
		show_recall(buf_as_slice(&json), b);
		out_line(&t->cli->out);
	} else if (rc == 0) {
		buf_add(b, json.data, json.len - 1); /* its brace comes with the names */
		tool_add_names(t, b);
		out_line(&t->cli->out);
	}
	buf_free(&json);
	return rc;
}

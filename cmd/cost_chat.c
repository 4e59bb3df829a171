/* Chats: the values of each message, and what the form adds. */
#include "cost_tool.h"

#include "base/json.h"
#include "base/num.h"

struct chat {
	struct tool *t;
	struct bpe_chat added;
	struct buf scratch;
	uint64_t messages;
	size_t tokens;
	int guessed; /* something in it is not text: its tokens are not known */
};

static void
add_text(struct chat *c, struct slice string)
{
	c->scratch.len = 0;
	c->tokens += counter_count(&c->t->counter, json_text(string, &c->scratch));
}

/* Parts of a content: text parts, and others, whose tokens cannot be counted. */
static void
add_parts(struct chat *c, struct slice parts)
{
	struct json_walk w = json_walk(parts);
	struct slice part, text;

	while (json_item(&w, &part)) {
		text = json_type(part) == JSON_OBJECT ? json_get(part, "text") : part;
		if (text.p != NULL && json_type(text) == JSON_STRING)
			add_text(c, text);
		else
			c->guessed = 1;
	}
}

static int
add_message(struct chat *c, struct slice message, struct err *e)
{
	struct json_walk w;
	struct slice key, value;

	if (json_type(message) != JSON_OBJECT || json_get(message, "role").p == NULL)
		return err_set(e, C1V_DATA, "message %llu: it has no role", (unsigned long long)c->messages + 1);
	w = json_walk(message);
	while (json_member(&w, &key, &value)) {
		enum json_type type = json_type(value);

		if (type == JSON_STRING) {
			add_text(c, value);
			c->tokens += json_key_is(key, "name") ? (size_t)c->added.name : 0;
		} else if (type == JSON_ARRAY && json_key_is(key, "content")) {
			add_parts(c, value);
		} else if (type != JSON_NULL) {
			c->tokens += counter_count(&c->t->counter, value);
			c->guessed = 1;
		}
	}
	c->tokens += (size_t)c->added.message;
	c->messages++;
	return 0;
}

static int
show(struct chat *c)
{
	struct out *out = &c->t->cli->out;
	struct buf *b = &out->buf;

	c->tokens += (size_t)c->added.reply;
	if (c->t->pretty) {
		buf_format(b, "%9zu  %llu message%s", c->tokens, (unsigned long long)c->messages,
		    c->messages == 1 ? "" : "s");
		return out_line(out);
	}
	buf_byte(b, '{');
	json_add_key(b, "tokens");
	num_add_int(b, (int64_t)c->tokens);
	json_add_key(b, "messages");
	num_add_int(b, (int64_t)c->messages);
	counter_add_names(&c->t->counter, b);
	if (c->guessed && c->t->counter.encoding != NULL)
		buf_string(b, ",\"estimated\":true");
	buf_byte(b, '}');
	return out_line(out);
}

static int
add_messages(struct chat *c, struct slice messages, struct err *e)
{
	struct json_walk w = json_walk(messages);
	struct slice message;
	int rc = 0;

	c->tokens = c->messages = 0;
	c->guessed = 0;
	while (rc == 0 && json_item(&w, &message)) {
		rc = add_message(c, message, e);
	}
	return rc == 0 ? show(c) : rc;
}

/* An array of messages, an object that has them as `messages` (what is sent to
 * the API), or one message of a chat that goes on: *open. */
static int
add_value(struct chat *c, struct slice value, int *open, struct err *e)
{
	struct slice messages = value;

	if (json_type(value) == JSON_OBJECT && json_get(value, "role").p != NULL) {
		if (!*open) {
			c->tokens = c->messages = 0;
			c->guessed = 0;
		}
		*open = 1;
		return add_message(c, value, e);
	}
	if (json_type(value) == JSON_OBJECT)
		messages = json_get(value, "messages");
	if (messages.p == NULL || json_type(messages) != JSON_ARRAY)
		return err_set(e, C1V_DATA, "it is no message, no array of messages and has no messages");
	if (*open) {
		*open = 0;
		show(c);
	}
	return add_messages(c, messages, e);
}

static int
each_line(struct chat *c, struct slice text, const char *path, struct rejects *rejects, struct err *e)
{
	struct line line = {.source = path != NULL ? path : "-"};
	int rc = 0, open = 0;

	for (const char *p = text.p, *end = text.p + text.n; rc == 0 && p < end;) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));
		struct err why = {0};
		struct slice value;

		if (stop == NULL)
			stop = end;
		line.text = (struct slice){p, (size_t)(stop - p)};
		line.number++;
		p = stop + 1;
		if (strspn(line.text.p, " \t\r") >= line.text.n)
			continue;
		rc = json_check(line.text, &value, &why);
		if (rc == 0 && (rc = add_value(c, value, &open, &why)) == 0)
			rejects->good++;
		if (rc == C1V_DATA)
			rc = rejects_add(rejects, &line, &why, e);
	}
	return rc == 0 && open ? show(c) : rc;
}

int
cost_chat(struct tool *t, const char *path, struct rejects *rejects)
{
	struct chat c = {.t = t, .added = bpe_chat_of_model(t->s->encoding != NULL ? "" : t->counter.model)};
	struct err *e = &t->cli->err, why = {0};
	struct buf text = {0};
	struct file f = {0};
	struct slice value;
	int rc = file_open(&f, path != NULL ? path : "-", (size_t)t->s->max_record, e), open = 0;

	if (rc == 0) {
		buf_slice(&text, f.text);
		buf_cstr(&text); /* a line that is the last ends before the NUL */
		if (json_check(buf_as_slice(&text), &value, &why) == 0) { /* one value, on any number of lines */
			rejects->good++;
			rc = add_value(&c, value, &open, e);
			if (rc == 0 && open)
				rc = show(&c);
			if (rc == C1V_DATA)
				err_prefix(e, "%s", path != NULL ? path : "-");
		} else {
			rc = each_line(&c, buf_as_slice(&text), path, rejects, e);
		}
	}
	file_close(&f);
	buf_free(&text);
	buf_free(&c.scratch);
	return rc;
}

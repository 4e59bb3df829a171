#include "watch/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/num.h"
#include "base/utf8.h"

/* What one message is made of; NULL: not there. */
struct message {
	enum log_level level;
	const char *text, *type, *members;
	const struct err *err; /* its code and hint */
};

/* Nothing can be done when stderr fails, so nothing is. */
static void
write_stderr(const char *p, size_t n)
{
	while (n) {
		ssize_t done = write(STDERR_FILENO, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return;
		p += done;
		n -= (size_t)done;
	}
}

static void
add_member(struct buf *b, const char *key, const char *text)
{
	struct buf visible = {0};

	utf8_add_visible(&visible, slice_of(text));
	json_add_key(b, key);
	json_add_string(b, buf_as_slice(&visible));
	buf_free(&visible);
}

static void
add_json(struct buf *b, const struct log *l, const struct message *m)
{
	static const char *const levels[] = {"debug", "info", "warn", "error"};
	const char *env = getenv("C1V_ENV"), *node = getenv("NODE_ENV");
	char now[32];

	clock_iso(clock_wall_ms(), now);
	if (env == NULL || *env == '\0')
		env = node != NULL && *node != '\0' ? node : "production";
	buf_byte(b, '{');
	add_member(b, "level", levels[m->level]);
	add_member(b, "time", now);
	add_member(b, "env", env);
	add_member(b, "service", "c1v");
	add_member(b, "tool", l->tool);
	if (m->type != NULL)
		add_member(b, "type", m->type);
	add_member(b, "msg", m->text);
	if (m->members != NULL && *m->members != '\0') {
		buf_byte(b, ',');
		buf_string(b, m->members);
	}
	if (m->err != NULL) {
		json_add_key(b, "code");
		num_add_int(b, m->err->code);
		if (m->err->hint[0] != '\0')
			add_member(b, "hint", m->err->hint);
	}
	buf_string(b, "}\n");
}

/* Members as " key=value". */
static void
add_plain_members(struct buf *b, const char *members)
{
	struct buf object = {0};
	struct slice key, value;
	struct json_walk w;

	buf_format(&object, "{%s}", members);
	w = json_walk(buf_as_slice(&object));
	while (json_member(&w, &key, &value)) {
		buf_byte(b, ' ');
		utf8_add_visible(b, key);
		buf_byte(b, '=');
		utf8_add_visible(b, value);
	}
	buf_free(&object);
}

static void
add_plain(struct buf *b, const struct log *l, const struct message *m)
{
	buf_format(b, "%s: ", l->tool);
	utf8_add_visible(b, slice_of(m->text));
	if (m->members != NULL)
		add_plain_members(b, m->members);
	buf_byte(b, '\n');
	if (m->err != NULL && m->err->hint[0] != '\0') {
		buf_string(b, "hint: ");
		utf8_add_visible(b, slice_of(m->err->hint));
		buf_byte(b, '\n');
	}
}

static void
log_message(struct log *l, const struct message *m)
{
	struct buf b = {0};

	if (m->level < l->level || m->level >= LOG_SILENT)
		return;
	if (l->progress_shown)
		buf_string(&b, "\r\033[K");
	l->progress_shown = 0;
	if (l->json)
		add_json(&b, l, m);
	else
		add_plain(&b, l, m);
	write_stderr(b.data, b.len);
	buf_free(&b);
}

void
log_say(struct log *l, enum log_level level, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_message(l, &(struct message){.level = level, .text = text});
}

void
log_err(struct log *l, const struct err *e)
{
	log_message(l, &(struct message){.level = LOG_ERROR, .text = e->text, .err = e});
}

void
log_warn_err(struct log *l, const struct err *e)
{
	log_message(l, &(struct message){.level = LOG_WARN, .text = e->text, .err = e});
}

void
log_event(struct log *l, enum log_level level, const char *type, const char *members,
    const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_message(l, &(struct message){level, text, type, members, NULL});
}

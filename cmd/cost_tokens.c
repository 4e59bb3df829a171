#include "cost_tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/num.h"
#include "base/utf8.h"

enum { BLOCK = 1 << 20 }; /* read at a time from what cannot be mapped */
enum input_type { TYPE_TEXT, TYPE_NDJSON };

/* --- counting ------------------------------------------------------------------- */

size_t
counter_count(struct counter *c, struct slice text)
{
	if (c->bpe == NULL)
		return bpe_estimate(text);
	if (!c->special)
		return bpe_count(c->bpe, text);
	c->ids.count = 0;
	bpe_encode_special(c->bpe, text, &c->ids);
	return c->ids.count;
}

static void
counter_encode(struct counter *c, struct slice text)
{
	c->ids.count = 0;
	if (c->special)
		bpe_encode_special(c->bpe, text, &c->ids);
	else
		bpe_encode(c->bpe, text, &c->ids);
}

void
counter_add_names(const struct counter *c, struct buf *b)
{
	if (c->model != NULL) {
		json_add_key(b, "model");
		json_add_string(b, slice_of(c->model));
	}
	if (c->encoding != NULL) {
		json_add_key(b, "encoding");
		json_add_string(b, slice_of(c->encoding));
	} else {
		buf_string(b, ",\"estimated\":true");
	}
}

#define DEFAULT_MODEL "text-embedding-3-small"

static int
set_counter(struct tool *t)
{
	const struct settings *s = t->s;
	struct counter *c = &t->counter;
	const char *model = s->model ? s->model : DEFAULT_MODEL;
	struct err *e = &t->cli->err;

	c->special = s->special;
	c->encoding = s->encoding;
	if (s->encoding == NULL) {
		if (utf8_valid(model, strlen(model)) != strlen(model))
			return cli_usage(t->cli, "--model: not valid UTF-8");
		c->model = model;
		c->encoding = bpe_encoding_of_model(model);
	}
	if (c->encoding != NULL)
		return bpe_open_encoding(&c->bpe, c->encoding, cli_share(&t->arena, NULL), e);
	if (s->ids || s->decode || s->special) {
		err_set(e, C1V_CONFIG, "model %s: its tokens are not known", model);
		return err_hint(e, "--encoding names one of cl100k_base and o200k_base");
	}
	log_say(&t->cli->log, LOG_WARN, "model %s is not known: its tokens are estimated", model);
	return 0;
}

/* --- plain text ----------------------------------------------------------------- */

/* What a run works with. */
struct run {
	struct tool *t;
	struct rejects rejects;
	struct buf text, more;   /* text: what is read; more: JSON that is being made */
	uint64_t tokens, bytes;  /* of the input at hand */
	uint64_t all_tokens, all_bytes;
	int first;               /* no id was written yet */
};

static int
add_ids(struct run *r)
{
	const struct bpe_ids *ids = &r->t->counter.ids;
	struct out *out = &r->t->cli->out;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ids->count; i++) {
		if (!r->first)
			buf_byte(&out->buf, ',');
		r->first = 0;
		num_add_int(&out->buf, ids->items[i]);
		if (i % 4096 == 4095)
			rc = out_more(out);
	}
	return rc;
}

static int
count_part(struct run *r, struct slice text)
{
	r->bytes += text.n;
	if (!r->t->s->ids) {
		r->tokens += counter_count(&r->t->counter, text);
		return 0;
	}
	counter_encode(&r->t->counter, text);
	r->tokens += r->t->counter.ids.count;
	return add_ids(r);
}

/* A part of the text at a time, up to where the tokens of the rest do not
 * depend on it. A special token has no white space in it, so it is in one part. */
static int
count_stream(struct run *r, int fd, const char *name, struct err *e)
{
	struct buf *b = &r->text;
	size_t part, enough = BLOCK;
	ssize_t n;
	int rc = 0;

	for (b->len = 0; rc == 0;) {
		n = read(fd, buf_reserve(b, BLOCK), BLOCK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, C1V_IO, "cannot read %s", name);
		if (n == 0)
			return b->len ? count_part(r, buf_as_slice(b)) : 0;
		b->len += (size_t)n;
		if (b->len < enough)
			continue;
		if ((part = bpe_safe_end(buf_as_slice(b))) == 0) {
			enough = 2 * b->len;
			continue;
		}
		enough = BLOCK;
		rc = count_part(r, (struct slice){b->data, part});
		memmove(b->data, b->data + part, b->len - part);
		b->len -= part;
	}
	return rc;
}

static int
count_file(struct run *r, const char *path, struct err *e)
{
	struct file f = {0};
	struct stat st;
	int fd = STDIN_FILENO, rc;

	if (path != NULL && strcmp(path, "-") != 0) {
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (fd < 0)
			return err_sys(e, C1V_IO, "cannot open %s", path);
	}
	if (fd != STDIN_FILENO && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > BLOCK) {
		rc = file_open(&f, path, (size_t)-1, e);
		if (rc == 0)
			rc = count_part(r, f.text);
		file_close(&f);
	} else {
		rc = count_stream(r, fd, fd == STDIN_FILENO ? "standard input" : path, e);
	}
	if (fd != STDIN_FILENO)
		close(fd);
	return rc;
}

/* Like wc: the number, then the name; or a record. name NULL: the total. */
static int
show(struct run *r, const char *name, int is_total)
{
	const struct counter *c = &r->t->counter;
	struct buf *b = &r->t->cli->out.buf;
	uint64_t tokens = is_total ? r->all_tokens : r->tokens, bytes = is_total ? r->all_bytes : r->bytes;

	if (r->t->pretty) {
		buf_format(b, "%s%9llu", c->encoding == NULL ? "~" : "", (unsigned long long)tokens);
		if (name != NULL) {
			buf_byte(b, ' ');
			utf8_add_visible(b, slice_of(name));
		}
		return out_line(&r->t->cli->out);
	}
	buf_byte(b, '{');
	if (is_total) {
		buf_string(b, "\"total\":true");
	} else if (name != NULL && utf8_valid(name, strlen(name)) == strlen(name)) {
		json_add_key(b, "source");
		json_add_string(b, slice_of(name));
	}
	json_add_key(b, "tokens");
	num_add_int(b, (int64_t)tokens);
	json_add_key(b, "bytes");
	num_add_int(b, (int64_t)bytes);
	counter_add_names(c, b);
	buf_byte(b, '}');
	return out_line(&r->t->cli->out);
}

static int
count_text(struct run *r, const char *path, struct err *e)
{
	struct buf *b = &r->t->cli->out.buf;
	int rc;

	r->tokens = r->bytes = 0;
	r->first = 1;
	if (r->t->s->ids)
		buf_byte(b, '[');
	if ((rc = count_file(r, path, e)) != 0)
		return rc;
	r->all_tokens += r->tokens;
	r->all_bytes += r->bytes;
	r->rejects.good++;
	if (!r->t->s->ids)
		return show(r, path, 0);
	buf_byte(b, ']');
	return out_line(&r->t->cli->out);
}

/* --- records --------------------------------------------------------------------- */

static int
count_record(struct run *r, const struct line *line, struct err *why)
{
	struct counter *c = &r->t->counter;
	struct out *out = &r->t->cli->out;
	struct edit edits[2] = {{.key = "tokens"}, {.key = "estimated"}};
	struct slice text;
	struct record rec;
	int has;

	if (line->too_long)
		return err_set(why, C1V_DATA, "longer than %lld bytes", (long long)r->t->s->max_record);
	if (record_scan(line->text, &rec, why) != 0)
		return why->code;
	r->text.len = r->more.len = 0;
	has = record_text(rec.content, "content", &r->text, &text, why);
	if (has < 0)
		return why->code;
	if (has == 0)
		return err_set(why, C1V_DATA, "it has no content");
	r->rejects.good++;
	if (r->t->s->ids) {
		r->first = 1;
		buf_byte(&out->buf, '[');
		counter_encode(c, text);
		add_ids(r);
		buf_byte(&out->buf, ']');
		return out_line(out);
	}
	num_add_int(&r->more, (int64_t)counter_count(c, text));
	edits[0].value = buf_as_slice(&r->more);
	if (c->encoding == NULL)
		edits[1].value = SLICE("true");
	record_add_edited(&out->buf, &rec, edits, c->encoding == NULL ? 2 : 1);
	return out_line(out);
}

/* A line of tokens, as an array or as numbers; their text goes out as it is. */
static int
decode_line(struct run *r, const struct line *line, struct err *why)
{
	struct out *out = &r->t->cli->out;
	const char *p = line->text.p, *end = p + line->text.n;
	struct slice number, text;
	int64_t id;

	if (line->too_long)
		return err_set(why, C1V_DATA, "longer than %lld bytes", (long long)r->t->s->max_record);
	r->text.len = 0;
	while (p < end) {
		if (strchr("[], \t", *p) != NULL && *p != '\0') {
			p++;
			continue;
		}
		for (number.p = p; p < end && *p >= '0' && *p <= '9'; p++) {
		}
		number.n = (size_t)(p - number.p);
		if (number.n == 0 || num_int(number, 0, UINT32_MAX, &id, "a token", why) != 0)
			return err_set(why, C1V_DATA, "it is not a list of tokens");
		text = bpe_token(r->t->counter.bpe, (uint32_t)id);
		if (text.p == NULL)
			return err_set(why, C1V_DATA, "%s has no token %lld", r->t->counter.encoding, (long long)id);
		buf_slice(&r->text, text);
	}
	r->rejects.good++;
	buf_slice(&out->buf, buf_as_slice(&r->text));
	return out_more(out);
}

static int
flush_when_idle(void *arg, struct err *e)
{
	return out_flush(arg, e);
}

static int
each_line(struct run *r, const char *path, struct err *e)
{
	struct input_options o = {
		.paths = &path, .path_count = path != NULL, .max_line = (size_t)r->t->s->max_record
	};
	struct input *in = input_open(&o);
	struct line line;
	int rc = 0, more;

	input_on_idle(in, flush_when_idle, &r->t->cli->out);
	while (rc == 0 && (more = input_line(in, &line, e)) != 0) {
		struct err why = {0};

		if (more < 0)
			rc = e->code;
		else
			rc = r->t->s->decode ? decode_line(r, &line, &why) : count_record(r, &line, &why);
		if (rc == C1V_DATA && more > 0)
			rc = rejects_add(&r->rejects, &line, &why, e);
	}
	input_close(in);
	return rc;
}

/* --- the verb ---------------------------------------------------------------------- */

static int
ends_in(const char *path, const char *ending)
{
	size_t n = strlen(path), m = strlen(ending);

	return n >= m && strcasecmp(path + n - m, ending) == 0;
}

static int
is_records(const struct tool *t, const char *path)
{
	if (t->s->type >= 0)
		return t->s->type == TYPE_NDJSON;
	return path != NULL && (ends_in(path, ".ndjson") || ends_in(path, ".jsonl"));
}

static int
one_input(struct run *r, const char *path, struct err *e)
{
	if (r->t->s->chat)
		return cost_chat(r->t, path, &r->rejects);
	return r->t->s->decode || is_records(r->t, path) ? each_line(r, path, e) : count_text(r, path, e);
}

static int
all_inputs(struct run *r, struct err *e)
{
	const struct tool *t = r->t;
	int rc = 0, texts = 0;

	if (t->word_count == 0)
		rc = one_input(r, NULL, e);
	for (size_t i = 0; rc == 0 && i < t->word_count; i++) {
		rc = one_input(r, t->words[i], e);
		texts += !t->s->chat && !t->s->decode && !t->s->ids && !is_records(t, t->words[i]);
	}
	if (rc == 0 && texts > 1)
		rc = show(r, t->pretty ? "total" : NULL, 1);
	return rc;
}

int
cost_verb_tokens(struct tool *t)
{
	struct run r = {.t = t};
	struct err *e = &t->cli->err;
	int rc = set_counter(t);

	if (rc == 0 && (rc = rejects_apart(t->s->rejects, t->words, t->word_count, e)) == 0 &&
	    (rc = rejects_open(&r.rejects, &t->cli->log, t->s->rejects, t->s->strict, e)) == 0) {
		rc = all_inputs(&r, e);
		if (rc == C1V_IO && t->cli->out.failed)
			rc = out_flush(&t->cli->out, e);
		else if (rc == 0)
			rc = rejects_close(&r.rejects, e);
		else
			rejects_close(&r.rejects, NULL);
	}
	buf_free(&r.text);
	buf_free(&r.more);
	return rc;
}

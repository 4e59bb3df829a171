#include "upstash.h"

#include <stdlib.h>
#include <strings.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/num.h"
#include "base/utf8.h"

/* How strings come. */
enum encoding { PLAIN, BASE64, UNASKED };

struct reader {
	struct upstash *u;
	enum encoding encoding;
	struct buf scratch;
	struct err *e;
};

static int
nonsense(struct reader *r, const char *why)
{
	return err_set(r->e, C1V_PROTOCOL, "%s: answered nonsense: %s", r->u->base.name, why);
}

/* --- values ------------------------------------------------------------------------- */

static struct slice
text_of(struct reader *r, struct slice value)
{
	r->scratch.len = 0;
	return json_text(value, &r->scratch);
}

static void
keep(struct reader *r, struct redis_reply *out, enum redis_type type, struct slice text)
{
	out->type = type;
	out->text = (struct slice){arena_bytes(&r->u->arena, text.p, text.n), text.n};
}

/* What was not UTF-8 has become U+FFFD: the value is not what is there. */
static void
keep_plain(struct reader *r, struct redis_reply *out, struct slice text)
{
	if (memmem(text.p, text.n, "\xef\xbf\xbd", 3) != NULL)
		keep(r, out, REDIS_ERROR, SLICE("ERR the value is not text, and the server does not send base64"));
	else
		keep(r, out, REDIS_STRING, text);
}

static int
read_string(struct reader *r, struct slice value, struct redis_reply *out, int status)
{
	struct slice text = text_of(r, value);
	unsigned char *bytes;
	size_t n;

	/* OK is never encoded; an "OK" that was stored is, or is read by a command that reads. */
	if (slice_is(text, "OK") && (status || r->encoding == BASE64)) {
		keep(r, out, REDIS_STATUS, text);
		return 0;
	}
	if (r->encoding == UNASKED)
		return nonsense(r, "a text from a command that has none to give");
	if (r->encoding == PLAIN) {
		keep_plain(r, out, text);
		return 0;
	}
	bytes = arena_alloc(&r->u->arena, base64_room(text.n));
	if (!base64_decode(text, bytes, &n))
		return nonsense(r, "a text that is not base64");
	out->type = REDIS_STRING;
	out->text = (struct slice){(const char *)bytes, n};
	return 0;
}

static int
read_number(struct reader *r, struct slice value, struct redis_reply *out)
{
	if (num_json_int(value, &out->integer))
		out->type = REDIS_INTEGER;
	else
		keep(r, out, REDIS_STRING, value);
	return 0;
}

static int read_array(struct reader *r, struct slice value, struct redis_reply *out);

static int
read_value(struct reader *r, struct slice value, struct redis_reply *out, int status)
{
	if (++r->u->items > ANSWER_ITEMS)
		return nonsense(r, "too many values");
	memset(out, 0, sizeof(*out));
	switch (json_type(value)) {
	case JSON_NULL:
		out->type = REDIS_NIL;
		return 0;
	case JSON_FALSE:
	case JSON_TRUE:
		out->type = REDIS_INTEGER;
		out->integer = json_type(value) == JSON_TRUE;
		return 0;
	case JSON_NUMBER:
		return read_number(r, value, out);
	case JSON_STRING:
		return read_string(r, value, out, status);
	case JSON_ARRAY:
		return read_array(r, value, out);
	default:
		return nonsense(r, "an object as a value");
	}
}

/* As deep as json_check() lets it be. */
static int
read_array(struct reader *r, struct slice value, struct redis_reply *out)
{
	struct json_walk w = json_walk(value);
	struct redis_reply *items;
	struct slice item;
	size_t n = 0;

	while (json_item(&w, &item))
		n++;
	if (n > ANSWER_ITEMS - r->u->items)
		return nonsense(r, "too many values");
	items = arena_alloc(&r->u->arena, n * sizeof(*items));
	*out = (struct redis_reply){.type = REDIS_ARRAY, .items = items, .count = n};
	w = json_walk(value);
	for (size_t i = 0; i < n && json_item(&w, &item); i++)
		if (read_value(r, item, &items[i], 0) != 0)
			return r->e->code;
	return 0;
}

/* --- answers ------------------------------------------------------------------------ */

/* {"result":…} or {"error":"…"} */
static int
read_answer(struct reader *r, struct slice answer, struct redis_reply *out, int status)
{
	struct slice result, error;

	if (json_type(answer) != JSON_OBJECT)
		return nonsense(r, "an answer that is no object");
	error = json_get(answer, "error");
	result = json_get(answer, "result");
	if (error.p != NULL && json_type(error) == JSON_STRING) {
		memset(out, 0, sizeof(*out));
		keep(r, out, REDIS_ERROR, text_of(r, error));
		return 0;
	}
	return result.p ? read_value(r, result, out, status) : nonsense(r, "an answer without a result");
}

/* Commands that read a value answer with what is stored, an "OK" too. */
static int
may_be_status(const struct redis_command *c)
{
	static const char *const reading[] = {"GET", "GETEX", "GETDEL", "GETSET", "GETRANGE", "HGET", "LINDEX",
	    "LPOP", "RPOP", "SPOP", "ECHO", "EVAL", "EVALSHA", "RANDOMKEY"};

	for (size_t i = 0; i < sizeof(reading) / sizeof(*reading); i++)
		if (c->args[0].n == strlen(reading[i]) && strncasecmp(c->args[0].p, reading[i], c->args[0].n) == 0)
			return 0;
	return 1;
}

/* How was the ECHO answered? */
static int
read_probe(struct reader *r, struct slice answer)
{
	struct redis_reply reply;
	struct buf encoded = {0};

	r->encoding = PLAIN;
	if (read_answer(r, answer, &reply, 0) != 0)
		return r->e->code;
	if (reply.type == REDIS_ERROR)
		return redis_refusal(&r->u->base, &reply, r->e);
	base64_add(&encoded, UPSTASH_PROBE, strlen(UPSTASH_PROBE));
	if (slice_equal(reply.text, buf_as_slice(&encoded)))
		r->encoding = BASE64;
	else if (!slice_is(reply.text, UPSTASH_PROBE))
		nonsense(r, "an ECHO of something else");
	buf_free(&encoded);
	return r->e->code;
}

static int
read_pipeline(struct reader *r, struct slice text, const struct part *p, const struct redis_command *commands,
    struct redis_reply *replies)
{
	struct json_walk w;
	struct slice answer;
	size_t n = 0;

	for (w = json_walk(text); json_item(&w, &answer);)
		n++;
	if (n != p->count + (size_t)p->probed)
		return nonsense(r, n < p->count ? "too few answers" : "too many answers");
	w = json_walk(text);
	if (p->probed && json_item(&w, &answer) && read_probe(r, answer) != 0)
		return r->e->code;
	for (size_t i = p->first; json_item(&w, &answer); i++)
		if (read_answer(r, answer, &replies[i], may_be_status(&commands[i])) != 0)
			return r->e->code;
	return 0;
}

/* --- statuses ----------------------------------------------------------------------- */

/* The server's words, made harmless, without the token if it should repeat that. "" when there are none. */
static void
words_of(struct reader *r, struct slice value, char words[200])
{
	struct slice error = json_type(value) == JSON_OBJECT ? json_get(value, "error") : SLICE_NONE;
	struct buf seen = {0};

	words[0] = '\0';
	if (error.p == NULL || json_type(error) != JSON_STRING)
		return;
	utf8_add_visible(&seen, text_of(r, error));
	if (seen.len > 0 && memmem(seen.data, seen.len, r->u->token, strlen(r->u->token)) == NULL) {
		if (seen.len > 196)
			seen.len = utf8_valid(seen.data, 196);
		memcpy(words, seen.data, seen.len);
		words[seen.len] = '\0';
	}
	buf_free(&seen);
}

static int
code_of(int status, const char *words)
{
	if (status == 401 || status == 403)
		return C1V_CREDENTIALS;
	if (status == 408 || status == 429 || status >= 500 || strstr(words, "limit exceeded") != NULL)
		return C1V_AGAIN;
	return C1V_PROTOCOL;
}

static int
refused(struct reader *r, const struct part *p, struct slice value, struct redis_reply *replies)
{
	char words[200];
	int code;

	words_of(r, value, words);
	code = code_of(p->call.status, words);
	/* One command alone: it is what was refused. */
	if (code == C1V_PROTOCOL && p->call.status == 400 && p->count == 1 && words[0] != '\0') {
		memset(&replies[p->first], 0, sizeof(*replies));
		keep(r, &replies[p->first], REDIS_ERROR, slice_of(words));
		return 0;
	}
	err_set(r->e, code, "%s: HTTP %d%s%s", r->u->base.name, p->call.status, words[0] ? ": " : "", words);
	if (code == C1V_CREDENTIALS)
		err_hint(r->e, "the token is UPSTASH_REDIS_REST_TOKEN or KV_REST_API_TOKEN");
	return r->e->code;
}

static int
failed(struct reader *r, const struct http_call *c)
{
	static const int codes[] = {
		[HTTP_LOST] = C1V_AGAIN, [HTTP_HANDSHAKE] = C1V_AGAIN, [HTTP_TLS] = C1V_CREDENTIALS,
		[HTTP_FORBIDDEN] = C1V_CONFIG, [HTTP_LARGE] = C1V_PROTOCOL, [HTTP_BROKEN] = C1V_PROTOCOL,
	};

	return err_set(r->e, codes[c->failure], "%s: %s", r->u->base.name, c->why);
}

static int
read_body(struct reader *r, const struct part *p, const struct redis_command *commands, struct redis_reply *replies)
{
	struct slice value = SLICE_NONE;
	struct err why = {0};
	int valid = json_check(buf_as_slice(&p->call.answer), &value, &why) == 0;

	if (p->call.status != 200)
		return refused(r, p, valid ? value : SLICE("null"), replies);
	if (!valid)
		return nonsense(r, why.text);
	if (p->body.len == 0)
		return read_answer(r, value, &replies[p->first], 1);
	if (json_type(value) == JSON_ARRAY)
		return read_pipeline(r, value, p, commands, replies);
	return json_type(value) == JSON_OBJECT ? refused(r, p, value, replies) : nonsense(r, "no array of answers");
}

int
answer_read(struct upstash *u, const struct part *p, const struct redis_command *commands,
    struct redis_reply *replies, struct err *e)
{
	struct err own = {0};
	struct reader r = {.u = u, .encoding = UNASKED, .e = e ? e : &own};
	int rc;

	r.e->code = 0;
	rc = p->call.failure != HTTP_ANSWERED ? failed(&r, &p->call) : read_body(&r, p, commands, replies);
	buf_free(&r.scratch);
	return rc;
}

#include "remote.h"

#include <stdio.h>
#include <stdlib.h>

#include "answer.h"
#include "base/clock.h"

enum { VAIN_MAX = 16 }; /* single texts refused before anything succeeded: it is not the texts */

static uint32_t
next_random(struct remote *m)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 17;
	m->random ^= m->random << 5;
	return m->random;
}

/* Is the key in a text, or its beginning where the text was cut off? Of less than four letters it is
 * none, but what local servers are given. */
static int
shows_key(const struct remote *m, const char *text)
{
	size_t n = strlen(text), key = m->key ? strlen(m->key) : 0;

	if (key < 4)
		return 0;
	if (strstr(text, m->key) != NULL)
		return 1;
	for (; key > 3; key--)
		if (key <= n && memcmp(text + n - key, m->key, key) == 0)
			return 1;
	return 0;
}

/* The reason that the server gave, as it may be shown: without the key, whatever is repeated. */
static const char *
said(const struct remote *m, const struct answer_error *a)
{
	const char *text = a->message[0] ? a->message : a->code[0] ? a->code : a->type;

	return text[0] == '\0' ? "no reason given" : shows_key(m, text) ? "(a reason that is not shown)" : text;
}

static int
is(const struct answer_error *a, const char *word)
{
	return strcmp(a->code, word) == 0 || strcmp(a->type, word) == 0;
}

/* --- going on --------------------------------------------------------------- */

/* Additive increase, multiplicative decrease: once for all that were in flight together, which
 * tell of the same crowd. */
static void
slow_down(struct remote *m, const struct request *r)
{
	if (r->sent_at < m->slowed)
		return;
	m->slowed = clock_mono_ns();
	m->window = m->window / 2 < 1 ? 1 : m->window / 2;
}

static void
speed_up(struct remote *m)
{
	m->window += 1 / m->window;
	if (m->window > (double)m->o.concurrency)
		m->window = (double)m->o.concurrency;
}

static void
pause_for(struct remote *m, int64_t ms)
{
	int64_t until = clock_mono_ns() + (ms < RETRY_WAIT_MAX ? ms : RETRY_WAIT_MAX) * 1000000;

	if (until > m->pause)
		m->pause = until;
}

/* No more in flight than is left of a limit; when nothing is left, wait until it is new. */
static void
heed_limits(struct remote *m, const struct retry_hints *h, int64_t tokens)
{
	if (h->remaining_requests > 0 && (double)h->remaining_requests < m->window)
		m->window = (double)h->remaining_requests;
	if (h->remaining_requests == 0 && h->reset_requests_ms > 0)
		pause_for(m, h->reset_requests_ms);
	if (h->remaining_tokens >= 0 && h->remaining_tokens < tokens && h->reset_tokens_ms > 0)
		pause_for(m, h->reset_tokens_ms);
}

/* The server has too much to do: slower, and nothing at all for as long as it asks for. */
static void
ease(struct remote *m, const struct request *r, int64_t ms)
{
	const struct http_call *c = &r->call;

	if (c->failure != HTTP_ANSWERED || (c->status != 429 && c->status != 503 && c->status != 529))
		return;
	slow_down(m, r);
	if (c->status == 429 || c->hints.wait_ms >= 0 || c->hints.after_ms >= 0)
		pause_for(m, ms);
}

/* The circuit: does the server answer well, apart from this request? Other answers came since it
 * failed first, and of the last requests more were answered than failed. */
static int
is_well(const struct remote *m, const struct request *r)
{
	int lately = m->answers < 32 ? (int)m->answers : 32;

	return m->successes > r->since && 2 * __builtin_popcount(m->lately) < lately;
}

static void
note_answer(struct remote *m, int failed)
{
	m->lately = m->lately << 1 | (uint32_t)failed;
	m->answers++;
}

static int bisect(struct remote *m, struct request *r, const char *why, struct err *e);

static int
again(struct remote *m, struct request *r, const char *why, int code, struct err *e)
{
	int64_t ms = retry_wait_ms(&r->call.hints, ++r->tries, next_random(m));

	if (r->tries == 1) {
		note_answer(m, 1);
		r->since = m->successes;
	}
	if (ms < 0) {
		err_set(e, C1V_AGAIN, "the API asks to wait for longer than %d s: %s", RETRY_WAIT_MAX / 1000, why);
		return err_hint(e, "run it again later");
	}
	r->not_before = clock_mono_ns() + ms * 1000000;
	ease(m, r, ms);
	if (r->tries > m->o.retries && is_well(m, r))
		return bisect(m, r, why, e);
	if (r->tries > m->o.retries) {
		err_set(e, code, "the API failed %d time%s: %s", r->tries, r->tries == 1 ? "" : "s", why);
		return err_hint(e, "run it again later");
	}
	m->base.totals.retries++;
	request_queue(m, r);
	return 0;
}

static void
queue_part(struct remote *m, const struct request *r, size_t first, size_t count)
{
	struct request *part = request_new(r->work, first, count);

	if (r->tries > m->o.retries) { /* not as often again, and others first */
		part->tries = (int)m->o.retries / 2;
		part->since = m->successes;
		part->not_before = r->not_before;
		request_queue(m, part);
	} else {
		request_queue_first(m, part);
	}
}

/* The texts are refused, or only these fail: half of them each, until the bad one stands alone. */
static int
bisect(struct remote *m, struct request *r, const char *why, struct err *e)
{
	struct unit *u = &r->work->units[r->first];

	if (r->count > 1) {
		size_t half = r->count / 2;

		queue_part(m, r, r->first + half, r->count - half);
		queue_part(m, r, r->first, half);
	} else {
		u->done = EMBED_REFUSED;
		u->why = arena_format(&r->work->job->arena, "the API refuses the text: %s", why);
		r->work->left--;
		m->base.totals.refused++;
		if (m->successes == 0 && ++m->refused_in_vain >= VAIN_MAX)
			return err_set(e, C1V_DATA, "the API refuses every text: %s", why);
	}
	request_free(r);
	return 0;
}

/* --- answers ---------------------------------------------------------------- */

static int
succeed(struct remote *m, struct request *r, struct err *e)
{
	struct embed_job *job = r->work->job;
	struct answer_place to = {&job->vectors, &job->vector_room, r->first, r->count, r->work->count};
	size_t dims = m->base.dims;
	int64_t tokens;
	int rc = answer_vectors(buf_as_slice(&r->call.answer), &to, &dims, &tokens, e);

	if (rc == C1V_PROTOCOL && m->base.recalls && dims != 0 && m->o.dims == 0 && m->successes == 0)
		return err_hint(e, "if the model is another than when the cache was filled, --refresh asks anew");
	if (rc != 0)
		return rc;
	if (tokens < 0)
		tokens = r->tokens;
	m->base.dims = dims;
	m->successes++;
	note_answer(m, 0);
	m->base.totals.tokens += tokens;
	if (m->o.spend.spent != NULL) {
		struct embed_usage used = {r->call.request_id, tokens, (int64_t)r->count};
		m->o.spend.spent(m->o.spend.arg, r->hold, &used);
		r->reserved = 0;
	}
	for (size_t i = 0; i < r->count; i++)
		r->work->units[r->first + i].done = EMBED_VECTOR;
	r->work->left -= r->count;
	speed_up(m);
	heed_limits(m, &r->call.hints, r->tokens);
	request_free(r);
	return 0;
}

static int
no_answer(struct remote *m, struct request *r, struct err *e)
{
	const struct http_call *c = &r->call;

	switch (c->failure) {
	case HTTP_TLS:
		err_set(e, C1V_CREDENTIALS, "the API's certificate is not trusted: %s", c->why);
		return err_hint(e, "nothing was sent to it; SSL_CERT_FILE names a file of authorities");
	case HTTP_FORBIDDEN:
		err_set(e, C1V_CONFIG, "the API is not asked: %s", c->why);
		if (strncmp(c->why, "the proxy", 9) == 0)
			return err_hint(e, "it is taken from HTTPS_PROXY; NO_PROXY names hosts that need none");
		return err_hint(e, "plain http is for this machine alone, or with --insecure-http; "
		    "link-local and metadata addresses are always refused");
	case HTTP_LARGE:
	case HTTP_BROKEN:
		return err_set(e, C1V_PROTOCOL, "the API's answer: %s", c->why);
	case HTTP_HANDSHAKE:
		return again(m, r, c->why, C1V_CREDENTIALS, e);
	default: /* cut short in the middle of an answer, or no answer at all */
		return again(m, r, c->why, c->status == 200 ? C1V_PROTOCOL : C1V_AGAIN, e);
	}
}

/* Servers that say with status 400 what others say with 401 and 404. */
static int
about_key(int status, const struct answer_error *a)
{
	return status == 401 || status == 403 || (status == 400 && (is(a, "invalid_api_key") ||
	    is(a, "no_db_connection") || strstr(a->message, "API key not valid") != NULL));
}

static int
about_model(int status, const struct answer_error *a)
{
	return status == 404 || (status == 400 && (is(a, "model_not_found") || is(a, "invalid_model") ||
	    strstr(a->message, "nvalid model name") != NULL));
}

static int
for_good(const struct remote *m, int status, const struct answer_error *a, struct err *e)
{
	const char *why = said(m, a);

	if (about_key(status, a)) {
		err_set(e, C1V_CREDENTIALS, "the API does not accept the key (status %d): %s", status, why);
		return err_hint(e, "the key is taken from OPENAI_API_KEY");
	}
	if (about_model(status, a))
		return err_set(e, C1V_CONFIG, "the API does not know the model, or the base is wrong: %s", why);
	if (status >= 300 && status < 400) {
		err_set(e, C1V_PROTOCOL, "the API redirects (status %d), which is not followed", status);
		return err_hint(e, "name the right place with --api-base");
	}
	return err_set(e, status < 200 ? C1V_PROTOCOL : C1V_UNAVAILABLE, "the API answers with status %d: %s",
	    status, why);
}

/* Is it the texts that a server refuses? */
static int
about_texts(int status, const struct answer_error *a)
{
	return status == 400 || status == 413 || status == 422 ||
	    (status == 500 && (strstr(a->message, "too large to process") || strstr(a->message, "is too large")));
}

static int
refused(struct remote *m, struct request *r, struct err *e)
{
	struct http_call *c = &r->call;
	struct answer_error a;
	char why[sizeof(a.message) + 40];

	answer_error(buf_as_slice(&c->answer), &a);
	if (is(&a, "insufficient_quota") || c->status == 402)
		return err_set(e, C1V_UNAVAILABLE, "the API's quota is used up: %s", said(m, &a));
	snprintf(why, sizeof(why), "status %d: %s", c->status, said(m, &a));
	if (r->base64 && (c->status == 400 || c->status == 422) && strstr(a.message, "encoding_format")) {
		m->base64 = 0;
		request_queue_first(m, r);
		return 0;
	}
	if (c->status == 400 && (about_key(400, &a) || about_model(400, &a)))
		return for_good(m, 400, &a, e);
	if (about_texts(c->status, &a) && c->hints.should != 1) {
		if (m->o.dims && (strstr(a.message, "dimensions") || strstr(a.message, "matryoshka")))
			return err_set(e, C1V_CONFIG, "the API refuses --dims: %s", said(m, &a));
		return bisect(m, r, why, e);
	}
	if (retry_status(c->status, &c->hints)) {
		heed_limits(m, &c->hints, r->tokens);
		return again(m, r, why, C1V_AGAIN, e);
	}
	return for_good(m, c->status, &a, e);
}

/* A server that repeats the key gets it into no message, file or ledger. */
static void
hide_key(const struct remote *m, struct http_call *c)
{
	if (shows_key(m, c->request_id))
		c->request_id[0] = '\0';
	if (shows_key(m, c->why))
		snprintf(c->why, sizeof(c->why), "(a reason that is not shown)");
}

int
judge(struct remote *m, struct request *r, struct err *e)
{
	int rc;

	hide_key(m, &r->call);
	if (r->call.failure != HTTP_ANSWERED)
		rc = no_answer(m, r, e);
	else if (r->call.status == 200)
		rc = succeed(m, r, e);
	else
		rc = refused(m, r, e);
	if (rc != 0) /* else it is freed, or waits again */
		request_free(r);
	return rc;
}

#include "remote.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/module.h"
#include "base/num.h"
#include "embed/tokens.h"

static const char default_base[] = "https://api.openai.com/v1";

enum { ANSWER_FIXED = 1 << 20, BYTES_PER_NUMBER = 40, DIMS_MOST = 16384, ANSWER_MOST = 512 << 20 };

/* --- requests --------------------------------------------------------------- */

struct request *
request_new(struct embed_work *w, size_t first, size_t count)
{
	struct request *r = mem_zero(1, sizeof(*r));

	r->work = w;
	r->first = first;
	r->count = count;
	for (size_t i = 0; i < count; i++)
		r->tokens += w->units[first + i].tokens;
	return r;
}

void
request_free(struct request *r)
{
	const struct embed_spend *payer = &r->work->remote->o.spend;

	if (r->reserved)
		payer->spent(payer->arg, r->hold, NULL);
	buf_free(&r->body);
	buf_free(&r->call.answer);
	free(r);
}

void
request_queue_first(struct remote *m, struct request *r)
{
	r->next = m->waiting;
	m->waiting = r;
}

void
request_queue(struct remote *m, struct request *r)
{
	struct request **at = &m->waiting;

	while (*at != NULL)
		at = &(*at)->next;
	r->next = NULL;
	*at = r;
}

/* The most that an answer may need: also one that is written a number to a line, indented. */
static size_t
body_cap(const struct remote *m, size_t inputs)
{
	size_t dims = m->base.dims ? m->base.dims : DIMS_MOST;
	size_t need = ANSWER_FIXED + inputs * dims * BYTES_PER_NUMBER;

	return need < ANSWER_MOST ? need : ANSWER_MOST;
}

static void
write_body(struct remote *m, struct request *r)
{
	struct buf *b = &r->body;

	b->len = 0;
	buf_string(b, "{\"model\":");
	json_add_string(b, slice_of(m->name));
	buf_string(b, ",\"input\":[");
	for (size_t i = 0; i < r->count; i++) {
		if (i)
			buf_byte(b, ',');
		json_add_string(b, r->work->units[r->first + i].text);
	}
	buf_byte(b, ']');
	if (m->base64)
		buf_string(b, ",\"encoding_format\":\"base64\"");
	if (m->o.dims) {
		buf_string(b, ",\"dimensions\":");
		num_add_int(b, m->o.dims);
	}
	buf_byte(b, '}');
	r->base64 = m->base64;
	r->call.body = buf_as_slice(b);
	r->call.max_body = body_cap(m, r->count);
	r->sent_at = clock_mono_ns();
}

/* Is there the money for a request? 1; 0: not now; -1: not at all. */
static int
afford(struct remote *m, struct request *r, struct err *e)
{
	const struct embed_spend *payer = &m->o.spend;

	if (r->reserved || payer->reserve == NULL)
		return 1;
	if (m->unpaid.code == 0 || m->unpaid.code == C1V_NO)
		m->unpaid.code = payer->reserve(payer->arg, r->tokens, &r->hold, &m->unpaid);
	r->reserved = m->unpaid.code == 0;
	if (r->reserved)
		return 1;
	*e = m->unpaid;
	return m->flying ? 0 : -1;
}

/* When the next request may be sent, so that no minute has more than was asked for. */
static void
keep_pace(struct remote *m, const struct request *r, int64_t now)
{
	double minutes = 0;

	if (m->o.rate_requests > 0)
		minutes = 1 / m->o.rate_requests;
	if (m->o.rate_tokens > 0)
		minutes = fmax(minutes, (double)r->tokens / m->o.rate_tokens);
	m->pace = now + (int64_t)(minutes * 60e9);
}

static int
send_request(struct remote *m, struct request *r, int64_t now, struct err *e)
{
	write_body(m, r);
	r->call.owner = r;
	r->next = m->sent;
	m->sent = r;
	m->flying++;
	m->base.totals.requests++;
	keep_pace(m, r, now);
	return http_start(m->http, &r->call, e);
}

/* Send what may be sent now. *next: when to look again (ns), or INT64_MAX. */
static int
pump(struct remote *m, int64_t *next, struct err *e)
{
	struct request **at = &m->waiting, *r;
	int64_t now = clock_mono_ns();
	int rc = 0, may;

	*next = INT64_MAX;
	while (rc == 0 && (r = *at) != NULL && m->flying < (size_t)m->window) {
		if (m->pause > now || m->pace > now) {
			*next = m->pause > m->pace ? m->pause : m->pace;
			return 0;
		}
		if (r->not_before > now) {
			if (r->not_before < *next)
				*next = r->not_before;
			at = &r->next;
			continue;
		}
		may = afford(m, r, e);
		if (may <= 0)
			return may < 0 ? e->code : 0;
		*at = r->next;
		rc = send_request(m, r, now, e);
	}
	return rc;
}

static void
land(struct remote *m, struct request *r)
{
	struct request **at = &m->sent;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	m->flying--;
}

/* Everything on its way is given up. */
static void
give_up(struct remote *m)
{
	struct request *r;

	while ((r = m->sent) != NULL) {
		m->sent = r->next;
		http_end(m->http, &r->call);
		request_free(r);
	}
	while ((r = m->waiting) != NULL) {
		m->waiting = r->next;
		request_free(r);
	}
	m->flying = 0;
}

/* One answer, at most `ms` waited for. */
static int
step(struct remote *m, int64_t ms, int *got, struct err *e)
{
	struct http_call *done;
	struct request *r;
	int64_t next, left;
	int rc = pump(m, &next, e);

	*got = 0;
	if (rc != 0)
		return rc;
	if (m->o.stop != NULL && m->o.stop())
		return err_set(e, C1V_AGAIN, "interrupted");
	left = next == INT64_MAX ? ms : (next - clock_mono_ns()) / 1000000 + 1;
	rc = http_wait(m->http, left < 0 ? 0 : left < ms ? left : ms, &done, e);
	if (rc != 0 || done == NULL)
		return rc;
	*got = 1;
	r = done->owner;
	land(m, r);
	http_end(m->http, done);
	rc = judge(m, r, e);
	return rc == 0 ? pump(m, &next, e) : rc;
}

static int
fail(struct remote *m, const struct err *e)
{
	m->failed = *e;
	give_up(m);
	return e->code;
}

/* --- jobs ------------------------------------------------------------------- */

static int open_http(struct remote *m, struct err *e);

/* Units [first, first + count) become a request, or in a dry run are counted as one. */
static void
add_request(struct remote *m, struct embed_work *w, size_t first, size_t count, int64_t tokens)
{
	const struct embed_spend *payer = &m->o.spend;
	struct embed_usage would = {"", tokens, (int64_t)count};

	if (m->o.dry_run) {
		if (payer->spent != NULL)
			payer->spent(payer->arg, NULL, &would);
		m->base.totals.requests++;
		m->base.totals.tokens += tokens;
		w->left -= count;
	} else {
		request_queue(m, request_new(w, first, count));
	}
}

static void
divide(struct remote *m, struct embed_work *w)
{
	size_t first = 0, i;
	int64_t tokens = 0;

	for (i = 0; i < w->count; i++) {
		if (i > first && (i - first >= (size_t)m->o.batch_inputs || tokens + w->units[i].tokens > m->o.batch_tokens)) {
			add_request(m, w, first, i - first, tokens);
			first = i;
			tokens = 0;
		}
		tokens += w->units[i].tokens;
	}
	if (i > first)
		add_request(m, w, first, i - first, tokens);
}

static int
remote_submit(struct embedder *base, struct embed_job *job, struct err *e)
{
	struct remote *m = (struct remote *)base;
	struct embed_work *w = job->work = work_new(m, job);
	int rc = 0, got = 1;

	if (m->failed.code != 0)
		return 0;
	if (w->count && m->http == NULL && !m->o.dry_run)
		rc = open_http(m, e);
	if (rc == 0)
		divide(m, w);
	while (rc == 0 && got && m->http != NULL)
		rc = step(m, 0, &got, e);
	if (rc != 0)
		fail(m, e); /* told by embed_wait() */
	return 0;
}

static int
remote_wait(struct embedder *base, struct embed_job *job, struct err *e)
{
	struct remote *m = (struct remote *)base;
	int rc = 0, got;

	while (m->failed.code == 0 && job->work->left > 0) {
		if (step(m, 1000, &got, e) != 0)
			fail(m, e);
	}
	if (job->work->left > 0) {
		rc = m->failed.code;
		*e = m->failed;
	}
	work_finish(m, job->work);
	job->work = NULL;
	return rc;
}

/* The texts for which known[i] is 0 yet. */
static int
ask_texts(struct embedder *base, enum embed_role role, const struct slice *texts, size_t count,
    float *out, uint8_t *known, struct err *e)
{
	struct slice *wanted = mem_alloc(count * sizeof(*wanted));
	struct embed_job job = {.role = role, .texts = wanted};
	size_t at = 0;
	int rc;

	for (size_t i = 0; i < count; i++) {
		if (!known[i])
			wanted[job.count++] = texts[i];
	}
	rc = embed_submit(base, &job, e);
	if (rc == 0)
		rc = embed_wait(base, &job, e);
	for (size_t i = 0; rc == 0 && i < count; i++) {
		if (known[i])
			continue;
		known[i] = job.outcome[at] == EMBED_VECTOR;
		if (job.outcome[at] == EMBED_REFUSED)
			rc = err_set(e, C1V_DATA, "%s", job.why[at]);
		else if (known[i])
			memcpy(out + i * base->dims, embed_vector(base, &job, at), base->dims * sizeof(*out));
		at++;
	}
	embed_job_free(&job);
	free(wanted);
	return rc;
}

static int
remote_texts(struct embedder *base, enum embed_role role, const struct slice *texts, size_t count,
    float *out, uint8_t *known, struct err *e)
{
	const float **found;
	size_t hits = 0;

	if (base->dims == 0)
		return err_set(e, C1V_BUG, "model %s: its dimensions are not known", base->model);
	memset(known, 0, count);
	if (base->recalls) {
		found = mem_alloc(count * sizeof(*found));
		hits = recall_vectors(base, role, texts, count, found);
		for (size_t i = 0; i < count; i++) {
			known[i] = found[i] != NULL;
			if (known[i])
				memcpy(out + i * base->dims, found[i], base->dims * sizeof(*out));
			if (known[i])
				recall_spared(base, tokens_count(((struct remote *)base)->tokens, texts[i]));
		}
		free(found);
	}
	return hits == count ? 0 : ask_texts(base, role, texts, count, out, known, e);
}

static struct embed_shape
remote_shape(const struct embedder *base)
{
	const struct remote *m = (const struct remote *)base;

	return (struct embed_shape){
		.jobs = (size_t)m->o.concurrency * 2,
		.texts = (size_t)m->o.batch_inputs,
		.tokens = m->o.batch_tokens,
		.most = m->o.long_policy == EMBED_LONG_SPLIT ? INT64_MAX : m->o.input_tokens,
		.exact = tokens_exact(m->tokens),
	};
}

static int64_t
remote_tokens(struct embedder *base, struct slice text)
{
	return tokens_count(((struct remote *)base)->tokens, text);
}

/* --- opening ---------------------------------------------------------------- */

/* BASE and BASE?QUERY become BASE/embeddings and BASE/embeddings?QUERY. */
static char *
make_url(const char *base)
{
	size_t n = strcspn(base, "?#");
	const char *query = base[n] == '?' ? base + n : "";
	struct buf b = {0};

	while (n && base[n - 1] == '/')
		n--;
	buf_add(&b, base, n);
	if (n < 11 || memcmp(base + n - 11, "/embeddings", 11) != 0)
		buf_string(&b, "/embeddings");
	buf_string(&b, query);
	buf_cstr(&b);
	return b.data;
}

static const char *
from_environment(const char *name)
{
	const char *v = getenv(name);

	return v != NULL && *v != '\0' ? v : NULL;
}

static int
open_http(struct remote *m, struct err *e)
{
	struct http_options h = {
		.connect_timeout = m->o.connect_timeout, .timeout = m->o.timeout, .max_body = ANSWER_MOST,
		.insecure = m->o.insecure_http
	};
	struct buf secret = {0};
	const char *headers[4] = {"Content-Type: application/json", "Expect:", ("User-Agent: c1v/" C1V_VERSION)};
	size_t n = 3;
	int rc;

	if (m->key == NULL && strncmp(m->url, default_base, sizeof(default_base) - 1) == 0) {
		err_set(e, C1V_CREDENTIALS, "there is no key for the API");
		return err_hint(e, "set OPENAI_API_KEY, or name another server with --api-base");
	}
	if (m->key != NULL && strpbrk(m->key, "\r\n") != NULL)
		return err_set(e, C1V_CREDENTIALS, "the key for the API holds a line break");
	if (m->key != NULL) {
		buf_string(&secret, m->azure ? "api-key: " : "Authorization: Bearer ");
		buf_string(&secret, m->key);
		headers[n++] = buf_cstr(&secret);
	}
	rc = http_open(&h, m->url, headers, n, &m->http, e);
	buf_free(&secret);
	return rc;
}

static int64_t
or_default(int64_t v, int64_t fallback)
{
	return v != 0 ? v : fallback;
}

static void
remote_close(struct embedder *base)
{
	struct remote *m = (struct remote *)base;

	give_up(m);
	http_close(m->http);
	memo_close(m->memo);
	free(m->name);
	free(m->url);
	free(m->place);
	tokens_close(m->tokens);
	if (m->key != NULL)
		explicit_bzero(m->key, strlen(m->key));
	free(m->key);
	free(m);
}

static int
remote_open(const char *model, const struct embed_options *o, struct embedder **out, struct err *e)
{
	struct remote *m = mem_zero(1, sizeof(*m));
	const char *base = o->base ? o->base : from_environment("OPENAI_BASE_URL"), *key = NULL;

	m->o = *o;
	m->o.concurrency = or_default(o->concurrency, 4);
	m->o.batch_inputs = or_default(o->batch_inputs, 2048);
	m->o.batch_tokens = or_default(o->batch_tokens, 300000);
	m->o.input_tokens = or_default(o->input_tokens, 8191);
	m->o.retries = o->retries < 0 ? 0 : or_default(o->retries, 5);
	m->o.timeout = o->timeout > 0 ? o->timeout : 120;
	m->o.connect_timeout = o->connect_timeout > 0 ? o->connect_timeout : 10;
	m->name = mem_string(model);
	m->url = make_url(base ? base : default_base);
	m->azure = strstr(m->url, "api-version=") != NULL;
	if (m->azure)
		key = from_environment("AZURE_OPENAI_API_KEY");
	if (key == NULL)
		key = from_environment("OPENAI_API_KEY");
	m->key = mem_string(key);
	m->base64 = 1;
	m->window = (double)m->o.concurrency;
	m->random = (uint32_t)clock_mono_ns() | 1;
	m->base.model = m->name;
	m->base.api_base = m->place = place_make(base ? base : default_base);
	m->base.dims = (size_t)(m->o.dims ? m->o.dims : m->o.expect);
	m->base.weight_vector = 0.7;
	m->base.weight_keyword = 0.3;
	*out = &m->base;
	if (tokens_open(&m->tokens, model, o->share, e) == 0 && recall_open(m, e) == 0)
		return 0;
	remote_close(&m->base);
	*out = NULL;
	return e->code;
}

static int
remote_verify(struct embedder *base, char digest[EMBED_DIGEST], struct err *e)
{
	digest[0] = '\0';
	return err_set(e, C1V_CONFIG, "model %s is behind an API: there is no file of it", base->model);
}

C1V_MODULE(struct embed_driver, embed_http) = {
	.name = "http", .open = remote_open, .texts = remote_texts, .verify = remote_verify, .close = remote_close,
	.shape = remote_shape, .tokens = remote_tokens, .submit = remote_submit, .wait = remote_wait,
	.recall = recall_vectors, .spared = recall_spared
};

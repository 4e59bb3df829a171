#include "upstash.h"

#include <stdlib.h>
#include <stdio.h>
#include <strings.h>

#include "base/clock.h"
#include "base/module.h"

enum {
	SLICE_MS = 50, /* between two looks at what wants to stop us */
	TOGETHER = 256 /* SETs that are sent without looking at their order */
};

#define SECOND 1000000000.0

/* --- opening ------------------------------------------------------------------------ */

static const char *
from_environment(const char *first, const char *second)
{
	const char *v = getenv(first);

	if (v == NULL || *v == '\0')
		v = getenv(second);
	return v != NULL && *v != '\0' ? v : NULL;
}

static int
no_url(int code, struct err *e)
{
	err_set(e, code, "upstash: the REST URL is no http or https URL");
	return err_hint(e, "it looks like https://NAME.upstash.io");
}

/* https://HOST[:PORT][/PATH] and nothing else: what could be a secret is not repeated. */
static int
check_url(const char *url, int code, struct err *e)
{
	const char *host = strstr(url, "://");
	int scheme = strncasecmp(url, "https://", 8) == 0 || strncasecmp(url, "http://", 7) == 0;

	if (!scheme || host[3] == '\0' || host[3] == '/')
		return no_url(code, e);
	for (const char *p = url; *p; p++) {
		if (*p <= ' ' || *p == 0x7f || strchr("@?#\"\\", *p) != NULL) {
			err_set(e, code, "upstash: the REST URL has more in it than a host and a path");
			return err_hint(e, "the token comes from UPSTASH_REDIS_REST_TOKEN or KV_REST_API_TOKEN");
		}
	}
	return 0;
}

static int
find_token(const char **token, struct err *e)
{
	*token = from_environment("UPSTASH_REDIS_REST_TOKEN", "KV_REST_API_TOKEN");
	if (*token == NULL) {
		err_set(e, C1V_CONFIG, "upstash: there is no token");
		return err_hint(e, "set UPSTASH_REDIS_REST_TOKEN or KV_REST_API_TOKEN");
	}
	for (const char *p = *token; *p; p++)
		if (*p <= ' ' || *p >= 0x7f)
			return err_set(e, C1V_CONFIG, "upstash: the token holds what no token does");
	return 0;
}

static int
connect_http(struct upstash *u, const char *url, size_t max_reply, struct err *e)
{
	struct http_options o = {.connect_timeout = u->connect_timeout,
	    .timeout = u->connect_timeout + u->command_timeout * 10,
	    .max_body = max_reply ? max_reply : ANSWER_BYTES, .once = 1};
	const char *headers[] = {NULL, "Upstash-Encoding: base64", "Expect:", "User-Agent: c1v/" C1V_VERSION};
	struct buf secret = {0};
	int rc;

	buf_format(&secret, "Authorization: Bearer %s", u->token);
	headers[0] = buf_cstr(&secret);
	rc = http_open(&o, url, headers, sizeof(headers) / sizeof(*headers), &u->http, e);
	explicit_bzero(secret.data, secret.len);
	buf_free(&secret);
	return rc;
}

static void
upstash_close(struct redis *base)
{
	struct upstash *u = (struct upstash *)base;

	http_close(u->http);
	explicit_bzero(u->token, strlen(u->token));
	free(u->token);
	arena_free(&u->arena);
	free(u);
}

static int
upstash_open(const struct redis_options *o, struct redis **out, struct err *e)
{
	const char *url = strchr(o->url, ':') + 1, *token;
	int code = *url != '\0' ? C1V_USAGE : C1V_CONFIG, rc;
	struct buf name = {0};
	struct upstash *u;

	if (*url == '\0')
		url = from_environment("UPSTASH_REDIS_REST_URL", "KV_REST_API_URL");
	if (url == NULL) {
		err_set(e, C1V_CONFIG, "upstash: there is no REST URL");
		return err_hint(e, "set UPSTASH_REDIS_REST_URL or KV_REST_API_URL, or name it: upstash:https://HOST");
	}
	rc = check_url(url, code, e);
	if (rc == 0)
		rc = find_token(&token, e);
	if (rc != 0)
		return rc;
	buf_format(&name, "upstash:%s", url);
	while (name.data[name.len - 1] == '/')
		name.len--;
	u = mem_zero(1, sizeof(*u));
	u->token = mem_string(token);
	u->connect_timeout = o->connect_timeout > 0 ? o->connect_timeout : 1;
	u->command_timeout = o->command_timeout > 0 ? o->command_timeout : 2;
	u->stop = o->stop;
	u->base.name = mem_string(buf_cstr(&name));
	buf_free(&name);
	rc = connect_http(u, u->base.name + strlen("upstash:"), o->max_reply, e);
	if (rc == 0) {
		*out = &u->base;
		return 0;
	}
	free(u->base.name);
	upstash_close(&u->base);
	if (rc != C1V_CONFIG)
		return no_url(code, e);
	err_set(e, rc, "upstash: the host's address may not be asked");
	return err_hint(e, "plain http is for this machine alone; link-local and metadata addresses are always refused");
}

/* --- sending ------------------------------------------------------------------------ */

/* A long request takes its time: a MiB may take a second. */
static int
start(struct upstash *u, struct part *p, struct err *e)
{
	double seconds = (u->met ? 0 : u->connect_timeout) + u->command_timeout + (double)p->call.body.n / (1 << 20);

	p->call.owner = p;
	p->late = clock_mono_ns() + (int64_t)(seconds * SECOND);
	p->started = 1;
	return http_start(u->http, &p->call, e);
}

static int
is_late(const struct upstash *u, struct part *p, int64_t now)
{
	if (now < p->late)
		return 0;
	if (p->call.answer.len == p->seen)
		return 1;
	p->seen = p->call.answer.len;
	p->late = now + (int64_t)(u->command_timeout * SECOND);
	return 0;
}

/* Nothing has come: may we go on waiting? */
static int
patience(const struct upstash *u, struct part *parts, size_t n, int64_t end, struct err *e)
{
	int64_t now = clock_mono_ns();

	if (u->stop != NULL && u->stop())
		return err_set(e, C1V_AGAIN, "%s: interrupted", u->base.name);
	for (size_t i = 0; i < n; i++) {
		if (now >= end || (parts[i].call.wire != NULL && is_late(u, &parts[i], now)))
			return err_set(e, C1V_AGAIN, "%s: no answer in time", u->base.name);
	}
	return 0;
}

/* Send parts, a few at a time and in any order, and read their answers. */
static int
exchange(struct upstash *u, struct part *parts, size_t n, int64_t end, const struct redis_command *commands,
    struct redis_reply *replies, struct err *e)
{
	size_t started = 0, done = 0;
	struct http_call *call;
	int rc = 0;

	while (done < n && rc == 0) {
		while (rc == 0 && started < n && started - done < FLYING)
			rc = start(u, &parts[started++], e);
		if (rc == 0)
			rc = http_wait(u->http, SLICE_MS, &call, e);
		if (rc == 0 && call != NULL) {
			u->met |= call->failure == HTTP_ANSWERED;
			rc = answer_read(u, call->owner, commands, replies, e);
			http_end(u->http, call);
			buf_free(&call->answer);
			done++;
		} else if (rc == 0) {
			rc = patience(u, parts, started, end, e);
		}
	}
	/* One that is still under way is cut off: its connection is not used again. */
	for (size_t i = 0; i < started; i++) {
		http_end(u->http, &parts[i].call);
		buf_free(&parts[i].call.answer);
	}
	return rc;
}

static int
same_key(const struct part *parts, size_t n, const struct redis_command *commands, size_t i)
{
	for (size_t k = 0; k < n; k++)
		if (slice_equal(commands[parts[k].first].args[1], commands[i].args[1]))
			return 1;
	return 0;
}

/* A pipeline, or SETs of different keys: whichever of those comes first, the outcome is the same. */
static size_t
gather(struct part *parts, const struct redis_command *commands, size_t first, size_t n)
{
	size_t count = 0;

	memset(parts, 0, TOGETHER * sizeof(*parts));
	while (count < TOGETHER && first < n && request_is_raw(&commands[first]) &&
	    !same_key(parts, count, commands, first))
		request_raw(&parts[count++], commands, first++);
	if (count == 0)
		request_pipeline(&parts[count++], commands, first, n);
	return count;
}

static int
upstash_run(struct redis *base, const struct redis_command *commands, size_t n,
    struct redis_reply *replies, struct err *e)
{
	struct upstash *u = (struct upstash *)base;
	int64_t end = clock_mono_ns() + (int64_t)((u->connect_timeout + u->command_timeout * 10) * SECOND);
	struct part *parts = mem_zero(TOGETHER, sizeof(*parts));
	size_t done = 0;
	int rc = request_check(commands, n, e);

	arena_reset(&u->arena);
	u->items = 0;
	while (done < n && rc == 0) {
		size_t count = gather(parts, commands, done, n);

		rc = exchange(u, parts, count, end, commands, replies, e);
		for (size_t i = 0; i < count; i++) {
			done += parts[i].count;
			buf_free(&parts[i].body);
			buf_free(&parts[i].path);
		}
	}
	free(parts);
	return rc;
}

static size_t
upstash_nodes(struct redis *base, struct err *e)
{
	(void)base;
	(void)e;
	return 1;
}

C1V_MODULE(struct redis_driver, net_upstash) = {
	.open = upstash_open, .run = upstash_run, .nodes = upstash_nodes, .close = upstash_close,
};

#include "net/http.h"

#include <curl/curl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/address.h"

#define FORBIDDEN "the host's address may not be asked"
#define FORBIDDEN_HINT "plain http is for this machine alone, or with --insecure-http; " \
	"link-local and metadata addresses are always refused"

struct http_wire {
	CURL *easy;
	struct http *http;
	struct http_call *call;
	int forbidden, large;
	size_t sent;                /* of the body, where it is read */
	struct curl_slist *headers; /* of a call with a type of its own */
	char text[CURL_ERROR_SIZE];
	struct http_wire *next; /* of those that are not in use */
};

struct http {
	struct http_options options;
	CURLM *multi;
	char *url;
	struct curl_slist *headers;
	int plain;
	struct http_wire *spare;
};

/* --- callbacks -------------------------------------------------------------- */

static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
	struct http_wire *w = arg;

	size_t most = w->call->max_body ? w->call->max_body : w->http->options.max_body;

	n *= size;
	if (n > most - w->call->answer.len) {
		w->large = 1;
		return 0;
	}
	buf_add(&w->call->answer, p, n);
	return n;
}

/* A body that is read cannot be rewound, so libcurl cannot send it again. */
static size_t
on_read(char *p, size_t size, size_t n, void *arg)
{
	struct http_wire *w = arg;
	struct slice body = w->call->body;

	n *= size;
	if (n > body.n - w->sent)
		n = body.n - w->sent;
	memcpy(p, body.p + w->sent, n);
	w->sent += n;
	return n;
}

static struct slice
trimmed(const char *p, size_t n)
{
	while (n && (*p == ' ' || *p == '\t')) {
		p++;
		n--;
	}
	while (n && (p[n - 1] == ' ' || p[n - 1] == '\t' || p[n - 1] == '\r' || p[n - 1] == '\n'))
		n--;
	return (struct slice){p, n};
}

/* An id goes into messages and files: only what is harmless there. */
static void
keep_id(char *out, size_t room, struct slice value)
{
	size_t n = 0;

	for (size_t i = 0; i < value.n && n + 1 < room; i++)
		if (value.p[i] > ' ' && value.p[i] < 0x7f && value.p[i] != '"' && value.p[i] != '\\')
			out[n++] = value.p[i];
	out[n] = '\0';
}

static size_t
on_header(char *p, size_t size, size_t n, void *arg)
{
	struct http_call *c = ((struct http_wire *)arg)->call;
	const char *colon = memchr(p, ':', size * n);
	struct slice name, value;

	if (colon == NULL)
		return size * n;
	name = trimmed(p, (size_t)(colon - p));
	value = trimmed(colon + 1, size * n - (size_t)(colon + 1 - p));
	if (name.n == 12 && strncasecmp(name.p, "x-request-id", 12) == 0)
		keep_id(c->request_id, sizeof(c->request_id), value);
	retry_header(&c->hints, name, value, clock_wall_ms());
	return size * n;
}

static int
is_forbidden(const struct http *h, const struct sockaddr *a)
{
	enum address_kind kind = address_kind(a);

	return kind == ADDRESS_METADATA || (kind != ADDRESS_LOOPBACK && h->plain && !h->options.insecure);
}

static curl_socket_t
on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct http_wire *w = arg;

	(void)purpose;
	if (is_forbidden(w->http, &a->addr)) {
		w->forbidden = 1;
		return CURL_SOCKET_BAD;
	}
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* --- opening ---------------------------------------------------------------- */

/* A host given as a number, in whatever form: no proxy is asked for it either. */
static int
check_number(const struct http *h, char *host, struct err *e)
{
	struct addrinfo numeric = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *found;
	size_t n = strlen(host);
	int forbidden;

	if (n > 2 && host[0] == '[') { /* [::1] */
		memmove(host, host + 1, n - 2);
		host[n - 2] = '\0';
	}
	if (getaddrinfo(host, NULL, &numeric, &found) != 0)
		return 0;
	forbidden = is_forbidden(h, found->ai_addr);
	freeaddrinfo(found);
	if (!forbidden)
		return 0;
	err_set(e, C1V_CONFIG, "the API is not asked: " FORBIDDEN);
	return err_hint(e, FORBIDDEN_HINT);
}

static int
check_url(struct http *h, struct err *e)
{
	CURLU *u = curl_url();
	char *scheme = NULL, *user = NULL, *host = NULL;
	int rc = 0;

	if (u == NULL)
		mem_exhausted();
	if (curl_url_set(u, CURLUPART_URL, h->url, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
	    (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)) {
		rc = err_set(e, C1V_USAGE, "the API base is no http or https URL");
	} else if (curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK) {
		rc = err_set(e, C1V_USAGE, "the API base holds a name or password");
		err_hint(e, "the key comes from OPENAI_API_KEY");
	}
	if (rc == 0) {
		h->plain = strcmp(scheme, "http") == 0;
		rc = check_number(h, host, e);
	}
	curl_free(scheme);
	curl_free(user);
	curl_free(host);
	curl_url_cleanup(u);
	return rc;
}

int
http_open(const struct http_options *o, const char *url, const char *const *headers, size_t count,
    struct http **out, struct err *e)
{
	struct http *h = mem_zero(1, sizeof(*h));
	int rc;

	*out = NULL;
	h->options = *o;
	h->url = mem_string(url);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0 || (h->multi = curl_multi_init()) == NULL)
		mem_exhausted();
	for (size_t i = 0; i < count; i++)
		h->headers = curl_slist_append(h->headers, headers[i]);
	rc = check_url(h, e);
	if (rc != 0)
		http_close(h);
	else
		*out = h;
	return rc;
}

static void
set_up(struct http *h, struct http_wire *w)
{
	const char *authorities = getenv("SSL_CERT_FILE");
	CURL *c = w->easy;

	if (authorities == NULL || *authorities == '\0')
		authorities = getenv("CURL_CA_BUNDLE");
	if (authorities != NULL && *authorities != '\0')
		curl_easy_setopt(c, CURLOPT_CAINFO, authorities);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "gzip");
	curl_easy_setopt(c, CURLOPT_BUFFERSIZE, 262144L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)(h->options.connect_timeout * 1000));
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)(h->options.timeout * 1000));
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, w->text);
	curl_easy_setopt(c, CURLOPT_PRIVATE, w);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, w);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, w);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, on_socket);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, w);
	if (h->options.once) {
		curl_easy_setopt(c, CURLOPT_POST, 1L);
		curl_easy_setopt(c, CURLOPT_READFUNCTION, on_read);
		curl_easy_setopt(c, CURLOPT_READDATA, w);
	}
	curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(c, CURLOPT_PIPEWAIT, h->plain ? 0L : 1L);
	if (h->plain)
		curl_easy_setopt(c, CURLOPT_PROXY, "");
}

/* --- calls ------------------------------------------------------------------ */

static struct http_wire *
take_wire(struct http *h)
{
	struct http_wire *w = h->spare;

	if (w != NULL) {
		h->spare = w->next;
		return w;
	}
	w = mem_zero(1, sizeof(*w));
	w->http = h;
	w->easy = curl_easy_init();
	if (w->easy == NULL)
		mem_exhausted();
	set_up(h, w);
	return w;
}

/* Where this call goes, and its headers. */
static void
address_call(struct http *h, struct http_wire *w)
{
	struct buf text = {0};

	buf_format(&text, "%s%s", h->url, w->call->path ? w->call->path : "");
	curl_easy_setopt(w->easy, CURLOPT_URL, buf_cstr(&text));
	if (w->call->type != NULL) {
		text.len = 0;
		buf_format(&text, "Content-Type: %s", w->call->type);
		for (const struct curl_slist *s = h->headers; s != NULL; s = s->next)
			w->headers = curl_slist_append(w->headers, s->data);
		w->headers = curl_slist_append(w->headers, buf_cstr(&text));
	}
	curl_easy_setopt(w->easy, CURLOPT_HTTPHEADER, w->headers ? w->headers : h->headers);
	buf_free(&text);
}

int
http_start(struct http *h, struct http_call *c, struct err *e)
{
	struct http_wire *w = take_wire(h);

	w->call = c;
	w->forbidden = w->large = 0;
	w->sent = 0;
	w->text[0] = '\0';
	c->wire = w;
	c->failure = HTTP_ANSWERED;
	c->status = 0;
	c->answer.len = 0;
	c->request_id[0] = c->why[0] = '\0';
	retry_none(&c->hints);
	address_call(h, w);
	if (!h->options.once)
		curl_easy_setopt(w->easy, CURLOPT_POSTFIELDS, c->body.p);
	curl_easy_setopt(w->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)c->body.n);
	if (curl_multi_add_handle(h->multi, w->easy) != CURLM_OK)
		return err_set(e, C1V_BUG, "a call to the API cannot be begun");
	return 0;
}

/* With what status a proxy refuses to let us through; 0: it does not. */
static int
proxy_status(const struct http_wire *w, CURLcode code)
{
	long status = 0;

	if (code != CURLE_OK)
		curl_easy_getinfo(w->easy, CURLINFO_HTTP_CONNECTCODE, &status);
	return status >= 400 && status < 500 ? (int)status : 0;
}

static enum http_failure
failure_of(const struct http_wire *w, CURLcode code)
{
	if (w->large)
		return HTTP_LARGE;
	if ((w->forbidden && code == CURLE_COULDNT_CONNECT) || proxy_status(w, code) != 0)
		return HTTP_FORBIDDEN;
	switch (code) {
	case CURLE_OK:
		return HTTP_ANSWERED;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_CERTPROBLEM:
		return HTTP_TLS;
	case CURLE_SSL_CONNECT_ERROR:
		return HTTP_HANDSHAKE;
	case CURLE_BAD_CONTENT_ENCODING:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL:
#if LIBCURL_VERSION_NUM >= 0x080600
	case CURLE_TOO_LARGE:
		return HTTP_BROKEN;
	case CURLE_OUT_OF_MEMORY:
		mem_exhausted();
#else
	case CURLE_OUT_OF_MEMORY: /* as which a header came that was too long */
		return HTTP_BROKEN;
#endif
	default:
		return HTTP_LOST;
	}
}

static void
finish(struct http_wire *w, CURLcode code)
{
	struct http_call *c = w->call;
	long status = 0;

	curl_easy_getinfo(w->easy, CURLINFO_RESPONSE_CODE, &status);
	c->status = (int)status;
	c->failure = failure_of(w, code);
	if (c->failure == HTTP_FORBIDDEN && w->forbidden)
		snprintf(c->why, sizeof(c->why), "%s", FORBIDDEN);
	else if (c->failure == HTTP_FORBIDDEN)
		snprintf(c->why, sizeof(c->why), "the proxy refuses with status %d", proxy_status(w, code));
	else if (c->failure == HTTP_LARGE)
		snprintf(c->why, sizeof(c->why), "the answer is too large");
	else if (code == CURLE_SEND_FAIL_REWIND)
		snprintf(c->why, sizeof(c->why), "the connection broke");
	else if (c->failure != HTTP_ANSWERED)
		snprintf(c->why, sizeof(c->why), "%s", w->text[0] ? w->text : curl_easy_strerror(code));
}

int
http_wait(struct http *h, int64_t ms, struct http_call **done, struct err *e)
{
	int64_t until = clock_mono_ns() + ms * 1000000, left;
	struct http_wire *w;
	int running, queued;
	CURLMsg *m;

	*done = NULL;
	for (;;) {
		switch (curl_multi_perform(h->multi, &running)) {
		case CURLM_OK:
			break;
		case CURLM_OUT_OF_MEMORY:
			mem_exhausted();
		default:
			return err_set(e, C1V_BUG, "the calls to the API cannot go on");
		}
		while ((m = curl_multi_info_read(h->multi, &queued)) != NULL) {
			if (m->msg != CURLMSG_DONE)
				continue;
			curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&w);
			finish(w, m->data.result);
			*done = w->call;
			return 0;
		}
		left = (until - clock_mono_ns() + 999999) / 1000000;
		if (left <= 0)
			return 0;
		curl_multi_poll(h->multi, NULL, 0, left > 1000 ? 1000 : (int)left, NULL);
	}
}

void
http_end(struct http *h, struct http_call *c)
{
	struct http_wire *w = c->wire;

	if (w != NULL) {
		curl_multi_remove_handle(h->multi, w->easy);
		curl_slist_free_all(w->headers);
		w->headers = NULL;
		c->wire = NULL;
		/* A handle that has wished to send a body again wishes so for ever. */
		if (h->options.once && c->failure != HTTP_ANSWERED) {
			curl_easy_cleanup(w->easy);
			free(w);
		} else {
			w->next = h->spare;
			h->spare = w;
		}
	}
}

void
http_close(struct http *h)
{
	struct http_wire *w;

	if (h == NULL)
		return;
	while ((w = h->spare) != NULL) {
		h->spare = w->next;
		curl_easy_cleanup(w->easy);
		free(w);
	}
	curl_multi_cleanup(h->multi);
	curl_slist_free_all(h->headers);
	free(h->url);
	free(h);
}

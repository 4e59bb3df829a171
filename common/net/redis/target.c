#include "net/redis/target.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/num.h"

enum { DEFAULT_PORT = 6379 };

static int
malformed(struct err *e, const char *what)
{
	return err_set(e, C1V_USAGE, "the URL of the Redis server: %s", what);
}

static struct slice
between(const char *from, const char *to)
{
	return (struct slice){from, (size_t)(to - from)};
}

static int
hex(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c | 0x20) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Percent-decoded; NULL: broken, or with a NUL in it. */
static char *
decoded(struct slice s)
{
	char *out = mem_alloc(s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++, n++) {
		int high, low;

		out[n] = s.p[i];
		if (s.p[i] != '%')
			continue;
		high = s.n - i > 2 ? hex(s.p[i + 1]) : -1;
		low = high >= 0 ? hex(s.p[i + 2]) : -1;
		if (low < 0 || high + low == 0) {
			explicit_bzero(out, n);
			free(out);
			return NULL;
		}
		out[n] = (char)(high << 4 | low);
		i += 2;
	}
	out[n] = '\0';
	return out;
}

int
target_host(struct slice host)
{
	for (size_t i = 0; i < host.n; i++) {
		char c = host.p[i];

		if (!(c >= '0' && c <= '9') && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && (c == 0 || !strchr("._-:", c)))
			return 0;
	}
	return host.n > 0 && host.n < 256;
}

/* [USER]:PASSWORD */
static int
read_user(struct slice s, struct target *t, struct err *e)
{
	const char *colon = memchr(s.p, ':', s.n);

	if (colon == NULL) {
		malformed(e, "a user without a password");
		return err_hint(e, "a password stands behind a colon: redis://:PASSWORD@HOST");
	}
	t->user = decoded(between(s.p, colon));
	t->password = decoded(between(colon + 1, s.p + s.n));
	if (t->user == NULL || t->password == NULL)
		return malformed(e, "the user or password is not percent-encoded right");
	return 0;
}

static int
read_port(struct slice s, struct target *t, struct err *e)
{
	int64_t port;

	if (num_int(s, 1, 65535, &port, "port", NULL) != 0)
		return malformed(e, "the port is no number from 1 to 65535");
	t->port = (int)port;
	return 0;
}

static int
read_db(struct slice s, struct target *t, struct err *e)
{
	int64_t db;

	if (num_int(s, 0, INT32_MAX, &db, "db", NULL) != 0)
		return malformed(e, "the database is no number");
	t->db = (int)db;
	return 0;
}

static int
read_address(struct slice s, struct target *t, struct err *e)
{
	const char *end = s.p + s.n, *host_end;
	struct slice host;

	if (s.n && s.p[0] == '[') {
		host_end = memchr(s.p, ']', s.n);
		if (host_end == NULL)
			return malformed(e, "a bracket is open");
		host = between(s.p + 1, host_end++);
	} else {
		host_end = memchr(s.p, ':', s.n);
		if (host_end == NULL)
			host_end = end;
		host = between(s.p, host_end);
	}
	if (!target_host(host))
		return malformed(e, "there is no host, or none that can be");
	t->host = mem_bytes(host.p, host.n);
	if (host_end == end)
		return 0;
	return *host_end == ':' ? read_port(between(host_end + 1, end), t, e) : malformed(e, "what follows the host is no port");
}

/* db=N, of what follows a question mark. */
static int
read_query(struct slice s, struct target *t, struct err *e)
{
	if (s.n == 0)
		return 0;
	if (s.n < 3 || memcmp(s.p, "db=", 3) != 0)
		return malformed(e, "of parameters only db=N is known");
	return read_db(between(s.p + 3, s.p + s.n), t, e);
}

static int
read_parts(struct slice authority, struct slice path, struct slice query, int local, struct target *t, struct err *e)
{
	const char *at = memrchr(authority.p, '@', authority.n);
	struct slice address = authority;
	int rc = 0;

	if (at != NULL) {
		rc = read_user(between(authority.p, at), t, e);
		address = between(at + 1, authority.p + authority.n);
	}
	if (rc != 0)
		return rc;
	if (local) {
		if (address.n || path.n < 2)
			return malformed(e, "the path of a Unix socket is wanted: unix:///PATH");
		t->path = decoded(path);
		if (t->path == NULL)
			return malformed(e, "the path is not percent-encoded right");
	} else {
		rc = read_address(address, t, e);
		if (rc == 0 && path.n > 1)
			rc = read_db(between(path.p + 1, path.p + path.n), t, e);
	}
	return rc ? rc : read_query(query, t, e);
}

int
target_read(const char *url, struct target *t, struct err *e)
{
	const char *start = strstr(url, "://"), *path, *query, *end = url + strlen(url);

	*t = (struct target){.port = DEFAULT_PORT};
	if (start == NULL)
		return malformed(e, "there is no // behind its scheme");
	t->tls = strncasecmp(url, "rediss:", 7) == 0;
	start += 3;
	path = start + strcspn(start, "/?#");
	query = path + strcspn(path, "?#");
	if (*query == '#')
		return malformed(e, "it has a #");
	return read_parts(between(start, path), between(path, query), between(query + (*query == '?'), end),
	    strncasecmp(url, "unix:", 5) == 0, t, e);
}

char *
target_name(const struct target *t)
{
	struct buf b = {0};

	if (t->path != NULL)
		buf_format(&b, "unix://%s?db=%d", t->path, t->db);
	else
		buf_format(&b, "%s://%s%s%s:%d/%d", t->tls ? "rediss" : "redis", strchr(t->host, ':') ? "[" : "", t->host,
		    strchr(t->host, ':') ? "]" : "", t->port, t->db);
	return buf_cstr(&b);
}

static void
wipe(char *secret)
{
	if (secret != NULL)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

void
target_free(struct target *t)
{
	wipe(t->user);
	wipe(t->password);
	free(t->host);
	free(t->path);
}

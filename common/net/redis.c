#include "net/redis.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/module.h"
#include "net/redis_driver.h"
#include "net/url.h"

/* What carries commands, by the scheme of the URL. */
static const struct {
	const char *scheme, *module;
} carriers[] = {
	{"redis", "net_redis"}, {"rediss", "net_redis"}, {"unix", "net_redis"}, {"upstash", "net_upstash"},
};

static const char *
carrier(const char *url)
{
	size_t n = url_scheme(url);

	for (size_t i = 0; i < sizeof(carriers) / sizeof(*carriers); i++) {
		if (strlen(carriers[i].scheme) == n && strncasecmp(carriers[i].scheme, url, n) == 0)
			return carriers[i].module;
	}
	return NULL;
}

int
redis_url(const char *url)
{
	return carrier(url) != NULL;
}

int
redis_open(const struct redis_options *o, struct redis **out, struct err *e)
{
	const char *name = carrier(o->url);
	const struct redis_driver *driver;
	int rc;

	*out = NULL;
	if (name == NULL)
		return err_set(e, C1V_USAGE, "%.20s…: not the URL of a Redis server", o->url);
	driver = module_load(name, e);
	if (driver == NULL)
		return e->code;
	rc = driver->open(o, out, e);
	if (rc == 0)
		(*out)->driver = driver;
	return rc;
}

int
redis_run(struct redis *r, const struct redis_command *commands, size_t n,
    struct redis_reply *replies, struct err *e)
{
	return n ? r->driver->run(r, commands, n, replies, e) : 0;
}

size_t
redis_nodes(struct redis *r, struct err *e)
{
	return r->driver->nodes(r, e);
}

int
redis_cluster(const struct redis *r)
{
	return r->cluster;
}

const char *
redis_name(const struct redis *r)
{
	return r->name;
}

void
redis_close(struct redis *r)
{
	char *name;

	if (r == NULL)
		return;
	name = r->name;
	r->driver->close(r);
	free(name);
}

/* --- slots ---------------------------------------------------------------------------- */

static struct slice
hashed_part(struct slice key)
{
	const char *open = memchr(key.p, '{', key.n), *end = key.p + key.n, *close;

	if (open == NULL)
		return key;
	close = memchr(open + 1, '}', (size_t)(end - open - 1));
	if (close == NULL || close == open + 1)
		return key;
	return (struct slice){open + 1, (size_t)(close - open - 1)};
}

unsigned
redis_slot(struct slice key)
{
	/* What four bits at the top become: they times the polynomial, without carry. */
	static const uint16_t times[16] = {
		0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7,
		0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef
	};
	struct slice part = hashed_part(key);
	unsigned crc = 0;

	for (size_t i = 0; i < part.n; i++) {
		unsigned c = (unsigned char)part.p[i];

		crc = (crc << 4 & 0xffff) ^ times[crc >> 12 ^ c >> 4];
		crc = (crc << 4 & 0xffff) ^ times[crc >> 12 ^ (c & 15)];
	}
	return crc % 16384;
}

/* --- errors --------------------------------------------------------------------------- */

int
redis_refusal(const struct redis *r, const struct redis_reply *reply, struct err *e)
{
	static const struct {
		const char *word;
		int code;
	} known[] = {
		{"ERR max number of clients", C1V_AGAIN}, {"DENIED", C1V_CREDENTIALS}, {"ERR invalid password", C1V_CREDENTIALS},
		{"LOADING", C1V_AGAIN}, {"OOM", C1V_AGAIN}, {"READONLY", C1V_AGAIN}, {"BUSY", C1V_AGAIN},
		{"CLUSTERDOWN", C1V_AGAIN}, {"MASTERDOWN", C1V_AGAIN}, {"TRYAGAIN", C1V_AGAIN},
		{"MISCONF", C1V_AGAIN}, {"NOREPLICAS", C1V_AGAIN}, {"NOAUTH", C1V_CREDENTIALS},
		{"WRONGPASS", C1V_CREDENTIALS}, {"NOPERM", C1V_CREDENTIALS},
	};
	int code = C1V_PROTOCOL;

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		size_t n = strlen(known[i].word);

		if (reply->text.n >= n && memcmp(reply->text.p, known[i].word, n) == 0 &&
		    (reply->text.n == n || reply->text.p[n] == ' '))
			code = known[i].code;
	}
	return err_set(e, code, "%s: %.*s", redis_name(r), (int)(reply->text.n < 200 ? reply->text.n : 200),
	    reply->text.p);
}

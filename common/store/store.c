#include "store/store.h"

#include <stdlib.h>
#include <strings.h>

#include "store/store_driver.h"

enum { NAME_MAX_BYTES = 48 };

static const struct store_driver *const drivers[] = {&sqlite_driver};

static int
check_collection(const char *name, struct err *e)
{
	static const char allowed[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	size_t n = strlen(name);

	if (n < 1 || n > NAME_MAX_BYTES || strspn(name, allowed) != n)
		return err_set(e, C1V_USAGE,
		    "collection name '%.60s': wanted are 1 to %d of A-Z a-z 0-9 _ -", name, NAME_MAX_BYTES);
	/* SQLite keeps such table names for itself. */
	if (strncasecmp(name, "sqlite", 6) == 0)
		return err_set(e, C1V_USAGE, "collection name '%s': must not begin with sqlite", name);
	return 0;
}

/* Length of the scheme before a colon, 0 when url is a bare path. */
static size_t
scheme_length(const char *url)
{
	size_t n = strspn(url, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");

	return n > 1 && url[n] == ':' ? n : 0;
}

/* scheme://user:password@host */
static int
has_password(const char *url)
{
	const char *p = strstr(url, "://"), *at, *colon;
	size_t n;

	if (p == NULL)
		return 0;
	p += 3;
	n = strcspn(p, "/?#");
	at = memchr(p, '@', n);
	colon = at ? memchr(p, ':', (size_t)(at - p)) : NULL;
	return (colon != NULL && colon + 1 < at) || strstr(url, "password=") != NULL;
}

static int
open_url(const struct store_options *o, const char *url, struct store **out, struct err *e)
{
	size_t n = scheme_length(url);

	if (n == 0)
		return drivers[0]->open(o, url, out, e);
	for (size_t i = 0; i < sizeof(drivers) / sizeof(*drivers); i++) {
		if (strlen(drivers[i]->scheme) == n && strncasecmp(drivers[i]->scheme, url, n) == 0)
			return drivers[i]->open(o, url[n + 1] ? url + n + 1 : NULL, out, e);
	}
	err_set(e, C1V_CONFIG, "store %.*s:…: no such kind of store", (int)n, url);
	return err_hint(e, "kinds: sqlite:PATH; a path with a colon is written sqlite:PATH");
}

int
store_open(const struct store_options *o, struct store **out, struct err *e)
{
	const char *url = o->url;
	int rc = check_collection(o->collection, e);

	*out = NULL;
	if (rc != 0)
		return rc;
	if (url != NULL && strncmp(url, "env:", 4) == 0) {
		const char *name = url + 4;
		url = getenv(name);
		if (url == NULL || *url == '\0')
			return err_set(e, C1V_CONFIG, "store env:%s: the variable is not set", name);
	} else if (url != NULL && has_password(url)) {
		err_set(e, C1V_USAGE, "store: a password inside a URL can be seen by others");
		return err_hint(e, "put the URL into a variable and name it: env:NAME");
	}
	if (url == NULL || *url == '\0')
		return drivers[0]->open(o, NULL, out, e);
	return open_url(o, url, out, e);
}

int
store_close(struct store *s, struct err *e)
{
	return s == NULL ? 0 : s->driver->close(s, e);
}

const char *
store_name(const struct store *s)
{
	return s->name;
}

int
store_collection(struct store *s, struct collection *out, struct err *e)
{
	return s->driver->collection(s, out, e);
}

int
store_begin(struct store *s, struct err *e)
{
	return s->driver->begin(s, e);
}

int
store_put(struct store *s, const struct document_row *d, const struct put_options *o,
    struct put_counts *counts, struct err *e)
{
	return s->driver->put(s, d, o, counts, e);
}

int
store_commit(struct store *s, struct err *e)
{
	return s->driver->commit(s, e);
}

void
store_rollback(struct store *s)
{
	s->driver->rollback(s);
}

int
store_init(struct store *s, const struct init_options *o, struct err *e)
{
	return s->driver->init(s, o, e);
}

int
store_info(struct store *s, struct buf *json, struct err *e)
{
	return s->driver->info(s, json, e);
}

int
store_verify(struct store *s, void (*finding)(void *arg, const char *text), void *arg, struct err *e)
{
	return s->driver->verify(s, finding, arg, e);
}

int
store_export(struct store *s, stored_chunk_fn *fn, void *arg, struct err *e)
{
	return s->driver->export(s, fn, arg, e);
}

int
store_get(struct store *s, struct slice id, stored_chunk_fn *fn, void *arg, struct err *e)
{
	return s->driver->get(s, id, fn, arg, e);
}

int
store_delete(struct store *s, const struct delete_options *o, uint64_t *documents,
    uint64_t *chunks, struct err *e)
{
	return s->driver->delete(s, o, documents, chunks, e);
}

int
store_drop(struct store *s, struct err *e)
{
	return s->driver->drop(s, e);
}

int
store_vacuum(struct store *s, uint64_t *before, uint64_t *after, struct err *e)
{
	return s->driver->vacuum(s, before, after, e);
}

int
store_search(struct store *s, const struct search_query *q, struct search_hits *out, struct err *e)
{
	return s->driver->search(s, q, out, e);
}

int
store_neighbors(struct store *s, struct slice document, int64_t first, int64_t last,
    stored_chunk_fn *fn, void *arg, struct err *e)
{
	return s->driver->neighbors(s, document, first, last, fn, arg, e);
}

void
search_hits_free(struct search_hits *h)
{
	arena_free(&h->arena);
	memset(h, 0, sizeof(*h));
}

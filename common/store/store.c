#include "store/store.h"

#include <string.h>
#include <strings.h>

#include "base/module.h"
#include "net/url.h"
#include "store/settings.h"
#include "store/store_driver.h"

enum { NAME_MAX_BYTES = 48 };

/* The kinds of stores by the scheme of their URL: linked in, or a module. */
static const struct {
	const char *scheme;
	const struct store_driver *driver;
	const char *module;
} kinds[] = {
	{"sqlite", &sqlite_driver, NULL},
	{"postgres", NULL, "store_postgres"},
	{"postgresql", NULL, "store_postgres"},
};

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

/* The driver for url; *rest is what it gets. */
static const struct store_driver *
driver_for(const char *url, const char **rest, struct err *e)
{
	size_t n = url_scheme(url);

	*rest = url;
	if (n == 0)
		return &sqlite_driver;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strlen(kinds[i].scheme) != n || strncasecmp(kinds[i].scheme, url, n) != 0)
			continue;
		if (kinds[i].driver == NULL)
			return module_load(kinds[i].module, e);
		*rest = url[n + 1] ? url + n + 1 : NULL;
		return kinds[i].driver;
	}
	err_set(e, C1V_CONFIG, "store %.*s:…: no such kind of store", (int)n, url);
	err_hint(e, "kinds: sqlite:PATH, postgres://…; a path with a colon is written sqlite:PATH");
	return NULL;
}

static int
check_driver(const struct store_options *o, const struct store_driver *d, struct err *e)
{
	const char *option = o->schema ? "--schema" : o->columns ? "--columns" : o->set_count ? "--pg-set" : NULL;

	if (d == &sqlite_driver && option != NULL)
		return err_set(e, C1V_USAGE, "%s: is for PostgreSQL stores", option);
	return 0;
}

int
store_open(const struct store_options *o, struct store **out, struct err *e)
{
	const struct store_driver *driver = &sqlite_driver;
	const char *url, *rest = NULL;
	int rc = check_collection(o->collection, e);

	*out = NULL;
	if (rc == 0)
		rc = url_resolve("store", o->url, &url, e);
	if (rc != 0)
		return rc;
	if (url != NULL && *url != '\0')
		driver = driver_for(url, &rest, e);
	if (driver == NULL)
		return e->code;
	rc = check_driver(o, driver, e);
	return rc ? rc : driver->open(o, rest, out, e);
}

struct store_options
store_options_from(const struct store_settings *s, enum store_mode mode, struct log *log, int (*stop)(void))
{
	return (struct store_options){
		.url = s->url,
		.collection = s->collection,
		.mode = mode,
		.wait = s->wait,
		.log = log,
		.stop = stop,
		.schema = s->schema,
		.columns = s->columns,
		.set = s->set.items,
		.set_count = s->set.count,
		.connect_timeout = s->connect_timeout,
		.statement_timeout = s->statement_timeout,
	};
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
store_write(struct store *s, const struct document_row *const *rows, size_t count,
    const struct put_options *o, struct put_counts *counts, struct err *e)
{
	return s->driver->write(s, rows, count, o, counts, e);
}

int
store_init(struct store *s, const struct init_options *o, struct err *e)
{
	return s->driver->init(s, o, e);
}

int
store_info(struct store *s, int all, struct buf *json, struct err *e)
{
	return s->driver->info(s, all, json, e);
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

/* --- what only some kinds of stores have ------------------------------------- */

static int
has_not(const struct store *s, const char *what, struct err *e)
{
	return err_set(e, C1V_USAGE, "%s: %s stores have none", what, s->driver->scheme);
}

int
store_migrate(struct store *s, const struct migrate_options *o, struct err *e)
{
	return s->driver->migrate ? s->driver->migrate(s, o, e) : has_not(s, "migrations", e);
}

int
store_migrations(struct store *s, store_json_fn *fn, void *arg, struct err *e)
{
	return s->driver->migrations ? s->driver->migrations(s, fn, arg, e) : has_not(s, "migrations", e);
}

int
store_index(struct store *s, const struct index_options *o, store_json_fn *fn, void *arg, struct err *e)
{
	return s->driver->index ? s->driver->index(s, o, fn, arg, e) : has_not(s, "vector index", e);
}

int
store_slow(struct store *s, size_t limit, store_json_fn *fn, void *arg, struct err *e)
{
	return s->driver->slow ? s->driver->slow(s, limit, fn, arg, e) : has_not(s, "memory of slow statements", e);
}

int
store_recall(struct store *s, const struct recall_options *o, struct buf *json, struct err *e)
{
	return s->driver->recall ? s->driver->recall(s, o, json, e) : has_not(s, "vector index", e);
}

/* --- searching ---------------------------------------------------------------- */

int
store_search(struct store *s, const struct search_query *q, struct search_hits *out, struct err *e)
{
	if (s->driver == &sqlite_driver && (q->ef_search > 0 || q->probes > 0))
		return err_set(e, C1V_USAGE, "%s: is for PostgreSQL stores", q->probes > 0 ? "--probes" : "--ef-search");
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

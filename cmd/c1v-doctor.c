/* c1v-doctor: look at what the other tools depend on, a line for each. Writes
 * nothing and reads no document; `c1v-store verify` reads a store through. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nettle/version.h>
#include <sqlite3.h>
#include <utf8proc.h>

#include "base/json.h"
#include "base/module.h"
#include "cache/settings.h"
#include "cli/cli.h"
#include "embed/embed.h"
#include "store/settings.h"
#include "store/vec.h"
#include "text/bpe.h"

struct settings {
	struct cli_common common;
	struct store_settings where;
	struct cache_settings cache;
	const char *model;
	int json;
};

static const struct opt options[] = {
	STORE_OPTIONS(struct settings),
	{ .letter = 'm', .name = "model", .kind = OPT_STRING, .offset = offsetof(struct settings, model),
	  .argument = "MODEL", .help = "the embedding model to look at", .fallback = "local", .env = "C1V_MODEL" },
	{ .name = "json", .kind = OPT_FLAG, .offset = offsetof(struct settings, json),
	  .help = "a line of JSON for each check" },
	OPT_END,
};

static const struct opt postgres[] = { STORE_POSTGRES_OPTIONS(struct settings), OPT_END };

static const struct opt cache[] = { CACHE_OPTIONS(struct settings), OPT_END };

static const struct opt common_options[] = {
	CLI_OPTIONS(struct settings),
	OPT_END,
};

static const struct opt_spec spec = {
	.tool = "c1v-doctor",
	.purpose = "check the installation",
	.synopsis = "[OPTION]…",
	.tables = (const struct opt *const[]){options, postgres, cache, common_options, NULL},
	.sections = (const char *const[]){"Options", "PostgreSQL", "Cache", "Common options", NULL},
	.files = "none",
};

static const char *const tools[] = {
	"c1v", "c1v-cache", "c1v-chunk", "c1v-cost", "c1v-embed", "c1v-ingest", "c1v-model", "c1v-search", "c1v-store",
};

enum { TOOL_COUNT = sizeof(tools) / sizeof(*tools) };

struct doctor {
	struct cli *c;
	const struct settings *s;
	struct arena arena;
	int bad; /* checks that did not pass */
};

static void C1V_PRINTF(4, 5)
report(struct doctor *d, const char *check, int ok, const char *fmt, ...)
{
	struct buf *b = &d->c->out.buf;
	char detail[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	d->bad += !ok;
	if (d->s->json) {
		buf_format(b, "{\"check\":\"%s\",\"ok\":%s,\"detail\":", check, ok ? "true" : "false");
		json_add_string(b, slice_of(detail));
		buf_byte(b, '}');
	} else {
		buf_format(b, "%-4s %-9s %s", ok ? "ok" : "bad", check, detail);
	}
	out_line(&d->c->out);
}

static void
report_err(struct doctor *d, const char *check, const struct err *e)
{
	report(d, check, 0, "%s%s%s", e->text, e->hint[0] ? "; " : "", e->hint);
}

/* --- the installation ------------------------------------------------------- */

/* The version that a program says it has, "" when it says nothing. */
static void
version_of(const char *path, char version[64])
{
	int ends[2];
	size_t have = 0;
	ssize_t n;
	pid_t pid;

	version[0] = '\0';
	if (pipe(ends) != 0)
		return;
	pid = fork();
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		execl(path, path, "--version", (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	while (pid > 0 && have < 63 && (n = read(ends[0], version + have, 63 - have)) > 0)
		have += (size_t)n;
	close(ends[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	version[have] = '\0';
	version[strcspn(version, "\n")] = '\0';
}

static void
check_tools(struct doctor *d)
{
	char here[PATH_MAX], version[64], wanted[64];
	ssize_t n = readlink("/proc/self/exe", here, sizeof(here) - 1);
	char *slash;

	here[n > 0 ? n : 0] = '\0';
	slash = strrchr(here, '/');
	if (slash == NULL) {
		report(d, "tools", 0, "where this program lies is not known");
		return;
	}
	*slash = '\0';
	for (size_t i = 0; i < TOOL_COUNT; i++) {
		const char *path = arena_format(&d->arena, "%s/%s", here, tools[i]);

		if (access(path, X_OK) != 0) {
			report(d, "tools", 0, "%s: %s", path, strerror(errno));
			return;
		}
		version_of(path, version);
		snprintf(wanted, sizeof(wanted), "%s %s", tools[i], C1V_VERSION);
		if (strcmp(version, wanted) != 0) {
			report(d, "tools", 0, "%s is '%s', not '%s'", path, version, wanted);
			return;
		}
	}
	report(d, "tools", 1, "%d tools of version " C1V_VERSION " in %s", TOOL_COUNT + 1, here);
}

static void
check_libraries(struct doctor *d)
{
	int fts5 = sqlite3_compileoption_used("ENABLE_FTS5");
	/* STRICT tables came with 3.37.0. */
	int sqlite = sqlite3_libversion_number() >= 3037000 && sqlite3_threadsafe();

	report(d, "sqlite", sqlite && fts5, "%s%s%s", sqlite3_libversion(),
	    fts5 ? ", with full-text search" : ", built without FTS5",
	    sqlite ? "" : "; needed is 3.37.0 or newer, with threads");
	report(d, "utf8proc", 1, "%s, Unicode %s", utf8proc_version(), utf8proc_unicode_version());
	report(d, "nettle", nettle_version_major() == NETTLE_VERSION_MAJOR, "%d.%d",
	    nettle_version_major(), nettle_version_minor());
	report(d, "simd", 1, "%s", vec_simd());
}

/* What is loaded only when a URL or a model asks for it. */
static void
check_modules(struct doctor *d)
{
	static const char *const names[] = {
		"store_postgres", "embed_http", "cost_ledger", "net_redis", "net_redis_tls", "net_upstash"
	};
	struct buf all = {0};
	int bad = d->bad;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct err e = {0};

		if (module_load(names[i], &e) == NULL)
			report_err(d, "modules", &e);
		buf_format(&all, "%s%s", i ? ", " : "", names[i]);
	}
	if (d->bad == bad)
		report(d, "modules", 1, "%s", buf_cstr(&all));
	buf_free(&all);
}

static void
check_data(struct doctor *d)
{
	const char *share = cli_share(&d->arena, "");
	const char *templates = cli_share(&d->arena, "prd-templates");

	if (access(templates, R_OK | X_OK) != 0)
		report(d, "data", 0, "%s: %s", templates, strerror(errno));
	else
		report(d, "data", 1, "%.*s", (int)strlen(share) - (share[strlen(share) - 1] == '/'), share);
}

static void
check_config(struct doctor *d)
{
	const char *path = d->c->config != NULL ? conf_path(d->c->config) : NULL;

	/* A file that is wrong has been refused already, before any check. */
	if (path == NULL || access(path, R_OK) != 0)
		report(d, "config", 1, "none at %s", path != NULL ? path : "the usual place");
	else
		report(d, "config", 1, "%s", path);
}

/* --- model, store, directories ---------------------------------------------- */

static void
check_tables(struct doctor *d)
{
	static const char *const names[] = {"cl100k_base", "o200k_base"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char digest[2 * SHA_SIZE + 1];
		uint8_t sum[SHA_SIZE];
		struct bpe *b = NULL;
		struct err e = {0};
		int rc = bpe_open_encoding(&b, names[i], cli_share(&d->arena, NULL), &e);

		if (rc == 0 && (rc = bpe_verify(b, sum, &e)) == 0) {
			sha_hex(sum, digest);
			report(d, "tokens", 1, "%s, %u tokens, sha256 %s", names[i], bpe_head(b)->tokens, digest);
		} else {
			report_err(d, "tokens", &e);
		}
		bpe_close(b);
	}
}

static void
check_model(struct doctor *d)
{
	char digest[EMBED_DIGEST];
	struct err e = {0};
	struct embedder *m = NULL;
	int rc = embed_open(d->s->model, cli_share(&d->arena, ""), &m, &e);

	if (rc == 0)
		rc = embed_verify(m, digest, &e);
	if (rc == 0)
		report(d, "model", 1, "%s, %zu dimensions, sha256 %s", embed_model(m), embed_dims(m), digest);
	else
		report_err(d, "model", &e);
	embed_close(m);
}

/* The nearest directory above path that exists. */
static const char *
existing_above(struct doctor *d, const char *path)
{
	char *p = arena_bytes(&d->arena, path, strlen(path)), *slash;

	while ((slash = strrchr(p, '/')) != NULL) {
		slash[slash == p] = '\0';
		if (access(p, F_OK) == 0)
			return p;
		if (slash == p)
			break;
	}
	return ".";
}

/* Can a file be made at path, with the directories that it needs? */
static int
can_be_made(struct doctor *d, const char *path, const char **where)
{
	struct stat st;

	*where = existing_above(d, path);
	if (stat(*where, &st) != 0)
		return 0;
	if (!S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return 0;
	}
	return access(*where, W_OK | X_OK) == 0;
}

/* $VARIABLE/tail, else $HOME/fallback/tail; NULL without a home. */
static const char *
xdg_path(struct doctor *d, const char *variable, const char *fallback, const char *tail)
{
	const char *base = getenv(variable), *home = getenv("HOME");

	if (base != NULL && base[0] == '/')
		return arena_format(&d->arena, "%s/%s", base, tail);
	if (home == NULL || home[0] == '\0')
		return NULL;
	return arena_format(&d->arena, "%s/%s/%s", home, fallback, tail);
}

/* The path of a store that is not there yet. */
static const char *
store_path(struct doctor *d)
{
	const char *url = d->s->where.url;

	if (url == NULL)
		return xdg_path(d, "XDG_DATA_HOME", ".local/share", "c1v/c1v.db");
	if (strncmp(url, "env:", 4) == 0)
		url = getenv(url + 4);
	if (url != NULL && strncmp(url, "sqlite:", 7) == 0)
		url += 7;
	return url;
}

static void
report_no_store(struct doctor *d, const struct err *e)
{
	const char *path = store_path(d), *where;

	if (path == NULL)
		report_err(d, "store", e);
	else if (access(path, F_OK) == 0)
		report(d, "store", access(path, W_OK) == 0, "%s", e->text);
	else if (!can_be_made(d, path, &where))
		report(d, "store", 0, "%s cannot be made: %s: %s", path, where, strerror(errno));
	else
		report(d, "store", 1, "none yet at %s", path);
}

static void
check_store(struct doctor *d)
{
	struct store_options o = store_options_from(&d->s->where, STORE_READ, &d->c->log, NULL);
	struct collection col;
	struct store *s;
	struct err e = {0};
	int rc = store_open(&o, &s, &e);

	if (rc == C1V_NO) {
		report_no_store(d, &e);
		return;
	}
	if (rc == 0) {
		rc = store_collection(s, &col, &e);
		if (rc == 0)
			report(d, "store", 1, "%s: collection %s, %llu documents, %llu chunk%s, model %s",
			    store_name(s), d->s->where.collection, (unsigned long long)col.documents,
			    (unsigned long long)col.chunks, col.chunks == 1 ? "" : "s",
			    col.model != NULL ? col.model : "none");
		else if (rc == C1V_NO)
			report(d, "store", 1, "%s: no collection %s", store_name(s), d->s->where.collection);
		store_close(s, NULL);
	}
	if (rc != 0 && rc != C1V_NO)
		report_err(d, "store", &e);
}

/* Does it answer? */
static void
ask_cache(struct doctor *d)
{
	struct cache_options o = cache_options_from(&d->s->cache, 0, &d->c->log, NULL);
	const struct slice key = SLICE("doctor");
	struct cache *c = NULL;
	struct err e = {0};
	uint8_t there;
	int rc = cache_open(&o, &c, &e);

	if (rc == 0)
		rc = cache_exists(c, &key, 1, &there, &e);
	if (rc == 0)
		report(d, "cache", 1, "%s", cache_name(c));
	else
		report_err(d, "cache", &e);
	cache_close(c);
}

static void
check_cache(struct doctor *d)
{
	const char *path = xdg_path(d, "XDG_CACHE_HOME", ".cache", "c1v"), *where;
	struct stat st;

	if (d->s->cache.url != NULL)
		ask_cache(d);
	else if (path == NULL)
		report(d, "cache", 0, "HOME is not set, so there is no place for it");
	else if (stat(path, &st) != 0)
		report(d, "cache", can_be_made(d, path, &where), "none yet at %s%s", path,
		    can_be_made(d, path, &where) ? "" : ", and it cannot be made");
	else if (!S_ISDIR(st.st_mode) || access(path, W_OK | X_OK) != 0)
		report(d, "cache", 0, "%s is no directory that can be written to", path);
	else if (st.st_mode & S_IWOTH)
		report(d, "cache", 0, "%s can be written to by everybody; chmod 700", path);
	else
		ask_cache(d);
}

int
main(int argc, char **argv)
{
	struct settings s = {0};
	struct cli c;
	struct doctor d = {.c = &c, .s = &s};
	int rc = cli_start(&c, &spec, argc, argv, &s, &s.common);

	if (rc != CLI_GO)
		return rc;
	if (c.args.operand_count > 0)
		return cli_finish(&c, cli_usage(&c, "%s: no operand is taken", c.args.operands[0]));
	check_tools(&d);
	check_libraries(&d);
	check_modules(&d);
	check_data(&d);
	check_config(&d);
	check_model(&d);
	check_tables(&d);
	check_store(&d);
	check_cache(&d);
	arena_free(&d.arena);
	return cli_finish(&c, d.bad ? C1V_NO : C1V_OK);
}

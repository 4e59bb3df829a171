/* cache_admin: keys, purge, invalidate, project-updated. */
#include "base/json.h"
#include "cache/key.h"
#include "cache_tool.h"

static int
write_key(void *arg, struct slice key, struct err *e)
{
	struct tool *t = arg;
	struct buf *out = &t->cli->out.buf;

	if (t->s->json) {
		buf_string(out, "{\"key\":");
		json_add_string(out, key);
		buf_byte(out, '}');
	} else {
		buf_slice(out, key);
	}
	if (out_line(&t->cli->out) != 0)
		return err_set(e, C1V_IO, "standard output");
	return cli_interrupted(e);
}

int
cache_verb_keys(struct tool *t)
{
	int rc = t->word_count ? cli_usage(t->cli, "keys: takes no operands; --prefix TEXT") : tool_cache(t, 0);

	if (rc == 0)
		rc = cache_keys(t->cache, slice_of(t->s->prefix ? t->s->prefix : ""), write_key, t, &t->cli->err);
	return rc;
}

/* A namespace is a tenant's own; without one --all is everybody's, and on a server it may hold other
 * programs' data. */
static int
check_purge(struct tool *t)
{
	const struct settings *s = t->s;
	int space = s->cache.space != NULL && *s->cache.space;

	if (t->word_count)
		return cli_usage(t->cli, "purge: takes no operands");
	if ((s->prefix != NULL) + s->expired + s->all > 1)
		return cli_usage(t->cli, "--prefix, --expired and --all exclude each other");
	if (s->prefix == NULL && !s->expired && !s->all && !space)
		return cli_usage(t->cli, "purge: what? --prefix TEXT, --expired, --all or --namespace NAME");
	if (s->prefix != NULL && *s->prefix == '\0')
		return cli_usage(t->cli, "--prefix: is empty; --all is everything");
	return 0;
}

static int
check_shared(struct tool *t)
{
	const struct settings *s = t->s;

	if (!s->all || s->yes || (s->cache.space != NULL && *s->cache.space) ||
	    strncmp(cache_name(t->cache), "sqlite:", 7) == 0 || strcmp(cache_name(t->cache), "none") == 0)
		return 0;
	return cli_usage(t->cli, "purge --all: would remove other programs' keys from %s too; --yes if that is meant",
	    cache_name(t->cache));
}

int
cache_verb_purge(struct tool *t)
{
	uint64_t removed = 0;
	int rc = check_purge(t);

	if (rc == 0)
		rc = tool_cache(t, 0);
	if (rc == 0)
		rc = check_shared(t);
	if (rc == 0)
		rc = cache_purge(t->cache, slice_of(t->s->prefix ? t->s->prefix : ""), t->s->expired, &removed, &t->cli->err);
	return rc != 0 ? rc : tool_removed(t, removed);
}

int
cache_verb_invalidate(struct tool *t)
{
	uint64_t removed = 0, some;
	int rc = 0;

	if (t->word_count || t->s->tags.count == 0)
		return cli_usage(t->cli, "wanted: invalidate --tag TAG");
	rc = tool_cache(t, 0);
	for (size_t i = 0; i < t->s->tags.count && rc == 0; i++) {
		rc = cache_invalidate(t->cache, slice_of(t->s->tags.items[i]), &some, &t->cli->err);
		removed += some;
	}
	return rc != 0 ? rc : tool_removed(t, removed);
}

/* What the seed's onProjectDataUpdate() removes. */
int
cache_verb_project_updated(struct tool *t)
{
	char validation[KEY_SIZE];
	struct slice keys[2];
	uint8_t there[2] = {0, 0};
	int rc = tool_words(t, 1, 1, "project-updated ID");

	if (rc == 0 && (strlen(t->words[0]) == 0 || strlen(t->words[0]) > KEY_ID_MAX))
		rc = cli_usage(t->cli, "project-updated: an ID has 1 to %d bytes", KEY_ID_MAX);
	if (rc == 0)
		rc = tool_cache(t, 0);
	if (rc != 0)
		return rc;
	key_validation(slice_of(t->words[0]), validation);
	keys[0] = slice_of(validation);
	keys[1] = slice_of(arena_format(&t->arena, "project:%s:extracted-data", t->words[0]));
	rc = cache_delete(t->cache, keys, 2, there, &t->cli->err);
	return rc != 0 ? rc : tool_removed(t, (uint64_t)there[0] + there[1]);
}

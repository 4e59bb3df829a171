/* cache_entry: get, set, del, exists, touch, ttl. */
#include <unistd.h>

#include "base/json.h"
#include "base/num.h"
#include "base/utf8.h"
#include "cache/key.h"
#include "cache_tool.h"
#include "record/record.h"

/* --- get -------------------------------------------------------------------------------- */

/* What another program put there as plain text is a string; bytes are none. */
static int
add_json(struct tool *t, struct slice value)
{
	struct slice json;

	if (json_check(value, &json, NULL) == 0) {
		tool_add_line(&t->cli->out.buf, json);
	} else if (utf8_valid(value.p, value.n) == value.n) {
		json_add_string(&t->cli->out.buf, value);
	} else {
		err_set(&t->cli->err, C1V_DATA, "the value is not JSON");
		return err_hint(&t->cli->err, "--raw writes it as it is");
	}
	return out_line(&t->cli->out);
}

/* Of several keys those that are missing have a line too: null. */
static int
write_values(struct tool *t, const struct slice *values, size_t n)
{
	int rc = 0, missing = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		missing |= values[i].p == NULL;
		if (t->s->raw) {
			buf_slice(&t->cli->out.buf, values[i]);
			rc = out_more(&t->cli->out);
		} else if (values[i].p != NULL || n > 1) {
			rc = add_json(t, values[i].p ? values[i] : SLICE("null"));
		}
	}
	return rc != 0 ? rc : missing ? C1V_NO : 0;
}

int
cache_verb_get(struct tool *t)
{
	struct slice *keys = tool_keys(t), *values = arena_alloc(&t->arena, (t->word_count + 1) * sizeof(*values));
	int rc = tool_words(t, 1, 0, "get KEY…");

	if (rc == 0)
		rc = tool_cache(t, 0);
	if (rc == 0)
		rc = cache_get(t->cache, keys, t->word_count, values, &t->cli->err);
	return rc != 0 ? rc : write_values(t, values, t->word_count);
}

/* --- set -------------------------------------------------------------------------------- */

static int
check_value(struct tool *t, struct slice *value)
{
	if (t->s->raw)
		return 0;
	if (json_check(*value, value, &t->cli->err) != 0) {
		err_prefix(&t->cli->err, "the value is not JSON");
		return err_hint(&t->cli->err, "--raw takes bytes as they are");
	}
	return 0;
}

static int
put(struct tool *t, struct slice key, struct slice value, int64_t ttl_ms)
{
	struct slice *tags = arena_alloc(&t->arena, (t->s->tags.count + 1) * sizeof(*tags));
	struct cache_entry entry = {
		.key = key, .value = value, .ttl_ms = ttl_ms ? ttl_ms : key_ttl(key), .tags = tags,
		.tag_count = t->s->tags.count
	};
	int rc = check_value(t, &entry.value);

	for (size_t i = 0; i < t->s->tags.count; i++)
		tags[i] = slice_of(t->s->tags.items[i]);
	if (rc == 0)
		rc = tool_cache(t, 0);
	return rc != 0 ? rc : cache_set(t->cache, &entry, 1, &t->cli->err);
}

int
cache_verb_set(struct tool *t)
{
	const char *word = t->word_count > 1 ? t->words[1] : "-";
	struct file file = {0};
	int64_t ttl_ms;
	int rc = tool_words(t, 1, 2, "set KEY [VALUE|-]");

	if (rc == 0)
		rc = tool_ttl(t, &ttl_ms);
	if (rc != 0)
		return rc;
	if (strcmp(word, "-") != 0)
		return put(t, slice_of(t->words[0]), slice_of(word), ttl_ms);
	rc = file_open(&file, "-", CACHE_VALUE_MAX, &t->cli->err);
	if (rc == 0)
		rc = put(t, slice_of(t->words[0]), file.text, ttl_ms);
	file_close(&file);
	return rc;
}

/* --- the others -------------------------------------------------------------------------- */

static uint8_t *
flags(struct tool *t)
{
	return arena_alloc(&t->arena, t->word_count + 1);
}

/* 0 when all were there, else C1V_NO. */
static int
all_there(const struct tool *t, int rc, const uint8_t *there)
{
	for (size_t i = 0; i < t->word_count && rc == 0; i++)
		rc = there[i] ? 0 : C1V_NO;
	return rc;
}

/* What is not there is as it should be. */
int
cache_verb_del(struct tool *t)
{
	int rc = tool_words(t, 1, 0, "del KEY…");

	if (rc == 0)
		rc = tool_cache(t, 0);
	return rc != 0 ? rc : cache_delete(t->cache, tool_keys(t), t->word_count, flags(t), &t->cli->err);
}

int
cache_verb_exists(struct tool *t)
{
	uint8_t *there = flags(t);
	int rc = tool_words(t, 1, 0, "exists KEY…");

	if (rc == 0)
		rc = tool_cache(t, 0);
	if (rc == 0)
		rc = cache_exists(t->cache, tool_keys(t), t->word_count, there, &t->cli->err);
	return all_there(t, rc, there);
}

/* Each key by itself: the default depends on it. */
int
cache_verb_touch(struct tool *t)
{
	struct slice *keys = tool_keys(t);
	uint8_t *there = flags(t);
	int64_t ttl_ms;
	int rc = tool_words(t, 1, 0, "touch KEY…");

	if (rc == 0)
		rc = tool_ttl(t, &ttl_ms);
	if (rc == 0)
		rc = tool_cache(t, 0);
	for (size_t i = 0; i < t->word_count && rc == 0; i++)
		rc = cache_touch(t->cache, &keys[i], 1, ttl_ms ? ttl_ms : key_ttl(keys[i]), &there[i], &t->cli->err);
	return all_there(t, rc, there);
}

/* Whole seconds, rounded up; -1: for ever, -2: not there. */
int
cache_verb_ttl(struct tool *t)
{
	int64_t *ms = arena_alloc(&t->arena, (t->word_count + 1) * sizeof(*ms));
	int rc = tool_words(t, 1, 0, "ttl KEY…"), missing = 0;

	if (rc == 0)
		rc = tool_cache(t, 0);
	if (rc == 0)
		rc = cache_ttl(t->cache, tool_keys(t), t->word_count, ms, &t->cli->err);
	for (size_t i = 0; i < t->word_count && rc == 0; i++) {
		missing |= ms[i] == CACHE_ABSENT;
		num_add_int(&t->cli->out.buf, ms[i] < 0 ? ms[i] : (ms[i] + 999) / 1000);
		rc = out_line(&t->cli->out);
	}
	return rc != 0 ? rc : missing ? C1V_NO : 0;
}

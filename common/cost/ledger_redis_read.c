#include "cost/ledger_redis.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/num.h"

enum {
	DAYS_AT_ONCE = 16,
	PAGE = 5000        /* rows */
};

/* --- names ------------------------------------------------------------------------- */

static size_t
slot_of(const struct name_table *t, struct slice text)
{
	uint64_t h = 0xcbf29ce484222325u;
	size_t i;

	for (size_t k = 0; k < text.n; k++)
		h = (h ^ (unsigned char)text.p[k]) * 0x100000001b3u;
	i = (size_t)(h ^ h >> 32) & (t->slot_count - 1);
	while (t->slots[i] != 0 && !slice_equal(t->texts[t->slots[i] - 1], text))
		i = (i + 1) & (t->slot_count - 1);
	return i;
}

static void
widen(struct name_table *t)
{
	free(t->slots);
	t->slot_count = t->slot_count ? t->slot_count * 2 : 256;
	t->slots = mem_zero(t->slot_count, sizeof(*t->slots));
	for (size_t i = 0; i < t->count; i++)
		t->slots[slot_of(t, t->texts[i])] = (uint32_t)i + 1;
}

static int64_t
number_of(struct redis_ledger *l, struct slice text)
{
	struct name_table *t = &l->names;
	size_t i;

	if (t->count * 2 >= t->slot_count)
		widen(t);
	i = slot_of(t, text);
	if (t->slots[i] == 0) {
		mem_grow(&t->texts, &t->room, t->count + 1, sizeof(*t->texts));
		t->texts[t->count++] = (struct slice){arena_bytes(&l->texts, text.p, text.n), text.n};
		t->slots[i] = (uint32_t)t->count;
	}
	return t->slots[i];
}

int
redis_ledger_id(struct ledger *base, struct slice text, int64_t *id, struct err *e)
{
	(void)e;
	*id = text.p ? number_of((struct redis_ledger *)base, text) : 0;
	return 0;
}

int
redis_ledger_text(struct ledger *base, int64_t id, struct slice *out, struct err *e)
{
	(void)e;
	*out = id > 0 ? ((struct redis_ledger *)base)->names.texts[id - 1] : SLICE_NONE;
	return 0;
}

/* --- sums of days --------------------------------------------------------------------- */

/* The names at the walk, four of them. 1, or 0: there are others, or none. */
static int
read_names(struct redis_ledger *l, struct json_walk *w, struct ledger_part *part, struct buf *scratch)
{
	struct slice item;

	for (int i = 1; i < PART_KEYS; i++) {
		part->keys[i] = 0;
		if (!json_item(w, &item) || (json_type(item) != JSON_STRING && json_type(item) != JSON_NULL))
			return 0;
		scratch->len = 0;
		if (json_type(item) == JSON_STRING)
			part->keys[i] = number_of(l, json_text(item, scratch));
	}
	return 1;
}

/* A letter and a group, and one of its sums. */
static int
read_sum(struct redis_ledger *l, struct slice field, const struct redis_reply *value, struct ledger_part *part,
    struct buf *scratch, struct err *e)
{
	static const char letters[PART_SUMS] = {'n', 'u', 'i', 'c', 'o', '$', 's'};
	struct slice group = field.n ? (struct slice){field.p + 1, field.n - 1} : field;
	const char *letter = field.n ? memchr(letters, field.p[0], PART_SUMS) : NULL;
	struct json_walk w;

	if (letter == NULL || json_check(group, &group, NULL) != 0 || json_type(group) != JSON_ARRAY)
		return ledger_damaged(l, "a sum of nobody", e);
	w = json_walk(group);
	if (!read_names(l, &w, part, scratch))
		return ledger_damaged(l, "a sum of nobody", e);
	memset(part->sums, 0, sizeof(part->sums));
	return read_number(l, value, &part->sums[letter - letters], e);
}

static int
take_sums(struct redis_ledger *l, struct report *r, int64_t day, const struct redis_reply *all, struct err *e)
{
	struct ledger_part part = {.keys = {day}};
	struct buf scratch = {0};
	int rc = 0;

	for (size_t i = 0; i + 1 < all->count && rc == 0; i += 2) {
		rc = read_sum(l, all->items[i].text, &all->items[i + 1], &part, &scratch, e);
		if (rc == 0)
			rc = report_take(r, &part, e);
	}
	buf_free(&scratch);
	return rc;
}

static int
read_sums(struct redis_ledger *l, struct report *r, const int64_t *days, size_t n, struct err *e)
{
	struct slice args[DAYS_AT_ONCE][2];
	struct redis_command commands[DAYS_AT_ONCE];
	struct redis_reply replies[DAYS_AT_ONCE];
	int rc = 0;

	for (size_t done = 0, some; done < n && rc == 0; done += some) {
		some = n - done < DAYS_AT_ONCE ? n - done : DAYS_AT_ONCE;
		for (size_t i = 0; i < some; i++) {
			args[i][0] = SLICE("HGETALL");
			args[i][1] = key_of_day(l, "sums", days[done + i]);
			commands[i] = (struct redis_command){.args = args[i], .count = 2, .key = 1};
		}
		rc = ledger_ask(l, commands, some, replies, e);
		for (size_t i = 0; i < some && rc == 0; i++)
			rc = take_sums(l, r, days[done + i], &replies[i], e);
	}
	return rc;
}

/* --- rows -------------------------------------------------------------------------------- */

enum { TIME, INPUT, CACHED, WRITE, WRITE_1H, OUTPUT, SEARCHES, BATCH, COST, SAVED, NUMBERS };

/* As ledger_redis.c has written it. */
static int
read_row(struct redis_ledger *l, struct slice text, struct ledger_part *part, struct buf *scratch)
{
	int64_t n[NUMBERS];
	struct json_walk w;
	struct slice item;
	int unknown = 0;

	if (json_check(text, &text, NULL) != 0 || json_type(text) != JSON_ARRAY)
		return 0;
	w = json_walk(text);
	for (int i = 0; i < NUMBERS; i++) {
		n[i] = 0;
		if (!json_item(&w, &item))
			return 0;
		if (i == COST && json_type(item) == JSON_NULL)
			unknown = 1;
		else if (json_type(item) != JSON_NUMBER || !num_json_int(item, &n[i]))
			return 0;
	}
	part->keys[0] = n[TIME];
	memcpy(part->sums, (const int64_t[PART_SUMS]){1, unknown, n[INPUT] + n[CACHED] + n[WRITE] + n[WRITE_1H], n[CACHED],
	    n[OUTPUT], n[COST], n[SAVED]}, sizeof(part->sums));
	return read_names(l, &w, part, scratch);
}

static int
take_rows(struct redis_ledger *l, struct report *r, const struct ledger_query *q, const struct redis_reply *rows,
    struct err *e)
{
	struct ledger_part part;
	struct buf scratch = {0};
	int rc = 0;

	for (size_t i = 0; i < rows->count && rc == 0; i++) {
		if (!read_row(l, rows->items[i].text, &part, &scratch))
			rc = ledger_damaged(l, "a row that is none", e);
		else if (part.keys[0] >= q->since && part.keys[0] < q->until)
			rc = report_take(r, &part, e);
	}
	buf_free(&scratch);
	return rc;
}

static int
read_rows(struct redis_ledger *l, struct report *r, const struct ledger_query *q, int64_t day, struct err *e)
{
	struct redis_reply reply = {.count = PAGE};
	int rc = 0;

	for (int64_t from = 0; reply.count == PAGE && rc == 0; from += PAGE) {
		struct words w = {0};

		words_add(&w, SLICE("LRANGE"));
		words_add(&w, key_of_day(l, "rows", day));
		words_int(l, &w, from);
		words_int(l, &w, from + PAGE - 1);
		rc = ledger_ask_one(l, &w, 1, &reply, e);
		if (rc == 0)
			rc = take_rows(l, r, q, &reply, e);
		free(w.items);
	}
	return rc;
}

/* --- both ---------------------------------------------------------------------------------- */

/* The days with calls on them that [since, until) touches. */
static int
find_days(struct redis_ledger *l, const struct ledger_query *q, int64_t **days, size_t *n, struct err *e)
{
	struct words w = {0};
	struct redis_reply reply;
	int rc;

	*days = NULL;
	*n = 0;
	words_add(&w, SLICE("ZRANGEBYSCORE"));
	words_add(&w, SLICE(LEDGER_KEY("days")));
	words_int(l, &w, ledger_day(q->since, 0));
	if (q->until == INT64_MAX)
		words_add(&w, SLICE("+inf"));
	else
		words_int(l, &w, ledger_day(q->until - 1, 0));
	rc = ledger_ask_one(l, &w, 1, &reply, e);
	free(w.items);
	if (rc == 0)
		*days = mem_zero(reply.count, sizeof(**days));
	for (; rc == 0 && *n < reply.count; ++*n)
		rc = read_number(l, &reply.items[*n], &(*days)[*n], e);
	return rc;
}

int
redis_ledger_read(struct ledger *base, struct report *r, const struct ledger_query *q, int days, struct err *e)
{
	struct redis_ledger *l = (struct redis_ledger *)base;
	int64_t *found;
	size_t n;
	int rc = find_days(l, q, &found, &n, e);

	if (rc == 0 && days)
		rc = read_sums(l, r, found, n, e);
	for (size_t i = 0; i < n && rc == 0 && !days; i++)
		rc = read_rows(l, r, q, found[i], e);
	free(found);
	return rc;
}

#include "record/record.h"

#include "base/json.h"

/* What becomes of a member: the edit that names its key, or n: it is copied. */
static size_t
edit_of(const struct edit *edits, size_t n, struct slice key)
{
	size_t i = 0;

	while (i < n && !json_key_is(key, edits[i].key))
		i++;
	return i;
}

static void
add_member(struct buf *b, int first, const struct edit *edit)
{
	if (!first)
		buf_byte(b, ',');
	buf_byte(b, '"');
	buf_string(b, edit->key);
	buf_string(b, "\":");
	buf_slice(b, edit->value);
}

/* A copy on its way. Bytes between two members hold the comma, so a member is
 * copied with the gap before it; the first that remains takes the gap behind
 * the brace instead. */
struct copy {
	struct buf *b;
	struct slice lead; /* between the brace and the first member */
	size_t written;
	uint64_t done;     /* a bit for each edit that found its key */
};

static void
copy_member(struct copy *c, struct slice gap, struct slice name, struct slice value)
{
	buf_slice(c->b, c->written++ ? gap : c->lead);
	buf_slice(c->b, name);
	buf_slice(c->b, value);
}

static struct slice
between(const char *p, const char *end)
{
	return (struct slice){p, (size_t)(end - p)};
}

void
record_add_edited(struct buf *b, const struct record *r, const struct edit *edits, size_t n)
{
	const char *at = r->line.p + 1; /* what is in front of it was dealt with */
	struct json_walk w = json_walk(r->line);
	struct copy c = {.b = b, .lead = SLICE_NONE};
	struct slice key, value;

	w.known = record_longest(r);
	buf_byte(b, '{');
	while (json_member(&w, &key, &value)) {
		struct slice gap = between(at, key.p - 1), name = between(key.p - 1, value.p);
		size_t i = edit_of(edits, n, key);

		if (c.lead.p == NULL)
			c.lead = gap;
		if (i < n)
			c.done |= (uint64_t)1 << i;
		if (i == n || edits[i].value.p != NULL)
			copy_member(&c, gap, name, i == n ? value : edits[i].value);
		at = value.p + value.n;
	}
	for (size_t i = 0; i < n; i++) {
		if (!(c.done >> i & 1) && edits[i].value.p != NULL)
			add_member(b, c.written++ == 0, &edits[i]);
	}
	buf_slice(b, between(at, r->line.p + r->line.n));
}

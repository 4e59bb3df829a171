#include "store/web.h"

static int
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Take one part off the text: 1, or 0 at its end. */
static int
next_part(struct slice *s, struct web_part *out)
{
	const char *p = s->p, *end = s->p + s->n, *start;

	memset(out, 0, sizeof(*out));
	while (p < end && is_space(*p))
		p++;
	if (p == end)
		return 0;
	if (*p == '-') {
		out->exclude = 1;
		p++;
	}
	if (p < end && *p == '"') {
		out->phrase = 1;
		start = ++p;
		while (p < end && *p != '"')
			p++;
		out->text = (struct slice){start, (size_t)(p - start)};
		p += p < end;
	} else {
		start = p;
		while (p < end && !is_space(*p) && *p != '"')
			p++;
		out->text = (struct slice){start, (size_t)(p - start)};
	}
	*s = (struct slice){p, (size_t)(end - p)};
	return 1;
}

static void
add_part(struct web_query *q, size_t *room, struct arena *a, struct web_part part)
{
	if (q->count == *room) {
		struct web_part *more;

		*room = *room ? *room * 2 : 16;
		more = arena_alloc(a, *room * sizeof(*more));
		if (q->count)
			memcpy(more, q->parts, q->count * sizeof(*more));
		q->parts = more;
	}
	q->parts[q->count++] = part;
}

void
web_parse(struct slice text, struct arena *a, struct web_query *out)
{
	struct web_part part;
	size_t room = 0;
	int either = 0; /* an OR stands before this part */

	*out = (struct web_query){0};
	while (next_part(&text, &part)) {
		if (part.text.n == 0)
			continue;
		if (!part.phrase && !part.exclude && slice_is(part.text, "OR")) {
			either = out->groups > 0;
			continue;
		}
		if (!part.exclude) {
			part.group = either ? out->groups - 1 : out->groups++;
			either = 0;
		}
		add_part(out, &room, a, part);
	}
}

void
web_plain(const struct web_query *q, struct buf *out)
{
	size_t before = out->len;

	for (size_t i = 0; i < q->count; i++) {
		if (q->parts[i].exclude)
			continue;
		if (out->len > before)
			buf_byte(out, ' ');
		buf_slice(out, q->parts[i].text);
	}
}

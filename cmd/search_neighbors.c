#include "search_tool.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/num.h"
#include "store/search.h"

/* Chunks of one document in order; texts and places are of the arena `one`. */
struct around {
	struct tool *t;
	struct search_piece *pieces;
	struct chunk_place *places;
	size_t count, room;
};

static int
add_chunk(void *arg, const struct stored_chunk *c, struct err *e)
{
	struct around *a = arg;
	struct chunk_place p = {.index = -1, .of = -1, .start = -1, .end = -1};
	size_t room = a->room;

	if (c->place.p != NULL && record_chunk(c->place, &p, e) != 0)
		return e->code;
	mem_grow(&a->pieces, &room, a->count + 1, sizeof(*a->pieces));
	mem_grow(&a->places, &a->room, a->count + 1, sizeof(*a->places));
	a->pieces[a->count] = (struct search_piece){
		.content = {arena_bytes(&a->t->one, c->content.p, c->content.n), c->content.n},
		.index = c->index, .start = p.start, .end = p.end,
	};
	p.headings = SLICE_NONE; /* it is the store's */
	a->places[a->count++] = p;
	return 0;
}

/* The hit's own place, with the bounds of what was joined: members that are not
 * known of the whole are left out. */
static struct slice
widened(const struct around *a, const struct search_span *span, struct slice place)
{
	const struct chunk_place *first = &a->places[span->first], *last = first + span->count - 1;
	struct slice key, value, out;
	struct json_walk w = json_walk(place);
	struct buf b = {0};

	buf_byte(&b, '{');
	while (json_member(&w, &key, &value)) {
		int64_t n = json_key_is(key, "start") ? span->start : json_key_is(key, "end") ? span->end
		    : json_key_is(key, "line") ? first->line : json_key_is(key, "end_line") ? last->end_line : -2;

		if (n == -1)
			continue;
		if (b.len > 1)
			buf_byte(&b, ',');
		buf_byte(&b, '"');
		buf_slice(&b, key);
		buf_string(&b, "\":");
		if (n >= 0)
			num_add_int(&b, n);
		else
			buf_slice(&b, value);
	}
	json_add_key(&b, "from");
	num_add_int(&b, a->pieces[span->first].index);
	json_add_key(&b, "to");
	num_add_int(&b, a->pieces[span->first + span->count - 1].index);
	buf_byte(&b, '}');
	out = (struct slice){arena_bytes(&a->t->one, b.data, b.len), b.len};
	buf_free(&b);
	return out;
}

static void
widen(struct around *a, struct search_hit *h)
{
	struct search_span span;
	struct buf text = {0};
	size_t hit = 0;

	while (hit < a->count && a->pieces[hit].index != h->index)
		hit++;
	if (hit == a->count)
		return;
	span = search_join(a->pieces, a->count, hit, &text);
	h->content = (struct slice){arena_bytes(&a->t->one, text.data, text.len), text.len};
	if (h->place.p != NULL)
		h->place = widened(a, &span, h->place);
	buf_free(&text);
}

int
neighbors_add(struct tool *t, int64_t n, struct err *e)
{
	struct around a = {.t = t};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < t->hits.count; i++) {
		struct search_hit *h = &t->hits.items[i];

		a.count = 0;
		rc = store_neighbors(t->store, h->document, h->index > n ? h->index - n : 0, h->index + n,
		    add_chunk, &a, e);
		if (rc == 0)
			widen(&a, h);
	}
	free(a.pieces);
	free(a.places);
	t->store_failed = rc != 0;
	return rc;
}

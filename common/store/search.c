#include "store/search.h"

#include <stdlib.h>

#include "base/mem.h"
#include "store/vec.h"

/* --- ranking -------------------------------------------------------------- */

static int
by_rank(const void *a, const void *b)
{
	const struct search_candidate *x = a, *y = b;
	size_t n = x->id.n < y->id.n ? x->id.n : y->id.n;
	int order;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	order = n ? memcmp(x->id.p, y->id.p, n) : 0;
	return order ? order : (x->id.n > y->id.n) - (x->id.n < y->id.n);
}

void
search_rank(struct search_candidate *items, size_t count)
{
	if (count > 1)
		qsort(items, count, sizeof(*items), by_rank);
}

/* --- choosing ------------------------------------------------------------- */

/* An item as choosing sees it. Contents and documents are numbered from 0, so
 * that counting them needs no more than an array. */
struct state {
	size_t content, document;
	double nearest; /* greatest cosine to a hit */
	int gone;       /* chosen, or never to be */
};

struct choice {
	const struct search_rules *rules;
	const struct search_candidate *items;
	size_t count;
	struct state *states;
	size_t *contents, *documents; /* hits with that content, of that document */
	size_t hits;
};

struct numbered {
	int64_t name;
	size_t at;
};

static int
by_name(const void *a, const void *b)
{
	const struct numbered *x = a, *y = b;

	return x->name < y->name ? -1 : x->name > y->name;
}

static void
number(struct choice *c)
{
	struct numbered *n = mem_alloc(c->count * sizeof(*n));

	for (int documents = 0; documents < 2; documents++) {
		size_t next = 0;

		for (size_t i = 0; i < c->count; i++)
			n[i] = (struct numbered){documents ? c->items[i].document : c->items[i].content, i};
		qsort(n, c->count, sizeof(*n), by_name);
		for (size_t i = 0; i < c->count; i++) {
			next += i > 0 && n[i].name != n[i - 1].name;
			if (documents)
				c->states[n[i].at].document = next;
			else
				c->states[n[i].at].content = next;
		}
	}
	free(n);
}

static int /* may it still become a hit? */
eligible(const struct choice *c, const struct state *s)
{
	if (s->gone || (c->rules->collapse && c->contents[s->content] > 0))
		return 0;
	return c->rules->per_document == 0 || c->documents[s->document] < c->rules->per_document;
}

static void
take(struct choice *c, size_t i, size_t *chosen)
{
	c->states[i].gone = 1;
	c->contents[c->states[i].content]++;
	c->documents[c->states[i].document]++;
	chosen[c->hits++] = i;
}

static void
in_order(struct choice *c, size_t *chosen)
{
	for (size_t i = 0; i < c->count && c->hits < c->rules->limit; i++)
		if (eligible(c, &c->states[i]))
			take(c, i, chosen);
}

static double
relevance(const struct choice *c, size_t i)
{
	double most = c->items[0].score, least = c->items[c->count - 1].score;

	if (c->rules->cosines)
		return c->items[i].score;
	return most > least ? (c->items[i].score - least) / (most - least) : 1;
}

static size_t /* count: none */
most_worthy(struct choice *c)
{
	double lambda = c->rules->mmr, best_worth = 0;
	size_t best = c->count;

	for (size_t i = 0; i < c->count; i++) {
		struct state *s = &c->states[i];
		double worth;

		s->gone = !eligible(c, s); /* what is not now will not be */
		if (s->gone)
			continue;
		worth = lambda * relevance(c, i);
		worth -= (1 - lambda) * s->nearest;
		if (best == c->count || worth > best_worth) {
			best = i;
			best_worth = worth;
		}
	}
	return best;
}

static void
diverse(struct choice *c, size_t *chosen)
{
	while (c->hits < c->rules->limit) {
		size_t best = most_worthy(c);
		const float *unit;

		if (best == c->count)
			return;
		take(c, best, chosen);
		unit = c->items[best].unit;
		for (size_t i = 0; i < c->count; i++) {
			const float *other = c->items[i].unit;
			double like = 0;

			if (c->states[i].gone)
				continue;
			if (unit != NULL && other != NULL)
				like = (double)vec_dot(unit, other, c->rules->dims);
			if (c->hits == 1 || like > c->states[i].nearest)
				c->states[i].nearest = like;
		}
	}
}

size_t
search_choose(const struct search_rules *rules, const struct search_candidate *items,
    size_t count, size_t *chosen)
{
	struct choice c = {.rules = rules, .items = items, .count = count};

	if (count == 0 || rules->limit == 0)
		return 0;
	c.states = mem_zero(count, sizeof(*c.states));
	c.contents = mem_zero(count, sizeof(*c.contents));
	c.documents = mem_zero(count, sizeof(*c.documents));
	number(&c);
	if (rules->mmr >= 0)
		diverse(&c, chosen);
	else
		in_order(&c, chosen);
	free(c.states);
	free(c.contents);
	free(c.documents);
	return c.hits;
}

/* --- neighbours ----------------------------------------------------------- */

/* More than this is no white space that a splitter left out. */
enum { GAP_MAX = 1024 };

static int
places_itself(const struct search_piece *p)
{
	return p->start >= 0 && p->end >= p->start && (uint64_t)(p->end - p->start) == p->content.n;
}

/* Append b to text, of which byte 0 is byte `start` of the document and the
 * end is byte `end`. 0 when the offsets do not allow it. */
static int
join_by_offsets(struct buf *out, size_t text, int64_t end, const struct search_piece *b)
{
	size_t shared, have = out->len - text;

	if (b->start > end) {
		if (b->start - end > GAP_MAX)
			return 0;
		for (int64_t i = end; i < b->start; i++)
			buf_byte(out, b->start - end > 1 ? '\n' : ' ');
		buf_slice(out, b->content);
		return 1;
	}
	if ((uint64_t)(end - b->start) > have)
		return 0;
	shared = (size_t)(end - b->start);
	if (shared > b->content.n)
		shared = b->content.n;
	if (shared && memcmp(out->data + out->len - (size_t)(end - b->start), b->content.p, shared) != 0)
		return 0;
	if (b->content.n > shared)
		buf_add(out, b->content.p + shared, b->content.n - shared);
	return 1;
}

struct search_span
search_join(const struct search_piece *pieces, size_t count, size_t hit, struct buf *out)
{
	struct search_span s = {hit, 1, -1, -1};
	size_t last = hit, text = out->len;

	while (s.first > 0 && pieces[s.first - 1].index == pieces[s.first].index - 1)
		s.first--;
	while (last + 1 < count && pieces[last + 1].index == pieces[last].index + 1)
		last++;
	s.count = last - s.first + 1;
	buf_slice(out, pieces[s.first].content);
	if (places_itself(&pieces[s.first])) {
		s.start = pieces[s.first].start;
		s.end = pieces[s.first].end;
	}
	for (size_t i = s.first + 1; i <= last; i++) {
		const struct search_piece *b = &pieces[i];

		if (s.start >= 0 && places_itself(b) && join_by_offsets(out, text, s.end, b)) {
			s.end = b->end > s.end ? b->end : s.end;
			continue;
		}
		s.start = s.end = -1;
		buf_byte(out, '\n');
		buf_slice(out, b->content);
	}
	return s;
}

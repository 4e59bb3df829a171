#include "store/sqlite_search.h"

#include <stdlib.h>

#include "store/web.h"

enum {
	TOKENS_MAX = 16384,   /* of one query, as a guard against whole books */
	DISTINCT_MAX = 1024
};

struct gathering {
	struct terms *out;
	struct slice text;
	size_t room, tokens;
};

void
terms_free(struct terms *t)
{
	free(t->items);
	arena_free(&t->arena);
	memset(t, 0, sizeof(*t));
}

void
terms_add_quoted(struct buf *b, struct slice text)
{
	buf_byte(b, '"');
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '"')
			buf_byte(b, '"');
		buf_byte(b, text.p[i]);
	}
	buf_byte(b, '"');
}

static struct slice
copy(struct terms *t, struct slice s)
{
	return (struct slice){arena_bytes(&t->arena, s.p, s.n), s.n};
}

/* Add a term unless it is there already. */
static void
add_term(struct gathering *g, struct slice text, struct slice stem)
{
	struct terms *t = g->out;

	for (size_t i = 0; i < t->count; i++) {
		const struct term *other = &t->items[i];

		if (stem.p ? slice_equal(other->stem, stem) && other->stem.p != NULL
		           : other->stem.p == NULL && slice_equal(other->text, text))
			return;
	}
	if (t->count == DISTINCT_MAX)
		return;
	mem_grow(&t->items, &g->room, t->count + 1, sizeof(*t->items));
	t->items[t->count++] = (struct term){
		.text = copy(t, text),
		.stem = stem.p ? copy(t, stem) : SLICE_NONE,
	};
}

/* A token of plain text is a term. What is looked for is the text as written:
 * stemming a stem again may give another one. */
static int
on_token(void *arg, int flags, const char *token, int n, int start, int end)
{
	struct gathering *g = arg;
	struct slice text = {g->text.p + start, (size_t)(end - start)};

	(void)flags;
	if (++g->tokens > TOKENS_MAX)
		return SQLITE_DONE;
	add_term(g, text, (struct slice){token, (size_t)n});
	return SQLITE_OK;
}

struct one_part {
	size_t tokens;
	struct slice stem; /* the first */
	struct arena *arena;
};

static int
on_part_token(void *arg, int flags, const char *token, int n, int start, int end)
{
	struct one_part *p = arg;

	(void)flags;
	(void)start;
	(void)end;
	if (p->tokens++ == 0)
		p->stem = (struct slice){arena_bytes(p->arena, token, (size_t)n), (size_t)n};
	return SQLITE_OK;
}

/* How many tokens text has: *out, and the first of them. */
static int
look_at(struct keyword *k, struct terms *t, struct slice text, struct one_part *out, struct err *e)
{
	*out = (struct one_part){.arena = &t->arena};
	return keyword_tokenize(k, text, FTS5_TOKENIZE_QUERY, out, on_part_token, e);
}

/* A word or phrase that is looked for as it is. */
static int
add_whole(struct keyword *k, struct gathering *g, struct slice text, int *any, struct err *e)
{
	struct one_part p;
	int rc = look_at(k, g->out, text, &p, e);

	*any = rc == 0 && p.tokens > 0;
	if (*any)
		add_term(g, text, p.tokens == 1 ? p.stem : SLICE_NONE);
	return rc;
}

static int
add_words(struct keyword *k, struct gathering *g, struct err *e)
{
	const char *p = g->text.p, *end = p + g->text.n;
	int any, rc = 0;

	while (rc == 0 && p < end) {
		const char *start;

		while (p < end && (unsigned char)*p <= ' ')
			p++;
		start = p;
		while (p < end && (unsigned char)*p > ' ')
			p++;
		if (p > start && ++g->tokens <= TOKENS_MAX)
			rc = add_whole(k, g, (struct slice){start, (size_t)(p - start)}, &any, e);
	}
	return rc;
}

/* The expressions of the web syntax: (a OR b) AND (c), and what is excluded. */
static int
add_web(struct keyword *k, struct gathering *g, struct err *e)
{
	struct terms *t = g->out;
	struct buf required = {0}, excluded = {0};
	struct web_query web;
	size_t group = (size_t)-1, groups = 0;
	int rc = 0;

	web_parse(g->text, &t->arena, &web);
	for (size_t i = 0; rc == 0 && i < web.count; i++) {
		const struct web_part *part = &web.parts[i];
		struct one_part p;
		int any;

		if (part->exclude) {
			rc = look_at(k, t, part->text, &p, e);
			if (rc != 0 || p.tokens == 0)
				continue;
			buf_string(&excluded, excluded.len ? " OR " : "");
			terms_add_quoted(&excluded, part->text);
			continue;
		}
		rc = add_whole(k, g, part->text, &any, e);
		if (rc != 0 || !any)
			continue;
		if (part->group != group) {
			buf_string(&required, groups++ ? ") AND (" : "(");
			group = part->group;
		} else {
			buf_string(&required, " OR ");
		}
		terms_add_quoted(&required, part->text);
	}
	if (groups > 1) {
		buf_byte(&required, ')');
		t->required = arena_bytes(&t->arena, required.data, required.len);
	}
	if (excluded.len)
		t->excluded = arena_bytes(&t->arena, excluded.data, excluded.len);
	buf_free(&required);
	buf_free(&excluded);
	return rc;
}

static int
rarer(const void *a, const void *b)
{
	const struct term *x = a, *y = b;

	if (x->documents != y->documents)
		return x->documents < y->documents ? -1 : 1;
	return x->text.p < y->text.p ? -1 : x->text.p > y->text.p;
}

/* Rarest first. Terms without a count stay in the order of the query. */
static int
sort_terms(struct keyword *k, struct terms *t, struct err *e)
{
	struct term *sorted = mem_alloc((t->count + 1) * sizeof(*sorted));
	struct term *common = mem_alloc((t->count + 1) * sizeof(*common));
	size_t n = 0, commons = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < t->count; i++) {
		struct term *term = &t->items[i];

		if (term->stem.p != NULL)
			rc = keyword_common(k, term->stem, &term->documents, e);
		if (term->documents > 0)
			common[commons++] = *term;
		else
			sorted[n++] = *term;
	}
	qsort(common, commons, sizeof(*common), rarer);
	memcpy(sorted + n, common, commons * sizeof(*common));
	free(common);
	free(t->items);
	t->items = sorted;
	if (t->count > TERMS_MAX)
		t->count = TERMS_MAX;
	return rc;
}

int
keyword_terms(struct keyword *k, struct slice text, int web, struct terms *out, struct err *e)
{
	struct gathering g = {.out = out, .text = text};
	int rc;

	memset(out, 0, sizeof(*out));
	if (web)
		rc = add_web(k, &g, e);
	else if (keyword_by_phrase(k))
		rc = add_words(k, &g, e);
	else
		rc = keyword_tokenize(k, text, FTS5_TOKENIZE_QUERY, &g, on_token, e);
	if (rc == 0)
		rc = sort_terms(k, out, e);
	if (rc != 0)
		terms_free(out);
	return rc;
}

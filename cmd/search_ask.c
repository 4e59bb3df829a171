#include "search_tool.h"

#include <math.h>
#include <stdlib.h>

#include "base/json.h"
#include "store/web.h"

/* Weights of a model that suggests none: the vector counts more. */
static const double WEIGHT_VECTOR = 0.7, WEIGHT_KEYWORD = 0.3;

static int
differs(struct tool *t, int code, const char *whose, const char *model, struct err *e)
{
	err_set(e, code, "collection %s holds vectors of %s, but %s is %s", t->collection.name,
	    t->collection.model, whose, model);
	return err_hint(e, "name the model with --model, or search by words alone: --mode keyword");
}

/* The model that is asked for: where the collection's is behind an API, that one unless another is named. */
static const char *
model_name(const struct tool *t)
{
	const struct collection *c = &t->collection;

	if (t->set->model != NULL)
		return t->set->model;
	return c->api_base != NULL && c->model != NULL ? c->model : "local";
}

/* A query goes nowhere but where the collection was made, unless the user says so for this very
 * search: neither the environment nor a store shall send it elsewhere. */
static int
check_base(struct tool *t, struct err *e)
{
	const char *recorded = t->collection.api_base, *ours = embed_api_base(t->embedder);

	if (ours == NULL || recorded == NULL || t->base_given || strcmp(ours, recorded) == 0)
		return 0;
	err_set(e, C1V_CONFIG, "collection %s was made with the API at %.150s, the query would go to %.150s",
	    t->collection.name, recorded, ours);
	return err_hint(e, "--api-base URL says where to; --mode keyword asks none");
}

/* The dimensions to ask for. OpenAI's newer models make vectors of any length on demand: then it
 * must be the collection's. */
static int64_t
wanted_dims(const struct tool *t, const char *model)
{
	if (t->set->dims > 0)
		return t->set->dims;
	return strncmp(model, "text-embedding-3", 16) == 0 ? (int64_t)t->collection.dims : 0;
}

static struct spending_options
spending_options(struct tool *t, const char *model)
{
	const struct cost_settings *s = &t->set->cost;

	return (struct spending_options){
		.model = model, .shipped = cli_share(&t->arena, "prices.json"), .lists = s->prices.items,
		.list_count = s->prices.count, .ledger = s->ledger, .wait = s->wait, .user = s->user,
		.project = s->project, .tool = "c1v-search", .log = &t->cli->log
	};
}

/* Open the model that queries are embedded with: it must be the collection's. */
static int
open_model(struct tool *t, struct err *e)
{
	const char *name = model_name(t);
	struct cache_options cache = cache_options_from(&t->set->cache, 1, &t->cli->log, cli_signal);
	struct embed_options o = {
		.base = t->set->api_base, .dims = wanted_dims(t, name), .expect = (int64_t)t->collection.dims, .timeout = 30,
		.cache = t->set->no_cache ? NULL : &cache, .spend = spending_of(&t->spending)
	};
	struct spending_options paying;
	int rc;

	if (t->embedder != NULL)
		return 0;
	paying = spending_options(t, name);
	spending_later(&t->spending, &paying);
	o.share = cli_share(&t->arena, NULL);
	rc = embed_open_with(name, &o, &t->embedder, e);
	if (rc != 0)
		return rc;
	if (t->collection.model != NULL && strcmp(embed_model(t->embedder), t->collection.model) != 0)
		return differs(t, C1V_CONFIG, t->set->model ? "the model asked for" : "the default model",
		    embed_model(t->embedder), e);
	if (check_base(t, e) != 0)
		return e->code;
	if (!t->weights_given)
		embed_weights(t->embedder, &t->weight_vector, &t->weight_keyword);
	return 0;
}

/* The model's own weights for a query that brought its vector along. With one leg alone there is
 * nothing to weigh, and no model to be opened for it. */
static void
suggested_weights(struct tool *t)
{
	struct err ignored;

	if (t->embedder_tried || t->weights_given || t->set->mode != SEARCH_HYBRID)
		return;
	t->embedder_tried = 1;
	t->weight_vector = WEIGHT_VECTOR;
	t->weight_keyword = WEIGHT_KEYWORD;
	if (open_model(t, &ignored) != 0 && t->embedder != NULL) {
		embed_close(t->embedder);
		t->embedder = NULL;
	}
}

static int
own_vector(struct tool *t, const struct ask *a, struct err *e)
{
	if (a->model.p != NULL && t->collection.model != NULL && !slice_is(a->model, t->collection.model))
		return differs(t, C1V_DATA, "the model of the query", arena_bytes(&t->one, a->model.p, a->model.n), e);
	if (a->dims != t->collection.dims)
		return err_set(e, C1V_DATA, "the query's vector has %zu dimensions, the collection's have %zu",
		    a->dims, t->collection.dims);
	memcpy(t->vector, a->vector, a->dims * sizeof(float));
	suggested_weights(t);
	return 0;
}

/* What is embedded: the query as the user meant it, and the context. */
static struct slice
text_to_embed(struct tool *t, const struct ask *a)
{
	struct web_query web;
	struct buf b = {0};
	struct slice out;

	if (t->set->web) {
		web_parse(a->text, &t->one, &web);
		web_plain(&web, &b);
	} else {
		buf_slice(&b, a->text);
	}
	if (b.len > 0 && a->context.n > 0) {
		buf_string(&b, "\n\nCurrent context: ");
		buf_slice(&b, a->context);
	}
	out = (struct slice){arena_bytes(&t->one, b.data, b.len), b.len};
	buf_free(&b);
	return out;
}

/* What words are looked for. */
static struct slice
text_to_match(struct tool *t, const struct ask *a)
{
	struct buf b = {0};
	struct slice out;

	if (a->context.n == 0 || t->set->web)
		return a->text;
	buf_slice(&b, a->text);
	buf_string(&b, "\n\n");
	buf_slice(&b, a->context);
	out = (struct slice){arena_bytes(&t->one, b.data, b.len), b.len};
	buf_free(&b);
	return out;
}

/* *has: is there a vector in t->vector now? */
static int
embed_query(struct tool *t, const struct ask *a, int *has, struct err *e)
{
	struct slice text = text_to_embed(t, a);
	uint8_t known = 0;
	int rc;

	if (text.n == 0)
		return 0;
	rc = open_model(t, e);
	if (rc == 0 && embed_dims(t->embedder) != t->collection.dims)
		rc = err_set(e, C1V_CONFIG, "model %s has %zu dimensions, the collection's vectors have %zu",
		    embed_model(t->embedder), embed_dims(t->embedder), t->collection.dims);
	if (rc == 0)
		rc = embed_texts(t->embedder, EMBED_QUERY, &text, 1, t->vector, &known, e);
	*has = rc == 0 && known;
	return rc;
}

/* The filter of the options and that of the query. *own is to be freed. */
static int
choose_filter(struct tool *t, const struct ask *a, struct filter **own, struct search_query *q,
    struct err *e)
{
	int rc = 0;

	q->filter = *own ? *own : t->filter;
	if (a->filter.p != NULL) {
		for (size_t i = 0; rc == 0 && *own == NULL && i < t->set->filters.count; i++)
			rc = filter_add(own, t->set->filters.items[i], e);
		if (rc == 0)
			rc = filter_add(own, arena_bytes(&t->one, a->filter.p, a->filter.n), e);
		q->filter = *own;
	}
	q->same_filter = *own == NULL && t->searched;
	t->searched = *own == NULL;
	return rc;
}

static void
fill_query(struct tool *t, struct search_query *q)
{
	const struct settings *s = t->set;

	q->web = s->web;
	q->dims = t->collection.dims;
	q->mode = (enum search_mode)s->mode;
	q->fuse = (enum search_fuse)s->fuse;
	q->rrf_k = s->rrf_k;
	q->limit = (size_t)s->limit;
	q->candidates = (size_t)s->candidates;
	q->min_score = s->min_score;
	q->exact = s->exact;
	q->ef_search = s->ef_search;
	q->probes = s->probes;
	q->no_collapse = s->no_collapse;
	q->per_document = (size_t)s->per_document;
	q->mmr = s->mmr;
}

int
ask(struct tool *t, const struct ask *a, struct search_query *q, struct err *e)
{
	struct filter *own = NULL;
	const char *exclude = NULL;
	int has = 0, rc = 0;

	memset(q, 0, sizeof(*q));
	fill_query(t, q);
	if (t->set->similar_to != NULL) {
		rc = ask_similar(t, t->set->similar_to, &own, &exclude, e);
		has = rc == 0;
		if (rc == 0)
			suggested_weights(t);
	} else if (q->mode != SEARCH_KEYWORD && t->collection.vectors > 0) {
		rc = a->vector != NULL ? own_vector(t, a, e) : embed_query(t, a, &has, e);
		has |= rc == 0 && a->vector != NULL;
	}
	q->vector = has ? t->vector : NULL;
	q->text = text_to_match(t, a);
	q->exclude_id = exclude;
	q->weight_vector = t->weight_vector;
	q->weight_keyword = t->weight_keyword;
	if (rc == 0)
		rc = choose_filter(t, a, &own, q, e);
	if (rc == 0) {
		rc = store_search(t->store, q, &t->hits, e);
		t->store_failed = rc != 0;
	}
	filter_free(own);
	return rc;
}

/* --- a query like something that is stored ---------------------------------------- */

struct likeness {
	struct tool *t;
	const char *id;
	uint64_t vectors;
	int is_document;
};

/* Vectors of a document's chunks are added up: their mean direction. */
static int
add_like(void *arg, const struct stored_chunk *c, struct err *e)
{
	struct likeness *l = arg;
	double norm = 0;

	(void)e;
	l->is_document |= !slice_is(c->id, l->id);
	if (c->vector == NULL || c->dims != l->t->collection.dims)
		return 0;
	for (size_t i = 0; i < c->dims; i++)
		norm += (double)c->vector[i] * (double)c->vector[i];
	norm = norm > 0 ? sqrt(norm) : 1;
	for (size_t i = 0; i < c->dims; i++)
		l->t->vector[i] += (float)((double)c->vector[i] / norm);
	l->vectors++;
	return 0;
}

int
ask_similar(struct tool *t, const char *id, struct filter **f, const char **exclude, struct err *e)
{
	struct likeness l = {.t = t, .id = id};
	int rc;

	memset(t->vector, 0, t->collection.dims * sizeof(float));
	rc = store_get(t->store, slice_of(id), add_like, &l, e);
	if (rc == C1V_NO)
		return err_set(e, C1V_NO, "--similar-to: there is no chunk or document %s in collection %s",
		    id, t->collection.name);
	if (rc != 0)
		return rc;
	if (l.vectors == 0)
		return err_set(e, C1V_NO, "--similar-to: %s has no vector", id);
	*exclude = l.is_document ? NULL : id;
	if (l.is_document) {
		struct buf b = {0};

		buf_string(&b, "{\"$doc\":{\"$ne\":");
		json_add_string(&b, slice_of(id));
		buf_string(&b, "}}");
		for (size_t i = 0; rc == 0 && i < t->set->filters.count; i++)
			rc = filter_add(f, t->set->filters.items[i], e);
		if (rc == 0)
			rc = filter_add(f, buf_cstr(&b), e);
		buf_free(&b);
	}
	return rc;
}

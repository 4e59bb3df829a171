/* c1v-search: ranked chunks for a query, or for each of many. */

#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/utf8.h"
#include "search_tool.h"

static const struct opt where[] = {
	STORE_OPTIONS(struct settings),
	{ .letter = 'm', .name = "model", .kind = OPT_STRING, .offset = offsetof(struct settings, model),
	  .argument = "MODEL", .help = "the model that embeds queries: local, local:FILE or one behind an API (default: the collection's, or local)",
	  .env = "C1V_MODEL" },
	{ .name = "api-base", .kind = OPT_STRING, .offset = offsetof(struct settings, api_base),
	  .argument = "URL", .help = "where the API of that model is (default: OpenAI's)",
	  .env = "OPENAI_BASE_URL" },
	{ .name = "dims", .kind = OPT_INT, .offset = offsetof(struct settings, dims), .argument = "N", .max = 16384,
	  .help = "ask that model for vectors of so many dimensions (default: its own; text-embedding-3: the collection's)" },
	{ .letter = 't', .name = "type", .kind = OPT_CHOICE, .offset = offsetof(struct settings, type),
	  .argument = "TYPE", .help = "queries on standard input: records, or one a line",
	  .fallback = "ndjson", .choices = "ndjson|text" },
	{ .name = "context", .kind = OPT_STRING, .offset = offsetof(struct settings, context),
	  .argument = "TEXT", .help = "what the question is about, added to the query" },
	{ .name = "similar-to", .kind = OPT_STRING, .offset = offsetof(struct settings, similar_to),
	  .argument = "ID", .help = "search for what is like this chunk or document" },
	{ .name = "web", .kind = OPT_FLAG, .offset = offsetof(struct settings, web),
	  .help = "queries have \"phrases\", -excluded words and OR" },
	{ .name = "filter", .kind = OPT_LIST, .offset = offsetof(struct settings, filters),
	  .argument = "FILTER", .help = "only chunks whose metadata fit: JSON or key=value" },
	OPT_END
};

static const struct opt how[] = {
	{ .letter = 'n', .name = "limit", .kind = OPT_INT, .offset = offsetof(struct settings, limit),
	  .argument = "N", .help = "results for a query", .fallback = "10", .min = 1, .max = 1000 },
	{ .name = "mode", .kind = OPT_CHOICE, .offset = offsetof(struct settings, mode),
	  .argument = "MODE", .help = "by vector, by words or by both", .fallback = "hybrid",
	  .choices = "hybrid|vector|keyword" },
	{ .name = "fuse", .kind = OPT_CHOICE, .offset = offsetof(struct settings, fuse),
	  .argument = "HOW", .help = "how both become one ranking", .fallback = "zscore",
	  .choices = "rrf|zscore" },
	{ .name = "rrf-k", .kind = OPT_REAL, .offset = offsetof(struct settings, rrf_k),
	  .argument = "K", .help = "the constant of rrf; 0: weight/rank", .fallback = "60", .max = 10000 },
	{ .name = "weights", .kind = OPT_STRING, .offset = offsetof(struct settings, weights),
	  .argument = "V,K", .help = "of vector and keyword ranks (default: what suits the model)" },
	{ .name = "candidates", .kind = OPT_INT, .offset = offsetof(struct settings, candidates),
	  .argument = "N", .help = "of each ranking before they are fused (default: as many as the results need)",
	  .min = 1, .max = 100000 },
	{ .name = "min-score", .kind = OPT_REAL, .offset = offsetof(struct settings, min_score),
	  .argument = "COSINE", .help = "drop less similar chunks from the vector ranking",
	  .min = -1, .max = 1 },
	{ .name = "exact", .kind = OPT_FLAG, .offset = offsetof(struct settings, exact),
	  .help = "compare every vector in full" },
	{ .name = "per-document", .kind = OPT_INT, .offset = offsetof(struct settings, per_document),
	  .argument = "N", .help = "at most so many chunks of one document", .min = 1, .max = 1000 },
	{ .name = "mmr", .kind = OPT_REAL, .offset = offsetof(struct settings, mmr),
	  .argument = "LAMBDA", .help = "diversity: 1 is relevance alone, 0 is variety alone", .max = 1 },
	{ .name = "no-collapse", .kind = OPT_FLAG, .offset = offsetof(struct settings, no_collapse),
	  .help = "show identical content each time" },
	{ .name = "neighbors", .kind = OPT_INT, .offset = offsetof(struct settings, neighbors),
	  .argument = "N", .help = "widen each result by so many chunks on either side", .max = 100 },
	OPT_END
};

static const struct opt output[] = {
	{ .name = "fields", .kind = OPT_STRING, .offset = offsetof(struct settings, fields),
	  .argument = "LIST", .help = "only these fields of a result, separated by commas" },
	{ .name = "explain", .kind = OPT_FLAG, .offset = offsetof(struct settings, explain),
	  .help = "say how each result came about, rows and times" },
	{ .name = "json", .kind = OPT_FLAG, .offset = offsetof(struct settings, json),
	  .help = "records, on a terminal too" },
	{ .name = "pretty", .kind = OPT_FLAG, .offset = offsetof(struct settings, pretty),
	  .help = "a list for people, in a pipe too" },
	{ .name = "rejects", .kind = OPT_STRING, .offset = offsetof(struct settings, rejects),
	  .argument = "FILE", .help = "write queries that failed to FILE", .flags = OPT_FILES },
	{ .name = "strict", .kind = OPT_FLAG, .offset = offsetof(struct settings, strict),
	  .help = "stop at the first bad query" },
	{ .name = "max-record", .kind = OPT_SIZE, .offset = offsetof(struct settings, max_record),
	  .argument = "BYTES", .help = "longest query record", .fallback = "64M", .min = 1024,
	  .max = 1073741824 },
	OPT_END
};

static const struct opt postgres[] = {
	STORE_POSTGRES_OPTIONS(struct settings),
	{ .name = "ef-search", .kind = OPT_INT, .offset = offsetof(struct settings, ef_search),
	  .argument = "N", .help = "candidates that an HNSW index keeps (default: what the search needs)",
	  .min = 1, .max = 1000 },
	{ .name = "probes", .kind = OPT_INT, .offset = offsetof(struct settings, probes),
	  .argument = "N", .help = "lists of an IVFFlat index that are looked at (default: what the search needs)",
	  .min = 1, .max = 32768 },
	OPT_END
};

static const struct opt costs[] = { COST_OPTIONS(struct settings), OPT_END };
static const struct opt memory[] = {
	CACHE_OPTIONS(struct settings),
	{ .name = "no-cache", .kind = OPT_FLAG, .offset = offsetof(struct settings, no_cache),
	  .help = "neither look vectors of queries up nor keep them" },
	OPT_END
};
static const struct opt common[] = { CLI_OPTIONS(struct settings), OPT_END };

static const struct opt_spec spec = {
	.tool = "c1v-search",
	.purpose = "find in a store by meaning and by words",
	.synopsis = "[OPTION]… [QUERY]…",
	.tables = (const struct opt *const[]){where, how, output, postgres, costs, memory, common, NULL},
	.sections = (const char *const[]){"What is searched", "How", "Output", "PostgreSQL", "Costs", "Vectors that were made before", "Common options"},
	.files = "words",
};

/* --- settings -------------------------------------------------------------- */

static int
read_weights(struct tool *t)
{
	const char *list = t->set->weights, *comma = list ? strchr(list, ',') : NULL;
	struct err *e = &t->cli->err;

	if (list == NULL)
		return 0;
	if (comma == NULL)
		return cli_usage(t->cli, "--weights: wanted are two numbers, as in 0.7,0.3");
	if (num_real((struct slice){list, (size_t)(comma - list)}, 0, 1e6, &t->weight_vector, "--weights", e) ||
	    num_real(slice_of(comma + 1), 0, 1e6, &t->weight_keyword, "--weights", e))
		return e->code;
	if (t->weight_vector + t->weight_keyword <= 0)
		return cli_usage(t->cli, "--weights: one of them must be greater than 0");
	t->weights_given = 1;
	return 0;
}

static int
read_settings(struct tool *t, struct settings *s)
{
	struct cli *c = t->cli;

	if (!opt_given(&spec, &c->args, offsetof(struct settings, min_score)))
		s->min_score = -2;
	if (!opt_given(&spec, &c->args, offsetof(struct settings, mmr)))
		s->mmr = -1;
	t->base_given = opt_origin_of(&spec, &c->args, offsetof(struct settings, api_base)) == OPT_COMMAND;
	/* The table's choices stand in the order of its help. */
	s->fuse = s->fuse == 0 ? FUSE_RRF : FUSE_ZSCORE;
	if (s->json && s->pretty)
		return cli_usage(c, "--json and --pretty: only one of them");
	if (s->similar_to != NULL && c->args.operand_count > 0)
		return cli_usage(c, "--similar-to: no query can be given with it");
	if (s->explain && c->log.level > LOG_INFO)
		c->log.level = LOG_INFO;
	t->human = s->pretty || (!s->json && isatty(STDOUT_FILENO));
	if (fields_parse(s->fields, &t->fields, &c->err) != 0 || read_weights(t) != 0)
		return c->err.code;
	for (size_t i = 0; i < s->filters.count; i++)
		if (filter_add(&t->filter, s->filters.items[i], &c->err) != 0)
			return err_prefix(&c->err, "--filter");
	return 0;
}

static int
open_store(struct tool *t)
{
	struct err *e = &t->cli->err;
	struct store_options o = store_options_from(&t->set->where, STORE_READ, &t->cli->log, NULL);
	int rc = store_open(&o, &t->store, e);

	if (rc == 0)
		rc = store_collection(t->store, &t->collection, e);
	if (rc == 0)
		t->vector = mem_zero(t->collection.dims + 1, sizeof(*t->vector));
	return rc;
}

/* --- one query --------------------------------------------------------------- */

static void
explain(struct tool *t)
{
	const struct search_trace *r = &t->hits.trace;
	struct buf b = {0};

	buf_format(&b, "\"results\":%zu,\"chunks\":%llu,\"allowed\":%llu,\"vectors_scanned\":%llu,"
	    "\"rescored\":%llu,\"keyword_entries\":%llu,\"keyword_ms\":%.3f,\"vector_ms\":%.3f,"
	    "\"fuse_ms\":%.3f,\"fetch_ms\":%.3f,\"total_ms\":%.3f", t->hits.count,
	    (unsigned long long)t->collection.chunks, (unsigned long long)r->allowed,
	    (unsigned long long)r->vectors_scanned, (unsigned long long)r->rescored,
	    (unsigned long long)r->keyword_rows, r->keyword_ms, r->vector_ms, r->fuse_ms, r->fetch_ms,
	    r->total_ms);
	log_event(&t->cli->log, LOG_INFO, "search", buf_cstr(&b), "%s", r->short_by_filter
	    ? "fewer results than asked for, because of the filter" : "searched");
	buf_free(&b);
}

/* Search, and write what is found. */
static int
answer(struct tool *t, const struct ask *a, struct err *e)
{
	struct search_query q;
	int rc = ask(t, a, &q, e);

	if (rc == 0 && t->set->neighbors > 0)
		rc = neighbors_add(t, t->set->neighbors, e);
	if (rc == 0) {
		t->queries++;
		t->found += t->hits.count > 0;
		rc = t->human ? show_write(t, a) : json_write(t, a, &q);
	}
	if (rc == 0 && t->set->explain)
		explain(t);
	arena_reset(&t->one);
	return rc;
}

static int
check_text(struct slice text, struct err *e)
{
	if (utf8_valid(text.p, text.n) != text.n)
		return err_set(e, C1V_DATA, "the query is not valid UTF-8");
	if (memchr(text.p, '\0', text.n) != NULL)
		return err_set(e, C1V_DATA, "the query holds U+0000");
	return 0;
}

static int
answer_words(struct tool *t)
{
	struct ask a = {.context = slice_of(t->set->context)};
	const struct opt_result *args = &t->cli->args;
	struct buf text = {0};
	int rc;

	for (size_t i = 0; i < args->operand_count; i++) {
		if (i > 0)
			buf_byte(&text, ' ');
		buf_string(&text, args->operands[i]);
	}
	if (t->set->similar_to == NULL)
		a.text = buf_as_slice(&text);
	rc = check_text(buf_as_slice(&text), &t->cli->err);
	if (rc == 0 && a.context.p != NULL)
		rc = check_text(a.context, &t->cli->err);
	if (rc == 0)
		rc = answer(t, &a, &t->cli->err);
	buf_free(&text);
	return rc != 0 ? rc : t->found ? C1V_OK : C1V_NO;
}

/* --- many queries -------------------------------------------------------------- */

struct scratch {
	struct buf text, context, model;
	struct floats vector;
};

static int
read_query(struct slice line, struct ask *a, struct scratch *s, struct err *e)
{
	struct record r;
	int rc = record_scan(line, &r, e);

	if (rc != 0)
		return rc;
	s->text.len = s->context.len = s->model.len = 0;
	if (record_text(r.query, "query", &s->text, &a->text, e) < 0 ||
	    record_text(r.context, "context", &s->context, &a->context, e) < 0 ||
	    record_text(r.model, "model", &s->model, &a->model, e) < 0)
		return e->code;
	if (a->text.p == NULL)
		return err_set(e, C1V_DATA, "the record has no query");
	if (r.filter.p != NULL && json_type(r.filter) != JSON_NULL) {
		if (json_type(r.filter) != JSON_OBJECT)
			return err_set(e, C1V_DATA, "filter: is not an object");
		a->filter = r.filter;
	}
	if (r.id.p != NULL && json_type(r.id) != JSON_NULL)
		a->id = r.id;
	rc = record_vector(&r, &s->vector, e);
	if (rc < 0)
		return e->code;
	if (rc > 0) {
		a->vector = s->vector.v;
		a->dims = s->vector.count;
	}
	return 0;
}

static int
answer_line(struct tool *t, const struct line *line, struct scratch *s, struct err *e)
{
	struct ask a = {.text = line->text, .context = slice_of(t->set->context), .numbered = 1};
	struct slice given = a.context;
	int rc = 0;

	if (line->too_long)
		return err_set(e, C1V_DATA, "the line is longer than --max-record");
	if (t->set->type == QUERY_TEXT) {
		rc = check_text(a.text, e);
	} else {
		a.text = a.context = SLICE_NONE;
		rc = read_query(line->text, &a, s, e);
		if (a.context.p == NULL)
			a.context = given;
	}
	return rc != 0 ? rc : answer(t, &a, e);
}

/* Is a query to blame, so that the next one may fare better? */
static int
bad_query(const struct tool *t, int rc)
{
	return !t->store_failed && (rc == C1V_DATA || rc == C1V_USAGE);
}

static int
flush_output(void *arg, struct err *e)
{
	return out_flush(arg, e);
}

static int
answer_input(struct tool *t)
{
	struct input_options o = {.max_line = (size_t)t->set->max_record};
	struct rejects rejects;
	struct scratch s = {0};
	struct input *in;
	struct line line;
	struct err why;
	int rc = rejects_open(&rejects, &t->cli->log, t->set->rejects, t->set->strict, &t->cli->err), end;

	if (rc != 0)
		return rc;
	in = input_open(&o);
	input_on_idle(in, flush_output, &t->cli->out);
	while (rc == 0 && (end = input_line(in, &line, &t->cli->err)) != 0) {
		if (end < 0) {
			rc = t->cli->err.code;
			break;
		}
		rc = answer_line(t, &line, &s, &why);
		if (rc == 0)
			rejects.good++;
		else if (bad_query(t, rc))
			rc = rejects_add(&rejects, &line, &why, &t->cli->err);
		else
			t->cli->err = why;
	}
	input_close(in);
	buf_free(&s.text);
	buf_free(&s.context);
	buf_free(&s.model);
	free(s.vector.v);
	end = rejects_close(&rejects, rc ? NULL : &t->cli->err);
	if (rc == 0)
		rc = end;
	return rc != 0 ? rc : t->found || t->queries == 0 ? C1V_OK : C1V_NO;
}

/* --- main ------------------------------------------------------------------------ */

static void
close_tool(struct tool *t)
{
	struct err ignored;

	search_hits_free(&t->hits);
	if (t->embedder != NULL && embed_totals(t->embedder).spared > 0)
		spending_spared(&t->spending, embed_totals(t->embedder).spared);
	embed_close(t->embedder);
	spending_close(&t->spending, &ignored); /* what fails is said; the answers are there */
	filter_free(t->filter);
	if (t->store != NULL)
		store_close(t->store, &ignored); /* it was only read */
	free(t->vector);
	arena_free(&t->arena);
	arena_free(&t->one);
}

int
main(int argc, char **argv)
{
	struct settings s = {0};
	struct cli c;
	struct tool t = {.cli = &c, .set = &s};
	int rc;

	mem_keep();
	rc = cli_start(&c, &spec, argc, argv, &s, &s.common);
	if (rc != CLI_GO)
		return rc;
	rc = read_settings(&t, &s);
	if (rc == 0 && c.args.operand_count == 0 && s.similar_to == NULL && isatty(STDIN_FILENO))
		rc = cli_usage(&c, "no query: give its words, or queries on standard input");
	if (rc == 0) {
		rc = open_store(&t);
		if (rc == 0)
			rc = c.args.operand_count > 0 || s.similar_to != NULL ? answer_words(&t) : answer_input(&t);
		if (rc == C1V_NO && c.err.code == C1V_NO)
			log_err(&c.log, &c.err);
	}
	close_tool(&t);
	return cli_finish(&c, rc);
}

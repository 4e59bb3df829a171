/* c1v-embed: records in, the same records with vectors out. See c1v-embed(1). */
#include "base/json.h"
#include "base/utf8.h"
#include "embed_tool.h"

enum { ENCODING_ARRAY, ENCODING_BASE64 };
enum { TYPE_NDJSON, TYPE_TEXT };
enum { TEMPLATE_C1V, TEMPLATE_SEED };
enum { WITH_NOTHING, WITH_HEADINGS };

#define MEMBER(m) offsetof(struct settings, m)

static const struct opt own[] = {
	{ .letter = 'm', .name = "model", .kind = OPT_STRING, .offset = MEMBER(model), .argument = "MODEL",
	  .fallback = "local", .env = "C1V_MODEL", .help = "local, local:FILE, or the name of a model behind an API" },
	{ .name = "encoding", .kind = OPT_CHOICE, .offset = MEMBER(encoding), .argument = "FORM",
	  .fallback = "array", .choices = "array|base64", .env = "C1V_EMBED_ENCODING",
	  .help = "how vectors are written" },
	{ .name = "role", .kind = OPT_CHOICE, .offset = MEMBER(role), .argument = "ROLE", .fallback = "document",
	  .choices = "document|query", .help = "embed content, or the query of query records" },
	{ .name = "with", .kind = OPT_CHOICE, .offset = MEMBER(with), .argument = "WHAT", .fallback = "nothing",
	  .choices = "nothing|headings", .env = "C1V_EMBED_WITH", .help = "what is embedded before the content" },
	{ .name = "force", .kind = OPT_FLAG, .offset = MEMBER(force),
	  .help = "make vectors anew where records have some" },
	{ .letter = 't', .name = "type", .kind = OPT_CHOICE, .offset = MEMBER(type), .argument = "TYPE",
	  .fallback = "ndjson", .choices = "ndjson|text", .help = "records, or plain text with a record a line" },
	{ .name = "batch-size", .kind = OPT_INT, .offset = MEMBER(batch_size), .argument = "N", .fallback = "64",
	  .min = 1, .max = 65536, .help = "texts that are embedded together" },
	{ .name = "max-record", .kind = OPT_SIZE, .offset = MEMBER(max_record), .argument = "BYTES",
	  .fallback = "64M", .min = 1024, .max = 4294967296.0, .env = "C1V_MAX_RECORD", .help = "the longest record" },
	{ .name = "rejects", .kind = OPT_STRING, .offset = MEMBER(rejects), .argument = "FILE",
	  .flags = OPT_FILES | OPT_NO_CONFIG, .help = "write records that were refused to FILE" },
	{ .name = "strict", .kind = OPT_FLAG, .offset = MEMBER(strict), .help = "stop at the first bad record" },
	OPT_END
};
static const struct opt remote[] = {
	{ .name = "api-base", .kind = OPT_STRING, .offset = MEMBER(api_base), .argument = "URL",
	  .env = "OPENAI_BASE_URL", .help = "where the API is (default: OpenAI's)" },
	{ .name = "dims", .kind = OPT_INT, .offset = MEMBER(dims), .argument = "N", .max = 16384,
	  .help = "ask for vectors of so many dimensions (default: the model's own)" },
	{ .name = "concurrency", .kind = OPT_INT, .offset = MEMBER(concurrency), .argument = "N", .fallback = "4",
	  .min = 1, .max = 256, .help = "requests at a time" },
	{ .name = "batch-inputs", .kind = OPT_INT, .offset = MEMBER(batch_inputs), .argument = "N",
	  .fallback = "2048", .min = 1, .max = 65536, .help = "texts in a request, at most" },
	{ .name = "batch-tokens", .kind = OPT_INT, .offset = MEMBER(batch_tokens), .argument = "N",
	  .fallback = "300000", .min = 1, .max = 1e9, .help = "tokens in a request, at most" },
	{ .name = "max-tokens", .kind = OPT_INT, .offset = MEMBER(input_tokens), .argument = "N",
	  .fallback = "8191", .min = 8, .max = 1e9, .help = "tokens in a text, at most" },
	{ .name = "long", .kind = OPT_CHOICE, .offset = MEMBER(longer), .argument = "HOW", .fallback = "fail",
	  .choices = "fail|truncate|split-mean", .help = "what becomes of longer texts" },
	{ .name = "retries", .kind = OPT_INT, .offset = MEMBER(retries), .argument = "N", .fallback = "5",
	  .max = 100, .help = "how often a request is repeated" },
	{ .name = "timeout", .kind = OPT_REAL, .offset = MEMBER(timeout), .argument = "SECONDS", .fallback = "120",
	  .min = 0.01, .max = 86400, .help = "for an answer" },
	{ .name = "connect-timeout", .kind = OPT_REAL, .offset = MEMBER(connect_timeout), .argument = "SECONDS",
	  .fallback = "10", .min = 0.01, .max = 3600, .help = "for a connection" },
	{ .name = "insecure-http", .kind = OPT_FLAG, .offset = MEMBER(insecure_http),
	  .help = "allow plain http to other machines" },
	{ .name = "rate-requests", .kind = OPT_REAL, .offset = MEMBER(rate_requests), .argument = "N", .max = 1e9,
	  .help = "requests a minute, at most" },
	{ .name = "rate-tokens", .kind = OPT_REAL, .offset = MEMBER(rate_tokens), .argument = "N", .max = 1e12,
	  .help = "tokens a minute, at most" },
	OPT_END
};
static const struct opt costs[] = {
	COST_OPTIONS(struct settings),
	{ .name = "budget", .kind = OPT_FLAG, .offset = MEMBER(budget),
	  .help = "spend nothing that does not fit into the budgets" },
	{ .name = "dry-run", .kind = OPT_FLAG, .offset = MEMBER(dry_run),
	  .help = "count records, tokens, dollars and time; ask nobody" },
	{ .name = "usage", .kind = OPT_STRING, .offset = MEMBER(usage), .argument = "FILE",
	  .flags = OPT_FILES | OPT_NO_CONFIG, .help = "append what each answer used to FILE" },
	OPT_END
};
static const struct opt memory[] = {
	CACHE_OPTIONS(struct settings),
	{ .name = "no-cache", .kind = OPT_FLAG, .offset = MEMBER(no_cache), .help = "neither look vectors up nor keep them" },
	{ .name = "refresh", .kind = OPT_FLAG, .offset = MEMBER(refresh), .flags = OPT_NO_CONFIG,
	  .help = "look none up, but keep those that are made" },
	{ .name = "key-template", .kind = OPT_CHOICE, .offset = MEMBER(key_template), .argument = "NAME",
	  .fallback = "c1v", .choices = "c1v|seed", .help = "keys and values as c1v's, or as the seed's applications have them" },
	OPT_END
};
static const struct opt common_options[] = { CLI_OPTIONS(struct settings), OPT_END };

static const struct opt_spec spec = {
	.tool = "c1v-embed",
	.purpose = "add vectors to records",
	.synopsis = "[OPTION]… [FILE]…",
	.tables = (const struct opt *const[]){own, remote, costs, memory, common_options, NULL},
	.sections = (const char *const[]){"Options", "Remote models", "Costs", "Vectors that were made before", "Common options", NULL},
	.files = "files",
};

/* What is ready goes out before a read that would wait. */
static int
flush_when_idle(void *arg, struct err *e)
{
	struct batch *b = arg;
	int rc = batch_flush(b, e);

	if (rc == 0)
		rc = out_flush(b->out, e);
	return rc != 0 ? rc : cli_interrupted(e);
}

/* A line of plain text becomes a record. */
static int
as_record(struct buf *b, struct line *line, int role, struct err *e)
{
	if (utf8_valid(line->text.p, line->text.n) != line->text.n)
		return err_set(e, C1V_DATA, "not valid UTF-8");
	b->len = 0;
	buf_string(b, role == EMBED_QUERY ? "{\"query\":" : "{\"content\":");
	json_add_string(b, line->text);
	buf_byte(b, '}');
	line->text = buf_as_slice(b);
	return 0;
}

/* A line to the batch. When it is refused for good (--strict), what came before
 * it goes out first. */
static int
take(struct batch *b, int type, struct line *line, struct buf *made, struct err *e)
{
	struct err why, other;
	int rc;

	if (type == TYPE_TEXT && !line->too_long && as_record(made, line, (int)b->role, &why) != 0)
		rc = rejects_add(&b->rejects, line, &why, e);
	else
		rc = batch_line(b, line, e);
	if (rc == C1V_DATA && b->stopped.code == 0)
		batch_flush(b, &other);
	return rc;
}

/* The model gave up: what was done is written, what was not is said. */
static int
say_undone(struct cli *c, const struct batch *b)
{
	c->err = b->stopped;
	err_prefix(&c->err, "%llu records embedded, from %s:%llu on %llu not", (unsigned long long)b->embedded,
	    b->undone_source, (unsigned long long)b->undone_line, (unsigned long long)b->undone);
	return c->err.code;
}

static int
each_line(struct tool *t, struct batch *b, struct input *in)
{
	struct cli *c = t->cli;
	struct progress progress;
	struct buf made = {0};
	uint64_t done, total;
	struct line line;
	int more = 0, rc = 0;

	input_on_idle(in, flush_when_idle, b);
	progress_start(&progress, &c->log, "bytes");
	/* Without a file for what is left undone there is no use in reading on. */
	while (rc == 0 && !cli_signal() && (b->stopped.code == 0 || b->rejects.has_file) &&
	    (more = input_line(in, &line, &c->err)) > 0) {
		rc = take(b, t->s->type, &line, &made, &c->err);
		input_progress(in, &done, &total);
		progress_show(&progress, done, total);
	}
	progress_end(&progress);
	buf_free(&made);
	if (more < 0)
		rc = c->err.code;
	return rc != 0 ? rc : batch_flush(b, &c->err);
}

int
tool_run(struct tool *t, struct batch *b)
{
	struct input_options o = {
		.paths = t->cli->args.operands, .path_count = t->cli->args.operand_count,
		.max_line = (size_t)t->s->max_record
	};
	struct input *in = input_open(&o);
	int rc;

	batch_start(b);
	rc = each_line(t, b, in);
	input_close(in);
	return rc;
}

int
tool_open(struct tool *t, struct batch *b, int dry, const struct embed_spend *spend)
{
	const struct settings *s = t->s;
	struct cache_options cache = cache_options_from(&s->cache, 1, &t->cli->log, cli_signal);
	struct embed_options o = {
		.share = cli_share(&t->arena, NULL), .base = s->api_base, .dims = s->dims,
		.concurrency = s->concurrency, .batch_inputs = s->batch_inputs, .batch_tokens = s->batch_tokens,
		.input_tokens = s->input_tokens, .retries = s->retries ? s->retries : -1,
		.long_policy = (enum embed_long)s->longer, .timeout = s->timeout,
		.connect_timeout = s->connect_timeout, .insecure_http = s->insecure_http,
		.rate_requests = s->rate_requests, .rate_tokens = s->rate_tokens, .dry_run = dry, .spend = *spend,
		.stop = cli_signal, .cache = s->no_cache ? NULL : &cache, .refresh = s->refresh,
		.seed_keys = s->key_template == TEMPLATE_SEED
	};

	b->out = &t->cli->out;
	b->role = (enum embed_role)s->role;
	b->base64 = s->encoding == ENCODING_BASE64;
	b->headings = s->with == WITH_HEADINGS;
	b->force = s->force;
	b->limit = (size_t)s->batch_size;
	b->dry = dry;
	return embed_open_with(s->model, &o, &b->model, &t->cli->err);
}

static struct spending_options
spending_options(struct tool *t)
{
	const struct settings *s = t->s;

	return (struct spending_options){
		.model = s->model, .shipped = cli_share(&t->arena, "prices.json"), .lists = s->cost.prices.items,
		.list_count = s->cost.prices.count, .ledger = s->cost.ledger, .wait = s->cost.wait, .user = s->cost.user,
		.project = s->cost.project, .tool = "c1v-embed", .usage = s->usage, .budget = s->budget, .log = &t->cli->log
	};
}

/* The model, and when it is behind an API the means to pay for it. */
static int
open_all(struct tool *t)
{
	struct spending *p = &t->spending;
	struct spending_options paying = spending_options(t);
	struct embed_spend spend = t->s->dry_run ? spending_count(p) : spending_of(p);
	int rc = tool_open(t, &t->batch, t->s->dry_run, &spend);

	if (rc == 0 && embed_api_base(t->batch.model) != NULL) {
		/* A run that is interrupted enters what it has used, and gives back what it has reserved. */
		cli_catch_signals();
		rc = spending_prices(p, &paying, &t->cli->err);
		if (rc == 0 && !t->s->dry_run)
			rc = spending_open(p, &t->cli->err);
		if (rc == 0 && !t->s->dry_run && t->s->budget)
			rc = plan_reserve(t);
	}
	return rc;
}

static void
log_done(struct tool *t)
{
	const char *done = batch_summary(&t->batch, &t->arena);
	struct buf cost = {0};

	if (embed_api_base(t->batch.model) != NULL) {
		spending_add(&t->spending, &cost);
		done = arena_format(&t->arena, "%s,\"cost\":%s", done, buf_cstr(&cost));
	}
	log_event(&t->cli->log, LOG_INFO, "embed", done, "done");
	buf_free(&cost);
}

static int
work(struct tool *t)
{
	const struct settings *s = t->s;
	struct cli *c = t->cli;
	struct batch *b = &t->batch;
	int rc = rejects_apart(s->rejects, c->args.operands, c->args.operand_count, &c->err), end;

	if (rc == 0)
		rc = open_all(t);
	if (rc == 0)
		rc = rejects_open(&b->rejects, &c->log, s->rejects, s->strict, &c->err);
	if (rc != 0)
		return rc;
	rc = tool_run(t, b);
	if ((rc == 0 || rc == C1V_DATA) && b->stopped.code != 0)
		rc = say_undone(c, b);
	if (b->recalled > 0 && !s->dry_run) {
		embed_spared(b->model, b->spared);
		spending_spared(&t->spending, b->spared);
	}
	if (rc == 0 && s->dry_run)
		rc = plan_say(t);
	end = rejects_close(&b->rejects, rc == 0 ? &c->err : NULL);
	rc = rc != 0 ? rc : end;
	log_done(t);
	return rc;
}

int
main(int argc, char **argv)
{
	struct settings s = {0};
	struct cli c;
	struct tool t = {.cli = &c, .s = &s};
	struct err closing;
	int rc = cli_start(&c, &spec, argc, argv, &s, &s.common), end;

	if (rc != CLI_GO)
		return rc;
	rc = work(&t);
	batch_free(&t.batch); /* what is still reserved goes back */
	end = spending_close(&t.spending, rc == 0 ? &c.err : &closing);
	if (rc == 0)
		rc = end;
	arena_free(&t.arena);
	/* "No" is an answer, but says why. */
	if (rc == C1V_NO && c.err.code == C1V_NO)
		log_err(&c.log, &c.err);
	return cli_finish(&c, rc);
}

/* c1v-embed: records in, the same records with vectors out. See c1v-embed(1). */
#include <fcntl.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/utf8.h"
#include "cli/cli.h"
#include "cost/money.h"
#include "cost/price.h"
#include "embed_batch.h"

enum { ENCODING_ARRAY, ENCODING_BASE64 };
enum { TYPE_NDJSON, TYPE_TEXT };
enum { WITH_NOTHING, WITH_HEADINGS };

struct settings {
	struct cli_common common;
	const char *model, *rejects, *api_base, *usage;
	int encoding, role, with, force, strict, type;
	int longer, insecure_http, dry_run;
	int64_t batch_size, max_record;
	int64_t dims, concurrency, batch_inputs, batch_tokens, input_tokens, retries;
	double timeout, connect_timeout;
};

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
	{ .name = "usage", .kind = OPT_STRING, .offset = MEMBER(usage), .argument = "FILE",
	  .flags = OPT_FILES | OPT_NO_CONFIG, .help = "append what each answer used to FILE" },
	{ .name = "dry-run", .kind = OPT_FLAG, .offset = MEMBER(dry_run),
	  .help = "count records, tokens and dollars; ask nobody" },
	OPT_END
};
static const struct opt common_options[] = { CLI_OPTIONS(struct settings), OPT_END };

static const struct opt_spec spec = {
	.tool = "c1v-embed",
	.purpose = "add vectors to records",
	.synopsis = "[OPTION]… [FILE]…",
	.tables = (const struct opt *const[]){own, remote, common_options, NULL},
	.sections = (const char *const[]){"Options", "Remote models", "Common options", NULL},
	.files = "files",
};

/* What is ready goes out before a read that would wait. */
static int
flush_when_idle(void *arg, struct err *e)
{
	struct batch *b = arg;
	int rc = batch_flush(b, e);

	return rc != 0 ? rc : out_flush(b->out, e);
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

/* --- what was used ---------------------------------------------------------------- */

struct ledger_file {
	struct out out;
	const char *model;
	int open;
};

/* A usage record (c1v-record(5)) for each answer. */
static void
note_usage(void *arg, const struct embed_usage *u)
{
	struct ledger_file *f = arg;
	struct buf *b = &f->out.buf;
	char now[32];

	clock_iso(clock_wall_ms(), now);
	buf_string(b, "{\"model\":");
	json_add_string(b, slice_of(f->model));
	buf_format(b, ",\"input_tokens\":%lld,\"time\":\"%s\",\"tool\":\"c1v-embed\"", (long long)u->tokens, now);
	if (u->request_id[0])
		buf_format(b, ",\"request_id\":\"%s\"", u->request_id);
	buf_byte(b, '}');
	out_line(&f->out);
	out_flush(&f->out, NULL);
}

static int
usage_open(struct ledger_file *f, const struct settings *s, struct err *e)
{
	int fd;

	f->model = s->model;
	if (s->usage == NULL)
		return 0;
	fd = open(s->usage, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (fd < 0)
		return err_sys(e, C1V_IO, "cannot write %s", s->usage);
	out_open(&f->out, fd, s->usage);
	f->open = 1;
	return 0;
}

/* --- what it would cost ----------------------------------------------------------- */

static int
say_plan(struct cli *c, const struct settings *s, const struct batch *b)
{
	struct price_list *prices = prices_new();
	struct arena arena = {0};
	struct buf *out = &c->out.buf;
	struct usage u = {.model = slice_of(s->model), .input = b->tokens};
	const struct price *p = NULL;
	char today[32];
	int64_t nano = 0;
	struct err why;

	clock_iso(clock_wall_ms(), today);
	today[10] = '\0';
	if (prices_add_file(prices, cli_share(&arena, "prices.json"), &why) == 0)
		p = price_find(prices, u.model, today);
	buf_string(out, "{\"model\":");
	json_add_string(out, u.model);
	buf_format(out, ",\"records\":%llu,\"tokens\":%lld,\"estimated\":%s,\"requests\":%llu,\"cost\":",
	    (unsigned long long)b->rejects.good, (long long)b->tokens, b->token_limit ? "true" : "false",
	    (unsigned long long)b->jobs);
	if (b->token_limit == 0 || (p != NULL && price_cost(p, &u, &nano))) {
		buf_byte(out, '"');
		money_add(out, nano);
		buf_byte(out, '"');
	} else {
		buf_string(out, "null");
	}
	buf_byte(out, '}');
	prices_free(prices);
	arena_free(&arena);
	return out_line(&c->out) != 0 ? C1V_IO : 0;
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
embed_lines(struct cli *c, const struct settings *s, struct batch *b, struct input *in)
{
	struct progress progress;
	struct buf made = {0};
	uint64_t done, total;
	struct line line;
	int more = 0, rc = 0;

	input_on_idle(in, flush_when_idle, b);
	progress_start(&progress, &c->log, "bytes");
	/* Without a file for what is left undone there is no use in reading on. */
	while (rc == 0 && (b->stopped.code == 0 || b->rejects.has_file) &&
	    (more = input_line(in, &line, &c->err)) > 0) {
		rc = take(b, s->type, &line, &made, &c->err);
		input_progress(in, &done, &total);
		progress_show(&progress, done, total);
	}
	progress_end(&progress);
	buf_free(&made);
	if (more < 0)
		rc = c->err.code;
	return rc != 0 ? rc : batch_flush(b, &c->err);
}

static int
open_model(const struct settings *s, struct ledger_file *usage, struct arena *arena, struct batch *b,
    struct err *e)
{
	struct embed_options o = {
		.share = cli_share(arena, NULL), .base = s->api_base, .dims = s->dims,
		.concurrency = s->concurrency, .batch_inputs = s->batch_inputs, .batch_tokens = s->batch_tokens,
		.input_tokens = s->input_tokens, .retries = s->retries ? s->retries : -1,
		.long_policy = (enum embed_long)s->longer, .timeout = s->timeout,
		.connect_timeout = s->connect_timeout, .insecure_http = s->insecure_http
	};
	int rc = usage_open(usage, s, e);

	if (rc == 0 && usage->open) {
		o.used = note_usage;
		o.used_arg = usage;
	}
	return rc == 0 ? embed_open_with(s->model, &o, &b->model, e) : rc;
}

static int
work(struct cli *c, const struct settings *s, struct batch *b)
{
	struct input_options o = {
		.paths = c->args.operands, .path_count = c->args.operand_count,
		.max_line = (size_t)s->max_record
	};
	struct arena arena = {0};
	struct ledger_file usage = {0};
	struct input *in;
	int rc = rejects_apart(s->rejects, o.paths, o.path_count, &c->err), end;

	if (rc == 0)
		rc = open_model(s, &usage, &arena, b, &c->err);
	if (rc == 0)
		rc = rejects_open(&b->rejects, &c->log, s->rejects, s->strict, &c->err);
	if (rc == 0) {
		batch_start(b);
		in = input_open(&o);
		rc = embed_lines(c, s, b, in);
		if ((rc == 0 || rc == C1V_DATA) && b->stopped.code != 0)
			rc = say_undone(c, b);
		input_close(in);
		if (rc == 0 && s->dry_run)
			rc = say_plan(c, s, b);
		end = rejects_close(&b->rejects, rc == 0 ? &c->err : NULL);
		rc = rc != 0 ? rc : end;
		log_event(&c->log, LOG_INFO, "embed", batch_summary(b, &arena), "done");
	}
	if (usage.open && out_close(&usage.out, rc == 0 ? &c->err : NULL) != 0 && rc == 0)
		rc = C1V_IO;
	arena_free(&arena);
	return rc;
}

int
main(int argc, char **argv)
{
	struct settings s = {0};
	struct cli c;
	struct batch b = {0};
	int rc = cli_start(&c, &spec, argc, argv, &s, &s.common);

	if (rc != CLI_GO)
		return rc;
	b.out = &c.out;
	b.role = (enum embed_role)s.role;
	b.base64 = s.encoding == ENCODING_BASE64;
	b.headings = s.with == WITH_HEADINGS;
	b.force = s.force;
	b.limit = (size_t)s.batch_size;
	b.dry = s.dry_run;
	rc = work(&c, &s, &b);
	batch_free(&b);
	return cli_finish(&c, rc);
}

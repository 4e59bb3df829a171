/* c1v-ingest: vector records into a store. */

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "ingest_run.h"
#include "store/settings.h"

struct settings {
	struct cli_common common;
	struct store_settings where;
	const char *rejects;
	int64_t batch_size, max_record;
	int conflict, dry_run, no_vectors, strict, json, pretty;
};

static const struct opt own[] = {
	STORE_OPTIONS(struct settings),
	{ .name = "batch-size", .kind = OPT_INT, .offset = offsetof(struct settings, batch_size),
	  .argument = "N", .help = "chunks in one transaction, at least one document",
	  .fallback = "10000", .min = 1, .max = 1000000 },
	{ .name = "on-conflict", .kind = OPT_CHOICE, .offset = offsetof(struct settings, conflict),
	  .argument = "WHAT", .help = "what to do with a document that is there and differs",
	  .fallback = "update", .choices = "update|skip|fail" },
	{ .name = "dry-run", .kind = OPT_FLAG, .offset = offsetof(struct settings, dry_run),
	  .help = "write what would happen to each chunk, change nothing" },
	{ .name = "no-vectors", .kind = OPT_FLAG, .offset = offsetof(struct settings, no_vectors),
	  .help = "store the text only" },
	{ .name = "rejects", .kind = OPT_STRING, .offset = offsetof(struct settings, rejects),
	  .argument = "FILE", .help = "write records that failed to FILE", .flags = OPT_FILES },
	{ .name = "strict", .kind = OPT_FLAG, .offset = offsetof(struct settings, strict),
	  .help = "stop at the first bad record" },
	{ .name = "max-record", .kind = OPT_SIZE, .offset = offsetof(struct settings, max_record),
	  .argument = "BYTES", .help = "longest record", .fallback = "64M", .min = 1024,
	  .max = 1073741824 },
	{ .name = "json", .kind = OPT_FLAG, .offset = offsetof(struct settings, json),
	  .help = "the summary as JSON, on a terminal too" },
	{ .name = "pretty", .kind = OPT_FLAG, .offset = offsetof(struct settings, pretty),
	  .help = "the summary as a sentence, in a pipe too" },
	OPT_END
};
static const struct opt postgres[] = { STORE_POSTGRES_OPTIONS(struct settings), OPT_END };
static const struct opt common[] = { CLI_OPTIONS(struct settings), OPT_END };
static const struct opt *const tables[] = { own, postgres, common, NULL };
static const char *const sections[] = { "Options", "PostgreSQL", "Common options" };

static const struct opt_spec spec = {
	.tool = "c1v-ingest",
	.purpose = "put vector records into a store",
	.synopsis = "[OPTION]… [FILE]…",
	.tables = tables,
	.sections = sections,
	.files = "files",
};

/* A line of a dry run. */
static void
show_chunk(void *arg, const char *what, struct slice document, struct slice chunk)
{
	struct out *o = &((struct ingest *)arg)->cli->out;

	buf_string(&o->buf, "{\"action\":\"");
	buf_string(&o->buf, what);
	buf_string(&o->buf, "\",\"doc\":");
	json_add_string(&o->buf, document);
	buf_string(&o->buf, ",\"id\":");
	json_add_string(&o->buf, chunk);
	buf_byte(&o->buf, '}');
	out_line(o); /* a failure is remembered, and found at the end */
}

static int
open_store(struct ingest *in, const struct settings *s, struct err *e)
{
	struct store_options o = store_options_from(&s->where, s->dry_run ? STORE_READ : STORE_WRITE,
	    &in->cli->log, cli_signal);
	int rc = store_open(&o, &in->store, e);

	return rc == C1V_NO && s->dry_run ? 0 : rc;
}

static int
open_all(struct ingest *in, const struct settings *s, struct err *e)
{
	struct input_options input = {
		.paths = in->cli->args.operands,
		.path_count = in->cli->args.operand_count,
		.max_line = (size_t)s->max_record,
	};
	int rc = rejects_apart(s->rejects, input.paths, input.path_count, e);

	if (rc == 0)
		rc = rejects_open(&in->rejects, &in->cli->log, s->rejects, s->strict, e);
	if (rc == 0)
		rc = open_store(in, s, e);
	if (rc == 0)
		in->input = input_open(&input);
	return rc;
}

/* Everything is committed or rolled back when the summary is written: from
 * here on a closed pipe may end the process. */
static int
finish(struct ingest *in, const struct settings *s, int rc, struct err *e)
{
	struct collection c = {0};
	struct buf *out = &in->cli->out.buf;
	struct err closing = {0};
	int pretty = s->pretty || (!s->json && isatty(STDOUT_FILENO));

	if (in->store != NULL && store_collection(in->store, &c, &closing) != 0) {
		c.model = NULL;
		if (rc == 0 && closing.code != C1V_NO) {
			*e = closing;
			rc = e->code;
		}
	}
	if (in->input != NULL) {
		ingest_summary(in, in->store ? store_name(in->store) : s->where.url, s->where.collection, c.model, pretty, out);
		out_line(&in->cli->out);
	}
	closing.code = 0;
	if (store_close(in->store, &closing) != 0 && rc == 0) {
		*e = closing;
		rc = e->code;
	}
	input_close(in->input);
	gather_free(&in->gather);
	if (rc == 0)
		return rejects_close(&in->rejects, e);
	rejects_close(&in->rejects, &closing);
	return rc;
}

int
main(int argc, char **argv)
{
	struct settings s = {0};
	struct ingest in = {0};
	void (*on_pipe)(int) = SIG_DFL;
	struct cli c;
	int rc = cli_start(&c, &spec, argc, argv, &s, &s.common);

	if (rc != CLI_GO)
		return rc;
	cli_catch_signals();
	in.cli = &c;
	in.batch_size = (size_t)s.batch_size;
	in.gather.no_vectors = s.no_vectors;
	in.put = (struct put_options){
		.conflict = (enum store_conflict)s.conflict,
		.dry_run = s.dry_run,
		.no_vectors = s.no_vectors,
		.each = s.dry_run ? show_chunk : NULL,
		.refused = ingest_refused,
		.arg = &in,
	};
	if (s.json && s.pretty)
		rc = cli_usage(&c, "--json and --pretty exclude each other");
	else
		rc = open_all(&in, &s, &c.err);
	/* A reader of our messages that goes away shall not cut a transaction short. */
	if (!s.dry_run)
		on_pipe = signal(SIGPIPE, SIG_IGN);
	if (rc == 0)
		rc = ingest_run(&in, &c.err);
	signal(SIGPIPE, on_pipe);
	return cli_finish(&c, finish(&in, &s, rc, &c.err));
}

/* c1v-embed: records in, the same records with vectors out. See c1v-embed(1). */
#include "base/json.h"
#include "base/utf8.h"
#include "cli/cli.h"
#include "embed_batch.h"

enum { ENCODING_ARRAY, ENCODING_BASE64 };
enum { TYPE_NDJSON, TYPE_TEXT };
enum { WITH_NOTHING, WITH_HEADINGS };

struct settings {
	struct cli_common common;
	const char *model, *rejects;
	int encoding, role, with, force, strict, type;
	int64_t batch_size, max_record;
};

#define MEMBER(m) offsetof(struct settings, m)

static const struct opt own[] = {
	{ .letter = 'm', .name = "model", .kind = OPT_STRING, .offset = MEMBER(model), .argument = "MODEL",
	  .fallback = "local", .env = "C1V_MODEL", .help = "local, or local:FILE for another model file" },
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
static const struct opt common_options[] = { CLI_OPTIONS(struct settings), OPT_END };

static const struct opt_spec spec = {
	.tool = "c1v-embed",
	.purpose = "add vectors to records",
	.synopsis = "[OPTION]… [FILE]…",
	.tables = (const struct opt *const[]){own, common_options, NULL},
	.sections = (const char *const[]){"Options", "Common options", NULL},
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
	if (rc == C1V_DATA)
		batch_flush(b, &other);
	return rc;
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
	while (rc == 0 && (more = input_line(in, &line, &c->err)) > 0) {
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
work(struct cli *c, const struct settings *s, struct batch *b)
{
	struct input_options o = {
		.paths = c->args.operands, .path_count = c->args.operand_count,
		.max_line = (size_t)s->max_record
	};
	struct arena arena = {0};
	struct input *in;
	int rc = rejects_apart(s->rejects, o.paths, o.path_count, &c->err);

	if (rc == 0)
		rc = embed_open(s->model, cli_share(&arena, NULL), &b->model, &c->err);
	if (rc == 0)
		rc = rejects_open(&b->rejects, &c->log, s->rejects, s->strict, &c->err);
	if (rc == 0) {
		in = input_open(&o);
		rc = embed_lines(c, s, b, in);
		input_close(in);
		if (rc == 0)
			rc = rejects_close(&b->rejects, &c->err);
		else
			rejects_close(&b->rejects, NULL);
		log_event(&c->log, LOG_INFO, "embed", batch_summary(b, &arena), "done");
	}
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
	rc = work(&c, &s, &b);
	batch_free(&b);
	return cli_finish(&c, rc);
}

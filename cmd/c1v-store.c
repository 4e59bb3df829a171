/* c1v-store: administer stores. */

#include <unistd.h>

#include "base/json.h"
#include "store_tool.h"

static const char *const verbs[] = {
	"init\0make a collection before the first ingest",
	"info\0show what is in the store",
	"verify\0check everything against everything",
	"export\0write the collection as records for c1v-ingest",
	"get\0write the chunks of the given ids",
	"delete\0take out documents or chunks",
	"drop\0take out the whole collection",
	"vacuum\0give unused space back",
	NULL
};
enum { INIT = 1, INFO = 2, VERIFY = 4, EXPORT = 8, GET = 16, DELETE = 32, DROP = 64, VACUUM = 128 };

static int (*const work[])(struct tool *t) = {
	store_verb_init, store_verb_info, store_verb_verify, store_verb_export,
	store_verb_get, store_verb_delete, store_verb_drop, store_verb_vacuum,
};

static const struct opt own[] = {
	{ .name = "store", .kind = OPT_STRING, .offset = offsetof(struct settings, store),
	  .argument = "URL", .help = "the store: sqlite:PATH or env:NAME", .env = "C1V_STORE" },
	{ .letter = 'c', .name = "collection", .kind = OPT_STRING,
	  .offset = offsetof(struct settings, collection), .argument = "NAME",
	  .help = "the collection in it", .fallback = "documents", .env = "C1V_COLLECTION" },
	{ .name = "wait", .kind = OPT_REAL, .offset = offsetof(struct settings, wait),
	  .argument = "SECONDS", .help = "how long to wait for another writer", .fallback = "30",
	  .max = 86400 },
	{ .name = "json", .kind = OPT_FLAG, .offset = offsetof(struct settings, json),
	  .help = "write JSON, on a terminal too" },
	{ .name = "pretty", .kind = OPT_FLAG, .offset = offsetof(struct settings, pretty),
	  .help = "write for people, into a pipe too" },
	OPT_END
};
static const struct opt for_init[] = {
	{ .name = "tokenizer", .kind = OPT_STRING, .offset = offsetof(struct settings, tokenizer),
	  .argument = "NAME", .help = "how text becomes terms: porter, unicode61 or trigram" },
	{ .name = "model", .kind = OPT_STRING, .offset = offsetof(struct settings, model),
	  .argument = "NAME", .help = "the model that its vectors will be of" },
	{ .name = "dims", .kind = OPT_INT, .offset = offsetof(struct settings, dims),
	  .argument = "N", .help = "the dimensions of its vectors", .max = 65536 },
	{ .name = "splitter", .kind = OPT_STRING, .offset = offsetof(struct settings, splitter),
	  .argument = "TEXT", .help = "a note on how documents are split" },
	OPT_END
};
static const struct opt for_records[] = {
	{ .name = "encoding", .kind = OPT_CHOICE, .offset = offsetof(struct settings, encoding),
	  .argument = "HOW", .help = "how vectors are written", .fallback = "base64",
	  .choices = "base64|array|none" },
	OPT_END
};
static const struct opt for_delete[] = {
	{ .name = "id", .kind = OPT_LIST, .offset = offsetof(struct settings, ids),
	  .argument = "ID", .help = "a document or a chunk (repeatable)" },
	{ .name = "source", .kind = OPT_STRING, .offset = offsetof(struct settings, source),
	  .argument = "TEXT", .help = "documents from this source" },
	{ .name = "filter", .kind = OPT_LIST, .offset = offsetof(struct settings, filters),
	  .argument = "FILTER", .help = "chunks that pass, JSON or key=value (repeatable)" },
	{ .name = "dry-run", .kind = OPT_FLAG, .offset = offsetof(struct settings, dry_run),
	  .help = "count, change nothing" },
	{ .letter = 'y', .name = "yes", .kind = OPT_FLAG, .offset = offsetof(struct settings, yes),
	  .help = "do not ask (delete, drop)" },
	OPT_END
};
static const struct opt common[] = { CLI_OPTIONS(struct settings), OPT_END };
static const struct opt *const tables[] = { own, for_init, for_records, for_delete, common, NULL };
static const char *const sections[] = {
	"Options", "Options of init", "Options of export and get", "Options of delete and drop",
	"Common options",
};

static const struct opt_spec spec = {
	.tool = "c1v-store",
	.purpose = "administer stores",
	.synopsis = "[OPTION]… VERB [ID]…",
	.verbs = verbs,
	.tables = tables,
	.sections = sections,
	.files = "words",
};

/* Options that only some verbs have. */
static const struct { size_t offset; const char *name; int verbs; } limited[] = {
	{ offsetof(struct settings, tokenizer), "tokenizer", INIT },
	{ offsetof(struct settings, model), "model", INIT },
	{ offsetof(struct settings, dims), "dims", INIT },
	{ offsetof(struct settings, splitter), "splitter", INIT },
	{ offsetof(struct settings, encoding), "encoding", EXPORT | GET },
	{ offsetof(struct settings, ids), "id", DELETE },
	{ offsetof(struct settings, source), "source", DELETE },
	{ offsetof(struct settings, filters), "filter", DELETE },
	{ offsetof(struct settings, dry_run), "dry-run", DELETE },
	{ offsetof(struct settings, yes), "yes", DELETE | DROP },
};

static int
check_options(struct cli *c, int verb)
{
	for (size_t i = 0; i < sizeof(limited) / sizeof(*limited); i++) {
		if (!(limited[i].verbs & 1 << verb) && opt_origin_of(&spec, &c->args, limited[i].offset) == OPT_COMMAND)
			return cli_usage(c, "%s: has no option --%s", verbs[verb], limited[i].name);
	}
	if (c->args.operand_count > 1 && 1 << verb != GET)
		return cli_usage(c, "%s: takes no operands, but there is '%s'", verbs[verb], c->args.operands[1]);
	if (c->args.operand_count < 2 && 1 << verb == GET)
		return cli_usage(c, "get: which id?");
	return 0;
}

int
tool_open(struct tool *t, enum store_mode mode)
{
	struct store_options o = {
		.url = t->s->store,
		.collection = t->s->collection,
		.mode = mode,
		.wait = t->s->wait,
		.log = &t->cli->log,
	};

	return store_open(&o, &t->store, &t->cli->err);
}

void
tool_add_names(struct tool *t, struct buf *b)
{
	json_add_key(b, "store");
	json_add_string(b, slice_of(store_name(t->store)));
	json_add_key(b, "collection");
	json_add_string(b, slice_of(t->s->collection));
	buf_byte(b, '}');
}

int
main(int argc, char **argv)
{
	struct settings s = {0};
	struct err closing;
	struct cli c;
	struct tool t = {.cli = &c, .s = &s};
	int rc = cli_start(&c, &spec, argc, argv, &s, &s.common), verb;

	if (rc != CLI_GO)
		return rc;
	verb = opt_verb(&spec, c.args.operand_count ? c.args.operands[0] : NULL, &c.err);
	if (verb < 0)
		return cli_finish(&c, c.err.code);
	rc = check_options(&c, verb);
	if (rc == 0 && s.json && s.pretty)
		rc = cli_usage(&c, "--json and --pretty exclude each other");
	if (rc == 0) {
		t.words = c.args.operands + 1;
		t.word_count = c.args.operand_count - 1;
		t.pretty = s.pretty || (!s.json && isatty(STDOUT_FILENO));
		rc = work[verb](&t);
	}
	if (store_close(t.store, &closing) != 0 && rc == 0) {
		c.err = closing;
		rc = closing.code;
	}
	/* "No" is an answer, but says to a person what was not there. */
	if (rc == C1V_NO && c.err.code == C1V_NO)
		log_err(&c.log, &c.err);
	return cli_finish(&c, rc);
}

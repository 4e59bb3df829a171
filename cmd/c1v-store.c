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
	"migrate\0bring the collection's schema up to date (PostgreSQL)",
	"migrations\0list the steps of the schema (PostgreSQL)",
	"index\0build, rebuild, drop or look at the vector index (PostgreSQL)",
	"slow\0show the slowest statements (PostgreSQL)",
	"recall\0compare the vector index with an exact scan (PostgreSQL)",
	NULL
};
enum {
	INIT = 1, INFO = 2, VERIFY = 4, EXPORT = 8, GET = 16, DELETE = 32, DROP = 64, VACUUM = 128,
	MIGRATE = 256, MIGRATIONS = 512, INDEX = 1024, SLOW = 2048, RECALL = 4096
};

static int (*const work[])(struct tool *t) = {
	store_verb_init, store_verb_info, store_verb_verify, store_verb_export,
	store_verb_get, store_verb_delete, store_verb_drop, store_verb_vacuum,
	store_verb_migrate, store_verb_migrations, store_verb_index, store_verb_slow, store_verb_recall,
};

static const struct opt own[] = {
	STORE_OPTIONS(struct settings),
	{ .name = "json", .kind = OPT_FLAG, .offset = offsetof(struct settings, json),
	  .help = "write JSON, on a terminal too" },
	{ .name = "pretty", .kind = OPT_FLAG, .offset = offsetof(struct settings, pretty),
	  .help = "write for people, into a pipe too" },
	OPT_END
};
static const struct opt for_init[] = {
	{ .name = "tokenizer", .kind = OPT_STRING, .offset = offsetof(struct settings, tokenizer),
	  .argument = "NAME", .help = "how text becomes terms: porter, unicode61 or trigram; in PostgreSQL a text-search configuration" },
	{ .name = "model", .kind = OPT_STRING, .offset = offsetof(struct settings, model),
	  .argument = "NAME", .help = "the model that its vectors will be of" },
	{ .name = "dims", .kind = OPT_INT, .offset = offsetof(struct settings, dims),
	  .argument = "N", .help = "the dimensions of its vectors", .max = 65536 },
	{ .name = "splitter", .kind = OPT_STRING, .offset = offsetof(struct settings, splitter),
	  .argument = "TEXT", .help = "a note on how documents are split" },
	OPT_END
};
static const struct opt for_schema[] = {
	{ .name = "vector-type", .kind = OPT_STRING, .offset = offsetof(struct settings, vector_type),
	  .argument = "TYPE", .help = "of the embedding column (default: halfvec above 2,000 dimensions)",
	  .choices = "vector|halfvec" },
	{ .name = "index", .kind = OPT_STRING, .offset = offsetof(struct settings, index),
	  .argument = "KIND", .help = "of the vector index (default: hnsw)", .choices = "hnsw|ivfflat|none" },
	{ .name = "m", .kind = OPT_INT, .offset = offsetof(struct settings, m),
	  .argument = "N", .help = "of hnsw: neighbours of a vector", .min = 2, .max = 100 },
	{ .name = "ef-construction", .kind = OPT_INT, .offset = offsetof(struct settings, ef_construction),
	  .argument = "N", .help = "of hnsw: candidates while building", .min = 4, .max = 1000 },
	{ .name = "lists", .kind = OPT_INT, .offset = offsetof(struct settings, lists),
	  .argument = "N", .help = "of ivfflat (default: what fits the number of rows)", .min = 1, .max = 32768 },
	{ .name = "to", .kind = OPT_INT, .offset = offsetof(struct settings, to),
	  .argument = "N", .help = "migrate: no further than this version", .min = 1, .max = 999 },
	{ .name = "print", .kind = OPT_FLAG, .offset = offsetof(struct settings, print),
	  .help = "migrate: write the SQL, for somebody else to apply" },
	OPT_END
};
static const struct opt for_watch[] = {
	{ .letter = 'n', .name = "limit", .kind = OPT_INT, .offset = offsetof(struct settings, limit),
	  .argument = "N", .help = "slow: how many", .fallback = "10", .min = 1, .max = 1000 },
	{ .name = "sample", .kind = OPT_INT, .offset = offsetof(struct settings, sample),
	  .argument = "N", .help = "recall: how many stored vectors are searched for", .fallback = "100",
	  .min = 1, .max = 100000 },
	{ .letter = 'k', .name = "top", .kind = OPT_INT, .offset = offsetof(struct settings, top),
	  .argument = "K", .help = "recall: of how many results", .fallback = "10", .min = 1, .max = 1000 },
	{ .name = "ef-search", .kind = OPT_INT, .offset = offsetof(struct settings, ef_search),
	  .argument = "N", .help = "recall: candidates that an HNSW index keeps", .min = 1, .max = 1000 },
	{ .name = "probes", .kind = OPT_INT, .offset = offsetof(struct settings, probes),
	  .argument = "N", .help = "recall: lists of an IVFFlat index that are looked at", .min = 1, .max = 32768 },
	OPT_END
};
static const struct opt postgres[] = { STORE_POSTGRES_OPTIONS(struct settings), OPT_END };
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
static const struct opt *const tables[] = {
	own, for_init, for_schema, for_records, for_delete, for_watch, postgres, common, NULL
};
static const char *const sections[] = {
	"Options", "Options of init", "Options of init, migrate and index", "Options of export and get",
	"Options of delete and drop", "Options of slow and recall", "PostgreSQL", "Common options",
};

static const struct opt_spec spec = {
	.tool = "c1v-store",
	.purpose = "administer stores",
	.synopsis = "[OPTION]… VERB [ID|ACTION]…",
	.verbs = verbs,
	.tables = tables,
	.sections = sections,
	.files = "words",
};

/* Options that only some verbs have. */
static const struct { size_t offset; const char *name; int verbs; } limited[] = {
	{ offsetof(struct settings, tokenizer), "tokenizer", INIT | MIGRATE },
	{ offsetof(struct settings, model), "model", INIT | MIGRATE },
	{ offsetof(struct settings, dims), "dims", INIT | MIGRATE },
	{ offsetof(struct settings, splitter), "splitter", INIT | MIGRATE },
	{ offsetof(struct settings, vector_type), "vector-type", INIT | MIGRATE },
	{ offsetof(struct settings, index), "index", INIT | MIGRATE | INDEX },
	{ offsetof(struct settings, m), "m", INIT | MIGRATE | INDEX },
	{ offsetof(struct settings, ef_construction), "ef-construction", INIT | MIGRATE | INDEX },
	{ offsetof(struct settings, lists), "lists", INIT | MIGRATE | INDEX },
	{ offsetof(struct settings, to), "to", MIGRATE },
	{ offsetof(struct settings, print), "print", MIGRATE },
	{ offsetof(struct settings, encoding), "encoding", EXPORT | GET },
	{ offsetof(struct settings, ids), "id", DELETE },
	{ offsetof(struct settings, source), "source", DELETE },
	{ offsetof(struct settings, filters), "filter", DELETE },
	{ offsetof(struct settings, dry_run), "dry-run", DELETE | MIGRATE },
	{ offsetof(struct settings, yes), "yes", DELETE | DROP },
	{ offsetof(struct settings, limit), "limit", SLOW },
	{ offsetof(struct settings, sample), "sample", RECALL },
	{ offsetof(struct settings, top), "top", RECALL },
	{ offsetof(struct settings, ef_search), "ef-search", RECALL },
	{ offsetof(struct settings, probes), "probes", RECALL },
};

static int
check_options(struct cli *c, int verb)
{
	for (size_t i = 0; i < sizeof(limited) / sizeof(*limited); i++) {
		if (!(limited[i].verbs & 1 << verb) && opt_origin_of(&spec, &c->args, limited[i].offset) == OPT_COMMAND)
			return cli_usage(c, "%s: has no option --%s", verbs[verb], limited[i].name);
	}
	if (c->args.operand_count > 2 && 1 << verb == INDEX)
		return cli_usage(c, "index: one action at a time, but there is '%s'", c->args.operands[2]);
	if (c->args.operand_count > 1 && 1 << verb != GET && 1 << verb != INDEX)
		return cli_usage(c, "%s: takes no operands, but there is '%s'", verbs[verb], c->args.operands[1]);
	if (c->args.operand_count < 2 && 1 << verb == GET)
		return cli_usage(c, "get: which id?");
	return 0;
}

int
tool_open(struct tool *t, enum store_mode mode)
{
	struct store_options o = store_options_from(&t->s->where, mode, &t->cli->log, NULL);

	return store_open(&o, &t->store, &t->cli->err);
}

void
tool_add_names(struct tool *t, struct buf *b)
{
	json_add_key(b, "store");
	json_add_string(b, slice_of(store_name(t->store)));
	json_add_key(b, "collection");
	json_add_string(b, slice_of(t->s->where.collection));
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
	verb = cli_verb(&c);
	if (verb < 0)
		return cli_finish(&c, c.err.code);
	rc = check_options(&c, verb);
	if (rc == 0 && s.json && s.pretty)
		rc = cli_usage(&c, "--json and --pretty exclude each other");
	if (rc == 0) {
		t.words = c.args.operands + 1;
		t.word_count = c.args.operand_count - 1;
		t.pretty = s.pretty || (!s.json && isatty(STDOUT_FILENO));
		t.named = opt_origin_of(&spec, &c.args, offsetof(struct settings, where.collection)) == OPT_COMMAND;
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

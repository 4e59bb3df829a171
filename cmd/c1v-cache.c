/* c1v-cache: keep what was expensive to make, for a while. See c1v-cache(1). */

#include "cache_tool.h"

#include "base/num.h"

static const char *const verbs[] = {
	"get\0write the values of keys",
	"set\0put a value under a key",
	"del\0remove keys",
	"exists\0are all of these keys there?",
	"touch\0let keys live anew for --ttl",
	"ttl\0write the seconds that keys have left",
	"mget\0add the values to records with a key",
	"mset\0put the values of records, and pass them on",
	"keys\0list the keys",
	"purge\0remove many keys: --prefix, --expired, --all",
	"invalidate\0remove what was put with --tag",
	"project-updated\0remove what hangs on a project's data",
	"key\0write the key for given inputs: key llm|embedding|validation",
	"stats\0hits, misses, sizes, times and money saved",
	"run\0run a command, or write what it wrote last time: run -- COMMAND…",
	NULL
};
enum {
	GET = 1, SET = 2, DEL = 4, EXISTS = 8, TOUCH = 16, TTL = 32, MGET = 64, MSET = 128, KEYS = 256,
	PURGE = 512, INVALIDATE = 1024, PROJECT = 2048, KEY = 4096, STATS = 8192, RUN = 16384,
	MANY = MGET | MSET
};

static int (*const work[])(struct tool *t) = {
	cache_verb_get, cache_verb_set, cache_verb_del, cache_verb_exists, cache_verb_touch, cache_verb_ttl,
	cache_verb_mget, cache_verb_mset, cache_verb_keys, cache_verb_purge, cache_verb_invalidate,
	cache_verb_project_updated, cache_verb_key, cache_verb_stats, cache_verb_run,
};

#define MEMBER(m) offsetof(struct settings, m)

static const struct opt own[] = {
	{ .name = "ttl", .kind = OPT_STRING, .offset = MEMBER(ttl), .argument = "TIME",
	  .help = "how long entries live: 90s, 15m, 2h, 7d (default: 1h; embedding: 30d; llm: 7d)",
	  .verbs = SET | MSET | TOUCH | RUN },
	{ .name = "raw", .kind = OPT_FLAG, .offset = MEMBER(raw), .help = "values are bytes, not JSON",
	  .verbs = GET | SET | MANY },
	{ .name = "tag", .kind = OPT_LIST, .offset = MEMBER(tags), .argument = "TAG", .flags = OPT_NO_CONFIG,
	  .help = "set, mset: what the entries hang on; invalidate: what changed (repeatable)",
	  .verbs = SET | MSET | INVALIDATE | RUN },
	{ .name = "prefix", .kind = OPT_STRING, .offset = MEMBER(prefix), .argument = "TEXT", .flags = OPT_NO_CONFIG,
	  .help = "keys, purge: those that begin so", .verbs = KEYS | PURGE },
	{ .name = "expired", .kind = OPT_FLAG, .offset = MEMBER(expired), .flags = OPT_NO_CONFIG,
	  .help = "purge: those whose time is over", .verbs = PURGE },
	{ .name = "all", .kind = OPT_FLAG, .offset = MEMBER(all), .flags = OPT_NO_CONFIG,
	  .help = "purge: every one, of the namespace when one is given", .verbs = PURGE },
	{ .name = "yes", .kind = OPT_FLAG, .offset = MEMBER(yes), .flags = OPT_NO_CONFIG,
	  .help = "purge --all of a server that others may use too: do it", .verbs = PURGE },
	{ .name = "json", .kind = OPT_FLAG, .offset = MEMBER(json), .help = "keys, stats: write JSON, on a terminal too",
	  .verbs = KEYS | STATS },
	{ .name = "pretty", .kind = OPT_FLAG, .offset = MEMBER(pretty),
	  .help = "stats: write for people, into a pipe too", .verbs = STATS },
	{ .name = "prometheus", .kind = OPT_FLAG, .offset = MEMBER(prometheus),
	  .help = "stats: write Prometheus' text format", .verbs = STATS },
	OPT_END
};
static const struct opt for_many[] = {
	{ .name = "rejects", .kind = OPT_STRING, .offset = MEMBER(rejects), .argument = "FILE",
	  .help = "write records that failed to FILE", .flags = OPT_FILES | OPT_NO_CONFIG, .verbs = MANY },
	{ .name = "strict", .kind = OPT_FLAG, .offset = MEMBER(strict), .help = "stop at the first bad record",
	  .verbs = MANY },
	{ .name = "max-record", .kind = OPT_SIZE, .offset = MEMBER(max_record), .argument = "BYTES",
	  .help = "longest record", .fallback = "64M", .min = 1024, .max = 4294967296.0, .env = "C1V_MAX_RECORD",
	  .verbs = MANY },
	OPT_END
};
static const struct opt for_run[] = {
	{ .name = "key-env", .kind = OPT_LIST, .offset = MEMBER(key_env), .argument = "VAR", .flags = OPT_NO_CONFIG,
	  .help = "what the output depends on besides arguments and input (repeatable)", .verbs = RUN },
	{ .name = "cwd", .kind = OPT_FLAG, .offset = MEMBER(cwd), .help = "it depends on the working directory too",
	  .verbs = RUN },
	{ .name = "refresh", .kind = OPT_FLAG, .offset = MEMBER(refresh), .flags = OPT_NO_CONFIG,
	  .help = "run the command whatever is there, and keep its output", .verbs = RUN },
	{ .name = "no-store", .kind = OPT_FLAG, .offset = MEMBER(no_store), .flags = OPT_NO_CONFIG,
	  .help = "do not keep its output", .verbs = RUN },
	{ .name = "stale-while-revalidate", .kind = OPT_STRING, .offset = MEMBER(stale), .argument = "TIME",
	  .help = "for so long behind its time an output is written at once, and made anew for the next",
	  .verbs = RUN },
	OPT_END
};
static const struct opt for_key[] = {
	{ .name = "key-template", .kind = OPT_CHOICE, .offset = MEMBER(key_template), .argument = "NAME",
	  .fallback = "c1v", .choices = "c1v|seed", .help = "how keys are made: from all inputs, or as the seed's",
	  .verbs = KEY },
	{ .letter = 'm', .name = "model", .kind = OPT_STRING, .offset = MEMBER(model), .argument = "NAME",
	  .help = "llm, embedding: the model", .flags = OPT_NO_CONFIG, .verbs = KEY },
	{ .name = "dims", .kind = OPT_INT, .offset = MEMBER(dims), .argument = "N", .max = 65536,
	  .help = "embedding: the dimensions that are asked for", .flags = OPT_NO_CONFIG, .verbs = KEY },
	{ .name = "role", .kind = OPT_STRING, .offset = MEMBER(role), .argument = "ROLE", .choices = "document|query",
	  .help = "embedding: of a document or a query", .flags = OPT_NO_CONFIG, .verbs = KEY },
	{ .name = "api-base", .kind = OPT_STRING, .offset = MEMBER(api_base), .argument = "URL",
	  .help = "embedding: where the API is", .env = "OPENAI_BASE_URL", .flags = OPT_NO_CONFIG, .verbs = KEY },
	{ .name = "temperature", .kind = OPT_STRING, .offset = MEMBER(temperature), .argument = "N", .fallback = "0",
	  .help = "llm: only 0 has a key", .flags = OPT_NO_CONFIG, .verbs = KEY },
	{ .name = "system", .kind = OPT_STRING, .offset = MEMBER(system), .argument = "TEXT",
	  .help = "llm: the system prompt", .flags = OPT_NO_CONFIG, .verbs = KEY },
	{ .name = "max-tokens", .kind = OPT_STRING, .offset = MEMBER(max_tokens), .argument = "N",
	  .help = "llm: of the answer", .flags = OPT_NO_CONFIG, .verbs = KEY },
	{ .name = "tools", .kind = OPT_STRING, .offset = MEMBER(tools), .argument = "JSON",
	  .help = "llm: what it may call", .flags = OPT_NO_CONFIG, .verbs = KEY },
	{ .name = "seed", .kind = OPT_STRING, .offset = MEMBER(seed), .argument = "N",
	  .help = "llm: the seed", .flags = OPT_NO_CONFIG, .verbs = KEY },
	{ .name = "response-format", .kind = OPT_STRING, .offset = MEMBER(response_format), .argument = "JSON",
	  .help = "llm: the form of the answer", .flags = OPT_NO_CONFIG, .verbs = KEY },
	OPT_END
};
static const struct opt which[] = { CACHE_OPTIONS(struct settings), OPT_END };
static const struct opt common[] = { CLI_OPTIONS(struct settings), OPT_END };

static const struct opt_spec spec = {
	.tool = "c1v-cache",
	.purpose = "keep what was expensive to make, for a while",
	.synopsis = "[OPTION]… VERB [ARGUMENT]…",
	.verbs = verbs,
	.tables = (const struct opt *const[]){own, for_many, for_run, for_key, which, common, NULL},
	.sections = (const char *const[]){"Options", "Options of mget and mset", "Options of run", "Options of key",
	    "Which cache", "Common options"},
	.files = "none",
};

/* --- what the parts share ------------------------------------------------------------ */

int
tool_cache(struct tool *t, int forgiving)
{
	struct cache_options o = cache_options_from(&t->s->cache, forgiving, &t->cli->log, cli_signal);

	return cache_open(&o, &t->cache, &t->cli->err);
}

int
tool_words(struct tool *t, size_t least, size_t most, const char *what)
{
	if (t->word_count < least || (most > 0 && t->word_count > most))
		return cli_usage(t->cli, "wanted: %s", what);
	return 0;
}

int
tool_ttl(struct tool *t, int64_t *ms)
{
	*ms = 0;
	return t->s->ttl ? num_duration(slice_of(t->s->ttl), 1, CACHE_TTL_MAX, ms, "--ttl", &t->cli->err) : 0;
}

struct slice *
tool_keys(struct tool *t)
{
	struct slice *keys = arena_alloc(&t->arena, (t->word_count + 1) * sizeof(*keys));

	for (size_t i = 0; i < t->word_count; i++)
		keys[i] = slice_of(t->words[i]);
	return keys;
}

int
tool_removed(struct tool *t, uint64_t removed)
{
	buf_format(&t->cli->out.buf, "{\"removed\":%llu}", (unsigned long long)removed);
	return out_line(&t->cli->out);
}

void
tool_add_line(struct buf *b, struct slice json)
{
	char *p = buf_reserve(b, json.n);

	for (size_t i = 0; i < json.n; i++)
		p[i] = json.p[i] == '\n' || json.p[i] == '\r' ? ' ' : json.p[i];
	b->len += json.n;
}

/* --- main ----------------------------------------------------------------------------- */

static int
check_options(struct cli *c, const struct settings *s)
{
	if (s->json + s->pretty + s->prometheus > 1)
		return cli_usage(c, "--json, --pretty and --prometheus exclude each other");
	return 0;
}

int
main(int argc, char **argv)
{
	struct settings s = {0};
	struct cli c;
	struct tool t = {.cli = &c, .s = &s};
	int rc = cli_start(&c, &spec, argc, argv, &s, &s.common), verb;

	if (rc != CLI_GO)
		return rc;
	verb = cli_verb(&c);
	if (verb < 0)
		return cli_finish(&c, c.err.code);
	rc = check_options(&c, &s);
	if (rc == 0) {
		cli_catch_signals();
		t.words = c.args.operands + 1;
		t.word_count = c.args.operand_count - 1;
		rc = work[verb](&t);
	}
	cache_close(t.cache);
	arena_free(&t.arena);
	return cli_finish(&c, rc);
}

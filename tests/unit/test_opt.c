#include "test.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/nearest.h"
#include "base/opt.h"
#include "cli/cli.h"

struct settings {
	struct cli_common common;
	int flag, quiet, by, color;
	const char *store, *collection, *key;
	int64_t size, overlap, bytes;
	double score;
	struct opt_list meta;
};

static const struct opt own[] = {
	{.letter = 's', .name = "size", .kind = OPT_INT, .offset = offsetof(struct settings, size),
	 .argument = "N", .help = "most characters of a chunk", .fallback = "1000",
	 .env = "C1V_TEST_SIZE", .min = 1, .max = 5000},
	{.letter = 'o', .name = "overlap", .kind = OPT_INT, .offset = offsetof(struct settings, overlap),
	 .argument = "N", .help = "characters that two chunks share", .fallback = "200"},
	{.name = "bytes", .kind = OPT_SIZE, .offset = offsetof(struct settings, bytes),
	 .argument = "SIZE", .help = "a size", .fallback = "64M", .min = 1, .max = -1},
	{.name = "score", .kind = OPT_REAL, .offset = offsetof(struct settings, score),
	 .argument = "X", .help = "least score", .min = -1, .max = 1},
	{.letter = 'f', .name = "flag", .kind = OPT_FLAG, .offset = offsetof(struct settings, flag),
	 .help = "a flag", .env = "C1V_TEST_FLAG"},
	{.letter = 'q', .name = "quiet", .kind = OPT_FLAG, .offset = offsetof(struct settings, quiet),
	 .help = "say less"},
	{.name = "by", .kind = OPT_CHOICE, .offset = offsetof(struct settings, by), .argument = "HOW",
	 .help = "how to split", .fallback = "recursive", .choices = "recursive|markdown|sentence"},
	{.letter = 'c', .name = "collection", .kind = OPT_STRING,
	 .offset = offsetof(struct settings, collection), .argument = "NAME", .help = "the collection",
	 .fallback = "documents"},
	{.name = "store", .kind = OPT_STRING, .offset = offsetof(struct settings, store),
	 .argument = "URL", .help = "the store", .env = "C1V_TEST_STORE OTHER_TEST_STORE"},
	{.letter = 'M', .name = "meta", .kind = OPT_LIST, .offset = offsetof(struct settings, meta),
	 .argument = "KEY=VALUE", .help = "metadata of every document: it's [merged]"},
	{.name = "api-key", .kind = OPT_STRING, .offset = offsetof(struct settings, key),
	 .help = "the key of the service", .env = "C1V_TEST_KEY", .flags = OPT_SECRET | OPT_NO_FLAG},
	OPT_END,
};
static const struct opt none[] = {OPT_END};
static const struct opt common[] = {CLI_OPTIONS(struct settings), OPT_END};
static const char *const verbs[] = {"init\0create a store", "info\0say what is in it", "vacuum\0shrink it", NULL};
static const struct opt_spec spec = {
	.tool = "c1v-test",
	.purpose = "try the options",
	.synopsis = "[OPTION]… [FILE]…",
	.verbs = verbs,
	.tables = (const struct opt *const[]){none, own, none, common, NULL},
	.sections = (const char *const[]){"None", "Options", "None", "Common options", NULL},
	.files = "files",
};

/* One parse: words up to the first NULL. */
struct run {
	struct settings s;
	struct opt_result r;
	struct err e;
	int rc;
};

static void
parse_with(struct run *run, const struct conf *config, const char *const *words)
{
	char *argv[16] = {(char *)"c1v-test"};
	int argc = 1;

	*run = (struct run){0};
	for (; *words; words++)
		argv[argc++] = (char *)*words;
	run->rc = opt_parse(&spec, argc, argv, config, &run->s, &run->r, &run->e);
}

#define PARSE(run, ...) parse_with(run, NULL, (const char *const[]){__VA_ARGS__, NULL})
#define PARSE_CONFIG(run, c, ...) parse_with(run, c, (const char *const[]){__VA_ARGS__, NULL})

static void
clear_environment(void)
{
	static const char *const names[] = {"C1V_TEST_SIZE", "C1V_TEST_FLAG", "C1V_TEST_STORE",
	    "OTHER_TEST_STORE", "C1V_TEST_KEY", "C1V_CONFIG", "C1V_LOG_FORMAT", "C1V_LOG_LEVEL", NULL};

	for (size_t i = 0; names[i]; i++)
		unsetenv(names[i]);
}

static const char *
config_file(const char *text, size_t n)
{
	static char path[64];
	int fd;

	strcpy(path, "/tmp/c1v-test-XXXXXX");
	fd = mkstemp(path);
	CHECK(fd >= 0 && write(fd, text, n) == (ssize_t)n);
	close(fd);
	return path;
}

static struct conf *
config_of(const char *text, struct err *e)
{
	const char *path = config_file(text, strlen(text));
	struct conf *c = conf_read(path, e);

	unlink(path);
	return c;
}

static int
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

TEST(defaults)
{
	struct run run;

	clear_environment();
	PARSE(&run, NULL);
	CHECK_INT(run.rc, 0);
	CHECK_INT(run.s.size, 1000);
	CHECK_INT(run.s.bytes, 64 << 20);
	CHECK_INT(run.s.by, 0);
	CHECK_STR(run.s.collection, "documents");
	CHECK(run.s.store == NULL);
	CHECK_INT(run.s.meta.count, 0);
	CHECK_INT(run.s.common.log_level, LOG_WARN);
	CHECK_INT(run.r.operand_count, 0);
	CHECK(run.r.operands[0] == NULL);
	CHECK(!opt_given(&spec, &run.r, offsetof(struct settings, size)));
	CHECK_INT(opt_origin_of(&spec, &run.r, offsetof(struct settings, size)), OPT_DEFAULT);
	opt_free(&run.r);
}

TEST(forms_of_options)
{
	struct run run;

	PARSE(&run, "-s", "5", "--overlap=7", "a", "-fq", "--by", "markdown", "-", "-Mx=1", "--meta", "--y", "--",
	    "--size", "-s");
	CHECK_INT(run.rc, 0);
	CHECK_INT(run.s.size, 5);
	CHECK_INT(run.s.overlap, 7);
	CHECK_INT(run.s.flag, 1);
	CHECK_INT(run.s.quiet, 1);
	CHECK_INT(run.s.by, 1);
	CHECK_INT(run.s.meta.count, 2);
	CHECK_STR(run.s.meta.items[0], "x=1");
	CHECK_STR(run.s.meta.items[1], "--y");
	CHECK_INT(run.r.operand_count, 4);
	CHECK_STR(run.r.operands[0], "a");
	CHECK_STR(run.r.operands[1], "-");
	CHECK_STR(run.r.operands[2], "--size");
	CHECK_STR(run.r.operands[3], "-s");
	CHECK(opt_given(&spec, &run.r, offsetof(struct settings, size)));
	opt_free(&run.r);

	PARSE(&run, "-fs9", "--size", "10", "--score", "-0.5", "--flag=no", "--bytes=2k", "--store=");
	CHECK_INT(run.rc, 0);
	CHECK_INT(run.s.size, 10);
	CHECK_INT(run.s.flag, 0);
	CHECK_INT(run.s.bytes, 2048);
	CHECK(run.s.score == -0.5);
	CHECK_STR(run.s.store, "");
	opt_free(&run.r);
}

TEST(many_in_a_list)
{
	struct run run;

	PARSE(&run, "-Ma", "-Mb", "-Mc", "-Md", "-Me", "-Mf", "-Mg", "-Mh", "-Mi", "-Mj");
	CHECK_INT(run.rc, 0);
	CHECK_INT(run.s.meta.count, 10);
	CHECK_STR(run.s.meta.items[0], "a");
	CHECK_STR(run.s.meta.items[9], "j");
	opt_free(&run.r);
}

/* The line of the error and of the hint for one wrong command line. */
static void
refused(const char *word, const char *value, const char *text, const char *hint)
{
	struct run run;

	PARSE(&run, word, value);
	CHECK_INT(run.rc, C1V_USAGE);
	CHECK_INT(run.e.code, C1V_USAGE);
	CHECK_STR(run.e.text, text);
	CHECK_STR(run.e.hint, hint);
	opt_free(&run.r);
}

TEST(wrong_command_lines)
{
	refused("--sise", NULL, "unknown option --sise", "did you mean --size?");
	refused("--szie=3", NULL, "unknown option --szie", "did you mean --size?");
	refused("--over", NULL, "unknown option --over", "did you mean --overlap?");
	refused("--zzzzzzzz", NULL, "unknown option --zzzzzzzz", "c1v-test --help lists the options");
	refused("--api-key", "x", "unknown option --api-key", "c1v-test --help lists the options");
	refused("-x", NULL, "unknown option -x", "c1v-test --help lists the options");
	refused("-fx", NULL, "unknown option -x", "c1v-test --help lists the options");
	refused("-5", NULL, "unknown option -5", "c1v-test --help lists the options");
	refused("--size", NULL, "--size needs a value (N)", "");
	refused("-s", NULL, "-s (--size) needs a value (N)", "");
	refused("--help=yes", NULL, "--help takes no value", "");
	refused("--flag=maybe", NULL, "--flag 'maybe': not yes or no", "");
	refused("--by", "markdwon", "--by 'markdwon': not one of recursive, markdown, sentence",
	    "did you mean markdown?");
	refused("--size", "0", "--size '0': not a whole number from 1 to 5000", "");
	refused("--size=5001", NULL, "--size '5001': not a whole number from 1 to 5000", "");
	refused("-s", "12x", "-s (--size) '12x': not a whole number from 1 to 5000", "");
	refused("--overlap", "-1", "--overlap '-1': not a whole number from 0 to 9223372036854775807", "");
	refused("--bytes", "0", "--bytes '0': not a size from 1 to 9223372036854775807 bytes (k, M, G)", "");
}

TEST(real_range)
{
	struct run run;

	PARSE(&run, "--score", "1.5");
	CHECK_INT(run.rc, C1V_USAGE);
	CHECK(strstr(run.e.text, "--score '1.5'") != NULL && strstr(run.e.text, "-1") != NULL);
	opt_free(&run.r);
	PARSE(&run, "--score", "nan");
	CHECK_INT(run.rc, C1V_USAGE);
	opt_free(&run.r);
}

TEST(actions_before_an_error_are_set)
{
	struct run run;

	PARSE(&run, "--help", "--nonsense");
	CHECK_INT(run.rc, C1V_USAGE);
	CHECK_INT(run.s.common.help, 1);
	opt_free(&run.r);
}

TEST(environment)
{
	struct run run;

	clear_environment();
	setenv("C1V_TEST_SIZE", "77", 1);
	setenv("C1V_TEST_FLAG", "true", 1);
	setenv("OTHER_TEST_STORE", "second", 1);
	PARSE(&run, NULL);
	CHECK_INT(run.rc, 0);
	CHECK_INT(run.s.size, 77);
	CHECK_INT(run.s.flag, 1);
	CHECK_STR(run.s.store, "second");
	CHECK(opt_given(&spec, &run.r, offsetof(struct settings, store)));
	opt_free(&run.r);

	setenv("C1V_TEST_STORE", "first", 1);
	PARSE(&run, "-s", "5");
	CHECK_INT(run.s.size, 5);
	CHECK_STR(run.s.store, "first");
	opt_free(&run.r);

	setenv("C1V_TEST_SIZE", "", 1);
	PARSE(&run, NULL);
	CHECK_INT(run.s.size, 1000);
	opt_free(&run.r);

	setenv("C1V_TEST_SIZE", "many", 1);
	PARSE(&run, "--by", "sentence");
	CHECK_INT(run.rc, C1V_CONFIG);
	CHECK_INT(run.e.code, C1V_CONFIG);
	CHECK_STR(run.e.text, "C1V_TEST_SIZE 'many': not a whole number from 1 to 5000");
	CHECK_INT(run.s.common.log_level, LOG_WARN); /* the others are set all the same */
	opt_free(&run.r);
	clear_environment();
}

static const char sections[] =
    "\xef\xbb\xbf# a comment\r\n"
    "size = 11\r\n"
    "test.overlap = 22   # for one tool\n"
    "overlap = 23\n"
    "other.size = 99\n"
    "\n"
    "store = \"a \\\"b\\\" # \\x41\\n\"  # in quotes\n"
    "meta = k=1\n"
    "meta = k=2\n"
    "unknown = 5\n"
    "[collection handbook]\n"
    "size=12\n"
    "c1v-test.by = markdown\n"
    "meta = only=this\n"
    "[ collection \"other\" ] # another\n"
    "size = 13\n"
    "size = 14\n";

TEST(config_precedence)
{
	struct err e = {0};
	struct conf *c = config_of(sections, &e);
	struct run run;

	CHECK_STR(e.text, "");
	CHECK(c != NULL);
	if (c == NULL)
		return;
	CHECK(conf_found(c));
	PARSE_CONFIG(&run, c, NULL);
	CHECK_INT(run.rc, 0);
	CHECK_INT(run.s.size, 11);
	CHECK_INT(run.s.overlap, 22);
	CHECK_INT(run.s.by, 0);
	CHECK_STR(run.s.store, "a \"b\" # A\n");
	CHECK_INT(run.s.meta.count, 2);
	opt_free(&run.r);

	PARSE_CONFIG(&run, c, "-c", "handbook");
	CHECK_INT(run.s.size, 12);
	CHECK_INT(run.s.by, 1);
	CHECK_INT(run.s.meta.count, 1);
	CHECK_STR(run.s.meta.items[0], "only=this");
	opt_free(&run.r);

	PARSE_CONFIG(&run, c, "--collection=other", "--meta", "mine");
	CHECK_INT(run.s.size, 14);
	CHECK_INT(run.s.meta.count, 1);
	CHECK_STR(run.s.meta.items[0], "mine");
	opt_free(&run.r);

	setenv("C1V_TEST_SIZE", "15", 1);
	PARSE_CONFIG(&run, c, "--collection=other");
	CHECK_INT(run.s.size, 15);
	opt_free(&run.r);
	unsetenv("C1V_TEST_SIZE");
	conf_free(c);
}

TEST(first_of_several_errors)
{
	struct run run;

	setenv("C1V_TEST_SIZE", "many", 1);
	setenv("C1V_TEST_FLAG", "perhaps", 1);
	PARSE(&run, NULL);
	CHECK_INT(run.rc, C1V_CONFIG);
	CHECK_STR(run.e.text, "C1V_TEST_SIZE 'many': not a whole number from 1 to 5000");
	opt_free(&run.r);
	clear_environment();
}

TEST(config_comments_behind_values)
{
	struct conf *c = config_of("store = sqlite:/a#b #c\n#size = 5\ncollection = # nothing\n", NULL);
	struct run run;

	PARSE_CONFIG(&run, c, NULL);
	CHECK_INT(run.rc, 0);
	CHECK_STR(run.s.store, "sqlite:/a#b");
	CHECK_STR(run.s.collection, "");
	CHECK_INT(run.s.size, 1000);
	opt_free(&run.r);
	conf_free(c);
}

TEST(config_collection_from_the_file)
{
	struct conf *c = config_of("collection = h\nsize = 3\n[collection h]\nsize = 4\ncollection = x\n", NULL);
	struct run run;

	PARSE_CONFIG(&run, c, NULL);
	CHECK_STR(run.s.collection, "h");
	CHECK_INT(run.s.size, 4);
	opt_free(&run.r);
	conf_free(c);
}

static void
config_refused(const char *text, const char *end)
{
	struct err e = {0};
	struct conf *c = config_of(text, &e);

	CHECK(c == NULL);
	CHECK_INT(e.code, C1V_CONFIG);
	if (!ends_with(e.text, end))
		CHECK_STR(e.text, end);
	conf_free(c);
}

TEST(config_errors)
{
	struct conf *c;
	struct err e = {0};
	struct run run;

	config_refused("size 5\n", ":1: a line is `key = value`");
	config_refused("\n\n= 5", ":3: a key is the long name of an option");
	config_refused("a b = 5", ":1: a key is the long name of an option");
	config_refused("[collection x\n", ":1: the closing bracket is missing");
	config_refused("[collecton x]\n", ":1: a section is [collection NAME]");
	config_refused("[collection]\n", ":1: a section is [collection NAME]");
	config_refused("[collection x] y\n", ":1: text behind the closing bracket");
	config_refused("a = \"x\n", ":1: the closing quote is missing");
	config_refused("a = \"x\" y\n", ":1: text behind the closing quote");
	config_refused("a = \"\\q\"\n", ":1: a backslash in quotes is written \\\\ (others: \\\" \\n \\r \\t \\xNN)");
	config_refused("a = \"\\x00\"\n", ":1: a backslash in quotes is written \\\\ (others: \\\" \\n \\r \\t \\xNN)");
	CHECK(conf_read("/", &e) == NULL);
	CHECK_STR(e.text, "cannot read /: Is a directory");
	CHECK_INT(e.code, C1V_CONFIG);
	c = conf_read("/nonexistent/c1v/config", &e);
	CHECK(c != NULL && !conf_found(c) && conf_entry(c, 0, NULL, NULL, NULL) == NULL);
	conf_free(c);

	c = config_of("quiet = yes\nsize = 99999\n", &e);
	PARSE_CONFIG(&run, c, NULL);
	CHECK_INT(run.rc, C1V_CONFIG);
	CHECK_INT(run.s.quiet, 1);
	if (!ends_with(run.e.text, ":2: size '99999': not a whole number from 1 to 5000"))
		CHECK_STR(run.e.text, ":2: size");
	opt_free(&run.r);
	conf_free(c);
}

TEST(config_nul_byte)
{
	const char *path = config_file("a = \0b\n", 7);
	struct err e = {0};

	CHECK(conf_read(path, &e) == NULL);
	CHECK(ends_with(e.text, ":1: a NUL byte"));
	unlink(path);
}

TEST(actions_are_no_settings)
{
	struct conf *c = config_of("help = yes\nversion = yes\nconfig = /x\ncompletion = bash\n", NULL);
	struct run run;

	PARSE_CONFIG(&run, c, NULL);
	CHECK_INT(run.rc, 0);
	CHECK_INT(run.s.common.help, 0);
	CHECK(run.s.common.config == NULL);
	CHECK(run.s.common.completion == NULL);
	opt_free(&run.r);
	conf_free(c);
}

TEST(known_keys)
{
	CHECK_INT(opt_knows(&spec, "size"), 1);
	CHECK_INT(opt_knows(&spec, "test.size"), 1);
	CHECK_INT(opt_knows(&spec, "test.sise"), -1);
	CHECK_INT(opt_knows(&spec, "test.help"), -1);
	CHECK_INT(opt_knows(&spec, "other.size"), 0);
	CHECK_INT(opt_knows(&spec, "sise"), 0);
}

TEST(nearest_name)
{
	struct nearest n = nearest_to(SLICE("ab"));

	nearest_try(&n, SLICE("xyz"));
	CHECK(n.best.p == NULL);
	nearest_try(&n, SLICE("ba"));
	CHECK_MEM(n.best.p, n.best.n, "ba");
	nearest_try(&n, SLICE("a"));
	CHECK_MEM(n.best.p, n.best.n, "ba"); /* no nearer */
	nearest_try(&n, SLICE("ab"));
	CHECK_MEM(n.best.p, n.best.n, "ab");
	n = nearest_to(SLICE("col"));
	nearest_try(&n, SLICE("color-of-the-sky"));
	CHECK_MEM(n.best.p, n.best.n, "color-of-the-sky");
	n = nearest_to(SLICE("a-word-that-is-much-too-long-to-be-any-name-of-an-option"));
	nearest_try(&n, n.word);
	CHECK(n.best.p == NULL);
}

TEST(verbs)
{
	struct err e = {0};

	CHECK_INT(opt_verb(&spec, "vacuum", &e), 2);
	CHECK_INT(opt_verb(&spec, "vaccum", &e), -1);
	CHECK_STR(e.text, "unknown verb vaccum");
	CHECK_STR(e.hint, "did you mean vacuum?");
	CHECK_INT(opt_verb(&spec, NULL, &e), -1);
	CHECK_INT(e.code, C1V_USAGE);
	CHECK_STR(e.hint, "c1v-test --help lists the verbs");
}

TEST(help)
{
	struct buf out = {0};
	const char *text;

	opt_help(&spec, &out);
	text = buf_cstr(&out);
	CHECK(strstr(text, "Usage: c1v-test [OPTION]… [FILE]…\ntry the options\n") == text);
	CHECK(strstr(text, "\n  init                      create a store\n") != NULL);
	CHECK(strstr(text, "\nOptions:\n  -s, --size N              most characters of a chunk (default: 1000)\n"
	    "                            [$C1V_TEST_SIZE]\n") != NULL);
	CHECK(strstr(text, "\n      --by HOW              how to split: recursive, markdown, sentence\n"
	    "                            (default: recursive)\n") != NULL);
	CHECK(strstr(text, "\nSettings (environment and configuration file only):\n      api-key") != NULL);
	CHECK(strstr(text, "\nNone:\n") == NULL);
	CHECK(strstr(text, "\nCommon options:\n  -h, --help ") != NULL);
	for (const char *line = text; *line; line = strchr(line, '\n') + 1)
		CHECK(strcspn(line, "\n") <= 79 + 4);
	buf_free(&out);
}

TEST(show_config_reads_back)
{
	struct conf *c = config_of(sections, NULL), *again;
	struct buf out = {0}, out2 = {0};
	struct run run;

	setenv("C1V_TEST_KEY", "hunter2", 1);
	PARSE_CONFIG(&run, c, "-f", "--score=0.25", "--bytes=3k", "--meta= \ta\033\"\\#\n", "--meta=", "--meta=# x", "--meta=x #y",
	    "--store", "say \"hi\" \xff");
	opt_show(&spec, &run.r, &run.s, &out);
	CHECK(strstr(buf_cstr(&out), "hunter2") == NULL);
	CHECK(strstr(out.data, "\n# api-key = ****  # environment variable C1V_TEST_KEY\n") != NULL);
	CHECK(strstr(out.data, "\nflag = yes  # command line\n") != NULL);
	CHECK(strstr(out.data, "\nquiet = no  # default\n") != NULL);
	CHECK(strstr(out.data, "\nbytes = 3k  # command line\n") != NULL);
	CHECK(strstr(out.data, "\nby = recursive  # default\n") != NULL);
	CHECK(strstr(out.data, "\n# config =  # not set\n") != NULL);
	CHECK(strstr(out.data, "help") == NULL);
	CHECK(strstr(out.data, ":2\n") != NULL); /* size is from line 2 */
	CHECK(strchr(out.data, '\033') == NULL);
	opt_free(&run.r);

	again = config_of(out.data, &run.e);
	CHECK(again != NULL);
	if (again == NULL)
		printf("# %s\n%s", run.e.text, out.data);
	unsetenv("C1V_TEST_KEY");
	PARSE_CONFIG(&run, again, NULL);
	CHECK_INT(run.rc, 0);
	CHECK_INT(run.s.size, 11);
	CHECK_INT(run.s.overlap, 22);
	CHECK_INT(run.s.bytes, 3072);
	CHECK(run.s.score == 0.25);
	CHECK_STR(run.s.store, "say \"hi\" \xff");
	CHECK_INT(run.s.meta.count, 4);
	CHECK_STR(run.s.meta.items[3], "x #y");
	CHECK_STR(run.s.meta.items[0], " \ta\033\"\\#\n");
	CHECK_STR(run.s.meta.items[1], "");
	CHECK_STR(run.s.meta.items[2], "# x");
	opt_free(&run.r);
	conf_free(c);
	conf_free(again);
	buf_free(&out);
	buf_free(&out2);
}

static void
shown_store(const char *url, const char *line)
{
	struct buf out = {0};
	struct run run;

	PARSE(&run, "--store", url);
	opt_show(&spec, &run.r, &run.s, &out);
	if (strstr(buf_cstr(&out), line) == NULL)
		CHECK_STR(out.data, line);
	opt_free(&run.r);
	buf_free(&out);
}

TEST(passwords_are_masked)
{
	shown_store("postgres://u:s3cret@h/db", "\n# store = postgres://u:****@h/db  # command line\n");
	shown_store("redis://:s3c/r@et@h", "\n# store = redis://:****@h  # command line\n");
	shown_store("postgres://u@h/db?password=abc&x=1&sslpassword=q",
	    "\n# store = postgres://u@h/db?password=****&x=1&sslpassword=****  # command line\n");
	shown_store("host=h password=abc dbname=x", "\n# store = host=h password=**** dbname=x  # command line\n");
	shown_store("postgres://u@h:5432/db", "\nstore = postgres://u@h:5432/db  # command line\n");
	shown_store("sqlite:/a/b.db", "\nstore = sqlite:/a/b.db  # command line\n");
}

TEST(completions)
{
	struct buf out = {0};
	struct err e = {0};

	CHECK_INT(opt_completion(&spec, "bash", &out, &e), 0);
	CHECK(strstr(buf_cstr(&out), "--by) COMPREPLY=($(compgen -W 'recursive markdown sentence' -- \"$cur\"))") != NULL);
	CHECK(strstr(out.data, "api-key") == NULL);
	out.len = 0;
	CHECK_INT(opt_completion(&spec, "zsh", &out, &e), 0);
	CHECK(strncmp(buf_cstr(&out), "#compdef c1v-test\n", 18) == 0);
	CHECK(strstr(out.data, "'*'{-M+,--meta=}'[metadata of every document\\: it'\\''s \\[merged\\]]:KEY=VALUE:'") != NULL);
	out.len = 0;
	CHECK_INT(opt_completion(&spec, "fish", &out, &e), 0);
	CHECK(strstr(buf_cstr(&out), "complete -c c1v-test -l by -x -a 'recursive markdown sentence' -d 'how to split'\n") != NULL);
	out.len = 0;
	CHECK_INT(opt_completion(&spec, "csh", &out, &e), C1V_USAGE);
	CHECK_STR(e.text, "--completion 'csh': not one of bash, zsh, fish");
	buf_free(&out);
}

int
main(void)
{
	return test_run();
}

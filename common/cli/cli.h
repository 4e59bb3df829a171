/* cli: what every tool does the same way.
 *
 *     int main(int argc, char **argv)
 *     {
 *             struct settings s = {0};
 *             struct cli c;
 *             int rc = cli_start(&c, &spec, argc, argv, &s, &s.common);
 *             if (rc != CLI_GO) return rc;
 *             …work, with c.log, c.out, c.err…
 *             return cli_finish(&c, rc);
 *     }
 *
 * Common options: --help, --version, --show-config, --completion SHELL,
 * --log-format, --log-level, --config FILE, --line-buffered. */
#ifndef C1V_CLI_CLI_H
#define C1V_CLI_CLI_H

#include <signal.h>

#include "base/module.h"
#include "base/opt.h"
#include "base/out.h"
#include "watch/log.h"

enum { CLI_GO = -1 }; /* not an exit code: the tool shall do its work */

/* Member `common` of every tool's settings. The table is made by
 * CLI_OPTIONS(struct settings). */
struct cli_common {
	int help, version, show_config;
	const char *completion;
	int log_format; /* 0 text, 1 json */
	int log_level;  /* enum log_level */
	const char *config;
	int line_buffered;
};

/* The common rows for a settings struct T with a member `common`:
 *     static const struct opt common[] = { CLI_OPTIONS(struct settings), OPT_END }; */
#define CLI_OPTIONS(T)                                                                       \
	{ .letter = 'h', .name = "help", .kind = OPT_ACTION,                                 \
	  .offset = offsetof(T, common.help), .help = "show this help and exit" },           \
	{ .letter = 'V', .name = "version", .kind = OPT_ACTION,                              \
	  .offset = offsetof(T, common.version), .help = "show the version and exit" },      \
	{ .name = "show-config", .kind = OPT_ACTION,                                         \
	  .offset = offsetof(T, common.show_config),                                         \
	  .help = "show every setting and where it came from, and exit" },                   \
	{ .name = "completion", .kind = OPT_STRING, .offset = offsetof(T, common.completion), \
	  .argument = "SHELL", .help = "print completions for bash, zsh or fish, and exit",  \
	  .choices = "bash|zsh|fish", .flags = OPT_NO_CONFIG },                              \
	{ .name = "config", .kind = OPT_STRING, .offset = offsetof(T, common.config),        \
	  .argument = "FILE", .help = "read settings from FILE", .env = "C1V_CONFIG",        \
	  .flags = OPT_FILES | OPT_NO_CONFIG },                                              \
	{ .name = "log-format", .kind = OPT_CHOICE, .offset = offsetof(T, common.log_format), \
	  .argument = "FORMAT", .help = "form of messages", .fallback = "text",              \
	  .env = "C1V_LOG_FORMAT", .choices = "text|json" },                                 \
	{ .name = "log-level", .kind = OPT_CHOICE, .offset = offsetof(T, common.log_level),  \
	  .argument = "LEVEL", .help = "least level of messages", .fallback = "warn",        \
	  .env = "C1V_LOG_LEVEL", .choices = "debug|info|warn|error|silent" },               \
	{ .name = "line-buffered", .kind = OPT_FLAG,                                         \
	  .offset = offsetof(T, common.line_buffered),                                       \
	  .help = "write each line of output at once" }

struct cli {
	struct log log;
	struct out out;     /* standard output */
	struct err err;     /* the tool's current error */
	struct opt_result args;
	struct conf *config;
	const struct opt_spec *spec;
	int64_t started;    /* clock_mono_ns() */
};

/* Parse, answer the options that only show something, set up log and output.
 * CLI_GO, or the exit code with which main shall return at once. settings is
 * the tool's zeroed struct, common its member. Signals: SIGPIPE as it was,
 * SIGXFSZ ignored (a file too large is then EFBIG, C1V_IO). Descriptors 0 to 2
 * that were closed are filled, so that no file of the tool gets their numbers;
 * using them still fails. */
int cli_start(struct cli *c, const struct opt_spec *spec, int argc, char **argv,
    void *settings, struct cli_common *common);

/* Report c->err when rc is 64 or more and it says something, close stdout and check it, free, and
 * return the exit code (C1V_IO when only the closing failed). When a signal was
 * caught nothing is reported and the process ends by that signal. */
int cli_finish(struct cli *c, int rc);

/* The verb, by its place among spec->verbs, with options that it has; -1: there is no such verb, or it
 * has no such option (c->err, C1V_USAGE). */
int cli_verb(struct cli *c);

/* A usage error in main: fills c->err with a hint to --help; C1V_USAGE. */
int cli_usage(struct cli *c, const char *fmt, ...) C1V_PRINTF(2, 3);

/* Where data files are: $C1V_SHARE, else ../share/c1v beside the executable,
 * else the prefix compiled in. Arena-owned path of DIR/name; name NULL: DIR. */
const char *cli_share(struct arena *a, const char *name);

/* Signals that shall end the work in an orderly way: after cli_catch_signals,
 * SIGINT, SIGTERM, SIGHUP set a flag (the only mutable global of the house),
 * which loops poll; a second one ends the process at once. One that was ignored
 * stays so (nohup). cli_reraise() ends the process by the signal when set. */
void cli_catch_signals(void);
int cli_signal(void); /* the signal that arrived, or 0 */
/* 0, or C1V_AGAIN and an error when a signal arrived: for loops and for what
 * they call while they wait. */
int cli_interrupted(struct err *e);
void cli_reraise(void);

#endif

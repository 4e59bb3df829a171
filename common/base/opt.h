/* opt: one table of options drives parsing, settings, --help and completions.
 *
 * A tool declares `static const struct opt options[]` ended by OPT_END. Each
 * option writes to a member of the tool's settings struct, found by offset.
 * Values come, in this order of precedence, from the command line, the
 * environment, the configuration file and the default in the table; all pass
 * the same parser, whose errors name the flag and its range. */
#ifndef C1V_BASE_OPT_H
#define C1V_BASE_OPT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum opt_kind {
	OPT_FLAG,   /* int: 0, or 1 when given; --NAME=no takes back what the environment
	               or the file says (yes, no, true, false, on, off, 1, 0) */
	OPT_STRING, /* const char *: NULL when not given and without default */
	OPT_INT,    /* int64_t, within min..max */
	OPT_SIZE,   /* int64_t bytes with suffix k, M, G, within min..max */
	OPT_REAL,   /* double, within min..max */
	OPT_CHOICE, /* int: index of the value in `choices` ("a|b|c") */
	OPT_LIST,   /* struct opt_list: repeatable strings */
	OPT_ACTION  /* int: 1 when given. --help, --version and their like: command line
	               only, no setting, answered before settings are looked at */
};

struct opt_list {
	const char **items;
	size_t count, room;
};

enum {
	OPT_SECRET = 1, /* masked in --show-config; only for environment-only settings */
	OPT_HIDDEN = 2, /* not in --help (there are very few: say why) */
	OPT_FILES = 4,  /* the value is a path: completions offer files */
	OPT_NO_FLAG = 8, /* environment and configuration only */
	OPT_NO_CONFIG = 16 /* command line and environment only */
};

struct opt {
	char letter;          /* 0: none */
	const char *name;     /* "size" for --size; NULL ends the table */
	enum opt_kind kind;
	size_t offset;        /* of the member in the settings struct */
	const char *argument; /* "N", "FILE"; NULL for flags */
	const char *help;     /* one line, lower case, no full stop */
	const char *fallback; /* default as text, shown in --help; NULL: none */
	const char *env;      /* variables that set it, space-separated in order ("C1V_STORE"); NULL: none;
	                         one that is empty is as if not there */
	const char *choices;  /* for OPT_CHOICE; for others, what completions offer */
	double min, max;      /* both 0: the type's full range (non-negative for INT and SIZE);
	                         max below min: no upper bound */
	unsigned flags;
	unsigned verbs;       /* bit N: the verb N of opt_spec.verbs has it; 0: all have */
};
#define OPT_END { .name = NULL }

struct opt_spec {
	const char *tool;       /* "c1v-chunk" */
	const char *purpose;    /* one line, as in the man page's NAME */
	const char *synopsis;   /* "[OPTION]… [FILE]…" */
	const char *const *verbs; /* NULL-ended "name\0one line" pairs for tools with verbs, or NULL */
	const struct opt *const *tables; /* NULL-ended: the tool's own, then the common ones */
	const char *const *sections; /* heading of each table in --help */
	const char *files;      /* what operands are: "files", "none", "words" (completions) */
};

enum opt_origin { OPT_UNSET, OPT_DEFAULT, OPT_CONFIG, OPT_ENV, OPT_COMMAND };

/* The outcome of parsing. Zero-initialise; free with opt_free(). It owns the
 * lists and the values that are not borrowed from argv, the environment or the
 * table: the settings live as long as it does. */
struct opt_result {
	const char **operands; /* what is not an option, in order; borrowed from argv */
	size_t operand_count;
	struct opt_source {    /* one for each option of all tables, in order */
		enum opt_origin origin;
		const char *where;  /* "environment variable C1V_STORE", "/path/config:12" */
	} *sources;
	struct arena arena;
};

/* The command line into settings, which must be zeroed (GNU habit: options
 * anywhere before "--"; --name=value, --name value, -xvalue, -x value, -abc for
 * flags; "-" is an operand; no abbreviations). The last of a repeated option
 * counts. 0, or C1V_USAGE with the nearest name as hint for an unknown option;
 * actions that stood before the error are set. */
int opt_command(const struct opt_spec *spec, int argc, char **argv,
    void *settings, struct opt_result *r, struct err *e);

/* What the command line left open, from the environment, the configuration and
 * the defaults. config may be NULL. A setting named "collection" is found first;
 * its section of the file goes before the top. 0, or C1V_CONFIG for the first
 * value that is wrong; the others are set all the same. */
struct conf;
int opt_settle(const struct opt_spec *spec, const struct conf *config,
    void *settings, struct opt_result *r, struct err *e);

/* Both, one after the other. */
int opt_parse(const struct opt_spec *spec, int argc, char **argv,
    const struct conf *config, void *settings, struct opt_result *r, struct err *e);

/* Where the value of an option (by the offset of its member) comes from;
 * OPT_UNSET when there is no such option. */
enum opt_origin opt_origin_of(const struct opt_spec *spec, const struct opt_result *r, size_t offset);
/* Was it given other than by default? */
int opt_given(const struct opt_spec *spec, const struct opt_result *r, size_t offset);
void opt_free(struct opt_result *r);

/* Index of a verb in spec->verbs, or -1 and C1V_USAGE in e (word NULL: none was
 * given) with the nearest verb as hint. */
int opt_verb(const struct opt_spec *spec, const char *word, struct err *e);

/* Is key, as it stands in a configuration file ("size", "chunk.size"), an
 * option of this tool? 1; 0: it may be another tool's; -1: it is none of this
 * tool, though it is named so. */
int opt_knows(const struct opt_spec *spec, const char *key);

void opt_help(const struct opt_spec *spec, struct buf *out);

/* --show-config: every setting as `name = value  # where`, readable again as a
 * configuration file; what is not set, cannot stand in a file or is masked (secrets, the
 * password of a URL) is commented out. */
void opt_show(const struct opt_spec *spec, const struct opt_result *r,
    const void *settings, struct buf *out);

/* shell: "bash", "zsh" or "fish". 0, or C1V_USAGE for another. */
int opt_completion(const struct opt_spec *spec, const char *shell, struct buf *out, struct err *e);

/* conf: the configuration file. It never runs anything.
 *
 *     # a comment; also behind a value, after white space
 *     log-format = json            a key is an option's long name
 *     chunk.size = 800             or TOOL.NAME, for one tool
 *     [collection handbook]        up to the next section
 *     store = "sqlite:/srv/h #1"   in quotes: \\ \" \n \r \t \xNN
 *
 * A section goes before the top, chunk.size before size, the last of equals
 * counts; lists take all of the best. Errors are C1V_CONFIG, "PATH:LINE: …". A
 * file that is not there is an empty one. */
struct conf *conf_read(const char *path, struct err *e); /* NULL on error */
int conf_found(const struct conf *c); /* was there a file? */
const char *conf_default_path(struct arena *a); /* $XDG_CONFIG_HOME/c1v/config; NULL: no home */
const char *conf_path(const struct conf *c);
/* The i-th assignment of the file, counted from 0; its key, NULL behind the
 * last. section, value and line may be NULL. "c1v-" before "TOOL." is dropped. */
const char *conf_entry(const struct conf *c, size_t i, const char **section,
    const char **value, int *line);
void conf_free(struct conf *c);

#endif

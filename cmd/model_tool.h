/* model_tool: what the parts of c1v-model share.
 *
 * c1v-model.c  convert, info, tokens
 * model_bpe.c  token tables: bpe, and info of one */
#ifndef C1V_MODEL_TOOL_H
#define C1V_MODEL_TOOL_H

#include "cli/cli.h"

struct settings {
	struct cli_common common;
	const char *name, *weights, *model;
	int cased, verify;
};

struct tool {
	struct cli *cli;
	const struct settings *s;
	const char **words;
	size_t word_count;
	struct arena arena;
};

/* Make a table of a rank file of tiktoken: words are RANKS ENCODING FILE. */
int model_verb_bpe(struct tool *t);
/* Does the file begin as a token table does? */
int model_is_bpe(const char *path);
int model_bpe_info(struct tool *t);

#endif

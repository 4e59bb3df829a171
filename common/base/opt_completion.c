#include "base/opt_walk.h"

static int
offered(const struct opt *o)
{
	return !(o->flags & (OPT_HIDDEN | OPT_NO_FLAG));
}

/* "c1v_chunk" of "c1v-chunk": names of shell functions have no dash. */
static void
add_function(struct buf *out, const char *tool)
{
	for (; *tool; tool++)
		buf_byte(out, *tool == '-' ? '_' : *tool);
}

/* "a b c" of "a|b|c". */
static void
add_choices(struct buf *out, const struct opt *o)
{
	const char *list = o->choices;
	struct slice word;

	for (int i = 0; opt_word(&list, '|', &word); i++) {
		if (i)
			buf_byte(out, ' ');
		buf_slice(out, word);
	}
}

/* s between single quotes of a shell; each of `special` gets a backslash. */
static void
add_quoted(struct buf *out, const char *s, const char *special, const char *quote)
{
	for (; *s; s++) {
		if (*s == '\'') {
			buf_string(out, quote);
		} else {
			if (strchr(special, *s) != NULL)
				buf_byte(out, '\\');
			buf_byte(out, *s);
		}
	}
}

/* --- bash -------------------------------------------------------------- */

static void
bash_pattern(struct buf *out, const struct opt *o)
{
	buf_format(out, "\t--%s", o->name);
	if (o->letter)
		buf_format(out, "|-%c", o->letter);
	buf_byte(out, ')');
}

static void
bash_value(struct buf *out, const struct opt *o)
{
	bash_pattern(out, o);
	if (o->choices != NULL) {
		buf_string(out, " COMPREPLY=($(compgen -W '");
		add_choices(out, o);
		buf_string(out, "' -- \"$cur\")); return ;;\n");
	} else if (o->flags & OPT_FILES) {
		buf_string(out, " return ;;\n");
	} else {
		buf_string(out, " compopt +o default +o bashdefault; return ;;\n");
	}
}

static void
bash_words(const struct opt_spec *spec, struct buf *out)
{
	if (spec->verbs != NULL) {
		buf_string(out, "\tfor word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
		    "\t\tcase $word in\n\t\t");
		for (size_t i = 0; spec->verbs[i] != NULL; i++)
			buf_format(out, "%s%s", i ? "|" : "", spec->verbs[i]);
		buf_string(out, ") verb=$word ;;\n\t\tesac\n\tdone\n"
		    "\tif [ -z \"$verb\" ]; then\n"
		    "\t\tcompopt +o default +o bashdefault\n"
		    "\t\tCOMPREPLY=($(compgen -W '");
		for (size_t i = 0; spec->verbs[i] != NULL; i++)
			buf_format(out, "%s%s", i ? " " : "", spec->verbs[i]);
		buf_string(out, "' -- \"$cur\"))\n\t\treturn\n\tfi\n");
	}
	if (strcmp(spec->files, "files") != 0)
		buf_string(out, "\tcompopt +o default +o bashdefault\n");
}

/* An empty answer lets readline complete file names (-o default). The "=" of
 * --name=value is a word of its own to readline. */
static void
bash(const struct opt_spec *spec, struct buf *out)
{
	buf_format(out, "# bash completion for %s\n"
	    "# shellcheck disable=SC2207 # no word holds a space\n_", spec->tool);
	add_function(out, spec->tool);
	buf_string(out, "()\n{\n"
	    "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n");
	if (spec->verbs != NULL)
		buf_string(out, "\tlocal verb='' word\n");
	buf_string(out, "\n\tif [ \"$cur\" = = ]; then\n"
	    "\t\tcur=\n"
	    "\telif [ \"$prev\" = = ] && [ \"$COMP_CWORD\" -gt 1 ]; then\n"
	    "\t\tprev=${COMP_WORDS[COMP_CWORD-2]}\n"
	    "\tfi\n"
	    "\tCOMPREPLY=()\n"
	    "\tcase $prev in\n");
	for (struct opt_at i = opt_first(spec); i.o->name != NULL; opt_next(&i)) {
		if (offered(i.o) && opt_takes_value(i.o))
			bash_value(out, i.o);
	}
	buf_string(out, "\tesac\n"
	    "\tif [ \"${cur:0:1}\" = - ]; then\n"
	    "\t\tcompopt +o default +o bashdefault\n"
	    "\t\tCOMPREPLY=($(compgen -W '");
	for (struct opt_at i = opt_first(spec); i.o->name != NULL; opt_next(&i)) {
		if (!offered(i.o))
			continue;
		buf_format(out, "%s--%s", i.index ? " " : "", i.o->name);
		if (i.o->letter)
			buf_format(out, " -%c", i.o->letter);
	}
	buf_string(out, "' -- \"$cur\"))\n\t\treturn\n\tfi\n");
	bash_words(spec, out);
	buf_string(out, "}\ncomplete -o bashdefault -o default -F _");
	add_function(out, spec->tool);
	buf_format(out, " %s\n", spec->tool);
}

/* --- zsh --------------------------------------------------------------- */

/* In a spec of _arguments brackets and colons are syntax. */
static void
zsh_text(struct buf *out, const char *s)
{
	add_quoted(out, s, "[]:\\", "'\\''");
}

static void
zsh_option(struct buf *out, const struct opt *o)
{
	const char *long_end = opt_takes_value(o) ? "=" : "", *short_end = opt_takes_value(o) ? "+" : "";
	int repeats = o->kind == OPT_LIST;

	buf_string(out, " \\\n\t");
	if (o->letter && !repeats)
		buf_format(out, "'(-%c --%s)'", o->letter, o->name);
	if (repeats)
		buf_string(out, "'*'");
	if (o->letter)
		buf_format(out, "{-%c%s,--%s%s}'", o->letter, short_end, o->name, long_end);
	else
		buf_format(out, "'--%s%s", o->name, long_end);
	buf_byte(out, '[');
	zsh_text(out, o->help);
	buf_byte(out, ']');
	if (opt_takes_value(o)) {
		buf_byte(out, ':');
		zsh_text(out, o->argument ? o->argument : "VALUE");
		buf_byte(out, ':');
		if (o->choices != NULL) {
			buf_byte(out, '(');
			add_choices(out, o);
			buf_byte(out, ')');
		} else if (o->flags & OPT_FILES) {
			buf_string(out, "_files");
		}
	}
	buf_byte(out, '\'');
}

static void
zsh(const struct opt_spec *spec, struct buf *out)
{
	buf_format(out, "#compdef %s\n\n_arguments -s -S", spec->tool);
	for (struct opt_at i = opt_first(spec); i.o->name != NULL; opt_next(&i)) {
		if (offered(i.o))
			zsh_option(out, i.o);
	}
	if (spec->verbs != NULL) {
		buf_string(out, " \\\n\t'1:verb:((");
		for (size_t i = 0; spec->verbs[i] != NULL; i++) {
			buf_format(out, "%s%s\\:\"", i ? " " : "", spec->verbs[i]);
			add_quoted(out, spec->verbs[i] + strlen(spec->verbs[i]) + 1, "\"$`\\", "'\\''");
			buf_byte(out, '"');
		}
		buf_string(out, "))'");
	}
	if (strcmp(spec->files, "files") == 0)
		buf_string(out, " \\\n\t'*:file:_files'");
	buf_byte(out, '\n');
}

/* --- fish -------------------------------------------------------------- */

static void
fish_option(const struct opt_spec *spec, struct buf *out, const struct opt *o)
{
	buf_format(out, "complete -c %s -l %s", spec->tool, o->name);
	if (o->letter)
		buf_format(out, " -s %c", o->letter);
	if (opt_takes_value(o))
		buf_string(out, o->flags & OPT_FILES ? " -r -F" : " -x");
	if (o->choices != NULL) {
		buf_string(out, " -a '");
		add_choices(out, o);
		buf_byte(out, '\'');
	}
	buf_string(out, " -d '");
	add_quoted(out, o->help, "\\", "\\'");
	buf_string(out, "'\n");
}

static void
fish(const struct opt_spec *spec, struct buf *out)
{
	buf_format(out, "# fish completion for %s\n", spec->tool);
	if (strcmp(spec->files, "files") != 0)
		buf_format(out, "complete -c %s -f\n", spec->tool);
	for (size_t i = 0; spec->verbs != NULL && spec->verbs[i] != NULL; i++) {
		buf_format(out, "complete -c %s -n __fish_use_subcommand -f -a %s -d '", spec->tool,
		    spec->verbs[i]);
		add_quoted(out, spec->verbs[i] + strlen(spec->verbs[i]) + 1, "\\", "\\'");
		buf_string(out, "'\n");
	}
	for (struct opt_at i = opt_first(spec); i.o->name != NULL; opt_next(&i)) {
		if (offered(i.o))
			fish_option(spec, out, i.o);
	}
}

int
opt_completion(const struct opt_spec *spec, const char *shell, struct buf *out, struct err *e)
{
	if (strcmp(shell, "bash") == 0)
		bash(spec, out);
	else if (strcmp(shell, "zsh") == 0)
		zsh(spec, out);
	else if (strcmp(shell, "fish") == 0)
		fish(spec, out);
	else
		return err_set(e, C1V_USAGE, "--completion '%.60s': not one of bash, zsh, fish", shell);
	return 0;
}

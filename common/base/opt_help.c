#include "base/opt_walk.h"

#include "base/num.h"
#include "base/utf8.h"

enum { HELP_COLUMN = 28, HELP_WIDTH = 79 };

/* --- --help ------------------------------------------------------------ */

/* Words of text from HELP_COLUMN to HELP_WIDTH; at is where the line stands. */
static void
add_wrapped(struct buf *out, size_t at, const char *text)
{
	struct slice word;
	int first = 1;

	if (at + 2 > HELP_COLUMN) {
		buf_byte(out, '\n');
		at = 0;
	}
	while (opt_word(&text, ' ', &word)) {
		size_t width = utf8_width(word.p, word.n);

		if (!first && at + 1 + width > HELP_WIDTH) {
			buf_byte(out, '\n');
			at = 0;
			first = 1;
		}
		if (first) {
			buf_format(out, "%*s", (int)(HELP_COLUMN - at), "");
			at = HELP_COLUMN;
		} else {
			buf_byte(out, ' ');
			at++;
		}
		buf_slice(out, word);
		at += width;
		first = 0;
	}
	buf_byte(out, '\n');
}

/* What the table knows beside the help text: choices, default, variables. */
static void
add_facts(struct buf *text, const struct opt *o)
{
	const char *list = o->choices;
	struct slice word;

	for (int i = 0; o->kind == OPT_CHOICE && opt_word(&list, '|', &word); i++)
		buf_format(text, "%s%.*s", i ? ", " : ": ", (int)word.n, word.p);
	if (o->fallback != NULL)
		buf_format(text, " (default: %s)", o->fallback);
	for (list = o->env; opt_word(&list, ' ', &word);)
		buf_format(text, " [$%.*s]", (int)word.n, word.p);
}

static void
add_option(struct buf *out, const struct opt *o)
{
	struct buf left = {0}, text = {0};

	if (o->flags & OPT_NO_FLAG)
		buf_format(&left, "      %s", o->name);
	else if (o->letter)
		buf_format(&left, "  -%c, --%s", o->letter, o->name);
	else
		buf_format(&left, "      --%s", o->name);
	if (o->argument != NULL)
		buf_format(&left, o->flags & OPT_NO_FLAG ? " = %s" : " %s", o->argument);
	buf_string(&text, o->help);
	add_facts(&text, o);
	buf_slice(out, buf_as_slice(&left));
	add_wrapped(out, utf8_width(left.data, left.len), buf_cstr(&text));
	buf_free(&left);
	buf_free(&text);
}

/* The options of a table that stand on the command line, or those that do not. */
static size_t
add_table(struct buf *out, const struct opt *table, const char *heading, unsigned no_flag)
{
	size_t count = 0;

	for (const struct opt *o = table; o->name != NULL; o++) {
		if (o->flags & OPT_HIDDEN || (o->flags & OPT_NO_FLAG) != no_flag)
			continue;
		if (count++ == 0)
			buf_format(out, "\n%s:\n", heading);
		add_option(out, o);
	}
	return count;
}

void
opt_help(const struct opt_spec *spec, struct buf *out)
{
	buf_format(out, "Usage: %s %s\n", spec->tool, spec->synopsis);
	buf_format(out, "%s\n", spec->purpose);
	if (spec->verbs != NULL)
		buf_string(out, "\nVerbs:\n");
	for (size_t i = 0; spec->verbs != NULL && spec->verbs[i] != NULL; i++) {
		const char *verb = spec->verbs[i];

		buf_format(out, "  %s", verb);
		add_wrapped(out, 2 + strlen(verb), verb + strlen(verb) + 1);
	}
	for (size_t i = 0; spec->tables[i] != NULL; i++) {
		const char *heading = spec->sections && spec->sections[i] ? spec->sections[i] : "Options";
		add_table(out, spec->tables[i], heading, 0);
	}
	for (size_t i = 0; spec->tables[i] != NULL; i++)
		add_table(out, spec->tables[i], "Settings (environment and configuration file only)", OPT_NO_FLAG);
	buf_format(out, "\nManual: %s(1), c1v(7), c1v-record(5)\n", spec->tool);
}

/* --- --show-config ----------------------------------------------------- */

/* The end of "scheme://user:" when a password follows up to the last '@' (a
 * password may hold any byte, so the host is not looked for), else NULL. */
static const char *
user_password(const char *text, const char **end)
{
	const char *user = strstr(text, "://"), *colon;

	*end = strrchr(text, '@');
	if (user == NULL || *end == NULL || *end < user)
		return NULL;
	colon = memchr(user + 3, ':', (size_t)(*end - user - 3));
	return colon ? colon + 1 : NULL;
}

/* Append text with its passwords as ****; 1 when there was one. */
static int
mask(struct buf *out, const char *text)
{
	static const char word[] = "password=";
	const char *end, *at = user_password(text, &end);
	int found = 0;

	if (at != NULL) {
		buf_add(out, text, (size_t)(at - text));
		buf_string(out, "****");
		text = end;
		found = 1;
	}
	while ((at = strstr(text, word)) != NULL) {
		buf_add(out, text, (size_t)(at - text));
		buf_string(out, "password=****");
		text = at + sizeof(word) - 1;
		text += strcspn(text, "& ");
		found = 1;
	}
	buf_string(out, text);
	return found;
}

static int
needs_quotes(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || s[0] == '"' || s[0] == ' ' || s[n - 1] == ' ' || s[0] == '#')
		return 1;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		if (c < 0x20 || c >= 0x7f || (c == '#' && s[i - 1] == ' '))
			return 1;
	}
	return 0;
}

/* As the configuration file reads it back, and harmless on a terminal. */
static void
add_text(struct buf *out, const char *s)
{
	size_t n = strlen(s);

	if (!needs_quotes(s)) {
		buf_string(out, s);
		return;
	}
	buf_byte(out, '"');
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '"' || c == '\\')
			buf_format(out, "\\%c", c);
		else if (c == '\n')
			buf_string(out, "\\n");
		else if (c == '\t')
			buf_string(out, "\\t");
		else if (c < 0x20 || c == 0x7f)
			buf_format(out, "\\x%02x", c);
		else
			buf_byte(out, (char)c);
	}
	buf_byte(out, '"');
}

/* 1 when it was masked. */
static int
add_string(struct buf *out, const struct opt *o, const char *s)
{
	struct buf shown = {0};
	int masked = 1;

	if (o->flags & OPT_SECRET)
		buf_string(&shown, "****");
	else
		masked = mask(&shown, s);
	add_text(out, buf_cstr(&shown));
	buf_free(&shown);
	return masked;
}

static void
add_size(struct buf *out, int64_t v)
{
	static const char suffix[] = {'G', 'M', 'k'};

	for (int i = 0; i < 3; i++) {
		int64_t unit = (int64_t)1 << (30 - 10 * i);

		if (v && v % unit == 0) {
			num_add_int(out, v / unit);
			buf_byte(out, suffix[i]);
			return;
		}
	}
	num_add_int(out, v);
}

static void
add_choice(struct buf *out, const struct opt *o, int index)
{
	const char *list = o->choices;
	struct slice word;

	while (opt_word(&list, '|', &word)) {
		if (index-- == 0)
			buf_slice(out, word);
	}
}

/* The value; item is the one of a list. 1 when it was masked. */
static int
add_value(struct buf *out, const struct opt *o, const void *member, size_t item)
{
	switch (o->kind) {
	case OPT_FLAG:
	case OPT_ACTION:
		buf_string(out, *(const int *)member ? "yes" : "no");
		return 0;
	case OPT_STRING:
		return add_string(out, o, *(const char *const *)member);
	case OPT_LIST:
		return add_string(out, o, ((const struct opt_list *)member)->items[item]);
	case OPT_INT:
		num_add_int(out, *(const int64_t *)member);
		return 0;
	case OPT_SIZE:
		add_size(out, *(const int64_t *)member);
		return 0;
	case OPT_REAL:
		num_add_double(out, *(const double *)member);
		return 0;
	case OPT_CHOICE:
		add_choice(out, o, *(const int *)member);
		return 0;
	}
	return 0;
}

static void
show_line(const struct opt *o, const struct opt_source *source, const void *member,
    size_t item, struct buf *out)
{
	int unset = source->origin == OPT_UNSET, masked = 0;
	struct buf value = {0};

	if (!unset || o->kind == OPT_FLAG) {
		buf_byte(&value, ' ');
		masked = add_value(&value, o, member, item);
	}
	buf_format(out, "%s%s =%s  # %s\n", masked || value.len == 0 || o->flags & OPT_NO_CONFIG ? "# " : "",
	    o->name, buf_cstr(&value), unset && value.len ? "default" : source->where);
	buf_free(&value);
}

void
opt_show(const struct opt_spec *spec, const struct opt_result *r, const void *settings,
    struct buf *out)
{
	for (struct opt_at i = opt_first(spec); i.o->name != NULL; opt_next(&i)) {
		const void *member = (const char *)settings + i.o->offset;
		size_t count = 1;

		/* What only the command line can say is no setting. */
		if (i.o->kind == OPT_ACTION || (i.o->flags & OPT_NO_CONFIG && i.o->env == NULL))
			continue;
		if (i.o->kind == OPT_LIST && r->sources[i.index].origin != OPT_UNSET)
			count = ((const struct opt_list *)member)->count;
		for (size_t item = 0; item < count; item++)
			show_line(i.o, &r->sources[i.index], member, item, out);
	}
}

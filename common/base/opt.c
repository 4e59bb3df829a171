#include "base/opt.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/nearest.h"
#include "base/num.h"
#include "base/opt_walk.h"

/* --- one value --------------------------------------------------------- */

static const double INT_END = 9223372036854775808.0; /* 2^63, the first too large */

static int
set_flag(const char *text, int *out, const char *what, struct err *e)
{
	const char *list = "no|yes|false|true|off|on|0|1";
	struct slice word;

	for (int i = 0; opt_word(&list, '|', &word); i++) {
		if (slice_is(word, text)) {
			*out = i % 2;
			return 0;
		}
	}
	return err_set(e, C1V_USAGE, "%s '%.60s': not yes or no", what, text);
}

static int
set_choice(const struct opt *o, const char *text, int *out, const char *what, struct err *e)
{
	struct nearest near = nearest_to(slice_of(text));
	struct buf names = {0};
	const char *list = o->choices;
	struct slice word;

	for (int i = 0; opt_word(&list, '|', &word); i++) {
		if (slice_is(word, text)) {
			buf_free(&names);
			*out = i;
			return 0;
		}
		nearest_try(&near, word);
		buf_format(&names, "%s%.*s", i ? ", " : "", (int)word.n, word.p);
	}
	err_set(e, C1V_USAGE, "%s '%.60s': not one of %s", what, text, buf_cstr(&names));
	if (near.best.p != NULL)
		err_hint(e, "did you mean %.*s?", (int)near.best.n, near.best.p);
	buf_free(&names);
	return C1V_USAGE;
}

static int64_t
whole(double bound)
{
	if (bound >= INT_END)
		return INT64_MAX;
	return bound <= -INT_END ? INT64_MIN : (int64_t)bound;
}

static int
set_number(const struct opt *o, const char *text, void *out, const char *what, struct err *e)
{
	double full = o->kind == OPT_REAL ? DBL_MAX : INT_END;
	double min = o->min, max = o->max;

	if (min == 0 && max == 0) {
		min = o->kind == OPT_REAL ? -full : 0;
		max = full;
	} else if (max < min) {
		max = full;
	}
	if (o->kind == OPT_REAL)
		return num_real(slice_of(text), min, max, out, what, e);
	if (o->kind == OPT_SIZE)
		return num_size(slice_of(text), whole(min), whole(max), out, what, e);
	return num_int(slice_of(text), whole(min), whole(max), out, what, e);
}

static void
list_add(struct opt_list *list, const char *text, struct arena *a)
{
	if (list->count == list->room) {
		size_t room = list->room ? list->room * 2 : 8;
		const char **items = arena_alloc(a, room * sizeof(*items));

		if (list->count)
			memcpy(items, list->items, list->count * sizeof(*items));
		list->items = items;
		list->room = room;
	}
	list->items[list->count++] = text;
}

/* The one way in which a text becomes a setting. what names the option. */
static int
set_value(const struct opt *o, const char *text, void *settings, struct opt_result *r,
    const char *what, struct err *e)
{
	void *member = (char *)settings + o->offset;

	switch (o->kind) {
	case OPT_FLAG:
	case OPT_ACTION:
		return set_flag(text, member, what, e);
	case OPT_STRING:
		*(const char **)member = text;
		return 0;
	case OPT_CHOICE:
		return set_choice(o, text, member, what, e);
	case OPT_LIST:
		list_add(member, text, &r->arena);
		return 0;
	case OPT_INT:
	case OPT_SIZE:
	case OPT_REAL:
		return set_number(o, text, member, what, e);
	}
	return err_set(e, C1V_BUG, "%s has an option of no kind", o->name);
}

static void
note(struct opt_result *r, size_t index, enum opt_origin origin, const char *where)
{
	r->sources[index] = (struct opt_source){origin, where};
}

/* --- the command line -------------------------------------------------- */

struct command {
	const struct opt_spec *spec;
	char **argv; /* NULL-ended */
	int at;      /* the word that is looked at */
	void *settings;
	struct opt_result *r;
	struct err *e;
};

static int
unknown_long(struct command *c, struct slice name)
{
	struct nearest near = nearest_to(name);

	for (struct opt_at i = opt_first(c->spec); i.o->name != NULL; opt_next(&i)) {
		if (!(i.o->flags & (OPT_HIDDEN | OPT_NO_FLAG)))
			nearest_try(&near, slice_of(i.o->name));
	}
	err_set(c->e, C1V_USAGE, "unknown option --%.*s", (int)name.n, name.p);
	if (near.best.p != NULL)
		err_hint(c->e, "did you mean --%.*s?", (int)near.best.n, near.best.p);
	else
		err_hint(c->e, "%s --help lists the options", c->spec->tool);
	return C1V_USAGE;
}

/* Set option i; value NULL: what follows in argv, where it takes one. */
static int
take(struct command *c, const struct opt_at *i, const char *value, const char *what)
{
	const struct opt *o = i->o;

	if (o->kind == OPT_ACTION && value != NULL)
		return err_set(c->e, C1V_USAGE, "%s takes no value", what);
	if (value == NULL && !opt_takes_value(o))
		value = "yes";
	if (value == NULL && (value = c->argv[++c->at]) == NULL)
		return err_set(c->e, C1V_USAGE, "%s needs a value (%s)", what,
		    o->argument ? o->argument : "VALUE");
	note(c->r, i->index, OPT_COMMAND, "command line");
	return set_value(o, value, c->settings, c->r, what, c->e);
}

static int
take_long(struct command *c, const char *word)
{
	const char *equals = strchr(word, '=');
	struct slice name = {word, equals ? (size_t)(equals - word) : strlen(word)};

	for (struct opt_at i = opt_first(c->spec); i.o->name != NULL; opt_next(&i)) {
		char what[64];

		if (!slice_is(name, i.o->name) || i.o->flags & OPT_NO_FLAG)
			continue;
		snprintf(what, sizeof(what), "--%s", i.o->name);
		return take(c, &i, equals ? equals + 1 : NULL, what);
	}
	return unknown_long(c, name);
}

/* Letters behind one dash: flags, the last one may have a value. */
static int
take_letters(struct command *c, const char *letters)
{
	for (; *letters != '\0'; letters++) {
		struct opt_at i = opt_first(c->spec);
		char what[64];
		int rc;

		while (i.o->name != NULL && i.o->letter != *letters)
			opt_next(&i);
		if (i.o->name == NULL) {
			err_set(c->e, C1V_USAGE, "unknown option -%s", letters);
			return err_hint(c->e, "%s --help lists the options", c->spec->tool);
		}
		snprintf(what, sizeof(what), "-%c (--%s)", i.o->letter, i.o->name);
		if (opt_takes_value(i.o))
			return take(c, &i, letters[1] ? letters + 1 : NULL, what);
		if ((rc = take(c, &i, NULL, what)) != 0)
			return rc;
	}
	return 0;
}

int
opt_command(const struct opt_spec *spec, int argc, char **argv,
    void *settings, struct opt_result *r, struct err *e)
{
	struct command c = {spec, argv, 1, settings, r, e};
	struct opt_at end = opt_first(spec);
	int rc = 0, operands_only = 0;

	while (end.o->name != NULL)
		opt_next(&end);
	r->sources = arena_alloc(&r->arena, (end.index + 1) * sizeof(*r->sources));
	for (size_t i = 0; i <= end.index; i++)
		note(r, i, OPT_UNSET, "not set");
	r->operands = arena_alloc(&r->arena, ((size_t)argc + 1) * sizeof(*r->operands));
	for (; c.at < argc && rc == 0; c.at++) {
		const char *word = argv[c.at];

		if (operands_only || word[0] != '-' || word[1] == '\0')
			r->operands[r->operand_count++] = word;
		else if (strcmp(word, "--") == 0)
			operands_only = 1;
		else if (word[1] == '-')
			rc = take_long(&c, word + 2);
		else
			rc = take_letters(&c, word + 1);
	}
	r->operands[r->operand_count] = NULL;
	return rc;
}

/* --- environment, configuration, defaults ------------------------------ */

struct settle {
	const struct opt_spec *spec;
	const struct conf *config;
	const char *section; /* name of the collection, or NULL */
	void *settings;
	struct opt_result *r;
};

/* 1: set or wrong (*rc); 0: no variable. */
static int
from_environment(const struct settle *s, const struct opt_at *i, int *rc, struct err *e)
{
	const char *names = i->o->env;
	struct slice name;

	while (opt_word(&names, ' ', &name)) {
		const char *where = arena_format(&s->r->arena, "environment variable %.*s",
		    (int)name.n, name.p);
		const char *variable = where + sizeof("environment variable ") - 1;
		const char *value = getenv(variable);

		if (value == NULL || *value == '\0')
			continue;
		note(s->r, i->index, OPT_ENV, where);
		*rc = set_value(i->o, value, s->settings, s->r, variable, e);
		return 1;
	}
	return 0;
}

/* How well an entry of the file suits an option: 0 not at all; the section of
 * the collection counts more than the tool's name before the key. */
static int
rank(const struct settle *s, const struct opt *o, const char *key, const char *section)
{
	int fits = opt_key_fits(s->spec, o, key);

	if (fits == 0 || (section != NULL && (s->section == NULL || strcmp(section, s->section) != 0)))
		return 0;
	return fits + (section != NULL ? 2 : 0);
}

static int
from_config(const struct settle *s, const struct opt_at *i, int *rc, struct err *e)
{
	const char *key, *section, *value;
	int line, best = 0;

	if (s->config == NULL)
		return 0;
	for (size_t n = 0; (key = conf_entry(s->config, n, &section, NULL, NULL)) != NULL; n++) {
		int here = rank(s, i->o, key, section);
		best = here > best ? here : best;
	}
	for (size_t n = 0; best && (key = conf_entry(s->config, n, &section, &value, &line)) != NULL; n++) {
		const char *where;

		if (rank(s, i->o, key, section) != best)
			continue;
		where = arena_format(&s->r->arena, "%s:%d", conf_path(s->config), line);
		note(s->r, i->index, OPT_CONFIG, where);
		value = arena_bytes(&s->r->arena, value, strlen(value));
		*rc = set_value(i->o, value, s->settings, s->r,
		    arena_format(&s->r->arena, "%s: %s", where, key), e);
		if (*rc != 0)
			break;
	}
	return best != 0;
}

static int
settle_one(const struct settle *s, const struct opt_at *i, struct err *e)
{
	int rc = 0;

	if (i->o->kind == OPT_ACTION || s->r->sources[i->index].origin != OPT_UNSET)
		return 0;
	if (from_environment(s, i, &rc, e) || from_config(s, i, &rc, e)) {
		if (rc == C1V_USAGE) {
			rc = C1V_CONFIG;
			if (e != NULL)
				e->code = rc;
		}
	} else if (i->o->fallback != NULL) {
		note(s->r, i->index, OPT_DEFAULT, "default");
		rc = set_value(i->o, i->o->fallback, s->settings, s->r, i->o->name, e);
	}
	return rc;
}

int
opt_settle(const struct opt_spec *spec, const struct conf *config,
    void *settings, struct opt_result *r, struct err *e)
{
	struct settle s = {spec, config, NULL, settings, r};
	struct err later;
	int rc = 0;

	for (struct opt_at i = opt_first(spec); i.o->name != NULL; opt_next(&i)) {
		if (i.o->kind != OPT_STRING || strcmp(i.o->name, "collection") != 0)
			continue;
		rc = settle_one(&s, &i, e);
		s.section = *(const char **)((char *)settings + i.o->offset);
	}
	for (struct opt_at i = opt_first(spec); i.o->name != NULL; opt_next(&i)) {
		int one = settle_one(&s, &i, rc ? &later : e);
		rc = rc ? rc : one;
	}
	return rc;
}

int
opt_parse(const struct opt_spec *spec, int argc, char **argv,
    const struct conf *config, void *settings, struct opt_result *r, struct err *e)
{
	int rc = opt_command(spec, argc, argv, settings, r, e);

	return rc ? rc : opt_settle(spec, config, settings, r, e);
}

enum opt_origin
opt_origin_of(const struct opt_spec *spec, const struct opt_result *r, size_t offset)
{
	for (struct opt_at i = opt_first(spec); i.o->name != NULL; opt_next(&i)) {
		if (i.o->offset == offset)
			return r->sources[i.index].origin;
	}
	return OPT_UNSET;
}

int
opt_given(const struct opt_spec *spec, const struct opt_result *r, size_t offset)
{
	return opt_origin_of(spec, r, offset) > OPT_DEFAULT;
}

int
opt_knows(const struct opt_spec *spec, const char *key)
{
	const char *tool = opt_tool_key(spec);
	size_t n = strlen(tool);

	for (struct opt_at i = opt_first(spec); i.o->name != NULL; opt_next(&i)) {
		if (opt_key_fits(spec, i.o, key))
			return 1;
	}
	return strncmp(key, tool, n) == 0 && key[n] == '.' ? -1 : 0;
}

int
opt_verb(const struct opt_spec *spec, const char *word, struct err *e)
{
	struct nearest near = nearest_to(slice_of(word));

	for (int i = 0; word != NULL && spec->verbs[i] != NULL; i++) {
		if (strcmp(spec->verbs[i], word) == 0)
			return i;
		nearest_try(&near, slice_of(spec->verbs[i]));
	}
	if (word == NULL)
		err_set(e, C1V_USAGE, "a verb is missing");
	else
		err_set(e, C1V_USAGE, "unknown verb %s", word);
	if (near.best.p != NULL)
		err_hint(e, "did you mean %s?", near.best.p);
	else
		err_hint(e, "%s --help lists the verbs", spec->tool);
	return -1;
}

void
opt_free(struct opt_result *r)
{
	arena_free(&r->arena);
	*r = (struct opt_result){0};
}

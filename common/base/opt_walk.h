/* opt_walk: what the files of opt share; private to them. */
#ifndef C1V_BASE_OPT_WALK_H
#define C1V_BASE_OPT_WALK_H

#include "base/opt.h"

/* Every option of every table, in order:
 *     for (struct opt_at i = opt_first(spec); i.o->name != NULL; opt_next(&i)) */
struct opt_at {
	const struct opt *const *table; /* the one that o stands in */
	const struct opt *o;            /* name NULL: behind the last */
	size_t index;                   /* of o among all */
};

static inline struct opt_at
opt_skip_ends(struct opt_at i)
{
	while (i.o->name == NULL && i.table[0] != NULL && i.table[1] != NULL)
		i.o = *++i.table;
	return i;
}

static inline struct opt_at
opt_first(const struct opt_spec *spec)
{
	return opt_skip_ends((struct opt_at){.table = spec->tables, .o = spec->tables[0]});
}

static inline void
opt_next(struct opt_at *i)
{
	i->o++;
	i->index++;
	*i = opt_skip_ends(*i);
}

static inline int
opt_takes_value(const struct opt *o)
{
	return o->kind != OPT_FLAG && o->kind != OPT_ACTION;
}

/* Walk "a|b|c" or "A B": 1 and the next word, 0 at the end. *list moves on. */
static inline int
opt_word(const char **list, char separator, struct slice *word)
{
	const char *end;

	if (*list == NULL || **list == '\0')
		return 0;
	end = strchr(*list, separator);
	*word = (struct slice){*list, end ? (size_t)(end - *list) : strlen(*list)};
	*list = end ? end + 1 : NULL;
	return 1;
}

/* "chunk" of "c1v-chunk": what keys of the configuration begin with. */
static inline const char *
opt_tool_key(const struct opt_spec *spec)
{
	return strncmp(spec->tool, "c1v-", 4) == 0 ? spec->tool + 4 : spec->tool;
}

/* 2: key is TOOL.NAME of this option; 1: it is NAME; 0: neither. */
static inline int
opt_key_fits(const struct opt_spec *spec, const struct opt *o, const char *key)
{
	const char *tool = opt_tool_key(spec);
	size_t n = strlen(tool);

	if (o->kind == OPT_ACTION || o->flags & OPT_NO_CONFIG)
		return 0;
	if (strcmp(key, o->name) == 0)
		return 1;
	return strncmp(key, tool, n) == 0 && key[n] == '.' && strcmp(key + n + 1, o->name) == 0 ? 2 : 0;
}

#endif

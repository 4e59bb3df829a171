#include "store_tool.h"

#include "base/json.h"
#

static int
answer(struct tool *t)
{
	tool_add_names(t, &t->cli->out.buf);
	out_line(&t->cli->out);
	return 0;
}

/* Printing asks nobody: what is printed finds out by itself what is there. */
static int
open_for(struct tool *t)
{
	struct store_options o = store_options_from(&t->s->where, t->s->dry_run ? STORE_READ : STORE_WRITE,
	    &t->cli->log, NULL);

	o.offline = t->s->print;
	return store_open(&o, &t->store, &t->cli->err);
}

int
store_verb_migrate(struct tool *t)
{
	const struct settings *s = t->s;
	struct init_options init = tool_init_options(t);
	struct buf text = {0};
	struct migrate_options o = {
		.to = s->to ? s->to : -1,
		.dry_run = s->dry_run,
		.print = s->print,
		.init = &init,
		.out = &text,
	};
	int rc;

	if (s->print && s->dry_run)
		return cli_usage(t->cli, "--print and --dry-run exclude each other");
	rc = open_for(t);
	if (rc == 0)
		rc = store_migrate(t->store, &o, &t->cli->err);
	if (rc == 0 && (s->print || s->dry_run)) {
		buf_slice(&t->cli->out.buf, buf_as_slice(&text));
	} else if (rc == 0) {
		buf_string(&t->cli->out.buf, "{\"action\":\"migrate\"");
		answer(t);
	}
	buf_free(&text);
	return rc;
}

static int
show(void *arg, struct slice object, struct err *e)
{
	struct tool *t = arg;

	(void)e;
	buf_slice(&t->cli->out.buf, object);
	out_line(&t->cli->out);
	return 0;
}

int
store_verb_migrations(struct tool *t)
{
	int rc = tool_open(t, STORE_READ);

	return rc ? rc : store_migrations(t->store, show, t, &t->cli->err);
}

int
store_verb_index(struct tool *t)
{
	static const struct { const char *name; enum index_action action; } actions[] = {
		{"status", INDEX_STATUS}, {"build", INDEX_BUILD}, {"rebuild", INDEX_REBUILD}, {"drop", INDEX_DROP},
	};
	struct index_options o = tool_init_options(t).index;
	const char *word = t->word_count ? t->words[0] : "status";
	struct progress progress;
	size_t i;
	int rc;

	for (i = 0; i < 4 && strcmp(actions[i].name, word) != 0; i++)
		continue;
	if (i == 4)
		return cli_usage(t->cli, "index: '%s' is none of status, build, rebuild and drop", word);
	o.action = actions[i].action;
	progress_start(&progress, &t->cli->log, "rows");
	o.progress = &progress;
	rc = tool_open(t, o.action == INDEX_STATUS ? STORE_READ : STORE_WRITE);
	if (rc == 0)
		rc = store_index(t->store, &o, show, t, &t->cli->err);
	progress_end(&progress);
	return rc;
}

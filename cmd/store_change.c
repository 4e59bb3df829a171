#include "store_tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "base/num.h"
#include "store/filter.h"

static int
answer(struct tool *t)
{
	tool_add_names(t, &t->cli->out.buf);
	out_line(&t->cli->out);
	return 0;
}

static void
add_count(struct buf *b, const char *key, uint64_t n)
{
	json_add_key(b, key);
	num_add_int(b, (int64_t)n);
}

/* What cannot be taken back is asked for on a terminal, and said in a script. */
static int
confirm(struct tool *t, const char *question)
{
	char line[16] = "";

	if (t->s->yes)
		return 0;
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return cli_usage(t->cli, "nobody can be asked: say --yes");
	fprintf(stderr, "%s [y/N] ", question);
	fflush(stderr);
	if (fgets(line, sizeof(line), stdin) != NULL && (line[0] == 'y' || line[0] == 'Y'))
		return 0;
	return err_set(&t->cli->err, C1V_NO, "nothing was changed");
}

struct init_options
tool_init_options(const struct tool *t)
{
	const struct settings *s = t->s;

	return (struct init_options){
		.tokenizer = s->tokenizer,
		.model = s->model,
		.dims = (size_t)s->dims,
		.splitter = s->splitter,
		.vector_type = s->vector_type,
		.index = {
			.kind = s->index,
			.m = s->m,
			.ef_construction = s->ef_construction,
			.lists = s->lists,
		},
	};
}

int
store_verb_init(struct tool *t)
{
	struct init_options o = tool_init_options(t);
	int rc;

	rc = tool_open(t, STORE_WRITE);
	if (rc == 0)
		rc = store_init(t->store, &o, &t->cli->err);
	if (rc != 0)
		return rc;
	buf_string(&t->cli->out.buf, "{\"action\":\"init\"");
	return answer(t);
}

/* --- delete -------------------------------------------------------------------- */

struct selection {
	struct slice *ids;
	struct filter *filter;
	struct delete_options options;
};

static int
read_selection(struct tool *t, struct selection *x)
{
	const struct settings *s = t->s;
	int rc = 0;

	if (s->ids.count == 0 && s->source == NULL && s->filters.count == 0)
		return cli_usage(t->cli, "delete: what? --id, --source or --filter says it");
	x->ids = mem_alloc(s->ids.count * sizeof(*x->ids));
	for (size_t i = 0; i < s->ids.count; i++)
		x->ids[i] = slice_of(s->ids.items[i]);
	for (size_t i = 0; i < s->filters.count && rc == 0; i++)
		rc = filter_add(&x->filter, s->filters.items[i], &t->cli->err);
	x->options = (struct delete_options){
		.ids = x->ids,
		.id_count = s->ids.count,
		.source = s->source,
		.filter = x->filter,
	};
	return rc;
}

/* Count first, from a store that is only read: there is nothing to be asked
 * about what does not exist, and a question with a number is a better one. */
static int
count_first(struct tool *t, struct selection *x, uint64_t *documents, uint64_t *chunks)
{
	char question[160];
	struct err closing;
	int rc = tool_open(t, STORE_READ);

	x->options.dry_run = 1;
	if (rc == 0)
		rc = store_delete(t->store, &x->options, documents, chunks, &t->cli->err);
	x->options.dry_run = 0;
	if (rc != 0 || t->s->dry_run || *chunks == 0)
		return rc;
	snprintf(question, sizeof(question), "delete %llu chunks (%llu whole documents) from %s?",
	    (unsigned long long)*chunks, (unsigned long long)*documents, t->s->where.collection);
	rc = confirm(t, question);
	if (rc != 0)
		return rc;
	store_close(t->store, &closing);
	t->store = NULL;
	return tool_open(t, STORE_WRITE);
}

int
store_verb_delete(struct tool *t)
{
	struct selection x = {0};
	uint64_t documents = 0, chunks = 0;
	struct buf *b = &t->cli->out.buf;
	int rc = read_selection(t, &x);

	if (rc == 0)
		rc = count_first(t, &x, &documents, &chunks);
	if (rc == 0 && !t->s->dry_run && chunks > 0)
		rc = store_delete(t->store, &x.options, &documents, &chunks, &t->cli->err);
	if (rc == 0) {
		buf_byte(b, '{');
		add_count(b, "documents", documents);
		add_count(b, "deleted", chunks);
		if (t->s->dry_run)
			buf_string(b, ",\"dry_run\":true");
		answer(t);
		rc = chunks > 0 ? 0 : C1V_NO;
	}
	filter_free(x.filter);
	free(x.ids);
	return rc;
}

/* --- drop, vacuum ---------------------------------------------------------------- */

int
store_verb_drop(struct tool *t)
{
	char question[160];
	struct collection c;
	struct err closing;
	int rc = tool_open(t, STORE_READ);

	if (rc == 0)
		rc = store_collection(t->store, &c, &t->cli->err);
	if (rc != 0)
		return rc;
	snprintf(question, sizeof(question), "drop the collection %s with %llu documents?",
	    t->s->where.collection, (unsigned long long)c.documents);
	rc = confirm(t, question);
	if (rc != 0)
		return rc;
	store_close(t->store, &closing);
	t->store = NULL;
	rc = tool_open(t, STORE_WRITE);
	if (rc == 0)
		rc = store_drop(t->store, &t->cli->err);
	if (rc != 0)
		return rc;
	buf_string(&t->cli->out.buf, "{\"action\":\"drop\"");
	return answer(t);
}

int
store_verb_vacuum(struct tool *t)
{
	uint64_t before = 0, after = 0;
	struct err closing;
	int rc = tool_open(t, STORE_READ);

	if (rc != 0)
		return rc;
	store_close(t->store, &closing);
	t->store = NULL;
	rc = tool_open(t, STORE_WRITE);
	if (rc == 0)
		rc = store_vacuum(t->store, &before, &after, &t->cli->err);
	if (rc != 0)
		return rc;
	buf_byte(&t->cli->out.buf, '{');
	add_count(&t->cli->out.buf, "before", before);
	add_count(&t->cli->out.buf, "after", after);
	return answer(t);
}

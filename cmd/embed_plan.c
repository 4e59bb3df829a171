#include "embed_tool.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/num.h"

/* Seconds at the rates that were given, or -1 where none was. */
static double
seconds(const struct settings *s, const struct embed_totals *n)
{
	double by_requests = s->rate_requests > 0 ? (double)n->requests / s->rate_requests * 60 : -1;
	double by_tokens = s->rate_tokens > 0 ? (double)n->tokens / s->rate_tokens * 60 : -1;

	return by_requests > by_tokens ? by_requests : by_tokens;
}

static void
add_count(struct buf *b, const char *key, int64_t n)
{
	json_add_key(b, key);
	num_add_int(b, n);
}

int
plan_say(struct tool *t)
{
	struct embed_totals n = embed_totals(t->batch.model);
	struct buf *b = &t->cli->out.buf;
	double time = seconds(t->s, &n);

	buf_string(b, "{\"model\":");
	json_add_string(b, slice_of(embed_model(t->batch.model)));
	add_count(b, "records", (int64_t)t->batch.rejects.good);
	if (embed_recalls(t->batch.model))
		add_count(b, "hits", (int64_t)t->batch.recalled);
	else
		buf_string(b, ",\"hits\":null");
	add_count(b, "tokens", n.tokens);
	buf_string(b, embed_shape(t->batch.model).exact ? ",\"estimated\":false" : ",\"estimated\":true");
	add_count(b, "requests", n.requests);
	buf_string(b, ",\"cost\":");
	spending_add(&t->spending, b);
	if (time < 0)
		buf_string(b, ",\"seconds\":null}");
	else
		buf_format(b, ",\"seconds\":%.1f}", time);
	return out_line(&t->cli->out) != 0 ? C1V_IO : 0;
}

/* --- what a budget must hold -------------------------------------------------- */

static int
is_stdin(const char *path)
{
	return strcmp(path, "-") == 0;
}

static int
can_be_read_twice(const struct opt_result *args)
{
	struct stat st;

	if (args->operand_count == 0)
		return fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode);
	for (size_t i = 0; i < args->operand_count; i++) {
		const char *path = args->operands[i];

		if ((is_stdin(path) ? fstat(STDIN_FILENO, &st) : stat(path, &st)) != 0 || !S_ISREG(st.st_mode))
			return 0;
	}
	return 1;
}

/* The cost of everything, by a dry run of which nothing is heard. */
static int
count_run(struct tool *t, struct spending *sum)
{
	struct embed_spend counting = spending_count(sum);
	struct log silent = {.tool = t->cli->log.tool, .level = LOG_SILENT};
	struct batch b = {0};
	off_t at = lseek(STDIN_FILENO, 0, SEEK_CUR);
	int rc = tool_open(t, &b, 1, &counting);

	if (rc == 0)
		rc = rejects_open(&b.rejects, &silent, NULL, 0, &t->cli->err);
	if (rc == 0)
		rc = tool_run(t, &b);
	batch_free(&b);
	if (at >= 0)
		lseek(STDIN_FILENO, at, SEEK_SET);
	return rc;
}

int
plan_reserve(struct tool *t)
{
	struct spending sum = {.options = t->spending.options, .prices = t->spending.prices};
	int rc;

	if (!can_be_read_twice(&t->cli->args))
		return 0;
	rc = count_run(t, &sum);
	return rc ? rc : account_reserve_run(t->spending.account, sum.nano, &t->cli->err);
}

/* c1v: list the tools of the suite, and run one: `c1v NAME …` is `c1v-NAME …`.
 *
 * Beside itself first, so that an installation stays in one piece, then on
 * PATH, so that anybody's c1v-NAME joins in. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/nearest.h"
#include "cli/cli.h"

struct settings {
	struct cli_common common;
};

static const struct opt options[] = {
	CLI_OPTIONS(struct settings),
	OPT_END,
};

/* A tool's own --help and manual page begin with the same words. */
static const char *const tools[] = {
	"chunk\0split documents into chunks with exact offsets",
	"embed\0add vectors to records",
	"ingest\0put vector records into a store",
	"search\0find in a store by meaning and by words",
	"store\0administer stores",
	"cache\0keep what was expensive to make, for a while",
	"cost\0count, price, report and limit what models cost",
	"model\0make and describe embedding models and token tables",
	"doctor\0check the installation",
	"help\0show the manual of a tool",
	NULL,
};

static const struct opt_spec spec = {
	.tool = "c1v",
	.purpose = "a retrieval pipeline of small programs",
	.synopsis = "[NAME [ARGUMENT]…]",
	.verbs = tools,
	.tables = (const struct opt *const[]){options, NULL},
	.sections = (const char *const[]){"Options", NULL},
	.files = "none",
};

/* What stands behind the name of a "name\0one line" pair. */
static const char *
purpose_of(const char *tool)
{
	return tool + strlen(tool) + 1;
}

/* DIR/tail, DIR being where this program lies. 0, or -1 when that is not known
 * or too long. */
static int
beside(char path[PATH_MAX], const char *tail, const char *name, const char *end)
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
	char *slash;
	size_t left;
	int used;

	if (n <= 0)
		return -1;
	path[n] = '\0';
	slash = strrchr(path, '/');
	left = (size_t)(path + PATH_MAX - slash - 1);
	used = snprintf(slash + 1, left, "%s%s%s", tail, name, end);
	return used < 0 || (size_t)used >= left ? -1 : 0;
}

/* Is there a file of this name in a directory of PATH, whether it can be run or not? */
static int
is_in_path(const char *name)
{
	const char *p = getenv("PATH");
	char path[PATH_MAX];

	for (size_t n; p != NULL && *p != '\0'; p += n + (p[n] == ':')) {
		n = strcspn(p, ":");
		if (snprintf(path, sizeof(path), "%.*s/%s", (int)n, p, name) < PATH_MAX && access(path, F_OK) == 0)
			return 1;
	}
	return 0;
}

/* Become c1v-NAME; path is where its name is put together. Returns, with errno,
 * only when that is not possible. */
static void
exec_tool(char path[PATH_MAX], const char *name, char **argv)
{
	if (strchr(name, '/') != NULL) {
		errno = ENOENT;
		return;
	}
	if (beside(path, "c1v-", name, "") == 0) {
		argv[0] = path;
		execv(path, argv);
		if (errno != ENOENT)
			return;
	}
	if ((size_t)snprintf(path, PATH_MAX, "c1v-%s", name) >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return;
	}
	argv[0] = path;
	execvp(path, argv);
	/* So it ends as well when some directory of PATH may not be looked into. */
	if (errno == EACCES && !is_in_path(path))
		errno = ENOENT;
}

static int
list_tools(struct cli *c)
{
	struct buf *b = &c->out.buf;

	for (const char *const *t = tools; *t != NULL; t++) {
		buf_format(b, "c1v %-8s %s", *t, purpose_of(*t));
		out_line(&c->out);
	}
	return out_flush(&c->out, &c->err);
}

static int
unknown_tool(struct cli *c, const char *name, int why)
{
	struct nearest n = nearest_to(slice_of(name));

	if (why != ENOENT) {
		errno = why;
		return err_sys(&c->err, C1V_UNAVAILABLE, "cannot run c1v-%s", name);
	}
	for (const char *const *t = tools; *t != NULL; t++) {
		if (strcmp(name, *t) == 0)
			return err_set(&c->err, C1V_UNAVAILABLE, "c1v-%s is not installed", name);
		nearest_try(&n, slice_of(*t));
	}
	err_set(&c->err, C1V_USAGE, "no tool is called %s", name);
	if (n.best.p != NULL)
		return err_hint(&c->err, "did you mean %.*s?", (int)n.best.n, n.best.p);
	return err_hint(&c->err, "c1v alone lists the tools");
}

/* The installed manual page, else the tool's --help. */
static int
show_help(struct cli *c, const char *name)
{
	char page[PATH_MAX], help[] = "--help";
	char *argv[] = {NULL, help, NULL};

	if (name == NULL)
		return list_tools(c);
	if (strchr(name, '/') == NULL && beside(page, "../share/man/man1/c1v-", name, ".1") == 0 &&
	    access(page, R_OK) == 0)
		execlp("man", "man", page, (char *)NULL);
	exec_tool(page, name, argv);
	return unknown_tool(c, name, errno);
}

int
main(int argc, char **argv)
{
	const char *name = argc > 1 && argv[1][0] != '-' ? argv[1] : NULL;
	int help = name != NULL && strcmp(name, "help") == 0;
	char path[PATH_MAX];
	int why = 0, rc;
	struct settings s = {0};
	struct cli c;

	/* Options behind the name are the tool's: they are not looked at here. */
	if (name != NULL && !help) {
		exec_tool(path, name, argv + 1);
		why = errno;
	}
	rc = cli_start(&c, &spec, name != NULL ? 1 : argc, argv, &s, &s.common);
	if (rc != CLI_GO)
		return rc;
	if (help)
		rc = show_help(&c, argv[2]);
	else if (name != NULL)
		rc = unknown_tool(&c, name, why);
	else if (c.args.operand_count > 0)
		rc = cli_usage(&c, "%s: the name of a tool comes first", c.args.operands[0]);
	else
		rc = list_tools(&c);
	return cli_finish(&c, rc);
}

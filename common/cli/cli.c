#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"

/* Where `make install` puts the data files; the Makefile says it. */
#ifndef C1V_SHARE_DIR
#define C1V_SHARE_DIR "/usr/local/share/c1v"
#endif

/* --- signals ----------------------------------------------------------- */

static volatile sig_atomic_t caught;

static void
catch_signal(int number)
{
	caught = number;
}

void
cli_catch_signals(void)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		struct sigaction now, catching = {.sa_handler = catch_signal};

		/* No SA_RESTART: a read that waits shall return. */
		catching.sa_flags = SA_RESETHAND;
		sigemptyset(&catching.sa_mask);
		if (sigaction(numbers[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			sigaction(numbers[i], &catching, NULL);
	}
}

int
cli_signal(void)
{
	return caught;
}

int
cli_interrupted(struct err *e)
{
	if (caught == 0)
		return 0;
	return err_set(e, C1V_AGAIN, "ended by %s", strsignal(caught));
}

void
cli_reraise(void)
{
	struct sigaction plain = {.sa_handler = SIG_DFL};
	sigset_t set;

	if (caught == 0)
		return;
	sigemptyset(&plain.sa_mask);
	sigaction(caught, &plain, NULL);
	sigemptyset(&set);
	sigaddset(&set, caught);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(caught);
}

/* --- start ------------------------------------------------------------- */

/* A closed descriptor is opened the wrong way round: reading from 0 and writing
 * to 1 and 2 fail with EBADF, as they should. */
static void
fill_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) == -1 && errno == EBADF)
			(void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
	}
}

static void
set_log(struct cli *c, const struct cli_common *common)
{
	c->log.json = common->log_format;
	c->log.level = (enum log_level)common->log_level;
}


static int
read_config(struct cli *c, const struct cli_common *common)
{
	const char *path = common->config;

	if (path == NULL || *path == '\0')
		path = getenv("C1V_CONFIG");
	if (path != NULL && *path != '\0') {
		c->config = conf_read(path, &c->err);
		if (c->config == NULL)
			return c->err.code;
		if (!conf_found(c->config)) {
			errno = ENOENT;
			return err_sys(&c->err, C1V_CONFIG, "cannot read %s", path);
		}
		return 0;
	}
	path = conf_default_path(&c->args.arena);
	if (path != NULL && (c->config = conf_read(path, &c->err)) == NULL)
		return c->err.code;
	return 0;
}

/* A key that this tool does not know may be another tool's, unless it is named
 * after this one. */
static void
tell_unknown_keys(struct cli *c)
{
	const char *key;
	int line;

	for (size_t i = 0; c->config != NULL && (key = conf_entry(c->config, i, NULL, NULL, &line)) != NULL; i++) {
		int known = opt_knows(c->spec, key);

		if (known <= 0)
			log_say(&c->log, known < 0 ? LOG_WARN : LOG_DEBUG, "%s:%d: %s has no setting %s",
			    conf_path(c->config), line, c->spec->tool, key);
	}
}

/* Control characters of a path would end the comment. */
static void
show_config_path(struct cli *c)
{
	if (c->config == NULL)
		return;
	buf_string(&c->out.buf, "# ");
	utf8_add_visible(&c->out.buf, slice_of(conf_path(c->config)));
	buf_string(&c->out.buf, conf_found(c->config) ? ": read\n" : ": not there\n");
}

/* --help and --version; 1 when one was asked for. */
static int
answer(struct cli *c, const struct cli_common *common)
{
	if (common->help)
		opt_help(c->spec, &c->out.buf);
	else if (common->version)
		buf_format(&c->out.buf, "%s %s\n", c->spec->tool, C1V_VERSION);
	return common->help || common->version;
}

int
cli_start(struct cli *c, const struct opt_spec *spec, int argc, char **argv,
    void *settings, struct cli_common *common)
{
	int rc;

	*c = (struct cli){.spec = spec, .started = clock_mono_ns()};
	c->log = (struct log){.tool = spec->tool, .level = LOG_WARN};
	fill_descriptors();
	signal(SIGXFSZ, SIG_IGN);
	out_open(&c->out, STDOUT_FILENO, "standard output");
	rc = opt_command(spec, argc, argv, settings, &c->args, &c->err);
	if (answer(c, common))
		return cli_finish(c, 0);
	if (rc != 0) {
		/* The message shall have the form that the environment asks for. */
		opt_settle(spec, NULL, settings, &c->args, NULL);
		set_log(c, common);
		return cli_finish(c, rc);
	}
	if (common->completion != NULL)
		return cli_finish(c, opt_completion(spec, common->completion, &c->out.buf, &c->err));
	if ((rc = read_config(c, common)) != 0) {
		opt_settle(spec, NULL, settings, &c->args, NULL);
		set_log(c, common);
		return cli_finish(c, rc);
	}
	rc = opt_settle(spec, c->config, settings, &c->args, &c->err);
	set_log(c, common);
	tell_unknown_keys(c);
	if (rc != 0)
		return cli_finish(c, rc);
	if (common->show_config) {
		show_config_path(c);
		opt_show(spec, &c->args, settings, &c->out.buf);
		return cli_finish(c, 0);
	}
	c->out.line_buffered |= common->line_buffered;
	return CLI_GO;
}

/* --- end --------------------------------------------------------------- */

int
cli_finish(struct cli *c, int rc)
{
	struct err closing = {0};

	int told = rc >= C1V_USAGE && c->err.text[0];

	if (told && !caught)
		log_err(&c->log, &c->err);
	if (out_close(&c->out, &closing) != 0 && !told && !caught) {
		log_err(&c->log, &closing);
		rc = closing.code;
	}
	conf_free(c->config);
	opt_free(&c->args);
	cli_reraise();
	return rc;
}

int
cli_verb(struct cli *c)
{
	const struct opt_spec *spec = c->spec;
	int verb = opt_verb(spec, c->args.operand_count ? c->args.operands[0] : NULL, &c->err);

	for (size_t t = 0; verb >= 0 && spec->tables[t] != NULL; t++) {
		for (const struct opt *o = spec->tables[t]; o->name != NULL; o++) {
			if (o->verbs != 0 && !(o->verbs & 1u << verb) &&
			    opt_origin_of(spec, &c->args, o->offset) == OPT_COMMAND) {
				cli_usage(c, "%s: has no option --%s", spec->verbs[verb], o->name);
				return -1;
			}
		}
	}
	return verb;
}

int
cli_usage(struct cli *c, const char *fmt, ...)
{
	char text[sizeof(c->err.text)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	err_set(&c->err, C1V_USAGE, "%s", text);
	return err_hint(&c->err, "%s --help shows how to use it", c->spec->tool);
}

/* --- data files -------------------------------------------------------- */

/* DIR/share/c1v for an executable DIR/bin/NAME, or NULL when it is not there. */
static const char *
share_beside(struct arena *a)
{
	char exe[4096];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	const char *dir;

	if (n <= 0 || n >= (ssize_t)sizeof(exe) - 1)
		return NULL;
	exe[n] = '\0';
	for (int up = 0; up < 2; up++) {
		char *slash = strrchr(exe, '/');
		if (slash == NULL)
			return NULL;
		*slash = '\0';
	}
	dir = arena_format(a, "%s/share/c1v", exe);
	return access(dir, F_OK) == 0 ? dir : NULL;
}

const char *
cli_share(struct arena *a, const char *name)
{
	const char *dir = getenv("C1V_SHARE");

	if (dir == NULL || *dir == '\0')
		dir = share_beside(a);
	if (dir == NULL)
		dir = C1V_SHARE_DIR;
	return name ? arena_format(a, "%s/%s", dir, name) : dir;
}

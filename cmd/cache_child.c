/* cache_child: a command whose output is both passed on and kept. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "cache_run.h"

enum { PIECE = 65536, BEAT_MS = 250 };

/* What it reads: a file without a name, for a pipe could block us both. */
static int
input_file(struct slice input, struct err *e)
{
	FILE *f = tmpfile();
	int fd;

	if (f == NULL)
		return err_sys(e, C1V_IO, "a temporary file");
	if (fwrite(input.p, 1, input.n, f) != input.n || fflush(f) != 0 || fseek(f, 0, SEEK_SET) != 0) {
		err_sys(e, C1V_IO, "a temporary file");
		fclose(f);
		return e->code;
	}
	fd = dup(fileno(f));
	fclose(f);
	if (fd < 0 || dup2(fd, STDIN_FILENO) < 0)
		return err_sys(e, C1V_IO, "standard input");
	close(fd);
	return 0;
}

static _Noreturn void
become(const struct child *c, int out)
{
	struct err why;
	int at;

	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	if (c->input.p != NULL && input_file(c->input, &why) != 0) {
		fprintf(stderr, "c1v-cache: %s\n", why.text);
		_exit(126);
	}
	if (dup2(out, STDOUT_FILENO) >= 0) {
		close(out);
		execvp(c->argv[0], (char *const *)c->argv);
	}
	at = errno;
	fprintf(stderr, "c1v-cache: %s: %s\n", c->argv[0], strerror(at));
	_exit(at == ENOENT ? 127 : 126);
}

static int
take(struct child *c, const char *p, size_t n, struct err *e)
{
	if (c->kept && c->output.len + n > c->most) {
		c->kept = 0;
		buf_free(&c->output);
	}
	if (c->kept)
		buf_add(&c->output, p, n);
	return c->pass ? c->pass(c->arg, p, n, e) : 0;
}

/* Until it has closed its output. */
static int
collect(struct child *c, int in, struct err *e)
{
	struct pollfd poll_in = {.fd = in, .events = POLLIN};
	char *piece = mem_alloc(PIECE);
	int rc = 0;

	while (rc == 0) {
		int ready = poll(&poll_in, 1, BEAT_MS);
		ssize_t n;

		rc = c->beat(c->arg, e);
		if (rc != 0 || ready == 0 || (ready < 0 && errno == EINTR))
			continue;
		n = read(in, piece, PIECE);
		if (n == 0)
			break;
		if (n > 0)
			rc = take(c, piece, (size_t)n, e);
		else if (errno != EINTR)
			rc = err_sys(e, C1V_IO, "reading what %s writes", c->argv[0]);
	}
	free(piece);
	return rc;
}

int
child_run(struct child *c, struct err *e)
{
	int ends[2], status, rc;
	pid_t pid;

	c->kept = 1;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return err_sys(e, C1V_IO, "a pipe");
	pid = fork();
	if (pid == 0)
		become(c, ends[1]);
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return err_sys(e, C1V_IO, "starting %s", c->argv[0]);
	}
	rc = collect(c, ends[0], e);
	close(ends[0]);
	if (rc != 0)
		kill(pid, SIGTERM);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	c->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return rc;
}

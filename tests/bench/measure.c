/* measure: a command as a whole process, many times.
 *
 *     measure [-n RUNS] [-w WARMUPS] [-i STDIN] [-l LINES] [-q LINES] -- COMMAND [ARG…]
 *
 * Output is thrown away; the first WARMUPS runs (1) are not counted. With -l
 * each run has the next line of the file as its last argument, with -q as its
 * standard input. Prints one
 * NDJSON line: milliseconds of wall time (min, p50, p95), of CPU time (median)
 * and the largest resident set in KiB. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

struct sample { double wall, cpu; long rss; };

static void
die(const char *what)
{
	fprintf(stderr, "measure: %s: %s\n", what, strerror(errno));
	exit(74);
}

/* What a run reads: a file (NULL: nothing), or some text. */
struct feed { const char *path, *text; };

static int
open_feed(const struct feed *f)
{
	size_t n = f->text ? strlen(f->text) : 0;
	int fd;

	if (f->text == NULL)
		return open(f->path ? f->path : "/dev/null", O_RDONLY);
	fd = memfd_create("line", 0);
	return fd >= 0 && write(fd, f->text, n) == (ssize_t)n && lseek(fd, 0, SEEK_SET) == 0 ? fd : -1;
}

static void
child(char **argv, const struct feed *feed)
{
	int in = open_feed(feed), out = open("/dev/null", O_WRONLY);

	if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0)
		_exit(126);
	execvp(argv[0], argv);
	_exit(127);
}

static struct sample
run(char **argv, const struct feed *feed)
{
	int64_t start = clock_mono_ns();
	struct rusage u;
	struct sample s;
	int status;
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0)
		child(argv, feed);
	if (wait4(pid, &status, 0, &u) < 0)
		die("wait");
	s.wall = clock_seconds_since(start) * 1e3;
	s.cpu = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 +
	    (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
	s.rss = u.ru_maxrss;
	if (!WIFEXITED(status) || WEXITSTATUS(status) > 1) {
		fprintf(stderr, "measure: %s failed (status %d)\n", argv[0], status);
		exit(70);
	}
	return s;
}

static int
by_wall(const void *a, const void *b)
{
	double x = ((const struct sample *)a)->wall, y = ((const struct sample *)b)->wall;

	return (x > y) - (x < y);
}

static int
by_cpu(const void *a, const void *b)
{
	double x = ((const struct sample *)a)->cpu, y = ((const struct sample *)b)->cpu;

	return (x > y) - (x < y);
}

static void
report(struct sample *s, int n)
{
	double min, p50, p95;
	long rss = 0;

	for (int i = 0; i < n; i++)
		rss = s[i].rss > rss ? s[i].rss : rss;
	qsort(s, (size_t)n, sizeof(*s), by_wall);
	min = s[0].wall, p50 = s[n / 2].wall, p95 = s[n * 95 / 100].wall;
	qsort(s, (size_t)n, sizeof(*s), by_cpu);
	printf("{\"runs\":%d,\"min_ms\":%.3f,\"p50_ms\":%.3f,\"p95_ms\":%.3f,\"cpu_ms\":%.3f,\"rss_kib\":%ld}\n", n,
	    min, p50, p95, s[n / 2].cpu, rss);
}

struct plan {
	int runs, warmups, fed; /* fed: lines are standard input, not arguments */
	struct feed feed;
	FILE *lines;            /* NULL: none */
};

static int
usage(void)
{
	fprintf(stderr, "usage: measure [-n RUNS] [-w WARMUPS] [-i STDIN] [-l LINES] [-q LINES] -- COMMAND…\n");
	return 64;
}

static int
parse(int argc, char **argv, struct plan *p)
{
	int opt;

	while ((opt = getopt(argc, argv, "+n:w:i:l:q:")) != -1) {
		if (opt == 'n')
			p->runs = atoi(optarg);
		else if (opt == 'w')
			p->warmups = atoi(optarg);
		else if (opt == 'i')
			p->feed.path = optarg;
		else if (opt == '?')
			return usage();
		else if ((p->lines = fopen(optarg, "r")) == NULL)
			die(optarg);
		p->fed |= opt == 'q';
	}
	return optind >= argc || p->runs < 1 ? usage() : 0;
}

/* The next line, from the first again after the last. */
static const char *
next_line(FILE *lines)
{
	static char *line;
	static size_t room;
	ssize_t n = getline(&line, &room, lines);

	if (n < 0) {
		rewind(lines);
		n = getline(&line, &room, lines);
	}
	if (n > 0 && line[n - 1] == '\n')
		line[n - 1] = '\0';
	return n < 0 ? "" : line;
}

int
main(int argc, char **argv)
{
	struct plan p = {.runs = 5, .warmups = 1};
	const char **command;
	struct sample *s;
	int count, rc = parse(argc, argv, &p);

	if (rc != 0)
		return rc;
	count = argc - optind;
	command = mem_zero((size_t)count + 2, sizeof(*command));
	memcpy(command, argv + optind, (size_t)count * sizeof(*command));
	s = mem_zero((size_t)p.runs, sizeof(*s));
	for (int i = -p.warmups; i < p.runs; i++) {
		struct sample one;
		if (p.lines != NULL)
			*(p.fed ? &p.feed.text : &command[count]) = next_line(p.lines);
		one = run((char **)command, &p.feed);
		if (i >= 0)
			s[i] = one;
	}
	report(s, p.runs);
	return 0;
}

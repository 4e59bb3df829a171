#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "record/record.h"

/* A plain generator, so that a failure can be seen again. */
static unsigned long long seed = 42;

static unsigned
chance(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

/* Put fd in the place of stdin. */
static void
as_stdin(int fd)
{
	CHECK(dup2(fd, STDIN_FILENO) == STDIN_FILENO);
	close(fd);
}

/* A child that writes text into our stdin, in pieces of 1 to piece bytes. */
static pid_t
feed(const char *text, size_t n, unsigned piece)
{
	int ends[2];
	pid_t pid;

	fflush(stdout);
	if (pipe(ends) != 0 || (pid = fork()) < 0)
		exit(2);
	if (pid == 0) {
		close(ends[0]);
		while (n) {
			size_t want = 1 + chance(piece);
			ssize_t done = write(ends[1], text, want < n ? want : n);

			if (done < 0)
				_exit(1);
			text += done;
			n -= (size_t)done;
		}
		_exit(0);
	}
	close(ends[1]);
	as_stdin(ends[0]);
	return pid;
}

static const char *
temporary(const char *text, size_t n)
{
	static char paths[8][32];
	static unsigned next;
	char *path = paths[next++ % 8];
	int fd;

	strcpy(path, "/tmp/c1v-input-XXXXXX");
	fd = mkstemp(path);
	if (fd < 0 || write(fd, text, n) != (ssize_t)n)
		exit(2);
	close(fd);
	return path;
}

/* Everything that input hands out, one "NUMBER:TEXT|" after the other. */
static void
gather(struct input *in, struct buf *out, struct err *e, int *rc)
{
	struct line line;

	while ((*rc = input_line(in, &line, e)) == 1)
		buf_format(out, "%d:%.*s%s|", (int)line.number, (int)line.text.n, line.text.p,
		    line.too_long ? "(too long)" : "");
	buf_cstr(out);
}

static void
lines_of(const char *text, size_t n, size_t max, const char *expected)
{
	const char *path = temporary(text, n);
	struct input *in = input_open(&(struct input_options){&path, 1, max});
	struct buf out = {0};
	struct err e = {0};
	int rc;

	gather(in, &out, &e, &rc);
	CHECK_INT(rc, 0);
	CHECK_STR(out.data, expected);
	CHECK_INT(input_line(in, &(struct line){0}, &e), 0);
	input_close(in);
	unlink(path);
	buf_free(&out);
}

#define LINES(text, max, expected) lines_of(text, sizeof(text) - 1, max, expected)

TEST(lines)
{
	LINES("", 0, "");
	LINES("\n", 0, "");
	LINES("a", 0, "1:a|");
	LINES("a\n", 0, "1:a|");
	LINES("a\nb", 0, "1:a|2:b|");
	LINES("\n\na\n\n \t\r\nb\n\n", 0, "3:a|6:b|");
	LINES("a\r\nb\r\n", 0, "1:a|2:b|");
	LINES("a\r\r\nb\r", 0, "1:a\r|2:b\r|");
	LINES("\xef\xbb\xbf" "a\n\xef\xbb\xbf" "b\n", 0, "1:a|2:\xef\xbb\xbf" "b|");
	LINES("\xef\xbb\xbf", 0, "");
	LINES("\xef\xbb\xbf\r\n x \n", 0, "2: x |");
	LINES("\xef\xbb", 0, "1:\xef\xbb|");
}

TEST(too_long)
{
	LINES("abcde\nabcdef\nab\n", 5, "1:abcde|2:(too long)|3:ab|");
	LINES("abcdef", 5, "1:(too long)|");
	LINES("abcdef\n", 5, "1:(too long)|");
	LINES("\xef\xbb\xbf" "abcde\r\nabcde\r\n", 5, "1:abcde|2:abcde|");
	LINES("      \nabc\n", 5, "1:(too long)|2:abc|");
}

struct dropper {
	struct slice text;
	int fd;
};

/* One byte each time that the reader has nothing left, then the end. */
static int
drop(void *arg, struct err *e)
{
	struct dropper *d = arg;

	if (d->text.n == 0)
		return close(d->fd);
	if (write(d->fd, d->text.p, 1) != 1)
		return err_sys(e, C1V_IO, "pipe");
	d->text = (struct slice){d->text.p + 1, d->text.n - 1};
	return 0;
}

static void
lines_byte_by_byte(struct slice text, size_t max, const char *expected)
{
	struct input *in = input_open(&(struct input_options){.max_line = max});
	struct buf out = {0};
	struct err e = {0};
	int ends[2], rc;

	CHECK(pipe(ends) == 0);
	as_stdin(ends[0]);
	input_on_idle(in, drop, &(struct dropper){text, ends[1]});
	gather(in, &out, &e, &rc);
	CHECK_INT(rc, 0);
	CHECK_STR(out.data, expected);
	input_close(in);
	buf_free(&out);
}

/* Every length around the limit, with every end of line. */
TEST(limit)
{
	static const char *const heads[] = {"", "\xef\xbb\xbf"}, *const tails[] = {"", "\n", "\r\n", "\nz\n"};

	for (size_t h = 0; h < 2; h++) {
		for (size_t t = 0; t < 4; t++) {
			for (size_t n = 95; n < 106; n++) {
				struct buf text = {0}, expected = {0};

				buf_string(&text, heads[h]);
				for (size_t i = 0; i < n; i++)
					buf_byte(&text, 'x');
				if (n <= 100)
					buf_format(&expected, "1:%s|", text.len ? buf_cstr(&text) + strlen(heads[h]) : "");
				else
					buf_string(&expected, "1:(too long)|");
				if (t == 3)
					buf_string(&expected, "2:z|");
				buf_string(&text, tails[t]);
				lines_of(text.data, text.len, 100, buf_cstr(&expected));
				lines_byte_by_byte(buf_as_slice(&text), 100, expected.data);
				buf_free(&text);
				buf_free(&expected);
			}
		}
	}
}

TEST(several_files)
{
	const char *paths[3] = {temporary("\xef\xbb\xbf" "a\nb", 6), temporary("", 0), temporary("\xef\xbb\xbf" "c\n", 5)};
	struct input *in = input_open(&(struct input_options){paths, 3, 0});
	struct line line;
	struct err e;
	uint64_t done, total;

	input_progress(in, &done, &total);
	CHECK_INT(done, 0);
	CHECK_INT(total, 11);
	CHECK_INT(input_line(in, &line, &e), 1);
	CHECK_STR(line.source, paths[0]);
	CHECK_INT(input_line(in, &line, &e), 1);
	CHECK_INT(line.number, 2);
	CHECK_MEM(line.text.p, line.text.n, "b");
	CHECK_INT(input_line(in, &line, &e), 1);
	CHECK_STR(line.source, paths[2]);
	CHECK_INT(line.number, 1);
	CHECK_MEM(line.text.p, line.text.n, "c");
	CHECK_INT(input_line(in, &line, &e), 0);
	input_progress(in, &done, &total);
	CHECK_INT(done, 11);
	input_close(in);
	for (int i = 0; i < 3; i++)
		unlink(paths[i]);
}

TEST(unreadable)
{
	const char *paths[2] = {"/nonexistent/file", "/"};
	struct line line;
	struct err e = {0};

	for (int i = 0; i < 2; i++) {
		struct input *in = input_open(&(struct input_options){paths + i, 1, 0});

		CHECK_INT(input_line(in, &line, &e), -1);
		CHECK_INT(e.code, C1V_IO);
		CHECK_STR(e.text, i ? "cannot read /: Is a directory" :
		    "cannot read /nonexistent/file: No such file or directory");
		input_close(in);
	}
}

/* What input shall make of text, said again in the plainest way. */
static void
expect(struct slice text, size_t max, struct buf *out)
{
	int number = 0;

	while (text.n) {
		const char *newline = memchr(text.p, '\n', text.n);
		size_t n = newline ? (size_t)(newline - text.p) : text.n, used = n + (newline != NULL);
		struct slice line = {text.p, n};
		int blank = 1;

		number++;
		if (number == 1 && line.n >= 3 && memcmp(line.p, "\xef\xbb\xbf", 3) == 0)
			line = (struct slice){line.p + 3, line.n - 3};
		if (newline && line.n && line.p[line.n - 1] == '\r')
			line.n--;
		for (size_t i = 0; i < line.n; i++)
			blank &= line.p[i] == ' ' || line.p[i] == '\r';
		if (line.n > max)
			buf_format(out, "%d:(too long)|", number);
		else if (!blank)
			buf_format(out, "%d:%.*s|", number, (int)line.n, line.p);
		text = (struct slice){text.p + used, text.n - used};
	}
	buf_cstr(out);
}

/* Lines of all lengths: short ones, around a block, around the limit. */
static void
random_text(struct buf *text, size_t max)
{
	static const char *const ends[] = {"\n", "\n", "\r\n", "\r\r\n", "\n\n", "\n \n"};
	unsigned lines = 1 + chance(40);

	if (chance(2))
		buf_string(text, "\xef\xbb\xbf");
	while (lines--) {
		size_t n = chance(4) ? chance(200) : chance(3) ? max - 3 + chance(6) : 65536 - 3 + chance(6);

		while (n--)
			buf_byte(text, (char)('a' + chance(26)));
		if (lines || chance(2))
			buf_string(text, ends[chance(6)]);
	}
}

TEST(random_pieces_through_a_pipe)
{
	static const unsigned pieces[] = {1, 7, 100, 5000, 65536, 200000};

	for (int round = 0; round < 120; round++) {
		size_t max = chance(2) ? 300 + chance(3000) : 60000 + chance(90000);
		struct buf text = {0}, expected = {0}, out = {0};
		struct input *in = input_open(&(struct input_options){.max_line = max});
		struct err e = {0};
		int rc;
		pid_t child;

		random_text(&text, max);
		expect(buf_as_slice(&text), max, &expected);
		child = feed(text.data, text.len, pieces[text.len > 20000 ? 2 + chance(4) : chance(6)]);
		gather(in, &out, &e, &rc);
		CHECK_INT(rc, 0);
		CHECK(out.len == expected.len && memcmp(out.data, expected.data, out.len) == 0);
		input_close(in);
		waitpid(child, NULL, 0);
		buf_free(&text);
		buf_free(&expected);
		buf_free(&out);
	}
}

/* A line of 40 MB is passed over in a buffer that stays small. */
TEST(huge_line)
{
	struct buf text = {0};
	struct line line;
	struct err e;
	struct input *in = input_open(&(struct input_options){.max_line = 100000});
	pid_t child;

	for (int i = 0; i < 40000000; i++)
		buf_byte(&text, 'x');
	buf_string(&text, "\nend");
	child = feed(text.data, text.len, 1000000);
	CHECK_INT(input_line(in, &line, &e), 1);
	CHECK(line.too_long);
	CHECK_INT(line.text.n, 0);
	CHECK_INT(input_line(in, &line, &e), 1);
	CHECK_MEM(line.text.p, line.text.n, "end");
	CHECK_INT(line.number, 2);
	CHECK_INT(input_line(in, &line, &e), 0);
	input_close(in);
	waitpid(child, NULL, 0);
	buf_free(&text);
}

/* --- the idle function -------------------------------------------------- */

struct coprocess {
	int to_us, idles, stop_after;
};

/* The other side answers only when we have said that we are idle. */
static int
when_idle(void *arg, struct err *e)
{
	struct coprocess *c = arg;

	c->idles++;
	if (c->stop_after && c->idles >= c->stop_after)
		return err_set(e, C1V_AGAIN, "stopped");
	if (c->idles == 1)
		CHECK(write(c->to_us, "two\nthr", 7) == 7);
	else if (c->idles == 2)
		CHECK(write(c->to_us, "ee\n", 3) == 3);
	else
		close(c->to_us);
	return 0;
}

TEST(idle_before_a_read_that_blocks)
{
	struct coprocess c = {0};
	struct input *in = input_open(&(struct input_options){0});
	struct line line;
	struct err e;
	int ends[2];

	CHECK(pipe(ends) == 0 && write(ends[1], "one\n", 4) == 4);
	c.to_us = ends[1];
	as_stdin(ends[0]);
	input_on_idle(in, when_idle, &c);
	CHECK_INT(input_line(in, &line, &e), 1);
	CHECK_INT(c.idles, 0);
	CHECK_INT(input_line(in, &line, &e), 1);
	CHECK_MEM(line.text.p, line.text.n, "two");
	CHECK_INT(c.idles, 1);
	CHECK_INT(input_line(in, &line, &e), 1);
	CHECK_MEM(line.text.p, line.text.n, "three");
	CHECK_INT(c.idles, 2);
	CHECK_INT(input_line(in, &line, &e), 0);
	input_close(in);
}

TEST(idle_can_end_the_input)
{
	struct coprocess c = {.stop_after = 1};
	struct input *in = input_open(&(struct input_options){0});
	struct line line;
	struct err e = {0};
	int ends[2];

	CHECK(pipe(ends) == 0);
	as_stdin(ends[0]);
	input_on_idle(in, when_idle, &c);
	CHECK_INT(input_line(in, &line, &e), -1);
	CHECK_INT(e.code, C1V_AGAIN);
	CHECK_STR(e.text, "stopped");
	input_close(in);
	close(ends[1]);
}

static int
third_time(void *arg, struct err *e)
{
	return ++*(int *)arg == 3 ? err_set(e, C1V_AGAIN, "three") : 0;
}

/* Without any signal: one may come between a look and the read. */
TEST(idle_again_and_again)
{
	struct input *in = input_open(&(struct input_options){0});
	struct line line;
	struct err e = {0};
	int ends[2], calls = 0;

	CHECK(pipe(ends) == 0);
	as_stdin(ends[0]);
	input_on_idle(in, third_time, &calls);
	CHECK_INT(input_line(in, &line, &e), -1);
	CHECK_STR(e.text, "three");
	input_close(in);
	close(ends[1]);
}

static volatile sig_atomic_t alarmed;

static void
on_alarm(int number)
{
	alarmed = number;
}

static int
until_alarm(void *arg, struct err *e)
{
	(*(int *)arg)++;
	return alarmed ? err_set(e, C1V_AGAIN, "interrupted") : 0;
}

TEST(a_signal_is_noticed)
{
	struct sigaction act = {.sa_handler = on_alarm};
	struct input *in = input_open(&(struct input_options){0});
	struct line line;
	struct err e = {0};
	int ends[2], calls = 0;

	sigaction(SIGALRM, &act, NULL);
	CHECK(pipe(ends) == 0);
	as_stdin(ends[0]);
	input_on_idle(in, until_alarm, &calls);
	alarm(1);
	CHECK_INT(input_line(in, &line, &e), -1);
	CHECK_STR(e.text, "interrupted");
	CHECK(calls >= 2);
	input_close(in);
	close(ends[1]);
}

TEST(a_descriptor_that_does_not_block)
{
	struct buf text = {0}, out = {0};
	struct input *in = input_open(&(struct input_options){0});
	struct err e = {0};
	pid_t child;
	int rc;

	for (int i = 0; i < 30000; i++)
		buf_format(&text, "%d\n", i);
	child = feed(text.data, text.len, 50);
	fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
	gather(in, &out, &e, &rc);
	CHECK_INT(rc, 0);
	CHECK(out.len > 12 && strcmp(out.data + out.len - 12, "30000:29999|") == 0);
	input_close(in);
	waitpid(child, NULL, 0);
	buf_free(&text);
	buf_free(&out);
}

/* --- whole files -------------------------------------------------------- */

TEST(whole_files)
{
	static const size_t sizes[] = {0, 1, 65535, 65536, 300000};
	struct err e = {0};
	struct file f;

	for (size_t i = 0; i < 5; i++) {
		char *text = mem_alloc(sizes[i]);
		const char *path;
		pid_t child;

		for (size_t j = 0; j < sizes[i]; j++)
			text[j] = (char)chance(256);
		path = temporary(text, sizes[i]);
		CHECK_INT(file_open(&f, path, 300000, &e), 0);
		CHECK(slice_equal(f.text, (struct slice){text, sizes[i]}));
		CHECK_INT(f.mapped, sizes[i] >= 65536);
		file_close(&f);
		CHECK_INT(file_open(&f, path, sizes[i] ? sizes[i] - 1 : 0, &e), sizes[i] ? C1V_DATA : 0);
		file_close(&f);
		unlink(path);
		child = feed(text, sizes[i], 10000);
		CHECK_INT(file_open(&f, "-", 300000, &e), 0);
		CHECK(slice_equal(f.text, (struct slice){text, sizes[i]}));
		file_close(&f);
		waitpid(child, NULL, 0);
		free(text);
	}
	CHECK_INT(file_open(&f, "/nonexistent/x", 10, &e), C1V_IO);
	CHECK_STR(e.text, "cannot read /nonexistent/x: No such file or directory");
	CHECK_INT(file_open(&f, "/", 10, &e), C1V_IO);
	CHECK_STR(e.text, "cannot read /: Is a directory");
}

/* Sizes that fstat does not know. */
TEST(files_without_a_size)
{
	struct err e = {0};
	struct file f;

	CHECK_INT(file_open(&f, "/proc/self/stat", 100000, &e), 0);
	CHECK(f.text.n > 10);
	file_close(&f);
	CHECK_INT(file_open(&f, "/dev/zero", 100000, &e), C1V_DATA);
	CHECK_STR(e.text, "/dev/zero is larger than 100000 bytes");
	file_close(&f);
}

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	return test_run();
}

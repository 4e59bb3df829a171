#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/out.h"

static void
make_pipe(int ends[2])
{
	if (pipe(ends) != 0)
		exit(2);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
}

/* Bytes that wait in the pipe; -1: none, 0: its other end was closed. */
static long
waiting(int fd)
{
	char text[200000];

	return (long)read(fd, text, sizeof(text));
}

TEST(blocks)
{
	struct out o;
	struct err e = {0};
	int ends[2];

	make_pipe(ends);
	out_open(&o, ends[1], "the pipe");
	CHECK_INT(o.line_buffered, 0);
	buf_string(&o.buf, "one");
	CHECK_INT(out_line(&o), 0);
	CHECK_INT(waiting(ends[0]), -1);
	CHECK_INT(out_flush(&o, &e), 0);
	CHECK_INT(waiting(ends[0]), 4);
	for (int i = 0; i < 65535; i++)
		buf_byte(&o.buf, 'x');
	CHECK_INT(out_more(&o), 0);
	CHECK_INT(waiting(ends[0]), -1);
	buf_byte(&o.buf, 'x');
	CHECK_INT(out_more(&o), 0);
	CHECK_INT(waiting(ends[0]), 65536);
	buf_string(&o.buf, "end");
	CHECK_INT(out_close(&o, &e), 0);
	CHECK_INT(waiting(ends[0]), 3);
	CHECK_INT(waiting(ends[0]), 0);
	close(ends[0]);
}

TEST(line_buffered)
{
	struct out o;
	int ends[2];

	make_pipe(ends);
	out_open(&o, ends[1], "the pipe");
	o.line_buffered = 1;
	buf_string(&o.buf, "one");
	CHECK_INT(out_line(&o), 0);
	CHECK_INT(waiting(ends[0]), 4);
	out_close(&o, NULL);
	close(ends[0]);
}

TEST(full_device)
{
	struct out o;
	struct err e = {0};

	out_open(&o, open("/dev/full", O_WRONLY), "standard output");
	buf_string(&o.buf, "one");
	CHECK_INT(out_line(&o), 0);
	CHECK_INT(out_flush(&o, &e), C1V_IO);
	CHECK_STR(e.text, "cannot write standard output: No space left on device");
	CHECK_INT(out_line(&o), C1V_IO);
	CHECK_INT(o.buf.len < 65536, 1);
	CHECK_INT(out_close(&o, &e), C1V_IO);
	CHECK_INT(e.code, C1V_IO);
}

TEST(closed_descriptor)
{
	struct out o;
	struct err e = {0};

	out_open(&o, 99, "standard output");
	CHECK_INT(out_close(&o, &e), C1V_IO);
	CHECK_STR(e.text, "cannot write standard output: Bad file descriptor");
}

TEST(broken_pipe)
{
	struct out o;
	struct err e = {0};
	int ends[2];

	signal(SIGPIPE, SIG_IGN);
	make_pipe(ends);
	close(ends[0]);
	out_open(&o, ends[1], "the pipe");
	buf_string(&o.buf, "one");
	CHECK_INT(out_flush(&o, &e), C1V_IO);
	CHECK_STR(e.text, "cannot write the pipe: Broken pipe");
	CHECK_INT(out_close(&o, &e), C1V_IO);
}

/* A pipe that does not block takes parts; a reader that is slow gets all. */
TEST(partial_writes)
{
	struct out o;
	int ends[2], status;
	pid_t child;

	if (pipe(ends) != 0)
		exit(2);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		unsigned long long sum = 0, count = 0;
		unsigned char text[1000];
		ssize_t n;

		close(ends[1]);
		while ((n = read(ends[0], text, sizeof(text))) > 0) {
			for (ssize_t i = 0; i < n; i++)
				sum += text[i] * (1 + count++ % 251);
			if (count < 20000)
				usleep(500);
		}
		_exit(count == 1000000 && sum % 127 == 61);
	}
	close(ends[0]);
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	out_open(&o, ends[1], "the pipe");
	for (int i = 0; i < 1000000; i++)
		buf_byte(&o.buf, (char)(i % 101));
	CHECK_INT(out_close(&o, NULL), 0);
	waitpid(child, &status, 0);
	CHECK_INT(WEXITSTATUS(status), 1);
}

int
main(void)
{
	return test_run();
}

#include "test.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "watch/log.h"

static int ends[2], real_stderr;

static void
catch_stderr(void)
{
	if (pipe(ends) != 0)
		exit(2);
	real_stderr = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
}

/* What was written since, in one read: a message is one write. */
static const char *
caught(void)
{
	static char text[8192];
	ssize_t n;

	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	n = read(ends[0], text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = '\0';
	close(ends[0]);
	return text;
}

TEST(text)
{
	struct log l = {.tool = "c1v-test", .level = LOG_WARN};
	struct err e = {C1V_DATA, "a\x1b[31mb\nc\xff", "do \x07this"};

	catch_stderr();
	log_say(&l, LOG_INFO, "not shown");
	log_say(&l, LOG_WARN, "%d records", 3);
	log_err(&l, &e);
	CHECK_STR(caught(), "c1v-test: 3 records\nc1v-test: a\\x1b[31mb c\\xff\nhint: do \\x07this\n");
	l.level = LOG_SILENT;
	catch_stderr();
	log_err(&l, &e);
	CHECK_STR(caught(), "");
}

TEST(json)
{
	struct log l = {.tool = "c1v-test", .level = LOG_DEBUG, .json = 1};
	struct err e = {C1V_DATA, "a\x1b[31m \"b\"\n\xff", "do this"};
	const char *text;
	struct slice value;

	setenv("C1V_NOW", "2026-11-23T04:05:06.789Z", 1);
	unsetenv("C1V_ENV");
	setenv("NODE_ENV", "staging", 1);
	catch_stderr();
	log_warn_err(&l, &e);
	CHECK_STR(caught(), "{\"level\":\"warn\",\"time\":\"2026-11-23T04:05:06.789Z\",\"env\":\"staging\",\"service\":\"c1v\","
	    "\"tool\":\"c1v-test\",\"msg\":\"a\\\\x1b[31m \\\"b\\\" \\\\xff\",\"code\":65,\"hint\":\"do this\"}\n");
	setenv("C1V_ENV", "\xc3", 1);
	catch_stderr();
	log_event(&l, LOG_INFO, "batch", "\"rows\":3,\"name\":\"x y\"", "wrote %s", "a batch");
	text = caught();
	CHECK_INT(json_check(slice_of(text), &value, NULL), 0);
	CHECK(strstr(text, "\"type\":\"batch\",\"msg\":\"wrote a batch\",\"rows\":3,\"name\":\"x y\"}\n") != NULL);
	unsetenv("C1V_ENV");
	unsetenv("NODE_ENV");
	catch_stderr();
	log_event(&l, LOG_DEBUG, "x", NULL, "y");
	CHECK(strstr(caught(), "{\"level\":\"debug\",\"time\":\"2026-11-23T04:05:06.789Z\",\"env\":\"production\"") != NULL);
	unsetenv("C1V_NOW");
}

TEST(event_as_text)
{
	struct log l = {.tool = "c1v-test", .level = LOG_INFO};

	catch_stderr();
	log_event(&l, LOG_INFO, "batch", "\"rows\":3,\"name\":\"x y\"", "wrote");
	log_event(&l, LOG_INFO, "batch", "", "wrote");
	CHECK_STR(caught(), "c1v-test: wrote rows=3 name=\"x y\"\nc1v-test: wrote\n");
}

TEST(a_progress_line_is_erased)
{
	struct log l = {.tool = "c1v-test", .level = LOG_WARN, .progress_shown = 1};

	catch_stderr();
	log_say(&l, LOG_WARN, "a");
	log_say(&l, LOG_WARN, "b");
	CHECK_STR(caught(), "\r\033[Kc1v-test: a\nc1v-test: b\n");
}

TEST(no_progress_without_a_terminal)
{
	struct log l = {.tool = "c1v-test", .level = LOG_WARN};
	struct progress p;

	catch_stderr();
	progress_start(&p, &l, "chunks");
	p.start_ns -= 5000000000;
	progress_show(&p, 1, 2);
	progress_end(&p);
	CHECK_STR(caught(), "");
}

int
main(void)
{
	return test_run();
}

/* A real Redis on a socket in a directory of its own, and tests/fake/upstash.c before it. */
#ifndef C1V_TEST_REDIS_SERVER_H
#define C1V_TEST_REDIS_SERVER_H

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define TOKEN "canary-token-4711"

static char dir[100], build[4096], url[64];
static pid_t fake_pid;
static int fake_in;

static pid_t
spawn(char *const argv[], int in, int out)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(in, STDIN_FILENO);
		dup2(out, STDOUT_FILENO);
		for (int fd = 3; fd < 64; fd++)
			close(fd);
		execvp(argv[0], argv);
		_exit(127);
	}
	return pid;
}

static char *
in_dir(const char *name)
{
	static char path[4][200];
	static int which;

	which = (which + 1) % 4;
	snprintf(path[which], sizeof(path[which]), "%s/%s", dir, name);
	return path[which];
}

/* Redis on a socket; it dies with us. */
static int
start_redis(void)
{
	char socket[] = "--unixsocket", *argv[] = {(char[]){"redis-server"}, (char[]){"--port"}, (char[]){"0"}, socket,
	    in_dir("redis"), (char[]){"--save"}, (char[]){""}, (char[]){"--logfile"}, in_dir("log"), NULL};
	struct stat st;

	spawn(argv, STDIN_FILENO, STDOUT_FILENO);
	for (int i = 0; i < 1000 && stat(argv[4], &st) != 0; i++)
		clock_sleep_ms(10);
	return stat(argv[4], &st) == 0;
}

/* One request a line of the plan, and directives for all others. */
static void
serve(const char *plan, const char *directive)
{
	char program[4200], where[220], *argv[] = {program, in_dir("redis"), (char[]){TOKEN}, where, NULL, NULL};
	FILE *f = fopen(in_dir("plan"), "w");
	int in[2], out[2];
	ssize_t n;

	fputs(plan, f);
	fclose(f);
	snprintf(program, sizeof(program), "%s/fake/upstash", build);
	snprintf(where, sizeof(where), "plan=%s", in_dir("plan"));
	argv[4] = directive ? mem_string(directive) : NULL;
	CHECK(pipe(in) == 0 && pipe(out) == 0);
	fake_pid = spawn(argv, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	fake_in = in[1];
	strcpy(url, "upstash:http://127.0.0.1:");
	n = read(out[0], url + 25, 20);
	url[25 + (n > 0 ? n - 1 : 0)] = '\0';
	close(out[0]);
	free(argv[4]);
}

static void
unserve(void)
{
	close(fake_in);
	waitpid(fake_pid, NULL, 0);
}

/* Where is the build, and is there a Redis? 0, or what main() returns. *skipped: there is none. */
static int
begin_redis(int *skipped)
{
	static const char *const unwanted[] = {"UPSTASH_REDIS_REST_URL", "KV_REST_API_URL", "KV_REST_API_TOKEN",
	    "HTTPS_PROXY", "https_proxy", "http_proxy", "C1V_LIB"};
	ssize_t n = readlink("/proc/self/exe", build, sizeof(build) - 1);

	build[n > 0 ? n : 0] = '\0';
	for (int up = 0; up < 2; up++)
		*(strrchr(build, '/') ? strrchr(build, '/') : build) = '\0';
	*skipped = system("command -v redis-server >/dev/null") != 0;
	if (*skipped) {
		puts("ok 1 - all of it # skip redis-server is not installed\n1..1");
		return 0;
	}
	signal(SIGPIPE, SIG_IGN);
	strcpy(dir, "/tmp/c1v-redis-XXXXXX");
	if (mkdtemp(dir) == NULL || !start_redis()) {
		puts("not ok 1 - redis-server does not start\n1..1");
		return 1;
	}
	for (size_t i = 0; i < sizeof(unwanted) / sizeof(*unwanted); i++)
		unsetenv(unwanted[i]);
	setenv("UPSTASH_REDIS_REST_TOKEN", TOKEN, 1);
	return 0;
}

static int
end_redis(void)
{
	char command[150];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command) != 0;
}

#endif

/* The helper thread: where it runs, and that nothing of it stays behind. */
#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "base/thread.h"

struct seen {
	int ran, usr1_blocked;
	cpu_set_t cpus;
};

static void *
look(void *arg)
{
	struct seen *s = arg;
	sigset_t blocked;

	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	s->usr1_blocked = sigismember(&blocked, SIGUSR1);
	sched_getaffinity(0, sizeof(s->cpus), &s->cpus);
	s->ran = 1;
	return NULL;
}

TEST(thread_is_elsewhere_and_joined)
{
	cpu_set_t before, meanwhile, after, both;
	struct seen s = {0};
	struct thread *t;
	sigset_t blocked;

	CHECK_INT(sched_getaffinity(0, sizeof(before), &before), 0);
	t = thread_start(look, &s);
	CHECK(t != NULL);
	CHECK_INT(sched_getaffinity(0, sizeof(meanwhile), &meanwhile), 0);
	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	CHECK_INT(sigismember(&blocked, SIGUSR1), 0);
	thread_join(t);
	CHECK_INT(s.ran, 1);
	CHECK_INT(s.usr1_blocked, 1);
	CHECK_INT(sched_getaffinity(0, sizeof(after), &after), 0);
	CHECK(CPU_EQUAL(&before, &after));
	if (CPU_COUNT(&before) < 2)
		return; /* one place for both */
	CPU_AND(&both, &meanwhile, &s.cpus);
	CHECK_INT(CPU_COUNT(&both), 0);
}

TEST(thread_shares_the_only_cpu)
{
	cpu_set_t before, one, after;
	struct seen s = {0};
	struct thread *t;

	CHECK_INT(sched_getaffinity(0, sizeof(before), &before), 0);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	CHECK_INT(sched_setaffinity(0, sizeof(one), &one), 0);
	CHECK_INT(thread_cpus(), 1);
	t = thread_start(look, &s);
	CHECK(t != NULL);
	thread_join(t);
	CHECK_INT(s.ran, 1);
	CHECK_INT(sched_getaffinity(0, sizeof(after), &after), 0);
	CHECK(CPU_EQUAL(&one, &after));
	sched_setaffinity(0, sizeof(before), &before);
}

int
main(void)
{
	return test_run();
}

#include "base/thread.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"

#if defined(__GLIBC__) && defined(__linux__)

struct thread {
	pthread_t id;
	int parted;         /* on other CPUs than its maker */
	cpu_set_t together; /* where both may be again */
};

int
thread_cpus(void)
{
	cpu_set_t allowed;

	/* It fails where there are more CPUs than the set has room for. */
	if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0)
		return CPU_COUNT(&allowed);
	return sysconf(_SC_NPROCESSORS_ONLN) > 1 ? (int)sysconf(_SC_NPROCESSORS_ONLN) : 1;
}

/* Stay here, and let a new thread be elsewhere: 0, or -1 where there is no such place. */
static int
part(struct thread *t, pthread_attr_t *a)
{
	int cpu = sched_getcpu();
	cpu_set_t here, elsewhere;

	if (cpu < 0 || cpu >= CPU_SETSIZE ||
	    sched_getaffinity(0, sizeof(t->together), &t->together) != 0)
		return -1;
	elsewhere = t->together;
	CPU_CLR(cpu, &elsewhere);
	CPU_ZERO(&here);
	CPU_SET(cpu, &here);
	if (CPU_COUNT(&elsewhere) == 0 || pthread_attr_setaffinity_np(a, sizeof(elsewhere), &elsewhere) != 0)
		return -1;
	return sched_setaffinity(0, sizeof(here), &here);
}

static int
start(struct thread *t, void *(*fn)(void *), void *arg)
{
	pthread_attr_t a;
	int rc = -1;

	pthread_attr_init(&a);
	t->parted = part(t, &a) == 0;
	if (t->parted)
		rc = pthread_create(&t->id, &a, fn, arg);
	if (rc != 0)
		rc = pthread_create(&t->id, NULL, fn, arg);
	pthread_attr_destroy(&a);
	return rc;
}

static void
reunite(struct thread *t)
{
	if (t->parted)
		sched_setaffinity(0, sizeof(t->together), &t->together);
}

#else

struct thread {
	pthread_t id;
};

int
thread_cpus(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN) > 1 ? (int)sysconf(_SC_NPROCESSORS_ONLN) : 1;
}

static int
start(struct thread *t, void *(*fn)(void *), void *arg)
{
	return pthread_create(&t->id, NULL, fn, arg);
}

static void
reunite(struct thread *t)
{
	(void)t;
}

#endif

struct thread *
thread_start(void *(*fn)(void *), void *arg)
{
	struct thread *t = mem_zero(1, sizeof(*t));
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	rc = start(t, fn, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc == 0)
		return t;
	reunite(t);
	free(t);
	return NULL;
}

void
thread_join(struct thread *t)
{
	pthread_join(t->id, NULL);
	reunite(t);
	free(t);
}

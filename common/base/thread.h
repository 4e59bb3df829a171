/* thread: a helper that works beside its maker from the first microsecond. */
#ifndef C1V_BASE_THREAD_H
#define C1V_BASE_THREAD_H

struct thread;

/* CPUs that this process may use, at least 1. */
int thread_cpus(void);

/* Run fn(arg) beside the caller; NULL where no thread can be had. Where the
 * system lets one ask for that, the caller stays on its CPU and the thread off
 * it until they are joined: for work of milliseconds. Left alone, some kernels
 * put one that slept behind the one that wakes it, on the same CPU, while the
 * other has nothing to do. Signals are for the caller. */
struct thread *thread_start(void *(*fn)(void *), void *arg);
/* Wait for its end and free it. */
void thread_join(struct thread *t);

#endif

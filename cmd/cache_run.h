/* cache_run: what run and its child share. Private to c1v-cache. */
#ifndef C1V_CACHE_RUN_H
#define C1V_CACHE_RUN_H

#include "base/buf.h"

/* Run a command with `input` on its standard input (its p NULL: ours), and collect what it writes to standard
 * output; `pass` is given each piece as it comes (NULL: nobody), `beat` is called a few times a second.
 * 0, or an error of ours (C1V_IO); then *status is its exit status as a shell has it: 126 and 127 when it could
 * not be started, 128 + N when it died of signal N. Output beyond `most` bytes is passed, not kept: *kept is 0. */
struct child {
	const char *const *argv; /* NULL-ended */
	struct slice input;
	size_t most;
	int (*pass)(void *arg, const char *p, size_t n, struct err *e);
	int (*beat)(void *arg, struct err *e);
	void *arg;
	/* the outcome */
	struct buf output;
	int status, kept;
};
int child_run(struct child *c, struct err *e);

#endif

/* out: a checked, buffered output stream over a file descriptor.
 *
 * The first write error is remembered and reported by out_flush/out_close, so
 * a tool ends by `rc = out_close(&out, &e)` and /dev/full gives C1V_IO. EPIPE
 * raises SIGPIPE as usual (or is C1V_IO where it is ignored). */
#ifndef C1V_BASE_OUT_H
#define C1V_BASE_OUT_H

#include "base/buf.h"

struct out {
	int fd;
	int line_buffered; /* out_line flushes every line */
	int failed;        /* errno of the first failed write, else 0 */
	const char *name;  /* for messages: "standard output" or a path */
	struct buf buf;    /* what waits; append to it directly, then out_line() */
};

/* line_buffered is set when fd is a terminal. name is borrowed. */
void out_open(struct out *o, int fd, const char *name);
/* End the line in o->buf: adds '\n', writes when enough has gathered. Returns
 * 0 or, once writing has failed, C1V_IO (the caller should stop). */
int out_line(struct out *o);
/* Written out whenever enough has gathered, without adding anything. */
int out_more(struct out *o);
int out_flush(struct out *o, struct err *e);
/* Flush, close the descriptor (also a failing close is an error), free. */
int out_close(struct out *o, struct err *e);

#endif

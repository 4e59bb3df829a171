#include "base/out.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

enum { OUT_BLOCK = 64 * 1024 };

void
out_open(struct out *o, int fd, const char *name)
{
	*o = (struct out){.fd = fd, .name = name};
	o->line_buffered = isatty(fd);
}

/* Write everything that waits. After the first failure nothing is written any
 * more and what comes is dropped, so that a stream that lost a part does not
 * go on behind the gap. */
static int
out_drain(struct out *o)
{
	size_t done = 0;

	while (done < o->buf.len && !o->failed) {
		ssize_t n = write(o->fd, o->buf.data + done, o->buf.len - done);

		if (n >= 0) {
			done += (size_t)n;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			struct pollfd p = {.fd = o->fd, .events = POLLOUT};
			poll(&p, 1, -1);
		} else if (errno != EINTR) {
			o->failed = errno;
		}
	}
	o->buf.len = 0;
	return o->failed ? C1V_IO : 0;
}

int
out_more(struct out *o)
{
	if (o->buf.len >= OUT_BLOCK)
		return out_drain(o);
	return o->failed ? C1V_IO : 0;
}

int
out_line(struct out *o)
{
	buf_byte(&o->buf, '\n');
	return o->line_buffered ? out_drain(o) : out_more(o);
}

static int
out_error(const struct out *o, struct err *e)
{
	errno = o->failed;
	return err_sys(e, C1V_IO, "cannot write %s", o->name);
}

int
out_flush(struct out *o, struct err *e)
{
	return out_drain(o) ? out_error(o, e) : 0;
}

int
out_close(struct out *o, struct err *e)
{
	int rc = 0;

	out_drain(o);
	/* Some file systems report a lost write only here. After EINTR the
	 * descriptor is gone all the same. */
	if (close(o->fd) != 0 && errno != EINTR && !o->failed)
		o->failed = errno;
	if (o->failed)
		rc = out_error(o, e);
	buf_free(&o->buf);
	o->fd = -1;
	return rc;
}

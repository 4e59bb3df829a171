#include "record/record.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	BLOCK = 64 * 1024,     /* the buffer's first size */
	LEAST_READ = 16 * 1024, /* with less room than this the buffer grows */
	EXTRA = 4,             /* bytes of a line that are not text: BOM and CR */
	IDLE_MS = 500          /* a signal may come between a look and a read */
};

struct input {
	const char *const *paths;
	size_t path_count, path_at; /* paths[path_at]: the next to be opened */
	size_t max_line;
	input_idle_fn *idle;
	void *idle_arg;

	int fd;          /* -1: none is open */
	int plain;       /* a regular file: reading it never blocks */
	const char *source;
	uint64_t number; /* of the line that was found last */
	int skipping;    /* inside a line that is too long */
	int at_end;      /* the source has no more bytes */

	char *data;      /* [start, scanned) has no newline, [scanned, end) is unknown */
	size_t room, start, scanned, end;

	uint64_t done, total;
	int total_known; /* 0: not asked yet */
};

static const char *const standard_input[] = {"-"};

struct input *
input_open(const struct input_options *o)
{
	struct input *in = mem_zero(1, sizeof(*in));

	in->paths = o->path_count ? o->paths : standard_input;
	in->path_count = o->path_count ? o->path_count : 1;
	in->max_line = o->max_line ? o->max_line : INPUT_MAX_LINE;
	if (in->max_line > SIZE_MAX / 4)
		in->max_line = SIZE_MAX / 4;
	in->fd = -1;
	return in;
}

void
input_on_idle(struct input *in, input_idle_fn *fn, void *arg)
{
	in->idle = fn;
	in->idle_arg = arg;
}

static int
is_stdin(const char *path)
{
	return strcmp(path, "-") == 0;
}

static const char *
shown(const char *source)
{
	return is_stdin(source) ? "standard input" : source;
}

static int
call_idle(struct input *in, struct err *e)
{
	return in->idle != NULL && in->idle(in->idle_arg, e) != 0 ? -1 : 0;
}

static int
open_next(struct input *in, struct err *e)
{
	struct stat st;

	in->source = in->paths[in->path_at++];
	in->fd = STDIN_FILENO;
	while (!is_stdin(in->source)) {
		in->fd = open(in->source, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (in->fd >= 0)
			break;
		if (errno != EINTR) /* a FIFO waits for its writer */
			return err_sys(e, C1V_IO, "cannot read %s", in->source), -1;
		if (call_idle(in, e) != 0)
			return -1;
	}
	in->plain = fstat(in->fd, &st) == 0 && S_ISREG(st.st_mode);
	in->number = 0;
	in->skipping = in->at_end = 0;
	in->start = in->scanned = in->end = 0;
	return 0;
}

static void
close_source(struct input *in)
{
	if (in->fd > STDIN_FILENO)
		close(in->fd);
	in->fd = -1;
}

/* Wait until a read gives something, with the idle function called before. */
static int
wait_for_bytes(struct input *in, struct err *e)
{
	struct pollfd p = {.fd = in->fd, .events = POLLIN};

	if (in->plain || in->idle == NULL)
		return 0;
	for (int timeout = 0;; timeout = IDLE_MS) {
		int n = poll(&p, 1, timeout);

		if (n > 0 || (n < 0 && errno != EINTR))
			return 0;
		if (call_idle(in, e) != 0)
			return -1;
	}
}

/* Room behind the bytes that are kept: they move to the front, and the buffer
 * doubles up to what a line of max_line needs. */
static void
make_room(struct input *in)
{
	size_t kept = in->end - in->start, most = in->max_line + EXTRA + LEAST_READ;

	if (in->start > 0 && kept > 0)
		memmove(in->data, in->data + in->start, kept);
	in->scanned -= in->start;
	in->start = 0;
	in->end = kept;
	if (in->room - in->end >= LEAST_READ)
		return;
	in->room = in->room ? in->room * 2 : BLOCK;
	if (in->room > most && most > BLOCK)
		in->room = most;
	in->data = mem_resize(in->data, in->room, 1);
}

static int
fill(struct input *in, struct err *e)
{
	ssize_t n;

	make_room(in);
	for (;;) {
		if (wait_for_bytes(in, e) != 0)
			return -1;
		n = read(in->fd, in->data + in->end, in->room - in->end);
		if (n >= 0)
			break;
		if (errno == EAGAIN || errno == EWOULDBLOCK) {
			/* The other end made our end not block. */
			struct pollfd p = {.fd = in->fd, .events = POLLIN};
			poll(&p, 1, IDLE_MS);
		} else if (errno != EINTR) {
			return err_sys(e, C1V_IO, "cannot read %s", shown(in->source)), -1;
		} else if (call_idle(in, e) != 0) {
			return -1;
		}
	}
	in->at_end = n == 0;
	in->end += (size_t)n;
	in->done += (uint64_t)n;
	return 0;
}

static int
all_blank(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != ' ' && s.p[i] != '\t' && s.p[i] != '\r')
			return 0;
	}
	return 1;
}

/* A line was found: [start, start + n). 1 when it is one to hand out. */
static int
found(struct input *in, size_t n, int newline, struct line *out)
{
	struct slice text = {in->data + in->start, n};

	in->number++;
	if (in->number == 1 && text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0)
		text = (struct slice){text.p + 3, text.n - 3};
	if (newline && text.n && text.p[text.n - 1] == '\r')
		text.n--;
	*out = (struct line){text, in->source, in->number, 0};
	if (in->skipping || text.n > in->max_line) {
		out->too_long = 1;
		out->text.n = 0;
	}
	in->skipping = 0;
	return out->too_long || !all_blank(text);
}

/* 1: a line; 0: the source has no more. */
static int
line_of_source(struct input *in, struct line *out, struct err *e)
{
	for (;;) {
		const char *newline = in->scanned == in->end ? NULL :
		    memchr(in->data + in->scanned, '\n', in->end - in->scanned);
		int yes;

		if (newline != NULL) {
			yes = found(in, (size_t)(newline - in->data) - in->start, 1, out);
			in->start = in->scanned = (size_t)(newline - in->data) + 1;
			if (yes)
				return 1;
			continue;
		}
		in->scanned = in->end;
		if (in->skipping || in->end - in->start > in->max_line + EXTRA) {
			in->skipping = 1;
			in->start = in->scanned = in->end = 0;
		}
		if (in->at_end) {
			yes = in->skipping || in->start < in->end;
			if (yes)
				yes = found(in, in->end - in->start, 0, out);
			in->start = in->end;
			return yes;
		}
		if (fill(in, e) != 0)
			return -1;
	}
}

int
input_line(struct input *in, struct line *out, struct err *e)
{
	for (;;) {
		int rc;

		if (in->fd < 0) {
			if (in->path_at == in->path_count)
				return 0;
			if (open_next(in, e) != 0)
				return -1;
		}
		rc = line_of_source(in, out, e);
		if (rc != 0)
			return rc;
		close_source(in);
	}
}

/* 1 and the size of a plain file; 0 when path is none. */
static int
plain_size(const char *path, uint64_t *size)
{
	struct stat st;

	if ((is_stdin(path) ? fstat(STDIN_FILENO, &st) : stat(path, &st)) != 0 || !S_ISREG(st.st_mode))
		return 0;
	*size = (uint64_t)st.st_size;
	return 1;
}

void
input_progress(struct input *in, uint64_t *done, uint64_t *total)
{
	for (size_t i = 0; !in->total_known && i < in->path_count; i++) {
		uint64_t size;

		if (!plain_size(in->paths[i], &size)) {
			in->total = 0;
			break;
		}
		in->total += size;
	}
	in->total_known = 1;
	*done = in->done;
	*total = in->total;
}

void
input_close(struct input *in)
{
	if (in == NULL)
		return;
	close_source(in);
	free(in->data);
	free(in);
}

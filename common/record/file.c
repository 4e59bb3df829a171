#include "record/record.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAP_FROM = 64 * 1024 }; /* bytes; below, a read is cheaper than a mapping */

static int
too_large(const char *name, size_t max, struct err *e)
{
	return err_set(e, C1V_DATA, "%s is larger than %zu bytes", name, max);
}

/* Read to the end; expected is what fstat said, 0 when it does not know. */
static int
read_all(struct file *f, int fd, const char *name, size_t expected, size_t max, struct err *e)
{
	for (;;) {
		size_t want = expected > f->buf.len ? expected - f->buf.len + 1 : MAP_FROM;
		ssize_t n = read(fd, buf_reserve(&f->buf, want), want);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, C1V_IO, "cannot read %s", name);
		if (n == 0)
			break;
		f->buf.len += (size_t)n;
		if (f->buf.len > max)
			return too_large(name, max, e);
	}
	f->text = buf_as_slice(&f->buf);
	return 0;
}

static int
map_or_read(struct file *f, int fd, const char *name, size_t max, struct err *e)
{
	struct stat st;
	size_t size = 0;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
		size = (size_t)st.st_size;
	if (size > max)
		return too_large(name, max, e);
	if (size >= MAP_FROM) {
		void *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);

		if (p != MAP_FAILED) {
			f->mapped = 1;
			f->text = (struct slice){p, size};
			return 0;
		}
	}
	return read_all(f, fd, name, size, max, e);
}

int
file_open(struct file *f, const char *path, size_t max, struct err *e)
{
	int standard = strcmp(path, "-") == 0, rc, fd = STDIN_FILENO;

	*f = (struct file){.text = {"", 0}};
	if (standard)
		return read_all(f, fd, "standard input", 0, max, e);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_sys(e, C1V_IO, "cannot read %s", path);
	rc = map_or_read(f, fd, path, max, e);
	close(fd);
	if (rc != 0)
		file_close(f);
	return rc;
}

void
file_close(struct file *f)
{
	if (f->mapped)
		munmap((void *)f->text.p, f->text.n);
	buf_free(&f->buf);
	*f = (struct file){.text = {"", 0}};
}

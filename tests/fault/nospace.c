/* nospace: an LD_PRELOAD shim for a PostgreSQL server, whose disk is full while
 * the file $NOSPACE is there: no file below base/ can grow. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int
is_full(int fd, off_t end)
{
	const char *flag = getenv("NOSPACE");
	char link[32], path[512];
	struct stat st;
	ssize_t n;

	if (flag == NULL || access(flag, F_OK) != 0 || fstat(fd, &st) != 0 || end <= st.st_size)
		return 0;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0)
		return 0;
	path[n] = '\0';
	errno = ENOSPC;
	return strstr(path, "/base/") != NULL;
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at);
ssize_t pwritev64(int fd, const struct iovec *v, int count, off64_t at);
int posix_fallocate64(int fd, off64_t at, off64_t n);

ssize_t
pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	return is_full(fd, at + (off_t)n) ? -1 : syscall(SYS_pwrite64, fd, p, n, at);
}

ssize_t
pwritev64(int fd, const struct iovec *v, int count, off64_t at)
{
	off_t n = 0;

	for (int i = 0; i < count; i++)
		n += (off_t)v[i].iov_len;
	return is_full(fd, at + n) ? -1 : syscall(SYS_pwritev, fd, v, count, at, 0L);
}

int
posix_fallocate64(int fd, off64_t at, off64_t n)
{
	if (is_full(fd, at + n))
		return ENOSPC;
	return syscall(SYS_fallocate, fd, 0, at, n) == 0 ? 0 : errno;
}

/* The same under the names of programs whose off_t is that long anyway. */

ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
	return pwrite64(fd, p, n, at);
}

ssize_t
pwritev(int fd, const struct iovec *v, int count, off_t at)
{
	return pwritev64(fd, v, count, at);
}

int
posix_fallocate(int fd, off_t at, off_t n)
{
	return posix_fallocate64(fd, at, n);
}

/* failmalloc: an LD_PRELOAD shim that lets allocations fail.
 *
 *     FAIL_AT=N      the N-th allocation, counted from 1, fails
 *     FAIL_EVER=1    and every one after it
 *     FAIL_LOG=FILE  the file is made when an allocation was made to fail: a
 *                    fault that never happened proves nothing */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *p, size_t size);

static long fail_at = -1, count;
static int fail_ever;

static int
fails(void)
{
	const char *text;
	long n;

	if (fail_at < 0) {
		fail_at = (text = getenv("FAIL_AT")) != NULL ? atol(text) : 0;
		fail_ever = (text = getenv("FAIL_EVER")) != NULL && *text != '\0';
	}
	n = __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED);
	if (fail_at == 0 || n < fail_at || (n > fail_at && !fail_ever))
		return 0;
	if (n == fail_at && (text = getenv("FAIL_LOG")) != NULL)
		close(open(text, O_WRONLY | O_CREAT, 0600));
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t size);
void *calloc(size_t n, size_t size);
void *realloc(void *p, size_t size);

void *
malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	return fails() ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *p, size_t size)
{
	return fails() ? NULL : __libc_realloc(p, size);
}

/* between: an LD_PRELOAD shim that lets something happen at the worst moment:
 * when a search has begun on one connection, and its other connection begins.
 *
 *     BETWEEN=COMMAND   is run by sh, once, before a second connection begins a
 *                       transaction; without the shim
 *
 * The machine seems to have two processors at least, or there would be no
 * second connection. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *first;
static int done;

static void
begins(void *handle)
{
	const char *command = getenv("BETWEEN");
	void *none = NULL;

	if (command == NULL || __atomic_compare_exchange_n(&first, &none, handle, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) ||
	    none == handle || __atomic_exchange_n(&done, 1, __ATOMIC_SEQ_CST))
		return;
	unsetenv("LD_PRELOAD");
	if (system(command) != 0)
		abort();
}

int sqlite3_prepare_v2(void *handle, const char *sql, int n, void **statement, const char **tail);
int sqlite3_prepare_v3(void *handle, const char *sql, int n, unsigned flags, void **statement, const char **tail);

int
sqlite3_prepare_v2(void *handle, const char *sql, int n, void **statement, const char **tail)
{
	int (*real)(void *, const char *, int, void **, const char **);

	*(void **)&real = dlsym(RTLD_NEXT, "sqlite3_prepare_v2");
	if (strncmp(sql, "BEGIN", 5) == 0)
		begins(handle);
	return real(handle, sql, n, statement, tail);
}

int
sqlite3_prepare_v3(void *handle, const char *sql, int n, unsigned flags, void **statement, const char **tail)
{
	int (*real)(void *, const char *, int, unsigned, void **, const char **);

	*(void **)&real = dlsym(RTLD_NEXT, "sqlite3_prepare_v3");
	if (strncmp(sql, "BEGIN", 5) == 0)
		begins(handle);
	return real(handle, sql, n, flags, statement, tail);
}

long
sysconf(int name)
{
	long (*real)(int);
	long n;

	*(void **)&real = dlsym(RTLD_NEXT, "sysconf");
	n = real(name);
	return name == _SC_NPROCESSORS_ONLN && n < 2 ? 2 : n;
}

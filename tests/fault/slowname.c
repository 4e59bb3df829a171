/* slowname: names take five seconds to be looked up. */
#include <dlfcn.h>
#include <netdb.h>
#include <unistd.h>

int
getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	if (hints == NULL || !(hints->ai_flags & AI_NUMERICHOST))
		sleep(5);
	return real(host, service, hints, out);
}

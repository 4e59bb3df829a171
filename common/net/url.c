#include "net/url.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

size_t
url_scheme(const char *url)
{
	size_t n = strspn(url, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");

	return n > 1 && url[n] == ':' ? n : 0;
}

int
url_has_password(const char *url)
{
	const char *p = strstr(url, "://"), *at, *colon;
	size_t port;

	if (p == NULL)
		return strncasecmp(url, "postgres", 8) == 0 && strstr(url, "password") != NULL;
	p += 3;
	at = strchr(p, '@');
	colon = at ? memchr(p, ':', (size_t)(at - p)) : NULL;
	/* A / in a password, which should be %2F, makes it no port. */
	port = colon ? strspn(colon + 1, "0123456789") : 0;
	if (port > 0 && strchr("/?#,", colon[1 + port]) != NULL)
		colon = NULL;
	return (colon != NULL && colon + 1 < at) || strstr(url, "password=") != NULL;
}

int
url_resolve(const char *what, const char *url, const char **out, struct err *e)
{
	*out = url;
	if (url != NULL && strncmp(url, "env:", 4) == 0) {
		*out = getenv(url + 4);
		if (*out == NULL || **out == '\0')
			return err_set(e, C1V_CONFIG, "%s %s: the variable is not set", what, url);
	} else if (url != NULL && url_has_password(url)) {
		err_set(e, C1V_USAGE, "%s: a password inside a URL can be seen by others", what);
		return err_hint(e, "put the URL into a variable and name it: env:NAME");
	}
	return 0;
}

/* url: what is common to the URLs of stores, caches and ledgers. */
#ifndef C1V_NET_URL_H
#define C1V_NET_URL_H

#include "base/buf.h"

/* The bytes of the scheme before a colon; 0: a bare path. */
size_t url_scheme(const char *url);
/* scheme://user:password@host, or a password given by its name. */
int url_has_password(const char *url);
/* What a setting really names: env:NAME is that variable's value (C1V_CONFIG when it is not set), anything else
 * itself, unless it holds a password, which others could see (C1V_USAGE). what: "store",
 * for messages. NULL stays NULL. */
int url_resolve(const char *what, const char *url, const char **out, struct err *e);

#endif

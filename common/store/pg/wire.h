/* wire: what the files of the link share among themselves: the URL's settings,
 * and waiting for the server without ceasing to listen to the user. */
#ifndef C1V_STORE_PG_WIRE_H
#define C1V_STORE_PG_WIRE_H

#include "store/pg/link.h"

/* Fill l->keywords and l->values. C1V_CONFIG when libpq cannot read the URL or it was cut
 * where it should not be; the error never repeats what was in it. */
int wire_settings(struct pg_link *l, const char *url, struct err *e);
/* A setting as the URL has it, or NULL. */
const char *wire_setting(const struct pg_link *l, const char *keyword);
char **wire_copy(char **list);
void wire_free(char **list);
/* Where it goes, as a URL without user and password; to be freed. Any may be NULL. */
char *wire_name(const char *host, const char *port, const char *database);

/* Has the user asked for the end? */
int wire_must_stop(const struct pg_link *l);
/* Wait for a socket, events as of poll(), a tenth of a second at most. What it is ready for, or 0. */
int wire_wait(int socket, short events);

#endif

#include "store/pg/link.h"

#include <poll.h>
#include <stdlib.h>

#include "base/clock.h"
#include "store/pg/wire.h"

enum { ASK_MS = 100 }; /* between two questions whether to stop */

/* --- waiting -------------------------------------------------------------- */

int
wire_must_stop(const struct pg_link *l)
{
	return l->o->stop != NULL && l->o->stop() != 0;
}

/* A signal ends the wait early: the caller asks whether to stop then. */
int
wire_wait(int socket, short events)
{
	struct pollfd p = {.fd = socket, .events = events};

	return poll(&p, 1, ASK_MS) > 0 ? p.revents : 0;
}

/* --- connecting ------------------------------------------------------------- */

void
pg_link_drop(struct pg_link *l)
{
	PQfinish(l->conn);
	l->conn = NULL;
	l->in_transaction = 0;
}

static void
on_notice(void *arg, const char *message)
{
	struct pg_link *l = arg;

	if (l->o->log != NULL)
		log_say(l->o->log, LOG_DEBUG, "%.*s", (int)strcspn(message, "\n"), message);
}

static int
hosts_in(const char *list)
{
	int n = 1;

	for (; *list; list++)
		n += *list == ',';
	return n;
}

/* How long to wait for an answer, in seconds: as the option says, else as the URL, a service file or
 * PGCONNECT_TIMEOUT does, for each host that is named. */
static double
patience(const struct pg_link *l)
{
	PQconninfoOption *all = PQconninfo(l->conn);
	double seconds = l->o->connect_timeout, found = 0;
	int hosts = 1;

	for (PQconninfoOption *o = all; o != NULL && o->keyword != NULL; o++) {
		if (o->val == NULL)
			continue;
		if (strcmp(o->keyword, "connect_timeout") == 0)
			found = atof(o->val);
		if (strcmp(o->keyword, "host") == 0 || strcmp(o->keyword, "hostaddr") == 0)
			hosts = hosts_in(o->val) > hosts ? hosts_in(o->val) : hosts;
	}
	PQconninfoFree(all);
	if (seconds <= 0)
		seconds = found > 0 ? found : PG_CONNECT_SECONDS;
	return seconds * hosts;
}

/* Libpq's own time limit does not hold for this way of connecting, which can be
 * interrupted: so there is one here. */
static int
finish_connecting(struct pg_link *l, struct err *e)
{
	PostgresPollingStatusType state = PGRES_POLLING_WRITING;
	int64_t start = clock_mono_ns();
	double limit = patience(l);

	l->patience = limit;
	while (state != PGRES_POLLING_OK && state != PGRES_POLLING_FAILED) {
		if (wire_wait(PQsocket(l->conn), state == PGRES_POLLING_READING ? POLLIN : POLLOUT))
			state = PQconnectPoll(l->conn);
		if (wire_must_stop(l))
			return err_set(e, C1V_AGAIN, "%s: interrupted while connecting", l->name);
		if (state != PGRES_POLLING_OK && state != PGRES_POLLING_FAILED &&
		    clock_seconds_since(start) >= limit) {
			l->lost = 1;
			err_set(e, C1V_AGAIN, "%s: no answer for %g seconds", l->name, limit);
			return err_hint(e, "--connect-timeout says how long to wait");
		}
	}
	return state == PGRES_POLLING_OK ? 0 : pg_link_connect_error(l, e);
}

/* The name is the store's: once connected it stays, for others keep it. */
static void
take_name(struct pg_link *l)
{
	if (l->named)
		return;
	free(l->name);
	l->name = wire_name(PQhost(l->conn), PQport(l->conn), PQdb(l->conn));
}

int
pg_link_again(struct pg_link *l, struct err *e)
{
	int rc;

	pg_link_drop(l);
	l->sqlstate[0] = '\0';
	l->lost = 0;
	l->conn = PQconnectStartParams((const char *const *)l->keywords, (const char *const *)l->values, 0);
	if (l->conn == NULL)
		mem_exhausted();
	take_name(l);
	/* So that a refusal comes with its SQLSTATE. */
	PQsetErrorVerbosity(l->conn, PQERRORS_VERBOSE);
	PQsetNoticeProcessor(l->conn, on_notice, l);
	rc = PQstatus(l->conn) == CONNECTION_BAD ? pg_link_connect_error(l, e) : finish_connecting(l, e);
	if (rc != 0) {
		pg_link_drop(l);
		return rc;
	}
	PQsetErrorVerbosity(l->conn, PQERRORS_DEFAULT);
	PQsetErrorContextVisibility(l->conn, PQSHOW_CONTEXT_NEVER);
	PQsetnonblocking(l->conn, 1);
	take_name(l);
	l->named = 1;
	return 0;
}

int
pg_link_open(struct pg_link *l, const struct store_options *o, const char *url, struct err *e)
{
	int rc;

	memset(l, 0, sizeof(*l));
	l->o = o;
	rc = wire_settings(l, url, e);
	return rc ? rc : pg_link_again(l, e);
}

int
pg_link_second(const struct pg_link *l, struct pg_link *out, struct err *e)
{
	memset(out, 0, sizeof(*out));
	out->o = l->o;
	out->keywords = wire_copy(l->keywords);
	out->values = wire_copy(l->values);
	return pg_link_again(out, e);
}

void
pg_link_close(struct pg_link *l)
{
	pg_link_drop(l);
	wire_free(l->keywords);
	wire_free(l->values);
	free(l->name);
	memset(l, 0, sizeof(*l));
}

/* statement: statements, their results, COPY. See link.h.
 *
 * The connection does not block: while there is nothing to read or room to write,
 * the owner is asked whether to go on, and a server that says nothing any more is
 * given up. */
#include "store/pg/link.h"

#include <poll.h>

#include "base/clock.h"
#include "store/pg/wire.h"

enum {
	CANCEL_SECONDS = 1,  /* for the server to take the request, and as many to obey */
	GRACE_SECONDS = 5,   /* behind the statement time limit, which the server keeps itself */
	COPY_PART = 1 << 18  /* bytes handed to libpq before it must have sent them */
};

/* --- waiting -------------------------------------------------------------- */

/* Ask the server to give up the statement that runs; in vain if it cannot be reached. */
static void
cancel(struct pg_link *l)
{
#ifdef LIBPQ_HAS_ASYNC_CANCEL
	PGcancelConn *c = PQcancelCreate(l->conn);
	PostgresPollingStatusType state = PGRES_POLLING_WRITING;
	int64_t start = clock_mono_ns();

	if (!PQcancelStart(c))
		state = PGRES_POLLING_FAILED;
	while ((state == PGRES_POLLING_READING || state == PGRES_POLLING_WRITING) &&
	    clock_seconds_since(start) < CANCEL_SECONDS)
		if (wire_wait(PQcancelSocket(c), state == PGRES_POLLING_READING ? POLLIN : POLLOUT))
			state = PQcancelPoll(c);
	PQcancelFinish(c);
#else
	PGcancel *c = PQgetCancel(l->conn);
	char message[256];

	if (c != NULL)
		PQcancel(c, message, sizeof(message));
	PQfreeCancel(c);
#endif
}

/* What a wait has come to. */
struct wait {
	int64_t start;     /* of what the server was silent since */
	int64_t stopped;   /* when it was asked to give up, or 0 */
};

/* A tenth of a second of waiting for the server. 0 when it is to be waited for no longer. */
static int
wait_a_little(struct pg_link *l, struct wait *w, short events)
{
	int ready = wire_wait(PQsocket(l->conn), events);

	if (ready != 0)
		w->start = clock_mono_ns();
	if ((ready & ~POLLOUT) != 0 && !PQconsumeInput(l->conn))
		return 0;
	if (w->stopped != 0)
		return clock_seconds_since(w->stopped) < 2 * CANCEL_SECONDS;
	if (wire_must_stop(l)) {
		w->stopped = clock_mono_ns();
		cancel(l);
	}
	return l->limit <= 0 || clock_seconds_since(w->start) < l->limit + GRACE_SECONDS;
}

PGresult *
pg_link_next(struct pg_link *l, int *stopped)
{
	struct wait w = {clock_mono_ns(), 0};

	while (l->conn != NULL && PQisBusy(l->conn)) {
		int left = PQflush(l->conn);

		if (left < 0)
			break;
		if (!wait_a_little(l, &w, left > 0 ? POLLIN | POLLOUT : POLLIN)) {
			/* Dead, or as good as dead. */
			if (PQstatus(l->conn) == CONNECTION_OK)
				pg_link_drop(l);
			break;
		}
		*stopped |= w.stopped != 0;
	}
	return PQgetResult(l->conn);
}

/* Have all sent that is queued. What the server has to say meanwhile must be taken, or both would wait
 * for ever. 0, or C1V_AGAIN. */
static int
flush(struct pg_link *l, struct err *e)
{
	struct wait w = {clock_mono_ns(), 0};
	int left;

	while ((left = PQflush(l->conn)) > 0) {
		if (!wait_a_little(l, &w, POLLIN | POLLOUT) || w.stopped != 0) {
			pg_link_drop(l);
			return w.stopped ? err_set(e, C1V_AGAIN, "%s: interrupted", l->name)
			    : pg_link_error(l, NULL, l->name, e);
		}
	}
	return left == 0 ? 0 : pg_link_error(l, NULL, l->name, e);
}

/* --- results ---------------------------------------------------------------- */

static int
is_good(const PGresult *r)
{
	ExecStatusType s = PQresultStatus(r);

	return s == PGRES_COMMAND_OK || s == PGRES_TUPLES_OK || s == PGRES_SINGLE_TUPLE || s == PGRES_COPY_IN ||
	    s == PGRES_EMPTY_QUERY;
}

static int
fail(struct pg_link *l, const PGresult *r, int stopped, struct err *e)
{
	int rc = pg_link_error(l, r, l->name, e);

	return stopped ? err_set(e, C1V_AGAIN, "%s: interrupted", l->name) : rc;
}

/* Take all results; the last good one goes to *out (when wanted), the first bad one to e. */
static int
collect(struct pg_link *l, PGresult **out, struct err *e)
{
	PGresult *r, *last = NULL;
	int stopped = 0, rc = 0;

	while ((r = pg_link_next(l, &stopped)) != NULL) {
		if (!is_good(r) && rc == 0)
			rc = fail(l, r, stopped, e);
		PQclear(last);
		last = r;
		if (PQresultStatus(r) == PGRES_COPY_IN || PQstatus(l->conn) == CONNECTION_BAD)
			break;
	}
	if (rc == 0 && (last == NULL || PQstatus(l->conn) == CONNECTION_BAD))
		rc = fail(l, NULL, stopped, e);
	if (rc == 0 && out != NULL)
		*out = last;
	else
		PQclear(last);
	return rc;
}

/* A connection that was lost earlier fails here, rather than in libpq. */
static int
must_be_connected(struct pg_link *l, struct err *e)
{
	return l->conn != NULL ? 0 : pg_link_error(l, NULL, l->name, e);
}

int
pg_link_exec(struct pg_link *l, const char *sql, struct err *e)
{
	if (must_be_connected(l, e) != 0)
		return e->code;
	return PQsendQuery(l->conn, sql) ? collect(l, NULL, e) : pg_link_error(l, NULL, l->name, e);
}

static int
send_statement(struct pg_link *l, const char *sql, const struct pg_params *p, int binary, struct err *e)
{
	static const struct pg_params none;

	if (must_be_connected(l, e) != 0)
		return e->code;
	if (p == NULL)
		p = &none;
	if (PQsendQueryParams(l->conn, sql, p->count, p->types, p->values, p->lengths, p->formats, binary))
		return 0;
	return pg_link_error(l, NULL, l->name, e);
}

int
pg_link_query(struct pg_link *l, const char *sql, const struct pg_params *p, int binary,
    PGresult **out, struct err *e)
{
	int rc = send_statement(l, sql, p, binary, e);

	*out = NULL;
	return rc ? rc : collect(l, out, e);
}

int
pg_link_rows(struct pg_link *l, const char *sql, const struct pg_params *p, int binary,
    int (*row)(void *arg, const PGresult *r, struct err *e), void *arg, struct err *e)
{
	int stopped = 0, rc = send_statement(l, sql, p, binary, e), ended = 0;
	PGresult *r;

	if (rc != 0)
		return rc;
	PQsetSingleRowMode(l->conn);
	while ((r = pg_link_next(l, &stopped)) != NULL) {
		if (rc == 0 && !is_good(r))
			rc = fail(l, r, stopped, e);
		if (rc == 0 && PQresultStatus(r) == PGRES_SINGLE_TUPLE) {
			rc = row(arg, r, e);
			if (rc != 0)
				cancel(l); /* what is still to come is of no use */
		}
		ended |= PQresultStatus(r) == PGRES_TUPLES_OK || PQresultStatus(r) == PGRES_COMMAND_OK;
		PQclear(r);
		if (PQstatus(l->conn) == CONNECTION_BAD)
			break;
	}
	return rc == 0 && !ended ? fail(l, NULL, stopped, e) : rc;
}

/* --- COPY -------------------------------------------------------------------------- */

int
pg_link_copy(struct pg_link *l, const char *sql, struct err *e)
{
	PGresult *r;
	int rc = must_be_connected(l, e);

	if (rc == 0 && !PQsendQuery(l->conn, sql))
		rc = pg_link_error(l, NULL, l->name, e);
	if (rc == 0)
		rc = collect(l, &r, e);
	if (rc != 0)
		return rc;
	if (PQresultStatus(r) != PGRES_COPY_IN)
		rc = err_set(e, C1V_PROTOCOL, "%s: COPY was not begun", l->name);
	PQclear(r);
	return rc;
}

int
pg_link_copy_bytes(struct pg_link *l, const void *bytes, size_t n, struct err *e)
{
	const char *p = bytes;
	int rc = must_be_connected(l, e);

	while (rc == 0 && n > 0) {
		size_t part = n < COPY_PART ? n : COPY_PART;

		rc = PQputCopyData(l->conn, p, (int)part) == 1 ? flush(l, e) : pg_link_error(l, NULL, l->name, e);
		p += part;
		n -= part;
	}
	return rc;
}

int
pg_link_copy_end(struct pg_link *l, const char *failed, struct err *e)
{
	if (l->conn == NULL || PQputCopyEnd(l->conn, failed) != 1)
		return pg_link_error(l, NULL, l->name, e);
	return collect(l, NULL, e);
}

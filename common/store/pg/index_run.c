#include "store/pg/index.h"

#include <errno.h>
#include <poll.h>

enum { LOOK_MS = 250, PATIENCE_LOOKS = 12 };

/* The server's own count of rows or blocks; whoever watches must not disturb, so an error here
 * only ends the watching. */
static void
look(struct pg_store *s, struct pg_link *watcher, struct progress *progress)
{
	struct pg_index_state x = {0};
	struct err ignored;

	if (watcher->conn == NULL)
		return;
	if (pg_index_progress(s, watcher, &x, &ignored) != 0)
		pg_link_close(watcher);
	else if (x.pid != 0)
		progress_show(progress, (unsigned long long)x.done, (unsigned long long)x.total);
	pg_index_free(&x);
}

static int
cancelled(struct pg_store *s, struct err *e)
{
	PGcancel *c = PQgetCancel(s->link.conn);
	char text[256];

	if (c != NULL)
		PQcancel(c, text, sizeof(text));
	PQfreeCancel(c);
	return err_set(e, C1V_AGAIN, "index: stopped");
}

/* Wait until the statement has ended, looking at it now and then. 0, or why it was given up. */
static int
wait_for(struct pg_store *s, struct pg_link *watcher, struct progress *progress, struct err *e)
{
	struct pollfd fd = {.fd = PQsocket(s->link.conn)};
	int rc = 0;

	while (PQisBusy(s->link.conn)) {
		int n;
		fd.events = PQflush(s->link.conn) > 0 ? POLLIN | POLLOUT : POLLIN;
		n = poll(&fd, 1, LOOK_MS);
		if (n < 0 && errno != EINTR)
			return err_sys(e, C1V_IO, "index: waiting for the server");
		if (n > 0 && !PQconsumeInput(s->link.conn))
			return pg_link_error(&s->link, NULL, "index", e);
		if (n == 0)
			look(s, watcher, progress);
		if (rc == 0 && s->options.stop != NULL && s->options.stop() != 0)
			rc = cancelled(s, e);
	}
	return rc;
}

/* A limit that the server has for everybody may be too short for a build. */
static int
failed(struct pg_store *s, const PGresult *r, struct err *e)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	int rc = pg_link_error(&s->link, r, "index", e);

	if (state != NULL && strcmp(state, "57014") == 0)
		err_hint(e, "was it the server's statement_timeout? PGOPTIONS='-c statement_timeout=0' lifts it, "
		    "over a direct connection");
	return rc;
}

int
pg_index_run(struct pg_store *s, const char *sql, struct progress *progress, struct err *e)
{
	struct pg_link watcher = {0};
	struct err ignored;
	PGresult *r;
	int rc;

	if (progress != NULL && progress->enabled && pg_link_second(&s->link, &watcher, &ignored) != 0)
		watcher.conn = NULL;
	rc = PQsendQuery(s->link.conn, sql) ? wait_for(s, &watcher, progress, e)
	    : pg_link_error(&s->link, NULL, "index", e);
	while ((r = PQgetResult(s->link.conn)) != NULL) {
		if (rc == 0 && PQresultStatus(r) != PGRES_COMMAND_OK)
			rc = failed(s, r, e);
		PQclear(r);
	}
	pg_link_close(&watcher);
	return rc;
}

/* Waiting for a long build is no idleness that a server should end. */
static const char unhurried[] = "SELECT pg_catalog.set_config(name, '0', true) FROM pg_catalog.pg_settings"
    " WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout')";

/* Behind a pooler with a single connection to the server, which the turn would keep from us, there are no turns. */
static int
give_way(struct pg_link *l, struct pg_link *turn, struct err *e)
{
	struct pollfd fd = {.fd = PQsocket(l->conn), .events = POLLIN};
	PGresult *r;

	if (!PQsendQuery(l->conn, "SELECT"))
		return pg_link_error(l, NULL, "index", e);
	for (int i = 0; i < PATIENCE_LOOKS && PQisBusy(l->conn) && poll(&fd, 1, LOOK_MS) >= 0; i++) {
		if (fd.revents != 0 && !PQconsumeInput(l->conn))
			break;
	}
	if (PQisBusy(l->conn))
		pg_link_close(turn);
	while ((r = PQgetResult(l->conn)) != NULL)
		PQclear(r);
	return PQstatus(l->conn) == CONNECTION_OK ? 0 : pg_link_error(l, NULL, "index", e);
}

int
pg_index_turn(struct pg_store *s, struct pg_link *turn, int *mine, struct err *e)
{
	struct pg_params p = {0};
	PGresult *r = NULL;
	int rc = pg_link_second(&s->link, turn, e);

	*mine = 0;
	if (rc == 0)
		rc = pg_link_begin(turn, PG_WRITE, NULL, e);
	pg_param_text(&p, slice_of(s->table.table));
	if (rc == 0)
		rc = pg_link_query(turn, "SELECT pg_catalog.pg_try_advisory_xact_lock("
		    "pg_catalog.hashtextextended('c1v index ' || $1::text, 0))", &p, 0, &r, e);
	pg_params_free(&p);
	if (rc == 0)
		*mine = *PQgetvalue(r, 0, 0) == 't';
	PQclear(r);
	/* By the simple query, which also closes the portal of the one above: a concurrent build would wait for its
	 * snapshot. Read committed has none between statements. */
	if (rc == 0 && *mine)
		rc = pg_link_exec(turn, unhurried, e);
	if (rc == 0 && *mine)
		rc = give_way(&s->link, turn, e);
	if (rc != 0 || !*mine)
		pg_link_close(turn);
	return rc;
}

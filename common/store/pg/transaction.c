/* transaction: begin, commit, and doing it again. See link.h. */
#include "store/pg/link.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "store/pg/pg.h"
#include "store/pg/wire.h"

/* --- begin ------------------------------------------------------------------ */

/* Milliseconds; what is less than one of them would be none at all. */
static void
add_limit(struct buf *b, const char *name, double seconds)
{
	long long ms = (long long)(seconds * 1000);

	buf_format(b, ", pg_catalog.set_config('%s', '%lld', true)", name, ms > 0 ? ms : 1);
}

/* --pg-set NAME=VALUE. set_config takes both as texts: nothing in them is SQL. */
static int
add_variables(const struct store_options *o, struct buf *b, struct err *e)
{
	for (size_t i = 0; i < o->set_count; i++) {
		const char *text = o->set[i], *equals = strchr(text, '=');

		if (equals == NULL || equals == text)
			return err_set(e, C1V_USAGE, "--pg-set: wanted is NAME=VALUE");
		buf_string(b, ", pg_catalog.set_config(");
		pg_quote_text(b, (struct slice){text, (size_t)(equals - text)});
		buf_string(b, ", ");
		pg_quote_text(b, slice_of(equals + 1));
		buf_string(b, ", true)");
	}
	return 0;
}

/* Statements over whole tables look dear to the planner, and compiling them costs more than
 * running them. */
int
pg_link_settings(const struct pg_link *l, double limit, struct buf *sql, struct err *e)
{
	buf_string(sql, "SELECT pg_catalog.set_config('jit', 'off', true)");
	if (limit == 0)
		buf_string(sql, ", pg_catalog.set_config('statement_timeout', '0', true)");
	else if (limit > 0)
		add_limit(sql, "statement_timeout", limit);
	add_limit(sql, "lock_timeout", l->o->wait);
	return add_variables(l->o, sql, e);
}

int
pg_link_begin(struct pg_link *l, int access, const char *more, struct err *e)
{
	double limit = access & PG_LONG ? 0 : l->o->statement_timeout > 0 ? l->o->statement_timeout : -1;
	struct buf b = {0};
	int rc = 0;

	if (l->conn == NULL || PQstatus(l->conn) != CONNECTION_OK)
		rc = pg_link_again(l, e);
	/* Whatever the server's defaults are: readers see one state, writers what others have committed. */
	buf_string(&b, !(access & PG_WRITE) ? "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; "
	    : "BEGIN ISOLATION LEVEL READ COMMITTED; ");
	if (rc == 0)
		rc = pg_link_settings(l, limit, &b, e);
	if (rc == 0 && more != NULL) {
		buf_string(&b, "; ");
		buf_string(&b, more);
	}
	if (rc == 0) {
		l->in_transaction = 1;
		l->writes = access & PG_WRITE;
		l->limit = limit;
		rc = pg_link_exec(l, buf_cstr(&b), e);
		if (rc != 0)
			pg_link_rollback(l);
	}
	buf_free(&b);
	return rc;
}

/* Tell the server; a connection that is lost, or in the middle of something, or whose owner
 * wants to go, is dropped instead: the server rolls back by itself then. */
static void
undo(struct pg_link *l)
{
	struct err ignored;

	if (l->conn != NULL && (l->lost || PQtransactionStatus(l->conn) == PQTRANS_ACTIVE || wire_must_stop(l) ||
	    pg_link_exec(l, "ROLLBACK", &ignored) != 0))
		pg_link_drop(l);
}

void
pg_link_rollback(struct pg_link *l)
{
	char sqlstate[sizeof(l->sqlstate)];
	int lost = l->lost;

	if (!l->in_transaction)
		return;
	l->in_transaction = 0;
	l->limit = 0;
	memcpy(sqlstate, l->sqlstate, sizeof(sqlstate));
	undo(l);
	/* The error that led here is the one to be told. */
	memcpy(l->sqlstate, sqlstate, sizeof(sqlstate));
	l->lost = lost || l->conn == NULL;
}

/* --- commit ------------------------------------------------------------------- */

/* The number of this transaction, so that its outcome can be asked for. */
static int
note_xid(struct pg_link *l, struct err *e)
{
	PGresult *r;
	int rc = pg_link_query(l, "SELECT pg_catalog.pg_current_xact_id_if_assigned()::text", NULL, 0, &r, e);

	l->xid[0] = '\0';
	if (rc != 0)
		return rc;
	if (PQntuples(r) == 1 && !PQgetisnull(r, 0, 0))
		snprintf(l->xid, sizeof(l->xid), "%s", PQgetvalue(r, 0, 0));
	PQclear(r);
	return 0;
}

/* Was it committed? 1 yes, 0 no, -1 nobody knows. */
static int
outcome(struct pg_link *l, struct err *e)
{
	struct pg_params p = {0};
	PGresult *r;
	int known = -1;

	pg_param_text(&p, slice_of(l->xid));
	if (pg_link_query(l, "SELECT pg_catalog.pg_xact_status($1::xid8)", &p, 0, &r, e) == 0) {
		const char *status = PQgetvalue(r, 0, 0);
		if (strcmp(status, "committed") == 0)
			known = 1;
		else if (strcmp(status, "aborted") == 0)
			known = 0;
		PQclear(r);
	}
	pg_params_free(&p);
	return known;
}

/* The connection went away while COMMIT was under way. Ask on a new one, for as long as the server
 * needs to come back or to end the transaction. */
static int
resolve(struct pg_link *l, struct err *e)
{
	int64_t start = clock_mono_ns();
	struct err why = *e, ignored;
	int known = -1;

	for (int64_t pause = 20;; pause = pause < 1000 ? pause * 2 : 1000) {
		if (pg_link_again(l, &ignored) == 0)
			known = outcome(l, &ignored);
		if (known == 1)
			return 0;
		if (known == 0 || wire_must_stop(l) || clock_seconds_since(start) >= l->o->wait)
			break;
		clock_sleep_ms(pause);
	}
	l->lost = 1;
	*e = why;
	return e->code;
}

int
pg_link_commit(struct pg_link *l, struct err *e)
{
	PGresult *r;
	int rc = l->writes ? note_xid(l, e) : 0, rolled_back;

	if (rc != 0) {
		pg_link_rollback(l);
		return rc;
	}
	rc = pg_link_query(l, "COMMIT", NULL, 0, &r, e);
	l->in_transaction = 0;
	l->limit = 0;
	if (rc == 0) {
		/* COMMIT of a transaction that has failed says so by its tag only. */
		rolled_back = strcmp(PQcmdStatus(r), "ROLLBACK") == 0;
		PQclear(r);
		return rolled_back ? err_set(e, C1V_BUG, "%s: the transaction had failed before", l->name) : 0;
	}
	if (l->lost && l->writes && l->xid[0] != '\0')
		return resolve(l, e);
	return rc;
}

/* --- again --------------------------------------------------------------------- */

static int
is_transient(const struct pg_link *l)
{
	return l->lost || strcmp(l->sqlstate, "40001") == 0 || strcmp(l->sqlstate, "40P01") == 0 ||
	    strcmp(l->sqlstate, "53300") == 0;
}

/* Full jitter: anywhere up to the limit, so that many that failed together do not come back together. */
static int64_t
jitter(int64_t limit)
{
	uint64_t x = (uint64_t)clock_mono_ns();

	x ^= x >> 31;
	x *= 0x9e3779b97f4a7c15u;
	return 1 + (int64_t)((x >> 32) % (uint64_t)limit);
}

/* A server that went away may come back, whatever the last attempt met. */
static int
give_up(int rc, struct err *e)
{
	if (rc == C1V_UNAVAILABLE)
		e->code = C1V_AGAIN;
	return e->code;
}

int
pg_link_retry_for(struct pg_link *l, double seconds, int (*work)(void *arg, struct err *e), void *arg,
    struct err *e)
{
	int64_t start = 0, limit = 50;
	int rc;

	for (;;) {
		l->lost = 0;
		l->sqlstate[0] = '\0';
		rc = work(arg, e);
		if (rc == 0 || rc == C1V_PARTIAL || !is_transient(l))
			return rc;
		pg_link_rollback(l);
		if (l->lost)
			pg_link_drop(l);
		if (start == 0)
			start = clock_mono_ns();
		if (wire_must_stop(l) || clock_seconds_since(start) >= seconds)
			return give_up(rc, e);
		if (l->o->log != NULL)
			log_say(l->o->log, LOG_INFO, "%s; trying again", e->text);
		clock_sleep_ms(jitter(limit));
		limit = limit < 2000 ? limit * 2 : 2000;
	}
}

int
pg_link_retry(struct pg_link *l, int (*work)(void *arg, struct err *e), void *arg, struct err *e)
{
	return pg_link_retry_for(l, l->o->wait, work, arg, e);
}

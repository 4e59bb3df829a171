/* link: one connection to a PostgreSQL server, through libpq.
 *
 * It knows settings, transactions, errors and retries, and nothing of
 * collections. No state outlives a transaction (no named statement, no SET
 * without LOCAL, no session lock, no temporary table that is not dropped at
 * commit), so that it works through a pooler in transaction mode. */
#ifndef C1V_STORE_PG_LINK_H
#define C1V_STORE_PG_LINK_H

#include <libpq-fe.h>
#include <stdint.h>

#include "base/buf.h"
#include "store/store.h"

enum { PG_CONNECT_SECONDS = 10 }; /* when neither option nor URL nor PGCONNECT_TIMEOUT says more or less */

struct pg_link {
	PGconn *conn;            /* NULL: not connected, or lost */
	char **keywords, **values; /* of PQconnectdbParams, NULL-ended; owned */
	char *name;              /* "postgres://host:5432/db": for messages, without user and password */
	int named;               /* a connection stood once: the name stays */
	const struct store_options *o;
	int in_transaction;
	int writes;              /* the transaction may */
	double limit;            /* of each of its statements, in seconds, or 0 */
	int lost;                /* the last error was a lost connection */
	double patience;         /* how long connecting may take, in seconds */
	char sqlstate[6];        /* of the last error, or "" */
	char xid[32];            /* of the transaction that was committed last, or "" */
};

/* Connect. `url` is what stood behind --store (or in the variable that it named): a
 * URI, or key=value pairs behind "postgres:"; what it leaves open libpq finds in
 * PG*, ~/.pgpass and service files. C1V_UNAVAILABLE (no server), C1V_CREDENTIALS
 * (refused, TLS not trusted), C1V_CONFIG (wrong setting, no such database),
 * C1V_AGAIN (time-out, too many connections, starting up). */
int pg_link_open(struct pg_link *l, const struct store_options *o, const char *url, struct err *e);
void pg_link_close(struct pg_link *l);
/* Forget the connection, if there is one. */
void pg_link_drop(struct pg_link *l);
/* Connect again, with the same settings, whatever there was. */
int pg_link_again(struct pg_link *l, struct err *e);
/* A second connection with the same settings (for what cannot run in a transaction beside one). */
int pg_link_second(const struct pg_link *l, struct pg_link *out, struct err *e);

/* --- parameters ---------------------------------------------------------- */

enum { PG_PARAMS = 48 };

/* Parameters $1… of a statement. Zero-initialise, add in order, free. Texts are
 * borrowed until the statement has run; what is made (numbers, vectors) is in
 * the arena. */
struct pg_params {
	const char *values[PG_PARAMS];
	int lengths[PG_PARAMS], formats[PG_PARAMS];
	Oid types[PG_PARAMS];
	int count;
	struct arena arena;
};
void pg_param_text(struct pg_params *p, struct slice text);   /* p NULL: SQL null; type left to the statement */
void pg_param_int(struct pg_params *p, int64_t n);            /* int8 */
void pg_param_real(struct pg_params *p, double x);            /* float8 */
void pg_param_bytes(struct pg_params *p, struct slice bytes); /* bytea */
/* Text form "[1,2,…]", exactly as float32: the statement casts it ($1::vector). */
void pg_param_vector(struct pg_params *p, const float *v, size_t dims);
/* A text array, for = ANY($1). */
void pg_param_texts(struct pg_params *p, const struct slice *texts, size_t count);
void pg_params_free(struct pg_params *p);

/* --- statements ---------------------------------------------------------- */

/* Statements without parameters or rows, separated by semicolons, in one round trip. */
int pg_link_exec(struct pg_link *l, const char *sql, struct err *e);
/* One statement by the unnamed extended query; p may be NULL. Rows come in text form
 * (binary 0) or binary form; *out is freed by the caller with PQclear(). While
 * waiting, the options' stop() is asked: then the statement is cancelled, C1V_AGAIN. */
int pg_link_query(struct pg_link *l, const char *sql, const struct pg_params *p, int binary,
    PGresult **out, struct err *e);
/* The same row by row (single-row mode), in flat memory. row() gets each result of one row;
 * other than 0 from it ends the statement and is returned. */
int pg_link_rows(struct pg_link *l, const char *sql, const struct pg_params *p, int binary,
    int (*row)(void *arg, const PGresult *r, struct err *e), void *arg, struct err *e);

/* For a caller that sends by itself over l->conn (pipeline mode): the next result as of PQgetResult(), waited
 * for as above. *stopped becomes 1 when the options' stop() has ended it. The connection does not block, and is
 * dropped (l->conn NULL) when the server says nothing any more. */
PGresult *pg_link_next(struct pg_link *l, int *stopped);

/* COPY … FROM STDIN: sql begins it; bytes as PQputCopyData wants them. end with `failed`
 * a text (NULL: success). */
int pg_link_copy(struct pg_link *l, const char *sql, struct err *e);
int pg_link_copy_bytes(struct pg_link *l, const void *bytes, size_t n, struct err *e);
int pg_link_copy_end(struct pg_link *l, const char *failed, struct err *e);

/* --- transactions -------------------------------------------------------- */

/* PG_LONG may be added for what takes as long as it takes: no statement time limit. */
enum pg_access { PG_READ, PG_WRITE, PG_LONG = 2 };

/* BEGIN, with SET LOCAL of the statement and lock time limits and of every --pg-set, in one
 * round trip. `more` is further SQL to go with it, or NULL. */
int pg_link_begin(struct pg_link *l, int access, const char *more, struct err *e);
/* What pg_link_begin() sets, for a statement that is a transaction by itself: append
 * "SELECT set_config('jit', 'off', true), …", every --pg-set included; more can be appended. limit: seconds for
 * each statement, 0: none, negative: as the server has it. C1V_USAGE when
 * one of --pg-set is not NAME=VALUE. */
int pg_link_settings(const struct pg_link *l, double limit, struct buf *sql, struct err *e);
/* One statement that is a transaction by itself, which only reads: settings (", pg_catalog.set_config(…)"… or "")
 * behind those of pg_link_begin(), then the statement, in one round trip. Connects when there is no connection. */
int pg_link_once(struct pg_link *l, const char *settings, const char *sql, const struct pg_params *p, int binary,
    PGresult **out, struct err *e);
/* COMMIT. When the connection is lost meanwhile the outcome is asked for on a new one
 * (pg_xact_status of the transaction, if it wrote): 0 when it was committed, C1V_AGAIN when it
 * was not and may be run again, also when nobody can know. */
int pg_link_commit(struct pg_link *l, struct err *e);
/* ROLLBACK; keeps errno-like state of no one: an error of its own is not reported. */
void pg_link_rollback(struct pg_link *l);

/* Run work() (which begins and ends its own transaction) until it succeeds, fails for good,
 * or the options' `wait` seconds have passed: after a lost connection, a serialization failure,
 * a deadlock or a server that is starting, roll back, connect again, wait a little longer each
 * time (full jitter) and go on. work() must be idempotent. */
int pg_link_retry(struct pg_link *l, int (*work)(void *arg, struct err *e), void *arg, struct err *e);
/* The same for other than `wait` seconds. */
int pg_link_retry_for(struct pg_link *l, double seconds, int (*work)(void *arg, struct err *e), void *arg,
    struct err *e);

/* The SQLSTATE of the last failed statement ("" when none, as after a lost connection). */
const char *pg_link_sqlstate(const struct pg_link *l);
/* e from a result or (r NULL) the connection: the exit code fits the SQLSTATE (class 08, 57P0x: C1V_AGAIN;
 * 28, 42501, 25006: C1V_CREDENTIALS; 3D, 3F, 42P01, 42883, 42704, 0A, 58P01: C1V_CONFIG; 22, 23, 54: C1V_DATA;
 * 53, 57014, 40, 55P03, 55006: C1V_AGAIN; 53100, 53400 and 58030: C1V_IO; others C1V_BUG). Texts hold no
 * contents of rows and no secret. */
int pg_link_error(struct pg_link *l, const PGresult *r, const char *what, struct err *e);
/* The same for a connection that could not be made; link.c's own. */
int pg_link_connect_error(struct pg_link *l, struct err *e);

#endif

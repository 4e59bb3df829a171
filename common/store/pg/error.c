/* error: from SQLSTATE to exit codes. See link.h. */
#include "store/pg/link.h"

#include <stdio.h>
#include <string.h>

#define PASSWORD_HINT "a password goes into ~/.pgpass, or into a URL in a variable: --store env:NAME"

/* The longest prefix of the SQLSTATE that stands here decides. */
static const struct { const char *state; int code; const char *hint; } table[] = {
	{"08", C1V_AGAIN, NULL},
	{"0A000", C1V_CONFIG, NULL},
	{"22", C1V_DATA, NULL},
	{"23", C1V_DATA, NULL},
	{"25006", C1V_CREDENTIALS, "the server or the transaction is read-only: is it a replica, or its disk full?"},
	{"28", C1V_CREDENTIALS, PASSWORD_HINT},
	{"3D000", C1V_CONFIG, "the database must be there: createdb makes it"},
	{"3F000", C1V_CONFIG, "CREATE SCHEMA makes it, or --schema names another"},
	{"40", C1V_AGAIN, NULL},
	{"42501", C1V_CREDENTIALS, "the role needs a GRANT"},
	{"42602", C1V_CONFIG, NULL},
	{"42704", C1V_CONFIG, NULL},
	{"42883", C1V_CONFIG, NULL},
	{"42P01", C1V_CONFIG, "c1v-store init makes the tables"},
	{"53", C1V_AGAIN, NULL},
	{"53100", C1V_IO, "the server's disk is full"},
	{"53300", C1V_AGAIN, "a pooler (pgbouncer, Supabase's on port 6543) takes more clients than the server"},
	{"53400", C1V_IO, "a limit that the server sets for this role or database"},
	{"54", C1V_DATA, NULL},
	{"55006", C1V_AGAIN, NULL},
	{"55P03", C1V_AGAIN, "somebody else holds the lock; --wait says how long to wait"},
	{"57014", C1V_AGAIN, "--statement-timeout says how long a statement may take"},
	{"57P", C1V_AGAIN, NULL},
	{"58030", C1V_IO, NULL},
	{"58P01", C1V_CONFIG, NULL},
	{"XX001", C1V_DATA, NULL},
	{"XX002", C1V_DATA, NULL},
};

/* What can only be told by the words, of connections that were refused; the first that occurs decides.
 * Libpq's are not translated: no tool sets a locale. A server's may be; then its SQLSTATE speaks. */
static const struct { const char *words; int code, passes; const char *hint; } refusals[] = {
	/* SERVERS of them come from servers and poolers. */
	{"Tenant or user not found", C1V_CREDENTIALS, 0, "through Supabase's pooler the user is ROLE.PROJECT"},
	{"Max client connections reached", C1V_AGAIN, 1, "the pooler is full: try again, or raise its limit"},
	{"MaxClientsInSessionMode", C1V_AGAIN, 1, "the session pooler is full: port 6543 is the transaction pooler"},
	{", no encryption", C1V_CREDENTIALS, 0, "does the server want TLS? sslmode=require in the URL asks for it"},
	{"pg_hba.conf", C1V_CREDENTIALS, 0, "pg_hba.conf of the server says who may come from where"},
	/* Libpq's own, without a SQLSTATE. */
	{"SSL SYSCALL error", C1V_UNAVAILABLE, 1, NULL},
	{"unexpected eof while reading", C1V_UNAVAILABLE, 1, NULL},
	{"server does not support SSL", C1V_CREDENTIALS, 0, "sslmode in the URL asks for TLS, which this server has not"},
	{"server certificate for", C1V_CREDENTIALS, 0, "the certificate is of another host: the URL must name the one it is of"},
	{"root certificate file", C1V_CREDENTIALS, 0, "sslrootcert=FILE in the URL names the authority's certificate"},
	{"certificate has expired", C1V_CREDENTIALS, 0, "the server's certificate must be renewed"},
	{"certificate", C1V_CREDENTIALS, 0, "sslmode=verify-full wants sslrootcert=FILE with the authority's certificate"},
	{"SSL", C1V_CREDENTIALS, 0, "sslmode in the URL says which TLS is wanted"},
	{"GSSAPI", C1V_CREDENTIALS, 0, NULL},
	{"invalid ", C1V_CONFIG, 0, "a setting of the URL, of a PG variable or of the service file is wrong"},
	{"definition of service", C1V_CONFIG, 0, "services are described in ~/.pg_service.conf"},
	{"service file", C1V_CONFIG, 0, "services are described in ~/.pg_service.conf"},
	{"could not match", C1V_CONFIG, 0, NULL},
};

enum { SERVERS = 5, REFUSALS = sizeof(refusals) / sizeof(*refusals) };

/* The exit code of a SQLSTATE, and what to do about it where there is more to say; else *hint stays. */
static int
code_of(const char *state, const char **hint)
{
	size_t best = 0;
	int code = C1V_BUG;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		size_t n = strlen(table[i].state);
		if (n > best && strncmp(state, table[i].state, n) == 0) {
			best = n;
			code = table[i].code;
			*hint = table[i].hint;
		}
	}
	return code;
}

/* The message's first line. What the server quotes behind a colon may be a row's content. */
static void
set_text(struct err *e, int code, const char *what, const char *message)
{
	size_t n = strcspn(message, "\n");
	const char *quoted = strstr(message, ": \"");

	if (code == C1V_DATA && quoted != NULL && quoted < message + n)
		n = (size_t)(quoted - message);
	err_set(e, code, "%s: %.*s", what, (int)n, message);
}

static int
from_result(struct pg_link *l, const PGresult *r, const char *what, struct err *e)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY), *hint = NULL;
	int code;

	snprintf(l->sqlstate, sizeof(l->sqlstate), "%s", state ? state : "");
	code = code_of(l->sqlstate, &hint);
	/* The server says so before it hangs up. */
	l->lost = strncmp(l->sqlstate, "57P", 3) == 0 || strncmp(l->sqlstate, "08", 2) == 0;
	set_text(e, code, what, message ? message : "no reason was given");
	if (message != NULL && strcmp(l->sqlstate, "42704") == 0 && strstr(message, "halfvec") != NULL)
		hint = "halfvec came with pgvector 0.7.0: update it, or --vector-type vector --index none";
	if (hint != NULL)
		err_hint(e, "%s", hint);
	return code;
}

/* "…FATAL:  28P01: password authentication failed…", as PQERRORS_VERBOSE has it. */
static const char *
state_in(const char *message, char state[6])
{
	const char *p = strstr(message, ":  ");

	state[0] = '\0';
	while (p != NULL) {
		if (strspn(p + 3, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == 5 && p[8] == ':') {
			memcpy(state, p + 3, 5);
			state[5] = '\0';
			return p + 10;
		}
		p = strstr(p + 1, ":  ");
	}
	return message;
}

/* Refused is refused; only what passes is tried again. */
static int
refused(struct pg_link *l, int code, int passes, const char *text, const char *hint, struct err *e)
{
	l->lost = passes;
	set_text(e, code, l->name, text);
	if (hint != NULL)
		err_hint(e, "%s", hint);
	return code;
}

int
pg_link_connect_error(struct pg_link *l, struct err *e)
{
	const char *message = l->conn ? PQerrorMessage(l->conn) : "out of memory", *hint = NULL, *text;
	size_t line;
	int code;

	text = state_in(message, l->sqlstate);
	line = strcspn(text, "\n");
	for (size_t i = 0; i < (l->sqlstate[0] ? SERVERS : REFUSALS); i++) {
		const char *at = strstr(text, refusals[i].words);

		if (at != NULL && (size_t)(at - text) < line)
			return refused(l, refusals[i].code, refusals[i].passes, text, refusals[i].hint, e);
	}
	if (l->sqlstate[0] != '\0') {
		code = code_of(l->sqlstate, &hint);
		/* What a server or a pooler has against us before there is a connection is not our bug. */
		if (code == C1V_BUG)
			code = C1V_UNAVAILABLE;
		return refused(l, code, code == C1V_AGAIN, text, hint, e);
	}
	if (l->conn != NULL && PQconnectionNeedsPassword(l->conn))
		return refused(l, C1V_CREDENTIALS, 0, "a password is wanted", PASSWORD_HINT, e);
	return refused(l, C1V_UNAVAILABLE, 1, text, NULL, e);
}

int
pg_link_error(struct pg_link *l, const PGresult *r, const char *what, struct err *e)
{
	const char *message;

	if (r != NULL && PQresultErrorField(r, PG_DIAG_SQLSTATE) != NULL)
		return from_result(l, r, what, e);
	l->sqlstate[0] = '\0';
	l->lost = l->conn == NULL || PQstatus(l->conn) != CONNECTION_OK;
	message = l->conn ? PQerrorMessage(l->conn) : "";
	set_text(e, l->lost ? C1V_AGAIN : C1V_PROTOCOL, what, *message ? message : "the connection was lost");
	return e->code;
}

const char *
pg_link_sqlstate(const struct pg_link *l)
{
	return l->sqlstate;
}

/* url: from what --store says to libpq's settings. See wire.h. */
#include "store/pg/wire.h"

#include <stdlib.h>

/* --- lists ------------------------------------------------------------------ */

void
wire_free(char **list)
{
	for (size_t i = 0; list != NULL && list[i] != NULL; i++)
		free(list[i]);
	free(list);
}

char **
wire_copy(char **list)
{
	size_t n = 0;
	char **copy;

	while (list[n] != NULL)
		n++;
	copy = mem_zero(n + 1, sizeof(*copy));
	for (size_t i = 0; i < n; i++)
		copy[i] = mem_string(list[i]);
	return copy;
}

const char *
wire_setting(const struct pg_link *l, const char *keyword)
{
	for (size_t i = 0; l->keywords[i] != NULL; i++)
		if (strcmp(l->keywords[i], keyword) == 0)
			return l->values[i];
	return NULL;
}

static void
add(struct pg_link *l, size_t *n, const char *keyword, const char *value)
{
	l->keywords[*n] = mem_string(keyword);
	l->values[(*n)++] = mem_string(value);
}

/* --- ours -------------------------------------------------------------------- */

/* A peer that vanishes without a word (a laptop that sleeps, a firewall that forgets)
 * is noticed within a minute or so, rather than after two hours. */
static const struct { const char *keyword, *value; } habits[] = {
	{"keepalives_idle", "30"},
	{"keepalives_interval", "10"},
	{"keepalives_count", "3"},
	{"tcp_user_timeout", "60000"},
};

enum { HABITS = sizeof(habits) / sizeof(*habits) };

/* What we want beside what the URL says; the URL goes first. */
static void
add_own(struct pg_link *l, size_t n)
{
	const char *tool = l->o->log != NULL && l->o->log->tool != NULL ? l->o->log->tool : "c1v";

	add(l, &n, "client_encoding", "UTF8");
	if (wire_setting(l, "application_name") == NULL)
		add(l, &n, "application_name", tool);
	for (size_t i = 0; i < HABITS; i++)
		if (wire_setting(l, habits[i].keyword) == NULL)
			add(l, &n, habits[i].keyword, habits[i].value);
}

/* --- the URL ------------------------------------------------------------------ */

/* An unquoted / or @ in a password moves the rest of it into the host, the port or
 * the database, and from there into messages. */
static int
is_torn(const struct pg_link *l, int is_uri)
{
	const char *host = wire_setting(l, "host"), *port = wire_setting(l, "port"), *db = wire_setting(l, "dbname");

	return (host != NULL && host[0] != '/' && strchr(host, '@') != NULL) ||
	    (port != NULL && port[strspn(port, "0123456789,")] != '\0') ||
	    (is_uri && db != NULL && strchr(db, '@') != NULL);
}

static int
is_uri_of(const char *url)
{
	return strncmp(url, "postgres://", 11) == 0 || strncmp(url, "postgresql://", 13) == 0;
}

int
wire_settings(struct pg_link *l, const char *url, struct err *e)
{
	int is_uri = is_uri_of(url);
	/* postgres:host=… dbname=… */
	const char *info = is_uri || strchr(url, ':') == NULL ? url : strchr(url, ':') + 1;
	char *message = NULL;
	PQconninfoOption *options = PQconninfoParse(info, &message);
	size_t n = 0, count = 0;

	if (options == NULL) {
		/* libpq's own message may repeat the URL, and with it a password. */
		PQfreemem(message);
		err_set(e, C1V_CONFIG, "store: the PostgreSQL URL is not one that libpq understands");
		return err_hint(e, "as in postgres://user@host:5432/database?sslmode=verify-full");
	}
	while (options[count].keyword != NULL)
		count++;
	l->keywords = mem_zero(count + HABITS + 3, sizeof(*l->keywords));
	l->values = mem_zero(count + HABITS + 3, sizeof(*l->values));
	for (size_t i = 0; i < count; i++)
		if (options[i].val != NULL && strcmp(options[i].keyword, "client_encoding") != 0)
			add(l, &n, options[i].keyword, options[i].val);
	PQconninfoFree(options);
	add_own(l, n);
	if (!is_torn(l, is_uri))
		return 0;
	err_set(e, C1V_CONFIG, "store: the PostgreSQL URL has an @, a / or a : where none can be");
	return err_hint(e, "in a user or a password they are written as %%40, %%2F and %%3A");
}

char *
wire_name(const char *host, const char *port, const char *database)
{
	struct buf b = {0};
	char *name;

	host = host ? host : "";
	port = port && *port ? port : "5432";
	database = database ? database : "";
	if (host[0] == '/')
		buf_format(&b, "postgres:///%s?host=%s&port=%s", database, host, port);
	else if (strchr(host, ':') != NULL)
		buf_format(&b, "postgres://[%s]:%s/%s", host, port, database);
	else
		buf_format(&b, "postgres://%s:%s/%s", host, port, database);
	name = mem_string(buf_cstr(&b));
	buf_free(&b);
	return name;
}

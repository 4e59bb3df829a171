#include "store/pg/search_sql.h"

static int
send_both(struct pg_link *l, const char *settings, const char *sql, const struct pg_params *p, int binary,
    struct err *e)
{
	if (PQenterPipelineMode(l->conn) &&
	    PQsendQueryParams(l->conn, settings, 0, NULL, NULL, NULL, NULL, 0) &&
	    PQsendQueryParams(l->conn, sql, p->count, p->types, p->values, p->lengths, p->formats, binary) &&
	    PQpipelineSync(l->conn))
		return 0;
	pg_link_error(l, NULL, l->name, e);
	/* Half a pipeline cannot be taken back. */
	pg_link_drop(l);
	l->lost = 1;
	return e->code;
}

/* The second result is the statement's; the end is where the server is in step again. */
static int
take_both(struct pg_link *l, PGresult **out, struct err *e)
{
	int stopped = 0, synced = 0, rc = 0, at = 0;

	while (!synced && PQstatus(l->conn) == CONNECTION_OK) {
		PGresult *r = pg_link_next(l, &stopped);
		ExecStatusType status = r ? PQresultStatus(r) : PGRES_EMPTY_QUERY;

		if (status == PGRES_PIPELINE_SYNC) {
			synced = 1;
		} else if (r == NULL) {
			at++;
		} else if (status != PGRES_TUPLES_OK && status != PGRES_PIPELINE_ABORTED && rc == 0) {
			rc = pg_link_error(l, r, l->name, e);
			if (stopped)
				rc = err_set(e, C1V_AGAIN, "%s: interrupted", l->name);
		} else if (status == PGRES_TUPLES_OK && at == 1 && *out == NULL) {
			*out = r;
			continue;
		}
		PQclear(r);
	}
	if (rc == 0 && (!synced || *out == NULL))
		rc = pg_link_error(l, NULL, l->name, e);
	if (synced)
		PQexitPipelineMode(l->conn);
	return rc;
}

int
pg_link_once(struct pg_link *l, const char *settings, const char *sql, const struct pg_params *p, int binary,
    PGresult **out, struct err *e)
{
	struct buf b = {0};
	double limit = l->o->statement_timeout > 0 ? l->o->statement_timeout : -1;
	int rc = pg_link_settings(l, limit, &b, e);

	*out = NULL;
	buf_string(&b, ", set_config('transaction_read_only', 'on', true)");
	buf_string(&b, settings);
	if (rc == 0 && (l->conn == NULL || PQstatus(l->conn) != CONNECTION_OK))
		rc = pg_link_again(l, e);
	l->limit = limit;
	if (rc == 0)
		rc = send_both(l, buf_cstr(&b), sql, p, binary, e);
	if (rc == 0)
		rc = take_both(l, out, e);
	l->limit = 0;
	if (rc != 0) {
		PQclear(*out);
		*out = NULL;
	}
	buf_free(&b);
	return rc;
}

void
pg_param_floats(struct pg_params *p, const float *v, size_t dims)
{
	size_t n = 4 + dims * 4;
	unsigned char *b = arena_alloc(&p->arena, n), *at = b + 4;

	b[0] = (unsigned char)(dims >> 8);
	b[1] = (unsigned char)dims;
	b[2] = b[3] = 0;
	for (size_t i = 0; i < dims; i++) {
		union { float value; uint32_t bits; } u = {.value = v[i]};

		for (int shift = 24; shift >= 0; shift -= 8)
			*at++ = (unsigned char)(u.bits >> shift);
	}
	p->values[p->count] = (const char *)b;
	p->lengths[p->count] = (int)n;
	p->formats[p->count] = 1;
	p->types[p->count++] = 0; /* as the statement casts it */
}

#include "store/pg/steps.h"

#include <stdio.h>
#include <stdlib.h>

#include "gen/migrations.h"

/* Element 0 is no version: it is run before the others, each time. */
_Static_assert(sizeof(pg_migration_files) / sizeof(*pg_migration_files) == PG_STEPS + 1, "share/migrations");

const char *
pg_step_name(int version)
{
	return pg_migration_files[version].name;
}

const char *
pg_step_sql(int version)
{
	return pg_migration_files[version].sql;
}

void
pg_step_checksum(int version, char out[2 * SHA_SIZE + 1])
{
	uint8_t sum[SHA_SIZE];

	sha_of(slice_of(pg_migration_files[version].sql), sum);
	sha_hex(sum, out);
}

void
pg_step_add(const struct pg_plan *p, int version, struct buf *out)
{
	static const char note[] =
	    "\nINSERT INTO {schema}.c1v_migration (collection, version, name, checksum)\n"
	    "VALUES ({collection}, %d, '%s', '%s')\nON CONFLICT DO NOTHING;\n"
	    "UPDATE {schema}.c1v_collection SET version = greatest(version, %d) WHERE name = {collection};\n";
	char sum[2 * SHA_SIZE + 1], text[sizeof(note) + sizeof(sum) + 80];

	pg_plan_fill(p, pg_step_sql(version), out);
	if (version == 0)
		return;
	pg_step_checksum(version, sum);
	snprintf(text, sizeof(text), note, version, pg_step_name(version), sum, version);
	pg_plan_fill(p, text, out);
}

/* --- what has been applied ------------------------------------------------------ */

int
pg_applied_read(struct pg_store *s, struct pg_applied *out, struct err *e)
{
	static const char sql[] =
	    "SELECT version, name, checksum, to_char(applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
	    " FROM {schema}.c1v_migration WHERE collection = {collection} ORDER BY version";
	int rc;

	*out = (struct pg_applied){0};
	if (!s->table.adopted)
		return 0;
	rc = pg_link_query(&s->link, pg_sql(s, sql), NULL, 0, &out->rows, e);
	if (rc == 0)
		out->count = PQntuples(out->rows);
	return rc;
}

/* The row of a version, -1 when it was not applied. */
int
pg_applied_row(const struct pg_applied *a, int version)
{
	for (int i = 0; i < a->count; i++) {
		if (atoi(PQgetvalue(a->rows, i, 0)) == version)
			return i;
	}
	return -1;
}

const char *
pg_applied_state(const struct pg_applied *a, int version)
{
	char sum[2 * SHA_SIZE + 1];
	int row = pg_applied_row(a, version);

	if (version > PG_STEPS)
		return "unknown";
	if (row < 0)
		return "due";
	pg_step_checksum(version, sum);
	return strcmp(PQgetvalue(a->rows, row, 2), sum) == 0 ? "applied" : "changed";
}

/* A schema that another version of c1v made, or whose files were changed, is not touched. */
int
pg_applied_check(struct pg_store *s, const struct pg_applied *a, struct err *e)
{
	for (int i = 0; i < a->count; i++) {
		int version = atoi(PQgetvalue(a->rows, i, 0));
		const char *state = pg_applied_state(a, version);
		if (strcmp(state, "changed") == 0) {
			err_set(e, C1V_CONFIG, "collection %s: migration %03d_%s is not the one that was applied",
			    s->base.collection, version, PQgetvalue(a->rows, i, 1));
			return err_hint(e, "its checksum differs: c1v-store migrations shows both; "
			    "a migration is never changed, a new one is added");
		}
		if (strcmp(state, "unknown") == 0) {
			err_set(e, C1V_CONFIG, "collection %s: has migration %03d_%s, which this c1v does not know",
			    s->base.collection, version, PQgetvalue(a->rows, i, 1));
			return err_hint(e, "a newer c1v made it: use that one");
		}
	}
	return 0;
}

/* Every statement that people wait for is timed, and told of in the log. */
#include "store/pg/pg.h"

#include "base/clock.h"
#include "base/json.h"

static const double SLOW_MS = 100;

void
pg_watch(struct pg_store *s, const char *name, enum pg_watched size, int64_t started, int64_t rows,
    const struct err *failed)
{
	double ms = (double)(clock_mono_ns() - started) / 1e6;
	struct log *l = s->base.log;
	struct buf b = {0};

	if (l == NULL)
		return;
	json_add_key(&b, "queryName");
	json_add_string(&b, slice_of(name));
	buf_format(&b, ",\"duration\":%.3f", ms);
	if (failed != NULL) {
		buf_string(&b, ",\"sqlstate\":");
		json_add_string(&b, slice_of(pg_link_sqlstate(&s->link)));
		buf_string(&b, ",\"error\":");
		json_add_string(&b, slice_of(failed->text));
		log_event(l, LOG_ERROR, "db_query_error", buf_cstr(&b), "Database query failed");
	} else {
		buf_format(&b, ",\"rows\":%lld", (long long)rows);
		log_event(l, LOG_INFO, "db_query", buf_cstr(&b), "Database query executed");
		if (size == PG_QUERY && ms > SLOW_MS)
			log_event(l, LOG_WARN, "slow_db_query", buf_cstr(&b), "Slow database query detected");
	}
	buf_free(&b);
}

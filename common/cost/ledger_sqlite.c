#include "cost/ledger_sqlite.h"

#include <stdlib.h>

#include "gen/sql.h"
#include "net/url.h"

enum { APPLICATION = 0x6331764c, VERSION_KNOWN = 1 }; /* "c1vL" */

/* $XDG_STATE_HOME/c1v/ledger.db */
static int
default_path(struct buf *b, struct err *e)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (state != NULL && state[0] == '/') {
		buf_string(b, state);
	} else if (home != NULL && home[0] != '\0') {
		buf_string(b, home);
		buf_string(b, "/.local/state");
	} else {
		err_set(e, C1V_CONFIG, "ledger: HOME is not set, so there is no default place");
		return err_hint(e, "name one with --ledger sqlite:PATH");
	}
	buf_string(b, "/c1v/ledger.db");
	return 0;
}

static int
find_path(const char *url, struct buf *path, struct err *e)
{
	if (url == NULL || *url == '\0')
		return default_path(path, e);
	if (url_scheme(url) > 0)
		url += strncmp(url + 6, ":///", 4) == 0 ? 9 : 7;
	buf_string(path, url);
	return 0;
}

static int
sqlite_ledger_open(const char *url, const struct ledger_options *how, struct ledger **out, struct err *e)
{
	struct sqlite_ledger *l = mem_zero(1, sizeof(*l));
	struct buf path = {0}, name = {0};
	int rc = find_path(url, &path, e);
	struct db_options o = {
		.what = "ledger",
		.application_id = APPLICATION,
		.version = VERSION_KNOWN,
		.schema = sql_ledger,
		.mode = how->mode == LEDGER_WRITE ? DB_WRITE : DB_READ,
		.sync = DB_SYNC_FULL,
		.page_size = 4096,
		.cache = 8192,
		.wait = how->wait,
		.stop = how->stop,
	};

	if (rc == 0) {
		o.path = buf_cstr(&path);
		rc = db_open(&l->db, &o, e);
	}
	if (rc == 0) {
		buf_format(&name, "sqlite:%s", buf_cstr(&path));
		l->base.name = mem_string(buf_cstr(&name));
		*out = &l->base;
	} else {
		free(l);
	}
	buf_free(&name);
	buf_free(&path);
	return rc;
}

static void
sqlite_ledger_close(struct ledger *base)
{
	struct sqlite_ledger *l = (struct sqlite_ledger *)base;
	struct err ignored;

	for (size_t i = 0; i < LEDGER_STATEMENTS; i++)
		sqlite3_finalize(l->statements[i]);
	/* What is committed is safe in the WAL as well. */
	if (l->db.committed)
		db_checkpoint(&l->db, &ignored);
	db_close(&l->db);
	arena_free(&l->names);
	free(l->texts);
	free(l);
}

/* --- names -------------------------------------------------------------------- */

static sqlite3_stmt *
statement(struct sqlite_ledger *l, enum ledger_statement which, struct err *e)
{
	static const char *const sql[LEDGER_STATEMENTS] = {
		[FIND_NAME] = "SELECT id FROM name WHERE text = ?1",
		[ADD_NAME] = "INSERT INTO name (text) VALUES (?1) RETURNING id",
		[ADD_USAGE] = "INSERT INTO usage (time, model, user, project, tool, input, cached, write, write_1h,"
		    " output, searches, batch, cost, saved, priced_as, price_from, price_list, request)"
		    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)"
		    " ON CONFLICT DO NOTHING",
		[ADD_SUM] = "INSERT INTO day (day, model, user, project, tool, calls, unknown, input, cached,"
		    " output, cost, saved) VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7, ?8, ?9, ?10, ?11)"
		    " ON CONFLICT DO UPDATE SET calls = calls + 1, unknown = unknown + ?6, input = input + ?7,"
		    " cached = cached + ?8, output = output + ?9, cost = cost + ?10, saved = saved + ?11",
	};

	if (l->statements[which] == NULL)
		db_prepare(&l->db, sql[which], &l->statements[which], e);
	return l->statements[which];
}

int
sqlite_ledger_id(struct sqlite_ledger *l, struct slice text, int make, int64_t *id, struct err *e)
{
	sqlite3_stmt *st = NULL;
	int rc = 0;

	*id = 0;
	if (text.p == NULL)
		return 0;
	for (enum ledger_statement which = FIND_NAME; which <= ADD_NAME && rc == 0; which++) {
		if (which == ADD_NAME && !make)
			break;
		st = statement(l, which, e);
		if (st == NULL)
			return e->code;
		db_bind_text(st, 1, text);
		rc = db_step(&l->db, st, e);
	}
	if (rc < 0)
		return e->code;
	*id = rc > 0 ? sqlite3_column_int64(st, 0) : -1;
	sqlite3_reset(st);
	return 0;
}

int
sqlite_ledger_text(struct sqlite_ledger *l, int64_t id, struct slice *out, struct err *e)
{
	sqlite3_stmt *st;
	size_t had = l->text_room;
	int rc;

	*out = SLICE_NONE;
	if (id <= 0)
		return 0;
	if (id > INT32_MAX)
		return err_set(e, C1V_DATA, "%s: damaged: a name that is not there", l->base.name);
	mem_grow(&l->texts, &l->text_room, (size_t)id + 1, sizeof(*l->texts));
	if (l->text_room > had)
		memset(l->texts + had, 0, (l->text_room - had) * sizeof(*l->texts));
	*out = l->texts[id];
	if (out->p != NULL)
		return 0;
	rc = db_prepare(&l->db, "SELECT text FROM name WHERE id = ?1", &st, e);
	if (rc != 0)
		return rc;
	sqlite3_bind_int64(st, 1, id);
	rc = db_step(&l->db, st, e);
	if (rc > 0) {
		struct slice t = db_text(st, 0);
		*out = (struct slice){arena_bytes(&l->names, t.p, t.n), t.n};
		l->texts[id] = *out;
	} else if (rc == 0) {
		err_set(e, C1V_DATA, "%s: damaged: a name that is not there", l->base.name);
	}
	sqlite3_finalize(st);
	return rc > 0 ? 0 : e->code;
}

/* --- entering ------------------------------------------------------------------ */

static int
sqlite_ledger_begin(struct ledger *l, struct err *e)
{
	return db_begin(&((struct sqlite_ledger *)l)->db, e);
}

static int
sqlite_ledger_commit(struct ledger *l, struct err *e)
{
	return db_commit(&((struct sqlite_ledger *)l)->db, e);
}

static void
sqlite_ledger_rollback(struct ledger *l)
{
	db_rollback(&((struct sqlite_ledger *)l)->db);
}

enum { MODEL, USER, PROJECT, TOOL, PRICED_AS, PRICE_LIST, NAMES };

static int
find_names(struct sqlite_ledger *l, const struct ledger_row *row, int64_t ids[NAMES], struct err *e)
{
	const struct usage *u = row->usage;
	const struct price *p = row->price;
	const struct slice texts[NAMES] = {
		[MODEL] = u->model, [USER] = u->user, [PROJECT] = u->project, [TOOL] = u->tool,
		[PRICED_AS] = slice_of(p ? p->model : NULL), [PRICE_LIST] = slice_of(p ? p->version : NULL),
	};

	for (int i = 0; i < NAMES; i++)
		if (sqlite_ledger_id(l, texts[i], 1, &ids[i], e) != 0)
			return e->code;
	return 0;
}

static int
add_usage(struct sqlite_ledger *l, const struct ledger_row *row, const int64_t ids[NAMES], struct err *e)
{
	const struct usage *u = row->usage;
	const int64_t values[] = {row->time, ids[MODEL], ids[USER], ids[PROJECT], ids[TOOL], u->input,
	    u->cached, u->write, u->write_1h, u->output, u->searches, u->batch};
	const int count = sizeof(values) / sizeof(*values);
	sqlite3_stmt *st = statement(l, ADD_USAGE, e);

	if (st == NULL)
		return e->code;
	for (int i = 0; i < count; i++)
		sqlite3_bind_int64(st, i + 1, values[i]);
	if (row->cost == LEDGER_UNKNOWN)
		sqlite3_bind_null(st, count + 1);
	else
		sqlite3_bind_int64(st, count + 1, row->cost);
	sqlite3_bind_int64(st, count + 2, row->saved);
	sqlite3_bind_int64(st, count + 3, ids[PRICED_AS]);
	db_bind_text(st, count + 4, slice_of(row->price ? row->price->from : ""));
	sqlite3_bind_int64(st, count + 5, ids[PRICE_LIST]);
	db_bind_text(st, count + 6, u->request_id);
	return db_run(&l->db, st, e);
}

static int
add_sum(struct sqlite_ledger *l, const struct ledger_row *row, const int64_t ids[NAMES], struct err *e)
{
	const struct usage *u = row->usage;
	int unknown = row->cost == LEDGER_UNKNOWN;
	const int64_t values[] = {ledger_day(row->time, 0), ids[MODEL], ids[USER], ids[PROJECT], ids[TOOL], unknown,
	    usage_input(u), u->cached, u->output, unknown ? 0 : row->cost, row->saved};
	sqlite3_stmt *st = statement(l, ADD_SUM, e);

	if (st == NULL)
		return e->code;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		sqlite3_bind_int64(st, (int)i + 1, values[i]);
	return db_run(&l->db, st, e);
}

static int
sqlite_ledger_add(struct ledger *base, const struct ledger_row *row, int *fresh, struct err *e)
{
	struct sqlite_ledger *l = (struct sqlite_ledger *)base;
	int64_t ids[NAMES];
	int rc = find_names(l, row, ids, e);

	if (rc == 0)
		rc = add_usage(l, row, ids, e);
	if (rc != 0)
		return rc;
	*fresh = sqlite3_changes(l->db.handle) > 0;
	return *fresh ? add_sum(l, row, ids, e) : 0;
}

/* --- reading -------------------------------------------------------------------- */

static int
sqlite_ledger_read_begin(struct ledger *l, struct err *e)
{
	return db_read_begin(&((struct sqlite_ledger *)l)->db, e);
}

static void
sqlite_ledger_read_end(struct ledger *l)
{
	db_read_end(&((struct sqlite_ledger *)l)->db);
}

static int
find_id(struct ledger *l, struct slice text, int64_t *id, struct err *e)
{
	return sqlite_ledger_id((struct sqlite_ledger *)l, text, 0, id, e);
}

static int
find_text(struct ledger *l, int64_t id, struct slice *out, struct err *e)
{
	return sqlite_ledger_text((struct sqlite_ledger *)l, id, out, e);
}

#define ROWS                                                                                        \
	"SELECT time, model, user, project, tool, 1, cost IS NULL, input + cached + write + write_1h,"     \
	" cached, output, coalesce(cost, 0), saved FROM usage"
#define OF_TIME                                                                                     \
	" WHERE time >= ?1 AND time < ?2 AND (?4 = 0"                                                      \
	" OR (time % 86400000 + 86400000) % 86400000 NOT BETWEEN ?3 AND ?4 - 1)"

static int
sqlite_ledger_read(struct ledger *base, struct report *r, const struct ledger_query *q, int days, struct err *e)
{
	static const char *const sql[] = {
		/* Of all rows the table is read in its own order: much faster than by the index. */
		ROWS " NOT INDEXED" OF_TIME,
		"SELECT day, model, user, project, tool, calls, unknown, input, cached, output, cost, saved"
		" FROM day WHERE day >= ?1 AND day < ?2",
		ROWS OF_TIME,
	};
	struct sqlite_ledger *l = (struct sqlite_ledger *)base;
	int64_t unit = days ? MS_OF_DAY : 1, from, to;
	struct ledger_part part;
	sqlite3_stmt *st;
	int rc = db_prepare(&l->db, sql[days ? 1 : q->since > 0 ? 2 : 0], &st, e);

	if (rc != 0)
		return rc;
	sqlite3_bind_int64(st, 1, q->since / unit);
	sqlite3_bind_int64(st, 2, q->until == INT64_MAX ? INT64_MAX : q->until / unit);
	report_still(r, &from, &to);
	if (!days) {
		sqlite3_bind_int64(st, 3, from);
		sqlite3_bind_int64(st, 4, to);
	}
	while ((rc = db_step(&l->db, st, e)) > 0) {
		for (int i = 0; i < PART_KEYS; i++)
			part.keys[i] = sqlite3_column_int64(st, i);
		for (int i = 0; i < PART_SUMS; i++)
			part.sums[i] = sqlite3_column_int64(st, PART_KEYS + i);
		if (report_take(r, &part, e) != 0) {
			rc = -1;
			break;
		}
	}
	sqlite3_finalize(st);
	return rc < 0 ? e->code : 0;
}

const struct ledger_driver ledger_sqlite = {
	.batch = 10000, .one_moment = 1, .open = sqlite_ledger_open, .close = sqlite_ledger_close, .begin = sqlite_ledger_begin,
	.add = sqlite_ledger_add, .commit = sqlite_ledger_commit, .rollback = sqlite_ledger_rollback,
	.read_begin = sqlite_ledger_read_begin, .read_end = sqlite_ledger_read_end, .read = sqlite_ledger_read,
	.id = find_id, .text = find_text, .budget_set = sqlite_budget_set, .budget_each = sqlite_budget_each,
	.budget_check = sqlite_budget_check, .budget_reserve = sqlite_budget_reserve,
	.budget_release = sqlite_budget_release, .budget_settle = sqlite_budget_settle,
	.budget_lower = sqlite_budget_lower,
};

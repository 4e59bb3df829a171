#include "cost/ledger_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "cost/money.h"

static const char *const per_names[] = {"day", "week", "month", "total"};

int
budget_set(struct ledger *l, const struct budget *b, struct err *e)
{
	int64_t user, project;
	sqlite3_stmt *st = NULL;
	int rc = db_begin(&l->db, e);

	if (rc != 0)
		return rc;
	rc = ledger_id(l, b->user, 1, &user, e);
	if (rc == 0)
		rc = ledger_id(l, b->project, 1, &project, e);
	if (rc == 0)
		rc = db_prepare(&l->db, b->amount < 0
		    ? "DELETE FROM budget WHERE per = ?1 AND user = ?2 AND project = ?3"
		    : "INSERT INTO budget (per, user, project, amount) VALUES (?1, ?2, ?3, ?4)"
		      " ON CONFLICT DO UPDATE SET amount = ?4", &st, e);
	if (rc == 0) {
		db_bind_text(st, 1, slice_of(per_names[b->per]));
		sqlite3_bind_int64(st, 2, user);
		sqlite3_bind_int64(st, 3, project);
		if (b->amount >= 0)
			sqlite3_bind_int64(st, 4, b->amount);
		rc = db_run(&l->db, st, e);
	}
	if (rc == 0 && b->amount < 0 && sqlite3_changes(l->db.handle) == 0)
		rc = err_set(e, C1V_NO, "there is no such budget");
	sqlite3_finalize(st);
	if (rc == 0)
		return db_commit(&l->db, e);
	db_rollback(&l->db);
	return rc;
}

/* --- what is spent ------------------------------------------------------------- */

/* A sum over rows of a user and project (0: all) with two bounds. */
static int
sum(struct ledger *l, const char *sql, int64_t user, int64_t project, int64_t from, int64_t to,
    int64_t *out, struct err *e)
{
	sqlite3_stmt *st;
	int rc = db_prepare(&l->db, sql, &st, e);

	if (rc != 0)
		return rc;
	sqlite3_bind_int64(st, 1, user);
	sqlite3_bind_int64(st, 2, project);
	sqlite3_bind_int64(st, 3, from);
	sqlite3_bind_int64(st, 4, to);
	rc = db_step(&l->db, st, e);
	if (rc > 0)
		*out += sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return rc < 0 ? e->code : 0;
}

#define OF_USER_AND_PROJECT " WHERE (?1 = 0 OR user = ?1) AND (?2 = 0 OR project = ?2)"

/* Whole days of UTC by their sums, what is left at the edges by its rows. */
static int
spent_between(struct ledger *l, int64_t user, int64_t project, int64_t from, int64_t to, int64_t *out,
    struct err *e)
{
	static const char days[] = "SELECT sum(cost) FROM day" OF_USER_AND_PROJECT " AND day >= ?3 AND day < ?4";
	static const char rows[] = "SELECT sum(cost) FROM usage" OF_USER_AND_PROJECT " AND time >= ?3 AND time < ?4";
	int64_t first = ledger_day(from + MS_OF_DAY - 1, 0), last = ledger_day(to, 0);
	int rc;

	*out = 0;
	if (first >= last)
		return sum(l, rows, user, project, from, to, out, e);
	rc = sum(l, rows, user, project, from, first * MS_OF_DAY, out, e);
	if (rc == 0)
		rc = sum(l, days, user, project, first, last, out, e);
	return rc ? rc : sum(l, rows, user, project, last * MS_OF_DAY, to, out, e);
}

static int
reserved_now(struct ledger *l, int64_t user, int64_t project, int64_t now, int64_t *out, struct err *e)
{
	*out = 0;
	return sum(l, "SELECT sum(amount) FROM reservation" OF_USER_AND_PROJECT " AND expires > ?3 AND ?4 = 0",
	    user, project, now, 0, out, e);
}

/* Fill spent, reserved and period. */
static int
measure(struct ledger *l, struct budget *b, int64_t user, int64_t project, int64_t now, int local,
    struct err *e)
{
	int64_t day = ledger_day(now, local), from = 0, to = INT64_MAX / 2;
	int rc;

	if (b->per != PER_TOTAL) {
		from = ledger_day_start(period_first(day, b->per), local);
		to = ledger_day_start(period_next(day, b->per), local);
	}
	period_name(period_first(day, b->per), b->per, b->period);
	rc = spent_between(l, user, project, from, to, &b->spent, e);
	return rc ? rc : reserved_now(l, user, project, now, &b->reserved, e);
}

/* --- each budget ---------------------------------------------------------------- */

struct row { struct budget b; int64_t user, project; };

static int
read_row(struct ledger *l, sqlite3_stmt *st, struct row *r, struct err *e)
{
	struct slice per = db_text(st, 0);

	memset(r, 0, sizeof(*r));
	while (r->b.per < PER_TOTAL && !slice_is(per, per_names[r->b.per]))
		r->b.per++;
	r->user = sqlite3_column_int64(st, 1);
	r->project = sqlite3_column_int64(st, 2);
	r->b.amount = sqlite3_column_int64(st, 3);
	if (ledger_text(l, r->user, &r->b.user, e) != 0 || ledger_text(l, r->project, &r->b.project, e) != 0)
		return e->code;
	return 0;
}

/* All budgets, as rows that the caller frees: there are few. */
static int
read_budgets(struct ledger *l, struct row **rows, size_t *count, struct err *e)
{
	size_t room = 0;
	sqlite3_stmt *st;
	int rc = db_prepare(&l->db, "SELECT per, user, project, amount FROM budget"
	    " ORDER BY instr('day week month total', per), user, project", &st, e);

	*rows = NULL;
	*count = 0;
	if (rc != 0)
		return rc;
	while ((rc = db_step(&l->db, st, e)) > 0) {
		mem_grow(rows, &room, *count + 1, sizeof(**rows));
		if (read_row(l, st, &(*rows)[(*count)++], e) != 0) {
			rc = -1;
			break;
		}
	}
	sqlite3_finalize(st);
	return rc < 0 ? e->code : 0;
}

int
budget_each(struct ledger *l, int64_t now, int local, budget_fn *fn, void *arg, struct err *e)
{
	struct row *rows = NULL;
	size_t count = 0;
	int rc = db_read_begin(&l->db, e);

	if (rc != 0)
		return rc;
	rc = read_budgets(l, &rows, &count, e);
	for (size_t i = 0; i < count && rc == 0; i++) {
		rc = measure(l, &rows[i].b, rows[i].user, rows[i].project, now, local, e);
		if (rc == 0)
			rc = fn(arg, &rows[i].b, e);
	}
	db_read_end(&l->db);
	free(rows);
	return rc;
}

/* --- the gate -------------------------------------------------------------------- */

static int
refuse(const struct budget *b, int64_t amount, struct err *e)
{
	struct buf text = {0};

	money_add(&text, amount);
	buf_string(&text, " does not fit into the budget of ");
	money_add(&text, b->amount);
	buf_format(&text, " dollars%s%s", b->per == PER_TOTAL ? " in all" : " for ", b->period);
	if (b->user.p != NULL)
		buf_format(&text, ", user %.*s", (int)b->user.n, b->user.p);
	if (b->project.p != NULL)
		buf_format(&text, ", project %.*s", (int)b->project.n, b->project.p);
	buf_string(&text, ": spent ");
	money_add(&text, b->spent);
	buf_string(&text, ", reserved ");
	money_add(&text, b->reserved);
	err_set(e, C1V_NO, "%s", buf_cstr(&text));
	buf_free(&text);
	return C1V_NO;
}

/* Within a transaction. A budget of a user or project that has none of this spending does not count. */
static int
fits(struct ledger *l, const struct spend *s, int64_t user, int64_t project, struct err *e)
{
	struct row *rows;
	size_t count;
	int rc = read_budgets(l, &rows, &count, e);

	for (size_t i = 0; i < count && rc == 0; i++) {
		struct row *r = &rows[i];
		__int128 sum;

		if ((r->user != 0 && r->user != user) || (r->project != 0 && r->project != project))
			continue;
		rc = measure(l, &r->b, r->user, r->project, s->now, s->local, e);
		sum = (__int128)r->b.spent + r->b.reserved + s->amount;
		if (rc == 0 && sum > r->b.amount)
			rc = refuse(&r->b, s->amount, e);
	}
	free(rows);
	return rc;
}

static int
check(struct ledger *l, const struct spend *s, int make, int64_t *user, int64_t *project, struct err *e)
{
	int rc = ledger_id(l, s->user, make, user, e);

	if (rc == 0)
		rc = ledger_id(l, s->project, make, project, e);
	return rc ? rc : fits(l, s, *user, *project, e);
}

int
budget_check(struct ledger *l, const struct spend *s, struct err *e)
{
	int64_t user, project;
	int rc = db_read_begin(&l->db, e);

	if (rc != 0)
		return rc;
	rc = check(l, s, 0, &user, &project, e);
	db_read_end(&l->db);
	return rc;
}

/* A name that nobody can guess: another's reservation is not released by mistake. */
static int
make_id(char id[40], struct err *e)
{
	unsigned char bytes[16];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return err_sys(e, C1V_IO, "reading random bytes");
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(id + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

static int
hold(struct ledger *l, const struct spend *s, double seconds, int64_t user, int64_t project,
    const char *id, struct err *e)
{
	sqlite3_stmt *st;
	int rc = db_prepare(&l->db, "DELETE FROM reservation WHERE expires <= ?1", &st, e);

	if (rc != 0)
		return rc;
	sqlite3_bind_int64(st, 1, s->now);
	rc = db_run(&l->db, st, e);
	sqlite3_finalize(st);
	if (rc == 0)
		rc = db_prepare(&l->db, "INSERT INTO reservation (id, user, project, amount, expires)"
		    " VALUES (?1, ?2, ?3, ?4, ?5)", &st, e);
	if (rc != 0)
		return rc;
	db_bind_text(st, 1, slice_of(id));
	sqlite3_bind_int64(st, 2, user);
	sqlite3_bind_int64(st, 3, project);
	sqlite3_bind_int64(st, 4, s->amount);
	sqlite3_bind_int64(st, 5, s->now + (int64_t)(seconds * 1000));
	rc = db_run(&l->db, st, e);
	sqlite3_finalize(st);
	return rc;
}

int
budget_reserve(struct ledger *l, const struct spend *s, double seconds, char id[40], struct err *e)
{
	int64_t user, project;
	int rc = make_id(id, e);

	if (rc == 0)
		rc = db_begin(&l->db, e);
	if (rc != 0)
		return rc;
	rc = check(l, s, 1, &user, &project, e);
	if (rc == 0)
		rc = hold(l, s, seconds, user, project, id, e);
	if (rc == 0)
		return db_commit(&l->db, e);
	db_rollback(&l->db);
	return rc;
}

/* Change the reservation ?1. */
static int
change(struct ledger *l, const char *sql, struct slice id, int64_t amount, int64_t expires, struct err *e)
{
	sqlite3_stmt *st;
	int rc = db_prepare(&l->db, sql, &st, e);

	if (rc != 0)
		return rc;
	db_bind_text(st, 1, id);
	if (sqlite3_bind_parameter_count(st) > 1) {
		sqlite3_bind_int64(st, 2, amount);
		sqlite3_bind_int64(st, 3, expires);
	}
	rc = db_run(&l->db, st, e);
	sqlite3_finalize(st);
	if (rc == 0 && sqlite3_changes(l->db.handle) == 0)
		rc = err_set(e, C1V_NO, "there is no reservation %.*s", id.n > 60 ? 60 : (int)id.n, id.p);
	return rc;
}

int
budget_settle(struct ledger *l, struct slice id, struct err *e)
{
	return change(l, "DELETE FROM reservation WHERE id = ?1", id, 0, 0, e);
}

int
budget_lower(struct ledger *l, struct slice id, int64_t nano, int64_t now, double seconds, struct err *e)
{
	return change(l, "UPDATE reservation SET amount = max(0, amount - ?2), expires = ?3 WHERE id = ?1",
	    id, nano, now + (int64_t)(seconds * 1000), e);
}

int
budget_release(struct ledger *l, struct slice id, struct err *e)
{
	int rc = db_begin(&l->db, e);

	if (rc != 0)
		return rc;
	rc = budget_settle(l, id, e);
	if (rc == 0)
		return db_commit(&l->db, e);
	db_rollback(&l->db);
	return rc;
}

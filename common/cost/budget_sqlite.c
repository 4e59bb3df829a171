#include "cost/ledger_sqlite.h"

#include <stdlib.h>

int
sqlite_budget_set(struct ledger *base, const struct budget *b, struct err *e)
{
	struct sqlite_ledger *l = (struct sqlite_ledger *)base;
	int64_t user, project;
	sqlite3_stmt *st = NULL;
	int rc = db_begin(&l->db, e);

	if (rc != 0)
		return rc;
	rc = sqlite_ledger_id(l, b->user, 1, &user, e);
	if (rc == 0)
		rc = sqlite_ledger_id(l, b->project, 1, &project, e);
	if (rc == 0)
		rc = db_prepare(&l->db, b->amount < 0
		    ? "DELETE FROM budget WHERE per = ?1 AND user = ?2 AND project = ?3"
		    : "INSERT INTO budget (per, user, project, amount) VALUES (?1, ?2, ?3, ?4)"
		      " ON CONFLICT DO UPDATE SET amount = ?4", &st, e);
	if (rc == 0) {
		db_bind_text(st, 1, slice_of(budget_pers[b->per]));
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
sum(struct sqlite_ledger *l, const char *sql, int64_t user, int64_t project, int64_t from, int64_t to,
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
spent_between(struct sqlite_ledger *l, int64_t user, int64_t project, int64_t from, int64_t to, int64_t *out,
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
reserved_now(struct sqlite_ledger *l, int64_t user, int64_t project, int64_t now, int64_t *out, struct err *e)
{
	*out = 0;
	return sum(l, "SELECT sum(amount) FROM reservation" OF_USER_AND_PROJECT " AND expires > ?3 AND ?4 = 0",
	    user, project, now, 0, out, e);
}

/* Fill spent, reserved and period. */
static int
measure(struct sqlite_ledger *l, struct budget *b, int64_t user, int64_t project, int64_t now, int local,
    struct err *e)
{
	int64_t from, to;
	int rc;

	period_span(now, b->per, local, &from, &to, b->period);
	rc = spent_between(l, user, project, from, to, &b->spent, e);
	return rc ? rc : reserved_now(l, user, project, now, &b->reserved, e);
}

/* --- each budget ---------------------------------------------------------------- */

struct row { struct budget b; int64_t user, project; };

static int
read_row(struct sqlite_ledger *l, sqlite3_stmt *st, struct row *r, struct err *e)
{
	struct slice per = db_text(st, 0);

	memset(r, 0, sizeof(*r));
	while (r->b.per < PER_TOTAL && !slice_is(per, budget_pers[r->b.per]))
		r->b.per++;
	r->user = sqlite3_column_int64(st, 1);
	r->project = sqlite3_column_int64(st, 2);
	r->b.amount = sqlite3_column_int64(st, 3);
	if (sqlite_ledger_text(l, r->user, &r->b.user, e) != 0 || sqlite_ledger_text(l, r->project, &r->b.project, e) != 0)
		return e->code;
	return 0;
}

/* All budgets, as rows that the caller frees: there are few. */
static int
read_budgets(struct sqlite_ledger *l, struct row **rows, size_t *count, struct err *e)
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
sqlite_budget_each(struct ledger *base, int64_t now, int local, budget_fn *fn, void *arg, struct err *e)
{
	struct sqlite_ledger *l = (struct sqlite_ledger *)base;
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

/* Within a transaction. A budget of a user or project that has none of this spending does not count. */
static int
fits(struct sqlite_ledger *l, const struct spend *s, int64_t user, int64_t project, struct err *e)
{
	struct row *rows;
	size_t count;
	int rc = read_budgets(l, &rows, &count, e);

	for (size_t i = 0; i < count && rc == 0; i++) {
		struct row *r = &rows[i];

		if ((r->user != 0 && r->user != user) || (r->project != 0 && r->project != project))
			continue;
		rc = measure(l, &r->b, r->user, r->project, s->now, s->local, e);
		if (rc == 0 && budget_exceeded(&r->b, s->amount))
			rc = budget_refuse(&r->b, s->amount, e);
	}
	free(rows);
	return rc;
}

static int
check(struct sqlite_ledger *l, const struct spend *s, int make, int64_t *user, int64_t *project, struct err *e)
{
	int rc = sqlite_ledger_id(l, s->user, make, user, e);

	if (rc == 0)
		rc = sqlite_ledger_id(l, s->project, make, project, e);
	return rc ? rc : fits(l, s, *user, *project, e);
}

int
sqlite_budget_check(struct ledger *base, const struct spend *s, struct err *e)
{
	struct sqlite_ledger *l = (struct sqlite_ledger *)base;
	int64_t user, project;
	int rc = db_read_begin(&l->db, e);

	if (rc != 0)
		return rc;
	rc = check(l, s, 0, &user, &project, e);
	db_read_end(&l->db);
	return rc;
}

static int
hold(struct sqlite_ledger *l, const struct spend *s, double seconds, int64_t user, int64_t project,
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
sqlite_budget_reserve(struct ledger *base, const struct spend *s, double seconds, const char *id, struct err *e)
{
	struct sqlite_ledger *l = (struct sqlite_ledger *)base;
	int64_t user, project;
	int rc = db_begin(&l->db, e);

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
change(struct sqlite_ledger *l, const char *sql, struct slice id, int64_t nano, int64_t expires, struct err *e)
{
	sqlite3_stmt *st;
	int rc = db_prepare(&l->db, sql, &st, e);

	if (rc != 0)
		return rc;
	db_bind_text(st, 1, id);
	if (sqlite3_bind_parameter_count(st) > 1) {
		sqlite3_bind_int64(st, 2, nano);
		sqlite3_bind_int64(st, 3, expires);
	}
	rc = db_run(&l->db, st, e);
	sqlite3_finalize(st);
	if (rc == 0 && sqlite3_changes(l->db.handle) == 0)
		rc = err_set(e, C1V_NO, "there is no reservation %.*s", id.n > 60 ? 60 : (int)id.n, id.p);
	return rc;
}

int
sqlite_budget_settle(struct ledger *l, struct slice id, struct err *e)
{
	return change((struct sqlite_ledger *)l, "DELETE FROM reservation WHERE id = ?1", id, 0, 0, e);
}

int
sqlite_budget_lower(struct ledger *l, struct slice id, int64_t nano, int64_t expires, struct err *e)
{
	return change((struct sqlite_ledger *)l, "UPDATE reservation SET amount = max(0, amount - ?2), expires = ?3"
	    " WHERE id = ?1", id, nano, expires, e);
}

int
sqlite_budget_release(struct ledger *base, struct slice id, struct err *e)
{
	struct sqlite_ledger *l = (struct sqlite_ledger *)base;
	int rc = db_begin(&l->db, e);

	if (rc != 0)
		return rc;
	rc = sqlite_budget_settle(base, id, e);
	if (rc == 0)
		return db_commit(&l->db, e);
	db_rollback(&l->db);
	return rc;
}

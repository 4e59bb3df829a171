/* The ledger: rows, sums, budgets. */
#include "test.h"

#include <stdlib.h>
#include <unistd.h>

#include "cost/ledger.h"
#include "cost/money.h"

#define DAY INT64_C(86400000)
/* 2026-11-23T00:00:00Z: 20,780 days since 1970 (56 years with 14 leap days to 2026-01-01 are 20,454, and
 * 31+28+31+30+31+30+31+31+30+31+22 = 326 more). */
#define MONDAY (INT64_C(20780) * DAY)

static char path[80];

static struct ledger *
open_ledger(void)
{
	struct ledger *l = NULL;
	struct err e = {0};

	CHECK_INT(ledger_open(path, LEDGER_WRITE, 5, NULL, &l, &e), 0);
	return l;
}

static struct ledger *
fresh_ledger(void)
{
	static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
	char name[100];

	snprintf(path, sizeof(path), "/tmp/c1v-ledger-%d.db", (int)getpid());
	for (size_t i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "%s%s", path, ends[i]);
		unlink(name);
	}
	return open_ledger();
}

static int
add(struct ledger *l, const char *model, const char *user, int64_t time, int64_t cost, const char *id)
{
	struct usage u = {.model = slice_of(model), .user = slice_of(user), .input = 10, .cached = 5, .output = 2,
	    .request_id = slice_of(id)};
	struct ledger_row row = {.usage = &u, .time = time, .cost = cost, .saved = 1};
	struct err e = {0};
	int fresh = -1;

	CHECK_INT(ledger_begin(l, &e), 0);
	CHECK_INT(ledger_add(l, &row, &fresh, &e), 0);
	CHECK_INT(ledger_commit(l, &e), 0);
	return fresh;
}

static int
note(void *arg, const struct ledger_sum *s, struct err *e)
{
	(void)e;
	buf_format(arg, "%s|%.*s|%.*s|%lld|%lld|%lld|%lld|%lld\n", s->when, (int)s->model.n, s->model.p ? s->model.p : "",
	    (int)s->user.n, s->user.p ? s->user.p : "", (long long)s->calls, (long long)s->unknown,
	    (long long)s->input, (long long)s->cost, (long long)s->saved);
	return 0;
}

static const char *
report(struct ledger *l, const struct ledger_query *q)
{
	static struct buf b;
	struct err e = {0};

	b.len = 0;
	CHECK_INT(ledger_report(l, q, note, &b, &e), 0);
	return buf_cstr(&b);
}

TEST(a_call_is_entered_once)
{
	struct ledger *l = fresh_ledger();
	struct ledger_query all = {.until = INT64_MAX};

	CHECK_INT(add(l, "m", "u", MONDAY, 100, "r1"), 1);
	CHECK_INT(add(l, "m", "u", MONDAY, 100, "r1"), 0);
	CHECK_INT(add(l, "m", "u", MONDAY, 100, NULL), 1);
	CHECK_INT(add(l, "m", "u", MONDAY, 100, NULL), 1);
	CHECK_STR(report(l, &all), "|||3|0|45|300|3\n");
	ledger_close(l);
}

TEST(groups_periods_and_what_is_not_priced)
{
	struct ledger *l = fresh_ledger();
	struct ledger_query q = {.until = INT64_MAX, .by = BY_DAY | BY_MODEL};

	add(l, "a", "u1", MONDAY - 1, 7, NULL);            /* Sunday, week 47 */
	add(l, "a", "u2", MONDAY, 5, NULL);
	add(l, "b", "u1", MONDAY + DAY - 1, LEDGER_UNKNOWN, NULL);
	add(l, "b", NULL, MONDAY + 8 * DAY, 9, NULL);      /* December 1st, week 49 */
	CHECK_STR(report(l, &q), "2026-11-22|a||1|0|15|7|1\n2026-11-23|a||1|0|15|5|1\n"
	    "2026-11-23|b||1|1|15|0|1\n2026-12-01|b||1|0|15|9|1\n");
	q.by = BY_WEEK;
	CHECK_STR(report(l, &q), "2026-W47|||1|0|15|7|1\n2026-W48|||2|1|30|5|2\n2026-W49|||1|0|15|9|1\n");
	q.by = BY_MONTH;
	CHECK_STR(report(l, &q), "2026-11|||3|1|45|12|3\n2026-12|||1|0|15|9|1\n");
	q.by = BY_USER;
	CHECK_STR(report(l, &q), "|||1|0|15|9|1\n||u1|2|1|30|7|2\n||u2|1|0|15|5|1\n");
	q.by = 0;
	q.user = SLICE("u1");
	CHECK_STR(report(l, &q), "|||2|1|30|7|2\n");
	q.user = SLICE("nobody");
	CHECK_STR(report(l, &q), "");
	q.user = SLICE_NONE;
	q.since = MONDAY;
	q.until = MONDAY + DAY;
	CHECK_STR(report(l, &q), "|||2|1|30|5|2\n");
	q.since = MONDAY + 1; /* no whole day: the rows themselves */
	CHECK_STR(report(l, &q), "|||1|1|15|0|1\n");
	ledger_close(l);
}

TEST(days_of_a_time_zone)
{
	struct ledger *l = fresh_ledger();
	struct ledger_query q = {.until = INT64_MAX, .by = BY_DAY, .local = 1};

	setenv("TZ", "EST5EDT,M3.2.0,M11.1.0", 1);
	add(l, "a", "u", MONDAY + 5 * 3600000 - 1, 1, NULL); /* 23:59:59.999 on Sunday */
	add(l, "a", "u", MONDAY + 5 * 3600000, 2, NULL);
	CHECK_STR(report(l, &q), "2026-11-22|||1|0|15|1|1\n2026-11-23|||1|0|15|2|1\n");
	unsetenv("TZ");
	ledger_close(l);
}

static int
note_budget(void *arg, const struct budget *b, struct err *e)
{
	(void)e;
	buf_format(arg, "%d|%.*s|%s|%lld|%lld|%lld\n", (int)b->per, (int)b->user.n, b->user.p ? b->user.p : "", b->period,
	    (long long)b->amount, (long long)b->spent, (long long)b->reserved);
	return 0;
}

TEST(budgets_hold)
{
	struct ledger *l = fresh_ledger();
	struct budget day = {.per = PER_DAY, .user = SLICE("u1"), .amount = 100};
	struct budget month = {.per = PER_MONTH, .amount = 150};
	struct spend s = {.user = SLICE("u1"), .amount = 60, .now = MONDAY + 1000};
	struct buf seen = {0};
	struct err e = {0};
	char id[40], other[40];

	CHECK_INT(budget_check(l, &s, &e), 0); /* no budget, no limit */
	CHECK_INT(budget_set(l, &day, &e), 0);
	CHECK_INT(budget_set(l, &month, &e), 0);
	add(l, "a", "u1", MONDAY, 30, NULL);
	add(l, "a", "u2", MONDAY - 3 * DAY, 10, NULL);
	CHECK_INT(budget_reserve(l, &s, 60, id, &e), 0);
	CHECK_INT(budget_each(l, s.now, 0, note_budget, &seen, &e), 0);
	CHECK_STR(buf_cstr(&seen), "0|u1|2026-11-23|100|30|60\n2||2026-11|150|40|60\n");
	s.amount = 10; /* 30 + 60 + 10 is all of it */
	CHECK_INT(budget_check(l, &s, &e), 0);
	s.amount = 11;
	CHECK_INT(budget_check(l, &s, &e), C1V_NO);
	CHECK(strstr(e.text, "user u1") != NULL);
	s.user = SLICE("u2"); /* 40 + 60 + 50 of the month */
	s.amount = 51;
	CHECK_INT(budget_reserve(l, &s, 60, other, &e), C1V_NO);
	s.amount = 50;
	CHECK_INT(budget_reserve(l, &s, 60, other, &e), 0);
	CHECK_INT(budget_release(l, slice_of(other), &e), 0);
	CHECK_INT(budget_release(l, slice_of(other), &e), C1V_NO);
	s.now += 61000; /* the first has expired */
	s.amount = 110;
	CHECK_INT(budget_check(l, &s, &e), 0);
	s.now = MONDAY + 8 * DAY; /* in December nothing is spent */
	s.amount = 150;
	CHECK_INT(budget_check(l, &s, &e), 0);
	day.amount = -1;
	CHECK_INT(budget_set(l, &day, &e), 0);
	CHECK_INT(budget_set(l, &day, &e), C1V_NO);
	buf_free(&seen);
	ledger_close(l);
}

int
main(void)
{
	int rc = test_run();
	struct ledger *l = fresh_ledger();

	ledger_close(l);
	unlink(path);
	return rc;
}

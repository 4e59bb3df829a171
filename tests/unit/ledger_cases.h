/* What holds for every kind of ledger. Before it stands: fresh_ledger(), one that is empty. */
#ifndef C1V_TEST_LEDGER_CASES_H
#define C1V_TEST_LEDGER_CASES_H

#include <stdlib.h>

#include "cost/ledger.h"
#include "cost/money.h"

#define DAY INT64_C(86400000)
/* 2026-11-23T00:00:00Z: 20,780 days since 1970 (56 years with 14 leap days to 2026-01-01 are 20,454, and
 * 31+28+31+30+31+30+31+31+30+31+22 = 326 more). */
#define MONDAY (INT64_C(20780) * DAY)

static struct ledger *fresh_ledger(void);

static int
add(struct ledger *l, const char *model, const char *user, int64_t time, int64_t cost, const char *id)
{
	struct usage u = {.model = slice_of(model), .user = slice_of(user), .input = 10, .cached = 5, .output = 2,
	    .request_id = slice_of(id)};
	struct ledger_row row = {.usage = &u, .time = time, .cost = cost, .saved = 1};
	struct err e = {0};
	uint64_t before = ledger_tally(l)->entered;
	int fresh = -2;

	CHECK_INT(ledger_begin(l, &e), 0);
	CHECK_INT(ledger_add(l, &row, &fresh, &e), 0);
	CHECK_INT(ledger_commit(l, &e), 0);
	CHECK(fresh == -1 || fresh == (ledger_tally(l)->entered > before));
	return ledger_tally(l)->entered > before;
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
	CHECK_INT(ledger_tally(l)->known_before, 1);
	CHECK_INT(ledger_tally(l)->cost, 300);
	ledger_close(l);
}

TEST(a_transaction_is_entered_as_a_whole_or_not_at_all)
{
	struct ledger *l = fresh_ledger();
	struct ledger_query all = {.until = INT64_MAX, .by = BY_MODEL};
	struct usage u = {.model = SLICE("m"), .input = 1, .request_id = SLICE("x")};
	struct ledger_row row = {.usage = &u, .time = MONDAY, .cost = 5};
	struct spend s = {.amount = 60, .now = MONDAY};
	struct budget b = {.per = PER_TOTAL, .amount = 60};
	struct err e = {0};
	char id[40];
	int fresh, rc;

	CHECK_INT(ledger_begin(l, &e), 0);
	CHECK_INT(ledger_add(l, &row, &fresh, &e), 0);
	ledger_rollback(l);
	CHECK_STR(report(l, &all), "");
	CHECK_INT(ledger_tally(l)->entered, 0);
	/* Twice in one. */
	CHECK_INT(ledger_begin(l, &e), 0);
	CHECK_INT(ledger_add(l, &row, &fresh, &e), 0);
	CHECK_INT(ledger_add(l, &row, &fresh, &e), 0);
	CHECK_INT(ledger_commit(l, &e), 0);
	CHECK_INT(ledger_tally(l)->known_before, 1);
	CHECK_STR(report(l, &all), "|m||1|0|1|5|0\n");
	/* A reservation that is gone keeps all of it out. */
	u.request_id = SLICE("y");
	CHECK_INT(ledger_begin(l, &e), 0);
	CHECK_INT(ledger_add(l, &row, &fresh, &e), 0);
	rc = budget_settle(l, SLICE("nothing"), &e);
	rc = rc ? rc : ledger_commit(l, &e);
	CHECK_INT(rc, C1V_NO);
	ledger_rollback(l);
	CHECK_STR(report(l, &all), "|m||1|0|1|5|0\n");
	/* What is spent is taken off it, and the rest holds longer. */
	CHECK_INT(budget_reserve(l, &s, 10, id, &e), 0);
	CHECK_INT(ledger_begin(l, &e), 0);
	CHECK_INT(ledger_add(l, &row, &fresh, &e), 0);
	CHECK_INT(budget_lower(l, slice_of(id), 5, MONDAY, 100, &e), 0);
	CHECK_INT(ledger_commit(l, &e), 0);
	CHECK_INT(budget_set(l, &b, &e), 0);
	s.now += 99999;
	s.amount = 1;
	CHECK_INT(budget_check(l, &s, &e), C1V_NO);
	CHECK(strstr(e.text, "spent 0.00000001, reserved 0.000000055") != NULL);
	s.now++;
	CHECK_INT(budget_check(l, &s, &e), 0);
	CHECK_INT(ledger_begin(l, &e), 0);
	CHECK_INT(budget_lower(l, slice_of(id), 1000, MONDAY, 1000, &e), 0);
	CHECK_INT(budget_settle(l, slice_of(id), &e), 0);
	CHECK_INT(ledger_commit(l, &e), 0);
	CHECK_INT(budget_release(l, slice_of(id), &e), C1V_NO);
	/* An empty one is fine. */
	CHECK_INT(ledger_begin(l, &e), 0);
	CHECK_INT(ledger_commit(l, &e), 0);
	ledger_close(l);
}

/* Nothing in a name means anything. */
TEST(names_are_names)
{
	static const char *const names[] = {"a\"b\\c", "{c1v:ledger}:ids", "null", "[null,null]", "x\ny", "\xc3\xa4 %s", ""};
	struct ledger *l = fresh_ledger();
	struct ledger_query q = {.until = INT64_MAX};
	struct err e = {0};

	for (int i = 0; i < 7; i++) {
		struct budget b = {.per = PER_DAY, .user = slice_of(names[i]), .project = slice_of(names[i]), .amount = 10 + i};
		struct usage u = {.model = slice_of(names[i]), .user = slice_of(names[i]), .project = slice_of(names[i]),
		    .tool = slice_of(names[i]), .input = 1, .request_id = slice_of(names[i])};
		struct ledger_row row = {.usage = &u, .time = MONDAY, .cost = 4};
		struct spend s = {.user = slice_of(names[i]), .project = slice_of(names[i]), .amount = 6 + i, .now = MONDAY};
		char id[40];
		int fresh;

		CHECK_INT(budget_set(l, &b, &e), 0);
		CHECK_INT(ledger_begin(l, &e), 0);
		CHECK_INT(ledger_add(l, &row, &fresh, &e), 0);
		CHECK_INT(ledger_commit(l, &e), 0);
		CHECK_INT(budget_reserve(l, &s, 10, id, &e), 0);
		CHECK_INT(budget_reserve(l, &s, 10, id, &e), C1V_NO);
		s.amount = 1;
		CHECK_INT(budget_check(l, &s, &e), C1V_NO);
		q.user = q.project = q.model = q.tool = slice_of(names[i]);
		CHECK_STR(report(l, &q), "|||1|0|1|4|0\n");
	}
	q.user = q.project = q.model = q.tool = SLICE_NONE;
	CHECK_STR(report(l, &q), "|||7|0|7|28|0\n");
	ledger_close(l);
}

/* Costs, budgets and savings may be large, but no sum ever wraps around. */
TEST(sums_do_not_wrap)
{
	struct ledger *l = fresh_ledger();
	struct ledger_query q = {.until = INT64_MAX};
	struct usage u = {.input = INT64_C(4000000000000000000)};
	struct ledger_row row = {.usage = &u, .time = MONDAY, .cost = 1, .saved = -7};
	struct err e = {0};
	int fresh, rc = 0;

	for (int i = 0; i < 3 && rc == 0; i++) {
		CHECK_INT(ledger_begin(l, &e), 0);
		rc = ledger_add(l, &row, &fresh, &e);
		if (rc == 0)
			rc = ledger_commit(l, &e);
		else
			ledger_rollback(l);
	}
	if (rc == 0) { /* each in a row of its own is fine, their sum is not */
		q.since = 1;
		rc = ledger_report(l, &q, note, NULL, &e);
	}
	CHECK_INT(rc, C1V_DATA);
	ledger_close(l);
}

TEST(many_rows_at_once)
{
	struct ledger *l = fresh_ledger();
	struct ledger_query q = {.until = INT64_MAX};
	struct err e = {0};
	char user[20];
	int fresh;

	CHECK(ledger_batch(l) >= 100);
	for (int round = 0; round < 12; round++) {
		CHECK_INT(ledger_begin(l, &e), 0);
		for (int i = 0; i < 500; i++) {
			struct usage u = {.user = slice_of(user), .input = i};
			struct ledger_row row = {.usage = &u, .time = MONDAY + (i % 3) * DAY, .cost = i, .saved = 1};

			snprintf(user, sizeof(user), "user %d", i);
			CHECK_INT(ledger_add(l, &row, &fresh, &e), 0);
		}
		CHECK_INT(ledger_commit(l, &e), 0);
	}
	CHECK_STR(report(l, &q), "|||6000|0|1497000|1497000|6000\n");
	q.local = 1; /* from the rows */
	CHECK_STR(report(l, &q), "|||6000|0|1497000|1497000|6000\n");
	q.local = 0;
	q.user = SLICE("user 7");
	CHECK_STR(report(l, &q), "|||12|0|84|84|12\n");
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
	struct budget b = {.per = PER_DAY, .amount = 10};
	struct spend s = {.amount = 8, .now = MONDAY + 5 * 3600000, .local = 1};
	struct err e = {0};
	char id[40];

	setenv("TZ", "EST5EDT,M3.2.0,M11.1.0", 1);
	add(l, "a", "u", MONDAY + 5 * 3600000 - 1, 1, NULL); /* 23:59:59.999 on Sunday */
	add(l, "a", "u", MONDAY + 5 * 3600000, 2, NULL);
	CHECK_STR(report(l, &q), "2026-11-22|||1|0|15|1|1\n2026-11-23|||1|0|15|2|1\n");
	/* A budget's day is that of the zone, too. */
	CHECK_INT(budget_set(l, &b, &e), 0);
	CHECK_INT(budget_check(l, &s, &e), 0);
	s.amount = 9;
	CHECK_INT(budget_check(l, &s, &e), C1V_NO);
	CHECK_INT(budget_reserve(l, &s, 10, id, &e), C1V_NO);
	CHECK(strstr(e.text, "for 2026-11-23: spent 0.000000002, reserved 0") != NULL);
	s.now--; /* Sunday */
	CHECK_INT(budget_reserve(l, &s, 10, id, &e), 0);
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

#endif

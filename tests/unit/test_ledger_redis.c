/* The ledger in Redis, by way of Upstash's API (tests/fake/upstash.c before a real one). */
#include "test.h"

#include "ledger_cases.h"
#include "net/redis.h"
#include "redis_server.h"

static void
ask(const char *const *words, size_t n)
{
	struct redis_options o = {.url = url, .connect_timeout = 5, .command_timeout = 5};
	struct redis_reply reply;
	struct slice args[8];
	const struct redis_command c = {.args = args, .count = n, .key = 1};
	struct redis *r = NULL;
	struct err e = {0};

	for (size_t i = 0; i < n; i++)
		args[i] = slice_of(words[i]);
	CHECK_INT(redis_open(&o, &r, &e), 0);
	CHECK_INT(redis_run(r, &c, 1, &reply, &e), 0);
	CHECK(reply.type != REDIS_ERROR);
	redis_close(r);
}
#define ASK(...) ask((const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static struct ledger *
open_ledger(enum ledger_mode mode, int want)
{
	struct ledger *l = NULL;
	struct err e = {0};

	CHECK_INT(ledger_open(url, mode, 5, NULL, &l, &e), want);
	CHECK(strstr(e.text, TOKEN) == NULL);
	return l;
}

static struct ledger *
fresh_ledger(void)
{
	ASK("FLUSHALL");
	return open_ledger(LEDGER_WRITE, 0);
}

TEST(there_is_one_after_the_first_writing)
{
	struct ledger *l;

	ASK("FLUSHALL");
	CHECK(open_ledger(LEDGER_READ, C1V_NO) == NULL);
	l = open_ledger(LEDGER_WRITE, 0);
	CHECK_STR(ledger_name(l), url);
	ledger_close(l);
	ledger_close(open_ledger(LEDGER_READ, 0));
	ASK("SET", "{c1v:ledger}:version", "2");
	CHECK(open_ledger(LEDGER_WRITE, C1V_DATA) == NULL);
}

/* What others have put where the ledger is. */
TEST(what_is_damaged_is_said)
{
	static const struct {
		const char *words[4];
		int report, rows, budgets;
	} cases[] = {
		{{"HSET", "{c1v:ledger}:sums:20780", "n", "1"}, C1V_DATA, 0, 0},
		{{"HSET", "{c1v:ledger}:sums:20780", "n[1,2]", "1"}, C1V_DATA, 0, 0},
		{{"HSET", "{c1v:ledger}:sums:20780", "x[null,null,null,null]", "1"}, C1V_DATA, 0, 0},
		{{"HSET", "{c1v:ledger}:sums:20780", "n[null,null,null,null]", "many"}, C1V_DATA, 0, 0},
		{{"RPUSH", "{c1v:ledger}:rows:20780", "row"}, 0, C1V_DATA, 0},
		{{"RPUSH", "{c1v:ledger}:rows:20780", "[1,2]"}, 0, C1V_DATA, 0},
		{{"RPUSH", "{c1v:ledger}:rows:20780", "[1,2,3,4,5,6,7,8,\"9\",10,null,null,null,null]"}, 0, C1V_DATA, 0},
		{{"HSET", "{c1v:ledger}:budgets", "per day", "1"}, 0, 0, C1V_DATA},
		{{"HSET", "{c1v:ledger}:budgets", "[\"day\",null,null]", "x"}, 0, 0, C1V_DATA},
		{{"HSET", "{c1v:ledger}:held", "r", "soon"}, 0, 0, C1V_DATA},
		{{"SET", "{c1v:ledger}:budgets", "x"}, 0, 0, C1V_PROTOCOL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ledger *l = fresh_ledger();
		struct ledger_query q = {.until = INT64_MAX};
		struct buf seen = {0};
		struct err e = {0};

		add(l, "m", "u", MONDAY, 1, NULL);
		if (cases[i].words[3] != NULL)
			ask(cases[i].words, 4);
		else
			ask(cases[i].words, 3);
		CHECK_INT(ledger_report(l, &q, note, &seen, &e), cases[i].report);
		q.local = 1;
		CHECK_INT(ledger_report(l, &q, note, &seen, &e), cases[i].rows);
		CHECK_INT(budget_each(l, MONDAY, 0, note_budget, &seen, &e), cases[i].budgets);
		buf_free(&seen);
		ledger_close(l);
	}
}

TEST(what_redis_cannot_count_or_name_is_refused)
{
	struct ledger *l = fresh_ledger();
	struct budget b = {.per = PER_DAY, .amount = INT64_C(9007199254740992)};
	struct budget bad = {.per = PER_DAY, .user = SLICE("\xff"), .amount = 1};
	struct spend s = {.user = SLICE("\xff"), .amount = 1};
	struct usage u = {.user = SLICE("\xff")};
	struct ledger_row row = {.usage = &u};
	struct err e = {0};
	char id[40];
	int fresh;

	CHECK_INT(budget_set(l, &b, &e), C1V_USAGE);
	b.amount--;
	CHECK_INT(budget_set(l, &b, &e), 0);
	CHECK_INT(budget_set(l, &bad, &e), C1V_USAGE);
	CHECK_INT(budget_reserve(l, &s, 1, id, &e), C1V_USAGE);
	CHECK_INT(ledger_begin(l, &e), 0);
	CHECK_INT(ledger_add(l, &row, &fresh, &e), C1V_USAGE);
	ledger_rollback(l);
	ledger_close(l);
}

int
main(void)
{
	int skipped, rc = begin_redis(&skipped);

	if (rc != 0 || skipped)
		return rc;
	serve("", NULL);
	rc = test_run();
	unserve();
	return end_redis() || rc;
}

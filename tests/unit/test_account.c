#include "cost/account.h"

#include <stdlib.h>
#include <unistd.h>

#include "cost/ledger.h"
#include "db/db.h"
#include "test.h"

static char path[64];

/* A ledger of its own with a budget of so many nano-dollars. */
static struct account *
begin(int64_t budget)
{
	struct account_options o = {.ledger = path, .wait = 5, .user = "u", .tool = "t"};
	struct budget b = {.per = PER_TOTAL, .amount = budget};
	struct account *a = NULL;
	struct ledger *l = NULL;
	struct err e = {0};

	snprintf(path, sizeof(path), "/tmp/c1v-account-%d.db", (int)getpid());
	unlink(path);
	CHECK_INT(ledger_open(path, LEDGER_WRITE, 5, NULL, &l, &e), 0);
	CHECK_INT(budget_set(l, &b, &e), 0);
	ledger_close(l);
	CHECK_INT(account_open(&o, &a, &e), 0);
	CHECK_STR(e.text, "");
	return a;
}

static void
forget_file(void)
{
	static const char *const endings[] = {"", ".lock", "-wal", "-shm"};
	char name[80];

	for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
		snprintf(name, sizeof(name), "%s%s", path, endings[i]);
		unlink(name);
	}
}

static void
end(struct account *a)
{
	uint64_t lost;
	struct err e;

	CHECK_INT(account_close(a, &lost, &e), 0);
	CHECK_INT(lost, 0);
	forget_file();
}

static int
keep_budget(void *arg, const struct budget *b, struct err *e)
{
	(void)e;
	*(struct budget *)arg = *b;
	return 0;
}

static struct budget
now(void)
{
	struct budget b = {0};
	struct ledger *l = NULL;
	struct err e;

	CHECK_INT(ledger_open(path, LEDGER_READ, 5, NULL, &l, &e), 0);
	CHECK_INT(budget_each(l, 0, 0, keep_budget, &b, &e), 0);
	ledger_close(l);
	return b;
}

#define CHECK_BUDGET(SPENT, RESERVED)                \
	do {                                         \
		struct budget is_ = now();            \
		CHECK_INT(is_.spent, SPENT);          \
		CHECK_INT(is_.reserved, RESERVED);    \
	} while (0)

static int
spend(struct account *a, struct account_hold *h, const char *id, int64_t nano)
{
	struct account_call c = {.model = SLICE("m"), .request_id = slice_of(id), .input = 1, .cost = nano};
	struct err e;

	return account_spent(a, h, &c, &e);
}

static void
forget_reservations(void)
{
	sqlite3 *db;

	CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
	CHECK_INT(sqlite3_exec(db, "DELETE FROM reservation", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

TEST(each_call_is_held_and_then_entered)
{
	struct account *a = begin(100);
	struct account_hold *one, *two, *three;
	struct err e;

	CHECK_INT(account_reserve(a, 60, &one, &e), 0);
	CHECK_INT(account_reserve(a, 40, &two, &e), 0);
	CHECK_BUDGET(0, 100);
	CHECK_INT(account_reserve(a, 1, &three, &e), C1V_NO);
	CHECK(three == NULL);
	CHECK_INT(spend(a, one, "1", 50), 0);
	CHECK_BUDGET(50, 40);
	account_release(a, two);
	CHECK_BUDGET(50, 0);
	/* Without anything held, and of unknown cost. */
	CHECK_INT(spend(a, NULL, "2", LEDGER_UNKNOWN), 0);
	CHECK_BUDGET(50, 0);
	end(a);
}

TEST(a_run_is_held_as_a_whole)
{
	struct account *a = begin(100);
	struct account_hold *one, *two, *three;
	struct err e;

	CHECK_INT(account_reserve_run(a, 101, &e), C1V_NO);
	CHECK_INT(account_reserve_run(a, 90, &e), 0);
	CHECK_BUDGET(0, 90);
	CHECK_INT(account_reserve(a, 50, &one, &e), 0);
	CHECK_INT(account_reserve(a, 40, &two, &e), 0);
	CHECK_BUDGET(0, 90);
	/* More than the rest of the run's: a hold of its own, as far as there is. */
	CHECK_INT(account_reserve(a, 11, &three, &e), C1V_NO);
	CHECK_INT(account_reserve(a, 10, &three, &e), 0);
	CHECK_BUDGET(0, 100);
	/* Less was used than held: what is left is there for others of the run. */
	CHECK_INT(spend(a, one, "1", 30), 0);
	CHECK_BUDGET(30, 70);
	CHECK_INT(spend(a, three, "3", 10), 0);
	CHECK_BUDGET(40, 60);
	account_release(a, two);
	CHECK_INT(account_reserve(a, 60, &two, &e), 0);
	CHECK_BUDGET(40, 60);
	/* More was used than held. */
	CHECK_INT(spend(a, two, "2", 65), 0);
	CHECK_BUDGET(105, 0);
	end(a);
}

TEST(the_rest_goes_back)
{
	struct account *a = begin(100);
	struct account_hold *one;
	struct err e;
	uint64_t lost;

	CHECK_INT(account_reserve_run(a, 90, &e), 0);
	CHECK_INT(account_reserve(a, 50, &one, &e), 0);
	CHECK_INT(spend(a, one, "1", 50), 0);
	CHECK_INT(account_close(a, &lost, &e), 0);
	CHECK_BUDGET(50, 0);
	forget_file();
}

TEST(what_was_spent_is_entered_when_its_reservation_has_expired)
{
	struct account *a = begin(100);
	struct account_hold *one, *two;
	struct err e;

	CHECK_INT(account_reserve(a, 20, &one, &e), 0);
	CHECK_INT(account_reserve_run(a, 50, &e), 0);
	CHECK_INT(account_reserve(a, 20, &two, &e), 0);
	forget_reservations();
	CHECK_INT(spend(a, one, "1", 20), 0);
	CHECK_INT(spend(a, two, "2", 20), 0);
	CHECK_BUDGET(40, 0);
	/* The run's is gone: from now on each call by itself. */
	CHECK_INT(account_reserve(a, 30, &one, &e), 0);
	CHECK_BUDGET(40, 30);
	CHECK_INT(spend(a, one, "3", 30), 0);
	CHECK_BUDGET(70, 0);
	end(a);
}

TEST(a_call_is_entered_once)
{
	struct account *a = begin(100);
	struct account_hold *one;
	struct err e;

	CHECK_INT(account_reserve(a, 20, &one, &e), 0);
	CHECK_INT(spend(a, one, "1", 20), 0);
	CHECK_INT(spend(a, NULL, "1", 20), 0);
	CHECK_BUDGET(20, 0);
	end(a);
}

int
main(void)
{
	return test_run();
}

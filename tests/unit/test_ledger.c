/* The ledger in a SQLite file: rows, sums, budgets. */
#include "test.h"

#include <sqlite3.h>
#include <unistd.h>

#include "ledger_cases.h"

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

TEST(only_redis_has_the_keys_of_the_seed)
{
	struct ledger *l = fresh_ledger();
	struct err e = {0};

	CHECK_INT(ledger_seed_keys(l, &e), C1V_USAGE);
	ledger_close(l);
}

/* Whatever is asked of a ledger that has lost a table: an error, or the answer without it. */
TEST(a_table_that_is_gone_is_said)
{
	static const char *const tables[] = {"name", "usage", "day", "budget", "reservation"};
	struct budget b = {.per = PER_MONTH, .user = SLICE("u"), .amount = 100};
	struct spend s = {.user = SLICE("u"), .amount = 1, .now = MONDAY};
	struct ledger_query q = {.until = INT64_MAX, .by = BY_USER | BY_MODEL, .user = SLICE("u")}, rows = {.since = 1,
	    .until = INT64_MAX, .by = BY_USER};

	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		struct ledger *l = fresh_ledger();
		struct buf sql = {0};
		struct err e = {0};
		sqlite3 *db;
		int rc[9], failed = 0, fresh;
		struct usage u = {.model = SLICE("other"), .user = SLICE("u")};
		struct ledger_row row = {.usage = &u, .time = MONDAY, .cost = 1};
		char id[40];

		add(l, "m", "u", MONDAY, 7, "r");
		CHECK_INT(budget_set(l, &b, &e), 0);
		ledger_close(l);
		l = open_ledger();
		buf_format(&sql, "DROP TABLE %s", tables[i]);
		CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
		CHECK_INT(sqlite3_exec(db, buf_cstr(&sql), NULL, NULL, NULL), SQLITE_OK);
		sqlite3_close(db);
		sql.len = 0;
		rc[0] = ledger_begin(l, &e);
		rc[1] = ledger_add(l, &row, &fresh, &e);
		ledger_rollback(l);
		rc[2] = ledger_report(l, &q, note, &sql, &e);
		rc[3] = ledger_report(l, &rows, note, &sql, &e);
		rc[4] = budget_set(l, &b, &e);
		rc[5] = budget_each(l, MONDAY, 1, note_budget, &sql, &e);
		rc[6] = budget_check(l, &s, &e);
		rc[7] = budget_reserve(l, &s, 5, id, &e);
		rc[8] = budget_release(l, SLICE("x"), &e);
		for (int k = 0; k < 9; k++)
			failed += rc[k] != 0 && !(k == 8 && rc[k] == C1V_NO);
		CHECK(failed > 0);
		buf_free(&sql);
		ledger_close(l);
	}
}

TEST(the_default_is_in_the_home_directory)
{
	char *home = mem_string(getenv("HOME")), *state = mem_string(getenv("XDG_STATE_HOME"));
	struct ledger *l = NULL;
	struct err e = {0};

	unsetenv("XDG_STATE_HOME");
	setenv("HOME", "/nowhere/at/all", 1);
	CHECK_INT(ledger_open(NULL, LEDGER_READ, 0, NULL, &l, &e), C1V_NO);
	CHECK(strstr(e.text, "/nowhere/at/all/.local/state/c1v/ledger.db") != NULL);
	unsetenv("HOME");
	CHECK_INT(ledger_open(NULL, LEDGER_READ, 0, NULL, &l, &e), C1V_CONFIG);
	setenv("XDG_STATE_HOME", "/nowhere", 1);
	CHECK_INT(ledger_open("", LEDGER_READ, 0, NULL, &l, &e), C1V_NO);
	CHECK(strstr(e.text, "/nowhere/c1v/ledger.db") != NULL);
	CHECK_INT(ledger_open("mongodb://x", LEDGER_READ, 0, NULL, &l, &e), C1V_CONFIG);
	CHECK_INT(ledger_open("redis://u:p@x", LEDGER_READ, 0, NULL, &l, &e), C1V_USAGE);
	if (home != NULL)
		setenv("HOME", home, 1);
	if (state != NULL)
		setenv("XDG_STATE_HOME", state, 1);
	else
		unsetenv("XDG_STATE_HOME");
	free(home);
	free(state);
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

/* The db room: files are opened, locked and checkpointed in one way. */
#include "test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "db/db.h"

static char directory[64];

static const struct db_options basic = {
	.what = "test file",
	.application_id = 0x1234,
	.version = 1,
	.schema = "CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, v TEXT);",
	.mode = DB_WRITE,
	.page_size = 4096,
};

/* A path of its own for each test. */
static struct db_options
options(const char *name)
{
	static char path[128];
	struct db_options o = basic;

	if (directory[0] == '\0') {
		strcpy(directory, "/tmp/c1v-db-XXXXXX");
		if (mkdtemp(directory) == NULL)
			abort();
	}
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	o.path = path;
	return o;
}

static int
insert(struct db *d, const char *value, struct err *e)
{
	sqlite3_stmt *st;
	int rc = db_begin(d, e);

	if (rc == 0)
		rc = db_prepare(d, "INSERT INTO t (v) VALUES (?1)", &st, e);
	if (rc != 0)
		return rc;
	db_bind_text(st, 1, slice_of(value));
	rc = db_run(d, st, e);
	sqlite3_finalize(st);
	return rc ? rc : db_commit(d, e);
}

static int64_t
count(struct db *d)
{
	struct err e;
	int64_t n = -1;

	CHECK_INT(db_integer(d, "SELECT count(*) FROM t", -1, &n, &e), 0);
	return n;
}

TEST(makes_file_and_directories)
{
	struct db_options o = options("a/b/c.db");
	struct db d;
	struct stat st;
	struct err e;

	CHECK_INT(db_open(&d, &o, &e), 0);
	CHECK_INT(stat(o.path, &st), 0);
	CHECK_INT(st.st_mode & 0777, 0600);
	CHECK_INT(insert(&d, "x", &e), 0);
	CHECK_INT(count(&d), 1);
	CHECK_INT(db_checkpoint(&d, &e), 0);
	CHECK_INT(db_size(&d) % 4096, 0);
	db_close(&d);
	o.mode = DB_READ;
	CHECK_INT(db_open(&d, &o, &e), 0);
	CHECK_INT(count(&d), 1);
	CHECK_INT(db_exec(&d, "DELETE FROM t", &e), C1V_IO);
	db_close(&d);
}

TEST(reading_what_is_not_there)
{
	struct db_options o = options("nothing.db");
	struct db d;
	struct err e;

	o.mode = DB_READ;
	CHECK_INT(db_open(&d, &o, &e), C1V_NO);
	CHECK_INT(access(o.path, F_OK), -1);
	close(open(o.path, O_CREAT | O_WRONLY, 0600));
	CHECK_INT(db_open(&d, &o, &e), C1V_NO);
	o.mode = DB_WRITE; /* an empty file is one that was not finished */
	CHECK_INT(db_open(&d, &o, &e), 0);
	db_close(&d);
}

TEST(foreign_and_newer_files)
{
	struct db_options o = options("foreign.db");
	struct db d;
	struct err e;

	CHECK_INT(db_open(&d, &o, &e), 0);
	db_close(&d);
	o.application_id = 0x4321;
	CHECK_INT(db_open(&d, &o, &e), C1V_DATA);
	CHECK(strstr(e.text, "not a c1v test file") != NULL);
	o.application_id = basic.application_id;
	CHECK_INT(db_open(&d, &o, &e), 0);
	CHECK_INT(db_begin(&d, &e), 0);
	CHECK_INT(db_exec(&d, "PRAGMA user_version = 2", &e), 0);
	d.schema_changed = 1;
	CHECK_INT(db_commit(&d, &e), 0);
	db_close(&d);
	CHECK_INT(db_open(&d, &o, &e), C1V_CONFIG);
	o.version = 2;
	CHECK_INT(db_open(&d, &o, &e), 0);
	db_close(&d);
	o.path = directory;
	CHECK_INT(db_open(&d, &o, &e), C1V_DATA);
}

TEST(one_writer_at_a_time)
{
	struct db_options o = options("lock.db");
	struct db a, b;
	struct err e;
	char pid[32];

	o.wait = 0.05;
	CHECK_INT(db_open(&a, &o, &e), 0);
	CHECK_INT(db_open(&b, &o, &e), 0);
	CHECK_INT(db_begin(&a, &e), 0);
	CHECK_INT(db_begin(&b, &e), C1V_AGAIN);
	snprintf(pid, sizeof(pid), "locked by pid %ld", (long)getpid());
	CHECK(strstr(e.text, pid) != NULL);
	/* A reader is not kept out, and sees what was committed. */
	CHECK_INT(db_exec(&a, "INSERT INTO t (v) VALUES ('x')", &e), 0);
	CHECK_INT(count(&b), 0);
	/* The holder of the lock checkpoints; others leave it to him. */
	CHECK_INT(db_checkpoint(&b, &e), 0);
	CHECK_INT(db_commit(&a, &e), 0);
	CHECK_INT(count(&b), 1);
	CHECK_INT(insert(&b, "y", &e), 0);
	CHECK_INT(count(&a), 2);
	db_rollback(&a); /* nothing is open: nothing happens */
	db_close(&a);
	db_close(&b);
}

TEST(rollback_leaves_nothing)
{
	struct db_options o = options("rollback.db");
	struct db d;
	struct err e;

	CHECK_INT(db_open(&d, &o, &e), 0);
	CHECK_INT(db_begin(&d, &e), 0);
	CHECK_INT(db_exec(&d, "INSERT INTO t (v) VALUES ('x')", &e), 0);
	db_rollback(&d);
	CHECK_INT(count(&d), 0);
	CHECK_INT(insert(&d, "y", &e), 0);
	CHECK_INT(count(&d), 1);
	db_close(&d);
}

/* A process that dies with the lock gives it back. */
TEST(lock_of_the_dead)
{
	struct db_options o = options("dead.db");
	struct db d;
	struct err e;
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		if (db_open(&d, &o, &e) == 0 && db_begin(&d, &e) == 0)
			_exit(0);
		_exit(1);
	}
	waitpid(child, &status, 0);
	CHECK_INT(status, 0);
	CHECK_INT(db_open(&d, &o, &e), 0);
	CHECK_INT(insert(&d, "x", &e), 0);
	db_close(&d);
}

/* Each finds an empty file, or one that somebody is just making: never a strange one. */
TEST(many_make_it_at_once)
{
	enum { ROUNDS = 30, MANY = 24 };
	struct db_options o = options("many.db");
	char path[160];
	int strange = 0;

	o.wait = 30;
	for (int round = 0; round < ROUNDS; round++) {
		snprintf(path, sizeof(path), "%s-wal", o.path);
		unlink(path);
		unlink(o.path);
		for (int i = 0; i < MANY; i++) {
			if (fork() == 0) {
				struct db d;
				struct err e;
				int rc = db_open(&d, &o, &e);
				if (rc == 0)
					db_close(&d);
				_exit(rc);
			}
		}
		for (int status, i = 0; i < MANY; i++)
			strange += wait(&status) < 0 || status != 0;
	}
	CHECK_INT(strange, 0);
}

TEST(nobody_checkpoints_on_closing)
{
	struct db_options o = options("wal.db");
	struct db d;
	struct err e;
	struct stat st;
	char wal[160];

	snprintf(wal, sizeof(wal), "%s-wal", o.path);
	CHECK_INT(db_open(&d, &o, &e), 0);
	CHECK_INT(insert(&d, "x", &e), 0);
	db_close(&d);
	CHECK_INT(stat(wal, &st), 0);
	CHECK(st.st_size > 0);
	o.mode = DB_READ;
	CHECK_INT(db_open(&d, &o, &e), 0);
	CHECK_INT(count(&d), 1);
	CHECK_INT(db_checkpoint(&d, &e), 0); /* a reader: does nothing */
	db_close(&d);
	CHECK_INT(stat(wal, &st), 0);
	CHECK(st.st_size > 0);
	o.mode = DB_WRITE;
	CHECK_INT(db_open(&d, &o, &e), 0);
	CHECK_INT(db_checkpoint(&d, &e), 0);
	db_close(&d);
	CHECK_INT(stat(wal, &st), 0);
	CHECK_INT(st.st_size, 0);
}

TEST(the_wal_stays_small)
{
	struct db_options o = options("small.db");
	struct db d;
	struct err e;
	struct stat st;
	char wal[160];

	snprintf(wal, sizeof(wal), "%s-wal", o.path);
	CHECK_INT(db_open(&d, &o, &e), 0);
	for (int i = 0; i < 12; i++) {
		CHECK_INT(db_begin(&d, &e), 0);
		CHECK_INT(db_exec(&d, "INSERT INTO t (v) VALUES (zeroblob(6000000))", &e), 0);
		CHECK_INT(db_commit(&d, &e), 0);
	}
	CHECK_INT(stat(wal, &st), 0);
	CHECK(st.st_size < 40000000);
	db_close(&d);
}

TEST(damaged_schema_is_noticed)
{
	struct db_options o = options("damaged.db");
	struct db d;
	struct err e;
	char page[4096], *at;
	int fd;

	CHECK_INT(db_open(&d, &o, &e), 0);
	CHECK_INT(db_checkpoint(&d, &e), 0);
	db_close(&d);
	fd = open(o.path, O_RDWR);
	CHECK_INT(pread(fd, page, sizeof(page), 0), sizeof(page));
	at = memmem(page, sizeof(page), "v TEXT", 6);
	CHECK(at != NULL);
	if (at != NULL)
		CHECK_INT(pwrite(fd, "w", 1, at - page), 1); /* a column of another name: valid, but not ours */
	close(fd);
	CHECK_INT(db_open(&d, &o, &e), C1V_DATA);
	CHECK(strstr(e.text, "schema check") != NULL);
}

static void
ignore(void *arg, const char *text)
{
	(void)text;
	++*(int *)arg;
}

TEST(a_sound_file_has_no_findings)
{
	struct db_options o = options("sound.db");
	struct db d, again;
	struct err e;
	int findings = 0;

	CHECK_INT(db_open(&d, &o, &e), 0);
	CHECK_INT(insert(&d, "x", &e), 0);
	CHECK_INT(db_check(&d, ignore, &findings, &e), 0);
	CHECK_INT(findings, 0);
	CHECK_INT(db_vacuum(&d, &e), 0);
	CHECK_INT(db_open_again(&again, &d, DB_READ, &e), 0);
	CHECK_INT(count(&again), 1);
	db_close(&again);
	db_close(&d);
	CHECK_INT(db_open(&d, &o, &e), 0);
	db_close(&d);
}

TEST(odd_paths)
{
	static const char *const names[] = {"a b%41?x#y", ":memory:", "file:x?mode=ro"};
	char here[512];
	struct err e;
	struct db d;

	CHECK(getcwd(here, sizeof(here)) != NULL);
	options("x");
	CHECK_INT(chdir(directory), 0);
	for (size_t i = 0; i < 3; i++) {
		struct db_options o = basic;
		o.path = names[i];
		CHECK_INT(db_open(&d, &o, &e), 0);
		CHECK_INT(insert(&d, "x", &e), 0);
		db_close(&d);
		CHECK_INT(access(names[i], F_OK), 0);
	}
	CHECK_INT(chdir(here), 0);
}

int
main(void)
{
	int rc = test_run();
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", directory);
	return system(command) == 0 ? rc : 1;
}

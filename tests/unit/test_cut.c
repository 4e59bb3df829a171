/* A database, its WAL or a checkpoint, cut at many bytes: the state before or
 * the one after, never half of one; where no state is left, C1V_DATA. */
#include "test.h"

#include "stored.h"

enum { BATCHES = 4, LATER = 2, STATES = 1 + BATCHES + LATER };
/* How many; the header of a cut database is looked at for 25 ms before it is
 * called damaged. */
enum { CUTS = 1300, DATABASE_CUTS = 300 };

/* start: checkpointed. wal: BATCHES behind it. end: all of that checkpointed.
 * later: the WAL of LATER batches behind that. */
static struct image start, wal, end, later;
static uint64_t sums[STATES];

static void
must(int rc, const struct err *e)
{
	if (rc != 0) {
		printf("# %s\n", e->text);
		abort();
	}
}

/* Make batches and note the state behind each; the WAL stays. */
static void
write_batches(unsigned from, unsigned count, struct image *out)
{
	struct store_options o = stored_options(STORE_WRITE);
	struct err e = {0};
	struct store *s;

	must(store_open(&o, &s, &e), &e);
	for (unsigned i = from; i < from + count; i++) {
		must(stored_batch(s, i, 30 + 3 * i, i, &e), &e);
		must(stored_sum(&sums[i], &e), &e);
	}
	*out = stored_read("-wal");
	must(store_close(s, &e), &e); /* checkpoints */
}

static void
make_states(void)
{
	struct image none;

	if (start.p != NULL)
		return;
	stored_make_directory();
	write_batches(0, 1, &none);
	free(none.p);
	start = stored_read("");
	write_batches(1, BATCHES, &wal);
	end = stored_read("");
	write_batches(1 + BATCHES, LATER, &later);
	stored_remove_all();
}

static int
state_of(uint64_t sum)
{
	for (int i = 0; i < STATES; i++)
		if (sums[i] == sum)
			return i;
	return -1;
}

/* The i-th of the cuts of n bytes: the first and the last ones, those around
 * the pages, and others between. */
static size_t
cut_at(size_t n, unsigned i)
{
	uint64_t seed = 1234567 + i * 7919u;

	if (i < 64)
		return i;
	if (i < 128)
		return n - (i - 64);
	if (i < 256)
		return (stored_random(&seed) % n) / 4096 * 4096 + (i % 3) + 31; /* frames begin at 32 */
	return stored_random(&seed) % (n + 1);
}

static int
by_size(const void *a, const void *b)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;

	return x < y ? -1 : x > y;
}

/* In order, for the states must be. */
static size_t *
cuts(size_t n, unsigned count)
{
	size_t *at = mem_alloc(count * sizeof(*at));

	for (unsigned i = 0; i < count; i++) {
		at[i] = cut_at(n, i);
		at[i] = at[i] > n ? n : at[i];
	}
	qsort(at, count, sizeof(*at), by_size);
	return at;
}

/* Every cut of the WAL leaves one of the states from..to, never an earlier one
 * than a shorter cut; the whole of it the last. */
static void
check_wal(const struct image *db, const struct image *log, const struct image *behind, int from, int to)
{
	unsigned count = CUTS * stored_scale();
	size_t *at = cuts(log->n, count);
	int least = from, seen = 0;

	for (unsigned i = 0; i < count; i++) {
		struct err e = {0};
		uint64_t sum;
		int rc, state;

		stored_write("", db, db->n, NULL);
		stored_write("-wal", log, at[i], behind);
		stored_remove("-shm");
		rc = stored_sum(&sum, &e);
		state = rc == 0 ? state_of(sum) : -1;
		if (state < least || state > to) {
			printf("# byte %zu of %zu: rc %d, state %d, not %d or later: %s\n", at[i], log->n, rc, state,
			    least, rc ? e.text : "");
			CHECK(0);
		}
		seen |= 1 << (state + 1);
		least = state > least ? state : least;
	}
	CHECK_INT(least, to);
	for (int i = from; i <= to; i++)
		CHECK(seen & 1 << (i + 1));
	stored_remove_all();
	free(at);
}

TEST(a_wal_cut_at_any_byte_leaves_the_last_whole_commit)
{
	make_states();
	check_wal(&start, &wal, NULL, 0, BATCHES);
}

TEST(a_wal_written_over_an_older_one_never_mixes_them)
{
	make_states();
	check_wal(&end, &later, &wal, BATCHES, BATCHES + LATER);
}

TEST(a_checkpoint_cut_at_any_byte_changes_nothing)
{
	unsigned count = CUTS * stored_scale();
	size_t *at;

	make_states();
	at = cuts(end.n, count);
	for (unsigned i = 0; i < count; i++) {
		struct err e = {0};
		uint64_t sum = 0;
		int rc;

		stored_write("", &end, at[i], &start);
		stored_write("-wal", &wal, wal.n, NULL);
		stored_remove("-shm");
		rc = stored_sum(&sum, &e);
		if (rc != 0 || sum != sums[BATCHES]) {
			printf("# byte %zu of %zu: rc %d, state %d: %s\n", at[i], end.n, rc, state_of(sum), rc ? e.text : "");
			CHECK(0);
		}
	}
	stored_remove_all();
	free(at);
}

/* After a cut, a writer goes on and the store is sound. */
TEST(after_a_cut_a_writer_goes_on)
{
	make_states();
	for (unsigned i = 0; i < 40; i++) {
		struct store_options o = stored_options(STORE_WRITE);
		struct err e = {0};
		struct store *s;
		uint64_t sum = 0;

		stored_write("", &start, start.n, NULL);
		stored_write("-wal", &wal, cut_at(wal.n, 256 + i), NULL);
		stored_remove("-shm");
		must(store_open(&o, &s, &e), &e);
		for (unsigned b = 0; b <= BATCHES; b++)
			must(stored_batch(s, b, 30 + 3 * b, b, &e), &e);
		CHECK_INT(store_verify(s, stored_finding, NULL, &e), 0);
		must(store_close(s, &e), &e);
		must(stored_sum(&sum, &e), &e);
		CHECK(sum == sums[BATCHES]);
	}
	stored_remove_all();
}

TEST(a_database_cut_at_any_byte_is_damaged_or_whole_and_stays_as_it_is)
{
	unsigned count = DATABASE_CUTS * stored_scale();
	size_t *at;

	make_states();
	at = cuts(end.n, count);
	for (unsigned i = 0; i < count; i++) {
		struct image part = {end.p, at[i]};
		struct err e = {0};
		uint64_t sum = 0;
		int rc;

		stored_remove_all();
		stored_write("", &part, part.n, NULL);
		rc = stored_sum(&sum, &e);
		if (rc == 0 ? sum != sums[BATCHES] : rc != C1V_DATA && !(at[i] == 0 && rc == C1V_NO)) {
			printf("# byte %zu of %zu: rc %d, state %d: %s\n", at[i], end.n, rc, state_of(sum), rc ? e.text : "");
			CHECK(0);
		}
		CHECK(stored_is("", &part));
	}
	stored_remove_all();
	rmdir(stored_directory);
	free(at);
}

int
main(void)
{
	int rc = test_run();

	free(start.p);
	free(wal.p);
	free(end.p);
	free(later.p);
	return rc;
}

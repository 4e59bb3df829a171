/* The scan of codes, shared by two connections: whoever takes which blocks, the
 * outcome is that of one, and that of comparing every vector. */
#include "test.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/sqlite_search.h"
#include "store/store.h"
#include "store/vec.h"

enum { CHUNKS = 20600, DIMS = 24, LIMIT = 20, ROUNDS = 8 };

static char path[64];
static float *vectors; /* of slot 1, 2, … */
static uint64_t seed = 88172645463325252u;

static float
uniform(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (float)(seed >> 11) / 9007199254740992.0f;
}

static void
random_vector(float *v)
{
	for (int i = 0; i < DIMS; i++)
		v[i] = uniform() + uniform() - 1;
}

static struct store *
open_store(enum store_mode mode)
{
	struct store_options o = {.url = path, .collection = "documents", .mode = mode, .wait = 5};
	struct store *s = NULL;
	struct err e = {0};

	if (store_open(&o, &s, &e) != 0)
		printf("# %s\n", e.text);
	return s;
}

/* One document a chunk; the words repeat. */
static void
make_collection(void)
{
	struct put_counts counts = {0};
	struct put_options options = {0};
	struct chunk_row *rows = mem_zero(CHUNKS, sizeof(*rows));
	struct document_row *documents = mem_zero(CHUNKS, sizeof(*documents));
	const struct document_row **batch = mem_zero(CHUNKS, sizeof(*batch));
	struct arena texts = {0};
	struct store *s;
	struct err e = {0};

	snprintf(path, sizeof(path), "/tmp/c1v-scan-%d.db", (int)getpid());
	vectors = mem_zero(CHUNKS, DIMS * sizeof(*vectors));
	s = open_store(STORE_WRITE);
	for (int i = 0; i < CHUNKS; i++) {
		char *text = arena_format(&texts, "number%d of%d many%d", i, i % 700, i % 3);

		random_vector(vectors + i * DIMS);
		rows[i] = (struct chunk_row){.id = slice_of(arena_format(&texts, "t%05d", i)),
		    .content = slice_of(text), .vector = vectors + i * DIMS};
		documents[i] = (struct document_row){.id = rows[i].id, .chunks = &rows[i], .count = 1,
		    .model = slice_of("m"), .dims = DIMS};
		batch[i] = &documents[i];
	}
	CHECK_INT(store_write(s, batch, CHUNKS, &options, &counts, &e), 0);
	arena_free(&texts);
	free(rows);
	free(documents);
	free(batch);
	/* Blocks that are not there, alone, side by side and at the end. */
	CHECK_INT(sqlite_exec(sqlite_of(s), "DELETE FROM \"{c}_block\" WHERE id IN (2, 5, 6, 20)", &e), 0);
	CHECK_INT(store_close(s, &e), 0);
}

static void
drop_collection(void)
{
	static const char *const ends[] = {"", "-wal", "-shm", ".lock"};

	for (size_t i = 0; i < 4; i++) {
		char name[80];
		snprintf(name, sizeof(name), "%s%s", path, ends[i]);
		unlink(name);
	}
	free(vectors);
}

/* --- the scan alone ------------------------------------------------------------ */

struct worker {
	struct vector_leg *leg;
	struct vector_scan *scan;
	struct err err;
	int rc;
};

static void *
work(void *arg)
{
	struct worker *w = arg;

	w->rc = vector_work(w->leg, w->scan, &w->err);
	return NULL;
}

static int
has_block(int64_t slot)
{
	int64_t id = slot >> BLOCK_BITS;

	return id != 2 && id != 5 && id != 6 && id != 20;
}

/* The slot of the n-th best vector by plain comparison. */
static int64_t
nth_best(const float *unit, size_t n)
{
	static double score[CHUNKS];
	int64_t best = 0;

	for (int i = 0; i < CHUNKS && n == 0; i++) {
		double dot = 0, square = 0;

		for (int k = 0; k < DIMS; k++) {
			dot += (double)unit[k] * (double)vectors[i * DIMS + k];
			square += (double)vectors[i * DIMS + k] * (double)vectors[i * DIMS + k];
		}
		score[i] = has_block(i + 1) ? dot / sqrt(square) : -3;
	}
	for (int i = 0; i < CHUNKS; i++)
		if (score[i] > score[best])
			best = i;
	score[best] = -4;
	return best + 1;
}

TEST(two_connections_share_a_scan)
{
	struct store *s = open_store(STORE_READ);
	struct slot_set every = {0};
	float unit[DIMS];
	struct vector_query q = {.unit = unit, .dims = DIMS, .allowed = &every,
	    .slots = (CHUNKS / BLOCK_SLOTS + 1) * BLOCK_SLOTS, .limit = LIMIT, .sure = LIMIT,
	    .min_score = -2, .generation = 1};
	struct vector_scan *scan = vector_scan_new();
	struct worker w[2] = {{.scan = scan}, {.scan = scan}};
	struct db second = {.lock_fd = -1};
	struct err e = {0};

	CHECK_INT(sqlite_second(sqlite_of(s), &second, &e), 0);
	CHECK_INT(vector_open(&sqlite_of(s)->db, "documents", &w[0].leg, &e), 0);
	CHECK_INT(vector_open(&second, "documents", &w[1].leg, &e), 0);
	for (int round = 0; round < ROUNDS; round++) {
		struct leg_item items[LIMIT];
		uint64_t scanned = 0, rescored = 0;
		size_t count = 0;
		pthread_t thread;

		random_vector(unit);
		vec_unit(unit, DIMS, unit);
		q.keep = round >= ROUNDS / 2; /* the first of these reads, the others find it kept */
		vector_start(scan, &q);
		CHECK_INT(pthread_create(&thread, NULL, work, &w[1]), 0);
		work(&w[0]);
		pthread_join(thread, NULL);
		CHECK_INT(w[0].rc, 0);
		CHECK_INT(w[1].rc, 0);
		CHECK_INT(vector_finish(w[0].leg, scan, w[1].leg, items, &count, &scanned, &rescored, &e), 0);
		CHECK_INT(count, LIMIT);
		CHECK_INT(scanned, CHUNKS - 3 * BLOCK_SLOTS - (CHUNKS - 20 * BLOCK_SLOTS + 1));
		for (size_t i = 0; i < count; i++)
			CHECK_INT(items[i].key, nth_best(unit, i));
	}
	vector_close(w[0].leg);
	vector_close(w[1].leg);
	vector_scan_free(scan);
	db_close(&second);
	CHECK_INT(store_close(s, &e), 0);
}

/* --- a whole search -------------------------------------------------------------- */

TEST(both_legs_at_once_give_the_same_every_time)
{
	float v[DIMS];
	struct search_query q = {.text = slice_of("number77 of12 many1"), .vector = v, .dims = DIMS,
	    .mode = SEARCH_HYBRID, .fuse = FUSE_ZSCORE, .rrf_k = 60, .weight_vector = 0.5,
	    .weight_keyword = 0.5, .limit = 10, .candidates = 100, .min_score = -2, .mmr = -1};
	struct buf first = {0};
	struct err e = {0};

	random_vector(v);
	for (int round = 0; round < ROUNDS; round++) {
		struct store *s = open_store(STORE_READ);
		struct search_hits hits = {0};
		struct buf ids = {0};

		/* The second time with codes that were kept. */
		for (int again = 0; again < 3; again++)
			CHECK_INT(store_search(s, &q, &hits, &e), 0);
		CHECK_INT(hits.count, 10);
		for (size_t i = 0; i < hits.count; i++)
			buf_format(&ids, "%.*s %.17g\n", (int)hits.items[i].id.n, hits.items[i].id.p,
			    hits.items[i].score);
		if (round == 0)
			buf_slice(&first, buf_as_slice(&ids));
		CHECK(slice_equal(buf_as_slice(&ids), buf_as_slice(&first)));
		buf_free(&ids);
		search_hits_free(&hits);
		CHECK_INT(store_close(s, &e), 0);
	}
	buf_free(&first);
}

/* --- damage ------------------------------------------------------------------------ */

TEST(a_block_of_another_size_is_damage)
{
	float v[DIMS] = {1};
	struct search_query q = {.text = slice_of("many1"), .vector = v, .dims = DIMS,
	    .mode = SEARCH_HYBRID, .limit = 10, .candidates = 100, .min_score = -2, .mmr = -1};
	struct store *s = open_store(STORE_WRITE);
	struct search_hits hits = {0};
	struct err e = {0};

	CHECK_INT(sqlite_exec(sqlite_of(s), "UPDATE \"{c}_block\" SET codes = x'00' WHERE id = 9", &e), 0);
	CHECK_INT(store_close(s, &e), 0);
	s = open_store(STORE_READ);
	CHECK_INT(store_search(s, &q, &hits, &e), C1V_DATA);
	CHECK(strstr(e.text, "block 9 of documents: size check") != NULL);
	q.mode = SEARCH_KEYWORD;
	CHECK_INT(store_search(s, &q, &hits, &e), 0);
	search_hits_free(&hits);
	CHECK_INT(store_close(s, &e), 0);
}

int
main(void)
{
	int rc;

	make_collection();
	rc = test_run();
	drop_collection();
	return rc;
}

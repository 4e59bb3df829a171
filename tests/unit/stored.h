/* stored: a small store for the tests that cut and damage it, and what it
 * answers, boiled down to a number: two states are the same when these are. */
#ifndef C1V_STORED_H
#define C1V_STORED_H

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/store.h"

enum { STORED_DIMS = 16 };

/* A file in memory. */
struct image {
	uint8_t *p;
	size_t n;
};

static char stored_directory[64], stored_path[96];

static inline void
stored_make_directory(void)
{
	/* Nothing here is about power cuts: memory is as good, and faster. */
	const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	snprintf(stored_directory, sizeof(stored_directory), "%s/c1v-stored-XXXXXX", parent);
	if (mkdtemp(stored_directory) == NULL)
		abort();
	snprintf(stored_path, sizeof(stored_path), "%s/s.db", stored_directory);
}

static inline void
stored_remove(const char *ending)
{
	char name[128];

	snprintf(name, sizeof(name), "%s%s", stored_path, ending);
	unlink(name);
}

static inline void
stored_remove_all(void)
{
	stored_remove("");
	stored_remove("-wal");
	stored_remove("-shm");
	stored_remove(".lock");
}

static inline struct image
stored_read(const char *ending)
{
	struct image f = {0};
	struct stat st;
	char name[128];
	int fd;

	snprintf(name, sizeof(name), "%s%s", stored_path, ending);
	fd = open(name, O_RDONLY);
	if (fd < 0 || fstat(fd, &st) != 0)
		abort();
	f.n = (size_t)st.st_size;
	f.p = mem_alloc(f.n);
	if (read(fd, f.p, f.n) != (ssize_t)f.n)
		abort();
	close(fd);
	return f;
}

/* The first bytes of one image, then those of the other from there on. */
static inline void
stored_write(const char *ending, const struct image *first, size_t n, const struct image *rest)
{
	char name[128];
	int fd;

	snprintf(name, sizeof(name), "%s%s", stored_path, ending);
	fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, first->p, n) != (ssize_t)n)
		abort();
	if (rest != NULL && rest->n > n && write(fd, rest->p + n, rest->n - n) != (ssize_t)(rest->n - n))
		abort();
	close(fd);
}

static inline int
stored_is(const char *ending, const struct image *f)
{
	struct image now = stored_read(ending);
	int same = now.n == f->n && memcmp(now.p, f->p, f->n) == 0;

	free(now.p);
	return same;
}

static inline struct store_options
stored_options(enum store_mode mode)
{
	return (struct store_options){.url = stored_path, .collection = "documents", .mode = mode, .wait = 5};
}

/* So many times the usual number of tries: C1V_TEST_SCALE, for a release. */
static inline unsigned
stored_scale(void)
{
	const char *text = getenv("C1V_TEST_SCALE");
	int n = text ? atoi(text) : 1;

	return n > 1 ? (unsigned)n : 1;
}

/* The same for the same seed on every machine. */
static inline uint64_t
stored_random(uint64_t *seed) /* xorshift64 (Marsaglia 2003) */
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* A document of two chunks: words that are common and rare, vectors. */
struct stored_document {
	struct document_row row;
	struct chunk_row chunks[2];
	float vectors[2][STORED_DIMS];
};

/* Document `number` in its edition; texts are the arena's. */
static inline void
stored_make(struct stored_document *d, unsigned number, unsigned edition, struct arena *a)
{
	uint64_t seed = 88172645463325252u + number * 1000003u + edition;

	*d = (struct stored_document){.row = {.id = slice_of(arena_format(a, "d%u", number)), .chunks = d->chunks,
	    .count = 2, .model = slice_of("m"), .dims = STORED_DIMS}};
	for (unsigned c = 0; c < 2; c++) {
		struct buf content = {0};

		buf_format(&content, "edition %u of document %u part %u", edition, number, c);
		for (int w = 0; w < 12; w++)
			buf_format(&content, " word%u", (unsigned)(stored_random(&seed) % (1 + stored_random(&seed) % 60)));
		for (int i = 0; i < STORED_DIMS; i++)
			d->vectors[c][i] = (float)(int64_t)(stored_random(&seed) % 2001) - 1000;
		d->chunks[c] = (struct chunk_row){.id = slice_of(arena_format(a, "d%u#%u", number, c)),
		    .content = {arena_bytes(a, content.data, content.len), content.len},
		    .index = c, .vector = d->vectors[c], .metadata = slice_of("{\"type\":\"t\"}"),
		    .place = slice_of(c ? "{\"index\":1,\"of\":2}" : "{\"index\":0,\"of\":2}")};
		buf_free(&content);
	}
}

/* A batch: documents first … last - 1 in this edition. */
static inline int
stored_batch(struct store *s, unsigned first, unsigned last, unsigned edition, struct err *e)
{
	struct put_options options = {0};
	struct put_counts counts = {0};
	struct arena texts = {0};
	struct stored_document *d = mem_zero(last - first, sizeof(*d));
	const struct document_row **rows = mem_zero(last - first, sizeof(*rows));
	int rc;

	for (unsigned i = first; i < last; i++) {
		stored_make(&d[i - first], i, edition, &texts);
		rows[i - first] = &d[i - first].row;
	}
	rc = store_write(s, rows, last - first, &options, &counts, e);
	free(rows);
	free(d);
	arena_free(&texts);
	return rc;
}

/* For store_verify(): the code says enough. */
static inline void
stored_finding(void *arg, const char *text)
{
	(void)arg;
	(void)text;
}

/* --- answers as numbers ------------------------------------------------------ */

static inline void
sum_bytes(uint64_t *sum, const void *p, size_t n) /* FNV-1a (Fowler, Noll, Vo) */
{
	const uint8_t *b = p;

	for (size_t i = 0; i < n; i++)
		*sum = (*sum ^ b[i]) * 0x100000001b3u;
}

static inline void
sum_slice(uint64_t *sum, struct slice s)
{
	sum_bytes(sum, &s.n, sizeof(s.n));
	if (s.n > 0)
		sum_bytes(sum, s.p, s.n);
}

static inline int
sum_chunk(void *arg, const struct stored_chunk *c, struct err *e)
{
	(void)e;
	sum_slice(arg, c->id);
	sum_slice(arg, c->document);
	sum_slice(arg, c->content);
	sum_slice(arg, c->metadata);
	sum_slice(arg, c->place);
	sum_bytes(arg, &c->index, sizeof(c->index));
	if (c->vector != NULL)
		sum_bytes(arg, c->vector, c->dims * sizeof(float));
	return 0;
}

/* Everything that is in the store. 0 and the sum, or the error's code. */
static inline int
stored_sum(uint64_t *sum, struct err *e)
{
	struct store_options o = stored_options(STORE_READ);
	struct err closing = {0};
	struct store *s;
	int rc = store_open(&o, &s, e);

	*sum = 0xcbf29ce484222325u;
	if (rc != 0)
		return rc;
	rc = store_export(s, sum_chunk, sum, e);
	store_close(s, &closing);
	return rc;
}

#endif

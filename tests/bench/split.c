/* split: how fast the splitter alone is, in memory.
 *
 *     split [SIZE [OVERLAP [BY]]] < TEXT
 *
 * The text is split at least five times and for at least a second; the best
 * time counts. Prints one JSON line. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/utf8.h"
#include "text/chunk.h"

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
count(void *arg, const struct chunk *c)
{
	size_t *chunks = arg;

	(void)c;
	++*chunks;
}

static void
read_all(struct buf *b)
{
	size_t n;

	do {
		n = fread(buf_reserve(b, 1 << 20), 1, 1 << 20, stdin);
		b->len += n;
	} while (n > 0);
}

int
main(int argc, char **argv)
{
	struct chunk_options o = {
		.by = argc > 3 ? (enum chunk_by)atoi(argv[3]) : CHUNK_RECURSIVE,
		.size = argc > 1 ? (size_t)atol(argv[1]) : CHUNK_SIZE,
		.overlap = argc > 2 ? (size_t)atol(argv[2]) : CHUNK_OVERLAP
	};
	struct chunker *c;
	struct err e;
	struct buf text = {0};
	double best = 1e9, began = now();
	size_t chunks = 0;

	read_all(&text);
	if (utf8_valid(text.data, text.len) != text.len || chunk_open(&c, &o, &e) != 0)
		return 1;
	for (int i = 0; i < 5 || now() - began < 1; i++) {
		double t = now();

		chunks = 0;
		chunk_split(c, buf_as_slice(&text), count, &chunks);
		t = now() - t;
		best = t < best ? t : best;
	}
	printf("{\"bench\":\"split\",\"bytes\":%zu,\"ascii\":%s,\"chunks\":%zu,\"seconds\":%.6f,\"mb_per_s\":%.0f}\n",
	    text.len, utf8_ascii(text.data, text.len) == text.len ? "true" : "false", chunks, best,
	    (double)text.len / best / 1e6);
	chunk_close(c);
	buf_free(&text);
	return 0;
}

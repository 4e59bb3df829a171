/* tokens: how fast texts become tokens, in memory.
 *
 *     tokens TABLE.c1vb < TEXT
 *
 * Prints one JSON line: microseconds to open the table, and for counting and
 * for encoding megabytes of text a second of processor time, the best of some
 * rounds, each beginning with nothing remembered. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "record/record.h"
#include "text/bpe.h"

enum { ROUNDS = 7 };

static double
cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
fail(const struct err *e)
{
	fprintf(stderr, "tokens: %s\n", e->text);
	exit(e->code);
}

int
main(int argc, char **argv)
{
	double start, open_s = 1, count_s = 1e9, encode_s = 1e9, took;
	struct bpe_ids ids = {0};
	struct err e = {0};
	struct file text;
	struct bpe *b;

	if (argc != 2) {
		fprintf(stderr, "usage: tokens TABLE.c1vb < TEXT\n");
		return C1V_USAGE;
	}
	if (file_open(&text, "-", (size_t)-1, &e) != 0)
		fail(&e);
	for (int i = 0; i < 2 * ROUNDS; i++) {
		start = cpu();
		if (bpe_open(&b, argv[1], &e) != 0)
			fail(&e);
		took = cpu() - start;
		open_s = took < open_s ? took : open_s;
		start = cpu();
		ids.count = 0;
		if (i % 2)
			bpe_encode(b, text.text, &ids);
		else
			bpe_count(b, text.text);
		took = cpu() - start;
		if (i % 2)
			encode_s = took < encode_s ? took : encode_s;
		else
			count_s = took < count_s ? took : count_s;
		bpe_close(b);
	}
	printf("{\"open_us\":%.1f,\"tokens\":%zu,\"count_ms\":%.2f,\"count_mb_s\":%.1f,\"encode_mb_s\":%.1f}\n",
	    open_s * 1e6, ids.count, count_s * 1e3, (double)text.text.n / 1e6 / count_s,
	    (double)text.text.n / 1e6 / encode_s);
	file_close(&text);
	free(ids.items);
	return 0;
}

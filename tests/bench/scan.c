/* scan FILE: how fast the lines of an NDJSON file are scanned, in memory on one
 * core, by processor time. Writes {"name":"record scan","mb_per_s":…}. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int
count_member(void *arg, struct slice key, struct slice value, struct err *e)
{
	(void)e;
	*(size_t *)arg += key.n + value.n;
	return 0;
}

static int
load(const char *path, struct buf *text)
{
	FILE *f = fopen(path, "rb");
	size_t n;

	if (f == NULL)
		return -1;
	do {
		n = fread(buf_reserve(text, 1 << 20), 1, 1 << 20, f);
		text->len += n;
	} while (n);
	n = ferror(f) != 0;
	fclose(f);
	return n ? -1 : 0;
}

static size_t /* the bytes of members seen, so that nothing is left out */
scan_lines(struct slice text)
{
	const char *p = text.p, *end = text.p + text.n, *stop;
	size_t seen = 0;
	struct err e;

	for (; p < end; p = stop + 1) {
		stop = memchr(p, '\n', (size_t)(end - p));
		if (stop == NULL)
			stop = end;
		if (json_scan_object((struct slice){p, (size_t)(stop - p)}, count_member, &seen, &e) != 0) {
			fprintf(stderr, "scan: %s\n", e.text);
			exit(C1V_DATA);
		}
	}
	return seen;
}

int
main(int argc, char **argv)
{
	struct buf text = {0};
	size_t bytes = 0, seen = 0;
	double start, now;

	if (argc != 2 || load(argv[1], &text) != 0 || text.len == 0) {
		fprintf(stderr, "usage: scan FILE (NDJSON, not empty)\n");
		return C1V_USAGE;
	}
	start = seconds();
	do {
		seen += scan_lines(buf_as_slice(&text));
		bytes += text.len;
		now = seconds();
	} while (now - start < 1);
	printf("{\"name\":\"record scan\",\"mb_per_s\":%.0f}\n", (double)bytes / (now - start) / 1e6);
	buf_free(&text);
	return seen ? 0 : 1;
}

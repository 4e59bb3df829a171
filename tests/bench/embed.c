/* embed: how fast the local model is, in memory.
 *
 *     embed MODEL.c1vm < CHUNKS.ndjson
 *
 * Prints one JSON line: microseconds to open the model; megabytes of text a
 * second of processor time (the best of some rounds) for text to ids, and for
 * text to vector on each code path that runs here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "embed/accumulate.h"
#include "embed/embed.h"
#include "embed/wordpiece.h"
#include "record/record.h"

enum { ROUNDS = 7, OPENS = 200, BATCH = 64 };

struct texts {
	struct slice *v;
	size_t n, room, bytes;
	struct arena arena;
};

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
	fprintf(stderr, "embed: %s\n", e->text);
	exit(e->code);
}

static void
read_texts(struct texts *t)
{
	struct input *in = input_open(&(struct input_options){0});
	struct buf scratch = {0};
	struct record r;
	struct slice text;
	struct line line;
	struct err e;
	int got;

	while ((got = input_line(in, &line, &e)) > 0) {
		scratch.len = 0;
		if (record_scan(line.text, &r, &e) != 0 ||
		    record_text(r.content, "content", &scratch, &text, &e) != 1)
			fail(&e);
		mem_grow(&t->v, &t->room, t->n + 1, sizeof(*t->v));
		t->v[t->n++] = (struct slice){arena_bytes(&t->arena, text.p, text.n), text.n};
		t->bytes += text.n;
	}
	if (got < 0)
		fail(&e);
	buf_free(&scratch);
	input_close(in);
}

static double
ids_rate(const struct texts *t, const char *path, size_t *count)
{
	static uint32_t ids[WORDPIECE_ROOM];
	struct wordpiece w;
	struct model m;
	struct err e;
	double best = 0;

	if (model_open(&m, path, &e) != 0)
		fail(&e);
	wordpiece_open(&w, &m);
	for (int round = 0; round < ROUNDS; round++) {
		double began = cpu(), rate;

		*count = 0;
		for (size_t i = 0; i < t->n; i++) {
			struct slice text = t->v[i];
			while (text.n)
				*count += wordpiece_ids(&w, &text, ids, WORDPIECE_ROOM);
		}
		rate = (double)t->bytes / 1e6 / (cpu() - began);
		best = rate > best ? rate : best;
	}
	wordpiece_close(&w);
	model_close(&m);
	return best;
}

static struct embedder *
open_model(const char *path)
{
	struct embedder *m;
	struct buf name = {0};
	struct err e;

	buf_format(&name, "local:%s", path);
	if (embed_open(buf_cstr(&name), "", &m, &e) != 0)
		fail(&e);
	buf_free(&name);
	return m;
}

static double
vector_rate(const struct texts *t, const char *path, const char *simd)
{
	struct embedder *m;
	uint8_t known[BATCH];
	float *out;
	struct err e;
	double best = 0;

	setenv("C1V_SIMD", simd, 1);
	m = open_model(path);
	out = mem_zero(BATCH * embed_dims(m), sizeof(*out));
	for (int round = 0; round < ROUNDS; round++) {
		double began = cpu(), rate;

		for (size_t i = 0; i < t->n; i += BATCH) {
			size_t n = t->n - i < BATCH ? t->n - i : BATCH;
			if (embed_texts(m, EMBED_DOCUMENT, t->v + i, n, out, known, &e) != 0)
				fail(&e);
		}
		rate = (double)t->bytes / 1e6 / (cpu() - began);
		best = rate > best ? rate : best;
	}
	free(out);
	embed_close(m);
	return best;
}

static double
open_time(const char *path)
{
	double best = 1e9;

	for (int i = 0; i < OPENS; i++) {
		double began = cpu(), took;
		struct embedder *m = open_model(path);

		took = (cpu() - began) * 1e6;
		best = took < best ? took : best;
		embed_close(m);
	}
	return best;
}

int
main(int argc, char **argv)
{
	static const char *const paths[] = {"avx512", "avx2", "neon", "scalar"};
	struct texts t = {0};
	size_t count;
	double rate;

	if (argc != 2) {
		fprintf(stderr, "usage: embed MODEL.c1vm < CHUNKS.ndjson\n");
		return 64;
	}
	read_texts(&t);
	rate = ids_rate(&t, argv[1], &count);
	printf("{\"texts\":%zu,\"bytes\":%zu,\"ids\":%zu,\"open_us\":%.1f,\"ids_mb_s\":%.1f", t.n, t.bytes,
	    count, open_time(argv[1]), rate);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (accumulate_find(paths[i]) != NULL)
			printf(",\"%s_mb_s\":%.1f", paths[i], vector_rate(&t, argv[1], paths[i]));
	}
	printf("}\n");
	free(t.v);
	arena_free(&t.arena);
	return 0;
}

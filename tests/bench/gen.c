/* gen: records for measuring, the same for the same arguments.
 *
 *     gen records COUNT DIMS CHARS [SEED]   chunk records with base64 vectors
 *     gen queries COUNT DIMS [SEED]         query records near those vectors
 *     gen text    MEGABYTES [SEED]          NDJSON documents of words
 *
 * Words follow Zipf's law over 60,000 made-up words, as in real text. Vectors
 * are unit vectors around 1,000 centres, ten documents' worth of chunks each. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "record/record.h"
#include "store/vec.h"

enum { WORDS = 60000, CENTRES = 1000, PER_DOCUMENT = 10 };

struct random { uint64_t s; };

static uint64_t
random_next(struct random *r) /* splitmix64 (Steele, Lea, Flood 2014) */
{
	uint64_t z = r->s += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static double
random_real(struct random *r)
{
	return (double)(random_next(r) >> 11) * 0x1p-53;
}

static float
random_normal(struct random *r) /* Box and Muller */
{
	double u = random_real(r), v = random_real(r);

	return (float)(sqrt(-2 * log(1 - u)) * cos(6.283185307179586 * v));
}

/* Rank of a word by Zipf's law: the inverse of its smoothed distribution. */
static unsigned
random_rank(struct random *r)
{
	return (unsigned)(exp(random_real(r) * log(WORDS)) - 1);
}

static void
add_word(struct buf *b, unsigned rank)
{
	static const char *const parts[] = {"ba", "ce", "di", "fo", "gu", "ha", "le", "mi",
	    "no", "pu", "ra", "se", "ti", "vo", "wu", "ze"};

	for (rank = rank * 7 + 3; rank; rank /= 16)
		buf_string(b, parts[rank % 16]);
}

static void
add_text(struct buf *b, struct random *r, size_t chars)
{
	size_t end = b->len + chars;

	while (b->len < end) {
		add_word(b, random_rank(r));
		buf_string(b, random_next(r) % 12 == 0 ? ". " : " ");
	}
}

static float *
make_centres(size_t dims)
{
	struct random r = {42};
	float *c = mem_zero(CENTRES * dims, sizeof(*c));

	for (size_t i = 0; i < CENTRES * dims; i++)
		c[i] = random_normal(&r);
	for (size_t i = 0; i < CENTRES; i++)
		vec_unit(c + i * dims, dims, c + i * dims);
	return c;
}

/* A unit vector whose cosine to the centre is about 0.7. */
static void
near_centre(struct random *r, const float *centre, size_t dims, float *out)
{
	for (size_t i = 0; i < dims; i++)
		out[i] = centre[i] + random_normal(r) / sqrtf((float)dims);
	vec_unit(out, dims, out);
}

static void
put(struct buf *b)
{
	buf_byte(b, '\n');
	fwrite(b->data, 1, b->len, stdout);
	b->len = 0;
}

static void
records(size_t count, size_t dims, size_t chars, struct random r)
{
	float *centres = make_centres(dims), *v = mem_zero(dims, sizeof(*v));
	struct buf b = {0};

	for (size_t i = 0; i < count; i++) {
		size_t doc = i / PER_DOCUMENT, of = count - doc * PER_DOCUMENT;
		buf_format(&b, "{\"id\":\"doc%zu#%zu\",\"doc\":\"doc%zu\",\"content\":\"", doc, i % PER_DOCUMENT, doc);
		add_text(&b, &r, chars);
		near_centre(&r, centres + doc % CENTRES * dims, dims, v);
		buf_format(&b, "\",\"metadata\":{\"type\":\"t%zu\"},\"chunk\":{\"index\":%zu,\"of\":%zu},\"embedding\":",
		    doc % 10, i % PER_DOCUMENT, of < PER_DOCUMENT ? of : PER_DOCUMENT);
		record_add_vector(&b, v, dims, 1);
		buf_format(&b, ",\"model\":\"bench-%zu\",\"dims\":%zu}", dims, dims);
		put(&b);
	}
	free(centres);
	free(v);
	buf_free(&b);
}

static void
queries(size_t count, size_t dims, struct random r)
{
	float *centres = make_centres(dims), *v = mem_zero(dims, sizeof(*v));
	struct buf b = {0};

	for (size_t i = 0; i < count; i++) {
		buf_format(&b, "{\"id\":\"q%zu\",\"query\":\"", i);
		for (int w = 0; w < 6; w++) {
			add_word(&b, random_rank(&r));
			buf_byte(&b, ' ');
		}
		near_centre(&r, centres + random_next(&r) % CENTRES * dims, dims, v);
		buf_string(&b, "\",\"embedding\":");
		record_add_vector(&b, v, dims, 1);
		buf_format(&b, ",\"model\":\"bench-%zu\"}", dims);
		put(&b);
	}
	free(centres);
	free(v);
	buf_free(&b);
}

static void
text(size_t megabytes, struct random r)
{
	struct buf b = {0};

	for (size_t done = 0, i = 0; done < megabytes << 20; i++) {
		size_t start;
		buf_format(&b, "{\"id\":\"doc%zu\",\"content\":\"", i);
		start = b.len;
		for (size_t n = 20 + random_next(&r) % 60; n > 0; n--) {
			add_text(&b, &r, 100 + random_next(&r) % 900);
			buf_string(&b, n % 4 ? "\\n" : "\\n\\n");
		}
		done += b.len - start;
		buf_string(&b, "\"}");
		put(&b);
	}
	buf_free(&b);
}

static size_t
argument(int argc, char **argv, int i, size_t fallback)
{
	return argc > i ? (size_t)strtoull(argv[i], NULL, 10) : fallback;
}

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (strcmp(what, "records") == 0)
		records(argument(argc, argv, 2, 1000), argument(argc, argv, 3, 256),
		    argument(argc, argv, 4, 640), (struct random){argument(argc, argv, 5, 1)});
	else if (strcmp(what, "queries") == 0)
		queries(argument(argc, argv, 2, 100), argument(argc, argv, 3, 256),
		    (struct random){argument(argc, argv, 4, 2)});
	else if (strcmp(what, "text") == 0)
		text(argument(argc, argv, 2, 20), (struct random){argument(argc, argv, 3, 3)});
	else {
		fprintf(stderr, "usage: gen records|queries|text COUNT …\n");
		return 64;
	}
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 74;
}

#include "base/nearest.h"

enum { NEAREST_LENGTH = 40 }; /* longer words are no slips of an option's name */

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Optimal string alignment distance, three rows of the table at a time. */
static size_t
distance(struct slice a, struct slice b)
{
	size_t rows[3][NEAREST_LENGTH + 1];

	for (size_t j = 0; j <= b.n; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		size_t *now = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			size_t d = above[j - 1] + (a.p[i - 1] != b.p[j - 1]);

			d = least(d, least(above[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
				d = least(d, two_above[j - 2] + 1);
			now[j] = d;
		}
	}
	return rows[a.n % 3][b.n];
}

struct nearest
nearest_to(struct slice word)
{
	return (struct nearest){.word = word, .best = SLICE_NONE, .distance = word.n / 3 + 2};
}

void
nearest_try(struct nearest *n, struct slice name)
{
	size_t d;

	if (n->word.n == 0 || n->word.n > NEAREST_LENGTH || name.n > NEAREST_LENGTH)
		return;
	if (name.n > n->word.n && n->word.n > 1 && memcmp(name.p, n->word.p, n->word.n) == 0)
		d = 1;
	else
		d = distance(n->word, name);
	if (d < n->distance) {
		n->best = name;
		n->distance = d;
	}
}

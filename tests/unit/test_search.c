#include "store/search.h"

#include <stdint.h>
#include <stdlib.h>

#include "store/vec.h"
#include "test.h"

enum { MOST = 40, DIMS = 3 };

static struct search_candidate
item(double score, const char *id, int64_t content, int64_t document)
{
	return (struct search_candidate){.score = score, .id = slice_of(id), .content = content, .document = document};
}

/* --- ranking ---------------------------------------------------------------- */

TEST(rank_is_by_score_then_id)
{
	struct search_candidate v[] = {item(1, "b#10", 1, 1), item(2, "z", 2, 2), item(1, "b#1", 3, 3), item(1, "a", 4, 4)};

	search_rank(v, 4);
	CHECK_MEM(v[0].id.p, v[0].id.n, "z");
	CHECK_MEM(v[1].id.p, v[1].id.n, "a");
	CHECK_MEM(v[2].id.p, v[2].id.n, "b#1");
	CHECK_MEM(v[3].id.p, v[3].id.n, "b#10");
	search_rank(NULL, 0);
}

/* --- choosing --------------------------------------------------------------- */

static const struct search_rules plain = {.limit = 10, .mmr = -1};

TEST(choosing_keeps_the_order)
{
	struct search_candidate v[] = {item(3, "a", 1, 1), item(2, "b", 1, 1), item(1, "c", 2, 2)};
	struct search_rules rules = plain;
	size_t chosen[3] = {9, 9, 9};

	CHECK_INT(search_choose(&rules, v, 3, chosen), 3);
	CHECK(chosen[0] == 0 && chosen[1] == 1 && chosen[2] == 2);
	rules.limit = 2;
	CHECK_INT(search_choose(&rules, v, 3, chosen), 2);
	rules.limit = 0;
	CHECK_INT(search_choose(&rules, v, 3, chosen), 0);
	CHECK_INT(search_choose(&plain, NULL, 0, NULL), 0);
}

TEST(identical_content_is_shown_once)
{
	struct search_candidate v[] = {item(3, "a", 7, 1), item(2, "b", 7, 2), item(1, "c", 8, 3), item(0, "d", 7, 4)};
	struct search_rules rules = plain;
	size_t chosen[4];

	rules.collapse = 1;
	CHECK_INT(search_choose(&rules, v, 4, chosen), 2);
	CHECK(chosen[0] == 0 && chosen[1] == 2);
}

TEST(so_many_of_a_document)
{
	struct search_candidate v[] = {item(5, "a", 1, 1), item(4, "b", 2, 1), item(3, "c", 3, 1),
	    item(2, "d", 3, 2), item(1, "e", 5, 1)};
	struct search_rules rules = plain;
	size_t chosen[5];

	rules.per_document = 2;
	rules.collapse = 1;
	/* c is one too many of its document, which does not hide d with its content. */
	CHECK_INT(search_choose(&rules, v, 5, chosen), 3);
	CHECK(chosen[0] == 0 && chosen[1] == 1 && chosen[2] == 3);
}

TEST(mmr_by_hand)
{
	static const float x[] = {1, 0, 0}, near_x[] = {0.8f, 0.6f, 0}, y[] = {0, 1, 0};
	struct search_candidate v[] = {item(0.9, "a", 1, 1), item(0.8, "b", 2, 2), item(0.5, "c", 3, 3)};
	struct search_rules rules = {.limit = 3, .mmr = 0.5, .cosines = 1, .dims = DIMS};
	size_t chosen[3];

	v[0].unit = x;
	v[1].unit = near_x;
	v[2].unit = y;
	/* Behind a: b is worth 0.4 - 0.4 = 0, c 0.25 - 0 = 0.25. */
	CHECK_INT(search_choose(&rules, v, 3, chosen), 3);
	CHECK(chosen[0] == 0 && chosen[1] == 2 && chosen[2] == 1);
	rules.mmr = 0.8; /* b 0.64 - 0.16 = 0.48, c 0.4 */
	CHECK_INT(search_choose(&rules, v, 3, chosen), 3);
	CHECK(chosen[0] == 0 && chosen[1] == 1 && chosen[2] == 2);
	/* Scaled to 1, 0.75, 0: with 0.5 b is worth 0.375 - 0.4, c 0. */
	rules.mmr = 0.5;
	rules.cosines = 0;
	CHECK_INT(search_choose(&rules, v, 2 + 1, chosen), 3);
	CHECK(chosen[1] == 2);
	rules.mmr = 0.6; /* b 0.45 - 0.32 = 0.13 */
	CHECK_INT(search_choose(&rules, v, 3, chosen), 3);
	CHECK(chosen[1] == 1);
}

TEST(mmr_without_vectors_is_the_order)
{
	struct search_candidate v[] = {item(3, "a", 1, 1), item(2, "b", 2, 2), item(1, "c", 3, 3)};
	struct search_rules rules = {.limit = 3, .mmr = 0.3, .dims = DIMS};
	size_t chosen[3];

	CHECK_INT(search_choose(&rules, v, 3, chosen), 3);
	CHECK(chosen[0] == 0 && chosen[1] == 1 && chosen[2] == 2);
	rules.limit = 2;
	rules.mmr = 0; /* nothing but diversity: ties by rank */
	CHECK_INT(search_choose(&rules, v, 3, chosen), 2);
	CHECK(chosen[0] == 0 && chosen[1] == 1);
}

/* --- against a naive choice --------------------------------------------------- */

static int
naive_eligible(const struct search_rules *r, const struct search_candidate *v, const size_t *chosen, size_t n, size_t i)
{
	size_t of_document = 0;

	for (size_t k = 0; k < n; k++) {
		if (chosen[k] == i || (r->collapse && v[chosen[k]].content == v[i].content))
			return 0;
		of_document += v[chosen[k]].document == v[i].document;
	}
	return r->per_document == 0 || of_document < r->per_document;
}

static double
naive_worth(const struct search_rules *r, const struct search_candidate *v, size_t count, const size_t *chosen, size_t n, size_t i)
{
	double range = v[0].score - v[count - 1].score, most = n ? -2 : 0, worth;

	for (size_t k = 0; k < n; k++) {
		const float *a = v[i].unit, *b = v[chosen[k]].unit;
		double like = a && b ? (double)vec_dot(a, b, DIMS) : 0;
		most = like > most ? like : most;
	}
	if (r->mmr < 0)
		return -(double)i;
	worth = r->mmr * (r->cosines ? v[i].score : range > 0 ? (v[i].score - v[count - 1].score) / range : 1);
	worth -= (1 - r->mmr) * most;
	return worth;
}

static size_t
naive(const struct search_rules *r, const struct search_candidate *v, size_t count, size_t *chosen)
{
	size_t n = 0;

	while (n < r->limit) {
		size_t best = count;
		double best_worth = 0;

		for (size_t i = 0; i < count; i++) {
			double worth = naive_worth(r, v, count, chosen, n, i);
			if (naive_eligible(r, v, chosen, n, i) && (best == count || worth > best_worth)) {
				best = i;
				best_worth = worth;
			}
		}
		if (best == count)
			break;
		chosen[n++] = best;
	}
	return n;
}

TEST(choice_equals_a_naive_one)
{
	static const char *const ids[] = {"a", "b", "c", "d"};
	float units[MOST][DIMS];
	struct search_candidate v[MOST];
	size_t chosen[MOST], expected[MOST];

	srand(11);
	for (int round = 0; round < 3000; round++) {
		size_t count = (size_t)rand() % MOST, n;
		struct search_rules rules = {.limit = (size_t)rand() % 20, .per_document = (size_t)rand() % 4,
		    .collapse = rand() % 2, .mmr = rand() % 2 ? -1 : rand() % 11 / 10.0, .cosines = rand() % 2, .dims = DIMS};

		for (size_t i = 0; i < count; i++) {
			v[i] = item(rand() % 30 / 30.0, ids[rand() % 4], rand() % 30, rand() % 10 - 5);
			for (int j = 0; j < DIMS; j++)
				units[i][j] = (float)(rand() % 7 - 3);
			v[i].unit = vec_unit(units[i], DIMS, units[i]) ? units[i] : NULL;
		}
		search_rank(v, count);
		n = search_choose(&rules, v, count, chosen);
		CHECK_INT(n, naive(&rules, v, count, expected));
		CHECK(n == 0 || memcmp(chosen, expected, n * sizeof(*chosen)) == 0);
	}
}

/* --- neighbours --------------------------------------------------------------- */

static struct search_piece
piece(const char *content, int64_t index, int64_t start)
{
	struct slice s = slice_of(content);

	return (struct search_piece){s, index, start, start < 0 ? -1 : start + (int64_t)s.n};
}

TEST(overlap_is_written_once)
{
	const struct search_piece p[] = {piece("one two", 0, 0), piece("two three", 1, 4), piece("three four", 2, 8)};
	struct buf out = {0};
	struct search_span s = search_join(p, 3, 1, &out);

	CHECK_MEM(out.data, out.len, "one two three four");
	CHECK(s.first == 0 && s.count == 3 && s.start == 0 && s.end == 18);
	buf_free(&out);
}

TEST(left_out_white_space_comes_back)
{
	const struct search_piece p[] = {piece("one", 4, 10), piece("two", 5, 14), piece("three", 6, 19), piece("four", 7, 24)};
	struct buf out = {0};
	struct search_span s;

	buf_string(&out, "before:");
	s = search_join(p, 4, 3, &out);
	CHECK_MEM(out.data, out.len, "before:one two\n\nthreefour");
	CHECK(s.first == 0 && s.count == 4 && s.start == 10 && s.end == 28);
	CHECK_INT(out.len - 7, s.end - s.start);
	buf_free(&out);
}

TEST(a_hole_in_the_indexes_ends_it)
{
	const struct search_piece p[] = {piece("a", 0, 0), piece("c", 2, 2), piece("d", 3, 3), piece("f", 5, 5)};
	struct buf out = {0};
	struct search_span s = search_join(p, 4, 2, &out);

	CHECK_MEM(out.data, out.len, "cd");
	CHECK(s.first == 1 && s.count == 2 && s.start == 2 && s.end == 4);
	out.len = 0;
	s = search_join(p, 4, 0, &out);
	CHECK_MEM(out.data, out.len, "a");
	CHECK(s.first == 0 && s.count == 1 && s.start == 0 && s.end == 1);
	buf_free(&out);
}

TEST(one_inside_the_other)
{
	const struct search_piece p[] = {piece("abcdef", 0, 0), piece("cd", 1, 2), piece("efg", 2, 4)};
	struct buf out = {0};
	struct search_span s = search_join(p, 3, 0, &out);

	CHECK_MEM(out.data, out.len, "abcdefg");
	CHECK(s.start == 0 && s.end == 7);
	buf_free(&out);
}

TEST(offsets_that_cannot_be)
{
	struct search_piece p[] = {piece("one two", 0, 0), piece("two three", 1, 4)};
	struct buf out = {0};
	struct search_span s;

	p[1].start = 3; /* not its length */
	s = search_join(p, 2, 0, &out);
	CHECK_MEM(out.data, out.len, "one two\ntwo three");
	CHECK(s.start == -1 && s.end == -1 && s.count == 2);
	out.len = 0;
	p[1] = piece("too three", 1, 4); /* other bytes */
	search_join(p, 2, 0, &out);
	CHECK_MEM(out.data, out.len, "one two\ntoo three");
	out.len = 0;
	p[1] = piece("two three", 1, -1); /* none */
	search_join(p, 2, 1, &out);
	CHECK_MEM(out.data, out.len, "one two\ntwo three");
	out.len = 0;
	p[1] = piece("two", 1, 1000000); /* far away */
	search_join(p, 2, 1, &out);
	CHECK_MEM(out.data, out.len, "one two\ntwo");
	out.len = 0;
	p[0] = piece("two", 0, 500); /* begins before what there is */
	p[1] = piece("one two", 1, 496);
	search_join(p, 2, 1, &out);
	CHECK_MEM(out.data, out.len, "two\none two");
	buf_free(&out);
}

TEST(random_cuts_of_a_text_join_to_the_text)
{
	char text[400];
	struct buf out = {0};

	srand(5);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + rand() % 3);
	for (int round = 0; round < 500; round++) {
		struct search_piece p[20];
		size_t n = 0;
		int64_t start = rand() % 50, first = start, end = start;
		struct search_span s;

		while (n < 20 && end < 380) {
			int64_t length = 1 + rand() % 40;

			p[n] = (struct search_piece){{text + start, (size_t)length}, (int64_t)n, start, start + length};
			if (p[n].end > 400)
				break;
			end = p[n].end > end ? p[n].end : end;
			n++;
			start += rand() % (int)(end - start + 1);
		}
		out.len = 0;
		s = search_join(p, n, (size_t)rand() % n, &out);
		CHECK(s.start == first && s.end == end && s.count == n);
		CHECK(out.len == (size_t)(end - first) && memcmp(out.data, text + first, out.len) == 0);
	}
	buf_free(&out);
}

int
main(void)
{
	return test_run();
}

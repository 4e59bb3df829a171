/* The keyword leg against bm25 worked out the plain way, on collections with
 * very common terms: reading less must not change a score. */
#include "test.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/sqlite_search.h"
#include "store/store.h"
#include "store/web.h"

enum { WORDS = 400, LONGEST = 60, LIMIT = 20 };

static uint64_t seed;

static double
uniform(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (double)(seed >> 11) / 9007199254740992.0;
}

/* Word 0 is in most texts, word WORDS - 1 in few. No two share a stem. */
static int
draw(void)
{
	return (int)(pow(uniform(), 3) * WORDS);
}

static void
spell(struct buf *b, int w)
{
	buf_format(b, "w%03dq", w);
}

struct text {
	int words[LONGEST], count;
	size_t bytes;
};

static char path[64];
static struct text *texts;
static size_t text_count;

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

static void
make_collection(size_t count)
{
	struct err e = {0};
	struct put_counts counts = {0};
	struct put_options options = {0};
	struct arena held = {0};
	struct chunk_row *rows;
	struct document_row *documents;
	const struct document_row **batch;
	struct store *s;

	snprintf(path, sizeof(path), "/tmp/c1v-keyword-%d.db", (int)getpid());
	unlink(path);
	seed = 88172645463325252u;
	text_count = count;
	texts = mem_zero(count, sizeof(*texts));
	rows = mem_zero(count, sizeof(*rows));
	documents = mem_zero(count, sizeof(*documents));
	batch = mem_zero(count, sizeof(*batch));
	for (size_t i = 0; i < count; i++) {
		struct text *t = &texts[i];
		struct buf content = {0};

		t->count = 1 + (int)(uniform() * (LONGEST - 1));
		for (int k = 0; k < t->count; k++) {
			t->words[k] = draw();
			if (k > 0)
				buf_byte(&content, ' ');
			spell(&content, t->words[k]);
		}
		t->bytes = content.len;
		rows[i].id = slice_of(arena_format(&held, "t%zu", i));
		rows[i].content = (struct slice){arena_bytes(&held, content.data, content.len), content.len};
		documents[i] = (struct document_row){.id = rows[i].id, .chunks = &rows[i], .count = 1};
		batch[i] = &documents[i];
		buf_free(&content);
	}
	s = open_store(STORE_WRITE);
	CHECK_INT(store_write(s, batch, count, &options, &counts, &e), 0);
	CHECK_INT(counts.added, count);
	CHECK_INT(store_close(s, &e), 0);
	arena_free(&held);
	free(rows);
	free(documents);
	free(batch);
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
	free(texts);
	texts = NULL;
}

static int
frequency(const struct text *t, int word)
{
	int n = 0;

	for (int k = 0; k < t->count; k++)
		n += t->words[k] == word;
	return n;
}

/* bm25 as in its definition (Robertson and others 1994), k1 1.2, b 0.75. */
static double
plain_score(const struct text *t, const int *words, int count, const int64_t *documents, double mean)
{
	double sum = 0, n = (double)text_count;

	for (int i = 0; i < count; i++) {
		double tf = frequency(t, words[i]), df = (double)documents[i];
		double idf = log((n - df + 0.5) / (df + 0.5));

		if (idf < 1e-6)
			idf = 1e-6;
		sum += idf * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * (double)t->bytes / mean));
	}
	return sum;
}

static int
descending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x > y ? -1 : x < y;
}

/* Ask for some words; the best scores must be those of the plain way. */
static void
ask(struct store *s, const int *words, int count, const struct filter *filter, uint64_t *seen)
{
	struct search_query q = {.mode = SEARCH_KEYWORD, .limit = LIMIT, .candidates = LIMIT,
	    .min_score = -2, .mmr = -1, .no_collapse = 1, .filter = filter};
	struct search_hits hits = {0};
	struct err e = {0};
	struct buf text = {0};
	double *scores = mem_zero(text_count, sizeof(*scores)), mean = 0;
	int64_t documents[16] = {0};

	for (size_t i = 0; i < text_count; i++) {
		mean += (double)texts[i].bytes / (double)text_count;
		for (int k = 0; k < count; k++)
			documents[k] += frequency(&texts[i], words[k]) > 0;
	}
	for (size_t i = 0; i < text_count; i++)
		scores[i] = plain_score(&texts[i], words, count, documents, mean);
	for (int k = 0; k < count; k++) {
		buf_byte(&text, ' ');
		spell(&text, words[k]);
	}
	q.text = buf_as_slice(&text);
	CHECK_INT(store_search(s, &q, &hits, &e), 0);
	*seen += hits.trace.keyword_rows;
	for (size_t i = 0; i < hits.count; i++) {
		size_t number = (size_t)atoi(hits.items[i].id.p + 1);

		CHECK(fabs(hits.items[i].score - scores[number]) < 1e-3);
	}
	qsort(scores, text_count, sizeof(*scores), descending);
	for (size_t i = 0; i < hits.count; i++)
		CHECK(fabs(hits.items[i].score - scores[i]) < 1e-3);
	CHECK_INT(hits.count, scores[LIMIT - 1] > 0 ? LIMIT : hits.count);
	search_hits_free(&hits);
	buf_free(&text);
	free(scores);
}

static void
ask_many(size_t collection)
{
	uint64_t seen = 0, entries = 0;
	struct store *s;

	make_collection(collection);
	s = open_store(STORE_READ);
	for (int round = 0; round < 200; round++) {
		int words[12], count = 1 + (int)(uniform() * 11), n = 0;

		while (n < count) {
			int w = draw(), again = 0;
			for (int k = 0; k < n; k++)
				again |= words[k] == w;
			if (!again)
				words[n++] = w;
		}
		for (size_t i = 0; i < text_count; i++)
			for (int k = 0; k < count; k++)
				entries += frequency(&texts[i], words[k]) > 0;
		ask(s, words, count, NULL, &seen);
	}
	printf("# %zu texts: %.0f%% of the entries were read\n", collection,
	    100.0 * (double)seen / (double)entries);
	CHECK(seen <= entries);
	if (collection >= TERMS_COUNTED_FROM)
		CHECK(seen < entries);
	else
		CHECK_INT(seen, entries);
	struct err e;
	CHECK_INT(store_close(s, &e), 0);
	drop_collection();
}

TEST(small_collection_reads_every_list) { ask_many(500); }

TEST(large_collection_reads_less_and_scores_the_same) { ask_many(6000); }

TEST(terms_are_words_once_each)
{
	struct store *s;
	struct sqlite_store *sq;
	struct keyword *k = NULL;
	struct terms t;
	struct err e = {0};

	make_collection(10);
	s = open_store(STORE_READ);
	sq = sqlite_of(s);
	CHECK_INT(keyword_open(sq, &k, &e), 0);
	CHECK_INT(keyword_terms(k, SLICE("Roll rolling, ROLLED \"multi-agent\" NEAR( AND *"), 0, &t, &e), 0);
	CHECK_INT(t.count, 5); /* roll, multi, agent, near, and */
	CHECK_MEM(t.items[0].text.p, t.items[0].text.n, "Roll");
	CHECK_MEM(t.items[0].stem.p, t.items[0].stem.n, "roll");
	CHECK(t.required == NULL && t.excluded == NULL);
	terms_free(&t);
	CHECK_INT(keyword_terms(k, SLICE(" .,\" "), 0, &t, &e), 0);
	CHECK_INT(t.count, 0);
	terms_free(&t);
	keyword_close(k);
	CHECK_INT(store_close(s, &e), 0);
	drop_collection();
}

TEST(web_syntax_becomes_expressions)
{
	struct store *s;
	struct keyword *k = NULL;
	struct terms t;
	struct err e = {0};

	make_collection(10);
	s = open_store(STORE_READ);
	CHECK_INT(keyword_open(sqlite_of(s), &k, &e), 0);
	CHECK_INT(keyword_terms(k, SLICE("a \"b c\" OR d -e -\"f g\" -"), 1, &t, &e), 0);
	CHECK_STR(t.required, "(\"a\") AND (\"b c\" OR \"d\")");
	CHECK_STR(t.excluded, "\"e\" OR \"f g\"");
	CHECK_INT(t.count, 3);
	terms_free(&t);
	CHECK_INT(keyword_terms(k, SLICE("one OR two"), 1, &t, &e), 0);
	CHECK(t.required == NULL);
	terms_free(&t);
	CHECK_INT(keyword_terms(k, SLICE("say \"it\"\"s\" -..."), 1, &t, &e), 0);
	CHECK_STR(t.required, "(\"say\") AND (\"it\") AND (\"s\")");
	CHECK(t.excluded == NULL);
	terms_free(&t);
	keyword_close(k);
	CHECK_INT(store_close(s, &e), 0);
	drop_collection();
}

static void
check_web(const char *text, const char *want)
{
	struct arena a = {0};
	struct web_query q;
	struct buf b = {0};

	web_parse(slice_of(text), &a, &q);
	for (size_t i = 0; i < q.count; i++) {
		const struct web_part *p = &q.parts[i];

		buf_format(&b, "%s%s%s%.*s", i ? " " : "", p->exclude ? "-" : "", p->phrase ? "'" : "",
		    (int)p->text.n, p->text.p);
		if (!p->exclude)
			buf_format(&b, "/%zu", p->group);
	}
	CHECK_STR(buf_cstr(&b), want);
	buf_free(&b);
	arena_free(&a);
}

TEST(web_parts)
{
	check_web("", "");
	check_web("  ", "");
	check_web("-", "");
	check_web("\"\"", "");
	check_web("OR OR", "");
	check_web("a OR", "a/0");
	check_web("a or b", "a/0 or/1 b/2");
	check_web("a OR b c", "a/0 b/0 c/1");
	check_web("a OR -b c", "a/0 -b c/0");
	check_web("\"open", "'open/0");
	check_web("x-y -z", "x-y/0 -z");
	check_web("\"OR\" -OR", "'OR/0 -OR");
}

int
main(void)
{
	return test_run();
}

/* keyword_count() against FTS5's tokenizer over the whole text: looking at few
 * words must not change a count. */
#include "test.h"

#include <stdlib.h>
#include <unistd.h>

#include "store/sqlite_search.h"
#include "store/store.h"

enum { TERMS = 24, ROUNDS = 400 };

static uint64_t seed = 88172645463325252u;

static size_t
below(size_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (size_t)(seed >> 11) % n;
}

#define PICK(list) ((list)[below(sizeof(list) / sizeof(*(list)))])

/* What Porter's rules look at, and what they make of it. */
static const char *const suffixes[] = {"sses", "ies", "ss", "s", "eed", "ed", "ing", "at", "bl", "iz",
	"ate", "ble", "ize", "y", "i", "ational", "tional", "enci", "anci", "izer", "logi", "bli", "alli",
	"entli", "eli", "ousli", "ization", "ation", "ator", "alism", "iveness", "fulness", "ousness",
	"aliti", "iviti", "biliti", "ability", "ivity", "ality", "icate", "ative", "alize", "iciti", "ical",
	"ful", "ness", "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent",
	"sion", "tion", "ou", "ism", "iti", "ous", "ive", "e", "ll", "ed", "ing", "ly", "tt", "zz", "xx"};
static const char *const stems[] = {"a", "b", "y", "sk", "hop", "hopp", "fall", "rel", "poss", "agre",
	"plast", "conf", "sens", "activ", "tann", "fil", "fail", "happ", "sky", "x9", "2nd", "caf", "oper",
	"vietnam", "electr", "adjust", "commun", "cloudflar", "o", "ee", "aeiou", "bcdfg", "yy", "yay"};
static const char *const between[] = {" ", " ", " ", ", ", "_", "-", "'", "\n", "...", "/", "\t", "\xe2\x80\x94",
	"\xc2\xa0", "@", "\x01", "\x7f", "^", "`", "[", "{"};
static const char *const others[] = {"caf\xc3\xa9", "\xc3\x89tat", "\xce\xb1\xce\xb2\xce\xb3", "na\xc3\xafve",
	"\xe4\xb8\xad\xe6\x96\x87", "hop\xcc\x81""ing", "\xc7\x85" "ed", "e\xcc\x81t\xc3\xa9s", "\xf0\x9f\x99\x82s",
	"\xe2\x84\xaa" "elvin", "\xc4\xb0ng", "_", "42", "007"};

static void
add_word(struct buf *b)
{
	size_t from = b->len, parts = below(4);

	if (below(12) == 0) {
		buf_string(b, PICK(others));
		return;
	}
	buf_string(b, PICK(stems));
	while (parts-- > 0)
		buf_string(b, PICK(suffixes));
	if (below(40) == 0) /* longer than Porter stems */
		for (int i = 0; i < 70; i++)
			buf_byte(b, (char)('a' + i % 26));
	for (size_t i = from; i < b->len; i++)
		if (below(9) == 0 && b->data[i] >= 'a' && b->data[i] <= 'z')
			b->data[i] = (char)(b->data[i] - 32);
}

struct full {
	struct term *terms;
	size_t count;
	int tf[TERMS];
};

static int
on_token(void *arg, int flags, const char *token, int n, int start, int end)
{
	struct full *f = arg;

	(void)flags;
	(void)start;
	(void)end;
	for (size_t i = 0; i < f->count; i++)
		f->tf[i] += slice_equal((struct slice){token, (size_t)n}, f->terms[i].stem);
	return SQLITE_OK;
}

struct gather {
	struct term terms[TERMS];
	size_t count;
	struct arena arena;
};

static int
on_stem(void *arg, int flags, const char *token, int n, int start, int end)
{
	struct gather *g = arg;

	(void)flags;
	(void)start;
	(void)end;
	if (g->count < TERMS)
		g->terms[g->count++].stem = (struct slice){arena_bytes(&g->arena, token, (size_t)n), (size_t)n};
	return SQLITE_OK;
}

static int /* how many were found */
compare(struct keyword *k)
{
	struct buf text = {0}, query = {0};
	struct gather g = {0};
	struct full f = {.terms = g.terms};
	struct err e;
	int tf[TERMS], found = 0;

	for (size_t n = 1 + below(4); n > 0; n--) {
		add_word(&query);
		buf_byte(&query, ' ');
	}
	for (size_t n = below(120); n > 0; n--) {
		if (below(8) == 0)
			buf_add(&text, query.data, query.len - 1);
		else
			add_word(&text);
		buf_string(&text, PICK(between));
	}
	CHECK_INT(keyword_tokenize(k, buf_as_slice(&query), FTS5_TOKENIZE_DOCUMENT, &g, on_stem, &e), 0);
	g.terms[TERMS - 1].stem = SLICE_NONE; /* a phrase */
	f.count = g.count;
	CHECK_INT(keyword_tokenize(k, buf_as_slice(&text), FTS5_TOKENIZE_DOCUMENT, &f, on_token, &e), 0);
	CHECK_INT(keyword_count(k, buf_as_slice(&text), g.terms, g.count, tf, &e), 0);
	for (size_t i = 0; i < g.count; i++) {
		CHECK_INT(tf[i], f.tf[i]);
		found += tf[i];
	}
	buf_free(&text);
	buf_free(&query);
	arena_free(&g.arena);
	return found;
}

static void
with(const char *tokenizer)
{
	char path[64];
	struct store_options o = {.url = path, .collection = "documents", .mode = STORE_WRITE, .wait = 5};
	struct init_options init = {.tokenizer = tokenizer};
	struct store *s = NULL;
	struct keyword *k = NULL;
	struct err e = {0};
	int found = 0;

	snprintf(path, sizeof(path), "/tmp/c1v-count-%d.db", (int)getpid());
	CHECK_INT(store_open(&o, &s, &e), 0);
	CHECK_INT(store_init(s, &init, &e), 0);
	CHECK_INT(keyword_open(sqlite_of(s), &k, &e), 0);
	for (int i = 0; i < ROUNDS; i++)
		found += compare(k);
	CHECK(found > ROUNDS);
	keyword_close(k);
	CHECK_INT(store_close(s, &e), 0);
	unlink(path);
	strcat(path, "-wal");
	unlink(path);
	strcpy(path + strlen(path) - 4, "-shm");
	unlink(path);
	strcpy(path + strlen(path) - 4, ".lock");
	unlink(path);
}

TEST(porter_counts_are_those_of_the_whole_text) { with("porter"); }

TEST(unicode61_counts_are_those_of_the_whole_text) { with("unicode61"); }

TEST(trigram_counts_are_those_of_the_whole_text) { with("trigram"); }

int
main(void)
{
	return test_run();
}

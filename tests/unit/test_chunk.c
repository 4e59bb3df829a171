#include "text/chunk.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/num.h"
#include "base/utf8.h"
#include "test.h"

/* The chunks of a text, in a list that is kept over calls. */
struct found {
	struct chunk *v;
	size_t n, room;
	struct chunker *chunker;
	struct slice text;
};

static void
keep(void *arg, const struct chunk *c)
{
	struct found *f = arg;

	mem_grow(&f->v, &f->room, f->n + 1, sizeof(*f->v));
	f->v[f->n++] = *c;
}

static int
split(struct found *f, const struct chunk_options *o, struct slice text)
{
	struct err e;
	int rc;

	chunk_close(f->chunker);
	f->chunker = NULL;
	f->n = 0;
	f->text = text;
	rc = chunk_open(&f->chunker, o, &e);
	if (rc == 0)
		chunk_split(f->chunker, text, keep, f);
	return rc;
}

static void
free_found(struct found *f)
{
	chunk_close(f->chunker);
	free(f->v);
}

/* All chunks with a bar between them, for a look at a glance. */
static const char *
shown(const struct found *f)
{
	static char out[4096];
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++) {
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%.*s", i ? "|" : "",
		    (int)(f->v[i].end - f->v[i].start), f->text.p + f->v[i].start);
	}
	out[n] = '\0';
	return out;
}

static size_t
newlines(struct slice text, size_t end)
{
	size_t n = 0;

	for (size_t i = 0; i < end; i++) {
		n += text.p[i] == '\n';
	}
	return n;
}

static int /* do all chunks lie in the text, in order, on the lines they say? */
well_placed(const struct found *f)
{
	size_t start = 0, end = 0;

	for (size_t i = 0; i < f->n; i++) {
		const struct chunk *c = &f->v[i];

		if (c->start < start || c->end < end || c->end <= c->start || c->end > f->text.n ||
		    c->line != newlines(f->text, c->start) + 1 ||
		    c->end_line != newlines(f->text, c->end - 1) + 1)
			return 0;
		start = c->start;
		end = c->end;
	}
	return 1;
}

/* --- LangChain --------------------------------------------------------- */

static int64_t
number(struct slice object, const char *key)
{
	int64_t n = 0;

	num_json_int(json_get(object, key), &n);
	return n;
}

static int
is_value(struct slice object, const char *key, const char *value)
{
	struct slice v = json_get(object, key);

	return v.p != NULL && json_string_is(v, value);
}

static size_t
read_separators(struct slice list, struct slice *out, struct buf *scratch)
{
	struct slice item;
	size_t n = 0;

	if (list.p == NULL)
		return 0;
	for (struct json_walk w = json_walk(list); json_item(&w, &item); n++) {
		out[n] = json_text(item, &scratch[n]);
	}
	return n;
}

static int /* are the chunks those of the list? */
equal(const struct found *f, struct slice list)
{
	struct slice item;
	struct buf scratch = {0};
	size_t i = 0;
	int same = 1;

	for (struct json_walk w = json_walk(list); same && json_item(&w, &item); i++) {
		scratch.len = 0;
		same = i < f->n && slice_equal(json_text(item, &scratch),
		    (struct slice){f->text.p + f->v[i].start, f->v[i].end - f->v[i].start});
	}
	buf_free(&scratch);
	return same && i == f->n;
}

static int
check_case(struct slice c, enum chunk_compat compat, struct found *f)
{
	struct buf scratch[16] = {{0}};
	struct slice separators[15];
	struct chunk_options o = {
		.compat = compat, .size = (size_t)number(c, "size"), .overlap = (size_t)number(c, "overlap"),
		.unit = is_value(c, "unit", "bytes") ? CHUNK_BYTES : CHUNK_CHARS,
		.keep_end = is_value(c, "keep", "end"), .separators = separators
	};
	struct slice want = json_get(c, "chunks"), strip = json_get(c, "strip");
	int ok;

	o.no_strip = strip.p != NULL && json_type(strip) == JSON_FALSE;
	o.separator_count = read_separators(json_get(c, "separators"), separators, scratch);
	if (split(f, &o, json_text(json_get(c, "text"), &scratch[15])) != 0)
		ok = json_type(want) == JSON_STRING;
	else
		ok = json_type(want) == JSON_ARRAY && equal(f, want) && well_placed(f);
	for (size_t i = 0; i < 16; i++) {
		buf_free(&scratch[i]);
	}
	return ok;
}

static void
check_file(const char *path, enum chunk_compat compat, int least)
{
	FILE *file = fopen(path, "r");
	struct found f = {0};
	char *line = NULL;
	size_t room = 0;
	ssize_t n;
	int cases = 0;

	CHECK(file != NULL);
	while (file != NULL && (n = getline(&line, &room, file)) > 0) {
		struct slice c;
		struct err e;

		CHECK_INT(json_check((struct slice){line, (size_t)n}, &c, &e), 0);
		cases++;
		if (!check_case(c, compat, &f)) {
			printf("# %s:%d: %.*s\n", path, cases, (int)n - 1, line);
			test_failures++;
		}
	}
	CHECK(cases >= least);
	free_found(&f);
	free(line);
	if (file != NULL)
		fclose(file);
}

TEST(equals_langchain_python)
{
	check_file("tests/data/chunk-python.ndjson", CHUNK_PYTHON, 1500);
}

TEST(equals_langchain_js)
{
	check_file("tests/data/chunk-js.ndjson", CHUNK_JS, 1400);
}

/* Texts long enough for the wide scans, against their own definition. */
TEST(long_texts_are_tiled)
{
	static const char *const letters[] = {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
	struct found f = {0};
	struct buf text = {0};

	for (int unit = 0; unit < 12; unit++) {
		struct chunk_options o = {
			.compat = unit & 1 ? CHUNK_JS : CHUNK_PYTHON, .size = 70, .overlap = unit & 2 ? 20 : 0,
			.no_strip = unit & 1
		};
		size_t end = 0;

		text.len = 0;
		for (unsigned i = 0; i < 3000; i++) {
			buf_string(&text, i % 7 == 6 ? (i % 5 ? " " : "\n") : letters[(i * i / 5 + i) % (1 + (unsigned)unit / 3)]);
		}
		CHECK_INT(split(&f, &o, buf_as_slice(&text)), 0);
		CHECK(f.n > 40);
		CHECK(well_placed(&f));
		for (size_t i = 0; i < f.n; i++) {
			const struct chunk *c = &f.v[i];

			CHECK(c->start <= end + !o.no_strip);
			CHECK((o.compat == CHUNK_JS ? utf8_units : utf8_count)(text.data + c->start, c->end - c->start) <= 70);
			end = c->end;
		}
		CHECK(end == text.len || !o.no_strip);
	}
	buf_free(&text);
	free_found(&f);
}

/* --- the rest of recursive --------------------------------------------- */

TEST(js_keeps_characters_whole)
{
	struct found f = {0};
	struct chunk_options o = {.compat = CHUNK_JS, .size = 2};

	split(&f, &o, SLICE("a\xf0\x9f\x98\x80" "b"));
	CHECK_STR(shown(&f), "a\xf0\x9f\x98\x80|b");
	o.size = 1;
	split(&f, &o, SLICE("a\xf0\x9f\x98\x80" "b"));
	CHECK_STR(shown(&f), "a|\xf0\x9f\x98\x80|b");
	o.size = 3;
	o.overlap = 2;
	split(&f, &o, SLICE("\xf0\x9f\x98\x80\xf0\x9f\x98\x81\xf0\x9f\x98\x82"));
	CHECK(well_placed(&f));
	free_found(&f);
}

TEST(refuses_options)
{
	struct chunk_options o = {.size = 0};
	struct slice bad = SLICE("\xff");
	struct chunker *c = NULL;
	struct err e;

	CHECK_INT(chunk_open(&c, &o, &e), C1V_USAGE);
	o.size = 5;
	o.overlap = 6;
	CHECK_INT(chunk_open(&c, &o, &e), C1V_USAGE);
	o.overlap = 5;
	o.compat = CHUNK_JS;
	CHECK_INT(chunk_open(&c, &o, &e), C1V_USAGE);
	o.overlap = 0;
	o.separators = &bad;
	o.separator_count = 1;
	CHECK_INT(chunk_open(&c, &o, &e), C1V_USAGE);
	CHECK(c == NULL);
}

TEST(one_text_after_another)
{
	struct found f = {0};
	struct chunk_options o = {.by = CHUNK_MARKDOWN, .size = 20};
	struct slice long_text = SLICE("# A\n\nsome text that is longer\n\n## B\n\nx");

	CHECK_INT(split(&f, &o, long_text), 0);
	CHECK(f.n > 2);
	f.n = 0;
	f.text = SLICE("plain");
	chunk_split(f.chunker, f.text, keep, &f);
	CHECK_INT(f.n, 1);
	CHECK_INT(f.v[0].heading, 0);
	CHECK_INT(f.v[0].line, 1);
	free_found(&f);
}

TEST(none_is_the_whole)
{
	struct found f = {0};
	struct chunk_options o = {.by = CHUNK_NONE, .size = 1};

	split(&f, &o, SLICE(" a b\n"));
	CHECK_STR(shown(&f), " a b\n");
	split(&f, &o, SLICE(" \n"));
	CHECK_INT(f.n, 0);
	split(&f, &o, (struct slice){NULL, 0});
	CHECK_INT(f.n, 0);
	free_found(&f);
}

/* --- sentences --------------------------------------------------------- */

/* The cases of the Unicode data: "÷ 0061 × 0062 ÷". */
static int
check_sentences(const char *line)
{
	struct buf text = {0};
	size_t ends[64], n = 0, at = 0;
	int ok = 1;

	for (const char *p = line; *p != '\0' && *p != '\n';) {
		if (strncmp(p, "\xc3\xb7", 2) == 0) {
			if (text.len)
				ends[n++] = text.len;
			p += 2;
		} else if (strncmp(p, "\xc3\x97", 2) == 0) {
			p += 2;
		} else if (*p == ' ') {
			p++;
		} else {
			char *end;

			text.len += utf8_encode(buf_reserve(&text, 4), (uint32_t)strtoul(p, &end, 16));
			p = end;
		}
	}
	for (size_t i = 0; ok && i < n; i++) {
		at = chunk_sentence_end(buf_as_slice(&text), at);
		ok = at == ends[i];
	}
	buf_free(&text);
	return ok && n > 0;
}

TEST(unicode_sentence_breaks)
{
	FILE *file = fopen("tests/data/sentence-break.txt", "r");
	char line[1024];
	int cases = 0;

	CHECK(file != NULL);
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (line[0] == '#')
			continue;
		cases++;
		if (!check_sentences(line)) {
			printf("# %s", line);
			test_failures++;
		}
	}
	CHECK_INT(cases, 512);
	if (file != NULL)
		fclose(file);
}

TEST(sentences_are_packed)
{
	struct found f = {0};
	struct chunk_options o = {.by = CHUNK_SENTENCE, .size = 20, .overlap = 9};

	split(&f, &o, SLICE("One two. Three. Four five. Six."));
	CHECK_STR(shown(&f), "One two. Three.|Three. Four five.|Six.");
	o.overlap = 0;
	split(&f, &o, SLICE("A sentence that is far too long for it. Short."));
	CHECK_STR(shown(&f), "A sentence that is|far too long for|it. Short.");
	split(&f, &o, SLICE("Version 3.5 of c.d. is out."));
	CHECK(well_placed(&f));
	free_found(&f);
}

/* --- Markdown ---------------------------------------------------------- */

static void
add_path(const struct found *f, size_t id, struct buf *out)
{
	const struct chunk_heading *h;

	if (id == 0)
		return;
	h = chunk_heading(f->chunker, id);
	add_path(f, h->parent, out);
	if (h->parent)
		buf_byte(out, '/');
	buf_add(out, f->text.p + h->start, h->end - h->start);
}

static int
path_is(const struct found *f, const char *path)
{
	struct buf out = {0};
	int same;

	add_path(f, f->n ? f->v[f->n - 1].heading : 0, &out);
	same = slice_is(buf_as_slice(&out), path);
	buf_free(&out);
	return same;
}

TEST(markdown_headings)
{
	static const struct {
		struct slice text;
		const char *path; /* of the last chunk */
		size_t chunks;
	} cases[] = {
		{SLICE("# A\n\nx\n\n## B ##\n\ny"), "A/B", 2},
		{SLICE("# A\n\n## B\n\ny"), "A/B", 1},
		{SLICE("## A\n\n# B\n\n### C\n\ny"), "B/C", 2},
		{SLICE("#no\n\n#\tyes\n\nx"), "yes", 2},
		{SLICE("    # code\n\n   # head # #\n\nx"), "head #", 2},
		{SLICE("####### seven"), "", 1},
		{SLICE("A\nB\n===\n\nx\n\nC\n---\ny"), "A\nB/C", 2},
		{SLICE("- a\n---\nx"), "", 1},
		{SLICE("> a\n> # q\n===\nx"), "", 1},
		{SLICE("- a\n  # in the list\n\n  # also\nx"), "", 1},
		{SLICE("1. a\n\n   # inside\n\n# out\n\nx"), "out", 2},
		{SLICE("```\n# no\n```\n# yes\nx"), "yes", 2},
		{SLICE("~~~ a`b\n# no\n```\n# no\n~~~~\n# yes\nx"), "yes", 2},
		{SLICE("``` a`b\n# yes\nx"), "yes", 2},
		{SLICE("````\n# no\n```\n# no"), "", 1},
		{SLICE("> ```\n> # no\n# yes\nx"), "yes", 2},
		{SLICE("- ```\n  # no\n\n# yes\nx"), "yes", 2},
		{SLICE("<!-- a\n\n# no\n--> b\n# yes\nx"), "yes", 2},
		{SLICE("<div>\n# no\n\n# yes\nx"), "yes", 2},
		{SLICE("<script>\n\n# no\n</script>\n# yes\nx"), "yes", 2},
		{SLICE("---\ntitle: a\n---\n\nx"), "", 1},
		{SLICE("a\r\n===\r\n\r\nx\r\n"), "a", 1},
		{SLICE("#\n\nx"), "", 1},
		{SLICE("| a | b |\n|---|---|\n| # c | d |\n# yes\nx"), "yes", 2},
	};
	struct found f = {0};
	struct chunk_options o = {.by = CHUNK_MARKDOWN, .size = 1000, .overlap = 100};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		split(&f, &o, cases[i].text);
		if (f.n != cases[i].chunks || !path_is(&f, cases[i].path))
			printf("# case %zu: %s\n", i, shown(&f));
		CHECK_INT(f.n, cases[i].chunks);
		CHECK(path_is(&f, cases[i].path));
		CHECK(well_placed(&f));
	}
	free_found(&f);
}

TEST(markdown_keeps_blocks_whole)
{
	static const char text[] =
	    "# Head\n\nSome words that stand before the code. And more of them here.\n\n"
	    "```c\nint main(void)\n{\n\n\treturn 0;\n}\n```\n\nBetween. Words here.\n\n"
	    "| a | b |\n|---|---|\n| one | two |\n| three | four |\n\n"
	    "- item\n\n  ~~~\n  fenced in\n\n  the list\n  ~~~\n- last\n";
	static const char *const whole[] = {
		"```c\nint main(void)\n{\n\n\treturn 0;\n}\n```", "| a | b |\n|---|---|\n| one | two |\n| three | four |",
		"  ~~~\n  fenced in\n\n  the list\n  ~~~"
	};
	struct found f = {0};

	for (size_t size = 60; size < 300; size++) {
		struct chunk_options o = {.by = CHUNK_MARKDOWN, .size = size, .overlap = size % 50};

		split(&f, &o, SLICE(text));
		CHECK(well_placed(&f));
		for (size_t w = 0; w < 3; w++) {
			size_t start = (size_t)(strstr(text, whole[w]) - text), end = start + strlen(whole[w]);
			int held = 0, cut = 0;

			start += strspn(whole[w], " ");
			for (size_t i = 0; i < f.n; i++) {
				held |= f.v[i].start <= start && f.v[i].end >= end;
				cut |= (f.v[i].start > start && f.v[i].start < end) ||
				    (f.v[i].end > start && f.v[i].end < end);
			}
			CHECK(held && !cut);
		}
		for (size_t i = 0; i < f.n; i++) {
			CHECK(f.v[i].end - f.v[i].start <= size);
		}
	}
	free_found(&f);
}

TEST(markdown_overlaps_inside_a_section)
{
	struct found f = {0};
	struct chunk_options o = {.by = CHUNK_MARKDOWN, .size = 30, .overlap = 15};

	split(&f, &o, SLICE("# A\n\nfirst words. second words.\n\nthird words.\n\n# B\n\nnext"));
	CHECK_STR(shown(&f), "# A\n\nfirst words.|second words.\n\nthird words.|# B\n\nnext");
	free_found(&f);
}

/* --- size and shape ---------------------------------------------------- */

TEST(long_runs_are_quick)
{
	enum { MEGABYTE = 1 << 20 };
	static const char *const units[] = {"a", "\n", " ", "\n\n", "# ", "> ", "- ", "|", "`", "\xc3\xa9", ". ", "<!--\n", "a\n---\n|"};
	struct found f = {0};
	char *text = mem_alloc(MEGABYTE);

	for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
		size_t n = strlen(units[u]), count = MEGABYTE / n;

		for (size_t i = 0; i < count; i++) {
			memcpy(text + i * n, units[u], n);
		}
		for (int by = CHUNK_RECURSIVE; by <= CHUNK_SENTENCE; by++) {
			for (int js = 0; js < 2; js++) {
				struct chunk_options o = {
					.by = (enum chunk_by)by, .compat = (enum chunk_compat)js, .size = 1000, .overlap = 200
				};

				CHECK_INT(split(&f, &o, (struct slice){text, count * n}), 0);
				CHECK(f.n == 0 || f.v[f.n - 1].end <= count * n);
			}
		}
	}
	free(text);
	free_found(&f);
}

int
main(void)
{
	return test_run();
}

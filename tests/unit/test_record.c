#include "test.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/base64.h"
#include "record/record.h"

static unsigned long long seed = 7;

static unsigned
chance(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

/* --- scanning ----------------------------------------------------------- */

static int
scan(const char *text, struct record *r, struct err *e)
{
	return record_scan(slice_of(text), r, e);
}

TEST(fields)
{
	struct record r;
	struct err e = {0};

	CHECK_INT(scan(" \t{\"id\" : \"a\", \"x\":1,\"content\":\"b\\n\" ,\"embedding\":[1, 2],\"dims\":2.0,"
	    "\"metadata\":{ },\"chunk\":null,\"doc\":7,\"source\":\"s\",\"model\":\"m\",\"query\":\"q\","
	    "\"filter\":[],\"context\":\"c\",\"error\":{}}\r\n", &r, &e), 0);
	CHECK_MEM(r.line.p, 11, "{\"id\" : \"a\"");
	CHECK_INT(r.line.p[r.line.n - 1], '}');
	CHECK_MEM(r.id.p, r.id.n, "\"a\"");
	CHECK_MEM(r.content.p, r.content.n, "\"b\\n\"");
	CHECK_MEM(r.embedding.p, r.embedding.n, "[1, 2]");
	CHECK_MEM(r.dims.p, r.dims.n, "2.0");
	CHECK_MEM(r.metadata.p, r.metadata.n, "{ }");
	CHECK_MEM(r.chunk.p, r.chunk.n, "null");
	CHECK_MEM(r.doc.p, r.doc.n, "7");
	CHECK_MEM(r.source.p, r.source.n, "\"s\"");
	CHECK_MEM(r.model.p, r.model.n, "\"m\"");
	CHECK_MEM(r.query.p, r.query.n, "\"q\"");
	CHECK_MEM(r.filter.p, r.filter.n, "[]");
	CHECK_MEM(r.context.p, r.context.n, "\"c\"");
	CHECK_MEM(r.error.p, r.error.n, "{}");
	CHECK_INT(scan("{}", &r, &e), 0);
	CHECK(r.id.p == NULL && r.error.p == NULL);
	CHECK_INT(scan("{\"\":1,\"i\":2,\"ids\":3,\"ID\":4}", &r, &e), 0);
	CHECK(r.id.p == NULL);
}

TEST(a_key_may_be_written_with_escapes)
{
	struct record r;

	CHECK_INT(scan("{\"\\u0069d\":\"a\",\"conten\\u0074\":\"b\"}", &r, NULL), 0);
	CHECK_MEM(r.id.p, r.id.n, "\"a\"");
	CHECK_MEM(r.content.p, r.content.n, "\"b\"");
}

TEST(no_records)
{
	static const char *const texts[] = {"", " ", "[]", "1", "\"a\"", "null", "{", "{\"a\":1", "{\"a\":}",
	    "{\"a\":1,}", "{a:1}", "{\"a\":1}{", "{\"a\":1} x", "{\"a\":01}", "{\"a\":\"\xff\"}", "{\"a\":\"\n\"}",
	    "{\"a\":\"\\ud800\"}", "{\"a\":NaN}"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct record r;
		struct err e = {0};

		CHECK_INT(scan(texts[i], &r, &e), C1V_DATA);
		CHECK_INT(e.code, C1V_DATA);
		CHECK(e.text[0] != '\0');
	}
}

static void
twice(const char *text, const char *key)
{
	char expected[200];
	struct record r;
	struct err e = {0};

	CHECK_INT(scan(text, &r, &e), C1V_DATA);
	snprintf(expected, sizeof(expected), "duplicate key \"%s\"", key);
	CHECK_STR(e.text, expected);
}

TEST(duplicate_keys)
{
	struct record r;

	twice("{\"a\":1,\"a\":1}", "a");
	twice("{\"a\":1,\"\\u0061\":1}", "a");
	twice("{\"\\u0061\":1,\"b\":2,\"a\":1}", "a");
	twice("{\"id\":1,\"i\\u0064\":1}", "id");
	twice("{\"id\":null,\"id\":1}", "id");
	twice("{\"\":1,\"\":2}", "");
	twice("{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}", "\xf0\x9f\x98\x80");
	twice("{\"\\u0000\":1,\"\\u0000\":2}", "\\x00");
	CHECK_INT(scan("{\"a\":{\"b\":1,\"b\":2}}", &r, NULL), 0);
	CHECK_INT(scan("{\"a\":1,\"a\\u0000\":2,\"A\":3}", &r, NULL), 0);
}

/* n keys; the one at `again` stands at the end once more. again n: none does. */
static int
scan_many(unsigned n, unsigned again, int escaped)
{
	struct buf b = {0};
	struct record r;
	int rc;

	buf_byte(&b, '{');
	for (unsigned i = 0; i < n; i++)
		buf_format(&b, escaped && i % 2 ? "\"\\u006bey%u\":%u," : "\"key%u\":%u,", i, i);
	if (again < n)
		buf_format(&b, "\"key%u\":0}", again);
	else
		buf_string(&b, "\"last\":0}");
	rc = record_scan(buf_as_slice(&b), &r, NULL);
	buf_free(&b);
	return rc;
}

TEST(duplicates_among_many_keys)
{
	for (unsigned n = 1; n < 80; n++) {
		CHECK_INT(scan_many(n, n, 0), 0);
		CHECK_INT(scan_many(n, n, 1), 0);
		for (unsigned again = 0; again < n; again++)
			CHECK_INT(scan_many(n, again, again % 3 == 0), C1V_DATA);
	}
	CHECK_INT(scan_many(1000000, 1000000, 0), 0);
	CHECK_INT(scan_many(1000000, 999999, 0), C1V_DATA);
	CHECK_INT(scan_many(1000000, 500000, 1), C1V_DATA);
	CHECK_INT(scan_many(1000000, 0, 0), C1V_DATA);
}

/* --- fields -------------------------------------------------------------- */

TEST(text)
{
	struct buf scratch = {0};
	struct slice out;
	struct err e = {0};

	CHECK_INT(record_text(SLICE_NONE, "content", &scratch, &out, &e), 0);
	CHECK_INT(record_text(SLICE("null"), "content", &scratch, &out, &e), 0);
	CHECK_INT(record_text(SLICE("\"\""), "content", &scratch, &out, &e), 1);
	CHECK_INT(out.n, 0);
	CHECK_INT(record_text(SLICE("\"abc\""), "content", &scratch, &out, &e), 1);
	CHECK_MEM(out.p, out.n, "abc");
	CHECK_INT(scratch.len, 0);
	CHECK_INT(record_text(SLICE("\"a\\n\\u00e9\\ud83d\\ude00\""), "content", &scratch, &out, &e), 1);
	CHECK_MEM(out.p, out.n, "a\n\xc3\xa9\xf0\x9f\x98\x80");
	CHECK_INT(record_text(SLICE("\"a\\u0000\""), "content", &scratch, &out, &e), -1);
	CHECK_STR(e.text, "`content` holds U+0000");
	CHECK_INT(e.code, C1V_DATA);
	CHECK_INT(record_text(SLICE("12"), "content", &scratch, &out, &e), -1);
	CHECK_STR(e.text, "`content` is not a string");
	CHECK_INT(record_text(SLICE("[]"), "source", &scratch, &out, &e), -1);
	CHECK_STR(e.text, "`source` is not a string");
	buf_free(&scratch);
}

TEST(id)
{
	struct buf scratch = {0};
	struct slice out;
	struct err e = {0};

	CHECK_INT(record_id(SLICE_NONE, "id", &scratch, &out, &e), 0);
	CHECK_INT(record_id(SLICE("null"), "id", &scratch, &out, &e), 0);
	CHECK_INT(record_id(SLICE("12345678901234567890123"), "id", &scratch, &out, &e), 1);
	CHECK_MEM(out.p, out.n, "12345678901234567890123");
	CHECK_INT(record_id(SLICE("1.0"), "id", &scratch, &out, &e), 1);
	CHECK_MEM(out.p, out.n, "1.0");
	CHECK_INT(record_id(SLICE("\"a#1\""), "id", &scratch, &out, &e), 1);
	CHECK_MEM(out.p, out.n, "a#1");
	CHECK_INT(record_id(SLICE("\"\""), "id", &scratch, &out, &e), -1);
	CHECK_STR(e.text, "`id` is empty");
	CHECK_INT(record_id(SLICE("true"), "doc", &scratch, &out, &e), -1);
	CHECK_STR(e.text, "`doc` is neither a string nor a number");
	CHECK_INT(record_id(SLICE("\"\\u0000\""), "doc", &scratch, &out, &e), -1);
	buf_free(&scratch);
}

TEST(chunk)
{
	struct chunk_place p;
	struct err e = {0};

	CHECK_INT(record_chunk(SLICE_NONE, &p, &e), 0);
	CHECK(p.index == -1 && p.of == -1 && p.start == -1 && p.end == -1 && p.line == 0 && p.end_line == 0);
	CHECK(p.headings.p == NULL);
	CHECK_INT(record_chunk(SLICE("{\"index\":0,\"of\":3.0,\"start\":1e1,\"end\":20,\"line\":1,\"end_line\":2,"
	    "\"headings\":[\"A\"],\"else\":\"x\",\"\\u0069ndex2\":-1}"), &p, &e), 0);
	CHECK(p.index == 0 && p.of == 3 && p.start == 10 && p.end == 20 && p.line == 1 && p.end_line == 2);
	CHECK_MEM(p.headings.p, p.headings.n, "[\"A\"]");
	CHECK_INT(record_chunk(SLICE("{\"index\":null,\"headings\":null}"), &p, &e), 0);
	CHECK(p.index == -1 && p.headings.p == NULL);
	CHECK_INT(record_chunk(SLICE("[]"), &p, &e), C1V_DATA);
	CHECK_STR(e.text, "`chunk` is not an object");
	CHECK_INT(record_chunk(SLICE("{\"index\":-1}"), &p, &e), C1V_DATA);
	CHECK_STR(e.text, "`chunk.index` is not a whole number from 0");
	CHECK_INT(record_chunk(SLICE("{\"of\":1.5}"), &p, &e), C1V_DATA);
	CHECK_INT(record_chunk(SLICE("{\"start\":\"1\"}"), &p, &e), C1V_DATA);
	CHECK_INT(record_chunk(SLICE("{\"end\":1e30}"), &p, &e), C1V_DATA);
	CHECK_INT(record_chunk(SLICE("{\"line\":0}"), &p, &e), C1V_DATA);
	CHECK_STR(e.text, "`chunk.line` is not a whole number from 1");
	CHECK_INT(record_chunk(SLICE("{\"headings\":\"A\"}"), &p, &e), C1V_DATA);
}

/* --- vectors ------------------------------------------------------------- */

static int
vector(const char *embedding, const char *dims, struct floats *f, struct err *e)
{
	struct record r = {.embedding = slice_of(embedding), .dims = slice_of(dims)};

	return record_vector(&r, f, e);
}

TEST(vector_arrays)
{
	struct floats f = {0};
	struct err e = {0};

	CHECK_INT(vector(NULL, NULL, &f, &e), 0);
	CHECK_INT(vector("null", "3", &f, &e), 0);
	CHECK_INT(f.count, 0);
	CHECK_INT(vector("[ 1, -0.5 ,\t2e-3\n,1E+2,0]", "5", &f, &e), 1);
	CHECK_INT(f.count, 5);
	CHECK(f.v[0] == 1 && f.v[1] == -0.5f && f.v[2] == 2e-3f && f.v[3] == 100 && f.v[4] == 0);
	CHECK_INT(vector("[1]", "null", &f, &e), 1);
	CHECK_INT(vector("[1e-45]", NULL, &f, &e), 1);
	free(f.v);
}

TEST(vector_base64)
{
	struct floats f = {0};
	struct err e = {0};

	/* 1.0f is 00 00 80 3f, -2.0f is 00 00 00 c0. */
	CHECK_INT(vector("\"AACAPwAAAMA=\"", "2", &f, &e), 1);
	CHECK(f.count == 2 && f.v[0] == 1 && f.v[1] == -2);
	CHECK_INT(vector("\"AACAPwAAAMA\"", NULL, &f, &e), 1);
	CHECK(f.count == 2 && f.v[0] == 1 && f.v[1] == -2);
	CHECK_INT(vector("\"AACAPw==\"", NULL, &f, &e), 1);
	CHECK(f.count == 1 && f.v[0] == 1);
	CHECK_INT(vector("\"//8\\/fw==\"", NULL, &f, &e), 1);
	CHECK(f.count == 1 && f.v[0] == 0x1.7ffffep127f);
	CHECK_INT(vector("\"\\u0041ACAPw\"", NULL, &f, &e), 1);
	CHECK(f.count == 1 && f.v[0] == 1);
	free(f.v);
}

static void
bad_vector(const char *embedding, const char *dims, const char *why)
{
	struct floats f = {0};
	struct err e = {0};

	CHECK_INT(vector(embedding, dims, &f, &e), -1);
	CHECK_INT(e.code, C1V_DATA);
	CHECK_STR(e.text, why);
	free(f.v);
}

TEST(wrong_vectors)
{
	bad_vector("[]", NULL, "`embedding` is empty");
	bad_vector("\"\"", NULL, "`embedding` is empty");
	bad_vector("[0,0.0,-0]", NULL, "`embedding` is a zero vector");
	bad_vector("[1e-60]", NULL, "`embedding` is a zero vector");
	bad_vector("\"AAAAAA\"", NULL, "`embedding` is a zero vector");
	bad_vector("[1,1e39]", NULL, "`embedding` holds a number that is not finite as float32");
	bad_vector("[1e39,1]", NULL, "`embedding` holds a number that is not finite as float32");
	bad_vector("[1e999]", NULL, "`embedding` holds a number that is not finite as float32");
	bad_vector("\"AADAfw\"", NULL, "`embedding` holds a number that is not finite as float32");
	bad_vector("\"AACAfw\"", NULL, "`embedding` holds a number that is not finite as float32");
	bad_vector("[1,null]", NULL, "`embedding` holds something other than numbers");
	bad_vector("[1,\"2\"]", NULL, "`embedding` holds something other than numbers");
	bad_vector("[[1]]", NULL, "`embedding` holds something other than numbers");
	bad_vector("[true]", NULL, "`embedding` holds something other than numbers");
	bad_vector("[{\"a\":1}]", NULL, "`embedding` holds something other than numbers");
	bad_vector("1", NULL, "`embedding` is neither an array nor a string");
	bad_vector("{}", NULL, "`embedding` is neither an array nor a string");
	bad_vector("\"AACA\"", NULL, "`embedding` is not base64 of a multiple of 4 bytes");
	bad_vector("\"AACAP\"", NULL, "`embedding` is not base64");
	bad_vector("\"AACA Pw\"", NULL, "`embedding` is not base64");
	bad_vector("\"AACAPw=\"", NULL, "`embedding` is not base64");
	bad_vector("\"AACAPw===\"", NULL, "`embedding` is not base64");
	bad_vector("\"AACAPx==\"", NULL, "`embedding` is not base64");
	bad_vector("\"AACA-w==\"", NULL, "`embedding` is not base64");
	bad_vector("[1,2]", "3", "`dims` is 3, but `embedding` has 2 numbers");
	bad_vector("[1,2]", "\"2\"", "`dims` is not a whole number");
	bad_vector("[1,2]", "2.5", "`dims` is not a whole number");
	bad_vector("[1,2]", "-2", "`dims` is not a whole number");
}

TEST(too_many_dimensions)
{
	float *v = mem_alloc((RECORD_MAX_DIMS + 1) * sizeof(*v));
	struct floats f = {0};
	struct buf b = {0};
	struct err e;

	for (size_t i = 0; i <= RECORD_MAX_DIMS; i++)
		v[i] = 1;
	for (int base64 = 0; base64 < 2; base64++) {
		b.len = 0;
		record_add_vector(&b, v, RECORD_MAX_DIMS, base64);
		CHECK_INT(vector(buf_cstr(&b), "65536", &f, &e), 1);
		CHECK_INT(f.count, RECORD_MAX_DIMS);
		b.len = 0;
		record_add_vector(&b, v, RECORD_MAX_DIMS + 1, base64);
		CHECK_INT(vector(buf_cstr(&b), NULL, &f, &e), -1);
		CHECK_STR(e.text, "`embedding` has more than 65536 numbers");
	}
	buf_free(&b);
	free(f.v);
	free(v);
}

/* Any finite float32, array or base64, comes back bit by bit. */
TEST(vectors_survive_the_round_trip)
{
	struct floats f = {0};
	struct buf b = {0};
	struct err e;
	float v[67];

	for (int round = 0; round < 500; round++) {
		size_t n = 1 + chance(67);

		for (size_t i = 0; i < n; i++) {
			do {
				uint32_t bits = chance(65536) << 16 | chance(65536);
				memcpy(&v[i], &bits, 4);
			} while (!isfinite(v[i]) || v[i] == 0);
		}
		b.len = 0;
		record_add_vector(&b, v, n, round % 2);
		CHECK_INT(vector(buf_cstr(&b), NULL, &f, &e), 1);
		CHECK(f.count == n && memcmp(f.v, v, n * sizeof(*v)) == 0);
	}
	b.len = 0;
	record_add_vector(&b, (const float[]){1, -0.5f, 0.1f}, 3, 0);
	CHECK_MEM(b.data, b.len, "[1,-0.5,0.1]");
	b.len = 0;
	record_add_vector(&b, (const float[]){1, -2}, 2, 1);
	CHECK_MEM(b.data, b.len, "\"AACAPwAAAMA=\"");
	buf_free(&b);
	free(f.v);
}

TEST(base64)
{
	static const char *const pairs[] = {"", "", "f", "Zg==", "fo", "Zm8=", "foo", "Zm9v", "foob", "Zm9vYg==",
	    "fooba", "Zm9vYmE=", "foobar", "Zm9vYmFy"}; /* RFC 4648, section 10 */
	unsigned char out[64];
	struct buf b = {0};
	size_t n;

	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i += 2) {
		struct slice text = slice_of(pairs[i + 1]);

		b.len = 0;
		base64_add(&b, pairs[i], strlen(pairs[i]));
		CHECK_MEM(b.data, b.len, pairs[i + 1]);
		CHECK(base64_decode(text, out, &n));
		CHECK_MEM((char *)out, n, pairs[i]);
		while (text.n && text.p[text.n - 1] == '=')
			text.n--;
		CHECK(base64_decode(text, out, &n));
		CHECK_MEM((char *)out, n, pairs[i]);
	}
	CHECK(!base64_decode(SLICE("="), out, &n));
	CHECK(!base64_decode(SLICE("===="), out, &n));
	CHECK(!base64_decode(SLICE("Zg="), out, &n));
	CHECK(!base64_decode(SLICE("Z==="), out, &n));
	CHECK(!base64_decode(SLICE("Zg==Zg=="), out, &n));
	CHECK(!base64_decode(SLICE("Zh=="), out, &n));
	CHECK(!base64_decode(SLICE("Zm9="), out, &n));
	for (int c = 0; c < 256; c++) {
		char text[] = {'A', (char)c, 'A', 'A'};
		int good = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';

		CHECK_INT(base64_decode((struct slice){text, 4}, out, &n), good);
	}
	buf_free(&b);
}

/* --- edits --------------------------------------------------------------- */

/* edits: pairs of key and value, value NULL removes; NULL ends. */
static void
edited(const char *text, const char *const *pairs, const char *expected)
{
	struct edit edits[8];
	struct record r;
	struct buf b = {0};
	size_t n = 0;

	for (; pairs[2 * n]; n++)
		edits[n] = (struct edit){pairs[2 * n], slice_of(pairs[2 * n + 1])};
	CHECK_INT(scan(text, &r, NULL), 0);
	buf_byte(&b, '>');
	record_add_edited(&b, &r, edits, n);
	CHECK_MEM(b.data + 1, b.len - 1, expected);
	buf_free(&b);
}

#define EDITED(text, expected, ...) edited(text, (const char *const[]){__VA_ARGS__, NULL}, expected)

TEST(edits)
{
	EDITED(" {\"a\" : 1.0 , \"b\":12345678901234567890,\t\"\\u0063\":[ ]\n} ",
	    "{\"a\" : 1.0 , \"b\":12345678901234567890,\t\"\\u0063\":[ ]\n}", NULL);
	EDITED("{}", "{\"x\":1}", "x", "1");
	EDITED("{ }", "{\"x\":1 }", "x", "1");
	EDITED("{}", "{}", "x", NULL);
	EDITED("{\"a\":1}", "{\"a\":1,\"x\":2,\"y\":3}", "x", "2", "y", "3");
	EDITED("{ \"a\":1 }", "{ \"a\":1,\"x\":2 }", "x", "2");
	EDITED("{\"a\":1,\"b\":2,\"c\":3}", "{\"a\":1,\"b\":\"new\",\"c\":3}", "b", "\"new\"");
	EDITED("{\"a\":1, \"b\" : 2 ,\"c\":3}", "{\"a\":1, \"b\" : 9 ,\"c\":3}", "b", "9");
	EDITED("{\"a\":1,\"b\":2,\"c\":3}", "{\"a\":7,\"b\":8,\"c\":9}", "b", "8", "c", "9", "a", "7");
	EDITED("{\"a\":1, \"\\u0062\" : 2}", "{\"a\":1, \"\\u0062\" : 9}", "b", "9");
	EDITED("{ \"a\":1, \"b\":2,  \"c\":3 }", "{ \"b\":2,  \"c\":3 }", "a", NULL);
	EDITED("{ \"a\":1, \"b\":2,  \"c\":3 }", "{ \"a\":1,  \"c\":3 }", "b", NULL);
	EDITED("{ \"a\":1, \"b\":2,  \"c\":3 }", "{ \"a\":1, \"b\":2 }", "c", NULL);
	EDITED("{ \"a\":1, \"b\":2,  \"c\":3 }", "{ \"c\":3 }", "a", NULL, "b", NULL);
	EDITED("{\"a\":1,\"b\":2}", "{}", "a", NULL, "b", NULL);
	EDITED("{\"a\":1}", "{\"x\":2}", "a", NULL, "x", "2");
	EDITED("{\"a\":1,\"b\":2}", "{\"b\":5,\"x\":2}", "x", "2", "a", NULL, "b", "5");
	EDITED("{\"a\":{\"x\":1},\"s\":\"{\\\"x\\\":,}\"}", "{\"a\":{\"x\":1},\"s\":\"{\\\"x\\\":,}\",\"x\":0}", "x", "0");
	EDITED("{\"embedding\":[1,2,3],\"id\":1}", "{\"embedding\":null,\"id\":1,\"model\":\"m\",\"dims\":3}",
	    "embedding", "null", "model", "\"m\"", "dims", "3");
	EDITED("{\"id\":1}", "{\"id\":1,\"embedding\":[],\"model\":\"m\"}", "embedding", "[]", "model", "\"m\"");
}

/* --- rejects ------------------------------------------------------------- */

static char path[] = "/tmp/c1v-rejects-XXXXXX";

static void
read_back(struct buf *b)
{
	struct file f;

	CHECK_INT(file_open(&f, path, 100000, NULL), 0);
	b->len = 0;
	buf_slice(b, f.text);
	buf_cstr(b);
	file_close(&f);
}

static void
add_line(struct rejects *r, const char *text, uint64_t number)
{
	struct line line = {slice_of(text), "in.ndjson", number, 0};
	struct err why = {C1V_DATA, "`content` is missing", ""};

	CHECK_INT(rejects_add(r, &line, &why, NULL), 0);
}

TEST(rejects)
{
	struct log log = {.tool = "c1v-test", .level = LOG_SILENT};
	struct rejects r;
	struct err e = {0}, why = {C1V_DATA, "too \"long\" \xff", ""};
	struct line line = {SLICE("{\"a\":1,\"a\":2} \xff\xe2\x82 \x01"), "-", 9, 0};
	struct line long_line = {{"", 0}, "-", 10, 1};
	struct buf b = {0};

	close(mkstemp(path));
	CHECK_INT(rejects_open(&r, &log, path, 0, &e), 0);
	add_line(&r, "{\"id\":1.0, \"x\" : 12345678901234567890}", 3);
	add_line(&r, "{\"error\":{\"code\":1},\"id\":2}", 4);
	add_line(&r, "not \"json\"\t\\", 5);
	CHECK_INT(rejects_add(&r, &line, &why, &e), 0);
	CHECK_INT(rejects_add(&r, &long_line, &why, &e), 0);
	r.good = 1;
	CHECK_INT(r.bad, 5);
	CHECK_INT(rejects_close(&r, &e), C1V_PARTIAL);
	read_back(&b);
	CHECK_STR(b.data,
	    "{\"id\":1.0, \"x\" : 12345678901234567890,\"error\":{\"code\":65,\"message\":\"`content` is missing\",\"line\":3}}\n"
	    "{\"error\":{\"code\":65,\"message\":\"`content` is missing\",\"line\":4},\"id\":2}\n"
	    "{\"raw\":\"not \\\"json\\\"\\t\\\\\",\"error\":{\"code\":65,\"message\":\"`content` is missing\",\"line\":5}}\n"
	    "{\"raw\":\"{\\\"a\\\":1,\\\"a\\\":2} \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd \\u0001\","
	    "\"error\":{\"code\":65,\"message\":\"too \\\"long\\\" \xef\xbf\xbd\",\"line\":9}}\n"
	    "{\"raw\":\"\",\"error\":{\"code\":65,\"message\":\"too \\\"long\\\" \xef\xbf\xbd\",\"line\":10}}\n");
	buf_free(&b);
	unlink(path);
}

TEST(rejects_exit_codes)
{
	struct log log = {.tool = "c1v-test", .level = LOG_SILENT};
	struct line line = {SLICE("{}"), "f", 2, 0};
	struct err e = {0}, why = {C1V_DATA, "bad", "do better"};
	struct rejects r;

	CHECK_INT(rejects_open(&r, &log, NULL, 0, &e), 0);
	CHECK_INT(rejects_close(&r, &e), 0);
	CHECK_INT(rejects_open(&r, &log, NULL, 0, &e), 0);
	CHECK_INT(rejects_add(&r, &line, &why, &e), 0);
	CHECK_INT(rejects_close(&r, &e), C1V_DATA);
	CHECK_STR(e.text, "no record was good (1 refused)");
	CHECK_INT(rejects_open(&r, &log, NULL, 1, &e), 0);
	CHECK_INT(rejects_add(&r, &line, &why, &why), C1V_DATA);
	CHECK_STR(why.text, "f:2: bad");
	CHECK_STR(why.hint, "do better");
	CHECK_INT(rejects_open(&r, &log, "-", 0, &e), C1V_USAGE);
	CHECK_INT(rejects_open(&r, &log, "/nonexistent/f", 0, &e), C1V_IO);
	CHECK_STR(e.text, "cannot write /nonexistent/f: No such file or directory");
}

TEST(rejects_disk_full)
{
	struct log log = {.tool = "c1v-test", .level = LOG_SILENT};
	struct line line = {SLICE("{}"), "f", 2, 0};
	struct err e = {0}, why = {C1V_DATA, "bad", ""};
	struct rejects r;

	CHECK_INT(rejects_open(&r, &log, "/dev/full", 0, &e), 0);
	CHECK_INT(rejects_add(&r, &line, &why, &e), 0);
	CHECK_INT(rejects_close(&r, &e), C1V_IO);
	CHECK_STR(e.text, "cannot write /dev/full: No space left on device");
	CHECK_INT(rejects_open(&r, &log, "/dev/full", 0, &e), 0);
	for (int i = 0; i < 100000 && e.code != C1V_DATA; i++) {
		e.code = 0;
		if (rejects_add(&r, &line, &why, &e) != 0) {
			CHECK_INT(e.code, C1V_IO);
			e.code = C1V_DATA;
		}
	}
	CHECK_INT(e.code, C1V_DATA);
	CHECK_INT(rejects_close(&r, &e), C1V_IO);
}

TEST(rejects_file_is_no_input)
{
	const char *inputs[2] = {"/dev/null", path};
	struct err e = {0};

	strcpy(path, "/tmp/c1v-rejects-XXXXXX");
	close(mkstemp(path));
	CHECK_INT(rejects_apart(NULL, inputs, 2, &e), 0);
	CHECK_INT(rejects_apart("/nonexistent/f", inputs, 2, &e), 0);
	CHECK_INT(rejects_apart(path, inputs, 1, &e), 0);
	CHECK_INT(rejects_apart(path, inputs, 2, &e), C1V_USAGE);
	CHECK_INT(rejects_apart("/dev/null", inputs, 2, &e), 0);
	CHECK(freopen(path, "r", stdin) != NULL);
	CHECK_INT(rejects_apart(path, NULL, 0, &e), C1V_USAGE);
	unlink(path);
}

int
main(void)
{
	return test_run();
}

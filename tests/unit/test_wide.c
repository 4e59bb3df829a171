/* The loops of sixty-four bytes: the masks are those of a byte at a time, and what
 * is built on them gives what plain loops give, whatever the length and wherever
 * the text lies, and reads no byte outside it. All of it runs once more with AVX2
 * turned off. */
#include "test.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/utf8.h"
#include "base/wide.h"
#include "text/scan.h"

enum { LONGEST = WIDE_LONG + 2 * WIDE_SIZE + 3, ROOM = 1 << 16 };

static const char *self;
static uint64_t seed = 88172645463325252u;

static unsigned
below(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed >> 33) % n;
}

/* Memory between two pages that cannot be touched. */
static char *
fenced(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *p = mmap(NULL, ROOM + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p, page, PROT_NONE) != 0 ||
	    mprotect(p + page + ROOM, page, PROT_NONE) != 0)
		abort();
	return p + page;
}

/* --- masks ------------------------------------------------------------- */

static uint64_t
by_byte(const char *p, int from, int to, int or1, int or2)
{
	uint64_t mask = 0;

	for (unsigned i = 0; i < WIDE_SIZE; i++) {
		int c = (unsigned char)p[i];
		mask |= (uint64_t)((c >= from && c <= to) || c == or1 || c == or2) << i;
	}
	return mask;
}

static void
check_masks(const struct wide *w)
{
	char *block = fenced() + ROOM - WIDE_SIZE;

	for (int c = 0; c < 256; c++) {
		for (unsigned i = 0; i < WIDE_SIZE; i++)
			block[i] = (char)(below(2) ? (unsigned)c + below(3) - 1 : below(256));
		CHECK(w->equal(block, (char)c) == by_byte(block, c, c, -1, -1));
		CHECK(w->from(block, (unsigned char)c) == by_byte(block, c, 255, -1, -1));
		CHECK(w->high(block) == by_byte(block, 0x80, 255, -1, -1));
		CHECK(w->tails(block) == by_byte(block, 0x80, 0xbf, -1, -1));
		CHECK(w->escapes(block) == by_byte(block, 0, 0x1f, '"', '\\'));
	}
}

TEST(masks_are_those_of_bytes)
{
	check_masks(&wide_plain);
#ifdef WIDE_X86
	if (wide_level() == WIDE_AVX2)
		check_masks(&wide_avx2);
#endif
}

/* --- what is built on them --------------------------------------------- */

enum { KINDS = 5 };

/* Texts: letters, lines, much to escape, characters of all lengths, these with a
 * wrong byte. */
static void
make_text(char *out, size_t n, int kind)
{
	static const char *const pieces[] = {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\n", "\xed\x9f\xbf"};
	size_t i = 0;

	while (i < n) {
		const char *piece = pieces[below(6)];
		size_t len = strlen(piece);

		if (kind >= 3 && kind <= 4 && i + len <= n) {
			memcpy(out + i, piece, len);
			i += len;
			continue;
		}
		out[i] = kind == 0 || kind >= 3 ? (char)('a' + below(3)) :
		    kind == 1 && below(20) ? 'x' : kind == 1 ? '\n' : (char)below(0x60);
		i++;
	}
	if (kind == 4 && n)
		out[below((unsigned)n)] = (char)(0x80 + below(128));
}

static size_t
valid_by_step(const char *p, size_t n)
{
	size_t i = 0, step;

	while (i < n && (step = utf8_step(p + i, n - i)) != 0)
		i += step;
	return i;
}

static void
check_utf8(const char *p, size_t n)
{
	size_t ascii = 0;

	while (ascii < n && (unsigned char)p[ascii] < 0x80)
		ascii++;
	CHECK_INT(utf8_ascii(p, n), ascii);
	CHECK_INT(utf8_valid(p, n), valid_by_step(p, n));
}

static size_t
escape_by_byte(char *out, const char *p, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		const char *at = p[i] ? strchr("\"\\\b\f\n\r\t", p[i]) : NULL;

		if (at != NULL)
			len += (size_t)sprintf(out + len, "\\%c", "\"\\bfnrt"[at - "\"\\\b\f\n\r\t"]);
		else if ((unsigned char)p[i] < 0x20)
			len += (size_t)sprintf(out + len, "\\u%04x", (unsigned)p[i]);
		else
			out[len++] = p[i];
	}
	return len;
}

/* Written, read back, and cut short. The buffer begins with as little room as it
 * can, so that it must grow on the way. */
static void
check_json(const char *p, size_t n, char *fence)
{
	char plain[8 * LONGEST];
	struct buf b = {0}, text = {0};
	struct slice value, back, quoted;
	struct err e;
	size_t len = escape_by_byte(plain, p, n);

	json_add_string(&b, (struct slice){p, n});
	CHECK(b.len == len + 2 && memcmp(b.data + 1, plain, len) == 0);
	quoted = (struct slice){memcpy(fence + ROOM - b.len, b.data, b.len), b.len};
	CHECK_INT(json_check(quoted, &value, &e), 0);
	back = json_text(quoted, &text);
	CHECK(back.n == n && (n == 0 || memcmp(back.p, p, n) == 0));
	memmove(fence + ROOM - b.len + 1, b.data, b.len - 1);
	CHECK(json_check((struct slice){fence + ROOM - b.len + 1, b.len - 1}, &value, &e) != 0);
	buf_free(&b);
	buf_free(&text);
}

static void
check_find(const struct scan_text *t, struct slice sep)
{
	struct scan_find f;
	struct mark at = {0, 0};
	size_t next = 0;

	scan_find_start(&f, t, sep, (struct mark){0, 0}, t->n, 0);
	for (size_t i = 0; i + sep.n <= t->n; i++) {
		if (i < next || memcmp(t->p + i, sep.p, sep.n) != 0)
			continue;
		next = i + sep.n;
		CHECK(scan_find_next(&f, &at));
		CHECK_INT(at.byte, i);
		CHECK_INT(at.unit, t->measure == MEASURE_BYTES ? i :
		    t->measure == MEASURE_UTF16 ? utf8_units(t->p, i) : utf8_count(t->p, i));
	}
	CHECK(!scan_find_next(&f, &at));
}

static void
check_scan(const char *p, size_t n, enum measure measure)
{
	struct scan_text t = {.p = p, .n = n, .measure = measure, .level = wide_level()};
	size_t newlines = 0;

	for (size_t i = 0; i < n; i++)
		newlines += p[i] == '\n';
	CHECK_INT(scan_newlines(&t, 0, n), newlines);
	CHECK_INT(scan_units(&t, 0, n), measure == MEASURE_BYTES ? n :
	    measure == MEASURE_UTF16 ? utf8_units(p, n) : utf8_count(p, n));
	check_find(&t, SLICE("\n"));
	check_find(&t, SLICE("ab"));
	check_find(&t, SLICE("aba"));
}

TEST(all_lengths_at_both_fences)
{
	char *fence = fenced(), *other = fenced();

	for (size_t n = 0; n <= LONGEST && test_failures == 0; n++)
		for (int kind = 0; kind < KINDS; kind++)
			for (int end = 0; end < 2; end++) {
				char *p = end ? fence + ROOM - n : fence;

				make_text(p, n, kind);
				check_utf8(p, n);
				if (utf8_valid(p, n) != n)
					continue;
				check_json(p, n, other);
				check_scan(p, n, MEASURE_POINTS);
				check_scan(p, n, MEASURE_UTF16);
				if (utf8_ascii(p, n) == n)
					check_scan(p, n, MEASURE_BYTES);
			}
}

/* One odd byte in a text that is plain but for it. */
TEST(every_place)
{
	static const char odd[] = "\"\\\n\x01";
	char *fence = fenced(), *other = fenced(), *p = fence + ROOM - LONGEST;

	memset(p, 'a', LONGEST);
	for (size_t at = 0; at < LONGEST && test_failures == 0; at++) {
		for (size_t k = 0; k < sizeof(odd) - 1; k++) {
			p[at] = odd[k];
			check_json(p, LONGEST, other);
		}
		p[at] = '\x80';
		CHECK_INT(utf8_valid(p, LONGEST), at);
		CHECK_INT(utf8_ascii(p, LONGEST), at);
		p[at] = 'a';
	}
}

/* Escapes of every kind, over the edges of blocks; the longest is 12 bytes. */
TEST(escapes_over_edges)
{
	static const char *const escape[] = {"\\u0041", "\\ud83d\\ude00", "\\/", "\\\\", "\\u00e9", "\\n", "\\\""};
	static const char *const meant[] = {"A", "\xf0\x9f\x98\x80", "/", "\\", "\xc3\xa9", "\n", "\""};
	char quoted[2 * LONGEST], plain[2 * LONGEST];
	struct slice value, text;
	struct err e;

	for (int round = 0; round < 3000; round++) {
		size_t n = 1, len = 0, most = below(LONGEST), gap = below(3) ? below(80) : 0;
		struct buf b = {0};

		quoted[0] = '"';
		while (n < most) {
			unsigned k = below(7);

			for (size_t i = gap ? below((unsigned)gap) : 0; i > 0; i--)
				quoted[n++] = plain[len++] = 'x';
			n += (size_t)sprintf(quoted + n, "%s", escape[k]);
			len += (size_t)sprintf(plain + len, "%s", meant[k]);
		}
		quoted[n++] = '"';
		CHECK_INT(json_check((struct slice){quoted, n}, &value, &e), 0);
		text = json_text((struct slice){quoted, n}, &b);
		CHECK(text.n == len && memcmp(text.p, plain, len) == 0);
		buf_free(&b);
	}
}

TEST(the_same_without_avx2)
{
	int status = -1;
	pid_t pid;

	if (getenv("C1V_TEST_PLAIN") != NULL) {
#ifdef __GLIBC__
		CHECK_INT(wide_level(), WIDE_PLAIN);
#endif
		return;
	}
	if (wide_level() != WIDE_AVX2)
		return;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		setenv("C1V_TEST_PLAIN", "1", 1);
		setenv("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-AVX2", 1);
		if (freopen("/dev/null", "w", stdout) != NULL)
			execl(self, self, (char *)NULL);
		_exit(127);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK_INT(status, 0);
}

int
main(int argc, char **argv)
{
	self = argc ? argv[0] : "";
	return test_run();
}

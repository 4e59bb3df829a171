/* The patterns of cl100k_base and o200k_base by hand. An alternative is tried
 * where the ones before it cannot match; what a regular expression would find
 * by going back is found directly, see the comments.
 *
 * cl100k_base:
 *   1 '(?i:[sdmt]|ll|ve|re)
 *   2 [^\r\n\p{L}\p{N}]?+\p{L}++
 *   3 \p{N}{1,3}+
 *   4  ?[^\s\p{L}\p{N}]++[\r\n]*+
 *   5 \s++$
 *   6 \s*[\r\n]
 *   7 \s+(?!\S)
 *   8 \s
 * o200k_base:
 *   1 [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?
 *   2 [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?
 *   3 \p{N}{1,3}
 *   4  ?[^\s\p{L}\p{N}]+[\r\n/]*
 *   5 \s*[\r\n]+
 *   6 \s+(?!\S)
 *   7 \s+
 */
#include "text/bpe_private.h"

#include "base/utf8.h"
#include "text/bpe_table.h"

enum {
	LETTERS = 1 << BPE_LETTER | 1 << BPE_LOWER | 1 << BPE_UPPER,
	UPPERS = 1 << BPE_LETTER | 1 << BPE_UPPER | 1 << BPE_MARK, /* the first set of o200k 1 and 2 */
	LOWERS = 1 << BPE_LETTER | 1 << BPE_LOWER | 1 << BPE_MARK, /* the second */
	BOTH = 1 << BPE_LETTER | 1 << BPE_MARK,
	NUMBERS = 1 << BPE_NUMBER,
	NEWLINES = 1 << BPE_NEWLINE,
	SPACES = 1 << BPE_SPACE | 1 << BPE_NEWLINE,
	SIGNS = 1 << BPE_OTHER | 1 << BPE_MARK /* neither white space, letter nor number */
};

struct text {
	const unsigned char *p;
	size_t n;
};

/* The class of the character at `at`, as a bit of the sets above, and where the
 * next one begins. An invalid byte is a character by itself. */
static unsigned
take(const struct text *t, size_t at, size_t *next)
{
	size_t len = utf8_step((const char *)t->p + at, t->n - at);
	uint32_t c, block;

	*next = at + (len ? len : 1);
	if (len == 0)
		return 1 << BPE_OTHER;
	c = utf8_decode((const char *)t->p + at, &len);
	block = c / 64;
	if (block < BPE_INDEX)
		return 1u << (bpe_blocks[bpe_index[block]][c % 64 / 2] >> c % 2 * 4 & 15);
	for (size_t i = 0; i < sizeof(bpe_ranges) / sizeof(bpe_ranges[0]); i++) {
		if (c >= bpe_ranges[i].first && c <= bpe_ranges[i].last)
			return 1u << bpe_ranges[i].kind;
	}
	return 1 << BPE_OTHER;
}

static unsigned /* the same; 0 at the end of the text */
peek(const struct text *t, size_t at)
{
	return at < t->n ? take(t, at, &at) : 0;
}

static size_t /* behind the characters of a set */
run(const struct text *t, size_t at, unsigned set)
{
	size_t next;

	while (at < t->n && take(t, at, &next) & set) {
		at = next;
	}
	return at;
}

static int /* is the letter at p, in either case, this one? */
is_letter(const unsigned char *p, char lower)
{
	return (*p | 0x20) == lower;
}

/* Behind the contraction at `at`, or `at` when none stands there. U+017F is an
 * s without regard to case. */
static size_t
contraction(const struct text *t, size_t at)
{
	const unsigned char *p = t->p + at;
	size_t n = t->n - at;

	if (n < 2 || p[0] != '\'')
		return at;
	if (is_letter(p + 1, 's') || is_letter(p + 1, 't') || is_letter(p + 1, 'd') || is_letter(p + 1, 'm'))
		return at + 2;
	if (n < 3)
		return at;
	if ((p[1] == 0xc5 && p[2] == 0xbf) || (is_letter(p + 1, 'l') && is_letter(p + 2, 'l')) ||
	    (is_letter(p + 1, 'v') && is_letter(p + 2, 'e')) || (is_letter(p + 1, 'r') && is_letter(p + 2, 'e')))
		return at + 3;
	return at;
}

static size_t
numbers(const struct text *t, size_t at)
{
	for (int i = 0; i < 3 && peek(t, at) & NUMBERS; i++) {
		take(t, at, &at);
	}
	return at;
}

/* Signs with a space before them; `at` when there are none. */
static size_t
signs(const struct text *t, size_t at)
{
	size_t from = at + (t->p[at] == ' '), end = run(t, from, SIGNS);

	return end > from ? end : at;
}

/* A run of white space: up to its last newline, else without its last
 * character, which belongs to what follows, unless it is the only one or
 * nothing follows. cl100k takes a run that ends the text whole (its 5). */
static size_t
spaces(const struct text *t, size_t at, int whole_at_end)
{
	size_t end = at, last = at, newline = 0, next;

	while (end < t->n) {
		unsigned class = take(t, end, &next);

		if (!(class & SPACES))
			break;
		if (class & NEWLINES)
			newline = next;
		last = end;
		end = next;
	}
	if (whole_at_end && end == t->n)
		return end;
	if (newline)
		return newline;
	return end == t->n || last == at ? end : last;
}

static size_t
cl100k(const struct text *t, size_t at)
{
	size_t next, end = contraction(t, at);
	unsigned class;

	if (end > at)
		return end;
	class = take(t, at, &next);
	if (class & LETTERS || (!(class & (NEWLINES | NUMBERS)) && peek(t, next) & LETTERS))
		return run(t, next, LETTERS);
	if (class & NUMBERS)
		return numbers(t, at);
	end = signs(t, at);
	if (end == at)
		return spaces(t, at, 1);
	while (end < t->n && (t->p[end] == '\r' || t->p[end] == '\n')) {
		end++;
	}
	return end;
}

/* What 1 matches behind its first character: where it ends, or `at`. The second
 * set needs a character. Where none follows the run of the first, the last one
 * of the run that is in both sets is it, and the match ends there. *upper is
 * the end of the run of the first set: where 2 ends when 1 fails. */
static size_t
word(const struct text *t, size_t at, size_t *upper)
{
	size_t end = at, both = at, next;
	unsigned class = 0;

	for (; end < t->n && (class = take(t, end, &next)) & UPPERS; end = next) {
		if (class & BOTH)
			both = next;
	}
	*upper = end;
	return end < t->n && class & LOWERS ? run(t, end, LOWERS) : both;
}

/* Alternatives 1 and 2. The first character is left out only when there is no
 * match with it; it can be in the sets itself when it is a mark, which then is
 * a match of 1 alone. */
static size_t
o200k_word(const struct text *t, size_t at)
{
	size_t next, from = at, end, upper;
	unsigned class = take(t, at, &next);

	if (!(class & (NEWLINES | NUMBERS | LETTERS)))
		from = next;
	end = word(t, from, &upper);
	if (end == from && class & 1 << BPE_MARK)
		return contraction(t, from);
	if (end == from)
		end = upper;
	return end > from ? contraction(t, end) : at;
}

static size_t
o200k(const struct text *t, size_t at)
{
	size_t end = o200k_word(t, at);

	if (end > at || (end = numbers(t, at)) > at)
		return end;
	end = signs(t, at);
	if (end == at)
		return spaces(t, at, 0);
	while (end < t->n && (t->p[end] == '\r' || t->p[end] == '\n' || t->p[end] == '/')) {
		end++;
	}
	return end;
}

size_t
bpe_piece_end(enum bpe_pattern pattern, const unsigned char *p, size_t at, size_t n)
{
	struct text t = {p, n};

	return pattern == BPE_CL100K ? cl100k(&t, at) : o200k(&t, at);
}

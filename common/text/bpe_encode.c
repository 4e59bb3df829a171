/* Encoding: pieces are found in ASCII sixteen bytes at a time, and their tokens
 * in a memory of pieces met before. What is not ASCII, or stands at the end of
 * the text, goes through bpe_piece_end(); what is not in the memory through the
 * table. */
#include "text/bpe_private.h"

#include <stdlib.h>

#include "base/utf8.h"
#include "text/bpe_simd.h"

enum {
	MARGIN = 2 * SIMD_SIZE + 16, /* bytes that must be there for the fast way */
	LEN_BITS = 5, COUNT_BITS = 3, IDS_SHIFT = LEN_BITS + COUNT_BITS,
	PIECE_MOST = INT32_MAX       /* a longer piece is merged in parts */
};

/* --- pieces of ASCII -------------------------------------------------------------- */

enum ascii { SIGN, LETTER, DIGIT, SPACE, HIGH };

#define S8 SIGN, SIGN, SIGN, SIGN, SIGN, SIGN, SIGN, SIGN
#define L8 LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER
#define D8 DIGIT, DIGIT, DIGIT, DIGIT, DIGIT, DIGIT, DIGIT, DIGIT
#define H8 HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH, HIGH
#define LETTER_ROWS \
	SIGN, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, L8, L8, \
	LETTER, LETTER, LETTER, SIGN, SIGN, SIGN, SIGN, SIGN

static const uint8_t ascii[256] = {
	S8, SIGN, SPACE, SPACE, SPACE, SPACE, SPACE, SIGN, SIGN, S8, S8,
	SPACE, SIGN, SIGN, SIGN, SIGN, SIGN, SIGN, SIGN, S8,
	D8, DIGIT, DIGIT, SIGN, SIGN, SIGN, SIGN, SIGN, SIGN,
	LETTER_ROWS, LETTER_ROWS,
	H8, H8, H8, H8, H8, H8, H8, H8, H8, H8, H8, H8, H8, H8, H8, H8
};

/* Each of these gives the bytes of the piece at p, or 0: not to be said here.
 * At least MARGIN bytes stand there. */

static inline size_t
fast_letters(const unsigned char *p, size_t from)
{
	unsigned n = bpe_run(bpe_letters(simd_load((const char *)p + from)));

	if (n == SIMD_SIZE) {
		n += bpe_run(bpe_letters(simd_load((const char *)p + from + SIMD_SIZE)));
		if (n == 2 * SIMD_SIZE)
			return 0;
	}
	return p[from + n] < 0x80 ? from + n : 0;
}

/* Upper-case letters, then lower-case ones, then a contraction. */
static inline size_t
fast_word(const unsigned char *p, size_t from)
{
	simd_block x = simd_load((const char *)p + from);
	unsigned upper = bpe_run(bpe_range(x, 'A', 25)), n;

	if (upper == SIMD_SIZE)
		return 0;
	n = upper + bpe_run(bpe_range(x, 'a', 25) >> upper);
	if (n >= SIMD_SIZE || p[from + n] >= 0x80 || p[from + n] == '\'')
		return 0;
	return from + n;
}

static inline size_t
fast_digits(const unsigned char *p)
{
	size_t n = 1;

	while (n < 3 && ascii[p[n]] == DIGIT) {
		n++;
	}
	return n < 3 && p[n] >= 0x80 ? 0 : n;
}

static inline size_t
fast_signs(const unsigned char *p, size_t from, enum bpe_pattern pattern)
{
	unsigned n = bpe_run(bpe_signs(simd_load((const char *)p + from)));

	if (n == SIMD_SIZE)
		return 0;
	n += (unsigned)from;
	if (p[n] >= 0x80)
		return 0;
	while (p[n] == '\n' || p[n] == '\r' || (pattern == BPE_O200K && p[n] == '/')) {
		if (++n > 2 * SIMD_SIZE)
			return 0;
	}
	return n;
}

static inline size_t
fast_spaces(const unsigned char *p)
{
	simd_block x = simd_load((const char *)p);
	unsigned n = bpe_run(bpe_spaces(x));
	uint32_t newlines;

	if (n == SIMD_SIZE || p[n] >= 0x80)
		return 0;
	newlines = (simd_equal(x, '\n') | simd_equal(x, '\r')) & ((1u << n) - 1);
	if (newlines)
		return 32 - (unsigned)__builtin_clz(newlines);
	return n > 1 ? n - 1 : 1;
}

static inline size_t
fast_piece(enum bpe_pattern pattern, const unsigned char *p)
{
	unsigned class = ascii[p[0]], next = ascii[p[1]];

	if (class == HIGH || next == HIGH)
		return 0;
	if (class == LETTER)
		return pattern == BPE_CL100K ? fast_letters(p, 0) : fast_word(p, 0);
	if (class == DIGIT)
		return fast_digits(p);
	if (next == LETTER && p[0] != '\n' && p[0] != '\r') {
		if (pattern == BPE_O200K)
			return fast_word(p, 1);
		return p[0] == '\'' ? 0 : fast_letters(p, 1);
	}
	if (class == SIGN)
		return fast_signs(p, 0, pattern);
	if (p[0] == ' ' && next == SIGN)
		return fast_signs(p, 1, pattern);
	return fast_spaces(p);
}

/* --- tokens of a piece -------------------------------------------------------------- */

struct sink {
	struct bpe_ids *ids; /* NULL: only count */
	size_t count;
};

static void
put(struct sink *s, const uint32_t *ids, size_t n)
{
	if (s->ids != NULL) {
		mem_grow(&s->ids->items, &s->ids->room, s->ids->count + n, sizeof(*ids));
		memcpy(s->ids->items + s->ids->count, ids, n * sizeof(*ids));
		s->ids->count += n;
	}
	s->count += n;
}

/* A piece that is not in the memory: its tokens are in b->parts. */
static void
work_out(struct bpe *b, const unsigned char *p, size_t n, uint64_t hash)
{
	uint32_t id = bpe_find(b, p, n, hash);

	if (id == BPE_NO_ID) {
		bpe_merge(b, p, n);
		return;
	}
	mem_grow(&b->parts.items, &b->parts.room, 1, sizeof(id));
	b->parts.items[0] = id;
	b->parts.count = 1;
}

static void
long_piece(struct bpe *b, const unsigned char *p, size_t n, struct sink *s)
{
	struct bpe_long *m;
	uint64_t hash;

	for (; n > PIECE_MOST; p += PIECE_MOST, n -= PIECE_MOST) {
		bpe_merge(b, p, PIECE_MOST);
		put(s, b->parts.items, b->parts.count);
	}
	hash = n <= b->head.longest || n <= BPE_LONG ? bpe_hash(p, n) : 0;
	if (n > BPE_LONG) {
		work_out(b, p, n, hash);
		put(s, b->parts.items, b->parts.count);
		return;
	}
	m = &b->long_memory[hash >> (64 - BPE_LONG_BITS)];
	if (m->length == n && memcmp(m->bytes, p, n) == 0) {
		put(s, m->ids, m->count);
		return;
	}
	work_out(b, p, n, hash);
	put(s, b->parts.items, b->parts.count);
	if (b->parts.count > BPE_LONG_IDS)
		return;
	m->length = (uint32_t)n;
	m->count = (uint32_t)b->parts.count;
	memcpy(m->bytes, p, n);
	memcpy(m->ids, b->parts.items, b->parts.count * sizeof(*m->ids));
}

static void
remember(struct bpe *b, struct bpe_memory *m, uint64_t low, uint64_t high, size_t n)
{
	uint64_t ids[BPE_MEMORY_IDS] = {0};

	if (b->parts.count > BPE_MEMORY_IDS)
		return;
	for (size_t i = 0; i < b->parts.count; i++) {
		ids[i] = b->parts.items[i] & BPE_ID_MASK;
	}
	m->low = low;
	m->high = high;
	m->first = n | b->parts.count << LEN_BITS | ids[0] << IDS_SHIFT |
	    ids[1] << (IDS_SHIFT + BPE_ID_BITS) | ids[2] << (IDS_SHIFT + 2 * BPE_ID_BITS);
	m->second = ids[3] | ids[4] << BPE_ID_BITS | ids[5] << 2 * BPE_ID_BITS;
}

static void __attribute__((noinline))
new_piece(struct bpe *b, const unsigned char *p, size_t n, struct bpe_memory *m, uint64_t low,
    uint64_t high, uint64_t hash, struct sink *s)
{
	work_out(b, p, n, hash);
	remember(b, m, low, high, n);
	put(s, b->parts.items, b->parts.count);
}

/* The tokens of a piece of 1 to BPE_KEY bytes, its bytes in low and high. */
static inline void
short_piece(struct bpe *b, const unsigned char *p, size_t n, uint64_t low, uint64_t high, struct sink *s)
{
	uint64_t hash = bpe_hash_key(low, high, n), first, second;
	struct bpe_memory *m = &b->memory[hash >> (64 - BPE_MEMORY_BITS)];
	size_t count;
	uint32_t *ids;

	first = m->first;
	if ((m->low ^ low) | (m->high ^ high) | ((first ^ n) & ((1 << LEN_BITS) - 1))) {
		new_piece(b, p, n, m, low, high, hash, s);
		return;
	}
	count = first >> LEN_BITS & ((1 << COUNT_BITS) - 1);
	s->count += count;
	if (s->ids == NULL)
		return;
	if (s->ids->room - s->ids->count < BPE_MEMORY_IDS)
		mem_grow(&s->ids->items, &s->ids->room, s->ids->count + BPE_MEMORY_IDS, sizeof(*ids));
	ids = s->ids->items + s->ids->count;
	s->ids->count += count;
	first >>= IDS_SHIFT;
	ids[0] = first & BPE_ID_MASK;
	ids[1] = first >> BPE_ID_BITS & BPE_ID_MASK;
	ids[2] = first >> 2 * BPE_ID_BITS & BPE_ID_MASK;
	if (count > 3) {
		second = m->second;
		ids[3] = second & BPE_ID_MASK;
		ids[4] = second >> BPE_ID_BITS & BPE_ID_MASK;
		ids[5] = second >> 2 * BPE_ID_BITS & BPE_ID_MASK;
	}
}

/* --- a text ---------------------------------------------------------------------------- */

static inline void
any_piece(struct bpe *b, const unsigned char *p, size_t n, struct sink *s)
{
	if (n > BPE_KEY)
		long_piece(b, p, n, s);
	else
		short_piece(b, p, n, bpe_load(p, n), n > 8 ? bpe_load(p + 8, n - 8) : 0, s);
}

static inline void
encode(struct bpe *b, enum bpe_pattern pattern, const unsigned char *p, size_t n, struct sink *s)
{
	/* Which bytes of a word of 8 are part of a piece of 0 to 8. */
	static const uint64_t part[9] = {
		0, 0xff, 0xffff, 0xffffff, 0xffffffff, 0xffffffffff, 0xffffffffffff,
		0xffffffffffffff, 0xffffffffffffffff
	};
	size_t at = 0, len, end;

	while (at < n) {
		if (n - at >= MARGIN && (len = fast_piece(pattern, p + at)) != 0 && len <= BPE_KEY) {
			uint64_t low, high;

			memcpy(&low, p + at, 8);
			memcpy(&high, p + at + 8, 8);
			low &= part[len < 8 ? len : 8];
			high &= part[len < 8 ? 0 : len - 8];
			short_piece(b, p + at, len, low, high, s);
			at += len;
			continue;
		}
		end = bpe_piece_end(pattern, p, at, n);
		any_piece(b, p + at, end - at, s);
		at = end;
	}
}

static void
run(struct bpe *b, struct slice text, struct sink *s)
{
	const unsigned char *p = (const unsigned char *)text.p;

	if (b->memory == NULL) {
		b->memory = mem_zero((size_t)1 << BPE_MEMORY_BITS, sizeof(*b->memory));
		b->long_memory = mem_zero((size_t)1 << BPE_LONG_BITS, sizeof(*b->long_memory));
	}
	if (b->head.pattern == BPE_CL100K)
		encode(b, BPE_CL100K, p, text.n, s);
	else
		encode(b, BPE_O200K, p, text.n, s);
}

size_t
bpe_count(struct bpe *b, struct slice text)
{
	struct sink s = {0};

	run(b, text, &s);
	return s.count;
}

void
bpe_encode(struct bpe *b, struct slice text, struct bpe_ids *ids)
{
	struct sink s = {.ids = ids};

	run(b, text, &s);
}

void
bpe_encode_special(struct bpe *b, struct slice text, struct bpe_ids *ids)
{
	struct sink s = {.ids = ids};
	size_t done = 0, n;

	for (size_t at = 0; at < text.n;) {
		struct slice rest = {text.p + at, text.n - at};
		const char *mark = memchr(rest.p, '<', rest.n);
		uint32_t id;

		if (mark == NULL)
			break;
		at = (size_t)(mark - text.p);
		id = bpe_special_at(b->name, (struct slice){mark, text.n - at}, &n);
		if (id == BPE_NO_ID) {
			at++;
			continue;
		}
		run(b, (struct slice){text.p + done, at - done}, &s);
		put(&s, &id, 1);
		done = at += n;
	}
	run(b, (struct slice){text.p + done, text.n - done}, &s);
}

/* A piece never holds a letter and white space behind it, nor a newline and a
 * letter or digit behind that; and where a text ends in one of the former, what
 * the patterns see of what follows makes no difference. */
size_t
bpe_safe_end(struct slice text)
{
	const unsigned char *p = (const unsigned char *)text.p;

	for (size_t at = text.n; at-- > 1;) {
		if (ascii[p[at - 1]] == LETTER && ascii[p[at]] == SPACE)
			return at;
		if (p[at - 1] == '\n' && (ascii[p[at]] == LETTER || ascii[p[at]] == DIGIT))
			return at;
	}
	return 0;
}

#include "embed/wordpiece.h"

#include <stdlib.h>

#include "base/simd.h"
#include "base/utf8.h"

/* What begins with a byte, for the quick way. */
enum kind { KIND_WORD, KIND_MARK, KIND_SPACE, KIND_SLOW };

/* A word that is being gathered, normalised. */
struct word {
	char text[4 * (MODEL_MAX_WORD + 1)];
	size_t n;
	uint32_t count; /* code points, counted on beyond the limit */
};

/* The ids that were found. */
struct found {
	uint32_t *ids;
	size_t n, room;
};

static inline void
add_id(struct found *f, uint32_t id)
{
	/* Room is asked for before each word; only a damaged table can pass it. */
	if (f->n < f->room)
		f->ids[f->n++] = id;
}

/* --- pieces ----------------------------------------------------------------- */

/* The longest piece that text begins with, from a cell on: its bytes and *id;
 * 0: none. */
static size_t
longest_piece(const struct model *m, uint32_t cell, struct slice text, uint32_t *id)
{
	size_t best = 0;

	if (cell == MODEL_NO_CELL)
		return 0;
	for (size_t i = 0; i < text.n; i++) {
		uint32_t end;

		cell = model_child(m, cell, (unsigned char)text.p[i]);
		if (cell == MODEL_NO_CELL)
			break;
		if ((m->cells[cell].base & MODEL_CELL_PIECE) == 0)
			continue;
		end = model_child(m, cell, 0);
		if (end != MODEL_NO_CELL && m->cells[end].base < m->head.pieces) {
			*id = m->cells[end].base;
			best = i + 1;
		}
	}
	return best;
}

/* Take a word apart. */
static void
add_pieces(const struct model *m, struct slice word, struct found *f)
{
	size_t before = f->n;
	uint32_t cell = 0, id = 0;

	while (word.n) {
		size_t n = longest_piece(m, cell, word, &id);
		if (n == 0) {
			f->n = before;
			add_id(f, m->head.unknown);
			return;
		}
		add_id(f, id);
		word = (struct slice){word.p + n, word.n - n};
		cell = m->head.continuation;
	}
}

/* --- words that were met before --------------------------------------------- */

static inline struct wordpiece_word *
word_place(struct wordpiece *w, const uint64_t key[2])
{
	uint64_t h = (key[0] * 0x9e3779b97f4a7c15u) ^ (key[1] * 0xd6e8feb86659fd93u);

	h ^= h >> 32;
	return &w->words[(h * 0x9e3779b97f4a7c15u) >> 51];
}
_Static_assert(WORDPIECE_WORDS == 1 << (64 - 51), "the hash has as many bits as there are places");

/* Remember what a word became, where it fits. */
static void
remember(struct wordpiece_word *place, const uint64_t key[2], const uint32_t *ids, size_t n)
{
	if (n > WORDPIECE_IDS)
		return;
	for (size_t i = 0; i < n; i++) {
		if (ids[i] > UINT16_MAX)
			return;
	}
	memcpy(place->key, key, sizeof(place->key));
	place->count = (uint16_t)n;
	for (size_t i = 0; i < n; i++) {
		place->ids[i] = (uint16_t)ids[i];
	}
}

static void
add_new_word(struct wordpiece *w, struct wordpiece_word *place, const uint64_t key[2], size_t n,
    struct found *f)
{
	char text[WORDPIECE_KEY];
	size_t before = f->n;

	memcpy(text, key, sizeof(text));
	add_pieces(w->model, (struct slice){text, n}, f);
	remember(place, key, f->ids + before, f->n - before);
}

/* A word of at most WORDPIECE_KEY bytes. The ids are copied as many as may be,
 * which is cheaper than to count; there is room behind them. */
static inline void
add_short_word(struct wordpiece *w, const uint64_t key[2], size_t n, struct found *f)
{
	struct wordpiece_word *place = word_place(w, key);

	if (place->key[0] != key[0] || place->key[1] != key[1]) {
		add_new_word(w, place, key, n, f);
		return;
	}
	for (size_t i = 0; i < WORDPIECE_IDS; i++) {
		f->ids[f->n + i] = place->ids[i];
	}
	f->n += place->count;
}

/* --- the way for all text --------------------------------------------------- */

static void
end_word(struct wordpiece *w, struct word *word, struct found *f)
{
	uint64_t key[2] = {0, 0};

	if (word->count > w->model->head.word_limit) {
		add_id(f, w->model->head.unknown);
	} else if (word->n > WORDPIECE_KEY || f->room - f->n < WORDPIECE_IDS) {
		add_pieces(w->model, (struct slice){word->text, word->n}, f);
	} else if (word->n) {
		memcpy(key, word->text, word->n);
		add_short_word(w, key, word->n, f);
	}
	word->n = word->count = 0;
}

static void
add_char(struct wordpiece *w, struct word *word, uint32_t c)
{
	uint32_t limit = w->model->head.word_limit;

	/* No piece holds a NUL, and a surrogate or worse is in a damaged table only:
	 * either makes the word unknown. */
	if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		word->count = limit + 1;
	else if (word->count <= limit && ++word->count <= limit)
		word->n += utf8_encode(word->text + word->n, c);
}

static void
add_alone(struct wordpiece *w, struct word *word, uint32_t c, struct found *f)
{
	end_word(w, word, f);
	add_char(w, word, c);
	end_word(w, word, f);
}

static void
add_hangul(struct wordpiece *w, struct word *word, uint32_t c)
{
	uint32_t s = c - 0xac00;

	add_char(w, word, 0x1100 + s / 588);
	add_char(w, word, 0x1161 + s % 588 / 28);
	if (s % 28)
		add_char(w, word, 0x11a7 + s % 28);
}

static void
add_sequence(struct wordpiece *w, struct word *word, uint32_t at, struct found *f)
{
	const struct model *m = w->model;
	uint32_t n = at < m->pool_count ? m->pool[at] : 0;

	if (n > MODEL_POOL_MOST || n >= m->pool_count - at)
		return;
	for (uint32_t i = 1; i <= n; i++) {
		uint32_t code = m->pool[at + i], c = code >> MODEL_CODE_BITS;
		enum model_code kind = (enum model_code)(code & ((1 << MODEL_CODE_BITS) - 1));

		if (kind == MODEL_SELF)
			add_char(w, word, c);
		else if (kind == MODEL_ALONE)
			add_alone(w, word, c, f);
		else
			end_word(w, word, f);
	}
}

/* One code point. Does it end a word? */
static int
add_code(struct wordpiece *w, struct word *word, uint32_t c, struct found *f)
{
	uint32_t code = model_code(w->model, c), value = code >> MODEL_CODE_BITS;

	switch ((enum model_code)(code & ((1 << MODEL_CODE_BITS) - 1))) {
	case MODEL_SELF:
		add_char(w, word, c);
		return 0;
	case MODEL_TO:
		add_char(w, word, value);
		return 0;
	case MODEL_SEQ:
		add_sequence(w, word, value, f);
		return word->count == 0;
	case MODEL_HANGUL:
		add_hangul(w, word, c);
		return 0;
	case MODEL_ALONE:
		add_alone(w, word, c, f);
		return 1;
	case MODEL_SPACE:
		end_word(w, word, f);
		return 1;
	default:
		return 0;
	}
}

/* A word, and what ends it, from p on; returns where it ended. */
static const char *
any_word(struct wordpiece *w, const char *p, const char *end, struct found *f)
{
	struct word word;
	int ended = 0;

	word.n = word.count = 0;
	while (p < end && !ended) {
		size_t n;
		uint32_t c = utf8_decode(p, &n);

		p += n;
		ended = add_code(w, &word, c, f);
	}
	end_word(w, &word, f);
	return p;
}

/* --- the quick way for ASCII ------------------------------------------------ */

static inline uint32_t /* letters and digits in a block */
word_bytes(simd_block x)
{
	return (simd_from(x, 'a') ^ simd_from(x, 'z' + 1)) | (simd_from(x, 'A') ^ simd_from(x, 'Z' + 1)) |
	    simd_digits(x);
}

#define EACH_BYTE 0x0101010101010101u

/* The first n of eight bytes, which are below 80, the others zero, capitals
 * made small. fold: 20 in each byte, or 0. */
static inline uint64_t
fold_bytes(uint64_t x, size_t n, uint64_t fold)
{
	uint64_t from_a, from_end;

	x &= n < 8 ? ((uint64_t)1 << (8 * n)) - 1 : ~(uint64_t)0;
	from_a = x + (0x80 - 'A') * EACH_BYTE;
	from_end = x + (0x80 - ('Z' + 1)) * EACH_BYTE;
	return x | (((from_a ^ from_end) & 0x80 * EACH_BYTE) >> 2 & fold);
}

/* A word of letters and digits at p (16 bytes can be read there): its length,
 * or 0 when it is not for the quick way. */
static inline size_t
quick_word(struct wordpiece *w, const char *p, struct found *f)
{
	simd_block block = simd_load(p);
	size_t n = simd_first(~(uint64_t)word_bytes(block));
	uint64_t key[2];

	if (n == SIMD_SIZE || w->kind[(unsigned char)p[n]] == KIND_SLOW)
		return 0;
	memcpy(key, p, sizeof(key));
	key[0] = fold_bytes(key[0], n, w->fold);
	key[1] = n > 8 ? fold_bytes(key[1], n - 8, w->fold) : 0;
	add_short_word(w, key, n, f);
	return n;
}

/* Words from p on, while there is room and 16 bytes can be read; stop is where
 * the text ends. Returns where it stopped. */
static const char *
some_words(struct wordpiece *w, const char *p, const char *stop, const char *readable, struct found *f)
{
	size_t full = f->room - MODEL_MAX_WORD - MODEL_POOL_MOST - WORDPIECE_IDS;

	while (p < stop && readable - p >= SIMD_SIZE && f->n < full) {
		unsigned char c = (unsigned char)*p;
		size_t n;

		switch ((enum kind)w->kind[c]) {
		case KIND_SPACE:
			p++;
			break;
		case KIND_MARK:
			f->ids[f->n++] = w->mark[c];
			p++;
			break;
		case KIND_WORD:
			n = quick_word(w, p, f);
			p = n ? p + n : any_word(w, p, stop, f);
			break;
		default:
			p = any_word(w, p, stop, f);
		}
	}
	return p;
}

size_t
wordpiece_ids(struct wordpiece *w, struct slice *text, uint32_t *ids, size_t room)
{
	struct found f = {ids, 0, room};
	const char *p = text->p, *end = text->p + text->n;
	char tail[2 * SIMD_SIZE];

	p = some_words(w, p, end, end, &f);
	if (end - p < SIMD_SIZE && p < end) {
		/* The last bytes again, where as many can be read as a block has. */
		size_t n = (size_t)(end - p);
		memset(tail, ' ', sizeof(tail));
		memcpy(tail, p, n);
		p = end - (tail + n - some_words(w, tail, tail + n, tail + sizeof(tail), &f));
	}
	*text = (struct slice){p, (size_t)(end - p)};
	return f.n;
}

/* --- opening ---------------------------------------------------------------- */

static int
is_alnum(uint32_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The quick way knows letters, digits, marks and spaces; does the model treat
 * them so? The capitals tell whether it has small letters only. */
static int
find_kinds(struct wordpiece *w)
{
	const struct model *m = w->model;

	w->fold = model_code(m, 'A') == MODEL_SELF ? 0 : 0x20 * EACH_BYTE;
	memset(w->kind, KIND_SLOW, sizeof(w->kind));
	if (m->head.word_limit < WORDPIECE_KEY)
		return 0;
	for (uint32_t c = 0; c < 128; c++) {
		uint32_t code = model_code(m, c), wanted = MODEL_SELF;

		if (c >= 'A' && c <= 'Z' && w->fold)
			wanted = (c | 0x20) << MODEL_CODE_BITS | MODEL_TO;
		if (is_alnum(c) ? code != wanted : code == MODEL_SELF)
			return 0;
		if (is_alnum(c))
			w->kind[c] = KIND_WORD;
		else if (code == MODEL_ALONE)
			w->kind[c] = KIND_MARK;
		else if (code == MODEL_SPACE)
			w->kind[c] = KIND_SPACE;
	}
	return 1;
}

void
wordpiece_open(struct wordpiece *w, const struct model *m)
{
	*w = (struct wordpiece){.model = m};
	w->words = mem_zero(WORDPIECE_WORDS, sizeof(*w->words));
	if (!find_kinds(w))
		memset(w->kind, KIND_SLOW, sizeof(w->kind));
	for (int c = 0; c < 128; c++) {
		char text = (char)c;
		if (w->kind[c] == KIND_MARK && longest_piece(m, 0, (struct slice){&text, 1}, &w->mark[c]) == 0)
			w->mark[c] = m->head.unknown;
	}
}

void
wordpiece_close(struct wordpiece *w)
{
	free(w->words);
	w->words = NULL;
}

/* bpe_private: what the files of bpe share. */
#ifndef C1V_TEXT_BPE_PRIVATE_H
#define C1V_TEXT_BPE_PRIVATE_H

#include <string.h>

#include "text/bpe.h"

enum {
	BPE_KEY = 16,         /* bytes of the longest piece that the memory holds */
	BPE_MEMORY_IDS = 6,   /* tokens of one that has the most */
	BPE_MEMORY_BITS = 17, /* 131,072 of them: 4 MiB */
	BPE_ID_MASK = BPE_MAX_TOKENS - 1
};

/* Pieces met before and their tokens. The bytes of the piece are in the entry
 * and compared, so a hit is exact; a new piece takes the place of the old. */
struct bpe_memory {
	uint64_t low, high; /* the bytes, zeros behind them */
	uint64_t first;     /* length (5 bits), count (3 bits), three ids */
	uint64_t second;    /* three ids */
};

/* Where a long piece is merged (bpe_merge.c); arrays as long as the piece. */
struct bpe_bench {
	struct bpe_node *nodes;
	size_t room;
	struct bpe_entry *entries;
	size_t entry_room;
	uint32_t entry_count;
	uint32_t *heads;     /* by rank: the first entry of its list */
	uint64_t *words;     /* a bit for each rank that has one */
	uint64_t *summary;   /* a bit for each word that has one */
};

/* Longer pieces, rows of dashes for the most part: the same, with room for more. */
enum { BPE_LONG = 112, BPE_LONG_IDS = 32, BPE_LONG_BITS = 9 };
struct bpe_long {
	uint32_t length, count;
	unsigned char bytes[BPE_LONG];
	uint32_t ids[BPE_LONG_IDS];
};

struct bpe {
	struct bpe_header head;
	const char *map; /* the whole file, shared and read only */
	size_t map_size;
	const uint32_t *bytes, *doubles, *words, *starts;
	const uint64_t *pairs;
	const unsigned char *text;
	uint32_t word_slots, pair_slots, text_size;
	const char *name;            /* what it was opened as */
	struct bpe_memory *memory;   /* made at the first piece */
	struct bpe_long *long_memory;
	struct bpe_bench bench;
	struct bpe_ids parts;        /* of the last piece that was merged */
	char special[32];            /* text of a special token: BPE_SPECIAL */
};

/* --- hashes -------------------------------------------------------------------- */

/* The first 8 bytes of n as a little-endian number, zeros behind them. */
static inline uint64_t
bpe_load(const unsigned char *p, size_t n)
{
	uint64_t v = 0;

	memcpy(&v, p, n < 8 ? n : 8);
	return v;
}

static inline uint64_t
bpe_hash_key(uint64_t low, uint64_t high, size_t n)
{
	uint64_t h = (low ^ n << 56) * 0x9e3779b97f4a7c15u + (high ^ high >> 31) * 0xd6e8feb86659fd93u;

	return (h ^ h >> 32) * 0xff51afd7ed558ccdu;
}

/* Of the bytes of a token or a piece. */
static inline uint64_t
bpe_hash(const unsigned char *p, size_t n)
{
	uint64_t h;

	if (n <= BPE_KEY)
		return bpe_hash_key(bpe_load(p, n), n > 8 ? bpe_load(p + 8, n - 8) : 0, n);
	h = n;
	for (; n > 8; p += 8, n -= 8) {
		h = bpe_hash_key(bpe_load(p, 8), h, 8);
	}
	return bpe_hash_key(bpe_load(p, n), h, n);
}

static inline uint32_t /* the slot that a hash begins at */
bpe_slot(uint64_t hash, uint32_t slots)
{
	return (uint32_t)((hash >> 32) * slots >> 32);
}

static inline uint32_t /* what a word's slot holds for id */
bpe_word(uint64_t hash, uint32_t id)
{
	return ((uint32_t)hash & (0xffffffffu << BPE_ID_BITS)) | id;
}

static inline uint64_t
bpe_pair_key(uint32_t left, uint32_t right)
{
	return (uint64_t)left << BPE_ID_BITS | right;
}

static inline uint64_t
bpe_pair_hash(uint64_t key)
{
	key *= 0x9e3779b97f4a7c15u;
	return key ^ key << 32;
}

/* --- lookups ------------------------------------------------------------------- */

/* The token that two neighbours become, BPE_NO_ID when they do not. */
static inline uint32_t
bpe_pair(const struct bpe *b, uint32_t left, uint32_t right)
{
	uint64_t key = bpe_pair_key(left, right);
	uint32_t slot = bpe_slot(bpe_pair_hash(key), b->pair_slots);

	for (uint32_t i = 0; i < b->head.probes; i++) {
		uint64_t entry = b->pairs[slot];
		uint32_t id = (uint32_t)entry & BPE_ID_MASK;

		if (entry >> BPE_ID_BITS == key)
			return id < b->head.tokens ? id : BPE_NO_ID;
		if (entry == BPE_NO_PAIR)
			return BPE_NO_ID;
		if (++slot == b->pair_slots)
			slot = 0;
	}
	return BPE_NO_ID;
}

/* The token of these bytes, BPE_NO_ID when there is none. */
uint32_t bpe_find(const struct bpe *b, const unsigned char *p, size_t n, uint64_t hash);

/* The token of two bytes, BPE_NO_ID when they have none. */
static inline uint32_t
bpe_double(const struct bpe *b, unsigned char first, unsigned char second)
{
	uint32_t id = b->doubles[(unsigned)first << 8 | second];

	return id < b->head.tokens ? id : BPE_NO_ID;
}

/* --- pieces -------------------------------------------------------------------- */

/* Merge the bytes of a piece that is no token; n is 1 or more, at most
 * UINT32_MAX / 2. The tokens are in b->parts. */
void bpe_merge(struct bpe *b, const unsigned char *p, size_t n);

/* Where the piece of a text that begins at `at` ends; at < n. */
size_t bpe_piece_end(enum bpe_pattern pattern, const unsigned char *p, size_t at, size_t n);

/* --- special tokens ------------------------------------------------------------ */

enum { BPE_SPECIAL = 32 }; /* room for the text of one and its NUL */

/* The text of a special token of an encoding: its length, 0 when it has none
 * of this id. */
size_t bpe_special(const char *encoding, uint32_t id, char out[BPE_SPECIAL]);
/* The special token that text begins with, and its length; BPE_NO_ID: none. */
uint32_t bpe_special_at(const char *encoding, struct slice text, size_t *length);

#endif

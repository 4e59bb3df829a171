/* Merging the bytes of a piece: always the pair of the lowest rank next, the
 * leftmost of equals. */
#include "text/bpe_private.h"

enum { SHORT = 48 }; /* bytes of a piece that is searched through for each merge */

static uint32_t * /* room for n more tokens */
add_parts(struct bpe *b, size_t n)
{
	mem_grow(&b->parts.items, &b->parts.room, b->parts.count + n, sizeof(uint32_t));
	b->parts.count += n;
	return b->parts.items + b->parts.count - n;
}

/* --- short pieces --------------------------------------------------------------- */

static void
merge_short(struct bpe *b, const unsigned char *p, size_t n)
{
	uint32_t ids[SHORT + 1], ranks[SHORT + 1]; /* what i and its right neighbour become */

	for (size_t i = 0; i < n; i++) {
		ids[i] = b->bytes[p[i]];
	}
	for (size_t i = 0; i + 1 < n; i++) {
		ranks[i] = bpe_double(b, p[i], p[i + 1]);
	}
	while (n > 1) {
		size_t best = 0;

		for (size_t i = 1; i + 1 < n; i++) {
			if (ranks[i] < ranks[best])
				best = i;
		}
		if (ranks[best] == BPE_NO_ID)
			break;
		ids[best] = ranks[best];
		n--;
		for (size_t i = best + 1; i < n; i++) {
			ids[i] = ids[i + 1];
			ranks[i] = ranks[i + 1];
		}
		if (best + 1 < n)
			ranks[best] = bpe_pair(b, ids[best], ids[best + 1]);
		if (best > 0)
			ranks[best - 1] = bpe_pair(b, ids[best - 1], ids[best]);
	}
	memcpy(add_parts(b, n), ids, n * sizeof(*ids));
}

/* --- long pieces ---------------------------------------------------------------- */

/* A token of the piece, at its first byte. Places are numbered from 1: 0 is
 * none. What two halves become has a higher rank than either, so ranks are gone
 * through once, upwards, and each has a list of the places where it could be
 * merged. Places that were in a list and changed since are passed over: their
 * rank is another one.
 *
 * Where a token can be merged with its like, only the first of a row of them is
 * in the list, and the whole row is merged at once: from its left end, as the
 * leftmost pair goes first. */
struct bpe_node {
	uint32_t id;
	uint32_t rank;       /* of this and the next one, or BPE_NO_ID */
	uint32_t prev, next;
};

struct bpe_entry {
	uint32_t place, then; /* the entry behind this one in its rank's list */
};

struct work {
	const struct bpe *b;
	struct bpe_node *nodes;
	struct bpe_bench *bench;
	uint32_t left, right, rank; /* the pair last looked up */
	uint32_t now;               /* the rank being merged */
};

static void
make_bench(struct bpe *b, size_t n)
{
	struct bpe_bench *k = &b->bench;
	size_t tokens = b->head.tokens, words = tokens / 64 + 1;

	if (k->heads == NULL) {
		k->heads = mem_alloc(tokens * sizeof(*k->heads));
		k->words = mem_zero(words, sizeof(*k->words));
		k->summary = mem_zero(words / 64 + 1, sizeof(*k->summary));
	}
	mem_grow(&k->nodes, &k->room, n + 1, sizeof(*k->nodes));
	k->entry_count = 1;
}

static void
list(struct work *w, uint32_t place, uint32_t rank)
{
	struct bpe_bench *k = w->bench;
	uint64_t bit = (uint64_t)1 << rank % 64;

	if (k->entry_count == k->entry_room || k->entry_room == 0)
		mem_grow(&k->entries, &k->entry_room, k->entry_count + 1, sizeof(*k->entries));
	k->entries[k->entry_count] = (struct bpe_entry){place, k->words[rank / 64] & bit ? k->heads[rank] : 0};
	k->words[rank / 64] |= bit;
	k->summary[rank / 4096] |= (uint64_t)1 << rank / 64 % 64;
	k->heads[rank] = k->entry_count++;
}

/* Look the pair at a place up, and list it. */
static void
look(struct work *w, uint32_t place)
{
	struct bpe_node *nodes = w->nodes, *x = &nodes[place];
	uint32_t right;

	if (x->next == 0) {
		x->rank = BPE_NO_ID;
		return;
	}
	right = nodes[x->next].id;
	if (x->id != w->left || right != w->right) {
		w->left = x->id;
		w->right = right;
		w->rank = bpe_pair(w->b, x->id, right);
	}
	x->rank = w->rank;
	/* A rank that was gone through comes from a damaged table. */
	if (w->rank == BPE_NO_ID || w->rank <= w->now ||
	    (x->id == right && x->prev && nodes[x->prev].id == right))
		return;
	list(w, place, w->rank);
}

/* Merge a place with the next one. */
static void
join(struct work *w, uint32_t place)
{
	struct bpe_node *nodes = w->nodes, *x = &nodes[place];
	uint32_t gone = x->next, next = nodes[gone].next, old = nodes[gone].id;

	nodes[gone].rank = BPE_NO_ID;
	x->id = w->now;
	x->next = next;
	if (next) {
		nodes[next].prev = place;
		/* This may have been in the row of the one that is gone. */
		if (nodes[next].id == old && nodes[next].rank != BPE_NO_ID && nodes[next].rank > w->now &&
		    nodes[nodes[next].next].id == old)
			list(w, next, nodes[next].rank);
	}
	if (x->prev)
		look(w, x->prev);
	look(w, place);
}

static void
join_row(struct work *w, uint32_t place, uint32_t id)
{
	struct bpe_node *nodes = w->nodes;

	while (nodes[place].prev && nodes[nodes[place].prev].id == id) {
		place = nodes[place].prev;
	}
	while (place && nodes[place].id == id && nodes[place].next && nodes[nodes[place].next].id == id) {
		join(w, place);
		place = nodes[place].next;
	}
}

static void
merge_rank(struct work *w, uint32_t entry)
{
	struct bpe_node *nodes = w->nodes;
	uint32_t place;

	for (; entry; entry = w->bench->entries[entry].then) {
		struct bpe_node *x = &nodes[place = w->bench->entries[entry].place];

		if (x->rank != w->now || x->next == 0)
			continue;
		if (x->id == nodes[x->next].id)
			join_row(w, place, x->id);
		else
			join(w, place);
	}
}

/* The lowest rank that has places, taken off; BPE_NO_ID when there is none. */
static uint32_t
next_rank(struct work *w, uint32_t *word)
{
	struct bpe_bench *k = w->bench;
	uint32_t last = w->b->head.tokens / 64 / 64;
	unsigned bit;

	for (uint32_t s = *word / 64; s <= last; s++) {
		while (k->summary[s]) {
			uint32_t at = s * 64 + (uint32_t)__builtin_ctzll(k->summary[s]);

			*word = at;
			if (k->words[at] == 0) {
				k->summary[s] &= k->summary[s] - 1;
				continue;
			}
			bit = (unsigned)__builtin_ctzll(k->words[at]);
			k->words[at] &= k->words[at] - 1;
			return at * 64 + bit;
		}
	}
	return BPE_NO_ID;
}

static void
merge_long(struct bpe *b, const unsigned char *p, size_t n)
{
	struct work w = {.b = b, .bench = &b->bench, .left = BPE_NO_ID};
	uint32_t word = 0, rank, *items;
	size_t count = 0;

	make_bench(b, n);
	w.nodes = b->bench.nodes;
	w.nodes[0] = (struct bpe_node){.id = BPE_NO_ID, .rank = BPE_NO_ID};
	for (uint32_t i = 1; i <= n; i++) {
		w.nodes[i].id = b->bytes[p[i - 1]];
		w.nodes[i].prev = i - 1;
		w.nodes[i].next = i < n ? i + 1 : 0;
	}
	for (uint32_t i = 1; i <= n; i++) {
		struct bpe_node *x = &w.nodes[i];

		x->rank = i < n ? bpe_double(b, p[i - 1], p[i]) : BPE_NO_ID;
		if (x->rank != BPE_NO_ID && !(i > 1 && p[i - 2] == p[i - 1] && p[i - 1] == p[i]))
			list(&w, i, x->rank);
	}
	while ((rank = next_rank(&w, &word)) != BPE_NO_ID) {
		w.now = rank;
		merge_rank(&w, b->bench.heads[rank]);
	}
	for (uint32_t i = 1; i; i = w.nodes[i].next) {
		count++;
	}
	items = add_parts(b, count);
	for (uint32_t i = 1; i; i = w.nodes[i].next) {
		*items++ = w.nodes[i].id;
	}
}

/* --- rows of one byte ------------------------------------------------------------- */

/* Equal tokens side by side. */
struct row {
	uint32_t id;
	size_t count;
};

enum { ROWS = 64 }; /* each halving leaves at most one token behind its row */

/* Rows that are empty go, and neighbours of the same token become one. */
static size_t
tidy(struct row *rows, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (rows[i].count == 0)
			continue;
		if (kept && rows[kept - 1].id == rows[i].id)
			rows[kept - 1].count += rows[i].count;
		else
			rows[kept++] = rows[i];
	}
	return kept;
}

/* A piece of equal bytes, as rows of equal tokens: a pair of the lowest rank is
 * within a row, which is then halved, or of two neighbouring rows. 0 when there
 * are too many rows (which no table that was seen makes). */
static int
merge_row(struct bpe *b, unsigned char byte, size_t n)
{
	struct row rows[ROWS + 2] = {{b->bytes[byte], n}};
	size_t count = 1;

	for (;;) {
		uint32_t lowest = BPE_NO_ID, rank;
		size_t best = 0;
		int within = 0;

		for (size_t i = 0; i < count; i++) {
			if (rows[i].count > 1 && (rank = bpe_pair(b, rows[i].id, rows[i].id)) < lowest)
				lowest = rank, best = i, within = 1;
			if (i + 1 < count && (rank = bpe_pair(b, rows[i].id, rows[i + 1].id)) < lowest)
				lowest = rank, best = i, within = 0;
		}
		if (lowest == BPE_NO_ID)
			break;
		if (count + 1 > ROWS)
			return 0;
		memmove(rows + best + 2, rows + best + 1, (count - best - 1) * sizeof(*rows));
		count++;
		if (within) {
			rows[best + 1] = (struct row){rows[best].id, rows[best].count % 2};
			rows[best] = (struct row){lowest, rows[best].count / 2};
		} else {
			rows[best].count--;
			rows[best + 1] = (struct row){lowest, 1};
			rows[best + 2].count--;
		}
		count = tidy(rows, count);
	}
	for (size_t i = 0; i < count; i++) {
		uint32_t *ids = add_parts(b, rows[i].count);

		for (size_t k = 0; k < rows[i].count; k++)
			ids[k] = rows[i].id;
	}
	return 1;
}

/* --- all ---------------------------------------------------------------------------- */

void
bpe_merge(struct bpe *b, const unsigned char *p, size_t n)
{
	b->parts.count = 0;
	for (size_t at = 0, end; at < n; at = end) {
		/* Up to two bytes that are in no token together. */
		for (end = at + 1; end < n && b->doubles[(unsigned)p[end - 1] << 8 | p[end]] != BPE_NO_ID; end++) {
		}
		if (end - at <= SHORT)
			merge_short(b, p + at, end - at);
		else if (memcmp(p + at, p + at + 1, end - at - 1) != 0 || !merge_row(b, p[at], end - at))
			merge_long(b, p + at, end - at);
	}
}

#include "embed/trie.h"

#include <stdlib.h>

enum {
	BLOCK = 256, /* children of a cell lie in one block: their indices differ in a byte */
	TRIES = 4096 /* free cells that are tried before a fresh block is taken */
};

struct entry {
	struct slice text;
	uint32_t id;
};

/* Free cells are linked, so that a place for children is found quickly. */
struct builder {
	struct model_cell *cells;
	uint32_t *next, *before;
	size_t count, room;
	uint32_t free; /* the first free cell, or MODEL_NO_CELL */
	const struct entry *entries;
};

static void
unlink_cell(struct builder *b, uint32_t i)
{
	if (b->before[i] != MODEL_NO_CELL)
		b->next[b->before[i]] = b->next[i];
	else
		b->free = b->next[i];
	if (b->next[i] != MODEL_NO_CELL)
		b->before[b->next[i]] = b->before[i];
}

/* A new block, whose cells go to the head of the list. */
static void
add_block(struct builder *b)
{
	size_t first = b->count, last = first + BLOCK - 1;

	if (last + 1 > b->room) {
		b->room = b->room ? 2 * b->room : 64 * BLOCK;
		b->cells = mem_resize(b->cells, b->room, sizeof(*b->cells));
		b->next = mem_resize(b->next, b->room, sizeof(*b->next));
		b->before = mem_resize(b->before, b->room, sizeof(*b->before));
	}
	for (size_t i = first; i <= last; i++) {
		b->cells[i] = (struct model_cell){0, MODEL_NO_CELL};
		b->next[i] = i == last ? b->free : (uint32_t)i + 1;
		b->before[i] = i == first ? MODEL_NO_CELL : (uint32_t)i - 1;
	}
	if (b->free != MODEL_NO_CELL)
		b->before[b->free] = (uint32_t)last;
	b->free = (uint32_t)first;
	b->count = last + 1;
}

static int
all_free(const struct builder *b, uint32_t base, const unsigned char *labels, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (b->cells[base ^ labels[i]].from != MODEL_NO_CELL)
			return 0;
	}
	return 1;
}

static uint32_t
find_base(struct builder *b, const unsigned char *labels, size_t n)
{
	uint32_t cell = b->free;

	for (int i = 0; i < TRIES && cell != MODEL_NO_CELL; i++, cell = b->next[cell]) {
		if (all_free(b, cell ^ labels[0], labels, n))
			return cell ^ labels[0];
	}
	add_block(b);
	return b->free ^ labels[0];
}

/* The different bytes at depth of the entries, sorted; 0 for one that ends. */
static size_t
find_labels(const struct builder *b, size_t low, size_t high, size_t depth, unsigned char labels[BLOCK])
{
	size_t n = 0;

	for (size_t i = low; i < high; i++) {
		struct slice s = b->entries[i].text;
		unsigned char c = s.n == depth ? 0 : (unsigned char)s.p[depth];

		if (n == 0 || labels[n - 1] != c)
			labels[n++] = c;
	}
	return n;
}

/* The cells below one, for entries low to high, which have depth bytes in
 * common. As deep as a piece is long. */
static void
add_children(struct builder *b, uint32_t cell, size_t low, size_t high, size_t depth)
{
	unsigned char labels[BLOCK];
	size_t n = find_labels(b, low, high, depth, labels);
	uint32_t base = find_base(b, labels, n);

	b->cells[cell].base = base;
	for (size_t i = 0; i < n; i++) {
		unlink_cell(b, base ^ labels[i]);
		b->cells[base ^ labels[i]].from = cell;
	}
	if (labels[0] == 0) {
		b->cells[cell].base |= MODEL_CELL_PIECE;
		b->cells[base].base = b->entries[low].id;
		low++;
	}
	while (low < high) {
		unsigned char c = (unsigned char)b->entries[low].text.p[depth];
		size_t end = low;

		while (end < high && (unsigned char)b->entries[end].text.p[depth] == c)
			end++;
		add_children(b, base ^ c, low, end, depth + 1);
		low = end;
	}
}

static int
compare(const void *x, const void *y)
{
	struct slice a = ((const struct entry *)x)->text, b = ((const struct entry *)y)->text;
	int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

	return order ? order : (a.n > b.n) - (a.n < b.n);
}

static int
check_entries(const struct entry *entries, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		struct slice s = entries[i].text;

		if (s.n > TRIE_MAX_PIECE || memchr(s.p, '\0', s.n) != NULL)
			return err_set(e, C1V_DATA, "vocabulary: entry %u is too long or holds a NUL", entries[i].id);
		if (i && slice_equal(s, entries[i - 1].text))
			return err_set(e, C1V_DATA, "vocabulary: entries %u and %u are the same",
			    entries[i - 1].id, entries[i].id);
	}
	return 0;
}

int
trie_build(struct trie *t, const struct slice *pieces, size_t count, struct err *e)
{
	struct entry *entries = mem_alloc((count ? count : 1) * sizeof(*entries));
	struct builder b = {.free = MODEL_NO_CELL, .entries = entries};
	size_t n = 0;
	int rc;

	*t = (struct trie){0};
	for (size_t i = 0; i < count; i++) {
		if (pieces[i].n)
			entries[n++] = (struct entry){pieces[i], (uint32_t)i};
	}
	qsort(entries, n, sizeof(*entries), compare);
	rc = check_entries(entries, n, e);
	if (rc == 0) {
		add_block(&b);
		unlink_cell(&b, 0);
		b.cells[0].from = MODEL_NO_CELL - 1; /* nobody's child, and not free */
		if (n)
			add_children(&b, 0, 0, n, 0);
		*t = (struct trie){b.cells, b.count};
	}
	free(b.next);
	free(b.before);
	free(entries);
	return rc;
}

uint32_t
trie_find(const struct trie *t, struct slice text)
{
	uint32_t cell = 0;

	for (size_t i = 0; i < text.n; i++) {
		uint32_t child = (t->cells[cell].base & MODEL_CELL_MASK) ^ (unsigned char)text.p[i];

		if (child >= t->count || t->cells[child].from != cell)
			return MODEL_NO_CELL;
		cell = child;
	}
	return cell;
}

void
trie_free(struct trie *t)
{
	free(t->cells);
	*t = (struct trie){0};
}

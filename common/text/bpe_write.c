#include "text/bpe_write.h"

#include <stdlib.h>

#include "base/base64.h"
#include "base/num.h"
#include "text/bpe_private.h"

/* How many slots a table has for each item, in tenths. */
enum { SLOTS = 16 };

/* A table that is being made. */
struct making {
	struct bpe b;          /* what bpe_find and bpe_merge look at */
	struct buf text;
	uint32_t *starts;
	size_t count, room;    /* tokens so far; of starts */
	uint32_t bytes[256], doubles[65536];
	uint32_t *words;
	uint64_t *pairs;
	uint32_t probes;
};

/* --- reading -------------------------------------------------------------------- */

static int
add_token(struct making *m, struct slice line, struct err *e)
{
	const char *space = memchr(line.p, ' ', line.n);
	unsigned char bytes[2 * BPE_MAX_TOKEN];
	size_t n = space != NULL ? (size_t)(space - line.p) : 0;
	int64_t rank;

	if (n == 0 || base64_room(n) > sizeof(bytes) || !base64_decode((struct slice){line.p, n}, bytes, &n) ||
	    n == 0 || n > BPE_MAX_TOKEN)
		return err_set(e, C1V_DATA, "is not a token in base64, a space and a rank");
	if (num_int((struct slice){space + 1, line.n - (size_t)(space + 1 - line.p)}, 0, BPE_MAX_TOKENS,
	    &rank, "the rank", e) != 0)
		return e->code = C1V_DATA;
	if ((size_t)rank != m->count)
		return err_set(e, C1V_DATA, "has rank %lld where %zu would be next", (long long)rank, m->count);
	if (m->count >= BPE_MAX_TOKENS - 1)
		return err_set(e, C1V_DATA, "is one token too many: %d is the most", BPE_MAX_TOKENS - 1);
	mem_grow(&m->starts, &m->room, m->count + 2, sizeof(*m->starts));
	m->starts[m->count] = (uint32_t)m->text.len;
	buf_add(&m->text, bytes, n);
	m->starts[++m->count] = (uint32_t)m->text.len;
	if (n > m->b.head.longest)
		m->b.head.longest = (uint32_t)n;
	if (n == 1)
		m->bytes[bytes[0]] = (uint32_t)rank;
	return 0;
}

static int
read_ranks(struct making *m, struct slice ranks, struct err *e)
{
	size_t number = 1;
	int rc;

	memset(m->bytes, 0xff, sizeof(m->bytes));
	for (const char *p = ranks.p, *end = ranks.p + ranks.n; p < end; number++) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));

		if (stop == NULL)
			stop = end;
		if ((rc = add_token(m, (struct slice){p, (size_t)(stop - p)}, e)) != 0)
			return err_prefix(e, "line %zu", number);
		p = stop + 1;
	}
	for (size_t i = 0; i < 256; i++) {
		if (m->bytes[i] == BPE_NO_ID)
			return err_set(e, C1V_DATA, "there is no token for byte %02zx", i);
	}
	return 0;
}

/* --- tables --------------------------------------------------------------------- */

static int
add_word(struct making *m, uint32_t id, struct err *e)
{
	const unsigned char *p = (const unsigned char *)m->text.data + m->starts[id];
	size_t n = m->starts[id + 1] - m->starts[id];
	uint64_t hash = bpe_hash(p, n);
	uint32_t slot = bpe_slot(hash, m->b.word_slots), probes = 1;

	if (bpe_find(&m->b, p, n, hash) != BPE_NO_ID)
		return err_set(e, C1V_DATA, "token %u is there twice", id);
	for (; m->words[slot] != BPE_NO_WORD; probes++) {
		slot = slot + 1 == m->b.word_slots ? 0 : slot + 1;
	}
	m->words[slot] = bpe_word(hash, id);
	if (probes > m->probes)
		m->probes = probes;
	return 0;
}

static void
add_pair(struct making *m, uint32_t left, uint32_t right, uint32_t id)
{
	uint64_t key = bpe_pair_key(left, right);
	uint32_t slot = bpe_slot(bpe_pair_hash(key), m->b.pair_slots), probes = 1;

	for (; m->pairs[slot] != BPE_NO_PAIR; probes++) {
		slot = slot + 1 == m->b.pair_slots ? 0 : slot + 1;
	}
	m->pairs[slot] = key << BPE_ID_BITS | id;
	if (probes > m->probes)
		m->probes = probes;
}

/* The halves of a token are what merging its bytes by the lower ranks ends in. */
static int
fill(struct making *m, size_t *unreached, struct err *e)
{
	struct bpe *b = &m->b;
	int rc = 0;

	for (uint32_t id = 0; rc == 0 && id < m->count; id++) {
		size_t n = m->starts[id + 1] - m->starts[id];

		rc = add_word(m, id, e);
		if (n == 1)
			continue;
		bpe_merge(b, b->text + m->starts[id], n);
		if (b->parts.count == 2 && n == 2)
			m->doubles[(unsigned)b->text[m->starts[id]] << 8 | b->text[m->starts[id] + 1]] = id;
		if (b->parts.count == 2)
			add_pair(m, b->parts.items[0], b->parts.items[1], id);
		else
			++*unreached;
	}
	if (rc == 0 && m->probes > BPE_MAX_PROBES)
		rc = err_set(e, C1V_BUG, "a token is found in %u steps only", m->probes);
	return rc;
}

static void
make_tables(struct making *m)
{
	struct bpe *b = &m->b;
	size_t slots = m->count * SLOTS / 10 + 16;

	m->words = mem_alloc(slots * sizeof(*m->words));
	memset(m->words, 0xff, slots * sizeof(*m->words));
	m->pairs = mem_alloc(slots * sizeof(*m->pairs));
	memset(m->pairs, 0xff, slots * sizeof(*m->pairs));
	b->word_slots = b->pair_slots = (uint32_t)slots;
	b->words = m->words;
	b->pairs = m->pairs;
	b->bytes = m->bytes;
	b->doubles = m->doubles;
	memset(m->doubles, 0xff, sizeof(m->doubles));
	for (size_t i = 0; i < m->count; i++) {
		for (uint32_t at = m->starts[i]; at + 1 < m->starts[i + 1]; at++)
			m->doubles[(unsigned char)m->text.data[at] << 8 | (unsigned char)m->text.data[at + 1]] = BPE_INSIDE;
	}
	b->starts = m->starts;
	b->text = (const unsigned char *)m->text.data;
	b->text_size = (uint32_t)m->text.len;
	b->head.tokens = (uint32_t)m->count;
	b->head.probes = UINT32_MAX; /* as far as the table goes: there are empty slots */
}

/* --- the whole -------------------------------------------------------------------- */

static void
pad(struct buf *b)
{
	size_t n = (BPE_PAGE - b->len % BPE_PAGE) % BPE_PAGE;

	if (n) {
		memset(buf_reserve(b, n), 0, n);
		b->len += n;
	}
}

static void
add_part(struct buf *out, struct bpe_header *h, enum bpe_part part, const void *p, size_t n)
{
	pad(out);
	h->parts[part] = (struct bpe_span){out->len, n};
	buf_add(out, p, n);
}

static void
write_image(struct buf *out, struct making *m, const char *name, enum bpe_pattern pattern)
{
	struct bpe_header *h = &m->b.head;

	memcpy(h->magic, BPE_MAGIC, sizeof(h->magic));
	h->version = BPE_VERSION;
	h->page = BPE_PAGE;
	h->pattern = pattern;
	h->probes = m->probes;
	memcpy(h->name, name, strlen(name));
	buf_byte(out, '\0'); /* the header's page, filled at the end */
	add_part(out, h, BPE_BYTES, m->bytes, sizeof(m->bytes));
	add_part(out, h, BPE_DOUBLES, m->doubles, sizeof(m->doubles));
	add_part(out, h, BPE_WORDS, m->words, m->b.word_slots * sizeof(*m->words));
	add_part(out, h, BPE_PAIRS, m->pairs, m->b.pair_slots * sizeof(*m->pairs));
	add_part(out, h, BPE_STARTS, m->starts, (m->count + 1) * sizeof(*m->starts));
	add_part(out, h, BPE_TEXT, m->text.data, m->text.len);
	pad(out);
	h->file_size = out->len;
	sha_of((struct slice){out->data + sizeof(*h), out->len - sizeof(*h)}, h->content);
	bpe_header_digest(h, h->check);
	memcpy(out->data, h, sizeof(*h));
}

int
bpe_image(struct buf *out, struct slice ranks, const char *name, enum bpe_pattern pattern,
    size_t *unreached, struct err *e)
{
	struct making *m;
	int rc;

	*unreached = 0;
	if (!*name || strlen(name) >= BPE_NAME)
		return err_set(e, C1V_USAGE, "\"%s\" cannot be the name of an encoding", name);
	m = mem_zero(1, sizeof(*m));
	rc = read_ranks(m, ranks, e);
	if (rc == 0) {
		make_tables(m);
		rc = fill(m, unreached, e);
	}
	if (rc == 0)
		write_image(out, m, name, pattern);
	buf_free(&m->text);
	free(m->starts);
	free(m->words);
	free(m->pairs);
	free(m->b.parts.items);
	free(m->b.bench.nodes);
	free(m->b.bench.entries);
	free(m->b.bench.heads);
	free(m->b.bench.words);
	free(m->b.bench.summary);
	free(m);
	return rc;
}

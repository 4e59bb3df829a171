#include "text/bpe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text/bpe_private.h"
#include "text/bpe_write.h"

_Static_assert(sizeof(struct bpe_header) <= BPE_PAGE, "the header is one page");

void
bpe_header_digest(const struct bpe_header *head, uint8_t sum[SHA_SIZE])
{
	static const char zeros[SHA_SIZE];
	const char *p = (const char *)head;
	size_t at = offsetof(struct bpe_header, check);
	struct sha h;

	sha_start(&h);
	sha_add(&h, p, at);
	sha_add(&h, zeros, SHA_SIZE);
	sha_add(&h, p + at + SHA_SIZE, sizeof(*head) - at - SHA_SIZE);
	sha_end(&h, sum);
}

/* --- opening -------------------------------------------------------------------- */

static int
damaged(const char *what, struct err *e)
{
	return err_set(e, C1V_DATA, "damaged: %s", what);
}

static int
check_part(const struct bpe_header *h, enum bpe_part part)
{
	const struct bpe_span *s = &h->parts[part];

	if (s->at < BPE_PAGE || s->at % BPE_PAGE || s->at > h->file_size || s->size > h->file_size - s->at)
		return 0;
	switch (part) {
	case BPE_BYTES:
		return s->size == 256 * sizeof(uint32_t);
	case BPE_DOUBLES:
		return s->size == 65536 * sizeof(uint32_t);
	case BPE_WORDS:
		return s->size && s->size % sizeof(uint32_t) == 0 && s->size / sizeof(uint32_t) <= INT32_MAX;
	case BPE_PAIRS:
		return s->size && s->size % sizeof(uint64_t) == 0 && s->size / sizeof(uint64_t) <= INT32_MAX;
	case BPE_STARTS:
		return s->size == ((uint64_t)h->tokens + 1) * sizeof(uint32_t);
	case BPE_TEXT:
		return s->size <= INT32_MAX;
	case BPE_PARTS:
		break;
	}
	return 0;
}

static int
check_name(const char *name)
{
	size_t n = strnlen(name, BPE_NAME);

	for (size_t i = 0; i < n; i++) {
		if (name[i] != '_' && !(name[i] >= '0' && name[i] <= '9') && !(name[i] >= 'a' && name[i] <= 'z'))
			return 0;
	}
	return n > 0 && n < BPE_NAME;
}

static int
check_header(const struct bpe_header *h, uint64_t size, struct err *e)
{
	uint8_t sum[SHA_SIZE];

	if (memcmp(h->magic, BPE_MAGIC, sizeof(h->magic)) != 0)
		return err_set(e, C1V_DATA, "no token table");
	if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
		return err_set(e, C1V_CONFIG, "token tables are for little-endian machines");
	if (h->version != BPE_VERSION || h->page != BPE_PAGE)
		return err_set(e, C1V_DATA, "format %u is not known, only %d", h->version, BPE_VERSION);
	bpe_header_digest(h, sum);
	if (memcmp(sum, h->check, SHA_SIZE) != 0)
		return damaged("the header does not match its digest", e);
	if (h->file_size != size)
		return err_set(e, C1V_DATA, "cut short or grown: %llu bytes, not %llu",
		    (unsigned long long)size, (unsigned long long)h->file_size);
	if (h->tokens < 256 || h->tokens > BPE_MAX_TOKENS - 1 || h->longest < 1 || h->longest > BPE_MAX_TOKEN ||
	    h->probes < 1 || h->probes > BPE_MAX_PROBES || !check_name(h->name) ||
	    (h->pattern != BPE_CL100K && h->pattern != BPE_O200K))
		return damaged("a number in the header is out of range", e);
	for (int i = 0; i < BPE_PARTS; i++) {
		if (!check_part(h, (enum bpe_part)i))
			return damaged("a section is out of bounds", e);
	}
	return 0;
}

static const void *
part_at(const struct bpe *b, enum bpe_part part)
{
	return b->map + b->head.parts[part].at;
}

static void
find_parts(struct bpe *b)
{
	const struct bpe_span *parts = b->head.parts;

	b->bytes = part_at(b, BPE_BYTES);
	b->doubles = part_at(b, BPE_DOUBLES);
	b->words = part_at(b, BPE_WORDS);
	b->word_slots = (uint32_t)(parts[BPE_WORDS].size / sizeof(*b->words));
	b->pairs = part_at(b, BPE_PAIRS);
	b->pair_slots = (uint32_t)(parts[BPE_PAIRS].size / sizeof(*b->pairs));
	b->starts = part_at(b, BPE_STARTS);
	b->text = part_at(b, BPE_TEXT);
	b->text_size = (uint32_t)parts[BPE_TEXT].size;
}

static int
map_file(struct bpe *b, int fd, struct err *e)
{
	struct stat st;
	void *map;

	if (fstat(fd, &st) != 0)
		return err_sys(e, C1V_IO, "cannot read it");
	if (!S_ISREG(st.st_mode) || st.st_size < BPE_PAGE)
		return err_set(e, C1V_DATA, "no token table");
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return err_sys(e, C1V_IO, "cannot map it");
	b->map = map;
	b->map_size = (size_t)st.st_size;
	memcpy(&b->head, map, sizeof(b->head));
	return check_header(&b->head, (uint64_t)st.st_size, e);
}

int
bpe_open(struct bpe **out, const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), rc;
	struct bpe *b;

	if (fd < 0) {
		err_sys(e, errno == ENOENT || errno == ENOTDIR ? C1V_CONFIG : C1V_IO,
		    "cannot open token table %s", path);
		return err_hint(e, "C1V_SHARE names the directory of the data files");
	}
	b = mem_zero(1, sizeof(*b));
	rc = map_file(b, fd, e);
	close(fd);
	if (rc != 0) {
		bpe_close(b);
		return err_prefix(e, "token table %s", path);
	}
	find_parts(b);
	b->name = b->head.name;
	*out = b;
	return 0;
}

int
bpe_open_encoding(struct bpe **out, const char *name, const char *share, struct err *e)
{
	const char *file = strcmp(name, "o200k_harmony") == 0 ? "o200k_base" : name;
	struct arena a = {0};
	int rc;

	if (!bpe_is_encoding(name)) {
		err_set(e, C1V_USAGE, "encoding %s: not known", name);
		return err_hint(e, "cl100k_base, o200k_base and o200k_harmony are known");
	}
	rc = bpe_open(out, arena_format(&a, "%s/" BPE_DIRECTORY "/%s" BPE_ENDING, share, file), e);
	if (rc == 0 && strcmp(file, name) != 0)
		(*out)->name = "o200k_harmony";
	arena_free(&a);
	return rc;
}

void
bpe_close(struct bpe *b)
{
	if (b == NULL)
		return;
	if (b->map != NULL)
		munmap((void *)(uintptr_t)b->map, b->map_size);
	free(b->memory);
	free(b->long_memory);
	free(b->bench.nodes);
	free(b->bench.entries);
	free(b->bench.heads);
	free(b->bench.words);
	free(b->bench.summary);
	free(b->parts.items);
	free(b);
}

int
bpe_verify(const struct bpe *b, uint8_t sum[SHA_SIZE], struct err *e)
{
	uint8_t content[SHA_SIZE];

	sha_of((struct slice){b->map, b->map_size}, sum);
	sha_of((struct slice){b->map + sizeof(b->head), b->map_size - sizeof(b->head)}, content);
	if (memcmp(content, b->head.content, SHA_SIZE) == 0)
		return 0;
	damaged("the content does not match its digest", e);
	return err_prefix(e, "token table %s", b->head.name);
}

const char *
bpe_name(const struct bpe *b)
{
	return b->name;
}

const struct bpe_header *
bpe_head(const struct bpe *b)
{
	return &b->head;
}

/* --- looking up ------------------------------------------------------------------ */

static struct slice
token(const struct bpe *b, uint32_t id)
{
	if (id >= b->head.tokens || b->starts[id] > b->starts[id + 1] || b->starts[id + 1] > b->text_size)
		return SLICE_NONE;
	return (struct slice){(const char *)b->text + b->starts[id], b->starts[id + 1] - b->starts[id]};
}

uint32_t
bpe_find(const struct bpe *b, const unsigned char *p, size_t n, uint64_t hash)
{
	uint32_t slot = bpe_slot(hash, b->word_slots);

	if (n > b->head.longest)
		return BPE_NO_ID;
	for (uint32_t i = 0; i < b->head.probes; i++) {
		uint32_t word = b->words[slot];

		if (word == BPE_NO_WORD)
			return BPE_NO_ID;
		if (word >> BPE_ID_BITS == bpe_word(hash, 0) >> BPE_ID_BITS) {
			struct slice s = token(b, word & BPE_ID_MASK);

			if (s.n == n && s.p != NULL && memcmp(s.p, p, n) == 0)
				return word & BPE_ID_MASK;
		}
		if (++slot == b->word_slots)
			slot = 0;
	}
	return BPE_NO_ID;
}

/* --- special tokens --------------------------------------------------------------- */

static const struct {
	const char *encoding, *text;
	uint32_t id;
} specials[] = {
	{"cl100k_base", "<|endoftext|>", 100257},
	{"cl100k_base", "<|fim_prefix|>", 100258},
	{"cl100k_base", "<|fim_middle|>", 100259},
	{"cl100k_base", "<|fim_suffix|>", 100260},
	{"cl100k_base", "<|endofprompt|>", 100276},
	{"o200k_base", "<|endoftext|>", 199999},
	{"o200k_base", "<|endofprompt|>", 200018},
	{"o200k_harmony", "<|startoftext|>", 199998},
	{"o200k_harmony", "<|endoftext|>", 199999},
	{"o200k_harmony", "<|return|>", 200002},
	{"o200k_harmony", "<|constrain|>", 200003},
	{"o200k_harmony", "<|channel|>", 200005},
	{"o200k_harmony", "<|start|>", 200006},
	{"o200k_harmony", "<|end|>", 200007},
	{"o200k_harmony", "<|message|>", 200008},
	{"o200k_harmony", "<|call|>", 200012},
	{"o200k_harmony", "<|endofprompt|>", 200018},
};

enum { RESERVED_FIRST = 200000, RESERVED_LAST = 201087 }; /* of o200k_harmony */

size_t
bpe_special(const char *encoding, uint32_t id, char out[BPE_SPECIAL])
{
	for (size_t i = 0; i < sizeof(specials) / sizeof(specials[0]); i++) {
		if (specials[i].id == id && strcmp(specials[i].encoding, encoding) == 0)
			return (size_t)snprintf(out, BPE_SPECIAL, "%s", specials[i].text);
	}
	/* 200018 is written both ways; it was found above. */
	if (id >= RESERVED_FIRST && id <= RESERVED_LAST && strcmp(encoding, "o200k_harmony") == 0)
		return (size_t)snprintf(out, BPE_SPECIAL, "<|reserved_%u|>", id);
	return 0;
}

uint32_t
bpe_special_at(const char *encoding, struct slice text, size_t *length)
{
	char reserved[BPE_SPECIAL];

	for (size_t i = 0; i < sizeof(specials) / sizeof(specials[0]); i++) {
		*length = strlen(specials[i].text);
		if (text.n >= *length && memcmp(text.p, specials[i].text, *length) == 0 &&
		    strcmp(specials[i].encoding, encoding) == 0)
			return specials[i].id;
	}
	*length = sizeof("<|reserved_200000|>") - 1;
	if (strcmp(encoding, "o200k_harmony") != 0 || text.n < *length || memcmp(text.p, "<|reserved_", 11) != 0)
		return BPE_NO_ID;
	for (uint32_t id = RESERVED_FIRST; id <= RESERVED_LAST; id++) {
		if (id > 200001 && id < 200013 && id != 200004 && (id < 200009 || id > 200011))
			continue; /* these have a name */
		snprintf(reserved, sizeof(reserved), "<|reserved_%u|>", id);
		if (memcmp(text.p, reserved, *length) == 0)
			return id;
	}
	return BPE_NO_ID;
}

struct slice
bpe_token(struct bpe *b, uint32_t id)
{
	struct slice s = token(b, id);

	if (s.p == NULL && (s.n = bpe_special(b->name, id, b->special)) != 0)
		s.p = b->special;
	return s;
}

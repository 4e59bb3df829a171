#include "embed/model.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/utf8.h"

_Static_assert(sizeof(struct model_header) <= MODEL_PAGE, "the header is one page");
_Static_assert(sizeof(struct model_cell) == 8, "cells are packed");

void
model_header_digest(const struct model_header *head, uint8_t sum[SHA_SIZE])
{
	static const char zeros[MODEL_PAGE];
	const char *p = (const char *)head;
	size_t at = offsetof(struct model_header, check);
	struct sha h;

	sha_start(&h);
	sha_add(&h, p, at);
	sha_add(&h, zeros, SHA_SIZE);
	sha_add(&h, p + at + SHA_SIZE, sizeof(*head) - at - SHA_SIZE);
	sha_end(&h, sum);
}

static int
damaged(const char *what, struct err *e)
{
	return err_set(e, C1V_DATA, "damaged: %s", what);
}

/* The size that a section must have: exact where it follows from the header,
 * else a multiple of the size of its items. */
static int
check_part(const struct model_header *h, enum model_part part)
{
	const struct model_span *s = &h->parts[part];

	if (s->at < MODEL_PAGE || s->at % MODEL_PAGE || s->at > h->file_size ||
	    s->size > h->file_size - s->at)
		return 0;
	switch (part) {
	case MODEL_TRIE:
		return s->size >= sizeof(struct model_cell) && s->size % sizeof(struct model_cell) == 0 &&
		    s->size / sizeof(struct model_cell) <= MODEL_CELL_MASK;
	case MODEL_STAGES:
		return s->size == MODEL_STAGES_COUNT * sizeof(uint16_t);
	case MODEL_CODES:
		return s->size % (MODEL_CODE_BLOCK * sizeof(uint32_t)) == 0 && s->size <= UINT32_MAX;
	case MODEL_POOL:
		return s->size % sizeof(uint32_t) == 0 && s->size <= UINT32_MAX;
	case MODEL_SCALES:
		return s->size == h->pieces * sizeof(float);
	case MODEL_ROWS:
		return s->size == (uint64_t)h->pieces * h->stride;
	case MODEL_STARTS:
		return s->size == ((uint64_t)h->pieces + 1) * sizeof(uint32_t);
	case MODEL_PIECES:
	case MODEL_NOTICE:
		return s->size <= UINT32_MAX;
	case MODEL_PARTS:
		break;
	}
	return 0;
}

static int
check_numbers(const struct model_header *h)
{
	return h->dims >= 1 && h->dims <= MODEL_MAX_DIMS && h->stride >= h->dims &&
	    h->stride % MODEL_ROW_ALIGN == 0 && h->stride - h->dims < MODEL_ROW_ALIGN &&
	    h->pieces >= 1 && h->pieces <= MODEL_MAX_PIECES && h->unknown < h->pieces &&
	    h->word_limit >= 1 && h->word_limit <= MODEL_MAX_WORD &&
	    h->weight_vector + (uint64_t)h->weight_keyword > 0;
}

/* A name goes into records as it stands. */
static int
check_name(const char *name)
{
	size_t n = strnlen(name, MODEL_NAME);

	if (n == 0 || n == MODEL_NAME || utf8_valid(name, n) != n)
		return 0;
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)name[i] <= ' ' || name[i] == '"' || name[i] == '\\' || name[i] == 0x7f)
			return 0;
	}
	return 1;
}

static int
check_header(const struct model_header *h, uint64_t size, struct err *e)
{
	uint8_t sum[SHA_SIZE];

	if (memcmp(h->magic, MODEL_MAGIC, sizeof(h->magic)) != 0)
		return err_set(e, C1V_DATA, "no model file");
	if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
		return err_set(e, C1V_CONFIG, "model files are for little-endian machines");
	if (h->version != MODEL_VERSION || h->page != MODEL_PAGE)
		return err_set(e, C1V_DATA, "format %u is not known, only %d", h->version, MODEL_VERSION);
	model_header_digest(h, sum);
	if (memcmp(sum, h->check, SHA_SIZE) != 0)
		return damaged("the header does not match its digest", e);
	if (h->file_size != size)
		return err_set(e, C1V_DATA, "cut short or grown: %llu bytes, not %llu",
		    (unsigned long long)size, (unsigned long long)h->file_size);
	if (!check_numbers(h) || !check_name(h->name))
		return damaged("a number in the header is out of range", e);
	for (int i = 0; i < MODEL_PARTS; i++) {
		if (!check_part(h, (enum model_part)i))
			return damaged("a section is out of bounds", e);
	}
	if (h->continuation != MODEL_NO_CELL &&
	    h->continuation >= h->parts[MODEL_TRIE].size / sizeof(struct model_cell))
		return damaged("a number in the header is out of range", e);
	return 0;
}

/* Sections begin on pages, so what lies in them is aligned. */
static const void *
part_at(const struct model *m, enum model_part part)
{
	return m->map + m->head.parts[part].at;
}

static void
find_parts(struct model *m)
{
	const struct model_span *parts = m->head.parts;

	m->cells = part_at(m, MODEL_TRIE);
	m->cell_count = (uint32_t)(parts[MODEL_TRIE].size / sizeof(*m->cells));
	m->stages = part_at(m, MODEL_STAGES);
	m->codes = part_at(m, MODEL_CODES);
	m->code_count = (uint32_t)(parts[MODEL_CODES].size / sizeof(*m->codes));
	m->pool = part_at(m, MODEL_POOL);
	m->pool_count = (uint32_t)(parts[MODEL_POOL].size / sizeof(*m->pool));
	m->scales = part_at(m, MODEL_SCALES);
	m->rows = part_at(m, MODEL_ROWS);
}

static int
map_file(struct model *m, int fd, const char *path, struct err *e)
{
	struct stat st;
	void *map;

	if (fstat(fd, &st) != 0)
		return err_sys(e, C1V_IO, "cannot read model %s", path);
	if (!S_ISREG(st.st_mode) || st.st_size < MODEL_PAGE) {
		err_set(e, C1V_DATA, "no model file");
		return err_prefix(e, "model %s", path);
	}
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return err_sys(e, C1V_IO, "cannot map model %s", path);
	m->map = map;
	memcpy(&m->head, map, sizeof(m->head));
	if (check_header(&m->head, (uint64_t)st.st_size, e) != 0) {
		munmap(map, (size_t)st.st_size);
		m->map = NULL;
		return err_prefix(e, "model %s", path);
	}
	find_parts(m);
	return 0;
}

int
model_open(struct model *m, const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), rc;

	*m = (struct model){0};
	if (fd < 0) {
		err_sys(e, errno == ENOENT || errno == ENOTDIR ? C1V_CONFIG : C1V_IO,
		    "cannot open model %s", path);
		return err_hint(e, "C1V_SHARE names the directory of the data files, local:FILE a model");
	}
	rc = map_file(m, fd, path, e);
	close(fd);
	return rc;
}

int
model_path(const char *name, const char *share, struct arena *a, const char **path, struct err *e)
{
	if (strcmp(name, "local") == 0) {
		*path = arena_format(a, "%s/" MODEL_SHIPPED, share);
		return 0;
	}
	if (strncmp(name, "local:", 6) == 0 && name[6] != '\0') {
		*path = arena_format(a, "%s", name + 6);
		return 0;
	}
	err_set(e, C1V_CONFIG, "model %s: %s", name,
	    strcmp(name, "local:") == 0 ? "no file is named behind the colon" : "no driver for it");
	return err_hint(e, "local is the model that comes along, local:FILE another");
}

int
model_verify(const struct model *m, uint8_t sum[SHA_SIZE], struct err *e)
{
	size_t size = (size_t)m->head.file_size;
	uint8_t content[SHA_SIZE];

	sha_of((struct slice){m->map, size}, sum);
	sha_of((struct slice){m->map + sizeof(m->head), size - sizeof(m->head)}, content);
	if (memcmp(content, m->head.content, SHA_SIZE) != 0) {
		damaged("the content does not match its digest", e);
		return err_prefix(e, "model %s", m->head.name);
	}
	return 0;
}

struct slice
model_part(const struct model *m, enum model_part part)
{
	return (struct slice){part_at(m, part), (size_t)m->head.parts[part].size};
}

struct slice
model_piece(const struct model *m, uint32_t id)
{
	const uint32_t *starts = part_at(m, MODEL_STARTS);
	struct slice text = model_part(m, MODEL_PIECES);

	if (id >= m->head.pieces || starts[id] > starts[id + 1] || starts[id + 1] > text.n)
		return SLICE_NONE;
	return (struct slice){text.p + starts[id], starts[id + 1] - starts[id]};
}

void
model_close(struct model *m)
{
	if (m->map != NULL)
		munmap((void *)(uintptr_t)m->map, (size_t)m->head.file_size);
	m->map = NULL;
}

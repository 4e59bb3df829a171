#include "embed/model_write.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/out.h"
#include "base/utf8.h"
#include "embed/trie.h"

/* --- sections --------------------------------------------------------------- */

static void
pad(struct buf *b, size_t align)
{
	size_t n = (align - b->len % align) % align;

	if (n) { /* buf_reserve of nothing may give NULL */
		memset(buf_reserve(b, n), 0, n);
		b->len += n;
	}
}

static void
begin_part(struct buf *b, struct model_header *h, enum model_part part)
{
	pad(b, MODEL_PAGE);
	h->parts[part].at = b->len;
}

static void
end_part(struct buf *b, struct model_header *h, enum model_part part)
{
	h->parts[part].size = b->len - h->parts[part].at;
}

static int
add_trie(struct buf *b, struct model_header *h, const struct model_source *s, struct err *e)
{
	struct trie t;
	int rc = trie_build(&t, s->pieces, s->count, e);

	if (rc != 0)
		return rc;
	h->continuation = trie_find(&t, slice_of(s->prefix));
	begin_part(b, h, MODEL_TRIE);
	buf_add(b, t.cells, t.count * sizeof(*t.cells));
	end_part(b, h, MODEL_TRIE);
	trie_free(&t);
	return 0;
}

/* Blocks that are alike are kept once. */
static void
add_codes(struct buf *b, struct model_header *h, const struct unicode *u)
{
	uint16_t stages[MODEL_STAGES_COUNT];
	const uint32_t *blocks[MODEL_STAGES_COUNT];
	size_t n = 0, size = MODEL_CODE_BLOCK * sizeof(uint32_t);

	for (size_t i = 0; i < MODEL_STAGES_COUNT; i++) {
		const uint32_t *block = u->codes + i * MODEL_CODE_BLOCK;
		size_t k = 0;

		while (k < n && memcmp(blocks[k], block, size) != 0)
			k++;
		if (k == n)
			blocks[n++] = block;
		stages[i] = (uint16_t)k;
	}
	begin_part(b, h, MODEL_STAGES);
	buf_add(b, stages, sizeof(stages));
	end_part(b, h, MODEL_STAGES);
	begin_part(b, h, MODEL_CODES);
	for (size_t k = 0; k < n; k++)
		buf_add(b, blocks[k], size);
	end_part(b, h, MODEL_CODES);
	begin_part(b, h, MODEL_POOL);
	buf_add(b, u->pool, u->pool_count * sizeof(*u->pool));
	end_part(b, h, MODEL_POOL);
}

static void
add_rows(struct buf *b, struct model_header *h, const struct model_source *s)
{
	begin_part(b, h, MODEL_SCALES);
	buf_add(b, s->scales, s->count * sizeof(*s->scales));
	end_part(b, h, MODEL_SCALES);
	begin_part(b, h, MODEL_ROWS);
	for (size_t i = 0; i < s->count; i++) {
		buf_add(b, s->rows + i * s->dims, s->dims);
		pad(b, MODEL_ROW_ALIGN);
	}
	end_part(b, h, MODEL_ROWS);
}

static void
add_pieces(struct buf *b, struct model_header *h, const struct model_source *s)
{
	uint32_t start = 0;

	begin_part(b, h, MODEL_STARTS);
	for (size_t i = 0; i < s->count; i++) {
		buf_add(b, &start, sizeof(start));
		start += (uint32_t)s->pieces[i].n;
	}
	buf_add(b, &start, sizeof(start));
	end_part(b, h, MODEL_STARTS);
	begin_part(b, h, MODEL_PIECES);
	for (size_t i = 0; i < s->count; i++)
		buf_slice(b, s->pieces[i]);
	end_part(b, h, MODEL_PIECES);
}

/* --- the whole -------------------------------------------------------------- */

static int
set_name(struct model_header *h, const char *name, struct err *e)
{
	size_t n = strlen(name);
	int good = n > 0 && n < MODEL_NAME && utf8_valid(name, n) == n;

	for (size_t i = 0; good && i < n; i++)
		good = (unsigned char)name[i] > ' ' && name[i] != '"' && name[i] != '\\' && name[i] != 0x7f;
	if (!good) {
		err_set(e, C1V_USAGE, "\"%s\" cannot be the name of a model", name);
		return err_hint(e, "1 to %d bytes without spaces, quotes and backslashes", MODEL_NAME - 1);
	}
	memcpy(h->name, name, n);
	return 0;
}

static int
check_source(const struct model_source *s, struct err *e)
{
	uint64_t text = 0;

	if (s->count < 1 || s->count > MODEL_MAX_PIECES || s->unknown >= s->count)
		return err_set(e, C1V_DATA, "a vocabulary of %zu pieces cannot be", s->count);
	if (s->dims < 1 || s->dims > MODEL_MAX_DIMS)
		return err_set(e, C1V_DATA, "%u dimensions cannot be", s->dims);
	if (s->word_limit < 1 || s->word_limit > MODEL_MAX_WORD)
		return err_set(e, C1V_DATA, "a limit of %u characters a word cannot be", s->word_limit);
	for (size_t i = 0; i < s->count; i++) {
		text += s->pieces[i].n;
		if (!isfinite(s->scales[i]))
			return err_set(e, C1V_DATA, "row %zu is not finite", i);
	}
	if (text > UINT32_MAX || s->notice.n > UINT32_MAX)
		return err_set(e, C1V_DATA, "the vocabulary or the notice is too long");
	return 0;
}

static void
put_header(char *at, struct model_header *h, struct slice content)
{
	sha_of(content, h->content);
	model_header_digest(h, h->check);
	memcpy(at, h, sizeof(*h));
}

int
model_image(struct buf *b, const struct model_source *s, struct err *e)
{
	struct model_header h = {
		.version = MODEL_VERSION, .page = MODEL_PAGE, .dims = s->dims,
		.stride = (s->dims + MODEL_ROW_ALIGN - 1) / MODEL_ROW_ALIGN * MODEL_ROW_ALIGN,
		.pieces = (uint32_t)s->count, .unknown = s->unknown, .word_limit = s->word_limit,
		.weight_vector = s->weight_vector, .weight_keyword = s->weight_keyword
	};
	int rc;

	memcpy(h.magic, MODEL_MAGIC, sizeof(h.magic));
	if ((rc = set_name(&h, s->name, e)) != 0 || (rc = check_source(s, e)) != 0)
		return rc;
	buf_byte(b, '\0'); /* the header's page, filled at the end */
	if ((rc = add_trie(b, &h, s, e)) != 0)
		return rc;
	add_codes(b, &h, s->unicode);
	add_rows(b, &h, s);
	add_pieces(b, &h, s);
	begin_part(b, &h, MODEL_NOTICE);
	buf_slice(b, s->notice);
	end_part(b, &h, MODEL_NOTICE);
	pad(b, MODEL_PAGE);
	h.file_size = b->len;
	put_header(b->data, &h, (struct slice){b->data + sizeof(h), b->len - sizeof(h)});
	return 0;
}

int
model_write(const char *path, struct slice content, struct err *e)
{
	struct buf beside = {0};
	struct out out;
	int fd, rc;

	buf_format(&beside, "%s.%ld.new", path, (long)getpid());
	fd = open(buf_cstr(&beside), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0) {
		rc = err_sys(e, C1V_IO, "cannot write %s", buf_cstr(&beside));
		buf_free(&beside);
		return rc;
	}
	out_open(&out, fd, path);
	buf_slice(&out.buf, content);
	rc = out_flush(&out, e);
	if (rc == 0 && fsync(fd) != 0)
		rc = err_sys(e, C1V_IO, "cannot write %s", path);
	if (rc == 0)
		rc = out_close(&out, e);
	else
		out_close(&out, NULL);
	if (rc == 0 && rename(buf_cstr(&beside), path) != 0)
		rc = err_sys(e, C1V_IO, "cannot write %s", path);
	if (rc != 0)
		unlink(buf_cstr(&beside));
	buf_free(&beside);
	return rc;
}

#include "model_tool.h"

#include <stdio.h>

#include "base/json.h"
#include "base/num.h"
#include "embed/model_write.h"
#include "record/record.h"
#include "text/bpe_write.h"

enum { RANKS_MOST = 64 << 20 }; /* bytes of a rank file */

static void
add_count(struct buf *b, const char *key, uint64_t n)
{
	json_add_key(b, key);
	num_add_int(b, (int64_t)n);
}

static void
add_text(struct buf *b, const char *key, const char *text)
{
	json_add_key(b, key);
	json_add_string(b, slice_of(text));
}

static void
add_digest(struct buf *b, const char *key, const uint8_t sum[SHA_SIZE])
{
	char hex[2 * SHA_SIZE + 1];

	sha_hex(sum, hex);
	add_text(b, key, hex);
}

int
model_verb_bpe(struct tool *t)
{
	const char *path = t->words[0], *encoding = t->words[1];
	struct buf image = {0}, *b = &t->cli->out.buf;
	struct err *e = &t->cli->err;
	struct file ranks;
	enum bpe_pattern pattern = BPE_CL100K;
	size_t unreached = 0;
	int rc;

	if (strcmp(encoding, "o200k_base") == 0)
		pattern = BPE_O200K;
	else if (strcmp(encoding, "cl100k_base") != 0)
		return cli_usage(t->cli, "bpe: the encoding is cl100k_base or o200k_base, not \"%s\"", encoding);
	if ((rc = file_open(&ranks, path, RANKS_MOST, e)) != 0)
		return rc;
	rc = bpe_image(&image, ranks.text, encoding, pattern, &unreached, e);
	if (rc == C1V_DATA)
		err_prefix(e, "%s", path);
	if (rc == 0)
		rc = model_write(t->words[2], buf_as_slice(&image), e);
	if (rc == 0) {
		buf_byte(b, '{');
		add_text(b, "file", t->words[2]);
		add_text(b, "encoding", encoding);
		add_count(b, "tokens", ((const struct bpe_header *)(const void *)image.data)->tokens);
		add_count(b, "unreached", unreached);
		add_count(b, "bytes", image.len);
		buf_byte(b, '}');
		rc = out_line(&t->cli->out);
	}
	file_close(&ranks);
	buf_free(&image);
	return rc;
}

int
model_is_bpe(const char *path)
{
	char magic[sizeof(BPE_MAGIC) - 1];
	FILE *f = fopen(path, "re");
	int is = f != NULL && fread(magic, sizeof(magic), 1, f) == 1 &&
	    memcmp(magic, BPE_MAGIC, sizeof(magic)) == 0;

	if (f != NULL)
		fclose(f);
	return is;
}

int
model_bpe_info(struct tool *t)
{
	struct buf *b = &t->cli->out.buf;
	const struct bpe_header *h;
	uint8_t sum[SHA_SIZE];
	struct bpe *bpe;
	int rc = bpe_open(&bpe, t->words[0], &t->cli->err);

	if (rc != 0)
		return rc;
	h = bpe_head(bpe);
	buf_byte(b, '{');
	add_text(b, "file", t->words[0]);
	add_text(b, "encoding", h->name);
	add_count(b, "format", h->version);
	add_count(b, "tokens", h->tokens);
	add_count(b, "longest", h->longest);
	add_count(b, "bytes", h->file_size);
	add_digest(b, "content_sha256", h->content);
	if (t->s->verify) {
		rc = bpe_verify(bpe, sum, &t->cli->err);
		add_digest(b, "sha256", sum);
		json_add_key(b, "verified");
		buf_string(b, rc == 0 ? "true" : "false");
	}
	buf_byte(b, '}');
	out_line(&t->cli->out);
	bpe_close(bpe);
	/* Damage is what was asked about, and the answer. */
	if (rc == C1V_DATA) {
		log_err(&t->cli->log, &t->cli->err);
		rc = C1V_NO;
	}
	return rc;
}

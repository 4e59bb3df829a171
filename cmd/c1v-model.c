/* c1v-model: make and look at model files. See c1v-model(1). */
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "base/num.h"
#include "base/utf8.h"
#include "embed/model2vec.h"
#include "embed/wordpiece.h"
#include "model_tool.h"
#include "record/record.h"

static const char *const verbs[] = {
	"convert\0make a model FILE from a Model2Vec FOLDER",
	"info\0show what a model FILE is",
	"tokens\0show how texts are taken apart",
	"bpe\0make a token table FILE of the RANKS of an ENCODING of tiktoken",
	NULL
};
enum { CONVERT = 1, INFO = 2, TOKENS = 4, BPE = 8 };

#define MEMBER(m) offsetof(struct settings, m)

static const struct opt for_convert[] = {
	{ .letter = 'n', .name = "name", .kind = OPT_STRING, .offset = MEMBER(name), .argument = "NAME",
	  .help = "name of the vector space (the folder's)", .flags = OPT_NO_CONFIG },
	{ .name = "cased", .kind = OPT_FLAG, .offset = MEMBER(cased),
	  .help = "vocab.txt without tokenizer.json: capitals matter", .flags = OPT_NO_CONFIG },
	{ .name = "weights", .kind = OPT_STRING, .offset = MEMBER(weights), .argument = "V,K",
	  .help = "weights of vector and keywords that suit it in a search", .fallback = "0.4,0.6",
	  .flags = OPT_NO_CONFIG },
	OPT_END
};
static const struct opt for_info[] = {
	{ .name = "verify", .kind = OPT_FLAG, .offset = MEMBER(verify),
	  .help = "read the file through and check its digest", .flags = OPT_NO_CONFIG },
	OPT_END
};
static const struct opt for_tokens[] = {
	{ .letter = 'm', .name = "model", .kind = OPT_STRING, .offset = MEMBER(model), .argument = "MODEL",
	  .fallback = "local", .env = "C1V_MODEL", .help = "local, or local:FILE for another model file" },
	OPT_END
};
static const struct opt common_options[] = { CLI_OPTIONS(struct settings), OPT_END };
static const struct opt *const tables[] = {for_convert, for_info, for_tokens, common_options, NULL};

static const struct opt_spec spec = {
	.tool = "c1v-model",
	.purpose = "make and describe embedding models and token tables",
	.synopsis = "[OPTION]… VERB [ARGUMENT]…",
	.verbs = verbs,
	.tables = tables,
	.sections = (const char *const[]){
		"Options of convert", "Options of info", "Options of tokens", "Common options", NULL},
	.files = "files",
};

/* Options that only one verb has. */
static const struct { size_t offset; const char *name; int verb; } limited[] = {
	{ MEMBER(name), "name", CONVERT }, { MEMBER(cased), "cased", CONVERT },
	{ MEMBER(weights), "weights", CONVERT }, { MEMBER(verify), "verify", INFO },
	{ MEMBER(model), "model", TOKENS },
};

/* --- convert ------------------------------------------------------------------ */

/* "0.4,0.6" to thousandths. */
static int
read_weights(const char *text, struct model_source *to, struct err *e)
{
	const char *comma = strchr(text, ',');
	double v, k;
	int rc;

	if (comma == NULL)
		return err_set(e, C1V_USAGE, "--weights: \"%s\" is not two numbers with a comma", text);
	rc = num_real((struct slice){text, (size_t)(comma - text)}, 0, 1000, &v, "--weights", e);
	if (rc == 0)
		rc = num_real(slice_of(comma + 1), 0, 1000, &k, "--weights", e);
	if (rc != 0)
		return rc;
	to->weight_vector = (uint32_t)(v * 1000 + 0.5);
	to->weight_keyword = (uint32_t)(k * 1000 + 0.5);
	if (to->weight_vector + to->weight_keyword == 0)
		return err_set(e, C1V_USAGE, "--weights: both are zero");
	return 0;
}

/* The last part of the folder's real path. */
static const char *
folder_name(struct tool *t, const char *folder)
{
	char path[PATH_MAX];
	const char *slash;

	if (realpath(folder, path) == NULL)
		return folder;
	slash = strrchr(path, '/');
	return arena_format(&t->arena, "%s", slash != NULL ? slash + 1 : path);
}

static void
add_member(struct buf *b, const char *key, const char *text)
{
	json_add_key(b, key);
	json_add_string(b, slice_of(text));
}

static void
add_count(struct buf *b, const char *key, uint64_t n)
{
	json_add_key(b, key);
	num_add_int(b, (int64_t)n);
}

static int
say_converted(struct tool *t, const struct model2vec *m, const char *path, size_t size)
{
	struct buf *b = &t->cli->out.buf;

	buf_byte(b, '{');
	add_member(b, "file", path);
	add_member(b, "model", m->source.name);
	add_count(b, "dims", m->source.dims);
	add_count(b, "pieces", m->source.count);
	json_add_key(b, "cased");
	buf_string(b, m->rules.lower ? "false" : "true");
	add_member(b, "unicode", m->tables ? "unicode_tables.json" : "utf8proc");
	json_add_key(b, "rounded");
	buf_string(b, m->rounded ? "true" : "false");
	add_count(b, "bytes", size);
	buf_byte(b, '}');
	return out_line(&t->cli->out);
}

static int
convert(struct tool *t)
{
	const char *folder = t->words[0], *path = t->words[1];
	struct err *e = &t->cli->err;
	struct model2vec m = {0};
	struct buf image = {0};
	int rc = model2vec_read(&m, folder, t->s->cased, e);

	if (rc == C1V_DATA)
		err_prefix(e, "%s", folder);
	m.source.name = t->s->name != NULL ? t->s->name : folder_name(t, folder);
	if (rc == 0 && (rc = read_weights(t->s->weights, &m.source, e)) == 0 &&
	    (rc = model_image(&image, &m.source, e)) == 0 &&
	    (rc = model_write(path, buf_as_slice(&image), e)) == 0)
		rc = say_converted(t, &m, path, image.len);
	buf_free(&image);
	model2vec_free(&m);
	return rc;
}

/* --- info --------------------------------------------------------------------- */

static void
add_digest(struct buf *b, const char *key, const uint8_t sum[SHA_SIZE])
{
	char hex[2 * SHA_SIZE + 1];

	sha_hex(sum, hex);
	add_member(b, key, hex);
}

static void
add_weight(struct buf *b, const char *key, uint32_t thousandths)
{
	json_add_key(b, key);
	num_add_double(b, thousandths / 1000.0);
}

static void
add_info(struct buf *b, const struct model *m, const char *path)
{
	const struct model_header *h = &m->head;
	struct slice notice = model_part(m, MODEL_NOTICE);

	buf_byte(b, '{');
	add_member(b, "file", path);
	add_member(b, "model", h->name);
	add_count(b, "format", h->version);
	add_count(b, "dims", h->dims);
	add_count(b, "pieces", h->pieces);
	add_count(b, "word_limit", h->word_limit);
	json_add_key(b, "cased");
	buf_string(b, model_code(m, 'A') == MODEL_SELF ? "true" : "false");
	add_weight(b, "weight_vector", h->weight_vector);
	add_weight(b, "weight_keyword", h->weight_keyword);
	add_count(b, "bytes", h->file_size);
	add_digest(b, "content_sha256", h->content);
	if (notice.n && utf8_valid(notice.p, notice.n) == notice.n) {
		json_add_key(b, "notice");
		json_add_string(b, notice);
	}
}

static int
info(struct tool *t)
{
	struct buf *b = &t->cli->out.buf;
	uint8_t sum[SHA_SIZE];
	struct model m;
	int rc;

	if (model_is_bpe(t->words[0]))
		return model_bpe_info(t);
	rc = model_open(&m, t->words[0], &t->cli->err);
	if (rc != 0)
		return rc;
	add_info(b, &m, t->words[0]);
	if (t->s->verify) {
		rc = model_verify(&m, sum, &t->cli->err);
		add_digest(b, "sha256", sum);
		json_add_key(b, "verified");
		buf_string(b, rc == 0 ? "true" : "false");
	}
	buf_byte(b, '}');
	out_line(&t->cli->out);
	model_close(&m);
	/* Damage is what was asked about, and the answer. */
	if (rc == C1V_DATA) {
		log_err(&t->cli->log, &t->cli->err);
		rc = C1V_NO;
	}
	return rc;
}

/* --- tokens ------------------------------------------------------------------- */

static void
add_tokens(struct buf *b, struct wordpiece *w, struct slice text)
{
	uint32_t ids[WORDPIECE_ROOM];
	struct buf names = {0};

	buf_string(b, "{\"text\":");
	json_add_string(b, text);
	buf_string(b, ",\"ids\":[");
	for (int first = 1; text.n;) {
		size_t n = wordpiece_ids(w, &text, ids, WORDPIECE_ROOM);

		for (size_t i = 0; i < n; i++, first = 0) {
			if (!first)
				buf_byte(b, ',');
			num_add_int(b, ids[i]);
			if (!first)
				buf_byte(&names, ',');
			json_add_string(&names, model_piece(w->model, ids[i]));
		}
	}
	buf_string(b, "],\"pieces\":[");
	buf_slice(b, buf_as_slice(&names));
	buf_string(b, "]}");
	buf_free(&names);
}

static int
one_text(struct tool *t, struct wordpiece *w, struct slice text)
{
	if (utf8_valid(text.p, text.n) != text.n)
		return err_set(&t->cli->err, C1V_DATA, "a text is not valid UTF-8");
	add_tokens(&t->cli->out.buf, w, text);
	return out_line(&t->cli->out);
}

static int
flush_when_idle(void *arg, struct err *e)
{
	return out_flush(arg, e);
}

static int
each_text(struct tool *t, struct wordpiece *w)
{
	struct input *in;
	struct line line;
	int rc = 0, more = 0;

	for (size_t i = 0; rc == 0 && i < t->word_count; i++) {
		rc = one_text(t, w, slice_of(t->words[i]));
	}
	if (t->word_count)
		return rc;
	in = input_open(&(struct input_options){0});
	input_on_idle(in, flush_when_idle, &t->cli->out);
	while (rc == 0 && (more = input_line(in, &line, &t->cli->err)) > 0) {
		rc = line.too_long ? err_set(&t->cli->err, C1V_DATA, "a line is too long") :
		    one_text(t, w, line.text);
		if (rc == C1V_DATA)
			err_prefix(&t->cli->err, "%s:%llu", line.source, (unsigned long long)line.number);
	}
	input_close(in);
	return more < 0 ? t->cli->err.code : rc;
}

static int
tokens(struct tool *t)
{
	struct wordpiece w;
	struct model m;
	const char *path;
	int rc = model_path(t->s->model, cli_share(&t->arena, NULL), &t->arena, &path, &t->cli->err);

	if (rc != 0 || (rc = model_open(&m, path, &t->cli->err)) != 0)
		return rc;
	wordpiece_open(&w, &m);
	rc = each_text(t, &w);
	wordpiece_close(&w);
	model_close(&m);
	return rc;
}

/* --- the tool ----------------------------------------------------------------- */

static int (*const work[])(struct tool *t) = {convert, info, tokens, model_verb_bpe};

static int
check_words(struct tool *t, int verb)
{
	if (1 << verb == CONVERT && t->word_count != 2)
		return cli_usage(t->cli, "convert: takes a folder and a file");
	if (1 << verb == INFO && t->word_count != 1)
		return cli_usage(t->cli, "info: takes a file");
	if (1 << verb == BPE && t->word_count != 3)
		return cli_usage(t->cli, "bpe: takes ranks, the name of an encoding and a file");
	return 0;
}

static int
check_options(struct tool *t, int verb)
{
	for (size_t i = 0; i < sizeof(limited) / sizeof(*limited); i++) {
		if (limited[i].verb != 1 << verb && opt_origin_of(&spec, &t->cli->args, limited[i].offset) == OPT_COMMAND)
			return cli_usage(t->cli, "%s: has no option --%s", verbs[verb], limited[i].name);
	}
	return check_words(t, verb);
}

int
main(int argc, char **argv)
{
	struct settings s = {0};
	struct cli c;
	struct tool t = {.cli = &c, .s = &s};
	int rc = cli_start(&c, &spec, argc, argv, &s, &s.common), verb;

	if (rc != CLI_GO)
		return rc;
	verb = cli_verb(&c);
	if (verb < 0)
		return cli_finish(&c, c.err.code);
	t.words = c.args.operands + 1;
	t.word_count = c.args.operand_count - 1;
	rc = check_options(&t, verb);
	if (rc == 0)
		rc = work[verb](&t);
	arena_free(&t.arena);
	return cli_finish(&c, rc);
}

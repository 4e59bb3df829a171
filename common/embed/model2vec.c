#include "embed/model2vec.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include <jansson.h>

#include "base/utf8.h"
#include "embed/safetensors.h"
#include "record/record.h"

enum { MAX_FILE = 1 << 30, MAX_NOTICE = 1 << 20, WORD_LIMIT = 100 };

/* --- files of the folder ------------------------------------------------------ */

static const char *
in_folder(struct model2vec *m, const char *folder, const char *name)
{
	return arena_format(&m->arena, "%s/%s", folder, name);
}

static int
has(struct model2vec *m, const char *folder, const char *name)
{
	return access(in_folder(m, folder, name), F_OK) == 0;
}

/* A file as a JSON object; NULL and e when it is none. */
static json_t *
read_json(struct model2vec *m, const char *folder, const char *name, struct err *e)
{
	struct file f;
	json_error_t why;
	json_t *v;

	if (file_open(&f, in_folder(m, folder, name), MAX_FILE, e) != 0)
		return NULL;
	v = json_loadb(f.text.p, f.text.n, 0, &why);
	file_close(&f);
	if (v == NULL)
		err_set(e, C1V_DATA, "%s: %s, line %d", name, why.text, why.line);
	else if (!json_is_object(v)) {
		json_decref(v);
		v = NULL;
		err_set(e, C1V_DATA, "%s: no object", name);
	}
	return v;
}

/* --- the vocabulary ----------------------------------------------------------- */

static struct slice
keep(struct model2vec *m, const char *p, size_t n)
{
	return (struct slice){arena_bytes(&m->arena, p, n), n};
}

static int
find_unknown(struct model2vec *m, const char *unknown, struct err *e)
{
	for (size_t i = 0; i < m->source.count; i++) {
		if (slice_is(m->source.pieces[i], unknown)) {
			m->source.unknown = (uint32_t)i;
			return 0;
		}
	}
	return err_set(e, C1V_DATA, "the vocabulary has no %s", unknown);
}

static int
pieces_of_object(struct model2vec *m, json_t *vocabulary, struct err *e)
{
	size_t n = json_object_size(vocabulary), most = 0;
	struct slice *pieces;
	const char *key;
	json_t *id;

	json_object_foreach(vocabulary, key, id) {
		if (!json_is_integer(id) || json_integer_value(id) < 0 ||
		    json_integer_value(id) >= MODEL_MAX_PIECES)
			return err_set(e, C1V_DATA, "tokenizer.json: the id of \"%.40s\" is out of range", key);
		if ((size_t)json_integer_value(id) >= most)
			most = (size_t)json_integer_value(id) + 1;
	}
	if (n == 0)
		return err_set(e, C1V_DATA, "tokenizer.json: the vocabulary is empty");
	pieces = arena_alloc(&m->arena, most * sizeof(*pieces));
	for (size_t i = 0; i < most; i++)
		pieces[i] = SLICE("");
	json_object_foreach(vocabulary, key, id) {
		struct slice *piece = &pieces[json_integer_value(id)];
		if (piece->n)
			return err_set(e, C1V_DATA, "tokenizer.json: two pieces have the id of \"%.40s\"", key);
		*piece = keep(m, key, strlen(key));
	}
	m->source.pieces = pieces;
	m->source.count = most;
	return 0;
}

/* One piece a line; its id is the number of the line, from 0. */
static int
pieces_of_lines(struct model2vec *m, struct slice text, struct err *e)
{
	const char *p = text.p, *end = text.p + text.n;
	struct slice *pieces;
	size_t n = 0;

	if (utf8_valid(text.p, text.n) != text.n)
		return err_set(e, C1V_DATA, "vocab.txt: not valid UTF-8");
	for (const char *q = p; q < end; q++)
		n += *q == '\n';
	pieces = arena_alloc(&m->arena, (n + 1) * sizeof(*pieces));
	for (n = 0; p < end; n++) {
		const char *q = memchr(p, '\n', (size_t)(end - p));
		size_t size = (size_t)((q != NULL ? q : end) - p);

		if (size && p[size - 1] == '\r')
			size--;
		pieces[n] = keep(m, p, size);
		p = q != NULL ? q + 1 : end;
	}
	m->source.pieces = pieces;
	m->source.count = n;
	return 0;
}

/* --- the tokenizer ------------------------------------------------------------ */

static int
type_is(const json_t *v, const char *type)
{
	const char *s = json_string_value(json_object_get(v, "type"));

	return s != NULL && strcmp(s, type) == 0;
}

static int /* a switch that may be missing or null */
flag(const json_t *v, const char *name, int otherwise)
{
	const json_t *f = json_object_get(v, name);

	return json_is_boolean(f) ? json_is_true(f) : otherwise;
}

static int
read_rules(struct model2vec *m, const json_t *tokenizer, struct err *e)
{
	const json_t *n = json_object_get(tokenizer, "normalizer");

	if (!type_is(n, "BertNormalizer"))
		return err_set(e, C1V_DATA, "tokenizer.json: only a BertNormalizer is supported");
	if (!type_is(json_object_get(tokenizer, "pre_tokenizer"), "BertPreTokenizer"))
		return err_set(e, C1V_DATA, "tokenizer.json: only a BertPreTokenizer is supported");
	m->rules.clean = flag(n, "clean_text", 1);
	m->rules.pad = flag(n, "handle_chinese_chars", 1);
	m->rules.lower = flag(n, "lowercase", 1);
	m->rules.strip = flag(n, "strip_accents", m->rules.lower);
	return 0;
}

static const char *
text_or(struct model2vec *m, const json_t *v, const char *name, const char *otherwise)
{
	const char *s = json_string_value(json_object_get(v, name));

	return s != NULL ? arena_format(&m->arena, "%s", s) : otherwise;
}

static int
read_word_piece(struct model2vec *m, const json_t *tokenizer, struct err *e)
{
	const json_t *model = json_object_get(tokenizer, "model"), *limit;
	int rc;

	if (!type_is(model, "WordPiece"))
		return err_set(e, C1V_DATA, "tokenizer.json: only a WordPiece vocabulary is supported");
	limit = json_object_get(model, "max_input_chars_per_word");
	if (json_integer_value(limit) > 0 && json_integer_value(limit) <= UINT32_MAX)
		m->source.word_limit = (uint32_t)json_integer_value(limit);
	m->source.prefix = text_or(m, model, "continuing_subword_prefix", m->source.prefix);
	rc = pieces_of_object(m, json_object_get(model, "vocab"), e);
	return rc ? rc : find_unknown(m, text_or(m, model, "unk_token", "[UNK]"), e);
}

static int
read_tokenizer(struct model2vec *m, const char *folder, struct err *e)
{
	json_t *v = read_json(m, folder, "tokenizer.json", e);
	int rc;

	if (v == NULL)
		return e->code;
	rc = read_rules(m, v, e);
	if (rc == 0)
		rc = read_word_piece(m, v, e);
	json_decref(v);
	return rc;
}

static int
read_vocabulary(struct model2vec *m, const char *folder, int cased, struct err *e)
{
	struct file f;
	int rc = file_open(&f, in_folder(m, folder, "vocab.txt"), MAX_FILE, e);

	if (rc != 0)
		return rc;
	m->rules = (struct unicode_rules){.clean = 1, .pad = 1, .strip = !cased, .lower = !cased};
	rc = pieces_of_lines(m, f.text, e);
	file_close(&f);
	return rc ? rc : find_unknown(m, "[UNK]", e);
}

/* --- code points -------------------------------------------------------------- */

static int
read_unicode(struct model2vec *m, const char *folder, struct err *e)
{
	const struct unicode_rules *r = &m->rules;
	struct file f;
	int rc;

	/* The table is of all four rules together. */
	m->tables = r->clean && r->pad && r->strip && r->lower && has(m, folder, "unicode_tables.json");
	if (!m->tables) {
		unicode_derive(&m->unicode, r);
		return 0;
	}
	rc = file_open(&f, in_folder(m, folder, "unicode_tables.json"), MAX_FILE, e);
	if (rc != 0)
		return rc;
	rc = unicode_read(&m->unicode, f.text, e);
	file_close(&f);
	return rc;
}

/* --- rows --------------------------------------------------------------------- */

/* A row as int8 and a scale. */
static int
round_row(struct model2vec *m, const struct tensor *t, size_t from, size_t to, struct err *e)
{
	int8_t *out = m->row + to * m->dims;
	double most = 0;
	int whole = strcmp(t->type, "I8") == 0;

	for (size_t d = 0; d < m->dims; d++) {
		double v = tensor_value(t, from * m->dims + d);
		if (!isfinite(v))
			return err_set(e, C1V_DATA, "tensor `embeddings`: row %zu is not finite", from);
		most = fmax(most, fabs(v));
		if (whole)
			out[d] = (int8_t)v;
	}
	m->scale[to] = 1;
	if (whole || most == 0)
		return 0;
	for (size_t d = 0; d < m->dims; d++)
		out[d] = (int8_t)lrint(tensor_value(t, from * m->dims + d) / most * 127);
	m->scale[to] = (float)(most / 127);
	return 0;
}

/* The rows of all pieces, where mapping says which; each by its weight. */
static int
gather_rows(struct model2vec *m, const struct tensor *rows, const struct tensor *mapping,
    const struct tensor *weights, struct err *e)
{
	size_t count = m->source.count;
	int rc = 0;

	m->dims = rows->columns;
	m->row = mem_zero(count, m->dims);
	m->scale = mem_zero(count, sizeof(*m->scale));
	for (size_t i = 0; rc == 0 && i < count; i++) {
		double from = mapping != NULL ? tensor_value(mapping, i) : (double)i;

		if (!(from >= 0 && from < (double)rows->rows))
			return err_set(e, C1V_DATA, "tensor `mapping`: item %zu is out of range", i);
		rc = round_row(m, rows, (size_t)from, i, e);
		if (weights != NULL)
			m->scale[i] = (float)((double)m->scale[i] * tensor_value(weights, i));
	}
	return rc;
}

/* Find a vector with an item for each piece, where there is one. */
static int
find_vector(struct model2vec *m, struct slice file, const char *name, struct tensor *t,
    const struct tensor **found, struct err *e)
{
	int has_it = tensor_find(file, name, t, e);

	*found = has_it > 0 ? t : NULL;
	if (has_it < 0)
		return C1V_DATA;
	if (has_it && (t->columns != 1 || t->rows < m->source.count))
		return err_set(e, C1V_DATA, "tensor `%s`: %zu items for %zu pieces", name, t->rows, m->source.count);
	return 0;
}

static int
read_rows(struct model2vec *m, struct slice file, struct err *e)
{
	struct tensor rows, weights, mapping;
	const struct tensor *w, *map;
	int has_it = tensor_find(file, "embeddings", &rows, e), rc;

	if (has_it < 0)
		return C1V_DATA;
	if (has_it == 0)
		return err_set(e, C1V_DATA, "model.safetensors: no tensor `embeddings`");
	if ((rc = find_vector(m, file, "weights", &weights, &w, e)) != 0 ||
	    (rc = find_vector(m, file, "mapping", &mapping, &map, e)) != 0)
		return rc;
	if (rows.columns < 1 || rows.columns > MODEL_MAX_DIMS)
		return err_set(e, C1V_DATA, "tensor `embeddings`: %zu columns cannot be", rows.columns);
	if (map == NULL && rows.rows < m->source.count)
		return err_set(e, C1V_DATA, "tensor `embeddings`: %zu rows for %zu pieces", rows.rows, m->source.count);
	m->rounded = strcmp(rows.type, "I8") != 0;
	return gather_rows(m, &rows, map, w, e);
}

static int
read_model(struct model2vec *m, const char *folder, struct err *e)
{
	struct file f;
	int rc = file_open(&f, in_folder(m, folder, "model.safetensors"), MAX_FILE, e);

	if (rc != 0)
		return rc;
	rc = read_rows(m, f.text, e);
	file_close(&f);
	return rc;
}

static int
read_notice(struct model2vec *m, const char *folder, struct err *e)
{
	struct file f;
	int rc;

	if (!has(m, folder, "NOTICE"))
		return 0;
	rc = file_open(&f, in_folder(m, folder, "NOTICE"), MAX_NOTICE, e);
	if (rc != 0)
		return rc;
	if (utf8_valid(f.text.p, f.text.n) != f.text.n)
		rc = err_set(e, C1V_DATA, "NOTICE: not valid UTF-8");
	else
		m->source.notice = keep(m, f.text.p, f.text.n);
	file_close(&f);
	return rc;
}

int
model2vec_read(struct model2vec *m, const char *folder, int cased, struct err *e)
{
	int rc;

	*m = (struct model2vec){.source = {.prefix = "##", .word_limit = WORD_LIMIT}};
	rc = has(m, folder, "tokenizer.json") ? read_tokenizer(m, folder, e) :
	    read_vocabulary(m, folder, cased, e);
	if (rc != 0 || (rc = read_unicode(m, folder, e)) != 0 || (rc = read_model(m, folder, e)) != 0 ||
	    (rc = read_notice(m, folder, e)) != 0)
		return rc;
	m->source.dims = (uint32_t)m->dims;
	m->source.rows = m->row;
	m->source.scales = m->scale;
	m->source.unicode = &m->unicode;
	return 0;
}

void
model2vec_free(struct model2vec *m)
{
	unicode_free(&m->unicode);
	free(m->row);
	free(m->scale);
	arena_free(&m->arena);
}

/* c1v-chunk: documents into chunks with exact offsets. See c1v-chunk(1). */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/json.h"
#include "base/utf8.h"
#include "chunk_document.h"
#include "cli/cli.h"
#include "text/bpe.h"

enum input_type { TYPE_TEXT, TYPE_MARKDOWN, TYPE_NDJSON };

struct settings {
	struct cli_common common;
	const char *unit;
	int by, compat, keep_separator, no_strip, inspect, strict, type;
	int64_t size, overlap, max_record;
	struct opt_list separators, meta;
	const char *metadata, *files0_from, *rejects;
};

#define MEMBER(m) offsetof(struct settings, m)

static const struct opt splitting[] = {
	{ .name = "by", .kind = OPT_CHOICE, .offset = MEMBER(by), .argument = "HOW", .fallback = "recursive",
	  .choices = "recursive|markdown|sentence|none", .env = "C1V_CHUNK_BY", .help = "how to split" },
	{ .letter = 's', .name = "size", .kind = OPT_INT, .offset = MEMBER(size), .argument = "N",
	  .fallback = "1000", .min = 1, .max = 1e12, .env = "C1V_CHUNK_SIZE",
	  .help = "the most that a chunk may hold" },
	{ .letter = 'o', .name = "overlap", .kind = OPT_INT, .offset = MEMBER(overlap), .argument = "N",
	  .max = 1e12, .env = "C1V_CHUNK_OVERLAP",
	  .help = "how much of a chunk the next one repeats at most (200, or a fifth of a size below 1000)" },
	{ .name = "unit", .kind = OPT_STRING, .offset = MEMBER(unit), .argument = "UNIT", .fallback = "chars",
	  .choices = "chars|bytes|tokens", .help = "what size and overlap count: chars, bytes or tokens:MODEL" },
	{ .name = "compat", .kind = OPT_CHOICE, .offset = MEMBER(compat), .argument = "EDITION",
	  .fallback = "python", .choices = "python|js", .help = "whose recursive splitter to equal" },
	{ .name = "separator", .kind = OPT_LIST, .offset = MEMBER(separators), .argument = "S",
	  .help = "split here first (repeatable, in order; C escapes)" },
	{ .name = "keep-separator", .kind = OPT_CHOICE, .offset = MEMBER(keep_separator), .argument = "WHERE",
	  .fallback = "start", .choices = "start|end", .help = "which end of a piece keeps its separator" },
	{ .name = "no-strip", .kind = OPT_FLAG, .offset = MEMBER(no_strip),
	  .help = "keep white space at the edges of chunks" },
	OPT_END
};

static const struct opt input_options[] = {
	{ .letter = 't', .name = "type", .kind = OPT_CHOICE, .offset = MEMBER(type), .argument = "TYPE",
	  .choices = "text|markdown|ndjson", .help = "what the input is, whatever its name ends in" },
	{ .name = "files0-from", .kind = OPT_STRING, .offset = MEMBER(files0_from), .argument = "FILE",
	  .flags = OPT_FILES | OPT_NO_CONFIG, .help = "take the files named in FILE, each ended by a NUL" },
	{ .letter = 'M', .name = "meta", .kind = OPT_LIST, .offset = MEMBER(meta), .argument = "KEY=VALUE",
	  .help = "add a string to the metadata (repeatable)" },
	{ .name = "metadata", .kind = OPT_STRING, .offset = MEMBER(metadata), .argument = "JSON",
	  .help = "add the members of a JSON object to the metadata" },
	{ .name = "max-record", .kind = OPT_SIZE, .offset = MEMBER(max_record), .argument = "BYTES",
	  .fallback = "64M", .min = 1024, .max = 4294967296.0, .env = "C1V_MAX_RECORD",
	  .help = "the longest record or file" },
	{ .name = "rejects", .kind = OPT_STRING, .offset = MEMBER(rejects), .argument = "FILE",
	  .flags = OPT_FILES | OPT_NO_CONFIG, .help = "write records that were refused to FILE" },
	{ .name = "strict", .kind = OPT_FLAG, .offset = MEMBER(strict), .help = "stop at the first bad record" },
	{ .name = "inspect", .kind = OPT_FLAG, .offset = MEMBER(inspect), .help = "show the chunks to a person" },
	OPT_END
};

static const struct opt common_options[] = { CLI_OPTIONS(struct settings), OPT_END };

static const struct opt_spec spec = {
	.tool = "c1v-chunk",
	.purpose = "split documents into chunks with exact offsets",
	.synopsis = "[OPTION]… [FILE]…",
	.tables = (const struct opt *const[]){splitting, input_options, common_options, NULL},
	.sections = (const char *const[]){"Splitting", "Input", "Common", NULL},
	.files = "files",
};

/* What a run works with. */
struct run {
	struct cli *cli;
	const struct settings *s;
	struct chunk_options options;
	struct bpe *bpe; /* for --unit tokens:MODEL */
	struct arena arena;
	struct chunker *chunker;
	struct extra extra;
	struct document document;
	struct rejects rejects;
	struct inspect inspect;
	struct progress progress; /* in files where there are several, else in bytes */
	struct buf settings_text, separator_text, reject_line, names;
	struct slice *separators;
	const char **paths; /* the inputs; NULL where there are none: stdin */
	size_t path_count, path_room;
};

/* --- separators -------------------------------------------------------- */

static int
hex_digits(const char **p, int most, uint32_t *out)
{
	int n = 0;

	for (*out = 0; n < most && isxdigit((unsigned char)**p); n++, ++*p) {
		char digit[2] = {**p, '\0'};

		*out = *out << 4 | (uint32_t)strtoul(digit, NULL, 16);
	}
	return n;
}

/* One escape, *p behind its backslash. 0, or -1 when there is no such escape. */
static int
unescape(struct buf *b, const char **p)
{
	static const char names[] = "abfnrtv\\'\"?", values[] = "\a\b\f\n\r\t\v\\'\"?";
	const char *at = **p ? strchr(names, **p) : NULL;
	uint32_t v = 0;
	int n;

	if (at != NULL) {
		++*p;
		buf_byte(b, values[at - names]);
	} else if (**p >= '0' && **p <= '7') {
		for (n = 0; n < 3 && **p >= '0' && **p <= '7'; n++, ++*p) {
			v = v << 3 | (uint32_t)(**p - '0');
		}
		buf_byte(b, (char)v);
		return v > 255 ? -1 : 0;
	} else if (**p == 'x') {
		++*p;
		if (hex_digits(p, 2, &v) == 0)
			return -1;
		buf_byte(b, (char)v);
	} else if (**p == 'u' || **p == 'U') {
		n = **p == 'u' ? 4 : 8;
		++*p;
		if (hex_digits(p, n, &v) != n || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
			return -1;
		b->len += utf8_encode(buf_reserve(b, 4), v);
	} else {
		return -1;
	}
	return 0;
}

static int
read_separators(struct run *r, struct err *e)
{
	const struct opt_list *list = &r->s->separators;
	size_t *ends = mem_zero(list->count, sizeof(*ends)), at = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < list->count; i++) {
		for (const char *p = list->items[i]; rc == 0 && *p != '\0';) {
			if (*p != '\\')
				buf_byte(&r->separator_text, *p++);
			else if (++p, unescape(&r->separator_text, &p) != 0)
				rc = err_set(e, C1V_USAGE, "--separator: \"%s\" has an unknown escape", list->items[i]);
		}
		ends[i] = r->separator_text.len;
	}
	r->separators = mem_zero(list->count, sizeof(*r->separators));
	for (size_t i = 0; rc == 0 && i < list->count; at = ends[i++]) {
		r->separators[i] = (struct slice){ends[i] > at ? r->separator_text.data + at : "", ends[i] - at};
	}
	free(ends);
	return rc;
}

/* --- settings ---------------------------------------------------------- */

static int
wants_colour(void)
{
	const char *no = getenv("NO_COLOR"), *force = getenv("CLICOLOR_FORCE");

	if (no != NULL && *no != '\0')
		return 0;
	if (force != NULL && *force != '\0' && strcmp(force, "0") != 0)
		return 1;
	force = getenv("CLICOLOR");
	return isatty(STDOUT_FILENO) && (force == NULL || strcmp(force, "0") != 0);
}

static void
set_inspect(struct run *r)
{
	static const char *const how[] = {"recursive", "markdown", "sentence", "none"};
	const struct chunk_options *o = &r->options;

	buf_format(&r->settings_text, "%s, %zu/%zu %s", how[o->by], o->size, o->overlap,
	    o->unit == CHUNK_TOKENS ? "tokens" : o->unit == CHUNK_BYTES ? "bytes" : "characters");
	r->inspect = (struct inspect){
		.colour = wants_colour(), .settings = buf_cstr(&r->settings_text), .options = o
	};
}

/* chars, bytes, or the tokens of a model or of an encoding. */
static int
read_unit(struct run *r, enum chunk_unit *unit, struct err *e)
{
	const char *name = r->s->unit, *encoding;

	*unit = strcmp(name, "bytes") == 0 ? CHUNK_BYTES : CHUNK_CHARS;
	if (strcmp(name, "bytes") == 0 || strcmp(name, "chars") == 0)
		return 0;
	if (strncmp(name, "tokens:", 7) != 0) {
		err_set(e, C1V_USAGE, "--unit: \"%s\" is none of chars, bytes, tokens:MODEL", name);
		return err_hint(e, "tokens:text-embedding-3-small, or an encoding: tokens:o200k_base");
	}
	*unit = CHUNK_TOKENS;
	encoding = bpe_is_encoding(name + 7) ? name + 7 : bpe_encoding_of_model(name + 7);
	if (encoding == NULL) {
		err_set(e, C1V_USAGE, "--unit: the tokens of model \"%s\" are not known", name + 7);
		return err_hint(e, "name an encoding: tokens:cl100k_base or tokens:o200k_base");
	}
	return bpe_open_encoding(&r->bpe, encoding, cli_share(&r->arena, NULL), e);
}

static int
set_up(struct run *r, struct err *e)
{
	const struct settings *s = r->s;
	const struct cli *c = r->cli;
	enum chunk_unit unit;
	int rc = read_separators(r, e);

	if (rc != 0 || (rc = read_unit(r, &unit, e)) != 0)
		return rc;
	r->options = (struct chunk_options){
		.by = (enum chunk_by)s->by, .unit = unit, .bpe = r->bpe,
		.compat = (enum chunk_compat)s->compat, .size = (size_t)s->size,
		.overlap = (size_t)s->overlap, .keep_end = s->keep_separator, .no_strip = s->no_strip,
		.separators = r->separators, .separator_count = s->separators.count
	};
	/* A small size given alone shall work, with an overlap in proportion. */
	if (!opt_given(&spec, &c->args, MEMBER(overlap)))
		r->options.overlap = r->options.size / 5 < CHUNK_OVERLAP ? r->options.size / 5 : CHUNK_OVERLAP;
	if ((rc = chunk_open(&r->chunker, &r->options, e)) != 0)
		return rc;
	set_inspect(r);
	return extra_read(&r->extra, s->metadata, s->meta.items, s->meta.count, e);
}

static void
add_path(struct run *r, const char *path)
{
	mem_grow(&r->paths, &r->path_room, r->path_count + 1, sizeof(*r->paths));
	r->paths[r->path_count++] = path;
}

/* The operands, or the names in the file of --files0-from. */
static int
read_paths(struct run *r, struct err *e)
{
	const struct opt_result *args = &r->cli->args;
	const char *from = r->s->files0_from, *p;
	struct file f;
	int rc;

	for (size_t i = 0; i < args->operand_count; i++) {
		add_path(r, args->operands[i]);
	}
	if (from == NULL)
		return 0;
	if (r->path_count)
		return cli_usage(r->cli, "files and --files0-from do not go together");
	if ((rc = file_open(&f, from, (size_t)r->s->max_record, e)) != 0)
		return rc;
	buf_slice(&r->names, f.text);
	buf_byte(&r->names, '\0');
	file_close(&f);
	for (p = r->names.data; p < r->names.data + r->names.len - 1; p += strlen(p) + 1) {
		if (*p == '\0')
			return err_set(e, C1V_DATA, "%s: an empty file name", from);
		add_path(r, p);
	}
	return 0;
}

/* --- documents --------------------------------------------------------- */

static int
hand_out(struct run *r)
{
	struct out *out = &r->cli->out;

	r->rejects.good++;
	document_split(&r->document, r->chunker);
	if (r->s->inspect)
		return document_inspect(&r->document, r->chunker, &r->inspect, out);
	return document_write(&r->document, r->chunker, out);
}

static int
flush_when_idle(void *arg, struct err *e)
{
	return out_flush(arg, e);
}

static int
one_line(struct run *r, const struct line *line, struct err *e)
{
	struct err why = {0};
	int rc;

	if (line->too_long)
		rc = err_set(&why, C1V_DATA, "longer than %lld bytes", (long long)r->s->max_record);
	else
		rc = document_of_record(&r->document, line->text, &r->extra, &why);
	if (rc != 0)
		return rejects_add(&r->rejects, line, &why, e);
	if (r->document.passes && !r->s->inspect) {
		r->rejects.good++;
		buf_slice(&r->cli->out.buf, line->text);
		return out_line(&r->cli->out);
	}
	return hand_out(r);
}

static int
chunk_records(struct run *r, const char *path, struct err *e)
{
	struct input_options o = {
		.paths = &path, .path_count = path != NULL, .max_line = (size_t)r->s->max_record
	};
	struct input *in = input_open(&o);
	struct line line;
	uint64_t done, total;
	int rc = 0, more;

	input_on_idle(in, flush_when_idle, &r->cli->out);
	while (rc == 0 && (more = input_line(in, &line, e)) != 0) {
		rc = more < 0 ? e->code : one_line(r, &line, e);
		if (r->progress.enabled && r->path_count <= 1) {
			input_progress(in, &done, &total);
			progress_show(&r->progress, done, total);
		}
	}
	input_close(in);
	return rc;
}

/* A text that is no document: what names it goes to the rejects. */
static int
reject_text(struct run *r, const char *path, uint64_t number, const struct err *why, struct err *e)
{
	struct line line = {.source = path != NULL ? path : "-", .number = number};
	struct buf *b = &r->reject_line;

	b->len = 0;
	buf_byte(b, '{');
	if (path != NULL && utf8_valid(path, strlen(path)) == strlen(path)) {
		buf_string(b, "\"id\":");
		json_add_string(b, slice_of(path));
		buf_string(b, ",\"source\":");
		json_add_string(b, slice_of(path));
	}
	buf_byte(b, '}');
	line.text = buf_as_slice(b);
	return rejects_add(&r->rejects, &line, why, e);
}

static int
chunk_text(struct run *r, const char *path, struct err *e)
{
	struct err why = {0};
	struct file f = {0};
	uint64_t line = 1;
	int rc;

	if (path != NULL && utf8_valid(path, strlen(path)) != strlen(path)) {
		err_set(&why, C1V_DATA, "its name is not valid UTF-8");
		return reject_text(r, path, line, &why, e);
	}
	rc = file_open(&f, path != NULL ? path : "-", (size_t)r->s->max_record, &why);
	if (rc == C1V_DATA)
		err_set(&why, C1V_DATA, "longer than %lld bytes", (long long)r->s->max_record);
	else if (rc == 0)
		rc = document_of_text(&r->document, f.text, path, &r->extra, &line, &why);
	if (rc == C1V_DATA)
		rc = reject_text(r, path, line, &why, e);
	else if (rc != 0)
		*e = why;
	else
		rc = hand_out(r);
	file_close(&f);
	return rc;
}

static int
ends_in(const char *path, const char *ending)
{
	size_t n = strlen(path), m = strlen(ending);

	return n >= m && strcasecmp(path + n - m, ending) == 0;
}

static enum input_type
type_of(const struct run *r, const char *path)
{
	if (opt_given(&spec, &r->cli->args, MEMBER(type)))
		return (enum input_type)r->s->type;
	if (path == NULL || ends_in(path, ".ndjson") || ends_in(path, ".jsonl"))
		return TYPE_NDJSON;
	return ends_in(path, ".md") || ends_in(path, ".markdown") ? TYPE_MARKDOWN : TYPE_TEXT;
}

static int
chunk_input(struct run *r, const char *path, struct err *e)
{
	if (path != NULL && strcmp(path, "-") == 0)
		path = NULL;
	return type_of(r, path) == TYPE_NDJSON ? chunk_records(r, path, e) : chunk_text(r, path, e);
}

static int
chunk_inputs(struct run *r, struct err *e)
{
	int rc = 0;

	progress_start(&r->progress, &r->cli->log, r->path_count > 1 ? "files" : "bytes");
	if (isatty(STDOUT_FILENO)) /* where the records themselves are seen */
		r->progress.enabled = 0;
	if (r->path_count == 0 && r->s->files0_from == NULL)
		rc = chunk_input(r, NULL, e);
	for (size_t i = 0; rc == 0 && i < r->path_count; i++) {
		rc = chunk_input(r, r->paths[i], e);
		if (r->path_count > 1)
			progress_show(&r->progress, i + 1, r->path_count);
	}
	progress_end(&r->progress);
	return rc;
}

static int
work(struct run *r, struct err *e)
{
	int rc = set_up(r, e);

	if (rc != 0 || (rc = read_paths(r, e)) != 0)
		return rc;
	if ((rc = rejects_apart(r->s->rejects, r->paths, r->path_count, e)) != 0 ||
	    (rc = rejects_open(&r->rejects, &r->cli->log, r->s->rejects, r->s->strict, e)) != 0)
		return rc;
	rc = chunk_inputs(r, e);
	if (rc == C1V_IO && r->cli->out.failed)
		return out_flush(&r->cli->out, e);
	if (rc == 0)
		return rejects_close(&r->rejects, e);
	rejects_close(&r->rejects, NULL);
	return rc;
}

static void
clean_up(struct run *r)
{
	chunk_close(r->chunker);
	bpe_close(r->bpe);
	arena_free(&r->arena);
	extra_free(&r->extra);
	document_free(&r->document);
	buf_free(&r->settings_text);
	buf_free(&r->separator_text);
	buf_free(&r->reject_line);
	buf_free(&r->names);
	free(r->separators);
	free(r->paths);
}

int
main(int argc, char **argv)
{
	struct settings s = {0};
	struct cli c;
	struct run r = {.cli = &c, .s = &s};
	int rc = cli_start(&c, &spec, argc, argv, &s, &s.common);

	if (rc != CLI_GO)
		return rc;
	rc = work(&r, &c.err);
	clean_up(&r);
	return cli_finish(&c, rc);
}

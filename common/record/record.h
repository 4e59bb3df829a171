/* record: NDJSON lines and what their keys mean (c1v-record(5)).
 *
 * A line is scanned, not built: a struct record points into the line. The only
 * place that knows the record's keys. */
#ifndef C1V_RECORD_RECORD_H
#define C1V_RECORD_RECORD_H

#include <stdint.h>

#include "base/buf.h"
#include "base/out.h"
#include "watch/log.h"

/* --- input ------------------------------------------------------------- */

/* Lines from files or stdin, one loop for all tools. */
struct input;

enum { INPUT_MAX_LINE = 64 * 1024 * 1024 };

struct input_options {
	const char *const *paths; /* count 0: stdin; "-" is stdin; borrowed until input_close */
	size_t path_count;
	size_t max_line;          /* bytes of text; longer lines are passed over to their end;
	                             0: INPUT_MAX_LINE */
};

struct line {
	struct slice text;    /* without its newline (and CR before it); a BOM that leads a file is dropped */
	const char *source;   /* "-" for stdin, else the path */
	uint64_t number;      /* from 1, in its source */
	int too_long;         /* text is empty: the line was over max_line */
};

/* Called before a read that would block, so that the tool hands on what is
 * ready (partial batches included) and a coprocess never waits for ever; then
 * again twice a second and when a signal arrived, while nothing comes. It is
 * the place to look at cli_interrupted(). Other than 0 ends the input. */
typedef int input_idle_fn(void *arg, struct err *e);

struct input *input_open(const struct input_options *o);
void input_on_idle(struct input *in, input_idle_fn *fn, void *arg);
/* 1 and the next line (valid until the next call); 0 at the end of all input;
 * -1 on error (e: C1V_IO, or what the idle function returned). Lines of white
 * space only are passed over, but counted. Memory: the longest line so far, at
 * most max_line and a block. */
int input_line(struct input *in, struct line *out, struct err *e);
/* Bytes read so far and, where every input is a plain file, their sum (else 0). */
void input_progress(struct input *in, uint64_t *done, uint64_t *total);
void input_close(struct input *in);

/* A whole file (or "-"), mapped or read once, as it stands (a BOM included).
 * Free with file_close. 0, C1V_IO, or C1V_DATA when it is over max bytes. */
struct file {
	struct slice text;
	int mapped;
	struct buf buf;
};
int file_open(struct file *f, const char *path, size_t max, struct err *e);
void file_close(struct file *f);

/* --- fields ------------------------------------------------------------ */

/* The known top-level keys, raw JSON values as they stand (SLICE_NONE: absent). */
struct record {
	struct slice line;   /* the whole object, "{…}" */
	struct slice id, doc, source, content, metadata, chunk, embedding, model, dims, api_base;
	struct slice query, filter, context;
	struct slice error;
};

/* Scan one line. C1V_DATA when it is no object, not valid (json.h), or has a
 * duplicate key at the top level (whatever the key). Types are not checked. */
int record_scan(struct slice line, struct record *r, struct err *e);

static inline struct slice /* what is longest in most records: `known` for a json_walk */
record_longest(const struct record *r)
{
	return r->content.n > r->embedding.n ? r->content : r->embedding;
}

/* The text of a string field. 1 and *out; 0 when absent or null; -1 and e
 * (C1V_DATA) when it is of another type or holds U+0000. scratch as json_text. */
int record_text(struct slice value, const char *name, struct buf *scratch,
    struct slice *out, struct err *e);

/* Like record_text for `id` and `doc`, which may also be numbers (their own
 * digits are the text). An empty id is an error. */
int record_id(struct slice value, const char *name, struct buf *scratch,
    struct slice *out, struct err *e);

/* chunk:{…}. Absent members are 0/-1 as noted. */
struct chunk_place {
	int64_t index, of;          /* -1: absent */
	int64_t start, end;         /* byte offsets; -1: absent */
	int64_t line, end_line;     /* 1-based; 0: absent */
	struct slice headings;      /* raw array or SLICE_NONE */
};
int record_chunk(struct slice value, struct chunk_place *out, struct err *e);
/* A validated `chunk` with another index and of, everything else as it stands; in b, which is
 * emptied first. */
struct slice record_renumber(struct slice chunk, int64_t index, int64_t of, struct buf *b);

/* `embedding` as floats: array or base64 of little-endian float32. 1 and
 * dims floats in out (count set by the field; out grows); 0: null or absent;
 * -1: C1V_DATA (NaN, infinite, zero vector, not a multiple of 4 bytes, too
 * many, `dims` that differs). */
enum { RECORD_MAX_DIMS = 65536 };
struct floats {
	float *v;
	size_t count, room;
};
int record_vector(const struct record *r, struct floats *out, struct err *e);
/* Append v as a JSON value. v must be finite. */
void record_add_vector(struct buf *b, const float *v, size_t n, int base64);

/* --- writing ----------------------------------------------------------- */

/* Append the object of r with changes: a key that stands is replaced in place,
 * another is added at the end, value SLICE_NONE removes. Everything else is
 * copied byte for byte. At most 64 edits, of different keys. */
struct edit {
	const char *key;    /* needs no escapes */
	struct slice value; /* ready JSON */
};
void record_add_edited(struct buf *b, const struct record *r, const struct edit *edits, size_t n);

/* --- rejects ----------------------------------------------------------- */

/* What happens to bad records, for every tool: one warning with source:line,
 * the record to --rejects FILE with an `error` member, counts, --strict. */
struct rejects {
	struct log *log;
	struct out file;
	int has_file, strict;
	uint64_t good, bad;
};
/* Opening the file empties it, so it must not be one of the inputs (as of
 * struct input_options): 0, or C1V_USAGE when it is. path NULL: 0. */
int rejects_apart(const char *path, const char *const *inputs, size_t count, struct err *e);
/* path NULL: none. "-" is refused (stdout is data). */
int rejects_open(struct rejects *r, struct log *log, const char *path, int strict, struct err *e);
/* Note a bad record. The line goes out as it is with error{code,message,line}
 * (replacing an `error` that it had); a line that record_scan refuses goes out
 * as {"raw":"…","error":…}, invalid bytes as U+FFFD ("" for one that was too long).
 * 0, or C1V_DATA when strict (e is then the error with source:line before it, and
 * no warning was made), or C1V_IO. why may be e. */
int rejects_add(struct rejects *r, const struct line *line, const struct err *why, struct err *e);
/* The same without a message and whether strict or not: of a record that is not to blame. */
int rejects_keep(struct rejects *r, const struct line *line, const struct err *why, struct err *e);
/* The exit code of the run: 0, C1V_PARTIAL when some were bad, C1V_DATA (and
 * e) when there was input and nothing of it good; closes the file. */
int rejects_close(struct rejects *r, struct err *e);

#endif

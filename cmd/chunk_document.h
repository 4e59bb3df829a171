/* chunk_document: a document, and its chunks as records. */
#ifndef C1V_CMD_CHUNK_DOCUMENT_H
#define C1V_CMD_CHUNK_DOCUMENT_H

#include "base/buf.h"
#include "base/out.h"
#include "record/record.h"
#include "text/chunk.h"

/* What the command line adds to every document's metadata. */
struct extra {
	struct slice *keys, *values; /* plain text; ready JSON */
	size_t count, room;
	struct arena arena;          /* owns them */
};
/* --metadata JSON, then each -M key=value, which goes before it. 0 or C1V_USAGE. */
int extra_read(struct extra *x, const char *json, const char *const *pairs, size_t n, struct err *e);
void extra_free(struct extra *x);

/* One document at a time. Zero-initialise; what it points to is valid as long
 * as the line or file it was made of, and until the next one. */
struct document {
	struct slice id, source, content; /* source: SLICE_NONE when there is none */

	struct chunk *chunks;
	size_t chunk_count, chunk_room;

	/* The record of a chunk: fixed bytes with holes in them. */
	struct buf fixed;
	struct hole {
		size_t at;
		enum { HOLE_ID, HOLE_CONTENT, HOLE_CHUNK } what;
	} holes[3];
	size_t hole_count;
	struct buf id_json;               /* the id without quotes, escaped */
	struct buf text[4];               /* decoded fields and the like */
	struct buf metadata;
	int passes;                       /* "chunk":{"of":0}: not a document, goes on as it is */
};

/* From a record. 0 or C1V_DATA. */
int document_of_record(struct document *d, struct slice line, const struct extra *x, struct err *e);
/* From a text; path NULL: from standard input. 0, or C1V_DATA and in *line where
 * the text is wrong. */
int document_of_text(struct document *d, struct slice text, const char *path,
    const struct extra *x, uint64_t *line, struct err *e);
void document_free(struct document *d);

void document_split(struct document *d, struct chunker *c);
/* A line for each chunk, or the one that says that there is none. 0, or C1V_IO
 * once writing has failed. */
int document_write(const struct document *d, const struct chunker *c, struct out *out);

/* For people (--inspect). */
struct inspect {
	int colour;
	const char *settings; /* "recursive, 1000/200 characters" */
	const struct chunk_options *options;
	uint64_t documents;
};
int document_inspect(const struct document *d, const struct chunker *c, struct inspect *in, struct out *out);

#endif

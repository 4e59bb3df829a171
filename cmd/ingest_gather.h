/* ingest_gather: records become whole documents, and documents a batch.
 *
 * A document is whole when its chunk.of chunks have come one after the other,
 * each index once; one that is not fails with all its records. Lines are kept
 * until their document is stored or refused, so that they can be rejected. */
#ifndef C1V_INGEST_GATHER_H
#define C1V_INGEST_GATHER_H

#include "record/record.h"
#include "store/store.h"

enum { DOCUMENT_MAX = 1 << 30 }; /* bytes of its records; a larger one fails */

struct gathered {
	struct document_row row; /* chunks is set by gather_document() */
	size_t first;            /* of its rows and lines */
	struct slice id;
	int64_t of;              /* -1: a document without chunks */
	size_t bytes;
	struct err why;          /* of its failure; code 0: none so far */
};

struct gather {
	struct arena arena;      /* owns what rows and lines point to */
	struct chunk_row *rows;
	struct line *lines;      /* one a row, or of an emptied document its only one */
	size_t count, row_room, line_room;
	struct gathered *documents; /* whole ones */
	size_t document_count, document_room;
	struct gathered now;     /* the one that is being gathered */
	int gathering;
	size_t bytes;            /* held by all of it */
	int no_vectors;          /* they are not even read */
	struct floats floats;
	struct buf scratch;
};

enum gather_result {
	GATHER_MORE,     /* taken; its document is not whole yet */
	GATHER_WHOLE,    /* taken; its document is whole and in the batch */
	GATHER_BAD,      /* the record is bad: e; it is not taken */
	GATHER_FAILED,   /* taken, but its document cannot become whole (now.why):
	                    reject what gather_now() gives, and gather_shed() */
	GATHER_NEXT      /* not taken: another document was being gathered, which has
	                    failed (now.why); reject it, gather_drop(), and offer
	                    this line again */
};

enum gather_result gather_line(struct gather *g, const struct line *line, struct err *e);
/* At the end of the input: 1 when a document is left that is not whole (now.why). */
int gather_end(struct gather *g);
/* The lines of the document that is being gathered, and their number. */
const struct line *gather_now(const struct gather *g, size_t *count);
/* Forget the lines of a document that has failed, but not that it has. */
void gather_shed(struct gather *g);
/* Forget the document that is being gathered. */
void gather_drop(struct gather *g);

/* Document i of the batch, ready for store_write(); its lines. */
const struct document_row *gather_document(struct gather *g, size_t i,
    const struct line **lines, size_t *count);
/* Forget the whole documents; the one being gathered stays. */
void gather_clear(struct gather *g);
void gather_free(struct gather *g);

#endif

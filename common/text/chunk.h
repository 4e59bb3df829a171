/* chunk: a text cut into pieces for retrieval, as byte offsets into it.
 *
 * Nothing is copied and nothing piles up: chunks are handed to a function one
 * after the other, in order of their start and of their end. The text must be
 * valid UTF-8; a chunk begins and ends between two characters.
 *
 * - CHUNK_RECURSIVE gives the chunks of LangChain's RecursiveCharacterTextSplitter
 *   (langchain-text-splitters 1.1.3, or @langchain/textsplitters 1.0.2 with
 *   CHUNK_JS), of whatever separators, size and overlap. A chunk can be longer
 *   than the size where that splitter's would be.
 * - CHUNK_MARKDOWN cuts at the headings of CommonMark 0.31, inside a section
 *   between blocks, and keeps fenced code and tables whole while they fit.
 * - CHUNK_SENTENCE packs the sentences of UAX #29 up to the size.
 *   Both keep the size, unless one character is longer (CHUNK_BYTES, CHUNK_TOKENS).
 * - CHUNK_NONE gives the whole text as one chunk.
 *
 * A text of white space alone has no chunks (but see LangChain's pieces of the
 * full size, which go out as they are). */
#ifndef C1V_TEXT_CHUNK_H
#define C1V_TEXT_CHUNK_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

enum chunk_by { CHUNK_RECURSIVE, CHUNK_MARKDOWN, CHUNK_SENTENCE, CHUNK_NONE };

/* What a length counts. CHUNK_CHARS: code points, with CHUNK_JS UTF-16 units.
 * CHUNK_TOKENS: what an encoder counts in a piece by itself. CHUNK_RECURSIVE adds
 * up the tokens of pieces, as LangChain's from_tiktoken_encoder does, so that a
 * chunk may have a few more or less than the sum. The others fill chunks up to
 * two tokens less than the size, and no chunk has more tokens than it. */
enum chunk_unit { CHUNK_CHARS, CHUNK_BYTES, CHUNK_TOKENS };

enum chunk_compat { CHUNK_PYTHON, CHUNK_JS };

enum { CHUNK_SIZE = 1000, CHUNK_OVERLAP = 200 };

struct chunk_options {
	enum chunk_by by;
	enum chunk_unit unit;
	enum chunk_compat compat; /* CHUNK_PYTHON with CHUNK_TOKENS */
	struct bpe *bpe; /* the encoder for CHUNK_TOKENS; borrowed */
	size_t size;    /* 1 or more */
	size_t overlap; /* at most size; less than size with CHUNK_JS */
	const struct slice *separators; /* in order; count 0: "\n\n" "\n" ". " " " "" */
	size_t separator_count;
	int keep_end;   /* a separator ends the piece before it instead of beginning the next */
	int no_strip;   /* keep white space at a chunk's edges */
};

struct chunk {
	size_t start, end;     /* bytes: the chunk is text[start..end) */
	size_t line, end_line; /* of its first and its last byte, from 1 */
	size_t heading;        /* for chunk_heading(); 0: under no heading */
};

/* A heading of the text: its bytes without markers and outer white space (a
 * newline in a setext heading is left in it). */
struct chunk_heading {
	size_t start, end;
	size_t parent; /* the heading it stands under; 0: none */
	int level;     /* 1 to 6 */
};

struct chunker;

/* Called for each chunk; c is valid during the call. */
typedef void chunk_fn(void *arg, const struct chunk *c);

/* Check the options and make a splitter, which any number of texts may be
 * given to. Separators are copied. 0, or C1V_USAGE with the option's name. */
int chunk_open(struct chunker **out, const struct chunk_options *o, struct err *e);
void chunk_split(struct chunker *c, struct slice text, chunk_fn *fn, void *arg);
/* Of the text last split; valid until the next one. id is not 0. */
const struct chunk_heading *chunk_heading(const struct chunker *c, size_t id);
void chunk_close(struct chunker *c);

/* Start of the next sentence of UAX #29 behind `from`, which is the start of
 * one; text.n at the end. For valid UTF-8. */
size_t chunk_sentence_end(struct slice text, size_t from);

#endif

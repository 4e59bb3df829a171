/* model: the file of a static model, mapped and used as it lies (*.c1vm).
 *
 * Little-endian. A header of one page, then sections that begin on pages:
 *
 *     TRIE     the pieces of the vocabulary, a double array over their bytes
 *     STAGES   where each block of 128 code points stands in CODES
 *     CODES    what becomes of a code point: MODEL_SELF …, see below
 *     POOL     replacements of several code points: a count, then as in CODES
 *     SCALES   a float32 for each row
 *     ROWS     int8, `stride` bytes from row to row, zeros behind the last component
 *     STARTS   where each piece begins in PIECES, and the end of the last
 *     PIECES   the text of the pieces, for people
 *     NOTICE   what must travel with the model: licence and attribution, text
 *
 * The vector of a text is the sum over its ids of scale[id] * row[id], made
 * unit length. Opening looks at the header only, and it takes nothing that the
 * header says on trust; what lies in the sections is checked where it is used,
 * so that a damaged file gives wrong vectors at worst. model_verify() reads it
 * all through. */
#ifndef C1V_EMBED_MODEL_H
#define C1V_EMBED_MODEL_H

#include <stdint.h>

#include "base/buf.h"
#include "base/sha.h"

#define MODEL_MAGIC "C1VMODEL"
#define MODEL_SHIPPED "model/c1v-embed-en-256.c1vm" /* the one that comes along */

enum {
	MODEL_VERSION = 1,
	MODEL_PAGE = 4096,       /* the header's size, and where sections begin */
	MODEL_NAME = 64,         /* the longest name and its NUL */
	MODEL_ROW_ALIGN = 64,    /* the stride is a multiple */
	MODEL_MAX_DIMS = 65536,
	MODEL_MAX_PIECES = 1 << 24,
	MODEL_MAX_WORD = 1000,   /* the greatest limit of a word's length */
	MODEL_CODE_SHIFT = 7,    /* code points of a block: 128 */
	MODEL_CODE_BLOCK = 1 << MODEL_CODE_SHIFT,
	MODEL_STAGES_COUNT = 0x110000 >> MODEL_CODE_SHIFT
};

enum model_part {
	MODEL_TRIE, MODEL_STAGES, MODEL_CODES, MODEL_POOL, MODEL_SCALES, MODEL_ROWS,
	MODEL_STARTS, MODEL_PIECES, MODEL_NOTICE, MODEL_PARTS
};

struct model_span {
	uint64_t at, size; /* bytes from the beginning of the file */
};

struct model_header {
	char magic[8];
	uint32_t version, page;
	uint64_t file_size;
	uint32_t dims, stride;
	uint32_t pieces;         /* rows */
	uint32_t unknown;        /* the id of the unknown piece, which has no part in a vector */
	uint32_t word_limit;     /* code points of a word; a longer one is unknown */
	uint32_t continuation;   /* the cell where pieces begin that continue a word, or MODEL_NO_CELL */
	uint32_t weight_vector;  /* thousandths: what suits the model in a fused search */
	uint32_t weight_keyword;
	char name[MODEL_NAME];   /* of the vector space */
	struct model_span parts[MODEL_PARTS];
	uint8_t content[SHA_SIZE]; /* SHA-256 of everything behind the header */
	uint8_t check[SHA_SIZE];   /* SHA-256 of the header, these bytes being zero */
};

/* --- the trie --------------------------------------------------------------- */

/* The child of cell s by byte c is t = (cells[s].base & MODEL_CELL_MASK) ^ c, if
 * cells[t].from == s. MODEL_CELL_PIECE in base says that a piece ends here; its
 * id is the base of the child by byte 0. The root is cell 0. */
struct model_cell {
	uint32_t base, from;
};
#define MODEL_CELL_PIECE 0x80000000u
#define MODEL_CELL_MASK 0x7fffffffu
#define MODEL_NO_CELL 0xffffffffu

/* --- code points ------------------------------------------------------------ */

/* The low bits of a code; the others are a value. */
enum model_code {
	MODEL_SELF,   /* stays, as part of a word */
	MODEL_DELETE, /* vanishes */
	MODEL_SPACE,  /* ends a word and vanishes */
	MODEL_ALONE,  /* stays, as a word of its own */
	MODEL_TO,     /* becomes the code point `value`, as part of a word */
	MODEL_SEQ,    /* becomes what stands in the pool from `value` on */
	MODEL_HANGUL, /* a Hangul syllable: becomes its jamo */
	MODEL_CODE_BITS = 3
};
/* In the pool value is the code point and the kind SELF, SPACE or ALONE. */
enum { MODEL_POOL_MOST = 18 }; /* code points that one may become */

/* --- an open file ----------------------------------------------------------- */

struct model {
	struct model_header head;
	const char *map; /* the whole file, shared and read only */
	const struct model_cell *cells;
	const uint16_t *stages;
	const uint32_t *codes, *pool;
	const float *scales;
	const int8_t *rows;
	uint32_t cell_count, code_count, pool_count;
};

/* 0; C1V_CONFIG: there is no such file; C1V_DATA: it is no model, of a later
 * version, cut short or damaged; C1V_IO. */
int model_open(struct model *m, const char *path, struct err *e);

/* Read the file through: 0 or C1V_DATA. sum is the SHA-256 of the whole file. */
int model_verify(const struct model *m, uint8_t sum[SHA_SIZE], struct err *e);

/* The path of the model named "local" (share: the directory of the data files)
 * or "local:FILE". 0, or C1V_CONFIG for another name. */
int model_path(const char *name, const char *share, struct arena *a, const char **path, struct err *e);

struct slice model_part(const struct model *m, enum model_part part);
/* The text of a piece; SLICE_NONE when there is none of this id. */
struct slice model_piece(const struct model *m, uint32_t id);
void model_close(struct model *m);

static inline uint32_t /* what becomes of a code point */
model_code(const struct model *m, uint32_t c)
{
	uint32_t at = (uint32_t)m->stages[c >> MODEL_CODE_SHIFT] << MODEL_CODE_SHIFT |
	    (c & (MODEL_CODE_BLOCK - 1));

	return at < m->code_count ? m->codes[at] : MODEL_DELETE;
}

static inline uint32_t /* the child of a cell, or MODEL_NO_CELL */
model_child(const struct model *m, uint32_t cell, unsigned char c)
{
	uint32_t t = (m->cells[cell].base & MODEL_CELL_MASK) ^ c;

	return t < m->cell_count && m->cells[t].from == cell ? t : MODEL_NO_CELL;
}

/* The digest that belongs in head->check. */
void model_header_digest(const struct model_header *head, uint8_t sum[SHA_SIZE]);

#endif

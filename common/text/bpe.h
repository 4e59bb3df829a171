/* bpe: the tokens of cl100k_base and o200k_base, exactly as tiktoken 0.14 gives
 * them, from a mapped table (*.c1vb).
 *
 * A text is taken apart by the pattern of its encoding (Unicode 16.0), and each
 * piece is merged from its bytes by rank. Time is linear in the text, whatever
 * is in it; the memory that a piece takes while it is merged is up to 48 times
 * its length, and hardly any piece is longer than a word.
 *
 * Texts should be UTF-8. A byte that is not part of a valid sequence stands for
 * itself, as a character that is neither letter, mark, number nor white space:
 * every text has tokens, and decoding them gives its bytes back.
 *
 * Text that looks like a special token is text, unless bpe_encode_special is
 * called.
 *
 * The file is little-endian: a header of one page, then sections that begin on
 * pages:
 *
 *     BYTES    the token of each byte, 256 uint32
 *     DOUBLES  for each two bytes, the first one's times 256 and the second: their
 *              token; BPE_INSIDE when they stand side by side in another one only;
 *              BPE_NO_ID when in none, so that nothing is merged across them; uint32
 *     WORDS    all tokens by their bytes: open addressing, uint32 of id (18 bits)
 *              and hash (14 bits); BPE_NO_WORD is empty
 *     PAIRS    left and right half of each token that merging reaches: open
 *              addressing, uint64 of left, right, id (18 bits each); ~0 is empty.
 *              One pair a token is enough: what is merged within a token's bytes
 *              does not depend on what stands around them, so that only one pair
 *              of halves ever meets
 *     STARTS   where each token begins in TEXT, and the end of the last, uint32
 *     TEXT     the tokens' bytes
 *
 * A token's id is its rank. Opening looks at the header only, and nothing that
 * lies in the sections is taken on trust: a damaged file gives wrong tokens at
 * worst. bpe_verify() reads it all through. */
#ifndef C1V_TEXT_BPE_H
#define C1V_TEXT_BPE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/sha.h"

#define BPE_MAGIC "C1VBPE\r\n"
#define BPE_DIRECTORY "bpe" /* of the data files; a table is NAME BPE_ENDING in it */
#define BPE_ENDING ".c1vb"

enum {
	BPE_VERSION = 1,
	BPE_PAGE = 4096,
	BPE_NAME = 32,          /* the longest name and its NUL */
	BPE_ID_BITS = 18,
	BPE_MAX_TOKENS = 1 << BPE_ID_BITS,
	BPE_MAX_TOKEN = 1024,   /* bytes of the longest token that a table may have */
	BPE_MAX_PROBES = 256,   /* slots that looking something up may take */
	BPE_HASH_SHIFT = 32 - BPE_ID_BITS
};

#define BPE_NO_ID 0xffffffffu   /* no token */
#define BPE_INSIDE 0xfffffffeu
#define BPE_NO_WORD 0xffffffffu
#define BPE_NO_PAIR 0xffffffffffffffffu

enum bpe_pattern { BPE_CL100K = 1, BPE_O200K = 2 };

enum bpe_part { BPE_BYTES, BPE_DOUBLES, BPE_WORDS, BPE_PAIRS, BPE_STARTS, BPE_TEXT, BPE_PARTS };

struct bpe_span {
	uint64_t at, size; /* bytes from the beginning of the file */
};

struct bpe_header {
	char magic[8];
	uint32_t version, page;
	uint64_t file_size;
	uint32_t pattern;        /* enum bpe_pattern */
	uint32_t tokens;         /* ids are 0 to this, without the special ones */
	uint32_t longest;        /* bytes of the longest token */
	uint32_t probes;         /* slots that the worst lookup takes */
	char name[BPE_NAME];     /* of the encoding */
	struct bpe_span parts[BPE_PARTS];
	uint8_t content[SHA_SIZE]; /* SHA-256 of everything behind the header */
	uint8_t check[SHA_SIZE];   /* SHA-256 of the header, these bytes being zero */
};

/* Ids that grow; zero-initialise, free items with free(). */
struct bpe_ids {
	uint32_t *items;
	size_t count, room;
};

/* An open table with what encoding needs; for one thread at a time. */
struct bpe;

/* path: the file. 0; C1V_CONFIG: there is no such file; C1V_DATA: it is no
 * table, of a later version, cut short or damaged; C1V_IO. */
int bpe_open(struct bpe **out, const char *path, struct err *e);
/* The table of an encoding in the directory of the data files. name is one of
 * "cl100k_base", "o200k_base", "o200k_harmony" (o200k_base with more special
 * tokens); C1V_USAGE for another. */
int bpe_open_encoding(struct bpe **out, const char *name, const char *share, struct err *e);
void bpe_close(struct bpe *b);

/* Read the file through: 0 or C1V_DATA. sum is the SHA-256 of the whole file. */
int bpe_verify(const struct bpe *b, uint8_t sum[SHA_SIZE], struct err *e);

const char *bpe_name(const struct bpe *b);
const struct bpe_header *bpe_head(const struct bpe *b);

/* How many tokens a text has. */
size_t bpe_count(struct bpe *b, struct slice text);
/* Append the tokens of a text. */
void bpe_encode(struct bpe *b, struct slice text, struct bpe_ids *ids);
/* The same, the special tokens' texts in it being special tokens. */
void bpe_encode_special(struct bpe *b, struct slice text, struct bpe_ids *ids);

/* The bytes of a token, special ones too (valid until the next call);
 * SLICE_NONE when there is none of this id. */
struct slice bpe_token(struct bpe *b, uint32_t id);

/* How much of a text that goes on can be counted by itself: a piece ends there
 * whatever follows, and the tokens of the text are those of text[0..n) and those
 * of the rest. 0 when there is no such place. */
size_t bpe_safe_end(struct slice text);

/* --- models ------------------------------------------------------------------- */

/* The encoding of a model as tiktoken finds it: exact names, then prefixes;
 * "openai/" before it is dropped. NULL: unknown, or an encoding that is not
 * here (gpt2, p50k_base, r50k_base). */
const char *bpe_encoding_of_model(const char *model);
/* Is this the name of an encoding that bpe_open_encoding knows? */
int bpe_is_encoding(const char *name);

/* An estimate for models whose tokens are not known, on the safe side: one
 * token for each begun 4 bytes of a run of ASCII letters, 3 digits, 1 other ASCII
 * character (a space before a word is part of it, a run of white space
 * counts as one), and for each character beyond ASCII. On 1,965 texts of Debian's
 * documentation it was 1.43 times what cl100k_base gives (the median; 1.26 to 2.30
 * for nine in ten, most for languages with words beyond ASCII), and less than it,
 * by 4 % at most, for fewer than one in a hundred. */
size_t bpe_estimate(struct slice text);

/* What a chat adds to the tokens of its values (from the function that OpenAI's
 * cookbook gives for gpt-3.5-turbo-0613 and later, gpt-4 and gpt-4o; for
 * gpt-3.5-turbo-0301 it was different). The usage that the API reports counts. */
struct bpe_chat {
	int message; /* for each message */
	int name;    /* for a message with a name */
	int reply;   /* once, for the answer begun */
};
struct bpe_chat bpe_chat_of_model(const char *model);

#endif

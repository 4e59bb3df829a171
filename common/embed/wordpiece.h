/* wordpiece: text to the ids of a model's vocabulary.
 *
 * As BERT's tokenizers do it: each code point becomes what the model's table
 * says, words end at white space, a punctuation mark or an ideograph is a word
 * of its own, and a word is taken apart greedily into the longest pieces of
 * the vocabulary, those that continue a word being written with "##" there. A
 * word that cannot be taken apart, or is too long, is the unknown piece.
 * Time is linear in the text: a piece, and so a look at it, has a greatest
 * length, and so has a word. */
#ifndef C1V_EMBED_WORDPIECE_H
#define C1V_EMBED_WORDPIECE_H

#include "embed/model.h"

/* Words that were met, with their ids, so that most are found at once. */
enum { WORDPIECE_KEY = 16, WORDPIECE_IDS = 7, WORDPIECE_WORDS = 1 << 13 };
struct wordpiece_word {
	uint64_t key[2]; /* the normalised bytes, zeros behind them */
	uint16_t count, ids[WORDPIECE_IDS];
};

struct wordpiece {
	const struct model *model;
	struct wordpiece_word *words;
	uint64_t fold;           /* what turns a capital small, in each byte; 0: nothing */
	unsigned char kind[256]; /* of each first byte, for the quick way */
	uint32_t mark[128];      /* the id of each ASCII mark */
};

void wordpiece_open(struct wordpiece *w, const struct model *m);

/* The ids of the beginning of *text (valid UTF-8), at most room of them, which
 * must be WORDPIECE_ROOM or more. Returns their number and moves *text on to
 * the first word that did not find room; nothing is left when all is done. The
 * unknown piece is among the ids. */
enum { WORDPIECE_ROOM = 4096 };
size_t wordpiece_ids(struct wordpiece *w, struct slice *text, uint32_t *ids, size_t room);

void wordpiece_close(struct wordpiece *w);

#endif

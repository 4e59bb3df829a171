/* bpe_write: token tables are made (see bpe.h for the form). */
#ifndef C1V_TEXT_BPE_WRITE_H
#define C1V_TEXT_BPE_WRITE_H

#include "text/bpe.h"

/* Append the file of an encoding, made from tiktoken's: a line for each token,
 * base64, a space and its rank, by rank from 0 without gaps; all 256 bytes must
 * be among the tokens. *unreached is the number of tokens that merging never
 * makes (a piece that is one of them is found as a whole). 0 or C1V_DATA. */
int bpe_image(struct buf *out, struct slice ranks, const char *name, enum bpe_pattern pattern,
    size_t *unreached, struct err *e);

/* The digest that belongs in head->check. */
void bpe_header_digest(const struct bpe_header *head, uint8_t sum[SHA_SIZE]);

#endif

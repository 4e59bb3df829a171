/* seal: values that only the holder of a key can read (AES-256-GCM, NIST SP 800-38D, by nettle).
 *
 * A sealed value: "c1vS", the first 4 bytes of the key's SHA-256, a random nonce of 12 bytes, the
 * ciphertext, a tag of 16 bytes. The entry's whole key is authenticated with it, so that a value does
 * not pass for another's. Private to this room. */
#ifndef C1V_CACHE_SEAL_H
#define C1V_CACHE_SEAL_H

#include <stdint.h>

#include "base/buf.h"

struct seal;

/* The key: a file of 32 bytes, or of 64 hexadecimal digits, that nobody else can read. 0, or C1V_CONFIG. */
int seal_open(const char *path, struct seal **out, struct err *e);
void seal_close(struct seal *s); /* wipes it; s may be NULL */

enum { SEAL_OVERHEAD = 36 };
/* Append value, sealed for key, to out. 0, or C1V_IO: there is no randomness. */
int seal_add(const struct seal *s, struct slice key, struct slice value, struct buf *out, struct err *e);

enum seal_state {
	SEAL_NONE,    /* the value is not sealed */
	SEAL_READ,    /* it was, and is at the end of out */
	SEAL_FOREIGN, /* sealed with another key */
	SEAL_DAMAGED
};
/* s may be NULL: then whatever is sealed is foreign. */
enum seal_state seal_read(const struct seal *s, struct slice key, struct slice value, struct buf *out);

#endif

/* sum: 64 bits over what is kept in a file, against damage by accident.
 *
 * XXH64 by Yann Collet (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md),
 * words read as this machine has them. */
#ifndef C1V_BASE_SUM_H
#define C1V_BASE_SUM_H

#include <stddef.h>
#include <stdint.h>

uint64_t sum64(const void *p, size_t n, uint64_t seed);

#endif

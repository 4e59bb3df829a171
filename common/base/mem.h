/* mem: checked allocation and arenas.
 *
 * Out of memory ends the process with C1V_MEMORY and one line on stderr: no
 * tool can go on, and a transaction that was open is rolled back by its store.
 * Sizes are overflow-checked; a size of 0 is treated as 1. */
#ifndef C1V_BASE_MEM_H
#define C1V_BASE_MEM_H

#include <stddef.h>

/* Never NULL; free with free(). */
void *mem_alloc(size_t size);
void *mem_zero(size_t count, size_t size);
void *mem_resize(void *p, size_t count, size_t size);
char *mem_string(const char *s);              /* copy; NULL gives NULL */
char *mem_bytes(const void *p, size_t n);     /* copy of n bytes and a NUL */

/* End the process as the allocators do; for libraries that report ENOMEM. */
_Noreturn void mem_exhausted(void);

/* For a process that lives for milliseconds and uses megabytes: take memory from
 * the system in large pages and keep it. What comes and goes by small ones costs
 * more than the work in it. Call it before all else; a hint, for C libraries and
 * systems that take it. */
void mem_keep(void);

/* Grow *items (of *room elements of size bytes) so that it holds need. */
void mem_grow(void *items, size_t *room, size_t need, size_t size);

/* An arena gives memory that is freed all at once. Blocks are kept over a
 * reset, so a per-record arena stops allocating after the largest record.
 * Zero-initialise it. */
struct arena {
	struct arena_block *head; /* all blocks, in order of use */
	struct arena_block *now;  /* the one being filled */
};

void *arena_alloc(struct arena *a, size_t size); /* 16-byte aligned */
char *arena_bytes(struct arena *a, const void *p, size_t n); /* copy and NUL */
char *arena_format(struct arena *a, const char *fmt, ...);
void arena_reset(struct arena *a); /* all of it is free again, kept for reuse */
void arena_free(struct arena *a);  /* back to the system; usable again */

#endif

#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

#if defined(__GLIBC__) && defined(__linux__)
#include <malloc.h>
#include <sys/mman.h>
#endif

enum { ARENA_BLOCK = 64 * 1024, ARENA_ALIGN = 16 };

struct arena_block {
	struct arena_block *next;
	size_t size, used;
	_Alignas(ARENA_ALIGN) unsigned char data[];
};

_Noreturn void
mem_exhausted(void)
{
	static const char text[] = "c1v: out of memory\n";
	ssize_t n = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)n; /* nothing is left to be done about it */
	_exit(C1V_MEMORY);
}

void
mem_keep(void)
{
#if defined(__GLIBC__) && defined(__linux__)
	enum { KEPT = 16 << 20, PAGE = 2 << 20 };
	char *heap;

	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, 2 * KEPT);
	mallopt(M_TRIM_THRESHOLD, 4 * KEPT);
	heap = malloc(KEPT); /* address space only: what is not touched is no memory */
	if (heap != NULL)
		madvise(heap + PAGE - (uintptr_t)heap % PAGE, KEPT - PAGE, MADV_HUGEPAGE);
	free(heap);
#endif
}

void *
mem_alloc(size_t size)
{
	void *p = malloc(size ? size : 1);

	if (p == NULL)
		mem_exhausted();
	return p;
}

void *
mem_zero(size_t count, size_t size)
{
	void *p = calloc(count ? count : 1, size ? size : 1);

	if (p == NULL)
		mem_exhausted();
	return p;
}

void *
mem_resize(void *p, size_t count, size_t size)
{
	if (size && count > SIZE_MAX / size)
		mem_exhausted();
	p = realloc(p, count && size ? count * size : 1);
	if (p == NULL)
		mem_exhausted();
	return p;
}

char *
mem_string(const char *s)
{
	return s ? mem_bytes(s, strlen(s)) : NULL;
}

char *
mem_bytes(const void *p, size_t n)
{
	char *copy = mem_alloc(n + 1);

	if (n)
		memcpy(copy, p, n);
	copy[n] = '\0';
	return copy;
}

void
mem_grow(void *items, size_t *room, size_t need, size_t size)
{
	void **p = items;
	size_t n = *room ? *room : 16;

	if (need <= *room)
		return;
	while (n < need)
		n = n > SIZE_MAX / 2 ? need : n * 2;
	*p = mem_resize(*p, n, size);
	*room = n;
}

static struct arena_block *
arena_block(size_t size)
{
	struct arena_block *b;

	if (size > SIZE_MAX - sizeof(*b))
		mem_exhausted();
	b = mem_alloc(sizeof(*b) + size);
	b->next = NULL;
	b->size = size;
	b->used = 0;
	return b;
}

void *
arena_alloc(struct arena *a, size_t size)
{
	struct arena_block *b = a->now;
	void *p;

	if (size > SIZE_MAX - ARENA_ALIGN)
		mem_exhausted();
	size = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	while (b != NULL && b->size - b->used < size && b->next != NULL) {
		b = b->next;
		b->used = 0;
	}
	if (b == NULL || b->size - b->used < size) {
		struct arena_block *fresh = arena_block(size > ARENA_BLOCK ? size : ARENA_BLOCK);
		if (b == NULL)
			a->head = fresh;
		else
			b->next = fresh;
		b = fresh;
	}
	a->now = b;
	p = b->data + b->used;
	b->used += size;
	return p;
}

char *
arena_bytes(struct arena *a, const void *p, size_t n)
{
	char *copy = arena_alloc(a, n + 1);

	if (n)
		memcpy(copy, p, n);
	copy[n] = '\0';
	return copy;
}

char *
arena_format(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;
	char *s;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	s = arena_alloc(a, (size_t)(n < 0 ? 0 : n) + 1);
	if (n < 0)
		s[0] = '\0';
	else
		vsnprintf(s, (size_t)n + 1, fmt, again);
	va_end(again);
	return s;
}

void
arena_reset(struct arena *a)
{
	a->now = a->head;
	if (a->now != NULL)
		a->now->used = 0;
}

void
arena_free(struct arena *a)
{
	struct arena_block *b = a->head;

	while (b != NULL) {
		struct arena_block *next = b->next;
		free(b);
		b = next;
	}
	a->head = a->now = NULL;
}

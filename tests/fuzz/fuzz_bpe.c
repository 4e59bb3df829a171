/* Any bytes: what is encoded is decoded again, counting counts the same, and the
 * tokens are those of a plain implementation that knows neither the quick ways
 * nor the memory. A text that is cut where bpe_safe_end says has the same. The
 * first byte chooses the encoding; with its top bit set the table is damaged by
 * the bytes that follow, and only must do no harm. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "text/bpe_private.h"

enum { SLOW_MOST = 4096, CHANGES = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(int cond)
{
	if (!cond)
		abort();
}

static struct bpe *
table(int which)
{
	static struct bpe *open_tables[2];
	const char *share = getenv("C1V_SHARE");

	if (open_tables[which] == NULL)
		must(bpe_open_encoding(&open_tables[which], which ? "o200k_base" : "cl100k_base",
		    share != NULL ? share : "share", NULL) == 0);
	return open_tables[which];
}

/* Pieces by bpe_piece_end; the lowest rank of two neighbours, by the bytes of
 * both, until there is none. */
static size_t
slow(struct bpe *b, const unsigned char *p, size_t n, uint32_t *out)
{
	size_t count = 0;

	for (size_t at = 0, end; at < n; at = end) {
		size_t starts[SLOW_MOST + 1], parts = 0;

		end = bpe_piece_end((enum bpe_pattern)b->head.pattern, p, at, n);
		must(end > at && end <= n);
		for (size_t i = at; i <= end; i++)
			starts[parts++] = i;
		for (;;) {
			size_t best = 0;
			uint32_t rank = BPE_NO_ID;

			for (size_t i = 0; i + 2 < parts; i++) {
				size_t len = starts[i + 2] - starts[i];
				uint32_t id = bpe_find(b, p + starts[i], len, bpe_hash(p + starts[i], len));

				if (id < rank) {
					rank = id;
					best = i;
				}
			}
			if (rank == BPE_NO_ID)
				break;
			memmove(starts + best + 1, starts + best + 2, (parts - best - 2) * sizeof(*starts));
			parts--;
		}
		for (size_t i = 0; i + 1 < parts; i++) {
			size_t len = starts[i + 1] - starts[i];

			out[count++] = bpe_find(b, p + starts[i], len, bpe_hash(p + starts[i], len));
		}
	}
	return count;
}

static void
check_text(struct bpe *b, const uint8_t *p, size_t n)
{
	static uint32_t want[SLOW_MOST];
	struct slice text = {(const char *)p, n};
	struct bpe_ids ids = {0};
	size_t at = 0;

	bpe_encode(b, text, &ids);
	must(bpe_count(b, text) == ids.count);
	for (size_t i = 0; i < ids.count; i++) {
		struct slice s = bpe_token(b, ids.items[i]);

		must(s.p != NULL && s.n <= n - at && memcmp(s.p, p + at, s.n) == 0);
		at += s.n;
	}
	must(at == n);
	must(slow(b, p, n, want) == ids.count);
	must(ids.count == 0 || memcmp(want, ids.items, ids.count * sizeof(*want)) == 0);
	at = bpe_safe_end(text);
	must(bpe_count(b, (struct slice){text.p, at}) + bpe_count(b, (struct slice){text.p + at, n - at}) == ids.count);
	ids.count = 0;
	bpe_encode_special(b, text, &ids);
	free(ids.items);
}

/* Three bytes of where, one of what; the header's digest stays right, as it is
 * not touched. */
static void
check_damage(int which, const uint8_t *p, size_t n)
{
	struct bpe *good = table(which), *bad = NULL;
	int fd = memfd_create("table", 0);
	char path[64];

	must(fd >= 0 && ftruncate(fd, (off_t)good->map_size) == 0);
	must(write(fd, good->map, good->map_size) == (ssize_t)good->map_size);
	for (size_t i = 0; i < CHANGES && n > 4; i++, p += 4, n -= 4) {
		size_t at = ((size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2]) % (good->map_size - BPE_PAGE);

		must(pwrite(fd, p + 3, 1, (off_t)(BPE_PAGE + at)) == 1);
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	must(bpe_open(&bad, path, NULL) == 0);
	bpe_count(bad, (struct slice){(const char *)p, n});
	bpe_close(bad);
	close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > SLOW_MOST)
		return 0;
	if (data[0] & 0x80)
		check_damage(data[0] & 1, data + 1, size - 1);
	else
		check_text(table(data[0] & 1), data + 1, size - 1);
	return 0;
}

/* Any text with a small model: what is taken apart goes together again, by the
 * quick way and the slow way alike. Any damage behind the model's header: wrong
 * ids at worst. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/utf8.h"
#include "embed/embed.h"
#include "embed/model_write.h"
#include "embed/wordpiece.h"

enum { DIMS = 3, CHANGE = 4 /* bytes of a change: where, and what */ };

static const char *const pieces[] = {
	"[UNK]", "a", "##a", "ab", "##b", "the", "##the", ".", ",", "1", "##1", "\xc3\xa9", "##\xc3\xa9", "e", "##e",
	"\xe4\xb8\xad", "\xf0\x9f\x98\x80", "##\xcc\x81", "thethethethethethethe"
};
enum { PIECES = sizeof(pieces) / sizeof(*pieces) };

static void
must(int cond)
{
	if (!cond)
		abort();
}

static struct buf
make_image(const struct unicode_rules *rules)
{
	struct slice texts[PIECES];
	int8_t rows[PIECES * DIMS];
	float scales[PIECES];
	struct buf image = {0};
	struct unicode u;
	struct model_source s = {
		.name = "fuzz", .prefix = "##", .dims = DIMS, .word_limit = 20, .weight_vector = 1,
		.pieces = texts, .count = PIECES, .rows = rows, .scales = scales, .unicode = &u
	};

	for (int i = 0; i < PIECES; i++) {
		texts[i] = slice_of(pieces[i]);
		scales[i] = 1;
		for (int d = 0; d < DIMS; d++)
			rows[i * DIMS + d] = (int8_t)(i * 7 + d + 1);
	}
	unicode_derive(&u, rules);
	must(model_image(&image, &s, NULL) == 0);
	unicode_free(&u);
	return image;
}

static void
path_of(int fd, char path[32])
{
	snprintf(path, 32, "/proc/self/fd/%d", fd);
}

static int
file_of(struct slice content)
{
	int fd = memfd_create("model", 0);

	must(fd >= 0 && write(fd, content.p, content.n) == (ssize_t)content.n);
	return fd;
}

static size_t
all_ids(const struct model *m, struct slice text, int slow, uint32_t *out, size_t room)
{
	struct wordpiece w;
	size_t n = 0;

	wordpiece_open(&w, m);
	if (slow)
		memset(w.kind, 0xff, sizeof(w.kind));
	while (text.n) {
		size_t before = text.n, some;

		must(room - n >= WORDPIECE_ROOM);
		some = wordpiece_ids(&w, &text, out + n, WORDPIECE_ROOM);
		must(some <= WORDPIECE_ROOM && text.n < before);
		for (size_t i = 0; i < some; i++)
			must(out[n + i] < m->head.pieces);
		n += some;
	}
	wordpiece_close(&w);
	return n;
}

static void
check_text(const struct model *m, struct slice text)
{
	size_t room = 4 * text.n + 2 * WORDPIECE_ROOM;
	uint32_t *quick = mem_zero(room, sizeof(*quick)), *slow = mem_zero(room, sizeof(*slow));
	size_t n = all_ids(m, text, 0, quick, room);

	must(n == all_ids(m, text, 1, slow, room));
	must(memcmp(quick, slow, n * sizeof(*quick)) == 0);
	free(quick);
	free(slow);
}

static void
check_vector(const char *path, struct slice text)
{
	struct embedder *m;
	char name[48];
	float v[DIMS];
	uint8_t known;

	snprintf(name, sizeof(name), "local:%s", path);
	must(embed_open(name, "", &m, NULL) == 0);
	must(embed_texts(m, EMBED_DOCUMENT, &text, 1, v, &known, NULL) == 0);
	if (known)
		must(v[0] * v[0] + v[1] * v[1] + v[2] * v[2] > 0.999f);
	else
		must(v[0] == 0 && v[1] == 0 && v[2] == 0);
	embed_close(m);
}

static void
check(struct slice image, struct slice text, int sound)
{
	int fd = file_of(image);
	struct model m;
	char path[32];

	path_of(fd, path);
	must(model_open(&m, path, NULL) == 0);
	if (sound) {
		check_text(&m, text);
	} else {
		uint32_t *ids = mem_zero(4 * text.n + 64 * WORDPIECE_ROOM, sizeof(*ids));
		all_ids(&m, text, 0, ids, 4 * text.n + 64 * WORDPIECE_ROOM);
		free(ids);
	}
	check_vector(path, text);
	model_close(&m);
	close(fd);
}

/* Changes, behind a count of them; what follows is the text. */
static struct slice
damage(struct buf *image, struct slice data)
{
	size_t n = (unsigned char)data.p[0];

	data = (struct slice){data.p + 1, data.n - 1};
	for (; n > 0 && data.n >= CHANGE; n--, data = (struct slice){data.p + CHANGE, data.n - CHANGE}) {
		const unsigned char *p = (const unsigned char *)data.p;
		size_t at = MODEL_PAGE + (p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16) % (image->len - MODEL_PAGE);
		image->data[at] = (char)p[3];
	}
	return data;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct unicode_rules rules[] = {{1, 1, 1, 1}, {1, 1, 0, 0}, {0, 0, 0, 1}, {0, 1, 1, 0}};
	static struct buf images[4];
	struct slice text = {(const char *)data + 1, size - 1};
	struct buf copy = {0};
	int which = size ? data[0] & 3 : 0, broken = size ? data[0] & 4 : 0;

	if (size < 2)
		return 0;
	if (images[which].len == 0)
		images[which] = make_image(&rules[which]);
	buf_slice(&copy, buf_as_slice(&images[which]));
	if (broken)
		text = damage(&copy, text);
	text.n = utf8_valid(text.p, text.n);
	check(buf_as_slice(&copy), text, !broken);
	buf_free(&copy);
	return 0;
}

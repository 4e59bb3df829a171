#include "embed/embed_driver.h"

#include <stdint.h>
#include <stdlib.h>

static const struct embed_driver *const drivers[] = {&embed_local};

int
embed_open(const char *model, const char *share, struct embedder **out, struct err *e)
{
	size_t n = strcspn(model, ":");

	*out = NULL;
	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
		const struct embed_driver *d = drivers[i];
		int rc;

		if (strlen(d->name) != n || strncmp(d->name, model, n) != 0)
			continue;
		rc = d->open(model, share, out, e);
		if (rc == 0)
			(*out)->driver = d;
		return rc;
	}
	err_set(e, C1V_CONFIG, "model %s: no driver for it", model);
	return err_hint(e, "local is the model that comes along, local:FILE another");
}

const char *
embed_model(const struct embedder *m)
{
	return m->model;
}

size_t
embed_dims(const struct embedder *m)
{
	return m->dims;
}

void
embed_weights(const struct embedder *m, double *vector, double *keyword)
{
	*vector = m->weight_vector;
	*keyword = m->weight_keyword;
}

int
embed_verify(struct embedder *m, char digest[EMBED_DIGEST], struct err *e)
{
	return m->driver->verify(m, digest, e);
}

/* --- equal texts ------------------------------------------------------------ */

/* Which texts of a call are the same. Kept from call to call for its memory. */
struct same {
	struct slice *unique;
	uint64_t *hash;    /* of each unique text */
	uint32_t *slots;   /* index of a unique text + 1, or 0 */
	uint32_t *row;     /* for each text, the index of its equal in unique */
	float *vectors;
	uint8_t *known;
	size_t room, slot_count, vector_room;
};

static uint64_t
hash_text(struct slice s)
{
	uint64_t h = s.n * 0x9e3779b97f4a7c15u, x;
	size_t i;

	for (i = 0; i + sizeof(x) <= s.n; i += sizeof(x)) {
		memcpy(&x, s.p + i, sizeof(x));
		h = (h ^ x) * 0xd6e8feb86659fd93u;
		h ^= h >> 32;
	}
	for (; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3u;
	h ^= h >> 29;
	return h * 0x9e3779b97f4a7c15u;
}

static void
make_room(struct same *s, size_t count)
{
	if (count > s->room) {
		s->unique = mem_resize(s->unique, count, sizeof(*s->unique));
		s->hash = mem_resize(s->hash, count, sizeof(*s->hash));
		s->row = mem_resize(s->row, count, sizeof(*s->row));
		s->known = mem_resize(s->known, count, 1);
		for (s->slot_count = 16; s->slot_count < 2 * count;)
			s->slot_count *= 2;
		free(s->slots);
		s->slots = mem_zero(s->slot_count, sizeof(*s->slots));
		s->room = count;
	} else {
		memset(s->slots, 0, s->slot_count * sizeof(*s->slots));
	}
}

/* The number of different texts, in s->unique in order of appearance. */
static size_t
find_same(struct same *s, const struct slice *texts, size_t count)
{
	size_t n = 0;

	make_room(s, count);
	for (size_t i = 0; i < count; i++) {
		uint64_t h = hash_text(texts[i]);
		size_t at = (size_t)h & (s->slot_count - 1);
		uint32_t k;

		while ((k = s->slots[at]) != 0 &&
		    (s->hash[k - 1] != h || !slice_equal(s->unique[k - 1], texts[i])))
			at = (at + 1) & (s->slot_count - 1);
		if (k == 0) {
			s->unique[n] = texts[i];
			s->hash[n] = h;
			s->slots[at] = k = (uint32_t)++n;
		}
		s->row[i] = k - 1;
	}
	return n;
}

int
embed_texts(struct embedder *m, enum embed_role role, const struct slice *texts,
    size_t count, float *out, uint8_t *known, struct err *e)
{
	struct same *s = m->same;
	size_t n;
	int rc;

	if (count < 2)
		return m->driver->texts(m, role, texts, count, out, known, e);
	if (s == NULL)
		s = m->same = mem_zero(1, sizeof(*s));
	n = find_same(s, texts, count);
	if (n == count)
		return m->driver->texts(m, role, texts, count, out, known, e);
	mem_grow(&s->vectors, &s->vector_room, n * m->dims, sizeof(*s->vectors));
	rc = m->driver->texts(m, role, s->unique, n, s->vectors, s->known, e);
	for (size_t i = 0; rc == 0 && i < count; i++) {
		memcpy(out + i * m->dims, s->vectors + s->row[i] * m->dims, m->dims * sizeof(*out));
		known[i] = s->known[s->row[i]];
	}
	return rc;
}

void
embed_close(struct embedder *m)
{
	if (m == NULL)
		return;
	if (m->same != NULL) {
		free(m->same->unique);
		free(m->same->hash);
		free(m->same->slots);
		free(m->same->row);
		free(m->same->vectors);
		free(m->same->known);
		free(m->same);
	}
	m->driver->close(m);
}

#include "embed/embed_driver.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/module.h"

/* A local model is of this name, or begins with it and a colon. */
static int
is_local(const char *model)
{
	size_t n = strlen(embed_local.name);

	return strncmp(model, embed_local.name, n) == 0 && (model[n] == '\0' || model[n] == ':');
}

int
embed_open_with(const char *model, const struct embed_options *o, struct embedder **out, struct err *e)
{
	const struct embed_driver *d = &embed_local;
	int rc;

	*out = NULL;
	if (*model == '\0')
		return err_set(e, C1V_CONFIG, "the model has no name");
	if (!is_local(model))
		d = module_load("embed_http", e);
	if (d == NULL)
		return C1V_CONFIG;
	rc = d->open(model, o, out, e);
	if (rc == 0)
		(*out)->driver = d;
	return rc;
}

int
embed_open(const char *model, const char *share, struct embedder **out, struct err *e)
{
	struct embed_options o = {.share = share};

	return embed_open_with(model, &o, out, e);
}

const char *
embed_model(const struct embedder *m)
{
	return m->model;
}

const char *
embed_api_base(const struct embedder *m)
{
	return m->api_base;
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

	if (count < 2 || m->driver->submit)
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

/* --- jobs ------------------------------------------------------------------- */

struct embed_shape
embed_shape(const struct embedder *m)
{
	return m->driver->shape ? m->driver->shape(m) : (struct embed_shape){.jobs = 1, .texts = SIZE_MAX, .exact = 1};
}

int64_t
embed_tokens(struct embedder *m, struct slice text)
{
	return m->driver->tokens ? m->driver->tokens(m, text) : 0;
}

struct embed_totals
embed_totals(const struct embedder *m)
{
	return m->totals;
}

void
embed_job_room(struct embed_job *job)
{
	if (job->count > job->room) {
		job->outcome = mem_resize(job->outcome, job->count, sizeof(*job->outcome));
		job->why = mem_resize(job->why, job->count, sizeof(*job->why));
		job->row = mem_resize(job->row, job->count, sizeof(*job->row));
		job->known = mem_resize(job->known, job->count, sizeof(*job->known));
		job->room = job->count;
	}
	for (size_t i = 0; i < job->count; i++) {
		job->outcome[i] = EMBED_UNDONE;
		job->row[i] = (uint32_t)i;
	}
	arena_reset(&job->arena);
}

int
embed_submit(struct embedder *m, struct embed_job *job, struct err *e)
{
	int rc;

	embed_job_room(job);
	if (m->driver->submit)
		return m->driver->submit(m, job, e);
	mem_grow(&job->vectors, &job->vector_room, job->count * m->dims, sizeof(*job->vectors));
	rc = embed_texts(m, job->role, job->texts, job->count, job->vectors, job->known, e);
	for (size_t i = 0; rc == 0 && i < job->count; i++)
		job->outcome[i] = job->known[i] ? EMBED_VECTOR : EMBED_UNKNOWN;
	return rc;
}

int
embed_wait(struct embedder *m, struct embed_job *job, struct err *e)
{
	return m->driver->wait ? m->driver->wait(m, job, e) : 0;
}

void
embed_job_free(struct embed_job *job)
{
	free(job->outcome);
	free(job->why);
	free(job->row);
	free(job->known);
	free(job->vectors);
	arena_free(&job->arena);
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

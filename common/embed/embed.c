#include "embed/embed_driver.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/module.h"
#include "base/set.h"

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
	struct set set;
	uint32_t *row;     /* for each text, the number of its equal */
	float *vectors;
	uint8_t *known;
	size_t room, known_room, vector_room;
};

/* The number of different texts, in s->set in order of appearance. */
static size_t
find_same(struct same *s, const struct slice *texts, size_t count)
{
	mem_grow(&s->row, &s->room, count, sizeof(*s->row));
	mem_grow(&s->known, &s->known_room, count, 1);
	set_clear(&s->set);
	for (size_t i = 0; i < count; i++)
		s->row[i] = (uint32_t)set_add(&s->set, texts[i]);
	return s->set.count;
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
	rc = m->driver->texts(m, role, s->set.items, n, s->vectors, s->known, e);
	for (size_t i = 0; rc == 0 && i < count; i++) {
		memcpy(out + i * m->dims, s->vectors + s->row[i] * m->dims, m->dims * sizeof(*out));
		known[i] = s->known[s->row[i]];
	}
	return rc;
}

/* --- what was made before ----------------------------------------------------- */

int
embed_recalls(const struct embedder *m)
{
	return m->driver->recall != NULL && m->recalls;
}

size_t
embed_recall(struct embedder *m, enum embed_role role, const struct slice *texts, size_t n, const float **out)
{
	return m->driver->recall(m, role, texts, n, out);
}

void
embed_spared(struct embedder *m, int64_t tokens)
{
	m->driver->spared(m, tokens);
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
		set_free(&m->same->set);
		free(m->same->row);
		free(m->same->vectors);
		free(m->same->known);
		free(m->same);
	}
	m->driver->close(m);
}

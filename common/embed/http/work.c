#include "remote.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "embed/tokens.h"

static int
is_blank(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (strchr(" \t\r\n\v\f", s.p[i]) == NULL)
			return 0;
	return 1;
}

static void
add_unit(struct embed_work *w, struct slice text, int64_t tokens)
{
	mem_grow(&w->units, &w->room, w->count + 1, sizeof(*w->units));
	w->units[w->count++] = (struct unit){.text = text, .tokens = tokens};
}

/* A text that is too long for the model. */
static void
add_long(struct remote *m, struct embed_work *w, size_t i, int64_t tokens)
{
	struct embed_job *job = w->job;
	struct slice rest = job->texts[i], part;
	int64_t limit = m->o.input_tokens;

	if (m->o.long_policy == EMBED_LONG_FAIL) {
		job->outcome[i] = EMBED_REFUSED;
		job->why[i] = arena_format(&job->arena,
		    "the text has %s%lld tokens, the model takes %lld: see --long",
		    tokens_exact(m->tokens) ? "" : "about ", (long long)tokens, (long long)limit);
		return;
	}
	do {
		part = tokens_cut(m->tokens, rest, limit);
		if (!is_blank(part))
			add_unit(w, part, tokens_count(m->tokens, part));
		rest = (struct slice){rest.p + part.n, rest.n - part.n};
	} while (rest.n && m->o.long_policy == EMBED_LONG_SPLIT);
	w->parts[i] = (uint32_t)(w->count - w->first[i]);
	if (w->parts[i] == 0)
		job->outcome[i] = EMBED_UNKNOWN;
}

static uint64_t
hash(struct slice s)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3u;
	return h ^ h >> 32;
}

/* The slot of a text: of its equal, or the free one where it belongs. */
static uint32_t *
slot_of(struct embed_work *w, size_t mask, struct slice text)
{
	size_t at = (size_t)hash(text) & mask;

	while (w->slots[at] != 0 && !slice_equal(w->job->texts[w->slots[at] - 1], text))
		at = (at + 1) & mask;
	return &w->slots[at];
}

struct embed_work *
work_new(struct remote *m, struct embed_job *job)
{
	struct embed_work *w = mem_zero(1, sizeof(*w));
	size_t mask = 16;

	while (mask < 2 * job->count)
		mask *= 2;
	w->remote = m;
	w->job = job;
	w->slots = mem_zero(mask--, sizeof(*w->slots));
	w->first = mem_zero(job->count, sizeof(*w->first));
	w->parts = mem_zero(job->count, sizeof(*w->parts));
	for (size_t i = 0; i < job->count; i++) {
		struct slice text = job->texts[i];
		uint32_t *slot = slot_of(w, mask, text);
		int64_t tokens;

		w->first[i] = (uint32_t)w->count;
		if (*slot != 0) { /* asked for already */
			w->first[i] = w->first[*slot - 1];
			w->parts[i] = w->parts[*slot - 1];
			job->outcome[i] = job->outcome[*slot - 1];
			job->why[i] = job->why[*slot - 1];
			continue;
		}
		*slot = (uint32_t)i + 1;
		tokens = job->tokens ? job->tokens[i] : tokens_count(m->tokens, text);
		if (is_blank(text)) {
			job->outcome[i] = EMBED_UNKNOWN;
		} else if (tokens > m->o.input_tokens) {
			add_long(m, w, i, tokens);
		} else {
			add_unit(w, text, tokens);
			w->parts[i] = 1;
		}
	}
	w->left = w->count;
	return w;
}

/* The mean of the parts of text i, weighted by their tokens, in the row of the first. */
static void
mean(struct remote *m, struct embed_work *w, size_t i)
{
	size_t n = m->base.dims;
	float *row = w->job->vectors + w->first[i] * n;
	double *sum = mem_zero(n, sizeof(*sum)), square = 0;

	for (size_t k = 0; k < w->parts[i]; k++)
		for (size_t d = 0; d < n; d++)
			sum[d] += (double)row[k * n + d] * (double)w->units[w->first[i] + k].tokens;
	for (size_t d = 0; d < n; d++)
		square += sum[d] * sum[d];
	if (square > 0) {
		for (size_t d = 0; d < n; d++)
			row[d] = (float)(sum[d] / sqrt(square));
	} else {
		w->job->outcome[i] = EMBED_REFUSED;
		w->job->why[i] = "the vectors of its parts add up to nothing";
	}
	free(sum);
}

static void
finish_text(struct remote *m, struct embed_work *w, size_t i)
{
	struct embed_job *job = w->job;

	job->row[i] = w->first[i];
	job->outcome[i] = EMBED_VECTOR;
	for (size_t k = 0; k < w->parts[i]; k++) {
		const struct unit *u = &w->units[w->first[i] + k];

		if (u->done == EMBED_REFUSED) {
			job->outcome[i] = EMBED_REFUSED;
			job->why[i] = u->why;
			return;
		}
		if (u->done == EMBED_UNDONE)
			job->outcome[i] = EMBED_UNDONE;
	}
	if (job->outcome[i] == EMBED_VECTOR && w->parts[i] > 1)
		mean(m, w, i);
}

void
work_finish(struct remote *m, struct embed_work *w)
{
	size_t mask = 16;

	while (mask < 2 * w->job->count)
		mask *= 2;
	for (size_t i = 0; i < w->job->count; i++) {
		uint32_t same = *slot_of(w, mask - 1, w->job->texts[i]);

		if (w->parts[i] == 0)
			continue;
		if (same - 1 == i) {
			finish_text(m, w, i);
		} else {
			w->job->row[i] = w->job->row[same - 1];
			w->job->outcome[i] = w->job->outcome[same - 1];
			w->job->why[i] = w->job->why[same - 1];
		}
	}
	recall_keep(m, w);
	free(w->units);
	free(w->slots);
	free(w->first);
	free(w->parts);
	free(w);
}

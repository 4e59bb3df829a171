/* recall: vectors that were made before. */
#include "remote.h"

#include <stdlib.h>

int
recall_open(struct remote *m, struct err *e)
{
	struct cache_options cache;
	struct memo_options o = {
		.base = m->place, .model = m->name, .dims = m->o.dims, .seed = m->o.seed_keys,
		.refresh = m->o.refresh, .local = m->o.dry_run
	};
	int rc;

	if (m->o.cache == NULL)
		return 0;
	cache = *m->o.cache;
	cache.forgiving = 1;
	cache.uncounted = m->o.dry_run;
	o.cache = &cache;
	rc = memo_open(&o, &m->memo, e);
	m->base.recalls = rc == 0 && memo_asks(m->memo);
	return rc;
}

size_t
recall_vectors(struct embedder *base, enum embed_role role, const struct slice *texts, size_t n, const float **out)
{
	struct remote *m = (struct remote *)base;

	return memo_get(m->memo, role, texts, n, &base->dims, out);
}

void
recall_spared(struct embedder *base, int64_t tokens)
{
	base->totals.spared += tokens;
	memo_saved(((struct remote *)base)->memo, tokens);
}

/* Of a text that was cut or divided the vector depends on more than the key says. */
static int
is_whole(const struct embed_work *w, size_t i)
{
	return w->parts[i] == 1 && w->job->outcome[i] == EMBED_VECTOR &&
	    w->units[w->first[i]].text.n == w->job->texts[i].n;
}

void
recall_keep(struct remote *m, const struct embed_work *w)
{
	const struct embed_job *job = w->job;
	struct slice *texts;
	const float **vectors;
	uint8_t *kept;
	size_t n = 0;

	if (m->memo == NULL || m->o.dry_run || w->count == 0)
		return;
	texts = mem_alloc(job->count * sizeof(*texts));
	vectors = mem_alloc(job->count * sizeof(*vectors));
	kept = mem_zero(w->count, 1); /* equal texts have one unit */
	for (size_t i = 0; i < job->count; i++) {
		if (!is_whole(w, i) || kept[w->first[i]])
			continue;
		kept[w->first[i]] = 1;
		texts[n] = job->texts[i];
		vectors[n++] = embed_vector(&m->base, job, i);
	}
	memo_put(m->memo, job->role, texts, n, m->base.dims, vectors);
	free(texts);
	free(vectors);
	free(kept);
}

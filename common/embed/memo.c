#include "embed/memo.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cache/key.h"
#include "record/record.h"

/* A length that is wrong by more was not written by us. */
static const double unit_slack = 1e-3;

static const int little_endian = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
static const char head[] = "f32\n";
enum { HEAD_SIZE = sizeof(head) - 1 };

struct memo {
	struct cache *cache;
	struct memo_options options;
	int text_only;         /* values should be text */
	struct arena arena;    /* of a call: keys, values */
	float *found;          /* of a call: the vectors */
	size_t found_room;
	struct floats floats;
	struct buf value;
};

int
memo_open(const struct memo_options *o, struct memo **out, struct err *e)
{
	struct cache *cache;
	int rc = cache_open(o->cache, &cache, e);
	struct memo *m;

	*out = NULL;
	if (rc != 0)
		return rc;
	m = mem_zero(1, sizeof(*m));
	m->cache = cache;
	m->options = *o;
	m->options.cache = NULL; /* borrowed for the opening */
	m->text_only = strstr(cache_name(cache), "upstash:") != NULL || !little_endian;
	*out = m;
	return 0;
}

void
memo_close(struct memo *m)
{
	if (m == NULL)
		return;
	cache_close(m->cache);
	arena_free(&m->arena);
	buf_free(&m->value);
	free(m->found);
	free(m->floats.v);
	free(m);
}

int
memo_asks(const struct memo *m)
{
	if (m->options.refresh || !cache_works(m->cache))
		return 0;
	return !m->options.local || strncmp(cache_name(m->cache), "sqlite:", 7) == 0;
}

void
memo_saved(struct memo *m, int64_t tokens)
{
	cache_saved(m->cache, SLICE("embedding"), slice_of(m->options.model), tokens);
}

/* --- keys ----------------------------------------------------------------------------- */

static struct slice *
make_keys(struct memo *m, enum embed_role role, const struct slice *texts, size_t n)
{
	struct slice *keys = arena_alloc(&m->arena, (n + 1) * sizeof(*keys));
	struct key_embedding k = {
		.base = slice_of(m->options.base), .model = slice_of(m->options.model), .dims = m->options.dims,
		.query = role == EMBED_QUERY
	};
	char key[KEY_SIZE];

	for (size_t i = 0; i < n; i++) {
		if (m->options.seed)
			key_embedding_seed(texts[i], key);
		else
			key_embedding(&k, texts[i], key);
		keys[i].n = strlen(key);
		keys[i].p = arena_bytes(&m->arena, key, keys[i].n);
	}
	return keys;
}

/* --- values --------------------------------------------------------------------------- */

/* The numbers of a value into m->floats. */
static int
read_value(struct memo *m, struct slice value)
{
	struct record r = {0};
	size_t n;

	if (little_endian && !m->options.seed && slice_begins(value, SLICE("f32\n")) && (value.n - HEAD_SIZE) % sizeof(float) == 0) {
		n = (value.n - HEAD_SIZE) / sizeof(float);
		mem_grow(&m->floats.v, &m->floats.room, n, sizeof(float));
		memcpy(m->floats.v, value.p + HEAD_SIZE, n * sizeof(float));
		m->floats.count = n;
		return 1;
	}
	return json_check(value, &r.embedding, NULL) == 0 && record_vector(&r, &m->floats, NULL) == 1;
}

/* A vector of unit length, or none. Applications keep what the model said, which may be of another. */
static int
make_unit(struct memo *m)
{
	double sum = 0, by;

	for (size_t i = 0; i < m->floats.count; i++)
		sum += (double)m->floats.v[i] * m->floats.v[i];
	if (!isfinite(sum) || sum == 0 || (!m->options.seed && fabs(sqrt(sum) - 1) > unit_slack))
		return 0;
	by = m->options.seed ? 1 / sqrt(sum) : 1;
	for (size_t i = 0; i < m->floats.count; i++)
		m->floats.v[i] = (float)(m->floats.v[i] * by);
	return 1;
}

enum { TAKEN, DAMAGED, ANOTHER };

/* Into row `row` of what was found. ANOTHER: it is a vector, but of another model: the seed's keys do
 * not say of which, and the entry is somebody's. */
static int
take_value(struct memo *m, struct slice value, size_t *dims, size_t row, size_t most)
{
	if (!read_value(m, value) || m->floats.count == 0 || !make_unit(m))
		return DAMAGED;
	if (*dims == 0)
		*dims = m->floats.count;
	if (m->floats.count != *dims)
		return m->options.seed ? ANOTHER : DAMAGED;
	mem_grow(&m->found, &m->found_room, most * *dims, sizeof(float));
	memcpy(m->found + row * *dims, m->floats.v, *dims * sizeof(float));
	return TAKEN;
}

size_t
memo_get(struct memo *m, enum embed_role role, const struct slice *texts, size_t n, size_t *dims,
    const float **vectors)
{
	struct slice *keys, *values, *bad;
	size_t hits = 0, bad_count = 0, *row;
	struct err why;

	for (size_t i = 0; i < n; i++)
		vectors[i] = NULL;
	if (!memo_asks(m))
		return 0;
	arena_reset(&m->arena);
	keys = make_keys(m, role, texts, n);
	values = arena_alloc(&m->arena, (n + 1) * sizeof(*values));
	bad = arena_alloc(&m->arena, (n + 1) * sizeof(*bad));
	row = arena_alloc(&m->arena, (n + 1) * sizeof(*row));
	if (cache_get(m->cache, keys, n, values, &why) != 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		int is = values[i].p == NULL ? ANOTHER : take_value(m, values[i], dims, hits, n);

		row[i] = is == TAKEN ? hits++ : n;
		if (is == DAMAGED)
			bad[bad_count++] = keys[i];
	}
	for (size_t i = 0; i < n; i++)
		vectors[i] = row[i] < n ? m->found + row[i] * *dims : NULL;
	if (bad_count > 0)
		cache_delete(m->cache, bad, bad_count, arena_alloc(&m->arena, bad_count), &why);
	return hits;
}

/* --- keeping -------------------------------------------------------------------------- */

static struct slice
make_value(struct memo *m, const float *vector, size_t dims)
{
	m->value.len = 0;
	if (m->options.seed || m->text_only) {
		record_add_vector(&m->value, vector, dims, !m->options.seed);
	} else {
		buf_add(&m->value, head, HEAD_SIZE);
		buf_add(&m->value, vector, dims * sizeof(float));
	}
	return (struct slice){arena_bytes(&m->arena, m->value.data, m->value.len), m->value.len};
}

void
memo_put(struct memo *m, enum embed_role role, const struct slice *texts, size_t n, size_t dims,
    const float *const *vectors)
{
	struct cache_entry *entries;
	struct slice *keys;
	struct err why;

	if (n == 0 || !cache_works(m->cache))
		return;
	arena_reset(&m->arena);
	keys = make_keys(m, role, texts, n);
	entries = arena_alloc(&m->arena, n * sizeof(*entries));
	for (size_t i = 0; i < n; i++)
		entries[i] = (struct cache_entry){
			.key = keys[i], .value = make_value(m, vectors[i], dims), .ttl_ms = key_ttl(keys[i])
		};
	cache_set(m->cache, entries, n, &why);
}

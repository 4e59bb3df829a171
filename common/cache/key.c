#include "cache/key.h"

#include <stdio.h>

#include "base/sha.h"
#include "cache/cache.h"

#define DAY ((int64_t)86400 * 1000)

static void
finish(struct sha *h, const char *kind, char out[KEY_SIZE])
{
	uint8_t sum[SHA_SIZE];
	int n = snprintf(out, KEY_SIZE, "%s:", kind);

	sha_end(h, sum);
	sha_hex(sum, out + n);
}

void
key_embedding(const struct key_embedding *k, struct slice text, char out[KEY_SIZE])
{
	char dims[24];
	struct sha h;

	snprintf(dims, sizeof(dims), "%lld", (long long)k->dims);
	sha_start(&h);
	sha_field(&h, SLICE("embedding"));
	sha_field(&h, k->base);
	sha_field(&h, k->model);
	sha_field(&h, slice_of(dims));
	sha_field(&h, k->query ? SLICE("query") : SLICE("document"));
	sha_field(&h, text);
	finish(&h, "embedding", out);
}

void
key_embedding_seed(struct slice text, char out[KEY_SIZE])
{
	struct sha h;

	sha_start(&h);
	sha_add(&h, text.p, text.n);
	finish(&h, "embedding", out);
}

void
key_llm(const struct key_llm *k, char out[KEY_SIZE])
{
	struct sha h;

	sha_start(&h);
	sha_field(&h, SLICE("llm"));
	sha_field(&h, k->model);
	sha_field(&h, k->prompt);
	sha_field(&h, k->temperature);
	sha_field(&h, k->system);
	sha_field(&h, k->max_tokens);
	sha_field(&h, k->tools);
	sha_field(&h, k->seed);
	sha_field(&h, k->response_format);
	finish(&h, "llm", out);
}

void
key_llm_seed(const struct key_llm *k, char out[KEY_SIZE])
{
	struct sha h;

	sha_start(&h);
	sha_add(&h, k->prompt.p, k->prompt.n);
	sha_add(&h, ":", 1);
	sha_add(&h, k->model.p, k->model.n);
	sha_add(&h, ":", 1);
	sha_add(&h, k->temperature.p, k->temperature.n);
	finish(&h, "llm", out);
}

void
key_validation(struct slice id, char out[KEY_SIZE])
{
	snprintf(out, KEY_SIZE, "validation:project:%.*s", (int)id.n, id.p);
}

int64_t
key_ttl(struct slice key)
{
	if (slice_begins(key, SLICE("embedding:")))
		return 30 * DAY;
	return slice_begins(key, SLICE("llm:")) ? 7 * DAY : CACHE_TTL;
}

#include "store/pg/write.h"

#include <nettle/sha1.h>

#include "base/json.h"
#include "store/pg/find.h"

/* A foreign table has an id of its own kind, and columns for content, metadata and vector; what
 * else a chunk has goes into the metadata, where row.c finds it. */

int
put_is_uuid(struct slice s)
{
	if (s.n != 36)
		return 0;
	for (size_t i = 0; i < s.n; i++) {
		int dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? s.p[i] != '-' : memchr("0123456789abcdef", s.p[i], 16) == NULL)
			return 0;
	}
	return 1;
}

/* As PostgreSQL writes it; of another id the name-based one (RFC 9562, version 5) in the name space of URLs. */
const char *
put_uuid(struct arena *a, struct slice id)
{
	static const uint8_t space[16] = {0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1,
	    0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8};
	struct sha1_ctx h;
	uint8_t d[SHA1_DIGEST_SIZE];

	if (put_is_uuid(id))
		return arena_bytes(a, id.p, id.n);
	sha1_init(&h);
	sha1_update(&h, sizeof(space), space);
	sha1_update(&h, id.n, (const uint8_t *)id.p);
	sha1_digest(&h, sizeof(d), d);
	d[6] = (d[6] & 0x0f) | 0x50;
	d[8] = (d[8] & 0x3f) | 0x80;
	return arena_format(a, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", d[0], d[1], d[2],
	    d[3], d[4], d[5], d[6], d[7], d[8], d[9], d[10], d[11], d[12], d[13], d[14], d[15]);
}

static void
add_text(struct buf *b, const char *key, struct slice text)
{
	json_add_key(b, key);
	json_add_string(b, text);
}

/* What a reader takes without being told is not said: the id of the row (unless named), a document
 * named as its only chunk. Members of the metadata that would be taken for ours give way to them. */
static struct slice
metadata(struct put *p, const struct put_chunk *c, int named)
{
	const struct chunk_row *r = c->row;
	struct slice document = p->documents[c->document].row->id, key, value, out;
	int apart = !slice_equal(document, r->id), marked;
	struct json_walk w = json_walk(r->metadata.p ? r->metadata : SLICE("{}"));
	struct buf b = {0};

	named |= apart && r->place.p == NULL;
	marked = named || r->place.p != NULL;
	buf_byte(&b, '{');
	while (json_member(&w, &key, &value)) {
		if (json_key_is(key, "c1v_id") || (json_key_is(key, "doc") && marked) ||
		    (json_key_is(key, "source") && r->source.p != NULL) || (json_key_is(key, "chunk") && r->place.p != NULL))
			continue;
		buf_format(&b, b.len > 1 ? ",\"%.*s\":" : "\"%.*s\":", (int)key.n, key.p);
		buf_slice(&b, value);
	}
	if (named)
		add_text(&b, "c1v_id", r->id);
	if (apart)
		add_text(&b, "doc", document);
	if (r->source.p != NULL)
		add_text(&b, "source", r->source);
	if (r->place.p != NULL) {
		json_add_key(&b, "chunk");
		buf_slice(&b, r->place);
	}
	buf_byte(&b, '}');
	out = (struct slice){arena_bytes(&p->kept, b.data, b.len), b.len};
	buf_free(&b);
	return out;
}

void
put_foreign(struct put *p, struct put_chunk *c)
{
	const struct pg_table *t = &p->s->table;

	if (t->id_type == 'u')
		c->uuid = put_uuid(&p->kept, c->row->id);
	c->metadata = metadata(p, c, t->id_type == 'i' || (c->uuid && !slice_is(c->row->id, c->uuid)));
	if (pg_could_be_row(t, c->row->id))
		c->plain = metadata(p, c, 0);
}

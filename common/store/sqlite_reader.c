#include "store/sqlite_search.h"

#include <stdlib.h>

enum { BLOCKS_MAX = 1 << 22 }; /* more is no number of ours: a damaged file */

static void
forget(struct sqlite_reader *r)
{
	free(r->sizes);
	r->sizes = NULL;
	slot_set_free(&r->allowed);
	r->filter = NULL;
}

void
sqlite_search_close(struct sqlite_store *s)
{
	struct sqlite_reader *r = s->reader;

	if (r == NULL)
		return;
	forget(r);
	keyword_close(r->keyword);
	vector_close(r->vector);
	vector_close(r->side);
	vector_scan_free(r->scan);
	if (r->second.handle != NULL)
		db_close(&r->second);
	free(r->tokenizer);
	free(r);
	s->reader = NULL;
}

static int
count_slots(struct sqlite_store *s, size_t *slots, struct err *e)
{
	sqlite3_stmt *st;
	int64_t last = -1;
	int rc = sqlite_prepare(s, "SELECT max(id) FROM \"{c}_size\"", &st, e);

	if (rc != 0)
		return rc;
	rc = db_step(&s->db, st, e);
	if (rc > 0 && sqlite3_column_type(st, 0) != SQLITE_NULL)
		last = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	if (rc < 0)
		return e->code;
	if (last < -1 || last >= BLOCKS_MAX)
		return err_set(e, C1V_DATA, "searching %s: damaged file: block number check", s->db.path);
	*slots = (size_t)(last + 1) << BLOCK_BITS;
	return 0;
}

static int
by_slot(const void *a, const void *b)
{
	int64_t x = ((const struct slot_at *)a)->slot, y = ((const struct slot_at *)b)->slot;

	return x < y ? -1 : x > y;
}

struct slot_at *
slots_in_order(const int64_t *slots, size_t count)
{
	struct slot_at *order = mem_alloc(count * sizeof(*order));

	for (size_t i = 0; i < count; i++)
		order[i] = (struct slot_at){slots[i], i};
	qsort(order, count, sizeof(*order), by_slot);
	return order;
}

int
reader_refresh(struct sqlite_store *s, struct err *e)
{
	struct sqlite_reader *r = s->reader;
	const char *tokenizer = s->info.tokenizer ? s->info.tokenizer : "";
	int rc = 0;

	if (r == NULL) {
		s->reader = r = mem_zero(1, sizeof(*r));
		r->second.lock_fd = -1;
		r->scan = vector_scan_new();
		r->generation = s->generation - 1;
	}
	if (r->generation != s->generation) {
		forget(r);
		rc = count_slots(s, &r->slots, e);
		if (rc == 0)
			r->generation = s->generation;
	}
	if (rc == 0 && r->tokenizer != NULL && strcmp(r->tokenizer, tokenizer) != 0) {
		keyword_close(r->keyword);
		r->keyword = NULL;
	}
	if (rc == 0 && r->keyword == NULL) {
		free(r->tokenizer);
		r->tokenizer = mem_string(tokenizer);
		rc = keyword_open(s, &r->keyword, e);
	}
	if (rc == 0 && r->vector == NULL)
		rc = vector_open(&s->db, s->base.collection, &r->vector, e);
	return rc;
}

int
reader_sizes(struct sqlite_store *s, struct err *e)
{
	struct sqlite_reader *r = s->reader;
	sqlite3_stmt *st;
	int rc;

	if (r->sizes != NULL)
		return 0;
	rc = sqlite_prepare(s, "SELECT id, sizes FROM \"{c}_size\" ORDER BY id", &st, e);
	if (rc != 0)
		return rc;
	r->sizes = mem_zero(r->slots, sizeof(*r->sizes));
	while ((rc = db_step(&s->db, st, e)) > 0) {
		int64_t id = sqlite3_column_int64(st, 0);
		struct slice sizes = db_text(st, 1);

		if (id < 0 || (size_t)id >= r->slots >> BLOCK_BITS || sizes.n != BLOCK_SLOTS * sizeof(uint32_t)) {
			rc = -err_set(e, C1V_DATA, "searching %s: damaged file: block %lld of %s: size check",
			    s->db.path, (long long)id, s->base.collection);
			break;
		}
		memcpy(r->sizes + (id << BLOCK_BITS), sizes.p, sizes.n);
	}
	sqlite3_finalize(st);
	return rc < 0 ? e->code : 0;
}

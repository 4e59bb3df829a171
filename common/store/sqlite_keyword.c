#include "store/sqlite_search.h"

#include <math.h>
#include <stdlib.h>

#include "store/topk.h"

/* The keyword leg asks FTS5 for the list of each term in turn, through one
 * auxiliary function that works once, on the first row, and adds up bm25 in an
 * array of its own: no row passes through SQLite's machine or sorter.
 *
 * Rare terms come first. Once the best chunks so far are so good that the terms
 * that are left cannot lift another one above them, the lists of those (the
 * longest, for they are the common ones) find nothing new: they only complete
 * the scores of the few that may still win, either by passing over their
 * entries or, when that is cheaper, by counting the terms in the contents. The
 * outcome is the same as with every list read in full (MaxScore: Turtle and
 * Flood 1995). The formula is FTS5's own, except that a length is in bytes. */

static const double K1 = 1.2, B = 0.75;
/* FTS5's own: what a term in more than half of the chunks counts. */
static const double LEAST_IDF = 1e-6;

/* Nanoseconds, by measurement; only their ratio matters. */
enum { COST_ENTRY = 14, COST_CONTENT = 6000, COST_BYTE = 8 };

struct keyword {
	struct sqlite_store *s;
	fts5_api *api;
	fts5_tokenizer methods;
	Fts5Tokenizer *tokenizer;
	int by_phrase;
	sqlite3_stmt *run, *common, *content;

	/* The run at hand, or the last one. */
	struct keyword_query q;
	struct terms terms;       /* q.terms as it stood; not owned */
	float *scores;            /* of each slot, 0: no term yet */
	uint32_t *touched;        /* slots with a score */
	size_t touched_count;
	size_t room;              /* slots that there is room for */
	float most;               /* the greatest of the scores */
	float idf_now;            /* of the list at hand, 0: not known before it is read: */
	float *weights;           /* so that its entries are noted first */
	uint32_t *entries;
	size_t entry_count, entry_room;
	float norm, norm_byte;    /* k1 * (1 - b + b * size / mean) */
	double idf[TERMS_MAX];
	int closed;               /* no new chunk can get among the best: */
	size_t closed_from;       /* terms from here on are only in chunks with a score, */
	size_t skipped;           /* from here on only in `complete`, */
	size_t end;               /* and from here on in none, for they decide nothing */
	int64_t *complete;        /* slots whose scores are whole although terms were skipped */
	size_t complete_count, complete_room;
	uint64_t seen;
};

static double
idf_of(int64_t chunks, int64_t documents)
{
	double n = (double)chunks, df = (double)documents, idf = log((n - df + 0.5) / (df + 0.5));

	return idf > LEAST_IDF ? idf : LEAST_IDF; /* false also when df > n (counted long ago) */
}

static inline float
weight(const struct keyword *k, int64_t slot, int tf)
{
	float norm = k->norm + k->norm_byte * (float)k->q.sizes[slot];

	return (float)tf * (float)(K1 + 1) / ((float)tf + norm);
}

/* --- reading a term's list ----------------------------------------------- */

static inline void
add_score(struct keyword *k, uint32_t slot, float score)
{
	float *sum = &k->scores[slot];

	if (*sum <= 0)
		k->touched[k->touched_count++] = slot;
	*sum += score;
	if (*sum > k->most)
		k->most = *sum;
}

static void
note_entry(struct keyword *k, uint32_t slot, float weight)
{
	if (k->entry_count == k->entry_room) {
		size_t room = k->entry_room;

		mem_grow(&k->entries, &room, k->entry_count + 1, sizeof(*k->entries));
		mem_grow(&k->weights, &k->entry_room, k->entry_count + 1, sizeof(*k->weights));
	}
	k->entries[k->entry_count] = slot;
	k->weights[k->entry_count++] = weight;
}

static int
on_entry(const Fts5ExtensionApi *api, Fts5Context *fts, void *arg)
{
	struct keyword *k = arg;
	int64_t slot = api->xRowid(fts);
	Fts5PhraseIter it;
	int column, offset, tf = 0;

	k->seen++;
	if ((uint64_t)slot >= k->q.slots || !slot_in(k->q.allowed, slot))
		return SQLITE_OK;
	if (k->closed && k->scores[slot] <= 0)
		return SQLITE_OK;
	api->xPhraseFirst(fts, 0, &it, &column, &offset);
	while (column >= 0) {
		tf++;
		api->xPhraseNext(fts, &it, &column, &offset);
	}
	if (k->idf_now > 0)
		add_score(k, (uint32_t)slot, k->idf_now * weight(k, slot, tf));
	else
		note_entry(k, (uint32_t)slot, weight(k, slot, tf));
	return SQLITE_OK;
}

static int
read_list(struct keyword *k, const Fts5ExtensionApi *api, Fts5Context *fts, size_t i)
{
	const struct term *t = &k->terms.items[i];
	uint64_t before = k->seen;
	int rc;

	/* A count that was kept is used even when the true one is known by now:
	 * whether a list is read in full must not change the scores. */
	if (t->documents > 0)
		k->idf[i] = idf_of(k->q.chunks, t->documents);
	k->idf_now = t->documents > 0 ? (float)k->idf[i] : 0;
	k->entry_count = 0;
	rc = api->xQueryPhrase(fts, (int)i, k, on_entry);
	if (rc != SQLITE_OK || t->documents > 0)
		return rc;
	k->idf[i] = idf_of(k->q.chunks, (int64_t)(k->seen - before));
	for (size_t j = 0; j < k->entry_count; j++)
		add_score(k, k->entries[j], (float)k->idf[i] * k->weights[j]);
	return SQLITE_OK;
}

/* --- what need not be read ------------------------------------------------ */

/* The score of the last of the best chunks so far, 0 while there are too few. */
static float
floor_score(const struct keyword *k)
{
	struct topk best;
	float floor;

	if (k->touched_count < k->q.limit)
		return 0;
	topk_init(&best, k->q.limit);
	for (size_t i = 0; i < k->touched_count; i++) {
		float score = k->scores[k->touched[i]];

		if (score >= topk_floor(&best))
			topk_offer(&best, score, k->touched[i]);
	}
	floor = topk_floor(&best);
	topk_free(&best);
	return floor > 0 ? floor : 0;
}

static int
by_slot(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* Count terms from `skipped` on in the contents of those chunks that can still
 * be among the best, if that is cheaper than reading the terms' lists: 1. */
static int
plan_contents(struct keyword *k, float least, double entries)
{
	double cost = 0, budget = entries * COST_ENTRY;

	k->complete_count = 0;
	for (size_t i = 0; i < k->touched_count && cost < budget; i++) {
		uint32_t slot = k->touched[i];

		if (k->scores[slot] < least)
			continue;
		cost += COST_CONTENT + COST_BYTE * (double)k->q.sizes[slot];
		mem_grow(&k->complete, &k->complete_room, k->complete_count + 1, sizeof(*k->complete));
		k->complete[k->complete_count++] = slot;
	}
	if (cost < budget)
		return 1;
	k->complete_count = 0;
	return 0;
}

/* Before list i: can it be left unread, with all that follow? */
static int
may_stop(struct keyword *k, size_t i)
{
	double rest = 0, entries = 0;
	float floor;

	if (i == 0 || k->terms.items[i].documents == 0)
		return 0; /* of a rare term, nothing is known before */
	for (size_t j = i; j < k->terms.count; j++) {
		k->idf[j] = idf_of(k->q.chunks, k->terms.items[j].documents);
		rest += k->idf[j] * (K1 + 1);
		entries += (double)k->terms.items[j].documents;
	}
	floor = rest < k->most ? floor_score(k) : 0;
	if (rest >= floor)
		return 0;
	if (!k->closed)
		k->closed_from = i;
	k->closed = 1;
	if (k->idf[i] <= LEAST_IDF) {
		k->end = i;
		return 1;
	}
	return plan_contents(k, floor - (float)rest, entries);
}

static void
collect(const Fts5ExtensionApi *api, Fts5Context *fts, sqlite3_context *context, int argc,
    sqlite3_value **argv)
{
	struct keyword *k = api->xUserData(fts);

	(void)argc;
	(void)argv;
	if ((size_t)api->xPhraseCount(fts) != k->terms.count) {
		sqlite3_result_error(context, "the query was taken apart in another way", -1);
		return;
	}
	for (size_t i = 0; i < k->terms.count; i++) {
		int rc;

		if (may_stop(k, i)) {
			k->skipped = i;
			break;
		}
		rc = read_list(k, api, fts, i);
		if (rc != SQLITE_OK) {
			sqlite3_result_error_code(context, rc);
			return;
		}
	}
	sqlite3_result_int(context, 1);
}

/* --- counting terms in a content ----------------------------------------- */

/* Add to a chunk's score the terms from `from` on. */
static int
whole_score(struct keyword *k, int64_t slot, size_t from, float *score, struct err *e)
{
	int tf[TERMS_MAX], rc;

	sqlite3_bind_int64(k->content, 1, slot);
	rc = db_step(&k->s->db, k->content, e);
	if (rc > 0)
		rc = keyword_count(k, db_text(k->content, 0), k->terms.items + from, k->end - from, tf, e)
		    ? -1 : 1;
	sqlite3_reset(k->content);
	if (rc < 0)
		return e->code;
	for (size_t i = from; rc > 0 && i < k->end; i++)
		if (tf[i - from] > 0)
			*score += (float)k->idf[i] * weight(k, slot, tf[i - from]);
	return 0;
}

static int
complete_scores(struct keyword *k, struct err *e)
{
	int rc = 0;

	if (k->complete_count == 0)
		return 0;
	qsort(k->complete, k->complete_count, sizeof(*k->complete), by_slot);
	for (size_t i = 0; rc == 0 && i < k->complete_count; i++)
		rc = whole_score(k, k->complete[i], k->skipped, &k->scores[k->complete[i]], e);
	return rc;
}

/* --- a run ----------------------------------------------------------------- */

static void
prepare_scores(struct keyword *k, const struct keyword_query *q)
{
	for (size_t i = 0; i < k->touched_count; i++)
		k->scores[k->touched[i]] = 0;
	k->touched_count = 0;
	if (k->room < q->slots) {
		free(k->scores);
		free(k->touched);
		k->scores = mem_zero(q->slots, sizeof(*k->scores));
		k->touched = mem_alloc(q->slots * sizeof(*k->touched));
		k->room = q->slots;
	}
	k->q = *q;
	k->terms = *q->terms;
	k->norm = (float)(K1 * (1 - B));
	k->norm_byte = (float)(K1 * B / (q->mean > 0 ? q->mean : 1));
	k->closed_from = k->skipped = k->end = k->terms.count;
	k->closed = 0;
	k->most = 0;
	k->complete_count = 0;
	k->seen = 0;
}

static int
match(struct keyword *k, struct err *e)
{
	struct buf expression = {0};
	int rc;

	for (size_t i = 0; i < k->terms.count; i++) {
		if (i > 0)
			buf_string(&expression, " OR ");
		terms_add_quoted(&expression, k->terms.items[i].text);
	}
	db_bind_text(k->run, 1, buf_as_slice(&expression));
	rc = db_run(&k->s->db, k->run, e);
	sqlite3_clear_bindings(k->run);
	buf_free(&expression);
	return rc;
}

int
keyword_run(struct keyword *k, const struct keyword_query *q, struct leg_item *items,
    size_t *count, uint64_t *seen, struct err *e)
{
	struct topk best;
	int rc;

	*count = 0;
	prepare_scores(k, q);
	if (k->terms.count == 0 || q->limit == 0)
		return 0;
	rc = match(k, e);
	if (rc == 0)
		rc = complete_scores(k, e);
	*seen += k->seen;
	if (rc != 0)
		return rc;
	topk_init(&best, q->limit);
	for (size_t i = 0; i < k->touched_count; i++)
		topk_offer(&best, k->scores[k->touched[i]], k->touched[i]);
	topk_sort(&best);
	for (size_t i = 0; i < best.count; i++)
		items[i] = (struct leg_item){best.heap[i].key, (double)best.heap[i].score, (uint32_t)i + 1};
	*count = best.count;
	topk_free(&best);
	return 0;
}

static int
is_complete(const struct keyword *k, int64_t slot)
{
	return k->complete_count > 0 && bsearch(&slot, k->complete, k->complete_count,
	    sizeof(*k->complete), by_slot) != NULL;
}

int
keyword_score(struct keyword *k, const int64_t *slots, size_t count, double *scores, struct err *e)
{
	struct slot_at *order = slots_in_order(slots, count);
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < count; i++) {
		int64_t slot = order[i].slot;
		float score = 0;
		size_t from;

		scores[order[i].at] = 0;
		if ((uint64_t)slot >= k->q.slots || !slot_in(k->q.allowed, slot))
			continue;
		score = k->scores[slot];
		from = score > 0 ? k->skipped : k->closed_from;
		if (from < k->end && !is_complete(k, slot))
			rc = whole_score(k, slot, from, &score, e);
		scores[order[i].at] = (double)score;
	}
	free(order);
	return rc;
}

/* --- opening ----------------------------------------------------------------- */

static int
find_api(struct keyword *k, struct err *e)
{
	sqlite3_stmt *st;
	int rc = db_prepare(&k->s->db, "SELECT fts5(?1)", &st, e);

	if (rc != 0)
		return rc;
	sqlite3_bind_pointer(st, 1, &k->api, "fts5_api_ptr", NULL);
	rc = db_step(&k->s->db, st, e);
	sqlite3_finalize(st);
	if (rc < 0)
		return e->code;
	return k->api != NULL ? 0 : err_set(e, C1V_CONFIG, "searching: this SQLite has no FTS5");
}

/* The collection's tokenizer: a name and its arguments. */
static int
make_tokenizer(struct keyword *k, struct err *e)
{
	char *spec = mem_string(k->s->info.tokenizer ? k->s->info.tokenizer : "porter");
	const char *words[8];
	char *save = NULL;
	int n = 0, rc;
	void *data;

	for (char *w = strtok_r(spec, " ", &save); w != NULL && n < 8; w = strtok_r(NULL, " ", &save))
		words[n++] = w;
	rc = n == 0 ? SQLITE_ERROR : k->api->xFindTokenizer(k->api, words[0], &data, &k->methods);
	if (rc == SQLITE_OK)
		rc = k->methods.xCreate(data, words + 1, n - 1, &k->tokenizer);
	k->by_phrase = n > 0 && strcmp(words[0], "trigram") == 0;
	if (rc != SQLITE_OK)
		err_set(e, rc == SQLITE_NOMEM ? C1V_MEMORY : C1V_DATA,
		    "searching %s: damaged file: no tokenizer %s", k->s->db.path, spec);
	free(spec);
	return rc == SQLITE_OK ? 0 : e->code;
}

int
keyword_open(struct sqlite_store *s, struct keyword **out, struct err *e)
{
	struct keyword *k = mem_zero(1, sizeof(*k));
	int rc;

	k->s = s;
	rc = find_api(k, e);
	if (rc == 0)
		rc = make_tokenizer(k, e);
	if (rc == 0 && k->api->xCreateFunction(k->api, "c1v_collect", k, collect, NULL) != SQLITE_OK)
		rc = err_set(e, C1V_MEMORY, "searching %s: out of memory", s->db.path);
	if (rc == 0)
		rc = sqlite_prepare(s, "SELECT c1v_collect(\"{c}_fts\") FROM \"{c}_fts\""
		    " WHERE \"{c}_fts\" MATCH ?1 LIMIT 1", &k->run, e);
	if (rc == 0)
		rc = sqlite_prepare(s, "SELECT documents FROM \"{c}_term\" WHERE term = ?1", &k->common, e);
	if (rc == 0)
		rc = sqlite_prepare(s, "SELECT content FROM \"{c}_chunk\" WHERE id = ?1", &k->content, e);
	if (rc == 0)
		*out = k;
	else
		keyword_close(k);
	return rc;
}

void
keyword_close(struct keyword *k)
{
	if (k == NULL)
		return;
	sqlite3_finalize(k->run);
	sqlite3_finalize(k->common);
	sqlite3_finalize(k->content);
	if (k->tokenizer != NULL)
		k->methods.xDelete(k->tokenizer);
	free(k->scores);
	free(k->touched);
	free(k->weights);
	free(k->entries);
	free(k->complete);
	free(k);
}

int
keyword_by_phrase(const struct keyword *k)
{
	return k->by_phrase;
}

int
keyword_tokenize(struct keyword *k, struct slice text, int flags, void *arg,
    int (*fn)(void *arg, int flags, const char *token, int n, int start, int end), struct err *e)
{
	int n = text.n > INT32_MAX ? INT32_MAX : (int)text.n;
	int rc = k->methods.xTokenize(k->tokenizer, arg, flags, text.p, n, fn);

	if (rc == SQLITE_OK || rc == SQLITE_DONE)
		return 0;
	return err_set(e, rc == SQLITE_NOMEM ? C1V_MEMORY : C1V_BUG, "searching: the tokenizer failed");
}

int
keyword_common(struct keyword *k, struct slice stem, int64_t *documents, struct err *e)
{
	int rc;

	*documents = 0;
	db_bind_text(k->common, 1, stem);
	rc = db_step(&k->s->db, k->common, e);
	if (rc > 0)
		*documents = sqlite3_column_int64(k->common, 0);
	sqlite3_reset(k->common);
	return rc < 0 ? e->code : 0;
}

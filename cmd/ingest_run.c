#include "ingest_run.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/num.h"

/* --- into the store --------------------------------------------------------- */

static int
reject_all(struct ingest *in, const struct line *lines, size_t count, const struct err *why,
    struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < count && rc == 0; i++)
		rc = rejects_add(&in->rejects, &lines[i], why, e);
	return rc;
}

/* A dry run into a store that is not there: everything would be added. */
static int
put_nowhere(const struct put_options *o, const struct document_row *d, struct put_counts *counts)
{
	counts->documents++;
	counts->chunks += d->count;
	counts->added += d->count;
	for (size_t i = 0; i < d->count; i++)
		o->each(o->arg, "add", d->id, d->chunks[i].id);
	return 0;
}

int
ingest_refused(void *arg, size_t i, const struct err *why, struct err *e)
{
	struct ingest *in = arg;
	const struct line *lines;
	size_t count;

	gather_document(&in->gather, i, &lines, &count);
	in->refused += count;
	for (size_t k = 0; k < in->gather.documents[i].row.count; k++)
		in->refused_without += in->gather.documents[i].row.chunks[k].vector == NULL;
	return reject_all(in, lines, count, why, e);
}

static int
write_batch(struct ingest *in, const struct document_row *const *rows, size_t count, struct err *e)
{
	int rc = 0;

	if (in->store != NULL)
		return store_write(in->store, rows, count, &in->put, &in->counts, e);
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = put_nowhere(&in->put, rows[i], &in->counts);
	return rc;
}

/* One transaction, and the lock only for its time. What is counted is
 * committed. */
static int
flush(struct ingest *in, struct err *e)
{
	size_t n = in->gather.document_count, records = 0, without = 0;
	const struct document_row **rows;
	int rc;

	if (n == 0)
		return 0;
	rows = mem_alloc(n * sizeof(*rows));
	for (size_t i = 0; i < n; i++) {
		const struct line *lines;
		size_t count;
		rows[i] = gather_document(&in->gather, i, &lines, &count);
		records += count;
		for (size_t k = 0; k < rows[i]->count; k++)
			without += rows[i]->chunks[k].vector == NULL;
	}
	in->refused = in->refused_without = 0;
	rc = write_batch(in, rows, n, e);
	free(rows);
	gather_clear(&in->gather);
	if (rc != 0)
		return rc;
	in->rejects.good += records - in->refused;
	in->without_vector += without - in->refused_without;
	return 0;
}

static int
flush_when_full(struct ingest *in, struct err *e)
{
	const struct gather *g = &in->gather;
	size_t whole = g->gathering ? g->now.first : g->count;

	return whole >= in->batch_size || g->bytes >= BATCH_BYTES ? flush(in, e) : 0;
}

/* --- from the input ---------------------------------------------------------- */

/* The input has nothing for us just now. The first time is passed over: a
 * producer that is merely slower than we are shall not make a transaction out
 * of every record. Silent for longer, what is whole is committed. */
static int
on_idle(void *arg, struct err *e)
{
	struct ingest *in = arg;

	if (cli_interrupted(e) != 0)
		return e->code;
	if (in->idled++ == 0)
		return 0;
	return flush(in, e);
}

static int
reject_now(struct ingest *in, struct err *e)
{
	struct err why = in->gather.now.why;
	size_t count;
	const struct line *lines = gather_now(&in->gather, &count);

	return reject_all(in, lines, count, &why, e);
}

static int
take_line(struct ingest *in, const struct line *line, struct err *e)
{
	struct err why;
	int rc = 0;

	for (;;) {
		switch (gather_line(&in->gather, line, &why)) {
		case GATHER_MORE:
			return 0;
		case GATHER_WHOLE:
			return flush_when_full(in, e);
		case GATHER_BAD:
			rc = rejects_add(&in->rejects, line, &why, e);
			return rc ? rc : flush_when_full(in, e);
		case GATHER_FAILED:
			rc = reject_now(in, e);
			gather_shed(&in->gather);
			return rc;
		case GATHER_NEXT:
			rc = reject_now(in, e);
			gather_drop(&in->gather);
			if (rc != 0)
				return rc;
			break;
		}
	}
}

static void
show_progress(struct ingest *in)
{
	uint64_t chunks = in->counts.chunks + in->gather.count, done, total;

	input_progress(in->input, &done, &total);
	progress_show(&in->progress, chunks, total && done ? (uint64_t)((double)chunks * (double)total / (double)done) : 0);
}

int
ingest_run(struct ingest *in, struct err *e)
{
	struct line line;
	int rc = 0, more;

	input_on_idle(in->input, on_idle, in);
	progress_start(&in->progress, &in->cli->log, "chunks");
	while ((more = input_line(in->input, &line, e)) > 0) {
		in->idled = 0;
		rc = cli_interrupted(e);
		if (rc == 0)
			rc = take_line(in, &line, e);
		if (rc != 0)
			break;
		show_progress(in);
	}
	if (more < 0)
		rc = e->code;
	if (rc == 0 && gather_end(&in->gather)) {
		rc = reject_now(in, e);
		gather_drop(&in->gather);
	}
	if (rc == 0)
		rc = flush(in, e);
	progress_end(&in->progress);
	return rc;
}

/* --- the summary ------------------------------------------------------------- */

static void
add_count(struct buf *b, const char *key, uint64_t n)
{
	json_add_key(b, key);
	num_add_int(b, (int64_t)n);
}

static void
add_text(struct buf *b, const char *key, const char *text)
{
	json_add_key(b, key);
	if (text == NULL)
		buf_string(b, "null");
	else
		json_add_string(b, slice_of(text));
}

void
ingest_summary(struct ingest *in, const char *store, const char *collection,
    const char *model, int pretty, struct buf *b)
{
	const struct put_counts *n = &in->counts;
	double seconds = clock_seconds_since(in->cli->started);

	if (pretty) {
		buf_format(b, "%llu documents, %llu chunks: %llu added, %llu updated, %llu skipped,"
		    " %llu deleted, %llu failed (%s, %s, %.1f s)",
		    (unsigned long long)n->documents, (unsigned long long)n->chunks,
		    (unsigned long long)n->added, (unsigned long long)n->updated,
		    (unsigned long long)n->skipped, (unsigned long long)n->deleted,
		    (unsigned long long)in->rejects.bad, store, collection, seconds);
		return;
	}
	buf_byte(b, '{');
	add_count(b, "documents", n->documents);
	add_count(b, "chunks", n->chunks);
	add_count(b, "added", n->added);
	add_count(b, "updated", n->updated);
	add_count(b, "skipped", n->skipped);
	add_count(b, "deleted", n->deleted);
	add_count(b, "duplicates", n->duplicates);
	add_count(b, "failed", in->rejects.bad);
	add_count(b, "without_vector", in->without_vector);
	json_add_key(b, "seconds");
	buf_format(b, "%.3f", seconds);
	add_text(b, "model", model);
	add_text(b, "store", store);
	add_text(b, "collection", collection);
	if (in->put.dry_run)
		buf_string(b, ",\"dry_run\":true");
	buf_byte(b, '}');
}

/* ingest_run: batches of documents go into the store. */
#ifndef C1V_INGEST_RUN_H
#define C1V_INGEST_RUN_H

#include "cli/cli.h"
#include "ingest_gather.h"

enum { BATCH_BYTES = 64 << 20 }; /* held in memory: then a batch ends, however few its chunks */

struct ingest {
	struct cli *cli;
	struct store *store;     /* NULL: a dry run into a store that does not exist yet */
	struct put_options put;
	size_t batch_size;       /* chunks */
	struct gather gather;
	struct rejects rejects;
	struct put_counts counts; /* of what is committed */
	uint64_t without_vector;
	struct progress progress;
	struct input *input;
	size_t refused, refused_without; /* records of the batch; of them without a vector */
	int idled;               /* the input has been silent once since the last line */
};

/* Read everything and store it. 0 or an exit code with e; counts are right in
 * both cases. */
/* For struct put_options. */
int ingest_refused(void *arg, size_t i, const struct err *why, struct err *e);
int ingest_run(struct ingest *in, struct err *e);
/* The summary: one JSON object without its newline, or a sentence for people. */
void ingest_summary(struct ingest *in, const char *store, const char *collection,
    const char *model, int pretty, struct buf *out);

#endif

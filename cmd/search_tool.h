/* search_tool: what the parts of c1v-search share.
 *
 * c1v-search.c        options, the store, one query or many
 * search_ask.c        from a query to hits: text, embedding, filter, weights
 * search_json.c       hits as records
 * search_show.c       hits for people
 * search_neighbors.c  a hit together with the chunks around it */
#ifndef C1V_CMD_SEARCH_TOOL_H
#define C1V_CMD_SEARCH_TOOL_H

#include "cache/settings.h"
#include "cli/cli.h"
#include "cost/settings.h"
#include "embed/spending.h"
#include "record/record.h"
#include "store/filter.h"
#include "store/settings.h"

enum query_type { QUERY_NDJSON, QUERY_TEXT };

struct settings {
	struct cli_common common;
	struct store_settings where;
	const char *model, *api_base, *context, *similar_to, *fields, *weights, *rejects;
	struct opt_list filters;
	int64_t limit, candidates, ef_search, probes, neighbors, per_document, max_record;
	int mode, fuse, exact, explain, no_collapse, web, json, pretty, type, strict;
	double min_score, rrf_k, mmr;
	struct cost_settings cost;   /* of queries, where the model is behind an API */
	struct cache_settings cache; /* of their vectors */
	int no_cache;
	int64_t dims;
};

/* The tool at work. */
struct tool {
	struct cli *cli;
	const struct settings *set;
	struct store *store;
	struct collection collection;
	struct arena arena;         /* for as long as the tool runs */
	struct arena one;           /* for one query */
	struct embedder *embedder;  /* NULL: not opened */
	int embedder_tried;
	struct spending spending;
	int base_given;             /* on the command line: it may be another than the collection's */
	struct filter *filter;      /* of the options alone */
	double weight_vector, weight_keyword;
	int weights_given;
	int human;                  /* for people, not as records */
	unsigned fields;            /* of the records: bits of enum field */
	int searched;               /* since the last change of filter */
	struct search_hits hits;
	float *vector;              /* of the query; room for collection.dims */
	int store_failed;           /* the last error is not the query's fault */
	uint64_t queries, found;
};

/* One query, as asked. Slices are borrowed. */
struct ask {
	struct slice text;          /* SLICE_NONE: none (--similar-to) */
	struct slice context;
	struct slice filter;        /* raw JSON object, or SLICE_NONE */
	struct slice id;            /* raw JSON, or SLICE_NONE */
	const float *vector;        /* that came with it, or NULL */
	size_t dims;
	struct slice model;         /* of that vector */
	int numbered;               /* one of several: people want to see which */
};

/* search_ask.c: fill t->hits. 0 or an exit code; C1V_DATA and C1V_USAGE when
 * the query is to blame. */
int ask(struct tool *t, const struct ask *a, struct search_query *q, struct err *e);
/* A query like a stored chunk or document; fills t->vector and *q's exclusion. */
int ask_similar(struct tool *t, const char *id, struct filter **f, const char **exclude,
    struct err *e);

/* search_json.c */
enum field {
	FIELD_RANK, FIELD_ID, FIELD_DOC, FIELD_CONTENT, FIELD_METADATA, FIELD_SOURCE, FIELD_CHUNK,
	FIELD_SCORE, FIELD_SCORES, FIELD_ALSO, FIELD_QUERY, FIELD_QID, FIELD_EXPLAIN, FIELDS
};
/* "id,score" as bits; NULL: all. 0 or C1V_USAGE. */
int fields_parse(const char *list, unsigned *out, struct err *e);
int json_write(struct tool *t, const struct ask *a, const struct search_query *q);

/* search_show.c */
int show_write(struct tool *t, const struct ask *a);

/* search_neighbors.c: widen every hit by n chunks to either side. */
int neighbors_add(struct tool *t, int64_t n, struct err *e);

#endif

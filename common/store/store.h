/* store: documents, chunks, vectors and full text in one place.
 *
 * A store is named by a URL ("sqlite:PATH", a bare path, "postgres://…").
 * Drivers are tables of functions (store_driver.h), known only inside this
 * room. A store holds collections; each has its own model, and its chunks, vectors,
 * full-text rows and manifest change in one transaction. */
#ifndef C1V_STORE_STORE_H
#define C1V_STORE_STORE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/out.h"
#include "watch/log.h"

struct store;

enum store_mode { STORE_READ, STORE_WRITE };

struct store_options {
	const char *url;        /* NULL: the default, sqlite:$XDG_DATA_HOME/c1v/c1v.db */
	const char *collection; /* validated by store_open: [A-Za-z0-9_-]{1,48} */
	enum store_mode mode;   /* STORE_WRITE creates what is not there */
	double wait;            /* seconds to wait for the lock, then C1V_AGAIN "locked by pid N" */
	struct log *log;
	int (*stop)(void);      /* asked while waiting or working long: other than 0 gives up with C1V_AGAIN; NULL: never */
	int offline;            /* do not connect: only store_migrate() with print can be asked */
	/* Of PostgreSQL only: C1V_USAGE when another kind of store is given them. */
	const char *schema;     /* of the collection's table; NULL: the first of the search path */
	const char *columns;    /* "id=…,content=…,metadata=…,embedding=…": a table that others made; NULL: ours */
	const char *const *set; /* "app.tenant=7": variables within each transaction */
	size_t set_count;
	double connect_timeout;   /* seconds; 0: as the URL or PGCONNECT_TIMEOUT has it, else 10 */
	double statement_timeout; /* seconds; 0: as the server has it */
};

/* 0 or C1V_CONFIG (unknown scheme, password in the URL: C1V_USAGE), C1V_DATA (damaged or not a store), C1V_IO,
 * C1V_AGAIN; C1V_NO when reading a store that does not exist. A collection that does not
 * exist is C1V_NO from the first call that needs it. */
int store_open(const struct store_options *o, struct store **out, struct err *e);
int store_close(struct store *s, struct err *e);
/* "sqlite:/home/u/.local/share/c1v/c1v.db": for messages and summaries, no secret. */
const char *store_name(const struct store *s);

/* What a collection is. The model and the API base are those of its first vector that has one; vectors
 * of others are refused. Strings are owned by the store; NULL: not set yet. */
struct collection {
	const char *name, *model, *api_base, *digest, *metric, *splitter, *tokenizer;
	size_t dims;                  /* 0: no vector yet */
	uint64_t documents, chunks, vectors; /* in PostgreSQL estimates, but 0 only when there is none */
};
/* The open collection; C1V_NO when it does not exist. */
int store_collection(struct store *s, struct collection *out, struct err *e);

/* --- writing ------------------------------------------------------------ */

/* One chunk on its way in. Slices are borrowed until store_put returns. */
struct chunk_row {
	struct slice id;        /* unique in the collection */
	struct slice content;
	struct slice source;    /* SLICE_NONE: none */
	struct slice metadata;  /* raw JSON object, or SLICE_NONE */
	struct slice place;     /* raw JSON of `chunk`, or SLICE_NONE for a whole document */
	int64_t index;          /* position in its document, 0-based */
	const float *vector;    /* dims floats as they came, or NULL */
};

/* A document: all its chunks. count 0 empties it. */
struct document_row {
	struct slice id;
	const struct chunk_row *chunks;
	size_t count;
	struct slice model;     /* SLICE_NONE when no chunk has a vector */
	struct slice api_base;  /* where it was asked; SLICE_NONE: a local model, or not known */
	size_t dims;
};

enum store_conflict { STORE_UPDATE, STORE_SKIP, STORE_FAIL };

struct put_options {
	enum store_conflict conflict;
	int dry_run;  /* count, change nothing */
	int no_vectors;
	/* For --dry-run: each chunk and what would happen ("add", "update",
	 * "skip", "delete"); NULL: not wanted. */
	void (*each)(void *arg, const char *what, struct slice document, struct slice chunk);
	/* Document i of the batch is refused: why (its code is C1V_DATA). Other than 0 ends the batch. */
	int (*refused)(void *arg, size_t i, const struct err *why, struct err *e);
	void *arg;    /* of both */
};

struct put_counts {
	uint64_t documents, chunks; /* seen */
	uint64_t added, updated, skipped, deleted, duplicates; /* chunks */
};

/* Put a batch of documents in order (an id may stand twice), in one transaction: 0 when it is
 * committed, and counts (which is added to) then says what became of it. A document that is refused leaves no trace; the others
 * go in. On failure nothing of the batch is stored and counts is as it was, but refused() may
 * have been called. In a store opened with STORE_READ only dry runs can be made. */
int store_write(struct store *s, const struct document_row *const *rows, size_t count,
    const struct put_options *o, struct put_counts *counts, struct err *e);

/* --- administration ----------------------------------------------------- */

struct init_options {
	const char *tokenizer; /* "porter" (default), "unicode61", "trigram" */
	const char *model;     /* NULL: set by the first vector */
	size_t dims;
	const char *splitter;
	/* PostgreSQL: */
	const char *vector_type; /* "vector", "halfvec"; NULL: halfvec above 2,000 dims */
	struct index_options {
		enum index_action { INDEX_STATUS, INDEX_BUILD, INDEX_REBUILD, INDEX_DROP } action;
		const char *kind;        /* "hnsw" (default), "ivfflat", "none" */
		int64_t m, ef_construction, lists; /* 0: pgvector's default, lists for the row count */
		struct progress *progress; /* shown while it builds, or NULL */
	} index;
};
int store_init(struct store *s, const struct init_options *o, struct err *e);

/* Schema versions, of stores that have them (others: C1V_USAGE, as for every function that a kind
 * of store does not have). */
struct migrate_options {
	int64_t to;              /* -1: the latest */
	int dry_run;             /* say what would be done */
	int print;               /* write the SQL instead, for somebody else to apply: needs no server */
	const struct init_options *init;
	struct buf *out;         /* where print and dry_run write */
};
int store_migrate(struct store *s, const struct migrate_options *o, struct err *e);
typedef int store_json_fn(void *arg, struct slice object, struct err *e);
/* Each migration: {"version","name","checksum","applied_at" or null, "state":"applied|due|changed|unknown"}. */
int store_migrations(struct store *s, store_json_fn *fn, void *arg, struct err *e);
/* The vector index: one object for status, or when done. */
int store_index(struct store *s, const struct index_options *o, store_json_fn *fn, void *arg, struct err *e);
/* The slowest statements that the server remembers, slowest first. */
int store_slow(struct store *s, size_t limit, store_json_fn *fn, void *arg, struct err *e);
/* How well the index finds what an exact scan finds, over a sample of stored vectors:
 * {"sample","k","recall","p50_ms","p95_ms","exact_p50_ms","exact_p95_ms","index"}. */
struct recall_options { size_t sample, k; int64_t ef_search, probes; };
int store_recall(struct store *s, const struct recall_options *o, struct buf *json, struct err *e);

/* Append one JSON object that describes the store: with all its collections in order of their names, or
 * (all 0) with the open one, C1V_NO when it is not there. */
int store_info(struct store *s, int all, struct buf *json, struct err *e);

/* Check everything; each finding is a sentence given to `finding`. 0 sound,
 * C1V_NO with findings, or an error. */
int store_verify(struct store *s, void (*finding)(void *arg, const char *text), void *arg, struct err *e);

/* A chunk as stored, for export and get. Valid during the call. */
struct stored_chunk {
	struct slice id, document, content, source, metadata, place;
	int64_t index, of;
	const float *vector; /* NULL: none */
	size_t dims;
	const char *model, *api_base; /* of the vector; NULL: not known */
};
typedef int stored_chunk_fn(void *arg, const struct stored_chunk *c, struct err *e);
/* All chunks, by document in order of id and by index, each document whole. */
int store_export(struct store *s, stored_chunk_fn *fn, void *arg, struct err *e);
/* The chunk with this id, or every chunk of the document with it. C1V_NO: none. */
int store_get(struct store *s, struct slice id, stored_chunk_fn *fn, void *arg, struct err *e);

struct filter; /* filter.h */
struct delete_options {
	const struct slice *ids; size_t id_count; /* chunk or document ids */
	const char *source;
	const struct filter *filter;
	int dry_run;
};
/* Documents of which a chunk matches go as a whole for ids of documents and source; single
 * chunks for filter and ids of chunks. */
int store_delete(struct store *s, const struct delete_options *o, uint64_t *documents, uint64_t *chunks, struct err *e);
int store_drop(struct store *s, struct err *e);   /* the collection and all in it */
int store_vacuum(struct store *s, uint64_t *before, uint64_t *after, struct err *e); /* bytes on disk */

/* --- searching ---------------------------------------------------------- */

enum search_mode { SEARCH_HYBRID, SEARCH_VECTOR, SEARCH_KEYWORD };
enum search_fuse { FUSE_RRF, FUSE_ZSCORE };

struct search_query {
	struct slice text;       /* words for the keyword leg (SLICE_NONE: none) */
	int web;                 /* text has the web syntax: "phrase", -word, OR */
	const float *vector;     /* for the vector leg; NULL: none */
	size_t dims;
	enum search_mode mode;
	enum search_fuse fuse;
	double rrf_k;            /* 0: the seed's weight/rank */
	double weight_vector, weight_keyword;
	size_t limit;            /* results wanted */
	size_t candidates;       /* of each leg before fusion; 0: as many as the store thinks right */
	double min_score;        /* cosine; below: dropped from the vector leg. -2: none */
	int exact;               /* scan float32, not codes and without an index */
	int64_t ef_search, probes; /* of PostgreSQL's vector index; 0: what the number of candidates needs */
	const struct filter *filter; /* NULL: all */
	int same_filter;         /* it is the one of the search before: what passed is still known */
	const char *exclude_id;  /* for --similar-to, or NULL */
	int no_collapse;         /* show identical content again */
	size_t per_document;     /* 0: no limit */
	double mmr;              /* lambda in [0,1]; negative: off */
};

struct search_hit {
	struct slice id, document, content, source, metadata, place;
	int64_t index, of;
	double score;            /* by which hits are ordered */
	double vector_score, keyword_score;  /* cosine; bm25 (greater is better) */
	uint32_t vector_rank, keyword_rank;  /* from 1; 0: not in that leg */
	const struct slice *also; /* ids of other chunks with identical content */
	size_t also_count;
};

struct search_trace {        /* for --explain; milliseconds */
	double keyword_ms, vector_ms, fuse_ms, fetch_ms, total_ms;
	uint64_t vectors_scanned, rescored, keyword_rows, allowed; /* allowed: rows that pass the filter */
	int short_by_filter;      /* fewer than limit rows because of the filter */
};

struct search_hits {
	struct search_hit *items;
	size_t count;
	struct search_trace trace;
	struct arena arena;       /* owns everything above; kept from call to call */
};

/* Ranked hits, deterministic (ties by id). 0 (also when none is found). */
int store_search(struct store *s, const struct search_query *q, struct search_hits *out, struct err *e);
void search_hits_free(struct search_hits *h);

/* The chunks index-before .. index+after of a document, in order (for --neighbors). */
int store_neighbors(struct store *s, struct slice document, int64_t first, int64_t last,
    stored_chunk_fn *fn, void *arg, struct err *e);

#endif

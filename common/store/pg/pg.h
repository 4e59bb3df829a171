/* pg: the PostgreSQL driver's own struct, shared by the files of this
 * directory, which become the module lib/c1v/store_postgres.so.
 *
 * A collection is a table. Ours has the seed's columns (id, content, metadata,
 * embedding, created_at) and those of share/migrations; a foreign table
 * (--columns, LangChain's) has what it has. What a statement needs of either is
 * in struct pg_table; statements are templates over it (pg_sql). */
#ifndef C1V_STORE_PG_H
#define C1V_STORE_PG_H

#include "base/mem.h"
#include "store/pg/link.h"
#include "store/store_driver.h"

enum pg_kind {
	PG_ABSENT,  /* no such table */
	PG_BARE,    /* it is there, but was neither migrated nor described by --columns */
	PG_OURS,    /* made or adopted by c1v-store init: all of our columns */
	PG_FOREIGN  /* --columns or LangChain's pair of tables: rows by id, one chunk a document */
};

/* Names are quoted and qualified, ready to stand in SQL. NULL: there is none. */
struct pg_table {
	enum pg_kind kind;
	const char *table;      /* "public"."documents" */
	const char *name;       /* the table's alone, not quoted */
	const char *schema;     /* "public": of the table and of c1v's own tables */
	const char *id, *content, *metadata, *embedding, *created_at;
	const char *key, *document, *position, *source, *hash, *place, *model; /* PG_OURS */
	const char *fts;        /* an expression of type tsvector over the alias k: k."fts", or
	                           to_tsvector('english', k."content") as the index of an adopted table has it */
	const char *config;     /* 'english': a quoted literal of the text-search configuration */
	const char *extension;  /* "extensions" or "public": the schema that pgvector is in */
	const char *where;      /* a condition over the alias k that all rows of the collection meet (LangChain's pair
	                           of tables: k."collection_id" = '…'), or NULL */
	int metadata_is_json;   /* json rather than jsonb: cast before it is compared */
	char id_type;           /* 'i' integer, 'u' uuid, 't' text */
	int half;               /* halfvec rather than vector */
	int64_t dims;           /* of the column; 0: not limited */
	int version;            /* of the last migration */
	/* The index on the embedding: 'h' hnsw, 'i' ivfflat, 0 none; lists of ivfflat; whether it is on a
	 * cast to halfvec. */
	char index;
	int64_t lists;
	int index_half;
	const char *index_name; /* as in pg_class, not quoted */
	int64_t index_dims;     /* when it is on a cast: of that; else 0 */
	double rows;            /* the planner's estimate; of a table that it never looked at by its size */
	int vector_version;     /* of the extension: 80000 for 0.8.0; 0: not installed */
	const char *indexed;    /* what the index on the embedding is on, over the alias k: the column, or a cast of
	                           it to halfvec(D) or vector(D) */
	const char *query_type; /* that the query's vector is cast to so that the index is used: "public"."vector"(256) */
	const char *collection_id; /* LangChain's pair of tables: the literal for "collection_id" of new rows, or NULL */
	const char *layout;     /* for info: "c1v", "columns", "documents" (the seed's, Supabase's and LangChain JS's),
	                           "langchain_postgres", "langchain_pg_embedding" */
	const char *columns;    /* for info: id=…,content=…,… as taken */
	int id_default;         /* 0: an INSERT must give the id */
	int vector_needed;      /* the embedding is NOT NULL */
	const char *conflict;   /* a column that is not ours but has a name of ours: the table cannot be adopted; or NULL */
	int described;          /* it has columns of the four kinds, known or found: id, content, … are set */
	int adopted;            /* there is a row of it in c1v_collection */
	int mapped;             /* and others made it: that row has their columns' names */
	char relkind;           /* as in pg_class */
	double pages;           /* of 8 KiB, as large as it is now */
	const char *index_kind; /* as it was asked for at init: "hnsw", "ivfflat", "none" */
	int64_t index_m, index_ef_construction, index_lists; /* the same; 0: pgvector's own, or what fits */
};

struct pg_store {
	struct store base;
	struct pg_link link;
	struct store_options options; /* a copy; strings are the caller's */
	struct pg_table table;
	struct collection info;
	struct arena names;      /* of table and info; reset by pg_table_read() */
	struct arena scratch;    /* of one call */
	struct buf sql;          /* of pg_sql() */
	int wrote;               /* rows came through this store */
};

static inline struct pg_store *
pg_of(struct store *s)
{
	return (struct pg_store *)(void *)s;
}

/* --- pg.c: the driver's table; open, close, collection -------------------- */

extern const struct store_driver c1v_module_store_postgres;

/* C1V_NO "no collection X in STORE (c1v-store init makes it)" when absent or bare. */
int pg_must_exist(struct pg_store *s, struct err *e);
/* For writing: C1V_CONFIG when absent ("c1v-store init makes it") or bare ("… adopts it"), or
 * when migrations are due. */
int pg_must_write(struct pg_store *s, struct err *e);

/* --- table.c --------------------------------------------------------------- */

/* Read what the collection is: struct pg_table and s->info (model, dims, splitter, tokenizer =
 * text-search configuration; counts are estimates of the planner). Outside or inside a
 * transaction; one round trip. */
int pg_table_read(struct pg_store *s, struct err *e);
/* Fill a template: {table} {schema} {id} {content} {metadata} {embedding} {created_at} {key}
 * {document} {position} {source} {hash} {place} {model} {fts} {config} {vector} (the type,
 * qualified, without dims) {dims} {distance} (OPERATOR("extensions".<=>)) {collection} (a quoted
 * literal of the name) {where} (AND …, or nothing) {ext} {indexed} {query}. "{{" is a brace. {fts}, {where} and
 * {indexed} want the table to have the alias k. The text is in s->sql until the next call. */
const char *pg_sql(struct pg_store *s, const char *template);
/* Append an identifier or a literal, quoted so that it cannot be anything else. */
void pg_quote_name(struct buf *b, const char *name);
void pg_quote_text(struct buf *b, struct slice text);

/* --- migrate.c, index.c ----------------------------------------------------- */

int pg_init(struct store *s, const struct init_options *o, struct err *e);
int pg_migrate(struct store *s, const struct migrate_options *o, struct err *e);
/* C1V_CONFIG when the collection is ours and migrations are due ("c1v-store migrate"). */
int pg_migrations_done(struct pg_store *s, struct err *e);
/* What a collection that was made without --dims learns from its first vector: the model, the
 * dimension of its column, and the vector index, which can be made now. Call it at the start of a
 * writing transaction, before other locks; of several writers one does it, the others wait, and all have
 * what it is in s->info and s->table afterwards. *other: another writer has done it; the collection is locked
 * until the transaction ends all the same. Nothing is done when both are known. C1V_CONFIG when there are
 * vectors already and nobody has said of which model. */
int pg_model_set(struct pg_store *s, struct slice model, size_t dims, int *other, struct err *e);
/* Where the column has its dimension, several writers need not wait for each other: the model is taken
 * for granted (s->info), vectors are written, and at the end of the transaction it is recorded. *other: another
 * writer has recorded one since the table was read (assume), or a different one (record). */
int pg_model_assume(struct pg_store *s, struct slice model, int *other, struct err *e);
int pg_model_record(struct pg_store *s, int *other, struct err *e);
/* The same for where the model was asked, after vectors were written of a collection for which nothing
 * is recorded. *other: another writer has recorded something different. */
int pg_base_set(struct pg_store *s, struct slice api_base, int *other, struct err *e);
/* Take out what c1v keeps of the collection beside its table: functions, and rows of c1v_collection,
 * c1v_migration and c1v_document. Within the caller's transaction, before DROP TABLE. */
int pg_forget(struct pg_store *s, struct err *e);
/* After loading, outside a transaction: build or rebuild an IVFFlat index that does not fit the rows
 * any more (or that was wanted and waited for rows). Nothing for others. */
int pg_index_after_load(struct pg_store *s, struct err *e);
int pg_migrations(struct store *s, store_json_fn *fn, void *arg, struct err *e);
/* At the end of a run that wrote, outside a transaction: build or rebuild an ivfflat index when the
 * table has grown well past what it was built on. */
int pg_index_after_load(struct pg_store *s, struct err *e);
int pg_index(struct store *s, const struct index_options *o, store_json_fn *fn, void *arg, struct err *e);

/* --- write.c, delete.c, read.c, verify.c ------------------------------------- */

int pg_write(struct store *s, const struct document_row *const *rows, size_t count,
    const struct put_options *o, struct put_counts *counts, struct err *e);
int pg_delete(struct store *s, const struct delete_options *o, uint64_t *documents, uint64_t *chunks, struct err *e);
int pg_drop(struct store *s, struct err *e);
int pg_vacuum(struct store *s, uint64_t *before, uint64_t *after, struct err *e);
int pg_export(struct store *s, stored_chunk_fn *fn, void *arg, struct err *e);
int pg_get(struct store *s, struct slice id, stored_chunk_fn *fn, void *arg, struct err *e);
int pg_neighbors(struct store *s, struct slice document, int64_t first, int64_t last,
    stored_chunk_fn *fn, void *arg, struct err *e);
int pg_verify(struct store *s, void (*finding)(void *arg, const char *text), void *arg, struct err *e);

/* --- row.c: a row as a stored chunk, for export, get, neighbours and hits ---- */

/* The select list (a template, to be followed by FROM {table} k …), and one row of a BINARY
 * result of it, from column `first` on; slices are valid as long as r; the vector is in the arena. */
extern const char pg_row_columns[];
enum { PG_ROW_COLUMNS = 10 };
/* What stands for {k_id} {k_document} {k_source} {k_metadata} {k_place} {k_position} {k_model} in a
 * template: expressions over alias k that give what a reader sees, of our rows, of adopted ones
 * and of foreign tables alike. 1 when `name` is one of them; pg_sql() asks for names it does not know. */
int pg_row_term(const struct pg_store *s, struct slice name, struct buf *b);
int pg_row(struct pg_store *s, const PGresult *r, int row, int first, struct arena *a,
    struct stored_chunk *out, struct err *e);

/* --- search.c, filter.c, info.c, watch.c -------------------------------------- */

int pg_search(struct store *s, const struct search_query *q, struct search_hits *out, struct err *e);
/* Append the filter as a condition over {table} k (no placeholders of pg_sql left in it); its values
 * become parameters. Equal in meaning to filter_match() (filter.h). */
struct filter;
int pg_filter(struct pg_store *s, const struct filter *f, struct buf *sql, struct pg_params *p, struct err *e);
int pg_info(struct store *s, int all, struct buf *json, struct err *e);
int pg_slow(struct store *s, size_t limit, store_json_fn *fn, void *arg, struct err *e);
int pg_recall(struct store *s, const struct recall_options *o, struct buf *json, struct err *e);
/* Log a statement as the seed does: `db_query` (info), above 100 ms `slow_db_query` (warn),
 * `db_query_error` with its SQLSTATE (error). name is what was done ("search_vector"), never the SQL. What is done
 * in bulk takes as long as there are rows, and is not called slow. */
enum pg_watched { PG_QUERY, PG_BULK };
void pg_watch(struct pg_store *s, const char *name, enum pg_watched size, int64_t started, int64_t rows,
    const struct err *failed);

#endif

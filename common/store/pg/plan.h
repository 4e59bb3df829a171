/* plan: what the templates of share/migrations are filled with. */
#ifndef C1V_STORE_PG_PLAN_H
#define C1V_STORE_PG_PLAN_H

#include "store/pg/pg.h"

/* What pgvector can hold, and what it can index, in dimensions (since 0.7). */
enum { PG_COLUMN_DIMS = 16000, PG_VECTOR_INDEX_DIMS = 2000, PG_HALFVEC_INDEX_DIMS = 4000 };

struct pg_plan {
	const char *collection;       /* and the table's name, not quoted */
	const char *schema;           /* not quoted */
	const char *id, *content, *metadata, *embedding; /* quoted */
	const char *model, *splitter, *config, *columns; /* NULL: none */
	const char *vector_type;      /* "vector" or "halfvec" */
	const char *extension;        /* quoted: the schema that pgvector is in */
	int64_t dims;                 /* 0: not known yet */
	int cast;                     /* the index is on a cast of the column: to halfvec above 2,000 dimensions, to
	                                 vector(D) where the column has no dimension */
	const char *index;            /* "hnsw", "ivfflat", "none" */
	int64_t m, ef_construction, lists; /* 0: not said */
	int make_schema;
	int uuid_default;             /* ids are made by the client so far */
	int metadata_is_json;
};

/* What the options and the collection as it is (s->table; nothing of it when offline) come to.
 * C1V_CONFIG or C1V_USAGE when they contradict each other or the table cannot be adopted. Strings
 * are those of o and of s->names. */
int pg_plan(struct pg_store *s, const struct init_options *o, struct pg_plan *out, struct err *e);
/* The same for an index on any table, adopted or not: what is said of other things is not looked at. */
int pg_plan_index(struct pg_store *s, const struct index_options *o, struct pg_plan *out, struct err *e);
/* The dimension of the first vector in the table; 0: there is none. */
int pg_vector_dims(struct pg_store *s, int64_t *dims, struct err *e);
/* Append a template, filled: {NAME} is a value of the plan (fill.c has their list), "{{" is a brace;
 * lines between "-- if WORD" and "-- end" stay when WORD (schema, uuid, hnsw, ivfflat) holds. */
void pg_plan_fill(const struct pg_plan *p, const char *template, struct buf *out);

#endif

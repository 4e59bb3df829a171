/* table: what table.c and layout.c share: the columns of a table, and which of
 * them have which part. */
#ifndef C1V_STORE_PG_TABLE_H
#define C1V_STORE_PG_TABLE_H

#include "store/pg/pg.h"

struct pg_column {
	const char *name, *type; /* as in pg_attribute and pg_type ("int8", "vector") */
	int modifier;            /* of a vector: its dimensions; -1: none */
	int needed;              /* NOT NULL */
	int made;                /* there is a default */
	int primary;             /* it is the whole primary key */
	int number;              /* attnum */
};

struct pg_catalog {
	const char *schema;      /* NULL: no such schema */
	const char *pair;        /* LangChain's collection_id, or NULL */
	const char *table;       /* NULL: no such table */
	struct pg_column *columns;
	size_t count;
	const char *mapping;     /* of c1v_collection: "id=…,…", or NULL */
	int adopted;             /* there is a row of it in c1v_collection */
	int dims;                /* of that row; 0: not known */
	const char *forbidden;   /* a table that this role may not read, or NULL */
};

/* Names of columns by part; NULL: not there. */
struct pg_layout {
	const char *id, *content, *metadata, *embedding;
	const char *name;        /* as pg_table.layout */
};

const struct pg_column *pg_column(const struct pg_catalog *c, const char *name);
int pg_column_is(const struct pg_column *c, const char *types); /* "text varchar": one of these */
int pg_is_vector(const struct pg_column *c);

/* Which column is what: as the mapping says ("id=…,content=…"; NULL: nothing), the rest by the
 * names that are usual. C1V_CONFIG when a named column is missing or of a wrong type, or when
 * (mapping given) the content or the embedding cannot be found; without a mapping
 * out->embedding is NULL then. Strings are in a. */
int pg_layout(const struct pg_catalog *c, const char *mapping, struct arena *a,
    struct pg_layout *out, struct err *e);
/* Syntax only: C1V_USAGE. */
int pg_mapping_check(const char *mapping, struct err *e);
/* What a mapping that is well formed says, NULL for the rest; it may be NULL. Strings are in a. */
void pg_mapping_read(const char *mapping, struct arena *a, struct pg_layout *out);
/* Append "id=…,content=…,metadata=…,embedding=…". */
void pg_mapping_add(struct buf *b, const struct pg_layout *l);

#endif

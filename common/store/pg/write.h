/* write: a batch of documents on its way into the table. Private to write.c
 * (the transaction), write_check.c (what can be refused without asking),
 * write_plan.c (what is there, what shall become of each chunk), write_stage.c
 * (rows on the wire) and write_apply.c (locks and changes).
 *
 * All is done with sets. The server compares what is there with hashes and small
 * fields, and only documents that differ are locked (their rows of the manifest, in
 * order of their ids, so that writers never wait in a circle), compared again under
 * the lock, and sent in full. Where nothing differs, nothing is written or locked.
 *
 * Documents are put in order, as if one after the other: a batch is done in rounds, and
 * one begins before a document that depends on an earlier one of the same round. */
#ifndef C1V_STORE_PG_WRITE_H
#define C1V_STORE_PG_WRITE_H

#include "base/sha.h"
#include "store/pg/array.h"

/* Chunks that are done at once, or with a vector index, adding to which takes milliseconds a row: so
 * many take by far less than a statement may. */
enum { PUT_ROUND = 100000, PUT_ROUND_INDEXED = 500 };

/* What shall become of a chunk. ('d' in a plan's answer becomes a put_gone.) */
enum put_what {
	PUT_SAME = '=',
	PUT_NEW = 'n',
	PUT_CONTENT = 'c', /* its content has changed: everything is written */
	PUT_VECTOR = 'v',  /* a vector has come, the content is the same */
	PUT_TAKEN = 'o',   /* another document has its id: refused */
	PUT_MOVED = 'm'    /* only what stands around the content has changed */
};

struct put_chunk {
	const struct chunk_row *row;
	size_t document;
	const char *stored;     /* the id of its row, as text; NULL: none */
	struct slice metadata;  /* as it is stored: of a foreign table with our keys */
	struct slice plain;     /* of a foreign table the same for a row whose own id is the chunk's */
	const char *uuid;       /* of a foreign table whose ids are such */
	int64_t hash;           /* of the content: the first 8 bytes of its sum, little-endian */
	uint8_t sum[SHA_SIZE];
	char what;
	char duplicate;         /* its content is there under another id */
};

struct put_document {
	const struct document_row *row;
	size_t first;           /* of its chunks */
	size_t after;           /* one more than the nearest document before it that has the same id, or an
	                           id of a chunk in common; 0: none */
	size_t gone;            /* rows of it that vanish */
	int changed;
	int locked, inserted;   /* its row of the manifest is; was made by this transaction */
	struct err *why;        /* it is refused */
	int told;
};

/* A row that vanishes. */
struct put_gone {
	size_t document;
	const char *stored;
	struct slice id;
};

struct put {
	struct pg_store *s;
	const struct put_options *o;
	struct put_document *documents;
	size_t count;
	struct put_chunk *chunks;
	size_t chunk_count;
	struct put_gone *gone;
	size_t gone_count, gone_room;
	struct arena kept;      /* of the batch */
	struct arena arena;     /* of one attempt */
	struct buf bytes;
	int careful;            /* a document is bad in the server's eyes: find it */
	int wrote;              /* this attempt did */
	size_t vectors;         /* written by it */
	size_t candidate;       /* the document whose model becomes the collection's is this one or later */
	int model_set;          /* this attempt did, or takes it for granted */
	int model_assumed;      /* which is recorded at the end */
	int again;              /* the attempt is to be made again at once */
	int collisions;         /* times that this was so because of another writer */
};

/* Refuse a document; its id is put before the reason. */
void put_refuse(struct put *p, size_t document, const struct err *why);
/* Another writer came between: the batch is begun again. Returns C1V_AGAIN. */
int put_collided(struct put *p, const char *why, struct err *e);
static inline int
put_shown(struct slice s) /* for messages: an id may be long */
{
	return s.n > 120 ? 120 : (int)s.n;
}

/* --- write_check.c -------------------------------------------------------- */

/* Fill in what does not depend on the server: order, hashes, foreign metadata. */
void put_prepare(struct put *p);
/* Refuse what can be refused at once; before and after the collection's model is known. */
void put_check_form(struct put *p);
void put_check_vectors(struct put *p);
int put_has_vector(const struct put *p, size_t document);

/* --- write_foreign.c ------------------------------------------------------ */

/* A chunk's metadata as a foreign table keeps it, and the id of its row. */
void put_foreign(struct put *p, struct put_chunk *c);
const char *put_uuid(struct arena *a, struct slice id);
int put_is_uuid(struct slice s); /* as PostgreSQL writes them */

/* --- write_plan.c --------------------------------------------------------- */

/* Compare documents [first, *end) with what is there. again: only those that are to be compared once
 * more under the lock. *end becomes the document that must wait for an earlier one, if there is one. */
int put_plan(struct put *p, size_t first, size_t *end, int again, struct err *e);

/* --- write_stage.c -------------------------------------------------------- */

/* Make pg_temp.c1v_stage and fill it with the rows of [first, end) that are to be written. */
int put_stage(struct put *p, size_t first, size_t end, struct err *e);

/* --- write_apply.c -------------------------------------------------------- */

/* For a foreign table, before it is compared. */
int put_lock_table(struct put *p, struct err *e);
/* Lock the documents of [first, end) that change. */
int put_lock(struct put *p, size_t first, size_t end, struct err *e);
/* Carry out what was planned for [first, end). C1V_AGAIN when a row that was there is not any more. */
int put_apply(struct put *p, size_t first, size_t end, struct err *e);

#endif

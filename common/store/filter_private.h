/* filter_private: a compiled filter, shared by filter.c (which compiles) and
 * filter_match.c (which compares). Private to them. */
#ifndef C1V_STORE_FILTER_PRIVATE_H
#define C1V_STORE_FILTER_PRIVATE_H

#include "base/json.h"
#include "store/filter.h"

enum filter_field { FIELD_METADATA, FIELD_SOURCE, FIELD_ID, FIELD_DOCUMENT };

enum filter_op {
	OP_ALL, OP_ANY, OP_NOT, /* of the nodes below; OP_NOT: not all of them */
	OP_CONTAINS, OP_TEXT,   /* {"key":value}, key=value */
	OP_EQ, OP_IN, OP_GT, OP_GTE, OP_LT, OP_LTE, OP_EXISTS
};

/* A JSON value ready to be compared. */
struct filter_value {
	enum json_type type;
	struct slice raw;  /* as it stands (of a text that is no JSON: none) */
	struct slice text; /* of a string */
};

struct filter_node {
	enum filter_op op;
	enum filter_field field;
	struct slice key;            /* text */
	struct filter_value *values; /* what to compare with: one, or those of OP_IN */
	struct filter_node *nodes;   /* OP_ALL, OP_ANY, OP_NOT */
	size_t count;                /* of values or nodes */
};

struct filter {
	struct arena arena;
	struct filter_node *conditions; /* all must hold */
	size_t count, room;
	int metadata_only;
};

/* Order of two JSON numbers, exactly: -1, 0 or 1. */
int filter_number_order(struct slice a, struct slice b);

#endif

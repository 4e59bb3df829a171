/* filter: which rows a search or a deletion may touch, by their metadata.
 *
 * A filter is a JSON object, or `key=value`, or several of them (all must
 * hold). Each member of the object is a condition on the metadata's key of
 * that name, and all must hold:
 *
 *   {"type":"prd"}       the value contains this one, as PostgreSQL's @> does:
 *                        scalars are equal, objects contain each member of the
 *                        filter's (recursively), arrays have, for each item of
 *                        the filter's, one that equals or contains it
 *   {"year":{"$gte":2024,"$lt":2026}}  an object of operators compares:
 *                        $eq $ne       equal as a whole, or not
 *                        $in $nin      equal to an item of the array, or to none
 *                        $gt $gte $lt $lte  numbers with numbers, strings with strings
 *                        $exists       true: the key is there, be it null; false: it is not
 *                        $not          an object of operators that must not all hold
 *   {"$and":[…]} {"$or":[…]} {"$not":{…}}  combine filters
 *   key=value            the value's text is this one: of a string its text,
 *                        of a number, true, false or null as it stands
 *
 * A key with dots is first looked up as it is, then as a path through objects;
 * of keys that stand twice the first counts. An absent key is equal to nothing,
 * not even to null: $ne, $nin and $not hold. Besides metadata's own keys, `source`, `id` and
 * `doc` of the record are reachable as "$source", "$id", "$doc": strings, or absent.
 * Numbers compare by value, exactly; strings by code point; different types are never
 * equal and never ordered. */
#ifndef C1V_STORE_FILTER_H
#define C1V_STORE_FILTER_H

#include "base/buf.h"

struct filter;

struct filter_row {
	struct slice metadata; /* raw JSON object, valid, or SLICE_NONE */
	struct slice id, document, source; /* text */
};

enum { FILTER_DEPTH = 32 }; /* of $and, $or and $not in each other */

/* Add a condition to *f (NULL at first; unchanged on failure). C1V_USAGE with
 * what is wrong. The text is copied. */
int filter_add(struct filter **f, const char *text, struct err *e);
/* 1 when the row passes, also when f is NULL. Threads may share f. */
int filter_match(const struct filter *f, const struct filter_row *row);
/* Does it look at nothing but metadata? (Then rows with the same metadata share the answer.) */
int filter_metadata_only(const struct filter *f);
void filter_free(struct filter *f);

#endif

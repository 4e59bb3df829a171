/* json: a validating scanner over bytes in memory (RFC 8259), and writing.
 *
 * Nothing is built: a value is the slice of its bytes, exactly as they stand.
 * Accepted is strict RFC 8259 in valid UTF-8 (no overlong forms, surrogates or
 * bytes above F4), to a depth of JSON_DEPTH. Escapes \uD800-\uDFFF must pair.
 * Numbers are checked for their grammar only and never converted here. */
#ifndef C1V_BASE_JSON_H
#define C1V_BASE_JSON_H

#include <stddef.h>

#include "base/buf.h"

enum { JSON_DEPTH = 512 };

enum json_type {
	JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT
};

/* The type of a validated value, from its first byte. */
enum json_type json_type(struct slice value);

/* Validate text as one value with white space around it. On success *value is
 * the value without that space. On failure: C1V_DATA, e says what and at which
 * byte (counted from 1). */
int json_check(struct slice text, struct slice *value, struct err *e);

/* Walk the members of a validated object or the items of a validated array:
 *     struct json_walk w = json_walk(object);
 *     while (json_member(&w, &key, &value)) …
 * key is the string between its quotes, escapes as they stand. A long value whose
 * end the caller knows already may be put in `known`: it is not read again. */
struct json_walk {
	const char *p, *end;
	struct slice known;
};
struct json_walk json_walk(struct slice value);
int json_member(struct json_walk *w, struct slice *key, struct slice *value);
int json_item(struct json_walk *w, struct slice *value);

/* Validate and walk in one pass: text is one object with white space around
 * it; member() is called for each top-level member in order (value validated)
 * and ends the scan by returning other than 0, which is then returned. The
 * whole text is valid only when the call returns 0. */
typedef int json_member_fn(void *arg, struct slice key, struct slice value, struct err *e);
int json_scan_object(struct slice text, json_member_fn *member, void *arg, struct err *e);

/* Does a validated string (with its quotes) or a key (without) equal s? */
int json_string_is(struct slice string, const char *s);
int json_key_is(struct slice key, const char *s);

/* The text of a validated string (with quotes). Without escapes it is a slice
 * of the input, else it is decoded at the end of scratch (which must then not
 * change while the result is in use). \u0000 becomes a NUL byte: look for one
 * where it is not allowed. */
struct slice json_text(struct slice string, struct buf *scratch);
struct slice json_key_text(struct slice key, struct buf *scratch);

/* The first member of a validated object named key (plain text), or SLICE_NONE. */
struct slice json_get(struct slice object, const char *key);
struct slice json_get_n(struct slice object, struct slice key);

/* Are two validated values equal? Objects without regard to order, strings by
 * their text, numbers by value. Hidden, for jansson has a function of this name,
 * and must not call this one where a program is linked with both. */
__attribute__((visibility("hidden"))) int json_equal(struct slice a, struct slice b);

/* Append s as a JSON string with its quotes. s must be valid UTF-8. Escaped are
 * the quote, the backslash and U+0000-001F. */
void json_add_string(struct buf *b, struct slice s);
/* The same without the quotes. */
void json_add_escaped(struct buf *b, struct slice s);
/* Append `,"key":` or, right behind `{`, `"key":`. key needs no escapes. */
void json_add_key(struct buf *b, const char *key);

#endif

/* json_scan: the scanner under json.h, shared by the files of json and by
 * nobody else. Every function takes the place to read from and returns the
 * place behind what it read, or NULL and the reason in the scan. */
#ifndef C1V_BASE_JSON_SCAN_H
#define C1V_BASE_JSON_SCAN_H

#include "base/json.h"

struct json_scan {
	const char *end; /* nothing is read from here on */
	const char *at;  /* where it went wrong, and why */
	const char *why;
};

static inline const char *
json_scan_space(const struct json_scan *s, const char *p)
{
	while (p < s->end && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
		p++;
	return p;
}

/* A string from behind its opening quote, through its closing one. */
const char *json_scan_string(struct json_scan *s, const char *p);

/* A key, its colon and the white space around both. */
const char *json_scan_key(struct json_scan *s, const char *p, struct slice *key);

/* A value inside base open containers, from the first byte on or from white
 * space before it. */
const char *json_scan_value(struct json_scan *s, const char *p, unsigned base);

#endif

/* A filter on the first line, metadata behind it: both compile or are refused,
 * and what passes is what logic demands. */
#include <stdint.h>
#include <stdlib.h>

#include "base/json.h"
#include "store/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(int truth)
{
	if (!truth)
		abort();
}

/* Does before + text + after pass? -1: refused. */
static int
passes(const char *before, struct slice text, const char *after, const struct filter_row *row)
{
	struct filter *f = NULL;
	struct buf b = {0};
	struct err e = {0};
	int rc, yes = -1;

	buf_string(&b, before);
	buf_slice(&b, text);
	buf_string(&b, after);
	rc = filter_add(&f, buf_cstr(&b), &e);
	must(rc == 0 || (rc == C1V_USAGE && e.code == rc && e.text[0] != '\0' && f == NULL));
	if (rc == 0) {
		yes = filter_match(f, row);
		must(yes == 0 || yes == 1);
		must(filter_add(&f, "{\"$or\":[]}", &e) == C1V_USAGE); /* changes nothing */
		must(filter_match(f, row) == yes);
		must(filter_add(&f, "{}", &e) == 0);
		must(filter_match(f, row) == yes);
	}
	filter_free(f);
	buf_free(&b);
	return yes;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
	size_t n = line ? (size_t)(line - data) : size;
	struct slice text = {(const char *)data, n}, metadata = SLICE_NONE;
	struct filter_row row = {SLICE_NONE, SLICE("a#1"), SLICE("a"), SLICE_NONE};
	int yes, no;

	if (line != NULL && json_check((struct slice){(const char *)line + 1, size - n - 1}, &metadata, NULL) == 0 &&
	    json_type(metadata) == JSON_OBJECT)
		row.metadata = metadata;
	if (n && memchr(data, '\0', n) != NULL)
		return 0; /* arguments have no NUL */
	yes = passes("", text, "", &row);
	if (yes < 0 || text.p == NULL || memchr(text.p, '{', text.n) == NULL)
		return 0;
	no = passes("{\"$not\":", text, "}", &row);
	must(no < 0 || no == !yes); /* refused: key=value, or one too deep */
	no = passes("{\"$or\":[", text, ",{\"$and\":[{},{\"$not\":{}}]}]}", &row);
	must(no < 0 || no == yes);
	return 0;
}

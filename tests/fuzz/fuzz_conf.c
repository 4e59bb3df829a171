/* Any bytes as a configuration file: what is taken is shown by --show-config
 * in a form that reads back to the same settings. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/opt.h"

struct settings {
	const char *collection, *name;
	int64_t size, bytes;
	double real;
	int flag, by;
	struct opt_list list;
};

static const struct opt options[] = {
	{.name = "collection", .kind = OPT_STRING, .offset = offsetof(struct settings, collection)},
	{.name = "name", .kind = OPT_STRING, .offset = offsetof(struct settings, name)},
	{.name = "size", .kind = OPT_INT, .offset = offsetof(struct settings, size), .min = -5, .max = 1e6},
	{.name = "bytes", .kind = OPT_SIZE, .offset = offsetof(struct settings, bytes)},
	{.name = "real", .kind = OPT_REAL, .offset = offsetof(struct settings, real)},
	{.name = "flag", .kind = OPT_FLAG, .offset = offsetof(struct settings, flag)},
	{.name = "by", .kind = OPT_CHOICE, .offset = offsetof(struct settings, by), .choices = "one|two|three"},
	{.name = "list", .kind = OPT_LIST, .offset = offsetof(struct settings, list)},
	OPT_END,
};
static const struct opt_spec spec = {
	.tool = "c1v-fuzz",
	.tables = (const struct opt *const[]){options, NULL},
};

static void
must(int cond)
{
	if (!cond)
		abort();
}

/* Read text as a file and show what came of it; 0 when it was refused. */
static int
show(const void *text, size_t n, struct buf *out)
{
	char path[64], name[] = "c1v-fuzz", *argv[] = {name, NULL};
	int fd = memfd_create("config", 0), rc;
	struct settings s = {0};
	struct opt_result r = {0};
	struct err e = {0};
	struct conf *c;

	must(fd >= 0 && write(fd, text, n) == (ssize_t)n);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	c = conf_read(path, &e);
	rc = c != NULL ? opt_parse(&spec, 1, argv, c, &s, &r, &e) : e.code;
	must(rc == 0 || (rc == C1V_CONFIG && e.code == C1V_CONFIG && e.text[0]));
	if (rc == 0)
		opt_show(&spec, &r, &s, out);
	opt_free(&r);
	conf_free(c);
	close(fd);
	return rc == 0;
}

/* What stands behind the last "  # " of a line says where the value came from,
 * which differs. */
static void
cut_origins(struct buf *b)
{
	struct buf out = {0};

	for (size_t i = 0; i < b->len;) {
		const char *line = b->data + i, *end = memchr(line, '\n', b->len - i), *p;

		must(end != NULL && end - line > 4);
		for (p = end - 4; p > line && memcmp(p, "  # ", 4) != 0;)
			p--;
		buf_add(&out, line, (size_t)(p - line));
		buf_byte(&out, '\n');
		i += (size_t)(end - line) + 1;
	}
	buf_free(b);
	*b = out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf first = {0}, second = {0};

	if (show(data, size, &first) && strstr(buf_cstr(&first), "****") == NULL) {
		must(show(first.data, first.len, &second));
		cut_origins(&first);
		cut_origins(&second);
		must(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
	}
	buf_free(&first);
	buf_free(&second);
	return 0;
}

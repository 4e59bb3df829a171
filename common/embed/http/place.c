#include "remote.h"

#include <ctype.h>
#include <stdlib.h>

static int
ends_with(const struct buf *b, const char *ending)
{
	size_t n = strlen(ending);

	return b->len >= n && memcmp(b->data + b->len - n, ending, n) == 0;
}

/* Take an ending away that stands behind `from`. */
static int
shorten(struct buf *b, size_t from, const char *ending)
{
	size_t n = strlen(ending);

	if (b->len < from + n || !ends_with(b, ending))
		return 0;
	b->len -= n;
	return 1;
}

/* What stands behind the scheme's "://", up to the path. */
static struct slice
authority(const char *base, size_t n, size_t *from)
{
	const char *mark = memmem(base, n, "://", 3), *end, *user;

	*from = mark ? (size_t)(mark - base) + 3 : 0;
	end = memchr(base + *from, '/', n - *from);
	if (end == NULL)
		end = base + n;
	user = memrchr(base + *from, '@', (size_t)(end - base) - *from);
	if (user == NULL)
		user = base + *from - 1;
	return (struct slice){user + 1, (size_t)(end - user) - 1};
}

char *
place_make(const char *base)
{
	size_t n = strcspn(base, "?#"), from, start;
	struct slice host = authority(base, n, &from);
	struct buf b = {0};

	buf_add(&b, base, from);
	start = b.len;
	buf_slice(&b, host);
	for (size_t i = 0; i < b.len; i++)
		b.data[i] = (char)tolower((unsigned char)b.data[i]);
	if (start == 8)
		shorten(&b, start, ":443");
	else
		shorten(&b, start, ":80");
	start = b.len;
	buf_add(&b, host.p + host.n, (size_t)(base + n - host.p) - host.n);
	while (shorten(&b, start, "/") || shorten(&b, start, "/embeddings"))
		;
	buf_cstr(&b);
	return b.data;
}

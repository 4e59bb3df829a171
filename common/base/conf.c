#include "base/opt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { CONF_MAX = 1024 * 1024 }; /* bytes; a larger file is no configuration */

struct conf_row {
	const char *section; /* name of the collection, or NULL */
	const char *key, *value;
	int line;
};

struct conf {
	struct arena arena;
	const char *path;
	int found;
	struct conf_row *rows;
	size_t count, room;
};

const char *
conf_default_path(struct arena *a)
{
	const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	/* The XDG specification has relative paths ignored. */
	if (base != NULL && base[0] == '/')
		return arena_format(a, "%s/c1v/config", base);
	if (home != NULL && home[0] != '\0')
		return arena_format(a, "%s/.config/c1v/config", home);
	return NULL;
}

static int
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct slice
trim(struct slice s)
{
	for (; s.n && blank(s.p[0]); s.n--)
		s.p++;
	while (s.n && blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

static int
wrong(const struct conf *c, int line, struct err *e, const char *why)
{
	return err_set(e, C1V_CONFIG, "%s:%d: %s", c->path, line, why);
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 32) >= 'a' && (c | 32) <= 'f')
		return (c | 32) - 'a' + 10;
	return -1;
}

/* The byte that the escape at *p (behind its backslash) stands for; -1: none. */
static int
escape(const char **p, const char *end)
{
	static const char names[] = "\\\"nrt", values[] = "\\\"\n\r\t";
	const char *at;
	int c;

	if (*p == end)
		return -1;
	if (**p == 'x' && end - *p > 2 && hex_digit((*p)[1]) >= 0 && hex_digit((*p)[2]) >= 0) {
		c = hex_digit((*p)[1]) << 4 | hex_digit((*p)[2]);
		*p += 3;
		return c ? c : -1;
	}
	at = memchr(names, **p, sizeof(names) - 1);
	if (at == NULL)
		return -1;
	(*p)++;
	return (unsigned char)values[at - names];
}

/* A value in quotes; text begins behind the first one. */
static int
quoted(struct conf *c, struct slice text, int line, const char **out, struct err *e)
{
	char *s = arena_alloc(&c->arena, text.n + 1);
	const char *p = text.p, *end = text.p + text.n;
	size_t n = 0;

	while (p < end && *p != '"') {
		int byte = (unsigned char)*p++;

		if (byte == '\\' && (byte = escape(&p, end)) < 0)
			return wrong(c, line, e, "a backslash in quotes is written \\\\ (others: \\\" \\n \\r \\t \\xNN)");
		s[n++] = (char)byte;
	}
	if (p == end)
		return wrong(c, line, e, "the closing quote is missing");
	text = trim((struct slice){p + 1, (size_t)(end - p - 1)});
	if (text.n && text.p[0] != '#')
		return wrong(c, line, e, "text behind the closing quote");
	s[n] = '\0';
	*out = s;
	return 0;
}

static const char *
plain(struct conf *c, struct slice text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '#' && (i == 0 || blank(text.p[i - 1])))
			text.n = i;
	}
	text = trim(text);
	return arena_bytes(&c->arena, text.p, text.n);
}

/* "[collection NAME]"; *section is then the name. */
static int
read_section(struct conf *c, struct slice s, int line, const char **section, struct err *e)
{
	static const char word[] = "collection";
	const char *close = memchr(s.p, ']', s.n);
	struct slice rest;

	if (close == NULL)
		return wrong(c, line, e, "the closing bracket is missing");
	rest = trim((struct slice){close + 1, (size_t)(s.p + s.n - close - 1)});
	s = trim((struct slice){s.p + 1, (size_t)(close - s.p - 1)});
	if (rest.n && rest.p[0] != '#')
		return wrong(c, line, e, "text behind the closing bracket");
	if (s.n < sizeof(word) || memcmp(s.p, word, sizeof(word) - 1) != 0 || !blank(s.p[sizeof(word) - 1]))
		return wrong(c, line, e, "a section is [collection NAME]");
	s = trim((struct slice){s.p + sizeof(word), s.n - sizeof(word)});
	if (s.n > 1 && s.p[0] == '"' && s.p[s.n - 1] == '"')
		s = (struct slice){s.p + 1, s.n - 2};
	*section = arena_bytes(&c->arena, s.p, s.n);
	return 0;
}

static int
key_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	    c == '-' || c == '_' || c == '.';
}

static int
read_pair(struct conf *c, struct slice s, int line, const char *section, struct err *e)
{
	const char *equals = memchr(s.p, '=', s.n), *value = NULL;
	struct slice key, text;

	if (equals == NULL)
		return wrong(c, line, e, "a line is `key = value`");
	key = trim((struct slice){s.p, (size_t)(equals - s.p)});
	text = trim((struct slice){equals + 1, (size_t)(s.p + s.n - equals - 1)});
	for (size_t i = 0; i < key.n; i++) {
		if (!key_byte(key.p[i]))
			key.n = 0;
	}
	if (key.n == 0)
		return wrong(c, line, e, "a key is the long name of an option");
	if (key.n > 4 && memcmp(key.p, "c1v-", 4) == 0 && memchr(key.p, '.', key.n) != NULL)
		key = (struct slice){key.p + 4, key.n - 4};
	if (text.n && text.p[0] == '"') {
		if (quoted(c, (struct slice){text.p + 1, text.n - 1}, line, &value, e) != 0)
			return C1V_CONFIG;
	} else {
		value = plain(c, text);
	}
	mem_grow(&c->rows, &c->room, c->count + 1, sizeof(*c->rows));
	c->rows[c->count++] = (struct conf_row){section,
	    arena_bytes(&c->arena, key.p, key.n), value, line};
	return 0;
}

static int
read_lines(struct conf *c, struct slice text, struct err *e)
{
	const char *section = NULL;
	int line = 0, rc = 0;

	if (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0)
		text = (struct slice){text.p + 3, text.n - 3};
	while (text.n && rc == 0) {
		const char *end = memchr(text.p, '\n', text.n);
		size_t n = end ? (size_t)(end - text.p) : text.n, used = n + (end != NULL);
		struct slice s = trim((struct slice){text.p, n});

		line++;
		if (memchr(s.p, '\0', s.n) != NULL)
			rc = wrong(c, line, e, "a NUL byte");
		else if (s.n && s.p[0] == '[')
			rc = read_section(c, s, line, &section, e);
		else if (s.n && s.p[0] != '#')
			rc = read_pair(c, s, line, section, e);
		text = (struct slice){text.p + used, text.n - used};
	}
	return rc;
}

static int
read_all(struct conf *c, int fd, struct buf *b, struct err *e)
{
	ssize_t n;

	do {
		n = read(fd, buf_reserve(b, 4096), 4096);
		if (n > 0)
			b->len += (size_t)n;
	} while ((n > 0 && b->len <= CONF_MAX) || (n < 0 && errno == EINTR));
	if (n < 0)
		return err_sys(e, C1V_CONFIG, "cannot read %s", c->path);
	if (b->len > CONF_MAX)
		return err_set(e, C1V_CONFIG, "cannot read %s: it is larger than 1 MiB", c->path);
	return 0;
}

struct conf *
conf_read(const char *path, struct err *e)
{
	struct conf *c = mem_zero(1, sizeof(*c));
	struct buf b = {0};
	int fd, rc = 0;

	c->path = arena_bytes(&c->arena, path, strlen(path));
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	c->found = fd >= 0;
	if (fd >= 0) {
		rc = read_all(c, fd, &b, e);
		close(fd);
		if (rc == 0)
			rc = read_lines(c, buf_as_slice(&b), e);
	} else if (errno != ENOENT && errno != ENOTDIR) {
		rc = err_sys(e, C1V_CONFIG, "cannot read %s", path);
	}
	buf_free(&b);
	if (rc != 0) {
		conf_free(c);
		c = NULL;
	}
	return c;
}

int
conf_found(const struct conf *c)
{
	return c->found;
}

const char *
conf_path(const struct conf *c)
{
	return c->path;
}

const char *
conf_entry(const struct conf *c, size_t i, const char **section, const char **value, int *line)
{
	const struct conf_row *row;

	if (i >= c->count)
		return NULL;
	row = &c->rows[i];
	if (section != NULL)
		*section = row->section;
	if (value != NULL)
		*value = row->value;
	if (line != NULL)
		*line = row->line;
	return row->key;
}

void
conf_free(struct conf *c)
{
	if (c == NULL)
		return;
	arena_free(&c->arena);
	free(c->rows);
	free(c);
}

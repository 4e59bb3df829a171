#include "text/markdown.h"

#include <ctype.h>
#include <string.h>

enum { TAB = 4, INDENTED = 4, MAX_ORDINAL = 9 };

struct md_line {
	size_t start, end, next; /* end: without the newline */
	size_t text;             /* the first byte that is not a blank */
	size_t indent;           /* columns before it */
	int blank;
};

enum container { OUTSIDE, IN_LIST, IN_QUOTE };

static size_t
skip_blanks(const char *p, size_t at, size_t end, size_t *column)
{
	for (; at < end && (p[at] == ' ' || p[at] == '\t'); at++) {
		*column += p[at] == '\t' ? TAB - *column % TAB : 1;
	}
	return at;
}

/* The line at `at`; 0 at the end of the text. */
static int
line_at(const struct md_scan *s, size_t at, struct md_line *l)
{
	const char *p = s->text.p, *newline;

	if (at >= s->text.n)
		return 0;
	newline = memchr(p + at, '\n', s->text.n - at);
	l->start = at;
	l->end = newline != NULL ? (size_t)(newline - p) : s->text.n;
	l->next = newline != NULL ? l->end + 1 : l->end;
	if (l->end > at && p[l->end - 1] == '\r')
		l->end--;
	l->indent = 0;
	l->text = skip_blanks(p, at, l->end, &l->indent);
	l->blank = l->text == l->end;
	return 1;
}

static size_t
run_of(const char *p, size_t at, size_t end, char c)
{
	size_t from = at;

	while (at < end && p[at] == c) {
		at++;
	}
	return at - from;
}

static int
only_blanks(const char *p, size_t at, size_t end)
{
	size_t column = 0;

	return skip_blanks(p, at, end, &column) == end;
}

/* --- what a line begins ------------------------------------------------ */

/* Length of the list marker at `at`, 0: none. *content: where its text is. */
static size_t
list_marker(const char *p, size_t at, size_t end, int *interrupts)
{
	size_t i = at;

	*interrupts = 1;
	if (i < end && (p[i] == '-' || p[i] == '+' || p[i] == '*')) {
		i++;
	} else {
		while (i < end && i - at <= MAX_ORDINAL && isdigit((unsigned char)p[i])) {
			i++;
		}
		if (i == at || i - at > MAX_ORDINAL || i == end || (p[i] != '.' && p[i] != ')'))
			return 0;
		*interrupts = i - at == 1 && p[at] == '1';
		i++;
	}
	if (i < end && p[i] != ' ' && p[i] != '\t')
		return 0;
	*interrupts &= !only_blanks(p, i, end);
	return i - at;
}

static int
is_thematic_break(const char *p, const struct md_line *l)
{
	char c = p[l->text];
	size_t count = 0;

	if (l->indent >= INDENTED || (c != '-' && c != '_' && c != '*'))
		return 0;
	for (size_t i = l->text; i < l->end; i++) {
		if (p[i] == c)
			count++;
		else if (p[i] != ' ' && p[i] != '\t')
			return 0;
	}
	return count >= 3;
}

static int /* its level */
is_atx(const char *p, const struct md_line *l)
{
	size_t n = run_of(p, l->text, l->end, '#');

	if (l->indent >= INDENTED || n < 1 || n > 6)
		return 0;
	return l->text + n == l->end || p[l->text + n] == ' ' || p[l->text + n] == '\t' ? (int)n : 0;
}

static int /* its level */
is_setext(const char *p, const struct md_line *l)
{
	char c = p[l->text];
	size_t n;

	if (l->indent >= INDENTED || (c != '=' && c != '-'))
		return 0;
	n = run_of(p, l->text, l->end, c);
	if (!only_blanks(p, l->text + n, l->end))
		return 0;
	return c == '=' ? 1 : 2;
}

/* Length of the fence that opens at `at`, 0: none. */
static size_t
fence_open(const char *p, size_t at, size_t end)
{
	size_t n;

	if (at == end || (p[at] != '`' && p[at] != '~'))
		return 0;
	n = run_of(p, at, end, p[at]);
	if (n < 3 || (p[at] == '`' && memchr(p + at + n, '`', end - at - n) != NULL))
		return 0;
	return n;
}

/* Past the quote marks and blanks of a line in a container. */
static size_t
past_quotes(const char *p, size_t at, size_t end)
{
	while (at < end && (p[at] == ' ' || p[at] == '\t' || p[at] == '>')) {
		at++;
	}
	return at;
}

static size_t
past_markers(const char *p, size_t at, size_t end)
{
	size_t n;
	int interrupts;

	for (;;) {
		at = past_quotes(p, at, end);
		n = list_marker(p, at, end, &interrupts);
		if (n == 0)
			return at;
		at += n;
	}
}

/* --- tables ------------------------------------------------------------ */

static int /* cells of a row, without regard to what is in them */
cells(const char *p, size_t at, size_t end)
{
	int n = 1;

	while (end > at && (p[end - 1] == ' ' || p[end - 1] == '\t')) {
		end--;
	}
	at += at < end && p[at] == '|';
	if (end > at && p[end - 1] == '|' && (end - 1 == at || p[end - 2] != '\\'))
		end--;
	for (; at < end; at++) {
		if (p[at] == '\\')
			at++;
		else
			n += p[at] == '|';
	}
	return n;
}

static int /* of :---:, at least one bar; 0: it is none */
delimiter_cells(const char *p, size_t at, size_t end)
{
	size_t column = 0;
	int bars = 0;

	if (memchr(p + at, '|', end - at) == NULL)
		return 0;
	for (size_t i = at + (p[at] == '|'); i < end;) {
		i = skip_blanks(p, i, end, &column);
		if (i == end && bars)
			break;
		i += i < end && p[i] == ':';
		if (run_of(p, i, end, '-') == 0)
			return 0;
		i += run_of(p, i, end, '-');
		i += i < end && p[i] == ':';
		i = skip_blanks(p, i, end, &column);
		if (i < end && p[i] != '|')
			return 0;
		bars++;
		i++;
	}
	return cells(p, at, end);
}

static int
is_table(const struct md_scan *s, const struct md_line *l, enum container in)
{
	const char *p = s->text.p;
	struct md_line d;
	size_t head, rule;

	if (memchr(p + l->text, '|', l->end - l->text) == NULL || !line_at(s, l->next, &d) || d.blank)
		return 0;
	if (in == OUTSIDE && (l->indent >= INDENTED || d.indent >= INDENTED))
		return 0;
	head = in == OUTSIDE ? l->text : past_markers(p, l->text, l->end);
	rule = in == OUTSIDE ? d.text : past_quotes(p, d.text, d.end);
	return rule < d.end && head < l->end &&
	    delimiter_cells(p, rule, d.end) == cells(p, head, l->end);
}

/* --- blocks ------------------------------------------------------------ */

/* Does a line end a paragraph that stands before it? Setext underlines and
 * tables are seen to elsewhere. */
static int
interrupts_paragraph(const char *p, const struct md_line *l)
{
	struct slice rest = {p + l->text, l->end - l->text};
	int interrupts;

	if (l->blank)
		return 1;
	if (l->indent >= INDENTED)
		return 0;
	return p[l->text] == '>' || is_atx(p, l) || is_thematic_break(p, l) ||
	    fence_open(p, l->text, l->end) || (list_marker(p, l->text, l->end, &interrupts) && interrupts) ||
	    md_html_end(rest, 1) != NULL;
}

/* Which container a line is in, or opens. */
static enum container
container_of(struct md_scan *s, const struct md_line *l)
{
	const char *p = s->text.p;
	size_t marker, column;
	int interrupts;

	if (s->list && l->indent >= s->list)
		return IN_LIST;
	s->list = 0;
	if (l->indent >= INDENTED)
		return OUTSIDE;
	if (p[l->text] == '>')
		return IN_QUOTE;
	if (is_thematic_break(p, l))
		return OUTSIDE;
	marker = list_marker(p, l->text, l->end, &interrupts);
	if (marker == 0)
		return OUTSIDE;
	column = l->indent + marker;
	s->list = column + 1;
	skip_blanks(p, l->text + marker, l->end, &column);
	if (column <= s->list + INDENTED - 1 && !only_blanks(p, l->text + marker, l->end))
		s->list = column;
	return IN_LIST;
}

/* Is a line still in the container? Laziness aside; a blank one is in no quote. */
static int
stays_in(const struct md_scan *s, const struct md_line *l, enum container in)
{
	if (in == IN_LIST)
		return l->indent >= s->list;
	return in == OUTSIDE ||
	    (l->indent < INDENTED && l->text < l->end && s->text.p[l->text] == '>');
}

static void
take(struct md_block *b, const struct md_line *l)
{
	b->content_end = l->end;
	b->end = l->next;
}

static void
read_fence(const struct md_scan *s, struct md_block *b, size_t fence, size_t length, enum container in)
{
	const char *p = s->text.p;
	struct md_line l;

	b->kind = MD_FENCE;
	while (line_at(s, b->end, &l)) {
		size_t at = in == OUTSIDE ? l.text : past_quotes(p, l.text, l.end);
		size_t n = run_of(p, at, l.end, p[fence]);

		if ((!l.blank || in == IN_QUOTE) && !stays_in(s, &l, in))
			break;
		take(b, &l);
		if (n >= length && (in != OUTSIDE || l.indent < INDENTED) && only_blanks(p, at + n, l.end))
			break;
	}
}

/* Does a line in a container begin something of its own, or end what stands
 * before it? */
static int
begins_inside(const char *p, const struct md_line *l)
{
	size_t inner = past_quotes(p, l->text, l->end);
	int interrupts;

	return inner == l->end || fence_open(p, inner, l->end) ||
	    list_marker(p, inner, l->end, &interrupts);
}

static void
read_table(const struct md_scan *s, struct md_block *b, enum container in)
{
	struct md_line l;
	int rows = 0;

	b->kind = MD_TABLE;
	while (line_at(s, b->end, &l) && !l.blank && stays_in(s, &l, in)) {
		if (rows++ > 0 && (in == OUTSIDE ? interrupts_paragraph(s->text.p, &l) :
		    begins_inside(s->text.p, &l)))
			break;
		take(b, &l);
	}
}

/* The rest of an HTML block; its first line is taken. */
static void
read_html(const struct md_scan *s, struct md_block *b, const char *end)
{
	struct md_line l;

	if (*end && md_html_ends((struct slice){s->text.p + b->start, b->end - b->start}, end))
		return;
	while (line_at(s, b->end, &l) && (*end || !l.blank)) {
		take(b, &l);
		if (*end && md_html_ends((struct slice){s->text.p + l.start, l.end - l.start}, end))
			return;
	}
}

/* Text in a list or quote: up to a blank line, the next item, a fence, a table,
 * or a line that is not in the container and begins something. */
static void
read_contained(const struct md_scan *s, struct md_block *b, enum container in)
{
	const char *p = s->text.p;
	struct md_line l;

	while (line_at(s, b->end, &l) && !l.blank) {
		if (stays_in(s, &l, in) ? begins_inside(p, &l) || is_table(s, &l, in) :
		    interrupts_paragraph(p, &l))
			return;
		take(b, &l);
	}
}

static void
set_title(const struct md_scan *s, struct md_block *b, int level, size_t from, size_t to)
{
	const char *p = s->text.p;

	while (from < to && isspace((unsigned char)p[from])) {
		from++;
	}
	while (to > from && isspace((unsigned char)p[to - 1])) {
		to--;
	}
	b->kind = MD_HEADING;
	b->level = level;
	b->title_start = from;
	b->title_end = to;
}

static void
set_atx(const struct md_scan *s, struct md_block *b, const struct md_line *l, int level)
{
	const char *p = s->text.p;
	size_t from = l->text + (size_t)level, to;

	set_title(s, b, level, from, l->end);
	to = b->title_end;
	while (to > b->title_start && p[to - 1] == '#') {
		to--;
	}
	if (to == b->title_start || p[to - 1] == ' ' || p[to - 1] == '\t') /* a closing sequence */
		set_title(s, b, level, from, to > from ? to : from);
}

static void
read_paragraph(const struct md_scan *s, struct md_block *b, size_t text)
{
	struct md_line l;

	while (line_at(s, b->end, &l) && !l.blank) {
		int level = is_setext(s->text.p, &l);

		if (level) {
			set_title(s, b, level, text, b->content_end);
			take(b, &l);
			return;
		}
		if (interrupts_paragraph(s->text.p, &l) || is_table(s, &l, OUTSIDE))
			return;
		take(b, &l);
	}
}

static void
read_indented(const struct md_scan *s, struct md_block *b)
{
	struct md_line l;

	while (line_at(s, b->end, &l) && !l.blank && l.indent >= INDENTED) {
		take(b, &l);
	}
}

/* YAML between `---` lines at the very beginning. */
static int
read_front_matter(const struct md_scan *s, struct md_block *b, const struct md_line *first)
{
	const char *p = s->text.p;
	struct md_line l;
	struct md_block whole = *b;

	if (first->start != 0 || first->end != 3 || memcmp(p, "---", 3) != 0 ||
	    !line_at(s, first->next, &l) || l.blank || !isalpha((unsigned char)p[l.start]) ||
	    memchr(p + l.start, ':', l.end - l.start) == NULL)
		return 0;
	while (line_at(s, whole.end, &l)) {
		take(&whole, &l);
		if (l.end - l.start == 3 && (memcmp(p + l.start, "---", 3) == 0 || memcmp(p + l.start, "...", 3) == 0)) {
			*b = whole;
			return 1;
		}
	}
	return 0;
}

static void
read_block(struct md_scan *s, struct md_block *b, const struct md_line *l)
{
	const char *p = s->text.p;
	struct slice rest = {p + l->text, l->end - l->text};
	enum container in = container_of(s, l);
	size_t inner = in == OUTSIDE ? l->text : past_markers(p, l->text, l->end);
	size_t fence = in == OUTSIDE && l->indent >= INDENTED ? 0 : fence_open(p, inner, l->end);
	const char *html;
	int level;

	if (fence)
		read_fence(s, b, inner, fence, in);
	else if (is_table(s, l, in))
		read_table(s, b, in);
	else if (in != OUTSIDE)
		read_contained(s, b, in);
	else if (l->indent >= INDENTED)
		read_indented(s, b);
	else if ((level = is_atx(p, l)) != 0)
		set_atx(s, b, l, level);
	else if (read_front_matter(s, b, l) || is_thematic_break(p, l))
		return;
	else if ((html = md_html_end(rest, 0)) != NULL)
		read_html(s, b, html);
	else
		read_paragraph(s, b, l->text);
}

int
md_next(struct md_scan *s, struct md_block *b)
{
	struct md_line l;

	memset(b, 0, sizeof(*b));
	b->start = s->at;
	do {
		if (!line_at(s, s->at, &l))
			return 0;
		s->at = l.next;
	} while (l.blank);
	if (!s->started)
		b->start = l.start;
	s->started = 1;
	take(b, &l);
	read_block(s, b, &l);
	while (line_at(s, b->end, &l) && l.blank) {
		b->end = l.next;
	}
	s->at = b->end;
	return 1;
}

#include "text/markdown.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static int
is_blank(struct slice s, size_t from)
{
	while (from < s.n && (s.p[from] == ' ' || s.p[from] == '\t')) {
		from++;
	}
	return from == s.n;
}

static int
starts_with(struct slice s, const char *prefix)
{
	size_t n = strlen(prefix);

	return s.n >= n && strncasecmp(s.p, prefix, n) == 0;
}

/* `<name` or `</name`, followed by a blank, `>`, `/>` or the end, with a name of
 * the list "|a|b|…|". */
static int
is_tag_of(struct slice s, const char *names)
{
	size_t i = 1, n;
	char name[16] = "|";

	if (s.n > i && s.p[i] == '/')
		i++;
	for (n = 0; i + n < s.n && isalnum((unsigned char)s.p[i + n]); n++) {
		if (n + 3 >= sizeof(name))
			return 0;
		name[n + 1] = (char)tolower((unsigned char)s.p[i + n]);
	}
	name[n + 1] = '|';
	name[n + 2] = '\0';
	if (n == 0 || strstr(names, name) == NULL)
		return 0;
	i += n;
	return i == s.n || s.p[i] == ' ' || s.p[i] == '\t' || s.p[i] == '>' ||
	    (s.p[i] == '/' && i + 1 < s.n && s.p[i + 1] == '>');
}

/* A complete tag alone on its line, for a block that ends at a blank line. */
static int
is_lone_tag(struct slice s)
{
	size_t i = 1;
	char quote = 0;

	if (s.n > i && s.p[i] == '/')
		i++;
	if (i >= s.n || !isalpha((unsigned char)s.p[i]))
		return 0;
	while (i < s.n && (isalnum((unsigned char)s.p[i]) || s.p[i] == '-')) {
		i++;
	}
	if (i < s.n && s.p[i] == ':')
		return 0; /* an autolink */
	for (; i < s.n && (quote || s.p[i] != '>'); i++) {
		if (quote && s.p[i] == quote)
			quote = 0;
		else if (!quote && (s.p[i] == '"' || s.p[i] == '\''))
			quote = s.p[i];
		else if (!quote && s.p[i] == '<')
			return 0;
	}
	return i < s.n && is_blank(s, i + 1);
}

const char *
md_html_end(struct slice s, int in_paragraph)
{
	static const char blocks[] =
	    "|address|article|aside|base|basefont|blockquote|body|caption|center|col|colgroup|dd|"
	    "details|dialog|dir|div|dl|dt|fieldset|figcaption|figure|footer|form|frame|frameset|"
	    "h1|h2|h3|h4|h5|h6|head|header|hr|html|iframe|legend|li|link|main|menu|menuitem|nav|"
	    "noframes|ol|optgroup|option|p|param|search|section|summary|table|tbody|td|tfoot|th|"
	    "thead|title|tr|track|ul|";

	if (s.n < 2 || s.p[0] != '<')
		return NULL;
	if (starts_with(s, "<!--"))
		return "-->";
	if (starts_with(s, "<?"))
		return "?>";
	if (starts_with(s, "<![CDATA["))
		return "]]>";
	if (s.p[1] == '!' && s.n > 2 && isalpha((unsigned char)s.p[2]))
		return ">";
	if (s.p[1] != '/' && is_tag_of(s, "|pre|script|style|textarea|"))
		return "</";
	if (is_tag_of(s, blocks) || (!in_paragraph && is_lone_tag(s)))
		return "";
	return NULL;
}

int
md_html_ends(struct slice line, const char *end)
{
	static const char *const raw[] = {"</pre>", "</script>", "</style>", "</textarea>"};

	if (strcmp(end, "</") != 0)
		return memmem(line.p, line.n, end, strlen(end)) != NULL;
	for (size_t i = 0; i < line.n; i++) {
		struct slice rest = {line.p + i, line.n - i};

		for (size_t k = 0; line.p[i] == '<' && k < sizeof(raw) / sizeof(raw[0]); k++) {
			if (starts_with(rest, raw[k]))
				return 1;
		}
	}
	return 0;
}

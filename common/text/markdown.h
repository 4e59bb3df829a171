/* markdown: where the blocks of a Markdown text begin and end. Private to the
 * room.
 *
 * Follows CommonMark 0.31 as far as headings, fences and their containers go,
 * and the tables of GitHub's extension. Two things are coarser: inside a quote
 * or a list (whose parts come as blocks of their own) a fence may be indented
 * in any way, and YAML front matter, which CommonMark would take for a heading,
 * is a block. Blocks tile the text from the first line that is not blank. */
#ifndef C1V_TEXT_MARKDOWN_H
#define C1V_TEXT_MARKDOWN_H

#include "base/buf.h"

enum md_kind { MD_TEXT, MD_FENCE, MD_TABLE, MD_HEADING };

struct md_block {
	enum md_kind kind;
	size_t start, content_end; /* without the blank lines that follow */
	size_t end;
	int level;                 /* of a heading */
	size_t title_start, title_end;
};

struct md_scan {
	struct slice text;
	size_t at;
	size_t list;  /* columns that a line of the open list item is indented by; 0: none */
	int started;
};

int md_next(struct md_scan *s, struct md_block *b); /* 0 at the end */

/* HTML blocks (markdown_html.c): what ends the one that a line begins, "" for a
 * blank line, NULL when it begins none; and whether a line ends it. */
const char *md_html_end(struct slice line, int in_paragraph);
int md_html_ends(struct slice line, const char *end);

#endif

/* Markdown: a section is a heading and what stands under it up to the next
 * heading of any level; a heading without text of its own joins the section of
 * the deeper heading behind it. A section that fits is a chunk; another is
 * filled up block by block. */
#include "text/chunk_private.h"
#include "text/markdown.h"

/* The section that is being handed out. */
struct packing {
	struct mark start; /* of the chunk under way */
	struct mark have;  /* how far it goes */
	size_t done;       /* how far the last chunk went: what lies behind is new */
	int bare;          /* nothing but headings so far */
};

static struct mark
block_last(const struct chunker *c, const struct block *b)
{
	return c->o.no_strip ? b->end : b->content_end;
}

static void
give_out(struct chunker *c, struct packing *p, size_t end)
{
	chunk_emit(c, p->start.byte, end, !c->o.no_strip);
	p->done = end;
}

/* Where the chunk begins whose first new block is number `next`: at the first
 * block that the overlap holds wholly, else within the block before, unless
 * that must not be cut. */
static struct mark
overlap_start(const struct chunker *c, const struct packing *p, size_t next)
{
	const struct block *b = &c->blocks[next], *before = b - 1;
	struct mark last = block_last(c, b), low;
	size_t least = b->start.unit > c->o.overlap ? b->start.unit - c->o.overlap : 0;
	size_t at;

	if (c->o.overlap == 0 || next == 0)
		return b->start;
	if (last.unit - b->start.unit <= c->o.size && last.unit > c->o.size &&
	    last.unit - c->o.size > least)
		least = last.unit - c->o.size;
	if (least <= p->start.unit)
		least = p->start.unit + 1;
	for (size_t i = next; i > 0 && c->blocks[i - 1].start.unit >= least; i--) {
		before = &c->blocks[i - 1];
	}
	if (before->start.unit >= least)
		return before->start;
	if (before->whole || before->heading || least >= b->start.unit)
		return b->start;
	low = chunk_place_after(c, p->start, least, b->start);
	if (low.byte >= before->content_end.byte)
		return b->start;
	at = chunk_first_cut(c, low.byte, before->content_end.byte);
	if (at >= before->content_end.byte)
		return b->start;
	return (struct mark){at, low.unit + scan_units(&c->text, low.byte, at)};
}

/* The same behind a cut within a block. */
static struct mark
overlap_within(const struct chunker *c, const struct packing *p, const struct block *b, struct mark cut)
{
	struct mark low = p->start.byte > b->start.byte ? p->start : b->start;
	size_t at;

	if (c->o.overlap == 0 || b->whole || cut.byte <= low.byte || cut.unit - low.unit <= c->o.overlap)
		return cut;
	low = chunk_place_after(c, low, cut.unit - c->o.overlap, cut);
	at = chunk_first_cut(c, low.byte, cut.byte);
	if (at == cut.byte)
		return low;
	return (struct mark){at, low.unit + scan_units(&c->text, low.byte, at)};
}

/* A block that does not fit into any chunk, behind what stands before it. */
static void
pack_long(struct chunker *c, struct packing *p, const struct block *b)
{
	struct mark last = block_last(c, b), cut;

	while (last.unit - p->start.unit > c->o.size) {
		cut = chunk_cut(c, p->start, p->done > b->start.byte ? p->done : b->start.byte, last);
		if (cut.byte <= p->done) { /* an overlap that leaves no room */
			while (p->start.byte < p->done) {
				p->start = chunk_place_after(c, p->start, p->start.unit + 1, last);
			}
			continue;
		}
		give_out(c, p, cut.byte);
		p->start = overlap_within(c, p, b, cut);
	}
	p->have = last;
}

/* Is a block better off without the headings before it? When it is to stay
 * whole, or when they leave it no room. */
static int
stands_alone(const struct chunker *c, const struct packing *p, const struct block *b)
{
	return (b->whole && block_last(c, b).unit - b->start.unit <= c->o.size) ||
	    b->start.unit - p->start.unit >= c->o.size;
}

static void
pack_section(struct chunker *c)
{
	struct packing p = {.bare = 1};

	if (c->block_count == 0)
		return;
	p.start = p.have = c->blocks[0].start;
	p.done = p.start.byte;
	for (size_t i = 0; i < c->block_count;) {
		const struct block *b = &c->blocks[i];
		struct mark last = block_last(c, b);

		if (last.unit - p.start.unit <= c->o.size) {
			p.have = last;
		} else if (p.have.byte > p.done && (!p.bare || stands_alone(c, &p, b))) {
			give_out(c, &p, c->o.no_strip ? b->start.byte : p.have.byte);
			p.start = p.have = overlap_start(c, &p, i);
			p.bare = 0;
			continue;
		} else {
			pack_long(c, &p, b);
		}
		p.bare &= b->heading;
		i++;
	}
	if (p.have.byte > p.done)
		give_out(c, &p, p.have.byte);
	c->block_count = 0;
}

static void
add_heading(struct chunker *c, const struct md_block *m)
{
	size_t parent = c->heading_count;

	while (parent && c->headings[parent - 1].level >= m->level) {
		parent = c->headings[parent - 1].parent;
	}
	mem_grow(&c->headings, &c->heading_room, c->heading_count + 1, sizeof(*c->headings));
	c->headings[c->heading_count++] = (struct chunk_heading){
		.start = m->title_start, .end = m->title_end, .parent = parent, .level = m->level
	};
}

static int /* does the section hold headings alone? */
is_bare(const struct chunker *c)
{
	return c->block_count && c->blocks[c->block_count - 1].heading;
}

void
chunk_markdown(struct chunker *c)
{
	struct md_scan scan = {.text = {c->text.p, c->text.n}};
	struct md_block m;
	struct mark at = {0, 0}; /* how far units are counted */

	c->block_count = 0;
	while (md_next(&scan, &m)) {
		struct block b = {.whole = m.kind == MD_FENCE || m.kind == MD_TABLE, .heading = m.kind == MD_HEADING};

		if (c->o.no_strip && at.byte == 0)
			m.start = 0; /* blank lines that lead the text are part of it */
		b.start = (struct mark){m.start, at.unit + scan_units(&c->text, at.byte, m.start)};
		b.content_end = (struct mark){m.content_end,
			b.start.unit + scan_units(&c->text, m.start, m.content_end)};
		b.end = at = (struct mark){m.end,
			b.content_end.unit + scan_units(&c->text, m.content_end, m.end)};
		if (b.heading) {
			if (!is_bare(c) || c->headings[c->heading_count - 1].level >= m.level)
				pack_section(c);
			add_heading(c, &m);
			c->heading = c->heading_count;
		}
		mem_grow(&c->blocks, &c->block_room, c->block_count + 1, sizeof(*c->blocks));
		c->blocks[c->block_count++] = b;
	}
	pack_section(c);
}

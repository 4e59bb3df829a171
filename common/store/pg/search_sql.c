#include "store/pg/search_sql.h"

#include <math.h>
#include <stdlib.h>

#include "gen/pg_sql.h"
#include "store/pg/find.h"
#include "store/web.h"

enum {
	POSTINGS = 5000,      /* entries of the rarest terms that are gathered */
	RANKED_LEAST = 1000,  /* rows that are ranked in full, at least */
	RANKED_PER = 10,      /* and for each candidate */
	RANKED_PARSED = 2,    /* for each candidate, where a row's words are not stored but found anew */
	ROWS_SCANNED = 20000, /* a table of so many rows is searched whole where its lists cannot be trusted */
	EF_LEAST = 40, EF_MOST = 1000, PROBES_LEAST = 10
};

/* What stands in the templates beside the names that pg_sql() knows. */
enum part {
	S_ROW, S_SAME, S_ONLY, S_DIMS, S_VECTOR, S_TEXT, S_CANDIDATES, S_RANKED, S_POSTINGS, S_ROWS, S_STATISTICS,
	S_REQUIRED, S_WORTH, S_SCORE, S_COSINE, S_HASH, S_ALSO, S_MEASURES, S_ORDER, S_SHOWN, S_EMBEDDING, PARTS
};
static const char *const names[PARTS] = {
	"row", "same", "only", "dims", "vector", "text", "candidates", "ranked", "postings", "rows", "statistics",
	"required", "worth", "score", "cosine", "hash", "also", "measures", "order", "shown", "embedding",
};

struct writer {
	struct pg_store *s;
	const struct pg_ask *a;
	struct pg_params *p;
	struct buf parts[PARTS];
	struct buf filled; /* of pg_sql() */
};

static int
part_of(const char *name, size_t n)
{
	for (int i = 0; i < PARTS; i++)
		if (strlen(names[i]) == n && memcmp(names[i], name, n) == 0)
			return i;
	return -1;
}

/* Append a template; what is put in is not looked through again. */
static void
add(struct writer *w, struct buf *out, const char *template)
{
	const char *at, *mark, *end;
	struct buf text = {0};

	buf_string(&text, pg_sql(w->s, template));
	at = buf_cstr(&text);
	while ((mark = strstr(at, "{s_")) != NULL && (end = strchr(mark, '}')) != NULL) {
		int part = part_of(mark + 3, (size_t)(end - mark - 3));

		buf_add(out, at, (size_t)(mark - at));
		if (part >= 0)
			buf_slice(out, buf_as_slice(&w->parts[part]));
		at = end + 1;
	}
	buf_string(out, at);
	buf_free(&text);
}

static void
set(struct writer *w, enum part part, const char *template)
{
	struct buf b = {0};

	add(w, &b, template);
	buf_free(&w->parts[part]);
	w->parts[part] = b;
}

static void
free_writer(struct writer *w)
{
	for (int i = 0; i < PARTS; i++)
		buf_free(&w->parts[i]);
}

/* --- which rows ----------------------------------------------------------------- */

/* Rows of a table are told apart by where they are, which is quickest; those of a view by their id. */
static void
set_rows(struct writer *w)
{
	const struct pg_table *t = &w->s->table;
	int placed = t->relkind == 'r' || t->relkind == 'p' || t->relkind == 'm';

	set(w, S_ROW, placed ? "k.ctid AS c, k.tableoid AS o" : "k.{id} AS c, 0 AS o");
	set(w, S_SAME, placed ? "k.ctid = f.c AND k.tableoid = f.o" : "k.{id} = f.c");
	if (t->kind == PG_OURS)
		set(w, S_HASH, "coalesce(k.{hash}, hashtextextended(k.{content}, 0))");
	else
		set(w, S_HASH, "hashtextextended(k.{content}::text, 0)");
}

/* Lexemes of one part of the web syntax: its words in a row. */
static void
add_part(struct writer *w, struct buf *b, int parameter, size_t n)
{
	buf_format(b, "phraseto_tsquery(%s, ($%d::text[])[%zu])", w->s->table.config, parameter, n + 1);
}

struct web {
	struct arena arena;
	struct web_query query;
	int parameter;
	int excludes;
};

static void
read_web(struct writer *w, struct web *web)
{
	struct slice *texts;
	const struct search_query *q = w->a->q;

	if (!q->web || q->text.n == 0)
		return;
	web_parse(q->text, &web->arena, &web->query);
	texts = mem_alloc((web->query.count + 1) * sizeof(*texts));
	for (size_t i = 0; i < web->query.count; i++) {
		texts[i] = web->query.parts[i].text;
		web->excludes |= web->query.parts[i].exclude;
	}
	pg_param_texts(w->p, texts, web->query.count);
	web->parameter = w->p->count;
	free(texts);
}

/* Groups must all be there; of a group one part. */
static void
set_required(struct writer *w, const struct web *web)
{
	struct buf *b = &w->parts[S_REQUIRED];
	size_t group = (size_t)-1;

	for (size_t i = 0; i < web->query.count; i++) {
		const struct web_part *part = &web->query.parts[i];

		if (part->exclude)
			continue;
		if (group == (size_t)-1)
			buf_string(b, "(");
		else
			buf_string(b, part->group == group ? " || " : ") && (");
		add_part(w, b, web->parameter, i);
		group = part->group;
	}
	buf_string(b, group == (size_t)-1 ? "''::tsquery" : ")");
}

/* What every row must meet that is found, by whichever leg. */
static int
set_only(struct writer *w, const struct web *web, struct err *e)
{
	struct buf *b = &w->parts[S_ONLY];
	const char *before = "";
	int rc = 0;

	pg_sql_add(w->s, b, "{where}");
	if (w->a->q->filter != NULL) {
		buf_string(b, " AND ");
		rc = pg_filter(w->s, w->a->q->filter, b, w->p, e);
	}
	if (!web->excludes)
		return rc;
	pg_sql_add(w->s, b, " AND NOT coalesce({fts} @@ (");
	for (size_t i = 0; i < web->query.count; i++) {
		if (!web->query.parts[i].exclude)
			continue;
		buf_string(b, before);
		add_part(w, b, web->parameter, i);
		before = " || ";
	}
	buf_string(b, "), false)");
	return rc;
}

/* --- legs -------------------------------------------------------------------------- */

static void
add_near(struct writer *w, struct buf *sql)
{
	const struct pg_table *t = &w->s->table;

	pg_param_floats(w->p, w->a->unit, w->a->q->dims);
	buf_format(&w->parts[S_VECTOR], "$%d::%s.vector", w->p->count, t->extension);
	if (t->dims == 0) { /* vectors of any dimension: those of another cannot be compared */
		buf_format(&w->parts[S_DIMS], "AND %s.vector_dims(k.%s) = %zu", t->extension, t->embedding, w->a->q->dims);
		buf_format(&w->parts[S_COSINE], "CASE WHEN %s.vector_dims(k.%s) = %zu THEN ", t->extension, t->embedding,
		    w->a->q->dims);
	}
	add(w, &w->parts[S_COSINE], "1 - (k.{embedding} {distance} {s_vector}::{vector})");
	if (t->dims == 0)
		buf_string(&w->parts[S_COSINE], " END");
	add(w, sql, w->a->q->exact ? sql_search_exact : sql_search_near);
}

/* The planner's statistics count rows of the whole table. */
static void
set_statistics(struct writer *w)
{
	const struct pg_table *t = &w->s->table;
	struct buf *b = &w->parts[S_STATISTICS];
	const char *end = t->schema + strlen(t->schema);
	struct buf schema = {0};

	if (t->where != NULL || strcmp(t->fts, "k.\"fts\"") != 0 || t->rows <= 0) {
		buf_string(b, "false");
		return;
	}
	/* The schema's name stands there as an identifier. */
	for (const char *p = t->schema + 1; p < end - 1; p++) {
		p += *p == '"';
		buf_byte(&schema, *p);
	}
	buf_string(b, "schemaname = ");
	pg_quote_text(b, buf_as_slice(&schema));
	buf_free(&schema);
	buf_string(b, " AND tablename = ");
	pg_quote_text(b, slice_of(t->name));
	buf_string(b, " AND attname = 'fts' AND NOT inherited");
}

static struct slice
cut(struct slice text)
{
	if (text.n > TEXT_MAX) {
		text.n = TEXT_MAX;
		while (text.n > 0 && (text.p[text.n] & 0xc0) == 0x80)
			text.n--;
	}
	return text;
}

static void
add_words(struct writer *w, const struct web *web, struct buf *sql)
{
	const struct search_query *q = w->a->q;
	int stored = strcmp(w->s->table.fts, "k.\"fts\"") == 0;
	size_t ranked = w->a->candidates * (stored ? RANKED_PER : RANKED_PARSED);
	struct buf plain = {0};

	if (q->web)
		web_plain(&web->query, &plain);
	pg_param_text(w->p, cut(q->web ? buf_as_slice(&plain) : q->text));
	buf_free(&plain);
	buf_format(&w->parts[S_TEXT], "$%d", w->p->count);
	buf_format(&w->parts[S_RANKED], "%zu", ranked > RANKED_LEAST || !stored ? ranked : (size_t)RANKED_LEAST);
	buf_format(&w->parts[S_POSTINGS], "%d", POSTINGS);
	buf_format(&w->parts[S_ROWS], "%.0f", w->s->table.rows);
	set_statistics(w);
	set(w, S_WORTH, sql_search_score);
	add(w, sql, sql_search_terms);
	buf_string(sql, ", ");
	if (q->web)
		set_required(w, web);
	add(w, sql, q->web ? sql_search_web : sql_search_words);
	buf_string(sql, ", ");
	add(w, sql, sql_search_ranked);
}

/* --- hits ------------------------------------------------------------------------------ */

static void
set_also(struct writer *w)
{
	if (w->s->table.kind == PG_OURS && !w->a->q->no_collapse)
		set(w, S_ALSO, sql_search_also);
	else
		set(w, S_ALSO, "NULL::text[]");
}

/* The fused order, as fuse.h makes it, so that the rows that come in full are those that are shown. It
 * need not be exact: what is missing is read afterwards. */
static void
set_fused(struct writer *w)
{
	const struct search_query *q = w->a->q;
	struct buf *b = &w->parts[S_ORDER];

	if (q->fuse == FUSE_ZSCORE) {
		set(w, S_SCORE, "coalesce(f.score, {s_worth})");
		set(w, S_MEASURES, sql_search_zscore);
		buf_format(b, "%.17g::float8 * coalesce((coalesce(y.cosine, y.cosine_least) - y.cosine_mean)"
		    " / nullif(y.cosine_deviation, 0), 0)", q->weight_vector);
		buf_format(b, " + %.17g::float8 * coalesce((y.score - y.score_mean) / nullif(y.score_deviation, 0), 0)",
		    q->weight_keyword);
	} else {
		set(w, S_MEASURES, sql_search_rrf);
		buf_format(b, "coalesce(%.17g::float8 / (%.17g + y.near_rank), 0) + coalesce(%.17g::float8 / (%.17g + y.word_rank), 0)",
		    q->weight_vector, q->rrf_k, q->weight_keyword, q->rrf_k);
	}
}

/* Some more rows than are asked for come in full: some may be left out as being alike. */
static void
add_hits(struct writer *w, struct buf *sql)
{
	const struct pg_ask *a = w->a;

	buf_string(&w->parts[S_SCORE], "f.score");
	if (a->near && a->words) {
		add(w, sql, sql_search_found);
		set_fused(w);
	} else {
		buf_format(sql, "found AS MATERIALIZED (SELECT c, o, %s FROM %s) ",
		    a->near ? "true AS near, NULL::float8 AS score" : "false AS near, score", a->near ? "near" : "words");
		buf_string(&w->parts[S_ORDER], a->near ? "y.cosine" : "y.score");
	}
	if (!a->near)
		buf_string(&w->parts[S_COSINE], "NULL::float8");
	set(w, S_EMBEDDING, a->q->mmr >= 0 ? "k.{embedding}" : "NULL::{vector}");
	buf_format(&w->parts[S_SHOWN], "%zu", 2 * a->q->limit + 8);
	set_also(w);
	add(w, sql, sql_search_hits);
}

int
pg_search_sql(struct pg_store *s, const struct pg_ask *a, struct buf *sql, struct pg_params *p, struct err *e)
{
	struct writer w = {.s = s, .a = a, .p = p};
	struct web web = {0};
	int rc;

	set_rows(&w);
	buf_format(&w.parts[S_CANDIDATES], "%zu", a->candidates);
	read_web(&w, &web);
	rc = set_only(&w, &web, e);
	buf_string(sql, "WITH ");
	if (rc == 0 && a->near) {
		add_near(&w, sql);
		buf_string(sql, ", ");
	}
	if (rc == 0 && a->words) {
		add_words(&w, &web, sql);
		buf_string(sql, ", ");
	}
	if (rc == 0)
		add_hits(&w, sql);
	free_writer(&w);
	arena_free(&web.arena);
	return rc;
}

int
pg_search_fetch_sql(struct pg_store *s, const struct pg_ask *a, struct buf *sql, struct pg_params *p, struct err *e)
{
	struct writer w = {.s = s, .a = a, .p = p};
	struct web web = {0};
	int rc;

	set_rows(&w);
	read_web(&w, &web);
	rc = set_only(&w, &web, e);
	set_also(&w);
	if (rc == 0)
		add(&w, sql, sql_search_fetch);
	free_writer(&w);
	arena_free(&web.arena);
	return rc;
}

int
pg_search_count_sql(struct pg_store *s, const struct search_query *q, struct buf *sql, struct pg_params *p,
    struct err *e)
{
	struct buf condition = {0};
	int rc = pg_filter(s, q->filter, &condition, p, e);

	pg_sql_add(s, sql, "SELECT count(*), EXISTS (SELECT FROM {table} k WHERE true {where} AND NOT coalesce(");
	buf_slice(sql, buf_as_slice(&condition));
	pg_sql_add(s, sql, ", false)) FROM {table} k WHERE true {where} AND ");
	buf_slice(sql, buf_as_slice(&condition));
	buf_free(&condition);
	return rc;
}

size_t
pg_search_candidates(size_t limit)
{
	return limit > 10 ? limit * 10 : 100;
}

/* --- the index ------------------------------------------------------------------------------ */

/* Where a filter, a policy or dead rows leave too few, the scan goes on (pgvector 0.8). */
void
pg_search_index_settings(const struct pg_table *t, size_t candidates, int64_t ef_search, int64_t probes,
    struct buf *sql)
{
	int64_t wanted = (int64_t)candidates;

	if (t->index == 'h') {
		wanted = wanted > EF_LEAST ? wanted : EF_LEAST;
		wanted = ef_search > 0 ? ef_search : wanted;
		buf_format(sql, ", set_config('hnsw.ef_search', '%lld', true)", (long long)(wanted < EF_MOST ? wanted : EF_MOST));
		if (t->vector_version >= 80000)
			buf_string(sql, ", set_config('hnsw.iterative_scan', 'strict_order', true)");
	} else if (t->index == 'i') {
		wanted = (int64_t)ceil(sqrt((double)t->lists));
		wanted = wanted > PROBES_LEAST ? wanted : PROBES_LEAST;
		if (t->rows <= ROWS_SCANNED) /* centres that were made without rows are anywhere */
			wanted = t->lists;
		wanted = probes > 0 ? probes : wanted;
		buf_format(sql, ", set_config('ivfflat.probes', '%lld', true)", (long long)(wanted < 32768 ? wanted : 32768));
		if (t->vector_version >= 80000)
			buf_string(sql, ", set_config('ivfflat.iterative_scan', 'relaxed_order', true)");
	}
}

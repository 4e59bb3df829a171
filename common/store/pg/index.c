#include "store/pg/index.h"

#include "base/json.h"
#include "base/num.h"

/* What one call of pg_index() is about. */
struct work {
	struct pg_store *s;
	const struct index_options *o;
	struct pg_index_state state;
	struct pg_link turn;
	struct pg_plan plan;
	const char *kind;
	int64_t lists;
	struct buf sql;
};

/* --- telling ----------------------------------------------------------------------- */

static void
add_text(struct buf *b, const char *key, const char *value)
{
	json_add_key(b, key);
	if (value == NULL)
		buf_string(b, "null");
	else
		json_add_string(b, slice_of(value));
}

static void
add_number(struct buf *b, const char *key, int64_t value)
{
	json_add_key(b, key);
	num_add_int(b, value);
}

static void
add_index(struct buf *b, const struct pg_index *i)
{
	add_text(b, "index", i ? i->name : NULL);
	add_text(b, "kind", i ? i->kind : "none");
	if (i == NULL)
		return;
	add_text(b, "definition", i->definition);
	add_number(b, "bytes", i->bytes);
	add_number(b, "scans", i->scans);
	if (i->lists)
		add_number(b, "lists", i->lists);
	if (i->m)
		add_number(b, "m", i->m);
	if (i->ef_construction)
		add_number(b, "ef_construction", i->ef_construction);
}

static void
add_building(struct buf *b, const struct pg_index_state *x)
{
	if (x->pid == 0)
		return;
	json_add_key(b, "building");
	buf_byte(b, '{');
	add_number(b, "pid", x->pid);
	add_text(b, "phase", x->phase && *x->phase ? x->phase : NULL);
	add_number(b, "done", x->done);
	add_number(b, "total", x->total);
	buf_byte(b, '}');
}

static void
add_invalid(struct buf *b, const struct pg_index_state *x)
{
	int any = 0;

	for (int i = 0; i < x->count; i++) {
		if (x->items[i].valid)
			continue;
		if (!any++)
			json_add_key(b, "invalid");
		buf_byte(b, any == 1 ? '[' : ',');
		json_add_string(b, slice_of(x->items[i].name));
	}
	if (any)
		buf_byte(b, ']');
}

static int
tell(struct work *w, const char *action, store_json_fn *fn, void *arg, struct err *e)
{
	struct buf b = {0};
	const struct pg_index_state *x = &w->state;
	const char *stale = pg_index_stale(x);
	int rc;

	buf_byte(&b, '{');
	add_text(&b, "collection", w->s->base.collection);
	if (action != NULL)
		add_text(&b, "action", action);
	add_index(&b, x->used);
	add_number(&b, "rows", (int64_t)(x->rows + 0.5));
	if (x->used != NULL && strcmp(x->used->kind, "ivfflat") == 0) {
		add_number(&b, "fitting_lists", x->fit);
		add_text(&b, "stale", stale);
	}
	add_text(&b, "wanted", w->s->table.index_kind);
	add_invalid(&b, x);
	add_building(&b, x);
	buf_byte(&b, '}');
	rc = fn(arg, buf_as_slice(&b), e);
	buf_free(&b);
	return rc;
}

/* --- doing ------------------------------------------------------------------------- */

static int
run(struct work *w, struct err *e)
{
	return pg_index_run(w->s, buf_cstr(&w->sql), w->o->progress, e);
}

static int
drop_one(struct work *w, const char *name, struct err *e)
{
	w->sql.len = 0;
	buf_format(&w->sql, "DROP INDEX CONCURRENTLY IF EXISTS %s.", w->s->table.schema);
	pg_quote_name(&w->sql, name);
	return run(w, e);
}

/* A build that failed or was killed leaves an index that costs writes and serves nobody. */
static int
drop_leftovers(struct work *w, struct err *e)
{
	int rc = 0;

	for (int i = 0; i < w->state.count && rc == 0; i++) {
		const struct pg_index *x = &w->state.items[i];
		if (x->valid)
			continue;
		log_say(w->s->base.log, LOG_INFO, "index %s: is invalid, an earlier build of it failed: dropping it", x->name);
		rc = drop_one(w, x->name, e);
	}
	return rc;
}

/* After a build that failed. What somebody else has built in the meantime, perhaps under the same
 * name, is valid and stays. */
static void
clean_up(struct work *w)
{
	struct pg_index_state now;
	struct err ignored;

	if (pg_index_read(w->s, &now, &ignored) != 0)
		return;
	for (int i = 0; i < now.count && now.pid == 0; i++) {
		if (!now.items[i].valid)
			drop_one(w, now.items[i].name, &ignored);
	}
	pg_index_free(&now);
}

/* As it is now. */
static int
read_again(struct work *w, struct err *e)
{
	int rc = pg_table_read(w->s, e);

	pg_index_free(&w->state);
	return rc ? rc : pg_index_read(w->s, &w->state, e);
}

/* What others build, with other programs too, is left to them. */
static int
nobody_builds(struct work *w, struct err *e)
{
	int mine = 0, rc = pg_index_turn(w->s, &w->turn, &mine, e);

	if (rc == 0)
		rc = read_again(w, e);
	if (rc != 0 || (mine && w->state.pid == 0))
		return rc;
	if (w->state.pid != 0)
		err_set(e, C1V_AGAIN, "index: one is being built already, by the server's process %d", w->state.pid);
	else
		err_set(e, C1V_AGAIN, "index: somebody else is changing it");
	return err_hint(e, "c1v-store index status shows how far it is");
}

/* The dimension of the vectors, where neither the column nor anybody says it. */
static int
find_dims(struct work *w, struct err *e)
{
	int64_t dims = 0;
	int rc = w->plan.dims ? 0 : pg_vector_dims(w->s, &dims, e);

	if (rc != 0 || dims == 0)
		return rc;
	w->plan.dims = dims;
	w->plan.cast = 1;
	return 0;
}

/* What shall be built, and whether it can. What is not said stays as it is, but for the
 * lists: those shall fit. */
static int
decide(struct work *w, struct err *e)
{
	struct index_options o = *w->o;
	const struct pg_index *now = w->state.used;
	const char *wanted = w->s->table.index_kind;
	int rc;

	if (o.kind == NULL)
		o.kind = now ? now->kind : wanted && strcmp(wanted, "none") != 0 ? wanted : "hnsw";
	if (now != NULL && strcmp(o.kind, "hnsw") == 0 && strcmp(now->kind, "hnsw") == 0) {
		o.m = o.m ? o.m : now->m;
		o.ef_construction = o.ef_construction ? o.ef_construction : now->ef_construction;
	}
	rc = pg_plan_index(w->s, &o, &w->plan, e);
	if (rc == 0)
		rc = find_dims(w, e);
	if (rc != 0)
		return rc;
	if (strcmp(w->plan.index, "none") == 0)
		return err_set(e, C1V_USAGE, "index: 'none' cannot be built; c1v-store index drop takes one away");
	if (w->plan.dims == 0)
		return err_set(e, C1V_CONFIG, "index: %s has no vectors yet, so their dimension is not known",
		    w->s->base.collection);
	if (strcmp(w->plan.index, "ivfflat") == 0 && w->state.rows < 1) {
		err_set(e, C1V_CONFIG, "index: %s has no vectors, and an ivfflat index is built after loading",
		    w->s->base.collection);
		return err_hint(e, "c1v-ingest builds it at the end of its run");
	}
	w->lists = w->plan.lists ? w->plan.lists : pg_index_lists(w->state.rows);
	return 0;
}

static int
create(struct work *w, const char *name, struct err *e)
{
	struct buf *b = &w->sql;
	int partitioned = w->s->table.relkind == 'p', rc;

	b->len = 0;
	buf_string(b, partitioned ? "CREATE INDEX " : "CREATE INDEX CONCURRENTLY ");
	pg_quote_name(b, name);
	buf_format(b, " ON %s USING %s (", w->s->table.table, w->plan.index);
	pg_plan_fill(&w->plan, w->plan.cast ? "({embedding}::{ext}.{index_type}) {ext}.{index_class})"
	    : "{embedding} {ext}.{index_class})", b);
	if (strcmp(w->plan.index, "ivfflat") == 0)
		buf_format(b, " WITH (lists = %lld)", (long long)w->lists);
	else
		pg_plan_fill(&w->plan, "{index_with}", b);
	rc = run(w, e);
	if (rc != 0)
		clean_up(w);
	return rc;
}

/* So that ingest and the next build know what is wanted. */
static int
remember(struct work *w, const char *kind, struct err *e)
{
	struct pg_params p = {0};
	PGresult *r = NULL;
	int rc;

	if (!w->s->table.adopted)
		return 0;
	pg_param_text(&p, slice_of(kind));
	pg_param_int(&p, w->o->m);
	pg_param_int(&p, w->o->ef_construction);
	pg_param_int(&p, w->o->lists);
	rc = pg_link_query(&w->s->link, pg_sql(w->s, "UPDATE {schema}.c1v_collection SET index_kind = $1,"
	    " index_m = coalesce(nullif($2, 0), index_m),"
	    " index_ef_construction = coalesce(nullif($3, 0), index_ef_construction),"
	    " index_lists = coalesce(nullif($4, 0), index_lists) WHERE name = {collection}"), &p, 0, &r, e);
	PQclear(r);
	pg_params_free(&p);
	return rc;
}

/* A name for the index that nothing else has. */
static const char *
standard_name(struct work *w, const char *format)
{
	const char *name = arena_format(&w->state.arena, format, w->s->table.name);

	for (int i = 0; i < w->state.count; i++) {
		if (w->state.items[i].valid && strcmp(w->state.items[i].name, name) == 0)
			return arena_format(&w->state.arena, "%.48s_c1v_vector", w->s->table.name);
	}
	return name;
}

static int
same_as_now(const struct work *w)
{
	const struct pg_index *now = w->state.used;

	return strcmp(now->kind, w->plan.index) == 0 && (w->o->m == 0 || w->o->m == now->m) &&
	    (w->o->ef_construction == 0 || w->o->ef_construction == now->ef_construction) &&
	    (w->o->lists == 0 || w->o->lists == now->lists) && pg_index_stale(&w->state) == NULL;
}

static int
build(struct work *w, const char **did, struct err *e)
{
	int rc = decide(w, e);

	if (rc != 0)
		return rc;
	if (w->state.used != NULL && same_as_now(w)) {
		*did = "none";
		return 0;
	}
	if (w->state.used != NULL) {
		err_set(e, C1V_CONFIG, "index: %s has one already, %s", w->s->base.collection, w->state.used->name);
		return err_hint(e, "c1v-store index rebuild replaces it");
	}
	rc = create(w, standard_name(w, "%.46s_embedding_idx"), e);
	return rc ? rc : remember(w, w->plan.index, e);
}

/* Searches have the old index until the new one is there. */
static int
rebuild(struct work *w, const char **did, struct err *e)
{
	const char *old = w->state.used ? w->state.used->name : NULL;
	const char *fresh = arena_format(&w->state.arena, "%.48s_c1v_new", w->s->table.name);
	int rc;

	if (old == NULL)
		return build(w, did, e);
	rc = decide(w, e);
	/* Left over, when it is not what is used: a rebuild was ended between its steps. */
	if (rc == 0 && strcmp(old, fresh) != 0)
		rc = drop_one(w, fresh, e);
	else if (rc == 0)
		fresh = arena_format(&w->state.arena, "%.46s_embedding_idx", w->s->table.name);
	if (rc == 0)
		rc = create(w, fresh, e);
	if (rc == 0)
		rc = drop_one(w, old, e);
	if (rc == 0 && strstr(fresh, "_c1v_new") != NULL) {
		w->sql.len = 0;
		buf_format(&w->sql, "ALTER INDEX %s.", w->s->table.schema);
		pg_quote_name(&w->sql, fresh);
		buf_string(&w->sql, " RENAME TO ");
		pg_quote_name(&w->sql, old);
		rc = run(w, e);
	}
	return rc ? rc : remember(w, w->plan.index, e);
}

static int
drop(struct work *w, const char **did, struct err *e)
{
	int rc;

	if (w->state.used == NULL) {
		*did = "none";
		return remember(w, "none", e);
	}
	rc = drop_one(w, w->state.used->name, e);
	return rc ? rc : remember(w, "none", e);
}

static int
change(struct work *w, const char **did, struct err *e)
{
	static const char *const names[] = {NULL, "build", "rebuild", "drop"};
	int rc = nobody_builds(w, e);

	*did = names[w->o->action];
	if (rc == 0)
		rc = drop_leftovers(w, e);
	if (rc != 0)
		return rc;
	if (w->o->action == INDEX_BUILD)
		return build(w, did, e);
	return w->o->action == INDEX_REBUILD ? rebuild(w, did, e) : drop(w, did, e);
}

static void
end(struct work *w)
{
	pg_link_close(&w->turn);
	pg_index_free(&w->state);
	buf_free(&w->sql);
}

int
pg_index(struct store *base, const struct index_options *o, store_json_fn *fn, void *arg, struct err *e)
{
	struct work w = {.s = pg_of(base), .o = o};
	const char *did = NULL;
	int rc = w.s->table.kind == PG_BARE && w.s->table.described ? 0 : pg_must_exist(w.s, e);

	if (rc == 0 && o->action != INDEX_STATUS)
		rc = change(&w, &did, e);
	if (rc == 0)
		rc = o->action != INDEX_STATUS ? read_again(&w, e) : pg_index_read(w.s, &w.state, e);
	if (rc == 0)
		rc = tell(&w, did, fn, arg, e);
	end(&w);
	return rc;
}

/* --- after loading ------------------------------------------------------------------ */

/* 1: it is missing, or fits the rows no longer, and nobody sees to it. */
static int
is_due(const struct work *w)
{
	const struct pg_index_state *x = &w->state;

	if (x->rows < 1 || x->pid != 0)
		return 0;
	return x->used != NULL ? pg_index_stale(x) != NULL : strcmp(w->s->table.index_kind, "ivfflat") == 0;
}

/* Several writers may come to their ends together: what one has begun the others leave to it. */
static int
load_index(struct work *w, struct err *e)
{
	const char *did = NULL, *stale;
	int mine = 0, rc = pg_index_read(w->s, &w->state, e);

	if (rc == 0 && is_due(w))
		rc = pg_index_turn(w->s, &w->turn, &mine, e);
	if (rc == 0 && mine)
		rc = read_again(w, e);
	if (rc != 0 || !mine || !is_due(w))
		return rc;
	stale = pg_index_stale(&w->state);
	log_say(w->s->base.log, LOG_INFO, "%s: building its ivfflat index: %s", w->s->base.collection,
	    stale ? stale : "the rows are there now");
	rc = drop_leftovers(w, e);
	return rc ? rc : rebuild(w, &did, e);
}

int
pg_index_after_load(struct pg_store *s, struct err *e)
{
	static const struct index_options nothing_said;
	struct work w = {.s = s, .o = &nothing_said};
	struct err why = {0};

	(void)e;
	/* What is loaded is loaded, whatever becomes of its index. */
	if (s->table.adopted && s->table.index_kind != NULL && pg_table_read(s, &why) == 0 &&
	    (s->table.index == 'i' || (s->table.index == 0 && strcmp(s->table.index_kind, "ivfflat") == 0)) &&
	    load_index(&w, &why) != 0) {
		err_prefix(&why, "%s", s->base.collection);
		log_warn_err(s->base.log, &why);
	}
	end(&w);
	return 0;
}

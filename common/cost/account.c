#include "cost/account.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/module.h"
#include "cost/ledger_module.h"

enum { HOLD_SECONDS = 3600 };

struct account_hold {
	char id[40];  /* "": it is a part of the run's */
	int64_t nano;
};

/* A call that is to be entered. */
struct entry {
	struct usage usage;
	char *model, *request_id;
	struct account_hold *hold;
	int64_t time, cost, saved;
	const struct price *price;
};

struct account {
	const struct ledger_functions *f;
	struct ledger *ledger;
	struct account_options options;
	char run[40];   /* the reservation of the whole run, or "" */
	int64_t left;   /* of it, for calls that are to come */
	struct entry *entries; /* that are not entered yet */
	size_t count, room;
	int failed;     /* entering did */
};

int
account_open(const struct account_options *o, struct account **out, struct err *e)
{
	const struct ledger_functions *f = module_load("cost_ledger", e);
	struct account *a;
	int rc;

	if (f == NULL)
		return C1V_CONFIG;
	a = mem_zero(1, sizeof(*a));
	a->f = f;
	a->options = *o;
	rc = f->open(o->ledger, LEDGER_WRITE, o->wait, NULL, &a->ledger, e);
	if (rc == 0)
		*out = a;
	else
		free(a);
	return rc;
}

/* --- reserving -------------------------------------------------------------- */

static int
reserve(struct account *a, int64_t nano, char id[40], struct err *e)
{
	const struct account_options *o = &a->options;
	struct spend s = {.user = slice_of(o->user), .project = slice_of(o->project), .amount = nano,
	    .now = clock_wall_ms()};

	return a->f->reserve(a->ledger, &s, HOLD_SECONDS, id, e);
}

int
account_reserve_run(struct account *a, int64_t nano, struct err *e)
{
	int rc = reserve(a, nano, a->run, e);

	if (rc == 0)
		a->left = nano;
	else
		a->run[0] = '\0';
	return rc;
}

int
account_reserve(struct account *a, int64_t nano, struct account_hold **hold, struct err *e)
{
	struct account_hold *h = mem_zero(1, sizeof(*h));
	int rc = 0;

	*hold = NULL;
	h->nano = nano;
	if (a->run[0] && nano <= a->left)
		a->left -= nano;
	else
		rc = reserve(a, nano, h->id, e);
	if (rc == 0)
		*hold = h;
	else
		free(h);
	return rc;
}

void
account_release(struct account *a, struct account_hold *hold)
{
	struct err ignored; /* it expires */

	if (hold == NULL)
		return;
	if (hold->id[0])
		a->f->release(a->ledger, slice_of(hold->id), &ignored);
	else
		a->left += hold->nano;
	free(hold);
}

/* --- entering --------------------------------------------------------------- */

/* Within a transaction. */
static int
give_back(struct account *a, const struct entry *x, struct err *e)
{
	int64_t cost = x->cost == LEDGER_UNKNOWN ? 0 : x->cost;

	if (x->hold->id[0])
		return a->f->settle(a->ledger, slice_of(x->hold->id), e);
	if (!a->run[0])
		return 0;
	return a->f->lower(a->ledger, slice_of(a->run), cost, clock_wall_ms(), HOLD_SECONDS, e);
}

static int
enter(struct account *a, const struct entry *x, int back, struct err *e)
{
	struct ledger_row row = {.usage = &x->usage, .time = x->time, .cost = x->cost,
	    .saved = x->saved, .price = x->price};
	int fresh, rc = a->f->begin(a->ledger, e);

	if (rc != 0)
		return rc;
	rc = a->f->add(a->ledger, &row, &fresh, e);
	if (rc == 0 && back)
		rc = give_back(a, x, e);
	if (rc == 0)
		return a->f->commit(a->ledger, e);
	a->f->rollback(a->ledger);
	return rc;
}

static void
forget(struct account *a, struct entry *x)
{
	if (x->hold != NULL && !x->hold->id[0])
		a->left += x->hold->nano - (x->cost == LEDGER_UNKNOWN ? 0 : x->cost);
	free(x->hold);
	free(x->model);
	free(x->request_id);
}

/* What waits, in order. A reservation that has expired keeps nothing out: what was spent is spent. */
static int
enter_all(struct account *a, struct err *e)
{
	size_t done = 0;
	int rc = 0;

	for (; done < a->count; done++) {
		struct entry *x = &a->entries[done];

		rc = enter(a, x, x->hold != NULL, e);
		if (rc == C1V_NO && x->hold != NULL) {
			if (!x->hold->id[0])
				a->run[0] = '\0';
			rc = enter(a, x, 0, e);
		}
		if (rc != 0)
			break;
		forget(a, x);
	}
	a->count -= done;
	if (a->count && done)
		memmove(a->entries, a->entries + done, a->count * sizeof(*a->entries));
	return rc;
}

int
account_spent(struct account *a, struct account_hold *hold, const struct account_call *call, struct err *e)
{
	const struct account_options *o = &a->options;
	struct entry x = {
		.model = mem_bytes(call->model.p, call->model.n),
		.request_id = mem_bytes(call->request_id.p, call->request_id.n),
		.hold = hold, .time = clock_wall_ms(), .cost = call->cost, .saved = call->saved,
		.price = call->price,
	};

	x.usage = (struct usage){.model = slice_of(x.model), .request_id = slice_of(x.request_id),
	    .input = call->input, .user = slice_of(o->user), .project = slice_of(o->project), .tool = slice_of(o->tool)};
	mem_grow(&a->entries, &a->room, a->count + 1, sizeof(*a->entries));
	a->entries[a->count++] = x;
	if (a->failed)
		return 0;
	a->failed = enter_all(a, e) != 0;
	return a->failed ? e->code : 0;
}

int
account_close(struct account *a, uint64_t *lost, struct err *e)
{
	struct err ignored;
	int rc;

	*lost = 0;
	if (a == NULL)
		return 0;
	rc = enter_all(a, e);
	*lost = a->count;
	for (size_t i = 0; i < a->count; i++)
		forget(a, &a->entries[i]);
	if (a->run[0])
		a->f->release(a->ledger, slice_of(a->run), &ignored);
	a->f->close(a->ledger);
	free(a->entries);
	free(a);
	return rc;
}

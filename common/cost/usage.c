#include "cost/usage.h"

#include "base/json.h"
#include "base/num.h"

/* --- fields ----------------------------------------------------------------- */

/* What may stand at the top of a record or a body, found in one walk. */
enum key {
	MODEL, MODEL_VERSION, TIME, REQUEST_ID, ID, USER, PROJECT, TOOL, CREATED, BATCH, INPUT, OUTPUT, CACHED,
	WRITE, WRITE_1H, SEARCHES, USAGE, USAGE_METADATA, META, RESPONSE, KEYS
};
struct top { struct slice values[KEYS]; };

static const struct slice key_names[KEYS] = {
	[MODEL] = {"model", 5}, [MODEL_VERSION] = {"modelVersion", 12}, [TIME] = {"time", 4},
	[REQUEST_ID] = {"request_id", 10}, [ID] = {"id", 2}, [USER] = {"user", 4}, [PROJECT] = {"project", 7},
	[TOOL] = {"tool", 4}, [CREATED] = {"created", 7}, [BATCH] = {"batch", 5}, [INPUT] = {"input_tokens", 12},
	[OUTPUT] = {"output_tokens", 13}, [CACHED] = {"cached_input_tokens", 19},
	[WRITE] = {"cache_write_tokens", 18}, [WRITE_1H] = {"cache_write_1h_tokens", 21},
	[SEARCHES] = {"searches", 8}, [USAGE] = {"usage", 5}, [USAGE_METADATA] = {"usageMetadata", 13},
	[META] = {"meta", 4}, [RESPONSE] = {"response", 8},
};

static void
read_top(struct slice object, struct top *t)
{
	struct json_walk w = json_walk(object);
	struct slice key, value;

	memset(t, 0, sizeof(*t));
	while (json_member(&w, &key, &value)) {
		for (int i = 0; i < KEYS; i++) {
			if (slice_equal(key, key_names[i])) {
				if (t->values[i].p == NULL)
					t->values[i] = value;
				break;
			}
		}
	}
}

static struct slice
as_object(struct slice v)
{
	return v.p != NULL && json_type(v) == JSON_OBJECT ? v : SLICE_NONE;
}

static struct slice
object_in(struct slice object, const char *key)
{
	return object.p ? as_object(json_get(object, key)) : SLICE_NONE;
}

/* A count: absent and null are 0, and *found says that there was a number. */
static int
count_of(struct slice v, const char *key, int64_t *out, int *found, struct err *e)
{
	*out = 0;
	if (v.p == NULL || json_type(v) == JSON_NULL)
		return 0;
	if (json_type(v) != JSON_NUMBER || !num_json_int(v, out) || *out < 0)
		return err_set(e, C1V_DATA, "`%s` is not a count", key);
	if (found != NULL)
		*found = 1;
	return 0;
}

static int
count_in(struct slice object, const char *key, int64_t *out, int *found, struct err *e)
{
	return count_of(object.p ? json_get(object, key) : SLICE_NONE, key, out, found, e);
}

static struct slice
text_of(struct slice v, struct buf *scratch)
{
	struct slice text;
	struct buf own = {0};

	if (v.p == NULL || json_type(v) != JSON_STRING)
		return SLICE_NONE;
	if (memchr(v.p, '\\', v.n) == NULL)
		return (struct slice){v.p + 1, v.n - 2};
	/* Room was made for all of them, so that earlier slices stay where they are. */
	text = json_text(v, &own);
	memcpy(scratch->data + scratch->len, text.p, text.n);
	text.p = scratch->data + scratch->len;
	scratch->len += text.n;
	buf_free(&own);
	return text;
}

struct field { const char *key; int64_t *to; };

static int
counts(struct slice object, const struct field *fields, size_t n, int *found, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (count_in(object, fields[i].key, fields[i].to, found, e) != 0)
			return e->code;
	return 0;
}

/* What lies inside another count cannot be more than it. */
static int
take_out(int64_t *whole, int64_t part, const char *what, struct err *e)
{
	if (part > *whole)
		return err_set(e, C1V_DATA, "%s: more than the whole", what);
	*whole -= part;
	return 0;
}

/* --- forms ------------------------------------------------------------------- */

/* Cached and written tokens lie inside the input: our own records, OpenAI. */
static int
inside(struct usage *u, struct err *e)
{
	if (take_out(&u->input, u->cached, "cached input", e) != 0 ||
	    take_out(&u->input, u->write, "cache writes", e) != 0 ||
	    take_out(&u->input, u->write_1h, "cache writes", e) != 0)
		return e->code;
	return 0;
}

static int
read_own(const struct top *t, struct usage *u, int *found, struct err *e)
{
	static const enum key keys[] = {INPUT, OUTPUT, CACHED, WRITE, WRITE_1H, SEARCHES};
	int64_t *const to[] = {&u->input, &u->output, &u->cached, &u->write, &u->write_1h, &u->searches};
	struct slice batch = t->values[BATCH];

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (count_of(t->values[keys[i]], key_names[keys[i]].p, to[i], found, e) != 0)
			return e->code;
	u->batch = batch.p != NULL && json_type(batch) == JSON_TRUE;
	return *found ? inside(u, e) : 0;
}

/* {"usage":{"prompt_tokens",…}}, of chat and embeddings. */
static int
read_chat(struct slice usage, struct usage *u, int *found, struct err *e)
{
	struct slice in = object_in(usage, "prompt_tokens_details");
	struct slice out = object_in(usage, "completion_tokens_details");
	const struct field fields[] = {{"prompt_tokens", &u->input}, {"completion_tokens", &u->output}};
	const struct field details[] = {{"cached_tokens", &u->cached}, {"cache_write_tokens", &u->write}};

	if (counts(usage, fields, 2, found, e) != 0 || counts(in, details, 2, NULL, e) != 0 ||
	    count_in(out, "reasoning_tokens", &u->reasoning, NULL, e) != 0)
		return e->code;
	return *found ? inside(u, e) : 0;
}

/* {"usage":{"input_tokens",…}}: OpenAI's responses, where details say what is cached, and
 * Anthropic's messages, where caches are counted beside. */
static int
read_messages(struct slice usage, struct usage *u, int *found, struct err *e)
{
	struct slice in = object_in(usage, "input_tokens_details");
	struct slice out = object_in(usage, "output_tokens_details");
	struct slice creation = object_in(usage, "cache_creation");
	struct slice tier = json_get(usage, "service_tier");
	const struct field fields[] = {
		{"input_tokens", &u->input}, {"output_tokens", &u->output},
		{"cache_read_input_tokens", &u->cached}, {"cache_creation_input_tokens", &u->write},
	};
	const struct field details[] = {{"cached_tokens", &u->cached}, {"cache_write_tokens", &u->write}};

	if (counts(usage, fields, 4, found, e) != 0 ||
	    count_in(out, "reasoning_tokens", &u->reasoning, NULL, e) != 0 ||
	    count_in(creation, "ephemeral_1h_input_tokens", &u->write_1h, NULL, e) != 0)
		return e->code;
	u->batch = tier.p != NULL && json_string_is(tier, "batch");
	if (in.p != NULL)
		return counts(in, details, 2, NULL, e) != 0 ? e->code : inside(u, e);
	return take_out(&u->write, u->write_1h, "cache writes of an hour", e);
}

/* {"usageMetadata":{"promptTokenCount",…},"modelVersion"} */
static int
read_gemini(struct slice usage, struct usage *u, int *found, struct err *e)
{
	int64_t tool = 0;
	const struct field fields[] = {
		{"promptTokenCount", &u->input}, {"cachedContentTokenCount", &u->cached},
		{"candidatesTokenCount", &u->output}, {"thoughtsTokenCount", &u->reasoning},
		{"toolUsePromptTokenCount", &tool},
	};

	if (counts(usage, fields, sizeof(fields) / sizeof(*fields), found, e) != 0)
		return e->code;
	u->input += tool;
	u->output += u->reasoning;
	return inside(u, e);
}

/* {"meta":{"billed_units":{…}}} or {"usage":{"billed_units":{…}}} */
static int
read_cohere(struct slice units, struct usage *u, int *found, struct err *e)
{
	const struct field fields[] = {
		{"input_tokens", &u->input}, {"output_tokens", &u->output}, {"search_units", &u->searches},
	};

	return counts(units, fields, 3, found, e);
}

static int
read_body(const struct top *t, struct usage *u, int *found, struct err *e)
{
	struct slice usage = as_object(t->values[USAGE]), gemini = as_object(t->values[USAGE_METADATA]);
	struct slice units = object_in(as_object(t->values[META]), "billed_units");

	if (units.p == NULL)
		units = object_in(usage, "billed_units");
	if (units.p != NULL)
		return read_cohere(units, u, found, e);
	if (gemini.p != NULL)
		return read_gemini(gemini, u, found, e);
	if (usage.p == NULL)
		return 0;
	if (json_get(usage, "prompt_tokens").p != NULL)
		return read_chat(usage, u, found, e);
	return read_messages(usage, u, found, e);
}

/* --- the door ---------------------------------------------------------------- */

static struct slice
first_text(const struct top *t, enum key a, enum key b, struct buf *scratch)
{
	struct slice text = text_of(t->values[a], scratch);

	return text.p != NULL ? text : text_of(t->values[b], scratch);
}

int
usage_read(struct slice object, struct usage *u, struct buf *scratch, struct err *e)
{
	struct top line, inner, *body = &line;
	struct slice batch;
	int found = 0, rc;

	memset(u, 0, sizeof(*u));
	scratch->len = 0;
	buf_reserve(scratch, object.n);
	read_top(object, &line);
	/* A line of an OpenAI batch's output holds the body further in. */
	batch = object_in(as_object(line.values[RESPONSE]), "body");
	if (batch.p != NULL) {
		read_top(batch, &inner);
		body = &inner;
	}
	rc = read_own(&line, u, &found, e);
	if (rc == 0 && !found)
		rc = read_body(body, u, &found, e);
	if (rc != 0)
		return rc;
	if (!found)
		return err_set(e, C1V_DATA, "it tells no usage");
	u->batch |= batch.p != NULL;
	u->model = first_text(body, MODEL, MODEL_VERSION, scratch);
	u->time = text_of(line.values[TIME], scratch);
	u->request_id = first_text(body, REQUEST_ID, ID, scratch);
	u->user = text_of(line.values[USER], scratch);
	u->project = text_of(line.values[PROJECT], scratch);
	u->tool = text_of(line.values[TOOL], scratch);
	if (count_of(body->values[CREATED], "created", &u->created, NULL, NULL) != 0)
		u->created = 0; /* other services put a text there */
	return 0;
}

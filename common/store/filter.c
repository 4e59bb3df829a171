/* Compiling filters; filter_match.c applies them. */
#include "store/filter.h"

#include <stdlib.h>

#include "base/utf8.h"
#include "store/filter_private.h"

/* --- errors --------------------------------------------------------------- */

static const char *
quoted(struct filter *f, struct slice s) /* as it may stand in a message */
{
	struct buf b = {0};
	const char *text;

	utf8_add_visible(&b, s);
	text = arena_format(&f->arena, "\"%.*s\"", b.len < 100 ? (int)b.len : 100, b.len ? b.data : "");
	buf_free(&b);
	return text;
}

static int
unknown_operator(struct filter *f, struct slice name, struct err *e)
{
	err_set(e, C1V_USAGE, "unknown operator %s in a filter", quoted(f, name));
	return err_hint(e, "operators are $eq $ne $in $nin $gt $gte $lt $lte $exists $and $or $not;"
	    " fields beside metadata are $source $id $doc");
}

static int
misplaced_operator(struct filter *f, struct slice name, struct err *e)
{
	err_set(e, C1V_USAGE, "operator %s where a filter has none", quoted(f, name));
	return err_hint(e, "compare as in {\"KEY\":{\"$gt\":1}} or, for what is inside an object, "
	    "{\"KEY.INNER\":{\"$gt\":1}}; combine as in {\"$or\":[{…},{…}]}");
}

/* --- values --------------------------------------------------------------- */

static struct slice
keep(struct filter *f, struct slice s)
{
	return (struct slice){arena_bytes(&f->arena, s.p, s.n), s.n};
}

static struct slice
keep_key(struct filter *f, struct slice key)
{
	struct buf scratch = {0};
	struct slice text = keep(f, json_key_text(key, &scratch));

	buf_free(&scratch);
	return text;
}

static struct filter_value /* raw: in f's arena */
value_of(struct filter *f, struct slice raw)
{
	struct filter_value v = {json_type(raw), raw, SLICE_NONE};

	if (v.type == JSON_STRING)
		v.text = keep_key(f, (struct slice){raw.p + 1, raw.n - 2});
	return v;
}

static size_t
items_in(struct slice value)
{
	struct json_walk w = json_walk(value);
	struct slice v, key;
	size_t n = 0;

	if (json_type(value) == JSON_OBJECT)
		while (json_member(&w, &key, &v))
			n++;
	else
		while (json_item(&w, &v))
			n++;
	return n;
}

static void
set_values(struct filter *f, struct filter_node *node, const struct slice *raw, size_t n)
{
	node->values = arena_alloc(&f->arena, n * sizeof(*node->values));
	for (node->count = 0; node->count < n; node->count++)
		node->values[node->count] = value_of(f, raw[node->count]);
}

static struct filter_node *
set_nodes(struct filter *f, struct filter_node *node, size_t n)
{
	node->nodes = arena_alloc(&f->arena, n * sizeof(*node->nodes));
	node->count = n;
	memset(node->nodes, 0, n * sizeof(*node->nodes));
	return node->nodes;
}

/* --- operators ------------------------------------------------------------ */

enum operand { ANY_VALUE, AN_ARRAY, ORDERED, BOOLEAN };

static const struct operator {
	const char *name;
	enum filter_op op;
	int negated;
	enum operand operand;
} operators[] = {
	{"$eq", OP_EQ, 0, ANY_VALUE},
	{"$ne", OP_EQ, 1, ANY_VALUE},
	{"$in", OP_IN, 0, AN_ARRAY},
	{"$nin", OP_IN, 1, AN_ARRAY},
	{"$gt", OP_GT, 0, ORDERED},
	{"$gte", OP_GTE, 0, ORDERED},
	{"$lt", OP_LT, 0, ORDERED},
	{"$lte", OP_LTE, 0, ORDERED},
	{"$exists", OP_EXISTS, 0, BOOLEAN},
};

enum { OPERATORS = sizeof(operators) / sizeof(operators[0]) };

static const struct operator *
find_operator(struct slice name)
{
	for (size_t i = 0; i < OPERATORS; i++)
		if (json_key_is(name, operators[i].name))
			return &operators[i];
	return NULL;
}

static int
is_operator(struct slice key) /* by its form, known or not */
{
	return key.n > 0 && key.p[0] == '$';
}

static int /* known, but perhaps not here */
is_known(struct slice key)
{
	return find_operator(key) || json_key_is(key, "$and") || json_key_is(key, "$or") ||
	    json_key_is(key, "$not");
}

static int
wrong_operand(const char *name, const char *wanted, struct err *e)
{
	return err_set(e, C1V_USAGE, "%s in a filter takes %s", name, wanted);
}

static int
check_operand(const struct operator *o, struct slice value, struct err *e)
{
	enum json_type type = json_type(value);

	if (o->operand == AN_ARRAY && type != JSON_ARRAY)
		return wrong_operand(o->name, "an array", e);
	if (o->operand == ORDERED && type != JSON_NUMBER && type != JSON_STRING)
		return wrong_operand(o->name, "a number or a string", e);
	if (o->operand == BOOLEAN && type != JSON_TRUE && type != JSON_FALSE)
		return wrong_operand(o->name, "true or false", e);
	return 0;
}

static int compile_operators(struct filter *f, struct slice object, const struct filter_node *subject,
    struct filter_node *node, unsigned depth, struct err *e);

/* One member of an object of operators. subject has the field and the key. */
static int
compile_operator(struct filter *f, struct slice name, struct slice value,
    const struct filter_node *subject, struct filter_node *node, unsigned depth, struct err *e)
{
	const struct operator *o = find_operator(name);
	int rc;

	if (json_key_is(name, "$not")) {
		node->op = OP_NOT;
		if (json_type(value) != JSON_OBJECT)
			return wrong_operand("$not", "an object of operators", e);
		return compile_operators(f, value, subject, set_nodes(f, node, 1), depth + 1, e);
	}
	if (o == NULL)
		return is_known(name) ? misplaced_operator(f, name, e) : unknown_operator(f, name, e);
	rc = check_operand(o, value, e);
	if (rc != 0)
		return rc;
	if (o->negated) {
		node->op = OP_NOT;
		node = set_nodes(f, node, 1);
	}
	*node = *subject;
	node->op = o->op;
	if (o->op == OP_IN) {
		struct json_walk w = json_walk(value);
		struct slice item;

		node->values = arena_alloc(&f->arena, items_in(value) * sizeof(*node->values));
		while (json_item(&w, &item))
			node->values[node->count++] = value_of(f, item);
		return 0;
	}
	set_values(f, node, &value, 1);
	return 0;
}

static int
too_deep(unsigned depth, struct err *e)
{
	if (depth <= FILTER_DEPTH)
		return 0;
	return err_set(e, C1V_USAGE, "a filter is nested deeper than %d", FILTER_DEPTH);
}

static int
compile_operators(struct filter *f, struct slice object, const struct filter_node *subject,
    struct filter_node *node, unsigned depth, struct err *e)
{
	struct json_walk w = json_walk(object);
	struct slice key, value;
	struct filter_node *next = set_nodes(f, node, items_in(object));
	int rc = too_deep(depth, e);

	node->op = OP_ALL;
	if (rc == 0 && node->count == 0)
		return wrong_operand("$not", "an object of operators", e);
	while (rc == 0 && json_member(&w, &key, &value)) {
		if (!is_operator(key))
			return err_set(e, C1V_USAGE, "key %s among the operators of a filter", quoted(f, key));
		rc = compile_operator(f, key, value, subject, next++, depth, e);
	}
	return rc;
}

/* --- conditions ----------------------------------------------------------- */

/* An operator inside a value that is compared as a whole would silently match
 * nothing. */
static int
check_literal(struct filter *f, struct slice value, struct err *e)
{
	struct json_walk w = json_walk(value);
	struct slice key, v;
	int rc = 0;

	if (json_type(value) == JSON_OBJECT) {
		while (rc == 0 && json_member(&w, &key, &v))
			rc = is_operator(key) ? misplaced_operator(f, key, e) : check_literal(f, v, e);
	} else if (json_type(value) == JSON_ARRAY) {
		while (rc == 0 && json_item(&w, &v))
			rc = check_literal(f, v, e);
	}
	return rc;
}

/* The field that a key names, or -1: an operator or unknown. */
static int
field_of(struct slice key)
{
	if (!is_operator(key))
		return FIELD_METADATA;
	return json_key_is(key, "$source") ? FIELD_SOURCE :
	    json_key_is(key, "$id") ? FIELD_ID : json_key_is(key, "$doc") ? FIELD_DOCUMENT : -1;
}

static int
compile_condition(struct filter *f, struct slice key, struct slice value,
    struct filter_node *node, unsigned depth, struct err *e)
{
	struct filter_node subject = {.field = (enum filter_field)field_of(key), .key = keep_key(f, key)};
	struct json_walk w = json_walk(value);
	struct slice first, v;
	int rc;

	if (subject.field != FIELD_METADATA)
		f->metadata_only = 0;
	if (json_type(value) == JSON_OBJECT && json_member(&w, &first, &v) && is_operator(first))
		return compile_operators(f, value, &subject, node, depth + 1, e);
	rc = check_literal(f, value, e);
	if (rc != 0)
		return rc;
	*node = subject;
	node->op = OP_CONTAINS;
	set_values(f, node, &value, 1);
	return 0;
}

static int compile_object(struct filter *f, struct slice object, struct filter_node *node,
    unsigned depth, struct err *e);

static int
compile_list(struct filter *f, const char *name, struct slice list, struct filter_node *node,
    unsigned depth, struct err *e)
{
	struct json_walk w = json_walk(list);
	struct slice item;
	size_t n = json_type(list) == JSON_ARRAY ? items_in(list) : 0;
	struct filter_node *next;
	int rc = 0;

	if (n == 0)
		return wrong_operand(name, "an array of filters", e);
	next = set_nodes(f, node, n);
	while (rc == 0 && json_item(&w, &item)) {
		if (json_type(item) != JSON_OBJECT)
			return wrong_operand(name, "an array of filters", e);
		rc = compile_object(f, item, next++, depth + 1, e);
	}
	return rc;
}

static int
compile_member(struct filter *f, struct slice key, struct slice value, struct filter_node *node,
    unsigned depth, struct err *e)
{
	if (field_of(key) >= 0)
		return compile_condition(f, key, value, node, depth, e);
	if (json_key_is(key, "$and") || json_key_is(key, "$or")) {
		int any = json_key_is(key, "$or");

		node->op = any ? OP_ANY : OP_ALL;
		return compile_list(f, any ? "$or" : "$and", value, node, depth, e);
	}
	if (json_key_is(key, "$not")) {
		node->op = OP_NOT;
		if (json_type(value) != JSON_OBJECT)
			return wrong_operand("$not", "a filter", e);
		return compile_object(f, value, set_nodes(f, node, 1), depth + 1, e);
	}
	return is_known(key) ? misplaced_operator(f, key, e) : unknown_operator(f, key, e);
}

static int
compile_object(struct filter *f, struct slice object, struct filter_node *node, unsigned depth,
    struct err *e)
{
	struct json_walk w = json_walk(object);
	struct slice key, value;
	struct filter_node *next = set_nodes(f, node, items_in(object));
	int rc = too_deep(depth, e);

	node->op = OP_ALL;
	while (rc == 0 && json_member(&w, &key, &value))
		rc = compile_member(f, key, value, next++, depth, e);
	return rc;
}

static int
compile_pair(struct filter *f, const char *text, struct filter_node *node, struct err *e)
{
	const char *equals = strchr(text, '=');
	struct slice key = {text, equals ? (size_t)(equals - text) : 0};
	int field;

	if (key.n == 0) {
		err_set(e, C1V_USAGE, "filter %s is neither a JSON object nor key=value",
		    quoted(f, slice_of(text)));
		return err_hint(e, "for example type=prd or '{\"year\":{\"$gte\":2024}}'");
	}
	if (utf8_valid(text, strlen(text)) != strlen(text))
		return err_set(e, C1V_USAGE, "a filter is not valid UTF-8");
	field = is_operator(key) ? -1 : FIELD_METADATA;
	for (int i = FIELD_SOURCE; i <= FIELD_DOCUMENT && field < 0; i++) {
		static const char *const names[] = {"", "$source", "$id", "$doc"};
		if (slice_is(key, names[i]))
			field = i;
	}
	if (field < 0)
		return unknown_operator(f, key, e);
	if (field != FIELD_METADATA)
		f->metadata_only = 0;
	*node = (struct filter_node){.op = OP_TEXT, .field = (enum filter_field)field, .key = keep(f, key)};
	node->values = arena_alloc(&f->arena, sizeof(*node->values));
	node->values[0] = (struct filter_value){JSON_STRING, SLICE_NONE, keep(f, slice_of(equals + 1))};
	node->count = 1;
	return 0;
}

/* --- the door ------------------------------------------------------------- */

static int
compile(struct filter *f, const char *text, struct filter_node *node, struct err *e)
{
	const char *first = text + strspn(text, " \t\r\n");
	struct slice object;
	int rc;

	if (*first != '{')
		return compile_pair(f, text, node, e);
	rc = json_check(keep(f, slice_of(first)), &object, e);
	if (rc != 0) {
		if (e != NULL)
			e->code = C1V_USAGE;
		err_prefix(e, "a filter is not valid JSON");
		return C1V_USAGE;
	}
	return compile_object(f, object, node, 0, e);
}

int
filter_add(struct filter **out, const char *text, struct err *e)
{
	struct filter *f = *out ? *out : mem_zero(1, sizeof(*f));
	struct filter_node node = {0};
	int before = *out ? f->metadata_only : 1, rc;

	f->metadata_only = before;
	rc = compile(f, text, &node, e);
	if (rc != 0) {
		f->metadata_only = before;
		if (*out == NULL)
			filter_free(f);
		return rc;
	}
	mem_grow(&f->conditions, &f->room, f->count + 1, sizeof(node));
	f->conditions[f->count++] = node;
	*out = f;
	return 0;
}

int
filter_metadata_only(const struct filter *f)
{
	return f == NULL || f->metadata_only;
}

void
filter_free(struct filter *f)
{
	if (f == NULL)
		return;
	free(f->conditions);
	arena_free(&f->arena);
	free(f);
}

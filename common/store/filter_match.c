/* Applying a compiled filter to a row. */
#include "store/filter.h"

#include <stdint.h>

#include "base/num.h"
#include "store/filter_private.h"

/* --- numbers -------------------------------------------------------------- */

/* A number as a sign, digits without zeros at the front, and the power of ten
 * behind the first digit. */
struct decimal {
	const char *p, *end; /* digits from the first that is not 0; may hold a dot */
	int64_t power;
	int sign;            /* 0: zero */
};

static int64_t /* of an exponent, kept within what no number comes near */
exponent(const char *p, const char *end)
{
	int64_t v = 0;
	int negative = p < end && *p == '-';

	for (p += p < end && (*p == '-' || *p == '+'); p < end; p++)
		if (v < INT64_MAX / 100)
			v = v * 10 + (*p - '0');
	return negative ? -v : v;
}

static struct decimal
decimal_of(struct slice number)
{
	const char *p = number.p, *end = p + number.n, *mantissa, *q;
	struct decimal d = {NULL, NULL, 0, 1};
	int64_t whole = 0, zeros = 0;

	if (p < end && *p == '-') {
		d.sign = -1;
		p++;
	}
	for (mantissa = p; p < end && *p >= '0' && *p <= '9'; p++)
		whole++;
	for (p += p < end && *p == '.'; p < end && *p >= '0' && *p <= '9'; p++)
		continue;
	d.end = p;
	for (q = mantissa; q < d.end && (*q == '0' || *q == '.'); q++)
		zeros += *q == '0';
	d.p = q;
	if (q == d.end)
		d.sign = 0;
	d.power = whole - zeros;
	if (p < end) /* e or E */
		d.power += exponent(p + 1, end);
	return d;
}

static int
next_digit(struct decimal *d)
{
	if (d->p < d->end && *d->p == '.')
		d->p++;
	return d->p < d->end ? *d->p++ : '0';
}

int
filter_number_order(struct slice a, struct slice b)
{
	struct decimal x = decimal_of(a), y = decimal_of(b);

	if (x.sign != y.sign)
		return x.sign > y.sign ? 1 : -1;
	if (x.sign == 0)
		return 0;
	if (x.power != y.power)
		return x.power > y.power ? x.sign : -x.sign;
	while (x.p < x.end || y.p < y.end) {
		int order = next_digit(&x) - next_digit(&y);
		if (order != 0)
			return order > 0 ? x.sign : -x.sign;
	}
	return 0;
}

/* --- values --------------------------------------------------------------- */

/* What is compared: a value, and whether it is there at all. */
struct subject {
	int there;
	struct filter_value value;
	struct buf scratch; /* of a text with escapes */
};

static void
subject_json(struct subject *s, struct slice raw)
{
	s->there = 1;
	s->value = (struct filter_value){json_type(raw), raw, SLICE_NONE};
	if (s->value.type == JSON_STRING)
		s->value.text = json_text(raw, &s->scratch);
}

static struct slice
get(struct slice object, struct slice key)
{
	if (object.p == NULL || json_type(object) != JSON_OBJECT)
		return SLICE_NONE;
	return json_get_n(object, key);
}

static struct slice /* by the key as it is, else as a path */
look_up(struct slice object, struct slice key)
{
	struct slice value = get(object, key);

	if (value.p != NULL || memchr(key.p, '.', key.n) == NULL)
		return value;
	for (value = object; value.p != NULL;) {
		const char *dot = memchr(key.p, '.', key.n);
		size_t n = dot ? (size_t)(dot - key.p) : key.n;

		value = get(value, (struct slice){key.p, n});
		if (dot == NULL)
			break;
		key = (struct slice){key.p + n + 1, key.n - n - 1};
	}
	return value;
}

static void
subject_load(struct subject *s, const struct filter_node *node, const struct filter_row *row)
{
	struct slice text = SLICE_NONE, value;

	*s = (struct subject){0};
	if (node->field == FIELD_METADATA) {
		value = look_up(row->metadata, node->key);
		if (value.p != NULL)
			subject_json(s, value);
		return;
	}
	text = node->field == FIELD_SOURCE ? row->source :
	    node->field == FIELD_ID ? row->id : row->document;
	s->there = text.p != NULL;
	s->value = (struct filter_value){JSON_STRING, SLICE_NONE, text};
}

/* --- comparing ------------------------------------------------------------ */

static int
equal(const struct filter_value *a, const struct filter_value *b)
{
	if (a->type != b->type)
		return 0;
	if (a->type == JSON_STRING)
		return slice_equal(a->text, b->text);
	if (a->type == JSON_NUMBER)
		return filter_number_order(a->raw, b->raw) == 0;
	return a->type < JSON_NUMBER || json_equal(a->raw, b->raw);
}

static int contains(struct slice a, struct slice b);

static int
object_contains(struct slice a, struct slice b)
{
	struct json_walk w = json_walk(b);
	struct buf scratch = {0};
	struct slice key, value, found;
	int yes = 1;

	while (yes && json_member(&w, &key, &value)) {
		scratch.len = 0;
		found = json_get_n(a, json_key_text(key, &scratch));
		yes = found.p != NULL && contains(found, value);
	}
	buf_free(&scratch);
	return yes;
}

static int
array_contains(struct slice a, struct slice b)
{
	struct json_walk w = json_walk(b), v;
	struct slice wanted, item;
	int yes = 1;

	while (yes && json_item(&w, &wanted)) {
		yes = 0;
		for (v = json_walk(a); !yes && json_item(&v, &item);)
			yes = contains(item, wanted);
	}
	return yes;
}

/* PostgreSQL's a @> b, but for its exception of an array at the top that
 * contains a scalar. As deep as the filter's text is (JSON_DEPTH). */
static int
contains(struct slice a, struct slice b)
{
	enum json_type type = json_type(b);

	if (json_type(a) != type)
		return 0;
	if (type == JSON_OBJECT)
		return object_contains(a, b);
	return type == JSON_ARRAY ? array_contains(a, b) : json_equal(a, b);
}

static int /* a before, like or behind b: -1, 0, 1; 2: not to be ordered */
order(const struct filter_value *a, const struct filter_value *b)
{
	size_t n = a->text.n < b->text.n ? a->text.n : b->text.n;
	int c;

	if (a->type != b->type || (a->type != JSON_NUMBER && a->type != JSON_STRING))
		return 2;
	if (a->type == JSON_NUMBER)
		return filter_number_order(a->raw, b->raw);
	c = n ? memcmp(a->text.p, b->text.p, n) : 0; /* bytes of UTF-8 sort as code points do */
	if (c == 0)
		return a->text.n < b->text.n ? -1 : a->text.n > b->text.n;
	return c < 0 ? -1 : 1;
}

static int
text_is(const struct filter_value *a, struct slice text)
{
	if (a->type == JSON_OBJECT || a->type == JSON_ARRAY)
		return 0;
	return slice_equal(a->type == JSON_STRING ? a->text : a->raw, text);
}

static int
is_in(const struct filter_value *a, const struct filter_node *node)
{
	for (size_t i = 0; i < node->count; i++)
		if (equal(a, &node->values[i]))
			return 1;
	return 0;
}

static int
compare(const struct subject *s, const struct filter_node *node)
{
	const struct filter_value *a = &s->value, *b = node->values;

	if (node->op == OP_EXISTS)
		return s->there == (b->type == JSON_TRUE);
	if (!s->there)
		return 0;
	switch (node->op) {
	case OP_CONTAINS:
		return a->type < JSON_ARRAY ? equal(a, b) : contains(a->raw, b->raw);
	case OP_TEXT:
		return text_is(a, b->text);
	case OP_IN:
		return is_in(a, node);
	case OP_GT:
		return order(a, b) == 1;
	case OP_GTE:
		return order(a, b) == 1 || order(a, b) == 0;
	case OP_LT:
		return order(a, b) == -1;
	case OP_LTE:
		return order(a, b) <= 0;
	default:
		return equal(a, b);
	}
}

/* --- rows ----------------------------------------------------------------- */

static int
holds(const struct filter_node *node, const struct filter_row *row)
{
	struct subject s;
	int yes;

	if (node->op <= OP_NOT) {
		int decisive = node->op == OP_ANY; /* the answer of one that ends the matter */

		yes = !decisive;
		for (size_t i = 0; yes != decisive && i < node->count; i++)
			yes = holds(&node->nodes[i], row);
		return node->op == OP_NOT ? !yes : yes;
	}
	subject_load(&s, node, row);
	yes = compare(&s, node);
	buf_free(&s.scratch);
	return yes;
}

int
filter_match(const struct filter *f, const struct filter_row *row)
{
	for (size_t i = 0; f != NULL && i < f->count; i++)
		if (!holds(&f->conditions[i], row))
			return 0;
	return 1;
}

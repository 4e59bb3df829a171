/* c1v-cost: what calls to models cost: tokens, prices, a ledger, reports, budgets. */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "cost/money.h"
#include "cost_tool.h"

static const char *const verbs[] = {
	"tokens\0count the tokens of texts as a model does",
	"price\0add the cost to usage records",
	"add\0price usage records and enter them into the ledger",
	"report\0sum the ledger up",
	"prices\0show the price list, or turn another's into ours (prices import FILE)",
	"budget\0show the budgets; budget set AMOUNT, budget unset",
	"check\0does an estimate fit into the budgets?",
	"reserve\0hold an estimate, if it fits",
	"settle\0enter what was spent and give a reservation back",
	"release\0give a reservation back unspent",
	NULL
};
enum {
	TOKENS = 1, PRICE = 2, ADD = 4, REPORT = 8, PRICES = 16, BUDGET = 32, CHECK = 64, RESERVE = 128,
	SETTLE = 256, RELEASE = 512,
	RECORDS = PRICE | ADD | SETTLE, GATE = CHECK | RESERVE
};

static int (*const work[])(struct tool *t) = {
	cost_verb_tokens, cost_verb_price, cost_verb_add, cost_verb_report, cost_verb_prices, cost_verb_budget,
	cost_verb_check, cost_verb_reserve, cost_verb_settle, cost_verb_release,
};

#define MEMBER(m) offsetof(struct settings, m)

static const struct opt own[] = {
	{ .name = "ledger", .kind = OPT_STRING, .offset = MEMBER(ledger), .argument = "URL",
	  .help = "the ledger: sqlite:PATH, redis://…, upstash:, or env:NAME", .env = "C1V_LEDGER" },
	{ .name = "prices", .kind = OPT_LIST, .offset = MEMBER(prices), .argument = "FILE",
	  .help = "a price list that lies over the shipped one (repeatable)", .flags = OPT_FILES,
	  .verbs = RECORDS | PRICES },
	{ .letter = 'u', .name = "user", .kind = OPT_STRING, .offset = MEMBER(user), .argument = "NAME",
	  .help = "of records that name none; in a report only this one's", .env = "C1V_USER" },
	{ .letter = 'p', .name = "project", .kind = OPT_STRING, .offset = MEMBER(project), .argument = "NAME",
	  .help = "the same for the project", .env = "C1V_PROJECT" },
	{ .name = "tool", .kind = OPT_STRING, .offset = MEMBER(tool), .argument = "NAME",
	  .help = "the same for the tool", .verbs = RECORDS | REPORT },
	{ .letter = 'm', .name = "model", .kind = OPT_STRING, .offset = MEMBER(model), .argument = "NAME",
	  .help = "the same for the model; tokens: whose they are", .flags = OPT_NO_CONFIG,
	  .verbs = TOKENS | RECORDS | REPORT },
	{ .name = "tz", .kind = OPT_STRING, .offset = MEMBER(tz), .argument = "ZONE",
	  .help = "whose days are meant: UTC, local or a name such as Europe/Berlin", .fallback = "UTC" },
	{ .name = "wait", .kind = OPT_REAL, .offset = MEMBER(wait), .argument = "SECONDS",
	  .help = "how long to wait for another writer", .fallback = "30", .max = 86400 },
	{ .name = "json", .kind = OPT_FLAG, .offset = MEMBER(json), .help = "write JSON, on a terminal too" },
	{ .name = "pretty", .kind = OPT_FLAG, .offset = MEMBER(pretty),
	  .help = "write for people, into a pipe too" },
	OPT_END
};
static const struct opt for_tokens[] = {
	{ .name = "encoding", .kind = OPT_STRING, .offset = MEMBER(encoding), .argument = "NAME",
	  .choices = "cl100k_base|o200k_base|o200k_harmony", .help = "the encoding, instead of a model's",
	  .flags = OPT_NO_CONFIG, .verbs = TOKENS },
	{ .letter = 't', .name = "type", .kind = OPT_CHOICE, .offset = MEMBER(type), .argument = "TYPE",
	  .choices = "text|ndjson", .help = "what the input is, whatever its name ends in", .verbs = TOKENS },
	{ .name = "ids", .kind = OPT_FLAG, .offset = MEMBER(ids), .flags = OPT_NO_CONFIG,
	  .help = "write the tokens themselves, an array for each input", .verbs = TOKENS },
	{ .name = "decode", .kind = OPT_FLAG, .offset = MEMBER(decode), .flags = OPT_NO_CONFIG,
	  .help = "tokens in, their text out", .verbs = TOKENS },
	{ .name = "chat", .kind = OPT_FLAG, .offset = MEMBER(chat), .flags = OPT_NO_CONFIG,
	  .help = "the input is chats: messages in JSON", .verbs = TOKENS },
	{ .name = "special", .kind = OPT_FLAG, .offset = MEMBER(special), .flags = OPT_NO_CONFIG,
	  .help = "the texts of special tokens are special tokens", .verbs = TOKENS },
	OPT_END
};
static const struct opt for_records[] = {
	{ .name = "unknown-as", .kind = OPT_STRING, .offset = MEMBER(unknown_as), .argument = "MODEL",
	  .help = "price models without a price as this one", .verbs = RECORDS },
	{ .name = "reservation", .kind = OPT_STRING, .offset = MEMBER(reservation), .argument = "ID",
	  .help = "add: give this reservation back in the same step", .flags = OPT_NO_CONFIG, .verbs = ADD },
	{ .name = "seed-keys", .kind = OPT_FLAG, .offset = MEMBER(seed_keys),
	  .help = "add, in Redis: add the dollars to costs:DATE and costs:user:USER:DATE too", .verbs = ADD | SETTLE },
	{ .name = "rejects", .kind = OPT_STRING, .offset = MEMBER(rejects), .argument = "FILE",
	  .help = "write records that failed to FILE", .flags = OPT_FILES, .verbs = TOKENS | RECORDS },
	{ .name = "strict", .kind = OPT_FLAG, .offset = MEMBER(strict), .help = "stop at the first bad record",
	  .verbs = TOKENS | RECORDS },
	{ .name = "max-record", .kind = OPT_SIZE, .offset = MEMBER(max_record), .argument = "BYTES",
	  .help = "longest record", .fallback = "64M", .min = 1024, .max = 1073741824, .verbs = TOKENS | RECORDS },
	OPT_END
};
static const struct opt for_report[] = {
	{ .name = "by", .kind = OPT_LIST, .offset = MEMBER(by), .argument = "WHAT",
	  .help = "day, week, month, model, user, project, tool; several with commas", .verbs = REPORT },
	{ .name = "since", .kind = OPT_STRING, .offset = MEMBER(since), .argument = "WHEN",
	  .help = "a day, a time, today, yesterday, 7d or 12h ago", .verbs = REPORT },
	{ .name = "until", .kind = OPT_STRING, .offset = MEMBER(until), .argument = "WHEN",
	  .help = "the same; of a day its end", .verbs = REPORT },
	{ .name = "csv", .kind = OPT_FLAG, .offset = MEMBER(csv), .help = "write comma-separated values",
	  .verbs = REPORT },
	OPT_END
};
static const struct opt for_prices[] = {
	{ .name = "date", .kind = OPT_STRING, .offset = MEMBER(date), .argument = "DAY",
	  .help = "the prices of that day (default: today's)", .verbs = PRICES },
	{ .name = "format", .kind = OPT_CHOICE, .offset = MEMBER(format), .argument = "NAME",
	  .help = "prices import: whose list it is", .fallback = "c1v", .choices = "c1v|litellm|genai-prices",
	  .verbs = PRICES },
	OPT_END
};
static const struct opt for_budget[] = {
	{ .name = "per", .kind = OPT_STRING, .offset = MEMBER(per), .argument = "PERIOD",
	  .help = "of a budget", .choices = "day|week|month|total", .flags = OPT_NO_CONFIG, .verbs = BUDGET },
	{ .name = "estimate", .kind = OPT_STRING, .offset = MEMBER(estimate), .argument = "DOLLARS",
	  .help = "what is going to be spent, at most", .flags = OPT_NO_CONFIG, .verbs = GATE },
	{ .name = "ttl", .kind = OPT_REAL, .offset = MEMBER(ttl), .argument = "SECONDS",
	  .help = "how long a reservation holds", .fallback = "3600", .min = 1, .max = 31536000, .verbs = RESERVE },
	OPT_END
};
static const struct opt common[] = { CLI_OPTIONS(struct settings), OPT_END };

static const struct opt_spec spec = {
	.tool = "c1v-cost",
	.purpose = "count, price, report and limit what models cost",
	.synopsis = "[OPTION]… VERB [ARGUMENT]…",
	.verbs = verbs,
	.tables = (const struct opt *const[]){own, for_tokens, for_records, for_report, for_prices, for_budget, common, NULL},
	.sections = (const char *const[]){"Options", "Options of tokens", "Options of tokens, price, add and settle", "Options of report",
	    "Options of prices", "Options of budget, check and reserve", "Common options"},
	.files = "files",
};

/* --- what the parts share ------------------------------------------------------------ */

int
tool_prices(struct tool *t)
{
	struct err *e = &t->cli->err;
	int rc;

	t->prices = prices_new();
	rc = prices_add_file(t->prices, cli_share(&t->arena, "prices.json"), e);
	for (size_t i = 0; i < t->s->prices.count && rc == 0; i++)
		rc = prices_add_file(t->prices, t->s->prices.items[i], e);
	return rc;
}

int
tool_ledger(struct tool *t, enum ledger_mode mode)
{
	return ledger_open(t->s->ledger, mode, t->s->wait, cli_signal, &t->ledger, &t->cli->err);
}

int
tool_money(struct tool *t, const char *text, const char *what, int64_t *nano)
{
	if (money_parse(slice_of(text), nano, NULL) != 0 || *nano < 0)
		return cli_usage(t->cli, "%s: '%s' is not an amount of dollars, as 5 or 0.12", what, text);
	return 0;
}

/* "7d", "12h" before now. */
static int
ago(const char *text, int64_t now, int64_t *ms)
{
	size_t n = strlen(text);
	int64_t count;

	if (n < 2 || (text[n - 1] != 'd' && text[n - 1] != 'h') ||
	    num_int((struct slice){text, n - 1}, 0, 1000000, &count, "", NULL) != 0)
		return 0;
	*ms = now - count * (text[n - 1] == 'd' ? 86400000 : 3600000);
	return 1;
}

/* The day that is meant, counted from 1970. */
static int
read_day(const struct tool *t, const char *text, int64_t now, int64_t *day)
{
	char noon[40];
	int64_t ms;

	*day = ledger_day(now, t->local);
	if (strcmp(text, "today") == 0)
		return 1;
	if (strcmp(text, "yesterday") == 0) {
		--*day;
		return 1;
	}
	if (strlen(text) != 10)
		return 0;
	snprintf(noon, sizeof(noon), "%sT00:00:00Z", text);
	if (!clock_read(noon, &ms))
		return 0;
	*day = ledger_day(ms, 0);
	return 1;
}

int
tool_moment(struct tool *t, const char *text, const char *what, int end, int64_t *ms)
{
	int64_t now = clock_wall_ms(), day;

	if (read_day(t, text, now, &day)) {
		*ms = ledger_day_start(day + end, t->local);
		return 0;
	}
	if (clock_read(text, ms) || ago(text, now, ms))
		return 0;
	return cli_usage(t->cli, "%s: '%s' is not a day (2026-11-23), a time, today, yesterday, 7d or 12h", what, text);
}

/* --- main ----------------------------------------------------------------------------- */

static int
check_options(struct cli *c, const struct settings *s, int verb)
{
	if (c->args.operand_count > 1 && (1 << verb & (REPORT | GATE)))
		return cli_usage(c, "%s: takes no operands, but there is '%s'", verbs[verb], c->args.operands[1]);
	if (s->json + s->pretty + s->csv > 1)
		return cli_usage(c, "--json, --pretty and --csv exclude each other");
	if (s->encoding != NULL && s->model != NULL)
		return cli_usage(c, "--model and --encoding exclude each other");
	if (s->ids + s->decode + s->chat > 1)
		return cli_usage(c, "--ids, --decode and --chat exclude each other");
	return 0;
}

/* The zone's days become those of the process. */
static int
set_zone(struct tool *t)
{
	const char *zone = t->s->tz;
	struct buf path = {0};
	int known = 1;

	if (strcmp(zone, "UTC") == 0)
		return 0;
	t->local = 1;
	if (strcmp(zone, "local") == 0)
		return 0;
	/* Without its file a name would silently be UTC; a POSIX rule has a digit. */
	buf_format(&path, "/usr/share/zoneinfo/%s", zone);
	if (strpbrk(zone, "0123456789") == NULL || strchr(zone, '/') != NULL)
		known = strstr(zone, "..") == NULL && access(buf_cstr(&path), R_OK) == 0;
	buf_free(&path);
	if (!known)
		return cli_usage(t->cli, "--tz: there is no time zone %s", zone);
	setenv("TZ", zone, 1);
	tzset();
	return 0;
}

int
main(int argc, char **argv)
{
	struct settings s = {0};
	struct cli c;
	struct tool t = {.cli = &c, .s = &s};
	int rc = cli_start(&c, &spec, argc, argv, &s, &s.common), verb;

	if (rc != CLI_GO)
		return rc;
	verb = cli_verb(&c);
	if (verb < 0)
		return cli_finish(&c, c.err.code);
	rc = check_options(&c, &s, verb);
	if (rc == 0)
		rc = set_zone(&t);
	if (!opt_given(&spec, &c.args, MEMBER(type)))
		s.type = -1;
	if (rc == 0) {
		cli_catch_signals();
		t.words = c.args.operands + 1;
		t.word_count = c.args.operand_count - 1;
		t.pretty = s.pretty || (!s.json && !s.csv && isatty(STDOUT_FILENO));
		rc = work[verb](&t);
	}
	bpe_close(t.counter.bpe);
	free(t.counter.ids.items);
	ledger_close(t.ledger);
	prices_free(t.prices);
	arena_free(&t.arena);
	/* "No" is an answer, but says to a person why. */
	if (rc == C1V_NO && c.err.code == C1V_NO)
		log_err(&c.log, &c.err);
	return cli_finish(&c, rc);
}

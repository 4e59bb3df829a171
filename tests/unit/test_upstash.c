/* net_upstash against a scripted server (tests/fake/upstash.c) before a real Redis. */
#include "test.h"

#include "net/redis.h"
#include "redis_server.h"

static struct redis *
open_with(const char *name, double timeout)
{
	struct redis_options o = {.url = name, .connect_timeout = 5, .command_timeout = timeout};
	struct redis *r = NULL;
	struct err e = {0};

	CHECK_INT(redis_open(&o, &r, &e), 0);
	CHECK_STR(e.text, "");
	return r;
}

static struct redis *
served(const char *plan, const char *directive)
{
	serve(plan, directive);
	return open_with(url, 10);
}

static void
end(struct redis *r)
{
	redis_close(r);
	unserve();
}

/* Words to a command. */
static struct redis_command
words(const char *text, struct slice *args)
{
	size_t n = 0;

	for (const char *p = text; *p; p += *p == ' ') {
		args[n] = (struct slice){p, strcspn(p, " ")};
		p += args[n++].n;
	}
	return (struct redis_command){.args = args, .count = n};
}

static void
show(struct buf *b, const struct redis_reply *r)
{
	switch (r->type) {
	case REDIS_NIL: buf_string(b, "nil"); break;
	case REDIS_INTEGER: buf_format(b, "%lld", (long long)r->integer); break;
	case REDIS_STATUS: buf_format(b, "+%.*s", (int)r->text.n, r->text.p); break;
	case REDIS_ERROR: buf_format(b, "-%.*s", (int)r->text.n, r->text.p); break;
	case REDIS_STRING: buf_format(b, "'%.*s'", (int)r->text.n, r->text.p); break;
	case REDIS_ARRAY:
		buf_byte(b, '[');
		for (size_t i = 0; i < r->count; i++) {
			buf_string(b, i ? " " : "");
			show(b, &r->items[i]);
		}
		buf_byte(b, ']');
	}
}

static struct err last;

/* Commands, a line each; their replies as text, or the code in brackets. */
static const char *
run(struct redis *r, const char *text)
{
	static struct buf seen;
	struct slice args[16][12];
	struct redis_command commands[16];
	struct redis_reply replies[16];
	char *copy = mem_string(text);
	size_t n = 0;
	int rc;

	for (char *line = strtok(copy, "\n"); line != NULL; line = strtok(NULL, "\n"), n++)
		commands[n] = words(line, args[n]);
	memset(&last, 0, sizeof(last));
	rc = redis_run(r, commands, n, replies, &last);
	seen.len = 0;
	if (rc != 0)
		buf_format(&seen, "(%d)", rc);
	for (size_t i = 0; i < n && rc == 0; i++) {
		buf_string(&seen, i ? "\n" : "");
		show(&seen, &replies[i]);
	}
	CHECK(strstr(last.text, TOKEN) == NULL && strstr(last.hint, TOKEN) == NULL);
	free(copy);
	return buf_cstr(&seen);
}

static int
run_one(struct redis *r, const struct slice *args, size_t n, struct redis_reply *reply)
{
	struct redis_command c = {.args = args, .count = n, .key = 1};

	memset(&last, 0, sizeof(last));
	return redis_run(r, &c, 1, reply, &last);
}

/* How many requests were made, and the last of them. */
static int
requests(char *line, size_t room)
{
	FILE *f = fopen(in_dir("requests"), "r");
	int n = 0;

	while (f != NULL && fgets(line, (int)room, f) != NULL)
		n++;
	if (f != NULL)
		fclose(f);
	return n;
}

static const char *
logging(void)
{
	static char text[200];

	snprintf(text, sizeof(text), "log=%s", in_dir("requests"));
	return text;
}

/* --- what comes back ------------------------------------------------------------------ */

static void
every_kind_of_reply(struct redis *r)
{
	CHECK_STR(run(r, "FLUSHALL\nSET k v\nGET k\nGET none\nINCR n\nINCRBY n -5\nSET abcd abcd\nGET abcd"),
	    "+OK\n+OK\n'v'\nnil\n1\n-4\n+OK\n'abcd'");
	CHECK_STR(run(r, "RPUSH l a OK c\nLRANGE l 0 -1\nMGET k none abcd\nSET ok OK\nGET ok\nMGET ok"),
	    "3\n['a' 'OK' 'c']\n['v' nil 'abcd']\n+OK\n'OK'\n['OK']");
	CHECK_STR(run(r, "INCR k\nHSET h f 1\nHGETALL h"), "-ERR value is not an integer or out of range\n1\n['f' '1']");
	CHECK_STR(run(r, "EVAL return{1,{2,false,'a'},{}} 0"), "[1 [2 nil 'a'] []]");
	CHECK_STR(run(r, "SCAN 0 MATCH l COUNT 1000"), "['0' ['l']]");
	CHECK_STR(run(r, "NOSUCH x"), "-ERR unknown command 'NOSUCH', with args beginning with: 'x' ");
	CHECK_STR(run(r, "SET u gr\u00fc\u00df\"\\e\nGET u"), "+OK\n'gr\u00fc\u00df\"\\e'");
	CHECK_STR(run(r, "SET k w GET\nPTTL none"), "'v'\n-2");
	CHECK_INT(redis_run(r, NULL, 0, NULL, NULL), 0);
}

TEST(replies_in_base64)
{
	struct redis *r = served("", NULL);
	struct err e = {0};

	every_kind_of_reply(r);
	CHECK_INT(redis_nodes(r, &e), 1);
	CHECK_INT(redis_cluster(r), 0);
	CHECK_STR(redis_name(r), url);
	end(r);
}

TEST(a_server_that_does_not_encode)
{
	struct redis *r = served("", "plain=1");
	const struct slice bytes[] = {SLICE("SET"), SLICE("b"), SLICE("a\xff")}, get[] = {SLICE("MGET"), SLICE("b"), SLICE("k")};
	struct redis_reply reply;

	every_kind_of_reply(r);
	/* What would come as U+FFFD is no value. */
	CHECK_INT(run_one(r, bytes, 3, &reply), 0);
	CHECK_INT(run_one(r, get, 3, &reply), 0);
	CHECK_INT(reply.items[0].type, REDIS_ERROR);
	CHECK_MEM(reply.items[1].text.p, reply.items[1].text.n, "w");
	end(r);
}

TEST(bytes_go_as_a_body)
{
	static const char wild[] = "a b/c?d=e&f%41+\"\\\xc3\xbc";
	struct redis *r = served("", logging());
	struct slice set[] = {SLICE("SET"), slice_of(wild), {"\0\xff\r\nx", 5}, SLICE("PX"), SLICE("60000"), SLICE("NX")};
	const struct slice get[] = {SLICE("GET"), set[1]}, ttl[] = {SLICE("PTTL"), set[1]};
	struct redis_reply reply;
	char line[500];

	run(r, "FLUSHALL");
	CHECK_INT(run_one(r, set, 6, &reply), 0);
	CHECK_INT(reply.type, REDIS_STATUS);
	CHECK_INT(requests(line, sizeof(line)), 2);
	CHECK_STR(line, "/set/a%20b%2Fc%3Fd%3De%26f%2541%2B%22%5C%C3%BC?PX=60000&NX 5 200\n");
	CHECK_INT(run_one(r, get, 2, &reply), 0);
	CHECK_INT(reply.text.n, 5);
	CHECK(reply.text.n == 5 && memcmp(reply.text.p, "\0\xff\r\nx", 5) == 0);
	CHECK_INT(run_one(r, ttl, 2, &reply), 0);
	CHECK(reply.integer > 1000 && reply.integer <= 60000);
	CHECK_INT(run_one(r, set, 6, &reply), 0);
	CHECK_INT(reply.type, REDIS_NIL); /* NX */
	set[4] = SLICE("soon");
	CHECK_INT(run_one(r, set, 6, &reply), 0);
	CHECK_INT(reply.type, REDIS_ERROR);
	CHECK_MEM(reply.text.p, reply.text.n, "ERR value is not an integer or out of range");
	end(r);
}

TEST(bytes_anywhere_else_are_refused)
{
	struct redis *r = served("", logging());
	const struct slice bad = {"\xff", 1};
	const struct slice cases[][5] = {
		{SLICE("GET"), bad}, {SLICE("SET"), bad, SLICE("v")}, {SLICE("SET"), SLICE("k"), bad, SLICE("GET")},
		{SLICE("SET"), SLICE("k"), bad, SLICE("PX")}, {SLICE("SET"), SLICE("k"), bad, SLICE("EX"), bad},
		{SLICE("HSET"), SLICE("k"), SLICE("f"), bad}, {bad}, {SLICE("SET"), bad, bad},
	};
	struct redis_reply reply;
	char line[500];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t n = 0;

		while (n < 5 && cases[i][n].p != NULL)
			n++;
		CHECK_INT(run_one(r, cases[i], n, &reply), C1V_USAGE);
	}
	CHECK_INT(run_one(r, cases[5], 4, &reply), C1V_USAGE);
	CHECK_STR(last.text, "upstash: argument 3 of HSET is not UTF-8 text");
	CHECK_INT(requests(line, sizeof(line)), 0);
	end(r);
}

/* Whatever goes as a body and whatever in a pipeline: as if one after the other. */
TEST(order_is_kept)
{
	enum { ALL = 1500 };
	static struct slice args[ALL][3];
	static char keys[ALL][16], values[ALL][16];
	static struct redis_command commands[ALL];
	static struct redis_reply replies[ALL];
	struct redis *r = served("", NULL);
	struct err e = {0};

	run(r, "FLUSHALL");
	for (size_t i = 0; i < ALL; i++) {
		size_t key = i * 7919 % 40;

		snprintf(keys[i], sizeof(keys[i]), "k%zu", key);
		snprintf(values[i], sizeof(values[i]), "%s%zu", i * i % 5 < 2 ? "\xff" : "t", i);
		args[i][0] = i % 7 < 5 ? SLICE("SET") : SLICE("GET");
		args[i][1] = slice_of(keys[i]);
		args[i][2] = slice_of(values[i]);
		commands[i] = (struct redis_command){.args = args[i], .count = i % 7 < 5 ? 3 : 2, .key = 1};
	}
	CHECK_INT(redis_run(r, commands, ALL, replies, &e), 0);
	for (size_t i = 0; i < ALL; i++) {
		size_t before = i;

		while (before-- > 0 && !(slice_equal(args[before][1], args[i][1]) && before % 7 < 5))
			;
		if (i % 7 < 5)
			CHECK_INT(replies[i].type, REDIS_STATUS);
		else if (before == (size_t)-1)
			CHECK_INT(replies[i].type, REDIS_NIL);
		else
			CHECK_MEM(replies[i].text.p, replies[i].text.n, values[before]);
	}
	end(r);
}

TEST(large_runs_are_split)
{
	enum { ALL = 5000, LONG = 3 << 20 };
	static struct redis_command commands[ALL];
	static struct redis_reply replies[ALL];
	struct slice args[2] = {SLICE("INCR"), SLICE("n")}, set[3] = {SLICE("SET"), SLICE("long")}, get[2];
	struct redis *r = served("", logging());
	char *text = mem_alloc(LONG), line[500];
	struct err e = {0};

	memset(text, 'x', LONG);
	set[2] = (struct slice){text, LONG};
	run(r, "FLUSHALL");
	for (size_t i = 0; i < ALL; i++)
		commands[i] = (struct redis_command){.args = args, .count = 2, .key = 1};
	CHECK_INT(redis_run(r, commands, ALL, replies, &e), 0);
	CHECK_INT(replies[ALL - 1].integer, ALL);
	CHECK_INT(requests(line, sizeof(line)), 3);
	for (size_t i = 0; i < 5; i++)
		commands[i] = (struct redis_command){.args = set, .count = 3, .key = 1};
	CHECK_INT(redis_run(r, commands, 5, replies, &e), 0);
	CHECK_INT(requests(line, sizeof(line)), 6); /* two of them below 8 MiB, twice, and one */
	get[0] = SLICE("GET");
	get[1] = SLICE("long");
	CHECK_INT(run_one(r, get, 2, replies), 0);
	CHECK_INT(replies[0].text.n, LONG);
	free(text);
	end(r);
}

/* --- what goes wrong ------------------------------------------------------------------- */

TEST(statuses)
{
	struct redis *r = served("status=401\nstatus=403\nstatus=429\nstatus=500\nstatus=503\nstatus=302\nstatus=404\n"
	    "status=400 message=ERR_bad\nstatus=400 message=ERR_bad\n"
	    "status=400 message=ERR_max_requests_limit_exceeded.\nstatus=400 message=" TOKEN "\n"
	    "fault=object\nstatus=200\n", NULL);

	CHECK_STR(run(r, "GET k"), "(77)");
	CHECK_STR(run(r, "GET k"), "(77)");
	CHECK_STR(run(r, "GET k"), "(75)");
	CHECK_STR(run(r, "GET k"), "(75)");
	CHECK_STR(run(r, "GET k"), "(75)");
	CHECK_STR(run(r, "GET k"), "(76)");
	CHECK_STR(run(r, "GET k"), "(76)");
	CHECK_STR(run(r, "GET k"), "-ERR bad");
	CHECK_STR(run(r, "GET k\nGET k"), "(76)");
	CHECK(strstr(last.text, "HTTP 400: ERR bad") != NULL);
	CHECK_STR(run(r, "GET k"), "(75)");
	CHECK_STR(run(r, "GET k"), "(76)"); /* its words are the token */
	CHECK_STR(run(r, "GET k"), "(76)");
	CHECK_STR(run(r, "SET k v\nGET k"), "+OK\n'v'");
	end(r);
}

TEST(nonsense)
{
	static const char *const faults[] = {"html", "empty", "shape", "few", "more", "echo"};
	char plan[40];

	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
		struct redis *r;

		snprintf(plan, sizeof(plan), "fault=%s\n", faults[i]);
		r = served(plan, NULL);
		CHECK_STR(run(r, "GET k\nGET k\nGET k"), "(76)");
		CHECK_STR(run(r, "SET k v\nGET k"), "+OK\n'v'");
		end(r);
	}
}

/* What a server may answer to SET and GET, and what comes of it. */
TEST(any_answer)
{
#define PROBE "{\"result\":\"aXMgdGhpcyBiYXNlNjQ/\"}"
	static const struct {
		const char *commands, *answer, *want;
	} cases[] = {
		{"SET k v", "[{\"result\":\"text\"}]", "(76)"},
		{"GET k", "[" PROBE ",{\"result\":\"not base64!\"}]", "(76)"},
		{"GET k", "[" PROBE ",{\"result\":[1.5,true,false,-3,null,\"OK\",\"\"]}]", "['1.5' 1 0 -3 nil +OK '']"},
		{"GET k", "[" PROBE ",{\"result\":[1,{}]}]", "(76)"},
		{"GET k", "[" PROBE ",{}]", "(76)"},
		{"GET k", "[" PROBE ",7]", "(76)"},
		{"GET k", "[" PROBE ",{\"error\":7}]", "(76)"},
		{"GET k", "[7," PROBE "]", "(76)"},
		{"GET k", "[{\"error\":\"NOPERM no\"},{\"result\":1}]", "(77)"},
		{"GET k", "[{\"result\":null},{\"result\":1}]", "(76)"},
		{"GET k", " [ " PROBE " , { \"other\" : 1 , \"result\" : \"\\u0064g==\" } ] \n", "'v'"},
		{"GET k", "7", "(76)"},
		{"GET k", "[" PROBE ",{\"result\":1}", "(76)"},
	};
	char directive[200];

	snprintf(directive, sizeof(directive), "body=%s", in_dir("body"));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct redis *r = served("", directive);
		FILE *f = fopen(in_dir("body"), "w");

		fputs(cases[i].answer, f);
		fclose(f);
		CHECK_STR(run(r, cases[i].commands), cases[i].want);
		end(r);
	}
}

/* Small as text, large as replies. */
TEST(too_many_values_are_refused)
{
	static const char *const values[] = {"0,", "[0],"};
	char directive[200];

	snprintf(directive, sizeof(directive), "body=%s", in_dir("body"));
	for (size_t k = 0; k < 2; k++) {
		struct redis *r = served("", directive);
		FILE *f = fopen(in_dir("body"), "w");

		fputs("[" PROBE ",{\"result\":[", f);
		for (size_t i = 0; i < (k ? 2500000 : 4300000); i++)
			fputs(values[k], f);
		fputs("0]}]", f);
		fclose(f);
		CHECK_STR(run(r, "GET k"), "(76)");
		CHECK(strstr(last.text, "too many values") != NULL);
		end(r);
	}
}

static int
cut_at(int bytes)
{
	struct redis *r;
	char plan[40];
	int rc;

	snprintf(plan, sizeof(plan), "fault=reset:%d\n", bytes);
	r = served(plan, NULL);
	rc = strcmp(run(r, "SET k v\nGET k"), "+OK\n'v'") == 0 ? 0 : last.code;
	/* Where the answer was whole, the connection may break only now. */
	if (rc != 0)
		CHECK_STR(run(r, "SET k v\nGET k"), "+OK\n'v'");
	end(r);
	return rc;
}

TEST(cut_at_any_byte)
{
	/* 70 bytes of head, 69 of answers. */
	for (int at = 0; at < 139; at += at < 126 ? 7 : 1)
		CHECK_INT(cut_at(at), C1V_AGAIN);
	CHECK_INT(cut_at(1000), 0);
}

/* A kept connection that breaks is no reason to do it again. */
TEST(nothing_is_carried_out_twice)
{
	struct redis *r = served("\nfault=reset:0\n", NULL);

	CHECK_STR(run(r, "SET n 1"), "+OK");
	CHECK_STR(run(r, "INCR n"), "(75)");
	CHECK_STR(run(r, "GET n"), "'2'");
	end(r);
}

TEST(a_length_that_is_not_kept)
{
	struct redis *r = served("fault=cut\n", NULL);

	CHECK_STR(run(r, "GET k"), "(75)");
	end(r);
}

TEST(nothing_waits_for_ever)
{
	struct redis *r;
	int64_t begun;

	serve("\nfault=drip\n", NULL);
	r = open_with(url, 0.2);
	CHECK_STR(run(r, "SET k v"), "+OK");
	CHECK_STR(run(r, "SET k v"), "+OK"); /* slow, but it comes */
	end(r);
	serve("fault=hang\n", NULL);
	r = open_with(url, 0.2);
	begun = clock_mono_ns();
	CHECK_STR(run(r, "SET k v"), "(75)");
	CHECK(strstr(last.text, "no answer in time") != NULL);
	/* What came late is nobody's answer. */
	CHECK_STR(run(r, "ECHO mine"), "'mine'");
	CHECK(clock_seconds_since(begun) < 30);
	end(r);
}

static int
enough(void)
{
	return 1;
}

TEST(a_signal_ends_the_waiting)
{
	struct redis_options o = {.url = url, .command_timeout = 30, .stop = enough};
	struct redis *r = NULL;
	struct err e = {0};

	serve("fault=hang\n", NULL);
	CHECK_INT(redis_open(&o, &r, &e), 0);
	CHECK_STR(run(r, "GET k"), "(75)");
	CHECK(strstr(last.text, "interrupted") != NULL);
	end(r);
}

TEST(nobody_there)
{
	struct redis *r = open_with("upstash:http://127.0.0.1:1", 1);

	CHECK_STR(run(r, "GET k"), "(75)");
	redis_close(r);
}

TEST(forbidden_addresses)
{
	static const char *const urls[] = {"upstash:http://169.254.169.254", "upstash:http://10.0.0.1"};

	setenv("UPSTASH_REDIS_REST_TOKEN", TOKEN, 1);
	for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
		struct redis_options o = {.url = urls[i], .connect_timeout = 5, .command_timeout = 1};
		struct redis *r = NULL;

		if (redis_open(&o, &r, &last) == 0)
			CHECK_STR(run(r, "GET k"), "(78)");
		CHECK_INT(last.code, C1V_CONFIG);
		redis_close(r);
	}
}

/* --- URL and token ------------------------------------------------------------------------ */

static int
opens(const char *name)
{
	struct redis_options o = {.url = name};
	struct redis *r = NULL;
	int rc;

	memset(&last, 0, sizeof(last));
	rc = redis_open(&o, &r, &last);
	if (rc == 0)
		CHECK_STR(redis_name(r), "upstash:https://x.upstash.io");
	redis_close(r);
	CHECK(strstr(last.text, "secret") == NULL && strstr(last.hint, "secret") == NULL);
	return rc;
}

TEST(url_and_token_come_from_the_environment)
{
	static const char *const wrong[] = {"upstash:ftp://x", "upstash:x.upstash.io", "upstash:https://", "upstash:https:///x",
	    "upstash:https://u:secret@x", "upstash:https://x?_token=secret", "upstash:https://x#y", "upstash:https://x y",
	    "upstash:https://[::1"};

	CHECK_INT(opens("upstash:https://x.upstash.io/"), 0);
	CHECK_INT(opens("UPSTASH:https://x.upstash.io"), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		CHECK_INT(opens(wrong[i]), C1V_USAGE);
	CHECK_INT(opens("upstash:"), C1V_CONFIG);
	CHECK_STR(last.text, "upstash: there is no REST URL");
	setenv("KV_REST_API_URL", "https://x.upstash.io", 1);
	CHECK_INT(opens("upstash:"), 0);
	setenv("UPSTASH_REDIS_REST_URL", "rediss://u:secret@x", 1);
	CHECK_INT(opens("upstash:"), C1V_CONFIG);
	setenv("UPSTASH_REDIS_REST_URL", "https://x.upstash.io", 1);
	CHECK_INT(opens("upstash:"), 0);
	unsetenv("UPSTASH_REDIS_REST_TOKEN");
	CHECK_INT(opens("upstash:"), C1V_CONFIG);
	setenv("KV_REST_API_TOKEN", "secret", 1);
	CHECK_INT(opens("upstash:"), 0);
	setenv("KV_REST_API_TOKEN", "secret\r\nX: y", 1);
	CHECK_INT(opens("upstash:"), C1V_CONFIG);
}

int
main(void)
{
	int skipped, rc = begin_redis(&skipped);

	if (rc != 0 || skipped)
		return rc;
	rc = test_run();
	return end_redis() || rc;
}

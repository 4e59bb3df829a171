/* redis: the door to a Redis server: schemes, slots, refusals; what net_redis makes of a URL. */
#include <stdlib.h>

#include "net/redis.h"
#include "net/redis_driver.h"
#include "test.h"

TEST(schemes)
{
	CHECK(redis_url("redis://h"));
	CHECK(redis_url("rediss://h"));
	CHECK(redis_url("REDIS://h"));
	CHECK(redis_url("unix:///s"));
	CHECK(redis_url("upstash:"));
	CHECK(!redis_url("redi://h"));
	CHECK(!redis_url("redissx://h"));
	CHECK(!redis_url("sqlite:x"));
	CHECK(!redis_url("/redis"));
	CHECK(!redis_url(""));
}

TEST(slots)
{
	/* As CLUSTER KEYSLOT says. */
	CHECK_INT(redis_slot(SLICE("123456789")), 12739);
	CHECK_INT(redis_slot(SLICE("foo")), 12182);
	CHECK_INT(redis_slot(SLICE("a")), 15495);
	CHECK_INT(redis_slot(SLICE("")), 0);
	CHECK_INT(redis_slot(SLICE("{foo}bar")), 12182);
	CHECK_INT(redis_slot(SLICE("x{foo}{a}")), 12182);
	CHECK_INT(redis_slot(SLICE("{{foo}}")), redis_slot(SLICE("{foo")));
	CHECK_INT(redis_slot(SLICE("x{}{foo}")), 9729);
	CHECK_INT(redis_slot(SLICE("x{foo")), 11351);
	CHECK_INT(redis_slot(SLICE("\x00\xff")), 7920);
}

static int
refusal(const char *text, struct err *e)
{
	static char name[] = "redis://h:1/0";
	struct redis r = {.name = name};
	struct redis_reply reply = {.type = REDIS_ERROR, .text = slice_of(text)};

	return redis_refusal(&r, &reply, e);
}

TEST(refusals)
{
	static const char *const again[] = {
		"LOADING Redis is loading the dataset in memory", "OOM command not allowed", "READONLY You can't write",
		"BUSY Redis is busy", "CLUSTERDOWN The cluster is down", "MASTERDOWN Link with MASTER is down", "TRYAGAIN Multiple keys",
		"MISCONF x", "NOREPLICAS x", "ERR max number of clients reached", "TRYAGAIN"
	};
	static const char *const never[] = {
		"NOAUTH Authentication required.", "WRONGPASS invalid", "NOPERM User", "DENIED Redis is running in protected mode",
		"ERR invalid password"
	};
	static const char *const else_[] = {"ERR unknown command", "WRONGTYPE Operation", "BUSYGROUP x", "", "OOMPH"};
	struct err e;
	char text[1001];

	for (size_t i = 0; i < sizeof(again) / sizeof(*again); i++)
		CHECK_INT(refusal(again[i], &e), C1V_AGAIN);
	for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++)
		CHECK_INT(refusal(never[i], &e), C1V_CREDENTIALS);
	for (size_t i = 0; i < sizeof(else_) / sizeof(*else_); i++)
		CHECK_INT(refusal(else_[i], &e), C1V_PROTOCOL);
	refusal("OOM full", &e);
	CHECK_STR(e.text, "redis://h:1/0: OOM full");
	memset(text, 'x', 1000);
	text[1000] = '\0';
	refusal(text, &e);
	CHECK_INT(strlen(e.text), strlen("redis://h:1/0: ") + 200);
}

/* A driver of this test's own: what redis.c adds. */
static int ran;

static int
count_run(struct redis *r, const struct redis_command *commands, size_t n, struct redis_reply *replies, struct err *e)
{
	(void)r, (void)commands, (void)n, (void)replies, (void)e;
	ran++;
	return 0;
}

static size_t
five(struct redis *r, struct err *e)
{
	(void)r, (void)e;
	return 5;
}

static void
let_go(struct redis *r)
{
	free(r);
}

TEST(doors)
{
	static const struct redis_driver driver = {.run = count_run, .nodes = five, .close = let_go};
	struct redis *r = calloc(1, sizeof(*r));
	struct err e;

	r->driver = &driver;
	r->cluster = 1;
	r->name = mem_string("name");
	CHECK_INT(redis_run(r, NULL, 0, NULL, &e), 0);
	CHECK_INT(ran, 0);
	CHECK_INT(redis_run(r, NULL, 1, NULL, &e), 0);
	CHECK_INT(ran, 1);
	CHECK_INT(redis_nodes(r, &e), 5);
	CHECK_INT(redis_cluster(r), 1);
	CHECK_STR(redis_name(r), "name");
	redis_close(r);
	redis_close(NULL);
}

TEST(opening)
{
	struct redis_options o = {.url = "http://h"};
	struct redis *r = NULL;
	struct err e;

	setenv("C1V_LIB", "/nowhere", 1);
	CHECK_INT(redis_open(&o, &r, &e), C1V_USAGE);
	CHECK(r == NULL);
	o.url = "redis://h";
	CHECK_INT(redis_open(&o, &r, &e), C1V_CONFIG);
	CHECK_STR(e.text, "net_redis.so: not found");
}

int
main(void)
{
	return test_run();
}

/* test: a unit test harness that fits a screen. Each TEST registers itself;
 * test_run() runs them in order and prints TAP. */
#ifndef C1V_TEST_H
#define C1V_TEST_H

#include <stdio.h>
#include <string.h>

struct test {
	const char *name;
	void (*run)(void);
	struct test *next;
};

static struct test *test_first, **test_last = &test_first;
static int test_failures; /* of the running test */

#define TEST(NAME)                                                             \
	static void test_##NAME(void);                                         \
	static struct test test_entry_##NAME = {#NAME, test_##NAME, NULL};     \
	__attribute__((constructor)) static void test_add_##NAME(void)         \
	{                                                                      \
		*test_last = &test_entry_##NAME;                               \
		test_last = &test_entry_##NAME.next;                           \
	}                                                                      \
	static void test_##NAME(void)

#define CHECK(cond)                                                            \
	do {                                                                   \
		if (!(cond)) {                                                 \
			printf("# %s:%d: not true: %s\n", __FILE__, __LINE__, #cond); \
			test_failures++;                                       \
		}                                                              \
	} while (0)

#define CHECK_INT(a, b)                                                        \
	do {                                                                   \
		long long a_ = (long long)(a), b_ = (long long)(b);            \
		if (a_ != b_) {                                                \
			printf("# %s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #a, a_, b_); \
			test_failures++;                                       \
		}                                                              \
	} while (0)

#define CHECK_MEM(p, n, s)                                                     \
	do {                                                                   \
		const char *p_ = (p), *s_ = (s);                               \
		size_t n_ = (n);                                               \
		if (n_ != strlen(s_) || (n_ && memcmp(p_, s_, n_) != 0)) {     \
			printf("# %s:%d: %s is \"%.*s\", not \"%s\"\n", __FILE__, __LINE__, #p, (int)n_, p_ ? p_ : "", s_); \
			test_failures++;                                       \
		}                                                              \
	} while (0)

#define CHECK_STR(a, b)                                                        \
	do {                                                                   \
		const char *v_ = (a);                                          \
		CHECK_MEM(v_, v_ ? strlen(v_) : 0, b);                         \
	} while (0)

static int
test_run(void)
{
	int count = 0, failed = 0;

	for (struct test *t = test_first; t != NULL; t = t->next) {
		test_failures = 0;
		t->run();
		count++;
		failed += test_failures != 0;
		printf("%sok %d - %s\n", test_failures ? "not " : "", count, t->name);
	}
	printf("1..%d\n", count);
	return failed != 0;
}

#endif

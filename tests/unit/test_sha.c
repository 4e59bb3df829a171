#include "test.h"

#include "base/sha.h"

static const char *
hex_of(struct slice s)
{
	static char out[2 * SHA_SIZE + 1];
	uint8_t sum[SHA_SIZE];

	sha_of(s, sum);
	sha_hex(sum, out);
	return out;
}

/* The examples of FIPS 180-4. */
TEST(known_sums)
{
	CHECK_STR(hex_of(SLICE("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	CHECK_STR(hex_of(SLICE_NONE), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	CHECK_STR(hex_of(SLICE("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	CHECK_STR(hex_of(SLICE("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
	    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static const char *
hex_of_fields(struct slice a, struct slice b)
{
	static char out[4][2 * SHA_SIZE + 1];
	static unsigned next;
	uint8_t sum[SHA_SIZE];
	struct sha h;

	sha_start(&h);
	sha_field(&h, a);
	sha_field(&h, b);
	sha_end(&h, sum);
	next = (next + 1) % 4;
	sha_hex(sum, out[next]);
	return out[next];
}

TEST(fields_do_not_run_together)
{
	CHECK(strcmp(hex_of_fields(SLICE("ab"), SLICE("c")), hex_of_fields(SLICE("a"), SLICE("bc"))) != 0);
	CHECK(strcmp(hex_of_fields(SLICE(""), SLICE("c")), hex_of_fields(SLICE_NONE, SLICE("c"))) != 0);
	CHECK(strcmp(hex_of_fields(SLICE("c"), SLICE("")), hex_of_fields(SLICE(""), SLICE("c"))) != 0);
	CHECK_STR(hex_of_fields(SLICE("ab"), SLICE("c")), hex_of_fields(SLICE("ab"), SLICE("c")));
}

TEST(fields_are_hashed_with_their_length)
{
	CHECK_STR(hex_of_fields(SLICE("ab"), SLICE_NONE),
	    hex_of((struct slice){"\2\0\0\0\0\0\0\0ab\377\377\377\377\377\377\377\377", 18}));
}

int
main(void)
{
	return test_run();
}

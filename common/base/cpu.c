#include "base/cpu.h"

#ifdef __x86_64__

#ifdef __has_include
#if __has_include(<sys/platform/x86.h>)
#include <sys/platform/x86.h>
#endif
#endif

#ifdef CPU_FEATURE_ACTIVE
#define HAS(bit, name) CPU_FEATURE_ACTIVE(bit)
#else
#define HAS(bit, name) __builtin_cpu_supports(name)
#endif

static const unsigned ASKED = 1u << 31;

static unsigned
ask(void)
{
	unsigned avx2 = HAS(AVX2, "avx2") && HAS(POPCNT, "popcnt");
	unsigned avx512 = HAS(AVX512F, "avx512f") && HAS(AVX512BW, "avx512bw");

	return ASKED | (unsigned)(HAS(SSSE3, "ssse3") != 0) << CPU_SSSE3 | avx2 << CPU_AVX2 | avx512 << CPU_AVX512 |
	    (unsigned)(HAS(AVX512_VNNI, "avx512vnni") != 0) << CPU_VNNI;
}

/* Kept, for this is asked for every long string. Threads that race here find the
 * same. */
int
cpu_has(enum cpu_feature feature)
{
	static unsigned known;
	unsigned features = __atomic_load_n(&known, __ATOMIC_RELAXED);

	if (features == 0) {
		features = ask();
		__atomic_store_n(&known, features, __ATOMIC_RELAXED);
	}
	return features >> feature & 1;
}

#else

int
cpu_has(enum cpu_feature feature)
{
	(void)feature;
	return 0;
}

#endif

/* cpu: what the processor can do, asked when the program runs.
 *
 * glibc asked the processor when the program was loaded, and its answer is taken
 * (GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2 turns a feature off). Asking again would
 * cost every start, most of all in a virtual machine, where it traps: so nothing
 * else in the sources calls __builtin_cpu_supports(). */
#ifndef C1V_BASE_CPU_H
#define C1V_BASE_CPU_H

enum cpu_feature {
	CPU_SSSE3,
	CPU_AVX2,   /* with POPCNT */
	CPU_AVX512, /* F and BW */
	CPU_VNNI    /* of AVX-512 */
};

/* Can instructions of this kind run here? 0 on what is no x86-64. */
int cpu_has(enum cpu_feature feature);

#endif

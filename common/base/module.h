/* module: parts that are loaded only when they are asked for.
 *
 * Linking a large library costs start-up time even when it is not used, so
 * drivers that need one are shared objects: lib/c1v/NAME.so beside bin/, else
 * in the prefix that was compiled in; $C1V_LIB names another directory. */
#ifndef C1V_BASE_MODULE_H
#define C1V_BASE_MODULE_H

#include "base/err.h"

/* The version that modules and tools must share. */
#define C1V_VERSION "1.0.0"

/* A module defines, with C1V_MODULE, what it gives and the version it was made for:
 *     C1V_MODULE(struct store_driver, store_postgres) = { … }; */
#define C1V_MODULE(type, name)                                                               \
	extern const char c1v_module_version[];                                              \
	extern const type c1v_module_##name;                                                 \
	__attribute__((visibility("default"))) const char c1v_module_version[] = C1V_VERSION; \
	__attribute__((visibility("default"))) const type c1v_module_##name

/* What the module NAME gives, loaded on first use and kept until the process
 * ends. NULL: C1V_CONFIG, e says what is missing and which package may have it. */
const void *module_load(const char *name, struct err *e);

#endif

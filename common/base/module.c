#include "base/module.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef C1V_LIB_DIR
#define C1V_LIB_DIR "/usr/local/lib/c1v"
#endif

enum { PATH_BYTES = 4096 };

static int
readable(char *path, const char *dir, const char *between, const char *name)
{
	int n = snprintf(path, PATH_BYTES, "%s%s/%s.so", dir, between, name);

	return n < PATH_BYTES && access(path, R_OK) == 0;
}

/* The directory above the executable's, or "". */
static void
find_prefix(char *out)
{
	ssize_t n = readlink("/proc/self/exe", out, PATH_BYTES - 1);

	out[n > 0 ? n : 0] = '\0';
	for (int up = 0; up < 2; up++) {
		char *slash = strrchr(out, '/');
		*(slash ? slash : out) = '\0';
	}
}

static int
find(const char *name, char *path, struct err *e)
{
	const char *named = getenv("C1V_LIB");
	char prefix[PATH_BYTES];

	find_prefix(prefix);
	if (named != NULL && *named != '\0') {
		if (readable(path, named, "", name))
			return 0;
	} else if ((*prefix && readable(path, prefix, "/lib/c1v", name)) || readable(path, C1V_LIB_DIR, "", name)) {
		return 0;
	}
	err_set(e, C1V_CONFIG, "%s.so: not found", name);
	return err_hint(e, "it belongs into %s; `make install` puts it there",
	    named != NULL && *named != '\0' ? named : C1V_LIB_DIR);
}

const void *
module_load(const char *name, struct err *e)
{
	char path[PATH_BYTES], symbol[80];
	const char *version;
	const void *module;
	void *handle;

	if (find(name, path, e) != 0)
		return NULL;
	/* Its own symbols are looked up at once (-z now), those of its libraries when they are used. */
	handle = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
	if (handle == NULL) {
		err_set(e, C1V_CONFIG, "loading a driver: %s", dlerror());
		return NULL;
	}
	snprintf(symbol, sizeof(symbol), "c1v_module_%s", name);
	version = dlsym(handle, "c1v_module_version");
	module = dlsym(handle, symbol);
	if (version == NULL || module == NULL || strcmp(version, C1V_VERSION) != 0) {
		err_set(e, C1V_CONFIG, "%s: is of version %.20s, this tool of " C1V_VERSION, path,
		    version ? version : "unknown");
		err_hint(e, "install both from the same source");
		return NULL;
	}
	return module;
}

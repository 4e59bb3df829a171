/* plan: what is to become of a request, as directives "name=value" (see http.c). */
#ifndef C1V_FAKE_PLAN_H
#define C1V_FAKE_PLAN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct plan {
	int status, latency, dims, arrays, nobase64, noid, echo, at, hold, most, limit, quota, window, shut;
	size_t tokens;
	char header[300], body[200], fault[40], wire[40], code[40], message[300];
};

static int
plan_is(const char *have, const char *name)
{
	return strcmp(have, name) == 0;
}

/* One word of a plan; it is written into. 1: it is none of a plan. */
static int
plan_word(struct plan *p, char *word)
{
	const struct { const char *name; int *at; } numbers[] = {
		{"status", &p->status}, {"latency", &p->latency}, {"dims", &p->dims}, {"arrays", &p->arrays},
		{"nobase64", &p->nobase64}, {"noid", &p->noid}, {"echo", &p->echo}, {"at", &p->at},
		{"hold", &p->hold}, {"most", &p->most}, {"limit", &p->limit}, {"quota", &p->quota},
		{"window", &p->window}, {"shut", &p->shut}
	};
	const struct { const char *name; char *at; size_t room; } texts[] = {
		{"body", p->body, sizeof(p->body)}, {"fault", p->fault, sizeof(p->fault)},
		{"wire", p->wire, sizeof(p->wire)}, {"code", p->code, sizeof(p->code)},
		{"message", p->message, sizeof(p->message)}
	};
	char *value = strchr(word, '=');

	if (value == NULL)
		return 1;
	*value++ = '\0';
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (plan_is(word, numbers[i].name)) {
			*numbers[i].at = atoi(value);
			return 0;
		}
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (plan_is(word, texts[i].name)) {
			snprintf(texts[i].at, texts[i].room, "%s", value);
			return 0;
		}
	}
	if (plan_is(word, "tokens")) {
		p->tokens = (size_t)atoi(value);
	} else if (plan_is(word, "header")) { /* several, and ~ for a space */
		size_t n = strlen(p->header);

		snprintf(p->header + n, sizeof(p->header) - n, "%s\r\n", value);
		for (char *c = p->header + n; *c; c++)
			if (*c == '~')
				*c = ' ';
	} else {
		value[-1] = '=';
		return 1;
	}
	return 0;
}

/* The plans of a file, a line for each request, on top of what is always so. A line that begins
 * with "rest" is for all requests behind the last. */
static inline struct plan *
plan_file(const char *path, struct plan *rest, size_t *count)
{
	FILE *f = fopen(path, "r");
	struct plan *all = NULL;
	char line[1024], *state;

	*count = 0;
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		struct plan p = *rest;
		int last = strncmp(line, "rest", 4) == 0;

		for (char *w = strtok_r(line, " \n", &state); w != NULL; w = strtok_r(NULL, " \n", &state))
			plan_word(&p, w);
		if (last) {
			*rest = p;
			continue;
		}
		all = realloc(all, (*count + 1) * sizeof(*all));
		all[(*count)++] = p;
	}
	if (f != NULL)
		fclose(f);
	return all;
}

#endif

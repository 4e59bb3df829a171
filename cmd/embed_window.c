#include "embed_window.h"

#include <stdlib.h>

enum { WINDOW_LINES = 512, WINDOW_BYTES = 1 << 20 };

struct window {
	struct line lines[WINDOW_LINES];
	struct slice texts[WINDOW_LINES]; /* of those that wait for a vector */
	size_t which[WINDOW_LINES];       /* of the texts, or WINDOW_LINES */
	const float *found[WINDOW_LINES];
	size_t count, bytes;
	struct arena arena;
	float *vectors;                   /* copies of what was found */
	size_t room;
};

struct window *
window_new(void)
{
	return mem_zero(1, sizeof(struct window));
}

void
window_free(struct window *w)
{
	if (w == NULL)
		return;
	arena_free(&w->arena);
	free(w->vectors);
	free(w);
}

/* Look the texts up; what is found is copied, for the model is asked other things before it is used. */
static void
look_up(struct window *w, struct batch *b)
{
	size_t n = 0, dims, at = 0;

	for (size_t i = 0; i < w->count; i++) {
		w->which[i] = WINDOW_LINES;
		if (!w->lines[i].too_long && batch_text(b, w->lines[i].text, &w->arena, &w->texts[n]))
			w->which[i] = n++;
	}
	if (n == 0 || embed_recall(b->model, b->role, w->texts, n, w->found) == 0) {
		for (size_t i = 0; i < n; i++)
			w->found[i] = NULL;
		return;
	}
	dims = embed_dims(b->model);
	mem_grow(&w->vectors, &w->room, n * dims, sizeof(*w->vectors));
	for (size_t i = 0; i < n; i++) {
		if (w->found[i] != NULL)
			w->found[i] = memcpy(w->vectors + dims * at++, w->found[i], dims * sizeof(*w->vectors));
	}
}

int
window_flush(struct window *w, struct batch *b, struct err *e)
{
	int rc = 0;

	if (w->count == 0)
		return 0;
	look_up(w, b);
	for (size_t i = 0; i < w->count && rc == 0; i++)
		rc = batch_take(b, &w->lines[i], w->which[i] < WINDOW_LINES ? w->found[w->which[i]] : NULL, e);
	w->count = w->bytes = 0;
	arena_reset(&w->arena);
	return rc;
}

int
window_line(struct window *w, struct batch *b, const struct line *line, struct err *e)
{
	struct line *to = &w->lines[w->count++];

	*to = *line;
	to->text = (struct slice){arena_bytes(&w->arena, line->text.p, line->text.n), line->text.n};
	w->bytes += line->text.n;
	return w->count == WINDOW_LINES || w->bytes >= WINDOW_BYTES ? window_flush(w, b, e) : 0;
}
